//! What Cordon's own reads were answered a moment ago, so that a call that is made again within seconds, or
//! previewed, does not ask the upstream the same once more.
//!
//! ```text
//! read ─► decided as ever ─► known? ─► the answer of then
//!                              └─ no ─► recorded, sent ─► learned from ─► kept
//! a change leaves ─► all of it is forgotten, and nothing is kept until its outcome is known
//! ```
//! A kept answer is one to this very read: service, operation, every parameter, protocol, account, region, task
//! and policies (by the digest of the read), asked with the identity of this session. Whether the session may
//! make the read is decided each time. Refusals, failures, answers that broke off and those from which nothing
//! could be learned are not kept, nor are large ones. Nothing lasts longer than [`LASTS`].
//!
//! **After a change nobody is judged by what was answered before it.** Whatever is more than a look at
//! configuration, of any task, forgets everything before its first byte leaves, and an answer is kept only if
//! no such call was under way at any moment between the asking and the keeping. A Lambda function that is
//! invoked or a stack that is updated may change anything, so that no rule by service would be right.
//!
//! **Nothing leaves on a kept answer.** Cordon does not see what people and other processes change, nor what
//! goes on in the cloud once a call was answered. So a kept answer serves only a denial, or a preview that
//! nobody is asked to approve. Where a decision rests on one and would be anything else, the call is decided
//! anew on what was asked since it came ([`Known::find`] with its [`Moment`]). What people are asked about, and
//! the state that their approval is bound to, is asked for at that moment as well.
//!
//! Left out are stacks and change sets, which move by themselves
//! ([`cordon_core::look::Look::is_of_the_moment`]), the questions to EC2, which are no reads, and tags, of which
//! [`crate::tagged`] keeps what was told by resource.

use crate::fresh::Fresh;
use bytes::Bytes;
use cordon_aws::call::Protocol;
use cordon_core::assess::Assessed;
use cordon_core::digest::Digest;
use cordon_core::names::SessionId;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// For how long an answer is taken as it is.
const LASTS: SignedDuration = SignedDuration::from_secs(5);
/// Answers that are kept at the most, and bytes of one.
const MOST: usize = 256;
const LARGEST: usize = 64 * 1024;

/// What is known.
#[derive(Debug)]
pub(crate) struct Known(Mutex<Memory>);

#[derive(Debug)]
struct Memory {
    /// INVARIANT: empty while a change is under way.
    answers: Fresh<Key, Answered>,
    now: Moment,
    /// When the last change had its outcome, and how many have none.
    changed: Moment,
    changing: usize,
}

/// A moment among those of one process. No two are the same, whatever the clock says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// One read of one session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    session: SessionId,
    protocol: Protocol,
    digest: Digest,
}

/// The good answer that a read had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    /// The moment before it was asked, and what the clock said.
    pub(crate) asked: Moment,
    pub(crate) at: Timestamp,
    pub(crate) body: Bytes,
}

/// A change that is under way, for as long as it is held.
#[derive(Debug)]
pub(crate) struct Changing(Arc<Known>);

impl Default for Known {
    fn default() -> Self {
        Self(Mutex::new(Memory {
            answers: Fresh::new(LASTS, MOST),
            now: Moment::default(),
            changed: Moment::default(),
            changing: 0,
        }))
    }
}

impl Key {
    pub(crate) fn of(read: &Assessed) -> Self {
        Self {
            session: read.session().id.clone(),
            protocol: read.call().protocol(),
            digest: read.digest().clone(),
        }
    }
}

impl Known {
    /// This moment.
    pub(crate) fn moment(&self) -> Moment {
        self.memory().next()
    }

    /// What a read was answered that was asked at `oldest` or later.
    pub(crate) fn find(&self, key: &Key, oldest: Moment, now: Timestamp) -> Option<Answered> {
        let memory = self.memory();
        let answered = memory.answers.of(key, now)?;
        (answered.asked >= oldest).then(|| answered.clone())
    }

    /// Keeps what a read was answered, unless something may have changed since it was asked.
    pub(crate) fn keep(&self, key: Key, answered: Answered) {
        let mut memory = self.memory();
        let is_unchanged = memory.changing == 0 && answered.asked > memory.changed;
        if is_unchanged && answered.body.len() <= LARGEST {
            let at = answered.at;
            memory.answers.keep(key, answered, at);
        }
    }

