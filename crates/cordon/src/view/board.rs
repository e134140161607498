//! What a view knows and what is chosen in it: takes calls and keys, gives what is to be drawn and what
//! only others can do. No terminal, no clock and no store.

use super::Left;
use crate::output::inert;
use cordon_core::decide::Outcome;
use cordon_core::hold::Hold;
use cordon_core::names::TaskId;
use cordon_core::record::RecordedOutcome;
use cordon_store::StoredCall;
use jiff::Timestamp;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;

/// Rows that are kept; the oldest go.
const ROWS: usize = 2_000;
/// Lines of a command that are kept.
const LINES: usize = 500;
/// The longest line that is shown of anything.
const WIDEST: usize = 1_000;
/// The longest reason, as the control plane takes it.
const REASON: usize = 500;

/// One row of the list.
#[derive(Debug)]
pub(super) enum Row {
    /// Reads in a row, folded.
    Reads(u64),
    /// A change, or what did not go.
    Call(Box<StoredCall>),
}

/// How many calls there were, of each kind.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) reads: u64,
    pub(super) changes: u64,
    pub(super) held: u64,
    pub(super) previewed: u64,
    pub(super) refused: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            reads,
            changes,
            held,
            previewed,
            refused,
        } = self;
        write!(
            f,
            "{reads} reads, {changes} changes, {previewed} previewed, {held} held, {refused} refused"
        )
    }
}

/// Text over the list.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
    pub(super) scroll: usize,
}

/// What is being typed.
#[derive(Debug)]
pub(super) struct Prompt {
    pub(super) ask: String,
    pub(super) typed: String,
    aim: Aim,
}

#[derive(Debug)]
enum Aim {
    Amend { task: TaskId, reference: String },
    Go { task: TaskId, expected: String },
}

/// What a key asked for that the board cannot do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Close the view.
    Leave(Left),
    /// All that is recorded of a call.
    Detail(String),
    /// What decided a call.
    Why(String),
    /// What a task may do, before it goes live.
    ReadBack(TaskId),
    /// Take a task live; its read-back was confirmed.
    Go(TaskId),
    /// Ask for what a denied call lacks.
    Amend {
        task: TaskId,
        reference: String,
        reason: String,
    },
}

/// Everything that is drawn.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) title: String,
    pub(super) rows: VecDeque<Row>,
    pub(super) counts: Counts,
    /// The row that is chosen; nothing while the newest is followed.
    pub(super) chosen: Option<usize>,
    pub(super) sheet: Option<Sheet>,
    pub(super) prompt: Option<Prompt>,
    pub(super) message: String,
    /// Of a command beside the view.
    pub(super) output: Option<VecDeque<String>>,
    /// Until when people may decide, by the reference of the held call.
    deadlines: HashMap<String, Timestamp>,
    /// How many rows the list shows; the screen says so.
    pub(super) height: usize,
    /// Whether the next interrupt ends the command.
    warned: bool,
}

impl Board {
    pub(super) fn new(title: String, beside_command: bool) -> Self {
        Self {
            title,
            rows: VecDeque::new(),
            counts: Counts::default(),
            chosen: None,
            sheet: None,
            prompt: None,
            message: String::new(),
            output: beside_command.then(VecDeque::new),
            deadlines: HashMap::new(),
            height: 10,
            warned: false,
        }
    }

    /// Takes in a call that is new.
    pub(super) fn take(&mut self, call: StoredCall) {
        let record = &call.record;
        let count = match record.outcome {
            RecordedOutcome::Decided(Outcome::Allow) if record.mutates => &mut self.counts.changes,
            RecordedOutcome::Decided(Outcome::Allow) => &mut self.counts.reads,
            RecordedOutcome::Decided(Outcome::Hold) => &mut self.counts.held,
            RecordedOutcome::Decided(Outcome::Preview) => &mut self.counts.previewed,
            _ => &mut self.counts.refused,
        };
        *count += 1;
        let folds = record.outcome.allowed() && !record.mutates;
        match (self.rows.back_mut(), folds) {
            (Some(Row::Reads(reads)), true) => return *reads += 1,
            (_, true) => self.rows.push_back(Row::Reads(1)),
            (_, false) => self.rows.push_back(Row::Call(Box::new(call))),
        }
        if self.rows.len() > ROWS {
            self.rows.pop_front();
            self.chosen = self.chosen.map(|row| row.saturating_sub(1));
        }
    }

