//! What the parameters of the call mean beyond its action: the catalog's curated rules.

use super::{Guard, Sight};
use crate::fact::Fact;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "effects",
    about: "parameters that destroy, expose, force or switch safeguards off",
    finds: &[
        Fact::DisablesProtection,
        Fact::SkipsFinalSnapshot,
        Fact::Force,
        Fact::OpensPublicAccess,
        Fact::WildcardTarget,
        Fact::Stateful,
        Fact::CommitsSpend,
    ],
    look,
};

fn look(_sight: &Sight<'_>, _facts: &mut BTreeSet<Fact>) {}
