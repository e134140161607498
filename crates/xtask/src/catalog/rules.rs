//! botocore's endpoint rule sets: a small evaluator, and the partitions that they speak of.
//!
//! Takes the rules of a service and parameters (region, FIPS, dual-stack, what an operation fixes);
//! gives the endpoint that an SDK would use. A rule set is a tree of conditions; the first branch
//! whose conditions hold decides.

use super::Fault;
use super::models::read_json;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The partitions and their regions.
pub(super) struct Partitions(pub Vec<Partition>);

#[derive(Deserialize)]
pub(super) struct Partition {
    pub id: String,
    pub outputs: Outputs,
    pub regions: BTreeMap<String, serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outputs {
    pub dns_suffix: String,
    pub dual_stack_dns_suffix: String,
    pub implicit_global_region: String,
    #[serde(rename = "supportsFIPS")]
    pub supports_fips: bool,
    pub supports_dual_stack: bool,
}

impl Partitions {
    pub(super) fn read(data: &Path) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Written {
            partitions: Vec<Partition>,
        }
        let mut partitions = read_json::<Written>(&data.join("partitions.json"))?.partitions;
        partitions.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(Self(partitions))
    }

    fn of_region(&self, region: &str) -> Option<&Partition> {
        let lists = |partition: &&Partition| partition.regions.contains_key(region);
        self.0
            .iter()
            .find(lists)
            .or_else(|| self.0.iter().find(|partition| partition.id == "aws"))
    }
}

impl Partition {
    fn value(&self) -> Value {
        serde_json::json!({
            "name": self.id,
            "dnsSuffix": self.outputs.dns_suffix,
            "dualStackDnsSuffix": self.outputs.dual_stack_dns_suffix,
            "supportsFIPS": self.outputs.supports_fips,
            "supportsDualStack": self.outputs.supports_dual_stack,
            "implicitGlobalRegion": self.outputs.implicit_global_region,
        })
    }
}

/// The rules of one service.
#[derive(Deserialize)]
pub(super) struct RuleSet {
    parameters: BTreeMap<String, Parameter>,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Parameter {
    default: Option<Value>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(default)]
    conditions: Vec<Call>,
    #[serde(default)]
    rules: Vec<Rule>,
    endpoint: Option<EndpointRule>,
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Call {
    #[serde(rename = "fn")]
    function: String,
    argv: Vec<Value>,
    assign: Option<String>,
}

#[derive(Deserialize)]
struct EndpointRule {
    url: Value,
    #[serde(default)]
    properties: Value,
}

/// What a rule set decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resolved {
    pub host: String,
    pub signing_region: Option<String>,
    pub signing_name: Option<String>,
}

/// Parameters of a rule set.
pub(super) type Parameters = BTreeMap<String, Value>;

impl RuleSet {
    /// Reads the rules in a service's folder.
    pub(super) fn read(folder: &Path) -> Result<Self, Fault> {
        read_json(&folder.join("endpoint-rule-set-1.json.gz"))
    }

    /// Whether the rules ask for the parameter.
    pub(super) fn takes(&self, parameter: &str) -> bool {
        self.parameters.contains_key(parameter)
    }

    /// The endpoint for `given`; nothing where the rules end in an error.
    pub(super) fn resolve(&self, partitions: &Partitions, given: &Parameters) -> Option<Resolved> {
        let mut scope = Parameters::new();
        for (name, parameter) in &self.parameters {
            if let Some(default) = &parameter.default {
                scope.insert(name.clone(), default.clone());
            }
        }
        scope.extend(
            given
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        Evaluation { partitions }
            .first(&self.rules, &scope)
            .flatten()
    }
}

struct Evaluation<'a> {
    partitions: &'a Partitions,
}

