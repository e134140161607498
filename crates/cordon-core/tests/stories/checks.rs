//! The policy of the documentation that asks for a check, with its tests: what is written there works.

use crate::harness::{bundle, load};
use cordon_core::policy::{BundleFile, trial};

const DOCUMENTED: &str = include_str!("../../../../docs/approvals.md");

/// The part of the section on checks that is written in `language`.
fn sample(language: &str) -> &'static str {
    let (_, section) = DOCUMENTED.split_once("### Checks beside people").unwrap();
    let (_, rest) = section.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

const RESOURCE: &str = "
[resource.prod-function]
arn = \"arn:aws-cn:lambda:cn-north-1:111122223333:function:ce-export\"
kind = \"lambda:function\"
environment = \"prod\"
";

#[test]
fn the_policy_of_the_documentation_asks_for_a_check_beside_people() {
    let mut files = bundle();
    files.push(BundleFile {
        name: "13-hold-checks.cedar".to_owned(),
        text: sample("cedar").to_owned(),
    });
    let policies = load(&files);
    let checks: Vec<&str> = policies
        .checks()
        .into_iter()
        .map(|it| it.as_str())
        .collect();
    assert_eq!(checks, ["canary-tests"]);
    let tests = files.iter().find(|file| file.name == "tests.toml").unwrap();
    let tests = format!("{}{RESOURCE}{}", tests.text, sample("toml"));
    let report = trial::run(&policies, "tests.toml", &tests).unwrap_or_else(|e| panic!("{e}"));
    let failed: Vec<_> = report.tests.iter().filter(|test| !test.passed()).collect();
    assert!(
        report.passed(),
        "{failed:#?} {:?} {:?}",
        report.undecided,
        report.unnoticed
    );

    // A test that expects other checks, or none, says so.
    for (from, to) in [
        ("checks = [\"canary-tests\"]", "checks = []"),
        ("passed = [\"canary-tests\"]", "passed = [\"load\"]"),
    ] {
        let wrong = tests.replacen(from, to, 1);
        let report = trial::run(&policies, "tests.toml", &wrong).unwrap_or_else(|e| panic!("{e}"));
        let failed = report.tests.iter().filter(|test| !test.passed()).count();
        assert_eq!(failed, 1, "{to}");
    }
}
