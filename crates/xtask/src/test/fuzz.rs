//! `cargo fuzz`: every fuzz target of `crates/*/fuzz`, fed by libFuzzer for a while from its seeds.
//!
//! The bodies of the targets also run over their seeds as ordinary tests. Here libFuzzer, which
//! sees what code an input reaches, looks for inputs that nobody thought of. The compiler is the
//! workspace's own: without a sanitizer nothing of nightly is needed, and the code is safe Rust, in
//! which a fault shows as a panic, a time or an amount of memory.

use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::cargo::Tally;
use super::subcommand::{Subcommand, cargo};
use super::system::{answer, step};
use super::tool::Found;

pub(super) const TOOL: Subcommand = Subcommand {
    name: "cargo-fuzz",
    spoken: "cargo fuzz",
    pin: "cargo-fuzz@0.13.1",
    takes: "a minute",
    variable: "CORDON_TEST_CARGO_FUZZ",
};

/// How long each target is fed, unless this variable says otherwise.
const SECONDS: &str = "CORDON_FUZZ_SECONDS";
const USUAL_SECONDS: u32 = 60;

/// What one input may take: bounds far above what a sound one takes, so that a busy machine does
/// not fail them, and far below what an attack would need. In seconds and MiB.
const LIMITS: [&str; 3] = ["-timeout=10", "-malloc_limit_mb=64", "-rss_limit_mb=1024"];

/// Builds the targets, then feeds as many at a time as there are cores. A target is a test.
pub(super) fn run(found: &Found) -> Result<Tally, Box<dyn Error>> {
    let seconds = seconds()?;
    let program = TOOL.program(found);
    let mut targets = Vec::new();
    for home in homes()? {
        build(&program, &home)?;
        targets.extend(targets_of(&home)?);
    }
    let cores = std::thread::available_parallelism()?.get();
    let mut tally = Tally::default();
    for together in targets.chunks(cores) {
        let running: Result<Vec<_>, _> = together
            .iter()
            .map(|target| target.start(seconds))
            .collect();
        for (target, child) in together.iter().zip(running?) {
            target.close(child, &mut tally)?;
        }
    }
    Ok(tally)
}

fn seconds() -> Result<u32, Box<dyn Error>> {
    let Some(text) = std::env::var_os(SECONDS) else {
        return Ok(USUAL_SECONDS);
    };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    // Zero would be no limit at all.
    seconds
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| format!("{SECONDS} is {text:?}: give a number of seconds").into())
}

/// The folders of crates that have fuzz targets, in order.
fn homes() -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut homes = Vec::new();
    for entry in std::fs::read_dir(crate::repository().join("crates"))? {
        let home = entry?.path().join("fuzz");
        if home.join("Cargo.toml").is_file() {
            homes.push(home);
        }
    }
    homes.sort();
    Ok(homes)
}

/// Builds the targets of one folder, by its own lock file.
fn build(program: &OsString, home: &Path) -> Result<(), Box<dyn Error>> {
    // What `cargo fuzz` starts has no `--locked`; a lock file that does not fit is said here.
    let mut locked = cargo();
    locked
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(home);
    step(locked.stdout(Stdio::null()))?;
    let mut command = Command::new(program);
    command
        .args(["build", "--sanitizer", "none", "--fuzz-dir"])
        .arg(home)
        .arg("--target-dir")
        .arg(work().join("build"))
        .current_dir(home);
    Ok(step(&mut command)?)
}

/// One fuzz target.
struct Target {
    name: String,
    program: PathBuf,
    seeds: PathBuf,
}

/// A target has a folder of seeds that bears its name.
fn targets_of(home: &Path) -> Result<Vec<Target>, Box<dyn Error>> {
    let triple = host()?;
    let mut targets = Vec::new();
    for entry in std::fs::read_dir(home.join("fuzz_targets"))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default();
        let seeds = home.join("seeds").join(name);
        if !seeds.is_dir() {
            return Err(format!("{} has no seeds in {}", path.display(), seeds.display()).into());
        }
        targets.push(Target {
            name: name.to_string_lossy().into_owned(),
            program: work()
                .join("build")
                .join(&triple)
                .join("release")
                .join(name),
            seeds,
        });
    }
    targets.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(targets)
}

/// What `cargo fuzz` builds for when it is not told.
fn host() -> Result<String, Box<dyn Error>> {
    let said = answer(Path::new("rustc"), &["-vV"]).ok_or("`rustc -vV` failed")?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("`rustc -vV` names no host")?.to_owned())
}

impl Target {
    /// Everything that this target writes: inputs worth keeping, inputs that fail, what it said.
    fn folder(&self) -> PathBuf {
        work().join(&self.name)
    }

    fn log(&self) -> PathBuf {
        self.folder().join("log")
    }

    fn start(&self, seconds: u32) -> Result<Child, Box<dyn Error>> {
        println!("fuzz         {} for {seconds} s", self.name);
        let kept = self.folder().join("kept");
        let failed = self.folder().join("failed/");
        std::fs::create_dir_all(&kept)?;
        std::fs::create_dir_all(&failed)?;
        let mut prefix = OsString::from("-artifact_prefix=");
        prefix.push(&failed);
        let log = File::create(self.log())?;
        let mut command = Command::new(&self.program);
        command
            .arg(format!("-max_total_time={seconds}"))
            .args(LIMITS)
            .arg("-print_final_stats=1")
            .arg(prefix)
            .arg(kept)
            .arg(&self.seeds)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        command
            .spawn()
            .map_err(|error| format!("{} could not start ({error})", self.program.display()).into())
    }

    /// Waits for its end, and says what came of it as a test's line would.
    fn close(&self, mut child: Child, tally: &mut Tally) -> Result<(), Box<dyn Error>> {
        let sound = child.wait()?.success();
        let log = String::from_utf8_lossy(&std::fs::read(self.log())?).into_owned();
        let inputs = inputs(&log);
        // A target that was fed nothing has shown nothing.
        if sound && inputs > 0 {
            println!("fuzz {} ... ok ({inputs} inputs)", self.name);
            tally.passed += 1;
            return Ok(());
        }
        let lines: Vec<_> = log.lines().collect();
        let last = lines
            .get(lines.len().saturating_sub(40)..)
            .unwrap_or_default();
        println!("{}", last.join("\n"));
        println!("fuzz {} ... FAILED", self.name);
        println!("the input is in {}", self.folder().join("failed").display());
        tally.failed += 1;
        Ok(())
    }
}

/// How many inputs a target was fed, by libFuzzer's closing statistics.
fn inputs(log: &str) -> u64 {
    let mut lines = log.lines();
    let count = lines.find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    count
        .and_then(|count| count.trim().parse().ok())
        .unwrap_or(0)
}

/// Where the targets are built and fed. Inputs that reached new code stay for the next run.
fn work() -> PathBuf {
    crate::repository().join("target/fuzz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_statistics_tell_how_many_inputs_there_were() {
        let log = "#2 INITED\nDone 7 runs in 1 second(s)\nstat::number_of_executed_units: 7\n\
                   stat::average_exec_per_sec:     7\n";
        assert_eq!(inputs(log), 7);
        assert_eq!(inputs("==1== ERROR: libFuzzer: deadly signal"), 0);
    }
}
