//! The switch that stops everything, thrown in the middle of a loop of ten thousand deletions and of an
//! upload: nothing follows it, and what is written down is what AWS saw.

use crate::stage::{Set, Stage};
use crate::upstream::{Manner, answer};
use cordon_aws::sigv4::PayloadMode;
use cordon_core::ledger::Ledger;
use cordon_core::record::CallResult;
use cordon_core::session::Sessions;
use cordon_store::{Store as _, StoredCall};
use http::Method;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncWriteExt as _;

/// How often the agents mean to delete.
const CALLS: usize = 10_000;
/// How many of them delete at the same time.
const AGENTS: usize = 8;
/// How many deletions AWS has seen when the switch is thrown.
const MIDDLE: usize = 500;

/// Deletes until none of [`CALLS`] is left, whatever is answered. Gives how often it was done, and how
/// often refused.
async fn delete_on(stage: Arc<Stage>, left: Arc<AtomicUsize>) -> (usize, usize) {
    let (mut done, mut refused) = (0, 0);
    while left
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        })
        .is_ok()
    {
        let deletion = stage
            .agent
            .s3(Method::DELETE, "/reports/old-1", None, &[], b"");
        match stage.agent.send(&deletion).await.status {
            204 => done += 1,
            403 => refused += 1,
            other => panic!("answered by {other}"),
        }
    }
    (done, refused)
}

/// What was let go so far, by reference.
async fn let_go(stage: &Stage) -> BTreeSet<String> {
    let calls = stage.store.tail_all().await;
    let allowed = calls
        .into_iter()
        .filter(|call| call.record.outcome.allowed());
    allowed
        .map(|call| call.record.reference.to_string())
        .collect()
}

fn is_open(call: &StoredCall) -> bool {
    call.record.outcome.allowed() && call.closed.is_none()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_the_middle_of_ten_thousand_deletions_is_the_end_of_them() {
    let stage = Stage::set(Set {
        destroys: 20_000,
        ..Set::default()
    });
    let stage = Arc::new(stage.await);
    stage.upstream.behave(Manner::answers(answer(204, "", "")));
    let content = vec![b'x'; 300_000];
    let wire = stage
        .agent
        .upload("/reports/2026.csv", PayloadMode::Unsigned, &content, None);
    let mut upload = stage.agent.begin(&wire).await;
    upload.write_all(&wire.body[..150_000]).await.unwrap();
    stage.upstream.has_begun(1).await;
    let left = Arc::new(AtomicUsize::new(CALLS));
    let agents: Vec<_> = (0..AGENTS)
        .map(|_| tokio::spawn(delete_on(Arc::clone(&stage), Arc::clone(&left))))
        .collect();
    stage.upstream.has_seen(MIDDLE).await;
    let stopped = stage.store.stop_tasks(Timestamp::now()).await.unwrap();
    stage.live.set_sessions(Arc::new(Sessions::default()));
    stage.live.settled().await;
    // Here the stop is acknowledged. What was let go by now is all that ever is; of that, what is still
    // open may be on its way between two sockets.
    assert_eq!(stopped, ["T-LINE".parse().unwrap()]);
    let calls = stage.store.tail_all().await;
    let open = calls.iter().filter(|call| is_open(call)).count();
    let begun = stage.upstream.begun();
    let before = let_go(&stage).await;
    assert!(left.load(Ordering::SeqCst) > 0, "it was in the middle");

    let (mut done, mut refused) = (0, 0);
    for agent in agents {
        let (of_agent, refusals) = agent.await.unwrap();
        done += of_agent;
        refused += refusals;
    }
    assert_eq!(done + refused, CALLS);
    let cut = crate::agent::answer(upload).await;
    assert!(cut.text().contains("CordonSessionOver"), "{}", cut.text());

    let mut sent = 0;
    for reference in &before {
        match stage.closed(reference).await {
            CallResult::NotSent { .. } => {}
            _ => sent += 1,
        }
    }
    assert_eq!(let_go(&stage).await, before, "nothing was let go behind it");
    assert_eq!(
        stage.upstream.whole().len(),
        sent,
        "AWS saw what is recorded"
    );
    assert_eq!(stage.upstream.seen().len(), sent + 1, "and half an upload");
    let more = stage.upstream.begun() - begun;
    assert!(
        more <= open,
        "{more} came in of {open} that were on their way"
    );
    assert!(done <= sent && sent <= done + AGENTS, "{done}, {sent}");
    let ledger: Arc<Ledger> = stage
        .store
        .ledger(&"T-LINE".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(usize::try_from(ledger.used.destroys).unwrap(), sent);
}
