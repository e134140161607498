//! Drawing a board. Everything that it shows is inert already, or made inert here; no meaning is carried by
//! colour alone.

use super::board::{Board, Row};
use crate::cmd::{became, short, symbol, verdict};
use crate::output::inert;
use cordon_core::decide::Outcome;
use cordon_core::record::RecordedOutcome;
use cordon_store::StoredCall;
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Paragraph, Wrap};

const KEYS: &str = "↑↓ choose  Enter detail  w why  a amend  g go live  q quit";
const SHEET_KEYS: &str = "↑↓ scroll  Esc back";
const PROMPT_KEYS: &str = "Enter says it  Esc takes it back";

/// How many lines a command has at the bottom.
const COMMAND: u16 = 8;

pub(super) fn draw(frame: &mut Frame<'_>, board: &mut Board, now: Timestamp) {
    let command = match &board.output {
        Some(_) => COMMAND.min(frame.area().height / 3),
        None => 0,
    };
    let areas = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(command),
        Constraint::Length(1),
        Constraint::Length(1),
    ]);
    let [top, counts, list, below, says, keys] = areas.areas(frame.area());
    let strong = Style::new().add_modifier(Modifier::BOLD);
    let title = Line::from(vec![
        Span::styled("cordon  ", strong),
        Span::raw(board.title.clone()),
    ]);
    frame.render_widget(title, top);
    frame.render_widget(Line::raw(board.counts.to_string()), counts);
    board.height = usize::from(list.height);
    draw_list(frame, board, list, now);
    draw_command(frame, board, below);
    if board.sheet.is_some() {
        draw_sheet(frame, board, list);
    }
    let (said, known) = match (&board.prompt, &board.sheet) {
        (Some(prompt), _) => (
            format!("{} {}_", prompt.ask, inert(&prompt.typed, 500)),
            PROMPT_KEYS,
        ),
        (None, Some(_)) => (board.message.clone(), SHEET_KEYS),
        (None, None) => (board.message.clone(), KEYS),
    };
    frame.render_widget(Line::styled(said, strong), says);
    frame.render_widget(
        Line::styled(known, Style::new().add_modifier(Modifier::DIM)),
        keys,
    );
}

fn draw_list(frame: &mut Frame<'_>, board: &Board, area: Rect, now: Timestamp) {
    let height = usize::from(area.height);
    let Some(current) = board.current() else {
        let text = "nothing was called yet";
        return frame.render_widget(
            Line::styled(text, Style::new().add_modifier(Modifier::DIM)),
            area,
        );
    };
    let first = match board.chosen {
        None => board.rows.len().saturating_sub(height),
        Some(chosen) => chosen
            .saturating_sub(height / 2)
            .min(board.rows.len().saturating_sub(height)),
    };
    let rows = board.rows.iter().enumerate().skip(first).take(height);
    let lines: Vec<Line<'_>> = rows
        .map(|(index, row)| {
            let mark = if index == current { "> " } else { "  " };
            let mut line = match row {
                Row::Reads(1) => Line::raw(format!("{mark}          1 read")),
                Row::Reads(reads) => Line::raw(format!("{mark}          {reads} reads")),
                Row::Call(call) => call_line(mark, call, board, now),
            };
            if index == current {
                line = line.style(Style::new().add_modifier(Modifier::REVERSED));
            }
            line
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}

fn call_line(mark: &str, call: &StoredCall, board: &Board, now: Timestamp) -> Line<'static> {
    let record = &call.record;
    let operation = match record.operation.is_empty() {
        true => "(not identified)".to_owned(),
        false => format!("{} {}", record.service, record.operation),
    };
    let target = record.accesses.first();
    let target = target.map(|access| short(&access.resource));
    let more = match record.accesses.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(" +{more}"),
    };
    let target = format!("{}{more}", target.unwrap_or_default());
    let time = record.at.to_string();
    let time = time.get(11..19).unwrap_or_default();
    let (_, word) = verdict(record.outcome);
    let word = match (record.outcome, board.left(&record.reference, now)) {
        (RecordedOutcome::Decided(Outcome::Hold), Some(left)) => {
            format!("{word} {}:{:02} left", left / 60, left % 60)
        }
        (RecordedOutcome::Decided(Outcome::Hold), None) => format!("{word} over"),
        _ => word.to_owned(),
    };
    let plain = format!(
        "{mark}{time}  {:10} {:1} {:34} {:30} ",
        inert(&record.task, 20),
        symbol(record.class),
        inert(&operation, 34),
        inert(&target, 30),
    );
    Line::from(vec![
        Span::raw(plain),
        Span::styled(
            format!("{word:16}"),
            Style::new().fg(colour(record.outcome)),
        ),
        Span::raw(format!(
            " {:9} {}",
            became(call),
            inert(&record.reference, 30)
        )),
    ])
}

fn colour(outcome: RecordedOutcome) -> Color {
    match outcome {
        RecordedOutcome::Decided(Outcome::Allow) => Color::Green,
        RecordedOutcome::Decided(Outcome::Hold | Outcome::Preview) => Color::Yellow,
        _ => Color::Red,
    }
}

fn draw_command(frame: &mut Frame<'_>, board: &Board, area: Rect) {
    let Some(output) = &board.output else { return };
    let height = usize::from(area.height.saturating_sub(1));
    let rest = output.len().saturating_sub(height);
    let lines: Vec<Line<'_>> = output
        .iter()
        .skip(rest)
        .map(|line| Line::raw(line.clone()))
        .collect();
    let block = Block::new().borders(Borders::TOP).title("the command says");
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_sheet(frame: &mut Frame<'_>, board: &Board, area: Rect) {
    let Some(sheet) = &board.sheet else { return };
    let lines: Vec<Line<'_>> = sheet
        .lines
        .iter()
        .map(|line| Line::raw(line.clone()))
        .collect();
    let scroll = u16::try_from(sheet.scroll).unwrap_or(u16::MAX);
    let block = Block::bordered().title(sheet.title.clone());
    let text = Paragraph::new(lines)
        .block(block)
        .wrap(Wrap { trim: false })
        .scroll((scroll, 0));
    frame.render_widget(Clear, area);
    frame.render_widget(text, area);
}
