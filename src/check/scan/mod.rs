//! The virus scanner: what it is asked and what its answers are worth.
//!
//! An `OK` of clamd is not clean by itself: it answers `OK` in a millisecond for files beyond its limits, for methods
//! it cannot unpack and while its signatures are years old. So a scan counts only while the canaries pass ([`Clamd`]):
//! a test virus is found, a harmless text is not, what lies beyond the limits is reported as such, and a file as large
//! as this one was looked at to its end. And after each `OK` the test virus is found once more.
//!
//! Of what is inside a file, clamd passes over without a word: members of a zip that inflate to more than it looks at,
//! methods it does not know, and encrypted Office documents. The structure step has refused these before: every
//! member is stored or deflated, inflates to [`LARGEST_SCAN`] at most (counted, not believed), and all of them to less
//! than clamd's `MaxScanSize` is made for; entries and layers are fewer than `MaxFiles` and `MaxRecursion`. A 7z is
//! taken only in the form that clamd unpacks, and its files are judged like those of any other archive. What stays to
//! clamd alone is an Access database.
//!
//! [`open`] gives the scanner the settings ask for, with whatever has to run beside it.

pub(crate) mod canary;
mod clamd;
mod clamds;
mod config;
#[cfg(test)]
mod fuzz;
mod line;
mod managed;
mod news;
mod reply;
mod signatures;
mod version;

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::clamd::Place;
use self::clamds::Clamds;
use self::news::News;
use crate::clock::Clock;

pub use clamd::Clamd;
pub use config::{ClamdAddress, ScanLimits, ScannerConfig, SignaturePolicy};
pub use managed::{ManagedClamd, StartError};
pub use news::ScannerNews;
pub use reply::ReplyError;

pub use crate::evidence::LARGEST_SCAN;

/// Something that can tell whether bytes are malware.
#[async_trait]
pub trait Scanner: Debug + Send + Sync {
    /// Judges the whole file, whatever its offset; `size` is its length in bytes.
    ///
    /// An error is no verdict: the caller waits and asks again.
    async fn scan(&self, file: &File, size: u64) -> Result<ScanOutcome, ScanError>;

    /// How the last canaries went. Costs nothing.
    async fn readiness(&self) -> ScannerReadiness;

    /// Tells when trust in it or its signatures change. One that never does has let go of the other end.
    fn news(&self) -> watch::Receiver<ScannerNews> {
        watch::Sender::new(ScannerNews::default()).subscribe()
    }
}

/// A verdict and who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanOutcome {
    pub finding: Finding,
    pub scanner: ScannerIdentity,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    Clean,
    Infected {
        signature: String,
    },
    /// A password keeps the scanner out.
    Encrypted,
    Macros,
    /// A zip whose entries share bytes.
    OverlappingEntries,
    /// Too large, too deep or too slow for the scanner to have seen everything.
    BeyondLimits {
        limit: String,
    },
}

impl Finding {
    /// As counters call it.
    fn word(&self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Infected { .. } => "infected",
            Self::Encrypted => "encrypted",
            Self::Macros => "macros",
            Self::OverlappingEntries => "overlapping",
            Self::BeyondLimits { .. } => "beyond_limits",
        }
    }
}

/// Which scanner judged, with which signatures.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ScannerIdentity {
    /// `ClamAV 1.4.6`.
    pub engine: String,
    /// `27000/2026-10-22T17:22:46Z`, or `test` for the built-in test signatures.
    pub signatures: String,
}

impl ScannerIdentity {
    /// Of when its signatures are; `None` where they carry no date.
    pub fn signatures_at(&self) -> Option<Timestamp> {
        self.signatures.split_once('/').and_then(|(_, at)| at.parse().ok())
    }
}

/// Whether verdicts can be had, and if not, what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScannerReadiness {
    pub ready: bool,
    /// One sentence for the operator.
    pub detail: String,
    pub engine: Option<String>,
    pub signatures_at: Option<Timestamp>,
    /// Only the built-in test signatures are loaded: real malware goes unseen.
    pub test_signatures: bool,
}

