//! The upstream of every contender, in a process of its own: TLS, and an answer for each kind of
//! call that was made before it was asked for.
//!
//! It verifies nothing, so that it is never what a measurement waits for. It answers
//! `AssumeRole` too, which is all that Cordon needs of STS.

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::certificates;
use crate::work::LARGE;

/// The item of every table: an answer of 500 bytes.
static ITEM: LazyLock<Bytes> = LazyLock::new(|| {
    let text = "n".repeat(420);
    Bytes::from(format!(
        r#"{{"Item":{{"id":{{"S":"a-1"}},"total":{{"N":"1024"}},"note":{{"S":"{text}"}}}}}}"#
    ))
});

static OBJECT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(vec![b'o'; LARGE]));

/// What came of calls, of which asking for credentials is none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<(u64, Option<Instant>)>>);

impl Heard {
    /// How many calls began.
    pub(crate) fn calls(&self) -> u64 {
        self.lock().0
    }

    /// When the last piece of any came.
    pub(crate) fn last(&self) -> Option<Instant> {
        self.lock().1
    }

    fn a_call(&self) {
        self.lock().0 += 1;
        self.a_piece();
    }

    fn a_piece(&self) {
        let now = Instant::now();
        self.lock().1 = Some(now);
    }

    fn lock(&self) -> MutexGuard<'_, (u64, Option<Instant>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until its standard input closes, which is when its parent has ended. Says its address.
pub(crate) async fn serve(leaf: &Path, key: &Path) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    let acceptor = TlsAcceptor::from(certificates::server(leaf, key)?);
    let parent = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    let heard = Heard::default();
    tokio::select! {
        served = serve_all(&listener, &acceptor, &heard) => Ok(served?),
        _ = parent => Ok(()),
    }
}

/// Serves until the listener fails; `heard` is told of what comes.
pub(crate) async fn serve_all(
    listener: &TcpListener,
    acceptor: &TlsAcceptor,
    heard: &Heard,
) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let (acceptor, heard) = (acceptor.clone(), heard.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(
                    TokioIo::new(stream),
                    service_fn(|request| answer(request, heard.clone())),
                )
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    heard: Heard,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, mut body) = request.into_parts();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let is_call = head.headers.get(CONTENT_TYPE) != Some(&form);
    if is_call {
        heard.a_call();
    }
    while let Some(frame) = body.frame().await {
        drop(frame);
        if is_call {
            heard.a_piece();
        }
    }
    let (kind, text) = match head.method {
        Method::GET => ("application/octet-stream", OBJECT.clone()),
        Method::PUT => ("application/xml", Bytes::new()),
        _ if head.headers.get(CONTENT_TYPE) == Some(&form) => ("text/xml", session()),
        _ => ("application/x-amz-json-1.0", ITEM.clone()),
    };
    let mut response = Response::new(Full::new(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let id = HeaderValue::from_static("5b7d5f3e-6a30-4c47-9d8b-0b6f0d7a6c10");
    headers.insert("x-amzn-requestid", id);
    Ok(response)
}

/// An answer of `AssumeRole`, good for an hour.
fn session() -> Bytes {
    let token = "IQoJb3JpZ2luX2VjE".repeat(40);
    let expires = jiff::Timestamp::now().saturating_add(jiff::SignedDuration::from_hours(1));
    let expires = expires.unwrap_or(jiff::Timestamp::MAX);
    let expires = expires.strftime("%Y-%m-%dT%H:%M:%SZ");
    Bytes::from(format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <Credentials><AccessKeyId>ASIACORDONLOAD000001</AccessKeyId>\
         <SecretAccessKey>loadloadloadloadloadloadloadloadloadload</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{expires}</Expiration></Credentials>\
         </AssumeRoleResult></AssumeRoleResponse>"
    ))
}
