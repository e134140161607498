//! What every store promises of batches.

use crate::fixture::*;
use cordon_core::hold::{Answer, Answered, Batch, CheckResult, Closing, Ended, Hold, Reason, Vote};
use cordon_core::names::BatchId;
use cordon_core::record::CallRecord;
use cordon_store::{
    BatchFilter, Budget, HoldBounds, RecordError, Recorded, Store, StoreError, TaskState,
};
use std::sync::Arc;

fn batch(id: &str, of: &str, digests: &[&str]) -> Batch {
    let holds = digests
        .iter()
        .map(|digest| hold(&format!("H-{id}-{digest}"), of, digest));
    let id = id.parse().unwrap();
    Batch::of(id, "rename the column".into(), holds.collect(), at(3_600)).unwrap()
}

async fn proposed(store: &dyn Store, id: &str, of: &str, digests: &[&str]) -> Batch {
    let batch = batch(id, of, digests);
    let kept = store.propose(batch.clone(), None, HoldBounds::default());
    kept.await.unwrap();
    batch
}

async fn kept(store: &dyn Store, id: &str) -> Batch {
    store.batch(&id.parse().unwrap()).await.unwrap().unwrap()
}

async fn vote(store: &dyn Store, id: &str, vote: Vote) -> Result<(), StoreError> {
    let seen = kept(store, id).await;
    store
        .vote_on_batch(&seen.id, None, seen.revision(), vote)
        .await
}

/// Lets the call of this number go, as it stands.
async fn goes(store: &dyn Store, id: &str, number: usize) -> Result<Recorded, RecordError> {
    let batch = kept(store, id).await;
    let hold = &batch.calls[number - 1].hold;
    let reference = format!("R{number}-{}", batch.revision());
    let record = CallRecord {
        digest: hold.digest.clone(),
        ..approved(
            &reference,
            hold.task.as_str(),
            hold.id.as_str(),
            batch.revision(),
        )
    };
    store.record(record, Budget::default()).await
}

fn ends(batch: &Batch) -> Vec<Option<Closing>> {
    let how = |hold: &Hold| hold.ended.as_ref().map(|ended| ended.how);
    batch.holds().map(how).collect()
}

pub(crate) async fn a_batch_comes_back_as_it_was_proposed(store: Arc<dyn Store>) {
    let first = proposed(&*store, "B-1", "T-1", &["a", "b"]).await;
    assert_eq!(kept(&*store, "B-1").await, first);
    let other = proposed(&*store, "B-2", "T-2", &["a"]).await;
    let found = |filter: BatchFilter| {
        let store = Arc::clone(&store);
        async move { store.batches(&filter).await.unwrap() }
    };
    let all = found(BatchFilter::default()).await;
    assert_eq!(all, [other.clone(), first.clone()]);
    let of_task = BatchFilter {
        task: Some("T-1".parse().unwrap()),
        ..BatchFilter::default()
    };
    assert_eq!(found(of_task).await, [first]);
    let next = BatchFilter {
        before: Some(other.id),
        under_way: true,
        limit: Some(1),
        ..BatchFilter::default()
    };
    assert_eq!(found(next).await.len(), 1);
    let none: BatchId = "B-9".parse().unwrap();
    assert_eq!(store.batch(&none).await.unwrap(), None);
}

pub(crate) async fn of_a_batch_all_calls_wait_or_none(store: Arc<dyn Store>) {
    let alone = hold("H-1", "T-1", "b");
    let bounds = HoldBounds::default();
    store.open_hold(alone.clone(), bounds).await.unwrap();
    let again = store.propose(batch("B-1", "T-1", &["a", "b"]), None, bounds);
    let again = again.await;
    assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");
    let full = HoldBounds { of_task: 1, all: 9 };
    let crowded = store.propose(batch("B-1", "T-1", &["a"]), None, full);
    let crowded = crowded.await;
    assert!(matches!(crowded, Err(StoreError::Crowded)), "{crowded:?}");
    store.put_task(task("T-2")).await.unwrap();
    let stopped = "T-2".parse().unwrap();
    let state = store.set_task_state(&stopped, TaskState::Stopped);
    state.await.unwrap();
    let late = store.propose(batch("B-1", "T-2", &["a"]), None, bounds);
    let late = late.await;
    assert!(matches!(late, Err(StoreError::Outdated { .. })), "{late:?}");
    assert_eq!(store.batches(&BatchFilter::default()).await.unwrap(), []);
    let waiting = store.holds(&Default::default()).await.unwrap();
    assert_eq!(waiting, std::slice::from_ref(&alone));

    // What waits by itself goes over to the batch that follows it.
    let mut taking = batch("B-1", "T-1", &["a", "b"]);
    taking.calls[1].hold.follows = Some((alone.id.clone(), Closing::Withdrawn));
    store.propose(taking, None, bounds).await.unwrap();
    let alone = store.hold(&alone.id).await.unwrap().unwrap();
    assert_eq!(alone.ended.unwrap().how, Closing::Withdrawn);
}

