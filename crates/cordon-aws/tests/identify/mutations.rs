//! Every request of the sample, and of what is made from the models, changed as an attacker would:
//! it means the same or is refused with a code. Another operation, a panic, or more memory than a
//! request may have, is never an answer.

use super::corpus::{SAMPLE, are_twins};
use super::made::{self, Made};
use super::spelling::{encoded_letters, escaped_letters, lower_hex, pairs, with_members};
use super::{Sent, memory};
use bytes::Bytes;
use cordon_aws::call::{Call, Protocol};
use cordon_aws::catalog::{Location, Shape, ShapeKind};
use cordon_aws::request::Body;
use cordon_aws::value::Value;
use http::{HeaderName, HeaderValue};
use std::collections::BTreeMap;

/// What a change may leave of a request that is not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The very same: what was changed says nothing, or says it again.
    Same,
    /// The same operation; its parameters may be others.
    Operation,
}

/// The ways in which one kind of change is made to a request.
type Change = fn(&Sent, &Call) -> Vec<Sent>;

const CHANGES: &[(&str, Meaning, Change)] = &[
    ("a selector twice", Meaning::Same, selector_twice),
    ("another selector beside", Meaning::Same, selector_beside),
    (
        "a selector spelt in another way",
        Meaning::Same,
        selector_respelt,
    ),
    ("another protocol", Meaning::Same, protocol_swapped),
    ("another content type", Meaning::Operation, content_type),
    ("another method", Meaning::Same, method),
    ("a header more", Meaning::Same, header_more),
    ("a header twice", Meaning::Same, header_twice),
    ("a key more", Meaning::Operation, key_more),
    ("a path spelt in another way", Meaning::Same, path_respelt),
    ("a path with more", Meaning::Operation, path_more),
    ("a body spelt in another way", Meaning::Same, body_respelt),
    ("a member twice", Meaning::Same, member_twice),
    ("a member in another case", Meaning::Same, member_in_case),
    ("a body with more", Meaning::Operation, body_more),
    ("a body cut short", Meaning::Operation, body_cut),
    ("a body of noise", Meaning::Operation, body_noise),
    ("another scope", Meaning::Operation, scope),
];

/// Changes whose requests are large: tried on some requests of each protocol.
const LARGE: &[(&str, Meaning, Change)] = &[
    ("10,000 deep", Meaning::Operation, deep),
    ("a string of ten megabytes", Meaning::Operation, long),
];

fn selector_twice(sent: &Sent, call: &Call) -> Vec<Sent> {
    let name = call.operation().name();
    let version = call.service().api_version();
    let mut all = vec![
        sent.clone().with_query(&format!("x-id={name}&x-id={name}")),
        sent.clone()
            .with_query(&format!("Action={name}&Version={version}")),
    ];
    for header in ["x-amz-target", "smithy-protocol"] {
        if let Some(value) = sent.request.headers.get(header) {
            let mut twice = sent.clone();
            twice.request.headers.append(header, value.clone());
            let mut joined = sent.clone();
            let value = value.to_str().unwrap();
            let value = format!("{value}, {value}");
            joined
                .request
                .headers
                .insert(header, value.parse().unwrap());
            all.extend([twice, joined]);
        }
    }
    if is_query(call) {
        all.push(sent.clone().with_more(&format!("&Action={name}")));
        all.push(sent.clone().with_more(&format!("&Version={version}")));
    }
    all
}

