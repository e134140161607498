//! `cordon task from-plan` and `cordon task learn`: drafts of task files, for a person to read.

use super::Reading;
use super::preview::{called, each_record, read_terraform, recorded, task_named};
use crate::bundle::Bundle;
use crate::config::Config;
use crate::failure::{Failure, USAGE};
use crate::launch;
use crate::output::{self, Format};
use crate::wiring;
use clap::Args;
use cordon_aws::arn::Region;
use cordon_core::names::{SessionId, TaskId};
use cordon_core::plan::terraform::{Place, TerraformPlan};
use cordon_core::plan::{Draft, Head, PlannedCall};
use cordon_core::policy::Policies;
use cordon_core::task::Written;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What a person says of the task.
#[derive(Debug, Args)]
pub(crate) struct Words {
    /// What the task is for
    #[arg(long, default_value = "Drafted by Cordon")]
    title: String,
    /// The ticket it belongs to
    #[arg(long, default_value = "none")]
    ticket: String,
    /// The team whose ceiling bounds it
    #[arg(long, default_value = "unnamed")]
    team: String,
    /// How long it lives: 30m, 2h
    #[arg(long, default_value = "1h")]
    ttl: String,
}

impl Words {
    fn head(&self) -> Head {
        Head {
            title: self.title.clone(),
            ticket: self.ticket.clone(),
            team: self.team.clone(),
            ttl: self.ttl.clone(),
        }
    }
}

/// Write the task that allows exactly a plan of Terraform or OpenTofu.
///
/// Prints the task file; read it before it is launched: lines that begin with `# ?` are questions.
/// A deletion is only ever allowed by its whole ARN, and a replacement is asked about.
///
/// With --against, the plan is compared with the one that a task was drafted from, and nothing is
/// printed but what differs: 0 for the same plan, 2 for another one.
#[derive(Debug, Args)]
pub(crate) struct FromPlan {
    /// The plan, as `terraform show -json` writes it
    plan: PathBuf,
    /// A task file that was drafted from an earlier plan
    #[arg(long, value_name = "TASK")]
    against: Option<PathBuf>,
    /// The account, where the plan does not tell it
    #[arg(long, value_name = "ID")]
    account: Option<cordon_aws::arn::AccountId>,
    /// The region, where the plan does not tell it
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
    #[command(flatten)]
    words: Words,
}

/// Write the task that allows what a session or a recording called, and no more.
///
/// Prints the task file; read it before it is launched. Nothing is generalised, and least of all a
/// deletion.
#[derive(Debug, Args)]
pub(crate) struct Learn {
    /// The id of a launched task, whose sessions are learned from
    #[arg(required_unless_present_any = ["recording", "session"])]
    task: Option<TaskId>,
    /// Recorded requests instead: JSON Lines, `-` for standard input, or a HAR
    #[arg(long, value_name = "FILE", conflicts_with = "session")]
    recording: Option<PathBuf>,
    /// Only what this session called
    #[arg(long, value_name = "ID")]
    session: Option<SessionId>,
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    reading: Reading,
}

/// Show what two tasks differ in, most harm first.
///
/// `+` is what the later task may do and the earlier one may not. Exits with 0 where there is no
/// difference and 2 where there is one.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The earlier task: a file, or the id of one that was launched
    before: PathBuf,
    /// The later task file
    after: PathBuf,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Diff {
    pub(crate) fn run(&self, config: &Config) -> Result<ExitCode, Failure> {
        let policies = Bundle::of(config)?.load()?;
        let before = task_named(config, &policies, &self.before, "T-before", None)?;
        let after = launch::draft("T-after", &self.after, &policies, None)?;
        let differences = before.differences(&after);
        let code = match differences.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(2),
        };
        if self.format == Format::Json {
            for difference in &differences {
                output::json(&json!({ "added": difference.added, "text": difference.text }));
            }
            return Ok(code);
        }
        for difference in &differences {
            let (style, sign) = match difference.added {
                true => (output::WAIT, "+"),
                false => (output::FAINT, "-"),
            };
            let text = output::inert(&difference.text, 400);
            output::line(format_args!("{style}{sign}{style:#} {text}"));
        }
        if differences.is_empty() {
            output::line(format_args!("both tasks mean the same"));
        }
        Ok(code)
    }
}

impl FromPlan {
    pub(crate) fn run(&self, config: &Config) -> Result<ExitCode, Failure> {
        let plan = read_terraform(&self.plan)?;
        if let Some(file) = &self.against {
            return compare(&plan, file);
        }
        let policies = Bundle::of(config)?.load()?;
        let place = plan.place(Place {
            account: self.account.clone(),
            region: self.region.clone(),
        });
        let open = |what: &str, flag: &str| {
            Failure::new(format!("the plan does not tell its {what}"))
                .help(format!("name it: {flag}"))
                .code(USAGE)
        };
        if place.account.is_none() {
            return Err(open("account", "--account 111122223333"));
        }
        if place.region.is_none() {
            return Err(open("region", "--region eu-central-1"));
        }
        let draft = Draft::of_plan(&plan, &place, policies.environments());
        finish(&draft, &self.words, &policies);
        Ok(ExitCode::SUCCESS)
    }
}

