//! One meaning, one value: what protocols share, and what no protocol lets through.

use super::{check, parameters};
use cordon_aws::value::Value;
use std::fmt::Write as _;

const SQS: &str = "POST https://sqs.eu-west-1.amazonaws.com/";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const CLOUDWATCH: &str = "POST https://monitoring.eu-west-1.amazonaws.com";

fn json(target: &str, body: &str) -> String {
    format!("\nContent-Type: application/x-amz-json-1.0\nX-Amz-Target: {target}\n\n{body}")
}

#[test]
fn o08_sqs_means_the_same_by_query_and_by_json() {
    let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/jobs";
    let by_json = json(
        "AmazonSQS.SendMessageBatch",
        &format!(
            r#"{{"QueueUrl":"{url}","Entries":[{{"Id":"1","MessageBody":"a b&c","DelaySeconds":5,
            "MessageAttributes":{{"k":{{"DataType":"Binary","BinaryValue":"aGk="}}}}}},{{"Id":"2","MessageBody":"x"}}]}}"#
        ),
    );
    let by_query = "Action=SendMessageBatch&Version=2012-11-05\
        &QueueUrl=https%3A%2F%2Fsqs.eu-west-1.amazonaws.com%2F111122223333%2Fjobs\
        &SendMessageBatchRequestEntry.2.MessageBody=x&SendMessageBatchRequestEntry.2.Id=2\
        &SendMessageBatchRequestEntry.1.Id=1&SendMessageBatchRequestEntry.1.MessageBody=a+b%26c\
        &SendMessageBatchRequestEntry.1.DelaySeconds=5\
        &SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=k\
        &SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=Binary\
        &SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.BinaryValue=aGk%3D";
    let one = parameters("sqs", &format!("{SQS}{by_json}"));
    let other = parameters("sqs", &format!("{SQS}\n{FORM}\n\n{by_query}"));
    let at_queue = parameters(
        "sqs",
        &format!("{SQS}111122223333/jobs\n{FORM}\n\n{by_query}"),
    );
    assert_eq!(one, other);
    assert_eq!(one, at_queue);
}

#[test]
fn o08_cloudwatch_means_the_same_in_three_protocols() {
    let by_json = json(
        "GraniteServiceVersion20100801.PutMetricData",
        r#"{"Namespace":"app","MetricData":[{"MetricName":"m","Value":1.50,"Timestamp":1750000000,
        "Dimensions":[{"Name":"a","Value":"b"}],"StorageResolution":1}]}"#,
    );
    let by_query = "Action=PutMetricData&Version=2010-08-01&Namespace=app\
        &MetricData.member.1.MetricName=m&MetricData.member.1.Value=1.5\
        &MetricData.member.1.Timestamp=2025-06-15T15%3A06%3A40Z\
        &MetricData.member.1.Dimensions.member.1.Name=a\
        &MetricData.member.1.Dimensions.member.1.Value=b&MetricData.member.1.StorageResolution=1";
    let cbor = hex::decode(concat!(
        "bf", // map, indefinite, as Java writes it
        "694e616d657370616365",
        "63617070", // Namespace: app
        "6a4d657472696344617461",
        "81",
        "a5", // MetricData: [ {
        "6a4d65747269634e616d65",
        "616d", // MetricName: m
        "6556616c7565",
        "fb3ff8000000000000", // Value: 1.5
        "6954696d657374616d70",
        "c1",
        "1a684ee180", // Timestamp: 1(1750000000)
        "6a44696d656e73696f6e73",
        "81",
        "a2",
        "644e616d65",
        "6161",
        "6556616c7565",
        "6162",
        "7153746f726167655265736f6c7574696f6e",
        "01", // StorageResolution: 1
        "ff"
    ))
    .unwrap();
    let one = parameters("monitoring", &format!("{CLOUDWATCH}/{by_json}"));
    let two = parameters(
        "monitoring",
        &format!("{CLOUDWATCH}/\n{FORM}\n\n{by_query}"),
    );
    let mut three = super::Sent::parse(
        "monitoring",
        "eu-west-1",
        &format!(
            "{CLOUDWATCH}/service/GraniteServiceVersion20100801/operation/PutMetricData\nsmithy-protocol: rpc-v2-cbor\nContent-Type: application/cbor"
        ),
    );
    three.request.body = cordon_aws::request::Body::Whole(cbor.into());
    let three = three.identify().unwrap().parameters().clone();
    assert_eq!(one, two);
    assert_eq!(one, three);
}

