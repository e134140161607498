//! Keeping what became of a call, at the end of its answer.
//!
//! Takes what is to be done when the end is known; does it where the answer is read, so that a small
//! call crosses to no other task, and in a task of its own only where nobody reads on.

use super::answer::End;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// What is being done.
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is to be done with the end of an answer.
type Keep = Box<dyn FnOnce(End) -> Work + Send>;

/// Somebody who keeps what became of a call.
pub(crate) struct Keeper {
    stage: Stage,
    /// Where it is finished when nobody reads on; waited for at shutdown.
    apart: TaskTracker,
}

enum Stage {
    /// The end is not known.
    Waiting(Keep),
    /// The end is known, and is being kept.
    Keeping(Work),
    /// It is kept, or somebody else keeps it.
    Done,
}

impl Keeper {
    /// Does `keep` with the end of an answer; what is left of it in a task of `apart`.
    pub(crate) fn new<W>(apart: TaskTracker, keep: impl FnOnce(End) -> W + Send + 'static) -> Self
    where
        W: Future<Output = ()> + Send + 'static,
    {
        Self {
            stage: Stage::Waiting(Box::new(move |end| Box::pin(keep(end)))),
            apart,
        }
    }

    /// Begins with the end, if it was not known before.
    pub(super) fn begin(&mut self, end: End) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Waiting(keep) => Stage::Keeping(keep(end)),
            stage => stage,
        };
    }

    /// Whether nothing is left to be done of what was begun.
    pub(super) fn poll_kept(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Stage::Keeping(work) = &mut self.stage {
            std::task::ready!(work.as_mut().poll(cx));
            self.stage = Stage::Done;
        }
        Poll::Ready(())
    }

    /// Begins with the end, and leaves the rest to a task.
    pub(super) fn leave(mut self, end: End) {
        self.begin(end);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let Stage::Keeping(work) = std::mem::replace(&mut self.stage, Stage::Done) else {
            return;
        };
        // Without a runtime everything ends: the record stays open and visible.
        if let Ok(runtime) = Handle::try_current() {
            self.apart.spawn_on(work, &runtime);
        }
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::Waiting(_) => "Keeper(waiting)",
            Stage::Keeping(_) => "Keeper(keeping)",
            Stage::Done => "Keeper(done)",
        })
    }
}
