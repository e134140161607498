//! Ten thousand operations, targets, paths and hosts each that do not exist, made of those that
//! do: every one is refused, with a code.
//!
//! What is invented is near to what is real: a name with one letter changed, the verb of one
//! operation before the noun of another, an operation of another service, a region that is none.

use super::{Sent, outcome, own_hosts};
use cordon_aws::call::Protocol;
use cordon_aws::catalog::{Catalog, Operation, Service};
use cordon_aws::endpoint::Destination;
use std::collections::BTreeSet;

const COUNT: usize = 10_000;

/// A sequence of numbers that is the same in each run: each list is walked in steps of its own.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        // The multiplier and increment of Knuth's MMIX; the upper bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

fn operations() -> Vec<Operation> {
    let services = Catalog::embedded().services();
    services.flat_map(Service::operations).collect()
}

/// A name that is like that of an operation.
fn name(dice: &mut Dice, operations: &[Operation]) -> String {
    let (one, other) = (dice.pick(operations).name(), dice.pick(operations).name());
    let noun = |name: &str| {
        let start = name.char_indices().skip(1).find(|(_, c)| c.is_uppercase());
        start.map_or(name.len(), |(at, _)| at)
    };
    match dice.roll(8) {
        0 => format!("{}{}", &one[..noun(one)], &other[noun(other)..]),
        1 => {
            let at = dice.roll(one.len());
            format!("{}x{}", &one[..at], &one[at + 1..])
        }
        2 => one.to_lowercase(),
        3 => format!("{one}s"),
        4 => one[..one.len() - 1].to_owned(),
        5 => format!("{one}V2"),
        6 => format!("{one}.{other}"),
        _ => other.to_owned(),
    }
}

/// The service, with a host where it answers that no customer's own name stands before.
fn hosted(service: Service) -> Option<(Service, String)> {
    let host = service.standard_host("aws", "us-east-1")?;
    Destination::parse(&host, &own_hosts()).ok()?;
    Some((service, host))
}

/// The services that sign as `service` does: one of them may have what another has not.
fn signers(service: Service) -> Vec<Service> {
    Catalog::embedded()
        .signed_as(service.signing_name())
        .collect()
}

fn refused(signing_name: &str, text: &str) {
    let sent = Sent::parse(signing_name, "us-east-1", text);
    if let Ok(call) = sent.identify() {
        panic!("{text}\nis {:?}", call.operation());
    }
}

/// The heads and bodies by which `name` would be called in the protocols without paths.
fn selected(protocol: Protocol, service: Service, host: &str, name: &str) -> Option<String> {
    let version = service.api_version();
    Some(match protocol {
        Protocol::Query | Protocol::Ec2 => format!(
            "POST https://{host}/\nContent-Type: application/x-www-form-urlencoded\n\n\
             Action={name}&Version={version}"
        ),
        Protocol::Json10 | Protocol::Json11 => {
            let number = if protocol == Protocol::Json10 {
                "1.0"
            } else {
                "1.1"
            };
            format!(
                "POST https://{host}/\nContent-Type: application/x-amz-json-{number}\n\
                 X-Amz-Target: {}.{name}\n\n{{}}",
                service.target_prefix()
            )
        }
        Protocol::RpcV2Cbor => format!(
            "POST https://{host}/service/{}/operation/{name}\nSmithy-Protocol: rpc-v2-cbor",
            service.rpc_name()
        ),
        Protocol::RestJson | Protocol::RestXml => return None,
    })
}

#[test]
fn invented_operations_are_refused() {
    let (all, mut dice) = (operations(), Dice(1));
    let services: Vec<_> = Catalog::embedded().services().filter_map(hosted).collect();
    let mut tried = BTreeSet::new();
    while tried.len() < COUNT {
        let (service, host) = dice.pick(&services);
        let name = name(&mut dice, &all);
        if signers(*service)
            .iter()
            .any(|other| other.operation(&name).is_some())
        {
            continue;
        }
        for protocol in Protocol::ALL {
            let Some(text) = selected(protocol, *service, host, &name) else {
                continue;
            };
            if tried.insert(text.clone()) {
                refused(service.signing_name(), &text);
            }
        }
    }
}

