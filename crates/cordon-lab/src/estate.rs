//! The world of the lab: identities and every resource of every service.
//!
//! Takes seeds before the lab starts and changes while it runs; gives the services their state.
//! [`Estate::seed_story`] is the estate of the demo: a company's cost explorer, which an agent is
//! asked to mend and which it must not tear down.

mod story;

use std::collections::BTreeMap;
use std::fmt;

use cordon_aws::arn::{AccountId, Partition, Region};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::identity::{Credential, Identity, Principal, PrincipalKind, Role, User, letters};
use crate::policy::{self, Kind, Policy, PolicyFault};
use crate::service::{
    beanstalk, cloudformation, dynamodb, ec2, lambda, logs, rds, s3, secrets, sqs, sts,
};

pub use story::{BASE_ACCESS_KEY_ID, BASE_SECRET_ACCESS_KEY, DEPLOY_ROLE, READ_ROLE};

/// Everything the lab knows. A clone is a snapshot; `POST /_lab/reset` returns to the one that
/// the lab started with.
#[derive(Clone)]
pub struct Estate {
    pub(crate) partition: String,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) identity: Identity,
    pub(crate) s3: s3::Buckets,
    pub(crate) packed_limit: usize,
    places: BTreeMap<(String, String), Place>,
}

/// What one account has in one region.
#[derive(Clone, Default)]
pub(crate) struct Place {
    pub(crate) beanstalk: beanstalk::Beanstalk,
    pub(crate) cloudformation: cloudformation::Stacks,
    pub(crate) dynamodb: dynamodb::Tables,
    pub(crate) ec2: ec2::Ec2,
    pub(crate) lambda: lambda::Functions,
    pub(crate) logs: logs::Groups,
    pub(crate) rds: rds::Rds,
    pub(crate) secrets: secrets::Secrets,
    pub(crate) sqs: sqs::Queues,
}

/// A user with an access key, for [`Estate::with_user`].
#[derive(Debug, Clone)]
pub struct UserSeed<'a> {
    /// The user's name.
    pub name: &'a str,
    /// Twenty characters that start with `AKIA`.
    pub access_key_id: &'a str,
    /// The secret of the key; anything but empty.
    pub secret_access_key: &'a str,
    /// Policy documents, as JSON.
    pub policies: &'a [&'a str],
}

/// A role, for [`Estate::with_role`].
#[derive(Debug, Clone)]
pub struct RoleSeed<'a> {
    /// The role's name.
    pub name: &'a str,
    /// Who may assume it, as JSON.
    pub trust: &'a str,
    /// Policy documents, as JSON.
    pub policies: &'a [&'a str],
    /// The longest session, in seconds: 3,600 to 43,200.
    pub max_session_seconds: i64,
}

