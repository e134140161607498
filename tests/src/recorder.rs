//! A relay that keeps every byte of both directions, connection by connection.
//!
//! It knows nothing of HTTP, so it cannot hide what a parser would leave out.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::wire::{self, Exchange};

/// A relay to one address. It stops taking connections when its value is dropped.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<Connection>>>,
    stopping: Arc<AtomicBool>,
}

/// The bytes of one connection.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// What went to the relay's target.
    pub up: Vec<u8>,
    /// What came back.
    pub down: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    Up,
    Down,
}

impl Recorder {
    /// Relays from a free port of loopback to `target`.
    pub fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let connections = Arc::new(Mutex::new(Vec::new()));
        let stopping = Arc::new(AtomicBool::new(false));
        let (kept, stop) = (Arc::clone(&connections), Arc::clone(&stopping));
        thread::spawn(move || {
            for client in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(client) = client else { continue };
                let Ok(server) = TcpStream::connect(target) else {
                    continue;
                };
                relay(&client, &server, &kept);
            }
        });
        Self {
            address,
            connections,
            stopping,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All bytes so far.
    ///
    /// # Panics
    /// When a relaying thread panicked.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.connections.lock().expect("no relay panics").clone()
    }

    /// All requests so far with their answers, in the order of their connections.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        let connections = self.connections();
        connections
            .iter()
            .flat_map(|it| wire::exchanges(&it.up, &it.down))
            .collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

/// Starts both directions of one connection.
fn relay(client: &TcpStream, server: &TcpStream, kept: &Arc<Mutex<Vec<Connection>>>) {
    let index = {
        let mut kept = kept.lock().expect("no relay panics");
        kept.push(Connection::default());
        kept.len() - 1
    };
    for (from, to, direction) in [
        (client, server, Direction::Up),
        (server, client, Direction::Down),
    ] {
        let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else {
            return;
        };
        let kept = Arc::clone(kept);
        thread::spawn(move || {
            copy(&mut from, &mut to, &kept, index, direction);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

/// Copies until the end, keeping each piece before it is passed on.
fn copy(
    from: &mut TcpStream,
    to: &mut TcpStream,
    kept: &Mutex<Vec<Connection>>,
    index: usize,
    direction: Direction,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let piece = buffer.get(..length).unwrap_or_default();
        if let Some(connection) = kept.lock().expect("no relay panics").get_mut(index) {
            match direction {
                Direction::Up => connection.up.extend_from_slice(piece),
                Direction::Down => connection.down.extend_from_slice(piece),
            }
        }
        if to.write_all(piece).is_err() {
            return;
        }
    }
}
