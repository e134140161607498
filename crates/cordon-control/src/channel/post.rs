//! Sending: one POST of JSON, over TLS to a name that its certificate has, or in plain to this machine.
//! Nothing is followed; of what answers a notice nothing is kept but whether it was a good one.

use crate::exchange::exchange;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use hyper::body::Bytes;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer that are waited for.
const ANSWER: usize = 64 * 1024;

/// The authorities that certificates of channels may come from.
pub type Roots = Arc<[CertificateDer<'static>]>;

/// Where a channel is. Never shown: in chats the address is the secret.
#[derive(Clone)]
pub struct Target {
    security: Security,
    host: Box<str>,
    port: u16,
    path: Box<str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Security {
    Tls,
    Plain,
}

/// Text that is no address of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a channel's address begins with https:// (or is http:// on this machine) and has a host")]
pub struct TargetError;

/// Why a notice did not arrive. Says nothing of the address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    #[error("it cannot be reached: {0}")]
    Unreachable(#[source] std::io::Error),
    #[error("it has no certificate that is trusted: {0}")]
    Untrusted(#[source] std::io::Error),
    #[error("it does not speak HTTP: {0}")]
    Spoke(#[source] hyper::Error),
    #[error("it answered {0}")]
    Answered(StatusCode),
    #[error("it did not answer in time")]
    Late,
    #[error("the notice cannot be written")]
    Unwritable,
}

pub(crate) struct Sender {
    tls: TlsConnector,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let uri: http::Uri = text.trim().parse().map_err(|_| TargetError)?;
        let host = uri.host().ok_or(TargetError)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let security = match uri.scheme_str() {
            Some("https") => Security::Tls,
            Some("http") => Security::Plain,
            _ => return Err(TargetError),
        };
        let local = host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
        let has_user = uri
            .authority()
            .is_some_and(|all| all.as_str().contains('@'));
        if has_user || (security == Security::Plain && !local) {
            return Err(TargetError);
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            security,
            host: host.into(),
            port: uri.port_u16().unwrap_or(match security {
                Security::Tls => 443,
                Security::Plain => 80,
            }),
            path: path.into(),
        })
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Target(..)")
    }
}

impl Sender {
    pub(crate) fn new(roots: Roots) -> Result<Self, rustls::Error> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self {
            tls: TlsConnector::from(Arc::new(tls)),
        })
    }

    /// Sends `body`; a status of 200 to 299 says that it arrived.
    pub(super) async fn post(
        &self,
        target: &Target,
        mut head: Vec<(HeaderName, HeaderValue)>,
        body: Vec<u8>,
    ) -> Result<(), PostError> {
        let json = HeaderValue::from_static("application/json");
        head.push((header::CONTENT_TYPE, json));
        let (status, _) = self.ask(target, Method::POST, head, body).await?;
        match status.is_success() {
            true => Ok(()),
            false => Err(PostError::Answered(status)),
        }
    }

    /// Sends one request; gives what is answered, of which a body that is too long is left out.
    pub(crate) async fn ask(
        &self,
        target: &Target,
        method: Method,
        head: Vec<(HeaderName, HeaderValue)>,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), PostError> {
        let request = request(target, method, head, body)?;
        let attempt = tokio::time::timeout(PATIENCE, self.attempt(target, request));
        attempt.await.map_err(|_| PostError::Late)?
    }

    async fn attempt(
        &self,
        target: &Target,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), PostError> {
        let stream = TcpStream::connect((&*target.host, target.port));
        let stream = stream.await.map_err(PostError::Unreachable)?;
        match target.security {
            Security::Plain => spoken(stream, request).await,
            Security::Tls => {
                let name = ServerName::try_from(target.host.to_string())
                    .map_err(|_| PostError::Unwritable)?;
                let secured = self.tls.connect(name, stream).await;
                spoken(secured.map_err(PostError::Untrusted)?, request).await
            }
        }
    }
}

fn request(
    target: &Target,
    method: Method,
    head: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
) -> Result<Request<Full<Bytes>>, PostError> {
    let host = match target.host.contains(':') {
        true => format!("[{}]:{}", target.host, target.port),
        false => format!("{}:{}", target.host, target.port),
    };
    let mut request = Request::builder()
        .method(method)
        .uri(&*target.path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, "cordon");
    for (name, value) in head {
        request = request.header(name, value);
    }
    request
        .body(Full::from(body))
        .map_err(|_| PostError::Unwritable)
}

/// Whatever it says is read, so that it can say what it has to.
async fn spoken(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), PostError> {
    let answer = exchange(stream, request, ANSWER).await;
    let (head, body) = answer.map_err(PostError::Spoke)?.into_parts();
    Ok((head.status, body.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_go_over_tls_or_nowhere_else_than_this_machine() {
        for text in [
            "https://hooks.example.com/services/T/B/x",
            "https://hooks.example.com:8443",
            "http://127.0.0.1:9000/hook?a=b",
            "http://[::1]:9000/",
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(format!("{target:?}"), "Target(..)");
        }
        for text in [
            "",
            "hooks.example.com",
            "http://hooks.example.com/x",
            "http://localhost:9000",
            "http://127.0.0.1@evil.example.com/",
            "https://user:secret@hooks.example.com/",
            "ftp://127.0.0.1/",
            "https:///x",
        ] {
            assert_eq!(text.parse::<Target>().err(), Some(TargetError), "{text}");
        }
    }
}
