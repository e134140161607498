//! The posture: how careful everyone is, and changing it. Raising is easy, lowering is not; an end that
//! is said in advance is a lowering too, unless the posture is normal anyway.

use super::deeds::write_down;
use super::input::{Body, prose};
use super::moment;
use crate::failure::ApiError;
use crate::plane::Plane;
use crate::visitor::Visitor;
use axum::Json;
use axum::extract::State;
use cordon_core::control::Deed;
use cordon_core::decide::Posture;
use cordon_core::inert::inert;
use cordon_store::StandingPosture;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// How long a message may be.
const LONGEST: usize = 500;

/// How far ahead an end may be.
const FARTHEST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How careful everyone is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PostureShown {
    /// `normal`, `elevated`, `freeze`.
    pub posture: String,
    /// What was said with it.
    pub message: String,
    /// Who set it; empty where nobody did.
    pub by: String,
    /// When it was set.
    pub since: Option<String>,
    /// When it is normal again by itself.
    pub until: Option<String>,
}

/// A change of the posture.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostureBody {
    /// `normal`, `elevated`, `freeze`.
    pub to: String,
    /// What people and agents are told.
    pub message: String,
    /// When it is normal again by itself: `2026-11-28T18:00:00Z`.
    #[serde(default)]
    pub until: Option<String>,
}

/// How careful is everyone?
#[utoipa::path(get, operation_id = "showPosture", path = "/api/v1/posture", responses((status = 200, body = PostureShown), (status = "default", body = ApiError)))]
pub(super) async fn show(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
) -> Result<Json<PostureShown>, ApiError> {
    plane.permit(&visitor, Deed::ViewPosture)?;
    let standing = plane.store.posture().await?;
    Ok(Json(PostureShown::of(&standing, plane.now())))
}

/// Let everyone be more careful, or less.
#[utoipa::path(post, operation_id = "changePosture", path = "/api/v1/posture", request_body = PostureBody, responses((status = 200, body = PostureShown), (status = "default", body = ApiError)))]
pub(super) async fn change(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Body(body): Body<PostureBody>,
) -> Result<Json<PostureShown>, ApiError> {
    let now = plane.now();
    let to = Posture::named(&body.to);
    let to = to.ok_or_else(|| ApiError::malformed("the posture is normal, elevated or freeze"))?;
    let until = end(&body, to, now)?;
    let message = prose(&body.message, LONGEST)?;
    if message.is_empty() {
        return Err(ApiError::malformed(
            "say in `message` what people and agents are told",
        ));
    }
    let _alone = plane.posture.lock().await;
    let standing = plane.store.posture().await?;
    let deed = match lowers(&standing, to, until, now) {
        true => Deed::LowerPosture,
        false => Deed::RaisePosture,
    };
    let granted = plane.permit(&visitor, deed)?;
    let what = match deed {
        Deed::LowerPosture => "lower-posture",
        _ => "raise-posture",
    };
    let person = granted.person().as_str();
    write_down(&plane, person, what, to.as_str(), &message).await?;
    let changed = StandingPosture {
        posture: to,
        message,
        by: granted.person().as_str().into(),
        since: now,
        until,
    };
    plane.store.set_posture(changed.clone()).await?;
    plane.put_in_force().await?;
    tracing::warn!(posture = to.as_str(), by = %granted.person(), "the posture was changed");
    Ok(Json(PostureShown::of(&changed, now)))
}

fn end(body: &PostureBody, to: Posture, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = &body.until else {
        return Ok(None);
    };
    let until: Option<Timestamp> = text.parse().ok();
    let until = until
        .ok_or_else(|| ApiError::malformed("`until` is not a time such as 2026-11-28T18:00:00Z"))?;
    let farthest = now.saturating_add(FARTHEST).unwrap_or(Timestamp::MAX);
    match to != Posture::Normal && now < until && until <= farthest {
        true => Ok(Some(until)),
        false => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "no-such-end",
            "`until` is the end of a raised posture, within the next 30 days",
            "leave it out, or name another time",
        )),
    }
}

/// Whether everyone would be less careful at any moment than as things stand.
fn lowers(
    standing: &StandingPosture,
    to: Posture,
    until: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let rank = |posture| Posture::ALL.iter().position(|one| *one == posture);
    let current = standing.at(now);
    let sooner = match (until, standing.until) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(until), Some(before)) => until < before,
    };
    rank(to) < rank(current) || (current != Posture::Normal && sooner)
}

impl PostureShown {
    pub(super) fn of(standing: &StandingPosture, now: Timestamp) -> Self {
        let over = standing.until.is_some_and(|until| until <= now);
        Self {
            posture: standing.at(now).as_str().to_owned(),
            message: match over {
                true => String::new(),
                false => inert(&standing.message, LONGEST),
            },
            by: inert(&standing.by, 100),
            since: (!standing.by.is_empty()).then(|| moment(standing.since)),
            until: standing.until.filter(|_| !over).map(moment),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    #[test]
    fn to_be_less_careful_at_any_moment_is_to_lower() {
        use Posture::{Elevated, Freeze, Normal};
        let check = |(before, its_end): (Posture, Option<i64>), to, end: Option<i64>, expected| {
            let standing = StandingPosture {
                posture: before,
                until: its_end.map(at),
                ..StandingPosture::default()
            };
            let found = lowers(&standing, to, end.map(at), at(10));
            assert_eq!(
                found, expected,
                "{before:?} until {its_end:?} to {to:?} until {end:?}"
            );
        };
        check((Normal, None), Elevated, None, false);
        check((Normal, None), Freeze, Some(11), false);
        check((Elevated, None), Freeze, None, false);
        check((Elevated, None), Freeze, Some(11), true);
        check((Elevated, Some(30)), Freeze, Some(29), true);
        check((Elevated, Some(30)), Freeze, Some(30), false);
        check((Freeze, Some(30)), Freeze, None, false);
        check((Freeze, None), Elevated, None, true);
        check((Freeze, None), Normal, None, true);
        // Its time is over: it is normal already.
        check((Freeze, Some(10)), Elevated, Some(11), false);
        check((Freeze, Some(10)), Normal, None, false);
    }
}
