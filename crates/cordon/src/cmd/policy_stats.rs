//! `cordon policy stats`: how people decided on what each policy asked them, and how long they took. A
//! rule that everyone waves through within seconds protects nobody: it wants to be narrower.

use crate::config::{Config, Flags};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::{people, wiring};
use clap::Args;
use cordon_core::hold::{Closing, Hold, Standing};
use cordon_core::people::People;
use cordon_store::{HoldFilter, Store};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
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
        let tallies = wiring::block_on(async {
            let store = wiring::visit(&config).await?;
            self.count(&store, &people).await
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
            for (id, _, _) in call.record.policies {
                tallies.entry(id).or_default().add(hold, people, now);
            }
        }
        Ok(tallies)
    }
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
            Standing::Waiting { .. } | Standing::Ended(Closing::Changed | Closing::Withdrawn) => {
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
mod tests {
    use super::*;

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
