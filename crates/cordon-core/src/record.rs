//! The record of a call: what the store keeps, before the call leaves and after it came back.
//!
//! Domain values, no wire form: the store, the audit file and the API each write their own rows
//! from it. It holds no secrets: sensitive parameters are replaced before it is made.

pub mod parameters;

use crate::assess::{Assessed, AssessedAccess};
use crate::authenticate::Received;
use crate::decide::{Decision, Outcome, Refused, Verdict};
use crate::fact::Fact;
use crate::hold::Terms;
use crate::ledger::{Rest, Used};
use crate::names::{HoldId, Reference};
use crate::predict::Prediction;
use crate::refusal::Refusal;
use crate::session::Session;
use jiff::Timestamp;

/// One decided call.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is the word of the design")]
pub struct CallRecord {
    pub reference: Box<str>,
    pub at: Timestamp,
    pub task: Box<str>,
    pub session: Box<str>,
    pub agent: Box<str>,
    pub sponsor: Box<str>,
    pub ingress: &'static str,
    /// botocore's service name; empty for a request that was rejected before it was identified.
    pub service: Box<str>,
    pub operation: Box<str>,
    pub protocol: &'static str,
    pub partition: Box<str>,
    pub region: Box<str>,
    pub account: Box<str>,
    pub accesses: Vec<AccessRecord>,
    pub class: &'static str,
    pub facts: Vec<&'static str>,
    pub outcome: RecordedOutcome,
    /// Id, title, hint of each determining policy.
    pub policies: Vec<(Box<str>, Box<str>, Box<str>)>,
    /// The groups that are asked, or that would be if the call were not only previewed.
    pub needs: Vec<Box<str>>,
    /// The checks that it asks for beside.
    pub checks: Vec<Box<str>>,
    /// The hold that the call waits under, or whose approval lets it go.
    pub hold: Option<OnHold>,
    /// Of a previewed call that would be held, on what terms; nothing where it could not be told.
    pub held_as: Option<Box<Terms>>,
    /// For a refusal: the code that the agent got and the sentence.
    pub code: Box<str>,
    pub message: Box<str>,
    pub digest: Box<str>,
    pub policy_version: Box<str>,
    pub catalog_version: Box<str>,
    /// Canonical JSON of the parameters, sensitive ones replaced, cut at 16 KiB. Of a request that
    /// nobody stands behind, the access key id that it claims.
    pub parameters: Box<str>,
    /// What it would change, where people are to read that.
    pub prediction: Option<Box<Prediction>>,
    /// Whether the call changes something, so that it must be durable before it leaves.
    pub mutates: bool,
    /// Created and destroyed resources and budget units, to be applied to the task's ledger when
    /// the call is allowed.
    pub creates: Vec<Box<str>>,
    pub destroys: Vec<Box<str>>,
    pub cost: Used,
    /// What must still be there when the call is let go; not kept.
    pub rests: Vec<Rest>,
}

/// A call's part in a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnHold {
    /// Which hold.
    pub id: HoldId,
    /// For a call that is let go: it uses the approval up, which is of this revision of the hold.
    /// The call is only recorded as allowed if nothing was said of the hold since, and nothing else
    /// used it.
    pub uses: Option<u64>,
}

/// One access of a recorded call.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is the word of the design")]
pub struct AccessRecord {
    pub action: Box<str>,
    pub resource: Box<str>,
    pub kind: Box<str>,
    pub environment: Box<str>,
    pub level: &'static str,
    pub class: &'static str,
    /// Whether the request does not name it, and a look found it behind what it names.
    pub implied: bool,
}

/// What became of a call at the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedOutcome {
    /// It was decided.
    Decided(Outcome),
    /// It was malformed, ambiguous or unsigned and never reached policy.
    Rejected,
}

