//! AWS Signature Version 4: verifying what callers signed, signing what leaves.
//!
//! ```text
//! Request ─► Claim ─────────► verify ─────► Verified ─► PayloadReader ─► decoded body, trailers
//!            who says they    the head and  a body that   the tail is withheld until hash
//!            signed, and how  a whole body  streams       or final chunk holds
//!
//! Emission ─► sign ─► Signed ─► ChunkWriter (S3 uploads that stream) ─► bytes for AWS
//! ```
//! Nothing is believed of a request until [`verify`] gave its [`Verified`]. The terms are those
//! of AWS's documentation: the *canonical request* is the one spelling of a request that both
//! sides hash, the *string to sign* names that hash, the date and the *credential scope*, and the
//! *signature* is an HMAC over it with a key derived from the secret for that scope.

mod canonical;
mod claim;
mod key;
mod payload;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod recorded;
mod sign;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod vectors;
mod verify;

pub use canonical::MalformedQuery;
pub(crate) use claim::PRESIGNED;
pub use claim::{Claim, ClaimError, ClaimedPayload, Form, PayloadMode, Streaming};
pub use key::{
    AccessKeyId, AccessKeyIdError, SecretKey, SessionToken, SigningCredentials, SigningKeys,
};
pub use payload::{
    ChecksumAlgorithm, ChunkWriter, Payload, PayloadError, PayloadReader, Trailer, WriteError,
};
pub use sign::{Framing, SignError, Signed, SigningTarget, StreamPayload, Transport, sign};
pub use verify::{DEFAULT_SKEW, Verified, VerifyError, verify};

use crate::arn::Region;
use jiff::Timestamp;
use jiff::tz::Offset;
use std::fmt;

type HmacSha256 = hmac::Hmac<sha2::Sha256>;

/// `day/region/service/aws4_request`: what a derived key is good for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CredentialScope {
    /// The day, in UTC.
    pub day: Day,
    /// The signed region.
    pub region: Region,
    /// The signed service name, exact case: `s3`, `IoTSecuredTunneling`.
    pub service: Box<str>,
}

impl CredentialScope {
    /// Whether S3's own rules hold: path bytes as they are, an obligatory
    /// `x-amz-content-sha256`, unsigned and streaming payloads.
    #[must_use]
    pub fn is_s3(&self) -> bool {
        is_s3(&self.service)
    }
}

impl fmt::Display for CredentialScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            day,
            region,
            service,
        } = self;
        write!(f, "{}/{region}/{service}/aws4_request", day.as_str())
    }
}

/// The signing names that follow S3's rules.
pub(crate) fn is_s3(signing_name: &str) -> bool {
    matches!(
        signing_name,
        "s3" | "s3-outposts" | "s3-object-lambda" | "s3express"
    )
}

/// One day in UTC as eight digits: `20261125`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day([u8; 8]);

impl Day {
    /// The day that `moment` falls on.
    #[must_use]
    pub fn of(moment: Timestamp) -> Self {
        DateTime::of(moment).day()
    }

    /// The eight digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }
}

/// A moment as signatures write it: `20261125T093000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DateTime([u8; 16]);

impl DateTime {
    /// `moment` without its fraction of a second.
    fn of(moment: Timestamp) -> Self {
        let at = Offset::UTC.to_datetime(moment);
        let mut digits = *b"00000000T000000Z";
        // Years before 0 and after 9999 do not fit; no clock that signs is there.
        put(&mut digits, 0, 4, at.year().unsigned_abs());
        put(&mut digits, 4, 2, at.month().unsigned_abs().into());
        put(&mut digits, 6, 2, at.day().unsigned_abs().into());
        put(&mut digits, 9, 2, at.hour().unsigned_abs().into());
        put(&mut digits, 11, 2, at.minute().unsigned_abs().into());
        put(&mut digits, 13, 2, at.second().unsigned_abs().into());
        Self(digits)
    }

    /// Reads exactly the sixteen characters; anything else is nothing.
    fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 16] = text.as_bytes().try_into().ok()?;
        let shaped = bytes.iter().enumerate().all(|(index, byte)| match index {
            8 => *byte == b'T',
            15 => *byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
        shaped.then_some(Self(bytes))
    }

    /// The moment, unless the digits name none (month 13, second 61).
    fn moment(self) -> Option<Timestamp> {
        let field = |at: usize, digits: usize| {
            self.0
                .iter()
                .skip(at)
                .take(digits)
                .fold(0_i16, |value, digit| value * 10 + i16::from(digit - b'0'))
        };
        let narrow = |value: i16| i8::try_from(value).ok();
        let at = jiff::civil::DateTime::new(
            field(0, 4),
            narrow(field(4, 2))?,
            narrow(field(6, 2))?,
            narrow(field(9, 2))?,
            narrow(field(11, 2))?,
            narrow(field(13, 2))?,
            0,
        )
        .ok()?;
        Offset::UTC.to_timestamp(at).ok()
    }

    fn day(self) -> Day {
        let mut digits = [0; 8];
        for (to, from) in digits.iter_mut().zip(self.0) {
            *to = from;
        }
        Day(digits)
    }

    fn as_str(&self) -> &str {
        ascii(&self.0)
    }
}

/// Writes `value` in decimal, right-aligned, into `digits` places from `at` on.
fn put(to: &mut [u8; 16], at: usize, digits: usize, value: u16) {
    let mut rest = value;
    for place in to.iter_mut().skip(at).take(digits).rev() {
        *place = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
}

/// INVARIANT: both makers of [`DateTime`], the only source of [`Day`], write ASCII alone.
fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
