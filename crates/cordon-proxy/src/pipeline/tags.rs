//! Tags: what is written on the targets of a change, asked with reads of Cordon's own.
//!
//! They are read only where the task may read them. What is not told is [`Tags::Unknown`], never "no tags".

use super::eyes::{Eyes, Source, Unseen};
use crate::gather::Sights;
use crate::trace::chain;
use cordon_core::guard::managed;
use cordon_core::identify::Identified;
use cordon_core::tags::{ACTION, Asking, TagSet, Tags};
use std::collections::BTreeMap;

/// Reads the tags on which the decision rests, where some policy speaks of what they tell, and adds
/// them to what was seen.
pub(super) async fn look(eyes: &Eyes<'_>, sights: &mut Sights) {
    if !eyes.snapshot.policies.speaks_of(&managed::FACTS) {
        return;
    }
    let (call, ledger) = (eyes.identified.call(), eyes.gathered.ledger());
    let Some(asking) = Asking::of_managed(call, sights.seen.as_ref(), ledger) else {
        return;
    };
    if eyes.is_out_of_scope() {
        return;
    }
    let (place, now) = (place(eyes.identified), eyes.line.clock.now());
    let tagged = &eyes.line.tagged;
    let known = tagged.of(&place, asking.wanted(), now);
    sights.tags = read(eyes, asking.knowing(known.clone())).await;
    if let Tags::Known(told) = &sights.tags {
        // What was kept before grows no younger by being used.
        let mut told = told.clone();
        told.retain(|arn, _| !known.contains_key(arn));
        tagged.keep(&place, told, now);
    }
}

/// Where tags are asked for: an ARN need not have the account.
fn place(identified: &Identified) -> String {
    let account = identified.call().account();
    let account = account.map_or("", |account| account.as_str());
    format!("{account} {}", identified.call().region())
}

/// The tags of a call's targets as they are now, for people to decide on.
pub(super) async fn now(eyes: &Eyes<'_>) -> Tags {
    match Asking::of(eyes.identified.call(), None) {
        Some(asking) => read(eyes, asking).await,
        None => Tags::Unasked,
    }
}

async fn read(eyes: &Eyes<'_>, asking: Asking) -> Tags {
    if !eyes.identified.session().task.speaks_of(ACTION) {
        return Tags::Unknown;
    }
    match told(eyes, asking).await {
        Ok(tags) => Tags::Known(tags),
        Err(error) => {
            tracing::warn!(
                reference = %eyes.identified.reference(),
                error = %chain(&error),
                "the tags of what a call changes could not be read"
            );
            Tags::Unknown
        }
    }
}

async fn told(eyes: &Eyes<'_>, mut asking: Asking) -> Result<BTreeMap<Box<str>, TagSet>, Unseen> {
    // What was told a moment ago is kept by resource, and nothing is told of it twice.
    let mut asked = eyes.ask(Source::Upstream);
    while let Some(told) = asked.next(asking.due().cloned().collect()).await {
        asking.learn(&told?.answer()?)?;
    }
    Ok(asking.finish())
}