impl RecordedOutcome {
    /// `allow`, `hold`, `preview`, `deny`, `reject`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decided(outcome) => outcome.as_str(),
            Self::Rejected => "reject",
        }
    }

    /// The outcome that [`RecordedOutcome::as_str`] gives `word` for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Outcome::ALL
            .map(Self::Decided)
            .into_iter()
            .chain([Self::Rejected])
            .find(|outcome| outcome.as_str() == word)
    }

    /// Whether the call was denied.
    #[must_use]
    pub fn denied(self) -> bool {
        self == Self::Decided(Outcome::Deny)
    }

    /// Whether the call was let go.
    #[must_use]
    pub fn allowed(self) -> bool {
        self == Self::Decided(Outcome::Allow)
    }
}

/// What became of a call after it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallResult {
    /// The upstream answered with this status; its request id, and the error code if it gave one.
    Answered {
        /// HTTP status.
        status: u16,
        /// The upstream's request id; empty if it gave none.
        request_id: Box<str>,
    },
    /// The upstream answered, and its status is not all that became of the call.
    Faulted {
        /// What is wrong with the answer.
        fault: AnswerFault,
        /// HTTP status.
        status: u16,
        /// The upstream's request id; empty if it gave none.
        request_id: Box<str>,
        /// What happened, one line.
        why: Box<str>,
    },
    /// It is not known whether the call took effect: the connection broke after the request left.
    Indeterminate {
        /// What happened, one line.
        why: Box<str>,
    },
    /// It never left: no credentials, no connection.
    NotSent {
        /// What happened, one line.
        why: Box<str>,
    },
}

/// What an answer says beside its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFault {
    /// Its body tells that nothing was done, under a good status.
    Failed,
    /// Its body tells that a part was not done, under a good status.
    Partial,
    /// It did not come, or was not passed on, to its end. What its status says still holds.
    Cut,
}

impl AnswerFault {
    /// Every fault.
    pub const ALL: [Self; 3] = [Self::Failed, Self::Partial, Self::Cut];

    /// `failed`, `partial`, `cut`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Partial => "partial",
            Self::Cut => "cut",
        }
    }
}

impl CallResult {
    /// The status by which what the call did is known; nothing where it is not known by one.
    #[must_use]
    pub fn told_by(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. }
            | Self::Faulted {
                fault: AnswerFault::Cut,
                status,
                ..
            } => Some(*status),
            Self::Faulted {
                fault: AnswerFault::Failed | AnswerFault::Partial,
                ..
            }
            | Self::Indeterminate { .. }
            | Self::NotSent { .. } => None,
        }
    }
}

impl CallRecord {
    /// The record of a decided call; `refusal` is what the agent gets where it does not go, with
    /// the code that its protocol's answer has.
    #[must_use]
    pub fn of_decision(
        decision: &Decision,
        refusal: Option<(&Refusal, &str)>,
        catalog_version: &str,
    ) -> Self {
        Self::of_verdict(
            decision.assessed(),
            decision.verdict(),
            refusal,
            catalog_version,
        )
    }

    /// The record of a decided call that does not go.
    #[must_use]
    pub fn of_refused(refused: &Refused, catalog_version: &str) -> Self {
        Self::of_verdict(refused.assessed(), refused.verdict(), None, catalog_version)
    }

    fn of_verdict(
        assessed: &Assessed,
        verdict: &Verdict,
        refusal: Option<(&Refusal, &str)>,
        catalog_version: &str,
    ) -> Self {
        let call = assessed.call();
        let session = assessed.session();
        let changes = assessed.changes();
        let policies = verdict.policies.iter().map(|policy| {
            (
                policy.id.as_str().into(),
                policy.title.clone(),
                policy.hint.clone(),
            )
        });
        Self {
            reference: assessed.reference().as_str().into(),
            at: assessed.identified.arrived,
            task: session.task.id().as_str().into(),
            session: session.id.as_str().into(),
            agent: session.agent.clone(),
            sponsor: session.task.sponsor().as_str().into(),
            ingress: assessed.identified.ingress.as_str(),
            service: call.service().name().into(),
            operation: call.operation().name().into(),
            protocol: call.protocol().as_str(),
            partition: call.partition().as_str().into(),
            region: call.region().as_str().into(),
            account: session.account.as_str().into(),
            accesses: accesses(assessed),
            class: call.class().as_str(),
            facts: assessed.facts().iter().map(|fact| fact.as_str()).collect(),
            outcome: RecordedOutcome::Decided(verdict.outcome),
            policies: policies.collect(),
            needs: verdict
                .needs
                .iter()
                .map(|group| group.as_str().into())
                .collect(),
            checks: verdict
                .checks
                .iter()
                .map(|check| check.as_str().into())
                .collect(),
            hold: None,
            held_as: None,
            code: refusal.map_or("", |(_, code)| code).into(),
            message: refusal.map_or("", |(refusal, _)| &refusal.message).into(),
            digest: assessed.digest().to_string().into(),
            policy_version: verdict.policy_version.clone(),
            catalog_version: catalog_version.into(),
            parameters: parameters::of(call).into(),
            prediction: None,
            mutates: call.mutates(),
            creates: changes
                .creates
                .iter()
                .map(|arn| arn.as_str().into())
                .collect(),
            destroys: changes
                .destroys
                .iter()
                .map(|arn| arn.as_str().into())
                .collect(),
            cost: changes.cost,
            rests: changes.rests,
        }
    }

