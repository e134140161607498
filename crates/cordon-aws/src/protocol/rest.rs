//! The parts of a REST request that are not its body: path labels, query keys, headers.
//!
//! Takes their text and the member that the model puts there; gives typed values, and writes them
//! back.

use super::form::{self, Pair, Plus};
use super::query::{parse_scalar, scalar_text};
use super::{Name, ParseError, json, scalar, xml};
use crate::catalog::{Location, Member, Operation, Shape, ShapeKind, TimestampFormat};
use crate::value::Value;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::BTreeMap;

type Members = BTreeMap<Box<str>, Value>;

/// Puts the path labels among the members.
pub(crate) fn read_labels(
    members: &mut Members,
    shape: Shape,
    labels: &[(&str, &str)],
) -> Result<(), ParseError> {
    for (label, text) in labels {
        let member = at(shape, Location::Uri, label)?;
        let text = form::decode(text, Plus::Refused, "path")?;
        if text.is_empty() {
            return Err(ParseError::Missing(Name::new(label)));
        }
        let value = parse_scalar(&text, member, TimestampFormat::Iso8601)?;
        insert(members, member, value)?;
    }
    Ok(())
}

/// Puts the query keys among the members; `pairs` no longer holds those of the path template.
pub(crate) fn read_query(
    members: &mut Members,
    shape: Shape,
    pairs: &[Pair<'_>],
) -> Result<(), ParseError> {
    for pair in pairs {
        let found = shape.members().find(|member| {
            member.location() == Location::QueryString
                && member.wire_name() == pair.name
                && member.shape().kind() != ShapeKind::Map
        });
        let text = pair.value.as_deref().unwrap_or_default();
        match found {
            Some(member) if member.shape().kind() == ShapeKind::List => {
                let item = item_of(member)?;
                let value = parse_scalar(text, item, TimestampFormat::Iso8601)?;
                push(members, member.name(), value)?;
            }
            Some(member) => {
                let value = parse_scalar(text, member, TimestampFormat::Iso8601)?;
                insert(members, member, value)?;
            }
            None => read_free_key(members, shape, &pair.name, text)?,
        }
    }
    Ok(())
}

/// A key that no member is called by goes into the operation's map of free keys, if it has one.
fn read_free_key(
    members: &mut Members,
    shape: Shape,
    name: &str,
    text: &str,
) -> Result<(), ParseError> {
    let unknown = || ParseError::Unknown(Name::new(name));
    let map = shape
        .members()
        .find(|member| {
            member.location() == Location::QueryString && member.shape().kind() == ShapeKind::Map
        })
        .ok_or_else(unknown)?;
    let (_, value) = map.shape().entry().ok_or_else(unknown)?;
    let entries = members
        .entry(map.name().into())
        .or_insert_with(|| Value::Map(BTreeMap::new()));
    let Value::Map(entries) = entries else {
        return Err(unknown());
    };
    if let Some(item) = value.shape().item() {
        let value = parse_scalar(text, item, TimestampFormat::Iso8601)?;
        return push(entries, name, value);
    }
    let value = parse_scalar(text, value, TimestampFormat::Iso8601)?;
    match entries.insert(name.into(), value) {
        None => Ok(()),
        Some(_) => Err(ParseError::Duplicate(Name::new(name))),
    }
}

/// Puts the modelled headers among the members. `skip` says which are not parameters here.
pub(crate) fn read_headers(
    members: &mut Members,
    shape: Shape,
    headers: &HeaderMap,
    skip: impl Fn(&str) -> bool,
) -> Result<(), ParseError> {
    for member in shape.members() {
        match member.location() {
            Location::Header if !skip(member.wire_name()) => {
                if let Some(text) = single(headers, member.wire_name())? {
                    let value = header_value(text, member)?;
                    insert(members, member, value)?;
                }
            }
            Location::Headers => read_prefixed(members, headers, member)?,
            _ => {}
        }
    }
    Ok(())
}

fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, ParseError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ParseError::Duplicate(Name::new(name)));
    }
    // Metadata may be UTF-8, which `to_str` does not admit.
    std::str::from_utf8(value.as_bytes())
        .map(Some)
        .map_err(|_| ParseError::malformed("header", "invalid UTF-8"))
}

