//! What the agent can do: one call of AWS each, as a command line of either client.
//!
//! An act knows nothing of Cordon. Its tool takes keys, region and proxy from its environment,
//! like any other program.

use clap::Subcommand;

/// One thing that the agent does. As a subcommand it is the command line of `cordon demo-agent`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum Act {
    DescribeEnvironments,
    GetFunctionConfiguration {
        function: String,
    },
    UpdateEnvironment {
        environment: String,
        variable: String,
        value: String,
    },
    RebuildEnvironment {
        environment: String,
    },
    TerminateEnvironment {
        environment: String,
    },
    AddPermission {
        function: String,
        principal: String,
    },
}

/// Where an environment of Elastic Beanstalk keeps the variables of its application.
pub(super) const VARIABLES: &str = "aws:elasticbeanstalk:application:environment";

/// How a statement of a function's policy is named.
pub(super) const STATEMENT: &str = "everyone";

/// What a principal is let do by it.
pub(super) const INVOKE: &str = "lambda:InvokeFunction";

impl Act {
    /// The operation of AWS that it calls.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::DescribeEnvironments => "DescribeEnvironments",
            Self::GetFunctionConfiguration { .. } => "GetFunctionConfiguration",
            Self::UpdateEnvironment { .. } => "UpdateEnvironment",
            Self::RebuildEnvironment { .. } => "RebuildEnvironment",
            Self::TerminateEnvironment { .. } => "TerminateEnvironment",
            Self::AddPermission { .. } => "AddPermission",
        }
    }

    /// The arguments of the AWS CLI.
    pub(super) fn to_aws_cli(&self) -> Vec<String> {
        let line = match self {
            Self::DescribeEnvironments => {
                "elasticbeanstalk describe-environments --query Environments[].[EnvironmentName,Status,Health] --output text".to_owned()
            }
            Self::GetFunctionConfiguration { function } => format!(
                "lambda get-function-configuration --function-name {function} --query [FunctionName,Runtime,MemorySize] --output text"
            ),
            Self::UpdateEnvironment {
                environment,
                variable,
                value,
            } => format!(
                "elasticbeanstalk update-environment --environment-name {environment} --option-settings Namespace={VARIABLES},OptionName={variable},Value={value} --query [EnvironmentName,Status] --output text"
            ),
            Self::RebuildEnvironment { environment } => {
                format!("elasticbeanstalk rebuild-environment --environment-name {environment}")
            }
            Self::TerminateEnvironment { environment } => {
                format!("elasticbeanstalk terminate-environment --environment-name {environment}")
            }
            Self::AddPermission {
                function,
                principal,
            } => format!(
                "lambda add-permission --function-name {function} --statement-id {STATEMENT} --action {INVOKE} --principal {principal}"
            ),
        };
        line.split(' ').map(str::to_owned).collect()
    }

    /// The arguments of this program, over the AWS SDK for Rust.
    pub(super) fn to_own(&self) -> Vec<String> {
        let words = match self {
            Self::DescribeEnvironments => vec!["describe-environments"],
            Self::GetFunctionConfiguration { function } => {
                vec!["get-function-configuration", function]
            }
            Self::UpdateEnvironment {
                environment,
                variable,
                value,
            } => vec!["update-environment", environment, variable, value],
            Self::RebuildEnvironment { environment } => vec!["rebuild-environment", environment],
            Self::TerminateEnvironment { environment } => {
                vec!["terminate-environment", environment]
            }
            Self::AddPermission {
                function,
                principal,
            } => vec!["add-permission", function, principal],
        };
        let words = words.into_iter().map(str::to_owned);
        ["demo-agent".to_owned()].into_iter().chain(words).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::demo::story::steps;
    use clap::{Parser, Subcommand};

    #[derive(Parser)]
    struct Own {
        #[command(subcommand)]
        agent: Agent,
    }

    #[derive(Subcommand)]
    enum Agent {
        DemoAgent {
            #[command(subcommand)]
            act: Act,
        },
    }

    #[test]
    fn every_act_of_the_story_is_read_as_it_was_written() {
        for step in steps() {
            let line = ["cordon".to_owned()].into_iter().chain(step.act.to_own());
            let Agent::DemoAgent { act } = Own::try_parse_from(line).unwrap().agent;
            assert_eq!(act, step.act);
        }
    }

    #[test]
    fn both_clients_call_the_same_operation() {
        for step in steps() {
            let kebab = |operation: &str| {
                let mut name = String::new();
                for letter in operation.chars() {
                    if letter.is_uppercase() && !name.is_empty() {
                        name.push('-');
                    }
                    name.extend(letter.to_lowercase());
                }
                name
            };
            let operation = kebab(step.act.operation());
            assert_eq!(step.act.to_aws_cli().get(1), Some(&operation));
            assert_eq!(step.act.to_own().get(1), Some(&operation));
        }
    }
}
