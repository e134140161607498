//! Calls that people decide about: what must never let one go, and what does, once.

use crate::agent::{Answer, Wire};
use crate::stage::{Set, Stage};
use crate::upstream::{Manner, Seen, answer};
use cordon_aws::sigv4::PayloadMode;
use cordon_core::decide::Posture;
use cordon_core::hold::{self, Closing, Hold, Reason, Vote};
use cordon_core::people::People;
use cordon_core::session::SessionState;
use cordon_proxy::Deadlines;
use cordon_store::{HoldBounds, HoldFilter, Store, TaskState};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

pub(crate) const PEOPLE: &str = r#"
schema = "cordon.people/v1"
[[person]]
name = "mia"
email = "mia@example.com"
groups = ["senior"]
[[person]]
name = "ola"
groups = ["senior"]
[[person]]
name = "kim"
groups = ["incident-commander"]
[[person]]
name = "eve"
groups = ["interns"]
"#;

/// Long enough that a call which waits is never answered by the clock.
const LONG: Duration = Duration::from_secs(600);

/// A stage whose task asks for a senior, and whose clients wait for this long.
async fn stage(park: Duration) -> Arc<Stage> {
    let stage = Stage::set(Set {
        approvals: &["senior"],
        deadlines: Deadlines {
            park,
            ..Deadlines::default()
        },
        ..Set::default()
    });
    let stage = stage.await;
    people_are(&stage, PEOPLE);
    Arc::new(stage)
}

pub(crate) fn people_are(stage: &Stage, text: &str) {
    let people = People::parse("people.toml", text).unwrap();
    stage.live.set_people(Arc::new(people));
}

fn sent(stage: &Arc<Stage>, wire: Wire) -> JoinHandle<Answer> {
    let stage = Arc::clone(stage);
    tokio::spawn(async move { stage.agent.send(&wire).await })
}

async fn holds(stage: &Stage) -> Vec<Hold> {
    stage.store.holds(&HoldFilter::default()).await.unwrap()
}

/// The newest hold, once there are `count` and each was asked for so often.
pub(crate) async fn waiting(stage: &Stage, count: usize, asked: u32) -> Hold {
    let look = async || {
        let mut holds = holds(stage).await;
        let is_it = holds.len() == count && holds.first().is_some_and(|it| it.asked == asked);
        is_it.then(|| holds.remove(0))
    };
    stage.store.once(look).await
}

/// What a person says, as the control plane would have it written.
pub(crate) async fn said(stage: &Stage, id: &Hold, person: &str, word: &str) -> Result<(), String> {
    let hold = stage.store.hold(&id.id).await.unwrap().unwrap();
    let people = Arc::clone(&stage.live.snapshot().people);
    let person = person.parse().unwrap();
    let answer = hold::Answer::named(word).unwrap();
    let now = Timestamp::now();
    hold.admits(&person, answer, &hold.digest, &people, now)
        .map_err(|error| error.to_string())?;
    let vote = Vote {
        person,
        answer,
        at: now,
        note: "the agent never reads this".into(),
    };
    let written = stage.store.vote(&hold.id, hold.revision(), vote).await;
    written.map_err(|error| error.to_string())
}

/// DynamoDB says no with 400, S3 with 403.
fn refused(answer: &Answer) -> bool {
    matches!(answer.status, 400 | 403)
}

fn asks(answer: &Answer) -> String {
    let text = answer.text();
    assert!(refused(answer), "{text}");
    assert!(text.contains("CordonApprovalRequired"), "{text}");
    text
}

#[tokio::test]
async fn a_call_waits_and_goes_once_someone_else_said_yes() {
    let stage = stage(LONG).await;
    let call = sent(&stage, stage.agent.put_item("1"));
    let hold = waiting(&stage, 1, 1).await;
    assert_eq!(stage.upstream.whole().len(), 0);
    // It can be looked at while it waits.
    let record = stage.written(hold.reference.as_str()).await.record;
    assert_eq!(record.outcome.as_str(), "hold");
    assert_eq!(record.digest, hold.digest);
    assert_eq!(record.parameters.matches("orders").count(), 1);
    said(&stage, &hold, "ola", "approve").await.unwrap();
    let answer = call.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(stage.upstream.whole().len(), 1);
    let ended = waiting(&stage, 1, 1).await.ended.unwrap();
    assert_eq!(ended.how, Closing::Used);
    let used = stage.call(ended.by.unwrap().as_str()).await.record;
    assert!(used.outcome.allowed());
    assert_eq!(used.hold.unwrap().id, hold.id);
}

