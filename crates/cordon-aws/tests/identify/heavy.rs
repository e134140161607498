//! Bodies that are small to send and large to read: each is refused, or read, within the memory
//! that one request may have. All are made for real members of real operations, since what the
//! model does not know is refused before it grows.

use super::Sent;
use super::memory;
use cordon_aws::request::Body;

/// The largest body that the proxy holds whole.
const LARGEST_BODY: usize = 16 << 20;

/// What becomes of a request with this body; its memory is counted.
fn weigh(name: &str, service: &str, head: &str, body: impl Into<Vec<u8>>) -> String {
    let body = body.into();
    assert!(body.len() <= LARGEST_BODY, "{name}");
    let mut sent = Sent::parse(service, "eu-west-1", head);
    sent.request.body = Body::Whole(body.into());
    match memory::identify(name, &sent) {
        Ok(call) => format!("{}:{}", call.service().name(), call.operation().name()),
        Err(error) => error.code().to_owned(),
    }
}

fn target(name: &str, host: &str, target: &str, body: impl Into<Vec<u8>>) -> String {
    let head = format!(
        "POST https://{host}.eu-west-1.amazonaws.com/\n\
         Content-Type: application/x-amz-json-1.0\n\
         X-Amz-Target: {target}"
    );
    weigh(name, host, &head, body)
}

