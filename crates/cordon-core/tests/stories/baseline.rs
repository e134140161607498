//! The baseline bundle and the example tasks against the catalog that this build carries.

use cordon_aws::catalog::Catalog;
use cordon_core::action::Actions;
use cordon_core::policy::{BundleFile, Policies, trial};
use cordon_core::task::{Launch, Task, Written};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn baseline() -> Policies {
    let files = std::fs::read_dir(root().join("policies")).unwrap();
    let files: Vec<BundleFile> = files
        .map(|entry| {
            let path = entry.unwrap().path();
            BundleFile {
                name: path.file_name().unwrap().to_str().unwrap().to_owned(),
                text: std::fs::read_to_string(path).unwrap(),
            }
        })
        .collect();
    let actions = Arc::new(Actions::of(Catalog::embedded()));
    Policies::load("policies", &files, actions).unwrap_or_else(|faults| panic!("{faults}"))
}

fn launch() -> Launch {
    Launch {
        id: "T-1042".parse().unwrap(),
        sponsor: "mei".parse().unwrap(),
        at: "2026-08-24T09:00:00Z".parse().unwrap(),
        mode: None,
        expires: None,
    }
}

#[test]
fn the_baseline_passes_its_tests_with_the_whole_catalog() {
    let policies = baseline();
    let text = std::fs::read_to_string(root().join("policies/tests.toml")).unwrap();
    let report = trial::run(&policies, "policies/tests.toml", &text);
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
    let policies = baseline();
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
            .and_then(|written| Task::compile(&written, &policies, launch()))
            .unwrap_or_else(|faults| panic!("{faults}"));
        println!("{}", task.explain());
        assert!(task.explain().contains(task.title()), "{name}");
        assert!(task.lock().contains(task.scope_digest()), "{name}");
    }
}
