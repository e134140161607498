//! `cordon up`: serving until interrupted.

use crate::config::{Config, Flags};
use crate::failure::Failure;
use crate::output::{self, STRONG};
use crate::serving::Serving;
use crate::telemetry::{self, Usual};
use crate::{people, wiring};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Start the proxy and serve until interrupted (Ctrl-C, or SIGTERM).
///
/// Then no new requests are taken, and those in flight come to their end within `grace_seconds`.
/// Exit codes: 0 all came to their end; 1 something failed; 2 the configuration is wrong; 3 calls
/// were given up whose outcome is not known: they are listed, and `cordon calls` shows them.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Write the addresses to this file, as JSON, once agents can connect
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl Up {
    pub(crate) fn run(self, flags: &Flags) -> Result<ExitCode, Failure> {
        let config = Config::load(flags)?;
        telemetry::start(&config, Usual::Happenings)?;
        wiring::block_on(async {
            let serving = Serving::start(&config).await?;
            let ready = serving.ready();
            if let Some(file) = &self.ready_file {
                ready.write(file)?;
            }
            output::error_line(format_args!(
                "{STRONG}cordon{STRONG:#} serves on {}",
                ready.url
            ));
            output::error_line(format_args!("  state     {}", config.state.display()));
            output::error_line(format_args!("  policies  {}", policies_line(&serving)));
            output::error_line(format_args!(
                "  upstream  {}",
                config.upstream.endpoint.as_deref().unwrap_or("AWS")
            ));
            tell_people(&config, &serving).await?;
            output::error_line(format_args!(
                "give an agent its environment: eval \"$(cordon env --task task.toml)\""
            ));
            wiring::interrupted().await;
            output::error_line(format_args!(
                "finishing what is in flight (up to {} s)",
                config.limits.grace
            ));
            serving.stop().await
        })
    }
}

/// Says where people decide, with a link for whoever starts this, where they are one of them.
async fn tell_people(config: &Config, serving: &Serving) -> Result<(), Failure> {
    let ready = serving.ready();
    let Some(control) = ready.control_addresses().first().copied() else {
        output::error_line(format_args!(
            "  people    nobody decides: what is held is never let go (people = \"people.toml\")"
        ));
        return Ok(());
    };
    output::error_line(format_args!("  control   {control}"));
    let user = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    let people = people::read(config)?;
    let known = user.as_deref().and_then(|user| people.find(user));
    match known {
        Some((person, _)) => {
            for link in super::link(serving.store(), ready, person.clone()).await? {
                output::error_line(format_args!(
                    "  sign in   as {person}, once, within 10 minutes: {link}"
                ));
            }
        }
        None if config.control.oidc.is_some() => output::error_line(format_args!(
            "  sign in   at {control}{}",
            cordon_control::api::BEGIN
        )),
        None => output::error_line(format_args!(
            "  sign in   with a link: `cordon people link NAME`"
        )),
    }
    Ok(())
}

fn policies_line(serving: &Serving) -> String {
    let policies = serving.policies();
    format!("{}, {}", policies.name(), policies.version())
}
