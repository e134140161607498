//! The embedded backend: one SQLite file in the state folder, in WAL mode.
//!
//! ```text
//! record, close, changes ─► bounded lanes ─► writer task, the only connection that writes
//! search, tail, tasks    ─► small pool of connections that cannot write
//! ledger, last minute    ─► accounts in memory, told by the writer after each commit
//! ```
//! Each caller waits for the commit that holds its own row; only records of reads are answered
//! before theirs, as long as the store can write.

mod account;
mod amendment;
mod batch;
mod change;
mod commit;
mod hold;
mod incident;
mod job;
mod open;
mod pass;
mod passkey;
mod plan;
mod posture;
mod queue;
mod read;
mod writer;

use crate::amendment::{Acceptance, Amendment, AmendmentFilter, Refusal};
use crate::call::{Budget, CallFilter, Recorded, StoredCall};
use crate::deed::{Deed, StoredDeed};
use crate::delivery::Delivery;
use crate::error::{RecordError, StoreError};
use crate::hold::{BatchFilter, HoldBounds, HoldFilter};
use crate::incident::{Incident, StoredIncident};
use crate::pass::{Claimed, NewPass, Pass, SecretHash, SignInLink};
use crate::passkey::{Passkey, PasskeyUse};
use crate::row::NewCall;
use crate::session::StoredSession;
use crate::store::{Answer, Store};
use crate::task::{StoredTask, TaskState};
use cordon_core::hold::{Batch, Ended, Hold, Reason, Report, Vote};
use cordon_core::ledger::Ledger;
use cordon_core::names::{AmendmentId, BatchId, HoldId, Person, Reference, SessionId, TaskId};
use cordon_core::posture::Declared;
use cordon_core::record::{CallRecord, CallResult};
use cordon_core::session::SessionState;
use cordon_core::task::Mode;
use jiff::Timestamp;
use job::{Change, HoldChange, Job, Reply};
use queue::Jobs;
use read::Tasks;
use sqlx::SqlitePool;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use writer::Shared;

pub use open::open_sqlite;

/// The largest body of a record, in bytes: a thousand deleted objects with long names fit.
const LARGEST: usize = 2 * 1024 * 1024;

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
    jobs: Jobs,
    reads: SqlitePool,
    /// For what ends calls and holds them up: it waits for nobody who reads something long.
    steers: SqlitePool,
    shared: Shared,
    /// Kept so that somebody always listens, which is how the watch over others knows that the
    /// store is there.
    changes: watch::Receiver<u64>,
    interrupted: Vec<StoredCall>,
}

impl Sqlite {
    /// Hands a job to the writer and waits for its commit.
    async fn ask<E: From<StoreError>>(&self, job: impl FnOnce(Reply<E>) -> Job) -> Result<(), E> {
        let (sender, receiver) = oneshot::channel();
        self.jobs.hand(job(Some(sender))).await?;
        receiver.await.map_err(|_| StoreError::ShutDown)?
    }

    /// Whether what nobody needs to wait for may be answered at once. Not while the store cannot
    /// write: what could not be kept would pile up, and calls would leave without a trace.
    fn may_linger(&self) -> bool {
        !self.shared.failing.load(Ordering::Acquire)
    }

    /// Waits until what lingers is written, so that who looks sees what was answered before.
    async fn settle(&self) {
        if self.purpose == Purpose::Serve {
            // A store that cannot write can still be read.
            let _ = self.ask(|reply| Job::Flush { reply }).await;
        }
    }

