#![no_main]

#[path = "../bodies/chunked.rs"]
mod chunked;

libfuzzer_sys::fuzz_target!(|input: &[u8]| chunked::run(input));
