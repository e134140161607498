//! Predicting: what a call that does not go would change, for the people who read of it.
//!
//! Only for what waits for people and for what is previewed: an allowed call is not slowed down, and a
//! denied one makes Cordon ask nothing. EC2 is asked what it says of the call as well. What is not told is
//! unknown. What was read already for the decision ([`super::omission`]) is not asked for again.

use super::eyes::{Eyes, Source};
use super::witness;
use crate::trace::chain;
use cordon_core::decide::Refused;
use cordon_core::predict::{Asking, Prediction, Reading};
use std::time::Duration;

/// How long the reads for one call may take together: its client waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What a `refused` call would change, which the eyes are on; nothing where no rule knows its operation, and
/// it has no dry run.
pub(super) async fn predict(eyes: &Eyes<'_>, refused: &Refused) -> Option<Box<Prediction>> {
    let call = eyes.identified.call();
    let mut prediction = None;
    // What the decision rests on is what people see.
    let readings = eyes.gathered.sights.readings.clone();
    if let Some(mut asking) = Asking::knowing(call, readings) {
        read_all(eyes, &mut asking).await;
        prediction = Some(asking.finish(call));
    }
    if let Some(witness) = witness::hear(eyes, refused).await {
        prediction.get_or_insert_default().witness = Some(witness);
    }
    prediction.map(Box::new)
}

/// Makes the reads that are still to be made, those that rest on no other at once.
pub(super) async fn read_all(eyes: &Eyes<'_>, asking: &mut Asking) {
    let call = eyes.identified.call();
    let mut asked = eyes.ask(Source::Known);
    while let Some(told) = asked.next(asking.due(call)).await {
        let reading = match told {
            Ok(told) => {
                let reading = told.reading();
                if matches!(reading, Reading::Answered(..)) {
                    asked.learned(told);
                }
                reading
            }
            Err(error) => {
                tracing::warn!(
                    reference = %eyes.identified.reference(),
                    error = %chain(&error),
                    "how things stand could not be read"
                );
                Reading::Failed
            }
        };
        asking.learn(reading);
    }
}
