//! The demo: the seed story on a small cloud in this process.
//!
//! Nothing is staged. A `cordon-lab` answers as AWS would, Cordon serves as `cordon up` does, and
//! a scripted agent works with the real AWS CLI as `cordon run` would start it. What is shown
//! comes from what happened: the agent's own output, the lab's log, the store's record.

mod agent;
mod stage;
mod story;

pub(crate) use stage::play;
