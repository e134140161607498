//! Two wholes beside each other, the one that is there and the one that a call puts in its place: what
//! is left out, what is new, and what is another.
//!
//! ```text
//!   there                          put in its place              left out
//!   Rule keep-logs {Days, Filter}  Rule keep-logs {Filter}       Rule keep-logs.Days
//!   Rule old                                                     Rule old
//!   Rule (no name) {a}             Rule (no name) {a, b}
//! ```
//! Compared is what is meant, never how it is written: documents in texts are read, the order of items
//! and who has a name of its own do not matter. A value in the place of another leaves nothing out; an
//! item of a list that is gone does. A number or a truth that is not said is its default, and AWS tells
//! defaults: only in a document is it left out.

use super::tree;
use cordon_aws::call::{Call, Protocol};
use cordon_aws::catalog::{Member, Shape, ShapeKind};
use cordon_aws::value::Value;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeSet, HashMap};

/// Pairs of items that are compared with one another at the most: beyond that each counts as left out.
const PAIRS: usize = 100_000;

/// A part of a whole, by its name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) value: Json,
}

/// What two wholes differ in.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// What only the first has.
    pub(super) left_out: Vec<Part>,
    /// Items that only the second has.
    pub(super) new: Vec<Part>,
    /// What both have by the same name, each time another.
    pub(super) other: Vec<(String, Json, Json)>,
    /// Whether it is asked if two items without a common name are one: then only numbers may change.
    of_strangers: bool,
    depth: Depth,
}

/// How much of items with the same name is compared.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// All that they say.
    #[default]
    Whole,
    /// Nothing: AWS tells defaults in them that nobody said.
    Names,
}

/// A whole as somebody said it.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) tree: Json,
    /// Whether it stands in a document of its own.
    in_document: bool,
}

/// What a call says of a parameter, in the names of the wire: answers have those. A document in a text
/// is gone into. Nothing where it says nothing.
pub(super) fn said(call: &Call, path: &str) -> Option<Said> {
    let mut shape = call.operation().input();
    let mut value = call.parameters();
    let mut steps = path.split('.');
    while let Some(step) = steps.next() {
        value = value.get(step)?;
        shape = shape.and_then(|it| it.member(step)).map(Member::shape);
        if let Value::String(text) = value {
            let rest: Vec<&str> = steps.collect();
            let tree = in_document(&Json::String(text.to_string()), &rest.join("."))?;
            let in_document = !rest.is_empty();
            return Some(Said { tree, in_document });
        }
    }
    (*value != Value::Null).then(|| Said {
        tree: on_wire(value, shape, call.protocol()),
        in_document: false,
    })
}

/// What was read at a path, without what the call has no parameters for: times and ids that AWS gives are
/// not left out by anybody. A document in a text is whole.
pub(super) fn there(call: &Call, parameter: &str, tree: &Json, path: &str) -> Option<Json> {
    let mut shape = call.operation().input();
    for step in parameter.split('.') {
        shape = shape.and_then(|it| it.member(step)).map(Member::shape);
    }
    let part = in_document(tree, path)?;
    Some(match shape {
        Some(shape) => settable(&part, shape, call.protocol()),
        None => part,
    })
}

fn settable(tree: &Json, shape: Shape, protocol: Protocol) -> Json {
    match (shape.kind(), tree) {
        (ShapeKind::List, Json::Array(items)) => match shape.item() {
            Some(item) => items
                .iter()
                .map(|tree| settable(tree, item.shape(), protocol))
                .collect(),
            None => tree.clone(),
        },
        // A list of one, as XML writes it.
        (ShapeKind::List, Json::Object(_)) => match shape.item() {
            Some(item) => settable(tree, item.shape(), protocol),
            None => tree.clone(),
        },
        (ShapeKind::Map, Json::Object(entries)) => {
            let value = shape.entry().map(|(_, value)| value.shape());
            let entries = entries.iter().map(|(key, tree)| {
                let tree = value.map_or_else(|| tree.clone(), |it| settable(tree, it, protocol));
                (key.clone(), tree)
            });
            entries.collect::<Map<_, _>>().into()
        }
        (ShapeKind::Structure | ShapeKind::Union, Json::Object(members)) => {
            let mut known = Map::new();
            for member in shape.members() {
                let Some(tree) = members.get(member.wire_name()) else {
                    continue;
                };
                let inner =
                    element(member, protocol).and_then(|item| Some((item, tree.get(item)?)));
                let tree = match inner {
                    Some((item, tree)) => {
                        let tree = settable(tree, member.shape(), protocol);
                        Json::Object([(item.to_owned(), tree)].into_iter().collect())
                    }
                    None => settable(tree, member.shape(), protocol),
                };
                let _ = known.insert(member.wire_name().to_owned(), tree);
            }
            known.into()
        }
        _ => tree.clone(),
    }
}

