//! What the catalog holds, and what it still lacks.

use cordon_aws::call::Protocol;
use cordon_aws::catalog::{Catalog, Operation};

#[test]
fn counts_are_those_of_the_models() {
    let catalog = Catalog::embedded();
    let operations: Vec<Operation> = catalog
        .services()
        .flat_map(|service| service.operations())
        .collect();
    let speaking = |protocol| {
        catalog
            .services()
            .filter(|service| service.speaks(protocol))
            .count()
    };
    assert_eq!(
        (catalog.services().count(), operations.len()),
        (445, 20_027)
    );
    assert_eq!(speaking(Protocol::RpcV2Cbor), 45);
    assert_eq!(speaking(Protocol::RestJson), 265);
    assert_eq!(speaking(Protocol::RestXml), 4);
    assert_eq!(speaking(Protocol::Query), 19);
    assert_eq!(catalog.actions().count() / 1000, 23);
    for operation in &operations {
        assert_eq!(
            operation.service().operation(operation.name()),
            Some(*operation)
        );
        assert!(
            operation.no_action() || operation.actions().count() > 0,
            "{operation:?}"
        );
    }
}

#[test]
fn gaps_only_shrink() {
    let operations = Catalog::embedded()
        .services()
        .flat_map(|service| service.operations());
    let (mut assumed, mut undecided) = (0, Vec::new());
    for operation in operations {
        assumed += u32::from(operation.assumed_action());
        let actions = operation
            .actions()
            .filter(|rule| !rule.handle().classified());
        undecided.extend(actions.map(|rule| rule.action));
    }
    // A new action of a verb that `classes.tsv` does not know must be judged by a person.
    assert_eq!(undecided, [""; 0]);
    assert!(assumed <= 993, "{assumed} operations have no known action");
}

#[test]
fn indexes_find_what_requests_name() {
    let catalog = Catalog::embedded();
    let names = |operations: Vec<Operation>| -> Vec<String> {
        operations
            .iter()
            .map(|found| format!("{}:{}", found.service().name(), found.name()))
            .collect()
    };
    assert_eq!(
        names(catalog.target("DynamoDB_20120810.GetItem").collect()),
        ["dynamodb:GetItem"]
    );
    assert_eq!(
        names(catalog.target("DynamoDB_20120810.getItem").collect()),
        [""; 0]
    );
    assert_eq!(
        names(catalog.query_action("ListUsers", "2010-05-08").collect()),
        ["iam:ListUsers"]
    );
    assert_eq!(
        names(catalog.query_action("SendMessage", "2012-11-05").collect()),
        ["sqs:SendMessage"]
    );
    let rds: Vec<_> = catalog
        .signed_as("rds")
        .map(|service| service.name())
        .collect();
    assert_eq!(rds, ["docdb", "neptune", "rds"]);
    let express: Vec<_> = catalog
        .signed_as("s3express")
        .map(|service| service.name())
        .collect();
    assert_eq!(express, ["s3", "s3control"]);
    assert_eq!(
        catalog.action("S3:getobject").unwrap().name(),
        "s3:GetObject"
    );
    assert!(catalog.action("s3:GetObjec").is_none());
    assert!(catalog.actions_from("elasticbeanstalk:").count() > 40);
}
