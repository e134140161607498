//! The tables: medians of all rounds, ratios to nginx, and how each goal stands.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use crate::contender::Row;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Figure {
    Latency,
    Rate,
    Processor,
    Changes,
    NewLatency,
    NewRate,
    NewProcessor,
    Up,
    UpUnsigned,
    Down,
    Idle,
    SmallPeak,
    LargeMore,
    StartUp,
}

/// Every figure of every round.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) versions: Vec<String>,
    all: HashMap<(Row, Figure), Vec<f64>>,
}

/// What was set out for.
struct Goal {
    what: &'static str,
    /// Nothing where it was not measured.
    reached: Option<f64>,
    bound: Bound,
    unit: &'static str,
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Figures {
    pub(crate) fn add(&mut self, row: Row, figure: Figure, value: f64) {
        self.all.entry((row, figure)).or_default().push(value);
    }

    pub(crate) fn maybe(&mut self, row: Row, figure: Figure, value: Option<f64>) {
        value
            .into_iter()
            .for_each(|value| self.add(row, figure, value));
    }

    /// What is printed: the most memory, and of everything else the median.
    fn value(&self, row: Row, figure: Figure) -> Option<f64> {
        let values = self.all.get(&(row, figure))?.clone();
        match figure {
            Figure::SmallPeak | Figure::LargeMore => values.into_iter().reduce(f64::max),
            _ => median(values),
        }
    }

    /// The median of the ratios to nginx within each round.
    fn ratio(&self, row: Row, figure: Figure) -> Option<f64> {
        let own = self.all.get(&(row, figure))?;
        let nginx = self.all.get(&(Row::Nginx, figure))?;
        median(
            own.iter()
                .zip(nginx)
                .map(|(own, nginx)| own / nginx)
                .collect(),
        )
    }
}

/// The middle of some figures.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Everything as Markdown.
pub(crate) fn tables(figures: &Figures) -> String {
    use Figure::*;
    let mut text = format!(
        "Measured on {}, which client, contender and upstream share: {}.\n\n",
        crate::machine(),
        figures.versions.join(", ")
    );
    text += "Small JSON call on kept connections:\n\n";
    text += &table(
        figures,
        &[
            (Latency, "p50 at 1, us"),
            (Rate, "calls/s at 32"),
            (Processor, "CPU us a call"),
            (Changes, "changes/s at 128"),
        ],
    );
    text += "\nThe same call on a new connection each:\n\n";
    text += &table(
        figures,
        &[
            (NewLatency, "p50 at 1, us"),
            (NewRate, "calls/s at 32"),
            (NewProcessor, "CPU us a call"),
        ],
    );
    text += "\nOne body of 64 MiB at a time:\n\n";
    text += &table(
        figures,
        &[
            (Up, "up, hashed, MB/s"),
            (UpUnsigned, "up, not hashed, MB/s"),
            (Down, "down, MB/s"),
            (LargeMore, "more memory, MiB"),
        ],
    );
    text += "\nStart-up, and memory (of all processes of a contender):\n\n";
    text += &table(
        figures,
        &[
            (StartUp, "ready, ms"),
            (Idle, "idle, MiB"),
            (SmallPeak, "at 32 connections, MiB"),
        ],
    );
    text += "\nA figure in brackets is the ratio to nginx.\n\n";
    text += &goals_table(figures);
    text
}

fn table(figures: &Figures, columns: &[(Figure, &str)]) -> String {
    let names: Vec<&str> = columns.iter().map(|(_, name)| *name).collect();
    let mut text = format!(
        "| | {} |\n|---{}|\n",
        names.join(" | "),
        "|---:".repeat(columns.len())
    );
    for row in Row::ALL {
        let cells: Vec<String> = columns
            .iter()
            .map(|(figure, _)| cell(figures, row, *figure))
            .collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            let _ = writeln!(text, "| {} | {} |", row.name(), cells.join(" | "));
        }
    }
    text
}

