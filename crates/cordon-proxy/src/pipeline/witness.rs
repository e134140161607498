//! Witnesses: EC2 is asked whether it would make a call that does not go, by a dry run of it.
//!
//! The question goes down the line as a read of Cordon's own: decided by the same task and policies,
//! recorded, minted for, signed. What keeps the call itself from leaving is in
//! [`cordon_core::witness`]. An upstream that takes a question for the call is not asked again.

use super::eyes::{Eyes, told};
use crate::trace::chain;
use cordon_aws::call::Protocol;
use cordon_core::assess::assess;
use cordon_core::decide::Refused;
use cordon_core::witness::{Heard, Witness, question};

/// What an agent's sponsor reads of an upstream that cannot be asked.
const MADE: &str = "the upstream did not see that it was asked, and may have made the call";
const DEAF: &str = "the upstream takes a dry run for the call, so it is not asked";

/// What EC2 says of a call that does not go; nothing where it cannot be asked.
pub(super) async fn hear(eyes: &Eyes<'_>, refused: &Refused) -> Option<Witness> {
    let line = eyes.line;
    let now = line.clock.now();
    let question = question(refused, line.references.next(now), now)?;
    let (reference, operation) = (
        question.reference().clone(),
        question.call().operation().name(),
    );
    if line.witnesses.are_deaf() {
        return Some(Witness::unheard(DEAF, now));
    }
    let unheard = |error| {
        tracing::warn!(%reference, operation, error = %chain(&error), "EC2 could not be asked");
        Witness::unheard("EC2 could not be asked, or did not answer in time", now)
    };
    let Ok(left) = eyes.allowance.left() else {
        return Some(Witness::unheard(
            "the reads took all the time there was",
            now,
        ));
    };
    // It is the call itself, and so what was seen of that is known of it.
    let question = assess(question, &eyes.gathered.knowledge_of_call(eyes.snapshot));
    let answered = match eyes.send(eyes.decide(question), left).await {
        Ok(answered) => answered,
        Err(error) => return Some(unheard(error)),
    };
    let status = answered.status.as_u16();
    // By the status alone: a body that never ends must not hide that the call was made.
    if Heard::of(status, b"", now) == Heard::Made {
        line.witnesses.go_deaf();
        tracing::error!(
            %reference,
            operation,
            status,
            session = %refused.assessed().session().id,
            "the upstream answered a dry run as if it were the call: it may have been made. Look at \
             what it is about, and report it; nothing is asked by a dry run any more"
        );
        return Some(Witness::unheard(MADE, now));
    }
    Some(match told(answered, Protocol::Ec2, now, left).await {
        Ok(told) => match Heard::of(status, &told.body, now) {
            Heard::Told(witness) => witness,
            Heard::Made => Witness::unheard(MADE, now),
        },
        Err(error) => unheard(error),
    })
}
