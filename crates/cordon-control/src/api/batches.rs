//! Batches: the calls that an agent was shown to intend, proposed by who answers for its task and decided
//! about as one list. Each call keeps a hold of its own; what is shown here is the list, and how it differs
//! from the one before.

#![expect(unused_qualifications, reason = "utoipa writes them")]

use super::amendments::{under_way, visible_task};
use super::deeds::write_down;
use super::holds::{
    ApproveBody, BreakGlassBody, HoldSummary, LONGEST_NOTE, Sight, TRIES, VoteShown, Yours,
    decided_meanwhile, emergency, may_look, reason_named, whole,
};
use super::input::{Asked, Body, Named, prose};
use super::{fresh, moment};
use crate::failure::ApiError;
use crate::plane::Plane;
use crate::visitor::Visitor;
use axum::Json;
use axum::extract::State;
use cordon_core::control::{Deed, Denied, Granted};
use cordon_core::decide::Outcome;
use cordon_core::hold::{
    Answer, Batch, BatchStanding, Difference, Hold, LONGEST, Listed, Reason, Vote, VoteError,
    differences,
};
use cordon_core::inert::inert;
use cordon_core::names::{ApproverGroup, BatchId, SessionId};
use cordon_core::record::RecordedOutcome;
use cordon_store::{
    BatchFilter, CallFilter, HoldBounds, Proposal, Proposed, StoreError, propose as put_before,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// The longest message of who proposes a list, in characters.
const MESSAGE: usize = 500;
/// The longest list of differences that is told in a refusal.
const TOLD: usize = 10;

/// What is proposed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeBody {
    /// The session whose previewed calls are the list, in the order in which they were made.
    pub session: String,
    /// What they are for, for those who decide.
    #[serde(default)]
    pub message: String,
}

/// A no.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectBatchBody {
    /// As for a hold: the agent is told.
    pub reason: String,
    /// For the sponsor, never for the agent.
    #[serde(default)]
    pub note: String,
    /// The number of the one call that is declined. The list is over then, and the other calls may be
    /// proposed again; without it every call is declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<u32>,
}

/// A batch in a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BatchSummary {
    /// What people quote.
    pub id: String,
    /// `waiting`, `approved`, `done`, `rejected` or `broken`.
    pub state: String,
    /// What broke it: the number of the call, and why. Empty where nothing did.
    pub why: String,
    /// What it is for, in the words of who proposed it: nobody checked them.
    pub message: String,
    /// Of which task.
    pub task: String,
    /// Who launched it, and so never decides.
    pub sponsor: String,
    /// How many calls it has.
    pub length: usize,
    /// How many of them went, and were answered.
    pub went: usize,
    /// The groups that are asked about any of them.
    pub needs: Vec<String>,
    /// All that is missing, in words. Empty where nothing is.
    pub waits_for: String,
    /// When it was proposed.
    pub opened: String,
    /// No answer by then is a no.
    pub decide_by: String,
    /// Seconds until then, or, once approved, in which all of it is to be used; 0 when over.
    pub seconds_left: i64,
}

/// A batch, call by call.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BatchShown {
    /// As in a list.
    #[serde(flatten)]
    pub summary: BatchSummary,
    /// `sha256:...` of the list, whole: an approval names it.
    pub digest: String,
    /// The calls in the order in which they go.
    pub calls: Vec<BatchCall>,
    /// What people said of the list, oldest first.
    pub votes: Vec<VoteShown>,
    /// What you may do with it.
    pub yours: Yours,
}

/// One call of a batch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BatchCall {
    /// Its number, from 1 on.
    pub number: u32,
    /// Its hold.
    pub hold: HoldSummary,
    /// The name of what is destroyed, to be typed before the list is approved.
    pub confirm: Option<String>,
    /// Its parameters as canonical JSON, without secrets.
    pub parameters: String,
    /// `sha256:...` of the canonical call.
    pub digest: String,
    /// The previewed call.
    #[serde(rename = "ref")]
    pub reference: String,
}

/// What came of a proposal.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BatchProposed {
    /// The batch.
    pub batch: BatchShown,
    /// Whether it is a new one: the same list is the same batch, with what was said of it.
    pub new: bool,
    /// How it differs from the task's batch before it.
    pub differs: Vec<DifferenceShown>,
    /// Changes of the session that would be held and are not in it.
    pub left_out: Vec<LeftOut>,
}