    /// The record of a request that never reached policy, or of one that failed before it could
    /// be decided. `session` is known where the signature held; `code` is what the agent got.
    #[must_use]
    pub fn of_rejection(
        received: &Received,
        session: Option<&Session>,
        refusal: &Refusal,
        code: &str,
        catalog_version: &str,
    ) -> Self {
        let of_session = |text: fn(&Session) -> &str| session.map_or("", text).into();
        Self {
            task: of_session(|session| session.task.id().as_str()),
            session: of_session(|session| session.id.as_str()),
            agent: of_session(|session| &session.agent),
            sponsor: of_session(|session| session.task.sponsor().as_str()),
            ingress: received.ingress.as_str(),
            account: of_session(|session| session.account.as_str()),
            ..Self::of_stray(
                &received.reference,
                received.arrived,
                code,
                &refusal.message,
                catalog_version,
            )
        }
    }

    /// The record of bytes that never became a request, of which `code` and `message` were told.
    #[must_use]
    pub fn of_stray(
        reference: &Reference,
        at: Timestamp,
        code: &str,
        message: &str,
        catalog_version: &str,
    ) -> Self {
        Self {
            reference: reference.as_str().into(),
            at,
            task: "".into(),
            session: "".into(),
            agent: "".into(),
            sponsor: "".into(),
            ingress: "",
            service: "".into(),
            operation: "".into(),
            protocol: "",
            partition: "".into(),
            region: "".into(),
            account: "".into(),
            accesses: Vec::new(),
            class: "",
            facts: vec![Fact::Unidentified.as_str()],
            outcome: RecordedOutcome::Rejected,
            policies: Vec::new(),
            needs: Vec::new(),
            checks: Vec::new(),
            hold: None,
            held_as: None,
            code: code.into(),
            message: message.into(),
            digest: "".into(),
            policy_version: "".into(),
            catalog_version: catalog_version.into(),
            parameters: "".into(),
            prediction: None,
            mutates: false,
            creates: Vec::new(),
            destroys: Vec::new(),
            cost: Used::default(),
            rests: Vec::new(),
        }
    }

    /// What a request that nobody stands behind claims to be: the access key id, which whoever
    /// looks for a leaked key asks for, and the region. A key id is letters and digits.
    pub fn claims(&mut self, key_id: &str, region: &str) {
        self.region = region.into();
        self.parameters = format!("{{\"AccessKeyId\":\"{key_id}\"}}").into();
    }
}

fn accesses(assessed: &Assessed) -> Vec<AccessRecord> {
    let named = assessed.named();
    let accesses = assessed.accesses().iter().enumerate();
    accesses
        .map(|(number, access)| AccessRecord::of(access, number >= named))
        .collect()
}

impl AccessRecord {
    fn of(access: &AssessedAccess, implied: bool) -> Self {
        Self {
            action: access.access.action.clone(),
            resource: access.access.resource.arn.clone(),
            kind: access.access.resource.kind.clone(),
            environment: access.environment.as_str().into(),
            level: access.access.level.as_str(),
            class: access.access.class.as_str(),
            implied,
        }
    }
}
