//! Carrying out a plan: one transaction of few statements with many rows each.

use super::account::Account;
use super::change;
use super::hold;
use super::plan::Plan;
use crate::error::StoreError;
use crate::row;
use crate::task::TaskState;
use cordon_core::names::TaskId;
use sqlx::query_builder::Separated;
use sqlx::{QueryBuilder, Sqlite as Database, SqliteConnection};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// Rows a statement, largest first. Few sizes, so that each statement is prepared once and kept.
const SIZES: [usize; 3] = [64, 8, 1];

/// Why a plan was not carried out.
#[derive(Debug)]
pub(super) enum Fault {
    /// One of its calls has a reference that another call has: which one, only trying them one by
    /// one tells.
    ReferenceTaken,
    /// One of its changes is of a task that takes none any more; which one is told in the same way.
    TaskOver,
    /// One of its calls rests on an approval that is gone; which one is told by trying them one by
    /// one as well.
    ApprovalGone,
    /// The store failed.
    Store(StoreError),
}

/// What the commit brought beside the rows.
#[derive(Debug, Default)]
pub(super) struct Committed {
    /// Changes that were refused, by their place in the batch.
    pub(super) refused: HashMap<usize, StoreError>,
    /// The number of the state of tasks, sessions and posture, where it changed.
    pub(super) version: Option<u64>,
}

impl Committed {
    /// Notes what came of the change at `place`. The number of the new state is given once all are
    /// applied.
    fn note(&mut self, place: usize, applied: Result<(), StoreError>) {
        match applied {
            Ok(()) => self.version = Some(0),
            Err(refusal) => {
                self.refused.insert(place, refusal);
            }
        }
    }
}

/// Writes everything that `plan` holds, or nothing.
pub(super) async fn commit(
    path: &Path,
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
    accounts: &HashMap<TaskId, Account>,
) -> Result<Committed, Fault> {
    let failed = |error| Fault::Store(StoreError::of(path, error));
    let mut committed = Committed::default();
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    if takes_no_changes(connection, plan).await.map_err(failed)? {
        return Err(Fault::TaskOver);
    }
    for (_, call) in &plan.calls {
        if !hold::consume(connection, call).await.map_err(failed)? {
            return Err(Fault::ApprovalGone);
        }
    }
    let inserted = calls(connection, plan).await.map_err(failed)?;
    if inserted < plan.calls.len() as u64 {
        return Err(Fault::ReferenceTaken);
    }
    outcomes(connection, plan).await.map_err(failed)?;
    ledger(connection, plan, accounts).await.map_err(failed)?;
    for (place, change) in &plan.changes {
        let applied = change::apply(path, connection, change).await;
        let applied = applied.map_err(Fault::Store)?;
        if change.is_told() || applied.is_err() {
            committed.note(*place, applied);
        }
    }
    for (place, change) in &plan.holds {
        let applied = hold::apply(path, connection, change).await;
        committed.note(*place, applied.map_err(Fault::Store)?);
    }
    let used = plan.calls.iter().any(|(_, call)| call.uses_approval());
    if used || committed.version.is_some() {
        let number: i64 = sqlx::query_scalar(
            "UPDATE version SET number = number + 1 WHERE one = 1 RETURNING number",
        )
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
        committed.version = u64::try_from(number).ok();
    }
    sqlx::query("COMMIT")
        .execute(connection)
        .await
        .map_err(failed)?;
    Ok(committed)
}

