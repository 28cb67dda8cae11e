//! Files as their people see them. Reading never takes an upload's lease.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::error::word;
use super::scope::file_visible;
use super::shares::{self, Share, Shares};
use super::uploads::bytes_here;
use super::{Database, DatabaseError};
use crate::actor::PersonId;
use crate::clock::from_micros;
use crate::evidence::{FileState, PAUSED_AFTER, Reason, WaitsFor};
use crate::ids::{FileId, SampleId};

/// A file, and its upload while there is one.
#[derive(Clone, Debug)]
pub struct FileRow {
    pub id: FileId,
    pub sample: SampleId,
    /// Candidate id, or `""`.
    pub candidate_id: String,
    /// Candidate number; `None` for a sample document.
    pub candidate: Option<String>,
    /// `evidence`, `supporting` or `document`.
    pub kind: String,
    pub section: String,
    pub state: FileState,
    pub reason: Option<Reason>,
    /// What the check found, in its own words; may be empty.
    pub detail: String,
    pub original_name: String,
    pub path: String,
    pub unique_name: Option<String>,
    /// Bytes; `None` while the length is not known.
    pub size: Option<u64>,
    pub sha256: Option<String>,
    pub media_type: Option<String>,
    pub modified: Option<String>,
    pub late: bool,
    /// Accepted without a virus check.
    pub unscanned: bool,
    pub duplicate_of: Option<String>,
    pub replaces: Option<String>,
    pub created_by: String,
    pub created_at: Timestamp,
    pub received_at: Option<Timestamp>,
    pub accepted_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    /// What its check waits for, and since when.
    pub waits: Option<(WaitsFor, Option<Timestamp>)>,
    /// When a later scan found something in it.
    pub quarantined_at: Option<Timestamp>,
    /// Since when its bytes do not leave, because they are not what was accepted.
    pub withheld_at: Option<Timestamp>,
    pub upload: Option<UploadFacts>,
    /// Who else gets a copy of it, and what became of that.
    pub shared_with: Vec<Share>,
}

/// How far an upload is.
#[derive(Clone, Debug)]
pub struct UploadFacts {
    /// Bytes kept so far.
    pub offset: u64,
    /// `Upload-Metadata` as it came; the sender's guards are in it.
    pub metadata: String,
    pub last_byte_at: Timestamp,
    pub expires_at: Timestamp,
}

impl FileRow {
    /// Whether bytes may arrive and none did for a while.
    pub fn paused(&self, now: Timestamp) -> bool {
        self.state.is_open()
            && self
                .upload
                .as_ref()
                .is_some_and(|upload| now.duration_since(upload.last_byte_at) >= PAUSED_AFTER)
    }
}

const COLUMNS: &str = concat!(
    "f.id, f.sample_id, f.candidate_id, c.number, f.kind, f.section, f.state, f.reason, f.detail, \
     f.original_name, f.path, f.unique_name, f.size, f.sha256, f.media_type, f.modified, f.late, f.unscanned, \
     f.duplicate_of, f.replaces, f.created_by, f.created_at, f.received_at, f.accepted_at, f.deleted_at, \
     f.waits_for, f.waits_since, f.quarantined_at, f.withheld_at, ",
    bytes_here!(),
    ", u.length, u.metadata, u.last_byte_at, u.expires_at FROM files f \
     JOIN samples s ON s.id = f.sample_id LEFT JOIN candidates c ON c.id = f.candidate_id \
     LEFT JOIN uploads u ON u.file_id = f.id"
);

