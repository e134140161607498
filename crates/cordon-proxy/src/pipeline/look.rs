//! Looking: what a call would do that only AWS can tell, asked with reads of Cordon's own.
//!
//! Each read goes down the same line as one of the agent's: decided by the same task and policies,
//! recorded, minted for, signed. Cordon sees no more than the task may, and the record tells what
//! it looked at. A look that fails is the fact `unverified`, and the call stays as severe as its
//! parameters make it.

use super::depart::{self, DepartError, Departure};
use super::record::{Beside, record};
use crate::forward::{AnswerBody, Answered, Caller, ForwardError};
use crate::gather::Gathered;
use crate::line::Line;
use crate::live::Snapshot;
use crate::trace::chain;
use crate::worker::WorkerId;
use cordon_aws::answer::Answer;
use cordon_aws::error_shape::ErrorShape;
use cordon_core::assess::assess;
use cordon_core::decide::decide;
use cordon_core::fact::Fact;
use cordon_core::identify::Identified;
use cordon_core::look::{Look, LookError, Read};
use cordon_core::tags::TagsError;
use futures_util::future::{BoxFuture, join_all};
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

/// Answers of reads that were asked before it was their turn, so that those of one call are under way
/// together.
pub(super) struct Ahead<T>(Vec<(Read, T)>);

/// Reads for one call that are under way at one time.
const AT_ONCE: usize = 8;

impl<T> Ahead<T> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// What `ask` gives for the first of the reads that are `due`; nothing where none is. Where that is not at
    /// hand, it is asked with others that are not.
    pub(super) async fn next<'a>(
        &mut self,
        mut due: Vec<Read>,
        ask: &(dyn Fn(Read) -> BoxFuture<'a, T> + Sync),
    ) -> Option<T> {
        due.truncate(AT_ONCE);
        let next = due.first()?.clone();
        if !self.has(&next) {
            due.retain(|read| !self.has(read));
            let told = join_all(due.iter().cloned().map(ask)).await;
            self.0.extend(due.into_iter().zip(told));
        }
        let place = self.0.iter().position(|(read, _)| *read == next)?;
        Some(self.0.swap_remove(place).1)
    }

    fn has(&self, read: &Read) -> bool {
        self.0.iter().any(|(known, _)| known == read)
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
    worker: WorkerId,
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
        line, worker, identified, snapshot, gathered, &mut look, time,
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
    worker: WorkerId,
    identified: &Identified,
    snapshot: &Snapshot,
    gathered: &Gathered,
    look: &mut Look,
    time: &Allowance,
) -> Result<(), Unseen> {
    let mut ahead = Ahead::new();
    let asking = |read: Read| -> BoxFuture<'_, _> {
        Box::pin(async move {
            let left = time.left()?;
            let now = line.clock.now();
            let read = identified.beside(&read, line.references.next(now), now);
            let read = read.ok_or(Unseen::NoWay)?;
            ask(line, worker, read, snapshot, gathered, left).await
        })
    };
    loop {
        let due = look.due().cloned().collect();
        let Some(answer) = ahead.next(due, &asking).await else {
            return Ok(());
        };
        look.learn(identified.call(), &answer?, gathered.ledger())?;
    }
}

/// One read of Cordon's own that was answered well.
pub(super) async fn ask(
    line: &Line,
    worker: WorkerId,
    read: Identified,
    snapshot: &Snapshot,
    gathered: &Gathered,
    patience: Duration,
) -> Result<Answer, Unseen> {
    let protocol = read.call().protocol();
    let told = send(line, worker, read, snapshot, gathered, patience).await?;
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
    worker: WorkerId,
    read: Identified,
    snapshot: &Snapshot,
    gathered: &Gathered,
    patience: Duration,
) -> Result<Told, Unseen> {
    let answered = answered(line, worker, read, snapshot, gathered, patience).await?;
    told(answered, patience).await
}

/// One read of Cordon's own, down the line, until its answer begins.
pub(super) async fn answered(
    line: &Line,
    worker: WorkerId,
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
    let departing = depart::depart(line, Caller::Own(worker), permit, &recorded, &departure);
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use cordon_aws::value::Value;
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use tokio::sync::Barrier;

    const OPERATIONS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

    fn read(operation: &'static str) -> Read {
        Read {
            operation,
            parameters: Value::Structure(BTreeMap::new()),
        }
    }

    #[tokio::test]
    async fn what_is_due_is_asked_at_once_eight_at_a_time_and_answered_in_its_turn() {
        // Nobody passes it before eight are there.
        let barrier = Barrier::new(AT_ONCE);
        let asked = Mutex::new(Vec::new());
        let (barrier, all) = (&barrier, &asked);
        let ask = |read: Read| -> BoxFuture<'_, &'static str> {
            all.lock().unwrap().push(read.operation);
            Box::pin(async move {
                if all.lock().unwrap().len() <= AT_ONCE {
                    barrier.wait().await;
                }
                read.operation
            })
        };
        let mut ahead = Ahead::new();
        let mut todo: Vec<Read> = OPERATIONS.map(read).into();
        for (number, expected) in OPERATIONS.iter().enumerate() {
            assert_eq!(ahead.next(todo.clone(), &ask).await, Some(*expected));
            let under_way = [AT_ONCE, OPERATIONS.len()];
            assert_eq!(
                asked.lock().unwrap().len(),
                under_way[usize::from(number >= AT_ONCE)]
            );
            todo.remove(0);
        }
        assert_eq!(ahead.next(todo, &ask).await, None);
        assert_eq!(*asked.lock().unwrap(), OPERATIONS, "each once");
    }
}
