//! Calls: what was asked of AWS, and what became of it.

#![expect(unused_qualifications, reason = "utoipa writes them")]

use super::input::{Asked, Named};
use super::moment;
use crate::failure::ApiError;
use crate::plane::Plane;
use crate::visitor::Visitor;
use axum::Json;
use axum::extract::State;
use cordon_core::control::Deed;
use cordon_core::inert::inert;
use cordon_core::names::{Reference, Sponsor};
use cordon_core::record::{AccessRecord, CallRecord, CallResult, RecordedOutcome};
use cordon_store::{CallFilter, StoredCall};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// How long names and ARNs are shown.
pub(super) const NAME: usize = 400;
/// How long parameters are shown.
pub(super) const PARAMETERS: usize = 16_384;
/// Rows that are looked at for one page.
const SCANNED: u32 = 500;

/// One recorded call.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CallShown {
    /// What people quote.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Its place in the order of recording.
    pub sequence: u64,
    /// When it was decided.
    pub at: String,
    /// Of which task.
    pub task: String,
    /// By which agent.
    pub agent: String,
    /// Who answers for it.
    pub sponsor: String,
    /// botocore's name of the service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// Where.
    pub partition: String,
    /// Where.
    pub region: String,
    /// In which account.
    pub account: String,
    /// The gravest thing that it does.
    pub class: String,
    /// What guards noticed.
    pub facts: Vec<String>,
    /// What it does to what.
    pub accesses: Vec<AccessShown>,
    /// `allow`, `hold`, `preview`, `deny`, `reject`.
    pub verdict: String,
    /// What decided it.
    pub policies: Vec<PolicyShown>,
    /// The code that its agent got.
    pub code: String,
    /// What its agent was told.
    pub message: String,
    /// `sha256:...` of the canonical call.
    pub digest: String,
    /// Its parameters, without secrets.
    pub parameters: String,
    /// What became of it; nothing where it did not leave or is under way.
    pub result: Option<ResultShown>,
}

/// One action on one resource.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AccessShown {
    /// The IAM action.
    pub action: String,
    /// The ARN.
    pub resource: String,
    /// Its kind: `lambda:function`.
    pub kind: String,
    /// Its environment.
    pub environment: String,
    /// What the access does.
    pub class: String,
    /// Whether the request does not name it, and a look found it behind what it names.
    pub implied: bool,
}

/// One policy that decided.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolicyShown {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub title: String,
}

/// What became of a call.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ResultShown {
    /// `answered`, `failed`, `partial`, `cut`, `indeterminate`, `not-sent`.
    pub result: String,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// Why, where it did not go well.
    pub why: String,
}

/// Some calls, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CallPage {
    /// The calls.
    pub calls: Vec<CallShown>,
    /// What to pass as `cursor` for the next page; nothing where this is the last.
    pub next: Option<String>,
}

/// Which calls.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CallQuery {
    /// Of this task.
    task: Option<String>,
    /// With this verdict: `allow`, `hold`, `preview`, `deny`, `reject`.
    verdict: Option<String>,
    /// Of this service.
    service: Option<String>,
    /// Of this operation.
    operation: Option<String>,
    /// Of this class.
    class: Option<String>,
    /// With an access to this environment.
    environment: Option<String>,
    /// With this text anywhere.
    text: Option<String>,
    /// `next` of the page before.
    cursor: Option<u64>,
    /// At most this many, 1 to 200; 50 where it is not said.
    limit: Option<u32>,
}

/// Calls of the tasks that you may look at, newest first.
#[utoipa::path(get, operation_id = "listCalls", path = "/api/v1/calls", params(CallQuery), responses((status = 200, body = CallPage), (status = "default", body = ApiError)))]
pub(super) async fn list(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Asked(query): Asked<CallQuery>,
) -> Result<Json<CallPage>, ApiError> {
    plane.permit(&visitor, Deed::ViewPosture)?;
    let limit = query.limit.unwrap_or(50).clamp(1, 200) as usize;
    let filter = query.filter()?;
    let scanned = plane.store.search(&filter).await?;
    let full = scanned.len() as u64 == u64::from(SCANNED);
    let mut next = scanned.last().filter(|_| full).map(|call| call.sequence);
    let mut sight = Sight::default();
    let mut calls: Vec<CallShown> = Vec::new();
    for call in scanned {
        if !sight.covers(&plane, &visitor, &call.record) {
            continue;
        }
        if calls.len() == limit {
            next = calls.last().map(|call| call.sequence);
            break;
        }
        calls.push(CallShown::of(&call));
    }
    Ok(Json(CallPage {
        calls,
        next: next.map(|sequence| sequence.to_string()),
    }))
}

