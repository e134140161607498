//! JSON bodies: the AWS JSON protocols, REST JSON bodies and payloads, and free-form documents.
//!
//! Strict RFC 8259 in UTF-8 (`jiter` reads, without building a tree): no duplicate key at any
//! depth, no unknown member, no trailing text, no byte order mark. Numbers keep their text.

use super::{Budget, Name, ParseError, Placement, member_on_wire, scalar, timestamp};
use crate::catalog::{Member, Shape, ShapeKind, TimestampFormat};
use crate::value::Value;
use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, Peek};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write as _;

/// Reads a body that is one structure.
pub(crate) fn parse(body: &[u8], shape: Shape, placement: Placement) -> Result<Value, ParseError> {
    let mut reader = Reader::new(body);
    let peek = reader.peek()?;
    let value = reader.shaped(peek, shape, placement, None, shape.name())?;
    reader.finish()?;
    Ok(value)
}

/// Reads a payload that is one member of the input.
pub(crate) fn parse_payload(body: &[u8], member: Member) -> Result<Value, ParseError> {
    let mut reader = Reader::new(body);
    let peek = reader.peek()?;
    let value = reader.member(peek, member, member.name())?;
    reader.finish()?;
    Ok(value)
}

/// Reads a body that must be an object without members: an operation that takes nothing.
pub(crate) fn parse_empty(body: &[u8]) -> Result<(), ParseError> {
    let mut reader = Reader::new(body);
    match reader.jiter.next_object().map_err(malformed)? {
        Some(name) => Err(ParseError::Unknown(Name::new(name))),
        None => reader.finish(),
    }
}

/// The canonical text of a free-form document: sorted keys, no spaces, numbers as they came.
pub(crate) fn canonical_document(text: &[u8]) -> Result<Box<str>, ParseError> {
    let mut reader = Reader::new(text);
    let peek = reader.peek()?;
    let mut out = String::with_capacity(text.len());
    reader.document(peek, &mut out)?;
    reader.finish()?;
    Ok(out.into())
}

/// Writes a structure as a JSON object.
pub(crate) fn write(value: &Value, shape: Shape, placement: Placement) -> Vec<u8> {
    let mut out = String::new();
    write_structure(&mut out, value, shape, placement);
    out.into_bytes()
}

/// Writes one member as a JSON value.
pub(crate) fn write_payload(value: &Value, member: Member) -> Vec<u8> {
    let mut out = String::new();
    write_member(&mut out, value, member);
    out.into_bytes()
}

struct Reader<'j> {
    jiter: Jiter<'j>,
    budget: Budget,
}

impl<'j> Reader<'j> {
    fn new(body: &'j [u8]) -> Self {
        Self {
            jiter: Jiter::new(body),
            budget: Budget::new(),
        }
    }

    fn peek(&mut self) -> Result<Peek, ParseError> {
        self.jiter.peek().map_err(malformed)
    }

    fn finish(&mut self) -> Result<(), ParseError> {
        self.jiter.finish().map_err(malformed)
    }

    fn member(&mut self, peek: Peek, member: Member, at: &str) -> Result<Value, ParseError> {
        let format = member.timestamp_format();
        self.shaped(peek, member.shape(), Placement::All, format, at)
    }

    fn shaped(
        &mut self,
        peek: Peek,
        shape: Shape,
        placement: Placement,
        format: Option<TimestampFormat>,
        at: &str,
    ) -> Result<Value, ParseError> {
        self.budget.spend()?;
        if peek == Peek::Null {
            self.jiter.known_null().map_err(malformed)?;
            return Ok(Value::Null);
        }
        match (shape.kind(), peek) {
            (ShapeKind::Structure, Peek::Object) => self.structure(shape, placement),
            (ShapeKind::Union, Peek::Object) => self.union(shape, placement, at),
            (ShapeKind::List, Peek::Array) => self.list(shape, at),
            (ShapeKind::Map, Peek::Object) => self.map(shape),
            (ShapeKind::Document, _) => {
                let mut out = String::new();
                self.document(peek, &mut out)?;
                Ok(Value::Document(out.into()))
            }
            (ShapeKind::Boolean, Peek::True | Peek::False) => self
                .jiter
                .known_bool(peek)
                .map(Value::Bool)
                .map_err(malformed),
            (ShapeKind::Timestamp, _) => self.timestamp(peek, format, at),
            (ShapeKind::Integer | ShapeKind::Float, _) if peek.is_num() => {
                self.number(peek, shape.kind(), at)
            }
            (ShapeKind::String | ShapeKind::Blob | ShapeKind::Float, Peek::String) => {
                let text = self.jiter.known_str().map_err(malformed)?;
                from_text(text, shape.kind())
                    .ok_or_else(|| ParseError::wrong_type(shape.kind(), at))
            }
            (kind, _) if is_json(peek) => Err(ParseError::wrong_type(kind, at)),
            _ => Err(ParseError::malformed("JSON body", "a syntax error")),
        }
    }

