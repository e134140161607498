//! What commands write for programs: every one of them once, each line held to its published schema.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a story stops at once"
)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use cordon_tests::agent::Agent;
use cordon_tests::amendments;
use cordon_tests::approvals::{Desk, Person, text};
use cordon_tests::cloud::Kind;
use cordon_tests::outputs;
use cordon_tests::process::Ran;
use cordon_tests::program::program;
use cordon_tests::signer::Call;
use serde_json::{Value, json};

/// A desk at which it is noted which commands wrote something.
struct Watched {
    desk: Desk,
    written: RefCell<BTreeSet<String>>,
}

impl Watched {
    /// As someone at a terminal of their own, in a shell with these variables.
    fn ask_in(&self, who: &Person, machine: bool, arguments: &[&str]) -> Vec<Value> {
        let arguments = [arguments, &["--format", "json"]].concat();
        let ran = match machine {
            true => {
                let machine = self.desk.machine(&["canary-tests"]);
                who.run_in(&self.desk.cordon, &machine, &arguments)
            }
            false => who.run(&self.desk.cordon, &arguments),
        };
        self.note(&arguments, &ran)
    }

    fn ask(&self, who: &Person, arguments: &[&str]) -> Vec<Value> {
        self.ask_in(who, false, arguments)
    }

    /// Where Cordon serves.
    fn here(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments = [arguments, &["--format", "json"]].concat();
        let ran = self.desk.cordon.run(&arguments);
        self.note(&arguments, &ran)
    }

    /// The harness has held every line to the schema.
    fn note(&self, arguments: &[&str], ran: &Ran) -> Vec<Value> {
        let lines = ran.out.lines();
        let lines: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(
            !lines.is_empty(),
            "{arguments:?} wrote nothing: {}",
            ran.err
        );
        let command = outputs::command(arguments).unwrap();
        self.written.borrow_mut().insert(command);
        lines
    }

    /// Gives lines of requests to a command that reads them.
    fn feed(&self, arguments: &[&str], lines: &str) -> Vec<Value> {
        let mut child = Command::new(program())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(lines.as_bytes())
            .unwrap();
        let out = child.wait_with_output().unwrap();
        let ran = Ran {
            code: out.status.code(),
            out: String::from_utf8(out.stdout).unwrap(),
            err: String::new(),
        };
        outputs::check(arguments, &ran.out);
        self.note(arguments, &ran)
    }
}

/// Asks for a change that waits for people and for a check.
fn change(agent: &Agent, seconds: u32) {
    let body = json!({ "Timeout": seconds }).to_string();
    let _ = agent.call(&Call {
        service: "lambda",
        method: "PUT",
        path: "/2015-03-31/functions/ce-export/configuration",
        headers: &[("content-type", "application/json")],
        body: body.as_bytes(),
    });
}

/// Asks for what is not part of the task; gives the reference.
fn stray(agent: &Agent, queue: &str) -> String {
    let denied = agent.call(&Call {
        service: "sqs",
        method: "POST",
        path: "/",
        headers: &[
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", "AmazonSQS.CreateQueue"),
        ],
        body: json!({ "QueueName": queue }).to_string().as_bytes(),
    });
    denied.header("x-cordon-ref").unwrap().to_owned()
}

const TERMINATE: &str = r#"{"id":1,"method":"POST","url":"https://ec2.eu-central-1.amazonaws.com/","headers":[["Host","ec2.eu-central-1.amazonaws.com"],["Content-Type","application/x-www-form-urlencoded"]],"body_b64":"QWN0aW9uPVRlcm1pbmF0ZUluc3RhbmNlcyZWZXJzaW9uPTIwMTYtMTEtMTUmSW5zdGFuY2VJZC4xPWktMQ=="}
{"id":"2","method":"GET","url":"https://example.com/"}
nonsense
"#;

