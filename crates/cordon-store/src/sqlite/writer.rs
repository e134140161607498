//! The one writer: jobs in, commits out, the ledgers of tasks kept beside the tables.
//!
//! What piled up while the last commit was under way is committed together. A ledger is charged
//! in the same transaction as the record of its call, and is shown to readers only after the
//! commit, so that nothing is promised that a crash could take back.

use super::read;
use crate::call::{Budget, Limit, had_no_effect};
use crate::error::{RecordError, StoreError};
use crate::posture::{self, StandingPosture};
use crate::row;
use crate::session::{StoredSession, state_word};
use crate::task::{StoredTask, TaskMode, TaskState};
use cordon_aws::arn::Arn;
use cordon_core::ledger::{Changes, Ledger};
use cordon_core::names::{SessionId, TaskId};
use cordon_core::record::{CallRecord, CallResult};
use cordon_core::session::SessionState;
use jiff::Timestamp;
use sqlx::SqliteConnection;
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// The most jobs that share one commit.
const BATCH: usize = 256;

/// The largest body of a record, in bytes.
const LARGEST: usize = 256 * 1024;

const MINUTE: i64 = 60_000_000;

type Reply<T, E = StoreError> = oneshot::Sender<Result<T, E>>;

/// One thing to write.
#[derive(Debug)]
pub(super) enum Job {
    Record {
        record: Box<CallRecord>,
        budget: Budget,
        reply: Option<Reply<(), RecordError>>,
    },
    Close {
        reference: Box<str>,
        result: CallResult,
        took: Duration,
        reply: Reply<()>,
    },
    Change {
        change: Box<Change>,
        reply: Reply<()>,
    },
    ShutDown {
        reply: Reply<()>,
    },
}

/// A change of a task, a session or the posture.
#[derive(Debug)]
pub(super) enum Change {
    PutTask(StoredTask),
    TaskMode(TaskId, TaskMode),
    TaskState(TaskId, TaskState),
    TaskExpires(TaskId, Timestamp),
    PutSession(StoredSession),
    SessionState(SessionId, SessionState),
    Posture(StandingPosture),
}

/// The ledgers that readers see: those of tasks with calls since this process began.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledgers(Arc<RwLock<HashMap<TaskId, Shown>>>);

#[derive(Debug, Clone)]
struct Shown {
    ledger: Arc<Ledger>,
    minute: Arc<VecDeque<i64>>,
}

impl Ledgers {
    pub(super) fn published(&self, task: &TaskId) -> Option<Arc<Ledger>> {
        self.read(task, |shown| Arc::clone(&shown.ledger))
    }

    pub(super) fn last_minute(&self, task: &TaskId, now: Timestamp) -> Option<u32> {
        let since = now.as_microsecond() - MINUTE;
        self.read(task, |shown| {
            let count = shown.minute.iter().filter(|at| **at > since).count();
            u32::try_from(count).unwrap_or(u32::MAX)
        })
    }

    fn read<T>(&self, task: &TaskId, of: impl FnOnce(&Shown) -> T) -> Option<T> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(task)
            .map(of)
    }

    fn publish(&self, task: &TaskId, account: &Account) {
        let shown = Shown {
            ledger: Arc::new(account.ledger.clone()),
            minute: Arc::new(account.minute.clone()),
        };
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(task.clone(), shown);
    }

    fn forget(&self, task: &TaskId) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(task);
    }
}

/// What a task used up, as the writer knows it.
#[derive(Debug, Default)]
struct Account {
    ledger: Ledger,
    /// When its changes of the last minute were let go, oldest first.
    minute: VecDeque<i64>,
}

/// A call that was let go and not closed.
#[derive(Debug)]
struct Open {
    sequence: i64,
    task: Option<TaskId>,
    changes: Changes,
    /// Those of its destroyed resources that belonged to the task before.
    owned: Vec<Arn>,
}

/// The writer's side of the store.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    connection: SqliteConnection,
    ledgers: Ledgers,
    changed: watch::Sender<u64>,
    accounts: HashMap<TaskId, Account>,
    open: HashMap<Box<str>, Open>,
    /// Tasks whose account this batch changed.
    touched: Vec<TaskId>,
    /// Whether this batch changed a task, a session or the posture.
    steered: bool,
}

