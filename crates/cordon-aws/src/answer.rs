//! The body of an answer that Cordon asked for itself, as a tree.
//!
//! Takes the bytes of a whole answer and the protocol that it came in; gives [`Answer`], in which
//! structures, lists and texts are found by name. The models of answers are not in the catalog:
//! what Cordon reads of one is a handful of members, whose names are those of the API reference.

use crate::call::Protocol;
use jiter::JsonValue;
use minicbor::Decoder;
use minicbor::data::Type;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// The deepest element of an answer; those of AWS are a few deep.
const DEEPEST: usize = 32;

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A number, a word, a text.
    Text(String),
    /// Members by name, in order. A list of XML is the members of one name.
    Members(Vec<(String, Answer)>),
    /// A list of JSON.
    List(Vec<Answer>),
}

impl Answer {
    /// Reads a whole answer; nothing where it is not in its form. The two elements around an
    /// answer in the query protocol are left out.
    #[must_use]
    pub fn read(protocol: Protocol, body: &[u8]) -> Option<Self> {
        match protocol {
            Protocol::Query => {
                let (name, response) = xml(body)?;
                let result = name.strip_suffix("Response")?;
                response.get(&format!("{result}Result")).cloned()
            }
            Protocol::Ec2 | Protocol::RestXml => {
                let (name, answer) = xml(body)?;
                // A page of something on the way, or an error that S3 told too late for its status.
                let is_none = ["Error", "ErrorResponse", "html"].contains(&&*name);
                (!is_none).then_some(answer)
            }
            Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => {
                JsonValue::parse(body, false).ok().map(|value| json(&value))
            }
            Protocol::RpcV2Cbor => cbor(body),
        }
    }

    /// Reads the XML of an error.
    #[must_use]
    pub fn read_fault(body: &[u8]) -> Option<Self> {
        xml(body).map(|(_, answer)| answer)
    }

    /// The first member of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Members(members) => members
                .iter()
                .find(|(named, _)| named == name)
                .map(|(_, member)| member),
            Self::Text(_) | Self::List(_) => None,
        }
    }

    /// The text of the member of this name; nothing where it is absent, empty or no text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// Every part at the end of `path`, whose steps are names with `/` between them; each list of
    /// JSON is all of its items. The path without steps is the answer itself.
    #[must_use]
    pub fn all<'a>(&'a self, path: &'a str) -> Vec<&'a Self> {
        let mut found = vec![self];
        for step in path.split('/').filter(|step| !step.is_empty()) {
            found = found
                .into_iter()
                .flat_map(Self::flat)
                .flat_map(|part| part.named(step))
                .collect();
        }
        found.into_iter().flat_map(Self::flat).collect()
    }

    /// The items of a list, or the part itself.
    fn flat(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            part => std::slice::from_ref(part),
        }
    }

    /// The members of this name.
    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        let members: &[(String, Self)] = match self {
            Self::Members(members) => members,
            Self::Text(_) | Self::List(_) => &[],
        };
        let named = members.iter().filter(move |(named, _)| named == name);
        named.map(|(_, member)| member)
    }

    /// The items of the list of this name, as JSON and the query protocol write one; nothing
    /// where there is no such list.
    pub fn items(&self, name: &str) -> impl Iterator<Item = &Self> {
        let (list, members): (&[Self], &[(String, Self)]) = match self.get(name) {
            Some(Self::List(items)) => (items, &[]),
            Some(Self::Members(members)) => (&[], members),
            Some(Self::Text(_)) | None => (&[], &[]),
        };
        let members = members.iter().filter(|(named, _)| named == "member");
        list.iter().chain(members.map(|(_, member)| member))
    }
}

