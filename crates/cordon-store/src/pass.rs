//! Passes: what a browser, a terminal or a machine carries to prove for whom it speaks, and the links
//! that people sign in with. The secrets themselves are never here: only their SHA-256 is kept, which
//! needs no salt because they are long and random.

use cordon_core::names::{CheckName, Person};
use cordon_core::people::Claim;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// SHA-256 of a secret, as hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretHash(Box<str>);

/// A link that signs a person in, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInLink {
    /// Of the secret in the link.
    pub secret: SecretHash,
    /// Whom it signs in.
    pub person: Person,
    /// When it was made; for one that a provider of identities asked for, when it says that the person
    /// proved who they are.
    pub made: Timestamp,
    /// Until when it can be used.
    pub expires: Timestamp,
    /// What a provider of identities told of the person. It takes the place of what was told before, also
    /// in passes of earlier sign-ins.
    pub claim: Option<Claim>,
}

/// What someone carries who signed in, or whom an administrator gave a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Of the secret that is carried.
    pub secret: SecretHash,
    /// What it is good for.
    pub kind: PassKind,
    /// The checks that it reports, where it is for that; it reports no other.
    pub checks: BTreeSet<CheckName>,
    /// For whom it speaks.
    pub person: Person,
    /// When that person proved who they are.
    pub signed_in: Timestamp,
    /// Until when it is taken.
    pub expires: Timestamp,
    /// When it was taken back.
    pub revoked: Option<Timestamp>,
    /// What a provider of identities told of the person, where that is who signed them in.
    pub claim: Option<Claim>,
}

/// A person of whom a provider of identities told something that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Who.
    pub person: Person,
    /// What.
    pub claim: Claim,
    /// Until when: the end of the last pass.
    pub until: Timestamp,
}

/// What a pass is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassKind {
    /// A browser that signed in: all that its person may do.
    Browser,
    /// A terminal that signed in: all that its person may do.
    Terminal,
    /// A machine that looks at what its person may look at, and changes nothing.
    Read,
    /// A machine that reports checks, looks at the holds that ask for these, and does nothing else.
    Check,
}

/// A pass that a sign-in makes: whom it is for, the link knows.
#[derive(Debug, Clone)]
pub struct NewPass {
    /// Of the secret that will be carried.
    pub secret: SecretHash,
    /// What it is good for.
    pub kind: PassKind,
    /// When its person signed in: now.
    pub signed_in: Timestamp,
    /// Until when it is taken.
    pub expires: Timestamp,
}

impl SecretHash {
    /// Of this secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(hex::encode(Sha256::digest(secret)).into())
    }

    /// As it was written before.
    pub(crate) fn from_written(text: &str) -> Self {
        Self(text.into())
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first digits, by which people speak of what has the secret.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl Pass {
    /// Whether it is taken at `now`.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && now < self.expires && self.signed_in <= now
    }
}

impl PassKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Browser, Self::Terminal, Self::Read, Self::Check];

    /// `browser`, `terminal`, `read`, `check`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Terminal => "terminal",
            Self::Read => "read",
            Self::Check => "check",
        }
    }

    /// The kind that [`PassKind::as_str`] gives `word` for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}
