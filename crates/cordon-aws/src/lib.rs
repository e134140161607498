//! The wire: what an AWS request is.
//!
//! Takes bytes that claim to be an AWS request; gives a [`call::Call`], the one reading of those
//! bytes that identity, policy, approval, record and emission share. Also signs, verifies and
//! renders errors in a service's own shape. Everything here is a plain function over values: no
//! clock, no files, no sockets, no randomness, so that a decision can be replayed exactly.
//!
//! ```text
//! bytes ─► request::Request ─► sigv4 (claim, verify) ─► identify ─► call::Call ─► emit ─► bytes
//!                                                           ▲
//!                                                        catalog
//! ```

pub mod answer;
pub mod arn;
pub mod call;
pub mod catalog;
pub mod classify;
pub mod emit;
pub mod endpoint;
pub mod error_shape;
pub mod identify;
pub mod lend;
pub mod made;
mod parameter;
pub mod protocol;
pub mod request;
pub mod resource;
pub mod sigv4;
pub mod told;
pub mod value;
