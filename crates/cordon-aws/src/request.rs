//! One HTTP request as received, before anyone trusts it.
//!
//! Takes what the accepting side framed; gives the evidence that [`crate::sigv4`] verifies and
//! [`crate::identify`] reads. The text of path and query is kept as it came, percent-encoding
//! included, because signatures cover those bytes.

use crate::endpoint::Destination;
use bytes::Bytes;
use http::{HeaderMap, Method};

/// A request that HTTP framing accepted.
#[derive(Debug, Clone)]
pub struct Request {
    /// As on the wire; methods are case-sensitive.
    pub method: Method,
    /// Starts with `/`, percent-encoded, no normalisation done.
    pub path: String,
    /// Without the `?`; `None` where there was none.
    pub query: Option<String>,
    /// Names in lower case, values as received; a repeated header has several values.
    pub headers: HeaderMap,
    /// Where the caller meant it to go, already one agreed host (CONNECT, SNI and `Host`).
    pub destination: Destination,
    /// The payload.
    pub body: Body,
}

/// How much of the payload is at hand.
#[derive(Debug, Clone)]
pub enum Body {
    /// All of it, within the bound for its protocol. Empty for none.
    Whole(Bytes),
    /// An S3 object body that streams by; identification must not need it.
    Streamed,
}

impl Request {
    /// The value of a header that must not be repeated: `Ok(None)` where absent, `Err` where
    /// there are several or it is not visible ASCII.
    pub fn single(&self, name: &str) -> Result<Option<&str>, HeaderError> {
        let mut values = self.headers.get_all(name).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        match values.next() {
            Some(_) => Err(HeaderError::Repeated(name.to_owned())),
            None => value
                .to_str()
                .map(Some)
                .map_err(|_| HeaderError::Unreadable(name.to_owned())),
        }
    }

    /// The bytes of a body held whole; empty for one that streams.
    #[must_use]
    pub fn whole_body(&self) -> &[u8] {
        match &self.body {
            Body::Whole(bytes) => bytes,
            Body::Streamed => &[],
        }
    }
}

/// A header that cannot be read in exactly one way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Given more than once.
    #[error("header `{0}` is given more than once")]
    Repeated(String),
    /// Bytes outside visible ASCII.
    #[error("header `{0}` holds bytes that are not visible ASCII")]
    Unreadable(String),
}
