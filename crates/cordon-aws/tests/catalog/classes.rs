//! The table of every operation with the class that its calls have at least.
//!
//! `CORDON_BLESS=1 cargo test -p cordon-aws --test catalog classes` writes it anew. What a new
//! version of AWS's models adds, or a changed row of our tables moves, is read in the diff.

#![allow(
    clippy::disallowed_methods,
    reason = "the table is a file that is compared and written"
)]

use cordon_aws::call::Class;
use cordon_aws::catalog::{Catalog, Operation};
use cordon_aws::classify::class_of;
use std::fmt::Write as _;
use std::path::Path;

/// One line a service and class: `ec2 destroy TerminateInstances ...`.
fn table() -> String {
    let mut table = String::from("# service class operations\n");
    let mut services: Vec<_> = Catalog::embedded().services().collect();
    services.sort_by_key(|service| service.name());
    for service in services {
        for class in Class::ALL {
            let mut names: Vec<&str> = service
                .operations()
                .filter(|operation| class_of(*operation) == class)
                .map(Operation::name)
                .collect();
            names.sort_unstable();
            for names in names.chunks(8) {
                writeln!(table, "{} {class} {}", service.name(), names.join(" ")).unwrap();
            }
        }
    }
    table
}

#[test]
fn every_operation_has_the_class_that_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/classes.txt");
    let table = table();
    if std::env::var_os("CORDON_BLESS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    let moved: Vec<_> = table
        .lines()
        .filter(|line| !golden.lines().any(|was| was == *line))
        .collect();
    assert!(moved.is_empty(), "{moved:#?}");
    assert_eq!(golden.lines().count(), table.lines().count());
    let operations = table
        .lines()
        .skip(1)
        .map(|line| line.split(' ').count() - 2);
    let all = Catalog::embedded()
        .services()
        .flat_map(|service| service.operations());
    assert_eq!(operations.sum::<usize>(), all.count());
}
