//! The listener of the control plane: connections in, HTTP/1.1 served under bounds, until it is
//! closed.

use crate::api;
use crate::channel::{self, Channel, Roots};
use crate::gate;
use crate::oidc::{Flows, OidcConfig, Provider};
use crate::passkey::Passkeys;
use crate::plane::{Origin, Parts, Plane};
use crate::secret::NoRandom;
use axum::Router;
use axum::middleware::from_fn_with_state;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at one time.
const CONNECTIONS: usize = 512;
/// How long a client may take to send the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// Bytes of a head.
const HEAD_BYTES: usize = 32 * 1024;

/// Where the control plane is reached.
#[derive(Clone)]
pub struct ControlConfig {
    /// A loopback address.
    pub listen: SocketAddr,
    /// Where browsers reach it, where that is elsewhere: a server for TLS in front of it.
    pub url: Option<Origin>,
    /// Where people hear of what waits.
    pub channels: Vec<Channel>,
    /// Who says who people are, beside links.
    pub oidc: Option<OidcConfig>,
    /// The authorities that certificates of channels and of the provider of identities may come from.
    pub roots: Roots,
    /// How often it is looked for what is to be told, beside at every change.
    pub beat: Duration,
}

impl std::fmt::Debug for ControlConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ControlConfig({}, {:?})", self.listen, self.channels)
    }
}

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Plain HTTP leaves no machine.
    #[error("`{0}` is not a loopback address")]
    NotLoopback(SocketAddr),
    /// No TLS can be spoken to the provider of identities.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[source] rustls::Error),
    /// Nobody could sign in.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
    /// The address cannot be had.
    #[error("the address `{address}` cannot be listened on")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A control plane that serves.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    origin: Origin,
    closing: CancellationToken,
    tasks: TaskTracker,
}

/// Opens the listener and serves until [`Running::close`].
///
/// # Errors
/// [`StartError`], before a connection is taken.
pub async fn start(config: &ControlConfig, parts: Parts) -> Result<Running, StartError> {
    if !config.listen.ip().is_loopback() {
        return Err(StartError::NotLoopback(config.listen));
    }
    let failed = |source| StartError::Listen {
        address: config.listen,
        source,
    };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (home, twin) = home(config, address).await;
    let passkeys = home.as_ref().and_then(Passkeys::at);
    let url = config.url.clone();
    let plane = Plane::new(parts, address, url, provider(config)?, passkeys);
    let plane = Arc::new(plane);
    let tasks = TaskTracker::new();
    let running = Running {
        address,
        origin: plane.origin().clone(),
        closing: plane.closing.clone(),
        tasks: tasks.clone(),
    };
    for channel in &config.channels {
        let (plane, roots) = (Arc::clone(&plane), Arc::clone(&config.roots));
        tasks.spawn(channel::tell(plane, channel.clone(), roots, config.beat));
    }
    let app = app(plane);
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    for listener in [Some(listener), twin].into_iter().flatten() {
        let (app, room) = (app.clone(), Arc::clone(&room));
        let closing = running.closing.clone();
        tasks.spawn(accept(listener, app, room, closing, tasks.clone()));
    }
    Ok(running)
}

/// Where the pages are that may ask for passkeys; where that is `localhost`, with a listener on the other
/// loopback address. Browsers try both, and whoever listened there, such as a server of an agent's own
/// making, would be us to them and to authenticators.
async fn home(
    config: &ControlConfig,
    address: SocketAddr,
) -> (Option<Origin>, Option<TcpListener>) {
    if let Some(url) = &config.url {
        return (Some(url.clone()), None);
    }
    let [_, home] = Origin::of_listener(address);
    let other: IpAddr = match address.ip() {
        ip if ip == Ipv4Addr::LOCALHOST => Ipv6Addr::LOCALHOST.into(),
        ip if ip == Ipv6Addr::LOCALHOST => Ipv4Addr::LOCALHOST.into(),
        // No browser looks for `localhost` there.
        _ => return (None, None),
    };
    let other = SocketAddr::new(other, address.port());
    match TcpListener::bind(other).await {
        Ok(listener) => (Some(home), Some(listener)),
        // Where no port of it can be had, this machine has no such address, and nobody listens there.
        Err(_) if TcpListener::bind((other.ip(), 0)).await.is_err() => (Some(home), None),
        Err(error) => {
            tracing::warn!(address = %other, %error, "there are no passkeys: another program may be localhost to browsers");
            (None, None)
        }
    }
}

fn provider(config: &ControlConfig) -> Result<Option<(Provider, Flows)>, StartError> {
    let Some(oidc) = &config.oidc else {
        return Ok(None);
    };
    let provider = Provider::new(oidc.clone(), Arc::clone(&config.roots));
    Ok(Some((provider.map_err(StartError::Tls)?, Flows::new()?)))
}

impl Running {
    /// Where it listens, with the port that the system gave where port 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where people reach it.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Takes no new requests, ends those that wait, and finishes the others within `grace`.
    pub async fn close(self, grace: Duration) {
        self.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("requests to the control plane did not end in time");
        }
    }
}

fn app(plane: Arc<Plane>) -> Router {
    let guard = from_fn_with_state(Arc::clone(&plane), gate::guard);
    api::router(plane).layer(guard)
}

async fn accept(
    listener: TcpListener,
    app: Router,
    room: Arc<Semaphore>,
    closing: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            () = closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let serving = serve(stream, app.clone(), closing.clone());
                tasks.spawn(async move {
                    serving.await;
                    drop(permit);
                });
            }
            // No file descriptor is left, or the peer went away: others may still come.
            Err(error) => {
                tracing::warn!(%error, "a connection to the control plane could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, app: Router, closing: CancellationToken) {
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the control plane ended early");
    }
}
