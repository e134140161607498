//! Holds: what waits for people, all that one needs to see to decide, and deciding.

#![expect(unused_qualifications, reason = "utoipa writes them")]

use super::calls::{AccessShown, NAME, PARAMETERS, PolicyShown, policies};
use super::changes::ChangesShown;
use super::checks::CheckShown;
use super::deeds::write_down;
use super::input::{Asked, Body, Named, prose};
use super::moment;
use super::tasks::title;
use crate::failure::ApiError;
use crate::plane::Plane;
use crate::visitor::Visitor;
use axum::Json;
use axum::extract::State;
use cordon_core::control::{Deed, Denied};
use cordon_core::fact::Fact;
use cordon_core::hold::{Answer, Batch, Hold, Missing, Reason, Standing, Vote};
use cordon_core::inert::inert;
use cordon_core::names::{ApproverGroup, HoldId};
use cordon_core::people::{People, Role};
use cordon_core::record::{AccessRecord, CallRecord};
use cordon_store::{Delivery, HoldFilter, PassKind, StoreError};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

/// How short the reason of an emergency may be.
const SHORTEST_REASON: usize = 10;
/// How long a note may be.
pub(super) const LONGEST_NOTE: usize = 1_000;
/// Targets that are shown one by one, the gravest first.
const TARGETS: usize = 200;
/// How often a vote is tried when others vote at the same moment.
pub(super) const TRIES: usize = 8;
/// Holds that are read at one time, and how often for one page.
const SCANNED: u32 = 200;
const SCANS: usize = 5;
/// How long a wait may take, and how often someone who waits is looked at again.
const LONGEST_WAIT: u64 = 300;
const BEAT: Duration = Duration::from_secs(5);
/// What accesses do, the gravest first.
const GRAVEST: [(&str, &str); 8] = [
    ("destroy", "Destroy"),
    ("weaken", "Weaken what protects"),
    ("identity", "Change who may act on"),
    ("disrupt", "Interrupt"),
    ("update", "Change"),
    ("create", "Create"),
    ("data", "Read data of"),
    ("observe", "Look at"),
];

/// A hold in a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HoldSummary {
    /// What people quote.
    pub id: String,
    /// `waiting`, `approved`, `rejected`, `unanswered`, `lapsed`, `used`, `changed`, `withdrawn`, `broken`.
    pub state: String,
    /// The gravest thing that the call does, in one line.
    pub effect: String,
    /// Of which task.
    pub task: String,
    /// Who launched it, and so never decides.
    pub sponsor: String,
    /// Which agent asked.
    pub agent: String,
    /// The service and the operation.
    pub operation: String,
    /// Where.
    pub account: String,
    /// Where.
    pub region: String,
    /// The environments of its targets.
    pub environments: Vec<String>,
    /// The groups that are asked.
    pub needs: Vec<String>,
    /// Those that have not approved.
    pub missing: Vec<String>,
    /// The checks that must have passed as well.
    pub checks: Vec<CheckShown>,
    /// All that is missing, in words: `1 approval of senior and check canary-tests`. Empty where nothing is.
    pub waits_for: String,
    /// When it was opened.
    pub opened: String,
    /// No answer by then is a no.
    pub decide_by: String,
    /// Seconds until then, or, once approved, in which the approval may be used; 0 when over.
    pub seconds_left: i64,
    /// How often the call was asked for.
    pub asked: u32,
    /// The batch that it is one of, and is decided about with.
    pub batch: Option<String>,
}

