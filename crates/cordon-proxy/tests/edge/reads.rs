//! What Cordon's own reads cost a change, by the wire and back: `cargo bench -p cordon-proxy`.
//!
//! A kept connection, one call after the other, before the lab in the same process. What is changed is not
//! there, so that the lab answers at once and the task's budget stays whole; what is compared is the rows:
//!
//! | row | reads of Cordon's own |
//! | --- | --- |
//! | `without_reads` | none: work within a table |
//! | `tags_known` | none: the tags were told less than ten seconds ago |
//! | `tags_read` | one: whether a stack has the queue, which is another one each time, so that a session is minted for it as well |
//! | `whole_read` | one: what the variables of the function are now; its tags are known |
//! | `look_known` | one, of a call that is previewed: what is there now, since refusals are not known |
//! | `look_read` | two, of a call that is previewed: the same, and whether a table of its name has just vanished |

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    dead_code,
    reason = "a benchmark stands on the world of the stories and stops at once"
)]

mod harness;
#[path = "../shared/mod.rs"]
mod shared;

use cordon_aws::emit::{Emission, EmittedBody};
use cordon_aws::sigv4::{SecretKey, SigningCredentials, SigningTarget, Transport, sign};
use divan::Bencher;
use harness::talk::Talk;
use harness::{REGION, Setup, World, keys};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use shared::ACCOUNT;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

/// A request that is signed when it is sent.
struct Change {
    method: Method,
    service: &'static str,
    path: String,
    target: Option<&'static str>,
    body: String,
}

