//! Policies: a bundle folder, loaded, strictly validated and sliced for speed.

/// One validated policy bundle: guardrails, ceiling, environment map, version.
#[derive(Debug)]
pub struct Policies {}