    fn change(&self, change: Change) -> Answer<'_, ()> {
        Box::pin(self.ask(move |reply| Job::Change {
            change: Box::new(change),
            reply,
        }))
    }

    fn change_hold(&self, change: HoldChange) -> Answer<'_, ()> {
        Box::pin(self.ask(move |reply| Job::Hold {
            change: Box::new(change),
            reply,
        }))
    }

    async fn keep(&self, record: CallRecord, budget: Budget) -> Result<Recorded, RecordError> {
        if self.purpose == Purpose::Visit {
            return Err(StoreError::Visiting.into());
        }
        let call = Box::new(NewCall::of(record));
        if call.body.len() > LARGEST {
            return Err(RecordError::TooLarge {
                bytes: call.body.len(),
                limit: LARGEST,
            });
        }
        let recorded = Recorded {
            reference: call.reference.clone(),
            charges: call.charges(),
            made: Vec::new(),
        };
        let lingers = call.may_linger() && self.may_linger();
        let job = |reply| Job::Record {
            call,
            budget,
            reply,
        };
        if lingers {
            self.jobs.hand(job(None)).await?;
        } else {
            self.ask(job).await?;
        }
        Ok(recorded)
    }

    /// The account of `task` as readers see it; `of` takes from it what is asked for.
    async fn account<T>(
        &self,
        task: &TaskId,
        shown: impl Fn(&Shared) -> Option<T>,
        read: impl Fn(account::Account) -> T,
    ) -> Result<T, StoreError> {
        if let Some(found) = shown(&self.shared) {
            return Ok(found);
        }
        if self.purpose == Purpose::Serve {
            let task = task.clone();
            self.ask(|reply| Job::Show { task, reply }).await?;
            if let Some(found) = shown(&self.shared) {
                return Ok(found);
            }
        }
        let mut connection = self
            .reads
            .acquire()
            .await
            .map_err(|error| StoreError::of(&self.path, error))?;
        Ok(read(
            read::account(&self.path, &mut connection, task).await?,
        ))
    }
}

