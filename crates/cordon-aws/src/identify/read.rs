//! The parameters of one candidate, from all the places where its protocol puts them.

use super::IdentifyError;
use super::error::shown;
use super::headers;
use super::select::{Candidate, Selection};
use crate::call::Protocol;
use crate::catalog::{Member, Operation, Shape};
use crate::protocol::form::Pair;
use crate::protocol::query::Dialect;
use crate::protocol::rest::{self, BodyPlan};
use crate::protocol::{Name, ParseError, Placement, cbor, json, query, xml};
use crate::request::{Body, Request};
use crate::value::Value;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Reads the parameters of `candidate`.
pub(super) fn parameters(
    request: &Request,
    body: &Bytes,
    selection: &Selection<'_>,
    candidate: &Candidate,
) -> Result<Value, IdentifyError> {
    let operation = candidate.operation;
    headers::check(&request.headers, operation, selection.modelled)?;
    let wrong = |source| IdentifyError::Parameters {
        protocol: candidate.protocol,
        source,
    };
    let no_bytes = Bytes::new();
    let whole = match (&request.body, candidate.protocol) {
        _ if selection.body_in_query => &no_bytes,
        (Body::Streamed, Protocol::RestJson | Protocol::RestXml) => body,
        (Body::Streamed, _) => return Err(IdentifyError::BodyNeeded(operation.name())),
        (Body::Whole(_), _) => body,
    };
    match candidate.protocol {
        Protocol::Query | Protocol::Ec2 => {
            let dialect = Dialect::of(operation.service(), candidate.protocol);
            query::parse(&selection.pairs, operation.input(), dialect).map_err(wrong)
        }
        Protocol::Json10 | Protocol::Json11 => json_rpc(whole, operation).map_err(wrong),
        Protocol::RpcV2Cbor => {
            check_type(request, &["application/cbor"], whole.is_empty())?;
            cbor_rpc(whole, operation).map_err(wrong)
        }
        Protocol::RestJson | Protocol::RestXml => {
            rest_members(request, whole, &selection.pairs, candidate)
        }
    }
}

/// An empty body is what some SDKs send for no parameters.
fn json_rpc(body: &[u8], operation: Operation) -> Result<Value, ParseError> {
    match operation.input() {
        Some(shape) if !body.is_empty() => json::parse(body, shape, Placement::All),
        None if !body.is_empty() => json::parse_empty(body).map(|()| nothing()),
        _ => Ok(nothing()),
    }
}

fn cbor_rpc(body: &[u8], operation: Operation) -> Result<Value, ParseError> {
    match operation.input() {
        Some(shape) if !body.is_empty() => cbor::parse(body, shape),
        None if !body.is_empty() => cbor::parse_empty(body).map(|()| nothing()),
        _ => Ok(nothing()),
    }
}

fn nothing() -> Value {
    Value::Structure(BTreeMap::new())
}

fn rest_members(
    request: &Request,
    body: &Bytes,
    url: &[Pair<'_>],
    candidate: &Candidate,
) -> Result<Value, IdentifyError> {
    let operation = candidate.operation;
    let wrong = |source| IdentifyError::Parameters {
        protocol: candidate.protocol,
        source,
    };
    let pairs = without_static(url, operation).map_err(wrong)?;
    let plan = BodyPlan::of(operation);
    let Some(shape) = operation.input() else {
        return match (pairs.first(), candidate.labels.first()) {
            (Some(pair), _) => Err(wrong(ParseError::Unknown(Name::new(&pair.name)))),
            (None, Some((label, _))) => Err(wrong(ParseError::Unknown(Name::new(label)))),
            (None, None) => no_body(body, candidate.protocol)
                .map(|()| nothing())
                .map_err(wrong),
        };
    };
    let mut members = BTreeMap::new();
    let labels: Vec<(&str, &str)> = candidate
        .labels
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let presigned = move_headers(request, &pairs, operation);
    let (headers, pairs) = match &presigned {
        Some((headers, pairs)) => (headers, pairs.as_slice()),
        None => (&request.headers, pairs.as_slice()),
    };
    rest::read_labels(&mut members, shape, &labels).map_err(wrong)?;
    rest::read_query(&mut members, shape, pairs).map_err(wrong)?;
    rest::read_headers(&mut members, shape, headers, |name| {
        is_framing(name, plan, operation)
    })
    .map_err(wrong)?;
    encoding(request, shape, operation, &mut members)?;
    if let Some((name, value)) = read_body(request, body, plan, candidate)? {
        match name {
            Some(name) => {
                members.insert(name.into(), value);
            }
            None => {
                if let Value::Structure(others) = value {
                    members.extend(others);
                }
            }
        }
    }
    Ok(Value::Structure(members))
}

/// The URL's pairs without those of the path template.
fn without_static<'p>(url: &[Pair<'p>], operation: Operation) -> Result<Vec<Pair<'p>>, ParseError> {
    let mut pairs = url.to_vec();
    for (name, _) in operation.static_query() {
        let before = pairs.len();
        pairs.retain(|pair| pair.name != name);
        if before - pairs.len() != 1 {
            return Err(ParseError::Duplicate(Name::new(name)));
        }
    }
    Ok(pairs)
}

