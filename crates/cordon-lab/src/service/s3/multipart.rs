//! Multipart uploads: parts that become one object when, and only when, all of them fit.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::object::{check_headers, kept_headers, store, with_version};
use super::{Object, bucket_name, key, vouched};
use crate::digest::{Algorithm, base64, from_base64};
use crate::estate::Estate;
use crate::identity::letters;
use crate::reply::{Answer, Fault};
use crate::service::Call;
use crate::xml;

const PART_LIMIT: u16 = 10_000;
/// Every part but the last has at least five mebibytes.
const PART_MINIMUM: u64 = 5 * 1_024 * 1_024;

/// An upload that is under way.
#[derive(Clone)]
pub(crate) struct Upload {
    pub(super) bucket: String,
    key: String,
    headers: Vec<(String, String)>,
    parts: BTreeMap<u16, Part>,
}

#[derive(Clone)]
struct Part {
    body: Option<Bytes>,
    length: u64,
    md5: Vec<u8>,
    checksums: Vec<(Algorithm, String)>,
}

fn no_upload() -> Fault {
    Fault::new(
        404,
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be \
         invalid, or the upload may have been aborted or completed.",
    )
}

/// The id of an upload that exists for this very bucket and key.
fn upload_id<'a>(call: &'a Call<'_>, estate: &Estate) -> Result<&'a str, Fault> {
    let id = call.head.query("uploadId").unwrap_or_default();
    let (bucket, key) = (bucket_name(call)?, key(call)?);
    let upload = estate.s3.uploads.get(id).ok_or_else(no_upload)?;
    match upload.bucket == bucket && upload.key == key {
        true => Ok(id),
        false => Err(no_upload()),
    }
}

pub(super) fn create(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    check_headers(call)?;
    let (bucket, key) = (bucket_name(call)?, key(call)?);
    estate.s3.bucket(bucket)?;
    let id = letters(48);
    let upload = Upload {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        headers: kept_headers(call),
        parts: BTreeMap::new(),
    };
    estate.s3.uploads.insert(id.clone(), upload);
    let mut answer = Answer::document(
        "InitiateMultipartUploadResult",
        json!({"Bucket": bucket, "Key": key, "UploadId": id}),
    );
    if let Some(algorithm) = call.head.header("x-amz-checksum-algorithm") {
        answer = answer.header("x-amz-checksum-algorithm", algorithm);
    }
    Ok(answer)
}

pub(super) fn upload(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let id = upload_id(call, estate)?.to_owned();
    let number: u16 = call
        .head
        .query("partNumber")
        .and_then(|number| number.parse().ok())
        .filter(|number| (1..=PART_LIMIT).contains(number))
        .ok_or_else(|| {
            Fault::invalid("Part number must be an integer between 1 and 10000, inclusive")
        })?;
    let md5 = call
        .body
        .digests
        .get(&Algorithm::Md5)
        .cloned()
        .unwrap_or_default();
    let mut answer = Answer::empty(200).header("etag", format!("\"{}\"", hex::encode(&md5)));
    let checksums = vouched(call);
    for (algorithm, value) in &checksums {
        answer = answer.header(&algorithm.header(), value.as_str());
    }
    let part = Part {
        body: estate.s3.keep(call.body.content.clone()),
        length: call.body.length,
        md5,
        checksums,
    };
    let upload = estate.s3.uploads.get_mut(&id).ok_or_else(no_upload)?;
    let replaced = upload.parts.insert(number, part);
    estate
        .s3
        .release(replaced.as_ref().and_then(|part| part.body.as_ref()));
    Ok(answer)
}

pub(super) fn complete(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let id = upload_id(call, estate)?.to_owned();
    let (root, document) = xml::parse(call.body.bytes()).map_err(Fault::malformed)?;
    let rows = xml::members(&document, "Part");
    if root != "CompleteMultipartUpload" || rows.is_empty() {
        return Err(Fault::malformed("You must specify at least one part"));
    }
    let upload = estate.s3.uploads.get(&id).cloned().ok_or_else(no_upload)?;
    let parts = chosen(&upload, &rows)?;
    let object = assemble(&upload, &parts);
    let etag = format!("\"{}\"", object.etag);
    let checksums = object.checksums.clone();
    let checksum_type = object.checksum_type;
    let (bucket, key) = (bucket_name(call)?, key(call)?);
    // The object takes over what its parts had kept.
    estate.s3.uploads.remove(&id);
    for part in upload.parts.values() {
        estate.s3.release(part.body.as_ref());
    }
    let body = estate.s3.keep(object.body.clone());
    let version = store(call, estate, bucket, key, Some(Object { body, ..object }))?;
    let mut result =
        json!({"Bucket": bucket, "Key": key, "Location": format!("/{bucket}/{key}"), "ETag": etag});
    if let Value::Object(result) = &mut result {
        for (algorithm, value) in &checksums {
            result.insert(algorithm.element().to_owned(), json!(value));
            result.insert("ChecksumType".to_owned(), json!(checksum_type));
        }
    }
    Ok(with_version(
        Answer::document("CompleteMultipartUploadResult", result),
        &version,
    ))
}

