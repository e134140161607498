//! Eyes: the reads by which Cordon itself sees what a call would do.
//!
//! Takes a call, and what it is decided by; gives what the upstream says to reads beside it. Each goes down
//! the same line as one of the agent's: decided by the same task and policies, recorded, minted for, signed.
//! So Cordon sees no more than the task may, and the record tells what it looked at.
//!
//! ```text
//! Eyes ─ ask ─► Asked ─ next ─► Told ─► an answer, or a reading ─ learned ─► known for a moment
//! ```
//! What to ask, and what an answer means, is the core's: what a call takes along ([`super::look`]), its
//! targets' tags ([`super::tags`]), what it leaves out ([`super::omission`]), what it would change
//! ([`super::predict`]). All reads for one decision have the same time.
//!
//! What was answered a moment ago is not asked again where that may serve: [`crate::known`] says when it may not.

use super::ahead::Ahead;
use super::depart::{self, DepartError, Departure};
use super::record::{Beside, record};
use super::stop::Stopped;
use crate::forward::{AnswerBody, Answered, Caller, ForwardError};
use crate::gather::Gathered;
use crate::known::{self, Key, Moment};
use crate::line::Line;
use crate::live::Snapshot;
use crate::worker::WorkerId;
use bytes::Bytes;
use cordon_aws::answer::Answer;
use cordon_aws::call::Protocol;
use cordon_aws::error_shape::ErrorShape;
use cordon_core::assess::{Assessed, assess};
use cordon_core::decide::{Decision, decide};
use cordon_core::identify::Identified;
use cordon_core::look::{LookError, Read};
use cordon_core::predict::Reading;
use cordon_core::tags::TagsError;
use futures_util::future::BoxFuture;
use http::StatusCode;
use jiff::Timestamp;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Bytes of one answer.
const LARGEST: usize = 1024 * 1024;

/// Whose reads they are, and what decides them.
pub(super) struct Eyes<'e> {
    pub(super) line: &'e Line,
    pub(super) worker: WorkerId,
    /// The call that is looked at.
    pub(super) identified: &'e Identified,
    pub(super) snapshot: &'e Snapshot,
    pub(super) gathered: &'e Gathered,
    pub(super) allowance: Allowance,
    /// Whether something was seen by an answer from before the call was looked at.
    pub(super) by_known: AtomicBool,
}

/// What the reads may take on which the decision of one call rests: how long they have together, and how old
/// an answer may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    whole: Duration,
    began: Instant,
    came: Moment,
    oldest: Moment,
}

/// Whether an answer may be one that is known already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// It may, and is known from then on.
    Known,
    /// It is asked for, whatever is known.
    Upstream,
}

/// The reads of one question, of which those that rest on no other are under way together.
pub(super) struct Asked<'e> {
    eyes: &'e Eyes<'e>,
    source: Source,
    ahead: Ahead<Result<Told, Unseen>>,
}

/// What came back of a read.
pub(super) struct Told {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    error_type: Option<String>,
    protocol: Protocol,
    /// When it was asked.
    at: Timestamp,
    /// As what it is known once something was learned from it.
    unknown: Option<(Key, Moment)>,
}

