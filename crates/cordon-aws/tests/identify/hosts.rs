//! Where a call goes: host, scope, region, and what may stand before a host.

use super::{Sent, check, outcome};
use cordon_aws::emit::{HostStyle, emit};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

fn place(service: &str, region: &str, text: &str) -> (String, String, String) {
    let sent = Sent::parse(service, region, text);
    let call = sent
        .identify()
        .unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    let emission = emit(&call, HostStyle::Aws);
    (
        call.region().to_string(),
        call.partition().to_string(),
        emission.host,
    )
}

#[test]
fn host_and_scope_must_agree() {
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    for (service, region, host, expected) in [
        (
            "sts",
            "eu-west-1",
            "sts.eu-west-1.amazonaws.com",
            "sts:GetCallerIdentity",
        ),
        (
            "sts",
            "us-east-1",
            "sts.amazonaws.com",
            "sts:GetCallerIdentity",
        ),
        (
            "sts",
            "cn-north-1",
            "sts.cn-north-1.amazonaws.com.cn",
            "sts:GetCallerIdentity",
        ),
        (
            "sts",
            "us-east-1",
            "sts.eu-west-1.amazonaws.com",
            "host-scope-mismatch",
        ),
        (
            "sts",
            "cn-north-1",
            "sts.amazonaws.com",
            "host-scope-mismatch",
        ),
        (
            "iam",
            "us-east-1",
            "sts.us-east-1.amazonaws.com",
            "host-scope-mismatch",
        ),
        (
            "s3",
            "us-east-1",
            "sts.us-east-1.amazonaws.com",
            "host-scope-mismatch",
        ),
        (
            "STS",
            "us-east-1",
            "sts.us-east-1.amazonaws.com",
            "unknown-service",
        ),
    ] {
        let sent = Sent::parse(
            service,
            region,
            &format!("POST https://{host}/\n{FORM}\n\n{body}"),
        );
        assert_eq!(outcome(&sent), expected, "{service} {region} {host}");
    }
}

#[test]
fn in_endpoint_mode_the_scope_speaks_alone() {
    let sts = format!(
        "POST http://127.0.0.1:8443/\n{FORM}\n\nAction=GetCallerIdentity&Version=2011-06-15"
    );
    let iam = format!("POST http://127.0.0.1:8443/\n{FORM}\n\nAction=ListUsers&Version=2010-05-08");
    for (service, region, text, expected) in [
        (
            "sts",
            "eu-west-1",
            &sts,
            ("eu-west-1", "aws", "sts.eu-west-1.amazonaws.com"),
        ),
        (
            "sts",
            "cn-north-1",
            &sts,
            ("cn-north-1", "aws-cn", "sts.cn-north-1.amazonaws.com.cn"),
        ),
        // A global service with a custom endpoint is signed for the caller's region.
        (
            "iam",
            "eu-west-1",
            &iam,
            ("us-east-1", "aws", "iam.amazonaws.com"),
        ),
        (
            "iam",
            "cn-northwest-1",
            &iam,
            ("cn-north-1", "aws-cn", "iam.cn-north-1.amazonaws.com.cn"),
        ),
    ] {
        let (region_is, partition, host) = place(service, region, text);
        assert_eq!(
            (region_is.as_str(), partition.as_str(), host.as_str()),
            expected
        );
    }
}

