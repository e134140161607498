//! What a task may say, what it must not, and what it is frozen to.

use super::*;
use crate::testing::{actions, baseline, baseline_files};

const TASK: &str = r#"schema = "cordon.task/v1"
title = "Fix rounding"
ticket = "CE-381"
team = "billing-console"
ttl = "8h"
[where]
accounts = ["111122223333"]
regions = ["cn-north-1"]
environments = ["dev", "prod"]
[[allow]]
do = ["observe"]
[[allow]]
do = ["lambda:Update*", "elasticbeanstalk/update"]
on = ["arn:aws-cn:lambda:cn-north-1:111122223333:function:ce-*", "own"]
environments = ["dev"]
[[allow]]
do = ["lambda:DeleteFunction"]
on = ["own"]
[destroy]
"arn:aws-cn:lambda:cn-north-1:111122223333:function:scratch" = ["lambda:DeleteFunction"]
[budget]
mutations = 10
destroys = 1
per_minute = 6
"#;

fn launch() -> Launch {
    Launch {
        id: "T-1".parse().unwrap(),
        sponsor: "mei".parse().unwrap(),
        at: "2026-08-24T09:00:00Z".parse().unwrap(),
        mode: None,
        expires: None,
    }
}

fn compile(text: &str) -> Result<Task, Faults> {
    Task::read("task.toml", text, &baseline(), launch())
}

fn task() -> Task {
    compile(TASK).unwrap_or_else(|faults| panic!("{faults}"))
}

/// One change of the task above must be refused at a line, in words.
fn check(from: &str, to: &str, line: u32, expected: &str) {
    assert!(TASK.contains(from), "the task no longer has {from}");
    let faults = match compile(&TASK.replacen(from, to, 1)) {
        Ok(_) => panic!("`{to}` was accepted"),
        Err(faults) => faults,
    };
    let found = faults
        .iter()
        .any(|fault| fault.line == line && fault.to_string().contains(expected));
    assert!(found, "expected line {line}: {expected}\nfound\n{faults}");
}

#[test]
fn destruction_is_never_allowed_by_class_wildcard_or_pattern() {
    check(
        "\"observe\"",
        "\"destroy\"",
        11,
        "under `[destroy]` with its exact ARN",
    );
    check("\"observe\"", "\"*\"", 11, "would allow everything");
    check(
        "\"observe\"",
        "\"lambda/destroy\"",
        11,
        "cannot be allowed as a class",
    );
    check(
        "\"observe\"",
        "\"identity\"",
        11,
        "name each action exactly",
    );
    check("\"observe\"", "\"weaken\"", 11, "name each action exactly");
    check(
        "\"lambda:Update*\"",
        "\"lambda:DeleteFunction\"",
        13,
        "must name one resource",
    );
    check(
        "on = [\"own\"]",
        "on = [\"own\", \"arn:aws-cn:lambda:cn-north-1:111122223333:function:x\"]",
        17,
        "must name one resource",
    );
    check(
        "function:scratch\" =",
        "function:scratch-*\" =",
        20,
        "more than one resource",
    );
    check(
        "function:scratch\" =",
        "function:scratch?\" =",
        20,
        "more than one resource",
    );
    check(
        "[\"lambda:DeleteFunction\"]\n[budget]",
        "[\"lambda:*\"]\n[budget]",
        20,
        "name each action exactly",
    );
    check(
        "[\"lambda:DeleteFunction\"]\n[budget]",
        "[\"lambda:UpdateFunctionCode\"]\n[budget]",
        20,
        "does not destroy",
    );
}

#[test]
fn a_wildcard_leaves_what_is_dangerous_out_and_says_so() {
    let task = TASK
        .replace("lambda:Update*", "lambda:*")
        .replace("destroys = 1", "destroys = 1\ncreates = 1");
    let task = compile(&task).unwrap();
    assert!(task.scope_for("lambda:AddPermission").is_none());
    let deletes = task.scope_for("lambda:DeleteFunction").unwrap();
    assert!(deletes.policies().all(|policy| {
        let id: &str = policy.id().as_ref();
        id != "T-1/allow-1.0"
    }));
    assert!(
        task.notes()
            .iter()
            .any(|note| note.contains("leaves lambda:AddPermission and 1 more out")),
        "{:?}",
        task.notes()
    );
}

#[test]
fn an_action_that_came_after_the_launch_is_in_no_task() {
    let task = task();
    assert!(task.scope_for("lambda:UpdateEverything").is_none());
    assert!(task.scope_for("lambda:updatefunctioncode").is_none());
    assert!(task.scope_for("lambda:UpdateFunctionCode").is_some());
}

