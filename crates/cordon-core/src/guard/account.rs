//! Resources in accounts that the task does not declare. The account in an ARN wins over the
//! account of the session: a queue URL or a role ARN can name any account.

use super::{Guard, Sight};
use crate::fact::Fact;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "account",
    about: "resources of undeclared accounts",
    finds: &[Fact::CrossAccount],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let foreign = sight.arns().any(|arn| {
        let declared = sight
            .session
            .task
            .accounts()
            .iter()
            .any(|account| account.as_str() == arn.account());
        // `aws` is the account of AWS's own managed policies, which are in every account.
        !arn.account().is_empty() && arn.account() != "aws" && !declared
    });
    if foreign {
        facts.insert(Fact::CrossAccount);
    }
}
