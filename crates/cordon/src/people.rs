//! The people who decide about held calls: the file that is configured, held against the groups that
//! the policies ask.

use crate::config::Config;
use crate::failure::{Failure, USAGE};
use cordon_core::people::People;
use cordon_core::policy::Policies;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// The people of the configured file; nobody where none is.
///
/// # Errors
/// When it cannot be read, or has faults: all of them.
pub(crate) fn read(config: &Config) -> Result<People, Failure> {
    let Some(file) = &config.people else {
        return Ok(People::default());
    };
    let shown = file.display().to_string();
    let failed = |error: &std::io::Error| {
        Failure::because(format!("`{shown}` could not be read"), error)
            .help("`people` of cordon.toml names the file of those who decide about held calls")
            .code(USAGE)
    };
    let size = file.metadata().map_err(|error| failed(&error))?.len();
    if size > LARGEST {
        return Err(Failure::new(format!("`{shown}` is larger than 1 MiB")).code(USAGE));
    }
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    People::parse(&shown, &text).map_err(|faults| {
        Failure::new(format!("the people cannot be used\n{faults}"))
            .help("correct these places")
            .code(USAGE)
    })
}

/// The groups that some policy asks and that cannot answer, each in a sentence.
pub(crate) fn unanswering(policies: &Policies, people: &People) -> Vec<String> {
    let groups = policies.groups().into_iter();
    groups
        .filter_map(|(group, quorum)| {
            let members = people.count(&group);
            match usize::try_from(quorum) {
                Ok(quorum) if members >= quorum.max(1) => None,
                _ if members == 0 => Some(format!("nobody is in `{group}`")),
                _ => Some(format!(
                    "`{group}` has {members} of the {quorum} people it needs"
                )),
            }
        })
        .collect()
}

/// Tells in the log which holds nobody could lift, where that can be known.
pub(crate) fn compare(config: &Config, policies: &Policies, people: &People) {
    if config.control.claims_groups() {
        return;
    }
    let unanswering = unanswering(policies, people);
    if !unanswering.is_empty() {
        tracing::warn!(
            "{}: what waits for them is never let go",
            unanswering.join(", ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Bundle;

    #[test]
    fn a_group_that_cannot_answer_is_named() {
        let policies = Bundle::baseline().load().unwrap();
        let text = r#"
            schema = "cordon.people/v1"
            [[person]]
            name = "mei"
            groups = ["senior", "security"]
        "#;
        let people = People::parse("people.toml", text).unwrap();
        let found = unanswering(&policies, &people);
        assert_eq!(
            found,
            [
                "nobody is in `incident-commander`",
                "nobody is in `resource-owner`"
            ]
        );
    }
}