/// The part at a path of what was read; texts on the way are documents.
fn in_document(tree: &Json, path: &str) -> Option<Json> {
    let mut part = tree::document(tree);
    for step in path.split('.').filter(|step| !step.is_empty()) {
        part = tree::document(&tree::one(&part, step)?);
    }
    (!is_empty(&part)).then_some(part)
}

fn on_wire(value: &Value, shape: Option<Shape>, protocol: Protocol) -> Json {
    match value {
        Value::Structure(members) => {
            let mut object = Map::new();
            for (name, value) in members {
                let member = shape.and_then(|shape| shape.member(name));
                let inner = member.map(Member::shape);
                let name = member.map_or_else(|| &**name, |it| it.wire_name());
                let value = on_wire(value, inner, protocol);
                let value = match member.and_then(|member| element(member, protocol)) {
                    // The items of an XML list have a name as well.
                    Some(item) => Json::Object([(item.to_owned(), value)].into_iter().collect()),
                    None => value,
                };
                let _ = object.insert(name.to_owned(), value);
            }
            object.into()
        }
        Value::List(items) => {
            let item = shape.and_then(Shape::item).map(Member::shape);
            items
                .iter()
                .map(|value| on_wire(value, item, protocol))
                .collect()
        }
        Value::Map(entries) => {
            let entry = shape.and_then(Shape::entry).map(|(_, value)| value.shape());
            let entries = entries.iter();
            entries
                .map(|(key, value)| (key.to_string(), on_wire(value, entry, protocol)))
                .collect::<Map<_, _>>()
                .into()
        }
        other => tree::of_value(other, shape, false),
    }
}

/// The name of the elements of a list of REST XML that stand in one of its own.
fn element(member: Member, protocol: Protocol) -> Option<&'static str> {
    let shape = member.shape();
    let is_wrapped = protocol == Protocol::RestXml
        && shape.kind() == ShapeKind::List
        && !shape.flattened()
        && !member.flattened();
    let item = shape.item().filter(|_| is_wrapped)?;
    let name = match item.has_wire_name() {
        true => item.wire_name(),
        false => "member",
    };
    (!matches!(name, "member" | "item")).then_some(name)
}

/// What `before` and `after` differ in; items with the same `key` are the same.
pub(super) fn compare(
    name: &str,
    before: Option<&Json>,
    after: Option<&Said>,
    key: Option<&str>,
    depth: Depth,
) -> Difference {
    let mut difference = Difference {
        depth,
        ..Difference::default()
    };
    let before = before.map_or(Json::Null, even);
    let (put, in_document) = match after {
        Some(said) => (even(&said.tree), said.in_document),
        None => (Json::Null, false),
    };
    difference.parts(name, &before, &put, key);
    if !in_document {
        difference.left_out.retain(|part| !is_default(&part.value));
    }
    difference
}

/// The same for equal meanings: a list of one structure is that structure, and members are in order.
pub(super) fn even(tree: &Json) -> Json {
    match tree::document(tree) {
        Json::Array(items) => {
            let mut items: Vec<Json> = items.iter().map(even).collect();
            // One text in a list stays a list: another in its place leaves it out.
            match items.as_slice() {
                [Json::Object(_)] => items.swap_remove(0),
                _ => Json::Array(items),
            }
        }
        Json::Object(members) => {
            let mut members: Vec<(String, Json)> = members
                .iter()
                .map(|(name, tree)| (name.clone(), even(tree)))
                .collect();
            members.sort_by(|one, other| one.0.cmp(&other.0));
            members.into_iter().collect::<Map<_, _>>().into()
        }
        scalar => scalar,
    }
}

/// Whether it is a number, or a truth.
fn is_default(tree: &Json) -> bool {
    match tree {
        Json::Object(members) => members.values().all(is_default),
        Json::Array(_) => false,
        scalar => tree::text(scalar)
            .is_none_or(|text| matches!(&*text, "true" | "false") || text.parse::<f64>().is_ok()),
    }
}

