//! References: what people and agents quote to speak of one call.
//!
//! A reference is the second that it was made in and a number that this process counts up, of
//! thirty bits each, written in Crockford's letters. Calls that are close in time have references
//! that are close in order, so that the store finds room for a new one where it put the last: an
//! index by random names would be written page by page for every call.

use cordon_core::names::Reference;
use jiff::Timestamp;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, Ordering};

/// Crockford's alphabet: no letter is taken for a digit when it is read out.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Letters of five bits each.
const LENGTH: u32 = 12;
/// Bits of each half.
const HALF: u32 = 30;
const MASK: u64 = (1 << HALF) - 1;
/// Odd, and so one to one within thirty bits: it spreads the count over them, so that two calls
/// of one second are told apart at a glance.
const SPREAD: u64 = 0x2545_F491;

/// Makes references that do not repeat within a process, and hardly between processes: two that
/// make a thousand in the same second share one with a chance of 1 to 500,000, and the store
/// refuses the second.
#[derive(Debug)]
pub(crate) struct References {
    next: AtomicU32,
}

impl Default for References {
    /// Begins anywhere.
    fn default() -> Self {
        let anywhere = RandomState::new().hash_one(()) & MASK;
        Self {
            next: AtomicU32::new(u32::try_from(anywhere).unwrap_or_default()),
        }
    }
}

impl References {
    /// The next one, made at `now`.
    pub(crate) fn next(&self, now: Timestamp) -> Reference {
        let count = u64::from(self.next.fetch_add(1, Ordering::Relaxed));
        // In 2038 and 2072 the seconds begin at nothing again, which costs their order once.
        let seconds = now.as_second().unsigned_abs() & MASK;
        let bits = seconds << HALF | count.wrapping_mul(SPREAD) & MASK;
        let text: String = (0..LENGTH)
            .rev()
            .map(|at| {
                let index = usize::try_from(bits >> (5 * at) & 31).unwrap_or_default();
                char::from(ALPHABET.get(index).copied().unwrap_or(b'0'))
            })
            .collect();
        #[expect(
            clippy::expect_used,
            reason = "twelve letters and digits are a reference"
        )]
        text.parse().expect("a reference")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn references_do_not_repeat() {
        let references = References::default();
        let made: BTreeSet<String> = (0..100_000)
            .map(|_| references.next(at(1_800_000_000)).to_string())
            .collect();
        assert_eq!(made.len(), 100_000);
        assert!(made.iter().all(|text| text.len() == 12));
    }

    #[test]
    fn what_comes_later_is_ordered_later() {
        let references = References::default();
        let made: Vec<String> = (1_800_000_000..1_800_001_000)
            .map(|second| references.next(at(second)).to_string())
            .collect();
        assert!(made.is_sorted());
    }

    #[test]
    fn processes_do_not_begin_at_the_same_number() {
        let made: BTreeSet<String> = (0..100)
            .map(|_| References::default().next(at(1_800_000_000)).to_string())
            .collect();
        assert!(made.len() > 90);
    }
}
