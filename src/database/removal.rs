//! Deleting an accepted file, and undoing that while its bytes are kept.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row};

use super::error::word;
use super::{DatabaseError, Tx};
use crate::evidence::FileState;
use crate::ids::FileId;

/// A file's state, the row locked. Third lock of the order. `None`: it is not there.
pub(crate) async fn lock(tx: &mut Tx, file: FileId) -> Result<Option<FileState>, DatabaseError> {
    let sql = format!("SELECT state FROM files WHERE id = $1{}", tx.engine().for_update());
    let row = sqlx::query(AssertSqlSafe(sql)).bind(file.to_string()).fetch_optional(tx.on()).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(word(&row.try_get::<String, _>(0)?, "files", &file.to_string(), "state")?))
}

/// Moves a locked file from one state to the other.
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
