//! Directory buckets of S3 Express: the same operations, but other actions and other ARNs.
//!
//! Objects of a directory bucket are guarded by one action, `s3express:CreateSession`, on the
//! bucket; its own settings by actions of the prefix `s3express`. Only the name of the bucket
//! tells (`name--zone--x-s3`).

use super::Place;
use crate::arn::AccountId;
use crate::call::Access;
use crate::catalog::Operation;
use crate::value::Value;

/// Renames the accesses of a call on a directory bucket.
pub(super) fn rename(
    operation: Operation,
    parameters: &Value,
    place: Place<'_>,
    accesses: &mut Vec<Access>,
) {
    let bucket = parameters.get("Bucket").and_then(Value::as_str);
    let Some(bucket) = bucket.filter(|name| is_directory_bucket(name)) else {
        return;
    };
    if operation.service().name() != "s3" {
        return;
    }
    let arn = format!(
        "arn:{}:s3express:{}:{}:bucket/{bucket}",
        place.partition.as_str(),
        place.region.as_str(),
        place.account.map_or("", AccountId::as_str),
    );
    for access in accesses.iter_mut() {
        let Some(name) = access.action.strip_prefix("s3:") else {
            continue;
        };
        let own = format!("s3express:{name}");
        let on_objects =
            access.resource.kind.as_ref() == "s3:object" || name.starts_with("ListBucket");
        access.action = match !on_objects && operation.catalog().action(&own).is_some() {
            true => own.into(),
            false => "s3express:CreateSession".into(),
        };
        access.resource.arn = arn.as_str().into();
        access.resource.kind = "s3express:bucket".into();
        access.resource.source = "Bucket".into();
    }
    accesses.dedup_by(|left, right| {
        let same = left.action == right.action && left.resource == right.resource;
        // Of equal accesses the one that says the most stays.
        right.class = if same {
            right.class.max(left.class)
        } else {
            right.class
        };
        right.level = if same {
            right.level.max(left.level)
        } else {
            right.level
        };
        same
    });
}

fn is_directory_bucket(name: &str) -> bool {
    name.ends_with("--x-s3")
}
