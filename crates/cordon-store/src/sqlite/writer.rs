//! The one writer: jobs in, commits out.
//!
//! ```text
//! jobs ─► gather (until somebody waits) ─► plan (in memory) ─► commit (one sync) ─► answers
//! ```
//! What piles up while one commit is under way shares the next, so a thousand callers share one
//! sync and a lone caller never waits for company. Jobs that nobody waits for, the records of
//! reads, linger for a moment so that they share a commit too.
//!
//! A call that may not be written is told so, and the others of its batch are tried again without it.
//! A commit that fails is told to everybody in it, the accounts are read again from the tables,
//! and the connection is made anew: after a failed sync nothing that it remembers is sure.

use super::account::{Account, Ledgers};
use super::commit::{Fault, commit};
use super::job::{Change, Job, Refusals};
use super::plan::{Known, Open, Plan};
use super::queue::Queue;
use super::read;
use crate::error::{RecordError, StoreError};
use crate::task::TaskState;
use cordon_core::names::TaskId;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long after a failed commit those that nobody waits for are tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// The writer's side of the store.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    ledgers: Ledgers,
    changed: watch::Sender<u64>,
    /// Whether the last commit failed, so that reads wait for theirs as well.
    failing: Arc<AtomicBool>,
    accounts: HashMap<TaskId, Account>,
    open: HashMap<Box<str>, Open>,
    /// The number of the next call.
    next: i64,
    /// What nobody waits for and a failed commit left over.
    held: Vec<Job>,
    /// Held for as long as this process serves from the folder.
    lock: Option<File>,
}

/// What the writer shares with the store.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) ledgers: Ledgers,
    pub(super) changed: watch::Sender<u64>,
    pub(super) failing: Arc<AtomicBool>,
}

impl Writer {
    pub(super) fn new(
        path: PathBuf,
        options: SqliteConnectOptions,
        shared: Shared,
        lock: Option<File>,
    ) -> Self {
        Self {
            path,
            options,
            connection: None,
            ledgers: shared.ledgers,
            changed: shared.changed,
            failing: shared.failing,
            accounts: HashMap::new(),
            open: HashMap::new(),
            next: 0,
            held: Vec::new(),
            lock,
        }
    }

    /// Writes until the store is shut down or dropped.
    pub(super) async fn run(mut self, mut queue: Queue) {
        while let Some(mut jobs) = self.gather(&mut queue).await {
            let end = jobs
                .iter()
                .position(|job| matches!(job, Job::ShutDown { .. }));
            let Some(end) = end else {
                self.work(jobs).await;
                continue;
            };
            let mut late = jobs.split_off(end);
            late.extend(queue.close());
            let mut late = late.into_iter();
            let farewell = late.next();
            // Who waits for what came after hears that the store is shut down. What nobody waits
            // for was answered already, so it is kept.
            jobs.extend(late.filter(|job| !job.is_awaited()));
            self.work(jobs).await;
            return self.end(farewell).await;
        }
        self.end(None).await;
    }

    async fn end(mut self, farewell: Option<Job>) {
        let held = std::mem::take(&mut self.held);
        self.work(held).await;
        let lost = self.held.len();
        if lost > 0 {
            tracing::error!(lost, "records could not be written before the end");
        }
        if let Some(connection) = self.connection.take() {
            // Closing only tidies up: everything that was answered is durable.
            let _ = connection.close().await;
        }
        drop(self.lock.take());
        if let Some(job) = farewell {
            job.committed(0, &mut Refusals::default());
        }
    }

    /// The next batch; nothing when no more will come.
    async fn gather(&mut self, queue: &mut Queue) -> Option<Vec<Job>> {
        let due = (!self.held.is_empty()).then(|| Instant::now() + AGAIN);
        queue.next(&mut self.held, due).await
    }

    /// Commits `jobs` together, without those that are refused.
    async fn work(&mut self, mut jobs: Vec<Job>) {
        while !jobs.is_empty() {
            match self.attempt(&jobs).await {
                Ok(refusals) => return self.committed(jobs, refusals),
                Err(Fault::Store(error)) => return self.failed(jobs, &error),
                Err(Fault::Refused(refused)) => jobs = self.refuse(jobs, refused),
            }
        }
    }

    /// Tells the calls of `jobs` that are refused, by their place; gives the other jobs.
    fn refuse(&mut self, jobs: Vec<Job>, mut refused: BTreeMap<usize, RecordError>) -> Vec<Job> {
        let (mut left, mut out) = (Vec::new(), Vec::new());
        let mut refusals = Refusals::default();
        for (place, job) in jobs.into_iter().enumerate() {
            match refused.remove(&place) {
                Some(error) => {
                    refusals.records.insert(out.len(), error);
                    out.push(job);
                }
                None => left.push(job),
            }
        }
        self.committed(out, refusals);
        left
    }

