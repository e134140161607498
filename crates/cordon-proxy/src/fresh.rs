//! What was told a moment ago: kept for seconds, and only so much of it.

use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::hash::Hash;

/// What was told, by what it is about.
#[derive(Debug)]
pub(crate) struct Fresh<K, V> {
    kept: HashMap<K, (Timestamp, V)>,
    lasts: SignedDuration,
    most: usize,
}

impl<K: Hash + Eq, V> Fresh<K, V> {
    /// Keeps `most` at one time, and each for as long as it `lasts`.
    pub(crate) fn new(lasts: SignedDuration, most: usize) -> Self {
        let kept = HashMap::new();
        Self { kept, lasts, most }
    }

    /// What was told of `key`, if that is not too long ago.
    pub(crate) fn of(&self, key: &K, now: Timestamp) -> Option<&V> {
        let (told, value) = self.kept.get(key)?;
        is_fresh(*told, self.lasts, now).then_some(value)
    }

    /// Keeps what was `told` of `key` then. Where there is no room, what is too old goes, or all.
    pub(crate) fn keep(&mut self, key: K, value: V, told: Timestamp) {
        if self.kept.len() >= self.most {
            let lasts = self.lasts;
            self.kept
                .retain(|_, (then, _)| is_fresh(*then, lasts, told));
        }
        if self.kept.len() >= self.most {
            self.clear();
        }
        self.kept.insert(key, (told, value));
    }

    /// Forgets all of it.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }
}

/// A clock that was put back makes nothing fresh for longer.
fn is_fresh(told: Timestamp, lasts: SignedDuration, now: Timestamp) -> bool {
    let age = now.duration_since(told);
    !age.is_negative() && age < lasts
}

#[cfg(test)]
mod tests {
    use super::*;

    const LASTS: SignedDuration = SignedDuration::from_secs(10);

    #[test]
    fn what_is_kept_is_of_the_last_seconds() {
        let (mut fresh, told) = (Fresh::new(LASTS, 4), Timestamp::UNIX_EPOCH);
        fresh.keep("a", 1, told);
        let after = |seconds| told + SignedDuration::from_secs(seconds);
        for (key, seconds, expected) in [
            ("a", -1, None),
            ("a", 0, Some(&1)),
            ("a", 9, Some(&1)),
            ("a", 10, None),
            ("b", 0, None),
        ] {
            assert_eq!(fresh.of(&key, after(seconds)), expected, "{key} {seconds}");
        }
        fresh.clear();
        assert_eq!(fresh.of(&"a", told), None);
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let (mut fresh, now) = (Fresh::new(LASTS, 4), Timestamp::UNIX_EPOCH);
        for number in 0..100 {
            fresh.keep(number, (), now);
            assert!(fresh.kept.len() <= 4);
            assert!(fresh.of(&number, now).is_some(), "the last one is there");
        }
    }
}
