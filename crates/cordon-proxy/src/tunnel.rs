//! Hosts that are not AWS: bytes are passed to those that the operator named, and to no others.
//!
//! The name was checked when it was read; here it is resolved, every address is checked, and the
//! checked address is dialled. What goes through is counted, not read.

use crate::address::{DialError, Reach};
use crate::config::Deadlines;
use crate::host::{HostName, HostPattern};
use crate::stream::Stream;
use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const PIECE: usize = 16 * 1024;

/// Where tunnels may go.
#[derive(Debug)]
pub(crate) struct Tunnels {
    hosts: Vec<HostPattern>,
    connect: Duration,
    idle: Duration,
    reach: Reach,
}

/// How much went through a tunnel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) up: u64,
    pub(crate) down: u64,
}

/// Why there is no tunnel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TunnelError {
    #[error(
        "`{0}` is neither an AWS API that Cordon knows nor a host that its configuration allows"
    )]
    NotAllowed(HostName),
    #[error("the allowed host cannot be reached")]
    Unreachable(#[source] DialError),
}

impl Tunnels {
    pub(crate) fn new(hosts: Vec<HostPattern>, deadlines: &Deadlines) -> Self {
        Self {
            hosts,
            connect: deadlines.connect,
            idle: deadlines.tunnel_idle,
            reach: Reach::Public { beside: Vec::new() },
        }
    }

    /// A connection with `host`, if it may be reached.
    pub(crate) async fn open(&self, host: &HostName) -> Result<TcpStream, TunnelError> {
        if !self.hosts.iter().any(|pattern| pattern.matches(host)) {
            return Err(TunnelError::NotAllowed(host.clone()));
        }
        let name = host.as_str();
        let dial = async {
            let addresses = self.reach.resolve(name, 443).await?;
            let connected = TcpStream::connect(addresses.as_slice()).await;
            connected.map_err(|source| DialError::Connect {
                host: name.to_owned(),
                source,
            })
        };
        timeout(self.connect, dial)
            .await
            .unwrap_or_else(|_| Err(DialError::TimedOut(name.to_owned())))
            .map_err(TunnelError::Unreachable)
    }

    /// Passes bytes both ways until both sides are done, one fails, or nothing moves for too long.
    pub(crate) async fn pass(&self, client: Stream, far: TcpStream) -> Passed {
        relay(client, far, self.idle).await
    }
}

async fn relay<A, B>(client: A, far: B, idle: Duration) -> Passed
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let moved = Mutex::new(Instant::now());
    let (client_read, client_write) = split(client);
    let (far_read, far_write) = split(far);
    let mut passed = Passed::default();
    // Either failure ends both directions, since `try_join` drops the other.
    let _ = tokio::try_join!(
        copy(client_read, far_write, &moved, idle, &mut passed.up),
        copy(far_read, client_write, &moved, idle, &mut passed.down),
    );
    passed
}

async fn copy<A: AsyncRead, B: AsyncWrite>(
    mut from: ReadHalf<A>,
    mut to: WriteHalf<B>,
    moved: &Mutex<Instant>,
    idle: Duration,
    count: &mut u64,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = match timeout(idle, from.read(&mut piece)).await {
            Ok(read) => read?,
            Err(_) if last(moved).elapsed() < idle => continue,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        *last(moved) = Instant::now();
        if length == 0 {
            return to.shutdown().await;
        }
        let bytes = piece.get(..length).unwrap_or_default();
        timeout(idle, to.write_all(bytes))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        *count += length as u64;
    }
}

fn last(moved: &Mutex<Instant>) -> std::sync::MutexGuard<'_, Instant> {
    moved.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_named_hosts_are_reached_and_only_at_public_addresses() {
        let hosts = vec!["localhost".parse().unwrap()];
        let tunnels = Tunnels::new(hosts, &Deadlines::default());
        let open = async |host: &str| tunnels.open(&host.parse().unwrap()).await.unwrap_err();
        assert!(matches!(
            open("example.com").await,
            TunnelError::NotAllowed(_)
        ));
        assert!(matches!(
            open("localhost").await,
            TunnelError::Unreachable(DialError::NotPublic { .. })
        ));
    }

    #[tokio::test]
    async fn bytes_pass_both_ways_and_are_counted() {
        let (mut agent, client) = tokio::io::duplex(64);
        let (far, mut server) = tokio::io::duplex(64);
        let relay = tokio::spawn(relay(client, far, Duration::from_secs(30)));
        agent.write_all(b"hello").await.unwrap();
        agent.shutdown().await.unwrap();
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.unwrap();
        server.write_all(b"and back").await.unwrap();
        drop(server);
        let mut back = Vec::new();
        agent.read_to_end(&mut back).await.unwrap();
        assert_eq!(
            (got.as_slice(), back.as_slice()),
            (&b"hello"[..], &b"and back"[..])
        );
        assert_eq!(relay.await.unwrap(), Passed { up: 5, down: 8 });
    }

    #[tokio::test]
    async fn a_tunnel_on_which_nothing_moves_ends() {
        let (_agent, client) = tokio::io::duplex(64);
        let (far, _server) = tokio::io::duplex(64);
        assert_eq!(
            relay(client, far, Duration::from_millis(10)).await,
            Passed::default()
        );
    }
}
