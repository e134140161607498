//! Any head at all: there is one claim or a reason why not, and nothing verifies with a key that
//! signed nothing.

use bytes::Bytes;
use cordon_aws::endpoint::Destination;
use cordon_aws::request::{Body, Request};
use cordon_aws::sigv4::{Claim, DEFAULT_SKEW, SecretKey, SigningKeys, verify};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::sync::LazyLock;

static KEYS: LazyLock<SigningKeys> =
    LazyLock::new(|| SigningKeys::new(SecretKey::new("a secret that signed nothing".into())));

pub(crate) fn run(input: &[u8]) {
    let request = std::str::from_utf8(input).ok().and_then(request);
    let Some(request) = request else {
        return;
    };
    let Ok(claim) = Claim::of(&request) else {
        return;
    };
    let now = claim.signed_at();
    assert!(claim.signed_headers().any(|name| name == "host"));
    assert!(verify(&request, claim, &KEYS, now, DEFAULT_SKEW).is_err());
}

/// The first line is the target, the next ones are headers, the rest after an empty one the body.
fn request(text: &str) -> Option<Request> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let target = lines.next()?;
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let name: HeaderName = name.parse().ok()?;
        headers.append(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    Some(Request {
        method: Method::POST,
        path: path.to_owned(),
        query,
        headers,
        destination: Destination::Own {
            prefix: String::new(),
        },
        body: Body::Whole(Bytes::copy_from_slice(body.as_bytes())),
    })
}
