//! Tasks: what a person declared, parsed strictly, frozen and compiled.
//!
//! ```text
//! text ─► Written (as written, with places) ─► Task (as meant: frozen, inside the ceiling)
//!                                                ├─► Cedar permits and entities
//!                                                └─► session policies
//! ```
//!
//! Freezing expands every wildcard and class to the actions that the catalog knows now, so that
//! an action which AWS adds tomorrow is in no task of today. Compiling is a function of the text,
//! the policies and the launch: the same three give the same task, digest included.

mod amend;
mod ceiling;
mod difference;
mod explain;
mod freeze;
mod lock;
mod parameters;
mod permits;
mod reads;
mod written;

pub use amend::{Addition, AdditionError, Unamendable, same_scope};
pub use difference::Difference;
pub use written::Written;

use crate::action::{ActionSet, Actions};
use crate::fault::Faults;
use crate::names::{AmendmentId, ApproverGroup, Environment, Sponsor, TaskId, Team};
use crate::policy::Policies;
use cedar_policy::{Entities, PolicySet};
use cordon_aws::arn::{AccountId, Arn, Partition, Region};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(crate) use parameters::Place;
pub(crate) use reads::ReadGrant;
pub(crate) use written::Limit;

/// What the launch adds to the file.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The task's id.
    pub id: TaskId,
    /// Who launches it and answers for it.
    pub sponsor: Sponsor,
    /// When.
    pub at: Timestamp,
    /// The mode that the launcher asks for; `None` for the one in the file.
    pub mode: Option<Mode>,
    /// When it ends, for one that was extended; `None` for the `ttl` of the file.
    pub expires: Option<Timestamp>,
}

/// Whether changes are recorded or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Changes are recorded, not made.
    Preview,
    /// Changes are made.
    Live,
}

/// Totals and rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Changing calls.
    pub mutations: u32,
    /// Creating accesses.
    pub creates: u32,
    /// Destroying accesses.
    pub destroys: u32,
    /// Changing calls within any minute.
    pub per_minute: u32,
}

/// A task that was checked, frozen and compiled: the value that a session works on. Only
/// [`Task::compile`] makes one.
#[derive(Debug)]
pub struct Task {
    id: TaskId,
    title: Box<str>,
    ticket: Box<str>,
    template: Box<str>,
    plan: Box<str>,
    amendments: Vec<AmendmentId>,
    team: Team,
    sponsor: Sponsor,
    mode: Mode,
    agents: Vec<Box<str>>,
    accounts: Vec<AccountId>,
    regions: Vec<Region>,
    partition: Partition,
    environments: BTreeSet<Environment>,
    allows: Vec<Allow>,
    destroy: Vec<Target>,
    replace: Vec<Target>,
    budget: Budget,
    approvals: BTreeSet<ApproverGroup>,
    launched_at: Timestamp,
    expires_at: Timestamp,
    notes: Vec<String>,
    actions: Arc<Actions>,
    policy_version: Box<str>,
    lock: String,
    scope_digest: Box<str>,
    cedar: String,
    scope: permits::Scope,
    entities: Entities,
    reads: reads::Reads,
}

/// One `[[allow]]`, frozen.
#[derive(Debug)]
pub(crate) struct Allow {
    /// The permits that it became, each with its own part of the actions.
    pub(crate) parts: Vec<Part>,
    /// All of its actions.
    pub(crate) actions: ActionSet,
    pub(crate) on: Reach,
    /// The environments it is narrowed to; empty for all that the task declares.
    pub(crate) environments: BTreeSet<Environment>,
    pub(crate) only_params: Option<BTreeSet<Box<str>>>,
    pub(crate) limits: Vec<(Box<str>, Limit)>,
    pub(crate) from: Box<str>,
}

/// Actions of one `[[allow]]` that one Cedar head can express.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) actions: ActionSet,
    pub(crate) head: Head,
}

/// How a permit names its actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Head {
    /// One by one.
    Named,
    /// By classes: the call's class decides, whatever the action is by itself.
    Classes(Vec<cordon_aws::call::Class>),
    /// By a class within a service.
    OfService(Box<str>, cordon_aws::call::Class),
}

/// What an `[[allow]]` reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Everything within `[where]`; only for reads of configuration.
    pub(crate) anything: bool,
    /// What the task created.
    pub(crate) own: bool,
    /// Calls that name no resource.
    pub(crate) nothing: bool,
    /// ARN patterns.
    pub(crate) arns: Vec<Box<str>>,
}

/// One line of `[destroy]` or `[replace]`.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) arn: Arn,
    pub(crate) actions: ActionSet,
}

impl Task {
    /// Reads and compiles the text of a task file, called `file` in messages.
    ///
    /// # Errors
    /// Every fault: also those that [`Task::compile`] finds in what could be read, where
    /// [`Written::parse`] has found some. Nothing is blamed for what could not be read.
    pub fn read(
        file: &str,
        text: &str,
        policies: &Policies,
        launch: Launch,
    ) -> Result<Self, Faults> {
        let written::Reading { written, faults } = written::Reading::of(file, text)?;
        let check = freeze::Ceiling::MustContain;
        freeze::freeze(&written, faults, policies, launch, check)
    }

    /// Freezes and compiles `written`: expands wildcards, checks every name, and checks that the
    /// task lies inside the ceiling of `policies`.
    ///
    /// # Errors
    /// Every fault.
    pub fn compile(written: &Written, policies: &Policies, launch: Launch) -> Result<Self, Faults> {
        let check = freeze::Ceiling::MustContain;
        freeze::freeze(written, Vec::new(), policies, launch, check)
    }

