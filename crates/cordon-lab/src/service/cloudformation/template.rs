//! Templates: what a stack shall be.
//!
//! Takes JSON; gives parameters, resources and outputs. Of the intrinsic functions the lab knows
//! `Ref`, `Fn::GetAtt` and `Fn::Sub`; a template that uses another is refused.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::resource::Kind;
use crate::json;
use crate::reply::Fault;

/// The longest template body, in bytes.
const BODY_LIMIT: usize = 51_200;
const SECTIONS: [&str; 6] = [
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
];

/// A template, read.
#[derive(Clone)]
pub(super) struct Template {
    pub(super) text: String,
    parameters: BTreeMap<String, Option<String>>,
    pub(super) resources: BTreeMap<String, Wanted>,
    pub(super) outputs: BTreeMap<String, Value>,
}

/// A resource as the template wants it.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) kind: Kind,
    pub(super) properties: Value,
    /// `DeletionPolicy: Retain`.
    pub(super) outlives_stack: bool,
    /// `UpdateReplacePolicy: Retain`.
    pub(super) outlives_replacement: bool,
    depends_on: Vec<String>,
}

/// Gives the value of `Ref X` (attribute `None`) or of `Fn::GetAtt X.Y`.
pub(super) type Lookup<'a> = &'a dyn Fn(&str, Option<&str>) -> Option<Value>;

fn format_error(text: impl std::fmt::Display) -> Fault {
    Fault::invalid(format!("Template format error: {text}"))
}

impl Template {
    /// Its parameters, each with its default value where it has one.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (&String, Option<&String>)> {
        self.parameters
            .iter()
            .map(|(name, default)| (name, default.as_ref()))
    }

    /// What a stack has before its first template.
    pub(super) fn none() -> Self {
        Self {
            text: String::new(),
            parameters: BTreeMap::new(),
            resources: BTreeMap::new(),
            outputs: BTreeMap::new(),
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > BODY_LIMIT {
            return Err(Fault::invalid(
                "1 validation error detected: Value at 'templateBody' failed to \
                 satisfy constraint: Member must have length less than or equal \
                 to 51200",
            ));
        }
        let document = json::parse(text.as_bytes())
            .map_err(|error| format_error(format!("JSON not well-formed. {error}")))?;
        let sections = document
            .as_object()
            .ok_or_else(|| format_error("not an object"))?;
        if let Some(name) = sections
            .keys()
            .find(|name| !SECTIONS.contains(&name.as_str()))
        {
            return Err(format_error(format!(
                "the lab does not read the section {name}"
            )));
        }
        let section = |name: &str| {
            document
                .get(name)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
        };
        let parameters = section("Parameters")
            .map(|(name, parameter)| (name.clone(), parameter.get("Default").map(plain)))
            .collect();
        let resources: BTreeMap<String, Wanted> = section("Resources")
            .map(|(name, resource)| Ok((name.clone(), Wanted::read(resource)?)))
            .collect::<Result<_, Fault>>()?;
        if resources.is_empty() {
            return Err(format_error(
                "At least one Resources member must be defined.",
            ));
        }
        let outputs: BTreeMap<String, Value> = section("Outputs")
            .map(|(name, output)| {
                (
                    name.clone(),
                    output.get("Value").cloned().unwrap_or_default(),
                )
            })
            .collect();
        let template = Self {
            text: text.to_owned(),
            parameters,
            resources,
            outputs,
        };
        template.check_references()?;
        Ok(template)
    }

    fn check_references(&self) -> Result<(), Fault> {
        let properties = self.resources.values().map(|wanted| &wanted.properties);
        for value in properties.chain(self.outputs.values()) {
            for name in references(value)? {
                let known = name.starts_with("AWS::")
                    || self.parameters.contains_key(&name)
                    || self.resources.contains_key(&name);
                if !known {
                    return Err(format_error(format!(
                        "Unresolved resource dependencies [{name}] in the Resources \
                         block of the template"
                    )));
                }
            }
        }
        Ok(())
    }

    /// The value of every parameter: the one given, or the default.
    pub(super) fn bind(
        &self,
        mut given: BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Fault> {
        let mut bound = BTreeMap::new();
        for (name, default) in &self.parameters {
            let value = given
                .remove(name)
                .or_else(|| default.clone())
                .ok_or_else(|| Fault::invalid(format!("Parameters: [{name}] must have values")))?;
            bound.insert(name.clone(), value);
        }
        match given.keys().next() {
            Some(name) => Err(Fault::invalid(format!(
                "Parameters: [{name}] do not exist in the template"
            ))),
            None => Ok(bound),
        }
    }

    /// The resources, each after those that it needs.
    pub(super) fn ordered(&self) -> Result<Vec<(&String, &Wanted)>, Fault> {
        let mut done: BTreeSet<&str> = BTreeSet::new();
        let mut order = Vec::new();
        while order.len() < self.resources.len() {
            let before = order.len();
            for (name, wanted) in self
                .resources
                .iter()
                .filter(|(name, _)| !done.contains(name.as_str()))
                .collect::<Vec<_>>()
            {
                let needed = wanted.needs()?;
                let is_ready = needed
                    .iter()
                    .all(|need| !self.resources.contains_key(need) || done.contains(need.as_str()));
                if is_ready {
                    done.insert(name);
                    order.push((name, wanted));
                }
            }
            if order.len() == before {
                return Err(Fault::invalid("Circular dependency between resources"));
            }
        }
        Ok(order)
    }
}

impl Wanted {
    fn read(resource: &Value) -> Result<Self, Fault> {
        let text = |name: &str| resource.get(name).and_then(Value::as_str);
        if resource.get("Condition").is_some() {
            return Err(format_error("the lab does not read conditions"));
        }
        let kind = text("Type").unwrap_or_default();
        let depends_on = match resource.get("DependsOn") {
            Some(Value::String(name)) => vec![name.clone()],
            Some(Value::Array(names)) => names
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        };
        Ok(Self {
            kind: Kind::named(kind)
                .ok_or_else(|| format_error(format!("Unrecognized resource types: [{kind}]")))?,
            properties: resource
                .get("Properties")
                .cloned()
                .unwrap_or_else(|| json!({})),
            outlives_stack: text("DeletionPolicy") == Some("Retain"),
            outlives_replacement: text("UpdateReplacePolicy") == Some("Retain"),
            depends_on,
        })
    }

    fn needs(&self) -> Result<Vec<String>, Fault> {
        let mut needs = references(&self.properties)?;
        needs.extend(self.depends_on.iter().cloned());
        Ok(needs)
    }
}

/// The values of parameters, outputs and attributes are text, whatever they were written as.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// An intrinsic function: an object with this one member.
fn function(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    let (name, argument) = map.iter().next()?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name.as_str(), argument))
}

