//! Stage 7: the request that leaves. Takes minted credentials and the [`Permit`], which is used
//! up; gives [`Outbound`]. Nothing of the caller's bytes is in it but parsed values, and a body
//! that streams only as its verified content.

use crate::decide::Permit;
use crate::identify::Origin;
use crate::witness::is_dry;
use cordon_aws::emit::{Emission, HostStyle, emit};
use cordon_aws::sigv4::{
    Framing, PayloadReader, SigningCredentials, SigningTarget, StreamPayload, Transport, Verified,
};
use jiff::Timestamp;

/// Session credentials for one decision. Only the broker makes one; the agent never sees it.
#[derive(Debug, Clone)]
pub struct Minted {
    /// What to sign with.
    pub credentials: SigningCredentials,
    /// When they end.
    pub expires: Timestamp,
}

/// Where calls go.
#[derive(Debug, Clone, Copy)]
pub struct Upstream<'a> {
    /// To AWS under its own names, or to one fixed address.
    pub style: HostStyle,
    /// The authority of the fixed address; not looked at for AWS itself.
    pub authority: &'a str,
    /// Whether the way there is encrypted.
    pub transport: Transport,
}

/// A signed request. Only [`sign`] makes one.
#[derive(Debug)]
pub struct Outbound {
    emission: Emission,
    framing: Framing,
    content_length: u64,
    content: Option<PayloadReader>,
}

/// What is left of an [`Outbound`] to be written.
#[derive(Debug)]
pub struct OutboundParts {
    /// Method, path, query, signed headers, host, and the body where it is held whole.
    pub emission: Emission,
    /// How the body is written.
    pub framing: Framing,
    /// Its length on the wire.
    pub content_length: u64,
    /// For a body that streams: the reader that proves the caller's bytes. Its tail must be
    /// withheld until it has.
    pub content: Option<PayloadReader>,
}

impl Outbound {
    /// The request line, headers and host.
    #[must_use]
    pub fn emission(&self) -> &Emission {
        &self.emission
    }

    /// Takes it apart to write it.
    #[must_use]
    pub fn into_parts(self) -> OutboundParts {
        OutboundParts {
            emission: self.emission,
            framing: self.framing,
            content_length: self.content_length,
            content: self.content,
        }
    }
}

/// Why a permitted call could not be written. A fault of ours, or a permit from a judgement that
/// never had a signature.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The permit is not for a request that a session signed.
    #[error("the call was judged without a signature and cannot leave")]
    Unsigned,
    /// The permit is for a call that Cordon answers itself.
    #[error("the call is answered with placeholder keys and never leaves")]
    Lent,
    /// A question to EC2 that would not be written as one, and so could make the call.
    #[error("the dry run would not leave as one")]
    NotDry,
    /// A body streams, and its length is not known.
    #[error("the length of the body is not known; send `x-amz-decoded-content-length`")]
    Length,
    /// Emission and signing disagree.
    #[error("the request could not be signed")]
    Sign(#[from] cordon_aws::sigv4::SignError),
}

/// Writes and signs the request.
///
/// # Errors
/// [`SignError`].
pub fn sign(
    minted: &Minted,
    permit: Permit,
    upstream: &Upstream<'_>,
    now: Timestamp,
) -> Result<Outbound, SignError> {
    if permit.assessed.loan.is_some() {
        return Err(SignError::Lent);
    }
    let identified = permit.assessed.identified;
    let call = &identified.call;
    let verified = match &identified.origin {
        Origin::Signed(verified) => Some(&**verified),
        Origin::Own | Origin::Witness => None,
        Origin::Judged => return Err(SignError::Unsigned),
    };
    let mut emission = emit(call, upstream.style);
    if identified.is_question() && !is_dry(&emission) {
        return Err(SignError::NotDry);
    }
    let authority = match upstream.style {
        HostStyle::Aws => emission.host.clone(),
        HostStyle::Fixed => upstream.authority.to_owned(),
    };
    let target = SigningTarget {
        authority: &authority,
        service: match verified {
            Some(verified) => signing_name(verified, call.service().signing_name()),
            None => call.service().signing_name(),
        },
        region: call.region(),
        transport: upstream.transport,
    };
    let content = verified.and_then(Verified::payload_reader);
    let stream = match verified.filter(|_| content.is_some()) {
        None => None,
        Some(verified) => Some(StreamPayload {
            mode: verified.payload_mode().clone(),
            length: verified.decoded_length().ok_or(SignError::Length)?,
        }),
    };
    let signed = cordon_aws::sigv4::sign(
        &mut emission,
        &target,
        &minted.credentials,
        stream.as_ref(),
        now,
    )?;
    Ok(Outbound {
        emission,
        framing: signed.framing,
        content_length: signed.content_length,
        content,
    })
}

/// S3 signs by several names (`s3`, `s3express`, `s3-object-lambda`), which the caller chose by
/// what it calls; every other service has one.
fn signing_name<'a>(verified: &'a Verified, of_service: &'a str) -> &'a str {
    match verified.scope().is_s3() {
        true => &verified.scope().service,
        false => of_service,
    }
}
