//! The way to AWS and back. Takes an [`Outbound`] and the proof that its decision was recorded;
//! gives [`Answered`].
//!
//! Nothing is retried but what is safe: a request that provably never left may take another
//! connection, and a read whose kept connection turned out to be dead is sent once more. A change
//! that left is never repeated. Redirects are passed on, never followed.

mod answer;
mod dial;
mod keeping;
mod link;
mod pool;
mod upload;

pub(crate) use answer::{AnswerBody, Content, End};
pub(crate) use keeping::Keeper;
pub(crate) use upload::{Upload, UploadFault};

use crate::address::{DialError, Reach};
use crate::config::{Deadlines, Limits, Security, Upstream};
use crate::http1::Connection;
use crate::meter::Meter;
use crate::roots;
use crate::scrub::Watch;
use crate::standing::{Fallen, Need, Standing};
use crate::worker::WorkerId;
use answer::sanitised;
use bytes::Bytes;
use cordon_aws::catalog::Catalog;
use cordon_aws::emit::{Emission, EmittedBody, HostStyle};
use cordon_aws::sigv4::Transport;
use cordon_core::sign::{Outbound, OutboundParts};
use cordon_store::Recorded;
use dial::{Dialler, Target};
use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use link::Sent;
use pool::{Lease, Pool};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use upload::{Progress, UpstreamBody};

/// How Cordon names itself to AWS. What the client says of itself is not passed on: it is not
/// signed, and policy never saw it.
const AGENT: &str = concat!("cordon/", env!("CARGO_PKG_VERSION"));

/// Sends requests to AWS, or to the one upstream that is configured.
#[derive(Debug)]
pub(crate) struct Forwarder {
    upstream: Upstream,
    pool: Arc<Pool>,
    watch: Arc<Watch>,
    catalog: &'static Catalog,
    answer: Duration,
    answer_idle: Duration,
}

/// Whether a call changes something, and so whether it may be sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Changes,
}

impl Effect {
    /// What a call of this effect needs its session for until it has left.
    pub(crate) fn need(self) -> Need {
        match self {
            Self::Changes => Need::Change,
            Self::Reads => Need::Look,
        }
    }
}

/// Who makes a call: whose worker sends it, and who has the rest of its body.
#[derive(Debug)]
pub(crate) enum Caller<'c> {
    /// The agent at the other end of this connection.
    Agent(&'c mut Connection),
    /// Cordon itself, in the thread of this worker: its calls have their bodies at hand.
    Own(WorkerId),
}

