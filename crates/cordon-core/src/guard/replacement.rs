//! Replacing a resource within one call: delete and create, carried out by the service.

use super::{Guard, Sight};
use crate::fact::Fact;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "replacement",
    about: "a change set or a rebuild that replaces what the task does not name under [replace]",
    finds: &[Fact::ReplacesResource],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let seen = sight.knowledge.seen;
    if seen.is_some_and(|seen| seen.replaces_beyond(&sight.session.task)) {
        facts.insert(Fact::ReplacesResource);
    }
}
