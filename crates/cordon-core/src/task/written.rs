//! A task file as it was written: every key with its place, checked as far as it can be without
//! knowing the policies.

mod amendment;

use self::amendment::WrittenScope;
use super::{Mode, duration};
use crate::document::{Document, Placed, Section};
use crate::fault::{Fault, Faults, did_you_mean};
use crate::inert::is_hidden;
use crate::names::{AmendmentId, ApproverGroup, Environment, Team};
use cordon_aws::arn::{AccountId, Arn, Partition, Region};
use cordon_aws::call::Class;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use toml::de::DeValue;

/// The schema that this version reads.
const SCHEMA: &str = "cordon.task/v1";

/// The most entries that a list of a task may have, and the longest text.
const MOST: usize = 500;
const LONGEST: usize = 2_048;

/// What was read of a task file, and every fault that was seen on the way. Where there are faults,
/// it serves to find those that only catalog and policies show, and never becomes a task.
#[derive(Debug)]
pub(super) struct Reading {
    /// The task as written, with something in place of what could not be read.
    pub(super) written: Written,
    pub(super) faults: Vec<Fault>,
}

/// Which parts of a file were read whole. A part that was not is reported already, and what
/// depends on it is not judged: that would blame one place for the fault of another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole {
    /// `[where]`.
    pub(super) place: bool,
    /// `team`.
    pub(super) team: bool,
    /// `[budget]`.
    pub(super) budget: bool,
}

/// A task file as it was written. Made by [`Written::parse`].
#[derive(Debug, Clone)]
pub struct Written {
    pub(super) file: String,
    pub(super) text: String,
    pub(super) whole: Whole,
    pub(super) title: String,
    pub(super) ticket: String,
    pub(super) team: Placed<Team>,
    pub(super) template: String,
    pub(super) mode: Placed<Mode>,
    pub(super) ttl: Placed<SignedDuration>,
    pub(super) agents: Vec<Box<str>>,
    pub(super) accounts: Vec<AccountId>,
    pub(super) regions: Vec<Region>,
    pub(super) environments: Vec<Placed<Environment>>,
    pub(super) allows: Vec<WrittenAllow>,
    pub(super) destroy: Vec<WrittenTarget>,
    pub(super) replace: Vec<WrittenTarget>,
    pub(super) budget: WrittenBudget,
    pub(super) approvals: Vec<ApproverGroup>,
    pub(super) plan: Option<Plan>,
    pub(super) amendments: Vec<AmendmentId>,
}

/// One `[[allow]]`.
#[derive(Debug, Clone)]
pub(super) struct WrittenAllow {
    pub(super) offset: usize,
    /// Whether it was read without a fault.
    pub(super) whole: bool,
    pub(super) actions: Vec<Placed<Do>>,
    pub(super) on: Vec<Placed<On>>,
    pub(super) environments: Vec<Placed<Environment>>,
    pub(super) only_params: Option<Vec<Placed<String>>>,
    pub(super) limits: Vec<(Placed<String>, Limit)>,
    pub(super) from: String,
}

/// One item of `do`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Do {
    /// `lambda:GetFunction`
    Action(String),
    /// `lambda:Get*`
    Wildcard(String),
    /// `lambda/update`
    OfService(String, Class),
    /// `observe`
    Class(Class),
}

/// One item of `on`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum On {
    /// An ARN pattern.
    Arn(String),
    /// What the task created.
    Own,
    /// Calls that act on no resource that IAM could name.
    Nothing,
}

/// The values that a parameter may have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Limit {
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
    pub(crate) one_of: Option<Vec<String>>,
}

/// One line of `[destroy]` or `[replace]`.
#[derive(Debug, Clone)]
pub(super) struct WrittenTarget {
    pub(super) arn: Placed<Arn>,
    pub(super) actions: Vec<Placed<String>>,
}

/// `[budget]`; what is not given is zero, the rate is the total.
#[derive(Debug, Clone, Default)]
pub(super) struct WrittenBudget {
    pub(super) offset: Option<usize>,
    pub(super) mutations: Option<Placed<u32>>,
    pub(super) creates: Option<Placed<u32>>,
    pub(super) destroys: Option<Placed<u32>>,
    pub(super) per_minute: Option<Placed<u32>>,
}

