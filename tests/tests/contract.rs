//! The lab's contract: where moto knows a call too, both answer it alike, so that the lab cannot
//! drift into answering what we wish for.
//!
//! Compared are the status, the error's code, and the parts of the answer that clients act on.
//! What is left out of a case is where moto is known to be no model: it weighs no session policy,
//! and a table that goes is still `ACTIVE` to it, where AWS documents `DELETING`.

use cordon_tests::agent::Agent;
use cordon_tests::cloud::{BUCKET, Cloud, FUNCTION, Kind, QUEUE, TABLE};
use cordon_tests::lab::ADMIN_ROLE;
use cordon_tests::signer::{Call, target};
use cordon_tests::wire::Message;
use cordon_tests::{ACCOUNT, REGION};
use serde_json::Value;

/// One call, and the places of its answer that have to agree.
struct Case {
    what: &'static str,
    ask: Ask,
    /// JSON pointers, or element names in XML.
    agree: &'static [&'static str],
}

/// A call as the wire has it.
enum Ask {
    /// Of a JSON protocol: service, target, body.
    Json(&'static str, &'static str, String),
    /// Of a REST protocol: service, method, path, body.
    Rest(&'static str, &'static str, String, String),
}

#[test]
#[ignore = "asks moto too: cargo xtask test --lane contract"]
fn the_lab_answers_as_moto_does() {
    let [moto, lab] = [Kind::Moto, Kind::Lab].map(Cloud::start);
    let [moto, lab] = [moto, lab].map(|cloud| {
        let agent = Agent::at(cloud.address(), cloud.keys_of(ADMIN_ROLE));
        (cloud, agent)
    });
    let differ = cases().into_iter().filter_map(|case| {
        let [by_moto, by_lab] = [&moto.1, &lab.1].map(|agent| answer(agent, &case));
        let what = case.what;
        (by_lab != by_moto).then(|| format!("{what}:\n  lab  {by_lab:?}\n  moto {by_moto:?}\n"))
    });
    let differ: String = differ.collect();
    assert!(differ.is_empty(), "lab and moto differ in\n{differ}");
}

/// What both have to say alike.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: String,
    code: Option<String>,
    parts: Vec<Option<String>>,
}

fn answer(agent: &Agent, case: &Case) -> Answer {
    let message = match &case.ask {
        Ask::Json(service, operation, body) => {
            agent.call(&Call::json(service, &target(operation), body))
        }
        Ask::Rest(service, method, path, body) => agent.call(&Call {
            service,
            method,
            path,
            headers: &[],
            body: body.as_bytes(),
        }),
    };
    let parts = case.agree.iter().map(|place| part(&message, place));
    Answer {
        code: code(&message),
        parts: parts.collect(),
        status: message.target.clone(),
    }
}

/// The error's code, wherever the protocol puts it.
fn code(message: &Message) -> Option<String> {
    if message.target.starts_with('2') {
        return None;
    }
    let by_header = message.header("x-amzn-errortype").map(str::to_owned);
    let in_body = || part(message, "/__type").or_else(|| part(message, "Code"));
    let code = by_header.or_else(in_body)?;
    let name = code
        .trim_matches('"')
        .rsplit('#')
        .next()?
        .split(':')
        .next()?;
    Some(name.to_owned())
}

/// What stands at a JSON pointer, in an element, or in a header (`header:NAME`).
fn part(message: &Message, place: &str) -> Option<String> {
    if let Some(name) = place.strip_prefix("header:") {
        return message.header(name).map(str::to_owned);
    }
    let text = message.text();
    if place.starts_with('/') {
        let value: Value = serde_json::from_str(&text).ok()?;
        return value.pointer(place).map(Value::to_string);
    }
    let (_, rest) = text.split_once(&format!("<{place}>"))?;
    rest.split_once("</").map(|(value, _)| value.to_owned())
}

