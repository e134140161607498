//! Hosts: which names AWS answers its APIs on, and where the requests of an operation go.
//!
//! A name below `amazonaws.com` proves nothing: anyone can own a load balancer, an API gateway or
//! a function URL there. Only names that are in the table match, with a known region in the place
//! of the region and only such labels before them as the service itself puts there.

use super::{
    Catalog, Operation, Service,
    layout::{self, host_prefix},
};
use crate::arn::AccountId;
use crate::endpoint::HostForm;

/// A host that AWS answers an API on, taken apart.
#[derive(Debug, Clone, Copy)]
pub struct HostMatch<'h> {
    catalog: &'static Catalog,
    /// The partition: `aws-cn`.
    pub partition: &'static str,
    /// The region that the name holds, if it holds one.
    pub region: Option<&'h str>,
    /// The region that the endpoint serves where its name holds none: `us-east-1` for
    /// `iam.amazonaws.com`. Empty where any region may be signed for (S3's global name).
    pub implied_region: &'static str,
    /// Which form of endpoint it is.
    pub form: HostForm,
    /// The endpoint without region and marks: `s3`, `email`, `api.ecr`.
    pub endpoint: &'static str,
    /// What stands before the endpoint, without the joining dot: a bucket, an account id, the
    /// fixed host prefix of an operation; empty for nothing.
    pub prefix: &'h str,
    first: u32,
    count: u16,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The host, without the operation's host prefix and without a bucket.
    pub host: String,
    /// The region to sign with.
    pub signing_region: String,
    /// The service name to sign with.
    pub signing_name: &'static str,
}

/// One row of the table of hosts: a name, or a pattern of names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPattern {
    /// The partition: `aws-cn`.
    pub partition: &'static str,
    /// The host, with `{region}`, `{zone}` and what may stand before it (`{account}.`,
    /// `{label}.`, `{bucket}.`) in braces.
    pub host: String,
    /// Which form of endpoint it is.
    pub form: HostForm,
}

/// A partition of botocore's `partitions.json`.
#[derive(Debug, Clone, Copy)]
pub struct PartitionEntry {
    catalog: &'static Catalog,
    index: u32,
}

impl Catalog {
    /// Takes `host` (lower case, no port, no trailing dot) apart, if AWS answers an API there.
    #[must_use]
    pub fn host<'h>(&'static self, host: &'h str) -> Option<HostMatch<'h>> {
        let starts = std::iter::once(0).chain(host.match_indices('.').map(|(at, _)| at + 1));
        // A bucket may have dots in its name. The longest known host wins, so that no bucket can
        // be named so as to make a host mean less than it says.
        starts.take(MOST_LABELS).find_map(|start| {
            let (before, core) = host.split_at_checked(start)?;
            self.host_after(before.strip_suffix('.').unwrap_or(before), core)
        })
    }

