//! Jobs: what callers ask of the writer, and how they hear of it.

use crate::amendment::{Acceptance, Amendment, Refusal};
use crate::call::Budget;
use crate::deed::Deed;
use crate::delivery::Delivery;
use crate::error::{RecordError, StoreError};
use crate::hold::HoldBounds;
use crate::incident::Incident;
use crate::pass::{NewPass, Pass, SecretHash, SignInLink};
use crate::passkey::{Passkey, PasskeyUse};
use crate::row::NewCall;
use crate::session::StoredSession;
use crate::task::{StoredTask, TaskState};
use cordon_aws::arn::Arn;
use cordon_core::hold::{Batch, Ended, Hold, Report, Vote};
use cordon_core::names::{BatchId, HoldId, SessionId, TaskId};
use cordon_core::posture::Declared;
use cordon_core::record::CallResult;
use cordon_core::session::SessionState;
use cordon_core::task::Mode;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// How a caller hears. Nobody listens where there is none: the job lingers until others are
/// committed.
pub(super) type Reply<E> = Option<oneshot::Sender<Result<(), E>>>;

/// One thing for the writer to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Keep a decided call.
    Record {
        call: Box<NewCall>,
        budget: Budget,
        reply: Reply<RecordError>,
    },
    /// Keep what became of a call.
    Close {
        reference: Box<str>,
        /// What its answer names as made.
        made: Vec<Arn>,
        result: CallResult,
        took: Duration,
        reply: Reply<StoreError>,
    },
    /// Change a task, a session or the posture.
    Change {
        change: Box<Change>,
        reply: Reply<StoreError>,
    },
    /// Open, join, decide or end a hold.
    Hold {
        change: Box<HoldChange>,
        reply: Reply<StoreError>,
    },
    /// Show the account of a task to readers.
    Show {
        task: TaskId,
        reply: Reply<StoreError>,
    },
    /// Commit what came before.
    Flush { reply: Reply<StoreError> },
    /// Commit what came before, and end.
    ShutDown { reply: Reply<StoreError> },
}

/// A change of a task, a session, the posture or what people prove themselves with.
#[derive(Debug)]
pub(super) enum Change {
    PutTask(StoredTask),
    TaskMode(TaskId, Mode),
    TaskState(TaskId, TaskState),
    /// Stops all of them.
    StopTasks(Timestamp, Stopped),
    TaskExpires(TaskId, Timestamp),
    PutAmendment(Amendment),
    /// Says yes to an amendment, and makes the task what that asked for.
    Accept(Acceptance),
    Decline(Refusal),
    PutSession(StoredSession),
    SessionState(SessionId, SessionState),
    DeclarePosture(Box<Declared>),
    LiftPosture(Box<str>),
    /// With the posture that it raises.
    Incident(Box<Incident>, Option<Box<Declared>>),
    PutLink(SignInLink),
    /// Uses a link up, for a pass.
    SignIn(SecretHash, NewPass),
    PutPass(Pass),
    RevokePass(Box<str>, Timestamp),
    PutPasskey(Passkey),
    /// For a link.
    UsePasskey(PasskeyUse, SignInLink),
    RevokePasskey(Box<str>, Timestamp),
    Delivery(Delivery),
    Deed(Deed),
    Heed(u64),
}

/// Where it is put which tasks were stopped. Whole once the change is committed.
pub(super) type Stopped = Arc<Mutex<Vec<TaskId>>>;

/// A change of a hold.
#[derive(Debug)]
pub(super) enum HoldChange {
    Open(Box<Hold>, HoldBounds),
    Join(HoldId),
    /// With the revision that the voter knew of.
    Vote(HoldId, u64, Vote),
    /// With the revision that the reporter knew of.
    Report(HoldId, u64, Report),
    End(HoldId, Ended),
    /// With the one whose place it takes.
    Propose(Box<Batch>, Option<BatchId>, HoldBounds),
    /// On all of its holds or on one, with the revision of the batch that the voter knew of.
    VoteOnBatch(BatchId, Option<HoldId>, u64, Vote),
}

