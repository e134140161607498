//! The grammar of policy documents.
//!
//! Takes text; gives a [`Policy`], or says what is wrong. Members that the grammar does not have,
//! members given twice and statements without effect, action or resource are refused, as IAM and
//! STS do (`MalformedPolicyDocument`).

use serde_json::{Map, Value};

use super::condition::Condition;
use super::{Case, Effect, Matcher, Policy, Statement};
use crate::json;

/// Where a policy stands, which decides what its statements must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// On a user or role, or as a session policy: resources, no principals.
    Identity,
    /// Who may assume a role: principals, no resources.
    Trust,
    /// On a bucket: principals and resources.
    Resource,
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct PolicyFault(String);

fn fault<T>(text: impl Into<String>) -> Result<T, PolicyFault> {
    Err(PolicyFault(text.into()))
}

/// Reads a policy.
pub(crate) fn parse(text: &str, kind: Kind) -> Result<Policy, PolicyFault> {
    let document = match json::parse(text.as_bytes()) {
        Ok(Value::Object(document)) => document,
        Ok(_) => return fault("the policy is not an object"),
        Err(error) => return fault(format!("the policy is not JSON: {error}")),
    };
    only(&document, &["Version", "Id", "Statement"])?;
    match document.get("Version").and_then(Value::as_str) {
        Some("2012-10-17" | "2008-10-17") => {}
        None if !document.contains_key("Version") => {}
        _ => return fault("Version must be 2012-10-17 or 2008-10-17"),
    }
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements
            .iter()
            .map(|statement| read(statement, kind))
            .collect::<Result<_, _>>()?,
        Some(statement @ Value::Object(_)) => vec![read(statement, kind)?],
        _ => return fault("the policy has no Statement"),
    };
    Ok(Policy {
        text: text.to_owned(),
        statements,
    })
}

fn only(map: &Map<String, Value>, known: &[&str]) -> Result<(), PolicyFault> {
    match map.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => fault(format!("unknown member `{name}`")),
        None => Ok(()),
    }
}

fn read(statement: &Value, kind: Kind) -> Result<Statement, PolicyFault> {
    let Value::Object(statement) = statement else {
        return fault("a statement is not an object");
    };
    only(
        statement,
        &[
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ],
    )?;
    match statement.get("Sid") {
        None => {}
        Some(Value::String(sid))
            if kind != Kind::Identity || sid.chars().all(|c| c.is_ascii_alphanumeric()) => {}
        Some(_) => return fault("Sid must be alphanumeric"),
    }
    let effect = match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return fault("Effect must be Allow or Deny"),
    };
    let actions = either(statement, "Action", "NotAction", Case::Insensitive)?
        .ok_or(PolicyFault("a statement has no Action".to_owned()))?;
    if let Some(action) = actions.patterns.iter().find(|action| !is_action(action)) {
        return fault(format!("`{action}` is not an action"));
    }
    let resources = either(statement, "Resource", "NotResource", Case::Sensitive)?;
    match (&resources, kind) {
        (Some(_), Kind::Trust) => return fault("a trust policy has no Resource"),
        (None, Kind::Identity | Kind::Resource) => return fault("a statement has no Resource"),
        _ => {}
    }
    if let Some(resource) = resources
        .iter()
        .flat_map(|list| &list.patterns)
        .find(|text| !is_resource(text))
    {
        return fault(format!("`{resource}` is not an ARN or `*`"));
    }
    Ok(Statement {
        effect,
        principals: principals(statement, kind)?,
        actions,
        resources,
        conditions: conditions(statement)?,
    })
}

fn is_action(text: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "*?-".contains(c))
    };
    text == "*"
        || text
            .split_once(':')
            .is_some_and(|(service, name)| is_name(service) && is_name(name))
}

fn is_resource(text: &str) -> bool {
    text == "*" || (text.starts_with("arn:") && text.splitn(6, ':').count() == 6)
}

fn either(
    statement: &Map<String, Value>,
    name: &str,
    negative: &str,
    case: Case,
) -> Result<Option<Matcher>, PolicyFault> {
    let (value, negated) = match (statement.get(name), statement.get(negative)) {
        (Some(_), Some(_)) => return fault(format!("a statement has both {name} and {negative}")),
        (None, None) => return Ok(None),
        (Some(value), None) => (value, false),
        (None, Some(value)) => (value, true),
    };
    Ok(Some(Matcher {
        patterns: texts(value, name)?,
        negated,
        case,
    }))
}

/// One text, or a list of at least one.
pub(super) fn texts(value: &Value, name: &str) -> Result<Vec<String>, PolicyFault> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        _ => fault(format!("{name} must be text")),
    };
    match value {
        Value::Array(members) if !members.is_empty() => members.iter().map(one).collect(),
        Value::Array(_) => fault(format!("{name} is empty")),
        value => Ok(vec![one(value)?]),
    }
}

fn principals(statement: &Map<String, Value>, kind: Kind) -> Result<Option<Matcher>, PolicyFault> {
    let (value, negated) = match (
        statement.get("Principal"),
        statement.get("NotPrincipal"),
        kind,
    ) {
        (None, None, Kind::Identity) => return Ok(None),
        (_, _, Kind::Identity) => return fault("the policy names a principal"),
        (Some(value), None, _) => (value, false),
        (None, Some(value), _) => (value, true),
        _ => return fault("a statement has no single Principal"),
    };
    let patterns = match value {
        Value::String(text) if text == "*" => vec!["*".to_owned()],
        Value::Object(kinds) => {
            only(kinds, &["AWS", "Service", "Federated"])?;
            let mut names = Vec::new();
            for (kind, value) in kinds {
                for name in texts(value, kind)? {
                    // Only whole names count; IAM knows no wildcard inside a principal.
                    match name == "*" || !name.contains(['*', '?']) {
                        true => names.push(name),
                        false => return fault(format!("principal `{name}` has a wildcard")),
                    }
                }
            }
            names
        }
        _ => return fault("Principal must be `*` or an object"),
    };
    Ok(Some(Matcher {
        patterns,
        negated,
        case: Case::Sensitive,
    }))
}

fn conditions(statement: &Map<String, Value>) -> Result<Vec<Condition>, PolicyFault> {
    let operators = match statement.get("Condition") {
        None => return Ok(Vec::new()),
        Some(Value::Object(operators)) => operators,
        Some(_) => return fault("Condition must be an object"),
    };
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let Value::Object(keys) = keys else {
            return fault(format!("condition `{operator}` must be an object"));
        };
        for (key, value) in keys {
            conditions.push(Condition::new(operator, key, texts(value, key)?));
        }
    }
    Ok(conditions)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn malformed_documents_are_refused() {
        for text in [
            "{nope",
            "[]",
            "{}",
            r#"{"Statement":[]}"#,
            r#"{"Version":"2026-01-01","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"allow","Action":"s3:*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","NotAction":"s3:x","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"s3","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Effects":"x"}}"#,
            r#"{"Statement":{"Effect":"Deny","Effect":"Allow","Action":"s3:*","Resource":"*"}}"#,
        ] {
            assert!(parse(text, Kind::Identity).is_err(), "{text}");
        }
    }
}
