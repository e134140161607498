//! The other services: first what must not be lost, then what must work.

use serde_json::json;

use crate::client::{Answer, Keys, Request, Story, allow};

const TABLE: &str = "cost-explorer-costs";

fn dynamodb(operation: &str, body: serde_json::Value) -> Request {
    Request::json("dynamodb", &format!("DynamoDB_20120810.{operation}"), &body)
}

fn beanstalk(operation: &str, parameters: &[(&str, &str)]) -> Request {
    Request::form("elasticbeanstalk", operation, parameters)
}

async fn done(story: &Story, keys: &Keys, request: Request) -> Answer {
    let answer = story.send(keys, request).await;
    assert!(answer.status < 300, "{answer:?}");
    answer
}

async fn refused(story: &Story, keys: &Keys, request: Request, status: u16, code: &str) {
    let before = story.lab.estate();
    let answer = story.send(keys, request).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{answer:?}"
    );
    assert_eq!(story.lab.estate(), before, "a refusal changes nothing");
}

#[tokio::test]
async fn denials_have_the_shape_of_each_service() {
    let story = Story::start().await;
    let keys = story
        .session(Some(&allow(&["sts:GetCallerIdentity"], &["*"])))
        .await;
    for (request, status, code) in [
        (
            Request::form("ec2", "TerminateInstances", &[("InstanceId.1", "i-0abc")]),
            403,
            "UnauthorizedOperation",
        ),
        (
            dynamodb("DeleteTable", json!({"TableName": TABLE})),
            400,
            "AccessDeniedException",
        ),
        (
            Request::new(
                "lambda",
                "DELETE",
                "/2015-03-31/functions/cost-explorer-api",
            ),
            403,
            "AccessDeniedException",
        ),
        (
            Request::s3("DELETE", "/cost-explorer-exports-111122223333"),
            403,
            "AccessDenied",
        ),
        (
            beanstalk("RebuildEnvironment", &[("EnvironmentName", "ce-web-prod")]),
            403,
            "AccessDenied",
        ),
        (
            Request::form("rds", "DeleteDBInstance", &[("DBInstanceIdentifier", "db")]),
            403,
            "AccessDenied",
        ),
        (
            Request::form("iam", "DeleteRole", &[("RoleName", "cordon-read")]),
            403,
            "AccessDenied",
        ),
        (
            Request::form("cloudformation", "DeleteStack", &[("StackName", "st")]),
            403,
            "AccessDenied",
        ),
        (
            Request::form(
                "sqs",
                "DeleteQueue",
                &[("QueueUrl", "http://x/111122223333/cost-explorer-exports")],
            ),
            403,
            "AccessDenied",
        ),
        (
            Request::json(
                "sqs",
                "AmazonSQS.DeleteQueue",
                &json!({"QueueUrl": "http://x/111122223333/cost-explorer-exports"}),
            ),
            400,
            "AccessDeniedException",
        ),
        (
            Request::json(
                "logs",
                "Logs_20140328.DeleteLogGroup",
                &json!({"logGroupName": "/x"}),
            ),
            400,
            "AccessDeniedException",
        ),
        (
            Request::json(
                "secretsmanager",
                "secretsmanager.GetSecretValue",
                &json!({"SecretId": "cost-explorer/database"}),
            ),
            400,
            "AccessDeniedException",
        ),
    ] {
        refused(&story, &keys, request, status, code).await;
    }
}

