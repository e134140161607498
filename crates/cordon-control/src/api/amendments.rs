//! Amendments: what someone asks to have added to a task that is under way, shown beside all that the task
//! may do, and the sponsor's yes or no. A yes is compiled first, as a launch is: what the team's ceiling or
//! the environment map do not admit is not accepted by anyone.

#![expect(unused_qualifications, reason = "utoipa writes them")]

use super::deeds::write_down;
use super::input::{Asked, Body, Named, prose};
use super::tasks::title;
use super::{fresh, moment};
use crate::failure::ApiError;
use crate::plane::Plane;
use crate::visitor::Visitor;
use axum::Json;
use axum::extract::State;
use cordon_core::control::Deed;
use cordon_core::hold::Reason;
use cordon_core::inert::inert;
use cordon_core::names::{AmendmentId, Reference, TaskId};
use cordon_core::task::{Addition, Difference, Task, same_scope};
use cordon_store::{
    Acceptance, Amendment, AmendmentFilter, Refusal, Settlement, StoreError, StoredCall, StoredTask,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// The longest reason, in characters: a paragraph.
const REASON: usize = 500;
/// The longest text that is shown of what a task is.
const READ_BACK: usize = 20_000;
/// The longest line that is shown.
const LINE: usize = 2_000;

/// What is asked for.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AmendBody {
    /// The denied call that it is for: the smallest change that would let it go is asked for, unless
    /// `changes` says something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What is to be added, as a task file has it: `[[allow]]`, `[destroy]`, `[replace]`, `[budget]`, and
    /// `environments` and `regions` of `[where]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<String>,
    /// Why the task needs it, in a sentence or two.
    pub reason: String,
}

/// A yes.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptBody {
    /// `digest` of what was looked at, whole.
    pub digest: String,
}

/// A no.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclineBody {
    /// `too-broad`, `wrong-target`, `wrong-time`, `too-risky`, `not-needed`, `other-way` or `unclear`: the
    /// agent is told.
    pub reason: String,
    /// For people, never for the agent.
    #[serde(default)]
    pub note: String,
}

/// One amendment in a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AmendmentSummary {
    /// Its id.
    pub id: String,
    /// The task that it would add to.
    pub task: String,
    /// What that is for, as its file says.
    pub task_title: String,
    /// Who launched the task and says yes or no.
    pub sponsor: String,
    /// `waiting`, `accepted` or `declined`.
    pub state: String,
    /// Who asks.
    pub filed_by: String,
    /// Since when.
    pub filed: String,
    /// Why, in the words of whoever asks: nobody checked them.
    pub reason: String,
    /// The denied call that it is for.
    pub reference: Option<String>,
}

/// One amendment beside all that its task may do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AmendmentShown {
    /// As in a list.
    #[serde(flatten)]
    pub summary: AmendmentSummary,
    /// What it adds, as a task file has it.
    pub changes: String,
    /// What it adds to what the task may do now, most harm first.
    pub adds: Vec<String>,
    /// What all amendments that were accepted so far added to what was launched.
    pub added_before: Vec<String>,
    /// What the task may do now, in words.
    pub now: String,
    /// What it might do afterwards, in words; empty where it cannot be accepted, or was settled.
    pub after: String,
    /// The digest of all that the task would be; what a yes names. Empty as `after`.
    pub digest: String,
    /// Why it cannot be accepted, whoever says yes; empty where it can.
    pub cannot: String,
    /// Who settled it.
    pub settled_by: Option<String>,
    /// When.
    pub settled: Option<String>,
    /// The reason of a no.
    pub declined: Option<String>,
    /// What was said with it, for people.
    pub note: String,
    /// Whether you may accept it.
    pub you_may_accept: bool,
    /// Whether you may decline it.
    pub you_may_decline: bool,
    /// Why you may not accept it; empty where you may.
    pub why_not: String,
}

/// Some amendments, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AmendmentPage {
    /// The amendments.
    pub amendments: Vec<AmendmentSummary>,
    /// What to pass as `cursor` for the next page; nothing where this is the last.
    pub next: Option<String>,
}

/// Which amendments.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AmendmentQuery {
    /// Only those of this task.
    task: Option<String>,
    /// `waiting` for those that wait; all where it is not said.
    state: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// At most this many, 1 to 200; 50 where it is not said.
    limit: Option<u32>,
}

