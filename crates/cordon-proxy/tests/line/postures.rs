//! What leaders declare for an environment or a team holds up the calls that it speaks of, those that
//! were under way and those that were approved before, and no others; the agent is told why.

use crate::agent::{answer as read_answer, read_some};
use crate::holds::{PEOPLE, people_are, said, waiting};
use crate::stage::{Set, Stage};
use cordon_aws::sigv4::PayloadMode;
use cordon_core::decide::Posture;
use cordon_core::posture::{Declared, Postures, When};
use cordon_core::record::CallResult;
use cordon_proxy::Deadlines;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

/// The task of the stage is of the team `reports`, its account in `dev`, which is in `nonprod`.
const OWN: [&str; 4] = [
    "everything",
    "environment:dev",
    "environment:nonprod",
    "team:reports",
];
const OTHERS: [&str; 4] = [
    "environment:prod",
    "environment:reports",
    "team:dev",
    "team:billing",
];

const MESSAGE: &str = "Sale until \"noon\"";

fn declared(scope: &str, posture: Posture, when: When) -> Postures {
    Postures::new(vec![Declared {
        id: scope.into(),
        scope: scope.parse().unwrap(),
        posture,
        message: MESSAGE.into(),
        by: "mei".into(),
        since: Timestamp::now(),
        when,
    }])
}

fn frozen(scope: &str) -> Postures {
    declared(scope, Posture::Freeze, When::Now { until: None })
}

/// A stage on which nobody is kept waiting.
async fn stage(approvals: &'static [&'static str]) -> Stage {
    Stage::set(Set {
        approvals,
        deadlines: Deadlines {
            park: Duration::ZERO,
            ..Deadlines::default()
        },
        ..Set::default()
    })
    .await
}

#[tokio::test]
async fn a_freeze_is_of_the_calls_that_it_speaks_of_and_says_so() {
    let stage = stage(&[]).await;
    for (number, scope) in OWN.into_iter().enumerate() {
        stage.live.set_posture(frozen(scope));
        let change = stage.agent.put_item(&format!("{number}"));
        let held = stage.agent.send(&change).await;
        let text = held.text();
        assert!(text.contains("CordonApprovalRequired"), "{scope}: {text}");
        assert!(
            text.contains("The posture is freeze for"),
            "{scope}: {text}"
        );
        assert!(text.contains("Sale until 'noon'"), "{scope}: {text}");
        let read = stage.agent.send(&stage.agent.get_item()).await;
        assert_eq!(read.status, 200, "{scope}: {}", read.text());
    }
    assert_eq!(stage.upstream.whole().len(), OWN.len(), "the reads");
    for scope in OTHERS {
        stage.live.set_posture(frozen(scope));
        stage.next_good_call_works().await;
    }
    let mut both: Vec<Declared> = frozen("team:reports").iter().cloned().collect();
    both.extend(
        declared("everything", Posture::Elevated, When::Now { until: None })
            .iter()
            .cloned(),
    );
    stage.live.set_posture(Postures::new(both));
    let held = stage.agent.send(&stage.agent.put_item("both")).await;
    assert!(
        held.text().contains("tasks of team reports"),
        "the strictest counts: {}",
        held.text()
    );
}

#[tokio::test]
async fn what_was_approved_before_waits_once_its_environment_is_frozen() {
    let stage = stage(&["senior"]).await;
    people_are(&stage, PEOPLE);
    let change = || stage.agent.put_item("1");
    stage.agent.send(&change()).await;
    let hold = waiting(&stage, 1, 1).await;
    said(&stage, &hold, "ola", "approve").await.unwrap();
    stage.live.set_posture(frozen("environment:nonprod"));
    let held = stage.agent.send(&change()).await;
    assert!(
        held.text().contains("environment nonprod"),
        "{}",
        held.text()
    );
    assert_eq!(stage.upstream.whole().len(), 0);
    // It was asked anew, of other people; without the freeze it is asked once more.
    stage.live.set_posture(frozen("environment:prod"));
    stage.agent.send(&change()).await;
    let again = waiting(&stage, 3, 1).await;
    said(&stage, &again, "ola", "approve").await.unwrap();
    let answer = stage.agent.send(&change()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// An upload of which the half has gone up when `postures` are declared.
async fn uploading(stage: &Stage, postures: Postures) -> (Vec<u8>, tokio::net::TcpStream) {
    let content = vec![b'x'; 300_000];
    let wire = stage
        .agent
        .upload("/reports/2026.csv", PayloadMode::Unsigned, &content, None);
    let before = stage.upstream.begun();
    let mut stream = stage.agent.begin(&wire).await;
    let (half, rest) = wire.body.split_at(150_000);
    stream.write_all(half).await.unwrap();
    stage.upstream.has_begun(before + 1).await;
    stage.live.set_posture(postures);
    (rest.to_vec(), stream)
}

#[tokio::test]
async fn an_upload_is_cut_by_a_freeze_that_speaks_of_it_and_by_no_other() {
    let stage = stage(&[]).await;
    for scope in OTHERS {
        let (rest, mut stream) = uploading(&stage, frozen(scope)).await;
        stream.write_all(&rest).await.unwrap();
        assert_eq!(read_answer(stream).await.status, 200, "{scope}");
    }
    let whole = stage.upstream.whole().len();
    for scope in OWN {
        stage.live.set_posture(Posture::Normal);
        let (_, stream) = uploading(&stage, frozen(scope)).await;
        let answer = read_answer(stream).await;
        assert_eq!(answer.status, 403, "{scope}");
        let text = answer.text();
        for said in ["CordonFrozen", "The posture is freeze for", "Sale until"] {
            assert!(text.contains(said), "{scope}: {text}");
        }
        let result = stage.closed(answer.header("x-cordon-ref").unwrap()).await;
        let CallResult::NotSent { why } = &result else {
            panic!("{result:?}");
        };
        assert!(why.contains("changes were frozen"), "{why}");
    }
    assert_eq!(stage.upstream.whole().len(), whole);
}

#[tokio::test]
async fn a_freeze_that_was_scheduled_cuts_what_is_under_way_when_its_time_comes() {
    let stage = stage(&[]).await;
    let from = Timestamp::now() + SignedDuration::from_secs(2);
    let until = from + SignedDuration::from_hours(1);
    let scheduled = declared(
        "team:reports",
        Posture::Freeze,
        When::Between { from, until },
    );
    let (_, mut stream) = uploading(&stage, scheduled).await;
    let mut more = 0;
    // It is cut while its client waits, by the time alone.
    more += read_some(&mut stream, usize::MAX).await;
    assert!(more > 0, "it was told");
    assert!(Timestamp::now() >= from);
    let held = stage.agent.send(&stage.agent.put_item("1")).await;
    assert!(
        held.text().contains("CordonApprovalRequired"),
        "{}",
        held.text()
    );
}
