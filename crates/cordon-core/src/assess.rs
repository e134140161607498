//! Stage 3: what the call means here. Takes [`Identified`] and [`Knowledge`]; gives
//! [`Assessed`]: each access with its environment and provenance, the guards' facts, the blast
//! and the digest. It only adds knowledge.

use crate::cedar::Blast;
use crate::digest::{Content, Digest};
use crate::environment::EnvironmentMap;
use crate::fact::Fact;
use crate::guard::{GUARDS, Sight};
use crate::identify::{Identified, Origin};
use crate::ledger::{Changes, Ledger, Rest, Used};
use crate::loan::{Loan, LoanError};
use crate::look::Seen;
use crate::names::{Environment, Reference};
use crate::predict::Omission;
use crate::session::Session;
use crate::tags::Tags;
use cordon_aws::arn::{AccountId, Arn, Region};
use cordon_aws::call::{Access, Call, Class};
use cordon_aws::classify;
use cordon_aws::value::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What was gathered for one call.
#[derive(Debug, Clone)]
pub struct Knowledge<'a> {
    /// Which resource is in which environment.
    pub environments: &'a EnvironmentMap,
    /// The version of the policies that will decide, which the digest covers.
    pub policy_version: &'a str,
    /// What the task did before.
    pub ledger: &'a Ledger,
    /// Changing calls of the task in the last minute, this one not counted.
    pub last_minute: u32,
    /// Facts that a failed read leaves open.
    pub unverified: BTreeSet<Fact>,
    /// What was seen of the call, where it needs a look and that came to its end.
    pub seen: Option<&'a Seen>,
    /// The tags of what it changes, where a policy rests on them.
    pub tags: Tags,
    /// What it leaves out of what is there, where a policy rests on it.
    pub omission: Omission,
}

/// A call with all that policy weighs. Only [`assess`] makes one.
#[derive(Debug)]
pub struct Assessed {
    pub(crate) identified: Identified,
    pub(crate) accesses: Vec<AssessedAccess>,
    pub(crate) facts: BTreeSet<Fact>,
    pub(crate) digest: Digest,
    pub(crate) content: Content,
    pub(crate) blast: Blast,
    pub(crate) used: Used,
    pub(crate) last_minute: u32,
    /// What must still be there when it goes.
    pub(crate) rests: Vec<Rest>,
    pub(crate) omission: Omission,
    /// For what Cordon answers itself: what it lends, or why it lends nothing.
    pub(crate) loan: Option<Result<Loan, LoanError>>,
}

/// One access with what is known of its resource.
#[derive(Debug, Clone)]
pub struct AssessedAccess {
    /// Action and resource.
    pub access: Access,
    /// The resource's environment; `unclassified` where no rule names it.
    pub environment: Environment,
    /// Whether this task created the resource, by the ledger; or what it created did.
    pub own: bool,
    /// The account that the resource is in, as far as the call tells.
    pub account: Box<str>,
    /// The region that the resource is in; `aws-global` for what has none.
    pub region: Box<str>,
}

impl Assessed {
    /// The call as it was before anything was seen of it.
    pub(crate) fn into_identified(self) -> Identified {
        let mut identified = self.identified;
        if let Some(asked) = identified.asked.take() {
            identified.call = asked;
        }
        identified
    }

    /// The request that it is.
    #[must_use]
    pub fn identified(&self) -> &Identified {
        &self.identified
    }
    /// The call.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.identified.call
    }
    /// How many of its accesses, the first ones, the request itself names.
    pub(crate) fn named(&self) -> usize {
        let asked = self.identified.asked.as_ref();
        asked.unwrap_or(&self.identified.call).accesses().len()
    }
    /// Whose it is.
    #[must_use]
    pub fn session(&self) -> &Arc<Session> {
        &self.identified.session
    }
    /// What people quote.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.identified.reference
    }
    /// Every access.
    #[must_use]
    pub fn accesses(&self) -> &[AssessedAccess] {
        &self.accesses
    }
    /// What the guards noticed.
    #[must_use]
    pub fn facts(&self) -> &BTreeSet<Fact> {
        &self.facts
    }
    /// The digest of the canonical call.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
    /// What is known of a body that streams, which the digest covers as far as it is.
    #[must_use]
    pub fn content(&self) -> Content {
        self.content
    }
    /// What the call would do to the ledger.
    #[must_use]
    pub fn changes(&self) -> Changes {
        if self.is_question() {
            return Changes::default();
        }
        let mut changes = Changes::of(&self.accesses);
        // One access makes as many as the call asks for.
        let more = asked_for(self.call()).saturating_sub(1);
        changes.cost.creates = changes.cost.creates.saturating_add(more);
        changes.rests.clone_from(&self.rests);
        changes
    }
}

