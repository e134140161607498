//! `cordon doctor`: what is wrong with this set-up, and how to mend it.
//!
//! Each check says what it looked at, what it found and what to do. Nothing is changed, and
//! nothing leaves the machine but what `--online` asks for.

use crate::bundle::Bundle;
use crate::config::{Config, Flags, Listen};
use crate::failure::Failure;
use crate::identity::{Spoilt, spoilt_here};
use crate::output::{self, ERROR, Format, GOOD, WAIT};
use crate::people;
use crate::serving::Ready;
use crate::{launch, wiring};
use clap::Args;
use cordon_core::policy::Policies;
use jiff::Timestamp;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// What is wrong with this set-up, and how to mend it. Exits with 1 when something is.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What one check found.
struct Finding {
    check: &'static str,
    state: State,
    what: String,
    mend: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Notice,
    Wrong,
}

impl Doctor {
    pub(crate) fn run(self, flags: &Flags) -> Result<ExitCode, Failure> {
        let config = Config::load(flags)?;
        let mut findings = vec![good("configuration", "reads without faults")];
        let policies = Bundle::of(&config).and_then(|bundle| bundle.load());
        findings.push(match &policies {
            Ok(policies) => good(
                "policies",
                format!("{} validates, {}", policies.name(), policies.version()),
            ),
            Err(failure) => wrong(
                "policies",
                failure.to_string(),
                "`cordon policy check` shows every place",
            ),
        });
        findings.push(environments(policies.as_ref().ok()));
        findings.push(deciders(&config, policies.as_ref().ok()));
        findings.push(control(&config));
        findings.push(roles(&config));
        findings.push(identity());
        findings.push(address(&config));
        findings.extend(wiring::block_on(state(&config, policies.as_ref().ok()))?);
        findings.extend(inherited());
        findings
            .iter()
            .for_each(|finding| finding.print(self.format));
        let sound = findings.iter().all(|finding| finding.state != State::Wrong);
        Ok(if sound {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// Whether someone can answer whom the policies ask.
fn deciders(config: &Config, policies: Option<&Policies>) -> Finding {
    let people = match people::read(config) {
        Ok(people) => people,
        Err(failure) => return wrong("people", failure.to_string(), "correct the file"),
    };
    let missing = policies.map_or_else(Vec::new, |policies| people::unanswering(policies, &people));
    match (missing.as_slice(), &config.people) {
        ([], _) => good("people", "every group that a policy asks can answer"),
        _ if config.control.claims_groups() => good(
            "people",
            "the provider of identities says who is in which group",
        ),
        (_, None) => notice(
            "people",
            "nobody is named who decides about held calls, so none is ever let go",
            "write a file of people and name it in cordon.toml: people = \"people.toml\"",
        ),
        (missing, Some(_)) => notice(
            "people",
            format!(
                "{}: what waits for them is never let go",
                missing.join(", ")
            ),
            "name people of these groups in the file of people",
        ),
    }
}

/// Whether people can sign in, and hear of what waits.
fn control(config: &Config) -> Finding {
    if config.people.is_none() {
        return notice(
            "control",
            "nobody can sign in, because nobody is named",
            "write a file of people and name it in cordon.toml: people = \"people.toml\"",
        );
    }
    let policies = Bundle::of(config).and_then(|bundle| bundle.load_control());
    let channels = crate::control::channels(config);
    match (policies, channels) {
        (Err(failure), _) => wrong(
            "control",
            failure.to_string(),
            "`cordon policy check` shows every place",
        ),
        (_, Err(failure)) => wrong(
            "control",
            failure.to_string(),
            "correct this channel in cordon.toml",
        ),
        (Ok(_), Ok(channels)) if channels.is_empty() => notice(
            "control",
            format!(
                "people decide at {}, and no channel tells them that something waits",
                config.control.listen
            ),
            "name one in cordon.toml: `[[channel]]`, as docs/approvals.md shows",
        ),
        (Ok(_), Ok(channels)) => good(
            "control",
            format!(
                "people decide at {}, {} channels tell them",
                config.control.listen,
                channels.len()
            ),
        ),
    }
}

fn good(check: &'static str, what: impl Into<String>) -> Finding {
    Finding {
        check,
        state: State::Good,
        what: what.into(),
        mend: String::new(),
    }
}

fn notice(check: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding {
        check,
        state: State::Notice,
        what: what.into(),
        mend: mend.into(),
    }
}

fn wrong(check: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding {
        check,
        state: State::Wrong,
        what: what.into(),
        mend: mend.into(),
    }
}

impl Finding {
    fn print(&self, format: Format) {
        let (style, word) = match self.state {
            State::Good => (GOOD, "ok"),
            State::Notice => (WAIT, "note"),
            State::Wrong => (ERROR, "WRONG"),
        };
        if format == Format::Json {
            return output::json(&json!({
                "check": self.check, "state": word.to_ascii_lowercase(), "found": self.what, "mend": self.mend,
            }));
        }
        output::line(format_args!(
            "{style}{word:6}{style:#} {:14} {}",
            self.check, self.what
        ));
        if !self.mend.is_empty() {
            output::line(format_args!("{:21} {}", "", self.mend));
        }
    }
}

fn environments(policies: Option<&Policies>) -> Finding {
    let count = policies.map_or(0, |policies| policies.environments().environments().count());
    match count {
        0 => notice(
            "environments",
            "no account or resource is in an environment, so no task can change anything",
            "add [[environment]] rules to cordon.toml, or environments.toml to the bundle",
        ),
        count => good("environments", format!("{count} are mapped")),
    }
}

fn roles(config: &Config) -> Finding {
    match config.roles.len() {
        0 => wrong(
            "roles",
            "no role is configured, so no credentials can be minted",
            "add [[role]] with account and arn to cordon.toml",
        ),
        count => good("roles", format!("{count} configured")),
    }
}

/// Whether the default chain has something to find; asking it would leave the machine.
fn identity() -> Finding {
    if let Some(Spoilt { what, mend }) = spoilt_here() {
        return wrong("base identity", what, mend);
    }
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let home = std::env::var_os("HOME").unwrap_or_default();
    let file = |name: &str| Path::new(&home).join(".aws").join(name).is_file();
    let found = [
        (set("AWS_ACCESS_KEY_ID"), "AWS_ACCESS_KEY_ID"),
        (set("AWS_PROFILE"), "AWS_PROFILE"),
        (
            set("AWS_WEB_IDENTITY_TOKEN_FILE"),
            "AWS_WEB_IDENTITY_TOKEN_FILE",
        ),
        (
            set("AWS_CONTAINER_CREDENTIALS_FULL_URI")
                || set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
            "container credentials",
        ),
        (
            file("credentials") || file("config"),
            "the AWS configuration files",
        ),
    ];
    match found.iter().find(|(there, _)| *there) {
        Some((_, source)) => good("base identity", format!("comes from {source}")),
        None => notice(
            "base identity",
            "no AWS credentials are in sight; an instance role is the last that is tried",
            "set AWS_PROFILE, or log in as you do for the AWS CLI, before `cordon up`",
        ),
    }
}

fn address(config: &Config) -> Finding {
    if let Ok(ready) = Ready::find(config) {
        return good("listener", format!("Cordon serves on {}", ready.url));
    }
    match &config.listen {
        Listen::Address(address) => match std::net::TcpListener::bind(address) {
            Ok(_) => good("listener", format!("{address} is free")),
            Err(error) => wrong(
                "listener",
                format!("{address} cannot be used: {error}"),
                "choose another with --listen, or end what uses it",
            ),
        },
        Listen::Socket(path) => match path
            .parent()
            .is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir())
        {
            true => good("listener", format!("unix socket {}", path.display())),
            false => wrong(
                "listener",
                format!("the folder of {} is missing", path.display()),
                "make it, or choose another path",
            ),
        },
    }
}

/// The state folder: the store is whole, calls are closed, tasks still mean what they meant.
async fn state(config: &Config, policies: Option<&Policies>) -> Result<Vec<Finding>, Failure> {
    let check = "state";
    if !config.state.exists() {
        return Ok(vec![good(
            check,
            format!("{} will be made", config.state.display()),
        )]);
    }
    let store = match wiring::visit(config).await {
        Ok(store) => store,
        Err(failure) => return Ok(vec![wrong(check, failure.to_string(), "")]),
    };
    let mut findings = vec![match store.check().await {
        Ok(()) => good(check, format!("{} is whole", config.state.display())),
        Err(error) => wrong(check, error.to_string(), ""),
    }];
    let tasks = store.tasks().await.map_err(wiring::store_failed)?;
    let now = Timestamp::now();
    let live = tasks.iter().filter(|task| !task.is_over(now));
    for task in live {
        if let Some(Err(failure)) = policies.map(|policies| launch::recompile(task, policies)) {
            findings.push(wrong(
                "task",
                failure.to_string(),
                format!("`cordon task stop {}`, then launch its file again", task.id),
            ));
        }
    }
    store.shut_down().await.map_err(wiring::store_failed)?;
    Ok(findings)
}

/// Variables of this shell that would lead an agent past Cordon if it were not started by it.
fn inherited() -> Option<Finding> {
    let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let names: Vec<&str> = [
        "HTTPS_PROXY",
        "https_proxy",
        "AWS_ENDPOINT_URL",
        "AWS_CA_BUNDLE",
    ]
    .into_iter()
    .filter(set)
    .collect();
    (!names.is_empty()).then(|| {
        notice(
            "shell",
            format!("{} set here already", names.join(", ")),
            "`cordon run` and `cordon env` override them for the agent; other tools of this shell keep them",
        )
    })
}
