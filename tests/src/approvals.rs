//! Deciding, as people do it: one launches an agent, another signs in at a terminal of their own and
//! says yes or no by `cordon holds`, and what the agent asks for goes to the cloud once or not at all.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Client, Environment, Step};
use crate::cloud::{Cloud, FUNCTION, Kind};
use crate::lab::ADMIN_ROLE;
use crate::process::{DEADLINE, Ran};
use crate::program::{Cordon, Way};
#[cfg(unix)]
use crate::terminal::Terminal;
use crate::{ACCOUNT, REGION};

/// `tester` launches every task of the stories; that she is a senior herself must not matter.
const PEOPLE: &str = r#"schema = "cordon.people/v1"

[[person]]
name   = "tester"
email  = "tester@example.com"
groups = ["senior", "resource-owner"]

[[person]]
name   = "ola"
groups = ["senior"]

[[person]]
name   = "kim"
groups = ["senior", "security", "resource-owner"]

[[person]]
name   = "ci"

[[person]]
name   = "ica"
groups = ["incident-commander"]
roles  = ["incident-commander"]
"#;

/// What holds beside the baseline in stories of checks: the sample of the documentation.
const DOCUMENTED: &str = include_str!("../../docs/approvals.md");

/// A function in production: each of its changes waits for a senior.
const TASK: &str = r#"schema = "cordon.task/v1"
title  = "Give the export more time"
ticket = "CE-381"
team   = "costs"
mode   = "live"
ttl    = "1h"

[where]
accounts     = ["111122223333"]
regions      = ["eu-central-1"]
environments = ["prod"]

[[allow]]
do = ["observe"]

[[allow]]
do = ["sqs:CreateQueue"]
on = ["arn:aws:sqs:eu-central-1:111122223333:nightly"]

[[allow]]
do = ["lambda:UpdateFunctionConfiguration"]
on = ["arn:aws:lambda:eu-central-1:111122223333:function:ce-export"]

[budget]
mutations = 20
creates   = 2
"#;

/// A cloud in which everything is production, Cordon before it, and people who decide.
#[derive(Debug)]
pub struct Desk {
    /// The cloud.
    pub cloud: Cloud,
    /// The program.
    pub cordon: Cordon,
    folder: TempDir,
}

/// A person at a terminal of their own.
#[derive(Debug)]
pub struct Person {
    home: TempDir,
}

impl Desk {
    /// Starts everything. A held call is answered at once.
    pub fn open(kind: Kind) -> Self {
        Self::with_patience(kind, 0)
    }

    /// Starts everything. A held call waits for so many seconds before its client is answered.
    pub fn with_patience(kind: Kind, seconds: u32) -> Self {
        Self::with(kind, seconds, |_| String::new())
    }

    /// Starts everything, with the lines of configuration that `more` gives for a folder of its own.
    ///
    /// # Panics
    /// When it does not start.
    pub fn with(kind: Kind, seconds: u32, more: impl FnOnce(&Path) -> String) -> Self {
        Self::built(kind, seconds, |folder| [String::new(), more(folder)])
    }

