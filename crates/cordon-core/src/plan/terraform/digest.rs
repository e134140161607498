//! The digest of a plan: the same for the same changes, whoever planned them and when.
//!
//! What counts is sorted: of each change its address, type, steps, what changes from what to what,
//! and which resource it is. What the provider computes anew, times, versions of tools, outputs and
//! the order of the file do not count, and neither do secrets: their digest could be guessed.

use super::{ResourceChange, Side, Step, TerraformPlan, changed, is_nothing};
use crate::digest::quote;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The digest of a plan, and of each of its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanDigest {
    /// `sha256:...`
    pub whole: String,
    /// By address.
    pub changes: Vec<ChangeDigest>,
}

/// The digest of one change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeDigest {
    /// Whose.
    pub address: String,
    /// `update 5f0c6f0d4f9c3b1e`: what happens, and the begin of the digest.
    pub text: String,
}

impl TerraformPlan {
    /// The digest over the normalised plan.
    #[must_use]
    pub fn digest(&self) -> PlanDigest {
        let of_change = |change: &ResourceChange| {
            let digest = hex::encode(Sha256::digest(normalised(change)));
            let short = digest.get(..16).unwrap_or(&digest);
            let text = format!("{} {short}", word(&change.steps));
            let address = change.address.clone();
            (ChangeDigest { address, text }, digest)
        };
        let mut changes: Vec<_> = self.changed().map(of_change).collect();
        changes.sort();
        let mut whole = Sha256::new();
        whole.update("cordon.plan/v1\n");
        for (_, digest) in &changes {
            whole.update(digest);
            whole.update("\n");
        }
        PlanDigest {
            whole: format!("sha256:{}", hex::encode(whole.finalize())),
            changes: changes.into_iter().map(|(change, _)| change).collect(),
        }
    }
}

fn word(steps: &[Step]) -> &'static str {
    match steps {
        [Step::Create] => "create",
        [Step::Update] => "update",
        [Step::Delete] => "destroy",
        _ => "replace",
    }
}

/// A change as text: one form for one meaning.
fn normalised(change: &ResourceChange) -> String {
    let mut text = String::new();
    let steps = change.steps.iter().map(|step| match step {
        Step::Create => "create",
        Step::Update => "update",
        Step::Delete => "delete",
    });
    let steps: Vec<&str> = steps.collect();
    for part in [&*change.address, &*change.kind, &*steps.join(",")] {
        quote(&mut text, part);
        text.push('\n');
    }
    for name in ["arn", "id"] {
        let value = change.before.get(name).filter(|value| !is_nothing(value));
        quote(
            &mut text,
            value.and_then(|value| value.as_str()).unwrap_or_default(),
        );
        text.push('\n');
    }
    let mut forcing = change.forcing.clone();
    forcing.sort();
    for property in changed(change) {
        quote(&mut text, property.name);
        for side in [&property.before, &property.after] {
            match side {
                Side::Absent => text.push('-'),
                Side::Unknown => text.push('?'),
                Side::Known(value) => canonical(&mut text, value),
            }
        }
        text.push('\n');
    }
    for path in forcing {
        quote(&mut text, &path);
    }
    text
}

/// JSON with the members of objects in the order of the alphabet, and without those that hold nothing.
fn canonical(text: &mut String, value: &Value) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().filter(|(_, v)| !is_nothing(v)).collect();
            members.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (name, value) in members {
                quote(text, name);
                text.push(':');
                canonical(text, value);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(text, item);
                text.push(',');
            }
            text.push(']');
        }
        Value::String(string) => quote(text, string),
        other => text.push_str(&other.to_string()),
    }
}
