//! What callers are told: constant sentences with a next step, in the four parts that keep an
//! agent from treating policy as an outage. Variable parts are references, ids, closed words,
//! whole numbers and UTC times; an ARN only if it came from this very request and is plain.
//!
//! 1. what happened, and that nothing was sent
//! 2. that it is policy and working, or whose fault it is
//! 3. what not to do
//! 4. what to do next
//!
//! A bare "denied" reads as breakage: agents then probe, rephrase, or edit IAM.

mod authentication;
mod hold;

pub use hold::HeldAnswer;

use crate::assess::Assessed;
use crate::authenticate::AuthenticateError;
use crate::decide::{DenyReason, Outcome, Refused};
use crate::hold::{Missing, Reason};
use crate::inert::inert;
use crate::loan::Loan;
use crate::names::Reference;
use crate::posture::{Announced, Scope};
use crate::session_policy::SessionPolicyError;
use cordon_aws::arn::Arn;
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
    /// No credentials could be had, because of how Cordon is set up.
    NoCredentials,
    /// The identity that Cordon runs as has expired.
    IdentityExpired,
    /// STS could not be asked, or is not able to answer.
    StsUnavailable,
    /// STS has no room for the session policy of this call alone.
    PolicyTooLarge,
    /// The request could not be written anew.
    NotWritten,
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
    /// The same signed request came before.
    Replayed,
    /// Too much is in flight.
    Overloaded,
    /// The session ended, or was paused, while the call was on its way.
    SessionOver,
    /// Changes like it were frozen while the call was on its way.
    Frozen,
    /// The role that the agent assumes does not let Cordon in.
    RoleNotTrusted,
    /// The task has too many sessions of roles.
    TooManySessions,
    /// The process is shutting down.
    ShuttingDown,
}

impl Failure {
    /// Every failure.
    pub const ALL: [Self; 18] = [
        Self::NotRecorded,
        Self::NoCredentials,
        Self::IdentityExpired,
        Self::StsUnavailable,
        Self::PolicyTooLarge,
        Self::NotWritten,
        Self::Unreachable,
        Self::Indeterminate,
        Self::TooLarge,
        Self::TimedOut,
        Self::BodyMismatch,
        Self::Replayed,
        Self::Overloaded,
        Self::SessionOver,
        Self::Frozen,
        Self::RoleNotTrusted,
        Self::TooManySessions,
        Self::ShuttingDown,
    ];

    /// A stable code for machines and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRecorded => "not-recorded",
            Self::NoCredentials => "no-credentials",
            Self::IdentityExpired => "identity-expired",
            Self::StsUnavailable => "sts-unavailable",
            Self::PolicyTooLarge => "policy-too-large",
            Self::NotWritten => "not-written",
            Self::Unreachable => "unreachable",
            Self::Indeterminate => "indeterminate",
            Self::TooLarge => "too-large",
            Self::TimedOut => "timed-out",
            Self::BodyMismatch => "body-mismatch",
            Self::Replayed => "replayed",
            Self::Overloaded => "overloaded",
            Self::SessionOver => "session-over",
            Self::Frozen => "frozen",
            Self::RoleNotTrusted => "role-not-trusted",
            Self::TooManySessions => "too-many-sessions",
            Self::ShuttingDown => "shutting-down",
        }
    }
}

/// How much of a leader's message an agent is told.
const LONGEST_MESSAGE: usize = 500;

const IS_POLICY: &str = "This is a policy decision that worked as intended; it is not an outage, \
     a permissions bug or a wrongly formed request.";
const NO_WAY_ROUND: &str =
    "Other ways to the same result get the same answer, so do not look for one.";

impl Refusal {
    /// For a decided call that does not go.
    #[must_use]
    pub fn of_refused(refused: &Refused) -> Self {
        let mut refusal = Self::of_verdict(refused);
        if let Some(announced) = &refused.verdict().announced {
            refusal.announce(announced);
        }
        refusal
    }