/// Operations that make several of a kind by one access: the service, the operation, and the path of
/// the number.
const SEVERAL: [(&str, &str, &str); 6] = [
    ("ec2", "AllocateHosts", "Quantity"),
    (
        "ec2",
        "CreateFleet",
        "TargetCapacitySpecification.TotalTargetCapacity",
    ),
    (
        "ec2",
        "RequestSpotFleet",
        "SpotFleetRequestConfig.TargetCapacity",
    ),
    ("ec2", "RequestSpotInstances", "InstanceCount"),
    ("ec2", "RunInstances", "MaxCount"),
    ("ecs", "RunTask", "count"),
];

/// How many the call asks for. A number that is none is more than any budget has.
fn asked_for(call: &Call) -> u32 {
    let name = (call.service().name(), call.operation().name());
    let mut known = SEVERAL.iter();
    let Some((_, _, path)) = known.find(|(service, operation, _)| (*service, *operation) == name)
    else {
        return 1;
    };
    match call.parameters().at(path).first() {
        None => 1,
        Some(Value::Integer(count)) => count.parse().unwrap_or(u32::MAX),
        Some(_) => u32::MAX,
    }
}

/// Lets every guard look at the call.
#[must_use]
pub fn assess(mut identified: Identified, knowledge: &Knowledge<'_>) -> Assessed {
    let told = knowledge.seen.and_then(|seen| seen.told(&identified.call));
    let mut own_accesses = usize::MAX;
    // Only what fits the call counts as seen.
    let seen = knowledge.seen.filter(|_| told.is_some());
    let misfits = knowledge.seen.is_some() && seen.is_none();
    let knowledge = &Knowledge {
        seen,
        ..knowledge.clone()
    };
    if let Some((told, own)) = told {
        identified.asked = Some(std::mem::replace(&mut identified.call, told));
        own_accesses = own;
    }
    let loan = Loan::of(&identified.call, &identified.session);
    if loan.is_some() {
        // Cordon answers it: nothing changes, and nothing is handed out that is good for more than
        // what is decided later, call by call.
        identified.call = identified.call.seen(Some(Class::Data), []);
    }
    if identified.is_question() {
        // EC2 says whether it would, and does nothing; what a look told of it is in the question, too.
        identified.call = identified.call.seen(Some(Class::Observe), []);
    }
    let call = &identified.call;
    let session = &identified.session;
    let made_by_own = |number: usize| {
        let behind = number.checked_sub(own_accesses);
        behind.is_some_and(|number| seen.is_some_and(|seen| seen.made_by_own(number)))
    };
    let accesses: Vec<AssessedAccess> = call
        .accesses()
        .iter()
        .map(|access| place(access, call, session, knowledge))
        .enumerate()
        .map(|(number, access)| AssessedAccess {
            own: access.own || made_by_own(number),
            ..access
        })
        .collect();
    let effects = classify::effects(call);
    let sight = Sight {
        call,
        accesses: &accesses,
        effects: &effects,
        session,
        knowledge,
    };
    let mut facts = knowledge.unverified.clone();
    if !facts.is_empty() || misfits {
        facts.insert(Fact::Unverified);
    }
    for guard in GUARDS {
        (guard.look)(&sight, &mut facts);
    }
    let resources: BTreeSet<&str> = accesses.iter().map(|a| &*a.access.resource.arn).collect();
    let destroys = accesses.iter().any(|a| a.access.class == Class::Destroy);
    let blast = Blast {
        resources: u32::try_from(resources.len()).unwrap_or(u32::MAX),
        dependents: seen.map_or(0, Seen::parts),
        score: score(resources.len(), destroys, &facts),
        irreversible: call.operation().certainly_destroys(),
    };
    let mode = match &identified.origin {
        Origin::Signed(verified) => Some(verified.payload_mode()),
        Origin::Own | Origin::Witness | Origin::Judged => None,
    };
    let content = Content::of(call, mode);
    let digest = Digest::of(call, content, session.task.id(), knowledge.policy_version);
    Assessed {
        accesses,
        facts,
        digest,
        content,
        blast,
        used: knowledge.ledger.used,
        last_minute: knowledge.last_minute,
        rests: seen.map_or_else(Vec::new, |seen| seen.rests().to_vec()),
        omission: knowledge.omission.clone(),
        loan,
        identified,
    }
}

