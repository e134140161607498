//! Stage 4: the decision. Takes [`Assessed`], the policies and the circumstances; gives one
//! [`Decision`]. Guardrails, ceiling and scope are three evaluations, never one merged set, and
//! any error in any of them is a deny.

use crate::assess::Assessed;
use crate::ledger::Changes;
use crate::names::{ApproverGroup, PolicyId};
use crate::policy::Policies;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// What holds at the moment of the decision, beside the call.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// Groups whose quorum is met for this call's digest.
    pub approvals: BTreeSet<ApproverGroup>,
    /// How careful everyone is at the moment.
    pub posture: Posture,
    /// The time.
    pub now: Timestamp,
}

/// How careful everyone is, set by leaders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Posture {
    /// As the policies say.
    #[default]
    Normal,
    /// Every agent change needs a senior.
    Elevated,
    /// Changes wait for the incident commander.
    Freeze,
}

/// The decision on one call, carrying the call.
#[derive(Debug)]
pub enum Decision {
    /// It may go.
    Allow(Permit),
    /// It waits for people.
    Hold(Refused),
    /// It is recorded, not made.
    Preview(Refused),
    /// It does not go.
    Deny(Refused),
}

/// Proof that policy allowed this call. Only [`decide`] makes one; signing uses it up.
#[derive(Debug)]
pub struct Permit {
    pub(crate) assessed: Assessed,
    pub(crate) verdict: Verdict,
}

/// A call that does not go now, with the reason.
#[derive(Debug)]
pub struct Refused {
    pub(crate) assessed: Assessed,
    pub(crate) verdict: Verdict,
}

/// What decided, and what would lift it.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The outcome.
    pub outcome: Outcome,
    /// The determining policies, guardrails first.
    pub policies: Vec<Determining>,
    /// For a hold: the groups that can lift it.
    pub needs: BTreeSet<ApproverGroup>,
    /// For a deny: which of the fixed reasons, which selects the text for the agent.
    pub reason: Option<DenyReason>,
    /// The version (digest) of the policy bundle that decided.
    pub policy_version: Box<str>,
}

/// Allow, hold, preview or deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the outcomes")]
pub enum Outcome {
    Allow,
    Hold,
    Preview,
    Deny,
}

/// A policy that took part in the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Determining {
    /// Its `@id`.
    pub id: PolicyId,
    /// Its `@title`, for people.
    pub title: Box<str>,
    /// Its `@hint`, constant text for the agent; empty for permits.
    pub hint: Box<str>,
}

/// The fixed reasons of a deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DenyReason {
    /// A guardrail forbids it.
    Guardrail,
    /// The task does not contain it.
    OutOfScope,
    /// The team's ceiling does not contain it.
    AboveCeiling,
    /// Evaluation failed, or there was nothing to evaluate.
    Evaluation,
    /// The session is paused to reads.
    Paused,
}

impl Outcome {
    /// `allow`, `hold`, `preview`, `deny`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Hold => "hold",
            Self::Preview => "preview",
            Self::Deny => "deny",
        }
    }
}

impl Decision {
    /// What decided.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        match self {
            Self::Allow(permit) => &permit.verdict,
            Self::Hold(refused) | Self::Preview(refused) | Self::Deny(refused) => &refused.verdict,
        }
    }
    /// The call that was decided.
    #[must_use]
    pub fn assessed(&self) -> &Assessed {
        match self {
            Self::Allow(permit) => &permit.assessed,
            Self::Hold(refused) | Self::Preview(refused) | Self::Deny(refused) => &refused.assessed,
        }
    }
}

impl Permit {
    /// The call it lets go.
    #[must_use]
    pub fn assessed(&self) -> &Assessed {
        &self.assessed
    }

    /// What the call does to its task's ledger: to be reserved before it leaves.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes::of(self.assessed.accesses())
    }

    /// What decided.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

impl Refused {
    /// The call that does not go.
    #[must_use]
    pub fn assessed(&self) -> &Assessed {
        &self.assessed
    }

    /// What decided.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

/// Decides, in the order of the design: error, deny, out of scope, preview, hold, allow.
#[must_use]
pub fn decide(policies: &Policies, assessed: Assessed, circumstances: &Circumstances) -> Decision {
    let _ = (policies, assessed, circumstances);
    todo!()
}
