//! Marks that tell what a folder was made from, so that a second run makes nothing.

use std::io;
use std::path::Path;

/// The name of the mark inside of the folder.
const NAME: &str = ".cordon-made-from";

/// Whether the folder was made whole from these pins.
pub(super) fn is_current(folder: &Path, pins: &str) -> bool {
    std::fs::read_to_string(folder.join(NAME)).is_ok_and(|made_from| made_from == pins)
}

/// Marks a folder, once it is whole.
pub(super) fn put(folder: &Path, pins: &str) -> io::Result<()> {
    std::fs::write(folder.join(NAME), pins)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_current_for_its_own_pins_only() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_current(folder.path(), "moto==1"));
        put(folder.path(), "moto==1").unwrap();
        assert!(is_current(folder.path(), "moto==1"));
        assert!(!is_current(folder.path(), "moto==2"));
    }
}
