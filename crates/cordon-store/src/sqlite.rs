//! The embedded backend: one SQLite file in the state folder, in WAL mode.
//!
//! One writer task owns the only connection that writes. It takes what has piled up while the
//! disk was busy and commits it together, so that a thousand callers share one sync; each waits
//! for the commit that holds its own row. Reads go through a small pool beside it.

mod open;
mod read;
mod writer;

use crate::call::{Budget, CallFilter, Recorded, StoredCall};
use crate::error::{RecordError, StoreError};
use crate::posture::StandingPosture;
use crate::session::StoredSession;
use crate::store::{Answer, Store};
use crate::task::{StoredTask, TaskMode, TaskState};
use cordon_core::ledger::Ledger;
use cordon_core::names::{Reference, SessionId, TaskId};
use cordon_core::record::{CallRecord, CallResult};
use cordon_core::session::SessionState;
use jiff::Timestamp;
use sqlx::SqlitePool;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use writer::{Change, Job, Ledgers};

pub use open::open_sqlite;

/// Why the store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// To serve: records calls, and is the only one to do so from this folder.
    Serve,
    /// To look, and to steer tasks and sessions, beside whoever serves.
    #[default]
    Visit,
}

/// How the store is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct SqliteOptions {
    /// Why.
    pub purpose: Purpose,
    /// The most pages of 4 KiB that the database may have; `None` for what the disk holds.
    pub max_pages: Option<u32>,
}

/// The store in one SQLite file. Made by [`open_sqlite`].
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    purpose: Purpose,
    jobs: mpsc::Sender<Job>,
    reads: SqlitePool,
    ledgers: Ledgers,
    changes: watch::Receiver<u64>,
    interrupted: Vec<StoredCall>,
    /// Held for as long as this process serves from the folder.
    _lock: Option<File>,
}

impl Sqlite {
    async fn ask<T, E: From<StoreError>>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, E>>) -> Job,
    ) -> Result<T, E> {
        let (sender, receiver) = oneshot::channel();
        self.jobs
            .send(job(sender))
            .await
            .map_err(|_| StoreError::ShutDown)?;
        receiver.await.map_err(|_| StoreError::ShutDown)?
    }

    fn change(&self, change: Change) -> Answer<'_, ()> {
        Box::pin(self.ask(move |reply| Job::Change {
            change: Box::new(change),
            reply,
        }))
    }
}

impl Store for Sqlite {
    fn put_task(&self, task: StoredTask) -> Answer<'_, ()> {
        self.change(Change::PutTask(task))
    }

    fn task<'a>(&'a self, id: &'a TaskId) -> Answer<'a, Option<StoredTask>> {
        Box::pin(async move { Ok(read::tasks(self, Some(id)).await?.into_iter().next()) })
    }

    fn tasks(&self) -> Answer<'_, Vec<StoredTask>> {
        Box::pin(read::tasks(self, None))
    }

    fn set_task_mode<'a>(&'a self, id: &'a TaskId, mode: TaskMode) -> Answer<'a, ()> {
        self.change(Change::TaskMode(id.clone(), mode))
    }

    fn set_task_state<'a>(&'a self, id: &'a TaskId, state: TaskState) -> Answer<'a, ()> {
        self.change(Change::TaskState(id.clone(), state))
    }

    fn extend_task<'a>(&'a self, id: &'a TaskId, expires: Timestamp) -> Answer<'a, ()> {
        self.change(Change::TaskExpires(id.clone(), expires))
    }

    fn put_session(&self, session: StoredSession) -> Answer<'_, ()> {
        self.change(Change::PutSession(session))
    }

    fn session<'a>(&'a self, id: &'a SessionId) -> Answer<'a, Option<StoredSession>> {
        Box::pin(async move { Ok(read::sessions(self, Some(id)).await?.into_iter().next()) })
    }

    fn live_sessions(&self) -> Answer<'_, Vec<StoredSession>> {
        Box::pin(read::sessions(self, None))
    }

    fn set_session_state<'a>(&'a self, id: &'a SessionId, state: SessionState) -> Answer<'a, ()> {
        self.change(Change::SessionState(id.clone(), state))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    fn record(&self, record: CallRecord, budget: Budget) -> Answer<'_, Recorded, RecordError> {
        Box::pin(async move {
            if self.purpose == Purpose::Visit {
                return Err(StoreError::Visiting.into());
            }
            let reference = record.reference.clone();
            let record = Box::new(record);
            // An allowed read has no effect that a crash could forget; the rest waits for its
            // commit.
            let reads = !record.mutates && record.outcome.allowed();
            match reads {
                true => {
                    let job = Job::Record {
                        record,
                        budget,
                        reply: None,
                    };
                    self.jobs
                        .send(job)
                        .await
                        .map_err(|_| StoreError::ShutDown)?;
                }
                false => {
                    self.ask(|reply| Job::Record {
                        record,
                        budget,
                        reply: Some(reply),
                    })
                    .await?
                }
            }
            Ok(Recorded { reference })
        })
    }

    fn close(&self, recorded: Recorded, result: CallResult, took: Duration) -> Answer<'_, ()> {
        Box::pin(self.ask(move |reply| Job::Close {
            reference: recorded.reference,
            result,
            took,
            reply,
        }))
    }

    fn interrupted(&self) -> &[StoredCall] {
        &self.interrupted
    }

    fn search<'a>(&'a self, filter: &'a CallFilter) -> Answer<'a, Vec<StoredCall>> {
        Box::pin(read::search(self, filter))
    }

    fn tail(&self, after: u64, limit: u32) -> Answer<'_, Vec<StoredCall>> {
        Box::pin(read::tail(self, after, limit))
    }

    fn call<'a>(&'a self, reference: &'a Reference) -> Answer<'a, Option<StoredCall>> {
        Box::pin(read::call(self, reference))
    }

    fn ledger<'a>(&'a self, task: &'a TaskId) -> Answer<'a, Arc<Ledger>> {
        Box::pin(async move {
            match self.ledgers.published(task) {
                Some(ledger) => Ok(ledger),
                None => Ok(Arc::new(read::ledger(self, task).await?)),
            }
        })
    }

    fn last_minute<'a>(&'a self, task: &'a TaskId, now: Timestamp) -> Answer<'a, u32> {
        Box::pin(async move {
            match self.ledgers.last_minute(task, now) {
                Some(count) => Ok(count),
                None => read::last_minute(self, task, now).await,
            }
        })
    }

    fn posture(&self) -> Answer<'_, StandingPosture> {
        Box::pin(read::posture(self))
    }

    fn set_posture(&self, posture: StandingPosture) -> Answer<'_, ()> {
        self.change(Change::Posture(posture))
    }

    fn check(&self) -> Answer<'_, ()> {
        Box::pin(read::check(self))
    }

    fn shut_down(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let done: Result<(), StoreError> = self.ask(|reply| Job::ShutDown { reply }).await;
            self.reads.close().await;
            match done {
                // A second time there is nothing left to do.
                Err(StoreError::ShutDown) => Ok(()),
                other => other,
            }
        })
    }
}
