//! What a task has done so far: the provenance and the budgets that guards ask.
//!
//! The life of a change in the ledger:
//!
//! ```text
//! decide(allow) ─► reserve: units are taken, what it destroys counts as destroyed
//!     ├─ answered with success ─► confirm: what it created belongs to the task
//!     ├─ definitely refused upstream, or never sent ─► refund: units and destroyed are given back
//!     └─ unknown ─► nothing: the units stay taken, what it destroys stays destroyed
//! ```
//!
//! Deciding and reserving happen under the task's lock, so that calls at the same moment cannot
//! overshoot a budget together.

use crate::assess::AssessedAccess;
use crate::glob;
use cordon_aws::arn::Arn;
use cordon_aws::call::{Access, Class};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What one task created, destroyed and used up. The store keeps it; the proxy holds the live
/// copy; `cordon decide` starts an empty one and lets it follow the stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Resources this task created and still has.
    pub created: BTreeSet<Arn>,
    /// Resources this task destroyed.
    pub destroyed: BTreeSet<Arn>,
    /// Units used.
    pub used: Used,
}

/// Budget units used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Changing calls.
    pub mutations: u32,
    /// Creating accesses; those that no parameter names are one for all types of an action.
    pub creates: u32,
    /// Destroying accesses.
    pub destroys: u32,
}

/// What a decision rested on: that this was there, beside what the call takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// What it is.
    pub arn: Arn,
    /// Whether it was the task's own.
    pub own: bool,
}

/// What one call does to the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What will belong to the task when the call succeeds.
    pub creates: Vec<Arn>,
    /// What is gone once the call has left.
    pub destroys: Vec<Arn>,
    /// What must still be there when the call leaves.
    pub rests: Vec<Rest>,
    /// What the call costs.
    pub cost: Used,
}

impl Changes {
    /// What the accesses of one call do.
    #[must_use]
    pub fn of(accesses: &[AssessedAccess]) -> Self {
        let of_class = |class| accesses.iter().filter(move |a| a.access.class == class);
        let count = |class| u32::try_from(of_class(class).count()).unwrap_or(u32::MAX);
        let exact = |arn: &str| {
            let arn: Arn = arn.parse().ok()?;
            let names_one = !arn.has_wildcard() || regional_name(&arn).is_some();
            names_one.then_some(arn)
        };
        Self {
            creates: of_class(Class::Create)
                .filter(|a| makes(&a.access))
                .filter_map(|a| exact(&a.access.resource.arn))
                .collect(),
            destroys: of_class(Class::Destroy)
                .filter_map(|a| a.access.resource.arn.parse().ok())
                .collect(),
            rests: Vec::new(),
            cost: Used {
                mutations: u32::from(accesses.iter().any(|a| a.access.class.mutates())),
                creates: creations(of_class(Class::Create)),
                destroys: count(Class::Destroy),
            },
        }
    }
}

/// How many units creating accesses take: one each. What no parameter names is one creation for all
/// types of it, since a launch makes an instance with its volume and interface.
fn creations<'a>(accesses: impl Iterator<Item = &'a AssessedAccess>) -> u32 {
    let mut named = 0_u32;
    let mut unnamed: BTreeMap<&str, BTreeMap<&str, u32>> = BTreeMap::new();
    for access in accesses {
        let Access {
            action, resource, ..
        } = &access.access;
        if resource.source.is_empty() && resource.arn.contains('*') {
            let kinds = unnamed.entry(action).or_default();
            let units = kinds.entry(&resource.kind).or_default();
            *units = units.saturating_add(1);
        } else {
            named = named.saturating_add(1);
        }
    }
    let most = |kinds: &BTreeMap<&str, u32>| kinds.values().copied().max().unwrap_or(0);
    unnamed.values().map(most).fold(named, u32::saturating_add)
}

impl Ledger {
    /// Takes the units of an allowed call before it leaves, and counts what it destroys as gone.
    pub fn reserve(&mut self, changes: &Changes) {
        self.used = self.used.plus(changes.cost);
        for arn in &changes.destroys {
            self.lose(arn);
        }
    }

