//! The main job with the AWS SDK for JavaScript, before both clouds. On the Node that is tested
//! it knows no proxy, so the endpoint is its one way in.

use cordon_tests::client::Client;
use cordon_tests::cloud::Kind;
use cordon_tests::program::Way;
use cordon_tests::story::main_job;

#[test]
#[ignore = "drives the AWS SDK for JavaScript: cargo xtask test --lane javascript"]
fn works_on_its_task_with_moto_by_the_endpoint() {
    main_job(Client::Javascript, Kind::Moto, Way::Endpoint);
}

#[test]
#[ignore = "drives the AWS SDK for JavaScript: cargo xtask test --lane javascript"]
fn works_on_its_task_with_lab_by_the_endpoint() {
    main_job(Client::Javascript, Kind::Lab, Way::Endpoint);
}
