//! Stage 4: the decision. Takes [`Assessed`], the policies and the circumstances; gives one
//! [`Decision`]. Guardrails, ceiling and scope are three evaluations, never one merged set, and
//! any error in any of them is a deny.

use crate::action::Groups;
use crate::assess::{Assessed, AssessedAccess};
use crate::cedar::{self, Asked, Asker, Circumstance};
use crate::hold::{Missing, PATIENCE};
use crate::identify::{Identified, Origin};
use crate::ledger::Changes;
use crate::loan::Loan;
use crate::names::{ApproverGroup, CheckName, PolicyId};
use crate::policy::{About, BASE, Policies, Verb, evaluate};
use crate::posture::{Announced, Concerned, Declared, Postures};
use crate::session::SessionState;
use crate::session::express::Beyond;
use crate::task::Task;
use cedar_policy::{Context, Entities, PolicySet, Request, Response};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// What holds at the moment of the decision, beside the call.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// Groups whose quorum is met for this call's digest.
    pub approvals: BTreeSet<ApproverGroup>,
    /// Checks that passed for this call's digest.
    pub checks: BTreeSet<CheckName>,
    /// How careful leaders declared that calls are to be.
    pub posture: Postures,
    /// The time.
    pub now: Timestamp,
}

/// How careful a call is to be, least careful first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Posture {
    /// As the policies say.
    #[default]
    Normal,
    /// Every agent change needs a senior.
    Elevated,
    /// Changes wait for the incident commander.
    Freeze,
}

/// The decision on one call, carrying the call.
#[derive(Debug)]
pub enum Decision {
    /// It may go.
    Allow(Permit),
    /// It waits for people.
    Hold(Refused),
    /// It is recorded, not made.
    Preview(Refused),
    /// It does not go.
    Deny(Refused),
}

/// Proof that policy allowed this call. Only [`decide`] makes one; signing uses it up.
#[derive(Debug)]
pub struct Permit {
    pub(crate) assessed: Assessed,
    pub(crate) verdict: Verdict,
    posture: Posture,
    concerned: Concerned,
}

/// A call that does not go now, with the reason.
#[derive(Debug)]
pub struct Refused {
    pub(crate) assessed: Assessed,
    pub(crate) verdict: Verdict,
    concerned: Concerned,
}

/// What decided, and what would lift it.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The outcome.
    pub outcome: Outcome,
    /// The determining policies, guardrails first.
    pub policies: Vec<Determining>,
    /// For a hold, and for a preview of what would be held: the groups that can lift it, all of them.
    pub needs: BTreeSet<ApproverGroup>,
    /// Likewise: the checks that must have passed as well, all of them.
    pub checks: BTreeSet<CheckName>,
    /// Likewise: how many people of each must agree, the most that any policy asks for.
    pub quorum: u32,
    /// Likewise: how long they have, the least that any policy gives.
    pub timeout: SignedDuration,
    /// For a deny: which of the fixed reasons, which selects the text for the agent.
    pub reason: Option<DenyReason>,
    /// What leaders say of the time, where it holds up a change that policies hold or forbid.
    pub announced: Option<Announced>,
    /// The version (digest) of the policy bundle that decided.
    pub policy_version: Box<str>,
}

/// Allow, hold, preview or deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the outcomes")]
pub enum Outcome {
    Allow,
    Hold,
    Preview,
    Deny,
}

/// A policy that took part in the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Determining {
    /// Its `@id`.
    pub id: PolicyId,
    /// Its `@title`, for people.
    pub title: Box<str>,
    /// Its `@hint`, constant text for the agent; empty for permits.
    pub hint: Box<str>,
}

/// The fixed reasons of a deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DenyReason {
    /// A guardrail forbids it.
    Guardrail,
    /// The task does not contain it.
    OutOfScope,
    /// The team's ceiling does not contain it.
    AboveCeiling,
    /// Evaluation failed, or there was nothing to evaluate.
    Evaluation,
    /// The session is paused to reads.
    Paused,
    /// No reference names the IAM action that the operation needs.
    UnknownAction,
    /// The session policy that its agent asked for when it assumed the role leaves it out.
    Narrowed,
    /// It asks for virtual credentials that are not lent.
    NotLent,
    /// It is about something else than the objects of the bucket that its session of S3 Express is for.
    OutsideBucket,
    /// Its session of S3 Express is for reading.
    ReadOnly,
}

