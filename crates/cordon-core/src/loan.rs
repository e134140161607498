//! Virtual credentials: what a call of STS, or of S3 for a directory bucket, lends to its agent.
//!
//! Takes an identified call; gives a [`Loan`] where Cordon answers the operation itself. The call is
//! decided like any other. What it then gives are placeholder keys of a child session, and what AWS
//! would have been asked for is only ever asked for by the broker, for one decided call at a time.
//! What would make the session more than its parent, or speak to AWS in the agent's words (tags,
//! a source identity), is refused.

use crate::asked_policy::AskedPolicy;
use crate::session::express::ACTION;
use crate::session::{
    AssumedRole, ExpressSession, Session, SessionMode, SessionState, Sessions, Terms,
};
use cordon_aws::arn::Arn;
use cordon_aws::call::Call;
use cordon_aws::lend::Lending;
use cordon_aws::value::Value;
use jiff::{SignedDuration, Timestamp};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Seconds that an agent may ask for, as STS has it.
const SECONDS: RangeInclusive<i64> = 900..=43_200;
/// What STS gives where nothing is asked for.
const USUAL: i64 = 3_600;
/// What S3 gives for a directory bucket; nothing can be asked for.
const OF_EXPRESS: i64 = 300;

/// What a call lends once it is permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loan {
    lending: Lending,
    seconds: i64,
    role: Option<AssumedRole>,
    policy: Option<Box<str>>,
    express: Option<ExpressSession>,
}

/// Why a call lends nothing. The texts say what the agent can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoanError {
    /// It is not clear which role is meant.
    #[error("`RoleArn` is not the ARN of one role in the task's partition")]
    Role,
    /// Not a name that STS takes.
    #[error("`RoleSessionName` is not 2 to 64 letters, digits and `_+=,.@-`")]
    Name,
    /// Not a time that STS takes.
    #[error("`DurationSeconds` is not within 900 to 43200")]
    Seconds,
    /// The session policy cannot be weighed.
    #[error(
        "the session policy in `Policy` cannot be weighed: use Allow and Deny with plain actions \
         and resources, without conditions and variables"
    )]
    Policy,
    /// A parameter that would widen the session, or that only AWS could check.
    #[error("`{0}` is not passed on: leave it out")]
    Parameter(&'static str),
    /// A session of a role has no further keys, as on AWS.
    #[error("a session of a role cannot call GetSessionToken, as on AWS: use the keys that it has")]
    OfRole,
    /// It is not clear which bucket is meant.
    #[error("`Bucket` is not one directory bucket of the task (`NAME--ZONE--x-s3`)")]
    Bucket,
    /// Not a mode that S3 has.
    #[error("`SessionMode` is neither ReadOnly nor ReadWrite")]
    Mode,
    /// A session of S3 Express is for objects, as on AWS.
    #[error(
        "a session of S3 Express cannot call CreateSession, as on AWS: sign with the access key \
         that Cordon gave to this session"
    )]
    OfExpress,
}

/// Parameters that are refused, and why.
///
/// Tags decide in policies of the account (`aws:PrincipalTag`), and pass along a chain. Managed
/// policies are united with the session policy that Cordon makes, which would widen it. The source
/// identity and provided contexts are how AWS's own records tell who acts. A code of a second factor
/// is checked by AWS alone. How S3 encrypts what comes in a session of S3 Express is for the real
/// session to know, which there is none of: the bucket's own encryption holds, as it does for SDKs.
const REFUSED: [&str; 12] = [
    "Tags",
    "TransitiveTagKeys",
    "PolicyArns",
    "SourceIdentity",
    "ProvidedContexts",
    "SerialNumber",
    "TokenCode",
    "ProviderId",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "SSEKMSEncryptionContext",
    "BucketKeyEnabled",
];

impl Loan {
    /// What `call` of `session` lends; nothing where it is not for Cordon to answer.
    #[must_use]
    pub fn of(call: &Call, session: &Session) -> Option<Result<Self, LoanError>> {
        let lending = Lending::of(call.operation())?;
        Some(Self::read(lending, call, session))
    }

    fn read(lending: Lending, call: &Call, session: &Session) -> Result<Self, LoanError> {
        let parameters = call.parameters();
        let refused = REFUSED
            .into_iter()
            .find(|name| parameters.get(name).is_some_and(|value| !is_empty(value)));
        if let Some(name) = refused {
            return Err(LoanError::Parameter(name));
        }
        let role = match lending {
            Lending::GetSessionToken if session.descent.is_some() => {
                return Err(LoanError::OfRole);
            }
            Lending::GetSessionToken | Lending::CreateSession => None,
            Lending::AssumeRole | Lending::AssumeRoleWithWebIdentity => {
                check_name(text(parameters, "RoleSessionName"))?;
                Some(AssumedRole {
                    arn: role(call, session)?,
                    external_id: text(parameters, "ExternalId").map(Box::from),
                })
            }
        };
        let policy = text(parameters, "Policy");
        if let Some(text) = policy {
            AskedPolicy::parse(text).map_err(|_| LoanError::Policy)?;
        }
        let (express, seconds) = match lending {
            Lending::CreateSession => (Some(express(call, session)?), OF_EXPRESS),
            Lending::AssumeRole | Lending::AssumeRoleWithWebIdentity | Lending::GetSessionToken => {
                (None, seconds(parameters)?)
            }
        };
        Ok(Self {
            lending,
            seconds,
            role,
            policy: policy.map(Box::from),
            express,
        })
    }

