//! `cordon preview`: what would happen, before anything does.

use super::{Reading, WayName};
use crate::attend::{Attended, attend};
use crate::bundle::Bundle;
use crate::config::{Config, Flags};
use crate::failure::{Failure, USAGE};
use crate::launch::LaunchOptions;
use crate::machine::{LineError, Reader, Refused, RequestLine};
use crate::offline::{self, judge_line};
use crate::preview::{Preview as Shown, PreviewFormat, Source, recording};
use crate::progress::Progress;
use crate::reads::Reads;
use crate::telemetry::{self, Usual};
use crate::{launch, wiring};
use clap::Args;
use cordon_aws::arn::Region;
use cordon_aws::call::Call;
use cordon_aws::catalog::Catalog;
use cordon_core::authenticate::Ingress;
use cordon_core::judge::{Judge, Pace, Signatures};
use cordon_core::names::{Reference, SessionId, TaskId};
use cordon_core::plan::change_set::{Document, Kind};
use cordon_core::plan::terraform::{Place, TerraformPlan};
use cordon_core::plan::{Plan, PlanFault, PlannedCall};
use cordon_core::policy::Policies;
use cordon_core::record::CallRecord;
use cordon_core::task::{Mode, Task};
use cordon_store::Store;
use jiff::Timestamp;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Show what would happen, before anything does.
///
/// With --plan or --recording, each call is decided against TASK as if it were live, and nothing is
/// sent; without a task the calls are only shown. With neither, TASK is a launched task, and what its
/// agents were answered `CordonPreview` for is shown as one plan. With a command, TASK is launched in
/// preview mode, the command is run on it, and its plan is shown in the end.
///
/// Exits with 0 when nothing would change, 2 for changes, 3 when people have to agree first, 4 when
/// something would be refused or could not be read, and 1 when there is nothing to show.
#[derive(Debug, Args)]
pub(crate) struct Preview {
    /// The task: a file, or the id of one that was launched
    #[arg(value_name = "TASK", required_unless_present_any = ["plan", "recording", "session"])]
    task: Option<PathBuf>,
    /// A plan of Terraform or OpenTofu, as `terraform show -json` writes it; a change set of
    /// CloudFormation or CDK, as `describe-change-set` answers; or a template, in
    /// JSON or YAML
    #[arg(long, value_name = "FILE", group = "source")]
    plan: Option<PathBuf>,
    /// Recorded requests: JSON Lines as `cordon decide` reads them, `-` for standard input, or a HAR
    #[arg(long, value_name = "FILE", group = "source")]
    recording: Option<PathBuf>,
    /// Only what this session did
    #[arg(long, value_name = "ID", group = "source")]
    session: Option<SessionId>,
    /// Read how the targets of recorded calls stand now, as the task allows it, and show what of them
    /// would change: at most three reads a call, and nothing else. EC2 is asked by a dry run only about calls
    /// that an agent makes
    #[arg(long, requires = "recording", requires = "task")]
    reads: bool,
    /// How many seconds the reads of one call may take
    #[arg(long, value_name = "SECONDS", default_value_t = 2, requires = "reads",
        value_parser = clap::value_parser!(u64).range(1..=600))]
    reads_within: u64,
    /// The region of calls whose plan does not tell it
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: PreviewFormat,
    /// What marks the comment of --format markdown, so that it can be edited in place [default: the
    /// source's name]
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// Rehearse: the command's calls go to this emulator instead, changes too, so that it can go on.
    /// The task is launched live there, in a state of its own, and nothing reaches the account
    #[arg(long, value_name = "URL", requires = "command")]
    sandbox_upstream: Option<String>,
    /// How the tools of the command reach Cordon
    #[arg(long, value_enum, default_value_t, requires = "command")]
    way: WayName,
    #[command(flatten)]
    reading: Reading,
    /// A command (an agent) to run on the task, and its arguments
    #[arg(
        last = true,
        value_name = "CMD",
        requires = "task",
        conflicts_with = "source"
    )]
    command: Vec<OsString>,
}

/// Calls of a recording whose targets are read at most: who reads a preview reads no more.
const MOST_READ: usize = 200;

/// The largest plan that is read, in bytes.
const LARGEST_PLAN: u64 = 256 << 20;

/// The id of a task that was not launched.
const DRAFT: &str = "T-preview";

