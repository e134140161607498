//! What an amendment may say, what it never does, and what the smallest one for a denied call is.

use super::*;
use crate::fault::Faults;
use crate::task::{Launch, Task};
use crate::testing::baseline;

const TASK: &str = r#"schema = "cordon.task/v1"
title = "Fix rounding"     # what a person wrote stays as it is
team = "billing-console"
ttl = "8h"
[where]
accounts = ["111122223333"]
regions = ["eu-central-1"]
environments = ["dev"]
[[allow]]
do = ["observe"]
[[allow]]
do = ["lambda:UpdateFunctionCode"]
on = ["arn:aws:lambda:eu-central-1:111122223333:function:ce-*"]
[destroy]
"arn:aws:lambda:eu-central-1:111122223333:function:scratch" = ["lambda:DeleteFunction"]
[budget]
mutations = 2
destroys = 1
"#;

const EXPORT: &str = "arn:aws:lambda:eu-central-1:111122223333:function:ce-export";
const OTHER: &str = "arn:aws:lambda:eu-central-1:111122223333:function:other";
const SCRATCH: &str = "arn:aws:lambda:eu-central-1:111122223333:function:scratch";

fn compile(text: &str) -> Result<Task, Faults> {
    let launch = Launch {
        id: "T-1".parse().unwrap(),
        sponsor: "mei".parse().unwrap(),
        at: "2026-08-24T09:00:00Z".parse().unwrap(),
        mode: None,
        expires: None,
    };
    Task::read("task.toml", text, &baseline(), launch)
}

fn task() -> Task {
    compile(TASK).unwrap_or_else(|faults| panic!("{faults}"))
}

fn amended(addition: &Addition) -> Result<Task, Faults> {
    compile(&addition.onto(TASK, &"A-1".parse().unwrap()))
}

/// What the amended task has that the task has not, and nothing the other way round.
fn added(addition: &Addition) -> Vec<String> {
    let amended = amended(addition).unwrap_or_else(|faults| panic!("{faults}"));
    assert_ne!(amended.scope_digest(), task().scope_digest());
    let differences = task().differences(&amended);
    let lines = differences.into_iter();
    lines.filter(|it| it.added).map(|it| it.text).collect()
}

fn access(action: &str, class: Class, resource: &str) -> AccessRecord {
    AccessRecord {
        action: action.into(),
        resource: resource.into(),
        kind: "lambda:function".into(),
        environment: "dev".into(),
        level: "Write",
        class: class.as_str(),
        implied: false,
    }
}

/// A call that these policies denied; none of them where it was out of scope.
fn denied(policies: &[&str], accesses: Vec<AccessRecord>) -> CallRecord {
    let mutations = u32::from(accesses.iter().any(AccessRecord::mutates));
    let of = |class: Class| {
        let alike = accesses.iter().filter(|it| it.class == class.as_str());
        u32::try_from(alike.count()).unwrap()
    };
    let policies = policies.iter();
    CallRecord {
        reference: "R1".into(),
        at: jiff::Timestamp::UNIX_EPOCH,
        task: "T-1".into(),
        session: "S-1".into(),
        agent: "kiro".into(),
        sponsor: "mei".into(),
        ingress: "connect",
        service: "lambda".into(),
        operation: "PublishVersion".into(),
        protocol: "rest-json",
        partition: "aws".into(),
        region: "eu-central-1".into(),
        account: "111122223333".into(),
        class: "update",
        facts: Vec::new(),
        outcome: RecordedOutcome::Decided(Outcome::Deny),
        policies: policies
            .map(|id| ((*id).into(), "a title".into(), "".into()))
            .collect(),
        needs: Vec::new(),
        checks: Vec::new(),
        rests: Vec::new(),
        hold: None,
        held_as: None,
        code: "".into(),
        message: "".into(),
        digest: "sha256:00".into(),
        policy_version: "p".into(),
        catalog_version: "c".into(),
        parameters: r#"{"FunctionName":"ce-export","MemorySize":1024}"#.into(),
        prediction: None,
        mutates: mutations > 0,
        creates: Vec::new(),
        destroys: Vec::new(),
        cost: Used {
            mutations,
            creates: of(Class::Create),
            destroys: of(Class::Destroy),
        },
        accesses,
    }
}

fn smallest(record: &CallRecord) -> Result<Addition, Unamendable> {
    Addition::for_call(&task(), record, Used::default())
}

