//! How much of a body the line needs: all of it, except of S3 objects, which stream.
//!
//! Takes a head; gives the body for [`authenticate`](cordon_core::authenticate). A body of any
//! size is asked for only after the head names a live session, and the memory of all bodies that
//! are held at one time is bounded.

use crate::http1::{BodyError, Connection};
use crate::line::Line;
use bytes::Bytes;
use cordon_aws::endpoint::Destination;
use cordon_aws::request::{Body, Request};
use cordon_aws::sigv4::{Claim, VerifyError};
use cordon_core::authenticate::AuthenticateError;
use cordon_core::refusal::Failure;
use cordon_core::session::Sessions;
use http::Method;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

/// Bodies up to this size are read without further ado: they fit into what a connection holds.
const SMALL: u64 = 64 * 1024;
/// The unit in which held bodies are counted.
const UNIT: u64 = 1024;

/// A body with the room it takes while the request is under way.
#[derive(Debug)]
pub(crate) struct Held<'l> {
    pub(crate) body: Body,
    _room: Option<SemaphorePermit<'l>>,
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayloadFault {
    /// Nobody stands behind the head, so nothing more is read.
    #[error("the head of the request is not signed by a live session")]
    Nobody(#[source] Box<AuthenticateError>),
    #[error("the body cannot be read")]
    Body(#[source] BodyError),
    #[error("too many bodies are held")]
    NoRoom,
}

impl PayloadFault {
    /// What the agent is told, where it is not about its signature.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Nobody(_) | Self::NoRoom => Failure::Overloaded,
            Self::Body(error) => failure_of(error),
        }
    }
}

/// What the agent is told of a body that cannot be read.
pub(crate) fn failure_of(error: &BodyError) -> Failure {
    match error {
        BodyError::TooLarge => Failure::TooLarge,
        BodyError::Malformed(_) => Failure::BodyMismatch,
        BodyError::Broken(_) => Failure::TimedOut,
    }
}

/// Reads of the body what identification needs.
pub(crate) async fn read<'l>(
    line: &'l Line,
    client: &mut Connection,
    request: &Request,
    sessions: &Sessions,
) -> Result<Held<'l>, PayloadFault> {
    let announced = client.announced();
    if announced == Some(0) {
        return Ok(Held::small(Bytes::new()));
    }
    let small = announced.is_some_and(|length| length <= SMALL) && !client.is_held_back();
    if small && request.method != Method::PUT {
        let whole = client.read_whole(line.bounds.limits.whole_body).await;
        return whole.map(Held::small).map_err(PayloadFault::Body);
    }
    let claim = somebody(request, sessions).map_err(|error| PayloadFault::Nobody(error.into()))?;
    if streams(request, &claim) {
        return match exceeds(announced, &claim, line.bounds.limits.streamed_body) {
            true => Err(PayloadFault::Body(BodyError::TooLarge)),
            false => Ok(Held {
                body: Body::Streamed,
                _room: None,
            }),
        };
    }
    held(line, client, announced).await
}

/// Reads a body that is not small, when there is room for it.
async fn held<'l>(
    line: &'l Line,
    client: &mut Connection,
    announced: Option<u64>,
) -> Result<Held<'l>, PayloadFault> {
    let most = line.bounds.limits.whole_body;
    let size = announced.unwrap_or(most as u64);
    if size > most as u64 {
        return Err(PayloadFault::Body(BodyError::TooLarge));
    }
    let units = u32::try_from(size.div_ceil(UNIT)).unwrap_or(u32::MAX);
    let room = timeout(
        line.bounds.deadlines.body_idle,
        line.bodies.acquire_many(units),
    );
    let Ok(Ok(room)) = room.await else {
        return Err(PayloadFault::NoRoom);
    };
    let whole = client.read_whole(most).await.map_err(PayloadFault::Body)?;
    Ok(Held {
        body: Body::Whole(whole),
        _room: Some(room),
    })
}

