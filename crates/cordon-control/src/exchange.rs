//! One request over a connection of its own: sent, and answered with all of its body, or why that
//! could not be read. What is above the bound is not kept.

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

/// Why a body could not be read: it was cut, or it is larger than was asked for.
pub type Unread = Box<dyn std::error::Error + Send + Sync>;

/// Sends `request` over `stream`; gives the answer, of whose body at most `largest` bytes are read.
///
/// # Errors
/// When the other side does not speak HTTP.
pub async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
    largest: usize,
) -> Result<Response<Result<Bytes, Unread>>, hyper::Error> {
    let opened = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = opened?;
    // Aborted when it goes out of scope, however that happens.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let (head, body) = sender.send_request(request).await?.into_parts();
    let read = Limited::new(body, largest).collect().await;
    let read = read.map(|read| read.to_bytes());
    Ok(Response::from_parts(head, read))
}
