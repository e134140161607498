//! What a call does: its class and its effects.
//!
//! Takes an operation and its parameters; gives the class of each access and facts from a closed
//! list. An action has a class by its name (the catalog's tables); a parameter can raise it
//! (`desiredCount = 0` stops a service, `Status = Suspended` ends versioning) and never lowers it.

mod escape;
mod network;
mod program;
mod sql;
mod statement;
pub mod template;
mod tree;

use crate::call::{Access, AccessLevel, Call, Class, Resource};
use crate::catalog::{Condition, Destruction, Effect, EffectRule, Operation, Test};
use crate::parameter::{self, Items};
use crate::value::Value;
use sql::Sql;

pub use escape::says;

/// Every effect of the call, each once, in the order of the list: what its parameters tell, and
/// what its accesses do.
#[must_use]
pub fn effects(call: &Call) -> Vec<Effect> {
    let (operation, parameters) = (call.operation, &call.parameters);
    let mut found = call.told.clone();
    let catalog = operation.catalog();
    let stateful = |resource: &Resource| {
        catalog
            .resource_type(&resource.kind)
            .is_some_and(|kind| kind.stateful)
    };
    for access in &call.accesses {
        if access.class == Class::Destroy && stateful(&access.resource) {
            found.push(Effect::Stateful);
        }
        if access.class.mutates() && names_a_pattern(&access.resource, parameters) {
            found.push(Effect::WildcardTarget);
        }
    }
    if call.class() == Class::Destroy {
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

/// Sets the classes of a call's accesses to what the operation and its parameters mean; gives the
/// effects that the parameters tell. Each rule is asked once for a call: some parse what they read.
pub(crate) fn weigh(
    operation: Operation,
    parameters: &Value,
    accesses: &mut [Access],
) -> Vec<Effect> {
    let mut least = None;
    let mut told = Vec::new();
    let mut statements = Statements::default();
    for rule in operation.effects() {
        if holds(operation, &rule, parameters, &mut statements) {
            told.push(rule.effect);
            least = least.max(rule.class);
        }
    }
    raise(operation, least, accesses);
    let whole = |access: &Access| !access.resource.source.starts_with(LAST_COPY);
    if accesses.iter().any(whole) {
        for access in accesses.iter_mut().filter(|access| !whole(access)) {
            access.class = access.class.min(Class::Create);
        }
    }
    told
}

/// Raises the accesses to at least this class, and to that of the operation itself.
fn raise(operation: Operation, mut least: Option<Class>, accesses: &mut [Access]) {
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

/// What the SQL at a path does, read once for all rules of the path.
#[derive(Default)]
struct Statements(Option<(&'static str, Sql)>);

impl Statements {
    fn worst(&mut self, parameters: &Value, path: &'static str) -> Sql {
        match self.0 {
            Some((read, worst)) if read == path => worst,
            _ => {
                let texts = parameter::texts(parameters, path);
                let worst = texts.iter().map(|text| sql::read(text)).max();
                // Nothing is said: nothing is done.
                self.0.insert((path, worst.unwrap_or(Sql::Reads))).1
            }
        }
    }
}

/// Whether the rule's test holds.
fn holds(
    operation: Operation,
    rule: &EffectRule,
    parameters: &Value,
    statements: &mut Statements,
) -> bool {
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
        Test::Contains => texts().iter().any(|text| says(text, contains)),
        Test::Empty => hits().any(|value| value.is_empty()),
        Test::Writes => texts().iter().any(|text| statement::writes(text)),
        Test::Public => texts().iter().any(|text| statement::is_public(text)),
        Test::SqlChanges => statements.worst(parameters, rule.path) >= Sql::Changes,
        Test::SqlDestroys => statements.worst(parameters, rule.path) == Sql::Destroys,
        Test::ProgramDestroys => texts()
            .iter()
            .any(|text| program::destroys(operation.catalog(), text)),
        Test::TemplateGrants => texts().iter().any(|text| program::grants(text)),
        Test::Everyone => texts().iter().any(|text| network::is_everyone(text)),
        Test::Wildcard => texts().iter().any(|text| text.contains('*')),
    }
}
