//! Who is signed in: signing in by a link, out, and who one is.

use super::deeds::write_down;
use super::input::Body;
use super::moment;
use crate::failure::ApiError;
use crate::plane::Plane;
use crate::secret::{self, HALF, LINK, PASS, SIGNED_IN, Secret};
use crate::visitor::{Visitor, cookie};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use cordon_core::names::ApproverGroup;
use cordon_store::{NewPass, PassKind, SecretHash, StoreError};
use http::{StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Who is signed in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// As `people.toml` names them.
    pub person: String,
    /// The groups whose holds they decide on.
    pub groups: Vec<String>,
    /// What else they may do.
    pub roles: Vec<String>,
    /// `browser`, `terminal`, `read` or `check`.
    pub pass: String,
    /// The checks that it reports, where it is for that.
    pub checks: Vec<String>,
    /// When they proved who they are. What weighs needs that to be recent.
    pub signed_in: String,
    /// Until when they stay signed in.
    pub expires: String,
}

/// A sign-in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInBody {
    /// The secret of the link: what stands after `#` in its address.
    pub link: String,
    /// Who asks.
    #[serde(rename = "as")]
    pub kind: SignInAs,
}

/// Who signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignInAs {
    /// A page: it gets one half of its pass in a cookie and one in the answer.
    Browser,
    /// A program: it gets a token.
    Terminal,
}

/// What a sign-in gives.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    /// Who is signed in now.
    pub person: String,
    /// Until when.
    pub expires: String,
    /// For a terminal: what to send as `authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// For a browser: what its page sends as `x-cordon-half` with every request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half: Option<String>,
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedIn({})", self.person)
    }
}

/// A sign-out.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SignedOut {
    /// Who is not signed in any more.
    pub person: String,
}

/// Who am I?
#[utoipa::path(get, operation_id = "showMe", path = "/api/v1/me", responses((status = 200, body = Me), (status = "default", body = ApiError)))]
pub(super) async fn me(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
) -> Result<Json<Me>, ApiError> {
    plane.permit(&visitor, cordon_core::control::Deed::ViewPosture)?;
    let people = plane.people_with(&visitor);
    let known = people.find(visitor.person().as_str());
    let (_, membership) = known.ok_or_else(ApiError::not_signed_in)?;
    let groups = membership.groups.iter().map(ApproverGroup::to_string);
    let roles = membership.roles.iter().map(|role| role.as_str().to_owned());
    Ok(Json(Me {
        person: visitor.person().to_string(),
        groups: groups.collect(),
        roles: roles.collect(),
        pass: visitor.pass().kind.as_str().to_owned(),
        checks: visitor
            .pass()
            .checks
            .iter()
            .map(ToString::to_string)
            .collect(),
        signed_in: moment(visitor.pass().signed_in),
        expires: moment(visitor.pass().expires),
    }))
}

/// Sign in with a link, which is used up by it.
#[utoipa::path(post, operation_id = "signIn", path = "/api/v1/sign-in", request_body = SignInBody, responses((status = 200, body = SignedIn), (status = "default", body = ApiError)))]
pub(super) async fn sign_in(
    State(plane): State<Arc<Plane>>,
    Body(body): Body<SignInBody>,
) -> Result<Response, ApiError> {
    let spent = || {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "link-spent",
            "this link signs nobody in: it was used, its time is over, or there never was one",
            "have a new one made: `cordon people link NAME`",
        )
    };
    if !secret::is_one(LINK, &body.link) {
        return Err(spent());
    }
    let first = random(PASS)?;
    let second = match body.kind {
        SignInAs::Browser => Some(random(HALF)?),
        SignInAs::Terminal => None,
    };
    let now = plane.now();
    let pass = NewPass {
        secret: match &second {
            Some(half) => secret::of_halves(first.expose(), half.expose()),
            None => first.hash(),
        },
        kind: match body.kind {
            SignInAs::Browser => PassKind::Browser,
            SignInAs::Terminal => PassKind::Terminal,
        },
        signed_in: now,
        expires: now.saturating_add(SIGNED_IN).unwrap_or(Timestamp::MAX),
    };
    let link = SecretHash::of(&body.link);
    let pass = match plane.store.sign_in(&link, pass).await {
        Ok(pass) => pass,
        Err(StoreError::Unknown { .. }) => {
            tracing::warn!("a link was tried that signs nobody in");
            return Err(spent());
        }
        Err(error) => return Err(error.into()),
    };
    let kind = pass.kind.as_str();
    write_down(
        &plane,
        pass.person.as_str(),
        "sign-in",
        pass.secret.id(),
        kind,
    )
    .await?;
    tracing::info!(person = %pass.person, kind, "signed in");
    let signed_in = SignedIn {
        person: pass.person.to_string(),
        expires: moment(pass.expires),
        token: second.is_none().then(|| first.expose().to_owned()),
        half: second.map(|half| half.expose().to_owned()),
    };
    if signed_in.half.is_none() {
        return Ok(Json(signed_in).into_response());
    }
    let cookie = cookie(plane.is_secure(), Some(first.expose()), SIGNED_IN.as_secs());
    Ok(([(header::SET_COOKIE, cookie)], Json(signed_in)).into_response())
}

/// Sign out: what was carried is good for nothing any more.
#[utoipa::path(post, operation_id = "signOut", path = "/api/v1/sign-out", responses((status = 200, body = SignedOut), (status = "default", body = ApiError)))]
pub(super) async fn sign_out(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
) -> Result<Response, ApiError> {
    let id = visitor.pass().secret.id();
    write_down(&plane, visitor.person().as_str(), "sign-out", id, "").await?;
    plane.store.revoke_pass(id, plane.now()).await?;
    tracing::info!(person = %visitor.person(), "signed out");
    let signed_out = SignedOut {
        person: visitor.person().to_string(),
    };
    let cookie = cookie(plane.is_secure(), None, 0);
    Ok(([(header::SET_COOKIE, cookie)], Json(signed_out)).into_response())
}

fn random(kind: &str) -> Result<Secret, ApiError> {
    Secret::new(kind).map_err(|error| {
        tracing::error!(%error, "nobody can sign in");
        ApiError::busy()
    })
}
