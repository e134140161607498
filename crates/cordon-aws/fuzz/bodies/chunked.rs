//! Any framed body at all: it reads the same in every way of cutting it into pieces, and its end
//! is withheld until the whole is proven.

use bytes::Bytes;
use cordon_aws::emit::{Emission, EmittedBody};
use cordon_aws::endpoint::Destination;
use cordon_aws::request::{Body, Request};
use cordon_aws::sigv4::{
    ChecksumAlgorithm, Claim, DEFAULT_SKEW, PayloadMode, SecretKey, SigningCredentials,
    SigningTarget, StreamPayload, Streaming, Transport, Verified, sign, verify,
};
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use std::sync::LazyLock;

/// What every body decodes to, if it decodes.
const LENGTH: u64 = 11;

static HEADS: LazyLock<[Verified; 3]> = LazyLock::new(|| {
    [
        Streaming::UnsignedTrailer(ChecksumAlgorithm::Crc32),
        Streaming::Signed,
        Streaming::SignedTrailer(ChecksumAlgorithm::Crc32),
    ]
    .map(head)
});

/// The first byte chooses the mode, the second one the length of the pieces.
pub(crate) fn run(input: &[u8]) {
    let [mode, piece, wire @ ..] = input else {
        return;
    };
    let head = &HEADS[usize::from(*mode) % HEADS.len()];
    let whole = read(head, wire, wire.len().max(1));
    let pieces = read(head, wire, usize::from(*piece).max(1));
    assert_eq!(whole, pieces);
    if let Ok(content) = whole {
        assert_eq!(content.len() as u64, LENGTH);
    }
}

/// The content, or why there is none, as text.
fn read(head: &Verified, wire: &[u8], piece: usize) -> Result<Vec<u8>, String> {
    let mut reader = head.payload_reader().expect("a body that streams");
    let mut content = Vec::new();
    for piece in wire.chunks(piece) {
        let released = reader.push(Bytes::copy_from_slice(piece));
        for bytes in released.map_err(|error| error.to_string())? {
            content.extend(bytes);
        }
        assert!((content.len() as u64) < LENGTH, "the end was not withheld");
    }
    let end = reader.finish().map_err(|error| error.to_string())?;
    content.extend(end.tail());
    Ok(content)
}

fn head(streaming: Streaming) -> Verified {
    let credentials = SigningCredentials::new(
        "AKIACORDONEXAMPLE000".parse().expect("a key id"),
        SecretKey::new("secret".into()),
        None,
    );
    let mut emission = Emission {
        method: Method::PUT,
        path: "/bucket/key".into(),
        query: None,
        headers: HeaderMap::new(),
        host: String::new(),
        body: EmittedBody::Streamed,
    };
    let target = SigningTarget {
        authority: "s3.amazonaws.com",
        service: "s3",
        region: &"us-east-1".parse().expect("a region"),
        transport: Transport::Tls,
    };
    let stream = StreamPayload {
        mode: PayloadMode::Streaming(streaming),
        length: LENGTH,
    };
    let now = Timestamp::UNIX_EPOCH;
    let signed = sign(&mut emission, &target, &credentials, Some(&stream), now).expect("signed");
    let length = HeaderValue::from(signed.content_length);
    emission.headers.insert("content-length", length);
    let request = Request {
        method: emission.method,
        path: emission.path,
        query: emission.query,
        headers: emission.headers,
        destination: Destination::Own {
            prefix: String::new(),
        },
        body: Body::Streamed,
    };
    let claim = Claim::of(&request).expect("a claim");
    verify(&request, claim, credentials.keys(), now, DEFAULT_SKEW).expect("verified")
}
