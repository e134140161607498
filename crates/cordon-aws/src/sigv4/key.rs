//! Keys: who signs, with what secret, and the keys that SigV4 derives from it.
//!
//! Takes an access key id and a secret; gives [`SigningKeys`], which derives the key of one day,
//! region and service once (four HMACs, about 2 us) and remembers it, for verifying what a
//! session signed and for signing with minted credentials alike.

use super::{CredentialScope, HmacSha256};
use hmac::{KeyInit, Mac};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// An access key id: 1 to 128 characters `[A-Za-z0-9_]`.
///
/// IAM's own ids have at least 16. Shorter ones are let through to the look-up, which does not
/// know them: "unknown key" helps the owner of a `testing` key more than "malformed" does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessKeyId(Box<str>);

impl AccessKeyId {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccessKeyId {
    type Err = AccessKeyIdError;

    fn from_str(text: &str) -> Result<Self, AccessKeyIdError> {
        let valid = (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        match valid {
            true => Ok(Self(text.into())),
            false => Err(AccessKeyIdError),
        }
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Text that is no access key id. It is not repeated here: people paste secrets in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an access key id: expected 1 to 128 letters, digits and `_`")]
pub struct AccessKeyIdError;

/// A secret access key or a session token. Never shown, wiped when the last copy is dropped.
#[derive(Clone)]
pub struct SecretKey(Arc<Zeroizing<String>>);

impl SecretKey {
    /// Takes `secret` over; the text is wiped when the last copy is dropped.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self(Arc::new(Zeroizing::new(secret)))
    }

    /// The secret itself, for the few who must write it: the agent's environment and the header
    /// `x-amz-security-token`.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Another secret that whoever has this one can make again, and from which this one cannot be
    /// had: a session token that need not be kept beside its key.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> Self {
        let keyed = keyed(self.expose().as_bytes()).chain_update(purpose);
        Self::new(hex::encode(keyed.finalize().into_bytes()))
    }

    /// Whether both are the same secret; takes the same time whatever the first difference is.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(redacted)")
    }
}

/// A session token, by who gives such out: the two travel under names of their own, and one is
/// never taken for the other.
#[derive(Debug, Clone)]
pub enum SessionToken {
    /// STS: `x-amz-security-token`.
    Sts(SecretKey),
    /// S3, for a directory bucket: `x-amz-s3session-token`.
    Express(SecretKey),
}

impl SessionToken {
    /// The token itself.
    #[must_use]
    pub fn secret(&self) -> &SecretKey {
        match self {
            Self::Sts(secret) | Self::Express(secret) => secret,
        }
    }

    /// Whether both are the same token of the same kind.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sts(one), Self::Sts(other)) | (Self::Express(one), Self::Express(other)) => {
                one.matches(other)
            }
            (Self::Sts(_), Self::Express(_)) | (Self::Express(_), Self::Sts(_)) => false,
        }
    }
}

/// How many derived keys are remembered for one secret. One agent works in a few regions and
/// services; Cost Explorer to S3 in two regions over midnight is a dozen.
const REMEMBERED: usize = 32;

/// A secret with the keys derived from it, shared by every request that it signs.
///
/// The remembered keys sit behind a `RwLock` that the hot path only reads: readers never wait
/// for each other, keys are derived outside of the lock, and a writer holds it only to put one
/// finished entry in place, a few times a day. `arc-swap` would save the reader's one atomic
/// increment, which is not measurable beside the hashing.
pub struct SigningKeys {
    secret: SecretKey,
    holder: Holder,
    remembered: RwLock<Vec<Remembered>>,
}

/// Whether anyone holds the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// The principal that the key id names.
    Known,
    /// Nobody: the work is done, the answer is always no.
    Nobody,
}

struct Remembered {
    scope: CredentialScope,
    key: DerivedKey,
}

impl SigningKeys {
    /// Keys derived from `secret`, none of them yet.
    #[must_use]
    pub fn new(secret: SecretKey) -> Self {
        Self::held_by(Holder::Known, secret)
    }