/// `[plan]`: what a drafted task was drafted from.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) tool: String,
    pub(super) workspace: String,
    pub(super) digest: String,
    /// What happens to each address, with the begin of its digest.
    pub(super) changes: BTreeMap<String, String>,
}

impl Written {
    /// The digest of the plan that the task was drafted from, and what it says of each address;
    /// nothing where it was drafted from none.
    #[must_use]
    pub fn plan(&self) -> Option<(&str, &BTreeMap<String, String>)> {
        let plan = self.plan.as_ref()?;
        Some((&plan.digest, &plan.changes))
    }

    /// Reads the text of a task file, called `file` in messages.
    ///
    /// # Errors
    /// Every fault of the file that can be seen without the policies.
    pub fn parse(file: &str, text: &str) -> Result<Self, Faults> {
        let Reading { written, faults } = Reading::of(file, text)?;
        Faults::or(faults, written)
    }

    /// The text as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the task is for.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The mode in the file: preview where it names none.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode.value
    }

    /// The accounts that the task declares; never empty.
    #[must_use]
    pub fn accounts(&self) -> &[AccountId] {
        &self.accounts
    }

    pub(super) fn fault(
        &self,
        offset: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Fault {
        Fault::at(&self.file, &self.text, offset, message, help)
    }
}

impl Reading {
    /// Reads the text of a task file as far as it goes.
    ///
    /// # Errors
    /// Every fault of a text that is not TOML.
    pub(super) fn of(file: &str, text: &str) -> Result<Self, Faults> {
        let (mut document, mut top) = Document::parse(file, text);
        let document = &mut document;
        let is_toml = document.found() == 0;
        read_schema(document, &mut top);
        let title = document.required_string(&mut top, "title", "Fix rounding in group-by");
        let title = title.map(|title| line(document, title)).unwrap_or_default();
        let ticket = line_of(document, &mut top, "ticket");
        let template = line_of(document, &mut top, "template");
        let team = document.required_string(&mut top, "team", "billing-console");
        let team = team.and_then(|team| parsed(document, team));
        let mode = read_mode(document, &mut top);
        let ttl = read_ttl(document, &mut top);
        let agents = document.strings(&mut top, "agents");
        let agents = agents
            .into_iter()
            .map(|agent| line(document, agent).into())
            .collect();
        let (place, place_whole) = whole(document, |document| read_where(document, &mut top));
        let allows = document.sections(&mut top, "allow");
        let allows = allows
            .into_iter()
            .map(|section| read_allow(document, section));
        let allows: Vec<WrittenAllow> = allows.collect();
        let destroy = read_targets(document, &mut top, "destroy");
        let replace = read_targets(document, &mut top, "replace");
        let (budget, budget_whole) = whole(document, |document| read_budget(document, &mut top));
        let mut scope = WrittenScope {
            place,
            allows,
            destroy,
            replace,
            budget,
            amendments: Vec::new(),
        };
        let ((), amendments_whole) = whole(document, |document| {
            let sections = document.sections(&mut top, "amendment");
            let amendments = sections.into_iter();
            amendments.for_each(|section| scope.amend(document, section));
        });
        let WrittenScope {
            place: (accounts, regions, environments),
            allows,
            destroy,
            replace,
            budget,
            amendments,
        } = scope;
        let approvals = read_approvals(document, &mut top);
        let plan = read_plan(document, &mut top);
        if allows.is_empty() && destroy.is_empty() && replace.is_empty() {
            let help = "write `[[allow]]` with `do = [\"observe\"]`";
            document.fault(top.offset(), "the task allows nothing", help);
        }
        // A misspelt `[budget]` is an unknown key, and no task without a budget.
        let ((), known) = whole(document, |document| document.finish(top));
        let whole = Whole {
            place: place_whole && amendments_whole,
            team: team.is_some(),
            budget: budget_whole && amendments_whole && known,
        };
        // Some name stands for a team that cannot be read; no ceiling is asked with it.
        let team = team.or_else(|| "unknown".parse().ok().map(at_start));
        let written = team.filter(|_| is_toml).map(|team| Written {
            file: file.to_owned(),
            text: text.to_owned(),
            whole,
            title,
            ticket,
            team,
            template,
            mode: mode.unwrap_or(at_start(Mode::Preview)),
            ttl: ttl.unwrap_or(at_start(SignedDuration::ZERO)),
            agents,
            accounts,
            regions,
            environments,
            allows,
            destroy,
            replace,
            budget,
            approvals,
            plan,
            amendments,
        });
        let faults = document.take_faults();
        match written {
            Some(written) => Ok(Self { written, faults }),
            None => {
                Faults::or(faults, ())?;
                Err(Fault::of_file(file, "the task could not be read", "").into())
            }
        }
    }
}

