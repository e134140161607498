//! The main job with AWS CLI version 1, before both clouds and by both ways in; and the demo.

use cordon_tests::batches::a_list_goes_in_the_order_in_which_it_was_approved;
use cordon_tests::client::Client;
use cordon_tests::cloud::Kind;
use cordon_tests::demo::the_demo_goes_as_told_with;
use cordon_tests::express::objects_of_a_directory_bucket_go_by_lent_keys;
use cordon_tests::program::Way;
use cordon_tests::story::main_job;

#[test]
#[ignore = "drives AWS CLI version 1: cargo xtask test --lane aws-cli-v1"]
fn works_on_its_task_with_moto_by_connect() {
    main_job(Client::AwsCliV1, Kind::Moto, Way::Connect);
}

#[test]
#[ignore = "drives AWS CLI version 1: cargo xtask test --lane aws-cli-v1"]
fn works_on_its_task_with_moto_by_the_endpoint() {
    main_job(Client::AwsCliV1, Kind::Moto, Way::Endpoint);
}

#[test]
#[ignore = "drives AWS CLI version 1: cargo xtask test --lane aws-cli-v1"]
fn works_on_its_task_with_lab_by_connect() {
    main_job(Client::AwsCliV1, Kind::Lab, Way::Connect);
}

#[test]
#[ignore = "drives AWS CLI version 1: cargo xtask test --lane aws-cli-v1"]
fn works_on_its_task_with_lab_by_the_endpoint() {
    main_job(Client::AwsCliV1, Kind::Lab, Way::Endpoint);
}

#[test]
#[ignore = "drives AWS CLI version 1: cargo xtask test --lane aws-cli-v1"]
fn asks_for_a_list_of_approved_calls_in_its_order() {
    a_list_goes_in_the_order_in_which_it_was_approved(Client::AwsCliV1, Way::Connect);
}

#[test]
#[ignore = "drives AWS CLI version 1: cargo xtask test --lane aws-cli-v1"]
fn plays_the_demo() {
    the_demo_goes_as_told_with("CORDON_TEST_AWS_CLI_V1");
}

#[test]
#[ignore = "drives AWS CLI version 1: cargo xtask test --lane aws-cli-v1"]
fn objects_of_a_directory_bucket_go_by_lent_keys_by_connect() {
    objects_of_a_directory_bucket_go_by_lent_keys(Client::AwsCliV1, Way::Connect);
}

#[test]
#[ignore = "drives AWS CLI version 1: cargo xtask test --lane aws-cli-v1"]
fn objects_of_a_directory_bucket_go_by_lent_keys_by_the_endpoint() {
    objects_of_a_directory_bucket_go_by_lent_keys(Client::AwsCliV1, Way::Endpoint);
}