/// Why a call could not be looked into.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unseen {
    #[error("Cordon has no way to ask for it")]
    NoWay,
    #[error("the read that would tell was refused: {0}")]
    Refused(String),
    #[error("the read that would tell was answered with {0}")]
    Status(u16),
    #[error("the answer could not be read")]
    Unread,
    #[error("it took longer than {0:?}")]
    TooSlow(Duration),
    #[error(transparent)]
    Look(#[from] LookError),
    #[error(transparent)]
    Tags(#[from] TagsError),
}

impl Eyes<'_> {
    /// Whether the task speaks nowhere of something that the call does: it is refused, whatever would be
    /// read for it.
    pub(super) fn is_out_of_scope(&self) -> bool {
        let task = &self.identified.session().task;
        let mut accesses = self.identified.call().accesses().iter();
        !accesses.all(|access| task.speaks_of(&access.action))
    }

    /// Whether something was seen by an answer from before the call was looked at.
    pub(super) fn saw_by_known(&self) -> bool {
        self.by_known.load(Ordering::Relaxed)
    }

    /// Begins a question, whose answers may come from there.
    pub(super) fn ask(&self, source: Source) -> Asked<'_> {
        Asked {
            eyes: self,
            source,
            ahead: Ahead::new(),
        }
    }

    /// What one read of Cordon's own is answered.
    async fn told(&self, read: &Read, source: Source) -> Result<Told, Unseen> {
        let left = self.allowance.left()?;
        let (line, at) = (self.line, self.line.clock.now());
        let reference = line.references.next(at);
        let read = self.identified.beside(read, line.catalog, reference, at);
        // What was seen of the call is nothing that is known of a read beside it.
        let knowledge = self.gathered.knowledge(self.snapshot);
        let decision = self.decide(assess(read.ok_or(Unseen::NoWay)?, &knowledge));
        let protocol = decision.assessed().call().protocol();
        let unknown = match (source, &decision) {
            (Source::Known, Decision::Allow(permit)) => {
                let key = Key::of(permit.assessed());
                if let Some(known) = line.known.find(&key, self.allowance.oldest, at) {
                    return Ok(self.seen_by(known, protocol));
                }
                Some((key, line.known.moment()))
            }
            _ => None,
        };
        let answered = self.send(decision, left).await?;
        let told = told(answered, protocol, at, left).await?;
        Ok(Told { unknown, ..told })
    }

    fn seen_by(&self, known: known::Answered, protocol: Protocol) -> Told {
        if known.asked < self.allowance.came {
            self.by_known.store(true, Ordering::Relaxed);
        }
        Told {
            status: StatusCode::OK,
            body: known.body,
            error_type: None,
            protocol,
            at: known.at,
            unknown: None,
        }
    }

    /// Whether the task may make a call of Cordon's own.
    pub(super) fn decide(&self, assessed: Assessed) -> Decision {
        let circumstances = &self.gathered.circumstances;
        decide(&self.snapshot.policies, assessed, circumstances)
    }

    /// Sends one call of Cordon's own down the line; gives its answer when that begins.
    pub(super) async fn send(
        &self,
        decision: Decision,
        patience: Duration,
    ) -> Result<Answered, Unseen> {
        let (line, decided) = (self.line, Instant::now());
        let shape = ErrorShape {
            protocol: decision.assessed().call().protocol(),
            s3: false,
            head: false,
        };
        let refused = |stopped: Stopped| Unseen::Refused(stopped.refusal.message);
        let (beside, now) = (Beside::default(), line.clock.now());
        let recording = record(line, decision, beside, None, shape, now);
        let (permit, recorded) = recording.await.map_err(refused)?;
        let departure = Departure::of(line, &permit, shape, decided);
        let caller = Caller::Own(self.worker);
        let departing = depart::depart(line, caller, permit, &recorded, &departure);
        let outcome = timeout(patience, departing)
            .await
            .unwrap_or_else(|_| Err(DepartError::Forward(ForwardError::TimedOut(patience))));
        let closed = depart::close(line, recorded, departure, outcome).await;
        closed.map_err(refused)
    }
}

impl Allowance {
    /// Begins with what is known.
    pub(super) fn begin(line: &Line, whole: Duration) -> Self {
        Self {
            whole,
            began: Instant::now(),
            came: line.known.moment(),
            oldest: Moment::default(),
        }
    }

    /// What is left of it, for answers that were asked since it began.
    pub(super) fn of_now(self) -> Self {
        Self {
            oldest: self.came,
            ..self
        }
    }

    /// What is left of it.
    pub(super) fn left(&self) -> Result<Duration, Unseen> {
        let left = self.whole.saturating_sub(self.began.elapsed());
        match left.is_zero() {
            true => Err(Unseen::TooSlow(self.whole)),
            false => Ok(left),
        }
    }
}

impl Asked<'_> {
    /// What the first of the reads that are `due` was answered; nothing where none is.
    pub(super) async fn next(&mut self, due: Vec<Read>) -> Option<Result<Told, Unseen>> {
        let (eyes, source) = (self.eyes, self.source);
        let tell = |read: Read| -> BoxFuture<'_, _> {
            Box::pin(async move { eyes.told(&read, source).await })
        };
        self.ahead.next(due, &tell).await
    }

    /// Something was learned from what was told: it is known from now on.
    pub(super) fn learned(&self, told: Told) {
        if let Some((key, asked)) = told.unknown.filter(|_| told.status.is_success()) {
            let Told { at, body, .. } = told;
            let answered = known::Answered { asked, at, body };
            self.eyes.line.known.keep(key, answered);
        }
    }
}

impl Told {
    /// The answer, where it is a good one.
    pub(super) fn answer(&self) -> Result<Answer, Unseen> {
        match self.status.is_success() {
            true => Answer::read(self.protocol, &self.body).ok_or(Unseen::Unread),
            false => Err(Unseen::Status(self.status.as_u16())),
        }
    }

    /// What it says of how things stand.
    pub(super) fn reading(&self) -> Reading {
        let (status, error_type) = (self.status.as_u16(), self.error_type.as_deref());
        Reading::of(self.protocol, status, error_type, &self.body, self.at)
    }
}

/// The whole of an answer.
pub(super) async fn told(
    answered: Answered,
    protocol: Protocol,
    at: Timestamp,
    patience: Duration,
) -> Result<Told, Unseen> {
    let Answered {
        status,
        headers,
        body,
        ..
    } = answered;
    let error_type = headers.get("x-amzn-errortype");
    let error_type = error_type
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = timeout(patience, whole(body))
        .await
        .map_err(|_| Unseen::TooSlow(patience))?;
    Ok(Told {
        status,
        body: body.ok_or(Unseen::Unread)?.into(),
        error_type,
        protocol,
        at,
        unknown: None,
    })
}

/// A whole body; nothing where it breaks off or is larger than any that Cordon asks for.
async fn whole(mut body: AnswerBody) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await.ok()? {
        if bytes.len() + piece.len() > LARGEST {
            return None;
        }
        bytes.extend_from_slice(&piece);
    }
    Some(bytes)
}
