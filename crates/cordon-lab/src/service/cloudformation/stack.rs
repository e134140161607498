//! Stacks: what they hold, and how a template is applied to one, wholly or not at all.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::change::Change;
use super::resource::{Kind, Step};
use super::template::{Template, Wanted, plain, resolve};
use crate::estate::Estate;
use crate::identity::{Principal, PrincipalKind, Session};
use crate::reply::Fault;
use crate::service::{Call, iso};

/// The stacks of one account in one region.
#[derive(Clone, Default)]
pub(crate) struct Stacks {
    live: BTreeMap<String, Stack>,
    deleted: Vec<Stack>,
}

/// A stack.
#[derive(Clone)]
pub(super) struct Stack {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) status: Status,
    reason: Option<String>,
    pub(super) created: Timestamp,
    pub(super) template: Template,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) resources: BTreeMap<String, Held>,
    outputs: BTreeMap<String, String>,
    pub(super) role: Option<String>,
    pub(super) protected: bool,
    pub(super) change_sets: BTreeMap<String, ChangeSet>,
    pub(super) events: Vec<Event>,
}

/// A resource that a stack has.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) kind: Kind,
    pub(super) physical: String,
    /// Properties with parameters filled in and references to resources left, for comparing.
    pub(super) wanted: Value,
    /// Properties with every reference filled in.
    actual: Value,
    pub(super) changed: Timestamp,
    outlives_stack: bool,
}

/// A change set that waits.
#[derive(Clone)]
pub(super) struct ChangeSet {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) changes: Vec<Change>,
    pub(super) template: Template,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) role: Option<String>,
}

/// Something that happened to a stack.
#[derive(Clone)]
pub(super) struct Event {
    at: Timestamp,
    status: Status,
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    ReviewInProgress,
    CreateComplete,
    RollbackComplete,
    UpdateComplete,
    UpdateRollbackComplete,
    DeleteComplete,
    DeleteFailed,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ReviewInProgress => "REVIEW_IN_PROGRESS",
            Self::CreateComplete => "CREATE_COMPLETE",
            Self::RollbackComplete => "ROLLBACK_COMPLETE",
            Self::UpdateComplete => "UPDATE_COMPLETE",
            Self::UpdateRollbackComplete => "UPDATE_ROLLBACK_COMPLETE",
            Self::DeleteComplete => "DELETE_COMPLETE",
            Self::DeleteFailed => "DELETE_FAILED",
        }
    }
}

impl Stacks {
    pub(super) fn find(&self, name: &str) -> Option<&Stack> {
        self.live.get(name)
    }

    pub(super) fn find_mut(&mut self, name: &str) -> Option<&mut Stack> {
        self.live.get_mut(name)
    }

