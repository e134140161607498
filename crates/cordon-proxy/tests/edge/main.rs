//! The edge of the data plane as a whole process: real sockets on loopback, a real TLS client, the
//! SQLite store in a temporary folder, and `cordon-lab` as the cloud.
//!
//! What must not get through is tried first on every way in, and each story ends with a good call
//! that still works: a refusal of one connection is never an outage for the next.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a story stops at once when what it stands on is not there"
)]

mod harness;

mod authority;
mod hosts;
mod http1;
mod listener;
mod scenarios;
mod shutdown;

#[path = "../shared/mod.rs"]
mod shared;
