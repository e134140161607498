//! Passkeys: what is kept of a key pair by which a person signs in. The private half is in the
//! authenticator alone, so nothing here is a secret. What the bytes mean, the control plane knows.

use cordon_core::names::Person;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// A passkey of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// What its authenticator calls it.
    pub credential: Box<[u8]>,
    /// Whom it signs in.
    pub person: Person,
    /// What its authenticator knows that person as.
    pub handle: Box<[u8]>,
    /// The public half.
    pub key: Box<[u8]>,
    /// What its authenticator said last of itself.
    pub state: Box<[u8]>,
    /// How often it had signed by then; 0 where the authenticator does not count.
    pub counter: u32,
    /// What the person calls it.
    pub name: Box<str>,
    /// When it was added.
    pub added: Timestamp,
    /// When it signed its person in last.
    pub used: Option<Timestamp>,
    /// When it was taken back.
    pub revoked: Option<Timestamp>,
}

/// A passkey proved who its person is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyUse {
    /// What its authenticator calls it.
    pub credential: Box<[u8]>,
    /// What its authenticator says of itself now.
    pub state: Box<[u8]>,
    /// How often it has signed by now.
    pub counter: u32,
    /// When: now.
    pub at: Timestamp,
}

impl Passkey {
    /// By what people speak of it.
    #[must_use]
    pub fn id(&self) -> String {
        id(&self.credential)
    }
}

/// The first digits of SHA-256, as with passes.
pub(crate) fn id(credential: &[u8]) -> String {
    let mut digits = hex::encode(Sha256::digest(credential));
    digits.truncate(12);
    digits
}
