#![no_main]

#[path = "../bodies/task.rs"]
mod task;

libfuzzer_sys::fuzz_target!(|input: &[u8]| drop(task::run(input)));
