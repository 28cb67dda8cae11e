//! Accepted files, scanned again when signatures are newer; and those whose object is in doubt, at once.
//!
//! One file at a time on each node, slower than a rate, and after fresh uploads. A hit withdraws the file in one
//! transaction; its bytes are kept for whoever answers incidents ([`super::incidents`]). An object that is not there, or
//! not what was accepted, withholds the file until a later look finds it whole. An error of the scanner or the store
//! changes nothing.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Workers;
use super::check::{CheckError, SCAN_TRIES};
use super::spool::SpoolError;
use crate::check::again::{Again, Scan, look_again};
use crate::check::scan::{LARGEST_SCAN, ScannerIdentity};
use crate::database::audit::{self, By, Entry};
use crate::database::incidents::{self, FoundBy, NewIncident};
use crate::database::rescans::{self, Due, Found, RescanRow};
use crate::database::{DatabaseError, Tx, checks, moves, samples};
use crate::object_store::StoreError;
use crate::tasks::Tasks;

/// Looks of an idle worker: one in so many of a check's.
const IDLE: u32 = 30;
/// How long fresh uploads go first: then one file is scanned all the same, however many of them wait.
const GIVE_WAY: Duration = Duration::from_secs(60);
/// Until an object is looked at again that was not what it should be.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(30);
/// Until a file is tried again whose claims were lost again and again, or at which the scanner fails every time.
const GIVEN_UP: SignedDuration = SignedDuration::from_hours(24);

/// How accepted files are scanned again.
#[derive(Clone, Copy, Debug)]
pub struct RescanLimits {
    /// The age of a verdict from which newer signatures count.
    pub after: Duration,
    /// Bytes a second, on average.
    pub bytes_per_second: u64,
    pub files_per_minute: u32,
}

impl Default for RescanLimits {
    fn default() -> Self {
        Self { after: Duration::from_secs(7 * 24 * 3600), bytes_per_second: 16 << 20, files_per_minute: 600 }
    }
}

impl RescanLimits {
    /// How long a file of that size takes at this rate.
    fn share(&self, size: u64) -> Duration {
        let bytes = Duration::from_secs_f64(size as f64 / self.bytes_per_second.max(1) as f64);
        bytes.max(Duration::from_secs(60) / self.files_per_minute.max(1))
    }
}

/// What became of one look for something to scan.
enum Turn {
    /// Fresh uploads go first.
    GaveWay,
    /// Nothing is due.
    Idle,
    /// A file of this size was scanned.
    Scanned(u64),
    /// It could not be: the scanner or the store is away.
    PutOff,
}

impl Workers {
    pub(super) async fn rescan_loop(self, tasks: Tasks) {
        let (stop, idle) = (tasks.stopping().clone(), self.limits.poll * IDLE);
        let mut waited = Instant::now();
        loop {
            let began = Instant::now();
            let turn = match self.rescan_next(waited, &stop).await {
                Ok(turn) => turn,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "no accepted file could be claimed to be scanned again");
                    Turn::PutOff
                }
            };
            let pause = match turn {
                Turn::GaveWay => self.limits.poll,
                Turn::Idle | Turn::PutOff => idle,
                Turn::Scanned(size) => self.rescans.share(size).saturating_sub(began.elapsed()),
            };
            if !matches!(turn, Turn::GaveWay) {
                waited = Instant::now();
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.asked_for.notified(), if matches!(turn, Turn::Idle) => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// `waited`: since when fresh uploads have gone first.
    async fn rescan_next(&self, waited: Instant, stop: &CancellationToken) -> Result<Turn, DatabaseError> {
        let now = self.clock.now();
        if rescans::fresh_waits(&self.db, now).await? && waited.elapsed() < GIVE_WAY {
            return Ok(Turn::GaveWay);
        }
        let scanner = self.scanner.readiness().await;
        let age = SignedDuration::try_from(self.rescans.after).unwrap_or(SignedDuration::MAX);
        let due = Due {
            now,
            signatures_at: scanner.signatures_at.filter(|_| scanner.ready),
            scanned_before: now.checked_sub(age).unwrap_or(Timestamp::MIN),
        };
        let mut tx = self.db.begin().await?;
        let row = rescans::claim(&mut tx, &due, &self.node, self.ttl_micros()).await?;
        tx.commit().await?;
        let Some(row) = row else { return Ok(Turn::Idle) };
        Ok(self.rescan(&row, stop).await)
    }

    /// Looks at a claimed file, and puts it off if that cannot be done now.
    async fn rescan(&self, row: &RescanRow, stop: &CancellationToken) -> Turn {
        let outcome = tokio::select! {
            outcome = self.look(row) => outcome,
            lost = self.keep((row.file, row.epoch)) => Err(lost),
            () = stop.cancelled() => Err(CheckError::Stopping),
        };
        let error = match outcome {
            Ok(word) => {
                metrics::counter!("strongroom_rescans_total", "outcome" => word).increment(1);
                return Turn::Scanned(row.accepted.size);
            }
            Err(error) => error,
        };
        metrics::counter!("strongroom_rescans_total", "outcome" => "put_off").increment(1);
        tracing::warn!(file = %row.file, error = &error as &dyn std::error::Error, "a scan of an accepted file was put off");
        let again = match error {
            // Another worker has it.
            CheckError::Fenced => return Turn::PutOff,
            CheckError::Stopping => self.clock.now(),
            error if comes_again(&error, row.attempts) => in_a_day(self.clock.now()),
            _ => self.later(row.attempts),
        };
        if let Err(error) = self.put_rescan_off(row, again).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(file = %row.file, error, "the claim is left to run out");
        }
        Turn::PutOff
    }

