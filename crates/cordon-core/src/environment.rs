//! The environment map: ordered rules from account, region, ARN pattern or tag to an
//! environment. What no rule names is `unclassified`, which no task may change.

/// The rules of `environments.toml`, in order; the first that matches wins.
#[derive(Debug, Clone, Default)]
pub struct EnvironmentMap {}
