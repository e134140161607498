//! Ending Cordon while a call is on its way: it comes to its end, or is told to be open.

#![allow(clippy::expect_used, reason = "a story stops at once")]

use cordon_tests::agent::Agent;
use cordon_tests::cloud::TABLE;
use cordon_tests::lab;
use cordon_tests::program::{Cordon, task};
use cordon_tests::wire::Message;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A cloud that mints at once and lets every other call wait until it is told to answer.
struct SlowCloud {
    address: SocketAddr,
    arrived: Receiver<()>,
    answer: SyncSender<()>,
}

impl SlowCloud {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (tell, arrived) = sync_channel(8);
        let (answer, told) = sync_channel(8);
        let told = Arc::new(Mutex::new(told));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tell, told) = (tell.clone(), Arc::clone(&told));
                thread::spawn(move || serve(stream, &tell, &told));
            }
        });
        Self {
            address,
            arrived,
            answer,
        }
    }

    fn cordon(&self, lines: &str) -> Cordon {
        let url = format!("http://{}", self.address);
        Cordon::start_with(&url, &lab::base_keys(), lines)
    }
}

fn serve(mut stream: TcpStream, tell: &SyncSender<()>, told: &Mutex<Receiver<()>>) {
    while let Some(request) = read(&mut stream) {
        let body = if request.contains("Action=AssumeRole") {
            assumed()
        } else {
            let waits = tell.send(()).is_ok() && told.lock().is_ok_and(|it| it.recv().is_ok());
            if !waits {
                return;
            }
            "{}".to_owned()
        };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
        text.push_str(&String::from_utf8_lossy(buffer.get(..length)?));
    }
}

/// STS's answer to `AssumeRole`.
fn assumed() -> String {
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(15);
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleResult><Credentials><AccessKeyId>ASIAMINTED0000000001</AccessKeyId>\
         <SecretAccessKey>minted</SecretAccessKey><SessionToken>token</SessionToken>\
         <Expiration>{expires:.0}</Expiration></Credentials></AssumeRoleResult>\
         </AssumeRoleResponse>"
    )
}

/// An agent's change, sent on a thread of its own; nothing where the connection was cut.
fn change(agent: &Agent) -> JoinHandle<Message> {
    let agent = agent.clone();
    thread::spawn(move || {
        let item = format!(r#"{{"TableName":"{TABLE}","Item":{{"id":{{"S":"1"}}}}}}"#);
        agent.dynamodb("PutItem", &item, &[])
    })
}

#[test]
fn a_call_in_flight_comes_to_its_end_and_nothing_new_begins() {
    let cloud = SlowCloud::start();
    let mut cordon = cloud.cordon("");
    let agent = Agent::on(&cordon, &task("main-job"));
    let changing = change(&agent);
    cloud.arrived.recv().expect("the change arrives");

    cordon.serving().ask_to_end();
    cordon.serving().wait_for("that it finishes", |line| {
        line.contains("finishing what is in flight").then_some(())
    });
    cloud.answer.send(()).expect("the cloud waits");

    let answer = changing.join().expect("it is answered");
    assert_eq!(answer.target, "200", "{}", answer.text());
    let status = cordon.serving().ended();
    assert_eq!(status.code(), Some(0), "{}", cordon.log());
    let refused = TcpStream::connect(agent.address);
    assert!(refused.is_err(), "nobody listens any more");
    let calls = cordon.calls(&["operation:PutItem"]);
    assert_eq!(calls.len(), 1, "{calls:#?}");
    assert_eq!(calls[0]["result"]["result"], "answered", "{calls:#?}");
    assert_eq!(calls[0]["result"]["status"], 200, "{calls:#?}");
}

#[test]
fn a_call_that_does_not_finish_in_time_is_told_and_stays_visible() {
    let cloud = SlowCloud::start();
    let mut cordon = cloud.cordon("\n[limits]\ngrace_seconds = 0\n");
    let agent = Agent::on(&cordon, &task("main-job"));
    let changing = change(&agent);
    cloud.arrived.recv().expect("the change arrives");

    cordon.serving().ask_to_end();
    let status = cordon.serving().ended();
    assert_eq!(status.code(), Some(3), "{}", cordon.log());
    assert!(changing.join().is_err(), "its connection was cut");

    // What ended says which call it was, and its record is open.
    let calls = cordon.calls(&["operation:PutItem"]);
    assert_eq!(calls.len(), 1, "{calls:#?}");
    let reference = calls[0]["ref"].as_str().expect("a reference");
    let log = cordon.log();
    assert!(
        log.contains(&format!("1 call did not finish in time: {reference}")),
        "{log}"
    );
    assert!(calls[0]["result"].is_null(), "{calls:#?}");

    // Whoever serves next tells it too, and says that nobody knows.
    cordon.start_again();
    let log = cordon.log();
    assert!(log.contains(reference), "{log}");
    let calls = cordon.calls(&["operation:PutItem"]);
    assert_eq!(calls[0]["result"]["result"], "indeterminate", "{calls:#?}");
    cordon.stop();
}
