//! Judges an interleaving: what the store has in the end against what was asked of it and what it answered, with
//! nothing that the code under test concludes.

use super::{Case, MACHINE, Notes, SPONSOR, Sum, Went};
use cordon_core::hold::{Answer, CheckResult, Closing, Hold, LIFETIME};
use cordon_store::{BatchFilter, CallFilter, HoldFilter, Store, StoredCall};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

impl Case {
    /// Holds what the store has against what was noted.
    pub(super) async fn judge(&self, store: &dyn Store) -> Sum {
        let of_this = HoldFilter {
            task: Some(self.task.clone()),
            limit: Some(10_000),
            ..HoldFilter::default()
        };
        let holds = store.holds(&of_this).await.unwrap();
        let calls = CallFilter {
            task: Some(self.task.clone()),
            limit: Some(10_000),
            ..CallFilter::default()
        };
        let calls = store.search(&calls).await.unwrap();
        let batches = BatchFilter {
            task: Some(self.task.clone()),
            limit: Some(100),
            ..BatchFilter::default()
        };
        let batches = store.batches(&batches).await.unwrap();
        let notes = self.notes.lock().unwrap();
        let say = |what: &str| format!("{what} in interleaving {}: {holds:#?}", self.seed);

        for (hold, vote, acknowledged) in &notes.votes {
            let kept = holds.iter().find(|held| held.id == *hold).unwrap();
            let there = kept.votes.contains(vote);
            assert!(there || acknowledged.is_none(), "{}", say("a lost vote"));
        }
        for (hold, report, acknowledged) in &notes.reports {
            let kept = holds.iter().find(|held| held.id == *hold).unwrap();
            let there = kept.reports.contains(report);
            assert!(there || acknowledged.is_none(), "{}", say("a lost report"));
        }
        for hold in &holds {
            for vote in &hold.votes {
                let asked = notes
                    .votes
                    .iter()
                    .any(|(id, asked, _)| *id == hold.id && asked == vote);
                assert!(asked, "{}", say("a vote of nobody"));
            }
        }
        // Calls that the store let go, and holds that it used up, are the same.
        let used: BTreeMap<&str, &Hold> = holds
            .iter()
            .filter_map(|hold| Some((hold.ended.as_ref()?.by.as_ref()?.as_str(), hold)))
            .collect();
        let recorded: BTreeSet<&str> = calls.iter().map(|call| &*call.record.reference).collect();
        let users: BTreeSet<&str> = used.keys().copied().collect();
        assert_eq!(
            recorded,
            users,
            "{}",
            say("calls and approvals that differ")
        );
        let marked = holds
            .iter()
            .filter(|hold| ended(hold) == Some(Closing::Used))
            .count();
        assert_eq!(marked, used.len(), "{}", say("an approval used by nobody"));
        for went in &notes.went {
            let hold = used.get(went.reference.as_str());
            assert!(
                hold.is_some() || !went.acknowledged,
                "{}",
                say("a lost call")
            );
            if let Some(hold) = hold {
                self.judge_use(&notes, went, hold, &holds)
                    .and_then(|()| judge_turn(&notes, went, hold, &holds, &calls))
                    .unwrap_or_else(|what| panic!("{} by {went:?}", say(&what)));
            }
        }
        let count = |closing| {
            holds
                .iter()
                .filter(|hold| ended(hold) == Some(closing))
                .count()
        };
        let no = |hold: &&Hold| hold.votes.iter().any(|vote| vote.answer != Answer::Approve);
        Sum {
            went: used.len(),
            gone: notes.gone,
            crashes: 0,
            opened: holds.len(),
            rejected: holds.iter().filter(no).count(),
            changed: count(Closing::Changed),
            lapsed: count(Closing::Lapsed),
            unanswered: count(Closing::Unanswered),
            withdrawn: count(Closing::Withdrawn),
            checked: used.values().filter(|hold| !hold.checks.is_empty()).count(),
            failed: holds
                .iter()
                .flat_map(|hold| &hold.reports)
                .filter(|report| report.result == CheckResult::Failed)
                .count(),
            stopped_at_once: 0,
            proposed: batches.len(),
            in_order: used
                .values()
                .filter(|hold| hold.place.as_ref().is_some_and(|place| place.number > 1))
                .count(),
            out_of_turn: notes.out_of_turn,
            broken: count(Closing::Broken),
        }
    }

