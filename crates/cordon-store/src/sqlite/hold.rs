//! Holds in their tables: opened, joined, voted on, reported on, used, ended, read.
//!
//! Everything that depends on what was there before is one statement that looks and writes, so that
//! two processes on one file cannot both win.

use super::change::Statement;
use super::job::HoldChange;
use super::read::{microseconds, names};
use super::{Sqlite, batch, read};
use crate::delivery::Delivery;
use crate::error::StoreError;
use crate::hold::{HoldBounds, HoldFilter};
use crate::row::NewCall;
use cordon_core::hold::{
    Answer, CheckResult, Closing, Ended, Hold, Place, Report, StateDigest, Vote,
};
use cordon_core::names::{ApproverGroup, CheckName, HoldId, TaskId};
use cordon_core::record::OnHold;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite as Database, SqliteConnection};
use std::collections::HashMap;
use std::path::Path;

/// How many holds people may still decide at ?1 and did not say no to: of task ?2, and in all. Those of
/// one batch are looked at as one.
const WAITING: &str = "SELECT count(DISTINCT CASE WHEN task = ?2 THEN coalesce(batch, id) END), \
     count(DISTINCT coalesce(batch, id)) FROM hold \
     WHERE ended IS NULL AND decide_by > ?1 AND NOT EXISTS \
     (SELECT 1 FROM vote WHERE vote.hold = hold.id AND answer <> 'approve')";

/// Carries out one change of a hold within a transaction.
///
/// # Errors
/// As [`super::change::apply`].
pub(super) async fn apply(
    path: &Path,
    connection: &mut SqliteConnection,
    change: &HoldChange,
) -> Result<Result<(), StoreError>, StoreError> {
    let (what, id) = change.thing();
    let done = match change {
        HoldChange::Open(hold, bounds) => match open_after(connection, hold, *bounds).await {
            Ok(Opened::Crowded) => return Ok(Err(StoreError::Crowded)),
            Ok(Opened::Rows(rows)) => Ok(rows),
            Err(error) => Err(error),
        },
        HoldChange::Propose(batch, replaces, bounds) => {
            match batch::propose(connection, batch, replaces.as_ref(), *bounds).await {
                Ok(Opened::Crowded) => return Ok(Err(StoreError::Crowded)),
                Ok(Opened::Rows(rows)) => Ok(rows),
                Err(error) => Err(error),
            }
        }
        HoldChange::VoteOnBatch(id, only, revision, vote) => {
            batch::say(connection, id, only.as_ref(), *revision, vote).await
        }
        HoldChange::Join(id) => {
            sqlx::query("UPDATE hold SET asked = asked + 1 WHERE id = ? AND ended IS NULL")
                .bind(id.as_str())
                .execute(&mut *connection)
                .await
                .map(|done| done.rows_affected())
        }
        HoldChange::Vote(id, revision, vote) => say(connection, id, *revision, vote).await,
        HoldChange::Report(id, revision, report) => tell(connection, id, *revision, report).await,
        HoldChange::End(id, ended) => {
            end(
                connection,
                id,
                ended.how.as_str(),
                ended.at.as_microsecond(),
            )
            .await
        }
    };
    match done {
        Ok(0) => Ok(Err(StoreError::Outdated { what, id })),
        Ok(_) => Ok(Ok(())),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            Ok(Err(StoreError::Exists { what, id }))
        }
        Err(error) => Err(StoreError::of(path, error)),
    }
}

/// What came of opening something.
pub(super) enum Opened {
    /// So many rows; none where it may not be opened any more.
    Rows(u64),
    /// More waits than people can look at.
    Crowded,
}

/// Opens a hold, and ends the one that it follows.
async fn open_after(
    connection: &mut SqliteConnection,
    hold: &Hold,
    bounds: HoldBounds,
) -> Result<Opened, sqlx::Error> {
    end_followed(connection, hold).await?;
    if crowded(connection, hold, bounds).await? {
        return Ok(Opened::Crowded);
    }
    open(connection, hold).await.map(Opened::Rows)
}

