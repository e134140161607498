//! One connection with the upstream, ready to carry calls.
//!
//! An HTTP/1.1 connection is moved on by whoever has it ([`Driver`]): a call and its answer stay in
//! one task, where a task for each connection would be woken twice a call.

use super::upload::UpstreamBody;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// A connection with the upstream.
#[derive(Debug)]
pub(super) enum Link {
    Http1 {
        sender: http1::SendRequest<UpstreamBody>,
        driver: Driver,
    },
    /// Many calls at once share it, so it has a task of its own.
    Http2(http2::SendRequest<UpstreamBody>),
}

/// What moves the bytes of an HTTP/1.1 connection, and only while it is polled. Nothing once the
/// connection ended.
pub(super) struct Driver(Option<Moving>);

type Moving = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// What became of a request.
#[derive(Debug)]
pub(super) enum Sent {
    Answered(Response<Incoming>),
    /// Not a byte of it left.
    Withheld(hyper::Error),
    /// It may have left.
    Broken(hyper::Error),
}

impl Driver {
    pub(super) fn of(connection: impl Future<Output = hyper::Result<()>> + Send + 'static) -> Self {
        Self(Some(Box::pin(connection)))
    }

    /// Moves bytes as far as they go, once; ready when the connection ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(connection) = &mut self.0 {
            let ended = std::task::ready!(connection.as_mut().poll(cx));
            self.0 = None;
            if let Err(error) = ended {
                tracing::debug!(error = %crate::trace::chain(&error), "an upstream connection ended");
            }
        }
        Poll::Ready(())
    }

    /// Does `work`, which waits for the connection.
    async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| {
            // It hands the connection what is to be written, and takes what was read.
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            let _ = self.poll(cx);
            work.as_mut().poll(cx)
        })
        .await
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "Driver(open)",
            None => "Driver(ended)",
        })
    }
}

impl Link {
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Http1 { sender, .. } => sender.is_closed(),
            Self::Http2(sender) => sender.is_closed(),
        }
    }

    /// Whether the connection takes a request at once, as far as is known without waiting.
    pub(super) fn looks_ready(&mut self) -> bool {
        match self {
            Self::Http1 { sender, driver } => {
                let _ = driver.poll(&mut Context::from_waker(Waker::noop()));
                sender.is_ready()
            }
            Self::Http2(sender) => sender.is_ready(),
        }
    }

    /// Waits until the connection takes a request; `false` where it never will.
    pub(super) async fn ready(&mut self) -> bool {
        match self {
            Self::Http1 { sender, driver } => driver.drive(sender.ready()).await.is_ok(),
            Self::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    /// Whether requests name their host in the target rather than in a header.
    pub(super) fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(&mut self, request: Request<UpstreamBody>) -> Sent {
        let sent = match self {
            Self::Http1 { sender, driver } => driver.drive(sender.try_send_request(request)).await,
            Self::Http2(sender) => sender.try_send_request(request).await,
        };
        match sent {
            Ok(response) => Sent::Answered(response),
            Err(mut error) => match error.take_message() {
                Some(_) => Sent::Withheld(error.into_error()),
                None => Sent::Broken(error.into_error()),
            },
        }
    }

    /// Moves the bytes of an answer on. Whoever reads one calls it when there is nothing to be
    /// read, and looks again.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        if let Self::Http1 { driver, .. } = self {
            let _ = driver.poll(cx);
        }
    }
}
