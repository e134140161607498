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
use crate::names::{ApproverGroup, CheckName, Environment};
use crate::task::{Budget, Mode, Place};
use cedar_policy::{Context, Entities, EntityId, EntityTypeName, EntityUid, Request};
use cedar_policy_core::ast::{self, EntityUID, Value};
use cedar_policy_core::entities::{self, NoEntitiesSchema, TCComputation};
use cedar_policy_core::extensions::Extensions;
use jiff::Timestamp;
use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, LazyLock, RwLock};

/// What cannot go wrong with the values made here but must not panic if it does.
#[derive(Debug, thiserror::Error)]
#[error("a call could not be put to Cedar: {0}")]
pub(crate) struct AskError(String);

macro_rules! types {
    ($($name:ident = $text:literal;)*) => {$(
        pub(crate) static $name: LazyLock<EntityTypeName> = LazyLock::new(|| {
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
    CHECK = "Cordon::Check";
}

static FACTS: LazyLock<Vec<(Fact, Value)>> = LazyLock::new(|| {
    Fact::ALL
        .iter()
        .map(|fact| (*fact, reference(&FACT, fact.as_str())))
        .collect()
});

/// The entity of type `kind` with the id `id`.
pub(crate) fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn reference(kind: &EntityTypeName, id: &str) -> Value {
    EntityUID::from(uid(kind, id)).into()
}

fn long(value: u32) -> Value {
    i64::from(value).into()
}

fn references<'a>(kind: &EntityTypeName, ids: impl IntoIterator<Item = &'a str>) -> Value {
    Value::set(ids.into_iter().map(|id| reference(kind, id)), None)
}

/// A moment as Cedar holds it: the only value that takes an evaluation to make.
fn instant(at: Timestamp) -> Result<Value, AskError> {
    let text = at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let expression = cedar_policy::RestrictedExpression::new_datetime(text);
    let context = Context::from_pairs([("at".to_owned(), expression)])
        .map_err(|error| AskError(error.to_string()))?;
    let ast::Context::Value(pairs) = context.as_ref() else {
        return Err(AskError("a time is no value".to_owned()));
    };
    let value = pairs.get("at").cloned();
    value.ok_or_else(|| AskError("a time has no value".to_owned()))
}

/// Everything about a task that policies read.
#[derive(Debug, Clone)]
pub(crate) struct TaskFacts<'a> {
    pub(crate) id: &'a str,
    pub(crate) team: &'a str,
    pub(crate) sponsor: &'a str,
    pub(crate) ticket: &'a str,
    pub(crate) partition: &'a str,
    pub(crate) mode: Mode,
    pub(crate) expires: Timestamp,
    pub(crate) accounts: Vec<&'a str>,
    pub(crate) regions: Vec<&'a str>,
    pub(crate) environments: Vec<&'a str>,
    pub(crate) destroy: Vec<&'a str>,
    pub(crate) replace: Vec<&'a str>,
    pub(crate) budget: Budget,
}

/// The entities of a task and its accounts, made once and shared by all its calls.
pub(crate) fn task_entities(task: &TaskFacts<'_>) -> Result<Entities, AskError> {
    let regions = task.regions.iter().map(|region| Value::from(*region));
    let attributes = [
        ("sponsor", reference(&USER, task.sponsor)),
        ("ticket", task.ticket.into()),
        ("mode", reference(&MODE, task.mode.as_str())),
        ("expiresAt", instant(task.expires)?),
        (
            "accounts",
            references(&ACCOUNT, task.accounts.iter().copied()),
        ),
        (
            "environments",
            references(&ENVIRONMENT, task.environments.iter().copied()),
        ),
        ("regions", Value::set(regions, None)),
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
    let accounts = task
        .accounts
        .iter()
        .map(|account| account_entity(account, task.partition));
    let all = [
        entity(uid(&TASK, task.id), attributes, [uid(&TEAM, task.team)]),
        entity(
            uid(&USER, task.sponsor),
            [("email", task.sponsor.into())],
            [],
        ),
    ];
    entities::Entities::from_entities(
        all.into_iter().chain(accounts),
        None::<&NoEntitiesSchema>,
        TCComputation::AssumeAlreadyComputed,
        Extensions::all_available(),
    )
    .map(Entities::from)
    .map_err(|error| AskError(error.to_string()))
}

fn account_entity(account: &str, partition: &str) -> ast::Entity {
    entity(
        uid(&ACCOUNT, account),
        [("partition", reference(&PARTITION, partition))],
        [],
    )
}

/// One session at work on the task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) session: &'a str,
    pub(crate) task: &'a str,
    pub(crate) team: &'a str,
    pub(crate) agent: &'a str,
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

impl Asked<'_> {
    /// Where it happens, for [`crate::task::Task::confines`].
    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            account: self.account,
            region: self.region,
            environments: &self.environments,
            own: self.created_by.is_some(),
            mutates: self.groups.class.mutates(),
        }
    }
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
    pub(crate) checks: &'a BTreeSet<CheckName>,
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
    let posture = call.posture.as_str();
    let facts = FACTS
        .iter()
        .filter(|(fact, _)| call.facts.contains(fact))
        .map(|(_, value)| value.clone());
    let approvals = call.approvals.iter().map(ApproverGroup::as_str);
    let checks = call.checks.iter().map(CheckName::as_str);
    let blast = [
        ("resources", long(call.blast.resources)),
        ("dependents", long(call.blast.dependents)),
        ("score", long(call.blast.score)),
        ("irreversible", call.blast.irreversible.into()),
    ];
    let pairs = [
        ("now", now(call.now)?),
        ("posture", reference(&POSTURE, posture)),
        ("facts", Value::set(facts, None)),
        ("blast", Value::record(blast, None)),
        ("used", units(call.used)),
        ("cost", units(call.cost)),
        ("lastMinute", long(call.last_minute)),
        ("approvals", references(&GROUP, approvals)),
        ("checks", references(&CHECK, checks)),
    ];
    let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value));
    Ok(ast::Context::Value(Arc::new(pairs.collect())).into())
}

