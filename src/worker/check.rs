//! One file's check, from claim to outcome. Each step may be repeated: after a crash the next claim begins again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Workers;
use super::spool::SpoolError;
use crate::check::scan::{LARGEST_SCAN, ScanError};
use crate::check::{Judgement, Subject, Verdict, judge, took};
use crate::database::audit::{self, By, Entry};
use crate::database::checks::{self, CheckRow, Claim, Refused};
use crate::database::incidents::{self, FoundBy, NewIncident};
use crate::database::{DatabaseError, Tx, uploads};
use crate::evidence::{FileState, Reason, WaitsFor, extension_of};
use crate::ids::FileId;
use crate::object_store::{ObjectKey, StoreError};

/// Why a check stopped short of an outcome. The file stays in *checking*.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Another worker has it.
    #[error("the claim was lost")]
    Fenced,
    /// The service stops; another worker will begin again.
    #[error("the service is stopping")]
    Stopping,
}

/// Objects of one file looked for when it leaves quarantine.
const LEFTOVERS: usize = 1000;

/// Tries at an object that is not there, or not what was received, before that is its file's end.
const STORE_TRIES: u32 = 10;

/// Tries that end in a scanner's error of the file's own before that is its verdict.
pub(super) const SCAN_TRIES: u32 = 10;

/// How often each file's scan ended in an error that may be its own. Kept in memory: after a restart the file has its
/// tries again, and the time that the scanner was away does not count.
#[derive(Clone, Debug, Default)]
pub(super) struct ScanFaults(Arc<Mutex<HashMap<FileId, u32>>>);

impl ScanFaults {
    fn is_last_try(&self, file: FileId) -> bool {
        let faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.get(&file).is_some_and(|&faults| faults + 1 >= SCAN_TRIES)
    }

    /// Takes in how a try ended.
    fn learn(&self, file: FileId, outcome: Result<(), &CheckError>) {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Err(CheckError::Scan(error)) if error.may_be_of_the_file() => {
                *faults.entry(file).or_default() += 1;
            }
            Ok(()) | Err(CheckError::Fenced) => {
                faults.remove(&file);
            }
            Err(_) => {}
        }
    }
}

impl CheckError {
    /// What the file waits for, for people.
    fn waits_for(&self) -> Option<WaitsFor> {
        match self {
            Self::Scan(ScanError::File(_) | ScanError::Spool(_)) => Some(WaitsFor::Storage),
            Self::Scan(ScanError::Busy { .. }) => Some(WaitsFor::ScannerBusy),
            Self::Scan(ScanError::NotReady { .. }) => Some(WaitsFor::ScannerNotTrusted),
            Self::Scan(_) => Some(WaitsFor::Scanner),
            Self::Spool(_) | Self::Store(_) => Some(WaitsFor::Storage),
            Self::Database(_) | Self::Stopping => Some(WaitsFor::Service),
            Self::Fenced => None,
        }
    }
}

impl Workers {
    /// `alone`: nothing else is checked here.
    pub(super) async fn claim(&self, alone: bool) -> Result<Claim, DatabaseError> {
        let mut tx = self.db.begin().await?;
        let claim = checks::claim(&mut tx, self.clock.now(), &self.node, self.ttl_micros(), alone).await?;
        // Undone by a power cut, it is claimed again: nobody is told of a claim.
        tx.commit_quietly().await?;
        // A file that was put off has waited for something else.
        if let Claim::Row(row) = &claim
            && row.attempts == 1
        {
            took("wait", self.since(row.received_at));
        }
        Ok(claim)
    }

    fn since(&self, at: Timestamp) -> Duration {
        Duration::try_from(self.clock.now().duration_since(at)).unwrap_or_default()
    }

    pub(super) fn ttl_micros(&self) -> i64 {
        i64::try_from(self.limits.lease.as_micros()).unwrap_or(i64::MAX)
    }

