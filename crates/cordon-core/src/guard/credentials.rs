//! Operations whose answer holds AWS credentials: the answer would hand the agent what Cordon
//! exists to keep from it.

use super::{Guard, Sight};
use crate::fact::Fact;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "credentials",
    about: "operations that hand out AWS credentials",
    finds: &[Fact::ReturnsCredentials],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    if sight.call.operation().returns_credentials() {
        facts.insert(Fact::ReturnsCredentials);
    }
}
