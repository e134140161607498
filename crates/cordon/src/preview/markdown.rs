//! The preview as one comment of a pull request. Its first line is a hidden mark, the same for every
//! preview of the same key, by which a bot finds the comment to edit it in place.
//!
//! What the plan says stands in code spans, so that it can neither mention people nor be markup.

use super::{Preview, counts, decided_by, name, refused, verdict, waits_for};
use crate::output::inert;
use cordon_core::plan::{Conclusion, Effect, Evidence, Line, PlannedCall, Reversible};
use std::fmt::Write as _;

/// GitHub takes 65,536 characters; what is over this is counted and not shown.
const LONGEST: usize = 60_000;

/// The comment.
pub(super) fn text(preview: &Preview, key: &str) -> String {
    let plan = &preview.plan;
    let mut text = format!("<!-- cordon:preview {} -->\n", mark(key));
    let counted: Vec<String> = counts(plan)
        .into_iter()
        .filter(|(word, count)| *count > 0 || matches!(*word, "replace" | "destroy"))
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let _ = writeln!(
        text,
        "### Cordon preview: {}{}\n",
        counted.join(", "),
        heading(preview)
    );
    if !plan.lines().is_empty() {
        text.push_str("|   | what | where | verdict |\n|---|---|---|---|\n");
    }
    let mut left = 0;
    for line in plan.lines() {
        let row = row(line);
        match text.len() + row.len() > LONGEST {
            true => left += 1,
            false => text.push_str(&row),
        }
    }
    if left > 0 {
        let _ = writeln!(text, "\n{left} more lines do not fit here.");
    }
    for fault in plan.faults().iter().take(20) {
        let (at, message) = (code(&fault.at, 80), code(&fault.message, 200));
        let _ = writeln!(text, "\n**Not read**: {at}: {message}");
    }
    for note in plan.notes().iter().take(20) {
        let _ = writeln!(text, "\nNote: {}", code(note, 200));
    }
    details(&mut text, preview);
    let mut last = vec![format!("read from {}", code(&preview.source.name, 80))];
    if !preview.source.digest.is_empty() {
        last.insert(0, format!("plan `{}`", preview.source.digest));
    }
    let _ = writeln!(text, "\n{}", last.join(" · "));
    text
}

fn heading(preview: &Preview) -> String {
    let plan = &preview.plan;
    let needs: Vec<String> = waits_for(plan.needs(), plan.checks())
        .into_iter()
        .map(|need| format!("**{need}**"))
        .collect();
    let refused = refused(plan);
    let mut words = String::new();
    if refused > 0 {
        let _ = write!(words, " · **{refused} refused**");
    }
    if !plan.faults().is_empty() {
        let _ = write!(words, " · **{} not read**", plan.faults().len());
    }
    if !needs.is_empty() {
        let _ = write!(words, " · needs {}", needs.join(", "));
    }
    if plan.conclusion() == Conclusion::Nothing {
        words.push_str(" · nothing changes");
    }
    words
}

fn row(line: &Line) -> String {
    let word = match line.effect {
        Effect::Destroy | Effect::Replace => format!("**{}**", line.effect.as_str()),
        other => other.as_str().to_owned(),
    };
    let times = match line.times {
        1 => String::new(),
        times => format!(" x{times}"),
    };
    let because = match line.because.as_slice() {
        [] => String::new(),
        why => format!(" because {}", code(&why.join(", "), 200)),
    };
    let environments: std::collections::BTreeSet<&str> = line
        .targets()
        .into_iter()
        .map(|(_, _, environment)| environment)
        .collect();
    let place: Vec<&str> = environments
        .into_iter()
        .filter(|name| !name.is_empty())
        .collect();
    let verdict = match verdict(line) {
        None if line.calls.is_empty() => "not covered".to_owned(),
        None => "not decided".to_owned(),
        Some("allow") => "allow".to_owned(),
        Some(word) => {
            let why: Vec<String> = decided_by(line).iter().map(|why| code(why, 120)).collect();
            format!("**{word}** {}", why.join("; "))
        }
    };
    format!(
        "| {} {word}{times} | {}{because} | {} | {verdict} |\n",
        line.effect.symbol(),
        code(&name(line), 100),
        place.join(", "),
    )
}

/// Targets and what changes of them, folded.
fn details(text: &mut String, preview: &Preview) {
    let mut inside = String::new();
    for line in preview.plan.lines() {
        let mut part = format!("\n`{}` {}", line.effect.symbol(), code(&name(line), 100));
        let back = match line.reversible {
            Reversible::Yes => "reversible",
            Reversible::No => "**not reversible**",
            Reversible::Unknown => "reversible? not known",
        };
        let _ = writeln!(part, " · {back} · {}\n", line.evidence.as_str());
        for (arn, _, _) in line.targets().into_iter().take(10) {
            let _ = writeln!(part, "- {}", code(arn, 200));
        }
        for property in line.properties.iter().take(20) {
            let side = |side: &Option<String>, is_known: bool| match (side, is_known) {
                (Some(text), _) => code(text, 80),
                (None, true) => code("(none)", 80),
                (None, false) => "not known".to_owned(),
            };
            let forces = if property.forces_replacement {
                " **forces replacement**"
            } else {
                ""
            };
            let before = side(&property.before, !property.before_unknown());
            let after = side(&property.after, property.evidence != Evidence::Unknown);
            let change = match property.evidence == Evidence::Observed {
                true => before,
                false => format!("{before} → {after}"),
            };
            let _ = writeln!(part, "- {}: {change}{forces}", code(&property.name, 60));
        }
        let undo = line.calls.iter().filter_map(PlannedCall::undo).next();
        if let Some(undo) = undo {
            let _ = writeln!(part, "- undo: {}", code(&undo, 400));
        }
        if text.len() + inside.len() + part.len() > LONGEST {
            inside.push_str("\nThe rest does not fit here.\n");
            break;
        }
        inside.push_str(&part);
    }
    if !inside.is_empty() {
        let summary = "<details><summary>Targets, before and after</summary>";
        let _ = writeln!(text, "\n{summary}\n{inside}\n</details>");
    }
}

/// Somebody else's text in a code span, fit for a cell of a table.
fn code(text: &str, limit: usize) -> String {
    let text = inert(text, limit).replace('`', "'").replace('|', "\\|");
    match text.trim().is_empty() {
        true => "` `".to_owned(),
        false => format!("`{}`", text.trim()),
    }
}

/// A key inside of the hidden mark, which ends at `-->`.
fn mark(key: &str) -> String {
    let plain = key
        .chars()
        .map(|c| match c.is_ascii_alphanumeric() || "._/:".contains(c) {
            true => c,
            false => '_',
        });
    plain.take(120).collect()
}
