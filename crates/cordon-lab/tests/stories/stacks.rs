//! CloudFormation: what a change set tells is what happens, and a failure takes everything back.

use serde_json::{Value, json};

use crate::client::{Answer, Keys, Request, Story, allow};

fn template(key: &str, visibility: u32) -> Value {
    json!({
        "Parameters": {"Queue": {"Type": "String", "Default": "jobs"}},
        "Resources": {
            "Costs": {"Type": "AWS::DynamoDB::Table", "Properties": {
                "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
            }},
            "Jobs": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Queue"}, "VisibilityTimeout": visibility}},
            "Report": {"Type": "AWS::Lambda::Function", "Properties": {
                "Handler": "h", "Runtime": "nodejs22.x",
                "Role": "arn:aws-cn:iam::111122223333:role/cost-explorer-function",
                "Code": {"ZipFile": "exports.h = 1"},
                "Environment": {"Variables": {"TABLE": {"Ref": "Costs"}}},
            }},
        },
    })
}

fn call(operation: &str, parameters: &[(&str, &str)]) -> Request {
    let mut all = vec![("StackName", "billing")];
    all.extend(parameters);
    Request::form("cloudformation", operation, &all)
}

fn with_template(operation: &str, template: &Value, extra: &[(&str, &str)]) -> Request {
    let text = template.to_string();
    let mut parameters = vec![("TemplateBody", text.as_str())];
    parameters.extend(extra);
    call(operation, &parameters)
}

async fn done(story: &Story, keys: &Keys, request: Request) -> Answer {
    let answer = story.send(keys, request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

async fn status(story: &Story, keys: &Keys) -> (String, String) {
    let answer = done(story, keys, call("DescribeStacks", &[])).await;
    (
        answer.element("StackStatus").to_owned(),
        answer.element("StackStatusReason").to_owned(),
    )
}

/// The physical ids of the stack's resources.
fn resources(story: &Story) -> Value {
    story.lab.estate()["places"]["111122223333/cn-north-1"]["cloudformation"]["billing"]["resources"].clone()
}

/// What a change set says: logical id, action, replacement.
async fn change_set(
    story: &Story,
    keys: &Keys,
    name: &str,
    template: &Value,
    extra: &[(&str, &str)],
) -> Vec<(String, String, String)> {
    let mut parameters = vec![("ChangeSetName", name)];
    parameters.extend(extra);
    done(
        story,
        keys,
        with_template("CreateChangeSet", template, &parameters),
    )
    .await;
    let described = done(
        story,
        keys,
        call("DescribeChangeSet", &[("ChangeSetName", name)]),
    )
    .await;
    let mut changes: Vec<(String, String, String)> = described
        .body
        .split("<ResourceChange>")
        .skip(1)
        .map(|text| {
            let part = Answer {
                status: 200,
                headers: Vec::new(),
                body: text.to_owned(),
            };
            let text = |name: &str| part.element(name).to_owned();
            (
                text("LogicalResourceId"),
                text("Action"),
                text("Replacement"),
            )
        })
        .collect();
    changes.sort();
    changes
}

fn row(logical: &str, action: &str, replacement: &str) -> (String, String, String) {
    (
        logical.to_owned(),
        action.to_owned(),
        replacement.to_owned(),
    )
}

async fn start() -> (Story, Keys) {
    let story = Story::start().await;
    let keys = story.session(None).await;
    done(
        &story,
        &keys,
        with_template("CreateStack", &template("id", 30), &[]),
    )
    .await;
    assert_eq!(status(&story, &keys).await.0, "CREATE_COMPLETE");
    (story, keys)
}

#[tokio::test]
async fn a_stack_acts_with_the_session_policy_of_its_caller() {
    let (story, _) = start().await;
    let before = (resources(&story), story.lab.estate());
    let narrow = story
        .session(Some(&allow(&["cloudformation:*", "dynamodb:*"], &["*"])))
        .await;
    done(
        &story,
        &narrow,
        with_template("UpdateStack", &template("other", 60), &[]),
    )
    .await;
    let (status, reason) = status(&story, &narrow).await;
    assert_eq!(status, "UPDATE_ROLLBACK_COMPLETE");
    assert!(
        reason.contains("because no session policy allows the sqs:SetQueueAttributes action"),
        "{reason}"
    );
    assert_eq!(
        resources(&story),
        before.0,
        "what had been done is taken back"
    );
    assert_eq!(
        story.lab.estate()["places"]["111122223333/cn-north-1"]["dynamodb"],
        before.1["places"]["111122223333/cn-north-1"]["dynamodb"]
    );
}

#[tokio::test]
async fn a_protected_stack_is_not_deleted() {
    let (story, keys) = start().await;
    let protect = |on: &'static str| {
        call(
            "UpdateTerminationProtection",
            &[("EnableTerminationProtection", on)],
        )
    };
    done(&story, &keys, protect("true")).await;
    let answer = story.send(&keys, call("DeleteStack", &[])).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "ValidationError")
    );
    assert_eq!(status(&story, &keys).await.0, "CREATE_COMPLETE");
    done(&story, &keys, protect("false")).await;
    done(&story, &keys, call("DeleteStack", &[])).await;
    assert_eq!(resources(&story), Value::Null);
    let tables = &story.lab.estate()["places"]["111122223333/cn-north-1"]["dynamodb"];
    assert_eq!(
        tables.as_object().unwrap().len(),
        1,
        "only the table that was there before: {tables}"
    );
}

