//! Holds: calls that wait for people, and for what machines check beside them.
//!
//! Takes what people said of a held call, what was reported of its checks, who people are now and the
//! time; gives how the hold stands. Nothing here is stored as a conclusion: whether a hold is approved is worked out anew
//! from its votes whenever it matters, so a vote that no longer counts lifts nothing.
//!
//! ```text
//! Hold (digest, state, needs, checks) + votes + reports + People + now ─► Standing
//!    Waiting ─► Approved ─► (the call leaves, once) ─► Ended
//!       └─► Rejected, Unanswered      └─► Lapsed
//! ```
//! In an emergency two incident commanders stand for all groups together, and for the checks that nobody
//! reported: each breaks the glass, with a reason. That lifts a hold as an approval does, for one call,
//! and never a denial, nor a check that failed.
//!
//! What an approval is bound to: the digest of the call (operation, every parameter, content,
//! place, task, policies) and the digest of the state it was judged on ([`StateDigest`]). A
//! difference in either is another hold.
//!
//! Holds may stand in a list that people decide about as one, in one order: a [`Batch`].

mod batch;
mod check;

pub use batch::{
    Answered, Batch, BatchStanding, Broke, Difference, LONGEST, Listed, Place, Terms, Turn,
    differences, list_digest,
};
pub use check::{CheckResult, Missing, REPORTS, Report, ReportError};

use crate::assess::Assessed;
use crate::decide::Refused;
use crate::digest::quote;
use crate::names::{ApproverGroup, BatchId, CheckName, HoldId, Person, Reference, Sponsor, TaskId};
use crate::people::{People, Role};
use crate::tags::Tags;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt;

/// How long an approval may be used once it is complete.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// How long people have to decide where no policy says less.
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(30);

/// For how long "nobody answered" stays the answer before the same call may be asked again.
pub const SILENCE: SignedDuration = SignedDuration::from_mins(10);

/// How many incident commanders break the glass together.
pub const GLASS: usize = 2;

/// SHA-256 over what a held call was judged on beside itself: each access with its resource's
/// environment and provenance, every fact, what it leaves out, and the tags of its targets.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StateDigest(Box<str>);

impl StateDigest {
    /// The state that `assessed` rests on, with the tags of its targets as they are now.
    #[must_use]
    pub fn of(assessed: &Assessed, tags: &Tags) -> Self {
        let mut text = "cordon.state/v1\n".to_owned();
        for access in assessed.accesses() {
            let own = match access.own {
                true => "own",
                false => "",
            };
            for part in [
                &*access.access.action,
                &*access.access.resource.arn,
                access.access.class.as_str(),
                access.environment.as_str(),
                &*access.account,
                &*access.region,
                own,
            ] {
                quote(&mut text, part);
            }
            text.push('\n');
        }
        for fact in assessed.facts() {
            text.push_str(fact.as_str());
            text.push('\n');
        }
        tags.write(&mut text);
        assessed.omission.write(&mut text);
        Self(format!("sha256:{}", hex::encode(Sha256::digest(text))).into())
    }

    /// The digest as it was written before.
    #[must_use]
    pub fn from_written(text: &str) -> Self {
        Self(text.into())
    }

