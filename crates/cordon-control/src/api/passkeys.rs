//! Passkeys: adding one, which ones one has, taking one back, and signing in by one. A sign-in ends in
//! a link like those that `cordon people link` makes, for the page or for a terminal, as one by a
//! provider of identities does.

use super::deeds::write_down;
use super::input::{Body, Named, prose};
use super::moment;
use crate::failure::ApiError;
use crate::passkey::{Assertion, PasskeyError, Passkeys};
use crate::plane::Plane;
use crate::secret;
use crate::visitor::Visitor;
use axum::Json;
use axum::extract::State;
use cordon_core::control::Deed;
use cordon_core::inert::inert;
use cordon_store::{Passkey, StoreError};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// Where a sign-in by passkey begins.
pub(crate) const ASK: &str = "/api/v1/sign-in/passkey/ask";
/// Where it ends.
pub(crate) const ANSWER: &str = "/api/v1/sign-in/passkey";

/// How many passkeys a person has at one time.
const MOST: usize = 20;

/// How long the name of a passkey is, in characters.
const LONGEST_NAME: usize = 60;

/// How long a reason is told.
const LONGEST: usize = 300;

/// What a page gives to `navigator.credentials`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PasskeyQuestion {
    /// As WebAuthn writes it: `PublicKeyCredentialCreationOptionsJSON`, or `...RequestOptionsJSON`.
    #[serde(rename = "publicKey")]
    #[schema(value_type = Object)]
    pub public_key: Value,
}

/// A new passkey.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPasskeyBody {
    /// What `navigator.credentials.create` gave, as its `toJSON` writes it.
    #[schema(value_type = Object)]
    pub credential: Value,
    /// What its person calls it: where the authenticator is.
    pub name: String,
}

/// A sign-in by a passkey.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyBody {
    /// What `navigator.credentials.get` gave, as its `toJSON` writes it.
    #[schema(value_type = Object)]
    pub credential: Value,
}

/// Whom a passkey vouches for.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Vouched {
    /// Who.
    pub person: String,
    /// A link that signs them in, once, within 10 minutes: what `signIn` takes.
    pub link: String,
    /// The same for a terminal of the machine where Cordon serves: `cordon sign-in` takes it.
    pub terminal: String,
}

/// A passkey of the person who asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PasskeyShown {
    /// By what one speaks of it.
    pub id: String,
    /// What its person calls it.
    pub name: String,
    /// When it was added.
    pub added: String,
    /// When it signed in last.
    pub used: Option<String>,
}

/// The passkeys of the person who asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PasskeysShown {
    /// Newest first; of those that were taken back none.
    pub passkeys: Vec<PasskeyShown>,
}

impl std::fmt::Debug for Vouched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vouched({})", self.person)
    }
}

/// Which passkeys have I?
#[utoipa::path(get, operation_id = "listPasskeys", path = "/api/v1/passkeys", responses((status = 200, body = PasskeysShown), (status = "default", body = ApiError)))]
pub(super) async fn list(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
) -> Result<Json<PasskeysShown>, ApiError> {
    plane.permit(&visitor, Deed::ViewPosture)?;
    let known = plane.store.passkeys(Some(visitor.person())).await?;
    let standing = known.iter().filter(|passkey| passkey.revoked.is_none());
    Ok(Json(PasskeysShown {
        passkeys: standing.map(PasskeyShown::of).collect(),
    }))
}

/// Begin to add a passkey: what to ask of the authenticator.
#[utoipa::path(post, operation_id = "askNewPasskey", path = "/api/v1/passkeys/ask", responses((status = 200, body = PasskeyQuestion), (status = "default", body = ApiError)))]
pub(super) async fn ask_new(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
) -> Result<Json<PasskeyQuestion>, ApiError> {
    let passkeys = served(&plane)?;
    let known = may_add(&plane, &visitor).await?;
    let asked = passkeys.begin_adding(visitor.person(), &known, plane.now());
    Ok(Json(question(asked.map_err(told)?)))
}

