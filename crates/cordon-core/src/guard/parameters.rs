//! Parameters and values that the task's `only_params` and `limits` leave out.

use super::{Guard, Sight};
use crate::fact::Fact;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "parameters",
    about: "parameters and values that the task leaves out",
    finds: &[Fact::OutsideParameters],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    if sight
        .session
        .task
        .is_outside_parameters(sight.call, sight.accesses)
    {
        facts.insert(Fact::OutsideParameters);
    }
}
