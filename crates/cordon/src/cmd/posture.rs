//! `cordon posture`: how careful everyone is.

use crate::control::{client, failed};
use crate::failure::Failure;
use crate::output::{self, ERROR, Format, GOOD, WAIT, inert};
use crate::wiring;
use clap::{Args, Subcommand, ValueEnum};
use cordon_control::api::{PostureBody, PostureShown};
use std::process::ExitCode;

/// Subcommands of `cordon posture`.
#[derive(Debug, Subcommand)]
pub(crate) enum Posture {
    /// How careful everyone is, since when, and why
    Show(Show),
    /// Let everyone be more careful: whoever decides on holds may
    ///
    /// Exit codes: 0 done; 1 refused; 2 wrongly asked.
    Raise(Raise),
    /// Let everyone be less careful: an incident commander who signed in within 15 minutes may
    ///
    /// Exit codes: 0 done; 1 refused; 2 wrongly asked.
    Lower(Lower),
}

/// Options of `cordon posture show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Options of `cordon posture raise`.
#[derive(Debug, Args)]
pub(crate) struct Raise {
    /// To what
    #[arg(value_enum)]
    to: Raised,
    /// What people and agents are told
    #[arg(long)]
    message: String,
    /// When it is normal again by itself: 2026-11-28T18:00:00Z
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Options of `cordon posture lower`.
#[derive(Debug, Args)]
pub(crate) struct Lower {
    /// To what
    #[arg(value_enum)]
    to: Lowered,
    /// What people and agents are told
    #[arg(long)]
    message: String,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What can be raised to.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Raised {
    /// Every agent change needs a senior
    Elevated,
    /// Changes wait for the incident commander
    Freeze,
}

/// What can be lowered to.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Lowered {
    /// As the policies say
    Normal,
    /// Every agent change needs a senior
    Elevated,
}

impl Posture {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let client = client()?;
        let (body, format) = match self {
            Self::Show(show) => (None, show.format),
            Self::Raise(raise) => {
                let to = match raise.to {
                    Raised::Elevated => "elevated",
                    Raised::Freeze => "freeze",
                };
                (Some(body(to, raise.message, raise.until)), raise.format)
            }
            Self::Lower(lower) => {
                let to = match lower.to {
                    Lowered::Normal => "normal",
                    Lowered::Elevated => "elevated",
                };
                (Some(body(to, lower.message, None)), lower.format)
            }
        };
        let standing: PostureShown = wiring::block_on(async {
            let answer = match &body {
                Some(body) => client.post("/posture", body).await,
                None => client.get("/posture").await,
            };
            answer.map_err(failed)
        })?;
        print(&standing, format);
        Ok(ExitCode::SUCCESS)
    }
}

fn body(to: &str, message: String, until: Option<String>) -> PostureBody {
    PostureBody {
        to: to.to_owned(),
        message,
        until,
    }
}

fn print(standing: &PostureShown, format: Format) {
    if format == Format::Json {
        return output::json(standing);
    }
    let style = match standing.posture.as_str() {
        "normal" => GOOD,
        "elevated" => WAIT,
        _ => ERROR,
    };
    let part = |word: &str, text: Option<&str>| {
        text.filter(|text| !text.is_empty())
            .map(|text| format!("  {word}{}", inert(text, 500)))
            .unwrap_or_default()
    };
    output::line(format_args!(
        "{style}{}{style:#}{}{}{}{}",
        inert(&standing.posture, 20),
        part("since ", standing.since.as_deref()),
        part("until ", standing.until.as_deref()),
        part("by ", Some(&standing.by)),
        part("", Some(&standing.message)),
    ));
}
