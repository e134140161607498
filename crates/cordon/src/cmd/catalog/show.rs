//! `cordon catalog show`: one service or operation as the catalog has it.
//!
//! Takes a name; gives what is decided by when such a call comes: the ways in which it may be
//! called, its actions with their conditions, the parameters that name its resources, and why it
//! would be refused whatever a task allows. The rows are for programs as well, so that a name in
//! them does not change.

use crate::failure::Failure;
use cordon_aws::call::Protocol;
use cordon_aws::catalog::{
    self, Condition, EffectRule, Operation, Part, ResourceTemplate, Service, Test,
};
use cordon_aws::classify::class_of;
use cordon_aws::identify::unsupported;
use cordon_core::fault::did_you_mean;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What `show` shows.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Shown {
    Service(ServiceRow),
    Operation(OperationRow),
}

#[derive(Debug, Serialize)]
pub(super) struct ServiceRow {
    service: &'static str,
    service_id: &'static str,
    protocols: Vec<&'static str>,
    signing_name: &'static str,
    endpoint: &'static str,
    iam_prefix: &'static str,
    api_version: &'static str,
    hosts: Vec<HostRow>,
    /// How many operations have each class.
    classes: BTreeMap<&'static str, usize>,
    /// How many operations are refused whatever a task allows.
    refused: usize,
    operations: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct HostRow {
    partition: &'static str,
    host: String,
    form: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct OperationRow {
    service: &'static str,
    operation: &'static str,
    access_level: Option<&'static str>,
    class: &'static str,
    routes: Vec<Route>,
    action_known: bool,
    actions: Vec<ActionRow>,
    resources: Vec<ResourceRow>,
    effects: Vec<EffectRow>,
    parameters: Vec<ParameterRow>,
    notes: Vec<String>,
}

/// One way to call an operation.
#[derive(Debug, Serialize)]
struct Route {
    protocol: &'static str,
    method: &'static str,
    uri: String,
    /// What else names the operation: a header, or pairs of the form.
    selector: String,
}

#[derive(Debug, Serialize)]
struct ActionRow {
    action: &'static str,
    when: String,
    access_level: &'static str,
    class: &'static str,
}

#[derive(Debug, Serialize)]
struct ResourceRow {
    action: &'static str,
    kind: &'static str,
    arn: &'static str,
    /// The parameters that name it.
    parameters: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct EffectRow {
    when: String,
    effect: &'static str,
    /// The class that the call then has at least.
    class: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct ParameterRow {
    name: &'static str,
    kind: &'static str,
    required: bool,
}

/// The service or operation called `name`.
///
/// # Errors
/// Where there is none, with the name that was probably meant.
pub(super) fn find(name: &str) -> Result<Shown, Failure> {
    let (service, operation) = name
        .split_once(':')
        .map_or((name, None), |(service, operation)| {
            (service, Some(operation))
        });
    let found = catalog::Catalog::embedded().service(service);
    let found = found.ok_or_else(|| no_service(service))?;
    let Some(operation) = operation else {
        return Ok(Shown::Service(ServiceRow::of(found)));
    };
    match found.operation(operation) {
        Some(operation) => Ok(Shown::Operation(OperationRow::of(operation))),
        None => Err(no_operation(found, operation)),
    }
}

fn no_service(name: &str) -> Failure {
    let catalog = catalog::Catalog::embedded();
    let failure = Failure::new(format!("`{name}` is not a service of the catalog"));
    // People know many services by the name in their ARNs and policies.
    let known_as: Vec<&str> = catalog
        .services()
        .filter(|service| {
            let names = [
                service.signing_name(),
                service.iam_prefix(),
                service.endpoint_prefix(),
            ];
            names.contains(&name)
        })
        .map(Service::name)
        .collect();
    if !known_as.is_empty() {
        return failure.help(format!(
            "it is the name of {} in policies or hosts",
            known_as.join(", ")
        ));
    }
    let near = did_you_mean(name, catalog.services().map(Service::name));
    failure.help(near.unwrap_or_else(|| {
        "use botocore's name, as the AWS CLI does: elbv2, logs, stepfunctions".to_owned()
    }))
}

fn no_operation(service: Service, name: &str) -> Failure {
    let failure = Failure::new(format!(
        "`{name}` is not an operation of {}",
        service.name()
    ));
    let near = did_you_mean(name, service.operations().map(Operation::name));
    failure.help(
        near.unwrap_or_else(|| format!("`cordon catalog show {}` lists them", service.name())),
    )
}

impl Shown {
    /// For people, without the line feed at the end.
    pub(super) fn text(&self) -> String {
        let mut text = match self {
            Self::Service(row) => row.text(),
            Self::Operation(row) => row.text(),
        };
        text.truncate(text.trim_end().len());
        text
    }
}

impl ServiceRow {
    fn of(service: Service) -> Self {
        let mut hosts: Vec<_> = service.host_patterns().collect();
        hosts.sort();
        hosts.dedup();
        let mut classes = BTreeMap::new();
        for operation in service.operations() {
            *classes.entry(class_of(operation).as_str()).or_default() += 1;
        }
        Self {
            service: service.name(),
            service_id: service.service_id(),
            protocols: service
                .protocols()
                .iter()
                .map(|protocol| protocol.as_str())
                .collect(),
            signing_name: service.signing_name(),
            endpoint: service.endpoint_prefix(),
            iam_prefix: service.iam_prefix(),
            api_version: service.api_version(),
            hosts: hosts
                .into_iter()
                .map(|pattern| HostRow {
                    partition: pattern.partition,
                    host: pattern.host,
                    form: pattern.form.as_str(),
                })
                .collect(),
            classes,
            refused: service
                .operations()
                .filter(|operation| is_refused(*operation))
                .count(),
            operations: service.operations().map(Operation::name).collect(),
        }
    }

    fn text(&self) -> String {
        let mut out = format!("{} ({})\n\n", self.service, self.service_id);
        let classes = self
            .classes
            .iter()
            .map(|(class, count)| format!("{count} {class}"));
        let count = self.operations.len();
        let refused = match self.refused {
            0 => "none".to_owned(),
            refused => format!("{refused} operations, whatever a task allows"),
        };
        for (name, value) in [
            ("protocols", self.protocols.join(", ")),
            ("signed as", self.signing_name.to_owned()),
            ("IAM prefix", self.iam_prefix.to_owned()),
            ("version", self.api_version.to_owned()),
            (
                "operations",
                format!("{count}: {}", classes.collect::<Vec<_>>().join(", ")),
            ),
            ("refused", refused),
        ] {
            let _ = writeln!(out, "{name:14} {value}");
        }
        let hosts = self.hosts.iter().map(|row| {
            [
                row.host.clone(),
                row.partition.to_owned(),
                row.form.to_owned(),
            ]
        });
        section(&mut out, "hosts", hosts);
        let names = self.operations.iter().map(|name| [(*name).to_owned()]);
        section(&mut out, "operations", names);
        out
    }
}

impl OperationRow {
    fn of(operation: Operation) -> Self {
        let service = operation.service();
        let always = operation
            .actions()
            .filter(|rule| rule.when == Condition::Always);
        Self {
            service: service.name(),
            operation: operation.name(),
            access_level: always
                .map(|rule| rule.level)
                .max()
                .map(|level| level.as_str()),
            class: class_of(operation).as_str(),
            routes: service
                .protocols()
                .iter()
                .map(|protocol| route(operation, *protocol))
                .collect(),
            action_known: !operation.assumed_action(),
            actions: operation
                .actions()
                .map(|rule| ActionRow {
                    action: rule.action,
                    when: condition(rule.when),
                    access_level: rule.level.as_str(),
                    class: rule.class.as_str(),
                })
                .collect(),
            resources: operation.resources().map(resource).collect(),
            effects: operation.effects().map(effect).collect(),
            parameters: operation
                .input()
                .into_iter()
                .flat_map(|input| input.members())
                .map(|member| ParameterRow {
                    name: member.name(),
                    kind: member.shape().kind().as_str(),
                    required: member.required(),
                })
                .collect(),
            notes: notes(operation),
        }
    }

    fn text(&self) -> String {
        let mut out = format!("{}:{}\n\n", self.service, self.operation);
        let _ = writeln!(out, "{:14} {}", "class", self.class);
        let _ = writeln!(
            out,
            "{:14} {}",
            "access level",
            self.access_level.unwrap_or("none")
        );
        let routes = self.routes.iter().map(|row| {
            [
                row.protocol.to_owned(),
                format!("{} {}", row.method, row.uri),
                row.selector.clone(),
            ]
        });
        section(&mut out, "called by", routes);
        let actions = self.actions.iter().map(|row| {
            [
                row.action.to_owned(),
                row.access_level.to_owned(),
                row.class.to_owned(),
                row.when.clone(),
            ]
        });
        section(&mut out, "actions", actions);
        let resources = self.resources.iter().map(|row| {
            [
                row.action.to_owned(),
                row.arn.to_owned(),
                format!("by {}", or_nothing(&row.parameters)),
            ]
        });
        section(&mut out, "resources", resources);
        let effects = self.effects.iter().map(|row| {
            let class = row.class.map(|class| format!("at least {class}"));
            [
                row.effect.to_owned(),
                class.unwrap_or_default(),
                row.when.clone(),
            ]
        });
        section(&mut out, "effects", effects);
        let parameters = self.parameters.iter().map(|row| {
            let required = if row.required { "required" } else { "" };
            [
                row.name.to_owned(),
                row.kind.to_owned(),
                required.to_owned(),
            ]
        });
        section(&mut out, "parameters", parameters);
        section(
            &mut out,
            "notes",
            self.notes.iter().map(|note| [note.clone()]),
        );
        out
    }
}

fn or_nothing(names: &[&str]) -> String {
    match names {
        [] => "no parameter".to_owned(),
        names => names.join(", "),
    }
}

/// Rows under a heading, in columns; nothing where there are no rows.
fn section<const N: usize>(
    out: &mut String,
    heading: &str,
    rows: impl Iterator<Item = [String; N]>,
) {
    let rows: Vec<[String; N]> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{heading}");
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    });
    for row in &rows {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(out, "  {}", line.trim_end());
    }
}

fn is_refused(operation: Operation) -> bool {
    operation.assumed_action() || unsupported(operation).is_some()
}

fn route(operation: Operation, protocol: Protocol) -> Route {
    let service = operation.service();
    let (uri, selector) = match protocol {
        Protocol::Query | Protocol::Ec2 => (
            "/".to_owned(),
            format!(
                "Action={}&Version={}",
                operation.name(),
                service.api_version()
            ),
        ),
        Protocol::Json10 | Protocol::Json11 => (
            "/".to_owned(),
            format!(
                "X-Amz-Target: {}.{}",
                service.target_prefix(),
                operation.name()
            ),
        ),
        Protocol::RpcV2Cbor => (
            format!(
                "/service/{}/operation/{}",
                service.rpc_name(),
                operation.name()
            ),
            "Smithy-Protocol: rpc-v2-cbor".to_owned(),
        ),
        Protocol::RestJson | Protocol::RestXml => (operation.uri().to_owned(), String::new()),
    };
    let rest = matches!(protocol, Protocol::RestJson | Protocol::RestXml);
    Route {
        protocol: protocol.as_str(),
        method: if rest { operation.method() } else { "POST" },
        uri,
        selector,
    }
}

fn resource(template: ResourceTemplate) -> ResourceRow {
    let parameters = template
        .segments()
        .filter_map(|segment| match segment.part {
            Part::Parameter(path) | Part::Whole(path) | Part::Beside(path) => Some(path),
            Part::Literal(_) | Part::Partition | Part::Region | Part::Account => None,
        });
    ResourceRow {
        action: template.action.name(),
        kind: template.kind,
        arn: template.template,
        parameters: parameters.collect(),
    }
}

fn effect(rule: EffectRule) -> EffectRow {
    let when = match rule.test {
        Test::Always => "always".to_owned(),
        Test::Present => format!("{} is given", rule.path),
        Test::Absent => format!("{} is not given", rule.path),
        test if rule.value.is_empty() => format!("{} {}", rule.path, test.as_str()),
        test => format!("{} {} {}", rule.path, test.as_str(), rule.value),
    };
    EffectRow {
        when,
        effect: rule.effect.as_str(),
        class: rule.class.map(|class| class.as_str()),
    }
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
        Condition::Differs(path, value) => format!("{path} is not {value}"),
        Condition::Begins(path, value) => format!("{path} begins with {value}"),
    }
}

/// What else there is to know, refusals first.
fn notes(operation: Operation) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(reason) = unsupported(operation) {
        notes.push(format!("refused (unsupported-operation): {reason}"));
    }
    let prefix = operation.host_prefix();
    let account = operation.account_member();
    for (holds, note) in [
        (
            operation.assumed_action(),
            "refused (unknown-action): no reference names its IAM action, and the one here is a guess",
        ),
        (
            operation.no_action(),
            "no IAM action guards it: a token does, or nothing",
        ),
        (
            operation.unsigned(),
            "AWS takes it without a signature; Cordon wants one",
        ),
        (
            operation.returns_credentials(),
            "its answer holds credentials, or a token that stands for them",
        ),
        (
            operation.certainly_destroys(),
            "it destroys for certain, whatever its parameters",
        ),
        (
            operation.streams_input(),
            "its body streams by and is not held",
        ),
        (operation.accepts_gzip(), "its body may be compressed"),
        (
            operation.event_stream() && !operation.event_stream_input(),
            "its answer is a stream of events",
        ),
        (
            operation.endpoint_discovery(),
            "clients ask the service for its endpoint first",
        ),
    ] {
        if holds {
            notes.push(note.to_owned());
        }
    }
    if !prefix.is_empty() {
        notes.push(format!("its host begins with `{prefix}`"));
    }
    if !account.is_empty() {
        notes.push(format!("it acts in the account that `{account}` names"));
    }
    notes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    fn json(name: &str) -> serde_json::Value {
        serde_json::to_value(find(name).unwrap()).unwrap()
    }

