//! What may change while the process runs: sessions, policies, posture, people.
//!
//! The program replaces each as a whole when the store or the policy folder changes; a request
//! takes one [`Snapshot`] when it begins and is decided by nothing newer. Whether its session still
//! stands is looked at until it ends.

use crate::worker::Workers;
use arc_swap::ArcSwap;
use cordon_core::people::People;
use cordon_core::policy::Policies;
use cordon_core::posture::Postures;
use cordon_core::session::Sessions;
use std::sync::{Arc, OnceLock, Weak};
use tokio::sync::watch;

/// The live values. Shared between the program, which sets them, and the data plane.
#[derive(Debug)]
pub struct Live {
    now: ArcSwap<Snapshot>,
    /// Grows with every change.
    changed: watch::Sender<u64>,
    /// Who serves calls by it.
    served_by: OnceLock<Weak<Workers>>,
}

/// The live values at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Whose calls are taken.
    pub sessions: Arc<Sessions>,
    /// What decides.
    pub policies: Arc<Policies>,
    /// How careful leaders declared that calls are to be.
    pub posture: Postures,
    /// Who may decide about holds.
    pub people: Arc<People>,
}

impl Live {
    /// Starts with `snapshot`.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        Self {
            now: ArcSwap::from_pointee(snapshot),
            changed: watch::Sender::new(0),
            served_by: OnceLock::new(),
        }
    }

    /// The values of this moment.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.now.load_full()
    }

    /// From now on these sessions' calls are taken, and no others.
    pub fn set_sessions(&self, sessions: Arc<Sessions>) {
        self.now.rcu(|now| Snapshot {
            sessions: sessions.clone(),
            ..Snapshot::clone(now)
        });
        self.tell();
    }

    /// From now on these policies decide, over sessions whose tasks were compiled against them.
    pub fn set_policies(&self, policies: Arc<Policies>, sessions: Arc<Sessions>) {
        self.now.rcu(|now| Snapshot {
            sessions: sessions.clone(),
            policies: policies.clone(),
            ..Snapshot::clone(now)
        });
        self.tell();
    }

    /// From now on calls are to be this careful.
    pub fn set_posture(&self, posture: impl Into<Postures>) {
        let posture = posture.into();
        self.now.rcu(|now| Snapshot {
            posture: posture.clone(),
            ..Snapshot::clone(now)
        });
        self.tell();
    }

    /// From now on these people's decisions count, and no others'.
    pub fn set_people(&self, people: Arc<People>) {
        self.now.rcu(|now| Snapshot {
            people: people.clone(),
            ..Snapshot::clone(now)
        });
        self.tell();
    }

    /// Waits until nothing is sent any more by what was live before: who is told of a stop is told
    /// of it after this.
    pub async fn settled(&self) {
        if let Some(workers) = self.served_by.get().and_then(Weak::upgrade) {
            let settled = workers.settled();
            // It may be the last to hold them.
            drop(workers);
            settled.await;
        }
    }

    pub(crate) fn serve_by(&self, workers: &Arc<Workers>) {
        // One data plane serves by it; a second one would settle with the first.
        let _ = self.served_by.set(Arc::downgrade(workers));
    }

    /// Tells of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn tell(&self) {
        self.changed.send_modify(|number| *number += 1);
    }
}
