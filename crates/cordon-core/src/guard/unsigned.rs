//! Operations that AWS takes without a signature. What guards them is a token in the request, or
//! nothing, so neither the session's key nor the credentials that Cordon mints bound them.

use super::{Guard, Sight};
use crate::fact::Fact;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "unsigned",
    about: "operations that AWS takes without a signature",
    finds: &[Fact::NeedsNoSignature],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    if sight.call.operation().unsigned() {
        facts.insert(Fact::NeedsNoSignature);
    }
}
