//! Stage 2: what the request does. Takes [`Authenticated`]; gives [`Identified`], the call.

use crate::authenticate::{Authenticated, Ingress, Received};
use crate::look::Read;
use crate::names::Reference;
use crate::session::{Session, Sessions};
use cordon_aws::call::{Call, Class};
use cordon_aws::catalog::Catalog;
use cordon_aws::identify::{IdentifyError, Known};
use cordon_aws::request::Body;
use cordon_aws::sigv4::Verified;
use jiff::Timestamp;
use std::sync::Arc;

/// A request that is one known call. Only [`identify`] makes one.
#[derive(Debug)]
pub struct Identified {
    pub(crate) call: Call,
    /// The call as it came, where more was seen of it since.
    pub(crate) asked: Option<Call>,
    pub(crate) session: Arc<Session>,
    pub(crate) reference: Reference,
    pub(crate) ingress: Ingress,
    pub(crate) arrived: Timestamp,
    pub(crate) origin: Origin,
}

/// Where an identified call comes from, and so whether it can leave.
#[derive(Debug)]
pub(crate) enum Origin {
    /// An agent, with the proof that its session signed.
    Signed(Box<Verified>),
    /// Cordon itself: a read, to see what a call of the session would do.
    Own,
    /// Cordon itself: a question to EC2, which must leave as a dry run or not at all.
    Witness,
    /// Nobody: it is judged only, and never leaves.
    Judged,
}

impl Identified {
    /// The call.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }
    /// Whose it is.
    #[must_use]
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }
    /// What people quote.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The same request, to be decided again after it waited: for its session as it is among
    /// `sessions` now, under a reference of its own. Nothing where the session is over.
    #[must_use]
    pub fn renewed(self, sessions: &Sessions, reference: Reference) -> Option<Self> {
        let session = sessions.find(&self.session.key_id)?;
        (session.id == self.session.id).then(|| Self {
            session: Arc::clone(session),
            reference,
            ..self
        })
    }

    /// A read of Cordon's own for the session of this call, to be decided as one of the agent's;
    /// nothing where it is no read of configuration.
    #[must_use]
    pub fn beside(
        &self,
        read: &Read,
        catalog: &'static Catalog,
        reference: Reference,
        now: Timestamp,
    ) -> Option<Self> {
        let parameters = read.parameters.clone();
        let call = match read.service {
            None => self.call.beside(read.operation, parameters)?,
            Some(service) => {
                let operation = catalog.service(service)?.operation(read.operation)?;
                self.call.elsewhere(operation, parameters)?
            }
        };
        (call.class() == Class::Observe).then(|| Self {
            call,
            asked: None,
            session: Arc::clone(&self.session),
            reference,
            ingress: Ingress::Own,
            arrived: now,
            origin: Origin::Own,
        })
    }
}

/// A request without a single meaning, with what a refusal and a record need.
#[derive(Debug)]
pub struct Unidentified {
    /// What came.
    pub received: Box<Received>,
    /// Whose it is.
    pub session: Arc<Session>,
    /// Why it has no meaning.
    pub error: IdentifyError,
}

/// Names the call.
///
/// # Errors
/// [`Unidentified`]: unknown or ambiguous is a refusal, never "nothing found, so fine".
pub fn identify(
    authenticated: Authenticated,
    catalog: &'static Catalog,
) -> Result<Identified, Unidentified> {
    let Authenticated {
        mut received,
        session,
        verified,
    } = authenticated;
    // What was proven is what is read: content, without the framing of chunked uploads.
    if let Some(content) = verified.whole_body() {
        received.request.body = Body::Whole(content.clone());
    }
    let scope = verified.scope();
    let known = Known {
        signing_name: Some(&scope.service),
        signing_region: Some(&scope.region),
        account: Some(&session.account),
    };
    match cordon_aws::identify::identify(catalog, &received.request, known) {
        Ok(call) => Ok(Identified {
            call,
            asked: None,
            session,
            reference: received.reference,
            ingress: received.ingress,
            arrived: received.arrived,
            origin: Origin::Signed(Box::new(verified)),
        }),
        Err(error) => Err(Unidentified {
            received: Box::new(received),
            session,
            error,
        }),
    }
}