#[test]
fn changes_need_resources_and_environments() {
    check(
        "on = [\"arn:aws-cn:lambda:cn-north-1:111122223333:function:ce-*\", \"own\"]\n",
        "",
        12,
        "needs `on`",
    );
    check(
        "environments = [\"dev\", \"prod\"]\n",
        "",
        11,
        "[where] declares none",
    );
    check("\"observe\"", "\"data\"", 10, "needs `on`");
}

#[test]
fn everything_lies_within_where() {
    check(
        "function:ce-*",
        "function:ce-*\", \"arn:aws-cn:lambda:cn-north-1:999988887777:function:x",
        14,
        "`999988887777` is not in [where]",
    );
    check(
        "function:ce-*",
        "function:ce-*\", \"arn:aws-cn:lambda:cn-northwest-1:111122223333:function:x",
        14,
        "`cn-northwest-1` is not in [where]",
    );
    check(
        "function:ce-*",
        "function:ce-*\", \"arn:aws:lambda:cn-north-1:111122223333:function:x",
        14,
        "partition `aws`",
    );
    check(
        "environments = [\"dev\"]\n",
        "environments = [\"staging\"]\n",
        15,
        "not in [where]",
    );
    check(
        "111122223333:function:scratch",
        "999988887777:function:scratch",
        20,
        "not in [where]",
    );
    check(
        "[\"cn-north-1\"]",
        "[\"cn-north-1\", \"eu-west-1\"]",
        8,
        "one task for each partition",
    );
}

#[test]
fn names_are_known_or_suggested() {
    check(
        "\"dev\", \"prod\"",
        "\"dev\", \"prd\"",
        9,
        "did you mean `prod`?",
    );
    check(
        "lambda:Update*",
        "lambda:UpdateFunctionCod",
        13,
        "did you mean `lambda:UpdateFunctionCode`?",
    );
    check(
        "lambda:Update*",
        "lamda:UpdateFunctionCode",
        13,
        "did you mean `lambda`?",
    );
    check("lambda:Update*", "lambda:Upgrade*", 13, "matches no action");
    check(
        "elasticbeanstalk/update",
        "elasticbeanstalc/update",
        13,
        "did you mean `elasticbeanstalk`?",
    );
    check("\"observe\"", "\"obsrve\"", 11, "did you mean `observe`?");
    check("ticket =", "tiket =", 3, "did you mean `ticket`?");
    check(
        "ttl = \"8h\"",
        "ttl = \"8h\"\nmode = \"livee\"",
        6,
        "did you mean `live`?",
    );
}

#[test]
fn what_this_version_cannot_resolve_is_refused() {
    for selector in ["stack:web", "tf:aws_lambda_function.x", "tag:env=dev"] {
        check(
            "\"own\"]\nenv",
            &format!("\"{selector}\"]\nenv"),
            14,
            "resolved at launch",
        );
    }
}

#[test]
fn patterns_have_one_special_character_and_name_a_service() {
    for (pattern, expected) in [
        (
            "arn:aws-cn:*:cn-north-1:111122223333:x",
            "leaves the partition or the service open",
        ),
        (
            "arn:*:lambda:cn-north-1:111122223333:x",
            "leaves the partition or the service open",
        ),
        (
            "arn:aws-cn:lambda:cn-north-1:111122223333:f?",
            "no ARN needs",
        ),
        ("arn:aws-cn:lambda:cn-north-1", "is not an ARN pattern"),
        ("function:ce-*", "is not an ARN pattern"),
    ] {
        check(
            "\"own\"]\nenv",
            &format!("\"{pattern}\"]\nenv"),
            14,
            expected,
        );
    }
    check(
        "\"own\"]\nenv",
        "'arn:aws-cn:lambda:cn-north-1:111122223333:a\" || true || \"'] \nenv",
        14,
        "no ARN needs",
    );
}

#[test]
fn budgets_and_lives_are_bounded() {
    check(
        "mutations = 10",
        "mutations = 0",
        21,
        "budget of `mutations` is zero",
    );
    check(
        "destroys = 1",
        "destroys = 0",
        21,
        "budget of `destroys` is zero",
    );
    check(
        "mutations = 10",
        "mutations = 1001",
        22,
        "above the ceiling of 1000",
    );
    check(
        "ttl = \"8h\"",
        "ttl = \"25h\"",
        5,
        "longer than 1440 minutes",
    );
    check("ttl = \"8h\"", "ttl = \"soon\"", 5, "is not a duration");
}

