//! Finding the hold of a call that people must decide about.
//!
//! Takes the hold that the call would open; gives the one that serves it, which may be one that was
//! there: joined, approved, said no to. What a hold says is [`Hold::serves`]; here is what it takes
//! to ask several times at once, from several processes, and to open one all the same.

use crate::error::StoreError;
use crate::hold::HoldBounds;
use crate::store::Store;
use cordon_core::hold::{Closing, Hold, Missing, Reason, Serves, Turn};
use cordon_core::names::{ApproverGroup, HoldId};
use cordon_core::people::People;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// How often a hold that changes under the hands is looked at again.
const TRIES: usize = 4;

/// The hold under which a call goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// It was opened just now, and waits for all whom it needs.
    Opened(Box<Hold>),
    /// It waits for this still.
    Waits(Box<Hold>, Missing),
    /// These groups approved. The record of the call uses it up, as of this revision, and may find it gone.
    Approved(Box<Hold>, BTreeSet<ApproverGroup>, u64),
    /// It is approved in a batch, in which the second one comes first, or is under way.
    OutOfTurn(Box<Hold>, Box<Hold>),
    /// Someone said no.
    Rejected(Box<Hold>, Reason),
    /// Nobody answered a short while ago.
    Unanswered(Box<Hold>),
    /// More calls wait than people can look at.
    Crowded,
}

/// Finds the hold that serves a call at `now`, or opens `asked`. `waited` is the hold under which
/// this request waited before, and so was counted in.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Outdated`] where others were quicker each time.
pub async fn seek(
    store: &dyn Store,
    asked: &Hold,
    bounds: HoldBounds,
    waited: Option<&HoldId>,
    people: &People,
    now: Timestamp,
) -> Result<Sought, StoreError> {
    for _ in 0..TRIES {
        let follows = match store.latest_hold(&asked.task, &asked.digest).await? {
            None => None,
            Some(hold) => match served(store, &hold, asked, people, now).await? {
                (Serves::Waits(missing), _) if waited == Some(&hold.id) => {
                    return Ok(Sought::Waits(Box::new(hold), missing));
                }
                (Serves::Waits(missing), _) => match store.join_hold(&hold.id).await {
                    Ok(()) => return Ok(Sought::Waits(Box::new(hold), missing)),
                    Err(StoreError::Outdated { .. }) => continue,
                    Err(error) => return Err(error),
                },
                (_, Rests::After(first)) => return Ok(Sought::OutOfTurn(Box::new(hold), first)),
                (Serves::Approved(groups), Rests::On(revision)) => {
                    return Ok(Sought::Approved(Box::new(hold), groups, revision));
                }
                (Serves::Rejected(reason), _) => {
                    return Ok(Sought::Rejected(Box::new(hold), reason));
                }
                (Serves::Unanswered, _) => return Ok(Sought::Unanswered(Box::new(hold))),
                (Serves::Over(why), _) => Some((hold.id, why)),
            },
        };
        let hold = Hold {
            follows,
            ..asked.clone()
        };
        match store.open_hold(hold.clone(), bounds).await {
            Ok(()) => return Ok(Sought::Opened(Box::new(hold))),
            // Another request for the same was quicker: its hold is looked at.
            Err(StoreError::Exists { .. }) => {}
            Err(StoreError::Crowded) => return Ok(Sought::Crowded),
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Outdated {
        what: "hold",
        id: asked.id.to_string(),
    })
}

/// What a call that is approved rests on.
enum Rests {
    /// This revision of its hold, or of the batch that it is one of.
    On(u64),
    /// Another call of its batch, which comes first.
    After(Box<Hold>),
}

/// How `hold` serves the call that would open `asked`: by itself, and in its batch.
async fn served(
    store: &dyn Store,
    hold: &Hold,
    asked: &Hold,
    people: &People,
    now: Timestamp,
) -> Result<(Serves, Rests), StoreError> {
    let serves = hold.serves(asked, people, now);
    let alone = Rests::On(hold.revision());
    let (Some(place), Serves::Waits(_) | Serves::Approved(_)) = (&hold.place, &serves) else {
        return Ok((serves, alone));
    };
    let batch = store.batch(&place.batch).await?;
    let batch = batch.ok_or_else(|| StoreError::Unknown {
        what: "batch",
        id: place.batch.to_string(),
    })?;
    Ok(match batch.turn(&hold.id, people, now) {
        Turn::Now => (serves, Rests::On(batch.revision())),
        Turn::Waits(missing) => (Serves::Waits(missing), alone),
        Turn::Over => (Serves::Over(Closing::Broken), alone),
        Turn::After(number) => {
            let first = batch.holds().zip(1..).find(|(_, it)| *it == number);
            let first = first.map_or_else(|| hold.clone(), |(first, _)| first.clone());
            (serves, Rests::After(Box::new(first)))
        }
    })
}
