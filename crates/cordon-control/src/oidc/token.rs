//! ID tokens: the one place where one becomes something that is believed. Takes the text of a token, the
//! keys that the provider publishes, and what it must say; gives its claims.
//!
//! Signatures are checked by `jsonwebtoken` over aws-lc. Algorithms come from a list of ours: never
//! `none`, never HMAC, with which whoever knows a public key could sign.

use super::{OidcConfig, OidcError};
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What ID tokens may be signed with.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// How far the provider's clock may be from ours, in seconds.
const LEEWAY: i64 = 60;

/// Seconds since a person proved who they are, at the most. What is asked of the provider.
pub(super) const MAX_AGE: i64 = 15 * 60;

/// The largest token that is looked at, in bytes.
const LARGEST: usize = 32 * 1024;

/// What a token that is believed says.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    pub(super) sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    auth_time: Option<i64>,
    nonce: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Which key a token asks for, read before anything of it is believed.
pub(super) fn key_id(token: &str) -> Result<Option<String>, OidcError> {
    Ok(header(token)?.kid)
}

/// What `token` says, if one of `keys` signed it, for us, for the sign-in with this nonce, and lately.
pub(super) fn verify(
    config: &OidcConfig,
    keys: &[Jwk],
    token: &str,
    nonce: &str,
    now: Timestamp,
) -> Result<Claims, OidcError> {
    let header = header(token)?;
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[&*config.client_id]);
    validation.set_issuer(&[&*config.issuer]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // By our own clock, below.
    validation.validate_exp = false;
    let signed = keys
        .iter()
        .filter(|key| serves(key, &header))
        .filter_map(|key| DecodingKey::from_jwk(key).ok())
        .filter(|key| key.family() == header.alg.family())
        .find_map(|key| jsonwebtoken::decode::<Claims>(token, &key, &validation).ok());
    let claims = signed.map(|signed| signed.claims);
    let claims = claims.ok_or(OidcError::Disbelieved(
        "the ID token is not signed by the provider, or not for this Cordon",
    ))?;
    claims.hold_true(config, nonce, now.as_second())?;
    Ok(claims)
}

fn header(token: &str) -> Result<Header, OidcError> {
    let wrong = || OidcError::Disbelieved("the ID token is not signed as it must be");
    if token.len() > LARGEST {
        return Err(wrong());
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| wrong())?;
    let plain = header.crit.is_none() && header.enc.is_none() && header.zip.is_none();
    match plain && ALGORITHMS.contains(&header.alg) {
        true => Ok(header),
        false => Err(wrong()),
    }
}

/// Whether `key` is one that the token may be signed with.
fn serves(key: &Jwk, header: &Header) -> bool {
    let common = &key.common;
    let signs = common
        .public_key_use
        .as_ref()
        .is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let asked = header.kid.is_none() || common.key_id == header.kid;
    let algorithm = common.key_algorithm.as_ref();
    let made_for = algorithm.is_none_or(|own| {
        own.to_string()
            .parse::<Algorithm>()
            .is_ok_and(|own| own == header.alg)
    });
    signs && asked && made_for
}

impl Claims {
    /// Since when the person is known to be who they are.
    pub(super) fn since(&self, now: Timestamp) -> Timestamp {
        let said = self.auth_time.unwrap_or(self.iat);
        Timestamp::from_second(said).map_or(now, |said| said.min(now))
    }

    fn hold_true(&self, config: &OidcConfig, nonce: &str, now: i64) -> Result<(), OidcError> {
        let several = match &self.aud {
            Audience::One(one) => *one != *config.client_id,
            Audience::Several(all) => all.len() != 1,
        };
        let (lately, soon) = (now.saturating_sub(LEEWAY), now.saturating_add(LEEWAY));
        let oldest = lately.saturating_sub(MAX_AGE);
        let faults = [
            (
                self.iss != *config.issuer,
                "the ID token is of another issuer",
            ),
            (
                self.azp
                    .as_deref()
                    .is_some_and(|party| party != &*config.client_id)
                    || (several && self.azp.is_none()),
                "the ID token was given to someone else",
            ),
            (
                self.nonce.as_deref() != Some(nonce),
                "the ID token is not of this sign-in",
            ),
            (self.exp <= lately, "the ID token has expired"),
            (
                self.iat > soon || self.nbf.is_some_and(|from| from > soon),
                "the ID token is of the future",
            ),
            (
                self.auth_time.unwrap_or(self.iat) < oldest,
                "the person proved who they are too long ago",
            ),
        ];
        let fault = faults
            .into_iter()
            .find_map(|(wrong, why)| wrong.then_some(why));
        fault.map_or(Ok(()), |why| Err(OidcError::Disbelieved(why)))
    }
}
