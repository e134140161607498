//! Ids that AWS chose: what an answer names as made belongs to the task, and nothing else does.

use crate::agent::{Agent, Wire, read_some};
use crate::stage::Stage;
use crate::upstream::{Act, Manner, answer};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use tokio::io::AsyncWriteExt;

fn ec2(agent: &Agent, body: &str) -> Wire {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("Version=2016-11-15&{body}");
    agent.signed("ec2", Method::POST, "/", None, &form, body.as_bytes())
}

fn start(agent: &Agent) -> Wire {
    ec2(
        agent,
        "Action=RunInstances&ImageId=ami-1&MinCount=1&MaxCount=1&ClientToken=read-from-somewhere",
    )
}

/// The answer to a start, of an instance that was started so long ago.
fn started(id: &str, ago: SignedDuration) -> String {
    let time = Timestamp::now() - ago;
    format!(
        "<RunInstancesResponse><reservationId>r-1</reservationId><instancesSet><item><instanceId>\
         {id}</instanceId><launchTime>{}</launchTime></item></instancesSet></RunInstancesResponse>",
        time.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    )
}

/// What becomes of a termination now.
async fn terminate(stage: &Stage, ids: &[&str]) -> u16 {
    let end = "<TerminateInstancesResponse><instancesSet/></TerminateInstancesResponse>";
    stage.upstream.behave(Manner::answers(answer(200, "", end)));
    let mut body = "Action=TerminateInstances".to_owned();
    for (number, id) in (1..).zip(ids) {
        body.push_str(&format!("&InstanceId.{number}={id}"));
    }
    let answer = stage.agent.send(&ec2(&stage.agent, &body)).await;
    answer.status
}

async fn run(stage: &Stage, body: &str) {
    stage
        .upstream
        .behave(Manner::answers(answer(200, "", body)));
    let answer = stage.agent.send(&start(&stage.agent)).await;
    assert_eq!((answer.status, &*answer.text()), (200, body));
}

#[tokio::test]
async fn an_instance_that_the_task_started_it_may_terminate() {
    let stage = Stage::new().await;
    assert_eq!(
        terminate(&stage, &["i-1"]).await,
        403,
        "it was there before"
    );
    run(&stage, &started("i-1", SignedDuration::ZERO)).await;
    assert_eq!(
        terminate(&stage, &["i-1", "i-2"]).await,
        403,
        "one is not its own"
    );
    assert_eq!(terminate(&stage, &["i-1"]).await, 200);
    assert_eq!(terminate(&stage, &["i-1"]).await, 403, "it is gone");
}

#[tokio::test]
async fn an_instance_of_before_that_a_repeated_start_names_stays_somebody_elses() {
    let stage = Stage::new().await;
    run(&stage, &started("i-1", SignedDuration::from_mins(10))).await;
    assert_eq!(terminate(&stage, &["i-1"]).await, 403);
}

#[tokio::test]
async fn an_answer_that_is_refused_cut_or_too_large_names_nothing() {
    let stage = Stage::new().await;
    let whole = started("i-1", SignedDuration::ZERO);
    let spaces = " ".repeat(3 * 1024 * 1024);
    let large = whole.replace("<reservationId>", &format!("{spaces}<reservationId>"));
    let cut = whole.strip_suffix("Response>").unwrap();
    for body in [cut, &large] {
        run(&stage, body).await;
        assert_eq!(terminate(&stage, &["i-1"]).await, 403);
    }
    let refused = Manner::answers(answer(400, "", &whole));
    stage.upstream.behave(refused);
    stage.agent.send(&start(&stage.agent)).await;
    assert_eq!(terminate(&stage, &["i-1"]).await, 403);
}

#[tokio::test]
async fn a_client_that_leaves_does_not_take_the_ids_along() {
    let stage = Stage::new().await;
    let body = started("i-1", SignedDuration::ZERO);
    let (switch, on) = tokio::sync::watch::channel(false);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    stage.upstream.behave(Manner::acts([
        Act::Say(head.into_bytes()),
        Act::Say(body.as_bytes()[..20].to_vec()),
        Act::Until(on),
        Act::Say(body.as_bytes()[20..].to_vec()),
    ]));
    let wire = start(&stage.agent);
    let mut stream = stage.agent.begin(&wire).await;
    stream.write_all(&wire.body).await.unwrap();
    read_some(&mut stream, 1).await;
    drop(stream);
    switch.send_replace(true);
    stage.last().await;
    assert_eq!(terminate(&stage, &["i-1"]).await, 200);
}
