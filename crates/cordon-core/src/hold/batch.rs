//! Batches: calls that people decide about as one list, in one order.
//!
//! Takes the holds of a list with how AWS answered the calls that used them, who people are now and the
//! time; gives how the list stands and whose turn it is. Every call keeps a hold of its own, bound to its
//! own digest and state, so that a batch never lets go what no hold in it does. What a batch adds only
//! makes it stricter:
//!
//! ```text
//! all of them approved ─► 1 goes ─► AWS answered it well ─► 2 goes ─► ... ─► done
//!    one rejected, changed, lapsed, or answered badly ─► broken: nothing more goes by it
//! ```
//! A vote is about the whole list as it was shown ([`Batch::digest`]) and stands in each of its holds,
//! where it counts as the same vote on that hold alone would.

use super::{Answer, Closing, Hold, Missing, Reason, Standing, StateDigest, VoteError};
use crate::digest::quote;
use crate::names::{BatchId, HoldId, Person};
use crate::people::People;
use crate::record::CallRecord;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Calls of one batch at the most: more than that nobody reads.
pub const LONGEST: usize = 100;

/// Where a hold stands in its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which list.
    pub batch: BatchId,
    /// Its number, from 1 on.
    pub number: u32,
}

/// Calls that people decide about as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// What people quote.
    pub id: BatchId,
    /// What the one who proposed it says of it; may be empty.
    pub message: Box<str>,
    /// The calls in their order; there is one at the least.
    pub calls: Vec<Listed>,
}

/// One call of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The hold of it.
    pub hold: Hold,
    /// How AWS answered the call that used it; nothing as long as none did, or none is answered.
    pub answered: Option<Answered>,
}

/// How AWS answered a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It is done, as far as the answer says.
    Well,
    /// It failed, or nobody knows.
    Badly,
}

/// How a batch stands at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchStanding {
    /// Something is missing still, of one call or another: none goes.
    Waiting(Missing),
    /// Everyone who was asked said yes to every call, and every check passed.
    Approved {
        /// Until when that may be used for all of the calls that are left.
        until: Timestamp,
    },
    /// Every call went, and was answered well.
    Done,
    /// Nothing more goes by it.
    Broken {
        /// Of which call.
        number: u32,
        /// Why.
        why: Broke,
    },
}

/// What broke a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broke {
    /// Someone who counts said no.
    Rejected(Reason),
    /// AWS did not do it, or nobody knows whether it did.
    Failed,
    /// It ended otherwise than by being used.
    Ended(Closing),
}

/// Whether a call of a batch may go now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It is the next one.
    Now,
    /// The one of this number comes first, or is not answered yet.
    After(u32),
    /// The batch waits for this.
    Waits(Missing),
    /// The batch is over.
    Over,
}

/// How one list differs from another, call by call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// The new list has it at this number.
    Added(u32),
    /// The old list had it at this number.
    Removed(u32),
    /// It has another place among the others.
    Moved {
        /// In the old list.
        from: u32,
        /// In the new one.
        to: u32,
    },
    /// The same call, and what it is judged on, or who is asked about it, is not what it was.
    Changed {
        /// In the old list.
        from: u32,
        /// In the new one.
        to: u32,
    },
}

impl Broke {
    /// The reason of a no, `failed`, or how a hold ended.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rejected(reason) => reason.as_str(),
            Self::Failed => "failed",
            Self::Ended(closing) => closing.as_str(),
        }
    }
}

impl BatchStanding {
    /// `waiting`, `approved`, `done`, `rejected` or `broken`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting(_) => "waiting",
            Self::Approved { .. } => "approved",
            Self::Done => "done",
            Self::Broken {
                why: Broke::Rejected(_),
                ..
            } => "rejected",
            Self::Broken { .. } => "broken",
        }
    }

    /// Whether people can still decide.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Waiting(_) | Self::Approved { .. })
    }
}

impl Hold {
    /// The hold of a call that was recorded as previewed, to be decided about before it is made; nothing
    /// where it would not be held, or where how things stood was not read.
    #[must_use]
    pub fn of_previewed(record: &CallRecord, id: HoldId, now: Timestamp) -> Option<Self> {
        let terms = record.held_as.as_ref()?;
        let needs = record.needs.iter().map(|name| name.parse().ok());
        let checks = record.checks.iter().map(|name| name.parse().ok());
        Some(Self {
            id,
            task: record.task.parse().ok()?,
            sponsor: record.sponsor.parse().ok()?,
            reference: record.reference.parse().ok()?,
            digest: record.digest.clone(),
            state: terms.state.clone(),
            policy_version: record.policy_version.clone(),
            needs: needs.collect::<Option<_>>()?,
            quorum: terms.quorum,
            checks: checks.collect::<Option<_>>()?,
            opened: now,
            decide_by: now.saturating_add(terms.timeout).unwrap_or(Timestamp::MAX),
            asked: 0,
            follows: None,
            place: None,
            votes: Vec::new(),
            reports: Vec::new(),
            ended: None,
        })
    }
}

