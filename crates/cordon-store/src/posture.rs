//! The posture with its message, as leaders set it.

use cordon_core::decide::Posture;
use jiff::Timestamp;

/// How careful everyone is, since when, and what agents and people are told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingPosture {
    /// How careful.
    pub posture: Posture,
    /// What is said with it; may be empty.
    pub message: Box<str>,
    /// Who set it; empty as long as nobody did.
    pub by: Box<str>,
    /// When it was set.
    pub since: Timestamp,
    /// When it goes back to normal by itself.
    pub until: Option<Timestamp>,
}

impl StandingPosture {
    /// How careful everyone is at `now`.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Posture {
        match self.until {
            Some(until) if until <= now => Posture::Normal,
            _ => self.posture,
        }
    }
}

impl Default for StandingPosture {
    fn default() -> Self {
        Self {
            posture: Posture::Normal,
            message: "".into(),
            by: "".into(),
            since: Timestamp::UNIX_EPOCH,
            until: None,
        }
    }
}