    pub(super) fn live(&self) -> impl Iterator<Item = &Stack> {
        self.live.values()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Stack> {
        self.live.values().chain(&self.deleted)
    }

    /// Puts a stack under its name.
    pub(super) fn insert(&mut self, stack: Stack) -> &mut Stack {
        let name = stack.name.clone();
        self.live.remove(&name);
        self.live.entry(name).or_insert(stack)
    }

    /// Puts a stack among those that are no more.
    pub(super) fn bury(&mut self, stack: Stack) {
        self.live.remove(&stack.name);
        self.deleted.push(stack);
    }

    /// The tags that CloudFormation writes on what a stack has.
    pub(crate) fn tags_of(&self, call: &Call<'_>, arn: &str) -> Vec<(String, String)> {
        let held = self.live.values().flat_map(|stack| {
            let held = stack.resources.iter();
            held.map(move |(logical, held)| (stack, logical, held))
        });
        let mut holders =
            held.filter(|(_, _, held)| held.kind.arn(call, &held.physical, &held.actual) == arn);
        let Some((stack, logical, _)) = holders.next() else {
            return Vec::new();
        };
        let tags = [
            ("stack-name", &stack.name),
            ("stack-id", &stack.id),
            ("logical-id", logical),
        ];
        tags.map(|(key, value)| (format!("aws:cloudformation:{key}"), value.clone()))
            .into()
    }

    pub(crate) fn to_json(&self) -> Value {
        let stacks: BTreeMap<&String, Value> = self
            .live
            .iter()
            .map(|(name, stack)| {
                let resources: BTreeMap<&String, &String> = stack
                    .resources
                    .iter()
                    .map(|(logical, held)| (logical, &held.physical))
                    .collect();
                (
                    name,
                    json!({"status": stack.status.name(), "resources": resources}),
                )
            })
            .collect();
        json!(stacks)
    }
}

impl Stack {
    pub(super) fn new(name: &str, id: &str, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            id: id.to_owned(),
            status: Status::ReviewInProgress,
            reason: None,
            created: now,
            template: Template::none(),
            parameters: BTreeMap::new(),
            resources: BTreeMap::new(),
            outputs: BTreeMap::new(),
            role: None,
            protected: false,
            change_sets: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    fn become_status(&mut self, status: Status, reason: Option<String>, now: Timestamp) {
        self.status = status;
        self.reason.clone_from(&reason);
        self.events.push(Event {
            at: now,
            status,
            reason,
        });
    }

    /// What a list of stacks tells of it.
    pub(super) fn summary(&self) -> Value {
        let gone = self
            .events
            .last()
            .filter(|_| self.status == Status::DeleteComplete);
        let mut summary = serde_json::Map::new();
        for (name, text) in [
            ("StackId", Some(self.id.clone())),
            ("StackName", Some(self.name.clone())),
            ("CreationTime", Some(iso(self.created))),
            ("DeletionTime", gone.map(|event| iso(event.at))),
            ("StackStatus", Some(self.status.name().to_owned())),
        ] {
            summary.extend(text.map(|text| (name.to_owned(), text.into())));
        }
        summary.into()
    }

    pub(super) fn to_json(&self) -> Value {
        let parameters: Vec<Value> = self
            .parameters
            .iter()
            .map(|(key, value)| json!({"ParameterKey": key, "ParameterValue": value}))
            .collect();
        let outputs: Vec<Value> = self
            .outputs
            .iter()
            .map(|(key, value)| json!({"OutputKey": key, "OutputValue": value}))
            .collect();
        json!({
            "StackName": self.name,
            "StackId": self.id,
            "CreationTime": iso(self.created),
            "StackStatus": self.status.name(),
            "StackStatusReason": self.reason,
            "EnableTerminationProtection": self.protected,
            "RoleARN": self.role,
            "DisableRollback": false,
            "Parameters": {"member": parameters},
            "Outputs": {"member": outputs},
        })
    }
}

impl Event {
    pub(super) fn to_json(&self, stack: &Stack) -> Value {
        json!({
            "StackId": stack.id,
            "StackName": stack.name,
            "EventId": format!("{}-{}", stack.name, self.at.as_nanosecond()),
            "LogicalResourceId": stack.name,
            "PhysicalResourceId": stack.id,
            "ResourceType": "AWS::CloudFormation::Stack",
            "Timestamp": iso(self.at),
            "ResourceStatus": self.status.name(),
            "ResourceStatusReason": self.reason,
        })
    }
}

/// `AWS::Region` and its like.
pub(super) fn pseudo(call: &Call<'_>, stack: &str, id: &str, name: &str) -> Option<Value> {
    Some(json!(match name {
        "AWS::Region" => call.region,
        "AWS::AccountId" => &call.caller.account,
        "AWS::Partition" => call.partition,
        "AWS::StackName" => stack,
        "AWS::StackId" => id,
        "AWS::URLSuffix" if call.partition == "aws-cn" => "amazonaws.com.cn",
        "AWS::URLSuffix" => "amazonaws.com",
        _ => return None,
    }))
}

/// Who a stack acts for: its role, or else the caller with the caller's session policies.
fn actor(call: &Call<'_>, estate: &Estate, stack: &Stack) -> Result<Principal, Fault> {
    let Some(arn) = &stack.role else {
        return Ok(call.caller.clone());
    };
    let ((account, name), role) = estate
        .identity
        .roles
        .iter()
        .find(|(_, role)| role.arn == *arn)
        .ok_or_else(|| Fault::invalid(format!("Role {arn} is invalid or cannot be assumed")))?;
    Ok(Principal {
        account: account.clone(),
        arn: format!(
            "arn:{}:sts::{account}:assumed-role/{name}/AWSCloudFormation",
            call.partition
        ),
        id: format!("{}:AWSCloudFormation", role.id),
        kind: PrincipalKind::Session(Box::new(Session {
            role: (account.clone(), name.clone()),
            role_arn: arn.clone(),
            name: "AWSCloudFormation".to_owned(),
            source_identity: None,
            policies: Vec::new(),
            inline_policy: None,
            tags: BTreeMap::new(),
            transitive: Default::default(),
        })),
    })
}

/// Makes a stack what a template says. A failure takes back all that was done and is the stack's
/// status, not an error of the call: the call has been accepted.
pub(super) fn apply(
    call: &Call<'_>,
    estate: &mut Estate,
    stack: &mut Stack,
    template: Template,
    parameters: BTreeMap<String, String>,
) {
    let is_new = stack.resources.is_empty() && stack.status == Status::ReviewInProgress;
    let (before, resources_before) = (estate.clone(), stack.resources.clone());
    match Work::new(call, estate, stack, &parameters).and_then(|mut work| work.run(&template)) {
        Ok(outputs) => {
            stack.outputs = outputs;
            stack.template = template;
            stack.parameters = parameters;
            let status = if is_new {
                Status::CreateComplete
            } else {
                Status::UpdateComplete
            };
            stack.become_status(status, None, call.now);
        }
        Err(fault) => {
            *estate = before;
            stack.resources = resources_before;
            let status = if is_new {
                Status::RollbackComplete
            } else {
                Status::UpdateRollbackComplete
            };
            stack.become_status(status, Some(fault.message().to_owned()), call.now);
        }
    }
}

/// Deletes a stack's resources, but those that outlive it.
pub(super) fn delete(call: &Call<'_>, estate: &mut Estate, stack: &mut Stack) {
    let parameters = stack.parameters.clone();
    let outcome =
        Work::new(call, estate, stack, &parameters).and_then(|mut work| work.delete_all());
    match outcome {
        Ok(()) => stack.become_status(Status::DeleteComplete, None, call.now),
        Err(fault) => stack.become_status(
            Status::DeleteFailed,
            Some(fault.message().to_owned()),
            call.now,
        ),
    }
}

/// One application of a template.
struct Work<'a, 'c> {
    call: &'a Call<'c>,
    estate: &'a mut Estate,
    stack: &'a mut Stack,
    parameters: &'a BTreeMap<String, String>,
    actor: Principal,
}

impl<'a, 'c> Work<'a, 'c> {
    fn new(
        call: &'a Call<'c>,
        estate: &'a mut Estate,
        stack: &'a mut Stack,
        parameters: &'a BTreeMap<String, String>,
    ) -> Result<Self, Fault> {
        let actor = actor(call, estate, stack)?;
        Ok(Self {
            call,
            estate,
            stack,
            parameters,
            actor,
        })
    }

