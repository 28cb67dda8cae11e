//! Infected originals: where they are kept, and until when. Read by whoever answers incidents, and by nobody else.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::error::word;
use super::files::version_text;
use super::scope::responder;
use super::{Database, DatabaseError, Tx, samples};
use crate::actor::PersonId;
use crate::archive::StoredObject;
use crate::check::scan::ScannerIdentity;
use crate::clock::from_micros;
use crate::evidence::Sha256Digest;
use crate::ids::{FileId, SampleId};
use crate::object_store::{ObjectKey, ObjectVersion};
use crate::sample::Sample;

/// Which scan found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundBy {
    /// The first, before it was accepted.
    Check,
    /// A later one.
    Rescan,
}

impl FoundBy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Rescan => "rescan",
        }
    }
}

/// An infected original, about to be kept.
#[derive(Debug)]
pub(crate) struct NewIncident<'a> {
    pub file: FileId,
    pub sample: SampleId,
    /// Candidate id, or `""`.
    pub candidate: &'a str,
    pub section: &'a str,
    pub by: FoundBy,
    pub signature: &'a str,
    pub scanner: &'a ScannerIdentity,
    pub sha256: Sha256Digest,
    /// Where the bytes lie that were scanned.
    pub object: (&'a ObjectKey, &'a ObjectVersion),
    pub now: Timestamp,
    pub expires_at: Timestamp,
}

/// Notes it, in the transaction that refuses or withdraws the file.
pub(crate) async fn insert(tx: &mut Tx, new: &NewIncident<'_>) -> Result<(), DatabaseError> {
    let (key, version) = new.object;
    sqlx::query(
        "INSERT INTO incidents (file_id, sample_id, candidate_id, section, found_at, found_by, signature, engine, \
         signatures, sha256, size, object_key, object_version, move_after, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $5, $14)",
    )
    .bind(new.file.to_string())
    .bind(new.sample.to_string())
    .bind(new.candidate)
    .bind(new.section)
    .bind(new.now.as_microsecond())
    .bind(new.by.as_str())
    .bind(new.signature)
    .bind(new.scanner.engine.as_str())
    .bind(new.scanner.signatures.as_str())
    .bind(new.sha256.to_string())
    .bind(version.size as i64)
    .bind(key.path())
    .bind(version_text(version)?)
    .bind(new.expires_at.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(())
}

/// One whose bytes are kept, or are to be.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub file: FileId,
    pub sample: SampleId,
    /// Candidate id, or `""`.
    pub candidate: String,
    pub section: String,
    pub object: (ObjectKey, ObjectVersion),
    /// Of its bytes, as their check found.
    pub crc32: u32,
    pub expires_at: Timestamp,
}

const KEPT: &str = "file_id, sample_id, candidate_id, section, object_key, object_version, expires_at, \
                    (SELECT crc32 FROM files WHERE id = file_id) AS crc32";

/// Those that do not lie in their own place yet and are due to be moved there, at most `limit`.
pub(crate) async fn to_move(db: &Database, now: Timestamp, limit: i64) -> Result<Vec<Kept>, DatabaseError> {
    let sql = format!(
        "SELECT {KEPT} FROM incidents WHERE moved = 0 AND move_after <= $1 ORDER BY move_after, file_id LIMIT $2"
    );
    kept(db, sql, now, limit).await
}

/// Those whose time is over and that no hold keeps, at most `limit`.
pub(crate) async fn due(db: &Database, now: Timestamp, limit: i64) -> Result<Vec<Kept>, DatabaseError> {
    let sql = format!(
        "SELECT {KEPT} FROM incidents WHERE moved = 1 AND removed_at IS NULL AND expires_at <= $1 AND NOT EXISTS \
         (SELECT 1 FROM holds h WHERE h.sample_id = incidents.sample_id AND h.lifted_at IS NULL) \
         ORDER BY expires_at, file_id LIMIT $2"
    );
    kept(db, sql, now, limit).await
}

