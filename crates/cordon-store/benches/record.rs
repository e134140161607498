//! Decisions a second that are durable before they are answered, by how many ask at once, and
//! records of reads, which are answered before.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark")]

#[path = "../tests/fixture/mod.rs"]
mod fixture;

use cordon_store::{Sqlite, Store as _};
use divan::Bencher;
use divan::counter::ItemsCount;
use fixture::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

fn main() {
    divan::main();
}

/// Calls in one round of a benchmark.
const ROUND: u64 = 4_096;

static NEXT: AtomicU64 = AtomicU64::new(0);

fn reference() -> String {
    format!("R{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn store(runtime: &Runtime, folder: &std::path::Path) -> Arc<Sqlite> {
    Arc::new(runtime.block_on(serve(folder)))
}

/// `callers` tasks that each record and close their share of a round, one call after the other.
fn round(runtime: &Runtime, store: &Arc<Sqlite>, callers: u64, one: Kind) {
    runtime.block_on(async {
        let mut all = JoinSet::new();
        for _ in 0..callers {
            let store = Arc::clone(store);
            all.spawn(async move {
                for _ in 0..ROUND / callers {
                    match one {
                        Kind::Decision => {
                            drop(recorded(&*store, change(&reference(), "T-1")).await)
                        }
                        Kind::Change => done(&*store, change(&reference(), "T-1"), 200).await,
                        Kind::Read => done(&*store, read(&reference(), "T-1"), 200).await,
                    }
                }
            });
        }
        all.join_all().await;
    });
}

#[derive(Clone, Copy)]
enum Kind {
    Decision,
    Change,
    Read,
}

fn bench(bencher: Bencher, callers: u64, kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let store = store(&runtime, folder.path());
    bencher
        .counter(ItemsCount::new(ROUND))
        .bench_local(|| round(&runtime, &store, callers, kind));
    runtime.block_on(store.shut_down()).unwrap();
}

#[divan::bench(args = [1, 32, 128], sample_count = 5, sample_size = 1)]
fn durable_decisions(bencher: Bencher, callers: u64) {
    bench(bencher, callers, Kind::Decision);
}

#[divan::bench(args = [32, 128], sample_count = 5, sample_size = 1)]
fn changes_recorded_and_closed(bencher: Bencher, callers: u64) {
    bench(bencher, callers, Kind::Change);
}

#[divan::bench(args = [1, 32], sample_count = 5, sample_size = 1)]
fn reads_recorded_and_closed(bencher: Bencher, callers: u64) {
    bench(bencher, callers, Kind::Read);
}
