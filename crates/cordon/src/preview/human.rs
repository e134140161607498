//! The preview for a terminal: counts, then one block a line, most harm first. Every symbol and word
//! reads without colour; replacement has the colour of destruction.

use super::{Preview, counts, decided_by, name, refused, verdict, waits_for};
use crate::output::{self, ERROR, FAINT, GOOD, STRONG, WAIT, inert};
use anstream::adapter::strip_str;
use anstyle::Style;
use cordon_core::plan::{Conclusion, Effect, Evidence, Line, PlannedCall, Property, Reversible};
use cordon_core::predict::{Prediction, Undo};
use cordon_core::witness::{Says, Witness};
use jiff::Timestamp;
use std::fmt::Write as _;

/// How many targets and properties of a line are listed before the rest is counted.
const LISTED: usize = 12;

/// Prints it, fitted to the terminal.
pub(crate) fn print(preview: &Preview) {
    fitted(&text(preview), output::width())
        .lines()
        .for_each(|line| output::line(format_args!("{line}")));
}

/// A text whose lines are no wider than `width`: broken between words, below the words of their row.
/// What is there to be copied stays whole.
pub(super) fn fitted(text: &str, width: Option<usize>) -> String {
    let mut fitted = String::with_capacity(text.len());
    for line in text.lines() {
        let plain = strip_str(line).to_string();
        let is_copied = COPIED
            .iter()
            .any(|word| plain.trim_start().starts_with(word));
        match width.filter(|width| !is_copied && shown_width(line) > *width) {
            Some(width) => folded(&mut fitted, line, &plain, width),
            None => fitted.push_str(line),
        }
        fitted.push('\n');
    }
    fitted
}

/// How rows begin that people copy.
const COPIED: [&str; 3] = ["$ ", "undo $ ", "credentials for "];

fn folded(fitted: &mut String, line: &str, plain: &str, width: usize) {
    let words = line.trim_start();
    let indent = plain.len() - plain.trim_start().len();
    // A terminal that is too narrow even for that gets no indent.
    let below = if indent + 24 <= width {
        indent.max(11)
    } else {
        0
    };
    fitted.push_str(&" ".repeat(indent));
    let mut at = indent;
    for (number, word) in words.split_inclusive(' ').enumerate() {
        let wide = shown_width(word.trim_end());
        if number > 0 && at + wide > width && wide > 0 {
            let kept = fitted.trim_end_matches(' ').len();
            fitted.truncate(kept);
            fitted.push('\n');
            fitted.push_str(&" ".repeat(below));
            at = below;
        }
        fitted.push_str(word);
        at += shown_width(word);
    }
}

/// How wide a text is on a terminal, as far as a count of its characters tells.
fn shown_width(text: &str) -> usize {
    strip_str(text).to_string().chars().count()
}

/// The whole text, with colours: who prints takes them out where there is no terminal.
pub(super) fn text(preview: &Preview) -> String {
    let mut text = String::new();
    let (plan, source) = (&preview.plan, &preview.source);
    let tool = match source.tool.is_empty() {
        true => String::new(),
        false => format!(" ({})", inert(&source.tool, 40)),
    };
    let _ = write!(
        text,
        "{STRONG}preview{STRONG:#}  {}{tool}",
        inert(&source.name, 80)
    );
    let _ = match &preview.task {
        Some((id, title)) => {
            let id = match id.is_empty() {
                true => String::new(),
                false => format!("{id} "),
            };
            writeln!(text, "  task {id}{}", inert(title, 80))
        }
        None => writeln!(text, "  {FAINT}no task: nothing is decided{FAINT:#}"),
    };
    let counted: Vec<String> = counts(plan)
        .into_iter()
        .map(|(word, count)| match (word, count) {
            ("replace" | "destroy", 1..) => format!("{ERROR}{count} to {word}{ERROR:#}"),
            _ => format!("{count} to {word}"),
        })
        .collect();
    let _ = writeln!(
        text,
        "{}   {FAINT}{} reads{FAINT:#}",
        counted.join("   "),
        plan.reads()
    );
    for line in plan.lines() {
        text.push('\n');
        block(&mut text, line);
    }
    for fault in plan.faults() {
        let (at, message) = (inert(&fault.at, 80), inert(&fault.message, 400));
        let _ = writeln!(
            text,
            "\n{ERROR}?{ERROR:#} {at}  {ERROR}not read{ERROR:#}  {message}"
        );
    }
    for note in plan.notes() {
        let _ = writeln!(text, "\n{WAIT}note{WAIT:#} {}", inert(note, 400));
    }
    let _ = writeln!(text, "\n{}", conclusion(preview));
    if !source.digest.is_empty() {
        let _ = writeln!(text, "{FAINT}plan {}{FAINT:#}", source.digest);
    }
    text
}

