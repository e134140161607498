//! Deletions that happen later, without a further call: lifecycle rules, times to live, schedules and
//! rules whose target deletes. Nothing is named Delete, and nobody is there when it happens.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "delay",
    about: "deletions that happen later, without a further call",
    finds: &[Fact::DelayedDelete],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    if sight.has(Effect::DelayedDelete) {
        facts.insert(Fact::DelayedDelete);
    }
}