fn read(row: &AnyRow) -> Result<FileRow, DatabaseError> {
    let id: String = row.try_get("id")?;
    let text = |column: &'static str| row.try_get::<Option<String>, _>(column);
    let time = |column: &'static str| -> Result<Option<Timestamp>, DatabaseError> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(from_micros))
    };
    let bytes = |column: &'static str| -> Result<Option<u64>, DatabaseError> {
        let number = row.try_get::<Option<i64>, _>(column)?.map(u64::try_from).transpose();
        number.map_err(|_| DatabaseError::BrokenRow { table: "files", id: id.clone(), column })
    };
    let reason = match text("reason")? {
        Some(reason) => Some(word(&reason, "files", &id, "reason")?),
        None => None,
    };
    let upload = match (bytes("offset_bytes")?, time("last_byte_at")?, time("expires_at")?) {
        (Some(offset), Some(last_byte_at), Some(expires_at)) => Some(UploadFacts {
            offset,
            metadata: text("metadata")?.unwrap_or_default(),
            last_byte_at,
            expires_at,
        }),
        _ => None,
    };
    Ok(FileRow {
        sample: word(&row.try_get::<String, _>("sample_id")?, "files", &id, "sample_id")?,
        candidate_id: row.try_get("candidate_id")?,
        candidate: text("number")?,
        kind: row.try_get("kind")?,
        section: row.try_get("section")?,
        state: word(&row.try_get::<String, _>("state")?, "files", &id, "state")?,
        reason,
        detail: text("detail")?.unwrap_or_default(),
        original_name: row.try_get("original_name")?,
        path: row.try_get("path")?,
        unique_name: text("unique_name")?,
        size: bytes("size")?.or(bytes("length")?),
        sha256: text("sha256")?,
        media_type: text("media_type")?,
        modified: text("modified")?,
        late: row.try_get::<i64, _>("late")? != 0,
        unscanned: row.try_get::<i64, _>("unscanned")? != 0,
        duplicate_of: text("duplicate_of")?,
        replaces: text("replaces")?,
        created_by: row.try_get("created_by")?,
        created_at: from_micros(row.try_get("created_at")?),
        received_at: time("received_at")?,
        accepted_at: time("accepted_at")?,
        deleted_at: time("deleted_at")?,
        waits: waits(text("waits_for")?.as_deref(), time("waits_since")?),
        quarantined_at: time("quarantined_at")?,
        withheld_at: time("withheld_at")?,
        upload,
        shared_with: Vec::new(),
        id: word(&id, "files", &id, "id")?,
    })
}

/// What a check waits for. A word of a newer node's is no reason to show nothing of the file.
pub(super) fn waits(what: Option<&str>, since: Option<Timestamp>) -> Option<(WaitsFor, Option<Timestamp>)> {
    what.map(|word| (word.parse().unwrap_or(WaitsFor::Service), since))
}

/// One file; `None` when unknown or not theirs to know of.
pub async fn file(db: &Database, person: &PersonId, file: FileId) -> Result<Option<FileRow>, DatabaseError> {
    let sql = format!("SELECT {COLUMNS} WHERE f.id = $2 AND {}", file_visible!("$1"));
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(file.to_string())
        .fetch_optional(db.reader())
        .await?;
    let Some(mut found) = row.as_ref().map(read).transpose()? else { return Ok(None) };
    found.shared_with = shares::of_file(db, file).await?;
    Ok(Some(found))
}

/// The rows with those who share their files.
fn with(mut shares: Shares, rows: &[AnyRow]) -> Result<Vec<FileRow>, DatabaseError> {
    let mut files = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    for file in &mut files {
        file.shared_with = shares.remove(&file.id).unwrap_or_default();
    }
    Ok(files)
}

/// A candidate's files (`candidate`: its id; `""`: the sample's documents) that are the person's to see, oldest
/// first, at most 1,000. Uploads that came to nothing (expired, cancelled) are left out.
pub async fn of_candidate(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
    candidate: &str,
) -> Result<Vec<FileRow>, DatabaseError> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE f.sample_id = $2 AND f.candidate_id = $3 \
         AND f.state NOT IN ('expired', 'cancelled') AND {} ORDER BY f.id LIMIT 1000",
        file_visible!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .bind(candidate.to_owned())
        .fetch_all(db.reader())
        .await?;
    with(shares::of_candidate(db, sample, candidate).await?, &rows)
}

/// The person's own open uploads, oldest first, after `after`, at most `limit`; of one sample when given.
pub async fn open_uploads(
    db: &Database,
    person: &PersonId,
    sample: Option<SampleId>,
    after: Option<FileId>,
    limit: u32,
) -> Result<Vec<FileRow>, DatabaseError> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE f.created_by = $1 AND f.state IN ('created', 'receiving') \
         AND ($2 = '' OR f.sample_id = $2) AND f.id > $3 AND {} ORDER BY f.id LIMIT $4",
        file_visible!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.map_or_else(String::new, |id| id.to_string()))
        .bind(after.map_or_else(String::new, |id| id.to_string()))
        .bind(i64::from(limit))
        .fetch_all(db.reader())
        .await?;
    with(shares::of_uploads(db, person).await?, &rows)
}
