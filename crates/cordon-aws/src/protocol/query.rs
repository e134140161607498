//! The query protocol and EC2's variant of it: `Filter.1.Name=state&Filter.1.Value.1=running`.
//!
//! Takes decoded pairs; gives the structure that their dotted names spell. The names are first
//! gathered into a tree, then the model walks the tree and takes away what it knows: whatever is
//! left was not in the model and is refused.
//!
//! | | query | ec2 |
//! | --- | --- | --- |
//! | member name | `locationName` or the model's name | `queryName`, or `locationName` capitalised, or the model's name |
//! | list | `Name.member.1`, `Name.item.1` by the model, or flattened | always `Name.1` |
//! | empty list | `Name=` | cannot be written |
//! | map | `Name.entry.1.key`, `Name.entry.1.value` | none in the model |

use super::form::{Pair, push_pair};
use super::{Budget, MAX_DEPTH, Name, ParseError, scalar, timestamp, timestamp_format};
use crate::call::Protocol;
use crate::catalog::{Member, Service, Shape, ShapeKind, TimestampFormat};
use crate::value::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Which of the two ways of naming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Query,
    Ec2,
    /// Query as SQS had it before its model moved to JSON and lost the names of lists and maps.
    Sqs,
}

impl Dialect {
    /// The dialect in which `service` is called.
    pub(crate) fn of(service: Service, protocol: Protocol) -> Self {
        match (protocol, service.name()) {
            (Protocol::Ec2, _) => Self::Ec2,
            (_, "sqs") => Self::Sqs,
            _ => Self::Query,
        }
    }
}

/// SQS's names in the query protocol: the model's member, the name on the wire, and for maps the
/// names of key and value.
const SQS: &[(&str, &str, &str, &str)] = &[
    ("AWSAccountIds", "AWSAccountId", "", ""),
    ("Actions", "ActionName", "", ""),
    ("AttributeNames", "AttributeName", "", ""),
    ("Attributes", "Attribute", "Name", "Value"),
    ("BinaryListValues", "BinaryListValue", "", ""),
    ("MessageAttributeNames", "MessageAttributeName", "", ""),
    ("MessageAttributes", "MessageAttribute", "Name", "Value"),
    (
        "MessageSystemAttributeNames",
        "MessageSystemAttributeName",
        "",
        "",
    ),
    (
        "MessageSystemAttributes",
        "MessageSystemAttribute",
        "Name",
        "Value",
    ),
    ("StringListValues", "StringListValue", "", ""),
    ("TagKeys", "TagKey", "", ""),
    ("Tags", "Tag", "Key", "Value"),
    ("tags", "Tag", "Key", "Value"),
];

/// The row of [`SQS`] for `member`.
fn sqs_row(
    member: Member,
) -> Option<&'static (&'static str, &'static str, &'static str, &'static str)> {
    SQS.iter().find(|(name, ..)| *name == member.name())
}

/// Reads the parameters of one call; `pairs` no longer holds `Action` and `Version`.
pub(crate) fn parse(
    pairs: &[Pair<'_>],
    shape: Option<Shape>,
    dialect: Dialect,
) -> Result<Value, ParseError> {
    let mut root = Node::default();
    // Of their own: a name has more segments than it has values.
    let mut nodes = Budget::new();
    for pair in pairs {
        root.add(pair, &mut nodes)?;
    }
    let mut reader = Reader {
        dialect,
        budget: Budget::new(),
    };
    match shape {
        Some(shape) => reader.structure(root, shape),
        None => root.used_up("").map(|()| Value::Structure(BTreeMap::new())),
    }
}

/// Appends the pairs of `value` to `out`.
pub(crate) fn write(out: &mut String, value: &Value, shape: Shape, dialect: Dialect) {
    Writer { out, dialect }.structure("", value, shape);
}

/// One name segment: what was given for exactly this name, and what for names below it.
#[derive(Debug, Default)]
struct Node<'a> {
    value: Option<&'a str>,
    children: BTreeMap<&'a str, Node<'a>>,
}

