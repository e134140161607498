//! Which role is assumed for a call: ordered rules, first match.

use cordon_aws::arn::{AccountId, Arn};
use cordon_aws::catalog::Catalog;
use cordon_core::decide::Permit;
use cordon_core::names::Environment;

/// One rule: in this account (and for this environment alone, if one is named) assume this role.
#[derive(Debug, Clone)]
pub struct Role {
    /// The account that the call acts in.
    pub account: AccountId,
    /// The environment of every resource of the call; any where `None`.
    pub environment: Option<Environment>,
    /// The role.
    pub arn: Arn,
}

/// The rules, in order.
#[derive(Debug, Clone, Default)]
pub struct Roles(Vec<Role>);

impl Roles {
    /// These rules.
    #[must_use]
    pub fn new(roles: impl IntoIterator<Item = Role>) -> Self {
        Self(roles.into_iter().collect())
    }

    /// The region that serves what is global in the partition of the roles.
    pub(crate) fn home_region(&self) -> &'static str {
        let partition = self.0.first().map_or("aws", |role| role.arn.partition());
        Catalog::embedded()
            .partitions()
            .find(|known| known.name() == partition)
            .map_or("us-east-1", |known| known.global_region())
    }

    /// The role for a permitted call; for one of the session of another role, the role from which
    /// that one is assumed, which is one of the account that the task was launched in.
    pub(crate) fn of(&self, permit: &Permit) -> Option<&Role> {
        let assessed = permit.assessed();
        let account = match &assessed.session().descent {
            Some(descent) => descent.home(),
            None if permit.loan().is_some() => &assessed.session().account,
            None => assessed.call().account()?,
        };
        let everywhere = |environment: &Environment| {
            assessed
                .accesses()
                .iter()
                .all(|access| access.environment == *environment)
        };
        self.0.iter().find(|role| {
            role.account == *account && role.environment.as_ref().is_none_or(everywhere)
        })
    }
}
