//! Chromium, which no package index has whole: the system's own, or Debian's package. Node drives it.

use std::path::PathBuf;

use super::Require;
use super::system::{answer, apt_install, on_path};
use super::tool::{Found, Missing};

const HOW: &str =
    "install Chromium (apt-get install chromium on Debian), or name one by CORDON_CHROMIUM";

/// Finds it, or installs Debian's where all is required.
pub(super) fn set_up(require: Require) -> Result<Found, Missing> {
    if let Some(found) = find() {
        return Ok(found);
    }
    if require == Require::Present {
        return Err(Missing::install("no Chromium", HOW));
    }
    apt_install(&["chromium"]).map_err(|why| Missing::install(why, HOW))?;
    find().ok_or_else(|| Missing::install("the package `chromium` has none that runs here", HOW))
}

fn find() -> Option<Found> {
    let named = std::env::var_os("CORDON_CHROMIUM").map(PathBuf::from);
    let usual = ["chromium", "chromium-browser", "google-chrome"];
    let candidates = named.into_iter().chain(usual.into_iter().flat_map(on_path));
    candidates.into_iter().find_map(|program| {
        let version = version(&answer(&program, &["--version"])?)?;
        Some(Found {
            parts: vec![("Chromium", version)],
            environment: vec![("CORDON_TEST_CHROMIUM", program.into_os_string())],
        })
    })
}

/// Reads `Chromium 156.0.8078.108 built on Debian ...` and `Google Chrome 156.0.8078.108`.
fn version(said: &str) -> Option<String> {
    let mut words = said.split_whitespace();
    let is_version = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit());
    words.find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_says_which_it_is() {
        for said in [
            "Chromium 156.0.8078.108 built on Debian GNU/Linux 12 (bookworm)",
            "Google Chrome 156.0.8078.108",
        ] {
            assert_eq!(version(said).as_deref(), Some("156.0.8078.108"));
        }
        assert_eq!(version("command not found"), None);
    }
}
