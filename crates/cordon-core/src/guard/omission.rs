//! Deletion by omission: a whole is put in the place of one that says more. Nothing in the call names what
//! goes: a rule of a lifecycle, a statement, a tag, a variable, a setting that falls back.
//!
//! What is there is read before the call is decided ([`crate::predict::Omission`]). A read that failed, was
//! refused or is not whole is a fact of its own; that nobody could be asked (`cordon decide`, what the task
//! made itself) is none.

use super::{Guard, Sight};
use crate::fact::Fact;
use crate::predict::Omission;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "omission",
    about: "wholes put in the place of others that say more",
    finds: &[Fact::DropsSettings, Fact::DropsUnknown],
    look,
};

/// The facts that need what is there to be read before a call is decided.
pub const FACTS: [Fact; 2] = [Fact::DropsSettings, Fact::DropsUnknown];

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let fact = match &sight.knowledge.omission {
        Omission::Known(names) if !names.is_empty() => Fact::DropsSettings,
        Omission::Unknown => Fact::DropsUnknown,
        Omission::Known(_) | Omission::Unasked => return,
    };
    facts.insert(fact);
}
