//! Starting and stopping: the listener, its connections, what is under way when it closes.

use crate::accept;
use crate::ca::{Authority, AuthorityError};
use crate::clock::Clock;
use crate::config::{Listen, ListenIdentity, ProxyConfig};
use crate::forward::Forwarder;
use crate::http1::Bounds;
use crate::line::{Line, UnderWay};
use crate::live::Live;
use crate::meter::Meter;
use crate::own::OwnHosts;
use crate::payload;
use crate::reference::References;
use crate::replay::Replays;
use crate::scrub::Watch;
use crate::stranger::Strangers;
use crate::stream::Stream;
use crate::tagged::Tagged;
use crate::tunnel::Tunnels;
use crate::witnesses::Witnesses;
use crate::worker::Workers;
use cordon_aws::catalog::Catalog;
use cordon_broker::Broker;
use cordon_core::names::Reference;
use cordon_store::Store;
use rustls::ServerConfig;
#[cfg(unix)]
use std::fs::{DirBuilder, Permissions};
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
#[cfg(unix)]
use uuid::Uuid;

/// How long a new connection waits for an idle one to make room.
const ROOM: Duration = Duration::from_secs(1);
/// How long accepting pauses when the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// What the program made for the data plane.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The operations of AWS.
    pub catalog: &'static Catalog,
    /// What may change while the process runs.
    pub live: Arc<Live>,
    /// What is remembered.
    pub store: Arc<dyn Store>,
    /// Who mints credentials.
    pub broker: Arc<Broker>,
    /// The wall clock.
    pub clock: Clock,
}

/// The data plane, before it runs.
#[derive(Debug)]
pub struct Proxy;

/// A data plane that takes requests.
#[derive(Debug)]
pub struct Running {
    line: Arc<Line>,
    address: Address,
    workers: Arc<Workers>,
}

/// Where a data plane listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A TCP address, with the port that the system gave where port 0 was asked for.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

/// What was under way when the data plane had closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Calls that had left and whose outcome is not recorded: they stay open in the store.
    pub unfinished: Vec<Reference>,
    /// Connections that were cut.
    pub cut: usize,
}

impl Proxy {
    /// Opens the listener and takes requests until [`Running::close`].
    ///
    /// # Errors
    /// [`StartError`], before any socket takes a connection.
    pub async fn start(config: ProxyConfig, parts: Parts) -> Result<Running, StartError> {
        let authority = Arc::new(Authority::open(&config.state, parts.clock.now())?);
        let (listener, address) = Listener::bind(&config.listen).await?;
        let line = Arc::new(line(config, parts, authority, &address)?);
        let workers = Workers::start(line.bounds.limits.workers);
        let workers = Arc::new(workers.map_err(StartError::Workers)?);
        line.live.serve_by(&workers);
        let accepting = accept_all(Arc::clone(&line), listener, Arc::clone(&workers));
        line.tasks.spawn(accepting);
        Ok(Running {
            line,
            address,
            workers,
        })
    }
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The certificate authority, for the files that tools are pointed at.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.line.authority
    }

    /// Takes no new requests, lets those under way come to their end within `grace`, cuts what is
    /// left and says what it was.
    pub async fn close(self, grace: Duration) -> Closed {
        let line = self.line;
        line.closing.cancel();
        // At once: later the name may be that of the process which took over.
        if let Address::Unix(path) = &self.address {
            let _ = std::fs::remove_file(path);
        }
        line.tasks.close();
        line.outcomes.close();
        let all = async {
            line.tasks.wait().await;
            line.outcomes.wait().await;
        };
        let ended = timeout(grace, all).await;
        let cut = line.tasks.len();
        if ended.is_err() {
            line.cut.cancel();
            line.tasks.wait().await;
            line.outcomes.wait().await;
        }
        drop(self.workers);
        // Looked at only now, when nothing can leave any more: a call that left in the last
        // moment is in the list too.
        let unfinished = line.under_way.list();
        for reference in &unfinished {
            tracing::warn!(%reference, "a call was under way when Cordon closed: its outcome is not known");
        }
        Closed { unfinished, cut }
    }
}