/// Ask for something to be added to a task.
#[utoipa::path(post, operation_id = "fileAmendment", path = "/api/v1/tasks/{id}/amendments", params(("id" = String, Path, description = "the task's id")), request_body = AmendBody, responses((status = 200, body = AmendmentShown), (status = "default", body = ApiError)))]
pub(super) async fn file(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<TaskId>,
    Body(body): Body<AmendBody>,
) -> Result<Json<AmendmentShown>, ApiError> {
    let task = visible_task(&plane, &visitor, &id).await?;
    let granted = plane.permit(&visitor, Deed::FileAmendment(&task.sponsor))?;
    under_way(&plane, &task)?;
    let reason = prose(&body.reason, REASON)?;
    if reason.is_empty() {
        return Err(ApiError::malformed("`reason` says nothing"));
    }
    let compiled = compiled(&plane, &task)?;
    let call = match &body.reference {
        Some(reference) => Some(call_of(&plane, &task, reference).await?),
        None => None,
    };
    let addition = match (&body.changes, &call) {
        (Some(changes), _) => {
            Addition::parse(changes).map_err(|error| ApiError::malformed(error.to_string()))?
        }
        (None, Some(call)) => {
            let used = plane.store.ledger(&task.id).await?.used;
            Addition::for_call(&compiled, &call.record, used).map_err(|why| {
                ApiError::new(
                    StatusCode::CONFLICT,
                    "no-amendment",
                    why.to_string(),
                    "`cordon why` says what decided; `changes` asks for something else",
                )
            })?
        }
        (None, None) => {
            return Err(ApiError::malformed(
                "it names no `reference` and no `changes`",
            ));
        }
    };
    let amendment = Amendment {
        id: fresh("A-")?,
        task: task.id.clone(),
        call: call.and_then(|call| Some((call.record.reference.parse().ok()?, call.record.digest))),
        changes: addition.text().into(),
        reason,
        filed_by: granted.person().clone(),
        filed: plane.now(),
        settled: None,
    };
    // What no yes could make true is not put before anyone.
    let _ = with(&plane, &task, &addition, &amendment.id)?;
    let person = granted.person().as_str();
    let thing = amendment.id.as_str();
    write_down(&plane, person, "file-amendment", thing, &amendment.reason).await?;
    match plane.store.put_amendment(amendment.clone()).await {
        Ok(()) => {}
        Err(StoreError::Crowded) => {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "too-many-wait",
                "too many amendments of this task wait already, or it is over",
                "settle those first",
            ));
        }
        Err(error) => return Err(error.into()),
    }
    shown(&plane, &visitor, amendment, &task).await.map(Json)
}

/// Amendments of tasks that you may look at, newest first.
#[utoipa::path(get, operation_id = "listAmendments", path = "/api/v1/amendments", params(AmendmentQuery), responses((status = 200, body = AmendmentPage), (status = "default", body = ApiError)))]
pub(super) async fn list(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Asked(query): Asked<AmendmentQuery>,
) -> Result<Json<AmendmentPage>, ApiError> {
    plane.permit(&visitor, Deed::ViewPosture)?;
    let limit = query.limit.unwrap_or(50).clamp(1, 200);
    let waiting = match query.state.as_deref() {
        None => false,
        Some("waiting") => true,
        Some(_) => return Err(ApiError::malformed("`state` is `waiting` or not there")),
    };
    let task = query.task.map(|task| task.parse()).transpose();
    let before = query.cursor.map(|cursor| cursor.parse()).transpose();
    let filter = AmendmentFilter {
        task: task.map_err(|_| ApiError::malformed("`task` is no task id"))?,
        before: before.map_err(|_| ApiError::malformed("`cursor` is no amendment"))?,
        waiting,
        limit: Some(limit),
    };
    let found = plane.store.amendments(&filter).await?;
    let full = found.len() as u64 == u64::from(limit);
    let last = found.last().filter(|_| full);
    let next = last.map(|last| last.id.to_string());
    let tasks = plane.store.tasks().await?;
    let seen = found.iter().filter_map(|amendment| {
        let task = tasks.iter().find(|task| task.id == amendment.task)?;
        let allowed = plane.permit(&visitor, Deed::ViewTask(&task.sponsor));
        allowed
            .is_ok()
            .then(|| AmendmentSummary::of(amendment, task))
    });
    Ok(Json(AmendmentPage {
        amendments: seen.collect(),
        next,
    }))
}

