//! What names an operation, and what only looks as if it did. The numbers are those of the
//! threat catalogue of the project's security papers.

use super::{Sent, check};

const JSON: &str = "Content-Type: application/x-amz-json-1.0";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded; charset=utf-8";
const DYNAMODB: &str = "POST https://dynamodb.eu-west-1.amazonaws.com/";
const STS: &str = "POST https://sts.eu-west-1.amazonaws.com/";
const GET_CALLER: &str = "Action=GetCallerIdentity&Version=2011-06-15";

#[test]
fn o01_an_action_is_named_once_and_in_one_place() {
    let twice = "Action=GetCallerIdentity&Action=AssumeRole&Version=2011-06-15";
    check(
        "sts",
        &format!("{STS}\n{FORM}\n\n{twice}"),
        "ambiguous-selector",
    );
    check(
        "sts",
        &format!("{STS}\n{FORM}\n\n{GET_CALLER}&Version=2011-06-15"),
        "ambiguous-selector",
    );
    check(
        "sts",
        &format!("{STS}?Action=AssumeRole\n{FORM}\n\n{GET_CALLER}"),
        "ambiguous-selector",
    );
    check(
        "sts",
        &format!("{STS}?Version=2011-06-15\n{FORM}\n\n{GET_CALLER}"),
        "ambiguous-selector",
    );
    check(
        "sts",
        &format!("{STS}\n{FORM}\n\n{GET_CALLER}"),
        "sts:GetCallerIdentity",
    );
}

#[test]
fn o02_a_selector_has_one_spelling() {
    for lookalike in ["action", "ACTION", "Action.", "Action.1", "%41ction%00"] {
        let body = format!("{GET_CALLER}&{lookalike}=AssumeRole");
        let text = format!("{STS}\n{FORM}\n\n{body}");
        check("sts", &text, "unknown-parameter");
    }
    // Decoded once, it is the very same name: then it is there twice.
    let text = format!("{STS}\n{FORM}\n\n{GET_CALLER}&%41ction=AssumeRole");
    check("sts", &text, "ambiguous-selector");
}

#[test]
fn o03_a_call_by_get_is_the_call_by_post() {
    let get = format!("GET https://sts.eu-west-1.amazonaws.com/?{GET_CALLER}");
    check("sts", &get, "sts:GetCallerIdentity");
    check(
        "sts",
        &format!("{get}&Action=AssumeRole"),
        "ambiguous-selector",
    );
    check(
        "sts",
        &format!("{get}\n{FORM}\n\nAction=AssumeRole"),
        "unexpected-body",
    );
    check(
        "sts",
        "DELETE https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        "unknown-operation",
    );
}

#[test]
fn o04_the_version_selects_the_model() {
    let elb = "POST https://elasticloadbalancing.eu-west-1.amazonaws.com/";
    let name = "elasticloadbalancing";
    for (version, expected) in [
        ("2012-06-01", "elb:DescribeLoadBalancers"),
        ("2015-12-01", "elbv2:DescribeLoadBalancers"),
        ("2011-06-15", "unknown-operation"),
        ("", "unknown-operation"),
    ] {
        let body = format!("Action=DescribeLoadBalancers&Version={version}");
        check(name, &format!("{elb}\n{FORM}\n\n{body}"), expected);
    }
    check(
        name,
        &format!("{elb}\n{FORM}\n\nAction=DescribeLoadBalancers"),
        "missing-parameter",
    );
}

#[test]
fn o05_a_target_is_exact() {
    let delete = "X-Amz-Target: DynamoDB_20120810.DeleteTable";
    let body = "\n\n{\"TableName\":\"orders\"}";
    check(
        "dynamodb",
        &format!("{DYNAMODB}\n{JSON}\n{delete}{body}"),
        "dynamodb:DeleteTable",
    );
    for (target, expected) in [
        (
            "DynamoDB_20120810.DescribeTable, DynamoDB_20120810.DeleteTable",
            "unknown-operation",
        ),
        ("DynamoDB_20120810.deleteTable", "unknown-operation"),
        ("dynamodb_20120810.DeleteTable", "unknown-operation"),
        ("DynamoDB_20120810.DeleteTable.", "unknown-operation"),
        ("DynamoDB_20120810..DeleteTable", "unknown-operation"),
        (".DeleteTable", "unknown-operation"),
        ("DeleteTable", "unknown-operation"),
        ("AmazonSQS.DeleteQueue", "unknown-operation"),
        ("", "unknown-operation"),
    ] {
        let text = format!("{DYNAMODB}\n{JSON}\nX-Amz-Target: {target}{body}");
        check("dynamodb", &text, expected);
    }
    let twice = format!("{DYNAMODB}\n{JSON}\n{delete}\n{delete}{body}");
    check("dynamodb", &twice, "repeated-header");
    let off_root = format!("{DYNAMODB}tables\n{JSON}\n{delete}{body}");
    check("dynamodb", &off_root, "path-not-canonical");
    let by_get = format!(
        "{}\n{JSON}\n{delete}{body}",
        DYNAMODB.replace("POST", "GET")
    );
    check("dynamodb", &by_get, "unknown-operation");
}

