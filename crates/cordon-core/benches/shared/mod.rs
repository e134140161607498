//! What every benchmark of this crate begins with: the baseline bundle over the whole catalog, and a
//! session on a task.

use cordon_aws::catalog::Catalog;
use cordon_aws::sigv4::{SecretKey, SigningKeys};
use cordon_core::action::Actions;
use cordon_core::policy::{BundleFile, Policies};
use cordon_core::session::{Session, SessionState};
use cordon_core::task::{Launch, Mode, Task};
use jiff::Timestamp;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// The placeholder access key id of the session.
pub(crate) const KEY_ID: &str = "AKIACORDONEXAMPLE001";

pub(crate) static POLICIES: LazyLock<Policies> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let paths = std::fs::read_dir(folder).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.is_file()).map(|path| BundleFile {
        name: path.file_name().unwrap().to_str().unwrap().to_owned(),
        text: std::fs::read_to_string(path).unwrap(),
    });
    let files: Vec<_> = files.collect();
    let actions = Arc::new(Actions::of(Catalog::embedded()));
    Policies::load("policies", &files, actions).unwrap_or_else(|faults| panic!("{faults}"))
});

pub(crate) fn now() -> Timestamp {
    "2026-08-24T09:00:00Z".parse().unwrap()
}

/// A session on the task of `text`, in its own mode or in another.
pub(crate) fn session(text: &str, mode: Option<Mode>, secret: &str) -> Session {
    let launch = Launch {
        id: "T-1042".parse().unwrap(),
        sponsor: "mei".parse().unwrap(),
        at: now(),
        mode,
        expires: None,
    };
    let task = Task::read("task.toml", text, &POLICIES, launch);
    let task = task.unwrap_or_else(|faults| panic!("{faults}"));
    Session {
        id: "S-01K3".parse().unwrap(),
        account: task.accounts().first().unwrap().clone(),
        task: Arc::new(task),
        key_id: KEY_ID.parse().unwrap(),
        keys: SigningKeys::new(SecretKey::new(secret.to_owned())),
        agent: "kiro".into(),
        started: now(),
        state: SessionState::Live,
        descent: None,
    }
}