/// Everything about one hold.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HoldShown {
    /// As in a list.
    #[serde(flatten)]
    pub summary: HoldSummary,
    /// What the task is for, as its file says.
    pub task_title: String,
    /// How many people of each group must agree.
    pub quorum: u32,
    /// What the call touches, the gravest first.
    pub targets: Vec<AccessShown>,
    /// How many more it touches than are shown.
    pub more_targets: usize,
    /// Whether something is destroyed that no later call brings back.
    pub irreversible: bool,
    /// The name of what is destroyed, to be typed before that is approved.
    pub confirm: Option<String>,
    /// What guards noticed.
    pub facts: Vec<FactShown>,
    /// Why people are asked.
    pub policies: Vec<PolicyShown>,
    /// What people said, oldest first.
    pub votes: Vec<VoteShown>,
    /// What it would change, as that stood when it was stopped; nothing where that was not looked at.
    pub changes: Option<ChangesShown>,
    /// The parameters of the call as canonical JSON, without secrets.
    pub parameters: String,
    /// `sha256:...` of the canonical call, whole: an approval names it.
    pub digest: String,
    /// `sha256:...` of the state that it was judged on.
    pub state_digest: String,
    /// The policies under which it was judged.
    pub policy_version: String,
    /// The call that opened it.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The hold of the same call before this one, and why that no longer serves.
    pub follows: Option<String>,
    /// What channels were told of it.
    pub told: Vec<ToldShown>,
    /// What you may do with it.
    pub yours: Yours,
}

/// Something that guards noticed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FactShown {
    /// The word of policies.
    pub fact: String,
    /// In a sentence.
    pub means: String,
}

/// What one person said.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VoteShown {
    /// Who.
    pub person: String,
    /// `approve`, or the reason of a no.
    pub answer: String,
    /// When.
    pub at: String,
    /// Whether the person is one of those who are asked, at this moment.
    pub counts: bool,
    /// For the sponsor and for those who decide.
    pub note: String,
}

/// What a channel was told.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ToldShown {
    /// The channel.
    pub channel: String,
    /// How the hold stood.
    pub state: String,
    /// How many attempts there were.
    pub attempts: u32,
    /// When the last one was.
    pub at: String,
    /// Why it did not arrive; empty where it did.
    pub error: String,
}

/// What the one who looks may do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Yours {
    /// Whether you may approve it now.
    pub approve: bool,
    /// Whether you may reject it now.
    pub reject: bool,
    /// Why you may not approve; empty where you may.
    pub why_not: String,
}

/// Some holds, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HoldPage {
    /// The holds.
    pub holds: Vec<HoldSummary>,
    /// What to pass as `cursor` for the next page; nothing where this is the last.
    pub next: Option<String>,
}

/// An approval.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveBody {
    /// The whole digest of what you looked at: `sha256:` and 64 digits.
    pub digest: String,
    /// For the sponsor.
    #[serde(default)]
    pub note: String,
}

/// An emergency.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakGlassBody {
    /// The whole digest of what you looked at: `sha256:` and 64 digits.
    pub digest: String,
    /// Why nobody who is asked can be had, and why it cannot wait.
    pub reason: String,
}

/// A rejection.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectBody {
    /// `too-broad`, `wrong-target`, `wrong-time`, `too-risky`, `not-needed`, `other-way` or `unclear`:
    /// the agent is told.
    pub reason: String,
    /// For the sponsor, never for the agent.
    #[serde(default)]
    pub note: String,
}

/// Which holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HoldQuery {
    /// Only in this state; `open` for those that wait or are approved and not used.
    state: Option<String>,
    /// Only of this task.
    task: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// At most this many, 1 to 100; 50 where it is not said.
    limit: Option<u32>,
}

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitQuery {
    /// At most this many seconds, up to 300; 60 where it is not said.
    seconds: Option<u64>,
}

/// Holds that you may look at, newest first.
#[utoipa::path(get, operation_id = "listHolds", path = "/api/v1/holds", params(HoldQuery), responses((status = 200, body = HoldPage), (status = "default", body = ApiError)))]
pub(super) async fn list(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Asked(query): Asked<HoldQuery>,
) -> Result<Json<HoldPage>, ApiError> {
    plane.permit(&visitor, Deed::ViewPosture)?;
    let limit = query.limit.unwrap_or(50).clamp(1, 100) as usize;
    let wanted = query.state.clone().unwrap_or_default();
    let mut filter = query.filter()?;
    let mut holds = Vec::new();
    for _ in 0..SCANS {
        let page = plane.store.holds(&filter).await?;
        let last = page.len() < SCANNED as usize;
        for hold in page {
            filter.before = Some(hold.id.clone());
            let standing = hold.standing(&plane.people(), plane.now());
            let fits = match wanted.as_str() {
                "" => true,
                "open" => standing.is_open(),
                word => standing.as_str() == word,
            };
            // What is one of a batch is listed as that.
            if !fits || hold.place.is_some() || may_look(&plane, &visitor, &hold).is_err() {
                continue;
            }
            holds.push(Sight::of(&plane, hold).await?.summary());
            if holds.len() == limit {
                let next = filter.before.map(|id| id.to_string());
                return Ok(Json(HoldPage { holds, next }));
            }
        }
        if last {
            return Ok(Json(HoldPage { holds, next: None }));
        }
    }
    let next = filter.before.map(|id| id.to_string());
    Ok(Json(HoldPage { holds, next }))
}