/// What `read` gives, and whether it noted no fault.
fn whole<'t, T>(
    document: &mut Document<'t>,
    read: impl FnOnce(&mut Document<'t>) -> T,
) -> (T, bool) {
    let before = document.found();
    let value = read(document);
    (value, document.found() == before)
}

/// A value that stands for one that is not there.
fn at_start<T>(value: T) -> Placed<T> {
    Placed { value, offset: 0 }
}

fn read_schema<'t>(document: &mut Document<'t>, top: &mut Section<'t>) {
    let schema = document.required_string(top, "schema", SCHEMA);
    if let Some(schema) = schema.filter(|schema| schema.value != SCHEMA) {
        let message = format!("unknown schema `{}`", schema.value);
        document.fault(
            schema.offset,
            message,
            format!("this version reads `{SCHEMA}`"),
        );
    }
}

fn read_mode<'t>(document: &mut Document<'t>, top: &mut Section<'t>) -> Option<Placed<Mode>> {
    let Some(mode) = document.string(top, "mode") else {
        return Some(at_start(Mode::Preview));
    };
    let Some(value) = Mode::named(&mode.value) else {
        let other = &mode.value;
        let help = did_you_mean(other, ["preview", "live"])
            .unwrap_or_else(|| "write \"preview\" or \"live\"".to_owned());
        document.fault(mode.offset, format!("unknown mode `{other}`"), help);
        return None;
    };
    Some(Placed {
        value,
        offset: mode.offset,
    })
}

fn read_ttl<'t>(
    document: &mut Document<'t>,
    top: &mut Section<'t>,
) -> Option<Placed<SignedDuration>> {
    let ttl = document.required_string(top, "ttl", "8h")?;
    let Some(value) = duration(&ttl.value) else {
        let message = format!("`{}` is not a duration", ttl.value);
        document.fault(
            ttl.offset,
            message,
            "write days, hours and minutes: `8h`, `30m`, `1h30m`",
        );
        return None;
    };
    Some(Placed {
        value,
        offset: ttl.offset,
    })
}

type Where = (Vec<AccountId>, Vec<Region>, Vec<Placed<Environment>>);

fn read_where<'t>(document: &mut Document<'t>, top: &mut Section<'t>) -> Where {
    let offset = top.offset();
    let Some(mut section) = document.section(top, "where") else {
        let help = "write `[where]` with `accounts`, `regions` and `environments`";
        document.fault(offset, "[where] is missing", help);
        return Where::default();
    };
    let offset = section.offset();
    let accounts = document.strings(&mut section, "accounts");
    let regions = document.strings(&mut section, "regions");
    let environments = document.strings(&mut section, "environments");
    document.finish(section);
    if accounts.is_empty() {
        let help = "write `accounts = [\"111122223333\"]`";
        document.fault(offset, "[where] names no account", help);
    }
    if regions.is_empty() {
        let help = "write `regions = [\"eu-central-1\"]`";
        document.fault(offset, "[where] names no region", help);
    }
    let accounts = all_parsed(document, accounts).into_iter().map(|a| a.value);
    let accounts = accounts.collect();
    let regions = all_parsed(document, regions);
    check_partitions(document, &regions);
    (
        accounts,
        regions.into_iter().map(|region| region.value).collect(),
        all_parsed(document, environments),
    )
}

/// An account belongs to one partition, so the regions of a task must as well.
fn check_partitions(document: &mut Document<'_>, regions: &[Placed<Region>]) {
    let Some(first) = regions.first() else { return };
    let partition = Partition::of_region(&first.value);
    for region in regions {
        let other = Partition::of_region(&region.value);
        if other != partition {
            let message = format!(
                "`{}` is in partition `{other}`, `{}` in `{partition}`",
                region.value, first.value
            );
            document.fault(region.offset, message, "write one task for each partition");
        }
    }
}

