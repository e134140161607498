//! Who is addressed, and where: the services, the region and the partition that host and
//! credential scope leave open.
//!
//! The scope says which service and region the caller signed for; the host says which AWS
//! endpoint the bytes would reach. They must agree. In endpoint mode there is no AWS host, and
//! the scope alone speaks.

use super::error::shown;
use super::{IdentifyError, Known, strange};
use crate::arn::{AccountId, Partition, Region};
use crate::catalog::{Catalog, HostMatch, Operation, Service};
use crate::endpoint::{AwsHost, Destination};
use crate::protocol::{Name, ParseError};
use crate::value::Value;

/// The services that a request can be for, and what its host says.
#[derive(Debug)]
pub(super) struct Place<'r> {
    pub(super) services: Vec<Service>,
    pub(super) host: Option<(&'r AwsHost, HostMatch<'r>)>,
    /// What stands before Cordon's own name; empty on AWS hosts.
    pub(super) own_prefix: &'r str,
    scope_region: Option<&'r Region>,
    /// The name in the credential scope; nothing where the request is not signed.
    pub(super) signing_name: Option<&'r str>,
}

/// Where a call acts and goes.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) region: Region,
    pub(super) partition: Partition,
    /// The host without any prefix in endpoint mode, the whole host of the request otherwise.
    pub(super) host: String,
}

impl<'r> Place<'r> {
    pub(super) fn of(
        catalog: &'static Catalog,
        destination: &'r Destination,
        known: Known<'r>,
    ) -> Result<Self, IdentifyError> {
        let (host, own_prefix) = match destination {
            Destination::Aws(host) => {
                let found = catalog.host(&host.name);
                (found.map(|found| (host, found)), "")
            }
            Destination::Own { prefix } => (None, prefix.as_str()),
        };
        let signed = known.signing_name.map(|name| signers(catalog, name));
        let services = match (&host, signed, known.signing_name) {
            (_, Some(signed), Some(name)) if signed.is_empty() => {
                return Err(IdentifyError::UnknownService(shown(name)));
            }
            (Some((host, found)), Some(signed), Some(name)) => {
                let answering: Vec<Service> = found.services().collect();
                let both: Vec<Service> = signed
                    .into_iter()
                    .filter(|service| {
                        answering.contains(service) || is_served(*service, host, known)
                    })
                    .collect();
                if both.is_empty() {
                    return Err(mismatch(host, name));
                }
                both
            }
            (None, Some(signed), _) => signed,
            (Some((_, found)), None, _) => found.services().collect(),
            // In endpoint mode without a signature nothing tells service or region.
            _ => return Err(IdentifyError::UnknownRegion),
        };
        let place = Self {
            services,
            host,
            own_prefix,
            scope_region: known.signing_region,
            signing_name: known.signing_name,
        };
        place.check_region()?;
        Ok(place)
    }

    /// The scope's region wins; a host that names another one is refused.
    fn check_region(&self) -> Result<(), IdentifyError> {
        let (Some((host, found)), Some(scope)) = (&self.host, self.scope_region) else {
            return Ok(());
        };
        let implied = Some(found.implied_region).filter(|region| !region.is_empty());
        match found.region.or(implied) {
            Some(region) if region != scope.as_str() => {
                let signs = |service: &Service| {
                    strange::may_sign_globally(*service)
                        || service
                            .endpoint(found.partition, region)
                            .is_some_and(|endpoint| endpoint.signing_region == scope.as_str())
                };
                match self.services.iter().any(signs) {
                    true if Partition::of_region(scope) == host.partition => Ok(()),
                    _ => Err(mismatch(host, scope.as_str())),
                }
            }
            _ if Partition::of_region(scope) != host.partition => {
                Err(mismatch(host, scope.as_str()))
            }
            _ => Ok(()),
        }
    }

