//! The main job with boto3, before both clouds and by both ways in.

#![allow(clippy::expect_used, reason = "a story stops at once")]

use cordon_tests::client::{Client, Step};
use cordon_tests::cloud::{Cloud, Kind, QUEUE};
use cordon_tests::program::{Cordon, Way, task};
use cordon_tests::story::main_job;
use cordon_tests::{ACCOUNT, REGION};
use serde_json::json;

#[test]
#[ignore = "drives boto3: cargo xtask test --lane boto3"]
fn works_on_its_task_with_moto_by_connect() {
    main_job(Client::Boto3, Kind::Moto, Way::Connect);
}

#[test]
#[ignore = "drives boto3: cargo xtask test --lane boto3"]
fn works_on_its_task_with_moto_by_the_endpoint() {
    main_job(Client::Boto3, Kind::Moto, Way::Endpoint);
}

#[test]
#[ignore = "drives boto3: cargo xtask test --lane boto3"]
fn works_on_its_task_with_lab_by_connect() {
    main_job(Client::Boto3, Kind::Lab, Way::Connect);
}

#[test]
#[ignore = "drives boto3: cargo xtask test --lane boto3"]
fn works_on_its_task_with_lab_by_the_endpoint() {
    main_job(Client::Boto3, Kind::Lab, Way::Endpoint);
}

#[test]
#[ignore = "drives boto3: cargo xtask test --lane boto3"]
fn equal_changes_of_one_second_have_one_signature_and_each_is_made() {
    let cloud = Cloud::start(Kind::Lab);
    let cordon = Cordon::start(&cloud);
    let environment = cordon.env(&task("main-job"), Way::Endpoint);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let queue = format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{QUEUE}");
    let step = Step {
        service: "sqs",
        operation: "SendMessage",
        parameters: json!({"QueueUrl": queue, "MessageBody": "go"}),
    };
    let steps = vec![step; 5];
    for outcome in Client::Boto3.run(&steps, &environment, folder.path()) {
        assert!(outcome.ok, "{}\n{}", outcome.text, cordon.log());
    }
    let sent = cloud.agent_calls();
    assert_eq!(sent.len(), steps.len(), "each is made once");
    // They were signed alike: all but the first of a second were asked to sign anew.
    let again = cordon.calls(&["verdict:reject"]);
    assert!(!again.is_empty(), "no two fell into one second");
    assert!(
        again
            .iter()
            .all(|call| call["code"] == "ThrottlingException"),
        "{again:#?}"
    );
    cordon.stop();
}
