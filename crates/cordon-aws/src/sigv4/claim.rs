//! What a request says about its own signature.
//!
//! Takes a request; gives one [`Claim`] or the reason why there is none. This is the only place
//! that looks for credentials, so that no check can look at the header while identity comes from
//! the query: exactly one form, each part exactly once, everything that has an effect signed.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use super::canonical::{ALGORITHM, MalformedQuery, parameters, parse_hash};
use super::payload::ChecksumAlgorithm;
use super::{AccessKeyId, CredentialScope, DateTime, Day, SecretKey, SessionToken};
use crate::arn::Region;
use crate::request::{Body, HeaderError, Request};
use http::header::{AUTHORIZATION, CONTENT_ENCODING};
use jiff::{SignedDuration, Timestamp};

/// The longest life of a presigned request: seven days.
const MAX_EXPIRES: i64 = 604_800;

/// S3 takes objects of 50 TB; nothing that streams is longer.
const MAX_DECODED_LENGTH: u64 = 50_000_000_000_000;

/// What a request says about its own signature: taken out once, by [`Claim::of`]. It proves
/// nothing until [`super::verify`] has looked at it.
#[derive(Debug, Clone)]
pub struct Claim {
    pub(super) key_id: AccessKeyId,
    pub(super) scope: CredentialScope,
    pub(super) form: Form,
    pub(super) signed_at: DateTime,
    pub(super) moment: Timestamp,
    pub(super) signed_headers: Box<str>,
    pub(super) signature: [u8; 32],
    pub(super) token: Option<SessionToken>,
    pub(super) payload: ClaimedPayload,
    pub(super) decoded_length: Option<u64>,
}

/// Where the signature travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In the header `Authorization`.
    Header,
    /// In the query, for a bearer of the URL.
    Presigned {
        /// How long after its date it may be used: 1 second to 7 days.
        expires: SignedDuration,
    },
}

/// What the signature covers of the payload, as far as the head tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimedPayload {
    /// Nothing is said, which means the hash of the whole body. Not allowed for S3.
    Implied,
    /// `x-amz-content-sha256`, or S3's rule that a presigned request signs no payload.
    Declared(PayloadMode),
}

/// How the payload is protected. Every use matches all of these, so that a mode that is added
/// here cannot be forgotten somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadMode {
    /// The SHA-256 of the whole body.
    Hashed([u8; 32]),
    /// `UNSIGNED-PAYLOAD`: the transport alone protects it.
    Unsigned,
    /// `aws-chunked` framing.
    Streaming(Streaming),
}

