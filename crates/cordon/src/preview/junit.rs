//! The preview as a JUnit report, which CI systems show by themselves: what would be refused is a
//! failure, what waits for people is skipped.

use super::{Preview, decided_by, name, verdict};
use crate::output::inert;
use cordon_core::plan::Line;
use std::fmt::Write as _;

/// The report.
pub(super) fn text(preview: &Preview) -> String {
    let plan = &preview.plan;
    let count = |words: [&str; 2]| {
        let of = |line: &&Line| verdict(line).is_some_and(|word| words.contains(&word));
        plan.lines().iter().filter(of).count()
    };
    let failures = count(["deny", "reject"]) + plan.faults().len();
    let skipped = plan.lines().iter().filter(|line| waits(line)).count();
    let tests = plan.lines().len() + plan.faults().len();
    let source = attribute(&preview.source.name);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuite name=\"cordon preview\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\">"
    );
    for line in plan.lines() {
        let title = format!("{} {}", line.effect.as_str(), name(line));
        let _ = write!(
            text,
            "  <testcase classname=\"{source}\" name=\"{}\"",
            attribute(&title)
        );
        let why = attribute(&decided_by(line).join("; "));
        let _ = match verdict(line) {
            Some(word @ ("deny" | "reject")) => writeln!(
                text,
                "><failure type=\"{word}\" message=\"{why}\"></failure></testcase>"
            ),
            _ if waits(line) => writeln!(text, "><skipped message=\"{why}\"/></testcase>"),
            _ => writeln!(text, "/>"),
        };
    }
    for fault in plan.faults() {
        let (at, code) = (attribute(&fault.at), attribute(&fault.code));
        let message = attribute(&fault.message);
        let _ = writeln!(
            text,
            "  <testcase classname=\"{source}\" name=\"{at}\"><failure type=\"{code}\" message=\"{message}\"></failure></testcase>"
        );
    }
    text.push_str("</testsuite>\n");
    text
}

/// Whether people have to agree, as the report counts it.
fn waits(line: &Line) -> bool {
    !matches!(verdict(line), Some("deny" | "reject")) && !line.needs().is_empty()
}

/// Text inside of an attribute: without what XML cannot hold.
fn attribute(text: &str) -> String {
    inert(text, 400)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
