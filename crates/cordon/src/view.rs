//! The live view: calls as they happen on a whole terminal, with keys to look closer, to ask for what a
//! task lacks and to take it live.
//!
//! ```text
//! store ─► Board (what is known, what is chosen: no terminal, no clock)  ─► screen::draw
//! keys  ─►   └─► Wish (what only the store or the control plane can do) ─► Watch
//! ```
//! An agent at work in a terminal owns it, so the view is shown in another one (`cordon calls tail`), or
//! beside the output of a command that needs no terminal (`cordon run --view`). Text that agents and clouds
//! chose is inert before it comes near the screen.

mod board;
mod screen;
mod terminal;

use crate::cmd::{BeforeLive, call_value, explanation, file_amendment, meets, task_of};
use crate::config::Config;
use crate::control::client;
use crate::failure::Failure;
use crate::output::inert;
use crate::wiring::store_failed;
use board::{Board, Wish};
use cordon_core::names::{Reference, TaskId};
use cordon_store::{CallFilter, HoldFilter, Store, StoredCall};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;
use terminal::{Ended, Keys, Screen};
use tokio::sync::mpsc;

/// How often new calls are looked for.
const BEAT: Duration = Duration::from_millis(200);
/// Lines of a command that are kept for when the view is closed.
const KEPT: usize = 500;
/// Calls that are taken in at once.
const AT_ONCE: u32 = 500;
/// Calls whose outcome is looked at again: it comes after the call.
const RECENT: u32 = 200;

/// What is watched.
pub(crate) struct Watched<'a> {
    pub(crate) config: &'a Config,
    pub(crate) store: Arc<dyn Store>,
    /// Which calls.
    pub(crate) filter: CallFilter,
    /// What is said above them.
    pub(crate) title: String,
    /// How many of the past are shown first.
    pub(crate) past: u32,
    /// The command beside it.
    pub(crate) beside: Option<Beside>,
}

/// What a command says beside a view.
pub(crate) struct Beside {
    /// Line by line.
    pub(crate) lines: mpsc::Receiver<String>,
    /// The last of them that were shown.
    pub(crate) shown: VecDeque<String>,
}

impl Beside {
    pub(crate) fn of(lines: mpsc::Receiver<String>) -> Self {
        Self {
            lines,
            shown: VecDeque::new(),
        }
    }
}

/// How a view ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Somebody closed it.
    Closed,
    /// Somebody wants that it ends, with what is beside it.
    Interrupted,
}

/// Whether this terminal can show a view, and nobody asked for plain lines.
pub(crate) fn can_be_shown() -> bool {
    let plain = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|kind| kind.is_empty() || kind == "dumb");
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !plain("NO_COLOR") && !dumb
}

/// Shows a view until it is closed; gives how, and how many calls there were. The terminal is as it was afterwards, whatever happened.
///
/// # Errors
/// When the store fails, or the terminal cannot be used.
pub(crate) async fn watch(watched: &mut Watched<'_>) -> Result<(Left, String), Failure> {
    let failed = |error: std::io::Error| Failure::because("the terminal cannot be used", &error);
    let mut watch = Watch::begin(watched).await?;
    let mut ended = Ended::listen().map_err(failed)?;
    let mut screen = Screen::open().map_err(failed)?;
    let mut keys = Keys::listen();
    let mut beat = tokio::time::interval(BEAT);
    let left = loop {
        screen
            .draw(&mut watch.board, Timestamp::now())
            .map_err(failed)?;
        let wish = tokio::select! {
            _ = beat.tick() => {
                watch.look().await?;
                None
            }
            event = keys.next() => match event {
                Some(event) => watch.board.event(&event),
                None => break Left::Interrupted,
            },
            line = said(&mut watch.watched.beside) => {
                watch.board.says(&line);
                None
            }
            () = ended.wait() => break Left::Interrupted,
        };
        match wish {
            None => {}
            Some(Wish::Leave(left)) => break left,
            Some(wish) => watch.grant(wish).await,
        }
    };
    Ok((left, watch.board.counts.to_string()))
}

/// The next line of a command; never where there is none.
async fn said(beside: &mut Option<Beside>) -> String {
    let Some(beside) = beside else {
        return std::future::pending().await;
    };
    let Some(line) = beside.lines.recv().await else {
        return std::future::pending().await;
    };
    beside.shown.push_back(line.clone());
    if beside.shown.len() > KEPT {
        beside.shown.pop_front();
    }
    line
}

struct Watch<'w, 'a> {
    watched: &'w mut Watched<'a>,
    board: Board,
    /// The last call that was taken in, of any session.
    after: u64,
    beats: u32,
}