impl Store for Sqlite {
    fn put_task(&self, task: StoredTask) -> Answer<'_, ()> {
        self.change(Change::PutTask(task))
    }

    fn task<'a>(&'a self, id: &'a TaskId) -> Answer<'a, Option<StoredTask>> {
        Box::pin(async move {
            let found = read::tasks(self, Tasks::One(id)).await?;
            Ok(found.into_iter().next())
        })
    }

    fn tasks(&self) -> Answer<'_, Vec<StoredTask>> {
        Box::pin(read::tasks(self, Tasks::All))
    }

    fn tasks_under_way(&self) -> Answer<'_, Vec<StoredTask>> {
        Box::pin(read::tasks(self, Tasks::UnderWay))
    }

    fn set_task_mode<'a>(&'a self, id: &'a TaskId, mode: Mode) -> Answer<'a, ()> {
        self.change(Change::TaskMode(id.clone(), mode))
    }

    fn set_task_state<'a>(&'a self, id: &'a TaskId, state: TaskState) -> Answer<'a, ()> {
        self.change(Change::TaskState(id.clone(), state))
    }

    fn stop_tasks(&self, now: Timestamp) -> Answer<'_, Vec<TaskId>> {
        Box::pin(async move {
            let stopped = job::Stopped::default();
            let change = Change::StopTasks(now, Arc::clone(&stopped));
            self.change(change).await?;
            let mut stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(std::mem::take(&mut *stopped))
        })
    }

    fn extend_task<'a>(&'a self, id: &'a TaskId, expires: Timestamp) -> Answer<'a, ()> {
        self.change(Change::TaskExpires(id.clone(), expires))
    }

    fn put_amendment(&self, amendment: Amendment) -> Answer<'_, ()> {
        self.change(Change::PutAmendment(amendment))
    }

    fn amendment<'a>(&'a self, id: &'a AmendmentId) -> Answer<'a, Option<Amendment>> {
        Box::pin(amendment::find(self, id))
    }

    fn amendments<'a>(&'a self, filter: &'a AmendmentFilter) -> Answer<'a, Vec<Amendment>> {
        Box::pin(amendment::search(self, filter))
    }

    fn declined<'a>(&'a self, task: &'a TaskId, digest: &'a str) -> Answer<'a, Option<Reason>> {
        Box::pin(amendment::declined(self, task, digest))
    }

    fn accept_amendment(&self, acceptance: Acceptance) -> Answer<'_, ()> {
        self.change(Change::Accept(acceptance))
    }

    fn decline_amendment(&self, refusal: Refusal) -> Answer<'_, ()> {
        self.change(Change::Decline(refusal))
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

    fn standing(&self) -> Answer<'_, Vec<SessionId>> {
        Box::pin(read::standing(self))
    }

    fn set_session_state<'a>(&'a self, id: &'a SessionId, state: SessionState) -> Answer<'a, ()> {
        self.change(Change::SessionState(id.clone(), state))
    }

    fn open_hold(&self, hold: Hold, bounds: HoldBounds) -> Answer<'_, ()> {
        self.change_hold(HoldChange::Open(Box::new(hold), bounds))
    }

    fn join_hold<'a>(&'a self, id: &'a HoldId) -> Answer<'a, ()> {
        self.change_hold(HoldChange::Join(id.clone()))
    }

    fn vote<'a>(&'a self, id: &'a HoldId, revision: u64, vote: Vote) -> Answer<'a, ()> {
        self.change_hold(HoldChange::Vote(id.clone(), revision, vote))
    }

    fn report<'a>(&'a self, id: &'a HoldId, revision: u64, report: Report) -> Answer<'a, ()> {
        self.change_hold(HoldChange::Report(id.clone(), revision, report))
    }

    fn end_hold<'a>(&'a self, id: &'a HoldId, ended: Ended) -> Answer<'a, ()> {
        self.change_hold(HoldChange::End(id.clone(), ended))
    }

    fn propose(
        &self,
        batch: Batch,
        replaces: Option<BatchId>,
        bounds: HoldBounds,
    ) -> Answer<'_, ()> {
        self.change_hold(HoldChange::Propose(Box::new(batch), replaces, bounds))
    }

    fn vote_on_batch<'a>(
        &'a self,
        id: &'a BatchId,
        only: Option<HoldId>,
        revision: u64,
        vote: Vote,
    ) -> Answer<'a, ()> {
        self.change_hold(HoldChange::VoteOnBatch(id.clone(), only, revision, vote))
    }

    fn batch<'a>(&'a self, id: &'a BatchId) -> Answer<'a, Option<Batch>> {
        Box::pin(batch::find(self, id))
    }

    fn batches<'a>(&'a self, filter: &'a BatchFilter) -> Answer<'a, Vec<Batch>> {
        Box::pin(batch::search(self, filter))
    }

    fn hold<'a>(&'a self, id: &'a HoldId) -> Answer<'a, Option<Hold>> {
        Box::pin(hold::find(self, id))
    }

    fn latest_hold<'a>(&'a self, task: &'a TaskId, digest: &'a str) -> Answer<'a, Option<Hold>> {
        Box::pin(hold::latest(self, task, digest))
    }

    fn holds<'a>(&'a self, filter: &'a HoldFilter) -> Answer<'a, Vec<Hold>> {
        Box::pin(hold::search(self, filter))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    fn heed(&self, number: u64) -> Answer<'_, ()> {
        self.change(Change::Heed(number))
    }

    fn heeded(&self) -> Answer<'_, Option<u64>> {
        Box::pin(async move {
            let serves = self.purpose == Purpose::Serve || open::is_served(&self.path)?;
            match serves {
                true => read::heeded(self).await.map(Some),
                false => Ok(None),
            }
        })
    }

    fn record(&self, record: CallRecord, budget: Budget) -> Answer<'_, Recorded, RecordError> {
        Box::pin(self.keep(record, budget))
    }

    fn close(&self, recorded: Recorded, result: CallResult, took: Duration) -> Answer<'_, ()> {
        Box::pin(async move {
            let Recorded {
                reference,
                charges,
                made,
            } = recorded;
            let job = |reply| Job::Close {
                reference,
                made,
                result,
                took,
                reply,
            };
            match self.may_linger() && !charges {
                true => self.jobs.hand(job(None)).await,
                false => self.ask(job).await,
            }
        })
    }

    fn interrupted(&self) -> &[StoredCall] {
        &self.interrupted
    }

    fn search<'a>(&'a self, filter: &'a CallFilter) -> Answer<'a, Vec<StoredCall>> {
        Box::pin(async move {
            self.settle().await;
            read::search(self, filter).await
        })
    }

    fn tail(&self, after: u64, limit: u32) -> Answer<'_, Vec<StoredCall>> {
        Box::pin(async move {
            self.settle().await;
            read::tail(self, after, limit).await
        })
    }

    fn call<'a>(&'a self, reference: &'a Reference) -> Answer<'a, Option<StoredCall>> {
        Box::pin(async move {
            self.settle().await;
            read::call(self, reference).await
        })
    }

    fn ledger<'a>(&'a self, task: &'a TaskId) -> Answer<'a, Arc<Ledger>> {
        Box::pin(self.account(
            task,
            |shared| shared.ledgers.ledger(task),
            |account| account.ledger,
        ))
    }

    fn last_minute<'a>(&'a self, task: &'a TaskId, now: Timestamp) -> Answer<'a, u32> {
        Box::pin(self.account(
            task,
            move |shared| shared.ledgers.last_minute(task, now),
            move |account| account.last_minute(now),
        ))
    }

    fn postures(&self) -> Answer<'_, Vec<Declared>> {
        Box::pin(posture::all(self))
    }

    fn declare_posture(&self, declared: Declared) -> Answer<'_, ()> {
        self.change(Change::DeclarePosture(Box::new(declared)))
    }

    fn lift_posture<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        self.change(Change::LiftPosture(id.into()))
    }

    fn put_sign_in_link(&self, link: SignInLink) -> Answer<'_, ()> {
        self.change(Change::PutLink(link))
    }

    fn sign_in<'a>(&'a self, link: &'a SecretHash, pass: NewPass) -> Answer<'a, Pass> {
        Box::pin(async move {
            let secret = pass.secret.clone();
            self.change(Change::SignIn(link.clone(), pass)).await?;
            let signed_in = pass::find(self, &secret).await?;
            signed_in.ok_or_else(|| StoreError::Unknown {
                what: "pass",
                id: secret.id().to_owned(),
            })
        })
    }

    fn put_pass(&self, pass: Pass) -> Answer<'_, ()> {
        self.change(Change::PutPass(pass))
    }

    fn pass<'a>(&'a self, secret: &'a SecretHash) -> Answer<'a, Option<Pass>> {
        Box::pin(pass::find(self, secret))
    }

    fn passes<'a>(&'a self, person: &'a Person) -> Answer<'a, Vec<Pass>> {
        Box::pin(pass::of(self, person))
    }

    fn claims(&self, now: Timestamp) -> Answer<'_, Vec<Claimed>> {
        Box::pin(pass::claims(self, now))
    }

    fn revoke_pass<'a>(&'a self, id: &'a str, at: Timestamp) -> Answer<'a, ()> {
        self.change(Change::RevokePass(id.into(), at))
    }

    fn put_passkey(&self, passkey: Passkey) -> Answer<'_, ()> {
        self.change(Change::PutPasskey(passkey))
    }

    fn passkey<'a>(&'a self, credential: &'a [u8]) -> Answer<'a, Option<Passkey>> {
        Box::pin(passkey::find(self, credential))
    }

    fn passkeys<'a>(&'a self, person: Option<&'a Person>) -> Answer<'a, Vec<Passkey>> {
        Box::pin(passkey::of(self, person))
    }

    fn use_passkey(&self, usage: PasskeyUse, link: SignInLink) -> Answer<'_, ()> {
        self.change(Change::UsePasskey(usage, link))
    }

    fn revoke_passkey<'a>(&'a self, id: &'a str, at: Timestamp) -> Answer<'a, ()> {
        self.change(Change::RevokePasskey(id.into(), at))
    }

    fn put_delivery(&self, delivery: Delivery) -> Answer<'_, ()> {
        self.change(Change::Delivery(delivery))
    }

    fn deliveries<'a>(&'a self, hold: &'a HoldId) -> Answer<'a, Vec<Delivery>> {
        Box::pin(hold::deliveries(self, hold))
    }

    fn put_deed(&self, deed: Deed) -> Answer<'_, ()> {
        self.change(Change::Deed(deed))
    }

    fn deeds(&self, before: Option<u64>, limit: u32) -> Answer<'_, Vec<StoredDeed>> {
        Box::pin(pass::deeds(self, before, limit))
    }

    fn record_incident(&self, incident: Incident, raises: Option<Declared>) -> Answer<'_, ()> {
        self.change(Change::Incident(Box::new(incident), raises.map(Box::new)))
    }

    fn incidents(&self, before: Option<u64>, limit: u32) -> Answer<'_, Vec<StoredIncident>> {
        Box::pin(incident::all(self, before, limit))
    }

    fn incidents_since(&self, since: Timestamp) -> Answer<'_, u64> {
        Box::pin(incident::since(self, since))
    }

    fn check(&self) -> Answer<'_, ()> {
        Box::pin(read::check(self))
    }

    fn shut_down(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let done = self.ask(|reply| Job::ShutDown { reply }).await;
            self.reads.close().await;
            self.steers.close().await;
            match done {
                // A second time there is nothing left to do.
                Err(StoreError::ShutDown) => Ok(()),
                other => other,
            }
        })
    }
}
