//! `cordon policy stats`: how people decided on what each policy asked them, and how long they took. A
//! rule that everyone waves through within seconds protects nobody: it wants to be narrower.

use crate::bundle::Bundle;
use crate::config::{Config, Flags};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::{people, wiring};
use clap::Args;
use cordon_core::hold::{Closing, Hold, Standing};
use cordon_core::people::People;
use cordon_core::policy::Policies;
use cordon_store::{HoldFilter, Store};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

/// Decisions below which nothing is said of a policy.
const ENOUGH: usize = 20;
/// The share of yes, in hundredths, and the time above and below which it is waved through.
const WAVED: (usize, SignedDuration) = (97, SignedDuration::from_secs(6));

/// How people decided on what each policy asked them.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Holds of so many days
    #[arg(long, default_value_t = 30)]
    days: u16,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What became of the holds that one policy asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    approved: usize,
    rejected: usize,
    unanswered: usize,
    /// Neither: it waits, or what it was about changed or ended.
    other: usize,
    /// From opening to the last word, of those that people decided.
    took: Vec<SignedDuration>,
}

impl Stats {
    pub(crate) fn run(self, flags: &Flags) -> Result<ExitCode, Failure> {
        let config = Config::load(flags)?;
        let people = people::read(&config)?;
        let policies = Bundle::of(&config)?.load()?;
        let tallies = wiring::block_on(async {
            let store = wiring::visit(&config).await?;
            self.count(&store, &people, &policies).await
        })?;
        match self.format {
            Format::Json => tallies
                .iter()
                .for_each(|(id, tally)| output::json(&tally.value(id))),
            Format::Human if tallies.is_empty() => {
                output::error_line(format_args!("nothing was held in these days"));
            }
            Format::Human => output::table(
                &["policy", "held", "yes", "no", "no answer", "median", ""],
                tallies.iter().map(|(id, tally)| tally.row(id)),
            ),
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn count(
        &self,
        store: &Arc<dyn Store>,
        people: &People,
        policies: &Policies,
    ) -> Result<BTreeMap<Box<str>, Tally>, Failure> {
        let now = Timestamp::now();
        let since = now
            .saturating_sub(SignedDuration::from_hours(24 * i64::from(self.days)))
            .unwrap_or(Timestamp::MIN);
        let filter = HoldFilter {
            limit: Some(10_000),
            ..HoldFilter::default()
        };
        let holds = store.holds(&filter).await.map_err(wiring::store_failed)?;
        let mut tallies: BTreeMap<Box<str>, Tally> = BTreeMap::new();
        for hold in holds.iter().filter(|hold| hold.opened >= since) {
            let call = store.call(&hold.reference).await;
            let Some(call) = call.map_err(wiring::store_failed)? else {
                continue;
            };
            let people = who_decided(&**store, people, hold).await?;
            let ids = call.record.policies.into_iter().map(|(id, _, _)| id);
            // The call of a batch was recorded as a preview.
            for id in ids.filter(|id| !policies.only_previews(id)) {
                tallies.entry(id).or_default().add(hold, &people, now);
            }
        }
        Ok(tallies)
    }
}

/// Who counted when the last word was said of a hold: those of the file, with what a provider of
/// identities told of those who were signed in then. Who signed out since is not known any more.
async fn who_decided<'p>(
    store: &dyn Store,
    people: &'p People,
    hold: &Hold,
) -> Result<Cow<'p, People>, Failure> {
    let Some(last) = hold.votes.last() else {
        return Ok(Cow::Borrowed(people));
    };
    let claims = store.claims(last.at).await.map_err(wiring::store_failed)?;
    Ok(match claims.as_slice() {
        [] => Cow::Borrowed(people),
        claims => {
            let claims = claims.iter().map(|one| (&one.person, &one.claim));
            Cow::Owned(people.with_claims(claims))
        }
    })
}

impl Tally {
    fn add(&mut self, hold: &Hold, people: &People, now: Timestamp) {
        let decided = match hold.standing(people, now) {
            Standing::Approved { .. } | Standing::Lapsed => &mut self.approved,
            Standing::Ended(Closing::Used | Closing::Lapsed) => &mut self.approved,
            Standing::Rejected(_) => &mut self.rejected,
            Standing::Unanswered | Standing::Ended(Closing::Unanswered) => {
                self.unanswered += 1;
                return;
            }
            Standing::Waiting { .. }
            | Standing::Ended(Closing::Changed | Closing::Withdrawn | Closing::Broken) => {
                self.other += 1;
                return;
            }
        };
        *decided += 1;
        let last = hold
            .votes
            .last()
            .map(|vote| vote.at.duration_since(hold.opened));
        self.took.extend(last);
    }

