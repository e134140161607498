//! Signing what leaves.
//!
//! Takes an [`Emission`], minted credentials and the place it goes to; writes the signing headers
//! into it and gives how its body is to be written. The strongest payload mode that the caller's
//! own allows is kept: a hash stays a hash, signed chunks stay signed, and a checksum in a trailer
//! is carried on.

use super::canonical::{
    ALGORITHM, Canonical, MalformedQuery, PathRule, sha256, string_to_sign, write_hex, write_scope,
};
use super::claim::{PayloadMode, Streaming};
use super::payload::{Chain, ChunkWriter};
use super::verify::payload_text;
use super::{CredentialScope, DateTime, SigningCredentials, is_s3};
use crate::arn::Region;
use crate::emit::{Emission, EmittedBody};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, HOST};
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const DECODED_LENGTH: HeaderName = HeaderName::from_static("x-amz-decoded-content-length");
const TRAILER: HeaderName = HeaderName::from_static("x-amz-trailer");

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub struct SigningTarget<'a> {
    /// What the `host` header says: the name, and the port unless it is the scheme's own.
    pub authority: &'a str,
    /// The service name of the credential scope.
    pub service: &'a str,
    /// The region of the credential scope.
    pub region: &'a Region,
    /// Whether the way there is encrypted.
    pub transport: Transport,
}

/// Whether the way to the upstream is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TLS protects the body, so its chunks need no signatures.
    Tls,
    /// Plain HTTP, to a test cloud on this machine.
    Plain,
}

/// A body that streams, as its verified head describes it.
#[derive(Debug, Clone)]
pub struct StreamPayload {
    /// How the caller protected it.
    pub mode: PayloadMode,
    /// The length of the decoded content.
    pub length: u64,
}

/// How the body of a signed request is written.
#[derive(Debug)]
pub enum Framing {
    /// As it is.
    Plain,
    /// As `aws-chunked` chunks.
    Chunked(Box<ChunkWriter>),
}

/// What is left to write after signing.
#[derive(Debug)]
pub struct Signed {
    /// How the body is written.
    pub framing: Framing,
    /// Its length on the wire.
    pub content_length: u64,
}

/// Signs `emission` in place: sets `host`, `x-amz-date`, `x-amz-security-token`,
/// `x-amz-content-sha256` where S3 wants it, and `authorization`. `stream` describes the body where
/// it streams.
///
/// # Errors
/// [`SignError`] where the emission cannot be signed: a fault of ours.
pub fn sign(
    emission: &mut Emission,
    target: &SigningTarget<'_>,
    credentials: &SigningCredentials,
    stream: Option<&StreamPayload>,
    now: Timestamp,
) -> Result<Signed, SignError> {
    let at = DateTime::of(now);
    let mode = payload_mode(emission, target, stream)?;
    set_headers(emission, target, credentials, &mode, at)?;
    let mut length = 0;
    if let Some(stream) = stream {
        set_streaming_headers(emission, &mode, stream.length)?;
        length = stream.length;
    } else if let EmittedBody::Whole(body) = &emission.body {
        length = body.len() as u64;
    }
    let scope = CredentialScope {
        day: at.day(),
        region: target.region.clone(),
        service: target.service.into(),
    };
    let key = credentials.keys().key(&scope);
    let signed_headers = signed_headers(emission);
    let canonical = Canonical {
        method: emission.method.as_str(),
        path: &emission.path,
        rule: if is_s3(target.service) {
            PathRule::AsIs
        } else {
            PathRule::Normalised
        },
        query: emission.query.as_deref(),
        headers: &emission.headers,
        signed_headers: &signed_headers,
        payload: &payload_text(&mode),
    };
    let signature = key.sign(&string_to_sign(at, &scope, &canonical.request()?));
    let authorization = authorization(credentials, &scope, &signed_headers, &signature);
    emission
        .headers
        .insert(AUTHORIZATION, header(authorization)?);
    let chain = || Chain::new(key.clone(), at, scope.clone(), signature);
    Ok(match &mode {
        PayloadMode::Hashed(_) | PayloadMode::Unsigned => Signed {
            framing: Framing::Plain,
            content_length: length,
        },
        PayloadMode::Streaming(streaming) => {
            let (chain, announced) = match streaming {
                Streaming::Signed => (Some(chain()), None),
                Streaming::SignedTrailer(checksum) => (Some(chain()), Some(*checksum)),
                Streaming::UnsignedTrailer(checksum) => (None, Some(*checksum)),
            };
            let content_length = ChunkWriter::encoded_length(length, chain.is_some(), announced);
            Signed {
                framing: Framing::Chunked(Box::new(ChunkWriter::new(length, chain, announced))),
                content_length,
            }
        }
    })
}