    /// Matches `core` with nothing, or with a fixed word or an allowed label, before it.
    fn host_after<'h>(&'static self, before: &'h str, core: &'h str) -> Option<HostMatch<'h>> {
        if let Some(found) = self.host_row(before, core, core, None) {
            return Some(found);
        }
        for (start, end) in regions(core) {
            let region = core.get(start..end)?;
            let Some(partition) = self.partition_of(region) else {
                continue;
            };
            let pattern = [core.get(..start)?, "{region}", core.get(end..)?].concat();
            let pattern = without_open_part(pattern);
            if let Some(found) = self.host_row(before, core, &pattern, Some((region, partition))) {
                return Some(found);
            }
        }
        None
    }

    fn host_row<'h>(
        &'static self,
        before: &'h str,
        core: &'h str,
        pattern: &str,
        region: Option<(&'h str, u32)>,
    ) -> Option<HostMatch<'h>> {
        let start = self
            .hosts
            .partition_point(|row| self.text(row.host) < pattern);
        self.hosts
            .run(start, move |row| self.text(row.host) == pattern)
            .filter(|row| region.is_none_or(|(_, partition)| u32::from(row.partition) == partition))
            .find_map(|row| {
                let prefix = match row.prefix_kind {
                    host_prefix::NONE if before.is_empty() => "",
                    host_prefix::FIXED => {
                        let fixed = self.text(row.prefix);
                        match fixed.strip_suffix('.') {
                            Some(label) if label == before => before,
                            None if before.is_empty() && !fixed.is_empty() => {
                                core.get(..fixed.len())?
                            }
                            _ => return None,
                        }
                    }
                    host_prefix::ACCOUNT if AccountId::accepts(before) => before,
                    host_prefix::LABEL if is_label(before) => before,
                    host_prefix::BUCKET if is_bucket(before) => before,
                    _ => return None,
                };
                Some(HostMatch {
                    catalog: self,
                    partition: self.text(self.partitions.at(u32::from(row.partition)).name),
                    region: region.map(|(region, _)| region),
                    implied_region: self.text(row.region),
                    form: form(row.form),
                    endpoint: self.text(row.endpoint),
                    prefix,
                    first: row.services,
                    count: row.service_count,
                })
            })
    }

    /// Every partition.
    pub fn partitions(&'static self) -> impl Iterator<Item = PartitionEntry> {
        (0..self.partitions.len()).map(move |index| PartitionEntry {
            catalog: self,
            index,
        })
    }

    /// Every region that a partition lists, real ones only.
    pub fn regions(&'static self, partition: &str) -> impl Iterator<Item = &'static str> {
        self.partitions()
            .filter(move |entry| entry.name() == partition)
            .flat_map(PartitionEntry::regions)
    }

    /// The partition that lists `region`.
    fn partition_of(&'static self, region: &str) -> Option<u32> {
        // Most labels are no regions; none is without a hyphen and a digit at its end.
        if !region.ends_with(|last: char| last.is_ascii_digit()) || !region.contains('-') {
            return None;
        }
        let index = self
            .regions
            .partition_point(|row| self.text(row.name) < region);
        let row = self.regions.at(index);
        (self.text(row.name) == region).then_some(u32::from(row.partition))
    }

    fn endpoint(
        &'static self,
        set: u16,
        service: Service,
        partition: &str,
        region: &str,
    ) -> Option<Endpoint> {
        let partition = (0..self.partitions.len())
            .find(|index| self.text(self.partitions.at(*index).name) == partition)?;
        let key = (set, u16::try_from(partition).ok()?);
        let start = self
            .endpoints
            .partition_point(|row| (row.set, row.partition) < key);
        let rows = || {
            self.endpoints
                .run(start, move |row| (row.set, row.partition) == key)
        };
        let row = rows()
            .find(|row| self.text(row.region) == region)
            .or_else(|| rows().find(|row| self.text(row.region).is_empty()))?;
        let or = |text: &'static str, other: &str| match text {
            "" => other.to_owned(),
            _ => text.to_owned(),
        };
        Some(Endpoint {
            host: self.text(row.host).replace("{region}", region),
            signing_region: or(self.text(row.signing_region), region),
            signing_name: match self.text(row.signing_name) {
                "" => service.signing_name(),
                name => name,
            },
        })
    }
}

impl HostMatch<'_> {
    /// The services that answer on the host.
    pub fn services(&self) -> impl Iterator<Item = Service> + use<> {
        let catalog = self.catalog;
        (self.first..self.first + u32::from(self.count)).map(move |index| Service {
            catalog,
            index: u32::from(catalog.host_services.at(index).service),
        })
    }
}

impl PartitionEntry {
    /// `aws-cn`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.catalog.text(self.record().name)
    }
    /// `amazonaws.com.cn`.
    #[must_use]
    pub fn dns_suffix(self) -> &'static str {
        self.catalog.text(self.record().dns_suffix)
    }
    /// `api.amazonwebservices.com.cn`.
    #[must_use]
    pub fn dual_stack_dns_suffix(self) -> &'static str {
        self.catalog.text(self.record().dual_stack_suffix)
    }
    /// The region of global services that have no rule of their own.
    #[must_use]
    pub fn global_region(self) -> &'static str {
        self.catalog.text(self.record().global_region)
    }
    /// Its regions, without pseudo regions such as `aws-global`.
    pub fn regions(self) -> impl Iterator<Item = &'static str> {
        let regions = &self.catalog.regions;
        (0..regions.len())
            .map(|index| regions.at(index))
            .filter(move |row| u32::from(row.partition) == self.index)
            .map(move |row| self.catalog.text(row.name))
    }

    fn record(self) -> layout::Partition {
        self.catalog.partitions.at(self.index)
    }
}

impl Service {
    /// Where its requests go in `region` of `partition`; `None` where botocore's rules know no
    /// endpoint. Operations may have one of their own: ask [`Operation::endpoint`].
    #[must_use]
    pub fn endpoint(self, partition: &str, region: &str) -> Option<Endpoint> {
        self.catalog
            .endpoint(self.record().endpoint_set, self, partition, region)
    }

    /// The host of its standard endpoint in `region`, without any host prefix: the name that an
    /// SDK would use without options (`iam.amazonaws.com`, `sts.cn-north-1.amazonaws.com.cn`).
    #[must_use]
    pub fn standard_host(self, partition: &str, region: &str) -> Option<String> {
        Some(self.endpoint(partition, region)?.host)
    }

