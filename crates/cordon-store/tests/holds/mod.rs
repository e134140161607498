//! What every store promises of holds.

use crate::fixture::*;
use crate::{found, ledger};
use cordon_core::hold::{Answer, CheckResult, Closing, Ended, Hold, Reason, Vote};
use cordon_core::record::CallRecord;
use cordon_store::{
    Budget, CallFilter, HoldBounds, HoldFilter, RecordError, Store, StoreError, TaskState,
};
use std::sync::Arc;
use tokio::task::JoinSet;

async fn opened(store: &dyn Store, id: &str, task: &str, digest: &str) -> Hold {
    let hold = hold(id, task, digest);
    store
        .open_hold(hold.clone(), HoldBounds::default())
        .await
        .unwrap();
    hold
}

async fn held(store: &dyn Store, id: &str) -> Hold {
    store.hold(&id.parse().unwrap()).await.unwrap().unwrap()
}

pub(crate) async fn a_hold_comes_back_as_it_was_opened(store: Arc<dyn Store>) {
    let mut hold = Hold {
        checks: ["canary-tests", "load"]
            .map(|it| it.parse().unwrap())
            .into(),
        ..hold("H-1", "T-1", "sha256:00")
    };
    let kept = store.open_hold(hold.clone(), HoldBounds::default());
    kept.await.unwrap();
    assert_eq!(held(&*store, "H-1").await, hold);
    store.join_hold(&hold.id).await.unwrap();
    store.vote(&hold.id, 0, yes("mei", 20)).await.unwrap();
    let no = Vote {
        answer: Answer::Reject(Reason::TooBroad),
        note: "ask again with \"one\" table".into(),
        ..yes("ola", 21)
    };
    store.vote(&hold.id, 1, no.clone()).await.unwrap();
    hold.asked = 2;
    let failed = report("canary-tests", CheckResult::Failed, 22);
    store.report(&hold.id, 2, failed.clone()).await.unwrap();
    let passed = report("canary-tests", CheckResult::Passed, 23);
    store.report(&hold.id, 3, passed.clone()).await.unwrap();
    hold.votes = vec![yes("mei", 20), no];
    hold.reports = vec![failed, passed];
    assert_eq!(held(&*store, "H-1").await, hold);
    assert_eq!(store.holds(&HoldFilter::default()).await.unwrap(), [hold]);
    let elsewhere = HoldFilter {
        task: Some("T-2".parse().unwrap()),
        ..HoldFilter::default()
    };
    assert_eq!(store.holds(&elsewhere).await.unwrap(), []);
}

pub(crate) async fn a_call_waits_once(store: Arc<dyn Store>) {
    opened(&*store, "H-1", "T-1", "sha256:00").await;
    let again = store
        .open_hold(hold("H-2", "T-1", "sha256:00"), HoldBounds::default())
        .await;
    assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");
    opened(&*store, "H-3", "T-2", "sha256:00").await;
    opened(&*store, "H-4", "T-1", "sha256:01").await;
    let found = store
        .latest_hold(&"T-1".parse().unwrap(), "sha256:00")
        .await;
    assert_eq!(found.unwrap().unwrap().id.as_str(), "H-1");
}

pub(crate) async fn a_hold_follows_the_one_before_it(store: Arc<dyn Store>) {
    let first = opened(&*store, "H-1", "T-1", "sha256:00").await;
    let second = Hold {
        follows: Some((first.id.clone(), Closing::Lapsed)),
        ..hold("H-2", "T-1", "sha256:00")
    };
    store
        .open_hold(second.clone(), HoldBounds::default())
        .await
        .unwrap();
    let ended = held(&*store, "H-1").await.ended.unwrap();
    assert_eq!((ended.how, ended.at), (Closing::Lapsed, second.opened));
    assert_eq!(held(&*store, "H-2").await, second);
    let waiting = HoldFilter {
        under_way: true,
        ..HoldFilter::default()
    };
    assert_eq!(store.holds(&waiting).await.unwrap(), [second]);
}

