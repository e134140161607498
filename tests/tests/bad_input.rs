//! Bad input: each fault has an answer of its own that says whose it is and what to do, nothing
//! reaches the cloud, and the next good call works.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a story stops at once"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use cordon_tests::agent::Agent;
use cordon_tests::cloud::{Cloud, Kind, TABLE};
use cordon_tests::lab;
use cordon_tests::program::{Cordon, task};
use cordon_tests::signer::{Call, target};
use cordon_tests::wire::Message;

/// A cloud, Cordon and an agent on the main job.
struct Scene {
    cloud: Cloud,
    cordon: Cordon,
    agent: Agent,
}

impl Scene {
    fn set() -> Self {
        let cloud = Cloud::start(Kind::Lab);
        let cordon = Cordon::start(&cloud);
        let agent = Agent::on(&cordon, &task("main-job"));
        Self {
            cloud,
            cordon,
            agent,
        }
    }

    /// An answer that refuses with a code and no cause to try again, and no word to the cloud.
    fn check_refused(&self, answer: &Message, code: &str) {
        let said = answer.text();
        let status = answer.target.as_str();
        assert!(
            status.starts_with('4') && !["408", "429"].contains(&status),
            "{status} {said}"
        );
        assert!(said.contains(code), "{said}");
        self.check_nothing_sent();
    }

    fn check_nothing_sent(&self) {
        let sent = self.cloud.exchanges().len();
        assert_eq!(sent, 0, "nothing reached the cloud");
    }

    fn check_next_good_call_works(&self) {
        let answer = read(&self.agent);
        assert_eq!(
            answer.target,
            "200",
            "{}\n{}",
            answer.text(),
            self.cordon.log()
        );
    }
}

