//! `cordon why`: what decided one call, and what would change it.

use crate::bundle::Bundle;
use crate::config::{Config, Flags};
use crate::failure::Failure;
use crate::launch;
use crate::output::{self, Format, STRONG, inert};
use crate::preview::{human, json};
use crate::wiring;
use clap::Args;
use cordon_core::ledger::Used;
use cordon_core::plan::{Line, PlannedCall};
use cordon_core::record::{AnswerFault, CallRecord, CallResult};
use cordon_core::task::{Addition, Task};
use cordon_store::{CallFilter, Store, StoredCall};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;

/// What decided one call.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The reference from the error message or the listing
    #[arg(required_unless_present = "last")]
    reference: Option<String>,
    /// The latest call that did not go
    #[arg(long, conflicts_with = "reference")]
    last: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Why {
    pub(crate) fn run(self, flags: &Flags) -> Result<ExitCode, Failure> {
        let config = Config::load(flags)?;
        let found = wiring::block_on(async {
            let store = wiring::visit(&config).await?;
            let Some(call) = self.find(&store).await? else {
                return Ok(None);
            };
            let task = task_of(&config, &store, &call).await;
            Ok(Some((call, task)))
        })?;
        let Some((call, task)) = found else {
            return Err(Failure::new("there is no such call").help(
                "`cordon calls tail` lists the latest; a reference belongs to one state folder",
            ));
        };
        match self.format {
            Format::Json => output::json(&why_value(&call, task.as_ref())),
            Format::Human => explanation(&call, task.as_ref())
                .iter()
                .for_each(|line| output::line(format_args!("{line}"))),
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn find(&self, store: &Arc<dyn Store>) -> Result<Option<StoredCall>, Failure> {
        let Some(reference) = &self.reference else {
            let filter = CallFilter {
                limit: Some(1000),
                ..CallFilter::default()
            };
            let calls = store.search(&filter).await.map_err(wiring::store_failed)?;
            return Ok(calls
                .into_iter()
                .find(|call| !call.record.outcome.allowed()));
        };
        let reference = reference
            .parse()
            .map_err(|error| Failure::because("the reference cannot be used", &error))?;
        store.call(&reference).await.map_err(wiring::store_failed)
    }
}

/// A call and what would change its answer, described by `schemas/why.schema.json`.
fn why_value(call: &StoredCall, task: Option<&Amended>) -> Value {
    let mut value = call_value(call);
    let amendment = smallest_change(call, task).map(|change| match change {
        Ok(changes) => json!({ "changes": changes, "why_none": null }),
        Err(why) => json!({ "changes": null, "why_none": why }),
    });
    if let Some(fields) = value.as_object_mut() {
        fields.insert("amendment".to_owned(), amendment.unwrap_or_default());
    }
    value
}

/// The stable form of a call for programs, described by `schemas/call.schema.json`.
pub(crate) fn call_value(call: &StoredCall) -> Value {
    let record = &call.record;
    let (_, verdict) = super::calls::verdict(record.outcome);
    json!({
        "ref": record.reference,
        "sequence": call.sequence,
        "at": record.at.to_string(),
        "task": record.task,
        "session": record.session,
        "agent": record.agent,
        "sponsor": record.sponsor,
        "ingress": record.ingress,
        "service": record.service,
        "operation": record.operation,
        "protocol": record.protocol,
        "partition": record.partition,
        "region": record.region,
        "account": record.account,
        "class": record.class,
        "facts": record.facts,
        "accesses": record.accesses.iter().map(|access| json!({
            "action": access.action, "resource": access.resource, "kind": access.kind,
            "environment": access.environment, "access_level": access.level, "class": access.class,
        })).collect::<Vec<_>>(),
        "verdict": verdict.to_ascii_lowercase(),
        "policies": record.policies.iter().map(|(id, title, hint)| json!({
            "id": id, "title": title, "hint": hint,
        })).collect::<Vec<_>>(),
        "needs": record.needs,
        "checks": record.checks,
        "code": record.code,
        "message": record.message,
        "digest": record.digest,
        "policy_version": record.policy_version,
        "catalog_version": record.catalog_version,
        "parameters": record.parameters,
        "prediction": prediction(record),
        "result": result_value(call),
    })
}

/// What the call would change, where that was looked at: as `cordon preview` tells it.
fn prediction(record: &CallRecord) -> Value {
    match record.prediction {
        Some(_) => json::line(&Line::of_call(PlannedCall::of_record(record.clone(), None))),
        None => Value::Null,
    }
}

fn result_value(call: &StoredCall) -> Value {
    let Some(closed) = &call.closed else {
        return Value::Null;
    };
    let took = closed.took.as_micros() as u64;
    match &closed.result {
        CallResult::Answered { status, request_id } => {
            json!({ "result": "answered", "status": status, "request_id": request_id, "took_us": took })
        }
        CallResult::Faulted {
            fault,
            status,
            request_id,
            why,
        } => json!({
            "result": fault.as_str(), "status": status, "request_id": request_id, "why": why,
            "took_us": took,
        }),
        CallResult::Indeterminate { why } => {
            json!({ "result": "indeterminate", "why": why, "took_us": took })
        }
        CallResult::NotSent { why } => json!({ "result": "not-sent", "why": why, "took_us": took }),
    }
}

/// The read-back for people, line by line.
pub(crate) fn explanation(call: &StoredCall, task: Option<&Amended>) -> Vec<String> {
    let record = &call.record;
    let (style, verdict) = super::calls::verdict(record.outcome);
    let mut lines = vec![format!(
        "{}  {}  {}  {STRONG}{} {}{STRONG:#}  {}  {style}{verdict}{style:#}",
        record.at, record.task, record.agent, record.service, record.operation, record.region,
    )];
    let mut row = |name: &str, text: &str| lines.extend(row(name, text));
    for access in &record.accesses {
        row(
            "access",
            &format!("{}  ({}, {})", access.action, access.class, access.level),
        );
        row(
            "",
            &format!(
                "on {}  [{}]",
                inert(&access.resource, 300),
                access.environment
            ),
        );
    }
    if !record.facts.is_empty() {
        row("facts", &record.facts.join(", "));
    }
    for (id, title, _) in &record.policies {
        row("decided by", &format!("{id}  {title}"));
    }
    if !record.needs.is_empty() {
        let checks = record.checks.iter().map(|check| format!("check {check}"));
        let needs = record.needs.iter().map(ToString::to_string).chain(checks);
        row("waits for", &needs.collect::<Vec<_>>().join(", "));
    }
    if !record.message.is_empty() {
        row("told", &inert(&record.message, 2000));
    }
    if record.prediction.is_some() {
        let line = Line::of_call(PlannedCall::of_record(record.clone(), None));
        let changes = human::changes(&line);
        row("changes", &changes.join("\n"));
    }
    row("result", &result_words(call));
    match smallest_change(call, task) {
        Some(Ok(change)) => row("opens with", &change),
        Some(Err(why)) => row("opens with", &format!("nothing: {why}")),
        None => {}
    }
    row(
        "record",
        &format!(
            "{}  policies {}  {}",
            record.digest, record.policy_version, record.catalog_version
        ),
    );
    lines
}

fn row(name: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| format!("  {:12}{line}", if index == 0 { name } else { "" }))
        .collect()
}

fn result_words(call: &StoredCall) -> String {
    match call
        .closed
        .as_ref()
        .map(|closed| (&closed.result, closed.took))
    {
        None if call.record.outcome.allowed() => "still under way".to_owned(),
        None => "nothing was sent".to_owned(),
        Some((CallResult::Answered { status, request_id }, took)) => {
            format!(
                "answered {status} after {} ms, request id {}",
                took.as_millis(),
                inert(request_id, 80)
            )
        }
        Some((
            CallResult::Faulted {
                fault,
                status,
                request_id,
                why,
            },
            _,
        )) => {
            let what = match fault {
                AnswerFault::Failed => "it failed",
                AnswerFault::Partial => "a part was not done",
                AnswerFault::Cut => "the answer was cut off",
            };
            format!(
                "answered {status}, but {what}: {}, request id {}",
                inert(why, 200),
                inert(request_id, 80)
            )
        }
        Some((CallResult::Indeterminate { why }, _)) => format!("not known: {}", inert(why, 200)),
        Some((CallResult::NotSent { why }, _)) => format!("nothing was sent: {}", inert(why, 200)),
    }
}

/// The smallest change of its task that would let a denied call go, or why there is none.
fn smallest_change(call: &StoredCall, task: Option<&Amended>) -> Option<Result<String, String>> {
    let denied = call.record.outcome.denied();
    let amended = task.filter(|_| denied)?;
    let addition = Addition::for_call(&amended.task, &call.record, amended.used);
    Some(match addition {
        Ok(addition) => Ok(inert_lines(addition.text().trim_end())),
        Err(why) => Err(inert(&why.to_string(), 400)),
    })
}

/// The task of a call and what it used up.
pub(crate) struct Amended {
    task: Task,
    used: Used,
}

/// Nothing where the call is of no task, or of one that is not served any more.
pub(crate) async fn task_of(
    config: &Config,
    store: &Arc<dyn Store>,
    call: &StoredCall,
) -> Option<Amended> {
    let id = call.record.task.parse().ok()?;
    let stored = store.task(&id).await.ok()??;
    let policies = Bundle::of(config).and_then(|bundle| bundle.load()).ok()?;
    let task = launch::recompile(&stored, &policies).ok()?;
    let used = store.ledger(&id).await.ok()?.used;
    Some(Amended { task, used })
}

fn inert_lines(text: &str) -> String {
    text.lines()
        .map(|line| inert(line, 400))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use boon::{Compiler, Schemas};
    use cordon_core::decide::Outcome;
    use cordon_core::ledger::Used;
    use cordon_core::plan::{Evidence, Property};
    use cordon_core::predict::{Prediction, Undo};
    use cordon_core::record::{AccessRecord, RecordedOutcome};
    use cordon_store::Closed;
    use jiff::Timestamp;
    use std::path::Path;
    use std::time::Duration;

    /// A previewed change of a function.
    fn previewed() -> StoredCall {
        let property = Property {
            name: "MemorySize".into(),
            before: Some("512".to_owned()),
            after: Some("1024\u{202e}".to_owned()),
            forces_replacement: false,
            observed: Some(Timestamp::UNIX_EPOCH),
            evidence: Evidence::PredictedByRule,
        };
        let prediction = Prediction {
            properties: vec![property],
            undo: Undo::Never("it is lost".into()),
            tags: [("team".into(), "billing".into())].into(),
            ..Prediction::default()
        };
        let record = CallRecord {
            reference: "7QK4".into(),
            at: Timestamp::UNIX_EPOCH,
            task: "T-1".into(),
            session: "S-1".into(),
            agent: "kiro".into(),
            sponsor: "mia".into(),
            ingress: "connect",
            service: "lambda".into(),
            operation: "UpdateFunctionConfiguration".into(),
            protocol: "rest-json",
            partition: "aws".into(),
            region: "eu-central-1".into(),
            account: "111122223333".into(),
            accesses: vec![AccessRecord {
                action: "lambda:UpdateFunctionConfiguration".into(),
                resource: "arn:aws:lambda:eu-central-1:111122223333:function:ce-export".into(),
                kind: "lambda:function".into(),
                environment: "dev".into(),
                level: "Write",
                implied: false,
                class: "update",
            }],
            class: "update",
            facts: Vec::new(),
            outcome: RecordedOutcome::Decided(Outcome::Preview),
            policies: vec![("preview-mode".into(), "Only previewed".into(), "".into())],
            needs: Vec::new(),
            checks: Vec::new(),
            hold: None,
            held_as: None,
            code: "CordonPreview".into(),
            message: "".into(),
            digest: "sha256:00".into(),
            policy_version: "p1".into(),
            catalog_version: "c1".into(),
            parameters: r#"{"FunctionName":"ce-export","MemorySize":1024}"#.into(),
            prediction: Some(Box::new(prediction)),
            mutates: true,
            creates: Vec::new(),
            destroys: Vec::new(),
            cost: Used::default(),
            rests: Vec::new(),
        };
        StoredCall {
            sequence: 1,
            launched: record.session.clone(),
            record,
            closed: None,
        }
    }

    #[test]
    fn json_of_a_call_is_what_the_published_schema_says() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/call.schema.json");
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let schema = compiler
            .compile(file.to_str().unwrap(), &mut schemas)
            .unwrap();
        let check = |call: &StoredCall| {
            let value = call_value(call);
            schemas
                .validate(&value, schema)
                .map_err(|error| error.to_string())
        };
        let mut call = previewed();
        check(&call).unwrap();
        call.record.prediction = None;
        let results = [
            CallResult::Answered {
                status: 200,
                request_id: "r".into(),
            },
            CallResult::Faulted {
                fault: AnswerFault::Partial,
                status: 200,
                request_id: "r".into(),
                why: "w".into(),
            },
            CallResult::Indeterminate { why: "w".into() },
            CallResult::NotSent { why: "w".into() },
        ];
        for result in results {
            let took = Duration::from_micros(7);
            call.closed = Some(Closed { result, took });
            check(&call).unwrap();
        }
        // The schema can tell.
        call.record.class = "explode";
        assert!(check(&call).is_err());
    }

    #[test]
    fn json_of_why_tells_what_would_change_the_answer() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/why.schema.json");
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let schema = compiler
            .compile(file.to_str().unwrap(), &mut schemas)
            .unwrap();
        let policies = Bundle::baseline().load().unwrap();
        let text = include_str!("../../../../examples/start.toml");
        let amended = Amended {
            task: launch::draft_text("T-1", "start.toml", text, &policies).unwrap(),
            used: Used::default(),
        };
        let mut call = previewed();
        let told = |call: &StoredCall| {
            let value = why_value(call, Some(&amended));
            let valid = schemas.validate(&value, schema);
            valid.map_err(|error| error.to_string()).unwrap();
            value["amendment"].clone()
        };
        assert_eq!(told(&call), Value::Null);
        call.record.outcome = RecordedOutcome::Decided(Outcome::Deny);
        call.record.policies.clear();
        call.record.accesses[0].action = "lambda:PublishVersion".into();
        let told_of_denied = told(&call);
        let changes = told_of_denied["changes"].as_str().unwrap();
        assert!(changes.contains("lambda:PublishVersion"), "{changes}");
        call.record.policies = vec![("safeguards-stay-on".into(), "Never".into(), "".into())];
        assert_eq!(told(&call)["why_none"], "no task can allow it: Never");
        assert!(schemas.validate(&call_value(&call), schema).is_err());
    }
}