fn conclusion(preview: &Preview) -> String {
    let plan = &preview.plan;
    let mut words = Vec::new();
    let refused = refused(plan);
    if refused > 0 {
        words.push(format!("{ERROR}{refused} refused{ERROR:#}"));
    }
    let needs = waits_for(plan.needs(), plan.checks());
    if !needs.is_empty() {
        words.push(format!("{WAIT}needs {}{WAIT:#}", needs.join(", ")));
    }
    if !plan.faults().is_empty() {
        words.push(format!("{ERROR}{} not read{ERROR:#}", plan.faults().len()));
    }
    let open = plan.not_covered();
    if open > 0 {
        words.push(format!(
            "{WAIT}{open} not covered: decided only when the calls are made{WAIT:#}"
        ));
    }
    let plain = match plan.conclusion() {
        Conclusion::Nothing => "Nothing would change.",
        Conclusion::Changes if preview.task.is_some() => "Nothing in the way.",
        Conclusion::Changes => "Name a task to see what it would let go.",
        Conclusion::Approval | Conclusion::Refused => "",
    };
    match words.is_empty() {
        true => plain.to_owned(),
        false => words.join("   "),
    }
}

fn style(effect: Effect) -> Style {
    match effect {
        Effect::Destroy | Effect::Replace => ERROR,
        Effect::Disrupt | Effect::Change => WAIT,
        Effect::Create => GOOD,
        Effect::Read => FAINT,
    }
}

fn block(text: &mut String, line: &Line) {
    let style = style(line.effect);
    let times = match line.times {
        1 => String::new(),
        times => format!("  x{times}"),
    };
    let (symbol, word) = (line.effect.symbol(), line.effect.as_str());
    let shown = inert(&format!("{}{times}", name(line)), 100);
    let _ = write!(text, "{style}{symbol:1} {word:8}{style:#} {shown:44} ");
    let _ = match verdict(line) {
        Some("allow") => writeln!(text, "{GOOD}allow{GOOD:#}"),
        Some(word @ ("hold" | "preview")) => {
            writeln!(text, "{WAIT}{}{WAIT:#}", word.to_ascii_uppercase())
        }
        Some(word) => writeln!(text, "{ERROR}{}{ERROR:#}", word.to_ascii_uppercase()),
        None => writeln!(text, "{FAINT}not decided{FAINT:#}"),
    };
    let mut put = |words: String| {
        let _ = writeln!(text, "           {words}");
    };
    decided_by(line)
        .iter()
        .for_each(|words| put(inert(words, 200)));
    line.because
        .iter()
        .for_each(|why| put(format!("because {}", inert(why, 200))));
    let targets = line.targets();
    for (arn, _, environment) in targets.iter().take(LISTED) {
        put(match environment.is_empty() {
            true => inert(arn, 200),
            false => format!("{}  {FAINT}in {environment}{FAINT:#}", inert(arn, 200)),
        });
    }
    if targets.len() > LISTED {
        put(format!("and {} more", targets.len() - LISTED));
    }
    if !line.name.is_empty() && !line.calls.is_empty() {
        let calls: Vec<String> = line
            .calls
            .iter()
            .map(|call| format!("{} {}", call.service, call.operation))
            .collect();
        put(format!("{FAINT}by {}{FAINT:#}", calls.join(", ")));
    }
    changes(line).into_iter().for_each(&mut put);
    let mut last = vec![line.evidence.as_str().to_owned()];
    last.insert(
        0,
        match line.reversible {
            Reversible::Yes => "reversible".to_owned(),
            Reversible::No => format!("{ERROR}not reversible{ERROR:#}"),
            Reversible::Unknown => "reversible? not known: what was before was not read".to_owned(),
        },
    );
    let quoted = line.calls.iter().find(|call| !call.reference.is_empty());
    last.extend(quoted.map(|call| format!("ref {}", call.reference)));
    put(format!("{FAINT}{}{FAINT:#}", last.join(" · ")));
    if !line.note.is_empty() {
        put(inert(&line.note, 200));
    }
}

