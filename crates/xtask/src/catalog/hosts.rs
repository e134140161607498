//! Hosts and endpoints: botocore's endpoint rules asked for every service, region and form, and
//! boiled down to patterns.
//!
//! Two questions are answered. Outwards: where do the requests of an operation go in a region?
//! That is the most common pattern of a partition and the regions that differ from it. Inwards:
//! which services answer on a host? That is every host that any rule, any older endpoint list or
//! our own table names.

use super::Fault;
use super::models::{ServiceModel, read_json};
use super::rules::{Parameters, Partition, Partitions, Resolved, RuleSet};
use super::tables::HostRow;
use cordon_aws::catalog::layout::host_prefix;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// All that is known about hosts.
#[derive(Default)]
pub(super) struct Hosts {
    /// Endpoint sets: rows by (partition, region), the empty region being the rule.
    pub sets: Vec<BTreeMap<(usize, String), Resolved>>,
    /// The set of each service's ordinary operations.
    pub service_sets: Vec<usize>,
    /// The set of the operations of a service that fix these parameters.
    pub operation_sets: BTreeMap<(usize, String), usize>,
    /// Hosts by what identifies them.
    pub hosts: BTreeMap<HostKey, HostEntry>,
    /// Every name that a service signs with.
    pub signing_names: Vec<BTreeSet<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HostKey {
    pub host: String,
    pub partition: usize,
    pub prefix_kind: u8,
    pub prefix: String,
}

#[derive(Debug, Default)]
pub(super) struct HostEntry {
    pub form: u8,
    pub endpoint: String,
    pub region: String,
    pub services: BTreeSet<usize>,
}

/// A host as one region sees it, in one form.
struct Sighting {
    partition: usize,
    region: String,
    form: u8,
    resolved: Resolved,
}

impl Hosts {
    /// Gathers everything.
    pub(super) fn gather(
        models: &[ServiceModel],
        partitions: &Partitions,
        botocore: &Path,
        rows: &[HostRow],
    ) -> Result<Self, Fault> {
        let mut hosts = Self::default();
        for (index, service) in models.iter().enumerate() {
            hosts.gather_service(index, service, partitions)?;
        }
        hosts.gather_older(models, partitions, botocore)?;
        for row in rows {
            hosts.gather_row(row, models, partitions)?;
        }
        Ok(hosts)
    }

    fn gather_service(
        &mut self,
        index: usize,
        service: &ServiceModel,
        partitions: &Partitions,
    ) -> Result<(), Fault> {
        let rules = RuleSet::read(&service.folder)?;
        let mut names = BTreeSet::from([service.signing_name().to_owned()]);
        let mut fixed: BTreeMap<String, Parameters> = BTreeMap::new();
        for operation in service.model.operations.values() {
            let parameters = fixed_parameters(operation);
            fixed.insert(parameters_key(&parameters), parameters);
        }
        let plain = sightings(&rules, partitions, &Parameters::new());
        self.service_sets.push(self.sets.len());
        self.sets.push(boil_down(&plain, partitions));
        let mut all = plain;
        for (key, parameters) in fixed {
            let seen = sightings(&rules, partitions, &parameters);
            let set = boil_down(&seen, partitions);
            let known = self.sets.iter().position(|other| *other == set);
            let number = known.unwrap_or_else(|| {
                self.sets.push(set);
                self.sets.len() - 1
            });
            self.operation_sets.insert((index, key), number);
            all.extend(seen);
        }
        all.extend(extra_sightings(&rules, partitions));
        names.extend(
            all.iter()
                .filter_map(|seen| seen.resolved.signing_name.clone()),
        );
        self.signing_names.push(names);

        let prefixes: BTreeSet<&str> = service
            .model
            .operations
            .values()
            .filter_map(|operation| Some(operation.endpoint.as_ref()?.host_prefix.as_str()))
            .collect();
        for (seen, pattern) in patterns(&all) {
            self.add_sighting(index, service, seen, &pattern, &prefixes, partitions)?;
        }
        Ok(())
    }

