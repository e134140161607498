//! Dialling the upstream: a checked address, TLS where it has it, and the version of HTTP that both
//! sides speak.

use super::link::{Driver, Link};
use crate::address::{DialError, Reach};
use crate::config::Security;
use crate::worker::WorkerId;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Headers of an answer. The size of each is bounded by hyper's buffer.
const ANSWER_HEADERS: usize = 128;

/// One upstream address, as one worker reaches it: connections stay with their thread.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) worker: WorkerId,
    pub(super) security: Security,
    pub(super) host: Box<str>,
    pub(super) port: u16,
}

/// Opens connections.
#[derive(Debug)]
pub(super) struct Dialler {
    reach: Reach,
    connect: Duration,
    tls: Arc<ClientConfig>,
}

impl Dialler {
    /// Whoever dials reaches `reach`, trusts `roots` and takes no longer than `connect`.
    pub(super) fn new(
        reach: Reach,
        roots: RootCertStore,
        connect: Duration,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            reach,
            connect,
            tls: Arc::new(tls),
        })
    }

    /// How long a connection may take to come.
    pub(super) fn patience(&self) -> Duration {
        self.connect
    }

    /// A new connection to `target`.
    pub(super) async fn dial(&self, target: &Target) -> Result<Link, DialError> {
        // Boxed, since most calls find a connection and dialling is large.
        timeout(self.connect, Box::pin(self.connected(target)))
            .await
            .map_err(|_| DialError::TimedOut(target.host.to_string()))?
    }

    async fn connected(&self, target: &Target) -> Result<Link, DialError> {
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
) -> Result<Link, DialError> {
    let (sender, connection) = http1::Builder::new()
        .max_headers(ANSWER_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|source| DialError::Handshake {
            host: target.host.to_string(),
            source,
        })?;
    Ok(Link::Http1 {
        sender,
        driver: Driver::of(connection),
    })
}

async fn handshake_http2(
    target: &Target,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<Link, DialError> {
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
    Ok(Link::Http2(sender))
}
