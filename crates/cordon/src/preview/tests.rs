mod pictures;

use super::*;
use crate::bundle::Bundle;
use crate::{launch, offline};
use boon::{Compiler, Schemas};
use cordon_aws::catalog::Catalog;
use cordon_core::judge::{Judge, Pace, Signatures};
use cordon_core::plan::PlanFault;
use cordon_core::plan::terraform::{Place, TerraformPlan};
use cordon_core::task::Mode;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;

/// A plan with one of each: allowed, refused, replaced, secret, of an unknown type, hostile.
fn terraform() -> TerraformPlan {
    let change = |kind: &str, name: &str, actions: &[&str], before: Json, after: Json| {
        json!({
            "address": format!("{kind}.{name}"), "mode": "managed", "type": kind,
            "provider_name": "registry.terraform.io/hashicorp/aws",
            "change": { "actions": actions, "before": before, "after": after },
        })
    };
    let function = |memory: u32| json!({ "function_name": "ce-export", "memory_size": memory });
    let mut table = change(
        "aws_dynamodb_table",
        "orders",
        &["delete", "create"],
        json!({ "name": "orders", "hash_key": "id" }),
        json!({ "name": "orders", "hash_key": "order" }),
    );
    table["change"]["replace_paths"] = json!([["hash_key"]]);
    let mut secret = change(
        "aws_ssm_parameter",
        "level",
        &["create"],
        Json::Null,
        json!({ "name": "/level", "type": "SecureString", "value": "hunter2" }),
    );
    secret["change"]["after_sensitive"] = json!({ "value": true });
    let hostile = change(
        "aws_quantum_thing",
        "a|b`<script>\u{202e}\u{1b}[2J@everyone",
        &["delete"],
        json!({ "id": "q" }),
        Json::Null,
    );
    let plan = json!({
        "format_version": "1.2", "terraform_version": "1.11.4",
        "resource_changes": [
            change("aws_lambda_function", "export", &["update"], function(512), function(1024)),
            table, secret, hostile,
        ],
    });
    TerraformPlan::read(plan.to_string().as_bytes()).unwrap()
}

/// What `planned` says of the first task of the documentation, as if that were live.
fn judged(planned: impl FnOnce(&mut Judge<'_>, &Place) -> Plan, source: Source) -> Preview {
    let policies = Bundle::baseline().load().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/start.toml");
    let task = launch::draft("T-preview", &file, &policies, Some(Mode::Live)).unwrap();
    let title = task.title().to_owned();
    let place = Place {
        account: Some(task.accounts()[0].clone()),
        region: Some(task.regions()[0].clone()),
    };
    let (key_id, secret) = offline::keys().unwrap();
    let session = offline::session(task, None, key_id, secret).unwrap();
    let catalog = Catalog::embedded();
    let mut judge = Judge::new(catalog, &policies, Arc::new(session), Signatures::Assumed);
    judge.set_pace(Pace::Unknown);
    Preview {
        plan: planned(&mut judge, &place),
        source,
        task: Some((String::new(), title)),
    }
}

fn preview() -> Preview {
    let terraform = terraform();
    let source = Source {
        kind: "terraform",
        name: "plan.json".to_owned(),
        tool: "terraform 1.11.4".to_owned(),
        digest: terraform.digest().whole,
    };
    let planned = |judge: &mut Judge<'_>, place: &Place| {
        let reference = "PLAN".parse().unwrap();
        let now = jiff::Timestamp::now();
        let mut plan = terraform.preview(place, Some((judge, &reference, now)), |_| {});
        plan.push_fault(PlanFault {
            at: "record 7".to_owned(),
            code: "malformed-line".to_owned(),
            message: "expected <value> & \"more\"".to_owned(),
        });
        plan
    };
    judged(planned, source)
}

/// Holds a text to its golden file; `CORDON_BLESS=1` writes it.
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/preview/golden")
        .join(name);
    if std::env::var_os("CORDON_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name}: CORDON_BLESS=1 writes it anew");
}

/// A text without colours.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Holds each form of a preview to its golden file.
fn pictures(name: &str, preview: &Preview) {
    golden(&format!("{name}.txt"), &plain(&human::text(preview)));
    let comment = markdown::text(preview, &preview.source.name);
    golden(&format!("{name}.md"), &comment);
    golden(&format!("{name}.xml"), &junit::text(preview));
    let json = json::value(preview);
    valid(&json).unwrap();
    let json = serde_json::to_string_pretty(&json).unwrap();
    golden(&format!("{name}.json"), &format!("{json}\n"));
    let sarif = serde_json::to_string_pretty(&sarif::value(preview)).unwrap();
    golden(&format!("{name}.sarif"), &format!("{sarif}\n"));
}