#[test]
fn b05_b09_lists_and_names_are_exact_in_forms() {
    let ec2 = |rest: &str, expected: &str| {
        let text = format!(
            "POST https://ec2.eu-west-1.amazonaws.com/\n{FORM}\n\nAction=TerminateInstances&Version=2016-11-15{rest}"
        );
        check("ec2", &text, expected);
    };
    ec2(
        "&InstanceId.1=i-1&InstanceId.2=i-2",
        "ec2:TerminateInstances",
    );
    ec2(
        "&InstanceId.2=i-2&InstanceId.1=i-1",
        "ec2:TerminateInstances",
    );
    for (rest, code) in [
        ("&InstanceId.1=i-1&InstanceId.1=i-2", "duplicate-parameter"),
        ("&InstanceId.1=i-1&InstanceId.3=i-2", "sparse-list"),
        ("&InstanceId.0=i-1", "sparse-list"),
        ("&InstanceId.01=i-1", "sparse-list"),
        ("&InstanceId.1.x=i-1", "unknown-parameter"),
        ("&InstanceId=i-1", "wrong-type"),
        ("&InstanceIds.1=i-1", "unknown-parameter"),
        ("&instanceId.1=i-1", "unknown-parameter"),
        ("&InstanceId.member.1=i-1", "sparse-list"),
        ("&InstanceId.1=i-1&DryRun=True", "wrong-type"),
        (
            "&InstanceId.1=i-1&DryRun=true&DryRun=false",
            "duplicate-parameter",
        ),
        ("&InstanceId.1=i-1&&DryRun=true", "malformed-body"),
        ("&InstanceId.1=%zz", "malformed-body"),
        ("&InstanceId.1=i-1;DryRun=true", "ec2:TerminateInstances"),
    ] {
        ec2(rest, code);
    }
    let cloudformation = |rest: &str, expected: &str| {
        let text = format!(
            "POST https://cloudformation.eu-west-1.amazonaws.com/\n{FORM}\n\nAction=CreateStack&Version=2010-05-15&StackName=s{rest}"
        );
        check("cloudformation", &text, expected);
    };
    cloudformation(
        "&Capabilities.member.1=CAPABILITY_IAM",
        "cloudformation:CreateStack",
    );
    cloudformation("&Capabilities=", "cloudformation:CreateStack");
    cloudformation("&Capabilities.1=CAPABILITY_IAM", "unknown-parameter");
    cloudformation("&Capabilities=x", "wrong-type");
}

