//! Amendments as the store keeps them: what someone asks to have added to a task that is under way, and
//! what became of that. An accepted one changes its task in the same step, and keeps what it replaced.

use cordon_core::hold::Reason;
use cordon_core::names::{AmendmentId, Person, Reference, TaskId};
use jiff::Timestamp;

/// One amendment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amendment {
    /// Its id.
    pub id: AmendmentId,
    /// The task that it would add to.
    pub task: TaskId,
    /// The denied call that it is for: its reference and its digest.
    pub call: Option<(Reference, Box<str>)>,
    /// What it adds, as a task file has it.
    pub changes: Box<str>,
    /// Why, in the words of whoever asks.
    pub reason: Box<str>,
    /// Who asks.
    pub filed_by: Person,
    /// When.
    pub filed: Timestamp,
    /// What became of it; nothing while it waits.
    pub settled: Option<Settled>,
}

/// What became of an amendment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Who said so.
    pub by: Person,
    /// When.
    pub at: Timestamp,
    /// What was said.
    pub answer: Settlement,
    /// For people, never for the agent.
    pub note: Box<str>,
}

/// What is said to an amendment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The task is what it asked for.
    Accepted {
        /// The text of the task before.
        replaced: Box<str>,
    },
    /// The task stays what it was.
    Declined(Reason),
}

/// A yes to an amendment: what its task becomes, and what it was when that was worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// The amendment.
    pub id: AmendmentId,
    /// Who says so.
    pub by: Person,
    /// When.
    pub at: Timestamp,
    /// Text and lock of the task as they were read.
    pub before: (Box<str>, Box<str>),
    /// Text and lock of the task from now on.
    pub after: (Box<str>, Box<str>),
}

/// A no to an amendment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The amendment.
    pub id: AmendmentId,
    /// Who says so.
    pub by: Person,
    /// When.
    pub at: Timestamp,
    /// Why, for the agent.
    pub reason: Reason,
    /// For people, never for the agent.
    pub note: Box<str>,
}

/// Which amendments.
#[derive(Debug, Clone, Default)]
pub struct AmendmentFilter {
    /// Of this task.
    pub task: Option<TaskId>,
    /// Those that nothing was said to.
    pub waiting: bool,
    /// Those that were asked for before this one; for the next page.
    pub before: Option<AmendmentId>,
    /// At most this many; 100 where it is not said, and never more than 1,000.
    pub limit: Option<u32>,
}
