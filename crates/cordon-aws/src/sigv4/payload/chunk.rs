//! Reading `aws-chunked` framing.
//!
//! ```text
//! 10000;chunk-signature=<64 hex>\r\n <65,536 bytes> \r\n  ...  0;chunk-signature=<64 hex>\r\n
//! x-amz-checksum-crc32:<base64>\r\n  x-amz-trailer-signature:<64 hex>\r\n  \r\n
//! ```
//! Takes wire bytes in any pieces; gives the data without the framing. There is one way to write
//! each frame: no other extension, no padding zeros, CRLF alone. A second way to read a frame
//! would be a second body.

use super::chain::Chain;
use super::checksum::ChecksumAlgorithm;
use super::{PayloadError, Trailer};
use crate::sigv4::canonical::parse_hash;
use bytes::{Buf, Bytes};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Longer than any line that is legal here: a SHA-512 in a trailer, a size with its signature.
const MAX_LINE: usize = 256;

/// Decodes one framed body.
pub(super) struct ChunkReader {
    state: State,
    /// The line that is being read, without what is after it.
    line: Vec<u8>,
    /// Data that the declared length still allows.
    left: u64,
    signatures: Option<Signatures>,
    announced: Option<ChecksumAlgorithm>,
    trailer: Option<Trailer>,
}

/// What a signed body needs: the chain, and the hash of the chunk that is being read.
struct Signatures {
    chain: Chain,
    chunk: Sha256,
    claimed: [u8; 32],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A size line.
    Size,
    /// Data, so many bytes to come.
    Data(u64),
    /// The line end after data.
    DataEnd,
    /// The announced checksum.
    Trailer,
    /// The signature of the trailer.
    TrailerSignature,
    /// The empty line that ends the body.
    End,
    /// Nothing more.
    Done,
}

impl ChunkReader {
    /// A reader of a body that decodes to `length` bytes, signed by `chain` if there is one, and
    /// followed by the checksum that was `announced`, if any.
    pub(super) fn new(
        length: u64,
        chain: Option<Chain>,
        announced: Option<ChecksumAlgorithm>,
    ) -> Self {
        Self {
            state: State::Size,
            line: Vec::new(),
            left: length,
            signatures: chain.map(|chain| Signatures {
                chain,
                chunk: Sha256::new(),
                claimed: [0; 32],
            }),
            announced,
            trailer: None,
        }
    }

    /// Reads on in `wire` up to the next piece of data, or to its end.
    pub(super) fn next(&mut self, wire: &mut Bytes) -> Result<Option<Bytes>, PayloadError> {
        while !wire.is_empty() {
            if let State::Data(length) = self.state {
                return Ok(Some(self.data(wire, length)));
            }
            if self.state == State::Done {
                return Err(PayloadError::AfterEnd);
            }
            if self.take_line(wire)? {
                let line = std::mem::take(&mut self.line);
                let line = std::str::from_utf8(&line).map_err(|_| PayloadError::Framing)?;
                self.state = self.read(line)?;
            }
        }
        Ok(None)
    }

    /// The trailer, once the whole body was read.
    pub(super) fn finish(self) -> Result<Option<Trailer>, PayloadError> {
        match self.state {
            State::Done => Ok(self.trailer),
            _ => Err(PayloadError::Truncated),
        }
    }

    fn data(&mut self, wire: &mut Bytes, length: u64) -> Bytes {
        let take = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(wire.len());
        let piece = wire.split_to(take);
        if let Some(signatures) = &mut self.signatures {
            signatures.chunk.update(&piece);
        }
        // No overflow: `take` is at most `length`, and a `usize` fits a `u64` here.
        let rest = length - take as u64;
        self.state = match rest {
            0 => State::DataEnd,
            rest => State::Data(rest),
        };
        piece
    }

