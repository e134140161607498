//! S3: buckets and objects, by path-style or virtual-host addresses.
//!
//! Takes requests whose method, path and sub-resource name the operation; keeps buckets and
//! their objects with versions. Directory buckets (`NAME--ZONE--x-s3`) are signed for by a name of
//! their own, and what guards their objects is one action on the bucket. Content is kept up to a bound for the whole lab; beyond it
//! an object has its true size, `ETag` and checksums but no content.

mod bucket;
mod multipart;
mod object;

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Call, Operation, Routing, Service, nothing};
use crate::digest::{Algorithm, base64};
use crate::estate::Estate;
use crate::host;
use crate::identity::Access;
use crate::intake::Body;
use crate::policy::Policy;
use crate::reply::{Fault, Protocol};
use crate::request::Head;
use crate::signature::Claim;

/// The name in the credential scope of a call on a directory bucket.
pub(crate) const EXPRESS: &str = "s3express";

/// S3.
pub(crate) const SERVICE: Service = Service {
    name: "s3",
    protocol: Protocol::RestXml,
    namespace: "http://s3.amazonaws.com/doc/2006-03-01/",
    routing: Routing::Path(route),
    operations: &[
        Operation::new("ListBuckets", bucket::list_all_access, bucket::list_all),
        Operation::new("CreateBucket", on_bucket, bucket::create),
        Operation::new("DeleteBucket", on_bucket, bucket::delete),
        Operation::new("HeadBucket", on_bucket, bucket::head),
        Operation::new("GetBucketLocation", on_bucket, bucket::location),
        Operation::new("GetBucketVersioning", on_bucket, bucket::versioning),
        Operation::new("PutBucketVersioning", on_bucket, bucket::set_versioning),
        Operation::new("GetBucketPolicy", on_bucket, bucket::policy),
        Operation::new("PutBucketPolicy", on_bucket, bucket::set_policy),
        Operation::new("DeleteBucketPolicy", on_bucket, bucket::delete_policy),
        Operation::new("ListObjects", on_bucket, bucket::list_objects),
        Operation::new("ListObjectsV2", on_bucket, bucket::list_objects),
        Operation::new("ListObjectVersions", on_bucket, bucket::list_versions),
        Operation::new(
            "GetBucketConfiguration",
            bucket::configuration_access,
            bucket::configuration,
        ),
        Operation::new("ListMultipartUploads", on_bucket, multipart::list),
        Operation::new("PutObject", on_object, object::put),
        Operation::new("GetObject", on_object, object::read),
        Operation::new("HeadObject", on_object, object::read),
        Operation::new("CopyObject", object::copy_accesses, object::copy),
        Operation::new("DeleteObject", on_object, object::delete),
        Operation::new("GetObjectTagging", on_object, object::tags),
        // Each key is judged by itself, as S3 does: the answer lists what was refused.
        Operation::new("DeleteObjects", nothing, object::delete_many),
        Operation::new("CreateMultipartUpload", on_object, multipart::create),
        Operation::new("UploadPart", on_object, multipart::upload),
        Operation::new("CompleteMultipartUpload", on_object, multipart::complete),
        Operation::new("AbortMultipartUpload", on_object, multipart::abort),
    ],
};

/// Query keys that choose the operation, beside the settings of a bucket.
const SUBRESOURCES: [&str; 11] = [
    "delete",
    "list-type",
    "location",
    "partNumber",
    "policy",
    "publicAccessBlock",
    "uploadId",
    "uploads",
    "versioning",
    "versions",
    "attributes",
];

/// Query keys that are parameters of an operation.
const PARAMETERS: [&str; 14] = [
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "key-marker",
    "marker",
    "max-keys",
    "max-uploads",
    "prefix",
    "start-after",
    "upload-id-marker",
    "version-id-marker",
    "versionId",
    "x-id",
];

/// The largest XML or JSON document that an operation takes, in bytes.
const DOCUMENT_LIMIT: u64 = 2 * 1_024 * 1_024;

