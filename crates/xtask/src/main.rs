//! The chores of this repository, as `cargo xtask CHORE`: what would else be a shell script.
//!
//! Each chore is a module with a `run` function that gives the exit code, or an error to print.
//! None of this is shipped.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to the person who runs it"
)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod catalog;
mod layers;
mod load;
mod test;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the Cordon repository")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build the catalog of AWS operations from its pinned sources and our tables
    Catalog(catalog::Options),
    /// Check that crates depend on each other, and on the world, only as ARCHITECTURE.md allows
    Layers,
    /// Compare Cordon with nginx and mitmproxy on the same calls, and write BENCHMARKS.md
    Load(load::Options),
    /// Set up the test clients, run every test, and say lane by lane what passed
    Test(test::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Catalog(options) => catalog::run(&options),
        Chore::Layers => layers::run(),
        Chore::Load(options) => load::run(&options),
        Chore::Test(options) => test::run(&options),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// Prints an error and the chain of its causes, one a line.
fn report(error: &dyn Error) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
}

/// The root of the repository: two folders above this crate.
fn repository() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_path_buf()
}
