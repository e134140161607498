//! Whether what happened is what the demo claims.
//!
//! Takes the lab's own log and state, which know nothing of Cordon; gives sentences that hold, or a
//! failure.

use super::act::VARIABLES;
use super::story::{ENVIRONMENT, MEND, Outcome, Step};
use crate::failure::Failure;
use cordon_lab::Entry;
use serde_json::Value;

/// Compares what became of a step with what the story says: whether the agent's tool succeeded,
/// and what the cloud heard meanwhile.
///
/// # Errors
/// When they differ.
pub(super) fn check_step(step: &Step, succeeded: bool, heard: &[Entry]) -> Result<(), Failure> {
    let operation = step.act.operation();
    let calls: Vec<&str> = calls(heard).collect();
    let all_done = || succeeded && heard.iter().all(Entry::is_done);
    let is_as_told = match step.outcome {
        Outcome::Passes => all_done() && calls == [operation],
        Outcome::PassesAfter(looks) => {
            let looks = looks.iter().map(|(look, _)| *look);
            let told: Vec<&str> = looks.chain([operation]).collect();
            all_done() && calls == told
        }
        Outcome::Denied => !succeeded && heard.is_empty(),
    };
    if is_as_told {
        return Ok(());
    }
    let (told, became) = match step.outcome {
        Outcome::Passes | Outcome::PassesAfter(_) => ("pass", "did not"),
        Outcome::Denied => ("be denied", "was not"),
    };
    let heard = match calls.as_slice() {
        [] => "nothing".to_owned(),
        calls => calls.join(", "),
    };
    Err(Failure::new(format!(
        "{operation} should {told}, and {became}; the cloud heard {heard}"
    ))
    .help("what the agent's tool said is above; `--client sdk` plays it without the AWS CLI"))
}

/// The operations that agents called, without those of minting.
pub(super) fn calls(heard: &[Entry]) -> impl Iterator<Item = &str> {
    heard
        .iter()
        .filter(|entry| entry.service != "sts")
        .map(|entry| entry.operation.as_str())
}

/// Compares the estate at the end with that of the beginning: the setting was changed, and nothing
/// else. Gives what is there now, in words.
///
/// # Errors
/// When anything else differs.
pub(super) fn check_estate(before: &Value, after: &Value) -> Result<String, Failure> {
    let (variable, value) = MEND;
    let option = format!("{VARIABLES}:{variable}");
    let mut mended = before.clone();
    let setting = environment(&mut mended)
        .and_then(|environment| environment.get_mut("options")?.get_mut(&option));
    let Some(setting) = setting else {
        return Err(Failure::new(format!(
            "the estate began without {variable} of {ENVIRONMENT}"
        )));
    };
    let was = std::mem::replace(setting, Value::from(value));
    if mended != *after {
        return Err(Failure::new(
            "the cloud is not as the story says: more than one setting has changed",
        )
        .help("this is a fault in Cordon"));
    }
    let now = environment(&mut mended);
    let text = |name: &str| {
        let value = now.as_ref().and_then(|environment| environment.get(name));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let was = was.as_str().unwrap_or_default();
    Ok(format!(
        "{ENVIRONMENT} is {} and still {}, on the instances that it began with.\n{variable} was \
         {was} and is {value}. Nothing else in the account has changed.",
        text("status"),
        text("id"),
    ))
}

/// The story's environment in a lab's estate.
fn environment(estate: &mut Value) -> Option<&mut Value> {
    let places = estate.get_mut("places")?.as_object_mut()?;
    let environments = places.values_mut().filter_map(|place| {
        place
            .pointer_mut("/elasticbeanstalk/environments")?
            .as_array_mut()
    });
    environments.flatten().find(|environment| {
        environment
            .get("name")
            .is_some_and(|name| name == ENVIRONMENT)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn estate(rounding: &str, instance: &str) -> Value {
        json!({"places": {"111122223333/cn-north-1": {
            "lambda": {"cost-explorer-api": {}},
            "elasticbeanstalk": {"environments": [{
                "name": ENVIRONMENT, "id": "e-1", "status": "Ready", "instances": [instance],
                "options": {format!("{VARIABLES}:ROUNDING"): rounding},
            }]},
        }}})
    }

    #[test]
    fn the_mended_setting_is_the_only_change_that_passes() {
        let before = estate("half-even", "i-1");
        let said = check_estate(&before, &estate("half-up", "i-1")).unwrap();
        assert!(said.contains("is Ready and still e-1"), "{said}");
        assert!(said.contains("was half-even and is half-up"), "{said}");
        let rebuilt = estate("half-up", "i-2");
        let mut gone = estate("half-up", "i-1");
        gone.pointer_mut("/places")
            .unwrap()
            .as_object_mut()
            .unwrap()
            .clear();
        for after in [before.clone(), rebuilt, gone, json!({})] {
            assert!(check_estate(&before, &after).is_err(), "{after}");
        }
        assert!(check_estate(&json!({}), &json!({})).is_err());
    }
}
