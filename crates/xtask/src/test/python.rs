//! Python environments under `target/test-env/`: that of the tests with moto's server, boto3, AWS
//! CLI version 1 and a server for mail, as pinned in `tests/clients/requirements.txt`, and others by their own pins.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::system::{answer, apt_install, on_path, step};
use super::tool::{Found, Missing};
use super::{Require, stamp};

const HOW: &str = "install Python 3.11 or newer with its `venv` module (apt-get install python3 \
                   python3-venv), or name one by CORDON_PYTHON";

/// What a Python must be able to do: its version is printed where it can.
const PROBE: &str = "import sys, venv, ensurepip; assert sys.version_info >= (3, 11); \
                     print('.'.join(map(str, sys.version_info[:3])))";

/// Makes the environment of the tests unless it is there already.
pub(super) fn set_up(require: Require) -> Result<Found, Missing> {
    let folder = environment("python", "tests/clients/requirements.txt", require)?;
    Ok(describe(&folder))
}

/// Makes the environment `name` by the pins of `list` unless it is there already; gives its folder.
pub(super) fn environment(name: &str, list: &str, require: Require) -> Result<PathBuf, Missing> {
    let (python, version) = match (find(), require) {
        (Some(found), _) => found,
        (None, Require::All) => {
            apt_install(&["python3", "python3-venv"]).map_err(|why| Missing::install(why, HOW))?;
            find().ok_or_else(|| Missing::install("Debian's Python is too old", HOW))?
        }
        (None, Require::Present) => return Err(Missing::install("no usable Python", HOW)),
    };
    let folder = crate::repository().join("target/test-env").join(name);
    let list = crate::repository().join(list);
    make(&folder, &list, &python, &version).map_err(|why| {
        Missing::install(
            why,
            "see the lines above; it needs the Python package index",
        )
    })?;
    Ok(folder)
}

/// The first Python that will do, with its version.
fn find() -> Option<(PathBuf, String)> {
    let named = std::env::var_os("CORDON_PYTHON").map(PathBuf::from);
    let mut candidates: Vec<_> = named.into_iter().chain(on_path("python3")).collect();
    candidates.extend(on_path("python"));
    candidates.into_iter().find_map(|python| {
        let version = answer(&python, &["-c", PROBE])?;
        Some((python, version))
    })
}

fn make(folder: &Path, list: &Path, python: &Path, version: &str) -> Result<(), String> {
    let fault = |error: io::Error| format!("could not make the environment ({error})");
    let pins = format!(
        "{version}\n{}",
        std::fs::read_to_string(list).map_err(fault)?
    );
    if stamp::is_current(folder, &pins) {
        return Ok(());
    }
    println!(
        "python       installing what `{}` pins, which takes a minute or two",
        list.display()
    );
    step(
        Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(folder),
    )?;
    step(
        Command::new(folder.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .arg("--requirement")
            .arg(list),
    )?;
    stamp::put(folder, &pins).map_err(fault)
}

/// What the pins put there, and where.
fn describe(folder: &Path) -> Found {
    let python = folder.join("bin/python");
    let version = |package: &str| {
        let program = format!("import importlib.metadata as m; print(m.version({package:?}))");
        answer(&python, &["-c", &program]).unwrap_or_else(|| "?".to_owned())
    };
    Found {
        parts: vec![
            ("moto", version("moto")),
            ("botocore", version("botocore")),
            ("boto3", version("boto3")),
            ("AWS CLI v1", version("awscli")),
            ("aiosmtpd", version("aiosmtpd")),
        ],
        environment: vec![
            (
                "CORDON_TEST_AWS_CLI_V1",
                folder.join("bin/aws").into_os_string(),
            ),
            ("CORDON_TEST_PYTHON", python.into_os_string()),
        ],
    }
}