/// All buckets of the lab.
#[derive(Clone, Default)]
pub(crate) struct Buckets {
    buckets: BTreeMap<String, Bucket>,
    uploads: BTreeMap<String, multipart::Upload>,
    kept: u64,
    /// Content is kept up to this many bytes in all.
    pub(crate) keep_limit: u64,
}

#[derive(Clone)]
pub(crate) struct Bucket {
    account: String,
    region: String,
    created: Timestamp,
    versioning: Versioning,
    policy: Option<Policy>,
    /// Versions of each key, oldest first.
    objects: BTreeMap<String, Vec<Version>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Versioning {
    Never,
    Enabled,
    Suspended,
}

#[derive(Clone)]
struct Version {
    id: String,
    modified: Timestamp,
    /// None is a delete marker.
    object: Option<Object>,
}

/// An object's content and what is known about it.
#[derive(Clone)]
struct Object {
    body: Option<Bytes>,
    length: u64,
    etag: String,
    /// `content-type`, `x-amz-meta-*` and the like, as they were put.
    headers: Vec<(String, String)>,
    checksums: Vec<(Algorithm, String)>,
    checksum_type: &'static str,
}

impl Buckets {
    fn bucket(&self, name: &str) -> Result<&Bucket, Fault> {
        self.buckets
            .get(name)
            .ok_or_else(|| Fault::new(404, "NoSuchBucket", "The specified bucket does not exist"))
    }

    fn bucket_mut(&mut self, name: &str) -> Result<&mut Bucket, Fault> {
        self.buckets
            .get_mut(name)
            .ok_or_else(|| Fault::new(404, "NoSuchBucket", "The specified bucket does not exist"))
    }

    /// Keeps content while there is room.
    fn keep(&mut self, body: Option<Bytes>) -> Option<Bytes> {
        let body = body?;
        let length = body.len() as u64;
        if self.kept + length > self.keep_limit {
            return None;
        }
        self.kept += length;
        Some(body)
    }

    /// How much of a body is worth receiving into memory: what there is room for, and always
    /// enough for the documents that S3 operations take.
    pub(crate) fn room(&self) -> u64 {
        self.keep_limit
            .saturating_sub(self.kept)
            .max(DOCUMENT_LIMIT)
    }

    fn release(&mut self, body: Option<&Bytes>) {
        let length = body.map_or(0, |body| body.len() as u64);
        self.kept = self.kept.saturating_sub(length);
    }

    /// Makes room again where versions are no more.
    fn release_versions(&mut self, gone: Vec<Version>) {
        for object in gone.into_iter().filter_map(|version| version.object) {
            self.release(object.body.as_ref());
        }
    }

    /// The policy of the bucket that an ARN names, itself or by one of its objects.
    pub(crate) fn policy_for(&self, arn: &str) -> Option<&Policy> {
        let (_, path) = arn.split_once(":s3:::")?;
        let name = path.split('/').next()?;
        self.buckets.get(name)?.policy.as_ref()
    }

    /// Makes a bucket, for seeds and stacks.
    pub(crate) fn create(
        &mut self,
        name: &str,
        account: &str,
        region: &str,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if self.buckets.contains_key(name) {
            return Err(Fault::new(
                409,
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and \
                 you already own it.",
            ));
        }
        let bucket = Bucket {
            account: account.to_owned(),
            region: region.to_owned(),
            created: now,
            versioning: Versioning::Never,
            policy: None,
            objects: BTreeMap::new(),
        };
        self.buckets.insert(name.to_owned(), bucket);
        Ok(())
    }

    /// Turns versions on or off by the words of the API; nothing changes nothing.
    pub(crate) fn set_versioning(&mut self, name: &str, status: Option<&str>) -> Result<(), Fault> {
        let bucket = self.bucket_mut(name)?;
        bucket.versioning = match status {
            None => return Ok(()),
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            Some(_) => return Err(Fault::malformed("Status must be Enabled or Suspended")),
        };
        Ok(())
    }

