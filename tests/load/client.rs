//! The client: opens connections through a door, and calls until the time is up.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::certificates;
use crate::work::{Signer, Work};

/// How a contender is reached.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) way: Way,
    /// Clients take turns among them.
    pub(crate) signers: Vec<Arc<Signer>>,
}

/// By which way.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// TLS at once, as a reverse proxy has it.
    Tls(Arc<ClientConfig>),
    /// CONNECT, and TLS inside, as a forward proxy has it.
    Connect(Arc<ClientConfig>),
    /// No TLS; the request is for the address itself.
    Plain,
}

/// Whether a connection serves one call or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    Kept,
    New,
}

/// What came of calling for a while.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) elapsed: Duration,
    /// How long each call took.
    pub(crate) latencies: Vec<Duration>,
    /// What went wrong, by call.
    pub(crate) errors: Vec<String>,
}

type Fault = Box<dyn Error + Send + Sync>;
type Sender = SendRequest<Full<Bytes>>;

impl Sample {
    pub(crate) fn calls(&self) -> usize {
        self.latencies.len()
    }

    /// Calls a second.
    pub(crate) fn rate(&self) -> f64 {
        self.calls() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that half of the calls did not exceed, in microseconds.
    pub(crate) fn median_us(&self) -> f64 {
        let mut all: Vec<_> = self.latencies.iter().map(Duration::as_nanos).collect();
        all.sort_unstable();
        all.get(all.len() / 2)
            .map_or(0.0, |nanos| *nanos as f64 / 1_000.0)
    }
}

/// Calls on `clients` connections at once for `time`, and at least once on each.
pub(crate) async fn call(
    door: &Door,
    work: Work,
    connections: Connections,
    clients: usize,
    time: Duration,
) -> Sample {
    let began = Instant::now();
    let until = began + time;
    let mut all = JoinSet::new();
    for (_, signer) in (0..clients).zip(door.signers.iter().cycle()) {
        let client = Client {
            door: door.clone(),
            signer: Arc::clone(signer),
            work,
            connections,
        };
        all.spawn(client.call_until(until));
    }
    let mut sample = Sample::default();
    while let Some(one) = all.join_next().await {
        match one {
            Ok((latencies, error)) => {
                sample.latencies.extend(latencies);
                sample.errors.extend(error);
            }
            Err(error) => sample.errors.push(error.to_string()),
        }
    }
    sample.elapsed = began.elapsed();
    sample
}

/// Calls by a client for each of `works` at once, whatever is answered, until what it gives is dropped.
pub(crate) fn press(door: &Door, works: &[Work]) -> JoinSet<()> {
    let mut all = JoinSet::new();
    for (work, signer) in works.iter().zip(door.signers.iter().cycle()) {
        let client = Client {
            door: door.clone(),
            signer: Arc::clone(signer),
            work: *work,
            connections: Connections::Kept,
        };
        all.spawn(client.call_on());
    }
    all
}

/// One of those that call at the same time.
struct Client {
    door: Door,
    signer: Arc<Signer>,
    work: Work,
    connections: Connections,
}

impl Client {
    /// Calls until the time is up or something goes wrong.
    async fn call_until(self, until: Instant) -> (Vec<Duration>, Option<String>) {
        let mut latencies = Vec::new();
        let mut kept = None;
        loop {
            match self.one_call(&mut kept).await {
                Ok(took) => latencies.push(took),
                Err(error) => return (latencies, Some(error.to_string())),
            }
            if self.connections == Connections::New {
                kept = None;
            }
            if Instant::now() >= until {
                return (latencies, None);
            }
        }
    }

    async fn call_on(self) {
        let mut kept = None;
        loop {
            let _ = self.one_call(&mut kept).await;
            kept.take_if(|sender: &mut Sender| sender.is_closed());
        }
    }

    /// How long the call took, once it was signed.
    async fn one_call(&self, kept: &mut Option<Sender>) -> Result<Duration, Fault> {
        let work = self.work;
        let host = self.door.host(work);
        let request = self.signer.request(work, &host);
        let began = Instant::now();
        let sender = match kept {
            Some(sender) => sender,
            None => kept.insert(self.door.open(&host).await?),
        };
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let (head, mut body) = response.into_parts();
        let mut length = 0;
        let mut said = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame?;
            let data = frame.data_ref().map_or(&[] as &[u8], |data| data);
            length += data.len();
            if !head.status.is_success() {
                said.extend_from_slice(data);
            }
        }
        match head.status.is_success() && length >= work.least_answer() {
            true => Ok(began.elapsed()),
            false => Err(format!(
                "{work:?} was answered by {}, {length} bytes: {}",
                head.status,
                String::from_utf8_lossy(&said)
            )
            .into()),
        }
    }
}

impl Door {
    /// What `host` says.
    fn host(&self, work: Work) -> String {
        match self.way {
            Way::Tls(_) | Way::Connect(_) => certificates::host(work.service()),
            Way::Plain => self.address.to_string(),
        }
    }

    async fn open(&self, host: &str) -> Result<Sender, Fault> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let tls = match &self.way {
            Way::Plain => return handshake(stream).await,
            Way::Tls(tls) => tls,
            Way::Connect(tls) => {
                connect(&mut stream, host).await?;
                tls
            }
        };
        let name = host.to_owned().try_into()?;
        let stream = TlsConnector::from(Arc::clone(tls))
            .connect(name, stream)
            .await?;
        handshake(stream).await
    }
}

async fn connect(stream: &mut TcpStream, host: &str) -> Result<(), Fault> {
    let head = format!("CONNECT {host}:443 HTTP/1.1\r\nhost: {host}:443\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    match answer.starts_with(b"HTTP/1.1 200") {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&answer).into()),
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Sender, Fault> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
