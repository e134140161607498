//! Deleting or replacing what holds data that cannot be derived again.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "stateful",
    about: "deletions of what holds data",
    finds: &[Fact::Stateful],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    if sight.has(Effect::Stateful) {
        facts.insert(Fact::Stateful);
    }
}
