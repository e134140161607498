//! What a call leaves out of the whole that it puts in the place of another, asked with reads of Cordon's
//! own before the call is decided.
//!
//! The reads go down the line as a look's do, and so only where the task may make them. What is not told is
//! [`Omission::Unknown`], never "nothing is left out".

use super::look::{Allowance, is_out_of_scope};
use super::predict::read_all;
use crate::gather::Gathered;
use crate::line::Line;
use crate::live::Snapshot;
use crate::worker::WorkerId;
use cordon_core::guard::omission;
use cordon_core::identify::Identified;
use cordon_core::predict::{Asking, Omission};

/// Reads what is there, where some policy speaks of what is left out of it, and adds it to what was
/// gathered.
pub(super) async fn look(
    line: &Line,
    worker: WorkerId,
    identified: &Identified,
    snapshot: &Snapshot,
    gathered: &mut Gathered,
    time: &Allowance,
) {
    if !snapshot.policies.speaks_of(&omission::FACTS) {
        return;
    }
    let call = identified.call();
    let Some(mut asking) = Asking::of_omission(call, gathered.ledger()) else {
        return;
    };
    if is_out_of_scope(identified) {
        return;
    }
    read_all(
        line,
        worker,
        identified,
        snapshot,
        gathered,
        &mut asking,
        time,
    )
    .await;
    gathered.omission = asking.omission(call);
    if gathered.omission == Omission::Unknown {
        tracing::warn!(
            reference = %identified.reference(),
            operation = call.operation().name(),
            "what a call leaves out could not be read"
        );
    }
    gathered.readings = asking.into_readings();
}