    fn add_sighting(
        &mut self,
        index: usize,
        service: &ServiceModel,
        seen: &Sighting,
        pattern: &str,
        prefixes: &BTreeSet<&str>,
        partitions: &Partitions,
    ) -> Result<(), Fault> {
        let account = pattern.strip_prefix(&format!("{EXAMPLE_ACCOUNT}."));
        let (core, kind) = match account {
            Some(core) => (core, host_prefix::ACCOUNT),
            None => (pattern, host_prefix::NONE),
        };
        let region = match core.contains("{region}") {
            true => "",
            false => seen.resolved.signing_region.as_deref().unwrap_or_default(),
        };
        let endpoint = endpoint_label(core, partitions);
        let mut add = |host: String, prefix_kind: u8, prefix: &str| {
            let key = HostKey {
                host,
                partition: seen.partition,
                prefix_kind,
                prefix: prefix.to_owned(),
            };
            self.add(key, seen.form, &endpoint, region, index);
        };
        add(core.to_owned(), kind, "");
        for prefix in prefixes {
            match (prefix.strip_prefix('{'), prefix.strip_suffix('.')) {
                (Some("AccountId}."), _) => add(core.to_owned(), host_prefix::ACCOUNT, ""),
                (Some(_), _) => add(core.to_owned(), host_prefix::LABEL, ""),
                (None, Some(_)) => add(core.to_owned(), host_prefix::FIXED, prefix),
                (None, None) => add(format!("{prefix}{core}"), host_prefix::FIXED, prefix),
            }
        }
        let bucket = service.name == "s3" && (endpoint == "s3" || endpoint == "s3-fips");
        if bucket {
            add(core.to_owned(), host_prefix::BUCKET, "");
        }
        Ok(())
    }

    fn add(&mut self, key: HostKey, form: u8, endpoint: &str, region: &str, service: usize) {
        let entry = self.hosts.entry(key).or_insert_with(|| HostEntry {
            form,
            endpoint: endpoint.to_owned(),
            region: region.to_owned(),
            services: BTreeSet::new(),
        });
        // A name may be the standard one in one region and the FIPS one in another; and it may be
        // reached with and without a fixed region. The plainer reading wins.
        entry.form = entry.form.min(form);
        if entry.region != region {
            entry.region.clear();
        }
        entry.services.insert(service);
    }

