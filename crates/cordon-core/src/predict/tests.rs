use super::*;
use crate::ledger::Ledger;
use crate::plan::{Evidence, property};
use cordon_aws::arn::{AccountId, Region};
use cordon_aws::call::Protocol;
use cordon_aws::catalog::Catalog;
use serde_json::{Value as Json, json};

/// A call that nobody sent.
fn call(service: &str, operation: &str, parameters: &Json) -> Call {
    let service = Catalog::embedded().service(service).unwrap();
    let operation = service.operation(operation).unwrap();
    let shape = operation.input().unwrap();
    let members = parameters.as_object().unwrap().iter().map(|(name, value)| {
        let member = shape.member(name).unwrap();
        (name.as_str().into(), value_of(value, member.shape()))
    });
    let parameters = cordon_aws::value::Value::Structure(members.collect());
    let region: Region = "eu-central-1".parse().unwrap();
    let account: AccountId = "111122223333".parse().unwrap();
    Call::planned(operation, parameters, region, Some(account)).unwrap()
}

fn value_of(value: &Json, shape: cordon_aws::catalog::Shape) -> cordon_aws::value::Value {
    use cordon_aws::value::Value;
    match value {
        Json::Object(members) if shape.entry().is_none() => Value::Structure(
            members
                .iter()
                .map(|(name, it)| {
                    let member = shape.member(name).unwrap();
                    (name.as_str().into(), value_of(it, member.shape()))
                })
                .collect(),
        ),
        Json::Array(items) => {
            let item = shape.item().unwrap().shape();
            Value::List(items.iter().map(|it| value_of(it, item)).collect())
        }
        other => crate::plan::converted(shape, other).unwrap(),
    }
}

/// The prediction of a call whose reads are answered one after the other: with a body, or not at all.
fn predicted(call: &Call, protocol: Protocol, answers: &[Option<&str>]) -> Prediction {
    let mut asking = Asking::of(call).unwrap();
    let mut answers = answers.iter();
    while let Some(next) = asking.next(call) {
        assert_eq!(asking.due(call).first(), Some(&next));
        let now = Timestamp::UNIX_EPOCH;
        asking.learn(match answers.next().copied().flatten() {
            Some(body) => Reading::of(protocol, 200, None, body.as_bytes(), now),
            None => Reading::Failed,
        });
    }
    asking.finish(call)
}

/// Name, before and after of each property.
fn lines(prediction: &Prediction) -> Vec<[String; 3]> {
    let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
    let properties = prediction.properties.iter();
    properties
        .map(|it| [it.name.to_string(), side(&it.before), side(&it.after)])
        .collect()
}

#[test]
fn what_rests_on_another_answer_is_not_asked_with_it() {
    let due = |call: &Call| {
        let due = Asking::of(call).unwrap().due(call);
        let names = due.iter().map(|read| read.operation);
        names.collect::<Vec<_>>()
    };
    let attribute = |name: &str, value: Json| {
        let parameters = json!({ "InstanceId": "i-0abc", name: { "Value": value } });
        call("ec2", "ModifyInstanceAttribute", &parameters)
    };
    let kind = attribute("InstanceType", json!("m5.large"));
    assert_eq!(due(&kind), ["DescribeInstances"]);
    let guarded = attribute("DisableApiTermination", json!(true));
    assert_eq!(due(&guarded), ["DescribeInstanceAttribute"]);
    let both = json!({ "VpcId": "vpc-0abc", "EnableDnsSupport": { "Value": true },
        "EnableDnsHostnames": { "Value": true } });
    let both = call("ec2", "ModifyVpcAttribute", &both);
    assert_eq!(due(&both), ["DescribeVpcAttribute"; 2]);
    // The settings are those of the application that the first read tells.
    let environment = json!({ "EnvironmentName": "ce-prod", "VersionLabel": "v42",
        "OptionSettings": [{ "Namespace": "aws:autoscaling:asg", "OptionName": "MinSize", "Value": "2" }] });
    let environment = call("elasticbeanstalk", "UpdateEnvironment", &environment);
    assert_eq!(due(&environment), ["DescribeEnvironments"]);
}

