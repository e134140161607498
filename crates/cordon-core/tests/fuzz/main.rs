//! The fuzz target without a fuzzer: its body over its seeds and over what is near to them, on any
//! compiler and the same in each run. What a fuzzer finds becomes a seed, `found-...`.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests; seeds are files"
)]

#[path = "../../fuzz/bodies/task.rs"]
mod task;

use std::path::Path;

/// The seeds: those that were written, or all of them.
fn seeds(found: bool) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/task");
    let files = std::fs::read_dir(&folder).unwrap();
    let mut names: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| found || !name.starts_with("found-"));
    names.sort();
    names
        .iter()
        .map(|name| std::fs::read(folder.join(name)).unwrap())
        .collect()
}

#[test]
fn seeds_are_tasks() {
    let seeds = seeds(false);
    assert!(seeds.len() > 2);
    for seed in seeds {
        assert!(task::run(&seed).is_some(), "{}", seed.escape_ascii());
    }
}

/// A task that compiles takes its time, so that the places are few.
#[test]
fn what_is_near_to_a_task_is_one_or_has_faults() {
    for seed in seeds(true) {
        for at in (0..seed.len()).step_by(101) {
            let (start, end) = seed.split_at(at);
            let line = end.iter().position(|byte| *byte == b'\n').unwrap_or(0);
            task::run(start);
            task::run(&[start, &[end[0] ^ 0x02], &end[1..]].concat());
            task::run(&[start, &end[1..]].concat());
            task::run(&[start, &end[line..]].concat());
            task::run(&[start, b"\"\\u0000[", end].concat());
        }
    }
}
