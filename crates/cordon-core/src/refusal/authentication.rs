//! What is told to whoever stands behind no session: AWS's own code and status for the fault in
//! each protocol, so that tools say what they say for wrong credentials, and what to do next.
//!
//! None of the codes makes an SDK retry without end; those about clocks let it correct its own
//! first.

use super::Refusal;
use crate::authenticate::AuthenticateError;
use crate::names::Reference;
use cordon_aws::call::Protocol;
use cordon_aws::error_shape::ErrorShape;
use cordon_aws::sigv4::VerifyError;

/// What is wrong, with what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    kind: Kind,
    said: &'static str,
    advice: &'static str,
}

/// The faults that AWS has codes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// There is no signature.
    Missing,
    /// What is there of a signature has no single reading.
    Incomplete,
    /// Nobody holds the key.
    UnknownKey,
    /// The session token is not one of ours.
    Token,
    /// The session of a role has ended.
    Ended,
    /// It was signed for another time.
    Clock,
    /// It was signed over something else, or with another secret.
    Mismatch,
}

impl Fault {
    /// The fault of an identity; nothing where identity holds and the body is at fault.
    pub(super) fn of(error: &AuthenticateError) -> Option<Self> {
        let (kind, said, advice) = match error {
            AuthenticateError::Claim(error) if error.is_missing() => {
                (Kind::Missing, "The request is not signed.", error.advice())
            }
            AuthenticateError::Claim(error) => (
                Kind::Incomplete,
                "The signature of the request could not be read in exactly one way.",
                error.advice(),
            ),
            AuthenticateError::Token => (
                Kind::Token,
                "The session token is not that of the access key.",
                "Use the access key that Cordon gave to this session, and leave \
                 AWS_SESSION_TOKEN empty; or, for a role that was assumed through Cordon or a \
                 session of S3 Express, all three parts of its credentials.",
            ),
            AuthenticateError::Ended => (
                Kind::Ended,
                "The access key belongs to no live session: the one that it was lent for, of a role \
                 or of S3 Express, has ended.",
                "Ask for credentials anew with the access key that Cordon gave to this session.",
            ),
            AuthenticateError::Signature(VerifyError::UnknownKey) => (
                Kind::UnknownKey,
                "The access key belongs to no live session.",
                "Use the one that Cordon gave to this session; if the session has ended, ask your \
                 sponsor.",
            ),
            AuthenticateError::Signature(
                VerifyError::TooOld | VerifyError::FromTheFuture | VerifyError::Expired,
            ) => (
                Kind::Clock,
                "The request was signed for another time.",
                "Check the clock of this machine, and sign anew.",
            ),
            AuthenticateError::Signature(VerifyError::Signature | VerifyError::Query(_)) => (
                Kind::Mismatch,
                "The signature does not match the request and the key.",
                "Use the secret that Cordon gave to this session, and do not change requests \
                 after signing.",
            ),
            AuthenticateError::Signature(VerifyError::Payload(_)) => return None,
        };
        Some(Self { kind, said, advice })
    }

    pub(super) fn refusal(self, shape: ErrorShape, reference: &Reference) -> Refusal {
        let Self { kind, said, advice } = self;
        let (code, status) = kind.code_and_status(shape);
        Refusal {
            code: Some(code),
            message: format!("{said} {advice} Nothing was sent to AWS. Ref {reference}."),
            verdict: "reject",
            status: Some(status),
        }
    }
}

impl Kind {
    /// As the services of each protocol answer.
    fn code_and_status(self, shape: ErrorShape) -> (&'static str, u16) {
        match shape.protocol {
            Protocol::RestXml if shape.s3 => self.of_s3(),
            Protocol::Query | Protocol::RestXml => self.of_query(),
            Protocol::Ec2 => self.of_ec2(),
            Protocol::Json10 | Protocol::Json11 | Protocol::RpcV2Cbor => (self.of_json(), 400),
            Protocol::RestJson => (self.of_json(), 403),
        }
    }

    fn of_s3(self) -> (&'static str, u16) {
        match self {
            Self::Missing => ("AccessDenied", 403),
            Self::Incomplete => ("AuthorizationHeaderMalformed", 400),
            Self::UnknownKey => ("InvalidAccessKeyId", 403),
            Self::Token => ("InvalidToken", 400),
            Self::Ended => ("ExpiredToken", 400),
            Self::Clock => ("RequestTimeTooSkewed", 403),
            Self::Mismatch => ("SignatureDoesNotMatch", 403),
        }
    }