#[tokio::test]
async fn a_terminated_environment_is_gone_and_its_instances_with_it() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let instances = |story: &Story| {
        story.lab.estate()["places"]["111122223333/cn-north-1"]["elasticbeanstalk"]["environments"]
            [0]["instances"]
            .clone()
    };
    let before = instances(&story);
    let update = [
        ("EnvironmentName", "ce-web-prod"),
        ("OptionSettings.member.1.Namespace", "aws:autoscaling:asg"),
        ("OptionSettings.member.1.OptionName", "MinSize"),
        ("OptionSettings.member.1.Value", "3"),
    ];
    done(&story, &keys, beanstalk("UpdateEnvironment", &update)).await;
    assert_eq!(instances(&story), before, "an update changes in place");
    done(
        &story,
        &keys,
        beanstalk("RebuildEnvironment", &[("EnvironmentName", "ce-web-prod")]),
    )
    .await;
    let rebuilt = instances(&story);
    assert_ne!(rebuilt, before, "a rebuild makes every instance anew");
    done(
        &story,
        &keys,
        beanstalk(
            "TerminateEnvironment",
            &[("EnvironmentName", "ce-web-prod")],
        ),
    )
    .await;
    assert_eq!(instances(&story), json!([]));
    refused(
        &story,
        &keys,
        beanstalk("UpdateEnvironment", &[("EnvironmentName", "ce-web-prod")]),
        400,
        "InvalidParameterValue",
    )
    .await;
    let events = done(
        &story,
        &keys,
        beanstalk("DescribeEvents", &[("EnvironmentName", "ce-web-prod")]),
    )
    .await;
    assert!(
        events
            .element("Message")
            .starts_with("terminateEnvironment"),
        "the newest event is first"
    );
}

#[tokio::test]
async fn events_are_filtered_by_all_that_the_caller_asks_for() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let update = [
        ("EnvironmentName", "ce-web-prod"),
        ("Description", "mended"),
    ];
    done(&story, &keys, beanstalk("UpdateEnvironment", &update)).await;
    for (filter, found) in [
        (("Severity", "INFO"), true),
        (("Severity", "ERROR"), false),
        (("StartTime", "2026-07-29T10:00:00Z"), true),
        (("StartTime", "2026-07-29T10:00:01Z"), false),
        (("EndTime", "2026-07-29T10:00:00Z"), false),
        (("EnvironmentId", "e-none"), false),
        (("ApplicationName", "other"), false),
    ] {
        let answer = done(&story, &keys, beanstalk("DescribeEvents", &[filter])).await;
        assert_eq!(
            answer.body.contains("update completed"),
            found,
            "{filter:?}"
        );
    }
    refused(
        &story,
        &keys,
        beanstalk("DescribeEvents", &[("Severity", "x")]),
        400,
        "ValidationError",
    )
    .await;
}

#[tokio::test]
async fn an_environment_is_judged_by_its_name_even_when_called_by_its_id() {
    let story = Story::start().await;
    let all = story.session(None).await;
    let described = done(&story, &all, beanstalk("DescribeEnvironments", &[])).await;
    let id = described.element("EnvironmentId").to_owned();
    let other =
        "arn:aws-cn:elasticbeanstalk:cn-north-1:111122223333:environment/cost-explorer/other";
    let narrow = story
        .session(Some(&allow(&["elasticbeanstalk:*"], &[other])))
        .await;
    refused(
        &story,
        &narrow,
        beanstalk("TerminateEnvironment", &[("EnvironmentId", &id)]),
        403,
        "AccessDenied",
    )
    .await;
}

#[tokio::test]
async fn a_protected_table_is_not_deleted() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let protect = |on: bool| {
        dynamodb(
            "UpdateTable",
            json!({"TableName": TABLE, "DeletionProtectionEnabled": on}),
        )
    };
    done(&story, &keys, protect(true)).await;
    let delete = || dynamodb("DeleteTable", json!({"TableName": TABLE}));
    refused(&story, &keys, delete(), 400, "ValidationException").await;
    done(&story, &keys, protect(false)).await;
    done(&story, &keys, delete()).await;
    refused(
        &story,
        &keys,
        dynamodb("DescribeTable", json!({"TableName": TABLE})),
        400,
        "ResourceNotFoundException",
    )
    .await;
}

