//! Required checks: what CI reports of a held call, by a token that was made for that check.
//!
//! A report names the digests of what was checked: of the call, and of the state that it was judged on. It
//! stands beside what people say and never for it, and lifts nothing where a check of the hold failed.

use super::holds::{HoldShown, TRIES, decided_meanwhile, shown, visible, whole};
use super::input::{Body, NamedPart};
use super::{deeds, moment};
use crate::failure::ApiError;
use crate::plane::Plane;
use crate::visitor::Visitor;
use axum::Json;
use axum::extract::State;
use cordon_core::control::Deed;
use cordon_core::hold::{CheckResult, Hold, Report};
use cordon_core::inert::inert;
use cordon_core::names::{CheckName, HoldId};
use cordon_core::people::People;
use cordon_store::StoreError;
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// How long a link may be.
const LONGEST_LINK: usize = 500;

/// What CI found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckBody {
    /// `passed` or `failed`.
    pub result: String,
    /// Where people read more: an address of `https` or `http`, of at most 500 characters.
    pub link: String,
    /// The whole `digest` of the hold that was checked.
    pub digest: String,
    /// The whole `state_digest` of the hold that was checked.
    pub state_digest: String,
}

/// A check that a hold asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckShown {
    /// Its name.
    pub name: String,
    /// `open` as long as nothing was reported, `passed` or `failed`.
    pub result: String,
    /// Where to read more: text of the machine that reported it. Empty as long as nothing was reported.
    pub link: String,
    /// For whom that machine's token speaks; empty as long as nothing was reported.
    pub by: String,
    /// When it was reported.
    pub at: Option<String>,
}

impl CheckShown {
    /// The checks of a hold, as they stand for `people`.
    pub(crate) fn all(hold: &Hold, people: &People) -> Vec<Self> {
        let shown = hold.checks.iter().map(|check| {
            let report = hold.report_of(check, people);
            Self {
                name: check.to_string(),
                result: report
                    .map_or("open", |report| report.result.as_str())
                    .to_owned(),
                link: report.map_or_else(String::new, |report| inert(&report.link, LONGEST_LINK)),
                by: report.map_or_else(String::new, |report| report.person.to_string()),
                at: report.map(|report| moment(report.at)),
            }
        });
        shown.collect()
    }
}

/// Report how a check came out, of exactly what has these digests. The same once more changes nothing; the
/// last report of a check is the one that counts.
#[utoipa::path(post, operation_id = "reportCheck", path = "/api/v1/holds/{ref}/checks/{check}", params(("ref" = String, Path, description = "the hold's id"), ("check" = String, Path, description = "the check's name")), request_body = CheckBody, responses((status = 200, body = HoldShown), (status = "default", body = ApiError)))]
pub(super) async fn report(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    NamedPart(id, check): NamedPart<HoldId, CheckName>,
    Body(body): Body<CheckBody>,
) -> Result<Json<HoldShown>, ApiError> {
    whole(&body.digest)?;
    whole(&body.state_digest)?;
    let result = CheckResult::named(&body.result)
        .ok_or_else(|| ApiError::malformed("the result is `passed` or `failed`"))?;
    let link = link(&body.link)?;
    made_for(&visitor, &check)?;
    let seen = (&*body.digest, &*body.state_digest);
    for _ in 0..TRIES {
        let hold = visible(&plane, &visitor, &id).await?;
        let granted = plane.permit(&visitor, Deed::ReportCheck(&hold))?;
        let report = Report {
            check: check.clone(),
            result,
            link: link.clone(),
            person: granted.person().clone(),
            token: visitor.pass().secret.id().into(),
            at: plane.now(),
        };
        hold.admits_report(&report, seen, &plane.people_with(&visitor))?;
        if is_said(&hold, &report) || keep(&plane, &hold, report).await? {
            let hold = visible(&plane, &visitor, &id).await?;
            return shown(&plane, &visitor, hold).await;
        }
    }
    Err(decided_meanwhile())
}

/// Writes a report down, and adds it; false where something was said or reported at the same moment.
async fn keep(plane: &Plane, hold: &Hold, report: Report) -> Result<bool, ApiError> {
    let (check, result) = (report.check.clone(), report.result.as_str());
    let person = report.person.clone();
    let detail = format!("{check} {result} by {}: {}", report.token, report.link);
    deeds::write_down(
        plane,
        person.as_str(),
        "report-check",
        hold.id.as_str(),
        &detail,
    )
    .await?;
    match plane.store.report(&hold.id, hold.revision(), report).await {
        Ok(()) => {
            tracing::warn!(hold = %hold.id, task = %hold.task, %check, result, by = %person, "a check was reported of a held call");
            Ok(true)
        }
        Err(StoreError::Outdated { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether the last report of the check says the same, so that a repeated request changes nothing.
fn is_said(hold: &Hold, report: &Report) -> bool {
    let mut before = hold.reports.iter().rev();
    let last = before.find(|before| before.check == report.check);
    last.is_some_and(|last| {
        Report {
            at: last.at,
            ..report.clone()
        } == *last
    })
}

fn made_for(visitor: &Visitor, check: &CheckName) -> Result<(), ApiError> {
    match visitor.pass().checks.contains(check) {
        true => Ok(()),
        false => Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "check-scope",
            format!("only a token that was made for the check `{check}` reports it"),
            format!(
                "where Cordon serves: `cordon people token NAME --scope check --check {check}`"
            ),
        )),
    }
}

/// A link as text: of a form that cannot show one host and name another.
fn link(text: &str) -> Result<Box<str>, ApiError> {
    let wrong = || {
        let message = format!(
            "`link` is no address of https or http with at most {LONGEST_LINK} characters, without a user name"
        );
        ApiError::malformed(message)
    };
    let plain = text.len() <= LONGEST_LINK && text.chars().all(|c| c.is_ascii_graphic());
    let address: Uri = text.parse().map_err(|_| wrong())?;
    let of_web = matches!(address.scheme_str(), Some("https" | "http"));
    let host = address.host().is_some_and(|host| !host.is_empty());
    let bare = address
        .authority()
        .is_some_and(|authority| !authority.as_str().contains('@'));
    match plain && of_web && host && bare {
        true => Ok(text.into()),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_an_address_of_the_web_and_nothing_else() {
        for text in [
            "https://ci.example.com/runs/7?x=1#log",
            "http://127.0.0.1:8080/7",
        ] {
            assert_eq!(link(text).ok().as_deref(), Some(text));
        }
        let long = format!("https://ci.example.com/{}", "x".repeat(LONGEST_LINK));
        for text in [
            "",
            "/runs/7",
            "ci.example.com/runs",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://",
            "https://ci.example.com@evil.example.com/7",
            "https://ci.example.com/a b",
            "https://ci.example.com/\u{202e}7",
            "https://ci.example.com/\x1b[2J",
            &long,
        ] {
            assert!(link(text).is_err(), "{text:?}");
        }
    }
}
