//! `cargo deny`: licences, sources and bans of the dependencies, as `deny.toml` has them.

use std::error::Error;
use std::process::{Command, Stdio};

use super::cargo::Tally;
use super::subcommand::Subcommand;
use super::tool::Found;

pub(super) const TOOL: Subcommand = Subcommand {
    name: "cargo-deny",
    spoken: "cargo deny",
    pin: "cargo-deny@0.20.2",
    takes: "some minutes",
    variable: "CORDON_TEST_CARGO_DENY",
};

/// Runs it as one test.
pub(super) fn run(found: &Found) -> Result<Tally, Box<dyn Error>> {
    // Advisories are left out: they change by the day, and a change of ours must not fail by them.
    let mut command = Command::new(TOOL.program(found));
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
