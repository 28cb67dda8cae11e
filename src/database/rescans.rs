//! Accepted files that are scanned again: claiming them, and writing what came out.
//!
//! The verdict's own row is the queue: when it was scanned, of when the signatures were, and a rank. A claim has the
//! columns of a check's, which an accepted file does not need any more, and the same rule: every outcome is written
//! under the claim's epoch.

use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, Row};

use super::files::file_id;
use super::{Database, DatabaseError, Tx, checks};
use crate::check::Verdict;
use crate::check::again::{Accepted, Scan};
use crate::check::scan::ScannerIdentity;
use crate::evidence::{FileKind, FileState, OriginalName};
use crate::ids::{FileId, SampleId, SubmissionId};
use crate::object_store::{ObjectKey, ObjectVersion};

/// The object of a file is in doubt: it goes before all others, whatever the scanner's signatures.
const DOUBTED: i64 = 0;
/// Somebody asked for the sample it is in.
const ASKED_FOR: i64 = 1;
/// It waits until it is old enough.
const BY_AGE: i64 = 2;

/// Rows that cannot be read, passed over in one claim.
const BROKEN_AT_ONCE: usize = 100;

/// An accepted file a worker has claimed.
#[derive(Clone, Debug)]
pub(crate) struct RescanRow {
    pub file: FileId,
    pub epoch: i64,
    pub attempts: u32,
    /// Claims before this one that never came back, one after the other.
    pub lost: u32,
    pub sample: SampleId,
    /// Candidate id, or `""`.
    pub candidate: String,
    pub section: String,
    pub accepted: Accepted,
    /// Its bytes do not leave now: an earlier look found others, or none.
    pub withheld: bool,
    pub object: (ObjectKey, ObjectVersion),
}

/// What is due at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub now: Timestamp,
    /// Of when the scanner's signatures are; `None`: not known, and only what is in doubt is looked at.
    pub signatures_at: Option<Timestamp>,
    /// Verdicts older than this are due by their age.
    pub scanned_before: Timestamp,
}

/// Claims the file that goes first. One whose row cannot be read is put by for an hour, and told in the log.
pub(crate) async fn claim(
    tx: &mut Tx,
    due: &Due,
    node: &str,
    ttl_micros: i64,
) -> Result<Option<RescanRow>, DatabaseError> {
    for _ in 0..BROKEN_AT_ONCE {
        let Some(id) = next(tx, due).await? else { return Ok(None) };
        checks::take(tx, &id, FileState::Accepted, node, ttl_micros).await?;
        match read(tx, &id).await {
            Err(broken) if broken.is_of_one_row() => {
                tracing::error!(
                    file = id,
                    error = &broken as &dyn std::error::Error,
                    "an accepted file cannot be scanned again"
                );
                put_by(tx, &id, due.now + SignedDuration::from_hours(1)).await?;
            }
            read => return read.map(Some),
        }
    }
    Ok(None)
}

/// By rank: each is a stretch of one index.
async fn next(tx: &mut Tx, due: &Due) -> Result<Option<String>, DatabaseError> {
    let engine = tx.engine();
    let signatures_at = due.signatures_at.map_or(0, Timestamp::as_microsecond);
    let ranks = [
        (DOUBTED, i64::MAX, i64::MAX),
        (ASKED_FOR, i64::MAX, signatures_at),
        (BY_AGE, due.scanned_before.as_microsecond(), signatures_at),
    ];
    for (rank, scanned_before, signatures_before) in ranks {
        let sql = format!(
            "SELECT id FROM files WHERE state = 'accepted' AND rescan_rank = $1 AND scanned_at < $2 \
             AND signatures_at < $3 AND evidence_key IS NOT NULL AND (unscanned = 0 OR rescan_rank = 0) \
             AND (check_after IS NULL OR check_after <= $4) AND (check_until IS NULL OR check_until < {}) \
             ORDER BY rescan_rank, scanned_at LIMIT 1{}",
            engine.now(),
            engine.skip_locked()
        );
        let id: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(rank)
            .bind(scanned_before)
            .bind(signatures_before)
            .bind(due.now.as_microsecond())
            .fetch_optional(tx.on())
            .await?;
        if id.is_some() {
            return Ok(id);
        }
    }
    Ok(None)
}

