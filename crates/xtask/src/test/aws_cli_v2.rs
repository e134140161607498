//! AWS CLI version 2, which no package index has: the system's own, or Debian's package.

use std::path::PathBuf;

use super::Require;
use super::system::{answer, apt_install, on_path};
use super::tool::{Found, Missing};

const HOW: &str = "install AWS CLI version 2 (apt-get install awscli on Debian 12 or newer), or \
                   name one by CORDON_AWS_CLI_V2";

/// Finds it, or installs Debian's where all is required.
pub(super) fn set_up(require: Require) -> Result<Found, Missing> {
    if let Some(found) = find() {
        return Ok(found);
    }
    if require == Require::Present {
        return Err(Missing::install("no `aws` of version 2", HOW));
    }
    apt_install(&["awscli"]).map_err(|why| Missing::install(why, HOW))?;
    find().ok_or_else(|| Missing::install("the package `awscli` is of version 1 here", HOW))
}

/// The first `aws` that says it is of version 2: an environment of Python, whose `aws` is of
/// version 1, may come first on the path.
fn find() -> Option<Found> {
    let named = std::env::var_os("CORDON_AWS_CLI_V2").map(PathBuf::from);
    let usual = ["/usr/local/bin/aws", "/usr/bin/aws"].map(PathBuf::from);
    let candidates = named.into_iter().chain(on_path("aws")).chain(usual);
    candidates.into_iter().find_map(|program| {
        let version = version(&answer(&program, &["--version"])?)?;
        Some(Found {
            parts: vec![("AWS CLI v2", version)],
            environment: vec![("CORDON_TEST_AWS_CLI_V2", program.into_os_string())],
        })
    })
}

/// Reads `aws-cli/2.9.19 Python/3.11.2 ...`; nothing for another version.
fn version(said: &str) -> Option<String> {
    let version = said.split_whitespace().next()?.strip_prefix("aws-cli/")?;
    version.starts_with("2.").then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_version_two_will_do() {
        let debian = "aws-cli/2.9.19 Python/3.11.2 Linux/6.1.0 source/x86_64.debian.12";
        assert_eq!(version(debian).as_deref(), Some("2.9.19"));
        assert_eq!(
            version("aws-cli/1.46.8 Python/3.11.7 Linux/6.1.0 botocore/1.44.8"),
            None
        );
        assert_eq!(version("usage: aws"), None);
    }
}