    async fn put_rescan_off(&self, row: &RescanRow, again: Timestamp) -> Result<(), DatabaseError> {
        let mut tx = self.db.begin().await?;
        rescans::put_off(&mut tx, row, again).await?;
        tx.commit().await
    }

    /// The outcome's word.
    async fn look(&self, row: &RescanRow) -> Result<&'static str, CheckError> {
        if row.lost >= self.limits.claims {
            return self.give_rescan_up(row).await;
        }
        fail::fail_point!("rescan::claimed");
        let (key, version) = &row.object;
        let beside = if matches!(row.accepted.scan, Scan::Members(_)) { LARGEST_SCAN } else { 0 };
        let spooled = match self.spool.open(&*self.store, key, version, beside).await {
            Err(SpoolError::Store(StoreError::NotFound { .. })) => {
                // An empty store, or another one, is a matter of the store and not of the file.
                self.store.probe().await?;
                return self.withhold(row, "object_lost", json!({})).await;
            }
            Err(SpoolError::Store(StoreError::Changed { .. })) => {
                return self.withhold(row, "object_changed", json!({})).await;
            }
            spooled => spooled?,
        };
        let file = spooled.file.try_clone().map_err(SpoolError::Folder)?;
        let again = look_again(&row.accepted, file, &*self.scanner, self.spool.folder().await?).await?;
        drop(spooled);
        fail::fail_point!("rescan::judged");
        match again {
            Again::Clean { scanner } => self.verdict_stands(row, scanner.as_ref(), None).await,
            Again::Undecided { why, scanner } => {
                self.verdict_stands(row, None, Some(json!({ "finding": why, "scanner": scanner }))).await
            }
            Again::Infected { signature, scanner } => self.withdraw(row, &signature, &scanner).await,
            Again::Others { sha256 } => {
                self.withhold(row, "digest_mismatch", json!({ "found_sha256": sha256 })).await
            }
        }
    }

    /// No row on the trail for each file and week: the file's own row says which scan its verdict stands on. What is
    /// `undecided`, and bytes that leave again, are told.
    async fn verdict_stands(
        &self,
        row: &RescanRow,
        scanner: Option<&ScannerIdentity>,
        undecided: Option<Value>,
    ) -> Result<&'static str, CheckError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        if !rescans::stands(&mut tx, row, scanner, now).await? {
            return Err(CheckError::Fenced);
        }
        if row.withheld {
            tracing::warn!(file = %row.file, "an accepted file is what it was again");
            record(&mut tx, now, row, "file.released", json!({})).await?;
        }
        let word = if undecided.is_some() { "undecided" } else { "clean" };
        if let Some(finding) = undecided {
            tracing::warn!(file = %row.file, %finding, "not all of an accepted file can be looked at any more");
            record(&mut tx, now, row, "file.rescan_undecided", finding).await?;
        }
        tx.commit().await?;
        Ok(word)
    }

    /// Something was found: from the commit on nobody reads the file.
    async fn withdraw(
        &self,
        row: &RescanRow,
        signature: &str,
        scanner: &ScannerIdentity,
    ) -> Result<&'static str, CheckError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        checks::hold_sample(&mut tx, row.sample).await?;
        samples::lock_place(&mut tx, row.sample, &row.candidate, &row.section).await?;
        // It may have been moved meanwhile, to the same bytes under another key.
        let there = moves::lock(&mut tx, row.file).await?;
        let Some(there) = there else { return Err(CheckError::Fenced) };
        let Some((key, version)) = &there.object else { return Err(CheckError::Fenced) };
        let found = Found { signature, scanner, now };
        if !rescans::quarantine(&mut tx, row, &found).await? {
            return Err(CheckError::Fenced);
        }
        let incident = NewIncident {
            file: row.file,
            sample: row.sample,
            candidate: &there.candidate,
            section: &there.section,
            by: FoundBy::Rescan,
            signature,
            scanner,
            sha256: row.accepted.sha256,
            object: (key, version),
            now,
            expires_at: self.incident_ends(now),
        };
        incidents::insert(&mut tx, &incident).await?;
        let at =
            RescanRow { candidate: there.candidate.clone(), section: there.section.clone(), ..row.clone() };
        let detail = json!({
            "signature": signature,
            "scanner": scanner,
            "sha256": row.accepted.sha256,
            "version": version.etag,
        });
        record(&mut tx, now, &at, "file.quarantined", detail).await?;
        tx.commit().await?;
        fail::fail_point!("rescan::quarantined");
        tracing::error!(file = %row.file, signature, "an accepted file is infected, and was withdrawn");
        self.withdrawn().await;
        self.to_move.notify_one();
        Ok("infected")
    }

    /// Downloads that are under way ask again before their next piece: here at once, and on other nodes.
    async fn withdrawn(&self) {
        self.withdrawals.announce();
        if let Err(error) = self.db.tell(super::WITHDRAWN, String::new()).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "downloads of other nodes learn of a withdrawal a minute later");
        }
    }

    /// What the store holds is not what was accepted.
    async fn withhold(
        &self,
        row: &RescanRow,
        why: &'static str,
        more: Value,
    ) -> Result<&'static str, CheckError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let again = now.checked_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX);
        if !rescans::withhold(&mut tx, row, why, now, again).await? {
            return Err(CheckError::Fenced);
        }
        if !row.withheld {
            let detail = json!({ "why": why, "sha256": row.accepted.sha256, "found": more });
            record(&mut tx, now, row, "file.withheld", detail).await?;
        }
        tx.commit().await?;
        tracing::error!(file = %row.file, why, object = %row.object.0, "an accepted file is not what it was, and is withheld");
        self.withdrawn().await;
        Ok(why)
    }

    /// Its claims were lost again and again: it is left alone for a day, its verdict as it is, and that is told.
    async fn give_rescan_up(&self, row: &RescanRow) -> Result<&'static str, CheckError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        rescans::put_off(&mut tx, row, in_a_day(now)).await?;
        record(&mut tx, now, row, "file.rescan_given_up", json!({ "lost_claims": row.lost })).await?;
        tx.commit().await?;
        tracing::error!(file = %row.file, lost = row.lost, "scans of an accepted file never come to an end");
        Ok("given_up")
    }
}

