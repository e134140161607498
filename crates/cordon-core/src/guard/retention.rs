//! Keeping data, backups or logs for a shorter time, so that some of them go at once or soon. Whether
//! a number is shorter than the one before, only a read would tell: every number counts.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "retention",
    about: "parameters that keep data for a shorter time",
    finds: &[Fact::ShortensRetention],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    if sight.has(Effect::ShortensRetention) {
        facts.insert(Fact::ShortensRetention);
    }
}
