//! What callers are told: constant sentences with a next step, in the four parts that keep an
//! agent from treating policy as an outage. Variable parts are references, ids, closed words,
//! whole numbers and UTC times; an ARN only if it came from this very request and is plain.

use crate::authenticate::AuthenticateError;
use crate::decide::Refused;
use crate::names::Reference;
use crate::session_policy::SessionPolicyError;
use cordon_aws::error_shape::ErrorShape;
use cordon_aws::identify::IdentifyError;

/// One refusal, ready to be rendered in the caller's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code; `None` for the protocol's own access-denied code.
    pub code: Option<&'static str>,
    /// The text for the agent.
    pub message: String,
    /// The verdict word for the header `x-cordon-verdict`.
    pub verdict: &'static str,
    /// 400 for malformed bytes; `None` for the protocol's own access-denied status.
    pub status: Option<u16>,
}

/// A failure of our own or of the cloud's side that keeps an allowed call from leaving, or its
/// answer from coming back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The decision could not be written durably.
    NotRecorded,
    /// No credentials could be had from STS.
    NoCredentials,
    /// The upstream could not be reached, so the call did not leave.
    Unreachable,
    /// The connection broke after the call left: it may have taken effect.
    Indeterminate,
    /// The body is larger than its protocol admits.
    TooLarge,
    /// The body did not come in time.
    TimedOut,
    /// The body's hash or signature did not hold.
    BodyMismatch,
    /// Too much is in flight.
    Overloaded,
    /// The process is shutting down.
    ShuttingDown,
}

impl Refusal {
    /// For a decided call that does not go.
    #[must_use]
    pub fn of_refused(refused: &Refused) -> Self {
        let _ = refused;
        todo!()
    }
    /// For a request that nobody stands behind.
    #[must_use]
    pub fn of_authenticate(
        error: &AuthenticateError,
        shape: ErrorShape,
        reference: &Reference,
    ) -> Self {
        let _ = (error, shape, reference);
        todo!()
    }
    /// For a request without a single meaning.
    #[must_use]
    pub fn of_identify(error: &IdentifyError, reference: &Reference) -> Self {
        let _ = (error, reference);
        todo!()
    }
    /// For a decision that fits no session policy.
    #[must_use]
    pub fn of_session_policy(error: &SessionPolicyError, reference: &Reference) -> Self {
        let _ = (error, reference);
        todo!()
    }
    /// For a failure on the way.
    #[must_use]
    pub fn of_failure(failure: Failure, reference: &Reference) -> Self {
        let _ = (failure, reference);
        todo!()
    }
}