/// The three `STREAMING-` modes. With a trailer comes the one that was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Streaming {
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`: every chunk is signed.
    Signed,
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER`: and so is the trailer.
    SignedTrailer(ChecksumAlgorithm),
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`: a checksum in the trailer, no signatures.
    UnsignedTrailer(ChecksumAlgorithm),
}

impl Claim {
    /// Takes the claim out of `request`.
    ///
    /// # Errors
    /// [`ClaimError`] for everything that is missing, malformed, given twice, given in two
    /// forms, not signed though it has an effect, or a scheme that Cordon does not speak.
    pub fn of(request: &Request) -> Result<Self, ClaimError> {
        refuse_other_schemes(request)?;
        if !request.path.starts_with('/') {
            return Err(ClaimError::Path);
        }
        let query = PresignedParameters::of(request)?;
        let claim = match (request.single(AUTHORIZATION.as_str())?, query.any) {
            (None, false) => return Err(ClaimError::Missing),
            (Some(_), true) => return Err(ClaimError::Mixed),
            (Some(value), false) => Self::of_header(request, value)?,
            (None, true) => Self::of_query(request, query)?,
        };
        claim.check_signed_headers(request)?;
        claim.check_framing_headers(request)?;
        Ok(claim)
    }

    /// Who says they signed.
    #[must_use]
    pub fn key_id(&self) -> &AccessKeyId {
        &self.key_id
    }

    /// For where.
    #[must_use]
    pub fn scope(&self) -> &CredentialScope {
        &self.scope
    }

    /// Where the signature travelled.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// When it says it was signed.
    #[must_use]
    pub fn signed_at(&self) -> Timestamp {
        self.moment
    }

    /// Until when the signature holds, where clocks may be `skew` apart.
    #[must_use]
    pub fn holds_until(&self, skew: SignedDuration) -> Timestamp {
        let life = match self.form {
            Form::Header => skew,
            Form::Presigned { expires } => expires,
        };
        self.moment.saturating_add(life).unwrap_or(Timestamp::MAX)
    }

    /// The session token, which is signed with the rest.
    #[must_use]
    pub fn token(&self) -> Option<&SessionToken> {
        self.token.as_ref()
    }

    /// The length that the content is said to have without its framing.
    #[must_use]
    pub fn decoded_length(&self) -> Option<u64> {
        self.decoded_length
    }

    /// What the signature covers of the payload.
    #[must_use]
    pub fn payload(&self) -> &ClaimedPayload {
        &self.payload
    }

    /// The names of the signed headers, lower case and sorted.
    pub fn signed_headers(&self) -> impl Iterator<Item = &str> {
        self.signed_headers.split(';')
    }

    fn of_header(request: &Request, value: &str) -> Result<Self, ClaimError> {
        let parts = AuthorizationParts::parse(value)?;
        let (key_id, scope) = parse_credential(parts.credential)?;
        let signed_at = match request.single("x-amz-date")? {
            Some(text) => DateTime::parse(text),
            // A client that sends no `x-amz-date` signs `Date` instead.
            None => parse_date_header(request.single("date")?.ok_or(ClaimError::NoDate)?),
        };
        let token = token_of(
            request.single("x-amz-security-token")?.map(str::to_owned),
            request.single("x-amz-s3session-token")?.map(str::to_owned),
            &scope,
        )?;
        let payload = match request.single("x-amz-content-sha256")? {
            Some(text) => ClaimedPayload::Declared(parse_mode(request, text)?),
            // S3 on Outposts is managed by a JSON service that signs as it, without this header.
            None if scope.is_s3() && &*scope.service != "s3-outposts" => {
                return Err(ClaimError::NoPayloadHash);
            }
            None => ClaimedPayload::Implied,
        };
        let (signed_at, moment) = check_date(signed_at, &scope)?;
        Ok(Self {
            key_id,
            form: Form::Header,
            signed_at,
            moment,
            signed_headers: parts.signed_headers.into(),
            signature: parse_signature(parts.signature)?,
            token,
            payload: check_mode(payload, &scope, Form::Header)?,
            decoded_length: decoded_length(request)?,
            scope,
        })
    }

    fn of_query(request: &Request, query: PresignedParameters) -> Result<Self, ClaimError> {
        match query.algorithm.as_deref() {
            Some(ALGORITHM) => {}
            Some(other) => return Err(unknown_algorithm(other)),
            None => return Err(ClaimError::NoPart("X-Amz-Algorithm")),
        }
        let part = |value: Option<String>, name| value.ok_or(ClaimError::NoPart(name));
        let (key_id, scope) = parse_credential(&part(query.credential, "X-Amz-Credential")?)?;
        let date = part(query.date, "X-Amz-Date")?;
        let (signed_at, moment) = check_date(DateTime::parse(&date), &scope)?;
        let expires = part(query.expires, "X-Amz-Expires")?;
        let form = Form::Presigned {
            expires: parse_expires(&expires)?,
        };
        // The same thing in header and query would have two readings.
        for name in [
            "x-amz-date",
            "x-amz-security-token",
            "x-amz-s3session-token",
        ] {
            if request.headers.contains_key(name) {
                return Err(ClaimError::Mixed);
            }
        }
        let payload = match (query.content, request.single("x-amz-content-sha256")?) {
            (Some(_), Some(_)) => return Err(ClaimError::Mixed),
            (Some(text), None) => ClaimedPayload::Declared(parse_mode(request, &text)?),
            (None, Some(text)) => ClaimedPayload::Declared(parse_mode(request, text)?),
            (None, None) if scope.is_s3() => ClaimedPayload::Declared(PayloadMode::Unsigned),
            (None, None) => ClaimedPayload::Implied,
        };
        Ok(Self {
            key_id,
            form,
            signed_at,
            moment,
            signed_headers: part(query.signed_headers, "X-Amz-SignedHeaders")?.into(),
            signature: parse_signature(&part(query.signature, "X-Amz-Signature")?)?,
            token: token_of(query.token, query.express_token, &scope)?,
            payload: check_mode(payload, &scope, form)?,
            decoded_length: decoded_length(request)?,
            scope,
        })
    }

    fn is_signed(&self, name: &str) -> bool {
        self.signed_headers().any(|signed| signed == name)
    }

    /// The list is in order, names headers that are there, and leaves none out that matters.
    fn check_signed_headers(&self, request: &Request) -> Result<(), ClaimError> {
        let mut previous = "";
        for name in self.signed_headers() {
            if name <= previous || name.bytes().any(|b| b.is_ascii_uppercase()) {
                return Err(ClaimError::SignedHeaders(self.signed_headers.to_string()));
            }
            if !request.headers.contains_key(name) {
                return Err(ClaimError::SignedHeaderAbsent(name.to_owned()));
            }
            previous = name;
        }
        if request.single("host")?.is_none() || !self.is_signed("host") {
            return Err(ClaimError::NotSigned("host".to_owned()));
        }
        let dated_by_header =
            self.form == Form::Header && !request.headers.contains_key("x-amz-date");
        if dated_by_header && !self.is_signed("date") {
            return Err(ClaimError::NotSigned("date".to_owned()));
        }
        let unsigned = request.headers.keys().find(|name| {
            self.must_be_signed(name.as_str(), request) && !self.is_signed(name.as_str())
        });
        match unsigned {
            Some(name) => Err(ClaimError::NotSigned(name.as_str().to_owned())),
            None => Ok(()),
        }
    }

    /// Whether leaving the header unsigned would let its bearer change what the request does.
    /// SDKs sign every one of these; the pinned botocore, the SDKs for Go, Rust and JavaScript
    /// leave out only names such as `user-agent`, `expect`, `cache-control`, `traceparent` and
    /// `x-amzn-trace-id`.
    fn must_be_signed(&self, name: &str, request: &Request) -> bool {
        match name {
            "x-amzn-trace-id" => false,
            "smithy-protocol" => true,
            // A presigned S3 upload signs no payload; whoever holds the URL chooses the bytes
            // and their type, and plain HTTP clients always send some type.
            "content-type" | "content-encoding" | "content-md5" => {
                self.form == Form::Header && has_body(&request.body)
            }
            // The SDK for Rust hands these out unsigned with a presigned request.
            "x-amz-user-agent" | "x-amz-checksum-mode" => self.form == Form::Header,
            name => name.starts_with("x-amz-") || name.starts_with("x-amzn-"),
        }
    }

    /// `aws-chunked` and its headers belong to the streaming modes and to nothing else.
    fn check_framing_headers(&self, request: &Request) -> Result<(), ClaimError> {
        let encodings = request.single(CONTENT_ENCODING.as_str())?.unwrap_or("");
        let encodings: Vec<&str> = encodings.split(',').map(str::trim).collect();
        let is_chunked = |encoding: &&str| encoding.eq_ignore_ascii_case("aws-chunked");
        let chunked = encodings
            .iter()
            .copied()
            .filter(|name| is_chunked(name))
            .count();
        let announced = request.single("x-amz-trailer")?.is_some();
        let ClaimedPayload::Declared(PayloadMode::Streaming(streaming)) = &self.payload else {
            return match chunked == 0 && self.decoded_length.is_none() && !announced {
                true => Ok(()),
                false => Err(ClaimError::StrayFraming),
            };
        };
        // AWS documents it as the first encoding; botocore writes it as the last one.
        let outermost =
            encodings.first().is_some_and(is_chunked) || encodings.last().is_some_and(is_chunked);
        if chunked > 1 || (chunked == 1 && !outermost) {
            return Err(ClaimError::StrayFraming);
        }
        if self.decoded_length.is_none() {
            return Err(ClaimError::NoDecodedLength);
        }
        match streaming {
            Streaming::Signed if announced => Err(ClaimError::StrayFraming),
            Streaming::Signed | Streaming::SignedTrailer(_) | Streaming::UnsignedTrailer(_) => {
                Ok(())
            }
        }
    }
}

fn has_body(body: &Body) -> bool {
    match body {
        Body::Whole(bytes) => !bytes.is_empty(),
        Body::Streamed => true,
    }
}

/// Schemes that Cordon does not speak are named, so that the answer says what to change.
fn refuse_other_schemes(request: &Request) -> Result<(), ClaimError> {
    let bearer = "x-amz-bearer-token";
    match request.headers.contains_key(bearer) {
        true => Err(ClaimError::Scheme(bearer.to_owned())),
        false => Ok(()),
    }
}

/// The one token of a request. That of a session of S3 Express goes with signatures for directory
/// buckets alone: elsewhere AWS would not look at it, and one who does would see another identity.
fn token_of(
    sts: Option<String>,
    express: Option<String>,
    scope: &CredentialScope,
) -> Result<Option<SessionToken>, ClaimError> {
    match (sts, express) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(ClaimError::TwoTokens),
        (Some(token), None) => Ok(Some(SessionToken::Sts(SecretKey::new(token)))),
        (None, Some(_)) if &*scope.service != "s3express" => Err(ClaimError::ExpressToken),
        (None, Some(token)) => Ok(Some(SessionToken::Express(SecretKey::new(token)))),
    }
}

fn unknown_algorithm(name: &str) -> ClaimError {
    let scheme: String = name.chars().take(40).collect();
    match name {
        "AWS4-ECDSA-P256-SHA256" => ClaimError::SigV4A,
        "AWS" => ClaimError::SigV2,
        _ if name.eq_ignore_ascii_case("bearer") => ClaimError::Bearer,
        _ => ClaimError::Scheme(scheme),
    }
}

/// The three parts of an `Authorization` header, each exactly once.
struct AuthorizationParts<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> AuthorizationParts<'a> {
    fn parse(value: &'a str) -> Result<Self, ClaimError> {
        let (scheme, rest) = value.trim().split_once(' ').unwrap_or((value, ""));
        if scheme != ALGORITHM {
            return Err(unknown_algorithm(scheme));
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let (name, value) = part.trim().split_once('=').unwrap_or((part, ""));
            let (place, name) = match name {
                "Credential" => (&mut credential, "Credential"),
                "SignedHeaders" => (&mut signed_headers, "SignedHeaders"),
                "Signature" => (&mut signature, "Signature"),
                _ => return Err(ClaimError::UnknownPart),
            };
            if place.replace(value).is_some() {
                return Err(ClaimError::Repeated(name));
            }
        }
        Ok(Self {
            credential: credential.ok_or(ClaimError::NoPart("Credential"))?,
            signed_headers: signed_headers.ok_or(ClaimError::NoPart("SignedHeaders"))?,
            signature: signature.ok_or(ClaimError::NoPart("Signature"))?,
        })
    }
}

/// The parameters of a presigned request, each at most once.
#[derive(Default)]
struct PresignedParameters {
    /// Whether any of them is there.
    any: bool,
    algorithm: Option<String>,
    credential: Option<String>,
    date: Option<String>,
    expires: Option<String>,
    signed_headers: Option<String>,
    signature: Option<String>,
    token: Option<String>,
    express_token: Option<String>,
    content: Option<String>,
}

impl PresignedParameters {
    fn of(request: &Request) -> Result<Self, ClaimError> {
        let mut found = Self::default();
        for pair in parameters(request.query.as_deref().unwrap_or_default()) {
            let (key, value) = pair?;
            let Ok(key) = std::str::from_utf8(&key) else {
                continue;
            };
            found.take(key, &value)?;
        }
        Ok(found)
    }

    fn take(&mut self, key: &str, value: &[u8]) -> Result<(), ClaimError> {
        let (place, name) = match key {
            "X-Amz-Algorithm" => (&mut self.algorithm, "X-Amz-Algorithm"),
            "X-Amz-Credential" => (&mut self.credential, "X-Amz-Credential"),
            "X-Amz-Date" => (&mut self.date, "X-Amz-Date"),
            "X-Amz-Expires" => (&mut self.expires, "X-Amz-Expires"),
            "X-Amz-SignedHeaders" => (&mut self.signed_headers, "X-Amz-SignedHeaders"),
            "X-Amz-Signature" => (&mut self.signature, "X-Amz-Signature"),
            "X-Amz-Security-Token" => (&mut self.token, "X-Amz-Security-Token"),
            "X-Amz-S3session-Token" => (&mut self.express_token, "X-Amz-S3session-Token"),
            "X-Amz-Content-Sha256" => (&mut self.content, "X-Amz-Content-Sha256"),
            _ => return refuse_look_alike(key),
        };
        self.any = true;
        let value = std::str::from_utf8(value).map_err(|_| ClaimError::Unreadable(name))?;
        match place.replace(value.to_owned()) {
            None => Ok(()),
            Some(_) => Err(ClaimError::Repeated(name)),
        }
    }
}

/// The parameters of a presigned signature.
pub(crate) const PRESIGNED: [&str; 9] = [
    "X-Amz-Algorithm",
    "X-Amz-Content-Sha256",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-S3session-Token",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// Names that differ from a credential parameter in case alone, and credentials of other
/// schemes. A reader that folds case would see an identity that this one does not.
fn refuse_look_alike(key: &str) -> Result<(), ClaimError> {
    if key.eq_ignore_ascii_case("AWSAccessKeyId") {
        return Err(ClaimError::SigV2);
    }
    if key.eq_ignore_ascii_case("X-Amz-Region-Set") {
        return Err(ClaimError::SigV4A);
    }
    match PRESIGNED.iter().find(|name| key.eq_ignore_ascii_case(name)) {
        Some(name) => Err(ClaimError::LookAlike(name)),
        None => Ok(()),
    }
}

/// `KEYID/day/region/service/aws4_request`.
pub(super) fn parse_credential(text: &str) -> Result<(AccessKeyId, CredentialScope), ClaimError> {
    let parts: Vec<&str> = text.splitn(6, '/').collect();
    let [key_id, day, region, service, "aws4_request"] = parts.as_slice() else {
        return Err(ClaimError::Scope);
    };
    let key_id = key_id.parse().map_err(|_| ClaimError::KeyId)?;
    let named = (1..=64).contains(&service.len())
        && service
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !named || day.len() != 8 || !day.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ClaimError::Scope);
    }
    let mut digits = [0; 8];
    for (to, from) in digits.iter_mut().zip(day.bytes()) {
        *to = from;
    }
    let scope = CredentialScope {
        day: Day(digits),
        region: region.parse::<Region>().map_err(|_| ClaimError::Scope)?,
        service: (*service).into(),
    };
    Ok((key_id, scope))
}

fn parse_signature(text: &str) -> Result<[u8; 32], ClaimError> {
    parse_hash(text).ok_or(ClaimError::Signature)
}

fn parse_expires(text: &str) -> Result<SignedDuration, ClaimError> {
    let digits = (1..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(seconds @ 1..=MAX_EXPIRES) if digits => Ok(SignedDuration::from_secs(seconds)),
        _ => Err(ClaimError::Expires),
    }
}

/// `Date` as HTTP writes it, or in the form of `x-amz-date`, which old clients put there.
fn parse_date_header(text: &str) -> Option<DateTime> {
    DateTime::parse(text).or_else(|| {
        let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(DateTime::of(zoned.timestamp()))
    })
}

fn check_date(
    signed_at: Option<DateTime>,
    scope: &CredentialScope,
) -> Result<(DateTime, Timestamp), ClaimError> {
    let signed_at = signed_at.ok_or(ClaimError::Date)?;
    let moment = signed_at.moment().ok_or(ClaimError::Date)?;
    match signed_at.day() == scope.day {
        true => Ok((signed_at, moment)),
        false => Err(ClaimError::DateOutsideScope),
    }
}

/// Reads `x-amz-content-sha256`, and `x-amz-trailer` where the mode needs it.
fn parse_mode(request: &Request, text: &str) -> Result<PayloadMode, ClaimError> {
    let streaming = match text {
        "UNSIGNED-PAYLOAD" => return Ok(PayloadMode::Unsigned),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Streaming::Signed,
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => {
            Streaming::SignedTrailer(announced_trailer(request)?)
        }
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => {
            Streaming::UnsignedTrailer(announced_trailer(request)?)
        }
        _ if text.starts_with("STREAMING-AWS4-ECDSA-P256-SHA256") => {
            return Err(ClaimError::SigV4A);
        }
        hash => {
            let hash = parse_hash(hash).ok_or(ClaimError::PayloadMode)?;
            return Ok(PayloadMode::Hashed(hash));
        }
    };
    Ok(PayloadMode::Streaming(streaming))
}

/// The one checksum that `x-amz-trailer` announces. Only these may follow a body.
fn announced_trailer(request: &Request) -> Result<ChecksumAlgorithm, ClaimError> {
    let name = request
        .single("x-amz-trailer")?
        .ok_or(ClaimError::NoTrailer)?;
    ChecksumAlgorithm::of_header(name).ok_or_else(|| ClaimError::Trailer(name.to_owned()))
}

fn decoded_length(request: &Request) -> Result<Option<u64>, ClaimError> {
    let Some(text) = request.single("x-amz-decoded-content-length")? else {
        return Ok(None);
    };
    let digits = (1..=14).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(length @ 0..=MAX_DECODED_LENGTH) if digits => Ok(Some(length)),
        _ => Err(ClaimError::DecodedLength),
    }
}

/// Where a service takes which mode. Besides S3, five operations of these services have
/// unsigned bodies in the models (`v4-unsigned-body`); everywhere else a body is small and
/// signed, and an unsigned one would let a bystander choose the parameters.
fn check_mode(
    payload: ClaimedPayload,
    scope: &CredentialScope,
    form: Form,
) -> Result<ClaimedPayload, ClaimError> {
    let ClaimedPayload::Declared(mode) = &payload else {
        return Ok(payload);
    };
    let allowed = match mode {
        PayloadMode::Hashed(_) => true,
        PayloadMode::Unsigned => {
            scope.is_s3() || matches!(&*scope.service, "ebs" | "lex" | "mediastore" | "omics")
        }
        PayloadMode::Streaming(_) => scope.is_s3() && form == Form::Header,
    };
    match allowed {
        true => Ok(payload),
        false => Err(ClaimError::ModeNotForService),
    }
}

/// Why a request makes no claim that could be verified. Always the client's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum ClaimError {
    #[error("the request is not signed; give the client the session's access key")]
    Missing,
    #[error("the request carries credentials both in headers and in the query")]
    Mixed,
    #[error("`{0}` is given more than once")]
    Repeated(&'static str),
    #[error("`{0}` is missing from the signature")]
    NoPart(&'static str),
    #[error("the authorization header has a part besides Credential, SignedHeaders and Signature")]
    UnknownPart,
    #[error("`{0}` holds bytes that are not text")]
    Unreadable(&'static str),
    #[error("a query parameter is spelled almost like `{0}`")]
    LookAlike(&'static str),
    #[error(
        "signature version 2 is not accepted; sign with version 4 \
         (boto3: `Config(signature_version=\"s3v4\")`)"
    )]
    SigV2,
    #[error("SigV4A (`AWS4-ECDSA-P256-SHA256`) is not supported; sign with `AWS4-HMAC-SHA256`")]
    SigV4A,
    #[error("bearer tokens are not accepted; sign with the session's access key")]
    Bearer,
    #[error("the authentication scheme `{0}` is not supported; sign with `AWS4-HMAC-SHA256`")]
    Scheme(String),
    #[error("the request carries the session token of STS and that of S3 Express")]
    TwoTokens,
    #[error("the session token of S3 Express goes with signatures for `s3express` alone")]
    ExpressToken,
    #[error("the credential's access key id is not 1 to 128 letters, digits and `_`")]
    KeyId,
    #[error("the credential scope is not `KEYID/yyyymmdd/region/service/aws4_request`")]
    Scope,
    #[error("the signature is not 64 lower-case hex digits")]
    Signature,
    #[error("the request has neither `x-amz-date` nor `date`")]
    NoDate,
    #[error("the date of the signature is not of the form `20261125T093000Z`")]
    Date,
    #[error("the date of the signature is not on the day of the credential scope")]
    DateOutsideScope,
    #[error("`X-Amz-Expires` is not a number of seconds from 1 to {MAX_EXPIRES}")]
    Expires,
    #[error("the signed headers `{0}` are not lower case, sorted and distinct")]
    SignedHeaders(String),
    #[error("the header `{0}` is listed as signed but was not sent")]
    SignedHeaderAbsent(String),
    #[error("the header `{0}` must be signed")]
    NotSigned(String),
    #[error("`x-amz-content-sha256` is required for S3")]
    NoPayloadHash,
    #[error("`x-amz-content-sha256` is neither a SHA-256 in lower-case hex nor a known mode")]
    PayloadMode,
    #[error("the service does not take this `x-amz-content-sha256`; sign the hash of the body")]
    ModeNotForService,
    #[error("the path does not begin with `/`")]
    Path,
    #[error("`aws-chunked` framing and `x-amz-content-sha256` do not agree")]
    StrayFraming,
    #[error("a streaming payload needs `x-amz-decoded-content-length`")]
    NoDecodedLength,
    #[error("`x-amz-decoded-content-length` is not a length in bytes")]
    DecodedLength,
    #[error("a payload with a trailer needs `x-amz-trailer`")]
    NoTrailer,
    #[error("`{0}` cannot be a trailer; only one `x-amz-checksum-` header can")]
    Trailer(String),
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Query(#[from] MalformedQuery),
}

