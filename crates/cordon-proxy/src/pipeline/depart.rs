//! The way out: mint, sign, forward, and what became of it.

use super::lend::LendError;
use super::outcome::{Head, Open, ToldBy};
use super::stop::Stopped;
use crate::forward::{Answered, Caller, Effect, ForwardError, Keeper, UploadFault};
use crate::known::Changing;
use crate::line::Line;
use crate::meter::{Meter, Stage};
use crate::payload;
use crate::standing::{Fallen, Need, Standing};
use crate::trace::chain;
use cordon_aws::call::{Class, Protocol};
use cordon_aws::error_shape::ErrorShape;
use cordon_aws::made::Maker;
use cordon_aws::told::{Told, ToldReader};
use cordon_broker::MintError;
use cordon_core::decide::Permit;
use cordon_core::names::Reference;
use cordon_core::record::CallResult;
use cordon_core::refusal::{Failure, Refusal};
use cordon_core::sign::{SignError, sign};
use cordon_store::Recorded;
use std::time::Instant;

/// What is known of a call that leaves.
#[derive(Debug)]
pub(super) struct Departure {
    pub(super) reference: Reference,
    shape: ErrorShape,
    effect: Effect,
    protocol: Protocol,
    pub(super) service: &'static str,
    operation: &'static str,
    /// Reads what the call makes, where its answer names that.
    maker: Option<Maker>,
    pub(super) decided: Instant,
    pub(super) standing: Standing,
    /// What makes that nothing is known from before it, where it may change something.
    changing: Option<Changing>,
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
    #[error("there are no virtual credentials for the call")]
    Lend(#[source] LendError),
}

impl Departure {
    pub(super) fn of(line: &Line, permit: &Permit, shape: ErrorShape, decided: Instant) -> Self {
        let assessed = permit.assessed();
        let call = assessed.call();
        // A question is none only if the upstream sees that it is one.
        let may_change = call.class() != Class::Observe || assessed.is_question();
        Self {
            reference: assessed.reference().clone(),
            shape,
            effect: match call.mutates() {
                true => Effect::Changes,
                false => Effect::Reads,
            },
            protocol: call.protocol(),
            service: call.service().name(),
            operation: call.operation().name(),
            // What a question makes is not the task's own.
            maker: match assessed.is_question() {
                true => None,
                false => Maker::of(call, line.clock.now()),
            },
            decided,
            standing: Standing::of(
                line,
                assessed.session(),
                permit.concerned(),
                permit.posture(),
            ),
            changing: may_change.then(|| line.known.change()),
        }
    }

    /// The reader for a good answer, where it has more to tell than its status.
    fn listen(&mut self) -> Option<ToldReader> {
        let maker = self.maker.take();
        Told::reader(self.service, self.operation, self.protocol, maker)
    }
}

/// Mints credentials for the call, signs it with them and sends it.
pub(super) async fn depart(
    line: &Line,
    caller: Caller<'_>,
    permit: Permit,
    recorded: &Recorded,
    departure: &Departure,
) -> Result<Answered, DepartError> {
    line.under_way.begin(&departure.reference);
    let recorded_at = line.meter.took(Stage::Record, departure.decided);
    let is_live = || departure.standing.check(Need::Look).is_ok();
    let minting = line.broker.mint(&permit, line.clock.now(), is_live);
    let minted = minting.await.map_err(DepartError::Mint)?;
    let now = line.clock.now();
    line.watch.add(&minted, now);
    let minted_at = line.meter.took(Stage::Mint, recorded_at);
    let outbound =
        sign(&minted, permit, &line.forwarder.signing(), now).map_err(DepartError::Sign)?;
    let forwarded = line.forwarder.forward(
        outbound,
        recorded,
        caller,
        departure.effect,
        &departure.standing,
    );
    let answered = forwarded.await.map_err(DepartError::Forward);
    line.meter.took(Stage::Forward, minted_at);
    answered
}

/// Has recorded what became of the call, and tells the agent where nothing came back.
///
/// The outcome of a call that was answered is kept before the last of its answer goes down, so
/// that the agent's next call sees what this one made.
pub(super) async fn close(
    line: &Line,
    recorded: Recorded,
    mut departure: Departure,
    outcome: Result<Answered, DepartError>,
) -> Result<Answered, Stopped> {
    let mut open = Open::of(line, recorded, &departure.reference, departure.decided);
    open.changing = departure.changing.take();
    match outcome {
        Ok(mut answered) => {
            let told = match answered.status.is_success() {
                true => departure.listen(),
                false => None,
            };
            let told_by = match told.as_ref().is_some_and(ToldReader::decides) {
                true => ToldBy::Body,
                false => ToldBy::Status,
            };
            let head = Head::of(&answered, told_by);
            let keeper = Keeper::new(line.outcomes.clone(), |end| open.keep(head, end));
            let standing = departure.standing.clone();
            answered.body.attend(standing, told, keeper);
            Meter::request(departure.service, "allow");
            Ok(answered)
        }
        Err(error) => {
            let closing = open.close(error.result());
            match departure.effect {
                Effect::Changes => closing.await,
                Effect::Reads => drop(line.outcomes.spawn(closing)),
            }
            Err(unanswered(&departure, &error))
        }
    }
}

pub(super) fn unanswered(departure: &Departure, error: &DepartError) -> Stopped {
    let Departure {
        reference,
        service,
        operation,
        ..
    } = departure;
    let help = error.help();
    tracing::warn!(%reference, service, operation, error = %chain(error), help, "an allowed call was not answered");
    Meter::request(service, "failure");
    Meter::upstream_error(error.kind());
    let mut refusal = error.refusal(reference);
    if error.is_frozen()
        && let Some(announced) = departure.standing.announced()
    {
        refusal.announce(&announced);
    }
    Stopped {
        refusal,
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
            Self::Lend(error) => error.kind(),
            Self::Forward(error) => match error {
                ForwardError::Unreachable(_) => "unreachable",
                ForwardError::Fallen(_) => "session-over",
                ForwardError::NotSent(_) | ForwardError::Broken(_) => "broken",
                ForwardError::Unwritable(_) => "unwritable",
                ForwardError::Upload(_) => "upload",
                ForwardError::TimedOut(_) => "timed-out",
                ForwardError::Nonsense(_) => "nonsense",
                ForwardError::Leak => "leak",
            },
        }
    }

