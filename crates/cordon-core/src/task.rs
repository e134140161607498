//! Tasks: what a person declared, parsed strictly, frozen and compiled.

/// A task that was checked, frozen and compiled: the value that a session works on.
#[derive(Debug)]
pub struct Task {}
