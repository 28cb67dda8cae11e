//! Giving an accepted file another place in its sample, and its object the name that goes with it.

use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, Row};

use super::error::word;
use super::files::{PlaceRef, file_id, version_text};
use super::{Database, DatabaseError, Tx};
use crate::clock::from_micros;
use crate::evidence::{FileState, OriginalName, UniqueName};
use crate::ids::FileId;
use crate::object_store::{ObjectKey, ObjectVersion};

/// How long an announced copy has until it is given up; no copy within a store takes as long.
pub(crate) const COPIED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// A locked file, as far as a move or a copy looks at it.
#[derive(Clone, Debug)]
pub(crate) struct Movable {
    pub state: FileState,
    /// Candidate id, or `""`.
    pub candidate: String,
    pub section: String,
    pub name: OriginalName,
    pub unique_name: Option<String>,
    /// Bytes.
    pub size: u64,
    pub sha256: String,
    /// CRC-32 of its bytes; 0 before their check.
    pub crc32: u32,
    /// Accepted without a virus check.
    pub unscanned: bool,
    /// Its bytes do not leave now: they are not what was accepted.
    pub withheld: bool,
    pub created_at: Timestamp,
    pub received_at: Option<Timestamp>,
    /// Where its bytes lie; `None` unless they are evidence.
    pub object: Option<(ObjectKey, ObjectVersion)>,
}

/// The file, its row locked. Third lock of the order. `None`: it is not there.
pub(crate) async fn lock(tx: &mut Tx, file: FileId) -> Result<Option<Movable>, DatabaseError> {
    let sql = format!(
        "SELECT state, candidate_id, section, original_name, unique_name, size, sha256, crc32, unscanned, created_at, \
         received_at, withheld, evidence_key, evidence_version FROM files WHERE id = $1{}",
        tx.engine().for_update()
    );
    let id = file.to_string();
    let row = sqlx::query(AssertSqlSafe(sql)).bind(&id).fetch_optional(tx.on()).await?;
    let Some(row) = row else { return Ok(None) };
    let broken = |column| DatabaseError::BrokenRow { table: "files", id: id.clone(), column };
    let text = |column: &'static str| row.try_get::<Option<String>, _>(column);
    let object = match (text("evidence_key")?, text("evidence_version")?) {
        (Some(key), Some(version)) => Some((
            key.parse().map_err(|_| broken("evidence_key"))?,
            serde_json::from_str(&version).map_err(|_| broken("evidence_version"))?,
        )),
        _ => None,
    };
    let number = |column: &'static str| row.try_get::<Option<i64>, _>(column).map(Option::unwrap_or_default);
    Ok(Some(Movable {
        state: word(&row.try_get::<String, _>("state")?, "files", &id, "state")?,
        candidate: row.try_get("candidate_id")?,
        section: row.try_get("section")?,
        name: row.try_get::<String, _>("original_name")?.parse().map_err(|_| broken("original_name"))?,
        unique_name: text("unique_name")?,
        size: u64::try_from(number("size")?).map_err(|_| broken("size"))?,
        sha256: text("sha256")?.unwrap_or_default(),
        crc32: u32::try_from(number("crc32")?).map_err(|_| broken("crc32"))?,
        unscanned: row.try_get::<i64, _>("unscanned")? != 0,
        withheld: text("withheld")?.is_some(),
        created_at: from_micros(row.try_get("created_at")?),
        received_at: row.try_get::<Option<i64>, _>("received_at")?.map(from_micros),
        object,
    }))
}

/// Where the file was before it was moved last: candidate id and section.
pub(crate) async fn came_from(
    db: &Database,
    file: FileId,
) -> Result<Option<(String, String)>, DatabaseError> {
    let detail: Option<String> = sqlx::query_scalar(
        "SELECT detail FROM audit WHERE file_id = $1 AND action = 'file.moved' AND outcome = 'done' \
         ORDER BY id DESC LIMIT 1",
    )
    .bind(file.to_string())
    .fetch_optional(db.reader())
    .await?;
    let Some(detail) = detail else { return Ok(None) };
    let broken = |_| DatabaseError::BrokenRow { table: "audit", id: file.to_string(), column: "detail" };
    let detail: serde_json::Value = serde_json::from_str(&detail).map_err(broken)?;
    let of = |what: &str| detail["from"][what].as_str().map(str::to_owned);
    Ok(of("candidate").zip(of("section")))
}

