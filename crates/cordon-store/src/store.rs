//! The seam between what is remembered and where. Object-safe, so that the program chooses the
//! backend when it starts; one conformance suite (`tests/conformance.rs`) holds all backends to
//! the same promises.

use crate::amendment::{Acceptance, Amendment, AmendmentFilter, Refusal};
use crate::call::{Budget, CallFilter, Recorded, StoredCall};
use crate::deed::{Deed, StoredDeed};
use crate::delivery::Delivery;
use crate::error::{RecordError, StoreError};
use crate::hold::{BatchFilter, HoldBounds, HoldFilter};
use crate::incident::{Incident, StoredIncident};
use crate::pass::{Claimed, NewPass, Pass, SecretHash, SignInLink};
use crate::passkey::{Passkey, PasskeyUse};
use crate::session::StoredSession;
use crate::task::{StoredTask, TaskState};
use cordon_core::hold::{Batch, Ended, Hold, Reason, Report, Vote};
use cordon_core::ledger::Ledger;
use cordon_core::names::{AmendmentId, BatchId, HoldId, Person, Reference, SessionId, TaskId};
use cordon_core::posture::Declared;
use cordon_core::record::{CallRecord, CallResult};
use cordon_core::session::SessionState;
use cordon_core::task::Mode;
use jiff::Timestamp;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What a method of [`Store`] gives: a future that can be sent between threads. Dropping it does
/// not undo what was asked for.
pub type Answer<'a, T, E = StoreError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// What is remembered.
///
/// What changes tasks, sessions, holds, passes and the posture, and [`Store::record`] of anything but an allowed
/// read, is durable when it answers: it survives `kill -9` and loss of power. A method that
/// fails leaves the store as it was, and the next call works as soon as the cause is gone.
pub trait Store: Debug + Send + Sync {
    /// Keeps a new task.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is one of this id.
    fn put_task(&self, task: StoredTask) -> Answer<'_, ()>;

    /// One task, whatever its state.
    fn task<'a>(&'a self, id: &'a TaskId) -> Answer<'a, Option<StoredTask>>;

    /// All tasks, newest first.
    fn tasks(&self) -> Answer<'_, Vec<StoredTask>>;

    /// The tasks that are not stopped, newest first.
    fn tasks_under_way(&self) -> Answer<'_, Vec<StoredTask>>;

    /// Changes what happens to the calls of a task.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such task.
    fn set_task_mode<'a>(&'a self, id: &'a TaskId, mode: Mode) -> Answer<'a, ()>;

    /// Changes whether the calls of a task are taken. Stopping a task stops its sessions with
    /// it, in one step. A task that was stopped stays stopped, whatever else is asked for.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such task.
    fn set_task_state<'a>(&'a self, id: &'a TaskId, state: TaskState) -> Answer<'a, ()>;

    /// Stops every task, as [`Store::set_task_state`] stops one, all in one step. Gives those that
    /// this ended: a task whose time was over at `now` is stopped as well, lest someone extends it
    /// at this moment, and is none of them.
    fn stop_tasks(&self, now: Timestamp) -> Answer<'_, Vec<TaskId>>;

    /// Sets when a task ends.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such task.
    fn extend_task<'a>(&'a self, id: &'a TaskId, expires: Timestamp) -> Answer<'a, ()>;

    /// Keeps what someone asks to have added to a task.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if its id is taken, [`StoreError::Crowded`] if the task is over or too many
    /// of it wait.
    fn put_amendment(&self, amendment: Amendment) -> Answer<'_, ()>;

    /// One amendment, whatever became of it.
    fn amendment<'a>(&'a self, id: &'a AmendmentId) -> Answer<'a, Option<Amendment>>;

    /// The amendments that `filter` asks for, newest first.
    fn amendments<'a>(&'a self, filter: &'a AmendmentFilter) -> Answer<'a, Vec<Amendment>>;

