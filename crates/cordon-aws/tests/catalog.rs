//! What the catalog says: counts, hosts, and the accesses of calls that people know.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use cordon_aws::arn::{AccountId, Partition, Region};
use cordon_aws::call::{Access, Class, Protocol};
use cordon_aws::catalog::{Catalog, Effect, Member, Operation, Shape, ShapeKind};
use cordon_aws::classify::{destructive, effects};
use cordon_aws::resource::accesses;
use cordon_aws::value::Value;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What a call needs, as `action on arn is class`, for parameters written as JSON.
fn needs(service: &str, name: &str, parameters: Json) -> Vec<String> {
    let (_, _, found) = call(service, name, &parameters, "eu-west-1");
    found
        .iter()
        .map(|access| {
            format!(
                "{} on {} is {}",
                access.action, access.resource.arn, access.class
            )
        })
        .collect()
}

fn check(service: &str, name: &str, parameters: Json, expected: &[&str]) {
    assert_eq!(
        needs(service, name, parameters),
        expected,
        "{service}:{name}"
    );
}

fn facts(service: &str, name: &str, parameters: Json) -> Vec<&'static str> {
    let (operation, value, found) = call(service, name, &parameters, "eu-west-1");
    effects(operation, &value, &found)
        .into_iter()
        .map(Effect::as_str)
        .collect()
}

fn call(
    service: &str,
    name: &str,
    parameters: &Json,
    region: &str,
) -> (Operation, Value, Vec<Access>) {
    let operation = Catalog::embedded()
        .service(service)
        .unwrap()
        .operation(name)
        .unwrap();
    let value = match operation.input() {
        Some(shape) => value(shape, parameters),
        None => Value::Structure(BTreeMap::new()),
    };
    let region: Region = region.parse().unwrap();
    let account: AccountId = "111122223333".parse().unwrap();
    let partition = Partition::of_region(&region);
    let found = accesses(operation, &value, &partition, &region, Some(&account)).unwrap();
    (operation, value, found)
}

/// JSON as the model types it; a member that the model does not have is a fault of the test.
fn value(shape: Shape, json: &Json) -> Value {
    let member = |member: Member, json: &Json| value(member.shape(), json);
    match (shape.kind(), json) {
        (ShapeKind::Structure | ShapeKind::Union, Json::Object(given)) => Value::Structure(
            given
                .iter()
                .map(|(name, json)| {
                    let known = shape
                        .member(name)
                        .unwrap_or_else(|| panic!("no member {name}"));
                    (name.as_str().into(), member(known, json))
                })
                .collect(),
        ),
        (ShapeKind::Map, Json::Object(given)) => {
            let (_, kind) = shape.entry().unwrap();
            Value::Map(
                given
                    .iter()
                    .map(|(key, json)| (key.as_str().into(), member(kind, json)))
                    .collect(),
            )
        }
        (ShapeKind::List, Json::Array(items)) => Value::List(
            items
                .iter()
                .map(|json| member(shape.item().unwrap(), json))
                .collect(),
        ),
        (_, Json::String(text)) => Value::String(text.as_str().into()),
        (_, Json::Bool(set)) => Value::Bool(*set),
        (_, Json::Number(number)) => Value::Integer(number.to_string().into()),
        (kind, json) => panic!("{json} is no {}", kind.as_str()),
    }
}

#[test]
fn every_call_has_an_access_whatever_its_parameters() {
    let region: Region = "eu-west-1".parse().unwrap();
    let partition = Partition::of_region(&region);
    let mut calls = 0;
    for service in Catalog::embedded().services() {
        for operation in service.operations() {
            for text in ["", "name", "arn:aws:s3:::x/y", "*", "é/:?#", "arn:"] {
                let parameters = operation
                    .input()
                    .map_or(Value::Null, |shape| filled(shape, text, 4));
                for value in [
                    &parameters,
                    &Value::Null,
                    &Value::Structure(BTreeMap::new()),
                ] {
                    let found = accesses(operation, value, &partition, &region, None).unwrap();
                    assert!(!found.is_empty(), "{operation:?}");
                    for access in &found {
                        assert!(
                            !access.action.is_empty() && !access.resource.arn.is_empty(),
                            "{operation:?}"
                        );
                        assert!(
                            !access.resource.arn.contains("${"),
                            "{operation:?}: {}",
                            access.resource.arn
                        );
                    }
                    let _ = (
                        effects(operation, value, &found),
                        destructive(operation, &found),
                    );
                }
                calls += 1;
            }
        }
    }
    assert!(calls > 6 * 20_000);
}

