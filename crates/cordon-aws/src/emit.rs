//! From a call back to a request: the bytes that leave are a function of what policy saw.
//!
//! Takes a [`Call`]; gives the request in the protocol that the call came in, written from its
//! parameters. Nothing of the caller's bytes survives but parsed values: a header, a spelling or
//! a parameter that identification did not read cannot leave. Equal calls give equal bytes.

use crate::call::{Call, Protocol};
use crate::catalog::{Location, Operation};
use crate::protocol::query::Dialect;
use crate::protocol::rest::{self, BodyPlan};
use crate::protocol::{Placement, cbor, form, json, query, xml};
use crate::sigv4::ChecksumAlgorithm;
use crate::value::Value;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// A request ready to be signed: nothing of the caller's bytes is in it but parsed values.
#[derive(Debug, Clone)]
pub struct Emission {
    /// The method.
    pub method: Method,
    /// The path, percent-encoded as the service wants it.
    pub path: String,
    /// The query, percent-encoded, without `?`.
    pub query: Option<String>,
    /// Headers of the operation (content type, target, modelled members); not `host`, not
    /// `content-length`, not signing headers.
    pub headers: HeaderMap,
    /// The host for an upstream that is AWS itself. An upstream set by configuration replaces it,
    /// and then a bucket is always in the path.
    pub host: String,
    /// The body.
    pub body: EmittedBody,
}

/// The body of an [`Emission`].
#[derive(Debug, Clone)]
pub enum EmittedBody {
    /// Written from the parameters.
    Whole(Bytes),
    /// The caller's object body, decoded, streams through.
    Streamed,
}

/// Whether the request goes to AWS under its own name or to one fixed address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostStyle {
    /// To [`Emission::host`].
    Aws,
    /// To a configured upstream: no bucket or prefix in the host.
    Fixed,
}

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Writes the request for `call`.
#[must_use]
pub fn emit(call: &Call, style: HostStyle) -> Emission {
    let blank = Emission {
        method: Method::POST,
        path: "/".to_owned(),
        query: None,
        headers: HeaderMap::new(),
        host: call.route().host.clone(),
        body: EmittedBody::Whole(Bytes::new()),
    };
    match call.protocol() {
        Protocol::Query | Protocol::Ec2 => by_action(call, blank),
        Protocol::Json10 => by_target(call, "application/x-amz-json-1.0", blank),
        Protocol::Json11 => by_target(call, "application/x-amz-json-1.1", blank),
        Protocol::RpcV2Cbor => by_cbor_path(call, blank),
        Protocol::RestJson | Protocol::RestXml => by_route(call, style, blank),
    }
}

fn by_action(call: &Call, mut emission: Emission) -> Emission {
    let operation = call.operation();
    let mut text = String::new();
    form::push_pair(&mut text, "Action", operation.name());
    form::push_pair(&mut text, "Version", call.service().api_version());
    if let Some(shape) = operation.input() {
        let dialect = Dialect::of(call.service(), call.protocol());
        query::write(&mut text, call.parameters(), shape, dialect);
    }
    if let Some(path) = &call.route().queue_path {
        emission.path = path.to_string();
    }
    if call.route().query_by_get {
        emission.method = Method::GET;
        emission.query = Some(text);
        return emission;
    }
    emission
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
    emission.body = EmittedBody::Whole(text.into());
    emission
}

fn by_target(call: &Call, content_type: &'static str, mut emission: Emission) -> Emission {
    let operation = call.operation();
    let target = format!("{}.{}", call.service().target_prefix(), operation.name());
    let body = match operation.input() {
        Some(shape) => json::write(call.parameters(), shape, Placement::All),
        None => b"{}".to_vec(),
    };
    emission
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    insert(&mut emission.headers, TARGET, &target);
    if operation.name() == "DescribeEndpoints" {
        let name = HeaderName::from_static("x-amz-api-version");
        insert(&mut emission.headers, name, call.service().api_version());
    }
    emission.body = EmittedBody::Whole(body.into());
    emission
}

fn by_cbor_path(call: &Call, mut emission: Emission) -> Emission {
    let operation = call.operation();
    let accept = match operation.event_stream() {
        true => "application/vnd.amazon.eventstream",
        false => "application/cbor",
    };
    emission.path = format!(
        "/service/{}/operation/{}",
        call.service().rpc_name(),
        operation.name()
    );
    emission
        .headers
        .insert(SMITHY_PROTOCOL, HeaderValue::from_static("rpc-v2-cbor"));
    emission
        .headers
        .insert(ACCEPT, HeaderValue::from_static(accept));
    if let Some(shape) = operation.input() {
        let body = cbor::write(call.parameters(), shape);
        emission
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/cbor"));
        emission.body = EmittedBody::Whole(body.into());
    }
    emission
}

fn by_route(call: &Call, style: HostStyle, mut emission: Emission) -> Emission {
    let operation = call.operation();
    let parameters = call.parameters();
    let path = operation.path();
    let in_host = call.route().bucket_in_host && style == HostStyle::Aws;
    emission.method = operation.method().parse().unwrap_or(Method::POST);
    emission.path = match in_host.then(|| path.strip_prefix("/{Bucket}")).flatten() {
        Some("") => "/".to_owned(),
        Some(rest) => rest::write_path(rest, parameters, operation.input()),
        None => rest::write_path(path, parameters, operation.input()),
    };
    emission.query = query_string(operation, parameters);
    let body = body(call);
    if let Some(shape) = operation.input() {
        rest::write_headers(&mut emission.headers, parameters, shape);
    }
    set_content_type(&mut emission.headers, call, &body);
    set_checksum(&mut emission.headers, call, &body);
    set_constants(&mut emission.headers, call);
    emission.body = body;
    emission
}

