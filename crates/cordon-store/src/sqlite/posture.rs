//! What leaders declared of how careful calls are to be: one row a declaration.

use super::Sqlite;
use super::change::Statement;
use super::read::{microseconds, rows_by};
use crate::error::StoreError;
use cordon_core::decide::Posture;
use cordon_core::posture::{Declared, Weekly, When};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _};

pub(super) async fn all(store: &Sqlite) -> Result<Vec<Declared>, StoreError> {
    let query = QueryBuilder::new(
        "SELECT id, scope, posture, message, by, since, begins, until, weekly, zone \
         FROM declared_posture ORDER BY id",
    );
    rows_by(store, &store.steers, query, "posture", declared).await
}

fn declared(row: &SqliteRow) -> Result<Option<Declared>, sqlx::Error> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let (id, scope, posture) = (text("id")?, text("scope")?, text("posture")?);
    let (message, by) = (text("message")?, text("by")?);
    let since: i64 = row.try_get("since")?;
    let when = when(row)?;
    Ok((|| {
        Some(Declared {
            id: id.into(),
            scope: scope.parse().ok()?,
            posture: Posture::named(&posture)?,
            message: message.into(),
            by: by.into(),
            since: microseconds(since)?,
            when: when?,
        })
    })())
}

/// Nothing where it cannot be read: also where this system does not know the zone any more, since then
/// nobody knows when it holds.
fn when(row: &SqliteRow) -> Result<Option<When>, sqlx::Error> {
    let begins: Option<i64> = row.try_get("begins")?;
    let until: Option<i64> = row.try_get("until")?;
    let weekly: Option<String> = row.try_get("weekly")?;
    let zone: Option<String> = row.try_get("zone")?;
    Ok((|| {
        let until = match until {
            Some(until) => Some(microseconds(until)?),
            None => None,
        };
        Some(match (weekly, begins) {
            (Some(weekly), _) => {
                let zone = TimeZone::get(&zone?).ok()?;
                When::Weekly(Weekly::parse(&weekly, zone).ok()?)
            }
            (None, Some(from)) => When::Between {
                from: microseconds(from)?,
                until: until?,
            },
            (None, None) => When::Now { until },
        })
    })())
}

pub(super) fn declare(declared: &Declared) -> Statement<'_> {
    let (begins, until) = match &declared.when {
        When::Now { until } => (None, *until),
        When::Between { from, until } => (Some(*from), Some(*until)),
        When::Weekly(_) => (None, None),
    };
    let weekly = match &declared.when {
        When::Weekly(weekly) => Some(weekly),
        _ => None,
    };
    sqlx::query(
        "INSERT OR REPLACE INTO declared_posture \
         (id, scope, posture, message, by, since, begins, until, weekly, zone) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&*declared.id)
    .bind(declared.scope.to_string())
    .bind(declared.posture.as_str())
    .bind(&*declared.message)
    .bind(&*declared.by)
    .bind(declared.since.as_microsecond())
    .bind(begins.map(Timestamp::as_microsecond))
    .bind(until.map(Timestamp::as_microsecond))
    .bind(weekly.map(ToString::to_string))
    .bind(weekly.map(|weekly| weekly.zone().iana_name().unwrap_or("UTC")))
}

pub(super) fn lift(id: &str) -> Statement<'_> {
    sqlx::query("DELETE FROM declared_posture WHERE id = ?").bind(id)
}