pub(crate) async fn a_task_has_one_batch_under_way(store: Arc<dyn Store>) {
    proposed(&*store, "B-1", "T-1", &["a", "b"]).await;
    vote(&*store, "B-1", yes("mei", 20)).await.unwrap();
    let next = batch("B-2", "T-1", &["a", "c"]);
    for seen in [None, Some("B-2"), Some("B-9")] {
        let replaces = seen.map(|id| id.parse().unwrap());
        let unseen = store.propose(next.clone(), replaces, HoldBounds::default());
        let unseen = unseen.await;
        let outdated = matches!(unseen, Err(StoreError::Outdated { .. }));
        assert!(outdated, "{seen:?}: {unseen:?}");
    }
    let replaces = Some("B-1".parse().unwrap());
    let done = store.propose(next.clone(), replaces, HoldBounds::default());
    done.await.unwrap();
    let withdrawn = Some(Closing::Withdrawn);
    assert_eq!(ends(&kept(&*store, "B-1").await), [withdrawn, withdrawn]);
    // Nothing that was said of the one counts for the other.
    assert_eq!(kept(&*store, "B-2").await, next);
    let gone = goes(&*store, "B-1", 1).await;
    assert!(matches!(gone, Err(RecordError::ApprovalGone)), "{gone:?}");
}

pub(crate) async fn a_vote_on_a_batch_is_of_all_that_was_seen(store: Arc<dyn Store>) {
    let seen = proposed(&*store, "B-1", "T-1", &["a", "b"]).await;
    let (first, second) = (&seen.calls[0].hold.id, &seen.calls[1].hold.id);
    let passed = report("canary-tests", CheckResult::Passed, 20);
    store.report(second, 0, passed).await.unwrap();
    for revision in [0, 2, u64::MAX] {
        let late = store
            .vote_on_batch(&seen.id, None, revision, yes("mei", 21))
            .await;
        assert!(matches!(late, Err(StoreError::Outdated { .. })), "{late:?}");
    }
    vote(&*store, "B-1", yes("mei", 21)).await.unwrap();
    let voted = kept(&*store, "B-1").await;
    assert_eq!(voted.revision(), 3);
    assert!(voted.holds().all(|hold| hold.votes == [yes("mei", 21)]));
    let no = Vote {
        answer: Answer::Reject(Reason::WrongTarget),
        ..yes("ola", 22)
    };
    let one = store.vote_on_batch(&seen.id, Some(second.clone()), 3, no.clone());
    one.await.unwrap();
    let voted = kept(&*store, "B-1").await;
    assert_eq!(voted.calls[0].hold.votes, [yes("mei", 21)]);
    assert_eq!(voted.calls[1].hold.votes, [yes("mei", 21), no.clone()]);
    let ended = Ended {
        how: Closing::Withdrawn,
        at: at(30),
        by: None,
    };
    store.end_hold(first, ended).await.unwrap();
    let over = vote(&*store, "B-1", no).await;
    assert!(matches!(over, Err(StoreError::Outdated { .. })), "{over:?}");
}