#[tokio::test]
async fn an_expression_that_the_lab_does_not_evaluate_is_never_ignored() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let key = json!({"team": {"S": "billing"}, "month": {"S": "2026-06"}});
    for (operation, body) in [
        (
            "DeleteItem",
            json!({"TableName": TABLE, "Key": key, "ConditionExpression": "amount > :x"}),
        ),
        (
            "DeleteItem",
            json!({"TableName": TABLE, "Key": key, "ConditionExpression": "attribute_exists(a) AND attribute_exists(b)"}),
        ),
        (
            "Scan",
            json!({"TableName": TABLE, "FilterExpression": "amount > :x"}),
        ),
        (
            "Query",
            json!({"TableName": TABLE, "KeyConditionExpression": "team = :t AND month > :m",
            "ExpressionAttributeValues": {":t": {"S": "billing"}, ":m": {"S": "2026"}}}),
        ),
        (
            "DeleteItem",
            json!({"TableName": TABLE, "Key": {"team": {"S": "billing"}}}),
        ),
        (
            "BatchWriteItem",
            json!({"RequestItems": {TABLE: [{"DeleteRequest": {"Key": key}}, {"DeleteRequest": {"Key": key}}]}}),
        ),
    ] {
        refused(
            &story,
            &keys,
            dynamodb(operation, body),
            400,
            "ValidationException",
        )
        .await;
    }
    let present = json!({"TableName": TABLE, "Key": key, "ConditionExpression": "attribute_not_exists(team)"});
    refused(
        &story,
        &keys,
        dynamodb("DeleteItem", present),
        400,
        "ConditionalCheckFailedException",
    )
    .await;
}

#[tokio::test]
async fn items_are_found_by_their_key() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let query = json!({"TableName": TABLE, "KeyConditionExpression": "team = :t AND begins_with(#m, :m)",
        "ExpressionAttributeNames": {"#m": "month"}, "ExpressionAttributeValues": {":t": {"S": "billing"}, ":m": {"S": "2026-07"}}});
    let answer = done(&story, &keys, dynamodb("Query", query)).await.json();
    assert_eq!(
        (&answer["Count"], &answer["Items"][0]["amount"]),
        (&json!(1), &json!({"N": "1402.00"}))
    );
    let page = done(
        &story,
        &keys,
        dynamodb("Scan", json!({"TableName": TABLE, "Limit": 1})),
    )
    .await
    .json();
    let rest = json!({"TableName": TABLE, "ExclusiveStartKey": page["LastEvaluatedKey"]});
    assert_eq!(
        done(&story, &keys, dynamodb("Scan", rest)).await.json()["Count"],
        json!(1)
    );
    // A batch is judged table by table.
    let narrow = story
        .session(Some(&allow(
            &["dynamodb:BatchWriteItem"],
            &["arn:aws-cn:dynamodb:cn-north-1:111122223333:table/other"],
        )))
        .await;
    let batch = json!({"RequestItems": {TABLE: [{"PutRequest": {"Item": {"team": {"S": "x"}, "month": {"S": "y"}}}}]}});
    refused(
        &story,
        &narrow,
        dynamodb("BatchWriteItem", batch),
        400,
        "AccessDeniedException",
    )
    .await;
}

#[tokio::test]
async fn a_dry_run_asks_the_policies_and_changes_nothing() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let create = |dry: &'static str| {
        Request::form(
            "ec2",
            "CreateVpc",
            &[("CidrBlock", "10.0.0.0/16"), ("DryRun", dry)],
        )
    };
    refused(&story, &keys, create("true"), 412, "DryRunOperation").await;
    let vpc = done(&story, &keys, create("false"))
        .await
        .element("vpcId")
        .to_owned();
    let delete = |dry: &str| Request::form("ec2", "DeleteVpc", &[("VpcId", &vpc), ("DryRun", dry)]);
    let nobody = story
        .session(Some(&allow(&["ec2:Describe*"], &["*"])))
        .await;
    refused(
        &story,
        &nobody,
        delete("true"),
        403,
        "UnauthorizedOperation",
    )
    .await;
    refused(&story, &keys, delete("true"), 412, "DryRunOperation").await;
    done(&story, &keys, delete("false")).await;
}

