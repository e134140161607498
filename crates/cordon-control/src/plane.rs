//! What every request of the control plane works with: the store, who counts, what decides, the time,
//! the names under which it is reached, and its bounds.

use cordon_core::control::{ControlPolicies, Deed, Denied, Granted};
use cordon_core::names::Environment;
use cordon_core::people::People;
use cordon_core::policy::Policies;
use cordon_store::Store;
use http::StatusCode;
use jiff::Timestamp;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::api::Reliability;
use crate::failure::ApiError;
use crate::oidc::{Flows, Provider};
use crate::passkey::Passkeys;
use crate::visitor::Visitor;

/// How many requests may wait for something to happen at one time.
const WAITING: usize = 256;

/// How many tries of agents are written down: the log has the others.
const ALARMS: usize = 1_000;

/// Puts in force, in this process, what the store says now. An answer that a posture was changed, or a
/// task stopped, waits for it: nothing is decided or sent by what was before once that was acknowledged.
/// Gives whether it is in force: where it cannot be read, it is not.
pub type PutInForce = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// What the program hands over.
pub struct Parts {
    /// What is remembered, shared with the data plane.
    pub store: Arc<dyn Store>,
    /// Who counts at this moment.
    pub people: Arc<dyn Fn() -> Arc<People> + Send + Sync>,
    /// Who may do what.
    pub policies: Arc<ControlPolicies>,
    /// The policies of agents' calls that are in force: what tasks are compiled against.
    pub bundle: Arc<dyn Fn() -> Arc<Policies> + Send + Sync>,
    /// The time.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// How many incidents raise the posture; nothing where none do.
    pub reliability: Option<Reliability>,
    /// Whether the policies in force name an environment.
    pub knows: Arc<dyn Fn(&Environment) -> bool + Send + Sync>,
    /// What makes a change take effect here.
    pub put_in_force: PutInForce,
}

/// Where browsers reach the control plane: `http://127.0.0.1:8801`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    secure: bool,
    authority: Box<str>,
}

/// Text that is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address such as https://cordon.example.com")]
pub struct OriginError(String);

/// The control plane as its requests see it.
pub(crate) struct Plane {
    pub(crate) store: Arc<dyn Store>,
    people: Arc<dyn Fn() -> Arc<People> + Send + Sync>,
    policies: Arc<ControlPolicies>,
    bundle: Arc<dyn Fn() -> Arc<Policies> + Send + Sync>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    knows: Arc<dyn Fn(&Environment) -> bool + Send + Sync>,
    put_in_force: PutInForce,
    pub(crate) reliability: Option<Reliability>,
    /// Every name of it.
    pub(crate) origins: Vec<Origin>,
    /// The one that people are told.
    origin: Origin,
    /// The one for terminals of this machine.
    local: Origin,
    /// Who says who people are, beside links, and the sign-ins that are under way there.
    pub(crate) oidc: Option<(Provider, Flows)>,
    /// Keys that people prove themselves by, where browsers have any for us.
    pub(crate) passkeys: Option<Passkeys>,
    pub(crate) waiting: Semaphore,
    /// How many more tries of agents are written down until this process ends.
    pub(crate) alarms: Semaphore,
    /// How many follow events.
    pub(crate) followers: AtomicUsize,
    /// Held while someone changes the posture, so that no one lowers what they did not see.
    pub(crate) posture: Mutex<()>,
    pub(crate) closing: CancellationToken,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts")
    }
}

impl std::str::FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let wrong = || OriginError(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(wrong()),
        };
        let authority = rest.trim_end_matches('/').to_ascii_lowercase();
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        match !authority.is_empty() && authority.chars().all(plain) {
            true => Ok(Self {
                secure,
                authority: authority.into(),
            }),
            false => Err(wrong()),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority)
    }
}

impl Origin {
    /// The names of a listener of this machine. Any other name that resolves to it is not ours: a
    /// page of a stranger may point its own name here.
    pub(crate) fn of_listener(address: SocketAddr) -> [Self; 2] {
        let port = address.port();
        let names = [address.to_string(), format!("localhost:{port}")];
        names.map(|authority| Self {
            secure: false,
            authority: authority.into(),
        })
    }

