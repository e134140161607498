//! The way out: mint, sign, forward, and what became of it.

use super::stop::Stopped;
use crate::forward::{Answered, Effect, ForwardError, UploadFault};
use crate::http1::Connection;
use crate::line::Line;
use crate::meter::{Meter, Stage};
use crate::payload;
use crate::trace::chain;
use cordon_aws::error_shape::ErrorShape;
use cordon_broker::MintError;
use cordon_core::decide::Permit;
use cordon_core::names::Reference;
use cordon_core::record::CallResult;
use cordon_core::refusal::{Failure, Refusal};
use cordon_core::sign::{SignError, sign};
use cordon_store::Recorded;
use std::sync::Arc;
use std::time::Instant;

/// What is known of a call that leaves.
#[derive(Debug)]
pub(super) struct Departure {
    reference: Reference,
    shape: ErrorShape,
    effect: Effect,
    service: &'static str,
    operation: &'static str,
    decided: Instant,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum DepartError {
    #[error("there are no credentials for the call")]
    Mint(#[source] MintError),
    #[error("the call cannot be signed")]
    Sign(#[source] SignError),
    #[error("the call was not answered")]
    Forward(#[source] ForwardError),
}

impl Departure {
    pub(super) fn of(permit: &Permit, shape: ErrorShape, decided: Instant) -> Self {
        let assessed = permit.assessed();
        let call = assessed.call();
        Self {
            reference: assessed.reference().clone(),
            shape,
            effect: match call.mutates() {
                true => Effect::Changes,
                false => Effect::Reads,
            },
            service: call.service().name(),
            operation: call.operation().name(),
            decided,
        }
    }
}

/// Mints credentials for the call, signs it with them and sends it.
pub(super) async fn depart(
    line: &Line,
    client: &mut Connection,
    permit: Permit,
    recorded: &Recorded,
    departure: &Departure,
) -> Result<Answered, DepartError> {
    line.under_way.begin(&departure.reference);
    let recorded_at = line.meter.took(Stage::Record, departure.decided);
    let minted = line.broker.mint(&permit).await.map_err(DepartError::Mint)?;
    let now = line.clock.now();
    line.watch.add(&minted, now);
    let minted_at = line.meter.took(Stage::Mint, recorded_at);
    let outbound =
        sign(&minted, permit, &line.forwarder.signing(), now).map_err(DepartError::Sign)?;
    let forwarded = line
        .forwarder
        .forward(outbound, recorded, client, departure.effect);
    let answered = forwarded.await.map_err(DepartError::Forward);
    line.meter.took(Stage::Forward, minted_at);
    answered
}

/// Records what became of the call, and tells the agent where nothing came back.
///
/// The outcome of a change is kept before its answer goes down, so that the agent's next call
/// sees what this one made; that of a read is kept while its answer is on its way.
pub(super) async fn close(
    line: &Line,
    recorded: Recorded,
    departure: &Departure,
    outcome: Result<Answered, DepartError>,
) -> Result<Answered, Stopped> {
    let took = departure.decided.elapsed();
    let result = match &outcome {
        Ok(answered) => CallResult::Answered {
            status: answered.status.as_u16(),
            request_id: answered.request_id.clone(),
        },
        Err(error) => error.result(),
    };
    let store = Arc::clone(&line.store);
    let reference = departure.reference.clone();
    let closing = async move {
        if let Err(error) = store.close(recorded, result, took).await {
            tracing::error!(%reference, error = %chain(&error), "an outcome could not be recorded");
        }
    };
    match departure.effect {
        Effect::Changes => closing.await,
        Effect::Reads => drop(line.tasks.spawn(closing)),
    }
    line.under_way.end(&departure.reference);
    outcome
        .map_err(|error| unanswered(departure, &error))
        .inspect(|_| {
            Meter::request(departure.service, "allow");
        })
}

fn unanswered(departure: &Departure, error: &DepartError) -> Stopped {
    let Departure {
        reference,
        service,
        operation,
        ..
    } = departure;
    tracing::warn!(%reference, service, operation, error = %chain(error), "an allowed call was not answered");
    Meter::request(service, "failure");
    Meter::upstream_error(error.kind());
    Stopped {
        refusal: error.refusal(reference),
        shape: departure.shape,
        reference: reference.clone(),
    }
}

impl DepartError {
    /// A word of a closed list.
    fn kind(&self) -> &'static str {
        match self {
            Self::Mint(_) => "mint",
            Self::Sign(_) => "sign",
            Self::Forward(error) => match error {
                ForwardError::Unreachable(_) => "unreachable",
                ForwardError::NotSent(_) | ForwardError::Broken(_) => "broken",
                ForwardError::Unwritable(_) => "unwritable",
                ForwardError::Upload(_) => "upload",
                ForwardError::TimedOut(_) => "timed-out",
                ForwardError::Nonsense(_) => "nonsense",
                ForwardError::Leak => "leak",
            },
        }
    }

    /// Whether the call may have taken effect.
    fn result(&self) -> CallResult {
        let why = chain(self).to_string().into();
        match self {
            Self::Mint(_) | Self::Sign(_) => CallResult::NotSent { why },
            Self::Forward(error) => match error {
                ForwardError::Unreachable(_)
                | ForwardError::NotSent(_)
                | ForwardError::Unwritable(_)
                | ForwardError::Upload(_) => CallResult::NotSent { why },
                ForwardError::Broken(_)
                | ForwardError::TimedOut(_)
                | ForwardError::Nonsense(_)
                | ForwardError::Leak => CallResult::Indeterminate { why },
            },
        }
    }

    /// What the agent is told.
    fn refusal(&self, reference: &Reference) -> Refusal {
        let failure = match self {
            Self::Mint(MintError::SessionPolicy(error)) => {
                return Refusal::of_session_policy(error, reference);
            }
            Self::Mint(_) => Failure::NoCredentials,
            Self::Sign(_) => Failure::NotWritten,
            Self::Forward(error) => match error {
                ForwardError::Unreachable(_) | ForwardError::NotSent(_) => Failure::Unreachable,
                ForwardError::Unwritable(_) => Failure::NotWritten,
                ForwardError::Upload(fault) => of_upload(fault),
                ForwardError::Broken(_)
                | ForwardError::TimedOut(_)
                | ForwardError::Nonsense(_)
                | ForwardError::Leak => Failure::Indeterminate,
            },
        };
        Refusal::of_failure(failure, reference)
    }
}

fn of_upload(fault: &UploadFault) -> Failure {
    match fault {
        UploadFault::Client(error) => payload::failure_of(error),
        UploadFault::Payload(_) => Failure::BodyMismatch,
        UploadFault::Framing(_) => Failure::NotWritten,
        UploadFault::Upstream | UploadFault::Stalled(_) => Failure::Unreachable,
    }
}
