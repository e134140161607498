//! What people and programs read: lines, tables and JSON on standard output, notes on standard
//! error. Colours go only to terminals and obey `NO_COLOR`; no meaning is carried by colour
//! alone.

pub(crate) use cordon_core::inert::inert;

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;
use std::fmt::Arguments;
use std::io::Write as _;

/// Errors.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Headings and names.
pub(crate) const STRONG: Style = Style::new().bold();
/// Allowed.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Held, previewed.
pub(crate) const WAIT: Style = AnsiColor::Yellow.on_default();
/// Beside the point.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// How a listing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs; stable.
    Json,
}

/// Prints one line to standard output. A reader that went away ends the program quietly, as
/// with any other tool in a pipe.
pub(crate) fn line(text: Arguments<'_>) {
    if try_line(text).is_err() {
        #[expect(
            clippy::disallowed_methods,
            reason = "nobody reads any more, and nothing is half done: lines are printed last"
        )]
        std::process::exit(0);
    }
}

/// Prints one line to standard output, for what has to end in order when nobody reads any more.
///
/// # Errors
/// When the reader went away.
pub(crate) fn try_line(text: Arguments<'_>) -> std::io::Result<()> {
    writeln!(anstream::stdout(), "{text}")
}

/// How many characters fit on a line of the terminal; nothing where standard output is none.
pub(crate) fn width() -> Option<usize> {
    let (terminal_size::Width(width), _) = terminal_size::terminal_size_of(std::io::stdout())?;
    Some(usize::from(width))
}

/// Prints one line to standard error.
pub(crate) fn error_line(text: Arguments<'_>) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Prints to standard error without ending the line.
pub(crate) fn error_part(text: Arguments<'_>) {
    let mut stream = anstream::stderr();
    let _ = write!(stream, "{text}").and_then(|()| stream.flush());
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// Prints a value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => line(format_args!("{text}")),
        Err(error) => error_line(format_args!("could not write JSON: {error}")),
    }
}

/// Prints rows under headings, fitted to the terminal.
pub(crate) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(width) = width().and_then(|width| u16::try_from(width).ok()) {
        table.set_width(width);
    }
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    for text in table.to_string().lines() {
        line(format_args!("{}", text.trim_end()));
    }
}
