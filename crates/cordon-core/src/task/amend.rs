//! Amendments: what is asked to be added to a task that is under way.
//!
//! Takes what someone wrote, or the record of a denied call, and gives an [`Addition`]: entries as a
//! task file has them, and only ever more of them. Put behind the text of the task under
//! `[[amendment]]` it is part of the file, so that the amended task is read, frozen and held to the
//! ceiling as any other, and what was launched stays there word by word above it.
//!
//! ```text
//! [[amendment]]
//! id = "A-7QK4M2"
//! [[amendment.allow]]
//! do = ["lambda:PublishVersion"]
//! on = ["arn:aws:lambda:eu-central-1:111122223333:function:ce-export"]
//! [amendment.budget]
//! mutations = 1            # one more
//! ```

use super::Task;
use crate::inert::inert;
use crate::ledger::Used;
use crate::names::AmendmentId;
use crate::record::{AccessRecord, CallRecord, RecordedOutcome};
use crate::{decide::Outcome, glob};
use cordon_aws::call::Class;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// What an amendment may hold, and `[where]` of it.
const PARTS: [&str; 5] = ["allow", "budget", "destroy", "replace", "where"];
const PLACES: [&str; 2] = ["environments", "regions"];

/// What would be added to a task: entries of its file, in one form however they were written.
#[derive(Debug, Clone, PartialEq)]
pub struct Addition(Table);

/// Text that adds nothing to a task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdditionError {
    /// It is too long.
    #[error("the changes are longer than {} bytes", Addition::LONGEST)]
    TooLong,
    /// It cannot be read.
    #[error("the changes are not TOML: {0}")]
    NotToml(String),
    /// It has a part that no amendment has.
    #[error(
        "an amendment has no `{0}`: it adds `[[allow]]`, `[destroy]`, `[replace]`, `[budget]`, and `environments` and `regions` of `[where]`"
    )]
    Unknown(String),
    /// There is nothing in it.
    #[error("the changes add nothing")]
    Nothing,
}

/// Why no change of the task would let a call go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unamendable {
    /// It was not denied.
    #[error("the call was not denied, so the task needs no change for it")]
    NotDenied,
    /// Nobody knows what it was.
    #[error("the request could not be identified, and no task allows what is not understood")]
    NotIdentified,
    /// A guardrail stops it whatever the task says.
    #[error("no task can allow it: {0}")]
    Guardrail(Box<str>),
    /// The name of its target would stand for others, too.
    #[error("`{0}` may stand for more than one resource: write what is needed by hand")]
    Open(Box<str>),
    /// Nobody said what environment its target is in.
    #[error(
        "the environment map does not say where `{0}` is: it has to, before a task can name it"
    )]
    Unclassified(Box<str>),
    /// It is of another account.
    #[error("the task is not for account `{0}`: launch another one for it")]
    OtherAccount(Box<str>),
    /// It came too soon.
    #[error("the task has made its changes of this minute: wait for the next one")]
    TooSoon,
    /// The task has it.
    #[error("the task speaks of all of it already: what the agent was told says why it was denied")]
    Covered,
}

impl Addition {
    /// The longest text of one, in bytes.
    pub const LONGEST: usize = 8 * 1024;

