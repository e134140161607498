//! CloudFormation: stacks, and change sets that tell what would be replaced.
//!
//! Templates are JSON. The resources are those of the lab's own services, and creating, changing
//! or deleting one asks the policies of whoever the stack acts for: the caller, or the stack's
//! role. A failure takes everything back, as a rollback does.

mod change;
mod resource;
mod stack;
mod template;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::change::Change;
use self::stack::{ChangeSet, Stack, Status};
use self::template::Template;
use super::{Call, Operation, Routing, Service, iso, on_everything};
use crate::estate::Estate;
use crate::identity::{Access, hexadecimal};
use crate::reply::{Answer, Fault, Protocol};

pub(crate) use stack::Stacks;

/// CloudFormation.
pub(crate) const SERVICE: Service = Service {
    name: "cloudformation",
    protocol: Protocol::Query,
    namespace: "http://cloudformation.amazonaws.com/doc/2010-05-15/",
    routing: Routing::Action,
    operations: &[
        Operation::new("ListStacks", on_everything, list_stacks),
        Operation::new("DescribeStacks", describe_access, describe_stacks),
        Operation::new("DescribeStackEvents", on_stack, describe_events),
        Operation::new("DescribeStackResources", on_stack, describe_resources),
        Operation::new("ListStackResources", on_stack, list_resources),
        Operation::new("GetTemplate", on_stack, template_text),
        Operation::new("GetTemplateSummary", describe_access, template_summary),
        Operation::new("CreateStack", on_stack_and_role, create_stack),
        Operation::new("UpdateStack", on_stack_and_role, update_stack),
        Operation::new("DeleteStack", on_stack_and_role, delete_stack),
        Operation::new("UpdateTerminationProtection", on_stack, protect),
        Operation::new("CreateChangeSet", on_stack_and_role, create_change_set),
        Operation::new("DescribeChangeSet", on_stack, describe_change_set),
        Operation::new("ExecuteChangeSet", on_stack, execute_change_set),
        Operation::new("DeleteChangeSet", on_stack, delete_change_set),
    ],
};