fn json(value: &JsonValue<'_>) -> Answer {
    match value {
        JsonValue::Null => Answer::Text(String::new()),
        JsonValue::Bool(it) => Answer::Text(it.to_string()),
        JsonValue::Int(it) => Answer::Text(it.to_string()),
        JsonValue::Float(it) => Answer::Text(it.to_string()),
        JsonValue::Str(it) => Answer::Text(it.to_string()),
        JsonValue::Array(items) => Answer::List(items.iter().map(json).collect()),
        JsonValue::Object(members) => Answer::Members(
            members
                .iter()
                .map(|(name, value)| (name.to_string(), json(value)))
                .collect(),
        ),
    }
}

/// A whole body of CBOR; nothing where something follows it.
fn cbor(body: &[u8]) -> Option<Answer> {
    let mut decoder = Decoder::new(body);
    let answer = item(&mut decoder, DEEPEST)?;
    (decoder.position() == body.len()).then_some(answer)
}

/// The next item, which may hold others so deep.
fn item(decoder: &mut Decoder<'_>, deep: usize) -> Option<Answer> {
    let text = |text: String| Some(Answer::Text(text));
    match decoder.datatype().ok()? {
        Type::Null | Type::Undefined => {
            decoder.skip().ok()?;
            text(String::new())
        }
        Type::Bool => text(decoder.bool().ok()?.to_string()),
        Type::String => text(decoder.str().ok()?.to_owned()),
        Type::F16 => text(decoder.f16().ok()?.to_string()),
        Type::F32 => text(decoder.f32().ok()?.to_string()),
        Type::F64 => text(decoder.f64().ok()?.to_string()),
        Type::Tag => {
            decoder.tag().ok()?;
            item(decoder, deep.checked_sub(1)?)
        }
        Type::Array | Type::ArrayIndef => {
            let length = decoder.array().ok()?;
            let mut items = Vec::new();
            while follows(decoder, length, items.len())? {
                items.push(item(decoder, deep.checked_sub(1)?)?);
            }
            Some(Answer::List(items))
        }
        Type::Map | Type::MapIndef => {
            let length = decoder.map().ok()?;
            let mut members = Vec::new();
            while follows(decoder, length, members.len())? {
                let name = decoder.str().ok()?.to_owned();
                members.push((name, item(decoder, deep.checked_sub(1)?)?));
            }
            Some(Answer::Members(members))
        }
        // Bytes, and texts in pieces, are in no answer that Cordon asks for.
        _ => text(i128::from(decoder.int().ok()?).to_string()),
    }
}

/// Whether a container of `length`, or of none that is told, has another item after `read`.
fn follows(decoder: &mut Decoder<'_>, length: Option<u64>, read: usize) -> Option<bool> {
    match length {
        Some(length) => Some(u64::try_from(read).ok()? < length),
        None if decoder.datatype().ok()? == Type::Break => {
            decoder.skip().ok()?;
            Some(false)
        }
        None => Some(true),
    }
}

/// An element that is open.
struct Open {
    name: String,
    text: String,
    members: Vec<(String, Answer)>,
}

impl Open {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: String::new(),
            members: Vec::new(),
        }
    }

    fn close(self) -> (String, Answer) {
        let answer = match self.members.is_empty() {
            true => Answer::Text(self.text.trim().to_owned()),
            false => Answer::Members(self.members),
        };
        (self.name, answer)
    }
}

