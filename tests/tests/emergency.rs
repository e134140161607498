//! In an emergency, from a terminal: every agent is stopped at once, an environment is frozen, and what
//! agents broke before makes everyone more careful.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a story stops at once"
)]

use cordon_tests::agent::Agent;
use cordon_tests::approvals::{Desk, Person, text};
use cordon_tests::cloud::Kind;
use cordon_tests::signer::Call;
use cordon_tests::wire::Message;
use serde_json::{Value, json};

/// Asks for a change that waits for a senior.
fn ask(agent: &Agent) -> Message {
    agent.call(&Call {
        service: "lambda",
        method: "PUT",
        path: "/2015-03-31/functions/ce-export/configuration",
        headers: &[("content-type", "application/json")],
        body: br#"{"Timeout":30}"#,
    })
}

fn verdict(answer: &Message) -> &str {
    answer.header("x-cordon-verdict").unwrap_or_default()
}

/// What a listing for programs tells, line by line.
fn lines(person: &Person, desk: &Desk, arguments: &[&str]) -> Vec<Value> {
    let ran = person.run(&desk.cordon, arguments);
    let said = ran.succeeded("a listing");
    said.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_agent_is_stopped_at_once_and_who_begins_afterwards_is_not() {
    let desk = Desk::open(Kind::Lab);
    let (ola, ica) = (desk.person("ola"), desk.person("ica"));
    let agents = [(); 2].map(|()| Agent::on(&desk.cordon, &desk.task()));
    for agent in &agents {
        assert_eq!(verdict(&ask(agent)), "hold");
    }
    let bare = ola.run(&desk.cordon, &["task", "stop", "--all"]);
    assert_eq!(bare.code, Some(2), "{}", bare.text());
    let stop = ["task", "stop", "--all", "--reason", "orders vanish"];
    let said = ola.run(&desk.cordon, &stop);
    let said = said.succeeded("a stop of everything");
    assert_eq!(said.matches(" is stopped").count(), 2, "{said}");
    assert!(said.contains("stopped: 2"), "{said}");
    for agent in &agents {
        let refused = ask(agent);
        assert!(refused.target.starts_with("403"), "{}", refused.text());
        assert_ne!(verdict(&refused), "hold");
    }
    let open = lines(&ola, &desk, &["holds", "list", "--format", "json"]);
    assert_eq!(open, [] as [Value; 0]);
    let task = said.split(' ').next().unwrap();
    let resumed = desk.cordon.run(&["task", "resume", task]);
    assert_eq!(resumed.code, Some(1), "{}", resumed.text());

    let later = Agent::on(&desk.cordon, &desk.task());
    assert_eq!(verdict(&ask(&later)), "hold", "its calls are taken");
    let log = ica.run(&desk.cordon, &["people", "log"]);
    let log = log.succeeded("the log");
    assert!(
        log.contains("stop-everything") && log.contains("orders vanish"),
        "{log}"
    );
    assert_eq!(desk.reached(), 0);
}

#[test]
fn an_environment_is_frozen_and_its_agents_are_told_why() {
    let desk = Desk::open(Kind::Lab);
    let (ola, ica) = (desk.person("ola"), desk.person("ica"));
    let agent = Agent::on(&desk.cordon, &desk.task());
    let raise = |more: &[&str]| {
        let arguments = [
            &["posture", "raise", "freeze", "--message", "The sale is on"],
            more,
        ];
        ola.run(&desk.cordon, &arguments.concat())
    };
    let unknown = raise(&["--environment", "prd"]);
    assert!(
        unknown.text().contains("no-such-environment"),
        "{}",
        unknown.text()
    );
    // Another team's freeze is not this task's.
    let _ = raise(&["--team", "billing"]).succeeded("a freeze");
    assert!(!ask(&agent).text().contains("The sale is on"));
    let _ = raise(&["--environment", "prod"]).succeeded("a freeze");
    let weekly = [
        "--weekly",
        "Fri 18:00 - Mon 08:00",
        "--zone",
        "UTC",
        "--team",
        "billing",
    ];
    let _ = raise(&weekly).succeeded("a schedule");
    let told = ask(&agent).text();
    assert!(told.contains("The sale is on"), "{told}");
    assert!(told.contains("environment prod"), "{told}");

    let list = ["posture", "list", "--format", "json"];
    let declared = lines(&ola, &desk, &list);
    let scopes: Vec<String> = declared.iter().map(|one| text(one, "scope")).collect();
    assert_eq!(scopes, ["team:billing", "environment:prod", "team:billing"]);
    let show = lines(&ola, &desk, &["posture", "show", "--format", "json"]);
    assert_eq!(show[0]["posture"], "normal", "of everything");

    let scheduled = text(&declared[0], "id");
    let lift = ["posture", "lift", &scheduled, "--message", "no need"];
    assert_eq!(ola.run(&desk.cordon, &lift).code, Some(1));
    let _ = ica.run(&desk.cordon, &lift).succeeded("its end");
    let lower = [
        "posture",
        "lower",
        "normal",
        "--environment",
        "prod",
        "--message",
        "over",
    ];
    assert_eq!(ola.run(&desk.cordon, &lower).code, Some(1));
    let _ = ica.run(&desk.cordon, &lower).succeeded("its end");
    assert_eq!(lines(&ola, &desk, &list).len(), 1);
    let waits = desk.waiting(&ola);
    assert!(!ask(&agent).text().contains("The sale is on"), "{waits:#}");
    assert_eq!(desk.reached(), 0);
}

#[test]
fn too_many_incidents_make_everyone_more_careful() {
    let limit = "\n[reliability]\nincidents = 2\ndays = 30\nposture = \"freeze\"\n";
    let desk = Desk::with(Kind::Lab, 0, |_| limit.to_owned());
    let (ola, ica) = (desk.person("ola"), desk.person("ica"));
    let agent = Agent::on(&desk.cordon, &desk.task());
    assert_eq!(verdict(&ask(&agent)), "hold");
    let task = text(&desk.waiting(&ola), "task");
    let record = [
        "incident",
        "record",
        &task,
        "--severity",
        "high",
        "--note",
        "orders were lost",
    ];
    let said = ola.run(&desk.cordon, &record).succeeded("an incident");
    assert!(said.contains("1 in 30 days, 2 raise the posture"), "{said}");
    let said = ola.run(&desk.cordon, &record).succeeded("an incident");
    assert!(said.contains("raised to freeze"), "{said}");
    let told = ask(&agent).text();
    assert!(
        told.contains("Agents caused 2 incidents within 30 days"),
        "{told}"
    );
    let listed = lines(&ica, &desk, &["incident", "list", "--format", "json"]);
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["by"], json!("ola"));

    let lift = ["posture", "lift", "reliability", "--message", "reviewed"];
    assert_eq!(ola.run(&desk.cordon, &lift).code, Some(1));
    let _ = ica.run(&desk.cordon, &lift).succeeded("its end");
    assert!(!ask(&agent).text().contains("Agents caused"));
}