/// Add a passkey. Whoever adds one signed in within the last 15 minutes, and not by a provider of identities.
#[utoipa::path(post, operation_id = "addPasskey", path = "/api/v1/passkeys", request_body = AddPasskeyBody, responses((status = 200, body = PasskeyShown), (status = "default", body = ApiError)))]
pub(super) async fn add(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Body(body): Body<AddPasskeyBody>,
) -> Result<Json<PasskeyShown>, ApiError> {
    let passkeys = served(&plane)?;
    let name = prose(&body.name, LONGEST_NAME)?;
    may_add(&plane, &visitor).await?;
    let person = visitor.person();
    let added = passkeys.add(person, &body.credential, name, plane.now());
    let passkey = added.map_err(told)?;
    let (id, named) = (passkey.id(), passkey.name.clone());
    write_down(&plane, person.as_str(), "add-passkey", &id, &named).await?;
    match plane.store.put_passkey(passkey.clone()).await {
        Ok(()) => {}
        Err(StoreError::Exists { .. }) => {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "passkey-exists",
                "there is this passkey already",
                "use another authenticator, or take the other passkey back first",
            ));
        }
        Err(error) => return Err(error.into()),
    }
    tracing::info!(%person, passkey = id, "a passkey was added");
    Ok(Json(PasskeyShown::of(&passkey)))
}

/// Take a passkey of one's own back. The sign-ins that it made end with it.
#[utoipa::path(post, operation_id = "revokePasskey", path = "/api/v1/passkeys/{id}/revoke", params(("id" = String, Path)), responses((status = 200, body = PasskeyShown), (status = "default", body = ApiError)))]
pub(super) async fn revoke(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<String>,
) -> Result<Json<PasskeyShown>, ApiError> {
    plane.permit(&visitor, Deed::ViewPosture)?;
    let known = plane.store.passkeys(Some(visitor.person())).await?;
    let found = known.iter().find(|passkey| passkey.id() == id);
    let passkey = found.ok_or_else(|| ApiError::not_found("passkey"))?;
    let person = visitor.person();
    write_down(
        &plane,
        person.as_str(),
        "revoke-passkey",
        &id,
        &passkey.name,
    )
    .await?;
    plane.store.revoke_passkey(&id, plane.now()).await?;
    tracing::info!(%person, passkey = id, "a passkey was taken back");
    Ok(Json(PasskeyShown::of(passkey)))
}

/// Begin to sign in by a passkey: what to ask of the authenticator.
#[utoipa::path(post, operation_id = "askPasskey", path = "/api/v1/sign-in/passkey/ask", responses((status = 200, body = PasskeyQuestion), (status = "default", body = ApiError)))]
pub(super) async fn ask(
    State(plane): State<Arc<Plane>>,
) -> Result<Json<PasskeyQuestion>, ApiError> {
    let asked = served(&plane)?.begin_sign_in(plane.now());
    Ok(Json(question(asked.map_err(told)?)))
}

/// Prove by a passkey who one is: gives a link that signs in.
#[utoipa::path(post, operation_id = "signInByPasskey", path = "/api/v1/sign-in/passkey", request_body = PasskeyBody, responses((status = 200, body = Vouched), (status = "default", body = ApiError)))]
pub(super) async fn sign_in(
    State(plane): State<Arc<Plane>>,
    Body(body): Body<PasskeyBody>,
) -> Result<Json<Vouched>, ApiError> {
    let passkeys = served(&plane)?;
    let now = plane.now();
    let answer = Assertion::read(&body.credential).map_err(told)?;
    let asked = passkeys.asked(&answer, now).map_err(told)?;
    let found = plane.store.passkey(&answer.credential()).await?;
    let Some(passkey) = found else {
        return Err(not_taken(
            "passkey-unknown",
            "this passkey is not known here",
            "sign in with a link, then add it",
        ));
    };
    let verified = passkeys.verify(asked, &answer, &passkey, now);
    let usage = match verified.map_err(told).and_then(|usage| {
        is_good(&plane, &passkey)?;
        Ok(usage)
    }) {
        Ok(usage) => usage,
        Err(refusal) => return Err(refused(&plane, &passkey, refusal).await),
    };
    let made = secret::link(passkey.person.clone(), now);
    let (link, row) = made.map_err(|error| {
        tracing::error!(%error, "nobody can sign in");
        ApiError::busy()
    })?;
    let (person, id) = (passkey.person.as_str(), passkey.id());
    write_down(&plane, person, "passkey-vouched", &id, row.secret.id()).await?;
    match plane.store.use_passkey(usage, row).await {
        Ok(()) => {}
        // Another came with the same count meanwhile, or it was taken back.
        Err(StoreError::Unknown { .. }) => {
            return Err(refused(&plane, &passkey, told(PasskeyError::Copied)).await);
        }
        Err(error) => return Err(error.into()),
    }
    tracing::info!(person, passkey = id, "a passkey vouches for a person");
    Ok(Json(Vouched {
        person: person.to_owned(),
        terminal: secret::address(&plane.local_origin().to_string(), &link),
        link: link.expose().to_owned(),
    }))
}