fn cases() -> Vec<Case> {
    let table = |more: &str| format!(r#"{{"TableName":"{TABLE}"{more}}}"#);
    let queue = format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{QUEUE}");
    let in_queue = |more: &str| format!(r#"{{"QueueUrl":"{queue}"{more}}}"#);
    let dynamodb = |what, target, body, agree| Case {
        what,
        ask: Ask::Json("dynamodb", target, body),
        agree,
    };
    let sqs = |what, target, body, agree| Case {
        what,
        ask: Ask::Json("sqs", target, body),
        agree,
    };
    let rest = |what, service, method, path: String, agree| Case {
        what,
        ask: Ask::Rest(service, method, path, String::new()),
        agree,
    };
    let function = |name: &str| format!("/2015-03-31/functions/{name}/configuration");
    vec![
        dynamodb(
            "a table",
            "DynamoDB_20120810.DescribeTable",
            table(""),
            &[
                "/Table/TableName",
                "/Table/TableStatus",
                "/Table/TableArn",
                "/Table/KeySchema",
            ],
        ),
        dynamodb(
            "no such table",
            "DynamoDB_20120810.DescribeTable",
            r#"{"TableName":"nowhere"}"#.to_owned(),
            &[],
        ),
        dynamodb(
            "a first item",
            "DynamoDB_20120810.PutItem",
            table(
                r#","Item":{"id":{"S":"c-1"},"n":{"N":"7"}},"ConditionExpression":"attribute_not_exists(id)""#,
            ),
            &["/Attributes"],
        ),
        dynamodb(
            "the same item on condition that there is none",
            "DynamoDB_20120810.PutItem",
            table(r#","Item":{"id":{"S":"c-1"}},"ConditionExpression":"attribute_not_exists(id)""#),
            &[],
        ),
        dynamodb(
            "an item",
            "DynamoDB_20120810.GetItem",
            table(r#","Key":{"id":{"S":"c-1"}}"#),
            &["/Item/id", "/Item/n"],
        ),
        dynamodb(
            "no such item",
            "DynamoDB_20120810.GetItem",
            table(r#","Key":{"id":{"S":"c-2"}}"#),
            &["/Item"],
        ),
        dynamodb(
            "an item without its key",
            "DynamoDB_20120810.PutItem",
            table(r#","Item":{"n":{"N":"7"}}"#),
            &[],
        ),
        sqs(
            "a message",
            "AmazonSQS.SendMessage",
            in_queue(r#","MessageBody":"go""#),
            &["/MD5OfMessageBody"],
        ),
        sqs(
            "the message again",
            "AmazonSQS.ReceiveMessage",
            in_queue(""),
            &["/Messages/0/Body", "/Messages/0/MD5OfBody"],
        ),
        rest(
            "an object",
            "s3",
            "GET",
            format!("/{BUCKET}/reports/old.txt"),
            &["header:etag", "header:content-length"],
        ),
        rest(
            "no such object",
            "s3",
            "GET",
            format!("/{BUCKET}/reports/none.txt"),
            &[],
        ),
        rest(
            "no such bucket",
            "s3",
            "GET",
            "/cordon-story-nowhere/a.txt".to_owned(),
            &[],
        ),
        rest(
            "a bucket that is not empty",
            "s3",
            "DELETE",
            format!("/{BUCKET}"),
            &[],
        ),
        rest(
            "a function",
            "lambda",
            "GET",
            function(FUNCTION),
            &[
                "/FunctionName",
                "/FunctionArn",
                "/MemorySize",
                "/Runtime",
                "/Handler",
            ],
        ),
        rest(
            "no such function",
            "lambda",
            "GET",
            function("nowhere"),
            &[],
        ),
        rest(
            "a function that goes",
            "lambda",
            "DELETE",
            format!("/2015-03-31/functions/{FUNCTION}"),
            &[],
        ),
        dynamodb(
            "a table that goes",
            "DynamoDB_20120810.DeleteTable",
            table(""),
            &["/TableDescription/TableName"],
        ),
        rest(
            "an object that goes",
            "s3",
            "DELETE",
            format!("/{BUCKET}/reports/old.txt"),
            &[],
        ),
        rest(
            "a bucket that goes",
            "s3",
            "DELETE",
            format!("/{BUCKET}"),
            &[],
        ),
    ]
}