#[tokio::test]
async fn one_protected_instance_saves_all_of_a_call() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let run = async |protected: &str| {
        let parameters = [
            ("ImageId", "ami-1"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("DisableApiTermination", protected),
        ];
        done(
            &story,
            &keys,
            Request::form("ec2", "RunInstances", &parameters),
        )
        .await
        .element("instanceId")
        .to_owned()
    };
    let (open, protected) = (run("false").await, run("true").await);
    let both = Request::form(
        "ec2",
        "TerminateInstances",
        &[("InstanceId.1", &open), ("InstanceId.2", &protected)],
    );
    refused(&story, &keys, both.clone(), 400, "OperationNotPermitted").await;
    // And one instance that the policy does not name denies all of it.
    let arn = format!("arn:aws-cn:ec2:cn-north-1:111122223333:instance/{open}");
    let narrow = story
        .session(Some(&allow(&["ec2:TerminateInstances"], &[&arn])))
        .await;
    refused(&story, &narrow, both.clone(), 403, "UnauthorizedOperation").await;
    done(
        &story,
        &narrow,
        Request::form("ec2", "TerminateInstances", &[("InstanceId.1", &open)]),
    )
    .await;
    let unprotect = [
        ("InstanceId", protected.as_str()),
        ("DisableApiTermination.Value", "false"),
    ];
    done(
        &story,
        &keys,
        Request::form("ec2", "ModifyInstanceAttribute", &unprotect),
    )
    .await;
    done(&story, &keys, both).await;
}

#[tokio::test]
async fn a_launch_needs_every_resource_that_it_touches() {
    let story = Story::start().await;
    let policy = allow(
        &["ec2:RunInstances"],
        &[
            "arn:aws-cn:ec2:cn-north-1:111122223333:instance/*",
            "arn:aws-cn:ec2:cn-north-1::image/ami-1",
        ],
    );
    let keys = story.session(Some(&policy)).await;
    let run = Request::form(
        "ec2",
        "RunInstances",
        &[("ImageId", "ami-1"), ("MinCount", "1"), ("MaxCount", "1")],
    );
    refused(&story, &keys, run, 403, "UnauthorizedOperation").await;
}

#[tokio::test]
async fn a_database_is_deleted_only_with_a_word_about_its_last_snapshot() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let rds = |operation: &str, extra: &[(&str, &str)]| {
        let mut parameters = vec![("DBInstanceIdentifier", "Billing")];
        parameters.extend(extra);
        Request::form("rds", operation, &parameters)
    };
    done(
        &story,
        &keys,
        rds(
            "CreateDBInstance",
            &[
                ("DBInstanceClass", "db.t3.micro"),
                ("Engine", "postgres"),
                ("DeletionProtection", "true"),
            ],
        ),
    )
    .await;
    refused(
        &story,
        &keys,
        rds("DeleteDBInstance", &[("SkipFinalSnapshot", "true")]),
        400,
        "InvalidParameterCombination",
    )
    .await;
    done(
        &story,
        &keys,
        rds("ModifyDBInstance", &[("DeletionProtection", "false")]),
    )
    .await;
    refused(
        &story,
        &keys,
        rds("DeleteDBInstance", &[]),
        400,
        "InvalidParameterCombination",
    )
    .await;
    let both = [
        ("SkipFinalSnapshot", "true"),
        ("FinalDBSnapshotIdentifier", "last"),
    ];
    refused(
        &story,
        &keys,
        rds("DeleteDBInstance", &both),
        400,
        "InvalidParameterCombination",
    )
    .await;
    done(
        &story,
        &keys,
        rds("DeleteDBInstance", &[("FinalDBSnapshotIdentifier", "last")]),
    )
    .await;
    let snapshots = done(
        &story,
        &keys,
        Request::form("rds", "DescribeDBSnapshots", &[]),
    )
    .await;
    assert_eq!(
        (
            snapshots.element("DBSnapshotIdentifier"),
            snapshots.element("DBInstanceIdentifier")
        ),
        ("last", "billing")
    );
    refused(
        &story,
        &keys,
        rds("DescribeDBInstances", &[]),
        404,
        "DBInstanceNotFound",
    )
    .await;
}