impl Batch {
    /// The batch of `holds` in their order, of a task that ends at `ends`. All of them are decided by the
    /// time of the first that is to be. Nothing of no holds, of more than [`LONGEST`], or where a call
    /// comes twice.
    #[must_use]
    pub fn of(
        id: BatchId,
        message: Box<str>,
        mut holds: Vec<Hold>,
        ends: Timestamp,
    ) -> Option<Self> {
        let decide_by = holds.iter().map(|hold| hold.decide_by).min()?.min(ends);
        let numbers: BTreeMap<Box<str>, u32> = holds
            .iter()
            .map(|hold| hold.digest.clone())
            .zip(1..)
            .collect();
        if holds.len() > LONGEST || numbers.len() < holds.len() {
            return None;
        }
        for (hold, number) in holds.iter_mut().zip(1..) {
            hold.decide_by = decide_by;
            hold.place = Some(Place {
                batch: id.clone(),
                number,
            });
        }
        let calls = holds.into_iter().map(|hold| Listed {
            hold,
            answered: None,
        });
        Some(Self {
            id,
            message,
            calls: calls.collect(),
        })
    }

    /// The holds in their order.
    pub fn holds(&self) -> impl Iterator<Item = &Hold> {
        self.calls.iter().map(|call| &call.hold)
    }

    /// `sha256:...` over the list: a vote names it.
    #[must_use]
    pub fn digest(&self) -> String {
        list_digest(self.holds())
    }

    /// How much was said and reported of it, and how many of its holds are over: whoever writes says how
    /// much they saw. It only grows.
    #[must_use]
    pub fn revision(&self) -> u64 {
        let of = |hold: &Hold| hold.revision() + u64::from(hold.ended.is_some());
        self.holds().map(of).sum()
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self, people: &People, now: Timestamp) -> BatchStanding {
        if let Some((number, why)) = self.broke(people, now) {
            return BatchStanding::Broken { number, why };
        }
        let mut missing: Option<Missing> = None;
        let mut until: Option<Timestamp> = None;
        for hold in self.holds() {
            match hold.standing(people, now) {
                Standing::Waiting { missing: more } => missing.get_or_insert_default().add(more),
                Standing::Approved { until: own, .. } => {
                    until = Some(until.map_or(own, |until| until.min(own)));
                }
                _ => {}
            }
        }
        let is_answered = self.calls.iter().all(|call| call.answered.is_some());
        match (missing, until) {
            (Some(missing), _) => BatchStanding::Waiting(missing),
            (None, Some(until)) => BatchStanding::Approved { until },
            (None, None) if is_answered => BatchStanding::Done,
            // The last of its calls is under way.
            (None, None) => BatchStanding::Approved { until: now },
        }
    }

    /// What broke it, the cause before what followed.
    fn broke(&self, people: &People, now: Timestamp) -> Option<(u32, Broke)> {
        let broke = self.calls.iter().zip(1..).filter_map(|(call, number)| {
            let why = match call.hold.standing(people, now) {
                Standing::Waiting { .. } | Standing::Approved { .. } => return None,
                Standing::Rejected(reason) => Broke::Rejected(reason),
                Standing::Unanswered => Broke::Ended(Closing::Unanswered),
                Standing::Lapsed => Broke::Ended(Closing::Lapsed),
                Standing::Ended(Closing::Used) if call.answered == Some(Answered::Badly) => {
                    Broke::Failed
                }
                Standing::Ended(Closing::Used) => return None,
                Standing::Ended(closing) => Broke::Ended(closing),
            };
            Some((number, why))
        });
        broke.min_by_key(|(number, why)| (*why == Broke::Ended(Closing::Broken), *number))
    }

    /// How a hold of it stands, with what the others mean for it.
    #[must_use]
    pub fn standing_of(&self, hold: &Hold, people: &People, now: Timestamp) -> Standing {
        let own = hold.standing(people, now);
        match self.standing(people, now) {
            _ if !own.is_open() => own,
            BatchStanding::Waiting(missing) => Standing::Waiting { missing },
            BatchStanding::Broken { .. } => Standing::Ended(Closing::Broken),
            BatchStanding::Approved { .. } | BatchStanding::Done => own,
        }
    }

    /// Whether the call under `hold` may go now.
    #[must_use]
    pub fn turn(&self, hold: &HoldId, people: &People, now: Timestamp) -> Turn {
        match self.standing(people, now) {
            BatchStanding::Waiting(missing) => return Turn::Waits(missing),
            BatchStanding::Broken { .. } | BatchStanding::Done => return Turn::Over,
            BatchStanding::Approved { .. } => {}
        }
        let mut calls = self.calls.iter().zip(1..);
        match calls.find(|(call, _)| call.answered != Some(Answered::Well)) {
            Some((next, _)) if next.hold.id == *hold && next.hold.ended.is_none() => Turn::Now,
            Some((_, number)) => Turn::After(number),
            None => Turn::Over,
        }
    }

