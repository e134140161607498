use super::*;
use serde_json::json;

fn read(changes: Value) -> TerraformPlan {
    let plan = json!({
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "resource_changes": changes,
        "configuration": {
            "provider_config": { "aws": { "expressions": { "region": { "constant_value": "eu-central-1" } } } },
            "root_module": { "resources": [
                { "address": "aws_lambda_function.export",
                  "expressions": { "role": { "references": ["aws_iam_role.export.arn", "aws_iam_role.export"] } } },
            ] },
        },
    });
    TerraformPlan::read(plan.to_string().as_bytes()).unwrap()
}

fn change(kind: &str, actions: &[&str], before: Value, after: Value) -> Value {
    json!({
        "address": format!("{kind}.x"), "mode": "managed", "type": kind, "name": "x",
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": { "actions": actions, "before": before, "after": after },
    })
}

fn with(mut change: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        change["change"][name] = value.clone();
    }
    change
}

fn place() -> Place {
    Place {
        account: Some("111122223333".parse().unwrap()),
        region: Some("eu-central-1".parse().unwrap()),
    }
}

fn preview(changes: Value) -> Plan {
    read(changes).preview(&place(), None, |_| {})
}

/// Operations and targets of the only line.
fn check(change: Value, effect: Effect, operations: &[&str], targets: &[&str]) {
    let plan = preview(json!([change]));
    let [line] = plan.lines() else {
        panic!("{:#?}", plan.lines());
    };
    let called: Vec<&str> = line.calls.iter().map(|call| &*call.operation).collect();
    assert_eq!((line.effect, called.as_slice()), (effect, operations));
    let named: Vec<&str> = line.targets().into_iter().map(|(arn, _, _)| arn).collect();
    assert_eq!(named, targets);
}

const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111122223333:function:ce-export";

#[test]
fn a_change_becomes_the_calls_that_the_provider_makes_for_it() {
    let queue = json!({ "name": "jobs", "url": null, "tags_all": { "team": "x" } });
    check(
        change("aws_sqs_queue", &["create"], Value::Null, queue),
        Effect::Create,
        &["CreateQueue"],
        &["arn:aws:sqs:eu-central-1:111122223333:jobs"],
    );
    let function = |memory: u32, hash: &str, tags: Value| {
        json!({ "function_name": "ce-export", "arn": FUNCTION, "memory_size": memory,
                "source_code_hash": hash, "tags_all": tags })
    };
    let update =
        |before: Value, after: Value| change("aws_lambda_function", &["update"], before, after);
    let one = json!({ "a": "1" });
    for (after, operations) in [
        (
            function(1024, "h", one.clone()),
            vec!["UpdateFunctionConfiguration"],
        ),
        (function(512, "g", one.clone()), vec!["UpdateFunctionCode"]),
        (function(512, "h", json!({ "a": "2" })), vec!["TagResource"]),
        (function(512, "h", json!({})), vec!["UntagResource"]),
    ] {
        let change = update(function(512, "h", one.clone()), after);
        check(change, Effect::Change, &operations, &[FUNCTION]);
    }
    check(
        change(
            "aws_lambda_function",
            &["delete"],
            function(512, "h", one),
            Value::Null,
        ),
        Effect::Destroy,
        &["DeleteFunction"],
        &[FUNCTION],
    );
}

#[test]
fn a_replacement_is_one_line_with_its_reason_and_both_calls_in_order() {
    let table = |name: &str| json!({ "name": name, "hash_key": "id" });
    let replaced = with(
        change(
            "aws_dynamodb_table",
            &["delete", "create"],
            table("a"),
            table("b"),
        ),
        json!({ "replace_paths": [["name"]] }),
    );
    let plan = preview(json!([replaced]));
    let line = &plan.lines()[0];
    assert_eq!(line.effect, Effect::Replace);
    assert_eq!(line.reversible, Reversible::No);
    assert_eq!(line.because, ["name changes".into()]);
    let called: Vec<&str> = line.calls.iter().map(|call| &*call.operation).collect();
    assert_eq!(called, ["DeleteTable", "CreateTable"]);
    let forcing: Vec<&str> = line
        .properties
        .iter()
        .filter(|property| property.forces_replacement)
        .map(|property| &*property.name)
        .collect();
    assert_eq!(forcing, ["name"]);
}