#[test]
fn o06_a_selector_of_another_protocol_is_refused() {
    let target = "X-Amz-Target: DynamoDB_20120810.DeleteTable";
    check(
        "sts",
        &format!("{STS}\n{FORM}\n{target}\n\n{GET_CALLER}"),
        "foreign-selector",
    );
    let lambda = "GET https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/f";
    check("lambda", lambda, "lambda:GetFunction");
    check("lambda", &format!("{lambda}\n{target}"), "foreign-selector");
    check(
        "lambda",
        &format!("{lambda}?Action=DeleteFunction"),
        "unknown-parameter",
    );
    check(
        "lambda",
        &format!("{lambda}\nX-HTTP-Method-Override: DELETE"),
        "foreign-selector",
    );
    check(
        "lambda",
        &format!("{lambda}\nsmithy-protocol: rpc-v2-cbor"),
        "foreign-selector",
    );
    let get_item = "X-Amz-Target: DynamoDB_20120810.ListTables";
    let json = format!("{DYNAMODB}?Action=DeleteTable\n{JSON}\n{get_item}\n\n{{}}");
    check("dynamodb", &json, "foreign-selector");
    let in_body = format!("{DYNAMODB}\n{JSON}\n{get_item}\n\n{{\"Action\":\"DeleteTable\"}}");
    check("dynamodb", &in_body, "unknown-parameter");
    let s3 = "GET https://b.s3.eu-west-1.amazonaws.com/key";
    check("s3", &format!("{s3}\n{target}"), "foreign-selector");
    check(
        "s3",
        &format!("{s3}?Action=DeleteBucket"),
        "unknown-parameter",
    );
}

#[test]
fn o07_a_body_is_what_its_type_says() {
    let target = "X-Amz-Target: DynamoDB_20120810.ListTables";
    for kind in [
        "application/json",
        "text/plain",
        "application/x-amz-json-1.1",
        "application/x-amz-json-1.0; charset=utf-8",
        "application/x-www-form-urlencoded",
        "APPLICATION/X-AMZ-JSON-1.0",
    ] {
        let text = format!("{DYNAMODB}\nContent-Type: {kind}\n{target}\n\n{{}}");
        check("dynamodb", &text, "content-type");
    }
    check(
        "dynamodb",
        &format!("{DYNAMODB}\n{target}\n\n{{}}"),
        "content-type",
    );
    check(
        "dynamodb",
        &format!("{DYNAMODB}\n{JSON}\n{JSON}\n{target}\n\n{{}}"),
        "repeated-header",
    );
    for encoding in [
        "gzip",
        "deflate",
        "br",
        "identity",
        "aws-chunked",
        "gzip, gzip",
    ] {
        let text = format!("{DYNAMODB}\n{JSON}\nContent-Encoding: {encoding}\n{target}\n\n{{}}");
        check("dynamodb", &text, "content-encoding");
    }
    let tags = "POST https://lambda.eu-west-1.amazonaws.com/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A111122223333%3Afunction%3Af";
    let body = "\n\n{\"Tags\":{\"a\":\"b\"}}";
    check(
        "lambda",
        &format!("{tags}\nContent-Type: application/json{body}"),
        "lambda:TagResource",
    );
    check(
        "lambda",
        &format!("{tags}\nContent-Type: text/plain{body}"),
        "content-type",
    );
    check("lambda", &format!("{tags}{body}"), "content-type");
}

