//! Stories of the lab, through real bytes on a socket.
//!
//! One binary, so that the lab is linked once: each module tells the stories of one part.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod client;
mod record;
mod services;
mod sessions;
mod signatures;
mod stacks;
mod storage;
