//! What AWS clients really sent, written down once (`tests/corpus/recorded/`): each request is the
//! operation that the client was asked for, in the region that it was set to.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a story stops at once"
)]

use std::collections::BTreeSet;
use std::process::Command;

use cordon_tests::program::program;
use cordon_tests::{ACCOUNT, file};
use serde_json::Value;

/// Services that have one region.
const GLOBAL: [&str; 3] = ["iam", "organizations", "route53"];

/// How many operations each client must have made.
const LEAST: usize = 40;

#[test]
fn calls_of_the_sdk_for_javascript_are_named() {
    are_named("javascript.jsonl");
}

#[test]
fn calls_of_the_sdk_for_rust_are_named() {
    are_named("rust.jsonl");
}

#[test]
fn calls_of_the_cli_are_named() {
    are_named("aws-cli-v2.jsonl");
}

#[track_caller]
fn are_named(name: &str) {
    let path = file("corpus/recorded").join(name);
    let asked = std::fs::read_to_string(&path).expect("a recording");
    let said = Command::new(program())
        .args(["classify", "--account", ACCOUNT])
        .stdin(std::fs::File::open(&path).expect("a recording"))
        .output()
        .expect("cordon classify runs");
    assert!(said.status.success());
    let answers = String::from_utf8(said.stdout).expect("text");
    let mut operations = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (line, answer) in asked.lines().zip(answers.lines()) {
        assert!(
            line.contains("AKIACORPUS0000000001"),
            "a placeholder: {line}"
        );
        let found: Value = serde_json::from_str(answer).expect("a line of JSON");
        let id = found["id"].as_str().expect("an id");
        let (operation, _) = id.split_once('/').expect("an operation and a number");
        let (service, _) = operation.split_once(':').expect("a service");
        let text = |name: &str| found[name].as_str().unwrap_or_default();
        let region = match GLOBAL.contains(&service) {
            true => "us-east-1",
            false => "eu-west-1",
        };
        let actions = found["iam_actions"].as_array().expect("actions");
        let right = format!("{}:{}", text("service"), text("operation")) == operation
            && text("region") == region
            && text("partition") == "aws"
            && !actions.is_empty();
        if !right {
            wrong.push(answer.to_owned());
        }
        operations.insert(operation.to_owned());
        count += 1;
    }
    assert_eq!(count, asked.lines().count(), "an answer for each");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(operations.len() >= LEAST, "{}", operations.len());
}
