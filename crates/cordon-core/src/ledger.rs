//! What a task has done so far: the provenance and the budgets that guards ask.

use cordon_aws::arn::Arn;
use std::collections::BTreeSet;

/// What one task created, destroyed and used up. The store keeps it; the proxy holds the live
/// copy; `cordon decide` starts an empty one and lets it follow the stream.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Resources this task created and still has.
    pub created: BTreeSet<Arn>,
    /// Resources this task destroyed.
    pub destroyed: BTreeSet<Arn>,
    /// Units used.
    pub used: Used,
}

/// Budget units used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Changing calls.
    pub mutations: u32,
    /// Creating accesses.
    pub creates: u32,
    /// Destroying accesses.
    pub destroys: u32,
}