    /// A resource is gone. What the task had made itself may be made again: nothing of before the
    /// task is replaced by that.
    pub fn lose(&mut self, arn: &Arn) {
        match self.owned(arn).cloned() {
            Some(own) => self.created.remove(&own),
            None => self.destroyed.insert(arn.clone()),
        };
    }

    /// The resource of the task's own that `arn` stands for: itself, or the one of that name where
    /// the name is one in its account and region, and the rest of the ARN does not matter.
    #[must_use]
    pub fn owned(&self, arn: &Arn) -> Option<&Arn> {
        if let Some(own) = self.created.get(arn) {
            return Some(own);
        }
        let name = regional_name(arn)?;
        self.created.iter().find(|own| {
            (own.partition(), own.region(), own.account())
                == (arn.partition(), arn.region(), arn.account())
                && regional_name(own) == Some(name)
        })
    }

    /// The call succeeded: what it created belongs to the task.
    pub fn confirm(&mut self, changes: &Changes) {
        for arn in &changes.creates {
            self.created.insert(arn.clone());
        }
    }

    /// The call certainly had no effect: its units are given back. `owned` are those of its
    /// destroyed resources that belonged to the task before.
    pub fn refund(&mut self, changes: &Changes, owned: impl IntoIterator<Item = Arn>) {
        self.used = self.used.minus(changes.cost);
        for arn in &changes.destroys {
            self.destroyed.remove(arn);
        }
        self.created.extend(owned);
    }

    /// Treats an allowed call as done, as `cordon decide` does.
    pub fn apply(&mut self, changes: &Changes) {
        self.reserve(changes);
        self.confirm(changes);
    }

    /// Whether no call of the task that was let go takes away what another was decided on.
    #[must_use]
    pub fn leaves(&self, rest: &Rest) -> bool {
        let gone = rest.own && !self.created.contains(&rest.arn);
        !gone && !self.destroyed.contains(&rest.arn)
    }

    /// Whether the task created `arn`, or what it is a part of, and still has it.
    #[must_use]
    pub fn owns(&self, arn: &str) -> bool {
        arn.parse().is_ok_and(|arn: Arn| {
            let whole = || whole(&arn).is_some_and(|whole| self.created.contains(&whole));
            self.owned(&arn).is_some() || whole()
        })
    }

    /// Whether making `arn` would make again what the task destroyed: same service, type, name,
    /// account and region. AWS puts random ends on some ARNs, so those are left out.
    #[must_use]
    pub fn recreates(&self, arn: &str) -> bool {
        let Some(wanted) = arn.parse().ok().as_ref().and_then(identity) else {
            return false;
        };
        self.destroyed
            .iter()
            .filter_map(identity)
            .any(|gone| glob::overlap(&gone, &wanted))
    }
}

impl Used {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            mutations: self.mutations.saturating_add(other.mutations),
            creates: self.creates.saturating_add(other.creates),
            destroys: self.destroys.saturating_add(other.destroys),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            mutations: self.mutations.saturating_sub(other.mutations),
            creates: self.creates.saturating_sub(other.creates),
            destroys: self.destroys.saturating_sub(other.destroys),
        }
    }
}

/// Whether the resource is what the action makes, if it makes it at all.
fn makes(access: &Access) -> bool {
    let (prefix, kind) = access.resource.kind.split_once(':').unwrap_or_default();
    access.action.split(':').next() == Some(prefix)
        && EXCLUSIVE.binary_search(&(&*access.action, kind)).is_ok()
}

