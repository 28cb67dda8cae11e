//! Accepted bytes, looked at again: whether they are still those that were accepted, and what a scanner with newer
//! signatures says of them. They go to the scanner as they did at first: whole, or an archive beyond its size by its
//! members. The rules of admission (name, type, structure) are not asked twice.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::examine::sum_up;
use super::members::{LargeArchive, MembersOutcome, scan_members};
use super::scan::{Finding, ScanError, ScanOutcome, Scanner, ScannerIdentity};
use super::structure::Limits;
use super::verdict::in_member;
use crate::evidence::{FileKind, Sha256Digest};

/// What was accepted.
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    pub sha256: Sha256Digest,
    /// Bytes.
    pub size: u64,
    pub scan: Scan,
}

/// How an accepted file was scanned, and is again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// It was not: it is beyond the scanner's size, and its section allows that.
    No,
    Whole,
    /// An archive of this kind, by its members.
    Members(FileKind),
}

/// What another look says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// The bytes are those that were accepted, and the scanner (if they are scanned) finds nothing.
    Clean { scanner: Option<ScannerIdentity> },
    /// ` in {path}` follows the signature where a member has it.
    Infected { signature: String, scanner: ScannerIdentity },
    /// The bytes are those that were accepted, and not all of them can be looked at any more, for this reason. That is a
    /// matter of admission, and says nothing of a virus.
    Undecided { why: String, scanner: Option<ScannerIdentity> },
    /// These are other bytes.
    Others { sha256: Sha256Digest },
}

/// Looks at a file again. The descriptor is read by position only. `spool`: a folder with room for the largest member of
/// an archive.
///
/// # Errors
///
/// [`ScanError`] is transient: nothing is known, and the caller asks again later.
pub async fn look_again(
    accepted: &Accepted,
    file: File,
    scanner: &dyn Scanner,
    spool: &Path,
) -> Result<Again, ScanError> {
    let (file, longest) = (Arc::new(file), accepted.size);
    let reading = Arc::clone(&file);
    let sums = tokio::task::spawn_blocking(move || sum_up(&reading, longest, &[])).await;
    let sums = sums.map_err(|_| ScanError::Interrupted)?.map_err(ScanError::File)?;
    if (sums.sha256, sums.size) != (accepted.sha256, accepted.size) {
        return Ok(Again::Others { sha256: sums.sha256 });
    }
    let size = sums.size;
    let scanned = match accepted.scan {
        Scan::No => return Ok(Again::Clean { scanner: None }),
        Scan::Whole => {
            scanner.scan(&file, size).await.map(|outcome| MembersOutcome { outcome, member: None })
        }
        Scan::Members(kind) => {
            // Whether its section takes programs was asked at first.
            let (programs, limits) = (true, Limits::default());
            let archive = LargeArchive { file, size, kind, programs, spool: spool.to_owned(), limits };
            scan_members(archive, scanner).await
        }
    };
    let MembersOutcome { outcome: ScanOutcome { finding, scanner }, member } = match scanned {
        // By rules that have become stricter since. It would be so again.
        Err(ScanError::Unreadable { detail }) => {
            return Ok(Again::Undecided { why: detail, scanner: None });
        }
        scanned => scanned?,
    };
    let undecided = |why: &str| {
        let why = in_member(why.to_owned(), member.as_deref());
        Again::Undecided { why, scanner: Some(scanner.clone()) }
    };
    Ok(match finding {
        Finding::Clean => Again::Clean { scanner: Some(scanner) },
        Finding::Infected { signature } => {
            Again::Infected { signature: in_member(signature, member.as_deref()), scanner }
        }
        Finding::Encrypted => undecided("encrypted"),
        Finding::Macros => undecided("macros"),
        Finding::OverlappingEntries => undecided("overlapping_entries"),
        Finding::BeyondLimits { limit } => undecided(&limit),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use async_trait::async_trait;
    use sha2::{Digest, Sha256};

    use super::super::scan::ScannerReadiness;
    use super::super::testing::{spool, zip_of};
    use super::*;

    #[derive(Debug)]
    struct Says(Finding);

    #[async_trait]
    impl Scanner for Says {
        async fn scan(&self, _: &File, _: u64) -> Result<ScanOutcome, ScanError> {
            Ok(ScanOutcome { finding: self.0.clone(), scanner: identity() })
        }

        async fn readiness(&self) -> ScannerReadiness {
            unreachable!("nobody asks")
        }
    }

    fn identity() -> ScannerIdentity {
        ScannerIdentity { engine: "scripted".into(), signatures: "2/2026-10-22T17:22:46Z".into() }
    }

    #[tokio::test]
    async fn other_bytes_are_told_before_anybody_scans_them() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"an essay").unwrap();
        let sha256 = Sha256Digest(Sha256::digest(b"an essay").into());
        let whole = Accepted { sha256, size: 8, scan: Scan::Whole };
        let infected = Finding::Infected { signature: "V".into() };
        let look = async |accepted: Accepted, finding: &Finding| {
            look_again(&accepted, file.try_clone().unwrap(), &Says(finding.clone()), spool()).await.unwrap()
        };
        let scanner = identity();
        assert_eq!(look(whole, &Finding::Clean).await, Again::Clean { scanner: Some(scanner.clone()) });
        let found = Again::Infected { signature: "V".into(), scanner: scanner.clone() };
        assert_eq!(look(whole, &infected).await, found);
        let undecided = Again::Undecided { why: "encrypted".into(), scanner: Some(scanner) };
        assert_eq!(look(whole, &Finding::Encrypted).await, undecided);
        let unscanned = Accepted { scan: Scan::No, ..whole };
        assert_eq!(look(unscanned, &infected).await, Again::Clean { scanner: None });
        for other in [
            Accepted { size: 7, ..whole },
            Accepted { size: 9, ..whole },
            Accepted { sha256: Sha256Digest([0; 32]), ..unscanned },
        ] {
            assert!(matches!(look(other, &Finding::Clean).await, Again::Others { .. }), "{other:?}");
        }
    }
    #[tokio::test]
    async fn an_archive_that_was_scanned_by_its_members_is_again() {
        let bytes = zip_of(&[("one.txt", b"one"), ("none.txt", b""), ("a/run.exe", b"a program")]);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let zip = Accepted {
            sha256: Sha256Digest(Sha256::digest(&bytes).into()),
            size: bytes.len() as u64,
            scan: Scan::Members(FileKind::of("zip").unwrap()),
        };
        let look = async |accepted: Accepted, finding: &Finding| {
            look_again(&accepted, file.try_clone().unwrap(), &Says(finding.clone()), spool()).await.unwrap()
        };
        let (scanner, signature) = (identity(), "V".to_owned());
        assert_eq!(look(zip, &Finding::Clean).await, Again::Clean { scanner: Some(scanner.clone()) });
        let found = Again::Infected { signature: "V in one.txt".into(), scanner: scanner.clone() };
        assert_eq!(look(zip, &Finding::Infected { signature }).await, found);
        let undecided = Again::Undecided { why: "encrypted in one.txt".into(), scanner: Some(scanner) };
        assert_eq!(look(zip, &Finding::Encrypted).await, undecided);
        // What cannot be walked any more is told, and not tried for ever.
        let tar = Accepted { scan: Scan::Members(FileKind::of("tar").unwrap()), ..zip };
        let again = look(tar, &Finding::Clean).await;
        assert!(matches!(again, Again::Undecided { scanner: None, .. }), "{again:?}");
    }
}