    /// What whoever runs Cordon does about it.
    fn help(&self) -> Option<&'static str> {
        match self {
            Self::Mint(error) => Some(error.help()),
            Self::Lend(_) | Self::Sign(_) | Self::Forward(_) => None,
        }
    }

    /// Whether leaders stopped it within its way.
    fn is_frozen(&self) -> bool {
        matches!(
            self,
            Self::Forward(
                ForwardError::Fallen(Fallen::Frozen)
                    | ForwardError::Upload(UploadFault::Fallen(Fallen::Frozen))
            )
        )
    }

    /// Whether the call may have taken effect.
    pub(super) fn result(&self) -> CallResult {
        let why = match self.help() {
            Some(help) => format!("{}; {help}", chain(self)),
            None => chain(self).to_string(),
        };
        let why = why.into();
        match self {
            Self::Mint(_) | Self::Sign(_) | Self::Lend(_) => CallResult::NotSent { why },
            Self::Forward(error) => match error {
                ForwardError::Unreachable(_)
                | ForwardError::Fallen(_)
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
            Self::Mint(error) => of_mint(error),
            Self::Sign(_) => Failure::NotWritten,
            Self::Lend(error) => error.failure(),
            Self::Forward(error) => match error {
                ForwardError::Unreachable(_) | ForwardError::NotSent(_) => Failure::Unreachable,
                ForwardError::Fallen(fallen) => fallen.failure(),
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

/// Whose turn it is: that of whoever set Cordon up or keeps its identity, AWS's, or the agent's.
fn of_mint(error: &MintError) -> Failure {
    match error {
        MintError::SessionPolicy(_) | MintError::TooLarge(_) => Failure::PolicyTooLarge,
        MintError::Stopped => Failure::SessionOver,
        MintError::IdentityExpired(_) => Failure::IdentityExpired,
        MintError::Unavailable(_) | MintError::Nonsense => Failure::StsUnavailable,
        MintError::RoleNotTrusted { .. } => Failure::RoleNotTrusted,
        MintError::NoRole(_)
        | MintError::NotTrusted { .. }
        | MintError::IdentityUnknown { .. }
        | MintError::IdentityMissing(_)
        | MintError::OwnPlaceholder
        | MintError::Clock(_)
        | MintError::Refused { .. } => Failure::NoCredentials,
    }
}

fn of_upload(fault: &UploadFault) -> Failure {
    match fault {
        UploadFault::Client(error) => payload::failure_of(error),
        UploadFault::Payload(_) => Failure::BodyMismatch,
        UploadFault::Framing(_) | UploadFault::Nobody => Failure::NotWritten,
        UploadFault::Fallen(fallen) => fallen.failure(),
        UploadFault::Upstream | UploadFault::Stalled(_) => Failure::Unreachable,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::rescue;
    use cordon_core::session_policy::SessionPolicyError;

    fn every_mint_error() -> Vec<MintError> {
        let text = || "text".to_owned();
        vec![
            MintError::NoRole(text()),
            MintError::SessionPolicy(SessionPolicyError::TooLong { length: 3_000 }),
            MintError::TooLarge(text()),
            MintError::Stopped,
            MintError::NotTrusted {
                role: text(),
                message: text(),
            },
            MintError::RoleNotTrusted {
                role: text(),
                message: text(),
            },
            MintError::IdentityExpired(text()),
            MintError::IdentityUnknown {
                code: text(),
                message: text(),
            },
            MintError::IdentityMissing(text()),
            MintError::OwnPlaceholder,
            MintError::Clock(text()),
            MintError::Refused {
                code: text(),
                message: text(),
            },
            MintError::Unavailable(text()),
            MintError::Nonsense,
        ]
    }

    #[test]
    fn no_fault_of_minting_is_one_that_clients_retry() {
        let reference: Reference = "7QK4M2ZD".parse().unwrap();
        for error in every_mint_error() {
            let error = DepartError::Mint(error);
            let refusal = error.refusal(&reference);
            let code = refusal.code.unwrap_or("AccessDenied");
            assert!(
                code.starts_with("Cordon") || code == "AccessDenied",
                "{code} of {error}"
            );
            for protocol in [Protocol::Json10, Protocol::Query, Protocol::RestXml] {
                let shape = ErrorShape {
                    protocol,
                    s3: false,
                    head: false,
                };
                let answer = rescue::answer(&refusal, shape, &reference);
                let status = answer.status.as_u16();
                assert!(matches!(status, 400 | 403), "{status} of {error}");
            }
            // The agent is told where the fault is and what to do; the words of others are not.
            let left = ["not sent", "AWS did not carry it out"];
            assert!(
                left.iter().any(|words| refusal.message.contains(words)),
                "{}",
                refusal.message
            );
            assert!(refusal.message.contains("7QK4M2ZD"), "{}", refusal.message);
            assert!(!refusal.message.contains("text"), "{}", refusal.message);
            let CallResult::NotSent { why } = error.result() else {
                panic!("the call did not leave: {error}");
            };
            assert!(why.ends_with(error.help().unwrap()), "{why}");
        }
    }
}
