//! What stops a request: recorded, told to the operator in one event, handed back to be answered.

use super::pause::Denied;
use crate::line::Line;
use crate::meter::Meter;
use crate::payload::PayloadFault;
use crate::rescue;
use crate::stranger::Keeping;
use crate::trace::chain;
use cordon_aws::error_shape::{ErrorShape, shape_of};
use cordon_aws::sigv4::Claim;
use cordon_core::authenticate::{AuthenticateError, Received};
use cordon_core::hold::Reason;
use cordon_core::identify::Unidentified;
use cordon_core::names::Reference;
use cordon_core::record::{CallRecord, RecordedOutcome};
use cordon_core::refusal::Refusal;
use cordon_core::session::Session;
use cordon_store::Budget;
use http::StatusCode;
use std::error::Error;

/// A request that goes no further, and what its agent is told.
#[derive(Debug)]
pub(super) struct Stopped {
    pub(super) refusal: Refusal,
    pub(super) shape: ErrorShape,
    pub(super) reference: Reference,
}

/// A request whose body could not be read.
pub(super) async fn unread(line: &Line, received: &Received, fault: &PayloadFault) -> Stopped {
    if let PayloadFault::Nobody(error) = fault {
        return nobody(line, received, error).await;
    }
    let refusal = Refusal::of_failure(fault.failure(), &received.reference);
    rejected(line, received, None, refusal, early_shape(received), fault).await
}

/// A request that no session stands behind.
pub(super) async fn nobody(line: &Line, received: &Received, error: &AuthenticateError) -> Stopped {
    let shape = early_shape(received);
    let refusal = Refusal::of_authenticate(error, shape, &received.reference);
    rejected(line, received, None, refusal, shape, error).await
}

/// A request of a session that has no single meaning.
pub(super) async fn unidentified(
    line: &Line,
    unidentified: &Unidentified,
    shape: ErrorShape,
) -> Stopped {
    let received = &unidentified.received;
    let refusal = Refusal::of_identify(&unidentified.error, &received.reference);
    let session = Some(&*unidentified.session);
    rejected(line, received, session, refusal, shape, &unidentified.error).await
}

/// A call whose `record` says why it does not go; the agent is told `refusal`.
pub(super) async fn stop(
    line: &Line,
    mut record: CallRecord,
    mut refusal: Refusal,
    reference: Reference,
    shape: ErrorShape,
) -> Stopped {
    let denied = Denied::of(&record, refusal.verdict == "paused");
    if let Some(denied) = &denied
        && let Some(earlier) = denied.repeats(line).await
    {
        refusal.repeats(&earlier);
    }
    if let Some(reason) = declined(line, &record).await {
        refusal.declined(reason);
    }
    record.code = rescue::code(&refusal, shape).into();
    record.message = refusal.message.as_str().into();
    tell(line, &record, outcome(&record, &refusal), None);
    keep(line, record).await;
    if let Some(denied) = denied {
        denied.weigh(line).await;
    }
    Stopped {
        refusal,
        shape,
        reference,
    }
}

/// Why the task was not to be amended for this very call. Nothing where that cannot be read: the answer is
/// the same, and only its words do not say so.
async fn declined(line: &Line, record: &CallRecord) -> Option<Reason> {
    let task = record.task.parse().ok();
    let task = task.filter(|_| record.outcome.denied())?;
    line.store.declined(&task, &record.digest).await.ok()?
}

/// What never became a request, or was for nowhere that Cordon goes. `said` is what its sender was
/// told, and names nothing of what it sent but a host.
pub(crate) async fn stray(line: &Line, status: StatusCode, said: &str) {
    let reference = line.references.next(line.clock.now());
    let record = CallRecord::of_stray(
        &reference,
        line.clock.now(),
        status.as_str(),
        said,
        line.catalog.version(),
    );
    stranger(line, record, None).await;
}

async fn rejected(
    line: &Line,
    received: &Received,
    session: Option<&Session>,
    refusal: Refusal,
    shape: ErrorShape,
    why: &(dyn Error + Sync + 'static),
) -> Stopped {
    let code = rescue::code(&refusal, shape);
    let mut record =
        CallRecord::of_rejection(received, session, &refusal, code, line.catalog.version());
    let why = chain(why).to_string();
    match session {
        Some(_) => {
            tell(line, &record, "reject", Some(&why));
            keep(line, record).await;
        }
        None => {
            if let Ok(claim) = Claim::of(&received.request) {
                record.claims(claim.key_id().as_str(), claim.scope().region.as_str());
            }
            stranger(line, record, Some(&why)).await;
        }
    }
    Stopped {
        refusal,
        shape,
        reference: received.reference.clone(),
    }
}

/// Tells of and keeps the record of a request that nobody stands behind, under the bound for them:
/// neither store nor log can be filled by whoever knocks.
async fn stranger(line: &Line, mut record: CallRecord, why: Option<&str>) {
    match line.strangers.knock(line.clock.now()) {
        Keeping::Kept { unkept } => {
            if unkept > 0 {
                record.message = format!(
                    "{} [{unkept} more that nobody stands behind were not recorded before it]",
                    record.message
                )
                .into();
            }
            tell(line, &record, "reject", why);
            keep(line, record).await;
        }
        Keeping::FirstUnkept => {
            tracing::warn!(
                "requests that nobody stands behind are many: from here on they are counted and \
                 not recorded one by one"
            );
            unkept(&record, why);
        }
        Keeping::Unkept => unkept(&record, why),
    }
}

fn unkept(record: &CallRecord, why: Option<&str>) {
    tracing::debug!(code = %record.code, why, "a request that nobody stands behind was refused");
    Meter::stranger_unkept();
    Meter::request("", "reject");
}

/// A refusal is one event that can be read alone.
fn tell(line: &Line, record: &CallRecord, outcome: &'static str, why: Option<&str>) {
    let policies: Vec<&str> = record.policies.iter().map(|(id, ..)| &**id).collect();
    tracing::info!(
        reference = %record.reference,
        verdict = outcome,
        code = %record.code,
        task = %record.task,
        session = %record.session,
        service = %record.service,
        operation = %record.operation,
        class = record.class,
        policies = ?policies,
        why,
        "a request was refused"
    );
    let service = line
        .catalog
        .service(&record.service)
        .map_or("", |service| service.name());
    Meter::request(service, outcome);
}

fn outcome(record: &CallRecord, refusal: &Refusal) -> &'static str {
    match record.outcome {
        RecordedOutcome::Decided(_) => refusal.verdict,
        RecordedOutcome::Rejected => "reject",
    }
}

/// Keeps the record of a call that does not go. It is refused whether or not that works.
async fn keep(line: &Line, record: CallRecord) {
    let reference = record.reference.clone();
    match line.store.record(record, Budget::default()).await {
        Ok(recorded) => drop(recorded),
        Err(error) => {
            tracing::error!(%reference, error = %chain(&error), "a refusal could not be recorded");
        }
    }
}

/// The shape to refuse in while nothing of the request is proven.
fn early_shape(received: &Received) -> ErrorShape {
    let claim = Claim::of(&received.request).ok();
    let signing_name = claim.as_ref().map(|claim| &*claim.scope().service);
    shape_of(&received.request, signing_name)
}
