//! The program: command line and configuration in, wired planes out.
//!
//! Nothing is decided here. Each subcommand parses its arguments, asks the crates that know, and
//! prints; `wiring` puts the planes together for those that serve.

mod attend;
mod bundle;
mod cmd;
mod config;
mod control;
mod current;
mod demo;
mod failure;
mod follow;
mod identity;
mod launch;
mod machine;
mod offline;
mod output;
mod people;
mod preview;
mod progress;
mod reads;
mod serving;
mod telemetry;
mod view;
mod wiring;

use clap::Parser;
use cmd::Command;
use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A call is some hundred small values, made and dropped: with the allocator of the system that is a
/// fifth of the time of a recording.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Cordon stands between an AI agent and AWS: it identifies each call, weighs it against the
/// declared task and the security team's policies, and lets it leave only with credentials
/// minted for exactly that call.
#[derive(Debug, Parser)]
#[command(name = "cordon", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    settings: config::Flags,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cmd::run(cli.command, cli.settings) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