    /// Keys for a key id that nobody holds. [`super::verify`] does the same work with them as
    /// with real ones and then refuses, so that time does not tell which key ids exist. Make one
    /// and keep it, so that it remembers as real ones do.
    #[must_use]
    pub fn decoy() -> Self {
        Self::held_by(
            Holder::Nobody,
            SecretKey::new("nobody holds this key; verification with it never succeeds".into()),
        )
    }

    fn held_by(holder: Holder, secret: SecretKey) -> Self {
        Self {
            secret,
            holder,
            remembered: RwLock::new(Vec::new()),
        }
    }

    /// The secret that all keys come from.
    #[must_use]
    pub fn secret(&self) -> &SecretKey {
        &self.secret
    }

    pub(super) fn holder(&self) -> Holder {
        self.holder
    }

    /// The key for `scope`, remembered or derived now.
    pub(super) fn key(&self, scope: &CredentialScope) -> DerivedKey {
        self.find(scope).unwrap_or_else(|| {
            let key = DerivedKey::derive(&self.secret, scope);
            self.remember(scope, &key);
            key
        })
    }

    fn find(&self, scope: &CredentialScope) -> Option<DerivedKey> {
        // A poisoned lock cannot hold a half-written entry: `push` and `remove` are all there is.
        let remembered = self
            .remembered
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let found = remembered.iter().find(|entry| entry.scope == *scope)?;
        Some(found.key.clone())
    }

    fn remember(&self, scope: &CredentialScope, key: &DerivedKey) {
        let mut remembered = self
            .remembered
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED {
            remembered.remove(0);
        }
        remembered.push(Remembered {
            scope: scope.clone(),
            key: key.clone(),
        });
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKeys(redacted)")
    }
}

/// The key of one day, region and service, as a keyed HMAC state: the two blocks that every
/// HMAC spends on its key are spent once. Wiped when dropped.
#[derive(Clone)]
pub(super) struct DerivedKey(HmacSha256);

impl DerivedKey {
    pub(super) fn derive(secret: &SecretKey, scope: &CredentialScope) -> Self {
        let mut start = Zeroizing::new(Vec::with_capacity(4 + secret.expose().len()));
        start.extend_from_slice(b"AWS4");
        start.extend_from_slice(secret.expose().as_bytes());
        let day = keyed(&start).chain_update(scope.day.as_str());
        let region = next(day).chain_update(scope.region.as_str());
        let service = next(region).chain_update(scope.service.as_bytes());
        Self(next(next(service).chain_update("aws4_request")))
    }

    /// The signature of `text`.
    pub(super) fn sign(&self, text: &[u8]) -> [u8; 32] {
        self.0
            .clone()
            .chain_update(text)
            .finalize()
            .into_bytes()
            .into()
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKey(redacted)")
    }
}

/// The HMAC whose key is the result of `previous`.
fn next(previous: HmacSha256) -> HmacSha256 {
    let mut key: Zeroizing<[u8; 32]> = Zeroizing::new([0; 32]);
    key.copy_from_slice(&previous.finalize().into_bytes());
    keyed(key.as_slice())
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn keyed(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("a key of any length")
}

/// Credentials to sign with, session token included, and the keys derived from them. Clones
/// share the derived keys, so keep one for as long as the credentials live.
#[derive(Debug, Clone)]
pub struct SigningCredentials {
    key_id: AccessKeyId,
    keys: Arc<SigningKeys>,
    token: Option<SecretKey>,
}

impl SigningCredentials {
    /// Credentials as STS hands them out; `token` is [`None`] only for long-lived keys.
    #[must_use]
    pub fn new(key_id: AccessKeyId, secret: SecretKey, token: Option<SecretKey>) -> Self {
        Self {
            key_id,
            keys: Arc::new(SigningKeys::new(secret)),
            token,
        }
    }

    /// The access key id.
    #[must_use]
    pub fn key_id(&self) -> &AccessKeyId {
        &self.key_id
    }

    /// The secret with the keys derived from it.
    #[must_use]
    pub fn keys(&self) -> &SigningKeys {
        &self.keys
    }

    /// The session token of temporary credentials.
    #[must_use]
    pub fn token(&self) -> Option<&SecretKey> {
        self.token.as_ref()
    }
}
