//! Files on their way through the check: claiming them, and writing what came out.
//!
//! The state column is the queue. A worker's claim has an owner, an end and an epoch; every outcome is written under
//! that epoch, so two workers on one file cannot both write one. A claim that ran out without an outcome is counted: a
//! file that ends its process each time must not do so for ever.

use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, Row};

use super::files::{file_id, version_text};
use super::{Database, DatabaseError, Tx, partials, samples};
use crate::check::scan::ScannerIdentity;
use crate::check::{Judgement, Piece, Verdict};
use crate::clock::from_micros;
use crate::component::{Component, Section};
use crate::evidence::{FileState, OriginalName, Reason, Sha256Digest, UniqueName, WaitsFor};
use crate::ids::{FileId, SampleId};
use crate::object_store::{ObjectKey, ObjectVersion};

/// A file a worker has claimed, with all it needs to judge it.
#[derive(Clone, Debug)]
pub(crate) struct CheckRow {
    pub file: FileId,
    pub epoch: i64,
    pub attempts: u32,
    /// Claims before this one that never came back, one after the other.
    pub lost: u32,
    pub sample: SampleId,
    /// Candidate id, or `""`.
    pub candidate: String,
    pub kind: String,
    pub section: String,
    pub rules: Section,
    pub name: OriginalName,
    pub unique_name: UniqueName,
    pub size: u64,
    /// `None` where the bytes came in `pieces`.
    pub received_sha256: Option<Sha256Digest>,
    pub pieces: Vec<Piece>,
    pub client_sha256: Option<Sha256Digest>,
    pub replaces: Option<FileId>,
    /// When its last byte was durable.
    pub received_at: Timestamp,
    pub quarantine: (ObjectKey, ObjectVersion),
    /// More than one request brought it: cut ones may have left pieces.
    pub resumed: bool,
}

/// Rows that cannot be read, passed over in one claim.
const BROKEN_AT_ONCE: usize = 100;

/// A look for a file to check.
#[derive(Debug)]
pub(crate) enum Claim {
    Row(Box<CheckRow>),
    /// The next one never came back before: it is to be checked alone, and was not claimed.
    Suspect,
    Nothing,
}

/// Claims the file that has waited longest, small ones before large ones of the same moment, and those whose claims were
/// lost after all others. One whose row cannot be read is put by for a minute, and told in the log: it must not hold up
/// the others. `alone`: nothing else is checked here, so that one whose claims were lost may be taken.
pub(crate) async fn claim(
    tx: &mut Tx,
    now: Timestamp,
    node: &str,
    ttl_micros: i64,
    alone: bool,
) -> Result<Claim, DatabaseError> {
    for _ in 0..BROKEN_AT_ONCE {
        let Some((id, suspect)) = next(tx, now).await? else { return Ok(Claim::Nothing) };
        if suspect && !alone {
            return Ok(Claim::Suspect);
        }
        take(tx, &id, FileState::Checking, node, ttl_micros).await?;
        match read(tx, &id).await {
            Err(broken) if broken.is_of_one_row() => {
                tracing::error!(
                    file = id,
                    error = &broken as &dyn std::error::Error,
                    "a file cannot be checked"
                );
                put_by(tx, &id, now).await?;
            }
            read => return read.map(|row| Claim::Row(Box::new(row))),
        }
    }
    Ok(Claim::Nothing)
}

/// The next file, locked, and whether a claim of it was lost.
async fn next(tx: &mut Tx, now: Timestamp) -> Result<Option<(String, bool)>, DatabaseError> {
    let engine = tx.engine();
    let sql = format!(
        "SELECT id, CASE WHEN check_lost > 0 OR check_until IS NOT NULL THEN 1 ELSE 0 END AS suspect FROM files \
         WHERE state IN ('received', 'checking') AND check_after <= $1 AND (check_until IS NULL OR check_until < {}) \
         ORDER BY suspect, check_after, size, id LIMIT 1{}",
        engine.now(),
        engine.skip_locked()
    );
    let row = sqlx::query(AssertSqlSafe(sql)).bind(now.as_microsecond()).fetch_optional(tx.on()).await?;
    row.map(|row| Ok((row.try_get("id")?, row.try_get::<i64, _>("suspect")? != 0))).transpose()
}