    fn run(&mut self, template: &Template) -> Result<BTreeMap<String, String>, Fault> {
        // What was replaced or removed goes last, when nothing refers to it any more.
        let mut leftovers: Vec<Held> = Vec::new();
        for (logical, wanted) in template.ordered()? {
            leftovers.extend(self.settle(logical, wanted)?);
        }
        let removed: Vec<String> = self
            .stack
            .resources
            .keys()
            .filter(|logical| !template.resources.contains_key(*logical))
            .cloned()
            .collect();
        for logical in removed {
            leftovers.extend(
                self.stack
                    .resources
                    .remove(&logical)
                    .filter(|held| !held.outlives_stack),
            );
        }
        for held in leftovers.iter().rev() {
            self.take(held.kind, Step::Delete, &held.physical, &held.actual)?;
        }
        let outputs = template.outputs.iter().map(|(name, value)| {
            let value = self.resolve(value, Depth::Everything);
            (name.clone(), plain(&value))
        });
        Ok(outputs.collect())
    }

    fn delete_all(&mut self) -> Result<(), Fault> {
        let order: Vec<String> = self
            .stack
            .template
            .ordered()?
            .into_iter()
            .rev()
            .map(|(logical, _)| logical.clone())
            .collect();
        for logical in order {
            let Some(held) = self.stack.resources.get(&logical).cloned() else {
                continue;
            };
            if !held.outlives_stack {
                self.take(held.kind, Step::Delete, &held.physical, &held.actual)?;
            }
            self.stack.resources.remove(&logical);
        }
        Ok(())
    }