async fn read(tx: &mut Tx, id: &str) -> Result<RescanRow, DatabaseError> {
    let row = sqlx::query(
        "SELECT id, check_epoch, check_attempts, check_lost, sample_id, candidate_id, section, size, sha256, \
         unscanned, by_member, original_name, withheld, evidence_key, evidence_version FROM files WHERE id = $1",
    )
    .bind(id)
    .fetch_one(tx.on())
    .await?;
    let broken = |column| DatabaseError::BrokenRow { table: "files", id: id.to_owned(), column };
    let text = |column: &'static str| row.try_get::<String, _>(column);
    let number = |column: &'static str| row.try_get::<i64, _>(column);
    let version: ObjectVersion =
        serde_json::from_str(&text("evidence_version")?).map_err(|_| broken("evidence_version"))?;
    // By its name the same as at first, when the name had to be that of a kind.
    let kind = || {
        let name: OriginalName = text("original_name")?.parse().map_err(|_| broken("original_name"))?;
        let extension = name.extension().unwrap_or_default();
        FileKind::of(&extension).ok_or_else(|| broken("original_name"))
    };
    let accepted = Accepted {
        sha256: text("sha256")?.parse().map_err(|_| broken("sha256"))?,
        size: u64::try_from(number("size")?).map_err(|_| broken("size"))?,
        scan: match (number("unscanned")?, number("by_member")?) {
            (0, 0) => Scan::Whole,
            (0, _) => Scan::Members(kind()?),
            _ => Scan::No,
        },
    };
    Ok(RescanRow {
        file: file_id(text("id")?)?,
        epoch: number("check_epoch")?,
        attempts: u32::try_from(number("check_attempts")?).map_err(|_| broken("check_attempts"))?,
        lost: u32::try_from(number("check_lost")?).map_err(|_| broken("check_lost"))?,
        sample: text("sample_id")?.parse().map_err(|_| broken("sample_id"))?,
        candidate: text("candidate_id")?,
        section: text("section")?,
        accepted,
        withheld: row.try_get::<Option<String>, _>("withheld")?.is_some(),
        object: (text("evidence_key")?.parse().map_err(|_| broken("evidence_key"))?, version),
    })
}

