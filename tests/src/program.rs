//! The program under test: the built `cordon`, with its own configuration and state.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::client::Environment;
use crate::cloud::Cloud;
use crate::outputs;
use crate::process::{self, Background, Ran};
use crate::signer::{Keys, session_keys};
#[cfg(unix)]
use crate::terminal::Terminal;
use crate::wire::Message;
use crate::{ACCOUNT, AGENT_ROLE, REGION, file};

/// How an agent reaches Cordon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By `HTTPS_PROXY`: CONNECT, and TLS that Cordon ends.
    Connect,
    /// By `AWS_ENDPOINT_URL`.
    Endpoint,
}

impl Way {
    /// The word of `cordon env --way`.
    fn name(self) -> &'static str {
        match self {
            Self::Connect => "proxy",
            Self::Endpoint => "endpoint",
        }
    }
}

/// The file of people, beside the configuration.
const PEOPLE: &str = "people.toml";

/// A Cordon that serves, until its value is dropped.
#[derive(Debug)]
pub struct Cordon {
    folder: TempDir,
    serving: Background,
    base: Vec<(&'static str, String)>,
}

impl Cordon {
    /// Starts `cordon up` before a cloud and waits until agents can connect.
    pub fn start(cloud: &Cloud) -> Self {
        Self::start_before(&cloud.recorder().url(), cloud.base())
    }

    /// Starts `cordon up` before any upstream.
    pub fn start_before(upstream: &str, keys: &Keys) -> Self {
        Self::start_with(upstream, keys, "")
    }

    /// As [`Cordon::start_before`], with these lines at the end of its configuration.
    pub fn start_with(upstream: &str, keys: &Keys, lines: &str) -> Self {
        Self::start_in(
            tempfile::tempdir().expect("a temporary folder"),
            upstream,
            keys,
            ["", lines],
        )
    }

    /// As [`Cordon::start_with`], with these people, who decide.
    pub fn start_with_people(
        upstream: &str,
        keys: &Keys,
        people: &str,
        [first, last]: [&str; 2],
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join(PEOPLE), people).expect("the folder is ours");
        let first = format!("people = \"{PEOPLE}\"\n{first}");
        Self::start_in(folder, upstream, keys, [&first, last])
    }

    /// As [`Cordon::start`], with this bundle of policies. A held call is answered at once.
    pub fn start_under(cloud: &Cloud, policies: &Path) -> Self {
        let first = format!("policies = \"{}\"\n", policies.display());
        let last = "\n[limits]\npark_seconds = 0\n";
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::start_in(
            folder,
            &cloud.recorder().url(),
            cloud.base(),
            [&first, last],
        )
    }

    /// With these lines at the beginning and at the end of its configuration.
    fn start_in(folder: TempDir, upstream: &str, keys: &Keys, [first, last]: [&str; 2]) -> Self {
        let config = format!(
            "{first}listen = \"127.0.0.1:0\"\nstate = \"state\"\n\n\
             [upstream]\nendpoint = \"{}\"\n\n\
             [[role]]\naccount = \"{ACCOUNT}\"\narn = \"arn:aws:iam::{ACCOUNT}:role/{AGENT_ROLE}\"\n{last}",
            upstream
        );
        std::fs::write(folder.path().join("cordon.toml"), config).expect("the folder is ours");
        let base = vec![
            ("AWS_ACCESS_KEY_ID", keys.id.clone()),
            ("AWS_SECRET_ACCESS_KEY", keys.secret.clone()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("USER", "tester".to_owned()),
        ];
        let serving = serve(folder.path(), &base);
        Self {
            folder,
            serving,
            base,
        }
    }

    /// Runs a subcommand where no Cordon serves.
    #[must_use]
    pub fn without_serving(arguments: &[&str]) -> Ran {
        Self::without_serving_in(&[], arguments)
    }

    /// As [`Cordon::without_serving`], with these variables.
    #[must_use]
    pub fn without_serving_in(environment: &[(&'static str, String)], arguments: &[&str]) -> Ran {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = folder.path().join("state");
        told(
            bare(folder.path(), environment)
                .env("CORDON_STATE", state)
                .args(arguments),
            arguments,
        )
    }

    /// Runs a subcommand beside the serving process, on the same configuration.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        told(
            cordon(self.folder.path(), &self.base).args(arguments),
            arguments,
        )
    }

    /// Runs a subcommand at the terminal of someone whose home is this folder: without the keys that
    /// Cordon serves with.
    #[must_use]
    pub fn run_at(&self, home: &Path, arguments: &[&str]) -> Ran {
        self.run_at_in(home, &Environment::new(), arguments)
    }

    /// As [`Cordon::run_at`], in a shell with these variables.
    #[must_use]
    pub fn run_at_in(&self, home: &Path, environment: &Environment, arguments: &[&str]) -> Ran {
        let mut command = cordon(self.folder.path(), &[]);
        told(
            command.envs(environment).env("HOME", home).args(arguments),
            arguments,
        )
    }

    /// Holds that no key which the cloud gave Cordon came down with one of these answers, nor stands in what
    /// Cordon keeps and says. Gives how many it got, and all that it keeps and says.
    ///
    /// # Panics
    /// When one is told.
    #[must_use]
    pub fn keeps_real_keys(&self, cloud: &Cloud, answers: &[&Message]) -> (usize, String) {
        let minted: Vec<Keys> = cloud
            .exchanges()
            .iter()
            .filter(|exchange| exchange.request.names("AssumeRole"))
            .filter_map(|exchange| session_keys(&exchange.answer.as_ref()?.text()))
            .collect();
        let told = self.log() + &Value::from(self.calls(&[])).to_string();
        for keys in &minted {
            let token = keys.token.as_deref().expect("a token");
            for real in [&keys.id, &keys.secret, token] {
                for answer in answers {
                    let head = format!("{:?}", answer.headers);
                    assert!(!answer.text().contains(real) && !head.contains(real));
                }
                assert!(!told.contains(real), "records and log tell a real key");
            }
        }
        (minted.len(), told)
    }

    /// Runs a subcommand on a terminal of someone whose home is this folder, as `tester`.
    #[must_use]
    #[cfg(unix)]
    pub fn on_terminal(&self, home: &Path, arguments: &[&str]) -> Terminal {
        self.on_terminal_in(home, &Environment::new(), arguments)
    }

    /// As [`Cordon::on_terminal`], with these variables beside.
    #[must_use]
    #[cfg(unix)]
    pub fn on_terminal_in(
        &self,
        home: &Path,
        environment: &Environment,
        arguments: &[&str],
    ) -> Terminal {
        let mut command = cordon(self.folder.path(), &self.base);
        Terminal::start(command.envs(environment).env("HOME", home).args(arguments))
    }

    /// Writes the file of people anew.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write_people(&self, people: &str) {
        let part = self.folder.path().join("people.part");
        std::fs::write(&part, people).expect("the folder is ours");
        std::fs::rename(&part, self.folder.path().join(PEOPLE)).expect("the folder is ours");
    }

