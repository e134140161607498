//! Stage 2: what the request does. Takes [`Authenticated`]; gives [`Identified`], the call.

use crate::authenticate::{Authenticated, Ingress};
use crate::names::Reference;
use crate::session::Session;
use cordon_aws::call::Call;
use cordon_aws::catalog::Catalog;
use cordon_aws::identify::IdentifyError;
use jiff::Timestamp;
use std::sync::Arc;

/// A request that is one known call. Only [`identify`] makes one.
#[derive(Debug)]
pub struct Identified {
    pub(crate) call: Call,
    pub(crate) session: Arc<Session>,
    pub(crate) reference: Reference,
    pub(crate) ingress: Ingress,
    pub(crate) arrived: Timestamp,
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
}

/// Names the call.
///
/// # Errors
/// [`IdentifyError`]: unknown or ambiguous is a refusal, never "nothing found, so fine".
pub fn identify(
    authenticated: Authenticated,
    catalog: &'static Catalog,
) -> Result<Identified, IdentifyError> {
    let _ = (authenticated, catalog);
    todo!()
}
