//! The scenarios of `tests/scenarios`: what agents were seen to do, or could, each with what must
//! become of it, and beside each group the same work done properly, which must not be in anyone's
//! way. They are judged by the code of `cordon decide`; `lines.jsonl` is its input as it is. A scenario
//! with a `cloud` says what that answers to Cordon's own reads; one without has none to ask.
//!
//! `CORDON_BLESS=1 cargo test -p cordon-core --test stories scenarios` writes what was decided to
//! `tests/golden/scenarios.txt`; the outcomes that must hold are in the scenarios themselves.

use crate::golden::{every_service, policies, received};
use crate::harness::{judge_with, launch, now, read, root, session_of};
use cordon_aws::answer::Answer;
use cordon_aws::call::Protocol;
use cordon_core::decide::{Outcome, Posture};
use cordon_core::judge::{Judge, Judgement};
use cordon_core::look::Read;
use cordon_core::policy::Policies;
use cordon_core::session::Session;
use cordon_core::task::{Task, Written};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use toml::{Table, Value};

/// The requests by `SCENARIO/NUMBER`.
type Lines = BTreeMap<String, String>;

/// The files beside the scenarios that are tasks.
const TASKS: [&str; 3] = ["sized.toml", "task.toml", "wide.toml"];

fn files() -> Vec<(String, Table)> {
    let folder = root().join("tests/scenarios");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml") && !TASKS.contains(&&**name))
        .collect();
    names.sort();
    let table = |name: &String| {
        let text = read(&format!("tests/scenarios/{name}"));
        text.parse()
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    names
        .iter()
        .map(|name| (name.clone(), table(name)))
        .collect()
}

fn lines() -> Lines {
    let id = |line: &str| {
        let line: Json = serde_json::from_str(line).unwrap();
        line["id"]["call"].as_str().unwrap().to_owned()
    };
    let text = read("tests/scenarios/lines.jsonl");
    text.lines()
        .map(|line| (id(line), line.to_owned()))
        .collect()
}

fn entries<'t>(file: &'t Table, kind: &str) -> impl Iterator<Item = &'t Table> {
    let list = file.get(kind).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .map(|entry| entry.as_table().unwrap())
}

fn text<'t>(entry: &'t Table, name: &str) -> Option<&'t str> {
    entry.get(name).map(|value| value.as_str().unwrap())
}

/// The session on the task of one scenario; a task is compiled once.
fn session(
    compiled: &mut BTreeMap<String, Arc<Session>>,
    policies: &Policies,
    scenario: &Table,
    environment: &str,
) -> Arc<Session> {
    let name = text(scenario, "task").unwrap_or("task.toml");
    let mut written = read(&format!("tests/scenarios/{name}"));
    written = written.replace("PATTERNS", &every_service());
    written = written.replace("[\"dev\"]", &format!("[\"{environment}\"]"));
    if let Some(adds) = text(scenario, "adds") {
        written.push_str(adds);
    }
    for (unit, most) in scenario
        .get("budget")
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
    {
        let most = most.as_integer().unwrap();
        let line = written
            .lines()
            .find(|line| line.starts_with(unit))
            .unwrap()
            .to_owned();
        written = written.replace(&line, &format!("{unit} = {most}"));
    }
    let session = compiled.entry(written).or_insert_with_key(|text| {
        let written = Written::parse(name, text).unwrap_or_else(|faults| panic!("{faults}"));
        // What is above the ceiling is told call by call.
        let task = Task::restore(&written, policies, launch());
        Arc::new(session_of(task.unwrap_or_else(|faults| panic!("{faults}"))))
    });
    Arc::clone(session)
}

/// What is decided on one call of a scenario, and that it is the call that the scenario speaks of.
fn judged(
    judge: &mut Judge<'_>,
    line: &str,
    call: &Table,
    cloud: Option<&Table>,
) -> Result<Judgement, String> {
    let written: Json = serde_json::from_str(line).unwrap();
    let written = &written["id"];
    let parameters = call
        .get("with")
        .cloned()
        .unwrap_or_else(|| Table::new().into());
    assert_eq!(
        (&written["do"], &written["with"]),
        (
            &Json::from(text(call, "do").unwrap()),
            &serde_json::to_value(parameters).unwrap()
        ),
        "lines.jsonl is older than the scenario: run tests/scenarios/lines.py"
    );
    let request = received(&serde_json::from_str(line).unwrap());
    let judgement = match cloud {
        None => judge.judge(request, now()),
        Some(cloud) => judge.judge_seeing(request, now(), &mut |read| answer(cloud, read)),
    };
    let judgement = judgement.map_err(|error| error.code().to_owned())?;
    let operation = judgement.call.operation();
    let named = format!("{}:{}", operation.service().name(), operation.name());
    assert_eq!(Some(&*named), text(call, "do"));
    Ok(judgement)
}

/// What a cloud answers to a read, in JSON or in XML; nothing where it does not say.
fn answer(cloud: &Table, read: &Read) -> Option<Answer> {
    let body = text(cloud, read.operation)?;
    let protocol = match body.starts_with('{') {
        true => Protocol::Json11,
        false => Protocol::RestXml,
    };
    Some(Answer::read(protocol, body.as_bytes()).unwrap_or_else(|| panic!("{body} is no answer")))
}

