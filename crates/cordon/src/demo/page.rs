//! How the demo looks: lines, the policy of what was minted, the record.
//!
//! Whoever reads may go away (`cordon demo | head`). That ends the demo in order, with nothing
//! left running, so every line here can fail.

use super::stage::Ended;
use crate::cmd::{symbol, verdict};
use crate::output::{self, FAINT, STRONG};
use cordon_store::StoredCall;
use serde_json::Value;
use std::fmt::Arguments;

/// Prints one line.
pub(super) fn line(text: Arguments<'_>) -> Result<(), Ended> {
    output::try_line(text).map_err(|_| Ended::ReaderGone)
}

/// Prints what Cordon says of itself.
pub(super) fn say(text: &str) -> Result<(), Ended> {
    line(format_args!("{STRONG}cordon{STRONG:#}  {text}"))
}

/// Prints the title of a part.
pub(super) fn title(text: &str) -> Result<(), Ended> {
    line(format_args!("\n{STRONG}{text}{STRONG:#}\n"))
}

/// Prints lines beside the point, set in.
pub(super) fn aside(text: &str) -> Result<(), Ended> {
    for text in text.lines() {
        line(format_args!("{FAINT}  {text}{FAINT:#}"))?;
    }
    Ok(())
}

/// Prints recorded calls, one a line.
pub(super) fn record(calls: &[StoredCall]) -> Result<(), Ended> {
    let rows: Vec<[String; 2]> = calls.iter().map(named).collect();
    let widest = |column: fn(&[String; 2]) -> &String| {
        let widths = rows.iter().map(|row| column(row).chars().count());
        widths.max().unwrap_or_default()
    };
    let (operations, targets) = (widest(|row| &row[0]), widest(|row| &row[1]));
    for (call, [operation, target]) in calls.iter().zip(&rows) {
        let (style, verdict) = verdict(call.record.outcome);
        line(format_args!(
            "  {style}{verdict:6}{style:#} {:1} {operation:operations$}  {target:targets$}  {}",
            symbol(call.record.class),
            call.record.reference,
        ))?;
    }
    Ok(())
}

/// What a call did, and to what.
fn named(call: &StoredCall) -> [String; 2] {
    let resource = call.record.accesses.first().map(|access| &access.resource);
    let target = resource.and_then(|arn| arn.splitn(6, ':').nth(5));
    [
        output::inert(&call.record.operation, 32),
        output::inert(target.unwrap_or_default(), 40),
    ]
}

/// A JSON value in lines of at most `width` characters, where its words allow: one member of an
/// object a line, and a list filled like a paragraph.
pub(super) fn pretty(value: &Value, width: usize) -> String {
    let mut text = String::new();
    write(value, 0, 0, width, &mut text);
    text
}

/// Writes `value` where `used` characters of the line are taken already.
fn write(value: &Value, indent: usize, used: usize, width: usize, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('{');
            for (number, (name, member)) in members.iter().enumerate() {
                let name = format!("{}: ", Value::from(name.as_str()));
                text.push_str(if number == 0 { "\n" } else { ",\n" });
                text.push_str(&" ".repeat(indent + 2));
                text.push_str(&name);
                let used = indent + 2 + name.chars().count();
                write(member, indent + 2, used, width, text);
            }
            text.push_str(&format!("\n{}}}", " ".repeat(indent)));
        }
        Value::Array(members) => match on_one_line(members) {
            Some(flat) if used + flat.chars().count() < width => text.push_str(&flat),
            _ => {
                text.push('[');
                fill(members, indent + 2, width, text);
                text.push_str(&format!("\n{}]", " ".repeat(indent)));
            }
        },
        word => text.push_str(&word.to_string()),
    }
}

/// A list of words on one line; nothing for a list that holds more.
fn on_one_line(members: &[Value]) -> Option<String> {
    let is_word = |member: &Value| !(member.is_object() || member.is_array());
    let words: Vec<String> = members.iter().map(ToString::to_string).collect();
    members
        .iter()
        .all(is_word)
        .then(|| format!("[{}]", words.join(", ")))
}

/// Writes the members of a list, as many on a line as fit.
fn fill(members: &[Value], indent: usize, width: usize, text: &mut String) {
    // The line of the bracket is full: the first member begins a line of its own.
    let mut used = width;
    for (number, member) in members.iter().enumerate() {
        // With its comma.
        let length = member.to_string().chars().count() + 1;
        if number > 0 {
            text.push(',');
        }
        if used + 1 + length > width {
            text.push_str(&format!("\n{}", " ".repeat(indent)));
            used = indent;
        } else {
            text.push(' ');
            used += 1;
        }
        write(member, indent, used, width, text);
        used += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Nothing is lost or added: what is printed is the same JSON, in lines that fit.
    fn check(value: &Value, width: usize) -> String {
        let text = pretty(value, width);
        assert_eq!(
            serde_json::from_str::<Value>(&text).ok().as_ref(),
            Some(value)
        );
        for line in text.lines() {
            assert!(line.chars().count() <= width, "{line}");
        }
        text
    }

    #[test]
    fn a_policy_is_printed_whole_at_any_width() {
        let actions: Vec<String> = (0..60)
            .map(|number| format!("lambda:Get{number}*"))
            .collect();
        let statement = json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
        for statement in [statement.clone(), json!([statement, {"Effect": "Deny"}])] {
            let policy = json!({"Version": "2012-10-17", "Statement": statement});
            for width in [40, 80, 200, 100_000] {
                check(&policy, width);
            }
        }
        check(&json!({}), 2);
    }

    #[test]
    fn a_list_that_fits_is_on_one_line_and_a_longer_one_is_filled() {
        assert_eq!(check(&json!({"a": [1, 2]}), 20), "{\n  \"a\": [1, 2]\n}");
        let words = ["aaaa", "bbbb", "cccc", "dddd"];
        let text = check(&json!({"list": words}), 20);
        assert_eq!(
            text,
            "{\n  \"list\": [\n    \"aaaa\", \"bbbb\",\n    \"cccc\", \"dddd\"\n  ]\n}"
        );
    }
}
