//! Slices: the few policies that can apply to an action, made before they are needed.
//!
//! Evaluation costs grow with every policy in a set. Which policies can apply depends only on
//! the action itself, if some policy names it, on its service, if some policy names that, and on
//! its class groups; so there are few slices however large the catalog is.

use crate::action::{Groups, prefix_of};
use cedar_policy::{ActionConstraint, Policy, PolicyId, PolicySet};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// The id of the permit that lets guardrails show which of them forbids.
pub(crate) const BASE: &str = "(base)";

/// Which layer a policy of a bundle belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Guardrail,
    Ceiling,
}

/// The actions and services that some policy of the bundle names, in its head or its conditions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mentioned {
    pub(crate) actions: BTreeSet<Box<str>>,
    pub(crate) services: BTreeSet<Box<str>>,
}

/// What policies can tell an action by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Special {
    /// Nothing but its class.
    None,
    /// Its service.
    Service(Box<str>),
    /// Its name (and so its service too).
    Action(Box<str>),
}

impl Mentioned {
    pub(crate) fn of<'p>(policies: impl Iterator<Item = &'p Policy>) -> Self {
        let mut mentioned = Self::default();
        for literal in policies.flat_map(Policy::entity_literals) {
            if literal.type_name() != &*crate::cedar::ACTION {
                continue;
            }
            let id: &str = literal.id().as_ref();
            match id.strip_prefix("svc:") {
                Some(service) => mentioned.services.insert(service.into()),
                None if id == "any" || id.starts_with("class:") => false,
                None => mentioned.actions.insert(id.into()),
            };
        }
        mentioned
    }

    /// All that the bundle can know an action by: actions with the same key are decided alike.
    pub(crate) fn key(&self, action: &str, groups: Groups) -> (Special, Groups) {
        let special = match () {
            () if self.actions.contains(action) => Special::Action(action.into()),
            () if self.services.contains(prefix_of(action)) => {
                Special::Service(prefix_of(action).into())
            }
            () => Special::None,
        };
        (special, groups)
    }

    fn specials(&self) -> impl Iterator<Item = Special> {
        let services = self.services.iter().cloned().map(Special::Service);
        let actions = self.actions.iter().cloned().map(Special::Action);
        [Special::None].into_iter().chain(services).chain(actions)
    }
}

/// The policies of one layer, cut into slices on first use.
#[derive(Debug)]
pub(crate) struct Layer {
    policies: Vec<Policy>,
    base: bool,
    slices: BTreeMap<Special, BTreeMap<Groups, OnceLock<PolicySet>>>,
}

impl Layer {
    /// A layer of `policies`; with `base`, a permit for everything is added to each slice.
    pub(crate) fn new(policies: Vec<Policy>, base: bool, mentioned: &Mentioned) -> Self {
        let slices = mentioned
            .specials()
            .map(|special| {
                let groups = Groups::all().map(|groups| (groups, OnceLock::new()));
                (special, groups.collect())
            })
            .collect();
        Self {
            policies,
            base,
            slices,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.policies.len()
    }

    pub(crate) fn without(&self, id: &str, mentioned: &Mentioned) -> Self {
        let rest = self.policies.iter().filter(|policy| {
            let own: &str = policy.id().as_ref();
            own != id
        });
        Self::new(rest.cloned().collect(), self.base, mentioned)
    }

    /// The policies whose head can match the action; nothing only for groups that cannot occur.
    pub(crate) fn slice(
        &self,
        mentioned: &Mentioned,
        action: &str,
        groups: Groups,
    ) -> Option<&PolicySet> {
        let (special, groups) = mentioned.key(action, groups);
        let cell = self.slices.get(&special)?.get(&groups)?;
        Some(cell.get_or_init(|| self.cut(&special, groups)))
    }

    fn cut(&self, special: &Special, groups: Groups) -> PolicySet {
        let mut set = PolicySet::new();
        for policy in &self.policies {
            if can_match(&policy.action_constraint(), special, groups) {
                // Ids are unique: loading refuses a bundle where they are not.
                let _ = set.add(policy.clone());
            }
        }
        if let (true, Ok(base)) = (
            self.base,
            Policy::parse(
                Some(PolicyId::new(BASE)),
                "permit(principal, action, resource);",
            ),
        ) {
            let _ = set.add(base);
        }
        set
    }
}

/// Whether a policy head admits an action that is known by `special` and `groups`.
fn can_match(head: &ActionConstraint, special: &Special, groups: Groups) -> bool {
    let admits = |id: &str| match (id.strip_prefix("svc:"), special) {
        (Some(named), Special::Service(service)) => named == &**service,
        (Some(named), Special::Action(action)) => named == prefix_of(action),
        (Some(_), Special::None) => false,
        (None, Special::Action(action)) if id == &**action => true,
        (None, _) => groups.within(id),
    };
    match head {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => admits(uid.id().as_ref()),
        ActionConstraint::In(uids) => uids.iter().any(|uid| admits(uid.id().as_ref())),
    }
}
