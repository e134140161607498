//! Events: what changes, as it changes, in the form of server-sent events. Who follows hears of each
//! hold that they may look at when it appears and whenever it stands otherwise, and of the posture.
//!
//! Nothing is kept for who does not read: the next event is made when it is asked for, from what
//! stands then.

use super::holds::Sight;
use super::posture::{PosturePage, PostureShown};
use crate::failure::ApiError;
use crate::plane::Plane;
use crate::visitor::Visitor;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use cordon_core::control::Deed;
use cordon_core::names::HoldId;
use cordon_store::HoldFilter;
use futures_util::stream::{self, Stream};
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often what follows from the time alone is looked for.
const BEAT: Duration = Duration::from_secs(5);
/// How soon it is looked again for what is being written down.
const SOON: Duration = Duration::from_millis(50);
/// How long one stream lives; its client asks again.
const LIFETIME: Duration = Duration::from_secs(3600);
/// How many follow at one time.
const FOLLOWERS: usize = 128;

/// What changes, as it changes: events `hold`, `posture` (of everything) and `postures` (all of them).
#[utoipa::path(get, operation_id = "followEvents", path = "/api/v1/events", responses((status = 200, content_type = "text/event-stream", body = String), (status = "default", body = ApiError)))]
pub(super) async fn follow(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    plane.permit(&visitor, Deed::ViewPosture)?;
    let Some(place) = Place::take(&plane) else {
        return Err(ApiError::busy());
    };
    let follower = Follower {
        changes: plane.store.changes(),
        plane,
        visitor,
        told: HashMap::new(),
        posture: None,
        postures: None,
        ready: VecDeque::new(),
        unwritten: false,
        until: Instant::now() + LIFETIME,
        _place: place,
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// One of the places for followers; given back when it is dropped.
struct Place(Arc<Plane>);

impl Place {
    fn take(plane: &Arc<Plane>) -> Option<Self> {
        use std::sync::atomic::Ordering;
        let taken = plane
            .followers
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
                (taken < FOLLOWERS).then_some(taken + 1)
            });
        taken.is_ok().then(|| Self(Arc::clone(plane)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        use std::sync::atomic::Ordering;
        self.0.followers.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Someone who follows, and what they were told.
struct Follower {
    plane: Arc<Plane>,
    visitor: Visitor,
    changes: watch::Receiver<u64>,
    told: HashMap<HoldId, (&'static str, u64)>,
    posture: Option<PostureShown>,
    postures: Option<PosturePage>,
    ready: VecDeque<Event>,
    /// Whether some call was being written down when it was looked.
    unwritten: bool,
    until: Instant,
    _place: Place,
}

impl Follower {
    /// The next event; nothing where the stream ends, because who follows is not signed in any more,
    /// its time is over, or the state cannot be read.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            self.changes.mark_unchanged();
            self.visitor = self.visitor.again(&self.plane).await.ok()?;
            self.unwritten = false;
            self.look().await.ok()?;
            if !self.ready.is_empty() {
                continue;
            }
            let now = Instant::now();
            if now >= self.until {
                return None;
            }
            let beat = if self.unwritten { SOON } else { BEAT };
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                () = self.plane.closing.cancelled() => return None,
                () = tokio::time::sleep_until(self.until.min(now + beat)) => {}
            }
        }
    }

    async fn look(&mut self) -> Result<(), ApiError> {
        let plane = Arc::clone(&self.plane);
        plane.permit(&self.visitor, Deed::ViewPosture)?;
        let now = plane.now();
        let declared = plane.store.postures().await?;
        let posture = PostureShown::of_everything(&declared, now);
        if self.posture.as_ref() != Some(&posture) {
            let event = Event::default().event("posture").json_data(&posture);
            self.ready.extend(event);
            self.posture = Some(posture);
        }
        let postures = PosturePage::of(&declared, now);
        if self.postures.as_ref() != Some(&postures) {
            let event = Event::default().event("postures").json_data(&postures);
            self.ready.extend(event);
            self.postures = Some(postures);
        }
        let open = HoldFilter {
            under_way: true,
            limit: Some(500),
            ..HoldFilter::default()
        };
        let mut holds = plane.store.holds(&open).await?;
        // What was under way and is not any more ended: that is told, once.
        for id in self.told.keys() {
            if !holds.iter().any(|hold| hold.id == *id) {
                holds.extend(plane.store.hold(id).await?);
            }
        }
        for hold in holds {
            let standing = hold.standing(&plane.people(), now).as_str();
            let state = (standing, hold.revision());
            if self.told.get(&hold.id) == Some(&state) {
                continue;
            }
            if plane.permit(&self.visitor, Deed::ViewHold(&hold)).is_err() {
                continue;
            }
            let (id, ended) = (hold.id.clone(), hold.ended.is_some());
            let sight = Sight::of(&plane, hold).await?;
            if !sight.is_whole() {
                self.unwritten = true;
                continue;
            }
            match ended {
                true => self.told.remove(&id),
                false => self.told.insert(id, state),
            };
            let shown = Event::default().event("hold").json_data(sight.summary());
            self.ready.extend(shown);
        }
        Ok(())
    }
}
