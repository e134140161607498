//! Signature Version 4, checked by code of its own.
//!
//! Takes the head of a request; gives a [`Claim`], and then, with the signer's secret, the proof
//! [`Verified`] that the signature held. None of the proxy's signing code is used: two
//! implementations that agree are worth more than one that agrees with itself.
//!
//! The walk, after "Create a signed AWS API request" in the IAM User Guide:
//!
//! 1. read the claim from the `Authorization` header or from the query, never from both;
//! 2. refuse a time outside of the window;
//! 3. canonical request: method, path, query, signed headers, their names, payload hash;
//! 4. string to sign: algorithm, time, scope, hash of 3;
//! 5. key: HMAC chain over date, region, service, `aws4_request`;
//! 6. compare.

pub(crate) mod chunked;
mod fault;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::digest::{hmac_sha256, sha256_hex};
use crate::request::{Head, decode};

pub(crate) use fault::SignatureFault;

/// All but the unreserved characters of RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The same, leaving the slashes of a path.
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// A presigned URL lives at most seven days.
const PRESIGNED_SECONDS: i64 = 604_800;

/// What a request says about its signature. Nothing of it is believed before [`Claim::verify`].
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) key_id: String,
    pub(crate) region: String,
    pub(crate) service: String,
    pub(crate) token: Option<String>,
    pub(crate) payload: Payload,
    pub(crate) signature: String,
    pub(crate) date: String,
    pub(crate) time_text: String,
    time: Timestamp,
    signed_headers: Vec<String>,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Header,
    Presigned { seconds: i64 },
}

/// How the signature covers the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    /// Its SHA-256, declared in `x-amz-content-sha256`.
    Declared(String),
    /// Its SHA-256, which only the body itself tells.
    Computed,
    /// Not at all.
    Unsigned,
    /// Chunk by chunk, each with a signature.
    SignedChunks { trailer: bool },
    /// Chunks without signatures, a checksum behind them.
    UnsignedChunks,
}

/// Proof that the signature held for this key at this time.
#[derive(Debug, Clone)]
pub(crate) struct Verified {
    pub(crate) claim: Claim,
}

impl Claim {
    /// Reads the claim; `Ok(None)` is a request that claims nothing.
    pub(crate) fn read(head: &Head) -> Result<Option<Self>, SignatureFault> {
        let authorizations: Vec<&str> = head.headers_named("authorization").collect();
        let in_query = head
            .query
            .iter()
            .any(|(name, _)| name == "X-Amz-Signature" || name == "X-Amz-Algorithm");
        match (authorizations.as_slice(), in_query) {
            ([], false) => Ok(None),
            ([header], false) => Self::from_header(head, header).map(Some),
            ([], true) => Self::from_query(head).map(Some),
            _ => Err(SignatureFault::TwoMechanisms),
        }
    }

    /// The service that a request says it is for, even where the rest of its claim cannot be read:
    /// so that the refusal has that service's shape.
    pub(crate) fn stated_service(head: &Head) -> Option<&str> {
        let in_header = head
            .headers_named("authorization")
            .next()
            .and_then(|header| header.split_once("Credential=")?.1.split(',').next());
        let credential = in_header.or_else(|| head.query("X-Amz-Credential"))?;
        credential.split('/').nth(3)
    }