/// `deny by-this,and-that [facts]`. Several permits of one allow have no order of their own.
fn told(judgement: &Judgement) -> String {
    let verdict = &judgement.verdict;
    let mut by: Vec<&str> = match verdict.reason {
        Some(reason) if verdict.policies.is_empty() => vec![reason.as_str()],
        _ => verdict
            .policies
            .iter()
            .map(|policy| policy.id.as_str())
            .collect(),
    };
    if verdict.outcome == Outcome::Allow {
        by.sort_unstable();
    }
    let facts: Vec<&str> = judgement.facts.iter().map(|fact| fact.as_str()).collect();
    let class = judgement.call.class();
    format!(
        "{class} {} {} [{}]",
        verdict.outcome.as_str(),
        by.join(","),
        facts.join(" ")
    )
}

/// Whether the outcome is the one that must be: for a call of a scenario that it does not go, or
/// exactly what it says; for one of a twin that it goes.
fn holds(kind: &str, call: &Table, judgement: &Result<Judgement, String>) -> bool {
    let allowed = matches!(judgement, Ok(judgement) if judgement.verdict.outcome == Outcome::Allow);
    let expected = text(call, "expect");
    let by = text(call, "by").is_none_or(|by| {
        let Ok(judgement) = judgement else {
            return false;
        };
        let policies = &judgement.verdict.policies;
        policies.iter().any(|policy| policy.id.as_str() == by)
    });
    by && match (kind, expected) {
        ("twin", _) | (_, Some("allow")) => allowed,
        (_, Some(outcome)) => {
            matches!(judgement, Ok(judgement) if judgement.verdict.outcome.as_str() == outcome)
        }
        (_, None) => !allowed,
    }
}

#[test]
fn every_scenario_ends_as_it_must_and_its_twin_is_not_in_the_way() {
    let lines = lines();
    let bundles: BTreeMap<&str, Policies> =
        ["dev", "prod"].map(|name| (name, policies(name))).into();
    let mut picture = String::from("# scenario | call | class, outcome, policies, facts\n");
    let mut wrong = Vec::new();
    let mut compiled = BTreeMap::new();
    for (_, file) in files() {
        for kind in ["scenario", "twin"] {
            for scenario in entries(&file, kind) {
                let environment = text(scenario, "environment").unwrap_or("dev");
                let policies = &bundles[environment];
                let mut judge = judge_with(
                    policies,
                    session(&mut compiled, policies, scenario, environment),
                );
                if let Some(posture) = text(scenario, "posture") {
                    judge.set_posture(Posture::named(posture).unwrap());
                }
                let approvals = scenario.get("approvals").and_then(Value::as_array);
                let groups = approvals.into_iter().flatten();
                let groups = groups.map(|group| group.as_str().unwrap().parse().unwrap());
                judge.set_approvals(groups.collect());
                let id = text(scenario, "id").unwrap();
                for (number, call) in entries(scenario, "call").enumerate() {
                    let line = &lines[&format!("{id}/{}", number + 1)];
                    let cloud = scenario.get("cloud").and_then(Value::as_table);
                    let judgement = judged(&mut judge, line, call, cloud);
                    let said = judgement
                        .as_ref()
                        .map_or_else(|code| format!("reject {code}"), told);
                    let what = format!("{id} | {} | {said}", text(call, "do").unwrap());
                    if !holds(kind, call, &judgement) {
                        wrong.push(what.clone());
                    }
                    writeln!(picture, "{what}").unwrap();
                }
            }
        }
    }
    let path = root().join("tests/golden/scenarios.txt");
    if std::env::var_os("CORDON_BLESS").is_some() {
        std::fs::write(&path, &picture).unwrap();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let golden = std::fs::read_to_string(&path).unwrap();
    let differs: Vec<_> = golden
        .lines()
        .zip(picture.lines())
        .filter(|(was, is)| was != is)
        .collect();
    assert!(differs.is_empty(), "{differs:#?}");
    assert_eq!(golden.lines().count(), picture.lines().count());
}

#[test]
fn no_scenario_is_forgotten() {
    let files = files();
    let ids: BTreeSet<String> = files
        .iter()
        .flat_map(|(_, file)| ["scenario", "waits"].map(|kind| entries(file, kind)))
        .flatten()
        .map(|entry| {
            text(entry, "id")
                .unwrap()
                .trim_end_matches(char::is_lowercase)
                .to_owned()
        })
        .collect();
    let expected = (1..=75).map(|number| format!("S{number:02}"));
    let expected: BTreeSet<String> = expected
        .chain((1..=52).map(|number| format!("P{number:02}")))
        .collect();
    assert_eq!(ids, expected);
    for (name, file) in &files {
        assert!(
            entries(file, "twin").next().is_some(),
            "{name} has no benign twin"
        );
        assert!(
            entries(file, "waits")
                .all(|entry| text(entry, "why").is_some_and(|why| !why.is_empty())),
            "{name}: say why a scenario waits"
        );
    }
}