impl Verdict {
    /// What a hold waits for as long as nothing was said and reported of it.
    #[must_use]
    pub fn missing(&self) -> Missing {
        let needs = self.needs.iter().cloned();
        Missing {
            groups: needs.map(|group| (group, self.quorum)).collect(),
            checks: self.checks.iter().cloned().map(|it| (it, None)).collect(),
        }
    }
}

impl Posture {
    /// Every posture, least careful first.
    pub const ALL: [Self; 3] = [Self::Normal, Self::Elevated, Self::Freeze];

    /// `normal`, `elevated`, `freeze`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Elevated => "elevated",
            Self::Freeze => "freeze",
        }
    }

    /// The posture that [`Posture::as_str`] gives `word` for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|posture| posture.as_str() == word)
    }
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Allow, Self::Hold, Self::Preview, Self::Deny];

    /// `allow`, `hold`, `preview`, `deny`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Hold => "hold",
            Self::Preview => "preview",
            Self::Deny => "deny",
        }
    }
}

impl Verdict {
    /// Whether guardrails hold or forbid the call: those may ask how careful everyone is to be.
    fn comes_of_policies(&self) -> bool {
        self.outcome == Outcome::Hold || self.reason == Some(DenyReason::Guardrail)
    }
}

impl Decision {
    /// What decided.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        match self {
            Self::Allow(permit) => &permit.verdict,
            Self::Hold(refused) | Self::Preview(refused) | Self::Deny(refused) => &refused.verdict,
        }
    }
    /// The call that was decided.
    #[must_use]
    pub fn assessed(&self) -> &Assessed {
        match self {
            Self::Allow(permit) => &permit.assessed,
            Self::Hold(refused) | Self::Preview(refused) | Self::Deny(refused) => &refused.assessed,
        }
    }
    /// The call as it was identified, to be looked at, assessed and decided anew: a permit is given up.
    #[must_use]
    pub fn into_identified(self) -> Identified {
        self.weighed().0.into_identified()
    }
    /// The call and what decided, for whoever only asked: a permit is given up.
    pub(crate) fn weighed(self) -> (Assessed, Verdict) {
        match self {
            Self::Allow(permit) => (permit.assessed, permit.verdict),
            Self::Hold(refused) | Self::Preview(refused) | Self::Deny(refused) => {
                (refused.assessed, refused.verdict)
            }
        }
    }
}

impl Permit {
    /// The call it lets go.
    #[must_use]
    pub fn assessed(&self) -> &Assessed {
        &self.assessed
    }

    /// How careful it had to be when it was allowed.
    #[must_use]
    pub fn posture(&self) -> Posture {
        self.posture
    }

    /// What declarations of a posture may speak of in it.
    #[must_use]
    pub fn concerned(&self) -> &Concerned {
        &self.concerned
    }

    /// What the call lends, where Cordon answers it itself. Such a call never leaves.
    #[must_use]
    pub fn loan(&self) -> Option<&Loan> {
        self.assessed.loan.as_ref()?.as_ref().ok()
    }

    /// What the call does to its task's ledger: to be reserved before it leaves.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.assessed.changes()
    }

    /// What decided.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

impl Refused {
    /// The call with all that was known, to be decided again under other circumstances.
    #[must_use]
    pub fn into_assessed(self) -> Assessed {
        self.assessed
    }

    /// The call as it was identified, to be looked at and assessed anew.
    #[must_use]
    pub fn into_identified(self) -> Identified {
        self.assessed.into_identified()
    }

    /// What declarations of a posture may speak of in it.
    #[must_use]
    pub fn concerned(&self) -> &Concerned {
        &self.concerned
    }

    /// The call that does not go.
    #[must_use]
    pub fn assessed(&self) -> &Assessed {
        &self.assessed
    }

