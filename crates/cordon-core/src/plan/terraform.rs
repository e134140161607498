//! Plans of Terraform and OpenTofu, as `terraform show -json` writes them.
//!
//! ```text
//! bytes ─► TerraformPlan ─► each resource change ─► the calls that the provider makes (table)
//!             digest            properties              filled from attributes ─► judged ─► Line
//! ```
//!
//! The plan says what changes, so its lines are `from plan`; which calls make the change is our
//! table's word. A type that the table does not have is shown as not covered, never left out.
//! Values that the plan marks as sensitive, or whose name tells a secret, are never shown and are in
//! no digest.

mod derive;
mod digest;
mod fill;
mod table;

pub(crate) use fill::converted;

pub use derive::{Place, Planned};
pub use digest::{ChangeDigest, PlanDigest};

use super::draft::plain;
use super::{Effect, Evidence, Line, Plan, PlannedCall, Property, Reversible, property};
use crate::judge::Judge;
use crate::names::Reference;
use cordon_aws::arn::Region;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The plan of another tool, read.
#[derive(Debug)]
pub struct TerraformPlan {
    version: String,
    changes: Vec<ResourceChange>,
    reads: u64,
    notes: Vec<String>,
    /// By the address of a resource in the root module: its expressions.
    references: BTreeMap<String, BTreeMap<String, Value>>,
    /// The region of the provider's configuration, where it is written out.
    region: Option<Region>,
}

/// What happens to one resource.
#[derive(Debug)]
pub(super) struct ResourceChange {
    pub(super) address: String,
    pub(super) kind: String,
    /// Whether the provider is the one for AWS.
    pub(super) of_aws: bool,
    pub(super) steps: Vec<Step>,
    pub(super) before: Value,
    pub(super) after: Value,
    pub(super) unknown: Value,
    pub(super) before_sensitive: Value,
    pub(super) after_sensitive: Value,
    pub(super) forcing: Vec<String>,
    pub(super) reason: String,
}

/// One step of a change, in the order that the tool makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Step {
    Create,
    Update,
    Delete,
}

/// Why bytes are not a plan that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It ends within.
    #[error("the JSON ends too early: the file is cut short")]
    Truncated,
    /// It is no JSON.
    #[error("it is no JSON: {0}")]
    Malformed(String),
    /// It is a saved plan and not its JSON.
    #[error("it is a saved plan in Terraform's own format, not JSON")]
    Binary,
    /// It is a state.
    #[error("it is a state, not a plan: it has no `resource_changes`")]
    State,
    /// Another format than this version knows.
    #[error("the format version is `{0}`; this version of Cordon reads 1.x")]
    Version(String),
    /// A resource change with actions that nobody knows.
    #[error("`{address}` has the actions {actions}, which this version of Cordon does not know")]
    Actions {
        /// Whose.
        address: String,
        /// As written.
        actions: String,
    },
    /// Two changes of one resource: which of them is meant, nobody can say.
    #[error("it has two changes of `{0}`")]
    Twice(String),
}

impl PlanError {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Version(_) => {
                "write the plan with a Terraform from 0.15 on or an OpenTofu, or update Cordon"
            }
            Self::Actions { .. } => "update Cordon",
            Self::Truncated | Self::Malformed(_) | Self::Binary | Self::State | Self::Twice(_) => {
                "write it by `terraform plan -out tfplan && terraform show -json tfplan > plan.json`"
            }
        }
    }
}

#[derive(Deserialize)]
struct WrittenPlan {
    format_version: Option<String>,
    #[serde(default)]
    terraform_version: String,
    resource_changes: Option<Vec<WrittenChange>>,
    values: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    errored: bool,
    #[serde(default)]
    configuration: Configuration,
}

#[derive(Deserialize)]
struct WrittenChange {
    address: String,
    #[serde(default)]
    mode: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    provider_name: String,
    deposed: Option<String>,
    action_reason: Option<String>,
    change: WrittenActions,
}

#[derive(Deserialize)]
struct WrittenActions {
    actions: Vec<String>,
    #[serde(default)]
    before: Value,
    #[serde(default)]
    after: Value,
    #[serde(default)]
    after_unknown: Value,
    #[serde(default)]
    before_sensitive: Value,
    #[serde(default)]
    after_sensitive: Value,
    #[serde(default)]
    replace_paths: Vec<Vec<Value>>,
}

#[derive(Deserialize, Default)]
struct Configuration {
    #[serde(default)]
    provider_config: BTreeMap<String, ProviderConfig>,
    #[serde(default)]
    root_module: Module,
}

#[derive(Deserialize)]
struct ProviderConfig {
    #[serde(default)]
    expressions: Value,
}

#[derive(Deserialize, Default)]
struct Module {
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    address: String,
    #[serde(default)]
    expressions: Value,
}