/// The time that was last asked about, as Cedar holds it.
static NOW: RwLock<Option<(i64, Value)>> = RwLock::new(None);

/// The time, rounded up to the second so that nothing lives longer than it should. Cedar reads a
/// time from text, which costs more than all the rest of a context, so the last one is
/// remembered: it is a function of the second and of nothing else.
fn now(at: Timestamp) -> Result<Value, AskError> {
    let second = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
    if let Ok(remembered) = NOW.read()
        && let Some((of, value)) = &*remembered
        && *of == second
    {
        return Ok(value.clone());
    }
    let whole = Timestamp::from_second(second).map_err(|error| AskError(error.to_string()))?;
    let value = instant(whole)?;
    if let Ok(mut remembered) = NOW.write() {
        *remembered = Some((second, value.clone()));
    }
    Ok(value)
}

fn units(units: Used) -> Value {
    let fields = [
        ("mutations", long(units.mutations)),
        ("creates", long(units.creates)),
        ("destroys", long(units.destroys)),
    ];
    Value::record(fields, None)
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
    let account = uid(&ACCOUNT, asked.account);
    let foreign = match task.get(&account) {
        Some(_) => None,
        None => Some(account_entity(asked.account, asked.partition)),
    };
    let of_call = [
        session_entity(principal.clone(), asker),
        action_entity(action.clone(), asked),
        resource_entity(resource.clone(), account, asked),
    ];
    // Every entity is written with all of its ancestors, so there is no closure to compute.
    let known: &entities::Entities = task.as_ref();
    let entities = known
        .clone()
        .add_entities(
            of_call.into_iter().chain(foreign).map(Arc::new),
            None::<&NoEntitiesSchema>,
            TCComputation::AssumeAlreadyComputed,
            Extensions::all_available(),
        )
        .map_err(|error| AskError(error.to_string()))?;
    let request = Request::new(principal, action, resource, context.clone(), None)
        .map_err(|error| AskError(error.to_string()))?;
    Ok((request, entities.into()))
}

fn session_entity(principal: EntityUid, asker: &Asker<'_>) -> ast::Entity {
    let attributes = [
        ("task", reference(&TASK, asker.task)),
        ("agent", reference(&AGENT, asker.agent)),
    ];
    let parents = [
        uid(&TASK, asker.task),
        uid(&TEAM, asker.team),
        uid(&AGENT, asker.agent),
    ];
    entity(principal, attributes, parents)
}

fn action_entity(action: EntityUid, asked: &Asked<'_>) -> ast::Entity {
    let service = uid(&ACTION, &format!("svc:{}", prefix_of(asked.action)));
    let mutates = asked.groups.class.mutates().then_some("class:mutate");
    let groups = asked.groups.names().chain(["any"]).chain(mutates);
    let parents = groups.map(|group| uid(&ACTION, group)).chain([service]);
    entity(action, [], parents)
}

