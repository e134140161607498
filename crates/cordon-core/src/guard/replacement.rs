//! Replacing a resource within one call: delete and create, carried out by the service. A resource that is
//! given another name makes room for one in its place: who asks for the old name gets nothing, or the other.

use super::{Guard, Sight};
use crate::fact::Fact;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "replacement",
    about: "a change set or a rebuild that replaces, or a new name for, what the task does not name under [replace]",
    finds: &[Fact::ReplacesResource],
    look,
};

/// Parameters that give what exists another name: the service, the operation, and the parameter.
const RENAMES: [(&str, &str, &str); 12] = [
    ("dms", "ModifyEndpoint", "EndpointIdentifier"),
    (
        "dms",
        "ModifyReplicationInstance",
        "ReplicationInstanceIdentifier",
    ),
    ("docdb", "ModifyDBCluster", "NewDBClusterIdentifier"),
    ("docdb", "ModifyDBInstance", "NewDBInstanceIdentifier"),
    ("docdb", "ModifyGlobalCluster", "NewGlobalClusterIdentifier"),
    ("neptune", "ModifyDBCluster", "NewDBClusterIdentifier"),
    ("neptune", "ModifyDBInstance", "NewDBInstanceIdentifier"),
    ("rds", "ModifyDBCluster", "NewDBClusterIdentifier"),
    ("rds", "ModifyDBInstance", "NewDBInstanceIdentifier"),
    ("rds", "ModifyGlobalCluster", "NewGlobalClusterIdentifier"),
    ("redshift", "ModifyCluster", "NewClusterIdentifier"),
    ("rds", "ModifyTenantDatabase", "NewTenantDBName"),
];

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let seen = sight.knowledge.seen;
    if seen.is_some_and(|seen| seen.replaces_beyond(&sight.session.task)) || renames(sight) {
        facts.insert(Fact::ReplacesResource);
    }
}

fn renames(sight: &Sight<'_>) -> bool {
    sight.given(&RENAMES).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordon_aws::catalog::Catalog;

    #[test]
    fn every_rename_is_in_the_catalog() {
        for (service, operation, parameter) in RENAMES {
            let service = Catalog::embedded().service(service);
            let operation = service.and_then(|it| it.operation(operation));
            let member = operation.and_then(|it| it.input()?.member(parameter));
            assert!(member.is_some(), "{parameter}");
        }
    }
}
