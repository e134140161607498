//! Bodies that are not what they claim never get their end out; those that AWS documents do.

use super::{ChecksumAlgorithm, ChunkWriter, Payload, PayloadError, PayloadReader, Trailer};
use crate::emit::{Emission, EmittedBody};
use crate::endpoint::Destination;
use crate::request::{Body, Request};
use crate::sigv4::{
    Claim, ClaimError, DEFAULT_SKEW, Framing, PayloadMode, SecretKey, SigningCredentials,
    SigningKeys, SigningTarget, StreamPayload, Streaming, Transport, Verified, VerifyError, sign,
    verify,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const CRC32: ChecksumAlgorithm = ChecksumAlgorithm::Crc32;
/// The CRC-32 of `hello world`.
const HELLO_CRC32: &str = "DUoRhQ==";

fn request(path: &str, headers: &[(&'static str, &str)], body: Body) -> Request {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    Request {
        method: Method::PUT,
        path: path.to_owned(),
        query: None,
        headers,
        destination: Destination::Own {
            prefix: String::new(),
        },
        body,
    }
}

fn verified(request: &Request, now: &str) -> Result<Verified, VerifyError> {
    let keys = SigningKeys::new(SecretKey::new(SECRET.into()));
    let claim = Claim::of(request).unwrap();
    verify(request, claim, &keys, now.parse().unwrap(), DEFAULT_SKEW)
}

/// What comes out before the end, and the end.
fn read(
    mut reader: PayloadReader,
    wire: &[u8],
    piece: usize,
) -> Result<(Vec<u8>, Payload), PayloadError> {
    let mut released = Vec::new();
    for piece in wire.chunks(piece) {
        for content in reader.push(Bytes::copy_from_slice(piece))? {
            released.extend(content);
        }
    }
    Ok((released, reader.finish()?))
}

/// The examples of "Signature Calculations for the Authorization Header: Transferring Payload in
/// Multiple Chunks" in the S3 API reference, without and with a trailer: 66,560 letters `a`.
fn documented(
    mode: &str,
    signed_headers: &str,
    signature: &str,
    trailer: Option<&str>,
) -> Verified {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
         SignedHeaders={signed_headers},Signature={signature}"
    );
    let mut headers = vec![
        ("host", "s3.amazonaws.com"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("authorization", authorization.as_str()),
        ("x-amz-content-sha256", mode),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
        ("content-length", "66824"),
    ];
    headers.extend(trailer.map(|name| ("x-amz-trailer", name)));
    let request = request("/examplebucket/chunkObject.txt", &headers, Body::Streamed);
    verified(&request, "2013-05-24T00:00:00Z").unwrap()
}

fn documented_wire(signatures: [&str; 3], end: &str) -> Vec<u8> {
    let [first, second, last] = signatures;
    let mut wire = format!("10000;chunk-signature={first}\r\n").into_bytes();
    wire.extend([b'a'; 65_536]);
    wire.extend(format!("\r\n400;chunk-signature={second}\r\n").into_bytes());
    wire.extend([b'a'; 1024]);
    wire.extend(format!("\r\n0;chunk-signature={last}\r\n{end}\r\n").into_bytes());
    wire
}

#[test]
fn the_chunks_that_aws_documents_are_read() {
    let verified = documented(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
         x-amz-decoded-content-length;x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        None,
    );
    let wire = documented_wire(
        [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ],
        "",
    );
    assert_eq!(wire.len(), 66_824);
    for piece in [1, 1000, 70_000] {
        let (released, payload) = read(verified.payload_reader().unwrap(), &wire, piece).unwrap();
        assert_eq!(released.len() + payload.tail().len(), 66_560);
        assert!(!payload.tail().is_empty() && payload.trailer().is_none());
    }
}

#[test]
fn the_trailer_that_aws_documents_is_read() {
    let verified = documented(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;\
         x-amz-storage-class;x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        Some("x-amz-checksum-crc32c"),
    );
    let wire = documented_wire(
        [
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        ],
        "x-amz-checksum-crc32c:sOO8/Q==\r\n\
         x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n",
    );
    let (_, payload) = read(verified.payload_reader().unwrap(), &wire, 4096).unwrap();
    let trailer = payload.trailer().unwrap();
    assert_eq!(trailer.algorithm(), ChecksumAlgorithm::Crc32c);
    assert_eq!(trailer.value(), "sOO8/Q==");
}

/// A head that `sign` made for eleven bytes, its writer, and its proof.
fn head(mode: PayloadMode, length: u64) -> (Verified, Option<ChunkWriter>) {
    let credentials = SigningCredentials::new(
        "AKIAIOSFODNN7EXAMPLE".parse().unwrap(),
        SecretKey::new(SECRET.into()),
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
        region: &"us-east-1".parse().unwrap(),
        transport: Transport::Tls,
    };
    let now = "2026-11-25T09:30:00Z";
    let stream = StreamPayload { mode, length };
    let signed = sign(
        &mut emission,
        &target,
        &credentials,
        Some(&stream),
        now.parse().unwrap(),
    )
    .unwrap();
    let mut request = request("/bucket/key", &[], Body::Streamed);
    request.headers = emission.headers;
    let length = HeaderValue::from(signed.content_length);
    request.headers.insert("content-length", length);
    let writer = match signed.framing {
        Framing::Plain => None,
        Framing::Chunked(writer) => Some(*writer),
    };
    (verified(&request, now).unwrap(), writer)
}

#[test]
fn framing_has_one_spelling() {
    let trailer = format!("x-amz-checksum-crc32:{HELLO_CRC32}\r\n");
    let good = format!("b\r\nhello world\r\n0\r\n{trailer}\r\n");
    let two = format!("5\r\nhello\r\n6\r\n world\r\n0\r\n{trailer}\r\n");
    let mode = PayloadMode::Streaming(Streaming::UnsignedTrailer(CRC32));
    let (verified, _) = head(mode, 11);
    let attempt = |wire: &str, piece| {
        let reader = verified.payload_reader().unwrap();
        read(reader, wire.as_bytes(), piece).map(|(released, payload)| {
            let content = [released.as_slice(), payload.tail()].concat();
            String::from_utf8(content).unwrap()
        })
    };
    for piece in [1, 3, 1000] {
        assert_eq!(attempt(&good, piece).unwrap(), "hello world");
        assert_eq!(attempt(&two, piece).unwrap(), "hello world");
    }
    let unknown = || PayloadError::UnannouncedTrailer("x-amz-meta-a".into());
    let cases = [
        (
            "line feeds alone",
            good.replace("\r\n", "\n"),
            PayloadError::Framing,
        ),
        (
            "one line feed alone",
            good.replacen("\r\n", "\n", 1),
            PayloadError::Framing,
        ),
        (
            "a padded size",
            good.replacen('b', "0b", 1),
            PayloadError::Framing,
        ),
        (
            "a signed size",
            good.replacen('b', "+b", 1),
            PayloadError::Framing,
        ),
        (
            "a prefixed size",
            good.replacen('b', "0xb", 1),
            PayloadError::Framing,
        ),
        (
            "a size with a space",
            good.replacen('b', "b ", 1),
            PayloadError::Framing,
        ),
        (
            "a size with `_`",
            good.replacen('b', "b_", 1),
            PayloadError::Framing,
        ),
        ("no size", good.replacen('b', "", 1), PayloadError::Framing),
        (
            "an extension",
            good.replacen('b', "b;a=1", 1),
            PayloadError::Framing,
        ),
        (
            "a signature where none belongs",
            good.replacen('b', &format!("b;chunk-signature={}", "0".repeat(64)), 1),
            PayloadError::Framing,
        ),
        (
            "a carriage return inside",
            good.replacen('b', "b\r", 1),
            PayloadError::Framing,
        ),
        (
            "a size beyond 64 bits",
            good.replacen('b', "1ffffffffffffffff", 1),
            PayloadError::Framing,
        ),
        (
            "a size beyond the declared length",
            good.replacen('b', "ffffffffffffffff", 1),
            PayloadError::LongerThanDeclared,
        ),
        (
            "a size too long by one",
            good.replacen('b', "c", 1),
            PayloadError::LongerThanDeclared,
        ),
        (
            "a size too short by one",
            good.replacen('b', "a", 1),
            PayloadError::Framing,
        ),
        ("a line without end", "0".repeat(300), PayloadError::Framing),
        (
            "less than declared",
            format!("5\r\nhello\r\n0\r\n{trailer}\r\n"),
            PayloadError::Truncated,
        ),
        ("nothing at all", String::new(), PayloadError::Truncated),
        (
            "no end",
            good.trim_end_matches("\r\n").to_owned(),
            PayloadError::Truncated,
        ),
        (
            "no last line",
            good.strip_suffix("\r\n").unwrap().to_owned(),
            PayloadError::Truncated,
        ),
        (
            "no trailer",
            good.replace(&trailer, ""),
            PayloadError::Framing,
        ),
        (
            "another trailer",
            good.replace("x-amz-checksum-crc32", "x-amz-meta-a"),
            unknown(),
        ),
        (
            "a second trailer",
            good.replace(&trailer, &format!("{trailer}x-amz-meta-a:1\r\n")),
            PayloadError::Framing,
        ),
        (
            "a second checksum",
            good.replace(&trailer, &trailer.repeat(2)),
            PayloadError::Framing,
        ),
        (
            "bytes after the end",
            format!("{good}0"),
            PayloadError::AfterEnd,
        ),
        ("a second body", good.repeat(2), PayloadError::AfterEnd),
        (
            "other content",
            good.replace("hello", "Hello"),
            PayloadError::Checksum("x-amz-checksum-crc32"),
        ),
        (
            "another checksum",
            good.replace(HELLO_CRC32, "AAAAAA=="),
            PayloadError::Checksum("x-amz-checksum-crc32"),
        ),
    ];
    for (name, wire, error) in cases {
        for piece in [1, 1000] {
            assert_eq!(attempt(&wire, piece).unwrap_err(), error, "{name}");
        }
    }
}

/// Each chunk signature covers the one before it, so chunks can be neither moved, dropped, taken
/// from another upload nor cut off.
#[test]
fn signed_chunks_are_a_chain() {
    let content = Bytes::from_iter((0..200_000_u32).map(|i| (i / 65_536) as u8 + b'a'));
    let frames = |mode: PayloadMode, length: u64| {
        let announced = mode != PayloadMode::Streaming(Streaming::Signed);
        let (verified, writer) = head(mode, length);
        let mut writer = writer.unwrap();
        let wire = writer.push(content.slice(..length as usize)).unwrap();
        // A chunk is its size line, its content and its line end.
        let mut frames: Vec<Vec<u8>> = wire.chunks(3).map(<[Bytes]>::concat).collect();
        let trailer = Trailer {
            algorithm: CRC32,
            value: "AAAAAA==".into(),
        };
        let trailer = announced.then_some(&trailer);
        frames.push(writer.finish(trailer).unwrap().concat());
        (verified, frames)
    };
    let signed = || PayloadMode::Streaming(Streaming::Signed);
    let (verified, good) = frames(signed(), 196_608);
    let (_, foreign) = frames(signed(), 196_607);
    let attempt = |frames: &[Vec<u8>]| {
        read(verified.payload_reader().unwrap(), &frames.concat(), 8192).map(|_| ())
    };
    attempt(&good).unwrap();
    let mut moved = good.clone();
    moved.swap(0, 1);
    let mut twice = good.clone();
    twice[1] = good[0].clone();
    let mut taken = good.clone();
    taken[0] = foreign[0].clone();
    for (name, frames) in [("moved", &moved), ("twice", &twice), ("taken", &taken)] {
        assert_eq!(attempt(frames), Err(PayloadError::ChunkSignature), "{name}");
    }
    assert_eq!(attempt(&good[..3]), Err(PayloadError::Truncated));
    assert_eq!(attempt(&good[1..]), Err(PayloadError::ChunkSignature));

    let trailer = PayloadMode::Streaming(Streaming::SignedTrailer(CRC32));
    let (verified, frames) = frames(trailer, 65_536);
    let wire = String::from_utf8(frames.concat()).unwrap();
    let attempt = |wire: &str| {
        let reader = verified.payload_reader().unwrap();
        read(reader, wire.as_bytes(), 8192).map(|_| ())
    };
    // The checksum is wrong, but well signed; a right one is not signed.
    let wrong = PayloadError::Checksum("x-amz-checksum-crc32");
    assert_eq!(attempt(&wire), Err(wrong));
    let swapped = wire.replace("AAAAAA==", "BBBBBB==");
    assert_eq!(attempt(&swapped), Err(PayloadError::ChunkSignature));
    let unsigned = wire.split("x-amz-trailer-signature").next().unwrap();
    assert_eq!(
        attempt(&format!("{unsigned}\r\n")),
        Err(PayloadError::Framing)
    );
}

/// However little is missing, AWS has not seen a whole body before everything is proven.
#[test]
fn the_end_is_withheld_until_it_is_proven() {
    let content = vec![7; 50_000];
    let hash = crate::sigv4::canonical::sha256(&content);
    for mode in [PayloadMode::Hashed(hash), PayloadMode::Unsigned] {
        let (verified, _) = head(mode, 50_000);
        let mut reader = verified.payload_reader().unwrap();
        let mut released = 0;
        for piece in content.chunks(999) {
            let out = reader.push(Bytes::copy_from_slice(piece)).unwrap();
            released += out.iter().map(Bytes::len).sum::<usize>();
            assert!(released < content.len());
        }
        assert_eq!(released + reader.finish().unwrap().tail().len(), 50_000);
    }
    let (verified, _) = head(PayloadMode::Hashed(hash), 50_000);
    let reader = || verified.payload_reader().unwrap();
    let mut other = content.clone();
    other[0] = 8;
    assert_eq!(read(reader(), &other, 999).unwrap_err(), PayloadError::Hash);
    let short = read(reader(), &content[1..], 999).unwrap_err();
    assert_eq!(short, PayloadError::Truncated);
    let long = read(reader(), &[content, vec![7]].concat(), 999).unwrap_err();
    assert_eq!(long, PayloadError::LongerThanDeclared);
}

/// A body held whole with checksums in its headers, signed as it is.
fn with_checksums(
    query: Option<&str>,
    headers: &[(&'static str, &'static str)],
) -> Result<Verified, VerifyError> {
    let credentials = SigningCredentials::new(
        "AKIAIOSFODNN7EXAMPLE".parse().unwrap(),
        SecretKey::new(SECRET.into()),
        None,
    );
    let body = Bytes::from_static(b"hello world");
    let mut request = request("/bucket/key", headers, Body::Whole(body.clone()));
    request.method = Method::POST;
    request.query = query.map(str::to_owned);
    let mut emission = Emission {
        method: Method::POST,
        path: request.path.clone(),
        query: request.query.clone(),
        headers: request.headers.clone(),
        host: String::new(),
        body: EmittedBody::Whole(body),
    };
    let target = SigningTarget {
        authority: "s3.amazonaws.com",
        service: "s3",
        region: &"us-east-1".parse().unwrap(),
        transport: Transport::Tls,
    };
    let now = "2026-11-25T09:30:00Z";
    sign(
        &mut emission,
        &target,
        &credentials,
        None,
        now.parse().unwrap(),
    )
    .unwrap();
    request.headers = emission.headers;
    verified(&request, now)
}

#[test]
fn a_promised_checksum_is_checked() {
    let right = ("x-amz-checksum-crc32", HELLO_CRC32);
    let wrong = ("x-amz-checksum-crc32", "AAAAAA==");
    let md5 = ("content-md5", "XrY7u+Ae7tCTyyK7j1rNww==");
    let sha1 = ("x-amz-checksum-sha1", "Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
    with_checksums(None, &[right, md5]).unwrap();
    with_checksums(None, &[sha1, ("x-amz-sdk-checksum-algorithm", "SHA1")]).unwrap();
    // The checksum of the object that the parts make is not that of the list of parts.
    with_checksums(Some("uploadId=u"), &[wrong]).unwrap();
    let refused = |headers: &[_]| with_checksums(None, headers).unwrap_err();
    let payload = VerifyError::Payload;
    assert_eq!(
        refused(&[wrong]),
        payload(PayloadError::Checksum("x-amz-checksum-crc32"))
    );
    assert_eq!(
        refused(&[("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")]),
        payload(PayloadError::Checksum("content-md5"))
    );
    assert_eq!(
        refused(&[right, sha1]),
        payload(PayloadError::SeveralChecksums)
    );
    assert_eq!(
        refused(&[right, ("x-amz-sdk-checksum-algorithm", "SHA1")]),
        payload(PayloadError::ChecksumAlgorithm)
    );
}

/// What protects the payload is itself signed, so a body cannot be downgraded.
#[test]
fn a_weaker_mode_does_not_verify() {
    let signed = documented(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
         x-amz-decoded-content-length;x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        None,
    );
    let signature = hex::encode(signed.signature());
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
         SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature={signature}"
    );
    let request = request(
        "/examplebucket/chunkObject.txt",
        &[
            ("host", "s3.amazonaws.com"),
            ("x-amz-date", "20130524T000000Z"),
            ("authorization", &authorization),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ],
        Body::Streamed,
    );
    let refused = verified(&request, "2013-05-24T00:00:00Z").unwrap_err();
    assert_eq!(refused, VerifyError::Signature);
    let mut framed = request;
    framed
        .headers
        .insert("content-encoding", HeaderValue::from_static("aws-chunked"));
    assert!(matches!(
        Claim::of(&framed),
        Err(ClaimError::NotSigned(_) | ClaimError::StrayFraming)
    ));
}
