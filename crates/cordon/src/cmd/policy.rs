//! `cordon policy`: bundles checked and tested.

use super::policy_stats::Stats;
use crate::bundle::Bundle;
use crate::config::{Config, Flags};
use crate::failure::Failure;
use crate::output::{self, ERROR, Format, GOOD};
use clap::{Args, Subcommand};
use cordon_core::names::CheckName;
use cordon_core::policy::trial;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Subcommands of `cordon policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Validate a bundle strictly: syntax, types, names, house rules
    Check(Folder),
    /// Run a bundle's tests.toml, with coverage and a mutation check
    Test(Folder),
    /// How people decided on what each policy asked them, and how long they took
    Stats(Stats),
}

/// A bundle's folder.
#[derive(Debug, Args)]
pub(crate) struct Folder {
    /// The folder [default: the configured bundle, else the one that is built in]
    folder: Option<PathBuf>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Policy {
    pub(crate) fn run(self, flags: &Flags) -> Result<ExitCode, Failure> {
        match self {
            Self::Check(options) => check(&options.bundle(flags)?, options.format),
            Self::Test(options) => test(&options.bundle(flags)?, options.format),
            Self::Stats(stats) => stats.run(flags),
        }
    }
}

impl Folder {
    fn bundle(&self, flags: &Flags) -> Result<Bundle, Failure> {
        match &self.folder {
            Some(folder) => Bundle::read(folder),
            None => Bundle::of(&Config::load(flags)?),
        }
    }
}

fn check(bundle: &Bundle, format: Format) -> Result<ExitCode, Failure> {
    let policies = bundle.load()?;
    bundle.load_control()?;
    let (guardrails, ceiling) = policies.counts();
    let checks: Vec<&str> = policies
        .checks()
        .into_iter()
        .map(CheckName::as_str)
        .collect();
    match format {
        Format::Json => output::json(&json!({
            "bundle": policies.name(), "version": policies.version(), "guardrails": guardrails, "ceiling": ceiling,
            "checks": checks,
        })),
        Format::Human => {
            output::line(format_args!(
                "{}: {guardrails} guardrails and {ceiling} ceiling permits validate, {}",
                bundle.folder,
                policies.version(),
            ));
            if !checks.is_empty() {
                output::line(format_args!(
                    "holds ask for the checks {}",
                    checks.join(", ")
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn test(bundle: &Bundle, format: Format) -> Result<ExitCode, Failure> {
    let policies = bundle.load()?;
    let tests = bundle.files.iter().find(|file| file.name == "tests.toml");
    let text = tests.map(|file| file.text.as_str()).unwrap_or_default();
    let file = format!("{}/tests.toml", bundle.folder);
    let report = trial::run(&policies, &file, text)
        .map_err(|faults| Failure::new(format!("the tests cannot be read\n{faults}")))?;
    let mut failed = 0;
    for test in &report.tests {
        failed += usize::from(!test.passed());
        match format {
            Format::Json => output::json(&json!({
                "test": test.name, "line": test.line, "passed": test.passed(), "outcome": test.outcome.as_str(), "differs": test.differs,
            })),
            Format::Human if test.passed() => {
                output::line(format_args!("{GOOD}ok{GOOD:#}    {}", test.name))
            }
            Format::Human => output::line(format_args!(
                "{ERROR}FAIL{ERROR:#}  {file}:{} {}\n      {}",
                test.line, test.name, test.differs
            )),
        }
    }
    let undecided = report
        .undecided
        .iter()
        .map(|id| format!("guardrail `{id}` decides no test"));
    let unnoticed = report
        .unnoticed
        .iter()
        .map(|id| format!("guardrail `{id}` could be removed and no test would notice"));
    for finding in undecided.chain(unnoticed) {
        failed += 1;
        match format {
            Format::Json => output::json(&json!({ "finding": finding })),
            Format::Human => output::line(format_args!("{ERROR}FAIL{ERROR:#}  {finding}")),
        }
    }
    let passed = report.tests.iter().filter(|test| test.passed()).count();
    if format == Format::Human {
        output::line(format_args!("{passed} passed, {failed} failed"));
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
