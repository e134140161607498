//! `task.lock`: what a task was frozen to, in full. Everything that decides is in it, so its
//! digest is the digest of the scope.

use super::{Allow, Reach, Target, Task};
use crate::action::ActionSet;
use std::fmt::Write as _;

/// The lock without its last line, the digest over these lines.
pub(super) fn write(task: &Task) -> String {
    let mut text = String::from("# Written by Cordon when the task was launched. Do not edit.\n");
    let budget = task.budget;
    let lines = [
        ("schema", string("cordon.lock/v1")),
        ("task", string(task.id.as_str())),
        ("title", string(&task.title)),
        ("ticket", string(&task.ticket)),
        ("template", string(&task.template)),
        ("plan", string(&task.plan)),
        ("team", string(task.team.as_str())),
        ("sponsor", string(task.sponsor.as_str())),
        ("mode", string(task.mode.as_str())),
        ("agents", list(task.agents.iter().map(|a| &**a))),
        ("launched_at", string(&task.launched_at.to_string())),
        ("expires_at", string(&task.expires_at.to_string())),
        ("catalog", string(task.actions.version())),
        ("policies", string(&task.policy_version)),
        ("accounts", list(task.accounts.iter().map(|a| a.as_str()))),
        ("regions", list(task.regions.iter().map(|r| r.as_str()))),
        ("partition", string(task.partition.as_str())),
        (
            "environments",
            list(task.environments.iter().map(|e| e.as_str())),
        ),
        ("approvals", list(task.approvals.iter().map(|g| g.as_str()))),
        ("mutations", budget.mutations.to_string()),
        ("creates", budget.creates.to_string()),
        ("destroys", budget.destroys.to_string()),
        ("per_minute", budget.per_minute.to_string()),
    ];
    for (key, value) in lines {
        let _ = writeln!(text, "{key} = {value}");
    }
    for allow in &task.allows {
        write_allow(&mut text, task, allow);
    }
    for (word, targets) in [("destroy", &task.destroy), ("replace", &task.replace)] {
        for target in targets {
            write_target(&mut text, task, word, target);
        }
    }
    text.push('\n');
    text
}

fn write_allow(text: &mut String, task: &Task, allow: &Allow) {
    let _ = writeln!(text, "\n[[allow]]");
    let heads: Vec<String> = allow
        .parts
        .iter()
        .map(|part| format!("{:?}", part.head))
        .collect();
    let _ = writeln!(text, "heads = {}", list(heads.iter().map(|head| &**head)));
    let _ = writeln!(text, "on = {}", list(reach(&allow.on)));
    let environments = allow.environments.iter().map(|e| e.as_str());
    let _ = writeln!(text, "environments = {}", list(environments));
    if let Some(names) = &allow.only_params {
        let _ = writeln!(
            text,
            "only_params = {}",
            list(names.iter().map(|name| &**name))
        );
    }
    for (name, limit) in &allow.limits {
        let _ = writeln!(text, "limit = {}", string(&format!("{name} {limit:?}")));
    }
    if !allow.from.is_empty() {
        let _ = writeln!(text, "from = {}", string(&allow.from));
    }
    let _ = writeln!(text, "actions = {}", lines(names(task, &allow.actions)));
}

fn write_target(text: &mut String, task: &Task, word: &str, target: &Target) {
    let _ = writeln!(text, "\n[[{word}]]\narn = {}", string(target.arn.as_str()));
    let _ = writeln!(text, "actions = {}", lines(names(task, &target.actions)));
}

pub(super) fn names<'a>(task: &'a Task, set: &'a ActionSet) -> impl Iterator<Item = &'static str> {
    task.actions
        .iter()
        .enumerate()
        .filter(|(index, _)| set.contains(*index))
        .map(|(_, rule)| rule.action)
}

pub(super) fn reach(on: &Reach) -> impl Iterator<Item = &str> {
    let words = [
        on.anything.then_some("anything"),
        on.own.then_some("own"),
        on.nothing.then_some("*"),
    ];
    let arns = on.arns.iter().map(|arn| &**arn);
    words.into_iter().flatten().chain(arns)
}

/// A TOML string.
fn string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<String> = items.into_iter().map(string).collect();
    format!("[{}]", items.join(", "))
}

fn lines<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<String> = items
        .into_iter()
        .map(|item| format!("  {},\n", string(item)))
        .collect();
    format!("[\n{}]", items.concat())
}
