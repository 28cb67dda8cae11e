//! Which virus signatures a managed clamd loads: the system's, or a test set when there are none.

use std::io;
use std::path::{Path, PathBuf};

/// Where `freshclam` keeps the official signatures.
pub(super) const SYSTEM_DATABASE: &str = "/var/lib/clamav";

/// A database folder for clamd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Database {
    pub(super) folder: PathBuf,
    /// Only [`TEST_SIGNATURES`].
    pub(super) test_only: bool,
}

/// Test signatures: a name, any file type, any offset, the bytes in hexadecimal. They are the EICAR test file, a
/// marker that no other scanner knows, and one whose name tries to look like an `OK`.
const TEST_SIGNATURES: &str = "\
Test.Eicar:0:*:58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e444152442d414e544956495255532d544553542d46494c452124482b482a
Test.Marker:0:*:45564944454e43452d544553542d4d414c574152452d4d41524b4552
Test.OK.Name:0:*:45564944454e43452d4f4b2d4e414d45
";
/// The harmless program inside Debian's `clamav-testfiles`: MD5, size, name.
const TEST_PROGRAM: &str = "aa15bcf478d165efd2065190eb473bcb:544:Clamav.Test.File\n";

/// The official signatures in `system` when there are any, else test signatures, written into `own`.
pub(super) fn choose(system: &Path, own: &Path) -> io::Result<Database> {
    if holds_signatures(system)? {
        return Ok(Database { folder: system.to_owned(), test_only: false });
    }
    std::fs::create_dir_all(own)?;
    std::fs::write(own.join("test.ndb"), TEST_SIGNATURES)?;
    std::fs::write(own.join("test.hdb"), TEST_PROGRAM)?;
    Ok(Database { folder: own.to_owned(), test_only: true })
}

fn holds_signatures(folder: &Path) -> io::Result<bool> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "cvd" || e == "cld" || e == "cud") {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn official_signatures_win_over_the_test_set() {
        let dir = tempfile::tempdir().unwrap();
        let (system, own) = (dir.path().join("system"), dir.path().join("own"));
        assert!(choose(&system, &own).unwrap().test_only);
        assert!(own.join("test.ndb").exists());
        std::fs::create_dir(&system).unwrap();
        std::fs::write(system.join("freshclam.dat"), "").unwrap();
        assert!(choose(&system, &own).unwrap().test_only);
        std::fs::write(system.join("daily.cld"), "").unwrap();
        assert_eq!(choose(&system, &own).unwrap(), Database { folder: system, test_only: false });
    }
}
