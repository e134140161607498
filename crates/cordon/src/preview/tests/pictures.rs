//! What people and programs see of a change set, of a session and of one call, and how a task is read
//! back: each beside a golden file that was looked at.

use super::*;
use cordon_core::decide::Outcome;
use cordon_core::names::Reference;
use cordon_core::plan::change_set::Document;
use cordon_core::plan::{Evidence, PlannedCall, Property};
use cordon_core::predict::{Prediction, Undo};
use cordon_core::record::{AccessRecord, CallRecord, RecordedOutcome};
use cordon_core::task::{Launch, Task, Written};
use cordon_core::witness::{Says, Witness};
use jiff::Timestamp;

/// So far in the future that whatever was read then was read 0 seconds ago.
const THEN: &str = "2200-01-01T00:00:00Z";

fn then() -> Timestamp {
    THEN.parse().unwrap()
}

/// One change, as `describe-change-set` tells it.
fn resource(action: &str, replacement: &str, [name, id, kind]: [&str; 3], details: Json) -> Json {
    json!({ "Type": "Resource", "ResourceChange": {
        "Action": action, "Replacement": replacement, "LogicalResourceId": name,
        "PhysicalResourceId": id, "ResourceType": kind, "Details": details,
    } })
}

fn detail(name: &str, recreation: &str, before: &str, after: &str) -> Json {
    json!({ "ChangeSource": "DirectModification", "Evaluation": "Static", "Target": {
        "Attribute": "Properties", "Name": name, "RequiresRecreation": recreation,
        "BeforeValue": before, "AfterValue": after,
    } })
}

#[test]
fn every_form_of_a_change_set_shows_what_it_replaces() {
    let stack = "arn:aws:cloudformation:eu-central-1:111122223333:stack/shop/1";
    let table = ["Orders", "shop-orders", "AWS::DynamoDB::Table"];
    let function = ["Export", "ce-export", "AWS::Lambda::Function"];
    let login = ["Login", "shop-login", "AWS::RDS::DBInstance"];
    let set = json!({
        "StackId": stack, "StackName": "shop", "ChangeSetName": "raise",
        "ChangeSetId": "arn:aws:cloudformation:eu-central-1:111122223333:changeSet/raise/2",
        "Changes": [
            resource("Modify", "False", function, json!([detail("MemorySize", "Never", "512", "1024")])),
            resource("Modify", "True", table, json!([detail("KeySchema", "Always", "id", "order")])),
            resource("Modify", "Conditional", login, json!([
                detail("MasterUserPassword", "Never", "hunter2", "hunter3"),
                detail("Engine", "Conditionally", "mysql", "postgres"),
            ])),
            resource("Remove", "", ["Old", "shop-old", "AWS::S3::Bucket"], json!([])),
            resource("Add", "", ["Jobs", "", "AWS::SQS::Queue"], json!([])),
        ],
    });
    let document = Document::read(set.to_string().as_bytes()).unwrap().unwrap();
    let source = Source {
        kind: "change-set",
        name: "raise.json".to_owned(),
        tool: "cloudformation".to_owned(),
        digest: String::new(),
    };
    let planned = |judge: &mut Judge<'_>, _: &Place| {
        let reference = "PLAN".parse().unwrap();
        document.preview(Some((judge, &reference, Timestamp::now())))
    };
    let preview = judged(planned, source);
    let replaced = preview
        .plan
        .lines()
        .iter()
        .filter(|line| line.effect.symbol() == "±");
    let replaced: Vec<&str> = replaced.map(|line| &*line.name).collect();
    assert!(replaced.contains(&"Orders"), "{replaced:?}");
    pictures("change-set", &preview);
    let text = human::text(&preview);
    assert!(!text.contains("hunter"), "{text}");
}

/// A recorded call on one resource.
struct Called {
    service: &'static str,
    operation: &'static str,
    class: &'static str,
    arn: &'static str,
    environment: &'static str,
    outcome: Outcome,
    /// Id and title of what decided.
    policies: &'static [(&'static str, &'static str)],
    needs: &'static [&'static str],
    facts: &'static [&'static str],
    parameters: &'static str,
}

