//! In an emergency: raising is easy, lowering is not, and a task is stopped at once.

use crate::harness::*;
use cordon_core::decide::Posture;
use cordon_core::posture::{Scope, strictest};
use cordon_store::TaskState;
use serde_json::Value;

async fn standing(stage: &Stage) -> Posture {
    let declared = stage.store.postures().await.unwrap();
    let of_everything = declared.iter().filter(|one| one.scope == Scope::Everything);
    strictest(of_everything, stage.now()).map_or(Posture::Normal, |found| found.posture)
}

const FREEZE: &str = r#"{"to":"freeze","message":"The sale is on"}"#;
const NORMAL: &str = r#"{"to":"normal","message":"The sale is over"}"#;

#[tokio::test]
async fn whoever_decides_may_raise_and_only_the_incident_commander_lowers() {
    let stage = Stage::new().await;
    let (ola, vic, ica) = (
        stage.token("ola").await,
        stage.token("vic").await,
        stage.token("ica").await,
    );
    stage
        .post("/posture", &vic, FREEZE)
        .await
        .refuses(403, "not-permitted");
    assert_eq!(standing(&stage).await, Posture::Normal);
    let raised = stage.post("/posture", &ola, FREEZE).await;
    assert_eq!((raised.status, &raised.body["by"]), (200, &"ola".into()));
    assert_eq!(standing(&stage).await, Posture::Freeze);
    for body in [NORMAL, r#"{"to":"elevated","message":"a little"}"#] {
        stage
            .post("/posture", &ola, body)
            .await
            .refuses(403, "not-permitted");
    }
    stage.pass(16);
    stage
        .post("/posture", &ica, NORMAL)
        .await
        .refuses(403, "prove-who-you-are");
    assert_eq!(standing(&stage).await, Posture::Freeze);
    let fresh = stage.token("ica").await;
    assert_eq!(stage.post("/posture", &fresh, NORMAL).await.status, 200);
    assert_eq!(standing(&stage).await, Posture::Normal);
    assert_eq!(
        stage.get("/posture", &vic).await.body["message"],
        "The sale is over"
    );
}

