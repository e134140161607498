//! People whom a provider of identities vouches for, by a provider that others made (npm's
//! `oidc-provider`), in a browser as far as a sign-in needs one.

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
use cordon_tests::process::{self, Background, DEADLINE};
use cordon_tests::signer::Call;
use cordon_tests::wire::Message;
use cordon_tests::{file, tool};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Instant;

/// A provider, and a Cordon that trusts it.
struct Stage {
    provider: Background,
    issuer: String,
    desk: Desk,
    agent: Agent,
}

fn node(script: &str) -> Command {
    let mut command = Command::new(tool("CORDON_TEST_NODE"));
    command.arg(file("clients/node").join(script));
    command
}

fn open(groups: &Value) -> Stage {
    let mut command = node("provider.mjs");
    let provider = Background::start("the provider", command.arg(groups.to_string()));
    let issuer = provider.wait_for("its issuer", |line| {
        line.strip_prefix("issuer ").map(str::to_owned)
    });
    let desk = Desk::with(Kind::Lab, 0, |folder| {
        let secret = folder.join("oidc.secret");
        std::fs::write(&secret, "a:secret of/tests\n").unwrap();
        format!(
            "[control.oidc]\nissuer = \"{issuer}\"\nclient_id = \"cordon\"\n\
             client_secret_file = \"{}\"\ndomains = [\"example.com\"]\ngroups_claim = \"groups\"\n",
            secret.display()
        )
    });
    let agent = Agent::on(&desk.cordon, &desk.task());
    let stage = Stage {
        provider,
        issuer,
        desk,
        agent,
    };
    stage.register();
    stage
}

impl Stage {
    fn address(&self, end: &str) -> String {
        format!("http://{}/api/v1/oidc/{end}", self.desk.cordon.control())
    }

    /// Tells the provider where browsers come back to.
    fn register(&self) {
        let ran =
            process::run(node("register.mjs").args([&self.issuer, &self.address("callback")]));
        let _ = ran.succeeded("the registration");
    }

    /// What a browser ends with that begins at `address` and in which `login` signs in.
    fn browse(&self, address: &str, login: &str) -> Value {
        let ran = process::run(
            node("browser.mjs")
                .args([address, login])
                .stdin(Stdio::null()),
        );
        let said = ran.succeeded("the browser");
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}\n{}", self.provider.log()))
    }

    /// `login`, who signs in in a browser, and then at a terminal with what it shows.
    fn signed_in(&self, login: &str) -> Person {
        let page = self.browse(&self.address("begin"), login);
        let body = page["body"].as_str().unwrap();
        let link = body
            .split('\'')
            .nth(1)
            .unwrap_or_else(|| panic!("{page:#}"));
        let person = Person::nobody();
        let said = person.run(&self.desk.cordon, &["sign-in", link]);
        let said = said.succeeded("cordon sign-in");
        assert!(said.contains(&format!("{login}@example.com")), "{said}");
        person
    }

    fn ask(&self) -> Message {
        self.agent.call(&Call {
            service: "lambda",
            method: "PUT",
            path: "/2015-03-31/functions/ce-export/configuration",
            headers: &[("content-type", "application/json")],
            body: br#"{"Timeout":30}"#,
        })
    }

    #[track_caller]
    fn is_held(&self) {
        let answer = self.ask();
        let verdict = answer.header("x-cordon-verdict");
        assert_eq!(verdict, Some("hold"), "{}", answer.text());
    }

    /// Waits until the hold stands like this.
    fn stands(&self, by: &Person, id: &str, state: &str) {
        let until = Instant::now() + DEADLINE;
        while by.hold(&self.desk.cordon, id)["state"] != state {
            assert!(Instant::now() < until, "{}", self.desk.cordon.log());
        }
    }
}

#[test]
#[ignore = "drives npm's oidc-provider: cargo xtask test --lane oidc"]
fn who_is_not_vouched_for_signs_in_nowhere() {
    let stage = open(&serde_json::json!({"kit": ["senior"], "unverified": ["senior"]}));
    for login in ["unverified", "stranger"] {
        let page = stage.browse(&stage.address("begin"), login);
        assert_eq!(page["status"], 403, "{page:#}");
        assert!(
            page["body"].as_str().unwrap().contains("not-ours"),
            "{page:#}"
        );
    }
    // What one browser came back with is good in no other.
    let page = stage.browse(&stage.address("begin"), "kit");
    assert_eq!(page["status"], 200, "{page:#}");
    let back = page["seen"].as_array().unwrap().last().unwrap();
    let stolen = stage.browse(back.as_str().unwrap(), "kit");
    assert_eq!(stolen["status"], 403, "{stolen:#}");
    assert!(
        stolen["body"].as_str().unwrap().contains("not-believed"),
        "{stolen:#}"
    );
}

#[test]
#[ignore = "drives npm's oidc-provider: cargo xtask test --lane oidc"]
fn an_approval_by_the_providers_groups_counts_while_its_sign_in_does() {
    let stage = open(&serde_json::json!({"kit": ["senior"], "tester": ["senior"]}));
    let cordon = &stage.desk.cordon;
    let ola = stage.desk.person("ola");
    stage.is_held();
    let hold = stage.desk.waiting(&ola);
    let id = text(&hold, "id");

    let kit = stage.signed_in("kit");
    let _ = kit.approve(cordon, &hold).succeeded("an approval");
    stage.stands(&ola, &id, "approved");
    let _ = kit.run(cordon, &["sign-out"]).succeeded("cordon sign-out");
    stage.stands(&ola, &id, "waiting");
    stage.is_held();
    assert_eq!(stage.desk.reached(), 0);

    let _kit = stage.signed_in("kit");
    stage.stands(&ola, &id, "approved");
    assert!(stage.ask().target.starts_with("200"));
    stage.is_held();
    assert_eq!(stage.desk.reached(), 1);
}