#[test]
fn an_update_that_loses_something_is_shown_as_a_loss() {
    let group = |days: u32| json!({ "name": "/ce/export", "retention_in_days": days });
    let plan = preview(json!([change(
        "aws_cloudwatch_log_group",
        &["update"],
        group(30),
        group(7)
    )]));
    assert_eq!(plan.lines()[0].effect, Effect::Destroy);
    // The new one has nothing to lose.
    let plan = preview(json!([change(
        "aws_cloudwatch_log_group",
        &["create"],
        Value::Null,
        group(7)
    )]));
    assert_eq!(plan.lines()[0].effect, Effect::Create);
}

#[test]
fn what_the_table_does_not_have_is_shown_as_not_covered() {
    let mut other = change("random_id", &["create"], Value::Null, json!({}));
    other["provider_name"] = json!("registry.terraform.io/hashicorp/random");
    let plan = preview(json!([
        change(
            "aws_quantum_thing",
            &["delete"],
            json!({ "id": "q" }),
            Value::Null
        ),
        other,
    ]));
    let notes: Vec<&str> = plan.lines().iter().map(|line| &*line.note).collect();
    assert!(notes[0].starts_with("not covered"), "{notes:?}");
    assert!(notes[1].starts_with("of another provider"), "{notes:?}");
    assert_eq!(plan.not_covered(), 2);
}

#[test]
fn a_secret_is_in_no_property_and_in_no_digest() {
    let parameter = |value: &str, note: &str| {
        with(
            change(
                "aws_ssm_parameter",
                &["create"],
                Value::Null,
                json!({ "name": "/a", "type": "SecureString", "value": value, "description": note }),
            ),
            json!({ "after_sensitive": { "value": true }, "before_sensitive": false }),
        )
    };
    let plan = preview(json!([parameter("hunter2", "n")]));
    let shown = format!("{plan:?}");
    assert!(
        !shown.contains("hunter2") && shown.contains("(sensitive)"),
        "{shown}"
    );
    let digest = |value, note| read(json!([parameter(value, note)])).digest();
    assert_eq!(digest("hunter2", "n"), digest("hunter3", "n"));
    assert_ne!(digest("hunter2", "n"), digest("hunter2", "m"));
}

#[test]
fn what_was_a_secret_stays_one_when_its_mark_goes() {
    let plan = preview(json!([with(
        change(
            "aws_ssm_parameter",
            &["update"],
            json!({ "name": "/a", "value": "hunter2" }),
            json!({ "name": "/a", "value": "hunter3" }),
        ),
        json!({ "before_sensitive": { "value": true }, "after_sensitive": {} }),
    )]));
    let shown = format!("{plan:?}");
    assert!(!shown.contains("hunter"), "{shown}");
}

#[test]
fn an_identical_plan_made_again_has_the_same_digest_and_a_different_one_has_not() {
    let queue = |name: &str, seconds: u32| {
        let mut change = change(
            "aws_sqs_queue",
            &["create"],
            Value::Null,
            json!({ "name": name, "visibility_timeout_seconds": seconds, "policy": null, "tags": {} }),
        );
        change["address"] = json!(format!("aws_sqs_queue.{name}"));
        change
    };
    let first = read(json!([queue("a", 30), queue("b", 30)])).digest();
    let mut reordered = queue("a", 30);
    reordered["change"]["after"] =
        json!({ "tags": null, "visibility_timeout_seconds": 30, "name": "a" });
    let quiet = change(
        "aws_sns_topic",
        &["no-op"],
        json!({ "name": "t" }),
        json!({ "name": "t" }),
    );
    let again = read(json!([queue("b", 30), quiet, reordered])).digest();
    assert_eq!(first, again);
    let other = read(json!([queue("a", 31), queue("b", 30)])).digest();
    assert_ne!(first.whole, other.whole);
    let same = first
        .changes
        .iter()
        .filter(|change| other.changes.contains(change))
        .count();
    assert_eq!(same, 1, "only the one that differs has another digest");
    // A value that is too long to be shown counts whole.
    let long = |end: &str| {
        let text = format!("{}{end}", "x".repeat(5_000));
        let after = json!({ "name": "a", "policy": text });
        read(json!([change(
            "aws_sqs_queue",
            &["create"],
            Value::Null,
            after
        )]))
        .digest()
    };
    assert_ne!(long("a"), long("b"));
}

