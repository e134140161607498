//! Buckets: making, listing, configuring, deleting.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Bucket, Versioning, bucket_arn, bucket_name, millis};
use crate::digest::{base64, from_base64};
use crate::estate::Estate;
use crate::identity::Access;
use crate::policy::{self, Kind};
use crate::reply::{Answer, Fault};
use crate::service::Call;
use crate::xml;

/// What `encoding-type=url` leaves as it is.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');
const PAGE: usize = 1_000;

pub(super) fn list_all_access(_: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    Ok(vec![Access::new("s3:ListAllMyBuckets", "*")])
}

pub(super) fn list_all(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let account = &call.caller.account;
    let buckets: Vec<Value> = estate
        .s3
        .buckets
        .iter()
        .filter(|(_, bucket)| bucket.account == *account)
        .map(|(name, bucket)| json!({"Name": name, "CreationDate": millis(bucket.created)}))
        .collect();
    Ok(Answer::document(
        "ListAllMyBucketsResult",
        json!({"Owner": {"ID": account}, "Buckets": {"Bucket": buckets}}),
    ))
}

pub(super) fn create(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = bucket_name(call)?;
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if !(3..=63).contains(&name.len()) || !name.chars().all(is_allowed) {
        return Err(Fault::new(
            400,
            "InvalidBucketName",
            "The specified bucket is not valid.",
        ));
    }
    let constraint = match call.body.bytes() {
        [] => None,
        bytes => {
            let (_, document) = xml::parse(bytes).map_err(Fault::malformed)?;
            document
                .get("LocationConstraint")
                .and_then(Value::as_str)
                .map(str::to_owned)
        }
    };
    let expected = (call.region != "us-east-1").then_some(call.region);
    if constraint.as_deref() != expected {
        return Err(Fault::new(
            400,
            "IllegalLocationConstraintException",
            format!(
                "The {} location constraint is incompatible for the region \
                 specific endpoint this request was sent to.",
                constraint.as_deref().unwrap_or("unspecified")
            ),
        ));
    }
    estate
        .s3
        .create(name, &call.caller.account, call.region, call.now)?;
    Ok(Answer::empty(200).header("location", format!("/{name}")))
}

pub(super) fn delete(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    estate.s3.delete(bucket_name(call)?)?;
    Ok(Answer::empty(204))
}

pub(super) fn head(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let bucket = estate.s3.bucket(bucket_name(call)?)?;
    Ok(Answer::empty(200).header("x-amz-bucket-region", bucket.region.as_str()))
}

pub(super) fn location(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let region = &estate.s3.bucket(bucket_name(call)?)?.region;
    // The oldest region is told by an empty constraint.
    let text = if region == "us-east-1" { "" } else { region };
    Ok(Answer::document("LocationConstraint", json!(text)))
}

pub(super) fn versioning(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let status = match estate.s3.bucket(bucket_name(call)?)?.versioning {
        Versioning::Never => json!({}),
        Versioning::Enabled => json!({"Status": "Enabled"}),
        Versioning::Suspended => json!({"Status": "Suspended"}),
    };
    Ok(Answer::document("VersioningConfiguration", status))
}

pub(super) fn set_versioning(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let (_, document) = xml::parse(call.body.bytes()).map_err(Fault::malformed)?;
    let status = document
        .get("Status")
        .and_then(Value::as_str)
        .unwrap_or_default();
    estate.s3.set_versioning(bucket_name(call)?, Some(status))?;
    Ok(Answer::empty(200))
}

pub(super) fn policy(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let bucket = estate.s3.bucket(bucket_name(call)?)?;
    let policy = bucket.policy.as_ref().ok_or_else(|| {
        Fault::new(
            404,
            "NoSuchBucketPolicy",
            "The bucket policy does not exist",
        )
    })?;
    let body = crate::reply::Content::Bytes(policy.text.clone().into());
    Ok(Answer::with(200, body).header("content-type", "application/json"))
}

pub(super) fn set_policy(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let text = std::str::from_utf8(call.body.bytes())
        .map_err(|_| Fault::malformed("the policy is not UTF-8"))?;
    let policy = policy::parse(text, Kind::Resource)
        .map_err(|fault| Fault::new(400, "MalformedPolicy", fault.to_string()))?;
    estate.s3.bucket_mut(bucket_name(call)?)?.policy = Some(policy);
    Ok(Answer::empty(204))
}

