//! Accepting: one task per connection, from its first byte to its last.
//!
//! ```text
//! CONNECT host:443 ─► an AWS name: TLS ends here (SNI = host) ─► requests with Host = host
//!                  └► another name that is allowed: bytes are passed
//! METHOD http://aws-name/… ─► the line         METHOD /… on an own name ─► own pages, the line
//! ```
//! Host of CONNECT, SNI and `Host` are one name or the connection is cut. Requests on one
//! connection are answered strictly in order.

use crate::ca::{self, AuthorityError};
use crate::host::{Authority, HostName};
use crate::http1::{Connection, Head, HeadError, Persistence, Reply, Target};
use crate::line::Line;
use crate::stream::Stream;
use crate::trace::chain;
use crate::tunnel::TunnelError;
use crate::worker::WorkerId;
use crate::{own, pipeline, rescue};
use bytes::Bytes;
use cordon_aws::arn::Partition;
use cordon_aws::endpoint::{AwsHost, Destination};
use cordon_aws::request::{Body, Request};
use cordon_core::authenticate::{Ingress, Received};
use http::StatusCode;
use http::header::HOST;
use std::sync::Arc;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;

/// By which way the requests of a connection come.
#[derive(Debug, Clone)]
enum Way {
    /// As the listener got them.
    Direct,
    /// Through a CONNECT for this host whose TLS ended here.
    Connected(AwsHost),
}

/// What a request is for.
enum Route {
    Call(Received),
    Own(Reply),
    /// CONNECT for an AWS name.
    Connect(HostName, AwsHost),
    /// CONNECT for any other name.
    Tunnel(HostName),
}

/// Why a request is answered without a look at what it asks for. The connection is cut after it.
#[derive(Debug, thiserror::Error)]
enum RouteError {
    #[error("`host` is missing, or is not a host name")]
    Host,
    #[error("the request is for `{host}`, the connection for `{connected}`")]
    Misdirected { host: String, connected: String },
    #[error("`{0}` is not an AWS API that Cordon knows")]
    NotAws(String),
    #[error(
        "`{0}` is none of this Cordon's own names: give it to `own_hosts`, or come by HTTPS_PROXY"
    )]
    NotOwn(String),
    #[error("`{0}` is Cordon itself: put it into NO_PROXY")]
    Loop(String),
    #[error("`{0}` signs people in to AWS, which is not what an agent does")]
    SignIn(HostName),
    #[error("only port 443 is reached through CONNECT")]
    Port,
    #[error("only names are reached through CONNECT, no addresses")]
    NotAName,
    #[error("CONNECT and absolute targets are not taken inside of a CONNECT")]
    Nested,
    #[error("HTTP through the proxy is for AWS APIs on port 80")]
    PlainPort,
}

/// Serves one connection until either side ends it.
pub(crate) async fn serve(line: &Line, worker: WorkerId, stream: Stream) {
    let mut connection = Connection::new(stream, worker, Arc::clone(&line.bounds));
    let mut way = Way::Direct;
    loop {
        let head = match connection.next_head(until_unwanted(line)).await {
            Ok(Some(head)) => head,
            Ok(None) => return,
            Err(error) => return unreadable(line, &mut connection, error).await,
        };
        let method = head.method.clone();
        let reply = match route(line, &way, head) {
            Ok(Route::Call(received)) => pipeline::run(line, &mut connection, received).await,
            Ok(Route::Own(reply)) => reply.for_method(&method),
            Ok(Route::Connect(name, host)) => {
                let Some(ended) = end_tls(line, connection, &name).await else {
                    return;
                };
                connection = ended;
                way = Way::Connected(host);
                continue;
            }
            Ok(Route::Tunnel(name)) => return tunnel(line, connection, &name).await,
            Err(error) => return misrouted(line, &mut connection, &error).await,
        };
        if line.closing.is_cancelled() {
            connection.close_after();
        }
        if connection.respond(reply).await.is_err()
            || connection.persistence() == Persistence::Close
        {
            return;
        }
    }
}

/// Until an idle connection is no longer wanted: the process closes, or room is needed.
async fn until_unwanted(line: &Line) {
    tokio::select! {
        () = line.closing.cancelled() => {}
        () = line.crowded.notified() => {}
    }
}

async fn unreadable(line: &Line, connection: &mut Connection, error: HeadError) {
    line.meter.rejected_heads.increment(1);
    connection.close_after();
    pipeline::stray(line, error.status(), &error.to_string()).await;
    let _ = connection.respond(rescue::unreadable(error)).await;
}

