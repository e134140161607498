//! The preview for programs: `cordon.preview/v1`, described by `schemas/preview.schema.json`.

use super::{Preview, counts, verdict};
use cordon_core::decide::Outcome;
use cordon_core::plan::{Evidence, Line, PlannedCall, Property};
use cordon_core::predict::{Prediction, Undo};
use cordon_core::record::RecordedOutcome;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The stable form.
pub(crate) fn value(preview: &Preview) -> Value {
    let (plan, source) = (&preview.plan, &preview.source);
    let mut counted: Map<String, Value> = counts(plan)
        .into_iter()
        .map(|(word, count)| (word.to_owned(), count.into()))
        .collect();
    counted.insert("read".to_owned(), plan.reads().into());
    counted.insert("not_covered".to_owned(), plan.not_covered().into());
    let outcomes = Outcome::ALL.map(RecordedOutcome::Decided).into_iter();
    let outcomes: Map<String, Value> = outcomes
        .chain([RecordedOutcome::Rejected])
        .map(|outcome| {
            (
                outcome.as_str().to_owned(),
                plan.count_outcome(outcome).into(),
            )
        })
        .collect();
    json!({
        "schema": "cordon.preview/v1",
        "source": { "kind": source.kind, "name": source.name, "tool": text_or_null(&source.tool),
                    "digest": text_or_null(&source.digest) },
        "task": preview.task.as_ref().map(|(id, title)| json!({
            "id": text_or_null(id), "title": title,
        })),
        "conclusion": plan.conclusion().as_str(),
        "counts": counted,
        "verdicts": outcomes,
        "needs": plan.needs(),
        "checks": plan.checks(),
        "lines": plan.lines().iter().map(line).collect::<Vec<_>>(),
        "faults": plan.faults().iter().map(|fault| json!({
            "at": fault.at, "code": fault.code, "message": fault.message,
        })).collect::<Vec<_>>(),
        "notes": plan.notes(),
    })
}

fn text_or_null(text: &str) -> Value {
    match text.is_empty() {
        true => Value::Null,
        false => text.into(),
    }
}

/// One line.
pub(crate) fn line(line: &Line) -> Value {
    json!({
        "effect": line.effect.as_str(),
        "symbol": line.effect.symbol(),
        "name": text_or_null(&line.name),
        "kind": text_or_null(&line.kind),
        "times": line.times,
        "verdict": verdict(line).map(|word| json!({
            "outcome": word,
            "policies": policies(line),
            "reasons": line.deciding().map(|verdict| verdict.reason)
                .filter(|reason| !reason.is_empty()).collect::<BTreeSet<_>>(),
            "needs": line.needs(),
            "checks": line.checks(),
        })),
        "targets": line.targets().into_iter().map(|(arn, kind, environment)| json!({
            "arn": arn, "kind": kind, "environment": text_or_null(environment),
        })).collect::<Vec<_>>(),
        "calls": line.calls.iter().map(call).collect::<Vec<_>>(),
        "reversible": line.reversible.as_str(),
        "evidence": line.evidence.as_str(),
        "because": line.because,
        "properties": line.properties.iter().map(property).collect::<Vec<_>>(),
        "prediction": line.prediction().map(prediction),
        "note": text_or_null(&line.note),
    })
}

/// What was read and predicted beside the properties.
fn prediction(prediction: &Prediction) -> Value {
    let never = match &prediction.undo {
        Undo::Never(why) => Some(why),
        Undo::By { .. } | Undo::Unknown => None,
    };
    json!({
        "unchanged": prediction.unchanged,
        "left_out": prediction.left_out,
        "no_undo": never,
        "dependents": prediction.dependents,
        "owner": prediction.owner(),
        "tags": prediction.tags,
        "witness": prediction.witness.as_ref().map(|witness| json!({
            "evidence": Evidence::NativeDryRun.as_str(),
            "says": witness.says.as_str(),
            "why": text_or_null(&witness.why),
            "at": witness.at.to_string(),
        })),
    })
}

fn policies(line: &Line) -> Vec<Value> {
    let mut known = BTreeSet::new();
    let policies = line.deciding().flat_map(|verdict| &verdict.policies);
    policies
        .filter(|(id, _, _)| known.insert(id.clone()))
        .map(|(id, title, hint)| json!({ "id": id, "title": title, "hint": hint }))
        .collect()
}

fn call(call: &PlannedCall) -> Value {
    let actions: BTreeSet<&str> = call.accesses.iter().map(|access| &*access.action).collect();
    json!({
        "service": call.service,
        "operation": call.operation,
        "class": call.class.as_str(),
        "actions": actions,
        "facts": call.facts,
        "ref": text_or_null(&call.reference),
        "command": call.command(),
        "undo": call.undo(),
        "session_policy": call.session_policy(),
    })
}

fn property(property: &Property) -> Value {
    json!({
        "name": property.name,
        "before": property.before,
        "after": property.after,
        "forces_replacement": property.forces_replacement,
        "evidence": property.evidence.as_str(),
        "observed_at": property.observed.map(|at| at.to_string()),
    })
}