/// The stack that the parameters name: by name, by id, or through the id of a change set.
fn stack_name(call: &Call<'_>) -> Result<String, Fault> {
    let input = call.input();
    let given = match (input.text("StackName"), input.text("ChangeSetName")) {
        (Some(name), _) => name,
        (None, Some(change_set)) => {
            let known = change_set
                .strip_prefix(&call.arn("changeSet/"))
                .and_then(|rest| rest.split_once('/'));
            // The id of a change set starts with its name, which does not tell the stack; the lab
            // puts the stack's name into the unique part.
            let (_, unique) = known.ok_or_else(|| {
                Fault::invalid(
                    "StackName must be specified if ChangeSetName is not specified as an ARN.",
                )
            })?;
            unique.split_once(':').map_or(unique, |(stack, _)| stack)
        }
        (None, None) => return Err(Fault::missing("StackName")),
    };
    let name = match given.strip_prefix(&call.arn("stack/")) {
        Some(rest) => rest.split('/').next().unwrap_or_default(),
        None => given,
    };
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic());
    match starts_well
        && name.len() <= 128
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    {
        true => Ok(name.to_owned()),
        false => Err(Fault::invalid(format!(
            "1 validation error detected: Value '{given}' at 'stackName' \
             failed to satisfy constraint: Member must satisfy regular \
             expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        ))),
    }
}

fn on_stack(call: &Call<'_>, estate: &Estate) -> Result<Vec<Access>, Fault> {
    let name = stack_name(call)?;
    let known = call
        .place_if_any(estate)
        .and_then(|place| place.cloudformation.find(&name));
    let arn = known.map_or_else(
        || call.arn(&format!("stack/{name}/*")),
        |stack| stack.id.clone(),
    );
    Ok(vec![call.access(arn)])
}

fn on_stack_and_role(call: &Call<'_>, estate: &Estate) -> Result<Vec<Access>, Fault> {
    let mut accesses = on_stack(call, estate)?;
    accesses.extend(call.input().text("RoleARN").map(|role| {
        Access::new("iam:PassRole", role).key("iam:PassedToService", "cloudformation.amazonaws.com")
    }));
    Ok(accesses)
}

fn describe_access(call: &Call<'_>, estate: &Estate) -> Result<Vec<Access>, Fault> {
    match call.input().text("StackName") {
        Some(_) => on_stack(call, estate),
        None => on_everything(call, estate),
    }
}

fn find<'e>(call: &Call<'_>, estate: &'e mut Estate) -> Result<&'e mut Stack, Fault> {
    let name = stack_name(call)?;
    let place = call.place(estate);
    place
        .cloudformation
        .find_mut(&name)
        .ok_or_else(|| Fault::invalid(format!("Stack with id {name} does not exist")))
}

fn list_stacks(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let wanted = call.input().texts("StackStatusFilter.member");
    let members: Vec<Value> = call
        .place(estate)
        .cloudformation
        .all()
        .filter(|stack| wanted.is_empty() || wanted.contains(&stack.status.name()))
        .map(Stack::summary)
        .collect();
    Ok(Answer::fields(
        json!({"StackSummaries": {"member": members}}),
    ))
}

fn describe_stacks(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let members: Vec<Value> = match call.input().text("StackName") {
        Some(_) => vec![find(call, estate)?.to_json()],
        None => call
            .place(estate)
            .cloudformation
            .live()
            .map(Stack::to_json)
            .collect(),
    };
    Ok(Answer::fields(json!({"Stacks": {"member": members}})))
}

fn describe_events(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let stack = find(call, estate)?;
    let members: Vec<Value> = stack
        .events
        .iter()
        .rev()
        .map(|event| event.to_json(stack))
        .collect();
    Ok(Answer::fields(json!({"StackEvents": {"member": members}})))
}

fn describe_resources(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let stack = find(call, estate)?;
    let members: Vec<Value> = stack
        .resources
        .iter()
        .map(|(logical, held)| {
            json!({
                "StackName": stack.name,
                "StackId": stack.id,
                "LogicalResourceId": logical,
                "PhysicalResourceId": held.physical,
                "ResourceType": held.kind.name(),
                "Timestamp": iso(held.changed),
                "ResourceStatus": "CREATE_COMPLETE",
            })
        })
        .collect();
    Ok(Answer::fields(
        json!({"StackResources": {"member": members}}),
    ))
}

fn list_resources(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let stack = find(call, estate)?;
    let members = stack.resources.iter().map(|(logical, held)| {
        json!({
            "LogicalResourceId": logical,
            "PhysicalResourceId": held.physical,
            "ResourceType": held.kind.name(),
            "LastUpdatedTimestamp": iso(held.changed),
            "ResourceStatus": "CREATE_COMPLETE",
        })
    });
    let members: Vec<Value> = members.collect();
    Ok(Answer::fields(
        json!({"StackResourceSummaries": {"member": members}}),
    ))
}

fn template_text(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let stack = find(call, estate)?;
    Ok(Answer::fields(
        json!({"TemplateBody": stack.template.text, "StagesAvailable": {"member": ["Original"]}}),
    ))
}

fn template_summary(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let template = match call.input().text("TemplateBody") {
        Some(text) => Template::parse(text)?,
        None => find(call, estate)?.template.clone(),
    };
    let kinds = template.resources.values().map(|wanted| wanted.kind.name());
    let kinds: BTreeSet<&str> = kinds.collect();
    let parameters: Vec<Value> = template
        .parameters()
        .map(|(name, default)| json!({"ParameterKey": name, "DefaultValue": default, "ParameterType": "String"}))
        .collect();
    Ok(Answer::fields(json!({
        "Parameters": {"member": parameters},
        "ResourceTypes": {"member": kinds},
        "Version": "2010-09-09",
    })))
}

/// The template and the parameters of a call; an update may keep both.
struct Given {
    template: Template,
    parameters: BTreeMap<String, String>,
}

impl Given {
    fn read(call: &Call<'_>, previous: Option<&Stack>) -> Result<Self, Fault> {
        let input = call.input();
        if input.text("TemplateURL").is_some() {
            return Err(Fault::invalid(
                "the lab reads templates from TemplateBody only",
            ));
        }
        let keeps = input.boolean("UsePreviousTemplate")? == Some(true);
        let template = match (input.text("TemplateBody"), previous) {
            (Some(text), _) if !keeps => Template::parse(text)?,
            (None, Some(stack)) if keeps => stack.template.clone(),
            _ => {
                return Err(Fault::invalid(
                    "Either Template URL or Template Body must be specified.",
                ));
            }
        };
        let mut given = BTreeMap::new();
        for member in input.list("Parameters.member") {
            let key = member.required("ParameterKey")?;
            let value = match (
                member.text("ParameterValue"),
                member.boolean("UsePreviousValue")?,
            ) {
                (Some(value), None | Some(false)) => value.to_owned(),
                (None, Some(true)) => previous
                    .and_then(|stack| stack.parameters.get(key).cloned())
                    .ok_or_else(|| {
                        Fault::invalid(format!("Parameter {key} has no previous value"))
                    })?,
                _ => {
                    return Err(Fault::invalid(format!(
                        "Invalid input for parameter key {key}."
                    )));
                }
            };
            given.insert(key.to_owned(), value);
        }
        let parameters = template.bind(given)?;
        Ok(Self {
            template,
            parameters,
        })
    }
}

fn create_stack(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = stack_name(call)?;
    let given = Given::read(call, None)?;
    if call.place(estate).cloudformation.find(&name).is_some() {
        return Err(Fault::new(
            400,
            "AlreadyExistsException",
            format!("Stack [{name}] already exists"),
        ));
    }
    let mut stack = new_stack(call, &name);
    stack.protected = call
        .input()
        .boolean("EnableTerminationProtection")?
        .unwrap_or(false);
    run(call, estate, stack, given.template, given.parameters)
}

fn new_stack(call: &Call<'_>, name: &str) -> Stack {
    let id = call.arn(&format!("stack/{name}/{}", uuid_like()));
    Stack::new(name, &id, call.now)
}

/// Groups of hexadecimal digits, as ids of stacks end.
fn uuid_like() -> String {
    [8, 4, 4, 4, 12].map(hexadecimal).join("-")
}

fn update_stack(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let stack = find(call, estate)?.clone();
    let given = Given::read(call, Some(&stack))?;
    if change::changes(call, &stack, &given.template, &given.parameters)?.is_empty() {
        return Err(Fault::invalid("No updates are to be performed."));
    }
    run(call, estate, stack, given.template, given.parameters)
}

/// Applies a template to a stack, new or known, and puts the stack in its place.
fn run(
    call: &Call<'_>,
    estate: &mut Estate,
    mut stack: Stack,
    template: Template,
    parameters: BTreeMap<String, String>,
) -> Result<Answer, Fault> {
    // A role that a stack once had keeps acting for it, whoever calls.
    if let Some(role) = call.input().text("RoleARN") {
        stack.role = Some(role.to_owned());
    }
    let id = stack.id.clone();
    stack::apply(call, estate, &mut stack, template, parameters);
    call.place(estate).cloudformation.insert(stack);
    Ok(Answer::fields(json!({"StackId": id})))
}

fn delete_stack(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = stack_name(call)?;
    let Some(mut stack) = call.place(estate).cloudformation.find(&name).cloned() else {
        // Deleting what is not there succeeds.
        return Ok(Answer::nothing());
    };
    if stack.protected {
        return Err(Fault::invalid(format!(
            "Stack [{name}] cannot be deleted while TerminationProtection is enabled"
        )));
    }
    if let Some(role) = call.input().text("RoleARN") {
        stack.role = Some(role.to_owned());
    }
    stack::delete(call, estate, &mut stack);
    let stacks = &mut call.place(estate).cloudformation;
    match stack.status {
        Status::DeleteComplete => stacks.bury(stack),
        _ => {
            stacks.insert(stack);
        }
    }
    Ok(Answer::nothing())
}

fn protect(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let protected = call
        .input()
        .boolean("EnableTerminationProtection")?
        .ok_or_else(|| Fault::missing("EnableTerminationProtection"))?;
    let stack = find(call, estate)?;
    stack.protected = protected;
    Ok(Answer::fields(json!({"StackId": stack.id})))
}

/// The name of a change set, given as such or as an id.
fn change_set_name<'a>(call: &'a Call<'_>) -> Result<&'a str, Fault> {
    let given = call.input().required("ChangeSetName")?;
    Ok(match given.split_once(":changeSet/") {
        Some((_, rest)) => rest.split('/').next().unwrap_or_default(),
        None => given,
    })
}

fn create_change_set(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = stack_name(call)?;
    let set_name = change_set_name(call)?.to_owned();
    let known = call.place(estate).cloudformation.find(&name).cloned();
    let stack = match (
        call.input().text("ChangeSetType").unwrap_or("UPDATE"),
        known,
    ) {
        ("UPDATE", Some(stack)) => stack,
        ("CREATE", None) => {
            let mut stack = new_stack(call, &name);
            stack.status = Status::ReviewInProgress;
            stack
        }
        ("CREATE", Some(stack)) if stack.status == Status::ReviewInProgress => stack,
        ("UPDATE", None) => return Err(Fault::invalid(format!("Stack [{name}] does not exist"))),
        _ => {
            return Err(Fault::invalid(format!(
                "Stack [{name}] already exists and cannot be created again with \
                 the changeSet [{set_name}]."
            )));
        }
    };
    if stack.change_sets.contains_key(&set_name) {
        return Err(Fault::new(
            400,
            "AlreadyExistsException",
            format!("ChangeSet {set_name} already exists"),
        ));
    }
    let given = Given::read(call, Some(&stack))?;
    let changes = change::changes(call, &stack, &given.template, &given.parameters)?;
    let id = call.arn(&format!("changeSet/{set_name}/{name}:{}", uuid_like()));
    let change_set = ChangeSet {
        id: id.clone(),
        created: call.now,
        changes,
        template: given.template,
        parameters: given.parameters,
        role: call.input().text("RoleARN").map(str::to_owned),
    };
    let stack_id = stack.id.clone();
    let stacks = &mut call.place(estate).cloudformation;
    let stack = stacks.insert(stack);
    stack.change_sets.insert(set_name, change_set);
    Ok(Answer::fields(json!({"Id": id, "StackId": stack_id})))
}

fn no_change_set(name: &str) -> Fault {
    Fault::new(
        404,
        "ChangeSetNotFound",
        format!("ChangeSet [{name}] does not exist"),
    )
}

fn describe_change_set(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = change_set_name(call)?;
    let stack = find(call, estate)?;
    let change_set = stack
        .change_sets
        .get(name)
        .ok_or_else(|| no_change_set(name))?;
    let changes: Vec<Value> = change_set.changes.iter().map(Change::to_json).collect();
    let is_empty = changes.is_empty();
    let reason = is_empty.then_some(
        "The submitted information didn't contain changes. Submit \
         different information to create a change set.",
    );
    Ok(Answer::fields(json!({
        "ChangeSetName": name,
        "ChangeSetId": change_set.id,
        "StackId": stack.id,
        "StackName": stack.name,
        "CreationTime": iso(change_set.created),
        "Status": if is_empty { "FAILED" } else { "CREATE_COMPLETE" },
        "StatusReason": reason,
        "ExecutionStatus": if is_empty { "UNAVAILABLE" } else { "AVAILABLE" },
        "Changes": {"member": changes},
    })))
}

fn execute_change_set(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = change_set_name(call)?;
    let mut stack = find(call, estate)?.clone();
    let change_set = stack
        .change_sets
        .get(name)
        .cloned()
        .ok_or_else(|| no_change_set(name))?;
    if change_set.changes.is_empty() {
        return Err(Fault::new(
            400,
            "InvalidChangeSetStatus",
            format!(
                "ChangeSet [{}] cannot be executed in its current status of [FAILED]",
                change_set.id
            ),
        ));
    }
    stack.role = change_set.role.or(stack.role);
    // One executed, all others are out of date.
    stack.change_sets.clear();
    run(
        call,
        estate,
        stack,
        change_set.template,
        change_set.parameters,
    )?;
    Ok(Answer::nothing())
}

fn delete_change_set(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = change_set_name(call)?;
    find(call, estate)?.change_sets.remove(name);
    Ok(Answer::nothing())
}