    /// Where `operation` acts: the region and host that AWS serves it from.
    pub(super) fn site(&self, operation: Operation) -> Result<Site, IdentifyError> {
        let in_host = self.host.as_ref().and_then(|(host, found)| {
            let implied = || found.implied_region.parse().ok();
            host.region.clone().or_else(implied)
        });
        // An unsigned call on the one host of a partition.
        let in_host = in_host.or_else(|| self.global_region());
        let region = match (self.scope_region, in_host) {
            (Some(region), _) => region.clone(),
            (None, Some(region)) => region,
            (None, None) => return Err(IdentifyError::UnknownRegion),
        };
        if let Some((host, _)) = &self.host {
            return Ok(Site {
                region,
                partition: host.partition.clone(),
                host: host.name.clone(),
            });
        }
        let partition = Partition::of_region(&region);
        let one_region = || global_region(&partition).unwrap_or_else(|| region.clone());
        let region = match strange::may_sign_globally(operation.service()) {
            true => one_region(),
            false => region,
        };
        let unknown = || IdentifyError::UnknownEndpoint {
            service: operation.service().name(),
            region: region.to_string(),
        };
        // A global service is signed in the caller's own region when it has a custom endpoint;
        // it is served, and must be signed anew, in its one region.
        let Some(endpoint) = operation.endpoint(partition.as_str(), region.as_str()) else {
            let host = regional_host(operation.service(), &partition, &region);
            let host = host.ok_or_else(unknown)?;
            return Ok(Site {
                region,
                partition,
                host,
            });
        };
        let served = endpoint.signing_region.parse().map_err(|_| unknown())?;
        Ok(Site {
            partition: Partition::of_region(&served),
            region: served,
            host: endpoint.host,
        })
    }

    /// The region of the host's partition in which its global services are.
    fn global_region(&self) -> Option<Region> {
        let (host, _) = self.host.as_ref()?;
        global_region(&host.partition)
    }

    /// What stands before the endpoint's or Cordon's own name.
    pub(super) fn prefix(&self) -> &'r str {
        match &self.host {
            Some((host, _)) => &host.prefix,
            None => self.own_prefix,
        }
    }

    /// The endpoint's name without region and prefix: `s3-accesspoint`; empty in endpoint mode.
    pub(super) fn endpoint(&self) -> &'r str {
        self.host.as_ref().map_or("", |(host, _)| &host.endpoint)
    }

    /// Checks what stands before the host against what `operation` puts there, and gives the
    /// host to send to.
    pub(super) fn outbound_host(
        &self,
        operation: Operation,
        parameters: &Value,
        site: &Site,
        account: Option<&str>,
    ) -> Result<String, IdentifyError> {
        let wanted = render_prefix(operation, parameters)?;
        let prefix = self.prefix();
        let wrong = || IdentifyError::HostPrefix {
            operation: operation.name(),
            prefix: shown(prefix),
        };
        let bare = wanted.strip_suffix('.').unwrap_or(&wanted);
        match &self.host {
            // On Outposts S3 Control has one host for all accounts.
            Some((host, _)) if prefix.is_empty() && host.endpoint == "s3-outposts" => {
                Ok(host.name.clone())
            }
            // Some hosts are in the table with the prefix as a part of their name.
            Some((host, _)) if prefix.is_empty() && host.name.starts_with(&wanted) => {
                Ok(host.name.clone())
            }
            Some(_) if !wanted.is_empty() && bare != prefix => Err(wrong()),
            Some(_)
                if wanted.is_empty() && !may_precede(operation, prefix, parameters, account) =>
            {
                Err(wrong())
            }
            Some((host, _)) => Ok(host.name.clone()),
            // Clients that are given an address leave the prefix out; all others must send it.
            None if prefix.is_empty() || bare == prefix => Ok(format!("{wanted}{}", site.host)),
            None if wanted.is_empty() && may_precede(operation, prefix, parameters, account) => {
                Ok(site.host.clone())
            }
            None => Err(wrong()),
        }
    }
}

/// The region in which the global services of a partition are.
fn global_region(partition: &Partition) -> Option<Region> {
    let mut partitions = Catalog::embedded().partitions();
    let own = partitions.find(|entry| entry.name() == partition.as_str())?;
    own.global_region().parse().ok()
}

