//! An STS that answers what a story says, in order: faults, garbage, silence, or nothing until the
//! story lets it.

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};

/// One answer.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// This status and body.
    Says(u16, String),
    /// It never comes.
    Silence,
}

/// The server, which ends with its value.
pub(crate) struct HostileSts {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<usize>,
    /// Wakes a story that waits for a question.
    question: Notify,
    /// Answers leave one for each permit.
    gate: Semaphore,
}

impl HostileSts {
    /// Gives these answers in order, and the last one again and again.
    pub(crate) async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let sts = Self::gated(answers).await;
        sts.shared.gate.add_permits(Semaphore::MAX_PERMITS / 2);
        sts
    }

    /// As [`HostileSts::answering`], but no answer leaves before [`HostileSts::let_go`].
    pub(crate) async fn gated(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            answers: Mutex::new(answers.into_iter().collect()),
            asked: Mutex::new(0),
            question: Notify::new(),
            gate: Semaphore::new(0),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            task,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        *self.shared.asked.lock().unwrap()
    }

    /// Waits until it is asked.
    pub(crate) async fn question(&self) {
        self.shared.question.notified().await;
    }

    /// Lets one answer go.
    pub(crate) fn let_go(&self) {
        self.shared.gate.add_permits(1);
    }
}

impl Drop for HostileSts {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|_: Request<hyper::body::Incoming>| answer(&shared));
            // A client that gives up is part of the story.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(shared: &Shared) -> Result<Response<Full<Bytes>>, Infallible> {
    *shared.asked.lock().unwrap() += 1;
    let answer = {
        let mut answers = shared.answers.lock().unwrap();
        match answers.len() {
            1 => answers.front().cloned(),
            _ => answers.pop_front(),
        }
    };
    shared.question.notify_one();
    shared.gate.acquire().await.unwrap().forget();
    match answer.unwrap() {
        Answer::Says(status, body) => {
            let mut response = Response::new(Full::new(Bytes::from(body)));
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            Ok(response)
        }
        Answer::Silence => std::future::pending().await,
    }
}

/// A fault as STS writes it.
pub(crate) fn fault(status: u16, code: &str, message: &str) -> Answer {
    Answer::Says(
        status,
        format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
             <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>1</RequestId></ErrorResponse>"
        ),
    )
}

/// A session as STS writes it.
pub(crate) fn session(key_id: &str, secret: &str, expiration: &str) -> Answer {
    Answer::Says(
        200,
        format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleResult><Credentials><AccessKeyId>{key_id}</AccessKeyId>\
             <SecretAccessKey>{secret}</SecretAccessKey><SessionToken>token-{secret}</SessionToken>\
             <Expiration>{expiration}</Expiration></Credentials></AssumeRoleResult>\
             <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>"
        ),
    )
}
