//! Stage 1: whose request it is. Takes [`Received`] and the live sessions; gives
//! [`Authenticated`], the proof that a session's placeholder key signed these bytes.

use crate::names::Reference;
use crate::session::{Session, Sessions};
use cordon_aws::request::Request;
use cordon_aws::sigv4::{Verified, VerifyError};
use jiff::Timestamp;
use std::sync::Arc;

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
    /// The verified signature, from which a payload reader is made.
    #[must_use]
    pub fn verified(&self) -> &Verified {
        &self.verified
    }
}

/// Checks the signature of `received` against the session whose key it names.
///
/// # Errors
/// [`AuthenticateError`]; an unknown key costs the same work as a known one.
pub fn authenticate(
    received: Received,
    sessions: &Sessions,
    now: Timestamp,
) -> Result<Authenticated, AuthenticateError> {
    let _ = (received, sessions, now);
    todo!()
}

/// Why nobody stands behind a request.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// No live session has this key.
    #[error("access key `{0}` belongs to no live session")]
    UnknownKey(String),
    /// The signature does not hold.
    #[error("the signature does not hold")]
    Signature(#[source] VerifyError),
}
