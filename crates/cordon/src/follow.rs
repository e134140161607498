//! The calls of a session as they happen, in plain lines: what changes something or is refused at once,
//! reads folded into one line before it.

use crate::attend::Attended;
use crate::cmd::call_line;
use crate::failure::Failure;
use crate::output;
use crate::wiring::store_failed;
use cordon_core::names::SessionId;
use cordon_store::{CallFilter, Store, StoredCall};
use std::sync::Arc;

/// Calls that are taken in at once.
const AT_ONCE: u32 = 500;

/// Who follows one session, with those that descend from it: a tool that assumes roles does its work as them.
pub(crate) struct Follow {
    store: Arc<dyn Store>,
    session: SessionId,
    /// The last call that was taken in, of any session.
    after: u64,
    /// Reads since the last line.
    reads: u64,
}

impl Follow {
    /// Follows the session of `attended` from here on.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn of(attended: &Attended) -> Result<Self, Failure> {
        let latest = CallFilter {
            limit: Some(1),
            ..CallFilter::default()
        };
        let latest = attended.store.search(&latest).await.map_err(store_failed)?;
        Ok(Self {
            store: Arc::clone(&attended.store),
            session: attended.session.id.clone(),
            after: latest.first().map_or(0, |call| call.sequence),
            reads: 0,
        })
    }

    /// Shows what happened since.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn step(&mut self) -> Result<(), Failure> {
        loop {
            let calls = self.store.tail(self.after, AT_ONCE).await;
            let calls = calls.map_err(store_failed)?;
            let Some(last) = calls.last() else {
                return Ok(());
            };
            self.after = last.sequence;
            for call in &calls {
                if call.is_of(self.session.as_str()) {
                    self.take(call);
                }
            }
        }
    }

    /// Shows what happened until the end.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn end(mut self) -> Result<(), Failure> {
        self.step().await?;
        self.fold();
        Ok(())
    }

    fn take(&mut self, call: &StoredCall) {
        if !call.record.mutates && call.record.outcome.allowed() {
            self.reads += 1;
            return;
        }
        self.fold();
        output::error_line(format_args!("{}", call_line(call)));
    }

    /// Says how many reads went before.
    fn fold(&mut self) {
        match std::mem::take(&mut self.reads) {
            0 => {}
            1 => output::error_line(format_args!("          1 read")),
            reads => output::error_line(format_args!("          {reads} reads")),
        }
    }
}
