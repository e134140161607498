//! Letting everyone, or another account, in.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "public",
    about: "parameters that let everyone or another account in",
    finds: &[Fact::OpensPublicAccess],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    if sight.has(Effect::OpensPublicAccess) {
        facts.insert(Fact::OpensPublicAccess);
    }
}
