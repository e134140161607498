//! How long the catalog takes: to load, to look things up, to tell what a call needs.

use cordon_aws::arn::Region;
use cordon_aws::call::Call;
use cordon_aws::catalog::Catalog;
use cordon_aws::value::Value;
use divan::{Bencher, black_box};
use std::collections::BTreeMap;

static FILE: &[u8] = include_bytes!("../data/catalog.bin");

fn main() {
    divan::main();
}

#[divan::bench]
fn load() -> usize {
    Catalog::read(black_box(FILE)).map_or(0, |catalog| catalog.version().len())
}

#[divan::bench]
fn target() -> usize {
    Catalog::embedded()
        .target(black_box("DynamoDB_20120810.GetItem"))
        .count()
}

#[divan::bench]
fn query_action() -> usize {
    Catalog::embedded()
        .query_action(black_box("DescribeInstances"), "2016-11-15")
        .count()
}

#[divan::bench(args = ["ec2.us-east-1.amazonaws.com", "a.b.s3.eu-west-1.amazonaws.com", "x.evil.com"])]
fn host(name: &str) -> bool {
    Catalog::embedded().host(black_box(name)).is_some()
}

#[divan::bench]
fn action() -> bool {
    Catalog::embedded()
        .action(black_box("lambda:UpdateFunctionCode"))
        .is_some()
}

#[divan::bench(args = [1, 100])]
fn needs(bencher: Bencher<'_, '_>, instances: usize) {
    let Some(operation) = Catalog::embedded()
        .service("ec2")
        .and_then(|service| service.operation("TerminateInstances"))
    else {
        return;
    };
    let ids = (0..instances)
        .map(|id| Value::String(format!("i-{id:08x}").into()))
        .collect();
    let parameters = Value::Structure(BTreeMap::from([("InstanceIds".into(), Value::List(ids))]));
    let Ok(region) = "eu-west-1".parse::<Region>() else {
        return;
    };
    bencher
        .with_inputs(|| (parameters.clone(), region.clone()))
        .bench_values(|(parameters, region)| Call::planned(operation, parameters, region, None));
}
