//! Which actions a call needs, on which resources.

use crate::harness::{call, check, needs, value};
use cordon_aws::arn::Region;
use cordon_aws::call::{Call, Class};
use cordon_aws::catalog::{Catalog, Member, Shape, ShapeKind};
use cordon_aws::classify::{destructive, effects};
use cordon_aws::value::Value;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn every_call_has_an_access_whatever_its_parameters() {
    let region: Region = "eu-west-1".parse().unwrap();
    let mut calls = 0;
    for service in Catalog::embedded().services() {
        for operation in service.operations() {
            for text in ["", "name", "arn:aws:s3:::x/y", "*", "é/:?#", "arn:"] {
                let parameters = operation
                    .input()
                    .map_or(Value::Null, |shape| filled(shape, text, 4));
                for value in [parameters, Value::Null, Value::Structure(BTreeMap::new())] {
                    let call = Call::planned(operation, value, region.clone(), None).unwrap();
                    let found = call.accesses();
                    assert!(!found.is_empty(), "{operation:?}");
                    for access in found {
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
                    let _ = (effects(&call), destructive(operation, found));
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

/// Of a list that names resources no item goes under, whatever it looks like: beside a name that is
/// understood it would be weighed by that one alone.
#[test]
fn every_item_of_a_list_is_weighed() {
    let region: Region = "eu-west-1".parse().unwrap();
    let mut lost = BTreeSet::new();
    for service in Catalog::embedded().services() {
        for operation in service.operations() {
            let Some(shape) = operation.input() else {
                continue;
            };
            let names = |texts: [&str; 2]| {
                let parameters = mixed(shape, texts, 4);
                let call = Call::planned(operation, parameters, region.clone(), None).unwrap();
                let accesses = call.accesses().iter();
                let names = accesses.map(|it| (it.action.clone(), it.resource.arn.clone()));
                names.collect::<BTreeSet<_>>()
            };
            for [usual, other] in [
                ["name", "other"],
                ["i-0a", "i-0b"],
                ["mi-0a", "mi-0b"],
                ["DELETE FROM a", "DELETE FROM b"],
            ] {
                let alone = names([usual, usual]);
                if names([usual, other]) == alone {
                    continue;
                }
                for odd in ODD {
                    if names([usual, odd]) == alone {
                        lost.insert(format!("{}:{} {odd}", service.name(), operation.name()));
                    }
                }
            }
        }
    }
    assert!(lost.is_empty(), "{} {lost:#?}", lost.len());
}

/// Names that a parser may not know.
const ODD: [&str; 10] = [
    "*",
    "a b",
    "a/b:c",
    "alias/x",
    "\"x\"",
    "é",
    "https://x/y",
    "ARN:AWS:S3:::b",
    "I-0C",
    "DELETE FROM\"c\"",
];

/// A value of the shape whose lists have an item of each text.
fn mixed(shape: Shape, texts: [&str; 2], depth: usize) -> Value {
    let next = |member: Member, text| mixed(member.shape(), [text; 2], depth - 1);
    match shape.kind() {
        _ if depth == 0 => Value::Null,
        ShapeKind::Structure | ShapeKind::Union => Value::Structure(
            shape
                .members()
                .map(|member| {
                    let value = mixed(member.shape(), texts, depth - 1);
                    (member.name().into(), value)
                })
                .collect(),
        ),
        ShapeKind::List => {
            let item = shape.item().unwrap();
            Value::List(texts.map(|text| next(item, text)).into())
        }
        ShapeKind::Map => {
            let (_, value) = shape.entry().unwrap();
            Value::Map(texts.map(|text| (text.into(), next(value, text))).into())
        }
        _ => filled(shape, texts[0], 1),
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
        Call::planned(operation, parameters, region, None)
    };
    assert_eq!(delete(10_000).unwrap().accesses().len(), 10_000);
    assert!(delete(10_001).is_err());
}

/// As people write them: with the beginnings, defaults and other forms that services take.
#[test]
fn names_become_arns_in_every_form_that_services_take() {
    let named = |service: &str, name: &str, parameters: Json| {
        let call = call(service, name, &parameters, "eu-west-1");
        let arns = call.accesses().iter().map(|access| {
            let arn = access.resource.arn.replace("arn:aws:", "");
            arn.replace(":eu-west-1:111122223333:", "~")
        });
        let mut arns: Vec<String> = arns.collect();
        arns.dedup();
        arns.join(" ")
    };
    let cases = [
        (
            "kms",
            "DeleteAlias",
            json!({"AliasName": "alias/a"}),
            "kms~alias/a",
        ),
        (
            "ssm",
            "DeleteParameter",
            json!({"Name": "/a/b"}),
            "ssm~parameter/a/b",
        ),
        (
            "ssm",
            "DeleteParameter",
            json!({"Name": "a"}),
            "ssm~parameter/a",
        ),
        (
            "sns",
            "Publish",
            json!({"TargetArn": "arn:aws:sns:eu-west-1:111122223333:t"}),
            "sns~t",
        ),
        (
            "lambda",
            "DeleteLayerVersion",
            json!({"LayerName": "l", "VersionNumber": 3}),
            "lambda~layer:l:3",
        ),
        (
            "events",
            "DeleteRule",
            json!({"Name": "r"}),
            "events~rule/r",
        ),
        (
            "events",
            "DeleteRule",
            json!({"Name": "r", "EventBusName": "default"}),
            "events~rule/r",
        ),
        (
            "events",
            "DeleteRule",
            json!({"Name": "r", "EventBusName": "shop"}),
            "events~rule/shop/r",
        ),
        (
            "events",
            "DeleteRule",
            json!({"Name": "r", "EventBusName": "arn:aws:events:eu-west-1:111122223333:event-bus/shop"}),
            "events~rule/shop/r",
        ),
        (
            "glue",
            "DeleteDatabase",
            json!({"CatalogId": "111122223333", "Name": "d"}),
            "glue~database/d glue~catalog",
        ),
        (
            "mq",
            "DeleteBroker",
            json!({"BrokerId": "b-1"}),
            "mq~broker:*:b-1",
        ),
        (
            "redshift",
            "ModifyClusterIamRoles",
            json!({"ClusterIdentifier": "c", "AddIamRoles": ["arn:aws:iam::111122223333:role/r"]}),
            "redshift~cluster:c",
        ),
        (
            "networkmanager",
            "DeleteDevice",
            json!({"GlobalNetworkId": "g", "DeviceId": "d"}),
            "networkmanager::111122223333:device/g/d networkmanager::111122223333:global-network/g",
        ),
        (
            "kinesis",
            "DeleteStream",
            json!({"StreamName": "s"}),
            "kinesis~stream/s",
        ),
        (
            "kinesis",
            "DeleteStream",
            json!({"StreamARN": "arn:aws:kinesis:eu-west-1:111122223333:stream/s"}),
            "kinesis~stream/s",
        ),
        (
            "network-firewall",
            "DeleteFirewall",
            json!({"FirewallName": "f"}),
            "network-firewall~firewall/f",
        ),
        (
            "s3vectors",
            "DeleteIndex",
            json!({"vectorBucketName": "b", "indexName": "i"}),
            "s3vectors~bucket/b/index/i",
        ),
    ];
    let wrong: Vec<String> = cases
        .into_iter()
        .filter_map(|(service, name, parameters, expected)| {
            let found = named(service, name, parameters);
            (found != expected).then(|| format!("{service}:{name}: {found}, not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_object_behind_an_access_point_is_named_below_it() {
    let points = [
        "arn:aws:s3:eu-west-1:111122223333:accesspoint/readers",
        "arn:aws:s3-object-lambda:eu-west-1:111122223333:accesspoint/readers",
        "arn:aws:s3-outposts:eu-west-1:111122223333:outpost/op-1/accesspoint/readers",
    ];
    for point in points {
        check(
            "s3",
            "GetObject",
            json!({"Bucket": point, "Key": "a/b"}),
            &[&format!("s3:GetObject on {point}/object/a/b is data")],
        );
    }
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
fn a_new_bucket_that_is_not_private_needs_the_action_of_its_access_list() {
    let plain = "s3:CreateBucket on arn:aws:s3:::b is create";
    for parameters in [
        json!({"Bucket": "b"}),
        json!({"Bucket": "b", "ACL": "private"}),
    ] {
        check("s3", "CreateBucket", parameters, &[plain]);
    }
    for (member, text) in [
        ("ACL", "public-read"),
        ("ACL", "log-delivery-write"),
        ("ACL", "unheard-of"),
        ("GrantRead", "id=\"someone\""),
    ] {
        let mut parameters = json!({"Bucket": "b", "ACL": "private"});
        parameters[member] = text.into();
        let actions = needs("s3", "CreateBucket", parameters);
        let asked = actions
            .iter()
            .any(|need| need.starts_with("s3:PutBucketAcl on "));
        assert!(asked, "{member} {text}: {actions:?}");
    }
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
fn a_call_acts_in_the_account_that_it_names() {
    let check = |service: &str, operation: &str, parameters: Json, wanted: &str| {
        let call = call(service, operation, &parameters, "eu-west-1");
        let found = call.accesses();
        let arns: Vec<&str> = found.iter().map(|access| &*access.resource.arn).collect();
        assert_eq!(arns, [wanted], "{operation} {parameters}");
    };
    check(
        "ecr",
        "BatchDeleteImage",
        json!({"registryId": "999988887777", "repositoryName": "api", "imageIds": []}),
        "arn:aws:ecr:eu-west-1:999988887777:repository/api",
    );
    check(
        "ecr",
        "DescribeRepositories",
        json!({"registryId": "999988887777"}),
        "arn:aws:ecr:eu-west-1:999988887777:repository/*",
    );
    check(
        "sqs",
        "GetQueueUrl",
        json!({"QueueName": "orders", "QueueOwnerAWSAccountId": "999988887777"}),
        "arn:aws:sqs:eu-west-1:999988887777:orders",
    );
    check(
        "quicksight",
        "DeleteDashboard",
        json!({"AwsAccountId": "999988887777", "DashboardId": "sales"}),
        "arn:aws:quicksight:eu-west-1:999988887777:dashboard/sales",
    );
    // `-` is the caller's own.
    check(
        "glacier",
        "DeleteVault",
        json!({"accountId": "-", "vaultName": "old"}),
        "arn:aws:glacier:eu-west-1:111122223333:vaults/old",
    );
    let tables = |catalog: &str| {
        let parameters = json!({"CatalogId": catalog, "DatabaseName": "sales", "Name": "orders"});
        call("glue", "DeleteTable", &parameters, "eu-west-1")
    };
    for catalog in ["999988887777", "999988887777:s3tablescatalog/sales"] {
        let call = tables(catalog);
        let found = call.accesses();
        assert!(
            !found.is_empty()
                && found
                    .iter()
                    .all(|access| access.resource.arn.contains(":999988887777:")),
            "{found:?}"
        );
    }
}

#[test]
fn a_statement_whose_table_is_not_clear_may_be_on_any_table() {
    let statements = json!({"Statements": [
        {"Statement": "DELETE FROM \"orders\" WHERE pk = 'a'"},
        {"Statement": "DELETE FROM\"ledger\" WHERE pk = 'a'"},
    ]});
    check(
        "dynamodb",
        "BatchExecuteStatement",
        statements,
        &[
            "dynamodb:PartiQLDelete on arn:aws:dynamodb:eu-west-1:111122223333:table/orders is destroy",
            "dynamodb:PartiQLDelete on arn:aws:dynamodb:eu-west-1:111122223333:table/* is destroy",
        ],
    );
}

#[test]
fn beanstalk_environments_are_named_whatever_their_application() {
    let call = call(
        "elasticbeanstalk",
        "RebuildEnvironment",
        &json!({"EnvironmentName": "ce-prod"}),
        "cn-north-1",
    );
    let [access] = call.accesses() else {
        panic!("{call:?}")
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

/// AWS asks for every one of these when an instance is run, and refuses it for one that is missing.
#[test]
fn what_a_creation_makes_or_leaves_to_the_service_is_asked_for() {
    let on = |resource: &str| {
        format!("ec2:RunInstances on arn:aws:ec2:eu-west-1:111122223333:{resource} is create")
    };
    let run = |parameters: Json, wanted: &[&str]| {
        let image = "ec2:RunInstances on arn:aws:ec2:eu-west-1::image/ami-1 is create";
        let wanted = wanted.iter().map(|resource| on(resource));
        let wanted: BTreeSet<String> = wanted.chain([image.to_owned()]).collect();
        let found = needs("ec2", "RunInstances", parameters);
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted);
    };
    run(
        json!({"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1}),
        &[
            "instance/*",
            "network-interface/*",
            "security-group/*",
            "subnet/*",
            "volume/*",
        ],
    );
    run(
        json!({"ImageId": "ami-1", "SubnetId": "subnet-1", "SecurityGroupIds": ["sg-1", "sg-2"],
            "LaunchTemplate": {"LaunchTemplateName": "web"},
            "InstanceMarketOptions": {"MarketType": "spot"}}),
        &[
            "instance/*",
            "launch-template/*",
            "network-interface/*",
            "security-group/sg-1",
            "security-group/sg-2",
            "spot-instances-request/*",
            "subnet/subnet-1",
            "volume/*",
        ],
    );
    // As Terraform and the console write it.
    run(
        json!({"ImageId": "ami-1", "NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": "subnet-1", "Groups": ["sg-1"]}]}),
        &[
            "instance/*",
            "network-interface/*",
            "security-group/sg-1",
            "subnet/subnet-1",
            "volume/*",
        ],
    );
    check(
        "rds",
        "CreateDBCluster",
        json!({"DBClusterIdentifier": "orders", "Engine": "aurora-mysql", "DBSubnetGroupName": "own"}),
        &[
            "rds:CreateDBCluster on arn:aws:rds:eu-west-1:111122223333:cluster:orders is create",
            "rds:CreateDBCluster on arn:aws:rds:eu-west-1:111122223333:subgrp:own is create",
            "rds:CreateDBCluster on arn:aws:rds:eu-west-1:111122223333:cluster-pg:* is create",
            "rds:CreateDBCluster on arn:aws:rds:eu-west-1:111122223333:og:* is create",
        ],
    );
}

#[test]
fn tags_of_what_is_created_are_asked_for_by_the_types_that_carry_them() {
    check(
        "ec2",
        "CreateVpc",
        json!({"CidrBlock": "10.0.0.0/16", "TagSpecifications": [{"ResourceType": "vpc", "Tags": []}]}),
        &[
            "ec2:CreateVpc on arn:aws:ec2:eu-west-1:111122223333:vpc/* is create",
            "ec2:CreateTags on arn:aws:ec2:eu-west-1:111122223333:vpc/* is update",
        ],
    );
    // Images and snapshots have ARNs without an account, whoever names them.
    let tags = json!([{"ResourceType": "snapshot"}]);
    check(
        "ec2",
        "CreateSnapshot",
        json!({"VolumeId": "vol-1", "TagSpecifications": tags}),
        &[
            "ec2:CreateSnapshot on arn:aws:ec2:eu-west-1:111122223333:volume/vol-1 is create",
            "ec2:CreateSnapshot on arn:aws:ec2:eu-west-1::snapshot/* is create",
            "ec2:CreateTags on arn:aws:ec2:eu-west-1::snapshot/* is update",
        ],
    );
    check(
        "ec2",
        "DeleteTags",
        json!({"Resources": ["ami-1", "snap-1", "i-1"]}),
        &[
            "ec2:DeleteTags on arn:aws:ec2:eu-west-1::image/ami-1 is update",
            "ec2:DeleteTags on arn:aws:ec2:eu-west-1::snapshot/snap-1 is update",
            "ec2:DeleteTags on arn:aws:ec2:eu-west-1:111122223333:instance/i-1 is update",
        ],
    );
}
