//! Plans: what a session, a recording or the plan of another tool would change, as one list that a
//! person reads before anything happens.
//!
//! ```text
//! records of a session ─┐
//! calls of a recording ─┼─► PlannedCall ─► Line (one change of one thing) ─► Plan, most harm first
//! Terraform's plan ─────┤                    effect, targets, verdict, reversible, evidence
//! a change set ─────────┘
//! ```
//!
//! A plan says where each line comes from ([`Evidence`]) and what it cannot know. Replacement is a
//! kind of its own beside deletion and as loud. Reads are counted, not listed. Nothing here is
//! decided: verdicts come from [`crate::judge`] or from the record, and no line can leave.

mod call;
pub mod change_set;
mod command;
mod draft;
pub(crate) mod property;
pub mod terraform;
mod yaml;

pub use call::{PlanVerdict, PlannedCall};
pub use command::command;

pub use draft::{Draft, Head};
pub use property::Property;
pub(crate) use terraform::converted;
pub use yaml::YamlError;

use crate::predict::{Prediction, Undo};
use crate::record::RecordedOutcome;
use std::collections::{BTreeSet, HashMap};

/// What would happen, most harm first once it was [sorted](Plan::sort).
#[derive(Debug, Default)]
pub struct Plan {
    lines: Vec<Line>,
    /// Where the line of a key is, so that the same change made again is counted and not repeated.
    known: HashMap<String, usize>,
    reads: u64,
    faults: Vec<PlanFault>,
    notes: Vec<String>,
}

/// One change of one thing.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is the word of the design")]
pub struct Line {
    pub effect: Effect,
    /// What the source calls it: an address, a logical id; nothing for a call of a session.
    pub name: Box<str>,
    /// Its type as the source writes it: `aws_lambda_function`, `AWS::S3::Bucket`.
    pub kind: Box<str>,
    /// The calls that make the change; none where they are not known.
    pub calls: Vec<PlannedCall>,
    /// How often it would be made.
    pub times: u64,
    pub reversible: Reversible,
    pub evidence: Evidence,
    /// Why it is replaced.
    pub because: Vec<Box<str>>,
    /// What changes of it, as far as it is known.
    pub properties: Vec<Property>,
    /// What a reader has to know beside that.
    pub note: Box<str>,
}

/// What a line does, most harm first: the order in which people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// `-`: it is gone afterwards.
    Destroy,
    /// `±`: it is gone, and another is in its place.
    Replace,
    /// `!`: it stops or is interrupted.
    Disrupt,
    /// `~`: it is changed in place.
    Change,
    /// `+`: it is new.
    Create,
    /// Nothing changes; only listed where it was refused.
    Read,
}

/// Whether it can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reversible {
    /// By a call that is known.
    Yes,
    /// What is lost does not come back.
    No,
    /// What was there before was not read.
    Unknown,
}

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Another tool's plan says so.
    FromPlan,
    /// The catalog's rules for the operation and its parameters.
    PredictedByRule,
    /// It was read, and stays as it is.
    Observed,
    /// EC2 was asked by a dry run.
    NativeDryRun,
    /// It may be so.
    Unknown,
}

/// An entry of the source that could not be read: the rest is shown all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFault {
    /// Which: `record 7`, an address.
    pub at: String,
    /// A stable code.
    pub code: String,
    /// What is wrong.
    pub message: String,
}

/// What comes of a plan as a whole, which is what the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conclusion {
    /// Nothing would change.
    Nothing,
    /// Something would change.
    Changes,
    /// Something waits for people.
    Approval,
    /// Something would be refused.
    Refused,
}

impl Effect {
    /// Every effect, most harm first.
    pub const ALL: [Self; 6] = [
        Self::Destroy,
        Self::Replace,
        Self::Disrupt,
        Self::Change,
        Self::Create,
        Self::Read,
    ];

    /// One symbol, so that colour is never the only signal.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Destroy => "-",
            Self::Replace => "±",
            Self::Disrupt => "!",
            Self::Change => "~",
            Self::Create => "+",
            Self::Read => "",
        }
    }

    /// `destroy`, `replace`, `disrupt`, `change`, `create`, `read`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Destroy => "destroy",
            Self::Replace => "replace",
            Self::Disrupt => "disrupt",
            Self::Change => "change",
            Self::Create => "create",
            Self::Read => "read",
        }
    }
}

