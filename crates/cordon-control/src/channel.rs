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
//! Where a hold went on while a channel was dead, only how it stands now is told. A channel for mail tells
//! each of its people by themselves: one address that is wrong keeps nobody else from hearing.

mod email;
mod post;
mod slack;
mod webhook;

pub use email::{Address, Email, Login, Recipients, Security, Server, ServerError, WORD as EMAIL};
pub(crate) use post::Sender;
pub use post::{Roots, Target, TargetError};

use crate::api::{HoldSummary, Sight};
use crate::plane::Plane;
use cordon_core::hold::{Batch, Hold, Standing};
use cordon_store::{Delivery, HoldFilter, StoreError};
use email::{MailError, Mailer};
use http::{HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use post::PostError;
use std::sync::Arc;
use std::time::Duration;

/// Every kind of channel that is posted to.
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
    /// Where it is, and how it is written to.
    pub way: Way,
}

/// Where a channel is, and how it is written to.
#[derive(Clone)]
pub enum Way {
    /// By a POST.
    Post {
        /// What is posted.
        kind: Kind,
        /// Where.
        target: Target,
        /// What notices are signed with; empty where they are not.
        key: Box<[u8]>,
    },
    /// By mail.
    Email(Email),
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address of a chat's channel is a secret as well.
        let word = match &self.way {
            Way::Post { kind, .. } => kind.word,
            Way::Email(_) => EMAIL,
        };
        write!(f, "Channel({}, {word})", self.name)
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

/// What takes notices to a channel.
enum Carrier {
    Post(Sender),
    Email(Box<Mailer>),
}

/// Whom a notice is for.
enum Receiver {
    /// The channel itself.
    Channel,
    /// One person of it.
    Person(Address),
    /// Nobody has an address.
    Nobody,
}

/// Why a notice did not arrive.
#[derive(Debug, thiserror::Error)]
enum Untold {
    #[error(transparent)]
    Post(#[from] PostError),
    #[error(transparent)]
    Email(#[from] MailError),
}

/// Tells one channel of everything, until the control plane closes.
pub(crate) async fn tell(plane: Arc<Plane>, channel: Channel, roots: Roots, beat: Duration) {
    let Some(carrier) = carrier(&channel, roots) else {
        return;
    };
    let mut changes = plane.store.changes();
    loop {
        changes.mark_unchanged();
        let pause = match round(&plane, &channel, &carrier).await {
            Ok(Seen::All | Seen::Dead) => beat,
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
    /// The channel takes nothing at all: what else is due waits for the next round.
    Dead,
}

fn carrier(channel: &Channel, roots: Roots) -> Option<Carrier> {
    let made = match &channel.way {
        Way::Post { .. } => Sender::new(roots).map(Carrier::Post).map_err(Into::into),
        Way::Email(email) => Mailer::new(email, &roots)
            .map(|mailer| Carrier::Email(Box::new(mailer)))
            .map_err(Into::into),
    };
    made.map_err(|error: Box<dyn std::error::Error>| {
        tracing::error!(channel = %channel.name, %error, "nothing can be told to this channel");
    })
    .ok()
}

/// Sends what is due, the oldest first.
async fn round(plane: &Plane, channel: &Channel, carrier: &Carrier) -> Result<Seen, StoreError> {
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
        // Of a batch people are told once, by its first call.
        let hold = match &hold.place {
            None => hold,
            Some(place) if place.number > 1 => continue,
            Some(place) => for_all(hold.clone(), plane.store.batch(&place.batch).await?),
        };
        let now = plane.now();
        let standing = hold.standing(&plane.people(), now);
        let before = plane.store.deliveries(&hold.id).await?;
        let state = match &standing {
            // It waits on, and that a check failed is news.
            Standing::Waiting { missing } if missing.has_failed() => "check-failed",
            other => other.as_str(),
        };
        for receiver in receivers(plane, channel, &hold) {
            let name = receiver.name(channel);
            let of_theirs = |delivery: &&Delivery| *delivery.channel == *name;
            let before: Vec<Delivery> = before.iter().filter(of_theirs).cloned().collect();
            let Some(attempts) = due(&before, state, standing.is_open(), now) else {
                continue;
            };
            let attempt = Attempt {
                hold: &hold,
                state,
                attempts,
            };
            match send(plane, channel, carrier, &receiver, attempt).await? {
                Seen::All => {}
                Seen::Unwritten => seen = Seen::Unwritten,
                Seen::Dead => return Ok(Seen::Dead),
            }
        }
    }
    Ok(seen)
}

/// The first hold of a batch, asking all whom the batch asks.
fn for_all(hold: Hold, batch: Option<Batch>) -> Hold {
    let needs = batch.iter().flat_map(|batch| batch.holds());
    let needs = needs.flat_map(|hold| hold.needs.iter().cloned());
    Hold {
        needs: needs.chain(hold.needs.iter().cloned()).collect(),
        ..hold
    }
}

/// Who hears of a hold, each by themselves.
fn receivers(plane: &Plane, channel: &Channel, hold: &Hold) -> Vec<Receiver> {
    let Way::Email(email) = &channel.way else {
        return vec![Receiver::Channel];
    };
    let people = email.to.of(hold, &plane.people());
    match people.is_empty() {
        true => vec![Receiver::Nobody],
        false => people.into_iter().map(Receiver::Person).collect(),
    }
}

impl Receiver {
    /// Under what attempts are written down.
    fn name(&self, channel: &Channel) -> String {
        match self {
            Self::Person(address) => format!("{}/{address}", channel.name),
            Self::Channel | Self::Nobody => channel.name.to_string(),
        }
    }
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

/// One more attempt to tell how a hold stands.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    hold: &'a Hold,
    state: &'static str,
    /// How many there were.
    attempts: u32,
}

async fn send(
    plane: &Plane,
    channel: &Channel,
    carrier: &Carrier,
    receiver: &Receiver,
    attempt: Attempt<'_>,
) -> Result<Seen, StoreError> {
    let Attempt {
        hold,
        state,
        attempts,
    } = attempt;
    let id = hold.id.clone();
    let sight = Sight::of(plane, hold.clone()).await.ok();
    let Some(sight) = sight.filter(Sight::is_whole) else {
        return Ok(Seen::Unwritten);
    };
    let origin = plane.origins.first().map(ToString::to_string);
    let mut told = sight.summary();
    let mut place = format!("holds/{id}");
    if let Some(batch) = &told.batch {
        place = format!("batches/{batch}");
        told.effect = format!("{} and what follows in batch {batch}", told.effect);
    }
    let notice = Notice {
        hold: told,
        console: format!("{}/{place}", origin.unwrap_or_default()),
    };
    let name = receiver.name(channel);
    let letter = format!("{name}/{id}/{state}");
    let sent = carry(channel, carrier, receiver, (&notice, letter, plane.now())).await;
    if let Err(error) = &sent {
        tracing::warn!(channel = name, hold = %id, state, attempts = attempts + 1, %error, "a notice did not arrive; it is sent again");
    }
    let seen = match &sent {
        Err(Untold::Email(error)) if error.is_of_the_server() => Seen::Dead,
        _ => Seen::All,
    };
    let delivery = Delivery {
        hold: id,
        channel: name.into(),
        state: state.into(),
        attempts: attempts + 1,
        at: plane.now(),
        error: sent.err().map(|error| error.to_string().into()),
    };
    plane.store.put_delivery(delivery).await?;
    Ok(seen)
}

async fn carry(
    channel: &Channel,
    carrier: &Carrier,
    receiver: &Receiver,
    (notice, id, at): (&Notice, String, Timestamp),
) -> Result<(), Untold> {
    match (&channel.way, carrier, receiver) {
        (Way::Post { kind, target, key }, Carrier::Post(sender), _) => {
            let body = (kind.write)(notice);
            let letter = Letter {
                body: &body,
                key,
                id,
                at,
            };
            let head = (kind.head)(&letter);
            Ok(sender.post(target, head, body).await?)
        }
        (Way::Email(_), Carrier::Email(mailer), Receiver::Person(address)) => {
            Ok(mailer.send(address, notice, &id, at).await?)
        }
        _ => Err(MailError::Nobody.into()),
    }
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
