//! Incidents that agents caused, as people recorded them. What is recorded is kept for good.

use cordon_core::names::TaskId;
use jiff::Timestamp;

/// How grave it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the words")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

/// One incident on its way to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// When it happened.
    pub at: Timestamp,
    /// The task whose agents caused it.
    pub task: TaskId,
    /// How grave it was.
    pub severity: Severity,
    /// Where more is told of it; may be empty.
    pub link: Box<str>,
    /// What happened.
    pub note: Box<str>,
    /// Who recorded it.
    pub by: Box<str>,
    /// When it was recorded.
    pub recorded: Timestamp,
}

/// An incident with its place in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredIncident {
    /// Its place; grows.
    pub number: u64,
    /// What happened.
    pub incident: Incident,
}

impl Severity {
    /// Every severity, least grave first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// `low`, `medium`, `high`, `critical`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity that [`Severity::as_str`] gives `word` for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|severity| severity.as_str() == word)
    }
}
