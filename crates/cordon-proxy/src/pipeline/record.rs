//! Recording: a decision is written down before anything leaves; only what was written goes on.

use super::stop::{Stopped, stop};
use crate::line::Line;
use crate::replay::{Sighting, Signature};
use crate::trace::chain;
use cordon_aws::error_shape::ErrorShape;
use cordon_core::decide::{Decision, Outcome, Permit};
use cordon_core::hold::Terms;
use cordon_core::names::Reference;
use cordon_core::predict::Prediction;
use cordon_core::record::{CallRecord, OnHold, RecordedOutcome};
use cordon_core::refusal::{Failure, HeldAnswer, Refusal};
use cordon_core::session::Session;
use cordon_store::{Budget, RecordError, Recorded};
use jiff::Timestamp;

/// What is written beside a decision.
#[derive(Default)]
pub(super) struct Beside {
    /// The approval that lets the call go: it is used up with the record.
    pub(super) approval: Option<OnHold>,
    /// What a call that does not go would change.
    pub(super) prediction: Option<Box<Prediction>>,
    /// On what terms a call that is only previewed would be held.
    pub(super) held_as: Option<Box<Terms>>,
}

/// Writes the decision down. An allowed call goes on with the proof that it was. Only Cordon's own
/// reads have no `signature`.
pub(super) async fn record(
    line: &Line,
    decision: Decision,
    beside: Beside,
    signature: Option<&Signature>,
    shape: ErrorShape,
    now: Timestamp,
) -> Result<(Permit, Recorded), Stopped> {
    let reference = decision.assessed().reference().clone();
    let mut record = CallRecord::of_decision(&decision, None, line.catalog.version());
    record.hold = beside.approval;
    record.prediction = beside.prediction;
    record.held_as = beside.held_as;
    let permit = match decision {
        Decision::Allow(permit) => permit,
        Decision::Hold(refused) | Decision::Preview(refused) | Decision::Deny(refused) => {
            let refusal = Refusal::of_refused(&refused);
            return Err(stop(line, record, refusal, reference, shape).await);
        }
    };
    if let Some(failure) = seen_before(line, &permit, signature, now) {
        let refusal = Refusal::of_failure(failure, &reference);
        let stopped = stop(line, rejected(record), refusal, reference, shape).await;
        if let (Failure::Replayed, Some(signature)) = (failure, signature) {
            tokio::time::sleep(signature.rest_of_second(line.clock.now())).await;
        }
        return Err(stopped);
    }
    let budget = budget(permit.assessed().session());
    match line.store.record(record, budget).await {
        Ok(recorded) => Ok((permit, recorded)),
        Err(error) => Err(unrecorded(line, permit, &error, shape).await),
    }
}

/// Why a change does not leave a second time.
fn seen_before(
    line: &Line,
    permit: &Permit,
    signature: Option<&Signature>,
    now: Timestamp,
) -> Option<Failure> {
    if !permit.assessed().call().mutates() {
        return None;
    }
    let Some(signature) = signature else {
        return Some(Failure::Replayed);
    };
    match line.replays.see(signature, now) {
        Sighting::First => None,
        Sighting::Again => Some(Failure::Replayed),
        Sighting::NoRoom => Some(Failure::Overloaded),
    }
}

/// An allowed call that could not be written down, and so does not go.
async fn unrecorded(
    line: &Line,
    permit: Permit,
    error: &RecordError,
    shape: ErrorShape,
) -> Stopped {
    let reference = permit.assessed().reference().clone();
    tracing::error!(%reference, error = %chain(error), "a decision could not be recorded");
    let refusal = match error {
        RecordError::OverBudget { .. } => over_budget(permit.assessed().session(), &reference),
        RecordError::Overtaken(arn) => overtaken(arn, &reference),
        RecordError::ApprovalGone => Refusal::of_held(HeldAnswer::Gone, "", &reference),
        RecordError::TaskOver => Refusal::of_failure(Failure::SessionOver, &reference),
        RecordError::TooLarge { .. } => Refusal::of_failure(Failure::TooLarge, &reference),
        RecordError::ReferenceTaken(_) | RecordError::Store(_) => {
            Refusal::of_failure(Failure::NotRecorded, &reference)
        }
    };
    let decision = Decision::Allow(permit);
    let mut record = CallRecord::of_decision(&decision, None, line.catalog.version());
    record.outcome = RecordedOutcome::Decided(Outcome::Deny);
    stop(line, record, refusal, reference, shape).await
}

/// The last units of a budget went to another call that was decided at the same moment.
fn over_budget(session: &Session, reference: &Reference) -> Refusal {
    let task = session.task.id();
    Refusal {
        code: None,
        message: format!(
            "The budget of task {task} is used up, so the request was not sent to AWS. This is a \
             policy decision that worked as intended; it is not an outage, a permissions bug or a \
             wrongly formed request. Stop making changes, and ask your sponsor for a larger \
             budget. Do not retry. Ref {reference}."
        ),
        verdict: "deny",
        status: None,
    }
}

/// What the call was decided on goes with another call that was decided at the same moment.
fn overtaken(arn: &str, reference: &Reference) -> Refusal {
    Refusal {
        code: None,
        message: format!(
            "This call may go only as long as {arn} stays, and another call of the task takes that \
             away, so the request was not sent to AWS. This is a policy decision that worked as \
             intended; it is not an outage, a permissions bug or a wrongly formed request. Leave \
             what is left in place. Ref {reference}."
        ),
        verdict: "deny",
        status: None,
    }
}

fn rejected(record: CallRecord) -> CallRecord {
    CallRecord {
        outcome: RecordedOutcome::Rejected,
        ..record
    }
}

/// What the store charges the task's changes to.
fn budget(session: &Session) -> Budget {
    let budget = session.task.budget();
    Budget {
        mutations: Some(budget.mutations),
        creates: Some(budget.creates),
        destroys: Some(budget.destroys),
        per_minute: Some(budget.per_minute),
    }
}
