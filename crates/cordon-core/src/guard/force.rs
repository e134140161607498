//! Overriding a safeguard of the service (`Force`, `ForceDelete`).

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "force",
    about: "parameters that override a safeguard of the service",
    finds: &[Fact::Force],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    if sight.has(Effect::Force) {
        facts.insert(Fact::Force);
    }
}
