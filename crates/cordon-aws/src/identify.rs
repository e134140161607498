//! From a request to a call: which operation, with which parameters, needing which actions on
//! which resources. Total and exclusive: for any request one call or one refusal with a code.
//!
//! ```text
//! host, scope ─► Place ─► select ─► candidates ─► parameters ─► site, host ─► Call
//!                services  target, action,  one, or twins       region,
//!                          path, route      on the same bytes   partition
//! ```
//! 1. **Place**: the services that sign with the scope's name and answer on the host.
//! 2. **Select**: the operation by the selector of a protocol that these services declare: the
//!    CBOR path, the target, `Action` with `Version`, or the route of a REST path.
//! 3. **Read**: all parameters by the model. What the model does not know is refused, so a
//!    request that fits an operation only in part is none of its calls.
//! 4. **Site**: region and partition, and the host to send to, which must be the operation's.
//!
//! What the origin ignores decides nothing here (`x-id`, `User-Agent`), and what some reader
//! could take for a selector is never ignored.

mod error;
mod headers;
mod place;
mod read;
mod routes;
mod s3;
mod select;
mod strange;

pub use error::IdentifyError;
pub use strange::unsupported;

use crate::arn::{AccountId, Region};
use crate::call::{Call, Route};
use crate::catalog::{Catalog, Operation};
use crate::protocol::{Name, ParseError};
use crate::request::{Body, Request};
use crate::resource;
use crate::value::Value;
use bytes::Bytes;
use flate2::bufread::GzDecoder;
use place::Place;
use select::{Candidate, Selection};
use std::io::Read as _;

/// What the request itself cannot tell.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The service name in the credential scope; `None` for an unsigned request.
    pub signing_name: Option<&'a str>,
    /// The region in the credential scope; `None` for unsigned and SigV4A requests.
    pub signing_region: Option<&'a Region>,
    /// The account whose resources the call acts on.
    pub account: Option<&'a AccountId>,
}

/// The most that a compressed body may hold. CloudWatch itself takes one megabyte.
const MOST_UNCOMPRESSED: u64 = 8 * 1024 * 1024;

/// Reads `request` in the one way that the catalog admits. A body that is held whole is its
/// content, without the framing of chunked uploads.
///
/// # Errors
/// [`IdentifyError`] for everything that is unknown, ambiguous, duplicated or not understood.
pub fn identify(
    catalog: &'static Catalog,
    request: &Request,
    known: Known<'_>,
) -> Result<Call, IdentifyError> {
    let place = Place::of(catalog, &request.destination, known)?;
    let body = content(request)?;
    let selection = select::select(catalog, request, &body, &place)?;
    for candidate in &selection.candidates {
        strange::check(candidate.operation)?;
        if place.signing_name.is_none() && !candidate.operation.unsigned() {
            return Err(IdentifyError::Unsigned(candidate.operation.name()));
        }
    }
    let (candidate, parameters) = read_first(request, &body, &selection)?;
    assemble(known, &place, &selection, candidate, parameters)
}

/// The body, uncompressed.
fn content(request: &Request) -> Result<Bytes, IdentifyError> {
    let bytes = match &request.body {
        Body::Whole(bytes) => bytes.clone(),
        Body::Streamed => Bytes::new(),
    };
    let gzip = request.single("content-encoding")? == Some("gzip");
    let typed = request.single("content-type")?.unwrap_or_default();
    // S3 objects may be compressed; that is theirs. Only the formats of CloudWatch, whose
    // `PutMetricData` alone may be, are undone. Whether the operation is it is checked later.
    let structured = typed.starts_with("application/x-") || typed == "application/cbor";
    if !gzip || !structured {
        return Ok(bytes);
    }
    let refuse = || IdentifyError::ContentEncoding("gzip".to_owned());
    let most = (bytes.len() as u64)
        .saturating_mul(100)
        .min(MOST_UNCOMPRESSED);
    let mut decoder = GzDecoder::new(&*bytes);
    let mut out = Vec::new();
    decoder
        .by_ref()
        .take(most + 1)
        .read_to_end(&mut out)
        .map_err(|_| refuse())?;
    // One member, nothing after it, nothing over the bound.
    match out.len() as u64 <= most && decoder.into_inner().is_empty() {
        true => Ok(out.into()),
        false => Err(refuse()),
    }
}

