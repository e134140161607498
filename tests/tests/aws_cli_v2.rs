//! The main job with AWS CLI version 2, before both clouds and by both ways in; and the demo.

use cordon_tests::client::Client;
use cordon_tests::cloud::Kind;
use cordon_tests::demo::the_demo_goes_as_told_with;
use cordon_tests::program::Way;
use cordon_tests::story::main_job;

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
fn plays_the_demo() {
    the_demo_goes_as_told_with("CORDON_TEST_AWS_CLI_V2");
}