/// No verdict this time: nothing passes and nothing is refused because of it. But a file that ends in an error which
/// [may be its own](Self::may_be_of_the_file) again and again has none to wait for.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error("the scanner is not trusted now: {detail}")]
    NotReady { detail: String },
    #[error("no scanner thread came free within {waited:?}")]
    Busy { waited: Duration },
    #[error("the scanner cannot be reached")]
    Connect(#[source] io::Error),
    #[error("the scanner did not {step} within {limit:?}")]
    Deadline { step: &'static str, limit: Duration },
    #[error("the connection to the scanner broke")]
    Connection(#[source] io::Error),
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// The stored file, not the scanner.
    #[error("the file to check cannot be read")]
    File(#[source] io::Error),
    /// The folder for what is inflated, not the scanner.
    #[error("what is in the file cannot be written to the spool folder")]
    Spool(#[source] io::Error),
    /// An archive that was acceptable when it was walked before is not now, or takes too long.
    #[error("the archive cannot be handed over by its members: {detail}")]
    Unreadable { detail: String },
    #[error("the check was interrupted")]
    Interrupted,
}

impl ScanError {
    /// Whether the file may be the reason: the scanner had it when it failed, or says so.
    pub fn may_be_of_the_file(&self) -> bool {
        match self {
            Self::Reply(error) => !matches!(error, ReplyError::NoRoom(_)),
            Self::Deadline { .. } | Self::Connection(_) => true,
            Self::NotReady { .. }
            | Self::Busy { .. }
            | Self::Connect(_)
            | Self::File(_)
            | Self::Spool(_)
            | Self::Unreadable { .. }
            | Self::Interrupted => false,
        }
    }

    /// Whether another scanner might have done better.
    fn is_of_one_scanner(&self) -> bool {
        matches!(self, Self::NotReady { .. } | Self::Connect(_) | Self::Reply(_)) || self.may_be_of_the_file()
    }
}

/// The scanner of the settings, with what runs beside it.
#[derive(Debug)]
pub struct RunningScanner {
    scanner: Arc<Clamds>,
    managed: Option<ManagedClamd>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Starts or connects to the scanner of the settings. A clamd that is not ours and does not answer is no error here:
/// readiness tells, and files wait. `scans`: files are scanned here; otherwise it is only asked how it is.
pub async fn open(
    config: &ScannerConfig,
    data: &Path,
    clock: Clock,
    scans: bool,
) -> Result<RunningScanner, StartError> {
    let (tasks, stop, news) = (TaskTracker::new(), CancellationToken::new(), Arc::<News>::default());
    let (mut all, mut managed) = (Vec::new(), None);
    let mut others = Vec::new();
    for (at, address) in config.clamd.iter().enumerate() {
        let (limits, signatures) = (config.limits.clone(), config.signatures.clone());
        let place = Place { number: at + 1, news: Arc::clone(&news), scans };
        let clamd = match address {
            ClamdAddress::Managed => {
                let runs = ManagedClamd::start_at(place, data, limits, signatures, clock.clone()).await?;
                all.push(runs.clamd());
                managed = Some(runs);
                continue;
            }
            ClamdAddress::Unix { path } => Clamd::unix(path.clone(), limits, signatures, clock.clone()),
            ClamdAddress::Tcp { address } => Clamd::tcp(address.clone(), limits, signatures, clock.clone()),
        };
        let clamd = Arc::new(clamd.at(place));
        others.push(Arc::clone(&clamd));
        all.push(clamd);
    }
    join_all(others.iter().map(|clamd| clamd.probe())).await;
    for clamd in others {
        let until = stop.clone();
        tasks.spawn(async move { clamd.keep_probing(until).await });
    }
    tasks.close();
    Ok(RunningScanner { scanner: Arc::new(Clamds::new(all, news)), managed, tasks, stop })
}

impl RunningScanner {
    pub fn scanner(&self) -> Arc<dyn Scanner> {
        Arc::clone(&self.scanner) as _
    }

    /// Stops what runs beside the scanner, and a managed clamd itself.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
        if let Some(managed) = &self.managed {
            managed.shutdown().await;
        }
    }
}

impl Drop for RunningScanner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
