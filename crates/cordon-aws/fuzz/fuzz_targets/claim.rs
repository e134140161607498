#![no_main]

#[path = "../bodies/claim.rs"]
mod claim;

libfuzzer_sys::fuzz_target!(|input: &[u8]| claim::run(input));