/// The mode that leaves. Content without signatures is for TLS alone.
fn payload_mode(
    emission: &Emission,
    target: &SigningTarget<'_>,
    stream: Option<&StreamPayload>,
) -> Result<PayloadMode, SignError> {
    match (&emission.body, stream) {
        (EmittedBody::Whole(body), None) => Ok(PayloadMode::Hashed(sha256(body))),
        (EmittedBody::Streamed, Some(stream)) => Ok(match (&stream.mode, target.transport) {
            (PayloadMode::Streaming(Streaming::UnsignedTrailer(checksum)), Transport::Plain) => {
                PayloadMode::Streaming(Streaming::SignedTrailer(*checksum))
            }
            (PayloadMode::Unsigned, Transport::Plain) if is_s3(target.service) => {
                PayloadMode::Streaming(Streaming::Signed)
            }
            (mode, Transport::Plain | Transport::Tls) => mode.clone(),
        }),
        (EmittedBody::Whole(_), Some(_)) | (EmittedBody::Streamed, None) => Err(SignError::Body),
    }
}

fn set_headers(
    emission: &mut Emission,
    target: &SigningTarget<'_>,
    credentials: &SigningCredentials,
    mode: &PayloadMode,
    at: DateTime,
) -> Result<(), SignError> {
    let headers = &mut emission.headers;
    headers.insert(HOST, header(target.authority.as_bytes())?);
    headers.insert(DATE, header(at.as_str().as_bytes())?);
    // Nothing that an emission holds may stand in for our own token.
    headers.remove(TOKEN);
    if let Some(token) = credentials.token() {
        let mut value = header(token.expose().as_bytes())?;
        value.set_sensitive(true);
        headers.insert(TOKEN, value);
    }
    // Other services take the hash of the body without being told.
    if is_s3(target.service) || !matches!(mode, PayloadMode::Hashed(_)) {
        headers.insert(CONTENT_SHA256, header(payload_text(mode).as_bytes())?);
    }
    Ok(())
}

/// Headers that go with `aws-chunked`. That encoding belongs to one leg alone: what the caller's
/// leg had of it is taken out, and what the object itself is encoded with stays.
fn set_streaming_headers(
    emission: &mut Emission,
    mode: &PayloadMode,
    length: u64,
) -> Result<(), SignError> {
    let headers = &mut emission.headers;
    let encoding = match headers.remove(CONTENT_ENCODING) {
        Some(value) => without_chunked(&value)?,
        None => String::new(),
    };
    let PayloadMode::Streaming(streaming) = mode else {
        if !encoding.is_empty() {
            headers.insert(CONTENT_ENCODING, header(encoding)?);
        }
        return Ok(());
    };
    let encoding = match encoding.as_str() {
        "" => "aws-chunked".to_owned(),
        own => format!("aws-chunked,{own}"),
    };
    headers.insert(CONTENT_ENCODING, header(encoding)?);
    headers.insert(DECODED_LENGTH, HeaderValue::from(length));
    if let Streaming::SignedTrailer(checksum) | Streaming::UnsignedTrailer(checksum) = streaming {
        headers.insert(TRAILER, HeaderValue::from_static(checksum.header()));
    }
    Ok(())
}

