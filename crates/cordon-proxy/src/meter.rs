//! What is counted for operators. Labels come from closed lists: outcomes, stages, and the
//! catalog's service names; never a resource, never text of a caller.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use std::time::Instant;

/// Handles that are made once: looking one up costs more than adding to it.
#[derive(Clone)]
pub(crate) struct Meter {
    pub(crate) connections: Gauge,
    pub(crate) in_flight: Gauge,
    pub(crate) rejected_heads: Counter,
    pub(crate) tunnelled_up: Counter,
    pub(crate) tunnelled_down: Counter,
    decide: Histogram,
    record: Histogram,
    mint: Histogram,
    forward: Histogram,
}

/// The stages whose time is told: those that wait, and all others together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Authenticate, identify, gather, assess, decide.
    Decide,
    Record,
    Mint,
    Forward,
}

impl Meter {
    pub(crate) fn new() -> Self {
        let stage = |name: &'static str| histogram!("cordon_stage_seconds", "stage" => name);
        Self {
            connections: gauge!("cordon_connections"),
            in_flight: gauge!("cordon_requests_in_flight"),
            rejected_heads: counter!("cordon_unreadable_requests_total"),
            tunnelled_up: counter!("cordon_tunnel_bytes_total", "direction" => "up"),
            tunnelled_down: counter!("cordon_tunnel_bytes_total", "direction" => "down"),
            decide: stage("decide"),
            record: stage("record"),
            mint: stage("mint"),
            forward: stage("forward"),
        }
    }

    /// One request that came to its end.
    pub(crate) fn request(service: &'static str, outcome: &'static str) {
        counter!("cordon_requests_total", "service" => service, "outcome" => outcome).increment(1);
    }

    /// A request that nobody stands behind and that was not recorded.
    pub(crate) fn stranger_unkept() {
        counter!("cordon_unrecorded_strangers_total").increment(1);
    }

    /// An answer that held a minted credential and was cut.
    pub(crate) fn leak() {
        counter!("cordon_leaks_cut_total").increment(1);
    }

    /// An answer whose status was not all that became of its call.
    pub(crate) fn answer_fault(kind: &'static str) {
        counter!("cordon_answer_faults_total", "kind" => kind).increment(1);
    }

    /// An upstream that did not answer.
    pub(crate) fn upstream_error(kind: &'static str) {
        counter!("cordon_upstream_errors_total", "kind" => kind).increment(1);
    }

    /// Tells how long `stage` took since `began`; gives the moment it ended.
    pub(crate) fn took(&self, stage: Stage, began: Instant) -> Instant {
        let now = Instant::now();
        let histogram = match stage {
            Stage::Decide => &self.decide,
            Stage::Record => &self.record,
            Stage::Mint => &self.mint,
            Stage::Forward => &self.forward,
        };
        histogram.record(now.duration_since(began));
        now
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meter")
    }
}
