//! Sending data to a place of the caller's choice: exports, replication, subscriptions, addresses on
//! the internet. Whose place it is, the request seldom tells.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "export",
    about: "changes that send data to a place of the caller's choice",
    finds: &[Fact::SendsDataOut],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    if sight.call.mutates() && sight.has(Effect::Exfiltrates) {
        facts.insert(Fact::SendsDataOut);
    }
}
