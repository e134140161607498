//! XML bodies of the REST XML services (S3, S3 Control, CloudFront, Route 53).
//!
//! Takes a document and the model's shape; gives the structure. `quick-xml` splits the markup,
//! the model decides what may stand where. Refused: document types, processing instructions,
//! comments, character data sections, entities beyond the five, attributes beyond namespaces
//! and those in the model, text between elements, and elements that the model does not name or
//! names once.

use super::query::{parse_scalar, scalar_text};
use super::{Budget, Name, ParseError, Placement, timestamp_format};
use crate::catalog::{Member, Shape, ShapeKind, TimestampFormat};
use crate::value::Value;
use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::collections::BTreeMap;

const FORMAT: &str = "XML body";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The element that a body must be: its name, and the namespace that it may (not must) declare.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Root<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
}

/// Reads a body that is one structure.
pub(crate) fn parse(
    body: &[u8],
    root: Root<'_>,
    shape: Shape,
    placement: Placement,
) -> Result<Value, ParseError> {
    let text = std::str::from_utf8(body).map_err(|_| malformed("invalid UTF-8"))?;
    let mut walker = Walker {
        reader: Reader::from_str(text),
        namespace: root.namespace,
        budget: Budget::new(),
    };
    walker.document(root, shape, placement)
}

/// Writes a structure under `root`.
pub(crate) fn write(value: &Value, root: Root<'_>, shape: Shape, placement: Placement) -> Vec<u8> {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    let namespace = match root.namespace {
        "" => String::new(),
        uri => format!(" xmlns=\"{}\"", escape(uri)),
    };
    write_structure(&mut out, root.name, &namespace, value, shape, placement);
    out.into_bytes()
}

struct Walker<'x> {
    reader: Reader<&'x [u8]>,
    namespace: &'x str,
    budget: Budget,
}

/// An element's start tag, taken apart: what else it holds is still to come unless `empty`.
struct Open {
    name: String,
    attributes: Vec<(String, String)>,
    empty: bool,
}

