//! Purchases that cannot be given back. Most of what costs money ends when the resource does; these
//! do not.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

/// How the operations that buy something begin.
const PURCHASES: [&str; 4] = [
    "Purchase",
    "CreateSavingsPlan",
    "CreateProvisionedModelThroughput",
    "AcceptReserved",
];

pub(super) const GUARD: Guard = Guard {
    name: "spend",
    about: "purchases that cannot be given back",
    finds: &[Fact::CommitsSpend],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let operation = sight.call.operation().name();
    let buys = PURCHASES
        .iter()
        .any(|beginning| operation.starts_with(beginning));
    if sight.has(Effect::Cost) && buys {
        facts.insert(Fact::CommitsSpend);
    }
}
