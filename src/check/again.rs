//! Accepted bytes, looked at again: whether they are still those that were accepted, and what a scanner with newer
//! signatures says of them. The rules of admission (name, type, structure) are not asked twice.

use std::fs::File;
use std::sync::Arc;

use super::examine::sum_up;
use super::scan::{Finding, ScanError, Scanner, ScannerIdentity};
use crate::evidence::Sha256Digest;

/// What was accepted.
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    pub sha256: Sha256Digest,
    /// Bytes.
    pub size: u64,
    /// False: beyond the scanner's size and allowed by its section; it is not scanned now either.
    pub scanned: bool,
}

/// What another look says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// The bytes are those that were accepted, and the scanner (if they are scanned) finds nothing.
    Clean {
        scanner: Option<ScannerIdentity>,
    },
    Infected {
        signature: String,
        scanner: ScannerIdentity,
    },
    /// The bytes are those that were accepted, and the scanner cannot or would not look at all of them any more. That is
    /// a matter of admission, and says nothing of a virus.
    Undecided {
        finding: Finding,
        scanner: ScannerIdentity,
    },
    /// These are other bytes.
    Others {
        sha256: Sha256Digest,
    },
}

/// Looks at a file again. The descriptor is read by position only.
///
/// # Errors
///
/// [`ScanError`] is transient: nothing is known, and the caller asks again later.
pub async fn look_again(accepted: &Accepted, file: File, scanner: &dyn Scanner) -> Result<Again, ScanError> {
    let (file, longest) = (Arc::new(file), accepted.size);
    let reading = Arc::clone(&file);
    let sums = tokio::task::spawn_blocking(move || sum_up(&reading, longest, &[])).await;
    let sums = sums.map_err(|_| ScanError::Interrupted)?.map_err(ScanError::File)?;
    if (sums.sha256, sums.size) != (accepted.sha256, accepted.size) {
        return Ok(Again::Others { sha256: sums.sha256 });
    }
    if !accepted.scanned {
        return Ok(Again::Clean { scanner: None });
    }
    let outcome = scanner.scan(&file, sums.size).await?;
    let scanner = outcome.scanner;
    Ok(match outcome.finding {
        Finding::Clean => Again::Clean { scanner: Some(scanner) },
        Finding::Infected { signature } => Again::Infected { signature, scanner },
        finding => Again::Undecided { finding, scanner },
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use async_trait::async_trait;
    use sha2::{Digest, Sha256};

    use super::super::scan::{ScanOutcome, ScannerReadiness};
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
        let whole = Accepted { sha256, size: 8, scanned: true };
        let infected = Finding::Infected { signature: "V".into() };
        let look = async |accepted: Accepted, finding: &Finding| {
            look_again(&accepted, file.try_clone().unwrap(), &Says(finding.clone())).await.unwrap()
        };
        let scanner = identity();
        assert_eq!(look(whole, &Finding::Clean).await, Again::Clean { scanner: Some(scanner.clone()) });
        let found = Again::Infected { signature: "V".into(), scanner: scanner.clone() };
        assert_eq!(look(whole, &infected).await, found);
        let undecided = Again::Undecided { finding: Finding::Encrypted, scanner };
        assert_eq!(look(whole, &Finding::Encrypted).await, undecided);
        let unscanned = Accepted { scanned: false, ..whole };
        assert_eq!(look(unscanned, &infected).await, Again::Clean { scanner: None });
        for other in [
            Accepted { size: 7, ..whole },
            Accepted { size: 9, ..whole },
            Accepted { sha256: Sha256Digest([0; 32]), ..unscanned },
        ] {
            assert!(matches!(look(other, &Finding::Clean).await, Again::Others { .. }), "{other:?}");
        }
    }
}
