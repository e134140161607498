//! What every store promises, told once and run against each backend.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod amendments;
mod batches;
mod finding;
mod fixture;
mod holds;
mod passes;
mod passkeys;
mod sessions;

use amendments::*;
use batches::*;
use cordon_core::decide::{Outcome, Posture};
use cordon_core::ledger::{Rest, Used};
use cordon_core::names::TaskId;
use cordon_core::posture::{Declared, Scope, Weekly, When};
use cordon_core::record::{AnswerFault, CallRecord, CallResult, RecordedOutcome};
use cordon_core::session::SessionState;
use cordon_core::task::Mode;
use cordon_store::{
    Budget, CallFilter, Incident, Limit, RecordError, Severity, Store, StoreError, StoredCall,
    TaskState,
};
use finding::*;
use fixture::*;
use holds::*;
use passes::*;
use passkeys::*;
use sessions::*;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

macro_rules! conformance {
    ($($story:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                let folder = tempfile::tempdir().unwrap();
                super::$story(std::sync::Arc::new(super::serve(folder.path()).await)).await;
            })*
        }
    };
}

conformance! {
    concurrent_changes_never_overshoot_a_budget
    a_budget_counts_what_is_created_and_destroyed
    of_two_calls_that_rest_on_each_other_one_goes
    a_budget_of_one_minute_frees_itself
    denied_calls_and_reads_cost_nothing
    a_change_that_certainly_had_no_effect_gives_back_its_units
    nothing_belongs_to_a_task_before_its_creation_succeeded
    what_an_answer_names_as_made_belongs_to_the_task
    a_refused_destruction_leaves_the_resource_to_its_task
    a_refund_does_not_forget_an_earlier_destruction
    a_creation_that_ends_after_its_destruction_began_gives_no_ownership
    a_task_is_charged_for_its_own_calls_alone
    a_reference_is_used_once
    a_taken_reference_spoils_no_other_call
    a_record_that_is_too_large_is_refused
    a_record_comes_back_as_it_was_written
    an_outcome_is_kept_with_its_call
    a_call_that_never_left_has_no_end
    calls_are_found_by_what_they_are
    calls_of_a_session_are_those_of_its_children_too
    text_of_a_filter_is_text_and_nothing_else
    newest_calls_come_first_and_a_tail_goes_on
    a_task_is_declared_once
    what_is_not_there_is_said_so
    a_stopped_task_stops_its_sessions
    no_change_is_let_go_behind_a_stop
    a_stop_of_everything_ends_each_task_that_was_under_way
    a_task_that_was_stopped_stays_so
    a_child_comes_back_as_it_was_and_stops_with_its_parent
    a_child_of_what_is_stopped_or_foreign_is_not_kept
    children_that_have_ended_are_stopped_by_the_next
    a_key_belongs_to_one_session
    changes_are_told_and_calls_are_not
    what_leaders_declare_is_kept_until_it_is_lifted
    incidents_are_kept_with_the_posture_that_they_raise
    a_store_that_was_shut_down_says_so
    what_is_kept_is_whole
    a_hold_comes_back_as_it_was_opened
    a_call_waits_once
    a_hold_follows_the_one_before_it
    a_vote_is_about_the_votes_that_were_seen
    a_report_is_about_what_was_said_and_reported_before
    an_approval_lets_exactly_one_call_go
    an_approval_is_for_its_task_and_its_call
    what_was_said_meanwhile_stops_the_call
    a_call_that_uses_no_approval_is_not_held_up_by_one_that_may_not
    people_are_not_asked_more_than_they_can_look_at
    a_stopped_task_takes_back_its_holds
    a_batch_comes_back_as_it_was_proposed
    of_a_batch_all_calls_wait_or_none
    a_task_has_one_batch_under_way
    a_vote_on_a_batch_is_of_all_that_was_seen
    calls_of_a_batch_go_in_their_order_and_once
    what_ends_one_call_of_a_batch_ends_the_others
    what_is_said_of_any_call_of_a_batch_stops_the_next
    a_batch_is_one_thing_to_look_at
    holds_and_calls_are_read_page_by_page
    what_channels_were_told_is_kept_and_tells_nobody
    what_people_did_is_kept_in_order
    a_passkey_is_one_persons
    a_passkey_that_counts_never_counts_back
    of_two_with_the_same_count_one_signs_in
    what_a_passkey_signed_in_ends_with_it
    an_amendment_comes_back_as_it_was_asked_for
    an_accepted_amendment_changes_its_task_and_nothing_else
    an_amendment_is_of_the_task_that_was_looked_at
    an_amendment_is_settled_once
    a_task_that_is_over_is_not_amended
    no_more_wait_than_are_read
    the_last_answer_for_a_call_counts
    a_link_signs_its_person_in_once
    of_many_with_one_link_one_signs_in
    a_link_is_for_its_time
    a_pass_comes_back_as_it_was_given
    a_claim_counts_as_long_as_the_sign_in
    what_is_told_last_counts_in_every_pass
    a_pass_that_was_taken_back_stays_so
}