fn read_allow<'t>(document: &mut Document<'t>, section: Section<'t>) -> WrittenAllow {
    let (mut allow, is_whole) = whole(document, |document| read_entry(document, section));
    allow.whole = is_whole;
    allow
}

fn read_entry<'t>(document: &mut Document<'t>, section: Section<'t>) -> WrittenAllow {
    let mut section = section;
    let offset = section.offset();
    let actions = document.strings(&mut section, "do");
    if actions.is_empty() {
        document.fault(
            offset,
            "[[allow]] has no `do`",
            "write `do = [\"observe\"]`",
        );
    }
    let actions = actions
        .into_iter()
        .filter_map(|item| read_do(document, item));
    let actions = actions.collect();
    let on = document.strings(&mut section, "on");
    let on = on
        .into_iter()
        .filter_map(|item| read_on(document, item))
        .collect();
    let environments = document.strings(&mut section, "environments");
    let environments = all_parsed(document, environments);
    let only_params = section
        .take("only_params")
        .map(|value| document.as_strings("`only_params` in [[allow]]", value));
    let limits = read_limits(document, &mut section);
    let from = line_of(document, &mut section, "from");
    document.finish(section);
    WrittenAllow {
        offset,
        whole: false,
        actions,
        on,
        environments,
        only_params,
        limits,
        from,
    }
}

fn read_do(document: &mut Document<'_>, item: Placed<String>) -> Option<Placed<Do>> {
    let Placed { value, offset } = item;
    let parsed = match value.split_once(':') {
        Some((service, name)) => {
            let letters = |text: &str, extra: &[char]| {
                !text.is_empty()
                    && text
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || extra.contains(&c))
            };
            if !letters(service, &['-']) || !letters(name, &['*', '_', '-']) {
                let message = format!("`{value}` is not an action");
                let help = "expected `service:Action`, `*` only after the colon";
                document.fault(offset, message, help);
                return None;
            }
            match name.contains('*') {
                true => Do::Wildcard(value),
                false => Do::Action(value),
            }
        }
        None => match value.split_once('/') {
            Some((service, class)) => Do::OfService(
                service.to_owned(),
                read_class(document, class, &value, offset)?,
            ),
            None => Do::Class(read_class(document, &value, &value, offset)?),
        },
    };
    Some(Placed {
        value: parsed,
        offset,
    })
}

/// The classes that a task may name as a whole. Destruction, permissions and safeguards are only
/// ever named one by one.
const CLASSES: [Class; 5] = [
    Class::Observe,
    Class::Data,
    Class::Create,
    Class::Update,
    Class::Disrupt,
];

fn read_class(
    document: &mut Document<'_>,
    word: &str,
    written: &str,
    offset: usize,
) -> Option<Class> {
    let found = CLASSES.into_iter().find(|class| class.as_str() == word);
    if found.is_none() {
        let known = CLASSES.map(Class::as_str);
        let (message, help) = match Class::ALL.into_iter().find(|class| class.as_str() == word) {
            Some(Class::Destroy) => (
                "`destroy` cannot be allowed as a class".to_owned(),
                "name each resource under `[destroy]` with its exact ARN".to_owned(),
            ),
            Some(class) => (
                format!("`{class}` cannot be allowed as a class"),
                "name each action exactly: `iam:PassRole`".to_owned(),
            ),
            None if word == "*" || word.is_empty() => (
                format!("`{written}` would allow everything"),
                format!(
                    "name actions, `service/class`, or a class: {}",
                    known.join(", ")
                ),
            ),
            None => (
                format!("`{written}` is neither an action nor a class"),
                did_you_mean(word, known).unwrap_or_else(|| {
                    format!(
                        "write `service:Action`, `service/class`, or a class: {}",
                        known.join(", ")
                    )
                }),
            ),
        };
        document.fault(offset, message, help);
    }
    found
}

