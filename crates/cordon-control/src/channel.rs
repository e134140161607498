//! Channels: where people hear that something waits for them.
//!
//! Takes the holds of the store; sends a notice of each to every channel when it waits, and again when
//! it stands otherwise. A notice tells what waits and where to look at it; it lifts nothing, and neither
//! does an answer to it. Each attempt is written down with its hold, so that what a dead channel did not
//! take is sent once it lives again, also after a restart, and is seen by whoever looks at the hold.
//!
//! ```text
//! store changes, or a beat ─► holds ─► how each stands ─► not told yet, and due ─► send ─► written down
//! ```
//! Where a hold went on while a channel was dead, only how it stands now is told.

mod post;
mod slack;
mod webhook;

pub(crate) use post::Sender;
pub use post::{Roots, Target, TargetError};

use crate::api::{HoldSummary, Sight};
use crate::plane::Plane;
use cordon_core::hold::{Hold, Standing};
use cordon_store::{Delivery, HoldFilter, StoreError};
use http::{HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Every kind of channel.
pub const KINDS: [Kind; 2] = [webhook::KIND, slack::KIND];

/// How old a hold may be of which something is told.
const OLDEST: SignedDuration = SignedDuration::from_hours(24);
/// How soon it is looked again for what is being written down.
const SOON: Duration = Duration::from_millis(50);
/// Holds that are looked at.
const LOOKED_AT: u32 = 500;
/// How often what did not arrive is sent again once nobody can decide any more.
const ATTEMPTS: u32 = 12;
/// How long after an attempt the next one is made, at the least and at the most.
const PAUSES: [SignedDuration; 2] = [SignedDuration::from_secs(2), SignedDuration::from_mins(5)];

/// How notices are written for one kind of receiver.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The word of the configuration.
    pub word: &'static str,
    /// Whether a notice is signed, so that the channel has a key.
    pub signed: bool,
    write: fn(&Notice) -> Vec<u8>,
    /// Headers beside the content type; the key is empty where nothing is signed.
    head: fn(&Letter<'_>) -> Vec<(HeaderName, HeaderValue)>,
}

/// One channel.
#[derive(Clone)]
pub struct Channel {
    /// Its name in the configuration and in what is written down.
    pub name: Box<str>,
    /// How it is written to.
    pub kind: Kind,
    /// Where it is.
    pub target: Target,
    /// What its notices are signed with.
    pub key: Box<[u8]>,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address of a chat's channel is a secret as well.
        write!(f, "Channel({}, {})", self.name, self.kind.word)
    }
}

/// What is told.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) hold: HoldSummary,
    /// Where people look at it.
    pub(crate) console: String,
}

/// A notice as it leaves.
pub(crate) struct Letter<'a> {
    pub(crate) body: &'a [u8],
    pub(crate) key: &'a [u8],
    /// The same for every attempt at the same notice.
    pub(crate) id: String,
    pub(crate) at: Timestamp,
}

