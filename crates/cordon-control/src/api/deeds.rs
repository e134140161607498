//! Deeds: what people did here, and what was tried, for whoever looks into it later. A deed is written
//! down before it is done; where it cannot be, it is not done.

#![expect(unused_qualifications, reason = "utoipa writes them")]

use super::input::Asked;
use super::moment;
use crate::failure::ApiError;
use crate::plane::Plane;
use crate::visitor::Visitor;
use axum::Json;
use axum::extract::State;
use cordon_core::control::Deed as Question;
use cordon_core::inert::inert;
use cordon_store::{Deed, StoredDeed};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// How long a text is shown.
const LONGEST: usize = 1_000;

/// Something that someone did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeedShown {
    /// Its place in the order.
    pub number: u64,
    /// When.
    pub at: String,
    /// Who; empty where nobody was signed in.
    pub person: String,
    /// What: `approve`, `reject`, `break-glass`, `raise-posture`, `stop-task`, `sign-in`, `agents-keys`, ...
    pub what: String,
    /// On what.
    pub thing: String,
    /// What was said with it.
    pub detail: String,
}

/// Some deeds, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeedPage {
    /// The deeds.
    pub deeds: Vec<DeedShown>,
    /// What to pass as `cursor` for the next page; nothing where this is the last.
    pub next: Option<String>,
}

/// Which deeds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeedQuery {
    /// `next` of the page before.
    cursor: Option<u64>,
    /// At most this many, 1 to 200; 50 where it is not said.
    limit: Option<u32>,
}

/// What people did here, newest first, for those who may look at everything.
#[utoipa::path(get, operation_id = "listDeeds", path = "/api/v1/deeds", params(DeedQuery), responses((status = 200, body = DeedPage), (status = "default", body = ApiError)))]
pub(super) async fn list(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Asked(query): Asked<DeedQuery>,
) -> Result<Json<DeedPage>, ApiError> {
    plane.permit(&visitor, Question::ViewStrays)?;
    let limit = query.limit.unwrap_or(50).clamp(1, 200);
    let found = plane.store.deeds(query.cursor, limit).await?;
    let full = found.len() as u64 == u64::from(limit);
    let next = found
        .last()
        .filter(|_| full)
        .map(|last| last.number.to_string());
    Ok(Json(DeedPage {
        deeds: found.iter().map(DeedShown::of).collect(),
        next,
    }))
}

/// Writes down what someone is about to do.
pub(crate) async fn write_down(
    plane: &Plane,
    person: &str,
    what: &str,
    thing: &str,
    detail: &str,
) -> Result<(), ApiError> {
    let deed = Deed {
        at: plane.now(),
        person: person.into(),
        what: what.into(),
        thing: thing.into(),
        detail: inert(detail, LONGEST).into(),
    };
    Ok(plane.store.put_deed(deed).await?)
}

impl DeedShown {
    fn of(stored: &StoredDeed) -> Self {
        let deed = &stored.deed;
        Self {
            number: stored.number,
            at: moment(deed.at),
            person: inert(&deed.person, LONGEST),
            what: inert(&deed.what, LONGEST),
            thing: inert(&deed.thing, LONGEST),
            detail: inert(&deed.detail, LONGEST),
        }
    }
}
