//! What a call does: its class and its effects.
//!
//! Takes an operation and its parameters; gives the class of each access and facts from a closed
//! list. An action has a class by its name (the catalog's tables); a parameter can raise it
//! (`desiredCount = 0` stops a service, `Status = Suspended` ends versioning) and never lowers it.

mod program;
mod sql;
mod statement;
pub mod template;
mod tree;

use crate::call::{Access, AccessLevel, Class, Resource};
use crate::catalog::{Condition, Destruction, Effect, EffectRule, Operation, Test};
use crate::parameter::{self, Items};
use crate::value::Value;
use sql::Sql;

/// Every effect of the call, each once, in the order of the list.
#[must_use]
pub fn effects(operation: Operation, parameters: &Value, accesses: &[Access]) -> Vec<Effect> {
    let mut found: Vec<Effect> = operation
        .effects()
        .filter(|rule| holds(operation, rule, parameters))
        .map(|rule| rule.effect)
        .collect();
    let catalog = operation.catalog();
    let stateful = |resource: &Resource| {
        catalog
            .resource_type(&resource.kind)
            .is_some_and(|kind| kind.stateful)
    };
    for access in accesses {
        if access.class == Class::Destroy && stateful(&access.resource) {
            found.push(Effect::Stateful);
        }
        if access.class.mutates() && names_a_pattern(&access.resource, parameters) {
            found.push(Effect::WildcardTarget);
        }
    }
    if accesses.iter().any(|access| access.class == Class::Destroy) {
        found.push(Effect::Deletes);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The class that a call of the operation has at least, whatever its parameters are.
#[must_use]
pub fn class_of(operation: Operation) -> Class {
    let actions = operation
        .actions()
        .filter(|rule| rule.when == Condition::Always);
    let always = operation.effects().filter(|rule| rule.test == Test::Always);
    let least = actions
        .map(|rule| rule.class)
        .chain(always.filter_map(|rule| rule.class))
        .chain((operation.destruction() == Destruction::Loss).then_some(Class::Destroy))
        .chain(operation.returns_credentials().then_some(Class::Identity))
        .max();
    // What no action speaks of is not harmless by that, unless AWS authorizes it by none at all.
    least.unwrap_or(match operation.no_action() {
        true => Class::Observe,
        false => Class::Destroy,
    })
}

/// Whether the call destroys something for certain or may do so by what its parameters say.
#[must_use]
pub fn destructive(operation: Operation, accesses: &[Access]) -> bool {
    operation.destruction() == Destruction::Loss
        || accesses.iter().any(|access| access.class == Class::Destroy)
}

/// The action of handing a role to a service.
const PASS_ROLE: &str = "iam:PassRole";

/// Parameters of deletions that name what is made on the way: the last copy.
const LAST_COPY: &str = "Final";

/// Sets the classes of a call's accesses to what the operation and its parameters mean.
pub(crate) fn raise(operation: Operation, parameters: &Value, accesses: &mut [Access]) {
    raise_all(operation, parameters, accesses);
    let whole = |access: &Access| !access.resource.source.starts_with(LAST_COPY);
    if accesses.iter().any(whole) {
        for access in accesses.iter_mut().filter(|access| !whole(access)) {
            access.class = access.class.min(Class::Create);
        }
    }
}

fn raise_all(operation: Operation, parameters: &Value, accesses: &mut [Access]) {
    let rules = operation
        .effects()
        .filter(|rule| rule.class.is_some() && holds(operation, rule, parameters));
    let mut least = rules.filter_map(|rule| rule.class).max();
    if operation.destruction() == Destruction::Loss {
        least = least.max(Some(Class::Destroy));
    }
    if operation.returns_credentials() {
        least = least.max(Some(Class::Identity));
    }
    let Some(least) = least else { return };
    // What only reads on the side (the source of a copy) does not become a change; where all
    // accesses read, one of them is what the parameters speak of.
    // Nor does a role that is handed over end with what is deleted as it.
    let aside = |access: &Access| access.level <= AccessLevel::Read || &*access.action == PASS_ROLE;
    let all = accesses.iter().all(aside);
    for access in accesses.iter_mut().filter(|access| all || !aside(access)) {
        access.class = access.class.max(least);
    }
}

/// Whether a parameter that named the resource is itself a pattern.
fn names_a_pattern(resource: &Resource, parameters: &Value) -> bool {
    resource.arn.contains('*')
        && !resource.source.is_empty()
        && resource.source.split(',').any(|path| {
            parameters
                .at(path)
                .iter()
                .any(|value| value.as_str().is_some_and(|text| text.contains('*')))
        })
}

/// Whether the rule's test holds.
fn holds(operation: Operation, rule: &EffectRule, parameters: &Value) -> bool {
    let hits = || {
        let hits = parameter::find(parameters, rule.path, &Items::new());
        hits.into_iter().map(|hit| hit.value)
    };
    let texts = || parameter::texts(parameters, rule.path);
    let words = || rule.value.split('|');
    let is_word = |text: &str| words().any(|word| word.eq_ignore_ascii_case(text));
    let contains = |text: &str| {
        let text = text.to_ascii_lowercase();
        words().any(|word| text.contains(&word.to_ascii_lowercase()))
    };
    match rule.test {
        Test::Always => true,
        Test::Present => hits().any(|value| !value.is_off()),
        Test::Absent => !hits().any(|value| !value.is_off()),
        Test::Equals => texts().iter().any(|text| is_word(text)),
        Test::Differs => {
            let texts = texts();
            !texts.is_empty() && !texts.iter().any(|text| is_word(text))
        }
        Test::Below => {
            let limit: Option<f64> = rule.value.parse().ok();
            texts()
                .iter()
                .any(|text| text.parse::<f64>().ok() < limit && text.parse::<f64>().is_ok())
        }
        Test::Contains => texts().iter().any(|text| contains(text)),
        Test::Empty => hits().any(|value| value.is_empty()),
        Test::Writes => texts().iter().any(|text| statement::writes(text)),
        Test::Public => texts().iter().any(|text| statement::is_public(text)),
        Test::SqlChanges => texts().iter().any(|text| sql::read(text) >= Sql::Changes),
        Test::SqlDestroys => texts().iter().any(|text| sql::read(text) == Sql::Destroys),
        Test::ProgramDestroys => texts()
            .iter()
            .any(|text| program::destroys(operation.catalog(), text)),
        Test::TemplateGrants => texts().iter().any(|text| program::grants(text)),
        Test::Wildcard => texts().iter().any(|text| text.contains('*')),
    }
}
