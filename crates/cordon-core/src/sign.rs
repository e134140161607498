//! Stage 7: the request that leaves. Takes minted credentials and the [`Permit`], which is used
//! up; gives [`Outbound`].

use crate::decide::Permit;
use cordon_aws::emit::{Emission, HostStyle};
use cordon_aws::sigv4::SigningCredentials;
use jiff::Timestamp;

/// Session credentials for one decision. Only the broker makes one; the agent never sees it.
#[derive(Debug, Clone)]
pub struct Minted {
    /// What to sign with.
    pub credentials: SigningCredentials,
    /// When they end.
    pub expires: Timestamp,
}

/// A signed request. Only [`sign`] makes one.
#[derive(Debug)]
pub struct Outbound {
    pub(crate) emission: Emission,
}

/// Writes and signs the request.
#[must_use]
pub fn sign(
    minted: &Minted,
    permit: Permit,
    style: HostStyle,
    authority: &str,
    now: Timestamp,
) -> Outbound {
    let _ = (minted, permit, style, authority, now);
    todo!()
}