/// What changes of the target, and how to make the change and undo it.
pub(crate) fn changes(line: &Line) -> Vec<String> {
    let properties = line.properties.iter().take(LISTED);
    let mut lines: Vec<String> = properties.map(property).collect();
    let more = line.properties.len().saturating_sub(LISTED);
    lines.extend((more > 0).then(|| format!("and {more} more")));
    lines.extend(line.prediction().into_iter().flat_map(predicted));
    if let [call] = line.calls.as_slice() {
        lines.extend(commands(call));
    }
    lines
}

/// What was read of the target beside what changes of it.
fn predicted(prediction: &Prediction) -> Vec<String> {
    let mut lines = Vec::new();
    if prediction.unchanged > 0 {
        lines.push(format!("= {} stay as they are", prediction.unchanged));
    }
    if !prediction.dependents.is_empty() {
        let names = prediction.dependents.iter().take(LISTED);
        let names: Vec<String> = names.map(|name| inert(name, 80)).collect();
        let more = prediction.dependents.len().saturating_sub(LISTED);
        let more = if more > 0 {
            format!(", and {more} more")
        } else {
            String::new()
        };
        lines.push(format!("depends on it: {}{more}", names.join(", ")));
    }
    if let Some(owner) = prediction.owner() {
        lines.push(format!("owner {}", inert(owner, 80)));
    }
    if !prediction.tags.is_empty() {
        let tags = prediction.tags.iter().take(LISTED);
        let tags: Vec<String> = tags
            .map(|(key, value)| format!("{}={}", inert(key, 40), inert(value, 40)))
            .collect();
        lines.push(format!("{FAINT}tags {}{FAINT:#}", tags.join(" ")));
    }
    lines.extend(prediction.witness.as_ref().map(heard));
    if let Undo::Never(why) = &prediction.undo {
        lines.push(format!(
            "{ERROR}cannot be undone{ERROR:#}: {}",
            inert(why, 200)
        ));
    }
    lines
}

/// What EC2 said to a dry run.
fn heard(witness: &Witness) -> String {
    let evidence = Evidence::NativeDryRun.as_str();
    let style = match witness.says {
        Says::WouldSucceed => GOOD,
        Says::WouldBeRefused => ERROR,
        Says::Unknown => WAIT,
    };
    let why = match witness.why.is_empty() {
        true => String::new(),
        false => format!(": {}", inert(&witness.why, 300)),
    };
    let says = witness.says.as_str();
    format!(
        "{evidence}  {style}{says}{style:#}{why}{}",
        age(Some(witness.at))
    )
}

/// The same call and its undo as commands, and what its credentials could do.
fn commands(call: &PlannedCall) -> Vec<String> {
    let mut lines = Vec::new();
    let command = call
        .command()
        .map(|text| format!("$ {}", inert(&text, 1000)));
    let undo = call
        .undo()
        .map(|text| format!("undo $ {}", inert(&text, 1000)));
    let policy = call.session_policy();
    let policy = policy.map(|text| format!("credentials for {}", inert(&text, 600)));
    for line in [command, undo, policy].into_iter().flatten() {
        lines.push(format!("{FAINT}{line}{FAINT:#}"));
    }
    lines
}

fn property(property: &Property) -> String {
    let shown = |text: &str| inert(text, 80);
    let before = match &property.before {
        Some(text) => shown(text),
        None if property.before_unknown() => "(not known)".to_owned(),
        None => "(none)".to_owned(),
    };
    let name = inert(&property.name, 60);
    if property.evidence == Evidence::Observed {
        return format!("{name}  {before}{}", age(property.observed));
    }
    let after = match (&property.after, property.evidence) {
        (Some(text), _) => shown(text),
        (None, Evidence::Unknown) => "(nobody can say)".to_owned(),
        (None, _) => "(none)".to_owned(),
    };
    let forces = match property.forces_replacement {
        true => format!("  {ERROR}forces replacement{ERROR:#}"),
        false => String::new(),
    };
    format!(
        "{name}  {before} → {after}{forces}{}",
        age(property.observed)
    )
}

/// How long ago something was read.
fn age(observed: Option<Timestamp>) -> String {
    let Some(observed) = observed else {
        return String::new();
    };
    let seconds = Timestamp::now().duration_since(observed).as_secs().max(0);
    format!("  {FAINT}observed {seconds} s ago{FAINT:#}")
}