#[tokio::test]
async fn a_queue_speaks_both_of_its_protocols() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let url = done(
        &story,
        &keys,
        Request::form(
            "sqs",
            "GetQueueUrl",
            &[("QueueName", "cost-explorer-exports")],
        ),
    )
    .await
    .element("QueueUrl")
    .to_owned();
    let json = |operation: &str, body: serde_json::Value| {
        Request::json("sqs", &format!("AmazonSQS.{operation}"), &body)
    };
    done(
        &story,
        &keys,
        json(
            "SendMessage",
            json!({"QueueUrl": url, "MessageBody": "one"}),
        ),
    )
    .await;
    let received = done(
        &story,
        &keys,
        Request::form("sqs", "ReceiveMessage", &[("QueueUrl", &url)]),
    )
    .await;
    assert_eq!(received.element("Body"), "one");
    let again = done(
        &story,
        &keys,
        json("ReceiveMessage", json!({"QueueUrl": url})),
    )
    .await
    .json();
    assert_eq!(again, json!({}), "a received message is hidden");
    story.clock.advance(jiff::SignedDuration::from_secs(30));
    let back = done(
        &story,
        &keys,
        json("ReceiveMessage", json!({"QueueUrl": url})),
    )
    .await
    .json();
    assert_eq!(
        back["Messages"][0]["Body"],
        json!("one"),
        "one that was not deleted comes back"
    );
    done(
        &story,
        &keys,
        Request::form("sqs", "PurgeQueue", &[("QueueUrl", &url)]),
    )
    .await;
    done(
        &story,
        &keys,
        Request::form("sqs", "DeleteQueue", &[("QueueUrl", &url)]),
    )
    .await;
    let gone = story
        .send(
            &keys,
            json("GetQueueUrl", json!({"QueueName": "cost-explorer-exports"})),
        )
        .await;
    assert_eq!(
        gone.header("x-amzn-query-error"),
        Some("AWS.SimpleQueueService.NonExistentQueue;Sender")
    );
}

