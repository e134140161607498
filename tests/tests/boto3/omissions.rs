//! A whole in the place of another: what it leaves out waits for the owner, who sees it, and what leaves
//! nothing out goes.

use cordon_tests::client::{Client, Environment, Step};
use cordon_tests::cloud::{Cloud, Kind};
use cordon_tests::lab::ADMIN_ROLE;
use cordon_tests::program::{Cordon, Way};
use cordon_tests::{ACCOUNT, REGION};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// A task that may set up every bucket, every function and every alarm; and, unless it may not, read how
/// they are set up.
fn task(reads: bool) -> NamedTempFile {
    let reads = match reads {
        true => "[[allow]]\ndo = [\"observe\"]\n",
        false => "",
    };
    let text = format!(
        r#"
schema = "cordon.task/v1"
title  = "Tidy up the buckets"
ticket = "ORD-10"
team   = "orders"
mode   = "live"
ttl    = "1h"

[where]
accounts     = ["{ACCOUNT}"]
regions      = ["{REGION}"]
environments = ["dev"]

{reads}
[[allow]]
do = ["s3:PutBucketTagging", "s3:PutLifecycleConfiguration", "s3:PutBucketCORS", "cloudwatch:PutMetricAlarm"]
on = ["arn:aws:s3:::*", "arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:*"]

[budget]
mutations = 20
creates   = 10
"#
    );
    let file = tempfile::Builder::new()
        .suffix(".toml")
        .tempfile()
        .expect("a file");
    std::fs::write(file.path(), text).expect("a task");
    file
}

fn step(service: &'static str, operation: &'static str, parameters: Value) -> Step {
    Step {
        service,
        operation,
        parameters,
    }
}

fn tags(pairs: &[(&str, &str)]) -> Step {
    let tags = pairs
        .iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }));
    let tags = json!({ "TagSet": tags.collect::<Vec<_>>() });
    step(
        "s3",
        "PutBucketTagging",
        json!({ "Bucket": "orders", "Tagging": tags }),
    )
}

fn lifecycle(rules: &[Value]) -> Step {
    let rules = json!({ "Bucket": "orders", "LifecycleConfiguration": { "Rules": rules } });
    step("s3", "PutBucketLifecycleConfiguration", rules)
}

fn rule(id: &str, days: u32) -> Value {
    json!({ "ID": id, "Status": "Enabled", "Filter": { "Prefix": format!("{id}/") },
        "Transitions": [{ "Days": days, "StorageClass": "GLACIER" }] })
}

fn alarm(more: &Value) -> Step {
    let mut alarm = json!({ "AlarmName": "late", "MetricName": "Late", "Namespace": "Orders", "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold" });
    let members = alarm.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    step("cloudwatch", "PutMetricAlarm", alarm)
}