impl Preview {
    pub(crate) fn run(self, flags: &Flags) -> Result<ExitCode, Failure> {
        let config = Config::load(flags)?;
        let policies = Bundle::of(&config)?.load()?;
        let shown = match (&self.plan, &self.recording) {
            _ if !self.command.is_empty() => self.of_command(&config, &policies)?,
            (Some(file), _) => self.of_plan(&config, &policies, file)?,
            (_, Some(file)) => self.of_recording(&config, &policies, file)?,
            (None, None) => wiring::block_on(async {
                let store = wiring::visit(&config).await?;
                self.of_session(&store, &policies).await
            })?,
        };
        shown.print(self.format, self.key.as_deref());
        Ok(ExitCode::from(shown.plan.conclusion().exit_code()))
    }

    /// The task that calls are decided against, as if it were live: that everything is only
    /// previewed would say nothing.
    fn task(&self, config: &Config, policies: &Policies) -> Result<Option<Task>, Failure> {
        let Some(named) = &self.task else {
            return Ok(None);
        };
        task_named(config, policies, named, DRAFT, Some(Mode::Live)).map(Some)
    }

    fn of_plan(&self, config: &Config, policies: &Policies, file: &Path) -> Result<Shown, Failure> {
        let named = file.display().to_string();
        let bytes = read_plan(file)?;
        let document = Document::read(&bytes).map_err(|error| {
            Failure::because(format!("`{named}` could not be read as a template"), &error)
                .help("correct that line; `aws cloudformation validate-template` says more")
        })?;
        if let Some(document) = document {
            return self.of_document(config, policies, named, &document);
        }
        let terraform = parse_terraform(file, &bytes)?;
        let task = self.task(config, policies)?;
        let place = terraform.place(Place {
            account: self.account(task.as_ref()),
            region: self.region(task.as_ref()),
        });
        if place.region.is_none() && !terraform.is_empty() {
            return Err(Failure::new("the plan does not tell its region")
                .help("name it: --region eu-central-1")
                .code(USAGE));
        }
        let mut progress = Progress::of(terraform.len() as u64);
        let named_task = task.as_ref().map(named_task);
        let mut judging = self.judging(task, policies)?;
        let plan = terraform.preview(&place, judging.by(), |done| progress.show(done as u64));
        drop(progress);
        Ok(Shown {
            plan,
            source: Source {
                kind: "terraform",
                name: named,
                tool: format!("terraform {}", terraform.version())
                    .trim()
                    .to_owned(),
                digest: terraform.digest().whole,
            },
            task: named_task,
        })
    }

    /// What a change set or a template of CloudFormation would do.
    fn of_document(
        &self,
        config: &Config,
        policies: &Policies,
        name: String,
        document: &Document,
    ) -> Result<Shown, Failure> {
        let task = self.task(config, policies)?;
        let named_task = task.as_ref().map(named_task);
        let mut judging = self.judging(task, policies)?;
        Ok(Shown {
            plan: document.preview(judging.by()),
            source: Source {
                kind: match document.kind() {
                    Kind::ChangeSet => "change-set",
                    Kind::Template => "template",
                },
                name,
                tool: "cloudformation".to_owned(),
                digest: String::new(),
            },
            task: named_task,
        })
    }

    fn of_recording(
        &self,
        config: &Config,
        policies: &Policies,
        file: &Path,
    ) -> Result<Shown, Failure> {
        let task = self.task(config, policies)?;
        let named_task = task.as_ref().map(named_task);
        let mut judge = task.map(|task| self.judge(task, policies)).transpose()?;
        let mut plan = Plan::default();
        let mut elsewhere = 0_u64;
        let mut to_read = Vec::new();
        let har = recording::is_har(file);
        each_record(&self.reading, file, |reader, number, line| {
            let call = line
                .map_err(|refused| refused.error)
                .and_then(|line| called(judge.as_mut(), reader, &line));
            match call {
                Ok((planned, call)) if self.reads && call.mutates() => {
                    to_read.push((planned, call));
                }
                Ok((planned, _)) => plan.push_call(planned),
                // A HAR holds whatever a browser asked for.
                Err(error) if har && error.code == "unknown-endpoint" => elsewhere += 1,
                Err(error) => plan.push_fault(PlanFault {
                    at: format!("record {number}"),
                    code: error.code,
                    message: error.message,
                }),
            }
        })?;
        if !to_read.is_empty() {
            self.read_into(&mut plan, config, to_read)?;
        }
        if elsewhere > 0 {
            plan.note(format!(
                "{elsewhere} requests to other hosts than AWS's are left out"
            ));
        }
        plan.sort();
        Ok(Shown {
            plan,
            source: Source {
                kind: "recording",
                name: file.display().to_string(),
                tool: String::new(),
                digest: String::new(),
            },
            task: named_task,
        })
    }