/// Presigned S3 URLs carry headers as query keys (`x-amz-checksum-mode`); S3 reads them as
/// headers, and so does this, unless the header is there too.
fn move_headers<'p>(
    request: &Request,
    pairs: &[Pair<'p>],
    operation: Operation,
) -> Option<(http::HeaderMap, Vec<Pair<'p>>)> {
    let presigned = request
        .query
        .as_deref()
        .is_some_and(|query| query.contains("X-Amz-Signature="));
    let moves = |pair: &Pair<'_>| pair.name.starts_with("x-amz-");
    if operation.service().name() != "s3" || !presigned || !pairs.iter().any(moves) {
        return None;
    }
    let mut headers = request.headers.clone();
    for pair in pairs.iter().filter(|pair| moves(pair)) {
        let name = http::HeaderName::from_bytes(pair.name.as_bytes()).ok()?;
        let value = pair.value.as_deref().unwrap_or_default();
        // A second value is found, and refused, where headers are read.
        headers.append(name, http::HeaderValue::from_str(value).ok()?);
    }
    headers::check(&headers, operation, headers::Modelled::Headers).ok()?;
    let rest = pairs.iter().filter(|pair| !moves(pair)).cloned().collect();
    Some((headers, rest))
}

/// Modelled headers that are no parameters: the length, the encoding (read by itself), and the
/// checksums of a body that is written anew.
fn is_framing(name: &str, plan: BodyPlan, operation: Operation) -> bool {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if is("content-length") || is("content-encoding") {
        return true;
    }
    let rewritten = matches!(plan, BodyPlan::Members | BodyPlan::Payload(_));
    rewritten
        && (is("content-md5")
            || (headers::is_checksum(operation, &name.to_ascii_lowercase())
                && crate::sigv4::ChecksumAlgorithm::of_header(&name.to_ascii_lowercase())
                    .is_some()))
}

/// `Content-Encoding`: a parameter where the model has it, less the framing of S3 uploads.
fn encoding(
    request: &Request,
    shape: Shape,
    operation: Operation,
    members: &mut BTreeMap<Box<str>, Value>,
) -> Result<(), IdentifyError> {
    let Some(text) = request.single("content-encoding")? else {
        return Ok(());
    };
    let modelled = shape
        .members()
        .find(|member| member.wire_name().eq_ignore_ascii_case("content-encoding"));
    let own: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|token| *token != "aws-chunked")
        .collect();
    let own = own.join(",");
    let is_s3 = operation.service().name() == "s3";
    match modelled {
        _ if own.is_empty() && (is_s3 || text.is_empty()) => Ok(()),
        Some(member) if is_s3 || own == text => {
            members.insert(member.name().into(), Value::String(own.into()));
            Ok(())
        }
        // It was undone before the body was read.
        None if own == "gzip" && operation.accepts_gzip() => Ok(()),
        _ => Err(IdentifyError::ContentEncoding(shown(text))),
    }
}

