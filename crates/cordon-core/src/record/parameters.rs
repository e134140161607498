//! The parameters of a call as people and records see them: JSON, secrets replaced, bodies told
//! by their length, cut where it is too long to read.

use crate::digest::quote;
use cordon_aws::call::Call;
use cordon_aws::catalog::{Member, Shape};
use cordon_aws::value::Value;
use std::collections::BTreeMap;

/// The longest text, in bytes.
pub const LONGEST: usize = 16 * 1024;

/// The longest text of one value, in bytes.
const LONGEST_VALUE: usize = 2 * 1024;

const SENSITIVE: &str = "\"(sensitive)\"";

/// Names that mean a secret wherever they appear in maps and documents, which no model marks:
/// environment variables of functions, tags, parameters of templates.
const TELLING: [&str; 8] = [
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "private_key",
    "credential",
];

/// The parameters of `call`.
#[must_use]
pub fn of(call: &Call) -> String {
    let mut text = String::new();
    write(&mut text, call.parameters(), call.operation().input());
    cut(text)
}

/// Cuts at a character, and says so.
fn cut(mut text: String) -> String {
    if text.len() > LONGEST {
        let whole = text.len();
        let mark = format!("... cut, {whole} bytes in all");
        let mut end = LONGEST - mark.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(&mark);
    }
    text
}

fn write(text: &mut String, value: &Value, shape: Option<Shape>) {
    // What is cut off in the end need not be written: bodies may be large.
    if text.len() > LONGEST {
        return;
    }
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Integer(digits) | Value::Float(digits) | Value::Timestamp(digits) => {
            text.push_str(digits);
        }
        Value::String(string) => quote(text, &shortened(string)),
        Value::Blob(bytes) => quote(text, &format!("({} bytes)", bytes.len())),
        Value::Stream => quote(text, "(stream)"),
        Value::Document(json) => quote(text, &shortened(json)),
        Value::List(items) => {
            let item = shape.and_then(Shape::item);
            text.push('[');
            for (index, value) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_member(text, value, item);
            }
            text.push(']');
        }
        Value::Map(entries) => {
            let entry = shape.and_then(Shape::entry).map(|(_, value)| value);
            write_entries(text, entries, |name| (entry, is_telling(name)));
        }
        Value::Structure(members) => {
            write_entries(text, members, |name| {
                (shape.and_then(|shape| shape.member(name)), false)
            });
        }
    }
}

fn write_entries(
    text: &mut String,
    entries: &BTreeMap<Box<str>, Value>,
    about: impl Fn(&str) -> (Option<Member>, bool),
) {
    text.push('{');
    for (index, (name, value)) in entries.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        quote(text, name);
        text.push(':');
        let (member, telling) = about(name);
        match telling {
            true => text.push_str(SENSITIVE),
            false => write_member(text, value, member),
        }
    }
    text.push('}');
}

fn write_member(text: &mut String, value: &Value, member: Option<Member>) {
    match member {
        Some(member) if member.sensitive() => text.push_str(SENSITIVE),
        member => write(text, value, member.map(Member::shape)),
    }
}

fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|word| name.contains(word))
}

fn shortened(value: &str) -> std::borrow::Cow<'_, str> {
    if value.len() <= LONGEST_VALUE {
        return value.into();
    }
    let mut end = LONGEST_VALUE;
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let head = value.get(..end).unwrap_or_default();
    format!("{head}... ({} bytes)", value.len()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn written(value: &Value) -> String {
        let mut text = String::new();
        write(&mut text, value, None);
        cut(text)
    }

    #[test]
    fn values_under_telling_names_are_replaced() {
        let variables = Value::Map(
            [
                ("DB_PASSWORD".into(), Value::String("hunter2".into())),
                ("LOG_LEVEL".into(), Value::String("debug".into())),
            ]
            .into(),
        );
        assert_eq!(
            written(&variables),
            r#"{"DB_PASSWORD":"(sensitive)","LOG_LEVEL":"debug"}"#
        );
    }

    #[test]
    fn bodies_are_told_by_their_length() {
        assert_eq!(
            written(&Value::Blob(Bytes::from_static(b"abc"))),
            "\"(3 bytes)\""
        );
    }

    #[test]
    fn what_is_long_is_cut_at_a_character_and_says_so() {
        let long = Value::List(vec![Value::String("\u{20ac}".repeat(900).into()); 20]);
        let text = written(&long);
        assert!(text.len() <= LONGEST, "{}", text.len());
        assert!(text.ends_with("bytes in all"));
        let one = written(&Value::String("x".repeat(5_000).into()));
        assert!(one.ends_with("... (5000 bytes)\""));
    }
}
