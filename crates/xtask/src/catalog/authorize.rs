//! What each operation needs and touches: actions with conditions, and resource templates.
//!
//! In order, for the actions: our table, API Gateway's rule (action = HTTP method), the action of
//! the operation's own name, a guess that is marked as one. For the templates: our table, API
//! Gateway's rule (resource = path), equal names.

use super::Fault;
use super::models::{OperationModel, ServiceModel};
use super::parameters;
use super::reference::Reference;
use super::tables::{AccountRow, ConditionRow, OperationRow, ResourceRow, Tables};
use super::templates::{self, Template};
use cordon_aws::catalog::layout::condition;
use std::collections::BTreeMap;

/// What one operation needs and touches.
#[derive(Default)]
pub(super) struct Authorization {
    pub rules: Vec<Rule>,
    pub templates: Vec<Named>,
    pub assumed: bool,
    pub none: bool,
    /// The member that names the account in which the call acts; empty for none.
    pub account: String,
}

/// An action under a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub action: String,
    pub condition: u8,
    pub path: String,
    pub value: String,
}

/// A template of an action.
pub(super) struct Named {
    pub action: String,
    pub kind: String,
    pub required: bool,
    pub template: Template,
}

/// The reference and our tables, by operation.
pub(super) struct Authorizer<'a> {
    reference: &'a Reference,
    prefixes: BTreeMap<&'a str, &'a str>,
    operations: BTreeMap<(&'a str, &'a str), &'a OperationRow>,
    conditions: BTreeMap<(&'a str, &'a str), Vec<&'a ConditionRow>>,
    resources: BTreeMap<(&'a str, &'a str), Vec<&'a ResourceRow>>,
    accounts: &'a [AccountRow],
    ids: &'a str,
}

impl<'a> Authorizer<'a> {
    pub(super) fn new(reference: &'a Reference, tables: &'a Tables) -> Self {
        let mut conditions: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for row in &tables.conditions {
            conditions
                .entry((row.service.as_str(), row.operation.as_str()))
                .or_default()
                .push(row);
        }
        let mut resources: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for row in &tables.resources {
            resources
                .entry((row.service.as_str(), row.operation.as_str()))
                .or_default()
                .push(row);
        }
        let operations = tables.operations.iter();
        Self {
            reference,
            prefixes: tables
                .services
                .iter()
                .map(|(name, prefix)| (name.as_str(), prefix.as_str()))
                .collect(),
            operations: operations
                .map(|row| ((row.service.as_str(), row.operation.as_str()), row))
                .collect(),
            conditions,
            resources,
            accounts: &tables.accounts,
            ids: &tables.id_prefixes,
        }
    }

