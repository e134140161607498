//! The control plane over its own socket, on a real store: first what must never happen, then what
//! must.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod amendments;
mod authenticator;
mod batches;
mod channels;
mod checks;
mod doors;
mod harness;
mod holds;
mod incidents;
mod mail;
mod oidc;
mod passkeys;
mod posture;
mod reading;
