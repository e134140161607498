//! What the agent works with: the AWS CLI where it is installed, else this program itself over the
//! AWS SDK for Rust.
//!
//! Takes the choice of the command line; gives the command of each act. Both are processes of their
//! own, which sign and speak TLS by themselves.

use super::act::Act;
use crate::failure::{Failure, USAGE};
use clap::ValueEnum;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// How long `aws --version` may take. A cold start of the CLI takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the demo's agent works with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ClientName {
    /// The AWS CLI where it is installed, else the SDK
    #[default]
    Auto,
    /// The AWS CLI on the path
    AwsCli,
    /// The AWS SDK for Rust, which is built in
    Sdk,
}

/// A client that is there.
#[derive(Debug)]
pub(super) enum Client {
    AwsCli { program: PathBuf, version: String },
    Sdk { program: PathBuf },
}

impl Client {
    /// The client of that name.
    ///
    /// # Errors
    /// When it is not there.
    pub(super) async fn choose(name: ClientName) -> Result<Self, Failure> {
        match name {
            ClientName::Sdk => Self::sdk(),
            ClientName::AwsCli => Self::aws_cli().await.ok_or_else(|| {
                Failure::new("no AWS CLI that runs is on the path")
                    .help("install it, or let the agent work with the SDK that is built in: `--client sdk`")
                    .code(USAGE)
            }),
            ClientName::Auto => match Self::aws_cli().await {
                Some(client) => Ok(client),
                None => Self::sdk(),
            },
        }
    }

    fn sdk() -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|error| {
            Failure::because("this program does not know where it is", &error)
                .help("name it by its whole path")
        })?;
        Ok(Self::Sdk { program })
    }

    /// The first `aws` on the path that says to be the AWS CLI.
    async fn aws_cli() -> Option<Self> {
        let paths = std::env::var_os("PATH")?;
        let name = format!("aws{}", std::env::consts::EXE_SUFFIX);
        for folder in std::env::split_paths(&paths) {
            let program = folder.join(&name);
            if let Some(version) = version(&program).await {
                return Some(Self::AwsCli { program, version });
            }
        }
        None
    }

    /// The command that does an act.
    pub(super) fn command(&self, act: &Act) -> Vec<OsString> {
        let (program, arguments) = match self {
            Self::AwsCli { program, .. } => (program, act.to_aws_cli()),
            Self::Sdk { program } => (program, act.to_own()),
        };
        let arguments = arguments.into_iter().map(OsString::from);
        [program.as_os_str().to_owned()]
            .into_iter()
            .chain(arguments)
            .collect()
    }

    /// The same command as a person would type it.
    pub(super) fn typed(&self, act: &Act) -> String {
        let (name, arguments) = match self {
            Self::AwsCli { .. } => ("aws", act.to_aws_cli()),
            Self::Sdk { .. } => ("cordon", act.to_own()),
        };
        let quoted = arguments.iter().map(|argument| quoted(argument));
        [name.to_owned()]
            .into_iter()
            .chain(quoted)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AwsCli { version, .. } => write!(f, "the AWS CLI {version}"),
            Self::Sdk { .. } => f.write_str("the AWS SDK for Rust, as `cordon demo-agent`"),
        }
    }
}

/// The version that a program gives for itself, if it is the AWS CLI:
/// `aws-cli/2.31.0 Python/3.13.7 ...`.
async fn version(program: &Path) -> Option<String> {
    let asked = Command::new(program)
        .arg("--version")
        .kill_on_drop(true)
        .output();
    let answer = tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()?;
    let said = String::from_utf8(answer.stdout).ok()?;
    let (version, _) = said.strip_prefix("aws-cli/")?.split_once(' ')?;
    let is_version = version
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '.');
    is_version.then(|| version.to_owned())
}

/// An argument for a shell.
fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,".contains(c);
    match argument.chars().all(is_plain) {
        true => argument.to_owned(),
        false => format!("'{argument}'"),
    }
}
