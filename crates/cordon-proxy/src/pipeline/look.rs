//! Looking: what a call would do that only AWS can tell, asked before it is decided.
//!
//! Takes a call that needs a look; gives what was seen of it. A look that fails is the fact `unverified`, and
//! the call stays as severe as its parameters make it.

use super::eyes::{Eyes, Source, Unseen};
use crate::gather::Sights;
use crate::trace::chain;
use cordon_core::look::Look;

/// Looks into a call that needs it, and adds to what was seen.
pub(super) async fn look(eyes: &Eyes<'_>, sights: &mut Sights) {
    let call = eyes.identified.call();
    let Some(mut look) = Look::of(call) else {
        return;
    };
    if eyes.is_out_of_scope() {
        return;
    }
    match see(eyes, &mut look).await {
        Ok(()) => sights.seen = Some(look.finish()),
        Err(error) => {
            tracing::warn!(
                reference = %eyes.identified.reference(),
                operation = call.operation().name(),
                error = %chain(&error),
                "what a call would do could not be looked at"
            );
            sights.is_unverified = true;
            sights.seen = look.give_up();
        }
    }
}

async fn see(eyes: &Eyes<'_>, look: &mut Look) -> Result<(), Unseen> {
    let (call, ledger) = (eyes.identified.call(), eyes.gathered.ledger());
    let mut asked = eyes.ask(match look.is_of_the_moment() {
        true => Source::Upstream,
        false => Source::Known,
    });
    while let Some(told) = asked.next(look.due().cloned().collect()).await {
        let told = told?;
        look.learn(call, &told.answer()?, ledger)?;
        asked.learned(told);
    }
    Ok(())
}
