//! Workers: threads that each serve some of the connections, from their first byte to their last.
//!
//! Takes connections as they are accepted; gives each to the worker that has the fewest. All of a
//! call happens in one thread: the agent's bytes, the decision, the upstream's connection. A
//! runtime that moves tasks between threads wakes another thread for every piece of a call, which
//! costs more than the decision.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::{self, Handle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// All of them. Dropped, they end, and what they served is cut.
#[derive(Debug)]
pub(crate) struct Workers {
    workers: Vec<Worker>,
}

/// Which worker serves a connection: what belongs to one thread is found by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct WorkerId(usize);

struct Worker {
    runtime: Handle,
    serves: Arc<AtomicUsize>,
    end: CancellationToken,
}

/// One more connection of a worker, for as long as it is held.
pub(crate) struct Serving(Arc<AtomicUsize>);

impl Workers {
    /// Starts `count` of them, one at least.
    ///
    /// # Errors
    /// When the system gives no thread or no events.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let ids = (0..count.max(1)).map(WorkerId);
        let workers = ids.map(Worker::start).collect::<io::Result<_>>()?;
        Ok(Self { workers })
    }

    /// Waits until each of them has ended the step that it was in: whatever it does from then on, it
    /// does by what is live now. A call looks whether it may leave in the step in which it leaves.
    pub(crate) fn settled(&self) -> impl Future<Output = ()> + use<> {
        // The second round comes after what was already waiting for its turn in the first.
        let round = |worker: &Worker| worker.runtime.spawn(tokio::task::yield_now());
        let rounds: Vec<_> = self.workers.iter().map(round).collect();
        async move {
            for round in rounds {
                // One that ended serves nothing any more.
                let _ = round.await;
            }
        }
    }

    /// Has `serving` done by the worker that has the least to do; `tasks` counts it. It keeps what
    /// it is given for as long as it serves.
    pub(crate) fn spawn<F>(&self, tasks: &TaskTracker, serving: impl FnOnce(WorkerId, Serving) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let least = self
            .workers
            .iter()
            .enumerate()
            .min_by_key(|(_, worker)| worker.serves.load(Ordering::Relaxed));
        let Some((place, worker)) = least else {
            return;
        };
        let work = serving(WorkerId(place), Serving::of(worker));
        tasks.spawn_on(work, &worker.runtime);
    }
}

impl Worker {
    fn start(id: WorkerId) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let end = CancellationToken::new();
        let handle = runtime.handle().clone();
        let ended = end.clone();
        std::thread::Builder::new()
            .name(format!("cordon-worker-{}", id.0))
            .spawn(move || {
                runtime.block_on(ended.cancelled());
                // Names that are being resolved are not waited for.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            runtime: handle,
            serves: Arc::default(),
            end,
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Worker({})", self.serves.load(Ordering::Relaxed))
    }
}

impl Serving {
    fn of(worker: &Worker) -> Self {
        worker.serves.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&worker.serves))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