impl Reversible {
    /// `yes`, `no`, `unknown`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }

    /// What can be said before anything of the resource was read.
    fn of(effect: Effect, calls: &[PlannedCall], evidence: Evidence) -> Self {
        match effect {
            Effect::Create | Effect::Disrupt | Effect::Read => Self::Yes,
            Effect::Replace => Self::No,
            Effect::Destroy if !calls.is_empty() && calls.iter().all(PlannedCall::waits) => {
                Self::Yes
            }
            Effect::Destroy => Self::No,
            Effect::Change if evidence == Evidence::FromPlan => Self::Yes,
            Effect::Change => Self::Unknown,
        }
    }
}

impl Evidence {
    /// Every kind of evidence.
    pub const ALL: [Self; 5] = [
        Self::FromPlan,
        Self::PredictedByRule,
        Self::Observed,
        Self::NativeDryRun,
        Self::Unknown,
    ];

    /// The evidence that [`Evidence::as_str`] gives `word` for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// `from plan`, `predicted by rule`, `observed`, `native dry run`, `unknown`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FromPlan => "from plan",
            Self::PredictedByRule => "predicted by rule",
            Self::Observed => "observed",
            Self::NativeDryRun => "native dry run",
            Self::Unknown => "unknown",
        }
    }
}

impl Conclusion {
    /// `nothing`, `changes`, `approval`, `refused`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Changes => "changes",
            Self::Approval => "approval",
            Self::Refused => "refused",
        }
    }

    /// The exit code that says it.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Changes => 2,
            Self::Approval => 3,
            Self::Refused => 4,
        }
    }
}

impl Line {
    /// The line of one call of a session or a recording.
    #[must_use]
    pub fn of_call(call: PlannedCall) -> Self {
        let effect = call.effect();
        let evidence = Evidence::PredictedByRule;
        let prediction = call.prediction.as_deref().cloned().unwrap_or_default();
        let calls = vec![call];
        let reversible = match prediction.undo {
            Undo::By { .. } => Reversible::Yes,
            Undo::Never(_) => Reversible::No,
            Undo::Unknown => Reversible::of(effect, &calls, evidence),
        };
        Self {
            reversible,
            effect,
            name: "".into(),
            kind: "".into(),
            calls,
            times: 1,
            evidence,
            because: Vec::new(),
            properties: prediction.properties,
            note: prediction.notes.join("; ").into(),
        }
    }

    /// The worst verdict of its calls; nothing where nothing was decided.
    #[must_use]
    pub fn outcome(&self) -> Option<RecordedOutcome> {
        let outcomes = self.calls.iter().filter_map(|call| call.verdict.as_ref());
        outcomes
            .map(|verdict| verdict.outcome)
            .max_by_key(|outcome| severity(*outcome))
    }

    /// The verdicts that made it what [`Line::outcome`] says.
    pub fn deciding(&self) -> impl Iterator<Item = &PlanVerdict> {
        let outcome = self.outcome();
        let verdicts = self.calls.iter().filter_map(|call| call.verdict.as_ref());
        verdicts.filter(move |verdict| Some(verdict.outcome) == outcome)
    }

    /// What was predicted of its call, where it is one.
    #[must_use]
    pub fn prediction(&self) -> Option<&Prediction> {
        match self.calls.as_slice() {
            [one] => one.prediction.as_deref(),
            _ => None,
        }
    }

    /// The groups that its calls wait for.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<&str> {
        let verdicts = self.calls.iter().filter_map(|call| call.verdict.as_ref());
        verdicts
            .flat_map(|verdict| verdict.needs.iter().map(|need| &**need))
            .collect()
    }

    /// The checks that its calls ask for.
    #[must_use]
    pub fn checks(&self) -> BTreeSet<&str> {
        let verdicts = self.calls.iter().filter_map(|call| call.verdict.as_ref());
        verdicts
            .flat_map(|verdict| verdict.checks.iter().map(|check| &**check))
            .collect()
    }

    /// The resources, each once, and the environment that each is in.
    #[must_use]
    pub fn targets(&self) -> Vec<(&str, &str, &str)> {
        let mut known = BTreeSet::new();
        let accesses = self.calls.iter().flat_map(|call| &call.accesses);
        accesses
            .filter(|access| known.insert(&access.resource))
            .map(|access| (&*access.resource, &*access.kind, &*access.environment))
            .collect()
    }

    fn key(&self) -> String {
        let mut key = format!("{}\n{}", self.effect.as_str(), self.name);
        for call in &self.calls {
            let outcome = call.verdict.as_ref().map_or("", |v| v.outcome.as_str());
            key.extend(["\n", &call.service, " ", &call.operation, " ", outcome]);
            for access in &call.accesses {
                key.extend([" ", &access.resource]);
            }
        }
        key
    }
}

