#![no_main]

#[path = "../bodies/host.rs"]
mod host;

libfuzzer_sys::fuzz_target!(|input: &[u8]| host::run(input));
