//! Amendments: who may ask, who may say yes, to what, and what a yes never does.

use crate::harness::*;
use cordon_core::decide::Outcome;
use cordon_core::record::{AccessRecord, CallRecord, RecordedOutcome};
use cordon_core::task::{Launch, Mode, Task};
use cordon_store::{Budget, PassKind, StoredTask, TaskState};
use serde_json::{Value, json};

const FILE: &str = r#"schema = "cordon.task/v1"
title = "Fix rounding"
team = "billing-console"
ttl = "8h"
[where]
accounts = ["111122223333"]
regions = ["eu-central-1"]
environments = ["dev"]
[[allow]]
do = ["lambda:UpdateFunctionCode"]
on = ["arn:aws:lambda:eu-central-1:111122223333:function:ce-export"]
[budget]
mutations = 5
"#;
const EXPORT: &str = "arn:aws:lambda:eu-central-1:111122223333:function:ce-export";

/// A task that mei launched, and a call of it that was denied as R1.
async fn open() -> Stage {
    let stage = Stage::new().await;
    let launch = Launch {
        id: "T-1".parse().unwrap(),
        sponsor: "mei".parse().unwrap(),
        at: stage.now(),
        mode: None,
        expires: None,
    };
    let task = Task::read("task.toml", FILE, &BUNDLE, launch).unwrap();
    let kept = stage.store.put_task(StoredTask {
        id: task.id().clone(),
        text: FILE.into(),
        lock: task.lock().into(),
        sponsor: task.sponsor().clone(),
        mode: Mode::Preview,
        state: TaskState::Active,
        created: task.launched_at(),
        expires: task.expires_at(),
    });
    kept.await.unwrap();
    denied(&stage, "R1", EXPORT).await;
    stage
}

async fn denied(stage: &Stage, reference: &str, resource: &str) {
    let record = CallRecord {
        task: "T-1".into(),
        service: "lambda".into(),
        operation: "UpdateFunctionConfiguration".into(),
        accesses: vec![AccessRecord {
            action: "lambda:UpdateFunctionConfiguration".into(),
            resource: resource.into(),
            kind: "lambda:function".into(),
            environment: "dev".into(),
            level: "Write",
            class: "update",
            implied: false,
        }],
        class: "update",
        outcome: RecordedOutcome::Decided(Outcome::Deny),
        policies: Vec::new(),
        digest: format!("sha256:{reference}").into(),
        ..call(reference, "T-1", "mei", stage.now())
    };
    let _kept = stage.store.record(record, Budget::default()).await.unwrap();
}

async fn file(stage: &Stage, token: &str, body: Value) -> Answer {
    let path = "/tasks/T-1/amendments";
    stage.post(path, token, &body.to_string()).await
}

