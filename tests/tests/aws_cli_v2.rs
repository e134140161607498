//! The main job with AWS CLI version 2, before both clouds and by both ways in; and the demo.

use cordon_tests::amendments::what_was_denied_goes_once_it_was_added;
use cordon_tests::approvals::{
    an_approval_and_a_check_let_the_same_call_go_once, an_approval_lets_the_same_call_go_once,
};
use cordon_tests::client::{Client, command};
use cordon_tests::cloud::Kind;
use cordon_tests::costs::the_seed_story;
use cordon_tests::demo::the_demo_goes_as_told_with;
use cordon_tests::process::run;
use cordon_tests::profiles::{acts_as_its_roles_and_no_wider, deploys_by_the_roles_of_cdk};
use cordon_tests::program::{Way, task};
use cordon_tests::shop::{Shop, template};
use cordon_tests::story::main_job;
use cordon_tests::tool;

#[test]
#[ignore = "drives AWS CLI version 2: cargo xtask test --lane aws-cli-v2"]
fn works_on_its_task_with_moto_by_connect() {
    main_job(Client::AwsCliV2, Kind::Moto, Way::Connect);
}

#[test]
#[ignore = "drives AWS CLI version 2: cargo xtask test --lane aws-cli-v2"]
fn works_on_its_task_with_moto_by_the_endpoint() {
    main_job(Client::AwsCliV2, Kind::Moto, Way::Endpoint);
}

#[test]
#[ignore = "drives AWS CLI version 2: cargo xtask test --lane aws-cli-v2"]
fn works_on_its_task_with_lab_by_connect() {
    main_job(Client::AwsCliV2, Kind::Lab, Way::Connect);
}

#[test]
#[ignore = "drives AWS CLI version 2: cargo xtask test --lane aws-cli-v2"]
fn works_on_its_task_with_lab_by_the_endpoint() {
    main_job(Client::AwsCliV2, Kind::Lab, Way::Endpoint);
}

#[test]
#[ignore = "drives AWS CLI version 2: cargo xtask test --lane aws-cli-v2"]
fn deploys_a_stack_in_place_and_never_over_a_table() {
    let deploy = |template: &str| {
        let shop = Shop::open();
        let environment = shop.cordon.env(&task("stack"), Way::Connect);
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("shop.json"), template).expect("it is ours");
        let mut aws = command(&tool("CORDON_TEST_AWS_CLI_V2"), &environment, folder.path());
        let arguments = ["cloudformation", "deploy", "--stack-name", "shop"];
        aws.args(arguments).args(["--template-file", "shop.json"]);
        (run(&mut aws), shop.reached("ExecuteChangeSet"))
    };

    let (replacing, executed) = deploy(&template("order", "PROVISIONED", true));
    let said = replacing.text();
    assert!(replacing.code != Some(0) && !executed, "{said}");
    assert!(said.contains("destroy-needs-named-target"), "{said}");

    let (in_place, executed) = deploy(&template("id", "PAY_PER_REQUEST", true));
    assert!(in_place.code == Some(0) && executed, "{}", in_place.text());
}

#[test]
#[ignore = "drives AWS CLI version 2: cargo xtask test --lane aws-cli-v2"]
fn mends_an_environment_and_never_builds_it_anew() {
    the_seed_story(Client::AwsCliV2, Way::Connect);
}

#[test]
#[ignore = "drives AWS CLI version 2: cargo xtask test --lane aws-cli-v2"]
fn plays_the_demo() {
    the_demo_goes_as_told_with("CORDON_TEST_AWS_CLI_V2");
}

#[test]
#[ignore = "drives AWS CLI version 2: cargo xtask test --lane aws-cli-v2"]
fn waits_for_a_second_person_and_a_check_with_moto_by_connect() {
    an_approval_and_a_check_let_the_same_call_go_once(Client::AwsCliV2, Kind::Moto, Way::Connect);
}

#[test]
#[ignore = "drives AWS CLI version 2: cargo xtask test --lane aws-cli-v2"]
fn waits_for_a_second_person_with_moto_by_connect() {
    an_approval_lets_the_same_call_go_once(Client::AwsCliV2, Kind::Moto, Way::Connect);
}

#[test]
#[ignore = "drives AWS CLI version 2: cargo xtask test --lane aws-cli-v2"]
fn a_profile_with_a_role_acts_as_it_and_no_wider() {
    acts_as_its_roles_and_no_wider(Client::AwsCliV2);
}

#[test]
#[ignore = "drives AWS CLI version 2: cargo xtask test --lane aws-cli-v2"]
fn waits_for_a_second_person_with_moto_by_the_endpoint() {
    an_approval_lets_the_same_call_go_once(Client::AwsCliV2, Kind::Moto, Way::Endpoint);
}

#[test]
#[ignore = "drives AWS CLI version 2: cargo xtask test --lane aws-cli-v2"]
fn the_roles_of_cdk_deploy_within_the_task() {
    deploys_by_the_roles_of_cdk(Client::AwsCliV2);
}

#[test]
#[ignore = "drives AWS CLI version 2: cargo xtask test --lane aws-cli-v2"]
fn goes_on_once_its_sponsor_added_what_was_denied() {
    what_was_denied_goes_once_it_was_added(Client::AwsCliV2, Kind::Moto);
}