/// One amendment beside all that its task may do now, and might do afterwards.
#[utoipa::path(get, operation_id = "showAmendment", path = "/api/v1/amendments/{id}", params(("id" = String, Path, description = "its id")), responses((status = 200, body = AmendmentShown), (status = "default", body = ApiError)))]
pub(super) async fn show(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<AmendmentId>,
) -> Result<Json<AmendmentShown>, ApiError> {
    let (amendment, task) = visible(&plane, &visitor, &id).await?;
    shown(&plane, &visitor, amendment, &task).await.map(Json)
}

/// Make the task what an amendment asks for: exactly what was looked at.
#[utoipa::path(post, operation_id = "acceptAmendment", path = "/api/v1/amendments/{id}/accept", params(("id" = String, Path, description = "its id")), request_body = AcceptBody, responses((status = 200, body = AmendmentShown), (status = "default", body = ApiError)))]
pub(super) async fn accept(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<AmendmentId>,
    Body(body): Body<AcceptBody>,
) -> Result<Json<AmendmentShown>, ApiError> {
    let (amendment, task) = visible(&plane, &visitor, &id).await?;
    waits(&amendment)?;
    under_way(&plane, &task)?;
    let _ = compiled(&plane, &task)?;
    let (after, text) = with(&plane, &task, &addition(&amendment)?, &id)?;
    let granted = plane.permit(
        &visitor,
        Deed::AcceptAmendment {
            sponsor: &task.sponsor,
            digest: after.scope_digest(),
            seen: &body.digest,
        },
    )?;
    let person = granted.person();
    let digest = after.scope_digest();
    write_down(
        &plane,
        person.as_str(),
        "accept-amendment",
        id.as_str(),
        digest,
    )
    .await?;
    let acceptance = Acceptance {
        id: id.clone(),
        by: person.clone(),
        at: plane.now(),
        before: (task.text.clone(), task.lock.clone()),
        after: (text.into(), after.lock().into()),
    };
    settle(plane.store.accept_amendment(acceptance).await)?;
    plane.put_in_force().await?;
    tracing::warn!(task = %task.id, amendment = %id, by = %person, scope = digest, "a task was amended");
    let (amendment, task) = visible(&plane, &visitor, &id).await?;
    shown(&plane, &visitor, amendment, &task).await.map(Json)
}

/// Leave the task as it is, for a reason that the agent is told.
#[utoipa::path(post, operation_id = "declineAmendment", path = "/api/v1/amendments/{id}/decline", params(("id" = String, Path, description = "its id")), request_body = DeclineBody, responses((status = 200, body = AmendmentShown), (status = "default", body = ApiError)))]
pub(super) async fn decline(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<AmendmentId>,
    Body(body): Body<DeclineBody>,
) -> Result<Json<AmendmentShown>, ApiError> {
    let (amendment, task) = visible(&plane, &visitor, &id).await?;
    let granted = plane.permit(&visitor, Deed::DeclineAmendment(&task.sponsor))?;
    waits(&amendment)?;
    let reason = Reason::named(&body.reason)
        .ok_or_else(|| ApiError::malformed("`reason` is none of those that there are"))?;
    let note = prose(&body.note, REASON)?;
    let person = granted.person();
    write_down(
        &plane,
        person.as_str(),
        "decline-amendment",
        id.as_str(),
        reason.as_str(),
    )
    .await?;
    let refusal = Refusal {
        id: id.clone(),
        by: person.clone(),
        at: plane.now(),
        reason,
        note,
    };
    settle(plane.store.decline_amendment(refusal).await)?;
    tracing::info!(task = %task.id, amendment = %id, by = %person, reason = reason.as_str(), "an amendment was declined");
    let (amendment, task) = visible(&plane, &visitor, &id).await?;
    shown(&plane, &visitor, amendment, &task).await.map(Json)
}

