//! From a frozen task to Cedar permits, and the permits cut so that a call is held to few.
//!
//! Permits say which actions on which resources; that the task has not expired and that the
//! resource lies in the declared accounts, regions and environments is asked of every access
//! before them, by [`Task::confines`](super::Task::confines). Guardrails say the same once more,
//! with a hint; a bundle that leaves one out does not open a task.

use super::{Allow, Head, Reach, Target};
use crate::action::{ActionSet, Actions};
use crate::names::{Environment, TaskId, Team};
use cedar_policy::{Policy, PolicyId, PolicySet};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

/// The permits of one task, as text and with the actions that each was frozen to.
pub(super) struct Permits(Vec<Permit>);

struct Permit {
    id: String,
    text: String,
    actions: ActionSet,
}

impl Permits {
    pub(super) fn text(&self) -> String {
        let texts: Vec<&str> = self.0.iter().map(|permit| &*permit.text).collect();
        texts.join("\n")
    }
}

pub(super) fn write(
    id: &TaskId,
    team: &Team,
    allows: &[Allow],
    destroy: &[Target],
    replace: &[Target],
    actions: &Actions,
) -> Permits {
    let mut permits = Vec::new();
    for (index, allow) in allows.iter().enumerate() {
        for (part_index, part) in allow.parts.iter().enumerate() {
            let name = match allow.parts.len() {
                1 => format!("{id}/allow-{index}"),
                _ => format!("{id}/allow-{index}.{part_index}"),
            };
            let mut conditions = vec![team_condition(team)];
            if let Head::OfService(service, _) = &part.head {
                conditions.push(format!(
                    "action in AWS::Action::{}",
                    quoted(&format!("svc:{service}"))
                ));
            }
            conditions.extend(reach_condition(&allow.on));
            conditions.extend(environment_condition(&allow.environments));
            if allow.only_params.is_some() || !allow.limits.is_empty() {
                conditions.push(
                    "!context.facts.contains(Cordon::Fact::\"outside-parameters\")".to_owned(),
                );
            }
            permits.push(Permit {
                text: permit(&name, id, &head(part, actions), "resource", &conditions),
                id: name,
                actions: part.actions.clone(),
            });
        }
    }
    for (word, targets) in [("destroy", destroy), ("replace", replace)] {
        for (index, target) in targets.iter().enumerate() {
            let name = format!("{id}/{word}-{index}");
            let resource = format!("resource == AWS::Resource::{}", quoted(target.arn.as_str()));
            let conditions = [team_condition(team)];
            permits.push(Permit {
                text: permit(
                    &name,
                    id,
                    &named(&target.actions, actions),
                    &resource,
                    &conditions,
                ),
                id: name,
                actions: target.actions.clone(),
            });
        }
    }
    Permits(permits)
}

fn permit(name: &str, task: &TaskId, head: &str, resource: &str, conditions: &[String]) -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        "@id({})\npermit (\n  principal in Cordon::Task::{},\n  {head},\n  {resource}\n)\nwhen\n{{\n  {}\n}};\n",
        quoted(name),
        quoted(task.as_str()),
        conditions.join(" &&\n  "),
    );
    text
}

fn head(part: &super::Part, actions: &Actions) -> String {
    match &part.head {
        Head::Named => named(&part.actions, actions),
        Head::Classes(classes) => {
            let groups: Vec<String> = classes
                .iter()
                .map(|class| format!("AWS::Action::{}", quoted(crate::action::group_name(*class))))
                .collect();
            format!("action in [{}]", groups.join(", "))
        }
        Head::OfService(_, class) => {
            format!(
                "action in AWS::Action::{}",
                quoted(crate::action::group_name(*class))
            )
        }
    }
}

fn named(set: &ActionSet, actions: &Actions) -> String {
    let names: Vec<String> = actions
        .iter()
        .enumerate()
        .filter(|(index, _)| set.contains(*index))
        .map(|(_, rule)| format!("AWS::Action::{}", quoted(rule.action)))
        .collect();
    match names.as_slice() {
        [one] => format!("action == {one}"),
        _ => format!("action in\n    [{}]", names.join(",\n     ")),
    }
}

