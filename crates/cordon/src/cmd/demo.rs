//! `cordon demo`: the main job on a small cloud in this process; `cordon demo-agent`, one act of
//! its agent in a process of its own.

use crate::demo::{self, Act, ClientName};
use crate::failure::Failure;
use crate::wiring;
use clap::Args;
use std::process::ExitCode;

/// Watch Cordon stop a delete-and-recreate, on a small cloud in this process.
///
/// Touches no AWS account, needs no network, leaves nothing running and nothing behind.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// What the agent works with
    #[arg(long, value_enum, default_value_t)]
    client: ClientName,
}

impl Demo {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        wiring::block_on(demo::play(self.client))
    }
}

/// One call of AWS over the AWS SDK for Rust, as the demo's agent makes it.
#[derive(Debug, Args)]
pub(crate) struct DemoAgent {
    #[command(subcommand)]
    act: Act,
}

impl DemoAgent {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        wiring::block_on(demo::perform(&self.act))
    }
}
