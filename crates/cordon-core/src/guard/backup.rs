//! Deleting the last restore point: what was a copy of something becomes the loss of it.

use super::{Guard, Sight};
use crate::fact::Fact;
use crate::look::Seen;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "backup",
    about: "deletions of the last backup of something that the task did not make",
    finds: &[Fact::LastBackup],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    // What nobody could look at is told as that.
    if sight.knowledge.seen.is_some_and(Seen::is_last_backup) {
        facts.insert(Fact::LastBackup);
    }
}
