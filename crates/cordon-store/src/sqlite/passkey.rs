//! Passkeys, in their table. One is used in the statement that looks whether it may be, so that of two
//! who come with the same count of signatures at the same moment one signs in.

use super::read::{microseconds, rows};
use super::{Sqlite, change::Statement};
use crate::error::StoreError;
use crate::pass::SignInLink;
use crate::passkey::{Passkey, PasskeyUse, id};
use cordon_core::names::Person;
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite as Database};

pub(super) fn put(passkey: &Passkey) -> Statement<'_> {
    sqlx::query(
        "INSERT INTO passkey (id, credential, person, handle, public_key, state, counter, name, added, used, revoked) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(passkey.id())
    .bind(&*passkey.credential)
    .bind(passkey.person.as_str())
    .bind(&*passkey.handle)
    .bind(&*passkey.key)
    .bind(&*passkey.state)
    .bind(passkey.counter)
    .bind(&*passkey.name)
    .bind(passkey.added.as_microsecond())
    .bind(passkey.used.map(Timestamp::as_microsecond))
    .bind(passkey.revoked.map(Timestamp::as_microsecond))
}

/// An authenticator that counts never says the same number twice; one that does not always says 0.
pub(super) fn spend(usage: &PasskeyUse) -> Statement<'_> {
    sqlx::query(
        "UPDATE passkey SET state = ?1, counter = ?2, used = ?3 WHERE credential = ?4 \
         AND revoked IS NULL AND (counter < ?2 OR (counter = 0 AND ?2 = 0))",
    )
    .bind(&*usage.state)
    .bind(usage.counter)
    .bind(usage.at.as_microsecond())
    .bind(&*usage.credential)
}

/// Marks the link, which is kept in the same transaction, as one that this passkey made.
pub(super) fn mark<'q>(usage: &PasskeyUse, link: &'q SignInLink) -> Statement<'q> {
    sqlx::query("UPDATE sign_in_link SET passkey = ? WHERE secret = ?")
        .bind(id(&usage.credential))
        .bind(link.secret.as_str())
}

pub(super) fn revoke(id: &str, at: Timestamp) -> Statement<'_> {
    sqlx::query("UPDATE passkey SET revoked = coalesce(revoked, ?) WHERE id = ?")
        .bind(at.as_microsecond())
        .bind(id)
}

/// The sign-ins that a passkey made end with it.
pub(super) fn revoke_sign_ins(id: &str, at: Timestamp) -> [Statement<'_>; 2] {
    [
        "UPDATE pass SET revoked = coalesce(revoked, ?) WHERE passkey = ?",
        "UPDATE sign_in_link SET used = coalesce(used, ?) WHERE passkey = ?",
    ]
    .map(|text| sqlx::query(text).bind(at.as_microsecond()).bind(id))
}

const PASSKEYS: &str = "SELECT id, credential, person, handle, public_key, state, counter, name, \
     added, used, revoked FROM passkey";

/// The passkey that its authenticator calls `credential`.
pub(super) async fn find(store: &Sqlite, credential: &[u8]) -> Result<Option<Passkey>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(PASSKEYS);
    query
        .push(" WHERE credential = ")
        .push_bind(credential.to_vec());
    Ok(rows(store, query, "passkey", passkey).await?.pop())
}

/// The passkeys of a person, or of everyone.
pub(super) async fn of(
    store: &Sqlite,
    person: Option<&Person>,
) -> Result<Vec<Passkey>, StoreError> {
    let mut query = QueryBuilder::<Database>::new(PASSKEYS);
    if let Some(person) = person {
        query
            .push(" WHERE person = ")
            .push_bind(person.as_str().to_owned());
    }
    query.push(" ORDER BY added DESC, id LIMIT 10000");
    rows(store, query, "passkey", passkey).await
}

fn passkey(row: &SqliteRow) -> Result<Option<Passkey>, sqlx::Error> {
    let bytes = |name: &str| row.try_get::<Vec<u8>, _>(name).map(Vec::into_boxed_slice);
    let (person, name): (String, String) = (row.try_get("person")?, row.try_get("name")?);
    let (credential, handle) = (bytes("credential")?, bytes("handle")?);
    let (key, state) = (bytes("public_key")?, bytes("state")?);
    let (counter, added): (i64, i64) = (row.try_get("counter")?, row.try_get("added")?);
    let (used, revoked): (Option<i64>, Option<i64>) =
        (row.try_get("used")?, row.try_get("revoked")?);
    let moment = |at: Option<i64>| match at {
        Some(at) => microseconds(at).map(Some),
        None => Some(None),
    };
    Ok((|| {
        Some(Passkey {
            credential,
            person: person.parse().ok()?,
            handle,
            key,
            state,
            counter: u32::try_from(counter).ok()?,
            name: name.into(),
            added: microseconds(added)?,
            used: moment(used)?,
            revoked: moment(revoked)?,
        })
    })())
}
