//! `cordon task amend` and `cordon task amendments`: asking for something to be added to a task that is
//! under way, and its sponsor's yes or no, as whoever signed in at this terminal.

use super::holds::Why;
use crate::control::{client, failed};
use crate::failure::{Failure, USAGE};
use crate::output::{self, ERROR, FAINT, Format, GOOD, STRONG, WAIT, inert};
use crate::wiring;
use anstyle::Style;
use clap::{Args, Subcommand, ValueEnum as _};
use cordon_control::api::{
    AcceptBody, AmendBody, AmendmentPage, AmendmentShown, AmendmentSummary, DeclineBody,
};
use cordon_control::client::Client;
use cordon_core::names::{AmendmentId, Reference, TaskId};
use std::io::{BufRead, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The longest text of one line that is shown.
const LINE: usize = 2_000;

/// Options of `cordon task amend`.
#[derive(Debug, Args)]
pub(crate) struct Amend {
    /// The task
    task: TaskId,
    /// The denied call that it is for: asks for the smallest change that would let it go
    #[arg(long = "ref", value_name = "REF", required_unless_present = "changes")]
    reference: Option<Reference>,
    /// What is to be added instead, as a task file has it (`-` reads standard input): [[allow]], [destroy],
    /// [replace], [budget], and environments and regions of [where]
    #[arg(long, value_name = "FILE")]
    changes: Option<PathBuf>,
    /// Why the task needs it, in a sentence or two
    #[arg(long)]
    reason: String,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Subcommands of `cordon task amendments`.
#[derive(Debug, Subcommand)]
pub(crate) enum Amendments {
    /// What was asked for, newest first
    List(List),
    /// One amendment beside all that its task may do
    Show(Show),
    /// Make the task what is shown
    ///
    /// Shows it first. At a terminal it then asks for `yes`; elsewhere `--digest` names what was looked at
    /// before. Needs a sign-in of the last 15 minutes. Exit codes: 0 said; 1 refused, with the reason; 2
    /// wrongly asked.
    Accept(Accept),
    /// Leave the task as it is, for a reason that the agent is told
    ///
    /// Exit codes: 0 said; 1 refused; 2 wrongly asked.
    Decline(Decline),
}

/// Options of `cordon task amendments list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Those that were settled, too
    #[arg(long)]
    all: bool,
    /// Only those of this task
    #[arg(long, value_name = "ID")]
    task: Option<TaskId>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Which amendment.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its id: A-7QK4M2ZD
    amendment: AmendmentId,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What is accepted, and what was looked at.
#[derive(Debug, Args)]
pub(crate) struct Accept {
    /// Its id: A-7QK4M2ZD
    amendment: AmendmentId,
    /// The whole digest of what you looked at: sha256:... (not a prefix)
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What is declined, and why.
#[derive(Debug, Args)]
pub(crate) struct Decline {
    /// Its id: A-7QK4M2ZD
    amendment: AmendmentId,
    /// Why
    #[arg(long, value_enum)]
    reason: Why,
    /// For people, never for the agent
    #[arg(long, default_value = "")]
    note: String,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Amend {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let client = client()?;
        let changes = self.changes.as_deref().map(read).transpose()?;
        let shown = wiring::block_on(ask(
            &client,
            &self.task,
            self.reference.as_ref(),
            changes,
            self.reason,
        ))?;
        told(&shown, self.format);
        Ok(ExitCode::SUCCESS)
    }
}

/// Asks for something to be added to a task.
///
/// # Errors
/// When the control plane refuses, or does not answer.
pub(crate) async fn ask(
    client: &Client,
    task: &TaskId,
    reference: Option<&Reference>,
    changes: Option<String>,
    reason: String,
) -> Result<AmendmentShown, Failure> {
    let body = AmendBody {
        reference: reference.map(ToString::to_string),
        changes,
        reason,
    };
    let path = format!("/tasks/{task}/amendments");
    client.post(&path, &body).await.map_err(failed)
}

/// What a file says is to be added.
fn read(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match file == Path::new("-") {
        true => std::io::stdin().read_to_string(&mut text).map(drop),
        false => std::fs::read_to_string(file).map(|read| text = read),
    };
    read.map_err(|error| {
        Failure::because(format!("`{}` could not be read", file.display()), &error).code(USAGE)
    })?;
    Ok(text)
}

impl Amendments {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let client = client()?;
        wiring::block_on(async {
            match self {
                Self::List(list) => list.run(&client).await?,
                Self::Show(show) => print(&find(&client, &show.amendment).await?, show.format),
                Self::Accept(accept) => accept.run(&client).await?,
                Self::Decline(decline) => decline.run(&client).await?,
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

async fn find(client: &Client, id: &AmendmentId) -> Result<AmendmentShown, Failure> {
    let path = format!("/amendments/{id}");
    client.get(&path).await.map_err(failed)
}

impl List {
    async fn run(self, client: &Client) -> Result<(), Failure> {
        let task = self.task.map(|task| format!("&task={task}"));
        let state = if self.all { "" } else { "&state=waiting" };
        let path = format!("/amendments?limit=200{state}{}", task.unwrap_or_default());
        let page: AmendmentPage = client.get(&path).await.map_err(failed)?;
        match self.format {
            Format::Json => page.amendments.iter().for_each(output::json),
            Format::Human if page.amendments.is_empty() => {
                output::error_line(format_args!("nothing is asked for"));
            }
            Format::Human => output::table(
                &["amendment", "state", "task", "sponsor", "asked by", "why"],
                page.amendments.iter().map(|it: &AmendmentSummary| {
                    vec![
                        inert(&it.id, 30),
                        inert(&it.state, 20),
                        inert(&it.task, 40),
                        inert(&it.sponsor, 64),
                        inert(&it.filed_by, 64),
                        inert(&it.reason, 120),
                    ]
                }),
            ),
        }
        Ok(())
    }
}

impl Accept {
    async fn run(self, client: &Client) -> Result<(), Failure> {
        let shown = find(client, &self.amendment).await?;
        if self.format == Format::Human {
            print(&shown, Format::Human);
        }
        let digest = match self.digest {
            Some(digest) => digest,
            None if !shown.cannot.is_empty() => {
                return Err(Failure::new(inert(&shown.cannot, LINE))
                    .help("decline it, and have something else asked for"));
            }
            None if std::io::stdin().is_terminal() => {
                confirm(&mut std::io::stdin().lock())?;
                shown.digest
            }
            None => {
                return Err(Failure::new("nobody is at this terminal to be asked")
                    .help("name the whole digest of what you looked at: --digest sha256:...")
                    .code(USAGE));
            }
        };
        let path = format!("/amendments/{}/accept", self.amendment);
        let body = AcceptBody { digest };
        let shown: AmendmentShown = client.post(&path, &body).await.map_err(failed)?;
        told(&shown, self.format);
        Ok(())
    }
}

fn confirm(answers: &mut impl BufRead) -> Result<(), Failure> {
    output::error_part(format_args!("{STRONG}to accept, type yes{STRONG:#}: "));
    let mut line = String::new();
    let read = answers.read_line(&mut line);
    match read.is_ok() && line.trim() == "yes" {
        true => Ok(()),
        false => Err(
            Failure::new("nothing was accepted: that was something else")
                .help("look at it again, or decline it: `cordon task amendments decline`"),
        ),
    }
}

impl Decline {
    async fn run(self, client: &Client) -> Result<(), Failure> {
        let reason = self.reason.to_possible_value();
        let body = DeclineBody {
            reason: reason
                .map(|word| word.get_name().to_owned())
                .unwrap_or_default(),
            note: self.note,
        };
        let path = format!("/amendments/{}/decline", self.amendment);
        let shown: AmendmentShown = client.post(&path, &body).await.map_err(failed)?;
        told(&shown, self.format);
        Ok(())
    }
}

fn style(state: &str) -> Style {
    match state {
        "accepted" => GOOD,
        "waiting" => WAIT,
        _ => ERROR,
    }
}

/// How it stands now.
fn told(shown: &AmendmentShown, format: Format) {
    if format == Format::Json {
        return output::json(shown);
    }
    let summary = &shown.summary;
    let style = style(&summary.state);
    output::line(format_args!(
        "{} is {style}{}{style:#}",
        inert(&summary.id, 30),
        inert(&summary.state, 20)
    ));
    for line in shown.adds.iter().filter(|_| summary.state == "waiting") {
        output::line(format_args!("  {}", inert(line, LINE)));
    }
}

/// What is asked for, beside all that the task may do: most harm first, in the order in which it decides.
fn print(shown: &AmendmentShown, format: Format) {
    if format == Format::Json {
        return output::json(shown);
    }
    let summary = &shown.summary;
    let style = style(&summary.state);
    output::line(format_args!(
        "{STRONG}{}{STRONG:#}  {style}{}{style:#}  for {}  {}",
        inert(&summary.id, 30),
        inert(&summary.state, 20),
        inert(&summary.task, 40),
        inert(&summary.task_title, 200),
    ));
    rows("would add", &shown.adds);
    rows("added before", &shown.added_before);
    text("may now", &shown.now);
    text("may then", &shown.after);
    row(
        "asked by",
        &format!("{}  {}", summary.filed_by, summary.filed),
    );
    row(
        "they say",
        &format!("\"{}\"  (nobody checked it)", summary.reason),
    );
    if let Some(reference) = &summary.reference {
        row("for call", &format!("{reference}: cordon why {reference}"));
    }
    if let (Some(by), Some(at)) = (&shown.settled_by, &shown.settled) {
        let why = shown.declined.as_deref().unwrap_or_default();
        row("settled", &format!("{by}  {at}  {why}  {}", shown.note));
    }
    if !shown.cannot.is_empty() {
        row("cannot be", &format!("accepted: {}", shown.cannot));
    } else if !shown.why_not.is_empty() {
        row("you", &format!("may not accept: {}", shown.why_not));
    }
    if !shown.digest.is_empty() {
        row("digest", &shown.digest);
        output::line(format_args!(
            "{FAINT}  cordon task amendments accept|decline {}{FAINT:#}",
            inert(&summary.id, 30)
        ));
    }
}

fn rows(name: &str, lines: &[String]) {
    for (index, line) in lines.iter().enumerate() {
        row(if index == 0 { name } else { "" }, line);
    }
}

fn text(name: &str, text: &str) {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    rows(name, &lines);
}

fn row(name: &str, text: &str) {
    output::line(format_args!(
        "  {:14}{}",
        inert(name, 14),
        inert(text, LINE)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_accepts() {
        assert!(confirm(&mut "yes\n".as_bytes()).is_ok());
        for typed in ["", "\n", "y\n", "no\n", "Yes please\n"] {
            assert!(confirm(&mut typed.as_bytes()).is_err(), "{typed:?}");
        }
    }
}
