//! Incidents that agents caused: who recorded which, and the reliability limit. Whoever reaches it has the
//! posture raised in the same write; it is an incident commander's to lift, and the next incident raises it
//! again as long as there are too many.

#![expect(unused_qualifications, reason = "utoipa writes them")]

use super::deeds::write_down;
use super::input::{Asked, Body, prose};
use super::moment;
use super::posture::PostureShown;
use crate::failure::ApiError;
use crate::plane::Plane;
use crate::visitor::Visitor;
use axum::Json;
use axum::extract::State;
use cordon_core::control::Deed;
use cordon_core::decide::Posture;
use cordon_core::inert::inert;
use cordon_core::names::TaskId;
use cordon_core::posture::{Declared, Scope, When};
use cordon_store::{Incident, Severity, StoredIncident};
use http::Uri;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// How long a note or a link may be.
const LONGEST: usize = 500;

/// What the posture is named by that the limit raises.
const RAISED: &str = "reliability";

/// How many incidents there may be, and what happens when there are as many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reliability {
    /// As many raise the posture.
    pub incidents: u64,
    /// Of so many days.
    pub days: u16,
    /// To what.
    pub posture: Posture,
}

/// An incident to be recorded.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentBody {
    /// The task whose agents caused it.
    pub task: String,
    /// `low`, `medium`, `high`, `critical`.
    pub severity: String,
    /// What happened.
    pub note: String,
    /// Where more is told of it.
    #[serde(default)]
    pub link: Option<String>,
    /// When it happened; now where it is not said.
    #[serde(default)]
    pub at: Option<String>,
}

/// One incident.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IncidentShown {
    /// Its place in the order.
    pub number: u64,
    /// When it happened.
    pub at: String,
    /// The task whose agents caused it.
    pub task: String,
    /// `low`, `medium`, `high`, `critical`.
    pub severity: String,
    /// What happened.
    pub note: String,
    /// Where more is told of it; may be empty.
    pub link: String,
    /// Who recorded it.
    pub by: String,
    /// When it was recorded.
    pub recorded: String,
}

/// How many incidents there are beside how many there may be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LimitShown {
    /// How many happened in these days.
    pub count: u64,
    /// As many raise the posture.
    pub incidents: u64,
    /// In so many days.
    pub days: u16,
    /// To what.
    pub posture: String,
}

/// Some incidents, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IncidentPage {
    /// The incidents.
    pub incidents: Vec<IncidentShown>,
    /// What to pass as `cursor` for the next page; nothing where this is the last.
    pub next: Option<String>,
    /// The limit; nothing where none is set.
    pub limit: Option<LimitShown>,
}

/// What came of recording an incident.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IncidentRecorded {
    /// The limit; nothing where none is set.
    pub limit: Option<LimitShown>,
    /// The posture that it raised.
    pub raised: Option<PostureShown>,
}

/// Which incidents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct IncidentQuery {
    /// `next` of the page before.
    cursor: Option<u64>,
    /// At most this many, 1 to 200; 50 where it is not said.
    limit: Option<u32>,
}

/// Incidents that agents caused, newest first, for those who may look at everything.
#[utoipa::path(get, operation_id = "listIncidents", path = "/api/v1/incidents", params(IncidentQuery), responses((status = 200, body = IncidentPage), (status = "default", body = ApiError)))]
pub(super) async fn list(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Asked(query): Asked<IncidentQuery>,
) -> Result<Json<IncidentPage>, ApiError> {
    plane.permit(&visitor, Deed::ViewStrays)?;
    let limit = query.limit.unwrap_or(50).clamp(1, 200);
    let found = plane.store.incidents(query.cursor, limit).await?;
    let full = found.len() as u64 == u64::from(limit);
    let next = found.last().filter(|_| full);
    Ok(Json(IncidentPage {
        incidents: found.iter().map(IncidentShown::of).collect(),
        next: next.map(|last| last.number.to_string()),
        limit: count(&plane).await?,
    }))
}

