//! `cordon task`: writing, checking and steering tasks.

use super::task_amend::{Amend, Amendments};
use super::task_draft::{Diff, FromPlan, Learn};
use crate::bundle::Bundle;
use crate::config::{Config, Flags};
use crate::control::{client, failed};
use crate::failure::{Failure, USAGE};
use crate::launch;
use crate::output::{self, Format};
use crate::wiring::{self, store_failed};
use clap::{Args, Subcommand};
use cordon_aws::arn::Arn;
use cordon_control::api::{StopBody, TasksStopped};
use cordon_core::decide::Outcome;
use cordon_core::names::{Environment, TaskId};
use cordon_core::record::RecordedOutcome;
use cordon_core::task::{Mode, Task as Compiled};
use cordon_store::{CallFilter, Store, StoredTask, TaskState};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// A commented start.
const START: &str = include_str!("../../../../examples/start.toml");

/// Previewed changes that are counted before a task goes live.
const MOST_PREVIEWED: u32 = 10_000;
/// The environment that all of production is in.
const PRODUCTION: &str = "prod";

/// Subcommands of `cordon task`.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Print a commented task file to start from
    Init,
    /// Find every fault of a task file, and whether it lies inside the team's ceiling
    Check(File),
    /// Read back what a task file means
    Explain(Explain),
    /// Write the task that allows exactly a plan of Terraform or OpenTofu
    FromPlan(FromPlan),
    /// Write the task that allows what a session or a recording called, and no more
    Learn(Learn),
    /// Show what two tasks differ in
    Diff(Diff),
    /// The tasks of this state folder
    List(List),
    /// One task: what it may do, and what it used up
    Show(Show),
    /// Let a previewed task make its changes
    ///
    /// At a terminal it reads the task back and asks for the number of changes in production first.
    Go(Named),
    /// Ask for something to be added to a task that is under way
    ///
    /// Nothing changes until its sponsor accepts it: `cordon task amendments`. As whoever signed in at this
    /// terminal.
    Amend(Amend),
    /// What was asked to be added to tasks: look at it, accept it, decline it
    #[command(subcommand)]
    Amendments(Amendments),
    /// Take only reads from a task's agents
    Pause(Named),
    /// Take a paused task's changes again
    Resume(Named),
    /// Give a task more time
    Extend(Extend),
    /// End a task: no call of it is taken any more
    ///
    /// With --all every task that is under way ends, in one step: whoever decides on holds may, an
    /// incident commander and an administrator. Tasks that are launched afterwards are not concerned:
    /// `cordon posture raise freeze` holds those.
    Stop(Stop),
}

/// A task file.
#[derive(Debug, Args)]
pub(crate) struct File {
    file: PathBuf,
}

/// Options of `cordon task explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    file: PathBuf,
    /// Print the Cedar permits that the task compiles to
    #[arg(long)]
    cedar: bool,
    /// Print the lock: every action and resource, expanded
    #[arg(long, conflicts_with = "cedar")]
    lock: bool,
}

