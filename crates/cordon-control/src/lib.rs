//! The control plane: where people look at what waits for them, decide, stop tasks and change the
//! posture.
//!
//! ```text
//! connection ─► gate ─► visitor ─► api ─► answer
//!               host, origin,      what Cedar allows this person, on the store
//!               no agent           that the data plane reads
//! ```
//! It has a listener of its own, which agents are not given, and knows the data plane only through
//! the store. [`gate`] looks at every request before anything else does; [`secret`] makes what people
//! carry; [`oidc`] lets a provider of identities say who they are, [`passkey`] an authenticator; [`channel`] tells them that something waits; [`api`] has one file for each thing that can be looked at or changed; [`client`] is how the
//! command line speaks to it.

pub mod api;
pub mod channel;
pub mod client;
pub mod exchange;
mod failure;
mod gate;
pub mod oidc;
mod page;
mod passkey;
mod plane;
pub mod secret;
mod server;
mod visitor;

pub use failure::ApiError;
pub use plane::{Origin, OriginError, Parts, PutInForce};
pub use server::{ControlConfig, Running, StartError, start};
