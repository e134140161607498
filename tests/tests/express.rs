//! Sessions of S3 Express: what an agent gets for `s3:CreateSession` are placeholder keys for the
//! objects of one bucket, and what they sign leaves under credentials of Cordon's own.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a story stops at once"
)]

use cordon_tests::ACCOUNT;
use cordon_tests::agent::Agent;
use cordon_tests::cloud::{BUCKET, Cloud};
use cordon_tests::express::{
    DIRECTORY, FOREIGN, OTHER, calls_of_agents, cloud, no_session_reached,
};
use cordon_tests::lab::CDK_ROLE;
use cordon_tests::program::{Cordon, task};
use cordon_tests::signer::{Call, Keys, session_keys};
use cordon_tests::wire::Message;

/// The cloud, Cordon before it, and an agent on the task that names two directory buckets.
struct Scene {
    cloud: Cloud,
    cordon: Cordon,
    agent: Agent,
}

/// Somebody with the keys of a session, which travel in a way of their own.
#[derive(Clone)]
struct Holder {
    agent: Agent,
    token: String,
}

impl Scene {
    fn open() -> Self {
        let cloud = cloud();
        let cordon = Cordon::start(&cloud);
        Self {
            agent: Agent::on(&cordon, &task("express")),
            cloud,
            cordon,
        }
    }
}

fn create_session(agent: &Agent, bucket: &str, headers: &[(&str, &str)]) -> Message {
    agent.call(&Call {
        service: "s3express",
        method: "GET",
        path: &format!("/{bucket}?session="),
        headers,
        body: b"",
    })
}

fn holder(agent: &Agent, answer: &Message) -> Holder {
    assert_eq!(answer.target, "200", "{}", answer.text());
    let keys = session_keys(&answer.text()).expect("keys in the answer");
    Holder {
        token: keys.token.clone().expect("a token"),
        agent: Agent {
            keys: Keys {
                token: None,
                ..keys
            },
            ..agent.clone()
        },
    }
}

fn begin(agent: &Agent, bucket: &str, mode: &str) -> Holder {
    let headers = [("x-amz-create-session-mode", mode)];
    holder(agent, &create_session(agent, bucket, &headers))
}

impl Holder {
    fn call(&self, method: &str, path: &str, body: &[u8]) -> Message {
        self.agent.call(&Call {
            service: "s3express",
            method,
            path,
            headers: &[("x-amz-s3session-token", &self.token)],
            body,
        })
    }

    fn put(&self, bucket: &str) -> Message {
        self.call("PUT", &format!("/{bucket}/a.txt"), b"an order")
    }

    fn get(&self, bucket: &str) -> Message {
        self.call("GET", &format!("/{bucket}/a.txt"), b"")
    }
}

fn done(answer: &Message) {
    assert_eq!(answer.target, "200", "{}", answer.text());
}

fn refused(answer: &Message, words: &str) {
    assert_ne!(answer.target, "200", "{}", answer.text());
    assert!(answer.text().contains(words), "{}", answer.text());
}

#[test]
fn what_is_lent_opens_its_bucket_and_no_real_key_comes_down() {
    let scene = Scene::open();
    let answer = create_session(&scene.agent, DIRECTORY, &[]);
    let own = holder(&scene.agent, &answer);
    let (put, got) = (own.put(DIRECTORY), own.get(DIRECTORY));
    done(&put);
    done(&got);
    assert_eq!(got.text(), "an order");
    no_session_reached(&scene.cloud);
    scene.cloud.check_log();

    let (minted, told) = scene
        .cordon
        .keeps_real_keys(&scene.cloud, &[&answer, &put, &got]);
    assert!(minted > 0, "nothing was minted");
    assert!(own.agent.keys.id.starts_with("ASIACRDN"));
    assert!(!told.contains(&own.agent.keys.secret) && !told.contains(&own.token));
    scene.cordon.stop();
}

