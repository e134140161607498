//! IAM actions and the resource types that they act on.

use super::{
    Catalog, layout,
    layout::{action_flag, condition, type_flag},
};
use crate::call::{AccessLevel, Class};
use std::cmp::Ordering;
use std::fmt;

/// One IAM action.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Action {
    pub(super) catalog: &'static Catalog,
    pub(super) index: u32,
}

/// One action that an operation needs, and when.
#[derive(Debug, Clone, Copy)]
pub struct ActionRule {
    /// `s3:GetObjectVersion`.
    pub action: &'static str,
    /// When it is needed.
    pub when: Condition,
    /// IAM's level, the stricter of the current and the previous reference.
    pub level: AccessLevel,
    /// What the action does by itself, before parameters are looked at.
    pub class: Class,
    handle: Action,
}

/// When an [`ActionRule`] applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    Always,
    /// When the parameter at this path is present (and not false).
    Present(&'static str),
    /// When the parameter at this path is absent (or false).
    Absent(&'static str),
    /// When some value at the path equals the text.
    Equals(&'static str, &'static str),
    /// When some value at the path contains the text.
    Contains(&'static str, &'static str),
    /// When no value at the path contains the text.
    Lacks(&'static str, &'static str),
    /// When some value at the path is another text.
    Differs(&'static str, &'static str),
    /// When some value at the path begins with the text, letter case and leading space aside.
    Begins(&'static str, &'static str),
}

/// One resource type of the service authorization reference.
#[derive(Debug, Clone, Copy)]
pub struct ResourceType {
    /// `lambda:function`.
    pub kind: &'static str,
    /// `arn:${Partition}:lambda:${Region}:${Account}:function:*`: the reference's own form with
    /// its other variables as `*`.
    pub pattern: &'static str,
    /// Whether every action of that name needs a resource of this type.
    pub required: bool,
    /// Whether it holds data that its deletion loses.
    pub stateful: bool,
}

impl Catalog {
    /// Every action, guesses among them, sorted by name, letter case aside.
    pub fn actions(&'static self) -> impl Iterator<Item = ActionRule> {
        (0..self.actions.len()).map(move |index| {
            Action {
                catalog: self,
                index,
            }
            .rule()
        })
    }

    /// The action called `name`; IAM does not look at letter case.
    #[must_use]
    pub fn action(&'static self, name: &str) -> Option<Action> {
        let index = self.first_action(name);
        let action = Action {
            catalog: self,
            index,
        };
        let found = index < self.actions.len() && compare(action.name(), name).is_eq();
        found.then_some(action)
    }

    /// Every action whose name begins with `beginning` (`s3:`, `s3:Get`), letter case aside.
    pub fn actions_from(&'static self, beginning: &str) -> impl Iterator<Item = Action> {
        let start = self.first_action(beginning);
        let beginning = beginning.to_ascii_lowercase();
        (start..self.actions.len())
            .map(move |index| Action {
                catalog: self,
                index,
            })
            .take_while(move |action| {
                let head = action.name().as_bytes().get(..beginning.len());
                head.is_some_and(|head| head.eq_ignore_ascii_case(beginning.as_bytes()))
            })
    }

    fn first_action(&'static self, name: &str) -> u32 {
        self.actions
            .partition_point(|action| compare(self.text(action.name), name).is_lt())
    }

    /// The resource type called `kind` (`lambda:function`).
    #[must_use]
    pub fn resource_type(&'static self, kind: &str) -> Option<ResourceType> {
        let index = self
            .resource_types
            .partition_point(|entry| self.text(entry.kind) < kind);
        let found = ResourceType::read(self, index, false);
        (found.kind == kind).then_some(found)
    }

    /// Every resource type of an IAM prefix (`lambda`).
    pub fn resource_types(&'static self, prefix: &str) -> impl Iterator<Item = ResourceType> {
        let beginning = format!("{prefix}:");
        let start = self
            .resource_types
            .partition_point(|entry| self.text(entry.kind) < beginning.as_str());
        (start..self.resource_types.len())
            .map(move |index| ResourceType::read(self, index, false))
            .take_while(move |entry| entry.kind.starts_with(&beginning))
    }
}

impl Action {
    /// `lambda:UpdateFunctionCode`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.catalog.text(self.record().name)
    }
    /// The IAM prefix: `lambda`.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        self.name().split(':').next().unwrap_or_default()
    }
    /// IAM's level, the stricter of the current and the previous reference.
    #[must_use]
    pub fn level(self) -> AccessLevel {
        match self.record().level {
            0 => AccessLevel::List,
            1 => AccessLevel::Read,
            2 => AccessLevel::Tagging,
            4 => AccessLevel::PermissionsManagement,
            _ => AccessLevel::Write,
        }
    }
    /// What it does by itself, before parameters are looked at.
    #[must_use]
    pub fn class(self) -> Class {
        let class = usize::from(self.record().class);
        Class::ALL.get(class).copied().unwrap_or(Class::Destroy)
    }
    /// Whether the service authorization reference names it, or a table of ours; otherwise it is a
    /// guess from the name of an operation ([`super::Operation::assumed_action`]).
    #[must_use]
    pub fn known(self) -> bool {
        self.record().flags & action_flag::KNOWN != 0
    }
    /// Whether its class was decided; an action that changes something and whose effect nobody
    /// has judged counts as destroying.
    #[must_use]
    pub fn classified(self) -> bool {
        self.record().flags & action_flag::CLASSED != 0
    }
    /// The resource types that it acts on; none where only `*` is meaningful.
    pub fn types(self) -> impl Iterator<Item = ResourceType> {
        let record = self.record();
        let catalog = self.catalog;
        (record.types..record.types + u32::from(record.type_count)).map(move |index| {
            let entry = catalog.action_types.at(index);
            ResourceType::read(catalog, u32::from(entry.resource_type), entry.required != 0)
        })
    }
    /// The action as a rule that always holds.
    #[must_use]
    pub fn rule(self) -> ActionRule {
        ActionRule {
            action: self.name(),
            when: Condition::Always,
            level: self.level(),
            class: self.class(),
            handle: self,
        }
    }

    fn record(self) -> layout::Action {
        self.catalog.actions.at(self.index)
    }
}

