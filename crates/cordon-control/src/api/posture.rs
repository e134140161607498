//! The posture: how careful agents are to be, and changing it: for everything, an environment or a team;
//! at once, from one moment until another, or in a part of every week. Raising is easy, lowering is not;
//! an end that is said in advance is a lowering too, unless the posture is normal anyway. What is
//! scheduled adds to what stands, and so never lowers; taking it back does.

use super::deeds::write_down;
use super::input::{Body, Named, prose};
use super::moment;
use crate::failure::ApiError;
use crate::plane::Plane;
use crate::visitor::Visitor;
use axum::Json;
use axum::extract::State;
use cordon_core::control::Deed;
use cordon_core::decide::Posture;
use cordon_core::inert::inert;
use cordon_core::posture::{Declared, Scope, Weekly, When, strictest};
use http::StatusCode;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use utoipa::ToSchema;

/// How long a message may be.
const LONGEST: usize = 500;

/// How far ahead an end may be.
const FARTHEST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How far ahead something may be scheduled.
const SCHEDULED: SignedDuration = SignedDuration::from_hours(400 * 24);

/// How many declarations there may be.
const MOST: usize = 100;

/// One declaration of how careful to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PostureShown {
    /// What it is named by: its scope, or `P-...` where it is scheduled.
    pub id: String,
    /// `everything`, `environment:NAME`, `team:NAME`.
    pub scope: String,
    /// `normal`, `elevated`, `freeze`.
    pub posture: String,
    /// What was said with it.
    pub message: String,
    /// Who set it; empty where nobody did.
    pub by: String,
    /// When it was set.
    pub since: Option<String>,
    /// From when on it holds, where that is scheduled.
    pub from: Option<String>,
    /// When it is over by itself.
    pub until: Option<String>,
    /// In which part of every week it holds.
    pub weekly: Option<String>,
    /// By the clocks of which time zone.
    pub zone: Option<String>,
    /// Whether it holds now.
    pub in_force: bool,
}

/// Every declaration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PosturePage {
    /// The declarations; the strictest of those that speak of a call counts.
    pub postures: Vec<PostureShown>,
}

/// A change of the posture.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostureBody {
    /// `normal`, `elevated`, `freeze`.
    pub to: String,
    /// What people and agents are told.
    pub message: String,
    /// For calls that touch this environment, or one below it, alone.
    #[serde(default)]
    pub environment: Option<String>,
    /// For tasks of this team alone.
    #[serde(default)]
    pub team: Option<String>,
    /// Not at once, but from then on: needs `until`.
    #[serde(default)]
    pub from: Option<String>,
    /// When it is over by itself: `2026-11-28T18:00:00Z`.
    #[serde(default)]
    pub until: Option<String>,
    /// Every week: `Fri 18:00 - Mon 08:00`.
    #[serde(default)]
    pub weekly: Option<String>,
    /// By the clocks of which time zone: `Europe/Berlin`; UTC where it is not said.
    #[serde(default)]
    pub zone: Option<String>,
}

/// Why a declaration is taken back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftBody {
    /// What is written down with it.
    pub message: String,
}

/// How careful is everyone? What narrower declarations say is among all of them.
#[utoipa::path(get, operation_id = "showPosture", path = "/api/v1/posture", responses((status = 200, body = PostureShown), (status = "default", body = ApiError)))]
pub(super) async fn show(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
) -> Result<Json<PostureShown>, ApiError> {
    plane.permit(&visitor, Deed::ViewPosture)?;
    let declared = plane.store.postures().await?;
    Ok(Json(PostureShown::of_everything(&declared, plane.now())))
}

/// Everything that is declared, with what is scheduled.
#[utoipa::path(get, operation_id = "listPostures", path = "/api/v1/postures", responses((status = 200, body = PosturePage), (status = "default", body = ApiError)))]
pub(super) async fn list(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
) -> Result<Json<PosturePage>, ApiError> {
    plane.permit(&visitor, Deed::ViewPosture)?;
    let declared = plane.store.postures().await?;
    Ok(Json(PosturePage::of(&declared, plane.now())))
}

