//! A small, strict AWS in process: for the demo, for tests and for game days.
//!
//! Takes real requests on a loopback port; answers as AWS documents, from state that it keeps in
//! memory. It is an *independent judge* of what Cordon sends: it verifies signatures, reads bodies
//! and weighs policies with code of its own, and uses no part of the proxy but the ARN types.
//!
//! ```text
//! bytes ─► Head, Body ─► signature ─► operation ─► each access: session ∩ role policy ─► effect
//!             └───────────────────────────┬───────────────────────────────────────────────┘
//!                                        log
//! ```
//!
//! Where it is stricter than AWS: every `x-amz-*` header must be signed, duplicate parameters and
//! JSON members are refused, what a policy says that the lab does not understand never allows,
//! and unknown operations are errors. Where it is more lenient: changes take effect at once, so a
//! stack or an environment is ready when the call returns.
//!
//! Three paths belong to the lab itself and need no signature: `GET /_lab/log` (every request),
//! `GET /_lab/estate` (what there is), `POST /_lab/reset` (back to the beginning).

mod clock;
mod digest;
mod estate;
mod host;
mod identity;
mod intake;
mod json;
mod log;
mod policy;
mod reply;
mod request;
mod server;
mod service;
mod signature;
mod xml;

pub use clock::Clock;
pub use estate::{
    BASE_ACCESS_KEY_ID, BASE_SECRET_ACCESS_KEY, DEPLOY_ROLE, Estate, READ_ROLE, RoleSeed,
    SeedError, UserSeed,
};
pub use log::{BodyRecord, Entry, Signer, Verdict};
pub use server::{Lab, LabConfig, StartError};
