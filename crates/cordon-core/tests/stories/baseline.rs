//! The baseline bundle and the example tasks against the catalog that this build carries.

use crate::harness::{POLICIES, launch, root};
use cordon_core::policy::trial;
use cordon_core::task::{Task, Written};
use std::path::PathBuf;

#[test]
fn the_baseline_passes_its_tests_with_the_whole_catalog() {
    let text = std::fs::read_to_string(root().join("policies/tests.toml")).unwrap();
    let report = trial::run(&POLICIES, "policies/tests.toml", &text);
    let report = report.unwrap_or_else(|faults| panic!("{faults}"));
    let failed: Vec<_> = report
        .tests
        .iter()
        .filter(|test| !test.differs.is_empty())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(
        report.passed(),
        "{:?} {:?}",
        report.undecided,
        report.unnoticed
    );
}

#[test]
fn every_example_compiles_and_says_what_it_allows() {
    let mut examples: Vec<PathBuf> = std::fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    examples.sort();
    assert!(!examples.is_empty());
    for path in examples {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let task = Written::parse(name, &text)
            .and_then(|written| Task::compile(&written, &POLICIES, launch()))
            .unwrap_or_else(|faults| panic!("{faults}"));
        println!("{}", task.explain());
        assert!(task.explain().contains(task.title()), "{name}");
        assert!(task.lock().contains(task.scope_digest()), "{name}");
    }
}
