//! The preview as SARIF 2.1.0, which code hosts show beside the lines of a pull request: what would be
//! refused is an error, what waits for people or loses something is a warning, what changes is a note.
//!
//! It names what changes and never a value. A finding has a fingerprint of what it is about alone, so
//! that the same one in the next run is known again.

use super::{Preview, decided_by, name, verdict};
use crate::output::inert;
use cordon_core::plan::{Effect, Line, PlanFault};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Findings that code hosts take of one run at the most.
const MOST: usize = 5_000;

/// The log.
pub(super) fn value(preview: &Preview) -> Value {
    let plan = &preview.plan;
    let file = &preview.source.name;
    let lines = plan.lines().iter().map(|line| of_line(line, file));
    let faults = plan.faults().iter().map(|fault| of_fault(fault, file));
    let found: Vec<Value> = lines.chain(faults).collect();
    let left_out = found.len().saturating_sub(MOST);
    let results: Vec<Value> = found.into_iter().take(MOST).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "cordon",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
            "properties": { "conclusion": plan.conclusion().as_str(), "leftOut": left_out },
        }],
    })
}

/// One rule for each effect, and one for what could not be read.
fn rules() -> Vec<Value> {
    let rule = |id: &str, text: &str| json!({ "id": id, "shortDescription": { "text": text }, "defaultConfiguration": { "level": "note" } });
    let of_effect = |effect: Effect| {
        let text = match effect {
            Effect::Destroy => "Something would be gone.",
            Effect::Replace => "Something would be gone, and another in its place.",
            Effect::Disrupt => "Something would stop or be interrupted.",
            Effect::Change => "Something would be changed in place.",
            Effect::Create => "Something would be new.",
            Effect::Read => "A read would not go.",
        };
        rule(effect.as_str(), text)
    };
    let effects = Effect::ALL.into_iter().map(of_effect);
    effects
        .chain([rule("not-read", "A part of the plan could not be read.")])
        .collect()
}

fn of_line(line: &Line, file: &str) -> Value {
    let level = match verdict(line) {
        Some("deny" | "reject") => "error",
        _ if !line.needs().is_empty() => "warning",
        _ if matches!(line.effect, Effect::Destroy | Effect::Replace) => "warning",
        _ => "note",
    };
    let shown = name(line);
    let mut words = vec![match verdict(line) {
        Some(word) => format!("{} {}: {word}", line.effect.as_str(), inert(&shown, 200)),
        None => format!("{} {}", line.effect.as_str(), inert(&shown, 200)),
    }];
    words.extend(
        line.because
            .iter()
            .map(|why| format!("because {}", inert(why, 200))),
    );
    words.extend(decided_by(line).iter().map(|why| inert(why, 200)));
    let mut parts = vec![line.effect.as_str(), &*line.name, &*line.kind];
    parts.extend(
        line.calls
            .iter()
            .flat_map(|call| [&*call.service, &*call.operation]),
    );
    parts.extend(line.targets().into_iter().map(|(arn, _, _)| arn));
    result(
        line.effect.as_str(),
        level,
        &words.join("; "),
        &shown,
        file,
        &parts,
    )
}

fn of_fault(fault: &PlanFault, file: &str) -> Value {
    let message = format!("{}: {}", inert(&fault.at, 80), inert(&fault.message, 400));
    let parts = [&*fault.at, &*fault.code];
    result("not-read", "error", &message, &fault.at, file, &parts)
}

fn result(
    rule: &str,
    level: &str,
    message: &str,
    named: &str,
    file: &str,
    parts: &[&str],
) -> Value {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    json!({
        "ruleId": rule,
        "level": level,
        "message": { "text": message },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(file) },
                "region": { "startLine": 1 },
            },
            "logicalLocations": [{ "fullyQualifiedName": inert(named, 200) }],
        }],
        "partialFingerprints": { "cordonPreview/v1": hex::encode(hash.finalize()) },
    })
}

/// A file's name as a reference that no scheme and no query can be read into.
fn uri(file: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'.')
        .remove(b'-')
        .remove(b'_');
    utf8_percent_encode(file.trim_start_matches("./"), PLAIN).to_string()
}
