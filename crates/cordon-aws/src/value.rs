//! The parameters of a call as one typed value, the same whatever protocol carried them.
//!
//! Takes what a protocol parser read; gives the value that policy weighs, the digest covers and
//! emission writes. There is exactly one way to write a given meaning here, so that an SQS
//! message sent by query and by JSON has one digest.

use bytes::Bytes;
use std::collections::BTreeMap;

/// One parameter value. Numbers keep their exact decimal text: a float that went through `f64`
/// could leave as another number than the one that policy saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// An explicit JSON or CBOR null, which some services tell from an absent member.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number of any size, as canonical decimal digits (`-12`).
    Integer(Box<str>),
    /// A number with a fraction or exponent, canonical decimal text.
    Float(Box<str>),
    /// Text.
    String(Box<str>),
    /// Bytes that were base64 on the wire, or a body held whole.
    Blob(Bytes),
    /// Seconds since the epoch, canonical decimal text (`1700000000.5`).
    Timestamp(Box<str>),
    /// A list, in order.
    List(Vec<Value>),
    /// A map with text keys. Order carries no meaning, so it is sorted.
    Map(BTreeMap<Box<str>, Value>),
    /// A structure: modelled member name to value. Absent members are absent.
    Structure(BTreeMap<Box<str>, Value>),
    /// A free-form JSON document (`document` in the models), kept as canonical JSON text.
    Document(Box<str>),
    /// A body that streams by and is never held: its content is proven by the payload hash.
    Stream,
}

impl Value {
    /// The member `name` of a structure or the key `name` of a map.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Structure(members) | Self::Map(members) => members.get(name),
            _ => None,
        }
    }

    /// Whether it is the boolean `true`; nothing where it is no boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(set) => Some(*set),
            _ => None,
        }
    }

    /// The text of a string; nothing for any other kind.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; empty for any other kind.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Every value at `path`, whose steps are member names separated by `.`; `[]` after a name
    /// means every item of that list, `{}` every value and `{key}` every key of that map.
    /// `Delete.Objects[].Key` gives one value an object.
    #[must_use]
    pub fn at<'v>(&'v self, path: &str) -> Vec<&'v Value> {
        let mut found = vec![self];
        for step in path.split('.') {
            let (name, every) = match step.strip_suffix("[]").or_else(|| step.strip_suffix("{}")) {
                Some(name) => (name, true),
                None => (step, false),
            };
            let named = found.into_iter().filter_map(|value| value.get(name));
            found = match every {
                true => named.flat_map(Value::children).collect(),
                false => named.collect(),
            };
        }
        found
    }

    fn children(&self) -> Vec<&Value> {
        match self {
            Self::List(items) => items.iter().collect(),
            Self::Map(entries) => entries.values().collect(),
            _ => Vec::new(),
        }
    }
}
