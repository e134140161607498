//! Launching a task: the file that a person wrote becomes a frozen task and a session with
//! placeholder keys, both kept in the store.

use crate::failure::{Failure, USAGE};
use crate::wiring::store_failed;
use clap::Args;
use cordon_aws::sigv4::SigningKeys;
use cordon_core::names::{Sponsor, TaskId};
use cordon_core::policy::Policies;
use cordon_core::session::{
    DescentError, Placeholder, PlaceholderKind, Session, SessionState, Terms, readable,
};
use cordon_core::task::{Launch, Mode, Task, same_scope};
use cordon_store::{Store, StoredSession, StoredTask, TaskState};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a task is launched; shared by `run` and `env`.
#[derive(Debug, Args)]
pub(crate) struct LaunchOptions {
    /// The task file, or the id of a task that was launched before
    #[arg(long, short, value_name = "FILE|ID")]
    pub(crate) task: PathBuf,
    /// Who answers for the task [default: the user]
    #[arg(long, env = "CORDON_SPONSOR", value_name = "NAME")]
    pub(crate) sponsor: Option<String>,
    /// The kind of agent, when the task names several or none
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// The account to work in, when the task names several
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<cordon_aws::arn::AccountId>,
    /// The mode, in the place of what the file says
    #[arg(skip)]
    pub(crate) mode: Option<Mode>,
}

/// Launches the task of `options`, or begins another session on one that is under way; gives the
/// session that was begun.
///
/// # Errors
/// Every fault of the file; a task that is over; a store that fails.
pub(crate) async fn launch(
    store: &dyn Store,
    policies: &Policies,
    options: &LaunchOptions,
) -> Result<Session, Failure> {
    let known = options
        .task
        .to_str()
        .and_then(|text| text.parse::<TaskId>().ok());
    let task = match known {
        Some(id) if !options.task.exists() => resume(store, policies, &id).await?,
        _ => begin(store, policies, options).await?,
    };
    let task = Arc::new(task);
    let stored = session(&task, options)?;
    store
        .put_session(stored.clone())
        .await
        .map_err(store_failed)?;
    Ok(begun(stored, task))
}

/// A stored session at work on its compiled task.
pub(crate) fn begun(stored: StoredSession, task: Arc<Task>) -> Session {
    Session {
        id: stored.id,
        task,
        key_id: stored.key_id,
        keys: SigningKeys::new(stored.secret),
        agent: stored.agent,
        account: stored.account,
        started: stored.started,
        state: stored.state,
        descent: None,
    }
}

/// A stored session that another one began, at work on the terms that it was begun on.
///
/// # Errors
/// [`DescentError`] where it is no child of `parent`.
pub(crate) fn descended(
    stored: StoredSession,
    terms: Terms,
    parent: &Session,
) -> Result<Session, DescentError> {
    let placeholder = Placeholder {
        session: stored.id,
        key_id: stored.key_id,
        secret: stored.secret,
    };
    Session::child(parent, placeholder, terms, stored.started, stored.state)
}

/// Freezes a new task from its file.
async fn begin(
    store: &dyn Store,
    policies: &Policies,
    options: &LaunchOptions,
) -> Result<Task, Failure> {
    let (name, text) = read(&options.task)?;
    let launch = Launch {
        id: task_id()?,
        sponsor: sponsor(options.sponsor.as_deref())?,
        at: now(),
        mode: options.mode,
        expires: None,
    };
    let task = compile(&name, &text, policies, launch)?;
    let stored = StoredTask {
        id: task.id().clone(),
        text: text.into(),
        lock: task.lock().into(),
        sponsor: task.sponsor().clone(),
        mode: task.mode(),
        state: TaskState::Active,
        created: task.launched_at(),
        expires: task.expires_at(),
    };
    store.put_task(stored).await.map_err(store_failed)?;
    Ok(task)
}

