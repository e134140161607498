//! Setting a capacity to zero: a stop, whatever the operation is called.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "scale",
    about: "capacities set to zero",
    finds: &[Fact::ScalesToZero],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    if sight.has(Effect::ScalesToZero) {
        facts.insert(Fact::ScalesToZero);
    }
}
