//! Batches at the terminal: proposed by who answers for the task, looked at and decided about as one.

use super::{Approve, BreakGlass, Reject, confirm, id, left, nobody, row as print_row, style};
use crate::control::failed;
use crate::failure::Failure;
use crate::output::{self, Format, STRONG, inert};
use clap::Args;
use cordon_control::api::{
    ApproveBody, BatchPage, BatchProposed, BatchShown, BatchSummary, BreakGlassBody,
    DifferenceShown, ProposeBody, RejectBatchBody,
};
use cordon_control::client::Client;
use cordon_core::names::{HoldId, SessionId};
use serde::Serialize;
use std::io::IsTerminal as _;
use std::process::ExitCode;

/// What is proposed.
#[derive(Debug, Args)]
pub(crate) struct Propose {
    /// The session whose previewed calls are the list: S-7QK4M2ZD
    session: SessionId,
    /// What they are for, for those who decide
    #[arg(long, default_value = "")]
    message: String,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Whether an id is one of a batch.
pub(super) fn is_one(id: &HoldId) -> bool {
    id.as_str().starts_with("B-")
}

impl Propose {
    pub(super) async fn run(self, client: &Client) -> Result<ExitCode, Failure> {
        let body = ProposeBody {
            session: self.session.to_string(),
            message: self.message,
        };
        let proposed: BatchProposed = client.post("/batches", &body).await.map_err(failed)?;
        if self.format == Format::Json {
            output::json(&proposed);
            return Ok(ExitCode::SUCCESS);
        }
        print(&proposed.batch);
        if !proposed.new {
            print_row(
                "same",
                "it was proposed before, and what was said of it counts",
            );
        }
        proposed.differs.iter().for_each(differs);
        for call in &proposed.left_out {
            let text = format!("{}  {}: {}", call.operation, call.reference, call.why);
            print_row("left out", &text);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// How a list differs from the one before it, a line for each call.
fn differs(difference: &DifferenceShown) {
    let place = |number: Option<u32>| number.map(|it| it.to_string()).unwrap_or_default();
    let places = match (difference.from, difference.to) {
        (Some(from), Some(to)) if from != to => format!("{from} → {to}"),
        (from, to) => place(to.or(from)),
    };
    print_row(
        &difference.what,
        &format!("{places}  {}", difference.effect),
    );
}

/// The batches that are listed, whole as they wait.
pub(super) async fn listed(client: &Client, filter: &str) -> Result<Vec<BatchSummary>, Failure> {
    let mut batches: Vec<BatchSummary> = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/batches?limit=100{filter}{cursor}");
        let page: BatchPage = client.get(&path).await.map_err(failed)?;
        batches.extend(page.batches);
        match page.next {
            Some(next) => cursor = format!("&cursor={}", id(&next)?),
            None => return Ok(batches),
        }
    }
}

/// A batch in the list of what waits.
pub(super) fn row(batch: &BatchSummary) -> Vec<String> {
    vec![
        inert(&batch.id, 30),
        inert(&batch.state, 20),
        left(batch.seconds_left),
        inert(&format!("{} calls: {}", batch.length, batch.message), 120),
        inert(&batch.task, 40),
        inert(&batch.sponsor, 64),
        inert(&batch.waits_for, 200),
    ]
}

async fn find(client: &Client, id: &HoldId) -> Result<BatchShown, Failure> {
    client.get(&format!("/batches/{id}")).await.map_err(failed)
}

pub(super) async fn show(
    client: &Client,
    id: &HoldId,
    format: Format,
) -> Result<ExitCode, Failure> {
    let batch = find(client, id).await?;
    match format {
        Format::Json => output::json(&batch),
        Format::Human => print(&batch),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn approve(client: &Client, approve: Approve) -> Result<ExitCode, Failure> {
    let body = ApproveBody {
        digest: looked_at(client, &approve.hold, approve.digest, approve.format).await?,
        note: approve.note,
    };
    say(client, &approve.hold, "approve", &body, approve.format).await
}

pub(super) async fn break_glass(client: &Client, glass: BreakGlass) -> Result<ExitCode, Failure> {
    let body = BreakGlassBody {
        digest: looked_at(client, &glass.hold, glass.digest, glass.format).await?,
        reason: glass.reason,
    };
    say(client, &glass.hold, "break-glass", &body, glass.format).await
}

pub(super) async fn reject(client: &Client, reject: Reject) -> Result<ExitCode, Failure> {
    let body = RejectBatchBody {
        reason: reject.reason.word(),
        note: reject.note,
        call: reject.call,
    };
    say(client, &reject.hold, "reject", &body, reject.format).await
}

async fn say(
    client: &Client,
    id: &HoldId,
    what: &str,
    body: &impl Serialize,
    format: Format,
) -> Result<ExitCode, Failure> {
    let path = format!("/batches/{id}/{what}");
    let batch: BatchShown = client.post(&path, body).await.map_err(failed)?;
    match format {
        Format::Json => output::json(&batch),
        Format::Human => headline(&batch.summary),
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows a batch; gives the digest of what was looked at, once whoever is at the terminal typed the name of
/// everything that is destroyed, or a yes.
async fn looked_at(
    client: &Client,
    id: &HoldId,
    named: Option<String>,
    format: Format,
) -> Result<String, Failure> {
    let batch = find(client, id).await?;
    if format == Format::Human {
        print(&batch);
    }
    if let Some(digest) = named {
        return Ok(digest);
    }
    if !std::io::stdin().is_terminal() {
        return Err(nobody());
    }
    let mut answers = std::io::stdin().lock();
    let destroyed: Vec<&str> = batch
        .calls
        .iter()
        .filter_map(|call| call.confirm.as_deref())
        .collect();
    match destroyed.is_empty() {
        true => confirm(None, &mut answers)?,
        false => destroyed
            .into_iter()
            .try_for_each(|name| confirm(Some(name), &mut answers))?,
    }
    Ok(batch.digest)
}

fn headline(batch: &BatchSummary) {
    let style = style(&batch.state);
    let more = match batch.state.as_str() {
        "waiting" => format!(", still waits for {}", batch.waits_for),
        "approved" => format!(
            ": its calls may be made in their order, each once, within {} minutes",
            batch.seconds_left / 60 + 1
        ),
        _ if batch.why.is_empty() => String::new(),
        _ => format!(" ({})", batch.why),
    };
    output::line(format_args!(
        "{STRONG}{}{STRONG:#} is {style}{}{style:#}{}",
        inert(&batch.id, 30),
        inert(&batch.state, 20),
        inert(&more, 400)
    ));
}

/// The whole list, in the order in which it goes.
fn print(batch: &BatchShown) {
    let summary = &batch.summary;
    headline(summary);
    if !summary.message.is_empty() {
        print_row("message", &summary.message);
    }
    for call in &batch.calls {
        let hold = &call.hold;
        let text = format!("{}  [{}]  {}", hold.effect, hold.state, hold.id);
        print_row(&call.number.to_string(), &text);
        let place = format!("{} in {} of {}", hold.operation, hold.region, hold.account);
        print_row("", &format!("{place}  {}", call.parameters));
        if !hold.waits_for.is_empty() {
            print_row("", &format!("waits for {}", hold.waits_for));
        }
    }
    for vote in &batch.votes {
        let counts = if vote.counts {
            ""
        } else {
            "  (does not count)"
        };
        let text = format!(
            "{}: {}  {}{counts}  {}",
            vote.person, vote.answer, vote.at, vote.note
        );
        print_row("said", &text);
    }
    print_row("task", &format!("{}  of {}", summary.task, summary.sponsor));
    print_row("digest", &batch.digest);
    if !batch.yours.approve {
        print_row("you", &format!("may not approve: {}", batch.yours.why_not));
    }
}
