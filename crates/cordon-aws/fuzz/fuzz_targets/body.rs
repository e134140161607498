#![no_main]

#[path = "../bodies/body.rs"]
mod body;
#[allow(dead_code, reason = "a body is identified by its checks alone")]
#[path = "../bodies/identify.rs"]
mod identify;

libfuzzer_sys::fuzz_target!(|input: &[u8]| drop(body::run(input)));
