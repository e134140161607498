//! What people said counts as they said it, and nothing else does: each way in which an approval might
//! be had wrongly, or used wrongly, has an end of its own.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a story stops at once"
)]

use cordon_tests::agent::Agent;
use cordon_tests::approvals::{Desk, Person, an_approval_is_of_what_was_tagged_so, text};
use cordon_tests::batches::{
    a_list_goes_in_the_order_in_which_it_was_approved,
    what_changes_one_call_of_a_list_ends_the_list,
};
use cordon_tests::client::Client;
use cordon_tests::cloud::Kind;
use cordon_tests::program::Way;
use cordon_tests::signer::Call;
use cordon_tests::wire::Message;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;

fn open() -> (Desk, Agent) {
    let desk = Desk::open(Kind::Lab);
    let agent = Agent::on(&desk.cordon, &desk.task());
    (desk, agent)
}

/// Asks for the change with this time limit.
fn ask(agent: &Agent, seconds: u32) -> Message {
    let body = format!(r#"{{"Timeout":{seconds}}}"#);
    agent.call(&Call {
        service: "lambda",
        method: "PUT",
        path: "/2015-03-31/functions/ce-export/configuration",
        headers: &[("content-type", "application/json")],
        body: body.as_bytes(),
    })
}

#[track_caller]
fn waits(answer: &Message) {
    let verdict = answer.header("x-cordon-verdict");
    assert_eq!(verdict, Some("hold"), "{}", answer.text());
}

#[test]
fn an_approval_lets_one_call_go() {
    let (desk, agent) = open();
    let ola = desk.person("ola");
    waits(&ask(&agent, 30));
    let hold = desk.waiting(&ola);
    let _ = ola.approve(&desk.cordon, &hold).succeeded("an approval");
    waits(&ask(&agent, 31));
    assert!(ask(&agent, 30).target.starts_with("200"));
    waits(&ask(&agent, 30));
    assert_eq!(desk.reached(), 1);
    let again = ola.hold(&desk.cordon, &text(&hold, "id"));
    assert_eq!(again["state"], "used");
}

#[test]
fn a_retagged_target_is_another_one() {
    an_approval_is_of_what_was_tagged_so(Client::Boto3);
}

#[test]
fn a_list_is_approved_as_one_and_goes_in_its_order() {
    a_list_goes_in_the_order_in_which_it_was_approved(Client::Boto3, Way::Endpoint);
}

#[test]
fn a_list_ends_with_each_of_its_calls() {
    what_changes_one_call_of_a_list_ends_the_list(Client::Boto3);
}

#[test]
fn who_approves_sees_what_is_and_what_would_be() {
    let (desk, agent) = open();
    let ola = desk.person("ola");
    waits(&ask(&agent, 30));
    let id = text(&desk.waiting(&ola), "id");
    let changes = &ola.hold(&desk.cordon, &id)["changes"];
    let property = &changes["properties"][0];
    assert_eq!(
        (&property["name"], &property["after"]),
        (&json!("Timeout"), &json!("30"))
    );
    assert_eq!(property["now"], "3", "{changes}");
    assert!(property["observed_at"].is_string(), "{changes}");
    let command = "aws lambda update-function-configuration --function-name ce-export --timeout";
    for (name, value) in [("command", 30), ("undo", 3)] {
        let told = changes[name].as_str().unwrap_or_default();
        assert!(told.starts_with(&format!("{command} {value} ")), "{told}");
    }
    let shown = ola.run(&desk.cordon, &["holds", "show", &id]);
    assert!(shown.out.contains("Timeout  3 → 30"), "{}", shown.text());
    assert_eq!(desk.reached(), 0);
}

#[test]
fn who_launched_the_task_lifts_nothing() {
    let (desk, agent) = open();
    let tester = desk.person("tester");
    waits(&ask(&agent, 30));
    let hold = desk.waiting(&tester);
    assert_eq!(hold["yours"]["approve"], false);
    let refused = tester.approve(&desk.cordon, &hold);
    assert_eq!(refused.code, Some(1), "{}", refused.text());
    assert!(
        refused.text().contains("never-your-own-task"),
        "{}",
        refused.text()
    );
    waits(&ask(&agent, 30));
    assert_eq!(desk.reached(), 0);
}

#[test]
fn an_approval_is_of_what_was_seen_and_of_all_of_it() {
    let (desk, agent) = open();
    let ola = desk.person("ola");
    waits(&ask(&agent, 30));
    let hold = desk.waiting(&ola);
    let (id, digest) = (text(&hold, "id"), text(&hold, "digest"));
    let other = format!("sha256:{}", "f".repeat(64));
    for (seen, code) in [
        (&digest[..20], "digest-not-whole"),
        (&*other, "approve-what-you-saw"),
    ] {
        let refused = ola.run(&desk.cordon, &["holds", "approve", &id, "--digest", seen]);
        assert_eq!(refused.code, Some(1), "{}", refused.text());
        assert!(refused.text().contains(code), "{}", refused.text());
    }
    // Nobody is there to be asked.
    let unasked = ola.run(&desk.cordon, &["holds", "approve", &id]);
    assert_eq!(unasked.code, Some(2), "{}", unasked.text());
    waits(&ask(&agent, 30));
    assert_eq!(desk.reached(), 0);
}

#[test]
fn who_is_no_longer_one_of_the_people_does_not_count() {
    let (desk, agent) = open();
    let (ola, kim) = (desk.person("ola"), desk.person("kim"));
    waits(&ask(&agent, 30));
    let hold = desk.waiting(&ola);
    let _ = ola.approve(&desk.cordon, &hold).succeeded("an approval");
    let id = text(&hold, "id");
    desk.remove("ola", || kim.hold(&desk.cordon, &id)["state"] == "waiting");
    waits(&ask(&agent, 30));
    assert_eq!(desk.reached(), 0);
    let shown = kim.hold(&desk.cordon, &id);
    assert_eq!(shown["votes"][0]["counts"], false);
    let gone = ola.run(&desk.cordon, &["holds", "list"]);
    assert!(gone.text().contains("unknown-person"), "{}", gone.text());
}

#[test]
fn a_freeze_after_an_approval_asks_the_incident_commander_too() {
    let (desk, agent) = open();
    let (ola, ica) = (desk.person("ola"), desk.person("ica"));
    waits(&ask(&agent, 30));
    let hold = desk.waiting(&ola);
    let _ = ola.approve(&desk.cordon, &hold).succeeded("an approval");
    let freeze = ["posture", "raise", "freeze", "--message", "The sale is on"];
    let said = ola.run(&desk.cordon, &freeze).succeeded("a freeze");
    assert!(
        said.contains("freeze") && said.contains("The sale is on"),
        "{said}"
    );
    waits(&ask(&agent, 30));
    assert_eq!(desk.reached(), 0);
    assert_eq!(
        ola.hold(&desk.cordon, &text(&hold, "id"))["state"],
        "changed"
    );
    let frozen = desk.waiting(&ica);
    assert_eq!(frozen["needs"], json!(["incident-commander", "senior"]));
    assert!(text(&frozen, "follows").contains("changed"), "{frozen:#}");

    let refused = ola.run(
        &desk.cordon,
        &["posture", "lower", "normal", "--message", "over"],
    );
    assert_eq!(refused.code, Some(1), "{}", refused.text());
    let lower = [
        "posture",
        "lower",
        "normal",
        "--message",
        "The sale is over",
    ];
    let _ = ica.run(&desk.cordon, &lower).succeeded("its end");
    for person in [&ola, &ica] {
        let _ = person
            .approve(&desk.cordon, &frozen)
            .succeeded("an approval");
    }
    // It was judged under a freeze: now it is another matter again.
    waits(&ask(&agent, 30));
    assert_eq!(desk.reached(), 0);
}

#[test]
fn a_no_is_told_with_its_reason_and_stays() {
    let (desk, agent) = open();
    let (ola, kim) = (desk.person("ola"), desk.person("kim"));
    waits(&ask(&agent, 30));
    let hold = desk.waiting(&ola);
    let id = text(&hold, "id");
    let reject = [
        "holds",
        "reject",
        &id,
        "--reason",
        "too-broad",
        "--note",
        "half a minute will do",
    ];
    let _ = ola.run(&desk.cordon, &reject).succeeded("a no");
    let told = ask(&agent, 30).text();
    assert!(told.contains("too-broad"), "{told}");
    assert!(
        !told.contains("half a minute"),
        "a note is not for the agent: {told}"
    );
    let late = kim.approve(&desk.cordon, &hold);
    assert!(late.text().contains("hold-over"), "{}", late.text());
    let waited = kim.run(&desk.cordon, &["holds", "wait", &id, "--seconds", "60"]);
    assert_eq!(waited.code, Some(4), "{}", waited.text());
    assert_eq!(desk.reached(), 0);
}

#[test]
fn an_agent_decides_nothing() {
    let (desk, agent) = open();
    let ola = desk.person("ola");
    waits(&ask(&agent, 30));
    let hold = desk.waiting(&ola);
    let (id, digest) = (text(&hold, "id"), text(&hold, "digest"));

    // With its keys, at the listener of people.
    let path = format!("/api/v1/holds/{id}/approve");
    let body = format!(r#"{{"digest":"{digest}"}}"#);
    let control = Agent::at(desk.cordon.control(), agent.keys.clone());
    let answer = control.call(&Call {
        service: "execute-api",
        method: "POST",
        path: &path,
        headers: &[("content-type", "application/json")],
        body: body.as_bytes(),
    });
    assert!(answer.text().contains("agents-keys"), "{}", answer.text());

    // In its shell, even where the file of someone who signed in is.
    let environment = desk.cordon.env(&desk.task(), Way::Connect);
    for arguments in [
        &["holds", "approve", &id, "--digest", &digest][..],
        &["people", "link", "ola"],
        &["sign-in", &desk.link("ola")],
        &["posture", "raise", "freeze", "--message", "x"],
    ] {
        let ran = ola.run_in(&desk.cordon, &environment, arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.text());
        assert!(
            ran.text().contains("the shell of an agent"),
            "{}",
            ran.text()
        );
    }
    assert_eq!(ola.hold(&desk.cordon, &id)["votes"], json!([]));
    assert_eq!(desk.reached(), 0);
}

#[test]
fn a_link_is_good_once_and_who_did_not_sign_in_sees_nothing() {
    let (desk, agent) = open();
    waits(&ask(&agent, 30));
    let link = desk.link("ola");
    let (ola, other) = (Person::nobody(), Person::nobody());
    let nobody = ola.run(&desk.cordon, &["holds", "list"]);
    assert!(
        nobody.text().contains("nobody is signed in"),
        "{}",
        nobody.text()
    );
    let _ = ola
        .run(&desk.cordon, &["sign-in", &link])
        .succeeded("a sign-in");
    let again = other.run(&desk.cordon, &["sign-in", &link]);
    assert!(again.text().contains("link-spent"), "{}", again.text());
    let cut = other.run(&desk.cordon, &["sign-in", &link[..link.len() - 1]]);
    assert_eq!(cut.code, Some(2), "{}", cut.text());
    assert_eq!(ola.json(&desk.cordon, &["holds", "list"]).len(), 1);
    let _ = ola.run(&desk.cordon, &["sign-out"]).succeeded("a sign-out");
    let out = ola.run(&desk.cordon, &["holds", "list"]);
    assert!(out.text().contains("nobody is signed in"), "{}", out.text());
}

#[test]
fn who_starts_cordon_is_given_a_link_to_sign_in_with() {
    let desk = Desk::open(Kind::Lab);
    let link = desk.cordon.link();
    let tester = Person::nobody();
    let said = tester
        .run(&desk.cordon, &["sign-in", &link])
        .succeeded("a sign-in");
    assert!(said.contains("tester"), "{said}");
}

/// The first request that comes, answered well.
fn hears(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().expect("somebody comes");
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut bytes).expect("it is sent");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if length == Some(&body.len().to_string()) {
            break;
        }
    }
    let _ = stream.write_all(b"HTTP/1.1 204 x\r\nconnection: close\r\n\r\n");
    text
}