    /// Whether browsers reach it over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The name that browsers bind passkeys to: one over TLS, or `localhost`. Numbers are none.
    pub(crate) fn domain(&self) -> Option<&str> {
        let (name, _) = self
            .authority
            .split_once(':')
            .unwrap_or((&self.authority, ""));
        let last = name.rsplit('.').next()?;
        let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = !name.starts_with('[') && !is_number;
        (is_name && (self.secure || name == "localhost")).then_some(name)
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    fn scheme(&self) -> &'static str {
        match self.secure {
            true => "https",
            false => "http",
        }
    }
}

impl Plane {
    pub(crate) fn new(
        parts: Parts,
        address: SocketAddr,
        url: Option<Origin>,
        oidc: Option<(Provider, Flows)>,
        passkeys: Option<Passkeys>,
    ) -> Self {
        let own = Origin::of_listener(address);
        let [local, _] = own.clone();
        Self {
            store: parts.store,
            people: parts.people,
            policies: parts.policies,
            bundle: parts.bundle,
            clock: parts.clock,
            knows: parts.knows,
            reliability: parts.reliability,
            put_in_force: parts.put_in_force,
            origin: url.clone().unwrap_or_else(|| local.clone()),
            local,
            origins: url.into_iter().chain(own).collect(),
            oidc,
            passkeys,
            waiting: Semaphore::new(WAITING),
            alarms: Semaphore::new(ALARMS),
            followers: AtomicUsize::new(0),
            posture: Mutex::new(()),
            closing: CancellationToken::new(),
        }
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Whether the policies in force name this environment.
    pub(crate) fn knows(&self, environment: &Environment) -> bool {
        (self.knows)(environment)
    }

    /// Who counts now.
    pub(crate) fn people(&self) -> Arc<People> {
        (self.people)()
    }

    /// The policies of agents' calls now.
    pub(crate) fn bundle(&self) -> Arc<Policies> {
        (self.bundle)()
    }

    /// Who counts now, with what a provider told of `visitor`. Their pass was just read, while others
    /// may not be told of it yet.
    pub(crate) fn people_with(&self, visitor: &Visitor) -> Arc<People> {
        let people = self.people();
        match &visitor.pass().claim {
            None => people,
            Some(claim) => Arc::new(people.with_claims([(visitor.person(), claim)])),
        }
    }

    /// Where people are told that it is.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Where terminals of this machine reach it.
    pub(crate) fn local_origin(&self) -> &Origin {
        &self.local
    }

    /// Whether browsers reach it over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.origin.is_secure()
    }

    /// Waits until what the store says now is in force here.
    pub(crate) async fn put_in_force(&self) -> Result<(), ApiError> {
        match (self.put_in_force)().await {
            true => Ok(()),
            false => Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "not-in-force",
                "this is kept, and could not be put in force yet",
                "do it again; see the log of Cordon",
            )),
        }
    }

    /// Whether `visitor` may do `deed` now.
    pub(crate) fn permit(&self, visitor: &Visitor, deed: Deed<'_>) -> Result<Granted, Denied> {
        let people = self.people_with(visitor);
        self.policies
            .decide(&people, visitor.asker(), deed, self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_bound_to_a_name_over_tls_or_of_this_machine() {
        for (text, name) in [
            ("https://cordon.example.com", Some("cordon.example.com")),
            (
                "https://cordon.example.com:8443",
                Some("cordon.example.com"),
            ),
            ("http://localhost:8801", Some("localhost")),
            ("http://cordon.example.com", None),
            ("http://127.0.0.1:8801", None),
            ("https://127.0.0.1", None),
            ("https://192.0.2.1:443", None),
            ("https://127.1", None),
            ("http://[::1]:8801", None),
        ] {
            let origin: Origin = text.parse().unwrap();
            assert_eq!(origin.domain(), name, "{text}");
        }
    }

    #[test]
    fn an_origin_is_a_scheme_and_an_authority_and_nothing_more() {
        for text in [
            "https://cordon.example.com",
            "http://127.0.0.1:8801",
            "http://[::1]:8801",
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), text);
        }
        assert_eq!("HTTPS://x".parse::<Origin>().ok(), None);
        assert_eq!(
            "https://A.B/".parse::<Origin>().unwrap().to_string(),
            "https://a.b"
        );
        for text in [
            "",
            "cordon.example.com",
            "ftp://x",
            "https://",
            "https://a/b",
            "https://a@b",
            "https://a b",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
