//! What was found, held against what is expected, and counted.
//!
//! The region and partition that are expected are those that the client was set to, or those of
//! `global.tsv`; the signature of the request, which Cordon reads, has no part in them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use cordon_aws::catalog::{Catalog, Operation};
use cordon_tests::ACCOUNT;
use serde_json::Value;

use crate::exceptions::Exceptions;
use crate::making::Made;

/// Another account and region, which the corpus puts into ARNs that are given instead of names.
const ELSEWHERE: [&str; 2] = ["444455556666", "us-east-2"];

/// What was counted. `known` is where the truth is known, `exact` where Cordon says the same.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) operations: usize,
    pub(crate) made: usize,
    pub(crate) named: usize,
    pub(crate) equivalent: usize,
    pub(crate) refused: usize,
    pub(crate) foreign: usize,
    pub(crate) placed: usize,
    pub(crate) actions: Share,
    pub(crate) resources: Share,
    pub(crate) destroys: Share,
}

/// How many of what is known is exact.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Share {
    pub(crate) known: usize,
    pub(crate) exact: usize,
}

impl Share {
    fn count(&mut self, exact: bool) {
        self.known += 1;
        self.exact += usize::from(exact);
    }

    /// Whether at least so many of a thousand are exact.
    pub(crate) fn reaches(self, of_thousand: usize) -> bool {
        self.exact * 1000 >= self.known * of_thousand
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        let shares = [
            (&mut self.actions, other.actions),
            (&mut self.resources, other.resources),
            (&mut self.destroys, other.destroys),
        ];
        for (own, other) in shares {
            own.known += other.known;
            own.exact += other.exact;
        }
        self.operations += other.operations;
        self.made += other.made;
        self.named += other.named;
        self.equivalent += other.equivalent;
        self.refused += other.refused;
        self.foreign += other.foreign;
        self.placed += other.placed;
    }
}

/// Everything that was counted, and everything that is neither right nor listed.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) makings: BTreeMap<&'static str, Tally>,
    pub(crate) services: BTreeMap<String, Tally>,
    pub(crate) protocols: BTreeMap<&'static str, Tally>,
    /// Operations by service, so that each is counted once.
    operations: BTreeSet<String>,
    /// Rows that the lists would need.
    pub(crate) wrong: BTreeSet<String>,
}

/// The lists of exceptions.
pub(crate) struct Lists {
    pub(crate) unmade: Exceptions,
    pub(crate) refused: Exceptions,
    pub(crate) equivalents: Exceptions,
    pub(crate) differing: Exceptions,
}

impl Lists {
    pub(crate) fn read() -> Self {
        Self {
            unmade: Exceptions::read("unmade.tsv"),
            refused: Exceptions::read("refused.tsv"),
            equivalents: Exceptions::read("equivalents.tsv"),
            differing: Exceptions::read("differing.tsv"),
        }
    }

    pub(crate) fn unneeded(&self) -> Vec<String> {
        let lists = [
            &self.unmade,
            &self.refused,
            &self.equivalents,
            &self.differing,
        ];
        lists.into_iter().flat_map(Exceptions::unneeded).collect()
    }
}

impl Measured {
    pub(crate) fn add(&mut self, making: &'static str, made: &[Made], lists: &mut Lists) {
        for one in made {
            let mut tally = Tally::default();
            let found = match &one.outcome {
                Err(why) => {
                    let kind = why.split(':').next().unwrap_or_default();
                    self.hold(&mut lists.unmade, making, &one.id, kind);
                    None
                }
                Ok(found) => {
                    tally.made = 1;
                    self.weigh(making, one, found, &mut tally, lists);
                    Some(found)
                }
            };
            self.count(making, one, found, tally);
        }
    }

    fn weigh(
        &mut self,
        making: &'static str,
        one: &Made,
        found: &Value,
        tally: &mut Tally,
        lists: &mut Lists,
    ) {
        if let Some(code) = found["error"]["code"].as_str() {
            // The host is of one partition and the signature of another.
            let foreign = one.expected["foreign"] == true && code == "host-scope-mismatch";
            tally.foreign = usize::from(foreign);
            tally.refused = usize::from(!foreign);
            return match foreign {
                true => (),
                false => self.hold(&mut lists.refused, making, &one.id, code),
            };
        }
        if one.expected["foreign"] == true {
            self.miss(
                "refused.tsv",
                making,
                &one.id,
                "taken, though of two partitions",
            );
        }
        let name = format!("{}:{}", text(found, "service"), text(found, "operation"));
        tally.named = 1;
        if name != one.id {
            tally.equivalent = 1;
            self.hold(&mut lists.equivalents, making, &one.id, &name);
            // Where the truth is known, the actions that were found are held against it below.
            if one.expected["actions"].is_null() && actions(&name) != actions(&one.id) {
                self.miss("equivalents.tsv", making, &one.id, "needs other actions");
            }
        }
        let placed = is_placed(found, &one.expected, name != one.id);
        tally.placed = usize::from(placed);
        if !placed {
            let place = format!("in {} {}", text(found, "region"), text(found, "partition"));
            self.miss("global.tsv", making, &one.id, &place);
        }
        for arn in foreign_arns(found, &one.expected) {
            self.miss("foreign", making, &one.id, &arn);
        }
        self.weigh_meaning(making, one, found, tally, lists);
    }

