//! Calls made of an operation and parameters written as JSON.

use cordon_aws::arn::{AccountId, Region};
use cordon_aws::call::Call;
use cordon_aws::catalog::{Catalog, Effect, Member, Shape, ShapeKind};
use cordon_aws::classify::effects;
use cordon_aws::value::Value;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What a call needs, as `action on arn is class`, for parameters written as JSON.
pub(crate) fn needs(service: &str, name: &str, parameters: Json) -> Vec<String> {
    call(service, name, &parameters, "eu-west-1")
        .accesses()
        .iter()
        .map(|access| {
            format!(
                "{} on {} is {}",
                access.action, access.resource.arn, access.class
            )
        })
        .collect()
}

pub(crate) fn check(service: &str, name: &str, parameters: Json, expected: &[&str]) {
    assert_eq!(
        needs(service, name, parameters),
        expected,
        "{service}:{name}"
    );
}

pub(crate) fn facts(service: &str, name: &str, parameters: Json) -> Vec<&'static str> {
    effects(&call(service, name, &parameters, "eu-west-1"))
        .into_iter()
        .map(Effect::as_str)
        .collect()
}

pub(crate) fn call(service: &str, name: &str, parameters: &Json, region: &str) -> Call {
    let operation = Catalog::embedded()
        .service(service)
        .unwrap()
        .operation(name)
        .unwrap();
    let value = match operation.input() {
        Some(shape) => value(shape, parameters),
        None => Value::Structure(BTreeMap::new()),
    };
    let region: Region = region.parse().unwrap();
    let account: AccountId = "111122223333".parse().unwrap();
    Call::planned(operation, value, region, Some(account)).unwrap()
}

/// JSON as the model types it; a member that the model does not have is a fault of the test.
pub(crate) fn value(shape: Shape, json: &Json) -> Value {
    let member = |member: Member, json: &Json| value(member.shape(), json);
    match (shape.kind(), json) {
        (ShapeKind::Structure | ShapeKind::Union, Json::Object(given)) => Value::Structure(
            given
                .iter()
                .map(|(name, json)| {
                    let known = shape
                        .member(name)
                        .unwrap_or_else(|| panic!("no member {name}"));
                    (name.as_str().into(), member(known, json))
                })
                .collect(),
        ),
        (ShapeKind::Map, Json::Object(given)) => {
            let (_, kind) = shape.entry().unwrap();
            Value::Map(
                given
                    .iter()
                    .map(|(key, json)| (key.as_str().into(), member(kind, json)))
                    .collect(),
            )
        }
        (ShapeKind::List, Json::Array(items)) => Value::List(
            items
                .iter()
                .map(|json| member(shape.item().unwrap(), json))
                .collect(),
        ),
        (_, Json::String(text)) => Value::String(text.as_str().into()),
        (_, Json::Bool(set)) => Value::Bool(*set),
        (_, Json::Number(number)) => Value::Integer(number.to_string().into()),
        (kind, json) => panic!("{json} is no {}", kind.as_str()),
    }
}
