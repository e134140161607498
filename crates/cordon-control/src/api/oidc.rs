//! Signing in by the provider of identities: where a browser begins, and where it comes back. What comes
//! of it is a link like those that `cordon people link` makes, for the console or for a terminal.

use super::deeds::write_down;
use super::input::Asked;
use crate::failure::ApiError;
use crate::oidc::{Flow, Identity, OidcError, Provider, is_word};
use crate::plane::Plane;
use crate::secret;
use crate::visitor;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use cordon_core::people::Claim;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use std::sync::Arc;

/// Where a browser comes back.
pub(crate) const CALLBACK: &str = "/api/v1/oidc/callback";
/// Where it begins.
pub const BEGIN: &str = "/api/v1/oidc/begin";

/// What a browser comes back with.
#[derive(Deserialize)]
pub(super) struct Back {
    state: String,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// Begin a sign-in: sends the browser to the provider of identities.
#[utoipa::path(get, operation_id = "beginOidc", path = "/api/v1/oidc/begin", responses((status = 302), (status = "default", body = ApiError)))]
pub(super) async fn begin(State(plane): State<Arc<Plane>>) -> Result<Response, ApiError> {
    let (provider, flows) = parts(&plane)?;
    let now = plane.now();
    let flow = flows.begin(now).map_err(|error| {
        tracing::error!(%error, "nobody can sign in");
        ApiError::busy()
    })?;
    let callback = callback_address(&plane);
    let address = provider.address(&flow, &callback, now);
    let address = address.await.map_err(told)?;
    let cookie = visitor::flow_cookie(plane.is_secure(), Some(&flow.cookie));
    let head = [(header::LOCATION, address), (header::SET_COOKIE, cookie)];
    Ok((StatusCode::FOUND, head).into_response())
}

/// Come back from the provider of identities: shows a link that signs in whom it vouches for.
#[utoipa::path(get, operation_id = "endOidc", path = "/api/v1/oidc/callback", responses((status = 200), (status = "default", body = ApiError)))]
pub(super) async fn callback(
    State(plane): State<Arc<Plane>>,
    headers: HeaderMap,
    Asked(back): Asked<Back>,
) -> Result<Response, ApiError> {
    let (provider, flows) = parts(&plane)?;
    let now = plane.now();
    let cookie = visitor::flow(&headers).unwrap_or_default();
    let flow = flows.resume(cookie, &back.state, now).map_err(told)?;
    let identity = identify(&plane, provider, &flow, &back).await;
    let identity = identity.map_err(told)?;
    flows.end(flow, now).map_err(told)?;
    signed_in(&plane, identity).await
}

async fn identify(
    plane: &Plane,
    provider: &Provider,
    flow: &Flow,
    back: &Back,
) -> Result<Identity, OidcError> {
    let Some(code) = &back.code else {
        let word = back.error.as_deref().filter(|word| is_word(word));
        return Err(OidcError::Refused(word.unwrap_or("no code").to_owned()));
    };
    let callback = callback_address(plane);
    let issuer = back.iss.as_deref();
    let now = plane.now();
    provider.identity(flow, code, issuer, &callback, now).await
}

/// A page with the link of whom the provider vouches for.
async fn signed_in(plane: &Plane, identity: Identity) -> Result<Response, ApiError> {
    let people = plane.people();
    let found = people.find(identity.address.as_str());
    let known = found.map(|(person, _)| person.clone());
    let listed = known.is_some();
    let person = known.unwrap_or(identity.address);
    let made = secret::link(person.clone(), plane.now());
    let (secret, mut link) = made.map_err(|error| {
        tracing::error!(%error, "nobody can sign in");
        ApiError::busy()
    })?;
    link.made = identity.since;
    // Also where nothing is claimed: it takes the place of what was, and says since when they are known.
    let claim = identity.claim.unwrap_or_default();
    let nothing = claim == Claim::default();
    link.claim = Some(claim);
    let vouched = link.secret.id();
    write_down(plane, person.as_str(), "provider-vouched", vouched, "").await?;
    plane.store.put_sign_in_link(link).await?;
    if nothing && !listed {
        return Err(told(OidcError::NotOurs(
            "neither people.toml nor the provider's groups give this person anything to do here",
        )));
    }
    tracing::info!(%person, "the provider of identities vouches for a person");
    // Names and addresses have no character that HTML gives a meaning to.
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Cordon</title>\
         <h1>You are {person}</h1>\
         <p>Each of these works once, within 10 minutes, for the first that uses it.</p>\
         <p><a href=\"{}\">Open the console</a></p>\
         <p>In a terminal of this machine:</p><pre>cordon sign-in '{}'</pre></html>",
        secret::address("", &secret),
        secret::address(&plane.local_origin().to_string(), &secret),
    );
    let cookie = visitor::flow_cookie(plane.is_secure(), None);
    Ok(([(header::SET_COOKIE, cookie)], Html(page)).into_response())
}

fn parts(plane: &Plane) -> Result<(&Provider, &crate::oidc::Flows), ApiError> {
    let oidc = plane.oidc.as_ref();
    oidc.map(|(provider, flows)| (provider, flows))
        .ok_or_else(|| ApiError::not_found("path"))
}

fn callback_address(plane: &Plane) -> String {
    format!("{}{CALLBACK}", plane.origin())
}

fn told(error: OidcError) -> ApiError {
    tracing::warn!(%error, "nobody is signed in by the provider of identities");
    let (status, code, next) = match &error {
        OidcError::Unreachable(_) => (
            StatusCode::BAD_GATEWAY,
            "provider-unreachable",
            "try again a little later; `cordon people link NAME` makes a link without it",
        ),
        OidcError::Refused(_) => (
            StatusCode::FORBIDDEN,
            "provider-refused",
            "begin again at /api/v1/oidc/begin",
        ),
        OidcError::Disbelieved(_) => (
            StatusCode::FORBIDDEN,
            "not-believed",
            "begin again at /api/v1/oidc/begin, in the browser that ends there",
        ),
        OidcError::NotOurs(_) => (
            StatusCode::FORBIDDEN,
            "not-ours",
            "ask who keeps cordon.toml and people.toml",
        ),
    };
    ApiError::new(status, code, error.to_string(), next)
}
