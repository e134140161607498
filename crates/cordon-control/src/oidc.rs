//! Sign-in by OpenID Connect: the authorization code flow with PKCE. Takes who the provider is and which
//! of its people are ours; gives the address to send a browser to, and for what the browser comes back
//! with, the [`Identity`] that the provider vouches for.
//!
//! ```text
//! begin  ─► provider ─► callback ─► code ─► ID token ─► Identity
//! flow      signs in    state       PKCE    token        address, claim, since when
//! ```
//! [`flow`] binds all of it to the browser that began, and to once. [`token`] is the only place where an
//! ID token becomes something that is believed. The [`Provider`] speaks to the provider itself.

mod flow;
mod provider;
mod token;

pub(crate) use flow::{Flow, Flows, LIFETIME};
pub(crate) use provider::{Provider, is_word};

use cordon_core::names::{ApproverGroup, Person};
use cordon_core::people::{Claim, Role};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// A provider of identities, and what counts of what it says.
#[derive(Clone)]
pub struct OidcConfig {
    /// Its name for itself: `https://login.example.com`. ID tokens of any other are refused.
    pub issuer: Box<str>,
    /// What it knows Cordon as.
    pub client_id: Box<str>,
    /// What Cordon proves that with.
    pub client_secret: Box<str>,
    /// The domains of the addresses that may sign in, in small letters.
    pub domains: Vec<Box<str>>,
    /// The claim that has groups; without one, groups are those of the file of people alone.
    pub groups_claim: Option<Box<str>>,
    /// What values of that claim mean. Without any, a value is the group of the same name.
    pub map: Vec<ClaimRule>,
}

/// What one value of the claim means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRule {
    /// As the provider writes it.
    pub value: Box<str>,
    /// Groups whose holds its people may lift.
    pub groups: Vec<ApproverGroup>,
    /// What else they may do.
    pub roles: Vec<Role>,
}

/// Whom the provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Their address, in small letters.
    pub(crate) address: Person,
    /// What the claim means; nothing where none is asked for.
    pub(crate) claim: Option<Claim>,
    /// When they proved who they are.
    pub(crate) since: Timestamp,
}

/// Why nobody is signed in. Says nothing of tokens or codes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    #[error("the provider of identities cannot be asked: {0}")]
    Unreachable(String),
    #[error("the provider of identities said no: {0}")]
    Refused(String),
    #[error("what the provider sent is not believed: {0}")]
    Disbelieved(&'static str),
    #[error("{0}")]
    NotOurs(&'static str),
}

impl std::fmt::Debug for OidcConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OidcConfig({}, {})", self.issuer, self.client_id)
    }
}

impl OidcConfig {
    /// What the values of the claim mean together.
    fn meaning(&self, values: &[&str]) -> Claim {
        if self.map.is_empty() {
            // What is no name of a group is one that no policy can ask.
            let groups = values.iter().filter_map(|value| value.parse().ok());
            return Claim {
                groups: groups.collect(),
                roles: BTreeSet::new(),
            };
        }
        let mut claim = Claim::default();
        let fits = |rule: &&ClaimRule| values.contains(&&*rule.value);
        for rule in self.map.iter().filter(fits) {
            claim.groups.extend(rule.groups.iter().cloned());
            claim.roles.extend(&rule.roles);
        }
        claim
    }

    fn is_ours(&self, address: &str) -> bool {
        let domain = address.rsplit_once('@').map(|(_, domain)| domain);
        domain.is_some_and(|domain| self.domains.iter().any(|ours| **ours == *domain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(map: Vec<ClaimRule>) -> OidcConfig {
        OidcConfig {
            issuer: "https://login.example.com".into(),
            client_id: "cordon".into(),
            client_secret: "secret".into(),
            domains: vec!["example.com".into()],
            groups_claim: Some("groups".into()),
            map,
        }
    }

    #[test]
    fn only_what_is_mapped_counts_where_anything_is() {
        let rule = ClaimRule {
            value: "Platform Seniors".into(),
            groups: vec!["senior".parse().unwrap()],
            roles: vec![Role::IncidentCommander],
        };
        let mapped = config(vec![rule]);
        let claim = mapped.meaning(&["Platform Seniors", "owner", "admin"]);
        assert_eq!(claim.groups, ["senior".parse().unwrap()].into());
        assert_eq!(claim.roles, [Role::IncidentCommander].into());
        assert_eq!(mapped.meaning(&["senior"]), Claim::default());

        let plain = config(Vec::new());
        let claim = plain.meaning(&["senior", "not a group", "admin"]);
        let names = ["admin", "senior"].map(|name| name.parse().unwrap());
        assert_eq!(claim.groups, names.into());
        assert_eq!(
            claim.roles,
            BTreeSet::new(),
            "a role is given by a rule alone"
        );
    }

    #[test]
    fn an_address_is_ours_by_the_whole_of_its_domain() {
        let config = config(Vec::new());
        assert!(config.is_ours("mei@example.com"));
        for other in [
            "mei",
            "mei@evil-example.com",
            "mei@example.com.evil.org",
            "mei@example.com@evil.org",
            "mei@sub.example.com",
        ] {
            assert!(!config.is_ours(other), "{other}");
        }
    }
}
