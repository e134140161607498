//! From the attributes of a planned resource to the parameters of a call, typed by the catalog.
//!
//! What the plan does not know stays out: the call is then weighed with `*` in that place, as a request that does not tell would be.

use bytes::Bytes;
use cordon_aws::catalog::{Operation, Shape, ShapeKind};
use cordon_aws::value::Value as Parameter;
use serde_json::Value;
use std::collections::BTreeMap;

/// Where the values of a call come from.
pub(super) trait Attributes {
    /// The value at a path of attributes; nothing where it is absent, null or not known yet.
    fn value(&self, path: &str) -> Option<Value>;
}

/// The parameters of a call of `operation`.
pub(super) fn parameters(
    operation: Operation,
    fill: &[(&'static str, &'static str)],
    attributes: &dyn Attributes,
) -> Parameter {
    let mut members = Parameter::Structure(BTreeMap::new());
    let Some(shape) = operation.input() else {
        return members;
    };
    for (path, source) in fill {
        let value = source_value(source, attributes);
        value.and_then(|value| put(&mut members, shape, path, &value));
    }
    put_tags(&mut members, shape, attributes);
    members
}

/// The value that a source of the table names.
fn source_value(source: &str, attributes: &dyn Attributes) -> Option<Value> {
    if let Some(text) = source.strip_prefix('\'') {
        let text = text.trim_end_matches('\'').replace("\\s", " ");
        return Some(Value::String(text));
    }
    source.split('|').find_map(|path| attributes.value(path))
}

/// Puts a value at a path of members; nothing where it does not fit the shape there.
fn put(target: &mut Parameter, shape: Shape, path: &str, value: &Value) -> Option<()> {
    let (step, rest) = path.split_once('.').unwrap_or((path, ""));
    let (name, listed) = match step.strip_suffix("[]") {
        Some(name) => (name, true),
        None => (step, false),
    };
    let member = shape.member(name)?.shape();
    let Parameter::Structure(members) = target else {
        return None;
    };
    if rest.is_empty() {
        let whole = match (listed, value) {
            (true, Value::Array(_)) | (false, _) => converted(member, value)?,
            (true, one) => converted(member, &Value::Array(vec![one.clone()]))?,
        };
        members.insert(name.into(), whole);
        return Some(());
    }
    let nothing = || Parameter::Structure(BTreeMap::new());
    match listed {
        false => {
            let inner = members.entry(name.into()).or_insert_with(nothing);
            put(inner, member, rest, value)
        }
        true => {
            let item = member.item()?.shape();
            let list = members
                .entry(name.into())
                .or_insert_with(|| Parameter::List(vec![nothing()]));
            let Parameter::List(items) = list else {
                return None;
            };
            put(items.first_mut()?, item, rest, value)
        }
    }
}

/// A value as the shape has it.
pub(crate) fn converted(shape: Shape, value: &Value) -> Option<Parameter> {
    let text = || match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Some(match shape.kind() {
        ShapeKind::String => Parameter::String(text()?.into()),
        ShapeKind::Boolean => Parameter::Bool(text()?.parse().ok()?),
        ShapeKind::Integer => Parameter::Integer(text()?.parse::<i64>().ok()?.to_string().into()),
        ShapeKind::Float => Parameter::Float(text()?.into()),
        ShapeKind::Timestamp => Parameter::Timestamp(text()?.into()),
        ShapeKind::Document => Parameter::Document(value.to_string().into()),
        ShapeKind::Blob => Parameter::Blob(Bytes::from(text()?.into_bytes())),
        ShapeKind::List => {
            let item = shape.item()?.shape();
            let items = value.as_array()?.iter();
            Parameter::List(
                items
                    .map(|value| converted(item, value))
                    .collect::<Option<_>>()?,
            )
        }
        ShapeKind::Map => {
            let (_, entry) = shape.entry()?;
            let entries = value.as_object()?.iter();
            let entries = entries.map(|(name, value)| {
                Some((name.as_str().into(), converted(entry.shape(), value)?))
            });
            Parameter::Map(entries.collect::<Option<_>>()?)
        }
        ShapeKind::Structure | ShapeKind::Union => return None,
    })
}

/// The members that a create takes its tags by.
const TAGS: [&str; 4] = ["Tags", "tags", "TagList", "TagSpecifications"];

/// Tags of the plan, where the call takes any: they ask for actions of their own.
fn put_tags(target: &mut Parameter, shape: Shape, attributes: &dyn Attributes) -> Option<()> {
    let tags = attributes
        .value("tags_all")
        .or_else(|| attributes.value("tags"))?;
    let tags = tags.as_object().filter(|tags| !tags.is_empty())?;
    let member = TAGS.iter().find_map(|name| shape.member(name))?;
    let filled = match member.shape().kind() {
        ShapeKind::Map => converted(member.shape(), &Value::Object(tags.clone()))?,
        ShapeKind::List => {
            let item = member.shape().item()?.shape();
            match item.member("Tags") {
                Some(inner) => {
                    let pair = inner.shape().item()?.shape();
                    let list = Parameter::List(pairs(pair, tags)?);
                    let inner = [("Tags".into(), list)];
                    Parameter::List(vec![Parameter::Structure(inner.into())])
                }
                None => Parameter::List(pairs(item, tags)?),
            }
        }
        _ => return None,
    };
    let Parameter::Structure(members) = target else {
        return None;
    };
    members.insert(member.name().into(), filled);
    Some(())
}

fn pairs(pair: Shape, tags: &serde_json::Map<String, Value>) -> Option<Vec<Parameter>> {
    let name = |names: [&'static str; 3]| names.into_iter().find(|n| pair.member(n).is_some());
    let key = name(["Key", "key", "TagKey"])?;
    let value_name = name(["Value", "value", "TagValue"])?;
    let pairs = tags.iter().map(|(tag, value)| {
        let text = value.as_str().unwrap_or_default();
        let members = [
            (key.into(), Parameter::String(tag.as_str().into())),
            (value_name.into(), Parameter::String(text.into())),
        ];
        Parameter::Structure(members.into())
    });
    Some(pairs.collect())
}

/// Whether a path of the table leads to a member of the operation's input.
#[cfg(test)]
pub(super) fn is_path(operation: Operation, path: &str) -> bool {
    let mut shape = operation.input();
    for step in path.split('.') {
        let (name, listed) = match step.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (step, false),
        };
        let Some(member) = shape.and_then(|shape| shape.member(name)) else {
            return false;
        };
        shape = match listed {
            true => member.shape().item().map(|item| item.shape()),
            false => Some(member.shape()),
        };
        if shape.is_none() {
            return false;
        }
    }
    true
}