    /// Hosts of botocore's older endpoint list, which clients of the last ten years still use.
    fn gather_older(
        &mut self,
        models: &[ServiceModel],
        partitions: &Partitions,
        botocore: &Path,
    ) -> Result<(), Fault> {
        let list: Value = read_json(&botocore.join("endpoints.json"))?;
        for partition in items(&list, "partitions") {
            let name = text(partition, "partition");
            let known = partitions
                .0
                .iter()
                .enumerate()
                .find(|(_, known)| known.id == name);
            let Some((number, known)) = known else {
                continue;
            };
            for (prefix, service) in entries(partition, "services") {
                let owners: Vec<usize> = models
                    .iter()
                    .enumerate()
                    .filter(|(_, model)| model.model.metadata.endpoint_prefix == *prefix)
                    .map(|(index, _)| index)
                    .collect();
                let seen = older_sightings(prefix, service, partition, (number, known));
                for (seen, pattern) in patterns(&seen) {
                    for owner in &owners {
                        let model = models.get(*owner).ok_or("a service went missing")?;
                        let none = BTreeSet::new();
                        self.add_sighting(*owner, model, seen, &pattern, &none, partitions)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn gather_row(
        &mut self,
        row: &HostRow,
        models: &[ServiceModel],
        partitions: &Partitions,
    ) -> Result<(), Fault> {
        for (number, partition) in partitions.0.iter().enumerate() {
            if row.partitions != "*" && !row.partitions.split(',').any(|name| name == partition.id)
            {
                continue;
            }
            let host = row
                .host
                .replace("{suffix}", &partition.outputs.dns_suffix)
                .replace("{dual-stack}", &partition.outputs.dual_stack_dns_suffix);
            let endpoint = endpoint_label(&host, partitions);
            for name in row.services.split(',') {
                let service = models
                    .iter()
                    .position(|model| model.name == name)
                    .ok_or_else(|| format!("hosts.tsv: no service `{name}`"))?;
                let prefix_kind = row.prefix_kind;
                let key = HostKey {
                    host: host.clone(),
                    partition: number,
                    prefix_kind,
                    prefix: String::new(),
                };
                self.add(key, row.form, &endpoint, &row.region, service);
            }
        }
        Ok(())
    }
}

/// Stands for the caller's account where a rule puts it into the host.
const EXAMPLE_ACCOUNT: &str = "111122223333";

/// The parameters that the model fixes for an operation.
pub(super) fn fixed_parameters(operation: &super::models::OperationModel) -> Parameters {
    operation
        .static_context_params
        .iter()
        .map(|(name, parameter)| (name.clone(), parameter.value.clone()))
        .collect()
}

/// A key for equal parameters.
pub(super) fn parameters_key(parameters: &Parameters) -> String {
    parameters
        .iter()
        .map(|(name, value)| format!("{name}={value};"))
        .collect()
}

/// What the rules say for every region in every form.
fn sightings(rules: &RuleSet, partitions: &Partitions, fixed: &Parameters) -> Vec<Sighting> {
    let mut seen = Vec::new();
    for (number, partition) in partitions.0.iter().enumerate() {
        for region in partition.regions.keys() {
            for (form, fips, dual_stack) in FORMS {
                let mut parameters = fixed.clone();
                parameters.insert("Region".to_owned(), json!(region));
                parameters.insert("UseFIPS".to_owned(), json!(fips));
                parameters.insert("UseDualStack".to_owned(), json!(dual_stack));
                if let Some(resolved) = rules.resolve(partitions, &parameters) {
                    seen.push(Sighting {
                        partition: number,
                        region: region.clone(),
                        form,
                        resolved,
                    });
                }
            }
        }
    }
    seen
}

/// Number, FIPS, dual-stack.
const FORMS: [(u8, bool, bool); 4] = [
    (0, false, false),
    (1, true, false),
    (2, false, true),
    (3, true, true),
];

/// Hosts that clients reach only with an option of theirs.
fn extra_sightings(rules: &RuleSet, partitions: &Partitions) -> Vec<Sighting> {
    let mut seen = Vec::new();
    if rules.takes("UseGlobalEndpoint") {
        let fixed = Parameters::from([("UseGlobalEndpoint".to_owned(), json!(true))]);
        seen.extend(sightings(rules, partitions, &fixed));
    }
    if rules.takes("AccountIdEndpointMode") {
        let fixed = Parameters::from([
            ("AccountIdEndpointMode".to_owned(), json!("preferred")),
            ("AccountId".to_owned(), json!(EXAMPLE_ACCOUNT)),
        ]);
        seen.extend(sightings(rules, partitions, &fixed));
    }
    seen
}

/// Each sighting with its host as a pattern. A host that several regions share names no region,
/// whatever its letters say.
fn patterns(seen: &[Sighting]) -> impl Iterator<Item = (&Sighting, String)> {
    let mut regions: BTreeMap<(usize, &str), BTreeSet<&str>> = BTreeMap::new();
    for sighting in seen {
        regions
            .entry((sighting.partition, sighting.resolved.host.as_str()))
            .or_default()
            .insert(&sighting.region);
    }
    seen.iter().map(move |sighting| {
        let key = (sighting.partition, sighting.resolved.host.as_str());
        let shared = regions.get(&key).is_some_and(|regions| regions.len() > 1);
        let host = &sighting.resolved.host;
        let pattern = match shared {
            true => host.clone(),
            false => with_placeholder(host, &sighting.region),
        };
        (sighting, pattern)
    })
}

/// `host` with the region, where it ends a label, as `{region}`.
fn with_placeholder(host: &str, region: &str) -> String {
    let mut labels: Vec<String> = host.split('.').map(str::to_owned).collect();
    for label in &mut labels {
        if let Some(before) = label.strip_suffix(region)
            && (before.is_empty() || before.ends_with('-'))
        {
            *label = format!("{before}{{region}}");
            break;
        }
    }
    labels.join(".")
}

/// The common pattern of each partition, and the regions that differ.
fn boil_down(seen: &[Sighting], partitions: &Partitions) -> BTreeMap<(usize, String), Resolved> {
    let standard: Vec<(&Sighting, Resolved)> = patterns(seen)
        .filter(|(sighting, _)| sighting.form == 0)
        .map(|(sighting, pattern)| {
            let region = &sighting.region;
            let own = sighting.resolved.signing_region.as_ref() == Some(region);
            let resolved = Resolved {
                host: pattern,
                signing_region: sighting.resolved.signing_region.clone().filter(|_| !own),
                signing_name: sighting.resolved.signing_name.clone(),
            };
            (sighting, resolved)
        })
        .collect();
    let mut rows = BTreeMap::new();
    for number in 0..partitions.0.len() {
        let mut votes: BTreeMap<&Resolved, usize> = BTreeMap::new();
        for (sighting, resolved) in &standard {
            // Pseudo regions have endpoints of their own and no say in the rule.
            if sighting.partition == number && !sighting.region.ends_with("-global") {
                *votes.entry(resolved).or_default() += 1;
            }
        }
        let Some((common, _)) = votes.iter().max_by_key(|(_, count)| **count) else {
            continue;
        };
        rows.insert((number, String::new()), (*common).clone());
        for (sighting, resolved) in &standard {
            let differs = match resolved.signing_region {
                // The region of a global endpoint signs with itself, which is no difference.
                None => {
                    let filled = common.signing_region.as_ref() == Some(&sighting.region);
                    resolved.host != common.host
                        || (common.signing_region.is_some() && !filled)
                        || resolved.signing_name != common.signing_name
                }
                Some(_) => resolved != *common,
            };
            if sighting.partition == number && differs {
                rows.insert((number, sighting.region.clone()), resolved.clone());
            }
        }
    }
    rows
}

/// The label(s) of an endpoint: no suffix, no region, no marks of a form.
fn endpoint_label(host: &str, partitions: &Partitions) -> String {
    let suffixes = partitions.0.iter().flat_map(|partition| {
        [
            &partition.outputs.dual_stack_dns_suffix,
            &partition.outputs.dns_suffix,
        ]
    });
    let longest = suffixes
        .filter_map(|suffix| host.strip_suffix(suffix.as_str())?.strip_suffix('.'))
        .min_by_key(|rest| rest.len());
    let labels = longest.unwrap_or(host).split('.').filter_map(|label| {
        let label = label.strip_suffix("{region}").unwrap_or(label);
        let label = label.strip_suffix("-fips").unwrap_or(label);
        let label = label
            .strip_prefix("fips-")
            .unwrap_or(label)
            .trim_end_matches('-');
        (!matches!(label, "" | "dualstack" | "fips")).then_some(label)
    });
    labels.collect::<Vec<_>>().join(".")
}

/// What the older list says about one service of one partition.
fn older_sightings(
    prefix: &str,
    service: &Value,
    partition: &Value,
    (number, known): (usize, &Partition),
) -> Vec<Sighting> {
    let mut seen = Vec::new();
    let defaults = [service.get("defaults"), partition.get("defaults")];
    for (region, endpoint) in entries(service, "endpoints") {
        // Keys such as `fips-us-east-1` or `bedrock-runtime-eu-west-1` are no regions, and the
        // newer rules name what they stand for.
        if !known.regions.contains_key(region) {
            continue;
        }
        let levels: Vec<&Value> = std::iter::once(endpoint)
            .chain(defaults.into_iter().flatten())
            .collect();
        let of = |levels: &[&Value], key: &str| {
            levels
                .iter()
                .find_map(|level| Some(level.get(key)?.as_str()?.to_owned()))
        };
        let scope = endpoint
            .pointer("/credentialScope/region")
            .and_then(Value::as_str);
        let suffix = of(&[partition], "dnsSuffix").unwrap_or_default();
        let mut add = |hostname: Option<String>, suffix: &str, form: u8| {
            let Some(hostname) = hostname else { return };
            let host = hostname
                .replace("{service}", prefix)
                .replace("{region}", region)
                .replace("{dnsSuffix}", suffix);
            let resolved = Resolved {
                host,
                signing_region: scope.map(str::to_owned),
                signing_name: None,
            };
            seen.push(Sighting {
                partition: number,
                region: region.clone(),
                form,
                resolved,
            });
        };
        add(of(&levels, "hostname"), &suffix, 0);
        add(of(&levels, "sslCommonName"), &suffix, 0);
        for level in &levels {
            for variant in items(level, "variants") {
                let tags: Vec<&str> = items(variant, "tags").filter_map(Value::as_str).collect();
                let fips = u8::from(tags.contains(&"fips"));
                let dual_stack = u8::from(tags.contains(&"dualstack"));
                let suffix = variant
                    .get("dnsSuffix")
                    .and_then(Value::as_str)
                    .unwrap_or(&suffix);
                add(of(&[variant], "hostname"), suffix, fips + 2 * dual_stack);
            }
        }
    }
    seen
}

fn items<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn entries<'v>(
    value: &'v Value,
    key: &str,
) -> impl Iterator<Item = (&'v String, &'v Value)> + use<'v> {
    value
        .get(key)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