#[test]
fn a_role_that_the_plan_makes_is_the_role_that_its_function_is_given() {
    let role = json!({ "address": "aws_iam_role.export", "mode": "managed", "type": "aws_iam_role",
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": { "actions": ["create"], "before": null, "after": { "name": "export", "path": "/" },
                    "after_unknown": { "arn": true } } });
    let mut function = with(
        change(
            "aws_lambda_function",
            &["create"],
            Value::Null,
            json!({ "function_name": "ce-export" }),
        ),
        json!({ "after_unknown": { "role": true, "arn": true } }),
    );
    function["address"] = json!("aws_lambda_function.export");
    let plan = preview(json!([role, function]));
    let function = plan
        .lines()
        .iter()
        .find(|line| &*line.kind == "aws_lambda_function")
        .unwrap();
    let targets: Vec<&str> = function
        .targets()
        .into_iter()
        .map(|(arn, _, _)| arn)
        .collect();
    assert_eq!(targets, [FUNCTION, "arn:aws:iam::111122223333:role/export"]);
}

#[test]
fn data_that_is_read_is_counted_and_what_stays_is_left_out() {
    let data = json!({ "address": "data.aws_ami.x", "mode": "data", "type": "aws_ami", "change": { "actions": ["read"] } });
    let quiet = change(
        "aws_sns_topic",
        &["no-op"],
        json!({ "name": "t" }),
        json!({ "name": "t" }),
    );
    let plan = preview(json!([data, quiet]));
    assert!(plan.lines().is_empty());
    assert_eq!(
        (plan.reads(), plan.conclusion()),
        (1, crate::plan::Conclusion::Nothing)
    );
}

#[test]
fn what_is_no_plan_is_refused_with_what_to_do() {
    let refused = |text: &str| TerraformPlan::read(text.as_bytes()).unwrap_err();
    assert_eq!(
        refused(r#"{"format_version":"1.2","resource_ch"#),
        PlanError::Truncated
    );
    assert_eq!(refused(""), PlanError::Truncated);
    assert_eq!(refused("PK\u{3}\u{4}"), PlanError::Binary);
    assert_eq!(
        refused(r#"{"format_version":"2.0"}"#),
        PlanError::Version("2.0".into())
    );
    assert_eq!(
        refused(r#"{"format_version":"0.2"}"#),
        PlanError::Version("0.2".into())
    );
    assert_eq!(refused("{}"), PlanError::Version(String::new()));
    assert_eq!(
        refused(r#"{"format_version":"1.0","values":{}}"#),
        PlanError::State
    );
    assert!(matches!(refused("not json"), PlanError::Malformed(_)));
    let one = r#"{"address":"aws_sqs_queue.q","change":{"actions":["create"]}}"#;
    let twice = format!(r#"{{"format_version":"1.2","resource_changes":[{one},{one}]}}"#);
    assert_eq!(refused(&twice), PlanError::Twice("aws_sqs_queue.q".into()));
    let odd = change("aws_sqs_queue", &["explode"], Value::Null, json!({}));
    let odd = json!({ "format_version": "1.2", "resource_changes": [odd] });
    assert!(matches!(
        refused(&odd.to_string()),
        PlanError::Actions { .. }
    ));
    for error in [
        PlanError::Truncated,
        PlanError::State,
        PlanError::Version("2".into()),
    ] {
        assert!(!error.help().is_empty());
    }
}

#[test]
fn a_text_nested_to_any_depth_is_refused_or_read_and_never_a_crash() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let beside = format!(r#"{{"format_version":"1.2","resource_changes":[],"x":{deep}}}"#);
    assert!(TerraformPlan::read(beside.as_bytes()).is_ok());
    let inside = change("aws_sqs_queue", &["update"], json!("HERE"), json!({}));
    let inside = json!({ "format_version": "1.2", "resource_changes": [inside] });
    let inside = inside.to_string().replace("\"HERE\"", &deep);
    assert!(TerraformPlan::read(inside.as_bytes()).is_err());
}