#[test]
fn an_amendment_says_nothing_but_what_is_added() {
    for (text, key) in [
        ("mode = \"live\"", "mode"),
        ("ttl = \"9h\"", "ttl"),
        ("team = \"other\"", "team"),
        ("[approvals]\nextra = []", "approvals"),
        ("[where]\naccounts = [\"444455556666\"]", "accounts"),
        ("[[amendment]]\nid = \"A-9\"", "amendment"),
        ("id = \"A-9\"", "id"),
    ] {
        let refused = Addition::parse(text);
        assert_eq!(refused, Err(AdditionError::Unknown(key.to_owned())));
    }
    for text in ["", "# nothing", "allow = []", "[where]\nregions = []"] {
        assert_eq!(Addition::parse(text), Err(AdditionError::Nothing), "{text}");
    }
    let long = "#".repeat(Addition::LONGEST + 1);
    assert_eq!(Addition::parse(&long), Err(AdditionError::TooLong));
    assert!(matches!(
        Addition::parse("allow = \u{202e}"),
        Err(AdditionError::NotToml(_))
    ));
}

#[test]
fn what_a_task_must_not_say_no_amendment_says_either() {
    for (text, expected) in [
        (
            "[[allow]]\ndo = [\"destroy\"]\non = [\"*\"]",
            "cannot be allowed as a class",
        ),
        (
            "[[allow]]\ndo = [\"lambda:DeleteFunction\"]\non = [\"arn:aws:lambda:eu-central-1:111122223333:function:*\"]",
            "must name one resource",
        ),
        (
            "[destroy]\n\"arn:aws:lambda:eu-central-1:111122223333:function:*\" = [\"lambda:DeleteFunction\"]",
            "more than one resource",
        ),
        (
            "[[allow]]\ndo = [\"iam:PassRole\"]\non = [\"arn:aws:iam::111122223333:role/deploy\"]",
            "ceiling",
        ),
        ("[budget]\nmutations = 4294967295", "ceiling"),
        ("[budget]\nmutations = -5", ""),
        ("[where]\nregions = [\"cn-north-1\"]", "partition"),
        ("[where]\nenvironments = [\"prdo\"]", "environment map"),
        ("[[allow]]\ndo = [\"observe\"]\nonly = 1", "unknown key"),
    ] {
        let addition = Addition::parse(text).unwrap();
        match amended(&addition) {
            Ok(_) => panic!("{text} was taken"),
            Err(faults) => assert!(faults.to_string().contains(expected), "{text}: {faults}"),
        }
    }
}

#[test]
fn what_was_launched_stays_word_by_word_and_only_more_is_allowed() {
    let addition = Addition::parse(
        "[where]\nenvironments = [\"prod\"]\n[budget]\nmutations = 3\nper_minute = 1\n[destroy]\n\
         \"arn:aws:lambda:eu-central-1:111122223333:function:scratch\" = [\"elasticbeanstalk:TerminateEnvironment\"]\n",
    )
    .unwrap();
    let text = addition.onto(TASK, &"A-1".parse().unwrap());
    assert!(text.starts_with(TASK));
    assert_eq!(
        added(&addition),
        [
            format!("delete {SCRATCH} by elasticbeanstalk:TerminateEnvironment"),
            "in environment prod".to_owned(),
            "at most 3 changes a minute".to_owned(),
            "at most 5 changes".to_owned(),
        ]
    );
    let once = compile(&text).unwrap();
    let twice = addition.onto(&text, &"A-2".parse().unwrap());
    let twice = compile(&twice).unwrap();
    assert_eq!(twice.budget().mutations, 8);
    assert_eq!(once.amendments().len(), 1);
    assert!(
        twice
            .explain()
            .contains("Amended since its launch by A-1, A-2."),
        "{}",
        twice.explain()
    );
    assert!(!same_scope(&once.lock(), &twice.lock()));
    assert!(same_scope(&once.lock(), &once.lock()));
    // A rewritten text is the same addition.
    assert_eq!(Addition::parse(&addition.text()), Ok(addition));
}

#[test]
fn the_smallest_change_names_exactly_what_was_denied() {
    let publish = access("lambda:PublishVersion", Class::Create, EXPORT);
    let code = access("lambda:UpdateFunctionCode", Class::Update, EXPORT);
    let addition = smallest(&denied(&[], vec![publish, code])).unwrap();
    assert_eq!(
        addition.text(),
        format!(
            "[[allow]]\ndo = [\"lambda:PublishVersion\"]\non = [\"{EXPORT}\"]\n\n[budget]\ncreates = 1\n"
        )
    );
    assert_eq!(
        added(&addition),
        [
            format!("allow lambda:PublishVersion on {EXPORT}"),
            "at most 1 creation".to_owned(),
        ]
    );
}

