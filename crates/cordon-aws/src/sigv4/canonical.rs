//! The canonical request and the string to sign: the one spelling of a request that both sides
//! hash.
//!
//! Takes the parts of a request as they are on the wire; gives the bytes of AWS's algorithm.
//! Verifying and signing both come through here, so what Cordon signs is what it would accept.

use super::{CredentialScope, DateTime};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The most query parameters that are looked at; API Gateway and S3 stop far below.
const MAX_PARAMETERS: usize = 4096;

/// What becomes of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathRule {
    /// S3: the bytes on the wire, since `a/../b` and `x//y` are keys.
    AsIs,
    /// Percent-encoded once more, as every service but S3 wants it.
    Encoded,
    /// Dot segments and doubled slashes taken out, then percent-encoded once more.
    Normalised,
}

/// The parts that a canonical request is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Canonical<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) rule: PathRule,
    pub(super) query: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
    /// Lower case, sorted, joined by `;`.
    pub(super) signed_headers: &'a str,
    /// The payload's hash in hex, or one of the words that stand in its place.
    pub(super) payload: &'a str,
}

impl Canonical<'_> {
    /// The canonical request.
    ///
    /// # Errors
    /// [`MalformedQuery`] where the query has no single reading.
    pub(super) fn request(&self) -> Result<Vec<u8>, MalformedQuery> {
        let mut text = Vec::with_capacity(1024);
        text.extend_from_slice(self.method.as_bytes());
        text.push(b'\n');
        self.write_path(&mut text);
        text.push(b'\n');
        write_query(&mut text, self.query.unwrap_or_default())?;
        text.push(b'\n');
        for name in self.signed_headers.split(';') {
            write_header(&mut text, name, self.headers);
        }
        text.push(b'\n');
        text.extend_from_slice(self.signed_headers.as_bytes());
        text.push(b'\n');
        text.extend_from_slice(self.payload.as_bytes());
        Ok(text)
    }

    fn write_path(&self, text: &mut Vec<u8>) {
        let path = match self.path {
            "" => "/",
            path => path,
        };
        match self.rule {
            PathRule::AsIs => text.extend_from_slice(path.as_bytes()),
            PathRule::Encoded => encode(text, path.as_bytes(), Slash::Kept),
            PathRule::Normalised => encode(text, normalised(path).as_bytes(), Slash::Kept),
        }
    }
}

/// The string to sign for a canonical request.
pub(super) fn string_to_sign(at: DateTime, scope: &CredentialScope, canonical: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(192);
    for part in [ALGORITHM, "\n", at.as_str(), "\n"] {
        text.extend_from_slice(part.as_bytes());
    }
    write_scope(&mut text, scope);
    text.push(b'\n');
    write_hex(&mut text, &sha256(canonical));
    text
}

/// `20261125/cn-north-1/s3/aws4_request`.
pub(super) fn write_scope(text: &mut Vec<u8>, scope: &CredentialScope) {
    let parts = [scope.day.as_str(), scope.region.as_str(), &scope.service];
    for part in parts {
        text.extend_from_slice(part.as_bytes());
        text.push(b'/');
    }
    text.extend_from_slice(b"aws4_request");
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Lower-case hex.
pub(super) fn write_hex(text: &mut Vec<u8>, bytes: &[u8]) {
    text.extend(bytes.iter().flat_map(|byte| {
        let digit = |value: u8| match value {
            0..=9 => b'0' + value,
            _ => b'a' + value - 10,
        };
        [digit(byte >> 4), digit(byte & 15)]
    }));
}

/// Exactly 64 lower-case hex digits.
pub(super) fn parse_hash(text: &str) -> Option<[u8; 32]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).ok()?;
    Some(hash)
}

/// Whether normalising would leave `path` as it is.
pub(super) fn is_normal(path: &str) -> bool {
    normalised(path) == path
}

