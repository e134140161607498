//! Stage 1: whose request it is. Takes [`Received`] and the live sessions; gives
//! [`Authenticated`], the proof that a session's placeholder key signed these bytes.

use crate::names::Reference;
use crate::session::{Session, Sessions, is_lent};
use cordon_aws::request::Request;
use cordon_aws::sigv4::{
    Claim, ClaimError, DEFAULT_SKEW, SessionToken, SigningKeys, Verified, VerifyError, verify,
};
use jiff::Timestamp;
use std::sync::{Arc, LazyLock};

/// A framed request with its reference. The proxy makes one for each request.
#[derive(Debug)]
pub struct Received {
    /// What came.
    pub request: Request,
    /// What people will quote.
    pub reference: Reference,
    /// By which way.
    pub ingress: Ingress,
    /// When its head was complete.
    pub arrived: Timestamp,
}

/// The ways in. The same rules hold on each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ingress {
    /// CONNECT, TLS ended here.
    Connect,
    /// Plain forward proxy, absolute-form target.
    Forward,
    /// `AWS_ENDPOINT_URL`.
    Endpoint,
    /// `cordon decide` and `classify`, MCP.
    Offline,
    /// Cordon itself, to see what a call would do.
    Own,
    /// Cordon itself, to ask EC2 whether it would make a call.
    DryRun,
}

impl Ingress {
    /// Every way in.
    pub const ALL: [Self; 6] = [
        Self::Connect,
        Self::Forward,
        Self::Endpoint,
        Self::Offline,
        Self::Own,
        Self::DryRun,
    ];

    /// `connect`, `forward`, `endpoint`, `offline`, `own`, `dry-run`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Forward => "forward",
            Self::Endpoint => "endpoint",
            Self::Offline => "offline",
            Self::Own => "own",
            Self::DryRun => "dry-run",
        }
    }
}

/// A request whose signature held. Only [`authenticate`] makes one.
#[derive(Debug)]
pub struct Authenticated {
    pub(crate) received: Received,
    pub(crate) session: Arc<Session>,
    pub(crate) verified: Verified,
}

impl Authenticated {
    /// The session that signed.
    #[must_use]
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }
    /// The verified signature. Two requests with the same one are one request, sent twice.
    #[must_use]
    pub fn verified(&self) -> &Verified {
        &self.verified
    }
    /// What people quote.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.received.reference
    }
    /// The request that was signed.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.received.request
    }
}

/// The same work for a key that nobody holds, so that time does not tell which keys exist.
static NOBODY: LazyLock<SigningKeys> = LazyLock::new(SigningKeys::decoy);

/// Checks the signature of `received` against the session whose key it names. The request is
/// handed back beside an error, because a refusal must be shaped and recorded.
///
/// # Errors
/// [`AuthenticateError`]; an unknown key costs the same work as a known one.
pub fn authenticate(
    received: Received,
    sessions: &Sessions,
    now: Timestamp,
) -> Result<Authenticated, (Box<Received>, AuthenticateError)> {
    match prove(&received.request, sessions, now) {
        Ok((session, verified)) => Ok(Authenticated {
            received,
            session,
            verified,
        }),
        Err(error) => Err((Box::new(received), error)),
    }
}

fn prove(
    request: &Request,
    sessions: &Sessions,
    now: Timestamp,
) -> Result<(Arc<Session>, Verified), AuthenticateError> {
    let claim = Claim::of(request).map_err(AuthenticateError::Claim)?;
    let session = sessions.find(claim.key_id());
    let keys = session.map_or(&*NOBODY, |session| &session.keys);
    let token = claim.token().cloned();
    let was_lent = is_lent(claim.key_id().as_str());
    let verified = verify(request, claim, keys, now, DEFAULT_SKEW);
    if session.is_none() && was_lent {
        return Err(AuthenticateError::Ended);
    }
    if !is_token_of(session, token.as_ref()) {
        return Err(AuthenticateError::Token);
    }
    let verified = verified?;
    match session {
        Some(session) if session.is_over(now) => Err(AuthenticateError::Ended),
        Some(session) => Ok((Arc::clone(session), verified)),
        None => Err(AuthenticateError::Signature(VerifyError::UnknownKey)),
    }
}

/// Whether a session token is the one that belongs to the key: none to that of a launched session
/// and to one that nobody holds, its own to that of a child, in the place for its kind.
fn is_token_of(session: Option<&Arc<Session>>, token: Option<&SessionToken>) -> bool {
    match (session.and_then(|session| session.token()), token) {
        (None, None) => true,
        (Some(own), Some(token)) => own.matches(token),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Why nobody stands behind a request. Always the client's to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticateError {
    /// It makes no claim that could be checked.
    #[error("the request has no signature that could be checked")]
    Claim(#[source] ClaimError),
    /// It carries the session token of other credentials, or none where the key comes with one.
    #[error("the session token is not the one that belongs to the key")]
    Token,
    /// The child session that its key belongs to has ended: it is over, or not served any more.
    #[error("the session that the key was lent for has ended")]
    Ended,
    /// The signature does not hold.
    #[error("the signature does not hold")]
    Signature(#[from] VerifyError),
}

impl AuthenticateError {
    /// A stable code for machines and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Claim(error) if error.is_missing() => "unsigned",
            Self::Claim(_) => "malformed-signature",
            Self::Token => "foreign-token",
            Self::Ended => "session-ended",
            Self::Signature(VerifyError::UnknownKey) => "unknown-key",
            Self::Signature(
                VerifyError::TooOld | VerifyError::FromTheFuture | VerifyError::Expired,
            ) => "clock",
            Self::Signature(VerifyError::Payload(_)) => "body-mismatch",
            Self::Signature(VerifyError::Signature | VerifyError::Query(_)) => "bad-signature",
        }
    }
}
