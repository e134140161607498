//! What every store promises of sign-in links and passes, and of reading page by page.

use crate::fixture::*;
use cordon_core::hold::Hold;
use cordon_core::people::{Claim, Role};
use cordon_store::{
    CallFilter, Claimed, Deed, Delivery, HoldBounds, HoldFilter, NewPass, Pass, PassKind,
    SecretHash, SignInLink, Store, StoreError,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

fn link(secret: &str, person: &str) -> SignInLink {
    SignInLink {
        secret: SecretHash::of(secret),
        person: person.parse().unwrap(),
        made: at(0),
        expires: at(600),
        claim: None,
    }
}

fn new_pass(secret: &str, second: i64) -> NewPass {
    NewPass {
        secret: SecretHash::of(secret),
        kind: PassKind::Terminal,
        signed_in: at(second),
        expires: at(second + 3_600),
    }
}

fn machine(secret: &str, person: &str) -> Pass {
    Pass {
        secret: SecretHash::of(secret),
        kind: PassKind::Read,
        checks: BTreeSet::new(),
        person: person.parse().unwrap(),
        signed_in: at(5),
        expires: at(86_400),
        revoked: None,
        claim: None,
    }
}

pub(crate) async fn a_link_signs_its_person_in_once(store: Arc<dyn Store>) {
    store.put_sign_in_link(link("one", "mei")).await.unwrap();
    let taken = store.put_sign_in_link(link("one", "ola")).await;
    assert!(matches!(taken, Err(StoreError::Exists { .. })), "{taken:?}");

    let secret = SecretHash::of("one");
    let signed_in = store.sign_in(&secret, new_pass("p1", 10)).await.unwrap();
    assert_eq!(signed_in.person.as_str(), "mei");
    assert_eq!(
        (signed_in.kind, signed_in.signed_in),
        (PassKind::Terminal, at(10))
    );
    assert_eq!(
        store.pass(&SecretHash::of("p1")).await.unwrap(),
        Some(signed_in)
    );

    let again = store.sign_in(&secret, new_pass("p2", 11)).await;
    assert!(
        matches!(again, Err(StoreError::Unknown { .. })),
        "{again:?}"
    );
    assert_eq!(store.pass(&SecretHash::of("p2")).await.unwrap(), None);
}

pub(crate) async fn of_many_with_one_link_one_signs_in(store: Arc<dyn Store>) {
    store.put_sign_in_link(link("one", "mei")).await.unwrap();
    let mut visitors = JoinSet::new();
    for number in 0..32 {
        let store = Arc::clone(&store);
        visitors.spawn(async move {
            let pass = new_pass(&format!("p{number}"), 10);
            store.sign_in(&SecretHash::of("one"), pass).await.is_ok()
        });
    }
    let signed_in = visitors.join_all().await;
    assert_eq!(signed_in.into_iter().filter(|done| *done).count(), 1);
    assert_eq!(
        store.passes(&"mei".parse().unwrap()).await.unwrap().len(),
        1
    );
}

pub(crate) async fn a_link_is_for_its_time(store: Arc<dyn Store>) {
    store.put_sign_in_link(link("one", "mei")).await.unwrap();
    let secret = SecretHash::of("one");
    for second in [-1, 600, 601] {
        let refused = store.sign_in(&secret, new_pass("p1", second)).await;
        assert!(
            matches!(refused, Err(StoreError::Unknown { .. })),
            "{second}"
        );
    }
    let other = store
        .sign_in(&SecretHash::of("two"), new_pass("p1", 10))
        .await;
    assert!(
        matches!(other, Err(StoreError::Unknown { .. })),
        "{other:?}"
    );
    store.sign_in(&secret, new_pass("p1", 599)).await.unwrap();
}

pub(crate) async fn a_pass_comes_back_as_it_was_given(store: Arc<dyn Store>) {
    for (secret, kind) in ["a", "b", "c", "d"].into_iter().zip(PassKind::ALL) {
        let checks = match kind {
            PassKind::Check => ["canary-tests", "load"]
                .map(|it| it.parse().unwrap())
                .into(),
            _ => BTreeSet::new(),
        };
        let pass = Pass {
            kind,
            checks,
            ..machine(secret, "mei")
        };
        store.put_pass(pass.clone()).await.unwrap();
        let found = store.pass(&SecretHash::of(secret)).await.unwrap();
        assert_eq!(found, Some(pass));
    }
    let taken = store.put_pass(machine("a", "ola")).await;
    assert!(matches!(taken, Err(StoreError::Exists { .. })), "{taken:?}");
    assert_eq!(store.pass(&SecretHash::of("e")).await.unwrap(), None);
    assert_eq!(
        store.passes(&"mei".parse().unwrap()).await.unwrap().len(),
        4
    );
    assert_eq!(store.passes(&"ola".parse().unwrap()).await.unwrap(), []);
}

fn claim(groups: &[&str]) -> Claim {
    Claim {
        groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
        roles: [Role::Viewer].into(),
    }
}

fn told(secret: &str, person: &str, made: i64, groups: &[&str]) -> SignInLink {
    SignInLink {
        made: at(made),
        expires: at(made + 600),
        claim: Some(claim(groups)),
        ..link(secret, person)
    }
}

async fn claimed(store: &Arc<dyn Store>, second: i64) -> Vec<(String, Claim, i64)> {
    let claims = store.claims(at(second)).await.unwrap();
    let row = |one: Claimed| (one.person.to_string(), one.claim, one.until.as_second());
    claims.into_iter().map(row).collect()
}

async fn signed_in(store: &Arc<dyn Store>, link: &str, pass: NewPass) -> Pass {
    store.sign_in(&SecretHash::of(link), pass).await.unwrap()
}

pub(crate) async fn a_claim_counts_as_long_as_the_sign_in(store: Arc<dyn Store>) {
    let link = told("one", "mei", 0, &["senior"]);
    store.put_sign_in_link(link).await.unwrap();
    assert_eq!(claimed(&store, 5).await, [], "nobody used the link yet");
    let pass = signed_in(&store, "one", new_pass("p1", 10)).await;
    assert_eq!(pass.signed_in, at(0), "as the provider said");
    let until = at(10 + 3_600).as_second();
    let senior = ("mei".to_owned(), claim(&["senior"]), until);
    assert_eq!(claimed(&store, 20).await, [senior]);
    assert_eq!(claimed(&store, 10 + 3_600).await, []);

    // Without a claim nothing is claimed.
    store
        .put_sign_in_link(self::link("two", "ola"))
        .await
        .unwrap();
    let plain = signed_in(&store, "two", new_pass("p2", 20)).await;
    assert_eq!(plain.signed_in, at(20));
    assert_eq!(claimed(&store, 30).await.len(), 1);
    store.revoke_pass(pass.secret.id(), at(40)).await.unwrap();
    assert_eq!(claimed(&store, 40).await, []);
}

pub(crate) async fn what_is_told_last_counts_in_every_pass(store: Arc<dyn Store>) {
    for (secret, made) in [("one", 0), ("unused", 1)] {
        let link = told(secret, "mei", made, &["senior"]);
        store.put_sign_in_link(link).await.unwrap();
    }
    signed_in(&store, "one", new_pass("p1", 10)).await;
    store
        .put_sign_in_link(told("ola", "ola", 20, &["senior"]))
        .await
        .unwrap();
    store
        .put_sign_in_link(told("less", "mei", 20, &[]))
        .await
        .unwrap();
    let nothing = ("mei".to_owned(), claim(&[]), at(3_610).as_second());
    assert_eq!(claimed(&store, 30).await, [nothing]);
    // A link of before gives no more than that either.
    let older = signed_in(&store, "unused", new_pass("p2", 40)).await;
    assert_eq!(older.claim, Some(claim(&[])));
}

pub(crate) async fn a_pass_that_was_taken_back_stays_so(store: Arc<dyn Store>) {
    let pass = machine("a", "mei");
    store.put_pass(pass.clone()).await.unwrap();
    assert!(pass.is_good(at(10)) && !pass.is_good(at(86_400)) && !pass.is_good(at(4)));
    let id = pass.secret.id();
    store.revoke_pass(id, at(20)).await.unwrap();
    store.revoke_pass(id, at(30)).await.unwrap();
    let found = store.pass(&pass.secret).await.unwrap().unwrap();
    assert_eq!(found.revoked, Some(at(20)));
    assert!(!found.is_good(at(25)));
    let unknown = store.revoke_pass("0000", at(20)).await;
    assert!(
        matches!(unknown, Err(StoreError::Unknown { .. })),
        "{unknown:?}"
    );
}

pub(crate) async fn what_channels_were_told_is_kept_and_tells_nobody(store: Arc<dyn Store>) {
    let held = hold("H-1", "T-1", "sha256:00");
    store
        .open_hold(held.clone(), HoldBounds::default())
        .await
        .unwrap();
    let attempt = |channel: &str, state: &str, attempts, error: Option<&str>| Delivery {
        hold: held.id.clone(),
        channel: channel.into(),
        state: state.into(),
        attempts,
        at: at(i64::from(attempts)),
        error: error.map(Box::from),
    };
    let mut changes = store.changes();
    changes.mark_unchanged();
    let failed = attempt("ops", "waiting", 1, Some("it answered 503"));
    store.put_delivery(failed).await.unwrap();
    let arrived = attempt("ops", "waiting", 2, None);
    let other = attempt("chat", "waiting", 1, None);
    for delivery in [&arrived, &other] {
        store.put_delivery(delivery.clone()).await.unwrap();
    }
    assert_eq!(store.deliveries(&held.id).await.unwrap(), [other, arrived]);
    assert!(!changes.has_changed().unwrap());
    let unknown = Delivery {
        hold: "H-9".parse().unwrap(),
        ..attempt("ops", "waiting", 1, None)
    };
    let refused = store.put_delivery(unknown).await;
    assert!(
        matches!(refused, Err(StoreError::Unknown { .. })),
        "{refused:?}"
    );
}

pub(crate) async fn what_people_did_is_kept_in_order(store: Arc<dyn Store>) {
    let deed = |what: &str, second| Deed {
        at: at(second),
        person: "mei".into(),
        what: what.into(),
        thing: "H-1".into(),
        detail: "nobody answers".into(),
    };
    for (what, second) in [("approve", 1), ("reject", 2), ("raise-posture", 2)] {
        store.put_deed(deed(what, second)).await.unwrap();
    }
    let newest = store.deeds(None, 2).await.unwrap();
    let words: Vec<&str> = newest.iter().map(|kept| &*kept.deed.what).collect();
    assert_eq!(words, ["raise-posture", "reject"]);
    let before = store.deeds(Some(newest[1].number), 10).await.unwrap();
    assert_eq!(before.len(), 1);
    assert_eq!(before[0].deed, deed("approve", 1));
}

pub(crate) async fn holds_and_calls_are_read_page_by_page(store: Arc<dyn Store>) {
    // Two of the five were opened at the same moment.
    for (number, second) in [(1, 10), (2, 20), (3, 20), (4, 30), (5, 40)] {
        let opened = Hold {
            opened: at(second),
            ..hold(&format!("H-{number}"), &format!("T-{number}"), "sha256:00")
        };
        store
            .open_hold(opened, HoldBounds::default())
            .await
            .unwrap();
        done(&*store, change(&format!("R{number}"), "T-1"), 200).await;
    }
    let (mut holds, mut calls) = (Vec::new(), Vec::new());
    let (mut of_holds, mut of_calls) = (HoldFilter::default(), CallFilter::default());
    (of_holds.limit, of_calls.limit) = (Some(2), Some(2));
    loop {
        let page = store.holds(&of_holds).await.unwrap();
        let called = store.search(&of_calls).await.unwrap();
        let (Some(last), Some(last_call)) = (page.last(), called.last()) else {
            break;
        };
        (of_holds.before, of_calls.before) = (Some(last.id.clone()), Some(last_call.sequence));
        holds.extend(page.iter().map(|hold| hold.id.to_string()));
        calls.extend(called.iter().map(|call| call.record.reference.to_string()));
    }
    assert_eq!(holds, ["H-5", "H-4", "H-3", "H-2", "H-1"]);
    assert_eq!(calls, ["R5", "R4", "R3", "R2", "R1"]);
}