    fn from_header(head: &Head, header: &str) -> Result<Self, SignatureFault> {
        let incomplete = |what: &str| {
            SignatureFault::Incomplete(format!("Authorization header requires '{what}'."))
        };
        let rest = header
            .strip_prefix(ALGORITHM)
            .and_then(|rest| rest.strip_prefix(' '))
            .ok_or_else(|| incomplete(ALGORITHM))?;
        let (mut credential, mut signed, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let Some((name, value)) = part.trim().split_once('=') else {
                return Err(incomplete("name=value"));
            };
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed,
                "Signature" => &mut signature,
                _ => return Err(incomplete("only Credential, SignedHeaders and Signature")),
            };
            if slot.replace(value).is_some() {
                return Err(incomplete("each part once"));
            }
        }
        let time_text = head
            .header("x-amz-date")
            .ok_or_else(|| incomplete("existence of either a 'X-Amz-Date' or a 'Date' header"))?;
        let token = match head.headers_named("x-amz-security-token").count() {
            0 => None,
            1 => head.header("x-amz-security-token").map(str::to_owned),
            _ => return Err(SignatureFault::TwoMechanisms),
        };
        Self::assemble(
            Parts {
                credential: credential.ok_or_else(|| incomplete("Credential"))?,
                signed: signed.ok_or_else(|| incomplete("SignedHeaders"))?,
                signature: signature.ok_or_else(|| incomplete("Signature"))?,
                time_text,
                token,
            },
            Form::Header,
            declared_payload(head)?,
        )
    }

    fn from_query(head: &Head) -> Result<Self, SignatureFault> {
        let once = |name: &str| -> Result<Option<&str>, SignatureFault> {
            match head.query.iter().filter(|(key, _)| key == name).count() {
                0 => Ok(None),
                1 => Ok(head.query(name)),
                _ => Err(SignatureFault::TwoMechanisms),
            }
        };
        let need = |name: &str| {
            once(name)?.ok_or_else(|| {
                SignatureFault::Incomplete(format!(
                    "Query-string authentication requires '{name}'."
                ))
            })
        };
        if need("X-Amz-Algorithm")? != ALGORITHM {
            return Err(SignatureFault::Incomplete(format!(
                "X-Amz-Algorithm only supports '{ALGORITHM}'."
            )));
        }
        let seconds: i64 = need("X-Amz-Expires")?
            .parse()
            .ok()
            .filter(|seconds| (1..=PRESIGNED_SECONDS).contains(seconds))
            .ok_or_else(|| {
                SignatureFault::Incomplete(
                    "X-Amz-Expires must be between 1 and 604800 seconds.".to_owned(),
                )
            })?;
        if head.headers_named("x-amz-security-token").next().is_some() {
            return Err(SignatureFault::TwoMechanisms);
        }
        let payload = match head
            .header("x-amz-content-sha256")
            .or(once("X-Amz-Content-Sha256")?)
        {
            None | Some("UNSIGNED-PAYLOAD") => Payload::Unsigned,
            Some(_) => declared_payload(head)?,
        };
        Self::assemble(
            Parts {
                credential: need("X-Amz-Credential")?,
                signed: need("X-Amz-SignedHeaders")?,
                signature: need("X-Amz-Signature")?,
                time_text: need("X-Amz-Date")?,
                token: once("X-Amz-Security-Token")?.map(str::to_owned),
            },
            Form::Presigned { seconds },
            payload,
        )
    }

    fn assemble(parts: Parts<'_>, form: Form, payload: Payload) -> Result<Self, SignatureFault> {
        let scope: Vec<&str> = parts.credential.split('/').collect();
        let [key_id, date, region, service, "aws4_request"] = scope.as_slice() else {
            return Err(SignatureFault::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{}'",
                parts.credential
            )));
        };
        let time = parse_time(parts.time_text).ok_or_else(|| {
            SignatureFault::Incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{}'.",
                parts.time_text
            ))
        })?;
        if !parts.time_text.starts_with(date) || date.len() != 8 {
            return Err(SignatureFault::Scope(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 \
                 version of date from HTTP: '{date}' != '{}'.",
                parts.time_text
            )));
        }
        let signed_headers: Vec<String> = parts.signed.split(';').map(str::to_owned).collect();
        let sorted = signed_headers
            .windows(2)
            .all(|pair| matches!(pair, [a, b] if a < b));
        if !sorted || !signed_headers.iter().any(|name| name == "host") {
            return Err(SignatureFault::HeadersNotSigned(
                "SignedHeaders must be sorted, without repetition, and name 'host'".to_owned(),
            ));
        }
        let payload = match (payload, *service) {
            // Only S3 lets a body go unsigned; everywhere else the service hashes what it got.
            (payload, "s3" | "s3express") => payload,
            (Payload::Declared(_) | Payload::Computed | Payload::Unsigned, _) => Payload::Computed,
            (Payload::SignedChunks { .. } | Payload::UnsignedChunks, _) => {
                return Err(SignatureFault::Incomplete(
                    "only S3 takes bodies in signed chunks.".to_owned(),
                ));
            }
        };
        Ok(Self {
            key_id: (*key_id).to_owned(),
            region: (*region).to_owned(),
            service: (*service).to_owned(),
            token: parts.token,
            payload,
            signature: parts.signature.to_owned(),
            date: (*date).to_owned(),
            time_text: parts.time_text.to_owned(),
            time,
            signed_headers,
            form,
        })
    }

    /// The credential scope without the key id.
    pub(crate) fn scope(&self) -> String {
        format!(
            "{}/{}/{}/aws4_request",
            self.date, self.region, self.service
        )
    }

    /// The signing key that a secret gives for this claim's scope.
    pub(crate) fn signing_key(&self, secret: &str) -> Vec<u8> {
        let start = format!("AWS4{secret}");
        [
            self.date.as_str(),
            &self.region,
            &self.service,
            "aws4_request",
        ]
        .iter()
        .fold(start.into_bytes(), |key, part| {
            hmac_sha256(&key, part.as_bytes())
        })
    }

    /// Checks time, headers and signature. `body_sha256` is the hash of the bytes received.
    pub(crate) fn verify(
        self,
        head: &Head,
        body_sha256: &str,
        secret: &str,
        now: Timestamp,
    ) -> Result<Verified, SignatureFault> {
        self.check_time(now)?;
        self.check_headers(head)?;
        let payload = match &self.payload {
            Payload::Declared(hash) => hash.as_str(),
            Payload::Computed => body_sha256,
            Payload::Unsigned => "UNSIGNED-PAYLOAD",
            Payload::SignedChunks { trailer: false } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            Payload::SignedChunks { trailer: true } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            Payload::UnsignedChunks => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        };
        let canonical = self.canonical_request(head, payload)?;
        let string_to_sign = format!(
            "{ALGORITHM}\n{}\n{}\n{}",
            self.time_text,
            self.scope(),
            sha256_hex(canonical.as_bytes())
        );
        let signature = hex::encode(hmac_sha256(
            &self.signing_key(secret),
            string_to_sign.as_bytes(),
        ));
        if signature != self.signature {
            return Err(SignatureFault::Mismatch);
        }
        match &self.payload {
            Payload::Declared(hash) if hash != body_sha256 => Err(SignatureFault::PayloadMismatch),
            _ => Ok(Verified { claim: self }),
        }
    }

    fn check_time(&self, now: Timestamp) -> Result<(), SignatureFault> {
        let age = now.duration_since(self.time);
        // S3 gives a quarter of an hour; the others five minutes.
        let window = match self.service.as_str() {
            "s3" | "s3express" => SignedDuration::from_mins(15),
            _ => SignedDuration::from_mins(5),
        };
        match self.form {
            Form::Header if age.abs() <= window => Ok(()),
            Form::Header => Err(SignatureFault::Skewed {
                signed: self.time_text.clone(),
                now: format_time(now),
            }),
            Form::Presigned { .. } if age < -window => Err(SignatureFault::PresignedEarly),
            Form::Presigned { seconds } if age <= SignedDuration::from_secs(seconds) => Ok(()),
            Form::Presigned { .. } => Err(SignatureFault::PresignedExpired),
        }
    }

    /// S3 refuses `x-amz-*` headers that the signature leaves open. The lab holds every service
    /// to that: a header that means something to AWS must not be free to change on the way.
    fn check_headers(&self, head: &Head) -> Result<(), SignatureFault> {
        let open = head
            .headers
            .iter()
            .map(|(name, _)| name)
            .find(|name| name.starts_with("x-amz-") && !self.signed_headers.contains(*name));
        if let Some(name) = open {
            return Err(SignatureFault::HeadersNotSigned(format!(
                "There were headers present in the request which were not signed: {name}"
            )));
        }
        let absent = self
            .signed_headers
            .iter()
            .find(|name| head.headers_named(name).next().is_none());
        match absent {
            None => Ok(()),
            Some(name) => Err(SignatureFault::HeadersNotSigned(format!(
                "The signed header '{name}' is not in the request"
            ))),
        }
    }

    fn canonical_request(&self, head: &Head, payload: &str) -> Result<String, SignatureFault> {
        let mut headers = String::new();
        for name in &self.signed_headers {
            let values: Vec<String> = head.headers_named(name).map(squeeze).collect();
            headers.push_str(&format!("{name}:{}\n", values.join(",")));
        }
        Ok(format!(
            "{}\n{}\n{}\n{headers}\n{}\n{payload}",
            head.method,
            self.canonical_path(head)?,
            self.canonical_query(head),
            self.signed_headers.join(";"),
        ))
    }

    /// S3 encodes the key once, as it is; every other service normalises the path and encodes
    /// what is on the wire once more.
    fn canonical_path(&self, head: &Head) -> Result<String, SignatureFault> {
        if matches!(self.service.as_str(), "s3" | "s3express") {
            let path = decode(&head.raw_path).map_err(SignatureFault::Incomplete)?;
            return Ok(utf8_percent_encode(&path, PATH).to_string());
        }
        let mut segments: Vec<&str> = Vec::new();
        for segment in head.raw_path.split('/') {
            match segment {
                "" | "." => {}
                ".." => {
                    segments.pop();
                }
                segment => segments.push(segment),
            }
        }
        let mut path = format!("/{}", segments.join("/"));
        if head.raw_path.ends_with('/') && path != "/" {
            path.push('/');
        }
        Ok(utf8_percent_encode(&path, PATH).to_string())
    }

    fn canonical_query(&self, head: &Head) -> String {
        let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
        let mut pairs: Vec<(String, String)> = head
            .query
            .iter()
            .filter(|(name, _)| name != "X-Amz-Signature")
            .map(|(name, value)| (encode(name), encode(value)))
            .collect();
        pairs.sort();
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("&")
    }
}

