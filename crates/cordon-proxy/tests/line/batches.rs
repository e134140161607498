//! Calls that people approved as one list: they go in its order, and not behind one that failed.

use crate::holds::{PEOPLE, people_are};
use crate::stage::{Set, Stage};
use crate::upstream::{Manner, answer};
use cordon_core::hold::{Answer, Hold, Vote};
use cordon_proxy::Deadlines;
use cordon_store::{HoldBounds, HoldFilter, Proposal, Proposed, Store, propose};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A stage on which a senior approved these three calls, in this order, as one.
async fn approved() -> Stage {
    let stage = Stage::set(Set {
        approvals: &["senior"],
        deadlines: Deadlines {
            park: Duration::ZERO,
            ..Deadlines::default()
        },
        ..Set::default()
    });
    let stage = stage.await;
    people_are(&stage, PEOPLE);
    for id in ["1", "2", "3"] {
        asks(&stage, id).await;
    }
    let store = &*stage.store;
    let mut waiting = store.holds(&HoldFilter::default()).await.unwrap();
    waiting.reverse();
    let holds = waiting.into_iter().map(|hold| Hold {
        id: format!("{}-B", hold.id).parse().unwrap(),
        ..hold
    });
    let now = Timestamp::now();
    let proposal = Proposal {
        id: "B-1".parse().unwrap(),
        message: "".into(),
        holds: holds.collect(),
        ends: now + jiff::SignedDuration::from_hours(1),
    };
    let people = Arc::clone(&stage.live.snapshot().people);
    let bounds = HoldBounds::default();
    let proposed = propose(store, &proposal, bounds, &people, now)
        .await
        .unwrap();
    let Proposed::Opened(batch, None) = proposed else {
        panic!("{proposed:?}");
    };
    let vote = Vote {
        person: "ola".parse().unwrap(),
        answer: Answer::Approve,
        at: now,
        note: "".into(),
    };
    batch
        .admits(&vote.person, vote.answer, &batch.digest(), &people, now)
        .unwrap();
    let said = store.vote_on_batch(&batch.id, None, batch.revision(), vote);
    said.await.unwrap();
    stage
}

/// Makes a call that does not go; gives what its agent is told.
async fn asks(stage: &Stage, id: &str) -> String {
    let answer = stage.agent.send(&stage.agent.put_item(id)).await;
    let text = answer.text();
    assert!(text.contains("CordonApprovalRequired"), "{text}");
    text
}

async fn goes(stage: &Stage, id: &str) {
    let answer = stage.agent.send(&stage.agent.put_item(id)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn calls_of_a_batch_go_in_their_order_each_once() {
    let stage = approved().await;
    for (id, number) in [("3", 3), ("2", 2)] {
        let told = asks(&stage, id).await;
        let own = format!("approved as number {number} of batch B-1");
        let first = "number 1 (dynamodb PutItem, previewed as";
        assert!(told.contains(&own) && told.contains(first), "{told}");
        assert!(told.contains("comes first"), "{told}");
    }
    assert_eq!(stage.upstream.whole().len(), 0);
    goes(&stage, "1").await;
    assert!(asks(&stage, "3").await.contains("number 2 (dynamodb"));
    let again = asks(&stage, "1").await;
    assert!(again.contains("each lets one call go"), "{again}");
    goes(&stage, "2").await;
    goes(&stage, "3").await;
    let more = asks(&stage, "4").await;
    assert!(more.contains("waits for 1 approval of senior"), "{more}");
    assert_eq!(stage.upstream.whole().len(), 3);
}

#[tokio::test]
async fn nothing_goes_behind_a_call_of_its_batch_that_failed() {
    let stage = approved().await;
    stage
        .upstream
        .behave(Manner::answers(answer(500, "", "{}")));
    let failed = stage.agent.send(&stage.agent.put_item("1")).await;
    assert_eq!(failed.status, 500, "{}", failed.text());
    stage
        .upstream
        .behave(Manner::answers(answer(200, "", "{}")));
    for id in ["2", "3"] {
        let told = asks(&stage, id).await;
        let broken = "another call of which did not go as it was approved";
        assert!(told.contains(broken), "{told}");
    }
    assert_eq!(stage.upstream.whole().len(), 1);
}
