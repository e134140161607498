//! The decision: whether an identified AWS call may go.
//!
//! Takes a request, the live sessions, what is known of the world, and the policies; gives a
//! [`decide::Decision`] that carries the call with it. Everything is a plain function over
//! values; time is an argument. The stages hand over values that only they can make:
//!
//! ```text
//! authenticate ─► Authenticated ─► identify ─► Identified ─► assess ─► Assessed
//!     ─► decide ─► Allow(Permit) | Hold | Preview | Deny ─► sign (uses the Permit up) ─► Outbound
//! ```

pub mod action;
pub mod asked_policy;
pub mod assess;
pub mod authenticate;
mod cedar;
pub mod control;
pub mod decide;
pub mod digest;
pub mod document;
pub mod environment;
pub mod fact;
pub mod fault;
pub mod glob;
pub mod guard;
pub mod hold;
pub mod identify;
pub mod inert;
pub mod judge;
pub mod ledger;
pub mod loan;
pub mod look;
pub mod names;
pub mod people;
pub mod plan;
pub mod policy;
pub mod posture;
pub mod predict;
pub mod record;
pub mod refusal;
pub mod session;
pub mod session_policy;
pub mod sign;
pub mod tags;
pub mod task;
pub mod witness;

#[cfg(test)]
mod testing;