/// Let everyone be more careful, or less; or an environment, or a team; at once, or by a schedule.
#[utoipa::path(post, operation_id = "changePosture", path = "/api/v1/posture", request_body = PostureBody, responses((status = 200, body = PostureShown), (status = "default", body = ApiError)))]
pub(super) async fn change(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Body(body): Body<PostureBody>,
) -> Result<Json<PostureShown>, ApiError> {
    let now = plane.now();
    let to = Posture::named(&body.to);
    let to = to.ok_or_else(|| ApiError::malformed("the posture is normal, elevated or freeze"))?;
    let scope = scope(&plane, &body)?;
    let when = when(&body, to, now)?;
    let message = said(&body.message)?;
    let _alone = plane.posture.lock().await;
    let mut declared = plane.store.postures().await?;
    for one in declared.extract_if(.., |one| has_passed(one, now)) {
        plane.store.lift_posture(&one.id).await?;
    }
    let id = id(&scope, to, &when);
    let standing = declared.iter().find(|one| *one.id == *id);
    let deed = match lowers(standing, to, &when, now) {
        true => Deed::LowerPosture(&scope),
        false => Deed::RaisePosture(&scope),
    };
    let granted = plane.permit(&visitor, deed)?;
    if standing.is_none() && declared.len() >= MOST {
        return Err(too_many());
    }
    let changed = Declared {
        id: id.into(),
        posture: to,
        message,
        by: granted.person().as_str().into(),
        since: now,
        when,
        scope: scope.clone(),
    };
    let thing = match &scope {
        Scope::Everything => to.as_str().to_owned(),
        scope => format!("{} {scope}", to.as_str()),
    };
    let what = deed_word(deed, &changed.when);
    write_down(
        &plane,
        granted.person().as_str(),
        what,
        &thing,
        &changed.message,
    )
    .await?;
    keep(&plane, &changed).await?;
    plane.put_in_force().await?;
    tracing::warn!(posture = to.as_str(), %scope, by = %granted.person(), "the posture was changed");
    Ok(Json(PostureShown::of(&changed, now)))
}

/// Take a declaration back, be it scheduled or in force.
#[utoipa::path(post, operation_id = "liftPosture", path = "/api/v1/postures/{id}/lift", request_body = LiftBody, params(("id" = String, Path, description = "its id")), responses((status = 200, body = PosturePage), (status = "default", body = ApiError)))]
pub(super) async fn lift(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<String>,
    Body(body): Body<LiftBody>,
) -> Result<Json<PosturePage>, ApiError> {
    let message = said(&body.message)?;
    let _alone = plane.posture.lock().await;
    let declared = plane.store.postures().await?;
    let found = declared.iter().find(|one| *one.id == *id);
    let found = found.ok_or_else(|| ApiError::not_found("posture"))?;
    let granted = plane.permit(&visitor, Deed::LowerPosture(&found.scope))?;
    let person = granted.person().as_str();
    write_down(&plane, person, "lift-posture", &found.id, &message).await?;
    plane.store.lift_posture(&found.id).await?;
    plane.put_in_force().await?;
    tracing::warn!(id = %found.id, by = %granted.person(), "a posture was taken back");
    let left = plane.store.postures().await?;
    Ok(Json(PosturePage::of(&left, plane.now())))
}

