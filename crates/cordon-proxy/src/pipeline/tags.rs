//! Tags: what is written on the targets of a change, asked with reads of Cordon's own.
//!
//! The reads go down the line as a look's do, and so only where the task may make them. What is not
//! told is [`Tags::Unknown`], never "no tags".

use super::look::{Ahead, Allowance, Unseen, ask, is_out_of_scope};
use crate::gather::Gathered;
use crate::line::Line;
use crate::live::Snapshot;
use crate::trace::chain;
use crate::worker::WorkerId;
use cordon_core::guard::managed;
use cordon_core::identify::Identified;
use cordon_core::look::Read;
use cordon_core::tags::{ACTION, Asking, TagSet, Tags};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

/// Reads the tags on which the decision rests, where some policy speaks of what they tell, and adds
/// them to what was gathered.
pub(super) async fn look(
    line: &Line,
    worker: WorkerId,
    identified: &Identified,
    snapshot: &Snapshot,
    gathered: &mut Gathered,
    time: &Allowance,
) {
    if !snapshot.policies.speaks_of(&managed::FACTS) {
        return;
    }
    let (seen, ledger) = (gathered.seen.as_ref(), gathered.ledger());
    let Some(asking) = Asking::of_managed(identified.call(), seen, ledger) else {
        return;
    };
    if is_out_of_scope(identified) {
        return;
    }
    let (place, now) = (place(identified), line.clock.now());
    let known = line.tagged.of(&place, asking.wanted(), now);
    let asking = asking.knowing(known.clone());
    gathered.tags = read(line, worker, identified, snapshot, gathered, asking, time).await;
    if let Tags::Known(told) = &gathered.tags {
        // What was kept before grows no younger by being used.
        let mut told = told.clone();
        told.retain(|arn, _| !known.contains_key(arn));
        line.tagged.keep(&place, &told, now);
    }
}

/// Where tags are asked for: an ARN need not have the account.
fn place(identified: &Identified) -> String {
    let account = identified.call().account();
    let account = account.map_or("", |account| account.as_str());
    format!("{account} {}", identified.call().region())
}

/// The tags of a call's targets as they are now, for people to decide on.
pub(super) async fn now(
    line: &Line,
    worker: WorkerId,
    identified: &Identified,
    snapshot: &Snapshot,
    gathered: &Gathered,
) -> Tags {
    let time = Allowance::begin(line.bounds.deadlines.look);
    match Asking::of(identified.call(), None) {
        Some(asking) => read(line, worker, identified, snapshot, gathered, asking, &time).await,
        None => Tags::Unasked,
    }
}

async fn read(
    line: &Line,
    worker: WorkerId,
    identified: &Identified,
    snapshot: &Snapshot,
    gathered: &Gathered,
    asking: Asking,
    time: &Allowance,
) -> Tags {
    if !identified.session().task.speaks_of(ACTION) {
        return Tags::Unknown;
    }
    match told(line, worker, identified, snapshot, gathered, asking, time).await {
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
    worker: WorkerId,
    identified: &Identified,
    snapshot: &Snapshot,
    gathered: &Gathered,
    mut asking: Asking,
    time: &Allowance,
) -> Result<BTreeMap<Box<str>, TagSet>, Unseen> {
    let mut ahead = Ahead::new();
    let sending = |read: Read| -> BoxFuture<'_, _> {
        Box::pin(async move {
            let left = time.left()?;
            let now = line.clock.now();
            let reference = line.references.next(now);
            let read = identified.beside_for_tags(&read, line.catalog, reference, now);
            let read = read.ok_or(Unseen::NoWay)?;
            ask(line, worker, read, snapshot, gathered, left).await
        })
    };
    loop {
        let due = asking.due().cloned().collect();
        let Some(answer) = ahead.next(due, &sending).await else {
            break;
        };
        asking.learn(&answer?)?;
    }
    Ok(asking.finish())
}
