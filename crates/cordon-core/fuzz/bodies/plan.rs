//! Any plan of another tool at all: it is one or is said not to be; every command that it is shown
//! with is one line; and the task that is drafted from it says what Cordon wrote and nothing that the
//! plan put in its place.

use cordon_aws::arn::{AccountId, Region};
use cordon_core::environment::EnvironmentMap;
use cordon_core::plan::change_set::Document;
use cordon_core::plan::terraform::{Place, TerraformPlan};
use cordon_core::plan::{Draft, Head, Plan};
use std::collections::BTreeSet;

const TITLE: &str = "Apply the plan";
const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";
/// All that a drafted task may have at its top.
const KEYS: [&str; 11] = [
    "schema", "title", "ticket", "team", "ttl", "where", "allow", "destroy", "replace", "budget",
    "plan",
];

/// What the plan does, if it is one.
pub(crate) fn run(input: &[u8]) -> Option<Plan> {
    let document = Document::read(input).ok().flatten();
    let plan = document.map(|document| document.preview(None));
    let plan = plan.or_else(|| terraform(input))?;
    for call in plan.lines().iter().flat_map(|line| &line.calls) {
        for command in [call.command(), call.undo()].into_iter().flatten() {
            assert!(!command.chars().any(char::is_control), "{command:?}");
        }
    }
    Some(plan)
}

fn terraform(input: &[u8]) -> Option<Plan> {
    let read = TerraformPlan::read(input).ok()?;
    let place = Place {
        account: ACCOUNT.parse::<AccountId>().ok(),
        region: REGION.parse::<Region>().ok(),
    };
    let plan = read.preview(&place, None, |_| {});
    drafted(&read, &place, &plan);
    Some(plan)
}

fn drafted(read: &TerraformPlan, place: &Place, plan: &Plan) {
    let head = Head {
        title: TITLE.to_owned(),
        ticket: "CE-1".to_owned(),
        team: "billing-console".to_owned(),
        ttl: "1h".to_owned(),
    };
    let text = Draft::of_plan(read, place, &EnvironmentMap::default()).text(&head);
    let task: toml::Table = text.parse().expect("a draft is TOML");
    let strange: Vec<&String> = task
        .keys()
        .filter(|key| !KEYS.contains(&key.as_str()))
        .collect();
    assert!(strange.is_empty(), "{strange:?}");
    let title = task.get("title").and_then(toml::Value::as_str);
    assert_eq!(title, Some(TITLE), "{text}");
    let planned: BTreeSet<&str> = plan
        .lines()
        .iter()
        .flat_map(|line| &line.calls)
        .flat_map(|call| &call.accesses)
        .map(|access| &*access.resource)
        .collect();
    for section in ["destroy", "replace"] {
        let named = task.get(section).and_then(toml::Value::as_table);
        for arn in named.into_iter().flat_map(toml::Table::keys) {
            assert!(planned.contains(arn.as_str()), "{arn} is in no plan");
        }
    }
}
