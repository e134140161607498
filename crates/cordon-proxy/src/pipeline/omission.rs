//! What a call leaves out of the whole that it puts in the place of another, asked with reads of Cordon's
//! own before the call is decided.
//!
//! They are made only where the task may make them. What is not told is [`Omission::Unknown`], never "nothing
//! is left out".

use super::eyes::Eyes;
use super::predict::read_all;
use crate::gather::Sights;
use cordon_core::guard::omission;
use cordon_core::predict::{Asking, Omission};

/// Reads what is there, where some policy speaks of what is left out of it, and adds it to what was seen.
pub(super) async fn look(eyes: &Eyes<'_>, sights: &mut Sights) {
    if !eyes.snapshot.policies.speaks_of(&omission::FACTS) {
        return;
    }
    let call = eyes.identified.call();
    let Some(mut asking) = Asking::of_omission(call, eyes.gathered.ledger()) else {
        return;
    };
    if eyes.is_out_of_scope() {
        return;
    }
    read_all(eyes, &mut asking).await;
    sights.omission = asking.omission(call);
    if sights.omission == Omission::Unknown {
        tracing::warn!(
            reference = %eyes.identified.reference(),
            operation = call.operation().name(),
            "what a call leaves out could not be read"
        );
    }
    sights.readings = asking.into_readings();
}
