//! The main job with boto3, before both clouds and by both ways in.

use cordon_tests::client::Client;
use cordon_tests::cloud::Kind;
use cordon_tests::program::Way;
use cordon_tests::story::main_job;

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
