//! Checksums of content: the ones that S3 takes in `x-amz-checksum-` headers and trailers, and
//! `Content-MD5`. They are for accidents, not for enemies; they are checked so that what was
//! damaged on its way to Cordon is not stored under Cordon's good signature.

use super::PayloadError;
use crate::request::{HeaderError, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use std::hash::Hasher;
use twox_hash::{XxHash3_64, XxHash3_128, XxHash64};

/// A checksum algorithm that S3 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the algorithms' own")]
pub enum ChecksumAlgorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
    Sha512,
    Md5,
    XxHash64,
    XxHash3,
    XxHash128,
}

impl ChecksumAlgorithm {
    const ALL: [Self; 10] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::Md5,
        Self::XxHash64,
        Self::XxHash3,
        Self::XxHash128,
    ];

    /// The header or trailer that carries the checksum: `x-amz-checksum-crc32`.
    #[must_use]
    pub fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
            Self::Sha512 => "x-amz-checksum-sha512",
            Self::Md5 => "x-amz-checksum-md5",
            Self::XxHash64 => "x-amz-checksum-xxhash64",
            Self::XxHash3 => "x-amz-checksum-xxhash3",
            Self::XxHash128 => "x-amz-checksum-xxhash128",
        }
    }

    /// The algorithm whose checksum the header `name` carries, exact lower case.
    #[must_use]
    pub fn of_header(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.header() == name)
    }

    /// The algorithm that S3 calls `name`: `CRC32`, `SHA256`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let header = format!("x-amz-checksum-{}", name.to_ascii_lowercase());
        Self::of_header(&header)
    }

    /// The checksum of `data` in base64.
    #[must_use]
    pub fn of(self, data: &[u8]) -> String {
        let mut running = Running::new(self);
        running.update(data);
        running.finish()
    }

    /// The length of a checksum in base64.
    pub(super) fn encoded_length(self) -> u64 {
        match self {
            Self::Crc32 | Self::Crc32c => 8,
            Self::Crc64Nvme | Self::XxHash64 | Self::XxHash3 => 12,
            Self::Md5 | Self::XxHash128 => 24,
            Self::Sha1 => 28,
            Self::Sha256 => 44,
            Self::Sha512 => 88,
        }
    }
}

/// A running checksum.
pub(super) enum Running {
    Crc(crc_fast::Digest, ChecksumAlgorithm),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
    Md5(Md5),
    XxHash64(XxHash64),
    XxHash3(Box<XxHash3_64>),
    XxHash128(Box<XxHash3_128>),
}

impl Running {
    pub(super) fn new(algorithm: ChecksumAlgorithm) -> Self {
        let crc = |kind| Self::Crc(crc_fast::Digest::new(kind), algorithm);
        match algorithm {
            ChecksumAlgorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc),
            ChecksumAlgorithm::Crc32c => crc(CrcAlgorithm::Crc32Iscsi),
            ChecksumAlgorithm::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme),
            ChecksumAlgorithm::Sha1 => Self::Sha1(Sha1::new()),
            ChecksumAlgorithm::Sha256 => Self::Sha256(Sha256::new()),
            ChecksumAlgorithm::Sha512 => Self::Sha512(Sha512::new()),
            ChecksumAlgorithm::Md5 => Self::Md5(Md5::new()),
            ChecksumAlgorithm::XxHash64 => Self::XxHash64(XxHash64::with_seed(0)),
            ChecksumAlgorithm::XxHash3 => Self::XxHash3(Box::new(XxHash3_64::new())),
            ChecksumAlgorithm::XxHash128 => Self::XxHash128(Box::new(XxHash3_128::new())),
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        match self {
            Self::Crc(digest, _) => digest.update(data),
            Self::Sha1(digest) => digest.update(data),
            Self::Sha256(digest) => digest.update(data),
            Self::Sha512(digest) => digest.update(data),
            Self::Md5(digest) => digest.update(data),
            Self::XxHash64(digest) => digest.write(data),
            Self::XxHash3(digest) => digest.write(data),
            Self::XxHash128(digest) => digest.write(data),
        }
    }

    /// The checksum in base64, numbers in network order, as S3 writes it.
    pub(super) fn finish(self) -> String {
        match self {
            Self::Crc(digest, ChecksumAlgorithm::Crc64Nvme) => {
                STANDARD.encode(digest.finalize().to_be_bytes())
            }
            Self::Crc(digest, _) => {
                let [.., a, b, c, d] = digest.finalize().to_be_bytes();
                STANDARD.encode([a, b, c, d])
            }
            Self::Sha1(digest) => STANDARD.encode(digest.finalize()),
            Self::Sha256(digest) => STANDARD.encode(digest.finalize()),
            Self::Sha512(digest) => STANDARD.encode(digest.finalize()),
            Self::Md5(digest) => STANDARD.encode(digest.finalize()),
            Self::XxHash64(digest) => STANDARD.encode(digest.finish().to_be_bytes()),
            Self::XxHash3(digest) => STANDARD.encode(digest.finish().to_be_bytes()),
            Self::XxHash128(digest) => STANDARD.encode(digest.finish_128().to_be_bytes()),
        }
    }
}

/// One checksum that the head of a request promises.
#[derive(Debug, Clone)]
pub(in crate::sigv4) struct Promised {
    pub(super) algorithm: ChecksumAlgorithm,
    pub(super) header: &'static str,
    pub(super) value: Box<str>,
}

impl Promised {
    /// The algorithm, if it is one of S3's own checksums and not `Content-MD5`.
    pub(in crate::sigv4) fn of_s3(&self) -> Option<ChecksumAlgorithm> {
        (self.header != "content-md5").then_some(self.algorithm)
    }

    /// The checksums in the headers of `request`, at most one of S3's own and one `Content-MD5`.
    ///
    /// `CompleteMultipartUpload` is left out: its `x-amz-checksum-` header is that of the object
    /// that the parts make, not of the list of parts that it sends.
    pub(in crate::sigv4) fn of(request: &Request, s3: bool) -> Result<Vec<Self>, PayloadError> {
        let mut promised = Vec::new();
        if let Some(value) = request.single("content-md5").map_err(malformed)? {
            promised.push(Self {
                algorithm: ChecksumAlgorithm::Md5,
                header: "content-md5",
                value: value.into(),
            });
        }
        if !s3 || completes_an_upload(request) {
            return Ok(promised);
        }
        let mut found = None;
        for algorithm in ChecksumAlgorithm::ALL {
            let header = algorithm.header();
            let Some(value) = request.single(header).map_err(malformed)? else {
                continue;
            };
            let one = Self {
                algorithm,
                header,
                value: value.into(),
            };
            if found.replace(one).is_some() {
                return Err(PayloadError::SeveralChecksums);
            }
        }
        promised.extend(found);
        Ok(promised)
    }
}

fn malformed(error: HeaderError) -> PayloadError {
    PayloadError::ChecksumHeader(error)
}

fn completes_an_upload(request: &Request) -> bool {
    let query = request.query.as_deref().unwrap_or_default();
    request.method == http::Method::POST
        && query
            .split('&')
            .any(|pair| pair == "uploadId" || pair.starts_with("uploadId="))
}