fn read(agent: &Agent) -> Message {
    agent.dynamodb(
        "DescribeTable",
        &format!(r#"{{"TableName":"{TABLE}"}}"#),
        &[],
    )
}

#[test]
fn a_wrong_secret_is_refused() {
    let scene = Scene::set();
    let mut wrong = scene.agent.clone();
    wrong.keys.secret.push('x');
    scene.check_refused(&read(&wrong), "InvalidSignatureException");
    scene.check_next_good_call_works();
}

#[test]
fn keys_of_nobody_are_refused() {
    let scene = Scene::set();
    let mut foreign = scene.agent.clone();
    foreign.keys = lab::base_keys();
    let answer = read(&foreign);
    scene.check_refused(&answer, "UnrecognizedClientException");
    assert_eq!(answer.target, "400", "as the JSON services answer");
    scene.check_next_good_call_works();

    // The security team sees who tried, and with which key.
    let rejected = scene.cordon.calls(&["verdict:reject"]);
    assert_eq!(rejected.len(), 1, "{rejected:#?}");
    let reference = answer.header("x-cordon-ref").expect("a reference");
    assert_eq!(rejected[0]["ref"], reference);
    let by_key = scene.cordon.calls(&[&foreign.keys.id]);
    assert_eq!(by_key, rejected);
}

#[test]
fn a_signature_of_another_hour_is_refused() {
    let scene = Scene::set();
    let headers = target("DynamoDB_20120810.DescribeTable");
    let body = format!(r#"{{"TableName":"{TABLE}"}}"#);
    let call = Call::json("dynamodb", &headers, &body);
    let hour = jiff::SignedDuration::from_hours(1);
    for when in [jiff::Timestamp::now() - hour, jiff::Timestamp::now() + hour] {
        let answer = call.send_as(
            scene.agent.address,
            &scene.agent.host,
            &scene.agent.keys,
            when,
        );
        scene.check_refused(&answer, "InvalidSignatureException");
    }
    scene.check_next_good_call_works();
}

#[test]
fn a_member_that_is_there_twice_is_refused() {
    let scene = Scene::set();
    let twice = format!(r#"{{"TableName":"{TABLE}","TableName":"ledger"}}"#);
    let answer = scene.agent.dynamodb("DescribeTable", &twice, &[]);
    assert_eq!(answer.target, "400", "{}", answer.text());
    scene.check_nothing_sent();
    scene.check_next_good_call_works();
}

#[test]
fn an_operation_that_nobody_knows_is_refused() {
    let scene = Scene::set();
    let answer = scene.agent.dynamodb("DescribeEverything", "{}", &[]);
    assert_eq!(answer.target, "400", "{}", answer.text());
    scene.check_nothing_sent();
    scene.check_next_good_call_works();
}

#[test]
fn bytes_that_are_not_http_end_their_connection_alone() {
    let scene = Scene::set();
    for bytes in [
        &b"\x16\x03\x01\x00\x05hello"[..],
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(scene.agent.address).expect("it listens");
        stream.write_all(bytes).expect("it can be sent");
        stream
            .shutdown(std::net::Shutdown::Write)
            .expect("it is open");
        let mut said = Vec::new();
        // A reset is an answer too.
        let _ = stream.read_to_end(&mut said);
        assert!(
            said.is_empty() || said.starts_with(b"HTTP/1.1 4"),
            "{}",
            String::from_utf8_lossy(&said)
        );
    }
    scene.check_nothing_sent();
    scene.check_next_good_call_works();
}

#[test]
fn a_cloud_that_is_gone_is_told_and_not_an_outage_to_retry() {
    // A port that was free a moment ago.
    let closed = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", closed.local_addr().expect("it is bound"));
    drop(closed);
    let cordon = Cordon::start_before(&url, &lab::base_keys());
    let agent = Agent::on(&cordon, &task("main-job"));
    let answer = read(&agent);
    assert_eq!(answer.target, "403", "{}", answer.text());
    assert!(
        answer.text().contains("CordonNoCredentials"),
        "{}",
        answer.text()
    );
    assert!(
        answer.text().contains("so it was not sent"),
        "{}",
        answer.text()
    );
}

#[test]
fn an_upstream_that_hangs_up_is_told_as_it_is() {
    // It takes every connection and says nothing on any.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let cordon = Cordon::start_before(&url, &lab::base_keys());
    let agent = Agent::on(&cordon, &task("main-job"));
    let answer = read(&agent);
    assert_eq!(answer.target, "403", "{}", answer.text());
    assert!(
        answer.text().contains("CordonNoCredentials"),
        "{}",
        answer.text()
    );
}

#[test]
fn one_state_folder_has_one_cordon() {
    let scene = Scene::set();
    let second = scene.cordon.run(&["up", "--listen", "127.0.0.1:0"]);
    assert_ne!(second.code, Some(0));
    assert!(second.err.contains("state"), "{}", second.err);
    scene.check_next_good_call_works();
}

#[test]
fn one_port_has_one_cordon() {
    let scene = Scene::set();
    let taken = scene.agent.address.to_string();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = folder.path().display().to_string();
    let second = scene
        .cordon
        .run(&["up", "--listen", &taken, "--state", &state]);
    assert_ne!(second.code, Some(0));
    assert!(second.err.contains(&taken), "{}", second.err);
    scene.check_next_good_call_works();
}

#[test]
fn a_configuration_is_told_all_its_faults_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("cordon.toml");
    let text = "listen = \"0.0.0.0:80\"\nlisten_on = 7\n\n[[role]]\naccount = \"12\"\n";
    std::fs::write(&file, text).expect("the folder is ours");
    let ran = Cordon::without_serving(&["--config", &file.display().to_string(), "up"]);
    assert_eq!(ran.code, Some(2), "{}", ran.text());
    for fault in [
        "cordon.toml:1",
        "cordon.toml:2",
        "cordon.toml:4",
        "cordon.toml:5",
    ] {
        assert!(
            ran.err.contains(fault),
            "{fault} is missing in:\n{}",
            ran.err
        );
    }
}

#[test]
fn a_task_is_told_all_its_faults_at_once() {
    // Three that reading finds, and two that only policies and catalog do.
    let spoiled = [
        ("mode   = \"live\"", "mode   = \"alive\""),
        ("[\"111122223333\"]", "[\"1111\"]"),
        ("mutations = 50", "mutations = -1"),
        ("\"dynamodb:PutItem\"", "\"dynamodb:PutItems\""),
        ("[\"dev\"]", "[\"devel\"]"),
    ];
    check_faults(
        &spoiled,
        &[
            "the task has 5 faults",
            "task.toml:6:10: unknown mode `alive`",
            "task.toml:10:17: `1111` is not an account id",
            "task.toml:12:17: the environment map has no `devel`",
            "task.toml:22:27: the catalog knows no action `dynamodb:PutItems`",
            "task.toml:35:13: `mutations` in [budget] is not a number",
        ],
    );
}

#[test]
fn a_run_whose_task_is_wrong_ends_what_it_started() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (task, state) = (folder.path().join("task.toml"), folder.path().join("state"));
    std::fs::write(&task, "schema = 1\n").expect("the folder is ours");
    let (task, state_name) = (task.display().to_string(), state.display().to_string());
    let ran = Cordon::without_serving(&[
        "run",
        "--listen",
        "127.0.0.1:0",
        "--state",
        &state_name,
        "--task",
        &task,
        "--",
        "echo",
        "the agent runs",
    ]);
    assert_ne!(ran.code, Some(0), "{}", ran.text());
    assert!(!ran.text().contains("the agent runs"), "{}", ran.text());
    assert!(state.exists(), "it served: {}", ran.text());
    let address = state.join("ready.json");
    assert!(!address.exists(), "it tells where nobody serves any more");
}

/// Spoils the task of the main job, and looks for each fault in what is said of it.
fn check_faults(spoil: &[(&str, &str)], faults: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("task.toml");
    let mut text = std::fs::read_to_string(task("main-job")).expect("it is there");
    for (right, wrong) in spoil {
        assert!(text.contains(right), "{right}");
        text = text.replace(right, wrong);
    }
    std::fs::write(&file, text).expect("the folder is ours");
    let ran = Cordon::without_serving(&["task", "check", &file.display().to_string()]);
    assert_ne!(ran.code, Some(0), "{}", ran.text());
    for fault in faults {
        assert!(
            ran.text().contains(fault),
            "{fault} is missing in:\n{}",
            ran.text()
        );
    }
}

#[test]
fn what_cordon_answers_is_well_formed_also_when_it_refuses() {
    let scene = Scene::set();
    let delete = format!(r#"{{"TableName":"{TABLE}"}}"#);
    let answer = scene.agent.dynamodb("DeleteTable", &delete, &[]);
    assert_eq!(answer.header("x-cordon-verdict"), Some("deny"));
    let reference = answer.header("x-cordon-ref").expect("a reference");
    assert_eq!(answer.header("x-amzn-requestid"), Some(reference));
    let why = scene
        .cordon
        .run(&["why", reference])
        .succeeded("cordon why");
    assert!(why.contains("destroy-needs-named-target"), "{why}");
}
