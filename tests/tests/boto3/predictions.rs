//! What is predicted of a call is what a cloud shows once the call was made.
//!
//! `predictions/table.py` has one row for each operation: what is there before, and the call. botocore
//! makes the requests; Cordon previews them with reads; boto3 makes the calls; and what the same reads
//! show then is held to what was predicted.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use cordon_tests::cloud::{Cloud, Kind};
use cordon_tests::process;
use cordon_tests::program::{Cordon, task};
use cordon_tests::{file, tool};
use serde_json::Value;

/// What is predicted, an operation a line.
const RULES: &str = include_str!("../../../crates/cordon-core/data/predict.txt");

/// Operations that moto does not know, or breaks at: `preview.rs` holds those of environments to the lab.
const NOT_PLAYED: [&str; 7] = [
    "backup UpdateBackupPlan",
    // Moto tells defaults that were not said, as AWS does: tests of omissions hold these.
    "cloudfront UpdateDistribution",
    "cloudformation UpdateTerminationProtection",
    "codepipeline UpdatePipeline",
    "elasticbeanstalk TerminateEnvironment",
    "elasticbeanstalk UpdateEnvironment",
    // The older name of PutBucketLifecycleConfiguration.
    "s3 PutBucketLifecycle",
];

/// What a rule says of what is so afterwards. Others are only about what a call leaves out.
const PREDICTS: [&str; 15] = [
    "set", "put", "is", "add", "cut", "each", "drop", "whole", "named", "switch", "records",
    "allow", "revoke", "gone", "open",
];

/// Every operation whose rule predicts something.
fn predicting() -> Vec<&'static str> {
    let mut found: Vec<&str> = Vec::new();
    let mut rule = "";
    for line in RULES.lines() {
        if line.starts_with(|c: char| c.is_ascii_lowercase()) {
            rule = line;
        }
        let verb = line.trim_start().split(' ').next().unwrap_or_default();
        let says = line.starts_with("  ") && PREDICTS.contains(&verb);
        if says && found.last() != Some(&rule) {
            found.push(rule);
        }
    }
    found
}

/// The lines of a preview by service and operation.
type Lines = BTreeMap<String, Value>;

/// Does a part of `play.py` at the cloud itself, past Cordon.
fn play(part: &str, cloud: &Cloud, folder: &Path) {
    let mut python = Command::new(tool("CORDON_TEST_PYTHON"));
    let endpoint = format!("http://{}", cloud.address());
    python
        .arg(file("predictions/play.py"))
        .args([part, &endpoint])
        .arg(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let ran = process::run(&mut python);
    assert_eq!(ran.code, Some(0), "{}", ran.text());
    assert_eq!(ran.out, "", "a row did not work");
}

fn preview(cordon: &Cordon, folder: &Path) -> Lines {
    let task = task("reads").display().to_string();
    let recording = folder.join("calls.jsonl").display().to_string();
    let ran = cordon.run(&[
        "preview",
        &task,
        "--recording",
        &recording,
        "--reads",
        "--reads-within",
        "120",
        "--format",
        "json",
    ]);
    // Nothing of it is in the task: that is another matter than what it would do.
    assert_eq!(ran.code, Some(4), "{}", ran.text());
    let preview: Value = serde_json::from_str(&ran.out).expect("a preview");
    assert_eq!(preview["faults"], serde_json::json!([]));
    let lines = preview["lines"].as_array().expect("lines").iter();
    let named = lines.map(|line| {
        let call = &line["calls"][0];
        let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
        (
            format!("{} {}", text("service"), text("operation")),
            line.clone(),
        )
    });
    named.collect()
}

fn properties(line: &Value) -> BTreeMap<&str, &Value> {
    let properties = line["properties"].as_array().expect("properties").iter();
    properties
        .map(|it| (it["name"].as_str().expect("a name"), it))
        .collect()
}

/// What differs between what was predicted of one operation and what is; and how much was compared.
fn check(before: &Value, after: &Value, faults: &mut Vec<String>) -> usize {
    let name = &before["calls"][0]["operation"];
    let shown = properties(after);
    let mut compared = 0;
    for (property, predicted) in properties(before) {
        if predicted["before"].is_null() && predicted["observed_at"].is_null() {
            faults.push(format!("{name} {property}: it was not read"));
        }
        if predicted["evidence"] != "predicted by rule" {
            continue;
        }
        compared += 1;
        match shown.get(property) {
            Some(now) if now["before"] == predicted["after"] && !now["observed_at"].is_null() => {}
            Some(now) => faults.push(format!(
                "{name} {property}: predicted {}, but it is {}",
                predicted["after"], now["before"]
            )),
            // The same call again would change nothing of it.
            None => {
                let stays = after["prediction"]["unchanged"].as_u64() > Some(0);
                let is_gone = after["note"]
                    .as_str()
                    .is_some_and(|note| note.contains("does not exist"));
                if !stays && !is_gone {
                    faults.push(format!("{name} {property}: nothing is said of it"));
                }
            }
        }
    }
    compared
}

#[test]
#[ignore = "drives boto3 and moto: cargo xtask test --lane boto3"]
fn what_is_predicted_is_what_moto_shows_once_the_call_was_made() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cloud = Cloud::start(Kind::Moto);
    let cordon = Cordon::start(&cloud);
    play("set", &cloud, folder.path());
    let before = preview(&cordon, folder.path());
    nothing_but_reads_was_sent(&cloud, &cordon);
    play("make", &cloud, folder.path());
    let after = preview(&cordon, folder.path());

    let (mut faults, mut operations, mut compared) = (Vec::new(), 0, 0);
    for (name, line) in &before {
        let count = check(line, &after[name], &mut faults);
        operations += usize::from(count > 0);
        compared += count;
    }
    assert!(faults.is_empty(), "{faults:#?}");
    let ruled = predicting();
    let left_out: Vec<&str> = ruled
        .into_iter()
        .filter(|rule| !before.contains_key(*rule) && !NOT_PLAYED.contains(rule))
        .collect();
    assert!(left_out.is_empty(), "no row plays {left_out:?}");
    assert!(operations >= 120, "{operations} operations");
    assert!(compared >= 190, "{compared} properties");
    // Secrets of the table stay out of what is shown.
    let text = format!("{before:?}{after:?}");
    assert!(!text.contains("hunter"), "a secret is shown");
    cordon.stop();
}

/// The cloud's own log: what came from Cordon changes nothing.
fn nothing_but_reads_was_sent(cloud: &Cloud, cordon: &Cordon) {
    let sent = cloud.agent_calls();
    assert!(sent.len() > 100, "{} reads", sent.len());
    for request in &sent {
        let text = request.summary();
        assert!(matches!(&*request.method, "GET" | "POST"), "{text}");
    }
    let calls = cordon.calls(&["--limit", "1000"]);
    assert_eq!(calls.len(), sent.len(), "each is recorded");
    for call in calls {
        assert_eq!(call["class"], "observe", "{call}");
        assert_eq!(call["ingress"], "endpoint", "{call}");
    }
}
