//! An agent that signs with the session's placeholder keys and sends any bytes it likes.

use bytes::Bytes;
use cordon_aws::emit::{Emission, EmittedBody};
use cordon_aws::sigv4::{
    Framing, PayloadMode, SigningCredentials, SigningTarget, StreamPayload, Trailer, Transport,
    sign,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const REGION: &str = "eu-central-1";

/// Somebody with keys.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) address: SocketAddr,
    pub(crate) credentials: SigningCredentials,
    /// How many requests it has signed.
    pub(crate) signed: AtomicU32,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to the end that the head told of.
    pub(crate) whole: bool,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            (found == name).then_some(value)
        })
    }
}

/// A request on the wire: its head and its body.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

impl Agent {
    /// A call of DynamoDB.
    pub(crate) fn dynamodb(&self, operation: &str, body: &str) -> Wire {
        let target = format!("DynamoDB_20120810.{operation}");
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", &target),
        ];
        self.signed(
            "dynamodb",
            Method::POST,
            "/",
            None,
            &headers,
            body.as_bytes(),
        )
    }

    /// A change that the task allows.
    pub(crate) fn put_item(&self, id: &str) -> Wire {
        let body = format!(r#"{{"TableName":"orders","Item":{{"id":{{"S":"{id}"}}}}}}"#);
        self.dynamodb("PutItem", &body)
    }

    /// A read that it allows.
    pub(crate) fn get_item(&self) -> Wire {
        self.dynamodb(
            "GetItem",
            r#"{"TableName":"orders","Key":{"id":{"S":"1"}}}"#,
        )
    }

    /// A call of S3 whose body is at hand.
    pub(crate) fn s3(
        &self,
        method: Method,
        path: &str,
        query: Option<&str>,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Wire {
        self.signed("s3", method, path, query, headers, body)
    }

    pub(crate) fn signed(
        &self,
        service: &str,
        method: Method,
        path: &str,
        query: Option<&str>,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Wire {
        let mut emission = emission(method, path, query, headers);
        emission.body = EmittedBody::Whole(Bytes::copy_from_slice(body));
        self.sign(&mut emission, service, None);
        Wire {
            head: head(&emission, body.len()),
            body: body.to_vec(),
        }
    }

    /// An upload whose payload is protected in `mode`; `trailer` is the checksum that follows it.
    pub(crate) fn upload(
        &self,
        path: &str,
        mode: PayloadMode,
        content: &[u8],
        trailer: Option<Trailer>,
    ) -> Wire {
        let mut emission = emission(Method::PUT, path, None, &[]);
        emission.body = EmittedBody::Streamed;
        let stream = StreamPayload {
            mode,
            length: content.len() as u64,
        };
        let framing = self.sign(&mut emission, "s3", Some(&stream));
        let body = match framing {
            Framing::Plain => content.to_vec(),
            Framing::Chunked(mut writer) => {
                let mut pieces = Vec::new();
                // In pieces, so that there is more than one chunk.
                for piece in content.chunks(64 * 1024) {
                    pieces.extend(writer.push(Bytes::copy_from_slice(piece)).unwrap());
                }
                pieces.extend(writer.finish(trailer.as_ref()).unwrap());
                pieces.concat()
            }
        };
        Wire {
            head: head(&emission, body.len()),
            body,
        }
    }

    fn sign(
        &self,
        emission: &mut Emission,
        service: &str,
        stream: Option<&StreamPayload>,
    ) -> Framing {
        let region = REGION.parse().unwrap();
        let target = SigningTarget {
            authority: &self.address.to_string(),
            service,
            region: &region,
            // As a client that believes to be within TLS, so that every mode leaves as it is.
            transport: Transport::Tls,
        };
        // Two requests of one second would have one signature.
        let number = self.signed.fetch_add(1, Ordering::Relaxed);
        emission.headers.insert("x-number", number.into());
        let now = Timestamp::now();
        sign(emission, &target, &self.credentials, stream, now)
            .unwrap()
            .framing
    }

    /// Sends a request and reads the answer to its end.
    pub(crate) async fn send(&self, wire: &Wire) -> Answer {
        let mut stream = self.begin(wire).await;
        // Cordon may answer, and hang up, before it has read everything.
        let _ = stream.write_all(&wire.body).await;
        answer(stream).await
    }

    /// Sends the head of a request alone.
    pub(crate) async fn begin(&self, wire: &Wire) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(&wire.head).await.unwrap();
        stream
    }
}

/// Reads at least this many bytes, or to the end of the connection; gives how many there were.
pub(crate) async fn read_some(stream: &mut TcpStream, least: usize) -> usize {
    let mut bytes = Vec::new();
    while bytes.len() < least && matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {}
    bytes.len()
}

/// Reads until these bytes were last, or to the end of the connection.
pub(crate) async fn read_until(stream: &mut TcpStream, last: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(last) && matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {}
    bytes
}

/// Reads an answer until the connection ends.
pub(crate) async fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&bytes)));
    let body = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer {
        status,
        head,
        body,
        whole: true,
    };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.whole = answer.body.ends_with(b"0\r\n\r\n");
        answer.body = unchunked(&answer.body);
    } else if let Some(length) = answer.header("content-length") {
        answer.whole = answer.body.len() == length.parse::<usize>().unwrap();
    }
    answer
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(bytes) {
        let end = bytes.len().min(start + usize::try_from(size).unwrap());
        content.extend_from_slice(&bytes[start..end]);
        bytes = bytes.get(end + 2..).unwrap_or_default();
    }
    content
}

fn emission(method: Method, path: &str, query: Option<&str>, headers: &[(&str, &str)]) -> Emission {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    Emission {
        method,
        path: path.to_owned(),
        query: query.map(str::to_owned),
        headers: map,
        host: String::new(),
        body: EmittedBody::Whole(Bytes::new()),
    }
}

fn head(emission: &Emission, length: usize) -> Vec<u8> {
    let query = emission.query.as_deref().map(|query| format!("?{query}"));
    let mut head = format!(
        "{} {}{} HTTP/1.1\r\n",
        emission.method,
        emission.path,
        query.unwrap_or_default()
    );
    for (name, value) in &emission.headers {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    head.push_str(&format!(
        "content-length: {length}\r\nconnection: close\r\n\r\n"
    ));
    head.into_bytes()
}
