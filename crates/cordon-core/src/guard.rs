//! Guards: pure functions from a call and what was gathered about it to facts. They observe;
//! policies decide.
//!
//! To add one, write `guard/<name>.rs` and list it in [`GUARDS`].

mod account;
mod backup;
mod credentials;
mod delay;
mod export;
mod force;
pub mod managed;
pub mod omission;
mod parameters;
mod partition;
mod protection;
mod public;
mod recreation;
mod replacement;
mod retention;
mod role;
mod scale;
mod snapshot;
mod spend;
mod stateful;
mod unsigned;
mod unverified;
mod wildcard;

use crate::assess::{AssessedAccess, Knowledge};
use crate::fact::Fact;
use crate::session::Session;
use cordon_aws::arn::Arn;
use cordon_aws::call::Call;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

/// What a guard looks at.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The call.
    pub call: &'a Call,
    /// Its accesses, each with its environment and provenance.
    pub accesses: &'a [AssessedAccess],
    /// What its parameters mean by the catalog's curated rules, told once for all guards.
    pub effects: &'a [Effect],
    /// Whose call it is.
    pub session: &'a Session,
    /// What was gathered.
    pub knowledge: &'a Knowledge<'a>,
}

impl Sight<'_> {
    /// Whether the call's parameters have the effect.
    fn has(&self, effect: Effect) -> bool {
        self.effects.contains(&effect)
    }

    /// The parameters of a table (service, operation, path) that are of this operation and that the call has.
    fn given<'t>(
        &self,
        table: &'t [(&str, &str, &'static str)],
    ) -> impl Iterator<Item = &'static str> + use<'t, '_> {
        let name = (self.call.service().name(), self.call.operation().name());
        let parameters = self.call.parameters();
        let rows = table
            .iter()
            .filter(move |(service, operation, _)| (*service, *operation) == name);
        rows.filter_map(move |(_, _, path)| (!parameters.at(path).is_empty()).then_some(*path))
    }

    /// The ARNs of the call's resources.
    fn arns(&self) -> impl Iterator<Item = Arn> {
        self.accesses
            .iter()
            .filter_map(|access| access.access.resource.arn.parse().ok())
    }
}

/// A guard: its name, what it looks for in one line, and the function.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    /// The name, as in its file.
    pub name: &'static str,
    /// What it looks for.
    pub about: &'static str,
    /// The facts that it can find.
    pub finds: &'static [Fact],
    /// Looks.
    pub look: fn(&Sight<'_>, &mut BTreeSet<Fact>),
}

/// Every guard.
pub const GUARDS: &[Guard] = &[
    account::GUARD,
    backup::GUARD,
    credentials::GUARD,
    delay::GUARD,
    export::GUARD,
    force::GUARD,
    managed::GUARD,
    omission::GUARD,
    parameters::GUARD,
    partition::GUARD,
    protection::GUARD,
    public::GUARD,
    recreation::GUARD,
    replacement::GUARD,
    retention::GUARD,
    role::GUARD,
    scale::GUARD,
    snapshot::GUARD,
    spend::GUARD,
    stateful::GUARD,
    unsigned::GUARD,
    unverified::GUARD,
    wildcard::GUARD,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_guard_is_listed_once_and_says_what_it_finds() {
        let names: BTreeSet<&str> = GUARDS.iter().map(|guard| guard.name).collect();
        assert_eq!(names.len(), GUARDS.len());
        assert!(
            GUARDS
                .iter()
                .all(|guard| !guard.finds.is_empty() && !guard.about.is_empty())
        );
    }
}
