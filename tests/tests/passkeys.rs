//! People who sign in by a passkey, in a browser that others made (Chromium) with an authenticator in
//! it: from a link to the yes of a person at a terminal.

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
use cordon_tests::process;
use cordon_tests::signer::Call;
use cordon_tests::{file, tool};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

/// What the browser saw that began with this link.
fn browse(link: &str) -> Value {
    let mut command = Command::new(tool("CORDON_TEST_NODE"));
    command.arg(file("clients/node").join("passkey.mjs"));
    command.arg(tool("CORDON_TEST_CHROMIUM")).arg(link);
    let said = process::run(command.stdin(Stdio::null())).succeeded("the browser");
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"))
}

#[test]
#[ignore = "drives Chromium: cargo xtask test --lane browser"]
fn from_a_link_to_a_passkey_to_a_yes_at_a_terminal() {
    let desk = Desk::open(Kind::Lab);
    let cordon = &desk.cordon;
    let seen = browse(&desk.link("ola"));
    assert_eq!(seen["wrong"], json!([]), "{seen:#}");
    // Browsers bind no passkey to an address in numbers.
    let home = text(&seen, "home");
    assert!(home.starts_with("http://localhost:"), "{seen:#}");
    for how in ["by_link", "by_passkey"] {
        assert!(
            text(&seen, how).starts_with("You are ola, until"),
            "{seen:#}"
        );
    }
    assert!(text(&seen, "passkeys").contains("a story's"), "{seen:#}");

    // What an agent serves on another port gets neither an answer nor a sign-in out of it.
    assert_eq!(seen["direct"], "TypeError", "{seen:#}");
    assert_eq!(seen["phished"], json!([403, "other-origin"]), "{seen:#}");

    let ola = Person::nobody();
    let line = text(&seen, "terminal");
    let link = line.split('\'').nth(1).unwrap();
    let said = ola
        .run(cordon, &["sign-in", link])
        .succeeded("cordon sign-in");
    assert!(said.contains("ola"), "{said}");
    let agent = Agent::on(cordon, &desk.task());
    let ask = || {
        agent.call(&Call {
            service: "lambda",
            method: "PUT",
            path: "/2015-03-31/functions/ce-export/configuration",
            headers: &[("content-type", "application/json")],
            body: br#"{"Timeout":30}"#,
        })
    };
    assert_eq!(ask().header("x-cordon-verdict"), Some("hold"));
    let hold = desk.waiting(&ola);
    let _ = ola.approve(cordon, &hold).succeeded("an approval");
    assert!(ask().target.starts_with("200"));
    assert_eq!(desk.reached(), 1);

    // Taken back, it ends what it signed in, as does leaving the people.
    let people = cordon.run(&["people", "list", "--format", "json"]);
    let people = people.succeeded("cordon people list");
    let rows: Vec<Value> = people
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let row = rows.iter().find(|row| row["name"] == "ola").unwrap();
    let id = row["passkeys"][0]["id"].as_str().unwrap();
    let _ = cordon.run(&["people", "revoke", id]).succeeded("revoke");
    let refused = ola.run(cordon, &["holds", "list"]);
    assert!(
        refused.text().contains("not-signed-in"),
        "{}",
        refused.text()
    );
    let log = cordon.run(&["people", "log", "--format", "json"]);
    let log = log.succeeded("cordon people log");
    for what in [
        "add-passkey",
        "passkey-vouched",
        "passkey-refused",
        "revoke",
    ] {
        assert!(log.contains(&format!("\"what\":\"{what}\"")), "{log}");
    }
}
