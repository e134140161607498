//! Whether a session still stands while a call of its is under way.
//!
//! A call is decided under the snapshot of the moment it began, and may stream for hours. Stopping
//! a session is for now, not for what begins next: what has not left by then does not leave, an
//! upload is cut before its end, and no more of an answer comes down.

use crate::clock::Clock;
use crate::line::Line;
use crate::live::{Live, Snapshot};
use cordon_aws::sigv4::AccessKeyId;
use cordon_core::decide::Posture;
use cordon_core::names::SessionId;
use cordon_core::posture::{Announced, Concerned, Declared};
use cordon_core::refusal::Failure;
use cordon_core::session::{Session, SessionState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The shortest, for a clock that stands still.
const PAUSE: Duration = Duration::from_millis(1);
/// The longest that the clock is not looked at, so that one that was set is noticed.
const LOOK: Duration = Duration::from_secs(30);
/// The longest where a posture is declared, which may begin by the time alone.
const SOON: Duration = Duration::from_millis(250);

/// One session, looked at while a call of it is under way.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    live: Arc<Live>,
    clock: Clock,
    changes: watch::Receiver<u64>,
    key_id: AccessKeyId,
    session: SessionId,
    concerned: Concerned,
    /// Whether the call was decided while changes like it were frozen, by those who may.
    in_freeze: bool,
}

/// What a call still needs its session for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// To send a change.
    Change,
    /// To send a read, or to see an answer.
    Look,
}

/// Why a session does not stand any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fallen {
    #[error("the session was stopped while its call was under way")]
    Stopped,
    #[error("the task, or the session of a role, ended while its call was under way")]
    Expired,
    #[error("the session was paused while its change was under way")]
    Paused,
    #[error("changes were frozen while this one was under way")]
    Frozen,
}

impl Fallen {
    /// What the agent is told.
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::Stopped | Self::Expired | Self::Paused => Failure::SessionOver,
            Self::Frozen => Failure::Frozen,
        }
    }
}

impl Standing {
    /// Of a call that is `concerned` and was decided while it had to be as careful as `posture` says.
    pub(crate) fn of(
        line: &Line,
        session: &Session,
        concerned: &Concerned,
        posture: Posture,
    ) -> Self {
        Self {
            live: Arc::clone(&line.live),
            clock: line.clock.clone(),
            changes: line.live.changes(),
            key_id: session.key_id.clone(),
            session: session.id.clone(),
            concerned: concerned.clone(),
            in_freeze: posture == Posture::Freeze,
        }
    }

    /// Whether it stands at this moment.
    pub(crate) fn check(&self, need: Need) -> Result<(), Fallen> {
        self.left(need).map(|_| ())
    }

    /// What leaders say at this moment to calls like this one.
    pub(crate) fn announced(&self) -> Option<Announced> {
        let now = self.live.snapshot();
        let in_force = now.posture.in_force(&self.concerned, self.clock.now());
        in_force.map(Declared::announced)
    }

    /// Waits until it does not stand any more.
    pub(crate) async fn fallen(&mut self, need: Need) -> Fallen {
        loop {
            self.changes.mark_unchanged();
            let left = match self.left(need) {
                Ok(left) => left,
                Err(fallen) => return fallen,
            };
            tokio::select! {
                _ = self.changes.changed() => {}
                () = tokio::time::sleep(left.clamp(PAUSE, LOOK)) => {}
            }
        }
    }

    /// For how long it stands if nothing changes.
    fn left(&self, need: Need) -> Result<Duration, Fallen> {
        let now = self.live.snapshot();
        let session = self.session(&now).ok_or(Fallen::Stopped)?;
        let moment = self.clock.now();
        let left = session.ends().duration_since(moment);
        if left.is_negative() || left.is_zero() {
            return Err(Fallen::Expired);
        }
        let left = match now.posture.is_empty() {
            true => left.unsigned_abs(),
            false => left.unsigned_abs().min(SOON),
        };
        let frozen = || now.posture.posture(&self.concerned, moment) == Posture::Freeze;
        match need {
            Need::Change if session.state == SessionState::Paused => Err(Fallen::Paused),
            Need::Change if !self.in_freeze && frozen() => Err(Fallen::Frozen),
            Need::Change | Need::Look => Ok(left),
        }
    }

    fn session<'s>(&self, now: &'s Snapshot) -> Option<&'s Arc<Session>> {
        let session = now.sessions.find(&self.key_id)?;
        (session.id == self.session).then_some(session)
    }
}