    /// With lines for the beginning and for the end of the configuration.
    fn built(kind: Kind, seconds: u32, more: impl FnOnce(&Path) -> [String; 2]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("task.toml"), TASK).expect("the folder is ours");
        let cloud = Cloud::start(kind);
        let [first, last] = more(folder.path());
        let lines = format!(
            "\n[limits]\npark_seconds = {seconds}\n\n\
             [[environment]]\nname = \"prod\"\nproduction = true\naccounts = [\"{ACCOUNT}\"]\n{last}"
        );
        let url = cloud.recorder().url();
        let lines = [&*first, &*lines];
        let cordon = Cordon::start_with_people(&url, cloud.base(), PEOPLE, lines);
        Self {
            cloud,
            cordon,
            folder,
        }
    }

    /// Starts everything, with the policy of the documentation that asks for a check.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn asking_for_checks(kind: Kind) -> Self {
        Self::built(kind, 0, |folder| {
            let bundle = folder.join("policies");
            copy(
                &Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies"),
                &bundle,
            );
            let sample = DOCUMENTED.split_once("```cedar\n");
            let sample = sample.and_then(|(_, rest)| rest.split_once("```"));
            let (policy, _) = sample.expect("the documentation has a policy");
            std::fs::write(bundle.join("13-hold-checks.cedar"), policy).expect("it is ours");
            [
                format!("policies = \"{}\"\n", bundle.display()),
                String::new(),
            ]
        })
    }

    /// The variables of a machine with a token that reports these checks.
    ///
    /// # Panics
    /// When none is made.
    #[must_use]
    pub fn machine(&self, checks: &[&str]) -> Environment {
        let mut arguments = vec!["people", "token", "ci", "--scope", "check"];
        for check in checks {
            arguments.extend(["--check", check]);
        }
        let said = self.cordon.run(&arguments).succeeded("cordon people token");
        let token = said.lines().next().expect("a token").to_owned();
        let address = format!("http://{}", self.cordon.control());
        [("CORDON_TOKEN", token), ("CORDON_CONTROL_URL", address)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    /// The file of the task.
    #[must_use]
    pub fn task(&self) -> PathBuf {
        self.folder.path().join("task.toml")
    }

    /// The file of the same task, to be previewed first.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn previewing(&self) -> PathBuf {
        let file = self.folder.path().join("preview.toml");
        let task = TASK.replace("mode   = \"live\"", "mode   = \"preview\"");
        std::fs::write(&file, task).expect("the folder is ours");
        file
    }

    /// A folder for a client.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A person who signs in with a link that is made where Cordon serves.
    #[must_use]
    pub fn person(&self, name: &str) -> Person {
        let person = Person::nobody();
        let ran = person.run(&self.cordon, &["sign-in", &self.link(name)]);
        let said = ran.succeeded("cordon sign-in");
        assert!(said.contains(name), "{said}");
        person
    }

    /// A link that signs a person in.
    ///
    /// # Panics
    /// When none is made.
    #[must_use]
    pub fn link(&self, name: &str) -> String {
        let ran = self.cordon.run(&["people", "link", name]);
        let said = ran.succeeded("cordon people link");
        said.lines().last().expect("a link").to_owned()
    }

    /// From now on nobody of this name is one of the people, as soon as the program has seen it: `sees`
    /// says whether it has.
    ///
    /// # Panics
    /// When it does not see it in time.
    pub fn remove(&self, name: &str, sees: impl Fn() -> bool) {
        let left = PEOPLE.replace(&format!("\"{name}\""), "\"someone-else\"");
        assert_ne!(left, PEOPLE, "{name} is one of them");
        self.cordon.write_people(&left);
        let until = Instant::now() + DEADLINE;
        while !sees() {
            assert!(Instant::now() < until, "{}", self.cordon.log());
        }
    }

    /// The hold that waits, as `person` sees it; there is one.
    ///
    /// # Panics
    /// When there is none, or more.
    #[must_use]
    pub fn waiting(&self, person: &Person) -> Value {
        let list = person.json(&self.cordon, &["holds", "list"]);
        let waiting: Vec<&Value> = list
            .iter()
            .filter(|hold| hold["state"] == "waiting")
            .collect();
        assert_eq!(waiting.len(), 1, "{list:#?}");
        person.hold(&self.cordon, &text(waiting[0], "id"))
    }

    /// The hold that waits, as soon as one does.
    ///
    /// # Panics
    /// When none does in time.
    #[must_use]
    pub fn held(&self, person: &Person) -> Value {
        let until = Instant::now() + DEADLINE;
        while person.json(&self.cordon, &["holds", "list"]).is_empty() {
            assert!(Instant::now() < until, "{}", self.cordon.log());
        }
        self.waiting(person)
    }

    /// Tags the function, past Cordon.
    ///
    /// # Panics
    /// When the cloud does not do it.
    pub fn tag(&self, client: Client, key: &str, value: &str) {
        let keys = self.cloud.keys_of(ADMIN_ROLE);
        let environment = [
            (
                "AWS_ENDPOINT_URL",
                format!("http://{}", self.cloud.address()),
            ),
            ("AWS_ACCESS_KEY_ID", keys.id),
            ("AWS_SECRET_ACCESS_KEY", keys.secret),
            ("AWS_SESSION_TOKEN", keys.token.unwrap_or_default()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value));
        let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}");
        let step = Step {
            service: "lambda",
            operation: "TagResource",
            parameters: json!({ "Resource": arn, "Tags": { key: value } }),
        };
        let outcome = client
            .run(&[step], &environment.into(), self.folder())
            .remove(0);
        assert!(outcome.ok, "{}", outcome.text);
    }

    /// How often the change reached the cloud.
    #[must_use]
    pub fn reached(&self) -> usize {
        let calls = self.cloud.agent_calls();
        let changes = calls.iter().filter(|request| {
            request.method == "PUT" && request.target.contains("functions/ce-export/configuration")
        });
        changes.count()
    }
}

