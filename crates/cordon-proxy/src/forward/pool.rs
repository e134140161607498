//! Connections with the upstream: dialled at checked addresses, kept while they are good.

use super::upload::UpstreamBody;
use crate::address::{DialError, Reach};
use crate::config::Security;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

/// A kept connection is used again only this soon: most of AWS closes idle ones after 20 seconds
/// or later.
const KEPT: Duration = Duration::from_secs(15);
/// Upstream addresses that connections are kept for.
const TARGETS: usize = 1_024;
/// Headers of an answer. The size of each is bounded by hyper's buffer.
const ANSWER_HEADERS: usize = 128;

/// One upstream address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) security: Security,
    pub(super) host: Box<str>,
    pub(super) port: u16,
}

/// Connections that wait for a request.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<HashMap<Target, Vec<Idle>>>,
    most: usize,
    reach: Reach,
    connect: Duration,
    tls: Arc<ClientConfig>,
}

#[derive(Debug)]
struct Idle {
    sender: Sender,
    since: Instant,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<UpstreamBody>),
    Http2(http2::SendRequest<UpstreamBody>),
}

/// A connection in use. It goes back to its pool by [`Lease::give_back`], and is closed otherwise.
#[derive(Debug)]
pub(crate) struct Lease {
    sender: Sender,
    target: Target,
    pool: Arc<Pool>,
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Fresh,
    Kept,
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Sent {
    Answered(Response<Incoming>),
    /// Not a byte of it left.
    Withheld(hyper::Error),
    /// It may have left.
    Broken(hyper::Error),
}

impl Pool {
    pub(super) fn new(
        reach: Reach,
        roots: RootCertStore,
        most: usize,
        connect: Duration,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            idle: Mutex::new(HashMap::new()),
            most,
            reach,
            connect,
            tls: Arc::new(tls),
        })
    }

    /// A connection to `target`: a kept one if there is one that looks alive, else a new one.
    pub(super) async fn lease(self: &Arc<Self>, target: &Target) -> Result<Lease, DialError> {
        while let Some(mut sender) = self.take(target) {
            // An upstream that answered before it read the whole of a body may never take another.
            if timeout(self.connect, sender.ready()).await == Ok(true) {
                return Ok(self.leased(sender, target, Origin::Kept));
            }
        }
        self.connect(target).await
    }

    /// A new connection to `target`.
    pub(super) async fn connect(self: &Arc<Self>, target: &Target) -> Result<Lease, DialError> {
        let sender = timeout(self.connect, self.dial(target))
            .await
            .map_err(|_| DialError::TimedOut(target.host.to_string()))??;
        Ok(self.leased(sender, target, Origin::Fresh))
    }

    fn leased(self: &Arc<Self>, sender: Sender, target: &Target, origin: Origin) -> Lease {
        Lease {
            sender,
            target: target.clone(),
            pool: Arc::clone(self),
            origin,
        }
    }

    fn take(&self, target: &Target) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.get_mut(target)?;
        loop {
            let last = kept.pop()?;
            if last.since.elapsed() > KEPT || last.sender.is_closed() {
                continue;
            }
            // One HTTP/2 connection carries many requests at once: it stays for the others.
            if let Sender::Http2(sender) = &last.sender {
                let sender = Sender::Http2(sender.clone());
                kept.push(last);
                return Some(sender);
            }
            return Some(last.sender);
        }
    }

    fn keep(&self, target: Target, sender: Sender) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= TARGETS && !idle.contains_key(&target) {
            idle.retain(|_, kept| {
                kept.retain(|one| one.since.elapsed() <= KEPT && !one.sender.is_closed());
                !kept.is_empty()
            });
            if idle.len() >= TARGETS {
                return;
            }
        }
        let kept = idle.entry(target).or_default();
        if matches!(sender, Sender::Http2(_)) {
            kept.retain(|one| !matches!(one.sender, Sender::Http2(_)));
        }
        if kept.len() < self.most {
            kept.push(Idle {
                sender,
                since: Instant::now(),
            });
        }
    }

    async fn dial(&self, target: &Target) -> Result<Sender, DialError> {
        let host = || target.host.to_string();
        let addresses = self.reach.resolve(&target.host, target.port).await?;
        let stream = TcpStream::connect(addresses.as_slice())
            .await
            .map_err(|source| DialError::Connect {
                host: host(),
                source,
            })?;
        stream
            .set_nodelay(true)
            .map_err(|source| DialError::Connect {
                host: host(),
                source,
            })?;
        if target.security == Security::Plain {
            return handshake_http1(target, stream).await;
        }
        let name = ServerName::try_from(host()).map_err(|_| DialError::Name(host()))?;
        let stream = TlsConnector::from(Arc::clone(&self.tls))
            .connect(name, stream)
            .await
            .map_err(|source| DialError::Tls {
                host: host(),
                source,
            })?;
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => handshake_http2(target, stream).await,
            _ => handshake_http1(target, stream).await,
        }
    }
}

async fn handshake_http1(
    target: &Target,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<Sender, DialError> {
    let (sender, connection) = http1::Builder::new()
        .max_headers(ANSWER_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|source| DialError::Handshake {
            host: target.host.to_string(),
            source,
        })?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = %crate::trace::chain(&error), "an upstream connection ended");
        }
    });
    Ok(Sender::Http1(sender))
}

async fn handshake_http2(
    target: &Target,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<Sender, DialError> {
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .adaptive_window(true)
        .max_header_list_size(64 * 1024)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|source| DialError::Handshake {
            host: target.host.to_string(),
            source,
        })?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = %crate::trace::chain(&error), "an upstream connection ended");
        }
    });
    Ok(Sender::Http2(sender))
}

impl Sender {
    fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_closed(),
            Self::Http2(sender) => sender.is_closed(),
        }
    }

    /// Waits until the connection takes a request; `false` where it never will.
    async fn ready(&mut self) -> bool {
        match self {
            Self::Http1(sender) => sender.ready().await.is_ok(),
            Self::Http2(sender) => sender.ready().await.is_ok(),
        }
    }
}

impl Lease {
    pub(super) fn is_fresh(&self) -> bool {
        self.origin == Origin::Fresh
    }

    /// Whether requests name their host in the target rather than in a header.
    pub(super) fn is_http2(&self) -> bool {
        matches!(self.sender, Sender::Http2(_))
    }

    pub(super) async fn send(&mut self, request: Request<UpstreamBody>) -> Sent {
        let sent = match &mut self.sender {
            Sender::Http1(sender) => sender.try_send_request(request).await,
            Sender::Http2(sender) => sender.try_send_request(request).await,
        };
        match sent {
            Ok(response) => Sent::Answered(response),
            Err(mut error) => match error.take_message() {
                Some(_) => Sent::Withheld(error.into_error()),
                None => Sent::Broken(error.into_error()),
            },
        }
    }

    /// Keeps the connection for another request. Only when an answer was read to its end.
    pub(super) fn give_back(self) {
        if !self.sender.is_closed() {
            self.pool.keep(self.target, self.sender);
        }
    }
}
