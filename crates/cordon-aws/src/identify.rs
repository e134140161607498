//! From a request to a call: which operation, with which parameters, needing which actions on
//! which resources. Total and exclusive: for any request one call or one refusal with a code.

use crate::arn::{AccountId, Region};
use crate::call::Call;
use crate::catalog::Catalog;
use crate::request::Request;

/// What the request itself cannot tell.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The service name in the credential scope; `None` for an unsigned request.
    pub signing_name: Option<&'a str>,
    /// The region in the credential scope; `None` for unsigned and SigV4A requests.
    pub signing_region: Option<&'a Region>,
    /// The account whose resources the call acts on.
    pub account: Option<&'a AccountId>,
}

/// Reads `request` in the one way that the catalog admits.
///
/// # Errors
/// [`IdentifyError`] for everything that is unknown, ambiguous, duplicated or not understood.
pub fn identify(
    catalog: &'static Catalog,
    request: &Request,
    known: Known<'_>,
) -> Result<Call, IdentifyError> {
    let _ = (catalog, request, known);
    todo!()
}

/// Why a request has no single meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentifyError {
    /// Placeholder until the variants are written.
    #[error("unknown operation")]
    UnknownOperation,
}

impl IdentifyError {
    /// A stable code for machines: `unknown-operation`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "unknown-operation"
    }
}
