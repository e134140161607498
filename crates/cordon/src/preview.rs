//! Previews for people and programs: a [`Plan`] with where it comes from, written as a table, as
//! JSON, as SARIF, as a comment for a pull request or as a test report.
//!
//! Everything that a plan or a recording says is somebody else's text: it is shown inert, cut, and in
//! each form escaped as that form asks.

pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod markdown;
pub(crate) mod recording;
pub(crate) mod sarif;

use clap::ValueEnum;
use cordon_core::decide::Outcome;
use cordon_core::plan::{Line, Plan};
use cordon_core::record::RecordedOutcome;
use std::collections::BTreeSet;

/// A plan, and where it comes from.
#[derive(Debug)]
pub(crate) struct Preview {
    pub(crate) plan: Plan,
    pub(crate) source: Source,
    /// The task that it was decided against: its id where it was launched, and its title.
    pub(crate) task: Option<(String, String)>,
}

/// Where a plan comes from.
#[derive(Debug)]
pub(crate) struct Source {
    /// `terraform`, `change-set`, `template`, `recording`, `session`.
    pub(crate) kind: &'static str,
    /// The file, the task or the session.
    pub(crate) name: String,
    /// What made it, where that is told.
    pub(crate) tool: String,
    /// The digest over the normalised plan; empty where there is none.
    pub(crate) digest: String,
}

/// How a preview is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum PreviewFormat {
    /// For people.
    #[default]
    Human,
    /// For programs; stable, described by crates/cordon/schemas/preview.schema.json.
    Json,
    /// One comment of a pull request, to be edited in place by its first line.
    Markdown,
    /// A test report: what would be refused is a failure, what waits for people is skipped.
    Junit,
    /// SARIF 2.1.0, which code hosts show in a pull request.
    Sarif,
}

impl Preview {
    /// Prints it.
    pub(crate) fn print(&self, format: PreviewFormat, key: Option<&str>) {
        match format {
            PreviewFormat::Human => human::print(self),
            PreviewFormat::Json => crate::output::json(&json::value(self)),
            PreviewFormat::Markdown => {
                let key = key.unwrap_or(&self.source.name);
                crate::output::line(format_args!("{}", markdown::text(self, key).trim_end()));
            }
            PreviewFormat::Sarif => crate::output::json(&sarif::value(self)),
            PreviewFormat::Junit => {
                crate::output::line(format_args!("{}", junit::text(self).trim_end()));
            }
        }
    }
}

/// The verdict of a line in a word; nothing where nothing was decided.
fn verdict(line: &Line) -> Option<&'static str> {
    Some(match line.outcome()? {
        RecordedOutcome::Decided(Outcome::Allow) => "allow",
        RecordedOutcome::Decided(Outcome::Hold) => "hold",
        RecordedOutcome::Decided(Outcome::Preview) => "preview",
        RecordedOutcome::Decided(Outcome::Deny) => "deny",
        RecordedOutcome::Rejected => "reject",
    })
}

/// What decided a line, in words: titles of policies, or the reason where no policy says it. For what
/// waits, or would wait once the task is live, for whom.
fn decided_by(line: &Line) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let allowed = line.outcome().is_none_or(RecordedOutcome::allowed);
    for verdict in line.deciding().filter(|_| !allowed) {
        let titles = verdict.policies.iter();
        words.extend(titles.map(|(id, title, _)| format!("{title} ({id})")));
        words.extend((!verdict.reason.is_empty()).then(|| verdict.reason.to_owned()));
    }
    let needs = waits_for(line.needs(), line.checks());
    if !needs.is_empty() {
        let wait = match line.outcome() {
            Some(RecordedOutcome::Decided(Outcome::Hold)) => "waits for",
            _ => "once the task is live, waits for",
        };
        words.push(format!("{wait} {}", needs.join(", ")));
    }
    let mut known = BTreeSet::new();
    words.retain(|word| known.insert(word.clone()));
    words
}

/// Groups, and checks as such.
fn waits_for(needs: BTreeSet<&str>, checks: BTreeSet<&str>) -> Vec<String> {
    let groups = needs.into_iter().map(str::to_owned);
    let checks = checks.into_iter().map(|check| format!("check {check}"));
    groups.chain(checks).collect()
}

/// What a line is about: its name, or what is called.
fn name(line: &Line) -> String {
    match (&*line.name, line.calls.first()) {
        ("", Some(call)) => format!("{} {}", call.service, call.operation),
        ("", None) => "?".to_owned(),
        (name, _) => name.to_owned(),
    }
}

/// Counts in the order of the summary: replacement and destruction first.
fn counts(plan: &Plan) -> [(&'static str, u64); 5] {
    use cordon_core::plan::Effect::{Change, Create, Destroy, Disrupt, Replace};
    [Replace, Destroy, Disrupt, Change, Create].map(|effect| (effect.as_str(), plan.count(effect)))
}

/// How many lines would be refused, whichever way.
fn refused(plan: &Plan) -> u64 {
    plan.count_outcome(RecordedOutcome::Decided(Outcome::Deny))
        + plan.count_outcome(RecordedOutcome::Rejected)
}

#[cfg(test)]
mod tests;
