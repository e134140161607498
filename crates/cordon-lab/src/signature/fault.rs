//! How a signature can fail, with the words, codes and statuses that AWS uses for it.

use crate::reply::Protocol;

/// Why a signature did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureFault {
    #[error("Request is missing Authentication Token")]
    Missing,
    #[error("{0}")]
    Incomplete(String),
    #[error("{0}")]
    Scope(String),
    #[error(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query \
         parameter, Signature query string parameter or the \
         Authorization header should be specified"
    )]
    TwoMechanisms,
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    #[error("The security token included in the request is invalid")]
    WrongToken,
    #[error("Signature expired: {signed} is too far from {now}")]
    Skewed { signed: String, now: String },
    #[error(
        "The request signature we calculated does not match the \
         signature you provided. Check your AWS Secret Access Key and \
         signing method. Consult the service documentation for details."
    )]
    Mismatch,
    #[error("The security token included in the request is expired")]
    TokenExpired,
    #[error("Request is not yet valid")]
    PresignedEarly,
    #[error("Request has expired")]
    PresignedExpired,
    #[error("{0}")]
    HeadersNotSigned(String),
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    PayloadMismatch,
    #[error("The signature of chunk {0} does not match")]
    ChunkMismatch(u64),
    #[error("The chunked body cannot be read: {0}")]
    ChunkFraming(&'static str),
}

impl SignatureFault {
    /// Status and code by protocol, as the services document and send them.
    pub(crate) fn status_and_code(&self, protocol: Protocol) -> (u16, &'static str) {
        use Protocol::{Ec2, Json10, Json11, Query, RestJson, RestXml};
        match protocol {
            Query => match self {
                Self::Missing => (403, "MissingAuthenticationToken"),
                Self::UnknownKey | Self::WrongToken => (403, "InvalidClientTokenId"),
                Self::TokenExpired => (403, "ExpiredToken"),
                Self::Incomplete(_) | Self::TwoMechanisms => (400, "IncompleteSignature"),
                _ => (403, "SignatureDoesNotMatch"),
            },
            Ec2 => match self {
                Self::TokenExpired | Self::Skewed { .. } | Self::PresignedExpired => {
                    (400, "RequestExpired")
                }
                _ => (401, "AuthFailure"),
            },
            Json10 | Json11 | RestJson => {
                let status = if protocol == RestJson { 403 } else { 400 };
                let code = match self {
                    Self::Missing => "MissingAuthenticationTokenException",
                    Self::UnknownKey | Self::WrongToken => "UnrecognizedClientException",
                    Self::TokenExpired => "ExpiredTokenException",
                    Self::Incomplete(_) | Self::TwoMechanisms => "IncompleteSignatureException",
                    _ => "InvalidSignatureException",
                };
                (status, code)
            }
            RestXml => match self {
                Self::Missing
                | Self::PresignedEarly
                | Self::PresignedExpired
                | Self::HeadersNotSigned(_) => (403, "AccessDenied"),
                Self::UnknownKey => (403, "InvalidAccessKeyId"),
                Self::WrongToken => (400, "InvalidToken"),
                Self::TokenExpired => (400, "ExpiredToken"),
                Self::Skewed { .. } => (403, "RequestTimeTooSkewed"),
                Self::Mismatch | Self::ChunkMismatch(_) => (403, "SignatureDoesNotMatch"),
                Self::PayloadMismatch => (400, "XAmzContentSHA256Mismatch"),
                Self::TwoMechanisms => (400, "InvalidArgument"),
                Self::Incomplete(_) | Self::Scope(_) => (400, "AuthorizationHeaderMalformed"),
                Self::ChunkFraming(_) => (400, "IncompleteBody"),
            },
        }
    }
}
