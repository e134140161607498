//! The keys that Cordon gives to agents. They open nothing anywhere but here.

use crate::names::SessionId;
use cordon_aws::sigv4::{AccessKeyId, SecretKey};

/// How the access key ids begin that Cordon gives to agents, so that Cordon knows its own.
const BEGIN: [&str; 2] = ["AKIACRDN", "ASIACRDN"];

/// Letters and digits that cannot be mistaken for each other: ids are read aloud.
const READABLE: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Letters of a session's id, of its key's id and of its secret, five random bits each.
const LENGTHS: [usize; 3] = [10, 12, 40];

/// Letters made of `random`: five bits of each byte.
pub fn readable(random: &[u8]) -> impl Iterator<Item = char> {
    random.iter().filter_map(|byte| {
        let letter = READABLE.get(usize::from(byte % 32))?;
        Some(char::from(*letter))
    })
}

/// Whether an access key id is one that Cordon gives to agents. No identity of AWS is behind it: a
/// Cordon that found it in its environment, as one that an agent starts does, would call itself.
#[must_use]
pub fn is_placeholder(key_id: &str) -> bool {
    BEGIN.iter().any(|begin| key_id.starts_with(begin))
}

/// Whether an access key id is one that Cordon lends.
pub(crate) fn is_lent(key_id: &str) -> bool {
    key_id.starts_with(BEGIN[1])
}

/// Whom a key is given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceholderKind {
    /// The agent of a session that a person launched: like a key of a user.
    Launched,
    /// Whoever assumed a role through Cordon, or asked for a session of S3 Express: like a key of a session of STS.
    Lent,
}

/// The id of a new session and the key pair of its agent.
#[derive(Debug)]
pub struct Placeholder {
    /// The session's id.
    pub session: SessionId,
    /// The access key id.
    pub key_id: AccessKeyId,
    /// Its secret.
    pub secret: SecretKey,
}

impl Placeholder {
    /// How many random bytes one takes.
    pub const RANDOM: usize = LENGTHS[0] + LENGTHS[1] + LENGTHS[2];

    /// Made of `random`, which nobody may be able to guess.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "letters and digits are a session id and an access key id"
    )]
    pub fn of(kind: PlaceholderKind, random: &[u8; Self::RANDOM]) -> Self {
        let begin = match kind {
            PlaceholderKind::Launched => BEGIN[0],
            PlaceholderKind::Lent => BEGIN[1],
        };
        let mut letters = readable(random);
        let mut next = |length| letters.by_ref().take(length).collect::<String>();
        let [session, key_id, secret] = LENGTHS.map(&mut next);
        Self {
            session: format!("S-{session}").parse().expect("a session id"),
            key_id: format!("{begin}{key_id}").parse().expect("a key id"),
            secret: SecretKey::new(secret),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cordon_knows_its_own_keys() {
        for kind in [PlaceholderKind::Launched, PlaceholderKind::Lent] {
            let made = Placeholder::of(kind, &[7; Placeholder::RANDOM]);
            assert!(is_placeholder(made.key_id.as_str()), "{}", made.key_id);
            assert_eq!(made.key_id.as_str().len(), 20);
            assert_eq!(made.secret.expose().len(), 40);
        }
        assert!(!is_placeholder("ASIAEXAMPLEEXAMPLE12"));
    }
}
