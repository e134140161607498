//! What parameters make of a call.

use crate::harness::{call, facts};
use cordon_aws::call::Class;
use serde_json::{Value as Json, json};

#[test]
fn parameters_raise_the_class() {
    let class =
        |service, name, parameters: Json| call(service, name, &parameters, "eu-west-1").class();
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
            "rds-data",
            "ExecuteStatement",
            json!({"sql": "INSERT INTO x VALUES (1)", "resourceArn": "arn:aws:rds:eu-west-1:111122223333:cluster:c"}),
            Class::Update,
        ),
        (
            "dynamodb",
            "ExecuteStatement",
            json!({"Statement": "DELETE FROM \"t\" WHERE pk = 'a'"}),
            Class::Destroy,
        ),
        (
            "dynamodb",
            "ExecuteStatement",
            json!({"Statement": "SELECT * FROM \"t\" WHERE pk = 'delete'"}),
            Class::Data,
        ),
        (
            "timestream-query",
            "Query",
            json!({"QueryString": "UNLOAD (SELECT 1) TO 's3://b'"}),
            Class::Destroy,
        ),
        (
            "dynamodb",
            "UpdateTable",
            json!({"TableName": "t", "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "i"}}]}),
            Class::Destroy,
        ),
        (
            "sqs",
            "SetQueueAttributes",
            json!({"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/q", "Attributes": {"DelaySeconds": "1"}}),
            Class::Update,
        ),
        (
            "sqs",
            "SetQueueAttributes",
            json!({"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/q", "Attributes": {"Policy": "{}"}}),
            Class::Identity,
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

/// What a stranger found that went as an update like others, and beside each what is one.
#[test]
fn brakes_and_backups_that_go_by_a_parameter_are_told() {
    let windows = |days: u32| json!({"FileSystemId": "fs-1", "WindowsConfiguration": {"AutomaticBackupRetentionDays": days}});
    let alarm = |enabled: bool| json!({"AlarmName": "a", "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "ActionsEnabled": enabled});
    let refresh = |least: u32| json!({"AutoScalingGroupName": "g", "Preferences": {"MinHealthyPercentage": least}});
    let regions = |rds: bool| json!({"ResourceTypeOptInPreference": {"EBS": true, "RDS": rds}});
    let made = |kind: &str| json!({"TypeName": kind, "DesiredState": "{}"});
    for (service, name, parameters, effect, expected) in [
        (
            "efs",
            "PutBackupPolicy",
            json!({"FileSystemId": "fs-1", "BackupPolicy": {"Status": "DISABLED"}}),
            "disables-protection",
            true,
        ),
        (
            "efs",
            "PutBackupPolicy",
            json!({"FileSystemId": "fs-1", "BackupPolicy": {"Status": "ENABLED"}}),
            "disables-protection",
            false,
        ),
        ("fsx", "UpdateFileSystem", windows(0), "deletes", true),
        ("fsx", "UpdateFileSystem", windows(7), "deletes", false),
        (
            "fsx",
            "UpdateFileSystem",
            windows(7),
            "shortens-retention",
            true,
        ),
        (
            "backup",
            "UpdateRegionSettings",
            regions(false),
            "disables-protection",
            true,
        ),
        (
            "backup",
            "UpdateRegionSettings",
            regions(true),
            "disables-protection",
            false,
        ),
        (
            "redshift",
            "ModifyClusterSnapshot",
            json!({"SnapshotIdentifier": "s", "ManualSnapshotRetentionPeriod": 1}),
            "shortens-retention",
            true,
        ),
        (
            "cloudwatch",
            "PutMetricAlarm",
            alarm(false),
            "disables-protection",
            true,
        ),
        (
            "cloudwatch",
            "PutMetricAlarm",
            alarm(true),
            "disables-protection",
            false,
        ),
        (
            "apigatewayv2",
            "ReimportApi",
            json!({"ApiId": "a", "Body": "{}"}),
            "deletes",
            true,
        ),
        (
            "autoscaling",
            "StartInstanceRefresh",
            refresh(0),
            "deletes",
            true,
        ),
        (
            "autoscaling",
            "StartInstanceRefresh",
            refresh(90),
            "deletes",
            false,
        ),
        (
            "elasticache",
            "ModifyReplicationGroupShardConfiguration",
            json!({"ReplicationGroupId": "g", "NodeGroupCount": 1, "ApplyImmediately": true, "NodeGroupsToRemove": ["2"]}),
            "deletes",
            true,
        ),
        (
            "cloudcontrol",
            "CreateResource",
            made("AWS::S3::BucketPolicy"),
            "grants-privilege",
            true,
        ),
        (
            "cloudcontrol",
            "CreateResource",
            made("AWS::S3::Bucket"),
            "grants-privilege",
            false,
        ),
        (
            "servicecatalog",
            "UpdateProvisionedProduct",
            json!({"ProvisionedProductName": "p", "UpdateToken": "t"}),
            "runs-code",
            true,
        ),
    ] {
        let told = facts(service, name, parameters);
        assert_eq!(
            told.contains(&effect),
            expected,
            "{service} {name} {told:?}"
        );
    }
}

#[test]
fn what_lets_everyone_in_is_told_however_it_is_written() {
    let ingress = |cidr: &str| json!({"GroupId": "sg-1", "IpProtocol": "-1", "CidrIp": cidr});
    let topic = |policy: &str| json!({"TopicArn": "arn:aws:sns:eu-west-1:1:t", "AttributeName": "Policy", "AttributeValue": policy});
    let domain = |policy: &str| json!({"DomainName": "orders", "AccessPolicies": policy});
    let everyone = r#"{"Statement":[{"Effect":"Allow","Principal":"*"}]}"#;
    for (service, name, parameters, expected) in [
        (
            "ec2",
            "AuthorizeSecurityGroupIngress",
            ingress("0.0.0.0/0"),
            true,
        ),
        (
            "ec2",
            "AuthorizeSecurityGroupIngress",
            ingress("192.0.2.7/0"),
            true,
        ),
        (
            "ec2",
            "AuthorizeSecurityGroupIngress",
            ingress("128.0.0.0/1"),
            true,
        ),
        (
            "ec2",
            "AuthorizeSecurityGroupIngress",
            ingress("192.0.2.0/24"),
            false,
        ),
        (
            "ec2",
            "CreateRoute",
            json!({"RouteTableId": "rtb-1", "GatewayId": "igw-1"}),
            true,
        ),
        (
            "ec2",
            "CreateRoute",
            json!({"RouteTableId": "rtb-1", "NatGatewayId": "nat-1"}),
            false,
        ),
        (
            "s3",
            "PutObject",
            json!({"Bucket": "b", "Key": "k", "GrantRead": "uri=\"http://acs.amazonaws.com/groups/global/AllUsers\""}),
            true,
        ),
        (
            "s3",
            "PutObject",
            json!({"Bucket": "b", "Key": "k", "GrantRead": "id=\"1234\""}),
            false,
        ),
        (
            "ec2",
            "ModifySnapshotAttribute",
            json!({"SnapshotId": "snap-1", "CreateVolumePermission": {"Add": [{"Group": "all"}]}}),
            true,
        ),
        (
            "ec2",
            "ModifySubnetAttribute",
            json!({"SubnetId": "subnet-1", "MapPublicIpOnLaunch": {"Value": true}}),
            true,
        ),
        (
            "rds",
            "ModifyDBSnapshotAttribute",
            json!({"DBSnapshotIdentifier": "s", "AttributeName": "restore", "ValuesToAdd": ["all"]}),
            true,
        ),
        (
            "rds",
            "ModifyDBSnapshotAttribute",
            json!({"DBSnapshotIdentifier": "s", "AttributeName": "restore", "ValuesToAdd": ["111122223333"]}),
            false,
        ),
        (
            "ram",
            "CreateResourceShare",
            json!({"name": "s", "principals": ["999988887777"]}),
            true,
        ),
        ("es", "CreateElasticsearchDomain", domain(everyone), true),
        (
            "es",
            "CreateElasticsearchDomain",
            domain(r#"{"Statement":[]}"#),
            false,
        ),
        ("sns", "SetTopicAttributes", topic(everyone), true),
    ] {
        let found = facts(service, name, parameters.clone()).contains(&"opens-public-access");
        assert_eq!(found, expected, "{service}:{name} {parameters}");
    }
}

#[test]
fn a_word_in_a_document_is_found_whatever_its_escapes() {
    let patch = |operation: &str| {
        let document = format!(r#"[{{"op": {operation}, "path": "/Tags"}}]"#);
        json!({"TypeName": "AWS::SQS::Queue", "Identifier": "q", "PatchDocument": document})
    };
    for operation in [r#""remove""#, r#""\u0072emove""#, r#""re\u0070lace""#] {
        let found = facts("cloudcontrol", "UpdateResource", patch(operation));
        assert!(found.contains(&"may-replace"), "{operation}: {found:?}");
    }
    let found = facts("cloudcontrol", "UpdateResource", patch(r#""add""#));
    assert!(!found.contains(&"may-replace"), "{found:?}");
}