#[test]
fn o09_cbor_is_named_by_header_and_path_together() {
    let host = "POST https://monitoring.eu-west-1.amazonaws.com";
    let path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
    let kind = "Content-Type: application/cbor";
    let marker = "smithy-protocol: rpc-v2-cbor";
    let sent = |head: &str, expected: &str| check("monitoring", head, expected);
    sent(
        &format!("{host}{path}\n{marker}"),
        "cloudwatch:DescribeAlarms",
    );
    sent(&format!("{host}{path}\n{kind}"), "unknown-operation");
    sent(
        &format!("{host}{path}\nsmithy-protocol: rpc-v2-json"),
        "foreign-selector",
    );
    sent(
        &format!("{host}{path}\n{marker}\n{marker}"),
        "repeated-header",
    );
    sent(
        &format!(
            "{host}{path}\n{marker}\nX-Amz-Target: GraniteServiceVersion20100801.DeleteAlarms"
        ),
        "ambiguous-selector",
    );
    sent(
        &format!("{host}/service/DynamoDB_20120810/operation/DeleteTable\n{marker}"),
        "unknown-operation",
    );
    sent(&format!("{host}{path}/\n{marker}"), "unknown-operation");
    sent(
        &format!("{host}{path}?Action=DeleteAlarms\n{marker}"),
        "foreign-selector",
    );
}

#[test]
fn o10_sub_resources_of_s3_are_total_and_exclusive() {
    let host = "https://bucket.s3.eu-west-1.amazonaws.com";
    for (text, expected) in [
        ("GET {}/", "s3:ListObjects"),
        ("GET {}/?list-type=2", "s3:ListObjectsV2"),
        (
            "GET {}/?list-type=2&prefix=a%2F&x-id=ListObjectsV2",
            "s3:ListObjectsV2",
        ),
        ("GET {}/?list-type=3", "unknown-parameter"),
        ("GET {}/?acl", "s3:GetBucketAcl"),
        ("GET {}/?acl=", "s3:GetBucketAcl"),
        ("GET {}/?acl=1", "unknown-parameter"),
        ("GET {}/?acl&policy", "unknown-parameter"),
        ("GET {}/?policy&acl", "unknown-parameter"),
        ("GET {}/?acl&acl", "duplicate-parameter"),
        ("GET {}/?ACL", "unknown-parameter"),
        ("GET {}/?unknown", "unknown-parameter"),
        ("GET {}/?policy", "s3:GetBucketPolicy"),
        ("DELETE {}/?policy", "s3:DeleteBucketPolicy"),
        ("DELETE {}/", "s3:DeleteBucket"),
        ("DELETE {}/?lifecycle", "s3:DeleteBucketLifecycle"),
        ("GET {}/?lifecycle", "s3:GetBucketLifecycleConfiguration"),
        ("GET {}/?analytics", "s3:ListBucketAnalyticsConfigurations"),
        (
            "GET {}/?analytics&id=a",
            "s3:GetBucketAnalyticsConfiguration",
        ),
        ("GET {}/key", "s3:GetObject"),
        ("GET {}/key?versionId=v", "s3:GetObject"),
        ("GET {}/key?versionId=v&versionId=w", "duplicate-parameter"),
        ("GET {}/key?uploadId=u", "s3:ListParts"),
        ("DELETE {}/key", "s3:DeleteObject"),
        ("DELETE {}/key?uploadId=u", "s3:AbortMultipartUpload"),
        ("DELETE {}/key?tagging", "s3:DeleteObjectTagging"),
        ("PUT {}/key", "s3:PutObject"),
        ("PUT {}/key?partNumber=1&uploadId=u", "s3:UploadPart"),
        ("PUT {}/key?uploadId=u", "unknown-parameter"),
        ("POST {}/key?uploads", "s3:CreateMultipartUpload"),
        ("POST {}/key?select&select-type=2", "s3:SelectObjectContent"),
        ("POST {}/key", "unknown-operation"),
        (
            "GET {}/key?response-content-type=text%2Fplain",
            "s3:GetObject",
        ),
        ("GET {}/key?x-id=DeleteObject", "contradicting-id"),
        (
            "GET {}/key?x-id=GetObject&x-id=GetObject",
            "duplicate-parameter",
        ),
        ("GET https://s3.eu-west-1.amazonaws.com/", "s3:ListBuckets"),
        (
            "GET https://s3.eu-west-1.amazonaws.com/bucket",
            "s3:ListObjects",
        ),
        (
            "GET https://s3.eu-west-1.amazonaws.com/bucket/",
            "s3:ListObjects",
        ),
        (
            "GET https://s3.eu-west-1.amazonaws.com/bucket/key/",
            "s3:GetObject",
        ),
        (
            "GET https://s3.eu-west-1.amazonaws.com//key",
            "unknown-operation",
        ),
    ] {
        check("s3", &text.replace("{}", host), expected);
    }
    let listing = "GET https://s3express-control.eu-west-1.amazonaws.com/";
    check("s3express", listing, "s3:ListDirectoryBuckets");
}

