//! The stage: the cloud, Cordon and the agent on one machine for a moment.
//!
//! Whatever ends the demo (its end, a fault, Ctrl-C, a reader that goes away), the same steps take
//! the stage down: the agent is ended, Cordon and the cloud are stopped, the folder is removed.

use super::client::{Client, ClientName};
use super::page;
use super::story::{Outcome, Step, TASK, steps};
use super::verdict::{calls, check_estate, check_step};
use crate::cmd::WayName;
use crate::config::{Config, Control, Limits, Listen, Log, LogFormat, Role, Upstream};
use crate::failure::Failure;
use crate::launch::LaunchOptions;
use crate::output::{self, FAINT, STRONG};
use crate::serving::Serving;
use crate::wiring;
use cordon_aws::sigv4::SecretKey;
use cordon_broker::BaseIdentity;
use cordon_core::session::Session;
use cordon_lab::{
    BASE_ACCESS_KEY_ID, BASE_SECRET_ACCESS_KEY, DEPLOY_ROLE, Entry, Estate, Lab, LabConfig,
};
use cordon_runner::AgentEnvironment;
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;
use tempfile::TempDir;

const ACCOUNT: &str = "111122223333";

/// The longest line of a policy, and all of it where there is no terminal.
const LONGEST: usize = 100;

/// What a shell gives for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Why the demo ended before its end.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nobody reads any more.
    ReaderGone,
    /// By Ctrl-C or SIGTERM.
    Interrupted,
    /// Something did not work.
    Failed(Failure),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Plays the story.
///
/// # Errors
/// When something of the stage does not start, or the story does not go as it is told.
pub(crate) async fn play(client: ClientName) -> Result<ExitCode, Failure> {
    // From here on, Ctrl-C takes the stage down instead of leaving it behind.
    let mut interrupted = tokio::spawn(wiring::interrupted());
    let client = tokio::select! {
        client = Client::choose(client) => client?,
        _ = &mut interrupted => return Ok(end_interrupted()),
    };
    let stage = Stage::set(client).await?;
    let ended = tokio::select! {
        ended = stage.story() => ended,
        _ = &mut interrupted => Err(Ended::Interrupted),
    };
    let down = stage.take_down().await;
    match ended {
        // A terminal sends Ctrl-C to the agent's tool as well, and its end may be seen first.
        Err(Ended::Failed(_)) if interrupted.is_finished() => Ok(end_interrupted()),
        Ok(()) => {
            down?;
            go_on();
            Ok(ExitCode::SUCCESS)
        }
        Err(Ended::ReaderGone) => down.map(|()| ExitCode::SUCCESS),
        Err(Ended::Interrupted) => Ok(end_interrupted()),
        Err(Ended::Failed(failure)) => Err(failure),
    }
}

fn end_interrupted() -> ExitCode {
    output::error_line(format_args!("interrupted; nothing is left running"));
    ExitCode::from(INTERRUPTED)
}

/// Everything that runs and lies about while the story is played.
struct Stage {
    client: Client,
    lab: Lab,
    serving: Serving,
    folder: TempDir,
}