/// Claims the file, which is in `state` from then on. A claim that is still there ran out: it is counted as lost.
pub(super) async fn take(
    tx: &mut Tx,
    id: &str,
    state: FileState,
    node: &str,
    ttl_micros: i64,
) -> Result<(), DatabaseError> {
    let sql = format!(
        "UPDATE files SET state = $4, check_epoch = check_epoch + 1, check_owner = $2, \
         check_until = {} + $3, check_attempts = check_attempts + 1, \
         check_lost = check_lost + CASE WHEN check_until IS NULL THEN 0 ELSE 1 END WHERE id = $1",
        tx.engine().now()
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(id).bind(node).bind(ttl_micros).bind(state.as_str());
    query.execute(tx.on()).await?;
    Ok(())
}

async fn put_by(tx: &mut Tx, id: &str, now: Timestamp) -> Result<(), DatabaseError> {
    sqlx::query(
        "UPDATE files SET check_owner = NULL, check_until = NULL, check_lost = 0, check_after = $2, \
         waits_since = COALESCE(waits_since, $3), waits_for = $4 WHERE id = $1",
    )
    .bind(id)
    .bind((now + SignedDuration::from_mins(1)).as_microsecond())
    .bind(now.as_microsecond())
    .bind(WaitsFor::Service.as_str())
    .execute(tx.on())
    .await?;
    Ok(())
}

async fn read(tx: &mut Tx, id: &str) -> Result<CheckRow, DatabaseError> {
    let row = sqlx::query(
        "SELECT f.id, f.check_epoch, f.check_attempts, f.check_lost, f.sample_id, f.candidate_id, f.kind, f.section, \
         f.original_name, f.unique_name, f.size, f.sha256, f.client_sha256, f.replaces, f.quarantine_key, \
         f.quarantine_version, f.received_at, s.component_id, c.definition, COALESCE(u.epoch, 2) AS leases FROM files f \
         JOIN samples s ON s.id = f.sample_id JOIN components c ON c.id = s.component_id LEFT JOIN uploads u ON u.file_id = f.id WHERE f.id = $1",
    )
    .bind(id)
    .fetch_one(tx.on())
    .await?;
    let broken = |column| DatabaseError::BrokenRow { table: "files", id: id.to_owned(), column };
    let text = |column: &'static str| row.try_get::<String, _>(column);
    let optional = |column: &'static str| row.try_get::<Option<String>, _>(column);
    let component = samples::component(&text("component_id")?, &text("definition")?)?;
    let (kind, section) = (text("kind")?, text("section")?);
    let version: ObjectVersion =
        serde_json::from_str(&text("quarantine_version")?).map_err(|_| broken("quarantine_version"))?;
    let file = file_id(text("id")?)?;
    let received_sha256: Option<Sha256Digest> =
        optional("sha256")?.map(|digest| digest.parse()).transpose().map_err(|_| broken("sha256"))?;
    let pieces = match received_sha256 {
        Some(_) => Vec::new(),
        None => partials::as_they_came(tx, file).await?,
    };
    if received_sha256.is_none() && pieces.is_empty() {
        return Err(broken("sha256"));
    }
    Ok(CheckRow {
        pieces,
        file,
        epoch: row.try_get("check_epoch")?,
        attempts: u32::try_from(row.try_get::<i64, _>("check_attempts")?)
            .map_err(|_| broken("check_attempts"))?,
        lost: u32::try_from(row.try_get::<i64, _>("check_lost")?).map_err(|_| broken("check_lost"))?,
        sample: text("sample_id")?.parse().map_err(|_| broken("sample_id"))?,
        candidate: text("candidate_id")?,
        rules: rules(&component, &kind, &section).ok_or(broken("section"))?.clone(),
        kind,
        section,
        name: text("original_name")?.parse().map_err(|_| broken("original_name"))?,
        unique_name: text("unique_name")?.parse().map_err(|_| broken("unique_name"))?,
        size: u64::try_from(row.try_get::<i64, _>("size")?).map_err(|_| broken("size"))?,
        received_sha256,
        client_sha256: optional("client_sha256")?
            .map(|digest| digest.parse())
            .transpose()
            .map_err(|_| broken("client_sha256"))?,
        replaces: optional("replaces")?.map(|id| id.parse()).transpose().map_err(|_| broken("replaces"))?,
        received_at: from_micros(row.try_get("received_at")?),
        quarantine: (text("quarantine_key")?.parse().map_err(|_| broken("quarantine_key"))?, version),
        resumed: row.try_get::<i64, _>("leases")? > 1,
    })
}

/// The rules of a place, by the words of the files table.
pub(crate) fn rules<'a>(component: &'a Component, kind: &str, section: &str) -> Option<&'a Section> {
    match kind {
        "supporting" => component.supporting.as_ref(),
        "document" => component.document(&section.parse().ok()?),
        _ => component.section(&section.parse().ok()?),
    }
}