impl Caller<'_> {
    fn worker(&self) -> WorkerId {
        match self {
            Self::Agent(client) => client.worker(),
            Self::Own(worker) => *worker,
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    /// Without what belongs to one connection, and without credentials.
    pub(crate) headers: HeaderMap,
    pub(crate) body: AnswerBody,
    /// The upstream's own name for the request; empty if it gave none.
    pub(crate) request_id: Box<str>,
}

/// Why no answer came back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForwardError {
    /// No connection: the call did not leave.
    #[error("the upstream cannot be reached")]
    Unreachable(#[source] DialError),
    /// Its session ended while the call waited for a connection.
    #[error("the call did not leave")]
    Fallen(#[source] Fallen),
    /// The connection broke before the request left.
    #[error("the connection broke before the request left")]
    NotSent(#[source] hyper::Error),
    /// The request could not be put into HTTP: a fault of ours.
    #[error("the request cannot be written")]
    Unwritable(#[source] http::Error),
    /// The body that was to follow did not hold: the upstream saw no whole request.
    #[error("the upload was cut")]
    Upload(#[source] UploadFault),
    /// The connection broke after the request left.
    #[error("the connection broke after the request left")]
    Broken(#[source] hyper::Error),
    /// No answer in time.
    #[error("no answer came within {0:?}")]
    TimedOut(Duration),
    /// An answer that is none: a switch of protocols, a status below 200.
    #[error("the upstream answered with status {0}")]
    Nonsense(StatusCode),
    /// The head of the answer held a minted credential.
    #[error("the head of the answer held a minted credential")]
    Leak,
}

impl Forwarder {
    pub(crate) fn new(
        upstream: Upstream,
        limits: &Limits,
        deadlines: &Deadlines,
        watch: Arc<Watch>,
        catalog: &'static Catalog,
    ) -> Result<Self, rustls::Error> {
        let (reach, own_roots) = match &upstream {
            Upstream::Aws { private } => {
                let beside = private.clone();
                (Reach::Public { beside }, &[] as &[_])
            }
            Upstream::Fixed(fixed) => (Reach::Anywhere, &*fixed.roots),
        };
        let roots = roots::store(own_roots);
        let dialler = Dialler::new(reach, roots, deadlines.connect)?;
        Ok(Self {
            pool: Arc::new(Pool::new(dialler, limits.idle_upstream)),
            upstream,
            watch,
            catalog,
            answer: deadlines.answer,
            answer_idle: deadlines.answer_idle,
        })
    }

    /// Where calls go, as signing wants to know it.
    pub(crate) fn signing(&self) -> cordon_core::sign::Upstream<'_> {
        match &self.upstream {
            Upstream::Aws { .. } => cordon_core::sign::Upstream {
                style: HostStyle::Aws,
                authority: "",
                transport: Transport::Tls,
            },
            Upstream::Fixed(fixed) => cordon_core::sign::Upstream {
                style: HostStyle::Fixed,
                authority: &fixed.authority,
                transport: match fixed.security {
                    Security::Tls => Transport::Tls,
                    Security::Plain => Transport::Plain,
                },
            },
        }
    }

    /// Sends `outbound`, whose decision was `recorded`. A body that streams is read from the agent
    /// while it is sent, for as long as its session is `standing`.
    pub(crate) async fn forward(
        &self,
        outbound: Outbound,
        recorded: &Recorded,
        caller: Caller<'_>,
        effect: Effect,
        standing: &Standing,
    ) -> Result<Answered, ForwardError> {
        tracing::debug!(reference = recorded.reference(), "the call leaves");
        let OutboundParts {
            emission,
            framing,
            content_length,
            content,
        } = outbound.into_parts();
        let target = self.target(&emission, caller.worker());
        let (lease, response) = match (content, &emission.body) {
            (Some(content), _) => {
                let Caller::Agent(client) = caller else {
                    return Err(ForwardError::Upload(UploadFault::Nobody));
                };
                let upload = Upload::new(content, framing, content_length);
                // Boxed, since few calls stream and it is large.
                Box::pin(self.stream(&target, &emission, upload, client, standing)).await?
            }
            (None, EmittedBody::Whole(body)) => {
                self.send(&target, &emission, body, effect, standing)
                    .await?
            }
            (None, EmittedBody::Streamed) => {
                self.send(&target, &emission, &Bytes::new(), effect, standing)
                    .await?
            }
        };
        self.answered(lease, response)
    }

    /// Sends a request whose body is at hand.
    async fn send(
        &self,
        target: &Target,
        emission: &Emission,
        body: &Bytes,
        effect: Effect,
        standing: &Standing,
    ) -> Result<(Lease, Response<Incoming>), ForwardError> {
        let mut lease = self
            .pool
            .lease(target)
            .await
            .map_err(ForwardError::Unreachable)?;
        loop {
            // A connection may have taken seconds to come.
            standing
                .check(effect.need())
                .map_err(ForwardError::Fallen)?;
            // A kept connection may have been closed by the other side at any moment. What was
            // not sent is sent on a new one; what was sent is sent again only if it reads.
            let sent = match body.len() > upload::PIECE {
                false => {
                    let body = UpstreamBody::whole(body.clone());
                    let request = head(target, emission, body, &lease)?;
                    self.in_time(lease.send(request)).await?
                }
                // Boxed, since few bodies are large.
                true => {
                    let sending =
                        self.send_long(target, emission, body, effect, standing, &mut lease);
                    Box::pin(sending).await?
                }
            };
            match sent {
                Sent::Answered(response) => return Ok((lease, response)),
                Sent::Withheld(error) if lease.is_fresh() => {
                    return Err(ForwardError::NotSent(error));
                }
                Sent::Withheld(_) => {}
                Sent::Broken(error) if lease.is_fresh() || effect == Effect::Changes => {
                    return Err(ForwardError::Broken(error));
                }
                Sent::Broken(_) => {}
            }
            lease = self
                .pool
                .connect(target)
                .await
                .map_err(ForwardError::Unreachable)?;
        }
    }

    /// Sends a request whose body at hand takes a while, for as long as its session is `standing`.
    async fn send_long(
        &self,
        target: &Target,
        emission: &Emission,
        body: &Bytes,
        effect: Effect,
        standing: &Standing,
        lease: &mut Lease,
    ) -> Result<Sent, ForwardError> {
        let progress = Progress::default();
        let body = UpstreamBody::pieces(body.clone(), progress.clone());
        let request = head(target, emission, body, lease)?;
        let mut sending = std::pin::pin!(self.in_time(lease.send(request)));
        let mut watched = standing.clone();
        tokio::select! {
            biased;
            fallen = watched.fallen(effect.need()) => match progress.is_released() {
                // It may have left as a whole: only its answer tells what became of it.
                true => sending.await,
                // The connection is dropped with the request unfinished.
                false => Err(ForwardError::Upload(UploadFault::Fallen(fallen))),
            },
            sent = &mut sending => sent,
        }
    }

    /// Sends a request whose body comes from the client at the same time. A new connection is
    /// used, since an upload cannot be started again.
    async fn stream(
        &self,
        target: &Target,
        emission: &Emission,
        upload: Upload,
        client: &mut Connection,
        standing: &Standing,
    ) -> Result<(Lease, Response<Incoming>), ForwardError> {
        let mut lease = self
            .pool
            .connect(target)
            .await
            .map_err(ForwardError::Unreachable)?;
        standing.check(Need::Change).map_err(ForwardError::Fallen)?;
        let (body, pieces) = UpstreamBody::streamed(upload.length());
        let request = head(target, emission, body, &lease)?;
        let progress = Progress::default();
        let sent = {
            let mut sending = std::pin::pin!(lease.send(request));
            let mut watched = standing.clone();
            let fed = tokio::select! {
                // First, so that nothing is handed on in the step that ends it.
                biased;
                fallen = watched.fallen(Need::Change) => Ok(Err(UploadFault::Fallen(fallen))),
                // The upstream may answer before it has read everything: it refuses, and the rest
                // of the body is of no use to anyone.
                sent = &mut sending => Err(sent),
                fed = upload.feed(pieces, self.answer_idle, client, standing, &progress) => Ok(fed),
            };
            match fed {
                Err(sent) => sent,
                Ok(Ok(()) | Err(UploadFault::Upstream)) => self.in_time(sending).await?,
                // The connection is dropped here, with the request unfinished.
                Ok(Err(fault)) => return Err(ForwardError::Upload(fault)),
            }
        };
        match sent {
            Sent::Answered(response) => Ok((lease, response)),
            Sent::Broken(error) if progress.is_released() => Err(ForwardError::Broken(error)),
            Sent::Withheld(_) | Sent::Broken(_) => Err(ForwardError::Upload(UploadFault::Upstream)),
        }
    }

    async fn in_time<T>(&self, sending: impl Future<Output = T>) -> Result<T, ForwardError> {
        timeout(self.answer, sending)
            .await
            .map_err(|_| ForwardError::TimedOut(self.answer))
    }

    fn answered(
        &self,
        lease: Lease,
        response: Response<Incoming>,
    ) -> Result<Answered, ForwardError> {
        let (parts, body) = response.into_parts();
        if parts.status.is_informational() {
            return Err(ForwardError::Nonsense(parts.status));
        }
        let needles = self.watch.needles();
        let headers = sanitised(parts.headers, self.catalog);
        if headers
            .values()
            .any(|value| needles.are_in(value.as_bytes()))
        {
            Meter::leak();
            return Err(ForwardError::Leak);
        }
        Ok(Answered {
            status: parts.status,
            request_id: answer::request_id(&headers),
            headers,
            body: AnswerBody::new(body, lease, self.answer_idle, needles),
        })
    }

    fn target(&self, emission: &Emission, worker: WorkerId) -> Target {
        match &self.upstream {
            Upstream::Aws { .. } => Target {
                worker,
                security: Security::Tls,
                host: emission.host.as_str().into(),
                port: 443,
            },
            Upstream::Fixed(fixed) => Target {
                worker,
                security: fixed.security,
                host: fixed.host.clone(),
                port: fixed.port,
            },
        }
    }
}

/// The request as the connection of `lease` wants it: HTTP/1.1 names the host in a header,
/// HTTP/2 in the target.
fn head(
    target: &Target,
    emission: &Emission,
    body: UpstreamBody,
    lease: &Lease,
) -> Result<Request<UpstreamBody>, ForwardError> {
    let mut uri = String::with_capacity(emission.path.len() + 32);
    let mut headers = emission.headers.clone();
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    if lease.is_http2() {
        uri.push_str("https://");
        match headers.remove(HOST) {
            Some(host) => uri.push_str(host.to_str().unwrap_or(&target.host)),
            None => uri.push_str(&target.host),
        }
    }
    uri.push_str(&emission.path);
    if let Some(query) = &emission.query {
        uri.push('?');
        uri.push_str(query);
    }
    let mut request = Request::builder()
        .method(&emission.method)
        .uri(uri)
        .body(body)
        .map_err(ForwardError::Unwritable)?;
    *request.headers_mut() = headers;
    *request.version_mut() = match lease.is_http2() {
        true => Version::HTTP_2,
        false => Version::HTTP_11,
    };
    Ok(request)
}
