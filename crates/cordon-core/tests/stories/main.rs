//! The decision crate from outside: the baseline bundle, stories of whole requests, and the
//! stages one after the other.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "tests: they stop at once, read the bundle from the disk and print what they measure"
)]

mod baseline;
mod calls;
mod checks;
mod express;
mod golden;
mod harness;
mod line;
mod loans;
mod looks;
mod scenarios;