/// Takes a task up again that was launched before.
async fn resume(store: &dyn Store, policies: &Policies, id: &TaskId) -> Result<Task, Failure> {
    let stored = store.task(id).await.map_err(store_failed)?;
    let Some(stored) = stored else {
        return Err(Failure::new(format!("there is no file and no task `{id}`"))
            .help("`cordon task list` shows the tasks of this state folder")
            .code(USAGE));
    };
    if stored.is_over(Timestamp::now()) {
        return Err(
            Failure::new(format!("task {id} is over")).help("launch its file again for a new task")
        );
    }
    recompile(&stored, policies)
}

/// Compiles a stored task as it was launched. What it froze must come out the same, or it is
/// refused: a newer catalog must not widen a task that a person read and launched. What the task may
/// do stays as it was frozen, and compiling checks it against the ceiling that is in force now.
///
/// # Errors
/// When it no longer compiles, or compiles to something else.
pub(crate) fn recompile(stored: &StoredTask, policies: &Policies) -> Result<Task, Failure> {
    let task = compile(stored.id.as_str(), &stored.text, policies, stored.launch())?;
    match same_scope(&task.lock(), &stored.lock) {
        true => Ok(task),
        false => Err(Failure::new(format!(
            "task {} means something else to this version",
            stored.id
        ))
        .help("stop it and launch its file again, after reading `cordon task explain`")),
    }
}

/// The time to the second: what is stored must come out as it went in.
fn now() -> Timestamp {
    Timestamp::new(Timestamp::now().as_second(), 0).unwrap_or_default()
}

/// Compiles a task file as if it were launched now, without launching it. `id` stands for the one
/// that a launch would give, `mode` for that of the file.
///
/// # Errors
/// When the file cannot be read; every fault, with its place.
pub(crate) fn draft(
    id: &str,
    file: &Path,
    policies: &Policies,
    mode: Option<Mode>,
) -> Result<Task, Failure> {
    let (name, text) = read(file)?;
    compile(&name, &text, policies, drafting(id, mode)?)
}

/// As [`draft`], of a text that is in no file.
///
/// # Errors
/// Every fault, with its place.
pub(crate) fn draft_text(
    id: &str,
    name: &str,
    text: &str,
    policies: &Policies,
) -> Result<Task, Failure> {
    compile(name, text, policies, drafting(id, None)?)
}

fn drafting(id: &str, mode: Option<Mode>) -> Result<Launch, Failure> {
    Ok(Launch {
        id: id
            .parse()
            .map_err(|error| Failure::because("the draft's id cannot be used", &error))?,
        sponsor: sponsor(None)?,
        at: Timestamp::now(),
        mode,
        expires: None,
    })
}

/// Parses and compiles the text of a task file.
///
/// # Errors
/// Every fault, with its place.
fn compile(name: &str, text: &str, policies: &Policies, launch: Launch) -> Result<Task, Failure> {
    Task::read(name, text, policies, launch).map_err(|faults| {
        let count = match faults.iter().count() {
            1 => "1 fault".to_owned(),
            count => format!("{count} faults"),
        };
        Failure::new(format!("the task has {count}\n{faults}"))
            .help("mend the task file: nothing was started")
    })
}

/// Reads a task file.
///
/// # Errors
/// When it cannot be read as text.
pub(crate) fn read(path: &Path) -> Result<(String, String), Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::because(format!("the task file `{name}` could not be read"), &error)
            .help("`cordon task init > task.toml` writes a commented start")
            .code(USAGE)
    })?;
    Ok((name, text))
}

/// The person who answers: as given, else the user of this process.
///
/// # Errors
/// When the name has characters that it must not have.
fn sponsor(given: Option<&str>) -> Result<Sponsor, Failure> {
    let user = || {
        std::env::var("USER")
            .or_else(|_| std::env::var("LOGNAME"))
            .ok()
    };
    let name = given
        .map(str::to_owned)
        .or_else(user)
        .unwrap_or_else(|| "unknown".to_owned());
    name.parse().map_err(|error| {
        Failure::because("the sponsor cannot be used", &error)
            .help("name one with --sponsor")
            .code(USAGE)
    })
}

