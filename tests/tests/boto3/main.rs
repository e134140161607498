//! The main job with boto3, before both clouds and by both ways in.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a story stops at once"
)]

mod omissions;
mod predictions;
mod sarif;

use cordon_tests::agent::Agent;
use cordon_tests::approvals::{
    an_approval_and_a_check_let_the_same_call_go_once, an_approval_lets_the_same_call_go_once,
};
use cordon_tests::client::{Client, Step};
use cordon_tests::cloud::{Cloud, Kind, QUEUE};
use cordon_tests::costs::the_seed_story;
use cordon_tests::express::objects_of_a_directory_bucket_go_by_lent_keys;
use cordon_tests::profiles::{acts_as_its_roles_and_no_wider, deploys_by_the_roles_of_cdk};
use cordon_tests::program::{Cordon, Way, task};
use cordon_tests::signer::Call;
use cordon_tests::story::main_job;
use cordon_tests::wire::Message;
use cordon_tests::{ACCOUNT, AGENT_ROLE, REGION};
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
fn mends_an_environment_and_never_builds_it_anew() {
    the_seed_story(Client::Boto3, Way::Endpoint);
}

/// moto, since it believes every session: what leaves is what is looked at here.
#[test]
#[ignore = "drives moto: cargo xtask test --lane boto3"]
fn an_instance_that_the_task_started_is_its_own_after_a_restart_too() {
    const RUN: &str =
        "Action=RunInstances&ImageId=ami-0abc&MinCount=1&MaxCount=1&InstanceType=t3.micro";
    let query = |form: &str| format!("Version=2016-11-15&{form}");
    let id = |answer: &Message| {
        let text = answer.text();
        let (_, rest) = text.split_once("<instanceId>").expect("an instance");
        rest.split('<').next().unwrap_or_default().to_owned()
    };
    let cloud = Cloud::start(Kind::Moto);
    let mut cordon = Cordon::start(&cloud);
    let run = query(RUN);
    let keys = cloud.keys_of(AGENT_ROLE);
    let older = Call::query("ec2", &run).send(cloud.address(), &keys);
    let older = id(&older);

    let agent = Agent::on(&cordon, &task("environments"));
    let started = agent.call(&Call::query("ec2", &run));
    assert_eq!(started.target, "200", "{}", started.text());
    let own = id(&started);

    cordon.serving().ask_to_end();
    cordon.serving().ended();
    cordon.start_again();
    let agent = Agent::at(cordon.address(), agent.keys);
    let terminate = |ids: &str| {
        let form = query(&format!("Action=TerminateInstances&{ids}"));
        agent.call(&Call::query("ec2", &form))
    };
    let both = terminate(&format!("InstanceId.1={own}&InstanceId.2={older}"));
    assert_eq!(both.target, "403", "{}", both.text());
    let alone = terminate(&format!("InstanceId.1={own}"));
    assert_eq!(alone.target, "200", "{}", alone.text());
    let again = terminate(&format!("InstanceId.1={own}"));
    assert_eq!(again.target, "403", "it is gone: {}", again.text());
    cordon.stop();
}

/// moto answers a dry run of this operation as EC2 does.
#[test]
#[ignore = "drives moto: cargo xtask test --lane boto3"]
fn moto_is_asked_by_a_dry_run_about_what_is_only_previewed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = std::fs::read_to_string(task("environments")).expect("the task");
    let file = folder.path().join("task.toml");
    let text = text.replace("mode   = \"live\"", "mode   = \"preview\"");
    std::fs::write(&file, text).expect("the folder is ours");
    let cloud = Cloud::start(Kind::Moto);
    let cordon = Cordon::start(&cloud);
    // moto is slow the first time that it is asked for anything of EC2, and a question is not patient.
    let describe = "Version=2016-11-15&Action=DescribeInstances";
    let describe = || {
        let keys = cloud.keys_of(AGENT_ROLE);
        Call::query("ec2", describe)
            .send(cloud.address(), &keys)
            .text()
    };
    let _ = describe();
    let environment = cordon.env(&file, Way::Connect);
    let step = Step {
        service: "ec2",
        operation: "RunInstances",
        parameters: json!({ "ImageId": "ami-12c6146b", "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.micro" }),
    };
    let outcome = Client::Boto3
        .run(&[step], &environment, folder.path())
        .remove(0);
    assert!(outcome.text.contains("CordonPreview"), "{}", outcome.text);
    let calls = cordon.calls(&["operation:RunInstances", "verdict:preview"]);
    let witness = &calls[0]["prediction"]["prediction"]["witness"];
    assert_eq!(witness["says"], "would succeed", "{calls:#?}");
    let asked = cloud.agent_calls();
    let asked = asked.iter().filter(|call| call.names("RunInstances"));
    let forms: Vec<String> = asked.map(Message::text).collect();
    assert_eq!(forms.len(), 1, "{forms:?}");
    assert_eq!(forms[0].matches("DryRun=true").count(), 1, "{forms:?}");
    let there = describe();
    assert!(!there.contains("<instanceId>"), "{there}");
    cordon.stop();
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

#[test]
#[ignore = "drives boto3: cargo xtask test --lane boto3"]
fn waits_for_a_second_person_and_a_check_with_moto_by_connect() {
    an_approval_and_a_check_let_the_same_call_go_once(Client::Boto3, Kind::Moto, Way::Connect);
}

#[test]
#[ignore = "drives boto3: cargo xtask test --lane boto3"]
fn waits_for_a_second_person_with_moto_by_connect() {
    an_approval_lets_the_same_call_go_once(Client::Boto3, Kind::Moto, Way::Connect);
}

#[test]
#[ignore = "drives boto3: cargo xtask test --lane boto3"]
fn a_profile_with_a_role_acts_as_it_and_no_wider() {
    acts_as_its_roles_and_no_wider(Client::Boto3);
}

#[test]
#[ignore = "drives boto3: cargo xtask test --lane boto3"]
fn waits_for_a_second_person_with_moto_by_the_endpoint() {
    an_approval_lets_the_same_call_go_once(Client::Boto3, Kind::Moto, Way::Endpoint);
}

#[test]
#[ignore = "drives boto3: cargo xtask test --lane boto3"]
fn the_roles_of_cdk_deploy_within_the_task() {
    deploys_by_the_roles_of_cdk(Client::Boto3);
}

#[test]
#[ignore = "drives boto3: cargo xtask test --lane boto3"]
fn objects_of_a_directory_bucket_go_by_lent_keys_by_connect() {
    objects_of_a_directory_bucket_go_by_lent_keys(Client::Boto3, Way::Connect);
}

#[test]
#[ignore = "drives boto3: cargo xtask test --lane boto3"]
fn objects_of_a_directory_bucket_go_by_lent_keys_by_the_endpoint() {
    objects_of_a_directory_bucket_go_by_lent_keys(Client::Boto3, Way::Endpoint);
}