async fn kept(db: &Database, sql: String, now: Timestamp, limit: i64) -> Result<Vec<Kept>, DatabaseError> {
    let query = sqlx::query(AssertSqlSafe(sql)).bind(now.as_microsecond()).bind(limit);
    let rows = query.fetch_all(db.reader()).await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("file_id")?;
            let sample: String = row.try_get("sample_id")?;
            Ok(Kept {
                sample: word(&sample, "incidents", &id, "sample_id")?,
                candidate: row.try_get("candidate_id")?,
                section: row.try_get("section")?,
                object: object(row, &id)?,
                crc32: crc32(row, &id)?,
                expires_at: from_micros(row.try_get("expires_at")?),
                file: word(&id, "incidents", &id, "file_id")?,
            })
        })
        .collect()
}

fn object(row: &AnyRow, id: &str) -> Result<(ObjectKey, ObjectVersion), DatabaseError> {
    let broken = |column| DatabaseError::BrokenRow { table: "incidents", id: id.to_owned(), column };
    let text = |column: &'static str| -> Result<String, DatabaseError> {
        row.try_get::<Option<String>, _>(column)?.ok_or_else(|| broken(column))
    };
    let key = text("object_key")?.parse().map_err(|_| broken("object_key"))?;
    let version = serde_json::from_str(&text("object_version")?).map_err(|_| broken("object_version"))?;
    Ok((key, version))
}

fn crc32(row: &AnyRow, id: &str) -> Result<u32, DatabaseError> {
    let crc32: Option<i64> = row.try_get("crc32")?;
    let broken = || DatabaseError::BrokenRow { table: "files", id: id.to_owned(), column: "crc32" };
    crc32.and_then(|crc32| u32::try_from(crc32).ok()).ok_or_else(broken)
}

