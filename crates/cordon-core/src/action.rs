//! The names that tasks and policies may use: every IAM action with its level and class.
//!
//! Takes the catalog's actions; gives a sorted table, sets over it (one bit an action, so that a
//! task that froze thousands of reads stays small), and the Cedar groups an action belongs to.

use crate::glob;
use cordon_aws::call::{Access, AccessLevel, Class};
use cordon_aws::catalog::Catalog;
use cordon_aws::lend::Lending;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// One IAM action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownAction {
    /// `lambda:GetFunction`.
    pub action: &'static str,
    /// IAM's level, the stricter of the current and the previous reference.
    pub level: AccessLevel,
    /// What the action does by itself, before parameters are looked at.
    pub class: Class,
}

/// Every known IAM action, sorted by name.
#[derive(Debug)]
pub struct Actions {
    rules: Vec<KnownAction>,
    /// Where each IAM prefix's actions are in `rules`.
    prefixes: BTreeMap<&'static str, Range<usize>>,
    version: Box<str>,
    catalog: Option<&'static Catalog>,
}

impl Actions {
    /// The actions of `catalog`.
    #[must_use]
    pub fn of(catalog: &'static Catalog) -> Self {
        // A guess is nothing that a task or a policy can rest on.
        let sure = catalog.actions().filter(|rule| rule.handle().known());
        let known = sure.map(|rule| KnownAction {
            action: rule.action,
            level: rule.level,
            class: rule.class,
        });
        let mut actions = Self::new(known, catalog.version());
        actions.catalog = Some(catalog);
        actions
    }

    /// A table of `rules`. Where a name comes twice, the more severe reading stays.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = KnownAction>, version: &str) -> Self {
        let mut rules: Vec<KnownAction> = rules.into_iter().collect();
        rules.sort_by(|a, b| (a.action, b.class, b.level).cmp(&(b.action, a.class, a.level)));
        rules.dedup_by(|next, kept| next.action == kept.action);
        let mut prefixes: BTreeMap<&'static str, Range<usize>> = BTreeMap::new();
        for (index, rule) in rules.iter().enumerate() {
            let prefix = prefix_of(rule.action);
            let range = prefixes.entry(prefix).or_insert(index..index);
            // INVARIANT: names are sorted, but `a-b:` sorts before `a:`; each prefix is still one
            // run, because `:` ends the prefix in every name of the run.
            range.end = index + 1;
        }
        Self {
            rules,
            prefixes,
            version: version.into(),
            catalog: None,
        }
    }

    /// The version of the catalog that the table was made from.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The place of the action called `name`, exact case.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<usize> {
        self.rules
            .binary_search_by(|rule| rule.action.cmp(name))
            .ok()
    }

    /// The action at `index`.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<&KnownAction> {
        self.rules.get(index)
    }

    /// The action called `name`, exact case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&KnownAction> {
        self.rules.get(self.index(name)?)
    }

    /// Every action, by name.
    pub fn iter(&self) -> impl Iterator<Item = &KnownAction> {
        self.rules.iter()
    }

    /// Every action of an IAM prefix, with its place.
    pub fn of_prefix(&self, prefix: &str) -> impl Iterator<Item = (usize, &KnownAction)> {
        let range = self.prefixes.get(prefix).cloned().unwrap_or(0..0);
        let start = range.start;
        let rules = self.rules.get(range).unwrap_or_default();
        rules
            .iter()
            .enumerate()
            .map(move |(offset, rule)| (start + offset, rule))
    }

    /// Every IAM prefix, by name.
    pub fn prefixes(&self) -> impl Iterator<Item = &'static str> {
        self.prefixes.keys().copied()
    }

    /// Whether some action has this IAM prefix.
    #[must_use]
    pub fn has_prefix(&self, prefix: &str) -> bool {
        self.prefixes.contains_key(prefix)
    }

    /// Every action that the wildcard `pattern` names. IAM compares actions without regard to
    /// case, and so does this.
    pub fn matching(&self, pattern: &str) -> impl Iterator<Item = (usize, &KnownAction)> {
        let pattern = pattern.to_ascii_lowercase();
        self.rules
            .iter()
            .enumerate()
            .filter(move |(_, rule)| glob::matches(&pattern, &rule.action.to_ascii_lowercase()))
    }

    /// The names of the top-level parameters of every operation that needs `action`, if the
    /// table was made from a catalog: what `only_params` and `limits` may name.
    #[must_use]
    pub fn parameters(&self, action: &str) -> Option<BTreeSet<&'static str>> {
        let catalog = self.catalog?;
        let prefix = prefix_of(action);
        let services = catalog.services().filter(|s| s.iam_prefix() == prefix);
        let operations = services.flat_map(|service| service.operations());
        let needing = operations.filter(|op| op.actions().any(|rule| rule.action == action));
        let inputs = needing.filter_map(|operation| operation.input());
        let members = inputs.flat_map(|input| input.members());
        Some(members.map(|member| member.name()).collect())
    }

    /// An empty set over this table.
    #[must_use]
    pub fn none(&self) -> ActionSet {
        ActionSet(vec![0; self.rules.len().div_ceil(64)])
    }
}

