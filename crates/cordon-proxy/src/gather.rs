//! Gathering: what the guards ask of the world for one call.
//!
//! A read that fails becomes the fact `unverified`, on which policies decide; it is never silence.

use crate::line::Line;
use crate::live::Snapshot;
use crate::trace::chain;
use cordon_core::assess::Knowledge;
use cordon_core::decide::Circumstances;
use cordon_core::fact::Fact;
use cordon_core::identify::Identified;
use cordon_core::ledger::Ledger;
use cordon_core::look::Seen;
use cordon_core::predict::{Omission, Reading};
use cordon_core::tags::Tags;
use cordon_store::StoreError;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What was looked up for one call.
pub(crate) struct Gathered {
    ledger: Arc<Ledger>,
    last_minute: u32,
    unverified: BTreeSet<Fact>,
    pub(crate) sights: Sights,
    pub(crate) circumstances: Circumstances,
}

/// What was seen of a call by reads of Cordon's own.
#[derive(Debug, Default)]
pub(crate) struct Sights {
    /// What it does, where it needs a look.
    pub(crate) seen: Option<Seen>,
    /// Whether it needs one that failed.
    pub(crate) is_unverified: bool,
    /// The tags of what it changes, where a policy rests on them.
    pub(crate) tags: Tags,
    /// What it leaves out of what is there, where a policy rests on it; and what was read to tell.
    pub(crate) omission: Omission,
    pub(crate) readings: Vec<Reading>,
}

impl Gathered {
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What is known beside any request of the task, before something was seen of it.
    pub(crate) fn knowledge<'g>(&'g self, snapshot: &'g Snapshot) -> Knowledge<'g> {
        Knowledge {
            environments: snapshot.policies.environments(),
            policy_version: snapshot.policies.version(),
            ledger: &self.ledger,
            last_minute: self.last_minute,
            unverified: self.unverified.clone(),
            seen: None,
            tags: Tags::Unasked,
            omission: Omission::Unasked,
        }
    }

    /// The same with what was seen of the call.
    pub(crate) fn knowledge_of_call<'g>(&'g self, snapshot: &'g Snapshot) -> Knowledge<'g> {
        let sights = &self.sights;
        let mut knowledge = Knowledge {
            seen: sights.seen.as_ref(),
            tags: sights.tags.clone(),
            omission: sights.omission.clone(),
            ..self.knowledge(snapshot)
        };
        if sights.is_unverified {
            knowledge.unverified.insert(Fact::Unverified);
        }
        knowledge
    }
}

/// Looks up what is known beside the request.
pub(crate) async fn gather(
    line: &Line,
    identified: &Identified,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Gathered {
    let task = identified.session().task.id();
    let mut unverified = BTreeSet::new();
    let mut failed = |error: StoreError| {
        tracing::error!(
            reference = %identified.reference(),
            error = %chain(&error),
            "what the task did before cannot be read"
        );
        unverified.insert(Fact::Unverified);
    };
    let ledger = match line.store.ledger(task).await {
        Ok(ledger) => ledger,
        Err(error) => {
            failed(error);
            Arc::default()
        }
    };
    let last_minute = match identified.call().mutates() {
        false => Ok(0),
        true => line.store.last_minute(task, now).await,
    };
    let last_minute = last_minute.unwrap_or_else(|error| {
        failed(error);
        u32::MAX
    });
    Gathered {
        ledger,
        last_minute,
        unverified,
        sights: Sights::default(),
        circumstances: Circumstances {
            approvals: BTreeSet::new(),
            checks: BTreeSet::new(),
            posture: snapshot.posture.clone(),
            now,
        },
    }
}
