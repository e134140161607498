//! Verifying a claim: the same canonical request, the same key, the same signature.
//!
//! Takes a request, its [`Claim`] and the keys of whom it names; gives [`Verified`], which only
//! [`verify`] makes. A body held whole is proven here; one that streams is proven by the
//! [`PayloadReader`] that comes from [`Verified`].

use super::canonical::{Canonical, MalformedQuery, PathRule, is_normal, sha256, string_to_sign};
use super::claim::{Claim, ClaimedPayload, Form, PayloadMode, Streaming};
use super::key::{DerivedKey, Holder};
use super::payload::{Chain, ChecksumAlgorithm, PayloadError, PayloadReader, Promised};
use super::{AccessKeyId, CredentialScope, SigningKeys};
use crate::request::{Body, Request};
use bytes::{Bytes, BytesMut};
use jiff::{SignedDuration, Timestamp};
use std::borrow::Cow;
use subtle::ConstantTimeEq;

/// How far clocks may be apart, in both directions: what most of AWS allows (S3 allows 15).
pub const DEFAULT_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Proof that the signature over the request's head held, and over a body held whole.
#[derive(Debug)]
pub struct Verified {
    claim: Claim,
    key: DerivedKey,
    mode: PayloadMode,
    length: Option<u64>,
    promised: Vec<Promised>,
    whole: Option<Bytes>,
}

impl Verified {
    /// Who signed.
    #[must_use]
    pub fn key_id(&self) -> &AccessKeyId {
        &self.claim.key_id
    }

    /// For where.
    #[must_use]
    pub fn scope(&self) -> &CredentialScope {
        &self.claim.scope
    }

    /// The claim that held.
    #[must_use]
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The signature. Two requests with the same one are the same request, sent again.
    #[must_use]
    pub fn signature(&self) -> &[u8; 32] {
        &self.claim.signature
    }

    /// How the payload is protected.
    #[must_use]
    pub fn payload_mode(&self) -> &PayloadMode {
        &self.mode
    }

    /// The length of the decoded content, where the head tells or the body is at hand.
    #[must_use]
    pub fn decoded_length(&self) -> Option<u64> {
        self.length
    }

    /// The content of a body that was held whole, proven, without framing. [`None`] for one
    /// that streams.
    #[must_use]
    pub fn whole_body(&self) -> Option<&Bytes> {
        self.whole.as_ref()
    }

    /// The reader of a body that streams. [`None`] for one that was held whole.
    #[must_use]
    pub fn payload_reader(&self) -> Option<PayloadReader> {
        match self.whole {
            Some(_) => None,
            None => Some(self.reader()),
        }
    }

    fn reader(&self) -> PayloadReader {
        PayloadReader::new(&self.mode, self.length, &self.promised, || {
            let claim = &self.claim;
            Chain::new(
                self.key.clone(),
                claim.signed_at,
                claim.scope.clone(),
                claim.signature,
            )
        })
    }
}

/// Checks `claim`, which must be that of `request`, with `keys`, which must be those of its key
/// id or a [`SigningKeys::decoy`] where nobody has it. Clocks may be `skew` apart.
///
/// # Errors
/// [`VerifyError`]. Comparisons take the same time wherever the first difference is.
pub fn verify(
    request: &Request,
    claim: Claim,
    keys: &SigningKeys,
    now: Timestamp,
    skew: SignedDuration,
) -> Result<Verified, VerifyError> {
    let key = keys.key(&claim.scope);
    let mode = payload_mode(request, &claim)?;
    let held = signature_holds(request, &claim, &mode, &key)?;
    // Only now, when the work is done, does it matter whether anyone holds the key.
    match (keys.holder(), held) {
        (Holder::Nobody, _) => return Err(VerifyError::UnknownKey),
        (Holder::Known, false) => return Err(VerifyError::Signature),
        (Holder::Known, true) => {}
    }
    check_clock(&claim, now, skew)?;
    let mut verified = Verified {
        length: length(request, &claim)?,
        promised: Promised::of(request, claim.scope.is_s3())?,
        key,
        mode,
        claim,
        whole: None,
    };
    check_checksums(request, &verified)?;
    if let Body::Whole(body) = &request.body {
        let content = prove(&verified, body)?;
        verified.length = Some(content.len() as u64);
        verified.whole = Some(content);
    }
    Ok(verified)
}

/// What the canonical request says of the payload.
fn payload_mode(request: &Request, claim: &Claim) -> Result<PayloadMode, PayloadError> {
    match (&claim.payload, &request.body) {
        (ClaimedPayload::Declared(mode), _) => Ok(mode.clone()),
        (ClaimedPayload::Implied, Body::Whole(body)) => Ok(PayloadMode::Hashed(sha256(body))),
        (ClaimedPayload::Implied, Body::Streamed) => Err(PayloadError::HashMissing),
    }
}