    /// The operation.
    #[must_use]
    pub fn lending(&self) -> Lending {
        self.lending
    }

    /// The role that is assumed.
    #[must_use]
    pub fn role(&self) -> Option<&AssumedRole> {
        self.role.as_ref()
    }

    /// The directory bucket that a session of S3 Express is asked for.
    #[must_use]
    pub fn express(&self) -> Option<&ExpressSession> {
        self.express.as_ref()
    }

    /// A session of S3 Express that `parent` began on the same terms, with at least half of its time
    /// left at `now`. Its keys are lent again: whoever asks holds them already or could, and every
    /// command of a shell asks anew, which would soon be more children than a task may have.
    #[must_use]
    pub fn running<'s>(
        &self,
        parent: &Session,
        sessions: &'s Sessions,
        now: Timestamp,
    ) -> Option<&'s Arc<Session>> {
        let express = self.express.as_ref()?;
        let half = now.saturating_add(SignedDuration::from_secs(OF_EXPRESS / 2));
        let least = half.unwrap_or(Timestamp::MAX);
        let of_parent = |session: &Session| {
            let descent = session.descent.as_ref();
            descent.is_some_and(|descent| *descent.parent() == parent.id)
        };
        sessions.iter().find(|session| {
            session.express() == Some(express)
                && session.state != SessionState::Stopped
                && of_parent(session)
                && session.ends() >= least
        })
    }

    /// The terms of the child that `parent` begins with it at `now`: for as long as was asked for,
    /// and no longer than the parent.
    #[must_use]
    pub fn terms(&self, parent: &Session, now: Timestamp) -> Terms {
        let asked = now.saturating_add(SignedDuration::from_secs(self.seconds));
        Terms {
            parent: parent.id.clone(),
            ends: asked.unwrap_or(now).min(parent.ends()),
            role: self.role.clone(),
            policy: self.policy.clone(),
            express: self.express.clone(),
        }
    }
}

/// The bucket, where the call is about it and nothing else.
fn express(call: &Call, session: &Session) -> Result<ExpressSession, LoanError> {
    if session.express().is_some() {
        return Err(LoanError::OfExpress);
    }
    let name = text(call.parameters(), "Bucket").unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let [access] = call.accesses() else {
        return Err(LoanError::Bucket);
    };
    let bucket = access.resource.arn.parse::<Arn>();
    let bucket = bucket.map_err(|_| LoanError::Bucket)?;
    let is_directory_bucket = *access.action == *ACTION
        && bucket.service() == "s3express"
        && bucket.resource().strip_prefix("bucket/") == Some(name)
        && name.ends_with("--x-s3")
        && name.chars().all(plain);
    if !is_directory_bucket {
        return Err(LoanError::Bucket);
    }
    let mode = match text(call.parameters(), "SessionMode") {
        // On AWS one that may change objects, where its policies let it. Here each call is decided
        // for itself, so there is nothing to try.
        None => SessionMode::ReadWrite,
        Some(word) => SessionMode::named(word).ok_or(LoanError::Mode)?,
    };
    Ok(ExpressSession { bucket, mode })
}

/// The role, where the call is about it and nothing else.
fn role(call: &Call, session: &Session) -> Result<Arn, LoanError> {
    let arn = text(call.parameters(), "RoleArn").and_then(|text| text.parse::<Arn>().ok());
    let arn = arn.ok_or(LoanError::Role)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_+=,.@-".contains(c);
    let name = arn.resource().strip_prefix("role/").unwrap_or_default();
    let is_role = arn.service() == "iam"
        && arn.region().is_empty()
        && arn.partition() == session.task.partition().as_str()
        && !name.is_empty()
        && name.chars().all(plain);
    let only = match call.accesses() {
        [access] => *access.resource.arn == *arn.as_str(),
        _ => false,
    };
    match is_role && only {
        true => Ok(arn),
        false => Err(LoanError::Role),
    }
}

fn check_name(name: Option<&str>) -> Result<(), LoanError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    match name {
        Some(name) if (2..=64).contains(&name.len()) && name.chars().all(plain) => Ok(()),
        _ => Err(LoanError::Name),
    }
}

fn seconds(parameters: &Value) -> Result<i64, LoanError> {
    let Some(value) = parameters.get("DurationSeconds") else {
        return Ok(USUAL);
    };
    let Value::Integer(digits) = value else {
        return Err(LoanError::Seconds);
    };
    let seconds = digits.parse().map_err(|_| LoanError::Seconds)?;
    match SECONDS.contains(&seconds) {
        true => Ok(seconds),
        false => Err(LoanError::Seconds),
    }
}

fn text<'v>(parameters: &'v Value, name: &str) -> Option<&'v str> {
    parameters.get(name)?.as_str()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::List(items) => items.is_empty(),
        Value::Null => true,
        _ => false,
    }
}
