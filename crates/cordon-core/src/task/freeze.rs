//! From the task as written to the task as meant: names checked, wildcards and classes expanded,
//! numbers held to the limits, the whole held to the ceiling.

use super::written::{Do, On, WrittenAllow, WrittenTarget};
use super::{
    Allow, Budget, Head, Launch, Mode, Part, Reach, Target, Task, Written, ceiling, lock, permits,
    reads,
};
use crate::action::{ActionSet, Actions, prefix_of};
use crate::cedar::{TaskFacts, task_entities};
use crate::document::Placed;
use crate::fault::{Fault, Faults, did_you_mean};
use crate::names::Environment;
use crate::policy::{Policies, suggest_action};
use cordon_aws::arn::Partition;
use cordon_aws::call::Class;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Whether the ceiling and the limits are checked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ceiling {
    MustContain,
    DecidesLater,
}

/// Classes that are only ever named one by one, never through a wildcard.
const NAMED_ONLY: [Class; 3] = [Class::Destroy, Class::Identity, Class::Weaken];

/// Freezes `written`, in which `seen` were found while it was read: there is no task where there
/// are any, but every further fault that the rest of it has.
pub(super) fn freeze(
    written: &Written,
    seen: Vec<Fault>,
    policies: &Policies,
    launch: Launch,
    check: Ceiling,
) -> Result<Task, Faults> {
    let mut freezer = Freezer {
        written,
        actions: policies.actions(),
        faults: seen,
        notes: Vec::new(),
    };
    if check == Ceiling::MustContain {
        freezer.check_environments(policies);
    }
    let allows: Vec<Allow> = written.allows.iter().map(|a| freezer.allow(a)).collect();
    let destroy = freezer.targets(&written.destroy, Some(Class::Destroy));
    let replace = freezer.targets(&written.replace, None);
    let budget = freezer.budget(&allows, &destroy, &replace);
    let mode = launch.mode.unwrap_or(written.mode.value);
    if check == Ceiling::MustContain {
        freezer.check_limits(policies, budget, &launch);
        let found = ceiling::check(written, policies, &allows, &destroy, &replace);
        freezer.faults.extend(found);
    }
    let Freezer { faults, notes, .. } = freezer;
    Faults::or(faults, ())?;
    let Some(first_region) = written.regions.first() else {
        return Err(written.fault(0, "[where] names no region", "").into());
    };
    let by_ttl = launch
        .at
        .checked_add(written.ttl.value)
        .map_err(|error| written.fault(written.ttl.offset, error.to_string(), ""))?;
    let expires_at = launch.expires.unwrap_or(by_ttl);
    let partition = Partition::of_region(first_region);
    let environments: BTreeSet<Environment> = written
        .environments
        .iter()
        .map(|e| e.value.clone())
        .collect();
    let plan = written
        .plan
        .as_ref()
        .map(|plan| format!("{} {} {}", plan.tool, plan.workspace, plan.digest));
    let cedar = permits::write(
        &launch.id,
        &written.team.value,
        &allows,
        &destroy,
        &replace,
        policies.actions(),
    );
    let scope = permits::Scope::parse(&cedar, policies.actions()).map_err(|error| {
        written.fault(
            0,
            format!("the task could not be compiled: {error}"),
            "please report this",
        )
    })?;
    let facts = TaskFacts {
        id: launch.id.as_str(),
        team: written.team.value.as_str(),
        sponsor: launch.sponsor.as_str(),
        ticket: &written.ticket,
        partition: partition.as_str(),
        mode,
        expires: expires_at,
        accounts: written.accounts.iter().map(|a| a.as_str()).collect(),
        regions: written.regions.iter().map(|r| r.as_str()).collect(),
        environments: environments.iter().map(Environment::as_str).collect(),
        destroy: destroy.iter().map(|target| target.arn.as_str()).collect(),
        replace: replace.iter().map(|target| target.arn.as_str()).collect(),
        budget,
    };
    let entities = task_entities(&facts).map_err(|error| {
        written.fault(0, format!("the task could not be compiled: {error}"), "")
    })?;
    let reads = reads::Reads::of(&allows, policies.actions());
    let mut task = Task {
        id: launch.id,
        title: written.title.as_str().into(),
        ticket: written.ticket.as_str().into(),
        template: written.template.as_str().into(),
        plan: plan.unwrap_or_default().into(),
        amendments: written.amendments.clone(),
        team: written.team.value.clone(),
        sponsor: launch.sponsor,
        mode,
        agents: written.agents.clone(),
        accounts: written.accounts.clone(),
        regions: written.regions.clone(),
        partition,
        environments,
        allows,
        destroy,
        replace,
        budget,
        approvals: written.approvals.iter().cloned().collect(),
        launched_at: launch.at,
        expires_at,
        notes,
        actions: Arc::clone(policies.actions()),
        policy_version: policies.version().into(),
        lock: String::new(),
        scope_digest: "".into(),
        cedar: cedar.text(),
        scope,
        entities,
        reads,
    };
    task.lock = lock::write(&task);
    task.scope_digest = format!("sha256:{}", hex::encode(Sha256::digest(&task.lock))).into();
    Ok(task)
}

