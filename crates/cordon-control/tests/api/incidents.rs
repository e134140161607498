//! Incidents are recorded by those who may raise the posture, and too many of them raise it by themselves.

use crate::harness::*;
use cordon_core::posture::Declared;

fn incident(more: &str) -> String {
    format!(r#"{{"task":"T-1","severity":"high","note":"Orders were lost"{more}}}"#)
}

async fn raised(stage: &Stage) -> Option<Declared> {
    let declared = stage.store.postures().await.unwrap();
    declared.into_iter().find(|one| &*one.id == "reliability")
}

#[tokio::test]
async fn the_third_incident_in_ninety_days_raises_the_posture_until_it_is_lifted() {
    let stage = Stage::new().await;
    stage.held("1", "mei", &["senior"]).await;
    let (ola, vic) = (stage.token("ola").await, stage.token("vic").await);
    stage
        .post("/incidents", &vic, &incident(""))
        .await
        .refuses(403, "not-permitted");
    let long_ago = stage.now() - jiff::SignedDuration::from_hours(91 * 24);
    let old = format!(r#","at":"{long_ago}""#);
    let link = r#","link":"https://tickets.example.com/CE-381""#;
    for (more, count) in [("", 1), (old.as_str(), 1), (link, 2)] {
        let told = stage.post("/incidents", &ola, &incident(more)).await;
        assert_eq!(told.body["limit"]["count"], count, "{told:?}");
        assert_eq!(told.body["raised"], serde_json::Value::Null);
    }
    assert_eq!(raised(&stage).await, None);
    let third = stage.post("/incidents", &ola, &incident("")).await;
    assert_eq!(third.body["raised"]["posture"], "elevated", "{third:?}");
    let posture = stage.get("/posture", &vic).await.body;
    assert_eq!(posture["posture"], "elevated");
    assert_eq!(
        posture["message"],
        "Agents caused 3 incidents within 90 days; 3 raise the posture"
    );

    // What was long ago is recorded, and raises nothing that was lifted.
    let lift = |token: String| {
        let stage = &stage;
        async move {
            let why = r#"{"message":"Reviewed"}"#;
            stage.post("/postures/reliability/lift", &token, why).await
        }
    };
    lift(ola.clone()).await.refuses(403, "not-permitted");
    assert_eq!(lift(stage.token("ica").await).await.status, 200);
    stage.post("/incidents", &ola, &incident(&old)).await;
    assert_eq!(raised(&stage).await, None);
    stage.post("/incidents", &ola, &incident("")).await;
    assert!(
        raised(&stage).await.is_some(),
        "the next one raises it again"
    );

    let page = stage.get("/incidents?limit=2", &vic).await.body;
    let (first, second) = (&page["incidents"][0], &page["incidents"][1]);
    assert_eq!((&first["number"], &first["by"]), (&6.into(), &"ola".into()));
    assert_eq!(second["at"], format!("{long_ago:.0}"));
    let next = page["next"].as_str().unwrap();
    let rest = stage
        .get(&format!("/incidents?cursor={next}"), &vic)
        .await
        .body;
    assert_eq!(rest["incidents"].as_array().unwrap().len(), 4);
    let linked = &rest["incidents"][1]["link"];
    assert_eq!(linked, "https://tickets.example.com/CE-381");
    stage
        .get("/incidents", &ola)
        .await
        .refuses(403, "not-permitted");
    let deeds = stage.get("/deeds", &vic).await.body;
    let raised_by = deeds["deeds"].as_array().unwrap().iter();
    let raised_by = raised_by.filter(|deed| deed["what"] == "raise-posture");
    assert_eq!(raised_by.count(), 2);
}

#[tokio::test]
async fn of_many_incidents_at_once_the_one_that_is_too_many_is_seen() {
    let stage = Stage::new().await;
    stage.held("1", "mei", &["senior"]).await;
    let ola = stage.token("ola").await;
    let body = incident("");
    let all = (0..3).map(|_| stage.post("/incidents", &ola, &body));
    let all = futures_util::future::join_all(all).await;
    let raising = all
        .iter()
        .filter(|told| told.body["raised"]["posture"] == "elevated");
    assert_eq!(raising.count(), 1);
    assert!(raised(&stage).await.is_some());
}

#[tokio::test]
async fn what_is_no_incident_is_not_recorded() {
    let stage = Stage::new().await;
    stage.held("1", "mei", &["senior"]).await;
    let ola = stage.token("ola").await;
    let later = stage.now() + jiff::SignedDuration::from_mins(1);
    for more in [
        r#","link":"javascript:alert(1)""#.to_owned(),
        r#","link":"tickets/CE-381""#.to_owned(),
        r#","at":"yesterday""#.to_owned(),
        format!(r#","at":"{later}""#),
        r#","cause":"x""#.to_owned(),
    ] {
        stage
            .post("/incidents", &ola, &incident(&more))
            .await
            .refuses(400, "malformed");
    }
    for (from, to, code, word) in [
        ("high", "dire", 400, "malformed"),
        ("Orders were lost", " ", 400, "malformed"),
        ("T-1", "T-9", 404, "not-found"),
    ] {
        let body = incident("").replace(from, to);
        stage
            .post("/incidents", &ola, &body)
            .await
            .refuses(code, word);
    }
    assert_eq!(stage.store.incidents(None, 10).await.unwrap(), []);
}
