//! Sessions of S3 Express: what `s3:CreateSession` begins, for the objects of one directory bucket.
//!
//! Takes the terms of such a session and the accesses of a call; says whether the call is within it.
//! On AWS its keys are good for nothing else, and what they are good for is guarded by one action on
//! the bucket, whatever is done with an object. That a call is within its session is asked before
//! what its task allows, and opens nothing that the task does not.

use crate::assess::AssessedAccess;
use cordon_aws::arn::Arn;
use cordon_aws::call::Call;

/// The action that guards the objects of directory buckets, and the making of a session for them.
pub(crate) const ACTION: &str = "s3express:CreateSession";

/// What AWS lets a session for reading do, and no operation more.
const READS: [&str; 6] = [
    "GetObject",
    "GetObjectAttributes",
    "HeadObject",
    "ListMultipartUploads",
    "ListObjectsV2",
    "ListParts",
];

/// The one bucket that a session is for, and whether it may be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressSession {
    /// `arn:aws:s3express:REGION:ACCOUNT:bucket/NAME--ZONE--x-s3`.
    pub bucket: Arn,
    /// Whether its objects may be changed.
    pub mode: SessionMode,
}

/// `x-amz-create-session-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of S3")]
pub enum SessionMode {
    ReadOnly,
    ReadWrite,
}

/// Why a call is not within its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// It is about something else than the objects of the bucket.
    Bucket,
    /// The session is for reading, and this is not known to read.
    Mode,
}

impl ExpressSession {
    /// Whether a call with these accesses is within it.
    pub(crate) fn admits(&self, call: &Call, accesses: &[AssessedAccess]) -> Result<(), Beyond> {
        let within = |AssessedAccess { access, .. }: &AssessedAccess| {
            *access.action == *ACTION && *access.resource.arn == *self.bucket.as_str()
        };
        if accesses.is_empty() || !accesses.iter().all(within) {
            return Err(Beyond::Bucket);
        }
        match self.mode {
            SessionMode::ReadOnly if !READS.contains(&call.operation().name()) => Err(Beyond::Mode),
            SessionMode::ReadOnly | SessionMode::ReadWrite => Ok(()),
        }
    }
}

impl SessionMode {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::ReadOnly, Self::ReadWrite];

    /// `ReadOnly`, `ReadWrite`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "ReadOnly",
            Self::ReadWrite => "ReadWrite",
        }
    }

    /// The mode that [`SessionMode::as_str`] gives `word` for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}
