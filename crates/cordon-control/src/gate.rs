//! The gate: every request passes it before anything else looks at it, and every answer on its way
//! out.
//!
//! 1. It is sent to one of our names, in the ordinary form: a page of a stranger whose name points
//!    here (DNS rebinding), or a client that takes us for a proxy, is turned away.
//! 2. Nothing in it is an agent's: no AWS signature, no placeholder key. What an agent holds opens
//!    nothing here, and that it tried is said loudly.
//! 3. A browser sends it from our own page: `origin` and `sec-fetch-site` say so where they are there.
//!    Only when it comes back from the provider of identities, or follows a link to the page for
//!    signing in, it comes from elsewhere; that the former began here, its cookie says.
//! 4. Someone is signed in, unless it is the sign-in itself, its page, or the description of the API.
//! 5. A machine's token is used for what it was given for.

use crate::api::{ANSWER, ASK, BEGIN, CALLBACK, write_down};
use crate::failure::ApiError;
use crate::page;
use crate::plane::Plane;
use crate::visitor::Visitor;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cordon_core::inert::inert;
use cordon_core::session::is_placeholder;
use cordon_store::PassKind;
use http::header::{self, HOST, HeaderName, HeaderValue, ORIGIN};
use http::{HeaderMap, Method, StatusCode};
use std::sync::Arc;

/// What is answered without a sign-in.
const OPEN: [(&Method, &str); 7] = [
    (&Method::POST, "/api/v1/sign-in"),
    (&Method::GET, "/api/v1/openapi.json"),
    (&Method::GET, BEGIN),
    (&Method::GET, CALLBACK),
    (&Method::GET, page::SIGN_IN),
    (&Method::POST, ASK),
    (&Method::POST, ANSWER),
];

/// What a page of others may lead to: nothing is done there by looking.
const REACHED_FROM_ELSEWHERE: [(&Method, &str); 2] =
    [(&Method::GET, CALLBACK), (&Method::GET, page::SIGN_IN)];

/// What every answer says to browsers: no frames, no scripts of others, nothing kept, nothing told to
/// other pages.
const HARDENING: [(HeaderName, HeaderValue); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    ),
];

/// Lets `request` through, or answers it.
pub(crate) async fn guard(
    State(plane): State<Arc<Plane>>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut answer = match admit(&plane, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    for (name, value) in HARDENING {
        // Only our own page says more of itself than this.
        answer.headers_mut().entry(name).or_insert(value);
    }
    answer
}

async fn admit(plane: &Plane, request: &mut Request) -> Result<(), ApiError> {
    addressed_to_us(plane, request)?;
    if let Err(error) = not_an_agents(request) {
        let path = inert(request.uri().path(), 200);
        let method = request.method().clone();
        tried(plane, &path, &method).await;
        return Err(error);
    }
    let path = request.uri().path();
    if !REACHED_FROM_ELSEWHERE.contains(&(request.method(), path)) {
        from_our_page(plane, request.headers())?;
    }
    if OPEN.contains(&(request.method(), path)) {
        return Ok(());
    }
    let visitor = Visitor::of(plane, request.headers()).await?;
    within_scope(&visitor, request)?;
    request.extensions_mut().insert(visitor);
    Ok(())
}

fn addressed_to_us(plane: &Plane, request: &Request) -> Result<(), ApiError> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().unwrap_or_default(),
        _ => "",
    };
    let ours = plane
        .origins
        .iter()
        .any(|origin| origin.authority().eq_ignore_ascii_case(host));
    match ours && request.uri().authority().is_none() {
        true => Ok(()),
        false => Err(ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "wrong-host",
            "the request is not addressed to the control plane of this Cordon",
            "use the address that `cordon up` prints",
        )),
    }
}

/// Writes down that an agent's keys were tried, as often as there is room: an agent must not fill the
/// disk by it.
async fn tried(plane: &Plane, path: &str, method: &Method) {
    let Ok(room) = plane.alarms.try_acquire() else {
        return;
    };
    room.forget();
    // It is refused whether or not it can be written down.
    let _ = write_down(plane, "", "agents-keys", path, method.as_str()).await;
}

fn not_an_agents(request: &Request) -> Result<(), ApiError> {
    let of_aws = |name: &str| name.starts_with("x-amz-") || name.starts_with("amz-sdk-");
    let signed = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default().trim_start();
        text.starts_with("AWS") || is_placeholder(text) || text.contains("Credential=")
    };
    let headers = request.headers();
    let query = request.uri().query().unwrap_or_default();
    let marked = headers.keys().any(|name| of_aws(name.as_str()))
        || headers.get_all(header::AUTHORIZATION).iter().any(signed)
        || query.to_ascii_lowercase().contains("x-amz-");
    if !marked {
        return Ok(());
    }
    tracing::warn!(
        method = %request.method(),
        path = request.uri().path(),
        "an agent's credentials were sent to the control plane"
    );
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "agents-keys",
        "the keys of agents open nothing here; that they were tried is written down",
        "if you are an agent: stop and report to your sponsor",
    ))
}

fn from_our_page(plane: &Plane, headers: &HeaderMap) -> Result<(), ApiError> {
    let ours = |origin: &HeaderValue| {
        let text = origin.to_str().unwrap_or_default();
        plane
            .origins
            .iter()
            .any(|origin| origin.to_string() == text)
    };
    let here = |site: &HeaderValue| site == "same-origin" || site == "none";
    let sites = headers.get_all("sec-fetch-site");
    match headers.get_all(ORIGIN).iter().all(ours) && sites.iter().all(here) {
        true => Ok(()),
        false => Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "wrong-origin",
            "the request was sent by a page that is not the console of this Cordon",
            "use the console itself",
        )),
    }
}

/// Machines look, or report what they checked; only people who signed in change anything.
fn within_scope(visitor: &Visitor, request: &Request) -> Result<(), ApiError> {
    let looks = request.method() == Method::GET || request.method() == Method::HEAD;
    let path = request.uri().path();
    let allowed = match visitor.pass().kind {
        PassKind::Browser | PassKind::Terminal => true,
        PassKind::Read => looks,
        PassKind::Check => of_checks(request.method(), path),
    };
    match allowed {
        true => Ok(()),
        false => Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "token-scope",
            "this token was not made for that",
            "sign in as a person: `cordon sign-in LINK`",
        )),
    }
}

/// Whether this is what a token for checks is for: looking at holds, and reporting a check of one.
fn of_checks(method: &Method, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(3).collect();
    let looks = matches!(*method, Method::GET | Method::HEAD);
    match parts.as_slice() {
        ["me"] | ["holds"] | ["holds", _] | ["holds", _, "wait"] => looks,
        ["holds", _, "checks", _] => *method == Method::POST,
        _ => false,
    }
}
