//! The live view on a real pseudo-terminal: what is on the screen, what keys do, and that the terminal is as
//! it was afterwards, however it ended.

#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a story stops at once"
)]

use cordon_tests::agent::Agent;
use cordon_tests::approvals::{Desk, Person, text};
use cordon_tests::cloud::Kind;
use cordon_tests::signer::Call;
use serde_json::{Value, json};

const UP: &str = "\u{1b}[A";
const ESCAPE: &str = "\u{1b}";

fn make(agent: &Agent, queue: &str) {
    let _ = agent.call(&Call {
        service: "sqs",
        method: "POST",
        path: "/",
        headers: &[
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", "AmazonSQS.CreateQueue"),
        ],
        body: json!({ "QueueName": queue }).to_string().as_bytes(),
    });
}

fn look(agent: &Agent) {
    let _ = agent.call(&Call {
        service: "lambda",
        method: "GET",
        path: "/2015-03-31/functions/ce-export/configuration",
        headers: &[],
        body: b"",
    });
}

fn open() -> (Desk, Person) {
    let desk = Desk::open(Kind::Lab);
    let tester = desk.person("tester");
    (desk, tester)
}

fn task(desk: &Desk) -> Value {
    let ran = desk.cordon.run(&["task", "list", "--format", "json"]);
    let said = ran.succeeded("cordon task list");
    serde_json::from_str(said.lines().next().unwrap()).unwrap()
}

#[test]
fn calls_are_shown_as_they_happen_and_looked_at_closer() {
    let (desk, tester) = open();
    let agent = Agent::on(&desk.cordon, &desk.task());
    let mut view = tester.on_terminal(&desk.cordon, &["calls", "tail"]);
    let _ = view.wait_for(&["all calls", "nothing was called yet", "q quit"]);
    look(&agent);
    look(&agent);
    let _ = view.wait_for(&["2 reads, 0 changes", ">           2 reads"]);
    make(&agent, "nightly");
    // An agent's text must not drive the terminal of who watches.
    make(&agent, "weekly\u{1b}[2J\u{202e}");
    let screen = view.wait_for(&["1 held, 1 refused", " left ", "DENY"]);
    assert!(screen.contains("sqs CreateQueue"), "{screen}");
    assert!(!screen.contains('\u{202e}'), "{screen}");
    view.types("w");
    let _ = view.wait_for(&["opens with", "<U+001B>[2J<U+202E>", "Esc back"]);
    view.types(ESCAPE);
    let _ = view.wait_without("opens with");
    view.types("\r");
    let _ = view.wait_for(&["\"operation\": \"CreateQueue\""]);
    view.types("q");
    let _ = view.wait_without("\"operation\"");
    view.types("q");
    let (status, said) = view.ends();
    assert!(status.success());
    assert!(
        said.contains("2 reads, 0 changes, 0 previewed, 1 held, 1 refused"),
        "{said}"
    );
}

#[test]
fn what_a_denied_call_lacks_is_asked_for_from_the_view() {
    let (desk, tester) = open();
    let agent = Agent::on(&desk.cordon, &desk.task());
    let mut view = tester.on_terminal(&desk.cordon, &["calls", "tail"]);
    make(&agent, "nightly");
    let _ = view.wait_for(&["1 held"]);
    view.types("a");
    let _ = view.wait_for(&["choose a call that was denied"]);
    make(&agent, "weekly");
    let _ = view.wait_for(&["1 refused"]);
    view.types("a");
    let _ = view.wait_for(&["why does", "Esc takes it back"]);
    view.types("it is needed weekly");
    let _ = view.wait_for(&["it is needed weekly_"]);
    view.types("\r");
    let _ = view.wait_for(&["is asked for"]);
    view.types("\u{3}");
    let (status, _) = view.ends();
    assert!(status.success());
    let asked = tester.json(&desk.cordon, &["task", "amendments", "list"]);
    assert_eq!(text(&asked[0], "reason"), "it is needed weekly");
}