impl Writer {
    pub(super) fn new(
        path: PathBuf,
        connection: SqliteConnection,
        ledgers: Ledgers,
        changed: watch::Sender<u64>,
    ) -> Self {
        Self {
            path,
            connection,
            ledgers,
            changed,
            accounts: HashMap::new(),
            open: HashMap::new(),
            touched: Vec::new(),
            steered: false,
        }
    }

    /// Writes until the store is shut down or dropped.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut batch = Vec::with_capacity(BATCH);
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            let ends = batch
                .iter()
                .position(|job| matches!(job, Job::ShutDown { .. }));
            let jobs: Vec<Job> = batch.drain(..ends.unwrap_or(batch.len())).collect();
            self.commit(jobs).await;
            let Some(Job::ShutDown { reply }) = ends.and_then(|_| batch.drain(..).next()) else {
                continue;
            };
            queue.close();
            let closed = sqlx::Connection::close(self.connection)
                .await
                .map_err(|error| StoreError::of(&self.path, error));
            let _ = reply.send(closed);
            return;
        }
    }

    /// One transaction. Where it fails as a whole, every caller hears so and the accounts are read
    /// again from the tables.
    async fn commit(&mut self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        self.touched.clear();
        self.steered = false;
        if let Err(error) = self.execute("BEGIN IMMEDIATE").await {
            return refuse(jobs, &error);
        }
        let mut done: Vec<Done> = Vec::with_capacity(jobs.len());
        for job in jobs {
            done.push(self.write(job).await);
        }
        let committed = match self.steer().await {
            Ok(()) => self.execute("COMMIT").await,
            Err(error) => Err(error),
        };
        match committed {
            Ok(()) => self.publish(),
            Err(_) => self.roll_back().await,
        }
        for done in done {
            done.answer(committed.as_ref().err());
        }
    }

    async fn execute(&mut self, statement: &'static str) -> Result<(), StoreError> {
        let done = sqlx::query(statement).execute(&mut self.connection).await;
        done.map(drop)
            .map_err(|error| StoreError::of(&self.path, error))
    }

    async fn steer(&mut self) -> Result<(), StoreError> {
        match self.steered {
            true => {
                self.execute("UPDATE version SET number = number + 1 WHERE one = 1")
                    .await
            }
            false => Ok(()),
        }
    }

    fn publish(&mut self) {
        for task in self.touched.drain(..) {
            if let Some(account) = self.accounts.get(&task) {
                self.ledgers.publish(&task, account);
            }
        }
        if self.steered {
            // The other processes' number may be ahead; the next beat corrects it.
            self.changed.send_modify(|number| *number += 1);
        }
    }

    async fn roll_back(&mut self) {
        // Where even this fails, SQLite has rolled back by itself.
        let _ = self.execute("ROLLBACK").await;
        for task in self.touched.drain(..) {
            self.accounts.remove(&task);
            self.ledgers.forget(&task);
        }
    }

    /// One job within the transaction. A job that fails leaves no part of itself behind.
    async fn write(&mut self, job: Job) -> Done {
        if let Err(error) = self.execute("SAVEPOINT job").await {
            return Done::failed(job, error);
        }
        let done = match job {
            Job::Record {
                record,
                budget,
                reply,
            } => Done::Record(self.record(&record, budget).await, reply),
            Job::Close {
                reference,
                result,
                took,
                reply,
            } => Done::Other(self.close(&reference, &result, took).await, reply),
            Job::Change { change, reply } => Done::Other(self.change(*change).await, reply),
            Job::ShutDown { reply } => Done::Other(Ok(()), reply),
        };
        let end = match done.is_ok() {
            true => "RELEASE job",
            false => "ROLLBACK TO job",
        };
        match self.execute(end).await {
            Ok(()) => done,
            Err(error) => done.or(error),
        }
    }

    async fn record(&mut self, record: &CallRecord, budget: Budget) -> Result<(), RecordError> {
        let body = row::body(record);
        if body.len() > LARGEST {
            return Err(RecordError::TooLarge {
                bytes: body.len(),
                limit: LARGEST,
            });
        }
        let charged = record.mutates && record.outcome.allowed();
        let task: Option<TaskId> = record.task.parse().ok();
        if let (true, Some(task)) = (charged, &task) {
            self.load(task, record.at).await?;
            self.check_budget(task, record, budget)?;
        }
        let inserted = sqlx::query(
            "INSERT INTO call (reference, at, task, session, service, operation, class, environments, verdict, mutates, body) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&*record.reference)
        .bind(record.at.as_microsecond())
        .bind(&*record.task)
        .bind(&*record.session)
        .bind(&*record.service)
        .bind(&*record.operation)
        .bind(record.class)
        .bind(row::environments(record))
        .bind(row::verdict(record.outcome))
        .bind(record.mutates)
        .bind(body)
        .execute(&mut self.connection)
        .await;
        let sequence = match inserted {
            Ok(done) => done.last_insert_rowid(),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                return Err(RecordError::ReferenceTaken(record.reference.clone()));
            }
            Err(error) => return Err(StoreError::of(&self.path, error).into()),
        };
        if record.outcome.allowed() {
            self.let_go(record, sequence, task.filter(|_| charged))
                .await?;
        }
        Ok(())
    }

    /// Notes an allowed call as open, and charges the task of a change.
    async fn let_go(
        &mut self,
        record: &CallRecord,
        sequence: i64,
        task: Option<TaskId>,
    ) -> Result<(), StoreError> {
        self.run_with("INSERT INTO open_call (sequence) VALUES (?)", &[sequence])
            .await?;
        let arns = |texts: &[Box<str>]| {
            texts
                .iter()
                .filter_map(|text| text.parse().ok())
                .collect::<Vec<Arn>>()
        };
        let changes = Changes {
            creates: arns(&record.creates),
            destroys: arns(&record.destroys),
            cost: record.cost,
        };
        let mut owned = Vec::new();
        if let Some(task) = &task {
            let account = self.accounts.entry(task.clone()).or_default();
            owned = changes
                .destroys
                .iter()
                .filter(|arn| account.ledger.created.contains(*arn))
                .cloned()
                .collect();
            account.ledger.reserve(&changes);
            account.minute.push_back(record.at.as_microsecond());
            self.touched.push(task.clone());
            self.add_budget(task, &changes, 1).await?;
            self.effects(task, sequence, "destroyed", &changes.destroys)
                .await?;
        }
        self.open.insert(
            record.reference.clone(),
            Open {
                sequence,
                task,
                changes,
                owned,
            },
        );
        Ok(())
    }

    async fn run_with(
        &mut self,
        statement: &'static str,
        values: &[i64],
    ) -> Result<(), StoreError> {
        let mut query = sqlx::query(statement);
        for value in values {
            query = query.bind(*value);
        }
        query
            .execute(&mut self.connection)
            .await
            .map(drop)
            .map_err(|error| StoreError::of(&self.path, error))
    }

    async fn add_budget(
        &mut self,
        task: &TaskId,
        changes: &Changes,
        sign: i64,
    ) -> Result<(), StoreError> {
        let cost = changes.cost;
        sqlx::query(
            "INSERT INTO budget (task, mutations, creates, destroys) VALUES (?1, max(0, ?2), max(0, ?3), max(0, ?4)) \
             ON CONFLICT (task) DO UPDATE SET mutations = max(0, mutations + ?2), \
             creates = max(0, creates + ?3), destroys = max(0, destroys + ?4)",
        )
        .bind(task.as_str())
        .bind(i64::from(cost.mutations) * sign)
        .bind(i64::from(cost.creates) * sign)
        .bind(i64::from(cost.destroys) * sign)
        .execute(&mut self.connection)
        .await
        .map(drop)
        .map_err(|error| StoreError::of(&self.path, error))
    }

    async fn effects(
        &mut self,
        task: &TaskId,
        sequence: i64,
        effect: &'static str,
        arns: &[Arn],
    ) -> Result<(), StoreError> {
        for arn in arns {
            sqlx::query(
                "INSERT OR IGNORE INTO ledger (task, sequence, effect, arn) VALUES (?, ?, ?, ?)",
            )
            .bind(task.as_str())
            .bind(sequence)
            .bind(effect)
            .bind(arn.as_str())
            .execute(&mut self.connection)
            .await
            .map_err(|error| StoreError::of(&self.path, error))?;
        }
        Ok(())
    }

    /// Reads the account of a task at its first change.
    async fn load(&mut self, task: &TaskId, now: Timestamp) -> Result<(), StoreError> {
        let since = now.as_microsecond() - MINUTE;
        if let Some(account) = self.accounts.get_mut(task) {
            while account.minute.front().is_some_and(|at| *at <= since) {
                account.minute.pop_front();
            }
            return Ok(());
        }
        let ledger = read::ledger_with(&self.path, &mut self.connection, task).await?;
        let minute: Vec<i64> = sqlx::query_scalar(
            "SELECT at FROM call WHERE task = ? AND at > ? AND mutates = 1 AND verdict = 'allow' ORDER BY at",
        )
        .bind(task.as_str())
        .bind(since)
        .fetch_all(&mut self.connection)
        .await
        .map_err(|error| StoreError::of(&self.path, error))?;
        self.accounts.insert(
            task.clone(),
            Account {
                ledger,
                minute: minute.into(),
            },
        );
        Ok(())
    }

    /// Whether the budget still holds the call. Two calls that were decided on the same ledger
    /// cannot both take the last unit: here they come one after the other.
    fn check_budget(
        &self,
        task: &TaskId,
        record: &CallRecord,
        budget: Budget,
    ) -> Result<(), RecordError> {
        let Some(account) = self.accounts.get(task) else {
            return Ok(());
        };
        let used = account.ledger.used;
        let minute = u32::try_from(account.minute.len()).unwrap_or(u32::MAX);
        let limits = [
            (
                Limit::Mutations,
                budget.mutations,
                used.mutations,
                record.cost.mutations,
            ),
            (
                Limit::Creates,
                budget.creates,
                used.creates,
                record.cost.creates,
            ),
            (
                Limit::Destroys,
                budget.destroys,
                used.destroys,
                record.cost.destroys,
            ),
            (Limit::PerMinute, budget.per_minute, minute, 1),
        ];
        for (limit, cap, used, cost) in limits {
            let Some(cap) = cap else { continue };
            if cost > 0 && used.saturating_add(cost) > cap {
                return Err(RecordError::OverBudget { limit, cap, used });
            }
        }
        Ok(())
    }

    async fn close(
        &mut self,
        reference: &str,
        result: &CallResult,
        took: Duration,
    ) -> Result<(), StoreError> {
        let Some(open) = self.open.remove(reference) else {
            return Err(StoreError::Unknown {
                what: "open call",
                id: reference.to_owned(),
            });
        };
        let (word, status, detail) = row::outcome(result);
        sqlx::query(
            "INSERT INTO outcome (sequence, result, status, detail, took) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(open.sequence)
        .bind(word)
        .bind(status)
        .bind(detail)
        .bind(i64::try_from(took.as_micros()).unwrap_or(i64::MAX))
        .execute(&mut self.connection)
        .await
        .map_err(|error| StoreError::of(&self.path, error))?;
        self.run_with("DELETE FROM open_call WHERE sequence = ?", &[open.sequence])
            .await?;
        let Some(task) = open.task else { return Ok(()) };
        self.load(
            &task,
            Timestamp::from_microsecond(i64::MAX / 2).unwrap_or(Timestamp::UNIX_EPOCH),
        )
        .await?;
        self.touched.push(task.clone());
        if had_no_effect(result) {
            self.run_with("DELETE FROM ledger WHERE sequence = ?", &[open.sequence])
                .await?;
            self.add_budget(&task, &open.changes, -1).await?;
            let account = self.accounts.entry(task).or_default();
            account.ledger.refund(&open.changes, open.owned);
            return Ok(());
        }
        self.effects(&task, open.sequence, "created", &open.changes.creates)
            .await?;
        self.accounts
            .entry(task)
            .or_default()
            .ledger
            .confirm(&open.changes);
        Ok(())
    }

    async fn change(&mut self, change: Change) -> Result<(), StoreError> {
        self.steered = true;
        let failed = |path: &PathBuf, error| StoreError::of(path, error);
        let path = self.path.clone();
        let connection = &mut self.connection;
        let (what, id, done) = match change {
            Change::PutTask(task) => {
                let done = sqlx::query("INSERT INTO task (id, text, lock, sponsor, mode, state, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
                    .bind(task.id.as_str()).bind(&*task.text).bind(&*task.lock).bind(task.sponsor.as_str())
                    .bind(task.mode.as_str()).bind(task.state.as_str())
                    .bind(task.created.as_microsecond()).bind(task.expires.as_microsecond())
                    .execute(connection).await;
                ("task", task.id.to_string(), done)
            }
            Change::TaskMode(id, mode) => {
                let done = sqlx::query("UPDATE task SET mode = ? WHERE id = ?")
                    .bind(mode.as_str())
                    .bind(id.as_str())
                    .execute(connection)
                    .await;
                ("task", id.to_string(), done)
            }
            Change::TaskState(id, state) => {
                if state == TaskState::Stopped {
                    sqlx::query("UPDATE session SET state = 'stopped' WHERE task = ?")
                        .bind(id.as_str())
                        .execute(&mut *connection)
                        .await
                        .map_err(|error| failed(&path, error))?;
                }
                let done = sqlx::query("UPDATE task SET state = ? WHERE id = ?")
                    .bind(state.as_str())
                    .bind(id.as_str())
                    .execute(connection)
                    .await;
                ("task", id.to_string(), done)
            }
            Change::TaskExpires(id, expires) => {
                let done = sqlx::query("UPDATE task SET expires = ? WHERE id = ?")
                    .bind(expires.as_microsecond())
                    .bind(id.as_str())
                    .execute(connection)
                    .await;
                ("task", id.to_string(), done)
            }
            Change::PutSession(session) => {
                let done = sqlx::query("INSERT INTO session (id, task, key_id, secret, agent, account, started, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
                    .bind(session.id.as_str()).bind(session.task.as_str()).bind(session.key_id.as_str()).bind(session.secret.expose())
                    .bind(&*session.agent).bind(session.account.as_str()).bind(session.started.as_microsecond()).bind(state_word(session.state))
                    .execute(connection).await;
                ("session", session.id.to_string(), done)
            }
            Change::SessionState(id, state) => {
                let done = sqlx::query("UPDATE session SET state = ? WHERE id = ?")
                    .bind(state_word(state))
                    .bind(id.as_str())
                    .execute(connection)
                    .await;
                ("session", id.to_string(), done)
            }
            Change::Posture(standing) => {
                let done = sqlx::query("INSERT OR REPLACE INTO posture (one, posture, message, by, since) VALUES (1, ?, ?, ?, ?)")
                    .bind(posture::word(standing.posture)).bind(&*standing.message).bind(&*standing.by).bind(standing.since.as_microsecond())
                    .execute(connection).await;
                ("posture", String::new(), done)
            }
        };
        match done {
            Ok(done) if done.rows_affected() == 0 => Err(StoreError::Unknown { what, id }),
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(StoreError::Exists { what, id })
            }
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(StoreError::Unknown { what: "task", id })
            }
            Err(error) => Err(StoreError::of(&path, error)),
        }
    }
}