fn selector_beside(sent: &Sent, call: &Call) -> Vec<Sent> {
    let mut all = Vec::new();
    for target in ["DynamoDB_20120810.DeleteTable", "AmazonSQS.PurgeQueue"] {
        all.push(sent.clone().with_header("x-amz-target", target));
    }
    // Targets of the very service, where it has any: the shortest and the longest way to harm.
    let prefix = call.service().target_prefix();
    for other in call
        .service()
        .operations()
        .filter(|other| other.certainly_destroys())
        .take(2)
    {
        let version = call.service().api_version();
        all.push(
            sent.clone()
                .with_header("x-amz-target", &format!("{prefix}.{}", other.name())),
        );
        all.push(
            sent.clone()
                .with_query(&format!("Action={}&Version={version}", other.name())),
        );
        all.push(sent.clone().with_query(&format!("x-id={}", other.name())));
        if is_query(call) {
            all.push(sent.clone().with_more(&format!("&Action={}", other.name())));
        }
    }
    all.push(sent.clone().with_header("smithy-protocol", "rpc-v2-cbor"));
    all.push(sent.clone().with_header("x-http-method-override", "DELETE"));
    all.push(sent.clone().with_header("x-method-override", "DELETE"));
    all.push(
        sent.clone()
            .with_query("Action=DeleteStack&Version=2010-05-15"),
    );
    all.push(sent.clone().with_query("_method=DELETE"));
    all
}

fn selector_respelt(sent: &Sent, call: &Call) -> Vec<Sent> {
    let name = call.operation().name();
    let respelt = |text: &str| -> Vec<String> {
        vec![
            text.to_lowercase(),
            text.to_uppercase(),
            format!("{text}."),
            format!(".{text}"),
            format!("{text}\t"),
            format!("{text}%00"),
            text.replacen('.', "..", 1),
            text.replacen('.', "#", 1),
        ]
    };
    let mut all = Vec::new();
    for header in ["x-amz-target", "smithy-protocol"] {
        let value = sent
            .request
            .headers
            .get(header)
            .and_then(|value| value.to_str().ok());
        for value in value.into_iter().flat_map(respelt) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                let mut changed = sent.clone();
                changed.request.headers.insert(header, value);
                all.push(changed);
            }
        }
    }
    if is_query(call) {
        let action = format!("Action={name}");
        let named = |action: String| {
            sent.clone().with_body(|body| {
                String::from_utf8_lossy(body)
                    .replacen(&format!("Action={name}"), &action, 1)
                    .into_bytes()
            })
        };
        for other in respelt(name) {
            all.push(named(format!("Action={other}")));
        }
        for key in [
            "action",
            "ACTION",
            "Action.1",
            "%41ction",
            "Action%00",
            "+Action",
        ] {
            all.push(named(format!("{key}={name}")));
            all.push(named(format!("{action}&{key}={name}")));
        }
    }
    all
}

/// The same body under the selectors of every protocol, in the names of the service itself.
fn protocol_swapped(sent: &Sent, call: &Call) -> Vec<Sent> {
    let (service, operation) = (call.service(), call.operation());
    Protocol::ALL
        .into_iter()
        .filter(|protocol| {
            *protocol != call.protocol() && !(is_rest(*protocol) && is_rest(call.protocol()))
        })
        .map(|protocol| {
            let mut swapped = sent.clone();
            let request = &mut swapped.request;
            for header in ["x-amz-target", "smithy-protocol"] {
                request.headers.remove(header);
            }
            request.method = http::Method::POST;
            request.path = "/".to_owned();
            request.query = None;
            let target = format!("{}.{}", service.target_prefix(), operation.name());
            match protocol {
                Protocol::Query | Protocol::Ec2 => {
                    let start = format!(
                        "Action={}&Version={}&",
                        operation.name(),
                        service.api_version()
                    );
                    swapped
                        .with_type("application/x-www-form-urlencoded")
                        .with_body(|body| [start.as_bytes(), body].concat())
                }
                Protocol::Json10 => swapped
                    .with_header("x-amz-target", &target)
                    .with_type("application/x-amz-json-1.0"),
                Protocol::Json11 => swapped
                    .with_header("x-amz-target", &target)
                    .with_type("application/x-amz-json-1.1"),
                Protocol::RpcV2Cbor => {
                    request.path = format!(
                        "/service/{}/operation/{}",
                        service.rpc_name(),
                        operation.name()
                    );
                    swapped
                        .with_header("smithy-protocol", "rpc-v2-cbor")
                        .with_type("application/cbor")
                }
                Protocol::RestJson | Protocol::RestXml => {
                    request.method = operation.method().parse().unwrap();
                    request.path = operation.uri().replace(['{', '}', '+'], "");
                    let kind = if protocol == Protocol::RestJson {
                        "application/json"
                    } else {
                        "application/xml"
                    };
                    swapped.with_type(kind)
                }
            }
        })
        .collect()
}