    fn structure(&mut self, shape: Shape, placement: Placement) -> Result<Value, ParseError> {
        self.budget.enter()?;
        let mut members = BTreeMap::new();
        let mut key = self.jiter.known_object().map_err(malformed)?;
        while let Some(name) = key {
            let member = member_on_wire(shape, name, placement)
                .ok_or_else(|| ParseError::Unknown(Name::new(name)))?;
            let peek = self.peek()?;
            let value = self.member(peek, member, member.name())?;
            insert(&mut members, member.name(), value)?;
            key = self.jiter.next_key().map_err(malformed)?;
        }
        self.budget.leave();
        Ok(Value::Structure(members))
    }

    fn union(&mut self, shape: Shape, placement: Placement, at: &str) -> Result<Value, ParseError> {
        let value = self.structure(shape, placement)?;
        let Value::Structure(members) = &value else {
            return Ok(value);
        };
        // Two members set is two meanings: services differ in which one they take.
        match members
            .values()
            .filter(|value| **value != Value::Null)
            .count()
        {
            1 => Ok(value),
            _ => Err(ParseError::wrong_type(ShapeKind::Union, at)),
        }
    }

    fn list(&mut self, shape: Shape, at: &str) -> Result<Value, ParseError> {
        let item = shape
            .item()
            .ok_or_else(|| ParseError::wrong_type(ShapeKind::List, at))?;
        self.budget.enter()?;
        let mut items = Vec::new();
        let mut next = self.jiter.known_array().map_err(malformed)?;
        while let Some(peek) = next {
            items.push(self.member(peek, item, at)?);
            next = self.jiter.array_step().map_err(malformed)?;
        }
        self.budget.leave();
        Ok(Value::List(items))
    }

    fn map(&mut self, shape: Shape) -> Result<Value, ParseError> {
        let (_, value) = shape
            .entry()
            .ok_or_else(|| ParseError::wrong_type(ShapeKind::Map, shape.name()))?;
        self.budget.enter()?;
        let mut entries = BTreeMap::new();
        let mut key = self.jiter.known_object().map_err(malformed)?;
        while let Some(name) = key {
            let name: Box<str> = name.into();
            let peek = self.peek()?;
            let value = self.member(peek, value, &name)?;
            insert(&mut entries, &name, value)?;
            key = self.jiter.next_key().map_err(malformed)?;
        }
        self.budget.leave();
        Ok(Value::Map(entries))
    }

    fn number(&mut self, peek: Peek, kind: ShapeKind, at: &str) -> Result<Value, ParseError> {
        let text = self.jiter.known_number_bytes(peek).map_err(malformed)?;
        let text = std::str::from_utf8(text).unwrap_or_default();
        match kind {
            ShapeKind::Integer => scalar::integer(text).map(Value::Integer),
            _ => scalar::decimal(text).map(Value::Float),
        }
        .ok_or_else(|| ParseError::wrong_type(kind, at))
    }

    fn timestamp(
        &mut self,
        peek: Peek,
        format: Option<TimestampFormat>,
        at: &str,
    ) -> Result<Value, ParseError> {
        let format = format.unwrap_or(TimestampFormat::Epoch);
        let canonical = match (format, peek) {
            (TimestampFormat::Epoch, _) if peek.is_num() => {
                let text = self.jiter.known_number_bytes(peek).map_err(malformed)?;
                timestamp::epoch(std::str::from_utf8(text).unwrap_or_default())
            }
            (TimestampFormat::Iso8601 | TimestampFormat::Rfc822, Peek::String) => {
                timestamp::parse(self.jiter.known_str().map_err(malformed)?, format)
            }
            _ => None,
        };
        canonical
            .map(Value::Timestamp)
            .ok_or_else(|| ParseError::wrong_type(ShapeKind::Timestamp, at))
    }