/// The parts that the request lists, which must be known, in order and large enough.
fn chosen<'a>(upload: &'a Upload, rows: &[&Value]) -> Result<Vec<&'a Part>, Fault> {
    let numbers = part_numbers(rows)?;
    let mut parts = Vec::new();
    for (index, (row, number)) in rows.iter().zip(&numbers).enumerate() {
        let part = upload
            .parts
            .get(number)
            .filter(|part| part.fits(row))
            .ok_or_else(|| {
                Fault::new(
                    400,
                    "InvalidPart",
                    "One or more of the specified parts could not be found. The part may not have \
                     been uploaded, or the specified entity tag may not match the part's entity tag.",
                )
            })?;
        if part.length < PART_MINIMUM && index + 1 < rows.len() {
            return Err(Fault::new(
                400,
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
            ));
        }
        parts.push(part);
    }
    Ok(parts)
}

/// The numbers of the listed parts, which must rise.
fn part_numbers(rows: &[&Value]) -> Result<Vec<u16>, Fault> {
    let mut numbers: Vec<u16> = Vec::new();
    for row in rows {
        let number = text(row, "PartNumber")
            .parse()
            .map_err(|_| Fault::malformed("a Part has no PartNumber"))?;
        if numbers.last().is_some_and(|previous| number <= *previous) {
            return Err(Fault::new(
                400,
                "InvalidPartOrder",
                "The list of parts was not in ascending order. Parts must be \
                 ordered by part number.",
            ));
        }
        numbers.push(number);
    }
    Ok(numbers)
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl Part {
    /// Whether `ETag`, and each checksum that the row gives, are those of this part.
    fn fits(&self, row: &Value) -> bool {
        let checksum = |(algorithm, value): &(Algorithm, String)| {
            ["", value].contains(&text(row, algorithm.element()))
        };
        hex::encode(&self.md5) == text(row, "ETag").trim_matches('"')
            && self.checksums.iter().all(checksum)
    }
}

fn assemble(upload: &Upload, parts: &[&Part]) -> Object {
    let md5s: Vec<u8> = parts
        .iter()
        .flat_map(|part| part.md5.iter().copied())
        .collect();
    let body = parts
        .iter()
        .map(|part| part.body.as_ref())
        .collect::<Option<Vec<_>>>()
        .map(|bodies| {
            let mut whole = BytesMut::new();
            bodies
                .into_iter()
                .for_each(|body| whole.extend_from_slice(body));
            whole.freeze()
        });
    let checksums = Algorithm::CHECKSUMS
        .into_iter()
        .filter_map(|algorithm| composite(algorithm, parts).map(|value| (algorithm, value)))
        .collect();
    Object {
        body,
        length: parts.iter().map(|part| part.length).sum(),
        etag: format!("{}-{}", hex::encode(Algorithm::Md5.of(&md5s)), parts.len()),
        headers: upload.headers.clone(),
        checksums,
        checksum_type: "COMPOSITE",
    }
}

/// The checksum of checksums, when every part has one. CRC-64 has no composite form.
fn composite(algorithm: Algorithm, parts: &[&Part]) -> Option<String> {
    if algorithm == Algorithm::Crc64Nvme {
        return None;
    }
    let mut all = Vec::new();
    for part in parts {
        let (_, value) = part
            .checksums
            .iter()
            .find(|(known, _)| *known == algorithm)?;
        all.extend(from_base64(value)?);
    }
    Some(format!("{}-{}", base64(&algorithm.of(&all)), parts.len()))
}

pub(super) fn abort(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let id = upload_id(call, estate)?.to_owned();
    for part in estate
        .s3
        .uploads
        .remove(&id)
        .into_iter()
        .flat_map(|upload| upload.parts.into_values())
    {
        estate.s3.release(part.body.as_ref());
    }
    Ok(Answer::empty(204))
}

pub(super) fn list(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let bucket = bucket_name(call)?;
    estate.s3.bucket(bucket)?;
    let uploads: Vec<Value> = estate
        .s3
        .uploads
        .iter()
        .filter(|(_, upload)| upload.bucket == bucket)
        .map(|(id, upload)| json!({"Key": upload.key, "UploadId": id}))
        .collect();
    Ok(Answer::document(
        "ListMultipartUploadsResult",
        json!({"Bucket": bucket, "IsTruncated": false, "Upload": uploads}),
    ))
}
