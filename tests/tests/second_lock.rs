//! The second lock: what a session was minted for is all that it can do, whoever holds its keys.
//! Here somebody does: the stories take the minted keys out of the cloud's answers and use them
//! past Cordon.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a story stops at once"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cordon_tests::agent::Agent;
use cordon_tests::cloud::{Cloud, Kind, OTHER_TABLE, TABLE};
use cordon_tests::lab::ADMIN_ROLE;
use cordon_tests::program::{Cordon, task};
use cordon_tests::signer::{Call, Keys, session_keys};
use cordon_tests::wire::Message;
use cordon_tests::{ACCOUNT, AGENT_ROLE, REGION};
use serde_json::Value;

/// A launch that leaves to EC2 all that may be left to it.
const RUN: &str = "Action=RunInstances&Version=2016-11-15&ImageId=ami-0abc&MinCount=1&MaxCount=1\
                   &InstanceType=t3.micro";

/// The most characters that STS takes for a session policy.
const LONGEST: usize = 2_048;

#[test]
fn a_request_forged_past_the_decision_is_refused_by_the_session_policy_alone() {
    let cloud = Cloud::start(Kind::Lab);
    let cordon = Cordon::start(&cloud);
    let agent = Agent::on(&cordon, &task("main-job"));
    let item = format!(r#"{{"TableName":"{TABLE}","Item":{{"id":{{"S":"s-1"}}}}}}"#);
    assert_eq!(agent.dynamodb("PutItem", &item, &[]).target, "200");

    // The keys with which the cloud saw that one call signed.
    let minted = minted_for(&cloud, "PutItem");
    let past = |operation: &str, body: &str, keys: &Keys| {
        let forged = Agent::at(cloud.address(), keys.clone());
        forged.dynamodb(operation, body, &[])
    };
    assert_eq!(
        past("PutItem", &item, &minted).target,
        "200",
        "the lock fits its own call"
    );

    let table = format!(r#"{{"TableName":"{TABLE}"}}"#);
    let other_item = item.replace(TABLE, OTHER_TABLE);
    for (operation, body) in [
        ("DeleteTable", &table),
        ("DescribeTable", &table),
        ("PutItem", &other_item),
    ] {
        let refused = past(operation, body, &minted);
        let said = refused.text();
        assert_eq!(refused.target, "400", "{operation}: {said}");
        assert!(
            said.contains("no session policy allows"),
            "{operation}: {said}"
        );
    }

    // The role itself may do all of it: it was the session policy and nothing else.
    let role = cloud.keys_of(AGENT_ROLE);
    for (operation, body) in [
        ("DescribeTable", &table),
        ("PutItem", &other_item),
        ("DeleteTable", &table),
    ] {
        let done = past(operation, body, &role);
        assert_eq!(done.target, "200", "{operation}: {}", done.text());
    }
}

#[test]
fn a_scope_too_long_for_a_session_policy_narrows_and_never_widens() {
    let cloud = Cloud::start(Kind::Lab);
    let cordon = Cordon::start(&cloud);
    let names: Vec<String> = (0..60)
        .map(|index| format!("orders-of-the-year-{index:03}"))
        .collect();
    let scope: BTreeSet<String> = names.iter().map(|name| arn(name)).collect();
    assert!(scope.iter().map(String::len).sum::<usize>() > 2 * LONGEST);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("long.toml");
    std::fs::write(&file, long_task(&scope)).expect("the folder is ours");
    let agent = Agent::on(&cordon, &file);
    let admin = Agent::at(cloud.address(), cloud.keys_of(ADMIN_ROLE));
    let (first, last) = (&names[0], &names[59]);
    for name in [first, last] {
        let made = admin.dynamodb("CreateTable", &create(name), &[]);
        assert_eq!(made.target, "200", "{}", made.text());
    }

    for name in [first, last] {
        let read = agent.dynamodb(
            "DescribeTable",
            &format!(r#"{{"TableName":"{name}"}}"#),
            &[],
        );
        assert_eq!(read.target, "200", "{}\n{}", read.text(), cordon.log());
        let item = format!(r#"{{"TableName":"{name}","Item":{{"id":{{"S":"l-1"}}}}}}"#);
        let written = agent.dynamodb("PutItem", &item, &[]);
        assert_eq!(
            written.target,
            "200",
            "{}\n{}",
            written.text(),
            cordon.log()
        );
    }

    let policies = session_policies(&cloud);
    assert!(!policies.is_empty());
    for policy in &policies {
        assert!(
            policy.chars().count() <= LONGEST,
            "{} characters",
            policy.chars().count()
        );
        check_within(policy, &scope);
    }
}

/// AWS asks for what a launch makes and for what it leaves to be chosen: the lock must open for each
/// of it, by its type and place, and for nothing else.
#[test]
fn an_instance_starts_under_a_lock_that_names_all_that_a_launch_makes() {
    let cloud = Cloud::start(Kind::Lab);
    let cordon = Cordon::start(&cloud);
    let agent = Agent::on(&cordon, &task("environments"));
    let run = format!(
        "{RUN}&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=team\
         &TagSpecification.1.Tag.1.Value=costs"
    );
    for form in [RUN, &run] {
        let started = agent.call(&Call::query("ec2", form));
        let said = started.text();
        assert_eq!(started.target, "200", "{said}\n{}", cordon.log());
    }

    let policies = session_policies(&cloud);
    assert!(!policies.is_empty());
    for policy in policies {
        let document: Value = serde_json::from_str(&policy).expect("a policy is JSON");
        for statement in listed(&document["Statement"]) {
            for resource in texts(&statement["Resource"]) {
                let (place, name) = resource.rsplit_once(':').expect("an ARN");
                let places = [
                    format!("arn:aws:ec2:{REGION}:{ACCOUNT}"),
                    format!("arn:aws:ec2:{REGION}:"),
                ];
                assert!(places.iter().any(|known| known == place), "{policy}");
                assert!(name.contains('/'), "of one type each: {policy}");
            }
        }
    }

    // An instance that was there before is none of it.
    let keys = cloud.keys_of(ADMIN_ROLE);
    let older = Call::query("ec2", RUN).send(cloud.address(), &keys).text();
    let (_, id) = older.split_once("<instanceId>").expect("an instance");
    let id = id.split('<').next().unwrap_or_default();
    let end = format!("Action=TerminateInstances&Version=2016-11-15&InstanceId.1={id}");
    let minted = minted_keys(&cloud, "RunInstances");
    assert_eq!(minted.len(), 2, "each launch has keys of its own");
    for keys in minted {
        let refused = Call::query("ec2", &end).send(cloud.address(), &keys);
        assert_eq!(refused.target, "403", "{}", refused.text());
    }
}

/// Every statement allows no more than the task of the story: its actions, on its tables.
fn check_within(policy: &str, scope: &BTreeSet<String>) {
    let document: Value = serde_json::from_str(policy).expect("a policy is JSON");
    for statement in listed(&document["Statement"]) {
        assert_eq!(statement["Effect"], "Allow", "{policy}");
        for action in texts(&statement["Action"]) {
            let known = ["dynamodb:DescribeTable", "dynamodb:PutItem"];
            assert!(
                known.contains(&action.as_str()),
                "`{action}` is wider than the task: {policy}"
            );
        }
        for resource in texts(&statement["Resource"]) {
            assert!(
                scope.contains(&resource),
                "`{resource}` is wider than the task: {policy}"
            );
        }
    }
}

/// One value, or a list of them, as policies write either.
fn listed(value: &Value) -> Vec<Value> {
    let list = value.as_array().cloned();
    let list = list.unwrap_or_else(|| vec![value.clone()]);
    assert!(!list.is_empty() && !list.contains(&Value::Null), "{value}");
    list
}

fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    listed(value).iter().map(text).collect()
}

/// The keys that signed the one call of this operation that the cloud got.
fn minted_for(cloud: &Cloud, operation: &str) -> Keys {
    let mut keys = minted_keys(cloud, operation);
    assert_eq!(keys.len(), 1);
    keys.remove(0)
}

/// The minted keys that signed the calls of this operation, each once.
fn minted_keys(cloud: &Cloud, operation: &str) -> Vec<Keys> {
    let exchanges = cloud.exchanges();
    let calls = exchanges.iter().filter(|it| it.request.names(operation));
    let signed: Vec<&str> = calls
        .filter_map(|it| it.request.header("authorization"))
        .collect();
    let answers = exchanges
        .iter()
        .filter_map(|exchange| exchange.answer.as_ref());
    let keys = answers.filter_map(|answer| session_keys(&answer.text()));
    keys.filter(|keys| signed.iter().any(|header| header.contains(&keys.id)))
        .collect()
}

/// The session policies that Cordon asked for.
fn session_policies(cloud: &Cloud) -> Vec<String> {
    let exchanges = cloud.exchanges();
    let asked = exchanges
        .iter()
        .filter(|exchange| exchange.request.names("AssumeRole"));
    let policy = |request: &Message| {
        let text = request.text();
        let encoded = text
            .split('&')
            .find_map(|pair| pair.strip_prefix("Policy="));
        decoded(encoded.expect("no session is without a policy"))
    };
    asked.map(|exchange| policy(&exchange.request)).collect()
}

/// Takes the percent-encoding of a form off.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).expect("two digits")
            }
            other => other,
        });
    }
    String::from_utf8(bytes).expect("a policy is text")
}

fn arn(table: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}")
}

fn create(table: &str) -> String {
    format!(
        r#"{{"TableName":"{table}","BillingMode":"PAY_PER_REQUEST",
            "AttributeDefinitions":[{{"AttributeName":"id","AttributeType":"S"}}],
            "KeySchema":[{{"AttributeName":"id","KeyType":"HASH"}}]}}"#
    )
}

/// A task with more resources than a session policy has room for.
fn long_task(scope: &BTreeSet<String>) -> String {
    let mut list = String::new();
    for arn in scope {
        let _ = writeln!(list, "  \"{arn}\",");
    }
    format!(
        r#"schema = "cordon.task/v1"
title  = "Correct the orders of last year"
ticket = "ORD-7"
team   = "orders"
mode   = "live"
ttl    = "1h"

[where]
accounts     = ["{ACCOUNT}"]
regions      = ["{REGION}"]
environments = ["dev"]

[[allow]]
do = ["dynamodb:DescribeTable", "dynamodb:PutItem"]
on = [
{list}]

[budget]
mutations = 20
creates   = 20
"#
    )
}
