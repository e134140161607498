//! EC2 is asked about a call that waits: what must never happen is that the call itself leaves, or that
//! anything is believed to have been made by it.

use crate::agent::Wire;
use crate::holds::{PEOPLE, people_are};
use crate::stage::{Set, Stage};
use crate::upstream::{Act, Manner, Seen, answer};
use cordon_core::ledger::Used;
use cordon_core::record::CallRecord;
use cordon_core::session::SessionState;
use cordon_core::witness::{Says, Witness};
use cordon_proxy::Deadlines;
use cordon_store::{Store as _, StoredCall};
use http::Method;
use std::time::Duration;

const RUN: &str = "Action=RunInstances&ImageId=ami-1&MinCount=3&MaxCount=3&ClientToken=t";

/// A task whose every change waits for a senior, and whose agent is answered at once.
async fn stage() -> Stage {
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
    stage
}

fn ec2(stage: &Stage, body: &str) -> Wire {
    let form = [(
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    )];
    let body = format!("Version=2016-11-15&{body}");
    stage
        .agent
        .signed("ec2", Method::POST, "/", None, &form, body.as_bytes())
}

fn error(status: u16, code: &str, message: &str) -> Manner {
    let body = format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
         <RequestID>r</RequestID></Response>"
    );
    Manner::answers(answer(status, "", &body))
}

fn would() -> Manner {
    error(412, "DryRunOperation", "Request would have succeeded.")
}

/// Has the agent send `body`, which is refused; gives the record of that, and everything that the
/// upstream got.
async fn waits(stage: &Stage, body: &str) -> (CallRecord, Vec<Seen>) {
    let refused = stage.agent.send(&ec2(stage, body)).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    let reference = refused.header("x-cordon-ref").unwrap();
    let record = stage.written(reference).await.record;
    (record, stage.upstream.seen())
}

fn witness(record: &CallRecord) -> &Witness {
    let prediction = record.prediction.as_ref().unwrap();
    prediction.witness.as_ref().unwrap()
}

/// The parameters of what the upstream got, in order.
fn dry_runs(seen: &Seen) -> Vec<String> {
    assert!(seen.head.starts_with("POST / "), "{}", seen.head);
    let body = String::from_utf8(seen.body.clone()).unwrap();
    let lower = |pair: &&str| pair.to_ascii_lowercase().contains("dryrun");
    body.split('&').filter(lower).map(str::to_owned).collect()
}

/// What was recorded of the questions.
async fn questions(stage: &Stage) -> Vec<StoredCall> {
    let mut calls = stage.store.tail_all().await;
    calls.retain(|call| call.record.ingress == "dry-run");
    calls
}

async fn used(stage: &Stage) -> Used {
    let ledger = stage.store.ledger(&"T-LINE".parse().unwrap()).await;
    ledger.unwrap().used
}

