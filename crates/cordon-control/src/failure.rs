//! Refusals of the API: one JSON form for all of them. What failed inside stays in the log.

use axum::Json;
use axum::response::{IntoResponse, Response};
use cordon_core::control::Denied;
use cordon_core::hold::{ReportError, VoteError};
use cordon_store::StoreError;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::ToSchema;

/// Why a request is not answered, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiError {
    /// A word for programs.
    pub code: Cow<'static, str>,
    /// One sentence for people.
    pub message: Cow<'static, str>,
    /// What to do next.
    pub next: Cow<'static, str>,
    #[serde(skip)]
    status: u16,
}

impl ApiError {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
        next: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            next: next.into(),
            status: status.as_u16(),
        }
    }

    /// What was sent cannot be read.
    pub(crate) fn malformed(message: impl Into<Cow<'static, str>>) -> Self {
        let next = "see /api/v1/openapi.json for what is taken";
        Self::new(StatusCode::BAD_REQUEST, "malformed", message, next)
    }

    /// There is no such thing, or it is not for this person: the same answer for both.
    pub(crate) fn not_found(what: &'static str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            format!("there is no such {what}, or you may not look at it"),
            "see what is listed for you",
        )
    }

    /// Who asks is not known.
    pub(crate) fn not_signed_in() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "not-signed-in",
            "nobody is signed in here, or the sign-in is over",
            "sign in with a link: `cordon people link NAME` makes one",
        )
    }

    /// More ask than are served.
    pub(crate) fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too many requests wait at this moment",
            "try again a little later",
        )
    }

    /// The HTTP status that it is told with.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self)).into_response()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the control plane cannot use the store");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "state-unavailable",
            "the state cannot be read or written at this moment",
            "try again; `cordon doctor` says what is wrong",
        )
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        let (status, next) = match &denied {
            Denied::Stranger(_) => (
                StatusCode::UNAUTHORIZED,
                "ask who keeps people.toml to put you there, then sign in again",
            ),
            Denied::Forbidden(policies)
                if policies
                    .iter()
                    .any(|(id, _)| id.as_str() == "prove-who-you-are") =>
            {
                (
                    StatusCode::FORBIDDEN,
                    "sign in again with a new link, then repeat this",
                )
            }
            Denied::Forbidden(_) | Denied::NotPermitted(_) => (
                StatusCode::FORBIDDEN,
                "ask someone who may; people.toml says who is in which group",
            ),
            Denied::Failed(error) => {
                tracing::error!(error, "the control plane's policies cannot be evaluated");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "`cordon policy check` looks at the policies",
                )
            }
        };
        Self {
            code: denied.code().to_owned().into(),
            message: denied.to_string().into(),
            next: next.into(),
            status: status.as_u16(),
        }
    }
}

impl From<VoteError> for ApiError {
    fn from(error: VoteError) -> Self {
        let (code, next) = match &error {
            VoteError::Over(_) => ("hold-over", "nothing is left to do"),
            VoteError::Sponsor(_) => ("never-your-own-task", "ask someone else of these groups"),
            VoteError::NotAsked(_) => ("not-permitted", "leave it to those who are asked"),
            VoteError::NotCommander => ("not-permitted", "ask an incident commander"),
            VoteError::Again => (
                "decided-already",
                "nothing is left to do; you may still reject it",
            ),
            VoteError::InBatch(_) => (
                "in-batch",
                "decide about the batch: `cordon holds approve B-...`",
            ),
            VoteError::Digest => ("digest-differs", "look at the hold again"),
        };
        let status = match error {
            VoteError::Sponsor(_) | VoteError::NotAsked(_) | VoteError::NotCommander => {
                StatusCode::FORBIDDEN
            }
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, code, error.to_string(), next)
    }
}

impl From<ReportError> for ApiError {
    fn from(error: ReportError) -> Self {
        let (status, code, next) = match &error {
            ReportError::NotAsked(_) => (
                StatusCode::NOT_FOUND,
                "check-not-asked",
                "see the `checks` of the hold",
            ),
            ReportError::Over(_) => (StatusCode::CONFLICT, "hold-over", "nothing is left to do"),
            ReportError::Sponsor => (
                StatusCode::FORBIDDEN,
                "never-your-own-task",
                "have the check run for somebody else",
            ),
            ReportError::Digest => (
                StatusCode::CONFLICT,
                "digest-differs",
                "look at the hold again, and check what it holds",
            ),
            ReportError::TooMany => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-reports",
                "have the call asked for again, which is another hold",
            ),
        };
        Self::new(status, code, error.to_string(), next)
    }
}
