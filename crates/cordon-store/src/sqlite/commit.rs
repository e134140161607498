//! Carrying out a plan: one transaction of few statements with many rows each.

use super::account::Account;
use super::change;
use super::hold;
use super::plan::{Plan, Planned};
use crate::error::{RecordError, StoreError};
use crate::row;
use crate::task::TaskState;
use cordon_core::names::TaskId;
use sqlx::query_builder::Separated;
use sqlx::{QueryBuilder, Sqlite as Database, SqliteConnection};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Rows a statement, largest first. Few sizes, so that each statement is prepared once and kept.
const SIZES: [usize; 3] = [64, 8, 1];

/// Why a plan was not carried out.
#[derive(Debug)]
pub(super) enum Fault {
    /// These of its calls are refused, by their place in the batch; without them the others may go.
    /// The connection is as it was before.
    Refused(BTreeMap<usize, RecordError>),
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
    let refused = write_calls(connection, plan).await.map_err(failed)?;
    if !refused.is_empty() {
        let undone = sqlx::query("ROLLBACK").execute(connection).await;
        undone.map_err(failed)?;
        return Err(Fault::Refused(refused));
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
    let used = plan
        .calls
        .iter()
        .any(|planned| planned.call.uses_approval());
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

/// Writes the calls of `plan` and uses up the approvals that they rest on; gives those that may not
/// go. One reason at a time: a call that is refused for the first takes no approval from others.
async fn write_calls(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
) -> Result<BTreeMap<usize, RecordError>, sqlx::Error> {
    let over = of_tasks_that_are_over(connection, plan).await?;
    if !over.is_empty() {
        return Ok(over);
    }
    let inserted = calls(connection, plan).await?;
    if inserted < plan.calls.len() as u64 {
        return with_taken_references(connection, plan).await;
    }
    let mut gone = BTreeMap::new();
    for planned in &plan.calls {
        if !hold::consume(connection, planned.call).await? {
            gone.insert(planned.place, RecordError::ApprovalGone);
        }
    }
    Ok(gone)
}

/// The changes in `plan` of tasks that were stopped or paused before: as this is asked in the
/// transaction that writes a change down, none follows a stop that was acknowledged.
async fn of_tasks_that_are_over(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
) -> Result<BTreeMap<usize, RecordError>, sqlx::Error> {
    let mut changes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for Planned { place, call, .. } in &plan.calls {
        if call.mutates && call.outcome.allowed() {
            changes.entry(&call.task).or_default().push(*place);
        }
    }
    let mut over = BTreeMap::new();
    for (task, places) in changes {
        let state: Option<String> = sqlx::query_scalar("SELECT state FROM task WHERE id = ?")
            .bind(task)
            .fetch_optional(&mut *connection)
            .await?;
        if state.is_some_and(|state| state != TaskState::Active.as_str()) {
            over.extend(
                places
                    .into_iter()
                    .map(|place| (place, RecordError::TaskOver)),
            );
        }
    }
    Ok(over)
}

/// The calls in `plan` whose rows are not there after all were to be inserted: another call has
/// their reference.
async fn with_taken_references(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
) -> Result<BTreeMap<usize, RecordError>, sqlx::Error> {
    let mut taken = BTreeMap::new();
    for Planned {
        place,
        sequence,
        call,
    } in &plan.calls
    {
        let there: Option<i64> = sqlx::query_scalar("SELECT 1 FROM call WHERE sequence = ?")
            .bind(*sequence)
            .fetch_optional(&mut *connection)
            .await?;
        if there.is_none() {
            taken.insert(*place, RecordError::ReferenceTaken(call.reference.clone()));
        }
    }
    Ok(taken)
}

async fn calls(connection: &mut SqliteConnection, plan: &Plan<'_>) -> Result<u64, sqlx::Error> {
    const HEAD: &str = "INSERT INTO call (sequence, reference, at, task, session, service, operation, \
         class, environments, verdict, mutates, body) ";
    let inserted = insert(
        connection,
        HEAD,
        " ON CONFLICT (reference) DO NOTHING",
        &plan.calls,
        |row, Planned { sequence, call, .. }| {
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
