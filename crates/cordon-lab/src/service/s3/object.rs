//! Objects: putting, reading, copying, deleting.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Object, Version, Versioning, bucket_arn, bucket_name, http_date, key, millis, object_arn,
    vouched,
};
use crate::digest::Algorithm;
use crate::estate::Estate;
use crate::identity::{Access, letters};
use crate::reply::{Answer, Content, Fault};
use crate::request::decode;
use crate::service::Call;
use crate::xml;

/// Headers that are kept with an object, beside `x-amz-meta-*`.
const KEPT: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];
/// Headers that would change what is stored and which the lab has nothing for.
const REFUSED: [&str; 6] = [
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-customer-key",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
];
const BATCH: usize = 1_000;

pub(super) fn kept_headers(call: &Call<'_>) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in &call.head.headers {
        if !KEPT.contains(&name.as_str()) && !name.starts_with("x-amz-meta-") {
            continue;
        }
        // `aws-chunked` says how the upload was framed, which is no property of the object.
        let value = match name.as_str() {
            "content-encoding" => {
                let codings: Vec<&str> = value
                    .split(',')
                    .map(str::trim)
                    .filter(|coding| *coding != "aws-chunked")
                    .collect();
                codings.join(",")
            }
            _ => value.clone(),
        };
        if !value.is_empty() {
            headers.push((name.clone(), value));
        }
    }
    if !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push(("content-type".to_owned(), "binary/octet-stream".to_owned()));
    }
    headers
}

pub(super) fn put(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    check_headers(call)?;
    let (bucket, key) = (bucket_name(call)?, key(call)?);
    check_preconditions(call, estate, bucket, key)?;
    let checksums = vouched(call);
    let md5 = call
        .body
        .digests
        .get(&Algorithm::Md5)
        .map(hex::encode)
        .unwrap_or_default();
    let body = estate.s3.keep(call.body.content.clone());
    let object = Object {
        body,
        length: call.body.length,
        etag: md5,
        headers: kept_headers(call),
        checksums,
        checksum_type: "FULL_OBJECT",
    };
    let mut answer = Answer::empty(200).header("etag", format!("\"{}\"", object.etag));
    answer = with_checksums(answer, &object);
    let id = store(call, estate, bucket, key, Some(object))?;
    Ok(with_version(answer, &id))
}

/// No object of the lab has tags: it refuses to put them.
pub(super) fn tags(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let bucket = estate.s3.bucket(bucket_name(call)?)?;
    let version = bucket.version(key(call)?, call.head.query("versionId"));
    match version.and_then(|version| version.object.as_ref()) {
        Some(_) => Ok(Answer::document("Tagging", json!({"TagSet": {}}))),
        None => Err(Fault::new(
            404,
            "NoSuchKey",
            "The specified key does not exist.",
        )),
    }
}

/// Refuses what the lab would otherwise have to ignore.
pub(super) fn check_headers(call: &Call<'_>) -> Result<(), Fault> {
    let ignored = REFUSED
        .into_iter()
        .find(|name| call.head.headers_named(name).next().is_some());
    match ignored {
        Some(name) => Err(Fault::unknown_operation(format!(
            "the lab's S3 does not honour {name}"
        ))),
        None => Ok(()),
    }
}

/// `If-None-Match: *` puts only a new key; `If-Match` only over the named version.
fn check_preconditions(
    call: &Call<'_>,
    estate: &Estate,
    bucket: &str,
    key: &str,
) -> Result<(), Fault> {
    let current = estate
        .s3
        .bucket(bucket)?
        .version(key, None)
        .and_then(|version| version.object.as_ref());
    let failed = Fault::new(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    );
    if call.head.header("if-none-match") == Some("*") && current.is_some() {
        return Err(failed);
    }
    match (call.head.header("if-match"), current) {
        (Some(wanted), Some(object)) if wanted.trim_matches('"') != object.etag => Err(failed),
        (Some(_), None) => Err(Fault::new(
            404,
            "NoSuchKey",
            "The specified key does not exist.",
        )),
        _ => Ok(()),
    }
}

/// Makes an object, or a delete marker, the current version; gives the version's id.
pub(super) fn store(
    call: &Call<'_>,
    estate: &mut Estate,
    bucket: &str,
    key: &str,
    object: Option<Object>,
) -> Result<String, Fault> {
    let known = estate.s3.bucket_mut(bucket)?;
    let id = match known.versioning {
        Versioning::Enabled => letters(32),
        Versioning::Never | Versioning::Suspended => "null".to_owned(),
    };
    let versions = known.objects.entry(key.to_owned()).or_default();
    let mut replaced = Vec::new();
    if id == "null" {
        let (old, rest) = std::mem::take(versions)
            .into_iter()
            .partition(|version| version.id == "null");
        replaced = old;
        *versions = rest;
    }
    versions.push(Version {
        id: id.clone(),
        modified: call.now,
        object,
    });
    estate.s3.release_versions(replaced);
    Ok(id)
}

