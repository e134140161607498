//! The body of a request: read whole under a bound, or piece by piece.
//!
//! Chunked framing has one form here: hexadecimal size, CR LF, the data, CR LF. Extensions are
//! refused, and trailers but those of checksums, since nothing that follows a body may change
//! what it means.

use super::head::{Expectation, Framing, Head};
use super::{Broken, Connection, INTERIM, Persistence};
use bytes::{Bytes, BytesMut};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Bytes of a chunk's size line: 16 digits and CR LF.
const SIZE_LINE: usize = 18;
/// Bytes of all trailers.
const TRAILERS: usize = 8 * 1024;

/// How far the body in hand was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyState {
    /// To its end.
    Done,
    /// These many bytes are left.
    Length { left: u64, owed: Owed },
    /// A chunk's size line comes next.
    ChunkSize { owed: Owed },
    /// These many bytes are left of a chunk.
    Chunk { left: u64 },
}

/// Whether the client waits for `100 Continue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owed {
    Nothing,
    Continue,
}

impl BodyState {
    pub(super) fn of(head: &Head) -> Self {
        let owed = match head.expectation {
            Expectation::Continue => Owed::Continue,
            Expectation::Nothing => Owed::Nothing,
        };
        match head.framing {
            Framing::None => Self::Done,
            Framing::Length(left) => Self::Length { left, owed },
            Framing::Chunked => Self::ChunkSize { owed },
        }
    }

    /// Whether the client holds the body back until it is told to go on. Whether it sends it
    /// after a refusal is its own choice, so the connection cannot be kept then.
    pub(super) fn is_held_back(self) -> bool {
        matches!(
            self,
            Self::Length {
                owed: Owed::Continue,
                ..
            } | Self::ChunkSize {
                owed: Owed::Continue
            }
        )
    }
}

impl BodyState {
    /// The length of a body that was not begun.
    pub(super) fn announced(self) -> Option<u64> {
        match self {
            Self::Done => Some(0),
            Self::Length { left, .. } => Some(left),
            Self::ChunkSize { .. } | Self::Chunk { .. } => None,
        }
    }

    /// How many bytes are left at least.
    pub(super) fn left(self) -> u64 {
        match self {
            Self::Done | Self::ChunkSize { .. } => 0,
            Self::Length { left, .. } | Self::Chunk { left } => left,
        }
    }
}

impl Connection {
    /// Reads the whole body, of at most `most` bytes.
    pub(crate) async fn read_whole(&mut self, most: usize) -> Result<Bytes, BodyError> {
        if let BodyState::Length { left, .. } = self.body
            && left > most as u64
        {
            return Err(BodyError::TooLarge);
        }
        let deadline = Instant::now() + self.bounds.deadlines.body;
        let Some(first) = self.next_piece_by(deadline).await? else {
            return Ok(Bytes::new());
        };
        let Some(mut next) = self.next_piece_by(deadline).await? else {
            return bounded(first, most);
        };
        let mut whole = BytesMut::from(bounded(first, most)?);
        loop {
            if whole.len() + next.len() > most {
                return Err(BodyError::TooLarge);
            }
            whole.extend_from_slice(&next);
            match self.next_piece_by(deadline).await? {
                Some(piece) => next = piece,
                None => return Ok(whole.freeze()),
            }
        }
    }

    /// The next piece of the body, as it comes; nothing at its end.
    pub(crate) async fn next_piece(&mut self) -> Result<Option<Bytes>, BodyError> {
        let deadline = Instant::now() + self.bounds.deadlines.body_idle;
        self.next_piece_by(deadline).await
    }

    /// Reads the rest of the body and drops it, if it is at most `most` bytes: only then can the
    /// connection take another request.
    pub(crate) async fn drain(&mut self, most: u64, within: Duration) -> Drained {
        if self.body.is_held_back() {
            return Drained::Left;
        }
        let deadline = Instant::now() + within;
        let mut read = 0_u64;
        while self.body != BodyState::Done {
            match self.next_piece_by(deadline).await {
                Ok(Some(piece)) => read += piece.len() as u64,
                Ok(None) => break,
                Err(_) => return Drained::Left,
            }
            if read > most {
                return Drained::Left;
            }
        }
        Drained::Whole
    }

    async fn next_piece_by(&mut self, deadline: Instant) -> Result<Option<Bytes>, BodyError> {
        let piece = self.read_piece(deadline).await;
        if piece.is_err() {
            // Where a body went wrong nobody can tell where it ends, so nothing that follows it on
            // this connection is read as a request.
            self.persistence = Persistence::Close;
        }
        piece
    }