pub(crate) async fn a_vote_is_about_the_votes_that_were_seen(store: Arc<dyn Store>) {
    let hold = opened(&*store, "H-1", "T-1", "sha256:00").await;
    store.vote(&hold.id, 0, yes("mei", 20)).await.unwrap();
    for (revision, person) in [(0, "ola"), (2, "ola"), (u64::MAX, "ola")] {
        let late = store.vote(&hold.id, revision, yes(person, 21)).await;
        assert!(matches!(late, Err(StoreError::Outdated { .. })), "{late:?}");
    }
    let ended = Ended {
        how: Closing::Withdrawn,
        at: at(30),
        by: None,
    };
    store.end_hold(&hold.id, ended).await.unwrap();
    for late in [
        store.vote(&hold.id, 1, yes("ola", 31)).await,
        store.join_hold(&hold.id).await,
        store.vote(&"H-9".parse().unwrap(), 0, yes("ola", 31)).await,
    ] {
        assert!(matches!(late, Err(StoreError::Outdated { .. })), "{late:?}");
    }
}

pub(crate) async fn a_report_is_about_what_was_said_and_reported_before(store: Arc<dyn Store>) {
    let hold = opened(&*store, "H-1", "T-1", "sha256:00").await;
    let passed = || report("canary-tests", CheckResult::Passed, 21);
    store.vote(&hold.id, 0, yes("mei", 20)).await.unwrap();
    store.report(&hold.id, 1, passed()).await.unwrap();
    for revision in [0, 1, 3, u64::MAX] {
        let late = store.report(&hold.id, revision, passed()).await;
        assert!(matches!(late, Err(StoreError::Outdated { .. })), "{late:?}");
        let late = store.vote(&hold.id, revision, yes("ola", 22)).await;
        assert!(matches!(late, Err(StoreError::Outdated { .. })), "{late:?}");
    }
    let failed = report("canary-tests", CheckResult::Failed, 23);
    store.report(&hold.id, 2, failed).await.unwrap();
    // Decided before the failure came: its approval is gone.
    let refused = store
        .record(approved("R1", "T-1", "H-1", 2), Budget::default())
        .await;
    assert!(
        matches!(refused, Err(RecordError::ApprovalGone)),
        "{refused:?}"
    );
    store.report(&hold.id, 3, passed()).await.unwrap();
    let recorded = store.record(approved("R2", "T-1", "H-1", 4), Budget::default());
    drop(recorded.await.unwrap());
    let late = store.report(&hold.id, 4, passed()).await;
    assert!(matches!(late, Err(StoreError::Outdated { .. })), "{late:?}");
}

