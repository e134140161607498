//! XML in and out, only as much as AWS uses.
//!
//! Takes the bodies of S3 requests and gives a tree of [`Value`]s; takes such a tree and gives
//! the XML of an answer. In both directions an array is its element repeated, an object is an
//! element with children and a scalar is text, so `{"Roles": {"member": [..]}}` is
//! `<Roles><member>..</member>..</Roles>`.

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// How deep a request's XML may go.
const DEPTH: usize = 16;

/// Reads a document; gives the name of its root and the root's content.
pub(crate) fn parse(bytes: &[u8]) -> Result<(String, Value), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the XML is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) => {
                if root.is_some() || open.len() == DEPTH {
                    return Err("the XML has two roots or is nested too deep".to_owned());
                }
                open.push(Element::named(tag.local_name().as_ref()));
            }
            Event::Empty(tag) => close(
                Element::named(tag.local_name().as_ref()),
                &mut open,
                &mut root,
            )?,
            Event::End(_) => {
                let element = open.pop().ok_or("an element ends that was not open")?;
                close(element, &mut open, &mut root)?;
            }
            Event::Text(content) => match open.last_mut() {
                Some(element) => element.text.push_str(&content),
                None if content.trim().is_empty() => {}
                None => return Err("there is text outside of the root element".to_owned()),
            },
            Event::GeneralRef(reference) => {
                let name: &str = &reference;
                let text = resolve(name).ok_or_else(|| format!("unknown entity `&{name};`"))?;
                match open.last_mut() {
                    Some(element) => element.text.push(text),
                    None => return Err("there is text outside of the root element".to_owned()),
                }
            }
            Event::CData(content) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&content);
                }
            }
            Event::Decl(_) | Event::Comment(_) => {}
            Event::DocType(_) | Event::PI(_) => {
                return Err("the XML has a document type or an instruction".to_owned());
            }
            Event::Eof => break,
        }
    }
    match (root, open.is_empty()) {
        (Some(root), true) => Ok((root.name.clone(), root.into_value())),
        _ => Err("the XML is not complete".to_owned()),
    }
}

struct Element {
    name: String,
    text: String,
    children: Map<String, Value>,
}

impl Element {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: String::new(),
            children: Map::new(),
        }
    }

    fn into_value(self) -> Value {
        match self.children.is_empty() {
            true => Value::String(self.text),
            false => Value::Object(self.children),
        }
    }
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), String> {
    let Some(parent) = open.last_mut() else {
        return match root.replace(element) {
            None => Ok(()),
            Some(_) => Err("the XML has two roots".to_owned()),
        };
    };
    let name = element.name.clone();
    let value = element.into_value();
    match parent.children.get_mut(&name) {
        None => {
            parent.children.insert(name, value);
        }
        Some(Value::Array(members)) => members.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
    Ok(())
}

fn resolve(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let code = name.strip_prefix('#')?;
            let number = match code.strip_prefix('x') {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => code.parse().ok()?,
            };
            char::from_u32(number)
        }
    }
}

/// Members of a list that may have been one element or several.
pub(crate) fn members<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    match value.get(name) {
        Some(Value::Array(members)) => members.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// Writes one element and what it holds.
pub(crate) fn write(out: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Array(members) => members.iter().for_each(|member| write(out, name, member)),
        Value::Object(children) => {
            open(out, name);
            children
                .iter()
                .for_each(|(name, child)| write(out, name, child));
            close_tag(out, name);
        }
        Value::String(text) => leaf(out, name, text),
        Value::Bool(flag) => leaf(out, name, if *flag { "true" } else { "false" }),
        Value::Number(number) => leaf(out, name, &number.to_string()),
    }
}

fn leaf(out: &mut String, name: &str, text: &str) {
    open(out, name);
    out.push_str(&escape(text));
    close_tag(out, name);
}

fn open(out: &mut String, name: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
}

fn close_tag(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let value = serde_json::json!({"A": {"member": ["1", "a<b&\"c\""]}, "B": "", "C": "x"});
        let mut text = String::new();
        write(&mut text, "Root", &value);
        assert_eq!(parse(text.as_bytes()).unwrap(), ("Root".to_owned(), value));
    }

    #[test]
    fn documents_with_tricks_are_refused() {
        for text in [
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            "<a>&b;</a>",
            "<a></a><a></a>",
            "<a>",
            "x<a/>",
            "",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