/// The candidate whose model reads the request. Of twins, which are called by the same bytes and
/// checked for the same action, it is the first; any other two that fit are one too many. Where
/// none has all that its model requires, the first still is the call if every one that reads the
/// request is its twin: clients write an empty required list as nothing.
fn read_first<'s>(
    request: &Request,
    body: &Bytes,
    selection: &'s Selection<'_>,
) -> Result<(&'s Candidate, Value), IdentifyError> {
    let mut chosen: Option<(&Candidate, Value)> = None;
    let mut partial: Option<(&Candidate, Value)> = None;
    let mut partial_differ = false;
    let mut first_error = None;
    let several = selection.candidates.len() > 1;
    for candidate in &selection.candidates {
        if let Some((first, _)) = &chosen
            && strange::are_twins(first.operation, candidate.operation)
        {
            continue;
        }
        check_encoding(request, candidate)?;
        match read::parameters(request, body, selection, candidate) {
            Ok(parameters) if !several || is_complete(candidate.operation, &parameters) => {
                if chosen.replace((candidate, parameters)).is_some() {
                    return Err(IdentifyError::AmbiguousSelector("two operations fit"));
                }
            }
            Ok(parameters) => {
                first_error.get_or_insert(IdentifyError::Parameters {
                    protocol: candidate.protocol,
                    source: ParseError::Missing(Name::new("a required one")),
                });
                let (first, _) = partial.get_or_insert((candidate, parameters));
                partial_differ |= first.operation != candidate.operation
                    && !strange::are_twins(first.operation, candidate.operation);
            }
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    let nothing = || IdentifyError::AmbiguousSelector("no operation fits");
    chosen
        .or(partial.filter(|_| !partial_differ))
        .ok_or_else(|| first_error.unwrap_or_else(nothing))
}

/// No AWS client encodes bodies of the RPC protocols but for one operation.
fn check_encoding(request: &Request, candidate: &Candidate) -> Result<(), IdentifyError> {
    use crate::call::Protocol::{RestJson, RestXml};
    if matches!(candidate.protocol, RestJson | RestXml) {
        // Their headers are parameters, and are read as such.
        return Ok(());
    }
    match request.single("content-encoding")? {
        None => Ok(()),
        Some("gzip") if candidate.operation.accepts_gzip() => Ok(()),
        Some(other) => Err(IdentifyError::ContentEncoding(error::shown(other))),
    }
}

fn is_complete(operation: Operation, parameters: &Value) -> bool {
    operation.input().is_none_or(|shape| {
        shape
            .members()
            .filter(|member| member.required())
            .all(|member| parameters.get(member.name()).is_some())
    })
}

fn assemble(
    known: Known<'_>,
    place: &Place<'_>,
    selection: &Selection<'_>,
    candidate: &Candidate,
    parameters: Value,
) -> Result<Call, IdentifyError> {
    let operation = candidate.operation;
    let site = place.site(operation)?;
    let account = known.account.map(AccountId::as_str);
    let bucket_in_host = selection.bucket_in_host && operation.service().name() == "s3";
    let mut host = match bucket_in_host && place.host.is_none() {
        true => site.host.clone(),
        false => place.outbound_host(operation, &parameters, &site, account)?,
    };
    let bucket = parameters.get("Bucket").and_then(Value::as_str);
    if let (None, "s3", Some(bucket)) = (&place.host, operation.service().name(), bucket) {
        host = s3::host_of(bucket, &host);
    }
    if let Some(path) = selection.queue_path
        && queue_path(&parameters) != Some(path)
    {
        return Err(IdentifyError::Path("it is not that of `QueueUrl`"));
    }
    let (accesses, told) = resource::accesses(
        operation,
        &parameters,
        &site.partition,
        &site.region,
        known.account,
    )
    .map_err(|reason| IdentifyError::NoAccess {
        operation: operation.name(),
        reason,
    })?;
    Ok(Call {
        operation,
        protocol: candidate.protocol,
        region: site.region,
        partition: site.partition,
        account: known.account.cloned(),
        parameters,
        accesses,
        told,
        route: Route {
            host,
            // In endpoint mode the bucket goes into the path, where every bucket fits.
            bucket_in_host: bucket_in_host && place.host.is_some(),
            query_by_get: selection.query_by_get,
            queue_path: selection.queue_path.map(Into::into),
        },
    })
}

/// The path of the queue that an SQS request names. The service goes by the path that a request is
/// posted to, policy by the parameter: a request that has both must mean one queue.
fn queue_path(parameters: &Value) -> Option<&str> {
    let url = parameters.get("QueueUrl").and_then(Value::as_str)?;
    let (_, rest) = url.split_once("://")?;
    rest.find('/').and_then(|at| rest.get(at..))
}