struct Freezer<'a> {
    written: &'a Written,
    actions: &'a Arc<Actions>,
    faults: Vec<Fault>,
    notes: Vec<String>,
}

impl Freezer<'_> {
    fn fault(&mut self, offset: usize, message: impl Into<String>, help: impl Into<String>) {
        self.faults.push(self.written.fault(offset, message, help));
    }

    fn check_environments(&mut self, policies: &Policies) {
        let map = policies.environments();
        for environment in &self.written.environments {
            if !map.knows(&environment.value) {
                let help = did_you_mean(
                    environment.value.as_str(),
                    map.environments().map(Environment::as_str),
                );
                let help = help.unwrap_or_else(|| {
                    "declare it in environments.toml, with a rule for the account".to_owned()
                });
                let message = format!("the environment map has no `{}`", environment.value);
                self.fault(environment.offset, message, help);
            }
        }
    }

    fn allow(&mut self, written: &WrittenAllow) -> Allow {
        let mut named = self.actions.none();
        let mut classes: (Vec<Class>, ActionSet) = (Vec::new(), self.actions.none());
        let mut services: BTreeMap<(Box<str>, Class), ActionSet> = BTreeMap::new();
        let on = self.reach(written);
        for item in &written.actions {
            let set = self.expand(item, written.whole.then_some(&on));
            match &item.value {
                Do::Action(_) | Do::Wildcard(_) => named.extend(&set),
                Do::Class(class) => {
                    classes.0.push(*class);
                    classes.1.extend(&set);
                }
                Do::OfService(service, class) => {
                    services.insert((service.as_str().into(), *class), set);
                }
            }
        }
        let mut parts = Vec::new();
        if !named.is_empty() {
            parts.push(Part {
                actions: named,
                head: Head::Named,
            });
        }
        if !classes.0.is_empty() {
            parts.push(Part {
                actions: classes.1,
                head: Head::Classes(classes.0),
            });
        }
        parts.extend(
            services
                .into_iter()
                .map(|((service, class), actions)| Part {
                    actions,
                    head: Head::OfService(service, class),
                }),
        );
        let mut actions = self.actions.none();
        parts.iter().for_each(|part| actions.extend(&part.actions));
        self.check_place(written);
        if written.whole {
            self.check_reach(written, &on, &actions);
            self.check_parameters(written, &actions);
        }
        Allow {
            parts,
            on,
            environments: self.narrowed(written),
            only_params: written.only_params.as_ref().map(|names| {
                names
                    .iter()
                    .map(|name| name.value.as_str().into())
                    .collect()
            }),
            limits: written
                .limits
                .iter()
                .map(|(name, limit)| (name.value.as_str().into(), limit.clone()))
                .collect(),
            from: written.from.as_str().into(),
            actions,
        }
    }

    fn reach(&self, written: &WrittenAllow) -> Reach {
        let mut reach = Reach {
            anything: written.on.is_empty(),
            ..Reach::default()
        };
        for item in &written.on {
            match &item.value {
                On::Own => reach.own = true,
                On::Nothing => reach.nothing = true,
                On::Arn(pattern) => reach.arns.push(pattern.as_str().into()),
            }
        }
        reach
    }

    /// The actions that one item of `do` means now. `on` is nothing where it is not known whole.
    fn expand(&mut self, item: &Placed<Do>, on: Option<&Reach>) -> ActionSet {
        let mut set = self.actions.none();
        match &item.value {
            Do::Action(name) => match self.actions.index(name) {
                Some(index) => {
                    if let Some(on) = on {
                        self.check_destroys(index, item.offset, on);
                    }
                    set.insert(index);
                }
                None => {
                    let help = suggest_action(name, self.actions).unwrap_or_default();
                    self.fault(
                        item.offset,
                        format!("the catalog knows no action `{name}`"),
                        help,
                    );
                }
            },
            Do::Wildcard(pattern) => {
                let mut left_out = Vec::new();
                for (index, rule) in self.actions.matching(pattern) {
                    match NAMED_ONLY.contains(&rule.class) {
                        true => left_out.push(rule.action),
                        false => set.insert(index),
                    }
                }
                if set.is_empty() && left_out.is_empty() {
                    let help = suggest_action(pattern, self.actions).unwrap_or_default();
                    self.fault(item.offset, format!("`{pattern}` matches no action"), help);
                } else if !left_out.is_empty() {
                    let what = match left_out.as_slice() {
                        [one] => (*one).to_owned(),
                        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
                        [] => String::new(),
                    };
                    self.notes.push(format!(
                        "`{pattern}` leaves {what} out: what destroys, changes permissions or \
                         weakens safeguards is only ever named exactly"
                    ));
                }
            }
            Do::OfService(service, class) => {
                if !self.actions.has_prefix(service) {
                    let help = did_you_mean(service, self.actions.prefixes()).unwrap_or_default();
                    self.fault(
                        item.offset,
                        format!("there is no service `{service}`"),
                        help,
                    );
                }
                self.insert_class(&mut set, *class, Some(service));
            }
            Do::Class(class) => self.insert_class(&mut set, *class, None),
        }
        set
    }

    fn insert_class(&self, set: &mut ActionSet, class: Class, service: Option<&str>) {
        for (index, rule) in self.actions.iter().enumerate() {
            let of_service = service.is_none_or(|service| prefix_of(rule.action) == service);
            if rule.class == class && of_service {
                set.insert(index);
            }
        }
    }

    /// A destroying action is allowed on what the task made itself, and else only by name.
    fn check_destroys(&mut self, index: usize, offset: usize, on: &Reach) {
        let Some(rule) = self.actions.at(index).copied() else {
            return;
        };
        let only_own = on.is_only_own();
        if rule.class == Class::Destroy && !only_own {
            let message = format!("`{}` destroys, so it must name one resource", rule.action);
            let help = "write the exact ARN under `[destroy]`, or `on = [\"own\"]` for what the task creates";
            self.fault(offset, message, help);
        }
    }

    fn check_reach(&mut self, written: &WrittenAllow, on: &Reach, actions: &ActionSet) {
        if on.anything {
            let beyond = actions.iter().find_map(|index| {
                self.actions
                    .at(index)
                    .filter(|rule| rule.class != Class::Observe)
            });
            if let Some(rule) = beyond.copied() {
                let message = format!("`{}` ({}) needs `on`", rule.action, rule.class);
                let help = "write ARN patterns; only reads of configuration may leave `on` out";
                self.fault(written.offset, message, help);
            }
        }
        let changes = actions.iter().any(|index| {
            let rule = self.actions.at(index);
            rule.is_some_and(|rule| rule.class.mutates())
        });
        let only_own = on.is_only_own();
        let declares_none = self.written.whole.place && self.written.environments.is_empty();
        if changes && !only_own && declares_none {
            let help =
                "write `environments = [\"dev\"]` there; environments.toml says what they are";
            self.fault(
                written.offset,
                "changes need an environment, but [where] declares none",
                help,
            );
        }
    }

    /// Every ARN pattern lies within `[where]`.
    fn check_place(&mut self, written: &WrittenAllow) {
        if !self.written.whole.place {
            return;
        }
        for item in &written.on {
            let On::Arn(pattern) = &item.value else {
                continue;
            };
            let parts: Vec<&str> = pattern.splitn(6, ':').collect();
            let [_, partition, _, region, account, _] = parts.as_slice() else {
                continue;
            };
            let of_region = self.written.regions.first().map(Partition::of_region);
            if of_region.is_some_and(|expected| expected.as_str() != *partition) {
                let message = format!(
                    "`{pattern}` is in partition `{partition}`, the regions of [where] are not"
                );
                self.fault(item.offset, message, "mend the ARN or [where]");
            }
            let open = |part: &str| part.is_empty() || part.contains('*');
            if !open(region) && !self.written.regions.iter().any(|r| r.as_str() == *region) {
                let message = format!("region `{region}` is not in [where]");
                self.fault(item.offset, message, "add it there, or mend the ARN");
            }
            if !open(account) && !self.written.accounts.iter().any(|a| a.as_str() == *account) {
                let message = format!("account `{account}` is not in [where]");
                self.fault(item.offset, message, "add it there, or mend the ARN");
            }
        }
    }

    /// A misspelt parameter in `limits` would limit nothing.
    fn check_parameters(&mut self, written: &WrittenAllow, actions: &ActionSet) {
        let names: Vec<(String, usize)> = written
            .only_params
            .iter()
            .flatten()
            .map(|name| (name.value.clone(), name.offset))
            .chain(written.limits.iter().map(|(name, _)| {
                let top = name.value.split(['.', '[']).next().unwrap_or_default();
                (top.to_owned(), name.offset)
            }))
            .collect();
        if names.is_empty() {
            return;
        }
        let table = Arc::clone(self.actions);
        let known: Option<BTreeSet<&'static str>> = actions
            .iter()
            .filter_map(|index| table.at(index))
            .map(|rule| table.parameters(rule.action))
            .collect::<Option<Vec<_>>>()
            .map(|sets| sets.into_iter().flatten().collect());
        let Some(known) = known else { return };
        for (name, offset) in names {
            if !known.contains(&*name) {
                let help = did_you_mean(&name, known.iter().copied()).unwrap_or_default();
                let message = format!("no operation of this [[allow]] has a parameter `{name}`");
                self.fault(offset, message, help);
            }
        }
    }

    fn narrowed(&mut self, written: &WrittenAllow) -> BTreeSet<Environment> {
        let declared: Vec<&Environment> =
            self.written.environments.iter().map(|e| &e.value).collect();
        for environment in &written.environments {
            if self.written.whole.place && !declared.contains(&&environment.value) {
                let message = format!("environment `{}` is not in [where]", environment.value);
                let help = did_you_mean(
                    environment.value.as_str(),
                    declared.iter().map(|e| e.as_str()),
                );
                let help = help.unwrap_or_else(|| "add it there".to_owned());
                self.faults
                    .push(self.written.fault(environment.offset, message, help));
            }
        }
        written
            .environments
            .iter()
            .map(|e| e.value.clone())
            .collect()
    }

    fn targets(&mut self, written: &[WrittenTarget], class: Option<Class>) -> Vec<Target> {
        let mut targets = Vec::new();
        for target in written {
            let arn = &target.arn.value;
            let declared = |account: &str| {
                !self.written.whole.place
                    || account.is_empty()
                    || self.written.accounts.iter().any(|a| a.as_str() == account)
            };
            if !declared(arn.account()) {
                let message = format!("account `{}` is not in [where]", arn.account());
                self.fault(target.arn.offset, message, "add it there, or mend the ARN");
            }
            let mut actions = self.actions.none();
            for name in &target.actions {
                let Some(index) = self.actions.index(&name.value) else {
                    let help = match name.value.contains('*') {
                        true => Some("name each action exactly".to_owned()),
                        false => suggest_action(&name.value, self.actions),
                    };
                    let message = format!("the catalog knows no action `{}`", name.value);
                    self.fault(name.offset, message, help.unwrap_or_default());
                    continue;
                };
                let found = self.actions.find(&name.value).map(|rule| rule.class);
                if class.is_some() && found != class {
                    let message = format!("`{}` does not destroy anything", name.value);
                    self.fault(name.offset, message, "write it under `[[allow]]`");
                }
                actions.insert(index);
            }
            targets.push(Target {
                arn: arn.clone(),
                actions,
            });
        }
        targets
    }

    fn budget(&mut self, allows: &[Allow], destroy: &[Target], replace: &[Target]) -> Budget {
        let written = &self.written.budget;
        let value = |count: &Option<Placed<u32>>| count.as_ref().map_or(0, |count| count.value);
        let mutations = value(&written.mutations);
        let budget = Budget {
            mutations,
            creates: value(&written.creates),
            destroys: value(&written.destroys),
            per_minute: written
                .per_minute
                .as_ref()
                .map_or(mutations, |rate| rate.value),
        };
        let offset = written.offset.unwrap_or(0);
        let sets = allows
            .iter()
            .map(|a| &a.actions)
            .chain(destroy.iter().chain(replace).map(|t| &t.actions));
        let indexes: BTreeSet<usize> = sets.flat_map(ActionSet::iter).collect();
        let classes: BTreeSet<Class> = self
            .actions
            .iter()
            .enumerate()
            .filter(|(index, _)| indexes.contains(index))
            .map(|(_, rule)| rule.class)
            .collect();
        let changes = classes.iter().any(|class| class.mutates());
        let missing = [
            (
                changes && budget.mutations == 0,
                "mutations",
                "changes something",
            ),
            (
                classes.contains(&Class::Create) && budget.creates == 0,
                "creates",
                "creates something",
            ),
            (
                classes.contains(&Class::Destroy) && budget.destroys == 0,
                "destroys",
                "destroys something",
            ),
        ];
        for (missing, key, what) in missing {
            if missing && self.written.whole.budget {
                let message = format!("the task {what}, but its budget of `{key}` is zero");
                self.fault(
                    offset,
                    message,
                    format!("write `{key} = 1` under `[budget]`"),
                );
            }
        }
        budget
    }

    fn check_limits(&mut self, policies: &Policies, budget: Budget, launch: &Launch) {
        let limits = policies.limits();
        let written = self.written;
        if written.ttl.value > limits.max_ttl {
            let message = format!(
                "the task would live longer than {} minutes",
                limits.max_ttl.as_mins()
            );
            self.fault(
                written.ttl.offset,
                message,
                "shorten `ttl`; a task can be extended",
            );
        }
        let counts = [
            (
                budget.mutations,
                limits.max_mutations,
                "mutations",
                &written.budget.mutations,
            ),
            (
                budget.creates,
                limits.max_creates,
                "creates",
                &written.budget.creates,
            ),
            (
                budget.destroys,
                limits.max_destroys,
                "destroys",
                &written.budget.destroys,
            ),
        ];
        for (count, most, key, place) in counts {
            if count > most {
                let offset = place.as_ref().map_or(0, |place| place.offset);
                let message = format!("`{key} = {count}` is above the ceiling of {most}");
                self.fault(offset, message, "lower it, or split the task");
            }
        }
        let starts_live = written.mode.value == Mode::Live && launch.mode != Some(Mode::Preview);
        if starts_live && !limits.live_without_preview {
            let message = "the policies want every task to begin in preview mode";
            self.fault(
                written.mode.offset,
                message,
                "leave `mode` out; go live afterwards",
            );
        }
    }
}