#[test]
fn a_task_goes_live_once_its_read_back_is_confirmed() {
    let (desk, tester) = open();
    let file = desk.folder().join("preview.toml");
    let written = std::fs::read_to_string(desk.task()).unwrap();
    std::fs::write(&file, written.replace("\"live\"", "\"preview\"")).unwrap();
    let agent = Agent::on(&desk.cordon, &file);
    let mut view = tester.on_terminal(&desk.cordon, &["calls", "tail"]);
    make(&agent, "nightly");
    let _ = view.wait_for(&["1 previewed", "PREVIEW"]);
    for typed in ["", "0", "yes", "2"] {
        view.types("g");
        let _ = view.wait_for(&["never", "some of them in production", "(1)"]);
        view.types(typed);
        view.types("\r");
        let _ = view.wait_for(&["nothing was done"]);
        assert_eq!(text(&task(&desk), "mode"), "preview");
        // Any key takes the message away, so that the next is another one.
        view.types(UP);
        let _ = view.wait_without("nothing was done");
    }
    view.types("g");
    let _ = view.wait_for(&["some of them in production"]);
    view.types("1\r");
    let _ = view.wait_for(&["is live: its changes are made from now on"]);
    assert_eq!(text(&task(&desk), "mode"), "live");
    view.types("q");
    assert!(view.ends().0.success());
}

#[test]
fn the_terminal_is_given_back_to_whoever_ends_the_program() {
    let (desk, tester) = open();
    let view = tester.on_terminal(&desk.cordon, &["calls", "tail"]);
    let _ = view.wait_for(&["nothing was called yet"]);
    view.terminate();
    let (_, said) = view.ends();
    assert!(said.contains("0 reads"), "{said}");
}

#[test]
fn lines_are_shown_to_those_who_ask_for_them() {
    let (desk, tester) = open();
    let agent = Agent::on(&desk.cordon, &desk.task());
    make(&agent, "weekly");
    let lines = tester.on_terminal(&desk.cordon, &["calls", "tail", "--plain"]);
    let screen = lines.wait_for(&["DENY"]);
    assert!(!screen.contains("q quit"), "{screen}");
}

#[test]
fn colours_are_for_terminals_whose_people_want_them() {
    let (desk, tester) = open();
    let agent = Agent::on(&desk.cordon, &desk.task());
    make(&agent, "weekly");
    let shown = |variables: &[(&str, &str)], words: &[&str]| {
        let pairs = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let lines = tester.on_terminal_in(&desk.cordon, &pairs.collect(), words);
        let screen = lines.wait_for(&["DENY"]);
        (lines.is_coloured(), screen)
    };
    let plain: &[&str] = &["calls", "tail", "--plain"];
    assert!(shown(&[], plain).0);
    // A variable that holds nothing asks for nothing: <https://no-color.org>.
    assert!(shown(&[("NO_COLOR", "")], plain).0);
    for wish in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        // Lines as well: a view is drawn in colours.
        for words in [plain, &["calls", "tail"]] {
            let (is_coloured, screen) = shown(&[wish], words);
            assert!(!is_coloured, "{wish:?}: {screen}");
            assert!(!screen.contains("q quit"), "{wish:?}: {screen}");
        }
    }
}

#[test]
fn a_command_is_run_beside_the_view_of_its_calls() {
    let (desk, tester) = open();
    let gate = desk.folder().join("gate");
    let made = std::process::Command::new("mkfifo").arg(&gate).status();
    assert!(made.unwrap().success());
    let (task, gate_path) = (
        desk.task().display().to_string(),
        gate.display().to_string(),
    );
    let script = format!("printf 'said \\033[2J it\\n'; cat {gate_path}; exit 3");
    let words = ["run", "--view", "--task", &task, "--", "sh", "-c", &script];
    let mut view = tester.on_terminal(&desk.cordon, &words);
    // What it says is shown and drives nothing.
    let _ = view.wait_for(&[
        "the command says",
        "said <U+001B>[2J it",
        "nothing was called yet",
    ]);
    view.types("\u{3}");
    let _ = view.wait_for(&["once more ends the command"]);
    view.types("q");
    let _ = view.wait_without("q quit");
    std::fs::write(&gate, "and goes on\n").unwrap();
    let (status, said) = view.ends();
    assert_eq!(status.code(), Some(3), "{said}");
    for part in [
        "said <U+001B>[2J it",
        "and goes on",
        "0 reads, 0 changes, 0 refused",
    ] {
        assert!(said.contains(part), "{said}");
    }
}
