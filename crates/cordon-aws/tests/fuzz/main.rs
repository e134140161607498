//! The fuzz targets without a fuzzer: each body over its seeds and over what is near to them, on
//! any compiler and the same in each run. What a fuzzer finds becomes a seed, `found-...`.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests; seeds are files"
)]

#[path = "../../fuzz/bodies/body.rs"]
mod body;
#[path = "../../fuzz/bodies/chunked.rs"]
mod chunked;
#[path = "../../fuzz/bodies/claim.rs"]
mod claim;
#[path = "../../fuzz/bodies/host.rs"]
mod host;
#[path = "../../fuzz/bodies/identify.rs"]
mod identify;
#[path = "../../fuzz/bodies/told.rs"]
mod told;

use std::path::Path;

/// The seeds of a target, by name: those that were written, or all of them.
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
    assert!(!names.is_empty(), "{target} has no seeds");
    names
        .iter()
        .map(|name| std::fs::read(folder.join(name)).unwrap())
        .collect()
}

/// Runs a body over each seed; cut at every place; with each byte changed, taken out and doubled;
/// and with its end from the next seed.
fn check(target: &str, body: fn(&[u8])) {
    let seeds = seeds(target, true);
    for (seed, next) in seeds.iter().zip(seeds.iter().cycle().skip(1)) {
        body(seed);
        for at in 0..seed.len() {
            let (start, end) = seed.split_at(at);
            body(start);
            for mask in [0x01, 0x20, 0x80] {
                body(&[start, &[end[0] ^ mask], &end[1..]].concat());
            }
            body(&[start, &end[1..]].concat());
            body(&[start, &end[..1], end].concat());
            body(&[start, &next[at.min(next.len())..]].concat());
        }
    }
}

/// A seed that is refused at once leads a fuzzer nowhere.
#[test]
fn seeds_of_requests_are_calls() {
    for seed in seeds("body", false) {
        assert!(body::run(&seed).is_some(), "{}", seed.escape_ascii());
    }
    for seed in seeds("identify", false) {
        assert!(identify::run(&seed).is_some(), "{}", seed.escape_ascii());
    }
}

#[test]
fn body() {
    check("body", |input| drop(body::run(input)));
}

#[test]
fn chunked() {
    check("chunked", chunked::run);
}

#[test]
fn claim() {
    check("claim", claim::run);
}

#[test]
fn host() {
    check("host", host::run);
}

#[test]
fn identify() {
    check("identify", |input| drop(identify::run(input)));
}

#[test]
fn told() {
    check("told", told::run);
}