    /// Deletes a bucket, which must be empty.
    pub(crate) fn delete(&mut self, name: &str) -> Result<(), Fault> {
        let is_empty = self.bucket(name)?.objects.is_empty();
        let has_uploads = self.uploads.values().any(|upload| upload.bucket == name);
        if !is_empty || has_uploads {
            return Err(Fault::new(
                409,
                "BucketNotEmpty",
                "The bucket you tried to delete is not empty",
            ));
        }
        self.buckets.remove(name);
        Ok(())
    }

    /// Puts an object without headers, for seeds.
    pub(crate) fn seed(&mut self, bucket: &str, key: &str, content: &'static [u8], now: Timestamp) {
        // A seed is kept whatever the bound, which a lab sets only when it starts.
        let length = content.len() as u64;
        self.kept += length;
        let object = Object {
            length,
            body: Some(Bytes::from_static(content)),
            etag: hex::encode(Algorithm::Md5.of(content)),
            headers: vec![("content-type".to_owned(), "binary/octet-stream".to_owned())],
            checksums: Vec::new(),
            checksum_type: "FULL_OBJECT",
        };
        if let Ok(bucket) = self.bucket_mut(bucket) {
            let version = Version {
                id: "null".to_owned(),
                modified: now,
                object: Some(object),
            };
            bucket.objects.insert(key.to_owned(), vec![version]);
        }
    }

    /// The current content of an object, for services that read from S3.
    pub(crate) fn content(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let versions = self.buckets.get(bucket)?.objects.get(key)?;
        versions.last()?.object.as_ref()?.body.clone()
    }

    pub(crate) fn to_json(&self) -> Value {
        let buckets: BTreeMap<&String, Value> = self
            .buckets
            .iter()
            .map(|(name, bucket)| {
                let objects: BTreeMap<&String, Option<u64>> = bucket
                    .objects
                    .iter()
                    .map(|(key, versions)| {
                        let current = versions.last().and_then(|version| version.object.as_ref());
                        (key, current.map(|object| object.length))
                    })
                    .collect();
                (name, json!({"region": bucket.region, "objects": objects}))
            })
            .collect();
        json!(buckets)
    }
}

impl Bucket {
    /// The version that a read names: the given one, or the latest.
    fn version(&self, key: &str, id: Option<&str>) -> Option<&Version> {
        let versions = self.objects.get(key)?;
        match id {
            None => versions.last(),
            Some(id) => versions.iter().find(|version| version.id == id),
        }
    }
}

/// Bucket and key that the address names.
struct Address {
    bucket: String,
    key: String,
}

impl Address {
    fn read(head: &Head) -> Result<Self, Fault> {
        let path = head
            .path()
            .map_err(|text| Fault::new(400, "InvalidURI", text))?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        if let Some(bucket) = host::virtual_bucket(&head.host) {
            return Ok(Self {
                bucket: bucket.to_owned(),
                key: path.to_owned(),
            });
        }
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }
}

fn route(head: &Head) -> Result<(&'static str, Value), Fault> {
    let address = Address::read(head)?;
    let mut chosen: Vec<&str> = Vec::new();
    for (name, _) in &head.query {
        let known = PARAMETERS.contains(&name.as_str())
            || name.starts_with("X-Amz-")
            || name.starts_with("response-");
        let chooses = SUBRESOURCES.contains(&name.as_str()) || bucket::is_configuration(name);
        match chooses {
            true if chosen.contains(&name.as_str()) => {
                return Err(Fault::invalid(format!("{name} is given twice")));
            }
            true => chosen.push(name),
            false if known => {}
            false => {
                return Err(Fault::unknown_operation(format!(
                    "The lab's S3 does not know the query key {name}"
                )));
            }
        }
    }
    chosen.sort_unstable();
    let is_copy = head.headers_named("x-amz-copy-source").next().is_some();
    let method = head.method.as_str();
    let name = match (address.bucket.is_empty(), address.key.is_empty()) {
        (true, true) if method == "GET" && chosen.is_empty() => "ListBuckets",
        (true, _) => "",
        (false, true) => bucket_operation(method, &chosen),
        (false, false) => object_operation(method, &chosen, is_copy),
    };
    if name.is_empty() {
        return Err(Fault::unknown_operation(format!(
            "The lab's S3 has no operation for {method} with {chosen:?}"
        )));
    }
    Ok((name, json!({"Bucket": address.bucket, "Key": address.key})))
}

fn bucket_operation(method: &str, chosen: &[&str]) -> &'static str {
    match (method, chosen) {
        ("PUT", []) => "CreateBucket",
        ("PUT", ["versioning"]) => "PutBucketVersioning",
        ("PUT", ["policy"]) => "PutBucketPolicy",
        ("DELETE", []) => "DeleteBucket",
        ("DELETE", ["policy"]) => "DeleteBucketPolicy",
        ("HEAD", []) => "HeadBucket",
        ("GET", []) => "ListObjects",
        ("GET", ["list-type"]) => "ListObjectsV2",
        ("GET", ["versions"]) => "ListObjectVersions",
        ("GET", ["location"]) => "GetBucketLocation",
        ("GET", ["versioning"]) => "GetBucketVersioning",
        ("GET", ["policy"]) => "GetBucketPolicy",
        ("GET", ["uploads"]) => "ListMultipartUploads",
        ("GET", [name]) if bucket::is_configuration(name) => "GetBucketConfiguration",
        ("POST", ["delete"]) => "DeleteObjects",
        _ => "",
    }
}