fn header_value(text: &str, member: Member) -> Result<Value, ParseError> {
    let wrong = || wrong_type(member);
    if member.json_value() {
        let bytes = scalar::base64(text).ok_or_else(wrong)?;
        return json::canonical_document(&bytes).map(Value::Document);
    }
    match member.shape().kind() {
        ShapeKind::List => {
            let item = item_of(member)?;
            let items = split_list(text, item)
                .ok_or_else(wrong)?
                .iter()
                .map(|text| parse_scalar(text, item, TimestampFormat::Rfc822))
                .collect::<Result<_, _>>()?;
            Ok(Value::List(items))
        }
        _ => parse_scalar(text, member, TimestampFormat::Rfc822),
    }
}

/// The items of a comma-separated header; those with a comma or quote are quoted. Times have a
/// comma of their own.
fn split_list(text: &str, item: Member) -> Option<Vec<String>> {
    let times = item.shape().kind() == ShapeKind::Timestamp
        && matches!(
            item.timestamp_format(),
            None | Some(TimestampFormat::Rfc822)
        );
    let mut items = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (item, after) = match rest.strip_prefix('"') {
            Some(quoted) => take_quoted(quoted)?,
            None if times => {
                let end = rest
                    .match_indices(',')
                    .nth(1)
                    .map_or(rest.len(), |(at, _)| at);
                let (item, after) = rest.split_at_checked(end)?;
                (item.trim().to_owned(), after)
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (item, after) = rest.split_at_checked(end)?;
                (item.trim().to_owned(), after)
            }
        };
        items.push(item);
        rest = match after.trim_start() {
            "" => "",
            more => more.strip_prefix(',')?.trim_start(),
        };
    }
    Some(items)
}

/// The item up to its closing quote, and what follows.
fn take_quoted(text: &str) -> Option<(String, &str)> {
    let mut item = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => item.push(characters.next()?.1),
            '"' => return Some((item, text.get(at + 1..)?)),
            c => item.push(c),
        }
    }
    None
}

fn read_prefixed(
    members: &mut Members,
    headers: &HeaderMap,
    member: Member,
) -> Result<(), ParseError> {
    let prefix = member.wire_name().to_ascii_lowercase();
    let mut entries = BTreeMap::new();
    for name in headers.keys() {
        let Some(key) = name
            .as_str()
            .strip_prefix(&prefix)
            .filter(|key| !key.is_empty())
        else {
            continue;
        };
        let text = single(headers, name.as_str())?.unwrap_or_default();
        entries.insert(key.into(), Value::String(text.into()));
    }
    match entries.is_empty() {
        true => Ok(()),
        false => insert(members, member, Value::Map(entries)),
    }
}

/// The path and query that `template` becomes with the members of `value`.
pub(crate) fn write_path(template: &str, value: &Value, shape: Option<Shape>) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (label, tail) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        let name = label.trim_end_matches('+');
        let text = shape
            .and_then(|shape| at(shape, Location::Uri, name).ok())
            .and_then(|member| Some((member, value.get(member.name())?)))
            .and_then(|(member, value)| {
                let format = super::timestamp_format(member, TimestampFormat::Iso8601);
                scalar_text(value, format)
            })
            .unwrap_or_default();
        out.push_str(&match label.ends_with('+') {
            true => form::encode_path(&text),
            false => form::encode(&text),
        });
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Appends the query members of `value`.
pub(crate) fn write_query(out: &mut String, value: &Value, shape: Shape) {
    for member in shape
        .members()
        .filter(|m| m.location() == Location::QueryString)
    {
        match value.get(member.name()) {
            None => {}
            Some(Value::Map(entries)) => {
                for (key, value) in entries {
                    for value in one_or_many(value) {
                        push_scalar(out, key, value, TimestampFormat::Iso8601);
                    }
                }
            }
            Some(value) => {
                let format = super::timestamp_format(member, TimestampFormat::Iso8601);
                for value in one_or_many(value) {
                    push_scalar(out, member.wire_name(), value, format);
                }
            }
        }
    }
}

fn one_or_many(value: &Value) -> &[Value] {
    match value {
        Value::List(items) => items,
        value => std::slice::from_ref(value),
    }
}

fn push_scalar(out: &mut String, name: &str, value: &Value, format: TimestampFormat) {
    if let Some(text) = scalar_text(value, format) {
        form::push_pair(out, name, &text);
    }
}

