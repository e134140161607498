//! Errors in a service's own shape, so that every tool prints them as it prints AWS's own.
//!
//! Takes a code and a sentence; gives the response that the AWS CLI, the SDKs and Terraform read.
//! Which status and body each protocol's clients print verbatim, and never retry, was tried with
//! the real clients: any 4xx but 408 and 429 with an access-denied code.

use crate::call::Protocol;
use crate::endpoint::Destination;
use crate::request::Request;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use quick_xml::escape::escape;
use std::fmt::Write as _;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const S3_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");

/// Which shape an answer takes. S3 differs from other rest-xml services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorShape {
    /// The protocol that the caller spoke.
    pub protocol: Protocol,
    /// S3 wraps nothing around `<Error>`.
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
    let (content_type, body) = match shape.protocol {
        Protocol::Query => ("text/xml", query_body(error)),
        Protocol::RestXml if shape.s3 => ("application/xml", s3_body(error)),
        Protocol::RestXml => ("text/xml", query_body(error)),
        Protocol::Ec2 => ("text/xml;charset=UTF-8", ec2_body(error)),
        Protocol::Json10 => ("application/x-amz-json-1.0", json_body(error, true)),
        Protocol::Json11 => ("application/x-amz-json-1.1", json_body(error, true)),
        Protocol::RestJson => ("application/json", json_body(error, false)),
        Protocol::RpcV2Cbor => ("application/cbor", cbor_body(error)),
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = error.status.unwrap_or_else(|| denied_status(shape));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    insert(headers, REQUEST_ID, error.request_id);
    if shape.protocol == Protocol::RestXml {
        insert(headers, S3_REQUEST_ID, error.request_id);
    }
    match shape.protocol {
        Protocol::RestJson => insert(headers, ERROR_TYPE, error.code),
        Protocol::RpcV2Cbor => insert(headers, SMITHY_PROTOCOL, "rpc-v2-cbor"),
        _ => {}
    }
    if !shape.head {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        *response.body_mut() = body.into();
    }
    response
}

/// The access-denied code of a protocol: `AccessDenied`, `AccessDeniedException`,
/// `UnauthorizedOperation`.
#[must_use]
pub fn access_denied_code(shape: ErrorShape) -> &'static str {
    match shape.protocol {
        Protocol::Ec2 => "UnauthorizedOperation",
        Protocol::Query | Protocol::RestXml => "AccessDenied",
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson | Protocol::RpcV2Cbor => {
            "AccessDeniedException"
        }
    }
}

/// The shape to answer in before the call is identified: guessed from the request alone, since a
/// refusal must reach the tool in words that it reads. Nothing is decided by it.
#[must_use]
pub fn shape_of(request: &Request, signing_name: Option<&str>) -> ErrorShape {
    let header = |name: &str| {
        request
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let content_type = header("content-type");
    let is_form = content_type.starts_with("application/x-www-form-urlencoded");
    let has_action = || {
        request
            .query
            .as_deref()
            .is_some_and(|query| query.split('&').any(|pair| pair.starts_with("Action=")))
    };
    let rest_xml = speaks_rest_xml(request, signing_name);
    let s3 = rest_xml == Some(Wrapping::None);
    let protocol = match () {
        () if header("smithy-protocol") == "rpc-v2-cbor" => Protocol::RpcV2Cbor,
        () if request.headers.contains_key("x-amz-target")
            && content_type.ends_with("json-1.1") =>
        {
            Protocol::Json11
        }
        () if request.headers.contains_key("x-amz-target") => Protocol::Json10,
        () if signing_name == Some("ec2") => Protocol::Ec2,
        () if rest_xml.is_some() => Protocol::RestXml,
        () if is_form || has_action() => Protocol::Query,
        () => Protocol::RestJson,
    };
    ErrorShape {
        protocol,
        s3,
        head: request.method == Method::HEAD,
    }
}

/// What rest-xml services put around `<Error>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrapping {
    /// Nothing, which only S3 does.
    None,
    /// `<ErrorResponse>`.
    ErrorResponse,
}

