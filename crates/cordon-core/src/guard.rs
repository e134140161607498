//! Guards: pure functions from a call and what was gathered about it to facts. They observe;
//! policies decide.
//!
//! To add one, write `guard/<name>.rs` and list it in [`GUARDS`].

mod credentials;
mod effects;
mod location;
mod parameters;
mod recreation;
mod wildcard;

use crate::assess::{AssessedAccess, Knowledge};
use crate::fact::Fact;
use crate::session::Session;
use cordon_aws::call::Call;
use std::collections::BTreeSet;

/// What a guard looks at.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The call.
    pub call: &'a Call,
    /// Its accesses, each with its environment and provenance.
    pub accesses: &'a [AssessedAccess],
    /// Whose call it is.
    pub session: &'a Session,
    /// What was gathered.
    pub knowledge: &'a Knowledge<'a>,
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
    credentials::GUARD,
    effects::GUARD,
    location::GUARD,
    parameters::GUARD,
    recreation::GUARD,
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