fn line(
    config: ProxyConfig,
    parts: Parts,
    authority: Arc<Authority>,
    address: &Address,
) -> Result<Line, StartError> {
    let watch = Arc::new(Watch::new());
    let (limits, deadlines) = (config.limits, config.deadlines);
    let forwarder = Forwarder::new(
        config.upstream,
        &limits,
        &deadlines,
        watch.clone(),
        parts.catalog,
    )
    .map_err(StartError::Tls)?;
    let bound = match address {
        Address::Tcp(address) => Some(*address),
        Address::Unix(_) => None,
    };
    let began = parts.clock.now();
    Ok(Line {
        catalog: parts.catalog,
        live: parts.live,
        clock: parts.clock,
        store: parts.store,
        broker: parts.broker,
        authority,
        forwarder,
        watch,
        replays: Replays::new(limits.remembered_signatures, began),
        known: Arc::default(),
        tagged: Tagged::default(),
        witnesses: Witnesses::default(),
        strangers: Strangers::new(began),
        references: References::default(),
        tunnels: Tunnels::new(config.tunnel, &deadlines),
        own: OwnHosts::new(config.own_hosts, bound),
        bodies: Semaphore::new(payload::units(limits.held_bodies)),
        parking: Semaphore::new(limits.parked),
        bounds: Arc::new(Bounds { limits, deadlines }),
        meter: Meter::new(),
        crowded: tokio::sync::Notify::new(),
        closing: CancellationToken::new(),
        cut: CancellationToken::new(),
        tasks: TaskTracker::new(),
        outcomes: TaskTracker::new(),
        under_way: Arc::new(UnderWay::default()),
    })
}

/// The open socket.
enum Listener {
    Tcp(TcpListener),
    Tls(TcpListener, Arc<ServerConfig>),
    #[cfg(unix)]
    Unix(UnixListener),
}

/// A connection as the system gave it: of no runtime yet, and before TLS.
struct Arrived {
    socket: Socket,
    tls: Option<Arc<ServerConfig>>,
}

