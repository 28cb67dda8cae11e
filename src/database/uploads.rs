//! Leases and ledgers of uploads.
//!
//! Every statement that moves an upload forward carries the lease's epoch: when no row changes, the lease is lost and
//! nothing was written.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::scope::{centre_staff, partial_theirs};
use super::{Database, DatabaseError, Engine, Tx, partials};
use crate::actor::PersonId;
use crate::centre::CentreNumber;
use crate::clock::from_micros;
use crate::evidence::{FileState, Sha256Digest};
use crate::ids::FileId;
use crate::object_store::{Durable, ObjectKey, Staged, StagedPart, TailSegment};
use crate::upload::{DigestState, Usage};

/// An upload as the database has it.
#[derive(Clone, Debug)]
pub(crate) struct UploadRow {
    pub file: FileId,
    pub state: FileState,
    pub epoch: i64,
    /// The file's length, bytes; `None` while deferred.
    pub length: Option<u64>,
    /// The most the file may have.
    pub max_length: u64,
    /// Ledger without its parts (see [`parts`]).
    pub staged: Staged,
    pub digest: DigestState,
    /// `Upload-Metadata` as it came.
    pub metadata: String,
    /// The dialect it was begun in.
    pub dialect: String,
    /// `Upload-Concat` as it came; `None` for an upload that has nothing to do with others.
    pub concat: Option<String>,
    /// What its sender says the whole is.
    pub client_sha256: Option<Sha256Digest>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// The node that holds the lease; `None` when it is free or has run out.
    pub holder: Option<String>,
}

/// What `uploads.concat` says of a piece of a file to come.
pub(crate) const PARTIAL: &str = "partial";

impl UploadRow {
    /// It is a piece of a file to come, and no file.
    pub fn is_partial(&self) -> bool {
        self.concat.as_deref() == Some(PARTIAL)
    }

    /// It is put together from others: nobody sends it bytes.
    pub fn is_final(&self) -> bool {
        self.concat.as_deref().is_some_and(|concat| concat != PARTIAL)
    }
}

/// Bytes of an upload (alias `u`) that are here: all of them, in its pieces, when it is put together.
macro_rules! bytes_here {
    () => {
        "CASE WHEN u.concat IS NULL THEN u.offset_bytes ELSE u.length END AS offset_bytes"
    };
}
pub(crate) use bytes_here;

/// A partial speaks of its state in words of its own; here it is told in those of files.
const COLUMNS: &str = "u.file_id, u.epoch, u.offset_bytes, u.length, u.max_length, u.part_size, u.object_epoch, \
     u.multipart, u.tail, u.hash_state, u.hash_check, u.metadata, u.dialect, u.concat, f.client_sha256, u.expires_at, \
     COALESCE(f.created_at, p.created_at) AS created_at, COALESCE(f.state, CASE p.state WHEN 'open' THEN 'receiving' \
     WHEN 'ended' THEN 'cancelled' ELSE 'received' END) AS state";
const OF_FILES_AND_PARTIALS: &str =
    "uploads u LEFT JOIN files f ON f.id = u.file_id LEFT JOIN partials p ON p.id = u.file_id";

fn columns(engine: Engine) -> String {
    format!("{COLUMNS}, CASE WHEN u.lease_until > {} THEN u.owner END AS holder", engine.now())
}

fn read(row: &AnyRow) -> Result<UploadRow, DatabaseError> {
    let id: String = row.try_get("file_id")?;
    let broken = |column| DatabaseError::BrokenRow { table: "uploads", id: id.clone(), column };
    let count = |column: &'static str| -> Result<u64, DatabaseError> {
        u64::try_from(row.try_get::<i64, _>(column)?).map_err(|_| broken(column))
    };
    let length: Option<i64> = row.try_get("length")?;
    let tail: String = row.try_get("tail")?;
    let staged = Staged {
        object_epoch: row.try_get("object_epoch")?,
        multipart: row.try_get("multipart")?,
        parts: Vec::new(),
        tail: serde_json::from_str::<Vec<TailSegment>>(&tail).map_err(|_| broken("tail"))?,
        offset: count("offset_bytes")?,
        part_size: count("part_size")?,
    };
    Ok(UploadRow {
        file: id.parse().map_err(|_| broken("file_id"))?,
        state: row.try_get::<String, _>("state")?.parse().map_err(|_| broken("state"))?,
        epoch: row.try_get("epoch")?,
        length: length.map(u64::try_from).transpose().map_err(|_| broken("length"))?,
        max_length: count("max_length")?,
        staged,
        digest: DigestState {
            state: row.try_get("hash_state")?,
            check: u32::try_from(row.try_get::<i64, _>("hash_check")?).map_err(|_| broken("hash_check"))?,
        },
        metadata: row.try_get("metadata")?,
        dialect: row.try_get("dialect")?,
        concat: row.try_get("concat")?,
        client_sha256: row
            .try_get::<Option<String>, _>("client_sha256")?
            .map(|digest| digest.parse().map_err(|_| broken("client_sha256")))
            .transpose()?,
        created_at: from_micros(row.try_get("created_at")?),
        expires_at: from_micros(row.try_get("expires_at")?),
        holder: row.try_get("holder")?,
    })
}