/// The bytes lie in their own place. `false`: another node was first.
pub(crate) async fn moved(
    tx: &mut Tx,
    file: FileId,
    key: &ObjectKey,
    version: &ObjectVersion,
) -> Result<bool, DatabaseError> {
    let done = sqlx::query(
        "UPDATE incidents SET object_key = $2, object_version = $3, moved = 1 WHERE file_id = $1 AND moved = 0",
    )
    .bind(file.to_string())
    .bind(key.path())
    .bind(version_text(version)?)
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The move is tried again after `until`.
pub(crate) async fn put_off(tx: &mut Tx, file: FileId, until: Timestamp) -> Result<(), DatabaseError> {
    sqlx::query("UPDATE incidents SET move_after = $2 WHERE file_id = $1 AND moved = 0")
        .bind(file.to_string())
        .bind(until.as_microsecond())
        .execute(tx.on())
        .await?;
    Ok(())
}

/// The bytes are given up, or were not there any more. `false`: another node was first.
pub(crate) async fn removed(tx: &mut Tx, file: FileId, now: Timestamp) -> Result<bool, DatabaseError> {
    let done = sqlx::query(
        "UPDATE incidents SET object_key = NULL, object_version = NULL, moved = 1, removed_at = $2 \
         WHERE file_id = $1 AND removed_at IS NULL",
    )
    .bind(file.to_string())
    .bind(now.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// An incident as its responders see it.
#[derive(Clone, Debug)]
pub(crate) struct IncidentRow {
    pub file: FileId,
    pub sample: Sample,
    /// Candidate number; `None` for a sample document.
    pub candidate: Option<String>,
    /// Candidate id, or `""`.
    pub candidate_id: String,
    pub section: String,
    pub original_name: String,
    pub size: u64,
    pub sha256: Sha256Digest,
    pub signature: String,
    pub engine: String,
    pub signatures: String,
    /// `check` or `rescan`.
    pub found_by: String,
    pub found_at: Timestamp,
    pub expires_at: Timestamp,
    pub removed_at: Option<Timestamp>,
    /// The bytes, while they are kept and lie in their own place.
    pub object: Option<StoredObject>,
}

/// The bytes may be read: they are there, and their time is not over, or a hold keeps them. `$2`: the moment.
const READABLE: &str = "(i.moved = 1 AND i.removed_at IS NULL AND (i.expires_at > $2 OR EXISTS \
     (SELECT 1 FROM holds h WHERE h.sample_id = i.sample_id AND h.lifted_at IS NULL)))";

fn rows_of(rest: &str) -> String {
    format!(
        "SELECT i.file_id, i.candidate_id, i.section, i.found_at, i.found_by, i.signature, i.engine, i.signatures, \
         i.sha256, i.size, i.object_key, i.object_version, i.expires_at, i.removed_at, f.original_name, \
         CASE WHEN {READABLE} THEN 1 ELSE 0 END AS readable, c.number, {} FROM incidents i \
         JOIN files f ON f.id = i.file_id JOIN samples s ON s.id = i.sample_id \
         LEFT JOIN candidates c ON c.id = i.candidate_id WHERE {} AND {rest}",
        samples::COLUMNS,
        responder!("$1")
    )
}

/// The incidents a person answers, by file, after `after`, at most `limit`; those whose bytes are gone among them.
pub(crate) async fn list(
    db: &Database,
    person: &PersonId,
    now: Timestamp,
    after: Option<FileId>,
    limit: u32,
) -> Result<Vec<IncidentRow>, DatabaseError> {
    let rows = sqlx::query(AssertSqlSafe(rows_of("i.file_id > $3 ORDER BY i.file_id LIMIT $4")))
        .bind(person.as_str())
        .bind(now.as_microsecond())
        .bind(after.map_or_else(String::new, |id| id.to_string()))
        .bind(i64::from(limit))
        .fetch_all(db.reader())
        .await?;
    rows.iter().map(read).collect()
}

/// The incident of a file, if the person answers it.
pub(crate) async fn one(
    db: &Database,
    person: &PersonId,
    now: Timestamp,
    file: FileId,
) -> Result<Option<IncidentRow>, DatabaseError> {
    let row = sqlx::query(AssertSqlSafe(rows_of("i.file_id = $3")))
        .bind(person.as_str())
        .bind(now.as_microsecond())
        .bind(file.to_string())
        .fetch_optional(db.reader())
        .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &AnyRow) -> Result<IncidentRow, DatabaseError> {
    let id: String = row.try_get("file_id")?;
    let broken = |column| DatabaseError::BrokenRow { table: "incidents", id: id.clone(), column };
    let file: FileId = word(&id, "incidents", &id, "file_id")?;
    let sha256: Sha256Digest = row.try_get::<String, _>("sha256")?.parse().map_err(|_| broken("sha256"))?;
    let kept = match row.try_get::<i64, _>("readable")? {
        0 => None,
        _ => {
            let (key, version) = object(row, &id)?;
            Some(StoredObject::infected(file, key, version, sha256).map_err(|_| broken("object_key"))?)
        }
    };
    Ok(IncidentRow {
        file,
        sample: samples::read(row)?,
        candidate: row.try_get("number")?,
        candidate_id: row.try_get("candidate_id")?,
        section: row.try_get("section")?,
        original_name: row.try_get("original_name")?,
        size: u64::try_from(row.try_get::<i64, _>("size")?).map_err(|_| broken("size"))?,
        sha256,
        signature: row.try_get("signature")?,
        engine: row.try_get("engine")?,
        signatures: row.try_get("signatures")?,
        found_by: row.try_get("found_by")?,
        found_at: from_micros(row.try_get("found_at")?),
        expires_at: from_micros(row.try_get("expires_at")?),
        removed_at: row.try_get::<Option<i64>, _>("removed_at")?.map(from_micros),
        object: kept,
    })
}