    /// Moves bytes up to and with the next line feed; whether the line is whole. A carriage
    /// return anywhere but before it is refused.
    fn take_line(&mut self, wire: &mut Bytes) -> Result<bool, PayloadError> {
        let end = wire.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(wire.len(), |end| end + 1);
        if self.line.len() + length > MAX_LINE {
            return Err(PayloadError::Framing);
        }
        self.line.extend(wire.iter().take(length));
        wire.advance(length);
        if end.is_none() {
            return Ok(false);
        }
        let whole = self.line.ends_with(b"\r\n");
        self.line.truncate(self.line.len().saturating_sub(2));
        match whole && !self.line.contains(&b'\r') {
            true => Ok(true),
            false => Err(PayloadError::Framing),
        }
    }

    fn read(&mut self, line: &str) -> Result<State, PayloadError> {
        match self.state {
            State::Size => self.size(line),
            State::DataEnd if line.is_empty() => {
                self.check_chunk()?;
                Ok(State::Size)
            }
            State::End if line.is_empty() => Ok(State::Done),
            State::Trailer => self.trailer(line),
            State::TrailerSignature => self.trailer_signature(line),
            State::DataEnd | State::End | State::Data(_) | State::Done => {
                Err(PayloadError::Framing)
            }
        }
    }

    fn size(&mut self, line: &str) -> Result<State, PayloadError> {
        let digits = match &mut self.signatures {
            None => line,
            Some(signatures) => {
                let (digits, signature) = line
                    .split_once(";chunk-signature=")
                    .ok_or(PayloadError::Framing)?;
                signatures.claimed = parse_hash(signature).ok_or(PayloadError::Framing)?;
                digits
            }
        };
        let size = parse_size(digits).ok_or(PayloadError::Framing)?;
        self.left = self
            .left
            .checked_sub(size)
            .ok_or(PayloadError::LongerThanDeclared)?;
        if size > 0 {
            return Ok(State::Data(size));
        }
        if self.left > 0 {
            return Err(PayloadError::Truncated);
        }
        self.check_chunk()?;
        Ok(match self.announced {
            Some(_) => State::Trailer,
            None => State::End,
        })
    }

    /// The signature of the chunk that has just ended.
    fn check_chunk(&mut self) -> Result<(), PayloadError> {
        let Some(signatures) = &mut self.signatures else {
            return Ok(());
        };
        let hash = std::mem::take(&mut signatures.chunk).finalize().into();
        let expected = signatures.chain.chunk(hash);
        match bool::from(expected.ct_eq(&signatures.claimed)) {
            true => Ok(()),
            false => Err(PayloadError::ChunkSignature),
        }
    }

    fn trailer(&mut self, line: &str) -> Result<State, PayloadError> {
        let (name, value) = line.split_once(':').ok_or(PayloadError::Framing)?;
        let algorithm = self
            .announced
            .filter(|announced| announced.header() == name)
            .ok_or_else(|| PayloadError::UnannouncedTrailer(name.to_owned()))?;
        self.trailer = Some(Trailer {
            algorithm,
            value: value.trim_matches([' ', '\t']).into(),
        });
        Ok(match self.signatures {
            Some(_) => State::TrailerSignature,
            None => State::End,
        })
    }

    fn trailer_signature(&mut self, line: &str) -> Result<State, PayloadError> {
        let (Some(signatures), Some(trailer)) = (&mut self.signatures, &self.trailer) else {
            return Err(PayloadError::Framing);
        };
        let claimed = line
            .strip_prefix("x-amz-trailer-signature:")
            .and_then(|value| parse_hash(value.trim_matches([' ', '\t'])))
            .ok_or(PayloadError::Framing)?;
        let expected = signatures.chain.trailer(&trailer.line());
        match bool::from(expected.ct_eq(&claimed)) {
            true => Ok(State::End),
            false => Err(PayloadError::ChunkSignature),
        }
    }
}

/// Hex of either case, no sign, no padding: `u64::from_str_radix` alone would take `+5` and `005`.
fn parse_size(digits: &str) -> Option<u64> {
    let plain = (1..=16).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let padded = digits.len() > 1 && digits.starts_with('0');
    match plain && !padded {
        true => u64::from_str_radix(digits, 16).ok(),
        false => None,
    }
}
