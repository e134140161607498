//! What a preview costs: one call, a recording, and a plan of 1,000 changes:
//! `cargo bench -p cordon-core --bench plan`. At most 1 ms a call without reads, 50 us for each call of
//! a recording (20,000 a second on one core), and 1 s for the plan.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark reads the bundle from the disk, and stops at once"
)]

mod shared;

use bytes::Bytes;
use cordon_aws::catalog::Catalog;
use cordon_aws::endpoint::{Destination, OwnHosts};
use cordon_aws::request::{Body, Request};
use cordon_core::authenticate::{Ingress, Received};
use cordon_core::judge::{Judge, Pace, Signatures};
use cordon_core::plan::terraform::{Place, TerraformPlan};
use cordon_core::plan::{Plan, PlannedCall};
use cordon_core::task::Mode;
use divan::Bencher;
use divan::counter::ItemsCount;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use shared::{KEY_ID, POLICIES, now, session};
use std::sync::Arc;

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

fn judge() -> Judge<'static> {
    let session = session(TASK, Some(Mode::Live), "signs nothing");
    let catalog = Catalog::embedded();
    let mut judge = Judge::new(catalog, &POLICIES, Arc::new(session), Signatures::Assumed);
    judge.set_pace(Pace::Unknown);
    judge
}

/// A recorded call of DynamoDB.
fn received(operation: &str) -> Received {
    let host = "dynamodb.eu-central-1.amazonaws.com";
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={KEY_ID}/20260824/eu-central-1/dynamodb/aws4_request, \
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
            plan.push_call(PlannedCall::of_judged(judgement.record, &judgement.verdict));
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