    #[test]
    fn a_service_is_shown_with_its_names_hosts_and_counts() {
        let shown = json("elbv2");
        assert_eq!(shown["signing_name"], "elasticloadbalancing");
        assert_eq!(shown["protocols"], serde_json::json!(["query"]));
        let hosts = shown["hosts"].as_array().unwrap();
        let host = |name: &str, partition: &str, form: &str| {
            hosts.iter().any(|row| {
                row["host"] == name && row["partition"] == partition && row["form"] == form
            })
        };
        assert!(host(
            "elasticloadbalancing.{region}.amazonaws.com",
            "aws",
            "standard"
        ));
        assert!(host(
            "elasticloadbalancing.{region}.amazonaws.com.cn",
            "aws-cn",
            "standard"
        ));
        let operations = shown["operations"].as_array().unwrap();
        let classes = shown["classes"].as_object().unwrap();
        let counted: u64 = classes.values().filter_map(serde_json::Value::as_u64).sum();
        assert_eq!(counted, operations.len() as u64);
        let text = find("elbv2").unwrap().text();
        assert!(
            text.starts_with("elbv2 (Elastic Load Balancing v2)\n"),
            "{text}"
        );
    }

    #[test]
    fn an_operation_is_shown_with_all_that_decides() {
        let shown = json("lambda:CreateFunction");
        let actions = shown["actions"].as_array().unwrap();
        let pass = actions
            .iter()
            .find(|row| row["action"] == "iam:PassRole")
            .unwrap();
        assert_eq!(pass["when"], "Role is given");
        let resources = shown["resources"].as_array().unwrap();
        let function = resources
            .iter()
            .find(|row| row["kind"] == "lambda:function")
            .unwrap();
        assert_eq!(function["parameters"], serde_json::json!(["FunctionName"]));
        assert_eq!(shown["routes"][0]["method"], "POST");
        assert_eq!(shown["routes"][0]["uri"], "/2015-03-31/functions");
    }

