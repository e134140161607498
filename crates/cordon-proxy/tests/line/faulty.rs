//! A real store that can be told to fail, and to take its process with it: for what happens when a
//! disk is full, and when power is lost.

use cordon_core::hold::{Batch, Ended, Hold, Reason, Report, Vote};
use cordon_core::ledger::Ledger;
use cordon_core::names::{AmendmentId, BatchId, HoldId, Person, Reference, SessionId, TaskId};
use cordon_core::posture::Declared;
use cordon_core::record::{CallRecord, CallResult};
use cordon_core::session::SessionState;
use cordon_core::task::Mode;
use cordon_store::{
    Acceptance, Amendment, AmendmentFilter, Answer, BatchFilter, Budget, CallFilter, Claimed, Deed,
    Delivery, HoldBounds, HoldFilter, Incident, NewPass, Pass, Passkey, PasskeyUse, RecordError,
    Recorded, Refusal, SecretHash, SignInLink, Store, StoreError, StoredCall, StoredDeed,
    StoredIncident, StoredSession, StoredTask, TaskState,
};
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// A store between the data plane and another one.
#[derive(Debug)]
pub(crate) struct Faulty {
    inner: Arc<dyn Store>,
    full: AtomicBool,
    /// How many steps there are to the end of the process; zero: it lives.
    steps: AtomicU32,
    /// Grows with everything that is done for a call.
    done: watch::Sender<u64>,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            full: AtomicBool::new(false),
            steps: AtomicU32::new(0),
            done: watch::Sender::new(0),
        }
    }

    /// What `look` finds, once it finds something: it looks again whenever something was done for a call.
    pub(crate) async fn once<T>(&self, look: impl AsyncFn() -> Option<T>) -> T {
        let mut done = self.done.subscribe();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            done.changed().await.unwrap();
        }
    }

    /// From now on there is no room for anything, or there is again.
    pub(crate) fn is_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// Every call so far, oldest first.
    pub(crate) async fn tail_all(&self) -> Vec<StoredCall> {
        self.inner.tail(0, 10_000).await.unwrap()
    }

    /// From now on the process is killed at this step: each thing that is asked of the store for a
    /// call is one before it is done, and one after.
    pub(crate) fn dies_at(&self, step: u32) {
        self.steps.store(step, Ordering::SeqCst);
    }

    async fn step<T>(&self, asked: impl Future<Output = T>) -> T {
        self.may_die().await;
        let answer = asked.await;
        self.done.send_modify(|done| *done += 1);
        self.may_die().await;
        answer
    }

    async fn may_die(&self) {
        let left = |steps: u32| steps.checked_sub(1);
        if self
            .steps
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
            == Ok(1)
        {
            let own = std::process::id().to_string();
            let mut kill = std::process::Command::new("kill");
            kill.args(["-9", &own]).status().unwrap();
            // It is dead by now, or about to be.
            std::future::pending::<()>().await;
        }
    }

    fn room(&self) -> Result<(), StoreError> {
        match self.full.load(Ordering::SeqCst) {
            true => Err(StoreError::Full(PathBuf::from("cordon.db"))),
            false => Ok(()),
        }
    }
}

