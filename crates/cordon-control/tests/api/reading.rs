//! Reading: calls and tasks of others stay theirs, events follow, the description is whole.

use crate::harness::*;
use cordon_store::Budget;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn calls_and_tasks_are_for_their_sponsor_and_for_those_who_see_everything() {
    let stage = Stage::new().await;
    stage.held("1", "mei", &["owner"]).await;
    stage.held("2", "max", &["owner"]).await;
    let stray = call("R3", "", "", stage.now());
    let _kept = stage.store.record(stray, Budget::default()).await.unwrap();
    let (mei, vic, ola) = (
        stage.token("mei").await,
        stage.token("vic").await,
        stage.token("ola").await,
    );
    let refs = |body: &serde_json::Value| -> Vec<String> {
        let calls = body["calls"].as_array().unwrap();
        calls
            .iter()
            .map(|call| call["ref"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(refs(&stage.get("/calls", &mei).await.body), ["R1"]);
    assert_eq!(
        refs(&stage.get("/calls", &vic).await.body),
        ["R3", "R2", "R1"]
    );
    assert_eq!(
        refs(&stage.get("/calls", &ola).await.body),
        Vec::<String>::new()
    );
    assert_eq!(refs(&stage.get("/calls?task=T-2", &vic).await.body), ["R2"]);
    let first = stage.get("/calls?limit=2", &vic).await.body;
    assert_eq!(refs(&first), ["R3", "R2"]);
    let next = first["next"].as_str().unwrap();
    let second = stage
        .get(&format!("/calls?limit=2&cursor={next}"), &vic)
        .await
        .body;
    assert_eq!(refs(&second), ["R1"]);
    assert_eq!(
        stage.get("/calls/R1", &mei).await.body["operation"],
        "TerminateEnvironment"
    );
    stage.get("/calls/R2", &mei).await.refuses(404, "not-found");
    stage.get("/calls/R3", &mei).await.refuses(404, "not-found");
    let tasks = |body: &serde_json::Value| body["tasks"].as_array().unwrap().len();
    assert_eq!(tasks(&stage.get("/tasks", &mei).await.body), 1);
    assert_eq!(tasks(&stage.get("/tasks", &vic).await.body), 2);
    assert_eq!(tasks(&stage.get("/tasks", &ola).await.body), 0);
}

/// Reads events until `wanted` came.
async fn until(stream: &mut tokio::net::TcpStream, wanted: &str) -> String {
    let reading = async {
        let mut text = String::new();
        let mut bytes = [0; 4096];
        while !text.contains(wanted) {
            let read = stream.read(&mut bytes).await.unwrap();
            assert!(read > 0, "the stream ended before `{wanted}`: {text}");
            text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        }
        text
    };
    tokio::time::timeout(Duration::from_secs(60), reading)
        .await
        .unwrap()
}

#[tokio::test]
async fn who_follows_hears_of_what_they_may_look_at_and_of_nothing_else() {
    let stage = Stage::new().await;
    let (ola, kim) = (stage.token("ola").await, stage.token("kim").await);
    let address = stage.running.address();
    let mut follow = Vec::new();
    for token in [&ola, &kim] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /api/v1/events HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        until(&mut stream, "event: posture").await;
        follow.push(stream);
    }
    let (mut of_kim, mut of_ola) = (follow.pop().unwrap(), follow.pop().unwrap());
    stage.held("1", "max", &["senior"]).await;
    stage.held("2", "max", &["owner"]).await;
    assert!(
        until(&mut of_ola, "\"id\":\"H-1\"")
            .await
            .contains("\"state\":\"waiting\"")
    );
    let heard = until(&mut of_kim, "\"id\":\"H-2\"").await;
    assert!(!heard.contains("H-1"), "{heard}");
    stage.approve("H-1", &ola, DIGEST).await;
    until(&mut of_ola, "\"state\":\"approved\"").await;
    // Who is not signed in any more hears nothing more.
    stage.post("/sign-out", &ola, "{}").await;
    let mut rest = String::new();
    let end = of_ola.read_to_string(&mut rest);
    tokio::time::timeout(Duration::from_secs(60), end)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn the_api_describes_every_route_that_it_has() {
    let stage = Stage::new().await;
    let described = stage.send(&get("/openapi.json")).await.body;
    let paths: Vec<&str> = described["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    for path in [
        "/api/v1/me",
        "/api/v1/sign-in",
        "/api/v1/sign-out",
        "/api/v1/passkeys",
        "/api/v1/passkeys/ask",
        "/api/v1/passkeys/{id}/revoke",
        "/api/v1/sign-in/passkey",
        "/api/v1/sign-in/passkey/ask",
        "/api/v1/oidc/begin",
        "/api/v1/oidc/callback",
        "/api/v1/holds",
        "/api/v1/holds/{ref}",
        "/api/v1/holds/{ref}/approve",
        "/api/v1/holds/{ref}/reject",
        "/api/v1/holds/{ref}/break-glass",
        "/api/v1/holds/{ref}/wait",
        "/api/v1/posture",
        "/api/v1/postures",
        "/api/v1/postures/{id}/lift",
        "/api/v1/calls",
        "/api/v1/calls/{ref}",
        "/api/v1/tasks",
        "/api/v1/tasks/{id}/stop",
        "/api/v1/deeds",
        "/api/v1/incidents",
        "/api/v1/events",
    ] {
        assert!(paths.contains(&path), "{path} is not in {paths:?}");
    }
    let ids: Vec<&serde_json::Value> = described["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|methods| methods.as_object().unwrap().values())
        .map(|method| &method["operationId"])
        .collect();
    for id in &ids {
        assert_eq!(ids.iter().filter(|other| other == &id).count(), 1, "{id}");
    }
    // Nothing that is described is open to who is not signed in, but signing in.
    for (path, methods) in described["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path.trim_start_matches("/api/v1").replace(['{', '}'], "");
            let ask = match method.as_str() {
                "get" => get(&path),
                _ => post(&path, "{}"),
            };
            let answer = stage.send(&ask).await;
            let expected = match path.as_str() {
                // They ask for more than is sent here.
                "/sign-in" | "/sign-in/passkey" | "/oidc/callback" => 400,
                "/sign-in/passkey/ask" => 200,
                // There is no provider here.
                "/oidc/begin" => 404,
                _ => 401,
            };
            assert_eq!(answer.status, expected, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn what_people_do_is_written_down_and_so_is_what_agents_try() {
    let stage = Stage::new().await;
    stage.held("1", "max", &["senior"]).await;
    stage.held("2", "max", &["senior"]).await;
    let (ola, vic) = (stage.token("ola").await, stage.token("vic").await);
    stage
        .approve("H-1", &ola, OTHER)
        .await
        .refuses(403, "approve-what-you-saw");
    stage.approve("H-1", &ola, DIGEST).await;
    stage
        .post(
            "/holds/H-2/reject",
            &ola,
            r#"{"reason":"too-broad","note":"one will do"}"#,
        )
        .await;
    stage
        .post(
            "/posture",
            &ola,
            r#"{"to":"freeze","message":"The sale is on"}"#,
        )
        .await;
    stage.post("/tasks/T-2/stop", &ola, "{}").await;
    let agents = get("/holds")
        .bearer(&ola)
        .with("x-amz-date", "20261126T000000Z");
    stage.send(&agents).await.refuses(403, "agents-keys");
    stage
        .get("/deeds", &ola)
        .await
        .refuses(403, "not-permitted");
    let page = stage.get("/deeds?limit=100", &vic).await.body;
    let deeds: Vec<String> = page["deeds"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|deed| {
            let text = |name: &str| deed[name].as_str().unwrap().to_owned();
            let thing = match text("what").as_str() {
                "sign-in" => String::new(),
                _ => text("thing"),
            };
            format!(
                "{} {} {thing} {}",
                text("person"),
                text("what"),
                text("detail")
            )
        })
        .collect();
    assert_eq!(
        deeds,
        [
            "ola sign-in  terminal",
            "vic sign-in  terminal",
            "ola approve H-1 ",
            "ola too-broad H-2 one will do",
            "ola raise-posture freeze The sale is on",
            "ola stop-task T-2 ",
            " agents-keys /api/v1/holds GET",
        ]
    );
    let first = stage.get("/deeds?limit=2", &vic).await.body;
    let next = first["next"].as_str().unwrap();
    let second = stage
        .get(&format!("/deeds?limit=2&cursor={next}"), &vic)
        .await
        .body;
    assert_eq!(second["deeds"][0]["what"], "raise-posture");
}

/// The definitions of the API as a JSON Schema of their own: what commands that ask the API write. No
/// member may be there that is not described, but where one definition is a part of another.
fn definitions(described: &serde_json::Value) -> serde_json::Value {
    fn moved(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => {
                if let Some(serde_json::Value::String(place)) = members.get_mut("$ref") {
                    *place = place.replace("#/components/schemas/", "#/$defs/");
                }
                members.values_mut().for_each(moved);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(moved),
            _ => {}
        }
    }
    let mut definitions = described["components"]["schemas"].clone();
    moved(&mut definitions);
    let text = definitions.to_string();
    for (name, definition) in definitions.as_object_mut().unwrap() {
        let part = format!("\"allOf\":[{{\"$ref\":\"#/$defs/{name}\"");
        if !text.contains(&part) && definition["enum"].is_null() {
            definition["unevaluatedProperties"] = false.into();
        }
    }
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What Cordon's control plane tells, and the commands that ask it",
        "description": "Written by a test of cordon-control from the code of the API. Members are only ever added.",
        "$defs": definitions,
    })
}

#[tokio::test]
async fn the_published_schema_is_what_the_api_describes() {
    let stage = Stage::new().await;
    let described = stage.send(&get("/openapi.json")).await.body;
    let text = serde_json::to_string_pretty(&definitions(&described)).unwrap() + "\n";
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../cordon/schemas/control.schema.json");
    if std::env::var_os("CORDON_BLESS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let published = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(text, published, "CORDON_BLESS=1 writes it anew");
}
