//! Change sets and templates of CloudFormation and CDK, in JSON or YAML: what `aws cloudformation
//! describe-change-set` answers, and what `cdk synth` writes.
//!
//! A change set is executed by one call, so that all of its lines have that call's verdict: what it
//! removes or replaces is weighed as the proxy weighs it, by the same look. A template alone does not
//! tell what is there already.

use super::yaml::{self, YamlError};
use super::{Effect, Evidence, Line, Plan, PlanFault, PlannedCall, Property, Reversible, property};
use crate::judge::Judge;
use crate::ledger::Ledger;
use crate::look::{Look, Seen};
use crate::names::Reference;
use cordon_aws::answer::Answer;
use cordon_aws::arn::{AccountId, Arn, Region};
use cordon_aws::call::{Call, Protocol};
use cordon_aws::catalog::Catalog;
use cordon_aws::value::Value as Parameter;
use jiff::Timestamp;
use serde_json::Value;

/// What a document is, by its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A described change set.
    ChangeSet,
    /// A template.
    Template,
}

/// A described change set or a template, read.
#[derive(Debug)]
pub struct Document {
    kind: Kind,
    value: Value,
    bytes: Vec<u8>,
}

impl Document {
    /// Reads a document, in JSON or in YAML; nothing where it is neither of the two.
    ///
    /// # Errors
    /// What is wrong with a document in YAML, and in which line.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, YamlError> {
        let Some(text) = yaml_text(bytes) else {
            let value = serde_json::from_slice(bytes).ok();
            return Ok(value.and_then(|value| Self::of(value, bytes.to_vec())));
        };
        let value = yaml::read(text)?;
        let bytes = value.to_string().into_bytes();
        Ok(Self::of(value, bytes))
    }

    fn of(value: Value, bytes: Vec<u8>) -> Option<Self> {
        let kind = match (value.get("Changes"), value.get("Resources")) {
            (Some(Value::Array(_)), _) => Kind::ChangeSet,
            (_, Some(Value::Object(_))) => Kind::Template,
            _ => return None,
        };
        Some(Self { kind, value, bytes })
    }

    /// Which of the two it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What it would do. The one call that executes a change set is decided by `judge` where there is
    /// one.
    pub fn preview(&self, judge: Option<(&mut Judge<'_>, &Reference, Timestamp)>) -> Plan {
        let mut plan = Plan::default();
        match self.kind {
            Kind::ChangeSet => self.changes(&mut plan, judge),
            Kind::Template => self.resources(&mut plan),
        }
        plan.sort();
        plan
    }

    fn changes(&self, plan: &mut Plan, judge: Option<(&mut Judge<'_>, &Reference, Timestamp)>) {
        if text(&self.value, "NextToken").is_some() {
            let note = "this is one page of the change set: describe the rest as well";
            plan.note(note.to_owned());
        }
        let executed = self.call().map(|call| self.executed(&call, plan, judge));
        let changes = self.value.get("Changes").and_then(Value::as_array);
        for change in changes.into_iter().flatten() {
            let resource = change.get("ResourceChange");
            match resource.map(|change| line(change, executed.as_ref())) {
                Some(Some(line)) => plan.push(line),
                // Hooks are no resources.
                None if text(change, "Type") == Some("Hook") => {}
                _ => plan.push_fault(PlanFault {
                    at: resource
                        .and_then(|change| text(change, "LogicalResourceId"))
                        .unwrap_or("a change")
                        .to_owned(),
                    code: "unknown-change".to_owned(),
                    message: "it does not tell what happens to the resource".to_owned(),
                }),
            }
        }
    }

    /// The call that executes the change set.
    fn call(&self) -> Option<Call> {
        let stack = text(&self.value, "StackId")?;
        let arn: Arn = stack.parse().ok()?;
        let region: Region = arn.region().parse().ok()?;
        let account: AccountId = arn.account().parse().ok()?;
        let set =
            text(&self.value, "ChangeSetId").or_else(|| text(&self.value, "ChangeSetName"))?;
        let member = |name: &str, value: &str| (name.into(), Parameter::String(value.into()));
        let members = [member("ChangeSetName", set), member("StackName", stack)];
        let service = Catalog::embedded().service("cloudformation")?;
        let operation = service.operation("ExecuteChangeSet")?;
        Call::planned(
            operation,
            Parameter::Structure(members.into()),
            region,
            Some(account),
        )
        .ok()
    }

    fn executed(
        &self,
        call: &Call,
        plan: &mut Plan,
        judge: Option<(&mut Judge<'_>, &Reference, Timestamp)>,
    ) -> PlannedCall {
        let seen = self.seen(call);
        if seen.is_none() {
            let note =
                "it could not be looked into whole: it is weighed as the worst that it may be";
            plan.note(note.to_owned());
        }
        match judge {
            Some((judge, reference, now)) => {
                let (call, reference) = (call.clone(), reference.clone());
                let judgement = judge.judge_planned(call, seen.as_ref(), reference, now);
                PlannedCall::of_judged(judgement.record, &judgement.verdict)
            }
            None => {
                let told = seen.and_then(|seen| seen.told(call));
                PlannedCall::of_call(told.as_ref().map_or(call, |(told, _)| told))
            }
        }
    }

    /// What the look of the proxy would see, where the document is all that it asks for.
    fn seen(&self, call: &Call) -> Option<Seen> {
        let answer = Answer::read(Protocol::Json11, &self.bytes)?;
        let mut look = Look::of(call)?;
        look.learn(call, &answer, &Ledger::default()).ok()?;
        look.next().is_none().then(|| look.finish())
    }

    fn resources(&self, plan: &mut Plan) {
        plan.note(
            "a template does not tell what is there already: make a change set, and preview what \
             `aws cloudformation describe-change-set` answers"
                .to_owned(),
        );
        let resources = self.value.get("Resources").and_then(Value::as_object);
        for (name, resource) in resources.into_iter().flatten() {
            match text(resource, "Type") {
                Some(kind) => plan.push(Line {
                    effect: Effect::Create,
                    name: name.as_str().into(),
                    kind: kind.into(),
                    calls: Vec::new(),
                    times: 1,
                    reversible: Reversible::Unknown,
                    evidence: Evidence::Unknown,
                    because: Vec::new(),
                    properties: declared(resource),
                    note: "new, or a change of what is there".into(),
                }),
                None => plan.push_fault(PlanFault {
                    at: name.clone(),
                    code: "no-type".to_owned(),
                    message: "the resource has no `Type`".to_owned(),
                }),
            }
        }
    }
}

/// The text of a document that is in YAML; nothing for what has the form of JSON, and for what has no
/// line that begins as those of the two documents do.
fn yaml_text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_json = text.trim_start().starts_with(['{', '[']);
    let begins = |line: &str| line.starts_with("Resources:") || line.starts_with("Changes:");
    (!is_json && text.lines().any(begins)).then_some(text)
}

/// What a template declares of a resource: what is there now it does not tell.
fn declared(resource: &Value) -> Vec<Property> {
    let properties = resource.get("Properties").and_then(Value::as_object);
    let properties = properties.into_iter().flatten();
    let declared = properties.map(|(name, value)| Property {
        name: name.as_str().into(),
        before: None,
        after: Some(property::shown(&property::masked(name, value, None))),
        forces_replacement: false,
        observed: None,
        evidence: Evidence::Unknown,
    });
    declared.collect()
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

/// The line of one resource; nothing where it is not told what happens to it.
fn line(change: &Value, executed: Option<&PlannedCall>) -> Option<Line> {
    let (effect, evidence, note) = fate(change)?;
    let kind = text(change, "ResourceType").unwrap_or_default();
    let physical = text(change, "PhysicalResourceId").unwrap_or_default();
    // The one call, with the accesses of this resource.
    let call = executed.map(|executed| {
        let mut call = executed.clone();
        let own = |arn: &str| !physical.is_empty() && arn.ends_with(physical);
        call.accesses
            .retain(|access| *access.kind == *kind && own(&access.resource));
        call
    });
    Some(Line {
        reversible: Reversible::of(effect, &[], evidence),
        effect,
        name: text(change, "LogicalResourceId").unwrap_or_default().into(),
        kind: kind.into(),
        calls: call.into_iter().collect(),
        times: 1,
        evidence,
        because: because(change, effect),
        properties: details(change).filter_map(changed).collect(),
        note: note.into(),
    })
}

/// What becomes of the resource, and how that is known.
fn fate(change: &Value) -> Option<(Effect, Evidence, &'static str)> {
    let kept = matches!(
        text(change, "PolicyAction"),
        Some("Retain" | "ReplaceAndRetain")
    );
    Some(
        match (text(change, "Action")?, text(change, "Replacement")) {
            ("Add", _) => (Effect::Create, Evidence::FromPlan, ""),
            ("Import" | "SyncWithActual", _) => (Effect::Change, Evidence::FromPlan, ""),
            ("Remove", _) if kept => (
                Effect::Change,
                Evidence::FromPlan,
                "the stack forgets it: it stays",
            ),
            ("Remove", _) => (Effect::Destroy, Evidence::FromPlan, ""),
            ("Modify", Some("False")) => (Effect::Change, Evidence::FromPlan, ""),
            ("Modify", Some("True")) if kept => (
                Effect::Replace,
                Evidence::FromPlan,
                "the one of before stays beside it",
            ),
            ("Modify", Some("True")) => (Effect::Replace, Evidence::FromPlan, ""),
            ("Modify", Some("Conditional")) => (
                Effect::Replace,
                Evidence::Unknown,
                "it may be replaced: only AWS knows",
            ),
            ("Dynamic", _) => (
                Effect::Change,
                Evidence::Unknown,
                "what happens to it is not known yet",
            ),
            _ => return None,
        },
    )
}

fn details(change: &Value) -> impl Iterator<Item = &Value> {
    let details = change.get("Details").and_then(Value::as_array);
    let details = details.into_iter().flatten();
    details.filter_map(|detail| detail.get("Target"))
}

/// Whether a property is why the resource is replaced.
fn forces(target: &Value) -> bool {
    matches!(
        text(target, "RequiresRecreation"),
        Some("Always" | "Conditionally")
    )
}

fn because(change: &Value, effect: Effect) -> Vec<Box<str>> {
    let forcing = details(change).filter(|target| effect == Effect::Replace && forces(target));
    let named = forcing.filter_map(|target| text(target, "Name"));
    let mut because: Vec<Box<str>> = named.map(|name| format!("{name} changes").into()).collect();
    because.dedup();
    because
}

fn changed(target: &Value) -> Option<Property> {
    let name = text(target, "Name")?;
    let side = |key| {
        let value = target.get(key).filter(|value| !value.is_null())?;
        Some(property::shown(&property::masked(name, value, None)))
    };
    Some(Property {
        name: name.into(),
        before: side("BeforeValue"),
        after: side("AfterValue"),
        forces_replacement: forces(target),
        observed: None,
        evidence: Evidence::FromPlan,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const STACK: &str = "arn:aws:cloudformation:eu-central-1:111122223333:stack/shop/1";

    fn change(action: &str, replacement: &str, name: &str, physical: &str) -> Value {
        json!({ "Type": "Resource", "ResourceChange": {
            "Action": action, "Replacement": replacement, "LogicalResourceId": name,
            "PhysicalResourceId": physical, "ResourceType": "AWS::DynamoDB::Table",
            "Details": [{ "Target": { "Attribute": "Properties", "Name": "KeySchema",
                "RequiresRecreation": "Always", "BeforeValue": "a", "AfterValue": "b" } }],
        } })
    }

    fn preview(document: Value) -> Plan {
        Document::read(document.to_string().as_bytes())
            .unwrap()
            .unwrap()
            .preview(None)
    }

    #[test]
    fn a_replacement_stands_on_the_resource_that_is_replaced() {
        let plan = preview(json!({
            "StackId": STACK, "ChangeSetId": "arn:aws:cloudformation:eu-central-1:111122223333:changeSet/c/1",
            "ExecutionStatus": "AVAILABLE",
            "Changes": [
                change("Modify", "False", "Lanes", "lanes"),
                change("Modify", "True", "Orders", "orders"),
                change("Add", "", "New", ""),
                change("Modify", "Conditional", "Perhaps", "perhaps"),
                change("Remove", "", "Old", "old"),
            ],
        }));
        let lines: Vec<_> = plan
            .lines()
            .iter()
            .map(|line| (line.effect.symbol(), &*line.name, line.evidence.as_str()))
            .collect();
        assert_eq!(
            lines,
            [
                ("-", "Old", "from plan"),
                ("±", "Orders", "from plan"),
                ("±", "Perhaps", "unknown"),
                ("~", "Lanes", "from plan"),
                ("+", "New", "from plan"),
            ]
        );
        let replaced = &plan.lines()[1];
        assert_eq!(replaced.because, ["KeySchema changes".into()]);
        let targets: Vec<&str> = replaced
            .targets()
            .into_iter()
            .map(|(arn, _, _)| arn)
            .collect();
        assert_eq!(
            targets,
            ["arn:aws:dynamodb:eu-central-1:111122223333:table/orders"]
        );
        assert!(
            plan.lines()[3].targets().is_empty(),
            "what stays is no target"
        );
        assert!(plan.notes().is_empty(), "{:?}", plan.notes());
    }

    #[test]
    fn what_is_not_told_is_a_fault_and_a_page_is_not_the_whole() {
        let plan = preview(json!({
            "StackId": STACK, "ChangeSetName": "c", "NextToken": "t",
            "Changes": [change("Vanish", "", "Odd", "odd"), change("Add", "", "New", "")],
        }));
        assert_eq!(plan.lines().len(), 1);
        assert_eq!(plan.faults()[0].at, "Odd");
        assert_eq!(plan.notes().len(), 2, "{:?}", plan.notes());
    }

    #[test]
    fn a_template_says_that_it_does_not_know_what_is_there() {
        let plan = preview(json!({ "Resources": {
            "Table": { "Type": "AWS::DynamoDB::Table", "Properties": {} }, "Odd": {},
        } }));
        assert_eq!(plan.lines()[0].evidence, Evidence::Unknown);
        assert_eq!(plan.faults()[0].at, "Odd");
        assert!(plan.notes()[0].contains("make a change set"));
        assert!(Document::read(b"{}").unwrap().is_none());
    }
}
