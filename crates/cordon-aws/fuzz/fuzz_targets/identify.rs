#![no_main]

#[path = "../bodies/identify.rs"]
mod identify;

libfuzzer_sys::fuzz_target!(|input: &[u8]| drop(identify::run(input)));
