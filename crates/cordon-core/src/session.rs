//! Sessions: one agent at work on one task, known by its placeholder access key.

use crate::names::SessionId;
use crate::task::Task;
use cordon_aws::arn::AccountId;
use cordon_aws::sigv4::{AccessKeyId, SigningKeys};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// How the access key ids begin that Cordon gives to agents, so that Cordon knows its own.
pub const PLACEHOLDER: &str = "AKIACRDN";

/// Whether an access key id is one that Cordon gives to agents. No identity of AWS is behind it: a
/// Cordon that found it in its environment, as one that an agent starts does, would call itself.
#[must_use]
pub fn is_placeholder(key_id: &str) -> bool {
    key_id.starts_with(PLACEHOLDER)
}

/// One agent's run. The placeholder secret signs nothing anywhere but here.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The task it works on, compiled.
    pub task: Arc<Task>,
    /// The placeholder access key id that its agent holds.
    pub key_id: AccessKeyId,
    /// The placeholder secret that its agent holds, with the keys derived from it so far.
    pub keys: SigningKeys,
    /// The kind of agent, as the task or launcher named it: `kiro`.
    pub agent: Box<str>,
    /// The account that its calls act in.
    pub account: AccountId,
    /// When it began.
    pub started: Timestamp,
    /// Whether its calls are taken.
    pub state: SessionState,
}

/// Whether a session's calls are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// They are.
    Live,
    /// Reads only, until its sponsor resumes it.
    Paused,
    /// Over: its key is refused.
    Stopped,
}

/// The live sessions at one moment: an immutable snapshot, so that one request sees one set.
#[derive(Debug, Clone, Default)]
pub struct Sessions(HashMap<AccessKeyId, Arc<Session>>);

impl Sessions {
    /// A snapshot of `sessions`.
    #[must_use]
    pub fn new(sessions: impl IntoIterator<Item = Arc<Session>>) -> Self {
        Self(
            sessions
                .into_iter()
                .map(|session| (session.key_id.clone(), session))
                .collect(),
        )
    }

    /// The session whose agent holds `key_id`, if it is not stopped.
    #[must_use]
    pub fn find(&self, key_id: &AccessKeyId) -> Option<&Arc<Session>> {
        self.0
            .get(key_id)
            .filter(|session| session.state != SessionState::Stopped)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.0.values()
    }
}