    /// Reads how the targets of calls stand, and adds the calls to the plan.
    fn read_into(
        &self,
        plan: &mut Plan,
        config: &Config,
        calls: Vec<(PlannedCall, Call)>,
    ) -> Result<(), Failure> {
        telemetry::start(config, Usual::Warnings)?;
        let left = calls.len().saturating_sub(MOST_READ);
        if left > 0 {
            plan.note(format!("the targets of {left} more calls are not read"));
        }
        let work = async |attended: &Attended| {
            let mut reads = Reads::of(attended, Duration::from_secs(self.reads_within));
            let mut read = Vec::with_capacity(calls.len());
            for (number, (planned, call)) in calls.into_iter().enumerate() {
                let prediction = match number < MOST_READ {
                    true => reads.predict(&call).await,
                    false => None,
                };
                read.push(PlannedCall {
                    prediction: prediction.map(Box::new),
                    ..planned
                });
            }
            Ok(read)
        };
        let read = wiring::block_on(attend(config, &self.launching(), work))?;
        read.into_iter().for_each(|call| plan.push_call(call));
        Ok(())
    }

    /// How the task is launched for a preview: never live.
    fn launching(&self) -> LaunchOptions {
        LaunchOptions {
            task: self.task.clone().unwrap_or_default(),
            sponsor: None,
            agent: None,
            account: self.reading.account.clone(),
            mode: Some(Mode::Preview),
        }
    }

    /// Runs a command on the task in preview mode.
    fn of_command(&self, config: &Config, policies: &Policies) -> Result<Shown, Failure> {
        telemetry::start(config, Usual::Warnings)?;
        let work = async |attended: &Attended| {
            let session = &attended.session;
            let is_rehearsed = self.sandbox_upstream.is_some();
            if session.task.mode() == Mode::Live && !is_rehearsed {
                let id = session.task.id();
                return Err(
                    Failure::new(format!("task {id} is live: its changes would be made"))
                        .help("name a file, which is launched in preview mode for this")
                        .code(USAGE),
                );
            }
            let status = attended.run(&self.command, self.way).await?;
            let store = &attended.store;
            let id = session.task.id();
            let mut shown = session_plan(store, policies, id, Some(&session.id)).await?;
            if !status.success() {
                let note = match is_rehearsed {
                    true => format!("the command ended by {status}"),
                    false => format!(
                        "the command ended by {status}, as tools do at a change that is not made"
                    ),
                };
                shown.plan.note(note);
            }
            if let Some(url) = &self.sandbox_upstream {
                shown.source.tool = format!("rehearsed at {url}");
                shown.plan.note(format!(
                    "rehearsed at {url}: what is shown was made there, and nowhere else"
                ));
            }
            Ok(shown)
        };
        let launching = self.launching();
        let Some(url) = &self.sandbox_upstream else {
            return wiring::block_on(attend(config, &launching, work));
        };
        let folder = tempfile::tempdir().map_err(|error| {
            Failure::because("a folder for the rehearsal could not be made", &error)
        })?;
        let config = config.rehearsing(url, folder.path())?;
        let launching = LaunchOptions {
            mode: Some(Mode::Live),
            ..launching
        };
        wiring::block_on(attend(&config, &launching, work))
    }

    /// What was recorded of a task or of one of its sessions.
    async fn of_session(
        &self,
        store: &Arc<dyn Store>,
        policies: &Policies,
    ) -> Result<Shown, Failure> {
        let (task, session) = match (&self.session, &self.task) {
            (Some(id), _) => {
                let session = store.session(id).await.map_err(wiring::store_failed)?;
                let session = session.ok_or_else(|| {
                    Failure::new(format!("there is no session `{id}`"))
                        .help("`cordon calls tail` shows which session made a call")
                })?;
                (session.task.clone(), Some(session.id))
            }
            (None, Some(named)) => {
                let id = named.to_str().and_then(|text| text.parse::<TaskId>().ok());
                let id = id.filter(|_| !named.exists()).ok_or_else(|| {
                    Failure::new(format!("`{}` is not a launched task", named.display()))
                        .help(
                            "to weigh a file, name what it would decide: --plan FILE or \
                             --recording FILE; `cordon task list` shows the tasks",
                        )
                        .code(USAGE)
                })?;
                (id, None)
            }
            (None, None) => return Err(Failure::new("no task is named").code(USAGE)),
        };
        session_plan(store, policies, &task, session.as_ref()).await
    }

