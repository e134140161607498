//! How a call looks to Cedar: entities and context, built by hand and without a schema.
//!
//! Attaching the schema would insert every action into every request, which costs milliseconds;
//! the bundle was validated against it when it was loaded, and the shapes made here are held to
//! the same schema by a test. Ancestors are written flat: an action's parents are all the groups
//! it is in, a resource's all the environments, so nothing need be looked up.

use crate::action::{Groups, prefix_of};
use crate::decide::Posture;
use crate::fact::Fact;
use crate::ledger::Used;
use crate::names::{ApproverGroup, Environment};
use crate::task::{Budget, Mode};
use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use jiff::Timestamp;
use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

/// What cannot go wrong with the values made here but must not panic if it does.
#[derive(Debug, thiserror::Error)]
#[error("a call could not be put to Cedar: {0}")]
pub(crate) struct AskError(String);

macro_rules! types {
    ($($name:ident = $text:literal;)*) => {$(
        pub(crate) static $name: LazyLock<EntityTypeName> = LazyLock::new(|| {
            #[expect(clippy::expect_used, reason = "the name is a constant")]
            $text.parse().expect("an entity type name")
        });
    )*};
}

types! {
    ACTION = "AWS::Action";
    RESOURCE = "AWS::Resource";
    ACCOUNT = "AWS::Account";
    PARTITION = "AWS::Partition";
    ENVIRONMENT = "AWS::Environment";
    SESSION = "Cordon::Session";
    TASK = "Cordon::Task";
    TEAM = "Cordon::Team";
    USER = "Cordon::User";
    AGENT = "Cordon::AgentKind";
    MODE = "Cordon::TaskMode";
    POSTURE = "Cordon::Posture";
    FACT = "Cordon::Fact";
    GROUP = "Cordon::ApproverGroup";
}

static FACTS: LazyLock<Vec<(Fact, RestrictedExpression)>> = LazyLock::new(|| {
    Fact::ALL
        .iter()
        .map(|fact| (*fact, reference(&FACT, fact.as_str())))
        .collect()
});

/// The entity of type `kind` with the id `id`.
pub(crate) fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn reference(kind: &EntityTypeName, id: &str) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid(kind, id))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn long(value: u32) -> RestrictedExpression {
    RestrictedExpression::new_long(i64::from(value))
}

fn instant(at: Timestamp) -> RestrictedExpression {
    RestrictedExpression::new_datetime(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

fn references<'a>(
    kind: &EntityTypeName,
    ids: impl IntoIterator<Item = &'a str>,
) -> RestrictedExpression {
    RestrictedExpression::new_set(ids.into_iter().map(|id| reference(kind, id)))
}

/// Everything about a task that policies read.
#[derive(Debug, Clone)]
pub(crate) struct TaskFacts<'a> {
    pub(crate) id: &'a str,
    pub(crate) team: &'a str,
    pub(crate) sponsor: &'a str,
    pub(crate) ticket: &'a str,
    pub(crate) mode: Mode,
    pub(crate) expires: Timestamp,
    pub(crate) accounts: Vec<&'a str>,
    pub(crate) regions: Vec<&'a str>,
    pub(crate) environments: Vec<&'a str>,
    pub(crate) destroy: Vec<&'a str>,
    pub(crate) replace: Vec<&'a str>,
    pub(crate) budget: Budget,
}