/// The upload, if the person's centre owns it, and a partial if it is the person's and they still work where it was
/// begun.
pub(crate) async fn find(
    db: &Database,
    person: &PersonId,
    file: FileId,
) -> Result<Option<UploadRow>, DatabaseError> {
    let sql = format!(
        "SELECT {} FROM {OF_FILES_AND_PARTIALS} LEFT JOIN samples s ON s.id = f.sample_id WHERE u.file_id = $1 \
         AND (f.id IS NOT NULL AND {} OR {})",
        columns(db.engine()),
        centre_staff!("$2"),
        partial_theirs!("$2")
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(file.to_string())
        .bind(person.as_str())
        .fetch_optional(db.reader())
        .await?;
    row.as_ref().map(read).transpose()
}

/// Whether an upload that is no more was one of the person's centre, or a partial of theirs: what answers 410.
pub(crate) async fn was_theirs(
    db: &Database,
    person: &PersonId,
    file: FileId,
) -> Result<bool, DatabaseError> {
    let sql = format!(
        "SELECT 1 FROM files f JOIN samples s ON s.id = f.sample_id WHERE f.id = $1 AND {} \
         UNION ALL SELECT 1 FROM partials p WHERE p.id = $1 AND {}",
        centre_staff!("$2"),
        partial_theirs!("$2")
    );
    let found = sqlx::query(AssertSqlSafe(sql))
        .bind(file.to_string())
        .bind(person.as_str())
        .fetch_optional(db.reader())
        .await?;
    Ok(found.is_some())
}

/// Takes the lease, whoever has it: raises the epoch. The row as it is now, with its parts; `None` when it is gone.
pub(crate) async fn claim(
    tx: &mut Tx,
    file: FileId,
    node: &str,
    ttl_micros: i64,
) -> Result<Option<UploadRow>, DatabaseError> {
    let now = tx.engine().now();
    let sql = format!(
        "UPDATE uploads SET epoch = epoch + 1, owner = $2, lease_until = {now} + $3 WHERE file_id = $1"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(file.to_string())
        .bind(node)
        .bind(ttl_micros)
        .execute(tx.on())
        .await?;
    let columns = columns(tx.engine());
    let sql = format!("SELECT {columns} FROM {OF_FILES_AND_PARTIALS} WHERE u.file_id = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(file.to_string()).fetch_optional(tx.on()).await?;
    let Some(mut upload) = row.as_ref().map(read).transpose()? else { return Ok(None) };
    if upload.staged.multipart.is_some() {
        upload.staged.parts = parts(tx, file).await?;
    }
    Ok(Some(upload))
}

async fn parts(tx: &mut Tx, file: FileId) -> Result<Vec<StagedPart>, DatabaseError> {
    let rows = sqlx::query(
        "SELECT number, etag, checksum, size FROM upload_parts WHERE file_id = $1 ORDER BY number",
    )
    .bind(file.to_string())
    .fetch_all(tx.on())
    .await?;
    let broken = |column| DatabaseError::BrokenRow { table: "upload_parts", id: file.to_string(), column };
    rows.iter()
        .map(|row| {
            Ok(StagedPart {
                number: u32::try_from(row.try_get::<i64, _>("number")?).map_err(|_| broken("number"))?,
                etag: row.try_get("etag")?,
                checksum: row.try_get("checksum")?,
                size: u64::try_from(row.try_get::<i64, _>("size")?).map_err(|_| broken("size"))?,
            })
        })
        .collect()
}

/// Whether the lease of that epoch is still held.
pub(crate) async fn is_held(db: &Database, file: FileId, epoch: i64) -> Result<bool, DatabaseError> {
    let sql = format!(
        "SELECT 1 FROM uploads WHERE file_id = $1 AND epoch = $2 AND owner IS NOT NULL AND lease_until > {}",
        db.engine().now()
    );
    let found = sqlx::query(AssertSqlSafe(sql))
        .bind(file.to_string())
        .bind(epoch)
        .fetch_optional(db.reader())
        .await?;
    Ok(found.is_some())
}

/// The epoch of the lease as it is now; `None` when the upload is no more.
pub(crate) async fn epoch(db: &Database, file: FileId) -> Result<Option<i64>, DatabaseError> {
    let sql = "SELECT epoch FROM uploads WHERE file_id = $1";
    Ok(sqlx::query_scalar(sql).bind(file.to_string()).fetch_optional(db.reader()).await?)
}

/// Lets the lease go, if it is still ours.
pub(crate) async fn release(tx: &mut Tx, file: FileId, epoch: i64) -> Result<(), DatabaseError> {
    sqlx::query("UPDATE uploads SET owner = NULL, lease_until = NULL WHERE file_id = $1 AND epoch = $2")
        .bind(file.to_string())
        .bind(epoch)
        .execute(tx.on())
        .await?;
    Ok(())
}

/// The same, if that node has it.
pub(crate) async fn release_of(
    tx: &mut Tx,
    file: FileId,
    epoch: i64,
    node: &str,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "UPDATE uploads SET owner = NULL, lease_until = NULL WHERE file_id = $1 AND epoch = $2 AND owner = $3",
    )
    .bind(file.to_string())
    .bind(epoch)
    .bind(node)
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Tells that bytes come, without any that count yet. `false`: the lease is lost.
pub(crate) async fn renew(
    tx: &mut Tx,
    file: FileId,
    epoch: i64,
    now: Timestamp,
    ttl_micros: i64,
) -> Result<bool, DatabaseError> {
    let sql = format!(
        "UPDATE uploads SET last_byte_at = $3, lease_until = {} + $4 WHERE file_id = $1 AND epoch = $2",
        tx.engine().now()
    );
    let done = sqlx::query(AssertSqlSafe(sql))
        .bind(file.to_string())
        .bind(epoch)
        .bind(now.as_microsecond())
        .bind(ttl_micros)
        .execute(tx.on())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets the ledger of parts, which has served: the file is *received*. The upload's row stays, for HEAD to answer
/// from.
pub(crate) async fn forget_parts(tx: &mut Tx, file: FileId) -> Result<(), DatabaseError> {
    sqlx::query("DELETE FROM upload_parts WHERE file_id = $1")
        .bind(file.to_string())
        .execute(tx.on())
        .await?;
    Ok(())
}

/// Writes a new upload's row; where it names a holder, with its lease.
pub(crate) async fn insert(tx: &mut Tx, new: &UploadRow, ttl_micros: i64) -> Result<(), DatabaseError> {
    let sql = format!(
        "INSERT INTO uploads (file_id, epoch, owner, lease_until, length, max_length, part_size, tail, hash_state, \
         hash_check, metadata, dialect, last_byte_at, expires_at, concat) VALUES ($1, $2, $3, \
         CASE WHEN $2 > 0 THEN {} + $4 END, $5, $6, $7, '[]', $8, $9, $10, $11, $12, $13, $14)",
        tx.engine().now()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(new.file.to_string())
        .bind(new.epoch)
        .bind(new.holder.as_deref())
        .bind(ttl_micros)
        .bind(new.length.map(|length| length as i64))
        .bind(new.max_length as i64)
        .bind(new.staged.part_size as i64)
        .bind(&new.digest.state)
        .bind(i64::from(new.digest.check))
        .bind(&new.metadata)
        .bind(&new.dialect)
        .bind(new.created_at.as_microsecond())
        .bind(new.expires_at.as_microsecond())
        .bind(new.concat.as_deref())
        .execute(tx.on())
        .await?;
    Ok(())
}

/// Sets a deferred length, once. `false`: the lease is lost, or a length is set already.
pub(crate) async fn set_length(
    tx: &mut Tx,
    file: FileId,
    epoch: i64,
    length: u64,
) -> Result<bool, DatabaseError> {
    let done =
        sqlx::query("UPDATE uploads SET length = $3 WHERE file_id = $1 AND epoch = $2 AND length IS NULL")
            .bind(file.to_string())
            .bind(epoch)
            .bind(length as i64)
            .execute(tx.on())
            .await?;
    sqlx::query("UPDATE files SET size = $2 WHERE id = $1")
        .bind(file.to_string())
        .bind(length as i64)
        .execute(tx.on())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// What a commit of durable bytes says besides them.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    pub file: FileId,
    pub epoch: i64,
    pub durable: &'a Durable,
    pub digest: &'a DigestState,
    pub now: Timestamp,
    pub expires_at: Timestamp,
    /// How long the lease is good from here on; `None` lets it go.
    pub ttl_micros: Option<i64>,
    /// The file is *created* still, and now *receiving*.
    pub first: bool,
}

/// Commits durable bytes: offset, ledger, digest state, in one with the lease's renewal or end. `false`: the lease is
/// lost, and nothing was written.
pub(crate) async fn advance(tx: &mut Tx, progress: &Progress<'_>) -> Result<bool, DatabaseError> {
    let Progress { file, epoch, durable, digest, now, expires_at, ttl_micros, first } = progress;
    let tail = serde_json::to_string(&durable.tail).map_err(|_| DatabaseError::BrokenRow {
        table: "uploads",
        id: file.to_string(),
        column: "tail",
    })?;
    let sql = format!(
        "UPDATE uploads SET offset_bytes = $3, object_epoch = $4, multipart = $5, tail = $6, hash_state = $7, \
         hash_check = $8, last_byte_at = $9, expires_at = $10, lease_until = {} + $11, \
         owner = CASE WHEN $11 IS NULL THEN NULL ELSE owner END \
         WHERE file_id = $1 AND epoch = $2 AND offset_bytes <= $3",
        tx.engine().now()
    );
    let done = sqlx::query(AssertSqlSafe(sql))
        .bind(file.to_string())
        .bind(epoch)
        .bind(durable.offset as i64)
        .bind(durable.object_epoch)
        .bind(durable.multipart.as_deref())
        .bind(tail)
        .bind(&digest.state)
        .bind(i64::from(digest.check))
        .bind(now.as_microsecond())
        .bind(expires_at.as_microsecond())
        .bind(ttl_micros)
        .execute(tx.on())
        .await?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    for part in &durable.new_parts {
        sqlx::query(
            "INSERT INTO upload_parts (file_id, number, etag, checksum, size) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (file_id, number) DO UPDATE SET etag = excluded.etag, checksum = excluded.checksum, \
             size = excluded.size",
        )
        .bind(file.to_string())
        .bind(i64::from(part.number))
        .bind(&part.etag)
        .bind(part.checksum.as_deref())
        .bind(part.size as i64)
        .execute(tx.on())
        .await?;
    }
    discard(tx, &durable.obsolete, *now).await?;
    if *first {
        sqlx::query("UPDATE files SET state = 'receiving' WHERE id = $1 AND state = 'created'")
            .bind(file.to_string())
            .execute(tx.on())
            .await?;
    }
    Ok(true)
}

/// Notes objects that nobody needs any more, for the sweeper.
pub(crate) async fn discard(tx: &mut Tx, keys: &[ObjectKey], now: Timestamp) -> Result<(), DatabaseError> {
    for key in keys {
        sqlx::query("INSERT INTO discards (path, not_before) VALUES ($1, $2) ON CONFLICT (path) DO NOTHING")
            .bind(key.path())
            .bind(now.as_microsecond())
            .execute(tx.on())
            .await?;
    }
    Ok(())
}

/// Why an unfinished upload ends, and what must still be so when it does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// Its sender cancels it.
    Asked,
    /// No byte has come since then, and its place is wanted.
    SilentSince(Timestamp),
    /// Its time is over.
    Expired(Timestamp),
}

/// Ends an open upload of a file that lacks bytes: its writer is fenced, what it has is the sweeper's. `false`: it
/// moved on in the meantime, and nothing was written. One that is put together from others lacks none; it ends only
/// when somebody asks, and its pieces with it. Locks the upload before the file, as every commit does.
pub(crate) async fn end(tx: &mut Tx, file: FileId, why: End, now: Timestamp) -> Result<bool, DatabaseError> {
    let (silent, expired, state) = match why {
        End::Asked => (Timestamp::MAX, Timestamp::MAX, FileState::Cancelled),
        End::SilentSince(then) => (then, Timestamp::MAX, FileState::Cancelled),
        End::Expired(now) => (Timestamp::MAX, now, FileState::Expired),
    };
    let fenced = sqlx::query(
        "UPDATE uploads SET epoch = epoch + 1, owner = NULL, lease_until = NULL, ended_at = $5 WHERE file_id = $1 \
         AND last_byte_at <= $2 AND expires_at <= $3 AND CASE WHEN concat IS NULL \
         THEN length IS NULL OR offset_bytes < length ELSE $4 = 1 END",
    )
    .bind(file.to_string())
    .bind(silent.as_microsecond())
    .bind(expired.as_microsecond())
    .bind(i64::from(matches!(why, End::Asked)))
    .bind(now.as_microsecond())
    .execute(tx.on())
    .await?;
    if fenced.rows_affected() != 1 {
        return Ok(false);
    }
    let ended =
        sqlx::query("UPDATE files SET state = $2 WHERE id = $1 AND state IN ('created', 'receiving')")
            .bind(file.to_string())
            .bind(state.as_str())
            .execute(tx.on())
            .await?;
    if ended.rows_affected() != 1 {
        return Ok(false);
    }
    if matches!(why, End::Asked) {
        partials::joined(tx, file, now).await?;
    }
    Ok(true)
}

/// Removes an ended upload's rows, once its bytes are gone from the store.
pub(crate) async fn forget(tx: &mut Tx, file: FileId) -> Result<(), DatabaseError> {
    forget_parts(tx, file).await?;
    sqlx::query("DELETE FROM uploads WHERE file_id = $1").bind(file.to_string()).execute(tx.on()).await?;
    Ok(())
}

/// What a centre has: files that are stored or on their way.
pub(crate) async fn usage(tx: &mut Tx, centre: &CentreNumber) -> Result<Usage, DatabaseError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS files, CAST(COALESCE(SUM(f.size), 0) AS BIGINT) AS bytes, \
         CAST(COALESCE(SUM(CASE WHEN f.state IN ('created', 'receiving') THEN 1 ELSE 0 END), 0) AS BIGINT) AS open \
         FROM files f JOIN samples s ON s.id = f.sample_id WHERE s.centre_number = $1 \
         AND f.state IN ('created', 'receiving', 'received', 'checking', 'accepted')",
    )
    .bind(centre.as_str())
    .fetch_one(tx.on())
    .await?;
    let count = |column: &str| Ok::<_, DatabaseError>(row.try_get::<i64, _>(column)?.unsigned_abs());
    let (partials, brought) = partials::usage(tx, centre).await?;
    Ok(Usage {
        open: count("open")? + partials,
        files: count("files")?,
        bytes: count("bytes")?.saturating_add(brought),
    })
}

/// Bytes that unfinished uploads of known length may still bring, or take when they are put together.
pub(crate) async fn promised(tx: &mut Tx) -> Result<u64, DatabaseError> {
    let bytes: i64 = sqlx::query_scalar(
        "SELECT CAST(COALESCE(SUM(w.bytes), 0) AS BIGINT) FROM (\
         SELECT u.length - u.offset_bytes AS bytes FROM files f JOIN uploads u ON u.file_id = f.id \
         WHERE f.state IN ('created', 'receiving') UNION ALL \
         SELECT u.length - u.offset_bytes AS bytes FROM partials p JOIN uploads u ON u.file_id = p.id \
         WHERE p.state = 'open') w",
    )
    .fetch_one(tx.on())
    .await?;
    Ok(bytes.unsigned_abs())
}

/// Open uploads, and partials no file has taken, past their expiry, at most `limit`.
pub(crate) async fn expired(db: &Database, now: Timestamp, limit: i64) -> Result<Vec<FileId>, DatabaseError> {
    // By halves, so that each finds its few rows by their state.
    let sql = "SELECT u.file_id, u.expires_at FROM files f JOIN uploads u ON u.file_id = f.id \
               WHERE f.state IN ('created', 'receiving') AND u.concat IS NULL AND u.expires_at <= $1 UNION ALL \
               SELECT u.file_id, u.expires_at FROM partials p JOIN uploads u ON u.file_id = p.id \
               WHERE p.state IN ('open', 'whole') AND u.expires_at <= $1 ORDER BY 2 LIMIT $2";
    ids(sqlx::query_scalar(sql).bind(now.as_microsecond()).bind(limit).fetch_all(db.reader()).await?)
}

/// Uploads of which nothing is needed any more and something may still be there (see [`may_go`]), at most `limit`.
pub(crate) async fn ended(db: &Database, limit: i64) -> Result<Vec<FileId>, DatabaseError> {
    ids(sqlx::query_scalar(ENDED).bind(limit).fetch_all(db.reader()).await?)
}

/// Has an index of its own: of all that ever ended it finds those that are not cleared.
const ENDED: &str = "SELECT file_id FROM uploads WHERE ended_at IS NOT NULL ORDER BY ended_at LIMIT $1";

/// What is staged of an upload may go from now on: a sweep clears it.
pub(crate) async fn may_go(tx: &mut Tx, file: FileId, now: Timestamp) -> Result<(), DatabaseError> {
    sqlx::query("UPDATE uploads SET ended_at = $2 WHERE file_id = $1")
        .bind(file.to_string())
        .bind(now.as_microsecond())
        .execute(tx.on())
        .await?;
    Ok(())
}

/// Uploads that have all their bytes, whose last step is not taken, and that nobody holds, at most `limit`; but for
/// those that are put together from others (see [`super::partials::claim_unjoined`]).
pub(crate) async fn whole(db: &Database, limit: i64) -> Result<Vec<FileId>, DatabaseError> {
    let free = format!("(u.lease_until IS NULL OR u.lease_until < {})", db.engine().now());
    let sql = format!(
        "SELECT u.file_id FROM files f JOIN uploads u ON u.file_id = f.id \
         WHERE f.state IN ('created', 'receiving') AND u.concat IS NULL AND u.offset_bytes = u.length AND {free} \
         UNION ALL SELECT u.file_id FROM partials p JOIN uploads u ON u.file_id = p.id \
         WHERE p.state = 'open' AND u.offset_bytes = u.length AND {free} LIMIT $1"
    );
    ids(sqlx::query_scalar(AssertSqlSafe(sql)).bind(limit).fetch_all(db.reader()).await?)
}

/// Whether nothing that is staged of a file or a partial is needed any more (an infected original is, until it lies in
/// its own place); `None` of one that is not known.
pub(crate) async fn is_over(db: &Database, file: FileId) -> Result<Option<bool>, DatabaseError> {
    let sql = "SELECT CASE WHEN state IN ('created', 'receiving', 'received', 'checking') OR EXISTS \
               (SELECT 1 FROM incidents i WHERE i.file_id = files.id AND i.moved = 0) \
               THEN 0 ELSE 1 END FROM files WHERE id = $1 UNION ALL \
               SELECT CASE WHEN state IN ('ended', 'joined') THEN 1 ELSE 0 END FROM partials WHERE id = $1";
    let over: Option<i64> =
        sqlx::query_scalar(sql).bind(file.to_string()).fetch_optional(db.reader()).await?;
    Ok(over.map(|over| over != 0))
}

fn ids(texts: Vec<String>) -> Result<Vec<FileId>, DatabaseError> {
    texts
        .into_iter()
        .map(|id| {
            id.parse().map_err(|_| DatabaseError::BrokenRow { table: "uploads", id, column: "file_id" })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sweep_finds_what_may_go_by_its_index() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/t.db?mode=rwc", folder.path().display());
        let db = Database::connect(&url, 2).await.unwrap();
        db.migrate().await.unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {ENDED}");
        let plan = sqlx::query(AssertSqlSafe(sql)).bind(1_i64).fetch_all(db.reader()).await.unwrap();
        let [step] = &plan[..] else { panic!("{} steps", plan.len()) };
        let told: String = step.try_get("detail").unwrap();
        assert!(told.contains("USING INDEX uploads_by_end"), "{told}");
    }
}
