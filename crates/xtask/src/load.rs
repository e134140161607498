//! `cargo xtask load`: builds what is measured as a user builds it, finds what it is compared
//! with, and runs the load benchmark of `tests/load/`, which writes its tables into BENCHMARKS.md.

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;

use crate::test::{on_path, python_environment, step};

/// How much is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// One short round, which is not written down
    #[arg(long)]
    quick: bool,
    /// How long a stop takes, of Cordon alone: needs nothing beside it
    #[arg(long)]
    stop: bool,
    /// What a preview of a long recording and of a large plan costs
    #[arg(long, conflicts_with = "stop")]
    preview: bool,
}

/// Builds, finds, measures.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    if !cfg!(target_os = "linux") {
        return Err("the load benchmark reads what processes use from Linux's /proc".into());
    }
    let others = match (options.stop, options.preview) {
        (true, _) => vec!["--stop".into()],
        (false, true) => vec!["--preview".into()],
        (false, false) => others()?,
    };
    // Apart, so that the program has no more features than a user's build gives it.
    let cordon = build(&["--package", "cordon", "--bin", "cordon"])?;
    let load = build(&["--package", "cordon-tests", "--bin", "load"])?;
    let repository = crate::repository();
    let folder = repository.join("target");
    std::fs::create_dir_all(&folder)?;
    let mut command = Command::new(load);
    command.arg("--cordon").arg(cordon);
    command.arg("--folder").arg(folder);
    command.args(others);
    match options.quick {
        true => command.arg("--quick"),
        false => command.arg("--write").arg(repository.join("BENCHMARKS.md")),
    };
    step(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// What Cordon is compared with, as arguments.
fn others() -> Result<Vec<OsString>, Box<dyn Error>> {
    let nginx = nginx().ok_or("there is no nginx: install it (apt-get install nginx-light)")?;
    let mut arguments = vec!["--nginx".into(), nginx.into()];
    match python_environment("mitmproxy", "tests/load/requirements.txt") {
        Ok(environment) => {
            let program = environment.join("bin/mitmdump");
            arguments.extend(["--mitmproxy".into(), program.into()]);
        }
        Err(why) => println!("mitmproxy    is left out: {why}"),
    }
    Ok(arguments)
}

/// On the path, or where Debian has it, which is not on everybody's path.
fn nginx() -> Option<PathBuf> {
    let usual = Path::new("/usr/sbin/nginx");
    let usual = usual.is_file().then(|| usual.to_owned());
    on_path("nginx").into_iter().next().or(usual)
}

/// Builds one program in the release profile and gives its path.
fn build(which: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "build",
            "--release",
            "--locked",
            "--message-format=json-render-diagnostics",
        ])
        .args(which)
        .current_dir(crate::repository())
        .stderr(std::process::Stdio::inherit());
    let said = command.output()?;
    if !said.status.success() {
        return Err("the release build failed: see above".into());
    }
    let messages = String::from_utf8(said.stdout)?;
    let mut programs = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    });
    programs
        .next_back()
        .ok_or_else(|| "cargo built no program".into())
}
