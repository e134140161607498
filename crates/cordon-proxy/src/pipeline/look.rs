//! Looking: what a call would do that only AWS can tell, asked with reads of Cordon's own.
//!
//! Each read goes down the same line as one of the agent's: decided by the same task and policies,
//! recorded, minted for, signed. Cordon sees no more than the task may, and the record tells what
//! it looked at. A look that fails is the fact `unverified`, and the call stays as severe as its
//! parameters make it.

use super::depart::{self, DepartError, Departure};
use super::record::{Beside, record};
use crate::forward::{AnswerBody, Answered, ForwardError};
use crate::gather::Gathered;
use crate::http1::Connection;
use crate::line::Line;
use crate::live::Snapshot;
use crate::trace::chain;
use cordon_aws::answer::Answer;
use cordon_aws::error_shape::ErrorShape;
use cordon_core::assess::assess;
use cordon_core::decide::decide;
use cordon_core::fact::Fact;
use cordon_core::identify::Identified;
use cordon_core::look::{Look, LookError};
use cordon_core::tags::TagsError;
use http::StatusCode;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Bytes of one answer.
const LARGEST: usize = 1024 * 1024;

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

/// The time that all the reads have together on which the decision of one call rests.
#[derive(Debug)]
pub(super) struct Allowance {
    whole: Duration,
    began: Instant,
}

impl Allowance {
    pub(super) fn begin(whole: Duration) -> Self {
        let began = Instant::now();
        Self { whole, began }
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

/// Whether the task speaks nowhere of something that the call does: it is refused, whatever would be
/// read for it.
pub(super) fn is_out_of_scope(identified: &Identified) -> bool {
    let task = &identified.session().task;
    let mut accesses = identified.call().accesses().iter();
    !accesses.all(|access| task.speaks_of(&access.action))
}

/// Looks into a call that needs it, and adds to what was gathered.
pub(super) async fn look(
    line: &Line,
    client: &mut Connection,
    identified: &Identified,
    snapshot: &Snapshot,
    gathered: &mut Gathered,
    time: &Allowance,
) {
    let Some(mut look) = Look::of(identified.call()) else {
        return;
    };
    if is_out_of_scope(identified) {
        return;
    }
    let seen = see(
        line, client, identified, snapshot, gathered, &mut look, time,
    );
    match seen.await {
        Ok(()) => gathered.seen = Some(look.finish()),
        Err(error) => {
            tracing::warn!(
                reference = %identified.reference(),
                operation = identified.call().operation().name(),
                error = %chain(&error),
                "what a call would do could not be looked at"
            );
            gathered.unverified.insert(Fact::Unverified);
            gathered.seen = look.give_up();
        }
    }
}

async fn see(
    line: &Line,
    client: &mut Connection,
    identified: &Identified,
    snapshot: &Snapshot,
    gathered: &Gathered,
    look: &mut Look,
    time: &Allowance,
) -> Result<(), Unseen> {
    while let Some(read) = look.next() {
        let left = time.left()?;
        let now = line.clock.now();
        let read = identified.beside(read, line.references.next(now), now);
        let read = read.ok_or(Unseen::NoWay)?;
        let answer = ask(line, client, read, snapshot, gathered, left).await?;
        look.learn(identified.call(), &answer, gathered.ledger())?;
    }
    Ok(())
}

/// One read of Cordon's own that was answered well.
pub(super) async fn ask(
    line: &Line,
    client: &mut Connection,
    read: Identified,
    snapshot: &Snapshot,
    gathered: &Gathered,
    patience: Duration,
) -> Result<Answer, Unseen> {
    let protocol = read.call().protocol();
    let told = send(line, client, read, snapshot, gathered, patience).await?;
    if !told.status.is_success() {
        return Err(Unseen::Status(told.status.as_u16()));
    }
    Answer::read(protocol, &told.body).ok_or(Unseen::Unread)
}

/// What came back of a read.
pub(super) struct Told {
    pub(super) status: StatusCode,
    pub(super) error_type: Option<String>,
    pub(super) body: Vec<u8>,
}

/// One read of Cordon's own, down the line.
pub(super) async fn send(
    line: &Line,
    client: &mut Connection,
    read: Identified,
    snapshot: &Snapshot,
    gathered: &Gathered,
    patience: Duration,
) -> Result<Told, Unseen> {
    let answered = answered(line, client, read, snapshot, gathered, patience).await?;
    told(answered, patience).await
}

/// One read of Cordon's own, down the line, until its answer begins.
pub(super) async fn answered(
    line: &Line,
    client: &mut Connection,
    read: Identified,
    snapshot: &Snapshot,
    gathered: &Gathered,
    patience: Duration,
) -> Result<Answered, Unseen> {
    let protocol = read.call().protocol();
    let shape = ErrorShape {
        protocol,
        s3: false,
        head: false,
    };
    let decided = Instant::now();
    let assessed = assess(read, &gathered.knowledge(snapshot));
    let decision = decide(&snapshot.policies, assessed, &gathered.circumstances);
    let refused = |stopped: super::stop::Stopped| Unseen::Refused(stopped.refusal.message);
    let (permit, recorded) = record(
        line,
        decision,
        Beside::default(),
        None,
        shape,
        line.clock.now(),
    )
    .await
    .map_err(refused)?;
    let departure = Departure::of(line, &permit, shape, decided);
    let departing = depart::depart(line, client, permit, &recorded, &departure);
    let outcome = timeout(patience, departing)
        .await
        .unwrap_or_else(|_| Err(DepartError::Forward(ForwardError::TimedOut(patience))));
    let closed = depart::close(line, recorded, departure, outcome).await;
    closed.map_err(refused)
}

/// The whole of an answer.
pub(super) async fn told(answered: Answered, patience: Duration) -> Result<Told, Unseen> {
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
        error_type,
        body: body.ok_or(Unseen::Unread)?,
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