async fn misrouted(line: &Line, connection: &mut Connection, error: &RouteError) {
    connection.close_after();
    pipeline::stray(line, error.status(), &error.to_string()).await;
    let _ = connection
        .respond(rescue::plain(error.status(), &error.to_string()))
        .await;
}

/// Where a request goes, by its target and host alone.
fn route(line: &Line, way: &Way, head: Head) -> Result<Route, RouteError> {
    match (way, &head.target) {
        (Way::Connected(host), Target::Origin(_)) => {
            let named = named_host(&head)?;
            if named.host.as_str() != host.name || !matches!(named.port, None | Some(443)) {
                return Err(RouteError::Misdirected {
                    host: named.host.to_string(),
                    connected: host.name.clone(),
                });
            }
            let destination = Destination::Aws(host.clone());
            Ok(Route::Call(received(
                line,
                head,
                destination,
                Ingress::Connect,
            )))
        }
        (Way::Connected(_), Target::Absolute { .. } | Target::Authority(_)) => {
            Err(RouteError::Nested)
        }
        (Way::Direct, Target::Origin(target)) => {
            let host = host_text(&head).ok_or(RouteError::Host)?;
            let prefix = line.own.prefix(host);
            let prefix = prefix.ok_or_else(|| RouteError::NotOwn(printable(host)))?;
            if let Some(reply) = own::page(line, &head, target) {
                return Ok(Route::Own(reply));
            }
            let destination = Destination::Own { prefix };
            Ok(Route::Call(received(
                line,
                head,
                destination,
                Ingress::Endpoint,
            )))
        }
        (Way::Direct, Target::Absolute { authority, .. }) => {
            let host = absolute_host(line, authority, &head)?;
            let destination = Destination::Aws(host);
            Ok(Route::Call(received(
                line,
                head,
                destination,
                Ingress::Forward,
            )))
        }
        (Way::Direct, Target::Authority(authority)) => connect(line, authority, &head),
    }
}

fn connect(line: &Line, authority: &str, head: &Head) -> Result<Route, RouteError> {
    if line.own.prefix(authority).is_some() {
        return Err(RouteError::Loop(printable(authority)));
    }
    let (name, port) = authority.rsplit_once(':').ok_or(RouteError::Port)?;
    if port != "443" {
        return Err(RouteError::Port);
    }
    let name: HostName = name.parse().map_err(|_| RouteError::NotAName)?;
    // HTTP/1.0, which older Pythons speak here, has no `host`; where there is one it agrees.
    if head.headers.contains_key(HOST) {
        let named = named_host(head)?;
        if named.host != name || !matches!(named.port, None | Some(443)) {
            return Err(RouteError::Misdirected {
                host: named.host.to_string(),
                connected: name.to_string(),
            });
        }
    }
    match aws_host(line, &name) {
        Some(_) if !ca::Authority::covers(&name) => Err(RouteError::SignIn(name)),
        Some(host) => Ok(Route::Connect(name, host)),
        None => Ok(Route::Tunnel(name)),
    }
}

fn absolute_host(line: &Line, authority: &str, head: &Head) -> Result<AwsHost, RouteError> {
    if line.own.prefix(authority).is_some() {
        return Err(RouteError::Loop(printable(authority)));
    }
    let target = Authority::parse(authority).ok_or(RouteError::NotAName)?;
    let named = named_host(head)?;
    if named != target {
        return Err(RouteError::Misdirected {
            host: named.host.to_string(),
            connected: target.host.to_string(),
        });
    }
    if !matches!(target.port, None | Some(80)) {
        return Err(RouteError::PlainPort);
    }
    aws_host(line, &target.host).ok_or_else(|| RouteError::NotAws(target.host.to_string()))
}

fn host_text(head: &Head) -> Option<&str> {
    head.headers.get(HOST)?.to_str().ok()
}

fn named_host(head: &Head) -> Result<Authority, RouteError> {
    host_text(head)
        .and_then(Authority::parse)
        .ok_or(RouteError::Host)
}

/// The AWS API that answers under `name`, by the catalog's patterns.
fn aws_host(line: &Line, name: &HostName) -> Option<AwsHost> {
    let found = line.catalog.host(name.as_str())?;
    Some(AwsHost {
        name: name.as_str().to_owned(),
        partition: Partition::named(found.partition),
        region: found.region.map(str::parse).transpose().ok()?,
        form: found.form,
        endpoint: found.endpoint.to_owned(),
        prefix: found.prefix.to_owned(),
    })
}

