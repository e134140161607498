//! The body of a verified request: decoding it, and proving it before its end is let go.
//!
//! Takes wire bytes in any pieces; gives decoded content. Content flows on as it comes, so
//! memory does not grow with the object, but the last piece is withheld until the hash, the last
//! chunk's signature, the checksums and the length hold: AWS never sees a whole body that was
//! not proven.

mod chain;
mod checksum;
mod chunk;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
mod writer;

pub(super) use chain::Chain;
pub use checksum::ChecksumAlgorithm;
pub(super) use checksum::Promised;
pub use writer::{ChunkWriter, WriteError};

use super::claim::{PayloadMode, Streaming};
use crate::request::HeaderError;
use bytes::Bytes;
use checksum::Running;
use chunk::ChunkReader;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// Reads one body. Made only by [`Verified::payload_reader`](super::Verified::payload_reader).
/// After an error the body is worth nothing: drop the reader and cut the upload.
pub struct PayloadReader {
    framing: Framing,
    proof: Proof,
    length: Option<u64>,
    withheld: Bytes,
}

enum Framing {
    Plain,
    Chunked(Box<ChunkReader>),
}

/// What is computed over the decoded content.
struct Proof {
    read: u64,
    hash: Option<(Sha256, [u8; 32])>,
    checksums: Vec<(Running, Promised)>,
    /// The checksum whose value the trailer will tell.
    announced: Option<Running>,
}

/// What came after the last of the content. Only a body that is proven ends in one.
#[derive(Debug, Clone)]
pub struct Payload {
    tail: Bytes,
    trailer: Option<Trailer>,
}

/// A checksum that follows a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer {
    pub(super) algorithm: ChecksumAlgorithm,
    pub(super) value: Box<str>,
}

impl PayloadReader {
    pub(super) fn new(
        mode: &PayloadMode,
        length: Option<u64>,
        promised: &[Promised],
        chain: impl FnOnce() -> Chain,
    ) -> Self {
        let chunked = |chain, announced| {
            let reader = ChunkReader::new(length.unwrap_or_default(), chain, announced);
            (Framing::Chunked(Box::new(reader)), None, announced)
        };
        let (framing, hash, announced) = match mode {
            PayloadMode::Hashed(hash) => (Framing::Plain, Some((Sha256::new(), *hash)), None),
            PayloadMode::Unsigned => (Framing::Plain, None, None),
            PayloadMode::Streaming(Streaming::Signed) => chunked(Some(chain()), None),
            PayloadMode::Streaming(Streaming::SignedTrailer(algorithm)) => {
                chunked(Some(chain()), Some(*algorithm))
            }
            PayloadMode::Streaming(Streaming::UnsignedTrailer(algorithm)) => {
                chunked(None, Some(*algorithm))
            }
        };
        let checksums = promised
            .iter()
            .map(|promised| (Running::new(promised.algorithm), promised.clone()))
            .collect();
        Self {
            framing,
            proof: Proof {
                read: 0,
                hash,
                checksums,
                announced: announced.map(Running::new),
            },
            length,
            withheld: Bytes::new(),
        }
    }

    /// The length of the decoded content, where the head tells.
    #[must_use]
    pub fn decoded_length(&self) -> Option<u64> {
        self.length
    }

    /// Reads `wire`; gives the content that may go on, in order, which is all but the last
    /// piece so far.
    ///
    /// # Errors
    /// [`PayloadError`] as soon as the body cannot be right any more.
    pub fn push(&mut self, mut wire: Bytes) -> Result<Vec<Bytes>, PayloadError> {
        let mut released = Vec::new();
        loop {
            let piece = match &mut self.framing {
                Framing::Plain => std::mem::take(&mut wire),
                Framing::Chunked(reader) => reader.next(&mut wire)?.unwrap_or_default(),
            };
            if piece.is_empty() {
                return Ok(released);
            }
            self.proof.update(&piece);
            if self.length.is_some_and(|length| self.proof.read > length) {
                return Err(PayloadError::LongerThanDeclared);
            }
            let before = std::mem::replace(&mut self.withheld, piece);
            if !before.is_empty() {
                released.push(before);
            }
        }
    }