#[test]
fn every_command_writes_what_its_schema_says() {
    let watched = Watched {
        desk: Desk::asking_for_checks(Kind::Lab),
        written: RefCell::default(),
    };
    let desk = &watched.desk;
    let [tester, ola, kim, ica] = ["tester", "ola", "kim", "ica"].map(|name| desk.person(name));
    let agent = Agent::on(&desk.cordon, &desk.task());
    let file = desk.task().display().to_string();

    // What waits, and what is said of it.
    change(&agent, 30);
    let hold = watched.ask(&ola, &["holds", "list"]).remove(0);
    let id = text(&hold, "id");
    let shown = watched.ask(&ola, &["holds", "show", &id]).remove(0);
    let digest = text(&shown, "digest");
    let words = [
        "holds",
        "check",
        &id,
        "canary-tests",
        "--passed",
        "--link",
        "https://ci.example.com/7",
    ];
    let _ = watched.ask_in(&Person::nobody(), true, &words);
    let _ = watched.ask(&ola, &["holds", "approve", &id, "--digest", &digest]);
    let _ = watched.ask(&ola, &["holds", "wait", &id]);
    change(&agent, 40);
    let hold = desk.waiting(&kim);
    let (id, digest) = (text(&hold, "id"), text(&hold, "digest"));
    let words = [
        "holds",
        "break-glass",
        &id,
        "--digest",
        &digest,
        "--reason",
        "orders vanish",
    ];
    let _ = watched.ask(&ica, &words);
    let words = ["holds", "reject", &id, "--reason", "too-broad"];
    let _ = watched.ask(&kim, &words);
    let _ = watched.here(&["policy", "stats"]);

    // What was called, and what would change it.
    let weekly = stray(&agent, "weekly");
    let monthly = stray(&agent, "monthly");
    let _ = watched.here(&["why", &weekly]);
    let _ = watched.here(&["calls", "tail", "--no-follow"]);
    let _ = watched.here(&["calls", "search"]);
    let task = amendments::task(desk);
    let amend = |reference: &str| {
        let words = [
            "task",
            "amend",
            &task,
            "--ref",
            reference,
            "--reason",
            "it is needed",
        ];
        watched.ask(&tester, &words).remove(0)
    };
    let asked = amend(&weekly);
    let _ = watched.ask(&tester, &["task", "amendments", "list"]);
    let _ = watched.ask(
        &tester,
        &["task", "amendments", "show", &text(&asked, "id")],
    );
    let (id, digest) = (text(&asked, "id"), text(&asked, "digest"));
    let words = ["task", "amendments", "accept", &id, "--digest", &digest];
    let _ = watched.ask(&tester, &words);
    let asked = text(&amend(&monthly), "id");
    let words = [
        "task",
        "amendments",
        "decline",
        &asked,
        "--reason",
        "not-needed",
    ];
    let _ = watched.ask(&tester, &words);

    // Tasks, plans and policies.
    let _ = watched.here(&["task", "list"]);
    let _ = watched.here(&["task", "show", &task]);
    let _ = watched.here(&["task", "diff", &task, &file]);
    let _ = watched.here(&["preview", &task]);
    let _ = watched.here(&["env", "--task", &file]);
    let _ = watched.here(&["policy", "check"]);
    // Its tests are of the environments that come with it.
    let bundle = cordon_tests::file("../policies").display().to_string();
    let _ = watched.here(&["policy", "test", &bundle]);
    let _ = watched.here(&["catalog", "info"]);
    let _ = watched.here(&["catalog", "show", "lambda"]);
    let _ = watched.here(&["catalog", "show", "elbv2:DeleteListener"]);
    let _ = watched.here(&["doctor"]);
    assert_eq!(watched.feed(&["classify"], TERMINATE).len(), 3);
    assert_eq!(
        watched.feed(&["decide", "--task", &file], TERMINATE).len(),
        3
    );

    // People and emergencies.
    let _ = watched.here(&["people", "list"]);
    let _ = watched.here(&["people", "link", "ola"]);
    let _ = watched.here(&["people", "token", "ci", "--scope", "read"]);
    let _ = watched.here(&["people", "log"]);
    let words = ["--environment", "prod", "--message", "The sale is on"];
    let raise = [&["posture", "raise", "freeze"], &words[..]].concat();
    let _ = watched.ask(&ola, &raise);
    let _ = watched.ask(&ola, &["posture", "show"]);
    let declared = watched.ask(&ola, &["posture", "list"]).remove(0);
    let lower = [&["posture", "lower", "elevated"], &words[..]].concat();
    let _ = watched.ask(&ica, &lower);
    let _ = watched.ask(
        &ola,
        &[
            "posture",
            "raise",
            "elevated",
            "--team",
            "costs",
            "--message",
            "more",
        ],
    );
    let lift = [
        "posture",
        "lift",
        &text(&declared, "id"),
        "--message",
        "over",
    ];
    let _ = watched.ask(&ica, &lift);
    let record = [
        "incident",
        "record",
        &task,
        "--severity",
        "low",
        "--note",
        "orders were late",
    ];
    let _ = watched.ask(&ola, &record);
    let _ = watched.ask(&ica, &["incident", "list"]);
    // A list of one call, which a task of its own allows and previews.
    let previewing = Agent::on(&desk.cordon, &desk.previewing());
    let _ = stray(&previewing, "nightly");
    let session = text(&desk.cordon.calls(&["verdict:preview"])[0], "session");
    let proposed = watched.ask(&tester, &["holds", "propose", &session]);
    let batch = text(&proposed[0]["batch"], "id");
    let _ = watched.ask(&ola, &["holds", "list"]);
    let _ = watched.ask(&ola, &["holds", "show", &batch]);
    let no = ["holds", "reject", &batch, "--reason", "not-needed"];
    let _ = watched.ask(&ola, &no);

    let _ = watched.ask(
        &ica,
        &["task", "stop", "--all", "--reason", "the day is over"],
    );

    let written = watched.written.into_inner();
    assert_eq!(written, outputs::commands().collect::<BTreeSet<String>>());
}

#[test]
fn a_schema_can_tell() {
    let odd = json!({ "task": "T-1", "title": "t", "mode": "maybe", "state": "active",
                      "sponsor": "mia", "created_at": "x", "expires_at": "x" });
    assert!(outputs::meets("outputs.schema.json#/$defs/task", &odd).is_err());
    let mut good = odd;
    good["mode"] = json!("live");
    outputs::meets("outputs.schema.json#/$defs/task", &good).unwrap();
    good["more"] = json!(1);
    assert!(outputs::meets("outputs.schema.json#/$defs/task", &good).is_err());
    assert!(outputs::meets("control.schema.json#/$defs/HoldShown", &json!({})).is_err());
}
