//! What every store promises of amendments.

use crate::fixture::*;
use cordon_core::hold::Reason;
use cordon_core::task::Mode;
use cordon_store::{
    Acceptance, Amendment, AmendmentFilter, Refusal, Settled, Settlement, Store, StoreError,
    StoredTask, TaskState,
};
use std::sync::Arc;
use tokio::task::JoinSet;

fn asked(id: &str, of: &str, second: i64) -> Amendment {
    Amendment {
        id: id.parse().unwrap(),
        task: of.parse().unwrap(),
        call: Some(("R1".parse().unwrap(), "sha256:00".into())),
        changes: "[budget]\nmutations = 1\n".into(),
        reason: "one \"more\"".into(),
        filed_by: "mei".parse().unwrap(),
        filed: at(second),
        settled: None,
    }
}

/// A yes that makes `before` the task with this text and lock.
fn yes(id: &str, before: &StoredTask, text: &str) -> Acceptance {
    Acceptance {
        id: id.parse().unwrap(),
        by: "mei".parse().unwrap(),
        at: at(60),
        before: (before.text.clone(), before.lock.clone()),
        after: (text.into(), format!("lock of {text}").into()),
    }
}

fn no(id: &str, second: i64, reason: Reason) -> Refusal {
    Refusal {
        id: id.parse().unwrap(),
        by: "mei".parse().unwrap(),
        at: at(second),
        reason,
        note: "for people".into(),
    }
}

async fn kept(store: &dyn Store, id: &str) -> Amendment {
    let found = store.amendment(&id.parse().unwrap()).await.unwrap();
    found.unwrap()
}

async fn stored(store: &dyn Store, id: &str) -> StoredTask {
    store.task(&id.parse().unwrap()).await.unwrap().unwrap()
}

#[track_caller]
fn outdated(done: Result<(), StoreError>) {
    assert!(matches!(done, Err(StoreError::Outdated { .. })), "{done:?}");
}

pub(crate) async fn an_amendment_comes_back_as_it_was_asked_for(store: Arc<dyn Store>) {
    store.put_task(task("T-1")).await.unwrap();
    store.put_task(task("T-2")).await.unwrap();
    let first = asked("A-1", "T-1", 10);
    let second = Amendment {
        call: None,
        ..asked("A-2", "T-2", 20)
    };
    for amendment in [&first, &second] {
        store.put_amendment(amendment.clone()).await.unwrap();
    }
    let again = store.put_amendment(first.clone()).await;
    assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");
    assert_eq!(kept(&*store, "A-1").await, first);
    let all = AmendmentFilter::default();
    let found = store.amendments(&all).await.unwrap();
    assert_eq!(found, [second.clone(), first.clone()]);
    let page = AmendmentFilter {
        before: Some(second.id.clone()),
        ..AmendmentFilter::default()
    };
    assert_eq!(
        store.amendments(&page).await.unwrap(),
        std::slice::from_ref(&first)
    );
    let declined = store.decline_amendment(no("A-1", 30, Reason::TooBroad));
    declined.await.unwrap();
    let settled = Settled {
        by: "mei".parse().unwrap(),
        at: at(30),
        answer: Settlement::Declined(Reason::TooBroad),
        note: "for people".into(),
    };
    assert_eq!(kept(&*store, "A-1").await.settled, Some(settled));
    let waiting = AmendmentFilter {
        waiting: true,
        ..AmendmentFilter::default()
    };
    assert_eq!(store.amendments(&waiting).await.unwrap(), [second]);
    assert_eq!(
        store.amendment(&"A-9".parse().unwrap()).await.unwrap(),
        None
    );
}

pub(crate) async fn an_accepted_amendment_changes_its_task_and_nothing_else(store: Arc<dyn Store>) {
    store.put_task(task("T-1")).await.unwrap();
    store.put_task(task("T-2")).await.unwrap();
    store.put_session(session("S-1", "T-1")).await.unwrap();
    let charged = store
        .record(change("C1", "T-1"), unlimited())
        .await
        .unwrap();
    drop(charged);
    let id = "T-1".parse().unwrap();
    let before = store.ledger(&id).await.unwrap();
    store.put_amendment(asked("A-1", "T-1", 10)).await.unwrap();
    // A task that goes live meanwhile is still the task that was looked at.
    let looked_at = stored(&*store, "T-1").await;
    store.set_task_mode(&id, Mode::Live).await.unwrap();
    let mut changes = store.changes();
    changes.mark_unchanged();
    let accepted = store.accept_amendment(yes("A-1", &looked_at, "more"));
    accepted.await.unwrap();
    assert!(changes.has_changed().unwrap());
    let now = stored(&*store, "T-1").await;
    let expected = StoredTask {
        text: "more".into(),
        lock: "lock of more".into(),
        mode: Mode::Live,
        ..looked_at.clone()
    };
    assert_eq!(now, expected);
    assert_eq!(stored(&*store, "T-2").await, task("T-2"));
    assert_eq!(store.ledger(&id).await.unwrap(), before);
    let replaced = looked_at.text;
    let settled = kept(&*store, "A-1").await.settled.unwrap();
    assert_eq!(settled.answer, Settlement::Accepted { replaced });
}