/// Whether the signature is right for the path rule of its service.
///
/// Services other than S3 sign the normalised path, and so do most SDKs; the SDK for Go signs
/// the path as it sends it. Where the two differ, both are tried: the second covers the very
/// bytes of the path, so it is the stricter one.
fn signature_holds(
    request: &Request,
    claim: &Claim,
    mode: &PayloadMode,
    key: &DerivedKey,
) -> Result<bool, MalformedQuery> {
    let payload = payload_text(mode);
    let holds = |rule| {
        let canonical = Canonical {
            method: request.method.as_str(),
            path: &request.path,
            rule,
            query: request.query.as_deref(),
            headers: &request.headers,
            signed_headers: &claim.signed_headers,
            payload: &payload,
        };
        let text = string_to_sign(claim.signed_at, &claim.scope, &canonical.request()?);
        Ok(bool::from(key.sign(&text).ct_eq(&claim.signature)))
    };
    if claim.scope.is_s3() {
        return holds(PathRule::AsIs);
    }
    Ok(holds(PathRule::Normalised)? || (!is_normal(&request.path) && holds(PathRule::Encoded)?))
}

/// The last line of the canonical request.
pub(super) fn payload_text(mode: &PayloadMode) -> Cow<'static, str> {
    match mode {
        PayloadMode::Hashed(hash) => Cow::Owned(hex::encode(hash)),
        PayloadMode::Unsigned => Cow::Borrowed("UNSIGNED-PAYLOAD"),
        PayloadMode::Streaming(Streaming::Signed) => {
            Cow::Borrowed("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
        }
        PayloadMode::Streaming(Streaming::SignedTrailer(_)) => {
            Cow::Borrowed("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
        }
        PayloadMode::Streaming(Streaming::UnsignedTrailer(_)) => {
            Cow::Borrowed("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        }
    }
}

fn check_clock(claim: &Claim, now: Timestamp, skew: SignedDuration) -> Result<(), VerifyError> {
    if now.duration_since(claim.moment) < -skew {
        return Err(VerifyError::FromTheFuture);
    }
    match (now > claim.holds_until(skew), claim.form) {
        (false, _) => Ok(()),
        (true, Form::Header) => Err(VerifyError::TooOld),
        (true, Form::Presigned { .. }) => Err(VerifyError::Expired),
    }
}

fn length(request: &Request, claim: &Claim) -> Result<Option<u64>, PayloadError> {
    if claim.decoded_length.is_some() {
        return Ok(claim.decoded_length);
    }
    let header = request
        .single("content-length")
        .map_err(PayloadError::ChecksumHeader)?;
    Ok(header.and_then(|text| text.parse().ok()))
}

/// A checksum is promised once, in a header or in the trailer, and is of the kind that
/// `x-amz-sdk-checksum-algorithm` says, where that is sent.
fn check_checksums(request: &Request, verified: &Verified) -> Result<(), PayloadError> {
    let announced = match &verified.mode {
        PayloadMode::Streaming(
            Streaming::SignedTrailer(checksum) | Streaming::UnsignedTrailer(checksum),
        ) => Some(*checksum),
        PayloadMode::Streaming(Streaming::Signed)
        | PayloadMode::Hashed(_)
        | PayloadMode::Unsigned => None,
    };
    let promised = verified.promised.iter().find_map(Promised::of_s3);
    let checksum = match (announced, promised) {
        (Some(_), Some(_)) => return Err(PayloadError::SeveralChecksums),
        (Some(checksum), None) | (None, Some(checksum)) => checksum,
        (None, None) => return Ok(()),
    };
    let name = request
        .single("x-amz-sdk-checksum-algorithm")
        .map_err(PayloadError::ChecksumHeader)?;
    match name.is_none_or(|name| ChecksumAlgorithm::named(name) == Some(checksum)) {
        true => Ok(()),
        false => Err(PayloadError::ChecksumAlgorithm),
    }
}

/// The content of a body that is at hand.
fn prove(verified: &Verified, body: &Bytes) -> Result<Bytes, PayloadError> {
    let implied = verified.claim.payload == ClaimedPayload::Implied;
    if implied && verified.promised.is_empty() {
        return Ok(body.clone());
    }
    let mut reader = verified.reader();
    let mut pieces = reader.push(body.clone())?;
    pieces.push(reader.finish()?.tail().clone());
    match <[Bytes; 1]>::try_from(pieces) {
        Ok([content]) => Ok(content),
        Err(pieces) => {
            let mut content = BytesMut::with_capacity(body.len());
            content.extend(pieces);
            Ok(content.freeze())
        }
    }
}

/// Why a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Nobody has this key.
    #[error("nobody has this access key")]
    UnknownKey,
    /// Another secret, or other bytes, than were signed.
    #[error("the signature is not the one that this request and key have")]
    Signature,
    /// Signed too long ago. Clients that see this correct their clock and sign again.
    #[error("the request was signed too long ago; check the client's clock")]
    TooOld,
    /// Signed later than now.
    #[error("the request is signed for a later time; check the client's clock")]
    FromTheFuture,
    /// A presigned request after its time.
    #[error("the presigned request has expired")]
    Expired,
    /// The query has no single reading.
    #[error(transparent)]
    Query(#[from] MalformedQuery),
    /// The body is not the one that was signed.
    #[error(transparent)]
    Payload(#[from] PayloadError),
}
