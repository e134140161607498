//! Incidents: one row each, which nothing changes or removes.

use super::Sqlite;
use super::change::Statement;
use super::read::microseconds;
use crate::error::StoreError;
use crate::incident::{Incident, Severity, StoredIncident};
use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

pub(super) fn record(incident: &Incident) -> Statement<'_> {
    sqlx::query(
        "INSERT INTO incident (at, task, severity, link, note, by, recorded) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(incident.at.as_microsecond())
    .bind(incident.task.as_str())
    .bind(incident.severity.as_str())
    .bind(&*incident.link)
    .bind(&*incident.note)
    .bind(&*incident.by)
    .bind(incident.recorded.as_microsecond())
}

/// At most `limit` incidents before the one with this number, newest first.
pub(super) async fn all(
    store: &Sqlite,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<StoredIncident>, StoreError> {
    let failed = |error| StoreError::of(&store.path, error);
    let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let rows = sqlx::query(
        "SELECT number, at, task, severity, link, note, by, recorded FROM incident \
         WHERE number < ? ORDER BY number DESC LIMIT ?",
    )
    .bind(before)
    .bind(limit.min(1_000))
    .fetch_all(&store.reads)
    .await
    .map_err(failed)?;
    rows.iter()
        .map(|row| {
            let number: i64 = row.try_get("number").map_err(failed)?;
            let unreadable = StoreError::Unreadable {
                what: "incident",
                id: number.to_string(),
            };
            incident(number, row).map_err(failed)?.ok_or(unreadable)
        })
        .collect()
}

fn incident(number: i64, row: &SqliteRow) -> Result<Option<StoredIncident>, sqlx::Error> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let (task, severity, by) = (text("task")?, text("severity")?, text("by")?);
    let (link, note) = (text("link")?, text("note")?);
    let (at, recorded) = (row.try_get("at")?, row.try_get("recorded")?);
    Ok((|| {
        Some(StoredIncident {
            number: u64::try_from(number).ok()?,
            incident: Incident {
                at: microseconds(at)?,
                task: task.parse().ok()?,
                severity: Severity::named(&severity)?,
                link: link.into(),
                note: note.into(),
                by: by.into(),
                recorded: microseconds(recorded)?,
            },
        })
    })())
}

pub(super) async fn since(store: &Sqlite, since: Timestamp) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM incident WHERE at >= ?")
        .bind(since.as_microsecond())
        .fetch_one(&store.reads)
        .await
        .map_err(|error| StoreError::of(&store.path, error))?;
    Ok(u64::try_from(count).unwrap_or_default())
}