pub(super) fn delete_policy(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    estate.s3.bucket_mut(bucket_name(call)?)?.policy = None;
    Ok(Answer::empty(204))
}

/// How a bucket answers for a setting that the lab lets nobody change.
enum Setting {
    Absent(&'static str),
    Document(&'static str, fn() -> Value),
}

/// Sub-resource, action, answer. Terraform and the console ask for all of them.
const SETTINGS: [(&str, &str, Setting); 13] = [
    (
        "accelerate",
        "s3:GetAccelerateConfiguration",
        Setting::Document("AccelerateConfiguration", empty),
    ),
    (
        "acl",
        "s3:GetBucketAcl",
        Setting::Document("AccessControlPolicy", || json!({"AccessControlList": {}})),
    ),
    (
        "cors",
        "s3:GetBucketCORS",
        Setting::Absent("NoSuchCORSConfiguration"),
    ),
    (
        "encryption",
        "s3:GetEncryptionConfiguration",
        Setting::Document(
            "ServerSideEncryptionConfiguration",
            || json!({"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": false}}),
        ),
    ),
    (
        "lifecycle",
        "s3:GetLifecycleConfiguration",
        Setting::Absent("NoSuchLifecycleConfiguration"),
    ),
    (
        "logging",
        "s3:GetBucketLogging",
        Setting::Document("BucketLoggingStatus", empty),
    ),
    (
        "notification",
        "s3:GetBucketNotification",
        Setting::Document("NotificationConfiguration", empty),
    ),
    (
        "object-lock",
        "s3:GetBucketObjectLockConfiguration",
        Setting::Absent("ObjectLockConfigurationNotFoundError"),
    ),
    (
        "ownershipControls",
        "s3:GetBucketOwnershipControls",
        Setting::Document(
            "OwnershipControls",
            || json!({"Rule": {"ObjectOwnership": "BucketOwnerEnforced"}}),
        ),
    ),
    (
        "replication",
        "s3:GetReplicationConfiguration",
        Setting::Absent("ReplicationConfigurationNotFoundError"),
    ),
    (
        "requestPayment",
        "s3:GetBucketRequestPayment",
        Setting::Document(
            "RequestPaymentConfiguration",
            || json!({"Payer": "BucketOwner"}),
        ),
    ),
    (
        "tagging",
        "s3:GetBucketTagging",
        Setting::Absent("NoSuchTagSet"),
    ),
    (
        "website",
        "s3:GetBucketWebsite",
        Setting::Absent("NoSuchWebsiteConfiguration"),
    ),
];

fn empty() -> Value {
    json!({})
}

pub(super) fn is_configuration(name: &str) -> bool {
    SETTINGS.iter().any(|(known, _, _)| *known == name)
}

fn setting(call: &Call<'_>) -> Result<&'static (&'static str, &'static str, Setting), Fault> {
    SETTINGS
        .iter()
        .find(|(name, _, _)| call.head.has_query(name))
        .ok_or_else(|| Fault::unknown_operation("no such bucket setting"))
}

pub(super) fn configuration_access(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let (_, action, _) = setting(call)?;
    Ok(vec![Access::new(
        *action,
        bucket_arn(call, bucket_name(call)?),
    )])
}

pub(super) fn configuration(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    estate.s3.bucket(bucket_name(call)?)?;
    match &setting(call)?.2 {
        Setting::Absent(code) => Err(Fault::new(
            404,
            code,
            "The bucket does not have this configuration",
        )),
        Setting::Document(root, value) => Ok(Answer::document(root, value())),
    }
}

/// What a listing shows: keys and common prefixes, in order.
enum Row<'a> {
    Key(&'a str),
    Prefix(&'a str),
}

impl Row<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Key(name) | Self::Prefix(name) => name,
        }
    }
}

fn rows<'a>(bucket: &'a Bucket, prefix: &str, delimiter: &str, after: &str) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for (key, versions) in &bucket.objects {
        let is_current = versions
            .last()
            .is_some_and(|version| version.object.is_some());
        let Some(rest) = key.strip_prefix(prefix).filter(|_| is_current) else {
            continue;
        };
        let folded = (!delimiter.is_empty())
            .then(|| rest.find(delimiter))
            .flatten()
            .and_then(|index| key.get(..prefix.len() + index + delimiter.len()));
        let row = match folded {
            Some(folded) if rows.last().is_some_and(|row| row.name() == folded) => continue,
            Some(folded) => Row::Prefix(folded),
            None => Row::Key(key),
        };
        if row.name() > after {
            rows.push(row);
        }
    }
    rows
}

