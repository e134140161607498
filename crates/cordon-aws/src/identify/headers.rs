//! Which headers a request may have.
//!
//! Headers of the model are parameters. Headers of transport and signature have been dealt with
//! and end here. Headers that say something of the client are not passed on. What is left with
//! an `x-amz` name, or is a precondition, would change what the request means without being in
//! the model: refused.

use super::IdentifyError;
use crate::catalog::{Location, Operation};
use http::HeaderMap;

/// Headers with an `x-amz` name that any request may have and that do not leave.
const SPENT: &[&str] = &[
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-region-set",
    "x-amz-s3session-token",
    "x-amz-security-token",
    "x-amz-trailer",
    "x-amz-user-agent",
    "x-amzn-query-mode",
    "x-amzn-trace-id",
];

/// Preconditions and the like, which are parameters where the model has them.
const CONDITIONS: &[&str] = &[
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
];

/// Headers that some servers take for the method.
const OVERRIDES: &[&str] = &[
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// Whether the location of members counts: not in the RPC protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Modelled {
    Headers,
    Nothing,
}

/// Refuses headers that would change the meaning of `operation` and are not in its model.
pub(super) fn check(
    headers: &HeaderMap,
    operation: Operation,
    modelled: Modelled,
) -> Result<(), IdentifyError> {
    for name in headers.keys().map(http::HeaderName::as_str) {
        if OVERRIDES.contains(&name) {
            return Err(IdentifyError::ForeignSelector(
                "a header that overrides the method",
            ));
        }
        let spent = !name.starts_with("x-amz") || SPENT.contains(&name);
        if spent && !CONDITIONS.contains(&name) {
            continue;
        }
        let known = (modelled == Modelled::Headers && is_modelled(operation, name))
            || (name == "x-amz-target" && modelled == Modelled::Nothing)
            || is_version(operation, name)
            || is_checksum(operation, name);
        if !known {
            return Err(IdentifyError::UnknownHeader(name.to_owned()));
        }
    }
    Ok(())
}

/// The version of the API, which some services want in a header and which leaves as a constant.
fn is_version(operation: Operation, name: &str) -> bool {
    match name {
        "x-amz-glacier-version" => operation.service().name() == "glacier",
        "x-amz-api-version" => operation.name() == "DescribeEndpoints",
        _ => false,
    }
}

fn is_modelled(operation: Operation, name: &str) -> bool {
    operation.input().is_some_and(|input| {
        input.members().any(|member| match member.location() {
            Location::Header => member.wire_name().eq_ignore_ascii_case(name),
            Location::Headers => name
                .get(..member.wire_name().len())
                .is_some_and(|start| start.eq_ignore_ascii_case(member.wire_name())),
            _ => false,
        })
    })
}

/// Checksums of the body as sent. They have been verified, and are made anew for the body that
/// leaves.
pub(super) fn is_checksum(operation: Operation, name: &str) -> bool {
    let flexible = operation.flexible_checksum()
        || operation.checksum_required()
        // Its older twin, which is the same request, takes one.
        || operation.name() == "PutBucketNotificationConfiguration";
    flexible && (name.starts_with("x-amz-checksum-") || name == "x-amz-sdk-checksum-algorithm")
}
