//! Which operation: by the selectors of the protocols that the addressed services declare.
//!
//! Takes the request's head and, for form bodies, its pairs; gives every operation that the
//! request can be, best first. A selector of a protocol that none of the services declares is
//! refused rather than ignored, because whoever reads it would see another operation.

use super::error::shown;
use super::headers::Modelled;
use super::place::Place;
use super::routes::{self, Head};
use super::{IdentifyError, s3, strange};
use crate::call::Protocol;
use crate::catalog::{Catalog, Operation, Service};
use crate::protocol::form::{self, Pair, Plus};
use crate::protocol::{Name, ParseError};
use crate::request::Request;
use crate::sigv4::PRESIGNED;

const FORM: &str = "application/x-www-form-urlencoded";

/// One operation that the request can be.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) operation: Operation,
    pub(super) protocol: Protocol,
    /// Path labels, still percent-encoded.
    pub(super) labels: Vec<(&'static str, String)>,
}

/// What selecting found.
#[derive(Debug)]
pub(super) struct Selection<'r> {
    /// Best first; never empty.
    pub(super) candidates: Vec<Candidate>,
    /// Query protocols: the parameters, without selectors. REST: the query keys of the URL.
    pub(super) pairs: Vec<Pair<'r>>,
    pub(super) query_by_get: bool,
    pub(super) bucket_in_host: bool,
    /// The path of an SQS request that was posted to the queue itself.
    pub(super) queue_path: Option<&'r str>,
    pub(super) modelled: Modelled,
    /// The body was a form that stands for the query, and has been read.
    pub(super) body_in_query: bool,
}

/// Finds the operations that `request` can be.
pub(super) fn select<'r>(
    catalog: &'static Catalog,
    request: &'r Request,
    body: &'r [u8],
    place: &Place<'r>,
) -> Result<Selection<'r>, IdentifyError> {
    // Before anything is put in front of it: a bucket that stands in the host would else be
    // lengthened by what the path begins with.
    if !request.path.starts_with('/') {
        return Err(IdentifyError::Path("it does not begin with a slash"));
    }
    let url = url_pairs(request)?;
    let smithy = request.single("smithy-protocol")?;
    let target = request.single("x-amz-target")?;
    match (smithy, target) {
        (Some(_), Some(_)) => Err(IdentifyError::AmbiguousSelector(
            "by `x-amz-target` and by `smithy-protocol`",
        )),
        (Some(protocol), None) => by_cbor_path(request, place, protocol, &url),
        (None, Some(target)) => by_target(request, place, target, &url),
        (None, None) if is_query(request, place, &url)? => by_action(request, body, place, url),
        (None, None) => by_route(catalog, request, body, place, url),
    }
}

/// The pairs of the URL without those of a presigned signature, which has been verified.
fn url_pairs(request: &Request) -> Result<Vec<Pair<'_>>, IdentifyError> {
    let text = request.query.as_deref().unwrap_or_default();
    let mut pairs = form::pairs(text, Plus::Refused, "query string").map_err(in_url)?;
    if pairs.iter().any(|pair| pair.name == "X-Amz-Signature") {
        pairs.retain(|pair| !PRESIGNED.contains(&&*pair.name));
    }
    Ok(pairs)
}

fn by_cbor_path<'r>(
    request: &'r Request,
    place: &Place<'r>,
    protocol: &str,
    url: &[Pair<'_>],
) -> Result<Selection<'r>, IdentifyError> {
    if !speaks(place, &[Protocol::RpcV2Cbor]) || protocol != "rpc-v2-cbor" {
        return Err(IdentifyError::ForeignSelector("header `smithy-protocol`"));
    }
    refuse_query(url)?;
    refuse_method(request, "POST")?;
    let named = request
        .path
        .strip_prefix("/service/")
        .and_then(|rest| rest.split_once("/operation/"));
    let (service, name) = named.ok_or_else(|| unknown(place, &request.path))?;
    let operations = place
        .services
        .iter()
        .filter(|candidate| candidate.rpc_name() == service)
        .filter(|candidate| candidate.speaks(Protocol::RpcV2Cbor))
        .filter_map(|candidate| candidate.operation(name));
    rpc(place, &request.path, operations, |_| {
        Some(Protocol::RpcV2Cbor)
    })
}

