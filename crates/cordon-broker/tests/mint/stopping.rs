//! Sessions of a task leave with it, also those that are minted at that moment.

use crate::desk::Desk;
use crate::hostile::{HostileSts, session};
use crate::{Stage, config, key_id, live};
use cordon_broker::{Broker, MintError};
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test]
async fn a_task_that_ended_leaves_no_session() {
    let stage = Stage::set().await;
    let now = stage.now();
    let change = stage.mint("PutItem", "orders").await;
    let read = stage.mint("DescribeTable", "orders").await;
    let other = stage.desk.session("T-2", now);
    let permit = stage.desk.permit(&other, "PutItem", "orders", now);
    let others = key_id(&stage.broker.mint(&permit, now, live).await.unwrap());

    stage.broker.forget(stage.session.task.id()).await;
    assert_ne!(stage.mint("PutItem", "orders").await, change);
    assert_ne!(stage.mint("DescribeTable", "orders").await, read);
    assert_eq!(
        key_id(&stage.broker.mint(&permit, now, live).await.unwrap()),
        others,
        "another task keeps its own"
    );
}

#[tokio::test]
async fn a_session_that_is_stopped_while_sts_is_asked_gets_nothing_and_leaves_nothing() {
    let now: Timestamp = "2026-11-25T09:00:00Z".parse().unwrap();
    let answers = ["ASIAEXAMPLEEXAMPLE01", "ASIAEXAMPLEEXAMPLE02"]
        .map(|key_id| session(key_id, "secret", "2026-11-25T09:15:00Z"));
    let sts = HostileSts::gated(answers).await;
    let broker = Arc::new(Broker::new(config(sts.endpoint())).await);
    let desk = Desk::new();
    let session = desk.session("T-1", now);
    let permit = Arc::new(desk.permit(&session, "PutItem", "orders", now));
    let served = Arc::new(AtomicBool::new(true));

    let minting = tokio::spawn({
        let (broker, permit) = (Arc::clone(&broker), Arc::clone(&permit));
        let served = Arc::clone(&served);
        async move {
            let is_live = || served.load(Ordering::SeqCst);
            broker.mint(&permit, now, is_live).await
        }
    });
    sts.question().await;
    served.store(false, Ordering::SeqCst);
    broker.forget(session.task.id()).await;
    sts.let_go();
    assert_eq!(minting.await.unwrap().unwrap_err(), MintError::Stopped);

    // A later session on the task finds nothing of it.
    sts.let_go();
    let minted = broker.mint(&permit, now, live).await.unwrap();
    assert_eq!(key_id(&minted), "ASIAEXAMPLEEXAMPLE02");
    assert_eq!(sts.asked(), 2);
}

#[tokio::test]
async fn a_stopped_session_gets_no_kept_session_either() {
    let stage = Stage::set().await;
    stage.mint("PutItem", "orders").await;
    let permit = stage.permit("PutItem", "orders");
    let minted = stage.broker.mint(&permit, stage.now(), || false).await;
    assert_eq!(minted.unwrap_err(), MintError::Stopped);
}