/// The entities of a task, made once and shared by all its calls.
pub(crate) fn task_entities(task: &TaskFacts<'_>) -> Result<Entities, AskError> {
    let regions = task.regions.iter().map(|region| text(region));
    let attributes = [
        ("sponsor", reference(&USER, task.sponsor)),
        ("ticket", text(task.ticket)),
        ("mode", reference(&MODE, task.mode.as_str())),
        ("expiresAt", instant(task.expires)),
        (
            "accounts",
            references(&ACCOUNT, task.accounts.iter().copied()),
        ),
        (
            "environments",
            references(&ENVIRONMENT, task.environments.iter().copied()),
        ),
        ("regions", RestrictedExpression::new_set(regions)),
        (
            "destroy",
            references(&RESOURCE, task.destroy.iter().copied()),
        ),
        (
            "replace",
            references(&RESOURCE, task.replace.iter().copied()),
        ),
        ("maxMutations", long(task.budget.mutations)),
        ("maxCreates", long(task.budget.creates)),
        ("maxDestroys", long(task.budget.destroys)),
        ("maxPerMinute", long(task.budget.per_minute)),
    ];
    let task_entity = entity(uid(&TASK, task.id), attributes, [uid(&TEAM, task.team)])?;
    let email = [("email", text(task.sponsor))];
    let sponsor = entity(uid(&USER, task.sponsor), email, [])?;
    Entities::from_entities([task_entity, sponsor], None).map_err(|e| AskError(e.to_string()))
}

/// One session at work on the task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) session: &'a str,
    pub(crate) task: &'a str,
    pub(crate) team: &'a str,
    pub(crate) agent: &'a str,
    pub(crate) started: Timestamp,
}

/// One action on one resource.
#[derive(Debug, Clone)]
pub(crate) struct Asked<'a> {
    pub(crate) action: &'a str,
    pub(crate) groups: Groups,
    pub(crate) arn: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    pub(crate) partition: &'a str,
    /// The resource's environment and all that it is part of.
    pub(crate) environments: Vec<&'a str>,
    /// The task that created the resource, by the ledger.
    pub(crate) created_by: Option<&'a str>,
    pub(crate) owner: Option<&'a str>,
}

/// What holds for the whole call.
#[derive(Debug, Clone)]
pub(crate) struct Circumstance<'a> {
    pub(crate) now: Timestamp,
    pub(crate) posture: Posture,
    pub(crate) facts: &'a BTreeSet<Fact>,
    pub(crate) blast: Blast,
    pub(crate) used: Used,
    pub(crate) cost: Used,
    pub(crate) last_minute: u32,
    pub(crate) approvals: &'a BTreeSet<ApproverGroup>,
}

/// How much a call touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blast {
    pub(crate) resources: u32,
    pub(crate) dependents: u32,
    pub(crate) score: u32,
    pub(crate) irreversible: bool,
}

/// The context of a call, shared by all of its accesses.
pub(crate) fn context(call: &Circumstance<'_>) -> Result<Context, AskError> {
    let posture = match call.posture {
        Posture::Normal => "normal",
        Posture::Elevated => "elevated",
        Posture::Freeze => "freeze",
    };
    let facts = FACTS
        .iter()
        .filter(|(fact, _)| call.facts.contains(fact))
        .map(|(_, expression)| expression.clone());
    let approvals = call.approvals.iter().map(ApproverGroup::as_str);
    let blast = record([
        ("resources", long(call.blast.resources)),
        ("dependents", long(call.blast.dependents)),
        ("score", long(call.blast.score)),
        (
            "irreversible",
            RestrictedExpression::new_bool(call.blast.irreversible),
        ),
    ])?;
    let pairs = [
        ("now", instant(call.now)),
        ("posture", reference(&POSTURE, posture)),
        ("facts", RestrictedExpression::new_set(facts)),
        ("blast", blast),
        ("used", units(call.used)?),
        ("cost", units(call.cost)?),
        ("lastMinute", long(call.last_minute)),
        ("approvals", references(&GROUP, approvals)),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value));
    Context::from_pairs(pairs).map_err(|error| AskError(error.to_string()))
}

fn units(units: Used) -> Result<RestrictedExpression, AskError> {
    record([
        ("mutations", long(units.mutations)),
        ("creates", long(units.creates)),
        ("destroys", long(units.destroys)),
    ])
}

