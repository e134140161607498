//! What the pure stages of the line cost, one by one and together, with the baseline bundle and
//! the whole catalog: `cargo bench -p cordon-core`. At most 40 us are for the three evaluations.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark reads the bundle from the disk, and stops at once"
)]

mod shared;

use bytes::Bytes;
use cordon_aws::call::Call;
use cordon_aws::catalog::Catalog;
use cordon_aws::classify::effects;
use cordon_aws::emit::{Emission, EmittedBody, HostStyle};
use cordon_aws::endpoint::{Destination, OwnHosts};
use cordon_aws::request::{Body, Request};
use cordon_aws::sigv4::{SecretKey, SigningCredentials, SigningTarget, Transport};
use cordon_core::assess::{Assessed, Knowledge, assess};
use cordon_core::authenticate::{Authenticated, Ingress, Received, authenticate};
use cordon_core::decide::{Circumstances, Decision, Permit, Posture, decide};
use cordon_core::identify::{Identified, identify};
use cordon_core::ledger::Ledger;
use cordon_core::record::CallRecord;
use cordon_core::session::Sessions;
use cordon_core::session_policy::SessionPolicy;
use cordon_core::sign::{Minted, Outbound, Upstream, sign};
use divan::Bencher;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use shared::{KEY_ID, POLICIES, now, session};
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

fn main() {
    divan::main();
}

const SECRET: &str = "a placeholder that signs nothing anywhere else";
const TASK: &str = r#"
schema = "cordon.task/v1"
title = "Measure what a call costs"
ticket = "LOAD-1"
team = "benchmarks"
mode = "live"
ttl = "1h"
[where]
accounts = ["111122223333"]
regions = ["cn-north-1"]
environments = ["dev"]
[[allow]]
do = ["observe"]
[[allow]]
do = ["dynamodb:GetItem", "dynamodb:PutItem"]
on = ["arn:aws-cn:dynamodb:cn-north-1:111122223333:table/orders"]
[budget]
mutations = 100
creates = 100
"#;

static SESSIONS: LazyLock<Sessions> =
    LazyLock::new(|| Sessions::new([Arc::new(session(TASK, None, SECRET))]));

static NOTHING_DONE: LazyLock<Ledger> = LazyLock::new(Ledger::default);

static MINTED: LazyLock<Minted> = LazyLock::new(|| Minted {
    credentials: credentials("ASIACORDONEXAMPLE000", Some("IQoJb3JpZ2luX2VjE".repeat(40))),
    expires: now(),
});

/// A small JSON call.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// GetItem.
    Read,
    /// PutItem.
    Change,
}

const KINDS: [Kind; 2] = [Kind::Read, Kind::Change];

fn credentials(key_id: &str, token: Option<String>) -> SigningCredentials {
    let secret = SecretKey::new(SECRET.to_owned());
    SigningCredentials::new(key_id.parse().unwrap(), secret, token.map(SecretKey::new))
}

/// Calls whose class and facts come from their parameters, and need no read.
#[derive(Debug, Clone, Copy)]
enum Weighed {
    /// A write of items, each with its own way.
    BatchWriteItem,
    /// A document of XML with a list of changes.
    ChangeResourceRecordSets,
    /// A statement in another language.
    ExecuteStatement,
    /// A form with many rules that look at it.
    ModifyDBInstance,
    /// A policy in a text.
    SetQueueAttributes,
}

const WEIGHED: [Weighed; 5] = [
    Weighed::BatchWriteItem,
    Weighed::ChangeResourceRecordSets,
    Weighed::ExecuteStatement,
    Weighed::ModifyDBInstance,
    Weighed::SetQueueAttributes,
];