/// The root element of a document, by its name.
fn xml(body: &[u8]) -> Option<(String, Answer)> {
    let text = std::str::from_utf8(body).ok()?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = Vec::new();
    loop {
        let closed = match reader.read_event().ok()? {
            Event::Start(start) if open.len() < DEEPEST => {
                open.push(Open::named(start.local_name().as_ref()));
                continue;
            }
            Event::Empty(start) => Open::named(start.local_name().as_ref()),
            Event::End(_) => open.pop()?,
            Event::Text(text) => {
                if let Some(open) = open.last_mut() {
                    open.text.push_str(&text);
                }
                continue;
            }
            Event::GeneralRef(reference) => {
                let meant = match reference.resolve_char_ref().ok()? {
                    Some(character) => character.to_string(),
                    None => resolve_predefined_entity(&reference)?.to_owned(),
                };
                open.last_mut()?.text.push_str(&meant);
                continue;
            }
            Event::Decl(_) => continue,
            // Deeper than any answer, cut off, or with markup that no answer of AWS has.
            _ => return None,
        };
        let closed = closed.close();
        match open.last_mut() {
            Some(parent) => parent.members.push(closed),
            None => return Some(closed),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn query_xml_is_read_by_name() {
        let body = br#"<?xml version="1.0"?><DescribeChangeSetResponse xmlns="u">
            <DescribeChangeSetResult><Status>CREATE_COMPLETE</Status><Empty/>
            <Changes><member><A>1 &lt; 2&#33;</A></member><member><A>two</A></member></Changes>
            </DescribeChangeSetResult><ResponseMetadata/></DescribeChangeSetResponse>"#;
        let answer = Answer::read(Protocol::Query, body).unwrap();
        assert_eq!(answer.text("Status"), Some("CREATE_COMPLETE"));
        assert_eq!(answer.text("Empty"), None);
        let texts: Vec<_> = answer.items("Changes").map(|it| it.text("A")).collect();
        assert_eq!(texts, [Some("1 < 2!"), Some("two")]);
        assert_eq!(answer.items("Nothing").count(), 0);
    }

    #[test]
    fn json_is_read_by_name() {
        let body = br#"{"nextToken":null,"items":[{"n":3},{"n":true}]}"#;
        let answer = Answer::read(Protocol::Json11, body).unwrap();
        assert_eq!(answer.text("nextToken"), None);
        let texts: Vec<_> = answer.items("items").map(|it| it.text("n")).collect();
        assert_eq!(texts, [Some("3"), Some("true")]);
    }

    #[test]
    fn cbor_is_read_by_name() {
        // {"items": [_ {"n": 3}, {"n": true}], "at": 1(1.5), "next": null}
        let body = b"\xa3\x65items\x9f\xa1\x61n\x03\xa1\x61n\xf5\xff\x62at\xc1\xfb\x3f\xf8\0\0\0\0\0\0\x64next\xf6";
        let answer = Answer::read(Protocol::RpcV2Cbor, body).unwrap();
        let texts: Vec<_> = answer.items("items").map(|it| it.text("n")).collect();
        assert_eq!(texts, [Some("3"), Some("true")]);
        assert_eq!(
            (answer.text("at"), answer.text("next")),
            (Some("1.5"), None)
        );
        let deep = [&[0x81; 100_000][..], &[0x01]].concat();
        for body in [
            &body[..body.len() - 1],
            &[&body[..], &[0]].concat(),
            &deep,
            b"\x9f",
        ] {
            assert_eq!(Answer::read(Protocol::RpcV2Cbor, body), None);
        }
    }

    #[test]
    fn what_is_cut_or_foreign_is_not_read() {
        let deep = "<a>".repeat(100_000);
        for body in [
            "",
            "<XResponse><XResult>",
            "<XResponse></XResponse>",
            "<!DOCTYPE x><XResponse><XResult/></XResponse>",
            "<XResponse><XResult>&foreign;</XResult></XResponse>",
            "<ErrorResponse><Error/></ErrorResponse>",
            "</a>",
            "{}",
            &deep,
        ] {
            assert_eq!(
                Answer::read(Protocol::Query, body.as_bytes()),
                None,
                "{body:.80}"
            );
        }
        assert_eq!(Answer::read(Protocol::Json10, b"{\"a\":"), None);
        for body in [
            "<html><body/></html>",
            "<Error><Code>InternalError</Code></Error>",
        ] {
            assert_eq!(Answer::read(Protocol::RestXml, body.as_bytes()), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            for protocol in Protocol::ALL {
                let _ = Answer::read(protocol, &body);
            }
        }
    }
}
