//! Deleting without a last copy: what would have been a mistake becomes a loss.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "snapshot",
    about: "deletions without a last copy",
    finds: &[Fact::SkipsFinalSnapshot],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    if sight.has(Effect::SkipsFinalSnapshot) {
        facts.insert(Fact::SkipsFinalSnapshot);
    }
}