    /// Reads what someone wrote: the entries as they stand in a task file. Whether they mean
    /// anything shows when the amended task is compiled.
    ///
    /// # Errors
    /// When it is no such thing.
    pub fn parse(text: &str) -> Result<Self, AdditionError> {
        if text.len() > Self::LONGEST {
            return Err(AdditionError::TooLong);
        }
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            AdditionError::NotToml(inert(error.message(), 300))
        })?;
        let unknown = table.keys().find(|key| !PARTS.contains(&key.as_str()));
        let place = table.get("where").and_then(Value::as_table);
        let unknown_place = place
            .into_iter()
            .flat_map(Table::keys)
            .find(|key| !PLACES.contains(&key.as_str()));
        if let Some(key) = unknown.or(unknown_place) {
            return Err(AdditionError::Unknown(inert(key, 60)));
        }
        match table.values().all(is_empty) {
            true => Err(AdditionError::Nothing),
            false => Ok(Self(table)),
        }
    }

    /// As text that [`Addition::parse`] reads.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// The text of a task with this behind it, as the amendment `id`.
    #[must_use]
    pub fn onto(&self, task: &str, id: &AmendmentId) -> String {
        let mut amendment = self.0.clone();
        amendment.insert("id".to_owned(), id.as_str().into());
        let mut wrapped = Table::new();
        let amendments = Value::Array(vec![Value::Table(amendment)]);
        wrapped.insert("amendment".to_owned(), amendments);
        format!("{}\n\n{wrapped}", task.trim_end())
    }

    /// The smallest change of `task`, which used up `used` so far, that would let the denied call of
    /// `record` go; it names exact actions on exact resources, and nothing that the task has.
    ///
    /// # Errors
    /// Why none would.
    pub fn for_call(task: &Task, record: &CallRecord, used: Used) -> Result<Self, Unamendable> {
        match record.outcome {
            RecordedOutcome::Rejected => return Err(Unamendable::NotIdentified),
            RecordedOutcome::Decided(Outcome::Deny) => {}
            RecordedOutcome::Decided(_) => return Err(Unamendable::NotDenied),
        }
        if record.accesses.is_empty() {
            return Err(Unamendable::NotIdentified);
        }
        let mut lacking = Lacking::default();
        let policies = record.policies.iter();
        let stopped: BTreeSet<&str> = policies.map(|(id, ..)| &**id).collect();
        for (id, title, _) in &record.policies {
            if !LIFTED.contains(&&**id) {
                return Err(Unamendable::Guardrail(title.clone()));
            }
        }
        if stopped.contains("outside-declared-location") {
            lacking.place(task, record)?;
        }
        for access in &record.accesses {
            if stopped.contains("undeclared-environment") && access.mutates() {
                lacking.environment(task, access)?;
            }
            lacking.access(task, access, stopped.contains("no-delete-and-recreate"))?;
        }
        if stopped.contains("outside-parameters") {
            lacking.parameters(record)?;
        }
        lacking.budget(task, record.cost, used);
        match (
            lacking.table(),
            stopped.contains("too-many-changes-a-minute"),
        ) {
            (table, _) if !table.is_empty() => Ok(Self(table)),
            (_, true) => Err(Unamendable::TooSoon),
            (_, false) => Err(Unamendable::Covered),
        }
    }
}

/// The guardrails that a task can say something to. All others stop a call whatever it says.
const LIFTED: [&str; 7] = [
    "outside-declared-location",
    "undeclared-environment",
    "destroy-needs-named-target",
    "no-delete-and-recreate",
    "outside-parameters",
    "budget-spent",
    "too-many-changes-a-minute",
];

/// What a task has not, and a call needs.
#[derive(Debug, Default)]
struct Lacking {
    /// What to allow on what.
    allow: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    /// With these parameters and no others; nothing for any.
    only_params: Option<BTreeSet<String>>,
    destroy: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    replace: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    environments: BTreeSet<Box<str>>,
    regions: BTreeSet<Box<str>>,
    budget: BTreeMap<&'static str, u32>,
}

impl AccessRecord {
    fn mutates(&self) -> bool {
        let class = Class::ALL
            .into_iter()
            .find(|class| class.as_str() == self.class);
        class.is_none_or(Class::mutates)
    }
}

impl Lacking {
    fn place(&mut self, task: &Task, record: &CallRecord) -> Result<(), Unamendable> {
        let declared = |account: &str| task.accounts.iter().any(|it| it.as_str() == account);
        let parts = |arn: &str| -> (String, String) {
            let mut parts = arn.splitn(6, ':').skip(3).map(str::to_owned);
            (
                parts.next().unwrap_or_default(),
                parts.next().unwrap_or_default(),
            )
        };
        let named = record.accesses.iter().map(|access| parts(&access.resource));
        let whole = (record.region.to_string(), record.account.to_string());
        for (region, account) in named.chain([whole]) {
            if !account.is_empty() && !declared(&account) {
                return Err(Unamendable::OtherAccount(inert(&account, 40).into()));
            }
            let known = task.regions.iter().any(|it| it.as_str() == region);
            if !region.is_empty() && region != "aws-global" && !known {
                self.regions.insert(region.into());
            }
        }
        Ok(())
    }