#[test]
fn people_hear_of_what_waits_and_stats_tell_how_they_decided() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let desk = Desk::with(Kind::Lab, 0, |folder| {
        let key = folder.join("ops.key");
        std::fs::write(&key, "a key of thirty-two characters..").expect("the folder is ours");
        format!(
            "\n[[channel]]\nname = \"ops\"\nkind = \"webhook\"\nurl = \"http://{address}/hook\"\nkey_file = \"{}\"\n",
            key.display()
        )
    });
    let agent = Agent::on(&desk.cordon, &desk.task());
    let ola = desk.person("ola");
    waits(&ask(&agent, 30));
    let heard = hears(&listener);
    let hold = desk.waiting(&ola);
    let id = text(&hold, "id");
    assert!(
        heard.contains(&format!("x-cordon-delivery: ops/{id}/waiting")),
        "{heard}"
    );
    assert!(
        heard.contains("Change 1 lambda:function in prod: ce-export"),
        "{heard}"
    );
    let _ = ola.approve(&desk.cordon, &hold).succeeded("an approval");
    assert!(hears(&listener).contains(&format!("ops/{id}/approved")));
    let stats = desk.cordon.run(&["policy", "stats", "--format", "json"]);
    let stats: Value = serde_json::from_str(&stats.succeeded("cordon policy stats")).unwrap();
    assert_eq!(stats["policy"], "production-change-needs-senior");
    assert_eq!((&stats["held"], &stats["approved"]), (&json!(1), &json!(1)));
}