#[test]
fn nothing_else_goes_by_the_keys_of_a_bucket() {
    let scene = Scene::open();
    let own = begin(&scene.agent, DIRECTORY, "ReadWrite");
    let other = begin(&scene.agent, OTHER, "ReadWrite");
    done(&own.put(DIRECTORY));
    let before = calls_of_agents(&scene.cloud).len();

    refused(&own.put(OTHER), "for the objects of the one bucket");
    refused(&own.get(FOREIGN), "not part of task");
    let again = format!("/{DIRECTORY}?session=");
    refused(&own.call("GET", &again, b""), "cannot call CreateSession");
    let object = format!("/{BUCKET}/reports/old.txt");
    refused(
        &own.call("GET", &object, b""),
        "for the objects of the one bucket",
    );
    let regional = Call {
        service: "s3",
        method: "GET",
        path: &object,
        headers: &[("x-amz-s3session-token", &own.token)],
        body: b"",
    };
    refused(&own.agent.call(&regional), "are for directory buckets");

    let with = |token: &str, keys: &Holder| Holder {
        token: token.to_owned(),
        ..keys.clone()
    };
    refused(&with(&other.token, &own).get(DIRECTORY), "InvalidToken");
    let launched = Holder {
        agent: scene.agent.clone(),
        token: own.token.clone(),
    };
    refused(&launched.get(DIRECTORY), "InvalidToken");
    let mut both = own.clone();
    both.agent.keys.token = Some(own.token.clone());
    let both_said = "Send the session token that came with the access key, and no other";
    refused(&both.get(DIRECTORY), both_said);
    let path = format!("/{DIRECTORY}/a.txt");
    let of_sts = both.agent.call(&Call {
        service: "s3express",
        method: "GET",
        path: &path,
        headers: &[],
        body: b"",
    });
    refused(&of_sts, "InvalidToken");

    let kms = [("x-amz-server-side-encryption", "aws:kms")];
    refused(
        &create_session(&scene.agent, DIRECTORY, &kms),
        "leave it out",
    );
    let foreign = create_session(&scene.agent, FOREIGN, &[]);
    refused(&foreign, "does not name s3express:CreateSession");
    assert_eq!(calls_of_agents(&scene.cloud).len(), before, "it left");
    done(&own.get(DIRECTORY));
    scene.cordon.stop();
}

#[test]
fn a_session_for_reading_changes_nothing() {
    let scene = Scene::open();
    let writer = begin(&scene.agent, DIRECTORY, "ReadWrite");
    let reader = begin(&scene.agent, DIRECTORY, "ReadOnly");
    done(&writer.put(DIRECTORY));
    let before = calls_of_agents(&scene.cloud).len();
    refused(&reader.put(DIRECTORY), "asked for as ReadOnly");
    assert_eq!(calls_of_agents(&scene.cloud).len(), before, "it left");
    done(&reader.get(DIRECTORY));
    scene.cordon.stop();
}

#[test]
fn keys_of_a_bucket_are_lent_again_while_they_hold_and_end_with_the_task() {
    let mut scene = Scene::open();
    let first = create_session(&scene.agent, DIRECTORY, &[]);
    let second = create_session(&scene.agent, DIRECTORY, &[]);
    assert_eq!(first.text(), second.text(), "one session, told twice");
    let own = holder(&scene.agent, &first);
    let reader = begin(&scene.agent, DIRECTORY, "ReadOnly");
    assert_ne!(own.agent.keys.id, reader.agent.keys.id);
    done(&own.put(DIRECTORY));

    scene.cordon.serving().ask_to_end();
    let _ = scene.cordon.serving().ended();
    scene.cordon.start_again();
    let address = scene.cordon.address();
    let moved = |holder: &Holder| Holder {
        agent: Agent::at(address, holder.agent.keys.clone()),
        token: holder.token.clone(),
    };
    let (own, reader) = (moved(&own), moved(&reader));
    done(&own.put(DIRECTORY));
    done(&reader.get(DIRECTORY));
    refused(&reader.put(DIRECTORY), "asked for as ReadOnly");
    refused(&own.get(OTHER), "for the objects of the one bucket");

    let calls = scene.cordon.calls(&[]);
    let id = calls[0]["task"].as_str().expect("a task");
    let _ = scene.cordon.run(&["task", "stop", id]).succeeded("stop");
    for holder in [&own, &reader] {
        refused(&holder.get(DIRECTORY), "ExpiredToken");
    }
    scene.cordon.stop();
}

#[test]
fn a_role_that_was_assumed_has_directory_buckets_too() {
    let scene = Scene::open();
    let form = format!(
        "Action=AssumeRole&Version=2011-06-15&RoleSessionName=loader\
         &RoleArn=arn%3Aaws%3Aiam%3A%3A{ACCOUNT}%3Arole%2F{CDK_ROLE}"
    );
    let role = scene.agent.call(&Call::query("sts", &form));
    done(&role);
    let role = Agent {
        keys: session_keys(&role.text()).expect("keys"),
        ..scene.agent.clone()
    };
    let own = begin(&role, DIRECTORY, "ReadWrite");
    done(&own.put(DIRECTORY));
    let log = scene.cloud.lab().log();
    let put = log.iter().rfind(|entry| entry.operation == "PutObject");
    let signer = put.expect("it came").signer.as_ref().expect("a signer");
    assert!(
        signer.arn.contains(&format!("/{CDK_ROLE}/")),
        "{}",
        signer.arn
    );
    no_session_reached(&scene.cloud);
    scene.cordon.stop();
}