/// One hold, with everything that one needs to decide.
#[utoipa::path(get, operation_id = "showHold", path = "/api/v1/holds/{ref}", params(("ref" = String, Path, description = "its id")), responses((status = 200, body = HoldShown), (status = "default", body = ApiError)))]
pub(super) async fn show(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<HoldId>,
) -> Result<Json<HoldShown>, ApiError> {
    let hold = visible(&plane, &visitor, &id).await?;
    shown(&plane, &visitor, hold).await
}

/// Say yes to exactly what has this digest.
#[utoipa::path(post, operation_id = "approveHold", path = "/api/v1/holds/{ref}/approve", params(("ref" = String, Path, description = "its id")), request_body = ApproveBody, responses((status = 200, body = HoldShown), (status = "default", body = ApiError)))]
pub(super) async fn approve(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<HoldId>,
    Body(body): Body<ApproveBody>,
) -> Result<Json<HoldShown>, ApiError> {
    whole(&body.digest)?;
    let said = Said {
        answer: Answer::Approve,
        seen: Some(&body.digest),
        note: prose(&body.note, LONGEST_NOTE)?,
    };
    let hold = say(&plane, &visitor, &id, said).await?;
    shown(&plane, &visitor, hold).await
}

/// Lift it in an emergency, together with another incident commander. It lets one call go within 15
/// minutes, as an approval does, and is told loudly.
#[utoipa::path(post, operation_id = "breakGlass", path = "/api/v1/holds/{ref}/break-glass", params(("ref" = String, Path, description = "its id")), request_body = BreakGlassBody, responses((status = 200, body = HoldShown), (status = "default", body = ApiError)))]
pub(super) async fn break_glass(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<HoldId>,
    Body(body): Body<BreakGlassBody>,
) -> Result<Json<HoldShown>, ApiError> {
    whole(&body.digest)?;
    let said = Said {
        answer: Answer::BreakGlass,
        seen: Some(&body.digest),
        note: emergency(&body.reason)?,
    };
    let hold = say(&plane, &visitor, &id, said).await?;
    tracing::error!(hold = %id, task = %hold.task, by = %visitor.person(), "the glass was broken");
    shown(&plane, &visitor, hold).await
}

/// Say no, for a reason that the agent is told.
#[utoipa::path(post, operation_id = "rejectHold", path = "/api/v1/holds/{ref}/reject", params(("ref" = String, Path, description = "its id")), request_body = RejectBody, responses((status = 200, body = HoldShown), (status = "default", body = ApiError)))]
pub(super) async fn reject(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<HoldId>,
    Body(body): Body<RejectBody>,
) -> Result<Json<HoldShown>, ApiError> {
    let said = Said {
        answer: Answer::Reject(reason_named(&body.reason)?),
        seen: None,
        note: prose(&body.note, LONGEST_NOTE)?,
    };
    let hold = say(&plane, &visitor, &id, said).await?;
    shown(&plane, &visitor, hold).await
}