/// The part before the colon: `lambda` of `lambda:GetFunction`.
#[must_use]
pub fn prefix_of(action: &str) -> &str {
    action.split_once(':').map_or(action, |(prefix, _)| prefix)
}

/// Some of the actions of one [`Actions`] table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionSet(Vec<u64>);

impl ActionSet {
    /// Adds the action at `index`.
    pub fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    /// Whether the action at `index` is in.
    #[must_use]
    pub fn contains(&self, index: usize) -> bool {
        let word = self.0.get(index / 64).copied().unwrap_or(0);
        word & (1 << (index % 64)) != 0
    }

    /// Adds everything that `other` holds.
    pub fn extend(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    /// How many are in.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether none is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The places of those that are in, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.0.len() * 64).filter(|index| self.contains(*index))
    }
}

/// The class groups that an action belongs to in Cedar, beside its service and `any`.
///
/// A class is a property of the call: an update that switches backups off is `weaken`. The call's
/// class alone decides, with two exceptions that keep the orthogonal dangers visible: an action
/// that manages permissions stays `identity`, and one that switches a safeguard off stays
/// `weaken`, also where the call is classed as `destroy`. Deleting a role is both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Groups {
    /// The class of the call.
    pub class: Class,
    /// Whether it counts as `identity` too.
    pub identity: bool,
    /// Whether it counts as `weaken` too.
    pub weaken: bool,
}

impl Groups {
    /// The groups of an action by itself. What Cordon answers itself, with placeholder keys, is
    /// what it is through Cordon: nothing changes and nobody is given more than the task.
    #[must_use]
    pub fn of_rule(rule: &KnownAction) -> Self {
        let class = match Lending::is_action(rule.action) {
            true => Class::Data,
            false => rule.class,
        };
        Self::new(class, rule.level, rule.class)
    }

    /// The groups of an access, given what its action does by itself.
    #[must_use]
    pub fn of_access(access: &Access, rule: Option<&KnownAction>) -> Self {
        // What Cordon answers itself hands out nothing by it. The action for that of S3 Express guards the objects of
        // directory buckets, too, which what is done with them is told of by the call alone.
        let rule_of_own = rule.filter(|rule| !Lending::is_action(rule.action));
        let own = rule_of_own.map_or(access.class, |rule| rule.class);
        let level = rule.map_or(access.level, |rule| rule.level.max(access.level));
        Self::new(access.class, level, own)
    }

    fn new(class: Class, level: AccessLevel, own: Class) -> Self {
        let mutates = class.mutates();
        // IAM calls some actions permissions management although a policy is one parameter of
        // many (a queue's). Such an action has another class only where a reviewed row says so,
        // and then the parameter raises the class of the call.
        let reviewed = matches!(own, Class::Create | Class::Update | Class::Disrupt);
        Self {
            class,
            identity: mutates
                && (level == AccessLevel::PermissionsManagement && !reviewed
                    || own == Class::Identity
                    || class == Class::Identity),
            weaken: mutates && (own == Class::Weaken || class == Class::Weaken),
        }
    }

