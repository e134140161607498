//! Checks: what a machine's token reports, what it does not, and who may have it report.

use crate::harness::*;
use cordon_core::hold::Hold;
use cordon_store::{HoldBounds, PassKind};
use serde_json::{Value, json};

const MACHINES: &str = r#"
    schema = "cordon.people/v1"
    [[person]]
    name = "ola"
    groups = ["senior"]
    [[person]]
    name = "kim"
    groups = ["owner"]
    [[person]]
    name = "ci"
    [[person]]
    name = "max"
"#;

/// A control plane with machines, and a hold of `max` that asks for a senior and for these checks.
async fn asking(checks: &[&str]) -> (Stage, Hold) {
    let stage = Stage::new().await;
    stage.people(MACHINES);
    let _other = stage.held("0", "max", &["senior"]).await;
    let hold = Hold {
        checks: checks.iter().map(|check| check.parse().unwrap()).collect(),
        ..stage.hold("1", "max", &["senior"])
    };
    stage.write_down(&hold).await;
    let opened = stage.store.open_hold(hold.clone(), HoldBounds::default());
    opened.await.unwrap();
    (stage, hold)
}

fn result(word: &str) -> Value {
    json!({
        "result": word, "link": "https://ci.example.com/runs/7",
        "digest": DIGEST, "state_digest": STATE,
    })
}

impl Stage {
    async fn token_for(&self, person: &str, checks: &[&str]) -> String {
        self.machine_for(person, PassKind::Check, checks).await
    }

    async fn report(&self, check: &str, token: &str, body: &Value) -> Answer {
        let path = format!("/holds/H-1/checks/{check}");
        self.post(&path, token, &body.to_string()).await
    }

    async fn reports(&self, hold: &Hold) -> usize {
        let now = self.store.hold(&hold.id).await.unwrap().unwrap();
        now.reports.len()
    }
}

#[tokio::test]
async fn a_token_reports_the_checks_that_it_was_made_for_and_nothing_else() {
    let (stage, hold) = asking(&["canary-tests", "load"]).await;
    let canary = stage.token_for("ci", &["canary-tests"]).await;
    let ola = stage.token("ola").await;
    let read = stage.machine("ola", PassKind::Read).await;
    let old = stage.machine("ci", PassKind::Check).await;
    let passed = result("passed");
    let other = stage.report("load", &canary, &passed).await;
    other.refuses(403, "check-scope");
    for token in [&ola, &old] {
        let refused = stage.report("canary-tests", token, &passed).await;
        refused.refuses(403, "check-scope");
    }
    let refused = stage.report("canary-tests", &read, &passed).await;
    refused.refuses(403, "token-scope");
    let approve = stage.approve("H-1", &canary, DIGEST).await;
    approve.refuses(403, "token-scope");
    for path in [
        "/holds/H-1/reject",
        "/holds/H-1/break-glass",
        "/posture",
        "/sign-out",
    ] {
        let refused = stage.post(path, &canary, "{}").await;
        refused.refuses(403, "token-scope");
    }
    for path in ["/calls", "/tasks", "/events", "/deeds", "/posture"] {
        stage.get(path, &canary).await.refuses(403, "token-scope");
    }
    assert_eq!(stage.reports(&hold).await, 0);
    assert_eq!(stage.votes(&hold).await, 0);
    let me = stage.get("/me", &canary).await;
    assert_eq!(me.body["checks"], json!(["canary-tests"]));
}

#[tokio::test]
async fn a_token_sees_the_holds_that_ask_for_its_checks_and_not_what_people_tell_each_other() {
    let (stage, _) = asking(&["canary-tests"]).await;
    let ola = stage.token("ola").await;
    let body = json!({ "digest": DIGEST, "note": "for the sponsor alone" });
    let said = stage
        .post("/holds/H-1/approve", &ola, &body.to_string())
        .await;
    assert_eq!(said.status, 200, "{said:?}");
    let canary = stage.token_for("ci", &["canary-tests"]).await;
    let list = stage.get("/holds", &canary).await;
    assert_eq!(list.body["holds"].as_array().unwrap().len(), 1, "{list:?}");
    assert_eq!(list.body["holds"][0]["id"], "H-1");
    let seen = stage.get("/holds/H-1", &canary).await;
    assert_eq!(
        (&seen.body["digest"], &seen.body["state_digest"]),
        (&json!(DIGEST), &json!(STATE))
    );
    assert_eq!(seen.body["votes"][0]["note"], "");
    stage
        .get("/holds/H-0", &canary)
        .await
        .refuses(404, "not-found");
    let load = stage.token_for("ci", &["load"]).await;
    stage
        .get("/holds/H-1", &load)
        .await
        .refuses(404, "not-found");
    let hidden = stage.report("load", &load, &result("passed")).await;
    hidden.refuses(404, "not-found");
    // Not by being a senior either.
    let hers = stage.token_for("ola", &["load"]).await;
    stage
        .get("/holds/H-0", &hers)
        .await
        .refuses(404, "not-found");
}