/// Keeps a claim alive. `false`: it is lost.
pub(crate) async fn renew(
    db: &Database,
    (file, epoch): (FileId, i64),
    ttl_micros: i64,
) -> Result<bool, DatabaseError> {
    let mut tx = db.begin().await?;
    let sql = format!(
        "UPDATE files SET check_until = {} + $3 WHERE id = $1 AND check_epoch = $2",
        tx.engine().now()
    );
    let done = sqlx::query(AssertSqlSafe(sql))
        .bind(file.to_string())
        .bind(epoch)
        .bind(ttl_micros)
        .execute(tx.on())
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// Puts a check off at `now`: it stays in *checking*, waiting for `what`.
pub(crate) async fn postpone(
    tx: &mut Tx,
    row: &CheckRow,
    what: WaitsFor,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "UPDATE files SET check_owner = NULL, check_until = NULL, check_lost = 0, check_after = $3, waits_for = $4, \
         waits_since = COALESCE(waits_since, $5) WHERE id = $1 AND check_epoch = $2 AND state = 'checking'",
    )
    .bind(row.file.to_string())
    .bind(row.epoch)
    .bind(until.as_microsecond())
    .bind(what.as_str())
    .bind(now.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Files that wait for the scanner are due at `now`; how many.
pub(crate) async fn scanner_is_back(db: &Database, now: Timestamp) -> Result<u64, DatabaseError> {
    let mut tx = db.begin().await?;
    let done = sqlx::query(
        "UPDATE files SET check_after = $1 WHERE state = 'checking' AND waits_for = 'scanner_not_trusted' \
         AND check_owner IS NULL AND check_after > $1",
    )
    .bind(now.as_microsecond())
    .execute(tx.on())
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

/// A final state that is not *accepted*.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub state: FileState,
    pub reason: Reason,
    pub detail: String,
}

impl Refused {
    /// Of a file that was refused without being judged.
    fn verdict(&self) -> Verdict {
        let detail = self.detail.clone();
        match self.state {
            FileState::Unscannable => Verdict::Unscannable { detail },
            _ => Verdict::Rejected { reason: self.reason, detail },
        }
    }
}

/// Writes a refusal. `false`: the claim is lost, and nothing was written.
pub(crate) async fn refuse(
    tx: &mut Tx,
    row: &CheckRow,
    refused: &Refused,
    judgement: &Judgement,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let sql = "UPDATE files SET state = $3, reason = $4, detail = $5, media_type = $6, crc32 = $7, verdict = $8, \
               engine = $9, signatures = $10, checked_at = $11, sha256 = COALESCE(sha256, $12), \
               check_owner = NULL, check_until = NULL, waits_for = NULL, waits_since = NULL \
               WHERE id = $1 AND check_epoch = $2 AND state = 'checking'";
    let scanner = judgement.scanner.as_ref();
    let done = sqlx::query(sql)
        .bind(row.file.to_string())
        .bind(row.epoch)
        .bind(refused.state.as_str())
        .bind(refused.reason.as_str())
        .bind(&refused.detail)
        .bind(judgement.examined.media_type.as_deref())
        .bind(i64::from(judgement.examined.crc32))
        .bind(verdict_text(row, &judgement.verdict)?)
        .bind(scanner.map(|scanner| scanner.engine.clone()))
        .bind(scanner.map(|scanner| scanner.signatures.clone()))
        .bind(now.as_microsecond())
        .bind(judgement.examined.sha256.to_string())
        .execute(tx.on())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes the end of a check that never came to one. `false`: the claim is lost, and nothing was written.
pub(crate) async fn give_up(
    tx: &mut Tx,
    row: &CheckRow,
    refused: &Refused,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let done = sqlx::query(
        "UPDATE files SET state = $3, reason = $4, detail = $5, verdict = $6, checked_at = $7, check_owner = NULL, \
         check_until = NULL, waits_for = NULL, waits_since = NULL \
         WHERE id = $1 AND check_epoch = $2 AND state = 'checking'",
    )
    .bind(row.file.to_string())
    .bind(row.epoch)
    .bind(refused.state.as_str())
    .bind(refused.reason.as_str())
    .bind(&refused.detail)
    .bind(verdict_text(row, &refused.verdict())?)
    .bind(now.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected() == 1)
}

fn verdict_text(row: &CheckRow, verdict: &Verdict) -> Result<String, DatabaseError> {
    serde_json::to_string(verdict).map_err(|_| DatabaseError::BrokenRow {
        table: "files",
        id: row.file.to_string(),
        column: "verdict",
    })
}

/// What an acceptance writes.
#[derive(Debug)]
pub(crate) struct Accepted<'a> {
    pub judgement: &'a Judgement,
    pub key: &'a ObjectKey,
    pub version: &'a ObjectVersion,
    /// False: allowed by the section without a virus scan, and labelled so.
    pub scanned: bool,
    /// The same bytes elsewhere in the sample.
    pub duplicate_of: Option<FileId>,
    pub now: Timestamp,
}

/// Writes an acceptance. `false`: the claim is lost, and nothing was written.
pub(crate) async fn accept(
    tx: &mut Tx,
    row: &CheckRow,
    accepted: &Accepted<'_>,
) -> Result<bool, DatabaseError> {
    let sql = "UPDATE files SET state = 'accepted', media_type = $3, crc32 = $4, verdict = $5, engine = $6, \
               signatures = $7, checked_at = $8, accepted_at = $8, evidence_key = $9, evidence_version = $10, \
               unscanned = $11, duplicate_of = $12, sha256 = $13, scanned_at = $8, signatures_at = $14, by_member = $15, \
               check_owner = NULL, check_until = NULL, check_attempts = 0, check_lost = 0, waits_for = NULL, \
               waits_since = NULL \
               WHERE id = $1 AND check_epoch = $2 AND state = 'checking'";
    let judgement = accepted.judgement;
    let scanner = judgement.scanner.as_ref();
    let done = sqlx::query(sql)
        .bind(row.file.to_string())
        .bind(row.epoch)
        .bind(judgement.examined.media_type.as_deref())
        .bind(i64::from(judgement.examined.crc32))
        .bind(verdict_text(row, &judgement.verdict)?)
        .bind(scanner.map(|scanner| scanner.engine.clone()))
        .bind(scanner.map(|scanner| scanner.signatures.clone()))
        .bind(accepted.now.as_microsecond())
        .bind(accepted.key.path())
        .bind(version_text(accepted.version)?)
        .bind(i64::from(!accepted.scanned))
        .bind(accepted.duplicate_of.map(|file| file.to_string()))
        .bind(judgement.examined.sha256.to_string())
        .bind(scanner.and_then(ScannerIdentity::signatures_at).map_or(0, Timestamp::as_microsecond))
        .bind(i64::from(judgement.by_member))
        .execute(tx.on())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Accepted files with the same bytes in the same sample, those of the same place first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Twin {
    pub file: FileId,
    pub same_place: bool,
}

pub(crate) async fn twin(
    tx: &mut Tx,
    row: &CheckRow,
    sha256: Sha256Digest,
) -> Result<Option<Twin>, DatabaseError> {
    let found = sqlx::query(
        "SELECT id, CASE WHEN candidate_id = $3 AND kind = $4 AND section = $5 THEN 1 ELSE 0 END AS here \
         FROM files WHERE sample_id = $1 AND sha256 = $2 AND state = 'accepted' AND id <> $6 \
         AND id <> $7 ORDER BY here DESC, id LIMIT 1",
    )
    .bind(row.sample.to_string())
    .bind(sha256.to_string())
    .bind(&row.candidate)
    .bind(&row.kind)
    .bind(&row.section)
    .bind(row.file.to_string())
    .bind(row.replaces.map_or_else(String::new, |file| file.to_string()))
    .fetch_optional(tx.on())
    .await?;
    found
        .map(|found| {
            let here: i64 = found.try_get("here")?;
            Ok(Twin { file: file_id(found.try_get("id")?)?, same_place: here != 0 })
        })
        .transpose()
}

/// An accepted file gives way to its replacement. `false`: it was not accepted any more.
pub(crate) async fn supersede(tx: &mut Tx, file: FileId) -> Result<bool, DatabaseError> {
    let done = sqlx::query("UPDATE files SET state = 'superseded' WHERE id = $1 AND state = 'accepted'")
        .bind(file.to_string())
        .execute(tx.on())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Holds the sample as it is while a check of one of its files is written.
pub(crate) async fn hold_sample(tx: &mut Tx, sample: SampleId) -> Result<(), DatabaseError> {
    let sql = format!("SELECT id FROM samples WHERE id = $1{}", tx.engine().for_share());
    sqlx::query(AssertSqlSafe(sql)).bind(sample.to_string()).fetch_one(tx.on()).await?;
    Ok(())
}

/// Lets every claim go; each was lost. Right only when no other process can have one: at the start of an embedded service.
pub(crate) async fn release_all(db: &Database) -> Result<(), DatabaseError> {
    let mut tx = db.begin().await?;
    for sql in [
        "UPDATE files SET check_owner = NULL, check_until = NULL, check_lost = check_lost + 1 \
         WHERE check_until IS NOT NULL",
        "UPDATE uploads SET owner = NULL, lease_until = NULL WHERE lease_until IS NOT NULL",
        "UPDATE shares SET due_at = 0 WHERE state = 'waiting'",
    ] {
        sqlx::query(sql).execute(tx.on()).await?;
    }
    tx.commit().await
}

/// Files waiting for a verdict: how many, and since when the oldest.
pub(crate) async fn queue(db: &Database) -> Result<(i64, Option<Timestamp>), DatabaseError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS waiting, MIN(received_at) AS oldest FROM files WHERE state IN ('received', 'checking')",
    )
    .fetch_one(db.reader())
    .await?;
    let oldest: Option<i64> = row.try_get("oldest")?;
    Ok((row.try_get("waiting")?, oldest.map(from_micros)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::archive::tests::{ESSAY, World};

    /// A world whose essay waits for its check, at the moment `2`.
    async fn with_a_file_that_waits() -> World {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/t.db?mode=rwc", folder.path().display());
        let db = Database::connect(&url, 2).await.unwrap();
        db.migrate().await.unwrap();
        let world = World::of(db, folder).await;
        world
            .run(
                "UPDATE components SET definition = '{\"id\": \"R085\", \"title\": \"R085\", \
                 \"sample_mode\": \"all\", \"sections\": [{\"code\": \"URS\", \"title\": \"URS\", \
                 \"required\": true, \"min\": 1, \"max\": 9, \"accepts\": [\"pdf\"], \"max_bytes\": 1048576}]}'",
            )
            .await;
        world
            .run(&format!(
                "UPDATE files SET section = 'URS', state = 'received', check_after = 2, \
                 quarantine_version = evidence_version, quarantine_key = 'quarantine/{ESSAY}/1' \
                 WHERE id = '{ESSAY}'"
            ))
            .await;
        world
    }

    async fn claimed_by(tx: &mut Tx, now: Timestamp, node: &str) -> Option<CheckRow> {
        match claim(tx, now, node, 1_000_000, true).await.unwrap() {
            Claim::Row(row) => Some(*row),
            Claim::Nothing => None,
            Claim::Suspect => panic!("who is alone takes everything"),
        }
    }

    #[tokio::test]
    async fn a_file_whose_section_is_gone_does_not_hold_up_the_others() {
        let world = with_a_file_that_waits().await;
        let db = &world.db;
        world
            .run(&format!(
                "UPDATE files SET state = 'received', check_after = 1, section = 'Gone' WHERE id <> '{ESSAY}'"
            ))
            .await;
        let now = crate::clock::Clock::system().now();
        for claimed in [Some(ESSAY), None] {
            let mut tx = db.begin().await.unwrap();
            let row = claimed_by(&mut tx, now, "node").await;
            assert_eq!(row.map(|row| row.file.to_string()).as_deref(), claimed);
            tx.commit().await.unwrap();
        }
        let waiting: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM files WHERE waits_for = 'service'")
            .fetch_one(db.reader())
            .await
            .unwrap();
        assert_eq!(waiting, 3, "they are tried again in a minute");
    }

    #[tokio::test]
    async fn a_file_without_a_digest_must_have_come_in_pieces() {
        let world = with_a_file_that_waits().await;
        let now = crate::clock::Clock::system().now();
        let claimed = async || {
            let mut tx = world.db.begin().await.unwrap();
            claimed_by(&mut tx, now, "node").await.map(|row| row.pieces.len())
        };
        assert_eq!(claimed().await, Some(0));
        world.run("UPDATE files SET sha256 = NULL").await;
        assert_eq!(claimed().await, None);
        let sha256 = "0".repeat(64);
        world.run(&format!("INSERT INTO pieces VALUES ('{ESSAY}', 0, 'p', 1, '{sha256}')")).await;
        assert_eq!(claimed().await, Some(1));
    }

    #[tokio::test]
    async fn a_claim_that_never_came_back_is_counted_and_its_file_goes_last_and_alone() {
        let world = with_a_file_that_waits().await;
        world
            .run(&format!(
                "UPDATE files SET section = 'URS', state = 'received', check_after = 3, \
                 quarantine_version = evidence_version, quarantine_key = 'quarantine/' || id || '/1' \
                 WHERE id <> '{ESSAY}'"
            ))
            .await;
        let now = crate::clock::Clock::system().now();
        let begin = async || world.db.begin().await.unwrap();
        let mut tx = begin().await;
        let row = claimed_by(&mut tx, now, "node").await.unwrap();
        assert_eq!((row.file.to_string().as_str(), row.lost), (ESSAY, 0));
        tx.commit().await.unwrap();
        // Its process was killed, and another looks at what it left.
        release_all(&world.db).await.unwrap();
        // The register is a document, and has no place in a section.
        for _ in 0..2 {
            let mut tx = begin().await;
            let other = claim(&mut tx, now, "node", 1_000_000, false).await.unwrap();
            assert!(
                matches!(other, Claim::Row(row) if row.file.to_string() != ESSAY),
                "innocent ones go first"
            );
            tx.commit().await.unwrap();
        }
        let mut tx = begin().await;
        assert!(matches!(claim(&mut tx, now, "node", 1_000_000, false).await.unwrap(), Claim::Suspect));
        let row = claimed_by(&mut tx, now, "node").await.unwrap();
        assert_eq!((row.file.to_string().as_str(), row.lost), (ESSAY, 1));
        tx.commit().await.unwrap();
        // A lease that ran out counts too; one that was put off came back.
        world.run(&format!("UPDATE files SET check_until = 1 WHERE id = '{ESSAY}'")).await;
        let mut tx = begin().await;
        let row = claimed_by(&mut tx, now, "node").await.unwrap();
        assert_eq!(row.lost, 2);
        postpone(&mut tx, &row, WaitsFor::ScannerBusy, now, now).await.unwrap();
        let row = claimed_by(&mut tx, now, "node").await.unwrap();
        assert_eq!((row.lost, row.attempts), (0, 4));
        tx.commit().await.unwrap();
    }

    #[tokio::test]
    async fn withdrawn_work_is_nobodys_to_judge() {
        let world = with_a_file_that_waits().await;
        let db = &world.db;
        let now = crate::clock::Clock::system().now();
        let mut tx = db.begin().await.unwrap();
        let row = claimed_by(&mut tx, now, "node").await.unwrap();
        tx.commit().await.unwrap();
        assert!(renew(db, (row.file, row.epoch), 1_000_000).await.unwrap());

        let mut tx = db.begin().await.unwrap();
        crate::database::removal::withdraw(&mut tx, row.sample, row.file, now).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!renew(db, (row.file, row.epoch), 1_000_000).await.unwrap(), "its worker goes on");
        let mut tx = db.begin().await.unwrap();
        postpone(&mut tx, &row, WaitsFor::Scanner, now, now).await.unwrap();
        assert!(claimed_by(&mut tx, now, "other").await.is_none());
        tx.commit().await.unwrap();
        let due = |at| crate::database::files::due_discards(db, at, 10);
        assert_eq!(due(now).await.unwrap(), [], "its worker may still be copying it");
        let copy = ObjectKey::Evidence { sample: row.sample, file: row.file, name: row.unique_name };
        assert_eq!(due(now + SignedDuration::from_mins(61)).await.unwrap(), [copy]);
    }
}
