//! A relay before the cloud that can hold back what the cloud answers.

use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A relay. It ends when its value is dropped.
#[derive(Debug)]
pub(crate) struct Gate {
    address: SocketAddr,
    way: watch::Sender<Way>,
    asked: watch::Receiver<u64>,
    relaying: JoinHandle<()>,
}

/// Whether answers pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    Shut,
}

impl Gate {
    /// An open gate before `target`.
    pub(crate) async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, passing) = watch::channel(Way::Open);
        let (asking, asked) = watch::channel(0);
        let relaying = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(target).await.unwrap();
                tokio::spawn(relay(client, server, passing.clone(), asking.clone()));
            }
        });
        Self {
            address,
            way,
            asked,
            relaying,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on answers are held back.
    pub(crate) fn shut(&self) {
        self.way.send_replace(Way::Shut);
    }

    /// What was held back passes.
    pub(crate) fn open(&self) {
        self.way.send_replace(Way::Open);
    }

    /// Waits until more than `before` pieces of requests came through.
    pub(crate) async fn asked_since(&mut self, before: u64) {
        let more = self.asked.wait_for(|asked| *asked > before);
        timeout(super::HANG, more).await.expect("a hang").unwrap();
    }

    /// How many pieces of requests came through.
    pub(crate) fn asked(&self) -> u64 {
        *self.asked.borrow()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.relaying.abort();
    }
}

async fn relay(
    mut client: TcpStream,
    mut server: TcpStream,
    mut way: watch::Receiver<Way>,
    asking: watch::Sender<u64>,
) {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = async {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_client.read(&mut piece).await {
            to_server.write_all(&piece[..length]).await?;
            asking.send_modify(|asked| *asked += 1);
        }
        to_server.shutdown().await
    };
    let down = async {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_server.read(&mut piece).await {
            if way.wait_for(|way| *way == Way::Open).await.is_err() {
                break;
            }
            to_client.write_all(&piece[..length]).await?;
        }
        to_client.shutdown().await
    };
    let _ = tokio::join!(up, down);
}
