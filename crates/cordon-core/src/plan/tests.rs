use super::*;
use crate::decide::Outcome;
use crate::record::{AccessRecord, CallRecord};

fn record(operation: &str, class: &'static str, outcome: Outcome) -> CallRecord {
    let reference = "REF1".parse().unwrap();
    let at = "2026-11-25T09:00:00Z".parse().unwrap();
    CallRecord {
        service: "lambda".into(),
        operation: operation.into(),
        class,
        accesses: vec![AccessRecord {
            action: format!("lambda:{operation}").into(),
            resource: "arn:aws:lambda:eu-central-1:111122223333:function:ce-export".into(),
            kind: "lambda:function".into(),
            environment: "dev".into(),
            level: "Write",
            class,
            implied: false,
        }],
        facts: Vec::new(),
        outcome: RecordedOutcome::Decided(outcome),
        ..CallRecord::of_stray(&reference, at, "", "", "")
    }
}

fn plan(records: &[CallRecord]) -> Plan {
    let mut plan = Plan::default();
    for record in records {
        plan.push_call(PlannedCall::of_record(record.clone(), None));
    }
    plan.sort();
    plan
}

fn effects(plan: &Plan) -> Vec<&'static str> {
    plan.lines()
        .iter()
        .map(|line| line.effect.symbol())
        .collect()
}

#[test]
fn what_harms_most_comes_first_and_reads_are_only_counted() {
    let mut replaces = record("UpdateFunctionCode", "update", Outcome::Deny);
    replaces.facts = vec!["replaces-resource"];
    let plan = plan(&[
        record("GetFunctionConfiguration", "observe", Outcome::Allow),
        record("CreateFunction", "create", Outcome::Allow),
        record("UpdateFunctionConfiguration", "update", Outcome::Allow),
        record("StopX", "disrupt", Outcome::Allow),
        replaces,
        record("DeleteFunction", "destroy", Outcome::Allow),
        record("GetFunction", "data", Outcome::Allow),
    ]);
    assert_eq!(effects(&plan), ["-", "±", "!", "~", "+"]);
    assert_eq!(plan.reads(), 2);
}

#[test]
fn a_read_that_does_not_go_is_listed() {
    let plan = plan(&[record("GetFunction", "data", Outcome::Deny)]);
    assert_eq!(effects(&plan), [""]);
    assert_eq!(plan.reads(), 0);
    assert_eq!(plan.conclusion(), Conclusion::Refused);
}

#[test]
fn the_same_change_again_is_counted_and_another_target_is_not_the_same() {
    let one = record("UpdateFunctionCode", "update", Outcome::Allow);
    let mut other = one.clone();
    other.accesses[0].resource = "arn:aws:lambda:eu-central-1:111122223333:function:other".into();
    let plan = plan(&[one.clone(), other, one]);
    let times: Vec<u64> = plan.lines().iter().map(|line| line.times).collect();
    assert_eq!(times, [2, 1]);
    assert_eq!(plan.count(Effect::Change), 3);
}

#[test]
fn the_exit_code_says_the_worst() {
    let of = |outcomes: &[Outcome]| {
        let records: Vec<_> = outcomes
            .iter()
            .map(|outcome| record("UpdateFunctionCode", "update", *outcome))
            .collect();
        plan(&records).conclusion().exit_code()
    };
    assert_eq!(of(&[]), 0);
    assert_eq!(of(&[Outcome::Allow]), 2);
    assert_eq!(of(&[Outcome::Preview]), 2);
    assert_eq!(of(&[Outcome::Allow, Outcome::Hold]), 3);
    assert_eq!(of(&[Outcome::Hold, Outcome::Deny]), 4);
    let mut faulty = plan(&[]);
    faulty.push_fault(PlanFault {
        at: "record 1".into(),
        code: "malformed-line".into(),
        message: "x".into(),
    });
    assert_eq!(
        faulty.conclusion(),
        Conclusion::Refused,
        "what cannot be read would be refused"
    );
}

#[test]
fn what_was_previewed_says_who_would_have_to_agree_once_it_is_live() {
    let policies = crate::testing::baseline();
    let mut previewed = record("UpdateFunctionCode", "update", Outcome::Preview);
    let id = |id: &str| (id.into(), "title".into(), "hint".into());
    previewed.policies = vec![id("preview-first"), id("production-change-needs-senior")];
    let mut plan = Plan::default();
    plan.push_call(PlannedCall::of_record(previewed.clone(), Some(&policies)));
    assert_eq!(plan.needs().into_iter().collect::<Vec<_>>(), ["senior"]);
    assert_eq!(plan.conclusion(), Conclusion::Approval);
    assert!(policies.only_previews("preview-first"));
    for id in ["production-change-needs-senior", "nothing-of-that-name"] {
        assert!(!policies.only_previews(id), "{id}");
    }
    previewed.policies = vec![id("preview-first")];
    let mut plan = Plan::default();
    plan.push_call(PlannedCall::of_record(previewed.clone(), Some(&policies)));
    assert_eq!(plan.conclusion(), Conclusion::Changes);
}

#[test]
fn only_what_is_known_to_come_back_is_reversible() {
    let reversible = |service: &str, operation: &str, class, facts: &[&'static str]| {
        let record = CallRecord {
            service: service.into(),
            facts: facts.to_vec(),
            ..record(operation, class, Outcome::Allow)
        };
        plan(&[record]).lines()[0].reversible
    };
    assert_eq!(
        reversible("lambda", "DeleteFunction", "destroy", &[]),
        Reversible::No
    );
    assert_eq!(
        reversible("lambda", "CreateFunction", "create", &[]),
        Reversible::Yes
    );
    assert_eq!(
        reversible("lambda", "UpdateFunctionCode", "update", &[]),
        Reversible::Unknown
    );
    assert_eq!(
        reversible("kms", "ScheduleKeyDeletion", "destroy", &[]),
        Reversible::Yes
    );
    assert_eq!(
        reversible("secretsmanager", "DeleteSecret", "destroy", &["force"]),
        Reversible::No
    );
}
