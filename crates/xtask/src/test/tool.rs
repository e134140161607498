//! The tools that lanes drive: how each is made ready, and what is known of it then.

use std::ffi::OsString;
use std::fmt;

use super::{Require, aws_cli_v2, browser, deny, fuzz, node, python, terraform};

/// Something outside of cargo that tests drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tool {
    /// A virtual environment with moto's server, boto3 and AWS CLI version 1.
    Python,
    /// AWS CLI version 2, as the system has it.
    AwsCliV2,
    /// Node with the AWS SDK for JavaScript and the CLI of CDK.
    Node,
    /// Chromium, as the system has it.
    Browser,
    /// Terraform with a folder that holds the AWS provider.
    Terraform,
    /// `cargo fuzz`.
    CargoFuzz,
    /// `cargo deny`.
    CargoDeny,
}

impl Tool {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::AwsCliV2 => "aws-cli-v2",
            Self::Node => "node",
            Self::Browser => "browser",
            Self::Terraform => "terraform",
            Self::CargoFuzz => "cargo-fuzz",
            Self::CargoDeny => "cargo-deny",
        }
    }

    /// Finds the tool, and installs it where that is this program's to do.
    pub(super) fn set_up(self, require: Require) -> Result<Found, Missing> {
        match self {
            Self::Python => python::set_up(require),
            Self::AwsCliV2 => aws_cli_v2::set_up(require),
            Self::Node => node::set_up(require),
            Self::Browser => browser::set_up(require),
            Self::Terraform => terraform::find(),
            Self::CargoFuzz => fuzz::TOOL.set_up(require),
            Self::CargoDeny => deny::TOOL.set_up(require),
        }
    }
}

/// A tool that is ready.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What is in it, each with its version.
    pub(super) parts: Vec<(&'static str, String)>,
    /// The variables that tell the tests where it is.
    pub(super) environment: Vec<(&'static str, OsString)>,
}

impl Found {
    /// All parts with their versions, on one line.
    pub(super) fn versions(&self) -> String {
        let parts = self
            .parts
            .iter()
            .map(|(name, version)| format!("{name} {version}"));
        parts.collect::<Vec<_>>().join(", ")
    }

    /// The version of one part, or nothing where there is no such part.
    pub(super) fn version(&self, part: &str) -> &str {
        let found = self.parts.iter().find(|(name, _)| *name == part);
        found.map_or("", |(_, version)| version)
    }
}

/// A tool that is not ready: why, and what would help.
#[derive(Debug, Clone)]
pub(super) struct Missing {
    pub(super) why: String,
    pub(super) remedy: Remedy,
}

/// What would help, and whether this program could have done it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remedy {
    /// It can be installed from a package registry: missing it fails a run that requires all.
    Install(String),
    /// It has to be brought: missing it is a skip in every run.
    Bring(String),
}

impl Missing {
    pub(super) fn install(why: impl fmt::Display, how: &str) -> Self {
        Self {
            why: why.to_string(),
            remedy: Remedy::Install(how.to_owned()),
        }
    }

    pub(super) fn bring(why: impl fmt::Display, how: &str) -> Self {
        Self {
            why: why.to_string(),
            remedy: Remedy::Bring(how.to_owned()),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Remedy::Install(how) | Remedy::Bring(how)) = &self.remedy;
        write!(out, "{}; {how}", self.why)
    }
}
