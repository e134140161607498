//! Changes of tasks, sessions, the posture and passes, one statement each and what follows from it.

use super::job::Change;
use super::{amendment, hold, incident, pass, passkey, posture};
use crate::error::StoreError;
use crate::session::{StoredSession, state_word};
use crate::task::TaskState;
use cordon_core::names::TaskId;
use cordon_core::session::SessionState;
use jiff::Timestamp;
use sqlx::SqliteConnection;
use std::path::Path;
use std::sync::PoisonError;

/// Carries out one change within a transaction.
///
/// # Errors
/// `Ok(Err(_))` where the change is refused and the transaction goes on, because a statement that
/// breaks a constraint leaves nothing behind; `Err(_)` where the store failed.
pub(super) async fn apply(
    path: &Path,
    connection: &mut SqliteConnection,
    change: &Change,
) -> Result<Result<(), StoreError>, StoreError> {
    if let Change::StopTasks(now, stopped) = change {
        let ended = stop_tasks(connection, statement(change), *now).await;
        let ended = ended.map_err(|error| StoreError::of(path, error))?;
        *stopped.lock().unwrap_or_else(PoisonError::into_inner) = ended;
        return Ok(Ok(()));
    }
    let (what, id) = subject(change);
    let unknown = |what, id: &str| StoreError::Unknown {
        what,
        id: id.to_owned(),
    };
    match statement(change).execute(&mut *connection).await {
        Ok(done) if done.rows_affected() == 0 => return Ok(Err(unchanged(change, what, id))),
        Ok(_) => {}
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            let (what, id) = match change {
                Change::PutSession(session) => ("session", session.id.as_str()),
                _ => (what, id),
            };
            let id = id.to_owned();
            return Ok(Err(StoreError::Exists { what, id }));
        }
        Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
            let (what, id) = match change {
                Change::PutSession(session) => ("task", session.task.as_str()),
                Change::Delivery(delivery) => ("hold", delivery.hold.as_str()),
                _ => ("task", id),
            };
            return Ok(Err(unknown(what, id)));
        }
        Err(error) => return Err(StoreError::of(path, error)),
    }
    for follows in what_follows(change) {
        let done = follows.execute(&mut *connection).await;
        done.map_err(|error| StoreError::of(path, error))?;
    }
    if let Change::TaskState(task, TaskState::Stopped) = change {
        hold::withdraw(connection, task)
            .await
            .map_err(|error| StoreError::of(path, error))?;
    }
    Ok(Ok(()))
}

/// Stops every task with its sessions and holds; gives those whose time was not over.
async fn stop_tasks(
    connection: &mut SqliteConnection,
    sessions: Statement<'_>,
    now: Timestamp,
) -> Result<Vec<TaskId>, sqlx::Error> {
    let ended: Vec<(String, i64)> = sqlx::query_as(
        "UPDATE task SET state = 'stopped' WHERE state <> 'stopped' RETURNING id, expires",
    )
    .fetch_all(&mut *connection)
    .await?;
    sessions.execute(&mut *connection).await?;
    hold::withdraw_all(connection).await?;
    let mut ended: Vec<TaskId> = ended
        .into_iter()
        .filter(|(_, expires)| *expires > now.as_microsecond())
        .filter_map(|(id, _)| id.parse().ok())
        .collect();
    ended.sort();
    Ok(ended)
}

/// Why a statement found nothing to write.
fn unchanged(change: &Change, what: &'static str, id: &str) -> StoreError {
    let id = id.to_owned();
    match change {
        Change::Accept(_) | Change::Decline(_) => StoreError::Outdated { what, id },
        Change::PutAmendment(_) => StoreError::Crowded,
        _ => StoreError::Unknown { what, id },
    }
}

/// What a change does beside what it says: the sessions that it stops, the pass of who signs in.
fn what_follows(change: &Change) -> Vec<Statement<'_>> {
    match change {
        Change::TaskState(task, TaskState::Stopped) => vec![
            sqlx::query("UPDATE session SET state = 'stopped' WHERE task = ?").bind(task.as_str()),
        ],
        Change::SessionState(id, SessionState::Stopped) => vec![
            sqlx::query(
                "WITH RECURSIVE below (id) AS (SELECT id FROM session WHERE parent = ? \
                 UNION SELECT session.id FROM session JOIN below ON session.parent = below.id) \
                 UPDATE session SET state = 'stopped' WHERE id IN (SELECT id FROM below)",
            )
            .bind(id.as_str()),
        ],
        Change::Accept(yes) => vec![amendment::replace_task(yes)],
        Change::PutSession(session) if session.child.is_some() => vec![
            sqlx::query("UPDATE session SET state = 'stopped' WHERE task = ? AND ends <= ?")
                .bind(session.task.as_str())
                .bind(session.started.as_microsecond()),
        ],
        Change::PutLink(link) => {
            let mut follows = Vec::from(pass::sweep(link));
            follows.extend(pass::replace_claims(link).into_iter().flatten());
            follows
        }
        Change::SignIn(link, new) => vec![pass::sign_in(link, new)],
        Change::Incident(_, Some(raises)) => vec![posture::declare(raises)],
        Change::UsePasskey(usage, link) => {
            let kept = [pass::put_link(link), passkey::mark(usage, link)];
            kept.into_iter().chain(pass::sweep(link)).collect()
        }
        Change::RevokePasskey(id, at) => passkey::revoke_sign_ins(id, *at).into(),
        _ => Vec::new(),
    }
}