fn without_chunked(encoding: &HeaderValue) -> Result<String, SignError> {
    let encoding = encoding.to_str().map_err(|_| SignError::Header)?;
    let own: Vec<&str> = encoding
        .split(',')
        .map(str::trim)
        .filter(|token| !token.is_empty() && !token.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    Ok(own.join(","))
}

/// Every header of the emission is signed: nothing that leaves can be changed on the way.
fn signed_headers(emission: &Emission) -> String {
    let mut names: Vec<&str> = emission.headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names.join(";")
}

fn authorization(
    credentials: &SigningCredentials,
    scope: &CredentialScope,
    signed_headers: &str,
    signature: &[u8; 32],
) -> Vec<u8> {
    let mut text = Vec::with_capacity(320);
    for part in [
        ALGORITHM,
        " Credential=",
        credentials.key_id().as_str(),
        "/",
    ] {
        text.extend_from_slice(part.as_bytes());
    }
    write_scope(&mut text, scope);
    for part in [", SignedHeaders=", signed_headers, ", Signature="] {
        text.extend_from_slice(part.as_bytes());
    }
    write_hex(&mut text, signature);
    text
}

fn header(bytes: impl AsRef<[u8]>) -> Result<HeaderValue, SignError> {
    HeaderValue::from_bytes(bytes.as_ref()).map_err(|_| SignError::Header)
}

/// Why a request could not be signed. Ours to mend: emission and signing disagree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// A body that streams without a description, or the other way round.
    #[error("the emitted body and its description do not agree")]
    Body,
    /// A value that no header can hold.
    #[error("a signing header would hold bytes that no header can hold")]
    Header,
    /// The emitted query has no single reading.
    #[error(transparent)]
    Query(#[from] MalformedQuery),
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::endpoint::Destination;
    use crate::request::{Body, Request};
    use crate::sigv4::{Claim, DEFAULT_SKEW, SecretKey, SigningKeys, VerifyError, verify};
    use bytes::Bytes;
    use http::{HeaderMap, Method};
    use proptest::prelude::*;

    const NOW: &str = "2026-11-25T09:30:00Z";

    fn emission(path: &str, query: Option<&str>, body: EmittedBody) -> Emission {
        Emission {
            method: Method::PUT,
            path: path.to_owned(),
            query: query.map(str::to_owned),
            headers: HeaderMap::new(),
            host: String::new(),
            body,
        }
    }

    fn signed(
        service: &str,
        mut emission: Emission,
        stream: Option<&StreamPayload>,
        transport: Transport,
    ) -> (Emission, Signed) {
        let region = "eu-west-1".parse().unwrap();
        let credentials = SigningCredentials::new(
            "ASIAX".parse().unwrap(),
            SecretKey::new("secret".into()),
            Some(SecretKey::new("token".into())),
        );
        let target = SigningTarget {
            authority: "example.amazonaws.com",
            service,
            region: &region,
            transport,
        };
        let signed = sign(
            &mut emission,
            &target,
            &credentials,
            stream,
            NOW.parse().unwrap(),
        )
        .unwrap();
        (emission, signed)
    }

    fn request(emission: &Emission, body: Body) -> Request {
        Request {
            method: emission.method.clone(),
            path: emission.path.clone(),
            query: emission.query.clone(),
            headers: emission.headers.clone(),
            destination: Destination::Own {
                prefix: String::new(),
            },
            body,
        }
    }

    fn verified(request: &Request, secret: &str) -> Result<crate::sigv4::Verified, VerifyError> {
        let keys = SigningKeys::new(SecretKey::new(secret.into()));
        verify(
            request,
            Claim::of(request).unwrap(),
            &keys,
            NOW.parse().unwrap(),
            DEFAULT_SKEW,
        )
    }

    #[test]
    fn what_is_signed_verifies_and_nothing_of_it_can_be_changed() {
        for (service, path) in [
            ("lambda", "/2015-03-31/functions/a%3Ab/code"),
            ("s3", "/b/a/../b//c%20d"),
            ("ec2", "/"),
        ] {
            let body = Bytes::from_static(b"content");
            let (emission, _) = signed(
                service,
                emission(path, Some("b=2&a=%20&a"), EmittedBody::Whole(body.clone())),
                None,
                Transport::Tls,
            );
            let good = request(&emission, Body::Whole(body));
            verified(&good, "secret").unwrap();
            assert!(verified(&good, "other").is_err());
            let mut changed = Vec::new();
            changed.push(Request {
                path: format!("{path}x"),
                ..good.clone()
            });
            changed.push(Request {
                method: Method::DELETE,
                ..good.clone()
            });
            changed.push(Request {
                query: Some("b=2&a=%20&a=1".into()),
                ..good.clone()
            });
            changed.push(Request {
                body: Body::Whole(Bytes::from_static(b"contenx")),
                ..good.clone()
            });
            let mut headers = good.headers.clone();
            headers.insert("x-amz-security-token", HeaderValue::from_static("tokeN"));
            changed.push(Request {
                headers,
                ..good.clone()
            });
            for request in changed {
                assert!(
                    verified(&request, "secret").is_err(),
                    "{service} {request:?}"
                );
            }
        }
    }

    /// The bytes that go on the wire come out of the reader as they went into the writer, for
    /// every way to frame them, and a changed byte never gets its tail out.
    #[test]
    fn a_stream_is_framed_signed_and_read_back() {
        let checksum = crate::sigv4::ChecksumAlgorithm::of_header("x-amz-checksum-crc32").unwrap();
        let content = Bytes::from(vec![7; 150_000]);
        let modes = [
            (PayloadMode::Unsigned, Transport::Tls),
            (PayloadMode::Unsigned, Transport::Plain),
            (PayloadMode::Hashed(sha256(&content)), Transport::Tls),
            (PayloadMode::Streaming(Streaming::Signed), Transport::Tls),
            (
                PayloadMode::Streaming(Streaming::UnsignedTrailer(checksum)),
                Transport::Tls,
            ),
            (
                PayloadMode::Streaming(Streaming::UnsignedTrailer(checksum)),
                Transport::Plain,
            ),
        ];
        for (mode, transport) in modes {
            let trailer = matches!(mode, PayloadMode::Streaming(Streaming::UnsignedTrailer(_)))
                .then(|| crate::sigv4::Trailer {
                    algorithm: checksum,
                    value: crc32(&content).into(),
                });
            let stream = StreamPayload {
                mode: mode.clone(),
                length: content.len() as u64,
            };
            let (mut emission, signed) = signed(
                "s3",
                emission("/b/k", None, EmittedBody::Streamed),
                Some(&stream),
                transport,
            );
            let wire = match signed.framing {
                Framing::Plain => content.to_vec(),
                Framing::Chunked(mut writer) => {
                    let mut wire = writer.push(content.clone()).unwrap();
                    wire.extend(writer.finish(trailer.as_ref()).unwrap());
                    wire.concat()
                }
            };
            assert_eq!(wire.len() as u64, signed.content_length, "{mode:?}");
            emission
                .headers
                .insert("content-length", HeaderValue::from(wire.len()));
            let verified = verified(&request(&emission, Body::Streamed), "secret").unwrap();
            let read = |wire: &[u8]| {
                let mut reader = verified.payload_reader().unwrap();
                let mut out = Vec::new();
                for piece in wire.chunks(1000) {
                    out.extend(reader.push(Bytes::copy_from_slice(piece))?);
                }
                let end = reader.finish()?;
                out.push(end.tail().clone());
                Ok::<_, crate::sigv4::PayloadError>(out.concat())
            };
            assert_eq!(read(&wire).unwrap(), content, "{mode:?}");
            if (mode.clone(), transport) != (PayloadMode::Unsigned, Transport::Tls) {
                let mut damaged = wire.clone();
                damaged[100_000] ^= 1;
                assert!(read(&damaged).is_err(), "{mode:?}");
            }
        }
    }

    /// A caller's `aws-chunked` describes the caller's leg; passed on it would make S3 store
    /// framing as content, or refuse the upload.
    #[test]
    fn the_framing_of_the_callers_leg_does_not_leave() {
        let checksum = crate::sigv4::ChecksumAlgorithm::Crc32;
        let trailer = PayloadMode::Streaming(Streaming::UnsignedTrailer(checksum));
        for (mode, before, after) in [
            (PayloadMode::Unsigned, "aws-chunked", None),
            (PayloadMode::Unsigned, "aws-chunked, gzip", Some("gzip")),
            (trailer.clone(), "aws-chunked", Some("aws-chunked")),
            (trailer, "gzip", Some("aws-chunked,gzip")),
        ] {
            let mut plain = emission("/b/k", None, EmittedBody::Streamed);
            plain
                .headers
                .insert(CONTENT_ENCODING, HeaderValue::from_static(before));
            let stream = StreamPayload { mode, length: 1 };
            let (emission, _) = signed("s3", plain, Some(&stream), Transport::Tls);
            let left = emission.headers.get(CONTENT_ENCODING);
            assert_eq!(left.map(|value| value.to_str().unwrap()), after, "{before}");
        }
    }

    /// Percent-encoded, `/` too.
    fn encoded(text: &str) -> String {
        let escapes = percent_encoding::NON_ALPHANUMERIC;
        percent_encoding::utf8_percent_encode(text, escapes).to_string()
    }

    proptest! {
        #[test]
        fn whatever_is_emitted_verifies(
            service in prop_oneof![Just("s3"), Just("lambda"), Just("ebs")],
            segments in prop::collection::vec(".{0,12}|\\.\\.?", 0..5),
            pairs in prop::collection::vec((".{0,8}", ".{0,8}"), 0..5),
            meta in "[ -~]{0,30}",
            body in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let segments: Vec<String> = segments.iter().map(|text| encoded(text)).collect();
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(key, value)| format!("{}={}", encoded(key), encoded(value)))
                .collect();
            let body = Bytes::from(body);
            let mut emission = emission(
                &format!("/{}", segments.join("/")),
                Some(&pairs.join("&")),
                EmittedBody::Whole(body.clone()),
            );
            let meta = HeaderValue::from_str(meta.trim()).unwrap();
            emission.headers.insert("x-amz-meta-text", meta);
            let (emission, _) = signed(service, emission, None, Transport::Tls);
            let request = request(&emission, Body::Whole(body));
            prop_assert!(verified(&request, "secret").is_ok());
            prop_assert!(verified(&request, "another").is_err());
        }
    }

    fn crc32(content: &[u8]) -> String {
        use base64::Engine as _;
        let sum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, content) as u32;
        base64::engine::general_purpose::STANDARD.encode(sum.to_be_bytes())
    }
}