#[tokio::test]
async fn a_change_set_tells_what_would_be_replaced() {
    let (story, keys) = start().await;
    let before = resources(&story);
    assert_eq!(
        change_set(&story, &keys, "same", &template("id", 30), &[]).await,
        []
    );
    assert_eq!(
        change_set(&story, &keys, "visibility", &template("id", 60), &[]).await,
        [row("Jobs", "Modify", "False")]
    );
    assert_eq!(
        change_set(&story, &keys, "key", &template("other", 30), &[]).await,
        [
            row("Costs", "Modify", "True"),
            row("Report", "Modify", "False")
        ]
    );
    let renamed = [
        ("Parameters.member.1.ParameterKey", "Queue"),
        ("Parameters.member.1.ParameterValue", "tasks"),
    ];
    assert_eq!(
        change_set(&story, &keys, "name", &template("id", 30), &renamed).await,
        [row("Jobs", "Modify", "True")]
    );
    let mut attributes = template("id", 30);
    attributes["Resources"]["Costs"]["Properties"]["AttributeDefinitions"] = json!([{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "day", "AttributeType": "S"}]);
    assert_eq!(
        change_set(&story, &keys, "attributes", &attributes, &[]).await[0],
        row("Costs", "Modify", "Conditional")
    );
    let mut fewer = template("id", 30);
    fewer["Resources"].as_object_mut().unwrap().remove("Jobs");
    fewer["Resources"]["Store"] = json!({"Type": "AWS::S3::Bucket"});
    assert_eq!(
        change_set(&story, &keys, "fewer", &fewer, &[]).await,
        [row("Jobs", "Remove", ""), row("Store", "Add", "")]
    );
    assert_eq!(resources(&story), before, "a change set changes nothing");
}

#[tokio::test]
async fn a_resource_that_refers_to_a_replaced_one_may_be_replaced_too() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let template = |name: Value| {
        json!({"Resources": {
            "Home": {"Type": "AWS::ElasticBeanstalk::Application", "Properties": {"ApplicationName": name}},
            "Web": {"Type": "AWS::ElasticBeanstalk::Environment", "Properties": {"ApplicationName": {"Ref": "Home"}}},
        }})
    };
    done(
        &story,
        &keys,
        with_template("CreateStack", &template(json!("one")), &[]),
    )
    .await;
    assert_eq!(
        change_set(&story, &keys, "moved", &template(json!("two")), &[]).await,
        [
            row("Home", "Modify", "True"),
            row("Web", "Modify", "Conditional")
        ]
    );
    let before = resources(&story);
    done(
        &story,
        &keys,
        call("ExecuteChangeSet", &[("ChangeSetName", "moved")]),
    )
    .await;
    assert_eq!(status(&story, &keys).await.0, "UPDATE_COMPLETE");
    let after = resources(&story);
    assert_eq!(after["Home"], json!("two"));
    assert_ne!(after["Web"], before["Web"], "the environment was made anew");
}

#[tokio::test]
async fn an_executed_replacement_deletes_the_old_resource_with_its_data() {
    let (story, keys) = start().await;
    let before = resources(&story);
    change_set(&story, &keys, "key", &template("other", 30), &[]).await;
    done(
        &story,
        &keys,
        call("ExecuteChangeSet", &[("ChangeSetName", "key")]),
    )
    .await;
    let after = resources(&story);
    assert_ne!(after["Costs"], before["Costs"]);
    assert_eq!(
        (&after["Jobs"], &after["Report"]),
        (&before["Jobs"], &before["Report"])
    );
    let tables = story.lab.estate()["places"]["111122223333/cn-north-1"]["dynamodb"].clone();
    assert!(
        tables.get(before["Costs"].as_str().unwrap()).is_none(),
        "{tables}"
    );
    let again = story
        .send(&keys, call("ExecuteChangeSet", &[("ChangeSetName", "key")]))
        .await;
    assert_eq!(again.code(), "ChangeSetNotFound");
}