/// What is normal for a part of everything is no declaration: everything's may be stricter.
async fn keep(plane: &Plane, changed: &Declared) -> Result<(), ApiError> {
    let vanishes = changed.posture == Posture::Normal && changed.scope != Scope::Everything;
    if !vanishes {
        return Ok(plane.store.declare_posture(changed.clone()).await?);
    }
    match plane.store.lift_posture(&changed.id).await {
        // It is as normal as it was.
        Ok(()) | Err(cordon_store::StoreError::Unknown { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether it was scheduled and is over.
fn has_passed(declared: &Declared, now: Timestamp) -> bool {
    matches!(declared.when, When::Between { .. }) && declared.when.is_over(now)
}

fn deed_word(deed: Deed<'_>, when: &When) -> &'static str {
    match (deed, when) {
        (Deed::LowerPosture(_), _) => "lower-posture",
        (_, When::Now { .. }) => "raise-posture",
        (_, When::Between { .. } | When::Weekly(_)) => "schedule-posture",
    }
}

fn said(message: &str) -> Result<Box<str>, ApiError> {
    let message = prose(message, LONGEST)?;
    match message.is_empty() {
        true => Err(ApiError::malformed(
            "say in `message` what people and agents are told",
        )),
        false => Ok(message),
    }
}

fn too_many() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "too-many",
        format!("there are {MOST} declarations of postures already"),
        "have an incident commander lift what is not needed any more",
    )
}

fn scope(plane: &Plane, body: &PostureBody) -> Result<Scope, ApiError> {
    let name = |error: cordon_core::names::NameError| ApiError::malformed(error.to_string());
    match (&body.environment, &body.team) {
        (None, None) => Ok(Scope::Everything),
        (None, Some(team)) => Ok(Scope::Team(team.parse().map_err(name)?)),
        (Some(environment), None) => {
            let environment = environment.parse().map_err(name)?;
            match plane.knows(&environment) {
                true => Ok(Scope::Environment(environment)),
                // It would look like a freeze, and be none.
                false => Err(ApiError::new(
                    StatusCode::BAD_REQUEST,
                    "no-such-environment",
                    "the policies in force name no such environment",
                    "see environments.toml of the policies",
                )),
            }
        }
        (Some(_), Some(_)) => Err(ApiError::malformed(
            "name an environment or a team, not both",
        )),
    }
}

fn when(body: &PostureBody, to: Posture, now: Timestamp) -> Result<When, ApiError> {
    let time = |text: &Option<String>, name: &str| match text {
        None => Ok(None),
        Some(text) => text.parse::<Timestamp>().map(Some).map_err(|_| {
            ApiError::malformed(format!(
                "`{name}` is not a time such as 2026-11-28T18:00:00Z"
            ))
        }),
    };
    let (from, until) = (time(&body.from, "from")?, time(&body.until, "until")?);
    let scheduled = from.is_some() || body.weekly.is_some();
    if scheduled && to == Posture::Normal {
        return Err(ApiError::malformed(
            "what is scheduled adds to what stands, and `normal` adds nothing",
        ));
    }
    if body.weekly.is_none() && body.zone.is_some() {
        return Err(ApiError::malformed("`zone` is for `weekly`"));
    }
    match (&body.weekly, from, until) {
        (Some(weekly), None, None) => weekly_of(weekly, body.zone.as_deref()),
        (Some(_), ..) => Err(ApiError::malformed(
            "`weekly` goes on until it is lifted: leave `from` and `until` out",
        )),
        (None, Some(from), Some(until)) => between(from, until, now),
        (None, Some(_), None) => Err(ApiError::malformed("`from` needs `until`")),
        (None, None, until) => Ok(When::Now {
            until: end(until, to, now)?,
        }),
    }
}

fn weekly_of(text: &str, zone: Option<&str>) -> Result<When, ApiError> {
    let zone = zone.unwrap_or("UTC");
    // By its name in the database of this system alone, not as a path or an expression.
    let zone = TimeZone::get(zone)
        .ok()
        .filter(|zone| zone.iana_name().is_some());
    let zone = zone.ok_or_else(|| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "no-such-zone",
            "this system knows no such time zone",
            "name one such as Europe/Berlin, or leave it out for UTC",
        )
    })?;
    let weekly = Weekly::parse(text, zone);
    let weekly = weekly.map_err(|error| ApiError::malformed(error.to_string()))?;
    Ok(When::Weekly(weekly))
}

fn between(from: Timestamp, until: Timestamp, now: Timestamp) -> Result<When, ApiError> {
    let farthest = now.saturating_add(SCHEDULED).unwrap_or(Timestamp::MAX);
    match from < until && now < until && until <= farthest {
        true => Ok(When::Between { from, until }),
        false => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "no-such-end",
            "`from` comes before `until`, and `until` is within the next 400 days",
            "name other times",
        )),
    }
}

