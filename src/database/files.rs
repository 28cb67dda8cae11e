//! Files: their rows, from creation to *received*. What a check does to them is in [`super::checks`].

use jiff::{SignedDuration, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::{Database, DatabaseError, Tx};
use crate::actor::PersonId;
use crate::centre::CentreNumber;
use crate::clock::from_micros;
use crate::component::ComponentId;
use crate::evidence::{FileState, OriginalName, Place, RelativePath, Sha256Digest, UniqueName};
use crate::ids::{FileId, SampleId};
use crate::object_store::{ObjectKey, ObjectVersion};

/// A new file's row.
#[derive(Debug)]
pub(crate) struct NewFile<'a> {
    pub file: FileId,
    pub sample: SampleId,
    pub candidate: &'a str,
    pub kind: &'static str,
    pub section: &'a str,
    pub name: &'a OriginalName,
    pub path: &'a RelativePath,
    pub declared_type: Option<&'a str>,
    pub modified: Option<&'a str>,
    pub size: Option<u64>,
    pub client_sha256: Option<Sha256Digest>,
    pub replaces: Option<FileId>,
    pub created_by: &'a PersonId,
    pub now: Timestamp,
    pub late: bool,
}

pub(crate) async fn insert(tx: &mut Tx, new: &NewFile<'_>) -> Result<(), DatabaseError> {
    sqlx::query(
        "INSERT INTO files (id, sample_id, candidate_id, kind, section, state, original_name, path, declared_type, \
         modified, size, client_sha256, replaces, created_by, created_at, late) \
         VALUES ($1, $2, $3, $4, $5, 'created', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(new.file.to_string())
    .bind(new.sample.to_string())
    .bind(new.candidate)
    .bind(new.kind)
    .bind(new.section)
    .bind(new.name.as_str())
    .bind(new.path.as_str())
    .bind(new.declared_type)
    .bind(new.modified)
    .bind(new.size.map(|size| size as i64))
    .bind(new.client_sha256.map(|digest| digest.to_string()))
    .bind(new.replaces.map(|file| file.to_string()))
    .bind(new.created_by.as_str())
    .bind(new.now.as_microsecond())
    .bind(i64::from(new.late))
    .execute(tx.on())
    .await?;
    Ok(())
}

/// One place of a sample, as the files table names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlaceRef<'a> {
    pub sample: SampleId,
    /// Candidate id, or `""`.
    pub candidate: &'a str,
    pub kind: &'a str,
    pub section: &'a str,
}

/// A file that takes one of a section's places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder {
    pub file: FileId,
    pub accepted: bool,
    /// Of an unfinished upload; `None` once all its bytes are here.
    pub last_byte_at: Option<Timestamp>,
}

/// How many files take places here.
pub(crate) async fn count_holders(tx: &mut Tx, place: PlaceRef<'_>) -> Result<u64, DatabaseError> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM files WHERE sample_id = $1 AND candidate_id = $2 AND kind = $3 AND section = $4 \
         AND state IN ('created', 'receiving', 'received', 'checking', 'accepted')",
    )
    .bind(place.sample.to_string())
    .bind(place.candidate)
    .bind(place.kind)
    .bind(place.section)
    .fetch_one(tx.on())
    .await?;
    Ok(count.unsigned_abs())
}

/// The files that take places here: accepted or on their way, oldest first.
pub(crate) async fn holders(tx: &mut Tx, place: PlaceRef<'_>) -> Result<Vec<Holder>, DatabaseError> {
    let rows = sqlx::query(
        "SELECT f.id, f.state, CASE WHEN u.concat IS NULL THEN u.last_byte_at END AS last_byte_at \
         FROM files f LEFT JOIN uploads u ON u.file_id = f.id \
         WHERE f.sample_id = $1 AND f.candidate_id = $2 AND f.kind = $3 AND f.section = $4 \
         AND f.state IN ('created', 'receiving', 'received', 'checking', 'accepted') ORDER BY f.id",
    )
    .bind(place.sample.to_string())
    .bind(place.candidate)
    .bind(place.kind)
    .bind(place.section)
    .fetch_all(tx.on())
    .await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("id")?;
            let state: FileState = state(&id, row.try_get("state")?)?;
            let last: Option<i64> = row.try_get("last_byte_at")?;
            Ok(Holder {
                file: file_id(id)?,
                accepted: state == FileState::Accepted,
                last_byte_at: last.filter(|_| state.is_open()).map(from_micros),
            })
        })
        .collect()
}

