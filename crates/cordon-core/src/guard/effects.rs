//! What the parameters of the call mean beyond its action: the catalog's curated rules.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::catalog::Effect;
use cordon_aws::classify;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "effects",
    about: "parameters that destroy, expose, force, spend or switch safeguards off",
    finds: &[
        Fact::DisablesProtection,
        Fact::SkipsFinalSnapshot,
        Fact::Force,
        Fact::OpensPublicAccess,
        Fact::WildcardTarget,
        Fact::Stateful,
        Fact::CommitsSpend,
        Fact::Unverified,
    ],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let operation = sight.call.operation();
    let effects = classify::effects(operation, sight.call.parameters(), sight.call.accesses());
    facts.extend(effects.into_iter().filter_map(|effect| match effect {
        Effect::DisablesProtection => Some(Fact::DisablesProtection),
        Effect::SkipsFinalSnapshot => Some(Fact::SkipsFinalSnapshot),
        Effect::Force => Some(Fact::Force),
        Effect::OpensPublicAccess => Some(Fact::OpensPublicAccess),
        Effect::WildcardTarget => Some(Fact::WildcardTarget),
        Effect::Stateful => Some(Fact::Stateful),
        // Most of what costs money ends when the resource does; a purchase does not.
        Effect::Cost => commits(operation.name()).then_some(Fact::CommitsSpend),
        // Whether an update replaces anything is known to the service alone. That it may is no
        // finding; that nobody looked is one.
        Effect::MayReplace => Some(Fact::Unverified),
        // These are in the class of the call, or are no fact that policies ask for.
        Effect::Deletes
        | Effect::Overwrites
        | Effect::Outage
        | Effect::GrantsPrivilege
        | Effect::RunsCode
        | Effect::Exfiltrates
        | Effect::Irreversible
        | Effect::DryRun => None,
    }));
}

fn commits(operation: &str) -> bool {
    [
        "Purchase",
        "CreateSavingsPlan",
        "CreateProvisionedModelThroughput",
        "AcceptReserved",
    ]
    .iter()
    .any(|beginning| operation.starts_with(beginning))
}
