//! Pieces of files to come, and the files that are put together from them.
//!
//! A partial is its person's alone: nothing that shows files or counts them reads this table. Its lease and ledger are
//! a row of `uploads` like any other's ([`super::uploads`]).

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::error::word;
use super::files::{self, version_text};
use super::scope::centre_staff;
use super::uploads::{self, End, UploadRow};
use super::{Database, DatabaseError, Engine, Tx, samples};
use crate::actor::PersonId;
use crate::centre::CentreNumber;
use crate::clock::from_micros;
use crate::component::Component;
use crate::evidence::Sha256Digest;
use crate::ids::{FileId, SampleId};
use crate::object_store::{ObjectKey, ObjectVersion};

/// Where a partial may become part of a file, as the files table names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartialPlace {
    pub sample: SampleId,
    /// Candidate id, or `""`.
    pub candidate: String,
    pub kind: String,
    pub section: String,
}

/// A new partial's row.
#[derive(Debug)]
pub(crate) struct NewPartial<'a> {
    pub id: FileId,
    pub person: &'a PersonId,
    pub centre: &'a CentreNumber,
    pub place: Option<&'a PartialPlace>,
    pub now: Timestamp,
}

/// How far a partial is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartialState {
    Open,
    /// All its bytes are here, and no file has them yet.
    Whole {
        size: u64,
        sha256: Sha256Digest,
    },
    /// A file has taken it, or has its bytes already.
    Taken {
        by: Option<FileId>,
    },
    /// Or the file that had taken it is no more.
    Ended,
}

/// A partial as a file that would take it sees it.
#[derive(Clone, Debug)]
pub(crate) struct Partial {
    pub state: PartialState,
    pub place: Option<PartialPlace>,
    pub created_at: Timestamp,
}

/// One piece of a file that is put together.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub key: ObjectKey,
    pub version: ObjectVersion,
}