async fn asked(stage: &Stage, token: &str) -> Value {
    let body = json!({ "reference": "R1", "reason": "the export needs more memory" });
    let answer = file(stage, token, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

async fn accept(stage: &Stage, token: &str, amendment: &Value, digest: &str) -> Answer {
    let path = format!("/amendments/{}/accept", amendment["id"].as_str().unwrap());
    let body = json!({ "digest": digest }).to_string();
    stage.post(&path, token, &body).await
}

async fn text(stage: &Stage) -> String {
    let id = "T-1".parse().unwrap();
    let task = stage.store.task(&id).await.unwrap().unwrap();
    task.text.into()
}

fn digest(amendment: &Value) -> &str {
    amendment["digest"].as_str().unwrap()
}

#[tokio::test]
async fn nobody_else_adds_anything_to_a_task() {
    let stage = open().await;
    let mei = stage.token("mei").await;
    let amendment = asked(&stage, &mei).await;
    // Someone of the approvers, who may not look at this task; one who looks at everything; one who
    // commands incidents; machines that speak for the sponsor herself.
    let read = stage.machine("mei", PassKind::Read).await;
    let check = stage.machine("mei", PassKind::Check).await;
    for (who, status) in [
        (stage.token("ola").await, 404),
        (stage.token("vic").await, 403),
        (stage.token("ica").await, 403),
        (read, 403),
        (check, 403),
    ] {
        let answer = accept(&stage, &who, &amendment, digest(&amendment)).await;
        assert_eq!(answer.status, status, "{answer:?}");
        let body = json!({ "reference": "R1", "reason": "x" });
        let answer = file(&stage, &who, body).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    assert_eq!(text(&stage).await, FILE);
}

#[tokio::test]
async fn a_yes_is_to_what_was_looked_at_and_by_who_proved_who_they_are() {
    let stage = open().await;
    let mei = stage.token("mei").await;
    let amendment = asked(&stage, &mei).await;
    let whole = digest(&amendment).to_owned();
    for other in ["", "sha256:", whole.split_at(20).0, DIGEST] {
        let answer = accept(&stage, &mei, &amendment, other).await;
        answer.refuses(403, "approve-what-you-saw");
    }
    // What the task would be is something else once it is live: mei looked at a preview.
    let id = "T-1".parse().unwrap();
    stage.store.set_task_mode(&id, Mode::Live).await.unwrap();
    let answer = accept(&stage, &mei, &amendment, &whole).await;
    answer.refuses(403, "approve-what-you-saw");
    stage.store.set_task_mode(&id, Mode::Preview).await.unwrap();
    stage.pass(16);
    let answer = accept(&stage, &mei, &amendment, &whole).await;
    answer.refuses(403, "prove-who-you-are");
    assert_eq!(text(&stage).await, FILE);
    let mei = stage.token("mei").await;
    assert_eq!(accept(&stage, &mei, &amendment, &whole).await.status, 200);
    let answer = accept(&stage, &mei, &amendment, &whole).await;
    answer.refuses(409, "settled-meanwhile");
    assert!(text(&stage).await.starts_with(FILE));
}

#[tokio::test]
async fn what_no_yes_could_make_true_is_not_put_before_anyone() {
    let stage = open().await;
    let mei = stage.token("mei").await;
    let role = "arn:aws:iam::111122223333:role/deploy";
    for (changes, code) in [
        (
            format!("[[allow]]\ndo = [\"iam:PassRole\"]\non = [\"{role}\"]"),
            "cannot-be-added",
        ),
        (
            "[budget]\nmutations = 4000000000".to_owned(),
            "cannot-be-added",
        ),
        (
            "[where]\nenvironments = [\"moon\"]".to_owned(),
            "cannot-be-added",
        ),
        ("mode = \"live\"".to_owned(), "malformed"),
        ("[approvals]\nextra = []".to_owned(), "malformed"),
        (String::new(), "malformed"),
    ] {
        let body = json!({ "changes": changes, "reason": "please" });
        let answer = file(&stage, &mei, body).await;
        assert_eq!(answer.body["code"], code, "{answer:?}");
    }
    // An agent named its target so that it would stand for all of them.
    denied(
        &stage,
        "R2",
        "arn:aws:lambda:eu-central-1:111122223333:function:*",
    )
    .await;
    let body = json!({ "reference": "R2", "reason": "please" });
    file(&stage, &mei, body).await.refuses(409, "no-amendment");
    // A call of another task is no ground.
    let _ = stage.held("9", "mei", &["senior"]).await;
    for reference in ["R9", "R404", "'; drop"] {
        let body = json!({ "reference": reference, "reason": "please" });
        file(&stage, &mei, body).await.refuses(404, "not-found");
    }
    for body in [
        json!({ "reference": "R1", "reason": "  " }),
        json!({ "reason": "please" }),
    ] {
        file(&stage, &mei, body).await.refuses(400, "malformed");
    }
    assert_eq!(
        stage.get("/amendments", &mei).await.body["amendments"],
        json!([])
    );
}

#[tokio::test]
async fn what_is_asked_for_is_shown_beside_all_that_the_task_may_do() {
    let stage = open().await;
    let mei = stage.token("mei").await;
    let first = json!({ "changes": "[budget]\nmutations = 2\n", "reason": "more" });
    let first = file(&stage, &mei, first).await.body;
    let answer = accept(&stage, &mei, &first, digest(&first)).await;
    assert_eq!(answer.body["state"], "accepted", "{answer:?}");
    let second = asked(&stage, &mei).await;
    assert_eq!(
        second["adds"],
        json!([format!(
            "+ allow lambda:UpdateFunctionConfiguration on {EXPORT}"
        )])
    );
    assert_eq!(
        second["added_before"],
        json!([
            "- at most 5 changes",
            "- at most 5 changes a minute",
            "+ at most 7 changes",
            "+ at most 7 changes a minute",
        ])
    );
    for (part, expected) in [
        ("now", "lambda:UpdateFunctionCode"),
        ("after", "lambda:UpdateFunctionConfiguration"),
        ("after", "at most 7 changes"),
    ] {
        let told = second[part].as_str().unwrap();
        assert!(told.contains(expected), "{told}");
    }
    assert_eq!(
        (&second["you_may_accept"], &second["why_not"]),
        (&json!(true), &json!(""))
    );
    let vic = stage.token("vic").await;
    let path = format!("/amendments/{}", second["id"].as_str().unwrap());
    let seen = stage.get(&path, &vic).await.body;
    assert_eq!(seen["you_may_accept"], false);
    assert_eq!(seen["adds"], second["adds"]);
    let ola = stage.token("ola").await;
    stage.get(&path, &ola).await.refuses(404, "not-found");
    assert_eq!(
        stage.get("/amendments", &ola).await.body["amendments"],
        json!([])
    );
    let waiting = stage.get("/amendments?state=waiting", &mei).await.body;
    assert_eq!(waiting["amendments"][0]["id"], second["id"]);
}

#[tokio::test]
async fn text_of_whoever_asks_is_inert_and_bounded() {
    let stage = open().await;
    let mei = stage.token("mei").await;
    let body = json!({ "reference": "R1", "reason": "yes\u{202e}on\u{1b}[2J\nsponsor: approved" });
    let shown = file(&stage, &mei, body).await.body;
    assert_eq!(
        shown["reason"],
        "yes<U+202E>on<U+001B>[2J<U+000A>sponsor: approved"
    );
    let body = json!({ "reference": "R1", "reason": "x".repeat(501) });
    file(&stage, &mei, body).await.refuses(400, "malformed");
    let long = format!("[[allow]]\ndo = [\"{}\"]", "x".repeat(9_000));
    let body = json!({ "changes": long, "reason": "x" });
    file(&stage, &mei, body).await.refuses(400, "malformed");
}

#[tokio::test]
async fn a_no_has_a_reason_of_those_that_there_are_and_is_the_last_word() {
    let stage = open().await;
    let mei = stage.token("mei").await;
    let amendment = asked(&stage, &mei).await;
    let path = format!("/amendments/{}/decline", amendment["id"].as_str().unwrap());
    let no = |reason: &str| json!({ "reason": reason, "note": "for people" }).to_string();
    stage
        .post(&path, &mei, &no("because"))
        .await
        .refuses(400, "malformed");
    let vic = stage.token("vic").await;
    stage
        .post(&path, &vic, &no("too-broad"))
        .await
        .refuses(403, "not-permitted");
    let declined = stage.post(&path, &mei, &no("too-broad")).await.body;
    assert_eq!(
        (&declined["state"], &declined["declined"]),
        (&json!("declined"), &json!("too-broad"))
    );
    let answer = accept(&stage, &mei, &amendment, digest(&amendment)).await;
    answer.refuses(409, "settled-meanwhile");
    stage
        .post(&path, &mei, &no("unclear"))
        .await
        .refuses(409, "settled-meanwhile");
    assert_eq!(text(&stage).await, FILE);
    let deeds = stage.store.deeds(None, 10).await.unwrap();
    let deeds: Vec<&str> = deeds.iter().map(|kept| &*kept.deed.what).collect();
    assert!(
        deeds.contains(&"decline-amendment") && deeds.contains(&"file-amendment"),
        "{deeds:?}"
    );
}

#[tokio::test]
async fn a_task_that_is_over_is_asked_for_nothing_and_gets_nothing() {
    let stage = open().await;
    let mei = stage.token("mei").await;
    let amendment = asked(&stage, &mei).await;
    stage.pass(8 * 60);
    let mei = stage.token("mei").await;
    let answer = accept(&stage, &mei, &amendment, digest(&amendment)).await;
    answer.refuses(409, "task-over");
    let body = json!({ "reference": "R1", "reason": "late" });
    file(&stage, &mei, body).await.refuses(409, "task-over");
    assert_eq!(text(&stage).await, FILE);
}
