//! Child sessions: what one session begins when it assumes a role, asks for other keys of its own,
//! or for those of a directory bucket, through Cordon.
//!
//! Takes a parent and [`Terms`]; gives a [`Session`] that has the parent's task, whatever limits
//! the parent has, and those of the terms. There is no other way to a [`Descent`], so no child can
//! be more than its parent, whether it is begun now or read from the store after a restart.

use super::{ExpressSession, Placeholder, Session, SessionState};
use crate::asked_policy::{AskedPolicy, AskedPolicyError};
use crate::names::SessionId;
use cordon_aws::arn::{AccountId, Arn};
use cordon_aws::sigv4::{SessionToken, SigningKeys};
use jiff::Timestamp;
use std::sync::Arc;

/// How many sessions of roles may descend from one another.
const LONGEST_CHAIN: usize = 4;
/// How many sessions may lie between one and the launched session, itself included: those of roles,
/// further keys of the launched one before them, and one of S3 Express at the end.
pub(super) const DEEPEST: usize = LONGEST_CHAIN + 2;

/// What a child session is begun on; the part of it that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The session that began it.
    pub parent: SessionId,
    /// When it ends at the latest.
    pub ends: Timestamp,
    /// The role that it acts as; that of its parent where it names none.
    pub role: Option<AssumedRole>,
    /// The session policy that its agent asked for.
    pub policy: Option<Box<str>>,
    /// The directory bucket that it is for, where it is one of S3 Express.
    pub express: Option<ExpressSession>,
}

/// A role that a session assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumedRole {
    /// The role.
    pub arn: Arn,
    /// The external id that the role's trust policy may ask for. AWS does not take it for a secret.
    pub external_id: Option<Box<str>>,
}

/// How a session came from another one.
#[derive(Debug, Clone)]
pub struct Descent {
    terms: Terms,
    home: AccountId,
    roles: Vec<AssumedRole>,
    policies: Vec<AskedPolicy>,
    token: SessionToken,
}

/// Why there is no such child.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescentError {
    /// The terms are those of another parent's child.
    #[error("the terms are not those of this session")]
    Parent,
    /// Too many sessions descend from one another.
    #[error("more than {LONGEST_CHAIN} sessions descend from one another")]
    Chain,
    /// The role is in an account that the task does not declare.
    #[error("the role is in an account that the task does not declare")]
    Account,
    /// A session of S3 Express has keys for objects alone.
    #[error("a session of S3 Express begins no other one")]
    OfExpress,
    /// The session policy cannot be weighed.
    #[error("the session policy cannot be weighed")]
    Policy(#[from] AskedPolicyError),
}

impl Session {
    /// A session that `parent` begins on `terms`, at `started`.
    ///
    /// # Errors
    /// [`DescentError`].
    pub fn child(
        parent: &Session,
        placeholder: Placeholder,
        terms: Terms,
        started: Timestamp,
        state: SessionState,
    ) -> Result<Self, DescentError> {
        let account = match &terms.role {
            Some(role) => declared(parent, &role.arn)?,
            None => parent.account.clone(),
        };
        let Placeholder {
            session,
            key_id,
            secret,
        } = placeholder;
        let token = match &terms.express {
            None => SessionToken::Sts(secret.derived(&format!("session token of {key_id}"))),
            Some(_) => {
                SessionToken::Express(secret.derived(&format!("S3 session token of {key_id}")))
            }
        };
        Ok(Self {
            id: session,
            task: Arc::clone(&parent.task),
            key_id,
            keys: SigningKeys::new(secret),
            agent: parent.agent.clone(),
            account,
            started,
            state: state.max(parent.state),
            descent: Some(Descent::of(parent, terms, token)?),
        })
    }
}

/// The account of a role, which the task must declare.
fn declared(parent: &Session, role: &Arn) -> Result<AccountId, DescentError> {
    let mut declared = parent.task.accounts().iter();
    let account = declared.find(|account| account.as_str() == role.account());
    account.cloned().ok_or(DescentError::Account)
}

impl Descent {
    fn of(parent: &Session, terms: Terms, token: SessionToken) -> Result<Self, DescentError> {
        if terms.parent != parent.id {
            return Err(DescentError::Parent);
        }
        if parent.express().is_some() {
            return Err(DescentError::OfExpress);
        }
        let above = parent.descent.as_ref();
        let mut roles = above.map_or_else(Vec::new, |above| above.roles.clone());
        roles.extend(terms.role.clone());
        if roles.len() > LONGEST_CHAIN {
            return Err(DescentError::Chain);
        }
        let mut policies = above.map_or_else(Vec::new, |above| above.policies.clone());
        if let Some(text) = &terms.policy {
            policies.push(AskedPolicy::parse(text)?);
        }
        let ends = terms.ends.min(parent.ends());
        Ok(Self {
            terms: Terms { ends, ..terms },
            home: above.map_or(&parent.account, |above| &above.home).clone(),
            roles,
            policies,
            token,
        })
    }

    /// The session that began it.
    #[must_use]
    pub fn parent(&self) -> &SessionId {
        &self.terms.parent
    }

    /// What is kept of it.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// When it ends.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        self.terms.ends
    }

    /// The account of the session that a person launched, in which the way to the roles begins.
    #[must_use]
    pub fn home(&self) -> &AccountId {
        &self.home
    }

    /// The roles that lead to the one that it acts as, which is the last; none where it acts as the
    /// launched session does.
    #[must_use]
    pub fn roles(&self) -> &[AssumedRole] {
        &self.roles
    }

    /// Whether every session policy that was asked for on the way allows `action` on all that `arn`
    /// may stand for.
    #[must_use]
    pub fn allows(&self, action: &str, arn: &str) -> bool {
        let mut policies = self.policies.iter();
        // AWS tells everybody who they are, whatever policies say.
        action == "sts:GetCallerIdentity" || policies.all(|policy| policy.allows(action, arn))
    }

    /// Whether it is for less than its task allows its role: a session policy was asked for on the
    /// way, or one bucket.
    #[must_use]
    pub fn is_narrowed(&self) -> bool {
        !self.policies.is_empty() || self.terms.express.is_some()
    }

    pub(super) fn token(&self) -> &SessionToken {
        &self.token
    }
}
