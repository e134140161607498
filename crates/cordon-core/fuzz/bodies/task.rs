//! Any task file at all: it is one task or has faults at places that it has; the same text is the
//! same task; and its lock is TOML in which no text of the file ends early.

use cordon_aws::catalog::Catalog;
use cordon_core::action::Actions;
use cordon_core::policy::{BundleFile, Policies};
use cordon_core::task::{Launch, Task, Written};
use jiff::Timestamp;
use std::sync::{Arc, LazyLock};

macro_rules! bundle {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../../../policies/", $name)))),*]
    };
}

/// The baseline, which is what tasks are held to.
static POLICIES: LazyLock<Policies> = LazyLock::new(|| {
    let files = bundle!(
        "10-deny.cedar" "11-preview.cedar" "12-hold.cedar" "20-ceiling.cedar"
        "cordon.cedarschema" "environments.toml" "manifest.toml" "tests.toml"
    )
    .map(|(name, text)| BundleFile {
        name: name.to_owned(),
        text: text.to_owned(),
    });
    let actions = Arc::new(Actions::of(Catalog::embedded()));
    Policies::load("policies", &files, actions).expect("the baseline loads")
});

fn launch() -> Launch {
    Launch {
        id: "T-1".parse().expect("a task id"),
        sponsor: "mei".parse().expect("a sponsor"),
        at: Timestamp::UNIX_EPOCH,
        mode: None,
        expires: None,
    }
}

/// The task that a file is, if it is one.
pub(crate) fn run(input: &[u8]) -> Option<Task> {
    let text = std::str::from_utf8(input).ok()?;
    let written = Written::parse("task.toml", text);
    let task = match Task::read("task.toml", text, &POLICIES, launch()) {
        Ok(task) => task,
        Err(faults) => {
            let lines = u32::try_from(text.lines().count().max(1)).expect("a small file");
            assert!(faults.iter().count() > 0);
            assert!(
                faults.iter().all(|fault| fault.line <= lines + 1),
                "{faults}"
            );
            return None;
        }
    };
    let written = written.expect("what is a task is written well");
    let again = Task::compile(&written, &POLICIES, launch()).expect("the same task");
    assert_eq!(task.scope_digest(), again.scope_digest());
    let lock: toml::Table = task.lock().parse().expect("a lock in TOML");
    let locked = |key: &str| {
        lock.get(key)
            .and_then(toml::Value::as_str)
            .map(str::to_owned)
    };
    let end = format!("digest = \"{}\"\n", task.scope_digest());
    assert!(task.lock().ends_with(&end));
    assert_eq!(locked("title").as_deref(), Some(task.title()));
    assert_eq!(locked("ticket").as_deref(), Some(task.ticket()));
    assert!(!task.explain().is_empty());
    Some(task)
}
