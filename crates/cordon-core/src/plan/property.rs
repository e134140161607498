//! What changes of a resource: each property before and after, without the values of secrets.
//!
//! A value is shown as its JSON on one line, cut where it is long. What the source marks as
//! sensitive is never shown, nor is what its name says of itself: plans are posted to pull requests.

use super::Evidence;
use jiff::Timestamp;
use serde_json::Value;

/// One property that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Its name.
    pub name: Box<str>,
    /// What it is now; nothing where it is absent or was not read.
    pub before: Option<String>,
    /// What it will be; nothing where it is absent.
    pub after: Option<String>,
    /// Whether it is why the resource is replaced.
    pub forces_replacement: bool,
    /// When `before` was read; nothing where another tool tells it, or nobody does.
    pub observed: Option<Timestamp>,
    /// How `after` is known.
    pub evidence: Evidence,
}

impl Property {
    /// Whether nobody knows what it is now.
    #[must_use]
    pub fn before_unknown(&self) -> bool {
        self.before.is_none() && self.observed.is_none() && self.evidence != Evidence::FromPlan
    }
}

/// What stands for a value that nobody may see.
pub(crate) const SENSITIVE: &str = "(sensitive)";
/// What stands for a value that is only known once it happened.
pub(super) const UNKNOWN: &str = "(known after apply)";

/// The longest text of a value, in characters.
const LONGEST: usize = 200;

/// Parts of names that tell a secret wherever they stand, compared without `_` and `-`.
const TELLING: [&str; 9] = [
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "privatekey",
    "credential",
    "userdata",
    "authkey",
];

/// Names that hold a telling word and no secret.
const HARMLESS: [&str; 6] = [
    "secretarn",
    "secretid",
    "secretname",
    "forceoverwritereplicasecret",
    "managemasteruserpassword",
    "passwordresetrequired",
];

/// Whether the name of a property says that its value is a secret.
pub(crate) fn is_telling(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    TELLING.iter().any(|word| plain.contains(word)) && !HARMLESS.contains(&&*plain)
}

/// `value` in the same shape, with marks in the place of what `sensitive` marks: `true`, or a shape
/// of its own.
pub(crate) fn masked(name: &str, value: &Value, sensitive: Option<&Value>) -> Value {
    if value.is_null() {
        return Value::Null;
    }
    if sensitive == Some(&Value::Bool(true)) || is_telling(name) {
        return Value::String(SENSITIVE.to_owned());
    }
    match value {
        Value::Object(members) => {
            // `{ "name": "DB_PASSWORD", "value": ... }` names its secret in a value.
            let mut names = members.get("name").into_iter().chain(members.get("key"));
            let named = names.any(|name| name.as_str().is_some_and(is_telling));
            let masked = members.iter().map(|(name, value)| {
                let marks = sensitive.and_then(|sensitive| sensitive.get(name));
                let inner = match named && name == "value" {
                    true => Some(&Value::Bool(true)),
                    false => marks,
                };
                (name.clone(), masked(name, value, inner))
            });
            Value::Object(masked.collect())
        }
        Value::Array(items) => {
            let masked = items.iter().enumerate().map(|(at, value)| {
                masked("", value, sensitive.and_then(|sensitive| sensitive.get(at)))
            });
            Value::Array(masked.collect())
        }
        // Documents inside of texts, container definitions for one, name secrets as well.
        Value::String(text) if text.starts_with(['{', '[']) => {
            match serde_json::from_str::<Value>(text) {
                Ok(inner) => Value::String(masked("", &inner, None).to_string()),
                Err(_) => value.clone(),
            }
        }
        other => other.clone(),
    }
}

/// A masked value as one line.
pub(crate) fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(name: &str, value: Value, sensitive: Value, expected: Value) {
        assert_eq!(masked(name, &value, Some(&sensitive)), expected);
    }

    #[test]
    fn what_is_marked_or_named_a_secret_is_never_shown() {
        let hidden = json!(SENSITIVE);
        check("note", json!("x"), json!(true), hidden.clone());
        check("master_password", json!("x"), json!(false), hidden.clone());
        check("user_data", json!("x"), json!({}), hidden.clone());
        check(
            "block",
            json!([{ "a": 1, "b": "x" }]),
            json!([{ "b": true }]),
            json!([{ "a": 1, "b": hidden }]),
        );
        check(
            "environment",
            json!([{ "variables": { "DB_PASSWORD": "x", "LEVEL": "info" } }]),
            json!([{ "variables": {} }]),
            json!([{ "variables": { "DB_PASSWORD": hidden, "LEVEL": "info" } }]),
        );
        check(
            "container_definitions",
            json!(r#"[{"environment":[{"name":"API_TOKEN","value":"x"}],"token":"x"}]"#),
            json!({}),
            json!(
                r#"[{"environment":[{"name":"API_TOKEN","value":"(sensitive)"}],"token":"(sensitive)"}]"#
            ),
        );
        check(
            "secret_arn",
            json!("arn:aws:x"),
            json!({}),
            json!("arn:aws:x"),
        );
        check("password", json!(null), json!(true), json!(null));
    }

    #[test]
    fn a_long_value_is_cut_at_a_character() {
        let text = "ü".repeat(LONGEST + 1);
        assert_eq!(shown(&json!(text)).chars().count(), LONGEST + 1);
        assert!(shown(&json!(text)).ends_with('…'));
    }
}