    /// Actions, resources and what is destroyed, where they are known.
    fn weigh_meaning(
        &mut self,
        making: &'static str,
        one: &Made,
        found: &Value,
        tally: &mut Tally,
        lists: &mut Lists,
    ) {
        let expected = &one.expected;
        fn of_text(value: &Value) -> BTreeSet<&str> {
            texts(value).into_iter().collect()
        }
        if expected["actions"].is_array() {
            let exact = of_text(&found["iam_actions"]) == of_text(&expected["actions"]);
            tally.actions.count(exact);
            if !exact {
                self.hold(&mut lists.differing, making, &one.id, "actions");
            }
        }
        let wanted = of_text(&expected["resources"]);
        if !wanted.is_empty() {
            let mut named = of_text(&found["resources"]);
            // What a call may touch without naming it says nothing of what it names.
            named.retain(|arn| *arn != "*" && !texts(&expected["open"]).contains(arn));
            tally.resources.count(named == wanted);
            if named != wanted {
                let how = match (named.is_superset(&wanted), named.is_subset(&wanted)) {
                    (true, _) => "more resources",
                    (_, true) => "fewer resources",
                    _ => "other resources",
                };
                self.hold(&mut lists.differing, making, &one.id, how);
            }
        }
        if expected["destroys"] == true {
            let exact = found["destructive"] == true;
            tally.destroys.count(exact);
            if !exact {
                self.hold(&mut lists.differing, making, &one.id, "destroys nothing");
            }
        }
    }

    fn count(&mut self, making: &'static str, one: &Made, found: Option<&Value>, tally: Tally) {
        let service = one.id.split(':').next().unwrap_or_default();
        let own = operation(&one.id).and_then(|own| own.service().protocols().first().copied());
        let spoken = found.and_then(|found| found["protocol"].as_str());
        let protocol = PROTOCOLS
            .into_iter()
            .find(|name| Some(*name) == spoken.or(own.map(|own| own.as_str())))
            .expect("a protocol of the catalog");
        let once = Tally {
            operations: usize::from(self.operations.insert(one.id.clone())),
            ..tally
        };
        let anew = Tally {
            operations: 1,
            ..tally
        };
        *self.makings.entry(making).or_default() += anew;
        *self.services.entry(service.to_owned()).or_default() += once;
        *self.protocols.entry(protocol).or_default() += once;
    }

    fn hold(&mut self, list: &mut Exceptions, making: &str, id: &str, found: &str) {
        if !list.has(making, id, found) {
            let name = list.name;
            self.miss(name, making, id, found);
        }
    }

    fn miss(&mut self, list: &str, making: &str, id: &str, found: &str) {
        let id = id.replace(':', "\t");
        self.wrong
            .insert(format!("{list}\t{making}\t{id}\t{found}"));
    }

    /// All makings together.
    pub(crate) fn total(&self) -> Tally {
        let mut total = Tally::default();
        for tally in self.services.values() {
            total += *tally;
        }
        total
    }
}

pub(crate) const PROTOCOLS: [&str; 6] = [
    "ec2",
    "json",
    "query",
    "rest-json",
    "rest-xml",
    "smithy-rpc-v2-cbor",
];

fn operation(id: &str) -> Option<Operation> {
    let (service, name) = id.split_once(':')?;
    Catalog::embedded().service(service)?.operation(name)
}

/// The actions that an operation can need.
fn actions(id: &str) -> BTreeSet<&'static str> {
    let rules = operation(id).into_iter().flat_map(|own| own.actions());
    rules.map(|rule| rule.handle().name()).collect()
}

/// Whether a call is said to be where its client is set to. An equivalent may have a region where
/// the service that was asked for has none.
fn is_placed(found: &Value, expected: &Value, equivalent: bool) -> bool {
    let region = text(found, "region");
    let there =
        region == text(expected, "region") || (equivalent && region == text(expected, "asked"));
    there && text(found, "partition") == text(expected, "partition")
}

/// ARNs in a place that neither the client nor any of the parameters names.
fn foreign_arns(found: &Value, expected: &Value) -> Vec<String> {
    let places = [
        text(expected, "region"),
        text(expected, "asked"),
        ELSEWHERE[1],
        "",
        "*",
    ];
    let owners = [ACCOUNT, ELSEWHERE[0], "", "*", "aws"];
    // The reference itself writes a region into the pattern of one type.
    let known = [texts(&expected["resources"]), texts(&expected["open"])].concat();
    let foreign = texts(&found["resources"]).into_iter().filter(|arn| {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let fits = match parts[..] {
            ["arn", partition, _, region, account, _] => {
                partition == text(expected, "partition")
                    && places.contains(&region)
                    && owners.contains(&account)
            }
            _ => *arn == "*",
        };
        !fits && !known.contains(arn)
    });
    foreign.map(str::to_owned).collect()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

fn texts(value: &Value) -> Vec<&str> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).collect()
}
