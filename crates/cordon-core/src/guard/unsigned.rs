//! Operations that AWS takes without a signature. What guards them is a token in the request, or
//! nothing, so neither the session's key nor the credentials that Cordon mints bound them.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::lend::Lending;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "unsigned",
    about: "operations that AWS takes without a signature",
    finds: &[Fact::NeedsNoSignature],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let operation = sight.call.operation();
    // What Cordon answers itself never comes to AWS, and here everything is signed.
    if operation.unsigned() && Lending::of(operation).is_none() {
        facts.insert(Fact::NeedsNoSignature);
    }
}