pub(super) fn state(id: &str, word: String) -> Result<FileState, DatabaseError> {
    word.parse().map_err(|_| DatabaseError::BrokenRow { table: "files", id: id.to_owned(), column: "state" })
}

pub(super) fn file_id(id: String) -> Result<FileId, DatabaseError> {
    id.parse().map_err(|_| DatabaseError::BrokenRow { table: "files", id, column: "id" })
}

/// Where a file lies in its sample: enough for an audit row.
#[derive(Clone, Debug)]
pub(crate) struct Whereabouts {
    pub sample: SampleId,
    pub candidate: String,
    pub section: String,
}

pub(crate) async fn whereabouts(tx: &mut Tx, file: FileId) -> Result<Option<Whereabouts>, DatabaseError> {
    let row = sqlx::query("SELECT sample_id, candidate_id, section FROM files WHERE id = $1")
        .bind(file.to_string())
        .fetch_optional(tx.on())
        .await?;
    row.map(|row| read_whereabouts(&row, file)).transpose()
}

fn read_whereabouts(row: &AnyRow, file: FileId) -> Result<Whereabouts, DatabaseError> {
    let id: String = row.try_get("sample_id")?;
    let broken = || DatabaseError::BrokenRow { table: "files", id: file.to_string(), column: "sample_id" };
    Ok(Whereabouts {
        sample: id.parse().map_err(|_| broken())?,
        candidate: row.try_get("candidate_id")?,
        section: row.try_get("section")?,
    })
}

/// When uploads into a file's place end for good: cut-off plus grace, of its candidate or its sample. `None`: it is no
/// file.
pub(crate) async fn closes_at(db: &Database, file: FileId) -> Result<Option<Timestamp>, DatabaseError> {
    let row = sqlx::query(
        "SELECT s.cut_off_at, s.grace_seconds, c.cut_off_at AS own FROM files f \
         JOIN samples s ON s.id = f.sample_id LEFT JOIN candidates c ON c.id = f.candidate_id WHERE f.id = $1",
    )
    .bind(file.to_string())
    .fetch_optional(db.reader())
    .await?;
    row.as_ref().map(read_end).transpose()
}

/// Cut-off plus grace: the sample's (`cut_off_at`, `grace_seconds`), or the candidate's own (`own`).
pub(super) fn read_end(row: &AnyRow) -> Result<Timestamp, DatabaseError> {
    let own: Option<i64> = row.try_get("own")?;
    let cut_off = from_micros(own.unwrap_or(row.try_get("cut_off_at")?));
    let grace = SignedDuration::from_secs(row.try_get("grace_seconds")?);
    Ok(cut_off.checked_add(grace).unwrap_or(Timestamp::MAX))
}

/// What a unique name is made of.
#[derive(Clone, Debug)]
pub(crate) struct Naming {
    pub at: Whereabouts,
    pub component: ComponentId,
    pub centre: CentreNumber,
    pub place: Place,
    pub extension: Option<String>,
    pub time_zone: String,
}