impl<'a> Node<'a> {
    /// Adds what a pair gives, and spends `nodes` for each segment that is new: a few bytes of a
    /// name become as many nodes as it has dots.
    fn add(&mut self, pair: &'a Pair<'_>, nodes: &mut Budget) -> Result<(), ParseError> {
        let mut node = self;
        for (depth, segment) in pair.name.split('.').enumerate() {
            // Each level of nesting takes at most three segments: `Name.entry.1`.
            if depth >= 3 * MAX_DEPTH {
                return Err(ParseError::TooDeep);
            }
            if node.children.is_empty() {
                nodes.hold()?;
            }
            node = match node.children.entry(segment) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    nodes.spend()?;
                    new.insert(Node::default())
                }
            };
        }
        let value = pair
            .value
            .as_deref()
            .ok_or_else(|| ParseError::malformed("form body", "a parameter without `=`"))?;
        match node.value.replace(value) {
            None => Ok(()),
            Some(_) => Err(ParseError::Duplicate(Name::new(&pair.name))),
        }
    }

    /// Checks that nothing is left of this node; `at` is its own name.
    fn used_up(&self, at: &str) -> Result<(), ParseError> {
        match (self.value, self.children.keys().next()) {
            (None, None) => Ok(()),
            (Some(_), _) => Err(ParseError::Unknown(Name::new(at))),
            (None, Some(child)) if at.is_empty() => Err(ParseError::Unknown(Name::new(child))),
            (None, Some(child)) => Err(ParseError::Unknown(Name::new(&format!("{at}.{child}")))),
        }
    }

    /// The text of a node that may have nothing below it.
    fn text(&self, at: &str) -> Result<Option<&'a str>, ParseError> {
        match (self.value, self.children.keys().next()) {
            (value, None) => Ok(value),
            (_, Some(child)) => Err(ParseError::Unknown(Name::new(&format!("{at}.{child}")))),
        }
    }
}

struct Reader {
    dialect: Dialect,
    budget: Budget,
}

impl Reader {
    fn structure(&mut self, mut node: Node<'_>, shape: Shape) -> Result<Value, ParseError> {
        self.budget.enter()?;
        let mut members = BTreeMap::new();
        for member in shape.members() {
            if node.children.is_empty() {
                break;
            }
            if let Some(value) = self.named(&mut node, member)? {
                members.insert(member.name().into(), value);
            }
        }
        node.used_up("")?;
        self.budget.leave();
        let many = members.len() != 1;
        match shape.kind() == ShapeKind::Union && many {
            true => Err(ParseError::wrong_type(ShapeKind::Union, shape.name())),
            false => Ok(Value::Structure(members)),
        }
    }

    /// Takes the value of `member` out of `node`, if it is there.
    fn named(&mut self, node: &mut Node<'_>, member: Member) -> Result<Option<Value>, ParseError> {
        let name = name_of(member, self.dialect);
        let found = node.children.remove(&*name);
        // A flattened list goes by its item's name; only when it is empty by its own.
        let renamed = renamed_list(member, self.dialect)
            .filter(|renamed| *renamed != name)
            .and_then(|renamed| node.children.remove(renamed));
        match (found, renamed) {
            (None, None) => Ok(None),
            (Some(node), None)
                if !name_is_own(member, self.dialect) && !node.children.is_empty() =>
            {
                Err(ParseError::Unknown(Name::new(&name)))
            }
            (Some(node), None) | (None, Some(node)) => self.value(node, member).map(Some),
            (Some(_), Some(_)) => Err(ParseError::Duplicate(Name::new(&name))),
        }
    }

    fn value(&mut self, node: Node<'_>, member: Member) -> Result<Value, ParseError> {
        self.budget.spend()?;
        let shape = member.shape();
        match shape.kind() {
            ShapeKind::Structure | ShapeKind::Union if node.value.is_none() => {
                self.structure(node, shape)
            }
            ShapeKind::List => self.list(node, member),
            ShapeKind::Map => self.map(node, member),
            kind => {
                let text = node
                    .text(member.name())?
                    .ok_or_else(|| ParseError::wrong_type(kind, member.name()))?;
                let format = timestamp_format(member, TimestampFormat::Iso8601);
                scalar_value(text, kind, format)
                    .ok_or_else(|| ParseError::wrong_type(kind, member.name()))
            }
        }
    }

    fn list(&mut self, node: Node<'_>, member: Member) -> Result<Value, ParseError> {
        let item = member
            .shape()
            .item()
            .ok_or_else(|| ParseError::wrong_type(ShapeKind::List, member.name()))?;
        if node.value.is_some() {
            let empty = self.dialect != Dialect::Ec2 && node.text(member.name())? == Some("");
            return match empty {
                true => Ok(Value::List(Vec::new())),
                false => Err(ParseError::wrong_type(ShapeKind::List, member.name())),
            };
        }
        self.budget.enter()?;
        let numbered = match is_flat(member, self.dialect) {
            true => node,
            false => sole_child(node, item_name(item), member.name())?,
        };
        let items = in_order(numbered, member.name())?
            .into_iter()
            .map(|node| self.value(node, item))
            .collect::<Result<_, _>>()?;
        self.budget.leave();
        Ok(Value::List(items))
    }

