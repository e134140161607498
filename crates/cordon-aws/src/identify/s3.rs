//! S3's own ways of naming a bucket: in the path, before the host, by access point.
//!
//! Takes path and host; gives the one path in which the bucket is the first segment, so that the
//! routes of the model apply. S3 keys are bytes: nothing here normalises a path.
//!
//! | host | bucket |
//! | --- | --- |
//! | `s3.REGION`, Cordon's own name | first path segment |
//! | `BUCKET.s3.REGION`, `BUCKET.` before the own name | `BUCKET` |
//! | `NAME-ACCOUNT.s3-accesspoint.REGION` | `arn:..:s3:REGION:ACCOUNT:accesspoint/NAME` |
//! | `NAME-ACCOUNT.s3-object-lambda.REGION` | `arn:..:s3-object-lambda:REGION:ACCOUNT:accesspoint/NAME` |
//! | `NAME-ACCOUNT.OUTPOST.s3-outposts.REGION` | `arn:..:s3-outposts:REGION:ACCOUNT:outpost/OUTPOST/accesspoint/NAME` |
//! | `ALIAS.mrap.accesspoint.s3-global` | refused: it is signed by SigV4A and its account is not told |

use super::IdentifyError;
use super::place::Place;
use crate::arn::AccountId;
use crate::protocol::form;
use std::borrow::Cow;

/// The path of an S3 request with its bucket in front, and whether it came in the host.
#[derive(Debug)]
pub(super) struct BucketPath<'r> {
    pub(super) path: Cow<'r, str>,
    pub(super) in_host: bool,
}

/// Brings the bucket of `host` into `path`.
pub(super) fn bucket_path<'r>(
    place: &Place<'r>,
    path: &'r str,
) -> Result<BucketPath<'r>, IdentifyError> {
    let prefix = place.prefix();
    // An answer of an object lambda function: what stands before the host is its route.
    if prefix.is_empty() || path == "/WriteGetObjectResponse" {
        return Ok(BucketPath {
            path: path.into(),
            in_host: false,
        });
    }
    let bucket = bucket_of(place, prefix)?;
    let rest = if path == "/" { "" } else { path };
    Ok(BucketPath {
        path: format!("/{}{rest}", form::encode(&bucket)).into(),
        in_host: true,
    })
}

fn bucket_of<'r>(place: &Place<'r>, prefix: &'r str) -> Result<Cow<'r, str>, IdentifyError> {
    let service = match place.endpoint() {
        "s3-accesspoint" => "s3",
        "s3-object-lambda" => "s3-object-lambda",
        "s3-outposts" => "s3-outposts",
        "accesspoint.s3-global" => {
            return Err(IdentifyError::UnsupportedOperation {
                operation: "multi-region access point",
                reason: "it is signed by SigV4A, and its account is not told",
            });
        }
        _ => return Ok(prefix.into()),
    };
    let wrong = || IdentifyError::HostPrefix {
        operation: "access point",
        prefix: super::error::shown(prefix),
    };
    let Some((host, _)) = &place.host else {
        return Ok(prefix.into());
    };
    let (label, outpost) = match prefix.split_once('.') {
        Some((label, outpost)) if service == "s3-outposts" => (label, Some(outpost)),
        None if service != "s3-outposts" => (prefix, None),
        _ => return Err(wrong()),
    };
    let (name, account) = label.rsplit_once('-').ok_or_else(wrong)?;
    if name.is_empty() || !AccountId::accepts(account) {
        return Err(wrong());
    }
    let region = host.region.as_ref().ok_or_else(wrong)?;
    let partition = &host.partition;
    let outpost = outpost
        .map(|id| format!("outpost/{id}/"))
        .unwrap_or_default();
    Ok(format!("arn:{partition}:{service}:{region}:{account}:{outpost}accesspoint/{name}").into())
}

/// In endpoint mode: the host that serves `bucket`. Directory buckets have one for each zone.
pub(super) fn host_of(bucket: &str, regional: &str) -> String {
    let zone = bucket
        .strip_suffix("--x-s3")
        .and_then(|rest| rest.rsplit_once("--"))
        .map(|(_, zone)| zone);
    match (zone, regional.strip_prefix("s3.")) {
        (Some(zone), Some(rest)) => format!("s3express-{zone}.{rest}"),
        _ => regional.to_owned(),
    }
}