impl Stage {
    async fn set(client: Client) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("cordon-demo-")
            .tempdir()
            .map_err(|error| {
                Failure::because("no temporary folder could be made", &error)
                    .help("set TMPDIR to a folder that you may write to")
            })?;
        let lab = start_lab().await?;
        let serving = Serving::start_as(&config(&lab, folder.path())?, base())
            .await
            .map_err(|failure| failure.help("the demo needs two free ports on 127.0.0.1"))?;
        Ok(Self {
            client,
            lab,
            serving,
            folder,
        })
    }

    async fn take_down(self) -> Result<(), Failure> {
        let stopped = self.serving.stop().await;
        self.lab.stop().await;
        let path = self.folder.path().display().to_string();
        self.folder
            .close()
            .map_err(|error| Failure::because(format!("`{path}` could not be removed"), &error))?;
        stopped.map(drop)
    }

    async fn story(&self) -> Result<(), Ended> {
        self.introduce()?;
        let session = self.declare().await?;
        let environment = self.serving.ready().environment(&session, WayName::Proxy);
        let beginning = self.lab.estate();
        for (number, step) in steps().iter().enumerate() {
            self.act(number + 1, step, &environment).await?;
        }
        self.show_record().await?;
        self.show_cloud(&beginning)
    }

    fn introduce(&self) -> Result<(), Ended> {
        page::say(
            "a small AWS runs in this process: cn-north-1, partition aws-cn, with a Beanstalk",
        )?;
        page::say(
            "environment, functions, a table, a bucket and a queue. No account of yours is touched.",
        )?;
        page::say(&format!("Cordon serves on {}", self.serving.ready().url))?;
        page::say(&format!("the agent works with {}", self.client))?;
        page::say("its keys are placeholders: they open nothing but this task, and only here")
    }

    async fn declare(&self) -> Result<Session, Ended> {
        let file = self.folder.path().join("task.toml");
        std::fs::write(&file, TASK)
            .map_err(|error| Failure::because("the task could not be written", &error))?;
        let options = LaunchOptions {
            task: file,
            sponsor: Some("demo".to_owned()),
            agent: None,
            account: None,
            mode: None,
        };
        let session = self.serving.launch(&options).await?;
        page::title("The task that a person declared, read back")?;
        for line in session.task.explain().lines() {
            page::line(format_args!("  {line}"))?;
        }
        page::title("The agent, on “fix the rounding bug in Cost Explorer”")?;
        Ok(session)
    }

    /// Shows the command, lets its own output speak, and shows what the cloud heard of it.
    async fn act(
        &self,
        number: usize,
        step: &Step,
        environment: &AgentEnvironment,
    ) -> Result<(), Ended> {
        page::line(format_args!("{STRONG}{number}. {}{STRONG:#}", step.thought))?;
        page::line(format_args!(
            "{FAINT}$ {}{FAINT:#}",
            self.client.typed(&step.act)
        ))?;
        let seen = self.lab.log().len();
        let command = self.client.command(&step.act);
        let status = cordon_runner::launch(&command, environment)
            .await
            .map_err(|error| Failure::because("the agent's tool could not be run", &error))?;
        let log = self.lab.log();
        let heard = log.get(seen..).unwrap_or_default();
        check_step(step, status.success(), heard)?;
        show_heard(step, heard)?;
        page::line(format_args!(""))
    }

    async fn show_record(&self) -> Result<(), Ended> {
        let calls = self.serving.store().tail(0, 1000).await;
        let calls = calls.map_err(wiring::store_failed)?;
        page::line(format_args!(
            "{STRONG}The record{STRONG:#} {FAINT}(~ changes, - destroys, * touches permissions){FAINT:#}\n"
        ))?;
        page::record(&calls)
    }

    /// What the cloud itself says at the end.
    fn show_cloud(&self, beginning: &Value) -> Result<(), Ended> {
        let now = check_estate(beginning, &self.lab.estate())?;
        page::title("The cloud at the end")?;
        let log = self.lab.log();
        let heard: Vec<&str> = calls(&log).collect();
        page::line(format_args!("  It heard {}.", heard.join(", ")))?;
        for line in now.lines() {
            page::line(format_args!("  {line}"))?;
        }
        Ok(())
    }
}

async fn start_lab() -> Result<Lab, Failure> {
    let named = |error: cordon_aws::arn::NameError| {
        Failure::because("the demo's estate cannot be made", &error)
    };
    let partition = cordon_aws::arn::Partition::named("aws-cn");
    let region = "cn-north-1".parse().map_err(named)?;
    let account = ACCOUNT.parse().map_err(named)?;
    let estate = Estate::seed_story(&partition, &region, &account)
        .map_err(|error| Failure::because("the demo's estate cannot be made", &error))?;
    Lab::start(LabConfig::new(estate))
        .await
        .map_err(|error| Failure::because("the small AWS could not be started", &error))
}

fn base() -> BaseIdentity {
    BaseIdentity::Keys {
        id: BASE_ACCESS_KEY_ID.to_owned(),
        secret: SecretKey::new(BASE_SECRET_ACCESS_KEY.to_owned()),
    }
}