enum Socket {
    Tcp(std::net::TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

impl Listener {
    async fn bind(listen: &Listen) -> Result<(Self, Address), StartError> {
        match listen {
            Listen::Loopback(address) => {
                let (listener, address) = tcp(address.address()).await?;
                Ok((Self::Tcp(listener), address))
            }
            Listen::Tls(address, identity) => {
                let server = identity.server().map_err(StartError::Tls)?;
                let (listener, address) = tcp(*address).await?;
                Ok((Self::Tls(listener, Arc::new(server)), address))
            }
            #[cfg(unix)]
            Listen::Unix(path) => {
                let listener = unix(path).await?;
                Ok((Self::Unix(listener), Address::Unix(path.clone())))
            }
            #[cfg(not(unix))]
            Listen::Unix(path) => Err(StartError::Listen {
                address: path.display().to_string(),
                source: io::ErrorKind::Unsupported.into(),
            }),
        }
    }

    async fn accept(&self) -> io::Result<Arrived> {
        let (listener, tls) = match self {
            Self::Tcp(listener) => (listener, None),
            Self::Tls(listener, server) => (listener, Some(Arc::clone(server))),
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let socket = Socket::Unix(stream.into_std()?);
                return Ok(Arrived { socket, tls: None });
            }
        };
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let socket = Socket::Tcp(stream.into_std()?);
        Ok(Arrived { socket, tls })
    }
}

impl Socket {
    /// The stream, in the runtime that serves it.
    fn stream(self) -> io::Result<Stream> {
        match self {
            Self::Tcp(socket) => TcpStream::from_std(socket).map(Stream::Tcp),
            #[cfg(unix)]
            Self::Unix(socket) => UnixStream::from_std(socket).map(Stream::Unix),
        }
    }
}

async fn tcp(address: SocketAddr) -> Result<(TcpListener, Address), StartError> {
    let failed = |source| StartError::Listen {
        address: address.to_string(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, Address::Tcp(bound)))
}

/// Binds a unix socket for its owner alone. A socket file that nobody serves is a leftover and is
/// replaced; one that answers belongs to another process, and any other file is not ours.
#[cfg(unix)]
async fn unix(path: &Path) -> Result<UnixListener, StartError> {
    let failed = |source| StartError::Listen {
        address: path.display().to_string(),
        source,
    };
    if let Ok(found) = std::fs::symlink_metadata(path) {
        let served = UnixStream::connect(path).await.is_ok();
        if served || !found.file_type().is_socket() {
            return Err(failed(io::ErrorKind::AddrInUse.into()));
        }
    }
    bind_privately(path).map_err(failed)
}

/// Binds in a folder that only its owner enters and moves the socket to its place when its mode
/// is set: a socket takes connections from the moment that it is bound, with whatever mode the
/// process's mask gave it.
#[cfg(unix)]
fn bind_privately(path: &Path) -> io::Result<UnixListener> {
    // The system takes about a hundred bytes of path, so the name is short.
    let (_, unique) = Uuid::now_v7().as_u64_pair();
    let folder = path.with_file_name(format!(".{:08x}", unique & 0xffff_ffff));
    DirBuilder::new().mode(0o700).create(&folder)?;
    let draft = folder.join("s");
    let bound = UnixListener::bind(&draft).and_then(|listener| {
        std::fs::set_permissions(&draft, Permissions::from_mode(0o600))?;
        std::fs::rename(&draft, path)?;
        Ok(listener)
    });
    if bound.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    let _ = std::fs::remove_dir(&folder);
    bound
}

impl ListenIdentity {
    fn server(&self) -> Result<ServerConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Takes connections until the data plane closes.
async fn accept_all(line: Arc<Line>, listener: Listener, workers: Arc<Workers>) {
    let slots = Arc::new(Semaphore::new(line.bounds.limits.connections));
    loop {
        let arrived = tokio::select! {
            arrived = listener.accept() => arrived,
            () = line.closing.cancelled() => return,
        };
        match arrived {
            Ok(arrived) => match room(&line, &slots).await {
                Some(slot) => serve(&line, &workers, arrived, slot),
                None => tracing::warn!("a connection was refused: all are busy"),
            },
            Err(error) => {
                tracing::error!(error = %crate::trace::chain(&error), "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// A slot for one more connection. At the limit, the one that has been idle longest is closed.
async fn room(line: &Line, slots: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    if let Ok(slot) = Arc::clone(slots).try_acquire_owned() {
        return Some(slot);
    }
    line.crowded.notify_one();
    timeout(ROOM, Arc::clone(slots).acquire_owned())
        .await
        .ok()?
        .ok()
}

fn serve(line: &Arc<Line>, workers: &Workers, arrived: Arrived, slot: OwnedSemaphorePermit) {
    let line = Arc::clone(line);
    let tasks = line.tasks.clone();
    workers.spawn(&tasks, |worker, serving_one| async move {
        line.meter.connections.increment(1);
        let serving = async {
            let Some(stream) = secured(&line, arrived).await else {
                return;
            };
            accept::serve(&line, worker, stream).await;
        };
        tokio::select! {
            () = serving => {}
            () = line.cut.cancelled() => {}
        }
        line.meter.connections.decrement(1);
        drop((slot, serving_one));
    });
}

/// The connection, after TLS where the listener has it.
async fn secured(line: &Line, arrived: Arrived) -> Option<Stream> {
    let stream = arrived.socket.stream();
    let stream = stream
        .inspect_err(|error| tracing::error!(%error, "a connection could not be served"))
        .ok()?;
    let Some(server) = arrived.tls else {
        return Some(stream);
    };
    // In two steps, since only so the client is sure to be told why it is refused.
    let shaken = async {
        let acceptor = rustls::server::Acceptor::default();
        let started = LazyConfigAcceptor::new(acceptor, stream).await?;
        started.into_stream(server).await
    };
    match timeout(line.bounds.deadlines.head, shaken).await {
        Ok(Ok(stream)) => Some(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::info!(%error, "TLS with a client failed");
            None
        }
        Err(_) => {
            tracing::info!("TLS with a client took too long");
            None
        }
    }
}

/// Why the data plane does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no certificate authority.
    #[error("the certificate authority cannot be opened")]
    Authority(#[from] AuthorityError),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on `{address}`: is another Cordon running there? choose another with `--listen`"
    )]
    Listen {
        /// Which.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// There are no threads.
    #[error("the system gave no threads to serve connections with")]
    Workers(#[source] io::Error),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}
