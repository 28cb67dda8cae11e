//! Holds: while one stands, nothing of the sample is deleted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::error::word;
use super::scope::overseer;
use super::{Database, DatabaseError, Tx};
use crate::actor::PersonId;
use crate::clock::from_micros;
use crate::evidence::UnknownWord;
use crate::ids::{HoldId, SampleId};

/// What a hold is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldKind {
    Review,
    Appeal,
    Malpractice,
}

impl HoldKind {
    pub const ALL: [Self; 3] = [Self::Review, Self::Appeal, Self::Malpractice];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Appeal => "appeal",
            Self::Malpractice => "malpractice",
        }
    }
}

impl std::str::FromStr for HoldKind {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// A hold on a sample.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Hold {
    #[schema(value_type = String)]
    pub id: HoldId,
    pub kind: HoldKind,
    /// The case it belongs to.
    pub reference: String,
    pub placed_by: String,
    #[schema(value_type = String)]
    pub placed_at: Timestamp,
    pub lifted_by: Option<String>,
    #[schema(value_type = Option<String>)]
    pub lifted_at: Option<Timestamp>,
}

/// Writes a hold on a locked sample.
pub(crate) async fn place(tx: &mut Tx, sample: SampleId, hold: &Hold) -> Result<(), DatabaseError> {
    sqlx::query(
        "INSERT INTO holds (id, sample_id, kind, reference, placed_by, placed_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(hold.id.to_string())
    .bind(sample.to_string())
    .bind(hold.kind.as_str())
    .bind(&hold.reference)
    .bind(&hold.placed_by)
    .bind(hold.placed_at.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Ends a hold of a locked sample. `None`: it has no such hold. `Some(false)`: it was lifted before.
pub(crate) async fn lift(
    tx: &mut Tx,
    sample: SampleId,
    hold: HoldId,
    by: &PersonId,
    now: Timestamp,
) -> Result<Option<bool>, DatabaseError> {
    let done = sqlx::query(
        "UPDATE holds SET lifted_by = $3, lifted_at = $4 WHERE sample_id = $1 AND id = $2 AND lifted_at IS NULL",
    )
    .bind(sample.to_string())
    .bind(hold.to_string())
    .bind(by.as_str())
    .bind(now.as_microsecond())
    .execute(tx.on())
    .await?;
    if done.rows_affected() == 1 {
        return Ok(Some(true));
    }
    let found: Option<String> = sqlx::query_scalar("SELECT id FROM holds WHERE sample_id = $1 AND id = $2")
        .bind(sample.to_string())
        .bind(hold.to_string())
        .fetch_optional(tx.on())
        .await?;
    Ok(found.map(|_| false))
}

/// Whether a hold stands on a sample that is locked, shared or alone.
pub(crate) async fn stands(tx: &mut Tx, sample: SampleId) -> Result<bool, DatabaseError> {
    let found: Option<String> =
        sqlx::query_scalar("SELECT id FROM holds WHERE sample_id = $1 AND lifted_at IS NULL LIMIT 1")
            .bind(sample.to_string())
            .fetch_optional(tx.on())
            .await?;
    Ok(found.is_some())
}

/// The holds of a sample, oldest first, those that were lifted among them, at most 500; none when the sample is not
/// the person's to oversee.
pub async fn of_sample(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
) -> Result<Vec<Hold>, DatabaseError> {
    let sql = format!(
        "SELECT h.id, h.kind, h.reference, h.placed_by, h.placed_at, h.lifted_by, h.lifted_at FROM holds h \
         JOIN samples s ON s.id = h.sample_id WHERE s.id = $2 AND {} ORDER BY h.id LIMIT 500",
        overseer!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .fetch_all(db.reader())
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<Hold, DatabaseError> {
    let id: String = row.try_get("id")?;
    Ok(Hold {
        kind: word(&row.try_get::<String, _>("kind")?, "holds", &id, "kind")?,
        reference: row.try_get("reference")?,
        placed_by: row.try_get("placed_by")?,
        placed_at: from_micros(row.try_get("placed_at")?),
        lifted_by: row.try_get("lifted_by")?,
        lifted_at: row.try_get::<Option<i64>, _>("lifted_at")?.map(from_micros),
        id: word(&id, "holds", &id, "id")?,
    })
}