pub(super) fn with_version(answer: Answer, id: &str) -> Answer {
    match id {
        "null" => answer,
        id => answer.header("x-amz-version-id", id),
    }
}

pub(super) fn with_checksums(mut answer: Answer, object: &Object) -> Answer {
    if object.checksums.is_empty() {
        return answer;
    }
    for (algorithm, value) in &object.checksums {
        answer = answer.header(&algorithm.header(), value.as_str());
    }
    answer.header("x-amz-checksum-type", object.checksum_type)
}

/// GET and HEAD.
pub(super) fn read(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let (bucket, key) = (bucket_name(call)?, key(call)?);
    let asked = call.head.query("versionId");
    let found = estate
        .s3
        .bucket(bucket)?
        .version(key, asked)
        .and_then(|version| Some((version.clone(), version.object.clone()?)));
    let Some((version, object)) = found else {
        // Who may not list the bucket does not learn that a key is absent.
        call.authorize(
            estate,
            &Access::new("s3:ListBucket", bucket_arn(call, bucket)),
        )?;
        return Err(match asked {
            Some(_) => Fault::new(
                404,
                "NoSuchVersion",
                "The specified version does not exist.",
            ),
            None => Fault::new(404, "NoSuchKey", "The specified key does not exist."),
        });
    };
    let etag = format!("\"{}\"", object.etag);
    if call
        .head
        .header("if-match")
        .is_some_and(|wanted| wanted != etag && wanted != "*")
    {
        return Err(Fault::new(
            412,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
        ));
    }
    if call
        .head
        .header("if-none-match")
        .is_some_and(|known| known == etag || known == "*")
    {
        return Ok(Answer::empty(304).header("etag", etag));
    }
    let range = call
        .head
        .header("range")
        .map(|range| read_range(range, object.length))
        .transpose()?;
    let (start, end) = range.unwrap_or((0, object.length));
    let mut answer = Answer::with(
        if range.is_some() { 206 } else { 200 },
        Content::HeadOf(end - start),
    );
    if call.operation == "GetObject" {
        answer.body = Content::Bytes(content(&object, start, end)?);
    }
    answer = answer
        .header("etag", etag)
        .header("last-modified", http_date(version.modified))
        .header("accept-ranges", "bytes");
    if range.is_some() {
        answer = answer.header(
            "content-range",
            format!("bytes {start}-{}/{}", end - 1, object.length),
        );
    }
    for (name, value) in &object.headers {
        let override_name = format!("response-{name}");
        answer = answer.header(name, call.head.query(&override_name).unwrap_or(value));
    }
    if call.head.header("x-amz-checksum-mode") == Some("ENABLED") && range.is_none() {
        answer = with_checksums(answer, &object);
    }
    Ok(with_version(answer, &version.id))
}

fn content(object: &Object, start: u64, end: u64) -> Result<Bytes, Fault> {
    let gone = || {
        Fault::new(
            500,
            "InternalError",
            "the lab kept the hashes of this object but not its content: \
             raise the bound of kept content",
        )
    };
    let body = object.body.as_ref().ok_or_else(gone)?;
    let start = usize::try_from(start).map_err(|_| gone())?;
    let end = usize::try_from(end).map_err(|_| gone())?;
    match start <= end && end <= body.len() {
        true => Ok(body.slice(start..end)),
        false => Err(gone()),
    }
}

/// One range of bytes, from start to before end.
fn read_range(text: &str, length: u64) -> Result<(u64, u64), Fault> {
    let invalid = || {
        Fault::new(
            416,
            "InvalidRange",
            "The requested range is not satisfiable",
        )
    };
    let (first, last) = text
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .ok_or_else(invalid)?;
    let (start, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) => (first, last.saturating_add(1).min(length)),
        (Ok(first), Err(_)) if last.is_empty() => (first, length),
        (Err(_), Ok(count)) if first.is_empty() => (length.saturating_sub(count), length),
        _ => return Err(invalid()),
    };
    match start < end {
        true => Ok((start, end)),
        false => Err(invalid()),
    }
}

/// Where a copy comes from: bucket, key and version.
struct Source {
    bucket: String,
    key: String,
    version: Option<String>,
}

impl Source {
    fn read(call: &Call<'_>) -> Result<Self, Fault> {
        let invalid = || {
            Fault::invalid(
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            )
        };
        let text = call.head.header("x-amz-copy-source").ok_or_else(invalid)?;
        let (path, version) = match text.split_once("?versionId=") {
            Some((path, version)) => (path, Some(version.to_owned())),
            None => (text, None),
        };
        let path = decode(path).map_err(Fault::invalid)?;
        let (bucket, key) = path
            .strip_prefix('/')
            .unwrap_or(&path)
            .split_once('/')
            .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
            .ok_or_else(invalid)?;
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version,
        })
    }
}