/// Inserts the header members of `value`.
pub(crate) fn write_headers(headers: &mut HeaderMap, value: &Value, shape: Shape) {
    for member in shape.members() {
        let Some(value) = value.get(member.name()) else {
            continue;
        };
        match (member.location(), value) {
            (Location::Header, value) => {
                if let Some(text) = header_text(value, member) {
                    insert_header(headers, member.wire_name(), &text);
                }
            }
            (Location::Headers, Value::Map(entries)) => {
                for (key, value) in entries {
                    let name = format!("{}{key}", member.wire_name());
                    insert_header(headers, &name, value.as_str().unwrap_or_default());
                }
            }
            _ => {}
        }
    }
}

fn header_text(value: &Value, member: Member) -> Option<String> {
    match value {
        Value::Document(text) if member.json_value() => Some(scalar::to_base64(text.as_bytes())),
        Value::List(items) => {
            let item = member.shape().item()?;
            let format = super::timestamp_format(item, TimestampFormat::Rfc822);
            let texts: Vec<String> = items
                .iter()
                .filter_map(|value| scalar_text(value, format))
                .map(|text| quoted(&text, item))
                .collect();
            Some(texts.join(","))
        }
        value => {
            let format = super::timestamp_format(member, TimestampFormat::Rfc822);
            scalar_text(value, format).map(std::borrow::Cow::into_owned)
        }
    }
}

fn quoted(text: &str, item: Member) -> String {
    let plain = item.shape().kind() == ShapeKind::Timestamp
        || !(text.contains([',', '"', '\\']) || text.trim() != text || text.is_empty());
    match plain {
        true => text.to_owned(),
        false => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// Values came out of headers, so that they fit into headers again.
fn insert_header(headers: &mut HeaderMap, name: &str, text: &str) {
    if let (Ok(name), Ok(value)) = (
        HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes()),
        HeaderValue::from_bytes(text.as_bytes()),
    ) {
        headers.insert(name, value);
    }
}

fn at(shape: Shape, location: Location, wire_name: &str) -> Result<Member, ParseError> {
    shape
        .members()
        .find(|member| member.location() == location && member.wire_name() == wire_name)
        .ok_or_else(|| ParseError::Unknown(Name::new(wire_name)))
}

fn item_of(member: Member) -> Result<Member, ParseError> {
    member.shape().item().ok_or_else(|| wrong_type(member))
}

fn push(members: &mut Members, name: &str, value: Value) -> Result<(), ParseError> {
    let items = members
        .entry(name.into())
        .or_insert_with(|| Value::List(Vec::new()));
    match items {
        Value::List(items) => {
            items.push(value);
            Ok(())
        }
        _ => Err(ParseError::Duplicate(Name::new(name))),
    }
}

fn insert(members: &mut Members, member: Member, value: Value) -> Result<(), ParseError> {
    match members.insert(member.name().into(), value) {
        None => Ok(()),
        Some(_) => Err(ParseError::Duplicate(Name::new(member.wire_name()))),
    }
}

fn wrong_type(member: Member) -> ParseError {
    ParseError::wrong_type(member.shape().kind(), member.wire_name())
}

/// What the body of an operation is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BodyPlan {
    /// It has none.
    None,
    /// The bytes of one member as they are.
    Raw(Member),
    /// One member, written in the service's format.
    Payload(Member),
    /// All members that travel nowhere else.
    Members,
}

impl BodyPlan {
    pub(crate) fn of(operation: Operation) -> Self {
        let Some(shape) = operation.input() else {
            return Self::None;
        };
        let payload = shape
            .members()
            .find(|member| member.location() == Location::Payload);
        match payload.map(|member| (member, member.shape().kind())) {
            Some((member, ShapeKind::Blob | ShapeKind::String)) => Self::Raw(member),
            Some((member, _)) => Self::Payload(member),
            None if shape.members().any(|m| m.location() == Location::Body) => Self::Members,
            None => Self::None,
        }
    }
}

/// The root element of a payload in XML.
pub(crate) fn payload_root(operation: Operation, member: Member) -> xml::Root<'static> {
    let name = member.wire_name_or(member.shape().name());
    let own = member.xml_namespace().map(|(_, uri)| uri);
    let namespace = own.unwrap_or_else(|| operation.service().xml_namespace());
    xml::Root { name, namespace }
}

/// The root element of a body made of several members in XML.
pub(crate) fn members_root(operation: Operation) -> xml::Root<'static> {
    let (name, namespace) = operation
        .input_wrapper()
        .or_else(|| Some((operation.input()?.name(), "")))
        .unwrap_or_default();
    let namespace = match namespace {
        "" => operation.service().xml_namespace(),
        uri => uri,
    };
    xml::Root { name, namespace }
}
