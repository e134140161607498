//! Deciding: who may not, what is not taken, and what is.

use crate::harness::*;
use cordon_core::hold::Closing;
use cordon_core::hold::Ended;
use cordon_store::HoldBounds;
use std::time::Duration;

#[tokio::test]
async fn the_sponsor_never_decides_by_any_name() {
    let stage = Stage::new().await;
    for (id, sponsor) in [("1", "mei"), ("2", "MEI"), ("3", "mei@example.com")] {
        let hold = stage.held(id, sponsor, &["senior"]).await;
        let mei = stage.token("mei").await;
        let name = hold.id.as_str();
        let seen = stage.get(&format!("/holds/{name}"), &mei).await;
        assert_eq!(seen.status, 200, "the sponsor may look");
        assert_eq!(seen.body["yours"]["approve"], false);
        let answer = stage.approve(name, &mei, DIGEST).await;
        answer.refuses(403, "never-your-own-task");
        let body = r#"{"reason":"unclear"}"#;
        let no = stage
            .post(&format!("/holds/{name}/reject"), &mei, body)
            .await;
        no.refuses(403, "never-your-own-task");
        assert_eq!(stage.votes(&hold).await, 0);
    }
}

#[tokio::test]
async fn who_is_not_asked_does_not_decide_and_who_may_not_look_learns_nothing() {
    let stage = Stage::new().await;
    let hold = stage.held("1", "max", &["senior"]).await;
    let (vic, kim) = (stage.token("vic").await, stage.token("kim").await);
    assert_eq!(stage.get("/holds/H-1", &vic).await.status, 200);
    stage
        .approve("H-1", &vic, DIGEST)
        .await
        .refuses(403, "not-permitted");
    for path in ["/holds/H-1", "/holds/H-9"] {
        stage.get(path, &kim).await.refuses(404, "not-found");
    }
    let (here, not_here) = (
        stage.get("/holds/H-1", &kim).await,
        stage.get("/holds/H-9", &kim).await,
    );
    assert_eq!(here.body, not_here.body);
    stage
        .approve("H-1", &kim, DIGEST)
        .await
        .refuses(404, "not-found");
    assert_eq!(
        stage.get("/holds", &kim).await.body["holds"],
        serde_json::json!([])
    );
    assert_eq!(stage.votes(&hold).await, 0);
}