pub(crate) async fn naming(tx: &mut Tx, file: FileId) -> Result<Naming, DatabaseError> {
    let row = sqlx::query(
        "SELECT f.sample_id, f.candidate_id, f.kind, f.section, f.original_name, s.component_id, s.centre_number, \
         c.number, o.time_zone \
         FROM files f JOIN samples s ON s.id = f.sample_id JOIN organisations o ON o.id = s.organisation_id \
         LEFT JOIN candidates c ON c.id = f.candidate_id WHERE f.id = $1",
    )
    .bind(file.to_string())
    .fetch_one(tx.on())
    .await?;
    let broken = |column| DatabaseError::BrokenRow { table: "files", id: file.to_string(), column };
    let number: Option<String> = row.try_get("number")?;
    let kind: String = row.try_get("kind")?;
    let section: String = row.try_get("section")?;
    let candidate = || -> Result<_, DatabaseError> {
        number.as_deref().ok_or(broken("candidate_id"))?.parse().map_err(|_| broken("candidate_id"))
    };
    let code = || section.parse().map_err(|_| broken("section"));
    let place = match kind.as_str() {
        "evidence" => Place::Section { candidate: candidate()?, section: code()? },
        "supporting" => Place::Supporting { candidate: candidate()? },
        "document" => Place::Document { document: code()? },
        _ => return Err(broken("kind")),
    };
    let name: String = row.try_get("original_name")?;
    Ok(Naming {
        at: read_whereabouts(&row, file)?,
        component: row.try_get::<String, _>("component_id")?.parse().map_err(|_| broken("component_id"))?,
        centre: row.try_get::<String, _>("centre_number")?.parse().map_err(|_| broken("centre_number"))?,
        place,
        extension: crate::evidence::extension_of(&name),
        time_zone: row.try_get("time_zone")?,
    })
}

/// Takes a unique name for a file; `false` when another file has it.
pub(crate) async fn take_name(tx: &mut Tx, name: &UniqueName, file: FileId) -> Result<bool, DatabaseError> {
    let taken: Option<String> = sqlx::query_scalar(
        "INSERT INTO unique_names (name, file_id) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING name",
    )
    .bind(name.as_str())
    .bind(file.to_string())
    .fetch_optional(tx.on())
    .await?;
    Ok(taken.is_some())
}

/// What is known of a file once its last byte is durable.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    pub file: FileId,
    pub size: u64,
    /// `None` where the bytes came in pieces: the check's reading tells it.
    pub sha256: Option<Sha256Digest>,
    pub name: &'a UniqueName,
    pub key: &'a ObjectKey,
    pub version: &'a ObjectVersion,
    pub now: Timestamp,
}

/// An open file becomes *received*. `false`: it was not open any more.
pub(crate) async fn receive(tx: &mut Tx, received: &Received<'_>) -> Result<bool, DatabaseError> {
    let done = sqlx::query(
        "UPDATE files SET state = 'received', size = $2, sha256 = $3, unique_name = $4, quarantine_key = $5, \
         quarantine_version = $6, received_at = $7, check_after = $7 \
         WHERE id = $1 AND state IN ('created', 'receiving')",
    )
    .bind(received.file.to_string())
    .bind(received.size as i64)
    .bind(received.sha256.map(|digest| digest.to_string()))
    .bind(received.name.as_str())
    .bind(received.key.path())
    .bind(version_text(received.version)?)
    .bind(received.now.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// An object version as the database keeps it.
pub(crate) fn version_text(version: &ObjectVersion) -> Result<String, DatabaseError> {
    serde_json::to_string(version).map_err(|_| DatabaseError::BrokenRow {
        table: "files",
        id: version.etag.clone(),
        column: "version",
    })
}

/// The discards that are due, at most `limit`.
pub(crate) async fn due_discards(
    db: &Database,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<ObjectKey>, DatabaseError> {
    let sql = "SELECT path FROM discards WHERE not_before <= $1 ORDER BY not_before, path LIMIT $2";
    let paths: Vec<String> =
        sqlx::query_scalar(sql).bind(now.as_microsecond()).bind(limit).fetch_all(db.reader()).await?;
    paths
        .into_iter()
        .map(|path| {
            path.parse().map_err(|_| DatabaseError::BrokenRow { table: "discards", id: path, column: "path" })
        })
        .collect()
}

/// Strikes a discard off the list, or puts it off until `again`.
pub(crate) async fn settle_discard(
    tx: &mut Tx,
    key: &ObjectKey,
    again: Option<Timestamp>,
) -> Result<(), DatabaseError> {
    let query = match again {
        None => sqlx::query("DELETE FROM discards WHERE path = $1").bind(key.path()),
        Some(at) => sqlx::query(AssertSqlSafe(
            "UPDATE discards SET not_before = $2, attempts = attempts + 1 WHERE path = $1".to_owned(),
        ))
        .bind(key.path())
        .bind(at.as_microsecond()),
    };
    query.execute(tx.on()).await?;
    Ok(())
}
