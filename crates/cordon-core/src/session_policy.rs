//! The second lock: the STS session policy for exactly one decision.

/// A session policy document that fits STS's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPolicy {}