fn content_type(sent: &Sent, _: &Call) -> Vec<Sent> {
    let mut all: Vec<Sent> = [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-7",
        "application/x-amz-json-1.0",
        "application/x-amz-json-1.1",
        "application/x-amz-json-2.0",
        "application/cbor",
        "application/xml",
        "text/xml",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json, text/xml",
        "application/vnd.amazon.eventstream",
        "",
    ]
    .into_iter()
    .map(|kind| sent.clone().with_type(kind))
    .collect();
    let mut none = sent.clone();
    none.request.headers.remove("content-type");
    all.push(none);
    for encoding in ["gzip", "aws-chunked", "br", "gzip, gzip", "identity"] {
        all.push(sent.clone().with_header("content-encoding", encoding));
    }
    all
}

fn method(sent: &Sent, _: &Call) -> Vec<Sent> {
    let own = sent.request.method.clone();
    let lower = own.as_str().to_ascii_lowercase();
    [
        "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "ERASE", &lower,
    ]
    .into_iter()
    // By another method REST calls another operation, which is no trick.
    .filter(|method| {
        *method == lower
            || *method == "ERASE"
            || *method == "TRACE"
            || own == "POST" && sent.request.path == "/"
    })
    .map(|method| {
        let mut changed = sent.clone();
        changed.request.method = method.parse().unwrap();
        changed
    })
    .collect()
}

fn header_more(sent: &Sent, _: &Call) -> Vec<Sent> {
    [
        "x-amz-invented",
        "x-amzn-invented",
        "x-invented",
        "expect-invented",
        "x-forwarded-host",
    ]
    .into_iter()
    .map(|name| sent.clone().with_header(name, "1"))
    .collect()
}

fn header_twice(sent: &Sent, _: &Call) -> Vec<Sent> {
    sent.request
        .headers
        .iter()
        .map(|(name, value)| {
            let mut changed = sent.clone();
            changed.request.headers.append(name, value.clone());
            changed
        })
        .collect()
}

fn key_more(sent: &Sent, call: &Call) -> Vec<Sent> {
    let query = sent.request.query.clone().unwrap_or_default();
    let mut all = vec![
        sent.clone().with_query("cordon-invented=1"),
        sent.clone().with_query("x-id=Invented"),
    ];
    // Everything again, and each key that selects another operation of the same path.
    if !query.is_empty() {
        all.push(sent.clone().with_query(&query));
    }
    // A request without a key of its own becomes another operation by one, which is no trick.
    if call.operation().uri().contains('?') {
        for key in [
            "acl",
            "policy",
            "uploads",
            "delete",
            "tagging",
            "versioning",
            "cors",
        ] {
            all.push(sent.clone().with_query(key));
            all.push(sent.clone().with_query(&format!("{key}=")));
        }
    }
    all
}

/// Where the path of a request is a key of S3, every spelling is a key of its own.
fn is_s3(call: &Call) -> bool {
    call.service().name() == "s3"
}

fn path_respelt(sent: &Sent, call: &Call) -> Vec<Sent> {
    let path = &sent.request.path;
    let letters = |path: &str| -> String {
        path.split('/')
            .map(encoded_letters)
            .collect::<Vec<_>>()
            .join("/")
    };
    let mut all = vec![letters(path), lower_hex(path)];
    if !is_s3(call) {
        all.extend([
            format!("/{path}"),
            format!("/.{path}"),
            format!("/x/..{path}"),
            format!("/x/%2e%2e{path}"),
            format!("/x%2F..{path}"),
            format!("/x/..%2f{path}"),
            format!("{path}/."),
            format!("{path}/x/.."),
            path.replacen('/', "\\", 1),
            path.replace('/', "%2F"),
            path.replacen('/', "/%2F", 1),
            format!("http://other.test{path}"),
            format!("*{path}"),
            path[1..].to_owned(),
            String::new(),
        ]);
    }
    all.into_iter()
        .map(|path| sent.clone().with_path(path))
        .collect()
}