    fn committed(&mut self, jobs: Vec<Job>, mut refusals: Refusals) {
        for (place, job) in jobs.into_iter().enumerate() {
            self.held.extend(job.committed(place, &mut refusals));
        }
    }

    fn failed(&mut self, jobs: Vec<Job>, error: &StoreError) {
        if !self.failing.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "the store cannot write: calls are refused until it can");
        }
        self.held
            .extend(jobs.into_iter().filter_map(|job| job.failed(error)));
    }

    /// One transaction for all of `jobs`. Where it fails, nothing of it is left.
    async fn attempt(&mut self, jobs: &[Job]) -> Result<Refusals, Fault> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await.map_err(Fault::Store)?,
        };
        let unread = self.load(&mut connection, jobs).await;
        let mut known = Known {
            next: self.next,
            accounts: &mut self.accounts,
            unread,
            open: &self.open,
        };
        let mut plan = Plan::of(jobs, &mut known);
        let next = known.next;
        if plan.writes_nothing() {
            self.connection = Some(connection);
            let refusals = std::mem::take(&mut plan.refusals);
            self.publish(plan, None);
            return Ok(refusals);
        }
        match commit(&self.path, &mut connection, &plan, &self.accounts).await {
            Ok(committed) => {
                self.connection = Some(connection);
                self.failing.store(false, Ordering::Release);
                self.next = next;
                let mut refusals = std::mem::take(&mut plan.refusals);
                refusals.others.extend(committed.refused);
                self.publish(plan, committed.version);
                Ok(refusals)
            }
            Err(fault) => {
                if matches!(fault, Fault::Refused(_)) {
                    self.connection = Some(connection);
                }
                plan.touched.keys().for_each(|task| self.forget(task));
                Err(fault)
            }
        }
    }

    async fn connect(&mut self) -> Result<SqliteConnection, StoreError> {
        let failed = |error| StoreError::of(&self.path, error);
        let mut connection = self.options.connect().await.map_err(failed)?;
        let last: Option<i64> = sqlx::query_scalar("SELECT max(sequence) FROM call")
            .fetch_one(&mut connection)
            .await
            .map_err(failed)?;
        self.next = last.unwrap_or(0) + 1;
        Ok(connection)
    }

    /// Reads the accounts that `jobs` need and that are not known yet; gives those that could not
    /// be read.
    async fn load(
        &mut self,
        connection: &mut SqliteConnection,
        jobs: &[Job],
    ) -> HashMap<TaskId, StoreError> {
        let mut unread = HashMap::new();
        let needed: BTreeSet<TaskId> = jobs.iter().filter_map(|job| self.needs(job)).collect();
        for task in needed {
            if self.accounts.contains_key(&task) {
                continue;
            }
            match read::account(&self.path, connection, &task).await {
                Ok(account) => {
                    self.accounts.insert(task, account);
                }
                Err(error) => {
                    unread.insert(task, error);
                }
            }
        }
        unread
    }

    fn needs(&self, job: &Job) -> Option<TaskId> {
        match job {
            Job::Record { call, .. } => call.charges().then(|| call.task.parse().ok())?,
            Job::Close { reference, .. } => {
                let charge = self.open.get(reference)?.charged.as_ref()?;
                Some(charge.task.clone())
            }
            Job::Show { task, .. } => Some(task.clone()),
            Job::Change { .. } | Job::Hold { .. } | Job::Flush { .. } | Job::ShutDown { .. } => {
                None
            }
        }
    }

    /// After the commit: what it means for those who read.
    fn publish(&mut self, plan: Plan<'_>, version: Option<u64>) {
        for reference in plan.closed.keys() {
            self.open.remove(*reference);
        }
        let opened = plan.opened.into_iter();
        self.open
            .extend(opened.map(|(reference, open)| (reference.into(), open)));
        for (task, moments) in &plan.touched {
            match self.accounts.get(task) {
                Some(account) if !plan.reread.contains(task) => {
                    self.ledgers.show(task, account, moments);
                }
                _ => self.forget(task),
            }
        }
        for (_, change) in &plan.changes {
            match change {
                Change::TaskState(task, TaskState::Stopped) => self.forget(task),
                Change::StopTasks(_, stopped) => {
                    let stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner);
                    stopped.iter().for_each(|task| self.forget(task));
                }
                _ => {}
            }
        }
        if let Some(version) = version {
            tell(&self.changed, version);
        }
    }

    /// Leaves the account of `task` to be read again by whoever needs it next.
    fn forget(&mut self, task: &TaskId) {
        self.accounts.remove(task);
        self.ledgers.forget(task);
    }
}

/// Tells those who follow that the state of tasks, sessions and posture has this number, unless
/// they know.
pub(super) fn tell(changed: &watch::Sender<u64>, number: u64) {
    changed.send_if_modified(|known| {
        let newer = number > *known;
        *known = number.max(*known);
        newer
    });
}
