//! The log and the metrics of a serving process.

use crate::config::{Config, LogFormat};
use crate::failure::Failure;
use metrics_exporter_prometheus::PrometheusBuilder;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

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
    let colour = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    start_on(config, usual, std::io::stderr, colour)
}

/// As [`start`], in a file: the terminal shows something else.
///
/// # Errors
/// When the file cannot be written, or the metrics address cannot be used.
pub(crate) fn start_in(config: &Config, usual: Usual, file: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::because(format!("`{}` could not be written", file.display()), &error)
    };
    if let Some(folder) = file.parent() {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(failed)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let log = options.open(file).map_err(failed)?;
    start_on(config, usual, Arc::new(log), false)
}

fn start_on(
    config: &Config,
    usual: Usual,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
    colour: bool,
) -> Result<(), Failure> {
    // The configuration was read with this very parser.
    let filter = config.log.level.as_deref().unwrap_or(usual.filter());
    let filter = EnvFilter::try_new(filter).unwrap_or_default();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
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