impl ClaimError {
    /// What to do about it, as constant text that may be shown to an agent: nothing of the
    /// request is in it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Missing => {
                "Use the access key that Cordon gave to this session. What AWS takes unsigned \
                 (AssumeRoleWithWebIdentity) is signed here, too: unset \
                 AWS_WEB_IDENTITY_TOKEN_FILE and assume the role by sts:AssumeRole."
            }
            Self::SigV2 => {
                "Signature Version 2 is not accepted. Sign with Signature Version 4; in boto3: \
                 Config(signature_version=\"s3v4\")."
            }
            Self::SigV4A => {
                "SigV4A (AWS4-ECDSA-P256-SHA256) is not supported, and with it multi-region \
                 access points. Sign with AWS4-HMAC-SHA256 for one region."
            }
            Self::Bearer | Self::Scheme(_) => {
                "Sign with AWS4-HMAC-SHA256 and the access key that Cordon gave to this session; \
                 other kinds of credentials are not accepted."
            }
            Self::TwoTokens => {
                "Send the session token that came with the access key, and no other: of S3's \
                 CreateSession in x-amz-s3session-token, of STS in x-amz-security-token."
            }
            Self::ExpressToken => {
                "The keys of S3's CreateSession are for directory buckets (NAME--ZONE--x-s3), whose \
                 calls are signed for s3express. Sign this call with the access key that Cordon \
                 gave to this session."
            }
            Self::NotSigned(_) | Self::SignedHeaderAbsent(_) | Self::SignedHeaders(_) => {
                "Sign every header that has an effect: host, content-type and all that begin \
                 with x-amz-. Something between the client and Cordon may also have added or \
                 removed one."
            }
            Self::ModeNotForService => "Sign the hash of the body; this service takes no other.",
            Self::NoDate | Self::Date | Self::DateOutsideScope => {
                "Send x-amz-date in the form 20261125T093000Z, on the day of the credential scope, \
                 and sign it."
            }
            Self::Mixed | Self::Repeated(_) | Self::LookAlike(_) => {
                "Give each part of the signature once, in the header or in the query. Something \
                 between the client and Cordon may also have added one."
            }
            Self::NoPayloadHash | Self::PayloadMode => {
                "Send x-amz-content-sha256 with the hash of the body in lower-case hex, as S3 \
                 wants it."
            }
            Self::StrayFraming
            | Self::NoDecodedLength
            | Self::DecodedLength
            | Self::NoTrailer
            | Self::Trailer(_) => {
                "An upload in aws-chunked framing needs x-amz-content-sha256, \
                 x-amz-decoded-content-length and x-amz-trailer that agree with it; or sign the \
                 hash of the body and send it without chunks."
            }
            Self::Expires => "Presign for 1 second to 7 days.",
            Self::NoPart(_)
            | Self::UnknownPart
            | Self::Unreadable(_)
            | Self::KeyId
            | Self::Scope
            | Self::Signature
            | Self::Path
            | Self::Header(_)
            | Self::Query(_) => {
                "Use a supported SDK or CLI version, and sign with AWS4-HMAC-SHA256."
            }
        }
    }

    /// Whether the request simply carries no signature, which is a missing identity rather than
    /// a malformed one.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        *self == Self::Missing
    }
}
