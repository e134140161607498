//! Runs cargo: builds the program, runs a lane's tests with cargo's own lines shown, and counts
//! what those lines say.

use std::error::Error;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::lane::{self, Lane};

/// What became of the tests of one lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u32,
    pub(super) failed: u32,
    pub(super) ignored: u32,
}

impl Tally {
    /// One check that was not made.
    pub(super) fn left_out() -> Self {
        Self {
            ignored: 1,
            ..Self::default()
        }
    }

    /// Adds a closing line of libtest's, `test result: ok. 3 passed; 0 failed; 1 ignored; ...`;
    /// any other line changes nothing.
    fn read(&mut self, line: &str) {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|it| it.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            let mut words = count.split_whitespace();
            let number = words
                .next()
                .and_then(|number| number.parse().ok())
                .unwrap_or(0);
            match words.next() {
                Some("passed") => self.passed += number,
                Some("failed") => self.failed += number,
                Some("ignored") => self.ignored += number,
                _ => {}
            }
        }
    }

    /// Counts a run that failed without saying which test did, as one that does not build.
    fn close(mut self, success: bool) -> Self {
        if !success && self.failed == 0 {
            self.failed = 1;
        }
        self
    }
}

/// What to do with the tests that are marked `#[ignore]`, which are those that need a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ignored {
    Run,
    Left,
}

/// Builds the workspace's programs and gives the path of `cordon`.
pub(super) fn build_program() -> Result<PathBuf, Box<dyn Error>> {
    // The whole workspace, as in every command here: cargo would build shared dependencies
    // once more for a part of it, with the features that this part asks for.
    let mut cargo = cargo(&["build", "--workspace", "--bins"]);
    let mut child = cargo
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped())
        .spawn()?;
    let mut program = None;
    for line in BufReader::new(child.stdout.take().ok_or("cargo has no output")?).lines() {
        let message: Value = serde_json::from_str(&line?)?;
        let is_cordon = message.pointer("/target/name").and_then(Value::as_str) == Some("cordon");
        if let Some(path) = message.get("executable").and_then(Value::as_str)
            && is_cordon
        {
            program = Some(PathBuf::from(path));
        }
    }
    if !child.wait()?.success() {
        return Err("the workspace does not build: see above".into());
    }
    program.ok_or_else(|| "cargo built no program named `cordon`".into())
}

/// Runs the tests of a lane. Fails only if cargo cannot be started.
pub(super) fn test(
    lane: Lane,
    ignored: Ignored,
    environment: &[(&str, OsString)],
    arguments: &[OsString],
) -> Result<Tally, Box<dyn Error>> {
    let mut cargo = cargo(&["test", "--workspace", "--no-fail-fast"]);
    match lane.test_program() {
        Some(program) => {
            cargo.args(["--test", program]);
        }
        None if lane == Lane::Stories => {
            let programs = story_programs()?;
            if programs.is_empty() {
                return Ok(Tally::default());
            }
            cargo.args(programs.iter().flat_map(|program| ["--test", program]));
        }
        None => {
            cargo.args(["--exclude", "cordon-tests"]);
        }
    }
    cargo.arg("--");
    if ignored == Ignored::Run && lane.test_program().is_some() {
        cargo.arg("--include-ignored");
    }
    cargo
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)));
    let mut child = cargo.stdout(Stdio::piped()).spawn()?;
    let mut tally = Tally::default();
    for line in BufReader::new(child.stdout.take().ok_or("cargo has no output")?).lines() {
        let line = line?;
        println!("{line}");
        tally.read(&line);
    }
    Ok(tally.close(child.wait()?.success()))
}

/// The test programs of `tests/` that drive no client from outside, by name.
fn story_programs() -> Result<Vec<String>, Box<dyn Error>> {
    let mut programs = Vec::new();
    let folder = crate::repository().join("tests/tests");
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let is_program = path.extension().is_some_and(|extension| extension == "rs");
        if is_program && !lane::is_of_a_client(name) {
            programs.push(name.to_owned());
        }
    }
    programs.sort();
    Ok(programs)
}

/// Cargo at the root of the repository, on this terminal.
fn cargo(arguments: &[&str]) -> Command {
    let mut command = super::subcommand::cargo();
    command
        .args(arguments)
        .current_dir(crate::repository())
        .stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn closing_lines_are_summed() {
        let tally = tally_of(&[
            "test a_story ... ok",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 9 filtered out; finished in 1.20s",
        ]);
        assert_eq!(
            tally,
            Tally {
                passed: 5,
                failed: 4,
                ignored: 1
            }
        );
    }

    #[test]
    fn what_does_not_build_is_a_failure() {
        assert_eq!(tally_of(&[]).close(false).failed, 1);
    }

    #[test]
    fn a_failed_run_counts_its_failed_tests_and_no_more() {
        let tally = tally_of(&["test result: FAILED. 0 passed; 2 failed; 0 ignored; 0 measured"]);
        assert_eq!(tally.close(false).failed, 2);
    }
}
