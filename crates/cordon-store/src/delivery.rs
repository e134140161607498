//! Deliveries: what channels were told of a hold, as far as they took it.

use cordon_core::names::HoldId;
use jiff::Timestamp;

/// The attempts to tell one channel how one hold stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Of which hold.
    pub hold: HoldId,
    /// To which channel.
    pub channel: Box<str>,
    /// How it stood.
    pub state: Box<str>,
    /// How many there were.
    pub attempts: u32,
    /// When the last one was.
    pub at: Timestamp,
    /// Why it did not arrive; nothing where it did.
    pub error: Option<Box<str>>,
}
