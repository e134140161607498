//! The schema that a bundle is validated against: the hand-written part, every action and service
//! that the policies name, and one stand-in for each kind of action that they cannot tell apart.
//!
//! Validation looks at every policy for every action. With the whole catalog that takes more than
//! a minute and a gigabyte; what it finds depends only on what policies can tell actions by, so
//! some dozens of actions give the same findings in milliseconds. Names are first checked against
//! the whole catalog, so that a misspelt action is found and not taken for a new one.

use super::lint::{Read, of_diagnostic};
use super::slice::Mentioned;
use crate::action::{Actions, Groups, prefix_of};
use crate::fact::Fact;
use crate::fault::{Fault, Faults, did_you_mean};
use cedar_policy::{PolicySet, Schema, SchemaFragment, ValidationMode, Validator};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The groups that the hand-written part declares.
const GROUPS: [&str; 10] = [
    "any",
    "class:observe",
    "class:data",
    "class:mutate",
    "class:create",
    "class:update",
    "class:disrupt",
    "class:destroy",
    "class:identity",
    "class:weaken",
];

/// How far entities are loaded: the principal, its task, what that points to, and nothing more.
const LEVEL: u32 = 2;

/// Reports every action, service and class that the policies name and the catalog does not know.
pub(crate) fn check_names(read: &[Read<'_>], actions: &Actions, faults: &mut Vec<Fault>) {
    for policy in read {
        let named: BTreeSet<String> = policy
            .policy
            .entity_literals()
            .into_iter()
            .filter(|literal| literal.type_name() == &*crate::cedar::ACTION)
            .map(|literal| AsRef::<str>::as_ref(literal.id()).to_owned())
            .collect();
        for name in named {
            let help = match name.strip_prefix("svc:") {
                Some(service) if actions.has_prefix(service) => continue,
                Some(service) => did_you_mean(service, actions.prefixes()),
                None if GROUPS.contains(&&*name) || actions.find(&name).is_some() => continue,
                None if name.starts_with("class:") => did_you_mean(&name, GROUPS),
                None => suggest_action(&name, actions),
            };
            let message = format!("the catalog knows no action or group `{name}`");
            let place = format!("\"{name}\"");
            faults.push(policy.fault_at(&place, message, help.unwrap_or_default()));
        }
    }
}

/// The action that `name` was probably meant to be; the same service is looked at first.
pub(crate) fn suggest_action(name: &str, actions: &Actions) -> Option<String> {
    let prefix = prefix_of(name);
    match actions.has_prefix(prefix) {
        true => did_you_mean(name, actions.of_prefix(prefix).map(|(_, rule)| rule.action)),
        false => did_you_mean(prefix, actions.prefixes())
            .map(|help| format!("there is no service `{prefix}`; {help}")),
    }
}

/// Builds the sliced schema around the hand-written `text`.
pub(crate) fn build(
    file: &str,
    text: &str,
    mentioned: &Mentioned,
    actions: &Actions,
) -> Result<Schema, Faults> {
    let fragment = match SchemaFragment::from_cedarschema_str(text) {
        Ok((fragment, _)) => fragment,
        Err(error) => return Err(of_diagnostic(file, text, &error).into()),
    };
    let mut faults = Vec::new();
    check_facts(file, &fragment, &mut faults);
    let generated = generate(mentioned, actions);
    let schema = SchemaFragment::from_cedarschema_str(&generated)
        .map_err(|error| Fault::of_file(file, error.to_string(), "").into())
        .and_then(|(generated, _)| {
            Schema::from_schema_fragments([fragment, generated])
                .map_err(|error| Faults::from(of_diagnostic(file, text, &error)))
        })?;
    Faults::or(faults, schema)
}

/// The facts of the schema and those that guards can find must be the same, or a policy could
/// wait for a fact that never comes.
fn check_facts(file: &str, fragment: &SchemaFragment, faults: &mut Vec<Fault>) {
    let json = fragment.clone().to_json_value().unwrap_or_default();
    let declared: BTreeSet<&str> = json
        .pointer("/Cordon/entityTypes/Fact/enum")
        .and_then(|facts| facts.as_array())
        .map(|facts| facts.iter().filter_map(|fact| fact.as_str()).collect())
        .unwrap_or_default();
    let known: BTreeSet<&str> = Fact::ALL.iter().map(|fact| fact.as_str()).collect();
    let differing: Vec<&str> = declared.symmetric_difference(&known).copied().collect();
    if !differing.is_empty() {
        let message = format!(
            "`Cordon::Fact` differs from the facts of this version: {}",
            differing.join(", ")
        );
        faults.push(Fault::of_file(
            file,
            message,
            "copy the list from the baseline bundle",
        ));
    }
}

/// The actions of the slice, in Cedar's schema language.
fn generate(mentioned: &Mentioned, actions: &Actions) -> String {
    let mut services: BTreeSet<&str> = mentioned.services.iter().map(|s| &**s).collect();
    services.extend(mentioned.actions.iter().map(|action| prefix_of(action)));
    let mut text = String::from("namespace AWS {\n");
    for service in &services {
        let _ = writeln!(text, "action {:?} in [\"any\"];", format!("svc:{service}"));
    }
    for action in &mentioned.actions {
        // A name that the catalog does not know was reported; it is declared so that the
        // validator does not report it a second time.
        let groups: Vec<Groups> = match actions.find(action) {
            Some(rule) => vec![Groups::of_rule(rule)],
            None => Groups::all().collect(),
        };
        let classes: BTreeSet<&str> = groups.into_iter().flat_map(Groups::names).collect();
        declare(&mut text, action, Some(prefix_of(action)), classes);
    }
    for groups in Groups::all() {
        let label: Vec<&str> = groups.names().collect();
        declare(
            &mut text,
            &format!("any of {}", label.join(" ")),
            None,
            groups.names(),
        );
    }
    for service in mentioned.services.iter() {
        let kinds: BTreeSet<Groups> = actions
            .of_prefix(service)
            .map(|(_, rule)| Groups::of_rule(rule))
            .collect();
        for groups in kinds {
            let label: Vec<&str> = groups.names().collect();
            let name = format!("{service} of {}", label.join(" "));
            declare(&mut text, &name, Some(service), groups.names());
        }
    }
    text.push_str("}\n");
    text
}

fn declare<'a>(
    text: &mut String,
    name: &str,
    service: Option<&str>,
    groups: impl IntoIterator<Item = &'a str>,
) {
    let service = service.map_or("\"any\"".to_owned(), |service| format!("\"svc:{service}\""));
    let groups: Vec<String> = groups
        .into_iter()
        .map(|group| format!(", {group:?}"))
        .collect();
    let _ = writeln!(
        text,
        "action {name:?} in [{service}{}] appliesTo {{ principal: [Cordon::Session], \
         resource: [AWS::Resource], context: Cordon::Call }};",
        groups.concat()
    );
}

/// Validates every policy strictly and to [`LEVEL`]; warnings count, because a rule that can
/// never match protects nobody.
pub(crate) fn validate(schema: &Schema, read: &[Read<'_>], faults: &mut Vec<Fault>) {
    let validator = Validator::new(schema.clone());
    for policy in read {
        let mut set = PolicySet::new();
        if set.add(policy.policy.clone()).is_err() {
            continue;
        }
        let result = validator.validate_with_level(&set, ValidationMode::Strict, LEVEL);
        let errors = result.validation_errors();
        faults.extend(errors.map(|error| of_diagnostic(policy.file, policy.text, error)));
        let warnings = result.validation_warnings();
        faults.extend(warnings.map(|warning| of_diagnostic(policy.file, policy.text, warning)));
    }
}
