//! Why there are no credentials: whose fault it is, and what mends it.
//!
//! Takes what the SDK says of an `AssumeRole`; gives one [`MintError`]. Nothing of STS's raw answer
//! is kept but its code and sentence: an answer that could not be read may hold a secret.

use crate::base::OwnPlaceholder;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use cordon_core::session_policy::SessionPolicyError;
use std::error::Error;

/// The most characters that are kept of what STS says.
const LONGEST: usize = 512;

/// Why there are no credentials for a permitted call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// No rule names a role.
    #[error("no role is configured for account `{0}`")]
    NoRole(String),
    /// The decision fits no session policy.
    #[error("the decision fits no session policy")]
    SessionPolicy(#[source] SessionPolicyError),
    /// STS has no room for the policy of this call alone.
    #[error("STS has no room for the session policy of this call alone: {0}")]
    TooLarge(String),
    /// The session was stopped in the meantime.
    #[error("the session was stopped while its call was on the way")]
    Stopped,
    /// The role does not let the base identity in.
    #[error("the base identity may not assume `{role}`: {message}")]
    NotTrusted {
        /// The role.
        role: String,
        /// STS's sentence.
        message: String,
    },
    /// The role that an agent assumes does not let the one in from which it is assumed.
    #[error("`{role}` may not be assumed from the role before it: {message}")]
    RoleNotTrusted {
        /// The role.
        role: String,
        /// STS's sentence.
        message: String,
    },
    /// The base identity has expired.
    #[error("the base identity has expired: {0}")]
    IdentityExpired(String),
    /// STS does not know the base identity's key, or its secret is another.
    #[error("STS does not accept the base identity, {code}: {message}")]
    IdentityUnknown {
        /// STS's code.
        code: String,
        /// STS's sentence.
        message: String,
    },
    /// No base identity could be had.
    #[error("there is no base identity: {0}")]
    IdentityMissing(String),
    /// The base identity is a key pair that Cordon gave to an agent.
    #[error("the base identity is a placeholder key that Cordon gave to an agent")]
    OwnPlaceholder,
    /// This machine and STS do not agree on the time.
    #[error("the clocks of this machine and STS differ: {0}")]
    Clock(String),
    /// STS said no for another reason.
    #[error("STS refused the session with {code}: {message}")]
    Refused {
        /// STS's code: `RegionDisabledException`, `ValidationError`.
        code: String,
        /// STS's sentence.
        message: String,
    },
    /// STS did not answer in time, or cannot at the moment.
    #[error("STS could not be asked: {0}")]
    Unavailable(String),
    /// STS's answer is no session.
    #[error("STS answered without usable credentials")]
    Nonsense,
}

/// Codes that say that STS is not able to answer now.
const BUSY: [&str; 6] = [
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "InternalFailure",
    "InternalError",
];

impl MintError {
    /// What whoever runs Cordon does about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoRole(_) => "add a [[role]] for the account to cordon.toml",
            Self::SessionPolicy(_) | Self::TooLarge(_) => "let the agent split the call",
            Self::Stopped => "nothing: it was stopped as it should be",
            Self::NotTrusted { .. } => {
                "the role's trust policy must allow the base identity sts:AssumeRole, \
                 sts:SetSourceIdentity and sts:TagSession, and so must that identity's own policies"
            }
            Self::RoleNotTrusted { .. } => {
                "the trust policy of the role that the task names must allow sts:AssumeRole to the \
                 role of the account in cordon.toml, and the policies of that one sts:AssumeRole on \
                 the role; both at once where they are in different accounts"
            }
            Self::IdentityExpired(_) => {
                "renew the credentials that Cordon was started with, for example by `aws sso \
                 login`; those of variables need a restart"
            }
            Self::IdentityUnknown { .. } => {
                "start Cordon with an access key that exists and is active, in the partition of \
                 the roles"
            }
            Self::IdentityMissing(_) => {
                "set AWS_PROFILE, or log in as you do for the AWS CLI, before `cordon up`"
            }
            Self::OwnPlaceholder => {
                "start Cordon in a shell without the variables that `cordon env` prints"
            }
            Self::Clock(_) => "set the clock of this machine right",
            Self::Refused { .. } => {
                "look the code up in the documentation of AssumeRole; RegionDisabledException \
                 means that STS is switched off for the region of the call"
            }
            Self::Unavailable(_) => {
                "see whether this machine reaches sts.REGION.amazonaws.com, and whether AWS \
                 reports an outage"
            }
            Self::Nonsense => "see whether something between Cordon and AWS changes its answers",
        }
    }

    /// What an answer to `AssumeRole` of `role` means that is no session.
    pub(crate) fn of_answer(role: &str, error: &SdkError<AssumeRoleError>) -> Self {
        if let Some(fault) = of_identity(error) {
            return fault;
        }
        match error {
            SdkError::ServiceError(answer) => {
                of_service(role, answer.err(), answer.raw().status().as_u16())
            }
            // Neither its text nor its source is kept: both may quote the answer.
            SdkError::ResponseError(_) => Self::Nonsense,
            SdkError::TimeoutError(_) => Self::Unavailable("it did not answer in time".to_owned()),
            other => Self::Unavailable(told(&chain(other))),
        }
    }
}

fn of_service(role: &str, error: &AssumeRoleError, status: u16) -> MintError {
    let message = told(error.message().unwrap_or_default());
    let Some(code) = error.code().map(told) else {
        return match status {
            500.. => MintError::Unavailable(format!("it answered with status {status}")),
            _ => MintError::Nonsense,
        };
    };
    match code.as_str() {
        "AccessDenied" | "AccessDeniedException" => MintError::NotTrusted {
            role: role.to_owned(),
            message,
        },
        "ExpiredToken" | "ExpiredTokenException" => MintError::IdentityExpired(message),
        "PackedPolicyTooLarge" | "PackedPolicyTooLargeException" => MintError::TooLarge(message),
        "RequestExpired" | "RequestTimeTooSkewed" | "RequestInTheFuture" => {
            MintError::Clock(message)
        }
        "SignatureDoesNotMatch" if is_about_time(&message) => MintError::Clock(message),
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken" => MintError::IdentityUnknown { code, message },
        busy if status >= 500 || BUSY.contains(&busy) => {
            MintError::Unavailable(format!("{code}: {message}"))
        }
        _ => MintError::Refused { code, message },
    }
}

/// STS has one code for a wrong signature and for one of another time.
fn is_about_time(message: &str) -> bool {
    message.contains("Signature expired") || message.contains("Signature not yet current")
}

/// A fault of the base identity, which the SDK had to have before it could ask.
fn of_identity(error: &(dyn Error + 'static)) -> Option<MintError> {
    let fault = causes(error).find_map(|cause| cause.downcast_ref::<CredentialsError>())?;
    let ours = fault
        .source()
        .is_some_and(|cause| cause.is::<OwnPlaceholder>());
    Some(match ours {
        true => MintError::OwnPlaceholder,
        false => MintError::IdentityMissing(told(&chain(fault))),
    })
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// An error and its causes in one line. Not their debug forms, which hold whole answers.
fn chain(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// What somebody else said, in one line of bounded length.
fn told(text: &str) -> String {
    let one_line = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(LONGEST).map(one_line).collect()
}