fn record<const N: usize>(
    fields: [(&str, RestrictedExpression); N],
) -> Result<RestrictedExpression, AskError> {
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    RestrictedExpression::new_record(fields).map_err(|error| AskError(error.to_string()))
}

/// The request and the entities for one access.
pub(crate) fn question(
    task: &Entities,
    asker: &Asker<'_>,
    asked: &Asked<'_>,
    context: &Context,
) -> Result<(Request, Entities), AskError> {
    let principal = uid(&SESSION, asker.session);
    let action = uid(&ACTION, asked.action);
    let resource = uid(&RESOURCE, asked.arn);
    let entities = [
        session_entity(principal.clone(), asker)?,
        action_entity(action.clone(), asked),
        resource_entity(resource.clone(), asked)?,
        entity(
            uid(&ACCOUNT, asked.account),
            [("partition", reference(&PARTITION, asked.partition))],
            [],
        )?,
    ];
    let entities = task
        .clone()
        .add_entities(entities, None)
        .map_err(|error| AskError(error.to_string()))?;
    let request = Request::new(principal, action, resource, context.clone(), None)
        .map_err(|error| AskError(error.to_string()))?;
    Ok((request, entities))
}

fn session_entity(principal: EntityUid, asker: &Asker<'_>) -> Result<Entity, AskError> {
    let attributes = [
        ("task", reference(&TASK, asker.task)),
        ("agent", reference(&AGENT, asker.agent)),
        ("startedAt", instant(asker.started)),
    ];
    let parents = [
        uid(&TASK, asker.task),
        uid(&TEAM, asker.team),
        uid(&AGENT, asker.agent),
    ];
    entity(principal, attributes, parents)
}

fn action_entity(action: EntityUid, asked: &Asked<'_>) -> Entity {
    let mut parents: HashSet<EntityUid> = asked
        .groups
        .names()
        .map(|group| uid(&ACTION, group))
        .collect();
    parents.insert(uid(&ACTION, "any"));
    parents.insert(uid(&ACTION, &format!("svc:{}", prefix_of(asked.action))));
    if asked.groups.class.mutates() {
        parents.insert(uid(&ACTION, "class:mutate"));
    }
    Entity::new_no_attrs(action, parents)
}

fn resource_entity(resource: EntityUid, asked: &Asked<'_>) -> Result<Entity, AskError> {
    let service = asked.kind.split(':').next().unwrap_or_default();
    let attributes = [
        ("arn", text(asked.arn)),
        ("service", text(service)),
        ("kind", text(asked.kind)),
        ("region", text(asked.region)),
        ("partition", reference(&PARTITION, asked.partition)),
        ("account", reference(&ACCOUNT, asked.account)),
    ];
    let created_by = asked
        .created_by
        .map(|task| ("createdBy", reference(&TASK, task)));
    let owner = asked.owner.map(|team| ("owner", reference(&TEAM, team)));
    let environments = asked
        .environments
        .iter()
        .map(|name| uid(&ENVIRONMENT, name));
    entity(
        resource,
        attributes.into_iter().chain(created_by).chain(owner),
        environments.chain([uid(&ACCOUNT, asked.account)]),
    )
}

fn entity<'a>(
    uid: EntityUid,
    attributes: impl IntoIterator<Item = (&'a str, RestrictedExpression)>,
    parents: impl IntoIterator<Item = EntityUid>,
) -> Result<Entity, AskError> {
    let attributes = attributes
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Entity::new_with_tags(uid, attributes, parents, []).map_err(|error| AskError(error.to_string()))
}

/// The environment and all that it is part of, as [`Asked::environments`] wants it.
pub(crate) fn with_parents<'a>(
    environment: &'a Environment,
    map: &'a crate::environment::EnvironmentMap,
) -> Vec<&'a str> {
    let parents = map.parents_of(environment).map(Environment::as_str);
    [environment.as_str()].into_iter().chain(parents).collect()
}
