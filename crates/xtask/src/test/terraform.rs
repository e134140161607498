//! Terraform and a folder with the AWS provider. Neither is in a package registry, so where
//! they are missing the lane is skipped in every run.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::system::{answer, on_path};
use super::tool::{Found, Missing};

/// Where a mirror of providers keeps the one for AWS.
const PROVIDER: &str = "registry.terraform.io/hashicorp/aws";

const HOW: &str = "put `terraform` on the path";

const HOW_PROVIDER: &str = "fill a folder by `terraform providers mirror` and name it by \
                            CORDON_TF_PLUGINS";

/// Finds both.
pub(super) fn find() -> Result<Found, Missing> {
    let programs = on_path("terraform").into_iter();
    let ready = programs.filter_map(|program| {
        let version: Value =
            serde_json::from_str(&answer(&program, &["version", "-json"])?).ok()?;
        Some((
            program,
            version.get("terraform_version")?.as_str()?.to_owned(),
        ))
    });
    let Some((program, version)) = ready.into_iter().next() else {
        return Err(Missing::bring("no `terraform`", HOW));
    };
    let mirror = mirrors()
        .into_iter()
        .find(|folder| folder.join(PROVIDER).is_dir());
    let Some(mirror) = mirror else {
        return Err(Missing::bring(
            "no folder with the AWS provider",
            HOW_PROVIDER,
        ));
    };
    Ok(Found {
        parts: vec![
            ("Terraform", version),
            ("AWS provider", provider_version(&mirror)),
        ],
        environment: vec![
            ("CORDON_TEST_TERRAFORM", program.into_os_string()),
            ("CORDON_TEST_TF_PLUGINS", mirror.into_os_string()),
        ],
    })
}

/// The folders that may hold providers, most particular first.
fn mirrors() -> Vec<PathBuf> {
    let named = ["CORDON_TF_PLUGINS", "TF_PLUGIN_CACHE_DIR"]
        .into_iter()
        .filter_map(std::env::var_os);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".terraform.d"));
    let home = home
        .iter()
        .flat_map(|home| [home.join("plugins"), home.join("plugin-cache")]);
    let usual = [
        "/opt/tf-plugins",
        "/usr/local/share/terraform/plugins",
        "/usr/share/terraform/plugins",
    ];
    named
        .map(PathBuf::from)
        .chain(home)
        .chain(usual.map(PathBuf::from))
        .collect()
}

/// The newest version in the mirror, which is the one that Terraform takes.
fn provider_version(mirror: &Path) -> String {
    let entries = std::fs::read_dir(mirror.join(PROVIDER))
        .into_iter()
        .flatten()
        .flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let numbers = |name: &str| -> Option<Vec<u32>> {
        name.split('.').map(|number| number.parse().ok()).collect()
    };
    let versions = names.filter_map(|name| Some((numbers(&name)?, name)));
    versions
        .max()
        .map_or_else(|| "?".to_owned(), |(_, name)| name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_newest_provider_is_by_number_and_not_by_letter() {
        let mirror = tempfile::tempdir().unwrap();
        for version in ["5.9.0", "5.100.0", "index.json"] {
            std::fs::create_dir_all(mirror.path().join(PROVIDER).join(version)).unwrap();
        }
        assert_eq!(provider_version(mirror.path()), "5.100.0");
    }
}
