//! The harness itself: what it would take to believe a story that it tells.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use cordon_tests::process::{self, Background};
use cordon_tests::recorder::Recorder;
use cordon_tests::story::reference;
use cordon_tests::wire;

#[test]
fn a_recorder_keeps_every_byte_of_both_directions() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let recorder = Recorder::start(listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        stream.read_to_end(&mut asked).unwrap();
        stream.write_all(b"\0answer\xff").unwrap();
        asked
    });
    let mut client = TcpStream::connect(recorder.address()).unwrap();
    client.write_all(b"\x01question\xfe").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answered = Vec::new();
    client.read_to_end(&mut answered).unwrap();

    assert_eq!(server.join().unwrap(), b"\x01question\xfe");
    assert_eq!(answered, b"\0answer\xff");
    let connections = recorder.connections();
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0].up, b"\x01question\xfe");
    assert_eq!(connections[0].down, b"\0answer\xff");
}

#[test]
fn exchanges_on_one_connection_are_told_apart() {
    let up = b"POST / HTTP/1.1\r\nX-Amz-Target: A.B\r\nContent-Length: 2\r\n\r\n{}\
               HEAD /x HTTP/1.1\r\n\r\n\
               PUT /y HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let down = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1\
                 HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n\
                 HTTP/1.1 403 Forbidden\r\n\r\nto the end";
    let exchanges = wire::exchanges(up, down);
    let asked: Vec<_> = exchanges
        .iter()
        .map(|it| it.request.method.as_str())
        .collect();
    assert_eq!(asked, ["POST", "HEAD", "PUT"]);
    assert!(exchanges[0].request.names("B"));
    assert_eq!(exchanges[2].request.text(), "abcde");
    let answers: Vec<_> = exchanges
        .iter()
        .map(|it| it.answer.clone().unwrap())
        .collect();
    assert_eq!(answers[0].text(), "1");
    assert_eq!(answers[1].text(), "");
    assert_eq!(
        (answers[2].target.as_str(), answers[2].text().as_str()),
        ("403", "to the end")
    );
}

#[test]
fn an_operation_is_named_whole_or_not_at_all() {
    let up = b"POST / HTTP/1.1\r\nContent-Length: 24\r\n\r\nAction=DeleteQueueBatches";
    let request = &wire::exchanges(up, b"")[0].request;
    assert!(!request.names("DeleteQueue"));
}

#[test]
fn a_child_is_ready_when_it_says_so_and_ends_when_asked() {
    let script = "trap 'kill $waiting; echo bye; exit 3' TERM
                  sleep 600 > /dev/null 2>&1 & waiting=$!
                  echo ready on 7
                  wait";
    let child = Background::start("a shell", Command::new("sh").args(["-c", script]));
    let port = child.wait_for("its port", |line| {
        line.strip_prefix("ready on ").map(str::to_owned)
    });
    assert_eq!(port, "7");
    assert_eq!(child.interrupt().code(), Some(3));
}

#[test]
#[should_panic(expected = "it said:\nno such luck")]
fn a_child_that_ends_early_is_told_with_what_it_said() {
    let mut shell = Command::new("sh");
    let child = Background::start("a shell", shell.args(["-c", "echo no such luck"]));
    child.wait_for("that it is ready", |line| (line == "ready").then_some(()));
}

#[test]
fn a_command_is_told_by_its_code_and_both_outputs() {
    let ran = process::run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 4"]));
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (Some(4), "out\n", "err\n")
    );
}

#[test]
fn the_reference_is_the_last_word_of_a_refusal() {
    assert_eq!(
        reference("Ref of old. Do not retry. Ref 7QK4M2.").as_deref(),
        Some("7QK4M2")
    );
    assert_eq!(reference("no such thing"), None);
}