    /// What decided.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

/// Decides, in the order of the design: error, deny, out of scope, preview, hold, allow.
#[must_use]
pub fn decide(policies: &Policies, assessed: Assessed, circumstances: &Circumstances) -> Decision {
    let concerned = Concerned::of(&assessed, policies.environments());
    let in_force = circumstances
        .posture
        .in_force(&concerned, circumstances.now);
    let posture = in_force.map_or(Posture::Normal, |declared| declared.posture);
    let mut verdict = verdict(policies, &assessed, circumstances, posture);
    if assessed.call().mutates() && verdict.comes_of_policies() {
        verdict.announced = in_force.map(Declared::announced);
    }
    if verdict.outcome == Outcome::Allow {
        return Decision::Allow(Permit {
            assessed,
            verdict,
            posture,
            concerned,
        });
    }
    let outcome = verdict.outcome;
    let refused = Refused {
        assessed,
        verdict,
        concerned,
    };
    match outcome {
        Outcome::Hold => Decision::Hold(refused),
        Outcome::Preview => Decision::Preview(refused),
        Outcome::Allow | Outcome::Deny => Decision::Deny(refused),
    }
}

fn verdict(
    policies: &Policies,
    assessed: &Assessed,
    circumstances: &Circumstances,
    posture: Posture,
) -> Verdict {
    let session = assessed.session();
    if session.state != SessionState::Live && assessed.call().mutates() {
        return Finding::denied(DenyReason::Paused).verdict(policies);
    }
    // Whatever the policies say of a guess, they say it of something else than AWS will ask for.
    if assessed.call().operation().assumed_action() {
        return Finding::denied(DenyReason::UnknownAction).verdict(policies);
    }
    let context = cedar::context(&Circumstance {
        now: circumstances.now,
        posture,
        facts: &assessed.facts,
        blast: assessed.blast,
        used: assessed.used,
        cost: assessed.changes().cost,
        last_minute: assessed.last_minute,
        approvals: &circumstances.approvals,
        checks: &circumstances.checks,
    });
    let Ok(context) = context else {
        return Finding::denied(DenyReason::Evaluation).verdict(policies);
    };
    let asker = Asker {
        session: session.id.as_str(),
        task: session.task.id().as_str(),
        team: session.task.team().as_str(),
        agent: &session.agent,
    };
    // Nothing to evaluate is not nothing against it.
    let finding = assessed
        .accesses
        .iter()
        .map(|access| {
            weigh_access(
                policies,
                &session.task,
                &asker,
                access,
                &context,
                circumstances.now,
            )
        })
        .chain(beside_policies(assessed))
        .reduce(Finding::and)
        .unwrap_or_else(|| Finding::denied(DenyReason::Evaluation));
    let missing = session
        .task
        .approvals()
        .difference(&circumstances.approvals);
    match assessed.call().mutates() {
        true => finding.awaiting(missing).verdict(policies),
        false => finding.verdict(policies),
    }
}

/// What denies a call whatever policies say: that its session was asked to be narrower, is for the
/// objects of one bucket, and that what it asks for is not lent.
fn beside_policies(assessed: &Assessed) -> Option<Finding> {
    let descent = assessed.session().descent.as_ref();
    let narrowed = descent.is_some_and(|descent| {
        !assessed
            .accesses
            .iter()
            .all(|AssessedAccess { access, .. }| {
                descent.allows(&access.action, &access.resource.arn)
            })
    });
    let reason = match (narrowed, beyond_express(assessed), &assessed.loan) {
        (true, _, _) => DenyReason::Narrowed,
        (false, Some(Beyond::Bucket), _) => DenyReason::OutsideBucket,
        (false, None, Some(Err(_))) => DenyReason::NotLent,
        (false, Some(Beyond::Mode), _) => DenyReason::ReadOnly,
        (false, None, _) => return None,
    };
    Some(Finding::denied(reason))
}

/// Why a call is not one for its session of S3 Express. What Cordon itself asks beside a call is no
/// use of that session's keys.
fn beyond_express(assessed: &Assessed) -> Option<Beyond> {
    let express = assessed.session().express()?;
    match assessed.identified.origin {
        Origin::Own | Origin::Witness => None,
        Origin::Signed(_) | Origin::Judged => {
            express.admits(assessed.call(), &assessed.accesses).err()
        }
    }
}

fn weigh_access(
    policies: &Policies,
    task: &Task,
    asker: &Asker<'_>,
    access: &AssessedAccess,
    context: &Context,
    now: Timestamp,
) -> Finding {
    let action = &*access.access.action;
    let groups = Groups::of_access(&access.access, policies.actions().find(action));
    let partition = access.access.resource.arn.split(':').nth(1);
    let asked = Asked {
        action,
        groups,
        arn: &access.access.resource.arn,
        kind: &access.access.resource.kind,
        region: &access.region,
        account: &access.account,
        partition: partition.unwrap_or(task.partition().as_str()),
        environments: cedar::with_parents(&access.environment, policies.environments()),
        created_by: access.own.then_some(task.id().as_str()),
        owner: None,
    };
    let layers = Layers {
        guardrails: policies.guardrails_for(action, groups),
        ceiling: Layer::of(policies.ceiling_for(action, groups)),
        scope: Layer::of_task(task, &asked, now),
    };
    match cedar::question(task.entities(), asker, &asked, context) {
        Ok((request, entities)) => weigh(policies, &layers, &request, &entities),
        Err(_) => Finding::denied(DenyReason::Evaluation),
    }
}

/// The three sets that one access is put to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layers<'a> {
    /// Nothing only where the slices do not know the action's groups: then it is a deny.
    pub(crate) guardrails: Option<&'a PolicySet>,
    pub(crate) ceiling: Layer<'a>,
    pub(crate) scope: Layer<'a>,
}