fn session(task: &Task, options: &LaunchOptions) -> Result<StoredSession, Failure> {
    let account = match (&options.account, task.accounts()) {
        (Some(account), declared) if declared.contains(account) => account.clone(),
        (None, [only]) => only.clone(),
        (_, declared) => {
            let list = declared
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ");
            return Err(Failure::new("which account is meant is not clear")
                .help(format!(
                    "choose one of the task's accounts with --account: {list}"
                ))
                .code(USAGE));
        }
    };
    let agent = match (&options.agent, task.agents()) {
        (Some(agent), declared)
            if declared.is_empty() || declared.iter().any(|name| **name == **agent) =>
        {
            agent.as_str()
        }
        (None, [only]) => only,
        (None, []) => "agent",
        (_, declared) => {
            return Err(Failure::new("which agent is meant is not clear")
                .help(format!(
                    "choose one of the task's agents with --agent: {}",
                    declared.join(", ")
                ))
                .code(USAGE));
        }
    };
    let mut random = [0; Placeholder::RANDOM];
    getrandom::fill(&mut random).map_err(no_randomness)?;
    let placeholder = Placeholder::of(PlaceholderKind::Launched, &random);
    Ok(StoredSession {
        id: placeholder.session,
        task: task.id().clone(),
        key_id: placeholder.key_id,
        secret: placeholder.secret,
        agent: agent.into(),
        account,
        started: now(),
        state: SessionState::Live,
        child: None,
    })
}

fn no_randomness(error: getrandom::Error) -> Failure {
    Failure::new(format!("the system gave no randomness: {error}"))
}

/// The id of a new task: six random letters and digits.
fn task_id() -> Result<TaskId, Failure> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).map_err(no_randomness)?;
    let name = format!("T-{}", readable(&bytes).collect::<String>());
    name.parse().map_err(|_| {
        Failure::new(format!("`{name}` was refused as a name")).help("this is a fault in Cordon")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::bundle::Bundle;

    const FILE: &str = include_str!("../../../examples/start.toml");

    fn stored(policies: &Policies) -> StoredTask {
        let launch = Launch {
            id: "T-1".parse().unwrap(),
            sponsor: "tester".parse().unwrap(),
            at: now(),
            mode: None,
            expires: None,
        };
        let task = compile("start.toml", FILE, policies, launch).unwrap();
        StoredTask {
            id: task.id().clone(),
            text: FILE.into(),
            lock: task.lock().into(),
            sponsor: task.sponsor().clone(),
            mode: Mode::Preview,
            state: TaskState::Active,
            created: task.launched_at(),
            expires: task.expires_at(),
        }
    }

    #[test]
    fn a_task_whose_frozen_meaning_changed_is_refused() {
        let policies = Bundle::baseline().load().unwrap();
        let kept = stored(&policies);
        let action = "lambda:UpdateFunctionConfiguration";
        assert!(kept.lock.contains(action));
        for (from, to) in [
            (action, "lambda:UpdateFunctionCode"),
            ("ce-export", "ce-other"),
            ("mutations", "mutation"),
        ] {
            let lock = kept.lock.replace(from, to).into();
            let changed = StoredTask {
                lock,
                ..kept.clone()
            };
            assert!(recompile(&changed, &policies).is_err(), "{from} to {to}");
        }
    }

    #[test]
    fn an_edited_bundle_a_new_mode_and_more_time_leave_a_task_what_it_was() {
        let bundle = Bundle::baseline();
        let policies = bundle.load().unwrap();
        let kept = stored(&policies);
        let mut edited = bundle.clone();
        let file = edited
            .files
            .iter_mut()
            .find(|file| file.name == "10-deny.cedar")
            .unwrap();
        file.text.push_str("\n// a remark\n");
        let edited = edited.load().unwrap();
        assert_ne!(edited.version(), policies.version());
        recompile(&kept, &edited).unwrap();
        let expires = kept.expires + jiff::SignedDuration::from_hours(1);
        recompile(
            &StoredTask {
                mode: Mode::Live,
                expires,
                ..kept
            },
            &edited,
        )
        .unwrap();
    }
}
