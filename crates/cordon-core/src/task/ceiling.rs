//! Whether a task lies inside the ceiling, before it starts.
//!
//! Every action of every `[[allow]]`, `[destroy]` and `[replace]` is put to the permits of the
//! ceiling, for each declared account and region, each environment that it may touch, and each
//! of its ARN patterns taken as an ARN. Actions that no policy of the bundle can tell apart are
//! put once.
//!
//! What this proves: a ceiling whose conditions on ARNs are positive (`resource.arn like "..."`)
//! contains the task, since a pattern that matches another one's text matches all that the other
//! one does. What it does not prove: conditions that leave ARNs *out*, or read the context. There
//! a task may pass here and be refused at the call, where the ceiling is evaluated once more;
//! it never works the other way.

use super::{Allow, Mode, Reach, Target, Written};
use crate::action::{ActionSet, Groups, prefix_of};
use crate::cedar::{
    Asked, Asker, Blast, Circumstance, TaskFacts, context, question, task_entities, with_parents,
};
use crate::decide::Posture;
use crate::fault::Fault;
use crate::ledger::Used;
use crate::names::Environment;
use crate::policy::{Policies, permits};
use cedar_policy::{Context, Entities};
use cordon_aws::arn::Partition;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(
    written: &Written,
    policies: &Policies,
    allows: &[Allow],
    destroy: &[Target],
    replace: &[Target],
) -> Vec<Fault> {
    // Where it would be held to another ceiling, or another place, there is nothing to say.
    if !written.whole.team || !written.whole.place {
        return Vec::new();
    }
    let Some(probe) = Probe::new(written, policies) else {
        return vec![written.fault(0, "the task could not be held to the ceiling", "")];
    };
    let mut faults = Vec::new();
    let entries = allows.iter().zip(&written.allows);
    for (allow, origin) in entries.filter(|(_, origin)| origin.whole) {
        let arns = arns(&allow.on);
        let narrowed: Vec<&Environment> = allow.environments.iter().collect();
        let above = probe.above(&allow.actions, &arns, &narrowed);
        faults.extend(report(written, origin.offset, &above));
    }
    for (target, origin) in destroy
        .iter()
        .zip(&written.destroy)
        .chain(replace.iter().zip(&written.replace))
    {
        let above = probe.above(&target.actions, &[target.arn.as_str()], &[]);
        faults.extend(report(written, origin.arn.offset, &above));
    }
    faults
}

fn report(written: &Written, offset: usize, above: &[&str]) -> Option<Fault> {
    let what = match above {
        [] => return None,
        [one] => format!("`{one}` is"),
        [first, rest @ ..] => format!("`{first}` and {} more kinds of action are", rest.len()),
    };
    let message = format!("{what} above the ceiling of team `{}`", written.team.value);
    let help = "leave it out, or ask the security team to widen the ceiling";
    Some(written.fault(offset, message, help))
}

fn arns(on: &Reach) -> Vec<&str> {
    let bare = (on.anything || on.nothing || on.own).then_some("*");
    on.arns.iter().map(|arn| &**arn).chain(bare).collect()
}

struct Probe<'a> {
    written: &'a Written,
    policies: &'a Policies,
    task: Entities,
    context: Context,
    partition: Partition,
}

impl<'a> Probe<'a> {
    fn new(written: &'a Written, policies: &'a Policies) -> Option<Self> {
        let partition = Partition::of_region(written.regions.first()?);
        let facts = TaskFacts {
            id: "draft",
            team: written.team.value.as_str(),
            sponsor: "draft",
            ticket: "",
            partition: partition.as_str(),
            mode: Mode::Live,
            expires: Timestamp::MAX,
            accounts: written.accounts.iter().map(|a| a.as_str()).collect(),
            regions: written.regions.iter().map(|r| r.as_str()).collect(),
            environments: written
                .environments
                .iter()
                .map(|e| e.value.as_str())
                .collect(),
            destroy: Vec::new(),
            replace: Vec::new(),
            budget: super::Budget {
                mutations: u32::MAX,
                creates: u32::MAX,
                destroys: u32::MAX,
                per_minute: u32::MAX,
            },
        };
        let circumstance = Circumstance {
            now: Timestamp::UNIX_EPOCH,
            posture: Posture::Normal,
            facts: &BTreeSet::new(),
            blast: Blast {
                resources: 1,
                dependents: 0,
                score: 0,
                irreversible: false,
            },
            used: Used::default(),
            cost: Used::default(),
            last_minute: 0,
            approvals: &BTreeSet::new(),
            checks: &BTreeSet::new(),
        };
        Some(Self {
            written,
            policies,
            task: task_entities(&facts).ok()?,
            context: context(&circumstance).ok()?,
            partition,
        })
    }

    /// One action of each kind that the ceiling does not permit everywhere.
    fn above(
        &self,
        set: &ActionSet,
        arns: &[&str],
        narrowed: &[&Environment],
    ) -> Vec<&'static str> {
        let representatives = self.policies.representatives(set);
        let above = representatives
            .into_iter()
            .filter(|(action, groups)| !self.is_inside(action, *groups, arns, narrowed));
        above.map(|(action, _)| action).collect()
    }

    fn is_inside(
        &self,
        action: &str,
        groups: Groups,
        arns: &[&str],
        narrowed: &[&Environment],
    ) -> bool {
        let map = self.policies.environments();
        let mut environments: Vec<&Environment> =
            match (narrowed.is_empty(), groups.class.mutates()) {
                (false, _) => narrowed.to_vec(),
                (true, true) => self.written.environments.iter().map(|e| &e.value).collect(),
                (true, false) => map.environments().collect(),
            };
        // Reads go anywhere, and what the task creates may lie where no rule names it.
        if narrowed.is_empty() {
            environments.push(map.unclassified());
        }
        let ceiling = self.policies.ceiling_for(action, groups);
        let mut places = BTreeMap::new();
        for account in &self.written.accounts {
            for region in &self.written.regions {
                places.insert((account.as_str(), region.as_str()), ());
            }
        }
        let asker = Asker {
            session: "draft",
            task: "draft",
            team: self.written.team.value.as_str(),
            agent: self.written.agents.first().map_or("agent", |agent| agent),
        };
        environments.iter().all(|environment| {
            arns.iter().all(|arn| {
                places.keys().all(|(account, region)| {
                    let asked = Asked {
                        action,
                        groups,
                        arn,
                        kind: prefix_of(action),
                        region,
                        account,
                        partition: self.partition.as_str(),
                        environments: with_parents(environment, map),
                        created_by: None,
                        owner: None,
                    };
                    permits(ceiling, question(&self.task, &asker, &asked, &self.context))
                })
            })
        })
    }
}
