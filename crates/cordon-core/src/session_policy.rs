//! The second lock: the STS session policy for exactly one decision.

use crate::decide::Permit;

/// A session policy document that fits STS's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPolicy {}

/// What a session is called in STS and CloudTrail, so that a call leads back to its task.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionName(Box<str>);

/// The source identity of a session, which AWS keeps through role chaining.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceIdentity(Box<str>);

/// Why there is no session policy for a decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionPolicyError {
    /// Not even the policy for this one call fits. Narrowing further would cut the call itself.
    #[error("the session policy for this call takes {length} characters, STS takes 2048")]
    TooLong {
        /// Its length.
        length: usize,
    },
}

impl SessionPolicy {
    /// The narrowest policy that fits for `permit`: for changes and data reads exactly its
    /// actions on exactly its ARNs; for other reads the task's reads as a whole, else those of
    /// the called service, else exactly the call.
    ///
    /// # Errors
    /// [`SessionPolicyError::TooLong`].
    pub fn of(permit: &Permit) -> Result<Self, SessionPolicyError> {
        let _ = permit;
        todo!()
    }
    /// The JSON document.
    #[must_use]
    pub fn text(&self) -> &str {
        todo!()
    }
    /// Its length in characters.
    #[must_use]
    pub fn length(&self) -> usize {
        todo!()
    }
    /// Two permits with the same key need the same session: task, scope digest, policy version,
    /// account and document are in it; the role is for the broker to add.
    #[must_use]
    pub fn cache_key(&self) -> &[u8; 32] {
        todo!()
    }
}

impl SessionName {
    /// The name for the session that `permit` belongs to: `T-1042.S-...`, at most 64 characters.
    #[must_use]
    pub fn of(permit: &Permit) -> Self {
        let _ = permit;
        todo!()
    }
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SourceIdentity {
    /// The source identity for the task that `permit` belongs to: `cordon.T-1042`.
    #[must_use]
    pub fn of(permit: &Permit) -> Self {
        let _ = permit;
        todo!()
    }
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
