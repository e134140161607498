//! Configuration: `cordon.toml`, overridden by `CORDON_*` variables, overridden by flags.
//!
//! Takes the three as written; gives one [`Config`] as meant, or every fault together, each with
//! its place and what was expected. No socket opens before it is right.

mod file;
mod flags;

pub(crate) use flags::Flags;

use crate::failure::{Failure, USAGE};
use cordon_aws::arn::{AccountId, Arn};
use cordon_control::{Origin, channel};
use cordon_core::names::Environment;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The configuration as meant.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where agents connect.
    pub(crate) listen: Listen,
    /// The folder of database, CA and sockets.
    pub(crate) state: PathBuf,
    /// The policy bundle's folder; `None` for the one that is built in.
    pub(crate) policies: Option<PathBuf>,
    /// The file of those who may decide about held calls; `None` for nobody.
    pub(crate) people: Option<PathBuf>,
    /// Where those people decide.
    pub(crate) control: Control,
    /// Names under which Cordon itself is reached in endpoint mode, beside its address.
    pub(crate) own_hosts: Vec<String>,
    /// Where calls go.
    pub(crate) upstream: Upstream,
    /// Which role is assumed where, first match.
    pub(crate) roles: Vec<Role>,
    /// Environment rules that come before the bundle's own, as written.
    pub(crate) environments: Vec<EnvironmentRule>,
    /// Hosts other than AWS's that agents may reach.
    pub(crate) hosts: Vec<String>,
    /// Where metrics are served; nowhere by default.
    pub(crate) metrics: Option<SocketAddr>,
    /// How the log is written.
    pub(crate) log: Log,
    /// Bounds.
    pub(crate) limits: Limits,
}

/// Where agents connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listen {
    /// A loopback address.
    Address(SocketAddr),
    /// A unix socket.
    Socket(PathBuf),
}

/// Where people decide. Served where people are named.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    /// A loopback address.
    pub(crate) listen: SocketAddr,
    /// Where browsers reach it, where a server for TLS is in front of it.
    pub(crate) url: Option<Origin>,
    /// Where people hear of what waits.
    pub(crate) channels: Vec<Channel>,
    /// Who says who people are, beside links.
    pub(crate) oidc: Option<Oidc>,
    /// How many incidents raise the posture.
    pub(crate) reliability: Option<cordon_control::api::Reliability>,
}

impl Control {
    /// Whether groups come from what a provider claims of those who sign in, and so are not all known.
    pub(crate) fn claims_groups(&self) -> bool {
        let oidc = self.oidc.as_ref();
        oidc.is_some_and(|oidc| oidc.groups_claim.is_some())
    }
}

/// A provider of identities, as written.
#[derive(Debug, Clone)]
pub(crate) struct Oidc {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    /// The file that holds what Cordon proves itself with to the provider.
    pub(crate) client_secret_file: PathBuf,
    /// The domains of the addresses that may sign in.
    pub(crate) domains: Vec<String>,
    pub(crate) groups_claim: Option<String>,
    pub(crate) map: Vec<cordon_control::oidc::ClaimRule>,
}

/// Where people hear of what waits, as written.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    pub(crate) name: String,
    pub(crate) way: ChannelWay,
}

/// How a channel is reached, as written.
#[derive(Debug, Clone)]
pub(crate) enum ChannelWay {
    /// By a POST.
    Post {
        kind: channel::Kind,
        /// The file that holds its address, which may be a secret.
        url_file: Option<PathBuf>,
        target: Option<channel::Target>,
        /// The file that holds what its notices are signed with.
        key_file: Option<PathBuf>,
    },
    /// By mail.
    Email {
        server: channel::Server,
        /// As whom Cordon speaks to the server, and the file that holds by what.
        login: Option<(String, PathBuf)>,
        from: channel::Address,
        to: channel::Recipients,
    },
}

/// Where calls go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Upstream {
    /// One fixed address instead of AWS's own hosts, for a test cloud: `http://127.0.0.1:5000`.
    pub(crate) endpoint: Option<String>,
    /// The file (PEM) of the only authorities that the certificate of `endpoint` may come from.
    pub(crate) ca: Option<PathBuf>,
}