    async fn read_piece(&mut self, deadline: Instant) -> Result<Option<Bytes>, BodyError> {
        self.pay_continue().await?;
        loop {
            match self.body {
                BodyState::Done => return Ok(None),
                BodyState::Length { left, .. } => {
                    let piece = self.take(left, deadline).await?;
                    let left = left - piece.len() as u64;
                    self.body = match left {
                        0 => BodyState::Done,
                        _ => BodyState::Length {
                            left,
                            owed: Owed::Nothing,
                        },
                    };
                    return Ok(Some(piece));
                }
                BodyState::ChunkSize { .. } => match self.chunk_size(deadline).await? {
                    0 => {
                        self.trailers(deadline).await?;
                        self.body = BodyState::Done;
                    }
                    left => self.body = BodyState::Chunk { left },
                },
                BodyState::Chunk { left } => {
                    let piece = self.take(left, deadline).await?;
                    let left = left - piece.len() as u64;
                    self.body = BodyState::Chunk { left };
                    if left == 0 {
                        self.expect_line_end(deadline).await?;
                        self.body = BodyState::ChunkSize {
                            owed: Owed::Nothing,
                        };
                    }
                    return Ok(Some(piece));
                }
            }
        }
    }

    /// Tells a waiting client to go on.
    async fn pay_continue(&mut self) -> Result<(), BodyError> {
        if !self.body.is_held_back() {
            return Ok(());
        }
        self.body = match self.body {
            BodyState::Length { left, .. } => BodyState::Length {
                left,
                owed: Owed::Nothing,
            },
            _ => BodyState::ChunkSize {
                owed: Owed::Nothing,
            },
        };
        // A body that is already here needs no leave.
        if !self.input.is_empty() {
            return Ok(());
        }
        self.output.extend_from_slice(INTERIM);
        Ok(self.flush().await?)
    }

    /// Some bytes of the `left` that are left, at least one.
    async fn take(&mut self, left: u64, deadline: Instant) -> Result<Bytes, BodyError> {
        if self.input.is_empty() {
            self.fill_by(deadline).await?;
        }
        let available = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(self.input.len());
        Ok(self.input.split_to(available).freeze())
    }

    async fn chunk_size(&mut self, deadline: Instant) -> Result<u64, BodyError> {
        let line = self.line(SIZE_LINE, deadline).await?;
        let digits = line.strip_suffix(b"\r\n").unwrap_or_default();
        let plain = (1..=16).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
        std::str::from_utf8(digits)
            .ok()
            .filter(|_| plain)
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .ok_or(BodyError::Malformed(
                "a chunk's size is not plain hexadecimal digits",
            ))
    }

    async fn expect_line_end(&mut self, deadline: Instant) -> Result<(), BodyError> {
        while self.input.len() < 2 {
            self.fill_by(deadline).await?;
        }
        match self.input.split_to(2).as_ref() {
            b"\r\n" => Ok(()),
            _ => Err(BodyError::Malformed("a chunk does not end in CR LF")),
        }
    }

    /// Reads the lines after the last chunk. Their values are dropped: what they may say is also
    /// in the `aws-chunked` framing, where it is checked.
    async fn trailers(&mut self, deadline: Instant) -> Result<(), BodyError> {
        let mut left = TRAILERS;
        loop {
            let line = self.line(left, deadline).await?;
            if line.as_ref() == b"\r\n" {
                return Ok(());
            }
            left -= line.len();
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            let name = name.to_ascii_lowercase();
            if !name.starts_with(b"x-amz-checksum-") && name != b"x-amz-trailer-signature" {
                return Err(BodyError::Malformed("a trailer is not that of a checksum"));
            }
        }
    }

    /// One line with its CR LF, of at most `most` bytes.
    async fn line(&mut self, most: usize, deadline: Instant) -> Result<Bytes, BodyError> {
        loop {
            if let Some(at) = self.input.iter().take(most).position(|byte| *byte == b'\n') {
                let line = self.input.split_to(at + 1).freeze();
                let bare = line.iter().filter(|byte| **byte == b'\r').count() != 1;
                return match line.ends_with(b"\r\n") && !bare {
                    true => Ok(line),
                    false => Err(BodyError::Malformed("a line does not end in CR LF")),
                };
            }
            if self.input.len() >= most {
                return Err(BodyError::Malformed("a line is longer than is read"));
            }
            self.fill_by(deadline).await?;
        }
    }

    async fn fill_by(&mut self, deadline: Instant) -> Result<(), BodyError> {
        let idle = self.bounds.deadlines.body_idle;
        match timeout_at(deadline, self.fill(idle)).await {
            Ok(filled) => Ok(filled?),
            Err(_) => Err(BodyError::Broken(Broken::TimedOut)),
        }
    }
}

fn bounded(piece: Bytes, most: usize) -> Result<Bytes, BodyError> {
    match piece.len() <= most {
        true => Ok(piece),
        false => Err(BodyError::TooLarge),
    }
}

/// Whether a body was read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    Whole,
    Left,
}

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is larger than is read")]
    TooLarge,
    #[error("the body is malformed: {0}")]
    Malformed(&'static str),
    #[error("the body did not come to its end")]
    Broken(#[from] Broken),
}
