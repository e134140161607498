//! What of a task one shared read session may carry: its reads of configuration that need no
//! more than an action and ARNs to be told from others. Everything else is minted for each call.

use super::Allow;
use crate::action::{ActionSet, Actions, prefix_of};
use cordon_aws::call::Class;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Reads on some resources: `["*"]` for everything within `[where]`.
#[derive(Debug)]
pub(crate) struct ReadGrant {
    pub(crate) actions: ActionSet,
    pub(crate) resources: Vec<Box<str>>,
}

/// The reads of a task, and the documents made of them on first use.
#[derive(Debug)]
pub(crate) struct Reads {
    pub(crate) grants: Vec<ReadGrant>,
    pub(crate) whole: OnceLock<Option<Arc<str>>>,
    pub(crate) of_service: BTreeMap<&'static str, OnceLock<Option<Arc<str>>>>,
}

impl Reads {
    pub(super) fn of(allows: &[Allow], actions: &Actions) -> Self {
        let grants: Vec<ReadGrant> = allows.iter().filter_map(|a| grant(a, actions)).collect();
        let of_service = actions
            .iter()
            .enumerate()
            .filter(|(index, _)| grants.iter().any(|grant| grant.actions.contains(*index)))
            .map(|(_, rule)| (prefix_of(rule.action), OnceLock::new()))
            .collect();
        Self {
            grants,
            whole: OnceLock::new(),
            of_service,
        }
    }
}

fn grant(allow: &Allow, actions: &Actions) -> Option<ReadGrant> {
    // A session policy cannot speak of environments or parameters.
    let plain =
        allow.environments.is_empty() && allow.only_params.is_none() && allow.limits.is_empty();
    let resources = match allow.on.anything {
        true => vec!["*".into()],
        false => allow.on.arns.clone(),
    };
    if !plain || resources.is_empty() {
        return None;
    }
    let mut reads = actions.none();
    for (index, rule) in actions.iter().enumerate() {
        if rule.class == Class::Observe && allow.actions.contains(index) {
            reads.insert(index);
        }
    }
    (!reads.is_empty()).then_some(ReadGrant {
        actions: reads,
        resources,
    })
}
