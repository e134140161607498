//! What comes back: headers that belong to the answer alone, a body that is looked through.

use super::keeping::Keeper;
use super::pool::Lease;
use crate::meter::Meter;
use crate::scrub::{Leak, Needles, Scan};
use crate::standing::{Fallen, Need, Standing};
use bytes::Bytes;
use cordon_aws::catalog::Catalog;
use cordon_aws::told::{Heard, ToldReader};
use http::header::{
    ALT_SVC, CONNECTION, LOCATION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, Uri};
use hyper::body::{Body, Frame, Incoming};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

/// Headers that belong to one connection; `alt-svc`, which would invite the client to go to AWS by
/// another way; and cookies, which no API of AWS sets and which would be told to Cordon's own
/// host.
const LEFT_OUT: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    ALT_SVC,
    SET_COOKIE,
];

/// The body of an answer, as it comes.
///
/// It has a keeper: the last piece is held until they kept what became of the call, so that whoever
/// read an answer to its end finds its outcome recorded.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    /// What is left; nothing after the end.
    content: Option<Box<Content>>,
    /// The last piece, while it is held.
    last: Bytes,
    attended: Option<Attended>,
    idle: Duration,
    length: Option<u64>,
}

/// What is left of an answer to be read.
#[derive(Debug)]
pub(crate) struct Content {
    incoming: Incoming,
    lease: Option<Lease>,
    scan: Scan,
    told: Option<ToldReader>,
}

/// For whom a body is read.
#[derive(Debug)]
struct Attended {
    standing: Standing,
    keeper: Keeper,
}

/// How an answer ended.
#[derive(Debug)]
pub(crate) enum End {
    /// All of it came; what it told, where its operation has something to tell.
    Whole(Option<Heard>),
    /// It can be read no further.
    Broken(AnswerError),
    /// It is not passed on any more, for this reason; here is the rest.
    Left(Box<Content>, Box<str>),
}

/// Why an answer cannot be read, or is not passed on, to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error("the upstream ended its answer early")]
    Broken(#[source] hyper::Error),
    #[error("the upstream stalled for {0:?} within its answer")]
    Stalled(Duration),
    #[error(transparent)]
    Leak(#[from] Leak),
    #[error("the answer is not passed on")]
    Fallen(#[source] Fallen),
    /// It was told before.
    #[error("the answer was cut")]
    Cut,
}

/// A piece of an answer.
struct Piece {
    bytes: Bytes,
    is_last: bool,
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
            content: Some(Box::new(Content {
                incoming,
                lease: Some(lease),
                scan: Scan::new(needles),
                told: None,
            })),
            last: Bytes::new(),
            attended: None,
            idle,
            length,
        }
    }

    /// Passes the body on for as long as the session of its call stands, and gives its end to
    /// `keeper`. `told` reads it where it has something to tell.
    pub(crate) fn attend(&mut self, standing: Standing, told: Option<ToldReader>, keeper: Keeper) {
        if let Some(content) = &mut self.content {
            content.told = told;
        }
        self.attended = Some(Attended { standing, keeper });
    }

    /// Its length, where the head told.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next piece; nothing at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, AnswerError> {
        let idle = self.idle;
        let mut standing = self.attended.as_ref().map(|it| it.standing.clone());
        let stood = tokio::select! {
            biased;
            fallen = fallen(standing.as_mut()) => Err(fallen),
            piece = timeout(idle, std::future::poll_fn(|cx| self.poll_next(cx))) => Ok(piece),
        };
        match stood {
            Err(fallen) => Err(self.fall(fallen)),
            Ok(Ok(piece)) => piece,
            Ok(Err(_)) => {
                self.content = None;
                self.end(End::Broken(AnswerError::Stalled(idle)));
                Err(AnswerError::Stalled(idle))
            }
        }
    }

    /// The next piece if it is already here.
    pub(crate) async fn ready(&mut self) -> Option<Result<Option<Bytes>, AnswerError>> {
        let standing = self.attended.as_ref().map(|it| &it.standing);
        if let Some(Err(fallen)) = standing.map(|standing| standing.check(Need::Look)) {
            return Some(Err(self.fall(fallen)));
        }
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
        while let Some(content) = &mut self.content {
            let piece = match std::task::ready!(content.poll_piece(cx)) {
                Ok(piece) => piece,
                Err(error) => {
                    self.content = None;
                    self.end(End::Broken(error));
                    return Poll::Ready(Err(AnswerError::Cut));
                }
            };
            if piece.is_last {
                let told = content.told.take().map(ToldReader::finish);
                self.content = None;
                self.last = piece.bytes;
                if let Some(attended) = &mut self.attended {
                    attended.keeper.begin(End::Whole(told));
                }
            } else if !piece.bytes.is_empty() {
                return Poll::Ready(Ok(Some(piece.bytes)));
            }
        }
        if let Some(attended) = &mut self.attended {
            std::task::ready!(attended.keeper.poll_kept(cx));
            self.attended = None;
        }
        let last = std::mem::take(&mut self.last);
        Poll::Ready(Ok(Some(last).filter(|last| !last.is_empty())))
    }

    fn fall(&mut self, fallen: Fallen) -> AnswerError {
        if let Some(content) = self.content.take() {
            self.end(End::Left(content, fallen.to_string().into()));
        }
        AnswerError::Fallen(fallen)
    }

    /// Ends it before its end: nobody reads on.
    fn end(&mut self, end: End) {
        if let Some(attended) = self.attended.take() {
            attended.keeper.leave(end);
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let Some(content) = self.content.take() {
            self.end(End::Left(
                content,
                "the client left within the answer".into(),
            ));
        }
    }
}