/// One difference between two lists.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DifferenceShown {
    /// `added`, `removed`, `moved`, or `changed`: the same call, judged on something else.
    pub what: String,
    /// Its number in the list before.
    pub from: Option<u32>,
    /// Its number in the new one.
    pub to: Option<u32>,
    /// The gravest thing that the call does, in one line.
    pub effect: String,
}

/// A call that is in no batch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    /// The previewed call.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The service and the operation.
    pub operation: String,
    /// Why, and what that means.
    pub why: String,
}

/// Some batches, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BatchPage {
    /// The batches.
    pub batches: Vec<BatchSummary>,
    /// What to pass as `cursor` for the next page; nothing where this is the last.
    pub next: Option<String>,
}

/// Which batches.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BatchQuery {
    /// `open` for those that wait or are approved and not used; all where it is not said.
    state: Option<String>,
    /// Only of this task.
    task: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// At most this many, 1 to 100; 20 where it is not said.
    limit: Option<u32>,
}

/// Put the previewed calls of a session before people as one list.
#[utoipa::path(post, operation_id = "proposeBatch", path = "/api/v1/batches", request_body = ProposeBody, responses((status = 200, body = BatchProposed), (status = "default", body = ApiError)))]
pub(super) async fn propose(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Body(body): Body<ProposeBody>,
) -> Result<Json<BatchProposed>, ApiError> {
    let unknown = || ApiError::not_found("session");
    let session: SessionId = body.session.parse().map_err(|_| unknown())?;
    let stored = plane.store.session(&session).await?.ok_or_else(unknown)?;
    let task = visible_task(&plane, &visitor, &stored.task).await;
    let task = task.map_err(|error| match error.status() {
        404 => unknown(),
        _ => error,
    })?;
    let granted = plane.permit(&visitor, Deed::ProposeBatch(&task.sponsor))?;
    under_way(&plane, &task)?;
    let message = prose(&body.message, MESSAGE)?;
    let (holds, left_out) = previewed(&plane, &session).await?;
    if holds.is_empty() || holds.len() > LONGEST {
        return Err(unfit(holds.len(), &left_out));
    }
    let proposal = Proposal {
        id: fresh("B-")?,
        message,
        ends: task.expires,
        holds,
    };
    let person = granted.person().as_str();
    let detail = format!("{} calls: {}", proposal.holds.len(), proposal.message);
    write_down(&plane, person, "propose-batch", session.as_str(), &detail).await?;
    let (people, now) = (plane.people(), plane.now());
    let bounds = HoldBounds::default();
    let proposed = put_before(&*plane.store, &proposal, bounds, &people, now).await?;
    let (batch, before, new) = match proposed {
        Proposed::Opened(batch, before) => (batch, before, true),
        Proposed::Same(batch) => (batch, None, false),
        Proposed::Rejected(number, reason) => {
            let reason = reason.as_str();
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "declined-before",
                format!("people said no to call {number} of this list: {reason}"),
                "leave it out: preview the others by themselves, and propose those",
            ));
        }
        Proposed::Unfit => return Err(unfit(proposal.holds.len(), &left_out)),
        Proposed::Crowded => {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "too-many-wait",
                "so much waits for people that no more is asked",
                "have them decide about that first: `cordon holds list`",
            ));
        }
    };
    let differs = match &before {
        Some(before) => differing(&plane, before, &batch).await?,
        None => Vec::new(),
    };
    if new {
        tracing::warn!(batch = %batch.id, task = %task.id, calls = batch.calls.len(), by = %granted.person(), "a list of calls waits for people");
    }
    Ok(Json(BatchProposed {
        batch: shown(&plane, &visitor, &batch).await?,
        new,
        differs,
        left_out,
    }))
}