/// Tells one channel of everything, until the control plane closes.
pub(crate) async fn tell(plane: Arc<Plane>, channel: Channel, roots: Roots, beat: Duration) {
    let sender = match Sender::new(roots) {
        Ok(sender) => sender,
        Err(error) => {
            tracing::error!(channel = %channel.name, %error, "nothing can be told to this channel");
            return;
        }
    };
    let mut changes = plane.store.changes();
    loop {
        changes.mark_unchanged();
        let pause = match round(&plane, &channel, &sender).await {
            Ok(Seen::All) => beat,
            Ok(Seen::Unwritten) => SOON.min(beat),
            Err(error) => {
                tracing::error!(channel = %channel.name, %error, "it is not known what waits: nothing is told");
                beat
            }
        };
        tokio::select! {
            () = plane.closing.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// What a round found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Everything that there is.
    All,
    /// Some call was being written down.
    Unwritten,
}

/// Sends what is due, the oldest first.
async fn round(plane: &Plane, channel: &Channel, sender: &Sender) -> Result<Seen, StoreError> {
    let mut seen = Seen::All;
    let recent = HoldFilter {
        limit: Some(LOOKED_AT),
        ..HoldFilter::default()
    };
    let mut holds = plane.store.holds(&recent).await?;
    let oldest = plane.now().saturating_sub(OLDEST).unwrap_or(Timestamp::MIN);
    holds.retain(|hold| hold.opened >= oldest);
    for hold in holds.into_iter().rev() {
        if plane.closing.is_cancelled() {
            return Ok(seen);
        }
        let now = plane.now();
        let standing = hold.standing(&plane.people(), now);
        let before = plane.store.deliveries(&hold.id).await?;
        let before: Vec<Delivery> = before
            .into_iter()
            .filter(|delivery| delivery.channel == channel.name)
            .collect();
        let state = match &standing {
            // It waits on, and that a check failed is news.
            Standing::Waiting { missing } if missing.has_failed() => "check-failed",
            other => other.as_str(),
        };
        let Some(attempts) = due(&before, state, standing.is_open(), now) else {
            continue;
        };
        if send(plane, channel, sender, hold, (state, attempts)).await? == Seen::Unwritten {
            seen = Seen::Unwritten;
        }
    }
    Ok(seen)
}

/// How many attempts there were where another one is due; nothing where none is.
fn due(before: &[Delivery], state: &str, open: bool, now: Timestamp) -> Option<u32> {
    let Some(last) = before.iter().find(|delivery| &*delivery.state == state) else {
        // What was over before anybody could be told of it is no news.
        return (open || !before.is_empty()).then_some(0);
    };
    let pause = PAUSES[0]
        .saturating_mul(1 << last.attempts.saturating_sub(1).min(10))
        .min(PAUSES[1]);
    let next = last.at.saturating_add(pause).unwrap_or(Timestamp::MAX);
    let gives_up = !open && last.attempts >= ATTEMPTS;
    (last.error.is_some() && !gives_up && next <= now).then_some(last.attempts)
}

async fn send(
    plane: &Plane,
    channel: &Channel,
    sender: &Sender,
    hold: Hold,
    (state, attempts): (&'static str, u32),
) -> Result<Seen, StoreError> {
    let id = hold.id.clone();
    let sight = Sight::of(plane, hold).await.ok();
    let Some(sight) = sight.filter(Sight::is_whole) else {
        return Ok(Seen::Unwritten);
    };
    let origin = plane.origins.first().map(ToString::to_string);
    let notice = Notice {
        hold: sight.summary(),
        console: format!("{}/holds/{id}", origin.unwrap_or_default()),
    };
    let body = (channel.kind.write)(&notice);
    let letter = Letter {
        body: &body,
        key: &channel.key,
        id: format!("{}/{id}/{state}", channel.name),
        at: plane.now(),
    };
    let head = (channel.kind.head)(&letter);
    let sent = sender.post(&channel.target, head, body).await;
    if let Err(error) = &sent {
        tracing::warn!(channel = %channel.name, hold = %id, state, attempts = attempts + 1, %error, "a notice did not arrive; it is sent again");
    }
    let delivery = Delivery {
        hold: id,
        channel: channel.name.clone(),
        state: state.into(),
        attempts: attempts + 1,
        at: plane.now(),
        error: sent.err().map(|error| error.to_string().into()),
    };
    plane.store.put_delivery(delivery).await?;
    Ok(Seen::All)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    fn attempt(state: &str, attempts: u32, failed: bool) -> Delivery {
        Delivery {
            hold: "H-1".parse().unwrap(),
            channel: "ops".into(),
            state: state.into(),
            attempts,
            at: at(100),
            error: failed.then(|| "no route".into()),
        }
    }

    #[test]
    fn what_did_not_arrive_is_sent_again_ever_later() {
        let failed = |attempts| [attempt("waiting", attempts, true)];
        for (attempts, pause) in [(1, 2), (2, 4), (3, 8), (8, 256), (9, 300), (40, 300)] {
            let before = failed(attempts);
            let early = due(&before, "waiting", true, at(100 + pause - 1));
            assert_eq!(early, None, "{attempts}");
            let now = due(&before, "waiting", true, at(100 + pause));
            assert_eq!(now, Some(attempts), "{attempts}");
        }
        let over = due(&failed(ATTEMPTS), "unanswered", false, at(9_000));
        assert_eq!(over, Some(0), "how it stands now is told, too");
        let over = [attempt("unanswered", ATTEMPTS, true)];
        assert_eq!(due(&over, "unanswered", false, at(9_000)), None);
    }

    #[test]
    fn what_arrived_is_told_once_and_what_was_over_before_is_no_news() {
        let told = [attempt("waiting", 1, false)];
        assert_eq!(due(&told, "waiting", true, at(9_000)), None);
        assert_eq!(due(&told, "approved", true, at(101)), Some(0));
        assert_eq!(due(&[], "waiting", true, at(0)), Some(0));
        assert_eq!(due(&[], "used", false, at(0)), None);
    }
}