/// Options of `cordon task list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Tasks that are over, too
    #[arg(long)]
    all: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Options of `cordon task show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    task: TaskId,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A task by its id.
#[derive(Debug, Args)]
pub(crate) struct Named {
    task: TaskId,
}

/// Options of `cordon task stop`.
#[derive(Debug, Args)]
pub(crate) struct Stop {
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    task: Option<TaskId>,
    /// Every task, as one who signed in (`cordon sign-in`)
    #[arg(long, requires = "reason")]
    all: bool,
    /// Why every task is stopped: it is written down
    #[arg(long, requires = "all")]
    reason: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t, requires = "all")]
    format: Format,
}

/// Options of `cordon task extend`.
#[derive(Debug, Args)]
pub(crate) struct Extend {
    task: TaskId,
    /// How much longer from now: 30m, 2h; the team's ceiling bounds it
    #[arg(long = "by", value_name = "TIME", value_parser = parse_span)]
    by: SignedDuration,
}

impl Task {
    pub(crate) fn run(self, flags: &Flags) -> Result<ExitCode, Failure> {
        if let Self::Init = self {
            output::line(format_args!("{}", START.trim_end()));
            return Ok(ExitCode::SUCCESS);
        }
        if let Self::Stop(Stop {
            reason: Some(reason),
            format,
            ..
        }) = self
        {
            return stop_everything(reason, format);
        }
        // As a person who signed in, not by the state folder.
        match self {
            Self::Amend(amend) => amend.run(),
            Self::Amendments(amendments) => amendments.run(),
            other => other.by_folder(flags),
        }
    }

    fn by_folder(self, flags: &Flags) -> Result<ExitCode, Failure> {
        let config = Config::load(flags)?;
        match self {
            Self::Init | Self::Amend(_) | Self::Amendments(_) => {}
            Self::Check(file) => {
                let task = compile_file(&config, &file.file)?;
                task.notes()
                    .iter()
                    .for_each(|note| output::error_line(format_args!("note: {note}")));
                let (file, team) = (file.file.display(), task.team());
                output::line(format_args!(
                    "{file} is in order, inside the ceiling of {team}, {}",
                    task.scope_digest()
                ));
            }
            Self::Explain(explain) => explain.run(&config)?,
            Self::FromPlan(from_plan) => return from_plan.run(&config),
            Self::Learn(learn) => return learn.run(&config),
            Self::Diff(diff) => return diff.run(&config),
            other => wiring::block_on(async {
                let store = wiring::visit(&config).await?;
                other.with_store(&config, &store).await?;
                store.shut_down().await.map_err(store_failed)
            })?,
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn with_store(self, config: &Config, store: &Arc<dyn Store>) -> Result<(), Failure> {
        match self {
            Self::Init
            | Self::Amend(_)
            | Self::Amendments(_)
            | Self::Check(_)
            | Self::Explain(_)
            | Self::FromPlan(_)
            | Self::Learn(_)
            | Self::Diff(_) => Ok(()),
            Self::List(list) => list.run(store).await,
            Self::Show(show) => show.run(config, store).await,
            Self::Go(named) => go(config, store, &named.task).await,
            Self::Pause(named) => set(store, &named.task, TaskState::Paused).await,
            Self::Resume(named) => set(store, &named.task, TaskState::Active).await,
            Self::Stop(stop) => match &stop.task {
                Some(task) => set(store, task, TaskState::Stopped).await,
                None => Ok(()),
            },
            Self::Extend(extend) => extend.run(config, store).await,
        }
    }
}

impl Explain {
    fn run(&self, config: &Config) -> Result<(), Failure> {
        let task = compile_file(config, &self.file)?;
        let text = match (self.cedar, self.lock) {
            (true, _) => task.cedar().to_owned(),
            (_, true) => task.lock(),
            _ => task.explain(),
        };
        output::line(format_args!("{}", text.trim_end()));
        Ok(())
    }
}

impl List {
    async fn run(&self, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let now = Timestamp::now();
        let mut tasks = store.tasks().await.map_err(store_failed)?;
        tasks.retain(|task| self.all || !task.is_over(now));
        match self.format {
            Format::Json => tasks
                .iter()
                .for_each(|task| output::json(&task_value(task))),
            Format::Human if tasks.is_empty() => {
                output::error_line(format_args!("no task is under way"))
            }
            Format::Human => output::table(
                &["task", "mode", "state", "sponsor", "until", "title"],
                tasks.iter().map(|task| {
                    vec![
                        task.id.to_string(),
                        task.mode.as_str().to_owned(),
                        state_word(task, now).to_owned(),
                        task.sponsor.to_string(),
                        format!("{:.0}", task.expires),
                        output::inert(title(task), 80),
                    ]
                }),
            ),
        }
        Ok(())
    }
}

impl Show {
    async fn run(&self, config: &Config, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let stored = find(store, &self.task).await?;
        let ledger = store.ledger(&stored.id).await.map_err(store_failed)?;
        let policies = Bundle::of(config)?.load()?;
        let task = launch::recompile(&stored, &policies)?;
        let (used, budget) = (ledger.used, task.budget());
        if self.format == Format::Json {
            let texts =
                |arns: &BTreeSet<Arn>| arns.iter().map(ToString::to_string).collect::<Vec<_>>();
            let value = ShownTask {
                task: task_value(&stored),
                used: json!({ "mutations": used.mutations, "creates": used.creates, "destroys": used.destroys }),
                budget: json!({ "mutations": budget.mutations, "creates": budget.creates, "destroys": budget.destroys, "per_minute": budget.per_minute }),
                created: texts(&ledger.created),
                destroyed: texts(&ledger.destroyed),
            };
            output::json(&value);
            return Ok(());
        }
        output::line(format_args!("{}", task.explain().trim_end()));
        output::line(format_args!(
            "used     {} of {} changes, {} of {} creations, {} of {} deletions",
            used.mutations,
            budget.mutations,
            used.creates,
            budget.creates,
            used.destroys,
            budget.destroys,
        ));
        for (what, list) in [("created", &ledger.created), ("deleted", &ledger.destroyed)] {
            list.iter()
                .for_each(|arn| output::line(format_args!("{what}  {arn}")));
        }
        Ok(())
    }
}

impl Extend {
    async fn run(&self, config: &Config, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let mut stored = find(store, &self.task).await?;
        let now = Timestamp::now();
        if stored.is_over(now) {
            return Err(over(&stored));
        }
        stored.expires = now
            .checked_add(self.by)
            .map_err(|error| Failure::because("the time cannot be used", &error).code(USAGE))?;
        // The ceiling bounds how long a task may live; compiling says so.
        launch::recompile(&stored, &Bundle::of(config)?.load()?)?;
        store
            .extend_task(&stored.id, stored.expires)
            .await
            .map_err(store_failed)?;
        output::line(format_args!("{} ends at {:.0}", stored.id, stored.expires));
        Ok(())
    }
}

/// One task for programs: as in the listing, and what it used up.
#[derive(Debug, Serialize)]
struct ShownTask {
    #[serde(flatten)]
    task: Value,
    used: Value,
    budget: Value,
    created: Vec<String>,
    destroyed: Vec<String>,
}

async fn find(store: &Arc<dyn Store>, id: &TaskId) -> Result<StoredTask, Failure> {
    let task = store.task(id).await.map_err(store_failed)?;
    task.ok_or_else(|| {
        Failure::new(format!("there is no task `{id}`"))
            .help("`cordon task list --all` shows the tasks of this state folder")
    })
}

/// Ends every task, by the control plane: who did it, and why, is written down there.
fn stop_everything(reason: String, format: Format) -> Result<ExitCode, Failure> {
    let client = client()?;
    let body = StopBody { reason };
    let stopped: TasksStopped = wiring::block_on(async {
        let answer = client.post("/tasks/stop", &body).await;
        answer.map_err(failed)
    })?;
    match format {
        Format::Json => output::json(&stopped),
        Format::Human => {
            for task in &stopped.tasks {
                output::line(format_args!("{} is stopped", output::inert(task, 100)));
            }
            output::line(format_args!("stopped: {}", stopped.count));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn set(store: &Arc<dyn Store>, id: &TaskId, state: TaskState) -> Result<(), Failure> {
    let stored = find(store, id).await?;
    if state != TaskState::Stopped && stored.is_over(Timestamp::now()) {
        return Err(over(&stored));
    }
    store
        .set_task_state(id, state)
        .await
        .map_err(store_failed)?;
    heeded(store, id, state).await?;
    output::line(format_args!("{id} is {}", state.as_str()));
    Ok(())
}

/// How long a Cordon that serves has to go by what was changed beside it. Under load it takes a tenth of this.
const HEED: Duration = Duration::from_secs(5);
/// How often it is asked.
const BEAT: Duration = Duration::from_millis(5);

/// Waits until the Cordon that serves from here goes by the change that was just made; not where none serves.
async fn heeded(store: &Arc<dyn Store>, id: &TaskId, state: TaskState) -> Result<(), Failure> {
    let change = *store.changes().borrow();
    let waiting = async {
        loop {
            match store.heeded().await.map_err(store_failed)? {
                Some(number) if number < change => tokio::time::sleep(BEAT).await,
                _ => return Ok(()),
            }
        }
    };
    match tokio::time::timeout(HEED, waiting).await {
        Ok(heeded) => heeded,
        Err(_) => Err(Failure::new(format!(
            "{id} is written down as {}, but the Cordon that serves did not go by it within {} s: calls of the \
             task may still leave",
            state.as_str(),
            HEED.as_secs(),
        ))
        .help("look at its log; to be sure that nothing leaves, end that process")),
    }
}

fn over(task: &StoredTask) -> Failure {
    Failure::new(format!("task {} is over", task.id)).help("launch its file again for a new task")
}

/// A task before it goes live: what its changes will be, as far as a preview tells.
pub(crate) struct BeforeLive {
    task: Compiled,
    /// Changes that were previewed, and how many of them in production.
    changes: usize,
    production: usize,
}

impl BeforeLive {
    /// # Errors
    /// When there is no such task, it is over, or it does not compile live.
    pub(crate) async fn of(
        config: &Config,
        store: &Arc<dyn Store>,
        id: &TaskId,
    ) -> Result<Self, Failure> {
        let mut stored = find(store, id).await?;
        if stored.is_over(Timestamp::now()) {
            return Err(Failure::new(format!("task {id} is over"))
                .help("launch its file again for a new task"));
        }
        stored.mode = Mode::Live;
        let policies = Bundle::of(config)?.load()?;
        let task = launch::recompile(&stored, &policies)?;
        let previewed = CallFilter {
            task: Some(id.clone()),
            verdict: Some(RecordedOutcome::Decided(Outcome::Preview)),
            limit: Some(MOST_PREVIEWED),
            ..CallFilter::default()
        };
        let previewed = store.search(&previewed).await.map_err(store_failed)?;
        let map = policies.environments();
        let produces = |name: &str| {
            let named = name.parse::<Environment>().ok();
            named.is_some_and(|named| {
                let mut within = map.parents_of(&named).chain([&named]);
                within.any(|environment| environment.as_str() == PRODUCTION)
            })
        };
        let in_production = previewed.iter().filter(|call| {
            let mut accesses = call.record.accesses.iter();
            accesses.any(|access| produces(&access.environment))
        });
        Ok(Self {
            changes: previewed.len(),
            production: in_production.count(),
            task,
        })
    }

    /// The read-back, line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = self.task.explain();
        text.lines().map(str::to_owned).collect()
    }

    /// What is asked, and the answer that shows that it was read.
    pub(crate) fn asked(&self) -> (String, String) {
        let (changes, production) = (self.changes, self.production);
        let ask = format!(
            "{changes} changes were previewed, some of them in production: type how many of them ({production}) to go live:"
        );
        match production {
            0 => (
                format!("{changes} changes were previewed, none in production: type 0 to go live:"),
                "0".to_owned(),
            ),
            _ => (ask, production.to_string()),
        }
    }

    /// Makes it live.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn go(&self, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let gone = store.set_task_mode(self.task.id(), Mode::Live).await;
        gone.map_err(store_failed)
    }
}

/// Asks at a terminal whether the read-back was read; nobody is asked elsewhere.
fn confirm(before: &BeforeLive) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(());
    }
    let lines = before.lines();
    lines
        .iter()
        .for_each(|line| output::error_line(format_args!("{line}")));
    let (ask, expected) = before.asked();
    output::error_part(format_args!("{ask} "));
    let mut typed = String::new();
    let read = std::io::stdin().lock().read_line(&mut typed);
    match read.is_ok() && typed.trim() == expected {
        true => Ok(()),
        false => Err(Failure::new("nothing was changed: that was something else")
            .help("`cordon preview` shows what was previewed")),
    }
}

async fn go(config: &Config, store: &Arc<dyn Store>, id: &TaskId) -> Result<(), Failure> {
    let before = BeforeLive::of(config, store, id).await?;
    confirm(&before)?;
    before.go(store).await?;
    output::line(format_args!(
        "{id} is live: its changes are made from now on"
    ));
    Ok(())
}

/// Compiles a task file against the configured bundle, without launching it.
fn compile_file(config: &Config, file: &Path) -> Result<Compiled, Failure> {
    launch::draft("T-draft", file, &Bundle::of(config)?.load()?, None)
}

fn state_word(task: &StoredTask, now: Timestamp) -> &'static str {
    match task.is_over(now) && task.state != TaskState::Stopped {
        true => "expired",
        false => task.state.as_str(),
    }
}

/// The title line of the file as written.
fn title(task: &StoredTask) -> &str {
    let line = task
        .text
        .lines()
        .find(|line| line.trim_start().starts_with("title"));
    line.and_then(|line| line.split('"').nth(1))
        .unwrap_or_default()
}

fn task_value(task: &StoredTask) -> Value {
    json!({
        "task": task.id.to_string(), "title": title(task), "mode": task.mode.as_str(),
        "state": state_word(task, Timestamp::now()), "sponsor": task.sponsor.to_string(),
        "created_at": task.created.to_string(), "expires_at": task.expires.to_string(),
    })
}

fn parse_span(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("`{text}` is not a time such as 30m or 2h");
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(wrong)?;
    let number: i64 = number.parse().map_err(|_| wrong())?;
    match unit {
        "m" if (1..=10_000).contains(&number) => Ok(SignedDuration::from_mins(number)),
        "h" if (1..=1_000).contains(&number) => Ok(SignedDuration::from_hours(number)),
        _ => Err(wrong()),
    }
}
