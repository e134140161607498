//! What a stack has is changed by its stack: a direct change waits for people, whatever else is allowed,
//! and costs one read. What no stack has, what the task made and what is in a resource stay as they are.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a story stops at once"
)]

use cordon_tests::agent::Agent;
use cordon_tests::client::{Client, Environment, Step};
use cordon_tests::cloud::{Cloud, Kind};
use cordon_tests::lab::ADMIN_ROLE;
use cordon_tests::program::{Cordon, Way};
use cordon_tests::shop::Shop;
use cordon_tests::signer::{Call, target};
use cordon_tests::wire::Message;
use cordon_tests::{ACCOUNT, REGION};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// A task that may change every queue and every instance, and make queues.
fn task(reads: bool) -> NamedTempFile {
    let reads = match reads {
        true => "[[allow]]\ndo = [\"observe\"]\n",
        false => "",
    };
    let text = format!(
        r#"
schema = "cordon.task/v1"
title  = "Let messages live longer"
ticket = "ORD-9"
team   = "orders"
mode   = "live"
ttl    = "1h"

[where]
accounts     = ["{ACCOUNT}"]
regions      = ["{REGION}"]
environments = ["dev"]

{reads}
[[allow]]
do = ["sqs:SetQueueAttributes", "sqs:SendMessage", "dynamodb:CreateTable", "dynamodb:UpdateTable"]
on = ["arn:aws:sqs:{REGION}:{ACCOUNT}:*", "arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/*"]

[[allow]]
do = ["ec2:ModifyInstanceAttribute", "ec2:CreateTags", "ec2:DeleteTags"]
on = ["arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*"]

[budget]
mutations = 20
creates   = 5
"#
    );
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn queue(agent: &Agent, operation: &str, name: &str, more: &str) -> Message {
    let body =
        format!(r#"{{"QueueUrl":"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}",{more}}}"#);
    let operation = format!("AmazonSQS.{operation}");
    agent.call(&Call::json("sqs", &target(&operation), &body))
}

fn delay(agent: &Agent, name: &str, seconds: u32) -> Message {
    let more = format!(r#""Attributes":{{"DelaySeconds":"{seconds}"}}"#);
    queue(agent, "SetQueueAttributes", name, &more)
}

fn asked_for_tags(cloud: &Cloud) -> usize {
    let calls = cloud.agent_calls();
    calls
        .iter()
        .filter(|call| call.names("GetResources"))
        .count()
}

#[test]
fn a_queue_of_a_stack_is_not_changed_directly() {
    let shop = Shop::open();
    let task = task(true);
    let agent = Agent::on(&shop.cordon, task.path());
    let held = delay(&agent, "shop-jobs", 5);
    assert_eq!(
        held.header("x-cordon-verdict"),
        Some("hold"),
        "{}",
        held.text()
    );
    assert!(
        held.text().contains("belongs to a stack"),
        "{}",
        held.text()
    );
    assert!(!shop.reached("SetQueueAttributes"));
    let calls = shop.cordon.calls(&["operation:SetQueueAttributes"]);
    let record = calls.first().unwrap().to_string();
    assert!(
        record.contains("iac-managed") && record.contains("no-drift"),
        "{record}"
    );
    let reads = shop.cordon.calls(&["operation:GetResources"]);
    assert!(
        reads
            .first()
            .unwrap()
            .to_string()
            .contains(r#""ingress":"own""#)
    );
    shop.cloud.check_log();
}

#[test]
fn what_no_stack_has_and_what_is_in_a_queue_is_not_in_the_way() {
    let shop = Shop::open();
    let task = task(true);
    let agent = Agent::on(&shop.cordon, task.path());
    let sent = queue(&agent, "SendMessage", "shop-jobs", r#""MessageBody":"a""#);
    assert_eq!(sent.target, "200", "{}", sent.text());
    assert_eq!(asked_for_tags(&shop.cloud), 0, "a message needs no tags");
    for seconds in [5, 6] {
        let done = delay(&agent, "jobs", seconds);
        assert_eq!(done.target, "200", "{}", done.text());
    }
    assert_eq!(asked_for_tags(&shop.cloud), 1, "the second one knows them");

    // What the task makes is its own: nothing is read for it.
    let table = r#"{"TableName":"try","BillingMode":"PAY_PER_REQUEST",
        "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
        "KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}"#;
    let made = agent.dynamodb("CreateTable", table, &[]);
    assert_eq!(made.target, "200", "{}", made.text());
    let own = r#"{"TableName":"try","BillingMode":"PROVISIONED",
        "ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}"#;
    let done = agent.dynamodb("UpdateTable", own, &[]);
    assert_eq!(done.target, "200", "{}", done.text());
    assert_eq!(asked_for_tags(&shop.cloud), 1);
    shop.cloud.check_log();
}

#[test]
fn a_task_that_may_not_read_tags_is_told_so_and_not_stopped() {
    let shop = Shop::open();
    let task = task(false);
    let agent = Agent::on(&shop.cordon, task.path());
    let done = delay(&agent, "shop-jobs", 5);
    assert_eq!(done.target, "200", "{}", done.text());
    assert_eq!(asked_for_tags(&shop.cloud), 0);
    let calls = shop.cordon.calls(&["operation:SetQueueAttributes"]);
    let record = calls.first().unwrap().to_string();
    assert!(record.contains("iac-unknown"), "{record}");
}

/// A client with the keys of who runs the cloud.
fn admin(cloud: &Cloud) -> Environment {
    let keys = cloud.keys_of(ADMIN_ROLE);
    let environment = [
        ("AWS_ENDPOINT_URL", format!("http://{}", cloud.address())),
        ("AWS_ACCESS_KEY_ID", keys.id),
        ("AWS_SECRET_ACCESS_KEY", keys.secret),
        ("AWS_SESSION_TOKEN", keys.token.unwrap_or_default()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
    ];
    environment
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// The instances of the cloud that carry this tag, as its own API lists them.
fn instance(cloud: &Cloud, tag: &str) -> String {
    let body = format!(
        "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=tag:role&Filter.1.Value.1={tag}"
    );
    let answer = Call::query("ec2", &body).send(cloud.address(), &cloud.keys_of(ADMIN_ROLE));
    let text = answer.text();
    let (_, id) = text.split_once("<instanceId>").unwrap();
    id.split_once('<').unwrap().0.to_owned()
}

fn step(service: &'static str, operation: &'static str, parameters: Value) -> Step {
    Step {
        service,
        operation,
        parameters,
    }
}

#[test]
fn boto3_changes_an_instance_that_no_stack_has_and_no_other() {
    let cloud = Cloud::start(Kind::Moto);
    let lines = "\n[limits]\npark_seconds = 0\n";
    let cordon = Cordon::start_with(&cloud.recorder().url(), cloud.base(), lines);
    let folder = tempfile::tempdir().unwrap();
    let template = json!({ "Resources": { "Web": { "Type": "AWS::EC2::Instance", "Properties": {
        "ImageId": "ami-12c6146b", "InstanceType": "t3.micro", "Tags": [{ "Key": "role", "Value": "web" }],
    } } } });
    let alone = json!({
        "ImageId": "ami-12c6146b", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1,
        "TagSpecifications": [{ "ResourceType": "instance", "Tags": [{ "Key": "role", "Value": "alone" }] }],
    });
    let make = [
        step(
            "cloudformation",
            "CreateStack",
            json!({ "StackName": "web", "TemplateBody": template.to_string() }),
        ),
        step("ec2", "RunInstances", alone),
    ];
    for made in Client::Boto3.run(&make, &admin(&cloud), folder.path()) {
        assert!(made.ok, "{}", made.text);
    }
    let (web, alone) = (instance(&cloud, "web"), instance(&cloud, "alone"));
    let task = task(true);
    let environment = cordon.env(task.path(), Way::Connect);
    let size = |id: &str| {
        let value = json!({ "InstanceId": id, "SourceDestCheck": { "Value": false } });
        step("ec2", "ModifyInstanceAttribute", value)
    };
    let untag = json!({ "Resources": [web], "Tags": [{ "Key": "aws:cloudformation:stack-name" }] });
    let steps = [size(&web), step("ec2", "DeleteTags", untag), size(&alone)];
    let told = Client::Boto3.run(&steps, &environment, folder.path());
    assert!(
        told[0].text.contains("CordonApprovalRequired"),
        "{}",
        told[0].text
    );
    assert!(
        told[1].text.contains("CordonApprovalRequired"),
        "{}",
        told[1].text
    );
    assert!(told[2].ok, "{}", told[2].text);
    let calls = cloud.agent_calls();
    let changes = calls
        .iter()
        .filter(|it| it.names("ModifyInstanceAttribute") || it.names("DeleteTags"));
    // Of what waits EC2 is asked whether it would do it.
    let (asked, done): (Vec<_>, Vec<_>) = changes.partition(|it| it.is_dry_run());
    assert_eq!((asked.len(), done.len()), (2, 1));
    cordon.stop();
}