/// The hold once it does not wait any more, or as it stands when the time is over.
#[utoipa::path(get, operation_id = "waitForHold", path = "/api/v1/holds/{ref}/wait", params(("ref" = String, Path, description = "its id"), WaitQuery), responses((status = 200, body = HoldShown), (status = "default", body = ApiError)))]
pub(super) async fn wait(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<HoldId>,
    Asked(query): Asked<WaitQuery>,
) -> Result<Json<HoldShown>, ApiError> {
    let seconds = query.seconds.unwrap_or(60).min(LONGEST_WAIT);
    let until = Instant::now() + Duration::from_secs(seconds);
    let room = plane.waiting.try_acquire();
    let _room = room.map_err(|_| ApiError::busy())?;
    let mut changes = plane.store.changes();
    loop {
        changes.mark_unchanged();
        let visitor = visitor.again(&plane).await?;
        let hold = visible(&plane, &visitor, &id).await?;
        let standing = hold.standing(&plane.people(), plane.now());
        let now = Instant::now();
        let waits = matches!(standing, Standing::Waiting { .. });
        if !waits || now >= until || plane.closing.is_cancelled() {
            return shown(&plane, &visitor, hold).await;
        }
        tokio::select! {
            // A store that is shut down answers nothing more: the next reading says so.
            _ = changes.changed() => {}
            () = plane.closing.cancelled() => {}
            () = tokio::time::sleep_until(until.min(now + BEAT)) => {}
        }
    }
}

/// Why something cannot wait for those who are asked.
pub(super) fn emergency(reason: &str) -> Result<Box<str>, ApiError> {
    let reason = prose(reason, LONGEST_NOTE)?;
    match reason.chars().count() < SHORTEST_REASON {
        false => Ok(reason),
        true => Err(ApiError::malformed(
            "say in `reason` why nobody who is asked can be had, and why it cannot wait",
        )),
    }
}

/// The reason of a no.
pub(super) fn reason_named(word: &str) -> Result<Reason, ApiError> {
    Reason::named(word).ok_or_else(|| {
        let words = Reason::ALL.map(Reason::as_str).join(", ");
        ApiError::malformed(format!("the reason is one of {words}"))
    })
}

/// What a person says of a hold.
struct Said<'a> {
    answer: Answer,
    /// The digest that they looked at, where it matters.
    seen: Option<&'a str>,
    note: Box<str>,
}

/// Puts what `visitor` says to the hold as it is at this moment. Where someone else said something
/// meanwhile, it is asked again whether this may still be said.
async fn say(
    plane: &Plane,
    visitor: &Visitor,
    id: &HoldId,
    said: Said<'_>,
) -> Result<Hold, ApiError> {
    for _ in 0..TRIES {
        let hold = visible(plane, visitor, id).await?;
        let now = plane.now();
        let seen = said.seen.unwrap_or(&hold.digest);
        let deed = match said.answer {
            Answer::Approve => Deed::Approve { hold: &hold, seen },
            Answer::BreakGlass => Deed::BreakGlass { hold: &hold, seen },
            Answer::Reject(_) => Deed::Reject(&hold),
        };
        if said.answer.lifts() && plane.store.call(&hold.reference).await?.is_none() {
            return Err(unwritten());
        }
        // What binds people comes first from the policies, and in any case from the hold itself.
        let granted = plane.permit(visitor, deed)?;
        let people = plane.people_with(visitor);
        hold.admits(granted.person(), said.answer, seen, &people, now)?;
        let vote = Vote {
            person: granted.person().clone(),
            answer: said.answer,
            at: now,
            note: said.note.clone(),
        };
        let person = granted.person().as_str();
        let answer = said.answer.as_str();
        write_down(plane, person, answer, id.as_str(), &said.note).await?;
        match plane.store.vote(id, hold.revision(), vote).await {
            Ok(()) => {
                tracing::warn!(hold = %id, task = %hold.task, by = %granted.person(), answer = said.answer.as_str(), "a person decided on a held call");
                return visible(plane, visitor, id).await;
            }
            Err(StoreError::Outdated { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(decided_meanwhile())
}

/// Others were quicker each time.
pub(super) fn decided_meanwhile() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "decided-meanwhile",
        "others decide on this hold at the same moment",
        "look at the hold again",
    )
}

/// A hold opens a moment before its call is written down. Nobody says yes to what they cannot see.
fn unwritten() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "not-written-yet",
        "the held call is being written down at this moment: there is nothing to look at yet",
        "look at the hold again",
    )
}