const OWN: &str = "(resource has createdBy && resource.createdBy == principal.task)";

fn team_condition(team: &Team) -> String {
    format!("principal in Cordon::Team::{}", quoted(team.as_str()))
}

fn reach_condition(on: &Reach) -> Option<String> {
    if on.anything {
        return None;
    }
    let mut alternatives = Vec::new();
    if on.own {
        alternatives.push(OWN.to_owned());
    }
    if on.nothing {
        // Only calls whose action has no resource type carry the bare star.
        alternatives.push("resource.arn == \"*\"".to_owned());
    }
    alternatives.extend(
        on.arns
            .iter()
            .map(|pattern| format!("resource.arn like {}", quoted(pattern))),
    );
    Some(any_of(&alternatives))
}

/// One of several conditions, nested by halves: Cedar evaluates a chain of `||` by recursion, as
/// deep as the chain is long, and one of hundreds of ARNs would find no more stack.
fn any_of(alternatives: &[String]) -> String {
    const CHAIN: usize = 16;
    if alternatives.len() <= CHAIN {
        return format!("({})", alternatives.join(" ||\n   "));
    }
    let (first, second) = alternatives.split_at(alternatives.len() / 2);
    format!("({} ||\n   {})", any_of(first), any_of(second))
}

/// The environments that the file narrows an entry to.
fn environment_condition(environments: &BTreeSet<Environment>) -> Option<String> {
    let names: Vec<String> = environments
        .iter()
        .map(|name| format!("AWS::Environment::{}", quoted(name.as_str())))
        .collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("resource in {one}")),
        _ => Some(format!("resource in [{}]", names.join(", "))),
    }
}

/// A Cedar string. Everything that comes here was held to alphabets without quotes, backslashes
/// and control characters when it was read; escaping them anyway costs nothing.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{{{:x}}}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The permits of a task, ready to be evaluated: for each action the set of those that were
/// frozen with it. An action outside the frozen sets has no permit, whatever its class is now.
#[derive(Debug)]
pub(super) struct Scope {
    sets: Vec<PolicySet>,
    /// For each action of the table, one more than the place of its set; 0 for none.
    of_action: Vec<u16>,
}

impl Scope {
    pub(super) fn parse(permits: &Permits, actions: &Arc<Actions>) -> Result<Self, String> {
        let policies: Vec<Policy> = permits
            .0
            .iter()
            .map(|permit| {
                let id = PolicyId::new(&permit.id);
                Policy::parse(Some(id), &permit.text).map_err(|error| error.to_string())
            })
            .collect::<Result<_, _>>()?;
        let mut combinations: Vec<Vec<usize>> = Vec::new();
        let mut of_action = Vec::with_capacity(actions.len());
        for index in 0..actions.len() {
            let applying = permits.0.iter().enumerate();
            let applying = applying.filter(|(_, permit)| permit.actions.contains(index));
            let applying: Vec<usize> = applying.map(|(place, _)| place).collect();
            let slot = match combinations.iter().position(|known| *known == applying) {
                _ if applying.is_empty() => 0,
                Some(known) => known + 1,
                None => {
                    combinations.push(applying);
                    combinations.len()
                }
            };
            of_action
                .push(u16::try_from(slot).map_err(|_| "too many kinds of actions".to_owned())?);
        }
        let sets = combinations
            .iter()
            .map(|places| {
                let policies = places.iter().filter_map(|place| policies.get(*place));
                PolicySet::from_policies(policies.cloned()).map_err(|error| error.to_string())
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { sets, of_action })
    }

    pub(super) fn slice(&self, action: usize) -> Option<&PolicySet> {
        let slot = usize::from(*self.of_action.get(action)?);
        self.sets.get(slot.checked_sub(1)?)
    }
}