    /// A change is about to leave: what is known is no more, and nothing is until the change has its outcome
    /// and is dropped.
    pub(crate) fn change(self: &Arc<Self>) -> Changing {
        let mut memory = self.memory();
        memory.answers.clear();
        memory.changing += 1;
        Changing(Arc::clone(self))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn next(&mut self) -> Moment {
        self.now.0 += 1;
        self.now
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        let mut memory = self.0.memory();
        memory.changing = memory.changing.saturating_sub(1);
        memory.changed = memory.next();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use cordon_aws::call::Call;
    use cordon_aws::catalog::Catalog;
    use cordon_aws::value::Value;
    use cordon_core::digest::Content;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const OLDEST: Moment = Moment(0);

    /// The read of backups of a table.
    fn read(session: &str, table: &str, region: &str, account: &str) -> Key {
        let service = Catalog::embedded().service("dynamodb").unwrap();
        let operation = service.operation("ListBackups").unwrap();
        let parameters =
            Value::Structure([("TableName".into(), Value::String(table.into()))].into());
        let (region, account) = (region.parse().unwrap(), account.parse().ok());
        let call = Call::planned(operation, parameters, region, account).unwrap();
        let task = "T-1".parse().unwrap();
        Key {
            session: session.parse().unwrap(),
            protocol: Protocol::Json10,
            digest: Digest::of(&call, Content::Whole, &task, "sha256:p"),
        }
    }

    fn orders() -> Key {
        read("S-1", "orders", "eu-west-1", "111122223333")
    }

    fn answered(asked: Moment) -> Answered {
        Answered {
            asked,
            at: NOW,
            body: Bytes::from_static(b"{}"),
        }
    }

    fn is_known(known: &Known) -> bool {
        known.find(&orders(), OLDEST, NOW).is_some()
    }

    #[test]
    fn nothing_is_known_from_before_a_change() {
        let known = Arc::new(Known::default());
        known.keep(orders(), answered(known.moment()));
        assert!(is_known(&known));

        let changing = known.change();
        assert!(!is_known(&known), "it was answered before");
        known.keep(orders(), answered(known.moment()));
        assert!(
            !is_known(&known),
            "it was answered while the change was under way"
        );
        let (during, other) = (known.moment(), known.change());
        drop(changing);
        known.keep(orders(), answered(known.moment()));
        assert!(!is_known(&known), "another change is under way");
        drop(other);
        known.keep(orders(), answered(during));
        assert!(
            !is_known(&known),
            "it was asked before the change had its outcome"
        );

        let before = known.moment();
        drop(known.change());
        known.keep(orders(), answered(before));
        assert!(
            !is_known(&known),
            "a change came and went since it was asked"
        );
        known.keep(orders(), answered(known.moment()));
        assert!(is_known(&known), "it was asked after all of them");
    }

    #[test]
    fn a_read_is_not_answered_by_another() {
        let known = Known::default();
        known.keep(orders(), answered(known.moment()));
        let protocol = Key {
            protocol: Protocol::RpcV2Cbor,
            ..orders()
        };
        for other in [
            protocol,
            read("S-2", "orders", "eu-west-1", "111122223333"),
            read("S-1", "other", "eu-west-1", "111122223333"),
            read("S-1", "orders", "eu-west-2", "111122223333"),
            read("S-1", "orders", "eu-west-1", "444455556666"),
        ] {
            assert_eq!(known.find(&other, OLDEST, NOW), None, "{other:?}");
        }
        assert!(is_known(&known));
    }

    #[test]
    fn what_must_be_asked_since_a_moment_was_asked_since() {
        let known = Known::default();
        let asked = known.moment();
        known.keep(orders(), answered(asked));
        let came = known.moment();
        assert_eq!(known.find(&orders(), came, NOW), None);
        assert_eq!(known.find(&orders(), asked, NOW), Some(answered(asked)));
        let again = known.moment();
        known.keep(orders(), answered(again));
        assert_eq!(known.find(&orders(), came, NOW), Some(answered(again)));
    }

    #[test]
    fn it_lasts_for_seconds_and_is_no_large_one() {
        let known = Known::default();
        let large = Answered {
            body: vec![b' '; LARGEST + 1].into(),
            ..answered(known.moment())
        };
        known.keep(orders(), large);
        assert!(!is_known(&known));
        known.keep(orders(), answered(known.moment()));
        assert_eq!(known.find(&orders(), OLDEST, NOW + LASTS), None);
        assert!(is_known(&known));
    }
}
