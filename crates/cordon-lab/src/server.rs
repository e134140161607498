//! The lab on a socket.
//!
//! Takes connections on a loopback port; gives each request to [`judge`], under one lock, so that
//! the log is in the order in which things happened. HTTP/1.1 with kept connections.

mod judge;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::estate::Estate;
use crate::log::{Entry, Log};
use crate::reply::Rendered;

/// How long a stop waits for requests that are under way.
const GRACE: Duration = Duration::from_secs(5);

/// How to start a lab.
#[derive(Debug, Clone)]
pub struct LabConfig {
    /// Where to listen; port 0 chooses a free one.
    pub address: SocketAddr,
    /// What there is at the beginning.
    pub estate: Estate,
    /// Where the time comes from.
    pub clock: Clock,
    /// S3 keeps this many bytes of content in all; what is beyond has hashes but no content.
    pub kept_bytes: u64,
    /// Bodies of services other than S3 may have this many bytes.
    pub body_limit: u64,
    /// S3 bodies may have this many bytes.
    pub object_limit: u64,
    /// The log keeps this many bytes of each body.
    pub log_head: usize,
}

impl LabConfig {
    /// A lab for an estate: a free loopback port, the machine's clock, 128 MiB of content.
    #[must_use]
    pub fn new(estate: Estate) -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            estate,
            clock: Clock::system(),
            kept_bytes: 128 * 1_024 * 1_024,
            body_limit: 70 * 1_024 * 1_024,
            object_limit: 5 * 1_024 * 1_024 * 1_024,
            log_head: 64 * 1_024,
        }
    }
}

/// A lab that could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The lab serves its own machine only, because its secrets are in its source.
    #[error("the lab listens on loopback addresses only, not on `{0}`")]
    NotLoopback(SocketAddr),
    /// The port could not be had.
    #[error("failed to listen on `{address}`")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

/// A running lab. Dropping it stops it at once; [`Lab::stop`] lets requests finish.
#[derive(Debug)]
pub struct Lab {
    address: SocketAddr,
    world: Arc<World>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// What all connections share.
struct World {
    config: LabConfig,
    state: Mutex<State>,
}

/// What one request may read and change.
struct State {
    estate: Estate,
    log: Log,
}

impl World {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn initial_estate(config: &LabConfig) -> Estate {
        let mut estate = config.estate.clone();
        estate.s3.keep_limit = config.kept_bytes;
        estate
    }

    fn reset(&self) {
        let mut state = self.state();
        state.estate = Self::initial_estate(&self.config);
        state.log.clear();
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Lab {
    /// Listens and serves until stopped.
    ///
    /// # Errors
    ///
    /// When the address is not a loopback address or cannot be listened on.
    pub async fn start(config: LabConfig) -> Result<Self, StartError> {
        if !config.address.ip().is_loopback() {
            return Err(StartError::NotLoopback(config.address));
        }
        let failed = |source| StartError::Listen {
            address: config.address,
            source,
        };
        let listener = TcpListener::bind(config.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let state = State {
            estate: World::initial_estate(&config),
            log: Log::default(),
        };
        let world = Arc::new(World {
            config,
            state: Mutex::new(state),
        });
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, Arc::clone(&world), stopped));
        Ok(Self {
            address,
            world,
            stop: Some(stop),
            task,
        })
    }

    /// Where the lab listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The lab as an endpoint: `http://127.0.0.1:PORT`. The address is a number, because clients
    /// put a bucket in front of a name.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The clock that the lab reads.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.world.config.clock.clone()
    }

    /// Every request so far, in the order in which they took effect.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        self.world.state().log.entries()
    }

    /// What there is now: names and states, as JSON.
    #[must_use]
    pub fn estate(&self) -> Value {
        self.world.state().estate.to_json()
    }

    /// Returns to the estate of the beginning, with an empty log and no sessions.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Stops listening, lets requests that are under way finish, and gives their log.
    pub async fn stop(mut self) -> Vec<Entry> {
        if let Some(stop) = self.stop.take() {
            // The other side is gone only when the lab has already ended.
            let _ = stop.send(());
        }
        let _ = (&mut self.task).await;
        self.log()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, world: Arc<World>, mut stopped: oneshot::Receiver<()>) {
    let graceful = GracefulShutdown::new();
    let builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => accepted,
        };
        // A connection that failed before it was accepted is the client's loss alone.
        let Ok((stream, _)) = accepted else { continue };
        let _ = stream.set_nodelay(true);
        let world = Arc::clone(&world);
        let service = service_fn(move |request| answer(Arc::clone(&world), request));
        let connection = graceful.watch(
            builder
                .serve_connection(TokioIo::new(stream), service)
                .into_owned(),
        );
        tokio::spawn(async move {
            // A client that goes away is not worth a word; its request is in the log.
            let _ = connection.await;
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}

async fn answer(
    world: Arc<World>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let rendered = match own_path(&world, &parts) {
        Some(rendered) => rendered,
        None => judge::judge(&world, &parts, body).await,
    };
    Ok(response(rendered))
}

/// The lab's own three paths. A bucket cannot have their name, because of the underscore.
fn own_path(world: &World, parts: &http::request::Parts) -> Option<Rendered> {
    let body = match (parts.method.as_str(), parts.uri.path()) {
        ("GET", "/_lab/log") => world.state().log.to_json(),
        ("GET", "/_lab/estate") => world.state().estate.to_json(),
        ("POST", "/_lab/reset") => {
            world.reset();
            json!({"reset": true})
        }
        _ => return None,
    };
    Some(Rendered {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Bytes::from(body.to_string()),
    })
}

fn response(rendered: Rendered) -> Response<Full<Bytes>> {
    let mut builder = Response::builder()
        .status(rendered.status)
        .header("server", "cordon-lab");
    for (name, value) in &rendered.headers {
        builder = builder.header(name, value);
    }
    builder.body(Full::new(rendered.body)).unwrap_or_else(|_| {
        // A kept header that HTTP cannot carry, put by a client that could send it.
        let mut response = Response::new(Full::new(Bytes::new()));
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}