pub(crate) async fn an_approval_lets_exactly_one_call_go(store: Arc<dyn Store>) {
    let hold = opened(&*store, "H-1", "T-1", "sha256:00").await;
    store.vote(&hold.id, 0, yes("mei", 20)).await.unwrap();
    let mut calls = JoinSet::new();
    for number in 0..64 {
        let store = Arc::clone(&store);
        calls.spawn(async move {
            let record = approved(&format!("R{number}"), "T-1", "H-1", 1);
            store
                .record(record, Budget::default())
                .await
                .map(|recorded| recorded.reference().to_owned())
        });
    }
    let mut winner = None;
    for outcome in calls.join_all().await {
        match outcome {
            Ok(reference) => assert_eq!(winner.replace(reference), None),
            Err(RecordError::ApprovalGone) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let ended = held(&*store, "H-1").await.ended.unwrap();
    assert_eq!(ended.how, Closing::Used);
    assert_eq!(ended.by.unwrap().as_str(), winner.unwrap());
    assert_eq!(ledger(&*store, "T-1").await.used.mutations, 1);
    assert_eq!(found(&*store, CallFilter::default()).await.len(), 1);
}

pub(crate) async fn an_approval_is_for_its_task_and_its_call(store: Arc<dyn Store>) {
    let hold = opened(&*store, "H-1", "T-1", "sha256:00").await;
    store.vote(&hold.id, 0, yes("mei", 20)).await.unwrap();
    let foreign = approved("R1", "T-2", "H-1", 1);
    let other = CallRecord {
        digest: "sha256:01".into(),
        ..approved("R2", "T-1", "H-1", 1)
    };
    let unknown = approved("R3", "T-1", "H-2", 1);
    for record in [foreign, other, unknown] {
        let refused = store.record(record, Budget::default()).await;
        assert!(
            matches!(refused, Err(RecordError::ApprovalGone)),
            "{refused:?}"
        );
    }
    assert_eq!(held(&*store, "H-1").await.ended, None);
    let recorded = store.record(approved("R4", "T-1", "H-1", 1), Budget::default());
    drop(recorded.await.unwrap());
    let call = store.call(&"R4".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(call.record.hold.unwrap().uses, Some(1));
}

pub(crate) async fn what_was_said_meanwhile_stops_the_call(store: Arc<dyn Store>) {
    let hold = opened(&*store, "H-1", "T-1", "sha256:00").await;
    store.vote(&hold.id, 0, yes("mei", 20)).await.unwrap();
    let no = Vote {
        answer: Answer::Reject(Reason::WrongTime),
        ..yes("ola", 21)
    };
    store.vote(&hold.id, 1, no).await.unwrap();
    let refused = store
        .record(approved("R1", "T-1", "H-1", 1), Budget::default())
        .await;
    assert!(
        matches!(refused, Err(RecordError::ApprovalGone)),
        "{refused:?}"
    );
}

pub(crate) async fn a_call_that_uses_no_approval_is_not_held_up_by_one_that_may_not(
    store: Arc<dyn Store>,
) {
    let mut calls = JoinSet::new();
    for number in 0..20 {
        let store = Arc::clone(&store);
        calls.spawn(async move {
            let reference = format!("R{number}");
            let record = match number % 2 {
                0 => approved(&reference, "T-1", "H-1", 1),
                _ => change(&reference, "T-1"),
            };
            (
                number,
                store.record(record, Budget::default()).await.is_ok(),
            )
        });
    }
    for (number, recorded) in calls.join_all().await {
        assert_eq!(recorded, number % 2 == 1, "{number}");
    }
    assert_eq!(ledger(&*store, "T-1").await.used.mutations, 10);
}

pub(crate) async fn people_are_not_asked_more_than_they_can_look_at(store: Arc<dyn Store>) {
    let bounds = HoldBounds { of_task: 2, all: 3 };
    let open = |id: &str, task: &str, digest: &str| {
        let store = Arc::clone(&store);
        let hold = hold(id, task, digest);
        async move { store.open_hold(hold, bounds).await }
    };
    open("H-1", "T-1", "sha256:01").await.unwrap();
    open("H-2", "T-1", "sha256:02").await.unwrap();
    let third = open("H-3", "T-1", "sha256:03").await;
    assert!(matches!(third, Err(StoreError::Crowded)), "{third:?}");
    open("H-4", "T-2", "sha256:04").await.unwrap();
    let fourth = open("H-5", "T-3", "sha256:05").await;
    assert!(matches!(fourth, Err(StoreError::Crowded)), "{fourth:?}");
    // One that was declined waits for nobody.
    let no = Vote {
        answer: Answer::Reject(Reason::Unclear),
        ..yes("mei", 20)
    };
    store.vote(&"H-1".parse().unwrap(), 0, no).await.unwrap();
    open("H-6", "T-1", "sha256:06").await.unwrap();
    // And neither does one whose time ran out.
    let later = Hold {
        opened: at(7_200),
        decide_by: at(9_000),
        ..hold("H-7", "T-1", "sha256:07")
    };
    store.open_hold(later, bounds).await.unwrap();
}

pub(crate) async fn a_stopped_task_takes_back_its_holds(store: Arc<dyn Store>) {
    store.put_task(task("T-1")).await.unwrap();
    opened(&*store, "H-1", "T-1", "sha256:00").await;
    opened(&*store, "H-2", "T-2", "sha256:00").await;
    let id = "T-1".parse().unwrap();
    store.set_task_state(&id, TaskState::Stopped).await.unwrap();
    let ended = held(&*store, "H-1").await.ended.unwrap();
    assert_eq!(ended.how, Closing::Withdrawn);
    assert_eq!(held(&*store, "H-2").await.ended, None);
    // A request that was under way when the task was stopped asks nobody.
    let late = hold("H-3", "T-1", "sha256:00");
    let late = store.open_hold(late, HoldBounds::default()).await;
    assert!(matches!(late, Err(StoreError::Outdated { .. })), "{late:?}");
    store.stop_tasks(at(0)).await.unwrap();
    let ended = held(&*store, "H-2").await.ended.unwrap();
    assert_eq!(ended.how, Closing::Withdrawn);
}