async fn fallen(standing: Option<&mut Standing>) -> Fallen {
    match standing {
        Some(standing) => standing.fallen(Need::Look).await,
        None => std::future::pending().await,
    }
}

impl Content {
    /// Whether the rest has anything to tell.
    pub(crate) fn listens(&self) -> bool {
        self.told.is_some()
    }

    /// Reads the rest for what it tells; nothing where it cannot be read to its end.
    pub(crate) async fn tell(mut self) -> Option<Heard> {
        loop {
            let piece = std::future::poll_fn(|cx| self.poll_piece(cx)).await.ok()?;
            if piece.is_last {
                return self.told.map(ToldReader::finish);
            }
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let here = Pin::new(&mut self.incoming).poll_frame(cx);
        match (&mut self.lease, here) {
            (Some(lease), Poll::Pending) => {
                lease.poll(cx);
                Pin::new(&mut self.incoming).poll_frame(cx)
            }
            (_, here) => here,
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, AnswerError>> {
        loop {
            let piece = match std::task::ready!(self.poll_frame(cx)) {
                Some(Err(error)) => return Poll::Ready(Err(AnswerError::Broken(error))),
                Some(Ok(frame)) => {
                    // Trailers of answers carry nothing that clients of AWS read.
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    let bytes = self.scan.pass(data).inspect_err(|_| Meter::leak())?;
                    let is_last = self.incoming.is_end_stream();
                    Piece { bytes, is_last }
                }
                None => Piece {
                    bytes: Bytes::new(),
                    is_last: true,
                },
            };
            return Poll::Ready(Ok(self.looked_at(piece)));
        }
    }

    fn looked_at(&mut self, mut piece: Piece) -> Piece {
        if piece.is_last {
            let held = self.scan.finish();
            if !held.is_empty() {
                piece.bytes = [piece.bytes, held].concat().into();
            }
            if let Some(lease) = self.lease.take() {
                lease.give_back();
            }
        }
        if let Some(told) = &mut self.told {
            told.push(&piece.bytes);
        }
        piece
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
    for name in LEFT_OUT.iter().chain(&named) {
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