/// Whether `visitor` may look at `hold`: a person as the policies say, a token for checks where the hold
/// asks for one of them.
pub(super) fn may_look(plane: &Plane, visitor: &Visitor, hold: &Hold) -> Result<(), Denied> {
    let pass = visitor.pass();
    if pass.kind != PassKind::Check {
        return plane.permit(visitor, Deed::ViewHold(hold)).map(drop);
    }
    let _known = plane.permit(visitor, Deed::ViewPosture)?;
    match pass.checks.is_disjoint(&hold.checks) {
        true => Err(Denied::NotPermitted("look at this hold")),
        false => Ok(()),
    }
}

/// The hold, if `visitor` may look at it.
pub(super) async fn visible(
    plane: &Plane,
    visitor: &Visitor,
    id: &HoldId,
) -> Result<Hold, ApiError> {
    let hold = plane.store.hold(id).await?;
    let hold = hold.ok_or_else(|| ApiError::not_found("hold"))?;
    match may_look(plane, visitor, &hold) {
        Ok(()) => Ok(hold),
        Err(denied @ Denied::Stranger(_)) => Err(denied.into()),
        Err(_) => Err(ApiError::not_found("hold")),
    }
}

pub(super) async fn shown(
    plane: &Plane,
    visitor: &Visitor,
    hold: Hold,
) -> Result<Json<HoldShown>, ApiError> {
    let task = plane.store.task(&hold.task).await?;
    let title = task.map(|task| title(&task.text)).unwrap_or_default();
    let told = plane.store.deliveries(&hold.id).await?;
    let told = told.iter().map(ToldShown::of).collect();
    let sight = Sight::of(plane, hold).await?;
    Ok(Json(HoldShown {
        told,
        ..sight.whole(plane, visitor, title)
    }))
}

/// Refuses a digest that is not whole: a part of one may be that of something else.
pub(super) fn whole(digest: &str) -> Result<(), ApiError> {
    let digits = digest.strip_prefix("sha256:").unwrap_or_default();
    let is_digit = |digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    match digits.len() == 64 && digits.bytes().all(is_digit) {
        true => Ok(()),
        false => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "digest-not-whole",
            "it names the whole digest: `sha256:` and 64 digits",
            "look at the hold and send its `digest`",
        )),
    }
}

impl HoldQuery {
    fn filter(self) -> Result<HoldFilter, ApiError> {
        let task = self.task.map(|task| task.parse()).transpose();
        let before = self.cursor.map(|cursor| cursor.parse()).transpose();
        Ok(HoldFilter {
            task: task.map_err(|_| ApiError::malformed("`task` is no task id"))?,
            before: before.map_err(|_| ApiError::malformed("`cursor` is no hold"))?,
            under_way: self.state.as_deref() == Some("open"),
            limit: Some(SCANNED),
        })
    }
}

/// A hold with the record of its call, at one moment.
pub(crate) struct Sight {
    hold: Hold,
    /// Not there for the moment in which it is being written.
    record: Option<CallRecord>,
    standing: Standing,
    people: Arc<People>,
    now: Timestamp,
}

impl Sight {
    pub(crate) async fn of(plane: &Plane, hold: Hold) -> Result<Self, ApiError> {
        let batch = match &hold.place {
            Some(place) => plane.store.batch(&place.batch).await?,
            None => None,
        };
        Self::seen(plane, hold, batch.as_ref()).await
    }

    /// Of a hold of `batch`.
    pub(super) async fn listed(plane: &Plane, hold: Hold, batch: &Batch) -> Result<Self, ApiError> {
        Self::seen(plane, hold, Some(batch)).await
    }

    async fn seen(plane: &Plane, hold: Hold, batch: Option<&Batch>) -> Result<Self, ApiError> {
        let call = plane.store.call(&hold.reference).await?;
        let (people, now) = (plane.people(), plane.now());
        Ok(Self {
            record: call.map(|call| call.record),
            standing: match batch {
                Some(batch) => batch.standing_of(&hold, &people, now),
                None => hold.standing(&people, now),
            },
            hold,
            people,
            now,
        })
    }

    /// Whether there is something to look at.
    pub(crate) fn is_whole(&self) -> bool {
        self.record.is_some()
    }

