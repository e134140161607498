//! Why a request has no single meaning.

use crate::call::Protocol;
use crate::protocol::ParseError;
use crate::request::HeaderError;

/// Why a request has no single meaning. Always the caller's fault or a gap of the catalog; in
/// either case the request does not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentifyError {
    /// No operation of the addressed service is called so.
    #[error("no operation of `{service}` is called by `{selector}`")]
    UnknownOperation {
        /// The service or signing name.
        service: String,
        /// What should have named the operation: a target, an action, a method and path.
        selector: String,
    },
    /// No service signs with this name.
    #[error("no AWS service signs with `{0}`")]
    UnknownService(String),
    /// The service has no endpoint in the signed region.
    #[error("`{service}` has no endpoint in `{region}`")]
    UnknownEndpoint {
        /// The service.
        service: &'static str,
        /// The signed region.
        region: String,
    },
    /// Two selectors, or one given in two places.
    #[error("the operation is named more than once: {0}")]
    AmbiguousSelector(&'static str),
    /// A selector of another protocol than the service's.
    #[error("{0} does not belong to the protocol of the addressed service")]
    ForeignSelector(&'static str),
    /// The content type is not one that the protocol uses.
    #[error("content type `{0}` is not one that this operation is called with")]
    ContentType(String),
    /// The body is encoded in a way that no AWS client uses for the operation.
    #[error("content encoding `{0}` is not one that this operation is called with")]
    ContentEncoding(String),
    /// The credential scope and the host name different places or services.
    #[error("host `{host}` and credential scope `{scope}` do not belong together")]
    HostScopeMismatch {
        /// The host.
        host: String,
        /// The signing name or region of the scope.
        scope: String,
    },
    /// What stands before the endpoint in the host is not what the operation puts there.
    #[error("`{operation}` is not called with `{prefix}` before the host")]
    HostPrefix {
        /// The operation.
        operation: &'static str,
        /// What stands there; empty for nothing.
        prefix: String,
    },
    /// Neither scope nor host tell the region.
    #[error("nothing in the request tells its region")]
    UnknownRegion,
    /// Unsigned, though the operation wants a signature.
    #[error("`{0}` must be signed")]
    Unsigned(&'static str),
    /// Known, and not supported on purpose.
    #[error("`{operation}` is not supported: {reason}")]
    UnsupportedOperation {
        /// The operation or service.
        operation: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// The path is spelt in a way that readers understand differently.
    #[error("the path is not in its one canonical form: {0}")]
    Path(&'static str),
    /// `x-id` contradicts the operation that was found.
    #[error("`x-id` says `{0}`, but the request is another operation")]
    ContradictingId(String),
    /// A header that changes what the request means, and that the operation does not have.
    #[error("header `{0}` is not one that this operation is called with")]
    UnknownHeader(String),
    /// A header that cannot be read in one way.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The body streams, and the operation's meaning is in it.
    #[error("`{0}` is decided by its body, which must be held whole")]
    BodyNeeded(&'static str),
    /// Parameters that the model does not admit.
    #[error("the parameters cannot be read as {protocol}")]
    Parameters {
        /// The protocol they were read in.
        protocol: Protocol,
        /// What is wrong with them.
        source: ParseError,
    },
    /// The call needs no action that the catalog knows, so nothing could be decided.
    #[error("`{operation}` cannot be weighed: {reason}")]
    NoAccess {
        /// The operation.
        operation: &'static str,
        /// Why.
        reason: &'static str,
    },
}

impl IdentifyError {
    /// A stable code for machines: `unknown-operation`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownOperation { .. } => "unknown-operation",
            Self::UnknownService(_) => "unknown-service",
            Self::UnknownEndpoint { .. } => "unknown-endpoint",
            Self::AmbiguousSelector(_) => "ambiguous-selector",
            Self::ForeignSelector(_) => "foreign-selector",
            Self::ContentType(_) => "content-type",
            Self::ContentEncoding(_) => "content-encoding",
            Self::HostScopeMismatch { .. } => "host-scope-mismatch",
            Self::HostPrefix { .. } => "host-prefix",
            Self::UnknownRegion => "unknown-region",
            Self::Unsigned(_) => "unsigned",
            Self::UnsupportedOperation { .. } => "unsupported-operation",
            Self::Path(_) => "path-not-canonical",
            Self::ContradictingId(_) => "contradicting-id",
            Self::UnknownHeader(_) => "unknown-header",
            Self::Header(HeaderError::Repeated(_)) => "repeated-header",
            Self::Header(HeaderError::Unreadable(_)) => "unreadable-header",
            Self::BodyNeeded(_) => "body-needed",
            Self::Parameters { source, .. } => source.code(),
            Self::NoAccess { .. } => "no-access",
        }
    }
}

/// Text of the caller's for a message: bounded and printable.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .take(120)
        .map(|c| if c.is_control() || c == '`' { '?' } else { c })
        .collect()
}