/// Whether the scanner fails at this very file, and has tried often enough.
fn comes_again(error: &CheckError, attempts: u32) -> bool {
    attempts >= SCAN_TRIES && matches!(error, CheckError::Scan(error) if error.may_be_of_the_file())
}

fn in_a_day(now: Timestamp) -> Timestamp {
    now.checked_add(GIVEN_UP).unwrap_or(Timestamp::MAX)
}

async fn record(
    tx: &mut Tx,
    now: Timestamp,
    row: &RescanRow,
    action: &'static str,
    detail: Value,
) -> Result<(), DatabaseError> {
    let entry = Entry {
        sample: Some(row.sample),
        candidate: &row.candidate,
        section: &row.section,
        file: Some(row.file),
        detail,
        ..Entry::new(By::Service, action)
    };
    audit::record(tx, now, entry).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::scan::{ReplyError, ScanError};

    #[test]
    fn a_file_at_which_the_scanner_always_fails_is_not_scanned_every_minute() {
        let own = CheckError::Scan(ReplyError::Reported("Can't read file".into()).into());
        let away = CheckError::Scan(ScanError::NotReady { detail: String::new() });
        assert!(!comes_again(&own, SCAN_TRIES - 1) && comes_again(&own, SCAN_TRIES));
        assert!(!comes_again(&away, SCAN_TRIES));
    }

    #[test]
    fn a_rate_holds_for_small_files_and_for_large_ones() {
        let limits =
            RescanLimits { bytes_per_second: 1 << 20, files_per_minute: 120, ..RescanLimits::default() };
        assert_eq!(limits.share(1), Duration::from_millis(500));
        assert_eq!(limits.share(10 << 20), Duration::from_secs(10));
        let none = RescanLimits { bytes_per_second: 0, files_per_minute: 0, ..limits };
        assert_eq!(
            none.share(70),
            Duration::from_secs(70),
            "as slow as it can be said, and never without a pause"
        );
    }
}
