//! Questions that authenticators were asked and have not answered: each for one answer, for a few
//! minutes, and only so many. Kept by this process alone: after a restart one begins again.

use super::PasskeyError;
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long a person may take.
pub(super) const LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// For how long it is known of a question that it is too old, and not just that there is none.
const KNOWN: SignedDuration = SignedDuration::from_mins(10);

/// How many wait. Beginning needs no sign-in, so anyone may fill it: the oldest makes room, and who fills
/// it faster than a person answers keeps people from passkeys, not from links.
const ROOM: usize = 8_192;

/// Questions of one kind, oldest first.
pub(super) struct Ceremonies<T>(Mutex<VecDeque<Ceremony<T>>>);

struct Ceremony<T> {
    challenge: u128,
    begun: Timestamp,
    state: T,
}

impl<T> Ceremonies<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    pub(super) fn begin(&self, challenge: u128, state: T, now: Timestamp) {
        let mut waiting = self.waiting();
        waiting.retain(|one| now.duration_since(one.begun) < KNOWN);
        if waiting.len() >= ROOM {
            waiting.pop_front();
        }
        waiting.push_back(Ceremony {
            challenge,
            begun: now,
            state,
        });
    }

    /// The question that `challenge` answers, which is over by that. One that is not for who answers stays.
    pub(super) fn take(
        &self,
        challenge: u128,
        now: Timestamp,
        is_theirs: impl FnOnce(&T) -> bool,
    ) -> Result<T, PasskeyError> {
        let mut waiting = self.waiting();
        let mut all = waiting.iter();
        let place = all.position(|one| one.challenge == challenge);
        let place = place.ok_or(PasskeyError::Spent)?;
        let theirs = waiting.get(place).is_some_and(|one| is_theirs(&one.state));
        if !theirs {
            return Err(PasskeyError::OtherPerson);
        }
        let one = waiting.remove(place).ok_or(PasskeyError::Spent)?;
        let age = now.duration_since(one.begun);
        match age.is_negative() || age >= LIFETIME {
            true => Err(PasskeyError::Late),
            false => Ok(one.state),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Ceremony<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[track_caller]
    fn taken(ceremonies: &Ceremonies<&str>, challenge: u128, second: i64) -> Option<&'static str> {
        let taken = ceremonies.take(challenge, at(second), |_| true);
        taken.ok().map(|state| match state {
            "mei" => "mei",
            _ => "other",
        })
    }

    #[test]
    fn a_question_is_answered_once_in_time_by_whom_it_was_put_to() {
        let asked = Ceremonies::new();
        for challenge in 1..=4 {
            asked.begin(challenge, "mei", at(1_000));
        }
        assert_eq!(taken(&asked, 1, 1_299), Some("mei"));
        assert!(matches!(
            asked.take(1, at(1_299), |_| true),
            Err(PasskeyError::Spent)
        ));
        assert!(matches!(
            asked.take(2, at(1_300), |_| true),
            Err(PasskeyError::Late)
        ));
        assert!(matches!(
            asked.take(3, at(999), |_| true),
            Err(PasskeyError::Late)
        ));
        let stolen = asked.take(4, at(1_100), |state| *state == "ola");
        assert!(matches!(stolen, Err(PasskeyError::OtherPerson)));
        assert_eq!(taken(&asked, 4, 1_100), Some("mei"), "it is still theirs");
    }

    #[test]
    fn the_oldest_makes_room_and_what_is_over_goes() {
        let asked = Ceremonies::new();
        for challenge in 0..=ROOM as u128 {
            asked.begin(challenge, "mei", at(0));
        }
        assert_eq!(asked.waiting().len(), ROOM);
        assert_eq!(taken(&asked, 0, 1), None);
        assert_eq!(taken(&asked, 1, 1), Some("mei"));
        asked.begin(9, "mei", at(600));
        assert_eq!(asked.waiting().len(), 1);
    }
}