impl Walker<'_> {
    fn document(
        &mut self,
        root: Root<'_>,
        shape: Shape,
        placement: Placement,
    ) -> Result<Value, ParseError> {
        let open = self.prolog()?;
        if open.name != root.name {
            return Err(ParseError::Unknown(Name::new(&open.name)));
        }
        let value = self.structure(open, shape, placement)?;
        loop {
            match self.event()? {
                Event::Eof => return Ok(value),
                Event::Text(text) if is_blank(&text) => {}
                _ => return Err(malformed("something follows the root element")),
            }
        }
    }

    /// The root's start tag; before it at most a declaration and blanks.
    fn prolog(&mut self) -> Result<Open, ParseError> {
        let mut declared = false;
        loop {
            match self.event()? {
                Event::Decl(declaration) if !declared => {
                    declared = true;
                    let utf8 = declaration.encoding().is_none_or(|name| {
                        name.is_ok_and(|name| name.eq_ignore_ascii_case("utf-8"))
                    });
                    if !utf8 {
                        return Err(malformed("an encoding other than UTF-8"));
                    }
                }
                Event::Text(text) if is_blank(&text) => declared = true,
                Event::Start(start) => return open(&start, false),
                Event::Empty(start) => return open(&start, true),
                Event::Eof => return Err(malformed("no root element")),
                _ => return Err(malformed("markup that no AWS client sends")),
            }
        }
    }

    fn event(&mut self) -> Result<Event<'static>, ParseError> {
        self.reader
            .read_event()
            .map(Event::into_owned)
            .map_err(|_| malformed("a syntax error"))
    }

    /// The next child of `parent`, which holds elements and blanks only.
    fn child_of(&mut self, parent: &Open) -> Result<Option<Open>, ParseError> {
        if parent.empty {
            return Ok(None);
        }
        loop {
            return match self.event()? {
                Event::Start(start) => open(&start, false).map(Some),
                Event::Empty(start) => open(&start, true).map(Some),
                Event::End(_) => Ok(None),
                Event::Text(text) if is_blank(&text) => continue,
                Event::Text(_) | Event::GeneralRef(_) => Err(malformed("text between elements")),
                Event::Eof => Err(malformed("it ends too early")),
                _ => Err(malformed("markup that no AWS client sends")),
            };
        }
    }

    fn structure(
        &mut self,
        open: Open,
        shape: Shape,
        placement: Placement,
    ) -> Result<Value, ParseError> {
        self.budget.enter()?;
        let mut members = BTreeMap::new();
        self.attributes(&open, shape, &mut members)?;
        while let Some(child) = self.child_of(&open)? {
            // Some lists stand beside the single item that they replaced, under the one name.
            let member = shape
                .members()
                .filter(|m| {
                    m.wire_name() == child.name && placement.admits(*m) && !m.xml_attribute()
                })
                .max_by_key(|m| m.shape().kind() == ShapeKind::List)
                .ok_or_else(|| ParseError::Unknown(Name::new(&child.name)))?;
            self.child(child, member, &mut members)?;
        }
        self.budget.leave();
        match shape.kind() == ShapeKind::Union && members.len() != 1 {
            true => Err(ParseError::wrong_type(ShapeKind::Union, shape.name())),
            false => Ok(Value::Structure(members)),
        }
    }

    fn child(
        &mut self,
        open: Open,
        member: Member,
        members: &mut BTreeMap<Box<str>, Value>,
    ) -> Result<(), ParseError> {
        let name: Box<str> = member.name().into();
        match member.shape().kind() {
            ShapeKind::List if member.flattened() => {
                let item = self.item(open, member)?;
                match members
                    .entry(name)
                    .or_insert_with(|| Value::List(Vec::new()))
                {
                    Value::List(items) => items.push(item),
                    _ => return Err(ParseError::wrong_type(ShapeKind::List, member.name())),
                }
                Ok(())
            }
            ShapeKind::Map if member.flattened() => {
                let (key, value) = self.entry(open, member)?;
                let map = members
                    .entry(name)
                    .or_insert_with(|| Value::Map(BTreeMap::new()));
                match map {
                    Value::Map(entries) => insert(entries, key, value),
                    _ => Err(ParseError::wrong_type(ShapeKind::Map, member.name())),
                }
            }
            _ => {
                let value = self.value(open, member)?;
                insert(members, name, value)
            }
        }
    }

    fn value(&mut self, open: Open, member: Member) -> Result<Value, ParseError> {
        self.budget.spend()?;
        let shape = member.shape();
        match shape.kind() {
            ShapeKind::Structure | ShapeKind::Union => self.structure(open, shape, Placement::All),
            ShapeKind::List => self.list(open, member),
            ShapeKind::Map => self.map(open, member),
            _ => {
                self.only_namespaces(&open, member)?;
                let text = self.text(&open)?;
                parse_scalar(&text, member, TimestampFormat::Iso8601)
            }
        }
    }

    fn list(&mut self, open: Open, member: Member) -> Result<Value, ParseError> {
        let item = member
            .shape()
            .item()
            .ok_or_else(|| ParseError::wrong_type(ShapeKind::List, member.name()))?;
        self.only_namespaces(&open, member)?;
        self.budget.enter()?;
        let mut items = Vec::new();
        while let Some(child) = self.child_of(&open)? {
            if child.name != item.wire_name_or("member") {
                return Err(ParseError::Unknown(Name::new(&child.name)));
            }
            items.push(self.value(child, item)?);
        }
        self.budget.leave();
        Ok(Value::List(items))
    }

    /// One element of a flattened list: the element itself is the item.
    fn item(&mut self, open: Open, member: Member) -> Result<Value, ParseError> {
        let item = member
            .shape()
            .item()
            .ok_or_else(|| ParseError::wrong_type(ShapeKind::List, member.name()))?;
        self.value(open, item)
    }

    fn map(&mut self, open: Open, member: Member) -> Result<Value, ParseError> {
        self.only_namespaces(&open, member)?;
        self.budget.enter()?;
        let mut entries = BTreeMap::new();
        while let Some(child) = self.child_of(&open)? {
            if child.name != "entry" {
                return Err(ParseError::Unknown(Name::new(&child.name)));
            }
            let (key, value) = self.entry(child, member)?;
            insert(&mut entries, key, value)?;
        }
        self.budget.leave();
        Ok(Value::Map(entries))
    }

    /// `<key>..</key><value>..</value>`, in either order, each once.
    fn entry(&mut self, open: Open, member: Member) -> Result<(Box<str>, Value), ParseError> {
        let wrong = || ParseError::wrong_type(ShapeKind::Map, member.name());
        let (key_member, value_member) = member.shape().entry().ok_or_else(wrong)?;
        let (mut key, mut value) = (None, None);
        while let Some(child) = self.child_of(&open)? {
            let repeated = match &child.name {
                name if name == key_member.wire_name_or("key") => {
                    key.replace(self.text(&child)?).is_some()
                }
                name if name == value_member.wire_name_or("value") => {
                    value.replace(self.value(child, value_member)?).is_some()
                }
                name => return Err(ParseError::Unknown(Name::new(name))),
            };
            if repeated {
                return Err(ParseError::Duplicate(Name::new(member.name())));
            }
        }
        match (key, value) {
            (Some(key), Some(value)) => Ok((key.into(), value)),
            _ => Err(wrong()),
        }
    }

    /// The text of an element that holds nothing else.
    fn text(&mut self, open: &Open) -> Result<String, ParseError> {
        let mut text = String::new();
        if open.empty {
            return Ok(text);
        }
        loop {
            match self.event()? {
                Event::Text(piece) => {
                    // XML readers turn a raw carriage return into a line feed; writers that mean
                    // one send a reference.
                    if piece.chars().any(|c| !is_xml_character(c) || c == '\r') {
                        return Err(malformed("a control character"));
                    }
                    text.push_str(&piece);
                }
                Event::GeneralRef(reference) => text.push_str(&resolve(&reference)?),
                Event::End(_) => return Ok(text),
                Event::Eof => return Err(malformed("it ends too early")),
                Event::Start(child) | Event::Empty(child) => {
                    return Err(ParseError::Unknown(Name::new(child.name().into_inner())));
                }
                _ => return Err(malformed("markup that no AWS client sends")),
            }
        }
    }

    /// Puts modelled attributes among the members; refuses the others.
    fn attributes(
        &self,
        open: &Open,
        shape: Shape,
        members: &mut BTreeMap<Box<str>, Value>,
    ) -> Result<(), ParseError> {
        for (name, text) in &open.attributes {
            if self.is_namespace(name, text, None) {
                continue;
            }
            let member = shape
                .members()
                .find(|member| member.xml_attribute() && member.wire_name() == name)
                .ok_or_else(|| ParseError::Unknown(Name::new(name)))?;
            let value = parse_scalar(text, member, TimestampFormat::Iso8601)?;
            insert(members, member.name().into(), value)?;
        }
        Ok(())
    }

    fn only_namespaces(&self, open: &Open, member: Member) -> Result<(), ParseError> {
        let stray = open
            .attributes
            .iter()
            .find(|(name, text)| !self.is_namespace(name, text, Some(member)));
        match stray {
            None => Ok(()),
            Some((name, _)) => Err(ParseError::Unknown(Name::new(name))),
        }
    }

    fn is_namespace(&self, name: &str, uri: &str, member: Option<Member>) -> bool {
        let own = member.and_then(Member::xml_namespace);
        match name {
            "xmlns" => uri == self.namespace || own.is_some_and(|(_, own)| own == uri),
            "xmlns:xsi" => uri == XSI,
            _ => false,
        }
    }
}