/// Says whether a plan is the one that a task was drafted from, and what differs.
fn compare(plan: &TerraformPlan, file: &Path) -> Result<ExitCode, Failure> {
    let (name, text) = launch::read(file)?;
    let written = Written::parse(&name, &text)
        .map_err(|faults| Failure::new(format!("the task cannot be read\n{faults}")))?;
    let Some((digest, before)) = written.plan() else {
        return Err(
            Failure::new(format!("`{name}` was not drafted from a plan"))
                .help("draft it by `cordon task from-plan`"),
        );
    };
    let now = plan.digest();
    if digest == now.whole {
        output::line(format_args!("the same plan: {digest}"));
        return Ok(ExitCode::SUCCESS);
    }
    output::line(format_args!(
        "another plan: {}, the task has {digest}",
        now.whole
    ));
    let now: BTreeMap<&str, &str> = now
        .changes
        .iter()
        .map(|change| (&*change.address, &*change.text))
        .collect();
    let word = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    for (address, text) in &now {
        let address_shown = output::inert(address, 200);
        match before.get(*address) {
            None => output::line(format_args!("+ {address_shown}  {}", word(text))),
            Some(old) if old != text => output::line(format_args!(
                "~ {address_shown}  {} before, {} now, with other values",
                word(old),
                word(text)
            )),
            Some(_) => {}
        }
    }
    let gone = before
        .iter()
        .filter(|(address, _)| !now.contains_key(&***address));
    for (address, text) in gone {
        output::line(format_args!(
            "- {}  {}",
            output::inert(address, 200),
            word(text)
        ));
    }
    Ok(ExitCode::from(2))
}

impl Learn {
    pub(crate) fn run(&self, config: &Config) -> Result<ExitCode, Failure> {
        let policies = Bundle::of(config)?.load()?;
        let mut calls = Vec::new();
        let mut draft = Draft::default();
        match &self.recording {
            Some(file) => each_record(&self.reading, file, |reader, number, line| {
                let call = line
                    .map_err(|refused| refused.error)
                    .and_then(|line| called(None, reader, &line))
                    .map(|(planned, _)| planned);
                match call {
                    Ok(call) => calls.push(call),
                    Err(error) => {
                        draft.ask(format!("record {number} is left out: {}", error.message))
                    }
                }
            })?,
            None => wiring::block_on(async {
                let store = wiring::visit(config).await?;
                let of = recorded(&store, self.task.as_ref(), self.session.as_ref());
                let of = of.await?.into_iter();
                calls.extend(of.map(|record| PlannedCall::of_record(record, None)));
                Ok(())
            })?,
        }
        draft.set_place(self.reading.account.clone(), None);
        for (call, times) in counted(calls) {
            let guarded = |call: &PlannedCall| {
                let verdict = call.verdict.as_ref()?;
                let id = verdict.policies.first().map(|(id, _, _)| id.clone());
                (verdict.outcome.as_str() == "deny").then_some(id).flatten()
            };
            let at = call.accesses.first().map_or("", |access| &access.resource);
            match guarded(&call) {
                Some(policy) => draft.ask(format!(
                    "{} {} on {at} was denied by {policy} and is left out",
                    call.service, call.operation
                )),
                None => draft.learn(&call, times, policies.environments()),
            }
        }
        finish(&draft, &self.words, &policies);
        Ok(ExitCode::SUCCESS)
    }
}

/// Each call once, with how often it was made.
fn counted(calls: Vec<PlannedCall>) -> Vec<(PlannedCall, u64)> {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut counted: Vec<(PlannedCall, u64)> = Vec::new();
    for call in calls {
        // A parameter may make the same operation another thing.
        let class = call.class.as_str();
        let mut key = format!("{} {} {class}", call.service, call.operation);
        call.accesses
            .iter()
            .for_each(|access| key.extend([" ", &access.resource]));
        match known.get(&key).and_then(|at| counted.get_mut(*at)) {
            Some((_, times)) => *times += 1,
            None => {
                known.insert(key, counted.len());
                counted.push((call, 1));
            }
        }
    }
    counted
}

/// Prints a draft, and what stands in its way.
fn finish(draft: &Draft, words: &Words, policies: &Policies) {
    let text = draft.text(&words.head());
    output::line(format_args!("{}", text.trim_end()));
    if let Err(failure) = launch::draft_text("T-draft", "the draft", &text, policies) {
        output::error_line(format_args!(
            "note: it cannot be launched as it is: {failure}"
        ));
    }
}
