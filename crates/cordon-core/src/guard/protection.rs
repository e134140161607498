//! Switching off what protects from deletion, loss or being unseen: often the first of two calls, and
//! the harmless-looking one.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "protection",
    about: "parameters that switch safeguards off",
    finds: &[Fact::DisablesProtection],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    if sight.has(Effect::DisablesProtection) {
        facts.insert(Fact::DisablesProtection);
    }
}
