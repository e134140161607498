//! Requests that real clients signed, as `tests/sigv4/recorded` holds them: each is accepted as
//! it is, its content comes out of the reader whatever the pieces, and no byte of it can change.

use super::canonical::parameters;
use super::{
    Claim, ClaimError, DEFAULT_SKEW, PayloadMode, SecretKey, SigningKeys, Verified, VerifyError,
    verify,
};
use crate::endpoint::Destination;
use crate::request::{Body, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::sync::LazyLock;

const RECORDINGS: [(&str, usize, &str); 3] = [
    (
        "botocore",
        66,
        include_str!("../../tests/sigv4/recorded/botocore.jsonl"),
    ),
    (
        "botocore with AWS's C library",
        76,
        include_str!("../../tests/sigv4/recorded/botocore-crt.jsonl"),
    ),
    (
        "JavaScript v3",
        38,
        include_str!("../../tests/sigv4/recorded/javascript.jsonl"),
    ),
];

static KEYS: LazyLock<SigningKeys> =
    LazyLock::new(|| SigningKeys::new(SecretKey::new("placeholder/secret+key".into())));

/// One line: its name, and the request.
fn requests(lines: &str) -> Vec<(String, Request)> {
    lines.lines().map(request).collect()
}

fn request(line: &str) -> (String, Request) {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let text = |name: &str| line[name].as_str().unwrap();
    let target = text("url").split_once("://").unwrap().1;
    let target = target.find('/').map_or("", |at| target.split_at(at).1);
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let mut headers = HeaderMap::new();
    for header in line["headers"].as_array().unwrap() {
        headers.append(
            header[0].as_str().unwrap().parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(header[1].as_str().unwrap()).unwrap(),
        );
    }
    let request = Request {
        method: text("method").parse().unwrap(),
        path: path.to_owned(),
        query,
        headers,
        destination: Destination::Own {
            prefix: String::new(),
        },
        body: Body::Whole(STANDARD.decode(text("body_b64")).unwrap().into()),
    };
    (text("id").to_owned(), request)
}

/// Whether it is accepted for whom signed it.
fn accepted(request: &Request) -> Result<Verified, String> {
    let claim = Claim::of(request).map_err(|error| error.to_string())?;
    if claim.key_id().as_str() != "AKIACORDONEXAMPLE000" {
        return Err("another key".into());
    }
    let now = "2026-11-25T09:31:00Z".parse().unwrap();
    verify(request, claim, &KEYS, now, DEFAULT_SKEW).map_err(|error| error.to_string())
}

#[test]
fn what_real_clients_sign_is_accepted() {
    for (client, count, lines) in RECORDINGS {
        let requests = requests(lines);
        assert_eq!(requests.len(), count, "{client}");
        for (name, request) in requests {
            if name.starts_with("refused-") {
                assert_eq!(Claim::of(&request).unwrap_err(), ClaimError::SigV2);
                continue;
            }
            let verified =
                accepted(&request).unwrap_or_else(|why| panic!("{client} {name}: {why}"));
            assert!(verified.payload_reader().is_none());
        }
    }
}

#[test]
fn a_recorded_body_reads_the_same_in_any_pieces() {
    let all = RECORDINGS.map(|(_, _, lines)| requests(lines)).concat();
    let mut framed = 0;
    for (name, request) in all {
        let Ok(whole) = accepted(&request) else {
            continue;
        };
        if !whole.scope().is_s3() {
            continue;
        }
        framed += usize::from(matches!(whole.payload_mode(), PayloadMode::Streaming(_)));
        let streamed = Request {
            body: Body::Streamed,
            ..request.clone()
        };
        let verified = accepted(&streamed).unwrap();
        for size in [1, 7, 4096] {
            let mut reader = verified.payload_reader().unwrap();
            let mut content = Vec::new();
            for piece in request.whole_body().chunks(size) {
                content.extend(reader.push(Bytes::copy_from_slice(piece)).unwrap());
            }
            content.push(reader.finish().unwrap().tail().clone());
            assert_eq!(content.concat(), **whole.whole_body().unwrap(), "{name}");
        }
    }
    assert!(framed > 20, "{framed}");
}

/// By its own time, not by the clocks' difference; but not before it.
#[test]
fn a_presigned_request_lives_as_long_as_it_says() {
    let (_, request) = requests(RECORDINGS[0].2)
        .into_iter()
        .find(|(name, _)| name == "presigned-get")
        .unwrap();
    let at = |seconds| {
        let now: Timestamp = "2026-11-25T09:30:00Z".parse().unwrap();
        let now = now + SignedDuration::from_secs(seconds);
        let claim = Claim::of(&request).unwrap();
        verify(&request, claim, &KEYS, now, DEFAULT_SKEW).map(|_| ())
    };
    for (seconds, expected) in [
        (-301, Err(VerifyError::FromTheFuture)),
        (-300, Ok(())),
        (900, Ok(())),
        (901, Err(VerifyError::Expired)),
    ] {
        assert_eq!(at(seconds), expected, "{seconds}");
    }
}

/// What a byte is taken from.
#[derive(Debug, Clone, Copy)]
enum Part {
    Method,
    Path,
    Query,
    Header(prop::sample::Index),
    Body,
}

/// The request with one byte changed, or nothing where that is no request, or the same one.
fn changed(request: &Request, part: Part, at: prop::sample::Index, flip: u8) -> Option<Request> {
    let mut request = request.clone();
    let text = |old: &str| {
        let mut bytes = old.as_bytes().to_vec();
        let byte = bytes.get_mut(at.index(old.len().max(1)))?;
        *byte ^= flip;
        // A space or tab beside another can mean the same.
        (byte.is_ascii_graphic()).then(|| String::from_utf8(bytes).ok())?
    };
    match part {
        Part::Method => request.method = text(request.method.as_str())?.parse().ok()?,
        Part::Path => request.path = text(&request.path)?,
        Part::Query => {
            let old = request.query.take()?;
            let new = text(&old)?;
            if sorted(&old) == sorted(&new) {
                return None; // another spelling of the same parameters
            }
            request.query = Some(new);
        }
        Part::Header(index) => {
            let claim = Claim::of(&request).ok()?;
            let mut names: Vec<String> = claim.signed_headers().map(str::to_owned).collect();
            names.extend(
                request
                    .headers
                    .contains_key("authorization")
                    .then(|| "authorization".to_owned()),
            );
            let name = index.get(&names).parse::<HeaderName>().unwrap();
            let new = text(request.headers.get(&name)?.to_str().ok()?)?;
            request.headers.insert(name, new.parse().ok()?);
        }
        Part::Body => {
            let mut body = request.whole_body().to_vec();
            let length = body.len().max(1);
            *body.get_mut(at.index(length))? ^= flip;
            request.body = Body::Whole(body.into());
        }
    }
    Some(request)
}

fn sorted(query: &str) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut pairs = Vec::new();
    for pair in parameters(query) {
        let (key, value) = pair.ok()?;
        pairs.push((key.to_vec(), value.to_vec()));
    }
    pairs.sort();
    Some(pairs)
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        Just(Part::Method),
        Just(Part::Path),
        Just(Part::Query),
        any::<prop::sample::Index>().prop_map(Part::Header),
        Just(Part::Body),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_byte_of_a_signed_request_can_change(
        which in any::<prop::sample::Index>(),
        part in part(),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        static ALL: LazyLock<Vec<(String, Request)>> =
            LazyLock::new(|| RECORDINGS.map(|(_, _, lines)| requests(lines)).concat());
        let (name, request) = which.get(&ALL);
        let Ok(verified) = accepted(request) else {
            return Ok(());
        };
        // Nothing covers the bytes of an unsigned body.
        let covered = *verified.payload_mode() != PayloadMode::Unsigned;
        if matches!(part, Part::Body) && !covered {
            return Ok(());
        }
        if let Some(request) = changed(request, part, at, flip) {
            prop_assert!(accepted(&request).is_err(), "{name} {part:?} {request:?}");
        }
    }
}