/// Which role is assumed for an account, and within it for an environment.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) account: AccountId,
    pub(crate) environment: Option<Environment>,
    pub(crate) arn: Arn,
}

/// One rule of the environment map, as `policies/environments.toml` has them. Conditions that are
/// given must all hold.
#[derive(Debug, Clone)]
pub(crate) struct EnvironmentRule {
    pub(crate) name: Environment,
    /// Whether the environment is part of `prod`, whose changes the baseline holds.
    pub(crate) production: bool,
    pub(crate) accounts: Vec<String>,
    pub(crate) regions: Vec<String>,
    pub(crate) arns: Vec<String>,
}

/// How the log is written.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    /// A `tracing` filter, such as `cordon_proxy=debug`; what is usual for the command where none is
    /// set.
    pub(crate) level: Option<String>,
}

/// For people or for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Human,
    Json,
}

/// Bounds of the data plane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at once.
    pub(crate) connections: usize,
    /// Bytes of a body that must be held whole.
    pub(crate) body: usize,
    /// Seconds that calls in flight are waited for at the end.
    pub(crate) grace: u64,
    /// Seconds that a held call waits for people before its agent is told; more than 50 only where
    /// its client is known to bear it.
    pub(crate) park: u64,
}

impl Config {
    /// Reads the file (the one of the flags, else `cordon.toml` here, else in the platform's
    /// configuration folder, else none), the variables and the flags.
    ///
    /// # Errors
    /// All faults of all three, in one [`Failure`].
    pub(crate) fn load(flags: &Flags) -> Result<Self, Failure> {
        let (path, text) = source(flags)?;
        file::read(&path, &text, flags).map_err(|faults| {
            Failure::new(format!("the configuration cannot be used\n{faults}"))
                .help("correct these places; nothing was started")
                .code(USAGE)
        })
    }
}

impl Config {
    /// The same for a rehearsal before an emulator: with a state of its own, and nobody else served.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub(crate) fn rehearsing(&self, upstream: &str, state: &Path) -> Result<Self, Failure> {
        use cordon_proxy::{FixedUpstream, PlainUpstream};
        FixedUpstream::parse(upstream, PlainUpstream::LoopbackOnly).map_err(|error| {
            Failure::because(
                format!("`{upstream}` cannot be used as an upstream"),
                &error,
            )
            .help("write an address such as http://127.0.0.1:5000")
            .code(USAGE)
        })?;
        Ok(Self {
            listen: Listen::Address(SocketAddr::from(([127, 0, 0, 1], 0))),
            state: state.to_owned(),
            people: None,
            upstream: Upstream {
                endpoint: Some(upstream.trim_end_matches('/').to_owned()),
                ca: None,
            },
            metrics: None,
            ..self.clone()
        })
    }
}

/// The configuration file and its text; an empty text where there is no file.
fn source(flags: &Flags) -> Result<(PathBuf, String), Failure> {
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map(|text| (path.to_owned(), text))
            .map_err(|error| {
                Failure::because(format!("`{}` could not be read", path.display()), &error)
                    .code(USAGE)
            })
    };
    if let Some(path) = &flags.config {
        return read(path);
    }
    let here = PathBuf::from("cordon.toml");
    let platform = user_folder().map(|folder| folder.join("cordon.toml"));
    match [Some(here), platform]
        .into_iter()
        .flatten()
        .find(|path| path.is_file())
    {
        Some(path) => read(&path),
        None => Ok((PathBuf::from("cordon.toml"), String::new())),
    }
}

/// The state folder where none is configured.
fn default_state() -> PathBuf {
    platform_folder("XDG_STATE_HOME", ".local/state").unwrap_or_else(|| PathBuf::from(".cordon"))
}

/// The folder of this user's configuration.
pub(crate) fn user_folder() -> Option<PathBuf> {
    platform_folder("XDG_CONFIG_HOME", ".config")
}

/// `$VARIABLE/cordon`, else `~/FALLBACK/cordon`.
fn platform_folder(variable: &str, fallback: &str) -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder = set(variable).or_else(|| set("HOME").map(|home| home.join(fallback)))?;
    Some(folder.join("cordon"))
}