    /// Every combination that can occur.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Class::ALL.into_iter().flat_map(|class| {
            [(false, false), (true, false), (false, true), (true, true)]
                .into_iter()
                .map(move |(identity, weaken)| Self {
                    class,
                    identity,
                    weaken,
                })
                .filter(|groups| groups.occurs())
        })
    }

    fn occurs(self) -> bool {
        match self.class.mutates() {
            false => !self.identity && !self.weaken,
            true => {
                (self.class != Class::Identity || self.identity)
                    && (self.class != Class::Weaken || self.weaken)
            }
        }
    }

    /// The direct parents in Cedar, without the service: `class:update`.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let extra = [
            (self.identity && self.class != Class::Identity).then_some(Class::Identity),
            (self.weaken && self.class != Class::Weaken).then_some(Class::Weaken),
        ];
        [Some(self.class)]
            .into_iter()
            .chain(extra)
            .flatten()
            .map(group_name)
    }

    /// Whether an action with these groups is in the group called `name`.
    #[must_use]
    pub(crate) fn within(self, name: &str) -> bool {
        match name {
            "any" => true,
            "class:mutate" => self.class.mutates(),
            _ => self.names().any(|group| group == name),
        }
    }
}

/// The Cedar group of a class.
pub(crate) fn group_name(class: Class) -> &'static str {
    match class {
        Class::Observe => "class:observe",
        Class::Data => "class:data",
        Class::Create => "class:create",
        Class::Update => "class:update",
        Class::Disrupt => "class:disrupt",
        Class::Identity => "class:identity",
        Class::Weaken => "class:weaken",
        Class::Destroy => "class:destroy",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn rule(action: &'static str, class: Class) -> KnownAction {
        let level = match class {
            Class::Observe => AccessLevel::List,
            Class::Data => AccessLevel::Read,
            Class::Identity => AccessLevel::PermissionsManagement,
            _ => AccessLevel::Write,
        };
        KnownAction {
            action,
            level,
            class,
        }
    }

    #[test]
    fn a_prefix_is_one_run_although_hyphens_sort_before_the_colon() {
        let actions = Actions::new(
            [
                rule("s3:GetObject", Class::Data),
                rule("s3-outposts:GetObject", Class::Data),
                rule("s3:DeleteObject", Class::Destroy),
                rule("s30:GetObject", Class::Data),
            ],
            "test",
        );
        let names: Vec<&str> = actions.of_prefix("s3").map(|(_, r)| r.action).collect();
        assert_eq!(names, ["s3:DeleteObject", "s3:GetObject"]);
        assert_eq!(actions.of_prefix("nothing").count(), 0);
    }

    #[test]
    fn of_two_readings_the_more_severe_stays() {
        let rules = [rule("a:B", Class::Update), rule("a:B", Class::Destroy)];
        let actions = Actions::new(rules, "test");
        assert_eq!(actions.find("a:B").map(|r| r.class), Some(Class::Destroy));
        assert_eq!(actions.len(), 1);
    }

    #[test]
    fn deleting_a_permission_stays_a_permission_change() {
        let mut deletion = rule("iam:DeleteRole", Class::Destroy);
        deletion.level = AccessLevel::PermissionsManagement;
        let groups = Groups::of_rule(&deletion);
        assert!(groups.within("class:identity") && groups.within("class:destroy"));
        assert!(!groups.within("class:update"));
    }

    #[test]
    fn a_read_is_in_no_other_group() {
        let mut read = rule("iam:GetRole", Class::Observe);
        read.level = AccessLevel::PermissionsManagement;
        let groups = Groups::of_rule(&read);
        assert_eq!(groups.names().collect::<Vec<_>>(), ["class:observe"]);
        assert!(!groups.within("class:mutate"));
    }
}
