//! What people and machines carry: links, passes and the second half of a browser's pass. Takes
//! random bytes of the system; gives text that begins with what it is, so that scanners for leaked
//! secrets find it. Nothing here is kept: the store has SHA-256 of each.
//!
//! A browser's pass comes in two halves, one in a cookie and one that its page holds and sends in a
//! header. A cookie goes to every port of its host, so that the server of an agent's own making on
//! another port of this machine is sent it; the half in the page goes nowhere by itself.

use cordon_core::names::{CheckName, Person};
use cordon_store::{Pass, PassKind, SecretHash, SignInLink};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::fmt;

/// How the secret of a sign-in link begins.
pub const LINK: &str = "cordon_link_";
/// How the secret of a pass begins.
pub const PASS: &str = "cordon_pass_";
/// How the half of a browser's pass begins that its page holds.
pub const HALF: &str = "cordon_half_";

/// How the secret begins that binds a sign-in by a provider to the browser that began it.
pub(crate) const FLOW: &str = "cordon_flow_";

/// For how long a link can be used.
pub const LINK_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// For how long someone who signed in stays so.
pub const SIGNED_IN: SignedDuration = SignedDuration::from_hours(12);

/// Letters after the beginning: 260 bits.
const LENGTH: usize = 52;

/// The path of the page that a link leads to. The secret is in the fragment, which no client sends:
/// looking a link up, as chats do, uses nothing up.
const PAGE: &str = "/sign-in#";

/// A secret on its way to whom it is for.
#[derive(Clone)]
pub struct Secret(String);

/// The system gives no random bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandom;

impl Secret {
    /// A new one that begins with `kind`.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new(kind: &str) -> Result<Self, NoRandom> {
        let mut random = [0; LENGTH];
        getrandom::fill(&mut random).map_err(|_| NoRandom)?;
        let letters = cordon_core::session::readable(&random);
        Ok(Self(kind.chars().chain(letters).collect()))
    }

    /// The text, for whom it is for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the store keeps of it.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Whether `text` has the form of a secret that begins with `kind`.
pub(crate) fn is_one(kind: &str, text: &str) -> bool {
    text.strip_prefix(kind).is_some_and(|letters| {
        letters.len() == LENGTH && letters.bytes().all(|letter| letter.is_ascii_alphanumeric())
    })
}

/// What the store keeps of a browser's pass: neither half alone is good for anything.
pub(crate) fn of_halves(cookie: &str, page: &str) -> SecretHash {
    SecretHash::of(&format!("{cookie} {page}"))
}

/// A link that signs `person` in, and the row of the store for it.
///
/// # Errors
/// When the system gives no random bytes.
pub fn link(person: Person, now: Timestamp) -> Result<(Secret, SignInLink), NoRandom> {
    let secret = Secret::new(LINK)?;
    let link = SignInLink {
        secret: secret.hash(),
        person,
        made: now,
        expires: now.saturating_add(LINK_LIFETIME).unwrap_or(Timestamp::MAX),
        claim: None,
    };
    Ok((secret, link))
}

/// The address that a person opens, or gives to `cordon sign-in`.
#[must_use]
pub fn address(base: &str, secret: &Secret) -> String {
    format!("{}{PAGE}{}", base.trim_end_matches('/'), secret.expose())
}

/// Base address and secret of a sign-in address.
#[must_use]
pub fn of_address(address: &str) -> Option<(&str, &str)> {
    let (base, secret) = address.trim().split_once(PAGE)?;
    is_one(LINK, secret).then_some((base, secret))
}

/// A token for a machine that speaks for `person`, and reports `checks` where it is for that, and the row
/// of the store for it. Nobody signed in
/// for it, so nothing that needs a sign-in is done with it.
///
/// # Errors
/// When the system gives no random bytes.
pub fn machine(
    person: Person,
    kind: PassKind,
    checks: BTreeSet<CheckName>,
    now: Timestamp,
    lifetime: SignedDuration,
) -> Result<(Secret, Pass), NoRandom> {
    let secret = Secret::new(PASS)?;
    let pass = Pass {
        secret: secret.hash(),
        kind,
        checks,
        person,
        signed_in: now,
        expires: now.saturating_add(lifetime).unwrap_or(Timestamp::MAX),
        revoked: None,
        claim: None,
    };
    Ok((secret, pass))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_says_what_it_is_and_is_never_shown() {
        let (secret, row) = link("mei".parse().unwrap(), Timestamp::UNIX_EPOCH).unwrap();
        assert!(is_one(LINK, secret.expose()) && !is_one(PASS, secret.expose()));
        assert_eq!(row.secret, SecretHash::of(secret.expose()));
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        let other = Secret::new(LINK).unwrap();
        assert_ne!(other.expose(), secret.expose());
        let address = address("http://127.0.0.1:8801/", &secret);
        let found = of_address(&address).unwrap();
        assert_eq!(found, ("http://127.0.0.1:8801", secret.expose()));
        for wrong in [
            "",
            "http://x/sign-in#",
            "http://x/sign-in#cordon_link_abc",
            secret.expose(),
        ] {
            assert_eq!(of_address(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_half_stands_for_the_whole() {
        let whole = of_halves("a", "b");
        for other in [
            of_halves("b", "a"),
            of_halves("a", ""),
            of_halves("", "b"),
            SecretHash::of("ab"),
        ] {
            assert_ne!(whole, other);
        }
    }
}