#[tokio::test]
async fn a_named_resource_is_not_replaced_under_its_own_name() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let template = |key: &str| {
        json!({"Resources": {"Costs": {"Type": "AWS::DynamoDB::Table", "Properties": {
            "TableName": "named",
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
        }}}})
    };
    done(
        &story,
        &keys,
        with_template("CreateStack", &template("id"), &[]),
    )
    .await;
    done(
        &story,
        &keys,
        with_template("UpdateStack", &template("other"), &[]),
    )
    .await;
    let (status, reason) = status(&story, &keys).await;
    assert_eq!(status, "UPDATE_ROLLBACK_COMPLETE");
    assert!(reason.contains("custom-named resource"), "{reason}");
}

#[tokio::test]
async fn what_shall_be_retained_outlives_its_stack() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let template = json!({"Resources": {"Jobs": {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain", "Properties": {"QueueName": "kept"}}}});
    done(&story, &keys, with_template("CreateStack", &template, &[])).await;
    done(&story, &keys, call("DeleteStack", &[])).await;
    assert!(story.lab.estate()["places"]["111122223333/cn-north-1"]["sqs"]["kept"].is_object());
}

#[tokio::test]
async fn a_role_once_given_keeps_acting_for_its_stack() {
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"cloudformation.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
    let story = Story::with(|estate| {
        estate
            .with_role(&cordon_lab::RoleSeed {
                name: "stacks",
                trust,
                policies: &[&allow(&["sqs:*"], &["*"])],
                max_session_seconds: 3_600,
            })
            .unwrap()
    })
    .await;
    let role = "arn:aws-cn:iam::111122223333:role/stacks";
    let template = |seconds: u32| json!({"Resources": {"Jobs": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": seconds}}}});
    let only_stacks = story
        .session(Some(&allow(&["cloudformation:*"], &["*"])))
        .await;
    let refused = story
        .send(
            &only_stacks,
            with_template("CreateStack", &template(30), &[("RoleARN", role)]),
        )
        .await;
    assert!(refused.body.contains("iam:PassRole"), "{refused:?}");
    let passing = story
        .session(Some(&allow(&["cloudformation:*", "iam:PassRole"], &["*"])))
        .await;
    done(
        &story,
        &passing,
        with_template("CreateStack", &template(30), &[("RoleARN", role)]),
    )
    .await;
    assert_eq!(status(&story, &passing).await.0, "CREATE_COMPLETE");
    // This caller may neither touch a queue nor pass a role, and yet the queue changes.
    done(
        &story,
        &only_stacks,
        with_template("UpdateStack", &template(60), &[]),
    )
    .await;
    assert_eq!(status(&story, &only_stacks).await.0, "UPDATE_COMPLETE");
}

#[tokio::test]
async fn templates_that_cannot_be_read_are_refused() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    for text in [
        "Resources:\n  A: {}",
        "{}",
        r#"{"Resources":{"A":{"Type":"AWS::EC2::Instance"}}}"#,
        r#"{"Resources":{"A":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":{"Ref":"Nobody"}}}}}"#,
        r#"{"Resources":{"A":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":{"Fn::Select":[0,["a"]]}}}}}"#,
        r#"{"Resources":{"A":{"Type":"AWS::SQS::Queue","DependsOn":"B"},"B":{"Type":"AWS::SQS::Queue","DependsOn":"A"}}}"#,
        r#"{"Transform":"X","Resources":{"A":{"Type":"AWS::SQS::Queue"}}}"#,
        r#"{"Resources":{"A":{"Type":"AWS::SQS::Queue"},"A":{"Type":"AWS::S3::Bucket"}}}"#,
    ] {
        let answer = story
            .send(
                &keys,
                call(
                    "CreateChangeSet",
                    &[
                        ("TemplateBody", text),
                        ("ChangeSetName", "x"),
                        ("ChangeSetType", "CREATE"),
                    ],
                ),
            )
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "ValidationError"),
            "{text}"
        );
    }
}