fn by_target<'r>(
    request: &'r Request,
    place: &Place<'r>,
    target: &str,
    url: &[Pair<'_>],
) -> Result<Selection<'r>, IdentifyError> {
    if !speaks(place, &[Protocol::Json10, Protocol::Json11]) {
        return Err(IdentifyError::ForeignSelector("header `x-amz-target`"));
    }
    refuse_query(url)?;
    refuse_method(request, "POST")?;
    if request.path != "/" {
        return Err(IdentifyError::Path(
            "requests with a target are sent to `/`",
        ));
    }
    let (prefix, name) = target.rsplit_once('.').unwrap_or(("", ""));
    let operations = place
        .services
        .iter()
        .filter(|service| service.target_prefix() == prefix && !prefix.is_empty())
        .filter_map(|service| service.operation(name));
    let selection = rpc(place, target, operations, json_version)?;
    let kind = request.single("content-type")?.unwrap_or_default();
    let fits = selection.candidates.iter().any(|candidate| {
        let version = match candidate.protocol {
            Protocol::Json10 => "1.0",
            _ => "1.1",
        };
        kind.strip_prefix("application/x-amz-json-") == Some(version)
    });
    match fits {
        true => Ok(selection),
        false => Err(IdentifyError::ContentType(shown(kind))),
    }
}

fn json_version(service: Service) -> Option<Protocol> {
    service
        .protocols()
        .iter()
        .copied()
        .find(|protocol| matches!(protocol, Protocol::Json10 | Protocol::Json11))
}

fn rpc<'r>(
    place: &Place<'r>,
    selector: &str,
    operations: impl Iterator<Item = Operation>,
    protocol: impl Fn(Service) -> Option<Protocol>,
) -> Result<Selection<'r>, IdentifyError> {
    let candidates: Vec<Candidate> = operations
        .filter_map(|operation| {
            Some(Candidate {
                operation,
                protocol: protocol(operation.service())?,
                labels: Vec::new(),
            })
        })
        .collect();
    found(
        place,
        selector,
        candidates,
        Selection {
            candidates: Vec::new(),
            pairs: Vec::new(),
            query_by_get: false,
            bucket_in_host: false,
            queue_path: None,
            modelled: Modelled::Nothing,
            body_in_query: false,
        },
    )
}

fn found<'r>(
    place: &Place<'_>,
    selector: &str,
    mut candidates: Vec<Candidate>,
    selection: Selection<'r>,
) -> Result<Selection<'r>, IdentifyError> {
    if candidates.is_empty() {
        return Err(unknown(place, selector));
    }
    candidates.sort_by_key(|candidate| strange::preference(candidate.operation));
    Ok(Selection {
        candidates,
        ..selection
    })
}

/// Whether the request is of a query protocol: its service declares one, and it is a form that
/// is posted, or a call by GET that names its action.
fn is_query(request: &Request, place: &Place<'_>, url: &[Pair<'_>]) -> Result<bool, IdentifyError> {
    // Older clients of SQS post to the path of the queue; all others to the root.
    let is_sqs = || place.services.iter().any(|service| service.name() == "sqs");
    let at_root = request.path == "/" || is_sqs();
    if !at_root || !speaks(place, &[Protocol::Query, Protocol::Ec2]) {
        return Ok(false);
    }
    match request.method.as_str() {
        "POST" => Ok(is_form(request.single("content-type")?)),
        "GET" => Ok(url.iter().any(|pair| pair.name == "Action")),
        _ => Ok(false),
    }
}

/// A form by its content type, with the one parameter that SDKs add.
fn is_form(content_type: Option<&str>) -> bool {
    let (kind, parameter) = content_type
        .unwrap_or_default()
        .split_once(';')
        .map_or((content_type.unwrap_or_default(), ""), |(kind, rest)| {
            (kind, rest.trim())
        });
    kind == FORM && (parameter.is_empty() || parameter.eq_ignore_ascii_case("charset=utf-8"))
}

fn by_action<'r>(
    request: &'r Request,
    body: &'r [u8],
    place: &Place<'r>,
    mut url: Vec<Pair<'r>>,
) -> Result<Selection<'r>, IdentifyError> {
    let queue_path = (request.path != "/").then_some(&*request.path);
    if let Some(path) = queue_path {
        check_path(path, false)?;
    }
    let query_by_get = request.method == "GET";
    let mut pairs = match query_by_get {
        true if !body.is_empty() => {
            return Err(parameters(Protocol::Query, ParseError::UnexpectedBody));
        }
        true => std::mem::take(&mut url),
        false => form_pairs(body)?,
    };
    if url
        .iter()
        .any(|pair| matches!(&*pair.name, "Action" | "Version"))
    {
        return Err(IdentifyError::AmbiguousSelector(
            "in the body and in the URL",
        ));
    }
    let action = selector(&mut pairs, "Action")?;
    let version = selector(&mut pairs, "Version")?;
    let candidates: Vec<Candidate> = place
        .services
        .iter()
        .filter(|service| service.api_version() == version)
        .filter_map(|service| Some((query_protocol(*service)?, service.operation(&action)?)))
        // Import/Export may name its operation in the URL as well.
        .filter(|(_, operation)| has_static_query(*operation, &url))
        .map(|(protocol, operation)| Candidate {
            operation,
            protocol,
            labels: Vec::new(),
        })
        .collect();
    let selector = format!("{action} of version {version}");
    found(
        place,
        &selector,
        candidates,
        Selection {
            candidates: Vec::new(),
            pairs,
            query_by_get,
            bucket_in_host: false,
            queue_path,
            modelled: Modelled::Nothing,
            body_in_query: false,
        },
    )
}