fn put_item(name: &str, value: &str) -> String {
    let body = format!(r#"{{"TableName":"t","Item":{{"a":{value}}}}}"#);
    target(name, "dynamodb", "DynamoDB_20120810.PutItem", body)
}

fn form(name: &str, service: &str, body: impl Into<Vec<u8>>) -> String {
    let head = format!(
        "POST https://{service}.eu-west-1.amazonaws.com/\n\
         Content-Type: application/x-www-form-urlencoded"
    );
    weigh(name, service, &head, body)
}

fn s3(name: &str, target: &str, body: impl Into<Vec<u8>>) -> String {
    let url = format!("https://bucket.s3.eu-west-1.amazonaws.com{target}");
    weigh(name, "s3", &format!("POST {url}"), body)
}

fn cbor(name: &str, operation: &str, body: impl Into<Vec<u8>>) -> String {
    let head = format!(
        "POST https://monitoring.eu-west-1.amazonaws.com\
         /service/GraniteServiceVersion20100801/operation/{operation}\n\
         Content-Type: application/cbor\n\
         Smithy-Protocol: rpc-v2-cbor"
    );
    weigh(name, "monitoring", &head, body)
}

/// `count` items, numbered from one.
fn joined(count: usize, separator: &str, item: impl Fn(usize) -> String) -> String {
    (1..=count).map(item).collect::<Vec<_>>().join(separator)
}

/// `depth` maps in one another, as DynamoDB writes them.
fn chain(depth: usize) -> String {
    let (open, close) = (r#"{"M":{"a":"#.repeat(depth), "}}".repeat(depth));
    format!(r#"{open}{{"N":"1"}}{close}"#)
}

#[test]
fn json_of_many_small_structures_is_bounded() {
    let _counting = memory::counting();
    for (name, item, count) in [
        ("numbers", chain(0), 1_000_000),
        ("maps", chain(1), 400_000),
        ("chains", chain(14), 50_000),
        ("empty lists", r#"{"L":[]}"#.to_owned(), 1_000_000),
        ("empty maps", r#"{"M":{}}"#.to_owned(), 1_000_000),
    ] {
        let list = joined(count, ",", |_| item.clone());
        let outcome = put_item(name, &format!(r#"{{"L":[{list}]}}"#));
        assert_eq!(outcome, "body-too-large", "{name}");
    }
    let set = joined(1_000_000, ",", |number| format!("\"{number}\""));
    assert_eq!(
        put_item("set", &format!(r#"{{"NS":[{set}]}}"#)),
        "body-too-large"
    );
}

#[test]
fn what_is_read_just_before_the_bound_is_bounded_too() {
    let _counting = memory::counting();
    for (depth, count) in [(0, 49_000), (1, 16_000), (14, 1_600)] {
        for (count, expected) in [(count, "dynamodb:PutItem"), (count * 3, "body-too-large")] {
            let list = joined(count, ",", |_| chain(depth));
            let name = format!("{count} chains of {depth}");
            let outcome = put_item(&name, &format!(r#"{{"L":[{list}]}}"#));
            assert_eq!(outcome, expected, "{name}");
        }
    }
}

#[test]
fn a_batch_of_vectors_is_an_ordinary_call() {
    let vector = joined(1_536, ",", |number| format!(r#"{{"N":"0.{number}"}}"#));
    let item = format!(r#"{{"PutRequest":{{"Item":{{"k":{{"S":"a"}},"v":{{"L":[{vector}]}}}}}}}}"#);
    let items = joined(25, ",", |_| item.clone());
    let body = format!(r#"{{"RequestItems":{{"t":[{items}]}}}}"#);
    let outcome = target(
        "vectors",
        "dynamodb",
        "DynamoDB_20120810.BatchWriteItem",
        body,
    );
    assert_eq!(outcome, "dynamodb:BatchWriteItem");
}

#[test]
fn a_form_of_many_names_is_bounded() {
    let _counting = memory::counting();
    let start = "Action=DescribeInstances&Version=2016-11-15";
    let ids = joined(199_990, "&", |number| format!("InstanceId.{number}=i"));
    let outcome = form("ids", "ec2", format!("{start}&{ids}"));
    assert_eq!(outcome, "ec2:DescribeInstances");
    // Names that share nothing: each becomes as many nodes as it has dots.
    for segments in [2, 10, 190] {
        let tail = ".a".repeat(segments);
        let count = (LARGEST_BODY / 2 / (tail.len() + 20)).min(190_000);
        let names = joined(count, "&", |number| format!("A{number}{tail}=1"));
        let outcome = form(
            &format!("{segments} segments"),
            "ec2",
            format!("{start}&{names}"),
        );
        assert_eq!(outcome, "body-too-large");
    }
    for (count, expected) in [
        (24_000, "ec2:DescribeInstances"),
        (26_000, "body-too-large"),
        (190_000, "body-too-large"),
    ] {
        let filters = joined(count, "&", |number| format!("Filter.{number}.Value.1=1"));
        let outcome = form(
            &format!("{count} filters"),
            "ec2",
            format!("{start}&{filters}"),
        );
        assert_eq!(outcome, expected);
    }
    let data = joined(60_000, "&", |number| {
        format!("MetricData.member.{number}.Dimensions.member.1.Name=a")
    });
    let outcome = form(
        "metrics",
        "monitoring",
        format!("Action=PutMetricData&Version=2010-08-01&{data}"),
    );
    assert_eq!(outcome, "body-too-large");
}

#[test]
fn xml_of_many_elements_is_bounded() {
    let _counting = memory::counting();
    for (name, item, expected) in [
        ("objects", "<Object><Key>a</Key></Object>", "body-too-large"),
        ("empty objects", "<Object/>", "body-too-large"),
        ("unclosed", "<Object>", "unknown-parameter"),
        ("attributes", "<Object a=\"1\"/>", "unknown-parameter"),
        ("comments", "<!---->", "malformed-body"),
        ("twice", "<Quiet>true</Quiet>", "duplicate-parameter"),
    ] {
        let items = item.repeat((LARGEST_BODY / 4) / item.len());
        let outcome = s3(name, "/?delete", format!("<Delete>{items}</Delete>"));
        assert_eq!(outcome, expected, "{name}");
    }
    for text in ["&amp;", "&#97;", "a", "&lt;a"] {
        let key = text.repeat((10 << 20) / text.len());
        let body = format!("<Delete><Object><Key>{key}</Key></Object></Delete>");
        assert_eq!(s3(text, "/?delete", body), "no-access");
    }
    let names = joined(500_000, " ", |number| format!("a{number}=\"\""));
    let outcome = s3("many attributes", "/?delete", format!("<Delete {names}/>"));
    assert_eq!(outcome, "unknown-parameter");
}

#[test]
fn cbor_is_not_believed_what_it_says_of_its_length() {
    let _counting = memory::counting();
    let metric = [
        b"\xa1\x6aMetricData".as_slice(),
        b"\x9b\x00\xff\xff\xff\xff\xff\xff\xff",
    ]
    .concat();
    assert_eq!(cbor("long list", "PutMetricData", metric), "malformed-body");
    assert_eq!(
        cbor(
            "long map",
            "PutMetricData",
            *b"\xbb\x00\xff\xff\xff\xff\xff\xff\xff"
        ),
        "malformed-body"
    );
    let long_text = [
        b"\xa1\x69Namespace".as_slice(),
        b"\x7b\x00\x00\x00\xff\xff\xff\xff\xffa",
    ]
    .concat();
    assert_eq!(
        cbor("long text", "PutMetricData", long_text),
        "malformed-body"
    );
    let many = b"\xa1\x6aMetricName\x61a".repeat(1_000_000);
    let start = b"\xa1\x6aMetricData\x9f";
    let body = [start.as_slice(), &many, b"\xff"].concat();
    assert_eq!(cbor("many", "PutMetricData", body), "body-too-large");
}

/// Ten million bytes that need no escape anywhere.
fn long() -> String {
    "a".repeat(10_000_000)
}

#[test]
fn a_string_of_ten_megabytes_is_bounded_wherever_it_stands() {
    let _counting = memory::counting();
    let text = long();
    for (name, value, expected) in [
        ("text", format!(r#"{{"S":"{text}"}}"#), "dynamodb:PutItem"),
        (
            "escapes",
            format!(r#"{{"S":"{}"}}"#, r"\u0061".repeat(1_600_000)),
            "dynamodb:PutItem",
        ),
        (
            "key",
            format!(r#"{{"M":{{"{text}":{{"N":"1"}}}}}}"#),
            "dynamodb:PutItem",
        ),
        (
            "blob",
            format!(r#"{{"B":"{}"}}"#, "AAAA".repeat(2_500_000)),
            "dynamodb:PutItem",
        ),
        ("member", format!(r#"{{"{text}":1}}"#), "unknown-parameter"),
    ] {
        assert_eq!(put_item(name, &value), expected, "{name}");
    }
    let start = "Version=2016-11-15";
    for (name, pairs, expected) in [
        (
            "value",
            format!("Action=CreateTags&ResourceId.1=i-1&Tag.1.Key={text}"),
            "ec2:CreateTags",
        ),
        (
            "name",
            format!("Action=CreateTags&{text}=1"),
            "unknown-parameter",
        ),
        ("action", format!("Action={text}"), "unknown-operation"),
    ] {
        assert_eq!(
            form(name, "ec2", format!("{start}&{pairs}")),
            expected,
            "{name}"
        );
    }
    let query = format!("/?uploads&prefix={text}");
    assert_eq!(s3("query", &query, ""), "unknown-operation");
    assert_eq!(
        s3("query key", &format!("/?{text}"), ""),
        "unknown-operation"
    );
    let start = b"\xa1\x69Namespace\x7a\x00\x98\x96\x80".as_slice();
    let body = [start, text.as_bytes()].concat();
    assert_eq!(
        cbor("cbor", "PutMetricData", body),
        "cloudwatch:PutMetricData"
    );
}

#[test]
fn no_resource_has_a_name_of_ten_megabytes() {
    let _counting = memory::counting();
    let (text, encoded) = (long(), "%61".repeat(3_300_000));
    let table = |name: &str| {
        let body = format!(r#"{{"TableName":"{name}"}}"#);
        target("table", "dynamodb", "DynamoDB_20120810.DeleteTable", body)
    };
    let instance = |id: &str| {
        let body = format!("Action=TerminateInstances&Version=2016-11-15&InstanceId.1={id}");
        form("instance", "ec2", body)
    };
    let arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/";
    assert_eq!(table(&text), "no-access");
    assert_eq!(table(&format!("{arn}{text}")), "no-access");
    assert_eq!(
        table(&format!("{arn}{}", "a".repeat(255))),
        "dynamodb:DeleteTable"
    );
    assert_eq!(instance(&text), "no-access");
    assert_eq!(instance(&encoded), "no-access");
    for key in [text.as_str(), &encoded] {
        assert_eq!(s3("key", &format!("/{key}?uploads"), ""), "no-access");
    }
    let longest = "%61".repeat(1024);
    assert_eq!(
        s3("key", &format!("/{longest}?uploads"), ""),
        "s3:CreateMultipartUpload"
    );
}

#[test]
fn languages_inside_of_parameters_are_bounded() {
    let _counting = memory::counting();
    let text = long();
    let execute = |name: &str, statement: &str| {
        let body = format!(r#"{{"Statement":"{statement}"}}"#);
        target(name, "dynamodb", "DynamoDB_20120810.ExecuteStatement", body)
    };
    for (name, statement) in [
        ("word", text.clone()),
        ("string", format!("SELECT * FROM t WHERE a = '{text}'")),
        ("sum", format!("SELECT {} FROM t", "1+".repeat(5_000_000))),
        ("brackets", format!("SELECT {}", "(".repeat(10_000_000))),
        (
            "columns",
            format!("SELECT {} FROM t", "a,".repeat(5_000_000)),
        ),
        ("statements", "DROP TABLE t;".repeat(800_000)),
        ("unions", "SELECT 1 UNION ".repeat(700_000)),
        ("comments", "/**/".repeat(2_500_000)),
    ] {
        execute(name, &statement);
    }
    let create = |name: &str, template: &str| {
        let encoded: String = template
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let body =
            format!("Action=CreateStack&Version=2010-05-15&StackName=s&TemplateBody={encoded}");
        form(name, "cloudformation", body)
    };
    let most = 2_000_000;
    for (name, template) in [
        ("lists", "[".repeat(most)),
        ("maps", "{a: ".repeat(most / 4)),
        ("dashes", "- ".repeat(most / 2)),
        (
            "resources",
            format!(
                "Resources: {{{}}}",
                joined(most / 60, ",", |number| format!(
                    "R{number}: {{Type: AWS::S3::Bucket}}"
                ))
            ),
        ),
        (
            "anchors",
            format!(
                "a: &a [x]\n{}",
                joined(most / 20, "\n", |number| format!("k{number}: *a"))
            ),
        ),
        ("text", format!("a: \"{}\"", "a".repeat(most - 10))),
        ("items", format!("a: [{}]", "1,".repeat(most / 2 - 10))),
        (
            "json items",
            format!("{{\"a\": [{}1]}}", "1,".repeat(most / 2 - 10)),
        ),
    ] {
        create(name, &template);
    }
}

#[test]
fn a_call_names_no_more_resources_than_can_be_weighed() {
    let _counting = memory::counting();
    for count in [1_000, 9_000, 11_000, 190_000] {
        let ids = joined(count, "&", |number| {
            format!("InstanceId.{number}=i-{number:017x}")
        });
        let body = format!("Action=TerminateInstances&Version=2016-11-15&{ids}");
        let expected = if count < 10_000 {
            "ec2:TerminateInstances"
        } else {
            "no-access"
        };
        assert_eq!(form(&format!("{count} instances"), "ec2", body), expected);
    }
    let groups = joined(5_000, "&", |number| {
        format!("SecurityGroupId.{number}=sg-{number}")
    });
    let tags = joined(5_000, "&", |number| {
        format!(
            "TagSpecification.{number}.ResourceType=instance&TagSpecification.{number}.Tag.1.Key=a"
        )
    });
    let start = "Action=RunInstances&Version=2016-11-15&MinCount=1&MaxCount=1&ImageId=ami-1";
    form("run", "ec2", format!("{start}&{groups}&{tags}"));
    let objects = joined(20_000, "", |number| {
        format!("<Object><Key>{number}</Key></Object>")
    });
    assert_eq!(
        s3("objects", "/?delete", format!("<Delete>{objects}</Delete>")),
        "no-access"
    );
    let requests = joined(100_000, ",", |number| {
        format!(r#"{{"DeleteRequest":{{"Key":{{"k":{{"N":"{number}"}}}}}}}}"#)
    });
    let body = format!(r#"{{"RequestItems":{{"t":[{requests}]}}}}"#);
    target(
        "batch",
        "dynamodb",
        "DynamoDB_20120810.BatchWriteItem",
        body,
    );
    let tables = joined(20_000, ",", |number| {
        format!(r#""t{number}":{{"Keys":[{{"k":{{"N":"1"}}}}]}}"#)
    });
    let body = format!(r#"{{"RequestItems":{{{tables}}}}}"#);
    target("tables", "dynamodb", "DynamoDB_20120810.BatchGetItem", body);
}

#[test]
fn a_document_is_bounded_however_it_is_nested() {
    let _counting = memory::counting();
    let head = "POST https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/converse\n\
                Content-Type: application/json";
    let text = long();
    for (name, document) in [
        ("text", format!("\"{text}\"")),
        (
            "nested text",
            format!("{}\"{text}\"{}", r#"{"a":"#.repeat(55), "}".repeat(55)),
        ),
        (
            "listed text",
            format!("{}\"{text}\"{}", "[".repeat(55), "]".repeat(55)),
        ),
        ("numbers", format!("[{}1]", "1,".repeat(5_000_000))),
        (
            "members",
            format!(
                "{{{}}}",
                joined(700_000, ",", |number| format!("\"a{number}\":1"))
            ),
        ),
        ("maps", format!("[{}1]", r#"{"a":1},"#.repeat(1_000_000))),
        ("deep", "[".repeat(10_000_000)),
        ("long number", "1".repeat(10_000_000)),
    ] {
        let body = format!(r#"{{"additionalModelRequestFields":{document}}}"#);
        weigh(name, "bedrock", head, body);
    }
}
