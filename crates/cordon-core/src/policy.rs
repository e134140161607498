//! Policies: a bundle folder, loaded, strictly validated and sliced for speed.

use crate::action::Actions;
use crate::environment::EnvironmentMap;
use crate::fault::Faults;
use std::sync::Arc;

/// One validated policy bundle: guardrails, ceiling, environment map, version. Immutable; one
/// request keeps one.
#[derive(Debug)]
pub struct Policies {}

/// One file of a bundle, by its name within the folder.
#[derive(Debug, Clone)]
pub struct BundleFile {
    /// `10-deny.cedar`.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl Policies {
    /// Loads and validates a bundle. `folder` is put before file names in messages.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn load(folder: &str, files: &[BundleFile], actions: Arc<Actions>) -> Result<Self, Faults> {
        let _ = (folder, files, actions);
        todo!()
    }
    /// `sha256:...` over the content of the files that decide.
    #[must_use]
    pub fn version(&self) -> &str {
        todo!()
    }
    /// The bundle's own name, from its manifest.
    #[must_use]
    pub fn name(&self) -> &str {
        todo!()
    }
    /// Which resource is in which environment.
    #[must_use]
    pub fn environments(&self) -> &EnvironmentMap {
        todo!()
    }
    /// The actions that the bundle was validated against.
    #[must_use]
    pub fn actions(&self) -> &Arc<Actions> {
        todo!()
    }
    /// How many guardrails and ceiling permits it has.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        todo!()
    }
}
