//! `cordon catalog`: what is known about AWS services and operations.

mod show;

use crate::failure::Failure;
use crate::output::{self, Format};
use clap::Subcommand;
use cordon_aws::catalog::{self, Service};
use serde_json::json;
use std::process::ExitCode;

/// Subcommands of `cordon catalog`.
#[derive(Debug, Subcommand)]
pub(crate) enum Catalog {
    /// Sources, versions and counts
    Info {
        /// For people or for programs
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// One service, or one operation of it: how it is called, what it needs, what it does
    Show {
        /// SERVICE or SERVICE:OPERATION, by botocore's names: lambda, elbv2:DeleteListener
        name: String,
        /// For people or for programs
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

impl Catalog {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Info { format } => info(format),
            Self::Show { name, format } => {
                let shown = show::find(&name)?;
                match format {
                    Format::Json => output::json(&shown),
                    Format::Human => output::line(format_args!("{}", shown.text())),
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn info(format: Format) {
    let catalog = catalog::Catalog::embedded();
    let services = catalog.services().count();
    let operations: usize = catalog
        .services()
        .map(|service| service.operations().count())
        .sum();
    let actions = catalog
        .actions()
        .filter(|rule| rule.handle().known())
        .count();
    let refused = catalog
        .services()
        .flat_map(Service::operations)
        .filter(|operation| operation.assumed_action())
        .count();
    match format {
        Format::Json => output::json(&json!({
            "version": catalog.version(), "services": services, "operations": operations, "iam_actions": actions,
            "operations_without_known_action": refused,
        })),
        Format::Human => {
            output::line(format_args!("{}", catalog.version()));
            output::line(format_args!(
                "{services} services, {operations} operations, {actions} IAM actions"
            ));
            output::line(format_args!(
                "{refused} operations are refused: no reference names the action that guards them"
            ));
        }
    }
}