impl Change {
    /// Whether others are told that something changed: nobody decides by what a channel was told, by what was
    /// done before and by what is heeded.
    pub(super) fn is_told(&self) -> bool {
        !matches!(self, Self::Delivery(_) | Self::Deed(_) | Self::Heed(_))
    }
}

impl HoldChange {
    /// What it changes, and which.
    pub(super) fn thing(&self) -> (&'static str, String) {
        match self {
            Self::Open(hold, _) => ("hold", hold.id.to_string()),
            Self::Join(id) | Self::Vote(id, ..) | Self::Report(id, ..) | Self::End(id, _) => {
                ("hold", id.to_string())
            }
            Self::Propose(batch, ..) => ("batch", batch.id.to_string()),
            Self::VoteOnBatch(id, ..) => ("batch", id.to_string()),
        }
    }
}

/// Which jobs of a batch, by their place in it, did not succeed although the batch did.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    pub(super) records: HashMap<usize, RecordError>,
    pub(super) others: HashMap<usize, StoreError>,
}

impl Job {
    /// Whether somebody waits for its commit.
    pub(super) fn is_awaited(&self) -> bool {
        match self {
            Self::Record { reply, .. } => reply.is_some(),
            Self::Close { reply, .. }
            | Self::Change { reply, .. }
            | Self::Hold { reply, .. }
            | Self::Show { reply, .. }
            | Self::Flush { reply }
            | Self::ShutDown { reply } => reply.is_some(),
        }
    }

    /// Tells the caller that the job, `place` in its batch, is committed or refused. Gives the
    /// job that undoes it where its caller has gone away and so will not let the call leave.
    pub(super) fn committed(self, place: usize, refusals: &mut Refusals) -> Option<Self> {
        match self {
            Self::Record { call, reply, .. } => {
                let refused = refusals.records.remove(&place);
                let Some(reply) = reply else {
                    if let Some(error) = refused {
                        tracing::error!(reference = %call.reference, %error, "a read was let go and could not be recorded");
                    }
                    return None;
                };
                let stays_open = refused.is_none() && call.outcome.allowed();
                let unheard = reply.send(refused.map_or(Ok(()), Err)).is_err();
                (unheard && stays_open).then(|| Self::Close {
                    reference: call.reference,
                    made: Vec::new(),
                    result: CallResult::NotSent {
                        why: "its client went away before it left".into(),
                    },
                    took: Duration::ZERO,
                    reply: None,
                })
            }
            Self::Close { reply, .. }
            | Self::Change { reply, .. }
            | Self::Hold { reply, .. }
            | Self::Show { reply, .. }
            | Self::Flush { reply }
            | Self::ShutDown { reply } => {
                let refused = refusals.others.remove(&place);
                answer(reply, refused.map_or(Ok(()), Err));
                None
            }
        }
    }

    /// Tells the caller that the job failed. Gives it back where nobody waits for it, so that it
    /// is tried again.
    pub(super) fn failed(self, error: &StoreError) -> Option<Self> {
        if !self.is_awaited() {
            return Some(self);
        }
        match self {
            Self::Record { reply, .. } => answer(reply, Err(error.clone().into())),
            Self::Close { reply, .. }
            | Self::Change { reply, .. }
            | Self::Hold { reply, .. }
            | Self::Show { reply, .. }
            | Self::Flush { reply }
            | Self::ShutDown { reply } => answer(reply, Err(error.clone())),
        }
        None
    }
}

/// A caller that went away misses nothing: what it asked for is done or is not.
fn answer<E: std::fmt::Display>(reply: Reply<E>, done: Result<(), E>) {
    match (reply, done) {
        (Some(reply), done) => drop(reply.send(done)),
        (None, Err(error)) => tracing::error!(%error, "an outcome could not be recorded"),
        (None, Ok(())) => {}
    }
}