impl Difference {
    fn lacks(&mut self, name: &str, value: &Json) {
        self.left_out.push(Part {
            name: name.to_owned(),
            value: value.clone(),
        });
    }

    fn parts(&mut self, name: &str, before: &Json, after: &Json, key: Option<&str>) {
        let (before, after) = (&tree::document(before), &tree::document(after));
        match (before, after) {
            _ if is_empty(before) && is_empty(after) => {}
            _ if is_empty(before) => self.items(name, &[], tree::flat(after), key),
            _ if is_empty(after) => self.items(name, tree::flat(before), &[], key),
            (Json::Array(_), _) | (_, Json::Array(_)) => {
                self.items(name, tree::flat(before), tree::flat(after), key);
            }
            // A list of one.
            (Json::Object(_), Json::Object(_)) if key.is_some() => {
                self.items(name, tree::flat(before), tree::flat(after), key);
            }
            (Json::Object(there), Json::Object(put)) => {
                for (member, value) in there {
                    let after = put.get(member).unwrap_or(&Json::Null);
                    self.parts(&format!("{name}.{member}"), value, after, None);
                }
            }
            (Json::Object(_), _) => self.lacks(name, before),
            _ if self.of_strangers && !may_change(before, after) => self.lacks(name, before),
            _ => {}
        }
    }

    fn items(&mut self, name: &str, before: &[Json], after: &[Json], key: Option<&str>) {
        let is_scalar = |item: &Json| !item.is_object() && !item.is_array();
        if before.iter().chain(after).all(is_scalar) {
            let texts = |items: &[Json]| items.iter().filter_map(tree::text).collect();
            let (there, put): (BTreeSet<String>, BTreeSet<String>) = (texts(before), texts(after));
            let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
                let only = one.difference(other).map(|text| Part {
                    name: name.to_owned(),
                    value: text.as_str().into(),
                });
                only.collect::<Vec<_>>()
            };
            self.left_out.extend(only(&there, &put));
            self.new.extend(only(&put, &there));
            return;
        }
        let mut free: Vec<&Json> = after.iter().collect();
        let mut open = Vec::new();
        for item in before {
            match named(item, key).and_then(|of| {
                free.iter()
                    .position(|other| named(other, key).as_ref() == Some(&of))
            }) {
                Some(at) => {
                    let other = free.swap_remove(at);
                    let name = label(name, item, key);
                    if self.depth == Depth::Whole {
                        self.parts(&name, item, other, None);
                    }
                    if !tree::same(Some(item), Some(other)) {
                        self.other.push((name, item.clone(), other.clone()));
                    }
                }
                None => open.push(item),
            }
        }
        let open = without_same(open, &mut free, key);
        let mut pairs = PAIRS;
        for item in open {
            let plain = without(item, key);
            let is_in = |other: &&Json| {
                let mut inner = Self {
                    of_strangers: true,
                    ..Self::default()
                };
                inner.parts("", &plain, other, None);
                inner.left_out.is_empty()
            };
            let found = match pairs.checked_sub(free.len()) {
                Some(left) => {
                    pairs = left;
                    free.iter().position(is_in)
                }
                None => None,
            };
            match found {
                Some(at) => drop(free.swap_remove(at)),
                None => self.lacks(&label(name, item, key), item),
            }
        }
        let new = free.into_iter().map(|item| Part {
            name: label(name, item, key),
            value: item.clone(),
        });
        self.new.extend(new);
    }
}

/// Whether one value may stand in the place of another in what is still the same item.
fn may_change(one: &Json, other: &Json) -> bool {
    let (one, other) = (tree::text(one), tree::text(other));
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    match (one, other) {
        // S3 writes `Prefix` where it was told `prefix`.
        (Some(one), Some(other)) => {
            one.eq_ignore_ascii_case(&other) || (is_number(&one) && is_number(&other))
        }
        (one, other) => one == other,
    }
}

/// Those of `open` that nothing of `free` says as well; what says it is taken out of `free`.
fn without_same<'j>(
    open: Vec<&'j Json>,
    free: &mut Vec<&Json>,
    key: Option<&str>,
) -> Vec<&'j Json> {
    let text = |item: &Json| tree::plain(&without(item, key)).to_string();
    let mut there: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, item) in free.iter().enumerate() {
        there.entry(text(item)).or_default().push(at);
    }
    let mut taken = BTreeSet::new();
    let left = open.into_iter().filter(|item| {
        let same = there.get_mut(&text(item)).and_then(Vec::pop);
        same.map(|at| taken.insert(at)).is_none()
    });
    let left = left.collect();
    let mut at = 0;
    free.retain(|_| {
        at += 1;
        !taken.contains(&(at - 1))
    });
    left
}

