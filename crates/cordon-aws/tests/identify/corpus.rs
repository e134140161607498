//! Requests as botocore makes them, one of 55 operations of every service: each is its own
//! operation, and what is emitted for it is the same call again.

use super::{Sent, own_hosts};
use cordon_aws::catalog::Catalog;
use cordon_aws::emit::{HostStyle, emit};
use cordon_aws::endpoint::Destination;

pub(crate) const SAMPLE: &str = include_str!("../../../../tests/corpus/sample.jsonl");

/// Services that are refused on purpose.
const REFUSED: &[&str] = &["importexport", "sdb"];

/// Whether two operations are one request on the wire and one action to IAM.
pub(crate) fn are_twins(one: (&str, &str), other: (&str, &str)) -> bool {
    let operation = |(service, name)| Catalog::embedded().service(service)?.operation(name);
    match (operation(one), operation(other)) {
        (Some(one), Some(other)) => {
            one.service().iam_prefix() == other.service().iam_prefix()
                && (one.name() == other.name()
                    || format!("{}Configuration", one.name()) == other.name())
        }
        _ => false,
    }
}

#[test]
fn every_request_is_its_own_operation() {
    let mut misses = Vec::new();
    for line in SAMPLE.lines() {
        let (sent, service, operation) = Sent::of_line(line);
        let expected = (service.as_str(), operation.as_str());
        match sent.identify() {
            Ok(call) => {
                let found = (call.service().name(), call.operation().name());
                if found != expected && !are_twins(expected, found) {
                    misses.push(format!("{expected:?} is {found:?}"));
                }
            }
            Err(_) if REFUSED.contains(&expected.0) => {}
            Err(error) => misses.push(format!("{expected:?}: {error:?}")),
        }
    }
    assert!(misses.is_empty(), "{misses:#?}");
}

#[test]
fn what_is_emitted_is_the_same_call() {
    for line in SAMPLE.lines() {
        let (sent, service, operation) = Sent::of_line(line);
        let Ok(call) = sent.identify() else {
            continue;
        };
        let emission = emit(&call, HostStyle::Aws);
        let host = Destination::parse(&emission.host, &own_hosts()).unwrap();
        let again = sent.again(&emission, host);
        let second = again.identify().unwrap_or_else(|error| {
            panic!("{service}:{operation}: {error:?}\n{emission:?}");
        });
        assert_eq!(second.operation(), call.operation());
        assert_eq!(
            second.parameters(),
            call.parameters(),
            "{service}:{operation}"
        );
        let repeated = emit(&second, HostStyle::Aws);
        assert_eq!(
            format!("{repeated:?}"),
            format!("{emission:?}"),
            "{service}:{operation}"
        );
    }
}

#[test]
fn the_sample_has_every_protocol() {
    let mut protocols: Vec<&str> = SAMPLE
        .lines()
        .filter_map(|line| Sent::of_line(line).0.identify().ok())
        .map(|call| call.protocol().as_str())
        .collect();
    protocols.sort_unstable();
    protocols.dedup();
    assert_eq!(
        protocols,
        [
            "ec2",
            "json",
            "query",
            "rest-json",
            "rest-xml",
            "smithy-rpc-v2-cbor"
        ]
    );
}