/// Batches that you may look at, newest first.
#[utoipa::path(get, operation_id = "listBatches", path = "/api/v1/batches", params(BatchQuery), responses((status = 200, body = BatchPage), (status = "default", body = ApiError)))]
pub(super) async fn list(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Asked(query): Asked<BatchQuery>,
) -> Result<Json<BatchPage>, ApiError> {
    plane.permit(&visitor, Deed::ViewPosture)?;
    let open = match query.state.as_deref() {
        None => false,
        Some("open") => true,
        Some(_) => return Err(ApiError::malformed("`state` is `open` or not there")),
    };
    let limit = query.limit.unwrap_or(20).clamp(1, 100);
    let task = query.task.map(|task| task.parse()).transpose();
    let before = query.cursor.map(|cursor| cursor.parse()).transpose();
    let filter = BatchFilter {
        task: task.map_err(|_| ApiError::malformed("`task` is no task id"))?,
        before: before.map_err(|_| ApiError::malformed("`cursor` is no batch"))?,
        under_way: open,
        limit: Some(limit),
    };
    let found = plane.store.batches(&filter).await?;
    let full = found.len() as u64 == u64::from(limit);
    let last = found.last().filter(|_| full);
    let next = last.map(|last| last.id.to_string());
    let seen = found.iter().filter(|batch| {
        let standing = batch.standing(&plane.people(), plane.now());
        (!open || standing.is_open()) && may_see(&plane, &visitor, batch).is_ok()
    });
    Ok(Json(BatchPage {
        batches: seen.map(|batch| BatchSummary::of(&plane, batch)).collect(),
        next,
    }))
}

/// One batch, call by call.
#[utoipa::path(get, operation_id = "showBatch", path = "/api/v1/batches/{id}", params(("id" = String, Path, description = "its id")), responses((status = 200, body = BatchShown), (status = "default", body = ApiError)))]
pub(super) async fn show(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<BatchId>,
) -> Result<Json<BatchShown>, ApiError> {
    let batch = visible(&plane, &visitor, &id).await?;
    shown(&plane, &visitor, &batch).await.map(Json)
}

/// Say yes to exactly the list that has this digest.
#[utoipa::path(post, operation_id = "approveBatch", path = "/api/v1/batches/{id}/approve", params(("id" = String, Path, description = "its id")), request_body = ApproveBody, responses((status = 200, body = BatchShown), (status = "default", body = ApiError)))]
pub(super) async fn approve(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<BatchId>,
    Body(body): Body<ApproveBody>,
) -> Result<Json<BatchShown>, ApiError> {
    whole(&body.digest)?;
    let said = Said {
        answer: Answer::Approve,
        of: Of::List(&body.digest),
        note: prose(&body.note, LONGEST_NOTE)?,
    };
    let batch = say(&plane, &visitor, &id, said).await?;
    shown(&plane, &visitor, &batch).await.map(Json)
}

/// Lift the whole list in an emergency, together with another incident commander.
#[utoipa::path(post, operation_id = "breakGlassOfBatch", path = "/api/v1/batches/{id}/break-glass", params(("id" = String, Path, description = "its id")), request_body = BreakGlassBody, responses((status = 200, body = BatchShown), (status = "default", body = ApiError)))]
pub(super) async fn break_glass(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<BatchId>,
    Body(body): Body<BreakGlassBody>,
) -> Result<Json<BatchShown>, ApiError> {
    whole(&body.digest)?;
    let said = Said {
        answer: Answer::BreakGlass,
        of: Of::List(&body.digest),
        note: emergency(&body.reason)?,
    };
    let batch = say(&plane, &visitor, &id, said).await?;
    tracing::error!(batch = %id, by = %visitor.person(), "the glass was broken");
    shown(&plane, &visitor, &batch).await.map(Json)
}

/// Say no to all of it or to one of its calls, for a reason that the agent is told.
#[utoipa::path(post, operation_id = "rejectBatch", path = "/api/v1/batches/{id}/reject", params(("id" = String, Path, description = "its id")), request_body = RejectBatchBody, responses((status = 200, body = BatchShown), (status = "default", body = ApiError)))]
pub(super) async fn reject(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<BatchId>,
    Body(body): Body<RejectBatchBody>,
) -> Result<Json<BatchShown>, ApiError> {
    let said = Said {
        answer: Answer::Reject(reason_named(&body.reason)?),
        of: body.call.map_or(Of::Anything, Of::Call),
        note: prose(&body.note, LONGEST_NOTE)?,
    };
    let batch = say(&plane, &visitor, &id, said).await?;
    shown(&plane, &visitor, &batch).await.map(Json)
}