#[test]
fn a_bucket_is_read_once_wherever_it_stands() {
    let read = |text: &str| {
        let sent = Sent::parse("s3", "eu-west-1", text);
        let call = sent
            .identify()
            .unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        let text = |name: &str| {
            call.parameters()
                .get(name)
                .and_then(|v| v.as_str())
                .map(str::to_owned)
        };
        let emission = emit(&call, HostStyle::Aws);
        let fixed = emit(&call, HostStyle::Fixed);
        (
            text("Bucket").unwrap(),
            text("Key").unwrap_or_default(),
            format!("{}{}", emission.host, emission.path),
            fixed.path,
        )
    };
    for (url, bucket, key, sent, fixed) in [
        (
            "https://b-1.s3.eu-west-1.amazonaws.com/a/b",
            "b-1",
            "a/b",
            "b-1.s3.eu-west-1.amazonaws.com/a/b",
            "/b-1/a/b",
        ),
        (
            "https://s3.eu-west-1.amazonaws.com/b-1/a%20b",
            "b-1",
            "a b",
            "s3.eu-west-1.amazonaws.com/b-1/a%20b",
            "/b-1/a%20b",
        ),
        (
            "https://b.with.dots.s3.eu-west-1.amazonaws.com/k",
            "b.with.dots",
            "k",
            "b.with.dots.s3.eu-west-1.amazonaws.com/k",
            "/b.with.dots/k",
        ),
        (
            "http://b-1.cordon.test/k",
            "b-1",
            "k",
            "s3.eu-west-1.amazonaws.com/b-1/k",
            "/b-1/k",
        ),
        (
            "http://127.0.0.1:8443/b-1/k",
            "b-1",
            "k",
            "s3.eu-west-1.amazonaws.com/b-1/k",
            "/b-1/k",
        ),
        // The host names the bucket; what looks like one in the path is a part of the key.
        (
            "https://prod.s3.eu-west-1.amazonaws.com/dev/k",
            "prod",
            "dev/k",
            "prod.s3.eu-west-1.amazonaws.com/dev/k",
            "/prod/dev/k",
        ),
        // Keys are bytes: S3 normalises nothing.
        (
            "https://b-1.s3.eu-west-1.amazonaws.com//a/../b/./",
            "b-1",
            "/a/../b/./",
            "b-1.s3.eu-west-1.amazonaws.com//a/../b/./",
            "/b-1//a/../b/./",
        ),
        (
            "https://b-1.s3.eu-west-1.amazonaws.com/a%2Fb%2B%25",
            "b-1",
            "a/b+%",
            "b-1.s3.eu-west-1.amazonaws.com/a/b%2B%25",
            "/b-1/a/b%2B%25",
        ),
        (
            "https://ap-111122223333.s3-accesspoint.eu-west-1.amazonaws.com/k",
            "arn:aws:s3:eu-west-1:111122223333:accesspoint/ap",
            "k",
            "ap-111122223333.s3-accesspoint.eu-west-1.amazonaws.com/k",
            "/arn%3Aaws%3As3%3Aeu-west-1%3A111122223333%3Aaccesspoint%2Fap/k",
        ),
    ] {
        let expected = (
            bucket.to_owned(),
            key.to_owned(),
            sent.to_owned(),
            fixed.to_owned(),
        );
        assert_eq!(read(&format!("GET {url}")), expected, "{url}");
    }
    check(
        "s3",
        "GET https://b-1.s3.eu-west-1.amazonaws.com/a+b",
        "path-not-canonical",
    );
    check(
        "s3",
        "GET https://ap.s3-accesspoint.eu-west-1.amazonaws.com/k",
        "host-prefix",
    );
    check(
        "s3",
        "GET https://b-1.s3.eu-west-1.amazonaws.com/%ff",
        "malformed-body",
    );
}

#[test]
fn what_stands_before_a_host_is_the_operations_own() {
    let body = "\nContent-Type: application/x-amz-json-1.0\nX-Amz-Target: AWSStepFunctions.{}\n\n{\"stateMachineArn\":\"arn:aws:states:eu-west-1:111122223333:stateMachine:m\"}";
    for (host, operation, expected) in [
        (
            "sync-states.eu-west-1.amazonaws.com",
            "StartSyncExecution",
            "stepfunctions:StartSyncExecution",
        ),
        (
            "states.eu-west-1.amazonaws.com",
            "StartExecution",
            "stepfunctions:StartExecution",
        ),
        (
            "sync-states.eu-west-1.amazonaws.com",
            "StartExecution",
            "host-prefix",
        ),
        (
            "states.eu-west-1.amazonaws.com",
            "StartSyncExecution",
            "host-prefix",
        ),
    ] {
        let text = format!("POST https://{host}/{}", body.replace("{}", operation));
        check("states", &text, expected);
    }
    let control = |host: &str, account: &str| {
        format!("GET https://{host}/v20180820/accesspoint\nx-amz-account-id: {account}")
    };
    let host = "111122223333.s3-control.eu-west-1.amazonaws.com";
    check(
        "s3",
        &control(host, "111122223333"),
        "s3control:ListAccessPoints",
    );
    check("s3", &control(host, "444455556666"), "host-prefix");
}