fn path_more(sent: &Sent, call: &Call) -> Vec<Sent> {
    if is_s3(call) {
        return Vec::new();
    }
    let path = &sent.request.path;
    [
        "/", "//", ";a=b", "%3Facl", "%23", "%00", "%20", "+", "\u{e9}", "%C3%A9", "%FF", "%",
        "%zz", "%2",
    ]
    .into_iter()
    .map(|more| sent.clone().with_path(format!("{path}{more}")))
    .collect()
}

fn body_respelt(sent: &Sent, call: &Call) -> Vec<Sent> {
    let body = |change: fn(&[u8]) -> Vec<u8>| sent.clone().with_body(change);
    if is_raw(sent, call) {
        return Vec::new();
    }
    let mut all = vec![
        body(|bytes| [b"\xef\xbb\xbf", bytes].concat()),
        body(|bytes| [bytes, b"\0"].concat()),
        body(|bytes| [b" ", bytes].concat()),
        body(|bytes| [bytes, b"\n"].concat()),
        body(|bytes| [bytes, bytes].concat()),
        body(|bytes| {
            String::from_utf8_lossy(bytes)
                .encode_utf16()
                .flat_map(u16::to_be_bytes)
                .collect()
        }),
    ];
    match call.protocol() {
        Protocol::Query | Protocol::Ec2 => {
            all.push(body(|bytes| pairs(bytes, |pairs| pairs.reverse())));
            all.push(body(|bytes| {
                let text = String::from_utf8_lossy(bytes);
                let pair = |pair: &str| {
                    pair.split('=')
                        .map(encoded_letters)
                        .collect::<Vec<_>>()
                        .join("=")
                };
                text.split('&')
                    .map(pair)
                    .collect::<Vec<_>>()
                    .join("&")
                    .into_bytes()
            }));
            all.push(body(|bytes| {
                String::from_utf8_lossy(bytes)
                    .replace('&', ";")
                    .into_bytes()
            }));
            all.push(body(|bytes| {
                String::from_utf8_lossy(bytes)
                    .replace('&', "&&")
                    .into_bytes()
            }));
        }
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => {
            all.push(body(escaped_letters));
            all.push(body(|bytes| [b"/**/", bytes].concat()));
            all.push(body(|bytes| {
                String::from_utf8_lossy(bytes)
                    .replace('}', ",}")
                    .into_bytes()
            }));
        }
        Protocol::RestXml => {
            all.push(body(|bytes| {
                [b"<!DOCTYPE a [<!ENTITY b \"c\">]>", bytes].concat()
            }));
            all.push(body(|bytes| [b"<?php ?>", bytes].concat()));
            all.push(body(|bytes| {
                String::from_utf8_lossy(bytes)
                    .replacen('>', " a=\"b\">", 1)
                    .into_bytes()
            }));
            all.push(body(|bytes| {
                String::from_utf8_lossy(bytes)
                    .replace("><", "><!-- --><")
                    .into_bytes()
            }));
            all.push(body(|bytes| {
                String::from_utf8_lossy(bytes)
                    .replace("><", "> <")
                    .into_bytes()
            }));
        }
        Protocol::RpcV2Cbor => {
            // Tagged as CBOR that describes itself, and with a break that ends nothing.
            all.push(body(|bytes| [b"\xd9\xd9\xf7", bytes].concat()));
            all.push(body(|bytes| [bytes, b"\xff"].concat()));
        }
    }
    all
}

