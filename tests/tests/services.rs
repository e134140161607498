//! `docs/services.md` says what is done about services that are not called like the others. Every
//! row of it has an example here, and the row says what Cordon says of it.

#![allow(clippy::expect_used, clippy::panic, reason = "a story stops at once")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use cordon_tests::program::program;
use cordon_tests::{ACCOUNT, file};
use serde_json::{Value, json};

/// Which signature an example has.
enum Signed {
    /// Signature Version 4 for a service.
    V4(&'static str),
    /// Another header.
    By(&'static str),
    No,
}

use Signed::{By, No, V4};

/// The row, the signature, `METHOD URL`, headers, body.
type Example = (
    &'static str,
    Signed,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("Content-Type", "application/x-amz-json-1.1");
const JSON_0: (&str, &str) = ("Content-Type", "application/x-amz-json-1.0");
const V4A: &str = "AWS4-ECDSA-P256-SHA256 Credential=AKIACORPUS0000000001/20261125/s3/aws4_request, \
                   SignedHeaders=host;x-amz-date;x-amz-region-set, Signature=30450221";

const EXAMPLES: &[Example] = &[
    (
        "Event streams that AWS writes",
        V4("kinesis"),
        "POST https://kinesis.eu-west-1.amazonaws.com/",
        &[JSON, ("X-Amz-Target", "Kinesis_20131202.SubscribeToShard")],
        r#"{"ConsumerARN":"arn:aws:kinesis:eu-west-1:111122223333:stream/orders/consumer/reader:1","ShardId":"s","StartingPosition":{"Type":"LATEST"}}"#,
    ),
    (
        "Event streams that the caller writes",
        V4("lex"),
        "POST https://runtime-v2-lex.eu-west-1.amazonaws.com/bots/b/botAliases/a/botLocales/en_US/sessions/s/conversation",
        &[],
        "",
    ),
    (
        "Amazon Transcribe by WebSocket",
        V4("transcribe"),
        "GET https://transcribestreaming.eu-west-1.amazonaws.com/stream-transcription-websocket?language-code=en-US",
        &[],
        "",
    ),
    (
        "IoT by MQTT over WebSocket",
        V4("iotdevicegateway"),
        "GET https://a1b2c3-ats.iot.eu-west-1.amazonaws.com/mqtt",
        &[],
        "",
    ),
    (
        "IoT data",
        V4("iotdata"),
        "POST https://a1b2c3-ats.iot.eu-west-1.amazonaws.com/topics/shop%2Forders",
        &[],
        "",
    ),
    (
        "APIs of customers (`execute-api`)",
        V4("execute-api"),
        "GET https://a1b2c3.execute-api.eu-west-1.amazonaws.com/prod/orders",
        &[],
        "",
    ),
    (
        "Connections of WebSocket APIs",
        V4("execute-api"),
        "DELETE https://a1b2c3.execute-api.eu-west-1.amazonaws.com/@connections/c1",
        &[],
        "",
    ),
    (
        "Lambda function URLs",
        V4("lambda"),
        "GET https://a1b2c3.lambda-url.eu-west-1.on.aws/",
        &[],
        "",
    ),
    (
        "AppSync data",
        V4("appsync"),
        "POST https://a1b2c3.appsync-api.eu-west-1.amazonaws.com/graphql",
        &[("Content-Type", "application/json")],
        r#"{"query":"{a}"}"#,
    ),
    (
        "Kinesis Video",
        V4("kinesisvideo"),
        "POST https://b-1a2b3c4d.kinesisvideo.eu-west-1.amazonaws.com/getMedia",
        &[("Content-Type", "application/json")],
        r#"{"StreamName":"door","StartSelector":{"StartSelectorType":"NOW"}}"#,
    ),
    (
        "Discovery of Timestream's cells",
        V4("timestream"),
        "POST https://query.timestream.eu-west-1.amazonaws.com/",
        &[
            JSON_0,
            ("X-Amz-Target", "Timestream_20181101.DescribeEndpoints"),
        ],
        "{}",
    ),
    (
        "Timestream's cells",
        V4("timestream"),
        "POST https://query-cell2.timestream.eu-west-1.amazonaws.com/",
        &[JSON_0, ("X-Amz-Target", "Timestream_20181101.Query")],
        r#"{"QueryString":"SELECT 1"}"#,
    ),
    (
        "MediaStore",
        V4("mediastore"),
        "DELETE https://a1b2c3.data.mediastore.eu-west-1.amazonaws.com/films/one.mp4",
        &[],
        "",
    ),
    (
        "CloudSearch domains",
        V4("cloudsearch"),
        "GET https://search-shop-a1b2c3.eu-west-1.cloudsearch.amazonaws.com/2013-01-01/search?format=sdk&pretty=true&q=shoes",
        &[],
        "",
    ),
    (
        "OpenSearch domains",
        V4("es"),
        "DELETE https://search-shop-a1b2c3.eu-west-1.es.amazonaws.com/orders",
        &[],
        "",
    ),
    (
        "EKS tokens",
        No,
        "GET https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIACORPUS0000000001%2F20261125%2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Date=20261125T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Signature=0000000000000000000000000000000000000000000000000000000000000000",
        &[("x-k8s-aws-id", "shop")],
        "",
    ),
    (
        "CodeCatalyst and other bearer tokens",
        By("Bearer token"),
        "POST https://codecatalyst.global.api.aws/v1/spaces",
        &[("Content-Type", "application/json")],
        "{}",
    ),
    (
        "Signature Version 4A",
        By(V4A),
        "GET https://mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com/key",
        &[("X-Amz-Region-Set", "*")],
        "",
    ),
    (
        "SimpleDB",
        No,
        "POST https://sdb.eu-west-1.amazonaws.com/",
        &[FORM],
        "Action=DeleteDomain&Version=2009-04-15&DomainName=d&SignatureVersion=2",
    ),
    (
        "Import/Export",
        No,
        "POST https://importexport.amazonaws.com/?Operation=CancelJob",
        &[FORM],
        "Action=CancelJob&Version=2010-06-01&JobId=j&SignatureVersion=2",
    ),
    (
        "Sessions of S3 Express",
        V4("s3express"),
        "GET https://orders--euw1-az1--x-s3.s3express-euw1-az1.eu-west-1.amazonaws.com/?session",
        &[("x-amz-create-session-mode", "ReadOnly")],
        "",
    ),
    (
        "S3 with the keys of a session of Express",
        V4("s3express"),
        "GET https://orders--euw1-az1--x-s3.s3express-euw1-az1.eu-west-1.amazonaws.com/key",
        &[("x-amz-s3session-token", "token")],
        "",
    ),
    (
        "S3 Object Lambda's answers",
        V4("s3-object-lambda"),
        "POST https://route-1.s3-object-lambda.eu-west-1.amazonaws.com/WriteGetObjectResponse",
        &[
            ("x-amz-request-route", "route-1"),
            ("x-amz-request-token", "t"),
        ],
        "",
    ),
    (
        "Websites in S3",
        No,
        "GET https://shop.s3-website-eu-west-1.amazonaws.com/",
        &[],
        "",
    ),
    (
        "Forms of browsers to S3",
        V4("s3"),
        "POST https://shop.s3.eu-west-1.amazonaws.com/",
        &[("Content-Type", "multipart/form-data; boundary=x")],
        "",
    ),
    (
        "CloudFront with signed cookies",
        No,
        "GET https://d111111abcdef8.cloudfront.net/private",
        &[("Cookie", "CloudFront-Policy=p")],
        "",
    ),
    (
        "Operations without a signature",
        No,
        "POST https://sts.eu-west-1.amazonaws.com/",
        &[FORM],
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fr&RoleSessionName=s&WebIdentityToken=tttt",
    ),
    (
        "Predictions of Machine Learning",
        V4("machinelearning"),
        "POST https://realtime.machinelearning.eu-west-1.amazonaws.com/",
        &[JSON, ("X-Amz-Target", "AmazonML_20141212.Predict")],
        r#"{"MLModelId":"m","Record":{},"PredictEndpoint":"https://realtime.machinelearning.eu-west-1.amazonaws.com"}"#,
    ),
    (
        "SQS by the query protocol",
        V4("sqs"),
        "POST https://sqs.eu-west-1.amazonaws.com/111122223333/orders",
        &[FORM],
        "Action=PurgeQueue&Version=2012-11-05&QueueUrl=https%3A%2F%2Fsqs.eu-west-1.amazonaws.com%2F111122223333%2Forders",
    ),
];

#[test]
fn strange_services_are_handled_as_the_page_says() {
    let page = std::fs::read_to_string(file("../docs/services.md")).expect("docs/services.md");
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let cells: Vec<&str> = line.split(" | ").collect();
        let [what, done, said, why] = cells.as_slice() else {
            panic!("four cells: {line}");
        };
        assert!(!why.is_empty());
        let what = what.trim_start_matches("| ");
        assert!(rows.insert(what, (*done, *said)).is_none(), "twice: {what}");
    }
    let mut found = Vec::new();
    for ((what, ..), answer) in EXAMPLES.iter().zip(answers()) {
        let code = answer.pointer("/error/code").and_then(Value::as_str);
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
        let (done, said) = match code {
            Some(code) => ("refused", code.to_owned()),
            None => (
                "carried",
                format!("{}:{}", text("service"), text("operation")),
            ),
        };
        let said = format!("`{said}`");
        if rows.remove(what) != Some((done, &said)) {
            found.push(format!("| {what} | {done} | {said} |"));
        }
    }
    assert!(found.is_empty(), "the page should say: {found:#?}");
    assert!(rows.is_empty(), "rows without an example: {rows:?}");
}

fn answers() -> Vec<Value> {
    let mut classify = Command::new(program())
        .args(["classify", "--account", ACCOUNT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cordon classify runs");
    let mut input = classify.stdin.take().expect("it is piped");
    for example in EXAMPLES {
        writeln!(input, "{}", line(example)).expect("it reads");
    }
    drop(input);
    let said = classify.wait_with_output().expect("it ends");
    assert!(said.status.success());
    let text = String::from_utf8(said.stdout).expect("text");
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    assert_eq!(answers.len(), EXAMPLES.len());
    answers
}

/// The example as `cordon classify` reads it.
fn line((what, signed, target, headers, body): &Example) -> Value {
    use base64::Engine as _;
    use sha2::Digest as _;
    let (method, url) = target.split_once(' ').expect("a method and a URL");
    let host = url.split('/').nth(2).expect("a host");
    let mut all = vec![("Host", host.to_owned())];
    all.extend(
        headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned())),
    );
    if !matches!(signed, No) {
        let hash = hex::encode(sha2::Sha256::digest(body));
        all.push(("X-Amz-Date", "20261125T000000Z".to_owned()));
        all.push(("X-Amz-Content-Sha256", hash));
    }
    let mut signing: Vec<String> = all.iter().map(|(name, _)| name.to_lowercase()).collect();
    signing.sort();
    let by_hash = |service: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIACORPUS0000000001/20261125/eu-west-1/{service}/aws4_request, \
             SignedHeaders={}, Signature={}",
            signing.join(";"),
            "0".repeat(64)
        )
    };
    let authorization = match signed {
        V4(service) => Some(by_hash(service)),
        By(other) => Some((*other).to_owned()),
        No => None,
    };
    if let Some(authorization) = authorization {
        all.push(("Authorization", authorization));
    }
    let body = base64::engine::general_purpose::STANDARD.encode(body);
    json!({"id": what, "method": method, "url": url, "headers": all, "body_b64": body})
}