    /// Whether the end of some call is not known.
    pub(super) fn has_open(&self) -> bool {
        self.rows.iter().any(|row| match row {
            Row::Call(call) => call.record.outcome.allowed() && call.closed.is_none(),
            Row::Reads(_) => false,
        })
    }

    /// Takes in what became of calls.
    pub(super) fn became(&mut self, recent: &[StoredCall]) {
        let closed: BTreeMap<u64, &StoredCall> =
            recent.iter().map(|call| (call.sequence, call)).collect();
        for row in &mut self.rows {
            if let Row::Call(call) = row
                && let Some(known) = closed.get(&call.sequence)
            {
                call.closed.clone_from(&known.closed);
            }
        }
    }

    /// Takes in which calls wait for people.
    pub(super) fn holds(&mut self, holds: &[Hold]) {
        let deadlines = holds.iter();
        self.deadlines = deadlines
            .map(|hold| (hold.reference.to_string(), hold.decide_by))
            .collect();
    }

    /// How long people may still decide on a held call.
    pub(super) fn left(&self, reference: &str, now: Timestamp) -> Option<i64> {
        let until = self.deadlines.get(reference)?;
        Some(until.duration_since(now).as_secs().max(0))
    }

    /// Takes in a line of the command.
    pub(super) fn says(&mut self, line: &str) {
        let Some(output) = &mut self.output else {
            return;
        };
        output.push_back(inert(line, WIDEST));
        if output.len() > LINES {
            output.pop_front();
        }
    }

    /// Says something below the list.
    pub(super) fn tell(&mut self, message: &str) {
        self.message = inert(&message.replace('\n', "  "), WIDEST);
    }

    /// Lays text over the list.
    pub(super) fn sheet(&mut self, title: &str, lines: impl Iterator<Item = String>) {
        self.sheet = Some(Sheet {
            title: inert(title, 80),
            lines: lines.map(|line| inert(&line, WIDEST)).collect(),
            scroll: 0,
        });
    }

    /// Takes text and question away.
    pub(super) fn close(&mut self) {
        self.sheet = None;
        self.prompt = None;
    }

    /// Asks for what shows that the read-back was read.
    pub(super) fn ask_to_go(&mut self, task: TaskId, (ask, expected): (String, String)) {
        self.prompt = Some(Prompt {
            ask,
            typed: String::new(),
            aim: Aim::Go { task, expected },
        });
    }