pub(super) fn copy_accesses(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let source = Source::read(call)?;
    let action = match source.version {
        Some(_) => "s3:GetObjectVersion",
        None => "s3:GetObject",
    };
    Ok(vec![
        Access::new(action, object_arn(call, &source.bucket, &source.key)),
        Access::new(
            "s3:PutObject",
            object_arn(call, bucket_name(call)?, key(call)?),
        ),
    ])
}

pub(super) fn copy(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    check_headers(call)?;
    let source = Source::read(call)?;
    let mut object = estate
        .s3
        .bucket(&source.bucket)?
        .version(&source.key, source.version.as_deref())
        .and_then(|version| version.object.clone())
        .ok_or_else(|| Fault::new(404, "NoSuchKey", "The specified key does not exist."))?;
    match call.head.header("x-amz-metadata-directive") {
        None | Some("COPY") => {}
        Some("REPLACE") => object.headers = kept_headers(call),
        Some(_) => return Err(Fault::invalid("Unknown metadata directive.")),
    }
    object.body = estate.s3.keep(object.body);
    let result = json!({"ETag": format!("\"{}\"", object.etag), "LastModified": millis(call.now)});
    let id = store(call, estate, bucket_name(call)?, key(call)?, Some(object))?;
    Ok(with_version(
        Answer::document("CopyObjectResult", result),
        &id,
    ))
}

/// What a deletion did.
struct Deleted {
    version: Option<String>,
    is_marker: bool,
}

fn remove(
    call: &Call<'_>,
    estate: &mut Estate,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> Result<Deleted, Fault> {
    let known = estate.s3.bucket_mut(bucket)?;
    if let Some(id) = version {
        let versions = known.objects.remove(key).unwrap_or_default();
        let (gone, rest): (Vec<Version>, Vec<Version>) =
            versions.into_iter().partition(|version| version.id == id);
        if !rest.is_empty() {
            known.objects.insert(key.to_owned(), rest);
        }
        let is_marker = gone.iter().any(|version| version.object.is_none());
        estate.s3.release_versions(gone);
        return Ok(Deleted {
            version: Some(id.to_owned()),
            is_marker,
        });
    }
    match known.versioning {
        Versioning::Never => {
            let gone = known.objects.remove(key).unwrap_or_default();
            estate.s3.release_versions(gone);
            Ok(Deleted {
                version: None,
                is_marker: false,
            })
        }
        Versioning::Enabled | Versioning::Suspended => {
            let id = store(call, estate, bucket, key, None)?;
            Ok(Deleted {
                version: Some(id),
                is_marker: true,
            })
        }
    }
}

pub(super) fn delete(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let deleted = remove(
        call,
        estate,
        bucket_name(call)?,
        key(call)?,
        call.head.query("versionId"),
    )?;
    let mut answer = Answer::empty(204);
    if let Some(id) = &deleted.version {
        answer = answer.header("x-amz-version-id", id.as_str());
    }
    if deleted.is_marker {
        answer = answer.header("x-amz-delete-marker", "true");
    }
    Ok(answer)
}

pub(super) fn delete_many(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let has_digest = call
        .head
        .headers
        .iter()
        .any(|(name, _)| name == "content-md5" || name.starts_with("x-amz-checksum-"))
        || !call.body.trailers.is_empty();
    if !has_digest {
        return Err(Fault::new(
            400,
            "InvalidRequest",
            "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
        ));
    }
    let bucket = bucket_name(call)?;
    estate.s3.bucket(bucket)?;
    let (root, document) = xml::parse(call.body.bytes()).map_err(Fault::malformed)?;
    let rows = xml::members(&document, "Object");
    if root != "Delete" || rows.is_empty() || rows.len() > BATCH {
        return Err(Fault::malformed(
            "The XML you provided was not well-formed or did not validate \
             against our published schema",
        ));
    }
    let is_quiet = document.get("Quiet").and_then(Value::as_str) == Some("true");
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for row in rows {
        let key = row
            .get("Key")
            .and_then(Value::as_str)
            .filter(|key| !key.is_empty())
            .ok_or_else(|| Fault::malformed("an Object has no Key"))?;
        let version = row.get("VersionId").and_then(Value::as_str);
        let action = if version.is_some() {
            "s3:DeleteObjectVersion"
        } else {
            "s3:DeleteObject"
        };
        let outcome = call
            .authorize(estate, &Access::new(action, object_arn(call, bucket, key)))
            .and_then(|()| remove(call, estate, bucket, key, version));
        match outcome {
            Err(fault) => {
                let (_, code) = fault.status_and_code(call.protocol);
                errors.push(json!({"Key": key, "VersionId": version, "Code": code, "Message": fault.message()}));
            }
            Ok(_) if is_quiet => {}
            Ok(done) if done.is_marker && version.is_none() => {
                deleted.push(json!({"Key": key, "DeleteMarker": true, "DeleteMarkerVersionId": done.version}));
            }
            Ok(_) => deleted.push(json!({"Key": key, "VersionId": version})),
        }
    }
    Ok(Answer::document(
        "DeleteResult",
        json!({"Deleted": deleted, "Error": errors}),
    ))
}
