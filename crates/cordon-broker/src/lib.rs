//! The only holder of upstream credentials: a permit in, short-lived session credentials out.

use cordon_core::decide::Permit;
use cordon_core::session_policy::SessionPolicyError;
use cordon_core::sign::Minted;

/// Mints credentials for permitted calls. Holds the base identity, which signs nothing but
/// `AssumeRole`.
#[derive(Debug)]
pub struct Broker {}

/// Why there are no credentials for a permitted call.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The decision fits no session policy.
    #[error("the decision fits no session policy")]
    SessionPolicy(#[source] SessionPolicyError),
}

impl Broker {
    /// Credentials under a session policy for exactly the decision of `permit`.
    ///
    /// # Errors
    /// [`MintError`].
    pub async fn mint(&self, permit: &Permit) -> Result<Minted, MintError> {
        let _ = permit;
        todo!()
    }
}
