//! The only place where a refusal becomes an answer.
//!
//! Takes a [`Refusal`] and the shape that its caller reads; gives a [`Reply`] with the reference
//! as the request id and in a header, and the verdict in another. What never was an AWS request
//! (a CONNECT, a malformed head) is answered in plain text. Inner detail stays in the log.

use crate::http1::{HeadError, Reply, ReplyBody};
use bytes::Bytes;
use cordon_aws::error_shape::{ErrorShape, WireError, access_denied_code, render};
use cordon_core::names::Reference;
use cordon_core::refusal::Refusal;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

const REF: HeaderName = HeaderName::from_static("x-cordon-ref");
const VERDICT: HeaderName = HeaderName::from_static("x-cordon-verdict");

/// The code that a caller who reads `shape` gets for `refusal`.
pub(crate) fn code(refusal: &Refusal, shape: ErrorShape) -> &'static str {
    refusal.code.unwrap_or_else(|| access_denied_code(shape))
}

/// `refusal` as an AWS service would answer.
pub(crate) fn answer(refusal: &Refusal, shape: ErrorShape, reference: &Reference) -> Reply {
    let error = WireError {
        code: code(refusal, shape),
        message: &refusal.message,
        request_id: reference.as_str(),
        status: refusal
            .status
            .and_then(|status| StatusCode::from_u16(status).ok()),
    };
    let (parts, body) = render(shape, &error).into_parts();
    let mut headers = parts.headers;
    mark(&mut headers, Some(reference), refusal.verdict);
    Reply {
        status: parts.status,
        headers,
        body: match shape.head {
            true => ReplyBody::Absent { told: None },
            false => ReplyBody::Whole(body),
        },
    }
}

/// An answer to what is not an AWS request.
pub(crate) fn plain(status: StatusCode, text: &str) -> Reply {
    let mut headers = HeaderMap::with_capacity(3);
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    mark(&mut headers, None, "reject");
    Reply {
        status,
        headers,
        body: ReplyBody::Whole(Bytes::from(format!("cordon: {text}\n"))),
    }
}

/// An answer to a head that cannot be read.
pub(crate) fn unreadable(error: HeadError) -> Reply {
    plain(error.status(), &error.to_string())
}

fn mark(headers: &mut HeaderMap, reference: Option<&Reference>, verdict: &'static str) {
    if let Some(Ok(value)) = reference.map(|text| HeaderValue::from_str(text.as_str())) {
        headers.insert(REF, value);
    }
    headers.insert(VERDICT, HeaderValue::from_static(verdict));
}