    /// `sha256:...`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StateDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One held call and what people said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What people and agents quote.
    pub id: HoldId,
    /// The task that it is for, and no other.
    pub task: TaskId,
    /// Who launched the task, and so never lifts its holds.
    pub sponsor: Sponsor,
    /// The call that opened it: its record holds operation, parameters, targets, facts, policies.
    pub reference: Reference,
    /// `sha256:...` of the canonical call.
    pub digest: Box<str>,
    /// The state that the call was judged on.
    pub state: StateDigest,
    /// The policies under which it was judged.
    pub policy_version: Box<str>,
    /// Every one of these groups must approve ...
    pub needs: BTreeSet<ApproverGroup>,
    /// ... by so many of its people.
    pub quorum: u32,
    /// Every one of these checks must have passed as well.
    pub checks: BTreeSet<CheckName>,
    /// When it was opened.
    pub opened: Timestamp,
    /// No answer by then is a no.
    pub decide_by: Timestamp,
    /// How often the call was asked for, the first time counted.
    pub asked: u32,
    /// The hold of the same call before this one, and why that no longer serves.
    pub follows: Option<(HoldId, Closing)>,
    /// The list that it stands in, where it was proposed with others.
    pub place: Option<Place>,
    /// What people said, oldest first.
    pub votes: Vec<Vote>,
    /// What was reported of its checks, oldest first.
    pub reports: Vec<Report>,
    /// How it ended; nothing as long as it may still be decided or used.
    pub ended: Option<Ended>,
}

/// What one person said of a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Who.
    pub person: Person,
    /// What.
    pub answer: Answer,
    /// When.
    pub at: Timestamp,
    /// For the sponsor, never for the agent; may be empty.
    pub note: Box<str>,
}

/// Yes, or no with a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// It may go.
    Approve,
    /// It must go, and nobody who is asked can be had: an incident commander says so.
    BreakGlass,
    /// It may not.
    Reject(Reason),
}

/// Why a person said no: a closed list, because the agent is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It does more than the task needs.
    TooBroad,
    /// It is aimed at the wrong resource.
    WrongTarget,
    /// It may be right, but not now.
    WrongTime,
    /// What could go wrong outweighs it.
    TooRisky,
    /// The task can do without it.
    NotNeeded,
    /// There is a safer way.
    OtherWay,
    /// Nobody can tell what it is for.
    Unclear,
}

/// How a hold ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub how: Closing,
    /// When.
    pub at: Timestamp,
    /// The call that used it up, where one did.
    pub by: Option<Reference>,
}

/// Why a hold no longer serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closing {
    /// Its approval let a call go.
    Used,
    /// Nobody decided in time.
    Unanswered,
    /// It was approved and not used in time.
    Lapsed,
    /// What it was judged on changed.
    Changed,
    /// It was taken back, or its task ended.
    Withdrawn,
    /// Another call of its batch did not go as it was approved.
    Broken,
}

/// How a hold stands at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Something is missing still.
    Waiting {
        /// What; empty where nobody is asked, so that nobody can lift it.
        missing: Missing,
    },
    /// Everyone who was asked said yes, and every check passed.
    Approved {
        /// Who.
        groups: BTreeSet<ApproverGroup>,
        /// Until when that may be used.
        until: Timestamp,
    },
    /// Someone who counts said no.
    Rejected(Reason),
    /// The time to decide ran out.
    Unanswered,
    /// The time to use the approval ran out.
    Lapsed,
    /// It ended.
    Ended(Closing),
}

/// How a hold serves its call, which is asked for once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serves {
    /// This is missing still.
    Waits(Missing),
    /// These approved: it lets the call go, once.
    Approved(BTreeSet<ApproverGroup>),
    /// Someone said no, which is the answer as long as the task lasts.
    Rejected(Reason),
    /// Nobody answered a short while ago, which is the answer for now.
    Unanswered,
    /// It no longer serves, and another may be opened.
    Over(Closing),
}