impl Called {
    fn record(&self, number: usize) -> CallRecord {
        let reference: Reference = format!("REF{number}").parse().unwrap();
        let (kind, _) = self.arn.rsplit_once([':', '/']).unwrap();
        let kind = kind.rsplit([':', '/']).next().unwrap();
        let policies = self.policies.iter();
        let boxed = |texts: &[&str]| texts.iter().map(|text| Box::from(*text)).collect();
        CallRecord {
            service: self.service.into(),
            operation: self.operation.into(),
            region: "eu-central-1".into(),
            account: "111122223333".into(),
            class: self.class,
            accesses: vec![AccessRecord {
                action: format!("{}:{}", self.service, self.operation).into(),
                resource: self.arn.into(),
                kind: format!("{}:{kind}", self.service).into(),
                environment: self.environment.into(),
                level: "Write",
                class: self.class,
                implied: false,
            }],
            facts: self.facts.to_vec(),
            outcome: RecordedOutcome::Decided(self.outcome),
            policies: policies
                .map(|(id, title)| ((*id).into(), (*title).into(), "".into()))
                .collect(),
            needs: boxed(self.needs),
            parameters: self.parameters.into(),
            ..CallRecord::of_stray(&reference, then(), "", "", "")
        }
    }
}

const SENIOR: (&str, &str) = (
    "production-change-needs-senior",
    "Changes in production need a senior engineer",
);

fn session() -> Preview {
    let calls = [
        Called {
            service: "lambda",
            operation: "GetFunctionConfiguration",
            class: "observe",
            arn: "arn:aws:lambda:eu-central-1:111122223333:function:ce-export",
            environment: "dev",
            outcome: Outcome::Allow,
            policies: &[],
            needs: &[],
            facts: &[],
            parameters: "{}",
        },
        Called {
            service: "dynamodb",
            operation: "UpdateTable",
            class: "update",
            arn: "arn:aws:dynamodb:eu-central-1:111122223333:table/orders",
            environment: "prod",
            outcome: Outcome::Hold,
            policies: &[SENIOR],
            needs: &["senior"],
            facts: &["stateful"],
            parameters: r#"{"TableName":"orders","DeletionProtectionEnabled":true}"#,
        },
        Called {
            service: "elasticbeanstalk",
            operation: "TerminateEnvironment",
            class: "destroy",
            arn: "arn:aws:elasticbeanstalk:eu-central-1:111122223333:environment/costs/costs-web",
            environment: "prod",
            outcome: Outcome::Deny,
            policies: &[(
                "destroy-needs-named-target",
                "Only what the task created itself, or names under [destroy] or [replace], is destroyed",
            )],
            needs: &[],
            facts: &["stateful"],
            parameters: r#"{"EnvironmentName":"costs-web"}"#,
        },
        Called {
            service: "lambda",
            operation: "UpdateFunctionConfiguration",
            class: "update",
            arn: "arn:aws:lambda:eu-central-1:111122223333:function:ce-export",
            environment: "dev",
            outcome: Outcome::Preview,
            policies: &[(
                "preview-first",
                "Tasks in preview mode record changes instead of making them",
            )],
            needs: &[],
            facts: &[],
            parameters: r#"{"FunctionName":"ce-export","MemorySize":1024}"#,
        },
        Called {
            service: "dynamodb",
            operation: "DeleteTable",
            class: "destroy",
            arn: "arn:aws:dynamodb:eu-central-1:111122223333:table/scratch",
            environment: "prod",
            outcome: Outcome::Hold,
            policies: &[
                SENIOR,
                (
                    "destroy-needs-owner",
                    "Destroying in production also needs the owner",
                ),
            ],
            needs: &["resource-owner", "senior"],
            facts: &["stateful"],
            parameters: r#"{"TableName":"scratch"}"#,
        },
    ];
    let mut plan = Plan::default();
    for (number, call) in calls.iter().enumerate() {
        plan.push_call(PlannedCall::of_record(call.record(number), None));
    }
    // The same change once more is counted.
    plan.push_call(PlannedCall::of_record(calls[3].record(9), None));
    plan.sort();
    Preview {
        plan,
        source: Source {
            kind: "session",
            name: "S-7QK4M2ZD".to_owned(),
            tool: String::new(),
            digest: String::new(),
        },
        task: Some(("T-1042".to_owned(), "Fix rounding in the export".to_owned())),
    }
}

#[test]
fn every_form_of_a_session_shows_what_was_destroyed_held_and_denied() {
    pictures("session", &session());
}

