//! Batches in their table, and what holds of one batch have in common: opened together, voted on together,
//! used in their order.

use super::Sqlite;
use super::hold::{HOLDS, Opened, crowded, end_followed, fetch_in, open};
use crate::error::StoreError;
use crate::hold::{BatchFilter, HoldBounds};
use cordon_core::hold::{Answered, Batch, Hold, Listed, Vote};
use cordon_core::names::{BatchId, HoldId};
use sqlx::{QueryBuilder, Row as _, Sqlite as Database, SqliteConnection};
use std::collections::HashMap;

/// Batches that are read at one time.
const MOST: u32 = 100;

/// How much was said, reported and ended of batch ?1: [`Batch::revision`].
const REVISION: &str = "(SELECT count(*) FROM vote JOIN hold ON hold.id = vote.hold WHERE hold.batch = ?1) \
     + (SELECT count(*) FROM report JOIN hold ON hold.id = report.hold WHERE hold.batch = ?1) \
     + (SELECT count(*) FROM hold WHERE hold.batch = ?1 AND hold.ended IS NOT NULL)";

/// Whether the call of an outcome was done, as far as its answer says.
const WELL: &str = "outcome.result IN ('answered', 'cut') AND outcome.status < 400";

/// Opens the holds of a batch in the place of another one, all or none.
pub(super) async fn propose(
    connection: &mut SqliteConnection,
    batch: &Batch,
    replaces: Option<&BatchId>,
    bounds: HoldBounds,
) -> Result<Opened, sqlx::Error> {
    sqlx::query("SAVEPOINT proposal")
        .execute(&mut *connection)
        .await?;
    let opened = put(connection, batch, replaces, bounds).await;
    if !matches!(opened, Ok(Opened::Rows(1..))) {
        sqlx::query("ROLLBACK TO proposal")
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query("RELEASE proposal").execute(connection).await?;
    opened
}

async fn put(
    connection: &mut SqliteConnection,
    batch: &Batch,
    replaces: Option<&BatchId>,
    bounds: HoldBounds,
) -> Result<Opened, sqlx::Error> {
    let Some(first) = batch.holds().next() else {
        return Ok(Opened::Rows(0));
    };
    let (task, opened) = (first.task.as_str(), first.opened.as_microsecond());
    let under_way: Option<String> = sqlx::query_scalar(
        "SELECT batch FROM hold WHERE task = ? AND batch IS NOT NULL AND ended IS NULL LIMIT 1",
    )
    .bind(task)
    .fetch_optional(&mut *connection)
    .await?;
    if under_way.as_deref() != replaces.map(BatchId::as_str) {
        return Ok(Opened::Rows(0));
    }
    sqlx::query(
        "UPDATE hold SET ended = 'withdrawn', ended_at = ? WHERE batch = ? AND ended IS NULL",
    )
    .bind(opened)
    .bind(under_way)
    .execute(&mut *connection)
    .await?;
    for hold in batch.holds() {
        end_followed(connection, hold).await?;
    }
    if crowded(connection, first, bounds).await? {
        return Ok(Opened::Crowded);
    }
    sqlx::query("INSERT INTO batch (id, task, message, opened) VALUES (?, ?, ?, ?)")
        .bind(batch.id.as_str())
        .bind(task)
        .bind(&*batch.message)
        .bind(opened)
        .execute(&mut *connection)
        .await?;
    let mut rows = 0;
    for hold in batch.holds() {
        rows += open(connection, hold).await?;
    }
    // None, where the task was stopped: all of them are of one task.
    Ok(Opened::Rows(rows))
}

/// Adds what a person said to each hold of a batch that is not over, or to one of them.
pub(super) async fn say(
    connection: &mut SqliteConnection,
    id: &BatchId,
    only: Option<&HoldId>,
    revision: u64,
    vote: &Vote,
) -> Result<u64, sqlx::Error> {
    let statement = format!(
        "INSERT INTO vote (hold, number, person, answer, note, at) \
         SELECT id, 1 + (SELECT count(*) FROM vote WHERE vote.hold = hold.id) \
         + (SELECT count(*) FROM report WHERE report.hold = hold.id), ?2, ?3, ?4, ?5 \
         FROM hold WHERE batch = ?1 AND ended IS NULL AND (?6 IS NULL OR id = ?6) AND ?7 = {REVISION}"
    );
    let done = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(id.as_str())
        .bind(vote.person.as_str())
        .bind(vote.answer.as_str())
        .bind(&*vote.note)
        .bind(vote.at.as_microsecond())
        .bind(only.map(HoldId::as_str))
        .bind(i64::try_from(revision).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

/// Whether a hold that was used in this very transaction might be: where it is one of a batch, nothing was
/// said, reported or ended of that since `revision`, all before it were used and answered well, and none of
/// the others ended in another way.
pub(super) async fn was_its_turn(
    connection: &mut SqliteConnection,
    id: &HoldId,
    revision: u64,
) -> Result<bool, sqlx::Error> {
    let place: Option<(String, i64)> =
        sqlx::query_as("SELECT batch, place FROM hold WHERE id = ? AND batch IS NOT NULL")
            .bind(id.as_str())
            .fetch_optional(&mut *connection)
            .await?;
    let Some((batch, place)) = place else {
        return Ok(true);
    };
    let statement = format!(
        "SELECT ?3 + 1 = {REVISION} AND NOT EXISTS (SELECT 1 FROM hold AS other WHERE other.batch = ?1 \
         AND (coalesce(other.ended, 'used') <> 'used' OR (other.place < ?2 AND NOT EXISTS \
         (SELECT 1 FROM call JOIN outcome ON outcome.sequence = call.sequence \
         WHERE call.reference = other.ended_by AND {WELL}))))"
    );
    // The use itself is the one thing that was not there when it was looked.
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .bind(batch)
        .bind(place)
        .bind(i64::try_from(revision).unwrap_or(i64::MAX - 1))
        .fetch_one(connection)
        .await
}

/// The one batch `id`.
pub(super) async fn find(store: &Sqlite, id: &BatchId) -> Result<Option<Batch>, StoreError> {
    let mut query = QueryBuilder::<Database>::new("SELECT id, message FROM batch WHERE id = ");
    query.push_bind(id.as_str().to_owned());
    Ok(fetch(store, query).await?.pop())
}

/// The batches that `filter` asks for, newest first.
pub(super) async fn search(store: &Sqlite, filter: &BatchFilter) -> Result<Vec<Batch>, StoreError> {
    let mut query = QueryBuilder::<Database>::new("SELECT id, message FROM batch WHERE 1 = 1");
    if let Some(task) = &filter.task {
        query
            .push(" AND task = ")
            .push_bind(task.as_str().to_owned());
    }
    if filter.under_way {
        query.push(
            " AND EXISTS (SELECT 1 FROM hold WHERE hold.batch = batch.id AND hold.ended IS NULL)",
        );
    }
    if let Some(before) = &filter.before {
        query
            .push(" AND (opened, id) < (SELECT opened, id FROM batch WHERE id = ")
            .push_bind(before.as_str().to_owned())
            .push(")");
    }
    query
        .push(" ORDER BY opened DESC, id DESC LIMIT ")
        .push_bind(filter.limit.unwrap_or(20).min(MOST));
    fetch(store, query).await
}

/// The batches of a query, whole, in one view of the file.
async fn fetch(
    store: &Sqlite,
    mut query: QueryBuilder<Database>,
) -> Result<Vec<Batch>, StoreError> {
    let failed = |error| StoreError::of(&store.path, error);
    // What AWS answered may have been let go of before it was written.
    store.settle().await;
    let mut view = store.reads.begin().await.map_err(failed)?;
    let rows = query.build().fetch_all(&mut *view).await.map_err(failed)?;
    let mut batches = Vec::with_capacity(rows.len());
    for row in rows {
        let (id, message): (String, String) = (
            row.try_get("id").map_err(failed)?,
            row.try_get("message").map_err(failed)?,
        );
        let answered = answered(&mut view, &id).await.map_err(failed)?;
        let mut query = QueryBuilder::<Database>::new(HOLDS);
        query.push(" WHERE batch = ").push_bind(id.clone());
        query.push(" ORDER BY place");
        let holds: Vec<Hold> = fetch_in(&store.path, &mut view, query).await?;
        let calls = holds.into_iter().map(|hold| Listed {
            answered: answered.get(hold.id.as_str()).copied(),
            hold,
        });
        batches.push(Batch {
            id: id
                .parse()
                .map_err(|_| StoreError::Unreadable { what: "batch", id })?,
            message: message.into(),
            calls: calls.collect(),
        });
    }
    Ok(batches)
}

/// How AWS answered the calls that used holds of a batch.
async fn answered(
    connection: &mut SqliteConnection,
    batch: &str,
) -> Result<HashMap<String, Answered>, sqlx::Error> {
    let statement = format!(
        "SELECT hold.id, coalesce({WELL}, 0) FROM hold \
         JOIN call ON call.reference = hold.ended_by \
         JOIN outcome ON outcome.sequence = call.sequence WHERE hold.batch = ?"
    );
    let rows: Vec<(String, bool)> = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(batch)
        .fetch_all(connection)
        .await?;
    let answered = rows.into_iter().map(|(id, well)| match well {
        true => (id, Answered::Well),
        false => (id, Answered::Badly),
    });
    Ok(answered.collect())
}