    /// Every host that it answers on.
    pub fn host_patterns(self) -> impl Iterator<Item = HostPattern> {
        let catalog = self.catalog;
        let answers = move |row: &layout::Host| {
            let services = row.services..row.services + u32::from(row.service_count);
            services
                .map(|index| catalog.host_services.at(index).service)
                .any(|service| u32::from(service) == self.index)
        };
        (0..catalog.hosts.len())
            .map(move |index| catalog.hosts.at(index))
            .filter(answers)
            .map(move |row| {
                let partition = catalog.partitions.at(u32::from(row.partition));
                let fixed = catalog.text(row.prefix);
                let before = match row.prefix_kind {
                    // Without a dot it is the beginning of the host itself.
                    host_prefix::FIXED if fixed.ends_with('.') => fixed,
                    host_prefix::ACCOUNT => "{account}.",
                    host_prefix::LABEL => "{label}.",
                    host_prefix::BUCKET => "{bucket}.",
                    _ => "",
                };
                HostPattern {
                    partition: catalog.text(partition.name),
                    host: format!("{before}{}", catalog.text(row.host)),
                    form: form(row.form),
                }
            })
    }

    /// The region that this service signs with in `partition` although it is global (`iam`:
    /// `us-east-1`); `None` for regional services.
    #[must_use]
    pub fn global_region(self, partition: &str) -> Option<&'static str> {
        let set = self.record().endpoint_set;
        let catalog = self.catalog;
        let start = catalog.endpoints.partition_point(|row| row.set < set);
        catalog
            .endpoints
            .run(start, |row| row.set == set)
            .filter(|row| {
                let entry = catalog.partitions.at(u32::from(row.partition));
                catalog.text(entry.name) == partition && catalog.text(row.region).is_empty()
            })
            .map(|row| catalog.text(row.signing_region))
            .find(|region| !region.is_empty())
    }
}

impl Operation {
    /// Where its requests go in `region` of `partition`, before its host prefix; `None` where
    /// botocore's rules know no endpoint.
    #[must_use]
    pub fn endpoint(self, partition: &str, region: &str) -> Option<Endpoint> {
        self.catalog().endpoint(
            self.record().endpoint_set,
            self.service(),
            partition,
            region,
        )
    }
}

/// How many labels of a host are looked at as the start of its endpoint: those of the longest
/// bucket name and of the longest endpoint are fewer.
const MOST_LABELS: usize = 40;

fn form(code: u8) -> HostForm {
    match code {
        1 => HostForm::Fips,
        2 => HostForm::DualStack,
        3 => HostForm::FipsDualStack,
        _ => HostForm::Standard,
    }
}

/// The places where a region may stand in a host: a whole label, or what follows a hyphen in one
/// (`s3-eu-west-1`).
fn regions(host: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut start = 0;
    host.split('.').flat_map(move |label| {
        let (from, to) = (start, start + label.len());
        start = to + 1;
        std::iter::once(from)
            .chain(label.match_indices('-').map(move |(at, _)| from + at + 1))
            .map(move |begin| (begin, to))
            .collect::<Vec<_>>()
    })
}

/// What stands before the open part, how the table writes it, and what it may be.
type OpenLabel = (&'static str, &'static str, fn(&str) -> bool);

/// Labels of which new ones come about, by what stands before the part that is open: a directory
/// bucket's host names an availability zone, Timestream's a cell.
const OPEN_LABELS: [OpenLabel; 4] = [
    ("s3express-fips-", "{zone}", is_zone),
    ("s3express-", "{zone}", is_zone),
    ("query-cell", "{number}", is_cell),
    ("ingest-cell", "{number}", is_cell),
];

/// The host with the open part of its first label as the table writes it.
fn without_open_part(pattern: String) -> String {
    let Some((label, rest)) = pattern.split_once('.') else {
        return pattern;
    };
    let open = OPEN_LABELS.iter().find_map(|(mark, word, fits)| {
        let part = label.strip_prefix(mark)?;
        fits(part).then_some((mark, word))
    });
    match open {
        Some((mark, word)) => format!("{mark}{word}.{rest}"),
        None => pattern,
    }
}

/// `euw1-az2`.
fn is_zone(text: &str) -> bool {
    let letters = |area: &str| {
        area.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    text.split_once("-az").is_some_and(|(area, number)| {
        (1..=8).contains(&area.len()) && letters(area) && is_cell(number)
    })
}

/// One or two digits.
fn is_cell(text: &str) -> bool {
    (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn is_bucket(text: &str) -> bool {
    (3..=255).contains(&text.len()) && text.split('.').all(is_label)
}