pub(super) async fn visible_task(
    plane: &Plane,
    visitor: &Visitor,
    id: &TaskId,
) -> Result<StoredTask, ApiError> {
    let task = plane.store.task(id).await?;
    let task = task.ok_or_else(|| ApiError::not_found("task"))?;
    match plane.permit(visitor, Deed::ViewTask(&task.sponsor)) {
        Ok(_) => Ok(task),
        Err(denied @ cordon_core::control::Denied::Stranger(_)) => Err(denied.into()),
        Err(_) => Err(ApiError::not_found("task")),
    }
}

async fn visible(
    plane: &Plane,
    visitor: &Visitor,
    id: &AmendmentId,
) -> Result<(Amendment, StoredTask), ApiError> {
    let amendment = plane.store.amendment(id).await?;
    let amendment = amendment.ok_or_else(|| ApiError::not_found("amendment"))?;
    let task = visible_task(plane, visitor, &amendment.task).await;
    let task = task.map_err(|error| match error.status() {
        404 => ApiError::not_found("amendment"),
        _ => error,
    })?;
    Ok((amendment, task))
}

/// The denied call of this task that is quoted as `reference`.
async fn call_of(
    plane: &Plane,
    task: &StoredTask,
    reference: &str,
) -> Result<StoredCall, ApiError> {
    let reference: Option<Reference> = reference.parse().ok();
    let found = match &reference {
        Some(reference) => plane.store.call(reference).await?,
        None => None,
    };
    found
        .filter(|call| *call.record.task == *task.id.as_str())
        .ok_or_else(|| ApiError::not_found("call of this task"))
}

pub(super) fn under_way(plane: &Plane, task: &StoredTask) -> Result<(), ApiError> {
    match task.is_over(plane.now()) {
        false => Ok(()),
        true => Err(ApiError::new(
            StatusCode::CONFLICT,
            "task-over",
            "the task is over",
            "launch its file again, with what it lacked",
        )),
    }
}

fn waits(amendment: &Amendment) -> Result<(), ApiError> {
    match amendment.settled {
        None => Ok(()),
        Some(_) => Err(settled_meanwhile()),
    }
}

fn settle(done: Result<(), StoreError>) -> Result<(), ApiError> {
    match done {
        Err(StoreError::Outdated { .. }) => Err(settled_meanwhile()),
        done => Ok(done?),
    }
}

fn settled_meanwhile() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "settled-meanwhile",
        "the amendment is settled, or its task changed meanwhile",
        "look at it again",
    )
}

/// The task as it is served.
fn compiled(plane: &Plane, task: &StoredTask) -> Result<Task, ApiError> {
    let policies = plane.bundle();
    let compiled = Task::read(task.id.as_str(), &task.text, &policies, task.launch());
    let compiled = compiled.ok();
    compiled
        .filter(|compiled| same_scope(&compiled.lock(), &task.lock))
        .ok_or_else(|| {
            ApiError::new(
                StatusCode::CONFLICT,
                "task-not-served",
                "the task means something else under the policies of now, so it is not served",
                "stop it and launch its file again",
            )
        })
}

/// The task with an addition, and its text.
fn with(
    plane: &Plane,
    task: &StoredTask,
    addition: &Addition,
    id: &AmendmentId,
) -> Result<(Task, String), ApiError> {
    let text = addition.onto(&task.text, id);
    let policies = plane.bundle();
    match Task::read("the amended task", &text, &policies, task.launch()) {
        Ok(task) => Ok((task, text)),
        Err(faults) => Err(ApiError::new(
            StatusCode::CONFLICT,
            "cannot-be-added",
            inert(&faults.to_string().replace('\n', "; "), LINE),
            "ask for something else; `cordon task explain` says what the task is",
        )),
    }
}

fn addition(amendment: &Amendment) -> Result<Addition, ApiError> {
    Addition::parse(&amendment.changes).map_err(|error| ApiError::malformed(error.to_string()))
}

fn added(before: &Task, after: &Task) -> Vec<String> {
    let lines = before.differences(after).into_iter();
    let line = |it: Difference| {
        let sign = if it.added { '+' } else { '-' };
        inert(&format!("{sign} {}", it.text), LINE)
    };
    lines.map(line).collect()
}

