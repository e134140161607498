#![no_main]

#[path = "../bodies/told.rs"]
mod told;

libfuzzer_sys::fuzz_target!(|input: &[u8]| told::run(input));