fn config(lab: &Lab, folder: &Path) -> Result<Config, Failure> {
    let named = |error: cordon_aws::arn::NameError| {
        Failure::because("the demo's role cannot be named", &error)
    };
    let role = Role {
        account: ACCOUNT.parse().map_err(named)?,
        environment: None,
        arn: format!("arn:aws-cn:iam::{ACCOUNT}:role/{DEPLOY_ROLE}")
            .parse()
            .map_err(named)?,
    };
    Ok(Config {
        listen: Listen::Address(([127, 0, 0, 1], 0).into()),
        state: folder.join("state"),
        policies: None,
        people: None,
        control: Control {
            listen: ([127, 0, 0, 1], 0).into(),
            url: None,
            channels: Vec::new(),
            oidc: None,
            reliability: None,
        },
        own_hosts: Vec::new(),
        upstream: Upstream {
            endpoint: Some(lab.endpoint()),
            ca: None,
        },
        roles: vec![role],
        environments: Vec::new(),
        hosts: Vec::new(),
        metrics: None,
        log: Log {
            format: LogFormat::Human,
            level: Some("off".to_owned()),
        },
        limits: Limits {
            connections: 64,
            body: 16 << 20,
            grace: 5,
            // Nobody is there to decide.
            park: 0,
        },
    })
}

/// What was minted for a step, and what arrived, from the lab's own log.
fn show_heard(step: &Step, heard: &[Entry]) -> Result<(), Ended> {
    if step.outcome == Outcome::Denied {
        return page::aside("nothing was minted, and nothing reached the cloud");
    }
    for entry in heard {
        let looks = match step.outcome {
            Outcome::PassesAfter(looks) => looks,
            Outcome::Passes | Outcome::Denied => &[],
        };
        let look = looks.iter().find(|(look, _)| *look == entry.operation);
        match (entry.operation.as_str(), look) {
            ("AssumeRole", _) => show_minted(&entry.body.text())?,
            (look, Some((_, what))) => {
                page::aside(&format!("{look} reached the cloud: Cordon looked {what}"))?;
            }
            (operation, None) => {
                page::aside(&format!("{operation} reached the cloud, signed with those"))?;
            }
        }
    }
    Ok(())
}

/// The session policy of credentials that were minted. The credentials themselves are in STS's
/// answer, which is in no log.
fn show_minted(form: &str) -> Result<(), Ended> {
    let role = field(form, "RoleArn");
    let role = role.rsplit('/').next().unwrap_or_default();
    let seconds = field(form, "DurationSeconds");
    page::aside(&format!(
        "minted: credentials of {role} for {seconds} seconds, under the session policy"
    ))?;
    let policy = field(form, "Policy");
    let width = output::width().unwrap_or(LONGEST).clamp(40, LONGEST);
    match serde_json::from_str(&policy) {
        // What is set in takes two columns.
        Ok(value) => page::aside(&page::pretty(&value, width - 2)),
        Err(_) => page::aside(&output::inert(&policy, 4096)),
    }
}

/// The value of a field in a form.
fn field(form: &str, name: &str) -> String {
    let value = form
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value));
    let value = value.unwrap_or_default().replace('+', " ");
    percent_encoding::percent_decode_str(&value)
        .decode_utf8_lossy()
        .into_owned()
}

/// Says how to go on. Nothing is left to take down, so a reader may go away here.
fn go_on() {
    let lines = [
        "1. cordon task init > task.toml   write what the agent may do; `cordon task check` it",
        "2. cordon.toml                    name the role that it works with, and your environments",
        "3. cordon doctor                  see whether anything is missing",
        "4. cordon run --task task.toml -- YOUR-AGENT",
    ];
    output::line(format_args!("\n{STRONG}On your own account{STRONG:#}\n"));
    output::line(format_args!("  `cordon` is this program: {}\n", own_name()));
    for line in lines {
        output::line(format_args!("  {line}"));
    }
    output::line(format_args!(
        "\n  README.md tells each step. Nothing of this demo is left running, and its folder is gone."
    ));
}

/// This program as a person here can type it.
fn own_name() -> String {
    let Ok(program) = std::env::current_exe() else {
        return "cordon".to_owned();
    };
    let here = std::env::current_dir().unwrap_or_default();
    let from_here = program.strip_prefix(&here).unwrap_or(&program);
    from_here.display().to_string()
}
