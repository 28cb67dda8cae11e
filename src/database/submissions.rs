//! Submissions, declarations and returns. Everything is read and written under the sample's exclusive lock, but for
//! the reads of pages.

use jiff::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::scope::{allocated, centre_staff, overseer};
use super::standing;
use super::{Database, DatabaseError, Tx, samples};
use crate::actor::PersonId;
use crate::evidence::Sha256Digest;
use crate::ids::{FileId, SampleId, SubmissionId};
use crate::sample::Sample;
use crate::submission::{Declared, Returned, Standing};

/// A sample by id that exists for the person: its centre's staff, its moderators, the board's people.
fn by_id(suffix: &str) -> String {
    format!(
        "SELECT {} FROM samples s WHERE s.id = $1 AND ({} OR {} OR {}){suffix}",
        samples::COLUMNS,
        centre_staff!("$2"),
        allocated!("$2"),
        overseer!("$2")
    )
}

async fn one(
    on: &mut AnyConnection,
    sql: String,
    person: &PersonId,
    sample: SampleId,
) -> Result<Option<Sample>, DatabaseError> {
    let query = sqlx::query(AssertSqlSafe(sql)).bind(sample.to_string()).bind(person.as_str());
    query.fetch_optional(on).await?.as_ref().map(samples::read).transpose()
}

/// The sample, if it exists for the person, held against everyone else.
pub(crate) async fn lock(
    tx: &mut Tx,
    person: &PersonId,
    sample: SampleId,
) -> Result<Option<Sample>, DatabaseError> {
    let sql = by_id(tx.engine().for_update());
    one(tx.on(), sql, person, sample).await
}

/// How the sample stands, if it exists for the person. Read without a lock: good for a page, not for a decision.
pub(crate) async fn look(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
) -> Result<Option<Standing>, DatabaseError> {
    let mut on = db.reader().acquire().await?;
    match one(&mut on, by_id(""), person, sample).await? {
        Some(sample) => standing::read(&mut on, sample).await.map(Some),
        None => Ok(None),
    }
}

/// How a locked sample stands.
pub(crate) async fn standing(tx: &mut Tx, sample: Sample) -> Result<Standing, DatabaseError> {
    standing::read(tx.on(), sample).await
}

/// Stores a tick, or keeps the one that is there.
pub(crate) async fn tick(
    tx: &mut Tx,
    sample: SampleId,
    revision: u32,
    tick: &Declared,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "INSERT INTO declaration_ticks (sample_id, revision, declaration, version, text_sha256, ticked_by, ticked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (sample_id, revision, declaration) DO UPDATE SET \
         version = excluded.version, text_sha256 = excluded.text_sha256, ticked_by = excluded.ticked_by, \
         ticked_at = excluded.ticked_at WHERE declaration_ticks.version <> excluded.version",
    )
    .bind(sample.to_string())
    .bind(i64::from(revision))
    .bind(&tick.id)
    .bind(i64::from(tick.version))
    .bind(tick.text_sha256.to_string())
    .bind(tick.ticked_by.as_str())
    .bind(tick.ticked_at.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Takes a tick back.
pub(crate) async fn untick(
    tx: &mut Tx,
    sample: SampleId,
    revision: u32,
    declaration: &str,
) -> Result<(), DatabaseError> {
    sqlx::query("DELETE FROM declaration_ticks WHERE sample_id = $1 AND revision = $2 AND declaration = $3")
        .bind(sample.to_string())
        .bind(i64::from(revision))
        .bind(declaration)
        .execute(tx.on())
        .await?;
    Ok(())
}

/// The ticks of a revision.
pub(crate) async fn ticks(
    on: &mut AnyConnection,
    sample: SampleId,
    revision: u32,
) -> Result<Vec<Declared>, DatabaseError> {
    let rows = sqlx::query(
        "SELECT declaration, version, text_sha256, ticked_by, ticked_at FROM declaration_ticks \
         WHERE sample_id = $1 AND revision = $2 ORDER BY ticked_at, declaration",
    )
    .bind(sample.to_string())
    .bind(i64::from(revision))
    .fetch_all(on)
    .await?;
    let broken =
        |column| DatabaseError::BrokenRow { table: "declaration_ticks", id: sample.to_string(), column };
    rows.iter()
        .map(|row| {
            Ok(Declared {
                id: row.try_get("declaration")?,
                version: u32::try_from(row.try_get::<i64, _>("version")?).map_err(|_| broken("version"))?,
                text_sha256: row
                    .try_get::<String, _>("text_sha256")?
                    .parse()
                    .map_err(|_| broken("text_sha256"))?,
                ticked_by: row.try_get::<String, _>("ticked_by")?.parse().map_err(|_| broken("ticked_by"))?,
                ticked_at: crate::clock::from_micros(row.try_get("ticked_at")?),
            })
        })
        .collect()
}

/// Whether a receipt number is given out already.
pub(crate) async fn is_taken(tx: &mut Tx, receipt: &str) -> Result<bool, DatabaseError> {
    let found: Option<String> = sqlx::query_scalar("SELECT id FROM submissions WHERE receipt = $1")
        .bind(receipt)
        .fetch_optional(tx.on())
        .await?;
    Ok(found.is_some())
}

/// A revision, about to be written.
#[derive(Debug)]
pub(crate) struct NewSubmission<'a> {
    pub sample: SampleId,
    pub revision: u32,
    pub receipt: &'a str,
    pub at: Timestamp,
    pub by: &'a PersonId,
    pub late: bool,
    pub manifest: &'a str,
    pub manifest_sha256: Sha256Digest,
    pub files: &'a [FileId],
}