pub(crate) async fn insert(tx: &mut Tx, new: &NewPartial<'_>) -> Result<(), DatabaseError> {
    let place = new.place;
    sqlx::query(
        "INSERT INTO partials (id, state, person_id, centre_number, sample_id, candidate_id, kind, section, \
         created_at) VALUES ($1, 'open', $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(new.id.to_string())
    .bind(new.person.as_str())
    .bind(new.centre.as_str())
    .bind(place.map(|place| place.sample.to_string()))
    .bind(place.map_or("", |place| &place.candidate))
    .bind(place.map_or("", |place| &place.kind))
    .bind(place.map_or("", |place| &place.section))
    .bind(new.now.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Partials of a person that no file has taken.
pub(crate) async fn open_of(tx: &mut Tx, person: &PersonId) -> Result<u64, DatabaseError> {
    let sql = "SELECT COUNT(*) FROM partials WHERE person_id = $1 AND state IN ('open', 'whole')";
    let count: i64 = sqlx::query_scalar(sql).bind(person.as_str()).fetch_one(tx.on()).await?;
    Ok(count.unsigned_abs())
}

/// Partials begun at a centre that no file has taken, and their bytes, those to come included.
pub(crate) async fn usage(tx: &mut Tx, centre: &CentreNumber) -> Result<(u64, u64), DatabaseError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS partials, CAST(COALESCE(SUM(u.length), 0) AS BIGINT) AS bytes FROM partials p \
         JOIN uploads u ON u.file_id = p.id WHERE p.centre_number = $1 AND p.state IN ('open', 'whole')",
    )
    .bind(centre.as_str())
    .fetch_one(tx.on())
    .await?;
    let count = |column: &str| Ok::<_, DatabaseError>(row.try_get::<i64, _>(column)?.unsigned_abs());
    Ok((count("partials")?, count("bytes")?))
}

/// What the person may upload to at all: a centre of theirs, and the components of its samples. `None`: nothing.
pub(crate) async fn reach(
    db: &Database,
    person: &PersonId,
) -> Result<Option<(CentreNumber, Vec<Component>)>, DatabaseError> {
    let sql = format!(
        "SELECT c.id, c.definition, MIN(s.centre_number) AS centre FROM samples s \
         JOIN components c ON c.id = s.component_id WHERE {} GROUP BY c.id, c.definition ORDER BY 3, 1",
        centre_staff!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(person.as_str()).fetch_all(db.reader()).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let centre = word(&first.try_get::<String, _>("centre")?, "samples", "", "centre_number")?;
    let components = rows.iter().map(|row| {
        samples::component(&row.try_get::<String, _>("id")?, &row.try_get::<String, _>("definition")?)
    });
    Ok(Some((centre, components.collect::<Result<_, _>>()?)))
}

/// Locks the person's partials of these ids, in an order of its own; those of others are as if they were not there.
pub(crate) async fn lock(
    tx: &mut Tx,
    person: &PersonId,
    ids: &[FileId],
) -> Result<HashMap<FileId, Partial>, DatabaseError> {
    let mut ordered = ids.to_vec();
    ordered.sort_unstable();
    ordered.dedup();
    let mut found = HashMap::with_capacity(ordered.len());
    let sql = format!(
        "SELECT state, size, sha256, file_id, sample_id, candidate_id, kind, section, created_at, \
         CASE WHEN EXISTS (SELECT 1 FROM files f WHERE f.id = partials.file_id \
         AND f.state IN ('cancelled', 'expired', 'deleted')) THEN 1 ELSE 0 END AS gone FROM partials \
         WHERE id = $1 AND person_id = $2{}",
        tx.engine().for_update()
    );
    for id in ordered {
        let query = sqlx::query(AssertSqlSafe(sql.clone())).bind(id.to_string()).bind(person.as_str());
        if let Some(row) = query.fetch_optional(tx.on()).await? {
            found.insert(id, read(&row, id)?);
        }
    }
    Ok(found)
}

fn read(row: &AnyRow, id: FileId) -> Result<Partial, DatabaseError> {
    let broken = |column| DatabaseError::BrokenRow { table: "partials", id: id.to_string(), column };
    let text = |column: &'static str| row.try_get::<Option<String>, _>(column);
    let file = || text("file_id")?.map(|file| file.parse().map_err(|_| broken("file_id"))).transpose();
    let state = match row.try_get::<String, _>("state")?.as_str() {
        "open" => PartialState::Open,
        "whole" => PartialState::Whole {
            size: row
                .try_get::<Option<i64>, _>("size")?
                .and_then(|size| u64::try_from(size).ok())
                .ok_or(broken("size"))?,
            sha256: text("sha256")?.ok_or(broken("sha256"))?.parse().map_err(|_| broken("sha256"))?,
        },
        "taken" | "joined" if row.try_get::<i64, _>("gone")? != 0 => PartialState::Ended,
        "taken" | "joined" => PartialState::Taken { by: file()? },
        "ended" => PartialState::Ended,
        _ => return Err(broken("state")),
    };
    let place = match text("sample_id")? {
        Some(sample) => Some(PartialPlace {
            sample: sample.parse().map_err(|_| broken("sample_id"))?,
            candidate: row.try_get("candidate_id")?,
            kind: row.try_get("kind")?,
            section: row.try_get("section")?,
        }),
        None => None,
    };
    Ok(Partial { state, place, created_at: from_micros(row.try_get("created_at")?) })
}

/// When uploads into a partial's place end for good, as of files; `None` where its address named none.
pub(crate) async fn closes_at(db: &Database, id: FileId) -> Result<Option<Timestamp>, DatabaseError> {
    let row = sqlx::query(
        "SELECT s.cut_off_at, s.grace_seconds, c.cut_off_at AS own FROM partials p \
         JOIN samples s ON s.id = p.sample_id LEFT JOIN candidates c ON c.id = p.candidate_id WHERE p.id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(db.reader())
    .await?;
    row.as_ref().map(files::read_end).transpose()
}

/// All bytes of an open partial are in this object. `false`: it is not open any more.
pub(crate) async fn whole(
    tx: &mut Tx,
    id: FileId,
    sha256: Sha256Digest,
    key: &ObjectKey,
    version: &ObjectVersion,
) -> Result<bool, DatabaseError> {
    let done = sqlx::query(
        "UPDATE partials SET state = 'whole', size = $2, sha256 = $3, object_key = $4, object_version = $5 \
         WHERE id = $1 AND state = 'open'",
    )
    .bind(id.to_string())
    .bind(version.size as i64)
    .bind(sha256.to_string())
    .bind(key.path())
    .bind(version_text(version)?)
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives locked partials to a file that is to be made of them: nothing else ends or takes them now.
pub(crate) async fn take(tx: &mut Tx, ids: &[FileId]) -> Result<(), DatabaseError> {
    for id in ids {
        sqlx::query("UPDATE partials SET state = 'taken' WHERE id = $1")
            .bind(id.to_string())
            .execute(tx.on())
            .await?;
    }
    Ok(())
}

/// Writes which file has taken the partials, and in which order.
pub(crate) async fn attach(tx: &mut Tx, file: FileId, ids: &[FileId]) -> Result<(), DatabaseError> {
    for (position, id) in (0_i64..).zip(ids) {
        sqlx::query(
            "INSERT INTO pieces (file_id, position, partial_id, size, sha256) \
             SELECT $1, $2, id, size, sha256 FROM partials WHERE id = $3",
        )
        .bind(file.to_string())
        .bind(position)
        .bind(id.to_string())
        .execute(tx.on())
        .await?;
        sqlx::query("UPDATE partials SET file_id = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(file.to_string())
            .execute(tx.on())
            .await?;
    }
    Ok(())
}

/// A file that was made of partials, as its creation told of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub max_length: u64,
    pub expires_at: Timestamp,
}

/// The file of this id, if it came of the same request: same person, same `Upload-Concat`, same metadata.
pub(crate) async fn made_by(
    tx: &mut Tx,
    person: &PersonId,
    file: FileId,
    concat: &str,
    metadata: &str,
) -> Result<Option<Made>, DatabaseError> {
    let row = sqlx::query(
        "SELECT u.max_length, u.expires_at FROM files f JOIN uploads u ON u.file_id = f.id \
         WHERE f.id = $1 AND f.created_by = $2 AND u.concat = $3 AND u.metadata = $4",
    )
    .bind(file.to_string())
    .bind(person.as_str())
    .bind(concat)
    .bind(metadata)
    .fetch_optional(tx.on())
    .await?;
    row.map(|row| {
        Ok(Made {
            max_length: row.try_get::<i64, _>("max_length")?.unsigned_abs(),
            expires_at: from_micros(row.try_get("expires_at")?),
        })
    })
    .transpose()
}

/// The objects of a file's pieces, in order.
pub(crate) async fn pieces(db: &Database, file: FileId) -> Result<Vec<Piece>, DatabaseError> {
    let rows = sqlx::query(
        "SELECT p.object_key, p.object_version FROM pieces i JOIN partials p ON p.id = i.partial_id \
         WHERE i.file_id = $1 ORDER BY i.position",
    )
    .bind(file.to_string())
    .fetch_all(db.reader())
    .await?;
    let broken = |column| DatabaseError::BrokenRow { table: "pieces", id: file.to_string(), column };
    rows.iter()
        .map(|row| {
            let key: Option<String> = row.try_get("object_key")?;
            let version: Option<String> = row.try_get("object_version")?;
            Ok(Piece {
                key: key.and_then(|key| key.parse().ok()).ok_or(broken("object_key"))?,
                version: version
                    .and_then(|version| serde_json::from_str(&version).ok())
                    .ok_or(broken("object_version"))?,
            })
        })
        .collect()
}

/// What the pieces of a file were when they came, in order; none when it came as one.
pub(crate) async fn as_they_came(
    tx: &mut Tx,
    file: FileId,
) -> Result<Vec<crate::check::Piece>, DatabaseError> {
    let rows = sqlx::query("SELECT size, sha256 FROM pieces WHERE file_id = $1 ORDER BY position")
        .bind(file.to_string())
        .fetch_all(tx.on())
        .await?;
    rows.iter()
        .map(|row| {
            Ok(crate::check::Piece {
                size: row.try_get::<i64, _>("size")?.unsigned_abs(),
                sha256: word(&row.try_get::<String, _>("sha256")?, "pieces", &file.to_string(), "sha256")?,
            })
        })
        .collect()
}

/// Files whose pieces are still to be put together and that nobody is at. Each of them has a piece that is taken, and
/// no other upload has.
fn unjoined(engine: Engine) -> String {
    format!(
        "SELECT u.file_id FROM uploads u WHERE u.file_id IN (SELECT p.file_id FROM partials p \
         WHERE p.state = 'taken') AND (u.lease_until IS NULL OR u.lease_until < {})",
        engine.now(),
    )
}

/// Whether there is one to claim.
pub(crate) async fn is_any_unjoined(db: &Database) -> Result<bool, DatabaseError> {
    let sql = format!("{} LIMIT 1", unjoined(db.engine()));
    Ok(sqlx::query(AssertSqlSafe(sql)).fetch_optional(db.reader()).await?.is_some())
}

/// Claims a file whose pieces are still to be put together and that nobody is at; `None` when there is none.
pub(crate) async fn claim_unjoined(
    tx: &mut Tx,
    node: &str,
    ttl_micros: i64,
) -> Result<Option<UploadRow>, DatabaseError> {
    let engine = tx.engine();
    // Locks the upload alone, as every commit does first.
    let lock = if engine.skip_locked().is_empty() { "" } else { " FOR UPDATE OF u SKIP LOCKED" };
    let sql = format!("{} ORDER BY u.file_id LIMIT 1{lock}", unjoined(engine));
    let id: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(tx.on()).await?;
    let Some(id) = id else { return Ok(None) };
    uploads::claim(tx, word(&id, "uploads", &id, "file_id")?, node, ttl_micros).await
}

/// Leaves a claimed file alone for a while: nobody claims it before.
pub(crate) async fn put_off(
    tx: &mut Tx,
    file: FileId,
    epoch: i64,
    wait_micros: i64,
) -> Result<(), DatabaseError> {
    let sql = format!(
        "UPDATE uploads SET owner = NULL, lease_until = {} + $3 WHERE file_id = $1 AND epoch = $2",
        tx.engine().now()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(file.to_string())
        .bind(epoch)
        .bind(wait_micros)
        .execute(tx.on())
        .await?;
    Ok(())
}

/// Forgets what of a claimed file was put together; its pieces are untouched. `false`: the claim is lost.
pub(crate) async fn begin_again(tx: &mut Tx, file: FileId, epoch: i64) -> Result<bool, DatabaseError> {
    let done = sqlx::query(
        "UPDATE uploads SET offset_bytes = 0, object_epoch = 0, multipart = NULL WHERE file_id = $1 AND epoch = $2",
    )
    .bind(file.to_string())
    .bind(epoch)
    .execute(tx.on())
    .await?;
    uploads::forget_parts(tx, file).await?;
    Ok(done.rows_affected() == 1)
}

/// The file has the bytes of its pieces, or needs none any more: theirs may go.
pub(crate) async fn joined(tx: &mut Tx, file: FileId, now: Timestamp) -> Result<(), DatabaseError> {
    let taken: Vec<String> =
        sqlx::query_scalar("SELECT id FROM partials WHERE file_id = $1 AND state = 'taken' ORDER BY id")
            .bind(file.to_string())
            .fetch_all(tx.on())
            .await?;
    for id in taken {
        let id = word(&id, "partials", &id, "id")?;
        uploads::may_go(tx, id, now).await?;
        sqlx::query("UPDATE partials SET state = 'joined', ended_at = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(now.as_microsecond())
            .execute(tx.on())
            .await?;
    }
    Ok(())
}

/// Ends a partial that no file has taken: its writer is fenced, what it has is the sweeper's. `false`: it is taken, or
/// not that old; nothing may be committed then.
pub(crate) async fn end(tx: &mut Tx, id: FileId, why: End, now: Timestamp) -> Result<bool, DatabaseError> {
    let expired = match why {
        End::Expired(now) => now,
        End::Asked | End::SilentSince(_) => Timestamp::MAX,
    };
    let fenced = sqlx::query(
        "UPDATE uploads SET epoch = epoch + 1, owner = NULL, lease_until = NULL, ended_at = $3 \
         WHERE file_id = $1 AND expires_at <= $2",
    )
    .bind(id.to_string())
    .bind(expired.as_microsecond())
    .bind(now.as_microsecond())
    .execute(tx.on())
    .await?;
    if fenced.rows_affected() != 1 {
        return Ok(false);
    }
    let ended = sqlx::query(
        "UPDATE partials SET state = 'ended', ended_at = $2 WHERE id = $1 AND state IN ('open', 'whole')",
    )
    .bind(id.to_string())
    .bind(now.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// The bytes of a partial that is joined or ended are gone.
pub(crate) async fn cleared(tx: &mut Tx, id: FileId) -> Result<(), DatabaseError> {
    uploads::forget_parts(tx, id).await?;
    // Of one that is joined the upload stays: it answers that all its bytes came.
    for sql in [
        "DELETE FROM uploads WHERE file_id = $1 \
         AND EXISTS (SELECT 1 FROM partials p WHERE p.id = $1 AND p.state = 'ended')",
        "UPDATE uploads SET ended_at = NULL WHERE file_id = $1",
        "UPDATE partials SET object_key = NULL, object_version = NULL WHERE id = $1",
    ] {
        sqlx::query(sql).bind(id.to_string()).execute(tx.on()).await?;
    }
    Ok(())
}

/// Partials that were joined or ended before then and whose bytes are gone, at most `limit`.
pub(crate) async fn forgettable(
    db: &Database,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<String>, DatabaseError> {
    let sql = "SELECT p.id FROM partials p WHERE p.state IN ('joined', 'ended') AND p.ended_at < $1 \
               AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.file_id = p.id AND u.ended_at IS NOT NULL) LIMIT $2";
    Ok(sqlx::query_scalar(sql).bind(before.as_microsecond()).bind(limit).fetch_all(db.reader()).await?)
}

/// Strikes those out.
pub(crate) async fn forget(tx: &mut Tx, ids: &[String]) -> Result<(), DatabaseError> {
    for id in ids {
        for sql in ["DELETE FROM uploads WHERE file_id = $1", "DELETE FROM partials WHERE id = $1"] {
            sqlx::query(sql).bind(id).execute(tx.on()).await?;
        }
    }
    Ok(())
}