/// Whether a change in `plan` is of a task that was stopped or paused before: as this is asked in the
/// transaction that writes the change down, no change follows a stop that was acknowledged.
async fn takes_no_changes(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
) -> Result<bool, sqlx::Error> {
    let changes = plan.calls.iter().map(|(_, call)| call);
    let changes = changes.filter(|call| call.mutates && call.outcome.allowed());
    let tasks: BTreeSet<&str> = changes.map(|call| &*call.task).collect();
    for task in tasks {
        let state: Option<String> = sqlx::query_scalar("SELECT state FROM task WHERE id = ?")
            .bind(task)
            .fetch_optional(&mut *connection)
            .await?;
        if state.is_some_and(|state| state != TaskState::Active.as_str()) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn calls(connection: &mut SqliteConnection, plan: &Plan<'_>) -> Result<u64, sqlx::Error> {
    const HEAD: &str = "INSERT INTO call (sequence, reference, at, task, session, service, operation, \
         class, environments, verdict, mutates, body) ";
    let inserted = insert(
        connection,
        HEAD,
        " ON CONFLICT (reference) DO NOTHING",
        &plan.calls,
        |row, (sequence, call)| {
            row.push_bind(*sequence)
                .push_bind(&*call.reference)
                .push_bind(call.at)
                .push_bind(&*call.task)
                .push_bind(&*call.session)
                .push_bind(&*call.service)
                .push_bind(&*call.operation)
                .push_bind(call.class)
                .push_bind(&*call.environments)
                .push_bind(call.outcome.as_str())
                .push_bind(call.mutates)
                .push_bind(&*call.body);
        },
    )
    .await?;
    let opened: Vec<i64> = plan.opened.values().map(|open| open.sequence).collect();
    insert(
        connection,
        "INSERT INTO open_call (sequence) ",
        "",
        &opened,
        |row, sequence| {
            row.push_bind(*sequence);
        },
    )
    .await?;
    Ok(inserted)
}

async fn outcomes(connection: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    insert(
        connection,
        "INSERT INTO outcome (sequence, result, status, detail, took) ",
        "",
        &plan.outcomes,
        |row, (sequence, result, took)| {
            let (word, status, detail) = row::outcome(result);
            row.push_bind(*sequence)
                .push_bind(word)
                .push_bind(status)
                .push_bind(detail)
                .push_bind(i64::try_from(took.as_micros()).unwrap_or(i64::MAX));
        },
    )
    .await?;
    let closed: Vec<i64> = plan.closed.values().copied().collect();
    delete(
        connection,
        "DELETE FROM open_call WHERE sequence IN (",
        &closed,
    )
    .await
}

async fn ledger(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
    accounts: &HashMap<TaskId, Account>,
) -> Result<(), sqlx::Error> {
    insert(
        connection,
        "INSERT OR IGNORE INTO ledger (task, sequence, effect, arn) ",
        "",
        &plan.effects,
        |row, effect| {
            row.push_bind(effect.task.as_str())
                .push_bind(effect.sequence)
                .push_bind(effect.word)
                .push_bind(effect.arn.as_str());
        },
    )
    .await?;
    for sequence in &plan.undone {
        sqlx::query("DELETE FROM ledger WHERE sequence = ?")
            .bind(*sequence)
            .execute(&mut *connection)
            .await?;
    }
    insert(
        connection,
        "INSERT OR REPLACE INTO budget (task, mutations, creates, destroys) ",
        "",
        &plan.budgets(accounts),
        |row, (task, used)| {
            row.push_bind(task.as_str())
                .push_bind(i64::from(used.mutations))
                .push_bind(i64::from(used.creates))
                .push_bind(i64::from(used.destroys));
        },
    )
    .await?;
    Ok(())
}

/// Inserts `rows` by as few statements as there are sizes for; gives how many were new.
async fn insert<T>(
    connection: &mut SqliteConnection,
    head: &'static str,
    tail: &'static str,
    rows: &[T],
    bind: impl Fn(&mut Separated<'_, Database, &'static str>, &T),
) -> Result<u64, sqlx::Error> {
    let mut inserted = 0;
    for chunk in chunks(rows) {
        let mut statement = QueryBuilder::<Database>::new(head);
        statement.push_values(chunk, |mut row, value| bind(&mut row, value));
        statement.push(tail);
        let done = statement.build().execute(&mut *connection).await?;
        inserted += done.rows_affected();
    }
    Ok(inserted)
}

async fn delete(
    connection: &mut SqliteConnection,
    head: &'static str,
    sequences: &[i64],
) -> Result<(), sqlx::Error> {
    for chunk in chunks(sequences) {
        let mut statement = QueryBuilder::<Database>::new(head);
        let mut list = statement.separated(", ");
        for sequence in chunk {
            list.push_bind(*sequence);
        }
        statement.push(")");
        statement.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// `rows` in pieces of the fixed sizes.
fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (chunk, rest) = rows.split_at_checked(size)?;
        rows = rest;
        Some(chunk)
    })
}
