//! The picture of all decisions: a sample of botocore's requests to every service, judged on a task
//! that allows whole classes, in `dev` and in `prod`. What a change of the catalog, the policies or
//! the decision does to calls that nobody thought of is seen in the diff of one file.
//!
//! `CORDON_BLESS=1 cargo test -p cordon-core --test stories golden` writes the file anew.

use crate::harness::{bundle, judge_with, launch, load, now, root, session_of};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cordon_aws::catalog::Catalog;
use cordon_aws::endpoint::{Destination, OwnHosts};
use cordon_aws::request::{Body, Request};
use cordon_core::authenticate::{Ingress, Received};
use cordon_core::policy::Policies;
use cordon_core::session::Session;
use cordon_core::task::{Task, Written};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

const SAMPLE: &str = include_str!("../../../../tests/corpus/sample.jsonl");

const TASK: &str = r#"
    schema = "cordon.task/v1"
    title = "Whatever is not destroyed"
    team = "platform"
    mode = "live"
    ttl = "1h"
    [where]
    accounts = ["111122223333"]
    regions = ["eu-west-1", "us-west-2", "us-east-1"]
    environments = ["ENVIRONMENT"]
    [[allow]]
    do = ["observe"]
    [[allow]]
    do = ["data", "create", "update", "disrupt"]
    on = ["*", PATTERNS]
    [budget]
    mutations = 40
    creates = 20
"#;

/// The request of a line of the sample, with the name of what it calls.
fn sent(line: &str) -> (String, Received) {
    let line: Value = serde_json::from_str(line).unwrap();
    (line["id"].as_str().unwrap().to_owned(), received(&line))
}

/// The request of a line in the format of `cordon decide`.
pub(crate) fn received(line: &Value) -> Received {
    let text = |name: &str| line[name].as_str().unwrap().to_owned();
    let url = text("url");
    let rest = url.strip_prefix("https://").unwrap();
    let (host, target) = rest.split_at(rest.find('/').unwrap());
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let headers: HeaderMap = line["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| {
            let part = |at: usize| pair[at].as_str().unwrap();
            let name: HeaderName = part(0).parse().unwrap();
            (name, HeaderValue::from_str(part(1)).unwrap())
        })
        .collect();
    Received {
        request: Request {
            method: text("method").parse().unwrap(),
            path: path.to_owned(),
            query,
            headers,
            destination: Destination::parse(host, &OwnHosts::default()).unwrap(),
            body: Body::Whole(STANDARD.decode(text("body_b64")).unwrap().into()),
        },
        reference: "7QK4M2ZD".parse().unwrap(),
        ingress: Ingress::Offline,
        arrived: now(),
    }
}

/// The bundle, with the account in `environment`.
pub(crate) fn policies(environment: &str) -> Policies {
    let mut files = bundle();
    for file in &mut files {
        if file.name == "environments.toml" {
            let rule = format!("environment = \"{environment}\"\naccounts = [\"111122223333\"]");
            file.text = file.text.replace(
                "environment = \"dev\"\naccounts = [\"111122223333\"]",
                &rule,
            );
        }
    }
    load(&files)
}

/// A pattern for every service, as a list in a task.
pub(crate) fn every_service() -> String {
    let services: BTreeSet<&str> = Catalog::embedded()
        .services()
        .map(|service| service.iam_prefix())
        .collect();
    let patterns: Vec<String> = services
        .iter()
        .map(|prefix| format!("\"arn:aws:{prefix}:*:*:*\""))
        .collect();
    patterns.join(", ")
}

/// A session on the task. As after a restart: what is above the ceiling is told call by call.
fn session(policies: &Policies, environment: &str) -> Arc<Session> {
    let text = TASK
        .replace("ENVIRONMENT", environment)
        .replace("PATTERNS", &every_service());
    let written = Written::parse("task.toml", &text).unwrap_or_else(|faults| panic!("{faults}"));
    let task = Task::restore(&written, policies, launch());
    Arc::new(session_of(task.unwrap_or_else(|faults| panic!("{faults}"))))
}

/// What is decided on one request that comes first on its task.
fn told(policies: &Policies, session: &Arc<Session>, received: Received) -> String {
    let mut judge = judge_with(policies, Arc::clone(session));
    match judge.judge(received, now()) {
        Ok(judgement) => {
            let verdict = &judgement.verdict;
            let by: Vec<&str> = match verdict.reason {
                Some(reason) if verdict.policies.is_empty() => vec![reason.as_str()],
                _ => verdict
                    .policies
                    .iter()
                    .map(|policy| policy.id.as_str())
                    .collect(),
            };
            format!("{} {}", verdict.outcome.as_str(), by.join(","))
        }
        Err(error) => format!("reject {}", error.code()),
    }
}

#[test]
fn every_decision_is_as_the_golden_file_says() {
    let environments = ["dev", "prod"].map(|name| {
        let policies = policies(name);
        let session = session(&policies, name);
        (policies, session)
    });
    let mut picture = String::from("# service:Operation | dev | prod\n");
    for line in SAMPLE.lines() {
        let (name, _) = sent(line);
        let [in_dev, in_prod] = environments
            .each_ref()
            .map(|(policies, session)| told(policies, session, sent(line).1));
        writeln!(picture, "{name} | {in_dev} | {in_prod}").unwrap();
    }
    let path = root().join("tests/golden/decisions.txt");
    if std::env::var_os("CORDON_BLESS").is_some() {
        std::fs::write(&path, &picture).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    let differs: Vec<(&str, &str)> = golden
        .lines()
        .zip(picture.lines())
        .filter(|(was, is)| was != is)
        .collect();
    assert!(differs.is_empty(), "{differs:#?}");
    assert_eq!(golden.lines().count(), picture.lines().count());
}
