//! What a preview costs: one call, a recording, and a plan of 1,000 changes:
//! `cargo bench -p cordon-core --bench plan`. At most 1 ms a call without reads, 50 us for each call of
//! a recording (20,000 a second on one core), and 1 s for the plan.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark reads the bundle from the disk, and stops at once"
)]

use bytes::Bytes;
use cordon_aws::catalog::Catalog;
use cordon_aws::endpoint::{Destination, OwnHosts};
use cordon_aws::request::{Body, Request};
use cordon_aws::sigv4::{SecretKey, SigningKeys};
use cordon_core::action::Actions;
use cordon_core::authenticate::{Ingress, Received};
use cordon_core::judge::{Judge, Pace, Signatures};
use cordon_core::plan::terraform::{Place, TerraformPlan};
use cordon_core::plan::{Plan, PlannedCall};
use cordon_core::policy::{BundleFile, Policies};
use cordon_core::session::{Session, SessionState};
use cordon_core::task::{Launch, Mode, Task};
use divan::Bencher;
use divan::counter::ItemsCount;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use std::path::Path;
use std::sync::{Arc, LazyLock};

fn main() {
    divan::main();
}

const TASK: &str = r#"
schema = "cordon.task/v1"
title = "Measure what a preview costs"
ticket = "LOAD-2"
team = "benchmarks"
ttl = "1h"
[where]
accounts = ["111122223333"]
regions = ["eu-central-1"]
environments = ["dev"]
[[allow]]
do = ["observe"]
[[allow]]
do = ["dynamodb:GetItem", "dynamodb:PutItem"]
on = ["arn:aws:dynamodb:eu-central-1:111122223333:table/orders"]
[[allow]]
do = ["sqs:CreateQueue"]
on = ["arn:aws:sqs:eu-central-1:111122223333:*"]
[budget]
mutations = 10
creates = 10
"#;

static POLICIES: LazyLock<Policies> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        BundleFile {
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            text: std::fs::read_to_string(path).unwrap(),
        }
    });
    let files: Vec<_> = files.collect();
    let actions = Arc::new(Actions::of(Catalog::embedded()));
    Policies::load("policies", &files, actions).unwrap_or_else(|faults| panic!("{faults}"))
});

fn now() -> Timestamp {
    "2026-08-24T09:00:00Z".parse().unwrap()
}

fn judge() -> Judge<'static> {
    let launch = Launch {
        id: "T-1042".parse().unwrap(),
        sponsor: "mei".parse().unwrap(),
        at: now(),
        mode: Some(Mode::Live),
        expires: None,
    };
    let task = Task::read("task.toml", TASK, &POLICIES, launch);
    let task = task.unwrap_or_else(|faults| panic!("{faults}"));
    let session = Session {
        id: "S-01K3".parse().unwrap(),
        account: task.accounts().first().unwrap().clone(),
        task: Arc::new(task),
        key_id: "AKIACORDONEXAMPLE001".parse().unwrap(),
        keys: SigningKeys::new(SecretKey::new("signs nothing".to_owned())),
        agent: "kiro".into(),
        started: now(),
        state: SessionState::Live,
        descent: None,
    };
    let catalog = Catalog::embedded();
    let mut judge = Judge::new(catalog, &POLICIES, Arc::new(session), Signatures::Assumed);
    judge.set_pace(Pace::Unknown);
    judge
}

/// A recorded call of DynamoDB.
fn received(operation: &str) -> Received {
    let host = "dynamodb.eu-central-1.amazonaws.com";
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIACORDONEXAMPLE001/20260824/eu-central-1/dynamodb/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={}",
        "0".repeat(64)
    );
    let target = format!("DynamoDB_20120810.{operation}");
    let headers = [
        ("host", host),
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-date", "20260824T090000Z"),
        ("x-amz-target", &target),
        ("authorization", &authorization),
    ];
    let headers: HeaderMap = headers
        .into_iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        })
        .collect();
    let body = match operation {
        "PutItem" => r#"{"TableName":"orders","Item":{"id":{"S":"a-1"}}}"#,
        _ => r#"{"TableName":"orders","Key":{"id":{"S":"a-1"}}}"#,
    };
    Received {
        request: Request {
            method: Method::POST,
            path: "/".into(),
            query: None,
            headers,
            destination: Destination::parse(host, &OwnHosts::default()).unwrap(),
            body: Body::Whole(Bytes::from_static(body.as_bytes())),
        },
        reference: "OFFLINE".parse().unwrap(),
        ingress: Ingress::Offline,
        arrived: now(),
    }
}

/// One call of a recording, from the request to its line.
#[divan::bench(args = ["GetItem", "PutItem"])]
fn recorded_call(bencher: Bencher<'_, '_>, operation: &str) {
    let mut judge = judge();
    bencher
        .counter(ItemsCount::new(1_u32))
        .with_inputs(|| received(operation))
        .bench_local_values(|received| {
            let judgement = judge.judge(received, now()).unwrap();
            let mut plan = Plan::default();
            plan.push_call(PlannedCall::of_judgement(&judgement));
            plan
        });
}

/// A plan that makes queues, from its bytes to its lines, each call decided.
#[divan::bench(args = [1, 1_000])]
fn terraform_changes(bencher: Bencher<'_, '_>, count: usize) {
    let change = |number: usize| {
        format!(
            r#"{{"address":"aws_sqs_queue.q{number}","mode":"managed","type":"aws_sqs_queue",
                "provider_name":"registry.terraform.io/hashicorp/aws",
                "change":{{"actions":["create"],"before":null,
                "after":{{"name":"q{number}","visibility_timeout_seconds":30,"tags":{{"team":"x"}},
                          "policy":"{}"}},
                "after_unknown":{{"arn":true,"id":true,"url":true}},"after_sensitive":{{}}}}}}"#,
            "p".repeat(500)
        )
    };
    let changes: Vec<String> = (0..count).map(change).collect();
    let text = format!(
        r#"{{"format_version":"1.2","terraform_version":"1.11.4","resource_changes":[{}]}}"#,
        changes.join(",")
    );
    let place = Place {
        account: Some("111122223333".parse().unwrap()),
        region: Some("eu-central-1".parse().unwrap()),
    };
    let reference = "PLAN".parse().unwrap();
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        let plan = TerraformPlan::read(text.as_bytes()).unwrap();
        let mut judge = judge();
        plan.preview(&place, Some((&mut judge, &reference, now())), |_| {})
    });
}