#[tokio::test]
async fn nobody_lifts_a_hold_who_was_not_asked() {
    let stage = stage(LONG).await;
    let call = sent(&stage, stage.agent.put_item("1"));
    let hold = waiting(&stage, 1, 1).await;
    for (person, why) in [
        ("mia", "the sponsor of a task never lifts its holds"),
        ("eve", "only members of senior"),
        ("kim", "only members of senior"),
        ("nobody", "only members of senior"),
    ] {
        let refused = said(&stage, &hold, person, "approve").await.unwrap_err();
        assert!(refused.contains(why), "{person}: {refused}");
        // And not even when it was written all the same.
        let vote = Vote {
            person: person.parse().unwrap(),
            answer: hold::Answer::Approve,
            at: Timestamp::now(),
            note: "".into(),
        };
        let now = stage.store.hold(&hold.id).await.unwrap().unwrap();
        stage
            .store
            .vote(&hold.id, now.revision(), vote)
            .await
            .unwrap();
    }
    stage.session_is(SessionState::Stopped);
    asks(&call.await.unwrap());
    assert_eq!(stage.upstream.whole().len(), 0);
}

#[tokio::test]
async fn the_same_call_again_passes_once_after_it_was_approved() {
    let stage = stage(Duration::ZERO).await;
    let text = asks(&stage.agent.send(&stage.agent.put_item("1")).await);
    let hold = waiting(&stage, 1, 1).await;
    assert!(text.contains(hold.id.as_str()), "{text}");
    said(&stage, &hold, "ola", "approve").await.unwrap();
    let answer = stage.agent.send(&stage.agent.put_item("1")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = asks(&stage.agent.send(&stage.agent.put_item("1")).await);
    assert!(text.contains("was used"), "{text}");
    let next = waiting(&stage, 2, 1).await;
    assert_eq!(next.follows, Some((hold.id, Closing::Used)));
    assert_eq!(stage.upstream.whole().len(), 1);
}

#[tokio::test]
async fn another_parameter_is_another_call() {
    let stage = stage(Duration::ZERO).await;
    asks(&stage.agent.send(&stage.agent.put_item("1")).await);
    let hold = waiting(&stage, 1, 1).await;
    said(&stage, &hold, "ola", "approve").await.unwrap();
    asks(&stage.agent.send(&stage.agent.put_item("2")).await);
    assert_eq!(waiting(&stage, 2, 1).await.follows, None);
    assert_eq!(stage.upstream.whole().len(), 0);
}

#[tokio::test]
async fn the_same_call_joins_its_hold() {
    let stage = stage(LONG).await;
    let first = sent(&stage, stage.agent.put_item("1"));
    waiting(&stage, 1, 1).await;
    let second = sent(&stage, stage.agent.put_item("1"));
    let hold = waiting(&stage, 1, 2).await;
    said(&stage, &hold, "ola", "approve").await.unwrap();
    stage.upstream.has_seen(1).await;
    // One of them went; the other was told so at that moment, or waits anew.
    let used = stage.store.hold(&hold.id).await.unwrap().unwrap();
    assert_eq!(used.ended.unwrap().how, Closing::Used);
    stage.session_is(SessionState::Stopped);
    let mut statuses = [first.await.unwrap().status, second.await.unwrap().status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    assert_eq!(stage.upstream.whole().len(), 1);
}

#[tokio::test]
async fn a_no_reaches_the_agent_with_its_reason_and_stays() {
    let stage = stage(LONG).await;
    let call = sent(&stage, stage.agent.put_item("1"));
    let hold = waiting(&stage, 1, 1).await;
    said(&stage, &hold, "ola", Reason::TooBroad.as_str())
        .await
        .unwrap();
    for answer in [
        call.await.unwrap(),
        stage.agent.send(&stage.agent.put_item("1")).await,
    ] {
        let text = answer.text();
        assert!(refused(&answer), "{text}");
        assert!(text.contains("Reason: too-broad."), "{text}");
        assert!(
            !text.contains("ola") && !text.contains("never reads"),
            "{text}"
        );
    }
    assert_eq!(holds(&stage).await.len(), 1);
    assert_eq!(stage.upstream.whole().len(), 0);
}

#[tokio::test]
async fn a_yes_of_someone_who_left_since_counts_no_more() {
    let stage = stage(Duration::ZERO).await;
    asks(&stage.agent.send(&stage.agent.put_item("1")).await);
    let hold = waiting(&stage, 1, 1).await;
    said(&stage, &hold, "ola", "approve").await.unwrap();
    people_are(&stage, &PEOPLE.replace("\"ola\"", "\"uma\""));
    asks(&stage.agent.send(&stage.agent.put_item("1")).await);
    assert_eq!(stage.upstream.whole().len(), 0);
    people_are(&stage, PEOPLE);
    let answer = stage.agent.send(&stage.agent.put_item("1")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn an_approval_is_worth_nothing_once_changes_are_frozen() {
    let stage = stage(Duration::ZERO).await;
    asks(&stage.agent.send(&stage.agent.put_item("1")).await);
    let hold = waiting(&stage, 1, 1).await;
    said(&stage, &hold, "ola", "approve").await.unwrap();
    stage.live.set_posture(Posture::Freeze);
    let text = asks(&stage.agent.send(&stage.agent.put_item("1")).await);
    assert!(text.contains("A change freeze is in force"), "{text}");
    let frozen = waiting(&stage, 2, 1).await;
    assert_eq!(frozen.follows, Some((hold.id, Closing::Changed)));
    said(&stage, &frozen, "ola", "approve").await.unwrap();
    asks(&stage.agent.send(&stage.agent.put_item("1")).await);
    assert_eq!(stage.upstream.whole().len(), 0);
    // The incident commander may, even so.
    said(&stage, &frozen, "kim", "approve").await.unwrap();
    let answer = stage.agent.send(&stage.agent.put_item("1")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_retries_at_once_one_approval_lets_one_go() {
    let stage = stage(Duration::ZERO).await;
    asks(&stage.agent.send(&stage.agent.put_item("1")).await);
    let hold = waiting(&stage, 1, 1).await;
    said(&stage, &hold, "ola", "approve").await.unwrap();
    let wires: Vec<Wire> = (0..64).map(|_| stage.agent.put_item("1")).collect();
    let calls: Vec<_> = wires.into_iter().map(|wire| sent(&stage, wire)).collect();
    let mut done = 0;
    for call in calls {
        let answer = call.await.unwrap();
        match answer.status {
            200 => done += 1,
            _ => drop(asks(&answer)),
        }
    }
    assert_eq!((done, stage.upstream.whole().len()), (1, 1));
}

#[tokio::test]
async fn an_agent_that_floods_people_is_paused() {
    let stage = stage(Duration::ZERO).await;
    for id in 0..5 {
        asks(
            &stage
                .agent
                .send(&stage.agent.put_item(&id.to_string()))
                .await,
        );
    }
    let answer = stage.agent.send(&stage.agent.put_item("6")).await;
    assert!(answer.text().contains("CordonPaused"), "{}", answer.text());
    assert_eq!(holds(&stage).await.len(), 5);
    assert_eq!(stage.task_is().await, TaskState::Paused);
}

#[tokio::test]
async fn a_client_that_went_away_leaves_nothing_behind_that_acts() {
    let stage = stage(LONG).await;
    let call = sent(&stage, stage.agent.put_item("1"));
    let hold = waiting(&stage, 1, 1).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    // The approval is still there for the agent's own next try.
    said(&stage, &hold, "ola", "approve").await.unwrap();
    let answer = stage.agent.send(&stage.agent.put_item("1")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(stage.upstream.whole().len(), 1);
}

#[tokio::test]
async fn what_no_signature_covers_is_not_asked_about() {
    let stage = stage(Duration::ZERO).await;
    stage.upstream.behave(Manner::answers(answer(200, "", "")));
    let upload = |mode, content: &[u8]| stage.agent.upload("/reports/a", mode, content, None);
    let open = upload(PayloadMode::Unsigned, b"first");
    let text = asks(&stage.agent.send(&open).await);
    assert!(text.contains("payload_signing_enabled"), "{text}");
    assert_eq!(holds(&stage).await, []);
    let hashed = |content: &[u8]| {
        use sha2::Digest as _;
        upload(
            PayloadMode::Hashed(sha2::Sha256::digest(content).into()),
            content,
        )
    };
    asks(&stage.agent.send(&hashed(b"first")).await);
    let hold = waiting(&stage, 1, 1).await;
    said(&stage, &hold, "ola", "approve").await.unwrap();
    asks(&stage.agent.send(&hashed(b"other")).await);
    // It is looked at what there is; nothing is put there.
    let put = |seen: &Seen| seen.head.starts_with("PUT ");
    assert!(!stage.upstream.seen().iter().any(put));
    let answer = stage.agent.send(&hashed(b"first")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_client_that_gives_up_on_silence_hears_that_its_call_waits() {
    const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    let stage = Stage::set(Set {
        approvals: &["senior"],
        deadlines: Deadlines {
            park: Duration::ZERO,
            park_patient: LONG,
            park_told: Duration::from_millis(2),
            ..Deadlines::default()
        },
        ..Set::default()
    });
    let stage = Arc::new(stage.await);
    people_are(&stage, PEOPLE);
    let of_agent = |agent: &str| {
        let target = ("x-amz-target", "DynamoDB_20120810.PutItem");
        let json = ("content-type", "application/x-amz-json-1.0");
        let body = format!(r#"{{"TableName":"orders","Item":{{"id":{{"S":"{agent}"}}}}}}"#);
        let headers = [("user-agent", agent), target, json];
        stage.agent.signed(
            "dynamodb",
            Method::POST,
            "/",
            None,
            &headers,
            body.as_bytes(),
        )
    };
    // Of whom nothing is known is answered at once.
    asks(&stage.agent.send(&of_agent("curl/8.5")).await);

    let wire = of_agent("Boto3/1.44.8 md/Botocore#1.44.8");
    let mut stream = stage.agent.begin(&wire).await;
    stream.write_all(&wire.body).await.unwrap();
    // Several may come at once.
    let mut told = vec![0; 3 * INTERIM.len()];
    stream.read_exact(&mut told).await.unwrap();
    assert_eq!(told, INTERIM.repeat(3));
    let hold = waiting(&stage, 2, 1).await;
    said(&stage, &hold, "ola", "approve").await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    while let Some(told) = rest.strip_prefix(INTERIM) {
        rest = told.to_vec();
    }
    assert!(
        rest.starts_with(b"HTTP/1.1 200 "),
        "{}",
        String::from_utf8_lossy(&rest)
    );

    // Who waits anyhow is told nothing.
    let call = sent(&stage, of_agent("aws-sdk-js/3.1173.0 ua/2.1"));
    let hold = waiting(&stage, 3, 1).await;
    said(&stage, &hold, "ola", "approve").await.unwrap();
    assert_eq!(call.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_hold_that_cannot_be_written_lets_nothing_go() {
    let stage = stage(Duration::ZERO).await;
    stage.store.is_full(true);
    let answer = stage.agent.send(&stage.agent.put_item("1")).await;
    let text = answer.text();
    assert!(text.contains("CordonNotRecorded"), "{text}");
    stage.store.is_full(false);
    assert_eq!(holds(&stage).await, []);
    assert_eq!(stage.upstream.whole().len(), 0);
}

#[tokio::test]
async fn nobody_answered_means_no_for_a_while() {
    let stage = stage(Duration::ZERO).await;
    asks(&stage.agent.send(&stage.agent.put_item("1")).await);
    let mut before = waiting(&stage, 1, 1).await;
    // As if it had been opened long ago.
    for (number, minutes, answered) in [(2, 5, true), (3, 11, false)] {
        let decide_by = Timestamp::now() - SignedDuration::from_mins(minutes);
        let old = Hold {
            id: format!("H-OLD{number}").parse().unwrap(),
            opened: decide_by - hold::PATIENCE,
            decide_by,
            follows: Some((before.id.clone(), Closing::Withdrawn)),
            ..before.clone()
        };
        let bounds = HoldBounds::default();
        stage.store.open_hold(old.clone(), bounds).await.unwrap();
        let answer = stage.agent.send(&stage.agent.put_item("1")).await;
        let text = answer.text();
        assert_eq!(
            text.contains("nobody answered, which means no"),
            answered,
            "{text}"
        );
        let late = said(&stage, &old, "ola", "approve").await.unwrap_err();
        assert!(late.contains("over (unanswered)"), "{late}");
        before = old;
    }
    let next = waiting(&stage, 4, 1).await;
    assert_eq!(next.follows, Some((before.id, Closing::Unanswered)));
    assert_eq!(stage.upstream.whole().len(), 0);
}