impl<'w, 'a> Watch<'w, 'a> {
    async fn begin(watched: &'w mut Watched<'a>) -> Result<Self, Failure> {
        let newest = CallFilter {
            limit: Some(1),
            ..CallFilter::default()
        };
        let newest = watched.store.search(&newest).await.map_err(store_failed)?;
        let after = newest.first().map_or(0, |call| call.sequence);
        let past = CallFilter {
            limit: Some(watched.past.max(1)),
            before: Some(after + 1),
            ..watched.filter.clone()
        };
        let past = watched.store.search(&past).await.map_err(store_failed)?;
        let mut board = Board::new(inert(&watched.title, 200), watched.beside.is_some());
        let shown = past.into_iter().take(watched.past as usize);
        let shown: Vec<StoredCall> = shown.collect();
        shown.into_iter().rev().for_each(|call| board.take(call));
        Ok(Self {
            watched,
            board,
            after,
            beats: 0,
        })
    }

    /// Takes in what happened since, and what became of what was under way.
    async fn look(&mut self) -> Result<(), Failure> {
        let store = &self.watched.store;
        loop {
            let calls = store.tail(self.after, AT_ONCE).await;
            let calls = calls.map_err(store_failed)?;
            let Some(last) = calls.last() else { break };
            self.after = last.sequence;
            for call in calls {
                if meets(&call, &self.watched.filter) {
                    self.board.take(call);
                }
            }
        }
        let holds = HoldFilter {
            task: self.watched.filter.task.clone(),
            under_way: true,
            limit: Some(RECENT),
            ..HoldFilter::default()
        };
        let holds = store.holds(&holds).await.map_err(store_failed)?;
        self.board.holds(&holds);
        self.beats = self.beats.wrapping_add(1);
        if self.board.has_open() && self.beats.is_multiple_of(2) {
            let recent = CallFilter {
                limit: Some(RECENT),
                ..self.watched.filter.clone()
            };
            let recent = store.search(&recent).await.map_err(store_failed)?;
            self.board.became(&recent);
        }
        Ok(())
    }

    /// Does what a key asked for. What goes wrong is said in the view, which goes on.
    async fn grant(&mut self, wish: Wish) {
        let done = match wish {
            Wish::Leave(_) => Ok(()),
            Wish::Detail(reference) => self.detail(&reference).await,
            Wish::Why(reference) => self.why(&reference).await,
            Wish::ReadBack(task) => self.read_back(&task).await,
            Wish::Go(task) => self.go(&task).await,
            Wish::Amend {
                task,
                reference,
                reason,
            } => self.amend(&task, &reference, reason).await,
        };
        if let Err(failure) = done {
            self.board.tell(&failure.to_string());
        }
    }

    async fn call(&self, reference: &str) -> Result<StoredCall, Failure> {
        let named: Reference = reference
            .parse()
            .map_err(|error| Failure::because("the reference cannot be used", &error))?;
        let call = self
            .watched
            .store
            .call(&named)
            .await
            .map_err(store_failed)?;
        call.ok_or_else(|| Failure::new("there is no such call any more"))
    }

    async fn detail(&mut self, reference: &str) -> Result<(), Failure> {
        let call = self.call(reference).await?;
        let text = serde_json::to_string_pretty(&call_value(&call))
            .map_err(|error| Failure::because("the call cannot be written", &error))?;
        self.board.sheet(reference, text.lines().map(str::to_owned));
        Ok(())
    }

    async fn why(&mut self, reference: &str) -> Result<(), Failure> {
        let call = self.call(reference).await?;
        let task = task_of(self.watched.config, &self.watched.store, &call).await;
        let lines = explanation(&call, task.as_ref());
        let plain = lines
            .iter()
            .map(|line| anstream::adapter::strip_str(line).to_string());
        self.board.sheet(&format!("why {reference}"), plain);
        Ok(())
    }

    async fn read_back(&mut self, task: &TaskId) -> Result<(), Failure> {
        let before = BeforeLive::of(self.watched.config, &self.watched.store, task).await?;
        let lines = before.lines();
        self.board
            .sheet(&format!("{task} live?"), lines.into_iter());
        self.board.ask_to_go(task.clone(), before.asked());
        Ok(())
    }

    async fn go(&mut self, task: &TaskId) -> Result<(), Failure> {
        let before = BeforeLive::of(self.watched.config, &self.watched.store, task).await?;
        before.go(&self.watched.store).await?;
        self.board.close();
        self.board
            .tell(&format!("{task} is live: its changes are made from now on"));
        Ok(())
    }

    async fn amend(
        &mut self,
        task: &TaskId,
        reference: &str,
        reason: String,
    ) -> Result<(), Failure> {
        let reference: Reference = reference
            .parse()
            .map_err(|error| Failure::because("the reference cannot be used", &error))?;
        let client = client()?;
        let shown = file_amendment(&client, task, Some(&reference), None, reason).await?;
        self.board.tell(&format!(
            "{} is asked for: cordon task amendments show {}",
            shown.summary.id, shown.summary.id
        ));
        Ok(())
    }
}
