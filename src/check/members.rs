//! The virus scan of an archive that is larger than the scanner looks at: member by member.
//!
//! The structure step has examined it whole before, at its first check. Now each file in the outermost archive is inflated into the spool
//! folder, unnamed, and handed to the scanner; none is left out, and the walk waits for the answer, so that one is there
//! at a time. Archives among them are handed over as they are: they are within what the scanner unpacks, and what it
//! passes over in silence the structure step has refused at every depth.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::scan::{Finding, ScanError, ScanOutcome, Scanner};
use super::structure::{self, Limits, Stop};
use crate::evidence::FileKind;

/// An archive that the structure step found acceptable, and beyond the scanner's size.
#[derive(Clone, Debug)]
pub struct LargeArchive {
    pub file: Arc<File>,
    /// Bytes.
    pub size: u64,
    pub kind: FileKind,
    /// The section takes programs.
    pub programs: bool,
    /// A folder with room for its largest member.
    pub spool: PathBuf,
    pub limits: Limits,
}

/// What the scanner said of the members: of the first that is not clean, or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembersOutcome {
    /// The scanner is the one that judged the first member.
    pub outcome: ScanOutcome,
    /// The path of the member that is not clean.
    pub member: Option<String>,
}

/// A member on its way to the scanner; the walk goes on when it is answered.
struct Offer {
    path: String,
    file: File,
    size: u64,
    clean: oneshot::Sender<()>,
}

/// Scans every member, to the first that is not clean.
///
/// # Errors
///
/// [`ScanError`]: there is no verdict, and all of it begins again later.
pub async fn scan_members(archive: LargeArchive, scanner: &dyn Scanner) -> Result<MembersOutcome, ScanError> {
    let (offer, mut offered) = mpsc::channel(1);
    let walk = tokio::task::spawn_blocking(move || {
        let LargeArchive { file, size, kind, programs, spool, limits } = archive;
        let mut hand = |path: &str, file: File, size: u64| {
            let (clean, answer) = oneshot::channel();
            let offered = Offer { path: path.to_owned(), file, size, clean };
            offer.blocking_send(offered).map_err(|_| Stop::Enough)?;
            answer.blocking_recv().map_err(|_| Stop::Enough)
        };
        structure::hand_over(&file, size, kind, programs, (&limits, &spool), &mut hand)
    });
    let mut first = None;
    while let Some(Offer { path, file, size, clean }) = offered.recv().await {
        let ScanOutcome { finding, scanner } = scanner.scan(&file, size).await?;
        let scanner = first.get_or_insert(scanner).clone();
        if finding != Finding::Clean {
            return Ok(MembersOutcome { outcome: ScanOutcome { finding, scanner }, member: Some(path) });
        }
        // Nobody waits for it only if the walk broke, which is told below.
        clean.send(()).unwrap_or_default();
    }
    match walk.await.map_err(|_| ScanError::Interrupted)? {
        Ok(()) => {}
        Err(Stop::Read(error)) => return Err(ScanError::File(error)),
        Err(Stop::Spool(error)) => return Err(ScanError::Spool(error)),
        // It was acceptable before.
        Err(Stop::Refused(refusal)) => {
            tracing::error!(detail = refusal.detail, "an archive cannot be read a second time");
            return Err(ScanError::Unreadable { detail: refusal.detail });
        }
        Err(Stop::Enough) => return Err(ScanError::Interrupted),
    }
    let scanner = first.ok_or(ScanError::Interrupted)?;
    Ok(MembersOutcome { outcome: ScanOutcome { finding: Finding::Clean, scanner }, member: None })
}
