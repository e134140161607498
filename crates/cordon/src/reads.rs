//! Reads for a preview: how things stand that a call would change, asked through Cordon itself.
//!
//! Takes a call; gives its [`Prediction`]. Each read is signed with the placeholder keys of a session
//! and goes the way of an agent's own: decided by the task, recorded, minted for. So nothing is read
//! here that the task may not, and nothing can be changed: only reads of configuration are asked for.

use crate::attend::Attended;
use crate::failure::Failure;
use cordon_aws::call::{Call, Class};
use cordon_aws::emit::{EmittedBody, HostStyle, emit};
use cordon_aws::sigv4::{SecretKey, SigningCredentials, SigningTarget, Transport, sign};
use cordon_control::exchange::{Unread, exchange};
use cordon_core::predict::{Asking, Prediction, Reading};
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use jiff::Timestamp;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Bytes of one answer.
const LARGEST: usize = 1024 * 1024;

/// Who asks.
#[derive(Debug)]
pub(crate) struct Reads {
    /// `127.0.0.1:8800`, or `unix:` and the path of a socket.
    address: String,
    /// What the `host` header says.
    authority: String,
    credentials: SigningCredentials,
    /// How long the reads of one call may take.
    patience: Duration,
    /// What was answered already: several calls are about one thing.
    known: HashMap<String, Reading>,
}

impl Reads {
    /// Asks as the session of `attended`; the reads of one call take no longer than `patience`.
    pub(crate) fn of(attended: &Attended, patience: Duration) -> Self {
        let session = &attended.session;
        let secret = SecretKey::new(session.keys.secret().expose().to_owned());
        let address = attended.ready.url.trim_start_matches("http://").to_owned();
        let authority = match address.starts_with("unix:") {
            true => "localhost".to_owned(),
            false => address.clone(),
        };
        Self {
            address,
            authority,
            credentials: SigningCredentials::new(session.key_id.clone(), secret, None),
            patience,
            known: HashMap::new(),
        }
    }

    /// What a call would change; nothing where no rule knows its operation.
    pub(crate) async fn predict(&mut self, call: &Call) -> Option<Prediction> {
        let mut asking = Asking::of(call)?;
        let until = Instant::now() + self.patience;
        while let Some(read) = asking.next(call) {
            let beside = call.beside(read.operation, read.parameters);
            let reading = match beside.filter(|read| read.class() == Class::Observe) {
                Some(read) => self.read(&read, until).await,
                None => Reading::Failed,
            };
            asking.learn(reading);
        }
        Some(asking.finish(call))
    }

    async fn read(&mut self, read: &Call, until: Instant) -> Reading {
        let (service, region) = (read.service().name(), read.region());
        let (operation, parameters) = (read.operation().name(), read.parameters());
        let key = format!("{service} {operation} {region} {parameters:?}");
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let asked = timeout_at(until, self.ask(read)).await;
        let reading = match asked {
            Ok(Ok(reading)) => reading,
            Ok(Err(failure)) => {
                tracing::warn!(service, operation, %failure, "a read was not answered");
                Reading::Failed
            }
            Err(_) => Reading::Failed,
        };
        self.known.insert(key, reading.clone());
        reading
    }

    async fn ask(&self, read: &Call) -> Result<Reading, Failure> {
        let now = Timestamp::now();
        let mut emission = emit(read, HostStyle::Fixed);
        let target = SigningTarget {
            authority: &self.authority,
            service: read.service().signing_name(),
            region: read.region(),
            transport: Transport::Plain,
        };
        sign(&mut emission, &target, &self.credentials, None, now)
            .map_err(|error| Failure::because("the read could not be signed", &error))?;
        let EmittedBody::Whole(body) = emission.body else {
            return Err(Failure::new("a read has no body that streams"));
        };
        let place = match &emission.query {
            Some(query) => format!("{}?{query}", emission.path),
            None => emission.path,
        };
        let uri: Uri = place
            .parse()
            .map_err(|error| Failure::because("the read has no URI", &error))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = emission.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = emission.headers;
        let answer = self.send(request).await?;
        let status = answer.status().as_u16();
        let headers = answer.headers();
        let error_type = headers
            .get("x-amzn-errortype")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let Ok(body) = answer.into_body() else {
            return Ok(Reading::Failed);
        };
        Ok(Reading::of(
            read.protocol(),
            status,
            error_type.as_deref(),
            &body,
            now,
        ))
    }

    async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Result<Bytes, Unread>>, Failure> {
        let unreached = |error| Failure::because("Cordon could not be reached", &error);
        let answer = match self.address.strip_prefix("unix:") {
            #[cfg(unix)]
            Some(path) => {
                let stream = tokio::net::UnixStream::connect(path).await;
                exchange(stream.map_err(unreached)?, request, LARGEST).await
            }
            #[cfg(not(unix))]
            Some(_) => return Err(Failure::new("there are no such sockets here")),
            None => {
                let stream = tokio::net::TcpStream::connect(&self.address).await;
                exchange(stream.map_err(unreached)?, request, LARGEST).await
            }
        };
        answer.map_err(|error| Failure::because("Cordon did not answer", &error))
    }
}
