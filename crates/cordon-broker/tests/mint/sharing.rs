//! Which calls share a session, for how long, and that only one of them asks for it.

use crate::desk::Desk;
use crate::{Stage, config, key_id, live, parameter, roles};
use cordon_broker::{Broker, BrokerConfig};
use cordon_core::session_policy::SessionPolicy;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Barrier;

#[tokio::test]
async fn a_change_gets_a_session_for_exactly_its_decision() {
    let stage = Stage::set().await;
    let permit = stage.permit("PutItem", "orders");
    let minted = stage.broker.mint(&permit, stage.now(), live).await.unwrap();

    let asked = stage.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].is_done(), "{:?}", asked[0].verdict);
    let sent = |name| parameter(&asked[0], name);
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:PutItem","Resource":"arn:aws:dynamodb:eu-central-1:111122223333:table/orders"}}"#;
    assert_eq!(sent("Policy").as_deref(), Some(policy));
    assert_eq!(SessionPolicy::of(&permit).unwrap().text(), policy);
    assert_eq!(sent("DurationSeconds").as_deref(), Some("900"));
    assert_eq!(sent("RoleSessionName").as_deref(), Some("T-1.S-1"));
    assert_eq!(sent("SourceIdentity").as_deref(), Some("cordon.T-1"));
    assert_eq!(
        sent("RoleArn").as_deref(),
        Some("arn:aws:iam::111122223333:role/cordon-agent")
    );
    assert_eq!(sent("Tags.member.1.Key"), None);
    assert_eq!(
        minted.expires.duration_since(stage.now()).as_secs(),
        900,
        "no session outlives a quarter of an hour"
    );
}

#[tokio::test]
async fn a_change_shares_its_session_with_the_same_change_for_a_minute() {
    let stage = Stage::set().await;
    let first = stage.mint("PutItem", "orders").await;
    stage.turn(59);
    assert_eq!(stage.mint("PutItem", "orders").await, first);
    stage.turn(1);
    assert_ne!(stage.mint("PutItem", "orders").await, first);
    assert_eq!(stage.asked().len(), 2);
}

#[tokio::test]
async fn a_session_serves_no_other_decision() {
    let stage = Stage::set().await;
    let now = stage.now();
    let mut seen = BTreeSet::from([stage.mint("PutItem", "orders").await]);
    let mut another = |what: &str, key_id: String| {
        assert!(seen.insert(key_id), "{what} got the session of another");
    };

    another("another resource", stage.mint("PutItem", "returns").await);
    another("another action", stage.mint("UpdateItem", "orders").await);
    another("a read", stage.mint("DescribeTable", "orders").await);

    let task = stage.desk.session("T-2", now);
    let permit = stage.desk.permit(&task, "PutItem", "orders", now);
    let minted = stage.broker.mint(&permit, now, live).await.unwrap();
    another("another task", key_id(&minted));

    let desk = Desk::with("\n// Another version.\n");
    let session = desk.session("T-1", now);
    let permit = desk.permit(&session, "PutItem", "orders", now);
    let minted = stage.broker.mint(&permit, now, live).await.unwrap();
    another("another version of the policies", key_id(&minted));

    // Everything else is in the key of the policy; the role is the broker's.
    let other = Broker::new(BrokerConfig {
        roles: roles("cordon-other"),
        ..config(stage.lab.endpoint())
    });
    let permit = stage.permit("PutItem", "orders");
    let minted = other.await.mint(&permit, now, live).await.unwrap();
    another("another role", key_id(&minted));
}

#[tokio::test]
async fn reads_of_a_task_share_one_session_until_a_minute_before_its_end() {
    let stage = Stage::set().await;
    let first = stage.mint("DescribeTable", "orders").await;
    assert_eq!(stage.mint("ListTables", "").await, first);
    stage.turn(839);
    assert_eq!(stage.mint("DescribeTable", "returns").await, first);
    stage.turn(1);
    assert_ne!(stage.mint("DescribeTable", "orders").await, first);
    assert_eq!(stage.asked().len(), 2);
}

#[tokio::test]
async fn no_session_is_begun_with_after_the_end_of_its_task() {
    let stage = Stage::set().await;
    // The task ends after two hours.
    stage.turn(2 * 3_600 - 30);
    let permit = stage.permit("DescribeTable", "orders");
    let first = stage.broker.mint(&permit, stage.now(), live).await.unwrap();
    stage.turn(30);
    let second = stage.broker.mint(&permit, stage.now(), live).await.unwrap();
    assert_ne!(key_id(&first), key_id(&second));
}

/// A caller that found an ended session used to throw out what another had minted in the meantime.
/// More threads than cores, so that callers are interrupted wherever they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 16)]
async fn of_many_calls_on_an_ended_session_one_asks() {
    let stage = Arc::new(Stage::set().await);
    let permit = Arc::new(stage.permit("PutItem", "orders"));
    for round in 1..=100 {
        let start = Arc::new(Barrier::new(48));
        let callers = (0..48).map(|_| {
            let (stage, permit) = (Arc::clone(&stage), Arc::clone(&permit));
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                let minted = stage.broker.mint(&permit, stage.now(), live).await;
                key_id(&minted.unwrap())
            })
        });
        let mut keys = BTreeSet::new();
        for caller in callers.collect::<Vec<_>>() {
            keys.insert(caller.await.unwrap());
        }
        assert_eq!((keys.len(), stage.asked().len()), (1, round));
        stage.turn(60);
    }
}