/// The units that `bytes` of held bodies make.
pub(crate) fn units(bytes: u64) -> usize {
    usize::try_from(bytes / UNIT).unwrap_or(usize::MAX)
}

/// The claim of a head that names a live session. The signature is checked later, by
/// `authenticate`, as always: this only keeps strangers from making us hold or await bodies.
fn somebody(request: &Request, sessions: &Sessions) -> Result<Claim, AuthenticateError> {
    let claim = Claim::of(request).map_err(AuthenticateError::Claim)?;
    match sessions.find(claim.key_id()) {
        Some(_) => Ok(claim),
        None => Err(AuthenticateError::Signature(VerifyError::UnknownKey)),
    }
}

/// Whether a body that streams is longer than `most`: as it comes, or without its framing, which
/// is all that tells of one that comes in pieces.
fn exceeds(announced: Option<u64>, claim: &Claim, most: u64) -> bool {
    [announced, claim.decoded_length()]
        .into_iter()
        .flatten()
        .any(|length| length > most)
}

/// Whether the body is an S3 object: `PUT` of a key that is not one of its settings. A wrong
/// guess is harmless: identification refuses a call whose body it needs and does not have.
fn streams(request: &Request, claim: &Claim) -> bool {
    request.method == Method::PUT
        && claim.scope().is_s3()
        && names_a_key(request)
        && request
            .query
            .as_deref()
            .unwrap_or_default()
            .split('&')
            .all(is_of_an_upload)
}

fn names_a_key(request: &Request) -> bool {
    let prefix = match &request.destination {
        Destination::Aws(host) => &host.prefix,
        Destination::Own { prefix } => prefix,
    };
    let path = request.path.strip_prefix('/').unwrap_or(&request.path);
    match prefix.is_empty() {
        true => path.split_once('/').is_some_and(|(_, key)| !key.is_empty()),
        false => !path.is_empty(),
    }
}

/// Whether a query parameter may stand beside an object body.
fn is_of_an_upload(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    matches!(name, "" | "partNumber" | "uploadId" | "x-id") || name.starts_with("X-Amz-")
}

impl Held<'_> {
    fn small(bytes: Bytes) -> Self {
        Self {
            body: Body::Whole(bytes),
            _room: None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use cordon_aws::endpoint::OwnHosts;

    /// The claim of an upload in chunks whose content is said to have this length.
    fn upload_of(length: &str) -> Claim {
        let signed =
            "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length";
        let own = OwnHosts::new(["cordon.test"]).unwrap();
        let mut request = Request {
            method: Method::PUT,
            path: "/bucket/key".to_owned(),
            query: None,
            destination: Destination::parse("cordon.test", &own).unwrap(),
            headers: http::HeaderMap::new(),
            body: Body::Streamed,
        };
        for (name, value) in [
            ("host", "cordon.test"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-date", "20261125T093000Z"),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
            ("x-amz-decoded-content-length", length),
            (
                "authorization",
                &format!(
                    "AWS4-HMAC-SHA256 Credential=AKIAAAAAAAAAAAAAAAAA/20261125/eu-west-1/s3/aws4_request, \
                     SignedHeaders={signed}, Signature={}",
                    "0".repeat(64)
                ),
            ),
        ] {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers.insert(name, value.parse().unwrap());
        }
        Claim::of(&request).unwrap()
    }

    #[test]
    fn a_streamed_body_is_bounded_however_its_length_is_told() {
        let most = 5 << 30;
        for (announced, decoded, expected) in [
            (Some(most), "1", false),
            (Some(most + 1), "1", true),
            (None, "5368709120", false),
            (None, "5368709121", true),
            (Some(100), "40000000000000", true),
        ] {
            let claim = upload_of(decoded);
            assert_eq!(
                exceeds(announced, &claim, most),
                expected,
                "{announced:?} {decoded}"
            );
        }
    }
}
