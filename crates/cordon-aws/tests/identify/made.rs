//! Requests made from the catalog's models: for any operation beside one of the sample, every
//! parameter filled, as `emit` writes it.
//!
//! What botocore writes is in the sample; what it does not write (an odd name, an empty list, a
//! member that few use) is made here.

use super::corpus::SAMPLE;
use super::{Sent, own_hosts};
use cordon_aws::call::{Call, Protocol};
use cordon_aws::catalog::{Location, Member, Shape, ShapeKind};
use cordon_aws::emit::{HostStyle, emit};
use cordon_aws::endpoint::Destination;
use cordon_aws::value::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A request, and the call that it was made of.
pub(crate) struct Made {
    pub(crate) sent: Sent,
    pub(crate) call: Call,
}

/// How deep all parameters are filled. Shapes hold themselves, so that below it only those are
/// that hold nothing more, or one where there is no such.
const DEEPEST: usize = 5;

/// Every `step`-th operation of each service that the sample has, from the `first` on, with all
/// of its parameters.
pub(crate) fn requests(first: usize, step: usize) -> impl Iterator<Item = Made> {
    let mut seen = BTreeSet::new();
    SAMPLE
        .lines()
        .filter_map(|line| {
            let (sent, ..) = Sent::of_line(line);
            let call = sent.identify().ok()?;
            Some((sent, call))
        })
        .filter(move |(_, call)| seen.insert((call.service().name(), call.protocol())))
        .flat_map(move |(sent, call)| {
            let operations = call.service().operations().skip(first).step_by(step);
            operations
                .filter_map(|operation| beside(&sent, &call, operation.name()))
                .collect::<Vec<_>>()
        })
}

/// The request of another operation that is sent as `sent` is.
fn beside(sent: &Sent, call: &Call, operation: &str) -> Option<Made> {
    let shape = call.service().operation(operation)?.input();
    let seed = operation.len();
    let parameters = match shape {
        Some(shape) => Maker::new(call.protocol(), seed).structure(shape, true, 0),
        None => Value::Structure(BTreeMap::new()),
    };
    let call = call.beside(operation, parameters)?;
    let emission = emit(&call, HostStyle::Aws);
    let destination = Destination::parse(&emission.host, &own_hosts()).ok()?;
    let sent = sent.again(&emission, destination);
    Some(Made { sent, call })
}

fn holds_others(member: Member) -> bool {
    use ShapeKind::{List, Map, Structure, Union};
    matches!(member.shape().kind(), Structure | Union | List | Map)
}

/// Makes values that are in the one form that identification gives them.
struct Maker {
    protocol: Protocol,
    count: usize,
}

impl Maker {
    fn new(protocol: Protocol, seed: usize) -> Self {
        Self {
            protocol,
            count: seed,
        }
    }

    fn structure(&mut self, shape: Shape, top: bool, depth: usize) -> Value {
        let rest = top && matches!(self.protocol, Protocol::RestJson | Protocol::RestXml);
        let payload = rest
            && shape
                .members()
                .any(|member| member.location() == Location::Payload);
        let mut members = BTreeMap::new();
        for member in shape.members() {
            let location = if rest {
                member.location()
            } else {
                Location::Body
            };
            // Beside a payload nothing else is in the body.
            let absent = payload && location == Location::Body;
            if absent || depth >= DEEPEST && holds_others(member) && !member.required() {
                continue;
            }
            members.insert(member.name().into(), self.member(member, location, depth));
            if shape.kind() == ShapeKind::Union {
                return Value::Structure(members);
            }
        }
        // The query protocols cannot write a structure without members, nor JSON such a union.
        if let (true, Some(member)) = (members.is_empty() && !top, shape.members().next()) {
            members.insert(
                member.name().into(),
                self.member(member, Location::Body, depth),
            );
        }
        Value::Structure(members)
    }

    fn member(&mut self, member: Member, location: Location, depth: usize) -> Value {
        let shape = member.shape();
        let one = |value| Value::List(vec![value]);
        match shape.kind() {
            ShapeKind::Structure | ShapeKind::Union => self.structure(shape, false, depth + 1),
            ShapeKind::List => match shape.item() {
                Some(item) if depth < 2 * DEEPEST => one(self.member(item, location, depth + 1)),
                _ => Value::List(Vec::new()),
            },
            ShapeKind::Map => match shape.entry() {
                Some((_, value)) if depth < 2 * DEEPEST => {
                    let key = self.key(location);
                    let value = self.member(value, location, depth + 1);
                    Value::Map(BTreeMap::from([(key.into(), value)]))
                }
                _ => Value::Map(BTreeMap::new()),
            },
            ShapeKind::String if member.json_value() && location == Location::Header => {
                Value::Document(r#"{"a":1}"#.into())
            }
            ShapeKind::String => Value::String(self.text(location, member).into()),
            ShapeKind::Boolean => Value::Bool(true),
            ShapeKind::Integer => Value::Integer(self.next().to_string().into()),
            ShapeKind::Float => Value::Float("1.5".into()),
            ShapeKind::Blob => Value::Blob(self.text(location, member).into_bytes().into()),
            ShapeKind::Timestamp => Value::Timestamp("1700000000".into()),
            ShapeKind::Document => Value::Document(r#"{"a":[1,"b"]}"#.into()),
        }
    }

    fn next(&mut self) -> usize {
        self.count += 1;
        self.count
    }

    /// A key that is its own in headers and in the query.
    fn key(&mut self, location: Location) -> String {
        let number = self.next();
        match location {
            Location::Headers | Location::Header => format!("key-{number}"),
            _ => format!("Key {number}&=+/%"),
        }
    }

    /// Text with what has to be escaped where it travels.
    fn text(&mut self, location: Location, member: Member) -> String {
        let number = self.next();
        let odd = [
            "&=",
            "a b",
            "+%2F",
            "<\u{e9}>",
            "\u{1f680}",
            "\"\\",
            "../",
            "{}",
            "?#;",
            "\u{2028}",
        ];
        let odd = odd
            .get(number % (odd.len() * 2))
            .copied()
            .unwrap_or_default();
        match location {
            Location::Uri if member.host_label() => format!("label-{number}"),
            // Dots and slashes are segments to many who read a path.
            Location::Uri => format!("name-{number}{}", odd.replace("../", "")),
            Location::Header | Location::Headers => format!("header, {number}"),
            _ => format!("{}-{number}{odd}", member.name()),
        }
    }
}
