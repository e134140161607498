//! Resources in accounts that the task does not declare, or in another partition. The account in
//! an ARN wins over the account of the session: a queue URL or a role ARN can name any account.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::arn::Arn;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "location",
    about: "resources of undeclared accounts and other partitions",
    finds: &[Fact::CrossAccount, Fact::CrossPartition],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let task = &sight.session.task;
    let arns = sight
        .accesses
        .iter()
        .filter_map(|access| access.access.resource.arn.parse::<Arn>().ok());
    for arn in arns {
        let declared = task
            .accounts()
            .iter()
            .any(|account| account.as_str() == arn.account());
        // `aws` is the account of AWS's own managed policies, which are in every account.
        if !arn.account().is_empty() && arn.account() != "aws" && !declared {
            facts.insert(Fact::CrossAccount);
        }
        if arn.partition() != task.partition().as_str() {
            facts.insert(Fact::CrossPartition);
        }
    }
    if sight.call.partition() != task.partition() {
        facts.insert(Fact::CrossPartition);
    }
}