/// Its request as an SDK makes it.
fn weighed(weighed: Weighed) -> Authenticated {
    const JSON: &str = "application/x-amz-json-1.0";
    const TABLE: &str = r#"{"RequestItems":{"orders":[{"PutRequest":{"Item":{"id":{"S":"a"}}}},{"DeleteRequest":{"Key":{"id":{"S":"b"}}}}]}}"#;
    const RECORDS: &str = "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes><Change><Action>DELETE</Action><ResourceRecordSet><Name>a.example</Name><Type>A</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>";
    const STATEMENT: &str = r#"{"Statement":"DELETE FROM \"orders\" WHERE id = 'a'"}"#;
    const DATABASE: &str = "Version=2014-10-31&Action=ModifyDBInstance&DBInstanceIdentifier=orders&BackupRetentionPeriod=0&DeletionProtection=false&ApplyImmediately=true";
    const QUEUE: &str = r#"{"QueueUrl":"https://sqs.cn-north-1.amazonaws.com.cn/111122223333/jobs","Attributes":{"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"sqs:SendMessage\",\"Resource\":\"*\"}]}"}}"#;
    let (service, path, kind, target, body) = match weighed {
        Weighed::BatchWriteItem => (
            "dynamodb",
            "/",
            JSON,
            "DynamoDB_20120810.BatchWriteItem",
            TABLE,
        ),
        Weighed::ChangeResourceRecordSets => (
            "route53",
            "/2013-04-01/hostedzone/Z0ORDERS/rrset/",
            "application/xml",
            "",
            RECORDS,
        ),
        Weighed::ExecuteStatement => (
            "dynamodb",
            "/",
            JSON,
            "DynamoDB_20120810.ExecuteStatement",
            STATEMENT,
        ),
        Weighed::ModifyDBInstance => (
            "rds",
            "/",
            "application/x-www-form-urlencoded",
            "",
            DATABASE,
        ),
        Weighed::SetQueueAttributes => ("sqs", "/", JSON, "AmazonSQS.SetQueueAttributes", QUEUE),
    };
    let host = match service {
        "route53" => "route53.amazonaws.com.cn".to_owned(),
        service => format!("{service}.cn-north-1.amazonaws.com.cn"),
    };
    let region = match service {
        "route53" => "cn-northwest-1",
        _ => "cn-north-1",
    };
    let mut headers = vec![("content-type", kind)];
    if !target.is_empty() {
        headers.push(("x-amz-target", target));
    }
    let received = signed_by_agent(&host, service, region, path, &headers, body.to_owned());
    authenticate(received, &SESSIONS, now()).unwrap()
}

/// About 300 bytes of JSON, signed by the agent as its SDK does.
fn received(kind: Kind) -> Received {
    let host = "dynamodb.cn-north-1.amazonaws.com.cn";
    let text = "t".repeat(200);
    let (operation, body) = match kind {
        Kind::Read => (
            "GetItem",
            format!(
                r#"{{"TableName":"orders","Key":{{"id":{{"S":"{text}"}}}},"ConsistentRead":true}}"#
            ),
        ),
        Kind::Change => (
            "PutItem",
            format!(
                r#"{{"TableName":"orders","Item":{{"id":{{"S":"a"}},"note":{{"S":"{text}"}}}}}}"#
            ),
        ),
    };
    let operation = format!("DynamoDB_20120810.{operation}");
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", &operation),
        (
            "amz-sdk-invocation-id",
            "1f3e8e9c-6f3d-4d4e-9d63-1f0b0f0b0f0b",
        ),
        ("amz-sdk-request", "attempt=1; max=3"),
    ];
    signed_by_agent(host, "dynamodb", "cn-north-1", "/", &headers, body)
}

fn signed_by_agent(
    host: &str,
    service: &str,
    region: &str,
    path: &str,
    headers: &[(&'static str, &str)],
    body: String,
) -> Received {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        })
        .collect();
    let body = Bytes::from(body);
    let mut emission = Emission {
        method: Method::POST,
        path: path.to_owned(),
        query: None,
        headers,
        host: String::new(),
        body: EmittedBody::Whole(body.clone()),
    };
    let target = SigningTarget {
        authority: host,
        service,
        region: &region.parse().unwrap(),
        transport: Transport::Tls,
    };
    let agent = credentials(KEY_ID, None);
    cordon_aws::sigv4::sign(&mut emission, &target, &agent, None, now()).unwrap();
    Received {
        request: Request {
            method: emission.method,
            path: emission.path,
            query: None,
            headers: emission.headers,
            destination: Destination::parse(host, &OwnHosts::default()).unwrap(),
            body: Body::Whole(body),
        },
        reference: "7QK4M2ZD".parse().unwrap(),
        ingress: Ingress::Connect,
        arrived: now(),
    }
}

fn authenticated(kind: Kind) -> Authenticated {
    authenticate(received(kind), &SESSIONS, now()).unwrap()
}

fn identified(kind: Kind) -> Identified {
    identify(authenticated(kind), Catalog::embedded()).unwrap()
}

fn knowledge() -> Knowledge<'static> {
    Knowledge {
        environments: POLICIES.environments(),
        policy_version: POLICIES.version(),
        ledger: &NOTHING_DONE,
        last_minute: 0,
        unverified: BTreeSet::new(),
        tags: cordon_core::tags::Tags::Unasked,
        omission: cordon_core::predict::Omission::Unasked,
        seen: None,
    }
}

fn circumstances() -> Circumstances {
    Circumstances {
        approvals: BTreeSet::new(),
        checks: BTreeSet::new(),
        posture: Posture::Normal.into(),
        now: now(),
    }
}

fn assessed(kind: Kind) -> Assessed {
    assess(identified(kind), &knowledge())
}