pub(crate) async fn calls_of_a_batch_go_in_their_order_and_once(store: Arc<dyn Store>) {
    proposed(&*store, "B-1", "T-1", &["a", "b", "c"]).await;
    vote(&*store, "B-1", yes("mei", 20)).await.unwrap();
    let stays = async |number| {
        let gone = goes(&*store, "B-1", number).await;
        assert!(matches!(gone, Err(RecordError::ApprovalGone)), "{gone:?}");
    };
    stays(2).await;
    stays(3).await;
    let first = goes(&*store, "B-1", 1).await.unwrap();
    // It is under way, and once is once.
    stays(1).await;
    stays(2).await;
    assert_eq!(kept(&*store, "B-1").await.calls[0].answered, None);
    store.close(first, answered(200), TOOK).await.unwrap();
    stays(1).await;
    stays(3).await;
    let second = goes(&*store, "B-1", 2).await.unwrap();
    store.close(second, answered(400), TOOK).await.unwrap();
    stays(3).await;
    let batch = kept(&*store, "B-1").await;
    let answers: Vec<_> = batch.calls.iter().map(|call| call.answered).collect();
    let (well, badly) = (Some(Answered::Well), Some(Answered::Badly));
    assert_eq!(answers, [well, badly, None]);
}

pub(crate) async fn what_ends_one_call_of_a_batch_ends_the_others(store: Arc<dyn Store>) {
    proposed(&*store, "B-1", "T-1", &["a", "b", "c"]).await;
    vote(&*store, "B-1", yes("mei", 20)).await.unwrap();
    let first = goes(&*store, "B-1", 1).await.unwrap();
    store.close(first, answered(200), TOOK).await.unwrap();
    let follow = |number: usize, id: &'static str| {
        let store = Arc::clone(&store);
        async move {
            let before = kept(&*store, "B-1").await.calls[number - 1].hold.clone();
            let next = Hold {
                follows: Some((before.id, Closing::Changed)),
                ..hold(id, "T-1", &before.digest)
            };
            store.open_hold(next, HoldBounds::default()).await.unwrap();
        }
    };
    // Who makes the first call again asks for it by itself, and the rest goes on.
    follow(1, "H-8").await;
    let used = Some(Closing::Used);
    assert_eq!(ends(&kept(&*store, "B-1").await), [used, None, None]);
    follow(3, "H-9").await;
    let ended = [used, Some(Closing::Broken), Some(Closing::Changed)];
    assert_eq!(ends(&kept(&*store, "B-1").await), ended);
    let gone = goes(&*store, "B-1", 2).await;
    assert!(matches!(gone, Err(RecordError::ApprovalGone)), "{gone:?}");
}

pub(crate) async fn what_is_said_of_any_call_of_a_batch_stops_the_next(store: Arc<dyn Store>) {
    let seen = proposed(&*store, "B-1", "T-1", &["a", "b"]).await;
    vote(&*store, "B-1", yes("mei", 20)).await.unwrap();
    let decided = kept(&*store, "B-1").await.revision();
    let failed = report("canary-tests", CheckResult::Failed, 21);
    let last = &seen.calls[1].hold.id;
    store.report(last, 1, failed).await.unwrap();
    for revision in [0, 1, decided, decided + 2] {
        let record = CallRecord {
            digest: "a".into(),
            ..approved("R1", "T-1", seen.calls[0].hold.id.as_str(), revision)
        };
        let gone = store.record(record, Budget::default()).await;
        assert!(matches!(gone, Err(RecordError::ApprovalGone)), "{gone:?}");
    }
    drop(goes(&*store, "B-1", 1).await.unwrap());
}

pub(crate) async fn a_batch_is_one_thing_to_look_at(store: Arc<dyn Store>) {
    let bounds = HoldBounds { of_task: 2, all: 9 };
    let many = batch("B-1", "T-1", &["a", "b", "c", "d"]);
    store.propose(many, None, bounds).await.unwrap();
    let one = store.open_hold(hold("H-1", "T-1", "x"), bounds).await;
    one.unwrap();
    let more = store.open_hold(hold("H-2", "T-1", "y"), bounds).await;
    assert!(matches!(more, Err(StoreError::Crowded)), "{more:?}");
    let elsewhere = store.open_hold(hold("H-3", "T-2", "y"), bounds).await;
    elsewhere.unwrap();
    store.put_task(task("T-1")).await.unwrap();
    let id = "T-1".parse().unwrap();
    store.set_task_state(&id, TaskState::Stopped).await.unwrap();
    let withdrawn = [Some(Closing::Withdrawn); 4];
    assert_eq!(ends(&kept(&*store, "B-1").await), withdrawn);
}
