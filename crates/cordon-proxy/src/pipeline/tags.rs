//! Tags: what is written on the targets of a change, asked with reads of Cordon's own.
//!
//! The reads go down the line as a look's do, and so only where the task may make them. What is not
//! told is [`Tags::Unknown`], never "no tags".

use super::look::{Unseen, ask};
use crate::gather::Gathered;
use crate::http1::Connection;
use crate::line::Line;
use crate::live::Snapshot;
use crate::trace::chain;
use cordon_core::identify::Identified;
use cordon_core::tags::{ACTION, Asking, TagSet, Tags};
use std::collections::BTreeMap;
use std::time::Instant;

/// The tags of a call's targets as they are now, for people to decide on.
pub(super) async fn now(
    line: &Line,
    client: &mut Connection,
    identified: &Identified,
    snapshot: &Snapshot,
    gathered: &Gathered,
) -> Tags {
    let Some(asking) = Asking::of(identified.call(), None, &BTreeMap::new()) else {
        return Tags::Unasked;
    };
    if !identified.session().task.speaks_of(ACTION) {
        return Tags::Unknown;
    }
    match told(line, client, identified, snapshot, gathered, asking).await {
        Ok(tags) => Tags::Known(tags),
        Err(error) => {
            tracing::warn!(
                reference = %identified.reference(),
                error = %chain(&error),
                "the tags of what a call changes could not be read"
            );
            Tags::Unknown
        }
    }
}

async fn told(
    line: &Line,
    client: &mut Connection,
    identified: &Identified,
    snapshot: &Snapshot,
    gathered: &Gathered,
    mut asking: Asking,
) -> Result<BTreeMap<Box<str>, TagSet>, Unseen> {
    let patience = line.bounds.deadlines.look;
    let began = Instant::now();
    while let Some(read) = asking.next() {
        let left = patience.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Err(Unseen::TooSlow(patience));
        }
        let now = line.clock.now();
        let reference = line.references.next(now);
        let read = identified.beside_for_tags(read, line.catalog, reference, now);
        let read = read.ok_or(Unseen::NoWay)?;
        let answer = ask(line, client, read, snapshot, gathered, left).await?;
        asking.learn(&answer)?;
    }
    Ok(asking.finish())
}