    fn document(&mut self, peek: Peek, out: &mut String) -> Result<(), ParseError> {
        self.budget.spend()?;
        match peek {
            Peek::Null => {
                self.jiter.known_null().map_err(malformed)?;
                out.push_str("null");
            }
            Peek::True | Peek::False => {
                let value = self.jiter.known_bool(peek).map_err(malformed)?;
                out.push_str(if value { "true" } else { "false" });
            }
            Peek::String => write_text(out, self.jiter.known_str().map_err(malformed)?),
            Peek::Array => self.document_array(out)?,
            Peek::Object => self.document_object(out)?,
            _ => {
                let text = self.jiter.known_number_bytes(peek).map_err(malformed)?;
                out.push_str(std::str::from_utf8(text).unwrap_or_default());
            }
        }
        Ok(())
    }

    fn document_array(&mut self, out: &mut String) -> Result<(), ParseError> {
        self.budget.enter()?;
        out.push('[');
        let mut next = self.jiter.known_array().map_err(malformed)?;
        let mut separator = "";
        while let Some(peek) = next {
            out.push_str(separator);
            separator = ",";
            self.document(peek, out)?;
            next = self.jiter.array_step().map_err(malformed)?;
        }
        out.push(']');
        self.budget.leave();
        Ok(())
    }

    fn document_object(&mut self, out: &mut String) -> Result<(), ParseError> {
        self.budget.enter()?;
        let mut entries: BTreeMap<Box<str>, String> = BTreeMap::new();
        let mut key = self.jiter.known_object().map_err(malformed)?;
        while let Some(name) = key {
            let name: Box<str> = name.into();
            let mut text = String::new();
            let peek = self.peek()?;
            self.document(peek, &mut text)?;
            match entries.entry(name) {
                Entry::Vacant(entry) => entry.insert(text),
                Entry::Occupied(entry) => {
                    return Err(ParseError::Duplicate(Name::new(entry.key())));
                }
            };
            key = self.jiter.next_key().map_err(malformed)?;
        }
        out.push('{');
        for (index, (name, text)) in entries.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_text(out, name);
            out.push(':');
            out.push_str(text);
        }
        out.push('}');
        self.budget.leave();
        Ok(())
    }
}

/// Whether a JSON value can begin so.
fn is_json(peek: Peek) -> bool {
    matches!(
        peek.into_inner(),
        b'{' | b'[' | b'"' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9'
    )
}

fn insert(
    members: &mut BTreeMap<Box<str>, Value>,
    name: &str,
    value: Value,
) -> Result<(), ParseError> {
    match members.insert(name.into(), value) {
        None => Ok(()),
        Some(_) => Err(ParseError::Duplicate(Name::new(name))),
    }
}

fn from_text(text: &str, kind: ShapeKind) -> Option<Value> {
    match kind {
        ShapeKind::Blob => scalar::base64(text).map(|bytes| Value::Blob(bytes.into())),
        // JSON has no spelling for these three, so AWS writes them as text.
        ShapeKind::Float => {
            matches!(text, "NaN" | "Infinity" | "-Infinity").then(|| Value::Float(text.into()))
        }
        _ => Some(Value::String(text.into())),
    }
}

fn malformed(error: JiterError) -> ParseError {
    let reason = match error.error_type {
        JiterErrorType::JsonError(JsonErrorType::RecursionLimitExceeded) => {
            return ParseError::TooDeep;
        }
        JiterErrorType::JsonError(JsonErrorType::TrailingCharacters) => {
            "something follows the value"
        }
        JiterErrorType::JsonError(JsonErrorType::InvalidUnicodeCodePoint) => "invalid UTF-8",
        JiterErrorType::JsonError(JsonErrorType::ControlCharacterWhileParsingString) => {
            "a raw control character in a string"
        }
        _ => "a syntax error",
    };
    ParseError::malformed("JSON body", reason)
}

fn write_structure(out: &mut String, value: &Value, shape: Shape, placement: Placement) {
    let Value::Structure(members) = value else {
        return out.push_str("null");
    };
    out.push('{');
    let mut separator = "";
    for (name, value) in members {
        let Some(member) = shape.member(name).filter(|m| placement.admits(*m)) else {
            continue;
        };
        out.push_str(separator);
        separator = ",";
        write_text(out, member.wire_name());
        out.push(':');
        write_member(out, value, member);
    }
    out.push('}');
}

