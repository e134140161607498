//! From a call back to a request: the bytes that leave are a function of what policy saw.

use crate::call::Call;
use bytes::Bytes;
use http::{HeaderMap, Method};

/// A request ready to be signed: nothing of the caller's bytes is in it but parsed values.
#[derive(Debug, Clone)]
pub struct Emission {
    /// The method.
    pub method: Method,
    /// The path, percent-encoded as the service wants it.
    pub path: String,
    /// The query, percent-encoded, without `?`.
    pub query: Option<String>,
    /// Headers of the operation (content type, target, modelled members); not `host`, not
    /// `content-length`, not signing headers.
    pub headers: HeaderMap,
    /// The host for an upstream that is AWS itself. An upstream set by configuration replaces it,
    /// and then a bucket is always in the path.
    pub host: String,
    /// The body.
    pub body: EmittedBody,
}

/// The body of an [`Emission`].
#[derive(Debug, Clone)]
pub enum EmittedBody {
    /// Written from the parameters.
    Whole(Bytes),
    /// The caller's object body, decoded, streams through.
    Streamed,
}

/// Whether the request goes to AWS under its own name or to one fixed address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostStyle {
    /// To [`Emission::host`].
    Aws,
    /// To a configured upstream: no bucket or prefix in the host.
    Fixed,
}

/// Writes the request for `call`.
#[must_use]
pub fn emit(call: &Call, style: HostStyle) -> Emission {
    let _ = (call, style);
    todo!()
}