async fn shown(
    plane: &Plane,
    visitor: &Visitor,
    amendment: Amendment,
    task: &StoredTask,
) -> Result<AmendmentShown, ApiError> {
    let now = compiled(plane, task);
    let launched = launched(plane, task).await?;
    let added_before = match (&launched, &now) {
        (Some(launched), Ok(now)) => added(launched, now),
        _ => Vec::new(),
    };
    let after = match (&amendment.settled, under_way(plane, task), &now) {
        (Some(_), ..) => Err(String::new()),
        (None, Err(error), _) => Err(error.message.to_string()),
        (None, Ok(()), Err(error)) => Err(error.message.to_string()),
        (None, Ok(()), Ok(_)) => addition(&amendment)
            .and_then(|addition| with(plane, task, &addition, &amendment.id))
            .map_err(|error| error.message.to_string()),
    };
    let may = match &after {
        Ok((after, _)) => plane
            .permit(
                visitor,
                Deed::AcceptAmendment {
                    sponsor: &task.sponsor,
                    digest: after.scope_digest(),
                    seen: after.scope_digest(),
                },
            )
            .map(drop)
            .map_err(|denied| denied.to_string()),
        Err(why) => Err(why.clone()),
    };
    let waits = amendment.settled.is_none();
    let decline = plane.permit(visitor, Deed::DeclineAmendment(&task.sponsor));
    let adds = match (&now, &after) {
        (Ok(now), Ok((after, _))) => added(now, after),
        _ => Vec::new(),
    };
    let settled = amendment.settled.as_ref();
    Ok(AmendmentShown {
        changes: lines(&amendment.changes),
        adds,
        added_before,
        now: now.map(|now| lines(&now.explain())).unwrap_or_default(),
        after: after
            .as_ref()
            .map(|(it, _)| lines(&it.explain()))
            .unwrap_or_default(),
        digest: after
            .as_ref()
            .map(|(it, _)| it.scope_digest().to_owned())
            .unwrap_or_default(),
        cannot: after.err().unwrap_or_default(),
        settled_by: settled.map(|it| it.by.to_string()),
        settled: settled.map(|it| moment(it.at)),
        declined: settled.and_then(|it| match it.answer {
            Settlement::Declined(reason) => Some(reason.as_str().to_owned()),
            Settlement::Accepted { .. } => None,
        }),
        note: settled
            .map(|it| inert(&it.note, REASON))
            .unwrap_or_default(),
        you_may_accept: may.is_ok(),
        you_may_decline: waits && decline.is_ok(),
        why_not: may.err().unwrap_or_default(),
        summary: AmendmentSummary::of(&amendment, task),
    })
}

/// The task as it was launched; nothing where it no longer compiles.
async fn launched(plane: &Plane, task: &StoredTask) -> Result<Option<Task>, ApiError> {
    let filter = AmendmentFilter {
        task: Some(task.id.clone()),
        limit: Some(1_000),
        ..AmendmentFilter::default()
    };
    let all = plane.store.amendments(&filter).await?;
    let accepted = all.iter().filter_map(|it| match &it.settled {
        Some(settled) => match &settled.answer {
            Settlement::Accepted { replaced } => Some((settled.at, replaced)),
            Settlement::Declined(_) => None,
        },
        None => None,
    });
    let first = accepted.min_by_key(|(at, _)| *at);
    let text = first.map_or(&task.text, |(_, replaced)| replaced);
    let policies = plane.bundle();
    Ok(Task::read(task.id.as_str(), text, &policies, task.launch()).ok())
}

/// Text of several lines, each of them inert.
fn lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| inert(line, LINE)).collect();
    let whole = lines.join("\n");
    whole.chars().take(READ_BACK).collect()
}

impl AmendmentSummary {
    fn of(amendment: &Amendment, task: &StoredTask) -> Self {
        let state = match amendment.settled.as_ref().map(|it| &it.answer) {
            None => "waiting",
            Some(Settlement::Accepted { .. }) => "accepted",
            Some(Settlement::Declined(_)) => "declined",
        };
        Self {
            id: amendment.id.to_string(),
            task: amendment.task.to_string(),
            task_title: title(&task.text),
            sponsor: task.sponsor.to_string(),
            state: state.to_owned(),
            filed_by: amendment.filed_by.to_string(),
            filed: moment(amendment.filed),
            reason: inert(&amendment.reason, REASON),
            reference: amendment.call.as_ref().map(|(it, _)| it.to_string()),
        }
    }
}
