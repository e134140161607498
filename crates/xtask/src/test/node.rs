//! Node with the AWS SDK for JavaScript, the CLI of CDK and what else is locked in `tests/clients/node/`.

use std::path::PathBuf;
use std::process::Command;

use super::system::{answer, apt_install, on_path, step};
use super::tool::{Found, Missing};
use super::{Require, stamp};

const HOW: &str = "install Node 20 or newer with npm";

/// Runs `npm ci` unless what it would make is there already.
pub(super) fn set_up(require: Require) -> Result<Found, Missing> {
    let (node, version) = match (find(), require) {
        (Some(found), _) => found,
        (None, Require::All) => {
            apt_install(&["nodejs", "npm"]).map_err(|why| Missing::install(why, HOW))?;
            find().ok_or_else(|| Missing::install("Debian's Node is too old", HOW))?
        }
        (None, Require::Present) => return Err(Missing::install("no Node of version 20", HOW)),
    };
    let Some(npm) = on_path("npm").into_iter().next() else {
        return Err(Missing::install("there is Node, but no npm", HOW));
    };
    let folder = crate::repository().join("tests/clients/node");
    let mut parts = make(&folder, &npm, &version).map_err(|why| {
        Missing::install(why, "see the lines above; it needs the registry of npm")
    })?;
    parts.push(("Node", version));
    Ok(Found {
        parts,
        environment: vec![("CORDON_TEST_NODE", node.into_os_string())],
    })
}

/// The first Node that the SDK runs on, with its version.
fn find() -> Option<(PathBuf, String)> {
    on_path("node").into_iter().find_map(|node| {
        let version = answer(&node, &["--version"])?;
        let version = version.strip_prefix('v')?.to_owned();
        let major: u32 = version.split('.').next()?.parse().ok()?;
        (major >= 20).then_some((node, version))
    })
}

/// The clients of lanes, each by the package that tells its version.
const CLIENTS: [(&str, &str); 3] = [
    ("AWS SDK for JS v3", "@aws-sdk/client-s3"),
    ("CDK CLI", "aws-cdk"),
    ("oidc-provider", "oidc-provider"),
];

/// Installs what the lock file says, and gives the clients with their versions.
fn make(
    folder: &std::path::Path,
    npm: &std::path::Path,
    node: &str,
) -> Result<Vec<(&'static str, String)>, String> {
    let read = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name));
        text.map_err(|error| format!("could not read `{name}` ({error})"))
    };
    let pins = format!("{node}\n{}", read("package-lock.json")?);
    let modules = folder.join("node_modules");
    if !stamp::is_current(&modules, &pins) {
        println!("node         installing the AWS SDK for JavaScript and the CLI of CDK");
        step(
            Command::new(npm)
                .args(["ci", "--loglevel=error"])
                .current_dir(folder),
        )?;
        stamp::put(&modules, &pins)
            .map_err(|error| format!("could not mark `node_modules` ({error})"))?;
    }
    let manifest: serde_json::Value = serde_json::from_str(&read("package.json")?)
        .map_err(|error| format!("could not read `package.json` ({error})"))?;
    let version = |package| {
        let version = manifest.get("dependencies")?.get(package)?.as_str()?;
        Some(version.to_owned())
    };
    let clients = CLIENTS.into_iter();
    Ok(clients
        .map(|(client, package)| (client, version(package).unwrap_or_else(|| "?".to_owned())))
        .collect())
}
