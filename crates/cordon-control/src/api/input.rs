//! What requests carry, read under bounds: bodies of JSON, queries and parts of paths. What cannot be
//! read is refused in the API's own form.

use crate::failure::ApiError;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use std::str::FromStr;
use std::time::Duration;

/// The largest body, in bytes.
const LARGEST: usize = 16 * 1024;

/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A body of JSON.
pub(crate) struct Body<T>(pub(crate) T);

/// The query.
pub(crate) struct Asked<T>(pub(crate) T);

/// The one variable part of the path, as a name of the domain. What is no such name names nothing.
pub(crate) struct Named<T>(pub(crate) T);

/// Both variable parts of the path.
pub(crate) struct NamedPart<T, P>(pub(crate) T, pub(crate) P);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "the body is not `application/json`",
                "send JSON, and say so in `content-type`",
            ));
        }
        let read = axum::body::to_bytes(request.into_body(), LARGEST);
        let read = tokio::time::timeout(PATIENCE, read).await;
        let bytes = match read {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) => {
                return Err(ApiError::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "too-large",
                    "the body is larger than 16 KiB, or did not come whole",
                    "send less",
                ));
            }
            Err(_) => {
                return Err(ApiError::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "too-slow",
                    "the body did not come in time",
                    "send it again",
                ));
            }
        };
        let body = serde_json::from_slice(&bytes);
        body.map(Self)
            .map_err(|error| ApiError::malformed(format!("the body cannot be read: {error}")))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|Query(query)| Self(query))
            .map_err(|error| ApiError::malformed(format!("the query cannot be read: {error}")))
    }
}

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let name = path.ok().and_then(|Path(text)| text.parse().ok());
        name.map(Self).ok_or_else(|| ApiError::not_found("thing"))
    }
}

impl<T: FromStr, P: FromStr, S: Send + Sync> FromRequestParts<S> for NamedPart<T, P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let names = path.ok().and_then(|Path((thing, part))| {
            let names = (thing.parse().ok()?, part.parse().ok()?);
            Some(names)
        });
        names
            .map(|(thing, part)| Self(thing, part))
            .ok_or_else(|| ApiError::not_found("thing"))
    }
}

/// Text that a person wrote for others, on one line.
pub(crate) fn prose(text: &str, longest: usize) -> Result<Box<str>, ApiError> {
    let text = text.trim();
    if text.chars().count() > longest {
        let message = format!("a text may have {longest} characters");
        return Err(ApiError::malformed(message));
    }
    Ok(cordon_core::inert::inert(text, longest).into())
}
