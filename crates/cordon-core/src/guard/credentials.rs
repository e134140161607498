//! Operations whose answer holds AWS credentials: the answer would hand the agent what Cordon
//! exists to keep from it. Those that Cordon answers itself hand out nothing.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::lend::Lending;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "credentials",
    about: "operations that hand out AWS credentials",
    finds: &[Fact::ReturnsCredentials],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let operation = sight.call.operation();
    if operation.returns_credentials() && Lending::of(operation).is_none() {
        facts.insert(Fact::ReturnsCredentials);
    }
}
