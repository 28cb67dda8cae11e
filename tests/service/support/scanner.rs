//! A scanner that says what a test tells it to.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use strongroom::check::scan::{Finding, ScanError, ScanOutcome, Scanner, ScannerIdentity, ScannerReadiness};

/// What the scanner will say: clean unless told otherwise.
#[derive(Clone, Debug, Default)]
pub struct Verdicts {
    infected: Arc<AtomicBool>,
    away: Arc<AtomicBool>,
    held: Arc<AtomicBool>,
    scans: Arc<AtomicUsize>,
    finding: Arc<Mutex<Option<Finding>>>,
    /// What is found, wherever it lies in a file.
    marker: Arc<Mutex<Vec<u8>>>,
    /// Of when the signatures are.
    signatures_at: Arc<Mutex<Option<Timestamp>>>,
}

impl Verdicts {
    /// From now on everything is infected, or clean.
    pub fn infected(&self, infected: bool) {
        self.infected.store(infected, Ordering::SeqCst);
    }

    /// From now on there is no scanner, or there is.
    pub fn away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// From now on the signatures are of that time, and find what holds `marker`, if it is not empty.
    pub fn knows(&self, marker: &[u8], at: Timestamp) {
        *self.marker.lock().unwrap() = marker.to_vec();
        *self.signatures_at.lock().unwrap() = Some(at);
    }

    /// From now on what holds the marker is not infected, but this.
    pub fn finds(&self, finding: Option<Finding>) {
        *self.finding.lock().unwrap() = finding;
    }

    /// From now on scans begin and do not end, or do.
    pub fn hold(&self, held: bool) {
        self.held.store(held, Ordering::SeqCst);
    }

    /// Scans that were begun.
    pub fn scans(&self) -> usize {
        self.scans.load(Ordering::SeqCst)
    }

    fn signatures(&self) -> String {
        self.signatures_at.lock().unwrap().map_or_else(|| "test".into(), |at| format!("1/{at}"))
    }

    fn knows_of(&self, file: &File, size: u64) -> bool {
        let marker = self.marker.lock().unwrap().clone();
        let mut bytes = vec![0; usize::try_from(size).unwrap()];
        !marker.is_empty()
            && file.read_exact_at(&mut bytes, 0).is_ok()
            && bytes.windows(marker.len()).any(|window| window == marker)
    }

    pub fn scanner(&self) -> Arc<dyn Scanner> {
        Arc::new(self.clone())
    }
}

#[async_trait]
impl Scanner for Verdicts {
    async fn scan(&self, file: &File, size: u64) -> Result<ScanOutcome, ScanError> {
        self.scans.fetch_add(1, Ordering::SeqCst);
        let scanner = ScannerIdentity { engine: "scripted".into(), signatures: self.signatures() };
        while self.held.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if self.away.load(Ordering::SeqCst) {
            return Err(ScanError::NotReady { detail: "told so by the test".into() });
        }
        let found = self.infected.load(Ordering::SeqCst) || self.knows_of(file, size);
        let other = self.finding.lock().unwrap().clone();
        let finding = match found {
            true => other.unwrap_or(Finding::Infected { signature: "Test.Virus".into() }),
            false => Finding::Clean,
        };
        Ok(ScanOutcome { finding, scanner })
    }

    async fn readiness(&self) -> ScannerReadiness {
        let signatures_at = *self.signatures_at.lock().unwrap();
        ScannerReadiness {
            ready: !self.away.load(Ordering::SeqCst),
            detail: "scripted".into(),
            engine: Some("scripted".into()),
            signatures_at,
            test_signatures: signatures_at.is_none(),
        }
    }
}