/// Writes the revision and locks the sample.
pub(crate) async fn insert(tx: &mut Tx, new: &NewSubmission<'_>) -> Result<SubmissionId, DatabaseError> {
    let id = SubmissionId::new();
    sqlx::query(
        "INSERT INTO submissions (id, sample_id, revision, receipt, submitted_at, submitted_by, late, manifest, \
         manifest_sha256) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id.to_string())
    .bind(new.sample.to_string())
    .bind(i64::from(new.revision))
    .bind(new.receipt)
    .bind(new.at.as_microsecond())
    .bind(new.by.as_str())
    .bind(i64::from(new.late))
    .bind(new.manifest)
    .bind(new.manifest_sha256.to_string())
    .execute(tx.on())
    .await?;
    for file in new.files {
        sqlx::query("INSERT INTO submission_files (submission_id, file_id) VALUES ($1, $2)")
            .bind(id.to_string())
            .bind(file.to_string())
            .execute(tx.on())
            .await?;
    }
    sqlx::query("UPDATE samples SET state = 'submitted', revision = $1 WHERE id = $2")
        .bind(i64::from(new.revision))
        .bind(new.sample.to_string())
        .execute(tx.on())
        .await?;
    sqlx::query("UPDATE candidates SET returned = 0 WHERE sample_id = $1 AND returned <> 0")
        .bind(new.sample.to_string())
        .execute(tx.on())
        .await?;
    Ok(id)
}

/// A revision's manifest and its hash.
pub(crate) async fn manifest(
    on: &mut AnyConnection,
    sample: SampleId,
    revision: u32,
) -> Result<Option<(String, Sha256Digest)>, DatabaseError> {
    let row = sqlx::query(
        "SELECT id, manifest, manifest_sha256 FROM submissions WHERE sample_id = $1 AND revision = $2",
    )
    .bind(sample.to_string())
    .bind(i64::from(revision))
    .fetch_optional(on)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let id: String = row.try_get("id")?;
    let broken = |_| DatabaseError::BrokenRow { table: "submissions", id, column: "manifest_sha256" };
    let digest = row.try_get::<String, _>("manifest_sha256")?.parse().map_err(broken)?;
    Ok(Some((row.try_get("manifest")?, digest)))
}

/// The sample and its component, if they exist for the person: for pages about what was submitted.
pub(crate) async fn find(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
) -> Result<Option<(Sample, crate::component::Component)>, DatabaseError> {
    let mut on = db.reader().acquire().await?;
    let Some(sample) = one(&mut on, by_id(""), person, sample).await? else { return Ok(None) };
    let (component, _) = standing::component(&mut on, &sample).await?;
    Ok(Some((sample, component)))
}

/// Sends a submission back: opens the candidates of the scope until their new date, and takes back the ticks for the
/// coming revision. When everyone is open, the sample's own dates are the last of theirs.
pub(crate) async fn give_back(
    tx: &mut Tx,
    sample: &Sample,
    returned: &Returned,
) -> Result<(), DatabaseError> {
    let due = returned.due_at.as_microsecond();
    for number in &returned.candidates {
        sqlx::query(
            "UPDATE candidates SET returned = 1, due_at = $1, cut_off_at = $1 WHERE sample_id = $2 AND number = $3",
        )
        .bind(due)
        .bind(sample.id.to_string())
        .bind(number.as_str())
        .execute(tx.on())
        .await?;
    }
    if samples::wholly_returned(tx, sample.id).await? {
        sqlx::query(
            "UPDATE samples SET (due_at, cut_off_at) = (SELECT MAX(c.due_at), MAX(c.cut_off_at) FROM candidates c \
             WHERE c.sample_id = samples.id AND c.returned = 1) WHERE id = $1",
        )
        .bind(sample.id.to_string())
        .execute(tx.on())
        .await?;
    }
    sqlx::query("DELETE FROM declaration_ticks WHERE sample_id = $1 AND revision = $2")
        .bind(sample.id.to_string())
        .bind(i64::from(sample.revision) + 1)
        .execute(tx.on())
        .await?;
    sqlx::query("UPDATE samples SET state = 'returned' WHERE id = $1")
        .bind(sample.id.to_string())
        .execute(tx.on())
        .await?;
    let scope: Vec<&str> = returned.candidates.iter().map(|number| number.as_str()).collect();
    sqlx::query(
        "INSERT INTO sample_returns (sample_id, revision, returned_at, returned_by, reason, due_at, scope) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(sample.id.to_string())
    .bind(i64::from(sample.revision))
    .bind(returned.returned_at.as_microsecond())
    .bind(returned.returned_by.as_str())
    .bind(&returned.reason)
    .bind(due)
    .bind(serde_json::json!(scope).to_string())
    .execute(tx.on())
    .await?;
    Ok(())
}

/// The last time the sample was sent back.
pub(crate) async fn last_return(db: &Database, sample: SampleId) -> Result<Option<Returned>, DatabaseError> {
    let row = sqlx::query(
        "SELECT returned_at, returned_by, reason, due_at, scope FROM sample_returns WHERE sample_id = $1 \
         ORDER BY returned_at DESC LIMIT 1",
    )
    .bind(sample.to_string())
    .fetch_optional(db.reader())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let broken =
        |column| DatabaseError::BrokenRow { table: "sample_returns", id: sample.to_string(), column };
    Ok(Some(Returned {
        candidates: serde_json::from_str(&row.try_get::<String, _>("scope")?).map_err(|_| broken("scope"))?,
        reason: row.try_get("reason")?,
        due_at: crate::clock::from_micros(row.try_get("due_at")?),
        returned_at: crate::clock::from_micros(row.try_get("returned_at")?),
        returned_by: row.try_get::<String, _>("returned_by")?.parse().map_err(|_| broken("returned_by"))?,
    }))
}