/// Ends the hold that `hold` follows.
pub(super) async fn end_followed(
    connection: &mut SqliteConnection,
    hold: &Hold,
) -> Result<(), sqlx::Error> {
    if let Some((before, why)) = &hold.follows {
        let at = hold.opened.as_microsecond();
        end(connection, before, why.as_str(), at).await?;
    }
    Ok(())
}

/// Whether so much waits that `hold` would be too much.
pub(super) async fn crowded(
    connection: &mut SqliteConnection,
    hold: &Hold,
    bounds: HoldBounds,
) -> Result<bool, sqlx::Error> {
    let (of_task, all): (i64, i64) = sqlx::query_as(WAITING)
        .bind(hold.opened.as_microsecond())
        .bind(hold.task.as_str())
        .fetch_one(connection)
        .await?;
    Ok(all >= i64::from(bounds.all) || of_task >= i64::from(bounds.of_task))
}

pub(super) async fn open(
    connection: &mut SqliteConnection,
    hold: &Hold,
) -> Result<u64, sqlx::Error> {
    let needs: Vec<&str> = hold.needs.iter().map(ApproverGroup::as_str).collect();
    let checks: Vec<&str> = hold.checks.iter().map(CheckName::as_str).collect();
    let done = sqlx::query(
        "INSERT INTO hold (id, task, sponsor, reference, digest, state, policy_version, needs, \
         quorum, opened, decide_by, asked, follows, follows_why, checks, batch, place) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17 \
         WHERE NOT EXISTS (SELECT 1 FROM task WHERE id = ?2 AND state = 'stopped')",
    )
    .bind(hold.id.as_str())
    .bind(hold.task.as_str())
    .bind(hold.sponsor.as_str())
    .bind(hold.reference.as_str())
    .bind(&*hold.digest)
    .bind(hold.state.as_str())
    .bind(&*hold.policy_version)
    .bind(needs.join(" "))
    .bind(i64::from(hold.quorum))
    .bind(hold.opened.as_microsecond())
    .bind(hold.decide_by.as_microsecond())
    .bind(i64::from(hold.asked))
    .bind(
        hold.follows
            .as_ref()
            .map(|(before, _)| before.as_str().to_owned()),
    )
    .bind(hold.follows.as_ref().map(|(_, why)| why.as_str()))
    .bind(checks.join(" "))
    .bind(hold.place.as_ref().map(|place| place.batch.as_str()))
    .bind(hold.place.as_ref().map(|place| i64::from(place.number)))
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

async fn say(
    connection: &mut SqliteConnection,
    id: &HoldId,
    revision: u64,
    vote: &Vote,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "INSERT INTO vote (hold, number, person, answer, note, at) SELECT ?1, ?2 + 1, ?3, ?4, ?5, ?6 \
         WHERE ?2 = (SELECT count(*) FROM vote WHERE hold = ?1) \
         + (SELECT count(*) FROM report WHERE hold = ?1) AND EXISTS (SELECT 1 FROM hold WHERE id = ?1 AND ended IS NULL)",
    )
    .bind(id.as_str())
    .bind(i64::try_from(revision).unwrap_or(i64::MAX))
    .bind(vote.person.as_str())
    .bind(vote.answer.as_str())
    .bind(&*vote.note)
    .bind(vote.at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

async fn tell(
    connection: &mut SqliteConnection,
    id: &HoldId,
    revision: u64,
    report: &Report,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "INSERT INTO report (hold, number, check_is, result, link, person, token, at) \
         SELECT ?1, ?2 + 1, ?3, ?4, ?5, ?6, ?7, ?8 \
         WHERE ?2 = (SELECT count(*) FROM vote WHERE hold = ?1) \
         + (SELECT count(*) FROM report WHERE hold = ?1) AND EXISTS (SELECT 1 FROM hold WHERE id = ?1 AND ended IS NULL)",
    )
    .bind(id.as_str())
    .bind(i64::try_from(revision).unwrap_or(i64::MAX))
    .bind(report.check.as_str())
    .bind(report.result.as_str())
    .bind(&*report.link)
    .bind(report.person.as_str())
    .bind(&*report.token)
    .bind(report.at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Ends a hold, and what is left of its batch with it.
async fn end(
    connection: &mut SqliteConnection,
    id: &HoldId,
    how: &str,
    at: i64,
) -> Result<u64, sqlx::Error> {
    let done =
        sqlx::query("UPDATE hold SET ended = ?, ended_at = ? WHERE id = ? AND ended IS NULL")
            .bind(how)
            .bind(at)
            .bind(id.as_str())
            .execute(&mut *connection)
            .await?;
    if done.rows_affected() == 0 {
        return Ok(0);
    }
    sqlx::query(
        "UPDATE hold SET ended = 'broken', ended_at = ?1 WHERE ended IS NULL \
         AND batch = (SELECT batch FROM hold WHERE id = ?2)",
    )
    .bind(at)
    .bind(id.as_str())
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Ends every hold of a task that was stopped: nothing of it will be used.
pub(super) async fn withdraw(
    connection: &mut SqliteConnection,
    task: &TaskId,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE hold SET ended = 'withdrawn', ended_at = CAST(unixepoch('subsec') * 1000000 AS INTEGER) \
         WHERE task = ? AND ended IS NULL",
    )
    .bind(task.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends what waits for any task.
pub(super) async fn withdraw_all(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE hold SET ended = 'withdrawn', ended_at = CAST(unixepoch('subsec') * 1000000 AS INTEGER) \
         WHERE ended IS NULL",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Uses up the approval that lets `call` go. False where it is gone: used by another call, or
/// something was said or reported of the hold, or of any of its batch, since it was looked at; and where
/// it is not its turn.
pub(super) async fn consume(
    connection: &mut SqliteConnection,
    call: &NewCall,
) -> Result<bool, sqlx::Error> {
    let Some(OnHold {
        id,
        uses: Some(revision),
    }) = &call.hold
    else {
        return Ok(true);
    };
    let done = sqlx::query(
        "UPDATE hold SET ended = 'used', ended_at = ?1, ended_by = ?2 \
         WHERE id = ?3 AND task = ?4 AND digest = ?5 AND ended IS NULL \
         AND (batch IS NOT NULL OR (SELECT count(*) FROM vote WHERE vote.hold = ?3) \
         + (SELECT count(*) FROM report WHERE report.hold = ?3) = ?6)",
    )
    .bind(call.at)
    .bind(&*call.reference)
    .bind(id.as_str())
    .bind(&*call.task)
    .bind(&*call.digest)
    .bind(i64::try_from(*revision).unwrap_or(i64::MAX))
    .execute(&mut *connection)
    .await?;
    Ok(done.rows_affected() == 1 && batch::was_its_turn(connection, id, *revision).await?)
}

/// The one hold `id`.
pub(super) async fn find(store: &Sqlite, id: &HoldId) -> Result<Option<Hold>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(HOLDS);
    query.push(" WHERE id = ").push_bind(id.as_str());
    Ok(fetch(store, query).await?.pop())
}

/// The newest hold of a call.
pub(super) async fn latest(
    store: &Sqlite,
    task: &TaskId,
    digest: &str,
) -> Result<Option<Hold>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(HOLDS);
    query.push(" WHERE task = ").push_bind(task.as_str());
    query.push(" AND digest = ").push_bind(digest.to_owned());
    query.push(" ORDER BY ended IS NULL DESC, opened DESC, id DESC LIMIT 1");
    Ok(fetch(store, query).await?.pop())
}

/// The holds that `filter` asks for, newest first.
pub(super) async fn search(store: &Sqlite, filter: &HoldFilter) -> Result<Vec<Hold>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(HOLDS);
    query.push(" WHERE 1 = 1");
    if let Some(task) = &filter.task {
        query.push(" AND task = ").push_bind(task.as_str());
    }
    if filter.under_way {
        query.push(" AND ended IS NULL");
    }
    if let Some(before) = &filter.before {
        query
            .push(" AND (opened, id) < (SELECT opened, id FROM hold WHERE id = ")
            .push_bind(before.as_str())
            .push(")");
    }
    let limit = filter.limit.unwrap_or(100).min(read::MOST);
    query
        .push(" ORDER BY opened DESC, id DESC LIMIT ")
        .push_bind(limit);
    fetch(store, query).await
}

/// Writes down the last attempt to tell a channel how a hold stands.
pub(super) fn deliver(delivery: &Delivery) -> Statement<'_> {
    sqlx::query(
        "INSERT INTO delivery (hold, channel, state, attempts, at, error) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (hold, channel, state) DO UPDATE \
         SET attempts = excluded.attempts, at = excluded.at, error = excluded.error",
    )
    .bind(delivery.hold.as_str())
    .bind(&*delivery.channel)
    .bind(&*delivery.state)
    .bind(i64::from(delivery.attempts))
    .bind(delivery.at.as_microsecond())
    .bind(delivery.error.as_deref())
}

/// What channels were told of a hold, in the order of the last attempts.
pub(super) async fn deliveries(store: &Sqlite, id: &HoldId) -> Result<Vec<Delivery>, StoreError> {
    let failed = |error| StoreError::of(&store.path, error);
    let rows: Vec<(String, String, i64, i64, Option<String>)> = sqlx::query_as(
        "SELECT channel, state, attempts, at, error FROM delivery WHERE hold = ? \
         ORDER BY at, channel, state",
    )
    .bind(id.as_str())
    .fetch_all(&store.reads)
    .await
    .map_err(failed)?;
    rows.into_iter()
        .map(|(channel, state, attempts, at, error)| {
            let unreadable = || StoreError::Unreadable {
                what: "delivery of hold",
                id: id.to_string(),
            };
            Ok(Delivery {
                hold: id.clone(),
                channel: channel.into(),
                state: state.into(),
                attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
                at: microseconds(at).ok_or_else(unreadable)?,
                error: error.map(Box::from),
            })
        })
        .collect()
}

pub(super) const HOLDS: &str = "SELECT id, task, sponsor, reference, digest, state, policy_version, needs, quorum, opened, \
     decide_by, asked, follows, follows_why, ended, ended_at, ended_by, checks, batch, place FROM hold";

async fn fetch(store: &Sqlite, query: QueryBuilder<Database>) -> Result<Vec<Hold>, StoreError> {
    // Votes and reports are read in the same view of the file as their holds.
    let view = store.reads.begin().await;
    let mut view = view.map_err(|error| StoreError::of(&store.path, error))?;
    fetch_in(&store.path, &mut view, query).await
}

/// The holds of a query, whole.
pub(super) async fn fetch_in(
    path: &Path,
    view: &mut SqliteConnection,
    mut query: QueryBuilder<Database>,
) -> Result<Vec<Hold>, StoreError> {
    let failed = |error| StoreError::of(path, error);
    let rows = query.build().fetch_all(&mut *view).await.map_err(failed)?;
    let ids: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("id"))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    let mut votes = of_holds(view, &ids, "person, answer, note, at FROM vote")
        .await
        .map_err(failed)?;
    let reported = "check_is, result, link, person, token, at FROM report";
    let mut reports = of_holds(view, &ids, reported).await.map_err(failed)?;
    let mut holds = Vec::with_capacity(rows.len());
    for (row, id) in rows.iter().zip(ids) {
        let said = votes.remove(&id).unwrap_or_default();
        let told = reports.remove(&id).unwrap_or_default();
        let hold = hold(row, &said, &told).map_err(failed)?;
        holds.push(hold.ok_or(StoreError::Unreadable { what: "hold", id })?);
    }
    Ok(holds)
}

/// The rows of these holds, in order: what `columns` says, of its table.
async fn of_holds(
    connection: &mut SqliteConnection,
    ids: &[String],
    columns: &str,
) -> Result<HashMap<String, Vec<SqliteRow>>, sqlx::Error> {
    let mut found: HashMap<String, Vec<SqliteRow>> = HashMap::new();
    // As many as a statement may bind.
    for ids in ids.chunks(500) {
        let mut query = QueryBuilder::<Database>::new("SELECT hold, ");
        query.push(columns).push(" WHERE hold IN (");
        let mut list = query.separated(", ");
        for id in ids {
            list.push_bind(id);
        }
        query.push(") ORDER BY hold, number");
        for row in query.build().fetch_all(&mut *connection).await? {
            found.entry(row.try_get("hold")?).or_default().push(row);
        }
    }
    Ok(found)
}

fn hold(
    row: &SqliteRow,
    votes: &[SqliteRow],
    reports: &[SqliteRow],
) -> Result<Option<Hold>, sqlx::Error> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let maybe = |name: &str| row.try_get::<Option<String>, _>(name);
    let number = |name: &str| row.try_get::<i64, _>(name);
    let (id, task, sponsor, reference) = (
        text("id")?,
        text("task")?,
        text("sponsor")?,
        text("reference")?,
    );
    let (digest, state, policy_version, needs) = (
        text("digest")?,
        text("state")?,
        text("policy_version")?,
        text("needs")?,
    );
    let checks = text("checks")?;
    let (quorum, asked) = (number("quorum")?, number("asked")?);
    let (opened, decide_by) = (number("opened")?, number("decide_by")?);
    let (follows, why) = (maybe("follows")?, maybe("follows_why")?);
    let (ended, ended_by) = (maybe("ended")?, maybe("ended_by")?);
    let ended_at: Option<i64> = row.try_get("ended_at")?;
    let (batch, number): (_, Option<u32>) = (maybe("batch")?, row.try_get("place")?);
    let votes: Option<Vec<Vote>> = votes.iter().map(vote).collect::<Result<_, _>>()?;
    let reports: Option<Vec<Report>> = reports.iter().map(report).collect::<Result<_, _>>()?;
    Ok((|| {
        let follows = match (follows, why) {
            (Some(before), Some(why)) => Some((before.parse().ok()?, Closing::named(&why)?)),
            _ => None,
        };
        let ended = match ended {
            Some(how) => Some(Ended {
                how: Closing::named(&how)?,
                at: microseconds(ended_at.unwrap_or_default())?,
                by: match ended_by {
                    Some(by) => Some(by.parse().ok()?),
                    None => None,
                },
            }),
            None => None,
        };
        Some(Hold {
            id: id.parse().ok()?,
            task: task.parse().ok()?,
            sponsor: sponsor.parse().ok()?,
            reference: reference.parse().ok()?,
            digest: digest.into(),
            state: StateDigest::from_written(&state),
            policy_version: policy_version.into(),
            needs: names(&needs)?,
            checks: names(&checks)?,
            quorum: u32::try_from(quorum).ok()?,
            opened: microseconds(opened)?,
            decide_by: microseconds(decide_by)?,
            asked: u32::try_from(asked).unwrap_or(u32::MAX),
            follows,
            place: match (batch, number) {
                (Some(batch), Some(number)) => Some(Place {
                    batch: batch.parse().ok()?,
                    number,
                }),
                _ => None,
            },
            votes: votes?,
            reports: reports?,
            ended,
        })
    })())
}

fn report(row: &SqliteRow) -> Result<Option<Report>, sqlx::Error> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let (check, result, link) = (text("check_is")?, text("result")?, text("link")?);
    let (person, token) = (text("person")?, text("token")?);
    let at: i64 = row.try_get("at")?;
    Ok((|| {
        Some(Report {
            check: check.parse().ok()?,
            result: CheckResult::named(&result)?,
            link: link.into(),
            person: person.parse().ok()?,
            token: token.into(),
            at: microseconds(at)?,
        })
    })())
}

fn vote(row: &SqliteRow) -> Result<Option<Vote>, sqlx::Error> {
    let (person, answer): (String, String) = (row.try_get("person")?, row.try_get("answer")?);
    let (note, at): (String, i64) = (row.try_get("note")?, row.try_get("at")?);
    Ok((|| {
        Some(Vote {
            person: person.parse().ok()?,
            answer: Answer::named(&answer)?,
            at: microseconds(at)?,
            note: note.into(),
        })
    })())
}
