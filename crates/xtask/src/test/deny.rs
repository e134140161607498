//! `cargo deny`: licences, sources and bans of the dependencies, as `deny.toml` has them.

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Require;
use super::cargo::Tally;
use super::system::{answer, on_path, step};
use super::tool::{Found, Missing};

/// The version that is installed where none is there.
const PIN: &str = "cargo-deny@0.20.2";

const HOW: &str = "run `cargo install --locked cargo-deny`";

/// The variable that carries the program from its set-up to its run.
const PROGRAM: &str = "CORDON_TEST_CARGO_DENY";

/// Finds it, or builds it where all is required, which takes some minutes the first time.
pub(super) fn set_up(require: Require) -> Result<Found, Missing> {
    if let Some(found) = find() {
        return Ok(found);
    }
    if require == Require::Present {
        return Err(Missing::install("no `cargo deny`", HOW));
    }
    println!("cargo-deny   building, which takes some minutes");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["install", PIN, "--locked", "--quiet", "--root"])
        .arg(folder());
    step(command.stdout(Stdio::null())).map_err(|why| Missing::install(why, HOW))?;
    find().ok_or_else(|| Missing::install("`cargo deny` was built and does not start", HOW))
}

/// Runs it as one test.
pub(super) fn run(found: &Found) -> Result<Tally, Box<dyn Error>> {
    let program = found.environment.iter().find(|(name, _)| *name == PROGRAM);
    let program = program.map_or_else(|| OsString::from("cargo-deny"), |(_, path)| path.clone());
    // Advisories are left out: they change by the day, and a change of ours must not fail by them.
    let mut command = Command::new(program);
    command
        .args(["check", "bans", "licenses", "sources"])
        .current_dir(crate::repository());
    let passed = u32::from(command.stdin(Stdio::null()).status()?.success());
    Ok(Tally {
        passed,
        failed: 1 - passed,
        ignored: 0,
    })
}

fn find() -> Option<Found> {
    let own = folder().join("bin/cargo-deny");
    on_path("cargo-deny")
        .into_iter()
        .chain([own])
        .find_map(|program| found(&program))
}

fn found(program: &Path) -> Option<Found> {
    let version = answer(program, &["--version"])?
        .strip_prefix("cargo-deny ")?
        .to_owned();
    Some(Found {
        parts: vec![("cargo-deny", version)],
        environment: vec![(PROGRAM, program.into())],
    })
}

fn folder() -> PathBuf {
    crate::repository().join("target/test-env/cargo-deny")
}