#[test]
fn o11_headers_that_select_are_part_of_the_match() {
    let put = "PUT https://bucket.s3.eu-west-1.amazonaws.com/key";
    let source = "x-amz-copy-source: other/secret";
    check("s3", &format!("{put}\n{source}"), "s3:CopyObject");
    check(
        "s3",
        &format!("{put}?partNumber=1&uploadId=u\n{source}"),
        "s3:UploadPartCopy",
    );
    check(
        "s3",
        &format!("{put}\n{source}\n{source}"),
        "duplicate-parameter",
    );
    check("s3", &format!("{put}\n{source}\n\nbody"), "unexpected-body");
    check("s3", &format!("{put}?acl\n{source}"), "unknown-parameter");
    check("s3", &format!("{put}\nx-amz-invented: 1"), "unknown-header");
    let delete = "DELETE https://bucket.s3.eu-west-1.amazonaws.com/";
    check(
        "s3",
        &format!("{delete}\nIf-Match: \"etag\""),
        "unknown-header",
    );
}

#[test]
fn o08_a_queue_is_named_by_its_path_as_by_its_url() {
    let post = |path: &str, pairs: &str, expected| {
        let text = format!(
            "POST https://sqs.eu-west-1.amazonaws.com{path}\n\
             Content-Type: application/x-www-form-urlencoded\n\n\
             Version=2012-11-05&{pairs}"
        );
        check("sqs", &text, expected);
    };
    let purge =
        "Action=PurgeQueue&QueueUrl=https%3A%2F%2Fsqs.eu-west-1.amazonaws.com%2F111122223333%2Fdev";
    post("/", purge, "sqs:PurgeQueue");
    post("/111122223333/dev", purge, "sqs:PurgeQueue");
    for path in [
        "/111122223333/prod",
        "/666666666666/dev",
        "/111122223333/dev/",
        "/111122223333/%64ev",
        "//111122223333/dev",
    ] {
        post(path, purge, "path-not-canonical");
    }
    post(
        "/111122223333/dev",
        "Action=PurgeQueue",
        "path-not-canonical",
    );
    post(
        "/111122223333/dev",
        "Action=ListQueues",
        "path-not-canonical",
    );
}

#[test]
fn o13_an_encoded_slash_leads_to_no_other_path() {
    let host = "https://iot.eu-west-1.amazonaws.com";
    for (path, expected) in [
        // Written out, each of these is the path of another operation or of another resource.
        ("/destinations/..%2Fthings%2Fprod", "path-not-canonical"),
        ("/destinations/..%2fthings%2fprod", "path-not-canonical"),
        ("/destinations/a%2F%2Fb", "path-not-canonical"),
        ("/destinations/a%2Fb", "path-not-canonical"),
        ("/destinations/a/b", "iot:DeleteTopicRuleDestination"),
        // A label of one segment is written with its slash encoded.
        ("/things/a%2Fb", "iot:DeleteThing"),
    ] {
        check("iot", &format!("DELETE {host}{path}"), expected);
    }
    let key = "DELETE https://bucket.s3.eu-west-1.amazonaws.com/a%2Fb";
    check("s3", key, "s3:DeleteObject");
}

#[test]
fn o13_a_path_does_not_lengthen_the_bucket() {
    // Behind the bucket of the host, `-prod/a` is the object `a` of another bucket, and leaves as
    // the object `a` of this one.
    for path in ["-prod/a", "prod/a", "", "*", "%2Fa", "http://other.test/a"] {
        let mut sent = Sent::parse(
            "s3",
            "eu-west-1",
            "DELETE https://dev.s3.eu-west-1.amazonaws.com/a",
        );
        sent.request.path = path.to_owned();
        assert_eq!(super::outcome(&sent), "path-not-canonical", "{path}");
    }
}