/// The name of an item, where it has one.
fn named(item: &Json, key: Option<&str>) -> Option<String> {
    item.get(key?).and_then(tree::text)
}

fn label(name: &str, item: &Json, key: Option<&str>) -> String {
    match named(item, key) {
        Some(of) => format!("{name} {of}"),
        None => name.to_owned(),
    }
}

/// The item without its name, which may be given anew.
fn without(item: &Json, key: Option<&str>) -> Json {
    let mut item = item.clone();
    if let (Json::Object(members), Some(key)) = (&mut item, key) {
        let _ = members.remove(key);
    }
    item
}

fn is_empty(tree: &Json) -> bool {
    tree::plain(tree).is_null()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(before: &Json, after: &Json, key: Option<&str>, left_out: &[&str]) {
        let said = Said {
            tree: after.clone(),
            in_document: false,
        };
        let difference = compare("Rule", Some(before), Some(&said), key, Depth::Whole);
        let names: Vec<&str> = difference.left_out.iter().map(|it| &*it.name).collect();
        assert_eq!(names, left_out, "{before} {after}");
    }

    #[test]
    fn what_is_not_put_again_is_left_out() {
        let there = json!([{ "ID": "a", "Class": "COLD", "Filter": { "Prefix": "x" } }, { "ID": "b", "Days": 4 }]);
        let id = Some("ID");
        check(&there, &json!([]), id, &["Rule a", "Rule b"]);
        check(&there, &Json::Null, id, &["Rule a", "Rule b"]);
        check(&there, &json!([{ "ID": "b", "Days": 4 }]), id, &["Rule a"]);
        // A part of a rule that stays.
        let less = json!([{ "ID": "b", "Days": 4 }, { "ID": "a", "Filter": { "Prefix": "x" } }]);
        check(&there, &less, id, &["Rule a.Class"]);
        check(
            &json!([{ "ID": "b", "Days": 4 }]),
            &json!([{ "ID": "b" }]),
            id,
            &[],
        );
        check(&json!(["a", "b"]), &json!(["b"]), None, &["Rule"]);
        check(
            &json!({ "PreSignUp": "f" }),
            &json!({ "PostSignUp": "f" }),
            None,
            &["Rule.PreSignUp"],
        );
    }

    #[test]
    fn what_is_put_again_changed_added_or_said_otherwise_is_not() {
        let there = json!([{ "ID": "a", "Days": "3" }, { "Origin": "o", "Method": ["GET"] }]);
        let id = Some("ID");
        for after in [
            there.clone(),
            json!([{ "Origin": ["o"], "Method": "GET", "Age": 5 }, { "ID": "a", "Days": 3 }]),
            json!([{ "ID": "a", "Days": 9 }, { "Origin": ["o", "p"], "Method": ["GET", "PUT"] }, { "ID": "c" }]),
            // Another name for the same rule.
            json!([{ "ID": "z", "Days": 3 }, { "ID": "y", "Origin": ["o"], "Method": ["GET"] }]),
        ] {
            check(&there, &after, id, &[]);
        }
        // An origin that may no longer is left out, whatever else it is replaced by.
        let other = json!([{ "ID": "a", "Days": 3 }, { "Origin": ["p"], "Method": ["GET"] }]);
        check(&there, &other, id, &["Rule"]);
        let (one, other) = (
            json!([{ "ID": "a", "Prefix": "p", "Days": 3 }]),
            json!([{ "ID": "b", "Prefix": "q", "Days": 3 }]),
        );
        check(&one, &other, id, &["Rule a"]);
    }

    #[test]
    fn two_alike_are_two() {
        let one = json!({ "Origin": "o" });
        check(&json!([one, one]), &json!([one]), None, &["Rule"]);
        check(&json!([one, one]), &json!([one, one]), None, &[]);
    }

    #[test]
    fn many_items_are_compared_in_bounded_work() {
        let rules = |from: usize| -> Json {
            let rules = (from..from + 3_000).map(|number| json!({ "At": format!("a{number}") }));
            rules.collect()
        };
        let said = Said {
            tree: rules(1_500),
            in_document: false,
        };
        let difference = compare("Rule", Some(&rules(0)), Some(&said), None, Depth::Whole);
        assert_eq!(difference.left_out.len(), 1_500);
    }
}