impl Store for Faulty {
    fn record(&self, record: CallRecord, budget: Budget) -> Answer<'_, Recorded, RecordError> {
        Box::pin(async move {
            self.room()?;
            self.step(self.inner.record(record, budget)).await
        })
    }

    fn close(&self, recorded: Recorded, result: CallResult, took: Duration) -> Answer<'_, ()> {
        Box::pin(async move {
            self.room()?;
            self.step(self.inner.close(recorded, result, took)).await
        })
    }

    fn open_hold(&self, hold: Hold, bounds: HoldBounds) -> Answer<'_, ()> {
        Box::pin(async move {
            self.room()?;
            self.step(self.inner.open_hold(hold, bounds)).await
        })
    }

    fn join_hold<'a>(&'a self, id: &'a HoldId) -> Answer<'a, ()> {
        Box::pin(self.step(self.inner.join_hold(id)))
    }

    fn vote<'a>(&'a self, id: &'a HoldId, revision: u64, vote: Vote) -> Answer<'a, ()> {
        Box::pin(self.step(self.inner.vote(id, revision, vote)))
    }

    fn report<'a>(&'a self, id: &'a HoldId, revision: u64, report: Report) -> Answer<'a, ()> {
        Box::pin(self.step(self.inner.report(id, revision, report)))
    }

    fn propose(
        &self,
        batch: Batch,
        replaces: Option<BatchId>,
        bounds: HoldBounds,
    ) -> Answer<'_, ()> {
        self.inner.propose(batch, replaces, bounds)
    }

    fn vote_on_batch<'a>(
        &'a self,
        id: &'a BatchId,
        only: Option<HoldId>,
        revision: u64,
        vote: Vote,
    ) -> Answer<'a, ()> {
        self.inner.vote_on_batch(id, only, revision, vote)
    }

    fn batch<'a>(&'a self, id: &'a BatchId) -> Answer<'a, Option<Batch>> {
        Box::pin(self.step(self.inner.batch(id)))
    }

    fn batches<'a>(&'a self, filter: &'a BatchFilter) -> Answer<'a, Vec<Batch>> {
        self.inner.batches(filter)
    }

    fn end_hold<'a>(&'a self, id: &'a HoldId, ended: Ended) -> Answer<'a, ()> {
        self.inner.end_hold(id, ended)
    }

    fn hold<'a>(&'a self, id: &'a HoldId) -> Answer<'a, Option<Hold>> {
        Box::pin(self.step(self.inner.hold(id)))
    }

    fn latest_hold<'a>(&'a self, task: &'a TaskId, digest: &'a str) -> Answer<'a, Option<Hold>> {
        Box::pin(self.step(self.inner.latest_hold(task, digest)))
    }

    fn holds<'a>(&'a self, filter: &'a HoldFilter) -> Answer<'a, Vec<Hold>> {
        self.inner.holds(filter)
    }

    fn put_task(&self, task: StoredTask) -> Answer<'_, ()> {
        self.inner.put_task(task)
    }

    fn task<'a>(&'a self, id: &'a TaskId) -> Answer<'a, Option<StoredTask>> {
        self.inner.task(id)
    }

    fn tasks(&self) -> Answer<'_, Vec<StoredTask>> {
        self.inner.tasks()
    }

    fn put_amendment(&self, amendment: Amendment) -> Answer<'_, ()> {
        self.inner.put_amendment(amendment)
    }

    fn amendment<'a>(&'a self, id: &'a AmendmentId) -> Answer<'a, Option<Amendment>> {
        self.inner.amendment(id)
    }

    fn amendments<'a>(&'a self, filter: &'a AmendmentFilter) -> Answer<'a, Vec<Amendment>> {
        self.inner.amendments(filter)
    }

    fn declined<'a>(&'a self, task: &'a TaskId, digest: &'a str) -> Answer<'a, Option<Reason>> {
        self.inner.declined(task, digest)
    }

    fn accept_amendment(&self, acceptance: Acceptance) -> Answer<'_, ()> {
        self.inner.accept_amendment(acceptance)
    }

    fn decline_amendment(&self, refusal: Refusal) -> Answer<'_, ()> {
        self.inner.decline_amendment(refusal)
    }

    fn set_task_mode<'a>(&'a self, id: &'a TaskId, mode: Mode) -> Answer<'a, ()> {
        self.inner.set_task_mode(id, mode)
    }

    fn stop_tasks(&self, now: Timestamp) -> Answer<'_, Vec<TaskId>> {
        self.inner.stop_tasks(now)
    }

    fn set_task_state<'a>(&'a self, id: &'a TaskId, state: TaskState) -> Answer<'a, ()> {
        self.inner.set_task_state(id, state)
    }

    fn tasks_under_way(&self) -> Answer<'_, Vec<StoredTask>> {
        self.inner.tasks_under_way()
    }

    fn extend_task<'a>(&'a self, id: &'a TaskId, expires: Timestamp) -> Answer<'a, ()> {
        self.inner.extend_task(id, expires)
    }

    fn put_session(&self, session: StoredSession) -> Answer<'_, ()> {
        self.inner.put_session(session)
    }

    fn session<'a>(&'a self, id: &'a SessionId) -> Answer<'a, Option<StoredSession>> {
        self.inner.session(id)
    }

    fn live_sessions(&self) -> Answer<'_, Vec<StoredSession>> {
        self.inner.live_sessions()
    }

    fn standing(&self) -> Answer<'_, Vec<SessionId>> {
        self.inner.standing()
    }

    fn set_session_state<'a>(&'a self, id: &'a SessionId, state: SessionState) -> Answer<'a, ()> {
        self.inner.set_session_state(id, state)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes()
    }

    fn heed(&self, number: u64) -> Answer<'_, ()> {
        self.inner.heed(number)
    }

    fn heeded(&self) -> Answer<'_, Option<u64>> {
        self.inner.heeded()
    }

    fn interrupted(&self) -> &[StoredCall] {
        self.inner.interrupted()
    }

    fn search<'a>(&'a self, filter: &'a CallFilter) -> Answer<'a, Vec<StoredCall>> {
        self.inner.search(filter)
    }

    fn tail(&self, after: u64, limit: u32) -> Answer<'_, Vec<StoredCall>> {
        self.inner.tail(after, limit)
    }

    fn call<'a>(&'a self, reference: &'a Reference) -> Answer<'a, Option<StoredCall>> {
        self.inner.call(reference)
    }

    fn ledger<'a>(&'a self, task: &'a TaskId) -> Answer<'a, Arc<Ledger>> {
        Box::pin(self.step(self.inner.ledger(task)))
    }

    fn last_minute<'a>(&'a self, task: &'a TaskId, now: Timestamp) -> Answer<'a, u32> {
        Box::pin(self.step(self.inner.last_minute(task, now)))
    }

    fn postures(&self) -> Answer<'_, Vec<Declared>> {
        self.inner.postures()
    }

    fn put_deed(&self, deed: Deed) -> Answer<'_, ()> {
        self.inner.put_deed(deed)
    }

    fn deeds(&self, before: Option<u64>, limit: u32) -> Answer<'_, Vec<StoredDeed>> {
        self.inner.deeds(before, limit)
    }

    fn put_passkey(&self, passkey: Passkey) -> Answer<'_, ()> {
        self.inner.put_passkey(passkey)
    }

    fn passkey<'a>(&'a self, credential: &'a [u8]) -> Answer<'a, Option<Passkey>> {
        self.inner.passkey(credential)
    }

    fn passkeys<'a>(&'a self, person: Option<&'a Person>) -> Answer<'a, Vec<Passkey>> {
        self.inner.passkeys(person)
    }

    fn use_passkey(&self, usage: PasskeyUse, link: SignInLink) -> Answer<'_, ()> {
        self.inner.use_passkey(usage, link)
    }

    fn revoke_passkey<'a>(&'a self, id: &'a str, at: Timestamp) -> Answer<'a, ()> {
        self.inner.revoke_passkey(id, at)
    }

    fn put_delivery(&self, delivery: Delivery) -> Answer<'_, ()> {
        self.inner.put_delivery(delivery)
    }

    fn deliveries<'a>(&'a self, hold: &'a HoldId) -> Answer<'a, Vec<Delivery>> {
        self.inner.deliveries(hold)
    }

    fn put_sign_in_link(&self, link: SignInLink) -> Answer<'_, ()> {
        self.inner.put_sign_in_link(link)
    }

    fn sign_in<'a>(&'a self, link: &'a SecretHash, pass: NewPass) -> Answer<'a, Pass> {
        self.inner.sign_in(link, pass)
    }

    fn put_pass(&self, pass: Pass) -> Answer<'_, ()> {
        self.inner.put_pass(pass)
    }

    fn pass<'a>(&'a self, secret: &'a SecretHash) -> Answer<'a, Option<Pass>> {
        self.inner.pass(secret)
    }

    fn passes<'a>(&'a self, person: &'a Person) -> Answer<'a, Vec<Pass>> {
        self.inner.passes(person)
    }

    fn claims(&self, now: Timestamp) -> Answer<'_, Vec<Claimed>> {
        self.inner.claims(now)
    }

    fn revoke_pass<'a>(&'a self, id: &'a str, at: Timestamp) -> Answer<'a, ()> {
        self.inner.revoke_pass(id, at)
    }

    fn record_incident(&self, incident: Incident, raises: Option<Declared>) -> Answer<'_, ()> {
        self.inner.record_incident(incident, raises)
    }

    fn incidents(&self, before: Option<u64>, limit: u32) -> Answer<'_, Vec<StoredIncident>> {
        self.inner.incidents(before, limit)
    }

    fn incidents_since(&self, since: Timestamp) -> Answer<'_, u64> {
        self.inner.incidents_since(since)
    }

    fn declare_posture(&self, declared: Declared) -> Answer<'_, ()> {
        self.inner.declare_posture(declared)
    }

    fn lift_posture<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        self.inner.lift_posture(id)
    }

    fn check(&self) -> Answer<'_, ()> {
        self.inner.check()
    }

    fn shut_down(&self) -> Answer<'_, ()> {
        self.inner.shut_down()
    }
}