fn read_on(document: &mut Document<'_>, item: Placed<String>) -> Option<Placed<On>> {
    let Placed { value, offset } = item;
    let at_launch = ["stack:", "tf:", "tag:"];
    let parsed = match &*value {
        "own" => On::Own,
        "*" => On::Nothing,
        _ if at_launch.iter().any(|form| value.starts_with(form)) => {
            let message =
                format!("`{value}` must be resolved at launch, which this version does not do");
            document.fault(offset, message, "write the ARNs, or an ARN pattern");
            return None;
        }
        _ => {
            if let Err((message, help)) = check_pattern(&value) {
                document.fault(offset, message, help);
                return None;
            }
            On::Arn(value)
        }
    };
    Some(Placed {
        value: parsed,
        offset,
    })
}

fn check_pattern(pattern: &str) -> Result<(), (String, String)> {
    let help = "expected `arn:partition:service:region:account:resource` with `*`, `own`, or `*`";
    let parts: Vec<&str> = pattern.splitn(6, ':').collect();
    let ["arn", partition, service, _, _, resource] = parts.as_slice() else {
        return Err((
            format!("`{pattern}` is not an ARN pattern"),
            help.to_owned(),
        ));
    };
    if partition.is_empty() || service.is_empty() || resource.is_empty() {
        return Err((format!("`{pattern}` has an empty part"), help.to_owned()));
    }
    // A pattern for every service is no pattern: it would carry a permit across to services that
    // nobody thought of.
    if partition.contains('*') || service.contains('*') {
        let message = format!("`{pattern}` leaves the partition or the service open");
        return Err((message, "write both out: `arn:aws:lambda:...`".to_owned()));
    }
    if pattern.contains(['"', '\\', '?', '$']) || pattern.chars().any(char::is_control) {
        let message = format!("`{pattern}` holds a character that no ARN needs");
        return Err((message, "`*` is the only special character".to_owned()));
    }
    Ok(())
}

fn read_limits<'t>(
    document: &mut Document<'t>,
    section: &mut Section<'t>,
) -> Vec<(Placed<String>, Limit)> {
    let Some(mut limits) = document.section(section, "limits") else {
        return Vec::new();
    };
    let mut read = Vec::new();
    for (name, value) in limits.take_all() {
        let offset = value.span().start;
        let title = format!("[allow.limits.{}]", name.value);
        let Some(mut entry) = document.as_section(title, value) else {
            continue;
        };
        let limit = Limit {
            min: document.integer(&mut entry, "min"),
            max: document.integer(&mut entry, "max"),
            one_of: entry.take("one_of").map(|value| {
                let items = document.as_strings("`one_of`", value);
                items.into_iter().map(|item| item.value).collect()
            }),
        };
        document.finish(entry);
        if limit == Limit::default() {
            let message = format!("the limit of `{}` limits nothing", name.value);
            document.fault(
                offset,
                message,
                "write `{ min = 1, max = 10 }` or `{ one_of = [\"a\"] }`",
            );
        }
        if let (Some(min), Some(max)) = (limit.min, limit.max)
            && min > max
        {
            document.fault(offset, format!("min {min} is above max {max}"), "");
        }
        read.push((name, limit));
    }
    read
}

fn read_targets<'t>(
    document: &mut Document<'t>,
    top: &mut Section<'t>,
    key: &'static str,
) -> Vec<WrittenTarget> {
    let Some(mut section) = document.section(top, key) else {
        return Vec::new();
    };
    let mut targets = Vec::new();
    for (name, value) in section.take_all() {
        let offset = value.span().start;
        let what = format!("`{}` in [{key}]", name.value);
        let actions = match value.get_ref() {
            DeValue::Array(_) => document.as_strings(&what, value),
            _ => {
                let message = format!("{what} does not list its actions");
                document.fault(
                    offset,
                    message,
                    "write `\"ARN\" = [\"lambda:DeleteFunction\"]`",
                );
                continue;
            }
        };
        if actions.is_empty() {
            document.fault(
                offset,
                format!("{what} lists no action"),
                "leave the line out",
            );
        }
        let exact = "name one resource, by its whole ARN";
        match name.value.parse::<Arn>() {
            Ok(arn) if arn.has_wildcard() => {
                let message = format!("`{arn}` in [{key}] may name more than one resource");
                document.fault(name.offset, message, exact);
            }
            Ok(_) if check_pattern(&name.value).is_err() => {
                let message = format!("`{}` in [{key}] is no plain ARN", name.value);
                document.fault(name.offset, message, exact);
            }
            Ok(arn) => targets.push(WrittenTarget {
                arn: Placed {
                    value: arn,
                    offset: name.offset,
                },
                actions,
            }),
            Err(error) => document.fault(name.offset, format!("{error} in [{key}]"), exact),
        }
    }
    targets
}

