//! `cordon incident`: what agents broke. Too much of it raises the posture (`[reliability]` in cordon.toml).

use crate::control::{client, failed};
use crate::failure::Failure;
use crate::output::{self, Format, inert};
use crate::wiring;
use clap::{Args, Subcommand, ValueEnum};
use cordon_control::api::{IncidentBody, IncidentPage, IncidentRecorded, LimitShown};
use cordon_core::names::TaskId;
use std::process::ExitCode;

/// Subcommands of `cordon incident`.
#[derive(Debug, Subcommand)]
pub(crate) enum Incident {
    /// Record an incident that agents caused: whoever decides on holds may
    ///
    /// Exit codes: 0 recorded; 1 refused; 2 wrongly asked.
    Record(Record),
    /// Incidents, newest first, and how many there may be
    List(List),
}

/// Options of `cordon incident record`.
#[derive(Debug, Args)]
pub(crate) struct Record {
    /// The task whose agents caused it
    task: TaskId,
    /// How grave it was
    #[arg(long, value_enum)]
    severity: Severity,
    /// What happened
    #[arg(long)]
    note: String,
    /// Where more is told of it: an address of the web
    #[arg(long)]
    link: Option<String>,
    /// When it happened, if not now: 2026-11-28T18:00:00Z
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Options of `cordon incident list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How grave it was.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Incident {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let client = client()?;
        wiring::block_on(async {
            match self {
                Self::Record(record) => {
                    let format = record.format;
                    let told = client.post("/incidents", &record.body()).await;
                    recorded(&told.map_err(failed)?, format);
                }
                Self::List(list) => {
                    let path = format!("/incidents?limit={}", list.limit);
                    let page = client.get(&path).await.map_err(failed)?;
                    listed(&page, list.format);
                }
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

impl Record {
    fn body(self) -> IncidentBody {
        let severity = match self.severity {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        };
        IncidentBody {
            task: self.task.to_string(),
            severity: severity.to_owned(),
            note: self.note,
            link: self.link,
            at: self.at,
        }
    }
}

fn recorded(told: &IncidentRecorded, format: Format) {
    if format == Format::Json {
        return output::json(told);
    }
    output::line(format_args!("recorded{}", counted(told.limit.as_ref())));
    if let Some(raised) = &told.raised {
        output::line(format_args!(
            "the posture is raised to {}: {}; an incident commander lifts it: cordon posture lift {}",
            inert(&raised.posture, 20),
            inert(&raised.message, 500),
            inert(&raised.id, 100),
        ));
    }
}

fn counted(limit: Option<&LimitShown>) -> String {
    let Some(limit) = limit else {
        return String::new();
    };
    let LimitShown {
        count,
        incidents,
        days,
        ..
    } = limit;
    format!(": {count} in {days} days, {incidents} raise the posture")
}

fn listed(page: &IncidentPage, format: Format) {
    if format == Format::Json {
        return page.incidents.iter().for_each(output::json);
    }
    output::table(
        &["when", "task", "severity", "by", "what", "link"],
        page.incidents.iter().map(|one| {
            vec![
                inert(&one.at, 40),
                inert(&one.task, 40),
                inert(&one.severity, 20),
                inert(&one.by, 100),
                inert(&one.note, 500),
                inert(&one.link, 500),
            ]
        }),
    );
    if page.limit.is_some() {
        let counted = counted(page.limit.as_ref());
        output::error_line(format_args!("incidents{counted}"));
    }
}