    fn of_verdict(refused: &Refused) -> Self {
        let verdict = refused.verdict();
        let assessed = refused.assessed();
        let task = assessed.session().task.id();
        let reference = assessed.reference();
        let hint = verdict.policies.first().map_or("", |policy| &policy.hint);
        let policy = verdict.policies.first().map(|policy| policy.id.as_str());
        match (verdict.outcome, verdict.reason) {
            (Outcome::Preview, _) => Self {
                code: Some("CordonPreview"),
                message: format!(
                    "Task {task} is in preview mode. The change was recorded, not made; later \
                     steps that rely on it cannot be previewed this way. Do not retry. Report what \
                     you would change; your sponsor can take the task live. Ref {reference}."
                ),
                verdict: "preview",
                status: None,
            },
            (Outcome::Hold, _) => Self {
                code: Some("CordonApprovalRequired"),
                message: hold(hint, &verdict.missing(), reference),
                verdict: "hold",
                status: None,
            },
            (_, Some(DenyReason::Paused)) => Self {
                code: Some("CordonPaused"),
                message: format!(
                    "Task {task} is paused: changes are not sent to AWS, reads still work. This is \
                     not about your request. Stop making changes, and report to your sponsor, who \
                     can resume the task. Ref {reference}."
                ),
                verdict: "paused",
                status: None,
            },
            (_, Some(DenyReason::OutOfScope)) if assessed.loan.is_some() => {
                Self::denied(unnamed_loan(assessed))
            }
            (_, Some(DenyReason::Narrowed)) => Self::denied(format!(
                "The session policy that was asked for when this role was assumed does not allow \
                 this, so the request was not sent to AWS. {IS_POLICY} Use the keys that the role \
                 was assumed with, or assume it again with a policy that holds what you need. Do \
                 not retry. Ref {reference}."
            )),
            (_, Some(DenyReason::OutsideBucket)) => Self::denied(format!(
                "This was signed with the keys of a session of S3 Express, which are for the objects \
                 of the one bucket that they were asked for, so the request was not sent to AWS. \
                 {IS_POLICY} Sign it with the access key that Cordon gave to this session. Do not \
                 retry. Ref {reference}."
            )),
            (_, Some(DenyReason::ReadOnly)) => Self::denied(format!(
                "This was signed with the keys of a session of S3 Express that was asked for as \
                 ReadOnly, so the request was not sent to AWS. {IS_POLICY} Where the task needs the \
                 change, call CreateSession for ReadWrite, or sign with the access key that Cordon \
                 gave to this session. Do not retry. Ref {reference}."
            )),
            (_, Some(DenyReason::NotLent)) => {
                let why = assessed.loan.as_ref().and_then(|loan| loan.as_ref().err());
                let why = why.map(ToString::to_string).unwrap_or_default();
                Self::denied(format!(
                    "The task may have these credentials, but not in this form: {why}. Nothing was \
                     sent to AWS. {IS_POLICY} Change the request as said, or report to your \
                     sponsor why the task needs it so. Ref {reference}."
                ))
            }
            (_, Some(DenyReason::OutOfScope)) => Self::denied(format!(
                "This action on this resource is not part of task {task}, so the request was not \
                 sent to AWS. {IS_POLICY} Read what the task allows before planning further. If \
                 the task needs it, ask your sponsor to add it, with one sentence of reason. Do \
                 not retry. Ref {reference}."
            )),
            (_, Some(DenyReason::AboveCeiling)) => Self::denied(format!(
                "This action is above what the team of task {task} may hand to agents, so the \
                 request was not sent to AWS. {IS_POLICY} {NO_WAY_ROUND} Next: find a change that \
                 does without it, or stop and report this to your sponsor. Ref {reference}."
            )),
            (_, Some(DenyReason::Evaluation) | None) => Self::denied(format!(
                "The policies could not be evaluated for this request, so it was not sent to AWS. \
                 This is a fault in Cordon or its policies, not in the request. Do not retry. Stop \
                 and report this to your sponsor. Ref {reference}."
            )),
            (_, Some(DenyReason::UnknownAction)) => Self::denied(format!(
                "Cordon knows this operation, but no reference says which IAM action guards it, so \
                 no policy can speak about it and it was not sent to AWS. This is a gap in Cordon's \
                 catalog, not a fault in the request. Do not retry. Next: do without the operation, \
                 or stop and report this to your sponsor. Ref {reference}."
            )),
            (_, Some(DenyReason::Guardrail)) => Self::denied(guardrail(
                policy.unwrap_or("unknown"),
                hint,
                task.as_str(),
                reference,
            )),
        }
    }

    /// Adds what leaders say of the time, where the text ends with the reference. It is the only text of
    /// people that agents are told: whoever may stop every agent may speak to them, too.
    pub fn announce(&mut self, announced: &Announced) {
        let Some((said, own)) = self.message.rsplit_once("Ref ") else {
            return;
        };
        let scope = match &announced.scope {
            Scope::Everything => "every task".to_owned(),
            Scope::Environment(name) => format!("environment {name}"),
            Scope::Team(name) => format!("tasks of team {name}"),
        };
        let posture = announced.posture.as_str();
        // Nothing that looks as if the message had ended and Cordon went on.
        let message = inert(&announced.message, LONGEST_MESSAGE).replace('"', "'");
        let message = match message.is_empty() {
            true => String::new(),
            false => format!(", with the message \"{message}\""),
        };
        self.message = format!("{said}The posture is {posture} for {scope}{message}. Ref {own}");
    }

