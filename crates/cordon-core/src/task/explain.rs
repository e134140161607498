//! The read-back: what a task may do, in the order of harm, by a renderer and not by a model.
//! People sign what it says.

use super::lock::{names, reach};
use super::{Allow, Head, Limit, Mode, Target, Task};
use cordon_aws::call::Class;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many action names a line lists before it counts the rest.
const LISTED: usize = 4;

pub(super) fn explain(task: &Task) -> String {
    let mut text = String::new();
    let accounts: Vec<&str> = task.accounts.iter().map(|a| a.as_str()).collect();
    let regions: Vec<&str> = task.regions.iter().map(|r| r.as_str()).collect();
    let _ = writeln!(text, "{}  {}", task.id, task.title);
    let _ = writeln!(
        text,
        "may, until {} UTC, in account {}, {} ({}):",
        task.expires_at.strftime("%Y-%m-%d %H:%M"),
        accounts.join(", "),
        regions.join(", "),
        task.partition,
    );
    for allow in &task.allows {
        explain_allow(&mut text, task, allow);
    }
    for target in &task.destroy {
        explain_target(&mut text, task, "delete", target);
    }
    for target in &task.replace {
        explain_target(&mut text, task, "replace", target);
    }
    let _ = writeln!(text, "{}", never(task));
    let budget = task.budget;
    let _ = writeln!(
        text,
        "  at most {}, {}, {}, {} a minute",
        count(budget.mutations, "change"),
        count(budget.creates, "creation"),
        count(budget.destroys, "deletion"),
        budget.per_minute,
    );
    if !task.approvals.is_empty() {
        let groups: Vec<&str> = task.approvals.iter().map(|group| group.as_str()).collect();
        let _ = writeln!(text, "  every change also waits for {}", groups.join(", "));
    }
    if !task.amendments.is_empty() {
        let ids: Vec<&str> = task.amendments.iter().map(|id| id.as_str()).collect();
        let _ = writeln!(text, "Amended since its launch by {}.", ids.join(", "));
    }
    let _ = match task.mode {
        Mode::Preview => writeln!(text, "Mode preview: changes are recorded, not made."),
        Mode::Live => writeln!(text, "Mode live: changes are made."),
    };
    for note in &task.notes {
        let _ = writeln!(text, "Note: {note}.");
    }
    let _ = writeln!(
        text,
        "Inside the ceiling of {}, policies {}.",
        task.team,
        short(&task.policy_version)
    );
    let _ = writeln!(text, "Scope {}", task.scope_digest);
    text
}

fn explain_allow(text: &mut String, task: &Task, allow: &Allow) {
    let on = match allow.on.anything {
        true => "anything".to_owned(),
        false => {
            let words: Vec<&str> = reach(&allow.on)
                .map(|word| match word {
                    "own" => "what it creates itself",
                    "*" => "calls that name no resource",
                    arn => arn,
                })
                .collect();
            words.join(", ")
        }
    };
    for (verb, actions) in by_verb(task, allow) {
        let _ = writeln!(text, "  {verb:<8} {actions}");
        let _ = writeln!(text, "           on {on}");
        if !allow.environments.is_empty() {
            let names: Vec<&str> = allow.environments.iter().map(|e| e.as_str()).collect();
            let _ = writeln!(text, "           in {}", names.join(", "));
        } else if !matches!(verb, "read" | "data") && !allow.on.is_only_own() {
            let names: Vec<&str> = task.environments.iter().map(|e| e.as_str()).collect();
            let _ = writeln!(text, "           in {}", names.join(", "));
        }
    }
    if let Some(names) = &allow.only_params {
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let _ = writeln!(text, "           only with {}", names.join(", "));
    }
    for (name, limit) in &allow.limits {
        let _ = writeln!(text, "           {name} {}", limited(limit));
    }
}

/// What a limit asks of a value.
pub(super) fn limited(limit: &Limit) -> String {
    let one_of = limit.one_of.as_ref();
    let bounds = [
        limit.min.map(|min| format!("at least {min}")),
        limit.max.map(|max| format!("at most {max}")),
        one_of.map(|one| format!("one of {}", one.join(", "))),
    ];
    bounds.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The actions of an entry, by what people call them, least harm first.
fn by_verb(task: &Task, allow: &Allow) -> Vec<(&'static str, String)> {
    let mut names_of: BTreeMap<Class, Vec<&'static str>> = BTreeMap::new();
    let mut words_of: BTreeMap<Class, Vec<String>> = BTreeMap::new();
    for part in &allow.parts {
        match &part.head {
            Head::Classes(classes) => classes.iter().for_each(|class| {
                words_of
                    .entry(*class)
                    .or_default()
                    .push(whole_class(*class).to_owned());
            }),
            Head::OfService(service, class) => {
                let actions = u32::try_from(part.actions.len()).unwrap_or(u32::MAX);
                let word = format!("{service}/{class} ({})", count(actions, "action"));
                words_of.entry(*class).or_default().push(word);
            }
            Head::Named => {
                for name in names(task, &part.actions) {
                    let class = task
                        .actions
                        .find(name)
                        .map_or(Class::Destroy, |rule| rule.class);
                    names_of.entry(class).or_default().push(name);
                }
            }
        }
    }
    for (class, names) in names_of {
        let (listed, rest) = names.split_at(names.len().min(LISTED));
        let mut word = listed.join(", ");
        if !rest.is_empty() {
            let _ = write!(word, " and {} more", rest.len());
        }
        words_of.entry(class).or_default().push(word);
    }
    words_of
        .into_iter()
        .map(|(class, words)| (verb(class), words.join(", ")))
        .collect()
}

fn explain_target(text: &mut String, task: &Task, verb: &str, target: &Target) {
    let actions: Vec<&str> = names(task, &target.actions).collect();
    let _ = writeln!(text, "  {verb:<8} {}", target.arn);
    let _ = writeln!(text, "           by {}", actions.join(", "));
}

/// What the entries leave out of the three dangers.
fn never(task: &Task) -> String {
    let classes: Vec<Class> = task
        .allows
        .iter()
        .flat_map(|allow| names(task, &allow.actions))
        .filter_map(|name| task.actions.find(name))
        .map(|rule| rule.class)
        .collect();
    let else_ = match task.destroy.is_empty()
        && task.replace.is_empty()
        && !classes.contains(&Class::Destroy)
    {
        true => "anything",
        false => "anything else",
    };
    let mut parts = vec![format!("delete or recreate {else_}")];
    if !classes.contains(&Class::Identity) {
        parts.push("touch permissions".to_owned());
    }
    if !classes.contains(&Class::Weaken) {
        parts.push("switch off safeguards".to_owned());
    }
    format!("  never    {}", parts.join(", "))
}

fn whole_class(class: Class) -> &'static str {
    match class {
        Class::Observe => "configuration (no object bodies, no secret values)",
        Class::Data => "data, secret values included",
        Class::Create => "creating anything",
        Class::Update => "changing anything in place",
        Class::Disrupt => "stopping and restarting anything",
        Class::Identity => "permissions",
        Class::Weaken => "safeguards",
        Class::Destroy => "deleting anything",
    }
}

fn verb(class: Class) -> &'static str {
    match class {
        Class::Observe => "read",
        Class::Data => "data",
        Class::Create => "create",
        Class::Update => "change",
        Class::Disrupt => "disrupt",
        Class::Identity => "permit",
        Class::Weaken => "weaken",
        Class::Destroy => "delete",
    }
}

pub(super) fn count(number: u32, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

pub(super) fn short(digest: &str) -> &str {
    let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
    digest.get(..12).unwrap_or(digest)
}