/// A value of the shape with every member there, to a depth.
fn filled(shape: Shape, text: &str, depth: usize) -> Value {
    let next = |member: Member| filled(member.shape(), text, depth - 1);
    match shape.kind() {
        _ if depth == 0 => Value::Null,
        ShapeKind::Structure | ShapeKind::Union => Value::Structure(
            shape
                .members()
                .map(|member| (member.name().into(), next(member)))
                .collect(),
        ),
        ShapeKind::List => Value::List(vec![next(shape.item().unwrap()); 2]),
        ShapeKind::Map => {
            let (_, value) = shape.entry().unwrap();
            Value::Map(BTreeMap::from([(text.into(), next(value))]))
        }
        ShapeKind::Boolean => Value::Bool(true),
        ShapeKind::Integer | ShapeKind::Float | ShapeKind::Timestamp => Value::Integer("0".into()),
        ShapeKind::Blob => Value::Blob(bytes::Bytes::copy_from_slice(text.as_bytes())),
        ShapeKind::String | ShapeKind::Document => Value::String(text.into()),
    }
}

#[test]
fn a_call_that_names_too_much_is_refused() {
    let delete = |count: u32| {
        let operation = Catalog::embedded()
            .service("s3")
            .unwrap()
            .operation("DeleteObjects")
            .unwrap();
        let keys: Vec<Json> = (0..count)
            .map(|key| json!({"Key": key.to_string()}))
            .collect();
        let parameters = json!({"Bucket": "b", "Delete": {"Objects": keys}});
        let parameters = value(operation.input().unwrap(), &parameters);
        let region: Region = "eu-west-1".parse().unwrap();
        accesses(
            operation,
            &parameters,
            &Partition::of_region(&region),
            &region,
            None,
        )
    };
    assert_eq!(delete(10_000).unwrap().len(), 10_000);
    assert!(delete(10_001).is_err());
}

#[test]
fn names_below_aws_suffixes_that_anyone_can_own_are_no_endpoints() {
    for host in [
        "amazonaws.com",
        "evil.amazonaws.com",
        "my-lb-123.us-east-1.elb.amazonaws.com",
        "ec2-203-0-113-25.compute-1.amazonaws.com",
        "ec2-203-0-113-25.eu-west-1.compute.amazonaws.com",
        "abc123.execute-api.us-east-1.amazonaws.com",
        "abc.lambda-url.us-east-1.on.aws",
        "bucket.s3-website-us-east-1.amazonaws.com",
        "bucket.s3-website.eu-central-1.amazonaws.com",
        "d111111abcdef8.cloudfront.net",
        "db.abc.us-east-1.rds.amazonaws.com",
        "x.ec2.us-east-1.amazonaws.com",
        "ec2.us-east-1.amazonaws.com.evil.com",
        "ec2.us-east-1.amazonaws.com.cn",
        "ec2.cn-north-1.amazonaws.com",
        "ec2.mars-north-1.amazonaws.com",
        "11112222333.s3-control.us-east-1.amazonaws.com",
        "",
        ".",
        "..amazonaws.com",
    ] {
        assert!(Catalog::embedded().host(host).is_none(), "{host}");
    }
}

