//! The scripted agent: each act as arguments of the AWS CLI.
//!
//! It knows nothing of Cordon. Its tool takes keys, region and proxy from its environment, like
//! any other program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What the agent can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    DescribeEnvironments,
    GetFunctionConfiguration,
    UpdateEnvironment,
    RebuildEnvironment,
    TerminateEnvironment,
    AddPermission,
}

impl Act {
    /// The command line that does it with the AWS CLI at `aws`.
    pub(super) fn command(self, aws: &Path) -> Vec<OsString> {
        let arguments = self.cli().split(' ').map(OsString::from);
        [aws.as_os_str().to_owned()]
            .into_iter()
            .chain(arguments)
            .collect()
    }

    /// The arguments of the AWS CLI.
    pub(super) fn cli(self) -> &'static str {
        match self {
            Self::DescribeEnvironments => {
                "elasticbeanstalk describe-environments --query Environments[].[EnvironmentName,Status,Health] --output text"
            }
            Self::GetFunctionConfiguration => {
                "lambda get-function-configuration --function-name cost-explorer-api --query [FunctionName,Runtime,MemorySize] --output text"
            }
            Self::UpdateEnvironment => {
                "elasticbeanstalk update-environment --environment-name ce-web-prod --option-settings Namespace=aws:elasticbeanstalk:application:environment,OptionName=ROUNDING,Value=half-up --query [EnvironmentName,Status] --output text"
            }
            Self::RebuildEnvironment => {
                "elasticbeanstalk rebuild-environment --environment-name ce-web-prod"
            }
            Self::TerminateEnvironment => {
                "elasticbeanstalk terminate-environment --environment-name ce-web-prod"
            }
            Self::AddPermission => {
                "lambda add-permission --function-name cost-explorer-api --statement-id everyone --action lambda:InvokeFunction --principal *"
            }
        }
    }
}

/// The AWS CLI on the path, if it is installed and runs.
pub(super) fn aws_cli() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths)
        .map(|folder| folder.join("aws"))
        .find(|program| {
            let version = std::process::Command::new(program)
                .arg("--version")
                .output();
            version.is_ok_and(|output| output.status.success())
        })
}