    fn map(&mut self, node: Node<'_>, member: Member) -> Result<Value, ParseError> {
        let (key, value) = member
            .shape()
            .entry()
            .ok_or_else(|| ParseError::wrong_type(ShapeKind::Map, member.name()))?;
        self.budget.enter()?;
        let numbered = match is_flat(member, self.dialect) {
            true => node,
            false => sole_child(node, "entry", member.name())?,
        };
        let mut entries = BTreeMap::new();
        for mut entry in in_order(numbered, member.name())? {
            let (key_name, value_name) = entry_names(member, key, value, self.dialect);
            let key_node = entry.children.remove(key_name);
            let value_node = entry.children.remove(value_name);
            entry.used_up(member.name())?;
            let (Some(key_node), Some(value_node)) = (key_node, value_node) else {
                return Err(ParseError::wrong_type(ShapeKind::Map, member.name()));
            };
            let key = key_node.text(member.name())?.unwrap_or_default();
            let value = self.value(value_node, value)?;
            if entries.insert(key.into(), value).is_some() {
                return Err(ParseError::Duplicate(Name::new(key)));
            }
        }
        self.budget.leave();
        Ok(Value::Map(entries))
    }
}

/// The only child, which must be called `name`: `member` of `Names.member.1`.
fn sole_child<'a>(mut node: Node<'a>, name: &str, at: &str) -> Result<Node<'a>, ParseError> {
    let child = node.children.remove(name);
    node.used_up(at)?;
    child.ok_or_else(|| ParseError::wrong_type(ShapeKind::List, at))
}

/// The children of a numbered node, 1 to n without gaps, in order.
fn in_order<'a>(mut node: Node<'a>, at: &str) -> Result<Vec<Node<'a>>, ParseError> {
    if node.value.is_some() {
        return Err(ParseError::wrong_type(ShapeKind::List, at));
    }
    (1..=node.children.len())
        .map(|index| {
            node.children
                .remove(&*index.to_string())
                .ok_or_else(|| ParseError::Sparse(Name::new(at)))
        })
        .collect()
}

fn scalar_value(text: &str, kind: ShapeKind, format: TimestampFormat) -> Option<Value> {
    match kind {
        ShapeKind::String => Some(Value::String(text.into())),
        ShapeKind::Boolean => scalar::boolean(text).map(Value::Bool),
        ShapeKind::Integer => scalar::integer(text).map(Value::Integer),
        ShapeKind::Float => scalar::float(text).map(Value::Float),
        ShapeKind::Blob => scalar::base64(text).map(|bytes| Value::Blob(bytes.into())),
        ShapeKind::Timestamp => timestamp::parse(text, format).map(Value::Timestamp),
        _ => None,
    }
}

fn name_of(member: Member, dialect: Dialect) -> Cow<'static, str> {
    match dialect {
        Dialect::Query => member.wire_name().into(),
        Dialect::Sqs => match (sqs_row(member), member.shape().item()) {
            (Some((_, name, ..)), _) => (*name).into(),
            // `Entries` of the batch operations go by the name of their structure.
            (None, Some(item)) if member.name() == "Entries" => item.shape().name().into(),
            _ => member.wire_name().into(),
        },
        Dialect::Ec2 if !member.ec2_name().is_empty() => member.ec2_name().into(),
        Dialect::Ec2 => capitalised(member.wire_name()),
    }
}

/// A `locationName` is always capitalised in EC2 requests; names of the model already are.
fn capitalised(name: &'static str) -> Cow<'static, str> {
    match name.chars().next() {
        Some(first) if first.is_ascii_lowercase() => {
            let rest: String = name.chars().skip(1).collect();
            format!("{}{rest}", first.to_ascii_uppercase()).into()
        }
        _ => name.into(),
    }
}

/// The name that a flattened list's items give to the list itself (query only).
fn renamed_list(member: Member, dialect: Dialect) -> Option<&'static str> {
    let is_list = member.shape().kind() == ShapeKind::List;
    if dialect != Dialect::Query || !is_list || !member.flattened() {
        return None;
    }
    member
        .shape()
        .item()
        .filter(|item| item.has_wire_name())
        .map(Member::wire_name)
}