fn object_operation(method: &str, chosen: &[&str], is_copy: bool) -> &'static str {
    match (method, chosen, is_copy) {
        ("PUT", [], false) => "PutObject",
        ("PUT", [], true) => "CopyObject",
        ("PUT", ["partNumber", "uploadId"], false) => "UploadPart",
        ("GET", [], false) => "GetObject",
        ("GET", ["tagging"], false) => "GetObjectTagging",
        ("HEAD", [], false) => "HeadObject",
        ("DELETE", [], false) => "DeleteObject",
        ("DELETE", ["uploadId"], false) => "AbortMultipartUpload",
        ("POST", ["uploads"], false) => "CreateMultipartUpload",
        ("POST", ["uploadId"], false) => "CompleteMultipartUpload",
        _ => "",
    }
}

fn bucket_name<'a>(call: &'a Call<'_>) -> Result<&'a str, Fault> {
    call.input().required("Bucket")
}

fn key<'a>(call: &'a Call<'_>) -> Result<&'a str, Fault> {
    call.input().required("Key")
}

fn bucket_arn(call: &Call<'_>, bucket: &str) -> String {
    format!("arn:{}:s3:::{bucket}", call.partition)
}

fn object_arn(call: &Call<'_>, bucket: &str, key: &str) -> String {
    format!("arn:{}:s3:::{bucket}/{key}", call.partition)
}

/// The access to a directory bucket, or nothing for any other: one is called where it was signed for.
fn on_directory(call: &Call<'_>) -> Result<Option<Access>, Fault> {
    let bucket = bucket_name(call)?;
    let is_directory = bucket.ends_with("--x-s3");
    if is_directory != (Claim::stated_service(call.head) == Some(EXPRESS)) {
        return Err(Fault::new(
            400,
            "InvalidRequest",
            "Directory buckets, and they alone, are signed for as s3express.",
        ));
    }
    let action = match call.operation {
        "CreateBucket" | "DeleteBucket" | "GetBucketPolicy" | "PutBucketPolicy"
        | "DeleteBucketPolicy" => call.operation,
        _ => "CreateSession",
    };
    Ok(is_directory.then(|| {
        Access::new(
            format!("{EXPRESS}:{action}"),
            call.arn_of(EXPRESS, &format!("bucket/{bucket}")),
        )
    }))
}

fn on_bucket(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    if let Some(access) = on_directory(call)? {
        return Ok(vec![access]);
    }
    let action = match call.operation {
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => "s3:ListBucket".to_owned(),
        "ListObjectVersions" => "s3:ListBucketVersions".to_owned(),
        "ListMultipartUploads" => "s3:ListBucketMultipartUploads".to_owned(),
        operation => format!("s3:{operation}"),
    };
    let access = Access::new(action, bucket_arn(call, bucket_name(call)?))
        .key("s3:prefix", call.head.query("prefix").unwrap_or_default())
        .key(
            "s3:delimiter",
            call.head.query("delimiter").unwrap_or_default(),
        );
    Ok(vec![access])
}