#[test]
fn b01_b06_json_is_strict_by_the_model() {
    let put = |body: &str, expected: &str| {
        let text = format!(
            "POST https://dynamodb.eu-west-1.amazonaws.com/{}",
            json("DynamoDB_20120810.CreateTable", body)
        );
        check("dynamodb", &text, expected);
    };
    put(
        r#"{"TableName":"t","DeletionProtectionEnabled":false}"#,
        "dynamodb:CreateTable",
    );
    for (body, code) in [
        (
            r#"{"TableName":"t","TableName":"u"}"#,
            "duplicate-parameter",
        ),
        (
            r#"{"TableName":"t","\u0054ableName":"u"}"#,
            "duplicate-parameter",
        ),
        (r#"{"tableName":"t"}"#, "unknown-parameter"),
        (r#"{"TableName":"t","__type":"x"}"#, "unknown-parameter"),
        (r#"{"TableName":1}"#, "wrong-type"),
        (
            r#"{"TableName":"t","DeletionProtectionEnabled":"false"}"#,
            "wrong-type",
        ),
        (
            r#"{"TableName":"t","ProvisionedThroughput":{"ReadCapacityUnits":1.0}}"#,
            "wrong-type",
        ),
        (
            r#"{"TableName":"t","ProvisionedThroughput":{"ReadCapacityUnits":1e3}}"#,
            "wrong-type",
        ),
        (r#"["TableName"]"#, "wrong-type"),
        (r#"{"TableName":"t"} "#, "dynamodb:CreateTable"),
        (r#"{"TableName":"t"}x"#, "malformed-body"),
        ("{", "malformed-body"),
        ("\u{feff}{}", "malformed-body"),
    ] {
        put(body, code);
    }
    let null = parameters(
        "dynamodb",
        &format!(
            "POST https://dynamodb.eu-west-1.amazonaws.com/{}",
            json(
                "DynamoDB_20120810.CreateTable",
                r#"{"TableName":"t","Tags":null}"#
            )
        ),
    );
    assert_eq!(null.get("Tags"), Some(&Value::Null));
}

/// The older form of a bucket's notifications has `Event` beside `Events`, both written `<Event>`.
#[test]
fn a_list_is_read_where_it_replaced_a_single_item_of_its_name() {
    let of = |events: &str| {
        let body = format!(
            "<NotificationConfiguration><CloudFunctionConfiguration><Id>one</Id>{events}\
             <CloudFunction>f</CloudFunction></CloudFunctionConfiguration></NotificationConfiguration>"
        );
        let head = "PUT https://orders.s3.eu-west-1.amazonaws.com/?notification";
        parameters("s3", &format!("{head}\n\n{body}"))
    };
    let created = "<Event>s3:ObjectCreated:*</Event>";
    let both = of(&format!("{created}<Event>s3:ObjectRemoved:*</Event>"));
    let text = format!("{both:?}");
    assert!(
        text.contains("Created") && text.contains("Removed"),
        "{text}"
    );
    assert!(format!("{:?}", of(created)).contains("Events"));
}

#[test]
fn b07_b08_xml_is_strict_by_the_model() {
    let delete = |body: &str, expected: &str| {
        let text = format!("POST https://bucket.s3.eu-west-1.amazonaws.com/?delete\n\n{body}");
        check("s3", &text, expected);
    };
    let object = "<Object><Key>a&amp;b&#x41;</Key></Object>";
    delete(&format!("<Delete>{object}</Delete>"), "s3:DeleteObjects");
    delete(
        &format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n  {object}\n</Delete>\n"
        ),
        "s3:DeleteObjects",
    );
    for (body, code) in [
        (
            format!("<!DOCTYPE d [<!ENTITY e \"x\">]><Delete>{object}</Delete>"),
            "malformed-body",
        ),
        (
            format!("<?evil x?><Delete>{object}</Delete>"),
            "malformed-body",
        ),
        (
            format!("<Delete><!-- x -->{object}</Delete>"),
            "malformed-body",
        ),
        (
            "<Delete><Object><Key><![CDATA[a]]></Key></Object></Delete>".to_owned(),
            "malformed-body",
        ),
        (
            "<Delete><Object><Key>&xxe;</Key></Object></Delete>".to_owned(),
            "malformed-body",
        ),
        (
            "<Delete><Object><Key>&#0;</Key></Object></Delete>".to_owned(),
            "malformed-body",
        ),
        (
            "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>".to_owned(),
            "duplicate-parameter",
        ),
        (
            "<Delete><Object><Key>a<b/></Key></Object></Delete>".to_owned(),
            "unknown-parameter",
        ),
        (
            "<Delete><Object><Key x=\"1\">a</Key></Object></Delete>".to_owned(),
            "unknown-parameter",
        ),
        (
            "<Delete><Object><key>a</key></Object></Delete>".to_owned(),
            "unknown-parameter",
        ),
        (format!("<Delete>text{object}</Delete>"), "malformed-body"),
        (
            format!("<Delete xmlns=\"http://evil/\">{object}</Delete>"),
            "unknown-parameter",
        ),
        (format!("<Remove>{object}</Remove>"), "unknown-parameter"),
        (
            format!("<Delete>{object}</Delete><Delete/>"),
            "malformed-body",
        ),
        (format!("<Delete>{object}"), "malformed-body"),
        (format!("<Delete>{object}</Remove>"), "malformed-body"),
    ] {
        delete(&body, code);
    }
    let mut deep = String::new();
    (0..10_000).for_each(|_| write!(deep, "<Object>").unwrap());
    delete(&format!("<Delete>{deep}"), "unknown-parameter");
}

#[test]
fn b11_cbor_is_strict_by_the_model() {
    let list = |body: &str| {
        let mut sent = super::Sent::parse(
            "monitoring",
            "eu-west-1",
            &format!(
                "{CLOUDWATCH}/service/GraniteServiceVersion20100801/operation/DeleteAlarms\nsmithy-protocol: rpc-v2-cbor\nContent-Type: application/cbor"
            ),
        );
        sent.request.body = cordon_aws::request::Body::Whole(hex::decode(body).unwrap().into());
        super::outcome(&sent)
    };
    let names = "6a416c61726d4e616d6573"; // AlarmNames
    for (body, expected) in [
        (format!("a1{names}816161"), "cloudwatch:DeleteAlarms"),
        (format!("bf{names}9f6161ffff"), "cloudwatch:DeleteAlarms"),
        (
            format!("a2{names}816161{names}816162"),
            "duplicate-parameter",
        ),
        (format!("a1{names}81616100"), "malformed-body"),
        (format!("a1{names}8141ff"), "wrong-type"),
        (format!("a1{names}817f6161ff"), "wrong-type"),
        (format!("a1{names}81c16161"), "wrong-type"),
        ("a14141816161".to_owned(), "malformed-body"),
        ("a16141816161".to_owned(), "unknown-parameter"),
        ("a1".to_owned(), "malformed-body"),
        (format!("a1{names}9bffffffffffffffff"), "malformed-body"),
    ] {
        assert_eq!(list(&body), expected, "{body}");
    }
    let deep = format!("a1{names}{}", "81".repeat(10_000));
    assert_eq!(list(&deep), "wrong-type");
}

#[test]
fn b12_b13_one_operation_may_be_compressed_once() {
    // What is unpacked here would be counted with what others hold.
    let _counting = super::memory::counting();
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;
    let zip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let send = |target: &str, body: Vec<u8>| {
        let text = format!("{CLOUDWATCH}/\nContent-Encoding: gzip{}", json(target, ""));
        let mut sent = super::Sent::parse("monitoring", "eu-west-1", &text);
        sent.request.body = cordon_aws::request::Body::Whole(body.into());
        super::outcome(&sent)
    };
    let put = "GraniteServiceVersion20100801.PutMetricData";
    let body = br#"{"Namespace":"app"}"#;
    assert_eq!(send(put, zip(body)), "cloudwatch:PutMetricData");
    assert_eq!(
        send("GraniteServiceVersion20100801.DescribeAlarms", zip(b"{}")),
        "content-encoding"
    );
    assert_eq!(send(put, zip(&zip(body))), "malformed-body");
    assert_eq!(send(put, body.to_vec()), "content-encoding");
    assert_eq!(
        send(put, [zip(body), zip(b"x")].concat()),
        "content-encoding"
    );
    assert_eq!(
        send(put, [zip(body), b"x".to_vec()].concat()),
        "content-encoding"
    );
    let cut = zip(body);
    assert_eq!(send(put, cut[..cut.len() - 4].to_vec()), "content-encoding");
    assert_eq!(
        send(put, zip(&vec![b' '; 64 * 1024 * 1024])),
        "content-encoding"
    );
}

#[test]
fn b19_b20_blobs_and_times_are_read_in_one_form() {
    let kms = |blob: &str, expected: &str| {
        let body = format!(r#"{{"KeyId":"k","Plaintext":"{blob}"}}"#);
        let text = format!(
            "POST https://kms.eu-west-1.amazonaws.com/\nContent-Type: application/x-amz-json-1.1\nX-Amz-Target: TrentService.Encrypt\n\n{body}"
        );
        check("kms", &text, expected);
    };
    kms("aGk=", "kms:Encrypt");
    for blob in ["aGk", "aGk=\\n", "a_k=", " aGk="] {
        kms(blob, "wrong-type");
    }
    let times = |value: &str, expected: &str| {
        let body = format!(r#"{{"logGroupName":"g","logStreamName":"s","startTime":{value}}}"#);
        let text = format!(
            "POST https://logs.eu-west-1.amazonaws.com/\nContent-Type: application/x-amz-json-1.1\nX-Amz-Target: Logs_20140328.GetLogEvents\n\n{body}"
        );
        check("logs", &text, expected);
    };
    times("1750000000000", "logs:GetLogEvents");
    times("\"1750000000000\"", "wrong-type");
}

#[test]
fn a_body_that_streams_is_never_needed_to_know_the_call() {
    let mut sent = super::Sent::parse(
        "s3",
        "eu-west-1",
        "PUT https://bucket.s3.eu-west-1.amazonaws.com/key\nContent-Encoding: aws-chunked,gzip\nContent-Length: 7",
    );
    sent.request.body = cordon_aws::request::Body::Streamed;
    let call = sent.identify().unwrap();
    assert_eq!(call.parameters().get("Body"), Some(&Value::Stream));
    assert_eq!(
        call.parameters()
            .get("ContentEncoding")
            .and_then(Value::as_str),
        Some("gzip")
    );
    let mut tagging = super::Sent::parse(
        "s3",
        "eu-west-1",
        "PUT https://bucket.s3.eu-west-1.amazonaws.com/key?tagging",
    );
    tagging.request.body = cordon_aws::request::Body::Streamed;
    assert_eq!(super::outcome(&tagging), "body-needed");
}

#[test]
fn names_of_many_segments_are_bounded_together() {
    // 1,500 names of 190 segments: few bytes, no two of them below the same name.
    let dots = ".".repeat(189);
    let names: String = (0..1_500).map(|name| format!("&{name}{dots}=")).collect();
    check(
        "sts",
        &format!(
            "POST https://sts.eu-west-1.amazonaws.com/\nContent-Type: application/x-www-form-urlencoded\n\n\
             Action=GetCallerIdentity&Version=2011-06-15{names}"
        ),
        "body-too-large",
    );
}
