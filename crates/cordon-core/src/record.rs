//! The record of a call: what the store keeps, before the call leaves and after it came back.
//!
//! Domain values, no wire form: the store, the audit file and the API each write their own rows
//! from it. It holds no secrets: sensitive parameters are replaced before it is made.

use crate::authenticate::Received;
use crate::decide::{Decision, Outcome};
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
    pub needs: Vec<Box<str>>,
    /// For a refusal: the code that the agent got and the sentence.
    pub code: Box<str>,
    pub message: Box<str>,
    pub digest: Box<str>,
    pub policy_version: Box<str>,
    pub catalog_version: Box<str>,
    /// Canonical JSON of the parameters, sensitive ones replaced, cut at 16 KiB.
    pub parameters: Box<str>,
    /// Whether the call changes something, so that it must be durable before it leaves.
    pub mutates: bool,
    /// Created and destroyed resources and budget units, to be applied to the task's ledger when
    /// the call is allowed.
    pub creates: Vec<Box<str>>,
    pub destroys: Vec<Box<str>>,
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
}

/// What became of a call at the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedOutcome {
    /// It was decided.
    Decided(Outcome),
    /// It was malformed, ambiguous or unsigned and never reached policy.
    Rejected,
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

impl CallRecord {
    /// The record of a decided call; `refusal` is what the agent gets where it does not go.
    #[must_use]
    pub fn of_decision(decision: &Decision, refusal: Option<&Refusal>) -> Self {
        let _ = (decision, refusal);
        todo!()
    }

    /// The record of a request that never reached policy. `session` is known where the
    /// signature held.
    #[must_use]
    pub fn of_rejection(
        received: &Received,
        session: Option<&Session>,
        code: &str,
        refusal: &Refusal,
    ) -> Self {
        let _ = (received, session, code, refusal);
        todo!()
    }
}
