//! What crosses the line: every byte that the cloud gets was built by it, the agent's keys stay
//! below it and the minted keys above.

#![allow(clippy::expect_used, reason = "a story stops at once")]

use cordon_tests::agent::Agent;
use cordon_tests::cloud::{BUCKET, Cloud, Kind, TABLE};
use cordon_tests::program::{Cordon, task};
use cordon_tests::recorder::Recorder;
use cordon_tests::signer::{Call, Keys, session_keys};
use cordon_tests::wire::Message;
use std::net::TcpListener;

/// A word that the agent puts into every place that Cordon has no use for.
const JUNK: &str = "smuggled-by-the-agent";

/// A cloud, Cordon, and an agent whose own connections are recorded too.
struct Line {
    cloud: Cloud,
    cordon: Cordon,
    below: Recorder,
    agent: Agent,
}

impl Line {
    fn start() -> Self {
        let cloud = Cloud::start(Kind::Lab);
        let cordon = Cordon::start(&cloud);
        let mut agent = Agent::on(&cordon, &task("main-job"));
        let below = Recorder::start(agent.address);
        agent.address = below.address();
        Self {
            cloud,
            cordon,
            below,
            agent,
        }
    }

    /// An allowed read, an allowed change, an object, and a refusal; the agent's requests carry
    /// more than they need.
    fn play(&self) {
        let object = format!("/{BUCKET}/reports/bytes.txt");
        let put = Call {
            service: "s3",
            method: "PUT",
            path: &object,
            headers: &[("x-amz-meta-month", "may"), ("x-junk", JUNK)],
            body: b"this month",
        };
        self.done(&self.agent.call(&put));
        let read = format!(r#"{{ "TableName" : "{TABLE}" }}"#);
        self.done(&self.json("DescribeTable", &read));
        let item = format!(r#"{{"Item":{{"id":{{"S":"b-1"}}}},"TableName":"{TABLE}"}}"#);
        self.done(&self.json("PutItem", &item));
        let refused = self.json("DeleteTable", &read);
        assert_eq!(refused.target, "400", "{}", refused.text());
    }

    fn done(&self, answer: &Message) {
        assert_eq!(
            answer.target,
            "200",
            "{}\n{}",
            answer.text(),
            self.cordon.log()
        );
    }

    fn json(&self, operation: &str, body: &str) -> Message {
        let junk = [
            ("user-agent", JUNK),
            ("x-amzn-trace-id", JUNK),
            ("x-junk", JUNK),
        ];
        self.agent.dynamodb(operation, body, &junk)
    }

    /// The keys that the cloud handed out to Cordon.
    fn minted(&self) -> Vec<Keys> {
        let answers = self
            .cloud
            .exchanges()
            .into_iter()
            .filter_map(|exchange| exchange.answer);
        answers
            .filter_map(|answer| session_keys(&answer.text()))
            .collect()
    }
}

#[test]
fn the_agents_keys_never_go_up_and_minted_keys_never_come_down() {
    let line = Line::start();
    line.play();
    let up: Vec<u8> = line
        .cloud
        .recorder()
        .connections()
        .into_iter()
        .flat_map(|it| it.up)
        .collect();
    let down: Vec<u8> = line
        .below
        .connections()
        .into_iter()
        .flat_map(|it| it.down)
        .collect();
    assert!(!up.is_empty() && !down.is_empty());

    let below = [&line.agent.keys.id, &line.agent.keys.secret];
    for secret in below.into_iter().chain(&line.agent.keys.token) {
        assert!(!holds(&up, secret), "the agent's `{secret}` went up");
    }
    let minted = line.minted();
    assert!(!minted.is_empty(), "something was minted");
    for keys in minted.iter().chain([line.cloud.base()]) {
        for secret in [&keys.id, &keys.secret].into_iter().chain(&keys.token) {
            assert!(!holds(&down, secret), "Cordon's `{secret}` came down");
        }
        assert!(
            !holds(&up, &keys.secret),
            "a secret is for signing, not for sending"
        );
    }
}

#[test]
fn every_byte_that_the_cloud_gets_is_what_the_line_built() {
    let line = Line::start();
    line.play();
    let up: Vec<u8> = line
        .cloud
        .recorder()
        .connections()
        .into_iter()
        .flat_map(|it| it.up)
        .collect();
    assert!(
        !holds(&up, JUNK),
        "what the line has no use for is not passed on"
    );

    let minted: Vec<String> = line.minted().into_iter().map(|keys| keys.id).collect();
    let exchanges = line.cloud.exchanges();
    assert!(exchanges.len() >= 4, "calls and the sessions for them");
    for exchange in &exchanges {
        let request = &exchange.request;
        let authorization = request
            .header("authorization")
            .expect("every request is signed");
        let by = part(authorization, "Credential=", '/');
        let is_of_an_agent = !request.names("AssumeRole");
        assert_eq!(
            minted.iter().any(|key| key == by),
            is_of_an_agent,
            "{}",
            request.summary()
        );
        let signed: Vec<&str> = part(authorization, "SignedHeaders=", ',')
            .split(';')
            .collect();
        for (name, value) in &request.headers {
            let is_framing = match name.as_str() {
                "authorization" | "content-length" | "transfer-encoding" => true,
                // A constant of the line's own, which says who sends.
                "user-agent" => value.starts_with("cordon/"),
                _ => false,
            };
            // Cordon's own calls to STS are the SDK's to build.
            assert!(
                signed.contains(&name.as_str()) || is_framing || !is_of_an_agent,
                "`{name}: {value}` is not under the signature of {}",
                request.summary()
            );
        }
    }
    // The lab checked each signature by code of its own, over the bytes as they came.
    line.cloud.check_log();
}

#[test]
fn what_the_agent_meant_arrives_whole() {
    let line = Line::start();
    line.play();
    let calls = line.cloud.agent_calls();
    let one = |is_it: &dyn Fn(&Message) -> bool| {
        let found: Vec<&Message> = calls.iter().filter(|call| is_it(call)).collect();
        assert_eq!(found.len(), 1);
        found
            .first()
            .map(|call| (*call).clone())
            .unwrap_or_default()
    };
    let put = one(&|call| call.method == "PUT");
    assert_eq!(put.header("x-amz-meta-month"), Some("may"));
    assert!(holds(&put.body, "this month"));
    let item: serde_json::Value =
        serde_json::from_slice(&one(&|call| call.names("PutItem")).body).expect("JSON");
    let meant = serde_json::json!({"TableName": TABLE, "Item": {"id": {"S": "b-1"}}});
    assert_eq!(item, meant);
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// What stands between `start` and `end` in an authorization header.
fn part<'a>(authorization: &'a str, start: &str, end: char) -> &'a str {
    let (_, rest) = authorization
        .split_once(start)
        .expect("a signature of version 4");
    rest.split(end).next().unwrap_or_default().trim()
}

#[test]
fn nothing_is_asked_before_the_first_call() {
    let metadata = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = metadata.local_addr().expect("it is bound");
    let environment = [(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        format!("http://{address}"),
    )];
    let file = task("main-job").display().to_string();
    let ran = Cordon::without_serving_in(
        &environment,
        &[
            "run",
            "--listen",
            "127.0.0.1:0",
            "--task",
            &file,
            "--",
            "echo",
            "it ran",
        ],
    );
    assert!(ran.text().contains("it ran"), "{}", ran.text());
    metadata.set_nonblocking(true).expect("a socket can be so");
    let asked = metadata.accept();
    assert!(
        asked.is_err(),
        "the metadata service was asked:\n{}",
        ran.err
    );
}
