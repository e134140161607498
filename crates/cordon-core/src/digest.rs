//! The digest of a call: what an approval binds and a repeat is known by.
//!
//! The canonical form covers what the call means and nothing of how it was written: partition,
//! account, region, service, operation, every parameter, the task and the policies. Dates,
//! signatures, header order, protocol and the idempotency tokens that SDKs draw anew for each
//! attempt are left out, so that a retry joins its hold; any other difference makes another call.
//!
//! ```text
//! cordon.call/v1
//! aws-cn 111122223333 cn-north-1
//! lambda UpdateFunctionConfiguration
//! {"FunctionName":"ce","MemorySize":1024}
//! T-1042 sha256:...
//! ```
//!
//! A body that streams is no parameter and not there when the call is decided. The hash that its
//! sender signed stands for it, in a line of its own. Where none was signed the content is not
//! covered, which [`Content::Open`] says: such a call cannot be approved.
//!
//! Each kind of value is written in its own way (`b"..."` for bytes, `t"..."` for times,
//! `m{...}` for maps), so that no two values share a text.

use crate::names::TaskId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cordon_aws::call::Call;
use cordon_aws::catalog::Shape;
use cordon_aws::sigv4::PayloadMode;
use cordon_aws::value::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// SHA-256 over the canonical form of a call: partition, account, region, service, operation,
/// every parameter but idempotency tokens, the task and the policy version.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// What is known of a body that streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// None does: the parameters are everything.
    Whole,
    /// One of this SHA-256, or the call fails before its end.
    Hashed([u8; 32]),
    /// Any.
    Open,
}

impl Content {
    /// The content of `call`, whose sender signed `mode`; nothing where nobody signed.
    #[must_use]
    pub fn of(call: &Call, mode: Option<&PayloadMode>) -> Self {
        let streams = match call.parameters() {
            Value::Structure(members) => members.values().any(|value| *value == Value::Stream),
            value => *value == Value::Stream,
        };
        match (streams, mode) {
            (false, _) => Self::Whole,
            (true, Some(PayloadMode::Hashed(hash))) => Self::Hashed(*hash),
            (true, _) => Self::Open,
        }
    }
}

impl Digest {
    /// The digest of `call` with `content`, made by `task` under the policies of `policy_version`.
    #[must_use]
    pub fn of(call: &Call, content: Content, task: &TaskId, policy_version: &str) -> Self {
        let mut text = canonical(call, task, policy_version);
        match content {
            Content::Whole => {}
            Content::Hashed(hash) => text.push_str(&format!("content {}\n", hex::encode(hash))),
            Content::Open => text.push_str("content open\n"),
        }
        Self(Sha256::digest(text).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text that the digest is taken over.
#[must_use]
pub fn canonical(call: &Call, task: &TaskId, policy_version: &str) -> String {
    let operation = call.operation();
    let mut text = format!(
        "cordon.call/v1\n{} {} {}\n{} {}\n",
        call.partition(),
        call.account().map_or("-", |account| account.as_str()),
        call.region(),
        operation.service().name(),
        operation.name(),
    );
    write_value(&mut text, call.parameters(), operation.input());
    text.push_str(&format!("\n{task} {policy_version}\n"));
    text
}

fn write_value(text: &mut String, value: &Value, shape: Option<Shape>) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Integer(digits) => text.push_str(digits),
        Value::Float(digits) => tagged(text, 'f', digits),
        Value::String(string) => quote(text, string),
        Value::Blob(bytes) => tagged(text, 'b', &STANDARD.encode(bytes)),
        Value::Timestamp(seconds) => tagged(text, 't', seconds),
        Value::Document(json) => tagged(text, 'd', json),
        Value::Stream => text.push_str("stream"),
        Value::List(items) => {
            let item_shape = shape.and_then(Shape::item).map(|member| member.shape());
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_value(text, item, item_shape);
            }
            text.push(']');
        }
        Value::Map(entries) => {
            let value_shape = shape.and_then(Shape::entry).map(|(_, value)| value.shape());
            text.push('m');
            write_entries(text, entries, |_| Some(value_shape));
        }
        Value::Structure(members) => write_entries(text, members, |name| {
            let member = shape.and_then(|shape| shape.member(name));
            match member {
                Some(member) if member.idempotency_token() => None,
                member => Some(member.map(|member| member.shape())),
            }
        }),
    }
}

/// Writes the entries that `shape_of` does not leave out.
fn write_entries(
    text: &mut String,
    entries: &BTreeMap<Box<str>, Value>,
    shape_of: impl Fn(&str) -> Option<Option<Shape>>,
) {
    text.push('{');
    let mut first = true;
    for (name, value) in entries {
        let Some(shape) = shape_of(name) else {
            continue;
        };
        if !std::mem::take(&mut first) {
            text.push(',');
        }
        quote(text, name);
        text.push(':');
        write_value(text, value, shape);
    }
    text.push('}');
}

fn tagged(text: &mut String, tag: char, content: &str) {
    text.push(tag);
    quote(text, content);
}

/// A JSON string: only quotes, backslashes and control characters are escaped, so every text has
/// exactly one form.
pub(crate) fn quote(text: &mut String, content: &str) {
    text.push('"');
    for c in content.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if u32::from(c) < 0x20 => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn canonical_of(value: &Value) -> String {
        let mut text = String::new();
        write_value(&mut text, value, None);
        text
    }

    fn structure(members: &[(&str, Value)]) -> Value {
        let members = members
            .iter()
            .map(|(name, value)| ((*name).into(), value.clone()));
        Value::Structure(members.collect())
    }

    #[test]
    fn no_two_values_share_a_form() {
        let text = |text: &str| Value::String(text.into());
        let values = [
            Value::Null,
            text("null"),
            text(""),
            Value::Bool(true),
            text("true"),
            Value::Integer("1".into()),
            Value::Float("1".into()),
            Value::Timestamp("1".into()),
            text("1"),
            Value::Document("1".into()),
            Value::Blob(Bytes::from_static(b"1")),
            text("MQ=="),
            Value::Stream,
            text("stream"),
            Value::List(vec![]),
            Value::List(vec![text("a"), text("b")]),
            Value::List(vec![text("b"), text("a")]),
            Value::List(vec![text("a\",\"b")]),
            Value::Map(BTreeMap::new()),
            structure(&[]),
            structure(&[("a", Value::Null)]),
            structure(&[("a", text("b")), ("c", text("d"))]),
            structure(&[("a", text("b\",\"c\":\"d"))]),
            Value::Map([("a".into(), Value::Null)].into()),
        ];
        let forms: std::collections::BTreeSet<String> = values.iter().map(canonical_of).collect();
        assert_eq!(forms.len(), values.len());
    }

    #[test]
    fn the_form_of_each_kind_is_settled() {
        let value = structure(&[
            ("Body", Value::Blob(Bytes::from_static(b"\x00\xff"))),
            ("Count", Value::Integer("-12".into())),
            ("Ratio", Value::Float("0.5".into())),
            (
                "Tags",
                Value::Map([("k\n".into(), Value::String("\u{fc}\"".into()))].into()),
            ),
            ("When", Value::Timestamp("1700000000.5".into())),
        ]);
        assert_eq!(
            canonical_of(&value),
            r#"{"Body":b"AP8=","Count":-12,"Ratio":f"0.5","Tags":m{"k\u000a":"ü\""},"When":t"1700000000.5"}"#
        );
    }
}
