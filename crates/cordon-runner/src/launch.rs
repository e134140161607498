//! Running a command as an agent: its environment, its terminal, its exit code.

use crate::environment::AgentEnvironment;
use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

/// The longest piece of a line that is handed over at once, in bytes.
const LONGEST: u64 = 4 * 1024;

/// A command that could not be run.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Nothing was given after `--`.
    #[error("no command was given")]
    Empty,
    /// The program could not be started.
    #[error("`{program}` could not be started")]
    Start {
        /// The program as given.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system lost the process.
    #[error("`{program}` could not be waited for")]
    Wait {
        /// The program as given.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Runs `command` under `environment` on this terminal and waits for it.
///
/// Interrupts from the terminal reach the child by themselves, since it shares our process
/// group; the caller only has to outlive it. The child is ended if the future is dropped.
///
/// # Errors
/// [`LaunchError`] when the command is empty, cannot be started or is lost.
pub async fn launch(
    command: &[OsString],
    environment: &AgentEnvironment,
) -> Result<ExitStatus, LaunchError> {
    let mut process = prepared(command, environment)?;
    let mut child = process.spawn().map_err(|source| LaunchError::Start {
        program: name(command),
        source,
    })?;
    child.wait().await.map_err(|source| LaunchError::Wait {
        program: name(command),
        source,
    })
}

/// As [`launch`], of a command that needs no terminal: it has nothing to read, and what it says on both
/// outputs goes to `heard`, line by line, long lines in pieces. Whoever has the other end takes them, or
/// the command waits.
///
/// # Errors
/// As [`launch`].
pub async fn launch_heard(
    command: &[OsString],
    environment: &AgentEnvironment,
    heard: mpsc::Sender<String>,
) -> Result<ExitStatus, LaunchError> {
    let mut process = prepared(command, environment)?;
    process
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = process.spawn().map_err(|source| LaunchError::Start {
        program: name(command),
        source,
    })?;
    let (said, complained) = (child.stdout.take(), child.stderr.take());
    let ended = async {
        tokio::join!(
            hear(said, heard.clone()),
            hear(complained, heard.clone()),
            child.wait()
        )
        .2
    };
    ended.await.map_err(|source| LaunchError::Wait {
        program: name(command),
        source,
    })
}

/// Hands over what is said, line by line, until nothing more is said or nobody listens.
async fn hear(from: Option<impl AsyncRead + Unpin>, heard: mpsc::Sender<String>) {
    let Some(from) = from else { return };
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut piece = (&mut from).take(LONGEST);
        // What cannot be read any more is not said any more.
        let read = piece.read_until(b'\n', &mut line).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        // Nobody listens any more: it is read all the same, so that the command can end.
        let _ = heard.send(text).await;
    }
}

fn name(command: &[OsString]) -> String {
    let program = command.first();
    program.map_or_else(String::new, |it| it.to_string_lossy().into_owned())
}

fn prepared(command: &[OsString], environment: &AgentEnvironment) -> Result<Command, LaunchError> {
    let [program, arguments @ ..] = command else {
        return Err(LaunchError::Empty);
    };
    let mut process = Command::new(program);
    process.args(arguments).kill_on_drop(true);
    for name in &environment.cleared {
        process.env_remove(name);
    }
    process.envs(&environment.set);
    Ok(process)
}