    /// Takes in a key; gives what it asks for.
    pub(super) fn event(&mut self, event: &Event) -> Option<Wish> {
        let Event::Key(key) = event else { return None };
        if key.kind == KeyEventKind::Release {
            return None;
        }
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return self.interrupt();
        }
        self.warned = false;
        self.message.clear();
        match (&self.prompt, &self.sheet) {
            (Some(_), _) => self.type_key(*key),
            (None, Some(_)) => {
                self.turn(key.code);
                None
            }
            (None, None) => self.choose(key.code),
        }
    }

    /// Ends the view; a command beside it at the second time only.
    fn interrupt(&mut self) -> Option<Wish> {
        if self.output.is_none() || self.warned {
            return Some(Wish::Leave(Left::Interrupted));
        }
        self.warned = true;
        self.tell("once more ends the command; q leaves the view and lets it run");
        None
    }

    fn choose(&mut self, code: KeyCode) -> Option<Wish> {
        match code {
            KeyCode::Char('q') | KeyCode::Esc => return Some(Wish::Leave(Left::Closed)),
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::PageUp => self.step(-page(self.height)),
            KeyCode::PageDown => self.step(page(self.height)),
            KeyCode::Home => self.chosen = (!self.rows.is_empty()).then_some(0),
            KeyCode::End => self.chosen = None,
            KeyCode::Enter => return self.chosen_call().map(Wish::Detail),
            KeyCode::Char('w') => return self.chosen_call().map(Wish::Why),
            KeyCode::Char('a') => self.ask_for_reason(),
            KeyCode::Char('g') => return self.task().map(Wish::ReadBack),
            _ => {}
        }
        None
    }

    fn step(&mut self, by: isize) {
        let last = self.rows.len().saturating_sub(1);
        let from = self.chosen.unwrap_or(last);
        let to = from.saturating_add_signed(by).min(last);
        // At the newest one the view follows again.
        self.chosen = (to < last).then_some(to);
    }

    /// The row that keys are about.
    pub(super) fn current(&self) -> Option<usize> {
        self.chosen.or(self.rows.len().checked_sub(1))
    }

    fn current_call(&self) -> Option<&StoredCall> {
        match self.rows.get(self.current()?)? {
            Row::Call(call) => Some(call),
            Row::Reads(_) => None,
        }
    }

    fn chosen_call(&mut self) -> Option<String> {
        let reference = self
            .current_call()
            .map(|call| call.record.reference.to_string());
        if reference.is_none() {
            self.tell("choose a call first: reads are folded; cordon calls search lists them");
        }
        reference
    }

    fn ask_for_reason(&mut self) {
        let call = self
            .current_call()
            .filter(|call| call.record.outcome.denied());
        let aim = call.and_then(|call| {
            Some((
                call.record.task.parse::<TaskId>().ok()?,
                call.record.reference.to_string(),
            ))
        });
        let Some((task, reference)) = aim else {
            return self.tell("choose a call that was denied: what it lacks is asked for");
        };
        self.prompt = Some(Prompt {
            ask: format!("why does {task} need what {reference} lacks?"),
            typed: String::new(),
            aim: Aim::Amend { task, reference },
        });
    }

    /// The task of the chosen call, else of the newest one.
    fn task(&mut self) -> Option<TaskId> {
        let newest = self.rows.iter().rev().find_map(|row| match row {
            Row::Call(call) => Some(&**call),
            Row::Reads(_) => None,
        });
        let call = self.current_call().or(newest);
        let task = call.and_then(|call| call.record.task.parse().ok());
        if task.is_none() {
            self.tell("there is no call yet whose task could go live");
        }
        task
    }

    fn turn(&mut self, code: KeyCode) {
        let page = page(self.height);
        let Some(sheet) = &mut self.sheet else { return };
        let last = sheet.lines.len().saturating_sub(1);
        let by = match code {
            KeyCode::Up | KeyCode::Char('k') => -1,
            KeyCode::Down | KeyCode::Char('j') => 1,
            KeyCode::PageUp => -page,
            KeyCode::PageDown | KeyCode::Char(' ') => page,
            KeyCode::Home => return sheet.scroll = 0,
            KeyCode::End => return sheet.scroll = last,
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q') => return self.close(),
            _ => return,
        };
        sheet.scroll = sheet.scroll.saturating_add_signed(by).min(last);
    }

    fn type_key(&mut self, key: KeyEvent) -> Option<Wish> {
        let prompt = self.prompt.as_mut()?;
        match key.code {
            KeyCode::Esc => {
                self.close();
                self.tell("nothing was done");
            }
            KeyCode::Backspace => drop(prompt.typed.pop()),
            KeyCode::Char(c) if !c.is_control() && prompt.typed.chars().count() < REASON => {
                prompt.typed.push(c);
            }
            KeyCode::Enter => return self.typed(),
            _ => {}
        }
        None
    }

    fn typed(&mut self) -> Option<Wish> {
        let prompt = self.prompt.take()?;
        self.sheet = None;
        let typed = prompt.typed.trim();
        match prompt.aim {
            Aim::Amend { task, reference } if !typed.is_empty() => Some(Wish::Amend {
                task,
                reference,
                reason: typed.to_owned(),
            }),
            Aim::Go { task, expected } if typed == expected => Some(Wish::Go(task)),
            _ => {
                self.tell("nothing was done: that was something else");
                None
            }
        }
    }
}

fn page(height: usize) -> isize {
    isize::try_from(height.saturating_sub(1).max(1)).unwrap_or(10)
}
