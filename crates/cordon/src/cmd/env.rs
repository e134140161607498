//! `cordon env`: the environment for an agent that is already running.

use crate::config::{Config, Flags};
use crate::failure::Failure;
use crate::launch::{LaunchOptions, launch};
use crate::output;
use crate::{bundle::Bundle, serving, wiring};
use clap::{Args, ValueEnum};
use std::process::ExitCode;

/// Print the environment for an agent on a task. Cordon must be serving (`cordon up`).
///
/// eval "$(cordon env --task task.toml)"
#[derive(Debug, Args)]
pub(crate) struct Env {
    #[command(flatten)]
    launch: LaunchOptions,
    /// How tools reach Cordon
    #[arg(long, value_enum, default_value_t)]
    way: WayName,
    /// As lines for a shell, or as one JSON object
    #[arg(long, value_enum, default_value_t)]
    format: EnvFormat,
}

/// How tools reach Cordon.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum WayName {
    /// HTTPS_PROXY and a CA bundle: every service
    #[default]
    Proxy,
    /// AWS_ENDPOINT_URL: no CA needed; no operations with a host prefix
    Endpoint,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum EnvFormat {
    #[default]
    Shell,
    Json,
}

impl Env {
    pub(crate) fn run(self, flags: &Flags) -> Result<ExitCode, Failure> {
        let config = Config::load(flags)?;
        let policies = Bundle::of(&config)?.load()?;
        let environment = wiring::block_on(async {
            let ready = serving::Ready::find(&config)?;
            let store = wiring::visit(&config).await?;
            let session = launch(&*store, &policies, &self.launch).await?;
            store.shut_down().await.map_err(wiring::store_failed)?;
            output::error_line(format_args!(
                "task {}, session {}, until {}",
                session.task.id(),
                session.id,
                session.task.expires_at()
            ));
            ready.knows(&session).await?;
            Ok(ready.environment(&session, self.way))
        })?;
        match self.format {
            EnvFormat::Shell => output::line(format_args!("{}", environment.to_shell().trim_end())),
            EnvFormat::Json => output::json(&environment.set),
        }
        Ok(ExitCode::SUCCESS)
    }
}