    #[test]
    fn every_protocol_of_an_operation_has_its_route() {
        let shown = json("cloudwatch:PutMetricData");
        let routes = shown["routes"].as_array().unwrap();
        let selectors: Vec<_> = routes
            .iter()
            .filter_map(|route| route["selector"].as_str())
            .collect();
        assert_eq!(
            selectors,
            [
                "Smithy-Protocol: rpc-v2-cbor",
                "X-Amz-Target: GraniteServiceVersion20100801.PutMetricData",
                "Action=PutMetricData&Version=2010-08-01",
            ]
        );
    }

    #[test]
    fn what_is_refused_whatever_a_task_allows_says_so() {
        let notes = |name| json(name)["notes"].to_string();
        assert!(notes("sdb:DeleteDomain").contains("unsupported-operation"));
        assert!(notes("lexv2-runtime:StartConversation").contains("stream of events"));
        let guess = catalog::Catalog::embedded()
            .services()
            .flat_map(Service::operations)
            .find(|operation| operation.assumed_action())
            .unwrap();
        let name = format!("{}:{}", guess.service().name(), guess.name());
        assert!(notes(&name).contains("unknown-action"));
        assert_eq!(json(&name)["action_known"], false);
    }

    #[test]
    fn everything_can_be_shown() {
        for service in catalog::Catalog::embedded().services() {
            let row = ServiceRow::of(service);
            assert!(!row.operations.is_empty(), "{}", service.name());
            for operation in service.operations() {
                let row = Shown::Operation(OperationRow::of(operation));
                assert!(row.text().contains("called by"), "{operation:?}");
            }
        }
    }

    #[test]
    fn a_name_that_is_none_is_told_which_was_meant() {
        let told = |name: &str| {
            find(name)
                .unwrap_err()
                .helped()
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(told("lamda"), "did you mean `lambda`?");
        assert_eq!(told("lambda:invoke"), "did you mean `Invoke`?");
        assert_eq!(
            told("lambda:zzz"),
            "`cordon catalog show lambda` lists them"
        );
        assert_eq!(
            told("elasticloadbalancing"),
            "it is the name of elb, elbv2 in policies or hosts"
        );
        assert!(told("zzz").starts_with("use botocore's name"));
    }
}
