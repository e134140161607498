//! Acting as a role: calls that hand a role to a service, or change or start what already runs
//! under one. What happens then passes no proxy, so it must be as narrow as the task.
//!
//! The rule looks at structure and not at a list of operations: any change that names a role, in
//! whatever parameter, and any that runs code. Whether the role's permissions lie inside the task
//! cannot be seen from the call; that a person named the very action on the very resource can. So
//! a role is declared by naming `iam:PassRole` on it, and code by naming the action that runs it;
//! a class (`update` on everything) declares neither.

use super::{Guard, Sight};
use crate::fact::Fact;
use cordon_aws::catalog::Effect;
use cordon_aws::classify::says;
use cordon_aws::value::Value;
use std::collections::BTreeSet;

const PASS_ROLE: &str = "iam:PassRole";

pub(super) const GUARD: Guard = Guard {
    name: "role",
    about: "calls that act as a role which the task does not name",
    finds: &[Fact::ActsAsRole],
    look,
};

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    if passes(sight) || runs(sight) {
        facts.insert(Fact::ActsAsRole);
    }
}

/// Whether a change hands over a role that the task does not name.
fn passes(sight: &Sight<'_>) -> bool {
    // IAM changes roles themselves, which is another class.
    if !sight.call.mutates() || sight.call.service().iam_prefix() == "iam" {
        return false;
    }
    let task = &sight.session.task;
    let asked = sight
        .accesses
        .iter()
        .any(|access| &*access.access.action == PASS_ROLE && !task.names_access(access));
    asked
        || hands_over(sight.call.parameters(), false, &|role| {
            !task.names(PASS_ROLE, role)
        })
}

/// Whether a call runs code by an action that the task does not name on the resource.
fn runs(sight: &Sight<'_>) -> bool {
    let task = &sight.session.task;
    sight.has(Effect::RunsCode)
        && sight
            .accesses
            .iter()
            .any(|access| &*access.access.action != PASS_ROLE && !task.names_access(access))
}

/// Whether some text names a role, by its ARN or by standing in a parameter for one, that is
/// `foreign`. A document (a template, a desired state) names one wherever it says its ARN.
fn hands_over(value: &Value, is_role: bool, foreign: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) | Value::Document(text) => {
            (is_role || says_role(text)) && foreign(text)
        }
        Value::List(items) => items.iter().any(|item| hands_over(item, is_role, foreign)),
        Value::Map(entries) | Value::Structure(entries) => entries
            .iter()
            .any(|(name, entry)| hands_over(entry, is_role || for_role(name), foreign)),
        _ => false,
    }
}

/// Whether a parameter of this name holds a role or an instance profile.
fn for_role(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.trim_end_matches('s');
    let name = name
        .strip_suffix("arn")
        .or_else(|| name.strip_suffix("name"))
        .unwrap_or(name);
    name.ends_with("role") || name.ends_with("instanceprofile")
}

/// In a document whatever its escapes are: `role\/admin` is no other role.
fn says_role(text: &str) -> bool {
    says(text, |text| {
        text.contains(":iam::") && (text.contains(":role/") || text.contains(":instance-profile/"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_instance_profiles_are_told_by_their_arns() {
        for (text, says) in [
            ("arn:aws:iam::111122223333:role/admin", true),
            ("arn:aws-cn:iam::111122223333:instance-profile/web", true),
            (r#"{"Role":"arn:aws:iam::111122223333:role/admin"}"#, true),
            (r#"{"Role":"arn:aws:iam::111122223333:role\/admin"}"#, true),
            (
                r#"{"Role":"arn:aws:iam\u003a:111122223333:role/admin"}"#,
                true,
            ),
            ("arn:aws:iam::111122223333:user/mei", false),
            ("arn:aws:s3:::role/admin", false),
            ("admin", false),
        ] {
            assert_eq!(says_role(text), says, "{text}");
        }
    }

    #[test]
    fn and_by_the_parameter_that_they_stand_in() {
        for name in [
            "Role",
            "roleArn",
            "JobFlowRole",
            "RoleArns",
            "IamInstanceProfile",
            "instanceProfileName",
        ] {
            assert!(for_role(name), "{name}");
        }
        for name in ["Bucket", "RolePolicy", "Profile", "roleType"] {
            assert!(!for_role(name), "{name}");
        }
    }
}
