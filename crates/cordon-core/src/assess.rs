//! Stage 3: what the call means here. Takes [`Identified`] and [`Knowledge`]; gives
//! [`Assessed`]: each access with its environment and provenance, the guards' facts, the blast
//! and the digest. It only adds knowledge.

use crate::digest::Digest;
use crate::environment::EnvironmentMap;
use crate::fact::Fact;
use crate::identify::Identified;
use crate::ledger::Ledger;
use crate::names::{Environment, Reference};
use crate::session::Session;
use cordon_aws::call::{Access, Call};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What was gathered for one call.
#[derive(Debug)]
pub struct Knowledge<'a> {
    /// Which resource is in which environment.
    pub environments: &'a EnvironmentMap,
    /// The version of the policies that will decide, which the digest covers.
    pub policy_version: &'a str,
    /// What the task did before.
    pub ledger: &'a Ledger,
    /// Changing calls of the task in the last minute, this one not counted.
    pub last_minute: u32,
    /// Facts that a failed read leaves open.
    pub unverified: BTreeSet<Fact>,
}

/// A call with all that policy weighs. Only [`assess`] makes one.
#[derive(Debug)]
pub struct Assessed {
    pub(crate) identified: Identified,
    pub(crate) accesses: Vec<AssessedAccess>,
    pub(crate) facts: BTreeSet<Fact>,
    pub(crate) digest: Digest,
}

/// One access with what is known of its resource.
#[derive(Debug, Clone)]
pub struct AssessedAccess {
    /// Action and resource.
    pub access: Access,
    /// The resource's environment; `unclassified` where no rule names it.
    pub environment: Environment,
    /// Whether this task created the resource, by the ledger.
    pub own: bool,
}

impl Assessed {
    /// The call.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.identified.call
    }
    /// Whose it is.
    #[must_use]
    pub fn session(&self) -> &Arc<Session> {
        &self.identified.session
    }
    /// What people quote.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.identified.reference
    }
    /// Every access.
    #[must_use]
    pub fn accesses(&self) -> &[AssessedAccess] {
        &self.accesses
    }
    /// What the guards noticed.
    #[must_use]
    pub fn facts(&self) -> &BTreeSet<Fact> {
        &self.facts
    }
    /// The digest of the canonical call.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

/// Lets every guard look at the call.
#[must_use]
pub fn assess(identified: Identified, knowledge: &Knowledge<'_>) -> Assessed {
    let _ = (identified, knowledge);
    todo!()
}