    /// Whether `person`, who looked at the list `seen`, may say `answer` to all of it now.
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
        let standing = self.standing(people, now);
        if !standing.is_open() {
            return Err(VoteError::Over(standing.as_str()));
        }
        let mut refused = None;
        let mut admitted = false;
        for hold in self.holds().filter(|hold| hold.ended.is_none()) {
            match hold.takes(person, answer, &hold.digest, people, now) {
                Ok(()) => admitted = true,
                // Who is asked about a part of the list says so of all of it, and others of theirs.
                Err(error @ VoteError::NotAsked(_)) => {
                    refused.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        match (admitted, refused) {
            (true, _) if seen != self.digest() => Err(VoteError::Digest),
            (true, _) => Ok(()),
            (false, Some(error)) => Err(error),
            (false, None) => Err(VoteError::Over(standing.as_str())),
        }
    }

    /// Whether `person` may say no, for `reason`, to the one call of this number, which ends the list.
    ///
    /// # Errors
    /// Why not; nothing where there is no such call.
    pub fn admits_no(
        &self,
        number: u32,
        person: &Person,
        reason: Reason,
        people: &People,
        now: Timestamp,
    ) -> Option<Result<&Hold, VoteError>> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        let hold = &self.calls.get(index)?.hold;
        let standing = self.standing(people, now);
        if !standing.is_open() {
            return Some(Err(VoteError::Over(standing.as_str())));
        }
        let no = Answer::Reject(reason);
        Some(
            hold.takes(person, no, &hold.digest, people, now)
                .map(|()| hold),
        )
    }
}

impl Missing {
    /// Adds what another call of the same list waits for.
    fn add(&mut self, more: Self) {
        for (group, count) in more.groups {
            let known = self.groups.entry(group).or_default();
            *known = count.max(*known);
        }
        for (check, result) in more.checks {
            let known = self.checks.entry(check).or_default();
            *known = result.max(*known);
        }
    }
}

/// What one hold of a list is bound to, in one form.
fn line(hold: &Hold) -> String {
    let mut text = String::new();
    let bound = [&*hold.digest, hold.state.as_str(), &*hold.policy_version];
    for part in bound {
        quote(&mut text, part);
    }
    let needs = hold.needs.iter().map(|name| name.as_str());
    let checks = hold.checks.iter().map(|name| name.as_str());
    for part in needs.chain([""]).chain(checks) {
        quote(&mut text, part);
    }
    text.push_str(&format!("{}\n", hold.quorum));
    text
}

/// `sha256:...` over holds in their order.
pub fn list_digest<'a>(holds: impl IntoIterator<Item = &'a Hold>) -> String {
    let mut text = "cordon.batch/v1\n".to_owned();
    text.extend(holds.into_iter().map(line));
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

/// How the list `after` differs from the list `before`.
#[must_use]
pub fn differences(before: &[&Hold], after: &[&Hold]) -> Vec<Difference> {
    let known: BTreeMap<&str, (u32, &Hold)> = before
        .iter()
        .zip(1..)
        .map(|(hold, number)| (&*hold.digest, (number, *hold)))
        .collect();
    let common: Vec<(u32, u32, &Hold, &Hold)> = after
        .iter()
        .zip(1..)
        .filter_map(|(hold, to)| {
            let (from, old) = known.get(&*hold.digest)?;
            Some((*from, to, *old, *hold))
        })
        .collect();
    let stay = longest_rise(&common.iter().map(|it| it.0).collect::<Vec<_>>());
    let kept = |number: u32, of: fn(&(u32, u32, &Hold, &Hold)) -> u32| {
        common.iter().any(|pair| of(pair) == number)
    };
    let numbers = |list: &[&Hold]| 1..=u32::try_from(list.len()).unwrap_or(u32::MAX);
    let removed = numbers(before).filter(|number| !kept(*number, |it| it.0));
    let added = numbers(after).filter(|number| !kept(*number, |it| it.1));
    let mut found: Vec<Difference> = removed.map(Difference::Removed).collect();
    found.extend(added.map(Difference::Added));
    for (from, to, old, new) in &common {
        let (from, to) = (*from, *to);
        if line(old) != line(new) {
            found.push(Difference::Changed { from, to });
        } else if !stay.contains(&from) {
            found.push(Difference::Moved { from, to });
        }
    }
    found
}

/// The numbers of a longest part of `numbers` that only rises: what kept its order.
fn longest_rise(numbers: &[u32]) -> Vec<u32> {
    let mut best: Vec<Vec<u32>> = Vec::new();
    for number in numbers {
        let before = best
            .iter()
            .filter(|rise| rise.last() < Some(number))
            .max_by_key(|rise| rise.len());
        let mut rise = before.cloned().unwrap_or_default();
        rise.push(*number);
        best.push(rise);
    }
    best.into_iter().max_by_key(Vec::len).unwrap_or_default()
}

/// What a call that was only previewed would be held by, beside what its record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The state that it was judged on.
    pub state: StateDigest,
    /// How many people of each group must agree.
    pub quorum: u32,
    /// How long they have.
    pub timeout: jiff::SignedDuration,
}

#[cfg(test)]
mod tests;