    fn environment(&mut self, task: &Task, access: &AccessRecord) -> Result<(), Unamendable> {
        let declared = task.environments.iter();
        if declared
            .map(|it| it.as_str())
            .any(|it| it == &*access.environment)
        {
            return Ok(());
        }
        if access.environment.is_empty() || &*access.environment == "unclassified" {
            let resource = inert(&access.resource, 300);
            return Err(Unamendable::Unclassified(resource.into()));
        }
        self.environments.insert(access.environment.clone());
        Ok(())
    }

    fn access(
        &mut self,
        task: &Task,
        access: &AccessRecord,
        replaces: bool,
    ) -> Result<(), Unamendable> {
        let (action, resource) = (&access.action, &access.resource);
        let destroys = access.class == Class::Destroy.as_str();
        let named = |targets: &[super::Target]| {
            let index = task.actions.index(action);
            let mut found = targets.iter().filter(|it| it.arn.as_str() == &**resource);
            index.is_some_and(|index| found.any(|it| it.actions.contains(index)))
        };
        if named(&task.replace) || (!replaces && named(&task.destroy)) {
            return Ok(());
        }
        let recreates = replaces && access.mutates();
        if !(destroys || recreates) && task.covers(access) {
            return Ok(());
        }
        // A name may hold what stands for other names in a task, and an agent chooses names.
        let open = |c: char| matches!(c, '*' | '?' | '$' | '"' | '\\') || c.is_control();
        if &**resource != "*" && resource.contains(open) {
            return Err(Unamendable::Open(inert(resource, 300).into()));
        }
        // Some calls destroy by what they carry: their action is under [replace], which takes any.
        let by_name = task.actions.find(action).map(|rule| rule.class) == Some(Class::Destroy);
        let lines = match (destroys, recreates) {
            (_, true) => &mut self.replace,
            (true, false) if by_name => &mut self.destroy,
            (true, false) => &mut self.replace,
            (false, false) => &mut self.allow,
        };
        let actions = lines.entry(resource.clone()).or_default();
        actions.insert(action.clone());
        Ok(())
    }

    /// The call again, with the parameters that it has and no others.
    fn parameters(&mut self, record: &CallRecord) -> Result<(), Unamendable> {
        let sent: Option<serde_json::Map<String, serde_json::Value>> =
            serde_json::from_str(&record.parameters).ok();
        let Some(sent) = sent else {
            let title = "its parameters are too long to be shown whole";
            return Err(Unamendable::Guardrail(title.into()));
        };
        self.only_params = Some(sent.keys().cloned().collect());
        for access in &record.accesses {
            let actions = self.allow.entry(access.resource.clone()).or_default();
            actions.insert(access.action.clone());
        }
        Ok(())
    }

    fn budget(&mut self, task: &Task, cost: Used, used: Used) {
        let budget = task.budget;
        let counts = [
            (
                "mutations",
                used.mutations,
                cost.mutations,
                budget.mutations,
            ),
            ("creates", used.creates, cost.creates, budget.creates),
            ("destroys", used.destroys, cost.destroys, budget.destroys),
        ];
        for (name, used, cost, most) in counts {
            let short = used.saturating_add(cost).saturating_sub(most);
            if cost > 0 && short > 0 {
                self.budget.insert(name, short);
            }
        }
        let rate = cost.mutations.saturating_sub(budget.per_minute);
        // The rate of a task that names none is its total, and grows with that.
        let grown = self.budget.get("mutations").copied().unwrap_or(0);
        let follows = budget.per_minute == budget.mutations;
        if rate > 0 && !(follows && grown >= rate) {
            self.budget.insert("per_minute", rate);
        }
    }

