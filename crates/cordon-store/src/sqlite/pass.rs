//! Sign-in links, passes and what people did, in their tables.
//!
//! A link is used in the statement that looks whether it can be, so that of two who come with the same
//! one at the same moment one signs in.

use super::read::{microseconds, names, rows};
use super::{Sqlite, change::Statement};
use crate::deed::{Deed, StoredDeed};
use crate::error::StoreError;
use crate::pass::{Claimed, NewPass, Pass, PassKind, SecretHash, SignInLink};
use cordon_core::names::{CheckName, Person};
use cordon_core::people::{Claim, Role};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite as Database};

/// For how long what no longer serves is kept, in microseconds.
const KEPT: i64 = 30 * 24 * 3600 * 1_000_000;

/// A claim as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    groups: Vec<String>,
    roles: Vec<String>,
}

fn written(claim: Option<&Claim>) -> Option<String> {
    let claim = claim?;
    let row = Written {
        groups: claim.groups.iter().map(ToString::to_string).collect(),
        roles: claim
            .roles
            .iter()
            .map(|role| role.as_str().to_owned())
            .collect(),
    };
    // Lists of text always have a JSON form; without one nothing is claimed.
    serde_json::to_string(&row).ok()
}

fn read_claim(text: &str) -> Option<Claim> {
    let row: Written = serde_json::from_str(text).ok()?;
    Some(Claim {
        groups: row
            .groups
            .iter()
            .map(|group| group.parse().ok())
            .collect::<Option<_>>()?,
        roles: row
            .roles
            .iter()
            .map(|role| Role::named(role))
            .collect::<Option<_>>()?,
    })
}

pub(super) fn put_link(link: &SignInLink) -> Statement<'_> {
    sqlx::query(
        "INSERT INTO sign_in_link (secret, person, made, expires, claim) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(link.secret.as_str())
    .bind(link.person.as_str())
    .bind(link.made.as_microsecond())
    .bind(link.expires.as_microsecond())
    .bind(written(link.claim.as_ref()))
}

/// What a provider tells of a person takes the place of what it told before.
pub(super) fn replace_claims(link: &SignInLink) -> Option<[Statement<'_>; 2]> {
    let claim = written(link.claim.as_ref())?;
    let statements = [
        "UPDATE pass SET claim = ?1 WHERE person = ?2 AND claim IS NOT NULL",
        "UPDATE sign_in_link SET claim = ?1 WHERE person = ?2 AND claim IS NOT NULL",
    ];
    Some(statements.map(|text| {
        sqlx::query(text)
            .bind(claim.clone())
            .bind(link.person.as_str())
    }))
}

/// What no longer serves goes when something new comes.
pub(super) fn sweep(link: &SignInLink) -> [Statement<'_>; 3] {
    let before = link.made.as_microsecond().saturating_sub(KEPT);
    [
        sqlx::query("DELETE FROM sign_in_link WHERE expires < ?").bind(before),
        sqlx::query("DELETE FROM pass WHERE expires < ?").bind(before),
        sqlx::query("DELETE FROM passkey WHERE revoked < ?").bind(before),
    ]
}

pub(super) fn use_link<'q>(link: &'q SecretHash, pass: &NewPass) -> Statement<'q> {
    sqlx::query(
        "UPDATE sign_in_link SET used = ?1 WHERE secret = ?2 AND used IS NULL \
         AND made <= ?1 AND expires > ?1",
    )
    .bind(pass.signed_in.as_microsecond())
    .bind(link.as_str())
}

/// The pass of whom the link, which is used in the same transaction, is for. Where a provider said when
/// that person proved who they are, then it was.
pub(super) fn sign_in<'q>(link: &'q SecretHash, pass: &'q NewPass) -> Statement<'q> {
    sqlx::query(
        "INSERT INTO pass (id, secret, kind, person, signed_in, expires, claim, passkey) \
         SELECT ?1, ?2, ?3, person, iif(claim IS NULL, ?4, made), ?5, claim, passkey FROM sign_in_link WHERE secret = ?6",
    )
    .bind(pass.secret.id())
    .bind(pass.secret.as_str())
    .bind(pass.kind.as_str())
    .bind(pass.signed_in.as_microsecond())
    .bind(pass.expires.as_microsecond())
    .bind(link.as_str())
}

