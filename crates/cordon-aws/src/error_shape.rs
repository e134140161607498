//! Errors in a service's own shape, so that every tool prints them as it prints AWS's own.

use crate::call::Protocol;
use bytes::Bytes;
use http::{Response, StatusCode};

/// Which shape an answer takes. S3 differs from other rest-xml services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorShape {
    /// The protocol that the caller spoke.
    pub protocol: Protocol,
    /// S3 and S3 Control wrap nothing around `<Error>`.
    pub s3: bool,
    /// The caller sent HEAD: no body is allowed.
    pub head: bool,
}

/// One error to answer with.
#[derive(Debug, Clone)]
pub struct WireError<'a> {
    /// The error code without protocol decoration: `AccessDenied`, `CordonPreview`.
    pub code: &'a str,
    /// The sentence that tools print verbatim.
    pub message: &'a str,
    /// The reference, given as the request id.
    pub request_id: &'a str,
    /// The status; [`None`] for the protocol's own access-denied status.
    pub status: Option<StatusCode>,
}

/// Writes `error` in `shape`.
#[must_use]
pub fn render(shape: ErrorShape, error: &WireError<'_>) -> Response<Bytes> {
    let _ = (shape, error);
    todo!()
}

/// The access-denied code of a protocol: `AccessDenied`, `AccessDeniedException`,
/// `UnauthorizedOperation`.
#[must_use]
pub fn access_denied_code(shape: ErrorShape) -> &'static str {
    let _ = shape;
    todo!()
}

/// The shape to answer in before the call is identified: guessed from the request alone, since
/// a refusal must reach the tool in words that it reads.
#[must_use]
pub fn shape_of(request: &crate::request::Request, signing_name: Option<&str>) -> ErrorShape {
    let _ = (request, signing_name);
    todo!()
}
