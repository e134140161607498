//! Reading: tasks, sessions, calls, ledgers.

use super::Sqlite;
use super::account::Account;
use crate::call::{CallFilter, StoredCall};
use crate::error::StoreError;
use crate::row::CallRow;
use crate::session::{StoredSession, state_named};
use crate::task::{StoredTask, TaskState};
use cordon_aws::sigv4::SecretKey;
use cordon_core::ledger::{Ledger, Used};
use cordon_core::names::{Reference, SessionId, TaskId};
use cordon_core::record::RecordedOutcome;
use cordon_core::session::{AssumedRole, ExpressSession, SessionMode, Terms};
use cordon_core::task::Mode;
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite as Database, SqliteConnection, SqlitePool};
use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// `launched` is the session that was launched, from which that of a call descends; nothing for one that is
/// not kept.
const CALLS: &str = "SELECT call.sequence, reference, at, task, session, service, operation, class, verdict, \
     mutates, body, result, status, detail, took, \
     (WITH RECURSIVE up (id, parent) AS (SELECT id, parent FROM session WHERE id = call.session \
     UNION SELECT session.id, session.parent FROM session JOIN up ON session.id = up.parent) \
     SELECT id FROM up WHERE parent IS NULL) AS launched \
     FROM call LEFT JOIN outcome ON outcome.sequence = call.sequence WHERE 1 = 1";

/// The most calls that one answer holds.
pub(super) const MOST: u32 = 10_000;

pub(super) fn microseconds(at: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(at).ok()
}

/// The names that stand between spaces; nothing where one of them is none.
pub(super) fn names<T: Ord + FromStr>(text: &str) -> Option<BTreeSet<T>> {
    let names = text.split_whitespace();
    names.map(|name| name.parse().ok()).collect()
}

/// Which tasks are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tasks<'t> {
    One(&'t TaskId),
    All,
    UnderWay,
}

pub(super) async fn tasks(store: &Sqlite, which: Tasks<'_>) -> Result<Vec<StoredTask>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(
        "SELECT id, text, lock, sponsor, mode, state, created, expires FROM task",
    );
    match which {
        Tasks::One(id) => query.push(" WHERE id = ").push_bind(id.as_str()),
        Tasks::All => &mut query,
        Tasks::UnderWay => query.push(" WHERE state <> 'stopped'"),
    };
    query.push(" ORDER BY created DESC, id");
    rows(store, query, "task", task).await
}

/// What `query` finds, each row as `read` makes it. What `read` makes nothing of is named by its `id`.
pub(super) async fn rows<T>(
    store: &Sqlite,
    query: QueryBuilder<Database>,
    what: &'static str,
    read: impl Fn(&SqliteRow) -> Result<Option<T>, sqlx::Error>,
) -> Result<Vec<T>, StoreError> {
    rows_by(store, &store.reads, query, what, read).await
}

/// [`rows`], by the connections of `pool`.
pub(super) async fn rows_by<T>(
    store: &Sqlite,
    pool: &SqlitePool,
    mut query: QueryBuilder<Database>,
    what: &'static str,
    read: impl Fn(&SqliteRow) -> Result<Option<T>, sqlx::Error>,
) -> Result<Vec<T>, StoreError> {
    let failed = |error| StoreError::of(&store.path, error);
    let found = query.build().fetch_all(pool).await;
    let found = found.map_err(failed)?;
    found
        .iter()
        .map(|row| {
            let id: String = row.try_get("id").map_err(failed)?;
            let unreadable = StoreError::Unreadable { what, id };
            read(row).map_err(failed)?.ok_or(unreadable)
        })
        .collect()
}

fn task(row: &SqliteRow) -> Result<Option<StoredTask>, sqlx::Error> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let (id, sponsor, mode, state) = (text("id")?, text("sponsor")?, text("mode")?, text("state")?);
    let (body, lock) = (text("text")?, text("lock")?);
    let (created, expires) = (row.try_get("created")?, row.try_get("expires")?);
    Ok((|| {
        Some(StoredTask {
            id: id.parse().ok()?,
            text: body.into(),
            lock: lock.into(),
            sponsor: sponsor.parse().ok()?,
            mode: Mode::named(&mode)?,
            state: TaskState::named(&state)?,
            created: microseconds(created)?,
            expires: microseconds(expires)?,
        })
    })())
}

/// The one session `id`, or those that are not stopped.
pub(super) async fn sessions(
    store: &Sqlite,
    id: Option<&SessionId>,
) -> Result<Vec<StoredSession>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(
        "SELECT id, task, key_id, secret, agent, account, started, state, \
         parent, ends, role, external_id, policy, bucket, mode FROM session WHERE ",
    );
    match id {
        Some(id) => query.push("id = ").push_bind(id.as_str()),
        None => query.push("state <> 'stopped'"),
    };
    query.push(" ORDER BY started, id");
    rows(store, query, "session", session).await
}