fn attribute(argument: &Value) -> Option<(String, String)> {
    match argument {
        Value::String(text) => text
            .split_once('.')
            .map(|(name, attribute)| (name.to_owned(), attribute.to_owned())),
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(name), Value::String(attribute)] => {
                Some((name.clone(), attribute.clone()))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The pieces of a `Fn::Sub`: text, and names in `${}`.
fn pieces(text: &str) -> Vec<Result<&str, &str>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else {
            break;
        };
        pieces.push(Ok(before));
        pieces.push(Err(name));
        rest = behind;
    }
    pieces.push(Ok(rest));
    pieces
}

/// Every name that a value refers to.
pub(super) fn references(value: &Value) -> Result<Vec<String>, Fault> {
    let malformed = || format_error("an intrinsic function has a wrong argument");
    match (function(value), value) {
        (Some(("Ref", argument)), _) => {
            Ok(vec![argument.as_str().ok_or_else(malformed)?.to_owned()])
        }
        (Some(("Fn::GetAtt", argument)), _) => {
            Ok(vec![attribute(argument).ok_or_else(malformed)?.0])
        }
        (Some(("Fn::Sub", argument)), _) => {
            let text = argument.as_str().ok_or_else(malformed)?;
            Ok(pieces(text)
                .into_iter()
                .filter_map(Result::err)
                .map(|name| name.split('.').next().unwrap_or(name).to_owned())
                .collect())
        }
        (Some((name, _)), _) => Err(format_error(format!("the lab does not evaluate {name}"))),
        (None, Value::Array(members)) => members
            .iter()
            .map(references)
            .collect::<Result<Vec<_>, _>>()
            .map(|lists| lists.concat()),
        (None, Value::Object(members)) => members
            .values()
            .map(references)
            .collect::<Result<Vec<_>, _>>()
            .map(|lists| lists.concat()),
        _ => Ok(Vec::new()),
    }
}

/// The value with every reference replaced that `lookup` knows; others stay as they are.
pub(super) fn resolve(value: &Value, lookup: Lookup<'_>) -> Value {
    match (function(value), value) {
        (Some(("Ref", argument)), _) => argument
            .as_str()
            .and_then(|name| lookup(name, None))
            .unwrap_or_else(|| value.clone()),
        (Some(("Fn::GetAtt", argument)), _) => attribute(argument)
            .and_then(|(name, attribute)| lookup(&name, Some(&attribute)))
            .unwrap_or_else(|| value.clone()),
        (Some(("Fn::Sub", argument)), _) => argument
            .as_str()
            .map_or_else(|| value.clone(), |text| substitute(text, lookup)),
        (_, Value::Array(members)) => Value::Array(
            members
                .iter()
                .map(|member| resolve(member, lookup))
                .collect(),
        ),
        (_, Value::Object(members)) => {
            let resolved: Map<String, Value> = members
                .iter()
                .map(|(name, member)| (name.clone(), resolve(member, lookup)))
                .collect();
            Value::Object(resolved)
        }
        _ => value.clone(),
    }
}

fn substitute(text: &str, lookup: Lookup<'_>) -> Value {
    let mut out = String::new();
    let mut is_complete = true;
    for piece in pieces(text) {
        match piece {
            Ok(text) => out.push_str(text),
            Err(name) => {
                let found = match name.split_once('.') {
                    Some((resource, attribute)) => lookup(resource, Some(attribute)),
                    None => lookup(name, None),
                };
                match found {
                    Some(value) => out.push_str(&plain(&value)),
                    None => {
                        is_complete = false;
                        out.push_str(&format!("${{{name}}}"));
                    }
                }
            }
        }
    }
    match is_complete {
        true => Value::String(out),
        false => json!({"Fn::Sub": out}),
    }
}