/// Why a vote is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VoteError {
    /// The hold is over.
    #[error("the hold is over ({0}): nothing can be decided about it any more")]
    Over(&'static str),
    /// They are no incident commander.
    #[error("only incident commanders break the glass")]
    NotCommander,
    /// The sponsor never decides.
    #[error("the sponsor of a task never lifts its holds: ask someone else of {0}")]
    Sponsor(String),
    /// The person is in none of the groups.
    #[error("only members of {0} decide on this hold")]
    NotAsked(String),
    /// They said so before.
    #[error("you have decided on this hold already")]
    Again,
    /// It is decided about with others.
    #[error("this call is one of batch {0}, which is decided about as a whole")]
    InBatch(BatchId),
    /// What they looked at is not what is held.
    #[error("what you looked at is not what is held any more: look at the hold again")]
    Digest,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::TooBroad,
        Self::WrongTarget,
        Self::WrongTime,
        Self::TooRisky,
        Self::NotNeeded,
        Self::OtherWay,
        Self::Unclear,
    ];

    /// `too-broad`, `wrong-target`, ...
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooBroad => "too-broad",
            Self::WrongTarget => "wrong-target",
            Self::WrongTime => "wrong-time",
            Self::TooRisky => "too-risky",
            Self::NotNeeded => "not-needed",
            Self::OtherWay => "other-way",
            Self::Unclear => "unclear",
        }
    }

    /// The reason that [`Reason::as_str`] gives `word` for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

impl Answer {
    /// Whether it lifts a hold, with others or alone.
    #[must_use]
    pub fn lifts(self) -> bool {
        match self {
            Self::Approve | Self::BreakGlass => true,
            Self::Reject(_) => false,
        }
    }

    /// `approve`, or the word of the reason.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::BreakGlass => "break-glass",
            Self::Reject(reason) => reason.as_str(),
        }
    }

    /// The answer that [`Answer::as_str`] gives `word` for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "approve" => Some(Self::Approve),
            "break-glass" => Some(Self::BreakGlass),
            word => Reason::named(word).map(Self::Reject),
        }
    }
}

impl Closing {
    /// Every way to end.
    pub const ALL: [Self; 6] = [
        Self::Used,
        Self::Unanswered,
        Self::Lapsed,
        Self::Changed,
        Self::Withdrawn,
        Self::Broken,
    ];

    /// `used`, `unanswered`, `lapsed`, `changed`, `withdrawn`, `broken`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Unanswered => "unanswered",
            Self::Lapsed => "lapsed",
            Self::Changed => "changed",
            Self::Withdrawn => "withdrawn",
            Self::Broken => "broken",
        }
    }

    /// The end that [`Closing::as_str`] gives `word` for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|closing| closing.as_str() == word)
    }
}

impl Standing {
    /// `waiting`, `approved`, `rejected`, or how it ended.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Approved { .. } => "approved",
            Self::Rejected(_) => "rejected",
            Self::Unanswered => Closing::Unanswered.as_str(),
            Self::Lapsed => Closing::Lapsed.as_str(),
            Self::Ended(closing) => closing.as_str(),
        }
    }

    /// Whether people can still decide.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::Approved { .. })
    }
}

impl Hold {
    /// The hold that a refused call opens where none serves it.
    #[must_use]
    pub fn open(refused: &Refused, tags: &Tags, now: Timestamp) -> Self {
        let (assessed, verdict) = (refused.assessed(), refused.verdict());
        let task = &assessed.session().task;
        let patience = now
            .saturating_add(verdict.timeout)
            .unwrap_or(Timestamp::MAX);
        Self {
            id: HoldId::of(assessed.reference()),
            task: task.id().clone(),
            sponsor: task.sponsor().clone(),
            reference: assessed.reference().clone(),
            digest: assessed.digest().to_string().into(),
            state: StateDigest::of(assessed, tags),
            policy_version: verdict.policy_version.clone(),
            needs: verdict.needs.clone(),
            quorum: verdict.quorum,
            checks: verdict.checks.clone(),
            opened: now,
            decide_by: patience.min(task.expires_at()),
            asked: 1,
            follows: None,
            place: None,
            votes: Vec::new(),
            reports: Vec::new(),
            ended: None,
        }
    }

