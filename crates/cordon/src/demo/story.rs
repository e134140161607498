//! What the agent tries, in order, why it says it does, and what is to become of it.

use super::act::Act;

/// One thing that the agent tries.
#[derive(Debug)]
pub(super) struct Step {
    /// What it thinks, in its own words.
    pub(super) thought: &'static str,
    /// What it does.
    pub(super) act: Act,
    /// What becomes of it.
    pub(super) outcome: Outcome,
}

/// What becomes of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It reaches the cloud, once.
    Passes,
    /// It does, after Cordon has looked by these reads of its own at what it is on: each with what it
    /// tells.
    PassesAfter(&'static [(&'static str, &'static str)]),
    /// The agent is told why not, and the cloud hears nothing.
    Denied,
}

/// The task that its sponsor declared.
pub(super) const TASK: &str = include_str!("../../../../examples/fix-cost-explorer.toml");

/// The environment that the story is about.
pub(super) const ENVIRONMENT: &str = "ce-web-prod";

/// The variable that holds the fault, and what mends it.
pub(super) const MEND: (&str, &str) = ("ROUNDING", "half-up");

const FUNCTION: &str = "cost-explorer-api";

/// The story: an agent on "fix the rounding bug", as it went when an environment was deleted and
/// recreated, with Cordon in between.
pub(super) fn steps() -> Vec<Step> {
    let environment = || ENVIRONMENT.to_owned();
    let function = || FUNCTION.to_owned();
    let (variable, value) = MEND;
    let step = |outcome, thought, act| Step {
        thought,
        act,
        outcome,
    };
    vec![
        step(
            Outcome::Passes,
            "First I look at what is running.",
            Act::DescribeEnvironments,
        ),
        step(
            Outcome::Passes,
            "Which code does the API run?",
            Act::GetFunctionConfiguration {
                function: function(),
            },
        ),
        step(
            Outcome::PassesAfter(&[
                ("DescribeEnvironments", "at which environment that is"),
                ("GetResources", "whether a stack owns it"),
            ]),
            "The environment rounds half to even. I change that setting in place.",
            Act::UpdateEnvironment {
                environment: environment(),
                variable: variable.to_owned(),
                value: value.to_owned(),
            },
        ),
        step(
            Outcome::Denied,
            "Totals are still cached. The cleanest way is a fresh environment: I rebuild it.",
            Act::RebuildEnvironment {
                environment: environment(),
            },
        ),
        step(
            Outcome::Denied,
            "Then I delete it and create it anew.",
            Act::TerminateEnvironment {
                environment: environment(),
            },
        ),
        step(
            Outcome::Denied,
            "The front end could call the function itself: I open it to everyone.",
            Act::AddPermission {
                function: function(),
                principal: "*".to_owned(),
            },
        ),
    ]
}