    /// The IAM prefix of a service.
    pub(super) fn prefix(&self, service: &'a ServiceModel) -> &'a str {
        if let Some(prefix) = self.prefixes.get(service.name.as_str()) {
            return prefix;
        }
        let candidates = [
            service.signing_name(),
            &service.model.metadata.endpoint_prefix,
            &service.name,
        ];
        let overlap = |prefix: &str| {
            let names = service.model.operations.keys();
            names
                .filter(|name| self.reference.action(&format!("{prefix}:{name}")).is_some())
                .count()
        };
        // The first of equals wins: `max_by_key` would take the last.
        let mut best = service.signing_name();
        for candidate in candidates {
            if overlap(candidate) > overlap(best) {
                best = candidate;
            }
        }
        best
    }

    /// What the operation needs and touches.
    pub(super) fn of(
        &self,
        service: &'a ServiceModel,
        prefix: &str,
        name: &'a str,
        operation: &OperationModel,
    ) -> Result<Authorization, Fault> {
        let mut found = Authorization {
            account: self.account(service, name, operation)?,
            ..Authorization::default()
        };
        let key = (service.name.as_str(), name);
        let own = format!("{prefix}:{name}");
        let gateway = prefix == "apigateway" && self.reference.action(&own).is_none();
        match (self.operations.get(&key), self.reference.action(&own)) {
            (Some(row), _) if row.actions == "-" => {
                found.none = !self.conditions.contains_key(&key)
            }
            (Some(row), _) => found.rules.extend(row.actions.split(',').map(always)),
            (None, Some(action)) => found.rules.push(always(&action.name)),
            (None, None) if gateway => {
                found
                    .rules
                    .push(always(&format!("apigateway:{}", operation.http.method)));
            }
            (None, None) => {
                found.rules.push(always(&own));
                found.assumed = true;
            }
        }
        if found.none {
            return Ok(found);
        }
        for row in self.conditions.get(&key).into_iter().flatten() {
            // What the table puts under a condition is not needed otherwise.
            found
                .rules
                .retain(|rule| rule.action != row.action || rule.condition != condition::ALWAYS);
        }
        for row in self.conditions.get(&key).into_iter().flatten() {
            let rule = Rule {
                action: row.action.clone(),
                condition: row.condition,
                path: row.path.clone(),
                value: row.value.clone(),
            };
            if !found.rules.contains(&rule) {
                found.rules.push(rule);
            }
        }
        self.passed_roles(service, operation, &mut found)?;
        self.created_tags(service, operation, &mut found)?;
        self.templates(service, name, operation, gateway, &mut found)?;
        Ok(found)
    }

    /// Every row of `accounts.tsv` names a member of some operation.
    pub(super) fn check_accounts(&self, models: &[ServiceModel]) -> Result<(), Fault> {
        for row in self.accounts {
            let mut services = models.iter().filter(|service| service.name == row.service);
            let named = services.any(|service| {
                let mut operations = service.model.operations.iter();
                operations.any(|(name, operation)| {
                    self.account(service, name, operation)
                        .is_ok_and(|member| member == row.member)
                })
            });
            if !named {
                let AccountRow {
                    service, member, ..
                } = row;
                return Err(
                    format!("accounts.tsv: no operation of `{service}` has `{member}`").into(),
                );
            }
        }
        Ok(())
    }

    /// The member that names the account in which the operation acts.
    fn account(
        &self,
        service: &ServiceModel,
        name: &str,
        operation: &OperationModel,
    ) -> Result<String, Fault> {
        let Some(input) = &operation.input else {
            return Ok(String::new());
        };
        let members = &service.shape(&input.shape)?.members;
        let row = self.accounts.iter().find(|row| {
            row.service == service.name
                && (row.operation == "*" || row.operation == name)
                && members.0.iter().any(|(member, _)| *member == row.member)
        });
        Ok(row.map(|row| row.member.clone()).unwrap_or_default())
    }

    /// `iam:PassRole` for each parameter that is a role, where the reference says that the action
    /// may need it.
    fn passed_roles(
        &self,
        service: &ServiceModel,
        operation: &OperationModel,
        found: &mut Authorization,
    ) -> Result<(), Fault> {
        let tables = found.rules.iter().any(|rule| rule.action == PASS_ROLE);
        if !tables && !self.depends(found, |action| action == PASS_ROLE) {
            return Ok(());
        }
        for parameter in parameters::all(service, operation)? {
            let name = templates::plain(&parameter.name);
            let named = ["role", "roles", "rolearn", "rolearns", "roleoverride"]
                .iter()
                .any(|end| name.ends_with(end));
            // A finding about a role names it too, but hands it to nobody.
            let handed = !parameter.path.contains("resourceIdentifier");
            let text = parameter.kind == "string" && named && handed && parameter.words.is_empty();
            let instance_profile = parameter.kind == "structure" && name == "iaminstanceprofile";
            if !text && !instance_profile {
                continue;
            }
            let rule = Rule {
                action: PASS_ROLE.to_owned(),
                condition: condition::PRESENT,
                path: parameter.path.clone(),
                value: String::new(),
            };
            if !found.rules.contains(&rule) {
                found.rules.push(rule);
            }
        }
        let paths: Vec<String> = found
            .rules
            .iter()
            .filter(|rule| rule.action == PASS_ROLE && rule.condition == condition::PRESENT)
            .map(|rule| rule.path.clone())
            .collect();
        for path in paths {
            // The role inside an instance profile is not on the wire: any role.
            if path.ends_with("InstanceProfile") || path.ends_with("instanceProfileName") {
                continue;
            }
            let text = format!("arn:${{Partition}}:iam::${{Account}}:role/{{{path}}}");
            found.templates.push(Named {
                action: PASS_ROLE.to_owned(),
                kind: "iam:role".to_owned(),
                required: true,
                template: templates::parse(&text, None, self.ids)?,
            });
        }
        Ok(())
    }

    /// `ec2:CreateTags` on what the call creates, where it carries tags: EC2 asks for it of every
    /// operation that takes `TagSpecifications`, which the reference does not say.
    fn created_tags(
        &self,
        service: &ServiceModel,
        operation: &OperationModel,
        found: &mut Authorization,
    ) -> Result<(), Fault> {
        if service.name != "ec2" {
            return Ok(());
        }
        let tagged = parameters::all(service, operation)?
            .into_iter()
            .any(|parameter| parameter.path == "TagSpecifications[]");
        if !tagged {
            return Ok(());
        }
        found.rules.push(Rule {
            action: CREATE_TAGS.to_owned(),
            condition: condition::PRESENT,
            path: "TagSpecifications".to_owned(),
            value: String::new(),
        });
        let text = "arn:${Partition}:ec2:${Region}:${Account}:{TagSpecifications[].ResourceType}/*";
        found.templates.push(Named {
            action: CREATE_TAGS.to_owned(),
            kind: String::new(),
            required: true,
            template: templates::parse(text, None, self.ids)?,
        });
        Ok(())
    }

    fn depends(&self, found: &Authorization, wanted: impl Fn(&str) -> bool) -> bool {
        let actions = found
            .rules
            .iter()
            .filter_map(|rule| self.reference.action(&rule.action));
        actions
            .into_iter()
            .any(|action| action.dependents.iter().any(|name| wanted(name)))
    }

    fn templates(
        &self,
        service: &ServiceModel,
        name: &str,
        operation: &OperationModel,
        gateway: bool,
        found: &mut Authorization,
    ) -> Result<(), Fault> {
        let rows = self.resources.get(&(service.name.as_str(), name));
        let mut actions: Vec<String> = found.rules.iter().map(|rule| rule.action.clone()).collect();
        actions.dedup();
        let mut borrowed = Vec::new();
        for action in actions {
            if found.templates.iter().any(|named| named.action == action) {
                continue;
            }
            let of_action = rows
                .into_iter()
                .flatten()
                .filter(|row| row.action == action);
            let before = found.templates.len();
            for row in of_action {
                found.templates.push(self.row(row).map_err(|error| {
                    format!("resources.tsv: {} {}: {error}", row.service, row.operation)
                })?);
            }
            if gateway {
                found
                    .templates
                    .push(self.gateway(service, operation, &action)?);
            }
            if found.templates.len() == before && rows.is_none() {
                self.derived(service, name, operation, &action, found)?;
            }
            if found.templates.len() == before {
                borrowed.push(action);
            }
        }
        // An action that comes with another one, such as tagging what is written, acts on the
        // same resource where both know the type.
        for action in borrowed {
            let Some(entry) = self.reference.action(&action) else {
                continue;
            };
            let prefix = action.split(':').next().unwrap_or_default();
            let shared = found.templates.iter().find(|named| {
                entry
                    .types
                    .iter()
                    .any(|(kind, _)| named.kind == format!("{prefix}:{kind}"))
            });
            if let Some(named) = shared {
                let named = Named {
                    action: action.clone(),
                    kind: named.kind.clone(),
                    required: named.required,
                    template: named.template.clone(),
                };
                found.templates.push(named);
            }
        }
        Ok(())
    }

    fn row(&self, row: &ResourceRow) -> Result<Named, Fault> {
        let prefix = row.action.split(':').next().unwrap_or_default();
        let kind = match row.kind.is_empty() {
            true => String::new(),
            false => format!("{prefix}:{}", row.kind),
        };
        let entry = self.reference.resource_type(&kind);
        let required = self.reference.action(&row.action).is_some_and(|action| {
            action
                .types
                .iter()
                .any(|(name, required)| *required && *name == row.kind)
        });
        Ok(Named {
            action: row.action.clone(),
            kind: entry.map_or(kind, |entry| entry.kind.clone()),
            required,
            template: templates::parse(&row.names, entry, self.ids)?,
        })
    }

    /// API Gateway's resources are the paths of its own API, without the version.
    fn gateway(
        &self,
        service: &ServiceModel,
        operation: &OperationModel,
        action: &str,
    ) -> Result<Named, Fault> {
        let uri = operation
            .http
            .request_uri
            .split('?')
            .next()
            .unwrap_or_default();
        let mut path = uri.strip_prefix("/v2").unwrap_or(uri).replace("+}", "}");
        if let Some(input) = &operation.input {
            for (name, member) in &service.shape(&input.shape)?.members.0 {
                if let (true, Some(label)) = (member.location == "uri", &member.location_name) {
                    path = path.replace(&format!("{{{label}}}"), &format!("{{{name}}}"));
                }
            }
        }
        let text = format!("arn:${{Partition}}:apigateway:${{Region}}::{path}");
        Ok(Named {
            action: action.to_owned(),
            kind: "apigateway".to_owned(),
            required: true,
            template: templates::parse(&text, None, self.ids)?,
        })
    }

    /// Templates by equal names.
    fn derived(
        &self,
        service: &ServiceModel,
        name: &str,
        operation: &OperationModel,
        action: &str,
        found: &mut Authorization,
    ) -> Result<(), Fault> {
        let Some(entry) = self.reference.action(action) else {
            return Ok(());
        };
        let members = parameters::members(service, operation)?;
        let prefix = action.split(':').next().unwrap_or_default();
        // Tagging and policy operations name a resource of any type by its ARN.
        let any_type = ["Tag", "ResourcePolic", "Permission"]
            .iter()
            .any(|word| name.contains(word));
        let whole = members.iter().filter(|_| any_type).find(|(name, list)| {
            !list && matches!(templates::plain(name).as_str(), "resourcearn" | "resource")
        });
        if let (Some((path, _)), false) = (whole, entry.types.is_empty()) {
            found.templates.push(Named {
                action: action.to_owned(),
                kind: match entry.types.as_slice() {
                    [(kind, _)] => format!("{prefix}:{kind}"),
                    _ => String::new(),
                },
                required: true,
                template: templates::parse(&format!("@{path}"), None, self.ids)?,
            });
            return Ok(());
        }
        for (kind, required) in &entry.types {
            let Some(resource_type) = self.reference.resource_type(&format!("{prefix}:{kind}"))
            else {
                continue;
            };
            let names = templates::derive(resource_type, &members, name);
            let Some(names) = names else { continue };
            found.templates.push(Named {
                action: action.to_owned(),
                kind: resource_type.kind.clone(),
                required: *required,
                template: templates::parse(&names, Some(resource_type), self.ids)?,
            });
        }
        Ok(())
    }
}

const PASS_ROLE: &str = "iam:PassRole";
const CREATE_TAGS: &str = "ec2:CreateTags";

fn always(action: &str) -> Rule {
    Rule {
        action: action.to_owned(),
        condition: condition::ALWAYS,
        path: String::new(),
        value: String::new(),
    }
}
