//! The conformance corpus: every operation of every service as botocore really writes and signs it,
//! named by `cordon classify`. The few that have two names, and the few that are refused, are listed
//! in `tests/corpus/`, and those lists hold nothing that is not needed.
//!
//! What it does not prove: the region is compared with the one that botocore signed for, which is
//! what Cordon reads as well, and not at all by an endpoint; a request whose host and signature are
//! of two partitions is not compared; and what botocore could not make is not counted.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a story stops at once"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead as _;
use std::path::Path;
use std::process::{Command, Stdio};

use cordon_tests::program::program;
use cordon_tests::{file, tool};
use serde_json::Value;

/// One way in which the corpus is made.
struct Making {
    name: &'static str,
    options: &'static [&'static str],
    /// Whether the region that is signed is the one that is meant: before an endpoint of its own a
    /// service without regions is signed in the client's.
    regional: bool,
}

const MAKINGS: [Making; 7] = [
    making("filled", &["--full"]),
    making("bare", &["--sample", "3"]),
    making(
        "china",
        &["--full", "--sample", "6", "--region", "cn-north-1"],
    ),
    making("govcloud", &["--sample", "6", "--region", "us-gov-west-1"]),
    making(
        "fips",
        &["--sample", "6", "--region", "us-east-1", "--fips"],
    ),
    making("dual stack", &["--sample", "6", "--dual-stack"]),
    Making {
        name: "endpoint",
        options: &["--full", "--endpoint", "http://127.0.0.1:8800"],
        regional: false,
    },
];

const fn making(name: &'static str, options: &'static [&'static str]) -> Making {
    Making {
        name,
        options,
        regional: true,
    }
}

/// Where, service, operation, and what is found instead.
type Row = [String; 4];

/// Rows of a list of exceptions, each with whether it was needed.
struct Exceptions {
    rows: Vec<Row>,
    used: BTreeSet<usize>,
}

impl Exceptions {
    fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(file("corpus").join(name)).expect("a list");
        let rows = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let mut cells = line.split('\t').map(str::to_owned);
                let row = [(); 4].map(|()| cells.next().expect("a cell"));
                assert!(cells.next().is_some_and(|why| !why.is_empty()), "{line}");
                row
            });
        Self {
            rows: rows.collect(),
            used: BTreeSet::new(),
        }
    }

    /// Whether the list has `found` for an operation.
    fn has(&mut self, making: &Making, service: &str, operation: &str, found: &str) -> bool {
        let covers = |[place, of, does, instead]: &Row| {
            (place == "any" || (place == "endpoint" && !making.regional))
                && of == service
                && (does == operation || does == "*")
                && instead
                    .split(',')
                    .any(|instead| instead.replace('*', operation) == found)
        };
        let place = self.rows.iter().position(covers);
        self.used.extend(place);
        place.is_some()
    }

    fn unused(&self) -> Vec<&Row> {
        let rows = self.rows.iter().enumerate();
        rows.filter(|(place, _)| !self.used.contains(place))
            .map(|(_, row)| row)
            .collect()
    }
}

/// What is known of each request, and the requests as `cordon classify` reads them.
fn make(making: &Making, folder: &Path) -> BTreeMap<String, Value> {
    let made = folder.join("made.jsonl");
    let mut python = Command::new(tool("CORDON_TEST_PYTHON"));
    python.arg(file("corpus/generate.py")).arg(&made);
    let status = python.args(making.options).stderr(Stdio::null()).status();
    assert!(status.expect("Python runs").success(), "{}", making.name);
    let text = std::fs::read_to_string(&made).expect("a corpus");
    let mut asked = String::new();
    let mut known = BTreeMap::new();
    for line in text.lines() {
        let mut line: Value = serde_json::from_str(line).expect("a line of JSON");
        let expected = line.as_object_mut().and_then(|line| line.remove("expect"));
        let id = line["id"].as_str().expect("an id").to_owned();
        known.insert(id, expected.expect("what is expected"));
        asked.push_str(&line.to_string());
        asked.push('\n');
    }
    std::fs::write(folder.join("asked.jsonl"), asked).expect("the folder is ours");
    known
}

fn classify(folder: &Path) -> Vec<Value> {
    let asked = std::fs::File::open(folder.join("asked.jsonl")).expect("the corpus");
    let said = Command::new(program())
        .args(["classify", "--own-host", "127.0.0.1"])
        .stdin(asked)
        .output()
        .expect("cordon classify runs");
    let lines = said.stdout.lines().map(|line| line.expect("text"));
    lines
        .map(|line| serde_json::from_str(&line).expect("a line of JSON"))
        .collect()
}

#[test]
#[ignore = "makes requests with botocore: cargo xtask test --lane corpus"]
fn every_operation_of_every_service_is_named() {
    let mut equivalents = Exceptions::read("equivalents.tsv");
    let mut refused = Exceptions::read("refused.tsv");
    let mut wrong = Vec::new();
    let (mut count, mut foreign) = (0, 0);
    for making in &MAKINGS {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let known = make(making, folder.path());
        let said = classify(folder.path());
        assert_eq!(said.len(), known.len(), "{}", making.name);
        count += said.len();
        for found in said {
            let id = found["id"].as_str().expect("an id");
            let expected = &known[id];
            let of = |name: &str| expected[name].as_str().expect("a text");
            let (service, operation) = (of("service"), of("operation"));
            if expected["foreign"] == true {
                // The host is of one partition and the signature of another.
                let code = found["error"]["code"].as_str();
                foreign += usize::from(code == Some("host-scope-mismatch"));
                continue;
            }
            let outcome = match found["error"]["code"].as_str() {
                Some(code) if refused.has(making, service, operation, code) => Ok(()),
                Some(_) => Err(format!("refused: {}", found["error"])),
                None => named(&found, expected, making, &mut equivalents),
            };
            wrong.extend(
                outcome
                    .err()
                    .map(|why| format!("{} {id}: {why}", making.name)),
            );
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(40)]
    );
    assert!(foreign > 0, "what belongs nowhere is refused");
    assert!(count > 30_000, "{count} requests are no corpus");
    assert_eq!(equivalents.unused(), Vec::<&Row>::new(), "not needed");
    assert_eq!(refused.unused(), Vec::<&Row>::new());
}

/// Whether what was found is what was asked for.
fn named(
    found: &Value,
    expected: &Value,
    making: &Making,
    equivalents: &mut Exceptions,
) -> Result<(), String> {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let (service, operation) = (text(expected, "service"), text(expected, "operation"));
    let name = format!("{}:{}", text(found, "service"), text(found, "operation"));
    if name != format!("{service}:{operation}")
        && !equivalents.has(making, &service, &operation, &name)
    {
        return Err(format!("named {name}"));
    }
    for place in ["region", "partition"] {
        let (is, should) = (text(found, place), text(expected, place));
        if is != should && (making.regional || place == "partition") {
            return Err(format!("{place} {is}, not {should}"));
        }
    }
    match found["iam_actions"]
        .as_array()
        .is_some_and(|all| !all.is_empty())
    {
        true => Ok(()),
        false => Err("no IAM action".to_owned()),
    }
}
