//! What the request alone does not tell: whether an update replaces anything, what goes with what is
//! deleted, and content that it only points to. That it may is no finding; that nobody looked is
//! one.

use super::{Guard, Sight};
use crate::fact::Fact;
use crate::look::Look;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "unverified",
    about: "updates that may replace, deletions that take others along, and content that was not read",
    finds: &[Fact::Unverified],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let own = sight.accesses.iter().all(|access| access.own);
    let may_hide = || sight.has(Effect::MayReplace) || Look::needs_reads(sight.call, own);
    let unseen = sight.knowledge.seen.is_none() && may_hide();
    if unseen || sight.has(Effect::Unread) {
        facts.insert(Fact::Unverified);
    }
}
