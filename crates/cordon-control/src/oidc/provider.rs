//! The provider itself: what it publishes, and what it gives for a code. Its answers are hostile input
//! like all others; addresses that it names must be TLS, or on this machine.

use super::flow::Flow;
use super::token::{self, Claims, MAX_AGE};
use super::{Identity, OidcConfig, OidcError};
use crate::channel::{Roots, Sender, Target};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use cordon_core::names::Person;
use http::{HeaderName, HeaderValue, Method, header};
use hyper::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::Jwk;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};

/// How long what it publishes is taken for current.
const CURRENT: SignedDuration = SignedDuration::from_hours(1);
/// How soon it is asked again for a key that it did not have.
const SOON: SignedDuration = SignedDuration::from_secs(30);
/// How many sign-ins ask it at one time.
const ASKING: usize = 8;
/// What a value in a query or a form may have as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A provider that is spoken to.
pub(crate) struct Provider {
    pub(crate) config: OidcConfig,
    sender: Sender,
    known: Mutex<Known>,
    asking: Semaphore,
}

/// What it published when it was asked last.
#[derive(Default)]
struct Known {
    discovery: Option<(Arc<Discovery>, Timestamp)>,
    keys: Option<(Arc<[Jwk]>, Timestamp)>,
}

/// `/.well-known/openid-configuration`.
#[derive(Debug, Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Provider {
    pub(crate) fn new(config: OidcConfig, roots: Roots) -> Result<Self, rustls::Error> {
        Ok(Self {
            config,
            sender: Sender::new(roots)?,
            known: Mutex::default(),
            asking: Semaphore::new(ASKING),
        })
    }

    /// Where the browser goes to sign in.
    pub(crate) async fn address(
        &self,
        flow: &Flow,
        callback: &str,
        now: Timestamp,
    ) -> Result<String, OidcError> {
        let _turn = self.turn()?;
        let discovery = self.discovery(now).await?;
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&flow.verifier));
        let max_age = MAX_AGE.to_string();
        let query = form(&[
            ("response_type", "code"),
            ("scope", "openid email profile"),
            ("client_id", &self.config.client_id),
            ("redirect_uri", callback),
            ("state", &flow.state),
            ("nonce", &flow.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("max_age", &max_age),
        ]);
        let address = &discovery.authorization_endpoint;
        target(address)?;
        let joint = if address.contains('?') { '&' } else { '?' };
        Ok(format!("{address}{joint}{query}"))
    }

    /// Whom it vouches for, for the code that a browser brought back from it.
    pub(crate) async fn identity(
        &self,
        flow: &Flow,
        code: &str,
        issuer: Option<&str>,
        callback: &str,
        now: Timestamp,
    ) -> Result<Identity, OidcError> {
        let _turn = self.turn()?;
        let discovery = self.discovery(now).await?;
        // A browser that is sent from one provider to the callback of another.
        let named = issuer.is_some() || discovery.authorization_response_iss_parameter_supported;
        if named && issuer != Some(&*self.config.issuer) {
            return Err(OidcError::Disbelieved("another provider sent this browser"));
        }
        let tokens = self.tokens(&discovery, flow, code, callback).await?;
        let keys = self.keys(&discovery, &tokens.id_token, now).await?;
        let (token, nonce) = (&tokens.id_token, &flow.nonce);
        let claims = token::verify(&self.config, &keys, token, nonce, now)?;
        let since = claims.since(now);
        let said = self.complete(&discovery, claims, &tokens).await?;
        self.believe(&said, since)
    }

    fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, OidcError> {
        let busy = |_| OidcError::Unreachable("too many sign in at this moment".to_owned());
        self.asking.try_acquire().map_err(busy)
    }

    async fn discovery(&self, now: Timestamp) -> Result<Arc<Discovery>, OidcError> {
        let mut known = self.known.lock().await;
        if let Some((discovery, at)) = &known.discovery
            && now.duration_since(*at).abs() < CURRENT
        {
            return Ok(Arc::clone(discovery));
        }
        let issuer = self.config.issuer.trim_end_matches('/');
        let address = format!("{issuer}/.well-known/openid-configuration");
        let discovery: Discovery = self.read(&address, Vec::new()).await?;
        if discovery.issuer != *self.config.issuer {
            return Err(OidcError::Disbelieved(
                "what is published there is of another issuer",
            ));
        }
        let discovery = Arc::new(discovery);
        known.discovery = Some((Arc::clone(&discovery), now));
        Ok(discovery)
    }

    /// The keys that it signs with; asked again where the one that `token` names is not among them.
    async fn keys(
        &self,
        discovery: &Discovery,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<[Jwk]>, OidcError> {
        let wanted = token::key_id(token)?;
        let mut known = self.known.lock().await;
        if let Some((keys, at)) = &known.keys {
            let there = keys.iter().any(|key| key.common.key_id == wanted);
            let age = now.duration_since(*at).abs();
            if age < SOON || (there && age < CURRENT) {
                return Ok(Arc::clone(keys));
            }
        }
        let read: Keys = self.read(&discovery.jwks_uri, Vec::new()).await?;
        // Keys of kinds that are not known here serve others.
        let keys = read.keys.into_iter();
        let keys: Arc<[Jwk]> = keys
            .filter_map(|key| serde_json::from_value(key).ok())
            .collect();
        known.keys = Some((Arc::clone(&keys), now));
        Ok(keys)
    }

    async fn tokens(
        &self,
        discovery: &Discovery,
        flow: &Flow,
        code: &str,
        callback: &str,
    ) -> Result<Tokens, OidcError> {
        let (id, secret) = (&*self.config.client_id, &*self.config.client_secret);
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", callback),
            ("code_verifier", &flow.verifier),
        ];
        let mut head = vec![(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        )];
        let ways = &discovery.token_endpoint_auth_methods_supported;
        let knows = |way: &str| ways.iter().any(|known| known == way);
        if knows("client_secret_post") && !knows("client_secret_basic") {
            fields.extend([("client_id", id), ("client_secret", secret)]);
        } else {
            let both = format!("{}:{}", encoded(id), encoded(secret));
            let basic = format!("Basic {}", BASE64_STANDARD.encode(both));
            head.push((header::AUTHORIZATION, value(&basic)?));
        }
        let body = form(&fields).into_bytes();
        self.ask(&discovery.token_endpoint, Method::POST, head, body)
            .await
    }

    /// What it says of the person: the ID token, and where that leaves out what is asked for, what it
    /// tells of the same person for the access token.
    async fn complete(
        &self,
        discovery: &Discovery,
        claims: Claims,
        tokens: &Tokens,
    ) -> Result<Map<String, Value>, OidcError> {
        let mut said = claims.others;
        let groups = self.config.groups_claim.as_deref();
        let asked = ["email", "email_verified"].into_iter().chain(groups);
        let whole = asked.clone().all(|name| said.contains_key(name));
        let (Some(address), Some(token)) = (&discovery.userinfo_endpoint, &tokens.access_token)
        else {
            return Ok(said);
        };
        if whole {
            return Ok(said);
        }
        let bearer = value(&format!("Bearer {token}"))?;
        let head = vec![(header::AUTHORIZATION, bearer)];
        let more: Map<String, Value> = self.read(address, head).await?;
        if more.get("sub").and_then(Value::as_str) != Some(&*claims.sub) {
            return Err(OidcError::Disbelieved("it tells of another person"));
        }
        // An address and whether it is verified belong together.
        if !said.contains_key("email") {
            said.remove("email_verified");
        }
        for name in asked {
            if let (false, Some(value)) = (said.contains_key(name), more.get(name)) {
                said.insert(name.to_owned(), value.clone());
            }
        }
        Ok(said)
    }

    fn believe(&self, said: &Map<String, Value>, since: Timestamp) -> Result<Identity, OidcError> {
        let address = said.get("email").and_then(Value::as_str).unwrap_or("");
        let address = address.to_ascii_lowercase();
        if said.get("email_verified") != Some(&Value::Bool(true)) {
            return Err(OidcError::NotOurs(
                "the provider does not say that the address of this person is verified",
            ));
        }
        let ours = self.config.is_ours(&address);
        let person = address.parse::<Person>().ok().filter(|_| ours);
        let address = person.ok_or(OidcError::NotOurs(
            "the address of this person is not of a domain that may sign in here",
        ))?;
        let claim = self.config.groups_claim.as_deref().map(|name| {
            let values: Vec<&str> = match said.get(name) {
                Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
                Some(Value::String(value)) => vec![value],
                _ => Vec::new(),
            };
            self.config.meaning(&values)
        });
        Ok(Identity {
            address,
            claim,
            since,
        })
    }

    async fn read<T: DeserializeOwned>(
        &self,
        address: &str,
        head: Vec<(HeaderName, HeaderValue)>,
    ) -> Result<T, OidcError> {
        self.ask(address, Method::GET, head, Vec::new()).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        address: &str,
        method: Method,
        mut head: Vec<(HeaderName, HeaderValue)>,
        body: Vec<u8>,
    ) -> Result<T, OidcError> {
        head.push((header::ACCEPT, HeaderValue::from_static("application/json")));
        let target = target(address)?;
        let sent = self.sender.ask(&target, method, head, body);
        let (status, bytes) = sent
            .await
            .map_err(|error| OidcError::Unreachable(error.to_string()))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes)
                .map_err(|_| OidcError::Disbelieved("an answer cannot be read"));
        }
        Err(OidcError::Refused(refusal(status, &bytes)))
    }
}

/// The word for what went wrong, where there is one.
fn refusal(status: http::StatusCode, body: &Bytes) -> String {
    let said = serde_json::from_slice::<Refusal>(body).ok();
    let word = said.map(|said| said.error);
    let word = word.filter(|word| is_word(word));
    word.unwrap_or_else(|| status.to_string())
}

/// Whether `text` is a word of the protocol, which may be shown.
pub(crate) fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(plain)
}

fn target(address: &str) -> Result<Target, OidcError> {
    let wrong = |_| OidcError::Disbelieved("it names an address without TLS");
    address.parse().map_err(wrong)
}

fn value(text: &str) -> Result<HeaderValue, OidcError> {
    let wrong = |_| OidcError::Disbelieved("a token has characters that no token has");
    HeaderValue::try_from(text).map_err(wrong)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}
