//! A scanner that says what a test tells it to.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use strongroom::check::scan::{Finding, ScanError, ScanOutcome, Scanner, ScannerIdentity, ScannerReadiness};

/// What the scanner will say: clean unless told otherwise.
#[derive(Clone, Debug, Default)]
pub struct Verdicts {
    infected: Arc<AtomicBool>,
    away: Arc<AtomicBool>,
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

    pub fn scanner(&self) -> Arc<dyn Scanner> {
        Arc::new(self.clone())
    }
}

#[async_trait]
impl Scanner for Verdicts {
    async fn scan(&self, _: &File, _: u64) -> Result<ScanOutcome, ScanError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(ScanError::NotReady { detail: "told so by the test".into() });
        }
        let finding = match self.infected.load(Ordering::SeqCst) {
            true => Finding::Infected { signature: "Test.Virus".into() },
            false => Finding::Clean,
        };
        let scanner = ScannerIdentity { engine: "scripted".into(), signatures: "test".into() };
        Ok(ScanOutcome { finding, scanner })
    }

    async fn readiness(&self) -> ScannerReadiness {
        ScannerReadiness {
            ready: !self.away.load(Ordering::SeqCst),
            detail: "scripted".into(),
            engine: Some("scripted".into()),
            signatures_at: None,
            test_signatures: true,
        }
    }
}
