//! The published vectors of `tests/sigv4`, as they are: canonical request, string to sign,
//! signature, verification of each signed request, and signing each request anew.

use super::canonical::{ALGORITHM, Canonical, PathRule, parameters, sha256, string_to_sign};
use super::{
    Claim, ClaimError, DEFAULT_SKEW, DateTime, SecretKey, SigningCredentials, SigningKeys,
    SigningTarget, Transport, VerifyError, sign, verify,
};
use crate::emit::{Emission, EmittedBody};
use crate::endpoint::Destination;
use crate::request::{Body, Request};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::path::{Path, PathBuf};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

#[test]
fn the_archived_suite_holds() {
    let cases = folders_with("archived", "authz");
    assert_eq!(cases.len(), 34);
    for case in &cases {
        let name = case.file_name().unwrap().to_str().unwrap();
        let file = |extension: &str| read(&case.join(format!("{name}.{extension}")));
        let mut signed = parse(&file("sreq"));
        // The signed request of `get-vanilla-with-session-token` was published with a part of
        // the token in the signature's place; the authorization header by itself is right.
        let authorization = HeaderValue::from_str(&file("authz")).unwrap();
        signed.headers.insert("authorization", authorization);
        check_texts(name, &signed, true, &file("creq"), &file("sts"));
        check_verify(name, &signed);
        check_signing(name, &parse(&file("req")), &file("creq"), &file("authz"));
    }
}

#[test]
fn the_suite_of_aws_c_auth_holds() {
    let cases = folders_with("aws-c-auth", "txt");
    assert_eq!(cases.len(), 40);
    for case in &cases {
        let name = case.file_name().unwrap().to_str().unwrap();
        let normalise = !optional(&case.join("context.json"))
            .is_some_and(|context| context.contains("\"normalize\": false"));
        if name == "double-encode-path" {
            check_double_encode_path(case);
            continue;
        }
        for form in ["header", "query"] {
            let Some(text) = optional(&case.join(format!("{form}-signed-request.txt"))) else {
                continue;
            };
            let signed = parse(&text);
            let canonical = read(&case.join(format!("{form}-canonical-request.txt")));
            let sts = read(&case.join(format!("{form}-string-to-sign.txt")));
            check_texts(name, &signed, normalise, &canonical, &sts);
            check_verify(name, &signed);
        }
    }
}

/// Canonical request, string to sign and signature of a signed request are those of the suite.
fn check_texts(name: &str, request: &Request, normalise: bool, canonical: &str, sts: &str) {
    let (signed_headers, credential, signature) = signature_parts(request);
    let rule = match normalise {
        true => PathRule::Normalised,
        false => PathRule::Encoded,
    };
    let text = canonical_request(name, request, rule, &signed_headers);
    assert_eq!(
        String::from_utf8(text.clone()).unwrap(),
        canonical,
        "{name}"
    );
    let (_, scope) = super::claim::parse_credential(&credential).unwrap();
    let to_sign = string_to_sign(signed_at(request), &scope, &text);
    assert_eq!(
        String::from_utf8(to_sign.clone()).unwrap(),
        sts.trim_end(),
        "{name}"
    );
    let keys = SigningKeys::new(SecretKey::new(SECRET.into()));
    let computed = hex::encode(keys.key(&scope).sign(&to_sign));
    assert_eq!(computed, signature, "{name}");
}

fn canonical_request(
    name: &str,
    request: &Request,
    rule: PathRule,
    signed_headers: &str,
) -> Vec<u8> {
    let query = query_without_late_token(name, request);
    let canonical = Canonical {
        method: request.method.as_str(),
        path: &request.path,
        rule,
        query: query.as_deref(),
        headers: &request.headers,
        signed_headers,
        payload: &hex::encode(sha256(request.whole_body())),
    };
    canonical.request().unwrap()
}

/// `double-encode-path` was published with the canonical request of another day, and signed with
/// a secret that was not published: all but the date is compared.
fn check_double_encode_path(case: &Path) {
    let mut request = parse(&read(&case.join("header-signed-request.txt")));
    let (signed_headers, _, _) = signature_parts(&request);
    let date = HeaderValue::from_static("20210511T154045Z");
    request.headers.insert("x-amz-date", date);
    let text = canonical_request("", &request, PathRule::Normalised, &signed_headers);
    let published = read(&case.join("header-canonical-request.txt"));
    assert_eq!(String::from_utf8(text).unwrap(), published.trim_end());
}

/// The request is accepted as a whole, at its time and with its key; but not with another key,
/// and not at another time.
fn check_verify(name: &str, request: &Request) {
    let now = signed_at(request).moment().unwrap();
    let attempt = |secret: &str, now| {
        let keys = SigningKeys::new(SecretKey::new(secret.into()));
        let claim = Claim::of(request).map_err(Refused::Claim)?;
        verify(request, claim, &keys, now, DEFAULT_SKEW).map_err(Refused::Verify)
    };
    let held = attempt(SECRET, now).map(|verified| verified.key_id().clone());
    match (name, held) {
        ("post-sts-header-after", Err(Refused::Claim(ClaimError::NotSigned(header)))) => {
            assert_eq!(header, "x-amz-security-token");
        }
        ("post-sts-header-after", Err(Refused::Verify(VerifyError::Signature))) => {}
        (_, held) => assert_eq!(held.unwrap().as_str(), "AKIDEXAMPLE", "{name}"),
    }
    assert!(attempt("other", now).is_err(), "{name}");
    let week = jiff::SignedDuration::from_hours(24 * 7 + 1);
    assert!(attempt(SECRET, now + week).is_err(), "{name}");
    assert!(attempt(SECRET, now - week).is_err(), "{name}");
}

