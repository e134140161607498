//! `cordon catalog`: what is known about AWS services and operations.

use crate::failure::Failure;
use crate::output::{self, Format};
use clap::Subcommand;
use cordon_aws::catalog::{self, Condition, Operation, Service};
use serde_json::{Value, json};
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
    /// One service, or one operation of it
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
            Self::Show { name, format } => show(&name, format)?,
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

fn show(name: &str, format: Format) -> Result<(), Failure> {
    let (service, operation) = name
        .split_once(':')
        .map_or((name, None), |(s, o)| (s, Some(o)));
    let Some(service) = catalog::Catalog::embedded().service(service) else {
        return Err(
            Failure::new(format!("`{service}` is not a service of the catalog"))
                .help("use botocore's name, as the AWS CLI does: elbv2, logs, stepfunctions"),
        );
    };
    let value = match operation {
        None => service_value(service),
        Some(operation) => match service.operation(operation) {
            Some(operation) => operation_value(operation),
            None => {
                return Err(Failure::new(format!(
                    "`{operation}` is not an operation of {}",
                    service.name()
                ))
                .help(format!(
                    "`cordon catalog show {}` lists them",
                    service.name()
                )));
            }
        },
    };
    match format {
        Format::Json => output::json(&value),
        Format::Human => print_tree(&value, 0),
    }
    Ok(())
}

fn service_value(service: Service) -> Value {
    json!({
        "service": service.name(),
        "signing_name": service.signing_name(),
        "endpoint": service.endpoint_prefix(),
        "iam_prefix": service.iam_prefix(),
        "protocols": service.protocols().iter().map(|protocol| protocol.as_str()).collect::<Vec<_>>(),
        "operations": service.operations().map(|operation| operation.name()).collect::<Vec<_>>(),
    })
}

fn operation_value(operation: Operation) -> Value {
    let actions = operation.actions().map(|rule| {
        json!({
            "action": rule.action, "when": condition(rule.when),
            "access_level": rule.level.as_str(), "class": rule.class.as_str(),
        })
    });
    let resources = operation.resources().map(|resource| {
        json!({ "action": resource.action.name(), "kind": resource.kind, "arn": resource.template })
    });
    json!({
        "service": operation.service().name(),
        "operation": operation.name(),
        "method": operation.method(),
        "uri": operation.uri(),
        "action_known": !operation.assumed_action(),
        "actions": actions.collect::<Vec<_>>(),
        "resources": resources.collect::<Vec<_>>(),
        "parameters": operation.input().into_iter().flat_map(|input| input.members())
            .map(|member| member.name()).collect::<Vec<_>>(),
    })
}

/// When an action is needed, in words.
fn condition(when: Condition) -> String {
    match when {
        Condition::Always => "always".to_owned(),
        Condition::Present(path) => format!("{path} is given"),
        Condition::Absent(path) => format!("{path} is not given"),
        Condition::Equals(path, value) => format!("{path} is {value}"),
        Condition::Contains(path, value) => format!("{path} contains {value}"),
        Condition::Lacks(path, value) => format!("{path} does not contain {value}"),
        Condition::Begins(path, value) => format!("{path} begins with {value}"),
    }
}

/// Prints a JSON value as an indented outline.
fn print_tree(value: &Value, depth: usize) {
    let Value::Object(members) = value else {
        return;
    };
    let indent = "  ".repeat(depth);
    for (name, value) in members {
        match value {
            Value::Array(items) if items.iter().any(Value::is_object) => {
                output::line(format_args!("{indent}{name}"));
                for item in items {
                    print_tree(item, depth + 1);
                    output::line(format_args!(""));
                }
            }
            Value::Array(items) => {
                let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                output::line(format_args!("{indent}{name:14} {}", items.join(", ")));
            }
            other => output::line(format_args!(
                "{indent}{name:14} {}",
                other.as_str().unwrap_or_default()
            )),
        }
    }
}