    /// How it serves its call, for which `asked` would be opened now.
    #[must_use]
    pub fn serves(&self, asked: &Self, people: &People, now: Timestamp) -> Serves {
        // The same people and checks must be asked about the same state, for the same task and call.
        let fits = self.state == asked.state
            && self.needs == asked.needs
            && self.quorum == asked.quorum
            && self.checks == asked.checks
            && self.task == asked.task
            && self.digest == asked.digest;
        match self.standing(people, now) {
            Standing::Waiting { .. } | Standing::Approved { .. } if !fits => {
                Serves::Over(Closing::Changed)
            }
            Standing::Waiting { missing } => Serves::Waits(missing),
            Standing::Approved { groups, .. } => Serves::Approved(groups),
            Standing::Rejected(reason) => Serves::Rejected(reason),
            Standing::Unanswered if now < self.quiet_until() => Serves::Unanswered,
            Standing::Unanswered => Serves::Over(Closing::Unanswered),
            Standing::Lapsed => Serves::Over(Closing::Lapsed),
            Standing::Ended(why) => Serves::Over(why),
        }
    }

    /// Until when "nobody answered" is the answer.
    fn quiet_until(&self) -> Timestamp {
        let until = self.decide_by.saturating_add(SILENCE);
        until.unwrap_or(Timestamp::MAX)
    }

    /// How much was said and reported of it: a writer says how much it saw.
    #[must_use]
    pub fn revision(&self) -> u64 {
        (self.votes.len() + self.reports.len()) as u64
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self, people: &People, now: Timestamp) -> Standing {
        if let Some(ended) = &self.ended {
            return Standing::Ended(ended.how);
        }
        let counts = |vote: &&Vote| {
            let asked = self.may_decide(&vote.person, people);
            vote.at <= self.decide_by && (asked || self.may_break(&vote.person, people))
        };
        let no = self
            .votes
            .iter()
            .filter(counts)
            .find_map(|vote| match vote.answer {
                Answer::Reject(reason) => Some(reason),
                Answer::Approve | Answer::BreakGlass => None,
            });
        if let Some(reason) = no {
            return Standing::Rejected(reason);
        }
        let missing = self.missing(people);
        match self.lifted(&missing, people) {
            Some(lifted) => {
                let until = lifted.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
                match now < until {
                    true => Standing::Approved {
                        groups: self.needs.clone(),
                        until,
                    },
                    false => Standing::Lapsed,
                }
            }
            None if now >= self.decide_by => Standing::Unanswered,
            None => Standing::Waiting { missing },
        }
    }

    /// What nobody said or reported yet.
    fn missing(&self, people: &People) -> Missing {
        let quorum = self.quorum.max(1);
        let open = self.needs.iter().filter_map(|group| {
            let yes = u32::try_from(self.yes(group, people).len()).unwrap_or(u32::MAX);
            (yes < quorum).then(|| (group.clone(), quorum - yes))
        });
        Missing {
            groups: open.collect(),
            checks: self.unpassed(people),
        }
    }

    /// When the last of what lifts it came; nothing as long as it did not.
    fn lifted(&self, missing: &Missing, people: &People) -> Option<Timestamp> {
        // What a check found does not become better by an emergency.
        if missing.has_failed() {
            return None;
        }
        let groups = self.needs.iter();
        let groups = groups.filter_map(|group| self.complete(group, people));
        let checks = self.checks.iter();
        let checks = checks.filter_map(|check| self.passed(check, people));
        // A hold that nobody is asked about is lifted by nobody, whatever was checked.
        let asked = !self.needs.is_empty() && missing.is_empty();
        let agreed = groups.chain(checks).max().filter(|_| asked);
        [agreed, self.broken(people)].into_iter().flatten().min()
    }

    /// When `group` had approved by enough of its people; nothing as long as it has not.
    fn complete(&self, group: &ApproverGroup, people: &People) -> Option<Timestamp> {
        let quorum = usize::try_from(self.quorum.max(1)).unwrap_or(usize::MAX);
        self.yes(group, people).get(quorum - 1).copied()
    }

