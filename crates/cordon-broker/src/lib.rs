//! The only holder of upstream credentials: a permit in, short-lived session credentials out.
//!
//! Takes the base identity from the default chain of the AWS SDK and a table of roles; gives, for
//! each permitted call, credentials of the role under a session policy for exactly the decision.
//! The base identity signs `sts:AssumeRole` and nothing else: no function here gives it out.
//!
//! ```text
//! Permit ─► session policy ─► cache (one mint for many waiting calls) ─► STS ─► Minted
//! ```
//! For the session of a role that an agent assumed there are more steps: as the configured role the
//! next one is assumed, under a session policy for that and nothing else, and so on to the last.

mod base;
mod error;
mod mint;
mod roles;
mod way;

pub use base::BaseIdentity;
pub use error::MintError;
pub use mint::{Broker, BrokerConfig, StsDeadlines};
pub use roles::{Role, Roles};
