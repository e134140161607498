//! Starting an agent: the environment that leads its tools through Cordon, and the process.
//!
//! Takes a session's placeholder keys and Cordon's addresses; gives the variables that the AWS
//! CLI, the SDKs, Terraform and CDK read, and runs a command under them. The variables are a
//! convenience for honest tools, not a fence: an agent that ignores them has no credentials.

mod environment;
mod launch;

pub use environment::{AgentAccess, AgentEnvironment, NODE_PROXY, Way};
pub use launch::{LaunchError, launch, launch_heard};