#[tokio::test]
async fn code_and_versions_of_a_function_are_kept_apart() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let at = |method: &str, rest: &str| {
        Request::new(
            "lambda",
            method,
            &format!("/2015-03-31/functions/cost-explorer-api{rest}"),
        )
    };
    let before = done(&story, &keys, at("GET", "/configuration"))
        .await
        .json();
    let dry = at("PUT", "/code").body(br#"{"ZipFile":"bmV3","DryRun":true}"#);
    done(&story, &keys, dry).await;
    assert_eq!(
        done(&story, &keys, at("GET", "/configuration"))
            .await
            .json()["CodeSha256"],
        before["CodeSha256"]
    );
    let stale = at("PUT", "/code").body(br#"{"ZipFile":"bmV3","RevisionId":"old"}"#);
    refused(&story, &keys, stale, 412, "PreconditionFailedException").await;
    let version = done(&story, &keys, at("POST", "/versions").body(b"{}"))
        .await
        .json();
    assert_eq!(version["Version"], json!("1"));
    done(
        &story,
        &keys,
        at("PUT", "/code").body(br#"{"ZipFile":"bmV3"}"#),
    )
    .await;
    let published = done(&story, &keys, at("GET", "").query("Qualifier", "1"))
        .await
        .json();
    assert_eq!(
        published["Configuration"]["CodeSha256"],
        before["CodeSha256"]
    );
    assert_ne!(
        done(&story, &keys, at("GET", "/configuration"))
            .await
            .json()["CodeSha256"],
        before["CodeSha256"]
    );
    done(&story, &keys, at("DELETE", "")).await;
    refused(
        &story,
        &keys,
        at("GET", ""),
        404,
        "ResourceNotFoundException",
    )
    .await;
}

#[tokio::test]
async fn a_secret_is_judged_by_its_full_arn_and_keeps_its_previous_value() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let call = |operation: &str, body: serde_json::Value| {
        Request::json(
            "secretsmanager",
            &format!("secretsmanager.{operation}"),
            &body,
        )
    };
    let named = json!({"SecretId": "cost-explorer/database"});
    let arn = done(&story, &keys, call("DescribeSecret", named.clone()))
        .await
        .json()["ARN"]
        .as_str()
        .unwrap()
        .to_owned();
    let without_suffix = arn.rsplit_once('-').unwrap().0;
    let narrow = story
        .session(Some(&allow(
            &["secretsmanager:GetSecretValue"],
            &[without_suffix],
        )))
        .await;
    refused(
        &story,
        &narrow,
        call("GetSecretValue", named.clone()),
        400,
        "AccessDeniedException",
    )
    .await;
    let exact = story
        .session(Some(&allow(&["secretsmanager:GetSecretValue"], &[&arn])))
        .await;
    let old = done(&story, &exact, call("GetSecretValue", named.clone()))
        .await
        .json();
    done(
        &story,
        &keys,
        call(
            "PutSecretValue",
            json!({"SecretId": arn, "SecretString": "new"}),
        ),
    )
    .await;
    let previous = json!({"SecretId": arn, "VersionStage": "AWSPREVIOUS"});
    assert_eq!(
        done(&story, &keys, call("GetSecretValue", previous))
            .await
            .json()["SecretString"],
        old["SecretString"]
    );
}

#[tokio::test]
async fn a_role_with_policies_is_not_deleted() {
    let story = Story::with_role("editor", &allow(&["iam:*"], &["*"]), 3_600).await;
    let keys = story
        .assume(
            &Story::admin(),
            &[
                ("RoleArn", "arn:aws-cn:iam::111122223333:role/editor"),
                ("RoleSessionName", "ss"),
            ],
        )
        .await
        .unwrap();
    let iam =
        |operation: &str, parameters: &[(&str, &str)]| Request::form("iam", operation, parameters);
    refused(
        &story,
        &keys,
        iam("DeleteRole", &[("RoleName", "cordon-read")]),
        409,
        "DeleteConflict",
    )
    .await;
    refused(
        &story,
        &keys,
        iam(
            "AttachRolePolicy",
            &[
                ("RoleName", "cordon-read"),
                ("PolicyArn", "arn:aws-cn:iam::aws:policy/None"),
            ],
        ),
        404,
        "NoSuchEntity",
    )
    .await;
    let create = [
        ("RoleName", "fresh"),
        (
            "AssumeRolePolicyDocument",
            r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}"#,
        ),
    ];
    done(&story, &keys, iam("CreateRole", &create)).await;
    refused(
        &story,
        &keys,
        iam("CreateRole", &create),
        409,
        "EntityAlreadyExists",
    )
    .await;
    refused(
        &story,
        &keys,
        iam(
            "PutRolePolicy",
            &[
                ("RoleName", "fresh"),
                ("PolicyName", "p"),
                ("PolicyDocument", "{}"),
            ],
        ),
        400,
        "MalformedPolicyDocument",
    )
    .await;
    done(&story, &keys, iam("DeleteRole", &[("RoleName", "fresh")])).await;
    refused(
        &story,
        &keys,
        iam("GetRole", &[("RoleName", "fresh")]),
        404,
        "NoSuchEntity",
    )
    .await;
}

#[tokio::test]
async fn a_log_group_matches_only_a_pattern_that_reaches_its_streams() {
    let story = Story::start().await;
    let create = || {
        Request::json(
            "logs",
            "Logs_20140328.CreateLogGroup",
            &json!({"logGroupName": "/ce"}),
        )
    };
    let bare = "arn:aws-cn:logs:cn-north-1:111122223333:log-group:/ce";
    let keys = story
        .session(Some(&allow(&["logs:CreateLogGroup"], &[bare])))
        .await;
    refused(&story, &keys, create(), 400, "AccessDeniedException").await;
    let reaching = story
        .session(Some(&allow(
            &["logs:CreateLogGroup"],
            &[&format!("{bare}:*")],
        )))
        .await;
    done(&story, &reaching, create()).await;
    refused(
        &story,
        &reaching,
        create(),
        400,
        "ResourceAlreadyExistsException",
    )
    .await;
}