fn form_pairs(body: &[u8]) -> Result<Vec<Pair<'_>>, IdentifyError> {
    std::str::from_utf8(body)
        .map_err(|_| ParseError::malformed("form body", "invalid UTF-8"))
        .and_then(|text| form::pairs(text, Plus::Space, "form body"))
        .map_err(|error| parameters(Protocol::Query, error))
}

/// Takes a selector out of the pairs. Twice is two calls to some reader.
fn selector(pairs: &mut Vec<Pair<'_>>, name: &'static str) -> Result<String, IdentifyError> {
    match form::take(pairs, name) {
        Ok(Some(value)) => Ok(value.into_owned()),
        Ok(None) => Err(parameters(
            Protocol::Query,
            ParseError::Missing(Name::new(name)),
        )),
        Err(ParseError::Duplicate(_)) => Err(IdentifyError::AmbiguousSelector(
            "`Action` or `Version` is repeated",
        )),
        Err(error) => Err(parameters(Protocol::Query, error)),
    }
}

fn query_protocol(service: Service) -> Option<Protocol> {
    service
        .protocols()
        .iter()
        .copied()
        .find(|protocol| matches!(protocol, Protocol::Query | Protocol::Ec2))
}

fn has_static_query(operation: Operation, url: &[Pair<'_>]) -> bool {
    let wanted = operation.static_query();
    url.is_empty()
        || wanted.len() == url.len()
            && wanted.iter().all(|(name, value)| {
                url.iter()
                    .any(|pair| pair.name == *name && pair.value.as_deref() == *value)
            })
}

fn by_route<'r>(
    catalog: &'static Catalog,
    request: &'r Request,
    body: &'r [u8],
    place: &Place<'r>,
    mut url: Vec<Pair<'r>>,
) -> Result<Selection<'r>, IdentifyError> {
    let id = form::take(&mut url, "x-id").map_err(in_url)?;
    let selector = || format!("{} {}", request.method, request.path);
    let is_s3 = |service: &Service| service.name() == "s3";
    let s3_path = match place.services.iter().any(is_s3) {
        true => Some(s3::bucket_path(place, &request.path)?),
        false => None,
    };
    let body_in_query = is_long_search(request, place)?;
    let method = match body_in_query {
        true => {
            url.extend(form_pairs(body)?);
            "GET"
        }
        false => request.method.as_str(),
    };
    let mut matches: Vec<(usize, bool, Candidate)> = Vec::new();
    let mut not_canonical = None;
    for service in &place.services {
        let Some(protocol) = rest_protocol(*service) else {
            continue;
        };
        let path = match &s3_path {
            Some(bucket) if is_s3(service) => &*bucket.path,
            _ => &request.path,
        };
        if let Err(error) = check_path(path, is_s3(service)) {
            not_canonical = Some(error);
            continue;
        }
        let head = Head {
            method,
            path,
            query: &url,
            headers: &request.headers,
        };
        for found in routes::of(catalog, *service).find(head) {
            if !is_s3(service) && hides_slash(&found) {
                not_canonical = Some(IdentifyError::Path(
                    "an encoded slash where a plain one says the same",
                ));
                continue;
            }
            let labels = found
                .labels
                .iter()
                .map(|(name, text)| (*name, (*text).to_owned()));
            let candidate = Candidate {
                operation: found.operation,
                protocol,
                labels: labels.collect(),
            };
            matches.push((found.demands, found.exact, candidate));
        }
    }
    let mut candidates = keep_best(matches);
    candidates.retain(|candidate| {
        strange::fits_scope(candidate.operation, place.signing_name, &request.path)
    });
    candidates.sort_by_key(|candidate| strange::preference(candidate.operation));
    if let (true, Some(error)) = (candidates.is_empty(), not_canonical) {
        return Err(error);
    }
    if let Some(id) = id {
        candidates.retain(|candidate| candidate.operation.name() == id);
        if candidates.is_empty() {
            return Err(IdentifyError::ContradictingId(shown(&id)));
        }
    }
    if candidates.is_empty() {
        return Err(unknown(place, &selector()));
    }
    Ok(Selection {
        candidates,
        pairs: url,
        query_by_get: false,
        bucket_in_host: s3_path.is_some_and(|bucket| bucket.in_host),
        queue_path: None,
        modelled: Modelled::Headers,
        body_in_query,
    })
}