    pub(crate) fn summary(&self) -> HoldSummary {
        let hold = &self.hold;
        let of_record = |text: fn(&CallRecord) -> &str| {
            let text = self.record.as_ref().map_or("", text);
            inert(text, NAME)
        };
        let operation = match &self.record {
            Some(record) => inert(&format!("{} {}", record.service, record.operation), NAME),
            None => String::new(),
        };
        let (missing, end) = match &self.standing {
            Standing::Waiting { missing } => (missing.clone(), Some(hold.decide_by)),
            Standing::Approved { until, .. } => (Missing::default(), Some(*until)),
            _ => (Missing::default(), None),
        };
        HoldSummary {
            id: hold.id.to_string(),
            state: self.standing.as_str().to_owned(),
            effect: self.record.as_ref().map(effect).unwrap_or_default(),
            task: hold.task.to_string(),
            sponsor: hold.sponsor.to_string(),
            agent: of_record(|record| &record.agent),
            operation,
            account: of_record(|record| &record.account),
            region: of_record(|record| &record.region),
            environments: self.record.as_ref().map(environments).unwrap_or_default(),
            needs: hold.needs.iter().map(ApproverGroup::to_string).collect(),
            missing: missing
                .groups
                .keys()
                .map(ApproverGroup::to_string)
                .collect(),
            checks: CheckShown::all(hold, &self.people),
            waits_for: match missing.is_empty() {
                true => String::new(),
                false => missing.to_string(),
            },
            opened: moment(hold.opened),
            decide_by: moment(hold.decide_by),
            seconds_left: end.map_or(0, |end| end.duration_since(self.now).as_secs().max(0)),
            asked: hold.asked,
            batch: hold.place.as_ref().map(|place| place.batch.to_string()),
        }
    }

    /// The policies that ask for it. The call of a batch was recorded as a preview.
    fn asking(&self, plane: &Plane) -> Vec<PolicyShown> {
        let mut shown = self.record.as_ref().map(policies).unwrap_or_default();
        let bundle = plane.bundle();
        shown.retain(|policy| !bundle.only_previews(&policy.id));
        shown
    }

    pub(super) fn whole(&self, plane: &Plane, visitor: &Visitor, task_title: String) -> HoldShown {
        let hold = &self.hold;
        let accesses = self.record.as_ref().map(|record| gravest_first(record));
        let accesses = accesses.unwrap_or_default();
        let destroyed = accesses
            .iter()
            .find(|access| access.class == "destroy" && !access.implied)
            .or(accesses.iter().find(|access| access.class == "destroy"));
        HoldShown {
            summary: self.summary(),
            task_title,
            quorum: hold.quorum,
            more_targets: accesses.len().saturating_sub(TARGETS),
            irreversible: destroyed.is_some(),
            confirm: destroyed.map(|access| short(&access.resource)),
            targets: accesses
                .iter()
                .take(TARGETS)
                .map(|access| AccessShown::of(access))
                .collect(),
            facts: self.record.as_ref().map(facts).unwrap_or_default(),
            policies: self.asking(plane),
            votes: hold
                .votes
                .iter()
                .map(|vote| self.vote(vote, visitor))
                .collect(),
            changes: self.record.as_ref().and_then(ChangesShown::of),
            parameters: self
                .record
                .as_ref()
                .map(|record| inert(&record.parameters, PARAMETERS))
                .unwrap_or_default(),
            digest: hold.digest.to_string(),
            state_digest: hold.state.as_str().to_owned(),
            policy_version: hold.policy_version.to_string(),
            reference: hold.reference.to_string(),
            follows: hold
                .follows
                .as_ref()
                .map(|(id, why)| format!("{id} ({})", why.as_str())),
            told: Vec::new(),
            yours: self.yours(plane, visitor),
        }
    }

