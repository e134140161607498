//! `cordon posture`: how careful agents are to be, everywhere, in an environment or for a team.

use crate::control::{client, failed};
use crate::failure::{Failure, USAGE};
use crate::output::{self, ERROR, Format, GOOD, WAIT, inert};
use crate::wiring;
use clap::{Args, Subcommand, ValueEnum};
use cordon_control::api::{LiftBody, PostureBody, PosturePage, PostureShown};
use std::process::ExitCode;

/// Subcommands of `cordon posture`.
#[derive(Debug, Subcommand)]
pub(crate) enum Posture {
    /// How careful everyone is, since when, and why
    Show(Show),
    /// Everything that is declared: for everyone, environments and teams, with what is scheduled
    ///
    /// Of all that speak of a call the strictest counts.
    List(Show),
    /// Let everyone be more careful, at once or by a schedule: whoever decides on holds may
    ///
    /// What is scheduled (--from and --until, or --weekly) adds to what stands.
    ///
    /// Exit codes: 0 done; 1 refused; 2 wrongly asked.
    Raise(Raise),
    /// Let everyone be less careful: an incident commander who signed in within 15 minutes may
    ///
    /// Exit codes: 0 done; 1 refused; 2 wrongly asked.
    Lower(Lower),
    /// Take back what is scheduled, or what is declared for a part: an incident commander may
    ///
    /// Exit codes: 0 done; 1 refused; 2 wrongly asked.
    Lift(Lift),
}

/// For what a posture is declared.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Scope {
    /// For calls that touch this environment, or one below it, alone
    #[arg(long)]
    environment: Option<String>,
    /// For tasks of this team alone
    #[arg(long)]
    team: Option<String>,
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
    #[command(flatten)]
    scope: Scope,
    /// Not at once, but from then on: 2026-11-28T00:00:00+08:00
    #[arg(long, value_name = "TIME", requires = "until")]
    from: Option<String>,
    /// When it is over by itself: 2026-11-28T18:00:00Z
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Every week: "Fri 18:00 - Mon 08:00"
    #[arg(long, value_name = "PART", conflicts_with_all = ["from", "until"])]
    weekly: Option<String>,
    /// By the clocks of this time zone, such as Europe/Berlin: UTC where it is not said
    #[arg(long, requires = "weekly")]
    zone: Option<String>,
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
    #[command(flatten)]
    scope: Scope,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Options of `cordon posture lift`.
#[derive(Debug, Args)]
pub(crate) struct Lift {
    /// Its id, as `cordon posture list` shows it
    id: String,
    /// Why: it is written down
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
        wiring::block_on(async {
            match self {
                Self::Show(show) => {
                    let standing = client.get("/posture").await.map_err(failed)?;
                    one(&standing, show.format);
                }
                Self::List(show) => {
                    let page = client.get("/postures").await.map_err(failed)?;
                    all(&page, show.format);
                }
                Self::Raise(raise) => {
                    let format = raise.format;
                    let changed = client.post("/posture", &raise.body()).await;
                    one(&changed.map_err(failed)?, format);
                }
                Self::Lower(lower) => {
                    let format = lower.format;
                    let changed = client.post("/posture", &lower.body()).await;
                    one(&changed.map_err(failed)?, format);
                }
                Self::Lift(lift) => {
                    let path = format!("/postures/{}/lift", lift.id()?);
                    let body = LiftBody {
                        message: lift.message,
                    };
                    let left = client.post(&path, &body).await.map_err(failed)?;
                    all(&left, lift.format);
                }
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

impl Raise {
    fn body(self) -> PostureBody {
        let to = match self.to {
            Raised::Elevated => "elevated",
            Raised::Freeze => "freeze",
        };
        PostureBody {
            to: to.to_owned(),
            message: self.message,
            environment: self.scope.environment,
            team: self.scope.team,
            from: self.from,
            until: self.until,
            weekly: self.weekly,
            zone: self.zone,
        }
    }
}

impl Lower {
    fn body(self) -> PostureBody {
        let to = match self.to {
            Lowered::Normal => "normal",
            Lowered::Elevated => "elevated",
        };
        PostureBody {
            to: to.to_owned(),
            message: self.message,
            environment: self.scope.environment,
            team: self.scope.team,
            ..PostureBody::default()
        }
    }
}

impl Lift {
    /// The id as a part of a path: what has other characters is the id of nothing.
    fn id(&self) -> Result<&str, Failure> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_:".contains(c);
        match !self.id.is_empty() && self.id.chars().all(plain) {
            true => Ok(&self.id),
            false => Err(Failure::new(format!("`{}` is no id", inert(&self.id, 100)))
                .help("`cordon posture list` shows the ids")
                .code(USAGE)),
        }
    }
}

/// When it holds, in words.
fn when(shown: &PostureShown) -> String {
    let texts = [
        ("from ", &shown.from),
        ("until ", &shown.until),
        ("", &shown.weekly),
        ("", &shown.zone),
    ];
    let texts = texts.into_iter().filter_map(|(word, text)| {
        let text = text.as_ref()?;
        Some(format!("{word}{}", inert(text, 100)))
    });
    texts.collect::<Vec<_>>().join(" ")
}

fn all(page: &PosturePage, format: Format) {
    if format == Format::Json {
        return page.postures.iter().for_each(output::json);
    }
    output::table(
        &["id", "for", "posture", "now", "when", "by", "message"],
        page.postures.iter().map(|one| {
            let in_force = if one.in_force { "in force" } else { "-" };
            vec![
                inert(&one.id, 100),
                inert(&one.scope, 100),
                inert(&one.posture, 20),
                in_force.to_owned(),
                when(one),
                inert(&one.by, 100),
                inert(&one.message, 500),
            ]
        }),
    );
}

fn one(standing: &PostureShown, format: Format) {
    if format == Format::Json {
        return output::json(standing);
    }
    let style = match standing.posture.as_str() {
        "normal" => GOOD,
        "elevated" => WAIT,
        _ => ERROR,
    };
    let part = |word: &str, text: &str| match text {
        "" => String::new(),
        text => format!("  {word}{}", inert(text, 500)),
    };
    let scope = match standing.scope.as_str() {
        "everything" => "",
        scope => scope,
    };
    let since = match standing.from.is_none() && standing.weekly.is_none() {
        true => standing.since.as_deref().unwrap_or_default(),
        false => "",
    };
    output::line(format_args!(
        "{style}{}{style:#}{}{}{}{}{}",
        inert(&standing.posture, 20),
        part("for ", scope),
        part("since ", since),
        part("", &when(standing)),
        part("by ", &standing.by),
        part("", &standing.message),
    ));
}