#[test]
fn a_function_is_shown_now_and_after_and_can_be_put_back() {
    let call = call(
        "lambda",
        "UpdateFunctionConfiguration",
        &json!({ "FunctionName": "ce-export", "MemorySize": 1024, "Timeout": 30,
            "Environment": { "Variables": { "ROUNDING": "half-up", "DB_PASSWORD": "hunter2" } } }),
    );
    let body = r#"{"MemorySize":512,"Timeout":30,
        "Environment":{"Variables":{"ROUNDING":"bankers","DB_PASSWORD":"old","LEVEL":"info"}}}"#;
    let prediction = predicted(&call, Protocol::RestJson, &[Some(body)]);
    assert_eq!(
        lines(&prediction),
        [
            ["MemorySize", "512", "1024"],
            [
                "Variables.DB_PASSWORD",
                property::SENSITIVE,
                property::SENSITIVE
            ],
            // The model calls the whole map a secret.
            [
                "Variables.ROUNDING",
                property::SENSITIVE,
                property::SENSITIVE
            ],
            ["Variables.LEVEL", property::SENSITIVE, "-"],
        ]
    );
    assert_eq!(prediction.unchanged, 1);
    let told = format!("{prediction:?}");
    assert!(
        !told.contains("hunter2") && !told.contains("\"old\""),
        "{told}"
    );
    assert_eq!(prediction.undo, Undo::Unknown, "a secret would be in it");
}

