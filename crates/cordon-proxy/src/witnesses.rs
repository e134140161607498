//! Whether the upstream can be asked by a dry run.
//!
//! It can until it takes one for the call. Then nobody asks it any more, whatever session it is for,
//! until the process starts anew: all sessions go to the same upstream.

use std::sync::atomic::{AtomicBool, Ordering};

/// What is known of the upstream.
#[derive(Debug, Default)]
pub(crate) struct Witnesses(AtomicBool);

impl Witnesses {
    /// Whether it took a dry run for the call.
    pub(crate) fn are_deaf(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// It took a dry run for the call.
    pub(crate) fn go_deaf(&self) {
        self.0.store(true, Ordering::Release);
    }
}
