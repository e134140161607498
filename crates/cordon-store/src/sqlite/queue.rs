//! The way to the writer: jobs in, batches out, in two lanes.
//!
//! Jobs that somebody waits for wake the writer. Those that nobody waits for, the records of
//! reads, lie in a lane of their own that the writer empties when it is awake anyway: waking it for
//! each would cost every read more than its record does.
//!
//! INVARIANT: what lingers comes before what is awaited in every batch, and the whole of it, so
//! that a close that is awaited never overtakes the record that it closes.

use super::job::Job;
use crate::error::StoreError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout_at};

/// Jobs that may wait to be taken.
const AWAITED: usize = 4_096;

/// Jobs that may linger; the next one wakes the writer. A change that comes shares their commit.
const LINGERING: usize = 1_024;

/// The most awaited jobs that share one commit.
const BATCH: usize = 256;

/// How long a job that nobody waits for waits for others. A crash loses no more than this of the
/// records of reads.
const LINGER: Duration = Duration::from_millis(20);

/// The callers' end.
#[derive(Debug, Clone)]
pub(super) struct Jobs {
    awaited: mpsc::Sender<Job>,
    lingering: mpsc::Sender<Job>,
    full: Arc<Notify>,
}

/// The writer's end.
#[derive(Debug)]
pub(super) struct Queue {
    awaited: mpsc::Receiver<Job>,
    lingering: mpsc::Receiver<Job>,
    full: Arc<Notify>,
}

/// Both ends.
pub(super) fn queue() -> (Jobs, Queue) {
    let (awaited, awaited_jobs) = mpsc::channel(AWAITED);
    let (lingering, lingering_jobs) = mpsc::channel(LINGERING);
    let full = Arc::new(Notify::new());
    let jobs = Jobs {
        awaited,
        lingering,
        full: Arc::clone(&full),
    };
    let queue = Queue {
        awaited: awaited_jobs,
        lingering: lingering_jobs,
        full,
    };
    (jobs, queue)
}

impl Jobs {
    /// Hands a job over, when there is room for it.
    pub(super) async fn hand(&self, job: Job) -> Result<(), StoreError> {
        let handed = match job.is_awaited() {
            true => self.awaited.send(job).await,
            false => match self.lingering.try_send(job) {
                Ok(()) => return Ok(()),
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(StoreError::ShutDown),
                Err(mpsc::error::TrySendError::Full(job)) => {
                    self.full.notify_one();
                    self.lingering.send(job).await
                }
            },
        };
        handed.map_err(|_| StoreError::ShutDown)
    }
}

impl Queue {
    /// The next batch, with `held`, which is due at `due`, before the rest; nothing when no more
    /// will come, and then what is left is in `held`.
    pub(super) async fn next(
        &mut self,
        held: &mut Vec<Job>,
        mut due: Option<Instant>,
    ) -> Option<Vec<Job>> {
        let mut awaited = Vec::new();
        if due.is_none() {
            tokio::select! {
                biased;
                more = self.awaited.recv_many(&mut awaited, BATCH) => if more == 0 {
                    return self.end(held);
                },
                first = self.lingering.recv() => {
                    held.extend(first);
                    due = Some(Instant::now() + LINGER);
                }
            }
        }
        if let (Some(due), true) = (due, awaited.is_empty()) {
            tokio::select! {
                more = timeout_at(due, self.awaited.recv_many(&mut awaited, BATCH)) => {
                    if more == Ok(0) {
                        return self.end(held);
                    }
                }
                () = self.full.notified() => {}
            }
        }
        let mut jobs = std::mem::take(held);
        self.take_lingering(&mut jobs);
        jobs.append(&mut awaited);
        Some(jobs)
    }

    /// Takes no more; gives what was handed over before.
    pub(super) fn close(&mut self) -> Vec<Job> {
        self.awaited.close();
        self.lingering.close();
        let mut rest = Vec::new();
        self.take_lingering(&mut rest);
        while let Ok(job) = self.awaited.try_recv() {
            rest.push(job);
        }
        rest
    }

    fn end(&mut self, held: &mut Vec<Job>) -> Option<Vec<Job>> {
        self.take_lingering(held);
        None
    }

    fn take_lingering(&mut self, jobs: &mut Vec<Job>) {
        // Those that come meanwhile are for the next batch.
        for _ in 0..self.lingering.len() {
            jobs.extend(self.lingering.try_recv().ok());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use cordon_core::record::CallResult;
    use tokio::sync::oneshot;

    fn close(reference: &str) -> Job {
        Job::Close {
            reference: reference.into(),
            made: Vec::new(),
            result: CallResult::NotSent { why: "".into() },
            took: Duration::ZERO,
            reply: None,
        }
    }

    fn names<'j>(jobs: &'j [Job]) -> Vec<&'j str> {
        let name = |job: &'j Job| match job {
            Job::Close { reference, .. } => &**reference,
            _ => "awaited",
        };
        jobs.iter().map(name).collect()
    }

    #[tokio::test]
    async fn all_that_lingers_comes_before_what_is_awaited() {
        let (jobs, mut queue) = queue();
        let (reply, _heard) = oneshot::channel();
        jobs.hand(close("one")).await.unwrap();
        jobs.hand(Job::Flush { reply: Some(reply) }).await.unwrap();
        jobs.hand(close("two")).await.unwrap();
        let batch = queue.next(&mut vec![close("held")], None).await.unwrap();
        assert_eq!(names(&batch), ["held", "one", "two", "awaited"]);
    }

    #[tokio::test]
    async fn what_lingers_at_the_end_is_left_to_be_written() {
        let (jobs, mut queue) = queue();
        jobs.hand(close("one")).await.unwrap();
        jobs.hand(close("two")).await.unwrap();
        drop(jobs);
        let mut held = Vec::new();
        let mut written = Vec::new();
        while let Some(batch) = queue.next(&mut held, None).await {
            written.extend(batch);
        }
        written.extend(held);
        assert_eq!(names(&written), ["one", "two"]);
    }
}