    /// Checks a claimed file, and puts it off if that cannot be done now.
    pub(super) async fn run(&self, row: CheckRow, shutdown: CancellationToken) {
        let started = Instant::now();
        let outcome = tokio::select! {
            outcome = self.check(&row) => outcome,
            lost = self.keep((row.file, row.epoch)) => Err(lost),
            () = shutdown.cancelled() => Err(CheckError::Stopping),
        };
        metrics::histogram!("strongroom_check_seconds").record(started.elapsed().as_secs_f64());
        self.scan_faults.learn(row.file, outcome.as_ref().copied());
        let Err(error) = outcome else {
            metrics::histogram!("strongroom_verdict_seconds")
                .record(self.since(row.received_at).as_secs_f64());
            return;
        };
        tracing::warn!(
            file = %row.file,
            attempts = row.attempts,
            error = &error as &dyn std::error::Error,
            "a check was put off"
        );
        let Some(waits_for) = error.waits_for() else { return };
        let again = match error {
            CheckError::Stopping => self.clock.now(),
            _ => self.later(row.attempts),
        };
        if let Err(error) = self.put_off(&row, waits_for, again).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(file = %row.file, error, "the claim is left to run out");
        }
    }

    async fn put_off(&self, row: &CheckRow, what: WaitsFor, again: Timestamp) -> Result<(), DatabaseError> {
        let mut tx = self.db.begin().await?;
        checks::postpone(&mut tx, row, what, self.clock.now(), again).await?;
        tx.commit().await
    }

    /// A second after the first try, twice as long after each, a minute at most.
    pub(super) fn later(&self, attempts: u32) -> Timestamp {
        let wait = SignedDuration::from_secs(1 << attempts.saturating_sub(1).min(6))
            .min(SignedDuration::from_mins(1));
        self.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX)
    }

    /// Renews the claim (of a file, its epoch) until it is lost.
    pub(super) async fn keep(&self, claim: (FileId, i64)) -> CheckError {
        loop {
            tokio::time::sleep(self.limits.lease / 3).await;
            match checks::renew(&self.db, claim, self.ttl_micros()).await {
                Ok(true) => {}
                Ok(false) => return CheckError::Fenced,
                // The lease outlives two such failures; then another worker takes the file.
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(file = %claim.0, error, "a claim could not be renewed");
                }
            }
        }
    }

    async fn check(&self, row: &CheckRow) -> Result<(), CheckError> {
        if let Some(refused) = self.hopeless(row, None) {
            return self.give_up(row, &refused).await;
        }
        fail::fail_point!("check::claimed");
        match self.come_to_a_verdict(row).await {
            Err(error) => match self.hopeless(row, Some(&error)) {
                Some(refused) => self.give_up(row, &refused).await,
                None => Err(error),
            },
            done => done,
        }
    }

    async fn come_to_a_verdict(&self, row: &CheckRow) -> Result<(), CheckError> {
        let (key, version) = &row.quarantine;
        let began = Instant::now();
        // The largest member of an archive that may be scanned by its members: a gzip does not tell before.
        let gzip = matches!(extension_of(row.name.as_str()).as_deref(), Some("gz" | "tgz" | "tar.gz"));
        let beside = if gzip || row.size > LARGEST_SCAN { LARGEST_SCAN } else { 0 };
        let spooled = self.spool.open(&*self.store, key, version, beside).await?;
        took("open", began.elapsed());
        let subject = Subject {
            name: row.name.clone(),
            section: row.rules.clone(),
            size: row.size,
            received_sha256: row.received_sha256,
            pieces: row.pieces.clone(),
            client_sha256: row.client_sha256,
            last_try: self.scan_faults.is_last_try(row.file),
        };
        let file = spooled.file.try_clone().map_err(SpoolError::Folder)?;
        let judgement = judge(&subject, file, &*self.scanner, self.spool.folder().await?).await?;
        drop(spooled);
        fail::fail_point!("check::judged");
        match judgement.admit(&row.rules, version.clone()) {
            Some(clean) => self.admit(row, &judgement, &clean).await,
            None => self.refuse(row, &judgement, refusal(&judgement)).await,
        }
    }

    /// Writes a refusal and gives the bytes up, but for an infected original, which is kept for whoever answers
    /// incidents.
    pub(super) async fn refuse(
        &self,
        row: &CheckRow,
        judgement: &Judgement,
        refused: Refused,
    ) -> Result<(), CheckError> {
        let mut obsolete = self.quarantined(row).await?;
        // An earlier try may have copied it, and then found no end.
        obsolete.push(evidence_key(row));
        let now = self.clock.now();
        let kept = match (&judgement.verdict, &judgement.scanner) {
            (Verdict::Infected { signature }, Some(scanner)) => Some(NewIncident {
                file: row.file,
                sample: row.sample,
                candidate: &row.candidate,
                section: &row.section,
                by: FoundBy::Check,
                signature,
                scanner,
                sha256: judgement.examined.sha256,
                object: (&row.quarantine.0, &row.quarantine.1),
                now,
                expires_at: self.incident_ends(now),
            }),
            _ => None,
        };
        if kept.is_some() {
            obsolete.retain(|key| *key != row.quarantine.0);
        }
        let began = Instant::now();
        let mut tx = self.db.begin().await?;
        self.write_refusal(&mut tx, row, judgement, &refused, &obsolete).await?;
        if let Some(incident) = &kept {
            incidents::insert(&mut tx, incident).await?;
        }
        tx.commit().await?;
        took("commit", began.elapsed());
        fail::fail_point!("check::refused");
        self.ended.notify_one();
        self.to_move.notify_one();
        Ok(())
    }

    /// The end of a check that cannot come to a verdict by trying again; `None` while it can. Its claims were lost again
    /// and again, so the file may be what ended their processes; or what was received is not there any more.
    fn hopeless(&self, row: &CheckRow, error: Option<&CheckError>) -> Option<Refused> {
        let lost = row.lost;
        if lost >= self.limits.claims {
            tracing::error!(file = %row.file, lost, "a check never came to an end, and is given up");
            let detail = format!(
                "Its check was begun {lost} times and never came to an end; save the work in another way and upload \
                 it again."
            );
            return Some(Refused { state: FileState::Unscannable, reason: Reason::Unscannable, detail });
        }
        let gone = match error? {
            CheckError::Store(gone) | CheckError::Spool(SpoolError::Store(gone)) => gone,
            _ => return None,
        };
        let other = matches!(gone, StoreError::NotFound { .. } | StoreError::Changed { .. });
        (other && row.attempts >= STORE_TRIES).then(|| {
            tracing::error!(file = %row.file, error = gone as &dyn std::error::Error, "what was received is not there");
            not_what_was_received()
        })
    }

    /// Writes the end of a check without a verdict.
    async fn give_up(&self, row: &CheckRow, refused: &Refused) -> Result<(), CheckError> {
        let mut obsolete = self.quarantined(row).await?;
        obsolete.push(evidence_key(row));
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        if !checks::give_up(&mut tx, row, refused, now).await? {
            return Err(CheckError::Fenced);
        }
        uploads::discard(&mut tx, &obsolete, now).await?;
        let detail = json!({ "state": refused.state, "reason": refused.reason, "lost_claims": row.lost });
        record_refusal(&mut tx, now, row, refused, detail).await?;
        tx.commit().await?;
        self.ended.notify_one();
        Ok(())
    }

    pub(super) async fn write_refusal(
        &self,
        tx: &mut Tx,
        row: &CheckRow,
        judgement: &Judgement,
        refused: &Refused,
        obsolete: &[ObjectKey],
    ) -> Result<(), CheckError> {
        let now = self.clock.now();
        if !checks::refuse(tx, row, refused, judgement, now).await? {
            return Err(CheckError::Fenced);
        }
        uploads::discard(tx, obsolete, now).await?;
        let sha256 = judgement.examined.sha256;
        let detail = json!({ "state": refused.state, "reason": refused.reason, "sha256": sha256 });
        Ok(record_refusal(tx, now, row, refused, detail).await?)
    }

    /// Every object of the file that is not evidence: its own, and any left by a step that was cut short.
    pub(super) async fn quarantined(&self, row: &CheckRow) -> Result<Vec<ObjectKey>, CheckError> {
        let mut paths = self.store.list(&format!("quarantine/{}/", row.file), None, LEFTOVERS).await?;
        if row.resumed {
            paths.extend(self.store.list(&format!("tail/{}/", row.file), None, LEFTOVERS).await?);
        }
        Ok(paths.iter().filter_map(|path| path.parse().ok()).collect())
    }
}