#[test]
fn invented_targets_are_refused() {
    let (all, mut dice) = (operations(), Dice(2));
    let services: Vec<_> = Catalog::embedded().services().filter_map(hosted).collect();
    let mut tried = BTreeSet::new();
    while tried.len() < COUNT {
        let (service, host) = dice.pick(&services);
        let operation = dice.pick(&all);
        let (prefix, name) = (operation.service().target_prefix(), operation.name());
        let target = match dice.roll(10) {
            0 => format!("{prefix}.{name}"),
            1 => format!("{}.{name}", service.target_prefix()),
            2 => format!("{}.{name}", prefix.to_lowercase()),
            3 => format!("{prefix}.{name}."),
            4 => format!(".{prefix}.{name}"),
            5 => format!("{prefix}..{name}"),
            6 => format!("{prefix}#{name}"),
            7 => format!("{prefix}.{name},{prefix}.{name}"),
            8 => name.to_owned(),
            _ => format!("{prefix}/{name}"),
        };
        // What the addressed services themselves are called by is not invented.
        let real = signers(*service).into_iter().any(|service| {
            let names = service.operations().map(Operation::name);
            let prefix = service.target_prefix();
            !prefix.is_empty()
                && names
                    .map(|name| format!("{prefix}.{name}"))
                    .any(|real| real == target)
        });
        let text = format!(
            "POST https://{host}/\nContent-Type: application/x-amz-json-1.1\n\
             X-Amz-Target: {target}\n\n{{}}"
        );
        if !real && tried.insert(text.clone()) {
            refused(service.signing_name(), &text);
        }
    }
}

/// The segments of a path template or of a path.
fn segments(path: &str) -> Vec<&str> {
    let path = path.split('?').next().unwrap();
    path.trim_matches('/')
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect()
}

/// Whether `path` could be one of `template`: read by segments, in the plainest way there is.
fn fits(template: &[&str], path: &[&str]) -> bool {
    match (template, path) {
        ([], []) => true,
        ([greedy, rest @ ..], [_, ..]) if greedy.ends_with("+}") => {
            (1..=path.len()).any(|taken| fits(rest, &path[taken..]))
        }
        ([step, rest @ ..], [segment, after @ ..]) => {
            (step.starts_with('{') || step == segment) && fits(rest, after)
        }
        _ => false,
    }
}

#[test]
fn invented_paths_are_refused() {
    const METHODS: [&str; 8] = [
        "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "get",
    ];
    let mut dice = Dice(3);
    let rest =
        |service: &Service| service.speaks(Protocol::RestJson) || service.speaks(Protocol::RestXml);
    let all: Vec<(Operation, String)> = Catalog::embedded()
        .services()
        .filter(rest)
        .filter_map(hosted)
        .flat_map(|(service, host)| {
            service
                .operations()
                .map(move |operation| (operation, host.clone()))
        })
        .collect();
    let mut tried = BTreeSet::new();
    while tried.len() < COUNT {
        let (operation, host) = dice.pick(&all);
        let method = match dice.roll(2) {
            0 => operation.method(),
            _ => *dice.pick(&METHODS),
        };
        let mut path = segments(operation.uri());
        let at = dice.roll(path.len() + 1);
        match dice.roll(4) {
            0 => path.insert(at, "invented"),
            1 if at < path.len() => drop(path.remove(at)),
            2 if at < path.len() => path[at] = "invented",
            _ => {}
        }
        let filled: Vec<&str> = path
            .iter()
            .map(|segment| {
                if segment.starts_with('{') {
                    "label"
                } else {
                    segment
                }
            })
            .collect();
        let possible = signers(operation.service())
            .into_iter()
            .flat_map(Service::operations)
            .any(|other| other.method() == method && fits(&segments(other.uri()), &filled));
        let text = format!(
            "{method} https://{host}/{}\nContent-Type: application/json\n\n{{}}",
            filled.join("/")
        );
        if !possible && tried.insert(text.clone()) {
            refused(operation.service().signing_name(), &text);
        }
    }
}