/// The services that sign with `name`. What S3 serves from an Outpost is signed with the name of
/// the service that manages Outposts.
fn signers(catalog: &'static Catalog, name: &str) -> Vec<Service> {
    let mut services: Vec<Service> = catalog.signed_as(name).collect();
    if name == "s3-outposts" {
        let others = ["s3", "s3control"]
            .into_iter()
            .filter_map(|name| catalog.service(name));
        services.extend(others);
    }
    services
}

/// Whether `host` is the standard endpoint of `service` in the signed region, with or without
/// the fixed prefix of one of its operations: another service's longer name may hide it.
fn is_served(service: Service, host: &AwsHost, known: Known<'_>) -> bool {
    let region = known.signing_region.or(host.region.as_ref());
    let standard =
        region.and_then(|region| service.standard_host(host.partition.as_str(), region.as_str()));
    if standard.is_some_and(|standard| standard == host.name) {
        return true;
    }
    service.operations().any(|operation| {
        let fixed = operation.host_prefix();
        let rest = host.name.strip_prefix(fixed).filter(|_| !fixed.is_empty());
        rest.and_then(|rest| Catalog::embedded().host(rest))
            .is_some_and(|found| found.services().any(|other| other == service))
    })
}

/// The host made of a service's endpoint prefix, where the table knows it although botocore's
/// rules give no host without parameters (S3 Control wants an account).
fn regional_host(service: Service, partition: &Partition, region: &Region) -> Option<String> {
    let catalog = Catalog::embedded();
    let suffix = catalog
        .partitions()
        .find(|entry| entry.name() == partition.as_str())?
        .dns_suffix();
    let host = format!("{}.{region}.{suffix}", service.endpoint_prefix());
    let known = |host: &str| {
        let found = catalog.host(host);
        found.is_some_and(|found| found.services().any(|other| other == service))
    };
    (known(&host) || known(&format!("000000000000.{host}"))).then_some(host)
}

/// Whether `prefix` may stand before the host of an operation that has no prefix of its own: a
/// bucket, the caller's own account or that of a resource which is named by its ARN, a label of a
/// data endpoint; never the fixed prefix of another operation.
fn may_precede(
    operation: Operation,
    prefix: &str,
    parameters: &Value,
    account: Option<&str>,
) -> bool {
    if prefix.is_empty() || operation.service().name() == "s3" {
        return true;
    }
    if AccountId::accepts(prefix) {
        let own = account.is_none_or(|account| account == prefix);
        return own || names_account(parameters, prefix);
    }
    !operation.service().operations().any(|other| {
        let fixed = other.host_prefix();
        fixed.strip_suffix('.').unwrap_or(fixed) == prefix
    })
}

/// Whether an ARN among the parameters is of this account: DynamoDB's clients then call the host
/// of the table's owner.
fn names_account(parameters: &Value, account: &str) -> bool {
    match parameters {
        Value::String(text) => text.starts_with("arn:") && text.split(':').nth(4) == Some(account),
        Value::List(items) => items.iter().any(|item| names_account(item, account)),
        Value::Structure(members) => members.values().any(|value| names_account(value, account)),
        Value::Map(entries) => entries.iter().any(|(key, value)| {
            names_account(&Value::String(key.clone()), account) || names_account(value, account)
        }),
        _ => false,
    }
}

/// The operation's host prefix with its labels filled: `123456789012.`.
fn render_prefix(operation: Operation, parameters: &Value) -> Result<String, IdentifyError> {
    let template = operation.host_prefix();
    let Some((before, rest)) = template.split_once('{') else {
        return Ok(template.to_owned());
    };
    let (name, after) = rest.split_once('}').unwrap_or((rest, ""));
    let value = parameters
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default();
    let is_label = (1..=63).contains(&value.len())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match is_label {
        true => Ok(format!("{before}{value}{after}").to_ascii_lowercase()),
        false => Err(IdentifyError::Parameters {
            protocol: operation
                .service()
                .protocols()
                .first()
                .copied()
                .unwrap_or(crate::call::Protocol::RestXml),
            source: ParseError::Type {
                at: Name::new(name),
                expected: "a label of a host name",
            },
        }),
    }
}

fn mismatch(host: &AwsHost, scope: &str) -> IdentifyError {
    IdentifyError::HostScopeMismatch {
        host: host.name.clone(),
        scope: shown(scope),
    }
}