pub(super) async fn standing(store: &Sqlite) -> Result<Vec<SessionId>, StoreError> {
    let failed = |error| StoreError::of(&store.path, error);
    let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM session WHERE state <> 'stopped'")
        .fetch_all(&store.steers)
        .await
        .map_err(failed)?;
    let named = |id: String| match id.parse() {
        Ok(named) => Ok(named),
        Err(_) => Err(StoreError::Unreadable {
            what: "session",
            id,
        }),
    };
    ids.into_iter().map(named).collect()
}

fn session(row: &SqliteRow) -> Result<Option<StoredSession>, sqlx::Error> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let (id, task, key_id, account) = (
        text("id")?,
        text("task")?,
        text("key_id")?,
        text("account")?,
    );
    let (secret, agent, state) = (
        SecretKey::new(text("secret")?),
        text("agent")?,
        text("state")?,
    );
    let started = row.try_get("started")?;
    let child = child(row)?;
    Ok((|| {
        Some(StoredSession {
            id: id.parse().ok()?,
            task: task.parse().ok()?,
            key_id: key_id.parse().ok()?,
            secret,
            agent: agent.into(),
            account: account.parse().ok()?,
            started: microseconds(started)?,
            state: state_named(&state)?,
            child: child?,
        })
    })())
}

/// The terms of a child, nothing for a launched session; nothing at all where they cannot be read.
fn child(row: &SqliteRow) -> Result<Option<Option<Terms>>, sqlx::Error> {
    let text = |name: &str| row.try_get::<Option<String>, _>(name);
    let Some(parent) = text("parent")? else {
        return Ok(Some(None));
    };
    let ends = row.try_get::<Option<i64>, _>("ends")?;
    let (role, external_id, policy) = (text("role")?, text("external_id")?, text("policy")?);
    let (bucket, mode) = (text("bucket")?, text("mode")?);
    Ok((|| {
        let role = match role {
            None => None,
            Some(arn) => Some(AssumedRole {
                arn: arn.parse().ok()?,
                external_id: external_id.map(Box::from),
            }),
        };
        let express = match (bucket, mode) {
            (None, None) => None,
            (bucket, mode) => Some(ExpressSession {
                bucket: bucket?.parse().ok()?,
                mode: SessionMode::named(&mode?)?,
            }),
        };
        Some(Some(Terms {
            parent: parent.parse().ok()?,
            ends: microseconds(ends?)?,
            role,
            policy: policy.map(Box::from),
            express,
        }))
    })())
}

pub(super) async fn search(
    store: &Sqlite,
    filter: &CallFilter,
) -> Result<Vec<StoredCall>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(CALLS);
    let equal = [
        (" AND task = ", filter.task.as_ref().map(TaskId::as_str)),
        (
            " AND verdict = ",
            filter.verdict.map(RecordedOutcome::as_str),
        ),
        (" AND service = ", filter.service.as_deref()),
        (" AND operation = ", filter.operation.as_deref()),
        (" AND class = ", filter.class.as_deref()),
    ];
    for (column, value) in equal {
        if let Some(value) = value {
            query.push(column).push_bind(value);
        }
    }
    if let Some(session) = &filter.session {
        // Found once, not for each call: those of a child are its own alone.
        query
            .push(" AND (session = ")
            .push_bind(&**session)
            .push(
                " OR session IN (WITH RECURSIVE down (id) AS (\
                 SELECT id FROM session WHERE parent IS NULL AND id = ",
            )
            .push_bind(&**session)
            .push(
                " UNION SELECT child.id FROM session AS child JOIN down ON child.parent = down.id) \
                 SELECT id FROM down))",
            );
    }
    if let Some(environment) = &filter.environment {
        query
            .push(" AND instr(environments, ")
            .push_bind(format!(" {environment} "))
            .push(") > 0");
    }
    if let Some(before) = filter.before {
        query
            .push(" AND call.sequence < ")
            .push_bind(i64::try_from(before).unwrap_or(i64::MAX));
    }
    if let Some(since) = filter.since {
        query.push(" AND at >= ").push_bind(since.as_microsecond());
    }
    if let Some(text) = &filter.text {
        // The values of the body, not the words that Cordon writes around them.
        query
            .push(" AND (instr(lower(reference || ' ' || task || ' ' || session || ' ' || service || ' ' || operation), lower(")
            .push_bind(&**text)
            .push(")) > 0 OR EXISTS (SELECT 1 FROM json_tree(body) WHERE instr(lower(atom), lower(")
            .push_bind(&**text)
            .push(")) > 0))");
    }
    let limit = filter.limit.unwrap_or(100).min(MOST);
    query
        .push(" ORDER BY call.sequence DESC LIMIT ")
        .push_bind(limit);
    fetch(&store.path, &store.reads, query).await
}

pub(super) async fn tail(
    store: &Sqlite,
    after: u64,
    limit: u32,
) -> Result<Vec<StoredCall>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(CALLS);
    query
        .push(" AND call.sequence > ")
        .push_bind(i64::try_from(after).unwrap_or(i64::MAX));
    query
        .push(" ORDER BY call.sequence LIMIT ")
        .push_bind(limit.min(MOST));
    fetch(&store.path, &store.reads, query).await
}