#[test]
fn invented_hosts_are_refused() {
    const TRICKS: [fn(&str, &str) -> String; 16] = [
        |host, _| format!("{host}.evil.test"),
        |host, _| format!("{host}.com"),
        |host, _| format!("{host}@evil.test"),
        |host, _| format!("evil.test#{host}"),
        |host, _| format!("evil.test/{host}"),
        |host, _| format!("{host}:8443"),
        |host, _| format!("{host}:"),
        |host, _| format!(".{host}"),
        |host, _| format!("{host}.."),
        |host, _| format!(" {host}"),
        |host, _| host.replace("amazonaws", "amazonaws-com"),
        |host, _| host.replace("amazonaws.", "am\u{430}zonaws."),
        |host, _| host.replace('.', "%2e"),
        |host, region| host.replace(region, "eu-west-9"),
        |host, region| host.replace(region, &format!("{region}a")),
        |host, _| match host.strip_suffix(".com.cn") {
            Some(start) => format!("{start}.com"),
            None => format!("{host}.cn"),
        },
    ];
    let catalog = Catalog::embedded();
    let real: BTreeSet<(String, &str)> = catalog
        .partitions()
        .flat_map(|partition| partition.regions().map(move |region| (partition, region)))
        .flat_map(|(partition, region)| {
            let hosts = catalog
                .services()
                .filter_map(move |service| service.standard_host(partition.name(), region));
            hosts.map(move |host| (host, region))
        })
        .collect();
    let names: BTreeSet<&str> = real.iter().map(|(host, _)| host.as_str()).collect();
    let mut tried = BTreeSet::new();
    // One trick a host, another one for the next, is every pair in the end.
    for ((host, region), trick) in real.iter().zip(TRICKS.iter().cycle()) {
        let invented = trick(host, region);
        if names.contains(invented.as_str()) || !tried.insert(invented.clone()) {
            continue;
        }
        match Destination::parse(&invented, &own_hosts()) {
            Ok(destination) => panic!("{invented} is {destination:?}"),
            Err(error) => assert!(!error.code().is_empty()),
        }
    }
    assert!(tried.len() >= COUNT, "{}", tried.len());
}

#[test]
fn a_call_at_the_host_of_another_service_is_refused() {
    let (all, mut dice) = (operations(), Dice(4));
    let services: Vec<_> = Catalog::embedded().services().filter_map(hosted).collect();
    let (mut tried, mut refusals) = (0, 0);
    while tried < COUNT {
        let (operation, (_, host)) = (dice.pick(&all), dice.pick(&services));
        let service = operation.service();
        let Some(protocol) = service.protocols().first() else {
            continue;
        };
        let Some(text) = selected(*protocol, service, host, operation.name()) else {
            continue;
        };
        tried += 1;
        match Sent::parse(service.signing_name(), "us-east-1", &text).identify() {
            Err(_) => refusals += 1,
            // Some answer on one host; what is read is still of those that were signed for.
            Ok(call) => assert_eq!(
                call.service().signing_name(),
                service.signing_name(),
                "{text}"
            ),
        }
    }
    assert!(refusals > COUNT * 9 / 10, "{refusals}");
}

#[test]
fn invented_operations_are_refused_by_every_service() {
    for service in Catalog::embedded().services() {
        let Some(host) = service.standard_host("aws", "us-east-1") else {
            continue;
        };
        let name = service.signing_name();
        for selector in [
            format!(
                "POST https://{host}/\nContent-Type: application/x-amz-json-1.0\nX-Amz-Target: {}.EraseEverything\n\n{{}}",
                service.target_prefix()
            ),
            format!(
                "POST https://{host}/\nContent-Type: application/x-amz-json-1.1\nX-Amz-Target: {}.\n\n{{}}",
                service.target_prefix()
            ),
            format!(
                "POST https://{host}/\nContent-Type: application/x-www-form-urlencoded\n\nAction=EraseEverything&Version={}",
                service.api_version()
            ),
            format!(
                "POST https://{host}/service/{}/operation/EraseEverything\nsmithy-protocol: rpc-v2-cbor",
                service.rpc_name()
            ),
            format!("ERASE https://{host}/a/b/c"),
            format!("PATCH https://{host}/cordon-invented/a/b/c/d/e/f/g/h/i/j/k/l/m"),
        ] {
            let Some(sent) = parse(name, &selector) else {
                continue;
            };
            let outcome = outcome(&sent);
            assert!(!outcome.contains(':'), "{selector} is {outcome}");
        }
    }
}

/// The request, unless the service's host is one of a customer's own.
fn parse(service: &str, text: &str) -> Option<Sent> {
    let host = text.split("://").nth(1)?.split('/').next()?;
    Destination::parse(host, &own_hosts()).ok()?;
    Some(Sent::parse(service, "us-east-1", text))
}
