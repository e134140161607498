//! Pausing a task whose agent keeps asking for what it was refused, or asks people too much.
//!
//! Takes the record of a denied call that was kept. The third denial of a destroying call within
//! ten minutes pauses the task to reads, whatever each call looked like: an agent that reasons its
//! way around a refusal tries other words for the same thing. The pause is the task's state in the
//! store, as if a person had asked for it, so that it outlives a restart, holds for every session
//! of the task and is lifted by `cordon task resume` alone. The denial that brings it is answered
//! once it is in force.

use crate::line::Line;
use crate::trace::chain;
use cordon_aws::call::Class;
use cordon_core::decide::Outcome;
use cordon_core::names::{Reference, TaskId};
use cordon_core::record::{AccessRecord, CallRecord, RecordedOutcome};
use cordon_core::session::{Session, SessionState};
use cordon_store::{CallFilter, StoreError, StoredCall, TaskState};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// So many denials of destroying calls ...
const DENIALS: u32 = 3;
/// ... within this time.
const WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// How long a pause may take to be in force.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is asked about a denied call.
#[derive(Debug)]
pub(super) struct Denied {
    task: TaskId,
    at: Timestamp,
    /// What it would have destroyed.
    targets: BTreeSet<Box<str>>,
}

impl Denied {
    /// Of a record that counts. A call of a task that is paused already does not.
    pub(super) fn of(record: &CallRecord, paused: bool) -> Option<Self> {
        let counts = record.class == Class::Destroy.as_str() && record.outcome.denied() && !paused;
        let task = record.task.parse().ok().filter(|_| counts)?;
        Some(Self {
            task,
            at: record.at,
            targets: targets(record),
        })
    }

    /// The denial before of a call that would have destroyed the same, by whatever route. Nothing
    /// where that cannot be read: the answer is the same, and only its words do not say so.
    pub(super) async fn repeats(&self, line: &Line) -> Option<Reference> {
        let earlier = self.earlier(line).await.ok()?;
        let same = earlier
            .into_iter()
            .find(|call| targets(&call.record) == self.targets)?;
        same.record.reference.parse().ok()
    }

    /// Pauses the task if this denial was one too many. A failure is told and changes nothing: the
    /// next denial comes to the same.
    pub(super) async fn weigh(self, line: &Line) {
        match self.earlier(line).await {
            Ok(earlier) if earlier.len() < usize::try_from(DENIALS).unwrap_or(usize::MAX) => {}
            Ok(_) => {
                let why = "its agent asked again and again for what is refused";
                pause(line, &self.task, why).await;
            }
            Err(error) => unpaused(&self.task, &error),
        }
    }

    /// The denials of destroying calls that count, newest first, no more than decide.
    async fn earlier(&self, line: &Line) -> Result<Vec<StoredCall>, StoreError> {
        let filter = CallFilter {
            task: Some(self.task.clone()),
            verdict: Some(RecordedOutcome::Decided(Outcome::Deny)),
            class: Some(Class::Destroy.as_str().into()),
            since: self.at.checked_sub(WITHIN).ok(),
            limit: Some(DENIALS),
            ..CallFilter::default()
        };
        line.store.search(&filter).await
    }
}

/// Pauses a task to reads, and tells why; a failure is told as well, and changes nothing.
pub(super) async fn pause(line: &Line, task: &TaskId, why: &'static str) {
    match pause_active(line, task).await {
        Ok(false) => {}
        Ok(true) => tracing::warn!(%task, "the task is paused to reads: {why}"),
        Err(error) => unpaused(task, &error),
    }
}

async fn pause_active(line: &Line, task: &TaskId) -> Result<bool, StoreError> {
    // Whoever stopped it, or paused it, meanwhile was quicker.
    match line.store.task(task).await? {
        Some(stored) if stored.state == TaskState::Active => {
            line.store.set_task_state(task, TaskState::Paused).await?;
            in_force(line, task).await;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Waits until the pause is in force here: the agent hears of its denial after that, so that its next
/// call meets the pause. Where it takes too long, the store still takes no change of the task.
async fn in_force(line: &Line, task: &TaskId) {
    let mut changes = line.live.changes();
    let is_live = |it: &Arc<Session>| it.task.id() == task && it.state == SessionState::Live;
    let waiting = async {
        while line.live.snapshot().sessions.iter().any(is_live) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
        tracing::warn!(%task, "the pause of the task is not in force yet");
    }
}

fn unpaused(task: &TaskId, error: &StoreError) {
    tracing::error!(
        %task,
        error = %chain(error),
        "a task that was to be paused could not be"
    );
}

fn targets(record: &CallRecord) -> BTreeSet<Box<str>> {
    let destroys = |access: &&AccessRecord| access.class == Class::Destroy.as_str();
    let accesses = record.accesses.iter().filter(destroys);
    accesses.map(|access| access.resource.clone()).collect()
}
