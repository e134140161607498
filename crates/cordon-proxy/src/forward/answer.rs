//! What comes back: headers that belong to the answer alone, a body that is looked through.

use super::pool::Lease;
use crate::meter::Meter;
use crate::scrub::{Leak, Needles, Scan};
use bytes::Bytes;
use cordon_aws::catalog::Catalog;
use http::header::{
    ALT_SVC, CONNECTION, LOCATION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, Uri};
use hyper::body::{Body, Incoming};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

/// Headers that belong to one connection, and `alt-svc`, which would invite the client to go to
/// AWS by another way.
const OF_THE_CONNECTION: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    ALT_SVC,
];

/// The body of an answer, as it comes.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    incoming: Incoming,
    lease: Option<Lease>,
    scan: Scan,
    idle: Duration,
    length: Option<u64>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// What the scan held back is to be given out.
    Ending,
    Ended,
}

/// Why an answer cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error("the upstream ended its answer early")]
    Broken(#[source] hyper::Error),
    #[error("the upstream stalled for {0:?} within its answer")]
    Stalled(Duration),
    #[error(transparent)]
    Leak(#[from] Leak),
}

impl AnswerBody {
    pub(super) fn new(
        incoming: Incoming,
        lease: Lease,
        idle: Duration,
        needles: Arc<Needles>,
    ) -> Self {
        let length = incoming.size_hint().exact();
        Self {
            incoming,
            lease: Some(lease),
            scan: Scan::new(needles),
            idle,
            length,
            state: State::Reading,
        }
    }

    /// Its length, where the head told.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next piece; nothing at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, AnswerError> {
        let idle = self.idle;
        match timeout(idle, std::future::poll_fn(|cx| self.poll_next(cx))).await {
            Ok(piece) => piece,
            Err(_) => Err(AnswerError::Stalled(idle)),
        }
    }

    /// The next piece if it is already here.
    pub(crate) async fn ready(&mut self) -> Option<Result<Option<Bytes>, AnswerError>> {
        std::future::poll_fn(|cx| match self.poll_next(cx) {
            Poll::Ready(piece) => Poll::Ready(Some(piece)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// Reads an answer whose body is of no use to anyone, so that its connection is kept.
    pub(crate) async fn discard(mut self) {
        while let Ok(Some(_)) = self.next().await {}
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, AnswerError>> {
        loop {
            match self.state {
                State::Ended => return Poll::Ready(Ok(None)),
                State::Ending => {
                    self.state = State::Ended;
                    let held = self.scan.finish();
                    if !held.is_empty() {
                        return Poll::Ready(Ok(Some(held)));
                    }
                }
                State::Reading => {
                    match std::task::ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
                        Some(Err(error)) => return Poll::Ready(Err(AnswerError::Broken(error))),
                        Some(Ok(frame)) => {
                            // Trailers of answers carry nothing that clients of AWS read.
                            let Ok(data) = frame.into_data() else {
                                continue;
                            };
                            let passed = self.scan.pass(data).inspect_err(|_| Meter::leak())?;
                            if !passed.is_empty() {
                                return Poll::Ready(Ok(Some(passed)));
                            }
                        }
                        None => {
                            self.state = State::Ending;
                            if let Some(lease) = self.lease.take() {
                                lease.give_back();
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The headers of an answer that go down.
pub(super) fn sanitised(mut headers: HeaderMap, catalog: &'static Catalog) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in OF_THE_CONNECTION.iter().chain(&named) {
        headers.remove(name);
    }
    let leads_astray = headers
        .get_all(LOCATION)
        .iter()
        .any(|location| !stays_within_aws(location.as_bytes(), catalog));
    if leads_astray {
        headers.remove(LOCATION);
    }
    headers
}

/// Whether a `location` leads to the same host or to another AWS API. The client is sent nowhere
/// else, since it would take its signed request there.
fn stays_within_aws(location: &[u8], catalog: &'static Catalog) -> bool {
    if location.starts_with(b"/") && !location.starts_with(b"//") {
        return true;
    }
    Uri::try_from(location)
        .ok()
        .filter(|uri| uri.scheme_str() == Some("https"))
        .and_then(|uri| uri.host().map(str::to_ascii_lowercase))
        .is_some_and(|host| catalog.host(&host).is_some())
}

/// The upstream's name for the request.
pub(super) fn request_id(headers: &HeaderMap) -> Box<str> {
    ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok())
        .unwrap_or_default()
        .chars()
        .take(128)
        .collect::<String>()
        .into()
}