pub(super) fn put(pass: &Pass) -> Statement<'_> {
    let checks: Vec<&str> = pass.checks.iter().map(CheckName::as_str).collect();
    sqlx::query(
        "INSERT INTO pass (id, secret, kind, person, signed_in, expires, revoked, claim, checks) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(pass.secret.id())
    .bind(pass.secret.as_str())
    .bind(pass.kind.as_str())
    .bind(pass.person.as_str())
    .bind(pass.signed_in.as_microsecond())
    .bind(pass.expires.as_microsecond())
    .bind(pass.revoked.map(Timestamp::as_microsecond))
    .bind(written(pass.claim.as_ref()))
    .bind(checks.join(" "))
}

pub(super) fn revoke(id: &str, at: Timestamp) -> Statement<'_> {
    sqlx::query("UPDATE pass SET revoked = coalesce(revoked, ?) WHERE id = ?")
        .bind(at.as_microsecond())
        .bind(id)
}

pub(super) fn put_deed(deed: &Deed) -> Statement<'_> {
    sqlx::query("INSERT INTO deed (at, person, what, thing, detail) VALUES (?, ?, ?, ?, ?)")
        .bind(deed.at.as_microsecond())
        .bind(&*deed.person)
        .bind(&*deed.what)
        .bind(&*deed.thing)
        .bind(&*deed.detail)
}

/// At most `limit` deeds before the one with this number, newest first.
pub(super) async fn deeds(
    store: &Sqlite,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<StoredDeed>, StoreError> {
    let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let rows: Vec<(i64, i64, String, String, String, String)> = sqlx::query_as(
        "SELECT number, at, person, what, thing, detail FROM deed WHERE number < ? \
         ORDER BY number DESC LIMIT ?",
    )
    .bind(before)
    .bind(limit.min(1_000))
    .fetch_all(&store.reads)
    .await
    .map_err(|error| StoreError::of(&store.path, error))?;
    rows.into_iter()
        .map(|(number, at, person, what, thing, detail)| {
            let unreadable = || StoreError::Unreadable {
                what: "deed",
                id: number.to_string(),
            };
            Ok(StoredDeed {
                number: u64::try_from(number).map_err(|_| unreadable())?,
                deed: Deed {
                    at: microseconds(at).ok_or_else(unreadable)?,
                    person: person.into(),
                    what: what.into(),
                    thing: thing.into(),
                    detail: detail.into(),
                },
            })
        })
        .collect()
}

const PASSES: &str =
    "SELECT id, secret, kind, person, signed_in, expires, revoked, claim, checks FROM pass WHERE ";

/// The pass with this secret.
pub(super) async fn find(store: &Sqlite, secret: &SecretHash) -> Result<Option<Pass>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(PASSES);
    query.push("secret = ").push_bind(secret.as_str());
    Ok(rows(store, query, "pass", pass).await?.pop())
}

/// The passes of a person, newest sign-in first.
pub(super) async fn of(store: &Sqlite, person: &Person) -> Result<Vec<Pass>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(PASSES);
    query.push("person = ").push_bind(person.as_str());
    query.push(" ORDER BY signed_in DESC, id LIMIT 1000");
    rows(store, query, "pass", pass).await
}

/// What was told of those who are signed in at `now`: all passes of a person say the same.
pub(super) async fn claims(store: &Sqlite, now: Timestamp) -> Result<Vec<Claimed>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(PASSES);
    query.push("claim IS NOT NULL AND revoked IS NULL AND expires > ");
    query.push_bind(now.as_microsecond());
    query.push(" ORDER BY person, expires DESC");
    let mut passes = rows(store, query, "pass", pass).await?;
    passes.retain(|pass| pass.is_good(now));
    passes.dedup_by(|later, first| later.person == first.person);
    let claimed = passes.into_iter().filter_map(|pass| {
        Some(Claimed {
            person: pass.person,
            claim: pass.claim?,
            until: pass.expires,
        })
    });
    Ok(claimed.collect())
}

fn pass(row: &SqliteRow) -> Result<Option<Pass>, sqlx::Error> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let (secret, kind, person) = (text("secret")?, text("kind")?, text("person")?);
    let checks = text("checks")?;
    let (signed_in, expires): (i64, i64) = (row.try_get("signed_in")?, row.try_get("expires")?);
    let revoked: Option<i64> = row.try_get("revoked")?;
    let claim: Option<String> = row.try_get("claim")?;
    Ok((|| {
        Some(Pass {
            secret: SecretHash::from_written(&secret),
            kind: PassKind::named(&kind)?,
            checks: names(&checks)?,
            person: person.parse().ok()?,
            signed_in: microseconds(signed_in)?,
            expires: microseconds(expires)?,
            revoked: match revoked {
                Some(at) => Some(microseconds(at)?),
                None => None,
            },
            claim: match claim {
                Some(claim) => Some(read_claim(&claim)?),
                None => None,
            },
        })
    })())
}
