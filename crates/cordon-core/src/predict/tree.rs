//! Parameters and answers as one kind of tree, so that what a call says can be compared with what was
//! read: the same property is written as number and as text, as list and as elements.

use crate::plan::property;
use cordon_aws::answer::Answer;
use cordon_aws::catalog::{Member, Shape};
use cordon_aws::value::Value;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};

/// The parameters of a call. With `masked`, marks stand for what the model calls sensitive.
pub(super) fn of_value(value: &Value, shape: Option<Shape>, masked: bool) -> Json {
    let of_member = |value: &Value, member: Option<Member>| match member {
        Some(member) if masked && member.sensitive() => property::SENSITIVE.into(),
        member => of_value(value, member.map(Member::shape), masked),
    };
    match value {
        Value::Null => Json::Null,
        Value::Bool(it) => (*it).into(),
        Value::Integer(digits) => digits
            .parse::<i64>()
            .map_or_else(|_| (&**digits).into(), Json::from),
        Value::Float(text) | Value::Timestamp(text) => text
            .parse::<serde_json::Number>()
            .map_or_else(|_| (&**text).into(), Json::Number),
        Value::String(text) => (&**text).into(),
        Value::Document(text) => {
            serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_string()))
        }
        Value::Blob(bytes) => format!("({} bytes)", bytes.len()).into(),
        Value::Stream => "(stream)".into(),
        Value::List(items) => {
            let item = shape.and_then(Shape::item);
            items.iter().map(|value| of_member(value, item)).collect()
        }
        Value::Map(entries) => {
            let entry = shape.and_then(Shape::entry).map(|(_, value)| value);
            let entries = entries.iter();
            entries
                .map(|(key, value)| (key.to_string(), of_member(value, entry)))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Structure(members) => members
            .iter()
            .map(|(name, value)| {
                let member = shape.and_then(|shape| shape.member(name));
                (name.to_string(), of_member(value, member))
            })
            .collect::<Map<_, _>>()
            .into(),
    }
}

/// An answer. Lists of XML become lists (the elements `member` and `item`, and what comes repeatedly),
/// its maps (the elements `entry`) become members.
pub(super) fn of_answer(answer: &Answer) -> Json {
    match answer {
        Answer::Text(text) => text.as_str().into(),
        Answer::List(items) => items.iter().map(of_answer).collect(),
        Answer::Members(members) => {
            let mut names = members.iter().map(|(name, _)| name.as_str());
            if names.all(|name| matches!(name, "member" | "item")) {
                return members
                    .iter()
                    .map(|(_, member)| of_answer(member))
                    .collect();
            }
            if members.iter().all(|(name, _)| name == "entry") {
                let entries = members.iter().filter_map(|(_, entry)| {
                    Some((
                        entry.text("key")?.to_owned(),
                        of_answer(entry.get("value")?),
                    ))
                });
                return entries.collect::<Map<_, _>>().into();
            }
            let mut object = Map::new();
            for (name, member) in members {
                let member = of_answer(member);
                match object.get_mut(name) {
                    None => drop(object.insert(name.clone(), member)),
                    Some(Json::Array(items)) => items.push(member),
                    Some(known) => *known = Json::Array(vec![known.take(), member]),
                }
            }
            object.into()
        }
    }
}

/// Every part at a path, whose steps are names with `.` between; lists on the way are gone through.
pub(super) fn at<'j>(tree: &'j Json, path: &str) -> Vec<&'j Json> {
    let mut found = vec![tree];
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let parts = found.into_iter().flat_map(flat);
        found = parts.filter_map(|part| part.get(step)).collect();
    }
    found
}

/// The items of a list, or the part itself.
pub(super) fn flat(tree: &Json) -> &[Json] {
    match tree {
        Json::Array(items) => items,
        part => std::slice::from_ref(part),
    }
}

/// What is at a path: nothing, one value, or a list.
pub(super) fn one(tree: &Json, path: &str) -> Option<Json> {
    let found = at(tree, path);
    let found = match found.as_slice() {
        [] => return None,
        [one] => (*one).clone(),
        several => several
            .iter()
            .flat_map(|part| flat(part))
            .cloned()
            .collect(),
    };
    (!is_empty(&found)).then_some(found)
}

/// Every text at the end of a path.
pub(super) fn texts(tree: &Json, path: &str) -> Vec<String> {
    let parts = at(tree, path).into_iter().flat_map(flat);
    parts.filter_map(text).collect()
}

/// A scalar as text.
pub(super) fn text(tree: &Json) -> Option<String> {
    match tree {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Bool(_) | Json::Number(_) => Some(tree.to_string()),
        _ => None,
    }
}

fn is_empty(tree: &Json) -> bool {
    match tree {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.iter().all(is_empty),
        Json::Object(members) => members.values().all(is_empty),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Whether two values mean the same.
pub(super) fn same(one: Option<&Json>, other: Option<&Json>) -> bool {
    let plain = |tree: Option<&Json>| tree.map_or(Json::Null, plain);
    plain(one) == plain(other)
}

/// A value so that equal meanings are equal: scalars as texts, documents read, the order of lists of
/// texts and lists around a single text left out.
pub(super) fn plain(tree: &Json) -> Json {
    match document(tree) {
        Json::Null => Json::Null,
        Json::String(text) if text.is_empty() => Json::Null,
        Json::String(text) => Json::String(text),
        scalar @ (Json::Bool(_) | Json::Number(_)) => scalar.to_string().into(),
        Json::Array(items) => {
            let items = items.iter().map(plain);
            let mut items: Vec<Json> = items.filter(|item| !item.is_null()).collect();
            if items.iter().all(Json::is_string) {
                items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            }
            match items.len() {
                0 => Json::Null,
                1 if items.iter().all(Json::is_string) => items.swap_remove(0),
                _ => Json::Array(items),
            }
        }
        Json::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.clone(), plain(value)));
            let members: Map<_, _> = members.filter(|(_, value)| !value.is_null()).collect();
            match members.is_empty() {
                true => Json::Null,
                false => members.into(),
            }
        }
    }
}

/// A text that is a document, as IAM gives it with percent signs too, read; any other value as it is.
pub(super) fn document(tree: &Json) -> Json {
    let Json::String(text) = tree else {
        return tree.clone();
    };
    let decoded = match text.starts_with("%7B") || text.starts_with("%5B") {
        true => percent_decode_str(text).decode_utf8().ok(),
        false => text.starts_with(['{', '[']).then_some(text.into()),
    };
    let read = decoded.and_then(|text| serde_json::from_str(&text).ok());
    read.unwrap_or_else(|| tree.clone())
}

/// A value as one line that anybody may see.
pub(super) fn shown(name: &str, tree: &Json) -> String {
    let name = name.rsplit('.').next().unwrap_or_default();
    property::shown(&property::masked(name, &document(tree), None))
}

/// Whether a mark stands for a part of it.
pub(super) fn is_masked(tree: &Json) -> bool {
    match tree {
        Json::String(text) => text == property::SENSITIVE,
        Json::Array(items) => items.iter().any(is_masked),
        Json::Object(members) => members.values().any(is_masked),
        _ => false,
    }
}