/// Whether a flattened list is written under its member's own name.
fn name_is_own(member: Member, dialect: Dialect) -> bool {
    renamed_list(member, dialect).is_none_or(|renamed| renamed == name_of(member, dialect))
}

fn is_flat(member: Member, dialect: Dialect) -> bool {
    dialect != Dialect::Query || member.flattened()
}

fn item_name(item: Member) -> &'static str {
    item.wire_name_or("member")
}

/// What key and value of a map's entries are called.
fn entry_names(
    map: Member,
    key: Member,
    value: Member,
    dialect: Dialect,
) -> (&'static str, &'static str) {
    match sqs_row(map).filter(|_| dialect == Dialect::Sqs) {
        Some((_, _, key, value)) => (key, value),
        None => (key.wire_name_or("key"), value.wire_name_or("value")),
    }
}

struct Writer<'o> {
    out: &'o mut String,
    dialect: Dialect,
}

impl Writer<'_> {
    fn structure(&mut self, prefix: &str, value: &Value, shape: Shape) {
        let Value::Structure(members) = value else {
            return;
        };
        for (name, value) in members {
            let Some(member) = shape.member(name) else {
                continue;
            };
            let own = name_of(member, self.dialect);
            let empty = matches!(value, Value::List(items) if items.is_empty());
            let written = match renamed_list(member, self.dialect).filter(|_| !empty) {
                Some(renamed) => renamed,
                None => &own,
            };
            let name = join(prefix, written);
            self.value(&name, value, member);
        }
    }

    fn value(&mut self, name: &str, value: &Value, member: Member) {
        match value {
            Value::Structure(_) => self.structure(name, value, member.shape()),
            Value::List(items) => self.list(name, items, member),
            Value::Map(entries) => self.map(name, entries, member),
            _ => {
                let format = timestamp_format(member, TimestampFormat::Iso8601);
                if let Some(text) = scalar_text(value, format) {
                    push_pair(self.out, name, &text);
                }
            }
        }
    }

    fn list(&mut self, name: &str, items: &[Value], member: Member) {
        let Some(item) = member.shape().item() else {
            return;
        };
        if items.is_empty() && self.dialect != Dialect::Ec2 {
            return push_pair(self.out, name, "");
        }
        let prefix = match is_flat(member, self.dialect) {
            true => name.to_owned(),
            false => join(name, item_name(item)),
        };
        for (index, value) in items.iter().enumerate() {
            self.value(&format!("{prefix}.{}", index + 1), value, item);
        }
    }

    fn map(&mut self, name: &str, entries: &BTreeMap<Box<str>, Value>, member: Member) {
        let Some((key_member, value_member)) = member.shape().entry() else {
            return;
        };
        let prefix = match is_flat(member, self.dialect) {
            true => name.to_owned(),
            false => join(name, "entry"),
        };
        for (index, (key, value)) in entries.iter().enumerate() {
            let entry = format!("{prefix}.{}", index + 1);
            let (key_name, value_name) =
                entry_names(member, key_member, value_member, self.dialect);
            push_pair(self.out, &join(&entry, key_name), key);
            self.value(&join(&entry, value_name), value, value_member);
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    match prefix {
        "" => name.to_owned(),
        _ => format!("{prefix}.{name}"),
    }
}

/// The text of a scalar in form bodies, XML, query strings and headers; nothing for the others.
pub(crate) fn scalar_text(value: &Value, format: TimestampFormat) -> Option<Cow<'_, str>> {
    match value {
        Value::Bool(value) => Some(if *value { "true" } else { "false" }.into()),
        Value::Integer(text) | Value::Float(text) | Value::String(text) | Value::Document(text) => {
            Some((&**text).into())
        }
        Value::Blob(bytes) => Some(scalar::to_base64(bytes).into()),
        Value::Timestamp(text) => Some(timestamp::write(text, format).into()),
        Value::Null | Value::Stream | Value::List(_) | Value::Map(_) | Value::Structure(_) => None,
    }
}

/// Reads a scalar from its text; the inverse of [`scalar_text`].
pub(crate) fn parse_scalar(
    text: &str,
    member: Member,
    default: TimestampFormat,
) -> Result<Value, ParseError> {
    let kind = member.shape().kind();
    scalar_value(text, kind, timestamp_format(member, default))
        .ok_or_else(|| ParseError::wrong_type(kind, member.name()))
}
