//! What the request alone does not tell: whether an update replaces anything, and content that it
//! only points to. That it may is no finding; that nobody looked is one.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::catalog::Effect;
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "unverified",
    about: "updates that may replace, and content that was not read",
    finds: &[Fact::Unverified],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let may_replace = sight.has(Effect::MayReplace) && sight.knowledge.seen.is_none();
    if may_replace || sight.has(Effect::Unread) {
        facts.insert(Fact::Unverified);
    }
}