async fn put_by(tx: &mut Tx, id: &str, until: Timestamp) -> Result<(), DatabaseError> {
    sqlx::query(
        "UPDATE files SET check_owner = NULL, check_until = NULL, check_lost = 0, check_after = $2 WHERE id = $1",
    )
    .bind(id)
    .bind(until.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Lets a claim go without an outcome: the verdict stays as it is, and another look is taken after `until`.
pub(crate) async fn put_off(tx: &mut Tx, row: &RescanRow, until: Timestamp) -> Result<(), DatabaseError> {
    sqlx::query(
        "UPDATE files SET check_owner = NULL, check_until = NULL, check_lost = 0, check_after = $3 \
         WHERE id = $1 AND check_epoch = $2 AND state = 'accepted'",
    )
    .bind(row.file.to_string())
    .bind(row.epoch)
    .bind(until.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(())
}

/// The verdict stands, on another scan: `scanner`, or `None` where none was asked or what it said is of no weight.
/// `false`: the claim is lost, and nothing was written.
pub(crate) async fn stands(
    tx: &mut Tx,
    row: &RescanRow,
    scanner: Option<&ScannerIdentity>,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let signatures_at = scanner.map(|scanner| scanner.signatures_at().map_or(0, Timestamp::as_microsecond));
    let done = sqlx::query(
        "UPDATE files SET scanned_at = $3, engine = COALESCE($4, engine), signatures = COALESCE($5, signatures), \
         signatures_at = COALESCE($6, signatures_at), rescan_rank = 2, withheld = NULL, withheld_at = NULL, \
         check_owner = NULL, check_until = NULL, check_attempts = 0, check_lost = 0 \
         WHERE id = $1 AND check_epoch = $2 AND state = 'accepted'",
    )
    .bind(row.file.to_string())
    .bind(row.epoch)
    .bind(now.as_microsecond())
    .bind(scanner.map(|scanner| scanner.engine.clone()))
    .bind(scanner.map(|scanner| scanner.signatures.clone()))
    .bind(signatures_at)
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The bytes of a file leave no more until another look, after `again`, finds them as they were. `false`: the claim is
/// lost, and nothing was written.
pub(crate) async fn withhold(
    tx: &mut Tx,
    row: &RescanRow,
    why: &str,
    now: Timestamp,
    again: Timestamp,
) -> Result<bool, DatabaseError> {
    let done = sqlx::query(
        "UPDATE files SET withheld = $3, withheld_at = COALESCE(withheld_at, $4), rescan_rank = 0, check_after = $5, \
         check_owner = NULL, check_until = NULL, check_lost = 0 \
         WHERE id = $1 AND check_epoch = $2 AND state = 'accepted'",
    )
    .bind(row.file.to_string())
    .bind(row.epoch)
    .bind(why)
    .bind(now.as_microsecond())
    .bind(again.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What a scan found in an accepted file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub signature: &'a str,
    pub scanner: &'a ScannerIdentity,
    pub now: Timestamp,
}

/// Withdraws a locked file for good: nobody reads it any more. Accepted files with the same bytes go to the head of the
/// queue. `false`: the claim is lost, and nothing was written.
pub(crate) async fn quarantine(
    tx: &mut Tx,
    row: &RescanRow,
    found: &Found<'_>,
) -> Result<bool, DatabaseError> {
    let verdict = Verdict::Infected { signature: found.signature.to_owned() };
    let broken = |_| DatabaseError::BrokenRow { table: "files", id: row.file.to_string(), column: "verdict" };
    let done = sqlx::query(
        "UPDATE files SET state = 'quarantined', reason = 'infected', detail = $3, verdict = $4, engine = $5, \
         signatures = $6, signatures_at = $7, scanned_at = $8, quarantined_at = $8, evidence_key = NULL, \
         evidence_version = NULL, withheld = NULL, withheld_at = NULL, check_owner = NULL, check_until = NULL \
         WHERE id = $1 AND check_epoch = $2 AND state = 'accepted'",
    )
    .bind(row.file.to_string())
    .bind(row.epoch)
    .bind(format!("A later virus check found {}.", found.signature))
    .bind(serde_json::to_string(&verdict).map_err(broken)?)
    .bind(found.scanner.engine.as_str())
    .bind(found.scanner.signatures.as_str())
    .bind(found.scanner.signatures_at().map_or(0, Timestamp::as_microsecond))
    .bind(found.now.as_microsecond())
    .execute(tx.on())
    .await?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    sqlx::query(
        "UPDATE files SET rescan_rank = 1 WHERE sha256 = $1 AND state = 'accepted' AND rescan_rank > 1",
    )
    .bind(row.accepted.sha256.to_string())
    .execute(tx.on())
    .await?;
    Ok(true)
}

/// What was read of an accepted file is not what was judged, or could not be read: its object is looked at next.
pub(crate) async fn doubt(tx: &mut Tx, file: FileId) -> Result<(), DatabaseError> {
    sqlx::query("UPDATE files SET rescan_rank = 0 WHERE id = $1 AND state = 'accepted'")
        .bind(file.to_string())
        .execute(tx.on())
        .await?;
    Ok(())
}

/// The accepted files of a submission whose verdict is older than `scanned_before` and than signatures of
/// `signatures_at`, and whether each is at the head of the queue already.
pub(crate) async fn old_of(
    db: &Database,
    submission: SubmissionId,
    scanned_before: Timestamp,
    signatures_at: Timestamp,
) -> Result<Vec<(FileId, bool)>, DatabaseError> {
    let rows = sqlx::query(
        "SELECT f.id, f.rescan_rank FROM submission_files sf JOIN files f ON f.id = sf.file_id \
         WHERE sf.submission_id = $1 AND f.state = 'accepted' AND f.unscanned = 0 AND f.withheld IS NULL \
         AND f.scanned_at < $2 AND f.signatures_at < $3",
    )
    .bind(submission.to_string())
    .bind(scanned_before.as_microsecond())
    .bind(signatures_at.as_microsecond())
    .fetch_all(db.reader())
    .await?;
    rows.iter().map(|row| Ok((file_id(row.try_get(0)?)?, row.try_get::<i64, _>(1)? <= ASKED_FOR))).collect()
}

/// Puts those files of a submission at the head of the queue.
pub(crate) async fn ask_for(
    db: &Database,
    submission: SubmissionId,
    scanned_before: Timestamp,
) -> Result<(), DatabaseError> {
    let mut tx = db.begin().await?;
    sqlx::query(
        "UPDATE files SET rescan_rank = 1 WHERE state = 'accepted' AND unscanned = 0 AND rescan_rank > 1 \
         AND scanned_at < $2 AND id IN (SELECT file_id FROM submission_files WHERE submission_id = $1)",
    )
    .bind(submission.to_string())
    .bind(scanned_before.as_microsecond())
    .execute(tx.on())
    .await?;
    tx.commit().await
}

/// Accepted files whose bytes do not leave, because they are not what was accepted: how many, and since when the first.
pub(crate) async fn withheld(db: &Database) -> Result<(i64, Option<Timestamp>), DatabaseError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS files, MIN(withheld_at) AS first FROM files WHERE withheld IS NOT NULL AND state = 'accepted'",
    )
    .fetch_one(db.reader())
    .await?;
    let first: Option<i64> = row.try_get("first")?;
    Ok((row.try_get("files")?, first.map(crate::clock::from_micros)))
}

/// Whether a file waits for its first check.
pub(crate) async fn fresh_waits(db: &Database, now: Timestamp) -> Result<bool, DatabaseError> {
    let found: Option<String> =
        sqlx::query_scalar("SELECT id FROM files WHERE state = 'received' AND check_after <= $1 LIMIT 1")
            .bind(now.as_microsecond())
            .fetch_optional(db.reader())
            .await?;
    Ok(found.is_some())
}