#[test]
fn what_destroys_is_named_line_by_line() {
    let gone = |arn| access("lambda:DeleteFunction", Class::Destroy, arn);
    let call = denied(
        &["destroy-needs-named-target", "budget-spent"],
        vec![gone(EXPORT), gone(OTHER), gone(SCRATCH)],
    );
    let addition = smallest(&call).unwrap();
    assert_eq!(
        added(&addition),
        [
            format!("delete {EXPORT} by lambda:DeleteFunction"),
            format!("delete {OTHER} by lambda:DeleteFunction"),
            "at most 3 deletions".to_owned(),
        ]
    );
    // What destroys by what it carries has its line where any action may be.
    let scaled = access("lambda:UpdateFunctionCode", Class::Destroy, EXPORT);
    let addition = smallest(&denied(&["destroy-needs-named-target"], vec![scaled])).unwrap();
    assert_eq!(
        added(&addition),
        [format!("replace {EXPORT} by lambda:UpdateFunctionCode")]
    );
    let anew = access("lambda:UpdateFunctionCode", Class::Update, EXPORT);
    let addition = smallest(&denied(&["no-delete-and-recreate"], vec![anew])).unwrap();
    assert_eq!(
        added(&addition),
        [format!("replace {EXPORT} by lambda:UpdateFunctionCode")]
    );
}

#[test]
fn a_name_that_an_agent_chose_never_stands_for_others() {
    for name in [
        "*",
        "ce-*",
        "a?",
        "a\"]\non = [\"own",
        "a\\",
        "${x}",
        "a\nb",
    ] {
        let arn = format!("arn:aws:lambda:eu-central-1:111122223333:function:{name}");
        for (class, action) in [
            (Class::Update, "lambda:UpdateFunctionConfiguration"),
            (Class::Destroy, "lambda:DeleteFunction"),
        ] {
            let refused = smallest(&denied(&[], vec![access(action, class, &arn)]));
            assert!(matches!(refused, Err(Unamendable::Open(_))), "{refused:?}");
        }
    }
}

#[test]
fn what_no_task_can_lift_has_no_amendment() {
    let call = |policies: &[&str]| {
        denied(
            policies,
            vec![access("lambda:UpdateFunctionCode", Class::Update, EXPORT)],
        )
    };
    for id in [
        "safeguards-stay-on",
        "no-credentials",
        "task-expired",
        "unidentified-call",
        "of-the-team",
    ] {
        let refused = smallest(&call(&["undeclared-environment", id]));
        assert_eq!(
            refused,
            Err(Unamendable::Guardrail("a title".into())),
            "{id}"
        );
    }
    assert_eq!(smallest(&call(&[])), Err(Unamendable::Covered));
    assert_eq!(
        smallest(&call(&["too-many-changes-a-minute"])),
        Err(Unamendable::TooSoon)
    );
    for (outcome, why) in [
        (RecordedOutcome::Rejected, Unamendable::NotIdentified),
        (
            RecordedOutcome::Decided(Outcome::Hold),
            Unamendable::NotDenied,
        ),
        (
            RecordedOutcome::Decided(Outcome::Preview),
            Unamendable::NotDenied,
        ),
        (
            RecordedOutcome::Decided(Outcome::Allow),
            Unamendable::NotDenied,
        ),
    ] {
        let call = CallRecord {
            outcome,
            ..call(&[])
        };
        assert_eq!(smallest(&call), Err(why));
    }
}

#[test]
fn a_place_is_added_where_it_is_known() {
    let in_environment = |name: &str| {
        let mut access = access("lambda:UpdateFunctionCode", Class::Update, EXPORT);
        access.environment = name.into();
        smallest(&denied(&["undeclared-environment"], vec![access]))
    };
    assert_eq!(
        added(&in_environment("prod").unwrap()),
        ["in environment prod"]
    );
    assert!(matches!(
        in_environment("unclassified"),
        Err(Unamendable::Unclassified(_))
    ));
    let at = |arn: &str| {
        let access = access("lambda:GetFunctionConfiguration", Class::Observe, arn);
        smallest(&denied(&["outside-declared-location"], vec![access]))
    };
    let elsewhere = EXPORT.replace("eu-central-1", "eu-west-1");
    assert_eq!(added(&at(&elsewhere).unwrap()), ["in region eu-west-1"]);
    let of_others = EXPORT.replace("111122223333", "444455556666");
    assert_eq!(
        at(&of_others),
        Err(Unamendable::OtherAccount("444455556666".into()))
    );
}

#[test]
fn a_spent_budget_is_asked_for_what_is_missing() {
    let call = denied(
        &["budget-spent"],
        vec![access("lambda:UpdateFunctionCode", Class::Update, EXPORT)],
    );
    let used = Used {
        mutations: 2,
        ..Used::default()
    };
    let addition = Addition::for_call(&task(), &call, used).unwrap();
    assert_eq!(addition.text(), "[budget]\nmutations = 1\n");
    assert_eq!(
        added(&addition),
        ["at most 3 changes", "at most 3 changes a minute"]
    );
}

#[test]
fn other_parameters_are_asked_for_by_name() {
    let call = denied(
        &["outside-parameters"],
        vec![access(
            "lambda:UpdateFunctionConfiguration",
            Class::Update,
            EXPORT,
        )],
    );
    assert_eq!(
        added(&smallest(&call).unwrap()),
        [format!(
            "allow lambda:UpdateFunctionConfiguration on {EXPORT} only with FunctionName, MemorySize"
        )]
    );
}
