//! Resource Groups Tagging API: the tags of resources by their ARNs, whatever service they are of.
//!
//! What a stack holds has the tags that CloudFormation writes on it. Beside those the lab knows the
//! tags of instances and of tables; a function has none here, as its own API tells.

use serde_json::{Value, json};

use super::{Call, Operation, Routing, Service};
use crate::estate::Estate;
use crate::identity::Access;
use crate::reply::{Answer, Fault, Protocol};

/// The tagging API.
pub(crate) const SERVICE: Service = Service {
    name: "tagging",
    protocol: Protocol::Json11,
    namespace: "",
    routing: Routing::Target("ResourceGroupsTaggingAPI_20170126"),
    operations: &[Operation::new("GetResources", on_all, resources)],
};

/// ARNs that one call may name.
const MOST: usize = 100;

/// Its actions have a prefix that is not the name it signs with.
fn on_all(_: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    Ok(vec![Access::new("tag:GetResources", "*")])
}

fn resources(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let arns = call.parameters.get("ResourceARNList");
    let arns = arns
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let paged = ["PaginationToken", "ResourcesPerPage", "TagsPerPage"];
    if arns.is_empty()
        || arns.len() > MOST
        || paged.iter().any(|it| call.parameters.get(it).is_some())
    {
        return Err(invalid("name 1 to 100 ARNs, and no pages"));
    }
    let mut mappings = Vec::new();
    for arn in arns {
        let arn = arn.as_str().filter(|arn| arn.starts_with("arn:"));
        let arn = arn.ok_or_else(|| invalid("an ARN is none"))?;
        let tags = tags(call, estate, arn);
        if !tags.is_empty() {
            let tags = tags
                .iter()
                .map(|(key, value)| json!({"Key": key, "Value": value}));
            mappings.push(json!({"ResourceARN": arn, "Tags": tags.collect::<Vec<_>>()}));
        }
    }
    Ok(Answer::fields(json!({
        "PaginationToken": "",
        "ResourceTagMappingList": mappings,
    })))
}

fn tags(call: &Call<'_>, estate: &Estate, arn: &str) -> Vec<(String, String)> {
    let Some(place) = call.place_if_any(estate) else {
        return Vec::new();
    };
    let mut tags = place.cloudformation.tags_of(call, arn);
    tags.extend(place.ec2.tags_of(call, arn));
    tags.extend(place.dynamodb.tags_of(call, arn));
    tags
}

fn invalid(why: &str) -> Fault {
    Fault::new(400, "InvalidParameterException", why)
}
