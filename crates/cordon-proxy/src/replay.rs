//! No signed change is taken twice: AWS has no nonce, so for as long as a signature holds whoever
//! saw a request could send it again.
//!
//! Signatures of changes that are about to leave are remembered for as long as they hold, for each
//! access key apart, so that one agent cannot make another's be forgotten. When a key has used up
//! its room, its changes are refused rather than its memory shortened. What another process
//! remembered is not known here, so a change that was signed before this one began is taken for
//! one that came before.
//!
//! Two changes that say the same and are signed in the same second have the same signature: SDKs
//! do not sign what tells one attempt from the next. So the second is answered with the code that
//! makes them sign anew, and not before its second is over: signed in a later one it is a request
//! of its own. (boto3 sends all three attempts of its standard mode within one second otherwise.)

use cordon_aws::sigv4::{AccessKeyId, DEFAULT_SKEW, Verified};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often what holds no longer is forgotten: as long as a signature in a header can hold, from
/// its date less the skew to its date plus the skew.
const SWEEP: SignedDuration = SignedDuration::from_secs(2 * DEFAULT_SKEW.as_secs());

/// The signatures of recent changes.
#[derive(Debug)]
pub(crate) struct Replays {
    seen: Mutex<HashMap<AccessKeyId, Seen>>,
    most: usize,
    /// The second in which this process began.
    began: i64,
}

/// One request's signature, by which it is known again.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    key_id: AccessKeyId,
    signature: [u8; 32],
    signed_at: Timestamp,
    until: Timestamp,
}

/// The signatures of one key, each with the end of its life.
#[derive(Debug)]
struct Seen {
    signatures: HashMap<[u8; 32], Timestamp>,
    /// The end of the longest life.
    last: Timestamp,
    swept: Timestamp,
}

/// What is known of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sighting {
    First,
    /// It came before, or may have before this process began.
    Again,
    /// There is no room to remember it.
    NoRoom,
}

impl Signature {
    /// That of a request that was verified.
    pub(crate) fn of(verified: &Verified) -> Self {
        Self {
            key_id: verified.key_id().clone(),
            signature: *verified.signature(),
            signed_at: verified.claim().signed_at(),
            until: verified.claim().holds_until(DEFAULT_SKEW),
        }
    }

    /// What is left at `now` of the second in which it was made.
    pub(crate) fn rest_of_second(&self, now: Timestamp) -> Duration {
        const SECOND: SignedDuration = SignedDuration::from_secs(1);
        // A clock that is ahead may not make anyone wait for longer.
        let rest =
            (self.signed_at.duration_since(now) + SECOND).clamp(SignedDuration::ZERO, SECOND);
        rest.unsigned_abs()
    }
}

impl Replays {
    pub(crate) fn new(most: usize, began: Timestamp) -> Self {
        Self {
            seen: Mutex::new(HashMap::new()),
            most,
            began: began.as_second(),
        }
    }

    /// Remembers `signature`.
    pub(crate) fn see(&self, signature: &Signature, now: Timestamp) -> Sighting {
        // Signatures tell whole seconds, so those of the first one may be ours.
        if signature.signed_at.as_second() < self.began {
            return Sighting::Again;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.contains_key(&signature.key_id) {
            seen.retain(|_, seen| seen.last >= now);
        }
        seen.entry(signature.key_id.clone())
            .or_insert_with(|| Seen::begin(now))
            .note(signature, now, self.most)
    }
}

impl Seen {
    fn begin(now: Timestamp) -> Self {
        Self {
            signatures: HashMap::new(),
            last: now,
            swept: now,
        }
    }

    fn note(&mut self, signature: &Signature, now: Timestamp, most: usize) -> Sighting {
        if now.duration_since(self.swept) > SWEEP {
            self.signatures.retain(|_, until| *until >= now);
            self.swept = now;
        }
        if self.signatures.contains_key(&signature.signature) {
            return Sighting::Again;
        }
        if self.signatures.len() >= most {
            return Sighting::NoRoom;
        }
        self.last = self.last.max(signature.until);
        self.signatures.insert(signature.signature, signature.until);
        Sighting::First
    }
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

    /// A signature of `key` that holds for `life` from `second` on.
    fn signature(key_id: &AccessKeyId, byte: u8, second: i64, life: i64) -> Signature {
        Signature {
            key_id: key_id.clone(),
            signature: [byte; 32],
            signed_at: at(second),
            until: at(second + life),
        }
    }

    #[test]
    fn a_presigned_change_is_taken_once_in_all_of_its_days() {
        const DAY: i64 = 86_400;
        let replays = Replays::new(100, at(0));
        let ours = key("AKIAAAAAAAAAAAAAAAAA");
        let presigned = signature(&ours, 1, 0, 7 * DAY);
        assert_eq!(replays.see(&presigned, at(0)), Sighting::First);
        for (byte, second) in [(3, 1_201), (4, DAY), (5, 7 * DAY)] {
            let other = signature(&key("AKIABBBBBBBBBBBBBBBB"), byte, second, 300);
            assert_eq!(replays.see(&other, at(second)), Sighting::First);
            let next = signature(&ours, byte, second, 300);
            assert_eq!(replays.see(&next, at(second)), Sighting::First);
            assert_eq!(replays.see(&presigned, at(second)), Sighting::Again);
        }
    }

    #[test]
    fn a_signature_is_taken_once_for_as_long_as_it_is_valid() {
        let replays = Replays::new(100, at(0));
        let ours = key("AKIAAAAAAAAAAAAAAAAA");
        let see = |byte: u8, second| replays.see(&signature(&ours, byte, second, 600), at(second));
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
        let replays = Replays::new(3, at(0));
        let (ours, theirs) = (key("AKIAAAAAAAAAAAAAAAAA"), key("AKIABBBBBBBBBBBBBBBB"));
        let see = |key_id: &AccessKeyId, byte: u8, second| {
            replays.see(&signature(key_id, byte, second, 600), at(second))
        };
        assert_eq!(see(&ours, 1, 0), Sighting::First);
        for signature in 10..13 {
            assert_eq!(see(&theirs, signature, 0), Sighting::First);
        }
        assert_eq!(see(&theirs, 13, 0), Sighting::NoRoom);
        assert_eq!(see(&theirs, 10, 1), Sighting::Again);
        assert_eq!(see(&ours, 1, 1), Sighting::Again);
        assert_eq!(see(&theirs, 13, 3_000), Sighting::First);
    }

    #[test]
    fn a_change_that_was_signed_before_this_process_began_is_not_taken() {
        let replays = Replays::new(100, at(10) + SignedDuration::from_millis(900));
        let ours = key("AKIAAAAAAAAAAAAAAAAA");
        let see = |byte: u8, second| replays.see(&signature(&ours, byte, second, 600), at(11));
        assert_eq!(see(1, 9), Sighting::Again);
        assert_eq!(see(2, 10), Sighting::First);
        assert_eq!(see(3, 11), Sighting::First);
    }

    #[test]
    fn nobody_waits_for_longer_than_the_second_of_a_signature() {
        let signature = signature(&key("AKIAAAAAAAAAAAAAAAAA"), 1, 10, 600);
        let rest = |now: Timestamp| signature.rest_of_second(now).as_millis();
        assert_eq!(rest(at(10) + SignedDuration::from_millis(250)), 750);
        assert_eq!(rest(at(11)), 0);
        assert_eq!(rest(at(60)), 0);
        assert_eq!(rest(at(0)), 1_000);
    }
}