#[derive(Debug)]
enum Refused {
    Claim(ClaimError),
    Verify(VerifyError),
}

/// Signing the unsigned request gives the very header of the suite.
fn check_signing(name: &str, request: &Request, canonical: &str, authorization: &str) {
    let token = canonical
        .lines()
        .find_map(|line| line.strip_prefix("x-amz-security-token:"))
        .map(|token| SecretKey::new(token.to_owned()));
    let credentials = SigningCredentials::new(
        "AKIDEXAMPLE".parse().unwrap(),
        SecretKey::new(SECRET.into()),
        token,
    );
    let mut emission = Emission {
        method: request.method.clone(),
        path: request.path.clone(),
        query: request.query.clone(),
        headers: request.headers.clone(),
        host: String::new(),
        body: EmittedBody::Whole(Bytes::copy_from_slice(request.whole_body())),
    };
    let target = SigningTarget {
        authority: "example.amazonaws.com",
        service: "service",
        region: &"us-east-1".parse().unwrap(),
        transport: Transport::Tls,
    };
    let now = "2015-08-30T12:36:00Z".parse().unwrap();
    sign(&mut emission, &target, &credentials, None, now).unwrap();
    assert_eq!(emission.headers["authorization"], authorization, "{name}");
}

/// What the suite signed before it added the token to the query.
fn query_without_late_token(name: &str, request: &Request) -> Option<String> {
    let query = request.query.as_deref()?;
    if name != "post-sts-header-after" {
        return Some(query.to_owned());
    }
    let kept = query
        .split('&')
        .filter(|pair| !pair.starts_with("X-Amz-Security-Token="));
    Some(kept.collect::<Vec<_>>().join("&"))
}

/// Signed headers, credential and signature, read apart from [`Claim::of`], which refuses some.
fn signature_parts(request: &Request) -> (String, String, String) {
    let parameter = |name: &str| {
        parameters(request.query.as_deref().unwrap_or_default())
            .map(Result::unwrap)
            .find(|(key, _)| *key == name.as_bytes())
            .map(|(_, value)| String::from_utf8(value.to_vec()).unwrap())
            .unwrap()
    };
    let Some(header) = request.headers.get("authorization") else {
        return (
            parameter("X-Amz-SignedHeaders"),
            parameter("X-Amz-Credential"),
            parameter("X-Amz-Signature"),
        );
    };
    let header = header.to_str().unwrap().strip_prefix(ALGORITHM).unwrap();
    let part = |name: &str| {
        let mut parts = header.split(',').map(str::trim);
        let part = parts.find_map(|part| part.strip_prefix(name)).unwrap();
        part.to_owned()
    };
    (
        part("SignedHeaders="),
        part("Credential="),
        part("Signature="),
    )
}

fn signed_at(request: &Request) -> DateTime {
    let header = request.single("x-amz-date").unwrap().map(str::to_owned);
    let text = header.unwrap_or_else(|| {
        let (_, date) = parameters(request.query.as_deref().unwrap())
            .map(Result::unwrap)
            .find(|(key, _)| &**key == b"X-Amz-Date")
            .unwrap();
        String::from_utf8(date.to_vec()).unwrap()
    });
    DateTime::parse(&text).unwrap()
}

/// A request as the suites write it: LF line ends, raw spaces in the path, folded headers.
fn parse(text: &str) -> Request {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let line = lines.next().unwrap();
    let line = line.strip_suffix(" HTTP/1.1").unwrap_or(line);
    let (method, target) = line.split_once(' ').unwrap();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    Request {
        method: method.parse().unwrap(),
        path: path.to_owned(),
        query,
        headers: headers(lines),
        destination: Destination::Own {
            prefix: String::new(),
        },
        body: Body::Whole(Bytes::copy_from_slice(body.as_bytes())),
    }
}

fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> HeaderMap {
    let mut unfolded: Vec<String> = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        match (line.starts_with(' '), unfolded.last_mut()) {
            (true, Some(previous)) => *previous += line,
            _ => unfolded.push(line.to_owned()),
        }
    }
    let mut headers = HeaderMap::new();
    for line in unfolded {
        let (name, value) = line.split_once(':').unwrap();
        // Other values keep their spaces, which the canonical form must trim.
        let value = match name {
            "Authorization" => value.trim(),
            _ => value,
        };
        headers.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    headers
}

/// The folders below `suite`, at any depth, that hold a file with `extension`.
fn folders_with(suite: &str, extension: &str) -> Vec<PathBuf> {
    let mut pending = vec![
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/sigv4")
            .join(suite),
    ];
    let mut found = Vec::new();
    while let Some(folder) = pending.pop() {
        #[expect(clippy::disallowed_methods, reason = "the vectors are files")]
        let entries = std::fs::read_dir(&folder).unwrap();
        let mut holds = false;
        for entry in entries.map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                pending.push(entry.path());
            }
            holds |= entry.path().extension().is_some_and(|has| has == extension);
        }
        if holds {
            found.push(folder);
        }
    }
    found.sort();
    found
}

#[expect(clippy::disallowed_methods, reason = "the vectors are files")]
fn optional(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn read(path: &Path) -> String {
    optional(path).unwrap_or_else(|| panic!("{} cannot be read", path.display()))
}