pub(super) async fn call(
    store: &Sqlite,
    reference: &Reference,
) -> Result<Option<StoredCall>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(CALLS);
    query
        .push(" AND reference = ")
        .push_bind(reference.as_str());
    Ok(fetch(&store.path, &store.reads, query).await?.pop())
}

async fn fetch(
    path: &Path,
    from: &SqlitePool,
    mut query: QueryBuilder<Database>,
) -> Result<Vec<StoredCall>, StoreError> {
    let rows: Vec<CallRow> = query
        .build_query_as()
        .fetch_all(from)
        .await
        .map_err(|error| StoreError::of(path, error))?;
    rows.into_iter()
        .map(|row| {
            let id = row.reference().to_owned();
            row.call()
                .ok_or(StoreError::Unreadable { what: "call", id })
        })
        .collect()
}

/// The account of a task as the tables have it.
pub(super) async fn account(
    path: &Path,
    from: &mut SqliteConnection,
    task: &TaskId,
) -> Result<Account, StoreError> {
    let ledger = ledger(path, from, task).await?;
    // The minute before the last change: what is older counts for no later moment.
    let moments: Vec<i64> = sqlx::query_scalar(
        "SELECT at FROM call WHERE task = ?1 AND mutates = 1 AND verdict = 'allow' \
         AND at > (SELECT max(at) FROM call WHERE task = ?1 AND mutates = 1 AND verdict = 'allow') - 60000000",
    )
    .bind(task.as_str())
    .fetch_all(from)
    .await
    .map_err(|error| StoreError::of(path, error))?;
    Ok(Account::new(ledger, moments))
}

/// The ledger of a task as the tables have it.
async fn ledger(
    path: &Path,
    from: &mut SqliteConnection,
    task: &TaskId,
) -> Result<Ledger, StoreError> {
    let failed = |error| StoreError::of(path, error);
    let used: Option<(i64, i64, i64)> =
        sqlx::query_as("SELECT mutations, creates, destroys FROM budget WHERE task = ?")
            .bind(task.as_str())
            .fetch_optional(&mut *from)
            .await
            .map_err(failed)?;
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT effect, arn FROM ledger WHERE task = ? ORDER BY sequence, effect")
            .bind(task.as_str())
            .fetch_all(&mut *from)
            .await
            .map_err(failed)?;
    let count = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
    let (mutations, creates, destroys) = used.unwrap_or_default();
    let mut ledger = Ledger {
        used: Used {
            mutations: count(mutations),
            creates: count(creates),
            destroys: count(destroys),
        },
        ..Ledger::default()
    };
    for (effect, arn) in rows {
        let unreadable = || StoreError::Unreadable {
            what: "ledger of task",
            id: task.to_string(),
        };
        let arn: cordon_aws::arn::Arn = arn.parse().map_err(|_| unreadable())?;
        match effect.as_str() {
            "created" => {
                ledger.created.insert(arn);
            }
            _ => ledger.lose(&arn),
        }
    }
    Ok(ledger)
}

pub(super) async fn version(path: &Path, reads: &SqlitePool) -> Result<u64, StoreError> {
    let number: i64 = sqlx::query_scalar("SELECT number FROM version WHERE one = 1")
        .fetch_one(reads)
        .await
        .map_err(|error| StoreError::of(path, error))?;
    Ok(u64::try_from(number).unwrap_or_default())
}

pub(super) async fn heeded(store: &Sqlite) -> Result<u64, StoreError> {
    let number: i64 = sqlx::query_scalar("SELECT heeded FROM version WHERE one = 1")
        .fetch_one(&store.steers)
        .await
        .map_err(|error| StoreError::of(&store.path, error))?;
    Ok(u64::try_from(number).unwrap_or_default())
}

pub(super) async fn check(store: &Sqlite) -> Result<(), StoreError> {
    let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_all(&store.reads)
        .await
        .map_err(|error| StoreError::of(&store.path, error))?;
    match found.as_slice() {
        [only] if only == "ok" => Ok(()),
        _ => Err(StoreError::Corrupted {
            path: store.path.clone(),
            source: Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(
                found.join("; "),
            )),
        }),
    }
}

/// Closes the calls that the last serving process left open, and gives them.
pub(super) async fn close_interrupted(
    path: &Path,
    connection: &mut SqliteConnection,
    reads: &SqlitePool,
) -> Result<Vec<StoredCall>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(CALLS);
    query.push(" AND call.sequence IN (SELECT sequence FROM open_call) ORDER BY call.sequence");
    let open = fetch(path, reads, query).await?;
    for statement in [
        "BEGIN IMMEDIATE",
        "INSERT INTO outcome (sequence, result, detail, took) \
         SELECT sequence, 'indeterminate', 'Cordon ended before the outcome was known', 0 FROM open_call",
        "DELETE FROM open_call",
        "COMMIT",
    ] {
        sqlx::query(statement)
            .execute(&mut *connection)
            .await
            .map_err(|error| StoreError::of(path, error))?;
    }
    Ok(open)
}
