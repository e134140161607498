//! The API, `/api/v1`: one file for each thing that can be looked at or changed. What it takes and gives
//! is described by the code itself and told at `/api/v1/openapi.json`.

mod amendments;
mod batches;
mod calls;
mod changes;
mod checks;
mod deeds;
mod events;
mod holds;
mod incidents;
mod input;
mod oidc;
mod passkeys;
mod people;
mod posture;
mod tasks;

pub use crate::page::SIGN_IN as SIGN_IN_PAGE;
pub(crate) use deeds::write_down;
pub(crate) use holds::Sight;
pub use oidc::BEGIN;
pub(crate) use oidc::CALLBACK;
pub(crate) use passkeys::{ANSWER, ASK};

pub use amendments::{
    AcceptBody, AmendBody, AmendmentPage, AmendmentShown, AmendmentSummary, DeclineBody,
};
pub use batches::{
    BatchCall, BatchPage, BatchProposed, BatchShown, BatchSummary, DifferenceShown, LeftOut,
    ProposeBody, RejectBatchBody,
};
pub use calls::{AccessShown, CallPage, CallShown, PolicyShown, ResultShown};
pub use changes::{ChangeShown, ChangesShown};
pub use checks::{CheckBody, CheckShown};
pub use deeds::{DeedPage, DeedShown};
pub use holds::{
    ApproveBody, BreakGlassBody, FactShown, HoldPage, HoldShown, HoldSummary, RejectBody,
    ToldShown, VoteShown, Yours,
};
pub use incidents::{
    IncidentBody, IncidentPage, IncidentRecorded, IncidentShown, LimitShown, Reliability,
};
pub use passkeys::{
    AddPasskeyBody, PasskeyBody, PasskeyQuestion, PasskeyShown, PasskeysShown, Vouched,
};
pub use people::{Me, SignInAs, SignInBody, SignedIn, SignedOut};
pub use posture::{LiftBody, PostureBody, PosturePage, PostureShown};
pub use tasks::{StopBody, TaskPage, TaskShown, TasksStopped};

use crate::failure::ApiError;
use crate::page;
use crate::plane::Plane;
use axum::Router;
use axum::routing::get;
use cordon_core::session::readable;
use http::{StatusCode, header};
use jiff::Timestamp;
use std::str::FromStr;
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Cordon, control plane",
        description = "What waits for people, what was called, which tasks there are, how careful everyone is."
    ),
    components(schemas(ApiError))
)]
struct Description;

/// Every route, without the gate.
pub(crate) fn router(plane: Arc<Plane>) -> Router {
    let (router, description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(people::me))
        .routes(routes!(people::sign_in))
        .routes(routes!(people::sign_out))
        .routes(routes!(passkeys::ask))
        .routes(routes!(passkeys::sign_in))
        .routes(routes!(passkeys::ask_new))
        .routes(routes!(passkeys::list, passkeys::add))
        .routes(routes!(passkeys::revoke))
        .routes(routes!(oidc::begin))
        .routes(routes!(oidc::callback))
        .routes(routes!(holds::list))
        .routes(routes!(holds::show))
        .routes(routes!(holds::approve))
        .routes(routes!(holds::reject))
        .routes(routes!(holds::break_glass))
        .routes(routes!(holds::wait))
        .routes(routes!(batches::list, batches::propose))
        .routes(routes!(batches::show))
        .routes(routes!(batches::approve))
        .routes(routes!(batches::reject))
        .routes(routes!(batches::break_glass))
        .routes(routes!(checks::report))
        .routes(routes!(posture::show, posture::change))
        .routes(routes!(posture::list))
        .routes(routes!(posture::lift))
        .routes(routes!(calls::list))
        .routes(routes!(calls::show))
        .routes(routes!(tasks::list))
        .routes(routes!(tasks::stop))
        .routes(routes!(tasks::stop_everything))
        .routes(routes!(amendments::file))
        .routes(routes!(amendments::list))
        .routes(routes!(amendments::show))
        .routes(routes!(amendments::accept))
        .routes(routes!(amendments::decline))
        .routes(routes!(deeds::list))
        .routes(routes!(incidents::list, incidents::record))
        .routes(routes!(events::follow))
        .split_for_parts();
    let description: Arc<str> = description.to_json().unwrap_or_default().into();
    let described = move || async move {
        let kind = [(header::CONTENT_TYPE, "application/json")];
        (kind, description.to_string())
    };
    router
        .route("/api/v1/openapi.json", get(described))
        .route(page::SIGN_IN, get(page::sign_in))
        .fallback(unknown)
        .method_not_allowed_fallback(other_method)
        .with_state(plane)
}

/// An id that nothing has, with this before it.
fn fresh<T: FromStr>(prefix: &str) -> Result<T, ApiError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| ApiError::busy())?;
    let id = format!("{prefix}{}", readable(&random).collect::<String>());
    id.parse().map_err(|_| ApiError::busy())
}

/// A time as it is told: to the second.
fn moment(at: Timestamp) -> String {
    format!("{at:.0}")
}

async fn unknown() -> ApiError {
    ApiError::not_found("path")
}

async fn other_method() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "other-method",
        "this is not done by this method",
        "see /api/v1/openapi.json",
    )
}
