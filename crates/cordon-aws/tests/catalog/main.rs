//! What the catalog says: counts, hosts, and the accesses of calls that people know.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod accesses;
mod classes;
mod effects;
mod harness;
mod hosts;
mod known;