    /// Says that another call for the same got this answer before, where the text ends with the
    /// reference of this one.
    pub fn repeats(&mut self, earlier: &Reference) {
        if let Some((said, own)) = self.message.rsplit_once("Ref ") {
            self.message = format!("{said}Same answer as {earlier}. Ref {own}");
        }
    }

    /// Says that the task was not to have what the call needs, and why, in a closed word.
    pub fn declined(&mut self, reason: Reason) {
        if let Some((said, own)) = self.message.rsplit_once("Ref ") {
            self.message = format!(
                "{said}It was asked for this to be added to the task, and that was declined: {}. \
                 That covers this approach, not only this request. Ref {own}",
                reason.as_str()
            );
        }
    }

    fn denied(message: String) -> Self {
        Self {
            code: None,
            message,
            verdict: "deny",
            status: None,
        }
    }

    /// For a request that nobody stands behind.
    #[must_use]
    pub fn of_authenticate(
        error: &AuthenticateError,
        shape: ErrorShape,
        reference: &Reference,
    ) -> Self {
        match authentication::Fault::of(error) {
            Some(fault) => fault.refusal(shape, reference),
            None => Self::of_failure(Failure::BodyMismatch, reference),
        }
    }

    /// For a request without a single meaning.
    #[must_use]
    pub fn of_identify(error: &IdentifyError, reference: &Reference) -> Self {
        Self {
            code: Some("InvalidRequest"),
            message: format!(
                "This request could not be identified in exactly one way ({}), so it was not sent \
                 to AWS. Cordon forwards only what it understands. Do not retry it as it is. Use a \
                 supported SDK or CLI version and a modelled AWS operation. Ref {reference}.",
                error.code()
            ),
            verdict: "reject",
            status: Some(400),
        }
    }

    /// For a decision that fits no session policy.
    #[must_use]
    pub fn of_session_policy(error: &SessionPolicyError, reference: &Reference) -> Self {
        let SessionPolicyError::TooLong { length } = error;
        Self::denied(format!(
            "This call names more resources than one set of AWS credentials can be limited to \
             ({length} of 2048 characters), so it was not sent to AWS. {IS_POLICY} Next: split the \
             call into smaller ones. Ref {reference}."
        ))
    }

