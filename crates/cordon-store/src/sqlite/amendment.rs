//! Amendments in their table: asked for, accepted together with what that makes of the task, declined,
//! read.

use super::Sqlite;
use super::change::Statement;
use super::read::{microseconds, rows};
use crate::amendment::{Acceptance, Amendment, AmendmentFilter, Refusal, Settled, Settlement};
use crate::error::StoreError;
use cordon_core::hold::Reason;
use cordon_core::names::{AmendmentId, TaskId};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite as Database};

/// How many of one task may wait: more than that nobody reads.
const WAITING: i64 = 20;

const READ: &str = "SELECT id, task, reference, digest, changes, reason, filed_by, filed, state, \
     settled_by, settled, why, note, replaced_text FROM amendment";

/// Keeps a new one, unless its task is over or too many of that wait.
pub(super) fn put(new: &Amendment) -> Statement<'_> {
    let (reference, digest) = match &new.call {
        Some((reference, digest)) => (Some(reference.as_str()), Some(&**digest)),
        None => (None, None),
    };
    sqlx::query(
        "INSERT INTO amendment (id, task, reference, digest, changes, reason, filed_by, filed, state) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'waiting' \
         WHERE EXISTS (SELECT 1 FROM task WHERE id = ?2 AND state <> 'stopped') \
         AND ?9 > (SELECT count(*) FROM amendment WHERE task = ?2 AND state = 'waiting')",
    )
    .bind(new.id.as_str())
    .bind(new.task.as_str())
    .bind(reference)
    .bind(digest)
    .bind(&*new.changes)
    .bind(&*new.reason)
    .bind(new.filed_by.as_str())
    .bind(new.filed.as_microsecond())
    .bind(WAITING)
}

/// Says yes to one that waits, if its task is still what it was when the answer was worked out.
pub(super) fn accept(yes: &Acceptance) -> Statement<'_> {
    let (text, lock) = &yes.before;
    sqlx::query(
        "UPDATE amendment SET state = 'accepted', settled_by = ?2, settled = ?3, \
         replaced_text = ?4, replaced_lock = ?5 WHERE id = ?1 AND state = 'waiting' \
         AND EXISTS (SELECT 1 FROM task WHERE task.id = amendment.task \
         AND task.state <> 'stopped' AND task.text = ?4 AND task.lock = ?5)",
    )
    .bind(yes.id.as_str())
    .bind(yes.by.as_str())
    .bind(yes.at.as_microsecond())
    .bind(&**text)
    .bind(&**lock)
}

/// What the yes makes of the task; in the transaction of [`accept`].
pub(super) fn replace_task(yes: &Acceptance) -> Statement<'_> {
    let (text, lock) = &yes.after;
    sqlx::query(
        "UPDATE task SET text = ?2, lock = ?3 \
         WHERE id = (SELECT task FROM amendment WHERE id = ?1)",
    )
    .bind(yes.id.as_str())
    .bind(&**text)
    .bind(&**lock)
}

pub(super) fn decline(no: &Refusal) -> Statement<'_> {
    sqlx::query(
        "UPDATE amendment SET state = 'declined', settled_by = ?2, settled = ?3, why = ?4, note = ?5 \
         WHERE id = ?1 AND state = 'waiting'",
    )
    .bind(no.id.as_str())
    .bind(no.by.as_str())
    .bind(no.at.as_microsecond())
    .bind(no.reason.as_str())
    .bind(&*no.note)
}

pub(super) async fn find(
    store: &Sqlite,
    id: &AmendmentId,
) -> Result<Option<Amendment>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(READ);
    query.push(" WHERE id = ").push_bind(id.as_str());
    let found = rows(store, query, "amendment", amendment).await?;
    Ok(found.into_iter().next())
}

/// Newest first.
pub(super) async fn search(
    store: &Sqlite,
    filter: &AmendmentFilter,
) -> Result<Vec<Amendment>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(READ);
    query.push(" WHERE 1");
    if let Some(task) = &filter.task {
        query.push(" AND task = ").push_bind(task.as_str());
    }
    if filter.waiting {
        query.push(" AND state = 'waiting'");
    }
    if let Some(before) = &filter.before {
        query.push(" AND (filed, id) < (SELECT filed, id FROM amendment WHERE id = ");
        query.push_bind(before.as_str()).push(")");
    }
    query.push(" ORDER BY filed DESC, id DESC LIMIT ");
    query.push_bind(i64::from(filter.limit.unwrap_or(100).min(1_000)));
    rows(store, query, "amendment", amendment).await
}

/// Why the last one for this very call was declined; nothing where another was asked for since.
pub(super) async fn declined(
    store: &Sqlite,
    task: &TaskId,
    digest: &str,
) -> Result<Option<Reason>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(READ);
    query.push(" WHERE task = ").push_bind(task.as_str());
    query.push(" AND digest = ").push_bind(digest);
    query.push(" ORDER BY filed DESC, id DESC LIMIT 1");
    let found = rows(store, query, "amendment", amendment).await?;
    let last = found.into_iter().next().and_then(|last| last.settled);
    Ok(last.and_then(|settled| match settled.answer {
        Settlement::Declined(reason) => Some(reason),
        Settlement::Accepted { .. } => None,
    }))
}

fn amendment(row: &SqliteRow) -> Result<Option<Amendment>, sqlx::Error> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let maybe = |name: &str| row.try_get::<Option<String>, _>(name);
    let (id, task, filed_by, state) = (
        text("id")?,
        text("task")?,
        text("filed_by")?,
        text("state")?,
    );
    let (changes, reason, filed) = (text("changes")?, text("reason")?, row.try_get("filed")?);
    let (reference, digest) = (maybe("reference")?, maybe("digest")?);
    let (by, why) = (maybe("settled_by")?, maybe("why")?);
    let at: Option<i64> = row.try_get("settled")?;
    let (note, replaced) = (maybe("note")?, maybe("replaced_text")?);
    Ok((|| {
        let answer = match &*state {
            "waiting" => None,
            "accepted" => Some(Settlement::Accepted {
                replaced: replaced?.into(),
            }),
            _ => Some(Settlement::Declined(Reason::named(&why?)?)),
        };
        let settled = match answer {
            None => None,
            Some(answer) => Some(Settled {
                by: by?.parse().ok()?,
                at: microseconds(at?)?,
                answer,
                note: note.unwrap_or_default().into(),
            }),
        };
        let call = match (reference, digest) {
            (Some(reference), Some(digest)) => Some((reference.parse().ok()?, digest.into())),
            _ => None,
        };
        Some(Amendment {
            id: id.parse().ok()?,
            task: task.parse().ok()?,
            call,
            changes: changes.into(),
            reason: reason.into(),
            filed_by: filed_by.parse().ok()?,
            filed: microseconds(filed)?,
            settled,
        })
    })())
}