fn query_string(operation: Operation, parameters: &Value) -> Option<String> {
    let mut query = String::new();
    for (name, value) in operation.static_query() {
        match value {
            Some(value) => form::push_pair(&mut query, name, value),
            None => {
                let separator = if query.is_empty() { "" } else { "&" };
                query.push_str(separator);
                query.push_str(name);
            }
        }
    }
    if let Some(shape) = operation.input() {
        rest::write_query(&mut query, parameters, shape);
    }
    (!query.is_empty()).then_some(query)
}

fn body(call: &Call) -> EmittedBody {
    let operation = call.operation();
    let parameters = call.parameters();
    let bytes = match BodyPlan::of(operation) {
        BodyPlan::None => Bytes::new(),
        BodyPlan::Raw(member) => match parameters.get(member.name()) {
            Some(Value::Stream) => return EmittedBody::Streamed,
            Some(Value::Blob(bytes)) => bytes.clone(),
            Some(Value::String(text)) => Bytes::copy_from_slice(text.as_bytes()),
            _ => Bytes::new(),
        },
        BodyPlan::Payload(member) => match (parameters.get(member.name()), call.protocol()) {
            (None, _) => Bytes::new(),
            (Some(value), Protocol::RestJson) => json::write_payload(value, member).into(),
            (Some(value), _) => {
                let root = rest::payload_root(operation, member);
                xml::write(value, root, member.shape(), Placement::All).into()
            }
        },
        BodyPlan::Members => match (operation.input(), call.protocol()) {
            (None, _) => Bytes::new(),
            (Some(shape), Protocol::RestJson) => {
                json::write(parameters, shape, Placement::BodyOnly).into()
            }
            // botocore and others send no XML at all for no members.
            (Some(shape), _) => match has_body_members(parameters, operation) {
                true => xml::write(
                    parameters,
                    rest::members_root(operation),
                    shape,
                    Placement::BodyOnly,
                )
                .into(),
                false => Bytes::new(),
            },
        },
    };
    EmittedBody::Whole(bytes)
}

fn has_body_members(parameters: &Value, operation: Operation) -> bool {
    operation.input().is_some_and(|shape| {
        shape
            .members()
            .filter(|member| member.location() == Location::Body)
            .any(|member| parameters.get(member.name()).is_some())
    })
}

/// The content type of a body that was written here; where it is a parameter it stays as it is.
fn set_content_type(headers: &mut HeaderMap, call: &Call, body: &EmittedBody) {
    let operation = call.operation();
    let is_parameter = operation.input().is_some_and(|shape| {
        shape
            .members()
            .any(|member| member.wire_name().eq_ignore_ascii_case("content-type"))
    });
    let empty = matches!(body, EmittedBody::Whole(bytes) if bytes.is_empty());
    if is_parameter || empty {
        return;
    }
    let kind = match (BodyPlan::of(operation), call.protocol()) {
        (BodyPlan::Raw(_) | BodyPlan::None, _) => "application/octet-stream",
        (_, Protocol::RestJson) => "application/json",
        (_, _) => "application/xml",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
}

/// The checksum of a body that was written here: by the algorithm that the caller names, or by
/// one that the service takes where it demands any.
fn set_checksum(headers: &mut HeaderMap, call: &Call, body: &EmittedBody) {
    let operation = call.operation();
    let EmittedBody::Whole(bytes) = body else {
        return;
    };
    let has_one = headers
        .keys()
        .any(|name| ChecksumAlgorithm::of_header(name.as_str()).is_some() || name == CONTENT_MD5);
    let member = operation.checksum_algorithm_member();
    let named = call.parameters().get(member).and_then(Value::as_str);
    let algorithm = match named.map(ChecksumAlgorithm::named) {
        Some(algorithm) => algorithm,
        None if !operation.checksum_required() => None,
        // Services without flexible checksums know the oldest one alone.
        None if member.is_empty() => Some(ChecksumAlgorithm::Md5),
        None => Some(ChecksumAlgorithm::Crc32),
    };
    match algorithm {
        Some(algorithm) if !has_one => {
            let name = match member.is_empty() {
                true => CONTENT_MD5,
                false => HeaderName::from_static(algorithm.header()),
            };
            insert(headers, name, &algorithm.of(bytes));
        }
        _ => {}
    }
}

/// Headers that a service wants of every request and that no parameter decides.
fn set_constants(headers: &mut HeaderMap, call: &Call) {
    match call.service().name() {
        "glacier" => {
            let name = HeaderName::from_static("x-amz-glacier-version");
            insert(headers, name, call.service().api_version());
        }
        // API Gateway answers in another format unless it is asked for JSON.
        "apigateway" if !headers.contains_key(ACCEPT) => {
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        }
        _ => {}
    }
}

/// Values are ASCII from the catalog or of our own making, so that they fit into headers.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
