//! Pausing a task whose agent keeps asking for what it was refused.
//!
//! Takes the record of a denied call that was kept. The third denial of a destroying call within
//! ten minutes pauses the task to reads, whatever each call looked like: an agent that reasons its
//! way around a refusal tries other words for the same thing. The pause is the task's state in the
//! store, as if a person had asked for it, so that it outlives a restart, holds for every session
//! of the task and is lifted by `cordon task resume` alone.

use crate::line::Line;
use crate::trace::chain;
use cordon_aws::call::Class;
use cordon_core::decide::Outcome;
use cordon_core::names::TaskId;
use cordon_core::record::{CallRecord, RecordedOutcome};
use cordon_store::{CallFilter, StoreError, TaskState};
use jiff::{SignedDuration, Timestamp};

/// So many denials of destroying calls ...
const DENIALS: u32 = 3;
/// ... within this time.
const WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// What is asked about a denied call once its record was kept.
#[derive(Debug)]
pub(super) struct Denied {
    task: TaskId,
    at: Timestamp,
}

impl Denied {
    /// Of a record that counts. A call of a task that is paused already does not.
    pub(super) fn of(record: &CallRecord, paused: bool) -> Option<Self> {
        let counts = record.class == Class::Destroy.as_str()
            && record.outcome == RecordedOutcome::Decided(Outcome::Deny)
            && !paused;
        let task = record.task.parse().ok().filter(|_| counts)?;
        Some(Self {
            task,
            at: record.at,
        })
    }

    /// Pauses the task if this denial was one too many. A failure is told and changes nothing: the
    /// next denial comes to the same.
    pub(super) async fn weigh(self, line: &Line) {
        match self.pause(line).await {
            Ok(false) => {}
            Ok(true) => tracing::warn!(
                task = %self.task,
                denials = DENIALS,
                "the task is paused to reads: its agent asked again and again for what is refused"
            ),
            Err(error) => tracing::error!(
                task = %self.task,
                error = %chain(&error),
                "a task that was to be paused could not be"
            ),
        }
    }

    async fn pause(&self, line: &Line) -> Result<bool, StoreError> {
        let filter = CallFilter {
            task: Some(self.task.clone()),
            verdict: Some(RecordedOutcome::Decided(Outcome::Deny)),
            class: Some(Class::Destroy.as_str().into()),
            since: self.at.checked_sub(WITHIN).ok(),
            limit: Some(DENIALS),
            ..CallFilter::default()
        };
        let denials = line.store.search(&filter).await?.len();
        if denials < usize::try_from(DENIALS).unwrap_or(usize::MAX) {
            return Ok(false);
        }
        // Whoever stopped it, or paused it, meanwhile was quicker.
        match line.store.task(&self.task).await? {
            Some(task) if task.state == TaskState::Active => {
                line.store
                    .set_task_state(&self.task, TaskState::Paused)
                    .await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
