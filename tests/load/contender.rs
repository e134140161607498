//! What is measured: each contender as a running process, with the doors by which it is reached.

pub(crate) mod cordon;
mod mitmproxy;
mod nginx;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cordon_tests::signer::Keys;

use crate::certificates::{self, Certificates};
use crate::client::{Door, Way};
use crate::usage::{Memory, Usage};
use crate::work::Signer;

/// How long a contender may take to start, or to end. Only what hangs takes that long.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a contender is started with.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    /// For configuration, logs and state.
    pub(crate) folder: PathBuf,
    pub(crate) certificates: Certificates,
    pub(crate) upstream: SocketAddr,
    pub(crate) cordon: PathBuf,
    pub(crate) nginx: PathBuf,
    /// Nothing where it could not be had.
    pub(crate) mitmproxy: Option<PathBuf>,
}

/// One line of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Row {
    Direct,
    Nginx,
    Mitmproxy,
    CordonConnect,
    CordonEndpoint,
}

/// A contender that runs, until its value is dropped.
#[derive(Debug)]
pub(crate) struct Contender {
    /// What it says of its version.
    pub(crate) version: String,
    pub(crate) doors: Vec<(Row, Door)>,
    pub(crate) idle: Memory,
    pub(crate) usage: Usage,
    _process: Process,
}

impl Row {
    pub(crate) const ALL: [Self; 5] = [
        Self::Direct,
        Self::Nginx,
        Self::Mitmproxy,
        Self::CordonConnect,
        Self::CordonEndpoint,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Mitmproxy => "mitmproxy",
            Self::CordonConnect => "Cordon, CONNECT",
            Self::CordonEndpoint => "Cordon, endpoint",
        }
    }
}

impl Contender {
    fn new(
        version: String,
        process: Process,
        doors: Vec<(Row, Door)>,
    ) -> Result<Self, Box<dyn Error>> {
        let usage = Usage::of(process.child.id())?;
        Ok(Self {
            version,
            doors,
            idle: usage.memory()?,
            usage,
            _process: process,
        })
    }
}

/// The upstream without anything before it.
pub(crate) fn direct(scene: &Scene) -> Result<Door, Box<dyn Error>> {
    Ok(Door {
        address: scene.upstream,
        way: Way::Tls(certificates::client(&scene.certificates.authority)?),
        signers: anybody(),
    })
}

/// Starts everything that is measured, in the order of the tables.
pub(crate) fn start_all(scene: &Scene) -> Result<Vec<Contender>, Box<dyn Error>> {
    let mut all = vec![nginx::start(scene)?];
    if let Some(program) = &scene.mitmproxy {
        all.push(mitmproxy::start(scene, program)?);
    }
    all.push(cordon::start(scene)?);
    Ok(all)
}

/// How long each takes from its start until it takes connections.
pub(crate) fn start_up(scene: &Scene, row: Row) -> Result<Option<Duration>, Box<dyn Error>> {
    let process = match (row, &scene.mitmproxy) {
        (Row::Nginx, _) => nginx::process(scene)?,
        (Row::Mitmproxy, Some(program)) => mitmproxy::process(scene, program)?,
        (Row::CordonConnect, _) => cordon::process(scene, "start")?,
        _ => return Ok(None),
    };
    Ok(Some(process.started))
}

/// A client whose keys nobody looks up.
fn anybody() -> Vec<Arc<Signer>> {
    let signer = Signer::new(&Keys {
        id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        token: None,
    });
    vec![Arc::new(signer)]
}

/// A server of ours, ended with its children when dropped.
#[derive(Debug)]
struct Process {
    child: Child,
    address: SocketAddr,
    /// From its start until it took a connection.
    started: Duration,
}

impl Process {
    /// Starts a server that is told to listen on `address`. What it says goes to a file.
    fn start(
        command: &mut Command,
        log: &Path,
        address: SocketAddr,
    ) -> Result<Self, Box<dyn Error>> {
        let said = std::fs::File::create(log)?;
        command
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said);
        let began = Instant::now();
        let child = command.spawn()?;
        let mut process = Self {
            child,
            address,
            started: Duration::ZERO,
        };
        while TcpStream::connect(address).is_err() {
            let ended = process.child.try_wait()?.is_some();
            if ended || began.elapsed() > DEADLINE {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                return Err(format!("{command:?} does not serve; it said:\n{said}").into());
            }
            pause(Duration::from_millis(1));
        }
        process.started = began.elapsed();
        Ok(process)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Asked first: a server that is killed leaves its workers behind.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let until = Instant::now() + DEADLINE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > until {
                let _ = self.child.kill();
            }
            pause(Duration::from_millis(5));
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing tells when another program listens, or has ended"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// An address that nobody listens on now.
fn free_address() -> Result<SocketAddr, Box<dyn Error>> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// What a program says on its first line when asked for its version.
fn version(program: &Path, flag: &str) -> String {
    let asked = Command::new(program).arg(flag).output();
    let said = asked
        .map(|said| [said.stdout, said.stderr].concat())
        .unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    said.lines().next().unwrap_or_default().trim().to_owned()
}
