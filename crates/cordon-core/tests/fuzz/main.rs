//! The fuzz targets without a fuzzer: their bodies over their seeds and over what is near to them, on
//! any compiler and the same in each run. What a fuzzer finds becomes a seed, `found-...`.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests; seeds are files"
)]

#[path = "../../fuzz/bodies/plan.rs"]
mod plan;
#[path = "../../fuzz/bodies/task.rs"]
mod task;

use std::path::Path;

/// The seeds of a target: those that were written, or all of them.
fn seeds(target: &str, found: bool) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
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
    let seeds = seeds("task", false);
    assert!(seeds.len() > 2);
    for seed in seeds {
        assert!(task::run(&seed).is_some(), "{}", seed.escape_ascii());
    }
}

/// A task that compiles takes its time, so that the places are few.
#[test]
fn what_is_near_to_a_task_is_one_or_has_faults() {
    for seed in seeds("task", true) {
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

#[test]
fn seeds_are_plans() {
    let seeds = seeds("plan", false);
    assert!(seeds.len() > 3);
    for seed in seeds {
        let plan = plan::run(&seed).expect("a plan");
        assert!(!plan.lines().is_empty(), "{}", seed.escape_ascii());
    }
}

#[test]
fn what_is_near_to_a_plan_is_read_or_refused() {
    for seed in seeds("plan", true) {
        for at in (0..seed.len()).step_by(3) {
            let (start, end) = seed.split_at(at);
            plan::run(start);
            plan::run(&[start, &[end[0] ^ 0x02], &end[1..]].concat());
            plan::run(&[start, &end[1..]].concat());
            for hostile in [r#"\n[destroy]\n\"*\" = [\"*\"]"#, r"\u202e", r#"\"\\"#, "*"] {
                plan::run(&[start, hostile.as_bytes(), end].concat());
            }
        }
    }
}
