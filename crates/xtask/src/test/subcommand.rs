//! Subcommands of cargo that lanes run: found on the path or in a folder of the test environment, and
//! built there where all is required.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Require;
use super::system::{answer, on_path, step};
use super::tool::{Found, Missing};

/// One subcommand.
pub(super) struct Subcommand {
    /// The program: `cargo-deny`.
    pub(super) name: &'static str,
    /// What people call it: `cargo deny`.
    pub(super) spoken: &'static str,
    /// The version that is installed where none is there.
    pub(super) pin: &'static str,
    /// How long building it takes, in words.
    pub(super) takes: &'static str,
    /// The variable that carries the program from its set-up to its run.
    pub(super) variable: &'static str,
}

impl Subcommand {
    /// Finds it, or builds it where all is required, which takes its time once.
    pub(super) fn set_up(&self, require: Require) -> Result<Found, Missing> {
        let Self { name, spoken, .. } = self;
        if let Some(found) = self.find() {
            return Ok(found);
        }
        let how = format!("run `cargo install --locked {name}`");
        if require == Require::Present {
            return Err(Missing::install(format!("no `{spoken}`"), &how));
        }
        println!("{name:12} building, which takes {}", self.takes);
        // It runs once or twice and for seconds: what takes long is to build it.
        let mut command = cargo();
        command
            .args([
                "install", self.pin, "--locked", "--quiet", "--debug", "--root",
            ])
            .arg(self.folder())
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        step(command.stdout(Stdio::null())).map_err(|why| Missing::install(why, &how))?;
        self.find().ok_or_else(|| {
            Missing::install(format!("`{spoken}` was built and does not start"), &how)
        })
    }

    /// The program that was found.
    pub(super) fn program(&self, found: &Found) -> OsString {
        let mut variables = found.environment.iter();
        let program = variables.find(|(name, _)| *name == self.variable);
        program.map_or_else(|| self.name.into(), |(_, path)| path.clone())
    }

    fn find(&self) -> Option<Found> {
        let own = self.folder().join("bin").join(self.name);
        on_path(self.name)
            .into_iter()
            .chain([own])
            .find_map(|program| self.found(&program))
    }

    fn found(&self, program: &Path) -> Option<Found> {
        let said = answer(program, &["--version"])?;
        let version = said.strip_prefix(self.name)?.trim().to_owned();
        Some(Found {
            parts: vec![(self.name, version)],
            environment: vec![(self.variable, program.into())],
        })
    }

    fn folder(&self) -> PathBuf {
        let environment = crate::repository().join("target/test-env");
        environment.join(self.name)
    }
}

/// Cargo, as it runs this program.
pub(super) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
