//! Resources that a call has in a document of its own: those of Cloud Control, which makes, changes
//! and deletes resources of any type by one operation each, and those of templates. Nothing needs
//! to be read for them.
//!
//! Deleting is decided as the deletion of the resource itself. A patch is decided as one, too,
//! unless it touches only what holds nothing and guards nothing: which properties switch a safeguard
//! off or shorten the life of data, each type has for itself. Cloud Control never replaces: it
//! refuses a patch of a property that only a creation sets (`NotUpdatableException`).

use super::{End, Progress, Seen, arn_beside, stack};
use cordon_aws::call::{Call, Class};
use cordon_aws::classify::template;
use cordon_aws::value::Value;
use std::collections::BTreeSet;

/// Properties whose change neither removes nor weakens anything, of whatever type they are.
const HARMLESS: [&str; 8] = [
    "DelaySeconds",
    "Description",
    "Environment",
    "MemorySize",
    "ReceiveMessageWaitTimeSeconds",
    "Tags",
    "Timeout",
    "VisibilityTimeout",
];

/// What a call of Cloud Control does behind it.
pub(super) fn resource(call: &Call) -> Option<Progress> {
    let text = |name: &str| call.parameters().get(name)?.as_str();
    let kind = text("TypeName")?;
    let mut progress = Progress::default();
    let seen = &mut progress.seen;
    let operation = call.operation().name();
    match operation {
        "CreateResource" => {
            let state = text("DesiredState")?;
            seen.makes = stack::arns(call, kind, &template::properties(state));
            let name = template::name(state, kind);
            if let [arn] = stack::arns(call, kind, name.as_slice()).as_slice() {
                aim(seen, arn, None);
            }
        }
        "UpdateResource" => {
            let touched = template::patched(text("PatchDocument")?);
            let is_harmless = |touched: &BTreeSet<String>| {
                let mut touched = touched.iter();
                touched.all(|property| HARMLESS.contains(&&**property))
            };
            let one = stack::removed(call, kind, text("Identifier")?, End::Removed);
            // Principals stay what their effect makes of them.
            let itself = (call.class() <= Class::Disrupt).then_some(Class::Update);
            aim(seen, &one.arn, itself);
            if !touched.as_ref().is_some_and(is_harmless) {
                seen.implied.push(one);
            }
        }
        "DeleteResource" => {
            let one = stack::removed(call, kind, text("Identifier")?, End::Removed);
            aim(seen, &one.arn, Some(Class::Update));
            seen.implied.push(one);
        }
        _ => return None,
    }
    Some(progress)
}

/// What a call makes whose action IAM knows on no resource, so that its access is on `*`.
pub(super) fn unnamed(call: &Call) -> Option<Progress> {
    let text = |name: &str| call.parameters().get(name)?.as_str();
    let (service, resource) = match call.operation().name() {
        "CreateCluster" => ("eks", format!("cluster/{}", text("name")?)),
        // AWS adds a hyphen and six characters.
        "CreateSecret" => ("secretsmanager", format!("secret:{}-*", text("Name")?)),
        _ => return None,
    };
    let mut progress = Progress::default();
    progress.seen.makes = vec![arn_beside(call, service, &resource)];
    Some(progress)
}

/// Holds the call to the resource that it is on, where that has an ARN.
fn aim(seen: &mut Seen, arn: &str, itself: Option<Class>) {
    if arn != "*" {
        // Its actions have no resource type: what they are on, only the document tells.
        seen.targets = Some(("cloudformation", vec![arn.to_owned()]));
        seen.itself = itself;
    }
}

/// What a template makes, and that a change set tells of the stacks within its stack as well.
pub(super) fn template(call: &Call) -> Option<Progress> {
    let is_change_set = match call.operation().name() {
        "CreateStack" => false,
        "CreateChangeSet" => true,
        _ => return None,
    };
    let mut progress = Progress::default();
    if is_change_set && leaves_nested_out(call) {
        progress.seen.pins = vec![("IncludeNestedStacks", Value::Bool(true))];
    }
    match call
        .parameters()
        .get("TemplateBody")
        .and_then(Value::as_str)
    {
        Some(body) => {
            let resources = template::resources(body);
            let arns = resources
                .iter()
                .flat_map(|(kind, texts)| stack::arns(call, kind, texts));
            progress.seen.makes = arns.collect();
        }
        None if progress.seen.pins.is_empty() => return None,
        None => {}
    }
    Some(progress)
}

/// Whether a change set for a stack that is there would not tell what changes in the stacks within
/// it. CDK makes all of its own so, and what is not told cannot be looked at when it is executed. To
/// tell more changes nothing of what it does. An import has no stacks within it.
fn leaves_nested_out(call: &Call) -> bool {
    let text = |name: &str| call.parameters().get(name).and_then(Value::as_str);
    let is_update = text("ChangeSetType").is_none_or(|kind| kind == "UPDATE");
    let said = [
        "IncludeNestedStacks",
        "ResourcesToImport",
        "ImportExistingResources",
    ];
    is_update
        && said
            .iter()
            .all(|name| call.parameters().get(name).is_none())
}
