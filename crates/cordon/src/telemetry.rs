//! The log and the metrics of a serving process.

use crate::config::{Config, LogFormat};
use crate::failure::Failure;
use metrics_exporter_prometheus::PrometheusBuilder;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// What is logged where nothing else is set.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Usual {
    /// What happens, with every refusal: the log is all that shows it.
    Happenings,
    /// What is wrong: the calls are shown otherwise.
    Warnings,
}

impl Usual {
    fn filter(self) -> &'static str {
        match self {
            Self::Happenings => "info",
            Self::Warnings => "warn",
        }
    }
}

/// Starts the log on standard error, and the metrics listener where one is configured. Call it
/// once, inside no runtime.
///
/// # Errors
/// When the metrics address cannot be used.
pub(crate) fn start(config: &Config, usual: Usual) -> Result<(), Failure> {
    // The configuration was read with this very parser.
    let filter = config.log.level.as_deref().unwrap_or(usual.filter());
    let filter = EnvFilter::try_new(filter).unwrap_or_default();
    let colour = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour);
    let started = match config.log.format {
        LogFormat::Human => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::new(format!("the log could not be started: {error}")))
}

/// Serves the metrics; must be called inside the runtime.
///
/// # Errors
/// When the address is taken.
pub(crate) fn serve_metrics(config: &Config) -> Result<(), Failure> {
    let Some(address) = config.metrics else {
        return Ok(());
    };
    PrometheusBuilder::new()
        .with_http_listener(address)
        .install()
        .map_err(|error| {
            Failure::because(format!("metrics cannot be served on {address}"), &error)
                .help("choose a free address with --metrics, or leave metrics out")
        })
}
