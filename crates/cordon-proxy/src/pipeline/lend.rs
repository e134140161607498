//! Virtual credentials: the answer to a call that Cordon answers itself.
//!
//! Takes the permit of such a call; gives the keys of a new child session, in the shape in which STS
//! or S3 would give real ones. The broker sees that AWS lets the role be assumed, the store keeps the child,
//! and the answer goes down once the data plane serves it, so that its first call is not a
//! stranger's. The request itself never leaves, and no real key comes up here.

use super::depart::{DepartError, Departure, unanswered};
use super::outcome::Open;
use super::stop::Stopped;
use crate::http1::{Reply, ReplyBody};
use crate::line::Line;
use crate::meter::Meter;
use crate::standing::{Fallen, Need};
use cordon_aws::lend::{AssumedRoleUser, Lent, answer};
use cordon_core::decide::Permit;
use cordon_core::loan::Loan;
use cordon_core::record::CallResult;
use cordon_core::refusal::Failure;
use cordon_core::session::{
    DescentError, Placeholder, PlaceholderKind, Session, SessionState, Sessions,
};
use cordon_store::{Recorded, StoreError, StoredSession};
use jiff::Timestamp;
use std::sync::Arc;
use tokio::time::timeout;
use zeroize::Zeroize as _;

/// Children that a task has at one time. Terraform has a handful, CDK five for each environment.
const MOST: usize = 64;

/// Why nothing is lent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LendError {
    #[error("the task has {MOST} child sessions already")]
    TooMany,
    #[error("the system gave no randomness: {0}")]
    Randomness(getrandom::Error),
    #[error("the child session cannot be begun")]
    Descent(#[source] DescentError),
    #[error("the child session could not be kept")]
    Store(#[source] StoreError),
    #[error("the child session is not served")]
    NotServed,
    #[error("the credentials are not given out")]
    Fallen(#[source] Fallen),
}

impl LendError {
    /// A word of a closed list.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::TooMany => "too-many-sessions",
            Self::Fallen(_) => "session-over",
            Self::Randomness(_) | Self::Descent(_) | Self::Store(_) | Self::NotServed => "lend",
        }
    }

    /// What the agent is told.
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::TooMany => Failure::TooManySessions,
            Self::Fallen(fallen) => fallen.failure(),
            // The store refuses the child of a session that was stopped in the meantime.
            Self::Store(StoreError::Unknown { .. }) => Failure::SessionOver,
            Self::Randomness(_) | Self::Descent(_) | Self::Store(_) | Self::NotServed => {
                Failure::NotRecorded
            }
        }
    }
}

/// Begins the child that `permit` is for, or finds the one that goes on, and answers with its keys.
pub(super) async fn lend(
    line: &Line,
    permit: &Permit,
    departure: &Departure,
) -> Result<Reply, DepartError> {
    line.under_way.begin(&departure.reference);
    let now = line.clock.now();
    let sessions = Arc::clone(&line.live.snapshot().sessions);
    let loan = permit
        .loan()
        .ok_or(DepartError::Lend(LendError::NotServed))?;
    if let Some(running) = loan.running(permit.assessed().session(), &sessions, now) {
        let stands = departure.standing.check(Need::Look);
        let stands = stands.map_err(LendError::Fallen);
        let lent = stands.and_then(|_| reply(loan, running, None, departure));
        return lent.map_err(DepartError::Lend);
    }
    let child = begin(permit, loan, &sessions, now).map_err(DepartError::Lend)?;
    let is_live = || departure.standing.check(Need::Look).is_ok();
    let lending = line.broker.lend(permit, &child.id, now, is_live);
    let assumed = lending.await.map_err(DepartError::Mint)?;
    let kept = keep(line, &child, departure).await;
    kept.map_err(DepartError::Lend)?;
    reply(loan, &child, assumed.as_ref(), departure).map_err(DepartError::Lend)
}

