//! Virtual credentials: an agent assumes roles through Cordon, and all that it ever holds are
//! placeholder keys that can do no more than its own.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a story stops at once"
)]

use std::thread;

use cordon_tests::agent::Agent;
use cordon_tests::cloud::{Cloud, Kind, TABLE};
use cordon_tests::lab::{CDK_ROLE, EXTERNAL_ID, NEXT_ROLE, OTHER_ACCOUNT, READER_ROLE};
use cordon_tests::program::{Cordon, task};
use cordon_tests::signer::{Call, Keys, session_keys};
use cordon_tests::wire::Message;
use cordon_tests::{ACCOUNT, AGENT_ROLE};

/// The cloud, Cordon before it, and an agent on the task that names roles.
struct Scene {
    cloud: Cloud,
    cordon: Cordon,
    agent: Agent,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn open() -> Self {
        Self::with(|task| task)
    }

    /// With the task as `change` makes it.
    fn with(change: impl FnOnce(String) -> String) -> Self {
        let cloud = Cloud::start(Kind::Lab);
        let cordon = Cordon::start(&cloud);
        let text = std::fs::read_to_string(task("roles")).expect("the task is there");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("roles.toml");
        std::fs::write(&path, change(text)).expect("the folder is ours");
        Self {
            agent: Agent::on(&cordon, &path),
            cloud,
            cordon,
            _folder: folder,
        }
    }

    /// The ids of the one task, as `cordon task` takes it.
    fn task(&self) -> String {
        let calls = self.cordon.calls(&[]);
        calls[0]["task"].as_str().expect("a task").to_owned()
    }

    /// Steers the task from another process, and asks until the one that serves knows of it.
    fn steer(&self, word: &str, known: impl Fn(&Message) -> bool) {
        let ran = self.cordon.run(&["task", word, &self.task()]);
        let _ = ran.succeeded(word);
        while !known(&put(&self.agent, "steered")) {}
    }

    /// Who signed the last call of this operation, as the lab saw it.
    fn signer(&self, operation: &str) -> String {
        let log = self.cloud.lab().log();
        let entry = log.iter().rfind(|entry| entry.operation == operation);
        let entry = entry.unwrap_or_else(|| panic!("{operation} did not reach the cloud"));
        entry.signer.as_ref().expect("a signer").arn.clone()
    }

    /// How often an operation reached the cloud.
    fn reached(&self, operation: &str) -> usize {
        let log = self.cloud.lab().log();
        log.iter()
            .filter(|entry| entry.operation == operation)
            .count()
    }
}

fn role(account: &str, name: &str) -> String {
    format!("arn%3Aaws%3Aiam%3A%3A{account}%3Arole%2F{name}")
}

fn sts(agent: &Agent, form: &str) -> Message {
    agent.call(&Call::query("sts", &format!("Version=2011-06-15&{form}")))
}

fn ask(agent: &Agent, account: &str, name: &str, more: &str) -> Message {
    let role = role(account, name);
    sts(
        agent,
        &format!("Action=AssumeRole&RoleSessionName=T-9.S-9&RoleArn={role}{more}"),
    )
}

/// Somebody with the keys of an answer, at the same place.
fn holder(agent: &Agent, answer: &Message) -> Agent {
    assert_eq!(answer.target, "200", "{}", answer.text());
    Agent {
        keys: session_keys(&answer.text()).expect("keys in the answer"),
        ..agent.clone()
    }
}

fn assume(agent: &Agent, name: &str) -> Agent {
    holder(agent, &ask(agent, ACCOUNT, name, ""))
}

