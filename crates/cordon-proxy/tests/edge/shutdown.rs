//! The end: what is under way is finished, nothing new begins, and what did not finish is told.

use crate::harness::call::Call;
use crate::harness::talk::Talk;
use crate::harness::{DYNAMODB, World};
use cordon_core::names::Reference;
use cordon_proxy::Closed;
use cordon_store::CallFilter;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

const LONG: Duration = Duration::from_secs(300);

/// Whoever comes now gets nothing: the connection is refused, or ends without an answer.
async fn check_nobody_is_taken(address: SocketAddr) {
    if TcpStream::connect(address).await.is_ok() {
        let mut talk = Talk::tcp(address).await;
        talk.send(Call::good().to(&address.to_string())).await;
        assert_eq!(talk.rest().await, "");
    }
}

#[tokio::test]
async fn what_is_under_way_is_finished() {
    let mut world = World::start().await;
    let address = world.address();
    let mut direct = world.connect().await;
    let mut connected = world.connect_to(DYNAMODB).await;
    world.gate.shut();
    let before = world.gate.asked();
    direct.send(Call::good().to(&world.own())).await;
    connected.send(Call::good().to(DYNAMODB)).await;
    world.gate.asked_since(before + 1).await;
    let mut idle = world.connect().await;
    let gate = world.gate;
    let closing = tokio::spawn(world.running.close(LONG));
    assert_eq!(idle.rest().await, "", "idle ones end at once");
    check_nobody_is_taken(address).await;

    gate.open();
    for talk in [&mut direct, &mut connected] {
        let answer = talk.answer().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(talk.rest().await, "");
    }
    let closed = closing.await.unwrap();
    let nothing = Closed {
        unfinished: Vec::new(),
        cut: 0,
    };
    assert_eq!(closed, nothing);
    assert!(TcpStream::connect(address).await.is_err());
    let calls = world.store.search(&CallFilter::default()).await.unwrap();
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|call| call.closed.is_some()), "{calls:?}");
}

#[tokio::test]
async fn kept_connections_end_at_once() {
    let world = World::start().await;
    let mut direct = world.connect().await;
    direct.send(Call::good().to(&world.own())).await;
    direct.check_good().await;
    let mut connected = world.connect_to(DYNAMODB).await;
    connected.send(Call::good().to(DYNAMODB)).await;
    connected.check_good().await;
    let mut silent = world.connect().await;
    // Accepted for certain: one that came after it was answered.
    let mut other = world.connect().await;
    other.send(Call::good().to(&world.own())).await;
    other.check_good().await;
    let closed = world.running.close(LONG).await;
    assert_eq!(closed.cut, 0);
    for talk in [&mut direct, &mut connected, &mut silent, &mut other] {
        assert_eq!(talk.rest().await, "");
    }
}

/// D07: a call that left and has no outcome is told, and stays open in the store.
#[tokio::test]
async fn what_does_not_finish_is_told() {
    let mut world = World::start().await;
    let mut talk = world.connect().await;
    world.gate.shut();
    let before = world.gate.asked();
    talk.send(Call::good().to(&world.own())).await;
    world.gate.asked_since(before).await;
    let closed = world.running.close(Duration::from_millis(10)).await;
    assert_eq!(closed.cut, 1);
    assert_eq!(talk.rest().await, "", "it is cut without an answer");
    let calls = world.store.search(&CallFilter::default()).await.unwrap();
    let [call] = &calls[..] else {
        panic!("one call: {calls:?}");
    };
    let told: Vec<_> = closed.unfinished.iter().map(Reference::as_str).collect();
    assert_eq!(told, [&*call.record.reference]);
    assert!(call.closed.is_none(), "{call:?}");
}
