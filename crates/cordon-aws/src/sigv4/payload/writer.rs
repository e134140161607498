//! Writing `aws-chunked` framing for an upload that leaves.
//!
//! Takes decoded content in any pieces; gives wire bytes. Chunks have one size, so that the
//! length on the wire is known before the first byte of content. Content is passed on, not
//! copied.

use super::Trailer;
use super::chain::Chain;
use super::checksum::ChecksumAlgorithm;
use crate::sigv4::canonical::write_hex;
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// The size of every chunk but the last; AWS wants at least 8 KiB.
const CHUNK: u64 = 64 * 1024;

const SIGNATURE_PREFIX: &str = ";chunk-signature=";
const TRAILER_SIGNATURE_PREFIX: &str = "x-amz-trailer-signature:";

/// Frames one body, and signs its chunks where the mode asks for it. Made by
/// [`sign`](crate::sigv4::sign()).
#[derive(Debug)]
pub struct ChunkWriter {
    chain: Option<Chain>,
    announced: Option<ChecksumAlgorithm>,
    /// Content that was announced and has not come yet.
    left: u64,
    chunk: Vec<Bytes>,
    chunk_length: u64,
}

impl ChunkWriter {
    pub(in crate::sigv4) fn new(
        length: u64,
        chain: Option<Chain>,
        announced: Option<ChecksumAlgorithm>,
    ) -> Self {
        Self {
            chain,
            announced,
            left: length,
            chunk: Vec::new(),
            chunk_length: 0,
        }
    }

    /// The length on the wire of a body that decodes to `length` bytes.
    pub(in crate::sigv4) fn encoded_length(
        length: u64,
        signed: bool,
        announced: Option<ChecksumAlgorithm>,
    ) -> u64 {
        let signature = |prefix: &str| match signed {
            true => prefix.len() as u64 + 64,
            false => 0,
        };
        let frame = |size: u64| {
            let digits = u64::from((64 - (size | 1).leading_zeros()).div_ceil(4));
            digits + signature(SIGNATURE_PREFIX) + 2
        };
        let full = (length / CHUNK) * (frame(CHUNK) + CHUNK + 2);
        let rest = match length % CHUNK {
            0 => 0,
            rest => frame(rest) + rest + 2,
        };
        let trailer = announced.map_or(0, |algorithm| {
            let line = algorithm.header().len() as u64 + 1 + algorithm.encoded_length() + 2;
            line + match signed {
                true => signature(TRAILER_SIGNATURE_PREFIX) + 2,
                false => 0,
            }
        });
        full + rest + frame(0) + trailer + 2
    }

    /// Takes content; gives the wire bytes of the chunks that are full.
    ///
    /// # Errors
    /// [`WriteError::TooLong`] for more content than was announced when the head was signed.
    pub fn push(&mut self, mut content: Bytes) -> Result<Vec<Bytes>, WriteError> {
        self.left = self
            .left
            .checked_sub(content.len() as u64)
            .ok_or(WriteError::TooLong)?;
        let mut wire = Vec::new();
        while !content.is_empty() {
            let room = usize::try_from(CHUNK - self.chunk_length).unwrap_or(usize::MAX);
            let piece = content.split_to(room.min(content.len()));
            self.chunk_length += piece.len() as u64;
            self.chunk.push(piece);
            if self.chunk_length == CHUNK {
                self.end_chunk(&mut wire);
            }
        }
        Ok(wire)
    }

    /// Ends the body: the last chunk, the empty chunk and the trailer.
    ///
    /// # Errors
    /// [`WriteError`] for less content than was announced, or another trailer.
    pub fn finish(mut self, trailer: Option<&Trailer>) -> Result<Vec<Bytes>, WriteError> {
        if self.left > 0 {
            return Err(WriteError::TooShort);
        }
        let announced = self.announced.map(|algorithm| {
            (
                algorithm,
                usize::try_from(algorithm.encoded_length()).unwrap_or(usize::MAX),
            )
        });
        let given = trailer.map(|trailer| (trailer.algorithm, trailer.value.len()));
        if announced != given {
            return Err(WriteError::Trailer);
        }
        let mut wire = Vec::new();
        if self.chunk_length > 0 {
            self.end_chunk(&mut wire);
        }
        let mut end = self.frame();
        if let Some(trailer) = trailer {
            let line = trailer.line();
            end.extend_from_slice(line.trim_end().as_bytes());
            end.extend_from_slice(b"\r\n");
            if let Some(chain) = &mut self.chain {
                end.extend_from_slice(TRAILER_SIGNATURE_PREFIX.as_bytes());
                write_hex(&mut end, &chain.trailer(&line));
                end.extend_from_slice(b"\r\n");
            }
        }
        end.extend_from_slice(b"\r\n");
        wire.push(end.into());
        Ok(wire)
    }

    fn end_chunk(&mut self, wire: &mut Vec<Bytes>) {
        wire.push(self.frame().into());
        wire.append(&mut self.chunk);
        wire.push(Bytes::from_static(b"\r\n"));
        self.chunk_length = 0;
    }

    /// The size line of the chunk at hand.
    fn frame(&mut self) -> Vec<u8> {
        let mut line = format!("{:x}", self.chunk_length).into_bytes();
        if let Some(chain) = &mut self.chain {
            let mut hash = Sha256::new();
            for piece in &self.chunk {
                hash.update(piece);
            }
            line.extend_from_slice(SIGNATURE_PREFIX.as_bytes());
            write_hex(&mut line, &chain.chunk(hash.finalize().into()));
        }
        line.extend_from_slice(b"\r\n");
        line
    }
}

/// Content that is not what the signed head announced. Our own fault, or the caller lied about
/// its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// More than announced.
    #[error("the content is longer than the signed head says")]
    TooLong,
    /// Less than announced.
    #[error("the content is shorter than the signed head says")]
    TooShort,
    /// No trailer, or not the announced one.
    #[error("the trailer is not the one that the signed head announces")]
    Trailer,
}