async fn a_stop_of_everything_ends_each_task_that_was_under_way(store: Arc<dyn Store>) {
    let ids: Vec<String> = (1..=5).map(|number| format!("T-{number}")).collect();
    for id in &ids {
        store.put_task(task(id)).await.unwrap();
    }
    for (id, of) in [("S-1", "T-1"), ("S-2", "T-2"), ("S-3", "T-3")] {
        store.put_session(session(id, of)).await.unwrap();
    }
    let [_, paused, before, over, _] = [0, 1, 2, 3, 4].map(|place| ids[place].parse().unwrap());
    store
        .set_task_state(&paused, TaskState::Paused)
        .await
        .unwrap();
    store
        .set_task_state(&before, TaskState::Stopped)
        .await
        .unwrap();
    store.extend_task(&over, at(50)).await.unwrap();
    let _ = recorded(&*store, change("C1", "T-1")).await;

    let under_way = store.tasks_under_way().await.unwrap();
    let under_way: Vec<&str> = under_way.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(under_way, ["T-1", "T-2", "T-4", "T-5"]);
    let stopped = store.stop_tasks(at(50)).await.unwrap();
    let stopped: Vec<&str> = stopped.iter().map(TaskId::as_str).collect();
    assert_eq!(stopped, ["T-1", "T-2", "T-5"]);
    for (number, id) in ids.iter().enumerate() {
        let kept = store.task(&id.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(kept.state, TaskState::Stopped, "{id}");
        let late = store.record(change(&format!("L{number}"), id), unlimited());
        assert!(matches!(late.await, Err(RecordError::TaskOver)), "{id}");
    }
    assert_eq!(live(&*store).await, [""; 0]);
    assert_eq!(store.tasks_under_way().await.unwrap(), []);
    // What begins afterwards is not concerned, and a second stop ends that alone.
    store.put_task(task("T-6")).await.unwrap();
    store.put_session(session("S-6", "T-6")).await.unwrap();
    let _ = recorded(&*store, change("C6", "T-6")).await;
    let stopped = store.stop_tasks(at(50)).await.unwrap();
    assert_eq!(stopped, ["T-6".parse().unwrap()]);
    assert_eq!(store.stop_tasks(at(50)).await.unwrap(), []);
}

async fn a_task_that_was_stopped_stays_so(store: Arc<dyn Store>) {
    store.put_task(task("T-1")).await.unwrap();
    let id = "T-1".parse().unwrap();
    for state in [TaskState::Stopped, TaskState::Paused, TaskState::Active] {
        store.set_task_state(&id, state).await.unwrap();
        let kept = store.task(&id).await.unwrap().unwrap();
        assert_eq!(kept.state, TaskState::Stopped);
    }
}

async fn no_change_is_let_go_behind_a_stop(store: Arc<dyn Store>) {
    for id in ["T-1", "T-2"] {
        store.put_task(task(id)).await.unwrap();
    }
    let id = "T-1".parse().unwrap();
    for (number, state) in [TaskState::Paused, TaskState::Stopped]
        .into_iter()
        .enumerate()
    {
        store.set_task_state(&id, state).await.unwrap();
        // With one of another task, so that both are written together.
        let of = |task: &str, kind: &str| format!("{kind}{number}-{task}");
        let (late, other) = tokio::join!(
            store.record(change(&of("T-1", "C"), "T-1"), unlimited()),
            store.record(change(&of("T-2", "C"), "T-2"), unlimited()),
        );
        assert!(matches!(late, Err(RecordError::TaskOver)), "{late:?}");
        let _ = other.unwrap();
        // What was denied is written down all the same.
        let _ = recorded(&*store, denial(&of("T-1", "D"), "T-1")).await;
    }
    assert_eq!(ledger(&*store, "T-1").await.used.mutations, 0);
    assert_eq!(ledger(&*store, "T-2").await.used.mutations, 2);
}

pub(crate) async fn ledger(store: &dyn Store, task: &str) -> cordon_core::ledger::Ledger {
    (*store.ledger(&task.parse().unwrap()).await.unwrap()).clone()
}

fn owns(ledger: &cordon_core::ledger::Ledger, arn: &str) -> bool {
    ledger.owns(arn)
}

pub(crate) async fn found(store: &dyn Store, filter: CallFilter) -> Vec<String> {
    let calls = store.search(&filter).await.unwrap();
    calls.iter().map(reference).collect()
}

pub(crate) fn reference(call: &StoredCall) -> String {
    call.record.reference.to_string()
}

async fn concurrent_changes_never_overshoot_a_budget(store: Arc<dyn Store>) {
    let budget = Budget {
        mutations: Some(10),
        ..Budget::default()
    };
    let mut calls = JoinSet::new();
    for number in 0..100 {
        let store = Arc::clone(&store);
        calls.spawn(async move {
            let record = change(&format!("R{number}"), "T-1");
            store.record(record, budget).await
        });
    }
    let mut let_go = 0;
    for outcome in calls.join_all().await {
        match outcome {
            Ok(_) => let_go += 1,
            Err(RecordError::OverBudget {
                limit: Limit::Mutations,
                cap: 10,
                used: 10,
            }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(let_go, 10);
    assert_eq!(ledger(&*store, "T-1").await.used.mutations, 10);
    assert_eq!(found(&*store, CallFilter::default()).await.len(), 10);
}

async fn a_budget_counts_what_is_created_and_destroyed(store: Arc<dyn Store>) {
    let budget = Budget {
        creates: Some(1),
        destroys: Some(0),
        ..Budget::default()
    };
    let _kept = store
        .record(creation("R1", "T-1", TABLE), budget)
        .await
        .unwrap();
    for (record, limit) in [
        (creation("R2", "T-1", TABLE), Limit::Creates),
        (destruction("R3", "T-1", TABLE), Limit::Destroys),
    ] {
        let refused = store.record(record, budget).await.unwrap_err();
        assert!(
            matches!(&refused, RecordError::OverBudget { limit: found, .. } if *found == limit),
            "{refused}"
        );
    }
    let _kept = store.record(change("R4", "T-1"), budget).await.unwrap();
    let used = ledger(&*store, "T-1").await.used;
    assert_eq!((used.mutations, used.creates, used.destroys), (2, 1, 0));
}

async fn of_two_calls_that_rest_on_each_other_one_goes(store: Arc<dyn Store>) {
    let rests = |record: CallRecord, on: &str, own| CallRecord {
        rests: vec![Rest {
            arn: on.parse().unwrap(),
            own,
        }],
        ..record
    };
    let other = format!("{TABLE}-2");
    let first = rests(destruction("R1", "T-1", TABLE), &other, false);
    let second = rests(destruction("R2", "T-1", &other), TABLE, false);
    let _kept = store.record(first, Budget::default()).await.unwrap();
    let refused = store.record(second.clone(), Budget::default()).await;
    assert!(matches!(refused, Err(RecordError::Overtaken(_))));
    assert_eq!(ledger(&*store, "T-1").await.used.destroys, 1);
    // Another task knows nothing of it, and what a task made and took away is gone as well.
    let elsewhere = CallRecord {
        reference: "R3".into(),
        task: "T-2".into(),
        ..second
    };
    let _kept = store.record(elsewhere, Budget::default()).await.unwrap();
    let own = rests(
        destruction("R4", "T-2", "arn:aws:sqs:eu-west-1:111122223333:a"),
        TABLE,
        true,
    );
    let refused = store.record(own, Budget::default()).await;
    assert!(matches!(refused, Err(RecordError::Overtaken(_))));
}

async fn a_budget_of_one_minute_frees_itself(store: Arc<dyn Store>) {
    let budget = Budget {
        per_minute: Some(2),
        ..Budget::default()
    };
    let task = "T-1".parse().unwrap();
    let later = |reference: &str, second| CallRecord {
        at: at(second),
        ..change(reference, "T-1")
    };
    for (reference, second, allowed) in [
        ("R1", 0, true),
        ("R2", 30, true),
        ("R3", 59, false),
        ("R4", 60, true),
        ("R5", 61, false),
        ("R6", 90, true),
    ] {
        let record = later(reference, second);
        let outcome = store.record(record, budget).await;
        assert_eq!(outcome.is_ok(), allowed, "{reference}");
    }
    for (second, count) in [(91, 2), (120, 1), (150, 0)] {
        assert_eq!(store.last_minute(&task, at(second)).await.unwrap(), count);
    }
}

async fn denied_calls_and_reads_cost_nothing(store: Arc<dyn Store>) {
    let nothing = Budget {
        mutations: Some(0),
        creates: Some(0),
        destroys: Some(0),
        per_minute: Some(0),
    };
    for record in [denial("R1", "T-1"), read("R2", "T-1")] {
        let _kept = store.record(record, nothing).await.unwrap();
    }
    assert_eq!(ledger(&*store, "T-1").await, Default::default());
    let task = "T-1".parse().unwrap();
    assert_eq!(store.last_minute(&task, at(11)).await.unwrap(), 0);
}

async fn a_change_that_certainly_had_no_effect_gives_back_its_units(store: Arc<dyn Store>) {
    let not_sent = CallResult::NotSent {
        why: "no connection".into(),
    };
    let lost = CallResult::Indeterminate {
        why: "the connection broke".into(),
    };
    let cases = [
        (not_sent, 0),
        (answered(400), 0),
        (answered(403), 0),
        (answered(404), 0),
        (answered(200), 1),
        (answered(408), 1),
        (answered(500), 1),
        (faulted(AnswerFault::Failed, 200), 1),
        (faulted(AnswerFault::Partial, 200), 1),
        (faulted(AnswerFault::Cut, 200), 1),
        (faulted(AnswerFault::Cut, 403), 0),
        (lost, 1),
    ];
    for (number, (result, units)) in cases.into_iter().enumerate() {
        let task = format!("T-{number}");
        let record = creation(&format!("R{number}"), &task, TABLE);
        let open = recorded(&*store, record).await;
        assert_eq!(ledger(&*store, &task).await.used.creates, 1);
        store.close(open, result.clone(), TOOK).await.unwrap();
        let used = ledger(&*store, &task).await.used;
        assert_eq!((used.mutations, used.creates), (units, units), "{result:?}");
    }
}

async fn nothing_belongs_to_a_task_before_its_creation_succeeded(store: Arc<dyn Store>) {
    let open = recorded(&*store, creation("R1", "T-1", TABLE)).await;
    assert!(!owns(&ledger(&*store, "T-1").await, TABLE));
    store.close(open, answered(200), TOOK).await.unwrap();
    assert!(owns(&ledger(&*store, "T-1").await, TABLE));

    for (number, status) in [(2, 500), (3, 403)] {
        let task = format!("T-{number}");
        let record = creation(&format!("R{number}"), &task, TABLE);
        done(&*store, record, status).await;
        assert!(!owns(&ledger(&*store, &task).await, TABLE), "{status}");
    }

    for (number, fault, is_owned) in [
        (4, AnswerFault::Failed, false),
        (5, AnswerFault::Partial, false),
        (6, AnswerFault::Cut, true),
    ] {
        let task = format!("T-{number}");
        let record = creation(&format!("R{number}"), &task, TABLE);
        let open = recorded(&*store, record).await;
        store.close(open, faulted(fault, 200), TOOK).await.unwrap();
        let owned = owns(&ledger(&*store, &task).await, TABLE);
        assert_eq!(owned, is_owned, "{fault:?}");
    }
}

async fn what_an_answer_names_as_made_belongs_to_the_task(store: Arc<dyn Store>) {
    let machine = "arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc";
    let named = || vec![machine.parse().unwrap()];
    let cases = [
        (answered(200), true),
        (faulted(AnswerFault::Cut, 200), true),
        (faulted(AnswerFault::Failed, 200), false),
        (faulted(AnswerFault::Partial, 200), false),
        (answered(403), false),
        (answered(500), false),
    ];
    for (number, (result, is_owned)) in cases.into_iter().enumerate() {
        let task = format!("T-{number}");
        let open = recorded(&*store, change(&format!("R{number}"), &task)).await;
        assert!(!owns(&ledger(&*store, &task).await, machine));
        let told = result.clone();
        store.close(open.made(named()), told, TOOK).await.unwrap();
        let ledger = ledger(&*store, &task).await;
        assert_eq!(owns(&ledger, machine), is_owned, "{result:?}");
        assert!(!owns(
            &ledger,
            "arn:aws:ec2:eu-west-1:111122223333:instance/i-0abd"
        ));
    }
    // It goes as what the request named goes.
    done(&*store, destruction("R9", "T-0", machine), 200).await;
    assert!(!owns(&ledger(&*store, "T-0").await, machine));
}

async fn a_refused_destruction_leaves_the_resource_to_its_task(store: Arc<dyn Store>) {
    done(&*store, creation("R1", "T-1", TABLE), 200).await;
    let open = recorded(&*store, destruction("R2", "T-1", TABLE)).await;
    let during = ledger(&*store, "T-1").await;
    assert!(!owns(&during, TABLE) && !during.recreates(TABLE));
    store.close(open, answered(403), TOOK).await.unwrap();
    let after = ledger(&*store, "T-1").await;
    assert!(owns(&after, TABLE) && !after.recreates(TABLE));

    done(&*store, destruction("R3", "T-1", TABLE), 200).await;
    let gone = ledger(&*store, "T-1").await;
    assert!(
        !owns(&gone, TABLE) && !gone.recreates(TABLE),
        "it was its own"
    );
}

async fn a_refund_does_not_forget_an_earlier_destruction(store: Arc<dyn Store>) {
    done(&*store, destruction("R1", "T-1", TABLE), 200).await;
    done(&*store, destruction("R2", "T-1", TABLE), 404).await;
    let ledger = ledger(&*store, "T-1").await;
    assert!(ledger.recreates(TABLE));
    assert_eq!(ledger.used.destroys, 1);
}

async fn a_creation_that_ends_after_its_destruction_began_gives_no_ownership(
    store: Arc<dyn Store>,
) {
    let made = recorded(&*store, creation("R1", "T-1", TABLE)).await;
    let gone = recorded(&*store, destruction("R2", "T-1", TABLE)).await;
    store.close(made, answered(200), TOOK).await.unwrap();
    assert!(!owns(&ledger(&*store, "T-1").await, TABLE));
    store.close(gone, answered(200), TOOK).await.unwrap();
    assert!(!owns(&ledger(&*store, "T-1").await, TABLE));

    // What is made again after it was gone belongs to the task.
    done(&*store, creation("R3", "T-1", TABLE), 200).await;
    let again = ledger(&*store, "T-1").await;
    assert!(owns(&again, TABLE) && !again.recreates(TABLE));
}

async fn a_task_is_charged_for_its_own_calls_alone(store: Arc<dyn Store>) {
    done(&*store, creation("R1", "T-1", TABLE), 200).await;
    assert_eq!(ledger(&*store, "T-2").await, Default::default());
}

async fn a_reference_is_used_once(store: Arc<dyn Store>) {
    let open = recorded(&*store, change("R1", "T-1")).await;
    let refused = store
        .record(destruction("R1", "T-1", TABLE), unlimited())
        .await;
    assert!(matches!(refused, Err(RecordError::ReferenceTaken(taken)) if &*taken == "R1"));
    let ledger = ledger(&*store, "T-1").await;
    assert_eq!((ledger.used.mutations, ledger.used.destroys), (1, 0));
    assert!(!ledger.recreates(TABLE));
    store.close(open, answered(200), TOOK).await.unwrap();
}

async fn a_taken_reference_spoils_no_other_call(store: Arc<dyn Store>) {
    let _kept = recorded(&*store, change("R7", "T-1")).await;
    let mut calls = JoinSet::new();
    for number in 0..20 {
        let store = Arc::clone(&store);
        calls.spawn(async move {
            let record = change(&format!("R{number}"), "T-1");
            store.record(record, unlimited()).await.is_ok()
        });
    }
    let kept = calls.join_all().await.into_iter().filter(|kept| *kept);
    assert_eq!(kept.count(), 19);
    assert_eq!(ledger(&*store, "T-1").await.used.mutations, 20);
    assert_eq!(found(&*store, CallFilter::default()).await.len(), 20);
}

async fn a_record_that_is_too_large_is_refused(store: Arc<dyn Store>) {
    let record = CallRecord {
        message: "x".repeat(3 * 1024 * 1024).into(),
        ..change("R1", "T-1")
    };
    let refused = store.record(record, unlimited()).await;
    assert!(matches!(refused, Err(RecordError::TooLarge { .. })));
    let _kept = recorded(&*store, change("R1", "T-1")).await;
}

async fn a_record_comes_back_as_it_was_written(store: Arc<dyn Store>) {
    let hold = CallRecord {
        outcome: RecordedOutcome::Decided(Outcome::Hold),
        needs: vec!["senior".into(), "dba".into()],
        checks: vec!["canary-tests".into()],
        message: "line\nwith \u{202e}marks\0 and 雪".into(),
        ..destruction("R2", "T-1", TABLE)
    };
    let reject = CallRecord {
        outcome: RecordedOutcome::Rejected,
        accesses: Vec::new(),
        class: "",
        protocol: "",
        service: "".into(),
        ..read("R3", "")
    };
    for record in [creation("R1", "T-1", TABLE), hold, reject] {
        let written = format!("{record:?}");
        let reference = record.reference.parse().unwrap();
        let _kept = recorded(&*store, record).await;
        let call = store.call(&reference).await.unwrap().unwrap();
        assert_eq!(format!("{:?}", call.record), written);
        assert_eq!(call.closed, None);
    }
}

async fn an_outcome_is_kept_with_its_call(store: Arc<dyn Store>) {
    let results = [
        answered(200),
        faulted(AnswerFault::Failed, 200),
        faulted(AnswerFault::Partial, 200),
        faulted(AnswerFault::Cut, 206),
        CallResult::NotSent {
            why: "no connection".into(),
        },
        CallResult::Indeterminate {
            why: "the connection broke".into(),
        },
    ];
    for (number, result) in results.into_iter().enumerate() {
        let name = format!("R{number}");
        let open = recorded(&*store, change(&name, "T-1")).await;
        store.close(open, result.clone(), TOOK).await.unwrap();
        let call = store.call(&name.parse().unwrap()).await.unwrap().unwrap();
        let closed = call.closed.unwrap();
        assert_eq!((closed.result, closed.took), (result, TOOK));
    }
}

async fn a_call_that_never_left_has_no_end(store: Arc<dyn Store>) {
    let denied = recorded(&*store, denial("R1", "T-1")).await;
    let closed = store.close(denied, answered(200), TOOK).await;
    assert!(matches!(closed, Ok(()) | Err(StoreError::Unknown { .. })));
    let call = store.call(&"R1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(call.closed, None);
}

async fn a_task_is_declared_once(store: Arc<dyn Store>) {
    store.put_task(task("T-1")).await.unwrap();
    let again = store.put_task(task("T-1")).await;
    assert!(matches!(
        again,
        Err(StoreError::Exists { what: "task", .. })
    ));
    let id = "T-1".parse().unwrap();
    assert_eq!(store.task(&id).await.unwrap(), Some(task("T-1")));

    store.set_task_mode(&id, Mode::Live).await.unwrap();
    store.set_task_state(&id, TaskState::Paused).await.unwrap();
    store.extend_task(&id, at(7_200)).await.unwrap();
    let expected = cordon_store::StoredTask {
        mode: Mode::Live,
        state: TaskState::Paused,
        expires: at(7_200),
        ..task("T-1")
    };
    let newer = cordon_store::StoredTask {
        created: at(60),
        ..task("T-2")
    };
    store.put_task(newer.clone()).await.unwrap();
    assert_eq!(store.tasks().await.unwrap(), [newer, expected]);
}

async fn what_is_not_there_is_said_so(store: Arc<dyn Store>) {
    let task = "T-9".parse().unwrap();
    let session = "S-9".parse().unwrap();
    for refused in [
        store.set_task_mode(&task, Mode::Live).await,
        store.set_task_state(&task, TaskState::Stopped).await,
        store.extend_task(&task, at(9)).await,
        store
            .set_session_state(&session, SessionState::Paused)
            .await,
        store.put_session(fixture::session("S-1", "T-9")).await,
    ] {
        assert!(
            matches!(refused, Err(StoreError::Unknown { .. })),
            "{refused:?}"
        );
    }
    assert!(store.task(&task).await.unwrap().is_none());
    assert!(store.session(&session).await.unwrap().is_none());
    assert!(store.call(&"R9".parse().unwrap()).await.unwrap().is_none());
}

async fn changes_are_told_and_calls_are_not(store: Arc<dyn Store>) {
    let mut changes = store.changes();
    let start = *changes.borrow_and_update();
    done(&*store, change("R1", "T-1"), 200).await;
    assert_eq!(*changes.borrow_and_update(), start);
    store.put_task(task("T-1")).await.unwrap();
    let after_task = *changes.borrow_and_update();
    assert!(after_task > start);
    store.put_session(session("S-1", "T-1")).await.unwrap();
    let after_session = *changes.borrow_and_update();
    assert!(after_session > after_task);
    store.lift_posture("everything").await.unwrap_err();
    let before = *changes.borrow_and_update();
    assert_eq!(before, after_session);
    store.declare_posture(frozen()).await.unwrap();
    assert!(*changes.borrow_and_update() > after_session);
}

async fn incidents_are_kept_with_the_posture_that_they_raise(store: Arc<dyn Store>) {
    let incident = |second, severity| Incident {
        at: at(second),
        task: "T-1".parse().unwrap(),
        severity,
        link: "https://tickets.example.com/CE-381".into(),
        note: "Orders were lost".into(),
        by: "mia@example.com".into(),
        recorded: at(90),
    };
    let (first, second) = (
        incident(10, Severity::Low),
        incident(20, Severity::Critical),
    );
    store.record_incident(first.clone(), None).await.unwrap();
    assert_eq!(store.postures().await.unwrap(), []);
    let mut changes = store.changes();
    let before = *changes.borrow_and_update();
    store
        .record_incident(second.clone(), Some(frozen()))
        .await
        .unwrap();
    assert!(*changes.borrow_and_update() > before);
    assert_eq!(store.postures().await.unwrap(), [frozen()]);
    let kept = store.incidents(None, 10).await.unwrap();
    let incidents: Vec<&Incident> = kept.iter().map(|one| &one.incident).collect();
    assert_eq!(incidents, [&second, &first]);
    let older = store.incidents(Some(kept[0].number), 10).await.unwrap();
    assert_eq!(older, kept[1..]);
    for (since, count) in [(10, 2), (11, 1), (20, 1), (21, 0)] {
        assert_eq!(store.incidents_since(at(since)).await.unwrap(), count);
    }
}

fn frozen() -> Declared {
    Declared {
        id: "everything".into(),
        scope: Scope::Everything,
        posture: Posture::Freeze,
        message: "".into(),
        by: "".into(),
        since: at(0),
        when: When::Now { until: None },
    }
}

async fn what_leaders_declare_is_kept_until_it_is_lifted(store: Arc<dyn Store>) {
    assert_eq!(store.postures().await.unwrap(), []);
    let declared = |id: &str, posture, when| Declared {
        id: id.into(),
        scope: match id {
            "P-1" => Scope::Everything,
            scope => scope.parse().unwrap(),
        },
        posture,
        message: "Release at noon".into(),
        by: "mia@example.com".into(),
        since: at(5),
        when,
    };
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let weekly = Weekly::parse("Fri 18:00 - Mon 08:00", zone).unwrap();
    let between = When::Between {
        from: at(10),
        until: at(20),
    };
    let until = When::Now {
        until: Some(at(65)),
    };
    let all = [
        declared("P-1", Posture::Freeze, between),
        declared("environment:prod", Posture::Elevated, When::Weekly(weekly)),
        declared("everything", Posture::Freeze, until),
        declared("team:billing", Posture::Normal, When::Now { until: None }),
    ];
    for one in all.iter().rev() {
        store.declare_posture(one.clone()).await.unwrap();
    }
    assert_eq!(store.postures().await.unwrap(), all);
    let [first, second, third, _] = all;
    let third = Declared {
        posture: Posture::Elevated,
        ..third
    };
    store.declare_posture(third.clone()).await.unwrap();
    store.lift_posture("team:billing").await.unwrap();
    assert_eq!(store.postures().await.unwrap(), [first, second, third]);
    let gone = store.lift_posture("team:billing").await;
    assert!(matches!(gone, Err(StoreError::Unknown { .. })), "{gone:?}");
}

async fn a_store_that_was_shut_down_says_so(store: Arc<dyn Store>) {
    let open = recorded(&*store, change("R1", "T-1")).await;
    store.shut_down().await.unwrap();
    store.shut_down().await.unwrap();
    let late = store.record(read("R2", "T-1"), unlimited()).await;
    assert!(matches!(
        late,
        Err(RecordError::Store(StoreError::ShutDown))
    ));
    let late = store.close(open, answered(200), Duration::ZERO).await;
    assert!(matches!(late, Err(StoreError::ShutDown)));
    assert!(matches!(store.tasks().await, Err(StoreError::ShutDown)));
}

async fn what_is_kept_is_whole(store: Arc<dyn Store>) {
    done(&*store, creation("R1", "T-1", TABLE), 200).await;
    store.check().await.unwrap();
    let used = ledger(&*store, "T-1").await.used;
    assert_eq!(
        used,
        Used {
            mutations: 1,
            creates: 1,
            destroys: 0
        }
    );
}