/// A layer of permits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Layer<'a> {
    /// These permits.
    Set(&'a PolicySet),
    /// No permit can apply.
    Nothing,
    /// Everything is permitted: for tests of guardrails alone.
    Everything,
}

impl<'a> Layer<'a> {
    pub(crate) fn of(set: Option<&'a PolicySet>) -> Self {
        set.map_or(Self::Nothing, Self::Set)
    }

    /// The permits of a task for an access; none where the task does not speak about the place.
    pub(crate) fn of_task(task: &'a Task, asked: &Asked<'_>, now: Timestamp) -> Self {
        match task.confines(&asked.place(), now) {
            true => Self::of(task.scope_for(asked.action)),
            false => Self::Nothing,
        }
    }

    /// Whether the layer permits, with the ids of the permits; `None` for an evaluation error.
    fn ask(self, request: &Request, entities: &Entities) -> Option<(bool, Vec<Box<str>>)> {
        let set = match self {
            Self::Nothing => return Some((false, Vec::new())),
            Self::Everything => return Some((true, Vec::new())),
            Self::Set(set) => set,
        };
        let response = evaluate(set, request, entities);
        if response.diagnostics().errors().next().is_some() {
            return None;
        }
        match response.decision() {
            cedar_policy::Decision::Deny => Some((false, Vec::new())),
            cedar_policy::Decision::Allow => Some((true, reasons(&response))),
        }
    }
}

fn reasons(response: &Response) -> Vec<Box<str>> {
    let ids = response
        .diagnostics()
        .reason()
        .map(|id| -> &str { id.as_ref() });
    ids.filter(|id| *id != BASE).map(Box::from).collect()
}

/// What came out for one access, or for several together.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<DenyReason>,
    /// Ids of the forbids that took part, of whatever outcome.
    pub(crate) forbids: BTreeSet<Box<str>>,
    /// Ids of the permits that took part: the scope's, then the ceiling's.
    pub(crate) permits: Vec<Box<str>>,
    pub(crate) needs: BTreeSet<ApproverGroup>,
    pub(crate) checks: BTreeSet<CheckName>,
}

