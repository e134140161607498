//! The `aws-chunked` framing that S3 uses for streamed uploads.
//!
//! Takes the bytes of a body as they come; gives the content without the framing and the trailing
//! headers, and says whether each chunk's signature held. Signatures form a chain that starts at
//! the signature of the head, so that no chunk can be left out or moved.
//!
//! ```text
//! <size in hex>;chunk-signature=<64 hex>\r\n <data> \r\n      signed chunks
//! <size in hex>\r\n <data> \r\n                               unsigned chunks
//! 0...\r\n [trailer:value\r\n]* [x-amz-trailer-signature:...\r\n] \r\n
//! ```

use sha2::{Digest as _, Sha256};

use super::SignatureFault;
use crate::digest::{hmac_sha256, sha256_hex};

/// The longest line of framing that is read.
const LINE_LIMIT: usize = 4_096;
/// How many trailing headers are read.
const TRAILER_LIMIT: usize = 16;
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What is needed to check signed chunks.
pub(crate) struct Chain {
    pub(crate) key: Vec<u8>,
    pub(crate) time_text: String,
    pub(crate) scope: String,
    pub(crate) previous: String,
}

/// A body being taken apart.
pub(crate) struct Decoder {
    chain: Option<Chain>,
    state: State,
    line: Vec<u8>,
    chunks: u64,
    trailers: Vec<(String, String)>,
    signed_trailer_text: String,
    trailer_signature: Option<String>,
}

enum State {
    Size,
    Data {
        left: u64,
        hash: Sha256,
        signature: Option<String>,
    },
    /// The line end behind a chunk's data.
    Gap,
    Trailer,
    Done,
}

impl Decoder {
    pub(crate) fn new(chain: Option<Chain>) -> Self {
        Self {
            chain,
            state: State::Size,
            line: Vec::new(),
            chunks: 0,
            trailers: Vec::new(),
            signed_trailer_text: String::new(),
            trailer_signature: None,
        }
    }

    /// Takes the next bytes; hands the content in them to `sink`.
    pub(crate) fn push(
        &mut self,
        mut bytes: &[u8],
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), SignatureFault> {
        while !bytes.is_empty() {
            bytes = match &mut self.state {
                State::Data { left, hash, .. } => {
                    let count = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(bytes.len());
                    let (data, rest) = bytes.split_at(count);
                    hash.update(data);
                    sink(data);
                    *left -= count as u64;
                    if *left == 0 {
                        self.end_chunk()?;
                    }
                    rest
                }
                State::Done => return Err(SignatureFault::ChunkFraming("bytes follow the end")),
                State::Size | State::Gap | State::Trailer => self.take_line(bytes)?,
            };
        }
        Ok(())
    }

    /// The trailing headers, once the body is complete.
    pub(crate) fn finish(self) -> Result<Vec<(String, String)>, SignatureFault> {
        match self.state {
            State::Done => Ok(self.trailers),
            _ => Err(SignatureFault::ChunkFraming("it ends too early")),
        }
    }