/// Each change bears a number: one signature makes one change, and many are made within a second.
fn put_item(number: u64) -> Change {
    Change {
        method: Method::POST,
        service: "dynamodb",
        path: "/".to_owned(),
        target: Some("DynamoDB_20120810.PutItem"),
        body: format!(r#"{{"TableName":"none","Item":{{"id":{{"S":"{number}"}}}}}}"#),
    }
}

fn set_attributes(queue: &str, number: u64) -> Change {
    let delay = number % 900;
    Change {
        method: Method::POST,
        service: "sqs",
        path: "/".to_owned(),
        target: Some("AmazonSQS.SetQueueAttributes"),
        body: format!(
            r#"{{"QueueUrl":"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue}","Attributes":{{"DelaySeconds":"{delay}"}}}}"#
        ),
    }
}

fn set_variables(number: u64) -> Change {
    Change {
        method: Method::PUT,
        service: "lambda",
        path: "/2015-03-31/functions/none/configuration".to_owned(),
        target: None,
        body: format!(r#"{{"Environment":{{"Variables":{{"LEVEL":"{number}"}}}}}}"#),
    }
}

fn create_table(name: &str) -> Change {
    Change {
        target: Some("DynamoDB_20120810.CreateTable"),
        body: format!(
            r#"{{"TableName":"{name}","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{{"AttributeName":"id","AttributeType":"S"}}],"KeySchema":[{{"AttributeName":"id","KeyType":"HASH"}}]}}"#
        ),
        ..put_item(0)
    }
}

/// What becomes of the changes of a row.
#[derive(Clone, Copy)]
enum Mode {
    Live,
    Preview,
}

fn task(mode: Mode) -> String {
    let mode = match mode {
        Mode::Live => "live",
        Mode::Preview => "preview",
    };
    format!(
        r#"
schema = "cordon.task/v1"
title  = "Measure what reads cost"
team   = "edge"
mode   = "{mode}"
ttl    = "1h"

[where]
accounts     = ["{ACCOUNT}"]
regions      = ["{REGION}"]
environments = ["dev"]

[[allow]]
do = ["observe"]

[[allow]]
do = ["dynamodb:PutItem", "dynamodb:CreateTable", "sqs:SetQueueAttributes", "lambda:UpdateFunctionConfiguration"]
on = [
  "arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/*",
  "arn:aws:sqs:{REGION}:{ACCOUNT}:*",
  "arn:aws:lambda:{REGION}:{ACCOUNT}:function:*",
]

[budget]
mutations  = 1000
creates    = 10
per_minute = 1000000
"#
    )
}

impl Change {
    /// Its bytes for `host`, signed now.
    fn to(&self, host: &str) -> Vec<u8> {
        let mut headers = HeaderMap::new();
        let mut header = |name: &'static str, value: &str| {
            let value = HeaderValue::from_str(value).unwrap();
            headers.insert(HeaderName::from_static(name), value);
        };
        match self.target {
            Some(target) => {
                header("content-type", "application/x-amz-json-1.0");
                header("x-amz-target", target);
            }
            None => header("content-type", "application/json"),
        }
        let mut emission = Emission {
            method: self.method.clone(),
            path: self.path.clone(),
            query: None,
            headers,
            host: host.to_owned(),
            body: EmittedBody::Whole(self.body.clone().into()),
        };
        let secret = SecretKey::new(keys().secret.to_owned());
        let credentials = SigningCredentials::new(keys().id.parse().unwrap(), secret, None);
        let target = SigningTarget {
            authority: host,
            service: self.service,
            region: &REGION.parse().unwrap(),
            transport: Transport::Plain,
        };
        sign(&mut emission, &target, &credentials, None, Timestamp::now()).unwrap();
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", self.method, self.path);
        for (name, value) in emission.headers.iter().filter(|(name, _)| *name != "host") {
            let _ = write!(head, "{name}: {}\r\n", value.to_str().unwrap());
        }
        let _ = write!(head, "content-length: {}\r\n\r\n", self.body.len());
        [head.into_bytes(), self.body.clone().into_bytes()].concat()
    }
}

/// Sends what `change` gives for each number, one after the other, and holds the cloud's log to what the
/// row is about.
fn row(bencher: Bencher<'_, '_>, mode: Mode, reads: usize, change: impl Fn(u64) -> Change) {
    let runtime = Runtime::new().unwrap();
    let setup = Setup {
        task: task(mode),
        ..Setup::default()
    };
    let (verdict, leaves) = match mode {
        Mode::Live => (None, 1),
        Mode::Preview => (Some("preview"), 0),
    };
    let world = runtime.block_on(World::with(setup));
    let host = world.own();
    let mut talk: Talk = runtime.block_on(world.connect());
    let next = AtomicU64::new(0);
    let mut send = |number: u64| {
        let bytes = change(number).to(&host);
        runtime.block_on(async {
            talk.send(bytes).await;
            talk.answer().await
        })
    };
    // Sessions are minted, and what can be known is.
    let answer = send(next.fetch_add(1, Ordering::Relaxed));
    assert_eq!(answer.header("x-cordon-verdict"), verdict, "{answer:?}");
    let before = world.sent();
    let answer = send(next.fetch_add(1, Ordering::Relaxed));
    assert_eq!(answer.header("x-cordon-verdict"), verdict, "{answer:?}");
    assert_eq!(
        world.sent() - before,
        reads + leaves,
        "the call and its reads"
    );
    bencher.bench_local(|| send(next.fetch_add(1, Ordering::Relaxed)));
}

#[divan::bench]
fn without_reads(bencher: Bencher<'_, '_>) {
    row(bencher, Mode::Live, 0, put_item);
}

#[divan::bench]
fn tags_known(bencher: Bencher<'_, '_>) {
    row(bencher, Mode::Live, 0, |number| {
        set_attributes("none", number)
    });
}

#[divan::bench]
fn tags_read(bencher: Bencher<'_, '_>) {
    row(bencher, Mode::Live, 1, |number| {
        set_attributes(&format!("none-{number}"), number)
    });
}

#[divan::bench]
fn whole_read(bencher: Bencher<'_, '_>) {
    row(bencher, Mode::Live, 1, set_variables);
}

#[divan::bench]
fn look_known(bencher: Bencher<'_, '_>) {
    row(bencher, Mode::Preview, 1, |_| create_table("none"));
}

#[divan::bench]
fn look_read(bencher: Bencher<'_, '_>) {
    row(bencher, Mode::Preview, 2, |number| {
        create_table(&format!("none-{number}"))
    });
}
