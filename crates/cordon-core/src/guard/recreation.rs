//! Making again what this task destroyed: delete-and-recreate in two calls is a replacement,
//! whatever each call looks like by itself.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::call::Class;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "recreation",
    about: "creating what this task destroyed before",
    finds: &[Fact::RecreatesDeleted],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let creates = sight
        .accesses
        .iter()
        .filter(|access| access.access.class == Class::Create);
    if creates.into_iter().any(|access| {
        sight
            .knowledge
            .ledger
            .recreates(&access.access.resource.arn)
    }) {
        facts.insert(Fact::RecreatesDeleted);
    }
}
