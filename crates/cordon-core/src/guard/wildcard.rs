//! Changes whose request names no resource at all, although their action has one. That a request
//! names several by a pattern is told by the catalog's rules.
//!
//! An action that has no resource type names none by nature, and something new has no name
//! before it exists; neither reaches further than it says. An ARN with `*` in a part that the
//! request need not tell (the application of a Beanstalk environment) still names one resource.

use super::{Guard, Sight};
use crate::fact::Fact;
use crate::look;
use cordon_aws::call::Class;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "wildcard",
    about: "changes that name no single resource, and deletions that take others along unlisted",
    finds: &[Fact::WildcardTarget],
    look: observe,
};

fn observe(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let open = sight.accesses.iter().any(|access| {
        let access = &access.access;
        let typed = access.resource.kind.contains(':');
        access.class.mutates()
            && access.class != Class::Create
            && typed
            && access.resource.source.is_empty()
            && access.resource.arn.contains('*')
    });
    if open || sight.has(Effect::WildcardTarget) || look::is_unlisted(sight.call) {
        facts.insert(Fact::WildcardTarget);
    }
}