/// A job that was carried out, waiting for its commit.
enum Done {
    Record(Result<(), RecordError>, Option<Reply<(), RecordError>>),
    Other(Result<(), StoreError>, Reply<()>),
}

impl Done {
    fn failed(job: Job, error: StoreError) -> Self {
        match job {
            Job::Record { reply, .. } => Self::Record(Err(error.into()), reply),
            Job::Close { reply, .. } | Job::Change { reply, .. } | Job::ShutDown { reply } => {
                Self::Other(Err(error), reply)
            }
        }
    }

    fn is_ok(&self) -> bool {
        match self {
            Self::Record(done, _) => done.is_ok(),
            Self::Other(done, _) => done.is_ok(),
        }
    }

    fn or(self, error: StoreError) -> Self {
        match self {
            Self::Record(done, reply) => Self::Record(done.and(Err(error.into())), reply),
            Self::Other(done, reply) => Self::Other(done.and(Err(error)), reply),
        }
    }

    /// Tells the caller; `fault` is why the commit failed. A caller that went away misses nothing.
    fn answer(self, fault: Option<&StoreError>) {
        let fault = fault.cloned();
        match (self, fault) {
            (Self::Record(done, Some(reply)), fault) => {
                drop(reply.send(fault.map_or(done, |fault| Err(fault.into()))))
            }
            (Self::Record(Err(error), None), None) => {
                tracing::error!(%error, "a read could not be recorded")
            }
            (Self::Record(_, None), Some(error)) => {
                tracing::error!(%error, "a read could not be recorded")
            }
            (Self::Record(Ok(()), None), None) => {}
            (Self::Other(done, reply), fault) => drop(reply.send(fault.map_or(done, Err))),
        }
    }
}

fn refuse(jobs: Vec<Job>, error: &StoreError) {
    for job in jobs {
        Done::failed(job, error.clone()).answer(None);
    }
}
