//! Running a command as an agent: its environment, its terminal, its exit code.

use crate::environment::AgentEnvironment;
use std::ffi::OsString;
use std::process::ExitStatus;
use tokio::process::Command;

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
    let [program, arguments @ ..] = command else {
        return Err(LaunchError::Empty);
    };
    let name = || program.to_string_lossy().into_owned();
    let mut process = Command::new(program);
    process.args(arguments).kill_on_drop(true);
    for name in &environment.cleared {
        process.env_remove(name);
    }
    process.envs(&environment.set);
    let mut child = process.spawn().map_err(|source| LaunchError::Start {
        program: name(),
        source,
    })?;
    child.wait().await.map_err(|source| LaunchError::Wait {
        program: name(),
        source,
    })
}