#[test]
fn o13_a_path_has_one_spelling() {
    let host = "https://lambda.eu-west-1.amazonaws.com";
    for path in [
        "//2015-03-31/functions/f",
        "/2015-03-31//functions/f",
        "/2015-03-31/./functions/f",
        "/2015-03-31/functions/x/../f",
        "/2015-03-31/functions/%2e%2e",
        "/2015-03-31/%66unctions/f",
        "/2015-03-31/functions/f;x=1",
        "/2015-03-31/functions/f\\g",
        "/2015-03-31/functions/a+b",
    ] {
        check(
            "lambda",
            &format!("DELETE {host}{path}"),
            "path-not-canonical",
        );
    }
    check(
        "lambda",
        &format!("DELETE {host}/2015-03-31/functions/%zz"),
        "malformed-body",
    );
    check(
        "lambda",
        &format!("DELETE {host}/2015-03-31/functions/%ff"),
        "malformed-body",
    );
    check(
        "lambda",
        &format!("DELETE {host}/2015-03-31/functions"),
        "unknown-operation",
    );
    check(
        "lambda",
        &format!("delete {host}/2015-03-31/functions/f"),
        "unknown-operation",
    );
    check(
        "lambda",
        &format!("GET {host}/2015-03-31/functions/"),
        "lambda:ListFunctions",
    );
    check(
        "lambda",
        &format!("GET {host}/2015-03-31/functions"),
        "lambda:ListFunctions",
    );
}

#[test]
fn o16_what_the_catalog_does_not_know_is_refused() {
    for service in ["dynamodb", "kms", "logs"] {
        let text = format!(
            "POST https://{service}.eu-west-1.amazonaws.com/\n{JSON}\nX-Amz-Target: Invented.Erase\n\n{{}}"
        );
        check(service, &text, "unknown-operation");
    }
    check(
        "invented",
        &format!("{STS}\n{FORM}\n\n{GET_CALLER}"),
        "unknown-service",
    );
    check(
        "sts",
        &format!("{STS}\n{FORM}\n\nAction=Erase&Version=2011-06-15"),
        "unknown-operation",
    );
}

#[test]
fn o21_a_stream_of_acts_is_refused_by_name() {
    let lex = "POST https://runtime-v2-lex.eu-west-1.amazonaws.com/bots/b/botAliases/a/botLocales/en_US/sessions/s/conversation";
    check("lex", lex, "unsupported-operation");
}

#[test]
fn o22_o23_forms_of_browsers_and_old_signatures_are_refused() {
    let form = "POST https://bucket.s3.eu-west-1.amazonaws.com/\nContent-Type: multipart/form-data; boundary=x";
    check("s3", form, "unknown-operation");
    let old =
        "GET https://bucket.s3.eu-west-1.amazonaws.com/key?AWSAccessKeyId=A&Signature=s&Expires=1";
    check("s3", old, "unknown-parameter");
    let sdb = "POST https://sdb.amazonaws.com/\nContent-Type: application/x-www-form-urlencoded\n\nAction=DeleteDomain&Version=2009-04-15&DomainName=d";
    check("", sdb, "unsupported-operation");
}

#[test]
fn o24_what_must_be_signed_is_not_carried_unsigned() {
    check("", &format!("{STS}\n{FORM}\n\n{GET_CALLER}"), "unsigned");
    check(
        "",
        "GET https://bucket.s3.eu-west-1.amazonaws.com/key",
        "unsigned",
    );
    let open = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fr&RoleSessionName=s&WebIdentityToken=tttt";
    check(
        "",
        &format!("{STS}\n{FORM}\n\n{open}"),
        "sts:AssumeRoleWithWebIdentity",
    );
    let own = format!("POST http://127.0.0.1:8443/\n{FORM}\n\n{open}");
    check("", &own, "unknown-region");
}

/// boto3 writes a list of nothing as nothing, so a required list may be missing on the wire. RDS,
/// DocumentDB and Neptune are called by the same bytes and are one to IAM: which of them it is
/// need not be known. Services that are not one stay refused.
#[test]
fn twins_need_no_required_member_to_be_one_call() {
    for operation in [
        "AddTagsToResource",
        "ModifyDBClusterParameterGroup",
        "ModifyDBParameterGroup",
    ] {
        let text = format!(
            "POST https://rds.eu-west-1.amazonaws.com/\ncontent-type: application/x-www-form-urlencoded\n\n\
             Action={operation}&Version=2014-10-31"
        );
        let call = Sent::parse("rds", "eu-west-1", &text)
            .identify()
            .expect(operation);
        assert_eq!(
            (call.service().name(), call.operation().name()),
            ("rds", operation)
        );
        assert_eq!(&*call.accesses()[0].action, format!("rds:{operation}"));
    }
}