#[test]
fn text_is_one_visible_line() {
    check(
        "Fix rounding",
        "Fix\u{202e}rounding",
        2,
        "invisible characters",
    );
    check("\"Fix rounding\"", "\"Fix\\nrounding\"", 2, "not one line");
    check("\"Fix rounding\"", "\" \"", 2, "the text is empty");
}

#[test]
fn a_task_above_the_ceiling_does_not_start() {
    let above = TASK
        .replace("\"lambda:Update*\"", "\"lambda:Update*\", \"iam:PassRole\"")
        .replace(
            "\"own\"]\nenv",
            "\"arn:aws-cn:iam::111122223333:role/ce\"]\nenv",
        );
    let faults = compile(&above).unwrap_err();
    let text = faults.to_string();
    assert!(
        text.contains("`iam:PassRole` is above the ceiling of team `billing-console`"),
        "{text}"
    );

    // The same text is still there to be shown after the ceiling was lowered.
    let written = Written::parse("task.toml", &above).unwrap();
    assert!(Task::restore(&written, &baseline(), launch()).is_ok());
}

#[test]
fn a_narrower_ceiling_holds_patterns_and_environments() {
    let mut files = baseline_files();
    for file in &mut files {
        if file.name == "20-ceiling.cedar" {
            file.text = "@id(\"reads\") @title(\"t\") permit (principal, action in AWS::Action::\"class:observe\", resource);
                @id(\"some\") @title(\"t\") permit (principal in Cordon::Team::\"billing-console\", action in AWS::Action::\"class:mutate\", resource in AWS::Environment::\"dev\")
                when { resource.arn like \"arn:aws-cn:lambda:*:function:ce-a*\" || resource.arn like \"*:function:scratch\" };".to_owned();
        }
    }
    let policies =
        Policies::load("p", &files, actions()).unwrap_or_else(|faults| panic!("{faults}"));
    let narrow = TASK
        .replace("[\"dev\", \"prod\"]", "[\"dev\"]")
        .replace(", \"own\"]\nenv", "]\nenv")
        .replace("[[allow]]\ndo = [\"lambda:DeleteFunction\"]\non = [\"own\"]\n", "")
        .replace("[destroy]\n\"arn:aws-cn:lambda:cn-north-1:111122223333:function:scratch\" = [\"lambda:DeleteFunction\"]\n", "");
    let faults_of = |text: &str| {
        let written = Written::parse("task.toml", text).unwrap_or_else(|faults| panic!("{faults}"));
        Task::compile(&written, &policies, launch())
            .err()
            .map(|faults| faults.to_string())
    };
    assert!(
        faults_of(&narrow).unwrap().contains("above the ceiling"),
        "ce-* is wider than ce-a*"
    );
    assert_eq!(
        faults_of(&narrow.replace("function:ce-*", "function:ce-a-*")),
        None
    );
    let other_team = narrow
        .replace("function:ce-*", "function:ce-a-*")
        .replace("billing-console", "other");
    assert!(
        faults_of(&other_team)
            .unwrap()
            .contains("above the ceiling of team `other`")
    );
}

#[test]
fn all_faults_are_found_in_one_reading() {
    let text = TASK
        .replace("cordon.task/v1", "cordon.task/v2")
        .replace("\"observe\"", "\"destroy\"")
        .replace("function:scratch", "function:*")
        .replace("per_minute", "per_minut");
    let faults = Written::parse("task.toml", &text).unwrap_err();
    let lines: Vec<u32> = faults.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [1, 11, 20, 24], "{faults}");
}

/// The lines of all faults that a text has.
fn lines(text: &str) -> Vec<u32> {
    let Err(faults) = compile(text) else {
        return Vec::new();
    };
    faults.iter().map(|fault| fault.line).collect()
}

#[test]
fn faults_of_reading_do_not_hide_those_of_compiling() {
    let text = TASK
        .replace("ttl = \"8h\"", "ttl = \"soon\"")
        .replace("\"observe\"", "\"observe\", \"s3:GetBuckets\"")
        .replace(
            "function:ce-*",
            "function:ce-*\", \"arn:aws:lambda:cn-north-1::function:x",
        )
        .replace("environments = [\"dev\"]", "environments = [\"staging\"]")
        .replace("\"lambda:DeleteFunction\"]\non", "\"lambda:Remove*\"]\non")
        .replace(
            "[\"lambda:DeleteFunction\"]\n[budget]",
            "[\"iam:PassRole\"]\n[budget]",
        )
        .replace("per_minute", "per_minut");
    assert_eq!(lines(&text), [5, 11, 14, 15, 17, 20, 20, 24]);
    // Without the faults of reading, the others are the same.
    let read = text
        .replace("soon", "8h")
        .replace("per_minut", "per_minute");
    assert_eq!(lines(&read), [11, 14, 15, 17, 20, 20]);
}

#[test]
fn what_could_not_be_read_is_blamed_once() {
    for (from, to, line) in [
        ("team = \"billing-console\"", "team = \"b c\"", 4),
        ("team = \"billing-console\"", "team = 7", 4),
        ("ttl = \"8h\"", "ttl = \"soon\"", 5),
        ("[\"111122223333\"]", "[\"1111\"]", 7),
        ("[\"cn-north-1\"]", "[\"cn north\"]", 8),
        ("[\"dev\", \"prod\"]", "[\"d e v\"]", 9),
        (
            "environments = [\"dev\", \"prod\"]",
            "environment = [\"dev\"]",
            9,
        ),
        ("\"own\"]\nenv", "\"owned\"]\nenv", 14),
        ("on = [\"own\"]", "onn = [\"own\"]", 18),
        ("on = [\"own\"]", "on = \"own\"", 18),
        ("mutations = 10", "mutations = -1", 22),
        ("mutations = 10", "mutation = 10", 22),
        ("[budget]", "[budgets]", 21),
    ] {
        assert!(TASK.contains(from), "the task no longer has {from}");
        let text = TASK.replacen(from, to, 1);
        let faults = compile(&text).unwrap_err();
        assert_eq!(lines(&text), [line], "{to}:\n{faults}");
    }
}

#[test]
fn text_that_is_no_task_is_a_fault_and_no_crash() {
    for text in [
        "",
        "=",
        "schema = 1",
        "allow = 1",
        "[where]\naccounts = [1]",
        "[[allow]]\ndo = {}",
        "[destroy]\nx = 1",
    ] {
        assert!(Written::parse("task.toml", text).is_err(), "{text}");
        assert!(compile(text).is_err(), "{text}");
    }
}

#[test]
fn compiling_is_a_function_of_text_policies_and_launch() {
    let (first, second) = (task(), task());
    assert_eq!(first.scope_digest(), second.scope_digest());
    assert_eq!(first.lock(), second.lock());
    for (from, to) in [
        ("ce-*", "ce-a*"),
        ("mutations = 10", "mutations = 11"),
        ("8h", "7h"),
        ("\"dev\", \"prod\"", "\"dev\""),
    ] {
        let other = compile(&TASK.replace(from, to)).unwrap();
        assert_ne!(first.scope_digest(), other.scope_digest(), "{from}");
    }
}

#[test]
fn the_lock_is_toml_and_names_every_action() {
    let lock = task().lock();
    let parsed: toml::Table = lock.parse().unwrap();
    let allow = parsed["allow"].as_array().unwrap();
    let named = allow[1]["actions"].as_array().unwrap();
    let named: Vec<&str> = named.iter().filter_map(toml::Value::as_str).collect();
    assert_eq!(
        named,
        [
            "elasticbeanstalk:UpdateEnvironment",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration"
        ]
    );
}

#[test]
fn the_read_back_says_it_all() {
    assert_eq!(
        task().explain().lines().take(17).collect::<Vec<_>>().join("\n"),
        "\
T-1  Fix rounding
may, until 2026-08-24 17:00 UTC, in account 111122223333, cn-north-1 (aws-cn):
  read     configuration (no object bodies, no secret values)
           on anything
  change   elasticbeanstalk/update (1 action), lambda:UpdateFunctionCode, lambda:UpdateFunctionConfiguration
           on what it creates itself, arn:aws-cn:lambda:cn-north-1:111122223333:function:ce-*
           in dev
  delete   lambda:DeleteFunction
           on what it creates itself
  delete   arn:aws-cn:lambda:cn-north-1:111122223333:function:scratch
           by lambda:DeleteFunction
  never    delete or recreate anything else, touch permissions, switch off safeguards
  at most 10 changes, 0 creations, 1 deletion, 6 a minute
Mode preview: changes are recorded, not made.
Inside the ceiling of billing-console, policies "
            .to_owned()
            + explain::short(baseline().version())
            + ".\nScope "
            + task().scope_digest()
    );
}

/// The permits are written for people and machines alike, so their form is settled.
#[test]
fn the_permits_are_valid_against_the_schema() {
    let task = task();
    let policies: PolicySet = task.cedar().parse().unwrap();
    assert_eq!(policies.policies().count(), 5);
    let faults = crate::policy::validate_scope(&baseline_files(), &actions(), &policies);
    assert_eq!(faults, Vec::<String>::new(), "{}", task.cedar());
}