/// What a resource is known by to people: where it is, what it is, its name; a pattern where the
/// request left a part open (`environment/*/web`). Nothing for a resource whose name the service
/// chooses (`instance/*`).
fn identity(arn: &Arn) -> Option<String> {
    let resource = arn.resource();
    let resource = match arn.service() {
        // `secret:name-AbCdEf`: six random characters.
        "secretsmanager" => random_end(resource, "-", 6),
        // `autoScalingGroup:UUID:autoScalingGroupName/name`: the name is at the end.
        "autoscaling" => resource.rsplit_once(':').map_or(resource, |(_, name)| name),
        // `stack/name/UUID`.
        "cloudformation" => resource
            .strip_prefix("stack/")
            .and_then(|rest| rest.split('/').next())
            .unwrap_or(resource),
        _ => resource,
    };
    let resource = resource.trim_end_matches(['*', '?']).trim_end_matches('-');
    let name = resource.rsplit([':', '/']).next().unwrap_or_default();
    match name.is_empty() || name.contains(['*', '?']) {
        true => None,
        false => Some(format!(
            "{}:{}:{}:{}",
            arn.service(),
            arn.region(),
            arn.account(),
            // Databases go by their names whatever the case of the letters.
            match FOLDED.contains(&arn.service()) {
                true => Cow::Owned(resource.to_ascii_lowercase()),
                false => Cow::Borrowed(resource),
            }
        )),
    }
}

/// Services for which `Web` and `web` are one name.
const FOLDED: [&str; 5] = ["elasticache", "memorydb", "rds", "rds-db", "redshift"];

/// Kind and name where the name alone is one in its account and region, although the ARN has more:
/// `environment/APPLICATION/NAME` of Elastic Beanstalk, `autoScalingGroup:UUID:...Name/NAME`.
fn regional_name(arn: &Arn) -> Option<(&'static str, &str)> {
    let resource = arn.resource();
    let (kind, name) = match arn.service() {
        "elasticbeanstalk" => {
            let rest = resource.strip_prefix("environment/")?;
            ("environment", rest.split_once('/')?.1)
        }
        "autoscaling" => {
            let kinds = ["autoScalingGroup", "launchConfiguration"];
            let kind = kinds.into_iter().find(|kind| resource.starts_with(kind))?;
            let named = resource.rsplit_once(':')?.1;
            (kind, named.strip_prefix(kind)?.strip_prefix("Name/")?)
        }
        _ => return None,
    };
    (!name.is_empty() && !name.contains(['*', '?'])).then_some((kind, name))
}

/// What `arn` is a part of: it is made within the whole, has no life of its own and ends with it.
fn whole(arn: &Arn) -> Option<Arn> {
    let resource = arn.resource();
    let whole = match arn.service() {
        // `listener/app/NAME/ID/LISTENER`, `listener-rule/app/NAME/ID/LISTENER/RULE`.
        "elasticloadbalancing" => {
            let rest = resource.strip_prefix("listener")?;
            let rest = rest.strip_prefix("-rule").unwrap_or(rest);
            let mut steps = rest.strip_prefix('/')?.splitn(4, '/');
            let of = [steps.next()?, steps.next()?, steps.next()?];
            steps.next()?;
            format!("loadbalancer/{}", of.join("/"))
        }
        // `/restapis/ID/stages/prod`.
        "apigateway" => {
            let mut steps = resource.strip_prefix('/')?.splitn(3, '/');
            let (kind, id) = (steps.next()?, steps.next()?);
            steps.next()?;
            format!("/{kind}/{id}")
        }
        _ => return None,
    };
    let head = arn.to_string();
    let head = head.strip_suffix(resource)?;
    format!("{head}{whole}").parse().ok()
}

fn random_end<'a>(resource: &'a str, joint: &str, length: usize) -> &'a str {
    match resource.rsplit_once(joint) {
        Some((head, end))
            if end.len() == length && end.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            head
        }
        _ => resource,
    }
}