/// Who runs the cloud, past Cordon.
fn admin(cloud: &Cloud, steps: &[Step]) {
    let keys = cloud.keys_of(ADMIN_ROLE);
    let environment: Environment = [
        ("AWS_ENDPOINT_URL", format!("http://{}", cloud.address())),
        ("AWS_ACCESS_KEY_ID", keys.id),
        ("AWS_SECRET_ACCESS_KEY", keys.secret),
        ("AWS_SESSION_TOKEN", keys.token.unwrap_or_default()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let folder = tempfile::tempdir().expect("a folder");
    for made in Client::Boto3.run(steps, &environment, folder.path()) {
        assert!(made.ok, "{}", made.text);
    }
}

fn cloud() -> (Cloud, Cordon) {
    let cloud = Cloud::start(Kind::Moto);
    let lines = "\n[limits]\npark_seconds = 0\n";
    let cordon = Cordon::start_with(&cloud.recorder().url(), cloud.base(), lines);
    let bucket = json!({ "Bucket": "orders", "CreateBucketConfiguration": { "LocationConstraint": REGION } });
    let make = [
        step("s3", "CreateBucket", bucket),
        tags(&[("team", "orders"), ("cost-center", "4711")]),
        lifecycle(&[rule("old", 30), rule("cold", 60)]),
        alarm(&json!({ "AlarmActions": [format!("arn:aws:sns:{REGION}:{ACCOUNT}:oncall")] })),
    ];
    admin(&cloud, &make);
    (cloud, cordon)
}

/// How often the cloud heard of a change, by the part of its path or body that tells it.
fn heard(cloud: &Cloud, method: &str, part: &str) -> usize {
    let calls = cloud.agent_calls();
    let calls = calls.iter();
    calls
        .filter(|call| &*call.method == method && call.summary().contains(part))
        .count()
}

#[test]
#[ignore = "drives boto3 and moto: cargo xtask test --lane boto3"]
fn boto3_leaves_nothing_out_of_a_bucket_without_its_owner() {
    let (cloud, cordon) = cloud();
    let task = task(true);
    let environment = cordon.env(task.path(), Way::Connect);
    let folder = tempfile::tempdir().expect("a folder");
    let small = [
        tags(&[("team", "orders"), ("tier", "two")]),
        lifecycle(&[rule("cold", 60)]),
        alarm(&json!({})),
    ];
    for told in Client::Boto3.run(&small, &environment, folder.path()) {
        assert!(
            told.text.contains("CordonApprovalRequired"),
            "{}",
            told.text
        );
        assert!(told.text.contains("leaves something out"), "{}", told.text);
    }
    assert_eq!(heard(&cloud, "PUT", "orders"), 0);
    // Who decides is shown what would go.
    for (operation, shown) in [
        ("PutBucketTagging", "cost-center"),
        ("PutBucketLifecycleConfiguration", "Rule old"),
        ("PutMetricAlarm", "oncall"),
    ] {
        let calls = cordon.calls(&[&format!("operation:{operation}")]);
        let call = calls.first().expect("a call");
        let record = call.to_string();
        assert!(record.contains("drops-settings"), "{record}");
        assert!(record.contains("dropped-settings-need-owner"), "{record}");
        let reference = call["ref"].as_str().expect("a reference");
        let why = cordon.run(&["why", reference]).succeeded("cordon why");
        assert!(why.contains(shown), "{why}");
    }

    // The same work with all that is there.
    let whole = [
        tags(&[("tier", "two"), ("cost-center", "4712"), ("team", "orders")]),
        lifecycle(&[rule("cold", 90), rule("old", 30), rule("new", 10)]),
        alarm(
            &json!({ "AlarmActions": [format!("arn:aws:sns:{REGION}:{ACCOUNT}:oncall")], "AlarmDescription": "late orders" }),
        ),
    ];
    for told in Client::Boto3.run(&whole, &environment, folder.path()) {
        assert!(told.ok, "{}", told.text);
    }
    assert_eq!(heard(&cloud, "PUT", "orders"), 2);
    cordon.stop();
}

#[test]
#[ignore = "drives boto3 and moto: cargo xtask test --lane boto3"]
fn where_what_is_there_may_not_be_read_nothing_is_put_in_its_place() {
    let (cloud, cordon) = cloud();
    let task = task(false);
    let environment = cordon.env(task.path(), Way::Connect);
    let folder = tempfile::tempdir().expect("a folder");
    let whole = [tags(&[("team", "orders"), ("cost-center", "4711")])];
    for told in Client::Boto3.run(&whole, &environment, folder.path()) {
        assert!(
            told.text.contains("CordonApprovalRequired"),
            "{}",
            told.text
        );
        assert!(told.text.contains("could not be read"), "{}", told.text);
    }
    assert!(cloud.agent_calls().is_empty());
    let calls = cordon.calls(&["operation:PutBucketTagging"]);
    assert!(
        calls
            .first()
            .expect("a call")
            .to_string()
            .contains("drops-unknown")
    );
    cordon.stop();
}
