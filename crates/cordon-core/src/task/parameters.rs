//! What a task asks of an access beside its permits: the place, and with `only_params` and `limits`
//! that the call carries only what the task lists for it.

use super::{Allow, Head, Limit, Reach, Target, Task};
use crate::assess::AssessedAccess;
use crate::glob;
use cordon_aws::call::Call;
use cordon_aws::value::Value;
use jiff::Timestamp;

impl Task {
    /// Whether some access of `call` is allowed only by entries that limit parameters, and the
    /// call keeps to none of them. An access that no entry reaches is out of scope, which is
    /// another answer.
    pub(crate) fn is_outside_parameters(&self, call: &Call, accesses: &[AssessedAccess]) -> bool {
        if self.allows.iter().all(|allow| !allow.limits_parameters()) {
            return false;
        }
        accesses.iter().any(|access| {
            let mut reaching = self
                .allows
                .iter()
                .filter(|allow| self.reaches(allow, access))
                .peekable();
            reaching.peek().is_some() && !reaching.any(|allow| allow.keeps(call))
        })
    }

    /// Whether the task names this very action, and not only a class of it, on the resource.
    pub(crate) fn names_access(&self, access: &AssessedAccess) -> bool {
        let Some(index) = self.actions.index(&access.access.action) else {
            return false;
        };
        let names = |allow: &&Allow| allow.names(index) && self.reaches(allow, access);
        let target = |target: &Target| {
            target.actions.contains(index) && *target.arn.as_str() == *access.access.resource.arn
        };
        self.allows.iter().any(|allow| names(&allow))
            || self.destroy.iter().chain(&self.replace).any(target)
    }

    /// Whether the entries that reach an access all limit this parameter.
    pub(crate) fn limits(&self, access: &AssessedAccess, parameter: &str) -> bool {
        let mut reaching = self
            .allows
            .iter()
            .filter(|allow| self.reaches(allow, access));
        reaching.all(|allow| allow.limits.iter().any(|(path, _)| &**path == parameter))
    }

    /// Whether the task names `arn` under `[replace]`.
    pub(crate) fn replaces(&self, arn: &str) -> bool {
        self.replace.iter().any(|target| target.arn.as_str() == arn)
    }

    /// Whether the task names `action` on `arn`.
    pub(crate) fn names(&self, action: &str, arn: &str) -> bool {
        let Some(index) = self.actions.index(action) else {
            return false;
        };
        self.allows
            .iter()
            .any(|allow| allow.names(index) && allow.on.reaches(arn, false))
    }

    fn reaches(&self, allow: &Allow, access: &AssessedAccess) -> bool {
        let index = self.actions.index(&access.access.action);
        index.is_some_and(|index| allow.actions.contains(index))
            && (allow.environments.is_empty() || allow.environments.contains(&access.environment))
            && allow.on.reaches(&access.access.resource.arn, access.own)
    }
}

impl Task {
    /// Whether the task speaks about a place at all: it has not expired, the account and region
    /// are declared, and what changes is in a declared environment or was made by the task.
    pub(crate) fn confines(&self, place: &Place<'_>, now: Timestamp) -> bool {
        let account = self
            .accounts
            .iter()
            .any(|account| account.as_str() == place.account);
        let region = place.region == "aws-global"
            || self
                .regions
                .iter()
                .any(|region| region.as_str() == place.region);
        let environment = !place.mutates
            || place.own
            || place.environments.iter().any(|name| {
                self.environments
                    .iter()
                    .any(|declared| declared.as_str() == *name)
            });
        now < self.expires_at && account && region && environment
    }
}

/// Where one access happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    /// The environment of the resource and all that it is part of.
    pub(crate) environments: &'a [&'a str],
    /// Whether the task made the resource.
    pub(crate) own: bool,
    /// Whether the access changes something.
    pub(crate) mutates: bool,
}

impl Reach {
    /// Whether it reaches what the task created and nothing else.
    pub(crate) fn is_only_own(&self) -> bool {
        self.own && !self.anything && !self.nothing && self.arns.is_empty()
    }

    pub(crate) fn reaches(&self, arn: &str, own: bool) -> bool {
        self.anything
            || (self.own && own)
            || (self.nothing && arn == "*")
            || self.arns.iter().any(|pattern| glob::matches(pattern, arn))
    }
}

impl Allow {
    /// Whether the entry lists the action itself, by name or by a wildcard over names.
    fn names(&self, action: usize) -> bool {
        self.parts
            .iter()
            .any(|part| part.head == Head::Named && part.actions.contains(action))
    }

    fn limits_parameters(&self) -> bool {
        self.only_params.is_some() || !self.limits.is_empty()
    }

    fn keeps(&self, call: &Call) -> bool {
        let listed = self.only_params.as_ref().is_none_or(|listed| {
            let Value::Structure(members) = call.parameters() else {
                return false;
            };
            members
                .keys()
                .all(|name| listed.contains(name) || is_idempotency_token(call, name))
        });
        let limited = self.limits.iter().all(|(path, limit)| {
            call.parameters()
                .at(path)
                .into_iter()
                .all(|value| limit.holds(value))
        });
        listed && limited
    }
}

/// SDKs fill these anew for each attempt; nobody lists them, and they change nothing.
fn is_idempotency_token(call: &Call, name: &str) -> bool {
    call.operation()
        .input()
        .and_then(|input| input.member(name))
        .is_some_and(|member| member.idempotency_token())
}

impl Limit {
    /// Whether `value` keeps the limit. A value that is no number keeps no range.
    pub(crate) fn holds(&self, value: &Value) -> bool {
        let in_range = match (self.min, self.max) {
            (None, None) => true,
            (min, max) => number(value).is_some_and(|number| {
                min.is_none_or(|min| number >= min as f64)
                    && max.is_none_or(|max| number <= max as f64)
            }),
        };
        let among = self.one_of.as_ref().is_none_or(|listed| {
            let text = match value {
                Value::String(text) | Value::Integer(text) | Value::Float(text) => text,
                Value::Bool(true) => "true",
                Value::Bool(false) => "false",
                _ => return false,
            };
            listed.iter().any(|one| one == text)
        });
        in_range && among
    }
}

/// A number for a comparison. Some services carry numbers as text.
fn number(value: &Value) -> Option<f64> {
    let (Value::Integer(text) | Value::Float(text) | Value::String(text)) = value else {
        return None;
    };
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(limit: &Limit, value: Value, expected: bool) {
        assert_eq!(limit.holds(&value), expected, "{limit:?} {value:?}");
    }

    #[test]
    fn a_range_is_kept_by_numbers_only() {
        let limit = Limit {
            min: Some(512),
            max: Some(2048),
            one_of: None,
        };
        check(&limit, Value::Integer("511".into()), false);
        check(&limit, Value::Integer("2048.5".into()), false);
        check(&limit, Value::Integer("99999999999999999999".into()), false);
        check(&limit, Value::String("NaN".into()), false);
        check(&limit, Value::Bool(true), false);
        check(
            &limit,
            Value::List(vec![Value::Integer("600".into())]),
            false,
        );
        check(&limit, Value::Integer("512".into()), true);
        check(&limit, Value::String("1024".into()), true);
    }

    #[test]
    fn a_list_is_kept_by_its_items_only() {
        let limit = Limit {
            one_of: Some(vec!["t3.small".into(), "true".into()]),
            ..Limit::default()
        };
        check(&limit, Value::String("t3.large".into()), false);
        check(&limit, Value::String("t3.small".into()), true);
        check(&limit, Value::Bool(true), true);
        check(&limit, Value::Null, false);
    }
}
