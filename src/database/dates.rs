//! More time: an extension moves the dates of a sample or of its candidates, and what was derived from them.

use sqlx::AssertSqlSafe;

use super::{DatabaseError, Tx};
use crate::ids::SampleId;
use crate::submission::Extended;

/// Writes an extension of a locked sample. What is late by the old dates alone is late no more, and unfinished uploads
/// are kept until the new end.
pub(crate) async fn extend(tx: &mut Tx, sample: SampleId, extended: &Extended) -> Result<(), DatabaseError> {
    let (due, cut_off) = (extended.due_at.as_microsecond(), extended.cut_off_at.as_microsecond());
    match &extended.candidates {
        Some(numbers) => {
            for number in numbers {
                sqlx::query(
                    "UPDATE candidates SET due_at = $3, cut_off_at = $4 WHERE sample_id = $1 AND number = $2",
                )
                .bind(sample.to_string())
                .bind(number.as_str())
                .bind(due)
                .bind(cut_off)
                .execute(tx.on())
                .await?;
            }
        }
        None => {
            // A candidate's own extension that ends before the sample's new one follows it.
            for sql in [
                "UPDATE samples SET due_at = $2 WHERE id = $1",
                "UPDATE candidates SET due_at = $2 WHERE sample_id = $1 AND due_at < $2",
            ] {
                sqlx::query(sql).bind(sample.to_string()).bind(due).execute(tx.on()).await?;
            }
            for sql in [
                "UPDATE samples SET cut_off_at = $2 WHERE id = $1",
                "UPDATE candidates SET cut_off_at = $2 WHERE sample_id = $1 AND cut_off_at < $2",
            ] {
                sqlx::query(sql).bind(sample.to_string()).bind(cut_off).execute(tx.on()).await?;
            }
        }
    }
    note(tx, sample, extended).await?;
    follow(tx, sample).await
}

async fn note(tx: &mut Tx, sample: SampleId, extended: &Extended) -> Result<(), DatabaseError> {
    let scope = extended.candidates.as_ref().map(|numbers| serde_json::json!(numbers).to_string());
    sqlx::query(
        "INSERT INTO sample_extensions (sample_id, extended_at, extended_by, reason, due_at, cut_off_at, scope) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(sample.to_string())
    .bind(extended.extended_at.as_microsecond())
    .bind(extended.extended_by.as_str())
    .bind(&extended.reason)
    .bind(extended.due_at.as_microsecond())
    .bind(extended.cut_off_at.as_microsecond())
    .bind(scope.unwrap_or_default())
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Brings what hangs on the dates up to them: lateness of files, expiry of unfinished uploads. Neither gets worse.
async fn follow(tx: &mut Tx, sample: SampleId) -> Result<(), DatabaseError> {
    sqlx::query(
        "UPDATE files SET late = 0 WHERE sample_id = $1 AND late = 1 AND created_at <= \
         (SELECT COALESCE(c.due_at, s.due_at) FROM samples s LEFT JOIN candidates c ON c.id = files.candidate_id \
         WHERE s.id = files.sample_id)",
    )
    .bind(sample.to_string())
    .execute(tx.on())
    .await?;
    const CLOSES: &str = "(SELECT COALESCE(c.cut_off_at, s.cut_off_at) + s.grace_seconds * 1000000 FROM files f \
         JOIN samples s ON s.id = f.sample_id LEFT JOIN candidates c ON c.id = f.candidate_id \
         WHERE f.id = uploads.file_id)";
    let sql = format!(
        "UPDATE uploads SET expires_at = {CLOSES} WHERE file_id IN (SELECT id FROM files WHERE sample_id = $1 \
         AND state IN ('created', 'receiving')) AND expires_at < {CLOSES}"
    );
    sqlx::query(AssertSqlSafe(sql)).bind(sample.to_string()).execute(tx.on()).await?;
    Ok(())
}