#[tokio::test]
async fn an_approval_and_every_check_let_it_go() {
    let (stage, hold) = asking(&["canary-tests", "load"]).await;
    let both = stage.token_for("ci", &["canary-tests", "load"]).await;
    let ola = stage.token("ola").await;
    let seen = stage.report("canary-tests", &both, &result("passed")).await;
    assert_eq!(seen.body["state"], "waiting", "{seen:?}");
    assert_eq!(
        seen.body["waits_for"],
        "1 approval of senior and check load"
    );
    let approved = stage.approve("H-1", &ola, DIGEST).await;
    assert_eq!(approved.body["state"], "waiting");
    assert_eq!(approved.body["waits_for"], "check load");
    let failed = stage.report("load", &both, &result("failed")).await;
    assert_eq!(failed.body["state"], "waiting");
    assert_eq!(failed.body["waits_for"], "check load (failed)");
    let check = &failed.body["checks"][1];
    assert_eq!(
        (&check["name"], &check["result"]),
        (&json!("load"), &json!("failed"))
    );
    assert_eq!(
        (&check["by"], &check["link"]),
        (&json!("ci"), &json!("https://ci.example.com/runs/7"))
    );
    let passed = stage.report("load", &both, &result("passed")).await;
    assert_eq!(passed.body["state"], "approved", "{passed:?}");
    // What was approved is stopped by a failure, and what is said twice is said once.
    for _ in 0..2 {
        let stopped = stage.report("canary-tests", &both, &result("failed")).await;
        assert_eq!(stopped.body["state"], "waiting", "{stopped:?}");
    }
    assert_eq!(stage.reports(&hold).await, 4);
    let deeds = stage.store.deeds(None, 100).await.unwrap();
    let reported: Vec<_> = deeds
        .iter()
        .filter(|kept| &*kept.deed.what == "report-check")
        .collect();
    assert_eq!(reported.len(), 4);
    let last = &reported[0].deed;
    assert_eq!((&*last.person, &*last.thing), ("ci", "H-1"));
    assert!(
        last.detail.starts_with("canary-tests failed by "),
        "{last:?}"
    );
}

#[tokio::test]
async fn what_was_checked_is_what_is_held() {
    let (stage, hold) = asking(&["canary-tests"]).await;
    let token = stage.token_for("ci", &["canary-tests"]).await;
    let with = |name: &str, value: &str| {
        let mut body = result("passed");
        body[name] = json!(value);
        body
    };
    for name in ["digest", "state_digest"] {
        let stale = stage
            .report("canary-tests", &token, &with(name, OTHER))
            .await;
        stale.refuses(409, "digest-differs");
        for cut in ["", "sha256:0011", &DIGEST.to_uppercase()] {
            let cut = stage.report("canary-tests", &token, &with(name, cut)).await;
            cut.refuses(400, "digest-not-whole");
        }
    }
    for (name, value) in [
        ("result", "ok"),
        ("link", "javascript:alert(1)"),
        ("link", "https://ci.example.com@evil.example.com/"),
        ("link", "https://ci.example.com/\u{202e}7"),
        ("link", ""),
        ("more", "x"),
    ] {
        let refused = stage
            .report("canary-tests", &token, &with(name, value))
            .await;
        refused.refuses(400, "malformed");
    }
    let unasked = stage.token_for("ci", &["canary-tests", "load"]).await;
    let refused = stage.report("load", &unasked, &result("passed")).await;
    refused.refuses(404, "check-not-asked");
    for path in [
        "/holds/H-1/checks/a%2Fb",
        "/holds/H-1/checks/",
        "/holds/H-1%2Fapprove/checks/load",
    ] {
        let refused = stage
            .post(path, &unasked, &result("passed").to_string())
            .await;
        assert!(matches!(refused.status, 403 | 404), "{refused:?}");
    }
    assert_eq!(stage.reports(&hold).await, 0);
}

#[tokio::test]
async fn the_sponsor_and_who_is_not_known_have_nothing_reported() {
    let (stage, hold) = asking(&["canary-tests"]).await;
    let own = stage.token_for("max", &["canary-tests"]).await;
    let refused = stage.report("canary-tests", &own, &result("passed")).await;
    refused.refuses(403, "never-your-own-task");
    let gone = stage.token_for("bot", &["canary-tests"]).await;
    let refused = stage.report("canary-tests", &gone, &result("passed")).await;
    refused.refuses(401, "unknown-person");
    assert_eq!(stage.reports(&hold).await, 0);
    // Whose machine is taken out of the people afterwards counts no more.
    let token = stage.token_for("ci", &["canary-tests"]).await;
    let ola = stage.token("ola").await;
    let _said = stage.approve("H-1", &ola, DIGEST).await;
    let passed = stage
        .report("canary-tests", &token, &result("passed"))
        .await;
    assert_eq!(passed.body["state"], "approved", "{passed:?}");
    stage.people(&MACHINES.replace("\"ci\"", "\"other-ci\""));
    let left = stage.get("/holds/H-1", &ola).await;
    assert_eq!(
        (&left.body["state"], &left.body["checks"][0]["result"]),
        (&json!("waiting"), &json!("open"))
    );
}

#[tokio::test]
async fn nothing_is_reported_of_what_is_over() {
    let (stage, hold) = asking(&["canary-tests"]).await;
    let token = stage.token_for("ci", &["canary-tests"]).await;
    stage.pass(31);
    for word in ["passed", "failed"] {
        let late = stage.report("canary-tests", &token, &result(word)).await;
        late.refuses(409, "hold-over");
    }
    assert_eq!(stage.reports(&hold).await, 0);
}