#[test]
fn hosts_tell_partition_region_and_service() {
    for (host, partition, region, service, prefix) in [
        (
            "ec2.us-east-1.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "ec2",
            "",
        ),
        (
            "ec2.cn-north-1.amazonaws.com.cn",
            "aws-cn",
            Some("cn-north-1"),
            "ec2",
            "",
        ),
        ("iam.amazonaws.com", "aws", None, "iam", ""),
        ("iam.cn-north-1.amazonaws.com.cn", "aws-cn", None, "iam", ""),
        ("sts.amazonaws.com", "aws", None, "sts", ""),
        (
            "sts.us-gov-west-1.amazonaws.com",
            "aws-us-gov",
            Some("us-gov-west-1"),
            "sts",
            "",
        ),
        (
            "monitoring-fips.us-east-1.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "cloudwatch",
            "",
        ),
        (
            "lambda.eu-central-1.api.aws",
            "aws",
            Some("eu-central-1"),
            "lambda",
            "",
        ),
        ("s3.amazonaws.com", "aws", None, "s3", ""),
        (
            "a.b.s3.eu-west-1.amazonaws.com",
            "aws",
            Some("eu-west-1"),
            "s3",
            "a.b",
        ),
        (
            "logs.s3-eu-west-1.amazonaws.com",
            "aws",
            Some("eu-west-1"),
            "s3",
            "logs",
        ),
        (
            "logs.s3.dualstack.eu-west-1.amazonaws.com",
            "aws",
            Some("eu-west-1"),
            "s3",
            "logs",
        ),
        (
            "b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "s3",
            "b--use1-az4--x-s3",
        ),
        (
            "111122223333.s3-control.us-east-1.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "s3control",
            "111122223333",
        ),
        (
            "111122223333.ddb.us-east-1.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "dynamodb",
            "111122223333",
        ),
        (
            "us-east-1.queue.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "sqs",
            "",
        ),
        (
            "sync-states.us-east-1.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "stepfunctions",
            "sync-",
        ),
        (
            "api.ecr.us-east-1.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "ecr",
            "",
        ),
        (
            "dynamodb.eusc-de-east-1.amazonaws.eu",
            "aws-eusc",
            Some("eusc-de-east-1"),
            "dynamodb",
            "",
        ),
    ] {
        let found = Catalog::embedded()
            .host(host)
            .unwrap_or_else(|| panic!("{host}"));
        let services: Vec<_> = found.services().map(|service| service.name()).collect();
        assert_eq!(
            (found.partition, found.region, found.prefix),
            (partition, region, prefix),
            "{host}"
        );
        assert!(services.contains(&service), "{host}: {services:?}");
    }
}

#[test]
fn every_standard_endpoint_is_a_known_host_of_its_service() {
    let catalog = Catalog::embedded();
    for service in catalog.services() {
        for partition in catalog.partitions() {
            for region in partition.regions() {
                let Some(host) = service.standard_host(partition.name(), region) else {
                    continue;
                };
                let found = catalog.host(&host).unwrap_or_else(|| panic!("{host}"));
                // A few partitions share a global host, which then is that of `aws`.
                let shared = found.region.is_none() && found.partition == "aws";
                assert!(shared || found.partition == partition.name(), "{host}");
                assert!(
                    found.services().any(|other| other == service),
                    "{host}: {service:?}"
                );
            }
        }
    }
}

#[test]
fn global_services_sign_in_their_own_region() {
    for (service, partition, host, region) in [
        ("iam", "aws", "iam.amazonaws.com", Some("us-east-1")),
        (
            "iam",
            "aws-cn",
            "iam.cn-north-1.amazonaws.com.cn",
            Some("cn-north-1"),
        ),
        ("route53", "aws", "route53.amazonaws.com", Some("us-east-1")),
        ("sts", "aws", "sts.eu-west-1.amazonaws.com", None),
    ] {
        let service = Catalog::embedded().service(service).unwrap();
        let asked = if partition == "aws" {
            "eu-west-1"
        } else {
            "cn-northwest-1"
        };
        assert_eq!(service.global_region(partition), region, "{service:?}");
        assert_eq!(
            service.standard_host(partition, asked).as_deref(),
            Some(host),
            "{service:?}"
        );
    }
}

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

#[test]
fn a_copy_reads_its_source_and_writes_its_destination() {
    check(
        "s3",
        "CopyObject",
        json!({"Bucket": "to", "Key": "k", "CopySource": "/from/a%20b/c?versionId=v1"}),
        &[
            "s3:PutObject on arn:aws:s3:::to/k is update",
            "s3:GetObjectVersion on arn:aws:s3:::from/a b/c is data",
        ],
    );
    check(
        "s3",
        "CopyObject",
        json!({"Bucket": "to", "Key": "k", "CopySource": "from/x", "Tagging": "a=b"}),
        &[
            "s3:PutObject on arn:aws:s3:::to/k is update",
            "s3:PutObjectTagging on arn:aws:s3:::to/k is update",
            "s3:GetObject on arn:aws:s3:::from/x is data",
        ],
    );
}

