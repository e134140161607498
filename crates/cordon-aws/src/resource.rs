//! Accesses: each action that a call needs, on each resource that it names.

use crate::arn::{AccountId, Partition, Region};
use crate::call::{Access, AccessLevel, Class, Resource};
use crate::catalog::Operation;
use crate::value::Value;

/// Every action x resource that a call of `operation` with `parameters` needs; never empty.
///
/// # Errors
/// A constant reason where no access can be made.
pub fn accesses(
    operation: Operation,
    _parameters: &Value,
    _partition: &Partition,
    _region: &Region,
    _account: Option<&AccountId>,
) -> Result<Vec<Access>, &'static str> {
    let action = format!("{}:{}", operation.service().iam_prefix(), operation.name());
    let resource = Resource {
        arn: "*".into(),
        kind: operation.service().iam_prefix().into(),
        source: "".into(),
    };
    Ok(vec![Access {
        action: action.into(),
        resource,
        level: AccessLevel::Write,
        class: Class::Destroy,
    }])
}
