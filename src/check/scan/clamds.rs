//! Several clamds as one scanner.
//!
//! A scan goes to one that is trusted and has the fewest. One that fails it loses trust, and the scan is tried at
//! another at once; so is one that stands still while another could be asked. But a file that broke two is no more
//! tried now: one that breaks every scanner would end them all.

use std::fs::File;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::clamd::Clamd;
use super::news::{News, ScannerNews};
use super::{ScanError, ScanOutcome, Scanner, ScannerReadiness};

/// Tries of one scan that may have failed because of the file.
const MOST_BROKEN: usize = 2;

/// The clamds of the settings; at least one.
#[derive(Debug)]
pub(super) struct Clamds {
    all: Vec<Arc<Clamd>>,
    news: Arc<News>,
}

impl Clamds {
    pub(super) fn new(all: Vec<Arc<Clamd>>, news: Arc<News>) -> Self {
        Self { all, news }
    }

    /// The one to ask next; `tried` are those that were asked.
    fn choose(&self, size: u64, tried: &[usize]) -> Option<usize> {
        let fit = (0..self.all.len()).filter(|at| !tried.contains(at) && self.all[*at].is_trusted());
        fit.min_by_key(|at| self.all[*at].burden(size))
    }

    /// Until the one that has the scan is not trusted any more and another could have it.
    async fn another_is_better(&self, size: u64, tried: &[usize]) {
        let mut news = self.news.subscribe();
        let asked = tried.last().copied().unwrap_or_default();
        while self.all[asked].is_trusted() || self.choose(size, tried).is_none() {
            if news.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

#[async_trait]
impl Scanner for Clamds {
    async fn scan(&self, file: &File, size: u64) -> Result<ScanOutcome, ScanError> {
        let (mut tried, mut failed) = (Vec::new(), None);
        let mut broken = 0;
        while let Some(at) = self.choose(size, &tried) {
            tried.push(at);
            let scanned = tokio::select! {
                scanned = self.all[at].scan(file, size) => scanned,
                () = self.another_is_better(size, &tried) => Err(self.away()),
            };
            let error = match scanned {
                Err(error) if error.is_of_one_scanner() => error,
                scanned => return scanned,
            };
            tracing::warn!(clamd = at + 1, error = &error as &dyn std::error::Error, "a scan failed");
            if error.may_be_of_the_file() {
                broken += 1;
                failed = Some(error);
                if broken == MOST_BROKEN {
                    break;
                }
            } else {
                failed = failed.or(Some(error));
            }
        }
        Err(failed.unwrap_or_else(|| self.away()))
    }

    async fn readiness(&self) -> ScannerReadiness {
        let mut each: Vec<_> = self.all.iter().map(|clamd| (clamd.name(), clamd.standing())).collect();
        if each.len() == 1 {
            return each.swap_remove(0).1;
        }
        let ready = each.iter().filter(|(_, one)| one.ready).count();
        let told: Vec<_> = each.iter().map(|(name, one)| format!("{name}: {}", one.detail)).collect();
        let best = each.iter().map(|(_, one)| one).max_by_key(|one| (one.ready, one.signatures_at));
        ScannerReadiness {
            ready: ready > 0,
            detail: format!("{ready} of {} can be trusted. {}", each.len(), told.join(". ")),
            engine: best.and_then(|best| best.engine.clone()),
            signatures_at: best.and_then(|best| best.signatures_at),
            test_signatures: each.iter().any(|(_, one)| one.ready && one.test_signatures),
        }
    }

    fn news(&self) -> watch::Receiver<ScannerNews> {
        self.news.subscribe()
    }
}

impl Clamds {
    fn away(&self) -> ScanError {
        let told: Vec<_> = self.all.iter().map(|clamd| clamd.standing().detail).collect();
        ScanError::NotReady { detail: told.join(". ") }
    }
}

#[cfg(test)]
mod tests;