/// Weighs one access: three evaluations, in the fixed order.
pub(crate) fn weigh(
    policies: &Policies,
    layers: &Layers<'_>,
    request: &Request,
    entities: &Entities,
) -> Finding {
    let Some(guardrails) = layers.guardrails else {
        return Finding::denied(DenyReason::Evaluation);
    };
    let guarded = evaluate(guardrails, request, entities);
    let scope = layers.scope.ask(request, entities);
    let ceiling = layers.ceiling.ask(request, entities);
    // 1. Cedar skips a policy that fails: a forbid that failed forbids nothing.
    let (Some((in_scope, mut permits)), Some((in_ceiling, of_ceiling))) = (scope, ceiling) else {
        return Finding::denied(DenyReason::Evaluation);
    };
    if guarded.diagnostics().errors().next().is_some() {
        return Finding::denied(DenyReason::Evaluation);
    }
    let forbids: BTreeSet<Box<str>> = match guarded.decision() {
        cedar_policy::Decision::Allow => BTreeSet::new(),
        cedar_policy::Decision::Deny => reasons(&guarded).into_iter().collect(),
    };
    let denied_without_reason =
        guarded.decision() == cedar_policy::Decision::Deny && forbids.is_empty();
    let abouts: Vec<Option<&About>> = forbids.iter().map(|id| policies.about(id)).collect();
    let verb_of = |about: &Option<&About>| about.and_then(|about| about.verb);
    let some = |verb| abouts.iter().any(|about| verb_of(about) == Some(verb));
    let unknown = abouts.iter().any(|about| verb_of(about).is_none());
    let finding = |outcome, reason, permits| Finding {
        outcome,
        reason,
        forbids: forbids.clone(),
        permits,
        needs: BTreeSet::new(),
        checks: BTreeSet::new(),
    };
    // 2. Hard stops come before scope, so that an approval never looks like a way round them.
    if denied_without_reason || unknown || some(Verb::Deny) {
        return finding(Outcome::Deny, Some(DenyReason::Guardrail), Vec::new());
    }
    // 3. What nobody granted is never shown as something to approve.
    let missing = match (in_scope, in_ceiling) {
        (false, _) => Some(DenyReason::OutOfScope),
        (true, false) => Some(DenyReason::AboveCeiling),
        (true, true) => None,
    };
    if let Some(reason) = missing {
        return Finding::denied(reason);
    }
    permits.extend(of_ceiling);
    // 4. to 6. What is previewed may have to be held once it is live.
    let outcome = match (some(Verb::Preview), forbids.is_empty()) {
        (true, _) => Outcome::Preview,
        (false, true) => Outcome::Allow,
        (false, false) => Outcome::Hold,
    };
    let asking = || {
        let abouts = abouts.iter().flatten();
        abouts.filter(|about| about.verb == Some(Verb::Hold))
    };
    Finding {
        needs: asking().flat_map(|about| about.needs.clone()).collect(),
        checks: asking().flat_map(|about| about.checks.clone()).collect(),
        ..finding(outcome, None, permits)
    }
}

impl Finding {
    fn denied(reason: DenyReason) -> Self {
        Self {
            outcome: Outcome::Deny,
            reason: Some(reason),
            forbids: BTreeSet::new(),
            permits: Vec::new(),
            needs: BTreeSet::new(),
            checks: BTreeSet::new(),
        }
    }

    /// Both together: the strictest outcome, all policies, all needs and checks. One failing access fails
    /// the call.
    fn and(mut self, other: Self) -> Self {
        let severity = |finding: &Self| {
            (
                finding.outcome.severity(),
                finding.reason.map(DenyReason::rank),
            )
        };
        if severity(&other) > severity(&self) {
            self.outcome = other.outcome;
            self.reason = other.reason;
        }
        self.forbids.extend(other.forbids);
        for permit in other.permits {
            if !self.permits.contains(&permit) {
                self.permits.push(permit);
            }
        }
        self.needs.extend(other.needs);
        self.checks.extend(other.checks);
        self
    }

