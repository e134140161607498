//! What every store promises of passkeys.

use crate::fixture::*;
use cordon_store::{
    NewPass, PassKind, Passkey, PasskeyUse, SecretHash, SignInLink, Store, StoreError,
};
use std::sync::Arc;
use tokio::task::JoinSet;

fn passkey(credential: u8, person: &str, counter: u32) -> Passkey {
    Passkey {
        credential: vec![credential; 16].into(),
        person: person.parse().unwrap(),
        handle: vec![7; 64].into(),
        key: vec![1, 2].into(),
        state: vec![3, 4].into(),
        counter,
        name: "laptop".into(),
        added: at(i64::from(credential)),
        used: None,
        revoked: None,
    }
}

fn usage(credential: u8, counter: u32, second: i64) -> PasskeyUse {
    PasskeyUse {
        credential: vec![credential; 16].into(),
        state: vec![5, 6].into(),
        counter,
        at: at(second),
    }
}

fn link(secret: &str, person: &str, second: i64) -> SignInLink {
    SignInLink {
        secret: SecretHash::of(secret),
        person: person.parse().unwrap(),
        made: at(second),
        expires: at(second + 600),
        claim: None,
    }
}

async fn sign_in(store: &Arc<dyn Store>, link: &str, pass: &str, second: i64) {
    let pass = NewPass {
        secret: SecretHash::of(pass),
        kind: PassKind::Terminal,
        signed_in: at(second),
        expires: at(second + 3_600),
    };
    let signed_in = store.sign_in(&SecretHash::of(link), pass).await.unwrap();
    assert_eq!(signed_in.person.as_str(), "mei");
}

async fn is_good(store: &Arc<dyn Store>, pass: &str, second: i64) -> bool {
    let pass = store.pass(&SecretHash::of(pass)).await.unwrap().unwrap();
    pass.is_good(at(second))
}

#[track_caller]
fn unknown<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(
        matches!(result, Err(StoreError::Unknown { .. })),
        "{result:?}"
    );
}

pub(crate) async fn a_passkey_is_one_persons(store: Arc<dyn Store>) {
    store.put_passkey(passkey(1, "mei", 0)).await.unwrap();
    store.put_passkey(passkey(2, "mei", 0)).await.unwrap();
    let taken = store.put_passkey(passkey(1, "ola", 0)).await;
    assert!(matches!(taken, Err(StoreError::Exists { .. })), "{taken:?}");
    let (mei, ola) = ("mei".parse().unwrap(), "ola".parse().unwrap());
    let both = [passkey(2, "mei", 0), passkey(1, "mei", 0)];
    assert_eq!(store.passkeys(Some(&mei)).await.unwrap(), both);
    assert_eq!(store.passkeys(None).await.unwrap(), both);
    assert_eq!(store.passkeys(Some(&ola)).await.unwrap(), []);
    let found = store.passkey(&[1; 16]).await.unwrap();
    assert_eq!(found, Some(passkey(1, "mei", 0)));
    assert_eq!(store.passkey(&[3; 16]).await.unwrap(), None);
}

pub(crate) async fn a_passkey_that_counts_never_counts_back(store: Arc<dyn Store>) {
    store.put_passkey(passkey(1, "mei", 4)).await.unwrap();
    store.put_passkey(passkey(2, "mei", 0)).await.unwrap();
    for (counter, name) in [(3, "behind"), (4, "again"), (0, "none")] {
        unknown(
            store
                .use_passkey(usage(1, counter, 20), link(name, "mei", 20))
                .await,
        );
        // What was refused left no link behind.
        let pass = NewPass {
            secret: SecretHash::of("p"),
            kind: PassKind::Terminal,
            signed_in: at(21),
            expires: at(99),
        };
        unknown(store.sign_in(&SecretHash::of(name), pass).await);
    }
    let used = store.use_passkey(usage(1, 5, 30), link("five", "mei", 30));
    used.await.unwrap();
    let found = store.passkey(&[1; 16]).await.unwrap().unwrap();
    assert_eq!((found.counter, found.used), (5, Some(at(30))));
    assert_eq!(&*found.state, [5, 6]);
    sign_in(&store, "five", "p5", 31).await;
    // One that does not count may be used as often as its person likes.
    for name in ["a", "b"] {
        let used = store.use_passkey(usage(2, 0, 30), link(name, "mei", 30));
        used.await.unwrap();
    }
    unknown(
        store
            .use_passkey(usage(9, 1, 30), link("ninth", "mei", 30))
            .await,
    );
}

pub(crate) async fn of_two_with_the_same_count_one_signs_in(store: Arc<dyn Store>) {
    store.put_passkey(passkey(1, "mei", 1)).await.unwrap();
    let mut tries = JoinSet::new();
    for number in 0..16 {
        let store = Arc::clone(&store);
        tries.spawn(async move {
            let link = link(&format!("link {number}"), "mei", 10);
            store.use_passkey(usage(1, 2, 10), link).await.is_ok()
        });
    }
    let won = tries.join_all().await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
}

pub(crate) async fn what_a_passkey_signed_in_ends_with_it(store: Arc<dyn Store>) {
    for credential in [1, 2] {
        store
            .put_passkey(passkey(credential, "mei", 0))
            .await
            .unwrap();
    }
    for (credential, name) in [(1, "used"), (1, "unused"), (2, "other")] {
        let used = store.use_passkey(usage(credential, 0, 10), link(name, "mei", 10));
        used.await.unwrap();
    }
    store
        .put_sign_in_link(link("made", "mei", 10))
        .await
        .unwrap();
    for name in ["used", "other", "made"] {
        sign_in(&store, name, name, 11).await;
    }
    unknown(store.revoke_passkey("000000000000", at(20)).await);
    let id = passkey(1, "mei", 0).id();
    for second in [20, 30] {
        store.revoke_passkey(&id, at(second)).await.unwrap();
    }
    let found = store.passkey(&[1; 16]).await.unwrap().unwrap();
    assert_eq!(found.revoked, Some(at(20)));
    for (name, good) in [("used", false), ("other", true), ("made", true)] {
        assert_eq!(is_good(&store, name, 21).await, good, "{name}");
    }
    let late = NewPass {
        secret: SecretHash::of("late"),
        kind: PassKind::Terminal,
        signed_in: at(22),
        expires: at(99),
    };
    unknown(store.sign_in(&SecretHash::of("unused"), late).await);
    unknown(
        store
            .use_passkey(usage(1, 0, 30), link("again", "mei", 30))
            .await,
    );
}