    /// Whether `hold` may have let `went` go, worked out from the votes anew.
    fn judge_use(
        &self,
        notes: &Notes,
        went: &Went,
        hold: &Hold,
        holds: &[Hold],
    ) -> Result<(), String> {
        let ensure = |holds: bool, what: &str| holds.then_some(()).ok_or_else(|| what.to_owned());
        ensure(
            went.hold == hold.id,
            "a call by an approval that it did not name",
        )?;
        ensure(*went.digest == *hold.digest, "a call that nobody approved")?;
        ensure(
            went.state == hold.state.as_str(),
            "a state that nobody approved",
        )?;
        ensure(hold.task == self.task, "an approval of another task")?;
        let counts = |person: &str, group: &str| {
            let members = went.members.get(person);
            person != SPONSOR && members.is_some_and(|groups| groups.contains(group))
        };
        let mut complete = Timestamp::MIN;
        for group in &self.needs {
            let mut yes: BTreeMap<&str, Timestamp> = BTreeMap::new();
            for vote in &hold.votes {
                let person = vote.person.as_str();
                let counted = counts(person, group.as_str()) && vote.at <= hold.decide_by;
                if counted && vote.answer == Answer::Approve {
                    let first = yes.entry(person).or_insert(vote.at);
                    *first = vote.at.min(*first);
                }
            }
            let mut times: Vec<Timestamp> = yes.into_values().collect();
            times.sort();
            let last = times
                .get(self.quorum as usize - 1)
                .ok_or("an approval by too few")?;
            complete = complete.max(*last);
        }
        if !self.checks.is_empty() {
            // Nothing is reported of a hold that was used: what is there was there before.
            let mut since = None;
            for report in &hold.reports {
                let failed = report.result == CheckResult::Failed;
                let counted = report.person.as_str() == MACHINE && report.at <= hold.decide_by;
                match (failed, counted) {
                    (true, _) => since = None,
                    (false, true) => since = since.or(Some(report.at)),
                    (false, false) => {}
                }
            }
            complete = complete.max(since.ok_or("a call whose check did not pass")?);
        }
        ensure(went.now < complete + LIFETIME, "an approval after its time")?;
        for (id, vote, acknowledged) in &notes.votes {
            let before = acknowledged.is_some_and(|number| number < went.began);
            let person = vote.person.as_str();
            let counted = self
                .needs
                .iter()
                .any(|group| counts(person, group.as_str()));
            let concerned = *id == hold.id || beside(hold, holds).any(|other| other.id == *id);
            let no = concerned && vote.answer != Answer::Approve;
            ensure(!(before && counted && no), "a call that was said no to")?;
        }
        let stopped = notes.stopped.is_some_and(|number| number < went.began);
        ensure(!stopped, "a call of a task that was stopped")
    }
}

/// The other holds of the batch that `hold` is one of.
fn beside<'h>(hold: &'h Hold, holds: &'h [Hold]) -> impl Iterator<Item = &'h Hold> {
    let batch = hold.place.as_ref().map(|place| &place.batch);
    holds.iter().filter(move |other| {
        let of = other.place.as_ref().map(|place| &place.batch);
        batch.is_some() && of == batch && other.id != hold.id
    })
}

/// Whether everything before `hold` in its batch had gone by then, and was answered well.
fn judge_turn(
    notes: &Notes,
    went: &Went,
    hold: &Hold,
    holds: &[Hold],
    calls: &[StoredCall],
) -> Result<(), String> {
    let number = |hold: &Hold| hold.place.as_ref().map(|place| place.number);
    for first in beside(hold, holds).filter(|other| number(other) < number(hold)) {
        let by = first.ended.as_ref().and_then(|ended| ended.by.as_ref());
        let by = by.ok_or("a call before one that comes first")?.as_str();
        let noted = notes.went.iter().find(|went| went.reference == by);
        let asked = noted.and_then(|first| first.closed);
        if asked.is_none_or(|closed| closed > went.began) {
            return Err("a call before the answer to one that comes first".to_owned());
        }
        let call = calls.iter().find(|call| &*call.record.reference == by);
        let closed = call.and_then(|call| call.closed.as_ref());
        let status = closed.and_then(|closed| closed.result.told_by());
        if status.is_none_or(|status| status >= 400) {
            return Err("a call behind one that failed".to_owned());
        }
    }
    Ok(())
}

fn ended(hold: &Hold) -> Option<Closing> {
    hold.ended.as_ref().map(|ended| ended.how)
}