/// Whether the request is for one of the four services that speak rest-xml. S3 Control signs as
/// `s3` and is known by its host or, in endpoint mode, by the date that begins all its paths.
fn speaks_rest_xml(request: &Request, signing_name: Option<&str>) -> Option<Wrapping> {
    let endpoint = match &request.destination {
        Destination::Aws(host) => host.endpoint.as_str(),
        Destination::Own { .. } => "",
    };
    let name = signing_name.unwrap_or(endpoint);
    let control = endpoint == "s3-control" || request.path.starts_with("/v20180820/");
    match name {
        // S3 on Outposts is managed by a JSON service that signs by the same name.
        "s3-outposts" if request.path.starts_with("/S3Outposts/") => None,
        "s3" | "s3-control" | "s3-outposts" if control => Some(Wrapping::ErrorResponse),
        "s3" | "s3-outposts" | "s3-object-lambda" | "s3express" => Some(Wrapping::None),
        "route53" | "cloudfront" => Some(Wrapping::ErrorResponse),
        _ => None,
    }
}

/// JSON 1.x and CBOR answer errors with 400, as their services do; the others with 403. An answer
/// to HEAD has nothing but its status to say it with.
fn denied_status(shape: ErrorShape) -> StatusCode {
    match shape.protocol {
        _ if shape.head => StatusCode::FORBIDDEN,
        Protocol::Json10 | Protocol::Json11 | Protocol::RpcV2Cbor => StatusCode::BAD_REQUEST,
        Protocol::Query | Protocol::Ec2 | Protocol::RestJson | Protocol::RestXml => {
            StatusCode::FORBIDDEN
        }
    }
}

/// A reference or code that no header could hold is left out: it is in the body as well.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn s3_body(error: &WireError<'_>) -> Vec<u8> {
    xml(format!(
        "<Error><Code>{}</Code><Message>{}</Message><RequestId>{}</RequestId><HostId>cordon</HostId></Error>",
        text(error.code),
        text(error.message),
        text(error.request_id),
    ))
}

fn query_body(error: &WireError<'_>) -> Vec<u8> {
    xml(format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>{}</RequestId></ErrorResponse>",
        text(error.code),
        text(error.message),
        text(error.request_id),
    ))
}

fn ec2_body(error: &WireError<'_>) -> Vec<u8> {
    xml(format!(
        "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors>\
         <RequestID>{}</RequestID></Response>",
        text(error.code),
        text(error.message),
        text(error.request_id),
    ))
}

fn xml(element: String) -> Vec<u8> {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{element}").into_bytes()
}

/// Text for an XML element. Characters that XML 1.0 cannot hold are replaced.
fn text(plain: &str) -> String {
    let held = |c: char| {
        matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}')
    };
    let plain: String = plain
        .chars()
        .map(|c| if held(c) { c } else { '\u{fffd}' })
        .collect();
    escape(plain.as_str()).into_owned()
}

fn json_body(error: &WireError<'_>, typed: bool) -> Vec<u8> {
    let message = json_string(error.message);
    let kind = match typed {
        true => format!(
            "\"__type\":{},",
            json_string(&format!("com.amazon.coral.service#{}", error.code))
        ),
        false => String::new(),
    };
    format!("{{{kind}\"Message\":{message},\"message\":{message}}}").into_bytes()
}