/// One call that waits, with every kind of evidence.
fn instances() -> Preview {
    let called = Called {
        service: "ec2",
        operation: "ModifyInstanceAttribute",
        class: "update",
        arn: "arn:aws:ec2:eu-central-1:111122223333:instance/i-0abc",
        environment: "prod",
        outcome: Outcome::Hold,
        policies: &[SENIOR],
        needs: &["senior"],
        facts: &[],
        parameters: r#"{"InstanceId":"i-0abc","InstanceType":{"Value":"t3.large"}}"#,
    };
    let property = |name: &str, before: Option<&str>, after: Option<&str>, evidence| Property {
        name: name.into(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
        forces_replacement: false,
        observed: before.map(|_| then()),
        evidence,
    };
    let prediction = Prediction {
        properties: vec![
            property(
                "InstanceType",
                Some("t3.micro"),
                Some("t3.large"),
                Evidence::PredictedByRule,
            ),
            property("State", Some("stopped"), None, Evidence::Observed),
            property(
                "PrivateIpAddress",
                Some("10.1.1.7"),
                None,
                Evidence::Unknown,
            ),
        ],
        unchanged: 2,
        undo: Undo::By {
            operation: "ModifyInstanceAttribute".into(),
            parameters: json!({ "InstanceId": "i-0abc", "InstanceType": { "Value": "t3.micro" } }),
        },
        dependents: vec!["vol-0abc".into(), "target group costs-web".into()],
        tags: [
            ("env".into(), "prod".into()),
            ("team".into(), "billing".into()),
        ]
        .into(),
        witness: Some(Witness {
            says: Says::WouldBeRefused,
            why: "You are not authorized to perform this operation.".into(),
            at: then(),
        }),
        ..Prediction::default()
    };
    let mut record = called.record(1);
    record.prediction = Some(Box::new(prediction));
    let mut plan = Plan::default();
    plan.push_call(PlannedCall::of_record(record, None));
    Preview { plan, ..session() }
}

#[test]
fn every_form_of_one_call_says_how_each_line_is_known() {
    let preview = instances();
    pictures("call", &preview);
    let text = plain(&human::text(&preview));
    for evidence in [
        "observed 0 s ago",
        "predicted by rule",
        "native dry run",
        "nobody can say",
    ] {
        assert!(text.contains(evidence), "{evidence}: {text}");
    }
}

#[test]
fn a_narrow_terminal_shows_all_of_it_and_what_is_copied_stays_whole() {
    let text = human::text(&instances());
    let narrow = human::fitted(&text, Some(60));
    golden("call-narrow.txt", &plain(&narrow));
    for line in plain(&narrow).lines() {
        let copied = ["$ ", "undo $ ", "credentials for "];
        let is_copied = copied.iter().any(|it| line.trim_start().starts_with(it));
        let is_word = !line.trim().contains(' ');
        assert!(line.chars().count() <= 60 || is_copied || is_word, "{line}");
    }
    let words = |text: &str| {
        plain(text)
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(words(&narrow), words(&text), "nothing is lost");
    for width in [None, Some(1_000)] {
        assert_eq!(human::fitted(&text, width), text);
    }
    // However narrow it is.
    assert_eq!(words(&human::fitted(&text, Some(1))), words(&text));
}

fn task(text: &str) -> Task {
    let policies = Bundle::baseline().load().unwrap();
    let launch = Launch {
        id: "T-1042".parse().unwrap(),
        sponsor: "mia@example.com".parse().unwrap(),
        at: "2026-11-26T09:00:00Z".parse().unwrap(),
        mode: None,
        expires: None,
    };
    let written = Written::parse("task.toml", text).unwrap();
    Task::compile(&written, &policies, launch).unwrap()
}

#[test]
fn a_task_is_read_back_and_compared_in_words_that_were_reviewed() {
    let start = include_str!("../../../../../examples/start.toml");
    let before = task(start);
    let text = before.explain();
    // What follows names the policies of the day.
    let (words, _) = text.split_once("Inside the ceiling").unwrap();
    golden("explain.txt", words);
    let wider = start
        .replace("[replace]", "[replace]\n\"arn:aws:lambda:eu-central-1:111122223333:function:ce-export\" = [\"lambda:DeleteFunction\", \"lambda:CreateFunction\"]")
        .replace("mutations  = 4", "mutations  = 6")
        .replace("creates    = 0", "creates    = 1")
        .replace("destroys   = 0", "destroys   = 1")
        .replace("max = 2048", "max = 4096");
    let differences = before.differences(&task(&wider));
    let lines = differences.iter().map(|it| {
        let sign = if it.added { "+" } else { "-" };
        format!("{sign} {}\n", it.text)
    });
    golden("diff.txt", &lines.collect::<String>());
}
