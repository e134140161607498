//! What the machine has: programs on the path, what they answer, and Debian's packages.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Every program of that name on the path, in order.
pub(crate) fn on_path(name: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .filter(|program| program.is_file())
        .collect()
}

/// What a program prints, trimmed; nothing if it is not there or fails.
pub(super) fn answer<A: AsRef<OsStr>>(program: &Path, arguments: &[A]) -> Option<String> {
    let said = Command::new(program)
        .args(arguments)
        .env("CHECKPOINT_DISABLE", "1")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    said.status.success().then(|| text.trim().to_owned())
}

/// Runs a step of a set-up with its output shown; an error says which step failed.
pub(crate) fn step(command: &mut Command) -> Result<(), String> {
    let name = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_owned();
    let arguments: Vec<_> = command
        .get_args()
        .take(2)
        .map(OsStr::to_os_string)
        .collect();
    let line = [&[name], arguments.as_slice()]
        .concat()
        .join(OsStr::new(" "));
    let line = line.display();
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` failed ({status})")),
        Err(error) => Err(format!("`{line}` could not start ({error})")),
    }
}

/// Installs packages of Debian or its kin; only root on such a system can.
pub(super) fn apt_install(packages: &[&str]) -> Result<(), String> {
    if on_path("apt-get").is_empty() {
        return Err("there is no apt-get".to_owned());
    }
    if answer(Path::new("id"), &["-u"]).as_deref() != Some("0") {
        return Err("apt-get needs root".to_owned());
    }
    println!("apt-get      installing {}", packages.join(", "));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .arg("-q")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        // The pages of what apt does are of no use to who runs tests; its errors are.
        step(command.stdout(Stdio::null()))
    };
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], packages].concat())
}