    fn judging<'p>(
        &self,
        task: Option<Task>,
        policies: &'p Policies,
    ) -> Result<Judging<'p>, Failure> {
        Ok(Judging {
            judge: task.map(|task| self.judge(task, policies)).transpose()?,
            reference: "PLAN"
                .parse()
                .map_err(|error| Failure::because("the reference cannot be used", &error))?,
        })
    }

    fn judge<'p>(&self, task: Task, policies: &'p Policies) -> Result<Judge<'p>, Failure> {
        let (key_id, secret) = offline::keys()?;
        let session = offline::session(task, self.reading.account.as_ref(), key_id, secret)?;
        let catalog = Catalog::embedded();
        let mut judge = Judge::new(catalog, policies, Arc::new(session), Signatures::Assumed);
        judge.set_pace(Pace::Unknown);
        Ok(judge)
    }

    fn account(&self, task: Option<&Task>) -> Option<cordon_aws::arn::AccountId> {
        let own = || match task?.accounts() {
            [only] => Some(only.clone()),
            _ => None,
        };
        self.reading.account.clone().or_else(own)
    }

    fn region(&self, task: Option<&Task>) -> Option<Region> {
        let own = || match task?.regions() {
            [only] => Some(only.clone()),
            _ => None,
        };
        self.region.clone().or_else(own)
    }
}

/// The plan of what a task, or one of its sessions, was recorded to do.
async fn session_plan(
    store: &Arc<dyn Store>,
    policies: &Policies,
    task: &TaskId,
    session: Option<&SessionId>,
) -> Result<Shown, Failure> {
    let stored = find(store, task).await?;
    let mut plan = Plan::default();
    for record in recorded(store, Some(task), session).await? {
        plan.push_call(PlannedCall::of_record(record, Some(policies)));
    }
    plan.sort();
    let name = session.map_or_else(|| task.to_string(), ToString::to_string);
    let title = launch::recompile(&stored, policies).map(|task| task.title().to_owned());
    Ok(Shown {
        plan,
        source: Source {
            kind: "session",
            name,
            tool: String::new(),
            digest: String::new(),
        },
        task: Some((task.to_string(), title.unwrap_or_default())),
    })
}

/// What planned calls are decided by, where there is a task.
struct Judging<'p> {
    judge: Option<Judge<'p>>,
    /// What stands for the reference of a call that nobody made.
    reference: Reference,
}

impl<'p> Judging<'p> {
    fn by(&mut self) -> Option<(&mut Judge<'p>, &Reference, Timestamp)> {
        let judge = self.judge.as_mut()?;
        Some((judge, &self.reference, Timestamp::now()))
    }
}

/// Hands over each record of a recording with its number.
///
/// # Errors
/// When the recording cannot be read.
pub(super) fn each_record(
    reading: &Reading,
    file: &Path,
    mut take: impl FnMut(&Reader, u64, Result<RequestLine, Refused>),
) -> Result<(), Failure> {
    if recording::is_har(file) {
        let reader = Reader::new(reading)?;
        let entries = recording::har(file)?;
        let mut progress = Progress::of(entries.len() as u64);
        for (number, line) in (1..).zip(entries) {
            take(&reader, number, line);
            progress.show(number);
        }
        return Ok(());
    }
    let (mut reader, size) = match file.as_os_str() == "-" {
        true => (Reader::new(reading)?, None),
        false => {
            let unread = |error| {
                Failure::because(format!("`{}` could not be read", file.display()), &error)
                    .help("name a file with one request a line, or `-` for standard input")
            };
            let opened = File::open(file).map_err(unread)?;
            let size = opened.metadata().map_err(unread)?.len();
            let input = Box::new(BufReader::new(opened));
            (Reader::of(reading, input)?, Some(size))
        }
    };
    // How much comes by standard input, nobody knows.
    let mut progress = size.map(Progress::of);
    let mut number = 0;
    while let Some(line) = reader.next_line()? {
        number += 1;
        take(&reader, number, line);
        if let Some(progress) = &mut progress {
            progress.show(reader.taken());
        }
    }
    Ok(())
}