    fn table(self) -> Table {
        let mut table = Table::new();
        let list = |items: &BTreeSet<Box<str>>| -> Value {
            Value::Array(items.iter().map(|item| Value::from(&**item)).collect())
        };
        // Resources of the same actions share an entry.
        let mut alike: BTreeMap<BTreeSet<Box<str>>, BTreeSet<Box<str>>> = BTreeMap::new();
        for (resource, actions) in self.allow {
            alike.entry(actions).or_default().insert(resource);
        }
        let entries = alike.iter().map(|(actions, resources)| {
            let mut entry = Table::new();
            entry.insert("do".to_owned(), list(actions));
            entry.insert("on".to_owned(), list(resources));
            if let Some(names) = &self.only_params {
                let names = names.iter().map(|name| Value::from(name.as_str()));
                entry.insert("only_params".to_owned(), Value::Array(names.collect()));
            }
            Value::Table(entry)
        });
        let entries: Vec<Value> = entries.collect();
        if !entries.is_empty() {
            table.insert("allow".to_owned(), Value::Array(entries));
        }
        for (name, lines) in [("destroy", self.destroy), ("replace", self.replace)] {
            if !lines.is_empty() {
                let lines = lines.iter().map(|(arn, it)| (arn.to_string(), list(it)));
                table.insert(name.to_owned(), Value::Table(lines.collect()));
            }
        }
        let places = [
            ("environments", self.environments),
            ("regions", self.regions),
        ];
        let places = places.into_iter().filter(|(_, names)| !names.is_empty());
        let places: Table = places
            .map(|(key, it)| (key.to_owned(), list(&it)))
            .collect();
        if !places.is_empty() {
            table.insert("where".to_owned(), Value::Table(places));
        }
        if !self.budget.is_empty() {
            let counts = self.budget.into_iter();
            let counts = counts.map(|(name, more)| (name.to_owned(), Value::from(i64::from(more))));
            table.insert("budget".to_owned(), Value::Table(counts.collect()));
        }
        table
    }
}

impl Task {
    /// Whether some entry allows the access whatever its call carries, as far as a record tells. What
    /// the task made itself it does not.
    fn covers(&self, access: &AccessRecord) -> bool {
        let Some(index) = self.actions.index(&access.action) else {
            return false;
        };
        let environment = &*access.environment;
        self.allows.iter().any(|allow| {
            let on = &allow.on;
            let reached = on.anything
                || (on.nothing && &*access.resource == "*")
                || on
                    .arns
                    .iter()
                    .any(|arn| glob::matches(arn, &access.resource));
            let inside = allow.environments.is_empty()
                || allow
                    .environments
                    .iter()
                    .any(|it| it.as_str() == environment);
            let actions = allow
                .parts
                .iter()
                .filter(|part| part.actions.contains(index));
            let of_class = |head: &super::Head| match head {
                super::Head::Named => true,
                super::Head::Classes(classes) => {
                    classes.iter().any(|class| class.as_str() == access.class)
                }
                super::Head::OfService(_, class) => class.as_str() == access.class,
            };
            reached && inside && actions.into_iter().any(|part| of_class(&part.head))
        })
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Table(table) => table.values().all(is_empty),
        Value::Array(items) => items.iter().all(is_empty),
        _ => false,
    }
}

/// Whether two locks allow the same. Mode and end are steered by people while a task is under way,
/// the version of the policies changes with every edit of one, and the digest is over all of them.
#[must_use]
pub fn same_scope(one: &str, other: &str) -> bool {
    const STEERED: [&str; 4] = ["mode", "expires_at", "policies", "digest"];
    let frozen = |line: &&str| {
        let key = line.split('=').next().unwrap_or_default();
        !STEERED.contains(&key.trim())
    };
    one.lines().filter(frozen).eq(other.lines().filter(frozen))
}

#[cfg(test)]
mod tests;