/// A seed that the lab cannot use.
#[derive(Debug, thiserror::Error)]
#[error("a policy of `{name}` cannot be read")]
pub struct SeedError {
    name: String,
    source: SeedCause,
}

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct SeedCause(#[from] PolicyFault);

impl Estate {
    /// An account with nothing in it and nobody who may do anything.
    #[must_use]
    pub fn empty(partition: &Partition, region: &Region, account: &AccountId) -> Self {
        Self {
            partition: partition.as_str().to_owned(),
            region: region.as_str().to_owned(),
            account: account.as_str().to_owned(),
            identity: Identity::default(),
            s3: s3::Buckets::default(),
            packed_limit: sts::PACKED_LIMIT,
            places: BTreeMap::new(),
        }
    }

    /// Adds a user with a key.
    ///
    /// # Errors
    ///
    /// When a policy does not follow the grammar.
    pub fn with_user(mut self, seed: &UserSeed<'_>) -> Result<Self, SeedError> {
        let policies = read_all(seed.name, seed.policies)?;
        let principal = Principal {
            account: self.account.clone(),
            arn: format!(
                "arn:{}:iam::{}:user/{}",
                self.partition, self.account, seed.name
            ),
            id: format!("AIDA{}", letters(17)),
            kind: PrincipalKind::User(seed.name.to_owned()),
        };
        self.identity.users.insert(
            (self.account.clone(), seed.name.to_owned()),
            User { policies },
        );
        self.identity.add_key(
            seed.access_key_id,
            Credential {
                secret: seed.secret_access_key.to_owned(),
                token: None,
                expires: None,
                principal,
            },
        );
        Ok(self)
    }

    /// Adds a role.
    ///
    /// # Errors
    ///
    /// When a policy does not follow the grammar.
    pub fn with_role(self, seed: &RoleSeed<'_>) -> Result<Self, SeedError> {
        let account = self.account.clone();
        self.with_role_of(&account, seed)
    }

    /// Adds a role of another account, in which it acts.
    ///
    /// # Errors
    ///
    /// When a policy does not follow the grammar.
    pub fn with_role_in(self, account: &AccountId, seed: &RoleSeed<'_>) -> Result<Self, SeedError> {
        self.with_role_of(account.as_str(), seed)
    }

    fn with_role_of(mut self, account: &str, seed: &RoleSeed<'_>) -> Result<Self, SeedError> {
        let inline = read_all(seed.name, seed.policies)?
            .into_iter()
            .enumerate()
            .map(|(index, policy)| (format!("policy-{}", index + 1), policy))
            .collect();
        let trust = read(seed.name, seed.trust, Kind::Trust)?;
        let role = Role {
            arn: format!("arn:{}:iam::{account}:role/{}", self.partition, seed.name),
            path: "/".to_owned(),
            id: format!("AROA{}", letters(17)),
            created: Timestamp::UNIX_EPOCH,
            description: String::new(),
            trust,
            inline,
            attached: Default::default(),
            max_session_seconds: seed.max_session_seconds,
        };
        self.identity
            .roles
            .insert((account.to_owned(), seed.name.to_owned()), role);
        Ok(self)
    }

    /// Adds a managed policy, which roles can attach and sessions can name.
    ///
    /// # Errors
    ///
    /// When the policy does not follow the grammar.
    pub fn with_managed_policy(mut self, arn: &str, document: &str) -> Result<Self, SeedError> {
        let policy = read(arn, document, Kind::Identity)?;
        self.identity.managed.insert(arn.to_owned(), policy);
        Ok(self)
    }

    /// Gives session policies less room than their 2,048 characters: AWS packs policy, tags and
    /// ARNs into a space that it does not tell, so a policy may be too large that is not too long.
    #[must_use]
    pub fn with_packed_limit(mut self, bytes: std::num::NonZeroUsize) -> Self {
        self.packed_limit = bytes.get();
        self
    }

    /// A trust policy for everybody in an account who is allowed to ask, with the two further
    /// permissions that a source identity and session tags need.
    #[must_use]
    pub fn trust_of_account(partition: &Partition, account: &AccountId) -> String {
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"AWS": format!("arn:{partition}:iam::{account}:root")},
                "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
            }],
        })
        .to_string()
    }

    pub(crate) fn place(&mut self, account: &str, region: &str) -> &mut Place {
        self.places
            .entry((account.to_owned(), region.to_owned()))
            .or_default()
    }

    pub(crate) fn place_if_any(&self, account: &str, region: &str) -> Option<&Place> {
        self.places.get(&(account.to_owned(), region.to_owned()))
    }

    /// A summary for people and tests: the names and states of all resources.
    pub(crate) fn to_json(&self) -> Value {
        let places: BTreeMap<String, Value> = self
            .places
            .iter()
            .map(|((account, region), place)| (format!("{account}/{region}"), place.to_json()))
            .collect();
        let roles: Vec<&str> = self
            .identity
            .roles
            .values()
            .map(|role| role.arn.as_str())
            .collect();
        json!({"roles": roles, "s3": self.s3.to_json(), "places": places})
    }
}

impl Place {
    fn to_json(&self) -> Value {
        json!({
            "cloudformation": self.cloudformation.to_json(),
            "dynamodb": self.dynamodb.to_json(),
            "ec2": self.ec2.to_json(),
            "elasticbeanstalk": self.beanstalk.to_json(),
            "lambda": self.lambda.to_json(),
            "logs": self.logs.to_json(),
            "rds": self.rds.to_json(),
            "secretsmanager": self.secrets.to_json(),
            "sqs": self.sqs.to_json(),
        })
    }
}

impl fmt::Debug for Estate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Estate({} {} {})",
            self.partition, self.region, self.account
        )
    }
}

fn read(name: &str, text: &str, kind: Kind) -> Result<Policy, SeedError> {
    policy::parse(text, kind).map_err(|fault| SeedError {
        name: name.to_owned(),
        source: SeedCause(fault),
    })
}

fn read_all(name: &str, texts: &[&str]) -> Result<Vec<Policy>, SeedError> {
    texts
        .iter()
        .map(|text| read(name, text, Kind::Identity))
        .collect()
}