/// Record an incident that agents caused. Where there are too many now, the posture is raised with it.
#[utoipa::path(post, operation_id = "recordIncident", path = "/api/v1/incidents", request_body = IncidentBody, responses((status = 200, body = IncidentRecorded), (status = "default", body = ApiError)))]
pub(super) async fn record(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Body(body): Body<IncidentBody>,
) -> Result<Json<IncidentRecorded>, ApiError> {
    let granted = plane.permit(&visitor, Deed::RecordIncident)?;
    let person = granted.person().as_str();
    let incident = read(&plane, &body, person).await?;
    let thing = format!("{} {}", incident.task, incident.severity.as_str());
    write_down(&plane, person, "record-incident", &thing, &incident.note).await?;
    // No two count at the same time, so that the one that reaches the limit is seen to.
    let _alone = plane.posture.lock().await;
    let raises = match plane.reliability {
        Some(limit) => limit.reached(&plane, &incident).await?,
        None => None,
    };
    if let Some(raises) = &raises {
        let to = raises.posture.as_str();
        write_down(&plane, "", "raise-posture", to, &raises.message).await?;
        tracing::warn!(posture = to, "the reliability limit raised the posture");
    }
    plane
        .store
        .record_incident(incident, raises.clone())
        .await?;
    plane.put_in_force().await?;
    let now = plane.now();
    Ok(Json(IncidentRecorded {
        limit: count(&plane).await?,
        raised: raises.map(|raises| PostureShown::of(&raises, now)),
    }))
}

async fn read(plane: &Plane, body: &IncidentBody, by: &str) -> Result<Incident, ApiError> {
    let now = plane.now();
    let task: TaskId = body.task.parse().map_err(|_| ApiError::not_found("task"))?;
    let known = plane.store.task(&task).await?;
    known.ok_or_else(|| ApiError::not_found("task"))?;
    let severity = Severity::named(&body.severity)
        .ok_or_else(|| ApiError::malformed("the severity is low, medium, high or critical"))?;
    let note = prose(&body.note, LONGEST)?;
    if note.is_empty() {
        return Err(ApiError::malformed("say in `note` what happened"));
    }
    let at = match &body.at {
        None => now,
        Some(text) => text
            .parse()
            .ok()
            .filter(|at| *at <= now)
            .ok_or_else(|| ApiError::malformed("`at` is no time that has been"))?,
    };
    Ok(Incident {
        at,
        task,
        severity,
        link: link(body.link.as_deref().unwrap_or_default())?,
        note,
        by: by.into(),
        recorded: now,
    })
}

/// An address of the web, since people open it; or none.
fn link(text: &str) -> Result<Box<str>, ApiError> {
    let text = text.trim();
    let web = || {
        let address: Uri = text.parse().ok()?;
        let known = matches!(address.scheme_str(), Some("http" | "https"));
        (known && address.host().is_some() && text.len() <= LONGEST).then_some(())
    };
    match text.is_empty() || web().is_some() {
        true => Ok(text.into()),
        false => Err(ApiError::malformed(
            "`link` is no address such as https://tickets.example.com/CE-381",
        )),
    }
}

async fn count(plane: &Plane) -> Result<Option<LimitShown>, ApiError> {
    let Some(limit) = plane.reliability else {
        return Ok(None);
    };
    let count = plane
        .store
        .incidents_since(limit.since(plane.now()))
        .await?;
    Ok(Some(LimitShown {
        count,
        incidents: limit.incidents,
        days: limit.days,
        posture: limit.posture.as_str().to_owned(),
    }))
}

impl Reliability {
    /// The first moment that counts.
    fn since(&self, now: Timestamp) -> Timestamp {
        let days = SignedDuration::from_hours(24 * i64::from(self.days));
        now.saturating_sub(days).unwrap_or(Timestamp::MIN)
    }

    /// The posture that is raised where `incident` is one too many. What was raised before is not
    /// lowered by a limit that asks for less now.
    async fn reached(
        &self,
        plane: &Plane,
        incident: &Incident,
    ) -> Result<Option<Declared>, ApiError> {
        let now = plane.now();
        let since = self.since(now);
        let count = plane.store.incidents_since(since).await? + u64::from(since <= incident.at);
        if count < self.incidents || incident.at < since {
            return Ok(None);
        }
        let declared = plane.store.postures().await?;
        let standing = declared.iter().find(|one| &*one.id == RAISED);
        let posture = standing.map_or(self.posture, |one| one.posture.max(self.posture));
        let message = format!(
            "Agents caused {count} incidents within {} days; {} raise the posture",
            self.days, self.incidents
        );
        Ok(Some(Declared {
            id: RAISED.into(),
            scope: Scope::Everything,
            posture,
            message: message.into(),
            by: "reliability-limit".into(),
            since: now,
            when: When::Now { until: None },
        }))
    }
}

impl IncidentShown {
    fn of(stored: &StoredIncident) -> Self {
        let incident = &stored.incident;
        Self {
            number: stored.number,
            at: moment(incident.at),
            task: incident.task.to_string(),
            severity: incident.severity.as_str().to_owned(),
            note: inert(&incident.note, LONGEST),
            link: inert(&incident.link, LONGEST),
            by: inert(&incident.by, 100),
            recorded: moment(incident.recorded),
        }
    }
}