fn open(start: &BytesStart<'_>, empty: bool) -> Result<Open, ParseError> {
    let name = start.name().into_inner().to_owned();
    let mut attributes: Vec<(String, String)> = Vec::new();
    // `attributes` checks that none repeats.
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| malformed("a bad attribute"))?;
        let key = attribute.key.into_inner().to_owned();
        if attribute.value.contains(['&', '<', '\r', '\n', '\t']) {
            return Err(malformed("a reference in an attribute"));
        }
        attributes.push((key, attribute.value.into_owned()));
    }
    Ok(Open {
        name,
        attributes,
        empty,
    })
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, ParseError> {
    let bad = || malformed("an entity beyond the five of XML");
    if let Some(character) = reference.resolve_char_ref().map_err(|_| bad())? {
        return match is_xml_character(character) {
            true => Ok(character.to_string()),
            false => Err(malformed("a control character")),
        };
    }
    resolve_predefined_entity(reference)
        .map(str::to_owned)
        .ok_or_else(bad)
}

fn is_xml_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..)
}

fn is_blank(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

fn insert(
    members: &mut BTreeMap<Box<str>, Value>,
    name: Box<str>,
    value: Value,
) -> Result<(), ParseError> {
    match members.contains_key(&name) {
        true => Err(ParseError::Duplicate(Name::new(&name))),
        false => {
            members.insert(name, value);
            Ok(())
        }
    }
}

fn malformed(reason: &'static str) -> ParseError {
    ParseError::malformed(FORMAT, reason)
}

fn write_structure(
    out: &mut String,
    name: &str,
    attributes: &str,
    value: &Value,
    shape: Shape,
    placement: Placement,
) {
    let Value::Structure(members) = value else {
        return;
    };
    let known: Vec<(Member, &Value)> = members
        .iter()
        .filter_map(|(name, value)| shape.member(name).map(|member| (member, value)))
        .filter(|(member, _)| placement.admits(*member))
        .collect();
    out.push('<');
    out.push_str(name);
    out.push_str(attributes);
    for (member, value) in known.iter().filter(|(member, _)| member.xml_attribute()) {
        if let Some(text) = scalar_text(value, TimestampFormat::Iso8601) {
            push_attribute(out, member.wire_name(), &text);
        }
    }
    out.push('>');
    for (member, value) in known.iter().filter(|(member, _)| !member.xml_attribute()) {
        write_member(out, value, *member);
    }
    close(out, name);
}

fn write_member(out: &mut String, value: &Value, member: Member) {
    let name = member.wire_name();
    match value {
        Value::List(items) if member.flattened() => {
            if let Some(item) = member.shape().item() {
                items
                    .iter()
                    .for_each(|value| write_value(out, name, value, item));
            }
        }
        Value::Map(entries) if member.flattened() => {
            entries
                .iter()
                .for_each(|(key, value)| write_entry(out, name, (key, value), member));
        }
        _ => write_value(out, name, value, member),
    }
}

fn write_value(out: &mut String, name: &str, value: &Value, member: Member) {
    let attributes = namespace_attribute(member);
    match value {
        Value::Structure(_) => {
            write_structure(
                out,
                name,
                &attributes,
                value,
                member.shape(),
                Placement::All,
            );
        }
        Value::List(items) => {
            begin(out, name, &attributes);
            if let Some(item) = member.shape().item() {
                let item_name = item.wire_name_or("member");
                items
                    .iter()
                    .for_each(|value| write_value(out, item_name, value, item));
            }
            close(out, name);
        }
        Value::Map(entries) => {
            begin(out, name, &attributes);
            entries
                .iter()
                .for_each(|(key, value)| write_entry(out, "entry", (key, value), member));
            close(out, name);
        }
        _ => {
            let format = timestamp_format(member, TimestampFormat::Iso8601);
            if let Some(text) = scalar_text(value, format) {
                begin(out, name, &attributes);
                push_text(out, &text);
                close(out, name);
            }
        }
    }
}

fn write_entry(out: &mut String, name: &str, (key, value): (&str, &Value), member: Member) {
    let Some((key_member, value_member)) = member.shape().entry() else {
        return;
    };
    begin(out, name, "");
    begin(out, key_member.wire_name_or("key"), "");
    push_text(out, key);
    close(out, key_member.wire_name_or("key"));
    write_value(out, value_member.wire_name_or("value"), value, value_member);
    close(out, name);
}

fn namespace_attribute(member: Member) -> String {
    let mut out = String::new();
    match member.xml_namespace() {
        Some(("", uri)) => push_attribute(&mut out, "xmlns", uri),
        Some((prefix, uri)) => push_attribute(&mut out, &format!("xmlns:{prefix}"), uri),
        None => {}
    }
    out
}

fn push_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    out.push_str(&escape(value));
    out.push('"');
}

/// Writes text so that every reader gives back the same: line ends as references.
fn push_text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\r' => out.push_str("&#13;"),
            '\n' => out.push_str("&#10;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
}

fn begin(out: &mut String, name: &str, attributes: &str) {
    out.push('<');
    out.push_str(name);
    out.push_str(attributes);
    out.push('>');
}

fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}
