//! Parameters by path: what resource templates, conditions and effect rules read.
//!
//! Takes the value of a call and a path of the catalog; gives every value there, together with
//! the item of each list that it was found in, so that two paths through one list can be read in
//! step. `[]` stands for every item of a list, `{}` for every value and `{key}` for every key of
//! a map, after the name that they belong to.

use crate::value::Value;
use std::borrow::Cow;

/// Which item of which list: the path as far as its mark, and the number of the item.
pub(crate) type Items = Vec<(&'static str, usize)>;

/// A value at a path.
#[derive(Debug, Clone)]
pub(crate) struct Hit<'v> {
    /// The value.
    pub(crate) value: Found<'v>,
    /// The items on the way to it.
    pub(crate) items: Items,
}

/// What lies at a path.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found<'v> {
    /// A value.
    Value(&'v Value),
    /// A key of a map.
    Key(&'v str),
}

impl<'v> Found<'v> {
    /// The text of a scalar.
    pub(crate) fn text(self) -> Option<Cow<'v, str>> {
        match self {
            Self::Key(key) => Some(Cow::Borrowed(key)),
            Self::Value(Value::String(text) | Value::Integer(text) | Value::Float(text)) => {
                Some(Cow::Borrowed(text))
            }
            Self::Value(Value::Bool(set)) => {
                Some(Cow::Borrowed(if *set { "true" } else { "false" }))
            }
            Self::Value(Value::Blob(bytes)) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Value(Value::Document(text)) => Some(Cow::Borrowed(text)),
            Self::Value(_) => None,
        }
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(self) -> bool {
        match self {
            Self::Key(key) => key.is_empty(),
            Self::Value(value) => match value {
                Value::Null => true,
                Value::String(text) => text.is_empty(),
                Value::List(items) => items.is_empty(),
                Value::Map(entries) | Value::Structure(entries) => entries.is_empty(),
                _ => false,
            },
        }
    }

    /// Whether it says no: false or null, which asks for nothing.
    pub(crate) fn is_off(self) -> bool {
        matches!(self, Self::Value(Value::Bool(false) | Value::Null))
    }
}

/// Every value at `path`, in order; where `items` fixes the item of a list, only that one.
pub(crate) fn find<'v>(parameters: &'v Value, path: &'static str, items: &Items) -> Vec<Hit<'v>> {
    let mut found = Vec::new();
    walk(parameters, path, 0, items, &mut Items::new(), &mut found);
    found
}

/// Every text at `path`. A list at the end of the path counts as its items.
pub(crate) fn texts<'v>(parameters: &'v Value, path: &'static str) -> Vec<Cow<'v, str>> {
    let hits = find(parameters, path, &Items::new());
    hits.into_iter()
        .flat_map(|hit| spread(hit.value))
        .filter_map(Found::text)
        .collect()
}

/// The items of a list, or the value itself.
fn spread(found: Found<'_>) -> Vec<Found<'_>> {
    match found {
        Found::Value(Value::List(items)) => items.iter().map(Found::Value).collect(),
        other => vec![other],
    }
}

fn walk<'v>(
    value: &'v Value,
    path: &'static str,
    at: usize,
    fixed: &Items,
    taken: &mut Items,
    found: &mut Vec<Hit<'v>>,
) {
    let rest = path.get(at..).unwrap_or_default();
    if rest.is_empty() {
        found.push(Hit {
            value: Found::Value(value),
            items: taken.clone(),
        });
    } else if let Some(after) = rest.strip_prefix('.') {
        walk(value, path, path.len() - after.len(), fixed, taken, found);
    } else if let Some(after) = rest.strip_prefix("[]") {
        let Value::List(list) = value else { return };
        each(
            list.iter(),
            path,
            path.len() - after.len(),
            fixed,
            taken,
            found,
        );
    } else if let Some(after) = rest.strip_prefix("{}") {
        let Value::Map(map) = value else { return };
        each(
            map.values(),
            path,
            path.len() - after.len(),
            fixed,
            taken,
            found,
        );
    } else if rest == "{key}" {
        let Value::Map(map) = value else { return };
        let keys = map.keys().map(|key| Hit {
            value: Found::Key(key),
            items: taken.clone(),
        });
        found.extend(keys);
    } else {
        let end = rest.find(['.', '[', '{']).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        if let Some(member) = value.get(name) {
            walk(member, path, at + end, fixed, taken, found);
        }
    }
}

/// Walks on from each item, or from the fixed one.
fn each<'v>(
    list: impl Iterator<Item = &'v Value>,
    path: &'static str,
    at: usize,
    fixed: &Items,
    taken: &mut Items,
    found: &mut Vec<Hit<'v>>,
) {
    let here = path.get(..at).unwrap_or_default();
    let only = fixed
        .iter()
        .find(|(path, _)| *path == here)
        .map(|(_, number)| *number);
    for (number, item) in list.enumerate() {
        if only.is_some_and(|only| only != number) {
            continue;
        }
        taken.push((here, number));
        walk(item, path, at, fixed, taken, found);
        taken.pop();
    }
}