struct Parts<'a> {
    credential: &'a str,
    signed: &'a str,
    signature: &'a str,
    time_text: &'a str,
    token: Option<String>,
}

fn declared_payload(head: &Head) -> Result<Payload, SignatureFault> {
    match head.headers_named("x-amz-content-sha256").count() {
        0 => return Ok(Payload::Computed),
        1 => {}
        _ => return Err(SignatureFault::TwoMechanisms),
    }
    let declared = head.header("x-amz-content-sha256").unwrap_or(EMPTY_SHA256);
    let is_hash = declared.len() == 64
        && declared
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match declared {
        "UNSIGNED-PAYLOAD" => Ok(Payload::Unsigned),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Payload::SignedChunks { trailer: false }),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Payload::SignedChunks { trailer: true }),
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Payload::UnsignedChunks),
        hash if is_hash => Ok(Payload::Declared(hash.to_owned())),
        _ => Err(SignatureFault::Incomplete(
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-..., \
             or a valid sha256 value."
                .to_owned(),
        )),
    }
}

/// Trims a value and makes one space of several.
fn squeeze(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn parse_time(text: &str) -> Option<Timestamp> {
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    if time.strftime("%Y%m%dT%H%M%SZ").to_string() != text {
        return None;
    }
    TimeZone::UTC.to_timestamp(time).ok()
}

/// `20260729T000000Z`.
fn format_time(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}
