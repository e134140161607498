//! Predicting: what a call that does not go would change, for the people who read of it.
//!
//! Only for what waits for people and for what is previewed: an allowed call is not slowed down, and a
//! denied one makes Cordon ask nothing. The reads go down the line as a look's do, and EC2 is asked what it
//! says of the call. What they do not tell is unknown. What was read already for the decision
//! ([`super::omission`]) is not asked for again.

use super::look::{Ahead, Allowance, send};
use super::witness;
use crate::gather::Gathered;
use crate::line::Line;
use crate::live::Snapshot;
use crate::trace::chain;
use crate::worker::WorkerId;
use cordon_core::decide::Refused;
use cordon_core::identify::Identified;
use cordon_core::look::Read;
use cordon_core::predict::{Asking, Prediction, Reading};
use futures_util::future::BoxFuture;
use std::time::Duration;

/// How long the reads for one call may take together: its client waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a refused call would change; nothing where no rule knows its operation, and it has no dry run.
pub(super) async fn predict(
    line: &Line,
    worker: WorkerId,
    refused: &Refused,
    snapshot: &Snapshot,
    gathered: &Gathered,
) -> Option<Box<Prediction>> {
    let identified = refused.assessed().identified();
    let call = identified.call();
    let time = Allowance::begin(PATIENCE);
    let mut prediction = None;
    // What the decision rests on is what people see.
    if let Some(mut asking) = Asking::knowing(call, gathered.readings.clone()) {
        read_all(
            line,
            worker,
            identified,
            snapshot,
            gathered,
            &mut asking,
            &time,
        )
        .await;
        prediction = Some(asking.finish(call));
    }
    if let Some(witness) = witness::hear(line, worker, refused, snapshot, gathered, &time).await {
        prediction.get_or_insert_default().witness = Some(witness);
    }
    prediction.map(Box::new)
}

/// Makes the reads that are still to be made, those that rest on no other at once.
pub(super) async fn read_all(
    line: &Line,
    worker: WorkerId,
    identified: &Identified,
    snapshot: &Snapshot,
    gathered: &Gathered,
    asking: &mut Asking,
    time: &Allowance,
) {
    let call = identified.call();
    let mut ahead = Ahead::new();
    let sending = |read: Read| -> BoxFuture<'_, _> {
        Box::pin(async move {
            match time.left() {
                Err(_) => Reading::Failed,
                Ok(left) => {
                    reading(line, worker, identified, &read, snapshot, gathered, left).await
                }
            }
        })
    };
    loop {
        let due = asking.due(call);
        let Some(reading) = ahead.next(due, &sending).await else {
            return;
        };
        asking.learn(reading);
    }
}

/// What became of one read.
async fn reading(
    line: &Line,
    worker: WorkerId,
    identified: &Identified,
    read: &Read,
    snapshot: &Snapshot,
    gathered: &Gathered,
    patience: Duration,
) -> Reading {
    let now = line.clock.now();
    let Some(read) = identified.beside(read, line.references.next(now), now) else {
        return Reading::Failed;
    };
    let protocol = read.call().protocol();
    match send(line, worker, read, snapshot, gathered, patience).await {
        Ok(told) => {
            let (status, error_type) = (told.status.as_u16(), told.error_type.as_deref());
            Reading::of(protocol, status, error_type, &told.body, now)
        }
        Err(error) => {
            tracing::warn!(
                reference = %identified.reference(),
                error = %chain(&error),
                "how things stand could not be read"
            );
            Reading::Failed
        }
    }
}
