//! No signed change is taken twice: AWS has no nonce, so within the clock window whoever saw a
//! request could send it again.
//!
//! Signatures of changes that are about to leave are remembered for as long as they could be
//! valid, for each access key apart, so that one agent cannot make another's be forgotten. When a
//! key has used up its room, its changes are refused rather than its memory shortened.

use cordon_aws::sigv4::{AccessKeyId, DEFAULT_SKEW, Verified};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// The signatures of recent changes.
#[derive(Debug)]
pub(crate) struct Replays {
    seen: Mutex<HashMap<AccessKeyId, Seen>>,
    most: usize,
}

/// Two generations, each as long as a signature lives: what is in neither is no longer valid.
#[derive(Debug)]
struct Seen {
    current: HashSet<[u8; 32]>,
    previous: HashSet<[u8; 32]>,
    began: Timestamp,
}

/// What is known of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sighting {
    First,
    Again,
    /// There is no room to remember it.
    NoRoom,
}

impl Replays {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            seen: Mutex::new(HashMap::new()),
            most,
        }
    }

    /// Remembers the signature of `verified`.
    pub(crate) fn see(&self, verified: &Verified, now: Timestamp) -> Sighting {
        self.note(verified.key_id(), *verified.signature(), now)
    }

    fn note(&self, key_id: &AccessKeyId, signature: [u8; 32], now: Timestamp) -> Sighting {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.contains_key(key_id) {
            seen.retain(|_, seen| !seen.is_over(now));
        }
        seen.entry(key_id.clone())
            .or_insert_with(|| Seen::begin(now))
            .note(signature, now, self.most)
    }
}

impl Seen {
    fn begin(now: Timestamp) -> Self {
        Self {
            current: HashSet::new(),
            previous: HashSet::new(),
            began: now,
        }
    }

    fn note(&mut self, signature: [u8; 32], now: Timestamp, most: usize) -> Sighting {
        if is_after(self.began, now, 1) {
            // After two lifetimes what is current is no longer valid either.
            self.previous = match is_after(self.began, now, 2) {
                true => HashSet::new(),
                false => std::mem::take(&mut self.current),
            };
            self.current.clear();
            self.began = now;
        }
        if self.previous.contains(&signature) || self.current.contains(&signature) {
            return Sighting::Again;
        }
        if self.current.len() + self.previous.len() >= most {
            return Sighting::NoRoom;
        }
        self.current.insert(signature);
        Sighting::First
    }

    fn is_over(&self, now: Timestamp) -> bool {
        is_after(self.began, now, 2)
    }
}

/// Whether `lifetimes` of a signature have passed since `began`. It lives from its date less the
/// skew to its date plus the skew.
fn is_after(began: Timestamp, now: Timestamp, lifetimes: i32) -> bool {
    now.duration_since(began) > DEFAULT_SKEW * 2 * lifetimes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn key(text: &str) -> AccessKeyId {
        text.parse().unwrap()
    }

    #[test]
    fn a_signature_is_taken_once_for_as_long_as_it_is_valid() {
        let replays = Replays::new(100);
        let ours = key("AKIAAAAAAAAAAAAAAAAA");
        let see = |signature: u8, second| replays.note(&ours, [signature; 32], at(second));
        assert_eq!(see(1, 0), Sighting::First);
        assert_eq!(see(1, 0), Sighting::Again);
        for second in [1, 299, 599, 600] {
            assert_eq!(see(1, second), Sighting::Again, "{second}");
        }
        assert_eq!(see(2, 600), Sighting::First);
        assert_eq!(see(3, 601), Sighting::First);
        assert_eq!(see(2, 1_199), Sighting::Again);
    }

    #[test]
    fn one_key_cannot_make_another_be_forgotten() {
        let replays = Replays::new(3);
        let (ours, theirs) = (key("AKIAAAAAAAAAAAAAAAAA"), key("AKIABBBBBBBBBBBBBBBB"));
        assert_eq!(replays.note(&ours, [1; 32], at(0)), Sighting::First);
        for signature in 10..13 {
            assert_eq!(
                replays.note(&theirs, [signature; 32], at(0)),
                Sighting::First
            );
        }
        assert_eq!(replays.note(&theirs, [13; 32], at(0)), Sighting::NoRoom);
        assert_eq!(replays.note(&theirs, [10; 32], at(1)), Sighting::Again);
        assert_eq!(replays.note(&ours, [1; 32], at(1)), Sighting::Again);
        assert_eq!(replays.note(&theirs, [13; 32], at(3_000)), Sighting::First);
    }
}
