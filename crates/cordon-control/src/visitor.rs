//! Who a request is from: the pass that it carries, looked up in the store.
//!
//! ```text
//! authorization: Bearer cordon_pass_...                      terminal, machine
//! cookie: cordon_session=... + x-cordon-half: cordon_half_...   browser, both or nothing
//! ```

use crate::failure::ApiError;
use crate::oidc::LIFETIME;
use crate::plane::Plane;
use crate::secret::{self, HALF, PASS};
use axum::extract::FromRequestParts;
use cordon_core::control::Asker;
use cordon_core::names::Person;
use cordon_store::{Pass, PassKind, SecretHash};
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};

/// The header of the half that a browser's page holds.
pub(crate) const HALF_HEADER: HeaderName = HeaderName::from_static("x-cordon-half");

/// The cookie of the other half. Over TLS its name keeps it to this host and to TLS.
const COOKIE_NAME: &str = "cordon_session";
const SECURE_COOKIE_NAME: &str = "__Host-cordon_session";

/// The cookie of a sign-in by a provider, until the browser comes back.
const FLOW_NAME: &str = "cordon_flow";
const SECURE_FLOW_NAME: &str = "__Host-cordon_flow";

/// A person who signed in, or a machine that speaks for one.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    asker: Asker,
    pass: Pass,
}

impl Visitor {
    /// Who it is, and since when that is known.
    pub(crate) fn asker(&self) -> &Asker {
        &self.asker
    }

    pub(crate) fn person(&self) -> &Person {
        &self.asker.person
    }

    pub(crate) fn pass(&self) -> &Pass {
        &self.pass
    }

    /// The same, if its pass is still good: it may have been taken back while something was waited for.
    pub(crate) async fn again(&self, plane: &Plane) -> Result<Self, ApiError> {
        let found = plane.store.pass(&self.pass.secret).await?;
        match found.is_some_and(|pass| pass.is_good(plane.now())) {
            true => Ok(self.clone()),
            false => Err(ApiError::not_signed_in()),
        }
    }

    /// Finds whose pass a request carries.
    pub(crate) async fn of(plane: &Plane, headers: &HeaderMap) -> Result<Self, ApiError> {
        let (hash, browser) = carried(headers)?;
        let found = plane.store.pass(&hash).await?;
        let pass = found
            .filter(|pass| pass.is_good(plane.now()))
            // What is made for a cookie is taken from a cookie alone.
            .filter(|pass| (pass.kind == PassKind::Browser) == browser)
            .ok_or_else(ApiError::not_signed_in)?;
        Ok(Self {
            asker: Asker {
                person: pass.person.clone(),
                signed_in: pass.signed_in,
            },
            pass,
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let found = parts.extensions.get::<Self>();
        found.cloned().ok_or_else(ApiError::not_signed_in)
    }
}

/// The hash of what is carried, and whether it came from a browser.
fn carried(headers: &HeaderMap) -> Result<(SecretHash, bool), ApiError> {
    let cookies = cookies(headers)?;
    let bearer = bearer(headers)?;
    match (bearer, cookies.as_slice()) {
        (Some(token), []) => Ok((SecretHash::of(token), false)),
        (None, [cookie]) => Ok((secret::of_halves(cookie, half(headers)?), true)),
        (None, []) => Err(ApiError::not_signed_in()),
        _ => Err(ApiError::malformed(
            "the request carries more than one proof of who sends it",
        )),
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return match headers.contains_key(AUTHORIZATION) {
            true => Err(ApiError::malformed(
                "`authorization` is there more than once",
            )),
            false => Ok(None),
        };
    };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    });
    let token = token.filter(|token| secret::is_one(PASS, token));
    token.map(Some).ok_or_else(ApiError::not_signed_in)
}

fn half(headers: &HeaderMap) -> Result<&str, ApiError> {
    let mut all = headers.get_all(HALF_HEADER).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "half-missing",
            "a cookie alone opens nothing: the page that signed in sends `x-cordon-half` with it",
            "sign in again in this page",
        ));
    };
    let half = value.to_str().ok();
    half.filter(|half| secret::is_one(HALF, half))
        .ok_or_else(ApiError::not_signed_in)
}

fn cookies(headers: &HeaderMap) -> Result<Vec<&str>, ApiError> {
    let mut found = Vec::new();
    for value in headers.get_all(COOKIE) {
        let Ok(text) = value.to_str() else { continue };
        let pairs = text
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='));
        let ours = pairs.filter(|(name, _)| [COOKIE_NAME, SECURE_COOKIE_NAME].contains(name));
        found.extend(ours.map(|(_, value)| value));
    }
    match found.iter().all(|cookie| secret::is_one(PASS, cookie)) {
        true => Ok(found),
        false => Err(ApiError::not_signed_in()),
    }
}

/// The cookie of a sign-in by a provider, where there is one.
pub(crate) fn flow(headers: &HeaderMap) -> Option<&str> {
    let mut found = headers
        .get_all(COOKIE)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| [FLOW_NAME, SECURE_FLOW_NAME].contains(name));
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

/// The cookie of a sign-in by a provider; without one it is taken away. `Lax`, because the browser
/// comes back from a page of the provider's.
pub(crate) fn flow_cookie(secure: bool, flow: Option<&str>) -> String {
    let (name, only_tls) = match secure {
        true => (SECURE_FLOW_NAME, "; Secure"),
        false => (FLOW_NAME, ""),
    };
    let (value, age) = flow.map_or(("", 0), |flow| (flow, LIFETIME.as_secs()));
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{only_tls}")
}

/// The cookie that holds one half of a browser's pass; without one it is taken away.
pub(crate) fn cookie(secure: bool, half: Option<&str>, seconds: i64) -> String {
    let (name, only_tls) = match secure {
        true => (SECURE_COOKIE_NAME, "; Secure"),
        false => (COOKIE_NAME, ""),
    };
    let (value, age) = half.map_or(("", 0), |half| (half, seconds));
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{only_tls}")
}
