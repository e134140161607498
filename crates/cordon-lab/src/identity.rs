//! Users, roles, credentials, and the question whether a caller may do something.
//!
//! Takes access key ids and accesses; gives [`Principal`]s and refusals in AWS's words. A session
//! may do what its role's policies allow *and* its session policies allow; a user what the user's
//! policies allow; an explicit deny in any of them wins.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::digest::base64;
use crate::policy::condition::Context;
use crate::policy::{Effect, Policy, Question, effect};
use crate::reply::{Fault, Protocol};

/// Account id and name.
pub(crate) type Owned = (String, String);

/// How many session credentials are kept before expired ones are swept.
const SWEEP_AT: usize = 10_000;

/// Everything about who may call.
#[derive(Clone, Default)]
pub(crate) struct Identity {
    pub(crate) users: BTreeMap<Owned, User>,
    pub(crate) roles: BTreeMap<Owned, Role>,
    pub(crate) managed: BTreeMap<String, Policy>,
    credentials: HashMap<String, Credential>,
}

/// A user with long-term keys.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) policies: Vec<Policy>,
}

/// A role.
#[derive(Clone)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) description: String,
    pub(crate) trust: Policy,
    pub(crate) inline: BTreeMap<String, Policy>,
    pub(crate) attached: BTreeSet<String>,
    pub(crate) max_session_seconds: i64,
}

/// One access key.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) principal: Principal,
}

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    pub(crate) account: String,
    /// The ARN in messages: of the user, or `assumed-role/ROLE/SESSION`.
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) kind: PrincipalKind,
}

#[derive(Debug, Clone)]
pub(crate) enum PrincipalKind {
    User(String),
    Session(Box<Session>),
}

/// A session of a role.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) role: Owned,
    pub(crate) role_arn: String,
    pub(crate) name: String,
    pub(crate) source_identity: Option<String>,
    /// Inline and managed session policies; none means that only the role's policies bind.
    pub(crate) policies: Vec<Policy>,
    pub(crate) inline_policy: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) transitive: BTreeSet<String>,
}

impl Principal {
    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.kind {
            PrincipalKind::Session(session) => Some(session),
            PrincipalKind::User(_) => None,
        }
    }

    /// The names by which a policy with principals may know the caller.
    pub(crate) fn names(&self, partition: &str) -> Vec<String> {
        let root = format!("arn:{partition}:iam::{}:root", self.account);
        let mut names = vec![self.arn.clone(), self.account.clone(), root];
        names.extend(self.session().map(|session| session.role_arn.clone()));
        names
    }

    /// What conditions can know about the caller.
    pub(crate) fn context(&self) -> Context {
        let mut context = Context::default();
        context.set("aws:PrincipalAccount", self.account.as_str());
        context.set("aws:userid", self.id.as_str());
        match &self.kind {
            PrincipalKind::User(name) => {
                context.set("aws:PrincipalArn", self.arn.as_str());
                context.set("aws:username", name.as_str());
            }
            PrincipalKind::Session(session) => {
                context.set("aws:PrincipalArn", session.role_arn.as_str());
                if let Some(source) = &session.source_identity {
                    context.set("aws:SourceIdentity", source.as_str());
                }
                for (key, value) in &session.tags {
                    context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
                }
            }
        }
        context
    }
}

/// One action on one resource.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) action: String,
    pub(crate) resource: String,
    /// Condition keys that only this access has.
    pub(crate) keys: Vec<(&'static str, String)>,
}

impl Access {
    pub(crate) fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            resource: resource.into(),
            keys: Vec::new(),
        }
    }

    pub(crate) fn key(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.keys.push((name, value.into()));
        self
    }
}

impl Identity {
    pub(crate) fn credential(&self, key_id: &str) -> Option<&Credential> {
        self.credentials.get(key_id)
    }

    pub(crate) fn add_key(&mut self, key_id: &str, credential: Credential) {
        self.credentials.insert(key_id.to_owned(), credential);
    }

