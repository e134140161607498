//! What stops a request: recorded, told to the operator in one event, handed back to be answered.

use crate::line::Line;
use crate::meter::Meter;
use crate::payload::PayloadFault;
use crate::rescue;
use crate::trace::chain;
use cordon_aws::error_shape::{ErrorShape, shape_of};
use cordon_aws::sigv4::Claim;
use cordon_core::authenticate::{AuthenticateError, Received};
use cordon_core::identify::Unidentified;
use cordon_core::names::Reference;
use cordon_core::record::{CallRecord, RecordedOutcome};
use cordon_core::refusal::Refusal;
use cordon_core::session::Session;
use cordon_store::Budget;
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
    refusal: Refusal,
    reference: Reference,
    shape: ErrorShape,
) -> Stopped {
    record.code = rescue::code(&refusal, shape).into();
    record.message = refusal.message.as_str().into();
    tell(line, &record, &refusal, None);
    keep(line, record).await;
    Stopped {
        refusal,
        shape,
        reference,
    }
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
    let record =
        CallRecord::of_rejection(received, session, &refusal, code, line.catalog.version());
    tell(line, &record, &refusal, Some(chain(why).to_string()));
    // What strangers send is told and counted but not kept: they could fill the disk with it.
    if session.is_some() {
        keep(line, record).await;
    }
    Stopped {
        refusal,
        shape,
        reference: received.reference.clone(),
    }
}

/// A refusal is one event that can be read alone.
fn tell(line: &Line, record: &CallRecord, refusal: &Refusal, why: Option<String>) {
    let policies: Vec<&str> = record.policies.iter().map(|(id, ..)| &**id).collect();
    tracing::info!(
        reference = %record.reference,
        verdict = refusal.verdict,
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
    Meter::request(service, outcome(record, refusal));
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