fn end(
    until: Option<Timestamp>,
    to: Posture,
    now: Timestamp,
) -> Result<Option<Timestamp>, ApiError> {
    let Some(until) = until else {
        return Ok(None);
    };
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

/// What it is named by. What is scheduled is named by what it says, so that saying it twice is saying it
/// once.
fn id(scope: &Scope, to: Posture, when: &When) -> String {
    let when = match when {
        When::Now { .. } => return scope.to_string(),
        When::Between { from, until } => format!("{from} {until}"),
        When::Weekly(weekly) => {
            format!("{weekly} {}", weekly.zone().iana_name().unwrap_or_default())
        }
    };
    let digest = Sha256::digest(format!("{scope} {} {when}", to.as_str()));
    let digest = hex::encode_upper(digest);
    format!("P-{}", digest.get(..8).unwrap_or(&digest))
}

/// Whether anyone would have to be less careful at any moment than as things stand.
fn lowers(standing: Option<&Declared>, to: Posture, when: &When, now: Timestamp) -> bool {
    let When::Now { until } = when else {
        return false;
    };
    let Some(standing) = standing else {
        return false;
    };
    let before = match standing.when {
        When::Now { until } => until,
        When::Between { .. } | When::Weekly(_) => None,
    };
    let current = standing.at(now);
    let sooner = match (*until, before) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(until), Some(before)) => until < before,
    };
    to < current || (current != Posture::Normal && sooner)
}

impl PosturePage {
    pub(super) fn of(declared: &[Declared], now: Timestamp) -> Self {
        let left = declared.iter().filter(|one| !has_passed(one, now));
        let shown = left.map(|one| PostureShown::of(one, now));
        Self {
            postures: shown.collect(),
        }
    }
}

impl PostureShown {
    /// The strictest that speaks of everything at `now`.
    pub(super) fn of_everything(declared: &[Declared], now: Timestamp) -> Self {
        let of_everything = || declared.iter().filter(|one| one.scope == Scope::Everything);
        let standing = |one: &&Declared| matches!(one.when, When::Now { .. });
        let found = strictest(of_everything(), now);
        match found.or_else(|| of_everything().find(standing)) {
            Some(found) => Self::of(found, now),
            None => Self::of(
                &Declared {
                    id: Scope::Everything.to_string().into(),
                    scope: Scope::Everything,
                    posture: Posture::Normal,
                    message: "".into(),
                    by: "".into(),
                    since: Timestamp::UNIX_EPOCH,
                    when: When::Now { until: None },
                },
                now,
            ),
        }
    }

    pub(super) fn of(declared: &Declared, now: Timestamp) -> Self {
        let over = declared.when.is_over(now);
        let (from, until) = match &declared.when {
            When::Now { until } => (None, *until),
            When::Between { from, until } => (Some(*from), Some(*until)),
            When::Weekly(_) => (None, None),
        };
        let weekly = match &declared.when {
            When::Weekly(weekly) => Some(weekly),
            When::Now { .. } | When::Between { .. } => None,
        };
        Self {
            id: inert(&declared.id, 100),
            scope: declared.scope.to_string(),
            posture: match over {
                true => Posture::Normal.as_str().to_owned(),
                false => declared.posture.as_str().to_owned(),
            },
            message: match over {
                true => String::new(),
                false => inert(&declared.message, LONGEST),
            },
            by: inert(&declared.by, 100),
            since: (!declared.by.is_empty()).then(|| moment(declared.since)),
            from: from.filter(|_| !over).map(moment),
            until: until.filter(|_| !over).map(moment),
            weekly: weekly.map(ToString::to_string),
            zone: weekly.and_then(|weekly| weekly.zone().iana_name().map(str::to_owned)),
            in_force: declared.when.holds(now),
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
            let standing = Declared {
                id: "everything".into(),
                scope: Scope::Everything,
                posture: before,
                message: "".into(),
                by: "".into(),
                since: at(0),
                when: When::Now {
                    until: its_end.map(at),
                },
            };
            let when = When::Now { until: end.map(at) };
            let found = lowers(Some(&standing), to, &when, at(10));
            assert_eq!(
                found, expected,
                "{before:?} until {its_end:?} to {to:?} until {end:?}"
            );
            let weekly = Weekly::parse("Fri 18:00 - Mon 08:00", TimeZone::UTC).unwrap();
            assert!(!lowers(Some(&standing), to, &When::Weekly(weekly), at(10)));
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