impl Person {
    /// Someone who did not sign in.
    #[must_use]
    pub fn nobody() -> Self {
        Self {
            home: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// Runs the program at this person's terminal.
    #[must_use]
    pub fn run(&self, cordon: &Cordon, arguments: &[&str]) -> Ran {
        cordon.run_at(self.home.path(), arguments)
    }

    /// As [`Person::run`], in a shell with these variables.
    #[must_use]
    pub fn run_in(&self, cordon: &Cordon, environment: &Environment, arguments: &[&str]) -> Ran {
        cordon.run_at_in(self.home.path(), environment, arguments)
    }

    /// As [`Person::run`], on a terminal.
    #[must_use]
    #[cfg(unix)]
    pub fn on_terminal(&self, cordon: &Cordon, arguments: &[&str]) -> Terminal {
        cordon.on_terminal(self.home.path(), arguments)
    }

    /// As [`Person::on_terminal`], with these variables beside.
    #[must_use]
    #[cfg(unix)]
    pub fn on_terminal_in(
        &self,
        cordon: &Cordon,
        environment: &Environment,
        arguments: &[&str],
    ) -> Terminal {
        cordon.on_terminal_in(self.home.path(), environment, arguments)
    }

    /// What the program answers to this person, a value for each line.
    #[must_use]
    pub fn json(&self, cordon: &Cordon, arguments: &[&str]) -> Vec<Value> {
        let ran = self.run(cordon, &[arguments, &["--format", "json"]].concat());
        let said = ran.succeeded(&arguments.join(" "));
        let lines = said.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// One hold or batch.
    #[must_use]
    pub fn hold(&self, cordon: &Cordon, id: &str) -> Value {
        self.json(cordon, &["holds", "show", id]).remove(0)
    }

    /// Says yes to what was seen.
    #[must_use]
    pub fn approve(&self, cordon: &Cordon, seen: &Value) -> Ran {
        let (id, digest) = (text(seen, "id"), text(seen, "digest"));
        self.run(cordon, &["holds", "approve", &id, "--digest", &digest])
    }
}

/// A text of a hold.
///
/// # Panics
/// When it has none of this name.
#[must_use]
pub fn text(hold: &Value, name: &str) -> String {
    let text = hold[name].as_str();
    text.unwrap_or_else(|| panic!("no {name} in {hold:#}"))
        .to_owned()
}

/// The change, with this time limit.
#[must_use]
pub fn change(seconds: u32) -> Step {
    Step {
        service: "lambda",
        operation: "UpdateFunctionConfiguration",
        parameters: json!({ "FunctionName": FUNCTION, "Timeout": seconds }),
    }
}

/// An agent asks with a published client; a second person approves; the same call goes once, and
/// neither another one nor the same one again.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn an_approval_lets_the_same_call_go_once(client: Client, kind: Kind, way: Way) {
    let desk = Desk::open(kind);
    let environment = desk.cordon.env(&desk.task(), way);
    let ask = |seconds| ask(client, &desk, &environment, seconds);
    let kim = desk.person("kim");
    let ola = desk.person("ola");

    assert!(ask(30).contains("CordonApprovalRequired"));
    let hold = desk.waiting(&kim);
    let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}");
    assert_eq!(hold["targets"][0]["resource"], arn);
    assert!(text(&hold, "parameters").contains("30"), "{hold:#}");
    assert_eq!(
        (&hold["sponsor"], &hold["needs"]),
        (&json!("tester"), &json!(["senior"]))
    );
    assert_eq!(desk.reached(), 0);

    let said = ola.approve(&desk.cordon, &hold).succeeded("an approval");
    assert!(said.contains("approved"), "{said}");
    assert!(
        ask(31).contains("CordonApprovalRequired"),
        "another call is another matter"
    );
    assert_eq!(desk.reached(), 0);
    assert_eq!(ask(30), "", "{}", desk.cordon.log());
    assert_eq!(desk.reached(), 1);

    assert!(ask(30).contains("CordonApprovalRequired"), "once is once");
    let used = kim.hold(&desk.cordon, &text(&hold, "id"));
    assert_eq!(used["state"], "used");
    let list = kim.json(&desk.cordon, &["holds", "list"]);
    assert_eq!(list.len(), 2, "{list:#?}");
    assert_eq!(desk.reached(), 1);
    desk.cordon.stop();
}

/// A second person approves the change of a function as it is; somebody else tags that anew, and what was
/// approved is another thing now. Tagged as it was, or left alone, the approval serves.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn an_approval_is_of_what_was_tagged_so(client: Client) {
    let desk = Desk::open(Kind::Moto);
    let environment = desk.cordon.env(&desk.task(), Way::Connect);
    let ask = |seconds| ask(client, &desk, &environment, seconds);
    let ola = desk.person("ola");
    desk.tag(client, "env", "dev");