fn put(agent: &Agent, id: &str) -> Message {
    let item = format!(r#"{{"TableName":"{TABLE}","Item":{{"id":{{"S":"{id}"}}}}}}"#);
    agent.dynamodb("PutItem", &item, &[])
}

fn get(agent: &Agent) -> Message {
    let key = format!(r#"{{"TableName":"{TABLE}","Key":{{"id":{{"S":"a-1"}}}}}}"#);
    agent.dynamodb("GetItem", &key, &[])
}

/// It went through.
fn done(answer: &Message) {
    assert_eq!(answer.target, "200", "{}", answer.text());
}

/// It was refused with these words.
fn refused(answer: &Message, words: &str) {
    assert_ne!(answer.target, "200", "{}", answer.text());
    assert!(answer.text().contains(words), "{}", answer.text());
}

fn element(answer: &Message, name: &str) -> String {
    let text = answer.text();
    let (_, rest) = text.split_once(&format!("<{name}>")).expect("the element");
    rest.split_once("</").expect("its end").0.to_owned()
}

#[test]
fn no_byte_that_an_agent_gets_is_of_a_real_key() {
    let scene = Scene::open();
    let mut answers = vec![ask(&scene.agent, ACCOUNT, CDK_ROLE, "")];
    let child = holder(&scene.agent, &answers[0]);
    answers.push(ask(&child, ACCOUNT, NEXT_ROLE, ""));
    let grandchild = holder(&scene.agent, &answers[1]);
    answers.push(sts(&scene.agent, "Action=GetSessionToken"));
    let twin = holder(&scene.agent, &answers[2]);
    for agent in [&child, &grandchild, &twin] {
        let identity = sts(agent, "Action=GetCallerIdentity");
        done(&identity);
        answers.extend([identity, get(agent)]);
    }

    let (minted, told) = scene
        .cordon
        .keeps_real_keys(&scene.cloud, &answers.iter().collect::<Vec<_>>());
    assert!(minted >= 8, "{minted} sessions were minted");
    // What was lent is not told to anyone else either.
    for Agent { keys, .. } in [&child, &grandchild, &twin] {
        assert!(keys.id.starts_with("ASIACRDN"), "{}", keys.id);
        assert!(!told.contains(&keys.secret));
        assert!(!told.contains(keys.token.as_deref().expect("a token")));
    }
    // And the agent's own requests, with the name of a session that is not its own, stayed here.
    let sent =
        |exchange: &cordon_tests::wire::Exchange| exchange.request.text().contains("T-9.S-9");
    assert!(!scene.cloud.exchanges().iter().any(sent));
    scene.cordon.stop();
}

#[test]
fn a_role_that_the_task_does_not_name_is_not_asked_for() {
    let scene = Scene::open();
    let before = scene.cloud.exchanges().len();
    for (account, name) in [
        (ACCOUNT, "cordon-story-admin"),
        (ACCOUNT, AGENT_ROLE),
        ("999988887777", READER_ROLE),
    ] {
        let answer = ask(&scene.agent, account, name, "");
        refused(&answer, "AccessDenied");
        assert!(session_keys(&answer.text()).is_none());
    }
    let unnamed = ask(&scene.agent, ACCOUNT, "cordon-story-admin", "");
    refused(
        &unnamed,
        "arn:aws:iam::111122223333:role/cordon-story-admin",
    );
    for more in [
        "&Tags.member.1.Key=team&Tags.member.1.Value=admin",
        "&PolicyArns.member.1.arn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FAdministratorAccess",
        "&SourceIdentity=cordon.T-9",
    ] {
        let answer = ask(&scene.agent, ACCOUNT, READER_ROLE, more);
        refused(&answer, "leave it out");
    }
    assert_eq!(scene.cloud.exchanges().len(), before);
    scene.cordon.stop();
}

#[test]
fn a_child_acts_as_its_role_and_within_the_task() {
    let scene = Scene::open();
    let answer = ask(&scene.agent, ACCOUNT, READER_ROLE, "");
    let child = holder(&scene.agent, &answer);
    let identity = sts(&child, "Action=GetCallerIdentity");
    assert_eq!(element(&identity, "Arn"), element(&answer, "Arn"));
    let named = format!("assumed-role/{READER_ROLE}/{}.S-", scene.task());
    assert!(
        element(&answer, "Arn").contains(&named),
        "{}",
        answer.text()
    );
    done(&get(&child));
    assert!(scene.signer("GetItem").contains(&named));
    // The task allows it and the role does not; the other way round, it does not leave at all.
    refused(&put(&child, "c-1"), "no identity-based policy allows");
    done(&put(&scene.agent, "p-1"));
    let cdk = assume(&scene.agent, CDK_ROLE);
    let table = r#"{"TableName":"ledger","Item":{"id":{"S":"1"}}}"#;
    let before = scene.reached("PutItem");
    refused(&cdk.dynamodb("PutItem", table, &[]), "not part of task");
    assert_eq!(scene.reached("PutItem"), before);
    scene.cordon.stop();
}

#[test]
fn a_child_has_no_budget_of_its_own() {
    let scene = Scene::open();
    let first = assume(&scene.agent, CDK_ROLE);
    let second = assume(&scene.agent, CDK_ROLE);
    let third = assume(&second, NEXT_ROLE);
    for (number, agent) in [&scene.agent, &first, &second, &third]
        .into_iter()
        .enumerate()
    {
        done(&put(agent, &format!("b-{number}")));
    }
    let fourth = assume(&scene.agent, CDK_ROLE);
    for agent in [&scene.agent, &first, &second, &third, &fourth] {
        refused(&put(agent, "b-9"), "budget");
    }
    assert_eq!(scene.reached("PutItem"), 4 + seeded());
    scene.cordon.stop();
}

/// The items that the cloud was filled with, before Cordon.
fn seeded() -> usize {
    let cloud = Cloud::start(Kind::Lab);
    let log = cloud.lab().log();
    log.iter()
        .filter(|entry| entry.operation == "PutItem")
        .count()
}

#[test]
fn a_paused_or_stopped_task_has_no_acting_children() {
    let scene = Scene::with(|task| task.replace("mutations = 4", "mutations = 900"));
    let child = assume(&scene.agent, CDK_ROLE);
    let grandchild = assume(&child, NEXT_ROLE);
    done(&put(&grandchild, "s-1"));
    scene.steer("pause", |answer| answer.text().contains("CordonPaused"));
    for agent in [&child, &grandchild] {
        refused(&put(agent, "s-2"), "CordonPaused");
        done(&get(agent));
    }
    // Also what is begun while it is paused.
    refused(&put(&assume(&child, NEXT_ROLE), "s-3"), "CordonPaused");
    scene.steer("resume", |answer| answer.target == "200");
    done(&put(&grandchild, "s-4"));
    scene.steer("stop", |answer| answer.text().contains("no live session"));
    for agent in [&scene.agent, &child, &grandchild] {
        refused(&get(agent), "belongs to no live session");
        refused(&put(agent, "s-5"), "");
        refused(&ask(agent, ACCOUNT, NEXT_ROLE, ""), "");
    }
    scene.cordon.stop();
}

#[test]
fn the_parts_of_credentials_do_not_mix_and_open_no_other_cordon() {
    let scene = Scene::open();
    let child = assume(&scene.agent, READER_ROLE);
    let other = assume(&scene.agent, READER_ROLE);
    let with = |id: &Agent, secret: &Agent, token: Option<&Agent>| Agent {
        keys: Keys {
            id: id.keys.id.clone(),
            secret: secret.keys.secret.clone(),
            token: token.and_then(|agent| agent.keys.token.clone()),
        },
        ..scene.agent.clone()
    };
    for mixed in [
        with(&child, &child, None),
        with(&child, &child, Some(&other)),
        with(&scene.agent, &scene.agent, Some(&child)),
        with(&child, &other, Some(&child)),
    ] {
        assert_ne!(get(&mixed).target, "200");
    }
    let elsewhere = Cordon::start(&scene.cloud);
    let there = Agent::on(&elsewhere, &task("roles"));
    let stolen = Agent {
        keys: child.keys.clone(),
        ..there
    };
    assert_ne!(get(&stolen).target, "200");
    done(&get(&child));
    elsewhere.stop();
    scene.cordon.stop();
}

#[test]
fn a_session_policy_that_was_asked_for_holds_all_the_way_down() {
    let scene = Scene::open();
    let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22\
                  %2C%22Action%22%3A%5B%22dynamodb%3AGet*%22%2C%22sts%3A*%22%5D%2C%22Resource%22%3A%22*%22%7D%7D";
    let all = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22*%22%2C\
               %22Resource%22%3A%22*%22%7D%7D";
    let narrow = format!("&Policy={policy}");
    let child = holder(&scene.agent, &ask(&scene.agent, ACCOUNT, CDK_ROLE, &narrow));
    let wide = format!("&Policy={all}");
    let grandchild = holder(&scene.agent, &ask(&child, ACCOUNT, NEXT_ROLE, &wide));
    for agent in [&child, &grandchild] {
        done(&get(agent));
        refused(&put(agent, "n-1"), "session policy");
    }
    done(&put(&assume(&scene.agent, CDK_ROLE), "n-2"));
    scene.cordon.stop();
}

#[test]
fn a_role_is_reached_from_the_role_before_it_alone() {
    let scene = Scene::open();
    // The task names it; AWS lets only the deploy role in.
    refused(&ask(&scene.agent, ACCOUNT, NEXT_ROLE, ""), "trust policy");
    let next = assume(&assume(&scene.agent, CDK_ROLE), NEXT_ROLE);
    done(&get(&next));
    assert!(scene.signer("GetItem").contains(&format!("/{NEXT_ROLE}/")));
    scene.cordon.stop();
}

#[test]
fn a_role_of_another_account_of_the_task_acts_there() {
    let scene = Scene::open();
    refused(
        &ask(&scene.agent, OTHER_ACCOUNT, READER_ROLE, ""),
        "trust policy",
    );
    let id = format!("&ExternalId={EXTERNAL_ID}");
    let answer = ask(&scene.agent, OTHER_ACCOUNT, READER_ROLE, &id);
    let child = holder(&scene.agent, &answer);
    let listed = child.dynamodb("ListTables", "{}", &[]);
    done(&listed);
    assert!(!listed.text().contains(TABLE), "{}", listed.text());
    let signer = scene.signer("ListTables");
    assert!(
        signer.contains(&format!("::{OTHER_ACCOUNT}:assumed-role/")),
        "{signer}"
    );
    // The table of the same name there is not the one that the task names.
    refused(&get(&child), "not part of task");
    scene.cordon.stop();
}

#[test]
fn a_preview_assumes_roles_and_changes_nothing_as_them() {
    let scene = Scene::with(|task| task.replace("\"live\"", "\"preview\""));
    let child = assume(&scene.agent, CDK_ROLE);
    done(&get(&child));
    let before = scene.reached("PutItem");
    refused(&put(&child, "v-1"), "CordonPreview");
    assert_eq!(scene.reached("PutItem"), before);
    scene.cordon.stop();
}

#[test]
fn children_outlive_the_process_that_began_them_like_every_session() {
    let mut scene = Scene::open();
    let child = assume(&scene.agent, CDK_ROLE);
    let next = assume(&child, NEXT_ROLE);
    done(&get(&next));
    scene.cordon.serving().ask_to_end();
    let _ = scene.cordon.serving().ended();
    scene.cordon.start_again();
    let again = Agent::on(&scene.cordon, &task("roles"));
    let moved = |agent: &Agent| Agent {
        keys: agent.keys.clone(),
        ..again.clone()
    };
    done(&put(&moved(&child), "r-1"));
    done(&get(&moved(&next)));
    assert!(scene.signer("GetItem").contains(&format!("/{NEXT_ROLE}/")));
    scene.cordon.stop();
}

#[test]
fn many_at_once_are_served_from_their_first_call_on() {
    let scene = Scene::open();
    let identities: Vec<String> = thread::scope(|scope| {
        let runs: Vec<_> = (0..12)
            .map(|_| {
                scope.spawn(|| {
                    let child = assume(&scene.agent, READER_ROLE);
                    let identity = sts(&child, "Action=GetCallerIdentity");
                    done(&identity);
                    element(&identity, "Arn")
                })
            })
            .collect();
        runs.into_iter()
            .map(|run| run.join().expect("it ran to its end"))
            .collect()
    });
    let different: std::collections::BTreeSet<&String> = identities.iter().collect();
    assert_eq!(different.len(), 12, "{identities:#?}");
    scene.cordon.stop();
}