fn member_twice(sent: &Sent, call: &Call) -> Vec<Sent> {
    let body = |change: fn(&[u8]) -> Vec<u8>| vec![sent.clone().with_body(change)];
    match call.protocol() {
        _ if is_raw(sent, call) => Vec::new(),
        Protocol::Query | Protocol::Ec2 => {
            body(|bytes| pairs(bytes, |pairs| pairs.extend(pairs.last().cloned())))
        }
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => body(|bytes| {
            with_members(bytes, |members| {
                members.iter().chain(members.first()).cloned().collect()
            })
        }),
        Protocol::RestXml => body(|bytes| {
            // All that is inside of the root, once more.
            let text = String::from_utf8_lossy(bytes);
            let (Some(start), Some(end)) = (text.find('>'), text.rfind("</")) else {
                return bytes.repeat(2);
            };
            let inside = text.get(start + 1..end).unwrap_or_default();
            format!("{}{inside}{}", &text[..end], &text[end..]).into_bytes()
        }),
        // The count of the map's entries, and the first of them, once more.
        Protocol::RpcV2Cbor => body(|bytes| [b"\xbf", &bytes[1..], &bytes[1..], b"\xff"].concat()),
    }
}

fn member_in_case(sent: &Sent, call: &Call) -> Vec<Sent> {
    use Protocol::{Json10, Json11, RestJson};
    if is_raw(sent, call) || !matches!(call.protocol(), Json10 | Json11 | RestJson) {
        return Vec::new();
    }
    let cases: [fn(&str) -> String; 4] = [
        |name| name.to_lowercase(),
        |name| name.to_uppercase(),
        |name| format!("{name} "),
        |name| format!("__type{name}"),
    ];
    let change = |case: fn(&str) -> String| {
        sent.clone().with_body(|bytes| {
            with_members(bytes, |members| {
                members
                    .iter()
                    .map(|(name, value)| (case(name), value.clone()))
                    .collect()
            })
        })
    };
    // A name that is in its own case already stays the same.
    cases.into_iter().map(change).collect()
}

fn body_more(sent: &Sent, _: &Call) -> Vec<Sent> {
    [
        " x",
        "&a=b",
        ",\"a\":1}",
        "<a/>",
        "\u{0}",
        "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    ]
    .into_iter()
    .map(|more| sent.clone().with_more(more))
    .collect()
}

fn body_cut(sent: &Sent, _: &Call) -> Vec<Sent> {
    let length = sent.request.whole_body().len();
    let places = (0..16)
        .map(|part| length * part / 16)
        .chain(length.checked_sub(1));
    places
        .map(|end| sent.clone().with_body(|bytes| bytes[..end].to_vec()))
        .collect()
}

fn body_noise(sent: &Sent, _: &Call) -> Vec<Sent> {
    let length = sent.request.whole_body().len();
    let flipped = (0..length).step_by((length / 32).max(1)).map(|at| {
        sent.clone().with_body(|bytes| {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 0x20;
            bytes
        })
    });
    flipped
        .chain([sent
            .clone()
            .with_body(|bytes| bytes.iter().map(|byte| byte ^ 0x55).collect())])
        .collect()
}

fn scope(sent: &Sent, _: &Call) -> Vec<Sent> {
    let services = ["iam", "s3", "sts", "invented", "", "S3", "execute-api"].map(|name| Sent {
        service: Some(name.to_owned()),
        ..sent.clone()
    });
    let regions = ["ap-south-2", "cn-north-1", "us-gov-west-1"].map(|region| Sent {
        region: Some(region.parse().unwrap()),
        ..sent.clone()
    });
    let unsigned = Sent {
        service: None,
        region: None,
        ..sent.clone()
    };
    services
        .into_iter()
        .chain(regions)
        .chain([unsigned])
        .collect()
}

/// The first member of the body, by its name on the wire.
fn first_member(call: &Call) -> Option<&'static str> {
    let Value::Structure(members) = call.parameters() else {
        return None;
    };
    let shape = call.operation().input()?;
    members
        .keys()
        .filter_map(|name| shape.member(name))
        .find(|member| member.location() == Location::Body)
        .map(|member| member.wire_name())
}

