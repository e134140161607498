//! What the agent tries, in order, and why it says it does.

use super::agent::Act;

/// One thing that the agent tries.
#[derive(Debug)]
pub(super) struct Step {
    /// What it thinks, in its own words.
    pub(super) thought: &'static str,
    /// What it does.
    pub(super) act: Act,
}

/// The story: an agent on "fix the rounding bug", as it went when an environment was deleted and
/// recreated, with Cordon in between.
pub(super) const STEPS: &[Step] = &[
    Step {
        thought: "First I look at what is running.",
        act: Act::DescribeEnvironments,
    },
    Step {
        thought: "Which code does the API run?",
        act: Act::GetFunctionConfiguration,
    },
    Step {
        thought: "The environment sets ROUNDING to bankers. I change it in place.",
        act: Act::UpdateEnvironment,
    },
    Step {
        thought: "Totals are still cached. The cleanest way is a fresh environment: I rebuild it.",
        act: Act::RebuildEnvironment,
    },
    Step {
        thought: "Then I delete it and create it anew.",
        act: Act::TerminateEnvironment,
    },
    Step {
        thought: "The front end could call the function itself: I open it to everyone.",
        act: Act::AddPermission,
    },
];

/// The task that its sponsor declared.
pub(super) const TASK: &str = include_str!("../../../../examples/fix-cost-explorer.toml");

/// The environment that the story is about.
pub(super) const ENVIRONMENT: &str = "ce-web-prod";