/// The passkeys of `visitor`, who may add another.
async fn may_add(plane: &Plane, visitor: &Visitor) -> Result<Vec<Passkey>, ApiError> {
    plane.permit(visitor, Deed::AddPasskey)?;
    if visitor.pass().claim.is_some() {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "provider-signs-you-in",
            "the provider of identities signs you in; a passkey would go on where it says no",
            "add the passkey there",
        ));
    }
    let known = plane.store.passkeys(Some(visitor.person())).await?;
    let standing = known.iter().filter(|passkey| passkey.revoked.is_none());
    match standing.count() < MOST {
        true => Ok(known),
        false => Err(ApiError::new(
            StatusCode::CONFLICT,
            "too-many-passkeys",
            format!("a person may have {MOST} passkeys"),
            "take one back that is not used any more",
        )),
    }
}

/// Whether the passkey still counts, and its person does.
fn is_good(plane: &Plane, passkey: &Passkey) -> Result<(), ApiError> {
    if passkey.revoked.is_some() {
        return Err(not_taken(
            "passkey-revoked",
            "this passkey was taken back",
            "sign in with a link: `cordon people link NAME` makes one",
        ));
    }
    let people = plane.people();
    let known = people.find(passkey.person.as_str());
    match known.is_some_and(|(person, _)| *person == passkey.person) {
        true => Ok(()),
        false => Err(not_taken(
            "unknown-person",
            "the person of this passkey is not one of those who are known here",
            "ask who keeps people.toml to put you there",
        )),
    }
}

/// Writes down that a passkey that is known was not taken, as often as there is room: whoever has
/// learnt what its authenticator calls it must not fill the disk by that.
async fn refused(plane: &Plane, passkey: &Passkey, refusal: ApiError) -> ApiError {
    let id = passkey.id();
    tracing::warn!(person = %passkey.person, passkey = id, code = %refusal.code, "a passkey was not taken");
    if let Ok(room) = plane.alarms.try_acquire() {
        room.forget();
        let person = passkey.person.as_str();
        // It is refused whether or not it can be written down.
        let _ = write_down(plane, person, "passkey-refused", &id, &refusal.code).await;
    }
    refusal
}

fn served(plane: &Plane) -> Result<&Passkeys, ApiError> {
    plane.passkeys.as_ref().ok_or_else(|| {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "no-passkeys",
            "there are no passkeys here: browsers want a name over TLS for them, or this machine's localhost to ourselves",
            "sign in with a link; docs/approvals.md says how to have passkeys",
        )
    })
}

/// What the library writes may have more beside what the page asks by.
fn question(mut asked: Value) -> PasskeyQuestion {
    let inner = asked.get_mut("publicKey").map(Value::take);
    PasskeyQuestion {
        public_key: inner.unwrap_or(asked),
    }
}

fn not_taken(code: &'static str, message: &'static str, next: &'static str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, code, message, next)
}

fn told(error: PasskeyError) -> ApiError {
    let (status, code, next) = match &error {
        PasskeyError::Unreadable(_) => (
            StatusCode::BAD_REQUEST,
            "malformed",
            "send what `navigator.credentials` gave, as its `toJSON` writes it",
        ),
        PasskeyError::Spent => (StatusCode::FORBIDDEN, "challenge-spent", "begin again"),
        PasskeyError::Late => (StatusCode::FORBIDDEN, "challenge-expired", "begin again"),
        PasskeyError::WrongOrigin => (
            StatusCode::FORBIDDEN,
            "other-origin",
            "open the page of this Cordon itself; if you did, somebody sits between",
        ),
        PasskeyError::NotVerified => (
            StatusCode::FORBIDDEN,
            "not-verified",
            "set a PIN, a finger or a face up in the authenticator",
        ),
        PasskeyError::OtherPerson => (
            StatusCode::FORBIDDEN,
            "other-person",
            "begin again as the person who is signed in",
        ),
        PasskeyError::Copied => (
            StatusCode::FORBIDDEN,
            "passkey-copied",
            "sign in with a link, take this passkey back, and add another",
        ),
        PasskeyError::Disbelieved(_) => {
            (StatusCode::FORBIDDEN, "passkey-not-believed", "begin again")
        }
        PasskeyError::Kept => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "passkey-unreadable",
            "sign in with a link, take this passkey back, and add it again",
        ),
    };
    // Some of it repeats what was sent.
    ApiError::new(status, code, inert(&error.to_string(), LONGEST), next)
}

impl PasskeyShown {
    fn of(passkey: &Passkey) -> Self {
        Self {
            id: passkey.id(),
            name: passkey.name.to_string(),
            added: moment(passkey.added),
            used: passkey.used.map(moment),
        }
    }
}