/// Creating actions that fail where the resource is there already, and the type of resource that
/// they make, sorted. Only these give a task ownership: `sqs:CreateQueue`, `sns:CreateTopic` or
/// `s3:CreateBucket` answer with success for what somebody else made, and an agent could so claim a
/// queue and then delete it as its own. `secretsmanager:CreateSecret` does, too, for an equal value
/// under the token of its version.
///
/// The other types that such an action names were there before: the database of a snapshot, the
/// subnet group of a database, the key of an alias. What has no name before it is made is learned
/// from the answer: see [`cordon_aws::made`].
const EXCLUSIVE: &[(&str, &str)] = &[
    ("athena:CreateWorkGroup", "workgroup"),
    ("autoscaling:CreateAutoScalingGroup", "autoScalingGroup"),
    (
        "autoscaling:CreateLaunchConfiguration",
        "launchConfiguration",
    ),
    ("backup:CreateBackupVault", "backupVault"),
    ("batch:CreateComputeEnvironment", "compute-environment"),
    ("batch:CreateJobQueue", "job-queue"),
    // Only told as a creation of a stack in which nothing is yet: see [`crate::look`].
    ("cloudformation:ExecuteChangeSet", "stack"),
    ("cloudtrail:CreateTrail", "trail"),
    ("codebuild:CreateProject", "project"),
    ("codecommit:CreateRepository", "repository"),
    ("codedeploy:CreateApplication", "application"),
    ("codedeploy:CreateDeploymentGroup", "deploymentgroup"),
    ("codepipeline:CreatePipeline", "pipeline"),
    ("dms:CreateReplicationInstance", "ReplicationInstance"),
    ("dynamodb:CreateTable", "table"),
    ("ec2:CreateKeyPair", "key-pair"),
    ("ecr:CreateRepository", "repository"),
    ("elasticache:CreateCacheCluster", "cluster"),
    ("elasticache:CreateReplicationGroup", "replicationgroup"),
    ("elasticache:CreateSnapshot", "snapshot"),
    ("elasticbeanstalk:CreateApplication", "application"),
    (
        "elasticbeanstalk:CreateApplicationVersion",
        "applicationversion",
    ),
    (
        "elasticbeanstalk:CreateConfigurationTemplate",
        "configurationtemplate",
    ),
    ("elasticbeanstalk:CreateEnvironment", "environment"),
    ("es:CreateDomain", "domain"),
    ("events:CreateArchive", "archive"),
    ("events:CreateEventBus", "event-bus"),
    ("firehose:CreateDeliveryStream", "deliverystream"),
    ("glue:CreateDatabase", "database"),
    ("glue:CreateJob", "job"),
    ("glue:CreateTable", "table"),
    ("iam:CreateGroup", "group"),
    ("iam:CreateInstanceProfile", "instance-profile"),
    ("iam:CreatePolicy", "policy"),
    ("iam:CreateRole", "role"),
    ("iam:CreateUser", "user"),
    ("kinesis:CreateStream", "stream"),
    ("kms:CreateAlias", "alias"),
    ("lambda:CreateFunction", "function"),
    ("logs:CreateLogGroup", "log-group"),
    ("logs:CreateLogStream", "log-stream"),
    ("rds:CreateDBCluster", "cluster"),
    ("rds:CreateDBClusterParameterGroup", "cluster-pg"),
    ("rds:CreateDBClusterSnapshot", "cluster-snapshot"),
    ("rds:CreateDBInstance", "db"),
    ("rds:CreateDBParameterGroup", "pg"),
    ("rds:CreateDBSnapshot", "snapshot"),
    ("rds:CreateDBSubnetGroup", "subgrp"),
    ("redshift:CreateCluster", "cluster"),
    ("redshift:CreateClusterSnapshot", "snapshot"),
    ("scheduler:CreateSchedule", "schedule"),
    ("scheduler:CreateScheduleGroup", "schedule-group"),
    ("ssm:CreateDocument", "document"),
];

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use cordon_aws::call::{AccessLevel, Resource};
    use cordon_aws::catalog::Catalog;

    /// On a resource of the type that the action makes, where it makes one.
    fn access(action: &str, class: Class, arn: &str) -> AssessedAccess {
        let made = EXCLUSIVE.iter().find(|(making, _)| *making == action);
        let kind = made.map_or("", |(_, kind)| kind);
        let prefix = action.split(':').next().unwrap();
        AssessedAccess {
            access: Access {
                action: action.into(),
                resource: Resource {
                    arn: arn.into(),
                    kind: format!("{prefix}:{kind}").into(),
                    source: "".into(),
                },
                level: AccessLevel::Write,
                class,
            },
            environment: "dev".parse().unwrap(),
            own: false,
            account: "111122223333".into(),
            region: "eu-west-1".into(),
        }
    }

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:orders";
    const TABLE: &str = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders";

    #[test]
    fn a_create_that_succeeds_on_what_exists_gives_no_ownership() {
        let changes = Changes::of(&[access("sqs:CreateQueue", Class::Create, QUEUE)]);
        let mut ledger = Ledger::default();
        ledger.apply(&changes);
        assert!(!ledger.owns(QUEUE));
        assert_eq!(ledger.used.creates, 1);
    }

    #[test]
    fn nothing_is_owned_before_the_create_succeeded() {
        let changes = Changes::of(&[access("dynamodb:CreateTable", Class::Create, TABLE)]);
        let mut ledger = Ledger::default();
        ledger.reserve(&changes);
        assert!(!ledger.owns(TABLE));
        ledger.confirm(&changes);
        assert!(ledger.owns(TABLE));
    }

    #[test]
    fn what_the_task_made_itself_it_may_make_again() {
        let mut ledger = Ledger::default();
        let made = Changes::of(&[access("dynamodb:CreateTable", Class::Create, TABLE)]);
        ledger.apply(&made);
        ledger.apply(&Changes::of(&[access(
            "dynamodb:DeleteTable",
            Class::Destroy,
            TABLE,
        )]));
        assert!(!ledger.recreates(TABLE));
        assert!(!ledger.owns(TABLE));
        ledger.apply(&made);
        assert!(ledger.owns(TABLE));
    }

    #[test]
    fn an_environment_is_the_tasks_own_by_its_name_alone() {
        let arn = |rest: &str| format!("arn:aws:elasticbeanstalk:eu-west-1:111122223333:{rest}");
        let mut ledger = Ledger::default();
        ledger.apply(&Changes::of(&[access(
            "elasticbeanstalk:CreateEnvironment",
            Class::Create,
            &arn("environment/shop/web"),
        )]));
        assert!(ledger.owns(&arn("environment/*/web")));
        for other in [
            "environment/*/*",
            "environment/*/web2",
            "environment/*/",
            "application/web",
        ] {
            assert!(!ledger.owns(&arn(other)), "{other}");
        }
        let elsewhere = arn("environment/*/web").replace("eu-west-1", "eu-west-2");
        assert!(!ledger.owns(&elsewhere));
        ledger.apply(&Changes::of(&[access(
            "elasticbeanstalk:TerminateEnvironment",
            Class::Destroy,
            &arn("environment/*/web"),
        )]));
        assert!(!ledger.owns(&arn("environment/shop/web")));
        assert!(!ledger.recreates(&arn("environment/shop/web")));
    }

    #[test]
    fn an_auto_scaling_group_is_the_tasks_own_by_its_name() {
        let arn = |rest: &str| format!("arn:aws:autoscaling:eu-west-1:111122223333:{rest}");
        let group = |id: &str, name: &str| {
            arn(&format!(
                "autoScalingGroup:{id}:autoScalingGroupName/{name}"
            ))
        };
        let mut ledger = Ledger::default();
        let create = "autoscaling:CreateAutoScalingGroup";
        ledger.apply(&Changes::of(&[
            access(create, Class::Create, &group("*", "web")),
            access(create, Class::Create, &group("*", "*")),
        ]));
        assert!(ledger.owns(&group("*", "web")) && ledger.owns(&group("0a1b", "web")));
        for other in [
            group("*", "web2"),
            group("*", "*"),
            arn("launchConfiguration:*:launchConfigurationName/web"),
        ] {
            assert!(!ledger.owns(&other), "{other}");
        }
    }

    #[test]
    fn a_part_belongs_to_whom_the_whole_belongs() {
        let mut ledger = Ledger::default();
        let own = |rest: &str| format!("arn:aws:{rest}");
        for whole in [
            "elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/web/1a",
            "apigateway:eu-west-1::/restapis/a1",
        ] {
            ledger.created.insert(own(whole).parse().unwrap());
        }
        for part in [
            "elasticloadbalancing:eu-west-1:111122223333:listener/app/web/1a/2b",
            "elasticloadbalancing:eu-west-1:111122223333:listener-rule/app/web/1a/2b/3c",
            "apigateway:eu-west-1::/restapis/a1/stages/prod",
        ] {
            assert!(ledger.owns(&own(part)), "{part}");
        }
        for other in [
            "elasticloadbalancing:eu-west-1:111122223333:listener/app/web/1b/2b",
            "elasticloadbalancing:eu-west-1:111122223333:listener/net/web/1a/2b",
            "elasticloadbalancing:eu-west-1:111122223333:targetgroup/web/1a",
            "apigateway:eu-west-1::/restapis/a2/stages/prod",
            "apigateway:eu-west-1::/restapis",
        ] {
            assert!(!ledger.owns(&own(other)), "{other}");
        }
        // Who ends a part keeps the whole.
        let part = own("apigateway:eu-west-1::/restapis/a1/stages/prod");
        ledger.apply(&Changes::of(&[access(
            "apigateway:DELETE",
            Class::Destroy,
            &part,
        )]));
        assert!(ledger.owns(&own("apigateway:eu-west-1::/restapis/a1")));
    }

    #[test]
    fn what_was_destroyed_is_known_when_it_is_made_again() {
        let mut ledger = Ledger::default();
        ledger.apply(&Changes::of(&[access(
            "dynamodb:DeleteTable",
            Class::Destroy,
            TABLE,
        )]));
        assert!(ledger.recreates(TABLE));
        assert!(!ledger.recreates(&format!("{TABLE}-2")));
        assert!(!ledger.recreates(&TABLE.replace("eu-west-1", "eu-west-2")));
    }

    #[test]
    fn random_ends_of_arns_do_not_hide_a_recreation() {
        for (gone, made) in [
            (
                "secretsmanager:eu-west-1:1:secret:db-AbCdEf",
                "secretsmanager:eu-west-1:1:secret:db-*",
            ),
            (
                "elasticbeanstalk:eu-west-1:1:environment/*/web",
                "elasticbeanstalk:eu-west-1:1:environment/shop/web",
            ),
            ("rds:eu-west-1:1:db:web", "rds:eu-west-1:1:db:Web"),
            (
                "cloudformation:eu-west-1:1:stack/web/0a1b",
                "cloudformation:eu-west-1:1:stack/web/*",
            ),
        ] {
            let arn = |rest: &str| format!("arn:aws:{rest}");
            let mut ledger = Ledger::default();
            ledger.destroyed.insert(arn(gone).parse().unwrap());
            assert!(ledger.recreates(&arn(made)), "{made}");
        }
    }

    #[test]
    fn a_resource_that_the_service_names_recreates_nothing() {
        let mut ledger = Ledger::default();
        let instance = "arn:aws:ec2:eu-west-1:111122223333:instance/";
        ledger
            .destroyed
            .insert(format!("{instance}i-1").parse().unwrap());
        assert!(!ledger.recreates(&format!("{instance}*")));
    }

    #[test]
    fn a_refund_gives_units_and_ownership_back() {
        let mut ledger = Ledger::default();
        ledger.apply(&Changes::of(&[access(
            "dynamodb:CreateTable",
            Class::Create,
            TABLE,
        )]));
        let before = ledger.clone();
        let deletion = Changes::of(&[access("dynamodb:DeleteTable", Class::Destroy, TABLE)]);
        ledger.reserve(&deletion);
        assert!(!ledger.owns(TABLE));
        ledger.refund(&deletion, [TABLE.parse().unwrap()]);
        assert_eq!(ledger, before);
    }

    #[test]
    fn the_list_of_exclusive_creates_is_sorted_and_of_the_catalog() {
        assert!(EXCLUSIVE.is_sorted());
        for (action, kind) in EXCLUSIVE {
            let known = Catalog::embedded().action(action).unwrap();
            let kind = format!("{}:{kind}", known.prefix());
            assert!(known.types().any(|it| it.kind == kind), "{action} {kind}");
        }
    }
}