#[test]
fn what_was_not_read_is_unknown_and_never_guessed() {
    let of = json!({ "FunctionName": "ce-export", "MemorySize": 1024 });
    let call = call("lambda", "UpdateFunctionConfiguration", &of);
    for answer in [None, Some("<html>"), Some("{")] {
        let prediction = predicted(&call, Protocol::RestJson, &[answer]);
        assert_eq!(lines(&prediction), [["MemorySize", "-", "1024"]]);
        assert!(prediction.properties.iter().all(Property::before_unknown));
        assert_eq!(prediction.undo, Undo::Unknown);
    }
    let prediction = predicted(&call, Protocol::RestJson, &[Some(r#"{"MemorySize":512}"#)]);
    let back = json!({ "FunctionName": "ce-export", "MemorySize": 512 });
    assert_eq!(
        prediction.undo,
        Undo::By {
            operation: "UpdateFunctionConfiguration".into(),
            parameters: back
        }
    );
}

#[test]
fn each_of_several_targets_is_told_apart_and_a_missing_one_is_absent() {
    let call = call(
        "ec2",
        "StopInstances",
        &json!({ "InstanceIds": ["i-0aa", "i-0bb"] }),
    );
    let body = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item>\
        <instanceId>i-0aa</instanceId><instanceState><name>running</name></instanceState>\
        <tagSet><item><key>team</key><value>billing</value></item></tagSet>\
        </item></instancesSet></item></reservationSet></DescribeInstancesResponse>";
    let prediction = predicted(&call, Protocol::Ec2, &[Some(body)]);
    assert_eq!(
        lines(&prediction),
        [
            ["i-0aa instanceState.name", "running", "stopped"],
            ["i-0bb instanceState.name", "-", "stopped"],
        ]
    );
    assert_eq!(prediction.owner(), Some("billing"));
    assert!(
        matches!(&prediction.undo, Undo::By { operation, .. } if &**operation == "StartInstances")
    );

    // What may be on another page is not said to be absent.
    let more = body.replace(
        "</reservationSet>",
        "</reservationSet><nextToken>x</nextToken>",
    );
    let prediction = predicted(&call, Protocol::Ec2, &[Some(&more)]);
    assert!(prediction.properties.iter().any(Property::before_unknown));
}

#[test]
fn rules_of_a_security_group_join_and_go() {
    let permission = json!([{ "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
        "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }]);
    let of = json!({ "GroupId": "sg-1", "IpPermissions": permission });
    let body = "<R><securityGroupInfo><item><ipPermissions><item><ipProtocol>tcp</ipProtocol>\
        <fromPort>22</fromPort><toPort>22</toPort><ipRanges><item><cidrIp>10.0.0.0/8</cidrIp></item>\
        </ipRanges></item></ipPermissions></item></securityGroupInfo></R>";
    let joined = call("ec2", "AuthorizeSecurityGroupIngress", &of);
    let prediction = predicted(&joined, Protocol::Ec2, &[Some(body)]);
    assert_eq!(
        lines(&prediction),
        [[
            "ipPermissions",
            r#"["tcp 22 10.0.0.0/8"]"#,
            r#"["tcp 22 10.0.0.0/8","tcp 443 0.0.0.0/0"]"#
        ]]
    );
    let gone = call("ec2", "RevokeSecurityGroupIngress", &of);
    let body = body.replace("22", "443").replace("10.0.0.0/8", "0.0.0.0/0");
    let prediction = predicted(&gone, Protocol::Ec2, &[Some(&body)]);
    assert_eq!(
        lines(&prediction),
        [["ipPermissions", r#"["tcp 443 0.0.0.0/0"]"#, "-"]]
    );
}

#[test]
fn a_flood_of_tags_and_properties_is_counted_and_not_kept() {
    let tags: Vec<Json> = (0..500)
        .map(|n| json!({ "Key": format!("k{n}"), "Value": "v".repeat(5_000) }))
        .collect();
    let of = json!({ "ResourceArn": "arn:aws:dynamodb:eu-central-1:111122223333:table/orders",
        "Tags": tags });
    let call = call("dynamodb", "TagResource", &of);
    let prediction = predicted(&call, Protocol::Json10, &[Some("{}")]);
    assert_eq!(prediction.properties.len(), MOST_PROPERTIES);
    assert!(prediction.left_out >= 400);
    let longest = prediction
        .properties
        .iter()
        .filter_map(|it| it.after.as_ref());
    assert!(longest.map(String::len).max() < Some(1_000));
    assert!(
        prediction
            .properties
            .iter()
            .all(|it| it.evidence == Evidence::PredictedByRule)
    );
}

/// What a call leaves out, where the reads are answered with these one after the other.
fn omission(call: &Call, protocol: Protocol, answers: &[(u16, &str)]) -> Omission {
    let mut asking = Asking::of_omission(call, &Ledger::default()).unwrap();
    let mut answers = answers.iter();
    while asking.next(call).is_some() {
        let (status, body) = answers.next().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        asking.learn(Reading::of(protocol, *status, None, body.as_bytes(), now));
    }
    asking.omission(call)
}

/// Those it leaves out begin with these, in order.
fn check_omission(call: &Call, protocol: Protocol, there: &str, expected: &[&str]) {
    let told = omission(call, protocol, &[(200, there)]);
    let Omission::Known(names) = &told else {
        panic!("{told:?} of {there}");
    };
    let fits = names
        .iter()
        .zip(expected)
        .all(|(name, begin)| name.starts_with(begin));
    assert!(
        fits && names.len() == expected.len(),
        "{names:?} {expected:?} of {there}"
    );
}

fn lifecycle(rules: &Json) -> Call {
    let of = json!({ "Bucket": "b", "LifecycleConfiguration": { "Rules": rules } });
    call("s3", "PutBucketLifecycleConfiguration", &of)
}

const LIFECYCLE: &str = "<LifecycleConfiguration>\
    <Rule><ID>abort</ID><Status>Enabled</Status><Filter><Prefix>tmp/</Prefix></Filter>\
    <AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>\
    <Rule><ID>cold</ID><Status>Enabled</Status><Filter><Prefix/></Filter>\
    <Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition></Rule></LifecycleConfiguration>";

#[test]
fn a_rule_that_is_not_put_again_is_left_out() {
    let abort = json!({ "ID": "abort", "Status": "Enabled", "Filter": { "Prefix": "tmp/" },
        "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 3 } });
    let cold = json!({ "ID": "cold", "Status": "Enabled", "Filter": { "Prefix": "" },
        "Transitions": [{ "Days": 30, "StorageClass": "GLACIER" }] });
    let new = json!({ "ID": "new", "Status": "Disabled", "Filter": { "Prefix": "n/" },
        "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 1 } });
    let without = json!({ "ID": "cold", "Status": "Enabled", "Filter": { "Prefix": "" } });
    for (rules, left_out) in [
        (json!([abort, cold]), &[][..]),
        // In another order, with a rule more, and with a value changed.
        (json!([new, cold, abort]), &[]),
        (
            json!([abort, { "ID": "cold", "Status": "Enabled", "Filter": { "Prefix": "" },
                "Transitions": [{ "Days": 60, "StorageClass": "GLACIER" }] }]),
            &[],
        ),
        (json!([cold]), &["Rule abort "]),
        (json!([new]), &["Rule abort ", "Rule cold "]),
        (json!([abort, without]), &["Rule cold.Transition "]),
    ] {
        check_omission(&lifecycle(&rules), Protocol::RestXml, LIFECYCLE, left_out);
    }
}

#[test]
fn what_was_not_read_whole_is_unknown_and_what_is_not_there_cannot_be_left_out() {
    let call = lifecycle(&json!([]));
    let told = |status: u16, body: &str| omission(&call, Protocol::RestXml, &[(status, body)]);
    for (status, body) in [
        (200, ""),
        (200, "<html><body>hello</body></html>"),
        (200, "<LifecycleConfiguration>"),
        // Another document than was asked for.
        (200, "<Tagging><TagSet/></Tagging>"),
        (
            200,
            "<LifecycleConfiguration><Rule><ID>a</ID></Rule><NextToken>n</NextToken></LifecycleConfiguration>",
        ),
        (403, "<Error><Code>AccessDenied</Code></Error>"),
        (404, "<html>NotFound</html>"),
        (
            500,
            "<Error><Code>NoSuchLifecycleConfiguration</Code></Error>",
        ),
    ] {
        assert_eq!(told(status, body), Omission::Unknown, "{status} {body}");
    }
    let none = "<Error><Code>NoSuchLifecycleConfiguration</Code></Error>";
    assert_eq!(told(404, none), Omission::Known(Vec::new()));
}

#[test]
fn wholes_of_each_form_are_compared_by_what_they_mean() {
    use Protocol::{Ec2, Json11, Query, RestJson, RestXml, RpcV2Cbor};
    let policy =
        |statements: &Json| json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let there = policy(&json!([
        { "Sid": "Tls", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
          "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
        { "Sid": "Read", "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*" }
    ]));
    let put = |statements: &Json| {
        call(
            "s3",
            "PutBucketPolicy",
            &json!({ "Bucket": "b", "Policy": policy(statements) }),
        )
    };
    let read = json!({ "Sid": "Read", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*" });
    check_omission(
        &put(&json!(read)),
        RestXml,
        &there,
        &["Statement Read.Action ", "Statement Tls "],
    );

    let tags = call(
        "s3",
        "PutBucketTagging",
        &json!({ "Bucket": "b", "Tagging": { "TagSet": [{ "Key": "team", "Value": "x" }] } }),
    );
    let two = "<Tagging><TagSet><Tag><Key>team</Key><Value>y</Value></Tag><Tag><Key>cost</Key><Value>7</Value></Tag></TagSet></Tagging>";
    check_omission(&tags, RestXml, two, &["Tag.cost "]);

    let notify = call(
        "s3",
        "PutBucketNotificationConfiguration",
        &json!({ "Bucket": "b", "NotificationConfiguration": {
        "QueueConfigurations": [{ "QueueArn": "arn:aws:sqs:eu-central-1:111122223333:q", "Events": ["s3:ObjectCreated:*"] }] } }),
    );
    let there = "<NotificationConfiguration><QueueConfiguration><Id>made-by-aws</Id><Queue>arn:aws:sqs:eu-central-1:111122223333:q</Queue>\
        <Event>s3:ObjectCreated:*</Event></QueueConfiguration><CloudFunctionConfiguration><Id>thumb</Id>\
        <CloudFunction>arn:aws:lambda:eu-central-1:111122223333:function:thumb</CloudFunction><Event>s3:ObjectCreated:*</Event>\
        </CloudFunctionConfiguration></NotificationConfiguration>";
    check_omission(
        &notify,
        RestXml,
        there,
        &["CloudFunctionConfiguration thumb "],
    );
    check_omission(&notify, RestXml, "<NotificationConfiguration/>", &[]);

    let cors = call(
        "s3",
        "PutBucketCors",
        &json!({ "Bucket": "b", "CORSConfiguration": { "CORSRules": [
        { "AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://a.example", "https://b.example"] }] } }),
    );
    let rule = |origin: &str| {
        format!(
            "<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>{origin}</AllowedOrigin></CORSRule>"
        )
    };
    let (a, c) = (rule("https://a.example"), rule("https://c.example"));
    check_omission(
        &cors,
        RestXml,
        &format!("<CORSConfiguration>{a}{c}</CORSConfiguration>"),
        &["CORSRule "],
    );
    check_omission(
        &cors,
        RestXml,
        &format!("<CORSConfiguration>{a}</CORSConfiguration>"),
        &[],
    );

    let function = |of: Json| call("lambda", "UpdateFunctionConfiguration", &of);
    let there = r#"{"FunctionName":"f","Environment":{"Variables":{"A":"1","B":"2"}},"Layers":[{"Arn":"l1","CodeSize":3}]}"#;
    for (of, left_out) in [
        (
            json!({ "FunctionName": "f", "Environment": { "Variables": { "A": "3", "B": "2", "C": "9" } } }),
            &[][..],
        ),
        (
            json!({ "FunctionName": "f", "Environment": { "Variables": { "A": "3" } } }),
            &["Variables.B"],
        ),
        (
            json!({ "FunctionName": "f", "Environment": {} }),
            &["Variables.A", "Variables.B"],
        ),
        (json!({ "FunctionName": "f", "Layers": ["l2"] }), &["Arn "]),
    ] {
        check_omission(&function(of), RestJson, there, left_out);
    }
    // What is left alone is not read for.
    let memory = function(json!({ "FunctionName": "f", "MemorySize": 512 }));
    assert!(Asking::of_omission(&memory, &Ledger::default()).is_none());

    let pool = call(
        "cognito-idp",
        "UpdateUserPool",
        &json!({ "UserPoolId": "eu-central-1_a", "MfaConfiguration": "ON" }),
    );
    let plain = r#"{"UserPool":{"Id":"eu-central-1_a","Name":"n","Status":"Enabled","MfaConfiguration":"OFF","DeletionProtection":"INACTIVE",
        "LambdaConfig":{},"EmailConfiguration":{"EmailSendingAccount":"COGNITO_DEFAULT"},"EstimatedNumberOfUsers":0,
        "AdminCreateUserConfig":{"AllowAdminCreateUserOnly":false,"UnusedAccountValidityDays":7},
        "VerificationMessageTemplate":{"DefaultEmailOption":"CONFIRM_WITH_CODE"}}}"#;
    check_omission(&pool, Json11, plain, &[]);
    let full = plain
        .replace(
            r#""LambdaConfig":{}"#,
            r#""LambdaConfig":{"PreSignUp":"arn"}"#,
        )
        .replace("INACTIVE", "ACTIVE");
    check_omission(
        &pool,
        Json11,
        &full,
        &["DeletionProtection ", "LambdaConfig "],
    );

    let site = call(
        "cloudfront",
        "UpdateDistribution",
        &json!({ "Id": "E1", "IfMatch": "x", "DistributionConfig": {
        "CallerReference": "r", "Comment": "", "Enabled": true, "Aliases": { "Quantity": 1, "Items": ["a.example"] },
        "Origins": { "Quantity": 1, "Items": [{ "Id": "o", "DomainName": "o.example" }] },
        "DefaultCacheBehavior": { "TargetOriginId": "o", "ViewerProtocolPolicy": "https-only" } } }),
    );
    let there = "<DistributionConfig><CallerReference>r</CallerReference><Aliases><Quantity>2</Quantity><Items><CNAME>a.example</CNAME>\
        <CNAME>b.example</CNAME></Items></Aliases><Origins><Quantity>1</Quantity><Items><Origin><Id>o</Id><DomainName>o.example</DomainName>\
        </Origin></Items></Origins><DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>https-only\
        </ViewerProtocolPolicy></DefaultCacheBehavior></DistributionConfig>";
    check_omission(&site, RestXml, there, &["CNAME "]);

    let groups = call(
        "ec2",
        "ModifyNetworkInterfaceAttribute",
        &json!({ "NetworkInterfaceId": "eni-1", "Groups": ["sg-1"] }),
    );
    let there = "<R><networkInterfaceSet><item><groupSet><item><groupId>sg-1</groupId></item><item><groupId>sg-2</groupId></item></groupSet></item></networkInterfaceSet></R>";
    check_omission(&groups, Ec2, there, &["groupId "]);

    let balancer = call(
        "elbv2",
        "SetSecurityGroups",
        &json!({ "LoadBalancerArn": "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/a/1", "SecurityGroups": ["sg-1", "sg-3"] }),
    );
    let there = "<DescribeLoadBalancersResponse><DescribeLoadBalancersResult><LoadBalancers><member><SecurityGroups><member>sg-1</member>\
        </SecurityGroups></member></LoadBalancers></DescribeLoadBalancersResult></DescribeLoadBalancersResponse>";
    check_omission(&balancer, Query, there, &[]);

    let alarm = call(
        "cloudwatch",
        "PutMetricAlarm",
        &json!({ "AlarmName": "a", "MetricName": "m", "Namespace": "n", "Threshold": 5.0,
        "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Period": 60, "Statistic": "Sum" }),
    );
    // {"MetricAlarms": [{"AlarmName": "a", "AlarmActions": ["t"], "ActionsEnabled": true}]}
    let there = b"\xa1\x6cMetricAlarms\x81\xa3\x69AlarmName\x61a\x6cAlarmActions\x81\x61t\x6eActionsEnabled\xf5";
    let mut asking = Asking::of_omission(&alarm, &Ledger::default()).unwrap();
    assert!(asking.next(&alarm).is_some());
    asking.learn(Reading::of(
        RpcV2Cbor,
        200,
        None,
        there,
        Timestamp::UNIX_EPOCH,
    ));
    assert_eq!(
        asking.omission(&alarm),
        Omission::Known(vec!["AlarmActions [\"t\"]".into()])
    );
}

#[test]
fn an_upsert_of_what_others_rest_on_leaves_out_what_was_there() {
    let record = |name: &str, kind: &str, value: &str| json!({ "Action": "UPSERT", "ResourceRecordSet": { "Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{ "Value": value }] } });
    let put = |changes: Json| {
        call(
            "route53",
            "ChangeResourceRecordSets",
            &json!({ "HostedZoneId": "Z1", "ChangeBatch": { "Changes": changes } }),
        )
    };
    let set = |name: &str, kind: &str, value: &str| {
        format!(
            "<ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"
        )
    };
    let all = [
        set("shop.example.", "A", "192.0.2.1"),
        set("shop.example.", "MX", "10 mail.shop.example"),
        set("shop.example.", "SOA", "ns.example. a.example. 1 2 3 4 5"),
        set("\\052.shop.example.", "CNAME", "old.example"),
        set("eu.shop.example.", "NS", "ns.eu.example"),
        set("www.shop.example.", "A", "192.0.2.1"),
    ]
    .concat();
    let list = |more: &str| {
        format!(
            "<ListResourceRecordSetsResponse><ResourceRecordSets>{all}</ResourceRecordSets><IsTruncated>{}</IsTruncated>{more}</ListResourceRecordSetsResponse>",
            !more.is_empty()
        )
    };
    let whole = list("");
    for (change, left_out) in [
        (
            record("shop.example", "A", "192.0.2.9"),
            &["shop.example A "][..],
        ),
        (
            record("SHOP.example.", "MX", "10 other.example"),
            &["shop.example MX "],
        ),
        (
            record("*.shop.example", "CNAME", "new.example"),
            &["*.shop.example CNAME "],
        ),
        (
            record("eu.shop.example.", "NS", "ns.elsewhere.example"),
            &["eu.shop.example NS "],
        ),
        (record("www.shop.example", "A", "192.0.2.9"), &[]),
        (record("new.shop.example", "MX", "10 mail"), &[]),
        (record("shop.example", "A", "192.0.2.1"), &[]),
    ] {
        check_omission(&put(json!([change])), Protocol::RestXml, &whole, left_out);
    }
    let cut = list("<NextRecordName>x.shop.example.</NextRecordName>");
    let told = |change: Json| omission(&put(json!([change])), Protocol::RestXml, &[(200, &cut)]);
    assert_eq!(
        told(record("z.shop.example", "MX", "10 mail")),
        Omission::Unknown
    );
    assert_eq!(
        told(record("www.shop.example", "A", "192.0.2.9")),
        Omission::Known(Vec::new())
    );
    // What only adds, and a deletion, which has a class of its own.
    let create = json!([{ "Action": "CREATE", "ResourceRecordSet": { "Name": "shop.example", "Type": "MX", "TTL": 1, "ResourceRecords": [{ "Value": "a" }] } }]);
    assert!(Asking::of_omission(&put(create), &Ledger::default()).is_none());
}

#[test]
fn what_is_left_out_is_shown_and_what_was_read_is_not_asked_for_again() {
    let call = lifecycle(
        &json!([{ "ID": "cold", "Status": "Enabled", "Filter": { "Prefix": "" },
        "Transitions": [{ "Days": 60, "StorageClass": "GLACIER" }] }]),
    );
    let mut asking = Asking::of_omission(&call, &Ledger::default()).unwrap();
    assert!(asking.next(&call).is_some());
    let now = Timestamp::UNIX_EPOCH;
    asking.learn(Reading::of(
        Protocol::RestXml,
        200,
        None,
        LIFECYCLE.as_bytes(),
        now,
    ));
    assert_eq!(asking.next(&call), None);
    let mut asking = Asking::knowing(&call, asking.into_readings()).unwrap();
    assert_eq!(asking.next(&call), None);
    let prediction = asking.finish(&call);
    let names: Vec<&str> = prediction.properties.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["Rule abort", "Rule cold"]);
    assert!(prediction.properties[0].after.is_none() && prediction.properties[1].after.is_some());
}

#[test]
fn items_that_have_defaults_are_told_by_their_names() {
    let stage = |name: &str| {
        json!({ "name": name, "actions": [{ "name": name, "actionTypeId": {
        "category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1" } }] })
    };
    let call = call(
        "codepipeline",
        "UpdatePipeline",
        &json!({ "pipeline": { "name": "p", "roleArn": "arn:aws:iam::111122223333:role/p",
        "stages": [stage("Source"), stage("Test")] } }),
    );
    let there = r#"{"pipeline":{"name":"p","stages":[{"name":"Source","actions":[{"name":"Source","runOrder":1}]},
        {"name":"Build","actions":[{"name":"Build","runOrder":1}]}]}}"#;
    check_omission(&call, Protocol::Json11, there, &["stages Build "]);
    let prediction = predicted(&call, Protocol::Json11, &[Some(there)]);
    let told: Vec<(&str, bool, Evidence)> = prediction
        .properties
        .iter()
        .map(|it| (&*it.name, it.before.is_some(), it.evidence))
        .collect();
    assert_eq!(
        told,
        [
            ("stages Build", true, Evidence::PredictedByRule),
            ("stages Test", false, Evidence::Unknown),
        ]
    );
}

#[test]
fn what_the_task_made_and_what_only_adds_is_not_read_for() {
    let mut ledger = Ledger::default();
    ledger.created.insert("arn:aws:s3:::b".parse().unwrap());
    assert!(Asking::of_omission(&lifecycle(&json!([])), &ledger).is_none());
    let tag = call(
        "sqs",
        "TagQueue",
        &json!({ "QueueUrl": "https://sqs.eu-central-1.amazonaws.com/111122223333/q", "Tags": { "a": "b" } }),
    );
    assert!(Asking::of_omission(&tag, &Ledger::default()).is_none());
}