/// Whether a submission holds the file: its manifest names the place.
pub(crate) async fn is_submitted(tx: &mut Tx, file: FileId) -> Result<bool, DatabaseError> {
    let found: Option<String> =
        sqlx::query_scalar("SELECT file_id FROM submission_files WHERE file_id = $1 LIMIT 1")
            .bind(file.to_string())
            .fetch_optional(tx.on())
            .await?;
    Ok(found.is_some())
}

/// Files on their way that are to take this one's place.
pub(crate) async fn replacements(tx: &mut Tx, file: FileId) -> Result<Vec<FileId>, DatabaseError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM files WHERE replaces = $1 AND state IN ('created', 'receiving', 'received', 'checking') \
         ORDER BY id",
    )
    .bind(file.to_string())
    .fetch_all(tx.on())
    .await?;
    ids.into_iter().map(file_id).collect()
}

/// The accepted file of a place that has these bytes.
pub(crate) async fn twin(
    tx: &mut Tx,
    place: PlaceRef<'_>,
    sha256: &str,
) -> Result<Option<FileId>, DatabaseError> {
    let found: Option<String> = sqlx::query_scalar(
        "SELECT id FROM files WHERE sample_id = $1 AND candidate_id = $2 AND kind = $3 AND section = $4 \
         AND state = 'accepted' AND sha256 = $5 ORDER BY id LIMIT 1",
    )
    .bind(place.sample.to_string())
    .bind(place.candidate)
    .bind(place.kind)
    .bind(place.section)
    .bind(sha256)
    .fetch_optional(tx.on())
    .await?;
    found.map(file_id).transpose()
}

/// Notes an object that is about to be made, so that it goes at `until` unless [`keep`] strikes it off before.
pub(crate) async fn announce(tx: &mut Tx, key: &ObjectKey, until: Timestamp) -> Result<(), DatabaseError> {
    sqlx::query("INSERT INTO discards (path, not_before) VALUES ($1, $2) ON CONFLICT (path) DO NOTHING")
        .bind(key.path())
        .bind(until.as_microsecond())
        .execute(tx.on())
        .await?;
    Ok(())
}

/// Whether an object is announced, and is not given up before `after`; then it is not before `until`.
pub(crate) async fn announce_again(
    tx: &mut Tx,
    key: &ObjectKey,
    after: Timestamp,
    until: Timestamp,
) -> Result<bool, DatabaseError> {
    let done = sqlx::query("UPDATE discards SET not_before = $3 WHERE path = $1 AND not_before > $2")
        .bind(key.path())
        .bind(after.as_microsecond())
        .bind(until.as_microsecond())
        .execute(tx.on())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The announced object goes at `now`: nobody is going to need it.
pub(crate) async fn give_up(tx: &mut Tx, key: &ObjectKey, now: Timestamp) -> Result<(), DatabaseError> {
    sqlx::query("UPDATE discards SET not_before = $2 WHERE path = $1")
        .bind(key.path())
        .bind(now.as_microsecond())
        .execute(tx.on())
        .await?;
    Ok(())
}

/// The announced object stays. `false`: it is given up already.
pub(crate) async fn keep(tx: &mut Tx, key: &ObjectKey) -> Result<bool, DatabaseError> {
    let done = sqlx::query("DELETE FROM discards WHERE path = $1").bind(key.path()).execute(tx.on()).await?;
    Ok(done.rows_affected() == 1)
}

/// Where a file is from now on.
#[derive(Debug)]
pub(crate) struct Moved<'a> {
    pub file: FileId,
    pub place: PlaceRef<'a>,
    pub name: &'a UniqueName,
    pub key: &'a ObjectKey,
    pub version: &'a ObjectVersion,
    pub late: bool,
}

/// Writes a locked file's new place.
pub(crate) async fn write(tx: &mut Tx, moved: &Moved<'_>) -> Result<(), DatabaseError> {
    sqlx::query(
        "UPDATE files SET candidate_id = $2, kind = $3, section = $4, unique_name = $5, evidence_key = $6, \
         evidence_version = $7, late = $8 WHERE id = $1",
    )
    .bind(moved.file.to_string())
    .bind(moved.place.candidate)
    .bind(moved.place.kind)
    .bind(moved.place.section)
    .bind(moved.name.as_str())
    .bind(moved.key.path())
    .bind(version_text(moved.version)?)
    .bind(i64::from(moved.late))
    .execute(tx.on())
    .await?;
    Ok(())
}
