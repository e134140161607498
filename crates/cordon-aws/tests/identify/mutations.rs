//! Every request of the sample, changed as an attacker would: it stays the same operation or is
//! refused with a code. Another operation, or a panic, is never an answer.

use super::Sent;
use super::corpus::SAMPLE;
use bytes::Bytes;
use cordon_aws::catalog::Catalog;
use cordon_aws::request::Body;
use http::{HeaderName, HeaderValue};

type Mutation = fn(&mut Sent);

const MUTATIONS: &[(&str, Mutation)] = &[
    ("target added", |sent| {
        header(sent, "x-amz-target", "DynamoDB_20120810.DeleteTable")
    }),
    ("cbor marker added", |sent| {
        header(sent, "smithy-protocol", "rpc-v2-cbor")
    }),
    ("action in the URL", |sent| {
        query(sent, "Action=DeleteStack&Version=2010-05-15")
    }),
    ("action in the form", |sent| {
        append(sent, b"&Action=DeleteStack")
    }),
    ("method override", |sent| {
        header(sent, "x-http-method-override", "DELETE")
    }),
    ("content type doubled", |sent| {
        header(sent, "content-type", "application/json")
    }),
    ("content type JSON", |sent| {
        content_type(sent, "application/json")
    }),
    ("content type form", |sent| {
        content_type(sent, "application/x-www-form-urlencoded")
    }),
    ("content type CBOR", |sent| {
        content_type(sent, "application/cbor")
    }),
    ("content type XML", |sent| content_type(sent, "text/xml")),
    ("content type JSON 1.1", |sent| {
        content_type(sent, "application/x-amz-json-1.1")
    }),
    ("compressed by its word", |sent| {
        header(sent, "content-encoding", "gzip")
    }),
    ("chunked by its word", |sent| {
        header(sent, "content-encoding", "aws-chunked")
    }),
    ("header invented", |sent| {
        header(sent, "x-amz-invented", "1")
    }),
    ("key invented", |sent| query(sent, "cordon-invented=1")),
    ("x-id contradicts", |sent| {
        query(sent, "x-id=DeleteEverything")
    }),
    ("method in lower case", |sent| {
        sent.request.method = sent
            .request
            .method
            .as_str()
            .to_ascii_lowercase()
            .parse()
            .unwrap();
    }),
    ("method invented", |sent| {
        sent.request.method = "ERASE".parse().unwrap()
    }),
    ("path doubled slash", |sent| {
        path(sent, |path| format!("/{path}"))
    }),
    ("path dot", |sent| path(sent, |path| format!("/.{path}"))),
    ("path dots", |sent| {
        path(sent, |path| format!("/x/..{path}"))
    }),
    ("path encoded dots", |sent| {
        path(sent, |path| format!("/x/%2e%2e{path}"))
    }),
    ("path parameters", |sent| {
        path(sent, |path| format!("{path};a=b"))
    }),
    ("path slash at the end", |sent| {
        path(sent, |path| format!("{path}/"))
    }),
    ("path encoded question mark", |sent| {
        path(sent, |path| format!("{path}%3Facl"))
    }),
    ("body empty", |sent| body(sent, |_| Vec::new())),
    ("body cut", |sent| {
        body(sent, |bytes| bytes[..bytes.len() / 2].to_vec())
    }),
    ("body cut by one", |sent| {
        body(sent, |bytes| {
            bytes[..bytes.len().saturating_sub(1)].to_vec()
        })
    }),
    ("body doubled", |sent| body(sent, |bytes| bytes.repeat(2))),
    ("body and more", |sent| append(sent, b" x")),
    ("body of noise", |sent| {
        body(sent, |bytes| bytes.iter().map(|byte| byte ^ 0x55).collect())
    }),
    ("JSON 10,000 deep", |sent| {
        body(sent, |_| {
            [b"{\"a\":".repeat(10_000), b"1".to_vec()].concat()
        })
    }),
    ("arrays 10,000 deep", |sent| {
        body(sent, |_| vec![b'['; 10_000])
    }),
    ("XML 10,000 deep", |sent| {
        body(sent, |_| b"<a>".repeat(10_000))
    }),
    ("CBOR 10,000 deep", |sent| {
        body(sent, |_| vec![0x81; 10_000])
    }),
    ("names 10,000 deep", |sent| {
        append(sent, format!("&{}=1", "a.".repeat(10_000)).as_bytes())
    }),
    ("a string of ten megabytes", |sent| {
        append(sent, &vec![b'a'; 10 << 20])
    }),
    ("signed for another service", |sent| {
        sent.service = Some("iam".into())
    }),
    ("signed for another region", |sent| {
        sent.region = Some("ap-south-2".parse().unwrap())
    }),
];