#[test]
fn an_account_before_the_host_is_the_callers() {
    let text = |account: &str| {
        format!(
            "POST https://{account}.ddb.eu-west-1.amazonaws.com/\nContent-Type: application/x-amz-json-1.0\nX-Amz-Target: DynamoDB_20120810.ListTables\n\n{{}}"
        )
    };
    check("dynamodb", &text("111122223333"), "dynamodb:ListTables");
    check("dynamodb", &text("444455556666"), "host-prefix");
}

#[test]
fn an_account_before_the_host_may_be_that_of_a_table_named_by_its_arn() {
    let text = |owner: &str| {
        format!(
            "POST https://444455556666.ddb.eu-west-1.amazonaws.com/\nContent-Type: application/x-amz-json-1.0\nX-Amz-Target: DynamoDB_20120810.DescribeTable\n\n{{\"TableName\":\"arn:aws:dynamodb:eu-west-1:{owner}:table/orders\"}}"
        )
    };
    check("dynamodb", &text("444455556666"), "dynamodb:DescribeTable");
    check("dynamodb", &text("777788889999"), "host-prefix");
}

#[test]
fn variants_of_an_endpoint_are_one_service() {
    for host in [
        "lambda.us-east-1.amazonaws.com",
        "lambda-fips.us-east-1.amazonaws.com",
        "lambda.us-east-1.api.aws",
    ] {
        let sent = Sent::parse(
            "lambda",
            "us-east-1",
            &format!("GET https://{host}/2015-03-31/functions"),
        );
        assert_eq!(outcome(&sent), "lambda:ListFunctions", "{host}");
    }
    for host in [
        "s3.us-east-1.amazonaws.com",
        "s3.amazonaws.com",
        "s3-us-west-2.amazonaws.com",
        "s3.dualstack.us-east-1.amazonaws.com",
        "s3-fips.us-east-1.amazonaws.com",
        "s3-external-1.amazonaws.com",
    ] {
        let region = if host.contains("west") {
            "us-west-2"
        } else {
            "us-east-1"
        };
        let sent = Sent::parse("s3", region, &format!("GET https://bucket.{host}/key"));
        assert_eq!(outcome(&sent), "s3:GetObject", "{host}");
    }
    // By default presigned URLs have the global name, whatever the region of their signature.
    let sent = Sent::parse(
        "s3",
        "ca-central-1",
        "GET https://bucket.s3.amazonaws.com/key",
    );
    assert_eq!(outcome(&sent), "s3:GetObject");
}

#[test]
fn two_services_behind_one_address_are_told_apart_or_refused() {
    let own = "http://127.0.0.1:8443";
    let account = "x-amz-account-id: 111122223333";
    let sent = |text: String| Sent::parse("s3", "eu-west-1", &text);
    let points = format!("GET {own}/v20180820/accesspoint");
    assert_eq!(
        outcome(&sent(format!("{points}\n{account}"))),
        "s3control:ListAccessPoints"
    );
    // A key in a bucket of that name, since nothing else of S3 Control is there.
    assert_eq!(outcome(&sent(points)), "s3:GetObject");
    // An upload to such a bucket, or a bucket on an Outpost: two calls, so neither.
    let bucket = format!("PUT {own}/v20180820/bucket/b");
    assert_eq!(outcome(&sent(bucket)), "ambiguous-selector");
    // On an Outpost S3 has no buckets but access points.
    let endpoints = format!("GET {own}/S3Outposts/ListEndpoints");
    let sent = Sent::parse("s3-outposts", "eu-west-1", &endpoints);
    assert_eq!(outcome(&sent), "s3outposts:ListEndpoints");
}
