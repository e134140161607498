//! Proposing a list of calls to people, before any of them is made.
//!
//! Takes the holds that the calls would open, in their order; gives the batch in which they wait. The same
//! list is the same batch, with all that was said of it; another list takes the place of the one before,
//! and nothing that was said of that counts for it. What waits by itself goes over to the batch. A call
//! that people said no to is in no batch.

use crate::error::StoreError;
use crate::hold::{BatchFilter, HoldBounds};
use crate::store::Store;
use cordon_core::hold::{Batch, Closing, Hold, Reason, Standing, list_digest};
use cordon_core::names::BatchId;
use cordon_core::people::People;
use jiff::Timestamp;

/// How often what changes under the hands is looked at again.
const TRIES: usize = 4;

/// A list that is to be decided about as one.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// What people will quote, if it is a new one.
    pub id: BatchId,
    /// What the one who proposes it says of it.
    pub message: Box<str>,
    /// The calls of one task, in their order.
    pub holds: Vec<Hold>,
    /// When that task ends.
    pub ends: Timestamp,
}

/// What came of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposed {
    /// It waits in a batch of its own; the task's batch before it was the second, whatever became of that.
    Opened(Box<Batch>, Option<Box<Batch>>),
    /// It was proposed before.
    Same(Box<Batch>),
    /// People said no to the call of this number.
    Rejected(u32, Reason),
    /// There are no calls, too many, or the same twice.
    Unfit,
    /// More waits than people can look at.
    Crowded,
}

/// Proposes a list at `now`.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Outdated`] where others were quicker each time, or the task was stopped.
pub async fn propose(
    store: &dyn Store,
    proposal: &Proposal,
    bounds: HoldBounds,
    people: &People,
    now: Timestamp,
) -> Result<Proposed, StoreError> {
    let Some(first) = proposal.holds.first() else {
        return Ok(Proposed::Unfit);
    };
    let newest = BatchFilter {
        task: Some(first.task.clone()),
        limit: Some(1),
        ..BatchFilter::default()
    };
    for _ in 0..TRIES {
        let before = store.batches(&newest).await?.pop();
        if let Some(before) = &before
            && before.digest() == list_digest(&proposal.holds)
            && before.standing(people, now).is_open()
        {
            return Ok(Proposed::Same(Box::new(before.clone())));
        }
        let mut holds = proposal.holds.clone();
        for (hold, number) in holds.iter_mut().zip(1..) {
            match store.latest_hold(&hold.task, &hold.digest).await? {
                None => {}
                Some(latest) => match over(&latest, people, now) {
                    Ok(why) => hold.follows = Some((latest.id, why)),
                    Err(reason) => return Ok(Proposed::Rejected(number, reason)),
                },
            }
        }
        let (id, message) = (proposal.id.clone(), proposal.message.clone());
        let Some(batch) = Batch::of(id, message, holds, proposal.ends) else {
            return Ok(Proposed::Unfit);
        };
        let under_way = |batch: &&Batch| batch.holds().any(|hold| hold.ended.is_none());
        let replaces = before.as_ref().filter(under_way);
        let replaces = replaces.map(|batch| batch.id.clone());
        match store.propose(batch.clone(), replaces, bounds).await {
            Ok(()) => return Ok(Proposed::Opened(Box::new(batch), before.map(Box::new))),
            // Another proposal, or a call, was quicker: it is looked at.
            Err(StoreError::Exists { .. } | StoreError::Outdated { .. }) => {}
            Err(StoreError::Crowded) => return Ok(Proposed::Crowded),
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Outdated {
        what: "task",
        id: first.task.to_string(),
    })
}

/// Why the hold that a call has so far gives way to a proposal; the reason where people said no to it.
fn over(hold: &Hold, people: &People, now: Timestamp) -> Result<Closing, Reason> {
    match hold.standing(people, now) {
        Standing::Waiting { .. } | Standing::Approved { .. } => Ok(Closing::Withdrawn),
        Standing::Unanswered => Ok(Closing::Unanswered),
        Standing::Lapsed => Ok(Closing::Lapsed),
        Standing::Ended(why) => Ok(why),
        Standing::Rejected(reason) => Err(reason),
    }
}
