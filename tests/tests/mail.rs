//! People who hear by mail what waits for them, through a server that others made (aiosmtpd).

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a story stops at once"
)]

use cordon_tests::agent::Agent;
use cordon_tests::approvals::{Desk, text};
use cordon_tests::cloud::Kind;
use cordon_tests::process::Background;
use cordon_tests::signer::Call;
use cordon_tests::{file, tool};
use serde_json::{Value, json};
use std::process::Command;

/// The letter to `person` that says that a hold stands so.
fn letter(server: &Background, person: &str, state: &str) -> Value {
    server.wait_for(&format!("the letter to {person}: {state}"), |line| {
        let letter: Value = serde_json::from_str(line.strip_prefix("letter ")?).ok()?;
        let theirs = letter["to"] == json!([person]);
        let says = text(&letter, "text").contains(&format!(" {state}\r\n"));
        (theirs && says).then_some(letter)
    })
}

#[test]
#[ignore = "drives aiosmtpd: cargo xtask test --lane mail"]
fn who_is_told_by_mail_looks_and_decides_elsewhere() {
    let mut python = Command::new(tool("CORDON_TEST_PYTHON"));
    python
        .arg(file("clients/mail.py"))
        .args(["cordon", "a secret of tests"]);
    let server = Background::start("the server for mail", &mut python);
    let port: u16 = server.wait_for("its port", |line| line.strip_prefix("port ")?.parse().ok());
    let desk = Desk::with(Kind::Lab, 0, |folder| {
        let secret = folder.join("smtp.secret");
        std::fs::write(&secret, "a secret of tests\n").unwrap();
        format!(
            "[[channel]]\nname = \"mail\"\nkind = \"email\"\nserver = \"127.0.0.1\"\nport = {port}\n\
             tls = \"none\"\nuser = \"cordon\"\npassword_file = \"{}\"\nfrom = \"cordon@example.com\"\n\
             to = [\"ola@example.com\", \"kim@example.com\"]\n",
            secret.display()
        )
    });
    let agent = Agent::on(&desk.cordon, &desk.task());
    let answer = agent.call(&Call {
        service: "lambda",
        method: "PUT",
        path: "/2015-03-31/functions/ce-export/configuration",
        headers: &[("content-type", "application/json")],
        body: br#"{"Timeout":30}"#,
    });
    assert_eq!(answer.header("x-cordon-verdict"), Some("hold"));
    let ola = desk.person("ola");
    let hold = desk.waiting(&ola);
    let id = text(&hold, "id");
    for person in ["ola@example.com", "kim@example.com"] {
        let letter = letter(&server, person, "waiting");
        assert_eq!(
            (&letter["by"], &letter["from"]),
            (&json!("cordon"), &json!("cordon@example.com"))
        );
        let text = text(&letter, "text").replace("=\r\n", "");
        for part in [
            format!("Subject: {id} waiting"),
            "in prod: it waits for 1 approval of senior, ".to_owned(),
            format!("http://{}/holds/{id}", desk.cordon.control()),
        ] {
            assert!(text.contains(&part), "{part}\n{text}");
        }
        assert!(
            !text.contains("ce-export"),
            "an agent may choose names\n{text}"
        );
    }
    let _ = ola.approve(&desk.cordon, &hold).succeeded("an approval");
    letter(&server, "kim@example.com", "approved");
    // A person sees who was told.
    let told = ola.hold(&desk.cordon, &id)["told"].clone();
    let told: Vec<&Value> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["channel"])
        .collect();
    assert!(told.contains(&&json!("mail/ola@example.com")), "{told:?}");
}
