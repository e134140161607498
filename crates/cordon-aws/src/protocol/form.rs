//! Percent-encoding and `name=value` pairs: form bodies, query strings, path segments.
//!
//! Decodes once and strictly. A `+` is a space in a form body, because forms are written so; in
//! a path or query string it is refused, because readers disagree on what it means there and no
//! SDK sends it.

use super::{MAX_VALUES, Name, ParseError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;

/// One decoded pair; the value is absent where there was no `=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) value: Option<Cow<'a, str>>,
}

/// What a raw `+` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    /// A space (form bodies).
    Space,
    /// Not allowed (URLs).
    Refused,
}

/// All but RFC 3986's unreserved characters, as SigV4 demands it.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// As [`RESERVED`], with `/` kept for greedy path labels.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// The pairs of `text`, in order. Empty pairs and empty names are refused.
pub(crate) fn pairs<'a>(
    text: &'a str,
    plus: Plus,
    format: &'static str,
) -> Result<Vec<Pair<'a>>, ParseError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if text.bytes().filter(|byte| *byte == b'&').count() >= MAX_VALUES {
        return Err(ParseError::TooMany);
    }
    text.split('&')
        .map(|pair| one(pair, plus, format))
        .collect()
}

fn one<'a>(text: &'a str, plus: Plus, format: &'static str) -> Result<Pair<'a>, ParseError> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    if name.is_empty() {
        return Err(ParseError::malformed(format, "a pair without a name"));
    }
    Ok(Pair {
        name: decode(name, plus, format)?,
        value: value.map(|value| decode(value, plus, format)).transpose()?,
    })
}

/// Decodes `text` once. Borrowed where nothing was encoded.
pub(crate) fn decode<'a>(
    text: &'a str,
    plus: Plus,
    format: &'static str,
) -> Result<Cow<'a, str>, ParseError> {
    if !text
        .bytes()
        .any(|b| matches!(b, b'%' | b'+') || !b.is_ascii_graphic())
    {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match (byte, plus) {
            (b'%', _) => hex_pair(&mut rest)
                .ok_or(ParseError::malformed(format, "a bad percent-encoding"))?,
            (b'+', Plus::Space) => b' ',
            (b'+', Plus::Refused) => {
                return Err(ParseError::malformed(format, "a `+` that is not encoded"));
            }
            (b'!'..=b'~', _) => byte,
            _ => return Err(ParseError::malformed(format, "a byte that must be encoded")),
        });
    }
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| ParseError::malformed(format, "invalid UTF-8"))
}

fn hex_pair(rest: &mut std::str::Bytes<'_>) -> Option<u8> {
    let high = char::from(rest.next()?).to_digit(16)?;
    let low = char::from(rest.next()?).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

/// Encodes everything but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// As [`encode`], with `/` kept.
pub(crate) fn encode_path(text: &str) -> String {
    utf8_percent_encode(text, RESERVED_IN_PATH).to_string()
}

/// Appends `name=value`, both encoded, after a `&` where one is due.
pub(crate) fn push_pair(out: &mut String, name: &str, value: &str) {
    if !out.is_empty() {
        out.push('&');
    }
    out.extend(utf8_percent_encode(name, RESERVED));
    out.push('=');
    out.extend(utf8_percent_encode(value, RESERVED));
}

/// Takes the one value of `name` out of `pairs`: absent is fine, repeated or without `=` is not.
pub(crate) fn take<'a>(
    pairs: &mut Vec<Pair<'a>>,
    name: &str,
) -> Result<Option<Cow<'a, str>>, ParseError> {
    let Some(index) = pairs.iter().position(|pair| pair.name == name) else {
        return Ok(None);
    };
    let pair = pairs.remove(index);
    if pairs.iter().any(|pair| pair.name == name) {
        return Err(ParseError::Duplicate(Name::new(name)));
    }
    pair.value
        .map(Some)
        .ok_or_else(|| ParseError::Missing(Name::new(name)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn decoding_happens_once() {
        let pairs = pairs("a=%2541&b=x+y&c=&d", Plus::Space, "form body").unwrap();
        let seen: Vec<_> = pairs
            .iter()
            .map(|p| (&*p.name, p.value.as_deref()))
            .collect();
        assert_eq!(
            seen,
            [
                ("a", Some("%41")),
                ("b", Some("x y")),
                ("c", Some("")),
                ("d", None)
            ]
        );
    }

    #[test]
    fn what_readers_disagree_on_is_refused() {
        for text in [
            "a=%4", "a=%zz", "a=%", "=x", "&", "a=1&&b=2", "a=\u{e9}", "a=%ff", "a=%c0%af", "a= b",
        ] {
            assert!(pairs(text, Plus::Space, "form body").is_err(), "{text}");
        }
        assert!(pairs("a=x+y", Plus::Refused, "query string").is_err());
    }

    #[test]
    fn encoding_is_decodings_inverse() {
        let text = "a/b c+d%é~\u{1}";
        assert_eq!(encode(text), "a%2Fb%20c%2Bd%25%C3%A9~%01");
        assert_eq!(decode(&encode(text), Plus::Refused, "x").unwrap(), text);
    }
}