fn cell(figures: &Figures, row: Row, figure: Figure) -> String {
    let Some(value) = figures.value(row, figure) else {
        return String::new();
    };
    let value = match value {
        small if small < 100.0 => format!("{small:.1}"),
        large => format!("{large:.0}"),
    };
    // Next to nothing may be what nginx takes more, and a ratio to it says nothing.
    let compared = row != Row::Nginx && figure != Figure::LargeMore;
    match figures.ratio(row, figure).filter(|_| compared) {
        Some(ratio) => format!("{value} ({ratio:.2})"),
        None => value,
    }
}

fn goals(figures: &Figures) -> Vec<Goal> {
    use Bound::{AtLeast, AtMost};
    let row = Row::CordonConnect;
    let ratio = |figure| figures.ratio(row, figure);
    let value = |figure| figures.value(row, figure);
    let goal = |what, reached, bound, unit| Goal {
        what,
        reached,
        bound,
        unit,
    };
    vec![
        goal(
            "CPU of a small call, to nginx",
            ratio(Figure::Processor),
            AtMost(2.2),
            "",
        ),
        goal(
            "median latency on one connection, to nginx",
            ratio(Figure::Latency),
            AtMost(1.5),
            "",
        ),
        goal(
            "calls a second at 32, to nginx",
            ratio(Figure::Rate),
            AtLeast(0.5),
            "",
        ),
        goal(
            "durable changes a second",
            value(Figure::Changes),
            AtLeast(5_000.0),
            "",
        ),
        goal(
            "64 MiB up, hashed, to nginx",
            ratio(Figure::Up),
            AtLeast(0.8),
            "",
        ),
        goal(
            "64 MiB up, not hashed, to nginx",
            ratio(Figure::UpUnsigned),
            AtLeast(0.8),
            "",
        ),
        goal(
            "64 MiB down, to nginx",
            ratio(Figure::Down),
            AtLeast(0.8),
            "",
        ),
        goal(
            "more memory for 64 MiB",
            value(Figure::LargeMore),
            AtMost(32.0),
            " MiB",
        ),
        goal("idle memory", value(Figure::Idle), AtMost(64.0), " MiB"),
        goal("ready after", value(Figure::StartUp), AtMost(100.0), " ms"),
    ]
}

fn goals_table(figures: &Figures) -> String {
    let mut text = "| goal | bound | Cordon, CONNECT | |\n|---|---:|---:|---|\n".to_owned();
    for goal in goals(figures) {
        let (bound, met) = match goal.bound {
            Bound::AtMost(most) => (
                format!("at most {most}"),
                goal.reached.is_some_and(|it| it <= most),
            ),
            Bound::AtLeast(least) => (
                format!("at least {least}"),
                goal.reached.is_some_and(|it| it >= least),
            ),
        };
        let reached = goal
            .reached
            .map_or("not measured".to_owned(), |it| format!("{it:.2}"));
        let met = if met { "met" } else { "missed" };
        let Goal { what, unit, .. } = goal;
        let _ = writeln!(text, "| {what} | {bound}{unit} | {reached}{unit} | {met} |");
    }
    text
}

/// Puts `tables` between the markers of a file that bear this name.
pub(crate) fn write(file: &Path, mark: &str, tables: &str) -> Result<(), Box<dyn Error>> {
    let (begin, end) = (
        format!("<!-- {mark}: begin -->"),
        format!("<!-- {mark}: end -->"),
    );
    let text = std::fs::read_to_string(file)?;
    let marked = || format!("`{}` has no `{begin}` before a `{end}`", file.display());
    let (before, rest) = text.split_once(&begin).ok_or_else(marked)?;
    let (_, after) = rest.split_once(&end).ok_or_else(marked)?;
    std::fs::write(file, format!("{before}{begin}\n\n{tables}\n{end}{after}"))?;
    Ok(())
}
