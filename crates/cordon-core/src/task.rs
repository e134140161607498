//! Tasks: what a person declared, parsed strictly, frozen and compiled.
//!
//! ```text
//! text ─► Written (as written, with places) ─► Task (as meant: frozen, inside the ceiling)
//!                                                ├─► Cedar permits and entities
//!                                                └─► session policies
//! ```

use crate::fault::Faults;
use crate::names::{Environment, Sponsor, TaskId, Team};
use crate::policy::Policies;
use cordon_aws::arn::{AccountId, Region};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// A task file as it was written. Made by [`Written::parse`].
#[derive(Debug, Clone)]
pub struct Written {}

/// What the launch adds to the file.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The task's id.
    pub id: TaskId,
    /// Who launches it and answers for it.
    pub sponsor: Sponsor,
    /// When.
    pub at: Timestamp,
    /// The mode that the launcher asks for; `None` for the one in the file.
    pub mode: Option<Mode>,
}

/// Whether changes are recorded or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Changes are recorded, not made.
    Preview,
    /// Changes are made.
    Live,
}

/// Totals and rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Changing calls.
    pub mutations: u32,
    /// Creating accesses.
    pub creates: u32,
    /// Destroying accesses.
    pub destroys: u32,
    /// Changing calls within any minute.
    pub per_minute: u32,
}

/// A task that was checked, frozen and compiled: the value that a session works on.
#[derive(Debug)]
pub struct Task {}

impl Written {
    /// Reads the text of a task file, called `file` in messages.
    ///
    /// # Errors
    /// Every fault of the file that can be seen without the policies.
    pub fn parse(file: &str, text: &str) -> Result<Self, Faults> {
        let _ = (file, text);
        todo!()
    }
}

impl Task {
    /// Freezes and compiles `written`: expands wildcards, checks every name, and checks that the
    /// task lies inside the ceiling of `policies`.
    ///
    /// # Errors
    /// Every fault.
    pub fn compile(written: &Written, policies: &Policies, launch: Launch) -> Result<Self, Faults> {
        let _ = (written, policies, launch);
        todo!()
    }
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &TaskId {
        todo!()
    }
    /// What it is for.
    #[must_use]
    pub fn title(&self) -> &str {
        todo!()
    }
    /// The ticket it belongs to; empty for none.
    #[must_use]
    pub fn ticket(&self) -> &str {
        todo!()
    }
    /// Whose ceiling bounds it.
    #[must_use]
    pub fn team(&self) -> &Team {
        todo!()
    }
    /// Who answers for it.
    #[must_use]
    pub fn sponsor(&self) -> &Sponsor {
        todo!()
    }
    /// Whether changes are recorded or made.
    #[must_use]
    pub fn mode(&self) -> Mode {
        todo!()
    }
    /// The kinds of agent that may work on it; empty for any.
    #[must_use]
    pub fn agents(&self) -> &[Box<str>] {
        todo!()
    }
    /// The accounts it may act in, as written; never empty.
    #[must_use]
    pub fn accounts(&self) -> &[AccountId] {
        todo!()
    }
    /// The regions it may act in, as written; never empty.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        todo!()
    }
    /// The environments it may change.
    #[must_use]
    pub fn environments(&self) -> &BTreeSet<Environment> {
        todo!()
    }
    /// Its totals and rate.
    #[must_use]
    pub fn budget(&self) -> Budget {
        todo!()
    }
    /// When it was launched.
    #[must_use]
    pub fn launched_at(&self) -> Timestamp {
        todo!()
    }
    /// When its calls stop.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        todo!()
    }
    /// `sha256:...` over everything frozen: what the sponsor signs and a cache is keyed by.
    #[must_use]
    pub fn scope_digest(&self) -> &str {
        todo!()
    }
    /// The read-back for people: what the task may do, until when.
    #[must_use]
    pub fn explain(&self) -> String {
        todo!()
    }
    /// The text of `task.lock`: catalog version, every action and ARN expanded, digest.
    #[must_use]
    pub fn lock(&self) -> String {
        todo!()
    }
    /// The Cedar permits it compiled to.
    #[must_use]
    pub fn cedar(&self) -> &str {
        todo!()
    }
}

impl Mode {
    /// `preview` or `live`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Live => "live",
        }
    }
}