/// Those that demand most of what the request has. Where two differ by the slash at the end alone,
/// the one that is spelt as the request wins.
fn keep_best(mut matches: Vec<(usize, bool, Candidate)>) -> Vec<Candidate> {
    let most = matches.iter().map(|(demands, ..)| *demands).max();
    matches.retain(|(demands, ..)| Some(*demands) == most);
    if matches.iter().any(|(_, exact, _)| *exact) {
        matches.retain(|(_, exact, _)| *exact);
    }
    matches
        .into_iter()
        .map(|(.., candidate)| candidate)
        .collect()
}

/// SDKs turn CloudSearch's only call with a long query into a form, which the domain reads as it
/// reads the query.
fn is_long_search(request: &Request, place: &Place<'_>) -> Result<bool, IdentifyError> {
    let is_search = place
        .services
        .iter()
        .any(|service| service.name() == "cloudsearchdomain")
        && request.method == "POST"
        && request.path == "/2013-01-01/search";
    Ok(is_search && is_form(request.single("content-type")?))
}

fn rest_protocol(service: Service) -> Option<Protocol> {
    service
        .protocols()
        .iter()
        .copied()
        .find(|protocol| matches!(protocol, Protocol::RestJson | Protocol::RestXml))
}

/// Refuses a path that readers could understand as another one. S3 takes keys as they are, dots
/// and doubled slashes included; all other services normalise first, so that only what
/// normalising leaves alone has one meaning.
fn check_path(path: &str, s3: bool) -> Result<(), IdentifyError> {
    let refuse = |reason| Err(IdentifyError::Path(reason));
    if path
        .bytes()
        .any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'\\' | b'+' | b'#'))
    {
        return refuse("a character that must be encoded");
    }
    if s3 {
        return Ok(());
    }
    if path.contains("//") {
        return refuse("an empty segment");
    }
    if path.contains(';') {
        return refuse("path parameters");
    }
    let dots = |segment: &str| matches!(segment, "." | "..");
    if path.split('/').any(dots) {
        return refuse("a dot segment");
    }
    match encodes_plain_characters(path) {
        true => refuse("an encoded character that needs no encoding"),
        false => Ok(()),
    }
}

/// Whether a label that may hold slashes has an encoded one. It is written back as a plain slash,
/// and the path that then leaves could be that of another operation: the routes saw one segment.
/// S3 keeps the whole of a path behind the bucket as the key, whatever its slashes.
fn hides_slash(found: &routes::Match<'_>) -> bool {
    found.labels.iter().any(|(name, text)| {
        let encoded = |after: &str| {
            after
                .get(..2)
                .is_some_and(|digits| digits.eq_ignore_ascii_case("2f"))
        };
        text.split('%').skip(1).any(encoded)
            && found.operation.path().contains(&format!("{{{name}+}}"))
    })
}

/// Whether letters, digits, `-`, `.`, `_` or `~` are percent-encoded, which no client does and
/// which would hide a literal segment from the routes.
fn encodes_plain_characters(path: &str) -> bool {
    path.split('%').skip(1).any(|after| {
        after
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .is_some_and(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
            })
    })
}

fn speaks(place: &Place<'_>, protocols: &[Protocol]) -> bool {
    place
        .services
        .iter()
        .any(|service| protocols.iter().any(|protocol| service.speaks(*protocol)))
}

fn refuse_query(url: &[Pair<'_>]) -> Result<(), IdentifyError> {
    match url.first() {
        None => Ok(()),
        Some(pair) if pair.name == "Action" => {
            Err(IdentifyError::ForeignSelector("`Action` in the URL"))
        }
        Some(pair) => Err(in_url(ParseError::Unknown(Name::new(&pair.name)))),
    }
}

fn refuse_method(request: &Request, method: &str) -> Result<(), IdentifyError> {
    match request.method == method {
        true => Ok(()),
        false => Err(IdentifyError::UnknownOperation {
            service: String::new(),
            selector: format!("{} {}", request.method, shown(&request.path)),
        }),
    }
}

fn unknown(place: &Place<'_>, selector: &str) -> IdentifyError {
    let service = place.services.first().map_or("", |service| service.name());
    IdentifyError::UnknownOperation {
        service: service.to_owned(),
        selector: shown(selector),
    }
}

fn in_url(source: ParseError) -> IdentifyError {
    parameters(Protocol::RestJson, source)
}

fn parameters(protocol: Protocol, source: ParseError) -> IdentifyError {
    IdentifyError::Parameters { protocol, source }
}