#[test]
fn every_item_of_a_list_is_a_resource_of_its_own() {
    check(
        "ec2",
        "TerminateInstances",
        json!({"InstanceIds": ["i-0a", "i-0b"]}),
        &[
            "ec2:TerminateInstances on arn:aws:ec2:eu-west-1:111122223333:instance/i-0a is destroy",
            "ec2:TerminateInstances on arn:aws:ec2:eu-west-1:111122223333:instance/i-0b is destroy",
        ],
    );
    check(
        "s3",
        "DeleteObjects",
        json!({"Bucket": "b", "Delete": {"Objects": [{"Key": "x"}, {"Key": "y", "VersionId": "1"}]}}),
        &[
            "s3:DeleteObject on arn:aws:s3:::b/x is destroy",
            "s3:DeleteObject on arn:aws:s3:::b/y is destroy",
            "s3:DeleteObjectVersion on arn:aws:s3:::b/x is destroy",
            "s3:DeleteObjectVersion on arn:aws:s3:::b/y is destroy",
        ],
    );
    check(
        "ec2",
        "CreateTags",
        json!({"Resources": ["i-0a", "vol-0b", "odd"], "Tags": []}),
        &[
            "ec2:CreateTags on arn:aws:ec2:eu-west-1:111122223333:instance/i-0a is update",
            "ec2:CreateTags on arn:aws:ec2:eu-west-1:111122223333:volume/vol-0b is update",
            "ec2:CreateTags on arn:aws:ec2:eu-west-1:111122223333:*/odd is update",
        ],
    );
    check(
        "dynamodb",
        "BatchWriteItem",
        json!({"RequestItems": {"a": [{"DeleteRequest": {"Key": {}}}], "b": [{"PutRequest": {"Item": {}}}]}}),
        &[
            "dynamodb:BatchWriteItem on arn:aws:dynamodb:eu-west-1:111122223333:table/a is destroy",
            "dynamodb:BatchWriteItem on arn:aws:dynamodb:eu-west-1:111122223333:table/b is destroy",
        ],
    );
    check(
        "dynamodb",
        "TransactWriteItems",
        json!({"TransactItems": [{"Put": {"TableName": "a", "Item": {}}}, {"Update": {"TableName": "b", "Key": {}}}]}),
        &[
            "dynamodb:PutItem on arn:aws:dynamodb:eu-west-1:111122223333:table/a is update",
            "dynamodb:UpdateItem on arn:aws:dynamodb:eu-west-1:111122223333:table/b is update",
        ],
    );
}

#[test]
fn an_arn_in_a_parameter_wins() {
    check(
        "dynamodb",
        "GetItem",
        json!({"TableName": "arn:aws:dynamodb:us-west-2:444455556666:table/t", "Key": {}}),
        &["dynamodb:GetItem on arn:aws:dynamodb:us-west-2:444455556666:table/t is data"],
    );
    check(
        "lambda",
        "Invoke",
        json!({"FunctionName": "111122223333:function:ce", "Qualifier": "live"}),
        &[
            "lambda:InvokeFunction on arn:aws:lambda:eu-west-1:111122223333:function:ce:live is create",
        ],
    );
    check(
        "ssm",
        "SendCommand",
        json!({"DocumentName": "d", "InstanceIds": ["i-0a", "mi-0b"]}),
        &[
            "ssm:SendCommand on arn:aws:ssm:eu-west-1:111122223333:document/d is disrupt",
            "ssm:SendCommand on arn:aws:ec2:eu-west-1:111122223333:instance/i-0a is disrupt",
            "ssm:SendCommand on arn:aws:ssm:eu-west-1:111122223333:managed-instance/mi-0b is disrupt",
        ],
    );
    check(
        "ecs",
        "DescribeServices",
        json!({"cluster": "arn:aws:ecs:eu-west-1:111122223333:cluster/c", "services": ["s"]}),
        &["ecs:DescribeServices on arn:aws:ecs:eu-west-1:111122223333:service/c/s is observe"],
    );
}