    /// When each person of `group` who counts said yes, in order.
    fn yes(&self, group: &ApproverGroup, people: &People) -> Vec<Timestamp> {
        let mut yes: Vec<(&Person, Timestamp)> = self
            .votes
            .iter()
            .filter(|vote| vote.answer == Answer::Approve && vote.at <= self.decide_by)
            .filter(|vote| people.is_member(&vote.person, group))
            .filter(|vote| !people.is_sponsor(&vote.person, &self.sponsor))
            .map(|vote| (&vote.person, vote.at))
            .collect();
        yes.sort_by_key(|(_, at)| *at);
        let mut seen = BTreeSet::new();
        yes.retain(|(person, _)| seen.insert(*person));
        yes.into_iter().map(|(_, at)| at).collect()
    }

    /// When enough incident commanders had broken the glass; nothing as long as they have not.
    fn broken(&self, people: &People) -> Option<Timestamp> {
        let mut broke: Vec<(&Person, Timestamp)> = self
            .votes
            .iter()
            .filter(|vote| vote.answer == Answer::BreakGlass && vote.at <= self.decide_by)
            .filter(|vote| self.may_break(&vote.person, people))
            .map(|vote| (&vote.person, vote.at))
            .collect();
        broke.sort_by_key(|(_, at)| *at);
        let mut seen = BTreeSet::new();
        broke.retain(|(person, _)| seen.insert(*person));
        broke.get(GLASS - 1).map(|(_, at)| *at)
    }

    /// Whether `person` may break the glass. A hold that asks nobody has no glass: nobody was meant to
    /// lift it.
    fn may_break(&self, person: &Person, people: &People) -> bool {
        let commands = people.has_role(person, Role::IncidentCommander);
        commands && !self.needs.is_empty() && !people.is_sponsor(person, &self.sponsor)
    }

    /// Whether `person` is one of those who are asked.
    fn may_decide(&self, person: &Person, people: &People) -> bool {
        let asked = self
            .needs
            .iter()
            .any(|group| people.is_member(person, group));
        asked && !people.is_sponsor(person, &self.sponsor)
    }

    /// Whether `person`, who looked at `seen`, may say `answer` now.
    ///
    /// # Errors
    /// Why not.
    pub fn admits(
        &self,
        person: &Person,
        answer: Answer,
        seen: &str,
        people: &People,
        now: Timestamp,
    ) -> Result<(), VoteError> {
        match &self.place {
            Some(place) => Err(VoteError::InBatch(place.batch.clone())),
            None => self.takes(person, answer, seen, people, now),
        }
    }

    /// The same, by itself or in its list.
    fn takes(
        &self,
        person: &Person,
        answer: Answer,
        seen: &str,
        people: &People,
        now: Timestamp,
    ) -> Result<(), VoteError> {
        let groups = || {
            let names: Vec<&str> = self.needs.iter().map(ApproverGroup::as_str).collect();
            names.join(", ")
        };
        if people.is_sponsor(person, &self.sponsor) {
            return Err(VoteError::Sponsor(groups()));
        }
        match answer {
            Answer::BreakGlass if self.may_break(person, people) => {}
            Answer::BreakGlass => return Err(VoteError::NotCommander),
            // Who broke the glass may take it back.
            Answer::Reject(_) if self.may_break(person, people) => {}
            _ if self.may_decide(person, people) => {}
            _ => return Err(VoteError::NotAsked(groups())),
        }
        let standing = self.standing(people, now);
        if !standing.is_open() || now >= self.decide_by {
            return Err(VoteError::Over(standing.as_str()));
        }
        if seen != &*self.digest {
            return Err(VoteError::Digest);
        }
        let mut said = self.votes.iter().filter(|vote| vote.person == *person);
        // Who said yes may still stop it.
        match said.any(|vote| vote.answer == answer || matches!(vote.answer, Answer::Reject(_))) {
            true => Err(VoteError::Again),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
