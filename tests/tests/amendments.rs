//! What a task lacks is asked for, and its sponsor says yes or no: what was denied goes after a yes, as far
//! as guardrails let it, and stays denied after a no. Nothing else is loosened by either.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a story stops at once"
)]

use cordon_tests::agent::Agent;
use cordon_tests::amendments::{accept, amend, made, task};
use cordon_tests::approvals::{Desk, text};
use cordon_tests::cloud::Kind;
use cordon_tests::program::Way;
use cordon_tests::signer::Call;
use cordon_tests::wire::Message;
use serde_json::json;

/// Makes a queue by bytes of our own.
fn call(agent: &Agent, queue: &str) -> Message {
    agent.call(&Call {
        service: "sqs",
        method: "POST",
        path: "/",
        headers: &[
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", "AmazonSQS.CreateQueue"),
        ],
        body: json!({ "QueueName": queue }).to_string().as_bytes(),
    })
}

#[track_caller]
fn verdict(answer: &Message) -> &str {
    answer.header("x-cordon-verdict").unwrap_or("none")
}

#[test]
fn what_people_said_no_to_is_not_opened_again() {
    let desk = Desk::open(Kind::Lab);
    let agent = Agent::on(&desk.cordon, &desk.task());
    let (tester, ola) = (desk.person("tester"), desk.person("ola"));
    assert_eq!(verdict(&call(&agent, "nightly")), "hold");
    let hold = text(&desk.waiting(&ola), "id");
    let words = ["holds", "reject", &hold, "--reason", "too-broad"];
    let _ = ola.run(&desk.cordon, &words).succeeded("a no");
    let denied = call(&agent, "weekly");
    assert_eq!(verdict(&denied), "deny");
    let asked = amend(&desk, &tester, denied.header("x-cordon-ref").unwrap());
    let _ = accept(&desk, &tester, &asked).succeeded("a yes");
    assert_eq!(verdict(&call(&agent, "weekly")), "hold");
    let again = call(&agent, "nightly");
    assert!(again.text().contains("too-broad"), "{}", again.text());
    assert_eq!((made(&desk, "nightly"), made(&desk, "weekly")), (0, 0));
}

#[test]
fn an_agent_adds_nothing_to_its_task_and_nor_does_an_approver() {
    let desk = Desk::open(Kind::Lab);
    let agent = Agent::on(&desk.cordon, &desk.task());
    let (tester, ola) = (desk.person("tester"), desk.person("ola"));
    let denied = call(&agent, "weekly");
    let reference = denied.header("x-cordon-ref").unwrap();
    let asked = amend(&desk, &tester, reference);
    let (id, digest, task) = (text(&asked, "id"), text(&asked, "digest"), task(&desk));
    // An agent's shell, of a task of its own: only now, so that there was one task to ask about.
    let environment = desk.cordon.env(&desk.task(), Way::Connect);
    let yes = ["task", "amendments", "accept", &id, "--digest", &digest];
    let ask = ["task", "amend", &task, "--ref", reference, "--reason", "x"];
    for words in [&yes[..], &ask[..]] {
        let ran = tester.run_in(&desk.cordon, &environment, words);
        assert!(ran.code != Some(0), "{}", ran.text());
        assert!(ran.text().contains("agent"), "{}", ran.text());
    }
    // An approver who did not launch the task does not even see it.
    let ran = ola.run(&desk.cordon, &yes);
    assert!(ran.text().contains("not-found"), "{}", ran.text());
    assert_eq!(verdict(&call(&agent, "weekly")), "deny");
    let kept = tester.json(&desk.cordon, &["task", "amendments", "list"]);
    assert_eq!(kept.len(), 1, "{kept:#?}");
}
