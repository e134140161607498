//! Holds and batches as the store keeps them: which are looked for, how many may be under way.

use cordon_core::names::{BatchId, HoldId, TaskId};

/// Which holds are looked for.
#[derive(Debug, Clone, Default)]
pub struct HoldFilter {
    /// Of this task.
    pub task: Option<TaskId>,
    /// Only those that did not end.
    pub under_way: bool,
    /// Opened before this one.
    pub before: Option<HoldId>,
    /// At most this many; nothing means 100. Never more than 10,000.
    pub limit: Option<u32>,
}

/// Which batches are looked for.
#[derive(Debug, Clone, Default)]
pub struct BatchFilter {
    /// Of this task.
    pub task: Option<TaskId>,
    /// Only those some hold of which did not end.
    pub under_way: bool,
    /// Proposed before this one.
    pub before: Option<BatchId>,
    /// At most this many; nothing means 20. Never more than 100.
    pub limit: Option<u32>,
}

/// How many holds may wait for people at one time: more than they can look at would be waved
/// through. A batch counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldBounds {
    /// Of one task.
    pub of_task: u32,
    /// In all.
    pub all: u32,
}

impl Default for HoldBounds {
    fn default() -> Self {
        Self {
            of_task: 5,
            all: 20,
        }
    }
}