    /// Ends the body: everything is checked, and only then its end is given out.
    ///
    /// # Errors
    /// [`PayloadError`] when the body is short, or not what was signed or promised.
    pub fn finish(self) -> Result<Payload, PayloadError> {
        let trailer = match self.framing {
            Framing::Plain => None,
            Framing::Chunked(reader) => reader.finish()?,
        };
        if self.length.is_some_and(|length| self.proof.read < length) {
            return Err(PayloadError::Truncated);
        }
        self.proof.check(trailer.as_ref())?;
        Ok(Payload {
            tail: self.withheld,
            trailer,
        })
    }
}

impl fmt::Debug for PayloadReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadReader")
            .field("read", &self.proof.read)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Proof {
    fn update(&mut self, content: &[u8]) {
        self.read += content.len() as u64;
        if let Some((hash, _)) = &mut self.hash {
            hash.update(content);
        }
        for (running, _) in &mut self.checksums {
            running.update(content);
        }
        if let Some(running) = &mut self.announced {
            running.update(content);
        }
    }

    fn check(self, trailer: Option<&Trailer>) -> Result<(), PayloadError> {
        if let Some((hash, expected)) = self.hash {
            let hash: [u8; 32] = hash.finalize().into();
            if !bool::from(hash.ct_eq(&expected)) {
                return Err(PayloadError::Hash);
            }
        }
        for (running, promised) in self.checksums {
            if running.finish() != *promised.value {
                return Err(PayloadError::Checksum(promised.header));
            }
        }
        match (self.announced, trailer) {
            (None, None) => Ok(()),
            (Some(running), Some(trailer)) => match running.finish() == *trailer.value {
                true => Ok(()),
                false => Err(PayloadError::Checksum(trailer.algorithm.header())),
            },
            (Some(_), None) | (None, Some(_)) => Err(PayloadError::Framing),
        }
    }
}

impl Payload {
    /// The end of the content, withheld until now; empty only for a body without content.
    #[must_use]
    pub fn tail(&self) -> &Bytes {
        &self.tail
    }

    /// The checksum that followed the body.
    #[must_use]
    pub fn trailer(&self) -> Option<&Trailer> {
        self.trailer.as_ref()
    }
}

impl Trailer {
    /// The checksum of `content`, for whoever sends it.
    #[must_use]
    pub fn of(algorithm: ChecksumAlgorithm, content: &[u8]) -> Self {
        Self {
            algorithm,
            value: algorithm.of(content).into(),
        }
    }

    /// Which checksum it is.
    #[must_use]
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// The checksum in base64.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The line that a trailer signature covers.
    fn line(&self) -> String {
        format!("{}:{}\n", self.algorithm.header(), self.value)
    }
}

/// Why a body is not the one that was signed. The client's fault, or damage on the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum PayloadError {
    #[error("the body does not have the SHA-256 that was signed")]
    Hash,
    #[error("a chunk or trailer does not have the signature it claims")]
    ChunkSignature,
    #[error("the body does not have the checksum in `{0}`")]
    Checksum(&'static str),
    #[error("the request promises several `x-amz-checksum-` values")]
    SeveralChecksums,
    #[error("`x-amz-sdk-checksum-algorithm` names another algorithm than the checksum has")]
    ChecksumAlgorithm,
    #[error(transparent)]
    ChecksumHeader(HeaderError),
    #[error("the body is not framed as `aws-chunked`")]
    Framing,
    #[error("the trailer `{0}` was not announced in `x-amz-trailer`")]
    UnannouncedTrailer(String),
    #[error("the body ends early")]
    Truncated,
    #[error("the body is longer than its declared length")]
    LongerThanDeclared,
    #[error("bytes follow the end of the body")]
    AfterEnd,
    #[error("a streamed body needs `x-amz-content-sha256`")]
    HashMissing,
}