pub(crate) async fn an_amendment_is_of_the_task_that_was_looked_at(store: Arc<dyn Store>) {
    store.put_task(task("T-1")).await.unwrap();
    for id in ["A-1", "A-2"] {
        store.put_amendment(asked(id, "T-1", 10)).await.unwrap();
    }
    let looked_at = stored(&*store, "T-1").await;
    let accepted = store.accept_amendment(yes("A-1", &looked_at, "one"));
    accepted.await.unwrap();
    // Worked out before the first was accepted: it would take that back.
    outdated(store.accept_amendment(yes("A-2", &looked_at, "two")).await);
    assert_eq!(&*stored(&*store, "T-1").await.text, "one");
    assert_eq!(kept(&*store, "A-2").await.settled, None);
    let looked_at = stored(&*store, "T-1").await;
    let accepted = store.accept_amendment(yes("A-2", &looked_at, "both"));
    accepted.await.unwrap();
    assert_eq!(&*stored(&*store, "T-1").await.text, "both");
}

pub(crate) async fn an_amendment_is_settled_once(store: Arc<dyn Store>) {
    store.put_task(task("T-1")).await.unwrap();
    store.put_amendment(asked("A-1", "T-1", 10)).await.unwrap();
    let looked_at = stored(&*store, "T-1").await;
    let mut answers = JoinSet::new();
    for number in 0..16 {
        let (store, looked_at) = (Arc::clone(&store), looked_at.clone());
        answers.spawn(async move {
            match number % 2 {
                0 => {
                    store
                        .decline_amendment(no("A-1", 30, Reason::Unclear))
                        .await
                }
                _ => store.accept_amendment(yes("A-1", &looked_at, "more")).await,
            }
            .is_ok()
        });
    }
    let settled = answers.join_all().await;
    assert_eq!(settled.into_iter().filter(|done| *done).count(), 1);
    let answer = kept(&*store, "A-1").await.settled.unwrap().answer;
    let text = stored(&*store, "T-1").await.text;
    match answer {
        Settlement::Accepted { .. } => assert_eq!(&*text, "more"),
        Settlement::Declined(_) => assert_eq!(text, looked_at.text),
    }
    outdated(
        store
            .decline_amendment(no("A-9", 30, Reason::Unclear))
            .await,
    );
    outdated(store.accept_amendment(yes("A-9", &looked_at, "more")).await);
}

pub(crate) async fn a_task_that_is_over_is_not_amended(store: Arc<dyn Store>) {
    store.put_task(task("T-1")).await.unwrap();
    store.put_amendment(asked("A-1", "T-1", 10)).await.unwrap();
    let looked_at = stored(&*store, "T-1").await;
    let id = "T-1".parse().unwrap();
    store.set_task_state(&id, TaskState::Stopped).await.unwrap();
    outdated(store.accept_amendment(yes("A-1", &looked_at, "more")).await);
    assert_eq!(stored(&*store, "T-1").await.text, looked_at.text);
    for id in ["T-1", "T-9"] {
        let late = store.put_amendment(asked("A-2", id, 20)).await;
        assert!(late.is_err(), "{late:?}");
    }
}

pub(crate) async fn no_more_wait_than_are_read(store: Arc<dyn Store>) {
    store.put_task(task("T-1")).await.unwrap();
    store.put_task(task("T-2")).await.unwrap();
    let mut kept = 0;
    for number in 0..40 {
        let amendment = asked(&format!("A-{number}"), "T-1", number);
        match store.put_amendment(amendment).await {
            Ok(()) => kept += 1,
            Err(error) => assert!(matches!(error, StoreError::Crowded), "{error}"),
        }
    }
    assert_eq!(kept, 20);
    store.put_amendment(asked("A-x", "T-2", 50)).await.unwrap();
    let declined = store.decline_amendment(no("A-0", 60, Reason::NotNeeded));
    declined.await.unwrap();
    store.put_amendment(asked("A-y", "T-1", 70)).await.unwrap();
}

pub(crate) async fn the_last_answer_for_a_call_counts(store: Arc<dyn Store>) {
    store.put_task(task("T-1")).await.unwrap();
    store.put_task(task("T-2")).await.unwrap();
    let id = "T-1".parse().unwrap();
    let reason = || store.declined(&id, "sha256:00");
    assert_eq!(reason().await.unwrap(), None);
    store.put_amendment(asked("A-1", "T-1", 10)).await.unwrap();
    assert_eq!(reason().await.unwrap(), None);
    let declined = store.decline_amendment(no("A-1", 20, Reason::TooRisky));
    declined.await.unwrap();
    assert_eq!(reason().await.unwrap(), Some(Reason::TooRisky));
    assert_eq!(store.declined(&id, "sha256:01").await.unwrap(), None);
    let other = "T-2".parse().unwrap();
    assert_eq!(store.declined(&other, "sha256:00").await.unwrap(), None);
    store.put_amendment(asked("A-2", "T-1", 30)).await.unwrap();
    assert_eq!(reason().await.unwrap(), None);
}