fn json_string(plain: &str) -> String {
    let mut quoted = String::with_capacity(plain.len() + 2);
    quoted.push('"');
    for c in plain.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c if c < ' ' || c == '\u{7f}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A map of two texts, definite lengths: `__type` and `message`.
fn cbor_body(error: &WireError<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut body);
    let written = encoder
        .map(2)
        .and_then(|encoder| encoder.str("__type"))
        .and_then(|encoder| encoder.str(error.code))
        .and_then(|encoder| encoder.str("message"))
        .and_then(|encoder| encoder.str(error.message));
    // INVARIANT: writing to a vector cannot fail; an empty body would only lose the sentence.
    debug_assert!(written.is_ok());
    body
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn check(protocol: Protocol, s3: bool, status: u16, body: &str) {
        let error = WireError {
            code: access_denied_code(ErrorShape {
                protocol,
                s3,
                head: false,
            }),
            message: "not \"this\" <one> & that\n\u{1}",
            request_id: "7QK4",
            status: None,
        };
        let response = render(
            ErrorShape {
                protocol,
                s3,
                head: false,
            },
            &error,
        );
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(std::str::from_utf8(response.body()).unwrap(), body);
        let head = render(
            ErrorShape {
                protocol,
                s3,
                head: true,
            },
            &error,
        );
        assert!(head.body().is_empty() && head.headers().get(CONTENT_LENGTH).is_none());
        assert_eq!(head.headers()["x-amzn-requestid"], "7QK4");
    }

    #[test]
    fn each_protocol_gets_its_own_shape_and_hostile_text_stays_text() {
        let sentence = "not &quot;this&quot; &lt;one&gt; &amp; that\n\u{fffd}";
        let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        let json = r#"not \"this\" <one> & that\n\u0001"#;
        check(
            Protocol::RestXml,
            true,
            403,
            &format!(
                "{xml}<Error><Code>AccessDenied</Code><Message>{sentence}</Message><RequestId>7QK4</RequestId><HostId>cordon</HostId></Error>"
            ),
        );
        check(
            Protocol::Query,
            false,
            403,
            &format!(
                "{xml}<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{sentence}</Message></Error><RequestId>7QK4</RequestId></ErrorResponse>"
            ),
        );
        check(
            Protocol::Ec2,
            false,
            403,
            &format!(
                "{xml}<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>{sentence}</Message></Error></Errors><RequestID>7QK4</RequestID></Response>"
            ),
        );
        check(
            Protocol::Json11,
            false,
            400,
            &format!(
                "{{\"__type\":\"com.amazon.coral.service#AccessDeniedException\",\"Message\":\"{json}\",\"message\":\"{json}\"}}"
            ),
        );
        check(
            Protocol::RestJson,
            false,
            403,
            &format!("{{\"Message\":\"{json}\",\"message\":\"{json}\"}}"),
        );
    }

    /// Evidence alone, in the order of how hard it is to mistake.
    #[test]
    fn the_shape_is_guessed_from_what_the_request_shows() {
        let shape = |signing_name, path: &str, headers: &[(&'static str, &'static str)]| {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let request = Request {
                method: Method::POST,
                path: path.to_owned(),
                query: Some(query.to_owned()),
                headers: headers
                    .iter()
                    .map(|(name, value)| {
                        (
                            HeaderName::from_static(name),
                            HeaderValue::from_static(value),
                        )
                    })
                    .collect(),
                destination: Destination::Own {
                    prefix: String::new(),
                },
                body: crate::request::Body::Streamed,
            };
            let shape = shape_of(&request, signing_name);
            (shape.protocol, shape.s3)
        };
        let form = [(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )];
        let json = |version| {
            [
                ("x-amz-target", "DynamoDB_20120810.DeleteTable"),
                ("content-type", version),
            ]
        };
        let json10 = json("application/x-amz-json-1.0");
        let json11 = json("application/x-amz-json-1.1");
        let cbor = [("smithy-protocol", "rpc-v2-cbor")];
        for (signing_name, path, headers, expected) in [
            (Some("s3"), "/b/k", &[][..], (Protocol::RestXml, true)),
            (
                Some("s3"),
                "/v20180820/jobs",
                &[],
                (Protocol::RestXml, false),
            ),
            (Some("s3express"), "/k", &[], (Protocol::RestXml, true)),
            (
                Some("s3-outposts"),
                "/S3Outposts/CreateEndpoint",
                &[],
                (Protocol::RestJson, false),
            ),
            (Some("route53"), "/", &[], (Protocol::RestXml, false)),
            (Some("ec2"), "/", &form, (Protocol::Ec2, false)),
            (Some("sts"), "/", &form, (Protocol::Query, false)),
            (Some("sts"), "/?Action=X", &[], (Protocol::Query, false)),
            (Some("dynamodb"), "/", &json10, (Protocol::Json10, false)),
            (Some("events"), "/", &json11, (Protocol::Json11, false)),
            (Some("monitoring"), "/", &cbor, (Protocol::RpcV2Cbor, false)),
            (Some("lambda"), "/", &[], (Protocol::RestJson, false)),
            (None, "/", &[], (Protocol::RestJson, false)),
        ] {
            assert_eq!(
                shape(signing_name, path, headers),
                expected,
                "{signing_name:?} {path}"
            );
        }
    }

    #[test]
    fn cbor_is_a_map_of_type_and_message() {
        let shape = ErrorShape {
            protocol: Protocol::RpcV2Cbor,
            s3: false,
            head: false,
        };
        let response = render(
            shape,
            &WireError {
                code: "X",
                message: "why",
                request_id: "R",
                status: None,
            },
        );
        assert_eq!(
            &response.body()[..],
            b"\xa2\x66__type\x61X\x67message\x63why"
        );
        assert_eq!(response.headers()["smithy-protocol"], "rpc-v2-cbor");
    }
}
