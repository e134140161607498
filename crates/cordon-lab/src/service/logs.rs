//! CloudWatch Logs: groups.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Call, Operation, Routing, Service};
use crate::estate::Estate;
use crate::identity::Access;
use crate::reply::{Answer, Fault, Protocol};

/// CloudWatch Logs.
pub(crate) const SERVICE: Service = Service {
    name: "logs",
    protocol: Protocol::Json11,
    namespace: "",
    routing: Routing::Target("Logs_20140328"),
    operations: &[
        Operation::new("CreateLogGroup", on_group, create),
        Operation::new("DescribeLogGroups", on_groups, describe),
        Operation::new("ListTagsForResource", on_arn, tags),
        Operation::new("DeleteLogGroup", on_group, delete),
    ],
};

/// The log groups of one account in one region.
#[derive(Clone, Default)]
pub(crate) struct Groups(BTreeMap<String, Group>);

#[derive(Clone)]
struct Group {
    created: Timestamp,
    tags: Value,
}

impl Groups {
    pub(crate) fn to_json(&self) -> Value {
        json!(self.0.keys().collect::<Vec<_>>())
    }
}

/// Logs asks about a group's streams, with an empty stream for the group itself. That is why the
/// User Guide has policies name a group with `:*` behind it; without, they do not match.
fn group_arn(call: &Call<'_>, name: &str) -> String {
    call.arn(&format!("log-group:{name}:log-stream:"))
}

fn on_group(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let name = call.input().required("logGroupName")?;
    Ok(vec![call.access(group_arn(call, name))])
}

fn on_groups(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let prefix = call.input().text("logGroupNamePrefix").unwrap_or_default();
    Ok(vec![call.access(group_arn(call, prefix))])
}

/// Tags are asked about by the ARN of the group itself, without its streams.
fn on_arn(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let arn = call.input().required("resourceArn")?;
    Ok(vec![call.access(arn)])
}

fn tags(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let arn = call.input().required("resourceArn")?;
    let group = arn
        .strip_prefix(&call.arn("log-group:"))
        .and_then(|name| call.place(estate).logs.0.get(name))
        .ok_or_else(absent)?;
    Ok(Answer::fields(json!({"tags": group.tags})))
}

fn absent() -> Fault {
    Fault::new(
        400,
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )
}

fn create(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = call.input().required("logGroupName")?;
    let groups = &mut call.place(estate).logs.0;
    if groups.contains_key(name) {
        return Err(Fault::new(
            400,
            "ResourceAlreadyExistsException",
            "The specified log group already exists",
        ));
    }
    let tags = call.parameters.get("tags").cloned();
    let group = Group {
        created: call.now,
        tags: tags.unwrap_or_else(|| json!({})),
    };
    groups.insert(name.to_owned(), group);
    Ok(Answer::nothing())
}

fn describe(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let prefix = call.input().text("logGroupNamePrefix").unwrap_or_default();
    let groups: Vec<Value> = call
        .place(estate)
        .logs
        .0
        .iter()
        .filter(|(name, _)| name.starts_with(prefix))
        .map(|(name, group)| {
            json!({
                "logGroupName": name,
                "arn": call.arn(&format!("log-group:{name}:*")),
                "logGroupArn": call.arn(&format!("log-group:{name}")),
                "creationTime": group.created.as_millisecond(),
                "storedBytes": 0,
                "metricFilterCount": 0,
            })
        })
        .collect();
    Ok(Answer::fields(json!({"logGroups": groups})))
}

fn delete(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = call.input().required("logGroupName")?;
    match call.place(estate).logs.0.remove(name) {
        Some(_) => Ok(Answer::nothing()),
        None => Err(absent()),
    }
}