#[test]
fn a_value_that_names_another_account_is_a_resource_of_that_account() {
    let queue = |url: &str, queue: &str| {
        check(
            "sqs",
            "DeleteQueue",
            json!({ "QueueUrl": url }),
            &[&format!(
                "sqs:DeleteQueue on arn:aws:sqs:{queue} is destroy"
            )],
        );
    };
    let host = "https://sqs.eu-west-1.amazonaws.com";
    queue(
        &format!("{host}/111122223333/jobs"),
        "eu-west-1:111122223333:jobs",
    );
    queue(
        &format!("{host}/666666666666/jobs"),
        "eu-west-1:666666666666:jobs",
    );
    queue("jobs", "eu-west-1:111122223333:jobs");
    queue("666666666666/jobs", "eu-west-1:666666666666:jobs");

    let function = |name: &str, function: &str| {
        check(
            "lambda",
            "DeleteFunction",
            json!({ "FunctionName": name }),
            &[&format!(
                "lambda:DeleteFunction on arn:aws:lambda:{function} is destroy"
            )],
        );
    };
    for (name, expected) in [
        ("ce", "eu-west-1:111122223333:function:ce"),
        ("function:ce", "eu-west-1:111122223333:function:ce"),
        (
            "ce-api-1:live",
            "eu-west-1:111122223333:function:ce-api-1:live",
        ),
        (
            "666666666666:function:ce",
            "eu-west-1:666666666666:function:ce",
        ),
        (
            "666666666666:ce:live",
            "eu-west-1:666666666666:function:ce:live",
        ),
        (
            "us-west-2:666666666666:function:ce",
            "us-west-2:666666666666:function:ce",
        ),
    ] {
        function(name, expected);
    }
}

#[test]
fn a_role_that_is_handed_on_must_be_passable() {
    check(
        "lambda",
        "CreateFunction",
        json!({"FunctionName": "f", "Role": "arn:aws:iam::111122223333:role/r", "Code": {}}),
        &[
            "lambda:CreateFunction on arn:aws:lambda:eu-west-1:111122223333:function:f is create",
            "iam:PassRole on arn:aws:iam::111122223333:role/r is identity",
        ],
    );
    check(
        "iam",
        "CreateRole",
        json!({"Path": "/team/", "RoleName": "r", "AssumeRolePolicyDocument": "{}"}),
        &["iam:CreateRole on arn:aws:iam::111122223333:role/team/r is identity"],
    );
}

#[test]
fn beanstalk_environments_are_named_whatever_their_application() {
    let (_, _, found) = call(
        "elasticbeanstalk",
        "RebuildEnvironment",
        &json!({"EnvironmentName": "ce-prod"}),
        "cn-north-1",
    );
    let [access] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(
        (
            access.resource.arn.as_ref(),
            access.resource.source.as_ref(),
            access.class
        ),
        (
            "arn:aws-cn:elasticbeanstalk:cn-north-1:111122223333:environment/*/ce-prod",
            "EnvironmentName",
            Class::Destroy
        ),
    );
}

#[test]
fn what_the_request_does_not_name_is_a_pattern() {
    check(
        "ec2",
        "DescribeInstances",
        json!({}),
        &["ec2:DescribeInstances on * is observe"],
    );
    check(
        "s3",
        "ListBuckets",
        json!({}),
        &["s3:ListAllMyBuckets on * is observe"],
    );
    check(
        "elasticbeanstalk",
        "TerminateEnvironment",
        json!({"EnvironmentId": "e-abc"}),
        &[
            "elasticbeanstalk:TerminateEnvironment on arn:aws:elasticbeanstalk:eu-west-1:111122223333:environment/*/* is destroy",
        ],
    );
    check(
        "sqs",
        "SendMessage",
        json!({"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/q", "MessageBody": "m"}),
        &["sqs:SendMessage on arn:aws:sqs:eu-west-1:111122223333:q is create"],
    );
}