    /// Compiles again what was launched before, after a restart or under newer policies. It is
    /// not held to the ceiling and the limits of a launch: the ceiling decides on every call
    /// anyway, and a task that newer policies narrowed must still be there to be shown.
    ///
    /// # Errors
    /// Every fault but those of the ceiling.
    pub fn restore(written: &Written, policies: &Policies, launch: Launch) -> Result<Self, Faults> {
        let check = freeze::Ceiling::DecidesLater;
        freeze::freeze(written, Vec::new(), policies, launch, check)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &TaskId {
        &self.id
    }
    /// What it is for.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }
    /// The ticket it belongs to; empty for none.
    #[must_use]
    pub fn ticket(&self) -> &str {
        &self.ticket
    }
    /// Whose ceiling bounds it.
    #[must_use]
    pub fn team(&self) -> &Team {
        &self.team
    }
    /// Who answers for it.
    #[must_use]
    pub fn sponsor(&self) -> &Sponsor {
        &self.sponsor
    }
    /// Whether changes are recorded or made.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }
    /// The kinds of agent that may work on it; empty for any.
    #[must_use]
    pub fn agents(&self) -> &[Box<str>] {
        &self.agents
    }
    /// The accounts it may act in, as written; never empty.
    #[must_use]
    pub fn accounts(&self) -> &[AccountId] {
        &self.accounts
    }
    /// The regions it may act in, as written; never empty.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }
    /// The partition that its regions are in.
    #[must_use]
    pub fn partition(&self) -> &Partition {
        &self.partition
    }
    /// The environments it may change.
    #[must_use]
    pub fn environments(&self) -> &BTreeSet<Environment> {
        &self.environments
    }
    /// Its totals and rate.
    #[must_use]
    pub fn budget(&self) -> Budget {
        self.budget
    }
    /// The groups that the task itself asks for every change, beside what policies ask.
    #[must_use]
    pub fn approvals(&self) -> &BTreeSet<ApproverGroup> {
        &self.approvals
    }
    /// When it was launched.
    #[must_use]
    pub fn launched_at(&self) -> Timestamp {
        self.launched_at
    }
    /// When its calls stop.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
    /// What was added to it since it was launched, in that order.
    #[must_use]
    pub fn amendments(&self) -> &[AmendmentId] {
        &self.amendments
    }
    /// `sha256:...` over everything frozen: what the sponsor signs and a cache is keyed by.
    #[must_use]
    pub fn scope_digest(&self) -> &str {
        &self.scope_digest
    }
    /// What a launcher should know although it is no fault: what a wildcard leaves out.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
    /// The read-back for people: what the task may do, until when.
    #[must_use]
    pub fn explain(&self) -> String {
        explain::explain(self)
    }
    /// The text of `task.lock`: catalog version, every action and ARN expanded, digest.
    #[must_use]
    pub fn lock(&self) -> String {
        format!("{}digest = \"{}\"\n", self.lock, self.scope_digest)
    }
    /// The Cedar permits it compiled to.
    #[must_use]
    pub fn cedar(&self) -> &str {
        &self.cedar
    }

    pub(crate) fn entities(&self) -> &Entities {
        &self.entities
    }

    /// Whether any line of the task speaks of this action, on whatever resource.
    #[must_use]
    pub fn speaks_of(&self, action: &str) -> bool {
        self.scope_for(action)
            .is_some_and(|scope| !scope.is_empty())
    }

    /// The permits that can apply to `action`; nothing where the task does not contain it.
    pub(crate) fn scope_for(&self, action: &str) -> Option<&PolicySet> {
        self.scope.slice(self.actions.index(action)?)
    }

    pub(crate) fn actions(&self) -> &Arc<Actions> {
        &self.actions
    }

    pub(crate) fn reads(&self) -> &reads::Reads {
        &self.reads
    }
}

impl Mode {
    /// Both modes.
    pub const ALL: [Self; 2] = [Self::Preview, Self::Live];

    /// `preview` or `live`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Live => "live",
        }
    }

    /// The mode that [`Mode::as_str`] gives `word` for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

/// A duration as tasks write it: days, hours and minutes, `8h`, `30m`, `1h30m`, longest first.
#[must_use]
pub fn duration(text: &str) -> Option<SignedDuration> {
    let mut rest = text;
    let mut minutes: i64 = 0;
    for (unit, length) in [('d', 24 * 60), ('h', 60), ('m', 1)] {
        let Some((number, after)) = rest.split_once(unit) else {
            continue;
        };
        let valid = (1..=4).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        minutes += number.parse::<i64>().ok().filter(|_| valid)? * length;
        rest = after;
    }
    match rest.is_empty() && minutes > 0 {
        true => Some(SignedDuration::from_mins(minutes)),
        false => None,
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod duration_tests {
    use super::*;

    #[test]
    fn durations_are_read_in_one_way() {
        for (text, minutes) in [("8h", 480), ("30m", 30), ("1h30m", 90), ("1d", 1440)] {
            assert_eq!(
                duration(text),
                Some(SignedDuration::from_mins(minutes)),
                "{text}"
            );
        }
        for text in [
            "", "8", "h", "0m", "-1h", "30m1h", "8 h", "99999h", "1.5h", "8H",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
