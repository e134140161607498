//! A connection of an agent, byte by byte.

use super::HANG;
use super::tls::Client;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// What carries a connection.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + Debug {}

impl<W: AsyncRead + AsyncWrite + Unpin + Send + Debug> Wire for W {}

/// One connection.
#[derive(Debug)]
pub(crate) struct Talk {
    wire: Box<dyn Wire>,
    /// What was read and not yet looked at.
    input: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Talk {
    pub(crate) async fn tcp(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn unix(path: &Path) -> Self {
        Self::over(UnixStream::connect(path).await.unwrap())
    }

    fn over(wire: impl Wire + 'static) -> Self {
        Self {
            wire: Box::new(wire),
            input: Vec::new(),
        }
    }

    /// TLS on the connection, in which `name` is both the SNI and what the certificate is for.
    pub(crate) async fn secured(self, client: &Client, name: &str) -> io::Result<Self> {
        assert!(self.input.is_empty(), "it said more than was asked");
        let shaken = timeout(HANG, client.shake(self.wire, name));
        Ok(Self::over(shaken.await.expect("a hang")?))
    }

    /// What the other side shows in the handshake for `name`.
    pub(crate) async fn leaf(
        self,
        client: &Client,
        name: &str,
    ) -> io::Result<CertificateDer<'static>> {
        let shaken = timeout(HANG, client.shake(self.wire, name));
        let stream = shaken.await.expect("a hang")?;
        let (_, connection) = stream.get_ref();
        Ok(connection.peer_certificates().unwrap()[0]
            .clone()
            .into_owned())
    }

    /// A connection with a server of the story's own.
    pub(crate) async fn with_server(config: ServerConfig) -> Self {
        let (near, far) = tokio::io::duplex(16 * 1024);
        tokio::spawn(async move {
            // What the client makes of it tells.
            let _ = TlsAcceptor::from(Arc::new(config)).accept(far).await;
        });
        Self::over(near)
    }

    /// Sends `bytes`. A connection that is closed meanwhile is no fault here: what it answered
    /// tells.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.wire.write_all(bytes.as_ref()).await;
        let _ = self.wire.flush().await;
    }

    /// Sends no more.
    pub(crate) async fn end(&mut self) {
        let _ = self.wire.shutdown().await;
    }

    /// The next answer without its body, which is none.
    pub(crate) async fn answer_head(&mut self) -> Answer {
        loop {
            if let Some((answer, length)) = head(&self.input) {
                self.input.drain(..length);
                return answer;
            }
            assert!(self.fill().await, "it ended before an answer");
        }
    }

    /// The next answer, whose length its head tells.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = self.answer_head().await;
        let length = answer.header("content-length").map(str::parse::<usize>);
        let length = length.expect("a length").unwrap();
        while self.input.len() < length {
            assert!(self.fill().await, "it ended within an answer");
        }
        let body: Vec<u8> = self.input.drain(..length).collect();
        answer.body = String::from_utf8(body).unwrap();
        answer
    }

    /// The answer of a good call.
    pub(crate) async fn check_good(&mut self) {
        let answer = self.answer().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.contains("TableNames"), "{answer:?}");
    }

    /// Everything until the connection ends; a reset is an end too.
    pub(crate) async fn rest(&mut self) -> String {
        while self.fill().await {}
        String::from_utf8_lossy(&std::mem::take(&mut self.input)).into_owned()
    }

    async fn fill(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        let read = timeout(HANG, self.wire.read(&mut piece)).await;
        match read.expect("a hang") {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.input.extend_from_slice(&piece[..length]);
                true
            }
        }
    }
}

fn head(bytes: &[u8]) -> Option<(Answer, usize)> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = parsed.parse(bytes).expect("an HTTP answer") else {
        return None;
    };
    let own = |field: &httparse::Header<'_>| {
        (
            field.name.to_ascii_lowercase(),
            String::from_utf8_lossy(field.value).into_owned(),
        )
    };
    let answer = Answer {
        status: parsed.code.unwrap(),
        headers: parsed.headers.iter().map(own).collect(),
        body: String::new(),
    };
    Some((answer, length))
}
