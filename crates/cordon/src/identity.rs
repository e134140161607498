//! What of this process's environment would spoil the base identity.
//!
//! Takes the variables; gives what is wrong and how to mend it, for `cordon up`, which does not
//! start then, and for `cordon doctor`. Both faults come from a shell that has the variables of an
//! agent, and both would make Cordon ask itself for the credentials that it needs to answer.

use crate::failure::{Failure, USAGE};
use cordon_core::session::is_placeholder;

/// Variables by which the SDK's chain finds another STS than AWS's. The chain asks STS itself
/// where it finds a web identity or a profile with a role; what the broker asks they do not lead.
const LEADING: [&str; 2] = ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"];

/// What is wrong, and how to mend it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spoilt {
    pub(crate) what: String,
    pub(crate) mend: &'static str,
}

/// What is wrong with the environment that `variable` reads; nothing where all is well.
pub(crate) fn spoilt(variable: impl Fn(&str) -> Option<String>) -> Option<Spoilt> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(key_id) = set("AWS_ACCESS_KEY_ID") {
        // A key pair in variables is taken as it is: the chain asks nobody.
        return is_placeholder(&key_id).then(|| Spoilt {
            what: "AWS_ACCESS_KEY_ID is a placeholder that Cordon gave to an agent".to_owned(),
            mend: "start Cordon in a shell without the variables that `cordon env` prints",
        });
    }
    let name = LEADING.into_iter().find(|name| set(name).is_some())?;
    Some(Spoilt {
        what: format!("{name} would lead the search for Cordon's own identity past AWS"),
        mend: "unset it; only `upstream.endpoint` of cordon.toml says where Cordon's STS is",
    })
}

/// Refuses what only people do where the variables are those of an agent. An agent that takes them
/// away is not stopped by this: what stops it is that it cannot reach the state folder and the files
/// of those who sign in, as `docs/approvals.md` says.
///
/// # Errors
/// When they are.
pub(crate) fn refuse_agents() -> Result<(), Failure> {
    let key_id = std::env::var("AWS_ACCESS_KEY_ID").unwrap_or_default();
    match is_placeholder(&key_id) {
        false => Ok(()),
        true => Err(
            Failure::new("this is the shell of an agent: nothing is decided in it")
                .help("sign in and decide in a shell of your own; an agent reports to its sponsor")
                .code(USAGE),
        ),
    }
}

/// As [`spoilt`], of this process.
pub(crate) fn spoilt_here() -> Option<Spoilt> {
    spoilt(|name| std::env::var(name).ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Option<Spoilt> {
        spoilt(|name| {
            let found = variables.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_placeholder_key_is_no_identity() {
        let agent = [("AWS_ACCESS_KEY_ID", "AKIACRDN7QK4M2ZDXYWV")];
        assert!(with(&agent).unwrap().what.contains("placeholder"));
        let person = [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")];
        assert_eq!(with(&person), None);
    }

    #[test]
    fn an_address_of_sts_in_a_variable_is_refused_where_the_chain_would_follow_it() {
        let elsewhere = "http://127.0.0.1:8800";
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"] {
            let profile = [("AWS_PROFILE", "work"), (name, elsewhere)];
            assert!(with(&profile).unwrap().what.contains(name));
            let keys = [
                ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
                (name, elsewhere),
            ];
            assert_eq!(with(&keys), None, "keys in variables ask nobody");
        }
        assert_eq!(
            with(&[("AWS_PROFILE", "work"), ("AWS_ENDPOINT_URL", "")]),
            None
        );
        assert_eq!(with(&[]), None);
    }
}
