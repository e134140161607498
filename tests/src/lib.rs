//! The harness of the stories: starts clouds, Cordon and real clients, and keeps every byte that
//! went to the cloud.
//!
//! ```text
//! client ──▶ cordon up ──▶ recorder ──▶ moto or cordon-lab
//!    ▲            ▲            │
//!  `cordon env`  cordon.toml   └─▶ what a story asserts on
//! ```
//!
//! Everything is real but the cloud: the program is the built `cordon`, in its own process, and
//! the clients are the published ones. Nothing sleeps: a child is ready when it says so, and every
//! wait has a deadline that only a hang reaches.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a story stops at once when what it stands on is not there"
)]

pub mod agent;
pub mod amendments;
pub mod approvals;
pub mod batches;
pub mod cdk;
pub mod client;
pub mod cloud;
pub mod costs;
pub mod demo;
pub mod express;
pub mod lab;
pub mod outputs;
pub mod process;
pub mod profiles;
pub mod program;
pub mod recorder;
pub mod shop;
pub mod signer;
pub mod slow;
pub mod story;
#[cfg(unix)]
pub mod terminal;
pub mod terraform;
pub mod wire;

/// The account in which every story plays: the one of AWS's documentation.
pub const ACCOUNT: &str = "111122223333";

/// The region in which every story plays.
pub const REGION: &str = "eu-central-1";

/// The role that Cordon takes for agents' calls.
pub const AGENT_ROLE: &str = "cordon-agent";

/// A file that was written for the stories, below `tests/`.
#[must_use]
pub fn file(path: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The value of a variable that `cargo xtask test` sets.
///
/// # Panics
/// Says how to run the story when it is not set.
#[must_use]
pub fn tool(variable: &str) -> std::path::PathBuf {
    let value = std::env::var_os(variable);
    value
        .unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`"))
        .into()
}
