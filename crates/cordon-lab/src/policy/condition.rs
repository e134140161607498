//! Conditions of a policy statement.
//!
//! Takes an operator, a key and the policy's values; says whether they hold for the [`Context`]
//! of a request. Operators and keys that are not in the lists here are [`Truth::Unknown`].

use std::collections::BTreeMap;

use super::{Truth, glob};

/// Keys that the lab knows; a known key may be absent from a request, an unknown one is never
/// taken for absent.
const KEYS: [&str; 15] = [
    "aws:multifactorauthpresent",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:requestedregion",
    "aws:securetransport",
    "aws:sourceidentity",
    "aws:userid",
    "aws:username",
    "iam:passedtoservice",
    "iam:policyarn",
    "s3:delimiter",
    "s3:prefix",
    "sts:externalid",
    "sts:rolesessionname",
    "sts:sourceidentity",
];

/// Prefixes of keys that the lab knows.
const PREFIXES: [&str; 1] = ["aws:principaltag/"];

/// What is known about a request. Names ignore case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context(BTreeMap<String, String>);

impl Context {
    #[cfg(test)]
    pub(crate) fn from_pairs(pairs: &[(&str, &str)]) -> Self {
        let mut context = Self::default();
        pairs
            .iter()
            .for_each(|(key, value)| context.set(key, *value));
        context
    }

    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(key.to_ascii_lowercase(), value.into());
    }
}

/// One operator on one key.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    operator: Option<Operator>,
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    EqualsIgnoreCase,
    Like,
    NotEquals,
    NotEqualsIgnoreCase,
    NotLike,
    Bool,
    Null,
}

impl Operator {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "StringEquals" => Self::Equals,
            "StringEqualsIgnoreCase" => Self::EqualsIgnoreCase,
            // `ArnEquals` and `ArnLike` behave alike: both take wildcards.
            "StringLike" | "ArnLike" | "ArnEquals" => Self::Like,
            "StringNotEquals" => Self::NotEquals,
            "StringNotEqualsIgnoreCase" => Self::NotEqualsIgnoreCase,
            "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => Self::NotLike,
            "Bool" => Self::Bool,
            "Null" => Self::Null,
            _ => return None,
        })
    }

    /// Whether an absent key makes the operator hold.
    fn holds_when_absent(self) -> bool {
        matches!(
            self,
            Self::NotEquals | Self::NotEqualsIgnoreCase | Self::NotLike
        )
    }

    fn compare(self, actual: &str, values: &[String]) -> bool {
        let any = |test: &dyn Fn(&str) -> bool| values.iter().any(|value| test(value));
        match self {
            Self::Equals => any(&|value| value == actual),
            Self::EqualsIgnoreCase | Self::Bool => any(&|value| value.eq_ignore_ascii_case(actual)),
            Self::Like => any(&|value| glob(value, actual)),
            Self::NotEquals => !any(&|value| value == actual),
            Self::NotEqualsIgnoreCase => !any(&|value| value.eq_ignore_ascii_case(actual)),
            Self::NotLike => !any(&|value| glob(value, actual)),
            Self::Null => any(&|value| value == "false"),
        }
    }
}

impl Condition {
    pub(super) fn new(operator: &str, key: &str, values: Vec<String>) -> Self {
        let (name, if_exists) = match operator.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (operator, false),
        };
        Self {
            operator: Operator::named(name),
            if_exists,
            key: key.to_ascii_lowercase(),
            values,
        }
    }

    pub(super) fn holds(&self, context: &Context) -> Truth {
        let Some(operator) = self.operator else {
            return Truth::Unknown;
        };
        let known = KEYS.contains(&self.key.as_str())
            || PREFIXES.iter().any(|prefix| self.key.starts_with(prefix));
        if !known || self.values.iter().any(|value| value.contains("${")) {
            return Truth::Unknown;
        }
        match context.0.get(&self.key) {
            Some(actual) => Truth::of(operator.compare(actual, &self.values)),
            None if operator == Operator::Null => {
                Truth::of(self.values.iter().any(|value| value == "true"))
            }
            None => Truth::of(self.if_exists || operator.holds_when_absent()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(operator: &str, key: &str, value: &str, expected: Truth) {
        let context = Context::from_pairs(&[
            ("aws:RequestedRegion", "cn-north-1"),
            ("aws:SecureTransport", "false"),
        ]);
        let condition = Condition::new(operator, key, vec![value.to_owned()]);
        assert_eq!(
            condition.holds(&context),
            expected,
            "{operator} {key} {value}"
        );
    }

    #[test]
    fn operators_hold_as_iam_says() {
        check(
            "StringEquals",
            "aws:RequestedRegion",
            "cn-north-1",
            Truth::Yes,
        );
        check(
            "StringEquals",
            "aws:requestedregion",
            "cn-northwest-1",
            Truth::No,
        );
        check("StringLike", "aws:RequestedRegion", "cn-*", Truth::Yes);
        check(
            "StringNotEquals",
            "aws:RequestedRegion",
            "cn-north-1",
            Truth::No,
        );
        check("Bool", "aws:SecureTransport", "false", Truth::Yes);
        check("Null", "aws:SourceIdentity", "true", Truth::Yes);
        check("Null", "aws:RequestedRegion", "true", Truth::No);
        check("StringEquals", "aws:SourceIdentity", "x", Truth::No);
        check("StringNotEquals", "aws:SourceIdentity", "x", Truth::Yes);
        check(
            "StringEqualsIfExists",
            "aws:SourceIdentity",
            "x",
            Truth::Yes,
        );
        check(
            "DateLessThan",
            "aws:CurrentTime",
            "2026-01-01T00:00:00Z",
            Truth::Unknown,
        );
        check("StringEquals", "made:Up", "x", Truth::Unknown);
        check(
            "ForAnyValue:StringEquals",
            "aws:RequestedRegion",
            "cn-north-1",
            Truth::Unknown,
        );
    }
}
