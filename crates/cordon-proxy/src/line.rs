//! What every request has at hand: the parts of the data plane, made once when it starts.

use crate::ca::Authority;
use crate::clock::Clock;
use crate::forward::Forwarder;
use crate::http1::Bounds;
use crate::known::Known;
use crate::live::Live;
use crate::meter::Meter;
use crate::own::OwnHosts;
use crate::reference::References;
use crate::replay::Replays;
use crate::scrub::Watch;
use crate::stranger::Strangers;
use crate::tagged::Tagged;
use crate::tunnel::Tunnels;
use crate::witnesses::Witnesses;
use cordon_aws::catalog::Catalog;
use cordon_broker::Broker;
use cordon_core::names::Reference;
use cordon_store::Store;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The parts of the data plane.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) catalog: &'static Catalog,
    pub(crate) live: Arc<Live>,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) broker: Arc<Broker>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) forwarder: Forwarder,
    pub(crate) watch: Arc<Watch>,
    pub(crate) replays: Replays,
    pub(crate) known: Arc<Known>,
    pub(crate) tagged: Tagged,
    pub(crate) witnesses: Witnesses,
    pub(crate) strangers: Strangers,
    pub(crate) references: References,
    pub(crate) tunnels: Tunnels,
    pub(crate) own: OwnHosts,
    pub(crate) bounds: Arc<Bounds>,
    /// Room for bodies that are held whole.
    pub(crate) bodies: Semaphore,
    /// Room for held calls whose clients wait.
    pub(crate) parking: Semaphore,
    pub(crate) meter: Meter,
    /// Wakes the connection that has been idle longest, to make room for another.
    pub(crate) crowded: Notify,
    /// No new requests are taken.
    pub(crate) closing: CancellationToken,
    /// What is under way is given up.
    pub(crate) cut: CancellationToken,
    /// Connections, and what takes them.
    pub(crate) tasks: TaskTracker,
    /// Outcomes that are being kept.
    pub(crate) outcomes: TaskTracker,
    pub(crate) under_way: Arc<UnderWay>,
}

/// The calls that left and have no outcome yet.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<HashSet<Reference>>);

impl UnderWay {
    pub(crate) fn begin(&self, reference: &Reference) {
        self.calls().insert(reference.clone());
    }

    pub(crate) fn end(&self, reference: &Reference) {
        self.calls().remove(reference);
    }

    pub(crate) fn list(&self) -> Vec<Reference> {
        let mut calls: Vec<_> = self.calls().iter().cloned().collect();
        calls.sort();
        calls
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, HashSet<Reference>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
