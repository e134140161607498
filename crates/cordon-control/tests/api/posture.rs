//! In an emergency: raising is easy, lowering is not, and a task is stopped at once.

use crate::harness::*;
use cordon_core::decide::Posture;
use cordon_store::TaskState;

async fn standing(stage: &Stage) -> Posture {
    stage.store.posture().await.unwrap().at(stage.now())
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
