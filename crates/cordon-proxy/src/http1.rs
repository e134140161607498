//! HTTP/1.1 as agents speak it: one connection, requests strictly in order.
//!
//! Takes a [`Stream`]; gives [`Head`]s, pieces of their bodies, and writes answers. Every message
//! has exactly one framing or the connection is cut.
//!
//! Why not hyper's server, which the upstream side uses: it mends what must be refused here. It
//! drops `Content-Length` beside `Transfer-Encoding`, folds equal duplicates, skips chunk
//! extensions and takes bare line feeds, so what an agent sent is no longer visible; and it drops
//! the work in hand when a client goes away, which is wrong once a call was forwarded. Heads are
//! read by the same `httparse`.
//!
//! ```text
//! next_head ─► Head ─► read_whole | next_piece … ─► respond ─► next_head
//!                      (100 Continue is written when the body is first asked for)
//! ```

mod body;
mod head;
mod respond;

pub(crate) use body::BodyError;
pub(crate) use head::{Head, HeadError, PathAndQuery, Target, Version};
pub(crate) use respond::{Reply, ReplyBody};

use crate::config::{Deadlines, Limits};
use crate::stream::Stream;
use crate::worker::WorkerId;
use body::BodyState;
use bytes::BytesMut;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

/// Room that a read is given; a TLS record holds 16 KiB.
const READ: usize = 16 * 1024;

/// The interim answer that every client must take, however often it comes (RFC 9110, 15.2).
const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How much and how long a connection may take.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) limits: Limits,
    pub(crate) deadlines: Deadlines,
}

/// One connection with an agent.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    /// What was read and not yet used.
    input: BytesMut,
    /// What is to be written.
    output: BytesMut,
    body: BodyState,
    /// Whether the connection can take another request after the answer in hand.
    persistence: Persistence,
    version: Version,
    worker: WorkerId,
    bounds: Arc<Bounds>,
}

/// Whether a connection is kept after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persistence {
    Keep,
    Close,
}

/// Why nothing more can be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the client closed the connection")]
    Closed,
    #[error("the client took too long")]
    TimedOut,
    #[error("the connection with the client failed")]
    Failed(#[source] io::Error),
}

impl Connection {
    pub(crate) fn new(stream: Stream, worker: WorkerId, bounds: Arc<Bounds>) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            output: BytesMut::new(),
            body: BodyState::Done,
            persistence: Persistence::Keep,
            version: Version::Http11,
            worker,
            bounds,
        }
    }

    /// The next request's head; nothing where the client is done, or where `idle` ended before a
    /// request began.
    pub(crate) async fn next_head(
        &mut self,
        idle: impl Future<Output = ()>,
    ) -> Result<Option<Head>, HeadError> {
        if self.input.is_empty() {
            let wait = self.bounds.deadlines.idle;
            // A request that comes at the same moment is a new one, and no longer taken.
            let read = tokio::select! {
                biased;
                () = idle => return Ok(None),
                read = self.fill(wait) => read,
            };
            if read.is_err() {
                return Ok(None);
            }
        }
        let deadline = Instant::now() + self.bounds.deadlines.head;
        let mut scanned = 0;
        let length = loop {
            match head::end(&self.input, scanned, self.bounds.limits.head_bytes)? {
                Some(length) => break length,
                None => scanned = self.input.len().saturating_sub(3),
            }
            match timeout_at(deadline, self.fill(self.bounds.deadlines.head)).await {
                Ok(Ok(())) => {}
                Ok(Err(Broken::Closed)) => return Err(HeadError::Truncated),
                Ok(Err(Broken::Failed(_))) => return Ok(None),
                Err(_) | Ok(Err(Broken::TimedOut)) => return Err(HeadError::TimedOut),
            }
        };
        let head = head::parse(self.input.split_to(length).freeze())?;
        self.body = BodyState::of(&head);
        self.version = head.version;
        self.persistence = head.persistence;
        Ok(Some(head))
    }

    /// Who serves it.
    pub(crate) fn worker(&self) -> WorkerId {
        self.worker
    }

    /// Waits until the client went away. Never answers while a body is still to come, or once the
    /// client began its next request: what it does then is not known.
    pub(crate) async fn gone(&mut self) {
        while self.body == BodyState::Done && self.input.is_empty() {
            self.input.reserve(READ);
            match self.stream.read_buf(&mut self.input).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        std::future::pending().await
    }

    /// Takes the stream back to speak another protocol on it. Refused while bytes are left that
    /// the client sent before it was told to.
    pub(crate) fn into_stream(self) -> Option<Stream> {
        self.input.is_empty().then_some(self.stream)
    }

    /// The connection is not kept after the answer in hand.
    pub(crate) fn close_after(&mut self) {
        self.persistence = Persistence::Close;
    }

    /// The length of the body in hand, where its head tells.
    pub(crate) fn announced(&self) -> Option<u64> {
        self.body.announced()
    }

    /// Whether the client waits to be told to go on before it sends the body.
    pub(crate) fn is_held_back(&self) -> bool {
        self.body.is_held_back()
    }

    pub(crate) fn persistence(&self) -> Persistence {
        self.persistence
    }

    async fn fill(&mut self, within: Duration) -> Result<(), Broken> {
        self.input.reserve(READ);
        match timeout(within, self.stream.read_buf(&mut self.input)).await {
            Ok(Ok(0)) => Err(Broken::Closed),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Broken::Failed(error)),
            Err(_) => Err(Broken::TimedOut),
        }
    }

    /// Whether all of the request in hand has come.
    pub(crate) fn has_whole_request(&self) -> bool {
        self.body == BodyState::Done
    }

    /// Lets a client that waits for its answer hear that it is still in hand. Says nothing to one
    /// that cannot tell this from leave to send its body.
    pub(crate) async fn tell_waiting(&mut self) -> Result<(), Broken> {
        if self.body != BodyState::Done || self.version != Version::Http11 {
            return Ok(());
        }
        self.output.extend_from_slice(INTERIM);
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        // Written bytes leave the buffer as they go, so that a flush which is given up halfway is
        // not begun again from the start.
        let write = async {
            self.stream.write_all_buf(&mut self.output).await?;
            self.stream.flush().await
        };
        match timeout(self.bounds.deadlines.write, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Broken::Failed(error)),
            Err(_) => Err(Broken::TimedOut),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
mod tests;
