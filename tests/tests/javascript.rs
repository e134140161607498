//! The main job with the AWS SDK for JavaScript, before both clouds. The SDK knows no proxy: by
//! CONNECT it goes because of the script that `NODE_OPTIONS` loads.

use cordon_tests::client::Client;
use cordon_tests::cloud::Kind;
use cordon_tests::express::objects_of_a_directory_bucket_go_by_lent_keys;
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

#[test]
#[ignore = "drives the AWS SDK for JavaScript: cargo xtask test --lane javascript"]
fn works_on_its_task_with_moto_by_connect() {
    main_job(Client::Javascript, Kind::Moto, Way::Connect);
}

#[test]
#[ignore = "drives the AWS SDK for JavaScript: cargo xtask test --lane javascript"]
fn works_on_its_task_with_lab_by_connect() {
    main_job(Client::Javascript, Kind::Lab, Way::Connect);
}

#[test]
#[ignore = "drives the AWS SDK for JavaScript: cargo xtask test --lane javascript"]
fn objects_of_a_directory_bucket_go_by_lent_keys_by_connect() {
    objects_of_a_directory_bucket_go_by_lent_keys(Client::Javascript, Way::Connect);
}
