//! AWS Signature Version 4: verifying what callers signed, signing what leaves.
//!
//! ```text
//! Request ─► Claim (who says they signed, how) ─► verify(key) ─► Verified ─► payload check
//! ```
//! Nothing is believed of a request until [`verify`] gave its [`Verified`].

use crate::arn::Region;
use crate::emit::Emission;
use crate::request::Request;
use jiff::Timestamp;
use std::sync::Arc;

/// An access key id: 16 to 128 characters `[A-Za-z0-9_]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessKeyId(Box<str>);

/// A secret access key. Never shown, wiped when dropped.
#[derive(Clone)]
pub struct SecretKey(Arc<zeroize::Zeroizing<String>>);

/// `date/region/service/aws4_request`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CredentialScope {
    /// `20261125`.
    pub date: Box<str>,
    /// The signed region.
    pub region: Region,
    /// The signed service name, exact case.
    pub service: Box<str>,
}

/// Real credentials to sign with, session token included. Redacted, wiped.
#[derive(Debug, Clone)]
pub struct SigningCredentials {
    /// The access key id.
    pub key_id: AccessKeyId,
    /// The secret key.
    pub secret: SecretKey,
    /// The session token of temporary credentials.
    pub token: Option<SecretKey>,
}

/// What a request says about its own signature: taken out once, by one function.
#[derive(Debug, Clone)]
pub struct Claim {
    _todo: (),
}

/// Proof that the signature over the request's head (and a whole body) held.
#[derive(Debug, Clone)]
pub struct Verified {
    _todo: (),
}

impl AccessKeyId {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(redacted)")
    }
}

impl Claim {
    /// Takes the claim out of `request`: header or presigned form, exactly one.
    pub fn of(request: &Request) -> Result<Self, VerifyError> {
        let _ = request;
        todo!()
    }
    /// Who says they signed.
    #[must_use]
    pub fn key_id(&self) -> &AccessKeyId {
        todo!()
    }
    /// For where.
    #[must_use]
    pub fn scope(&self) -> &CredentialScope {
        todo!()
    }
}

/// Checks `claim` against `secret`.
pub fn verify(
    request: &Request,
    claim: Claim,
    secret: &SecretKey,
    now: Timestamp,
) -> Result<Verified, VerifyError> {
    let _ = (request, claim, secret, now);
    todo!()
}

/// Signs `emission` in place: adds `host`, `x-amz-date`, `x-amz-security-token`,
/// `x-amz-content-sha256` and `authorization`.
pub fn sign(
    emission: &mut Emission,
    credentials: &SigningCredentials,
    scope: &CredentialScope,
    now: Timestamp,
) {
    let _ = (emission, credentials, scope, now);
    todo!()
}

/// Why a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Placeholder until the variants are written.
    #[error("the request is not signed")]
    Missing,
}
