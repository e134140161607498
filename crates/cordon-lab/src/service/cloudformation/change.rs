//! What a new template would change, and what it would replace.
//!
//! Takes a stack and the template it shall have; gives one [`Change`] for each resource that would
//! not stay as it is. A change of a property that AWS can only make by making the resource anew is
//! `Replacement: True`; one that depends on values known only later is `Conditional`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::resource::{Kind, Recreation};
use super::stack::{Held, Stack, pseudo};
use super::template::{Template, Wanted, references, resolve};
use crate::reply::Fault;
use crate::service::Call;

/// One resource's change.
#[derive(Debug, Clone)]
pub(super) struct Change {
    logical: String,
    physical: Option<String>,
    kind: Kind,
    action: Action,
}

#[derive(Debug, Clone)]
enum Action {
    Add,
    Remove,
    Modify(Vec<Detail>),
}

/// One property's change.
#[derive(Debug, Clone)]
struct Detail {
    property: String,
    recreation: Recreation,
    cause: Cause,
}

/// Why a property changes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause {
    /// The template or a parameter says something else.
    Direct,
    /// It refers to a resource that may be replaced.
    Reference(String),
}

/// Whether a resource would be made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replacement {
    True,
    False,
    Conditional,
}

impl Change {
    fn replacement(&self) -> Replacement {
        let Action::Modify(details) = &self.action else {
            return Replacement::False;
        };
        let is_certain = |detail: &Detail| {
            detail.recreation == Recreation::Always && detail.cause == Cause::Direct
        };
        let is_possible = |detail: &Detail| detail.recreation != Recreation::Never;
        match (
            details.iter().any(is_certain),
            details.iter().any(is_possible),
        ) {
            (true, _) => Replacement::True,
            (false, true) => Replacement::Conditional,
            (false, false) => Replacement::False,
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut change = json!({
            "LogicalResourceId": self.logical,
            "PhysicalResourceId": self.physical,
            "ResourceType": self.kind.name(),
            "Action": match self.action {
                Action::Add => "Add",
                Action::Remove => "Remove",
                Action::Modify(_) => "Modify",
            },
        });
        if let (Action::Modify(details), Value::Object(change)) = (&self.action, &mut change) {
            let replacement = match self.replacement() {
                Replacement::True => "True",
                Replacement::False => "False",
                Replacement::Conditional => "Conditional",
            };
            change.insert("Replacement".to_owned(), json!(replacement));
            change.insert("Scope".to_owned(), json!({"member": ["Properties"]}));
            let details: Vec<Value> = details.iter().map(Detail::to_json).collect();
            change.insert("Details".to_owned(), json!({"member": details}));
        }
        json!({"Type": "Resource", "ResourceChange": change})
    }
}

impl Detail {
    fn to_json(&self) -> Value {
        let recreation = match self.recreation {
            Recreation::Never => "Never",
            Recreation::Always => "Always",
            Recreation::Conditionally => "Conditionally",
        };
        let (evaluation, source, entity) = match &self.cause {
            Cause::Direct => ("Static", "DirectModification", None),
            Cause::Reference(name) => ("Dynamic", "ResourceReference", Some(name)),
        };
        json!({
            "Target": {"Attribute": "Properties", "Name": self.property, "RequiresRecreation": recreation},
            "Evaluation": evaluation,
            "ChangeSource": source,
            "CausingEntity": entity,
        })
    }
}

/// The changes that a template would make to a stack.
pub(super) fn changes(
    call: &Call<'_>,
    stack: &Stack,
    template: &Template,
    parameters: &BTreeMap<String, String>,
) -> Result<Vec<Change>, Fault> {
    let lookup = |name: &str, attribute: Option<&str>| match attribute {
        None => parameters
            .get(name)
            .map(|value| json!(value))
            .or_else(|| pseudo(call, &stack.name, &stack.id, name)),
        Some(_) => None,
    };
    let mut changes = Vec::new();
    // Names of resources that will, or may, get a new physical id.
    let mut moving: BTreeSet<String> = BTreeSet::new();
    for (logical, wanted) in template.ordered()? {
        let properties = resolve(&wanted.properties, &lookup);
        let change = match stack.resources.get(logical) {
            None => Some(Action::Add),
            Some(held) if held.kind != wanted.kind => {
                return Err(Fault::invalid(format!(
                    "Update of resource type is not permitted. The new template \
                     modifies resource type of the following resources: [{logical}]"
                )));
            }
            Some(held) => modification(held, wanted, &properties, &moving)?,
        };
        let Some(action) = change else { continue };
        let change = Change {
            logical: logical.clone(),
            physical: stack
                .resources
                .get(logical)
                .map(|held| held.physical.clone()),
            kind: wanted.kind,
            action,
        };
        if change.replacement() != Replacement::False {
            moving.insert(logical.clone());
        }
        changes.push(change);
    }
    for (logical, held) in &stack.resources {
        if !template.resources.contains_key(logical) {
            changes.push(Change {
                logical: logical.clone(),
                physical: Some(held.physical.clone()),
                kind: held.kind,
                action: Action::Remove,
            });
        }
    }
    Ok(changes)
}

fn modification(
    held: &Held,
    wanted: &Wanted,
    properties: &Value,
    moving: &BTreeSet<String>,
) -> Result<Option<Action>, Fault> {
    let mut details = Vec::new();
    let before = held.wanted.as_object().into_iter().flatten();
    let after = properties.as_object().into_iter().flatten();
    let names: BTreeSet<&String> = before.chain(after).map(|(name, _)| name).collect();
    for name in names {
        let (old, new) = (held.wanted.get(name), properties.get(name));
        let recreation = wanted.kind.recreation(name);
        if old != new {
            details.push(Detail {
                property: name.clone(),
                recreation,
                cause: Cause::Direct,
            });
            continue;
        }
        let Some(new) = new else { continue };
        if let Some(cause) = references(new)?
            .into_iter()
            .find(|name| moving.contains(name))
        {
            details.push(Detail {
                property: name.clone(),
                recreation,
                cause: Cause::Reference(cause),
            });
        }
    }
    Ok((!details.is_empty()).then_some(Action::Modify(details)))
}