#[tokio::test]
async fn nobody_says_yes_to_a_call_that_is_not_written_down_yet() {
    let stage = Stage::new().await;
    let hold = stage.hold("1", "max", &["senior"]);
    let opened = stage
        .store
        .open_hold(hold.clone(), HoldBounds::default())
        .await;
    opened.unwrap();
    let (ola, ica) = (stage.token("ola").await, stage.token("ica").await);
    let seen = stage.get("/holds/H-1", &ola).await;
    assert_eq!(seen.body["yours"]["approve"], false, "{seen:?}");
    let early = stage.approve("H-1", &ola, DIGEST).await;
    early.refuses(409, "not-written-yet");
    let body = format!(r#"{{"digest":"{DIGEST}","reason":"nobody answers at all"}}"#);
    let glass = stage.post("/holds/H-1/break-glass", &ica, &body).await;
    glass.refuses(409, "not-written-yet");
    assert_eq!(stage.votes(&hold).await, 0);
    stage.write_down(&hold).await;
    let late = stage.approve("H-1", &ola, DIGEST).await;
    assert_eq!(late.body["state"], "approved", "{late:?}");
}

#[tokio::test]
async fn an_approval_names_all_of_what_was_seen() {
    let stage = Stage::new().await;
    let hold = stage.held("1", "max", &["senior"]).await;
    let ola = stage.token("ola").await;
    for digest in [
        "",
        "sha256:",
        "sha256:0011",
        DIGEST.trim_start_matches("sha256:"),
        &DIGEST.to_uppercase(),
        &format!("{DIGEST}0"),
    ] {
        let answer = stage.approve("H-1", &ola, digest).await;
        answer.refuses(400, "digest-not-whole");
    }
    stage
        .approve("H-1", &ola, OTHER)
        .await
        .refuses(403, "approve-what-you-saw");
    assert_eq!(stage.votes(&hold).await, 0);
}

#[tokio::test]
async fn an_approval_needs_a_recent_sign_in_and_a_no_does_not() {
    let stage = Stage::new().await;
    let hold = stage.held("1", "max", &["senior"]).await;
    let ola = stage.token("ola").await;
    stage.pass(16);
    stage
        .approve("H-1", &ola, DIGEST)
        .await
        .refuses(403, "prove-who-you-are");
    assert_eq!(stage.votes(&hold).await, 0);
    let fresh = stage.token("ola").await;
    assert_eq!(
        stage.approve("H-1", &fresh, DIGEST).await.body["state"],
        "approved"
    );
    let no = stage
        .post("/holds/H-1/reject", &ola, r#"{"reason":"too-risky"}"#)
        .await;
    assert_eq!(
        no.body["state"], "rejected",
        "who said yes may still stop it"
    );
}

#[tokio::test]
async fn a_person_says_yes_once() {
    let stage = Stage::new().await;
    let hold = stage.held("1", "max", &["senior", "owner"]).await;
    let ola = stage.token("ola").await;
    let first = stage.approve("H-1", &ola, DIGEST).await;
    assert_eq!(first.body["state"], "waiting");
    assert_eq!(first.body["missing"], serde_json::json!(["owner"]));
    stage
        .approve("H-1", &ola, DIGEST)
        .await
        .refuses(409, "decided-already");
    let another = stage.token("ola").await;
    stage
        .approve("H-1", &another, DIGEST)
        .await
        .refuses(409, "decided-already");
    assert_eq!(stage.votes(&hold).await, 1);
    let kim = stage.token("kim").await;
    assert_eq!(
        stage.approve("H-1", &kim, DIGEST).await.body["state"],
        "approved"
    );
}

#[tokio::test]
async fn many_at_one_moment_all_count_and_one_person_once() {
    let stage = Stage::new().await;
    let hold = stage.held("1", "max", &["senior", "owner"]).await;
    let mut tokens = Vec::new();
    for person in ["mei", "ola", "sam", "kim", "mei", "ola"] {
        tokens.push(stage.token(person).await);
    }
    let votes = tokens
        .iter()
        .map(|token| stage.approve("H-1", token, DIGEST));
    let answers = futures_util::future::join_all(votes).await;
    let taken = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(taken, 4, "{answers:?}");
    assert_eq!(stage.votes(&hold).await, 4);
}

#[tokio::test]
async fn two_incident_commanders_break_the_glass_with_a_reason_and_a_recent_sign_in() {
    let stage = Stage::new().await;
    let hold = stage.held("1", "max", &["senior", "owner"]).await;
    let own = stage.held("2", "ica", &["senior"]).await;
    let (ica, ivo, ola) = (
        stage.token("ica").await,
        stage.token("ivo").await,
        stage.token("ola").await,
    );
    let glass = |hold: &str, digest: &str, reason: &str| {
        let path = format!("/holds/{hold}/break-glass");
        (
            path,
            format!(r#"{{"digest":"{digest}","reason":"{reason}"}}"#),
        )
    };
    let why = "nobody answers, and customers are locked out";
    let (path, body) = glass("H-1", DIGEST, why);
    stage
        .post(&path, &ola, &body)
        .await
        .refuses(403, "not-permitted");
    let (_, short) = glass("H-1", DIGEST, "now");
    stage
        .post(&path, &ica, &short)
        .await
        .refuses(400, "malformed");
    let (_, part) = glass("H-1", "sha256:00", why);
    stage
        .post(&path, &ica, &part)
        .await
        .refuses(400, "digest-not-whole");
    let (_, other) = glass("H-1", OTHER, why);
    stage
        .post(&path, &ica, &other)
        .await
        .refuses(403, "approve-what-you-saw");
    let (own_path, _) = glass("H-2", DIGEST, why);
    stage
        .post(&own_path, &ica, &body)
        .await
        .refuses(403, "never-your-own-task");
    stage.pass(16);
    stage
        .post(&path, &ica, &body)
        .await
        .refuses(403, "prove-who-you-are");
    assert_eq!((stage.votes(&hold).await, stage.votes(&own).await), (0, 0));

    let ica = stage.token("ica").await;
    let first = stage.post(&path, &ica, &body).await;
    assert_eq!(first.body["state"], "waiting");
    stage
        .post(&path, &ica, &body)
        .await
        .refuses(409, "decided-already");
    stage
        .post(&path, &ivo, &body)
        .await
        .refuses(403, "prove-who-you-are");
    let ivo = stage.token("ivo").await;
    let second = stage.post(&path, &ivo, &body).await;
    assert_eq!(second.body["state"], "approved", "{second:?}");
    assert_eq!(second.body["votes"][0]["answer"], "break-glass");
    assert_eq!(second.body["votes"][0]["note"], why);
    assert_eq!(second.body["votes"][1]["counts"], true);
    let back = stage
        .post("/holds/H-1/reject", &ica, r#"{"reason":"too-risky"}"#)
        .await;
    assert_eq!(back.body["state"], "rejected");
}

#[tokio::test]
async fn what_is_over_is_not_decided() {
    let stage = Stage::new().await;
    let used = stage.held("1", "max", &["senior"]).await;
    let ola = stage.token("ola").await;
    let ended = Ended {
        how: Closing::Used,
        at: stage.now(),
        by: None,
    };
    stage.store.end_hold(&used.id, ended).await.unwrap();
    stage
        .approve("H-1", &ola, DIGEST)
        .await
        .refuses(409, "hold-over");
    stage.held("2", "max", &["senior"]).await;
    stage.pass(30);
    let late = stage.token("ola").await;
    stage
        .approve("H-2", &late, DIGEST)
        .await
        .refuses(409, "hold-over");
    assert_eq!(
        stage.get("/holds/H-2", &late).await.body["state"],
        "unanswered"
    );
}

#[tokio::test]
async fn who_left_the_group_decides_nothing_and_what_they_said_does_not_count() {
    let stage = Stage::new().await;
    stage.held("1", "max", &["senior"]).await;
    let ola = stage.token("ola").await;
    let mei = stage.token("mei").await;
    assert_eq!(
        stage.approve("H-1", &ola, DIGEST).await.body["state"],
        "approved"
    );
    let without = PEOPLE.replace(
        "name = \"ola\"\n    groups = [\"senior\"]",
        "name = \"ola\"\n    groups = [\"owner\"]",
    );
    stage.people(&without);
    let seen = stage.get("/holds/H-1", &mei).await;
    assert_eq!(seen.body["state"], "waiting");
    assert_eq!(seen.body["votes"][0]["counts"], false);
    stage
        .approve("H-1", &ola, DIGEST)
        .await
        .refuses(404, "not-found");
}

#[tokio::test]
async fn a_rejection_has_a_reason_of_the_list() {
    let stage = Stage::new().await;
    let hold = stage.held("1", "max", &["senior"]).await;
    let ola = stage.token("ola").await;
    for body in [
        r#"{}"#,
        r#"{"reason":"approve"}"#,
        r#"{"reason":"no"}"#,
        r#"{"reason":"Too-Broad"}"#,
    ] {
        let answer = stage.post("/holds/H-1/reject", &ola, body).await;
        answer.refuses(400, "malformed");
    }
    assert_eq!(stage.votes(&hold).await, 0);
    let body = r#"{"reason":"too-broad","note":"one table\u0007 is enough"}"#;
    let no = stage.post("/holds/H-1/reject", &ola, body).await;
    assert_eq!(no.body["state"], "rejected");
    assert_eq!(no.body["votes"][0]["answer"], "too-broad");
    assert_eq!(no.body["votes"][0]["note"], "one table<U+0007> is enough");
}

#[tokio::test]
async fn everything_that_one_needs_to_decide_is_shown() {
    let stage = Stage::new().await;
    stage.held("1", "max", &["senior"]).await;
    let ola = stage.token("ola").await;
    stage.pass(5);
    let hold = stage.get("/holds/H-1", &ola).await.body;
    assert_eq!(
        hold["effect"],
        "Destroy 2 resources in cn-prod: ce-web-prod, i-0abc"
    );
    assert_eq!(
        (&hold["irreversible"], &hold["confirm"]),
        (&true.into(), &"ce-web-prod".into())
    );
    assert_eq!(hold["targets"][0]["implied"], false);
    assert_eq!(hold["targets"][1]["implied"], true);
    assert_eq!(
        hold["facts"][0]["means"],
        "Holds data that cannot be derived again."
    );
    assert_eq!(
        hold["policies"][0]["title"],
        "Changes in production need a senior engineer"
    );
    assert_eq!(hold["task_title"], "Fix the rounding bug");
    assert_eq!(
        (&hold["sponsor"], &hold["agent"]),
        (&"max".into(), &"kiro".into())
    );
    assert_eq!(
        (&hold["digest"], &hold["state_digest"]),
        (&DIGEST.into(), &STATE.into())
    );
    assert_eq!(hold["seconds_left"], 25 * 60);
    assert_eq!(
        hold["parameters"],
        "{\"EnvironmentName\":\"ce-web-prod<U+202E>dorp\"}"
    );
    assert_eq!(hold["yours"]["approve"], true);
}

#[tokio::test]
async fn who_waits_hears_as_soon_as_it_is_decided() {
    let stage = Stage::new().await;
    stage.held("1", "max", &["senior"]).await;
    let (ola, vic) = (stage.token("ola").await, stage.token("vic").await);
    let still = stage.get("/holds/H-1/wait?seconds=0", &vic).await;
    assert_eq!(still.body["state"], "waiting");
    let waits = stage.get("/holds/H-1/wait?seconds=300", &vic);
    let decides = async {
        // The one who waits is there first, or finds it decided: both end well.
        tokio::task::yield_now().await;
        stage.approve("H-1", &ola, DIGEST).await
    };
    let both = async { tokio::join!(waits, decides) };
    let (heard, decided) = tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .unwrap();
    assert_eq!(
        (decided.status, &heard.body["state"]),
        (200, &"approved".into())
    );
    let kim = stage.token("kim").await;
    stage
        .get("/holds/H-1/wait?seconds=300", &kim)
        .await
        .refuses(404, "not-found");
}

#[tokio::test]
async fn who_waits_is_let_go_when_the_control_plane_closes() {
    let stage = Stage::new().await;
    stage.held("1", "max", &["senior"]).await;
    let vic = stage.token("vic").await;
    let address = stage.running.address();
    let request = format!(
        "GET /api/v1/holds/H-1/wait?seconds=300 HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {vic}\r\nconnection: close\r\n\r\n"
    );
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    // Another request shows that the first was taken: connections are taken in order.
    stage.get("/me", &vic).await;
    let answer = tokio::spawn(async move {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    });
    stage.running.close(Duration::from_secs(60)).await;
    let answer = tokio::time::timeout(Duration::from_secs(60), answer)
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn holds_are_listed_page_by_page_and_by_state() {
    let stage = Stage::new().await;
    let ola = stage.token("ola").await;
    for id in ["1", "2", "3", "4", "5"] {
        stage.held(id, "max", &["senior"]).await;
    }
    stage.approve("H-2", &ola, DIGEST).await;
    stage
        .post("/holds/H-3/reject", &ola, r#"{"reason":"unclear"}"#)
        .await;
    let ids = |body: &serde_json::Value| -> Vec<String> {
        let holds = body["holds"].as_array().unwrap();
        holds
            .iter()
            .map(|hold| hold["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut all = Vec::new();
    let mut path = "/holds?limit=2".to_owned();
    loop {
        let page = stage.get(&path, &ola).await.body;
        all.extend(ids(&page));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/holds?limit=2&cursor={next}");
    }
    assert_eq!(all, ["H-5", "H-4", "H-3", "H-2", "H-1"]);
    for (state, expected) in [
        ("open", vec!["H-5", "H-4", "H-2", "H-1"]),
        ("waiting", vec!["H-5", "H-4", "H-1"]),
        ("approved", vec!["H-2"]),
        ("rejected", vec!["H-3"]),
        ("used", vec![]),
    ] {
        let page = stage.get(&format!("/holds?state={state}"), &ola).await.body;
        assert_eq!(ids(&page), expected, "{state}");
    }
    let of_task = stage.get("/holds?task=T-4", &ola).await.body;
    assert_eq!(ids(&of_task), ["H-4"]);
}
