//! What became of a call that left: kept when it is known, whoever is still there to hear it.
//!
//! Takes the proof that a call was recorded, and the end of its answer; closes the record. The
//! status of an answer says what became of most calls, and its body of the rest: see
//! [`cordon_aws::told`]. An answer that the agent does not read to its end is read to its end here
//! where only that tells.

use crate::forward::{Answered, Content, End};
use crate::known::Changing;
use crate::line::{Line, UnderWay};
use crate::meter::Meter;
use crate::trace::chain;
use cordon_aws::arn::Arn;
use cordon_aws::told::{Heard, Told};
use cordon_core::names::Reference;
use cordon_core::record::{AnswerFault, CallResult};
use cordon_store::{Recorded, Store};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A recorded call whose outcome is still open.
#[derive(Debug)]
pub(super) struct Open {
    recorded: Recorded,
    reference: Reference,
    decided: Instant,
    store: Arc<dyn Store>,
    under_way: Arc<UnderWay>,
    /// Held until the outcome is kept, where the call may change something.
    pub(super) changing: Option<Changing>,
    /// Nothing is waited for any more.
    cut: CancellationToken,
    /// How long the rest of an answer that nobody else reads is read.
    patience: Duration,
}

/// What the head of an answer says.
#[derive(Debug)]
pub(super) struct Head {
    status: u16,
    request_id: Box<str>,
    told_by: ToldBy,
}

/// What tells what became of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToldBy {
    Status,
    Body,
}

impl Head {
    pub(super) fn of(answered: &Answered, told_by: ToldBy) -> Self {
        Self {
            status: answered.status.as_u16(),
            request_id: answered.request_id.clone(),
            told_by,
        }
    }

    /// What became of a call whose answer did not come to its end.
    fn cut(self, why: impl Into<Box<str>>) -> CallResult {
        match self.told_by {
            ToldBy::Status => self.but(AnswerFault::Cut, why),
            ToldBy::Body => CallResult::Indeterminate { why: why.into() },
        }
    }

    fn but(self, fault: AnswerFault, why: impl Into<Box<str>>) -> CallResult {
        CallResult::Faulted {
            fault,
            status: self.status,
            request_id: self.request_id,
            why: why.into(),
        }
    }

    /// The same, with what the answer names as made.
    fn heard(self, heard: Option<Heard>) -> (CallResult, Vec<Arn>) {
        match heard {
            Some(Heard { told, made }) => (self.and(Some(told)), made),
            None => (self.and(None), Vec::new()),
        }
    }

    /// What became of a call whose answer came to its end.
    fn and(self, told: Option<Told>) -> CallResult {
        match told {
            None | Some(Told::Done) => CallResult::Answered {
                status: self.status,
                request_id: self.request_id,
            },
            Some(Told::Failed(code)) => self.but(AnswerFault::Failed, code),
            Some(Told::Partial(1)) => self.but(AnswerFault::Partial, "1 part was not done"),
            Some(Told::Partial(parts)) => {
                self.but(AnswerFault::Partial, format!("{parts} parts were not done"))
            }
            Some(Told::Unread) => CallResult::Indeterminate {
                why: "the body of the answer, which tells what was done, could not be read".into(),
            },
        }
    }
}

impl Open {
    pub(super) fn of(
        line: &Line,
        recorded: Recorded,
        reference: &Reference,
        decided: Instant,
    ) -> Self {
        Self {
            recorded,
            reference: reference.clone(),
            decided,
            store: Arc::clone(&line.store),
            under_way: Arc::clone(&line.under_way),
            changing: None,
            cut: line.cut.clone(),
            patience: line.bounds.deadlines.answer,
        }
    }

    /// Keeps what became of a call that was answered so.
    pub(super) async fn keep(self, head: Head, end: End) {
        let (result, made) = match end {
            End::Whole(heard) => head.heard(heard),
            End::Broken(error) => (head.cut(chain(&error).to_string()), Vec::new()),
            End::Left(content, why) if !content.listens() => (head.cut(why), Vec::new()),
            End::Left(content, why) => match self.rest(content).await {
                Some(heard) => head.heard(Some(heard)),
                None => (head.cut(why), Vec::new()),
            },
        };
        self.tell(&result);
        self.settle(result, made).await;
    }

    /// Tells the operator of an answer whose status is not all of it.
    fn tell(&self, result: &CallResult) {
        let (fault, why) = match result {
            CallResult::Answered { .. } | CallResult::NotSent { .. } => return,
            CallResult::Faulted { fault, why, .. } => (fault.as_str(), why),
            CallResult::Indeterminate { why } => ("indeterminate", why),
        };
        let reference = &self.reference;
        tracing::warn!(%reference, fault, why, "the status of an answer is not all of it");
        Meter::answer_fault(fault);
    }

    async fn rest(&self, content: Box<Content>) -> Option<Heard> {
        tokio::select! {
            told = timeout(self.patience, content.tell()) => told.ok()?,
            () = self.cut.cancelled() => None,
        }
    }

    /// Keeps what became of a call that made nothing.
    pub(super) async fn close(self, result: CallResult) {
        self.settle(result, Vec::new()).await;
    }

    async fn settle(self, result: CallResult, made: Vec<Arn>) {
        let Self {
            recorded,
            reference,
            decided,
            store,
            under_way,
            changing,
            ..
        } = self;
        if let Err(error) = store
            .close(recorded.made(made), result, decided.elapsed())
            .await
        {
            tracing::error!(%reference, error = %chain(&error), "an outcome could not be recorded");
        }
        drop(changing);
        under_way.end(&reference);
    }
}
