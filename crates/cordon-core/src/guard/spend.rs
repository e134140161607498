//! Purchases that cannot be given back, and sizes that are paid for by the hour for as long as nobody
//! looks. Most of what costs money ends when the resource does; a reservation does not, and a thousand
//! shards stay when the task is over.
//!
//! How much larger a size is than the one before, the call does not tell. A task says how much is
//! meant: a `limits` on the parameter is the sponsor's word, and what keeps to it is no finding.

use super::{Guard, Sight};
use crate::assess::AssessedAccess;
use crate::fact::Fact;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

/// How the operations that buy something begin.
const PURCHASES: [&str; 4] = [
    "Purchase",
    "CreateSavingsPlan",
    "CreateProvisionedModelThroughput",
    "AcceptReserved",
];

/// Operations that set what is paid for by the hour, with the parameter that says how much.
const SIZES: [(&str, &str, &str); 15] = [
    ("docdb", "ModifyDBInstance", "DBInstanceClass"),
    (
        "dynamodb",
        "UpdateTable",
        "ProvisionedThroughput.ReadCapacityUnits",
    ),
    (
        "dynamodb",
        "UpdateTable",
        "ProvisionedThroughput.WriteCapacityUnits",
    ),
    ("elasticache", "ModifyCacheCluster", "CacheNodeType"),
    ("elasticache", "ModifyReplicationGroup", "CacheNodeType"),
    ("kinesis", "UpdateShardCount", "TargetShardCount"),
    (
        "lambda",
        "PutProvisionedConcurrencyConfig",
        "ProvisionedConcurrentExecutions",
    ),
    ("memorydb", "UpdateCluster", "NodeType"),
    ("neptune", "ModifyDBInstance", "DBInstanceClass"),
    ("rds", "ModifyDBCluster", "DBClusterInstanceClass"),
    ("rds", "ModifyDBInstance", "DBInstanceClass"),
    ("redshift", "ModifyCluster", "NodeType"),
    ("redshift", "ModifyCluster", "NumberOfNodes"),
    ("redshift", "ResizeCluster", "NodeType"),
    ("redshift", "ResizeCluster", "NumberOfNodes"),
];

pub(super) const GUARD: Guard = Guard {
    name: "spend",
    about: "purchases that cannot be given back, and sizes that no limit of the task covers",
    finds: &[Fact::CommitsSpend],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let operation = sight.call.operation().name();
    let buys = PURCHASES
        .iter()
        .any(|beginning| operation.starts_with(beginning));
    if (sight.has(Effect::Cost) && buys) || enlarges(sight) {
        facts.insert(Fact::CommitsSpend);
    }
}

/// Whether the call sets a size that the task does not limit, of what the task did not make.
fn enlarges(sight: &Sight<'_>) -> bool {
    let task = &sight.session.task;
    sight.given(&SIZES).any(|path| {
        let open = |access: &AssessedAccess| !access.own && !task.limits(access, path);
        sight.accesses.iter().any(open)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use cordon_aws::catalog::Catalog;

    #[test]
    fn every_size_is_of_the_catalog() {
        assert!(SIZES.is_sorted());
        for (service, operation, path) in SIZES {
            let service = Catalog::embedded().service(service).unwrap();
            let operation = service.operation(operation).unwrap();
            let first = path.split('.').next().unwrap();
            assert!(operation.input().unwrap().member(first).is_some(), "{path}");
        }
    }
}
