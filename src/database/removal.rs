//! Deleting an accepted file, and undoing that while its bytes are kept; dismissing a refused one; withdrawing one that
//! waits for its check.

use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, Row};

use super::error::word;
use super::{DatabaseError, Tx, uploads};
use crate::evidence::FileState;
use crate::ids::{FileId, SampleId};
use crate::object_store::ObjectKey;

/// How long a check may go on after its claim was lost: it notices within a third of its lease, and each call of the
/// store ends in time. The longest is one copy of 5 GB, 22 minutes.
const CHECK_ENDS: SignedDuration = SignedDuration::from_hours(1);

/// A file's state, the row locked. Third lock of the order. `None`: it is not there.
pub(crate) async fn lock(tx: &mut Tx, file: FileId) -> Result<Option<FileState>, DatabaseError> {
    let sql = format!("SELECT state FROM files WHERE id = $1{}", tx.engine().for_update());
    let row = sqlx::query(AssertSqlSafe(sql)).bind(file.to_string()).fetch_optional(tx.on()).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(word(&row.try_get::<String, _>(0)?, "files", &file.to_string(), "state")?))
}

/// Moves a locked file from one state to the other. A refused one keeps its state, and is no longer listed.
pub(crate) async fn set(
    tx: &mut Tx,
    file: FileId,
    to: FileState,
    deleted_at: Option<Timestamp>,
) -> Result<(), DatabaseError> {
    sqlx::query("UPDATE files SET state = $2, deleted_at = $3 WHERE id = $1")
        .bind(file.to_string())
        .bind(to.as_str())
        .bind(deleted_at.map(|at| at.as_microsecond()))
        .execute(tx.on())
        .await?;
    Ok(())
}

/// Cancels a locked file that is *received* or *checking*. The check loses its claim and can write no outcome; what it
/// may have copied to evidence by then goes when it has surely ended, and what is staged with the next sweep.
pub(crate) async fn withdraw(
    tx: &mut Tx,
    sample: SampleId,
    file: FileId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let name: String = sqlx::query_scalar(
        "UPDATE files SET state = 'cancelled', check_epoch = check_epoch + 1, check_owner = NULL, \
         check_until = NULL, waits_for = NULL, waits_since = NULL WHERE id = $1 RETURNING unique_name",
    )
    .bind(file.to_string())
    .fetch_one(tx.on())
    .await?;
    let name = word(&name, "files", &file.to_string(), "unique_name")?;
    uploads::may_go(tx, file, now).await?;
    let after = now.checked_add(CHECK_ENDS).unwrap_or(Timestamp::MAX);
    uploads::discard(tx, &[ObjectKey::Evidence { sample, file, name }], after).await
}