fn header(sent: &mut Sent, name: &'static str, value: &'static str) {
    let headers = &mut sent.request.headers;
    headers.append(
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
    );
}

fn content_type(sent: &mut Sent, value: &'static str) {
    let headers = &mut sent.request.headers;
    headers.insert("content-type", HeaderValue::from_static(value));
}

fn query(sent: &mut Sent, pairs: &str) {
    let query = sent.request.query.get_or_insert_default();
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(pairs);
}

fn path(sent: &mut Sent, change: fn(&str) -> String) {
    sent.request.path = change(&sent.request.path);
}

fn body(sent: &mut Sent, change: fn(&[u8]) -> Vec<u8>) {
    let bytes = change(sent.request.whole_body());
    sent.request.body = Body::Whole(Bytes::from(bytes));
}

fn append(sent: &mut Sent, more: &[u8]) {
    let bytes = [sent.request.whole_body(), more].concat();
    sent.request.body = Body::Whole(Bytes::from(bytes));
}

#[test]
fn a_changed_request_is_the_same_operation_or_refused() {
    let mut same = 0;
    let mut refused = 0;
    for line in SAMPLE.lines() {
        let (sent, ..) = Sent::of_line(line);
        let Ok(call) = sent.identify() else {
            continue;
        };
        // Every path is a key to S3, so that a changed path is another object and no trick.
        let paths = call.service().name() != "s3";
        for (name, mutation) in MUTATIONS {
            if name.starts_with("path") && !paths {
                continue;
            }
            let mut changed = sent.clone();
            mutation(&mut changed);
            match changed.identify() {
                Ok(other) if other.operation() == call.operation() => same += 1,
                Ok(other) => panic!(
                    "{name}: {:?} became {:?}",
                    call.operation(),
                    other.operation()
                ),
                Err(error) => {
                    assert!(!error.code().is_empty());
                    refused += 1;
                }
            }
        }
    }
    // Most are refused; those that stay are changes that no reader reads, and raw bodies.
    assert!(refused > same * 4, "{refused} refused, {same} the same");
}

#[test]
fn invented_operations_are_refused_by_every_service() {
    for service in Catalog::embedded().services() {
        let Some(host) = service.standard_host("aws", "us-east-1") else {
            continue;
        };
        let name = service.signing_name();
        for selector in [
            format!(
                "POST https://{host}/\nContent-Type: application/x-amz-json-1.0\nX-Amz-Target: {}.EraseEverything\n\n{{}}",
                service.target_prefix()
            ),
            format!(
                "POST https://{host}/\nContent-Type: application/x-amz-json-1.1\nX-Amz-Target: {}.\n\n{{}}",
                service.target_prefix()
            ),
            format!(
                "POST https://{host}/\nContent-Type: application/x-www-form-urlencoded\n\nAction=EraseEverything&Version={}",
                service.api_version()
            ),
            format!(
                "POST https://{host}/service/{}/operation/EraseEverything\nsmithy-protocol: rpc-v2-cbor",
                service.rpc_name()
            ),
            format!("ERASE https://{host}/a/b/c"),
            format!("PATCH https://{host}/cordon-invented/a/b/c/d/e/f/g/h/i/j/k/l/m"),
        ] {
            let Some(sent) = parse(name, &selector) else {
                continue;
            };
            let outcome = super::outcome(&sent);
            assert!(!outcome.contains(':'), "{selector} is {outcome}");
        }
    }
}

/// The request, unless the service's host is one of a customer's own.
fn parse(service: &str, text: &str) -> Option<Sent> {
    let host = text.split("://").nth(1)?.split('/').next()?;
    cordon_aws::endpoint::Destination::parse(host, &super::own_hosts()).ok()?;
    Some(Sent::parse(service, "us-east-1", text))
}