    fn decided(&self) -> usize {
        self.approved + self.rejected
    }

    fn median(&self) -> Option<SignedDuration> {
        let mut took = self.took.clone();
        took.sort();
        took.get(took.len() / 2).copied()
    }

    /// Whether people say yes to it without looking, as far as numbers tell.
    fn waved_through(&self) -> bool {
        let (share, time) = WAVED;
        self.decided() >= ENOUGH
            && self.approved * 100 > share * self.decided()
            && self.median().is_some_and(|median| median < time)
    }

    fn value(&self, id: &str) -> serde_json::Value {
        json!({
            "policy": id,
            "held": self.decided() + self.unanswered + self.other,
            "approved": self.approved,
            "rejected": self.rejected,
            "unanswered": self.unanswered,
            "median_seconds": self.median().map(|median| median.as_secs()),
            "waved_through": self.waved_through(),
        })
    }

    fn row(&self, id: &str) -> Vec<String> {
        let note = match self.waved_through() {
            true => "waved through: make it narrower",
            false => "",
        };
        let median = self
            .median()
            .map(|median| format!("{} s", median.as_secs()));
        vec![
            output::inert(id, 128),
            (self.decided() + self.unanswered + self.other).to_string(),
            self.approved.to_string(),
            self.rejected.to_string(),
            self.unanswered.to_string(),
            median.unwrap_or_default(),
            note.to_owned(),
        ]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use cordon_core::hold::{Answer, StateDigest, Vote};
    use cordon_core::people::Claim;
    use cordon_store::{Pass, PassKind, SecretHash, SqliteOptions, open_sqlite};

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    #[tokio::test]
    async fn who_was_in_a_group_by_a_claim_when_they_decided_counts() {
        let folder = tempfile::tempdir().unwrap();
        let store = open_sqlite(folder.path(), SqliteOptions::default()).await;
        let store = store.unwrap();
        let pass = Pass {
            secret: SecretHash::of("one"),
            kind: PassKind::Terminal,
            person: "kim@example.com".parse().unwrap(),
            signed_in: at(0),
            expires: at(720),
            revoked: None,
            claim: Some(Claim {
                groups: ["senior".parse().unwrap()].into(),
                ..Claim::default()
            }),
            checks: Default::default(),
        };
        store.put_pass(pass).await.unwrap();
        let tallied = async |vote: Option<i64>| {
            let votes = vote.map(|minute| Vote {
                person: "kim@example.com".parse().unwrap(),
                answer: Answer::Approve,
                note: "".into(),
                at: at(minute),
            });
            let hold = Hold {
                id: "H-1".parse().unwrap(),
                task: "T-1".parse().unwrap(),
                sponsor: "mei".parse().unwrap(),
                reference: "R1".parse().unwrap(),
                digest: "sha256:00".into(),
                state: StateDigest::from_written("sha256:s"),
                policy_version: "sha256:p".into(),
                needs: ["senior".parse().unwrap()].into(),
                checks: Default::default(),
                reports: Default::default(),
                quorum: 1,
                opened: at(5),
                decide_by: at(2_000),
                asked: 1,
                follows: None,
                place: None,
                votes: votes.into_iter().collect(),
                ended: None,
            };
            let file = People::default();
            let people = who_decided(&store, &file, &hold).await.unwrap();
            let mut tally = Tally::default();
            tally.add(&hold, &people, at(5_000));
            (tally.approved, tally.unanswered)
        };
        assert_eq!(tallied(Some(10)).await, (1, 0));
        assert_eq!(tallied(Some(721)).await, (0, 1), "the sign-in was over");
        assert_eq!(tallied(None).await, (0, 1));
    }

    fn tally(approved: usize, rejected: usize, seconds: i64) -> Tally {
        Tally {
            approved,
            rejected,
            took: vec![SignedDuration::from_secs(seconds); approved + rejected],
            ..Tally::default()
        }
    }

    #[test]
    fn what_everyone_waves_through_is_said_to_be() {
        assert!(tally(40, 0, 5).waved_through());
        assert!(tally(40, 1, 5).waved_through());
        for honest in [
            tally(40, 2, 5),
            tally(40, 0, 6),
            tally(19, 0, 1),
            tally(0, 0, 0),
        ] {
            assert!(!honest.waved_through(), "{honest:?}");
        }
    }
}
