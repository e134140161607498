//! Any body at all, for one operation of each protocol and dialect: it is read in one way or
//! refused, and what is written for what was read is read again.

use super::identify::check;
use bytes::Bytes;
use cordon_aws::call::Call;
use cordon_aws::endpoint::{Destination, OwnHosts};
use cordon_aws::request::{Body, Request};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Signing name, method, host, path and query, and headers.
type Head = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");

/// The first byte of the input chooses one of them.
const HEADS: &[Head] = &[
    // JSON: attribute values that hold themselves, maps and lists of structures.
    (
        "dynamodb",
        "POST",
        "dynamodb.eu-west-1.amazonaws.com",
        "/",
        &[
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", "DynamoDB_20120810.BatchWriteItem"),
        ],
    ),
    (
        "ecs",
        "POST",
        "ecs.eu-west-1.amazonaws.com",
        "/",
        &[
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "AmazonEC2ContainerServiceV20141113.RunTask"),
        ],
    ),
    // Forms, in the three dialects.
    (
        "cloudformation",
        "POST",
        "cloudformation.eu-west-1.amazonaws.com",
        "/",
        &[FORM],
    ),
    ("ec2", "POST", "ec2.eu-west-1.amazonaws.com", "/", &[FORM]),
    ("sqs", "POST", "sqs.eu-west-1.amazonaws.com", "/", &[FORM]),
    // JSON under paths: members, and a document.
    (
        "lambda",
        "POST",
        "lambda.eu-west-1.amazonaws.com",
        "/2015-03-31/functions",
        &[JSON],
    ),
    (
        "bedrock",
        "POST",
        "bedrock-runtime.eu-west-1.amazonaws.com",
        "/model/m/converse",
        &[JSON],
    ),
    // XML: flattened and wrapped lists, attributes, namespaces.
    (
        "s3",
        "POST",
        "bucket.s3.eu-west-1.amazonaws.com",
        "/?delete",
        &[],
    ),
    (
        "s3",
        "PUT",
        "bucket.s3.eu-west-1.amazonaws.com",
        "/?lifecycle",
        &[],
    ),
    (
        "s3",
        "PUT",
        "bucket.s3.eu-west-1.amazonaws.com",
        "/?acl",
        &[],
    ),
    (
        "route53",
        "POST",
        "route53.amazonaws.com",
        "/2013-04-01/hostedzone/Z1/rrset/",
        &[],
    ),
    // CBOR.
    (
        "monitoring",
        "POST",
        "monitoring.eu-west-1.amazonaws.com",
        "/service/GraniteServiceVersion20100801/operation/PutMetricData",
        &[
            ("content-type", "application/cbor"),
            ("smithy-protocol", "rpc-v2-cbor"),
        ],
    ),
];

/// The call that it is, if it is one.
pub(crate) fn run(input: &[u8]) -> Option<Call> {
    let [head, body @ ..] = input else {
        return None;
    };
    let (service, method, host, target, headers) = HEADS[usize::from(*head) % HEADS.len()];
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect();
    let request = Request {
        method: method.parse().expect("a method"),
        path: path.to_owned(),
        query,
        headers,
        destination: Destination::parse(host, &OwnHosts::default()).expect("a host of AWS"),
        body: Body::Whole(Bytes::copy_from_slice(body)),
    };
    let region = if service == "route53" {
        "us-east-1"
    } else {
        "eu-west-1"
    };
    check(&request, service, region)
}
