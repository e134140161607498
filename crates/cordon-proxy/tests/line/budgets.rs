//! What a task may use up holds at the moment that calls leave, and asking again does not wear a
//! refusal down.

use crate::agent::Wire;
use crate::stage::{Set, Stage};
use crate::upstream::{Manner, answer};
use cordon_store::TaskState;
use http::Method;
use std::sync::Arc;

fn deletion(stage: &Stage, key: &str) -> Wire {
    let path = format!("/reports/{key}");
    stage.agent.s3(Method::DELETE, &path, None, &[], b"")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_deletions_at_once_exactly_as_many_leave_as_the_budget_holds() {
    let set = Set {
        destroys: 3,
        ..Set::default()
    };
    let stage = Arc::new(Stage::set(set).await);
    stage.upstream.behave(Manner::answers(answer(204, "", "")));
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let wire = deletion(&stage, "old-1");
            let stage = Arc::clone(&stage);
            tokio::spawn(async move { stage.agent.send(&wire).await })
        })
        .collect();
    let mut done = 0;
    for call in calls {
        let answer = call.await.unwrap();
        match answer.status {
            204 => done += 1,
            status => assert_eq!(status, 403, "{}", answer.text()),
        }
    }
    assert_eq!(done, 3);
    assert_eq!(stage.upstream.whole().len(), 3, "no more than that left");
}

#[tokio::test]
async fn a_refused_deletion_gives_its_unit_back() {
    let set = Set {
        destroys: 1,
        ..Set::default()
    };
    let stage = Stage::set(set).await;
    stage.upstream.behave(Manner::answers(answer(403, "", "")));
    assert_eq!(
        stage.agent.send(&deletion(&stage, "old-1")).await.status,
        403
    );
    assert_eq!(stage.upstream.whole().len(), 1, "AWS refused it");
    stage.upstream.behave(Manner::answers(answer(204, "", "")));
    assert_eq!(
        stage.agent.send(&deletion(&stage, "old-1")).await.status,
        204
    );
    assert_eq!(
        stage.agent.send(&deletion(&stage, "old-2")).await.status,
        403
    );
    assert_eq!(stage.upstream.whole().len(), 2, "the budget is spent now");
}

#[tokio::test]
async fn the_third_denied_deletion_pauses_the_task_to_reads() {
    let stage = Stage::new().await;
    for key in ["a", "b"] {
        let refused = stage.agent.send(&deletion(&stage, key)).await;
        assert_eq!(refused.status, 403, "{}", refused.text());
        assert_eq!(stage.task_is().await, TaskState::Active);
    }
    // By another route: an item of a table, in a batch.
    let batch = r#"{"RequestItems":{"orders":[{"DeleteRequest":{"Key":{"id":{"S":"1"}}}}]}}"#;
    let refused = stage
        .agent
        .send(&stage.agent.dynamodb("BatchWriteItem", batch))
        .await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert_eq!(stage.task_is().await, TaskState::Paused);
    assert!(stage.upstream.whole().is_empty(), "nothing of it left");
}

#[tokio::test]
async fn asking_again_for_the_same_gets_the_same_answer_and_is_told_so() {
    let stage = Stage::new().await;
    let first = stage.agent.send(&deletion(&stage, "a")).await;
    assert!(!first.text().contains("Same answer"), "{}", first.text());
    let other = stage.agent.send(&deletion(&stage, "b")).await;
    assert!(!other.text().contains("Same answer"), "{}", other.text());
    // Of one object, but by the call for many.
    let body = b"<Delete><Object><Key>a</Key></Object></Delete>";
    let many = stage
        .agent
        .s3(Method::POST, "/reports", Some("delete="), &[], body);
    let again = stage.agent.send(&many).await;
    let expected = format!("Same answer as {}.", first.header("x-cordon-ref").unwrap());
    assert!(again.text().contains(&expected), "{}", again.text());
    let reference = again.header("x-cordon-ref").unwrap();
    let record = stage.call(reference).await.record;
    assert!(record.message.contains(&expected), "{}", record.message);
}

#[tokio::test]
async fn other_refusals_pause_nothing() {
    let stage = Stage::new().await;
    for _ in 0..5 {
        let call = stage.agent.dynamodb(
            "UpdateTable",
            r#"{"TableName":"orders","BillingMode":"PAY_PER_REQUEST"}"#,
        );
        assert_ne!(stage.agent.send(&call).await.status, 200);
    }
    assert_eq!(stage.task_is().await, TaskState::Active);
}