async fn record_refusal(
    tx: &mut Tx,
    now: Timestamp,
    row: &CheckRow,
    refused: &Refused,
    detail: serde_json::Value,
) -> Result<(), DatabaseError> {
    let entry = Entry {
        sample: Some(row.sample),
        candidate: &row.candidate,
        section: &row.section,
        file: Some(row.file),
        detail,
        ..Entry::new(By::Service, "file.refused")
    };
    audit::record(tx, now, entry).await?;
    metrics::counter!("strongroom_files_refused_total", "reason" => refused.reason.as_str()).increment(1);
    Ok(())
}

/// Where a file goes that is accepted.
pub(super) fn evidence_key(row: &CheckRow) -> ObjectKey {
    ObjectKey::Evidence { sample: row.sample, file: row.file, name: row.unique_name.clone() }
}

/// The final state of a judgement that admits nothing.
fn refusal(judgement: &Judgement) -> Refused {
    match &judgement.verdict {
        Verdict::Infected { signature } => Refused {
            state: FileState::Infected,
            reason: Reason::Infected,
            detail: format!("The virus scanner found {signature}."),
        },
        Verdict::Rejected { reason, detail } => {
            Refused { state: FileState::Rejected, reason: *reason, detail: detail.clone() }
        }
        Verdict::Unscannable { detail } => {
            Refused { state: FileState::Unscannable, reason: Reason::Unscannable, detail: detail.clone() }
        }
        // Clean, and yet not admitted: the stored version is not of the size that was read.
        Verdict::Clean => not_what_was_received(),
    }
}

