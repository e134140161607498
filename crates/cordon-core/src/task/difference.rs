//! What two tasks differ in, as lines that a person reads: what one may do that the other may not.
//!
//! Compared is what a task was frozen to: each action that an entry names with what it is on, each
//! class as a class, each deletion and replacement, budgets, place and mode. How a file is laid out,
//! and when it was launched, make no difference.

use super::explain::{count, limited};
use super::lock::{names, reach};
use super::{Head, Task};
use cordon_aws::call::Class;
use std::collections::BTreeSet;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// How much it matters: deletions and replacements come first.
    rank: u8,
    /// What it is about.
    pub text: String,
    /// Whether the later task has it and the earlier one has not.
    pub added: bool,
}

impl Task {
    /// What `later` has that this task has not, and the other way round, most harm first.
    #[must_use]
    pub fn differences(&self, later: &Self) -> Vec<Difference> {
        let (before, after) = (lines(self), lines(later));
        let of = |(rank, text): &(u8, String), added| Difference {
            rank: *rank,
            text: text.clone(),
            added,
        };
        let gone = before.difference(&after).map(|line| of(line, false));
        let new = after.difference(&before).map(|line| of(line, true));
        let mut differences: Vec<Difference> = gone.chain(new).collect();
        differences.sort();
        differences
    }
}

fn lines(task: &Task) -> BTreeSet<(u8, String)> {
    let mut lines = BTreeSet::new();
    for (word, targets) in [("delete", &task.destroy), ("replace", &task.replace)] {
        for target in targets {
            for action in names(task, &target.actions) {
                lines.insert((0, format!("{word} {} by {action}", target.arn)));
            }
        }
    }
    for allow in &task.allows {
        let bounds = bounds(allow);
        let on: Vec<&str> = reach(&allow.on).collect();
        for part in &allow.parts {
            let actions: Vec<(Class, String)> = match &part.head {
                Head::Classes(classes) => classes
                    .iter()
                    .map(|class| (*class, format!("everything of class {class}")))
                    .collect(),
                Head::OfService(service, class) => vec![(*class, format!("{service}/{class}"))],
                Head::Named => names(task, &part.actions)
                    .map(|action| (class_of(task, action), action.to_owned()))
                    .collect(),
            };
            for (class, action) in actions {
                for on in &on {
                    let text = format!("allow {action} on {on}{bounds}");
                    lines.insert((rank(class), text));
                }
            }
        }
    }
    let budget = task.budget;
    let mut whole = |rank, text: String| {
        lines.insert((rank, text));
    };
    whole(4, format!("at most {}", count(budget.mutations, "change")));
    whole(4, format!("at most {}", count(budget.creates, "creation")));
    whole(4, format!("at most {}", count(budget.destroys, "deletion")));
    let per_minute = count(budget.per_minute, "change");
    whole(4, format!("at most {per_minute} a minute"));
    whole(1, format!("mode {}", task.mode.as_str()));
    whole(1, format!("team {}", task.team));
    task.accounts
        .iter()
        .for_each(|it| whole(1, format!("in account {it}")));
    task.regions
        .iter()
        .for_each(|it| whole(1, format!("in region {it}")));
    task.environments
        .iter()
        .for_each(|it| whole(1, format!("in environment {it}")));
    task.approvals
        .iter()
        .for_each(|it| whole(1, format!("every change waits for {it}")));
    task.agents
        .iter()
        .for_each(|it| whole(5, format!("agent {it}")));
    if !task.plan.is_empty() {
        whole(5, format!("plan {}", task.plan.trim()));
    }
    lines
}

fn class_of(task: &Task, action: &str) -> Class {
    task.actions
        .find(action)
        .map_or(Class::Destroy, |rule| rule.class)
}

fn rank(class: Class) -> u8 {
    match class {
        Class::Destroy | Class::Weaken | Class::Identity => 1,
        Class::Disrupt | Class::Update | Class::Create => 2,
        Class::Data | Class::Observe => 3,
    }
}

/// What narrows an entry, where anything does.
fn bounds(allow: &super::Allow) -> String {
    let mut text = String::new();
    if !allow.environments.is_empty() {
        let names: Vec<&str> = allow.environments.iter().map(|it| it.as_str()).collect();
        text.push_str(&format!(" in {}", names.join(", ")));
    }
    if let Some(names) = &allow.only_params {
        let names: Vec<&str> = names.iter().map(|it| &**it).collect();
        text.push_str(&format!(" only with {}", names.join(", ")));
    }
    for (name, limit) in &allow.limits {
        text.push_str(&format!(" where {name} is {}", limited(limit)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Launch;

    fn task(allow: &str, rest: &str) -> Task {
        let text = format!(
            r#"
schema = "cordon.task/v1"
title = "T"
ticket = "CE-1"
team = "billing-console"
ttl = "1h"
[where]
accounts = ["111122223333"]
regions = ["eu-central-1"]
environments = ["dev"]
[[allow]]
do = ["observe"]
[[allow]]
do = ["lambda:UpdateFunctionCode"]
on = ["{allow}"]
{rest}
"#
        );
        let launch = Launch {
            id: "T-1".parse().unwrap(),
            sponsor: "mei".parse().unwrap(),
            at: "2026-11-25T09:00:00Z".parse().unwrap(),
            mode: None,
            expires: None,
        };
        let policies = crate::testing::baseline();
        Task::read("task.toml", &text, &policies, launch)
            .unwrap_or_else(|faults| panic!("{faults}"))
    }

    const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111122223333:function:ce-export";

    #[test]
    fn what_widens_a_task_is_told_with_deletions_first() {
        let before = task(FUNCTION, "[budget]\nmutations = 5");
        let destroys = format!(
            "[destroy]\n\"{FUNCTION}\" = [\"lambda:DeleteFunction\"]\n[budget]\nmutations = 5\ndestroys = 1"
        );
        let after = task(&format!("{FUNCTION}*"), &destroys);
        let told: Vec<(bool, String)> = before
            .differences(&after)
            .into_iter()
            .map(|difference| (difference.added, difference.text))
            .collect();
        assert_eq!(
            told,
            [
                (true, format!("delete {FUNCTION} by lambda:DeleteFunction")),
                (
                    false,
                    format!("allow lambda:UpdateFunctionCode on {FUNCTION}")
                ),
                (
                    true,
                    format!("allow lambda:UpdateFunctionCode on {FUNCTION}*")
                ),
                (false, "at most 0 deletions".to_owned()),
                (true, "at most 1 deletion".to_owned()),
            ]
        );
    }

    #[test]
    fn layout_and_launch_make_no_difference() {
        let one = task(FUNCTION, "[budget]\nmutations = 5");
        let other = task(FUNCTION, "# a remark\n[budget]\nmutations    =    5");
        assert_eq!(one.differences(&other), []);
    }
}
