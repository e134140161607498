//! References: what people and agents quote to speak of one call.

use cordon_core::names::Reference;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

/// Crockford's alphabet: no letter is taken for a digit when it is read out.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 60 bits: ten million calls share one reference with a chance of 1 to 20,000, and the store
/// refuses the second.
const LENGTH: u32 = 12;

/// Makes references that do not repeat within a process and hardly between processes.
#[derive(Debug, Default)]
pub(crate) struct References {
    key: RandomState,
    next: AtomicU64,
}

impl References {
    pub(crate) fn next(&self) -> Reference {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let bits = self.key.hash_one(number);
        let text: String = (0..LENGTH)
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
mod tests {
    use super::*;

    #[test]
    fn references_do_not_repeat() {
        let references = References::default();
        let made: std::collections::BTreeSet<String> =
            (0..10_000).map(|_| references.next().to_string()).collect();
        assert_eq!(made.len(), 10_000);
        assert!(made.iter().all(|text| text.len() == 12));
    }
}
