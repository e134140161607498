//! The main job with Terraform and the AWS provider, before both clouds and by both ways in.

use cordon_tests::cloud::Kind;
use cordon_tests::program::Way;
use cordon_tests::terraform::{
    assumes_a_role, from_plan, main_job, mends_an_instance_in_place,
    waits_for_a_person_within_an_apply,
};

#[test]
#[ignore = "drives Terraform: cargo xtask test --lane terraform"]
fn works_on_its_task_with_moto_by_connect() {
    main_job(Kind::Moto, Way::Connect);
}

#[test]
#[ignore = "drives Terraform: cargo xtask test --lane terraform"]
fn works_on_its_task_with_moto_by_the_endpoint() {
    main_job(Kind::Moto, Way::Endpoint);
}

#[test]
#[ignore = "drives Terraform: cargo xtask test --lane terraform"]
fn works_on_its_task_with_lab_by_connect() {
    main_job(Kind::Lab, Way::Connect);
}

#[test]
#[ignore = "drives Terraform: cargo xtask test --lane terraform"]
fn works_on_its_task_with_lab_by_the_endpoint() {
    main_job(Kind::Lab, Way::Endpoint);
}

#[test]
#[ignore = "drives Terraform: cargo xtask test --lane terraform"]
fn a_task_from_a_plan_allows_its_apply_and_nothing_more() {
    from_plan();
}

#[test]
#[ignore = "drives Terraform: cargo xtask test --lane terraform"]
fn replacing_an_instance_of_before_is_stopped_at_its_end() {
    mends_an_instance_in_place();
}

#[test]
#[ignore = "drives Terraform: cargo xtask test --lane terraform"]
fn an_apply_waits_for_a_person_and_goes_on() {
    waits_for_a_person_within_an_apply();
}

#[test]
#[ignore = "drives Terraform: cargo xtask test --lane terraform"]
fn a_provider_that_assumes_a_role_stays_within_the_task() {
    assumes_a_role();
}