fn received(line: &Line, head: Head, destination: Destination, ingress: Ingress) -> Received {
    let target = match head.target {
        Target::Origin(target) | Target::Absolute { target, .. } => target,
        // INVARIANT: `route` lets CONNECT come nowhere near here; an empty path names nothing.
        Target::Authority(_) => crate::http1::PathAndQuery::default(),
    };
    let now = line.clock.now();
    Received {
        request: Request {
            method: head.method,
            path: target.path,
            query: target.query,
            headers: head.headers,
            destination,
            body: Body::Whole(Bytes::new()),
        },
        reference: line.references.next(now),
        ingress,
        arrived: now,
    }
}

/// Answers a CONNECT for an AWS name and becomes that name. Nothing where the connection is cut:
/// the client sent bytes before it was told to, or its SNI is missing or another name.
async fn end_tls(line: &Line, mut connection: Connection, name: &HostName) -> Option<Connection> {
    connection.respond_established().await.ok()?;
    let worker = connection.worker();
    let stream = connection.into_stream()?;
    match timeout(line.bounds.deadlines.head, shake_hands(line, stream, name)).await {
        Ok(Ok(stream)) => Some(Connection::new(stream, worker, Arc::clone(&line.bounds))),
        Ok(Err(error)) => {
            tracing::info!(host = %name, error = %chain(&error), "TLS with a client failed");
            None
        }
        Err(_) => {
            tracing::info!(host = %name, "TLS with a client took too long");
            None
        }
    }
}

/// Why TLS with a client failed.
#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("the client broke off; does it trust Cordon's certificate (`cordon env` tells how)?")]
    Client(#[source] std::io::Error),
    #[error("the client names no host in its TLS hello")]
    NoName,
    #[error("the client's TLS hello is for `{0}`")]
    OtherName(String),
    #[error("no certificate could be made")]
    Certificate(#[source] AuthorityError),
}

async fn shake_hands(
    line: &Line,
    stream: Stream,
    name: &HostName,
) -> Result<Stream, HandshakeError> {
    let started = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream)
        .await
        .map_err(HandshakeError::Client)?;
    let hello = started.client_hello();
    let named = hello.server_name().ok_or(HandshakeError::NoName)?;
    if named.parse::<HostName>().ok().as_ref() != Some(name) {
        return Err(HandshakeError::OtherName(printable(named)));
    }
    let config = line
        .authority
        .server(name, line.clock.now())
        .await
        .map_err(HandshakeError::Certificate)?;
    let stream = started
        .into_stream(config)
        .await
        .map_err(HandshakeError::Client)?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// Passes bytes to a host that is not AWS, if it is allowed.
async fn tunnel(line: &Line, mut connection: Connection, name: &HostName) {
    let far = match line.tunnels.open(name).await {
        Ok(far) => far,
        Err(error) => {
            tracing::info!(host = %name, error = %chain(&error), "a tunnel was refused");
            let status = match error {
                TunnelError::NotAllowed(_) => StatusCode::FORBIDDEN,
                TunnelError::Unreachable(_) => StatusCode::BAD_GATEWAY,
            };
            connection.close_after();
            let _ = connection
                .respond(rescue::plain(status, &error.to_string()))
                .await;
            return;
        }
    };
    if connection.respond_established().await.is_err() {
        return;
    }
    let Some(client) = connection.into_stream() else {
        return;
    };
    let passed = line.tunnels.pass(client, far).await;
    line.meter.tunnelled_up.increment(passed.up);
    line.meter.tunnelled_down.increment(passed.down);
    tracing::info!(host = %name, up = passed.up, down = passed.down, "a tunnel ended");
}

/// Text of a stranger, cut and without what could change a terminal or a log.
fn printable(text: &str) -> String {
    text.chars()
        .take(100)
        .map(|c| {
            if c.is_ascii_graphic() && c != '`' {
                c
            } else {
                '?'
            }
        })
        .collect()
}

impl RouteError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Host | Self::NotAName | Self::Nested => StatusCode::BAD_REQUEST,
            Self::Misdirected { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::NotAws(_)
            | Self::NotOwn(_)
            | Self::Loop(_)
            | Self::SignIn(_)
            | Self::Port
            | Self::PlainPort => StatusCode::FORBIDDEN,
        }
    }
}
