//! Uploads that stream: the client's verified content, framed anew, in constant memory.
//!
//! ```text
//! client ─► PayloadReader ─► ChunkWriter ─► channel of one piece ─► UpstreamBody ─► upstream
//!           proves; holds     frames and                            breaks unless it was
//!           the tail back     signs anew                            told that all came
//! ```
//! The upstream never sees the end of a body before the reader proved all of it. When the proof
//! fails, the client goes away, its session ends or anything else breaks, the body ends in an error, hyper cuts the
//! connection within the message, and AWS drops what it has.

use crate::http1::{BodyError, Connection};
use crate::standing::{Fallen, Need, Standing};
use bytes::Bytes;
use cordon_aws::sigv4::{Framing, PayloadError, PayloadReader, WriteError};
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// An upload that is about to begin.
#[derive(Debug)]
pub(crate) struct Upload {
    content: PayloadReader,
    framing: Framing,
    length: u64,
}

/// How far an upload came.
#[derive(Debug, Default, Clone)]
pub(super) struct Progress {
    /// Whether the end of the body was let go.
    released: Arc<AtomicBool>,
}

/// Of a body at hand this much is let go at a time, so that a stop cuts what is long.
pub(super) const PIECE: usize = 64 * 1024;

/// What hyper sends.
#[derive(Debug)]
pub(super) struct UpstreamBody(Source);

#[derive(Debug)]
enum Source {
    Whole(Option<Bytes>),
    Pieces {
        rest: Bytes,
        progress: Progress,
    },
    Streamed {
        pieces: mpsc::Receiver<Bytes>,
        left: u64,
    },
}

/// Why an upload was cut. The upstream saw no whole request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadFault {
    #[error("the client did not send the whole body")]
    Client(#[source] BodyError),
    #[error("a call of Cordon's own has no body that streams")]
    Nobody,
    #[error("the body is not the one that was signed")]
    Payload(#[source] PayloadError),
    #[error("the body cannot be framed anew")]
    Framing(#[source] WriteError),
    #[error("the upstream stopped reading")]
    Upstream,
    #[error("the session does not stand any more")]
    Fallen(#[source] Fallen),
    #[error("the upstream read nothing for {0:?}")]
    Stalled(Duration),
}

/// The body that was to be sent broke off.
#[derive(Debug, thiserror::Error)]
#[error("the upload was cut")]
pub(super) struct Cut;

impl Upload {
    pub(super) fn new(content: PayloadReader, framing: Framing, length: u64) -> Self {
        Self {
            content,
            framing,
            length,
        }
    }

    /// Its length on the wire.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Reads the body from `client`, proves it and hands it on to an upstream that takes each
    /// piece within `idle`.
    pub(super) async fn feed(
        mut self,
        pieces: mpsc::Sender<Bytes>,
        idle: Duration,
        client: &mut Connection,
        standing: &Standing,
        progress: &Progress,
    ) -> Result<(), UploadFault> {
        let to = Outlet { pieces, idle };
        while let Some(wire) = client.next_piece().await.map_err(UploadFault::Client)? {
            for content in self.content.push(wire).map_err(UploadFault::Payload)? {
                to.send(frame(&mut self.framing, content)?).await?;
            }
        }
        let proven = self.content.finish().map_err(UploadFault::Payload)?;
        let mut rest = match proven.tail().is_empty() {
            true => Vec::new(),
            false => frame(&mut self.framing, proven.tail().clone())?,
        };
        if let Framing::Chunked(writer) = self.framing {
            rest.extend(
                writer
                    .finish(proven.trailer())
                    .map_err(UploadFault::Framing)?,
            );
        }
        standing.check(Need::Change).map_err(UploadFault::Fallen)?;
        progress.release();
        to.send(rest).await
    }
}

/// Where the pieces go.
struct Outlet {
    pieces: mpsc::Sender<Bytes>,
    idle: Duration,
}

impl Outlet {
    async fn send(&self, pieces: Vec<Bytes>) -> Result<(), UploadFault> {
        for piece in pieces {
            match timeout(self.idle, self.pieces.send(piece)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(UploadFault::Upstream),
                Err(_) => return Err(UploadFault::Stalled(self.idle)),
            }
        }
        Ok(())
    }
}

impl Progress {
    fn release(&self) {
        self.released.store(true, Ordering::Release);
    }

    /// Whether the upstream may have seen the whole request.
    pub(super) fn is_released(&self) -> bool {
        self.released.load(Ordering::Acquire)
    }
}

fn frame(framing: &mut Framing, content: Bytes) -> Result<Vec<Bytes>, UploadFault> {
    match framing {
        Framing::Plain => Ok(vec![content]),
        Framing::Chunked(writer) => writer.push(content).map_err(UploadFault::Framing),
    }
}

impl UpstreamBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self(Source::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }

    /// A body that is let go piece by piece, as the upstream takes it.
    pub(super) fn pieces(rest: Bytes, progress: Progress) -> Self {
        Self(Source::Pieces { rest, progress })
    }

    /// A body of `length` bytes that comes through the channel.
    pub(super) fn streamed(length: u64) -> (Self, mpsc::Sender<Bytes>) {
        let (sender, pieces) = mpsc::channel(1);
        (
            Self(Source::Streamed {
                pieces,
                left: length,
            }),
            sender,
        )
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match &mut self.0 {
            Source::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Source::Pieces { rest, .. } if rest.is_empty() => Poll::Ready(None),
            Source::Pieces { rest, progress } => {
                let piece = rest.split_to(rest.len().min(PIECE));
                if rest.is_empty() {
                    progress.release();
                }
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Source::Streamed { left: 0, .. } => Poll::Ready(None),
            Source::Streamed { pieces, left } => match std::task::ready!(pieces.poll_recv(cx)) {
                Some(piece) => match left.checked_sub(piece.len() as u64) {
                    Some(rest) => {
                        *left = rest;
                        Poll::Ready(Some(Ok(Frame::data(piece))))
                    }
                    None => Poll::Ready(Some(Err(Cut))),
                },
                None => Poll::Ready(Some(Err(Cut))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Whole(bytes) => bytes.is_none(),
            Source::Pieces { rest, .. } => rest.is_empty(),
            Source::Streamed { left, .. } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.0 {
            Source::Whole(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Source::Pieces { rest, .. } => rest.len() as u64,
            Source::Streamed { left, .. } => *left,
        })
    }
}
