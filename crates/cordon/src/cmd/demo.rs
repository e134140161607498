//! `cordon demo`: the main job on a small cloud in this process.

use crate::demo;
use crate::failure::Failure;
use crate::wiring;
use clap::Args;
use std::process::ExitCode;

/// Watch Cordon stop a delete-and-recreate, on a small cloud in this process.
///
/// Touches no AWS account, needs no network, leaves nothing running and nothing behind.
#[derive(Debug, Args)]
pub(crate) struct Demo {}

impl Demo {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        wiring::block_on(async {
            demo::play().await?;
            Ok(ExitCode::SUCCESS)
        })
    }
}