fn deep(sent: &Sent, call: &Call) -> Vec<Sent> {
    let name = first_member(call).unwrap_or("a");
    let bodies: Vec<Vec<u8>> = match call.protocol() {
        Protocol::Query | Protocol::Ec2 => {
            let more = |tail: &str| {
                [
                    sent.request.whole_body(),
                    b"&",
                    name.as_bytes(),
                    tail.as_bytes(),
                    b"=1",
                ]
                .concat()
            };
            vec![
                more(&".1".repeat(10_000)),
                more(&".member.1".repeat(10_000)),
                more(&".".repeat(10_000)),
            ]
        }
        Protocol::RestXml => {
            let root = String::from_utf8_lossy(sent.request.whole_body());
            let root = root
                .split_inclusive('>')
                .next()
                .unwrap_or_default()
                .to_owned();
            vec![
                "<a>".repeat(10_000).into_bytes(),
                format!("{root}{}", format!("<{name}>").repeat(10_000)).into_bytes(),
            ]
        }
        Protocol::RpcV2Cbor => {
            let key = [
                &[0xa1, 0x60 + name.len().min(23) as u8],
                &name.as_bytes()[..name.len().min(23)],
            ]
            .concat();
            vec![
                vec![0x81; 10_000],
                key.repeat(10_000),
                [key.clone(), vec![0x81; 10_000]].concat(),
            ]
        }
        _ => {
            let open = format!("{{\"{name}\":");
            vec![
                open.repeat(10_000).into_bytes(),
                vec![b'['; 10_000],
                format!("{open}{}1{}}}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes(),
                format!(
                    "{open}{}1{}}}",
                    "{\"a\":".repeat(10_000),
                    "}".repeat(10_000)
                )
                .into_bytes(),
            ]
        }
    };
    bodies
        .into_iter()
        .map(|body| sent.clone().with_body(|_| body.clone()))
        .collect()
}

fn long(sent: &Sent, call: &Call) -> Vec<Sent> {
    let text = "a".repeat(10 << 20);
    let name = first_member(call).unwrap_or("a");
    let body = match call.protocol() {
        Protocol::Query | Protocol::Ec2 => [
            sent.request.whole_body(),
            b"&",
            name.as_bytes(),
            b"=",
            text.as_bytes(),
        ]
        .concat(),
        Protocol::RestXml => {
            let root = String::from_utf8_lossy(sent.request.whole_body());
            let root = root
                .split_inclusive('>')
                .next()
                .unwrap_or_default()
                .to_owned();
            format!("{root}<{name}>{text}</{name}>").into_bytes()
        }
        Protocol::RpcV2Cbor => {
            let name = &name.as_bytes()[..name.len().min(23)];
            [
                &[0xa1, 0x60 + name.len() as u8],
                name,
                b"\x7a\x00\xa0\x00\x00",
                text.as_bytes(),
            ]
            .concat()
        }
        _ => format!("{{\"{name}\":\"{text}\"}}").into_bytes(),
    };
    let query = sent.clone().with_query(&format!("a={text}"));
    let path = sent
        .clone()
        .with_path(format!("{}{text}", sent.request.path));
    let mut all = vec![
        sent.clone().with_body(|_| body.clone()),
        sent.clone().with_more(&text),
        query,
    ];
    if !is_s3(call) {
        all.push(path);
    }
    all
}

fn is_query(call: &Call) -> bool {
    matches!(call.protocol(), Protocol::Query | Protocol::Ec2)
}

fn is_rest(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::RestJson | Protocol::RestXml)
}

/// Whether the body is a member's bytes as they are, or there is none.
fn is_raw(sent: &Sent, call: &Call) -> bool {
    let raw = |shape: Shape| {
        shape.members().any(|member| {
            let kind = member.shape().kind();
            member.location() == Location::Payload
                && matches!(kind, ShapeKind::Blob | ShapeKind::String)
        })
    };
    sent.request.whole_body().is_empty()
        || is_rest(call.protocol()) && call.operation().input().is_some_and(raw)
}