fn decided(kind: Kind) -> Decision {
    decide(&POLICIES, assessed(kind), &circumstances())
}

fn permit(kind: Kind) -> Permit {
    permitted(decided(kind))
}

fn permitted(decision: Decision) -> Permit {
    match decision {
        Decision::Allow(permit) => permit,
        other => panic!("{:?}", other.verdict()),
    }
}

fn signed(permit: Permit) -> Outbound {
    let upstream = Upstream {
        style: HostStyle::Aws,
        authority: "",
        transport: Transport::Tls,
    };
    sign(&MINTED, permit, &upstream, now()).unwrap()
}

/// Claim, look-up of the session, signature.
#[divan::bench(args = KINDS)]
fn authenticating(bencher: Bencher<'_, '_>, kind: Kind) {
    bencher
        .with_inputs(|| received(kind))
        .bench_values(|received| authenticate(received, &SESSIONS, now()));
}

/// Operation, parameters, actions and resources.
#[divan::bench(args = KINDS)]
fn identifying(bencher: Bencher<'_, '_>, kind: Kind) {
    bencher
        .with_inputs(|| authenticated(kind))
        .bench_values(|authenticated| identify(authenticated, Catalog::embedded()));
}

/// Accesses and class of calls whose parameters tell it, and what else those tell: no guard, nothing
/// of the wire.
#[divan::bench(args = WEIGHED)]
fn classes(bencher: Bencher<'_, '_>, kind: Weighed) {
    let identified = identify(weighed(kind), Catalog::embedded()).unwrap();
    let call = identified.call();
    bencher
        .with_inputs(|| {
            (
                call.parameters().clone(),
                call.region().clone(),
                call.account().cloned(),
            )
        })
        .bench_values(|(parameters, region, account)| {
            let call = Call::planned(call.operation(), parameters, region, account).unwrap();
            (effects(&call), call)
        });
}

/// The guards and the digest of the same calls.
#[divan::bench(args = WEIGHED)]
fn facts(bencher: Bencher<'_, '_>, kind: Weighed) {
    let knowledge = knowledge();
    let weighed = || identify(weighed(kind), Catalog::embedded()).unwrap();
    let told = assess(weighed(), &knowledge);
    assert!(told.call().mutates(), "{:?}", told.facts());
    bencher
        .with_inputs(weighed)
        .bench_values(|identified| assess(identified, &knowledge));
}

/// The guards and the digest.
#[divan::bench(args = KINDS)]
fn assessing(bencher: Bencher<'_, '_>, kind: Kind) {
    let knowledge = knowledge();
    bencher
        .with_inputs(|| identified(kind))
        .bench_values(|identified| assess(identified, &knowledge));
}

/// Entities, context and the three evaluations.
#[divan::bench(args = KINDS)]
fn deciding(bencher: Bencher<'_, '_>, kind: Kind) {
    let circumstances = circumstances();
    bencher
        .with_inputs(|| assessed(kind))
        .bench_values(|assessed| decide(&POLICIES, assessed, &circumstances));
}

/// What is written down of a decision.
#[divan::bench(args = KINDS)]
fn recording(bencher: Bencher<'_, '_>, kind: Kind) {
    let version = Catalog::embedded().version();
    bencher
        .with_inputs(|| decided(kind))
        .bench_refs(|decision| CallRecord::of_decision(decision, None, version));
}

/// The session policy of a permit, and the key under which its session is kept.
#[divan::bench(args = KINDS)]
fn narrowing(bencher: Bencher<'_, '_>, kind: Kind) {
    bencher
        .with_inputs(|| permit(kind))
        .bench_refs(|permit| SessionPolicy::of(permit));
}

/// The request that leaves, written from the parsed form and signed.
#[divan::bench(args = KINDS)]
fn signing(bencher: Bencher<'_, '_>, kind: Kind) {
    bencher.with_inputs(|| permit(kind)).bench_values(signed);
}

/// Every pure stage, from the bytes of the head to the request that leaves.
#[divan::bench(args = KINDS)]
fn whole_line(bencher: Bencher<'_, '_>, kind: Kind) {
    let (knowledge, circumstances) = (knowledge(), circumstances());
    let version = Catalog::embedded().version();
    bencher
        .with_inputs(|| received(kind))
        .bench_values(|received| {
            let authenticated = authenticate(received, &SESSIONS, now()).unwrap();
            let identified = identify(authenticated, Catalog::embedded()).unwrap();
            let assessed = assess(identified, &knowledge);
            let decision = decide(&POLICIES, assessed, &circumstances);
            let record = CallRecord::of_decision(&decision, None, version);
            let permit = permitted(decision);
            let policy = SessionPolicy::of(&permit);
            (record, policy, signed(permit))
        });
}