#[tokio::test]
async fn whatever_the_agent_sends_only_a_dry_run_of_it_leaves() {
    let stage = stage().await;
    stage.upstream.behave(would());
    let bodies = [
        RUN.to_owned(),
        format!("{RUN}&DryRun=false"),
        format!("DryRun=false&{RUN}&KeyName=DryRun%3Dfalse"),
        format!("{RUN}&DryRun=true"),
    ];
    for (number, body) in bodies.iter().enumerate() {
        let (record, seen) = waits(&stage, body).await;
        assert_eq!(record.outcome.as_str(), "hold");
        assert_eq!(seen.len(), number + 1, "one question a call");
        let last = &seen[number];
        let mut asked = dry_runs(last);
        asked.retain(|pair| !pair.starts_with("KeyName="));
        assert_eq!(asked, ["DryRun=true"], "{body}");
        assert_eq!(witness(&record).says, Says::WouldSucceed);
    }
    // Two of one name have no single meaning, and nothing is asked for them.
    let twice = format!("{RUN}&DryRun=true&DryRun=false");
    let refused = stage.agent.send(&ec2(&stage, &twice)).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert_eq!(stage.upstream.seen().len(), bodies.len());

    // A question is a read: it costs nothing and makes nothing.
    let questions = questions(&stage).await;
    assert_eq!(questions.len(), bodies.len());
    for question in &questions {
        let record = &question.record;
        assert_eq!((record.class, record.mutates), ("observe", false));
        assert!(record.creates.is_empty() && record.destroys.is_empty());
        assert!(record.parameters.contains(r#""DryRun":true"#), "{record:?}");
    }
    assert_eq!(used(&stage).await, Used::default());
}

#[tokio::test]
async fn an_upstream_that_takes_a_question_for_the_call_is_not_asked_again() {
    let stage = stage().await;
    let made = "<RunInstancesResponse><instancesSet><item><instanceId>i-1</instanceId></item>\
                </instancesSet></RunInstancesResponse>";
    // It never ends its answer, so that nobody can wait for it.
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{made}");
    let manner = Manner::acts([Act::Say(head.into_bytes()), Act::Stall]);
    stage.upstream.behave(manner);
    let (record, seen) = waits(&stage, RUN).await;
    assert_eq!(seen.len(), 1);
    let told = witness(&record);
    assert_eq!(told.says, Says::Unknown);
    assert!(told.why.contains("may have made the call"), "{told:?}");
    // What it made is not the task's own: it may not end it.
    let ledger = stage.store.ledger(&"T-LINE".parse().unwrap()).await;
    assert!(
        !ledger
            .unwrap()
            .owns("arn:aws:ec2:eu-central-1:111122223333:instance/i-1")
    );

    stage.upstream.behave(would());
    let (record, seen) = waits(&stage, &RUN.replace("=3", "=2")).await;
    assert_eq!(seen.len(), 1, "it is not asked any more");
    let told = witness(&record);
    assert_eq!(told.says, Says::Unknown);
    assert!(told.why.contains("is not asked"), "{told:?}");
}

#[tokio::test]
async fn nothing_is_asked_for_what_is_denied() {
    let stage = stage().await;
    stage.upstream.behave(would());
    for body in [
        "Action=TerminateInstances&InstanceId.1=i-1",
        "Action=StopInstances&InstanceId.1=i-1",
    ] {
        let (record, seen) = waits(&stage, body).await;
        assert_eq!(record.outcome.as_str(), "deny");
        assert!(record.prediction.is_none() && seen.is_empty(), "{body}");
    }
    stage.session_is(SessionState::Paused);
    let (record, seen) = waits(&stage, RUN).await;
    assert_eq!(record.outcome.as_str(), "deny");
    assert!(seen.is_empty());
}

#[tokio::test]
async fn what_ec2_does_not_say_is_unknown() {
    let stage = stage().await;
    let refused = "You are not authorized. Encoded authorization failure message: abc";
    let answers = [
        (
            error(403, "UnauthorizedOperation", refused),
            Says::WouldBeRefused,
            "You are not authorized.",
        ),
        (
            error(400, "InvalidAMIID.NotFound", "no such image"),
            Says::Unknown,
            "EC2 answered InvalidAMIID.NotFound",
        ),
        (
            Manner::answers(answer(503, "", "")),
            Says::Unknown,
            "it was answered with 503",
        ),
        (
            Manner::acts([Act::Stall]),
            Says::Unknown,
            "EC2 could not be asked, or did not answer in time",
        ),
    ];
    for (number, (manner, says, why)) in answers.into_iter().enumerate() {
        stage.upstream.behave(manner);
        // Another call each time: the same one joins the hold that it has.
        let body = RUN.replace("ami-1", &format!("ami-{number}"));
        let (record, _) = waits(&stage, &body).await;
        let told = witness(&record);
        assert_eq!((told.says, &*told.why), (says, why));
    }
}