fn subject(change: &Change) -> (&'static str, &str) {
    match change {
        Change::PutTask(task) => ("task", task.id.as_str()),
        Change::TaskMode(id, _) | Change::TaskState(id, _) | Change::TaskExpires(id, _) => {
            ("task", id.as_str())
        }
        Change::StopTasks(..) => ("tasks", ""),
        Change::PutAmendment(new) => ("amendment", new.id.as_str()),
        Change::Accept(yes) => ("amendment", yes.id.as_str()),
        Change::Decline(no) => ("amendment", no.id.as_str()),
        Change::PutSession(session) => match &session.child {
            None => ("session", session.id.as_str()),
            Some(terms) => ("parent session", terms.parent.as_str()),
        },
        Change::SessionState(id, _) => ("session", id.as_str()),
        Change::DeclarePosture(declared) => ("posture", &declared.id),
        Change::LiftPosture(id) => ("posture", id),
        Change::Incident(..) => ("incident", ""),
        Change::PutLink(link) => ("sign-in link", link.secret.id()),
        Change::SignIn(link, _) => ("sign-in link to be used", link.id()),
        Change::PutPass(pass) => ("pass", pass.secret.id()),
        Change::RevokePass(id, _) => ("pass", id),
        Change::PutPasskey(passkey) => ("passkey", &passkey.name),
        Change::UsePasskey(_, link) => ("passkey to be used", link.person.as_str()),
        Change::RevokePasskey(id, _) => ("passkey", id),
        Change::Delivery(delivery) => ("delivery", delivery.hold.as_str()),
        Change::Deed(deed) => ("deed", &deed.what),
        Change::Heed(_) => ("version", ""),
    }
}

fn put_session(session: &StoredSession) -> Statement<'_> {
    let child = session.child.as_ref();
    let role = child.and_then(|terms| terms.role.as_ref());
    let express = child.and_then(|terms| terms.express.as_ref());
    sqlx::query(
        "INSERT INTO session (id, task, key_id, secret, agent, account, started, state, \
         parent, ends, role, external_id, policy, bucket, mode) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15 \
         WHERE ?9 IS NULL OR EXISTS (SELECT 1 FROM session JOIN task ON task.id = session.task \
         WHERE session.id = ?9 AND task.id = ?2 \
         AND session.state <> 'stopped' AND task.state <> 'stopped')",
    )
    .bind(session.id.as_str())
    .bind(session.task.as_str())
    .bind(session.key_id.as_str())
    .bind(session.secret.expose())
    .bind(&*session.agent)
    .bind(session.account.as_str())
    .bind(session.started.as_microsecond())
    .bind(state_word(session.state))
    .bind(child.map(|terms| terms.parent.as_str()))
    .bind(child.map(|terms| terms.ends.as_microsecond()))
    .bind(role.map(|role| role.arn.as_str()))
    .bind(role.and_then(|role| role.external_id.as_deref()))
    .bind(child.and_then(|terms| terms.policy.as_deref()))
    .bind(express.map(|express| express.bucket.as_str()))
    .bind(express.map(|express| express.mode.as_str()))
}

pub(super) type Statement<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

fn statement(change: &Change) -> Statement<'_> {
    match change {
        Change::PutTask(task) => sqlx::query(
            "INSERT INTO task (id, text, lock, sponsor, mode, state, created, expires) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(task.id.as_str())
        .bind(&*task.text)
        .bind(&*task.lock)
        .bind(task.sponsor.as_str())
        .bind(task.mode.as_str())
        .bind(task.state.as_str())
        .bind(task.created.as_microsecond())
        .bind(task.expires.as_microsecond()),
        Change::TaskMode(id, mode) => sqlx::query("UPDATE task SET mode = ? WHERE id = ?")
            .bind(mode.as_str())
            .bind(id.as_str()),
        Change::TaskState(id, state) => sqlx::query(
            "UPDATE task SET state = CASE state WHEN 'stopped' THEN state ELSE ? END WHERE id = ?",
        )
        .bind(state.as_str())
        .bind(id.as_str()),
        Change::StopTasks(..) => {
            sqlx::query("UPDATE session SET state = 'stopped' WHERE state <> 'stopped'")
        }
        Change::TaskExpires(id, expires) => sqlx::query("UPDATE task SET expires = ? WHERE id = ?")
            .bind(expires.as_microsecond())
            .bind(id.as_str()),
        Change::PutAmendment(new) => amendment::put(new),
        Change::Accept(yes) => amendment::accept(yes),
        Change::Decline(no) => amendment::decline(no),
        Change::PutSession(session) => put_session(session),
        Change::SessionState(id, state) => sqlx::query("UPDATE session SET state = ? WHERE id = ?")
            .bind(state_word(*state))
            .bind(id.as_str()),
        Change::DeclarePosture(declared) => posture::declare(declared),
        Change::LiftPosture(id) => posture::lift(id),
        Change::Incident(incident, _) => incident::record(incident),
        Change::PutLink(link) => pass::put_link(link),
        Change::SignIn(link, new) => pass::use_link(link, new),
        Change::PutPass(new) => pass::put(new),
        Change::RevokePass(id, at) => pass::revoke(id, *at),
        Change::PutPasskey(new) => passkey::put(new),
        Change::UsePasskey(usage, _) => passkey::spend(usage),
        Change::RevokePasskey(id, at) => passkey::revoke(id, *at),
        Change::Delivery(delivery) => hold::deliver(delivery),
        Change::Deed(deed) => pass::put_deed(deed),
        Change::Heed(number) => {
            sqlx::query("UPDATE version SET heeded = max(heeded, ?) WHERE one = 1")
                .bind(i64::try_from(*number).unwrap_or(i64::MAX))
        }
    }
}
