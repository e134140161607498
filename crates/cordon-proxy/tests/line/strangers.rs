//! Who knocks without a session is seen by the security team, and cannot fill the disk.

use crate::agent::Agent;
use crate::stage::Stage;
use cordon_aws::sigv4::{SecretKey, SigningCredentials};
use cordon_core::record::RecordedOutcome;
use cordon_store::StoredCall;
use std::sync::atomic::AtomicU32;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LEAKED: &str = "AKIALEAKED0000000001";

/// Somebody with a key that no session has.
fn foreign(stage: &Stage) -> Agent {
    Agent {
        address: stage.agent.address,
        credentials: SigningCredentials::new(
            LEAKED.parse().unwrap(),
            SecretKey::new("a/secret/of/nobody".to_owned()),
            None,
        ),
        signed: AtomicU32::new(0),
    }
}

async fn say(stage: &Stage, bytes: &str) -> String {
    let mut stream = TcpStream::connect(stage.agent.address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    said
}

async fn rejected(stage: &Stage) -> Vec<StoredCall> {
    let mut calls = stage.store.tail_all().await;
    calls.retain(|call| call.record.outcome == RecordedOutcome::Rejected);
    calls
}

#[tokio::test]
async fn whoever_knocks_without_a_session_is_recorded() {
    let stage = Stage::new().await;
    let foreign = foreign(&stage);
    let answer = foreign.send(&foreign.put_item("1")).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let address = stage.agent.address;
    let unsigned = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nx-amz-target: DynamoDB_20120810.PutItem\r\n\
         content-type: application/x-amz-json-1.0\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
    );
    assert!(say(&stage, &unsigned).await.starts_with("HTTP/1.1 400"));
    let malformed = format!("GET /\x01 HTTP/1.1\r\nhost: {address}\r\n\r\n");
    assert!(say(&stage, &malformed).await.starts_with("HTTP/1.1 400"));
    let elsewhere = "GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n";
    assert!(say(&stage, elsewhere).await.starts_with("HTTP/1.1 4"));

    let rejected = rejected(&stage).await;
    assert_eq!(rejected.len(), 4, "{rejected:#?}");
    let first = &rejected[0].record;
    assert_eq!(&*first.code, "UnrecognizedClientException");
    assert_eq!(&*first.reference, answer.header("x-cordon-ref").unwrap());
    assert_eq!((&*first.task, &*first.session), ("", ""));
    assert!(first.parameters.contains(LEAKED), "{}", first.parameters);
    assert_eq!(
        &*rejected[1].record.code,
        "MissingAuthenticationTokenException"
    );
    assert!(rejected[3].record.message.contains("evil.example"));
    let kept = format!("{rejected:?}");
    for secret in ["a/secret/of/nobody", "Signature="] {
        assert!(!kept.contains(secret), "{kept}");
    }
    assert!(stage.upstream.seen().is_empty());
    stage.next_good_call_works().await;
}

#[tokio::test]
async fn a_flood_of_them_is_recorded_in_part_and_takes_no_room_from_sessions() {
    let stage = Stage::new().await;
    let foreign = foreign(&stage);
    for _ in 0..200 {
        assert_eq!(foreign.send(&foreign.get_item()).await.status, 400);
    }
    let kept = rejected(&stage).await.len();
    assert!((60..100).contains(&kept), "{kept}");

    // A refusal of the session itself is still recorded, and so is its next good call.
    let refused = stage.agent.dynamodb("DescribeEverything", "{}");
    let refused = stage.agent.send(&refused).await;
    let record = stage.call(refused.header("x-cordon-ref").unwrap()).await;
    assert_eq!(&*record.record.session, "S-LINE");
    stage.next_good_call_works().await;
}
