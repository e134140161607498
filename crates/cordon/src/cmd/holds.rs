//! `cordon holds`: what waits for people, and deciding, as whoever signed in at this terminal.

mod batch;

use crate::control::{client, failed};
use crate::failure::{Failure, USAGE};
use crate::output::{self, ERROR, FAINT, Format, GOOD, STRONG, WAIT, inert};
use crate::wiring;
use anstyle::Style;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use cordon_control::api::{
    ApproveBody, BreakGlassBody, ChangesShown, CheckBody, HoldPage, HoldShown, HoldSummary,
    RejectBody,
};
use cordon_control::client::Client;
use cordon_core::hold::CheckResult;
use cordon_core::names::{CheckName, HoldId};
use std::io::{BufRead, IsTerminal as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Exit code of a hold that still waits.
const WAITS: u8 = 3;
/// Exit code of a hold that people said no to, or that is over without an approval.
const OVER: u8 = 4;

/// How long one question may wait at the control plane.
const STEP: u64 = 240;

/// Subcommands of `cordon holds`.
#[derive(Debug, Subcommand)]
pub(crate) enum Holds {
    /// What waits for people, newest first
    List(List),
    /// Put the calls that a session previewed before people, as one list
    ///
    /// The list has each change of the session that would be held, in the order in which they were made.
    /// Approved, each of its calls may be made once, in that order, when the task is live; nothing else may.
    /// The same list proposed again is the same batch; another one takes its place, and it is told how
    /// they differ. Exit codes: 0 it waits, or stands as is told; 1 refused, with the reason; 2 wrongly asked.
    Propose(batch::Propose),
    /// One hold or batch, with everything that one needs to decide
    Show(Show),
    /// Say yes to exactly what is shown
    ///
    /// Shows the hold first. At a terminal it then asks: for `yes`, or, where something is destroyed, for
    /// the name of that. Elsewhere `--digest` names what was looked at before. A batch is approved as a
    /// whole. Exit codes: 0 said; 1 refused, with the reason; 2 wrongly asked.
    Approve(Approve),
    /// Say no, for a reason that the agent is told
    ///
    /// Exit codes: 0 said; 1 refused; 2 wrongly asked.
    Reject(Reject),
    /// Lift it in an emergency, together with another incident commander
    ///
    /// Two who signed in within 15 minutes, each with a reason; the sponsor is never one of them. It lets
    /// one call go within 15 minutes, as an approval does, is kept with the hold and told loudly in the
    /// log. Exit codes: 0 said; 1 refused; 2 wrongly asked.
    BreakGlass(BreakGlass),
    /// Report how a check of it came out, as CI does with a token that was made for that check
    ///
    /// `CORDON_CONTROL_URL` and `CORDON_TOKEN` say where and as whom. Without digests it reports of the hold
    /// as it is now. The last report of a check counts: a failure stops the call, also one that was
    /// approved, and a later pass mends it. Exit codes: 0 said; 1 refused; 2 wrongly asked.
    Check(Check),
    /// Wait until people decided
    ///
    /// Exit codes: 0 approved or used; 3 it still waits; 4 rejected, or over without an approval; 1 it
    /// cannot be looked at.
    Wait(Wait),
}

/// Options of `cordon holds list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// All of them, not only those that wait or are approved and not used
    #[arg(long)]
    all: bool,
    /// Only those of this task
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Which hold or batch.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its id: H-7QK4M2ZD, or B-7QK4M2ZD of a batch
    hold: HoldId,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What is approved, and what was looked at.
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// Its id: H-7QK4M2ZD, or B-7QK4M2ZD of a batch
    hold: HoldId,
    /// The whole digest of what you looked at: sha256:... (not a prefix)
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// For the task's sponsor
    #[arg(long, default_value = "")]
    note: String,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What is rejected, and why.
#[derive(Debug, Args)]
pub(crate) struct Reject {
    /// Its id: H-7QK4M2ZD, or B-7QK4M2ZD of a batch
    hold: HoldId,
    /// Why
    #[arg(long, value_enum)]
    reason: Why,
    /// For the task's sponsor, never for the agent
    #[arg(long, default_value = "")]
    note: String,
    /// Of a batch: the number of the one call that is declined. The batch is over then, and its other calls
    /// may be proposed again [default: every call is declined]
    #[arg(long, value_name = "NUMBER")]
    call: Option<u32>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What is lifted, and why it cannot wait.
#[derive(Debug, Args)]
pub(crate) struct BreakGlass {
    /// Its id: H-7QK4M2ZD, or B-7QK4M2ZD of a batch
    hold: HoldId,
    /// The whole digest of what you looked at: sha256:... (not a prefix)
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Why nobody who is asked can be had, and why it cannot wait
    #[arg(long)]
    reason: String,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What was checked, and how that came out.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("result").required(true))]
pub(crate) struct Check {
    /// The hold's id: H-7QK4M2ZD
    hold: HoldId,
    /// The check, as policies name it in `@checks`
    name: CheckName,
    /// What it checks is as it should be
    #[arg(long, group = "result")]
    passed: bool,
    /// It is not, and the call does not go
    #[arg(long, group = "result")]
    failed: bool,
    /// Where people read more: the address of the run
    #[arg(long, value_name = "URL")]
    link: String,
    /// The whole digest of what was checked: sha256:... (not a prefix)
    #[arg(long, value_name = "DIGEST", requires = "state_digest")]
    digest: Option<String>,
    /// The whole digest of the state in which it was checked
    #[arg(long, value_name = "DIGEST", requires = "digest")]
    state_digest: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What is waited for, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Its id: H-7QK4M2ZD
    hold: HoldId,
    /// At most this many seconds
    #[arg(long, default_value_t = 1800)]
    seconds: u64,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Why a person says no.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Why {
    /// It does more than the task needs
    TooBroad,
    /// It is aimed at the wrong resource
    WrongTarget,
    /// It may be right, but not now
    WrongTime,
    /// What could go wrong outweighs it
    TooRisky,
    /// The task can do without it
    NotNeeded,
    /// There is a safer way
    OtherWay,
    /// Nobody can tell what it is for
    Unclear,
}

impl Holds {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let client = client()?;
        wiring::block_on(async {
            match self {
                Self::List(list) => list.run(&client).await,
                Self::Propose(propose) => propose.run(&client).await,
                Self::Show(show) if batch::is_one(&show.hold) => {
                    batch::show(&client, &show.hold, show.format).await
                }
                Self::Show(show) => {
                    print(&find(&client, &show.hold).await?, show.format);
                    Ok(ExitCode::SUCCESS)
                }
                Self::Approve(approve) if batch::is_one(&approve.hold) => {
                    batch::approve(&client, approve).await
                }
                Self::Approve(approve) => approve.run(&client).await,
                Self::Reject(reject) if batch::is_one(&reject.hold) => {
                    batch::reject(&client, reject).await
                }
                Self::Reject(reject) => reject.run(&client).await,
                Self::BreakGlass(glass) if batch::is_one(&glass.hold) => {
                    batch::break_glass(&client, glass).await
                }
                Self::BreakGlass(glass) => glass.run(&client).await,
                Self::Check(check) => check.run(&client).await,
                Self::Wait(wait) => wait.run(&client).await,
            }
        })
    }
}

async fn find(client: &Client, id: &HoldId) -> Result<HoldShown, Failure> {
    client.get(&format!("/holds/{id}")).await.map_err(failed)
}

impl List {
    async fn run(self, client: &Client) -> Result<ExitCode, Failure> {
        let task = match &self.task {
            Some(task) => format!("&task={}", id(task)?),
            None => String::new(),
        };
        let state = if self.all { "" } else { "&state=open" };
        let mut holds: Vec<HoldSummary> = Vec::new();
        let mut cursor = String::new();
        while (holds.len() as u64) < u64::from(self.limit) {
            let path = format!("/holds?limit=100{state}{task}{cursor}");
            let page: HoldPage = client.get(&path).await.map_err(failed)?;
            holds.extend(page.holds);
            match page.next {
                Some(next) => cursor = format!("&cursor={}", id(&next)?),
                None => break,
            }
        }
        holds.truncate(self.limit as usize);
        let batches = batch::listed(client, &format!("{state}{task}")).await?;
        match self.format {
            Format::Json => {
                batches.iter().for_each(output::json);
                holds.iter().for_each(output::json);
            }
            Format::Human if batches.is_empty() && holds.is_empty() => {
                output::error_line(format_args!("nothing waits"))
            }
            Format::Human => output::table(
                &[
                    "hold",
                    "state",
                    "left",
                    "effect",
                    "task",
                    "sponsor",
                    "waits for",
                ],
                batches
                    .iter()
                    .map(batch::row)
                    .chain(holds.iter().map(|hold| {
                        vec![
                            inert(&hold.id, 30),
                            inert(&hold.state, 20),
                            left(hold.seconds_left),
                            inert(&hold.effect, 120),
                            inert(&hold.task, 40),
                            inert(&hold.sponsor, 64),
                            inert(&hold.waits_for, 200),
                        ]
                    })),
            ),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Text that is part of a path: an id, or nothing.
fn id(text: &str) -> Result<&str, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    match !text.is_empty() && text.chars().all(plain) {
        true => Ok(text),
        false => Err(Failure::new(format!("`{}` is no id", inert(text, 40))).code(USAGE)),
    }
}

impl Approve {
    async fn run(self, client: &Client) -> Result<ExitCode, Failure> {
        let digest = looked_at(client, &self.hold, self.digest, self.format).await?;
        let body = ApproveBody {
            digest,
            note: self.note,
        };
        let path = format!("/holds/{}/approve", self.hold);
        let hold: HoldShown = client.post(&path, &body).await.map_err(failed)?;
        told(&hold, self.format);
        Ok(ExitCode::SUCCESS)
    }
}

impl BreakGlass {
    async fn run(self, client: &Client) -> Result<ExitCode, Failure> {
        let digest = looked_at(client, &self.hold, self.digest, self.format).await?;
        let body = BreakGlassBody {
            digest,
            reason: self.reason,
        };
        let path = format!("/holds/{}/break-glass", self.hold);
        let hold: HoldShown = client.post(&path, &body).await.map_err(failed)?;
        told(&hold, self.format);
        Ok(ExitCode::SUCCESS)
    }
}

/// Shows a hold; gives the digest of what was looked at: the one that was named, else that of what is
/// shown, once whoever is at the terminal says that they read it.
async fn looked_at(
    client: &Client,
    id: &HoldId,
    named: Option<String>,
    format: Format,
) -> Result<String, Failure> {
    let hold = find(client, id).await?;
    if format == Format::Human {
        print(&hold, Format::Human);
    }
    match named {
        Some(digest) => Ok(digest),
        None if std::io::stdin().is_terminal() => {
            confirm(hold.confirm.as_deref(), &mut std::io::stdin().lock())?;
            Ok(hold.digest)
        }
        None => Err(nobody()),
    }
}

fn nobody() -> Failure {
    Failure::new("nobody is at this terminal to be asked")
        .help("name the whole digest of what you looked at: --digest sha256:...")
        .code(USAGE)
}

/// Asks for what shows that it was read: the name of what is destroyed, or a yes.
fn confirm(destroyed: Option<&str>, answers: &mut impl BufRead) -> Result<(), Failure> {
    let (ask, expected) = match destroyed {
        Some(name) => ("this destroys: type the name of", name),
        None => ("to approve, type", "yes"),
    };
    output::error_part(format_args!(
        "{STRONG}{ask} {}{STRONG:#}: ",
        inert(expected, 200)
    ));
    let mut line = String::new();
    let read = answers.read_line(&mut line);
    match read.is_ok() && line.trim() == expected {
        true => Ok(()),
        false => Err(
            Failure::new("nothing was approved: that was something else")
                .help("look at the hold again, or reject it: `cordon holds reject`"),
        ),
    }
}

impl Why {
    fn word(self) -> String {
        let value = self.to_possible_value();
        value
            .map(|word| word.get_name().to_owned())
            .unwrap_or_default()
    }
}

impl Reject {
    async fn run(self, client: &Client) -> Result<ExitCode, Failure> {
        if self.call.is_some() {
            return Err(Failure::new("a hold is one call")
                .help("leave out --call")
                .code(USAGE));
        }
        let body = RejectBody {
            reason: self.reason.word(),
            note: self.note,
        };
        let path = format!("/holds/{}/reject", self.hold);
        let hold: HoldShown = client.post(&path, &body).await.map_err(failed)?;
        told(&hold, self.format);
        Ok(ExitCode::SUCCESS)
    }
}

impl Check {
    async fn run(self, client: &Client) -> Result<ExitCode, Failure> {
        let (digest, state_digest) = match (self.digest, self.state_digest) {
            (Some(digest), Some(state)) => (digest, state),
            _ => {
                let hold = find(client, &self.hold).await?;
                (hold.digest, hold.state_digest)
            }
        };
        let result = match self.passed {
            true => CheckResult::Passed,
            false => CheckResult::Failed,
        };
        let body = CheckBody {
            result: result.as_str().to_owned(),
            link: self.link,
            digest,
            state_digest,
        };
        let path = format!("/holds/{}/checks/{}", self.hold, self.name);
        let hold: HoldShown = client.post(&path, &body).await.map_err(failed)?;
        told(&hold, self.format);
        Ok(ExitCode::SUCCESS)
    }
}

impl Wait {
    async fn run(self, client: &Client) -> Result<ExitCode, Failure> {
        let until = Instant::now() + Duration::from_secs(self.seconds);
        loop {
            let left = until.saturating_duration_since(Instant::now()).as_secs();
            let step = left.min(STEP);
            let path = format!("/holds/{}/wait?seconds={step}", self.hold);
            let hold: HoldShown = client
                .wait(&path, Duration::from_secs(step))
                .await
                .map_err(failed)?;
            let code = match hold.summary.state.as_str() {
                "approved" | "used" => ExitCode::SUCCESS,
                "waiting" if left > step => continue,
                "waiting" => ExitCode::from(WAITS),
                _ => ExitCode::from(OVER),
            };
            told(&hold, self.format);
            return Ok(code);
        }
    }
}

fn left(seconds: i64) -> String {
    match seconds {
        0 => String::new(),
        seconds => format!("{}:{:02}", seconds / 60, seconds % 60),
    }
}

fn style(state: &str) -> Style {
    match state {
        "approved" | "used" | "done" => GOOD,
        "waiting" => WAIT,
        _ => ERROR,
    }
}

/// How the hold stands now, in a line.
fn told(hold: &HoldShown, format: Format) {
    if format == Format::Json {
        return output::json(hold);
    }
    let summary = &hold.summary;
    let style = style(&summary.state);
    let more = match summary.state.as_str() {
        "waiting" => format!(", still waits for {}", summary.waits_for),
        "approved" => format!(
            ": the same call may be made once within {} minutes",
            summary.seconds_left / 60 + 1
        ),
        _ => String::new(),
    };
    output::line(format_args!(
        "{} is {style}{}{style:#}{}",
        inert(&summary.id, 30),
        inert(&summary.state, 20),
        inert(&more, 400)
    ));
}

/// What the call would change, now and after.
fn changes(changes: &ChangesShown) {
    for change in changes.properties.iter().take(20) {
        let now = match (&change.now, &change.observed_at) {
            (Some(now), _) => now,
            (None, Some(_)) => "(none)",
            (None, None) => "(not known)",
        };
        let after = match (&change.after, change.evidence.as_str()) {
            (_, "observed") => String::new(),
            (Some(after), _) => format!(" → {after}"),
            (None, "unknown") => " → (nobody can say)".to_owned(),
            (None, _) => " → (none)".to_owned(),
        };
        row("changes", &format!("{}  {now}{after}", change.name));
    }
    let rest = changes.properties.len().saturating_sub(20);
    if rest > 0 {
        row("", &format!("and {rest} more: --format json lists them"));
    }
    let read = changes
        .properties
        .iter()
        .find_map(|it| it.observed_at.as_deref());
    read.iter()
        .for_each(|at| row("", &format!("as read at {at}")));
    changes.notes.iter().for_each(|note| row("notice", note));
    if !changes.dependents.is_empty() {
        row("used by", &changes.dependents.join(", "));
    }
    changes.owner.iter().for_each(|owner| row("owner", owner));
    if let Some(witness) = &changes.witness {
        let why = if witness.why.is_empty() { "" } else { ": " };
        row(
            "dry run",
            &format!(
                "{}{why}{}, asked at {}",
                witness.says, witness.why, witness.at
            ),
        );
    }
    match (&changes.undo, &changes.no_undo) {
        (Some(undo), _) => row("undo", &format!("$ {undo}")),
        (None, Some(why)) => row("no undo", why),
        (None, None) => {}
    }
}

/// The whole hold, the gravest first.
fn print(hold: &HoldShown, format: Format) {
    if format == Format::Json {
        return output::json(hold);
    }
    let summary = &hold.summary;
    let style = style(&summary.state);
    let time = match summary.seconds_left {
        0 => String::new(),
        seconds => format!("  {} left", left(seconds)),
    };
    output::line(format_args!(
        "{STRONG}{}{STRONG:#}  {style}{}{style:#}{time}",
        inert(&summary.id, 30),
        inert(&summary.state, 20)
    ));
    output::line(format_args!(
        "{STRONG}{}{STRONG:#}",
        inert(&summary.effect, 400)
    ));
    for target in hold.targets.iter().take(20) {
        let implied = if target.implied { "  (behind it)" } else { "" };
        let text = format!(
            "{}  [{}]  {}{implied}",
            target.resource, target.environment, target.action
        );
        row(&target.class, &text);
    }
    let more = hold.targets.len().saturating_sub(20) + hold.more_targets;
    if more > 0 {
        row("", &format!("and {more} more: --format json lists them"));
    }
    for fact in &hold.facts {
        row("notice", &fact.means);
    }
    for policy in &hold.policies {
        row("asked by", &format!("{}  ({})", policy.title, policy.id));
    }
    row(
        "waits for",
        match summary.waits_for.as_str() {
            "" => "nothing any more",
            missing => missing,
        },
    );
    for check in &summary.checks {
        let told = match &check.at {
            Some(at) => format!("by {}  {at}  {}", check.by, check.link),
            None => String::new(),
        };
        row(
            "check",
            &format!("{}: {}  {told}", check.name, check.result),
        );
    }
    for vote in &hold.votes {
        let counts = if vote.counts {
            ""
        } else {
            "  (does not count)"
        };
        row(
            "said",
            &format!(
                "{}: {}  {}{counts}  {}",
                vote.person, vote.answer, vote.at, vote.note
            ),
        );
    }
    for told in hold.told.iter().filter(|told| !told.error.is_empty()) {
        row(
            "not told",
            &format!(
                "{}: {}, {} attempts",
                told.channel, told.error, told.attempts
            ),
        );
    }
    row(
        "task",
        &format!(
            "{}  {}  of {}, agent {}",
            summary.task, hold.task_title, summary.sponsor, summary.agent
        ),
    );
    row(
        "call",
        &format!(
            "{}  in {} of {}",
            summary.operation, summary.region, summary.account
        ),
    );
    hold.changes.iter().for_each(changes);
    row("parameters", &hold.parameters);
    if let Some(follows) = &hold.follows {
        row("follows", follows);
    }
    row("digest", &hold.digest);
    row("state", &hold.state_digest);
    if !hold.yours.approve {
        row("you", &format!("may not approve: {}", hold.yours.why_not));
    }
    output::line(format_args!(
        "{FAINT}  more: cordon why {}{FAINT:#}",
        inert(&hold.reference, 30)
    ));
}

fn row(name: &str, text: &str) {
    output::line(format_args!(
        "  {:12}{}",
        inert(name, 12),
        inert(text, 20_000)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordon_control::api::Yours;

    fn hold(confirm: Option<&str>) -> HoldShown {
        let text = String::new;
        HoldShown {
            summary: HoldSummary {
                id: "H-1".to_owned(),
                state: "waiting".to_owned(),
                effect: text(),
                task: text(),
                sponsor: text(),
                agent: text(),
                operation: text(),
                account: text(),
                region: text(),
                environments: Vec::new(),
                needs: Vec::new(),
                missing: Vec::new(),
                checks: Vec::new(),
                waits_for: text(),
                opened: text(),
                decide_by: text(),
                seconds_left: 0,
                asked: 1,
                batch: None,
            },
            task_title: text(),
            quorum: 1,
            targets: Vec::new(),
            more_targets: 0,
            irreversible: confirm.is_some(),
            confirm: confirm.map(str::to_owned),
            facts: Vec::new(),
            policies: Vec::new(),
            votes: Vec::new(),
            changes: None,
            parameters: text(),
            digest: text(),
            state_digest: text(),
            policy_version: text(),
            reference: text(),
            follows: None,
            told: Vec::new(),
            yours: Yours {
                approve: true,
                reject: true,
                why_not: text(),
            },
        }
    }

    #[test]
    fn what_destroys_is_named_before_it_is_approved() {
        let check = |confirm_with, typed: &str, expected| {
            let found = confirm(hold(confirm_with).confirm.as_deref(), &mut typed.as_bytes());
            assert_eq!(found.is_ok(), expected, "{typed:?}");
        };
        check(Some("ce-web-prod"), "ce-web-prod\n", true);
        for typed in ["", "\n", "yes\n", "y\n", "ce-web-gamma\n", "CE-WEB-PROD\n"] {
            check(Some("ce-web-prod"), typed, false);
        }
        check(None, "yes\n", true);
        for typed in ["", "\n", "no\n", "y\n"] {
            check(None, typed, false);
        }
    }

    #[test]
    fn only_ids_become_part_of_a_path() {
        assert_eq!(id("T-1042").ok(), Some("T-1042"));
        for text in ["", "a&state=", "../me", "a b"] {
            assert!(id(text).is_err(), "{text}");
        }
    }
}