fn read_budget<'t>(document: &mut Document<'t>, top: &mut Section<'t>) -> WrittenBudget {
    let Some(mut section) = document.section(top, "budget") else {
        return WrittenBudget::default();
    };
    let budget = WrittenBudget {
        offset: Some(section.offset()),
        mutations: document.count(&mut section, "mutations"),
        creates: document.count(&mut section, "creates"),
        destroys: document.count(&mut section, "destroys"),
        per_minute: document.count(&mut section, "per_minute"),
    };
    document.finish(section);
    budget
}

/// `[approvals]` may only add: `extra` groups are asked for every change. Who reviews and how
/// many is settled when people decide.
fn read_approvals<'t>(document: &mut Document<'t>, top: &mut Section<'t>) -> Vec<ApproverGroup> {
    let Some(mut section) = document.section(top, "approvals") else {
        return Vec::new();
    };
    let extra = document.strings(&mut section, "extra");
    let _ = document.count(&mut section, "quorum");
    let _ = document.strings(&mut section, "reviewers");
    document.finish(section);
    let extra = all_parsed(document, extra).into_iter();
    extra.map(|group| group.value).collect()
}

fn read_plan<'t>(document: &mut Document<'t>, top: &mut Section<'t>) -> Option<Plan> {
    let mut section = document.section(top, "plan")?;
    let plan = Plan {
        tool: line_of(document, &mut section, "tool"),
        workspace: line_of(document, &mut section, "workspace"),
        digest: line_of(document, &mut section, "digest"),
        changes: read_changes(document, &mut section),
    };
    if let Some(mut summary) = document.section(&mut section, "summary") {
        for key in ["create", "update", "replace", "destroy"] {
            let _ = document.count(&mut summary, key);
        }
        document.finish(summary);
    }
    document.finish(section);
    Some(plan)
}

/// `[plan.changes]`: what a drafted task was drafted from, change by change.
fn read_changes<'t>(
    document: &mut Document<'t>,
    section: &mut Section<'t>,
) -> BTreeMap<String, String> {
    let Some(mut changes) = document.section(section, "changes") else {
        return BTreeMap::new();
    };
    let mut read = BTreeMap::new();
    for (name, value) in changes.take_all() {
        if let Some(text) = document.as_string("a change in [plan.changes]", value) {
            read.insert(name.value, line(document, text));
        }
    }
    read
}

fn line_of<'t>(
    document: &mut Document<'t>,
    section: &mut Section<'t>,
    key: &'static str,
) -> String {
    match document.string(section, key) {
        Some(text) => line(document, text),
        None => String::new(),
    }
}

/// Text that people will read in lists and logs: one line, bounded, nothing invisible.
fn line(document: &mut Document<'_>, text: Placed<String>) -> String {
    if text.value.trim().is_empty() {
        document.fault(text.offset, "the text is empty", "");
    }
    if text.value.len() > LONGEST || text.value.chars().any(is_hidden) {
        let message = format!("the text is not one line of at most {LONGEST} bytes");
        document.fault(
            text.offset,
            message,
            "leave line breaks and invisible characters out",
        );
    }
    text.value
}

fn parsed<T>(document: &mut Document<'_>, text: Placed<String>) -> Option<Placed<T>>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    match text.value.parse() {
        Ok(value) => Some(Placed {
            value,
            offset: text.offset,
        }),
        Err(error) => {
            document.fault(text.offset, error.to_string(), "");
            None
        }
    }
}

fn all_parsed<T>(document: &mut Document<'_>, texts: Vec<Placed<String>>) -> Vec<Placed<T>>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    if let Some(beyond) = texts.get(MOST) {
        document.fault(
            beyond.offset,
            format!("a list has more than {MOST} entries"),
            "",
        );
    }
    texts
        .into_iter()
        .take(MOST)
        .filter_map(|text| parsed(document, text))
        .collect()
}