    /// Why the last amendment for the call of this digest was declined; nothing where there was none, or
    /// another answer.
    fn declined<'a>(&'a self, task: &'a TaskId, digest: &'a str) -> Answer<'a, Option<Reason>>;

    /// Accepts an amendment and puts the amended task in the place of the one before, in one step. Nothing
    /// else of the task changes: mode, state, end, ledger and holds are what they were.
    ///
    /// # Errors
    /// [`StoreError::Outdated`] if it does not wait, or its task is over or not what it was when it was read.
    fn accept_amendment(&self, acceptance: Acceptance) -> Answer<'_, ()>;

    /// Declines an amendment.
    ///
    /// # Errors
    /// [`StoreError::Outdated`] if it does not wait.
    fn decline_amendment(&self, refusal: Refusal) -> Answer<'_, ()>;

    /// Keeps a new session. A child is kept only where its parent is a session of the same task,
    /// and neither that nor the task is stopped; children of the task that have ended by the time
    /// that it starts are stopped with it.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if its id or its key id is taken, [`StoreError::Unknown`] if there
    /// is no such task, or no such parent.
    fn put_session(&self, session: StoredSession) -> Answer<'_, ()>;

    /// One session, whatever its state.
    fn session<'a>(&'a self, id: &'a SessionId) -> Answer<'a, Option<StoredSession>>;

    /// The sessions that are not stopped, oldest first.
    fn live_sessions(&self) -> Answer<'_, Vec<StoredSession>>;

    /// Which sessions are not stopped, in no order: what [`Store::live_sessions`] gives, in less time.
    fn standing(&self) -> Answer<'_, Vec<SessionId>>;

    /// Changes whether the calls of a session are taken. Stopping one stops all that descend from
    /// it, in one step.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such session.
    fn set_session_state<'a>(&'a self, id: &'a SessionId, state: SessionState) -> Answer<'a, ()>;

    /// Opens a hold, and ends the one that it follows, with the others of that one's batch. `bounds` say how many may wait at one time.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the same call of its task waits already: that one is to be joined;
    /// [`StoreError::Crowded`] if too many wait; [`StoreError::Outdated`] if its task was stopped.
    fn open_hold(&self, hold: Hold, bounds: HoldBounds) -> Answer<'_, ()>;

    /// Counts one more time that the call of a hold was asked for.
    ///
    /// # Errors
    /// [`StoreError::Outdated`] if the hold is over.
    fn join_hold<'a>(&'a self, id: &'a HoldId) -> Answer<'a, ()>;

    /// Adds what a person said. `revision` is [`Hold::revision`] as it was when [`Hold::admits`] was
    /// asked.
    ///
    /// # Errors
    /// [`StoreError::Outdated`] if something was said or reported meanwhile, or the hold is over.
    fn vote<'a>(&'a self, id: &'a HoldId, revision: u64, vote: Vote) -> Answer<'a, ()>;

    /// Adds what a machine reported of a check. `revision` is [`Hold::revision`] as it was when
    /// [`Hold::admits_report`] was asked.
    ///
    /// # Errors
    /// [`StoreError::Outdated`] if something was said or reported meanwhile, or the hold is over.
    fn report<'a>(&'a self, id: &'a HoldId, revision: u64, report: Report) -> Answer<'a, ()>;

    /// Opens the holds of a batch, all or none, and ends those that they follow. A task has one batch under
    /// way: this one takes the place of `replaces`, whose holds are withdrawn. `bounds` are as for one hold.
    ///
    /// # Errors
    /// [`StoreError::Outdated`] if another batch of the task is under way than `replaces`, or the task was
    /// stopped; [`StoreError::Exists`] if one of its calls waits already under a hold that none of it
    /// follows; [`StoreError::Crowded`] if too much waits.
    fn propose(
        &self,
        batch: Batch,
        replaces: Option<BatchId>,
        bounds: HoldBounds,
    ) -> Answer<'_, ()>;

    /// Adds what a person said of a batch to each of its holds that is not over, or to the one hold `only`,
    /// in one step. `revision` is [`Batch::revision`] as it was when [`Batch::admits`] was asked.
    ///
    /// # Errors
    /// [`StoreError::Outdated`] if anything was said, reported or used of the batch meanwhile.
    fn vote_on_batch<'a>(
        &'a self,
        id: &'a BatchId,
        only: Option<HoldId>,
        revision: u64,
        vote: Vote,
    ) -> Answer<'a, ()>;

    /// One batch with its holds, and how AWS answered the calls that used them.
    fn batch<'a>(&'a self, id: &'a BatchId) -> Answer<'a, Option<Batch>>;

    /// The batches that `filter` asks for, newest first.
    fn batches<'a>(&'a self, filter: &'a BatchFilter) -> Answer<'a, Vec<Batch>>;

    /// Ends a hold that nobody will use, and with it the others of its batch.
    ///
    /// # Errors
    /// [`StoreError::Outdated`] if it is over already.
    fn end_hold<'a>(&'a self, id: &'a HoldId, ended: Ended) -> Answer<'a, ()>;

    /// One hold with its votes and reports.
    fn hold<'a>(&'a self, id: &'a HoldId) -> Answer<'a, Option<Hold>>;

    /// The hold under which a call of this digest waits; else the last one that it had.
    fn latest_hold<'a>(&'a self, task: &'a TaskId, digest: &'a str) -> Answer<'a, Option<Hold>>;

    /// The holds that `filter` asks for, newest first.
    fn holds<'a>(&'a self, filter: &'a HoldFilter) -> Answer<'a, Vec<Hold>>;

    /// A number that grows with every change of a task, a session, a hold or the posture, whichever
    /// process made it. A change by this process shows before its method answers, one by another
    /// within a fraction of a second. Who waits on it reads again what it needs.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Says that this process serves by all changes up to this number of [`Store::changes`]. Not one of them
    /// itself.
    fn heed(&self, number: u64) -> Answer<'_, ()>;

    /// Up to which number of [`Store::changes`] the process that serves from here goes by them; nothing where
    /// none serves.
    fn heeded(&self) -> Answer<'_, Option<u64>>;

    /// Keeps a decided call, and charges its task when the call is an allowed change: budget
    /// units and the ledger are written together with the record, and concurrent calls cannot
    /// use a unit twice. A call that uses an approval ([`cordon_core::record::OnHold::uses`]) is
    /// kept together with the end of its hold, so that no approval lets two calls go; one of a batch
    /// only once AWS answered those before it well, and as long as none of the batch ended otherwise. An allowed read may answer before it is durable; everything else is
    /// durable when this answers.
    ///
    /// # Errors
    /// [`RecordError`]; the call must not leave then. [`RecordError::TaskOver`] where a change is of a
    /// task that was stopped or paused before, whichever process did that.
    fn record(&self, record: CallRecord, budget: Budget) -> Answer<'_, Recorded, RecordError>;

    /// Keeps what became of a call that was let go, `took` after its decision. A change that
    /// definitely had no effect ([`CallResult::NotSent`], or an answer of 400 to 499 other than
    /// 408) gives back what it was charged.
    ///
    /// # Errors
    /// [`StoreError`]; the call stays open then, and will be reported as indeterminate.
    fn close(&self, recorded: Recorded, result: CallResult, took: Duration) -> Answer<'_, ()>;

    /// The calls that had been let go and were not closed when this store was opened. They have
    /// been closed as indeterminate.
    fn interrupted(&self) -> &[StoredCall];

    /// The calls that `filter` asks for, newest first.
    fn search<'a>(&'a self, filter: &'a CallFilter) -> Answer<'a, Vec<StoredCall>>;

    /// At most `limit` calls after the one numbered `after`, oldest first; 0 is before the first.
    fn tail(&self, after: u64, limit: u32) -> Answer<'_, Vec<StoredCall>>;

    /// The call that people quote as `reference`.
    fn call<'a>(&'a self, reference: &'a Reference) -> Answer<'a, Option<StoredCall>>;

    /// What a task did so far. Cheap enough to ask for every call.
    fn ledger<'a>(&'a self, task: &'a TaskId) -> Answer<'a, Arc<Ledger>>;

    /// How many changes of a task were let go in the minute before `now`.
    fn last_minute<'a>(&'a self, task: &'a TaskId, now: Timestamp) -> Answer<'a, u32>;

    /// How careful leaders declared that calls are to be, in the order of the declarations' ids.
    fn postures(&self) -> Answer<'_, Vec<Declared>>;

    /// Keeps a declaration, in the place of one with its id.
    fn declare_posture(&self, declared: Declared) -> Answer<'_, ()>;

    /// Takes a declaration back.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such one.
    fn lift_posture<'a>(&'a self, id: &'a str) -> Answer<'a, ()>;

    /// Keeps a link that signs a person in, and lets go of what expired long ago.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if its secret is taken.
    fn put_sign_in_link(&self, link: SignInLink) -> Answer<'_, ()>;

    /// Uses up the link with this secret, for a pass of the person that it is for. Of two who come
    /// with the same link one signs in.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such link, or it was used, or its time is over.
    fn sign_in<'a>(&'a self, link: &'a SecretHash, pass: NewPass) -> Answer<'a, Pass>;

    /// Keeps a pass that nobody signed in for.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if its secret is taken.
    fn put_pass(&self, pass: Pass) -> Answer<'_, ()>;

    /// The pass with this secret, whether or not it is still good.
    fn pass<'a>(&'a self, secret: &'a SecretHash) -> Answer<'a, Option<Pass>>;

    /// The passes of a person, newest sign-in first.
    fn passes<'a>(&'a self, person: &'a Person) -> Answer<'a, Vec<Pass>>;

    /// What providers of identities told of those who are signed in at `now`, one entry a person.
    fn claims(&self, now: Timestamp) -> Answer<'_, Vec<Claimed>>;

    /// Takes a pass back, by the [`SecretHash::id`] of its secret. A second time changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such pass.
    fn revoke_pass<'a>(&'a self, id: &'a str, at: Timestamp) -> Answer<'a, ()>;

    /// Keeps a passkey.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if its authenticator's name for it is taken, whoever has it.
    fn put_passkey(&self, passkey: Passkey) -> Answer<'_, ()>;

    /// The passkey that its authenticator calls so, whether or not it was taken back.
    fn passkey<'a>(&'a self, credential: &'a [u8]) -> Answer<'a, Option<Passkey>>;

    /// The passkeys of a person, or of everyone, newest first, those that were taken back too.
    fn passkeys<'a>(&'a self, person: Option<&'a Person>) -> Answer<'a, Vec<Passkey>>;

    /// Keeps that a passkey signed, and with it the link that this is worth. Of two who come with the
    /// same count of signatures one does.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such passkey, or it was taken back, or it had signed as
    /// often before.
    fn use_passkey(&self, usage: PasskeyUse, link: SignInLink) -> Answer<'_, ()>;

    /// Takes a passkey back, by its [`Passkey::id`], and ends the sign-ins that it made. A second time
    /// changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such passkey.
    fn revoke_passkey<'a>(&'a self, id: &'a str, at: Timestamp) -> Answer<'a, ()>;

    /// Writes down an attempt to tell a channel how a hold stands, in place of the one before. Not one
    /// of the changes that [`Store::changes`] tells of.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such hold.
    fn put_delivery(&self, delivery: Delivery) -> Answer<'_, ()>;

    /// What channels were told of a hold, in the order of the last attempts.
    fn deliveries<'a>(&'a self, hold: &'a HoldId) -> Answer<'a, Vec<Delivery>>;

    /// Keeps what someone does in the control plane, for good: whoever does it waits for this first. Not one
    /// of the changes that [`Store::changes`] tells of.
    fn put_deed(&self, deed: Deed) -> Answer<'_, ()>;

    /// At most `limit` deeds, and never more than 1,000, before the one with this number, newest first.
    fn deeds(&self, before: Option<u64>, limit: u32) -> Answer<'_, Vec<StoredDeed>>;

    /// Keeps an incident, for good, together with the posture that it raises.
    fn record_incident(&self, incident: Incident, raises: Option<Declared>) -> Answer<'_, ()>;

    /// At most `limit` incidents, and never more than 1,000, before the one with this number, newest first.
    fn incidents(&self, before: Option<u64>, limit: u32) -> Answer<'_, Vec<StoredIncident>>;

    /// How many incidents happened since.
    fn incidents_since(&self, since: Timestamp) -> Answer<'_, u64>;

    /// Looks whether what is kept is whole. Reads everything: for `cordon doctor`.
    ///
    /// # Errors
    /// [`StoreError::Corrupted`].
    fn check(&self) -> Answer<'_, ()>;

    /// Makes durable all that was answered before, then lets go of files and locks. Every later
    /// method fails with [`StoreError::ShutDown`].
    fn shut_down(&self) -> Answer<'_, ()>;
}