pub(super) fn list_objects(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let is_second = call.operation == "ListObjectsV2";
    let query = |name: &str| call.head.query(name).unwrap_or_default();
    if is_second && query("list-type") != "2" {
        return Err(Fault::invalid("list-type must be 2"));
    }
    let name = bucket_name(call)?;
    let bucket = estate.s3.bucket(name)?;
    let after = match (is_second, query("continuation-token")) {
        (false, _) => query("marker").to_owned(),
        (true, "") => query("start-after").to_owned(),
        (true, token) => from_base64(token)
            .and_then(|key| String::from_utf8(key).ok())
            .ok_or_else(|| Fault::invalid("The continuation token provided is incorrect"))?,
    };
    let limit: usize = match query("max-keys") {
        "" => PAGE,
        number => number
            .parse()
            .map_err(|_| Fault::invalid("max-keys must be an integer"))?,
    };
    let limit = limit.min(PAGE);
    let rows = rows(bucket, query("prefix"), query("delimiter"), &after);
    let page: Vec<&Row<'_>> = rows.iter().take(limit).collect();
    let is_truncated = page.len() < rows.len() && limit > 0;
    let is_encoded = query("encoding-type") == "url";
    let encode = |text: &str| match is_encoded {
        true => utf8_percent_encode(text, KEY).to_string(),
        false => text.to_owned(),
    };
    let mut contents = Vec::new();
    let mut prefixes = Vec::new();
    for row in &page {
        match row {
            Row::Prefix(prefix) => prefixes.push(json!({"Prefix": encode(prefix)})),
            Row::Key(key) => {
                let Some(version) = bucket.version(key, None) else {
                    continue;
                };
                let Some(object) = &version.object else {
                    continue;
                };
                contents.push(json!({
                    "Key": encode(key),
                    "LastModified": millis(version.modified),
                    "ETag": format!("\"{}\"", object.etag),
                    "Size": object.length,
                    "StorageClass": "STANDARD",
                }));
            }
        }
    }
    let last = page.last().map(|row| row.name()).filter(|_| is_truncated);
    let mut result = json!({
        "Name": name,
        "Prefix": encode(query("prefix")),
        "MaxKeys": limit,
        "IsTruncated": is_truncated,
        "Contents": contents,
        "CommonPrefixes": prefixes,
    });
    let optional = [
        (
            "Delimiter",
            Some(query("delimiter"))
                .filter(|text| !text.is_empty())
                .map(encode),
        ),
        ("EncodingType", is_encoded.then(|| "url".to_owned())),
        ("KeyCount", is_second.then(|| page.len().to_string())),
        (
            "NextContinuationToken",
            last.filter(|_| is_second).map(|key| base64(key.as_bytes())),
        ),
        ("NextMarker", last.filter(|_| !is_second).map(encode)),
    ];
    if let Value::Object(result) = &mut result {
        for (name, value) in optional {
            result.extend(value.map(|value| (name.to_owned(), Value::String(value))));
        }
    }
    Ok(Answer::document("ListBucketResult", result))
}

pub(super) fn list_versions(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = bucket_name(call)?;
    let prefix = call.head.query("prefix").unwrap_or_default();
    let mut versions = Vec::new();
    let mut markers = Vec::new();
    for (key, known) in estate
        .s3
        .bucket(name)?
        .objects
        .iter()
        .filter(|(key, _)| key.starts_with(prefix))
    {
        for (index, version) in known.iter().enumerate().rev() {
            let mut row = json!({
                "Key": key,
                "VersionId": version.id,
                "IsLatest": index + 1 == known.len(),
                "LastModified": millis(version.modified),
            });
            match (&version.object, &mut row) {
                (Some(object), Value::Object(row)) => {
                    row.insert("ETag".to_owned(), json!(format!("\"{}\"", object.etag)));
                    row.insert("Size".to_owned(), json!(object.length));
                    versions.push(Value::Object(row.clone()));
                }
                _ => markers.push(row),
            }
        }
    }
    Ok(Answer::document(
        "ListVersionsResult",
        json!({"Name": name, "Prefix": prefix, "IsTruncated": false, "Version": versions, "DeleteMarker": markers}),
    ))
}
