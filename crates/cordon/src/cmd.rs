//! The subcommands: each in one file, listed once here.

mod calls;
mod catalog;
mod classify;
mod decide;
mod demo;
mod doctor;
mod env;
mod holds;
mod incident;
mod people;
mod policy;
mod policy_stats;
mod posture;
mod preview;
mod run;
mod sign_in;
mod task;
mod task_amend;
mod task_draft;
mod up;
mod why;

pub(crate) use calls::{became, line as call_line, meets, short, symbol, verdict};
pub(crate) use classify::Reading;
pub(crate) use env::WayName;
pub(crate) use people::link;
pub(crate) use task::BeforeLive;
pub(crate) use task_amend::ask as file_amendment;
pub(crate) use why::{call_value, explanation, task_of};

use crate::config::Flags;
use crate::failure::Failure;
use clap::Subcommand;
use std::process::ExitCode;

/// What `cordon` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the proxy and serve until interrupted
    Up(up::Up),
    /// Run a command (an agent) on a task, its AWS tools led through Cordon
    Run(run::Run),
    /// Print the environment for an agent that is already running
    Env(env::Env),
    /// Write, check and steer tasks
    #[command(subcommand)]
    Task(task::Task),
    /// What would happen: of a task in preview mode, a recording, or the plan of another tool
    Preview(preview::Preview),
    /// Calls that were made: follow them or search them
    #[command(subcommand)]
    Calls(calls::Calls),
    /// What decided one call, and what would change it
    Why(why::Why),
    /// What waits for people: look at it, decide, wait for it
    #[command(subcommand)]
    Holds(holds::Holds),
    /// How careful everyone is: see it, raise it, lower it
    #[command(subcommand)]
    Posture(posture::Posture),
    /// Incidents that agents caused: record one, list them
    #[command(subcommand)]
    Incident(incident::Incident),
    /// Who decides: links to sign in with, tokens for machines
    #[command(subcommand)]
    People(people::People),
    /// Sign in at this terminal, with a link
    ///
    /// A link works once, within 10 minutes. What it gives is kept for this user alone, in `sign-in.json`
    /// of the configuration folder, for 12 hours; approving and lowering the posture need a sign-in of
    /// the last 15 minutes. With `--browser` the team's provider of identities makes the link: open the
    /// address that is printed, then paste what its last page shows. Exit codes: 0 signed in; 1 refused; 2
    /// no such link.
    SignIn(sign_in::SignIn),
    /// Sign out at this terminal
    SignOut(sign_in::SignOut),
    /// Check and test policy bundles
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Name the AWS calls in HTTP requests: JSON Lines in, JSON Lines out
    Classify(classify::Classify),
    /// Decide HTTP requests against a task and policies: JSON Lines in, JSON Lines out
    Decide(decide::Decide),
    /// What is known about AWS services and operations
    #[command(subcommand)]
    Catalog(catalog::Catalog),
    /// What is wrong with this set-up, and how to mend it
    Doctor(doctor::Doctor),
    /// The main job on a small cloud in this process; touches no account
    Demo(demo::Demo),
    /// One act of the demo's agent; the demo starts it
    #[command(hide = true)]
    DemoAgent(demo::DemoAgent),
}

/// Runs one subcommand.
pub(crate) fn run(command: Command, flags: Flags) -> Result<ExitCode, Failure> {
    match command {
        Command::Up(up) => up.run(&flags),
        Command::Run(run) => run.run(&flags),
        Command::Env(env) => env.run(&flags),
        Command::Task(task) => task.run(&flags),
        Command::Preview(preview) => preview.run(&flags),
        Command::Calls(calls) => calls.run(&flags),
        Command::Why(why) => why.run(&flags),
        Command::Holds(holds) => holds.run(),
        Command::Posture(posture) => posture.run(),
        Command::Incident(incident) => incident.run(),
        Command::People(people) => people.run(&flags),
        Command::SignIn(sign_in) => sign_in.run(&flags),
        Command::SignOut(sign_out) => sign_out.run(),
        Command::Policy(policy) => policy.run(&flags),
        Command::Classify(classify) => classify.run(),
        Command::Decide(decide) => decide.run(),
        Command::Catalog(catalog) => catalog.run(),
        Command::Doctor(doctor) => doctor.run(&flags),
        Command::Demo(demo) => demo.run(),
        Command::DemoAgent(agent) => agent.run(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::Cli;
    use clap::{Command, CommandFactory as _};
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Every command below `command` that can write JSON, as it is typed.
    fn writers(command: &Command, typed: &str, found: &mut BTreeSet<String>) {
        let writes = command.get_arguments().any(|argument| {
            let values = argument.get_possible_values();
            argument.get_id() == "format" && values.iter().any(|value| value.get_name() == "json")
        });
        if writes {
            found.insert(typed.to_owned());
        }
        for inner in command.get_subcommands() {
            writers(inner, &format!("{typed} {}", inner.get_name()), found);
        }
    }

    #[test]
    fn every_command_that_writes_json_has_a_published_schema() {
        let mut writing = BTreeSet::from(["classify", "decide"].map(|it| format!("cordon {it}")));
        writers(&Cli::command(), "cordon", &mut writing);
        let text = include_str!("../../../docs/outputs.md");
        let rows = text.lines().filter_map(|line| {
            let (command, schema) = line.strip_prefix("| `")?.split_once("` | ")?;
            Some((command.to_owned(), schema.trim_end_matches(['|', ' '])))
        });
        let mut documented = BTreeSet::new();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        for (command, schema) in rows {
            let (file, part) = schema.split_once('#').unwrap_or((schema, ""));
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(whole.pointer(part).is_some(), "{command}: {schema}");
            assert!(
                documented.insert(command.clone()),
                "{command} is there twice"
            );
        }
        assert_eq!(documented, writing);
    }
}