impl Plan {
    /// Adds the line of a call. Reads are counted, and listed only where they do not go.
    pub fn push_call(&mut self, call: PlannedCall) {
        let verdict = call.verdict.as_ref();
        let goes = verdict.is_none_or(|verdict| verdict.outcome.allowed());
        match goes && call.effect() == Effect::Read {
            true => self.reads += 1,
            false => self.push(Line::of_call(call)),
        }
    }

    /// Adds a line; the same change again is counted on the line that it has.
    pub fn push(&mut self, line: Line) {
        let key = line.key();
        match self.known.get(&key).and_then(|at| self.lines.get_mut(*at)) {
            Some(known) => known.times += 1,
            None => {
                self.known.insert(key, self.lines.len());
                self.lines.push(line);
            }
        }
    }

    /// Counts a read.
    pub fn push_read(&mut self) {
        self.reads += 1;
    }

    /// Adds an entry that could not be read.
    pub fn push_fault(&mut self, fault: PlanFault) {
        self.faults.push(fault);
    }

    /// Says something of the plan as a whole.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Puts the lines in the order of harm; what is equally harmful stays in the order it came in.
    pub fn sort(&mut self) {
        self.known.clear();
        self.lines.sort_by_key(|line| line.effect);
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// How many reads there are.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.reads
    }

    /// What could not be read.
    #[must_use]
    pub fn faults(&self) -> &[PlanFault] {
        &self.faults
    }

    /// What is to be said of the plan as a whole.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// How many changes have an effect.
    #[must_use]
    pub fn count(&self, effect: Effect) -> u64 {
        let lines = self.lines.iter().filter(|line| line.effect == effect);
        lines.map(|line| line.times).sum()
    }

    /// How many changes have an outcome.
    #[must_use]
    pub fn count_outcome(&self, outcome: RecordedOutcome) -> u64 {
        let lines = self.lines.iter();
        let of = lines.filter(|line| line.outcome() == Some(outcome));
        of.map(|line| line.times).sum()
    }

    /// How many changes are made by calls that are not known.
    #[must_use]
    pub fn not_covered(&self) -> u64 {
        let lines = self.lines.iter().filter(|line| line.calls.is_empty());
        lines.map(|line| line.times).sum()
    }

    /// Every group that something waits for.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<&str> {
        self.lines.iter().flat_map(Line::needs).collect()
    }

    /// Every check that something asks for.
    #[must_use]
    pub fn checks(&self) -> BTreeSet<&str> {
        self.lines.iter().flat_map(Line::checks).collect()
    }

    /// What comes of it as a whole. What could not be read would be refused.
    #[must_use]
    pub fn conclusion(&self) -> Conclusion {
        let of_line = |line: &Line| match line.outcome() {
            Some(RecordedOutcome::Rejected) => Conclusion::Refused,
            Some(RecordedOutcome::Decided(crate::decide::Outcome::Deny)) => Conclusion::Refused,
            _ if !line.needs().is_empty() => Conclusion::Approval,
            Some(RecordedOutcome::Decided(crate::decide::Outcome::Hold)) => Conclusion::Approval,
            _ if line.effect == Effect::Read => Conclusion::Nothing,
            _ => Conclusion::Changes,
        };
        let worst = self.lines.iter().map(of_line).max();
        match self.faults.is_empty() {
            true => worst.unwrap_or(Conclusion::Nothing),
            false => Conclusion::Refused,
        }
    }
}

fn severity(outcome: RecordedOutcome) -> u8 {
    use crate::decide::Outcome;
    match outcome {
        RecordedOutcome::Decided(Outcome::Allow) => 0,
        RecordedOutcome::Decided(Outcome::Preview) => 1,
        RecordedOutcome::Decided(Outcome::Hold) => 2,
        RecordedOutcome::Decided(Outcome::Deny) => 3,
        RecordedOutcome::Rejected => 4,
    }
}

#[cfg(test)]
mod tests;
