//! The flags and variables that override the configuration file.

use clap::Args;
use std::path::PathBuf;

/// Settings that every subcommand takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Flags {
    /// Configuration file [default: cordon.toml here, else in the platform's folder]
    #[arg(long, global = true, env = "CORDON_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the database, the CA and the lock [default: the platform's state folder]
    #[arg(long, global = true, env = "CORDON_STATE", value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Address or unix:PATH that agents connect to
    #[arg(long, global = true, env = "CORDON_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Address that people decide at [default: the port after that of --listen]
    #[arg(
        long = "control",
        global = true,
        env = "CORDON_CONTROL_LISTEN",
        value_name = "ADDRESS"
    )]
    pub(crate) control: Option<String>,
    /// Policy bundle folder [default: the bundle that is built in]
    #[arg(
        long = "bundle",
        global = true,
        env = "CORDON_POLICIES",
        value_name = "DIR"
    )]
    pub(crate) policies: Option<PathBuf>,
    /// Send calls to this address instead of AWS (a test cloud)
    #[arg(
        long = "upstream",
        global = true,
        env = "CORDON_UPSTREAM_ENDPOINT",
        value_name = "URL"
    )]
    pub(crate) upstream: Option<String>,
    /// Serve Prometheus metrics on this address
    #[arg(long, global = true, env = "CORDON_METRICS", value_name = "ADDRESS")]
    pub(crate) metrics: Option<String>,
    /// Log for people or as JSON: human, json
    #[arg(long, global = true, env = "CORDON_LOG_FORMAT", value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// What to log: error, warn, info, debug, or a filter such as cordon_proxy=debug [default: info,
    /// where calls are shown otherwise warn]
    #[arg(long, global = true, env = "CORDON_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
}
