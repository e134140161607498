//! Requests that nobody stands behind: kept where the security team looks, under a bound.
//!
//! Who knocks with no key, a foreign key or bytes that are no request is worth knowing of; but
//! anyone can knock, so that each one kept would let anyone fill the disk. A few are kept at once
//! and few a minute after them; the others are counted, and the next one that is kept says how
//! many there were.

use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, PoisonError};

/// How many are kept at once, after a quiet time.
const AT_ONCE: u32 = 60;
/// How long it takes until one more is kept: at a kilobyte each, nine megabytes a day at the most.
const ONE_MORE: SignedDuration = SignedDuration::from_secs(10);

/// How many more are kept.
#[derive(Debug)]
pub(crate) struct Strangers(Mutex<Room>);

#[derive(Debug)]
struct Room {
    left: u32,
    /// When the last one was added to `left`.
    added: Timestamp,
    unkept: u64,
}

/// Whether a request is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// It is, and so many were not since the one before.
    Kept { unkept: u64 },
    /// It is the first that is not.
    FirstUnkept,
    /// It is not.
    Unkept,
}

impl Strangers {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self(Mutex::new(Room {
            left: AT_ONCE,
            added: now,
            unkept: 0,
        }))
    }

    /// Whether a request that came at `now` is kept.
    pub(crate) fn knock(&self, now: Timestamp) -> Keeping {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        room.refill(now);
        match room.left.checked_sub(1) {
            Some(left) => {
                room.left = left;
                Keeping::Kept {
                    unkept: std::mem::take(&mut room.unkept),
                }
            }
            None => {
                room.unkept += 1;
                match room.unkept {
                    1 => Keeping::FirstUnkept,
                    _ => Keeping::Unkept,
                }
            }
        }
    }
}

impl Room {
    fn refill(&mut self, now: Timestamp) {
        // A clock that was set back begins anew.
        if now < self.added {
            self.added = now;
        }
        let more = now.duration_since(self.added).as_secs() / ONE_MORE.as_secs();
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        if more == 0 {
            return;
        }
        self.left = self.left.saturating_add(more).min(AT_ONCE);
        let passed = ONE_MORE.checked_mul(more.try_into().unwrap_or(i32::MAX));
        self.added = passed
            .and_then(|passed| self.added.checked_add(passed).ok())
            .unwrap_or(now)
            .min(now);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn kept(strangers: &Strangers, second: i64, knocks: u32) -> (u32, u64) {
        let mut count = 0;
        let mut told = 0;
        for _ in 0..knocks {
            if let Keeping::Kept { unkept } = strangers.knock(at(second)) {
                count += 1;
                told += unkept;
            }
        }
        (count, told)
    }

    #[test]
    fn a_flood_is_kept_in_part_and_counted_whole() {
        let strangers = Strangers::new(at(0));
        assert_eq!(kept(&strangers, 0, 1_000), (60, 0));
        assert_eq!(kept(&strangers, 9, 1_000), (0, 0));
        // One more, which tells of all that were not kept.
        assert_eq!(kept(&strangers, 10, 1), (1, 1_940));
        assert_eq!(kept(&strangers, 15, 10), (0, 0));
        assert_eq!(kept(&strangers, 20, 10), (1, 10));
    }

    #[test]
    fn a_day_of_it_keeps_no_more_than_its_bound() {
        let strangers = Strangers::new(at(0));
        let kept: u32 = (0..86_400)
            .map(|second| kept(&strangers, second, 3).0)
            .sum();
        assert!((8_640..=8_700).contains(&kept), "{kept}");
    }

    #[test]
    fn quiet_hours_make_room_for_no_more_than_a_burst() {
        let strangers = Strangers::new(at(0));
        kept(&strangers, 0, 100);
        assert_eq!(kept(&strangers, 86_400, 100), (60, 40));
        // And a clock that was set back does not close the door.
        kept(&strangers, 86_400, 100);
        assert_eq!(kept(&strangers, 10, 5).0, 0);
        assert_eq!(kept(&strangers, 20, 5).0, 1);
    }
}
