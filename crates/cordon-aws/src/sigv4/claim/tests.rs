//! A request makes one claim in one form, or none.

use super::{Claim, ClaimError, ClaimedPayload, Form, PayloadMode};
use crate::emit::{Emission, EmittedBody};
use crate::endpoint::Destination;
use crate::request::{Body, HeaderError, Request};
use crate::sigv4::{
    DEFAULT_SKEW, MalformedQuery, SecretKey, SessionToken, SigningCredentials, SigningKeys,
    SigningTarget, Transport, VerifyError, sign, verify,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::SignedDuration;

const NOW: &str = "2026-11-25T09:30:00Z";

/// A call that is signed by header, for `service`.
fn signed(service: &str) -> Request {
    let credentials = SigningCredentials::new(
        "AKIACORDONEXAMPLE000".parse().unwrap(),
        SecretKey::new("secret".into()),
        None,
    );
    let body = Bytes::from_static(b"{}");
    let mut emission = Emission {
        method: Method::POST,
        path: "/".into(),
        query: None,
        headers: HeaderMap::new(),
        host: String::new(),
        body: EmittedBody::Whole(body.clone()),
    };
    let json = HeaderValue::from_static("application/x-amz-json-1.0");
    emission.headers.insert("content-type", json);
    let target = SigningTarget {
        authority: "dynamodb.eu-west-1.amazonaws.com",
        service,
        region: &"eu-west-1".parse().unwrap(),
        transport: Transport::Tls,
    };
    let now = NOW.parse().unwrap();
    sign(&mut emission, &target, &credentials, None, now).unwrap();
    Request {
        method: emission.method,
        path: emission.path,
        query: None,
        headers: emission.headers,
        destination: Destination::Own {
            prefix: String::new(),
        },
        body: Body::Whole(body),
    }
}

/// The signed call with its authorization header rewritten.
fn rewritten(from: &str, to: &str) -> Request {
    let request = signed("dynamodb");
    let header = request.headers["authorization"].to_str().unwrap();
    assert!(header.contains(from), "{header} has no {from}");
    let header = header.replacen(from, to, 1);
    with(request, "authorization", &header)
}

fn with(mut request: Request, name: &'static str, value: &str) -> Request {
    let value = HeaderValue::from_str(value).unwrap();
    request.headers.insert(HeaderName::from_static(name), value);
    request
}

fn also(mut request: Request, name: &'static str, value: &str) -> Request {
    let value = HeaderValue::from_str(value).unwrap();
    request.headers.append(HeaderName::from_static(name), value);
    request
}

fn without(mut request: Request, name: &str) -> Request {
    request.headers.remove(name);
    request
}

fn refused(request: Request) -> ClaimError {
    Claim::of(&request).unwrap_err()
}

#[test]
fn other_credentials_are_refused_by_name() {
    for (header, error) in [
        ("Bearer eyJhbGciOi", ClaimError::Bearer),
        ("AWS AKIACORDONEXAMPLE000:c2ln", ClaimError::SigV2),
        ("AWS4-ECDSA-P256-SHA256 Credential=a", ClaimError::SigV4A),
        ("Basic dTpw", ClaimError::Scheme("Basic".into())),
        ("", ClaimError::Scheme(String::new())),
    ] {
        let request = with(signed("s3"), "authorization", header);
        assert_eq!(refused(request), error, "{header}");
    }
    let anonymous = without(signed("s3"), "authorization");
    assert!(refused(anonymous.clone()).is_missing());
    for (query, error) in [
        (
            "AWSAccessKeyId=AKIA&Signature=c2ln&Expires=1",
            ClaimError::SigV2,
        ),
        ("X-Amz-Region-Set=*", ClaimError::SigV4A),
    ] {
        let request = Request {
            query: Some(query.into()),
            ..anonymous.clone()
        };
        assert_eq!(refused(request), error, "{query}");
    }
    let bearer = "x-amz-bearer-token";
    let request = with(signed("s3"), bearer, "t");
    assert_eq!(refused(request), ClaimError::Scheme(bearer.into()));
    assert!(
        ClaimError::SigV2
            .to_string()
            .contains("signature_version=\"s3v4\"")
    );
    assert!(
        ClaimError::SigV2
            .advice()
            .contains("signature_version=\"s3v4\"")
    );
}

#[test]
fn credentials_come_once_and_in_one_form() {
    let twice = also(
        signed("s3"),
        "authorization",
        "AWS4-HMAC-SHA256 Credential=b",
    );
    let repeated = |name: &str| ClaimError::Header(HeaderError::Repeated(name.into()));
    assert_eq!(refused(twice), repeated("authorization"));
    for name in ["host", "x-amz-date", "x-amz-content-sha256"] {
        let request = also(signed("s3"), name, "again");
        assert_eq!(refused(request), repeated(name));
    }
    for query in [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Signature=0",
        "X-Amz-Security-Token=t",
        "X-Amz-S3session-Token=t",
        "a=1&X%2DAmz-Credential=b",
    ] {
        let request = Request {
            query: Some(query.into()),
            ..signed("s3")
        };
        assert_eq!(refused(request), ClaimError::Mixed, "{query}");
    }
    for (query, error) in [
        (
            "x-amz-signature=0",
            ClaimError::LookAlike("X-Amz-Signature"),
        ),
        (
            "X-AMZ-CREDENTIAL=0",
            ClaimError::LookAlike("X-Amz-Credential"),
        ),
        (
            "a=%4",
            ClaimError::Query(MalformedQuery::Escape("%4".into())),
        ),
        (
            "a%zz",
            ClaimError::Query(MalformedQuery::Escape("a%zz".into())),
        ),
    ] {
        let request = Request {
            query: Some(query.into()),
            ..signed("s3")
        };
        assert_eq!(refused(request), error, "{query}");
    }
    let repeated = rewritten(", Signature=", ", Credential=b, Signature=");
    assert_eq!(refused(repeated), ClaimError::Repeated("Credential"));
    let unknown = rewritten(", Signature=", ", Extra=b, Signature=");
    assert_eq!(refused(unknown), ClaimError::UnknownPart);
    let absent = rewritten("SignedHeaders=", "Signature=");
    assert_eq!(refused(absent), ClaimError::Repeated("Signature"));
}

#[test]
fn a_scope_has_five_parts_and_the_day_of_the_date() {
    for (from, to, error) in [
        ("/aws4_request", "/aws4", ClaimError::Scope),
        ("/aws4_request", "/aws4_request/", ClaimError::Scope),
        ("/dynamodb/", "//", ClaimError::Scope),
        ("/dynamodb/", "/dynamo db/", ClaimError::Scope),
        ("/eu-west-1/", "/EU-WEST-1/", ClaimError::Scope),
        ("/eu-west-1/", "/*/", ClaimError::Scope),
        ("/20261125/", "/2026112/", ClaimError::Scope),
        ("/20261125/", "/2026112x/", ClaimError::Scope),
        ("/20261125/", "/20261124/", ClaimError::DateOutsideScope),
        ("AKIACORDONEXAMPLE000", "", ClaimError::KeyId),
        ("AKIACORDONEXAMPLE000", "a-b", ClaimError::KeyId),
    ] {
        assert_eq!(refused(rewritten(from, to)), error, "{from} {to}");
    }
    let long = "A".repeat(129);
    let request = rewritten("AKIACORDONEXAMPLE000", &long);
    assert_eq!(refused(request), ClaimError::KeyId);
    for date in [
        "",
        "20261125",
        "20261125T093000",
        "20261325T093000Z",
        "20261125T253000Z",
    ] {
        let request = with(signed("s3"), "x-amz-date", date);
        assert_eq!(refused(request), ClaimError::Date, "{date}");
    }
}

#[test]
fn a_signature_is_sixty_four_small_hex_digits() {
    let request = signed("dynamodb");
    let header = request.headers["authorization"].to_str().unwrap();
    let (start, signature) = header.split_once("Signature=").unwrap();
    for spoiled in [
        String::new(),
        signature.to_uppercase().replace(char::is_numeric, "A"),
        format!("{signature}0"),
        signature.replacen(char::is_alphanumeric, "", 1),
        signature.replacen(char::is_alphanumeric, "g", 1),
    ] {
        let header = format!("{start}Signature={spoiled}");
        let request = with(request.clone(), "authorization", &header);
        assert_eq!(refused(request), ClaimError::Signature, "{spoiled}");
    }
}

#[test]
fn what_has_an_effect_is_signed() {
    let list = "SignedHeaders=content-type;host;x-amz-date";
    for (to, error) in [
        ("host;content-type;x-amz-date", None),
        ("content-type;host;host;x-amz-date", None),
        ("Content-Type;host;x-amz-date", None),
        ("", None),
        ("content-type;x-amz-date", Some("host")),
        ("content-type;host", Some("x-amz-date")),
        ("host;x-amz-date", Some("content-type")),
    ] {
        let request = rewritten(list, &format!("SignedHeaders={to}"));
        let expected = match error {
            Some(name) => ClaimError::NotSigned(name.into()),
            None => ClaimError::SignedHeaders(to.into()),
        };
        assert_eq!(refused(request), expected, "{to}");
    }
    let absent = rewritten(list, "SignedHeaders=content-type;host;x-amz-a;x-amz-date");
    assert_eq!(
        refused(absent),
        ClaimError::SignedHeaderAbsent("x-amz-a".into())
    );
    for name in [
        "x-amz-target",
        "x-amz-security-token",
        "x-amz-copy-source",
        "x-amzn-query-mode",
        "smithy-protocol",
        "content-encoding",
    ] {
        let request = with(signed("dynamodb"), name, "v");
        assert_eq!(refused(request), ClaimError::NotSigned(name.into()));
    }
    let mut ordinary = signed("dynamodb");
    for name in [
        "user-agent",
        "x-amzn-trace-id",
        "amz-sdk-request",
        "expect",
        "cache-control",
        "accept",
        "traceparent",
    ] {
        ordinary = with(ordinary, name, "v");
    }
    Claim::of(&ordinary).unwrap();
}

#[test]
fn a_payload_mode_fits_its_service() {
    let mode = |service, mode: &str| {
        let request = with(signed(service), "x-amz-content-sha256", mode);
        let header = request.headers["authorization"]
            .to_str()
            .unwrap()
            .to_owned();
        let header = header.replacen("host;x-amz-date", "host;x-amz-content-sha256;x-amz-date", 1);
        with(request, "authorization", &header)
    };
    for (service, text, error) in [
        ("s3", "", ClaimError::PayloadMode),
        ("s3", "STREAMING-PAYLOAD", ClaimError::PayloadMode),
        ("s3", "unsigned-payload", ClaimError::PayloadMode),
        (
            "dynamodb",
            "UNSIGNED-PAYLOAD",
            ClaimError::ModeNotForService,
        ),
        (
            "dynamodb",
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            ClaimError::ModeNotForService,
        ),
        (
            "s3",
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
            ClaimError::SigV4A,
        ),
        (
            "s3",
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            ClaimError::NoDecodedLength,
        ),
        (
            "s3",
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            ClaimError::NoTrailer,
        ),
    ] {
        assert_eq!(refused(mode(service, text)), error, "{service} {text}");
    }
    let no_hash = without(signed("s3"), "x-amz-content-sha256");
    assert_eq!(refused(no_hash), ClaimError::NoPayloadHash);
    let unsigned = Claim::of(&mode("ebs", "UNSIGNED-PAYLOAD")).unwrap();
    assert_eq!(
        *unsigned.payload(),
        ClaimedPayload::Declared(PayloadMode::Unsigned)
    );
    let implied = Claim::of(&signed("dynamodb")).unwrap();
    assert_eq!(*implied.payload(), ClaimedPayload::Implied);

    let trailer = mode("s3", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    for name in [
        "host",
        "x-amz-meta-a",
        "authorization",
        "x-amz-checksum-crc32,host",
        "X-Amz-Checksum-CRC32",
    ] {
        let request = with(trailer.clone(), "x-amz-trailer", name);
        assert_eq!(refused(request), ClaimError::Trailer(name.into()));
    }
    let length = "x-amz-decoded-content-length";
    for value in [
        "",
        "-1",
        "+1",
        "1 ",
        "0x1",
        "99999999999999",
        "184467440737095516160",
    ] {
        let request = with(trailer.clone(), "x-amz-trailer", "x-amz-checksum-crc32");
        let request = with(request, length, value);
        assert_eq!(refused(request), ClaimError::DecodedLength, "{value}");
    }
}

/// A presigned URL, with one parameter set to something else or taken out.
fn presigned(name: &str, value: Option<&str>) -> Request {
    let mut parameters = vec![
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        (
            "X-Amz-Credential",
            "AKIACORDONEXAMPLE000/20261125/eu-west-1/s3/aws4_request",
        ),
        ("X-Amz-Date", "20261125T093000Z"),
        ("X-Amz-Expires", "900"),
        ("X-Amz-SignedHeaders", "host"),
        (
            "X-Amz-Signature",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
    ];
    parameters.retain(|(key, _)| *key != name);
    parameters.extend(value.map(|value| (name, value)));
    let pairs: Vec<String> = parameters
        .into_iter()
        .map(|(key, value)| format!("{key}={}", value.replace('/', "%2F")))
        .collect();
    let mut request = without(signed("s3"), "authorization");
    request.query = Some(pairs.join("&"));
    for name in ["x-amz-date", "x-amz-content-sha256"] {
        request.headers.remove(name);
    }
    request
}

#[test]
fn a_presigned_request_has_all_its_parts_and_a_bounded_life() {
    let claim = Claim::of(&presigned("", None)).unwrap();
    let expires = SignedDuration::from_secs(900);
    assert_eq!(claim.form(), Form::Presigned { expires });
    for name in [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
    ] {
        let error = refused(presigned(name, None));
        assert_eq!(error, ClaimError::NoPart(name), "{name}");
    }
    for value in ["0", "-1", "604801", "", "1.5", "+900", "9999999", "0900000"] {
        let error = refused(presigned("X-Amz-Expires", Some(value)));
        assert_eq!(error, ClaimError::Expires, "{value}");
    }
    for value in ["1", "604800"] {
        Claim::of(&presigned("X-Amz-Expires", Some(value))).unwrap();
    }
    let v4a = presigned("X-Amz-Algorithm", Some("AWS4-ECDSA-P256-SHA256"));
    assert_eq!(refused(v4a), ClaimError::SigV4A);
    let mut twice = presigned("", None);
    let query = twice.query.take().unwrap();
    twice.query = Some(format!("{query}&X-Amz-Expires=900"));
    assert_eq!(refused(twice), ClaimError::Repeated("X-Amz-Expires"));
    for name in [
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-s3session-token",
    ] {
        let request = with(presigned("", None), name, "20261125T093000Z");
        assert_eq!(refused(request), ClaimError::Mixed, "{name}");
    }
    let extra = with(presigned("", None), "x-amz-acl", "public-read");
    assert_eq!(refused(extra), ClaimError::NotSigned("x-amz-acl".into()));
    let streaming = presigned(
        "X-Amz-Content-Sha256",
        Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
    );
    assert_eq!(refused(streaming), ClaimError::ModeNotForService);
}

/// A call with these headers, which are named as signed.
fn with_signed(service: &str, headers: &[(&'static str, &str)]) -> Request {
    let mut request = signed(service);
    let header = request.headers["authorization"].to_str().unwrap();
    let (before, rest) = header.split_once("SignedHeaders=").unwrap();
    let (list, after) = rest.split_once(',').unwrap();
    let mut names: Vec<&str> = list.split(';').collect();
    names.extend(headers.iter().map(|(name, _)| *name));
    names.sort_unstable();
    let header = format!("{before}SignedHeaders={},{after}", names.join(";"));
    for (name, value) in headers {
        request = with(request, name, value);
    }
    with(request, "authorization", &header)
}

#[test]
fn a_request_has_one_session_token_and_that_of_express_for_directory_buckets_alone() {
    let sts = ("x-amz-security-token", "of sts");
    let express = ("x-amz-s3session-token", "of a bucket");
    for service in ["s3", "s3express", "dynamodb"] {
        let both = with_signed(service, &[sts, express]);
        assert_eq!(refused(both), ClaimError::TwoTokens, "{service}");
    }
    for service in ["s3", "s3-outposts", "s3-object-lambda", "sts", "dynamodb"] {
        let elsewhere = with_signed(service, &[express]);
        assert_eq!(refused(elsewhere), ClaimError::ExpressToken, "{service}");
    }
    let unsigned = with(signed("s3express"), express.0, express.1);
    assert_eq!(refused(unsigned), ClaimError::NotSigned(express.0.into()));
    let twice = also(with_signed("s3express", &[express]), express.0, "other");
    let repeated = ClaimError::Header(HeaderError::Repeated(express.0.into()));
    assert_eq!(refused(twice), repeated);

    let claim = Claim::of(&with_signed("s3express", &[express])).unwrap();
    let token = claim.token().unwrap();
    assert!(matches!(token, SessionToken::Express(_)));
    assert_eq!(token.secret().expose(), express.1);
    let claim = Claim::of(&with_signed("s3express", &[sts])).unwrap();
    assert!(matches!(claim.token(), Some(SessionToken::Sts(_))));
    // The same secret as a token of the other kind is another token.
    let secret = || SecretKey::new("t".into());
    let (sts, express) = (SessionToken::Sts(secret()), SessionToken::Express(secret()));
    assert!(sts.matches(&sts.clone()) && express.matches(&express.clone()));
    assert!(!sts.matches(&express) && !express.matches(&sts));
}

#[test]
fn a_presigned_request_has_one_session_token_as_well() {
    let zonal = |more: &str| {
        let mut request = presigned("", None);
        let query = request.query.take().unwrap();
        let query = query.replace("%2Fs3%2F", "%2Fs3express%2F");
        request.query = Some(format!("{query}{more}"));
        request
    };
    let express = "&X-Amz-S3session-Token=t";
    let claim = Claim::of(&zonal(express)).unwrap();
    assert!(matches!(claim.token(), Some(SessionToken::Express(_))));
    let both = zonal("&X-Amz-S3session-Token=t&X-Amz-Security-Token=t");
    assert_eq!(refused(both), ClaimError::TwoTokens);
    let twice = zonal("&X-Amz-S3session-Token=t&X-Amz-S3session-Token=u");
    assert_eq!(
        refused(twice),
        ClaimError::Repeated("X-Amz-S3session-Token")
    );
    let folded = zonal("&x-amz-s3session-token=t");
    let look_alike = ClaimError::LookAlike("X-Amz-S3session-Token");
    assert_eq!(refused(folded), look_alike);
    let regional = presigned("X-Amz-S3session-Token", Some("t"));
    assert_eq!(refused(regional), ClaimError::ExpressToken);
}

/// Five minutes in both directions, to the second.
#[test]
fn a_signature_lives_for_the_clocks_difference() {
    let request = signed("dynamodb");
    let keys = SigningKeys::new(SecretKey::new("secret".into()));
    let at = |seconds: i64| {
        let signed_at: jiff::Timestamp = NOW.parse().unwrap();
        let now = signed_at + SignedDuration::from_secs(seconds);
        let claim = Claim::of(&request).unwrap();
        verify(&request, claim, &keys, now, DEFAULT_SKEW).map(|_| ())
    };
    for (seconds, expected) in [
        (-1200, Err(VerifyError::FromTheFuture)),
        (-301, Err(VerifyError::FromTheFuture)),
        (-300, Ok(())),
        (0, Ok(())),
        (300, Ok(())),
        (301, Err(VerifyError::TooOld)),
        (1200, Err(VerifyError::TooOld)),
    ] {
        assert_eq!(at(seconds), expected, "{seconds}");
    }
}

/// The decoy's secret is in the source for everyone to read.
#[test]
fn a_key_that_nobody_holds_verifies_nothing() {
    let decoy = SigningKeys::decoy();
    let credentials = SigningCredentials::new(
        "AKIACORDONEXAMPLE000".parse().unwrap(),
        decoy.secret().clone(),
        None,
    );
    let mut emission = Emission {
        method: Method::GET,
        path: "/".into(),
        query: None,
        headers: HeaderMap::new(),
        host: String::new(),
        body: EmittedBody::Whole(Bytes::new()),
    };
    let target = SigningTarget {
        authority: "sts.eu-west-1.amazonaws.com",
        service: "sts",
        region: &"eu-west-1".parse().unwrap(),
        transport: Transport::Tls,
    };
    let now = NOW.parse().unwrap();
    sign(&mut emission, &target, &credentials, None, now).unwrap();
    let request = Request {
        method: emission.method,
        path: emission.path,
        query: None,
        headers: emission.headers,
        destination: Destination::Own {
            prefix: String::new(),
        },
        body: Body::Whole(Bytes::new()),
    };
    let claim = || Claim::of(&request).unwrap();
    verify(&request, claim(), credentials.keys(), now, DEFAULT_SKEW).unwrap();
    let refused = verify(&request, claim(), &decoy, now, DEFAULT_SKEW).unwrap_err();
    assert_eq!(refused, VerifyError::UnknownKey);
    let shown = format!("{decoy:?} {credentials:?} {:?}", claim());
    assert!(!shown.contains("nobody holds"), "{shown}");
}
