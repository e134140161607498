//! The stage: the cloud, Cordon and the agent on one machine for a minute.

use super::agent::{Act, aws_cli};
use super::story::{ENVIRONMENT, STEPS, TASK};
use crate::cmd::{WayName, show_call};
use crate::config::{Config, Listen, Log, LogFormat, Role, Upstream};
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
use std::path::Path;

const ACCOUNT: &str = "111122223333";

/// Plays the story.
///
/// # Errors
/// When something of the stage does not start.
pub(crate) async fn play() -> Result<(), Failure> {
    let Some(aws) = aws_cli() else {
        return Err(Failure::new(
            "the demo's agent works with the AWS CLI, which is not on the path",
        )
        .help(
            "install it (`pip install awscli`, or your system's package), then run the demo again",
        ));
    };
    let folder = tempfile::tempdir()
        .map_err(|error| Failure::because("no temporary folder could be made", &error))?;
    say(
        "a small AWS starts in this process: cn-north-1, partition aws-cn, an account with a Beanstalk",
    );
    say("environment, functions, a table, a bucket and a queue. Your own account is not touched.");
    let lab = start_lab().await?;
    let serving = Serving::start_as(&config(&lab, folder.path())?, base()).await?;
    say(&format!("Cordon serves on {}", serving.ready().url));
    let session = declare(&serving, folder.path()).await?;
    let environment = serving.ready().environment(&session, WayName::Proxy);
    let mut seen = lab.log().len();
    for (number, step) in STEPS.iter().enumerate() {
        output::line(format_args!(
            "\n{STRONG}{}. The agent:{STRONG:#} {}",
            number + 1,
            step.thought
        ));
        act(step.act, &aws, &environment).await?;
        let log = lab.log();
        show_minted(log.get(seen..).unwrap_or_default());
        seen = log.len();
    }
    show_record(&serving).await?;
    show_cloud(&lab);
    serving.stop().await?;
    lab.stop().await;
    go_on();
    Ok(())
}

fn say(text: &str) {
    output::line(format_args!("{STRONG}cordon{STRONG:#}  {text}"));
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
        own_hosts: Vec::new(),
        upstream: Upstream {
            endpoint: Some(lab.endpoint()),
        },
        roles: vec![role],
        environments: Vec::new(),
        hosts: Vec::new(),
        metrics: None,
        log: Log {
            format: LogFormat::Human,
            level: "off".to_owned(),
        },
        limits: crate::config::Limits {
            connections: 64,
            body: 16 << 20,
            grace: 5,
        },
    })
}

async fn declare(serving: &Serving, folder: &Path) -> Result<Session, Failure> {
    let file = folder.join("task.toml");
    std::fs::write(&file, TASK)
        .map_err(|error| Failure::because("the task could not be written", &error))?;
    let options = LaunchOptions {
        task: file,
        sponsor: None,
        agent: None,
        account: None,
    };
    let session = serving.launch(&options).await?;
    output::line(format_args!(
        "\n{STRONG}The task{STRONG:#} that a person declared, read back:\n"
    ));
    for line in session.task.explain().lines() {
        output::line(format_args!("  {line}"));
    }
    Ok(session)
}

/// Shows the command, then lets its own output speak.
async fn act(act: Act, aws: &Path, environment: &AgentEnvironment) -> Result<(), Failure> {
    output::line(format_args!("{FAINT}$ aws {}{FAINT:#}", act.cli()));
    cordon_runner::launch(&act.command(aws), environment)
        .await
        .map(drop)
        .map_err(|error| Failure::because("the agent's tool could not be run", &error))
}

/// The session policies of the credentials that were minted, from the lab's own log.
fn show_minted(entries: &[Entry]) {
    for entry in entries
        .iter()
        .filter(|entry| entry.operation == "AssumeRole")
    {
        let form = String::from_utf8_lossy(&entry.body.head).into_owned();
        let policy = form
            .split('&')
            .find_map(|pair| pair.strip_prefix("Policy="))
            .unwrap_or_default();
        let policy = percent_encoding::percent_decode_str(&policy.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned();
        let shown: String = policy.chars().take(300).collect();
        let more = if shown.len() < policy.len() {
            "…"
        } else {
            ""
        };
        output::line(format_args!(
            "{FAINT}minted for 15 minutes, under the session policy {shown}{more}{FAINT:#}"
        ));
    }
}

async fn show_record(serving: &Serving) -> Result<(), Failure> {
    output::line(format_args!("\n{STRONG}The record{STRONG:#}\n"));
    for call in serving
        .store()
        .tail(0, 1000)
        .await
        .map_err(wiring::store_failed)?
    {
        show_call(&call);
    }
    Ok(())
}

/// What the cloud itself says at the end.
fn show_cloud(lab: &Lab) {
    let log = lab.log();
    let reached = |operation: &str| {
        log.iter()
            .filter(|entry| entry.operation == operation)
            .count()
    };
    output::line(format_args!(
        "\n{STRONG}The cloud's own log{STRONG:#}: {} UpdateEnvironment, {} RebuildEnvironment, {} TerminateEnvironment. {ENVIRONMENT} is still there.",
        reached("UpdateEnvironment"),
        reached("RebuildEnvironment"),
        reached("TerminateEnvironment"),
    ));
}

fn go_on() {
    output::line(format_args!("\n{STRONG}On your own account{STRONG:#}"));
    for line in [
        "1. cordon task init > task.toml     write what the agent may do",
        "2. cordon.toml                      say which role is assumed ([[role]] account, arn)",
        "3. cordon doctor                    see whether anything is missing",
        "4. cordon run --task task.toml -- YOUR-AGENT",
        "Nothing of this demo is left running, and its folder is gone.",
    ] {
        output::line(format_args!("  {line}"));
    }
}