    assert!(ask(30).contains("CordonApprovalRequired"));
    let hold = desk.waiting(&ola);
    let _ = ola.approve(&desk.cordon, &hold).succeeded("an approval");
    desk.tag(client, "env", "prod");
    assert!(
        ask(30).contains("CordonApprovalRequired"),
        "it was retagged"
    );
    assert_eq!(desk.reached(), 0);
    let id = text(&hold, "id");
    assert_eq!(ola.hold(&desk.cordon, &id)["state"], "changed");
    let next = desk.waiting(&ola);
    assert!(text(&next, "follows").contains("changed"), "{next:#}");
    assert_eq!(next["changes"]["properties"][0]["after"], "30", "{next:#}");

    let _ = ola.approve(&desk.cordon, &next).succeeded("an approval");
    assert_eq!(ask(30), "", "{}", desk.cordon.log());
    assert_eq!(desk.reached(), 1);
    desk.cordon.stop();
}

/// An agent asks with a published client for what a check is asked of as well; a second person approves,
/// CI reports, and the same call goes once.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn an_approval_and_a_check_let_the_same_call_go_once(client: Client, kind: Kind, way: Way) {
    let desk = Desk::asking_for_checks(kind);
    let environment = desk.cordon.env(&desk.task(), way);
    let ask = |seconds| ask(client, &desk, &environment, seconds);
    let (ola, ci) = (desk.person("ola"), Person::nobody());
    let link = "https://ci.example.com/runs/7";

    let told = ask(30);
    assert!(told.contains("CordonApprovalRequired"), "{told}");
    let waits = "waits for 1 approval of senior and check canary-tests.";
    assert!(told.contains(waits), "{told}");
    let hold = desk.waiting(&ola);
    let (id, digest) = (text(&hold, "id"), text(&hold, "digest"));
    assert_eq!(hold["checks"][0]["result"], "open");
    let said = ola.approve(&desk.cordon, &hold).succeeded("an approval");
    assert!(
        said.contains("still waits for check canary-tests"),
        "{said}"
    );
    let told = ask(30);
    assert!(told.contains("waits for check canary-tests."), "{told}");
    assert_eq!(desk.reached(), 0);

    let report = |machine: &Environment, more: &[&str]| {
        let arguments = ["holds", "check", &id, "canary-tests", "--link", link];
        ci.run_in(&desk.cordon, machine, &[&arguments, more].concat())
    };
    let other = desk.machine(&["load-tests"]);
    let refused = report(&other, &["--passed"]);
    // A token of another check does not even see the hold.
    assert_eq!(refused.code, Some(1), "{}", refused.text());
    let stale = ["--passed", "--digest", &digest, "--state-digest", &digest];
    let refused = report(&other, &stale);
    assert!(refused.text().contains("check-scope"), "{}", refused.text());
    let machine = desk.machine(&["canary-tests"]);
    let refused = report(&machine, &stale);
    assert!(
        refused.text().contains("digest-differs"),
        "{}",
        refused.text()
    );
    let approve = ["holds", "approve", &id, "--digest", &digest];
    let refused = ci.run_in(&desk.cordon, &machine, &approve);
    assert!(refused.text().contains("token-scope"), "{}", refused.text());
    let none = ci.run_in(&desk.cordon, &environment, &["holds", "show", &id]);
    assert!(
        none.text().contains("the shell of an agent"),
        "{}",
        none.text()
    );

    let said = report(&machine, &["--failed"]).succeeded("a failure");
    assert!(said.contains("check canary-tests (failed)"), "{said}");
    let told = ask(30);
    assert!(told.contains("check canary-tests (failed)"), "{told}");
    assert_eq!(desk.reached(), 0);
    let said = report(&machine, &["--passed"]).succeeded("a pass");
    assert!(said.contains("approved"), "{said}");
    assert!(
        ask(31).contains("CordonApprovalRequired"),
        "another call is another matter"
    );
    assert_eq!(ask(30), "", "{}", desk.cordon.log());
    assert_eq!(desk.reached(), 1);
    assert!(ask(30).contains(waits), "once is once");
    assert_eq!(desk.reached(), 1);
    let log = desk
        .cordon
        .run(&["people", "log"])
        .succeeded("cordon people log");
    assert!(
        log.contains("canary-tests passed by ") && log.contains(link),
        "{log}"
    );
    desk.cordon.stop();
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("the folder is ours");
    for entry in std::fs::read_dir(from).expect("the bundle is there") {
        let entry = entry.expect("it can be read");
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("it can be copied")),
        }
    }
}

/// Asks for the change; gives nothing where it was made, and what the client said where not.
pub(crate) fn ask(client: Client, desk: &Desk, environment: &Environment, seconds: u32) -> String {
    let outcome = client
        .run(&[change(seconds)], environment, desk.folder())
        .remove(0);
    match outcome.ok {
        true => String::new(),
        false => outcome.text,
    }
}
