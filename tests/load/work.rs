//! The calls of the benchmark, signed as an SDK signs them.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use cordon_aws::arn::Region;
use cordon_aws::emit::{Emission, EmittedBody};
use cordon_aws::sigv4::{
    PayloadMode, SecretKey, SigningCredentials, SigningTarget, StreamPayload, Transport, sign,
};
use cordon_tests::REGION;
use cordon_tests::cloud::{BUCKET, TABLE};
use cordon_tests::signer::Keys;
use http_body_util::Full;
use hyper::{HeaderMap, Method, Request};

/// The length of a large body.
pub(crate) const LARGE: usize = 64 << 20;

static BODY: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(vec![b'u'; LARGE]));

/// No two changes are the same call: Cordon refuses a change that it saw before.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// A small JSON call that reads.
    Read,
    /// A small JSON call that changes, which Cordon records durably before it leaves.
    Change,
    /// A large body up, hashed by the client.
    Up,
    /// A large body up, which the client did not hash.
    UpUnsigned,
    /// A large body down.
    Down,
}

/// Who signs, as what.
#[derive(Debug)]
pub(crate) struct Signer {
    credentials: SigningCredentials,
    region: Region,
}

impl Work {
    /// The service that is called.
    pub(crate) fn service(self) -> &'static str {
        match self {
            Self::Read | Self::Change => "dynamodb",
            Self::Up | Self::UpUnsigned | Self::Down => "s3",
        }
    }

    /// The least length of an answer that is one.
    pub(crate) fn least_answer(self) -> usize {
        match self {
            Self::Read | Self::Change => 400,
            Self::Up | Self::UpUnsigned => 0,
            Self::Down => LARGE,
        }
    }

    fn emission(self) -> Emission {
        let (method, path, body) = match self {
            Self::Read | Self::Change => (Method::POST, "/".to_owned(), self.json()),
            Self::Up | Self::UpUnsigned => (
                Method::PUT,
                format!("/{BUCKET}/reports/large"),
                BODY.clone(),
            ),
            Self::Down => (
                Method::GET,
                format!("/{BUCKET}/reports/large"),
                Bytes::new(),
            ),
        };
        Emission {
            method,
            path,
            query: None,
            headers: self.headers(),
            host: String::new(),
            body: match self {
                Self::UpUnsigned => EmittedBody::Streamed,
                _ => EmittedBody::Whole(body),
            },
        }
    }

    /// About 300 bytes.
    fn json(self) -> Bytes {
        let text = "t".repeat(200);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        match self {
            Self::Change => Bytes::from(format!(
                r#"{{"TableName":"{TABLE}","Item":{{"id":{{"S":"a-{id}"}},"note":{{"S":"{text}"}}}}}}"#
            )),
            _ => Bytes::from(format!(
                r#"{{"TableName":"{TABLE}","Key":{{"id":{{"S":"a-{id}{text}"}}}},"ConsistentRead":true}}"#
            )),
        }
    }

    fn headers(self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: &str| {
            let value = value.parse().expect("a header of ours");
            headers.insert(name, value);
        };
        match self {
            Self::Read | Self::Change => {
                let operation = match self {
                    Self::Change => "PutItem",
                    _ => "GetItem",
                };
                set("content-type", "application/x-amz-json-1.0");
                set("x-amz-target", &format!("DynamoDB_20120810.{operation}"));
                set(
                    "amz-sdk-invocation-id",
                    "1f3e8e9c-6f3d-4d4e-9d63-1f0b0f0b0f0b",
                );
                set("amz-sdk-request", "attempt=1; max=3");
                set("user-agent", "aws-cli/2.9.19 Python/3.11.2");
            }
            Self::Up | Self::UpUnsigned => {
                set("content-type", "binary/octet-stream");
                // Of the same object, but not the same call.
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                set("x-amz-meta-number", &number.to_string());
            }
            Self::Down => {}
        }
        headers
    }
}

impl Signer {
    pub(crate) fn new(keys: &Keys) -> Self {
        let token = keys.token.clone().map(SecretKey::new);
        let id = keys.id.parse().expect("an access key id");
        Self {
            credentials: SigningCredentials::new(id, SecretKey::new(keys.secret.clone()), token),
            region: REGION.parse().expect("a region"),
        }
    }

    /// A request for `host`, signed now.
    pub(crate) fn request(&self, work: Work, host: &str) -> Request<Full<Bytes>> {
        let mut emission = work.emission();
        let target = SigningTarget {
            authority: host,
            service: work.service(),
            region: &self.region,
            transport: Transport::Tls,
        };
        let unsigned = StreamPayload {
            mode: PayloadMode::Unsigned,
            length: LARGE as u64,
        };
        let stream = (work == Work::UpUnsigned).then_some(&unsigned);
        let now = jiff::Timestamp::now();
        sign(&mut emission, &target, &self.credentials, stream, now).expect("a call of ours");
        let body = match emission.body {
            EmittedBody::Whole(body) => body,
            EmittedBody::Streamed => BODY.clone(),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = emission.method;
        *request.uri_mut() = emission.path.parse().expect("a path of ours");
        *request.headers_mut() = emission.headers;
        request
    }
}
