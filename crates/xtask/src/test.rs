//! `cargo xtask test`: takes the lanes that were asked for, sets up the clients that they drive,
//! runs their tests, and gives a table of lanes and one closing line.
//!
//! A lane is a set of tests with the tools that they drive. A test that needs a tool is marked
//! `#[ignore]` with the reason, so that a plain `cargo test` runs what needs nothing and says
//! what it left out; a lane whose tools are all there runs those too. Green therefore never
//! means "not run": what was left out is counted and named, and with `CORDON_REQUIRE=all` it is a
//! failure wherever the missing tool could have been installed.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use lane::Lane;
use report::{Report, Row};
pub(crate) use system::{on_path, step};
use tool::{Found, Missing, Tool};

mod aws_cli_v2;
mod browser;
mod cargo;
mod deny;
mod fuzz;
mod lane;
mod node;
mod python;
mod report;
mod stamp;
mod subcommand;
mod system;
mod terraform;
mod tool;

/// What can be chosen for one run.
#[derive(Args)]
pub(crate) struct Options {
    /// Run only this lane (repeatable); without it, all of them
    #[arg(long = "lane", value_name = "NAME", value_enum)]
    lanes: Vec<Lane>,
    /// Handed to every test program, such as a part of a test's name
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

/// What a missing tool means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Require {
    /// What is missing is skipped.
    Present,
    /// What is missing is installed, and is a failure if it cannot be: `CORDON_REQUIRE=all`.
    All,
}

impl Require {
    fn from_environment() -> Result<Self, Box<dyn Error>> {
        let value = std::env::var_os("CORDON_REQUIRE").unwrap_or_default();
        match value.to_str() {
            Some("") => Ok(Self::Present),
            Some("all") => Ok(Self::All),
            _ => {
                Err(format!("CORDON_REQUIRE is {value:?}: leave it out or set it to `all`").into())
            }
        }
    }
}

/// A Python environment by the pins of `list`, made where it can be; else why there is none.
pub(crate) fn python_environment(name: &str, list: &str) -> Result<PathBuf, String> {
    python::environment(name, list, Require::Present).map_err(|missing| missing.to_string())
}

/// Sets up, runs and reports. The exit code tells whether a lane failed; an error, that there
/// was nothing to run.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let require = Require::from_environment()?;
    let lanes = lane::chosen(&options.lanes);
    let tools = set_up(&lanes, require);

    let mut environment = Vec::new();
    if lanes.iter().any(|lane| lane.runs_the_program()) {
        println!("cordon       building");
        environment.push((
            "CORDON_TEST_PROGRAM",
            cargo::build_program()?.into_os_string(),
        ));
    }
    for found in tools.values().flatten() {
        environment.extend(found.environment.iter().cloned());
    }

    let mut report = Report::default();
    for lane in lanes {
        println!("\n--- lane {}", lane.name());
        let missing = lane
            .needs()
            .iter()
            .find_map(|tool| tools.get(tool)?.as_ref().err());
        let found = lane
            .client()
            .and_then(|tool| tools.get(&tool)?.as_ref().ok());
        let tally = match (lane, found) {
            (Lane::Fuzz | Lane::Deny, None) => cargo::Tally::left_out(),
            (Lane::Fuzz, Some(found)) => fuzz::run(found)?,
            (Lane::Deny, Some(found)) => deny::run(found)?,
            _ => {
                let ignored = missing.map_or(cargo::Ignored::Run, |_| cargo::Ignored::Left);
                cargo::test(lane, ignored, &environment, &options.arguments)?
            }
        };
        report.add(Row::of(lane, found, missing, require, tally));
    }
    println!("\n{report}");
    Ok(if report.failed() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Makes ready each tool that some lane needs, once, and says how that went.
fn set_up(lanes: &[Lane], require: Require) -> BTreeMap<Tool, Result<Found, Missing>> {
    let mut tools = BTreeMap::new();
    for tool in lanes.iter().flat_map(|lane| lane.needs()) {
        if tools.contains_key(tool) {
            continue;
        }
        let outcome = tool.set_up(require);
        match &outcome {
            Ok(found) => println!("{:12} {}", tool.name(), found.versions()),
            Err(missing) => println!("{:12} missing: {missing}", tool.name()),
        }
        tools.insert(*tool, outcome);
    }
    tools
}