    /// Makes credentials for a session.
    pub(crate) fn issue(
        &mut self,
        principal: Principal,
        expires: Timestamp,
        now: Timestamp,
    ) -> (String, Credential) {
        if self.credentials.len() >= SWEEP_AT {
            self.credentials
                .retain(|_, known| known.expires.is_none_or(|end| end > now));
        }
        let key_id = format!("ASIA{}", letters(16));
        let credential = Credential {
            secret: base64(&random()).chars().take(40).collect(),
            token: Some((0..6).map(|_| base64(&random()).replace('=', "")).collect()),
            expires: Some(expires),
            principal,
        };
        self.credentials.insert(key_id.clone(), credential.clone());
        (key_id, credential)
    }

    fn policies_of<'a>(&'a self, principal: &'a Principal) -> Vec<&'a Policy> {
        match &principal.kind {
            PrincipalKind::User(name) => self
                .users
                .get(&(principal.account.clone(), name.clone()))
                .map(|user| user.policies.iter().collect())
                .unwrap_or_default(),
            PrincipalKind::Session(session) => {
                let Some(role) = self.roles.get(&session.role) else {
                    return Vec::new();
                };
                let attached = role.attached.iter().filter_map(|arn| self.managed.get(arn));
                role.inline.values().chain(attached).collect()
            }
        }
    }

    /// Whether the caller's own policies allow the access.
    pub(crate) fn authorize(
        &self,
        principal: &Principal,
        access: &Access,
        context: &Context,
        protocol: Protocol,
    ) -> Result<(), Fault> {
        let question = Question {
            action: &access.action,
            resource: &access.resource,
            principals: &[],
            context,
        };
        let session_policies = principal
            .session()
            .map_or(&[][..], |session| &session.policies);
        let by_session = effect(session_policies, &question);
        let by_identity = effect(self.policies_of(principal), &question);
        let action = &access.action;
        let reason = match (by_session, by_identity) {
            (Some(Effect::Deny), _) => "with an explicit deny in a session policy".to_owned(),
            (_, Some(Effect::Deny)) => {
                "with an explicit deny in an identity-based policy".to_owned()
            }
            (_, None) => format!("because no identity-based policy allows the {action} action"),
            (None, Some(Effect::Allow)) if !session_policies.is_empty() => {
                format!("because no session policy allows the {action} action")
            }
            (_, Some(Effect::Allow)) => return Ok(()),
        };
        Err(denial(principal, access, &reason, protocol))
    }
}

/// The refusal in AWS's words.
pub(crate) fn denial(
    principal: &Principal,
    access: &Access,
    reason: &str,
    protocol: Protocol,
) -> Fault {
    let quote = if protocol == Protocol::RestXml {
        "\""
    } else {
        ""
    };
    let message = format!(
        "User: {} is not authorized to perform: {} on resource: {quote}{}{quote} {reason}",
        principal.arn, access.action, access.resource
    );
    Fault::denied(match protocol {
        Protocol::Ec2 => format!("You are not authorized to perform this operation. {message}"),
        _ => message.trim_end().to_owned(),
    })
}

/// Thirty-two bytes that nobody can guess.
fn random() -> [u8; 32] {
    let mut hasher = Sha256::new();
    for _ in 0..4 {
        hasher.update(Uuid::now_v7().as_bytes());
    }
    hasher.finalize().into()
}

/// Capital letters and digits, as in `AROA...` and `ASIA...`.
pub(crate) fn letters(count: usize) -> String {
    random()
        .iter()
        .cycle()
        .take(count)
        .map(|byte| {
            char::from(
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
                    .get(usize::from(byte % 32))
                    .copied()
                    .unwrap_or(b'A'),
            )
        })
        .collect()
}

/// Lower-case hexadecimal, as in `i-0abc...`.
pub(crate) fn hexadecimal(count: usize) -> String {
    hex::encode(random()).chars().take(count).collect()
}
