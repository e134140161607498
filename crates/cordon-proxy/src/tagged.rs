//! The tags of resources as they were told a moment ago, so that a row of changes of one resource asks
//! for them once.
//!
//! Only what may make a call stricter rests on this: a resource that came to a stack within the last
//! seconds is told as one a little later, as the index that tells it does, too. What people approve is asked
//! for anew.

use crate::fresh::Fresh;
use cordon_core::tags::TagSet;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// For how long they are taken as they are.
const LASTS: SignedDuration = SignedDuration::from_secs(10);

/// Resources that are kept at the most.
const MOST: usize = 1_024;

/// Where it was asked for, and the ARN.
type Key = (String, Box<str>);

/// What was told, and when.
#[derive(Debug)]
pub(crate) struct Tagged(Mutex<Fresh<Key, TagSet>>);

impl Default for Tagged {
    fn default() -> Self {
        Self(Mutex::new(Fresh::new(LASTS, MOST)))
    }
}

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
            let tags = kept.of(&(place.to_owned(), arn.into()), now)?;
            Some((arn.into(), tags.clone()))
        })
        .collect()
    }

    /// Keeps what was told at `place`.
    pub(crate) fn keep(&self, place: &str, told: BTreeMap<Box<str>, TagSet>, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (arn, tags) in told {
            kept.keep((place.to_owned(), arn), tags, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:s3:::shop";

    #[test]
    fn what_is_kept_is_of_its_place_and_of_the_last_seconds() {
        let (tagged, now) = (Tagged::default(), Timestamp::UNIX_EPOCH);
        let told: BTreeMap<Box<str>, TagSet> =
            [(ARN.into(), [("a".into(), "b".into())].into())].into();
        tagged.keep("here", told.clone(), now);
        let at = |place: &str, seconds: i64| {
            let then = now + SignedDuration::from_secs(seconds);
            tagged.of(place, [ARN].into_iter(), then)
        };
        assert_eq!(at("here", 9), told);
        for (place, seconds) in [("there", 0), ("here", 10), ("here", -1)] {
            assert!(at(place, seconds).is_empty(), "{place} {seconds}");
        }
    }
}