/// The holds that the previewed calls of a session would open, in their order, and the calls that would be
/// held and cannot be decided about now.
async fn previewed(
    plane: &Plane,
    session: &SessionId,
) -> Result<(Vec<Hold>, Vec<LeftOut>), ApiError> {
    let filter = CallFilter {
        session: Some(session.as_str().into()),
        verdict: Some(RecordedOutcome::Decided(Outcome::Preview)),
        limit: Some(10_000),
        ..CallFilter::default()
    };
    let calls = plane.store.search(&filter).await?;
    let (policies, now) = (plane.bundle(), plane.now());
    let mut holds: Vec<Hold> = Vec::new();
    let mut left_out = Vec::new();
    let mut numbers: BTreeMap<Box<str>, usize> = BTreeMap::new();
    let held = calls.iter().rev().map(|call| &call.record);
    for record in held.filter(|record| !record.needs.is_empty()) {
        let hold = Hold::of_previewed(record, fresh("H-")?, now);
        let why = match (&hold, numbers.get(&record.digest)) {
            (_, Some(number)) => format!(
                "it is the same call as number {number}: an approval lets one go, and this one is asked for by itself"
            ),
            _ if *record.policy_version != *policies.version() => {
                "the policies changed since: preview it again".to_owned()
            }
            (None, _) => "how its targets stand could not be read (a task that may use \
                          `tag:GetResources` lets Cordon do that), or its content is not signed: it is asked for by \
                          itself when it is made"
                .to_owned(),
            (Some(_), None) => String::new(),
        };
        match hold.filter(|_| why.is_empty()) {
            Some(hold) => {
                holds.push(hold);
                numbers.insert(record.digest.clone(), holds.len());
            }
            None => left_out.push(LeftOut {
                reference: record.reference.to_string(),
                operation: inert(&format!("{} {}", record.service, record.operation), 120),
                why,
            }),
        }
    }
    Ok((holds, left_out))
}

fn unfit(length: usize, left_out: &[LeftOut]) -> ApiError {
    if length > LONGEST {
        return ApiError::new(
            StatusCode::CONFLICT,
            "too-long",
            format!(
                "the session has {length} calls to be approved, and a batch has {LONGEST} at the most"
            ),
            "preview it in parts, each in a session of its own",
        );
    }
    let why = left_out.first().map_or(String::new(), |it| {
        format!("; {} is left out: {}", it.operation, it.why)
    });
    ApiError::new(
        StatusCode::CONFLICT,
        "nothing-to-approve",
        format!("no previewed call of the session can be decided about now{why}"),
        "`cordon preview --session ID` shows what it did",
    )
}

/// What a person says.
struct Said<'a> {
    answer: Answer,
    of: Of<'a>,
    note: Box<str>,
}

/// What it is said of.
#[derive(Clone, Copy)]
enum Of<'a> {
    /// The list that has this digest.
    List(&'a str),
    /// The list, whatever is in it.
    Anything,
    /// One call of it.
    Call(u32),
}

