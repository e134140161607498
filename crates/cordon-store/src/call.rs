//! Calls as the store keeps them: the proof that one was recorded, what budget it is charged to,
//! how calls are looked for.

use cordon_aws::arn::Arn;
use cordon_core::names::TaskId;
use cordon_core::record::{CallRecord, CallResult, RecordedOutcome};
use jiff::Timestamp;
use std::fmt;
use std::time::Duration;

/// Proof that a call's decision was written. Only a store makes one; forwarding asks for it and
/// [`crate::Store::close`] uses it up.
#[derive(Debug)]
#[must_use = "a call that was let go and is never closed is reported as indeterminate"]
pub struct Recorded {
    pub(crate) reference: Box<str>,
    /// Whether its end concerns its task's ledger, so that whoever closes it waits.
    pub(crate) charges: bool,
    pub(crate) made: Vec<Arn>,
}

impl Recorded {
    /// What people quote to speak of the call.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The same, with what the answer names as made by the call, beside what the request named. It
    /// belongs to the task when the call succeeded.
    pub fn made(self, made: Vec<Arn>) -> Self {
        Self { made, ..self }
    }
}

/// The most that a task may use up; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Changing calls.
    pub mutations: Option<u32>,
    /// Creating accesses.
    pub creates: Option<u32>,
    /// Destroying accesses.
    pub destroys: Option<u32>,
    /// Changing calls in any one minute.
    pub per_minute: Option<u32>,
}

/// One of the limits of a [`Budget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the budget")]
pub enum Limit {
    Mutations,
    Creates,
    Destroys,
    PerMinute,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mutations => "mutations",
            Self::Creates => "creates",
            Self::Destroys => "destroys",
            Self::PerMinute => "per_minute",
        })
    }
}

/// A call with its place in the order of recording and what became of it.
#[derive(Debug, Clone)]
pub struct StoredCall {
    /// Its place; grows by recording, starts at 1.
    pub sequence: u64,
    /// What was decided.
    pub record: CallRecord,
    /// The session that was launched, from which that of the call descends by the roles that were assumed.
    /// The session itself, where it is nobody's child.
    pub launched: Box<str>,
    /// What became of it; nothing for a call that did not leave or that is still under way.
    pub closed: Option<Closed>,
}

impl StoredCall {
    /// Whether it is of this session, or of one that descends from it where it was launched.
    #[must_use]
    pub fn is_of(&self, session: &str) -> bool {
        [&self.record.session, &self.launched]
            .iter()
            .any(|it| ***it == *session)
    }
}

/// The end of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// What became of it.
    pub result: CallResult,
    /// How long after its decision that was known; zero for a call found unclosed at start.
    pub took: Duration,
}

/// Which calls are looked for: those that meet everything that is given.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Of this task.
    pub task: Option<TaskId>,
    /// Of this session, or of one that descends from it where it was launched.
    pub session: Option<Box<str>>,
    /// With this outcome.
    pub verdict: Option<RecordedOutcome>,
    /// Of this service, botocore's name.
    pub service: Option<Box<str>>,
    /// Of this operation.
    pub operation: Option<Box<str>>,
    /// Of this class.
    pub class: Option<Box<str>>,
    /// With an access to this environment.
    pub environment: Option<Box<str>>,
    /// With this text anywhere, in any case of ASCII letters.
    pub text: Option<Box<str>>,
    /// Decided at this time or later.
    pub since: Option<Timestamp>,
    /// Recorded before the one with this number.
    pub before: Option<u64>,
    /// At most this many; nothing means 100. Never more than 10,000.
    pub limit: Option<u32>,
}

/// Whether `result` proves that the call had no effect. 408 is no proof: the service may have
/// acted on what it had read. A request that AWS refused is one that it did not carry out.
pub(crate) fn had_no_effect(result: &CallResult) -> bool {
    // An error in the body of a good answer is no proof either: S3 tells those that it met on the
    // way, and they may have left something behind.
    match result {
        CallResult::NotSent { .. } => true,
        result => result
            .told_by()
            .is_some_and(|status| (400..500).contains(&status) && status != 408),
    }
}
