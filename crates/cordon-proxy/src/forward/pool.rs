//! Connections with the upstream, kept while they are good.
//!
//! One that waits for a call is looked at when it is taken, and swept out when nobody takes it in
//! time.

use super::dial::{Dialler, Target};
use super::link::{Link, Sent};
use super::upload::UpstreamBody;
use crate::address::DialError;
use http::Request;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Context;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A kept connection is used again only this soon: most of AWS closes idle ones after 20 seconds
/// or later.
const KEPT: Duration = Duration::from_secs(15);
/// Upstream addresses that connections are kept for.
const TARGETS: usize = 1_024;

/// Connections that wait for a request.
#[derive(Debug)]
pub(super) struct Pool {
    waiting: Mutex<Waiting>,
    most: usize,
    dialler: Dialler,
}

#[derive(Debug, Default)]
struct Waiting {
    idle: HashMap<Target, Vec<Idle>>,
    /// Whether somebody will come to sweep.
    swept: bool,
}

#[derive(Debug)]
struct Idle {
    link: Link,
    since: Instant,
}

/// A connection in use. It goes back to its pool by [`Lease::give_back`], and is closed otherwise.
#[derive(Debug)]
pub(crate) struct Lease {
    link: Link,
    target: Target,
    pool: Arc<Pool>,
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Fresh,
    Kept,
}

impl Pool {
    /// An empty one, that keeps at most `most` connections for each target.
    pub(super) fn new(dialler: Dialler, most: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            most,
            dialler,
        }
    }

    /// A connection to `target`: a kept one if there is one that looks alive, else a new one.
    pub(super) async fn lease(self: &Arc<Self>, target: &Target) -> Result<Lease, DialError> {
        while let Some(mut link) = self.take(target) {
            // An upstream that answered before it read the whole of a body may never take another.
            let patience = self.dialler.patience();
            if link.looks_ready() || timeout(patience, link.ready()).await == Ok(true) {
                return Ok(self.leased(link, target, Origin::Kept));
            }
        }
        self.connect(target).await
    }

    /// A new connection to `target`.
    pub(super) async fn connect(self: &Arc<Self>, target: &Target) -> Result<Lease, DialError> {
        let link = self.dialler.dial(target).await?;
        Ok(self.leased(link, target, Origin::Fresh))
    }

    fn leased(self: &Arc<Self>, link: Link, target: &Target, origin: Origin) -> Lease {
        Lease {
            link,
            target: target.clone(),
            pool: Arc::clone(self),
            origin,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, target: &Target) -> Option<Link> {
        let mut waiting = self.waiting();
        let kept = waiting.idle.get_mut(target)?;
        loop {
            let last = kept.pop()?;
            if last.is_stale() {
                continue;
            }
            // One HTTP/2 connection carries many requests at once: it stays for the others.
            if let Link::Http2(sender) = &last.link {
                let link = Link::Http2(sender.clone());
                kept.push(last);
                return Some(link);
            }
            return Some(last.link);
        }
    }

    fn keep(self: &Arc<Self>, target: Target, link: Link) {
        let mut waiting = self.waiting();
        if waiting.idle.len() >= TARGETS && !waiting.idle.contains_key(&target) {
            waiting.sweep();
            if waiting.idle.len() >= TARGETS {
                return;
            }
        }
        let kept = waiting.idle.entry(target).or_default();
        if link.is_http2() {
            kept.retain(|one| !one.link.is_http2());
        }
        if kept.len() < self.most {
            kept.push(Idle {
                link,
                since: Instant::now(),
            });
        }
        if !std::mem::replace(&mut waiting.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }
}

/// Closes what nobody takes any more, until nothing waits.
async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(KEPT).await;
        let Some(pool) = pool.upgrade() else {
            return;
        };
        let mut waiting = pool.waiting();
        waiting.sweep();
        if waiting.idle.is_empty() {
            waiting.swept = false;
            return;
        }
    }
}

impl Waiting {
    fn sweep(&mut self) {
        self.idle.retain(|_, kept| {
            kept.retain(|one| !one.is_stale());
            !kept.is_empty()
        });
    }
}

impl Idle {
    fn is_stale(&self) -> bool {
        self.since.elapsed() > KEPT || self.link.is_closed()
    }
}

impl Lease {
    pub(super) fn is_fresh(&self) -> bool {
        self.origin == Origin::Fresh
    }

    /// Whether requests name their host in the target rather than in a header.
    pub(super) fn is_http2(&self) -> bool {
        self.link.is_http2()
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(&mut self, request: Request<UpstreamBody>) -> Sent {
        self.link.send(request).await
    }

    /// Moves the bytes of the answer on: see [`Link::poll`].
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        self.link.poll(cx);
    }

    /// Keeps the connection for another request. Only when an answer was read to its end.
    pub(super) fn give_back(self) {
        if !self.link.is_closed() {
            self.pool.keep(self.target, self.link);
        }
    }
}
