use super::*;
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
    while asking.next(call).is_some() {
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
