//! One call of a plan: what it is, on what, and what was decided of it.

use super::Effect;
use crate::decide::{DenyReason, Outcome, Verdict};
use crate::fact::Fact;
use crate::policy::Policies;
use crate::predict::{Prediction, Undo};
use crate::record::{AccessRecord, CallRecord, RecordedOutcome, parameters};
use crate::session_policy;
use cordon_aws::call::{Call, Class};
use std::collections::BTreeSet;

/// One call that would be made.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is the word of the design")]
pub struct PlannedCall {
    /// botocore's service name.
    pub service: Box<str>,
    pub operation: Box<str>,
    pub class: Class,
    pub accesses: Vec<AccessRecord>,
    pub facts: Vec<&'static str>,
    /// Nothing where there was no task to decide it against.
    pub verdict: Option<PlanVerdict>,
    /// What people quote, for a call that was made.
    pub reference: Box<str>,
    pub region: Box<str>,
    /// As JSON, without secrets; cut where they are long.
    pub parameters: Box<str>,
    /// What it would change, where that was looked at.
    pub prediction: Option<Box<Prediction>>,
}

/// What was decided of a call.
#[derive(Debug, Clone)]
pub struct PlanVerdict {
    /// The outcome.
    pub outcome: RecordedOutcome,
    /// Id, title and hint of each determining policy.
    pub policies: Vec<(Box<str>, Box<str>, Box<str>)>,
    /// The groups that it waits for, or would wait for once the task is live.
    pub needs: BTreeSet<Box<str>>,
    /// The checks that must have passed beside.
    pub checks: BTreeSet<Box<str>>,
    /// Why, where no policy says it; empty otherwise.
    pub reason: &'static str,
}

impl PlannedCall {
    /// A call that nothing was decided of.
    #[must_use]
    pub fn of_call(call: &Call) -> Self {
        let accesses = call.accesses().iter().map(|access| AccessRecord {
            action: access.action.clone(),
            resource: access.resource.arn.clone(),
            kind: access.resource.kind.clone(),
            environment: "".into(),
            level: access.level.as_str(),
            class: access.class.as_str(),
            implied: false,
        });
        Self {
            service: call.service().name().into(),
            operation: call.operation().name().into(),
            class: call.class(),
            accesses: accesses.collect(),
            facts: Vec::new(),
            verdict: None,
            reference: "".into(),
            region: call.region().as_str().into(),
            parameters: parameters::of(call).into(),
            prediction: None,
        }
    }

    /// A call that was judged: the record of its judgement, and the verdict.
    #[must_use]
    pub fn of_judged(record: CallRecord, verdict: &Verdict) -> Self {
        let mut call = Self::of_record(record, None);
        if let (Some(planned), Some(reason)) = (&mut call.verdict, verdict.reason) {
            planned.reason = why(reason);
        }
        call.reference = "".into();
        call
    }

    /// A call of a session. A call that was recorded in preview mode would, once the task is live,
    /// wait for what the holds among its policies ask for: `policies` know that.
    #[must_use]
    pub fn of_record(record: CallRecord, policies: Option<&Policies>) -> Self {
        let mut needs: BTreeSet<Box<str>> = record.needs.into_iter().collect();
        let mut checks: BTreeSet<Box<str>> = record.checks.into_iter().collect();
        let previewed = record.outcome == RecordedOutcome::Decided(Outcome::Preview);
        if let Some(policies) = policies.filter(|_| previewed) {
            let ids = || record.policies.iter().map(|(id, _, _)| &**id);
            needs.extend(policies.needs(ids()).iter().map(|it| it.as_str().into()));
            checks.extend(
                policies
                    .checks_of(ids())
                    .iter()
                    .map(|it| it.as_str().into()),
            );
        }
        let reason = match record.outcome.denied() && record.policies.is_empty() {
            true => "no permit of the task and of its team's ceiling contains it",
            false => "",
        };
        let verdict = PlanVerdict {
            outcome: record.outcome,
            policies: record.policies,
            needs,
            checks,
            reason,
        };
        let class = Class::ALL
            .into_iter()
            .find(|class| class.as_str() == record.class);
        Self {
            service: record.service,
            operation: record.operation,
            class: class.unwrap_or(Class::Destroy),
            accesses: record.accesses,
            facts: record.facts,
            verdict: Some(verdict),
            reference: record.reference,
            region: record.region,
            parameters: record.parameters,
            prediction: record.prediction,
        }
    }

    /// The AWS CLI command that makes the same call; nothing where it would not be the same, or is too
    /// long to be read.
    #[must_use]
    pub fn command(&self) -> Option<String> {
        let parameters = serde_json::from_str(&self.parameters).ok()?;
        super::command(&self.service, &self.operation, &self.region, &parameters)
    }

    /// The AWS CLI command that undoes it, where one is known.
    #[must_use]
    pub fn undo(&self) -> Option<String> {
        match &self.prediction.as_ref()?.undo {
            Undo::By {
                operation,
                parameters,
            } => super::command(&self.service, operation, &self.region, parameters),
            Undo::Never(_) | Undo::Unknown => None,
        }
    }

    /// The session policy that its credentials would be minted under; nothing where STS would not take
    /// one, where the call is refused, and for reads, which share their sessions.
    #[must_use]
    pub fn session_policy(&self) -> Option<String> {
        if self.effect() == Effect::Read || self.is_denied() {
            return None;
        }
        let accesses = self.accesses.iter();
        let pairs = accesses.map(|it| (&*it.action, &*it.resource, &*it.kind));
        session_policy::of_accesses(pairs).ok()
    }

    fn is_denied(&self) -> bool {
        let verdict = self.verdict.as_ref();
        verdict.is_some_and(|verdict| verdict.outcome.denied())
    }

    /// What the call does by itself.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self.class {
            Class::Observe | Class::Data => Effect::Read,
            _ if self.replaces() => Effect::Replace,
            Class::Destroy => Effect::Destroy,
            Class::Disrupt => Effect::Disrupt,
            Class::Create => Effect::Create,
            Class::Update | Class::Identity | Class::Weaken => Effect::Change,
        }
    }

    fn replaces(&self) -> bool {
        let replaced = [Fact::ReplacesResource, Fact::RecreatesDeleted];
        replaced
            .iter()
            .any(|fact| self.facts.contains(&fact.as_str()))
    }

    /// Whether what it deletes is there for some days more and can be taken back.
    pub(super) fn waits(&self) -> bool {
        let forced = self.facts.contains(&Fact::Force.as_str());
        matches!(
            (&*self.service, &*self.operation),
            ("kms", "ScheduleKeyDeletion") | ("secretsmanager", "DeleteSecret")
        ) && !forced
    }
}

fn why(reason: DenyReason) -> &'static str {
    match reason {
        DenyReason::Guardrail => "",
        DenyReason::OutOfScope => "the task does not contain it",
        DenyReason::AboveCeiling => "the ceiling of the task's team does not contain it",
        DenyReason::Evaluation => "it could not be evaluated",
        DenyReason::Paused => "the task is paused",
        DenyReason::UnknownAction => "no reference names its IAM action",
        DenyReason::Narrowed => "the session policy that was asked for leaves it out",
        DenyReason::NotLent => "such credentials are not lent",
        DenyReason::OutsideBucket => "outside the bucket of its session of S3 Express",
        DenyReason::ReadOnly => "its session of S3 Express is for reading",
    }
}