    /// Where people decide.
    ///
    /// # Panics
    /// When nobody does.
    #[must_use]
    pub fn control(&self) -> SocketAddr {
        let said = |line: &str| {
            let address = line.trim().strip_prefix("control ")?.trim();
            address.strip_prefix("http://")?.parse().ok()
        };
        self.serving.wait_for("where people decide", said)
    }

    /// The link that it gives to whoever started it.
    ///
    /// # Panics
    /// When it gives none.
    #[must_use]
    pub fn link(&self) -> String {
        let said = |line: &str| {
            let (_, link) = line.split_once("once, within 10 minutes: ")?;
            Some(link.trim().to_owned())
        };
        self.serving.wait_for("how to sign in", said)
    }

    /// Launches the task of a file and gives the agent's environment.
    #[must_use]
    pub fn env(&self, task: &Path, way: Way) -> Environment {
        let task = task.display().to_string();
        let ran = self.run(&[
            "env",
            "--task",
            &task,
            "--account",
            ACCOUNT,
            "--way",
            way.name(),
            "--format",
            "json",
        ]);
        let said = ran.succeeded("cordon env");
        serde_json::from_str(&said).expect("an object of texts")
    }

    /// The recorded calls that a filter of `cordon calls search` finds.
    #[must_use]
    pub fn calls(&self, filter: &[&str]) -> Vec<Value> {
        let ran = self.run(&[&["calls", "search", "--format", "json"], filter].concat());
        let lines = ran.succeeded("cordon calls search");
        lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// Ends the serving process as Ctrl-C does.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn stop(self) {
        let said = self.serving.log();
        let status = self.serving.interrupt();
        assert!(
            status.success(),
            "`cordon up` ended by {status}, after:\n{said}"
        );
    }

    /// The serving process, to end it by hand.
    pub fn serving(&mut self) -> &mut Background {
        &mut self.serving
    }

    /// Serves again from the same state, after it was ended.
    pub fn start_again(&mut self) {
        self.serving = serve(self.folder.path(), &self.base);
    }

    /// Where it serves, which is elsewhere after it was started again.
    ///
    /// # Panics
    /// When it does not say so.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let log = self.serving.log();
        let (_, said) = log.rsplit_once("serves on ").expect("it serves");
        let host = said.split_whitespace().next().unwrap_or_default();
        let host = host
            .trim_start_matches("http://")
            .trim_end_matches([',', '.', '/']);
        host.parse().unwrap_or_else(|_| panic!("no address: {log}"))
    }

    /// What the serving process said so far, for messages.
    #[must_use]
    pub fn log(&self) -> String {
        self.serving.log()
    }
}

/// What a subcommand says. Where that is for programs, it is held to the schema that is published for it.
fn told(command: &mut Command, arguments: &[&str]) -> Ran {
    let ran = process::run(command);
    outputs::check(arguments, &ran.out);
    ran
}

/// Starts `cordon up` and waits until agents can connect.
fn serve(folder: &Path, base: &[(&'static str, String)]) -> Background {
    let serving = Background::start("cordon up", cordon(folder, base).arg("up"));
    serving.wait_for("where it serves", |line| {
        line.contains("serves on").then_some(())
    });
    serving
}

/// A task of the stories, by its name in `tests/tasks/`.
#[must_use]
pub fn task(name: &str) -> PathBuf {
    file("tasks").join(format!("{name}.toml"))
}

/// The program on the configuration of `folder`.
fn cordon(folder: &Path, base: &[(&'static str, String)]) -> Command {
    let mut command = bare(folder, base);
    command.arg("--config").arg(folder.join("cordon.toml"));
    command
}

/// The program with the keys that it starts from, and no other environment.
fn bare(folder: &Path, base: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(program());
    command
        .env_clear()
        .envs(base.iter().map(|(name, value)| (name, value)));
    command
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder);
    command.current_dir(folder);
    command
}

/// Where the built program is: as told, else beside this test's own folder.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn program() -> PathBuf {
    if let Some(told) = std::env::var_os("CORDON_TEST_PROGRAM") {
        return told.into();
    }
    let own = std::env::current_exe().expect("this test has a path");
    let beside = own.ancestors().nth(2).map(|folder| folder.join("cordon"));
    let found = beside.filter(|program| program.is_file());
    found.unwrap_or_else(|| {
        panic!("`cordon` is not built: run `cargo build`, or `cargo xtask test`")
    })
}