/// AWS's normal form: no empty segment, no `.`, and `..` takes its parent with it.
fn normalised(path: &str) -> Cow<'_, str> {
    let mut inner = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    let mut odd = !path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    while let Some(segment) = inner.next() {
        let last = inner.peek().is_none();
        match segment {
            "" if last => {}
            "" | "." => odd = true,
            ".." => {
                odd = true;
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    if !odd {
        return Cow::Borrowed(path);
    }
    let mut clean = String::with_capacity(path.len());
    for segment in &kept {
        clean.push('/');
        clean.push_str(segment);
    }
    if path.ends_with('/') || kept.is_empty() {
        clean.push('/');
    }
    Cow::Owned(clean)
}

/// One parameter of a query, decoded: key and value.
pub(super) type Parameter<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// The parameters of a query, split and decoded, in the order of the wire.
///
/// # Errors
/// [`MalformedQuery`] for a broken escape or too many parameters.
pub(super) fn parameters(
    query: &str,
) -> impl Iterator<Item = Result<Parameter<'_>, MalformedQuery>> {
    pairs(query).map(|(key, value)| Ok((decode(key)?, decode(value)?)))
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Sorted by encoded key, then by encoded value; `=` also where there is no value. The signature
/// of a presigned request is not part of what it signs.
fn write_query(text: &mut Vec<u8>, query: &str) -> Result<(), MalformedQuery> {
    if query.is_empty() {
        return Ok(());
    }
    let mut encoded = Vec::new();
    for (key, value) in pairs(query) {
        encoded.push((component(key)?, component(value)?));
        if encoded.len() > MAX_PARAMETERS {
            return Err(MalformedQuery::TooMany);
        }
    }
    encoded.retain(|(key, _)| key != "X-Amz-Signature");
    encoded.sort_unstable();
    for (index, (key, value)) in encoded.iter().enumerate() {
        if index > 0 {
            text.push(b'&');
        }
        text.extend_from_slice(key.as_bytes());
        text.push(b'=');
        text.extend_from_slice(value.as_bytes());
    }
    Ok(())
}

/// One key or value, decoded and encoded again as AWS does, so that `%7E` and `~` are the same.
/// `+` is a plus sign: clients that mean a space write `%20`.
fn component(text: &str) -> Result<Cow<'_, str>, MalformedQuery> {
    if text.bytes().all(is_unreserved) {
        return Ok(Cow::Borrowed(text));
    }
    let decoded = decode(text)?;
    let mut encoded = Vec::with_capacity(text.len());
    encode(&mut encoded, &decoded, Slash::Encoded);
    Ok(Cow::Owned(
        String::from_utf8(encoded).unwrap_or_default(), // INVARIANT: `encode` writes ASCII alone.
    ))
}

fn decode(text: &str) -> Result<Cow<'_, [u8]>, MalformedQuery> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = (bytes.next(), bytes.next());
        let (Some(high), Some(low)) = (digits.0.and_then(nibble), digits.1.and_then(nibble)) else {
            return Err(MalformedQuery::Escape(text.to_owned()));
        };
        decoded.push(high << 4 | low);
    }
    Ok(Cow::Owned(decoded))
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Whether `/` separates or is text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slash {
    Kept,
    Encoded,
}

fn encode(text: &mut Vec<u8>, bytes: &[u8], slash: Slash) {
    for byte in bytes {
        if is_unreserved(*byte) || (*byte == b'/' && slash == Slash::Kept) {
            text.push(*byte);
            continue;
        }
        let digit = |value: u8| match value {
            0..=9 => b'0' + value,
            _ => b'A' + value - 10,
        };
        text.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `name:value,value\n`; each value trimmed, runs of spaces within it made one.
fn write_header(text: &mut Vec<u8>, name: &str, headers: &HeaderMap) {
    text.extend_from_slice(name.as_bytes());
    text.push(b':');
    for (index, value) in headers.get_all(name).iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        write_value(text, value.as_bytes());
    }
    text.push(b'\n');
}

fn write_value(text: &mut Vec<u8>, value: &[u8]) {
    let value = value.trim_ascii();
    let mut after_space = false;
    for byte in value {
        if *byte == b' ' && after_space {
            continue;
        }
        after_space = *byte == b' ';
        text.push(*byte);
    }
}

/// A query that has no single reading. The client's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedQuery {
    /// `%` without two hex digits after it.
    #[error("`{0}` in the query has a broken percent escape")]
    Escape(String),
    /// More than anybody sends.
    #[error("the query has more than {MAX_PARAMETERS} parameters")]
    TooMany,
}