fn not_what_was_received() -> Refused {
    Refused {
        state: FileState::Rejected,
        reason: Reason::DigestMismatch,
        detail: "The stored file is not the one that was received; upload it again.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::scan::ReplyError;

    #[test]
    fn a_full_disk_is_not_the_scanner_and_a_busy_one_is_there() {
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(CheckError::Scan(ScanError::Spool(full())).waits_for(), Some(WaitsFor::Storage));
        assert_eq!(CheckError::Scan(ScanError::File(full())).waits_for(), Some(WaitsFor::Storage));
        assert_eq!(CheckError::Scan(ScanError::Interrupted).waits_for(), Some(WaitsFor::Scanner));
    }

    #[test]
    fn the_tenth_error_of_a_files_own_is_the_last() {
        let faults = ScanFaults::default();
        let (file, other) = (FileId::new(), FileId::new());
        let own = || CheckError::Scan(ReplyError::Reported("Can't read file".into()).into());
        let away = || CheckError::Scan(ScanError::NotReady { detail: String::new() });
        for _ in 0..SCAN_TRIES - 1 {
            assert!(!faults.is_last_try(file));
            faults.learn(file, Err(&own()));
            faults.learn(file, Err(&away()));
            faults.learn(other, Err(&away()));
            faults.learn(other, Err(&CheckError::Stopping));
        }
        assert!(faults.is_last_try(file) && !faults.is_last_try(other));
        faults.learn(file, Ok(()));
        assert!(!faults.is_last_try(file));
        assert!(faults.0.lock().unwrap().is_empty());
    }
}
