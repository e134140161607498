//! Ending while a call is on its way: of Cordon itself, and of a task by the person who answers
//! for it.

#![allow(clippy::expect_used, reason = "a story stops at once")]

use cordon_tests::agent::Agent;
use cordon_tests::cloud::{BUCKET, TABLE};
use cordon_tests::program::task;
use cordon_tests::signer::Call;
use cordon_tests::slow::SlowCloud;
use cordon_tests::wire::Message;
use serde_json::Value;
use std::net::TcpStream;
use std::thread::{self, JoinHandle};

const DONE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

/// An agent's change, sent on a thread of its own; it panics where the connection is cut.
fn change(agent: &Agent) -> JoinHandle<Message> {
    let agent = agent.clone();
    thread::spawn(move || {
        let item = format!(r#"{{"TableName":"{TABLE}","Item":{{"id":{{"S":"1"}}}}}}"#);
        agent.dynamodb("PutItem", &item, &[])
    })
}

#[test]
fn a_call_in_flight_comes_to_its_end_and_nothing_new_begins() {
    let cloud = SlowCloud::start("", DONE);
    let mut cordon = cloud.cordon("");
    let agent = Agent::on(&cordon, &task("main-job"));
    let changing = change(&agent);
    cloud.wait_for_call();

    cordon.serving().ask_to_end();
    cordon.serving().wait_for("that it finishes", |line| {
        line.contains("finishing what is in flight").then_some(())
    });
    cloud.go_on();

    let answer = changing.join().expect("it is answered");
    assert_eq!(answer.target, "200", "{}", answer.text());
    let status = cordon.serving().ended();
    assert_eq!(status.code(), Some(0), "{}", cordon.log());
    let refused = TcpStream::connect(agent.address);
    assert!(refused.is_err(), "nobody listens any more");
    let calls = cordon.calls(&["operation:PutItem"]);
    assert_eq!(calls.len(), 1, "{calls:#?}");
    assert_eq!(calls[0]["result"]["result"], "answered", "{calls:#?}");
    assert_eq!(calls[0]["result"]["status"], 200, "{calls:#?}");
}

#[test]
fn a_call_that_does_not_finish_in_time_is_told_and_stays_visible() {
    let cloud = SlowCloud::start("", DONE);
    let mut cordon = cloud.cordon("\n[limits]\ngrace_seconds = 0\n");
    let agent = Agent::on(&cordon, &task("main-job"));
    let changing = change(&agent);
    cloud.wait_for_call();

    cordon.serving().ask_to_end();
    let status = cordon.serving().ended();
    assert_eq!(status.code(), Some(3), "{}", cordon.log());
    assert!(changing.join().is_err(), "its connection was cut");

    // What ended says which call it was, and its record is open.
    let calls = cordon.calls(&["operation:PutItem"]);
    assert_eq!(calls.len(), 1, "{calls:#?}");
    let reference = calls[0]["ref"].as_str().expect("a reference");
    let log = cordon.log();
    let told = format!("1 call did not finish in time: {reference}");
    assert!(log.contains(&told), "{log}");
    assert!(calls[0]["result"].is_null(), "{calls:#?}");

    // Whoever serves next tells it too, and says that nobody knows.
    cordon.start_again();
    let log = cordon.log();
    assert!(log.contains(reference), "{log}");
    let calls = cordon.calls(&["operation:PutItem"]);
    assert_eq!(calls[0]["result"]["result"], "indeterminate", "{calls:#?}");
    cordon.stop();
}

#[test]
fn a_task_that_is_stopped_cuts_what_is_coming_down() {
    let half = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{}",
        "x".repeat(50_000)
    );
    let cloud = SlowCloud::start(&half, &"x".repeat(50_000));
    let mut cordon = cloud.cordon("");
    let agent = Agent::on(&cordon, &task("main-job"));
    let reading = {
        let agent = agent.clone();
        thread::spawn(move || {
            agent.call(&Call {
                service: "s3",
                method: "GET",
                path: &format!("/{BUCKET}/reports/old.txt"),
                headers: &[],
                body: b"",
            })
        })
    };
    cloud.wait_for_call();

    let tasks = cordon
        .run(&["task", "list", "--format", "json"])
        .succeeded("cordon task list");
    let listed: Value = serde_json::from_str(tasks.trim()).expect("one task on one line");
    let task = listed["task"].as_str().expect("its id");
    let _ = cordon
        .run(&["task", "stop", task])
        .succeeded("cordon task stop");

    let answer = reading.join().expect("it begins to be answered");
    assert_eq!(answer.target, "200");
    assert!(answer.body.len() < 100_000, "it was cut");
    cordon.serving().ask_to_end();
    let status = cordon.serving().ended();
    assert_eq!(status.code(), Some(0), "{}", cordon.log());
    let calls = cordon.calls(&["operation:GetObject"]);
    assert_eq!(calls[0]["result"]["result"], "cut", "{calls:#?}");
}