impl Evaluation<'_> {
    /// The verdict of the first rule that holds: an endpoint, or an error.
    fn first(&self, rules: &[Rule], scope: &Parameters) -> Option<Option<Resolved>> {
        for rule in rules {
            let Some(scope) = self.holds(&rule.conditions, scope) else {
                continue;
            };
            if rule.error.is_some() {
                return Some(None);
            }
            if let Some(endpoint) = &rule.endpoint {
                return Some(self.endpoint(endpoint, &scope));
            }
            if let Some(verdict) = self.first(&rule.rules, &scope) {
                return Some(verdict);
            }
        }
        None
    }

    /// The scope with what the conditions assign, if all hold.
    fn holds(&self, conditions: &[Call], scope: &Parameters) -> Option<Parameters> {
        let mut scope = scope.clone();
        for condition in conditions {
            let value = self.call(&condition.function, &condition.argv, &scope);
            if matches!(value, Value::Null | Value::Bool(false)) {
                return None;
            }
            if let Some(name) = &condition.assign {
                scope.insert(name.clone(), value);
            }
        }
        Some(scope)
    }

    fn endpoint(&self, rule: &EndpointRule, scope: &Parameters) -> Option<Resolved> {
        let url = self.value(&rule.url, scope);
        let host = url.as_str()?.strip_prefix("https://")?;
        // The one of Signature Version 4, which most clients can; 4A may stand before it.
        let schemes = rule.properties.get("authSchemes").and_then(Value::as_array);
        let is_v4 = |scheme: &&Value| {
            let name = scheme.get("name").and_then(Value::as_str);
            name.is_some_and(|name| name.starts_with("sigv4") && name != "sigv4a")
        };
        let scheme = schemes.and_then(|all| all.iter().find(is_v4).or_else(|| all.first()));
        let property = |name: &str| {
            let value = self.value(scheme?.get(name)?, scope);
            value.as_str().map(str::to_owned)
        };
        Some(Resolved {
            host: host.split('/').next()?.to_owned(),
            signing_region: property("signingRegion"),
            signing_name: property("signingName"),
        })
    }

    /// A literal, a template, a reference or a nested call.
    fn value(&self, written: &Value, scope: &Parameters) -> Value {
        match written {
            Value::String(template) => Value::String(self.fill(template, scope)),
            Value::Object(object) => match (object.get("ref"), object.get("fn")) {
                (Some(Value::String(name)), _) => scope.get(name).cloned().unwrap_or(Value::Null),
                (None, Some(Value::String(function))) => {
                    let argv = object.get("argv").and_then(Value::as_array);
                    self.call(function, argv.map_or(&[][..], Vec::as_slice), scope)
                }
                _ => written.clone(),
            },
            _ => written.clone(),
        }
    }

    /// Replaces `{Name}` and `{Name#attribute}`.
    fn fill(&self, template: &str, scope: &Parameters) -> String {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, tail)) = after.split_once('}') else {
                break;
            };
            filled.push_str(before);
            let value = match name.split_once('#') {
                Some((name, path)) => attribute(scope.get(name), path),
                None => scope.get(name).cloned().unwrap_or(Value::Null),
            };
            filled.push_str(value.as_str().unwrap_or_default());
            rest = tail;
        }
        filled + rest
    }

    fn call(&self, function: &str, argv: &[Value], scope: &Parameters) -> Value {
        let argument = |index: usize| {
            argv.get(index)
                .map_or(Value::Null, |written| self.value(written, scope))
        };
        let (first, second) = (argument(0), argument(1));
        match function {
            "isSet" => Value::Bool(!first.is_null()),
            "not" => Value::Bool(matches!(first, Value::Null | Value::Bool(false))),
            "booleanEquals" | "stringEquals" => Value::Bool(first == second),
            "getAttr" => attribute(Some(&first), second.as_str().unwrap_or_default()),
            "aws.partition" => first
                .as_str()
                .and_then(|region| self.partitions.of_region(region))
                .map_or(Value::Null, Partition::value),
            "isValidHostLabel" => {
                let dots = second == Value::Bool(true);
                let text = first.as_str().unwrap_or_default();
                let valid = |label: &str| {
                    (1..=63).contains(&label.len())
                        && label
                            .bytes()
                            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                };
                Value::Bool(match dots {
                    true => text.split('.').all(valid),
                    false => valid(text),
                })
            }
            "substring" => {
                let text = first.as_str().unwrap_or_default();
                let number = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
                let (from, to) = (number(&second), number(&argument(2)));
                let (Some(from), Some(to)) = (from, to) else {
                    return Value::Null;
                };
                let range = match argument(3) {
                    Value::Bool(true) => {
                        text.len().saturating_sub(to)..text.len().saturating_sub(from)
                    }
                    _ => from..to,
                };
                match text.len() >= to {
                    true => text.get(range).map_or(Value::Null, Value::from),
                    false => Value::Null,
                }
            }
            // Rules that look at ARNs, URLs and buckets are not asked here: nothing gives them one.
            _ => Value::Null,
        }
    }
}

fn attribute(value: Option<&Value>, path: &str) -> Value {
    value
        .and_then(|value| value.get(path))
        .cloned()
        .unwrap_or(Value::Null)
}