/// The recorded calls of a task, or of one session; without what EC2 was only asked about.
///
/// # Errors
/// When the store fails.
pub(super) async fn recorded(
    store: &Arc<dyn Store>,
    task: Option<&TaskId>,
    session: Option<&SessionId>,
) -> Result<Vec<CallRecord>, Failure> {
    let mut records = Vec::new();
    let mut after = 0;
    loop {
        let calls = store
            .tail(after, 5_000)
            .await
            .map_err(wiring::store_failed)?;
        let Some(last) = calls.last() else {
            return Ok(records);
        };
        after = last.sequence;
        let own = calls.into_iter().filter(|call| {
            call.record.ingress != Ingress::DryRun.as_str()
                && task.is_none_or(|task| *call.record.task == *task.as_str())
                && session.is_none_or(|session| call.is_of(session.as_str()))
        });
        records.extend(own.map(|call| call.record));
    }
}

/// What a line calls, decided where there is something to decide it against.
///
/// # Errors
/// When it has no single meaning.
pub(super) fn called(
    judge: Option<&mut Judge<'_>>,
    reader: &Reader,
    line: &RequestLine,
) -> Result<(PlannedCall, Call), LineError> {
    match judge {
        Some(judge) => {
            let judgement = judge_line(judge, reader, line, Timestamp::now())?;
            let planned = PlannedCall::of_judged(judgement.record, &judgement.verdict);
            Ok((planned, judgement.call))
        }
        None => {
            let call = reader.identify(line)?;
            Ok((PlannedCall::of_call(&call), call))
        }
    }
}

fn named_task(task: &Task) -> (String, String) {
    // The id of a draft names nothing.
    let id = task.id().as_str();
    let id = if id == DRAFT { "" } else { id };
    (id.to_owned(), task.title().to_owned())
}

/// The task of a file, or the launched one of an id, in `mode` where one is given; `draft` is the id
/// that a file's task gets.
///
/// # Errors
/// Every fault of the file; an id that no task has.
pub(super) fn task_named(
    config: &Config,
    policies: &Policies,
    named: &Path,
    draft: &str,
    mode: Option<Mode>,
) -> Result<Task, Failure> {
    match named.to_str().and_then(|text| text.parse::<TaskId>().ok()) {
        Some(id) if !named.exists() => wiring::block_on(async {
            let store = wiring::visit(config).await?;
            let mut stored = find(&store, &id).await?;
            stored.mode = mode.unwrap_or(stored.mode);
            launch::recompile(&stored, policies)
        }),
        _ => launch::draft(draft, named, policies, mode),
    }
}

/// The launched task of an id.
///
/// # Errors
/// When there is none.
async fn find(store: &Arc<dyn Store>, id: &TaskId) -> Result<cordon_store::StoredTask, Failure> {
    let task = store.task(id).await.map_err(wiring::store_failed)?;
    task.ok_or_else(|| {
        Failure::new(format!("there is no file and no task `{id}`"))
            .help("`cordon task list --all` shows the tasks of this state folder")
    })
}

/// Reads a plan of Terraform.
///
/// # Errors
/// What is wrong with the file, and what to do.
pub(super) fn read_terraform(file: &Path) -> Result<TerraformPlan, Failure> {
    parse_terraform(file, &read_plan(file)?)
}

fn parse_terraform(file: &Path, bytes: &[u8]) -> Result<TerraformPlan, Failure> {
    TerraformPlan::read(bytes).map_err(|error| {
        let named = file.display();
        Failure::because(format!("`{named}` could not be read as a plan"), &error)
            .help(error.help())
    })
}

/// The bytes of a plan, bounded.
fn read_plan(file: &Path) -> Result<Vec<u8>, Failure> {
    let shown = file.display();
    let unread = |error: &std::io::Error| {
        Failure::because(format!("`{shown}` could not be read"), error)
            .help("write it by `terraform show -json tfplan > plan.json`")
    };
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(|error| unread(&error))?;
    opened
        .take(LARGEST_PLAN + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unread(&error))?;
    match bytes.len() as u64 > LARGEST_PLAN {
        true => Err(Failure::new(format!("`{shown}` is larger than 256 MiB"))
            .help("plan its modules one by one: `terraform plan -target=module.NAME`")),
        false => Ok(bytes),
    }
}
