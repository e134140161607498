//! The scenarios of `tests/scenarios` that end in one answer, over the wire: the requests of
//! `lines.jsonl`, signed by the agent, through the proxy as a client would send them. The cloud's own
//! log says what reached it.

use crate::harness::{Setup, World, keys};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cordon_aws::emit::{Emission, EmittedBody};
use cordon_aws::sigv4::{SecretKey, SigningCredentials, SigningTarget, Transport, sign};
use cordon_core::decide::Outcome;
use cordon_core::record::RecordedOutcome;
use cordon_store::CallFilter;
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// The requests by `SCENARIO/NUMBER`, in order.
fn lines() -> BTreeMap<String, Value> {
    read("lines.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| (line["id"]["call"].as_str().unwrap().to_owned(), line))
        .collect()
}

/// The host of a line, and its bytes, signed now.
fn signed(line: &Value) -> (String, Vec<u8>) {
    let url = line["url"]
        .as_str()
        .unwrap()
        .strip_prefix("https://")
        .unwrap();
    let (host, target) = url.split_at(url.find('/').unwrap());
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let body = STANDARD.decode(line["body_b64"].as_str().unwrap()).unwrap();
    let mut headers = http::HeaderMap::new();
    let mut scope = Vec::new();
    for pair in line["headers"].as_array().unwrap() {
        let (name, value) = (
            pair[0].as_str().unwrap().to_lowercase(),
            pair[1].as_str().unwrap(),
        );
        match name.as_str() {
            "authorization" => {
                let credential = value.split("Credential=").nth(1).unwrap();
                scope = credential
                    .split('/')
                    .skip(2)
                    .take(2)
                    .map(str::to_owned)
                    .collect();
            }
            "host" | "x-amz-date" | "x-amz-content-sha256" | "transfer-encoding" => {}
            _ => {
                let name: HeaderName = name.parse().unwrap();
                headers.append(name, HeaderValue::from_str(value).unwrap());
            }
        }
    }
    let mut emission = Emission {
        method: line["method"].as_str().unwrap().parse().unwrap(),
        path: path.to_owned(),
        query,
        headers,
        host: host.to_owned(),
        body: EmittedBody::Whole(body.clone().into()),
    };
    let credentials = SigningCredentials::new(
        keys().id.parse().unwrap(),
        SecretKey::new(keys().secret.to_owned()),
        None,
    );
    let target = SigningTarget {
        authority: host,
        service: &scope[1],
        region: &scope[0].parse().unwrap(),
        transport: Transport::Tls,
    };
    sign(&mut emission, &target, &credentials, None, Timestamp::now()).unwrap();
    let query = emission.query.as_ref().map(|query| format!("?{query}"));
    let mut head = format!(
        "{} {}{} HTTP/1.1\r\nhost: {host}\r\n",
        emission.method,
        emission.path,
        query.unwrap_or_default()
    );
    for (name, value) in emission.headers.iter().filter(|(name, _)| *name != "host") {
        let _ = write!(head, "{name}: {}\r\n", value.to_str().unwrap());
    }
    let _ = write!(
        head,
        "content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    (host.to_owned(), [head.into_bytes(), body].concat())
}

/// Every line whose scenario is one of `ids`.
fn of<'l>(lines: &'l BTreeMap<String, Value>, ids: &[&str]) -> Vec<&'l Value> {
    let is_one = |name: &&String| ids.contains(&name.split('/').next().unwrap());
    let names = lines.keys().filter(is_one);
    names.map(|name| &lines[name]).collect()
}

async fn world(environment: &'static str) -> World {
    let task = read("task.toml").replace("[\"dev\"]", &format!("[\"{environment}\"]"));
    World::with(Setup {
        task,
        environment,
        region: "eu-west-1",
        ..Setup::default()
    })
    .await
}

/// None of the calls of the scenarios reaches the cloud, and each is recorded with what decided. Each has a
/// world of its own: after three of them a task is paused, and anything would be stopped.
async fn check_stopped(environment: &'static str, ids: &[&str]) {
    let lines = lines();
    let calls = of(&lines, ids);
    assert!(calls.len() >= ids.len());
    for line in calls {
        check_one_stopped(&world(environment).await, line).await;
    }
}

async fn check_one_stopped(world: &World, line: &Value) {
    let (host, bytes) = signed(line);
    let mut talk = world.connect_to(&host).await;
    talk.send(&bytes).await;
    let answer = talk.answer().await;
    let what = format!("{} {}", line["id"]["call"], line["id"]["do"]);
    assert!(matches!(answer.status, 400 | 403), "{what} got {answer:?}");
    let reference = answer
        .header("x-cordon-ref")
        .unwrap_or_else(|| panic!("{what} {answer:?}"));
    let recorded = world.store.call(&reference.parse().unwrap()).await.unwrap();
    let record = recorded
        .unwrap_or_else(|| panic!("{what} is not recorded"))
        .record;
    let operation = line["id"]["do"]
        .as_str()
        .unwrap()
        .split(':')
        .nth(1)
        .unwrap();
    assert_eq!(&*record.operation, operation, "{what}");
    assert!(!record.outcome.allowed(), "{what}");
    assert_eq!(
        answer.header("x-cordon-verdict"),
        Some(record.outcome.as_str()),
        "{what}"
    );
    // All that it heard are the reads by which Cordon looked into some of them.
    let let_go = CallFilter {
        verdict: Some(RecordedOutcome::Decided(Outcome::Allow)),
        ..CallFilter::default()
    };
    let looks = world.store.search(&let_go).await.unwrap();
    assert!(
        looks
            .iter()
            .all(|look| look.record.ingress == "own" && !look.record.mutates),
        "{looks:?}"
    );
    assert_eq!(world.sent(), looks.len(), "the cloud heard of {what}");
}

#[tokio::test]
async fn nothing_that_destroys_or_disarms_reaches_the_cloud() {
    check_stopped("dev", &["S13", "S16", "S24", "S29", "S30"]).await;
}

#[tokio::test]
async fn nothing_that_replaces_reaches_the_cloud() {
    check_stopped("dev", &["S13f", "S14", "S15", "S19", "S22", "S23"]).await;
}

#[tokio::test]
async fn nothing_that_deletes_by_its_parameters_or_later_reaches_the_cloud() {
    check_stopped("dev", &["S08", "S25", "S27", "S28", "S31", "S33", "S37"]).await;
}

#[tokio::test]
async fn production_is_not_scaled_to_zero_nor_refreshed_at_once() {
    check_stopped("prod", &["S21", "S23b", "S26", "S30b", "S34"]).await;
}

#[tokio::test]
async fn credentials_do_not_come_out() {
    check_stopped("dev", &["S57", "P13", "P17"]).await;
}

#[tokio::test]
async fn what_the_task_makes_it_may_take_away() {
    let world = world("dev").await;
    let lines = lines();
    for id in ["T2/2", "T2/3"] {
        let (host, bytes) = signed(&lines[id]);
        let mut talk = world.connect_to(&host).await;
        talk.send(&bytes).await;
        let answer = talk.answer().await;
        assert_eq!(answer.status, 200, "{id} got {answer:?}");
    }
    let log = world.lab.log();
    let heard: Vec<&str> = log
        .iter()
        .map(|entry| entry.operation.as_str())
        .filter(|operation| *operation != "AssumeRole")
        .collect();
    // Whether a table of that name has just vanished is asked first.
    assert_eq!(heard, ["ListBackups", "CreateTable", "DeleteTable"]);
}