    /// Adds the groups that the task itself asks for and that did not approve yet.
    fn awaiting<'a>(mut self, missing: impl Iterator<Item = &'a ApproverGroup>) -> Self {
        let missing: Vec<ApproverGroup> = missing.cloned().collect();
        if !missing.is_empty() && self.outcome != Outcome::Deny {
            if self.outcome == Outcome::Allow {
                self.outcome = Outcome::Hold;
            }
            self.forbids.insert(TASK_APPROVALS.into());
            self.needs.extend(missing);
        }
        self
    }

    fn verdict(self, policies: &Policies) -> Verdict {
        let mut abouts: Vec<&About> = self
            .forbids
            .iter()
            .filter_map(|id| policies.about(id))
            .filter(|about| self.outcome.comes_of(about.verb))
            .collect();
        abouts.sort_by_key(|about| (about.verb, about.order));
        let mut determining: Vec<Determining> = abouts.into_iter().map(Determining::of).collect();
        if self.forbids.contains(TASK_APPROVALS) {
            determining.extend(Determining::own(
                TASK_APPROVALS,
                TASK_APPROVALS_TITLE,
                TASK_APPROVALS_HINT,
            ));
        }
        if self.outcome == Outcome::Allow {
            let permits = self
                .permits
                .iter()
                .filter_map(|id| match policies.about(id) {
                    Some(about) => Some(Determining::of(about)),
                    None => Determining::own(id, "", ""),
                });
            determining.extend(permits);
        }
        let (needs, checks) = match self.outcome {
            Outcome::Hold | Outcome::Preview => (self.needs, self.checks),
            Outcome::Allow | Outcome::Deny => Default::default(),
        };
        let asking = self.forbids.iter().filter_map(|id| policies.about(id));
        let asking = asking.filter(|about| about.verb == Some(Verb::Hold));
        let quorum = asking.clone().map(|about| about.quorum).max();
        let timeout = asking.map(|about| about.timeout).min();
        Verdict {
            outcome: self.outcome,
            policies: determining,
            needs,
            checks,
            quorum: quorum.unwrap_or(1),
            timeout: timeout.unwrap_or(PATIENCE),
            reason: self.reason,
            announced: None,
            policy_version: policies.version().into(),
        }
    }
}

/// The name under which a task's own `[approvals] extra` appear among the policies.
const TASK_APPROVALS: &str = "task-approvals";
const TASK_APPROVALS_TITLE: &str = "The task itself asks for more approvals of its changes";
const TASK_APPROVALS_HINT: &str = "The task asks for an approval of each of its changes.";

impl Determining {
    fn of(about: &About) -> Self {
        Self {
            id: about.id.clone(),
            title: about.title.clone(),
            hint: about.hint.clone(),
        }
    }

    fn own(id: &str, title: &str, hint: &str) -> Option<Self> {
        Some(Self {
            id: id.parse().ok()?,
            title: title.into(),
            hint: hint.into(),
        })
    }
}

impl Outcome {
    fn severity(self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Hold => 1,
            Self::Preview => 2,
            Self::Deny => 3,
        }
    }

    /// Whether a forbid that leads to `verb` tells of it: that the mode of its task only previews
    /// changes is nothing about a call that is denied in any mode.
    fn comes_of(self, verb: Option<Verb>) -> bool {
        self != Self::Deny || verb != Some(Verb::Preview)
    }
}

impl DenyReason {
    fn rank(self) -> u8 {
        match self {
            Self::NotLent => 0,
            Self::ReadOnly => 1,
            Self::OutsideBucket => 2,
            Self::Narrowed => 3,
            Self::AboveCeiling => 4,
            Self::OutOfScope => 5,
            Self::Guardrail => 6,
            Self::Paused => 7,
            Self::Evaluation => 8,
            Self::UnknownAction => 9,
        }
    }

    /// `guardrail`, `out-of-scope`, ...
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guardrail => "guardrail",
            Self::OutOfScope => "out-of-scope",
            Self::AboveCeiling => "above-ceiling",
            Self::Evaluation => "evaluation",
            Self::Paused => "paused",
            Self::UnknownAction => "unknown-action",
            Self::Narrowed => "narrowed",
            Self::NotLent => "not-lent",
            Self::OutsideBucket => "outside-bucket",
            Self::ReadOnly => "read-only",
        }
    }
}
