//! How much memory an identification holds at its height: what this binary allocates is counted.
//!
//! The count is the whole process's. The tests that look at it hold one lock, and so do those that hold
//! much, so that under a runner with several threads they do not count each other.

use super::Sent;
use cordon_aws::call::Call;
use cordon_aws::identify::IdentifyError;
use peak_alloc::PeakAlloc;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[global_allocator]
static COUNTED: PeakAlloc = PeakAlloc;

/// The most that one request may cost beyond the bytes of its own.
pub(crate) const MOST: usize = 64 << 20;

/// Held by tests that count or would be counted, for as long as they do.
pub(crate) fn counting() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Identifies a request, and holds it to [`MOST`].
pub(crate) fn identify(name: &str, sent: &Sent) -> Result<Call, IdentifyError> {
    let before = COUNTED.current_usage();
    COUNTED.reset_peak_usage();
    let outcome = sent.identify();
    let most = COUNTED.peak_usage().saturating_sub(before);
    assert!(most <= MOST, "{name}: {most} bytes at its height");
    outcome
}