fn write_member(out: &mut String, value: &Value, member: Member) {
    let shape = member.shape();
    match value {
        Value::Null | Value::Stream => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Integer(text) | Value::Document(text) => out.push_str(text),
        Value::Float(text) if matches!(&**text, "NaN" | "Infinity" | "-Infinity") => {
            write_text(out, text);
        }
        Value::Float(text) => out.push_str(text),
        Value::String(text) => write_text(out, text),
        Value::Blob(bytes) => write_text(out, &scalar::to_base64(bytes)),
        Value::Timestamp(text) => match member.timestamp_format() {
            None | Some(TimestampFormat::Epoch) => out.push_str(text),
            Some(format) => write_text(out, &timestamp::write(text, format)),
        },
        Value::List(items) => write_list(out, items, shape),
        Value::Map(entries) => write_map(out, entries, shape),
        Value::Structure(_) => write_structure(out, value, shape, Placement::All),
    }
}

fn write_list(out: &mut String, items: &[Value], shape: Shape) {
    out.push('[');
    if let Some(member) = shape.item() {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_member(out, item, member);
        }
    }
    out.push(']');
}

fn write_map(out: &mut String, entries: &BTreeMap<Box<str>, Value>, shape: Shape) {
    out.push('{');
    if let Some((_, member)) = shape.entry() {
        for (index, (key, value)) in entries.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_text(out, key);
            out.push(':');
            write_member(out, value, member);
        }
    }
    out.push('}');
}

/// Writes a JSON string; only what must be escaped is.
pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn document(text: &str) -> Result<Box<str>, &'static str> {
        canonical_document(text.as_bytes()).map_err(|error| error.code())
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for (text, code) in [
            (r#"{"a":1,"a":1}"#, "duplicate-parameter"),
            (r#"{"a":1,"\u0061":2}"#, "duplicate-parameter"),
            (r#"[{"x":{"a":1,"a":1}}]"#, "duplicate-parameter"),
            ("{} {}", "malformed-body"),
            ("{}x", "malformed-body"),
            ("\u{feff}{}", "malformed-body"),
            ("{\"a\":1,}", "malformed-body"),
            ("[1,]", "malformed-body"),
            ("{'a':1}", "malformed-body"),
            ("{\"a\":\"\t\"}", "malformed-body"),
            ("{\"a\":01}", "malformed-body"),
            ("{\"a\":+1}", "malformed-body"),
            ("{\"a\":NaN}", "malformed-body"),
            ("{\"a\":.5}", "malformed-body"),
            ("{/**/}", "malformed-body"),
            (r#"{"a":"\ud800"}"#, "malformed-body"),
            (r#"{"a":"\x41"}"#, "malformed-body"),
            ("", "malformed-body"),
        ] {
            assert_eq!(document(text), Err(code), "{text}");
        }
        assert!(canonical_document(b"{\"a\":\"\xff\"}").is_err());
        assert!(canonical_document(b"{\"a\":\"\xc0\xaf\"}").is_err());
        assert!(
            canonical_document(
                "{}".encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<_>>()
                    .as_slice()
            )
            .is_err()
        );
    }

    #[test]
    fn nesting_has_a_bound_that_costs_nothing() {
        let deep = "[".repeat(10_000);
        assert_eq!(document(&deep), Err("body-too-deep"));
        let fits = format!("{}{}", "[".repeat(64), "]".repeat(64));
        assert!(document(&fits).is_ok());
        let over = format!("{}{}", "[".repeat(65), "]".repeat(65));
        assert_eq!(document(&over), Err("body-too-deep"));
    }

    #[test]
    fn the_number_of_values_has_a_bound() {
        let many = format!("[{}0]", "0,".repeat(1_000_000));
        assert_eq!(document(&many), Err("body-too-large"));
    }

    #[test]
    fn a_document_has_one_spelling() {
        let text = " { \"b\" : [ 1.50 , null ] , \"a\" : \"\\u00e9\\n\\/\" } ";
        let canonical = document(text).unwrap();
        assert_eq!(&*canonical, "{\"a\":\"é\\n/\",\"b\":[1.50,null]}");
        assert_eq!(document(&canonical).unwrap(), canonical);
    }
}
