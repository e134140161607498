//! Calls and resources of another partition than the task's.

use super::{Guard, Sight};
use crate::fact::Fact;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "partition",
    about: "calls and resources of other partitions",
    finds: &[Fact::CrossPartition],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let partition = sight.session.task.partition();
    if sight.call.partition() != partition
        || sight
            .arns()
            .any(|arn| arn.partition() != partition.as_str())
    {
        facts.insert(Fact::CrossPartition);
    }
}