    /// Creates, changes or replaces one resource; gives what its replacement left over.
    fn settle(&mut self, logical: &str, wanted: &Wanted) -> Result<Option<Held>, Fault> {
        let actual = self.resolve(&wanted.properties, Depth::Everything);
        let Some(held) = self.stack.resources.get(logical).cloned() else {
            self.create(logical, wanted, actual)?;
            return Ok(None);
        };
        if held.actual == actual {
            let unchanged = self.held(wanted, held.physical, actual, held.changed);
            self.stack.resources.insert(logical.to_owned(), unchanged);
            return Ok(None);
        }
        if held.kind.must_replace(&held.actual, &actual) {
            self.create(logical, wanted, actual)?;
            let new = self
                .stack
                .resources
                .get(logical)
                .map(|new| new.physical.clone());
            return match new == Some(held.physical.clone()) {
                true => Err(named_replacement(&held.physical)),
                false => Ok((!wanted.outlives_replacement).then_some(held)),
            };
        }
        self.take(held.kind, Step::Update, &held.physical, &actual)?;
        let changed = self.held(wanted, held.physical, actual, self.call.now);
        self.stack.resources.insert(logical.to_owned(), changed);
        Ok(None)
    }

    fn create(&mut self, logical: &str, wanted: &Wanted, actual: Value) -> Result<(), Fault> {
        let physical = wanted.kind.physical(&self.stack.name, logical, &actual);
        if self
            .stack
            .resources
            .get(logical)
            .is_some_and(|held| held.physical == physical)
        {
            return Err(named_replacement(&physical));
        }
        self.take(wanted.kind, Step::Create, &physical, &actual)?;
        let held = self.held(wanted, physical, actual, self.call.now);
        self.stack.resources.insert(logical.to_owned(), held);
        Ok(())
    }

    fn held(&self, wanted: &Wanted, physical: String, actual: Value, changed: Timestamp) -> Held {
        Held {
            kind: wanted.kind,
            physical,
            wanted: self.resolve(&wanted.properties, Depth::Parameters),
            actual,
            changed,
            outlives_stack: wanted.outlives_stack,
        }
    }

    /// Takes a step once the actor may do all of it.
    fn take(
        &mut self,
        kind: Kind,
        step: Step,
        physical: &str,
        properties: &Value,
    ) -> Result<(), Fault> {
        for access in kind.accesses(self.call, step, physical, properties) {
            self.call.authorize_as(&self.actor, self.estate, &access)?;
        }
        kind.take(step, self.call, self.estate, physical, properties)
    }

    fn resolve(&self, value: &Value, depth: Depth) -> Value {
        let lookup = |name: &str, attribute: Option<&str>| {
            if attribute.is_none() {
                let plain = self.parameters.get(name).map(|value| json!(value));
                let found =
                    plain.or_else(|| pseudo(self.call, &self.stack.name, &self.stack.id, name));
                if found.is_some() {
                    return found;
                }
            }
            let held = self
                .stack
                .resources
                .get(name)
                .filter(|_| depth == Depth::Everything)?;
            match attribute {
                None => Some(held.kind.reference(self.call, &held.physical)),
                Some("Arn") => Some(json!(held.kind.arn(
                    self.call,
                    &held.physical,
                    &held.actual
                ))),
                Some("QueueName") => Some(json!(held.physical)),
                Some(_) => None,
            }
        };
        resolve(value, &lookup)
    }
}

/// How far references are filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    Parameters,
    Everything,
}

fn named_replacement(name: &str) -> Fault {
    Fault::invalid(format!(
        "CloudFormation cannot update a stack when a custom-named \
         resource requires replacing. Rename {name} and update the stack \
         again."
    ))
}