fn on_object(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    if let Some(access) = on_directory(call)? {
        return Ok(vec![access]);
    }
    let has_version = call.head.has_query("versionId");
    let action = match call.operation {
        "GetObject" | "HeadObject" if has_version => "s3:GetObjectVersion",
        "GetObject" | "HeadObject" => "s3:GetObject",
        "DeleteObject" if has_version => "s3:DeleteObjectVersion",
        "DeleteObject" => "s3:DeleteObject",
        "GetObjectTagging" => "s3:GetObjectTagging",
        "AbortMultipartUpload" => "s3:AbortMultipartUpload",
        _ => "s3:PutObject",
    };
    Ok(vec![Access::new(
        action,
        object_arn(call, bucket_name(call)?, key(call)?),
    )])
}

/// The digests to compute while a body arrives: what the `ETag` needs and what the head names.
pub(crate) fn algorithms(head: &Head) -> Vec<Algorithm> {
    let named = |algorithm: &Algorithm| {
        let header = algorithm.header();
        let mentions = |name: &str| {
            head.headers_named(name)
                .any(|value| value.to_ascii_lowercase().contains(algorithm.name()))
        };
        head.headers_named(&header).next().is_some()
            || mentions("x-amz-trailer")
            || mentions("x-amz-sdk-checksum-algorithm")
            || mentions("x-amz-checksum-algorithm")
    };
    let mut algorithms: Vec<Algorithm> = Algorithm::CHECKSUMS.into_iter().filter(named).collect();
    algorithms.push(Algorithm::Md5);
    algorithms
}

/// Holds a body to everything that was said about it: length, MD5, checksums, trailers.
pub(crate) fn check_body(head: &Head, body: &Body) -> Result<(), Fault> {
    let declared: Vec<String> = head
        .headers_named("x-amz-trailer")
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let found: Vec<&String> = body.trailers.iter().map(|(name, _)| name).collect();
    if declared.len() != found.len() || !found.iter().all(|name| declared.contains(name)) {
        return Err(Fault::new(
            400,
            "MalformedTrailerError",
            "The request contained trailing data that was not well-formed or \
             did not conform to our published schema.",
        ));
    }
    if let Some(length) = head.header("x-amz-decoded-content-length")
        && length.parse() != Ok(body.length)
    {
        return Err(Fault::new(
            400,
            "IncompleteBody",
            "The request body terminated unexpectedly",
        ));
    }
    let digest = |algorithm: Algorithm| body.digests.get(&algorithm).map(|digest| base64(digest));
    if let Some(md5) = head.header("content-md5")
        && digest(Algorithm::Md5).as_deref() != Some(md5)
    {
        return Err(Fault::new(
            400,
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
        ));
    }
    for algorithm in Algorithm::CHECKSUMS {
        let name = algorithm.header();
        let trailing = body
            .trailers
            .iter()
            .filter(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str());
        for said in head.headers_named(&name).chain(trailing) {
            if digest(algorithm).as_deref() != Some(said) {
                return Err(Fault::new(
                    400,
                    "BadDigest",
                    format!(
                        "The {} you specified did not match the calculated checksum.",
                        algorithm.name().to_uppercase()
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// The checksums that the sender vouched for, to be kept with the object.
fn vouched(call: &Call<'_>) -> Vec<(Algorithm, String)> {
    call.body
        .digests
        .iter()
        .filter(|(algorithm, _)| **algorithm != Algorithm::Md5)
        .map(|(algorithm, digest)| (*algorithm, base64(digest)))
        .collect()
}

/// `2026-07-29T10:00:00.000Z`, as in S3's XML.
fn millis(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// `Wed, 29 Jul 2026 10:00:00 GMT`.
fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
