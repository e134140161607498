//! Sessions: one agent at work on one task, known by its placeholder access key.
//!
//! A session may begin another one, by assuming a role through Cordon. Such a child works on the
//! task of its parent, in its ledger and under its budget; what it may do is what the parent may
//! do, as the role, for no longer. [`descent`] says how. One of S3 Express may do even less:
//! [`express`] says what.

mod descent;
pub(crate) mod express;
mod placeholder;

pub use descent::{AssumedRole, Descent, DescentError, Terms};
pub use express::{ExpressSession, SessionMode};
pub(crate) use placeholder::is_lent;
pub use placeholder::{Placeholder, PlaceholderKind, is_placeholder, readable};

use crate::names::SessionId;
use crate::task::Task;
use cordon_aws::arn::AccountId;
use cordon_aws::sigv4::{AccessKeyId, SessionToken, SigningKeys};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

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
    /// Where another session began it: from which one, as which role, until when.
    pub descent: Option<Descent>,
}

impl Session {
    /// When its calls stop.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        let of_task = self.task.expires_at();
        match &self.descent {
            Some(descent) => descent.ends().min(of_task),
            None => of_task,
        }
    }

    /// Whether it is a child that has ended. That a task has ended is for the decision to tell.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.descent
            .as_ref()
            .is_some_and(|descent| descent.ends() <= now)
    }

    /// The session token that comes with its key, which that of a child has.
    #[must_use]
    pub fn token(&self) -> Option<&SessionToken> {
        self.descent.as_ref().map(Descent::token)
    }

    /// The directory bucket that it is for, where it is a session of S3 Express.
    #[must_use]
    pub fn express(&self) -> Option<&ExpressSession> {
        self.descent.as_ref()?.terms().express.as_ref()
    }
}

/// Whether a session's calls are taken, the least strict first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    /// A snapshot of `sessions`. A child whose parent is not among them, or is stopped, or is held
    /// to more than the child, is left out: it never outlives or exceeds its parent.
    #[must_use]
    pub fn new(sessions: impl IntoIterator<Item = Arc<Session>>) -> Self {
        let sessions: Vec<Arc<Session>> = sessions.into_iter().collect();
        let by_id: HashMap<&SessionId, &Arc<Session>> = sessions
            .iter()
            .map(|session| (&session.id, session))
            .collect();
        let kept = sessions.iter().filter(|session| descends(session, &by_id));
        Self(
            kept.map(|session| (session.key_id.clone(), Arc::clone(session)))
                .collect(),
        )
    }

    /// These without some, and without those that descend from them.
    #[must_use]
    pub fn without(&self, gone: &HashSet<SessionId>) -> Self {
        let left = self.iter().filter(|session| !gone.contains(&session.id));
        Self::new(left.map(Arc::clone))
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

/// Whether a session is nobody's child, or all that it descends from is there and no less free.
fn descends(session: &Session, by_id: &HashMap<&SessionId, &Arc<Session>>) -> bool {
    let mut session = session;
    // A chain is short, and one that leads in a circle is none.
    for _ in 0..=descent::DEEPEST {
        let Some(descent) = &session.descent else {
            return true;
        };
        let parent = by_id.get(descent.parent()).filter(|parent| {
            parent.state != SessionState::Stopped
                && parent.state <= session.state
                && parent.task.id() == session.task.id()
        });
        match parent {
            Some(parent) => session = parent,
            None => return false,
        }
    }
    false
}