    fn vote(&self, vote: &Vote, visitor: &Visitor) -> VoteShown {
        let mut groups = self.hold.needs.iter();
        let asked = match vote.answer {
            Answer::BreakGlass => self.people.has_role(&vote.person, Role::IncidentCommander),
            _ => groups.any(|group| self.people.is_member(&vote.person, group)),
        };
        VoteShown {
            person: vote.person.to_string(),
            answer: vote.answer.as_str().to_owned(),
            at: moment(vote.at),
            counts: asked && !self.people.is_sponsor(&vote.person, &self.hold.sponsor),
            note: match visitor.pass().kind {
                // What people tell each other is not for whoever runs checks.
                PassKind::Check => String::new(),
                _ => inert(&vote.note, LONGEST_NOTE),
            },
        }
    }

    fn yours(&self, plane: &Plane, visitor: &Visitor) -> Yours {
        let hold = &self.hold;
        let may = |deed, answer: Answer| -> Result<(), ApiError> {
            if answer.lifts() && self.record.is_none() {
                return Err(unwritten());
            }
            let granted = plane.permit(visitor, deed)?;
            let admits = hold.admits(
                granted.person(),
                answer,
                &hold.digest,
                &self.people,
                self.now,
            );
            Ok(admits?)
        };
        let seen = &*hold.digest;
        let approve = may(Deed::Approve { hold, seen }, Answer::Approve);
        let reject = may(Deed::Reject(hold), Answer::Reject(Reason::Unclear));
        Yours {
            approve: approve.is_ok(),
            reject: reject.is_ok(),
            why_not: approve
                .err()
                .map(|error| error.message.to_string())
                .unwrap_or_default(),
        }
    }
}

impl ToldShown {
    fn of(delivery: &Delivery) -> Self {
        let error = delivery.error.as_deref().unwrap_or_default();
        Self {
            channel: inert(&delivery.channel, NAME),
            state: inert(&delivery.state, NAME),
            attempts: delivery.attempts,
            at: moment(delivery.at),
            error: inert(error, NAME),
        }
    }
}

fn facts(record: &CallRecord) -> Vec<FactShown> {
    let facts = record.facts.iter().map(|word| FactShown {
        fact: (*word).to_owned(),
        means: Fact::named(word).map_or("", Fact::means).to_owned(),
    });
    facts.collect()
}

fn environments(record: &CallRecord) -> Vec<String> {
    let all: BTreeSet<String> = record
        .accesses
        .iter()
        .map(|access| inert(&access.environment, NAME))
        .collect();
    all.into_iter().collect()
}

fn grade(class: &str) -> usize {
    let place = GRAVEST.iter().position(|(word, _)| *word == class);
    place.unwrap_or(0)
}

fn gravest_first(record: &CallRecord) -> Vec<&AccessRecord> {
    let mut accesses: Vec<&AccessRecord> = record.accesses.iter().collect();
    accesses.sort_by_key(|access| (grade(access.class), access.implied));
    accesses
}

/// The gravest thing that a call does, in one line: `Destroy 2 ec2:instance in cn-prod: i-1, i-2`.
fn effect(record: &CallRecord) -> String {
    let accesses = gravest_first(record);
    let Some(first) = accesses.first() else {
        return inert(&format!("{} {}", record.service, record.operation), NAME);
    };
    let verb = GRAVEST.get(grade(first.class)).map_or("", |(_, verb)| verb);
    let alike: Vec<&AccessRecord> = accesses
        .iter()
        .filter(|access| access.class == first.class)
        .copied()
        .collect();
    let resources = distinct(alike.iter().map(|access| &*access.resource));
    let kinds = distinct(alike.iter().map(|access| &*access.kind));
    let places = distinct(alike.iter().map(|access| &*access.environment));
    let kind = match kinds.as_slice() {
        [kind] if !kind.is_empty() => *kind,
        _ => "resources",
    };
    let shown: Vec<String> = resources.iter().take(3).map(|arn| short(arn)).collect();
    let more = match resources.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = format!(
        "{verb} {} {kind} in {}: {}{more}",
        resources.len(),
        places.join(", "),
        shown.join(", "),
    );
    inert(&text, NAME)
}

fn distinct<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    all.filter(|text| seen.insert(*text)).collect()
}

/// The name at the end of an ARN.
fn short(arn: &str) -> String {
    let name = arn
        .rsplit(['/', ':'])
        .next()
        .filter(|name| !name.is_empty());
    inert(name.unwrap_or(arn), 120)
}