impl ActionRule {
    /// The action itself.
    #[must_use]
    pub fn handle(&self) -> Action {
        self.handle
    }

    pub(super) fn read(catalog: &'static Catalog, index: u32) -> Self {
        let record = catalog.action_rules.at(index);
        let (path, value) = (catalog.text(record.path), catalog.text(record.value));
        let when = match record.condition {
            condition::PRESENT => Condition::Present(path),
            condition::ABSENT => Condition::Absent(path),
            condition::EQUALS => Condition::Equals(path, value),
            condition::CONTAINS => Condition::Contains(path, value),
            condition::LACKS => Condition::Lacks(path, value),
            condition::DIFFERS => Condition::Differs(path, value),
            condition::BEGINS => Condition::Begins(path, value),
            _ => Condition::Always,
        };
        let action = Action {
            catalog,
            index: record.action,
        };
        Self {
            when,
            ..action.rule()
        }
    }
}

impl ResourceType {
    fn read(catalog: &'static Catalog, index: u32, required: bool) -> Self {
        let record = catalog.resource_types.at(index);
        Self {
            kind: catalog.text(record.kind),
            pattern: catalog.text(record.pattern),
            required,
            stateful: record.flags & type_flag::STATEFUL != 0,
        }
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Action({})", self.name())
    }
}

/// Orders names as IAM tells them apart: without letter case.
fn compare(left: &str, right: &str) -> Ordering {
    let lower = |byte: u8| byte.to_ascii_lowercase();
    left.bytes().map(lower).cmp(right.bytes().map(lower))
}