impl TerraformPlan {
    /// Reads what `terraform show -json` writes.
    ///
    /// # Errors
    /// [`PlanError`], with what to do.
    pub fn read(bytes: &[u8]) -> Result<Self, PlanError> {
        if bytes.starts_with(b"PK") {
            return Err(PlanError::Binary);
        }
        let written: WrittenPlan = serde_json::from_slice(bytes).map_err(malformed)?;
        let version = written.format_version.unwrap_or_default();
        if !version.starts_with("1.") {
            return Err(PlanError::Version(version));
        }
        let Some(changes) = written.resource_changes else {
            return match written.values {
                Some(_) => Err(PlanError::State),
                // A plan of nothing leaves the list out.
                None => Ok(Self::empty(written.terraform_version)),
            };
        };
        let mut plan = Self::empty(written.terraform_version);
        if written.errored {
            let note = "the plan stopped at an error: what comes after that is missing";
            plan.notes.push(note.to_owned());
        }
        let aws = written.configuration.provider_config.get("aws");
        let region = aws.and_then(|aws| aws.expressions.pointer("/region/constant_value"));
        plan.region = region
            .and_then(Value::as_str)
            .and_then(|region| region.parse().ok());
        for resource in written.configuration.root_module.resources {
            if let Value::Object(expressions) = resource.expressions {
                let expressions = expressions.into_iter().collect();
                plan.references.insert(resource.address, expressions);
            }
        }
        for change in changes {
            plan.take(change)?;
        }
        let mut addresses = BTreeSet::new();
        for change in &plan.changes {
            // As tasks write them.
            let address = plain(&change.address);
            if !addresses.insert(address.clone()) {
                return Err(PlanError::Twice(address));
            }
        }
        Ok(plan)
    }

    fn empty(version: String) -> Self {
        Self {
            version,
            changes: Vec::new(),
            reads: 0,
            notes: Vec::new(),
            references: BTreeMap::new(),
            region: None,
        }
    }

    fn take(&mut self, written: WrittenChange) -> Result<(), PlanError> {
        let actions: Vec<&str> = written.change.actions.iter().map(String::as_str).collect();
        let steps = match actions.as_slice() {
            ["no-op"] => Vec::new(),
            ["read"] => {
                self.reads += 1;
                return Ok(());
            }
            ["create"] => vec![Step::Create],
            ["update"] => vec![Step::Update],
            ["delete"] => vec![Step::Delete],
            ["delete", "create"] => vec![Step::Delete, Step::Create],
            ["create", "delete"] => vec![Step::Create, Step::Delete],
            ["forget"] | ["create", "forget"] => {
                let note = format!("`{}` is forgotten: it stays as it is", written.address);
                self.notes.push(note);
                match actions.len() {
                    1 => return Ok(()),
                    _ => vec![Step::Create],
                }
            }
            _ => {
                return Err(PlanError::Actions {
                    address: written.address,
                    actions: actions.join(", "),
                });
            }
        };
        if written.mode == "data" {
            return Ok(());
        }
        let address = match written.deposed {
            Some(key) => format!("{} (deposed {key})", written.address),
            None => written.address,
        };
        let path = |path: &Vec<Value>| {
            let steps = path.iter().map(|step| match step {
                Value::String(name) => name.clone(),
                other => other.to_string(),
            });
            steps.collect::<Vec<_>>().join(".")
        };
        let change = written.change;
        self.changes.push(ResourceChange {
            of_aws: written.provider_name.ends_with("/aws") || written.kind.starts_with("aws_"),
            address,
            kind: written.kind,
            steps,
            before: change.before,
            after: change.after,
            unknown: change.after_unknown,
            before_sensitive: change.before_sensitive,
            after_sensitive: change.after_sensitive,
            forcing: change.replace_paths.iter().map(path).collect(),
            reason: written.action_reason.unwrap_or_default(),
        });
        Ok(())
    }

    /// The version of the tool that wrote it.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How many resources it changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changed().count()
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed().next().is_none()
    }

    fn changed(&self) -> impl Iterator<Item = &ResourceChange> {
        self.changes
            .iter()
            .filter(|change| !change.steps.is_empty())
    }

    /// What it would do, each call decided by `judge` where there is one. `each` is told how many
    /// changes were looked at.
    pub fn preview(
        &self,
        place: &Place,
        mut judge: Option<(&mut Judge<'_>, &Reference, Timestamp)>,
        mut each: impl FnMut(usize),
    ) -> Plan {
        let mut plan = Plan::default();
        self.notes.iter().for_each(|note| plan.note(note.clone()));
        (0..self.reads).for_each(|_| plan.push_read());
        for (count, planned) in self.planned(place).enumerate() {
            each(count + 1);
            let mut calls = Vec::new();
            for derived in planned.calls {
                calls.push(match &mut judge {
                    Some((judge, reference, now)) => {
                        let reference = (*reference).clone();
                        let judgement = judge.judge_planned(derived.call, None, reference, *now);
                        PlannedCall::of_judged(judgement.record, &judgement.verdict)
                    }
                    None => PlannedCall::of_call(&derived.call),
                });
            }
            plan.push(line(planned.change, calls));
        }
        plan.sort();
        plan
    }
}

fn malformed(error: serde_json::Error) -> PlanError {
    match error.is_eof() {
        true => PlanError::Truncated,
        false => PlanError::Malformed(error.to_string()),
    }
}