    /// For a failure on the way. Only an overload and a signature that was used before say "again":
    /// everything else that an SDK would retry would make a change twice or hammer what is down.
    #[must_use]
    pub fn of_failure(failure: Failure, reference: &Reference) -> Self {
        let (code, status, text) = match failure {
            Failure::NotRecorded => (
                "CordonNotRecorded",
                403,
                "The decision on this call could not be written down, so the call was not sent to \
                 AWS. This is a fault in Cordon, not in the request. Stop and report this to \
                 your sponsor.",
            ),
            Failure::NoCredentials => (
                "CordonNoCredentials",
                403,
                "The call is allowed, but no AWS credentials could be had for it, so it was not \
                 sent. This is a fault in Cordon's set-up, not in the request. Do not look for \
                 other credentials. Report this to your sponsor.",
            ),
            Failure::IdentityExpired => (
                "CordonNoCredentials",
                403,
                "The call is allowed, but the AWS identity that Cordon itself runs as has expired, \
                 so it was not sent. This is not about your request or your access key. Do not log \
                 in, and do not look for other credentials. Ask your sponsor to renew that \
                 identity.",
            ),
            Failure::StsUnavailable => (
                "CordonNoCredentials",
                403,
                "The call is allowed, but AWS STS gave no credentials for it, so it was not sent. \
                 This is a fault between Cordon and AWS, not in the request. Do not look for other \
                 credentials. Wait a minute before trying once more; if it fails again, report \
                 this to your sponsor.",
            ),
            Failure::PolicyTooLarge => (
                "CordonNoCredentials",
                403,
                "The call is allowed, but AWS has no room to limit one set of credentials to \
                 exactly this call, so it was not sent. Do not retry it as it is. Split the call \
                 into smaller ones; if it names a single resource already, report this to your \
                 sponsor.",
            ),
            Failure::NotWritten => (
                "CordonNotWritten",
                400,
                "The call is allowed, but Cordon could not write it anew, so it was not sent to \
                 AWS. Do not retry it as it is. Report this to your sponsor.",
            ),
            Failure::Unreachable => (
                "CordonUnreachable",
                403,
                "The call is allowed, but AWS could not be reached, so it was not sent. Wait a \
                 minute before trying once more; if it fails again, report this to your sponsor.",
            ),
            Failure::Indeterminate => (
                "CordonIndeterminate",
                403,
                "The call was sent to AWS, but no answer came back: it may have taken effect. Do \
                 not repeat it. Read the state of the resource first.",
            ),
            Failure::TooLarge => (
                "RequestEntityTooLarge",
                413,
                "The body of the request is larger than Cordon reads for this operation. Nothing \
                 was sent to AWS. Send less in one call.",
            ),
            Failure::TimedOut => (
                "IncompleteBody",
                400,
                "The body of the request did not come in time. Nothing was sent to AWS. Send the \
                 request again once the connection is quicker.",
            ),
            Failure::BodyMismatch => (
                "XAmzContentSHA256Mismatch",
                400,
                "The body is not the one that was signed. The upload was cut off. Send the request \
                 again, signed over the body that is sent.",
            ),
            // The one code that every SDK answers by signing anew and sending again, which is right
            // here and nowhere else: nothing was done by this request, and a signature of a later
            // second is another request.
            Failure::Replayed => (
                "ThrottlingException",
                400,
                "The same signed request came before, or may have before Cordon was started, so \
                 this one was not sent to AWS: one signature makes one change. SDKs sign anew when \
                 they retry. If you sign by yourself and the change is wanted twice, sign a new \
                 request in a later second.",
            ),
            Failure::Overloaded => (
                "ThrottlingException",
                400,
                "Cordon has too much in flight. Nothing was sent to AWS. Wait and try again.",
            ),
            Failure::RoleNotTrusted => (
                "AccessDenied",
                403,
                "The task names this role, but its trust policy does not let Cordon's own role \
                 assume it, so the request was not sent and there are no credentials. Do not change the trust policy and \
                 do not look for other credentials. Ask your sponsor to have Cordon's role trusted \
                 with sts:AssumeRole.",
            ),
            Failure::TooManySessions => (
                "AccessDenied",
                403,
                "The task has as many sessions of roles and of S3 Express as Cordon keeps for one task, so the \
                 request was not sent. Use the credentials of one that you have, or wait until one of them ends.",
            ),
            Failure::SessionOver => (
                "CordonSessionOver",
                403,
                "The session ended, or was paused, while the call was on its way, so the call was \
                 cut off and AWS did not carry it out. Do not retry. Stop, and report this to your \
                 sponsor.",
            ),
            Failure::Frozen => (
                "CordonFrozen",
                403,
                "Changes like this one were frozen by people while the call was on its way, so the call \
                 was cut off and AWS did not carry it out. Reads still work. Do not retry until the freeze is over; \
                 report this to your sponsor.",
            ),
            Failure::ShuttingDown => (
                "CordonShuttingDown",
                403,
                "Cordon is shutting down, so the call was not sent to AWS. Wait until it is back, \
                 then try again.",
            ),
        };
        Self {
            code: Some(code),
            message: format!("{text} Ref {reference}."),
            verdict: "failure",
            status: Some(status),
        }
    }
}

fn guardrail(policy: &str, hint: &str, task: &str, reference: &Reference) -> String {
    format!(
        "Denied by policy {policy} for task {task}: {hint} The request was not sent to AWS. \
         {IS_POLICY} {NO_WAY_ROUND} Next: find a change that keeps within the task, or ask your \
         sponsor to change the task. If neither fits, stop and report this. Ref {reference}."
    )
}

/// A role or bucket that the task does not name, with the smallest change that would name it. The
/// ARN is repeated only where it is one that could stand in a task file.
fn unnamed_loan(assessed: &Assessed) -> String {
    let task = assessed.session().task.id();
    let reference = assessed.reference();
    let access = assessed.accesses().first();
    let action = access.map_or("sts:AssumeRole", |access| &*access.access.action);
    let loan = assessed.loan.as_ref().and_then(|loan| loan.as_ref().ok());
    let role = loan.and_then(Loan::role).map(|role| &role.arn);
    let bucket = loan.and_then(Loan::express).map(|express| &express.bucket);
    let resource = role.or(bucket).map_or("*", Arn::as_str);
    format!(
        "Task {task} does not name {action} on this resource, so there are no credentials for it and \
         nothing was sent to AWS. {IS_POLICY} {NO_WAY_ROUND} If the task needs it, ask your sponsor \
         for this smallest change of the task: [[allow]] do = [\"{action}\"] on = [\"{resource}\"]. \
         Do not retry. Ref {reference}."
    )
}

fn hold(hint: &str, missing: &Missing, reference: &Reference) -> String {
    format!(
        "{hint} This change waits for {missing}. Nothing was sent to AWS yet. {IS_POLICY} Do not \
         repeat the request, and do not look for another way. Tell your sponsor, work on something \
         that does not depend on it, or end your turn. Ref {reference}."
    )
}
