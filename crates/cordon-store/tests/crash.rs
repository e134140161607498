//! A change that was acknowledged outlives `kill -9`, and so does its charge.
//!
//! The test starts itself as a second process that records changes and says each reference as
//! soon as the store has acknowledged it, kills that process in the middle, and reads the folder.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod fixture;

use cordon_store::{CallFilter, Store as _};
use fixture::*;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tokio::task::JoinSet;

const FOLDER: &str = "CORDON_TEST_CRASH_FOLDER";

#[tokio::test]
async fn an_acknowledged_change_outlives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    for kill_after in [1, 40, 300] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "writes_until_it_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let reference = |line: std::io::Result<String>| {
            let line = line.ok()?;
            Some(line.strip_prefix("kept ")?.to_owned())
        };
        let mut acknowledged: BTreeSet<String> = said
            .by_ref()
            .filter_map(reference)
            .take(kill_after)
            .collect();
        child.kill().unwrap();
        // What it had said before it died counts as well.
        acknowledged.extend(said.filter_map(reference));
        child.wait().unwrap();
        assert!(acknowledged.len() >= kill_after);

        let store = serve(folder.path()).await;
        let everything = CallFilter {
            limit: Some(10_000),
            ..CallFilter::default()
        };
        let calls = store.search(&everything).await.unwrap();
        let there: BTreeSet<String> = calls
            .iter()
            .map(|call| call.record.reference.to_string())
            .collect();
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "{lost:?}");
        let used = store.ledger(&"T-1".parse().unwrap()).await.unwrap().used;
        assert_eq!(used.mutations as usize, there.len());
        assert!(calls.iter().all(|call| call.closed.is_some()));
        store.check().await.unwrap();
        store.shut_down().await.unwrap();
    }
}

#[tokio::test]
#[ignore = "the second process of the story above"]
async fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let store = Arc::new(serve(folder.as_ref()).await);
    let mut workers = JoinSet::new();
    for worker in 0..8 {
        let store = Arc::clone(&store);
        workers.spawn(async move {
            for number in 0..u32::MAX {
                let reference = format!("P{}-{worker}-{number}", std::process::id());
                let _open = recorded(&*store, change(&reference, "T-1")).await;
                let mut out = std::io::stdout().lock();
                writeln!(out, "kept {reference}").unwrap();
                out.flush().unwrap();
            }
        });
    }
    workers.join_all().await;
}