fn line(change: &ResourceChange, calls: Vec<PlannedCall>) -> Line {
    let effect = effect(change, &calls);
    let note = match (calls.is_empty(), change.of_aws) {
        (false, _) => "",
        (true, true) => "not covered: which calls make this change is not known",
        (true, false) => "of another provider: its calls do not go to AWS",
    };
    let evidence = Evidence::FromPlan;
    Line {
        reversible: Reversible::of(effect, &calls, evidence),
        effect,
        name: change.address.as_str().into(),
        kind: change.kind.as_str().into(),
        calls,
        times: 1,
        evidence,
        because: because(change, effect),
        properties: properties(change),
        note: note.into(),
    }
}

/// What the tool says it does; an update is as severe as the worst of its calls. A new resource has
/// nothing to lose.
fn effect(change: &ResourceChange, calls: &[PlannedCall]) -> Effect {
    match change.steps.as_slice() {
        [Step::Create] => Effect::Create,
        [Step::Delete] => Effect::Destroy,
        [Step::Update] => {
            let worst = calls.iter().map(PlannedCall::effect).min();
            worst.map_or(Effect::Change, |worst| worst.min(Effect::Change))
        }
        _ => Effect::Replace,
    }
}

fn because(change: &ResourceChange, effect: Effect) -> Vec<Box<str>> {
    if effect != Effect::Replace {
        return Vec::new();
    }
    let of_reason = match &*change.reason {
        "replace_because_tainted" => "it is tainted",
        "replace_by_request" => "it was asked for by -replace",
        "replace_by_triggers" => "a trigger changed",
        _ => "",
    };
    let forced = change.forcing.iter().map(|path| {
        // `vpc_security_group_ids.0` and the like read as their attribute.
        let text = path.trim_end_matches(|c: char| c == '.' || c.is_ascii_digit());
        format!("{text} changes").into()
    });
    let mut because: Vec<Box<str>> = forced.collect();
    because.dedup();
    if !of_reason.is_empty() {
        because.push(of_reason.into());
    }
    because
}

/// What changes of a resource, to be shown. Of what is destroyed everything goes, which is no news.
fn properties(change: &ResourceChange) -> Vec<Property> {
    if change.steps == [Step::Delete] {
        return Vec::new();
    }
    let shown = |value: Side| match value {
        Side::Absent => None,
        Side::Unknown => Some(property::UNKNOWN.to_owned()),
        Side::Known(value) => Some(property::shown(&value)),
    };
    let changed = changed(change).into_iter().map(|changed| Property {
        name: changed.name.into(),
        before: shown(changed.before),
        after: shown(changed.after),
        forces_replacement: changed.forces_replacement,
        observed: None,
        evidence: Evidence::FromPlan,
    });
    changed.collect()
}

/// One property that changes, secrets masked.
struct Changed<'c> {
    name: &'c str,
    before: Side,
    after: Side,
    forces_replacement: bool,
}

/// What a property is on one side of a change.
enum Side {
    Absent,
    Known(Value),
    /// Only known once it happened.
    Unknown,
}

/// What changes of a resource, without what stays and without secrets.
fn changed(change: &ResourceChange) -> Vec<Changed<'_>> {
    let sides = [&change.before, &change.after, &change.unknown];
    let names: BTreeSet<&String> = sides
        .into_iter()
        .filter_map(|side| side.as_object())
        .flat_map(serde_json::Map::keys)
        .collect();
    let mut found = Vec::new();
    for name in names {
        let side = |side: &'_ Value| side.get(name).filter(|value| !is_nothing(value)).cloned();
        let (then, next) = (side(&change.before), side(&change.after));
        let open = change.unknown.get(name).is_some_and(is_unknown);
        // Of what is new, what the provider will fill in is no news.
        if !open && then == next || then.is_none() && next.is_none() {
            continue;
        }
        let sensitive = |own, other| either(own, other, name).get(name);
        let masked = |value: Option<Value>, own, other| match value {
            Some(value) => Side::Known(property::masked(name, &value, sensitive(own, other))),
            None => Side::Absent,
        };
        let (of_before, of_after) = (&change.before_sensitive, &change.after_sensitive);
        found.push(Changed {
            name,
            before: masked(then, of_before, of_after),
            after: match open && next.is_none() {
                true => Side::Unknown,
                false => masked(next, of_after, of_before),
            },
            forces_replacement: change
                .forcing
                .iter()
                .any(|path| path.split('.').next() == Some(name)),
        });
    }
    found
}

/// The marks of one side, or of the other where only that has any for `name`: what was a secret does
/// not stop being one by the change.
fn either<'a>(marks: &'a Value, others: &'a Value, name: &str) -> &'a Value {
    let marked = |marks: &Value| marks.get(name).is_some_and(is_unknown);
    match !marked(marks) && marked(others) {
        true => others,
        false => marks,
    }
}

/// Whether a shape of marks holds any `true`.
pub(super) fn is_unknown(marks: &Value) -> bool {
    match marks {
        Value::Bool(marked) => *marked,
        Value::Array(items) => items.iter().any(is_unknown),
        Value::Object(members) => members.values().any(is_unknown),
        _ => false,
    }
}

/// What is written for a property that is not there.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