/// The value of the body, and the member that it is; no name for several members.
type Part = Option<(Option<&'static str>, Value)>;

fn read_body(
    request: &Request,
    body: &Bytes,
    plan: BodyPlan,
    candidate: &Candidate,
) -> Result<Part, IdentifyError> {
    let operation = candidate.operation;
    let wrong = |source| IdentifyError::Parameters {
        protocol: candidate.protocol,
        source,
    };
    let streamed = matches!(request.body, Body::Streamed);
    match plan {
        BodyPlan::Raw(member) if streamed && operation.streams_input() => {
            Ok(Some((Some(member.name()), Value::Stream)))
        }
        _ if streamed => Err(IdentifyError::BodyNeeded(operation.name())),
        BodyPlan::Raw(member) => raw(body, member).map_err(wrong),
        BodyPlan::None => no_body(body, candidate.protocol)
            .map(|()| None)
            .map_err(wrong),
        BodyPlan::Payload(_) | BodyPlan::Members if body.is_empty() => Ok(None),
        BodyPlan::Payload(member) => {
            check_structured_type(request, candidate.protocol, operation)?;
            let value = match candidate.protocol {
                Protocol::RestJson => json::parse_payload(body, member),
                _ => xml::parse(
                    body,
                    rest::payload_root(operation, member),
                    member.shape(),
                    Placement::All,
                ),
            };
            Ok(Some((Some(member.name()), value.map_err(wrong)?)))
        }
        BodyPlan::Members => {
            check_structured_type(request, candidate.protocol, operation)?;
            let Some(shape) = operation.input() else {
                return Ok(None);
            };
            let value = match candidate.protocol {
                Protocol::RestJson => json::parse(body, shape, Placement::BodyOnly),
                _ => xml::parse(
                    body,
                    rest::members_root(operation),
                    shape,
                    Placement::BodyOnly,
                ),
            };
            Ok(Some((None, value.map_err(wrong)?)))
        }
    }
}

fn raw(body: &Bytes, member: Member) -> Result<Part, ParseError> {
    if body.is_empty() {
        return Ok(None);
    }
    let value = match member.shape().kind() {
        crate::catalog::ShapeKind::Blob => Value::Blob(body.clone()),
        _ => {
            let text = std::str::from_utf8(body)
                .map_err(|_| ParseError::malformed("body", "invalid UTF-8"))?;
            Value::String(text.into())
        }
    };
    Ok(Some((Some(member.name()), value)))
}

/// Some SDKs send an empty object for an operation without body.
fn no_body(body: &[u8], protocol: Protocol) -> Result<(), ParseError> {
    match body {
        b"" => Ok(()),
        b"{}" if protocol == Protocol::RestJson => Ok(()),
        _ => Err(ParseError::UnexpectedBody),
    }
}

/// botocore and older SDKs send XML without saying so; JSON is always called by its name.
fn check_structured_type(
    request: &Request,
    protocol: Protocol,
    operation: Operation,
) -> Result<(), IdentifyError> {
    let is_parameter = operation.input().is_some_and(|shape| {
        shape
            .members()
            .any(|member| member.wire_name().eq_ignore_ascii_case("content-type"))
    });
    match protocol {
        _ if is_parameter => Ok(()),
        Protocol::RestJson => check_type(request, &["application/json"], false),
        _ => check_type(request, &["application/xml", "text/xml"], true),
    }
}

fn check_type(request: &Request, kinds: &[&str], may_lack: bool) -> Result<(), IdentifyError> {
    let Some(text) = request.single("content-type")? else {
        return match may_lack {
            true => Ok(()),
            false => Err(IdentifyError::ContentType(String::new())),
        };
    };
    let (kind, parameter) = text.split_once(';').unwrap_or((text, ""));
    let parameter = parameter.trim();
    let plain = parameter.is_empty() || parameter.eq_ignore_ascii_case("charset=utf-8");
    match plain && kinds.contains(&kind) {
        true => Ok(()),
        false => Err(IdentifyError::ContentType(shown(text))),
    }
}