/// Whether a preview is what the published schema says.
fn valid(value: &Json) -> Result<(), String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/preview.schema.json");
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    let schema = compiler
        .compile(file.to_str().unwrap(), &mut schemas)
        .unwrap();
    let valid = schemas.validate(value, schema);
    valid.map_err(|error| error.to_string())
}

#[test]
fn every_form_of_a_terraform_plan_is_the_picture_that_was_reviewed() {
    pictures("preview", &preview());
}

#[test]
fn json_is_what_the_published_schema_says() {
    let whole = json::value(&preview());
    valid(&whole).unwrap();
    // The schema can tell.
    let mut odd = whole.clone();
    odd["lines"][0]["effect"] = json!("explode");
    assert!(valid(&odd).is_err());
    let mut more = whole;
    more["more"] = json!(1);
    assert!(valid(&more).is_err());
    let nothing = Preview {
        plan: Plan::default(),
        task: None,
        source: Source {
            kind: "recording",
            name: String::new(),
            tool: String::new(),
            digest: String::new(),
        },
    };
    valid(&json::value(&nothing)).unwrap();
}

#[test]
fn no_form_shows_a_secret_or_lets_text_of_the_plan_act() {
    let preview = preview();
    let forms = [
        human::text(&preview),
        markdown::text(&preview, "k -->\n<b>"),
        junit::text(&preview),
        json::value(&preview).to_string(),
        sarif::value(&preview).to_string(),
    ];
    for form in &forms {
        assert!(!form.contains("hunter2"), "{form}");
    }
    for form in &forms[..3] {
        assert!(
            !form.contains('\u{202e}') && !form.contains("\u{1b}[2J"),
            "{form}"
        );
    }
    assert!(!forms[2].contains("<script>"), "{}", forms[2]);
    let comment = &forms[1];
    let first = comment.lines().next().unwrap();
    assert_eq!(first, "<!-- cordon:preview k______b_ -->");
    // Everything of the plan stands in a code span.
    let row = comment
        .lines()
        .find(|line| line.contains("script"))
        .unwrap();
    assert!(row.contains("`aws_quantum_thing.a\\|b'<script>"), "{row}");
}

#[test]
fn sarif_tells_the_same_finding_again_and_names_no_value() {
    let (one, other) = (sarif::value(&preview()), sarif::value(&preview()));
    let prints = |log: &Json| -> Vec<String> {
        let results = log["runs"][0]["results"].as_array().unwrap().iter();
        let print = |it: &Json| it["partialFingerprints"]["cordonPreview/v1"].to_string();
        results.map(print).collect()
    };
    assert_eq!(prints(&one), prints(&other));
    let mut all = prints(&one);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), prints(&one).len(), "each finding is another one");
    let text = one.to_string();
    assert!(
        !text.contains("1024") && !text.contains("\u{202e}"),
        "{text}"
    );
    // Every rule that a finding names is there.
    let rules = one["runs"][0]["tool"]["driver"]["rules"]
        .as_array()
        .unwrap();
    for result in one["runs"][0]["results"].as_array().unwrap() {
        assert!(
            rules.iter().any(|rule| rule["id"] == result["ruleId"]),
            "{result}"
        );
        let level = result["level"].as_str().unwrap();
        assert!(["error", "warning", "note"].contains(&level), "{result}");
    }
}

#[test]
fn a_comment_fits_into_a_pull_request_however_large_the_plan() {
    let changes: Vec<Json> = (0..3_000)
        .map(|number| {
            json!({ "address": format!("aws_sqs_queue.q{number}"), "mode": "managed", "type": "aws_sqs_queue",
                    "change": { "actions": ["create"], "before": null, "after": { "name": format!("q{number}") } } })
        })
        .collect();
    let plan = json!({ "format_version": "1.2", "resource_changes": changes });
    let terraform = TerraformPlan::read(plan.to_string().as_bytes()).unwrap();
    let place = Place {
        account: None,
        region: Some("eu-central-1".parse().unwrap()),
    };
    let mut preview = preview();
    preview.plan = terraform.preview(&place, None, |_| {});
    let comment = markdown::text(&preview, "k");
    assert!(comment.len() < 65_000, "{}", comment.len());
    assert!(comment.contains("more lines do not fit here"));
}