/// One call.
#[utoipa::path(get, operation_id = "showCall", path = "/api/v1/calls/{ref}", params(("ref" = String, Path, description = "its reference")), responses((status = 200, body = CallShown), (status = "default", body = ApiError)))]
pub(super) async fn show(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(reference): Named<Reference>,
) -> Result<Json<CallShown>, ApiError> {
    let found = plane.store.call(&reference).await?;
    let mut sight = Sight::default();
    let call = found.filter(|call| sight.covers(&plane, &visitor, &call.record));
    let call = call.ok_or_else(|| ApiError::not_found("call"))?;
    Ok(Json(CallShown::of(&call)))
}

impl CallQuery {
    fn filter(self) -> Result<CallFilter, ApiError> {
        let task = self.task.map(|task| task.parse()).transpose();
        let verdict = self.verdict.map(|word| {
            let verdict = RecordedOutcome::named(&word);
            verdict.ok_or_else(|| ApiError::malformed("there is no such verdict"))
        });
        Ok(CallFilter {
            task: task.map_err(|_| ApiError::malformed("`task` is no task id"))?,
            verdict: verdict.transpose()?,
            service: self.service.map(Box::from),
            operation: self.operation.map(Box::from),
            class: self.class.map(Box::from),
            environment: self.environment.map(Box::from),
            text: self.text.map(Box::from),
            before: self.cursor,
            limit: Some(SCANNED),
            ..CallFilter::default()
        })
    }
}

/// What a visitor may look at, asked once for each sponsor.
#[derive(Default)]
struct Sight(HashMap<Box<str>, bool>);

impl Sight {
    fn covers(&mut self, plane: &Plane, visitor: &Visitor, record: &CallRecord) -> bool {
        if let Some(covered) = self.0.get(&record.sponsor) {
            return *covered;
        }
        let sponsor: Option<Sponsor> = record.sponsor.parse().ok();
        let deed = match &sponsor {
            Some(sponsor) => Deed::ViewTask(sponsor),
            None => Deed::ViewStrays,
        };
        let covered = plane.permit(visitor, deed).is_ok();
        self.0.insert(record.sponsor.clone(), covered);
        covered
    }
}

impl CallShown {
    pub(super) fn of(call: &StoredCall) -> Self {
        let record = &call.record;
        let name = |text: &str| inert(text, NAME);
        Self {
            reference: name(&record.reference),
            sequence: call.sequence,
            at: moment(record.at),
            task: name(&record.task),
            agent: name(&record.agent),
            sponsor: name(&record.sponsor),
            service: name(&record.service),
            operation: name(&record.operation),
            partition: name(&record.partition),
            region: name(&record.region),
            account: name(&record.account),
            class: record.class.to_owned(),
            facts: record.facts.iter().map(|fact| (*fact).to_owned()).collect(),
            accesses: record.accesses.iter().map(AccessShown::of).collect(),
            verdict: record.outcome.as_str().to_owned(),
            policies: policies(record),
            code: name(&record.code),
            message: inert(&record.message, 2_000),
            digest: name(&record.digest),
            parameters: inert(&record.parameters, PARAMETERS),
            result: call
                .closed
                .as_ref()
                .map(|closed| ResultShown::of(&closed.result)),
        }
    }
}

pub(super) fn policies(record: &CallRecord) -> Vec<PolicyShown> {
    let policies = record.policies.iter().map(|(id, title, _)| PolicyShown {
        id: inert(id, NAME),
        title: inert(title, NAME),
    });
    policies.collect()
}

impl AccessShown {
    pub(super) fn of(access: &AccessRecord) -> Self {
        Self {
            action: inert(&access.action, NAME),
            resource: inert(&access.resource, NAME),
            kind: inert(&access.kind, NAME),
            environment: inert(&access.environment, NAME),
            class: access.class.to_owned(),
            implied: access.implied,
        }
    }
}

impl ResultShown {
    fn of(result: &CallResult) -> Self {
        let (word, status, why) = match result {
            CallResult::Answered { status, .. } => ("answered", Some(*status), ""),
            CallResult::Faulted {
                fault, status, why, ..
            } => (fault.as_str(), Some(*status), &**why),
            CallResult::Indeterminate { why } => ("indeterminate", None, &**why),
            CallResult::NotSent { why } => ("not-sent", None, &**why),
        };
        Self {
            result: word.to_owned(),
            status,
            why: inert(why, NAME),
        }
    }
}