/// Puts what `visitor` says to the batch as it is at this moment. Where something happened meanwhile, it is
/// asked again whether this may still be said.
async fn say(
    plane: &Plane,
    visitor: &Visitor,
    id: &BatchId,
    said: Said<'_>,
) -> Result<Batch, ApiError> {
    for _ in 0..TRIES {
        let batch = visible(plane, visitor, id).await?;
        let now = plane.now();
        let granted = permitted(plane, visitor, &batch, said.answer)?;
        let (person, people) = (granted.person(), plane.people_with(visitor));
        let digest = batch.digest();
        let only = match (said.of, said.answer) {
            (Of::Call(number), Answer::Reject(reason)) => {
                let hold = batch.admits_no(number, person, reason, &people, now);
                let hold = hold.ok_or_else(|| ApiError::not_found("call of this batch"))??;
                Some(hold.id.clone())
            }
            (Of::List(seen), _) if seen != digest => {
                return Err(another_list(plane, &batch, seen).await?);
            }
            _ => {
                batch.admits(person, said.answer, &digest, &people, now)?;
                None
            }
        };
        let vote = Vote {
            person: person.clone(),
            answer: said.answer,
            at: now,
            note: said.note.clone(),
        };
        let word = said.answer.as_str();
        let thing = only.as_ref().map_or(id.as_str(), |hold| hold.as_str());
        write_down(plane, person.as_str(), word, thing, &said.note).await?;
        let kept = plane
            .store
            .vote_on_batch(id, only.clone(), batch.revision(), vote);
        match kept.await {
            Ok(()) => {
                tracing::warn!(batch = %id, by = %person, answer = word, "a person decided on a list of calls");
                return visible(plane, visitor, id).await;
            }
            Err(StoreError::Outdated { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(decided_meanwhile())
}

/// Whether the policies let `visitor` say so of some call of the batch that is not over, and forbid it of
/// none.
fn permitted(
    plane: &Plane,
    visitor: &Visitor,
    batch: &Batch,
    answer: Answer,
) -> Result<Granted, ApiError> {
    let mut granted = None;
    let mut denied = None;
    for hold in batch.holds().filter(|hold| hold.ended.is_none()) {
        let seen = &*hold.digest;
        let deed = match answer {
            Answer::Approve => Deed::Approve { hold, seen },
            Answer::BreakGlass => Deed::BreakGlass { hold, seen },
            Answer::Reject(_) => Deed::Reject(hold),
        };
        match plane.permit(visitor, deed) {
            Ok(it) => granted = Some(it),
            Err(it @ Denied::NotPermitted(_)) => denied = Some(it),
            Err(it) => return Err(it.into()),
        }
    }
    match (granted, denied) {
        (Some(granted), _) => Ok(granted),
        (None, Some(denied)) => Err(denied.into()),
        (None, None) => Err(VoteError::Over("over").into()),
    }
}

/// What is refused to someone who looked at another list, with what differs where that list is known.
async fn another_list(plane: &Plane, batch: &Batch, seen: &str) -> Result<ApiError, ApiError> {
    let filter = BatchFilter {
        task: batch.holds().next().map(|hold| hold.task.clone()),
        limit: Some(100),
        ..BatchFilter::default()
    };
    let known = plane.store.batches(&filter).await?;
    let message = match known.iter().find(|batch| batch.digest() == seen) {
        Some(looked_at) => {
            let differs = differing(plane, looked_at, batch).await?;
            let mut words: Vec<String> = differs.iter().map(DifferenceShown::words).collect();
            if words.len() > TOLD {
                words.truncate(TOLD);
                words.push("and more".to_owned());
            }
            format!(
                "you looked at {}, which is another list: {}",
                looked_at.id,
                words.join("; ")
            )
        }
        None => VoteError::Digest.to_string(),
    };
    Ok(ApiError::new(
        StatusCode::CONFLICT,
        "digest-differs",
        message,
        "look at the batch again",
    ))
}

async fn differing(
    plane: &Plane,
    before: &Batch,
    after: &Batch,
) -> Result<Vec<DifferenceShown>, ApiError> {
    let (before, after): (Vec<&Hold>, Vec<&Hold>) =
        (before.holds().collect(), after.holds().collect());
    let mut shown = Vec::new();
    for difference in differences(&before, &after) {
        let (what, from, to) = match difference {
            Difference::Added(to) => ("added", None, Some(to)),
            Difference::Removed(from) => ("removed", Some(from), None),
            Difference::Moved { from, to } => ("moved", Some(from), Some(to)),
            Difference::Changed { from, to } => ("changed", Some(from), Some(to)),
        };
        let at = |list: &[&Hold], number: Option<u32>| {
            let index = usize::try_from(number?.checked_sub(1)?).ok()?;
            list.get(index).map(|hold| (*hold).clone())
        };
        let hold = at(&after, to).or_else(|| at(&before, from));
        let effect = match hold {
            Some(hold) => Sight::of(plane, hold).await?.summary().effect,
            None => String::new(),
        };
        shown.push(DifferenceShown {
            what: what.to_owned(),
            from,
            to,
            effect,
        });
    }
    Ok(shown)
}

/// Whether `visitor` may look at a batch: whoever may look at a call of it.
fn may_see(plane: &Plane, visitor: &Visitor, batch: &Batch) -> Result<(), Denied> {
    let mut denied = Denied::NotPermitted("look at this batch");
    for hold in batch.holds() {
        match may_look(plane, visitor, hold) {
            Ok(()) => return Ok(()),
            Err(why) => denied = why,
        }
    }
    Err(denied)
}

async fn visible(plane: &Plane, visitor: &Visitor, id: &BatchId) -> Result<Batch, ApiError> {
    let batch = plane.store.batch(id).await?;
    let batch = batch.ok_or_else(|| ApiError::not_found("batch"))?;
    match may_see(plane, visitor, &batch) {
        Ok(()) => Ok(batch),
        Err(denied @ Denied::Stranger(_)) => Err(denied.into()),
        Err(_) => Err(ApiError::not_found("batch")),
    }
}

async fn shown(plane: &Plane, visitor: &Visitor, batch: &Batch) -> Result<BatchShown, ApiError> {
    let mut calls = Vec::with_capacity(batch.calls.len());
    let mut votes: Vec<VoteShown> = Vec::new();
    for (hold, number) in batch.holds().zip(1..) {
        let sight = Sight::listed(plane, hold.clone(), batch).await?;
        let details = sight.whole(plane, visitor, String::new());
        for vote in details.votes {
            let same = votes.iter_mut().find(|it| {
                (&it.person, &it.answer, &it.at) == (&vote.person, &vote.answer, &vote.at)
            });
            match same {
                // A vote counts where its voter is asked.
                Some(same) => same.counts |= vote.counts,
                None => votes.push(vote),
            }
        }
        calls.push(BatchCall {
            number,
            hold: details.summary,
            confirm: details.confirm,
            parameters: details.parameters,
            digest: details.digest,
            reference: details.reference,
        });
    }
    Ok(BatchShown {
        summary: BatchSummary::of(plane, batch),
        digest: batch.digest(),
        calls,
        votes,
        yours: yours(plane, visitor, batch),
    })
}

fn yours(plane: &Plane, visitor: &Visitor, batch: &Batch) -> Yours {
    let (people, now) = (plane.people_with(visitor), plane.now());
    let may = |answer| -> Result<(), ApiError> {
        let granted = permitted(plane, visitor, batch, answer)?;
        Ok(batch.admits(granted.person(), answer, &batch.digest(), &people, now)?)
    };
    let approve = may(Answer::Approve);
    let reject = may(Answer::Reject(Reason::Unclear));
    Yours {
        approve: approve.is_ok(),
        reject: reject.is_ok(),
        why_not: approve
            .err()
            .map(|error| error.message.to_string())
            .unwrap_or_default(),
    }
}

impl BatchSummary {
    fn of(plane: &Plane, batch: &Batch) -> Self {
        let now = plane.now();
        let standing = batch.standing(&plane.people(), now);
        let first = batch.holds().next();
        let of_first = |text: fn(&Hold) -> String| first.map(text).unwrap_or_default();
        let end = match &standing {
            BatchStanding::Waiting(_) => first.map(|hold| hold.decide_by),
            BatchStanding::Approved { until } => Some(*until),
            BatchStanding::Done | BatchStanding::Broken { .. } => None,
        };
        let needs: BTreeSet<&ApproverGroup> = batch.holds().flat_map(|hold| &hold.needs).collect();
        let went = |call: &&Listed| call.answered.is_some();
        Self {
            id: batch.id.to_string(),
            state: standing.as_str().to_owned(),
            why: match &standing {
                BatchStanding::Broken { number, why } => format!("call {number}: {}", why.as_str()),
                _ => String::new(),
            },
            message: inert(&batch.message, MESSAGE),
            task: of_first(|hold| hold.task.to_string()),
            sponsor: of_first(|hold| hold.sponsor.to_string()),
            length: batch.calls.len(),
            went: batch.calls.iter().filter(went).count(),
            needs: needs.into_iter().map(ToString::to_string).collect(),
            waits_for: match &standing {
                BatchStanding::Waiting(missing) => missing.to_string(),
                _ => String::new(),
            },
            opened: of_first(|hold| moment(hold.opened)),
            decide_by: of_first(|hold| moment(hold.decide_by)),
            seconds_left: end.map_or(0, |end| end.duration_since(now).as_secs().max(0)),
        }
    }
}

impl DifferenceShown {
    /// `added 3: Change 1 lambda:function in prod: ce-export`.
    fn words(&self) -> String {
        let place = match (self.from, self.to) {
            (Some(from), Some(to)) if from != to => format!("{from} → {to}"),
            (from, to) => to.or(from).map_or_else(String::new, |it| it.to_string()),
        };
        format!("{} {place}: {}", self.what, self.effect)
    }
}