#[test]
fn parameters_raise_the_class() {
    let class = |service, name, parameters: Json| {
        let (_, _, found) = call(service, name, &parameters, "eu-west-1");
        found.iter().map(|access| access.class).max().unwrap()
    };
    let records = |action: &str| {
        json!({"HostedZoneId": "Z1", "ChangeBatch": {"Changes": [
            {"Action": action, "ResourceRecordSet": {"Name": "a", "Type": "A"}}]}})
    };
    for (service, name, parameters, expected) in [
        (
            "route53",
            "ChangeResourceRecordSets",
            records("DELETE"),
            Class::Destroy,
        ),
        (
            "route53",
            "ChangeResourceRecordSets",
            records("CREATE"),
            Class::Update,
        ),
        (
            "ecs",
            "UpdateService",
            json!({"service": "s", "desiredCount": 0}),
            Class::Disrupt,
        ),
        (
            "ecs",
            "UpdateService",
            json!({"service": "s", "desiredCount": 2}),
            Class::Update,
        ),
        (
            "s3",
            "PutBucketVersioning",
            json!({"Bucket": "b", "VersioningConfiguration": {"Status": "Suspended"}}),
            Class::Weaken,
        ),
        (
            "s3",
            "PutBucketVersioning",
            json!({"Bucket": "b", "VersioningConfiguration": {"Status": "Enabled"}}),
            Class::Update,
        ),
        (
            "s3",
            "PutBucketLifecycleConfiguration",
            json!({"Bucket": "b", "LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "Expiration": {"Days": 1}}]}}),
            Class::Destroy,
        ),
        (
            "rds",
            "ModifyDBInstance",
            json!({"DBInstanceIdentifier": "d", "BackupRetentionPeriod": 0}),
            Class::Destroy,
        ),
        (
            "rds",
            "ModifyDBInstance",
            json!({"DBInstanceIdentifier": "d", "DeletionProtection": false}),
            Class::Weaken,
        ),
        (
            "ec2",
            "ModifyInstanceAttribute",
            json!({"InstanceId": "i-0a", "DisableApiTermination": {"Value": false}}),
            Class::Weaken,
        ),
        (
            "dynamodb",
            "BatchWriteItem",
            json!({"RequestItems": {"t": [{"DeleteRequest": {"Key": {}}}]}}),
            Class::Destroy,
        ),
        (
            "dynamodb",
            "BatchWriteItem",
            json!({"RequestItems": {"t": [{"PutRequest": {"Item": {}}}]}}),
            Class::Update,
        ),
        (
            "rds-data",
            "ExecuteStatement",
            json!({"sql": "DROP TABLE x", "resourceArn": "arn:aws:rds:eu-west-1:111122223333:cluster:c"}),
            Class::Destroy,
        ),
        (
            "sts",
            "AssumeRole",
            json!({"RoleArn": "arn:aws:iam::111122223333:role/r"}),
            Class::Identity,
        ),
        (
            "secretsmanager",
            "GetSecretValue",
            json!({"SecretId": "s"}),
            Class::Data,
        ),
        (
            "elasticbeanstalk",
            "TerminateEnvironment",
            json!({"EnvironmentName": "e"}),
            Class::Destroy,
        ),
        (
            "elasticbeanstalk",
            "UpdateEnvironment",
            json!({"EnvironmentName": "e"}),
            Class::Update,
        ),
    ] {
        assert_eq!(
            class(service, name, parameters.clone()),
            expected,
            "{service}:{name} {parameters}"
        );
    }
}

#[test]
fn effects_are_told_by_parameters() {
    assert_eq!(
        facts(
            "rds",
            "DeleteDBInstance",
            json!({"DBInstanceIdentifier": "d", "SkipFinalSnapshot": true})
        ),
        ["deletes", "skips-final-snapshot", "stateful"],
    );
    assert_eq!(
        facts(
            "s3",
            "PutBucketPolicy",
            json!({"Bucket": "b", "Policy": "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[\"*\"]}}}"})
        ),
        ["opens-public-access"],
    );
    assert_eq!(
        facts("s3", "GetObject", json!({"Bucket": "b", "Key": "k"})),
        [""; 0]
    );
    assert_eq!(
        facts("ec2", "TerminateInstances", json!({"InstanceIds": ["i-*"]})),
        ["deletes", "wildcard-target"],
    );
}
