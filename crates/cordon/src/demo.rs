//! The demo: the seed story on a small cloud in this process.
//!
//! Nothing is staged. A `cordon-lab` answers as AWS would, Cordon serves as `cordon up` does, and
//! a scripted agent works as `cordon run` would start it, in a process of its own, with the real
//! AWS CLI or over the AWS SDK for Rust. What is shown comes from what happened: the agent's own
//! output, the lab's log and state, the store's record. What is claimed is compared with them,
//! and the demo fails where it does not hold.

mod act;
mod client;
mod page;
mod sdk;
mod stage;
mod story;
mod verdict;

pub(crate) use act::Act;
pub(crate) use client::ClientName;
pub(crate) use sdk::perform;
pub(crate) use stage::play;