impl Sent {
    fn with_header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.request
            .headers
            .append(HeaderName::from_static(name), value);
        self
    }

    fn with_type(mut self, kind: &str) -> Self {
        self.request
            .headers
            .insert("content-type", kind.parse().unwrap());
        self
    }

    fn with_query(mut self, pairs: &str) -> Self {
        let query = self.request.query.get_or_insert_default();
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(pairs);
        self
    }

    fn with_path(mut self, path: String) -> Self {
        self.request.path = path;
        self
    }

    fn with_body(mut self, change: impl Fn(&[u8]) -> Vec<u8>) -> Self {
        let bytes = change(self.request.whole_body());
        self.request.body = Body::Whole(Bytes::from(bytes));
        self
    }

    fn with_more(self, more: &str) -> Self {
        self.with_body(|body| [body, more.as_bytes()].concat())
    }
}

/// What came of the changes to some requests.
#[derive(Default)]
struct Tally {
    same: usize,
    refused: usize,
    misses: Vec<String>,
}

impl Tally {
    fn add(&mut self, sent: &Sent, call: &Call, changes: &[(&str, Meaning, Change)]) {
        for (name, meaning, change) in changes {
            for changed in change(sent, call) {
                let label = format!("{name} of {:?}", call.operation());
                match memory::identify(&label, &changed) {
                    Ok(other) if means(call, &other, *meaning) => self.same += 1,
                    Ok(other) => {
                        let request = &changed.request;
                        let text = format!(
                            "{label}: {:?} became {other:?} by {request:?}",
                            call.parameters()
                        );
                        self.misses.push(text.chars().take(4_000).collect());
                    }
                    Err(error) => {
                        assert!(!error.code().is_empty());
                        self.refused += 1;
                    }
                }
            }
        }
    }

    fn check(self) {
        assert!(self.misses.is_empty(), "{:#?}", self.misses);
        // Most are refused: those that stay are other spellings, and what no reader reads.
        assert!(
            self.refused > self.same,
            "{} refused, {} the same",
            self.refused,
            self.same
        );
    }
}

fn means(call: &Call, other: &Call, meaning: Meaning) -> bool {
    let name = |call: &Call| (call.service().name(), call.operation().name());
    let same = call.operation() == other.operation() || are_twins(name(call), name(other));
    match meaning {
        Meaning::Operation => same,
        Meaning::Same => {
            same && call.parameters() == other.parameters()
                && call.accesses() == other.accesses()
                && call.region() == other.region()
                && call.partition() == other.partition()
        }
    }
}

#[test]
fn a_changed_request_means_the_same_or_is_refused() {
    let _counting = memory::counting();
    let mut tally = Tally::default();
    for line in SAMPLE.lines() {
        let (sent, ..) = Sent::of_line(line);
        if let Ok(call) = sent.identify() {
            tally.add(&sent, &call, CHANGES);
        }
    }
    tally.check();
}

#[test]
fn a_changed_request_of_the_models_means_the_same_or_is_refused() {
    let _counting = memory::counting();
    let mut tally = Tally::default();
    for Made { sent, .. } in made::requests(3, 40) {
        if let Ok(call) = sent.identify() {
            tally.add(&sent, &call, CHANGES);
        }
    }
    tally.check();
}

#[test]
fn a_request_made_large_means_the_same_or_is_refused() {
    let _counting = memory::counting();
    let mut tally = Tally::default();
    let mut tried: BTreeMap<Protocol, usize> = BTreeMap::new();
    for line in SAMPLE.lines() {
        let (sent, ..) = Sent::of_line(line);
        let Ok(call) = sent.identify() else {
            continue;
        };
        let tried = tried.entry(call.protocol()).or_default();
        *tried += 1;
        if *tried <= 2 {
            tally.add(&sent, &call, LARGE);
        }
    }
    tally.check();
}
