//! What every store promises of sessions and their children.

use crate::fixture::*;
use cordon_core::session::{ExpressSession, SessionMode, SessionState};
use cordon_store::{Store, StoreError, TaskState};
use std::sync::Arc;

pub(crate) async fn a_stopped_task_stops_its_sessions(store: Arc<dyn Store>) {
    for id in ["T-1", "T-2"] {
        store.put_task(task(id)).await.unwrap();
    }
    for (id, of) in [("S-1", "T-1"), ("S-2", "T-1"), ("S-3", "T-2")] {
        store.put_session(session(id, of)).await.unwrap();
    }
    let paused = "S-2".parse().unwrap();
    store
        .set_session_state(&paused, SessionState::Paused)
        .await
        .unwrap();
    let live = store.live_sessions().await.unwrap();
    let states: Vec<_> = live.iter().map(|session| session.state).collect();
    assert_eq!(
        states,
        [SessionState::Live, SessionState::Paused, SessionState::Live]
    );
    assert!(live[0].secret.matches(&session("S-1", "T-1").secret));

    let id = "T-1".parse().unwrap();
    store.set_task_state(&id, TaskState::Stopped).await.unwrap();
    let live = store.live_sessions().await.unwrap();
    let ids: Vec<_> = live.iter().map(|session| session.id.as_str()).collect();
    assert_eq!(ids, ["S-3"]);
    let stopped = store.session(&paused).await.unwrap().unwrap();
    assert_eq!(stopped.state, SessionState::Stopped);
}

/// The ids of the sessions that are not stopped.
pub(crate) async fn live(store: &dyn Store) -> Vec<String> {
    let live = store.live_sessions().await.unwrap();
    let mut ids: Vec<String> = live.iter().map(|session| session.id.to_string()).collect();
    ids.sort();
    let standing = store.standing().await.unwrap();
    let mut standing: Vec<String> = standing.iter().map(ToString::to_string).collect();
    standing.sort();
    assert_eq!(standing, ids, "told in short");
    ids
}

pub(crate) async fn a_child_comes_back_as_it_was_and_stops_with_its_parent(store: Arc<dyn Store>) {
    store.put_task(task("T-1")).await.unwrap();
    store.put_session(session("S-1", "T-1")).await.unwrap();
    store.put_session(session("S-2", "T-1")).await.unwrap();
    for (id, parent) in [("S-3", "S-1"), ("S-4", "S-3"), ("S-5", "S-2")] {
        let child = child(id, parent, "T-1", 900);
        store.put_session(child.clone()).await.unwrap();
        let kept = store.session(&child.id).await.unwrap().unwrap();
        assert_eq!(kept.child, child.child);
        assert!(kept.secret.matches(&child.secret));
    }
    let launched = store.session(&"S-1".parse().unwrap()).await.unwrap();
    assert_eq!(launched.unwrap().child, None);
    for (id, mode) in ["S-6", "S-7"].into_iter().zip(SessionMode::ALL) {
        let mut child = child(id, "S-3", "T-1", 900);
        let terms = child.child.as_mut().unwrap();
        terms.express = Some(ExpressSession {
            bucket: "arn:aws:s3express:eu-west-1:111122223333:bucket/a--euw1-az1--x-s3"
                .parse()
                .unwrap(),
            mode,
        });
        store.put_session(child.clone()).await.unwrap();
        let kept = store.session(&child.id).await.unwrap().unwrap();
        assert_eq!(kept.child, child.child);
    }

    let stopped = SessionState::Stopped;
    let id = "S-1".parse().unwrap();
    store.set_session_state(&id, stopped).await.unwrap();
    assert_eq!(live(&*store).await, ["S-2", "S-5"]);
    let id = "T-1".parse().unwrap();
    store.set_task_state(&id, TaskState::Stopped).await.unwrap();
    assert!(live(&*store).await.is_empty());
}

pub(crate) async fn a_child_of_what_is_stopped_or_foreign_is_not_kept(store: Arc<dyn Store>) {
    for id in ["T-1", "T-2", "T-3"] {
        store.put_task(task(id)).await.unwrap();
    }
    for (id, of) in [("S-1", "T-1"), ("S-2", "T-2"), ("S-3", "T-3")] {
        store.put_session(session(id, of)).await.unwrap();
    }
    let (id, over) = ("S-1".parse().unwrap(), "T-3".parse().unwrap());
    store
        .set_session_state(&id, SessionState::Stopped)
        .await
        .unwrap();
    store
        .set_task_state(&over, TaskState::Stopped)
        .await
        .unwrap();
    for (parent, of) in [
        ("S-1", "T-1"),
        ("S-2", "T-1"),
        ("S-3", "T-3"),
        ("S-9", "T-1"),
    ] {
        let child = child("S-8", parent, of, 900);
        let refused = store.put_session(child).await;
        assert!(
            matches!(refused, Err(StoreError::Unknown { .. })),
            "{parent} of {of}: {refused:?}"
        );
    }
    assert_eq!(live(&*store).await, ["S-2"]);
}

pub(crate) async fn children_that_have_ended_are_stopped_by_the_next(store: Arc<dyn Store>) {
    store.put_task(task("T-1")).await.unwrap();
    store.put_session(session("S-1", "T-1")).await.unwrap();
    for (id, started, ends) in [("S-2", 0, 900), ("S-3", 0, 901), ("S-4", 900, 1_800)] {
        let child = cordon_store::StoredSession {
            started: at(started),
            ..child(id, "S-1", "T-1", ends)
        };
        store.put_session(child).await.unwrap();
    }
    assert_eq!(live(&*store).await, ["S-1", "S-3", "S-4"]);
}

pub(crate) async fn a_key_belongs_to_one_session(store: Arc<dyn Store>) {
    store.put_task(task("T-1")).await.unwrap();
    store.put_session(session("S-1", "T-1")).await.unwrap();
    let thief = cordon_store::StoredSession {
        key_id: session("S-1", "T-1").key_id,
        ..session("S-2", "T-1")
    };
    for refused in [thief, session("S-1", "T-1")] {
        let refused = store.put_session(refused).await;
        assert!(
            matches!(refused, Err(StoreError::Exists { .. })),
            "{refused:?}"
        );
    }
}
