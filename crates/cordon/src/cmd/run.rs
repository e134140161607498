//! `cordon run`: an agent on a task, from launch to summary.

use super::env::WayName;
use crate::attend::{Attended, attend};
use crate::config::{Config, Flags};
use crate::failure::{Failure, USAGE};
use crate::follow::Follow;
use crate::launch::LaunchOptions;
use crate::output::{self, STRONG};
use crate::telemetry::{self, Usual};
use crate::view::{self, Beside, Left, Watched};
use crate::wiring;
use clap::Args;
use cordon_core::session::Session;
use cordon_store::{CallFilter, Store, StoredCall};
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::{ExitCode, ExitStatus};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often new calls are looked for.
const BEAT: Duration = Duration::from_millis(250);

/// Lines of the command that may wait to be shown.
const HEARD: usize = 256;
/// The code of a command that somebody interrupted, as shells have it.
const INTERRUPTED: u8 = 130;

/// Run a command (an agent) on a task, its AWS tools led through Cordon.
///
/// Where standard error is no terminal, calls are shown there as they happen, reads folded.
///
/// Uses the Cordon that already serves from the state folder, or serves for as long as the
/// command runs. Exits with the command's own code.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    launch: LaunchOptions,
    /// How tools reach Cordon
    #[arg(long, value_enum, default_value_t)]
    way: WayName,
    /// Show the calls on this terminal, with the command's output below them
    ///
    /// For a command that asks nothing: it has no terminal then. Of an agent that you talk to, see the calls in
    /// another terminal: cordon calls tail session:ID
    #[arg(long)]
    view: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl Run {
    pub(crate) fn run(self, flags: &Flags) -> Result<ExitCode, Failure> {
        let config = Config::load(flags)?;
        match self.view {
            true if !view::can_be_shown() => {
                return Err(Failure::new("there is no terminal to show calls on")
                    .help("leave --view out: calls are shown in lines then")
                    .code(USAGE));
            }
            true => telemetry::start_in(&config, Usual::Warnings, &config.state.join("view.log"))?,
            false => telemetry::start(&config, Usual::Warnings)?,
        }
        wiring::block_on(attend(&config, &self.launch, async |attended| {
            self.supervise(&config, attended).await
        }))
    }

    /// Runs the command and says at the end what happened.
    async fn supervise(&self, config: &Config, attended: &Attended) -> Result<ExitCode, Failure> {
        let session = &attended.session;
        announce(session);
        let status = match self.view {
            true => self.viewed(config, attended).await,
            false => self.followed(attended).await.map(exit_code),
        };
        summary(&attended.store, session).await?;
        status
    }

    /// Runs the command, and shows its calls as they happen where that disturbs nobody: an agent at a
    /// terminal has the terminal for itself.
    async fn followed(&self, attended: &Attended) -> Result<ExitStatus, Failure> {
        let running = attended.run(&self.command, self.way);
        if std::io::stderr().is_terminal() {
            return running.await;
        }
        let mut follow = Follow::of(attended).await?;
        let mut beat = tokio::time::interval(BEAT);
        tokio::pin!(running);
        let status = loop {
            tokio::select! {
                ended = &mut running => break ended,
                _ = beat.tick() => follow.step().await?,
            }
        };
        follow.end().await?;
        status
    }
}

impl Run {
    /// Runs the command beside a view of its calls. Who closes the view sees the rest in lines.
    async fn viewed(&self, config: &Config, attended: &Attended) -> Result<ExitCode, Failure> {
        let (heard, lines) = mpsc::channel(HEARD);
        let running = attended.run_heard(&self.command, self.way, heard);
        tokio::pin!(running);
        let session = &attended.session;
        let title = output::inert(session.task.title(), 80);
        let mode = session.task.mode().as_str();
        let mut watched = Watched {
            config,
            store: Arc::clone(&attended.store),
            filter: CallFilter {
                session: Some(session.id.as_str().into()),
                ..CallFilter::default()
            },
            title: format!("{}  {mode}  {title}", session.task.id()),
            past: 0,
            beside: Some(Beside::of(lines)),
        };
        let ended = tokio::select! {
            ended = &mut running => Ok(ended),
            left = view::watch(&mut watched) => Err(left),
        };
        if let Some(beside) = &watched.beside {
            beside.shown.iter().for_each(|line| say(line));
        }
        let left = match ended {
            Ok(status) => {
                rest(&mut watched).await;
                return status.map(exit_code);
            }
            Err(left) => left?,
        };
        if left.0 == Left::Interrupted {
            // The command ends with the future that runs it.
            return Ok(ExitCode::from(INTERRUPTED));
        }
        let status = tokio::select! {
            status = &mut running => status,
            () = rest(&mut watched) => running.await,
        };
        rest(&mut watched).await;
        status.map(exit_code)
    }
}

/// Says what a command still says, until it says nothing more.
async fn rest(watched: &mut Watched<'_>) {
    let Some(beside) = &mut watched.beside else {
        return;
    };
    while let Some(line) = beside.lines.recv().await {
        say(&line);
    }
}

fn say(line: &str) {
    output::line(format_args!("{}", output::inert(line, 4_096)));
}

fn announce(session: &Session) {
    let task = &session.task;
    output::error_line(format_args!(
        "{STRONG}cordon{STRONG:#}  {}  {}  {}  until {:.0}",
        task.id(),
        task.mode().as_str(),
        output::inert(task.title(), 80),
        task.expires_at(),
    ));
}

/// What the session did, refusals first.
async fn summary(store: &Arc<dyn Store>, session: &Session) -> Result<(), Failure> {
    let filter = CallFilter {
        session: Some(session.id.as_str().into()),
        limit: Some(10_000),
        ..CallFilter::default()
    };
    let calls = store.search(&filter).await.map_err(wiring::store_failed)?;
    let count = |of: fn(&StoredCall) -> bool| calls.iter().filter(|call| of(call)).count();
    let reads = count(|call| call.record.outcome.allowed() && !call.record.mutates);
    let changes = count(|call| call.record.outcome.allowed() && call.record.mutates);
    let refused = count(|call| !call.record.outcome.allowed());
    output::error_line(format_args!(
        "{STRONG}cordon{STRONG:#}  {reads} reads, {changes} changes, {refused} refused"
    ));
    for call in calls
        .iter()
        .rev()
        .filter(|call| !call.record.outcome.allowed())
        .take(20)
    {
        let (_, verdict) = super::calls::verdict(call.record.outcome);
        output::error_line(format_args!(
            "  {verdict:8} {} {}  cordon why {}",
            call.record.service, call.record.operation, call.record.reference,
        ));
    }
    Ok(())
}

/// The command's own code; 128 and the signal's number where a signal ended it, as shells do.
fn exit_code(status: ExitStatus) -> ExitCode {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal);
    #[cfg(not(unix))]
    let signal = None;
    let code = status
        .code()
        .or(signal)
        .and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}
