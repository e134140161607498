//! Sessions as the store keeps them. The secret is only a placeholder that Cordon itself gave
//! out, yet who has it can act as the agent: it is redacted and wiped like a real one, and the
//! database file is readable by its owner alone.

use cordon_aws::arn::AccountId;
use cordon_aws::sigv4::{AccessKeyId, SecretKey};
use cordon_core::names::{SessionId, TaskId};
use cordon_core::session::{SessionState, Terms};
use jiff::Timestamp;

/// One agent's run on a task.
#[derive(Debug, Clone)]
pub struct StoredSession {
    /// Its id.
    pub id: SessionId,
    /// The task it works on.
    pub task: TaskId,
    /// The placeholder access key id that its agent holds.
    pub key_id: AccessKeyId,
    /// The placeholder secret that its agent holds.
    pub secret: SecretKey,
    /// The kind of agent: `kiro`.
    pub agent: Box<str>,
    /// The account that its calls act in.
    pub account: AccountId,
    /// When it began.
    pub started: Timestamp,
    /// Whether its calls are taken.
    pub state: SessionState,
    /// Where another session of the task began it: on which terms.
    pub child: Option<Terms>,
}

/// `live`, `paused`, `stopped`.
pub(crate) fn state_word(state: SessionState) -> &'static str {
    match state {
        SessionState::Live => "live",
        SessionState::Paused => "paused",
        SessionState::Stopped => "stopped",
    }
}

/// The state that `word` names.
pub(crate) fn state_named(word: &str) -> Option<SessionState> {
    [
        SessionState::Live,
        SessionState::Paused,
        SessionState::Stopped,
    ]
    .into_iter()
    .find(|state| state_word(*state) == word)
}
