//! What verifying and signing cost: at most 5 us each for a small JSON call with a remembered
//! key. `cargo bench -p cordon-aws --bench sigv4`.

#![allow(clippy::unwrap_used, reason = "a benchmark stops at once")]

use bytes::Bytes;
use cordon_aws::emit::{Emission, EmittedBody};
use cordon_aws::endpoint::Destination;
use cordon_aws::request::{Body, Request};
use cordon_aws::sigv4::{
    Claim, DEFAULT_SKEW, Framing, PayloadMode, SecretKey, SigningCredentials, SigningKeys,
    SigningTarget, StreamPayload, Streaming, Transport, sign, verify,
};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;

fn main() {
    divan::main();
}

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn now() -> Timestamp {
    "2026-11-25T09:30:00Z".parse().unwrap()
}

fn credentials() -> SigningCredentials {
    let token = SecretKey::new("IQoJb3JpZ2luX2VjE".repeat(40));
    SigningCredentials::new(
        "ASIACORDONEXAMPLE000".parse().unwrap(),
        SecretKey::new(SECRET.into()),
        Some(token),
    )
}

/// A DynamoDB call with 300 bytes of JSON.
fn emission() -> Emission {
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", "DynamoDB_20120810.UpdateItem"),
        (
            "amz-sdk-invocation-id",
            "1f3e8e9c-6f3d-4d4e-9d63-1f0b0f0b0f0b",
        ),
        ("amz-sdk-request", "attempt=1; max=3"),
    ];
    let headers: HeaderMap = headers
        .into_iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect();
    Emission {
        method: Method::POST,
        path: "/".into(),
        query: None,
        headers,
        host: String::new(),
        body: EmittedBody::Whole(Bytes::from(vec![b'x'; 300])),
    }
}

fn signed() -> Request {
    let mut emission = emission();
    sign_emission(&mut emission, &credentials());
    Request {
        method: emission.method,
        path: emission.path,
        query: None,
        headers: emission.headers,
        destination: Destination::Own {
            prefix: String::new(),
        },
        body: Body::Whole(Bytes::from(vec![b'x'; 300])),
    }
}

fn sign_emission(emission: &mut Emission, credentials: &SigningCredentials) {
    let target = SigningTarget {
        authority: "dynamodb.cn-north-1.amazonaws.com.cn",
        service: "dynamodb",
        region: &"cn-north-1".parse().unwrap(),
        transport: Transport::Tls,
    };
    sign(emission, &target, credentials, None, now()).unwrap();
}

#[divan::bench]
fn claim(bencher: Bencher<'_, '_>) {
    let request = signed();
    bencher.bench(|| Claim::of(black_box(&request)).unwrap());
}

/// From the request to its proof: claim and verification, as the line does it.
#[divan::bench]
fn verify_with_a_remembered_key(bencher: Bencher<'_, '_>) {
    let request = signed();
    let keys = SigningKeys::new(SecretKey::new(SECRET.into()));
    bencher.bench(|| verify_once(black_box(&request), &keys));
}

#[divan::bench]
fn verify_with_a_new_key(bencher: Bencher<'_, '_>) {
    let request = signed();
    bencher
        .with_inputs(|| SigningKeys::new(SecretKey::new(SECRET.into())))
        .bench_refs(|keys| verify_once(black_box(&request), keys));
}

fn verify_once(request: &Request, keys: &SigningKeys) -> usize {
    let claim = Claim::of(request).unwrap();
    let verified = verify(request, claim, keys, now(), DEFAULT_SKEW).unwrap();
    verified.whole_body().unwrap().len()
}

#[divan::bench]
fn sign_with_a_remembered_key(bencher: Bencher<'_, '_>) {
    let credentials = credentials();
    bencher
        .with_inputs(emission)
        .bench_refs(|emission| sign_emission(emission, &credentials));
}

/// Framing and signing 1 MiB in chunks: the hash is what it costs.
#[divan::bench]
fn write_signed_chunks(bencher: Bencher<'_, '_>) {
    let content = Bytes::from(vec![7; 1024 * 1024]);
    let credentials = credentials();
    let stream = StreamPayload {
        mode: PayloadMode::Streaming(Streaming::Signed),
        length: content.len() as u64,
    };
    bencher
        .counter(BytesCount::new(content.len()))
        .with_inputs(|| {
            let mut emission = emission();
            emission.body = EmittedBody::Streamed;
            let target = SigningTarget {
                authority: "b.s3.cn-north-1.amazonaws.com.cn",
                service: "s3",
                region: &"cn-north-1".parse().unwrap(),
                transport: Transport::Tls,
            };
            let signed = sign(&mut emission, &target, &credentials, Some(&stream), now());
            match signed.unwrap().framing {
                Framing::Chunked(writer) => Some(writer),
                Framing::Plain => None,
            }
        })
        .bench_values(|writer| {
            let mut writer = writer.unwrap();
            let wire = writer.push(content.clone()).unwrap().len();
            wire + writer.finish(None).unwrap().len()
        });
}
