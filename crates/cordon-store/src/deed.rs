//! Deeds: what people did in the control plane, in order, for whoever looks into it later.

use jiff::Timestamp;

/// One deed on its way to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// Who; empty where nobody was signed in.
    pub person: Box<str>,
    /// What: `approve`, `raise-posture`, ...
    pub what: Box<str>,
    /// On what: a hold, a task; empty for none.
    pub thing: Box<str>,
    /// What was said with it; may be empty.
    pub detail: Box<str>,
}

/// A deed with its place in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDeed {
    /// Its place; grows.
    pub number: u64,
    /// What was done.
    pub deed: Deed,
}