/// Where a resource is: by its ARN, and where that is silent, by the call.
fn place(
    access: &Access,
    call: &Call,
    session: &Session,
    knowledge: &Knowledge<'_>,
) -> AssessedAccess {
    let arn: Option<Arn> = access.resource.arn.parse().ok();
    let of_arn = |part: fn(&Arn) -> &str| arn.as_ref().map_or("", part);
    let account: Box<str> = match of_arn(Arn::account) {
        // `aws` is the account of AWS's own managed policies. Reading one reads nothing of
        // anybody's; anything else on them is left to be refused.
        "" => session.account.as_str().into(),
        "aws" if access.class == Class::Observe => session.account.as_str().into(),
        other => other.into(),
    };
    let region = region_of(of_arn(Arn::region), call, session);
    let account_id: Option<AccountId> = account.parse().ok();
    let region_id: Option<Region> = region.parse().ok();
    let environment = knowledge.environments.environment_of(
        &access.resource.arn,
        account_id.as_ref(),
        region_id.as_ref(),
    );
    AssessedAccess {
        own: knowledge.ledger.owns(&access.resource.arn),
        environment: environment.clone(),
        access: access.clone(),
        account,
        region,
    }
}

/// The region that counts: the ARN's, unless the call itself goes to a region that the task does
/// not declare. A service without regions signs with one all the same; its resources are in
/// `aws-global`.
fn region_of(of_arn: &str, call: &Call, session: &Session) -> Box<str> {
    let of_call = call.region().as_str();
    let partition = call.partition().as_str();
    if of_arn.is_empty() && call.service().global_region(partition).is_some() {
        return "aws-global".into();
    }
    let declared = session
        .task
        .regions()
        .iter()
        .any(|region| region.as_str() == of_call);
    let global = call.service().global_region(partition) == Some(of_call);
    match of_arn {
        "" | "*" => of_call.into(),
        other if declared || global => other.into(),
        _ => of_call.into(),
    }
}

/// How much harm a call can do at the most, 0 to 100: a rough order for people, and one line that
/// policies may draw.
fn score(resources: usize, destroys: bool, facts: &BTreeSet<Fact>) -> u32 {
    let many = u32::try_from(resources.saturating_sub(1))
        .unwrap_or(u32::MAX)
        .saturating_mul(4);
    let grave = [
        (Fact::WildcardTarget, 60),
        (Fact::Stateful, 20),
        (Fact::Force, 15),
        (Fact::DisablesProtection, 30),
        (Fact::SkipsFinalSnapshot, 30),
        (Fact::LastBackup, 40),
        (Fact::OpensPublicAccess, 30),
        (Fact::ReplacesResource, 30),
        (Fact::RecreatesDeleted, 30),
    ];
    let facts: u32 = grave
        .iter()
        .filter(|(fact, _)| facts.contains(fact))
        .map(|(_, points)| points)
        .sum();
    let destroys = if destroys { 30 } else { 0 };
    many.saturating_add(facts).saturating_add(destroys).min(100)
}