/// The child that `permit` is for, which nobody knows yet.
fn begin(
    permit: &Permit,
    loan: &Loan,
    sessions: &Sessions,
    now: Timestamp,
) -> Result<Session, LendError> {
    let parent = permit.assessed().session();
    let children = sessions.iter().filter(|session| {
        session.descent.is_some() && session.task.id() == parent.task.id() && !session.is_over(now)
    });
    if children.count() >= MOST {
        return Err(LendError::TooMany);
    }
    let mut random = [0; Placeholder::RANDOM];
    getrandom::fill(&mut random).map_err(LendError::Randomness)?;
    let placeholder = Placeholder::of(PlaceholderKind::Lent, &random);
    random.zeroize();
    let terms = loan.terms(parent, now);
    let child = Session::child(parent, placeholder, terms, now, SessionState::Live);
    child.map_err(LendError::Descent)
}

/// Keeps the child, and waits until its calls are taken.
async fn keep(line: &Line, child: &Session, departure: &Departure) -> Result<(), LendError> {
    let mut changes = line.live.changes();
    let stored = stored(child).ok_or(LendError::NotServed)?;
    let terms = stored.child.clone();
    line.store
        .put_session(stored)
        .await
        .map_err(LendError::Store)?;
    let served = async {
        while line.live.snapshot().sessions.find(&child.key_id).is_none() {
            let stands = departure.standing.check(Need::Look);
            stands.map_err(LendError::Fallen)?;
            if changes.changed().await.is_err() {
                return Err(LendError::NotServed);
            }
        }
        Ok(())
    };
    timeout(line.bounds.deadlines.look, served)
        .await
        .map_err(|_| LendError::NotServed)??;
    let role = terms.as_ref().and_then(|terms| terms.role.as_ref());
    let express = terms.as_ref().and_then(|terms| terms.express.as_ref());
    tracing::info!(
        reference = %departure.reference,
        task = %child.task.id(),
        session = %child.id,
        role = role.map(|role| role.arn.as_str()),
        bucket = express.map(|express| express.bucket.as_str()),
        ends = %child.ends(),
        "a child session has begun"
    );
    Ok(())
}

fn reply(
    loan: &Loan,
    child: &Session,
    assumed: Option<&AssumedRoleUser>,
    departure: &Departure,
) -> Result<Reply, LendError> {
    let lent = Lent {
        key_id: &child.key_id,
        secret: child.keys.secret(),
        token: child.token().ok_or(LendError::NotServed)?.secret(),
        ends: child.ends(),
        assumed,
    };
    let reference = departure.reference.as_str();
    let (parts, body) = answer(loan.lending(), &lent, reference).into_parts();
    Ok(Reply {
        status: parts.status,
        headers: parts.headers,
        body: ReplyBody::Whole(body),
    })
}

/// A child as the store keeps it.
fn stored(session: &Session) -> Option<StoredSession> {
    let descent = session.descent.as_ref()?;
    Some(StoredSession {
        id: session.id.clone(),
        task: session.task.id().clone(),
        key_id: session.key_id.clone(),
        secret: session.keys.secret().clone(),
        agent: session.agent.clone(),
        account: session.account.clone(),
        started: session.started,
        state: session.state,
        child: Some(descent.terms().clone()),
    })
}

/// Has recorded what became of the call, then lets the answer go.
pub(super) async fn close(
    line: &Line,
    recorded: Recorded,
    departure: &Departure,
    lent: Result<Reply, DepartError>,
) -> Result<Reply, Stopped> {
    let open = Open::of(line, recorded, &departure.reference, departure.decided);
    match lent {
        Ok(reply) => {
            open.close(CallResult::Answered {
                status: reply.status.as_u16(),
                request_id: departure.reference.as_str().into(),
            })
            .await;
            Meter::request(departure.service, "allow");
            Ok(reply)
        }
        Err(error) => {
            open.close(error.result()).await;
            Err(unanswered(departure, &error))
        }
    }
}
