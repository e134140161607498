//! Tasks as the store keeps them: the text that a person wrote and what was frozen from it. They
//! are compiled again when a process starts, so nothing that was derived can go stale here.

use cordon_core::names::{Sponsor, TaskId};
use cordon_core::task::{Launch, Mode};
use jiff::Timestamp;

/// One declared task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTask {
    /// Its id.
    pub id: TaskId,
    /// The TOML file as written.
    pub text: Box<str>,
    /// What was frozen when it started: wildcards expanded, versions; empty for none.
    pub lock: Box<str>,
    /// The person who launched it.
    pub sponsor: Sponsor,
    /// What happens to its calls.
    pub mode: Mode,
    /// Whether its calls are taken.
    pub state: TaskState,
    /// When it was declared.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

impl StoredTask {
    /// What compiling its text again needs to give the task that was launched.
    #[must_use]
    pub fn launch(&self) -> Launch {
        Launch {
            id: self.id.clone(),
            sponsor: self.sponsor.clone(),
            at: self.created,
            mode: Some(self.mode),
            expires: Some(self.expires),
        }
    }

    /// Whether it was stopped or its time has run out, for good.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.state == TaskState::Stopped || self.expires <= now
    }
}

/// Whether the calls of a task are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// They are.
    Active,
    /// Reads only, until its sponsor resumes it.
    Paused,
    /// Over.
    Stopped,
}

impl TaskState {
    /// `active`, `paused`, `stopped`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }

    pub(crate) fn named(word: &str) -> Option<Self> {
        [Self::Active, Self::Paused, Self::Stopped]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}