#[tokio::test]
async fn an_end_does_not_lower_through_the_back_door() {
    let stage = Stage::new().await;
    let ola = stage.token("ola").await;
    assert_eq!(stage.post("/posture", &ola, FREEZE).await.status, 200);
    let until = stage.now() + jiff::SignedDuration::from_mins(1);
    let ends = format!(r#"{{"to":"freeze","message":"for a minute","until":"{until}"}}"#);
    stage
        .post("/posture", &ola, &ends)
        .await
        .refuses(403, "not-permitted");
    stage.pass(2);
    assert_eq!(standing(&stage).await, Posture::Freeze);
}

#[tokio::test]
async fn a_posture_with_an_end_ends() {
    let stage = Stage::new().await;
    let ola = stage.token("ola").await;
    let until = stage.now() + jiff::SignedDuration::from_mins(30);
    let body = format!(r#"{{"to":"elevated","message":"Release","until":"{until}"}}"#);
    assert_eq!(
        stage.post("/posture", &ola, &body).await.body["posture"],
        "elevated"
    );
    stage.pass(30);
    let over = stage.get("/posture", &ola).await.body;
    assert_eq!(
        (&over["posture"], &over["message"]),
        (&"normal".into(), &"".into())
    );
    for until in ["yesterday", "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"] {
        let body = format!(r#"{{"to":"freeze","message":"x","until":"{until}"}}"#);
        assert_eq!(
            stage.post("/posture", &ola, &body).await.status,
            400,
            "{until}"
        );
    }
    for body in [
        r#"{"to":"panic","message":"x"}"#,
        r#"{"to":"freeze","message":"  "}"#,
        r#"{"to":"freeze"}"#,
    ] {
        stage
            .post("/posture", &ola, body)
            .await
            .refuses(400, "malformed");
    }
}

/// What is declared, in words, and whether it is in force.
async fn declared(stage: &Stage, token: &str) -> Vec<String> {
    let page = stage.get("/postures", token).await.body;
    let words = page["postures"].as_array().unwrap().iter().map(|one| {
        let text = |name: &str| one[name].as_str().unwrap_or("-").to_owned();
        let words = ["scope", "posture", "weekly", "zone", "message"].map(text);
        format!("{} {}", words.join(" "), one["in_force"])
    });
    words.collect()
}

fn change(to: &str, more: &str) -> String {
    format!(r#"{{"to":"{to}","message":"Sale"{more}}}"#)
}

#[tokio::test]
async fn a_part_of_everything_has_a_posture_of_its_own() {
    let stage = Stage::new().await;
    let (ola, ica, vic) = (
        stage.token("ola").await,
        stage.token("ica").await,
        stage.token("vic").await,
    );
    let (prod, team) = (r#","environment":"prod""#, r#","team":"billing""#);
    for (to, scope) in [("freeze", prod), ("elevated", team)] {
        stage
            .post("/posture", &vic, &change(to, scope))
            .await
            .refuses(403, "not-permitted");
        let raised = stage.post("/posture", &ola, &change(to, scope)).await;
        assert_eq!((raised.status, &raised.body["posture"]), (200, &to.into()));
    }
    assert_eq!(standing(&stage).await, Posture::Normal);
    assert_eq!(
        declared(&stage, &vic).await,
        [
            "environment:prod freeze - - Sale true",
            "team:billing elevated - - Sale true"
        ]
    );
    // Everything may be frozen beside it, and be normal again without it.
    for (to, token) in [("freeze", &ola), ("normal", &ica)] {
        stage.post("/posture", token, &change(to, "")).await;
    }
    assert_eq!(declared(&stage, &vic).await.len(), 3);
    for (to, scope) in [("elevated", prod), ("normal", prod), ("normal", team)] {
        stage
            .post("/posture", &ola, &change(to, scope))
            .await
            .refuses(403, "not-permitted");
        let lowered = stage.post("/posture", &ica, &change(to, scope)).await;
        assert_eq!(lowered.status, 200, "{lowered:?}");
    }
    assert_eq!(
        declared(&stage, &vic).await,
        ["everything normal - - Sale true"]
    );
    for (scope, code) in [
        (r#","environment":"prd""#, "no-such-environment"),
        (r#","environment":"prod","team":"billing""#, "malformed"),
        (r#","team":"a b""#, "malformed"),
        (r#","scope":"prod""#, "malformed"),
    ] {
        stage
            .post("/posture", &ola, &change("freeze", scope))
            .await
            .refuses(400, code);
    }
}

#[tokio::test]
async fn what_is_scheduled_holds_in_its_time_and_an_incident_commander_lifts_it() {
    let stage = Stage::new().await;
    let (ola, ica) = (stage.token("ola").await, stage.token("ica").await);
    let later = |minutes| stage.now() + jiff::SignedDuration::from_mins(minutes);
    let window = format!(r#","from":"{}","until":"{}""#, later(5), later(10));
    let kept = stage
        .post("/posture", &ola, &change("freeze", &window))
        .await;
    let id = kept.body["id"].as_str().unwrap().to_owned();
    assert!(
        id.starts_with("P-") && kept.body["in_force"] == false,
        "{kept:?}"
    );
    // Said twice, it is there once.
    stage
        .post("/posture", &ola, &change("freeze", &window))
        .await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(standing(&stage).await);
        stage.pass(3);
    }
    use Posture::{Freeze, Normal};
    assert_eq!(seen, [Normal, Normal, Freeze, Freeze]);
    assert_eq!(declared(&stage, &ola).await, [""; 0]);

    // A stricter one beside it is no way to end it.
    let weekly = r#","weekly":"mon 00:00 - sun 23:59","zone":"UTC","environment":"prod""#;
    let kept = stage
        .post("/posture", &ola, &change("freeze", weekly))
        .await;
    let id = kept.body["id"].as_str().unwrap_or_default().to_owned();
    stage
        .post(
            "/posture",
            &ola,
            &change("elevated", r#","environment":"prod""#),
        )
        .await;
    assert_eq!(
        declared(&stage, &ola).await,
        [
            "environment:prod freeze Mon 00:00 - Sun 23:59 UTC Sale true",
            "environment:prod elevated - - Sale true"
        ]
    );
    let lift = format!("/postures/{id}/lift");
    let why = r#"{"message":"The sale is over"}"#;
    stage
        .post(&lift, &ola, why)
        .await
        .refuses(403, "not-permitted");
    stage
        .post(&lift, &ica, r#"{"message":" "}"#)
        .await
        .refuses(400, "malformed");
    assert_eq!(stage.post(&lift, &ica, why).await.status, 200);
    stage.post(&lift, &ica, why).await.refuses(404, "not-found");
    assert_eq!(declared(&stage, &ola).await.len(), 1);
    let deeds = stage.get("/deeds?limit=3", &ica).await.body;
    let deeds: Vec<&Value> = deeds["deeds"].as_array().unwrap().iter().collect();
    let words: Vec<&str> = deeds
        .iter()
        .map(|deed| deed["what"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["lift-posture", "raise-posture", "schedule-posture"]);
    assert_eq!(deeds[2]["thing"], "freeze environment:prod");
}

#[tokio::test]
async fn a_schedule_that_means_nothing_is_refused() {
    let stage = Stage::new().await;
    let ola = stage.token("ola").await;
    let at = |minutes| stage.now() + jiff::SignedDuration::from_mins(minutes);
    let window = |from, until| format!(r#","from":"{}","until":"{}""#, at(from), at(until));
    for (more, code) in [
        (window(10, 5), "no-such-end"),
        (window(-10, -5), "no-such-end"),
        (window(0, 401 * 24 * 60), "no-such-end"),
        (format!(r#","from":"{}""#, at(1)), "malformed"),
        (r#","weekly":"Fri 18:00""#.to_owned(), "malformed"),
        (
            r#","weekly":"Fri 18:00 - Mon 08:00","zone":"Mars/Olympus""#.to_owned(),
            "no-such-zone",
        ),
        (
            r#","weekly":"Fri 18:00 - Mon 08:00","zone":"/etc/passwd""#.to_owned(),
            "no-such-zone",
        ),
        (
            r#","weekly":"Fri 18:00 - Mon 08:00","zone":"../../etc/passwd""#.to_owned(),
            "no-such-zone",
        ),
        (
            format!(r#","weekly":"Fri 18:00 - Mon 08:00","until":"{}""#, at(1)),
            "malformed",
        ),
        (r#","zone":"UTC""#.to_owned(), "malformed"),
    ] {
        stage
            .post("/posture", &ola, &change("freeze", &more))
            .await
            .refuses(400, code);
    }
    let weekly = r#","weekly":"Fri 18:00 - Mon 08:00""#;
    stage
        .post("/posture", &ola, &change("normal", weekly))
        .await
        .refuses(400, "malformed");
    // A hundred are enough.
    for team in 0..100 {
        let body = change("elevated", &format!(r#","team":"t{team}""#));
        assert_eq!(stage.post("/posture", &ola, &body).await.status, 200);
    }
    stage
        .post("/posture", &ola, &change("freeze", ""))
        .await
        .refuses(409, "too-many");
    let again = change("freeze", r#","team":"t1""#);
    assert_eq!(stage.post("/posture", &ola, &again).await.status, 200);
}

#[tokio::test]
async fn whoever_decides_stops_everything_and_says_why() {
    let stage = Stage::new().await;
    stage.held("1", "mei", &["senior"]).await;
    stage.held("2", "max", &["senior"]).await;
    let (vic, kim, ica) = (
        stage.token("vic").await,
        stage.token("kim").await,
        stage.token("ica").await,
    );
    const WHY: &str = r#"{"reason":"Orders vanish\u202e"}"#;
    stage
        .post("/tasks/stop", &vic, WHY)
        .await
        .refuses(403, "not-permitted");
    for body in ["{}", r#"{"reason":" "}"#, r#"{"reason":"x","tasks":[]}"#] {
        stage
            .post("/tasks/stop", &kim, body)
            .await
            .refuses(400, "malformed");
    }
    let page = stage.get("/tasks", &ica).await.body;
    let states = page["tasks"].as_array().unwrap().iter();
    assert!(states.into_iter().all(|task| task["state"] != "stopped"));

    let stopped = stage.post("/tasks/stop", &kim, WHY).await;
    assert_eq!(stopped.body["count"], 2, "{stopped:?}");
    assert_eq!(stopped.body["tasks"], serde_json::json!(["T-1", "T-2"]));
    for hold in ["/holds/H-1", "/holds/H-2"] {
        let hold = stage.get(hold, &ica).await;
        assert_eq!(hold.body["state"], "withdrawn");
    }
    let again = stage.post("/tasks/stop", &kim, WHY).await;
    assert_eq!(again.body["count"], 0);
    let deeds = stage.get("/deeds", &ica).await.body;
    let deed = &deeds["deeds"][0];
    assert_eq!(
        (&deed["what"], &deed["person"], &deed["detail"]),
        (
            &"stop-everything".into(),
            &"kim".into(),
            &"Orders vanish<U+202E>".into()
        )
    );
}

#[tokio::test]
async fn a_task_is_stopped_by_its_sponsor_and_by_whoever_decides() {
    let stage = Stage::new().await;
    stage.held("1", "mei", &["senior"]).await;
    stage.held("2", "max", &["senior"]).await;
    let (mei, vic, kim) = (
        stage.token("mei").await,
        stage.token("vic").await,
        stage.token("kim").await,
    );
    stage
        .post("/tasks/T-1/stop", &vic, "{}")
        .await
        .refuses(403, "not-permitted");
    stage
        .post("/tasks/T-9/stop", &mei, "{}")
        .await
        .refuses(404, "not-found");
    for (task, token) in [("T-1", &mei), ("T-2", &kim)] {
        let stopped = stage
            .post(&format!("/tasks/{task}/stop"), token, "{}")
            .await;
        assert_eq!(stopped.body["state"], "stopped", "{stopped:?}");
        let kept = stage
            .store
            .task(&task.parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(kept.state, TaskState::Stopped);
    }
    let withdrawn = stage.get("/holds/H-1", &mei).await;
    assert_eq!(withdrawn.body["state"], "withdrawn");
}
