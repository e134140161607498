//! Making again what this task destroyed, or what vanished from beside it: delete-and-recreate in
//! two calls is a replacement, whatever each call looks like by itself and whoever made the first.

use super::{Guard, Sight};
use crate::fact::Fact;
use crate::look::Seen;
use cordon_aws::call::Class;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "recreation",
    about: "creating what was destroyed before",
    finds: &[Fact::RecreatesDeleted],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    // By what the action does by itself: a create whose parameters make it weigh more (a template
    // that makes a role) is one all the same.
    let creates = |action: &str| {
        let mut rules = sight.call.operation().actions();
        rules.any(|rule| rule.action == action && rule.class == Class::Create)
    };
    let again = sight.accesses.iter().any(|access| {
        let access = &access.access;
        (access.class == Class::Create || creates(&access.action))
            && sight.knowledge.ledger.recreates(&access.resource.arn)
    });
    let behind = |seen: &Seen| seen.recreates(sight.knowledge.ledger, &sight.session.task);
    if again || sight.knowledge.seen.is_some_and(behind) {
        facts.insert(Fact::RecreatesDeleted);
    }
}