    fn take_line<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], SignatureFault> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (part, rest) = bytes.split_at(end.map_or(bytes.len(), |index| index + 1));
        self.line.extend_from_slice(part);
        if self.line.len() > LINE_LIMIT {
            return Err(SignatureFault::ChunkFraming("a line is too long"));
        }
        if end.is_some() {
            let line = std::mem::take(&mut self.line);
            let line = line
                .strip_suffix(b"\r\n")
                .and_then(|line| std::str::from_utf8(line).ok())
                .ok_or(SignatureFault::ChunkFraming("a line does not end in CRLF"))?;
            self.line(line)?;
        }
        Ok(rest)
    }

    fn line(&mut self, line: &str) -> Result<(), SignatureFault> {
        match self.state {
            State::Size => self.begin_chunk(line),
            State::Gap if line.is_empty() => {
                self.state = State::Size;
                Ok(())
            }
            State::Gap => Err(SignatureFault::ChunkFraming(
                "a chunk is longer than it says",
            )),
            State::Trailer => self.trailer(line),
            State::Data { .. } | State::Done => {
                Err(SignatureFault::ChunkFraming("a line out of place"))
            }
        }
    }

    fn begin_chunk(&mut self, line: &str) -> Result<(), SignatureFault> {
        let (size, signature) = match (line.split_once(';'), &self.chain) {
            (Some((size, extension)), Some(_)) => {
                let signature = extension
                    .strip_prefix("chunk-signature=")
                    .ok_or(SignatureFault::ChunkFraming("a chunk has no signature"))?;
                (size, Some(signature.to_owned()))
            }
            (None, None) => (line, None),
            (None, Some(_)) => {
                return Err(SignatureFault::ChunkFraming("a chunk has no signature"));
            }
            (Some(_), None) => {
                return Err(SignatureFault::ChunkFraming(
                    "an unsigned chunk has an extension",
                ));
            }
        };
        let is_hex = !size.is_empty()
            && size.len() <= 15
            && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let left = u64::from_str_radix(size, 16)
            .ok()
            .filter(|_| is_hex)
            .ok_or(SignatureFault::ChunkFraming(
                "a chunk's size is not a number",
            ))?;
        self.state = State::Data {
            left,
            hash: Sha256::new(),
            signature,
        };
        match left {
            0 => self.end_chunk(),
            _ => Ok(()),
        }
    }

    fn end_chunk(&mut self) -> Result<(), SignatureFault> {
        let State::Data {
            hash, signature, ..
        } = std::mem::replace(&mut self.state, State::Gap)
        else {
            return Err(SignatureFault::ChunkFraming(
                "a chunk ends that did not begin",
            ));
        };
        self.chunks += 1;
        let hash = hex::encode(hash.finalize());
        if hash == EMPTY_SHA256 {
            self.state = State::Trailer;
        }
        let Some(chain) = &mut self.chain else {
            return Ok(());
        };
        let string_to_sign = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{EMPTY_SHA256}\n{hash}",
            chain.time_text, chain.scope, chain.previous
        );
        let expected = hex::encode(hmac_sha256(&chain.key, string_to_sign.as_bytes()));
        if signature.as_deref() != Some(&expected) {
            return Err(SignatureFault::ChunkMismatch(self.chunks));
        }
        chain.previous = expected;
        Ok(())
    }

    fn trailer(&mut self, line: &str) -> Result<(), SignatureFault> {
        if line.is_empty() {
            self.state = State::Done;
            return self.check_trailer();
        }
        let (name, value) = line
            .split_once(':')
            .ok_or(SignatureFault::ChunkFraming("a trailer has no colon"))?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name == "x-amz-trailer-signature" {
            self.trailer_signature = Some(value.to_owned());
            return Ok(());
        }
        let repeated = self.trailers.iter().any(|(known, _)| *known == name);
        if repeated || self.trailers.len() == TRAILER_LIMIT || self.trailer_signature.is_some() {
            return Err(SignatureFault::ChunkFraming(
                "a trailer is repeated or out of place",
            ));
        }
        self.signed_trailer_text
            .push_str(&format!("{name}:{value}\n"));
        self.trailers.push((name, value.to_owned()));
        Ok(())
    }

    fn check_trailer(&self) -> Result<(), SignatureFault> {
        let Some(chain) = &self.chain else {
            return match self.trailer_signature {
                None => Ok(()),
                Some(_) => Err(SignatureFault::ChunkFraming(
                    "an unsigned body has a trailer signature",
                )),
            };
        };
        if self.trailers.is_empty() && self.trailer_signature.is_none() {
            return Ok(());
        }
        let string_to_sign = format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}",
            chain.time_text,
            chain.scope,
            chain.previous,
            sha256_hex(self.signed_trailer_text.as_bytes())
        );
        let expected = hex::encode(hmac_sha256(&chain.key, string_to_sign.as_bytes()));
        match self.trailer_signature.as_deref() == Some(&expected) {
            true => Ok(()),
            false => Err(SignatureFault::ChunkMismatch(self.chunks + 1)),
        }
    }
}