fn resource_entity(resource: EntityUid, account: EntityUid, asked: &Asked<'_>) -> ast::Entity {
    let service = asked.kind.split(':').next().unwrap_or_default();
    let attributes = [
        ("arn", asked.arn.into()),
        ("service", service.into()),
        ("kind", asked.kind.into()),
        ("region", asked.region.into()),
        ("partition", reference(&PARTITION, asked.partition)),
        ("account", EntityUID::from(account.clone()).into()),
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
        environments.chain([account]),
    )
}

/// An entity with all of its ancestors as parents.
fn entity<'a>(
    uid: EntityUid,
    attributes: impl IntoIterator<Item = (&'a str, Value)>,
    ancestors: impl IntoIterator<Item = EntityUid>,
) -> ast::Entity {
    let attributes = attributes
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()));
    ast::Entity::new_with_attr_partial_value(
        uid.into(),
        attributes,
        HashSet::new(),
        ancestors.into_iter().map(EntityUID::from).collect(),
        [],
    )
}

/// The environment and all that it is part of, as [`Asked::environments`] wants it.
pub(crate) fn with_parents<'a>(
    environment: &'a Environment,
    map: &'a crate::environment::EnvironmentMap,
) -> Vec<&'a str> {
    let parents = map.parents_of(environment).map(Environment::as_str);
    [environment.as_str()].into_iter().chain(parents).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{actions, baseline_files};
    use cordon_aws::call::Class;

    fn task() -> TaskFacts<'static> {
        TaskFacts {
            id: "T-1",
            team: "team",
            sponsor: "mei",
            ticket: "CE-381",
            partition: "aws-cn",
            mode: Mode::Live,
            expires: "2026-08-24T17:00:00Z".parse().unwrap(),
            accounts: vec!["111122223333"],
            regions: vec!["cn-north-1"],
            environments: vec!["dev"],
            destroy: vec!["arn:aws-cn:s3:::a"],
            replace: vec!["arn:aws-cn:s3:::b"],
            budget: Budget {
                mutations: 1,
                creates: 2,
                destroys: 3,
                per_minute: 4,
            },
        }
    }

    /// Nothing looks at a schema when calls are decided, so the values must have its shapes.
    #[test]
    fn what_is_put_to_cedar_has_the_shapes_of_the_schema() {
        let every: BTreeSet<Fact> = Fact::ALL.iter().copied().collect();
        let approvals = BTreeSet::from(["senior".parse().unwrap()]);
        let checks = BTreeSet::from(["canary-tests".parse().unwrap()]);
        let call = Circumstance {
            now: "2026-08-24T09:00:00.5Z".parse().unwrap(),
            posture: Posture::Freeze,
            facts: &every,
            blast: Blast {
                resources: 1,
                dependents: 2,
                score: 3,
                irreversible: true,
            },
            used: Used::default(),
            cost: Used::default(),
            last_minute: 5,
            approvals: &approvals,
            checks: &checks,
        };
        let asker = Asker {
            session: "S-1",
            task: "T-1",
            team: "team",
            agent: "kiro",
        };
        let asked = Asked {
            action: "iam:DeleteRole",
            groups: Groups {
                class: Class::Destroy,
                identity: true,
                weaken: false,
            },
            arn: "arn:aws-cn:iam::999988887777:role/x",
            kind: "iam:role",
            region: "aws-global",
            account: "999988887777",
            partition: "aws-cn",
            environments: vec!["cn-prod", "prod"],
            created_by: Some("T-1"),
            owner: Some("team"),
        };
        let context = context(&call).unwrap();
        let task = task_entities(&task()).unwrap();
        let (request, entities) = question(&task, &asker, &asked, &context).unwrap();

        let naming = "permit(principal, action == AWS::Action::\"iam:DeleteRole\", resource);";
        let schema =
            crate::policy::schema_for(&baseline_files(), &actions(), &naming.parse().unwrap());
        let [principal, action, resource] =
            [request.principal(), request.action(), request.resource()]
                .map(|uid| uid.unwrap().clone());
        Request::new(principal, action.clone(), resource, context, Some(&schema)).unwrap();
        // The groups of an action are compared as well: they must be those that the schema has.
        Entities::from_json_value(entities.to_json_value().unwrap(), Some(&schema)).unwrap();
    }

    #[test]
    fn time_is_rounded_up_so_that_nothing_lives_longer() {
        let exact = now("2026-08-24T17:00:00Z".parse().unwrap()).unwrap();
        let before = now("2026-08-24T16:59:59.001Z".parse().unwrap()).unwrap();
        let after = now("2026-08-24T17:00:00.001Z".parse().unwrap()).unwrap();
        assert_eq!(exact, before);
        assert_ne!(exact, after);
    }
}
