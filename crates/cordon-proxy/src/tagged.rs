//! The tags of resources as they were told a moment ago, so that a row of changes of one resource asks
//! for them once.
//!
//! Only what may make a call stricter rests on this: a resource that came to a stack within the last
//! seconds is told as one a little later. What people approve is asked for anew.

use cordon_core::tags::TagSet;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// For how long they are taken as they are.
const FRESH: SignedDuration = SignedDuration::from_secs(10);

/// Resources that are kept at the most.
const MOST: usize = 1_024;

/// Where it was asked for, and the ARN.
type Key = (String, Box<str>);

/// What was told, and when.
#[derive(Debug, Default)]
pub(crate) struct Tagged(Mutex<HashMap<Key, (Timestamp, TagSet)>>);

impl Tagged {
    /// What was told of `arns` at `place` a moment ago.
    pub(crate) fn of<'a>(
        &self,
        place: &str,
        arns: impl Iterator<Item = &'a str>,
        now: Timestamp,
    ) -> BTreeMap<Box<str>, TagSet> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        arns.filter_map(|arn| {
            let (told, tags) = kept.get(&(place.to_owned(), arn.into()))?;
            is_fresh(*told, now).then(|| (arn.into(), tags.clone()))
        })
        .collect()
    }

    /// Keeps what was told at `place`.
    pub(crate) fn keep(&self, place: &str, told: &BTreeMap<Box<str>, TagSet>, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + told.len() > MOST {
            kept.retain(|_, (told, _)| is_fresh(*told, now));
        }
        if kept.len() + told.len() > MOST {
            kept.clear();
        }
        for (arn, tags) in told.iter().take(MOST) {
            kept.insert((place.to_owned(), arn.clone()), (now, tags.clone()));
        }
    }
}

/// A clock that was put back makes nothing fresh for longer.
fn is_fresh(told: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(told);
    !age.is_negative() && age < FRESH
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:s3:::shop";

    fn told(count: usize) -> BTreeMap<Box<str>, TagSet> {
        let arn = |number: usize| format!("{ARN}-{number}").into();
        (0..count)
            .map(|number| (arn(number), TagSet::new()))
            .collect()
    }

    #[test]
    fn what_is_kept_is_of_its_place_and_of_the_last_seconds() {
        let (tagged, now) = (Tagged::default(), Timestamp::UNIX_EPOCH);
        let told: BTreeMap<Box<str>, TagSet> =
            [(ARN.into(), [("a".into(), "b".into())].into())].into();
        tagged.keep("here", &told, now);
        let at = |place: &str, seconds: i64| {
            let then = now + SignedDuration::from_secs(seconds);
            tagged.of(place, [ARN].into_iter(), then)
        };
        assert_eq!(at("here", 9), told);
        for (place, seconds) in [("there", 0), ("here", 10), ("here", -1)] {
            assert!(at(place, seconds).is_empty(), "{place} {seconds}");
        }
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let (tagged, now) = (Tagged::default(), Timestamp::UNIX_EPOCH);
        for place in ["a", "b", "c", "d"] {
            tagged.keep(place, &told(600), now);
        }
        assert!(tagged.0.lock().unwrap().len() <= MOST);
    }
}