    fn of_query(self) -> (&'static str, u16) {
        match self {
            Self::Missing => ("MissingAuthenticationToken", 403),
            Self::Incomplete => ("IncompleteSignature", 400),
            Self::UnknownKey | Self::Token => ("InvalidClientTokenId", 403),
            Self::Ended => ("ExpiredToken", 403),
            Self::Clock | Self::Mismatch => ("SignatureDoesNotMatch", 403),
        }
    }

    fn of_ec2(self) -> (&'static str, u16) {
        match self {
            Self::Clock | Self::Ended => ("RequestExpired", 400),
            Self::Missing | Self::Incomplete | Self::UnknownKey | Self::Token | Self::Mismatch => {
                ("AuthFailure", 401)
            }
        }
    }

    fn of_json(self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete => "IncompleteSignatureException",
            Self::UnknownKey | Self::Token => "UnrecognizedClientException",
            Self::Ended => "ExpiredTokenException",
            Self::Clock | Self::Mismatch => "InvalidSignatureException",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use cordon_aws::sigv4::ClaimError;

    fn refusal(error: &AuthenticateError, protocol: Protocol, s3: bool) -> Refusal {
        let shape = ErrorShape {
            protocol,
            s3,
            head: false,
        };
        Refusal::of_authenticate(error, shape, &"7QK4".parse().unwrap())
    }

    #[test]
    fn each_protocol_answers_an_unproven_identity_as_its_services_do() {
        use Protocol::{Ec2, Json10, Json11, Query, RestJson, RestXml, RpcV2Cbor};
        let signature = AuthenticateError::Signature;
        let faults = [
            AuthenticateError::Claim(ClaimError::Missing),
            AuthenticateError::Claim(ClaimError::Scope),
            signature(VerifyError::UnknownKey),
            AuthenticateError::Token,
            signature(VerifyError::TooOld),
            signature(VerifyError::Signature),
        ];
        let json = [
            "MissingAuthenticationTokenException",
            "IncompleteSignatureException",
            "UnrecognizedClientException",
            "UnrecognizedClientException",
            "InvalidSignatureException",
            "InvalidSignatureException",
        ];
        let query = [
            ("MissingAuthenticationToken", 403),
            ("IncompleteSignature", 400),
            ("InvalidClientTokenId", 403),
            ("InvalidClientTokenId", 403),
            ("SignatureDoesNotMatch", 403),
            ("SignatureDoesNotMatch", 403),
        ];
        let s3 = [
            ("AccessDenied", 403),
            ("AuthorizationHeaderMalformed", 400),
            ("InvalidAccessKeyId", 403),
            ("InvalidToken", 400),
            ("RequestTimeTooSkewed", 403),
            ("SignatureDoesNotMatch", 403),
        ];
        let ec2 = [
            ("AuthFailure", 401),
            ("AuthFailure", 401),
            ("AuthFailure", 401),
            ("AuthFailure", 401),
            ("RequestExpired", 400),
            ("AuthFailure", 401),
        ];
        for (at, fault) in faults.iter().enumerate() {
            for (protocol, is_s3, expected) in [
                (Json10, false, (json[at], 400)),
                (Json11, false, (json[at], 400)),
                (RpcV2Cbor, false, (json[at], 400)),
                (RestJson, false, (json[at], 403)),
                (Query, false, query[at]),
                (RestXml, false, query[at]),
                (RestXml, true, s3[at]),
                (Ec2, false, ec2[at]),
            ] {
                let refusal = refusal(fault, protocol, is_s3);
                let (code, status) = (refusal.code.unwrap(), refusal.status.unwrap());
                assert_eq!((code, status), expected, "{fault:?} {protocol:?}");
            }
        }
    }

    #[test]
    fn a_claim_that_cannot_be_read_is_told_what_to_do_about_it() {
        for error in [
            ClaimError::SigV2,
            ClaimError::SigV4A,
            ClaimError::Bearer,
            ClaimError::NotSigned("x-amz-target".to_owned()),
            ClaimError::ModeNotForService,
            ClaimError::Missing,
        ] {
            let advice = error.advice();
            let refusal = refusal(&AuthenticateError::Claim(error), Protocol::Json10, false);
            assert!(refusal.message.contains(advice), "{}", refusal.message);
        }
    }
}
