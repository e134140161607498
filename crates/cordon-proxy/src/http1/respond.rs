//! Writing answers: one head, one body, gathered into as few writes as the upstream's pace allows.

use super::body::{BodyState, Drained};
use super::{Broken, Connection, Persistence, Version};
use crate::forward::AnswerBody;
use bytes::{BufMut, Bytes};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, StatusCode};
use std::io::Write as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

/// Bytes that are gathered before they are written.
const GATHERED: usize = 32 * 1024;
/// How long a client that still sends is read from after its connection was given up, so that it
/// sees the answer and not a reset.
const LINGER: Duration = Duration::from_secs(2);

/// An answer to one request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// Without those that frame the message.
    pub(crate) headers: HeaderMap,
    pub(crate) body: ReplyBody,
}

/// The body of a [`Reply`].
#[derive(Debug)]
pub(crate) enum ReplyBody {
    /// None follows, whatever length is told: the answer to HEAD, 204, 304.
    Absent { told: Option<u64> },
    /// At hand.
    Whole(Bytes),
    /// As the upstream sends it.
    Streamed(AnswerBody),
}

impl Reply {
    /// Without its body where the method is HEAD.
    pub(crate) fn for_method(self, method: &Method) -> Self {
        match self.body {
            ReplyBody::Whole(bytes) if *method == Method::HEAD => Self {
                body: ReplyBody::Absent {
                    told: Some(bytes.len() as u64),
                },
                ..self
            },
            body => Self { body, ..self },
        }
    }
}

impl Connection {
    /// Writes `reply`, then reads or gives up what is left of the request's body.
    pub(crate) async fn respond(&mut self, reply: Reply) -> Result<(), Broken> {
        if self.body.is_held_back() || self.body.left() > self.bounds.limits.drained {
            self.persistence = Persistence::Close;
        }
        let chunked = self.put_head(&reply);
        match reply.body {
            ReplyBody::Absent { .. } => self.flush().await?,
            ReplyBody::Whole(bytes) => {
                self.output.extend_from_slice(&bytes);
                self.flush().await?;
            }
            ReplyBody::Streamed(body) => self.stream_body(body, chunked).await?,
        }
        self.settle_body().await;
        Ok(())
    }

    /// Writes a head alone, after which the stream speaks another protocol.
    pub(crate) async fn respond_established(&mut self) -> Result<(), Broken> {
        self.output
            .extend_from_slice(b"HTTP/1.1 200 Connection Established\r\n\r\n");
        self.flush().await
    }

    /// A connection is kept only when the request in hand was read to its end.
    async fn settle_body(&mut self) {
        if self.body == BodyState::Done {
            return;
        }
        if self.persistence == Persistence::Keep {
            let (most, within) = (self.bounds.limits.drained, self.bounds.deadlines.body_idle);
            if self.drain(most, within).await == Drained::Whole {
                return;
            }
            self.persistence = Persistence::Close;
        }
        self.linger().await;
    }

    fn put_head(&mut self, reply: &Reply) -> Chunked {
        let status = reply.status;
        let reason = status.canonical_reason().unwrap_or("Unknown");
        let output = &mut self.output;
        put(
            output,
            format_args!("HTTP/1.1 {} {reason}\r\n", status.as_u16()),
        );
        for (name, value) in &reply.headers {
            if matches!(*name, CONTENT_LENGTH | TRANSFER_ENCODING | CONNECTION) {
                continue;
            }
            output.extend_from_slice(name.as_str().as_bytes());
            output.extend_from_slice(b": ");
            output.extend_from_slice(value.as_bytes());
            output.extend_from_slice(b"\r\n");
        }
        let length = match &reply.body {
            ReplyBody::Absent { told } => *told,
            ReplyBody::Whole(bytes) => Some(bytes.len() as u64),
            ReplyBody::Streamed(body) => body.length(),
        };
        let mut chunked = Chunked::No;
        match (length, &reply.body) {
            (Some(length), _) => put(output, format_args!("content-length: {length}\r\n")),
            (None, ReplyBody::Streamed(_)) if self.version == Version::Http11 => {
                chunked = Chunked::Yes;
                output.extend_from_slice(b"transfer-encoding: chunked\r\n");
            }
            // HTTP/1.0 has no chunks: the end of the connection ends the body.
            (None, ReplyBody::Streamed(_)) => self.persistence = Persistence::Close,
            (None, _) => {}
        }
        if self.persistence == Persistence::Close {
            output.extend_from_slice(b"connection: close\r\n");
        }
        output.extend_from_slice(b"\r\n");
        chunked
    }

    /// Writes the pieces of `body` as they come. On a failure the connection is given up within
    /// the message, which tells the client that it is not whole.
    async fn stream_body(&mut self, mut body: AnswerBody, chunked: Chunked) -> Result<(), Broken> {
        loop {
            let piece = match body.ready().await {
                Some(piece) => piece,
                None => {
                    self.flush().await?;
                    body.next().await
                }
            };
            match piece {
                Ok(Some(piece)) => self.put_piece(&piece, chunked).await?,
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(error = %crate::trace::chain(&error), "an answer was cut");
                    self.persistence = Persistence::Close;
                    self.flush().await?;
                    return Err(Broken::Closed);
                }
            }
        }
        if chunked == Chunked::Yes {
            self.output.extend_from_slice(b"0\r\n\r\n");
        }
        self.flush().await
    }

    async fn put_piece(&mut self, piece: &Bytes, chunked: Chunked) -> Result<(), Broken> {
        if chunked == Chunked::Yes {
            put(&mut self.output, format_args!("{:x}\r\n", piece.len()));
        }
        if self.output.len() + piece.len() > GATHERED {
            self.flush().await?;
            match timeout(self.bounds.deadlines.write, self.stream.write_all(piece)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(Broken::Failed(error)),
                Err(_) => return Err(Broken::TimedOut),
            }
        } else {
            self.output.extend_from_slice(piece);
        }
        if chunked == Chunked::Yes {
            self.output.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    /// Lets a client that is still sending read its answer before the connection is reset.
    async fn linger(&mut self) {
        let deadline = Instant::now() + LINGER;
        let most = self.bounds.limits.drained;
        let ended = timeout_at(deadline, self.stream.shutdown()).await;
        if !matches!(ended, Ok(Ok(()))) {
            return;
        }
        let mut read = 0;
        while read <= most {
            self.input.clear();
            self.input.reserve(super::READ);
            match timeout_at(deadline, self.stream.read_buf(&mut self.input)).await {
                Ok(Ok(length)) if length > 0 => read += length as u64,
                _ => return,
            }
        }
    }
}

/// Whether a body is written in chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunked {
    Yes,
    No,
}

fn put(output: &mut bytes::BytesMut, text: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = output.writer().write_fmt(text);
}
