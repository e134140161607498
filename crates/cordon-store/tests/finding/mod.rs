//! What every store promises of finding calls again.

use crate::fixture::*;
use crate::{found, reference};
use cordon_core::decide::Outcome;
use cordon_core::record::{CallRecord, RecordedOutcome};
use cordon_store::{CallFilter, Store};
use std::sync::Arc;

pub(crate) async fn calls_of_a_session_are_those_of_its_children_too(store: Arc<dyn Store>) {
    store.put_task(task("T-1")).await.unwrap();
    for id in ["S-1", "S-2"] {
        store.put_session(session(id, "T-1")).await.unwrap();
    }
    for (id, parent) in [("S-3", "S-1"), ("S-4", "S-3"), ("S-5", "S-2")] {
        let child = child(id, parent, "T-1", 900);
        store.put_session(child).await.unwrap();
    }
    // The last is of a session that is not kept.
    for (name, of) in [
        ("R1", "S-1"),
        ("R2", "S-2"),
        ("R3", "S-3"),
        ("R4", "S-4"),
        ("R5", "S-5"),
        ("R9", "S-9"),
    ] {
        let record = CallRecord {
            session: of.into(),
            ..change(name, "T-1")
        };
        let _kept = recorded(&*store, record).await;
    }
    let all = store.tail(0, 100).await.unwrap();
    for (session, expected) in [
        ("S-1", "R4 R3 R1"),
        ("S-2", "R5 R2"),
        ("S-4", "R4"),
        ("S-9", "R9"),
        ("S-8", ""),
    ] {
        let filter = CallFilter {
            session: Some(session.into()),
            ..CallFilter::default()
        };
        assert_eq!(found(&*store, filter).await.join(" "), expected);
        // Whoever follows calls asks each of them.
        let of = all.iter().rev().filter(|call| call.is_of(session));
        assert_eq!(of.map(reference).collect::<Vec<_>>().join(" "), expected);
    }
}

pub(crate) async fn calls_are_found_by_what_they_are(store: Arc<dyn Store>) {
    let elsewhere = CallRecord {
        session: "S-2".into(),
        service: "s3".into(),
        operation: "PutObject".into(),
        at: at(500),
        accesses: Vec::new(),
        ..change("R3", "T-2")
    };
    for record in [change("R1", "T-1"), denial("R2", "T-1"), elsewhere] {
        let _kept = recorded(&*store, record).await;
    }
    let all = CallFilter::default;
    let cases = [
        (all(), "R3 R2 R1"),
        (
            CallFilter {
                task: Some("T-1".parse().unwrap()),
                ..all()
            },
            "R2 R1",
        ),
        (
            CallFilter {
                session: Some("S-2".into()),
                ..all()
            },
            "R3",
        ),
        (
            CallFilter {
                verdict: Some(RecordedOutcome::Decided(Outcome::Deny)),
                ..all()
            },
            "R2",
        ),
        (
            CallFilter {
                service: Some("s3".into()),
                ..all()
            },
            "R3",
        ),
        (
            CallFilter {
                operation: Some("UpdateTable".into()),
                ..all()
            },
            "R1",
        ),
        (
            CallFilter {
                class: Some("destroy".into()),
                ..all()
            },
            "R2",
        ),
        (
            CallFilter {
                environment: Some("cn-prod".into()),
                ..all()
            },
            "R2 R1",
        ),
        (
            CallFilter {
                environment: Some("cn".into()),
                ..all()
            },
            "",
        ),
        (
            CallFilter {
                text: Some("CORDON DENIED".into()),
                ..all()
            },
            "R2",
        ),
        (
            CallFilter {
                since: Some(at(500)),
                ..all()
            },
            "R3",
        ),
        (
            CallFilter {
                limit: Some(1),
                ..all()
            },
            "R3",
        ),
        (
            CallFilter {
                task: Some("T-1".parse().unwrap()),
                service: Some("s3".into()),
                ..all()
            },
            "",
        ),
    ];
    for (filter, expected) in cases {
        let shown = format!("{filter:?}");
        assert_eq!(found(&*store, filter).await.join(" "), expected, "{shown}");
    }
}

pub(crate) async fn text_of_a_filter_is_text_and_nothing_else(store: Arc<dyn Store>) {
    let percent = CallRecord {
        message: "100% sure".into(),
        ..denial("R1", "T-1")
    };
    for record in [percent, denial("R2", "T-1")] {
        let _kept = recorded(&*store, record).await;
    }
    for (text, expected) in [
        ("%", "R1"),
        ("_", ""),
        ("policy_version", ""),
        ("of \"ORDERS\"", "R2 R1"),
        ("' OR 1=1 --", ""),
        ("\") > 0 OR (\"", ""),
    ] {
        let filter = CallFilter {
            session: Some("S-1".into()),
            text: Some(text.into()),
            ..CallFilter::default()
        };
        assert_eq!(found(&*store, filter).await.join(" "), expected, "{text}");
    }
    assert_eq!(found(&*store, CallFilter::default()).await.len(), 2);
}

pub(crate) async fn newest_calls_come_first_and_a_tail_goes_on(store: Arc<dyn Store>) {
    for number in 1..=5 {
        let _kept = recorded(&*store, change(&format!("R{number}"), "T-1")).await;
    }
    let calls = store.search(&CallFilter::default()).await.unwrap();
    let numbers: Vec<u64> = calls.iter().map(|call| call.sequence).collect();
    assert!(
        numbers.is_sorted_by(|one, other| one > other),
        "{numbers:?}"
    );
    let first = store.tail(0, 2).await.unwrap();
    assert_eq!(
        first.iter().map(reference).collect::<Vec<_>>(),
        ["R1", "R2"]
    );
    let rest = store.tail(first[1].sequence, 10).await.unwrap();
    assert_eq!(
        rest.iter().map(reference).collect::<Vec<_>>(),
        ["R3", "R4", "R5"]
    );
    assert!(store.tail(rest[2].sequence, 10).await.unwrap().is_empty());
}
